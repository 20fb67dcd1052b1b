//! Reports: what the lab's records say, with parameters, data cut, version and hash, as JSON, CSV and pages to print.
//!
//! A report is a function of the lab as the journal tells it up to one entry (`past::DataCut`), of its parameters and
//! of the site's tables. The same of all three give the same bytes, and so the same hash, as long as the vault holds
//! back the same words (`services::vault_desk`). Where the figures come from stands in `facts`; each report has a file
//! that says what is in it. No report has an identifier of a patient: what is in the vault is not in the lab, and
//! people's words go through the guard (`words::said`).

pub mod calendar;
pub mod csv;
pub mod facts;
mod page;
pub mod past;
pub mod photos;
pub mod sheet;
pub mod words;

pub mod audit;
pub mod case;
pub mod lot;
pub mod printer;
pub mod registry;
pub mod value;
pub mod worksheet;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use serde::Serialize;
use sha2::{Digest, Sha256};
use std::str::FromStr;

use calendar::{Day, day_at};
use facts::Models;
use past::{DataCut, Past, Telling};
use photos::Photos;
use sheet::{Section, Table};

pub use page::{STYLE, policy};

use crate::counting::codes::{CodeTables, Descriptors};
use crate::counting::costs::RateBook;
use crate::counting::metrics::Window;
use crate::counting::money::TooLarge;
use crate::counting::units::facts::ServiceDate;
use crate::counting::units::{CAP_SCOPE, NEEDS_REVIEW};
use crate::domain::ids::{CaseToken, FileHash, LotId, PrinterName, SiteName};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::quality::taken::ReportMade;
use crate::domain::zone::Zone;

pub use crate::domain::quality::taken::{Parameters, ReportKind as Kind};

impl Kind {
    /// Another one when what is in it, or how it is computed, changes.
    pub fn version(self) -> u16 {
        match self {
            Self::Case | Self::Worksheet | Self::Registry | Self::Value | Self::Printer => 2,
            Self::Lot | Self::Audit => 1,
        }
    }

    /// Whether it shows units that a coder has to look at.
    pub fn needs_coder_review(self) -> bool {
        matches!(self, Self::Worksheet | Self::Value)
    }
}

impl FromStr for Kind {
    type Err = ReportError;

    fn from_str(given: &str) -> Result<Self, ReportError> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == given);
        found.ok_or_else(|| ReportError::NoKind {
            given: given.chars().filter(|c| !c.is_control()).take(40).collect(),
        })
    }
}

/// Why there is no such report: what, which; what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error(
        "there is no report \"{given}\"; there are case, worksheet, registry, value, printer, lot and audit"
    )]
    NoKind { given: String },
    #[error("a {kind} report is of {needs}; name it")]
    Needs { kind: Kind, needs: &'static str },
    #[error("a {kind} report takes no {parameter}; leave it out")]
    TakesNo { kind: Kind, parameter: &'static str },
    #[error("the period ends on {to}, before it begins on {from}; turn the two days around")]
    Backwards { from: Day, to: Day },
    #[error("the last entry of the journal has a time beyond the calendar; set this machine's clock")]
    NoToday,
    #[error("there is no case {0}; `platen cases` lists them")]
    NoCase(CaseToken),
    #[error("there is no printer {0}; `platen printers` lists them")]
    NoPrinter(PrinterName),
    #[error("there is no lot {0}; look at the label of its container")]
    NoLot(LotId),
    #[error("{untold} entries more than a report tells ({max}); ask for a shorter period")]
    TooLong { untold: u64, max: usize },
    #[error("{0}")]
    Amount(#[from] TooLarge),
    #[error("the report cannot be written as JSON; this is a mistake in platen, tell its makers")]
    NotWritten,
}

/// What a site says beside its journal.
#[derive(Clone, Debug)]
pub struct Site {
    pub name: SiteName,
    /// Of its clock: all days of a report are by it.
    pub zone: Zone,
    pub service_date: ServiceDate,
    pub models: Models,
    pub tables: CodeTables,
    pub descriptors: Descriptors,
    pub rates: Option<RateBook>,
}

/// Everything that a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub lab: &'a Lab,
    pub past: &'a Past,
    pub site: &'a Site,
}

impl Sources<'_> {
    /// The day of the data cut at the site: "today" of everything that asks for one.
    fn today(&self) -> Result<Day, ReportError> {
        day_at(self.past.cut.wall, &self.site.zone).ok_or(ReportError::NoToday)
    }

    /// From the first day to the last, and never beyond the data cut. Without days it is all that the journal has.
    fn window(&self, parameters: &Parameters) -> Result<Window, ReportError> {
        let zone = &self.site.zone;
        if let (Some(from), Some(to)) = (parameters.from, parameters.to)
            && to < from
        {
            return Err(ReportError::Backwards { from, to });
        }
        let began = self.past.began.unwrap_or(self.past.cut.wall);
        let from = parameters.from.map_or(began, |day| zone.begins(day));
        let to = parameters.to.map_or(self.past.cut.wall, |day| zone.ends(day));
        // A window has not its end in it, and the cut's entry is.
        let to = WallTime(to.0.min(self.past.cut.wall.0).saturating_add(1));
        Ok(Window { from, to: to.max(from) })
    }
}

