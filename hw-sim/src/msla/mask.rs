//! What the host's display showed, and since when: handed in by a test, or read from the display's own file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest label or hash that is taken from a file, bytes.
const MAX_WORD_BYTES: usize = 256;

/// A picture on the display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "kebab-case")]
pub enum Frame {
    /// No light passes.
    Blank,
    /// A layer.
    Layer {
        /// What the host calls it.
        label: String,
        /// Of its pixels, as the host hashes them; in small letters.
        hash: String,
    },
}

impl Frame {
    /// A layer.
    pub fn layer(label: &str, hash: &str) -> Self {
        Self::Layer { label: label.to_owned(), hash: hash.to_ascii_lowercase() }
    }

    /// Whether the other one lets the same light pass, whatever it is called.
    pub fn is_same_picture(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Blank, Self::Blank) => true,
            (Self::Layer { hash, .. }, Self::Layer { hash: other, .. }) => hash == other,
            _ => false,
        }
    }
}

/// The display shows another frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskFlip {
    /// Board time from which it is to be seen, µs.
    pub at_us: u64,
    /// The frame.
    #[serde(flatten)]
    pub frame: Frame,
}

/// A line of a ledger file that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskLineError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for MaskLineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, what } = self;
        write!(
            out,
            "line {line} of the mask ledger: {what}; wanted is \"<ns> <label or blank> <hash>\" or a line of a file sink"
        )
    }
}

impl std::error::Error for MaskLineError {}

/// A line of the file sink, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    at_ns: u64,
    what: String,
    sha256: Option<String>,
    crc32: Option<String>,
    label: Option<String>,
}

fn read_object(line: &str) -> Result<(u64, Frame), &'static str> {
    let Line { at_ns, what, sha256, crc32, label } =
        serde_json::from_str(line).map_err(|_| "no JSON with at_ns and what")?;
    let frame = match (what.as_str(), sha256.or(crc32), label) {
        ("blank", ..) => Frame::Blank,
        ("shown", Some(hash), Some(label)) => layer(&label, &hash)?,
        ("shown", ..) => return Err("a picture without its hash or label"),
        _ => return Err("neither shown nor blank"),
    };
    Ok((at_ns, frame))
}

fn read_words(line: &str) -> Result<(u64, Frame), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (Some(time), Some(label), Some(hash), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("not three words");
    };
    let time_ns = time.parse().map_err(|_| "the time is no whole number")?;
    let frame = layer(label, hash)?;
    Ok((time_ns, if label == "blank" { Frame::Blank } else { frame }))
}

fn layer(label: &str, hash: &str) -> Result<Frame, &'static str> {
    if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the hash is not hexadecimal");
    }
    if label.len().max(hash.len()) > MAX_WORD_BYTES {
        return Err("a word is too long");
    }
    Ok(Frame::layer(label, hash))
}

/// All flips in the order of their times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskLedger {
    flips: Vec<MaskFlip>,
}

impl MaskLedger {
    /// Reads the file that the display's process writes. `board_us` turns its `CLOCK_MONOTONIC` nanoseconds into board
    /// time, µs. A last line without its newline is still being written, and left out.
    pub fn from_text(text: &str, board_us: impl Fn(u64) -> u64) -> Result<Self, MaskLineError> {
        let mut ledger = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (at, line) in whole.lines().enumerate() {
            let wrong = |what| MaskLineError { line: at + 1, what };
            if line.trim().is_empty() {
                continue;
            }
            // The writer ends a line that a crash or a full disk has cut, and begins the next one.
            if line.starts_with('{') && !line.ends_with('}') {
                continue;
            }
            let read = if line.starts_with('{') { read_object(line) } else { read_words(line) };
            let (time_ns, frame) = read.map_err(wrong)?;
            let at_us = board_us(time_ns);
            if ledger.flips.last().is_some_and(|last| last.at_us > at_us) {
                return Err(wrong("it is earlier than the line before"));
            }
            ledger.flip(at_us, frame);
        }
        Ok(ledger)
    }

    /// The display shows this from now on. Flips come in the order of their times.
    pub fn flip(&mut self, at_us: u64, frame: Frame) {
        let at_us = self.flips.last().map_or(at_us, |last| at_us.max(last.at_us));
        self.flips.push(MaskFlip { at_us, frame });
    }

