//! Reports that were made: which, for whom, of what, and under which hash, so that a paper can be checked later.
//!
//! Here is only who took a report of which hash, and in which entry that stands; the rest is read from that entry. So
//! a report takes about a hundred bytes of memory, however often people take some.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::Quality;
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, FileHash, LotId, PrinterName, unhex};

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    Case,
    Worksheet,
    Registry,
    Value,
    Printer,
    Lot,
    Audit,
}

impl ReportKind {
    pub const ALL: [Self; 7] =
        [Self::Case, Self::Worksheet, Self::Registry, Self::Value, Self::Printer, Self::Lot, Self::Audit];

    pub fn word(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Worksheet => "worksheet",
            Self::Registry => "registry",
            Self::Value => "value",
            Self::Printer => "printer",
            Self::Lot => "lot",
            Self::Audit => "audit",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Case => "Case record",
            Self::Worksheet => "CPT worksheet",
            Self::Registry => "Registry export",
            Self::Value => "Programme value report",
            Self::Printer => "Printer report",
            Self::Lot => "Lot genealogy",
            Self::Audit => "Audit extract",
        }
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a report is asked for; which of it a report takes, the report says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseToken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<PrinterName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotId>,
    /// First and last day at the site, both of which are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

impl Parameters {
    /// In one line.
    pub fn in_words(&self) -> String {
        let Self { case, printer, lot, from, to } = self;
        let mut words = Vec::new();
        words.extend(case.as_ref().map(|case| format!("case {case}")));
        words.extend(printer.as_ref().map(|printer| format!("printer {printer}")));
        words.extend(lot.as_ref().map(|lot| format!("lot {lot}")));
        words.extend(from.map(|day| format!("from {day}")));
        words.extend(to.map(|day| format!("to {day}")));
        if words.is_empty() { "everything up to the data cut".into() } else { words.join(", ") }
    }
}

/// A report that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMade {
    pub kind: ReportKind,
    pub parameters: Parameters,
    /// The last entry of the journal that is in it.
    pub cut: u64,
    /// Of the report's kind.
    pub version: u16,
    /// Of its canonical form, which has all of the above in it.
    pub sha256: FileHash,
}

/// That somebody took a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Absent where nobody is set up, and nobody said a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The entry of the journal that says the rest.
    pub seq: u64,
}

/// The hash's own bytes: half as long as its text.
pub(super) fn bytes(sha256: &FileHash) -> [u8; 32] {
    // It has 64 digits, always.
    unhex(sha256.as_str().as_bytes()).unwrap_or_default()
}

impl Quality {
    /// Who took a report of this hash, first one first.
    pub fn taken<'a>(&'a self, sha256: &FileHash) -> impl Iterator<Item = &'a Taken> + use<'a> {
        let of = bytes(sha256);
        self.reports.range((of, 0)..=(of, u32::MAX)).map(|(_, taken)| taken)
    }

    /// Whether it stands in the journal that this person took it.
    pub fn has_taken(&self, sha256: &FileHash, by: Option<&str>) -> bool {
        self.taken(sha256).any(|taken| taken.by.as_deref() == by)
    }
}
