//! What only the journal knows and the lab has forgotten: how long each case stayed where, when beds waited, what is
//! told of something. It is gathered entry by entry while the journal is replayed.

use serde::Serialize;
use std::collections::BTreeMap;

use super::words::HELD_BACK;
use crate::counting::metrics::turnaround::Stage;
use crate::counting::metrics::utilisation::Span;
use crate::domain::event::{ChainHash, Event, Fact, JobRef};
use crate::domain::ids::{CaseToken, FileHash, LotId, PrinterName, SiteName};
use crate::domain::lab::{EntityKey, Lab};
use crate::domain::moment::WallTime;
use crate::domain::printer::Bed;
use crate::domain::privacy::{Known, pass};
use crate::domain::quality::case::{CaseState, Step as CaseStep};
use crate::domain::quality::printed::Serial;
use crate::domain::quality::words::Label;
use crate::domain::quality::{self, Change};
use crate::domain::story;

/// A report tells no more entries than this: what is longer is no page for people.
pub const TOLD_MAX: usize = 50_000;

/// Of what the entries are kept as sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    #[default]
    Nothing,
    Case(CaseToken),
    Lot(LotId),
    Printer(PrinterName),
    /// Of everything between two moments, both of which are in.
    Between(WallTime, WallTime),
}

/// One entry of the journal in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub seq: u64,
    /// RFC 3339 in UTC.
    pub at: String,
    pub who: String,
    pub what: String,
    /// The entry's place in the chain.
    pub hash: String,
}

/// One stay of a case in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stayed {
    pub stage: Stage,
    pub from: WallTime,
    pub to: Option<WallTime>,
}

/// How far the journal was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataCut {
    /// The last entry that is in it, and when that was written.
    pub entry: u64,
    pub at: String,
    #[serde(skip)]
    pub wall: WallTime,
    /// The hash of that entry: all before it is proven by it.
    pub head: String,
}

/// The process by which a case was produced, and its version in the catalogue, where it was in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBy {
    pub process: Label,
    pub version: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Past {
    telling: Telling,
    pub site: Option<SiteName>,
    pub began: Option<WallTime>,
    pub cut: DataCut,
    pub stays: BTreeMap<CaseToken, Vec<Stayed>>,
    /// A part lay on the bed, and nothing was printed.
    pub waits: BTreeMap<PrinterName, Vec<Span>>,
    /// The first that is told of a printer.
    pub first_seen: BTreeMap<PrinterName, WallTime>,
    /// By which process each case was produced last, as it may be told: the lab here has the words as they were typed.
    produced: BTreeMap<CaseToken, MadeBy>,
    /// By which process each piece was begun, where its case was in production.
    pub made_by: BTreeMap<Serial, MadeBy>,
    pub told: Vec<Entry>,
    /// Entries beyond `TOLD_MAX`.
    pub untold: u64,
}

fn stage(state: &CaseState) -> Option<Stage> {
    Some(match state {
        CaseState::Requested => Stage::Requested,
        CaseState::Accepted => Stage::Accepted,
        CaseState::Designing => Stage::Designing,
        CaseState::AwaitingApproval => Stage::AwaitingApproval,
        CaseState::Approved { .. } => Stage::Approved,
        CaseState::InProduction { .. } => Stage::InProduction,
        CaseState::InQc { .. } => Stage::InQc,
        CaseState::Rework { .. } => Stage::Rework,
        CaseState::Released { .. } => Stage::Released,
        CaseState::OnHold { .. } => Stage::OnHold,
        CaseState::Draft
        | CaseState::Delivered { .. }
        | CaseState::Used { .. }
        | CaseState::Assessed { .. }
        | CaseState::Closed { .. }
        | CaseState::Cancelled { .. } => return None,
    })
}

impl Past {
    pub fn new(telling: Telling) -> Self {
        let cut = DataCut {
            entry: 0,
            at: WallTime(0).to_string(),
            wall: WallTime(0),
            head: ChainHash::GENESIS.to_hex(),
        };
        Self {
            telling,
            site: None,
            began: None,
            cut,
            stays: BTreeMap::new(),
            waits: BTreeMap::new(),
            first_seen: BTreeMap::new(),
            produced: BTreeMap::new(),
            made_by: BTreeMap::new(),
            told: Vec::new(),
            untold: 0,
        }
    }

