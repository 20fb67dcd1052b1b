//! Proposed units of a case, from its released parts and never from its jobs; each with its evidence.
//!
//! What is counted is what was prepared by itself and released (medical-domain.md §1.2, §1.4): a component or a
//! guide, once, however often it was printed. What is not counted is told with its reason. platen proposes; a coder
//! decides, and nothing is submitted.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::codes::{AtDay, Cap, Certainty, CodeNumber, CodeTable, CodeTables, Family, Role};
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, FileHash, JobId, PartId};

pub mod facts;
pub mod review;
mod warning;

use facts::{CaseFacts, PartFacts, PartKind, PrintFacts, Proof, ServiceDate, Signature, Standing};
pub use warning::Warning;

/// Stands on every page and in every export that shows units.
pub const NEEDS_REVIEW: &str =
    "Proposed units. They need review by a coder. platen submits nothing, and this is no billing advice.";

/// What a single case cannot see of its caps.
pub const CAP_SCOPE: &str =
    "A cap is for one patient and one date of service; other cases of the same patient are not seen here.";

/// One unit, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    pub number: u16,
    pub part: PartId,
    pub kind: PartKind,
    pub serial: String,
    pub job: JobId,
    pub revision: u32,
    pub sha256: FileHash,
    pub approval: Option<Signature>,
    pub release: Signature,
    pub proofs: BTreeMap<Proof, String>,
    pub missing: Vec<Proof>,
    /// Why it is counted, in words.
    pub why: String,
}

/// The units of one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub code: CodeNumber,
    pub role: Role,
    pub paraphrase: String,
    pub units: u16,
    pub cap: Option<Cap>,
    /// How many of the units are above the cap; always told by a warning too.
    pub above_cap: u16,
    pub evidence: Vec<Unit>,
}

/// Why a part is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NotCounted {
    #[error("a holder is no anatomy: it is not billed")]
    Holder,
    #[error("a coupon tests the print: it is not billed")]
    Coupon,
    #[error("it was not segmented by itself: it is no component of its own")]
    NotSegmented,
    #[error("it was not processed by itself: it is no component of its own")]
    NotProcessed,
    #[error("nothing of it has been printed")]
    NeverPrinted,
    #[error("none of its prints is released: {prints}")]
    NotReleased { prints: String },
    #[error(
        "print {serial} stands as released, but no signature of its release is on record; look at its history"
    )]
    Unsigned { serial: String },
    #[error("its mesh is that of part {number}, byte for byte: a copy adds nothing")]
    SameMesh { number: u16 },
    #[error("it stands in the case twice, as part {number} too: it is counted once")]
    SamePart { number: u16 },
}

/// A part that is not counted, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartNotCounted {
    pub number: u16,
    pub part: PartId,
    pub kind: PartKind,
    pub reasons: Vec<NotCounted>,
}

/// A print that adds nothing to its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintNotCounted {
    pub number: u16,
    pub serial: String,
    pub attempt: u32,
    /// In words.
    pub why: String,
}

/// The table that was counted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableUsed {
    pub file: String,
    pub from: Day,
    pub to: Day,
    pub to_certainty: Certainty,
}

/// What a case's worksheet says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub case: CaseToken,
    pub service_date: ServiceDate,
    /// Nothing where the case has no such day yet.
    pub day: Option<Day>,
    pub table: TableUsed,
    /// Codes with at least one unit: models before guides, base codes before add-ons.
    pub lines: Vec<Line>,
    pub parts_not_counted: Vec<PartNotCounted>,
    pub prints_not_counted: Vec<PrintNotCounted>,
    pub warnings: Vec<Warning>,
    /// Always true: nothing here says that a unit is right.
    pub needs_review: bool,
}

impl Proposal {
    pub fn counts(&self) -> BTreeMap<CodeNumber, u16> {
        self.lines.iter().map(|line| (line.code.clone(), line.units)).collect()
    }

    /// SHA-256 over the whole of it: a confirmation names it, and is outdated when anything in it has changed.
    pub fn hash(&self) -> FileHash {
        // Every map in it has names for keys, so that it is always written; an empty text would match no proposal.
        let text = serde_json::to_vec(self).unwrap_or_default();
        FileHash::from_digest(Sha256::digest(text).into())
    }
}

