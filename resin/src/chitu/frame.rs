//! Bytes of a ChiTu board cut into lines: at `\n`, `\r\n`, or where nothing comes any more.
//!
//! `M4000` may be answered without a newline, `M4002` with `\n` alone (facts A.1), so a pause ends a line
//! too. Who waits for the pause is `exchange`; nothing here knows the time.

/// What is kept of a line; the rest of it is dropped. Names of files are the longest that boards write.
pub const LINE_MAX: usize = 1024;

/// What ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    Newline,
    /// Nothing came any more: the last number in it may lack digits.
    Pause,
    /// It was longer than `LINE_MAX`, whatever ended it.
    Cut,
}

/// One line without its end and without NULs; bytes that are not UTF-8 are U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub end: LineEnd,
}

/// Holds `LINE_MAX` bytes at most.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    partial: Vec<u8>,
    cut: bool,
}

impl Framer {
    /// A line where `byte` ends one that is not empty. NULs are noise and count for nothing.
    pub fn push(&mut self, byte: u8) -> Option<Line> {
        match byte {
            0 => None,
            b'\n' => self.take(LineEnd::Newline),
            _ if self.partial.len() == LINE_MAX => {
                self.cut = true;
                None
            }
            _ => {
                self.partial.push(byte);
                None
            }
        }
    }

    /// What stands there without a newline, since nothing comes any more.
    pub fn flush(&mut self) -> Option<Line> {
        self.take(LineEnd::Pause)
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    pub fn clear(&mut self) {
        self.partial.clear();
        self.cut = false;
    }

    fn take(&mut self, end: LineEnd) -> Option<Line> {
        let end = if self.cut { LineEnd::Cut } else { end };
        let text = String::from_utf8_lossy(&self.partial).trim().to_owned();
        self.clear();
        (!text.is_empty()).then_some(Line { text, end })
    }
}

/// Whether a read brought nothing but NULs: wires crossed, no common ground, or another voltage (mariner
/// #407).
#[must_use]
pub fn only_nuls(read: &[u8]) -> bool {
    !read.is_empty() && read.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(String, LineEnd)> {
        let mut framer = Framer::default();
        let mut lines: Vec<Line> = bytes.iter().filter_map(|byte| framer.push(*byte)).collect();
        lines.extend(framer.flush());
        lines.into_iter().map(|line| (line.text, line.end)).collect()
    }

    #[test]
    fn lines_end_at_any_newline_or_where_nothing_follows() {
        let line = |text: &str, end| (text.to_owned(), end);
        assert_eq!(
            lines(b"File selected\r\nok V4.3.4_LCDC\n\r\nok D:31540/0/1 "),
            [
                line("File selected", LineEnd::Newline),
                line("ok V4.3.4_LCDC", LineEnd::Newline),
                line("ok D:31540/0/1", LineEnd::Pause)
            ]
        );
    }

    #[test]
    fn nuls_vanish_and_bytes_that_are_no_utf8_are_kept_as_a_sign() {
        assert_eq!(lines(b"o\0k \xb4N:0\0\n")[0].0, "ok \u{fffd}N:0");
        assert!(only_nuls(b"\0\0"));
        assert!(!only_nuls(b"") && !only_nuls(b"\0o"));
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_a_line() {
        let mut framer = Framer::default();
        for _ in 0..10 * LINE_MAX {
            assert_eq!(framer.push(b'x'), None);
        }
        let line = framer.push(b'\n').unwrap();
        assert_eq!((line.text.len(), line.end), (LINE_MAX, LineEnd::Cut));
        assert_eq!(framer.push(b'y'), None);
        assert_eq!(framer.flush().unwrap().end, LineEnd::Pause);
    }
}