/// What entries a report tells as sentences.
pub fn telling(kind: Kind, parameters: &Parameters, zone: &Zone) -> Telling {
    match (kind, parameters) {
        (Kind::Case, Parameters { case: Some(case), .. }) => Telling::Case(case.clone()),
        (Kind::Lot, Parameters { lot: Some(lot), .. }) => Telling::Lot(lot.clone()),
        (Kind::Printer, Parameters { printer: Some(printer), .. }) => Telling::Printer(printer.clone()),
        (Kind::Audit, Parameters { case: Some(case), .. }) => Telling::Case(case.clone()),
        (Kind::Audit, Parameters { from, to, .. }) => {
            let from = from.map_or(WallTime(0), |day| zone.begins(day));
            let to = to.map_or(WallTime(u64::MAX), |day| zone.ends(day));
            Telling::Between(from, to)
        }
        _ => Telling::Nothing,
    }
}

/// Looks at the parameters before anybody reads a journal for them.
pub fn check(kind: Kind, parameters: &Parameters) -> Result<(), ReportError> {
    let Parameters { case, printer, lot, from, to } = parameters;
    let given = [
        ("case", case.is_some()),
        ("printer", printer.is_some()),
        ("lot", lot.is_some()),
        ("period", from.is_some() || to.is_some()),
    ];
    let (takes, needs): (&[&str], _) = match kind {
        Kind::Case | Kind::Worksheet => (&["case"], case.is_none().then_some("one case")),
        Kind::Registry => (&["case", "period"], None),
        Kind::Value => (&["period"], None),
        Kind::Printer => (&["printer", "period"], printer.is_none().then_some("one printer")),
        Kind::Lot => {
            let one = lot.is_some() != case.is_some();
            (&["lot", "case"], (!one).then_some("one lot, or of one case"))
        }
        Kind::Audit => (&["case", "period"], None),
    };
    if let Some((parameter, _)) = given.iter().find(|(name, given)| *given && !takes.contains(name)) {
        return Err(ReportError::TakesNo { kind, parameter });
    }
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(ReportError::Backwards { from: *from, to: *to });
    }
    match needs {
        Some(needs) => Err(ReportError::Needs { kind, needs }),
        None => Ok(()),
    }
}

/// What a report has in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Body {
    Case(Box<case::CaseRecord>),
    Worksheet(Box<worksheet::Worksheet>),
    Registry(Box<registry::Registry>),
    Value(Box<value::Value>),
    Printer(Box<printer::PrinterReport>),
    Lot(Box<lot::Genealogy>),
    Audit(Box<audit::Extract>),
}

/// A report, in the order in which its JSON has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub report: Kind,
    pub version: u16,
    pub site: SiteName,
    pub parameters: Parameters,
    pub data_cut: DataCut,
    /// Nothing in it is right before a coder has said so.
    pub needs_coder_review: bool,
    pub notes: Vec<String>,
    pub body: Body,
}

/// A report with its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    pub report: Report,
    /// Compact JSON, the keys in the order of the types: what is hashed.
    pub canonical: String,
    pub hash: FileHash,
}