/// Counts a case. `asked` is today at the site: it chooses the table where the case has no date of service yet.
pub fn propose(facts: &CaseFacts, tables: &CodeTables, service_date: ServiceDate, asked: Day) -> Proposal {
    let mut warnings = Vec::new();
    let day = service_date.of(facts.dates);
    if day.is_none() {
        warnings.push(Warning::NoServiceDate { choice: service_date, table_of: asked });
    }
    let table = table_for(tables, day.unwrap_or(asked), &mut warnings);
    let mut tally = Tally::default();
    let mut parts: Vec<&PartFacts> = facts.parts.iter().collect();
    parts.sort_by_key(|part| (part.number, part.part.clone()));
    for part in parts {
        tally.take(part);
    }
    let mut lines = Vec::new();
    for (family, counted) in [(Family::Model, &tally.components), (Family::Guide, &tally.guides)] {
        let mut units = counted.iter().map(|counted| unit(counted, family));
        let first: Vec<Unit> = units.by_ref().take(1).collect();
        for (role, evidence) in [(Role::First, first), (Role::Additional, units.collect())] {
            if !evidence.is_empty() {
                lines.push(line(table, family, role, evidence, day, &mut warnings));
            }
        }
    }
    warning::of_case(facts, table, &lines, &mut warnings);
    warning::of_parts(facts, &tally, &lines, &mut warnings);
    Proposal {
        case: facts.case.clone(),
        service_date,
        day,
        table: TableUsed {
            file: table.file.clone(),
            from: table.from,
            to: table.to,
            to_certainty: table.to_certainty,
        },
        lines,
        parts_not_counted: tally.parts_not_counted,
        prints_not_counted: tally.prints_not_counted,
        warnings,
        needs_review: true,
    }
}

fn table_for<'t>(tables: &'t CodeTables, day: Day, warnings: &mut Vec<Warning>) -> &'t CodeTable {
    match tables.at(day) {
        AtDay::Valid(table) => table,
        AtDay::Ended(table) => {
            warnings.push(Warning::TablesEnded { day, to: table.to, certainty: table.to_certainty });
            table
        }
        AtDay::NotYet(table) => {
            warnings.push(Warning::NoCodesYet { day, from: table.from });
            table
        }
    }
}

fn line(
    table: &CodeTable,
    family: Family,
    role: Role,
    evidence: Vec<Unit>,
    day: Option<Day>,
    warnings: &mut Vec<Warning>,
) -> Line {
    let code = table.code(family, role);
    // A case has at most 65,535 part numbers.
    let units = u16::try_from(evidence.len()).unwrap_or(u16::MAX);
    let above_cap = code.cap.as_ref().map_or(0, |cap| units.saturating_sub(cap.units));
    match &code.cap {
        Some(cap) if above_cap > 0 => warnings.push(Warning::AboveCap {
            code: code.number.clone(),
            units,
            cap: cap.units,
            above: above_cap,
            day,
            certainty: cap.certainty,
        }),
        Some(_) => {}
        None => warnings.push(Warning::NoCap { code: code.number.clone(), units }),
    }
    Line {
        code: code.number.clone(),
        role,
        paraphrase: code.paraphrase.clone(),
        units,
        cap: code.cap.clone(),
        above_cap,
        evidence,
    }
}

/// A part that counts, with the print that shows it.
#[derive(Debug)]
struct Counted<'f> {
    part: &'f PartFacts,
    print: &'f PrintFacts,
    release: &'f Signature,
}

#[derive(Debug, Default)]
struct Tally<'f> {
    components: Vec<Counted<'f>>,
    guides: Vec<Counted<'f>>,
    seen: BTreeMap<&'f PartId, u16>,
    parts_not_counted: Vec<PartNotCounted>,
    prints_not_counted: Vec<PrintNotCounted>,
}

impl<'f> Tally<'f> {
    fn take(&mut self, part: &'f PartFacts) {
        let mut reasons = Vec::new();
        let shows = self.count(part, &mut reasons);
        self.prints(part, shows);
        if !reasons.is_empty() {
            let (number, part, kind) = (part.number, part.part.clone(), part.kind);
            self.parts_not_counted.push(PartNotCounted { number, part, kind, reasons });
        }
    }

