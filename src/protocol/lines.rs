//! Cuts the byte stream from a printer into lines, with a bound on how long one may be.

/// Longer than any line that Marlin writes (`M115` is about 250); what is longer is noise.
pub const LINE_MAX: usize = 512;

/// Collects bytes until a line is whole.
///
/// Carriage returns and NULs are dropped. A line that is too long is delivered cut, once.
#[derive(Debug, Default)]
pub struct Lines {
    held: Vec<u8>,
    /// The rest of an over-long line is being skipped.
    skipping: bool,
}

impl Lines {
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds bytes; `sink` gets each line without its end. Empty lines are not delivered.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    if !self.skipping && !self.held.is_empty() {
                        sink(&self.held);
                    }
                    self.held.clear();
                    self.skipping = false;
                }
                b'\r' | 0 => {}
                _ if self.skipping => {}
                _ => {
                    self.held.push(byte);
                    if self.held.len() == LINE_MAX {
                        sink(&self.held);
                        self.held.clear();
                        self.skipping = true;
                    }
                }
            }
        }
    }

    /// Forgets a half line: the port was opened anew.
    pub fn clear(&mut self) {
        self.held.clear();
        self.skipping = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collect(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::new();
        let mut out = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(String::from_utf8_lossy(line).into_owned()));
        }
        out
    }

    #[test]
    fn lines_end_at_newline_whatever_the_chunks() {
        assert_eq!(collect(&[b"ok\r\nT:2", b"0.1\n\n", b"\x00ok\n", b"rest"]), ["ok", "T:20.1", "ok"]);
    }

    #[test]
    fn an_endless_line_is_delivered_once_and_cut() {
        let noise = vec![b'x'; 10_000];
        let got = collect(&[&noise, b"\nok\n"]);
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].len(), LINE_MAX);
        assert_eq!(got[1], "ok");
    }

    proptest! {
        #[test]
        fn the_same_bytes_give_the_same_lines_in_any_chunks(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            cut in 0usize..300,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(collect(&[&bytes]), collect(&[&bytes[..cut], &bytes[cut..]]));
        }
    }
}
