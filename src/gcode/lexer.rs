//! Cuts a stream of bytes into the commands of a G-code file: no comments, no blank lines.
//!
//! A line ends with `\n`, `\r\n` or a lone `\r`. A `;` begins a comment unless a backslash stands
//! before it. Line numbers and checksums of the file's own (`N12 G1 X1*55`) are taken off, since
//! the link gives every command its own. Comments in parentheses are left alone: not every
//! firmware knows them, and in a message they are text.

use memchr::{memchr, memchr2};

/// The longest line, in bytes. Thumbnails and settings stay below; a file of one endless line
/// would otherwise be held in memory whole.
pub const LINE_MAX: usize = 64 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One command as it goes to a printer, without comment, number, checksum or line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// 1, 2, 3 … over the commands of the file.
    pub index: u64,
    /// 1, 2, 3 … over the lines of the file, for messages.
    pub line: u64,
    pub text: &'a [u8],
}

/// A piece of a file that is not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Command(Command<'a>),
    /// What stands after a `;`, without the spaces around it. Follows the command of its line.
    Comment {
        line: u64,
        text: &'a [u8],
    },
}

/// What makes a file unreadable as G-code, with the line where it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    #[error("line {line} is longer than {max} bytes")]
    LineTooLong { line: u64, max: usize },
}

/// Holds at most one unfinished line.
#[derive(Clone, Debug, Default)]
pub struct Lexer {
    /// The beginning of a line whose end is not there yet.
    held: Vec<u8>,
    /// The last byte fed was `\r`: a `\n` that follows belongs to it.
    after_return: bool,
    lines: u64,
    commands: u64,
}

