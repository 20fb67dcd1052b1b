//! One command of a person's, asked of a printer apart from its job, and what came back.
//!
//! The answer is the firmware's word: bounded and plain, shown to whoever asked, and never taken as a state.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::gcode::commands::Code;
use crate::protocol::reply::Reply;

/// `M503` of a large Marlin has some 120 lines.
pub const LINES_MAX: usize = 250;
/// What is kept of a line, in characters.
pub const LINE_MAX: usize = 160;
/// Homing takes a minute, and a question milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);
const PATIENCE_QUESTION: Duration = Duration::from_secs(15);

/// What a console command brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleAnswer {
    pub lines: Vec<String>,
    /// More came than is kept.
    pub cut: bool,
    /// The firmware has acknowledged the command.
    pub done: bool,
}

#[derive(Clone, Debug)]
pub struct Console {
    /// The line's number on the wire.
    pub number: u32,
    pub until: Moment,
    asks_heat: bool,
    answer: ConsoleAnswer,
}

/// Printable ASCII, so many characters.
fn plain(line: &[u8]) -> String {
    line.iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .take(LINE_MAX)
        .map(|b| char::from(*b))
        .collect()
}

impl Console {
    pub fn new(now: Moment, number: u32, command: &[u8]) -> Self {
        let code = Code::of(command);
        let moves = code == Some(Code::new(b'G', 28));
        let until = now + if moves { PATIENCE } else { PATIENCE_QUESTION };
        let asks_heat = code == Some(Code::new(b'M', 105));
        Self { number, until, asks_heat, answer: ConsoleAnswer::default() }
    }

    /// A line came while the command runs. What answers others is left out, as far as that can be told.
    pub fn handle(&mut self, line: &[u8], reply: &Reply) {
        let text = plain(line);
        let own = match reply {
            Reply::Ok(ack) => ack.position.is_some() || (self.asks_heat && ack.temperatures.is_some()),
            Reply::Temperatures(_) => self.asks_heat,
            Reply::Resend(_)
            | Reply::ResendUnreadable
            | Reply::Refused { .. }
            | Reply::Skip(_)
            | Reply::Busy(_)
            | Reply::Wait
            | Reply::MeatPack(_)
            | Reply::Action(_)
            | Reply::Prompt(_) => false,
            _ => true,
        };
        if !own || text.trim().is_empty() {
            return;
        }
        if self.answer.lines.len() < LINES_MAX {
            self.answer.cut |= line.len() > LINE_MAX;
            self.answer.lines.push(text);
        } else {
            self.answer.cut = true;
        }
    }

    pub fn end(self, done: bool) -> ConsoleAnswer {
        ConsoleAnswer { done, ..self.answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(command: &str, lines: &[&[u8]]) -> ConsoleAnswer {
        let mut console = Console::new(Moment::ZERO, 1, command.as_bytes());
        lines.iter().for_each(|line| console.handle(line, &Reply::parse(line)));
        console.end(true)
    }

    #[test]
    fn an_answer_holds_what_answers_the_command_and_nothing_else() {
        let noise: [&[u8]; 5] = [
            b" T:20.00 /0.00 B:20.00 /0.00",
            b"ok N1 P15 B3",
            b"echo:busy: processing",
            b"wait",
            b"Resend: 4",
        ];
        assert_eq!(answer("M119", &noise).lines, [""; 0]);
        assert_eq!(answer("M119", &[b"x_min: open"]).lines, ["x_min: open"]);
        assert_eq!(answer("M105", &[b"ok T:20.0 /0.0"]).lines, ["ok T:20.0 /0.0"]);
    }

    #[test]
    fn a_hostile_answer_is_bounded_and_plain() {
        let long = vec![b'A'; 10_000];
        let mut lines: Vec<&[u8]> = vec![b"\x1b[2J<script>alert(1)</script>\xff\xe2\x80\xae", &long];
        lines.resize(1_000, b"echo: more");
        let answer = answer("M503", &lines);
        assert_eq!((answer.lines.len(), answer.cut), (LINES_MAX, true));
        for line in &answer.lines {
            assert!(
                line.len() <= LINE_MAX && line.bytes().all(|b| b.is_ascii_graphic() || b == b' '),
                "{line:?}"
            );
        }
    }
}
