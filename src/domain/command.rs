//! Commands by their codes or names, and how far a printer's console is open: what configuration and journal name.

/// Klipper's commands that have names, as far as platen knows them; in the order of their names.
const NAMES: [&str; 29] = [
    "BED_MESH_CALIBRATE",
    "BED_MESH_CLEAR",
    "BED_MESH_PROFILE",
    "CANCEL_PRINT",
    "END_PRINT",
    "EXCLUDE_OBJECT",
    "EXCLUDE_OBJECT_DEFINE",
    "EXCLUDE_OBJECT_END",
    "EXCLUDE_OBJECT_START",
    "FIRMWARE_RESTART",
    "FORCE_MOVE",
    "MANUAL_STEPPER",
    "PID_CALIBRATE",
    "PRINT_END",
    "PRINT_START",
    "QUAD_GANTRY_LEVEL",
    "RESTART",
    "SAVE_CONFIG",
    "SDCARD_PRINT_FILE",
    "SET_GCODE_OFFSET",
    "SET_HEATER_TEMPERATURE",
    "SET_KINEMATIC_POSITION",
    "SET_PRESSURE_ADVANCE",
    "SET_PRINT_STATS_INFO",
    "SET_STEPPER_ENABLE",
    "SET_VELOCITY_LIMIT",
    "START_PRINT",
    "TURN_OFF_HEATERS",
    "Z_TILT_ADJUST",
];

/// A command's letter and number, as firmwares read them: `M0112` and `M 112` are M112. A command of Klipper's that
/// has a name has the letter `Code::NAMED`, and its place among those names for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    pub letter: u8,
    pub number: u32,
}

impl Code {
    /// Behind every letter, for the order of codes.
    pub const NAMED: u8 = b'_';

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
            let name = text.split(u8::is_ascii_whitespace).next()?;
            return std::str::from_utf8(name).ok().and_then(Self::by_name);
        }
        let number = rest[..digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        Some(Self { letter, number })
    }

    fn by_name(name: &str) -> Option<Self> {
        let number = NAMES.binary_search(&name).ok()?;
        Some(Self { letter: Self::NAMED, number: u32::try_from(number).ok()? })
    }

    /// As `by_name`, for tables; a name that is not known has a number that no name has.
    pub const fn klipper(name: &str) -> Self {
        let mut number = 0;
        while (number as usize) < NAMES.len() {
            if is_same(name.as_bytes(), NAMES[number as usize].as_bytes()) {
                return Self { letter: Self::NAMED, number };
            }
            number += 1;
        }
        Self { letter: Self::NAMED, number: u32::MAX }
    }

    /// The name of a command of Klipper's.
    pub fn name(self) -> Option<&'static str> {
        let number = usize::try_from(self.number).ok().filter(|_| self.letter == Self::NAMED)?;
        NAMES.get(number).copied()
    }

    /// Reads `M500` as an operator writes it.
    pub fn named(name: &str) -> Option<Self> {
        let code = Self::of(name.as_bytes())?;
        (code.to_string() == name).then_some(code)
    }
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}{}", char::from(self.letter), self.number),
        }
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

    #[test]
    fn a_command_with_a_name_is_known_by_it_alone() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            for text in [name.to_owned(), format!("{name} A=1 B=\"M112\""), format!("{name}\tA=1")] {
                assert_eq!(Code::of(text.as_bytes()).and_then(Code::name), Some(name), "{text}");
            }
            assert_eq!(Code::named(name).map(|code| code.to_string()).as_deref(), Some(name));
            assert_eq!(Code::named(name), Some(Code::klipper(name)));
            for text in [format!("{name}_X"), format!("X{name}"), name.to_lowercase(), format!("{name};")] {
                assert_eq!(Code::of(text.as_bytes()), None, "{text}");
            }
        }
        assert_eq!(Code::new(b'M', 1).name(), None);
        assert_eq!(Code::klipper("SAVE").name(), None);
    }
}