impl Lexer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lines that have ended so far; after `finish`, all lines of the file.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Feeds a chunk; calls `sink` for each whole command in it.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        sink: &mut (impl FnMut(Command<'_>) + ?Sized),
    ) -> Result<(), LexError> {
        self.feed_pieces(chunk, &mut |piece| {
            if let Piece::Command(command) = piece {
                sink(command);
            }
        })
    }

    /// The end of the file: a last line without a line end counts too.
    pub fn finish(&mut self, sink: &mut (impl FnMut(Command<'_>) + ?Sized)) -> Result<(), LexError> {
        self.finish_pieces(&mut |piece| {
            if let Piece::Command(command) = piece {
                sink(command);
            }
        })
    }

    /// As `feed`, with the comments.
    pub fn feed_pieces(
        &mut self,
        mut chunk: &[u8],
        sink: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), LexError> {
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = memchr2(b'\n', b'\r', chunk) {
            if self.held.is_empty() {
                self.line(&chunk[..end], sink)?;
            } else {
                self.hold(&chunk[..end])?;
                let held = std::mem::take(&mut self.held);
                self.line(&held, sink)?;
                self.held = held;
                self.held.clear();
            }
            let (ended_by, rest) = (chunk[end], &chunk[end + 1..]);
            chunk = rest;
            if ended_by == b'\r' {
                self.after_return = rest.is_empty();
                chunk = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.hold(chunk)
    }

    /// As `finish`, with the comments.
    pub fn finish_pieces(&mut self, sink: &mut impl FnMut(Piece<'_>)) -> Result<(), LexError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.line(&held, sink)
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), LexError> {
        self.check(self.held.len() + part.len())?;
        self.held.extend_from_slice(part);
        Ok(())
    }

    fn check(&self, length: usize) -> Result<(), LexError> {
        if length > LINE_MAX {
            return Err(LexError::LineTooLong { line: self.lines + 1, max: LINE_MAX });
        }
        Ok(())
    }

    /// One line, without its end.
    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(Piece<'_>)) -> Result<(), LexError> {
        self.check(line.len())?;
        self.lines += 1;
        let line = if self.lines == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        let (command, comment) = split_comment(line);
        let text = strip_number(command.trim_ascii());
        if !text.is_empty() {
            self.commands += 1;
            sink(Piece::Command(Command { index: self.commands, line: self.lines, text }));
        }
        if let Some(comment) = comment {
            sink(Piece::Comment { line: self.lines, text: comment.trim_ascii() });
        }
        Ok(())
    }
}

/// A line before and after its first `;` that no backslash escapes.
pub(super) fn split_comment(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut from = 0;
    while let Some(found) = memchr(b';', &line[from..]) {
        let at = from + found;
        let backslashes = line[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return (&line[..at], Some(&line[at + 1..]));
        }
        from = at + 1;
    }
    (line, None)
}

/// A trimmed command without `N12` before it and, only where that was there, `*55` after it:
/// without a number, the firmware too takes a star for text.
pub(super) fn strip_number(command: &[u8]) -> &[u8] {
    let Some((b'N' | b'n', rest)) = command.split_first() else { return command };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return command;
    }
    let body = &rest[digits..];
    let body = match body.iter().rposition(|byte| *byte == b'*') {
        Some(star) if body[star + 1..].trim_ascii().iter().all(u8::is_ascii_digit) => &body[..star],
        _ => body,
    };
    body.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn commands(chunks: &[&[u8]]) -> Result<Vec<(u64, String)>, LexError> {
        let mut lexer = Lexer::new();
        let mut out = Vec::new();
        let mut sink = |command: Command<'_>| {
            assert_eq!(command.index, out.len() as u64 + 1);
            out.push((command.line, String::from_utf8_lossy(command.text).into_owned()));
        };
        for chunk in chunks {
            lexer.feed(chunk, &mut sink)?;
        }
        lexer.finish(&mut sink)?;
        Ok(out)
    }

    fn texts(file: &str) -> Vec<String> {
        commands(&[file.as_bytes()]).unwrap().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_line_is_cut_down_to_its_command() {
        for (line, want) in [
            ("G1 X1", "G1 X1"),
            ("  G1 X1\t", "G1 X1"),
            ("G1 X1 ; to the left", "G1 X1"),
            ("G1 X1;a;b", "G1 X1"),
            (r"M117 a\;b ; c", r"M117 a\;b"),
            (r"M117 a\\;b", r"M117 a\\"),
            ("N12 G1 X1*55", "G1 X1"),
            ("N12G1 X1 *55 ; c", "G1 X1"),
            ("n3 M105", "M105"),
            ("N12 M117 5*3*71", "M117 5*3"),
            ("M117 5*3", "M117 5*3"),
            ("G1 (left) X1", "G1 (left) X1"),
            ("NORTH", "NORTH"),
        ] {
            assert_eq!(texts(line), [want], "{line:?}");
        }
        for blank in ["", "   ", ";", "; G1 X1", "N5", "N5*97", "\n\n", "\r\n"] {
            assert_eq!(texts(blank), [""; 0], "{blank:?}");
        }
    }

    #[test]
    fn every_kind_of_line_end_counts_as_one_line() {
        let want = vec![(1, "G1".to_owned()), (3, "G2".to_owned()), (4, "G3".to_owned())];
        for file in ["G1\n\nG2\nG3", "G1\r\n\r\nG2\r\nG3\r\n", "G1\r\rG2\rG3\r"] {
            assert_eq!(commands(&[file.as_bytes()]).unwrap(), want, "{file:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        assert_eq!(texts("\u{feff}G1 X1\nG2"), ["G1 X1", "G2"]);
        assert_eq!(texts("G1 X1\n\u{feff}G2"), ["G1 X1", "\u{feff}G2"]);
    }

    #[test]
    fn an_endless_line_is_refused_with_its_number_and_is_not_held() {
        let endless = [b'G'; 4096];
        let mut lexer = Lexer::new();
        lexer.feed(b"G1\nG2\n", &mut |_| {}).unwrap();
        let error = (0..1000).find_map(|_| lexer.feed(&endless, &mut |_| {}).err()).unwrap();
        assert_eq!(error, LexError::LineTooLong { line: 3, max: LINE_MAX });
        assert!(lexer.held.capacity() <= 2 * LINE_MAX);
        let mut long = vec![b';'; LINE_MAX + 1];
        long.push(b'\n');
        assert!(commands(&[&long]).is_err());
        assert!(commands(&[&long[1..]]).is_ok());
    }

    #[test]
    fn comments_come_after_the_command_of_their_line() {
        let mut seen = Vec::new();
        let mut lexer = Lexer::new();
        let mut sink = |piece: Piece<'_>| {
            seen.push(match piece {
                Piece::Command(command) => {
                    format!("{} {:?}", command.line, command.text.escape_ascii().to_string())
                }
                Piece::Comment { line, text } => format!("{line} ;{}", text.escape_ascii()),
            });
        };
        lexer.feed_pieces(b"; one\nG1 ; two", &mut sink).unwrap();
        lexer.finish_pieces(&mut sink).unwrap();
        assert_eq!(seen, ["1 ;one", "2 \"G1\"", "2 ;two"]);
        assert_eq!(lexer.lines(), 2);
    }

    proptest! {
        #[test]
        fn however_a_file_is_cut_into_chunks_its_commands_are_the_same(
            file in "(\u{feff})?([GMNX0-9 ;*\\\\\r\n]|\r\n){0,80}",
            cuts in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let bytes = file.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(commands(&chunks), commands(&[bytes]));
        }
    }
}