    /// All of them.
    pub fn flips(&self) -> &[MaskFlip] {
        &self.flips
    }

    /// The flip whose frame is to be seen at this time; nothing before the first.
    pub fn at(&self, at_us: u64) -> Option<&MaskFlip> {
        let next = self.flips.partition_point(|flip| flip.at_us <= at_us);
        self.flips.get(next.checked_sub(1)?)
    }

    /// The flips after `from_us` and before `to_us`.
    pub fn between(&self, from_us: u64, to_us: u64) -> &[MaskFlip] {
        let first = self.flips.partition_point(|flip| flip.at_us <= from_us);
        let end = self.flips.partition_point(|flip| flip.at_us < to_us).max(first);
        &self.flips[first..end]
    }

    /// Whether nothing but blank was to be seen all the time; not if nobody knows what was.
    pub(crate) fn is_blank_through(&self, from_us: u64, to_us: u64) -> bool {
        let is_blank = |flip: &MaskFlip| flip.frame == Frame::Blank;
        self.at(from_us).is_some_and(is_blank) && self.between(from_us, to_us).iter().all(is_blank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn us(time_ns: u64) -> u64 {
        time_ns / 1000
    }

    #[test]
    fn a_file_of_flips_is_read_and_what_was_to_be_seen_when_is_known() {
        let text = "1000 blank 00\n5000 00001.png ABcd\n\n9000 blank 00\n12000 half";
        let ledger = MaskLedger::from_text(text, us).unwrap();
        assert_eq!(ledger.flips().len(), 3);
        assert_eq!(ledger.at(0), None);
        assert_eq!(ledger.at(5).map(|flip| &flip.frame), Some(&Frame::layer("00001.png", "abcd")));
        assert_eq!((ledger.between(1, 9).len(), ledger.between(5, 9).len()), (1, 0));
        assert!(ledger.is_blank_through(1, 5) && !ledger.is_blank_through(1, 6));
        assert!(!ledger.is_blank_through(0, 1), "nobody knows");
    }

    #[test]
    fn the_file_sinks_own_lines_are_read_and_a_cut_one_is_left_out() {
        let text = "{\"at_ns\":1000,\"sequence\":1,\"what\":\"blank\"}\n{\"at_ns\":2000,\"sequ\n\
                    {\"at_ns\":3000,\"sequence\":2,\"what\":\"shown\",\"sha256\":\"0A\",\"crc32\":\"0badf00d\",\
                    \"label\":\"job-7/3\",\"file\":\"frame-2.raw\"}\n\
                    {\"at_ns\":4000,\"sequence\":3,\"what\":\"shown\",\"crc32\":\"0badf00d\",\"label\":\"job-7/4\"}\n";
        let ledger = MaskLedger::from_text(text, us).unwrap();
        let frames: Vec<_> = ledger.flips().iter().map(|flip| (flip.at_us, flip.frame.clone())).collect();
        assert_eq!(
            frames,
            [(1, Frame::Blank), (3, Frame::layer("job-7/3", "0a")), (4, Frame::layer("job-7/4", "0badf00d"))]
        );
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let table = [
            ("{\"at_ns\":1}\n", 1, "no JSON with at_ns and what"),
            ("{\"at_ns\":1,\"what\":\"dim\"}\n", 1, "neither shown nor blank"),
            ("{\"at_ns\":1,\"what\":\"shown\"}\n", 1, "a picture without its hash or label"),
            ("1 blank 00\n2 blank\n", 2, "not three words"),
            ("1 blank 00 00\n", 1, "not three words"),
            ("-1 blank 00\n", 1, "the time is no whole number"),
            ("1 blank xyz\n", 1, "the hash is not hexadecimal"),
            ("9000 blank 00\n\n1000 blank 00\n", 3, "it is earlier than the line before"),
        ];
        for (text, line, what) in table {
            assert_eq!(MaskLedger::from_text(text, us), Err(MaskLineError { line, what }), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_ledger_or_an_error_and_never_a_panic(text in "(?s)[0-9a-f blnk\n]{0,200}|.{0,200}") {
            if let Ok(ledger) = MaskLedger::from_text(&text, us) {
                prop_assert!(ledger.flips().windows(2).all(|pair| pair[0].at_us <= pair[1].at_us));
            }
        }
    }
}
