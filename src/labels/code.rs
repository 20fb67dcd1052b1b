//! What the square codes say, and how they are read back: at a handover, at the shelf, at a printer.
//!
//! ```text
//! PLATEN1:<token>-<part>-<attempt>     a printed part, by its serial
//! PLATEN1:LOT:<id><check>              a lot of material
//! PLATEN1:PRINTER:<name>:<check>       a printer
//! ```
//! All of it in capitals. A scanner types it as a keyboard does, and one that is set to another country's types Z for
//! Y: so each code has a character by which a wrong one is noticed, as a case's token has it by itself. Whoever has no
//! scanner, or a smudged label, types what stands beside the code.

use std::fmt;
use std::str::FromStr;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

use super::LabelError;
use crate::domain::ids::{IdError, LotId, PrinterName, check_character};
use crate::domain::quality::printed::{Serial, SerialError};

/// What every code of ours begins with, and its layout.
const HEAD: &str = "PLATEN1";
const LOT: &str = "LOT:";
const PRINTER: &str = "PRINTER:";
/// 29 squares a side: room for 47 characters at a quarter of damage, where the longest of a part has 38.
const SMALLEST: u8 = 3;
/// 37 squares a side: room for 87, where a printer with the longest name has 82.
const LARGEST: u8 = 5;
/// The same label always looks the same: no search for the best mask depends on a version of a crate.
const MASK: u8 = 2;

/// What a label is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    Part(Serial),
    Lot(LotId),
    Printer(PrinterName),
}

/// The same without which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Part,
    Lot,
    Printer,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Part => "a printed part's",
            Self::Lot => "a lot's",
            Self::Printer => "a printer's",
        }
    }

    fn todo(self) -> &'static str {
        match self {
            Self::Part => "scan the label on the part, or type its serial (CASE-PART-ATTEMPT)",
            Self::Lot => "scan the label on the container, or type the id that stands on it",
            Self::Printer => "scan the label on the printer, or type its name",
        }
    }
}

/// What a scanner may say that is no label of ours. What it is instead is not repeated: it may be a patient's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("this code is not of a label of platen's")]
    Foreign,
    #[error(
        "the scanner types {typed} where a label has a colon, since it is set to another country's keyboard"
    )]
    Keyboard { typed: char },
    #[error("this label cannot be read right ({0})")]
    Token(#[from] IdError),
    #[error("this label cannot be read right (a character of it is wrong, or missing)")]
    Check,
}

/// Why what was scanned is not taken: what it is, what is wanted, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWanted {
    pub scanned: Result<Scanned, ScanError>,
    pub wanted: Kind,
}

impl fmt::Display for NotWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scanned {
            Ok(Scanned::Part(serial)) => write!(f, "this is the label of printed part {serial}")?,
            Ok(Scanned::Lot(lot)) => write!(f, "this is the label of lot {lot}")?,
            Ok(Scanned::Printer(name)) => write!(f, "this is the label of printer {name}")?,
            Err(error) => write!(f, "{error}")?,
        }
        let todo = match self.scanned {
            Err(ScanError::Keyboard { .. }) => {
                "set the scanner to the keyboard of this computer, then scan it again"
            }
            _ => self.wanted.todo(),
        };
        write!(f, ", and {} is wanted; {todo}", self.wanted.word())
    }
}

impl std::error::Error for NotWanted {}

impl Scanned {
    /// What the square code says.
    pub fn code(&self) -> String {
        let text = match self {
            Self::Part(serial) => serial.to_string(),
            Self::Lot(lot) => format!("{LOT}{lot}{}", check_character(lot.as_str())),
            Self::Printer(name) => format!("{PRINTER}{name}:{}", check_of(name)),
        };
        format!("{HEAD}:{}", text.to_ascii_uppercase())
    }

