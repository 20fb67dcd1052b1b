//! What a firmware makes of bytes: characters into lines, lines into numbers and checksums, text into a command.
//!
//! The order of the checks is Marlin's, as its dialogues show: the line number is judged before the
//! checksum, so a damaged digit in the number can make a line look like a duplicate.

/// Marlin's `MAX_CMD_SIZE`: one byte of it holds the terminating zero.
pub const MAX_COMMAND_BYTES: usize = 96;

/// What the reader does with the next character of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Text,
    /// Inside `( … )`, if the firmware knows such comments.
    Parenthesis,
    /// A comment or an overlong line: everything up to its end is dropped.
    RestOfLine,
}

/// Collects characters into lines, as the firmware's serial reader does.
#[derive(Debug, Clone)]
pub struct LineReader {
    buffer: Vec<u8>,
    reading: Reading,
    rules: ReaderRules,
}

/// How a firmware cuts its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderRules {
    /// `(…)` is dropped too.
    pub parenthesis_comments: bool,
    /// An empty line is a line.
    pub empty_lines: bool,
    /// A carriage return ends a line; else it is dropped.
    pub carriage_return_ends_line: bool,
    /// What is kept of a line, with the zero that ends it.
    pub line_bytes: usize,
}

impl Default for ReaderRules {
    fn default() -> Self {
        Self {
            parenthesis_comments: false,
            empty_lines: false,
            carriage_return_ends_line: true,
            line_bytes: MAX_COMMAND_BYTES,
        }
    }
}

impl LineReader {
    /// An empty reader.
    pub fn new(rules: ReaderRules) -> Self {
        Self { buffer: Vec::with_capacity(MAX_COMMAND_BYTES), reading: Reading::Text, rules }
    }

    /// Takes one character; gives a line at its end, unless the line is empty and empty lines are none.
    pub fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        if byte == b'\n' || byte == b'\r' && self.rules.carriage_return_ends_line {
            self.reading = Reading::Text;
            if self.buffer.is_empty() && !self.rules.empty_lines {
                return None;
            }
            let mut line = std::mem::replace(&mut self.buffer, Vec::with_capacity(MAX_COMMAND_BYTES));
            // The firmware's strings end at the first zero byte.
            let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
            line.truncate(end);
            return Some(line);
        }
        match (self.reading, byte) {
            (Reading::RestOfLine, _) => {}
            (Reading::Parenthesis, b')') => self.reading = Reading::Text,
            (Reading::Parenthesis, _) => {}
            (Reading::Text, b';') => self.reading = Reading::RestOfLine,
            (Reading::Text, b'(') if self.rules.parenthesis_comments => self.reading = Reading::Parenthesis,
            // A backspace takes the last character back, an old courtesy to people at terminals.
            (Reading::Text, 0x08) => {
                self.buffer.pop();
            }
            (Reading::Text, b'\r') => {}
            (Reading::Text, byte) => {
                self.buffer.push(byte);
                if self.buffer.len() + 1 >= self.rules.line_bytes {
                    self.reading = Reading::RestOfLine;
                }
            }
        }
        None
    }

    /// Forgets the part of a line collected so far, as the firmware does after a line error.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.reading = Reading::Text;
    }
}

/// Why a numbered line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// Neither the next number nor one of the last two.
    Number,
    /// The sum does not fit the text.
    Checksum,
    /// A line number, but no `*`.
    NoChecksum,
    /// A `*`, but no line number.
    NoNumber,
    /// No command at all.
    Format,
}

impl LineError {
    /// The firmware's words for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Number => "Line Number is not Last Line Number+1, Last Line: ",
            Self::Checksum => "checksum mismatch, Last Line: ",
            Self::NoChecksum => "No Checksum with line number, Last Line: ",
            Self::NoNumber => "No Line Number with checksum, Last Line: ",
            Self::Format => "Format error, Last Line: ",
        }
    }
}

/// What the firmware decides about one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Goes to the command queue, with its number if it had one.
    Accept(Option<i64>),
    /// The last line or the one before it, again.
    Duplicate,
    /// Answered by an error and a `Resend`.
    Refuse(LineError),
}

/// Judges a line against the last accepted number.
pub fn judge(line: &[u8], last_number: i64) -> Verdict {
    let line = trim_start(line);
    if line.first() != Some(&b'N') {
        return Verdict::Accept(None);
    }
    let renumbers = find(line, b"M110").is_some();
    // In `N0 M110 N5` the second number is the one that counts.
    let number_at =
        if renumbers { line.iter().skip(4).position(|&byte| byte == b'N').map_or(0, |at| at + 4) } else { 0 };
    let number = leading_integer(&line[number_at + 1..]);
    if !renumbers && number != last_number.saturating_add(1) {
        let repeated = number == last_number || number == last_number.saturating_sub(1);
        return if repeated { Verdict::Duplicate } else { Verdict::Refuse(LineError::Number) };
    }
    let Some(star) = line.iter().rposition(|&byte| byte == b'*') else {
        return Verdict::Refuse(LineError::NoChecksum);
    };
    let sum = line[..star].iter().fold(0, |sum, byte| sum ^ byte);
    if leading_integer(&line[star + 1..]) == i64::from(sum) {
        Verdict::Accept(Some(number))
    } else {
        Verdict::Refuse(LineError::Checksum)
    }
}