    /// The print that shows the part's unit, or nothing and the reasons.
    fn count(&mut self, part: &'f PartFacts, reasons: &mut Vec<NotCounted>) -> Option<&'f PrintFacts> {
        if let Some(number) = self.seen.get(&part.part) {
            reasons.push(NotCounted::SamePart { number: *number });
        }
        let counted = match part.kind {
            PartKind::Holder => {
                reasons.push(NotCounted::Holder);
                return None;
            }
            PartKind::Coupon => {
                reasons.push(NotCounted::Coupon);
                return None;
            }
            PartKind::Component => {
                if !part.individually_segmented {
                    reasons.push(NotCounted::NotSegmented);
                }
                if !part.individually_processed {
                    reasons.push(NotCounted::NotProcessed);
                }
                &mut self.components
            }
            PartKind::Guide => &mut self.guides,
        };
        let shown = shown_by(part).map_err(|reason| reasons.push(reason));
        let (print, release) = shown.ok().filter(|_| reasons.is_empty())?;
        let mesh = &print.revision.sha256;
        if let Some(same) = counted.iter().find(|other| other.print.revision.sha256 == *mesh) {
            reasons.push(NotCounted::SameMesh { number: same.part.number });
            return None;
        }
        counted.push(Counted { part, print, release });
        self.seen.insert(&part.part, part.number);
        Some(print)
    }

    /// Notes every print of a part but the one that shows its unit.
    fn prints(&mut self, part: &'f PartFacts, shows: Option<&PrintFacts>) {
        for print in &part.prints {
            let why = match (shows, print.standing) {
                (Some(shows), _) if std::ptr::eq(shows, print) => continue,
                (Some(shows), Standing::Released) => {
                    format!(
                        "one more of the same part, which print {} shows: a copy adds nothing",
                        shows.serial
                    )
                }
                (None, Standing::Released) => "its part is not counted".to_owned(),
                (_, standing) => standing.word().to_owned(),
            };
            let (number, serial, attempt) = (part.number, print.serial.clone(), print.attempt);
            self.prints_not_counted.push(PrintNotCounted { number, serial, attempt, why });
        }
    }
}

/// The print that shows a part: released and signed; of several the newest revision's first attempt.
fn shown_by(part: &PartFacts) -> Result<(&PrintFacts, &Signature), NotCounted> {
    let released = || part.prints.iter().filter(|print| print.standing == Standing::Released);
    let best =
        released().filter_map(|print| print.release.as_ref().map(|release| (print, release))).min_by_key(
            |(print, _)| (std::cmp::Reverse(print.revision.number), print.attempt, print.serial.as_str()),
        );
    match (best, released().next()) {
        (Some(best), _) => Ok(best),
        (None, Some(print)) => Err(NotCounted::Unsigned { serial: print.serial.clone() }),
        (None, None) if part.prints.is_empty() => Err(NotCounted::NeverPrinted),
        (None, None) => {
            let words: Vec<_> = part
                .prints
                .iter()
                .map(|print| format!("{} is {}", print.serial, print.standing.word()))
                .collect();
            Err(NotCounted::NotReleased { prints: words.join(", ") })
        }
    }
}

fn unit(counted: &Counted<'_>, family: Family) -> Unit {
    let Counted { part, print, release } = counted;
    let approved = print.revision.approved.is_some();
    let missing = Proof::expected(family)
        .iter()
        .copied()
        .filter(|proof| match proof {
            Proof::DesignReview => !approved,
            other => !part.proofs.contains_key(other),
        })
        .collect();
    let why = match family {
        Family::Model => format!(
            "component {}: segmented and processed by itself, print {} of revision {} is released",
            part.number, print.serial, print.revision.number
        ),
        Family::Guide => format!(
            "guide {}: print {} of revision {} is released",
            part.number, print.serial, print.revision.number
        ),
    };
    Unit {
        number: part.number,
        part: part.part.clone(),
        kind: part.kind,
        serial: print.serial.clone(),
        job: print.job.clone(),
        revision: print.revision.number,
        sha256: print.revision.sha256.clone(),
        approval: print.revision.approved.clone(),
        release: (*release).clone(),
        proofs: part.proofs.clone(),
        missing,
        why,
    }
}

#[cfg(test)]
mod hand_tests;
#[cfg(test)]
mod tests;
