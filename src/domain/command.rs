//! Commands by their codes, and how far a printer's console is open: what configuration and journal name.

/// A command's letter and number, as firmwares read them: `M0112` and `M 112` are M112.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    pub letter: u8,
    pub number: u32,
}

impl Code {
    pub const fn new(letter: u8, number: u32) -> Self {
        Self { letter, number }
    }

    /// The code that a command begins with. The tool that a `T?`, `Tx` or `Tc` asks for has no number; it is
    /// given as 0.
    pub fn of(text: &[u8]) -> Option<Self> {
        const DIGITS_MAX: usize = 6;
        let (&letter, rest) = text.split_first()?;
        if letter == b'T' && matches!(rest, [b'?' | b'x' | b'c', ..]) {
            return Some(Self { letter, number: 0 });
        }
        let rest = rest.trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !matches!(letter, b'G' | b'M' | b'T') || !(1..=DIGITS_MAX).contains(&digits) {
            return None;
        }
        let number = rest[..digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        Some(Self { letter, number })
    }

    /// Reads `M500` as an operator writes it.
    pub fn named(name: &str) -> Option<Self> {
        let code = Self::of(name.as_bytes())?;
        (code.to_string() == name).then_some(code)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", char::from(self.letter), self.number)
    }
}

/// How much of the console a printer's profile opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Off,
    /// Questions.
    #[default]
    Read,
    /// What a technician needs who services a printer: homing, steppers, fan, heat within limits.
    Service,
}

impl Level {
    /// Every level with the name that stands in configuration files.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Off, "off"), (Self::Read, "read"), (Self::Service, "service")];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_firmwares_read_it() {
        for text in ["M112", "M0112", "M 112", "M112 S1", "M112;"] {
            assert_eq!(Code::of(text.as_bytes()), Some(Code::new(b'M', 112)), "{text}");
        }
        for text in ["", "M", "m112", "X1", "M1234567", ";M112"] {
            assert_eq!(Code::of(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Code::named("M500"), Some(Code::new(b'M', 500)));
        assert_eq!(Code::named("M0500"), None);
        assert_eq!(Code::named("M500 S1"), None);
    }
}
