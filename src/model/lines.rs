//! Text by lines, for the formats that are text: one line in memory, and that one bounded.

use std::io::{BufRead, Read};

use super::limits::ModelError;

/// The lines of one file, counted.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    held: Vec<u8>,
    max: usize,
    format: &'static str,
    /// The number of the line that was read last.
    pub(super) number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R, max: usize, format: &'static str) -> Self {
        Self { source, held: Vec::new(), max, format, number: 0 }
    }

    /// The next line without its end; nothing at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, ModelError> {
        self.held.clear();
        let bound = self.max as u64 + 1;
        let read = self.source.by_ref().take(bound).read_until(b'\n', &mut self.held)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let text = self.held.strip_suffix(b"\n");
        if text.is_none() && read > self.max {
            return Err(self.wrong(format!("it is longer than {} bytes", self.max)));
        }
        Ok(Some(text.unwrap_or(&self.held)))
    }

    /// An error at this line.
    pub(super) fn wrong(&self, what: String) -> ModelError {
        ModelError::Line { format: self.format, line: self.number, what }
    }
}

/// Bytes of a file for an error: printable, and not more of them than help.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(24).collect();
    if text.len() < bytes.len() { format!("`{text}…`") } else { format!("`{text}`") }
}

/// A coordinate: finite, and of a size that can be calculated with.
pub(super) fn coordinate(word: &[u8]) -> Result<f32, String> {
    let number = number(word)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "coordinates are kept as slicers do, and judged after it"
    )]
    let short = number as f32;
    if short.is_finite() && short.abs() <= FARTHEST {
        Ok(short)
    } else {
        Err(format!("{} is no place in space", shown(word)))
    }
}

/// Nothing in medicine or on a printer is farther away, in any unit; its cube is still a number.
pub(super) const FARTHEST: f32 = 1e9;

pub(super) fn number(word: &[u8]) -> Result<f64, String> {
    let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok());
    number.filter(|number| number.is_finite()).ok_or_else(|| format!("{} is no number", shown(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_a_long_one_is_refused_without_being_held() {
        let mut lines = Lines::new(&b"a\r\nb\n\nc"[..], 8, "OBJ");
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(line.to_vec());
        }
        assert_eq!((seen, lines.number), (vec![b"a\r".to_vec(), b"b".to_vec(), vec![], b"c".to_vec()], 4));
        let endless = vec![b'x'; 1 << 20];
        let mut lines = Lines::new(&endless[..], 64, "OBJ");
        let error = lines.next().unwrap_err();
        assert_eq!(
            error,
            ModelError::Line { format: "OBJ", line: 1, what: "it is longer than 64 bytes".into() }
        );
        assert!(lines.held.capacity() <= 256, "{}", lines.held.capacity());
        assert!(Lines::new(&b"12345678\n"[..], 8, "OBJ").next().is_ok());
        assert!(Lines::new(&b"123456789\n"[..], 8, "OBJ").next().is_err());
    }

    #[test]
    fn a_coordinate_is_a_finite_number_of_a_size_to_calculate_with() {
        for good in ["0", "-1.5", "+2", "1e3", "1E-30", ".5", "1e9"] {
            assert!(coordinate(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in
            ["", "nan", "NaN", "inf", "-infinity", "1e39", "1e400", "2e9", "1,5", "0x1", "1 2", "\u{ff11}"]
        {
            assert!(coordinate(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(coordinate(b"\xff").is_err());
        assert_eq!(shown(&[b'a'; 100]).chars().count(), 27);
    }
}
