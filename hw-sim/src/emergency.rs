//! The parser in the receive interrupt: it sees each byte before the ring does and acts when a critical line ends.
//!
//! It checks no checksum and no sequence, and it looks only at how a line begins, so `N2 M112*35` is a
//! stop and `M117 M112` is not.

/// A command that does not wait for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Critical {
    /// `M108`: end a wait for heat or for a person.
    EndWait,
    /// `M112`: stop everything until a reset.
    Kill,
    /// `M410`: drop all planned moves.
    QuickStop,
    /// `M876 S1`: the answer to a prompt.
    Answer(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    LineNumber,
    /// Behind the `M`, with this many digits read.
    Code(u16, u8),
    Recognised(Critical),
    /// Behind `M876`, and behind its `S`.
    Answer,
    AnswerNumber,
    Ignore,
}

/// The state between two bytes.
#[derive(Debug, Clone)]
pub struct EmergencyParser {
    place: Place,
}

impl Default for EmergencyParser {
    fn default() -> Self {
        Self { place: Place::LineStart }
    }
}

impl EmergencyParser {
    /// Takes one byte; gives the critical command whose line it ends.
    pub fn push(&mut self, byte: u8) -> Option<Critical> {
        if byte == b'\n' || byte == b'\r' {
            let place = std::mem::replace(&mut self.place, Place::LineStart);
            return match place {
                Place::Recognised(critical) => Some(critical),
                Place::Answer | Place::AnswerNumber => Some(Critical::Answer(0)),
                _ => None,
            };
        }
        self.place = match (self.place, byte) {
            (Place::LineStart, b' ') => Place::LineStart,
            (Place::LineStart, b'N') => Place::LineNumber,
            (Place::LineStart | Place::LineNumber, b'M') => Place::Code(0, 0),
            (Place::LineNumber, b'0'..=b'9' | b'-' | b' ') => Place::LineNumber,
            (Place::Code(0, 0), b' ') => Place::Code(0, 0),
            (Place::Code(code, digits), b'0'..=b'9') => {
                let code = code * 10 + u16::from(byte - b'0');
                match (code, digits) {
                    (108, 2) => Place::Recognised(Critical::EndWait),
                    (112, 2) => Place::Recognised(Critical::Kill),
                    (410, 2) => Place::Recognised(Critical::QuickStop),
                    (876, 2) => Place::Answer,
                    (_, 0 | 1) => Place::Code(code, digits + 1),
                    _ => Place::Ignore,
                }
            }
            (Place::Recognised(critical), _) => Place::Recognised(critical),
            (Place::Answer, b'S') => Place::AnswerNumber,
            (Place::Answer, _) => Place::Answer,
            (Place::AnswerNumber, b'0'..=b'9') => Place::Recognised(Critical::Answer(byte - b'0')),
            (Place::AnswerNumber, _) => Place::AnswerNumber,
            _ => Place::Ignore,
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<Critical> {
        let mut parser = EmergencyParser::default();
        text.bytes().filter_map(|byte| parser.push(byte)).collect()
    }

    #[test]
    fn a_stop_is_seen_with_and_without_a_line_number() {
        assert_eq!(seen("M112\n"), vec![Critical::Kill]);
        assert_eq!(seen("N2 M112*35\n"), vec![Critical::Kill]);
        assert_eq!(
            seen("M108\nM410\nM876 S0\nM876 S1\nN3 M876S1*9\n"),
            vec![
                Critical::EndWait,
                Critical::QuickStop,
                Critical::Answer(0),
                Critical::Answer(1),
                Critical::Answer(1)
            ]
        );
    }

    #[test]
    fn a_stop_inside_other_text_is_not_one() {
        assert_eq!(seen("M117 M112\nG1 X10 M112\n;M112\nM11\n2\n"), vec![]);
    }
}
