//! Labels for printed parts, lots of material and printers: a square code and a few words, as SVG and as PDF, in exact
//! millimetres.
//!
//! What is on a part's label is what the medical reference asks for (§3.2, §3.5, §3.6, hazard H13): token, part,
//! revision, side, and what a person must know before using the part. No patient can stand on it: a `Label` is made of
//! a token, numbers and words of ours, and has no place for a text of anybody's. Where a site wants the patient's name,
//! it belongs on the bag, by hand, inside the clinical area. A lot's label has two texts that somebody typed, its
//! material and its maker's number: `Said` has been through the guard, and nothing else fits there. What the vault has
//! is held against them before, by whoever asks for the label.
//!
//! ```text
//! Label, LotLabel, PrinterLabel ─face─▶ Face ─▶ layout (squares and lines of text, in mm) ─▶ svg
//!                                                                                        └─▶ pdf
//! ```

mod code;
mod layout;
mod pdf;
mod svg;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use code::{Kind, NotWanted, ScanError, Scanned};
pub use layout::{Drawing, Face, Line, Square};

use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, LotId, PrinterName};
use crate::domain::privacy::{Found, HELD_BACK, Known, What, find, pass};
use crate::domain::quality::printed::Serial;

/// The sizes of label stock that are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stock {
    /// 62 × 29 mm, the common small address label.
    #[serde(rename = "62x29")]
    Small,
    /// 100 × 50 mm.
    #[serde(rename = "100x50")]
    Large,
}

impl Stock {
    pub const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// Width and height in millimetres.
    pub fn millimetres(self) -> (f32, f32) {
        match self {
            Self::Small => (62.0, 29.0),
            Self::Large => (100.0, 50.0),
        }
    }
}

/// The side of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
    Bilateral,
}

impl Side {
    fn words(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
            Self::Bilateral => "BILATERAL",
        }
    }
}

/// When the part was made, as far as the site lets its labels tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Year(u16),
    Day { year: u16, month: u8, day: u8 },
}

/// What has to be known before the part is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Reference, H13: a part that has not been sterilised is not to be taken for one that has.
    NonSterile,
    /// Reference, §3.6: made by mirroring the other side.
    Mirrored,
    /// Reference, §3.6: not the anatomy as it was scanned.
    Modified,
    /// Reference, §0 (8): printed outside the validated processes.
    NonDiagnostic,
    /// Reference, H2: not in the size of the anatomy.
    NotLifeSize,
    /// It is kept apart until somebody has decided.
    Quarantine,
    Recalled,
}

impl Mark {
    pub const ALL: [Self; 7] = [
        Self::NonSterile,
        Self::Mirrored,
        Self::Modified,
        Self::NonDiagnostic,
        Self::NotLifeSize,
        Self::Quarantine,
        Self::Recalled,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::NonSterile => "NON-STERILE",
            Self::Mirrored => "MIRRORED",
            Self::Modified => "NOT AS SCANNED",
            Self::NonDiagnostic => "NON-DIAGNOSTIC",
            Self::NotLifeSize => "NOT LIFE-SIZE",
            Self::Quarantine => "QUARANTINE",
            Self::Recalled => "RECALLED",
        }
    }
}

/// What the label of a printed part says. Every field is a token, a number or a word of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub token: CaseToken,
    /// 1, 2, 3 … within the case.
    pub part: u16,
    /// Which attempt to print it: 1, 2, 3 … With token and part it is the printed part's serial.
    pub attempt: u32,
    #[serde(default)]
    pub revision: Option<u16>,
    #[serde(default)]
    pub side: Option<Side>,
    /// The lab's own id of the container; the supplier's number is a text, and stays in the record.
    #[serde(default)]
    pub lot: Option<LotId>,
    #[serde(default)]
    pub made: Option<Made>,
    #[serde(default)]
    pub marks: BTreeSet<Mark>,
}

/// Why there is no label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    #[error("the label's square code cannot hold what it is to say; this is a defect of platen")]
    Code,
}

/// Words that somebody typed, if the guard lets them pass. Of them a label shows what its faces have: Latin letters,
/// digits and signs, and a question mark for all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    pub fn new(text: &str) -> Self {
        Self::shown(pass(text, &Known::none()).unwrap_or(HELD_BACK))
    }

    /// A maker's number. Where it is one run of letters, digits and dashes, it stays though it is as long as numbers of
    /// patients are, and though digits in a row may be read as a day: lots are numbered so. All else that the guard
    /// finds in it is held back.
    pub fn number(text: &str) -> Self {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_number = |found: &Found| match found.what {
            What::LongNumber | What::Accession => true,
            What::Date => text[found.at.clone()].bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        let may_stay = |text: &str| find(text, &Known::none()).iter().all(is_number);
        // A day hides what else its digits may be, such as a birthday behind its label: of sevens it is none.
        let sevens = || text.replace(|c: char| c.is_ascii_digit(), "7");
        if plain && may_stay(text) && may_stay(&sevens()) { Self::shown(text) } else { Self::new(text) }
    }

    fn shown(text: &str) -> Self {
        let accents = |c: &char| !matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}');
        let shown = |c: char| match c {
            ' '..='~' | '\u{a1}'..='\u{ff}' => c,
            '\u{a0}' => ' ',
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{2010}'..='\u{2014}' => '-',
            _ => '?',
        };
        Self(text.chars().filter(accents).map(shown).collect())
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long an open container may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub on: Day,
    pub until: Option<Day>,
}

/// What the label of a lot says. Nothing of it changes while the container is used, but that it is opened: whether it
/// may be used is asked of platen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LotLabel {
    pub lot: LotId,
    pub material: Said,
    /// The maker's number.
    pub supplier_lot: Said,
    pub expires: Day,
    pub open: Option<Open>,
}

/// What the label of a printer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterLabel {
    pub name: PrinterName,
}

/// What is drawn as a label.
pub trait Labelled {
    /// What its square code says.
    fn scanned(&self) -> Scanned;

    /// Its code, and its lines from above.
    fn face(&self) -> Face;

    /// Where everything stands.
    fn draw(&self, stock: Stock) -> Result<Drawing, LabelError> {
        layout::draw(&self.face(), stock)
    }

    fn svg(&self, stock: Stock) -> Result<String, LabelError> {
        self.draw(stock).map(|drawing| svg::write(&drawing))
    }

    fn pdf(&self, stock: Stock) -> Result<Vec<u8>, LabelError> {
        self.draw(stock).map(|drawing| pdf::write(&drawing))
    }
}

impl Labelled for Label {
    fn scanned(&self) -> Scanned {
        Scanned::Part(Serial { case: self.token.clone(), part: self.part, attempt: self.attempt })
    }

    fn face(&self) -> Face {
        layout::part(self)
    }
}

impl Labelled for LotLabel {
    fn scanned(&self) -> Scanned {
        Scanned::Lot(self.lot.clone())
    }

    fn face(&self) -> Face {
        layout::lot(self)
    }
}

impl Labelled for PrinterLabel {
    fn scanned(&self) -> Scanned {
        Scanned::Printer(self.name.clone())
    }

    fn face(&self) -> Face {
        layout::printer(self)
    }
}

#[cfg(test)]
mod tests;
