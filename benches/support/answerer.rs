//! A printer that only answers: it checks line numbers, moves nothing, and costs next to nothing.

use std::io::Write;

/// Marlin's side of the numbering and the greeting.
#[derive(Clone, Debug, Default)]
pub struct Answerer {
    /// `ok N12 P15 B3` instead of `ok`.
    pub advanced_ok: bool,
    last: u32,
    held: Vec<u8>,
}

fn number(text: &[u8]) -> u32 {
    text.iter().map_while(|c| c.is_ascii_digit().then(|| u32::from(c - b'0'))).fold(0, |n, d| n * 10 + d)
}

impl Answerer {
    pub fn new(advanced_ok: bool) -> Self {
        Self { advanced_ok, ..Self::default() }
    }

    /// Takes bytes of the host; appends what it answers. Gives the number of lines taken.
    pub fn take(&mut self, bytes: &[u8], answer: &mut Vec<u8>) -> u64 {
        let mut lines = 0;
        for &byte in bytes {
            if byte != b'\n' {
                self.held.push(byte);
            } else if !self.held.is_empty() {
                let line = std::mem::take(&mut self.held);
                lines += 1;
                self.answer(&line, answer);
                self.held = line;
                self.held.clear();
            }
        }
        lines
    }

    fn answer(&mut self, line: &[u8], answer: &mut Vec<u8>) {
        let command = line.iter().position(|c| *c == b' ').map_or(line, |at| &line[at + 1..]);
        let given = number(&line[1..]);
        if line[0] == b'N' && command.starts_with(b"M110") {
            self.last = given;
        } else if line[0] == b'N' && given != self.last.wrapping_add(1) {
            let (last, next) = (self.last, self.last + 1);
            let text = "Error:Line Number is not Last Line Number+1";
            let _ = write!(answer, "{text}, Last Line: {last}\nResend: {next}\nok\n");
            return;
        } else {
            self.last = given;
        }
        if command.starts_with(b"M115") {
            answer.extend_from_slice(b"FIRMWARE_NAME:Marlin 2.1.2.6 (answerer)\nCap:AUTOREPORT_TEMP:1\n");
        }
        answer.extend_from_slice(b"ok");
        if self.advanced_ok {
            let _ = write!(answer, " N{given} P15 B3");
        }
        if command.starts_with(b"M105") {
            answer.extend_from_slice(b" T:20.0 /0.0 B:20.0 /0.0 @:0 B@:0");
        }
        answer.push(b'\n');
    }
}