    /// Of what was scanned, or typed as it stands on the label, where a printed part is wanted.
    pub fn part(text: &str) -> Result<Serial, NotWanted> {
        match of(text, |typed| Ok(Self::Part(typed.parse::<Serial>()?))) {
            Ok(Self::Part(serial)) => Ok(serial),
            scanned => Err(NotWanted { scanned, wanted: Kind::Part }),
        }
    }

    /// The same where a lot is wanted.
    pub fn lot(text: &str) -> Result<LotId, NotWanted> {
        match of(text, |typed| Ok(Self::Lot(typed.parse().map_err(|_| ScanError::Foreign)?))) {
            Ok(Self::Lot(lot)) => Ok(lot),
            scanned => Err(NotWanted { scanned, wanted: Kind::Lot }),
        }
    }

    /// The same where a printer is wanted.
    pub fn printer(text: &str) -> Result<PrinterName, NotWanted> {
        match of(text, |typed| Ok(Self::Printer(typed.parse().map_err(|_| ScanError::Foreign)?))) {
            Ok(Self::Printer(name)) => Ok(name),
            scanned => Err(NotWanted { scanned, wanted: Kind::Printer }),
        }
    }
}

/// A code as its label has it, else a text that was typed, without the blanks that stand between groups.
fn of(text: &str, typed: impl Fn(&str) -> Result<Scanned, ScanError>) -> Result<Scanned, ScanError> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let begins = text.get(..HEAD.len()).is_some_and(|head| head.eq_ignore_ascii_case(HEAD));
    if begins {
        return text.parse();
    }
    // A serial is read as one wherever it is typed: it would do as the name of a printer.
    text.parse::<Serial>().map_or_else(|_| typed(&text), |serial| Ok(Scanned::Part(serial)))
}

/// Of a name, without its hyphens.
fn check_of(name: &PrinterName) -> char {
    check_character(&name.as_str().replace('-', ""))
}

/// The last character, and what stands before it.
fn split_check(text: &str) -> Option<(&str, char)> {
    let (at, check) = text.char_indices().next_back()?;
    Some((&text[..at], check.to_ascii_lowercase()))
}

impl FromStr for Scanned {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        let text = text.trim().to_ascii_uppercase();
        let rest = text.strip_prefix(HEAD).ok_or(ScanError::Foreign)?;
        let Some(rest) = rest.strip_prefix(':') else {
            let typed = rest.chars().next().filter(|c| !c.is_ascii_alphanumeric() && !c.is_control());
            return Err(typed.map_or(ScanError::Foreign, |typed| ScanError::Keyboard { typed }));
        };
        if let Some(lot) = rest.strip_prefix(LOT) {
            let (id, check) = split_check(lot).ok_or(ScanError::Check)?;
            let id: LotId = id.parse().map_err(|_| ScanError::Check)?;
            let fits = check == check_character(id.as_str());
            return if fits { Ok(Self::Lot(id)) } else { Err(ScanError::Check) };
        }
        if let Some(printer) = rest.strip_prefix(PRINTER) {
            let (name, check) = split_check(printer).ok_or(ScanError::Check)?;
            let name = name.strip_suffix(':').ok_or(ScanError::Check)?.to_ascii_lowercase();
            let name: PrinterName = name.parse().map_err(|_| ScanError::Check)?;
            let fits = check == check_of(&name);
            return if fits { Ok(Self::Printer(name)) } else { Err(ScanError::Check) };
        }
        Ok(Self::Part(rest.parse::<Serial>()?))
    }
}

impl From<SerialError> for ScanError {
    fn from(error: SerialError) -> Self {
        match error {
            SerialError::Form => Self::Foreign,
            SerialError::Case(error) => Self::Token(error),
        }
    }
}

pub(super) fn encode(scanned: &Scanned) -> Result<QrCode, LabelError> {
    let segments = [QrSegment::make_alphanumeric(&scanned.code())];
    let (smallest, largest, mask) = (Version::new(SMALLEST), Version::new(LARGEST), Mask::new(MASK));
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Quartile, smallest, largest, Some(mask), false)
        .map_err(|_| LabelError::Code)
}