/// One command as the firmware reads it: a letter, a code and the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// `G`, `M`, `T`, or whatever stood first; 0 for an empty text.
    pub letter: u8,
    /// The number behind the letter, if there was one.
    pub code: Option<u32>,
    /// The whole text from the letter on, without line number and checksum.
    pub text: Vec<u8>,
    arguments_at: usize,
}

impl Command {
    /// Reads a line that the judge has accepted.
    pub fn read(line: &[u8]) -> Self {
        let mut text = trim_start(line);
        if text.first() == Some(&b'N')
            && text.get(1).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
        {
            let digits = text[1..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
            text = trim_start(&text[1 + digits..]);
        }
        if let Some(star) = text.iter().position(|&byte| byte == b'*') {
            text = &text[..star];
        }
        let text = trim_end(text).to_vec();
        let letter = text.first().copied().unwrap_or(0);
        let digits = text.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        let code = std::str::from_utf8(text.get(1..1 + digits).unwrap_or_default())
            .ok()
            .and_then(|digits| digits.parse().ok());
        let mut arguments_at = text.len().min(1 + digits);
        if text.get(arguments_at) == Some(&b'.') {
            arguments_at +=
                1 + text[arguments_at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
        Self { letter, code, text, arguments_at }
    }

    /// The text behind the code, without the spaces around it.
    pub fn rest(&self) -> &[u8] {
        trim_start(&self.text[self.arguments_at..])
    }

    /// Whether the parameter letter is there, with or without a number.
    pub fn has(&self, letter: u8) -> bool {
        self.text[self.arguments_at..].contains(&letter)
    }

    /// The number behind a parameter letter.
    pub fn value(&self, letter: u8) -> Option<f64> {
        let arguments = &self.text[self.arguments_at..];
        let at = arguments.iter().position(|&byte| byte == letter)?;
        leading_decimal(trim_start(&arguments[at + 1..]))
    }

    /// As [`Self::value`], cut to a whole number.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as is wanted for text from outside")]
    pub fn whole(&self, letter: u8) -> Option<i64> {
        self.value(letter).map(|value| value as i64)
    }
}

/// Without spaces in front.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ' || **byte == b'\t').count();
    &text[blanks..]
}

/// Without spaces behind.
pub fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    &text[..text.len() - blanks]
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The whole number at the start, as C's `strtol` reads it: 0 if there is none, saturating if it is too long.
fn leading_integer(text: &[u8]) -> i64 {
    let text = trim_start(text);
    let (negative, digits) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0i64, |sum, byte| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -magnitude } else { magnitude }
}

/// The decimal number at the start, without exponents: `E` is an axis here.
fn leading_decimal(text: &[u8]) -> Option<f64> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let mut seen_point = false;
    let body = text[sign..]
        .iter()
        .take_while(|byte| {
            byte.is_ascii_digit() || (**byte == b'.' && !std::mem::replace(&mut seen_point, true))
        })
        .count();
    std::str::from_utf8(&text[..sign + body]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = LineReader::new(ReaderRules::default());
        text.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn blank_and_comment_lines_vanish() {
        assert_eq!(lines(b"\n\r\n;nothing\nG28 ; home\r\n"), vec![b"G28 ".to_vec()]);
    }

    #[test]
    fn with_other_rules_empty_lines_count_and_carriage_returns_vanish() {
        let rules =
            ReaderRules { empty_lines: true, carriage_return_ends_line: false, ..ReaderRules::default() };
        let mut reader = LineReader::new(rules);
        let lines: Vec<_> = b"\r\n;nothing\nG28\r\n".iter().filter_map(|byte| reader.push(*byte)).collect();
        assert_eq!(lines, vec![b"".to_vec(), b"".to_vec(), b"G28".to_vec()]);
    }

    #[test]
    fn a_long_line_is_cut_at_95_bytes() {
        let mut text = vec![b'M'; 200];
        text.push(b'\n');
        assert_eq!(lines(&text)[0].len(), 95);
    }

    #[test]
    fn the_number_is_judged_before_the_checksum() {
        assert_eq!(judge(b"N5 G1 X21*0", 3), Verdict::Refuse(LineError::Number));
        assert_eq!(judge(b"N3 G1 X21*0", 3), Verdict::Duplicate);
        assert_eq!(judge(b"N4 G1 X20.5*77", 3), Verdict::Accept(Some(4)));
        assert_eq!(judge(b"N4 G1 X20.5*78", 3), Verdict::Refuse(LineError::Checksum));
        assert_eq!(judge(b"N5 G1 X22", 4), Verdict::Refuse(LineError::NoChecksum));
    }

    #[test]
    fn m110_takes_its_second_number_and_still_needs_a_checksum() {
        assert_eq!(judge(b"N0 M110 N0*125", 77), Verdict::Accept(Some(0)));
        assert_eq!(judge(b"N100 M110*34", 8), Verdict::Accept(Some(100)));
        assert_eq!(judge(b"N100 M110*35", 8), Verdict::Refuse(LineError::Checksum));
    }

    #[test]
    fn parameters_are_read_with_and_without_spaces() {
        let command = Command::read(b"N7 G1X10.5 Y-2 F6000*11");
        assert_eq!((command.letter, command.code), (b'G', Some(1)));
        assert_eq!(command.value(b'X'), Some(10.5));
        assert_eq!(command.value(b'Y'), Some(-2.0));
        assert_eq!(command.value(b'Z'), None);
        assert_eq!(command.text, b"G1X10.5 Y-2 F6000");
    }
}