    /// Takes in an entry that `lab` has just applied; `touched` is what that changed.
    pub fn note(&mut self, lab: &Lab, event: &Event, hash: ChainHash, touched: &[EntityKey]) {
        let at = event.stamp.wall;
        if let Fact::JournalBegun { site, .. } = &event.fact {
            self.site = Some(site.clone());
        }
        self.began.get_or_insert(at);
        self.cut = DataCut { entry: event.seq, at: at.to_string(), wall: at, head: hash.to_hex() };
        for key in touched {
            if let EntityKey::Quality(quality::Key::Case(case)) = key {
                self.stay(case, stage(&lab.quality.case_state(case)), at);
            }
        }
        if let Some(printer) = event.fact.printer() {
            // That a job was meant for it tells nothing of the printer itself.
            if !matches!(event.fact, Fact::JobQueued { .. } | Fact::JobSlicing { .. }) {
                self.first_seen.entry(printer.clone()).or_insert(at);
            }
            self.wait(lab, printer, &event.fact, at);
        }
        self.make(lab, &event.fact, event.subject.as_ref());
        self.tell(lab, event, hash);
    }

    fn make(&mut self, lab: &Lab, fact: &Fact, subject: Option<&JobRef>) {
        match (fact, subject) {
            (Fact::Quality(quality::Fact { change: Change::Case { case, step: begun }, .. }), _) => {
                let CaseStep::ProductionBegun { process, version, .. } = begun else { return };
                let made = MadeBy { process: process.clone(), version: *version };
                self.produced.insert(case.clone(), made);
            }
            (Fact::JobStarted { .. }, Some(JobRef { case, job, .. })) => {
                let (Some(made), Some(job)) = (self.produced.get(case), lab.jobs.get(job)) else { return };
                if !matches!(lab.quality.case_state(case), CaseState::InProduction { .. }) {
                    return;
                }
                for piece in lab.quality.pieces_of(lab, job) {
                    // One that is gone on with was begun before.
                    self.made_by.entry(piece.serial.clone()).or_insert_with(|| made.clone());
                }
            }
            _ => {}
        }
    }

    fn stay(&mut self, case: &CaseToken, stage: Option<Stage>, at: WallTime) {
        let stays = self.stays.entry(case.clone()).or_default();
        let open = stays.last_mut().filter(|stay| stay.to.is_none());
        if open.as_ref().map(|stay| stay.stage) == stage {
            return;
        }
        if let Some(open) = open {
            open.to = Some(at);
        }
        if let Some(stage) = stage {
            stays.push(Stayed { stage, from: at, to: None });
        }
    }

    fn wait(&mut self, lab: &Lab, printer: &PrinterName, fact: &Fact, at: WallTime) {
        let waits = match fact {
            Fact::JobStarted { .. } => false,
            Fact::BedCleared { .. } | Fact::BedGivenBack { .. } => {
                matches!(lab.printer(printer).bed, Bed::Occupied { .. })
            }
            ended if ended.ends_job() => matches!(lab.printer(printer).bed, Bed::Occupied { .. }),
            _ => return,
        };
        let spans = self.waits.entry(printer.clone()).or_default();
        match spans.last_mut().filter(|span| span.to.is_none()) {
            Some(open) if !waits => open.to = Some(at),
            None if waits => spans.push(Span { from: at, to: None }),
            _ => {}
        }
    }

    fn tell(&mut self, lab: &Lab, event: &Event, hash: ChainHash) {
        let wanted = match &self.telling {
            Telling::Nothing => false,
            _ if matches!(event.fact, Fact::JobProgress { .. }) => false,
            Telling::Case(case) => story::is_of_case(lab, event, case),
            Telling::Lot(lot) => is_of_lot(event, lot),
            Telling::Printer(printer) => is_of_printer(event, printer),
            Telling::Between(from, to) => (*from..=*to).contains(&event.stamp.wall),
        };
        if !wanted {
            return;
        }
        if self.told.len() >= TOLD_MAX {
            self.untold += 1;
            return;
        }
        self.told.push(Entry {
            seq: event.seq,
            at: event.stamp.wall.to_string(),
            who: story::who(event),
            what: sentence(&event.fact),
            hash: hash.to_hex(),
        });
    }
}