/// Makes a report.
pub fn make(kind: Kind, parameters: Parameters, of: Sources<'_>) -> Result<Sealed, ReportError> {
    check(kind, &parameters)?;
    if let Some(case) = parameters.case.as_ref().filter(|case| !of.lab.cases.contains_key(*case)) {
        return Err(ReportError::NoCase(case.clone()));
    }
    let body = match kind {
        Kind::Case => Body::Case(Box::new(case::CaseRecord::of(of, &parameters)?)),
        Kind::Worksheet => Body::Worksheet(Box::new(worksheet::Worksheet::of(of, &parameters)?)),
        Kind::Registry => Body::Registry(Box::new(registry::Registry::of(of, &parameters)?)),
        Kind::Value => Body::Value(Box::new(value::Value::of(of, &parameters)?)),
        Kind::Printer => Body::Printer(Box::new(printer::PrinterReport::of(of, &parameters)?)),
        Kind::Lot => Body::Lot(Box::new(lot::Genealogy::of(of, &parameters)?)),
        Kind::Audit => Body::Audit(Box::new(audit::Extract::of(of)?)),
    };
    let mut notes = Vec::new();
    if kind.needs_coder_review() {
        notes.extend([NEEDS_REVIEW, CAP_SCOPE].map(str::to_owned));
    }
    Report {
        report: kind,
        version: kind.version(),
        site: of.site.name.clone(),
        parameters,
        data_cut: of.past.cut.clone(),
        needs_coder_review: kind.needs_coder_review(),
        notes,
        body,
    }
    .seal()
}

impl Report {
    fn seal(self) -> Result<Sealed, ReportError> {
        let canonical = serde_json::to_string(&self).map_err(|_| ReportError::NotWritten)?;
        let hash = FileHash::from_digest(Sha256::digest(canonical.as_bytes()).into());
        Ok(Sealed { report: self, canonical, hash })
    }

    fn sections(&self) -> Vec<Section> {
        match &self.body {
            Body::Case(of) => of.sections(),
            Body::Worksheet(of) => of.sections(),
            Body::Registry(of) => of.sections(),
            Body::Value(of) => of.sections(),
            Body::Printer(of) => of.sections(),
            Body::Lot(of) => of.sections(),
            Body::Audit(of) => of.sections(),
        }
    }

    /// Its one table for programs that read tables.
    fn table(&self) -> Table {
        match &self.body {
            Body::Case(of) => of.table(),
            Body::Worksheet(of) => of.table(),
            Body::Registry(of) => of.table(),
            Body::Value(of) => of.table(),
            Body::Printer(of) => of.table(),
            Body::Lot(of) => of.table(),
            Body::Audit(of) => of.table(),
        }
    }
}

impl Sealed {
    /// What the journal keeps of it, so that a paper can be checked.
    pub fn made(&self) -> ReportMade {
        ReportMade {
            kind: self.report.report,
            parameters: self.report.parameters.clone(),
            cut: self.report.data_cut.entry,
            version: self.report.version,
            sha256: self.hash.clone(),
        }
    }

    /// The hash, and beside it what it is of.
    pub fn json(&self) -> String {
        format!("{{\"sha256\":\"{}\",\"report\":{}}}\n", self.hash, self.canonical)
    }

    /// The report's table; each row ends with what it is from, so that a row by itself can be traced.
    pub fn csv(&self) -> String {
        let mut table = self.report.table();
        let review = self.report.needs_coder_review;
        if review {
            table.head.push("review".into());
        }
        table.head.extend(["report", "report_version", "data_cut_entry", "report_sha256"].map(str::to_owned));
        for row in &mut table.rows {
            if review {
                row.push("needs coder review".into());
            }
            row.extend([
                self.report.report.to_string(),
                self.report.version.to_string(),
                self.report.data_cut.entry.to_string(),
                self.hash.to_string(),
            ]);
        }
        csv::write(&table)
    }

    /// A page that stands by itself, made to be printed; photos are named on it, and not shown.
    pub fn html(&self) -> String {
        self.html_with(&Photos::default())
    }

    /// The same with these photos in it.
    pub fn html_with(&self, photos: &Photos) -> String {
        page::page(self, photos).into_string()
    }

    /// The photos that its page shows, in their order, with how many times each.
    pub fn photos(&self) -> Vec<(FileHash, usize)> {
        let mut all: Vec<(FileHash, usize)> = Vec::new();
        let Body::Case(record) = &self.report.body else { return all };
        for photo in record.photos() {
            match all.iter_mut().find(|(known, _)| known == photo) {
                Some((_, times)) => *times += 1,
                None => all.push((photo.clone(), 1)),
            }
        }
        all
    }

    /// What a file of it is called, without its ending: nothing of a person is in it.
    pub fn file_name(&self) -> String {
        let Parameters { case, printer, lot, .. } = &self.report.parameters;
        let of = case.as_ref().map(ToString::to_string);
        let of = of.or_else(|| printer.as_ref().map(ToString::to_string));
        let of = of.or_else(|| lot.as_ref().map(ToString::to_string));
        let of = of.map(|of| format!("-{of}")).unwrap_or_default();
        format!("platen-{}{of}-{}", self.report.report, self.report.data_cut.entry)
    }
}