/// What happened, without words that may say who a patient is. The quality half's sentences are guarded already, and
/// have days of expiry in them, which the guard would take for a person's.
pub fn sentence(fact: &Fact) -> String {
    let told = story::told(fact);
    match fact {
        Fact::Quality(_) => told,
        _ if pass(&without_hashes(fact, &told), &Known::none()).is_ok() => told,
        _ => format!("{}: {HELD_BACK}", fact.word().replace('_', " ")),
    }
}

/// The beginning of a hash may look like the number of a study: those that the fact has are none.
fn without_hashes(fact: &Fact, told: &str) -> String {
    fn hashes(of: &serde_json::Value, into: &mut Vec<String>) {
        match of {
            serde_json::Value::String(text) => {
                into.extend(text.parse::<FileHash>().map(|hash| story::short(&hash).to_owned()))
            }
            serde_json::Value::Array(all) => all.iter().for_each(|one| hashes(one, into)),
            serde_json::Value::Object(all) => all.values().for_each(|one| hashes(one, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(fact) = serde_json::to_value(fact) {
        hashes(&fact, &mut found);
    }
    found.iter().fold(told.to_owned(), |told, hash| told.replace(hash.as_str(), ""))
}

/// Whether an entry is about a lot.
pub fn is_of_lot(event: &Event, lot: &LotId) -> bool {
    let Fact::Quality(fact) = &event.fact else { return false };
    match &fact.change {
        Change::Lot { lot: of, .. }
        | Change::Loaded { lot: of, .. }
        | Change::MaterialUsed { lot: of, .. } => of == lot,
        _ => false,
    }
}

/// Whether an entry is about a printer, whoever wrote it.
pub fn is_of_printer(event: &Event, printer: &PrinterName) -> bool {
    use crate::domain::quality::inspection::Subject;
    use crate::domain::quality::nonconformance::{About, Step};
    if event.fact.printer() == Some(printer) {
        return true;
    }
    let Fact::Quality(fact) = &event.fact else { return false };
    match &fact.change {
        Change::Loaded { printer: of, .. }
        | Change::Unloaded { printer: of, .. }
        | Change::Printer { printer: of, .. } => of == printer,
        Change::Inspection { measured, .. } => {
            matches!(&measured.subject, Subject::Phantom { printer: of, .. } if of == printer)
        }
        Change::Nonconformance {
            step: Step::Opened { about: About::Printer { printer: of }, .. }, ..
        } => of == printer,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_job_prints_is_told_whatever_its_file_s_hash_looks_like(digest: [u8; 32], digits in "[0-9]{12}") {
            let numbers = format!("{digits}{}", "0".repeat(52));
            for file in [FileHash::from_digest(digest), numbers.parse().unwrap()] {
                let (commands, pinned, material) = (313, None, None);
                let (resumes, gate, attempt, digest, also) = (None, None, None, file.clone(), Vec::new());
                let queued = Fact::JobQueued {
                    file,
                    commands,
                    digest,
                    pinned,
                    material,
                    resumes,
                    gate,
                    attempt,
                    also,
                };
                prop_assert!(!sentence(&queued).contains(HELD_BACK), "{}", story::told(&queued));
            }
        }
    }

    #[test]
    fn a_number_that_is_no_hash_of_the_entry_is_held_back() {
        let hash = || FileHash::from_digest([0xAB; 32]);
        let (commands, pinned, gate, attempt) = (313, None, None, None);
        let (resumes, material) = (None, Some("MRN 0123456789".to_owned()));
        let queued = Fact::JobQueued {
            file: hash(),
            commands,
            digest: hash(),
            pinned,
            material,
            resumes,
            gate,
            attempt,
            also: Vec::new(),
        };
        assert_eq!(sentence(&queued), format!("job queued: {HELD_BACK}"));
    }
}
