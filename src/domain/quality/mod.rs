//! The quality half of a lab: from the wish for a model to the released part, with proof.
//!
//! Reading order: what people write (`words`), what a case and its parts are (`case`, `part`, `order`, `revision`),
//! what comes out of a printer (`build`, `printed`, `processing`, `inspection`, `nonconformance`), with what (`lot`,
//! `feeding`, `qualification`, `process`), who stands for it (`signature`), what it took and was worth (`effort`,
//! `cost`, `assessment`, `message`), what is billed of it (`confirmation`), which reports were made (`taken`).
//! Then `change` (the one way in), `judge` (whether), `apply` (what it makes true), `follow` (what print jobs make
//! true), `start` (whether a job may begin by the site's rules).
//!
//! Each noun's file has its states and a function for each step between them. Those know only states; what else has
//! to hold is asked in `judge`, with the whole lab at hand.
//!
//! # What can be asked for
//!
//! `lab::Request::Quality(Request { by, change })`, and each that is granted is the fact `Fact { by, change }`:
//!
//! | change | steps |
//! |---|---|
//! | `Rules` | sets `SiteRules`; all off until then |
//! | `Case` | `case::Step`: described, requested, accepted, design begun, approval asked, sent back, approved, production begun, QC begun, rework asked, released, delivered, used, assessed, reminded, assessment waived, closed, held, continued, cancelled, reopened; effort noted, cost noted, message posted, units confirmed |
//! | `Part` | `part::Step`: described, revised |
//! | `Printed` | `printed::Step`: planned, revision attested, processed, sent to inspection, accepted, rejected, scrapped, released, packed, handed over, delivered, quarantined, quarantine lifted, recalled |
//! | `Inspection` | measured; the verdicts are platen's |
//! | `Template`, `Instrument` | written |
//! | `Lot` | `lot::Step`: received, opened, released, blocked, unblocked, consumed, recalled |
//! | `Loaded`, `Unloaded`, `MaterialUsed` | which lot is where, and what went into a part; who works on its case is told of a lot that runs out |
//! | `Printer` | `qualification::Step`: qualified, restricted, withdrawn, calibration due, maintained |
//! | `Nonconformance` | `nonconformance::Step`: opened, disposed, closed |
//! | `Process`, `ProcessGone` | platen's: what the site's catalogue of processes says now, where that is news |
//! | `ReportMade` | that a report was made, under which hash |
//!
//! What is signed (approved, released, used as is) is shown by `signature::to_sign`, and asked for with the digest of
//! that. Nothing of all this has a job as its subject, so nothing of it is published.

pub mod words;

mod refusal;
pub mod rules;
pub use refusal::{Hindrance, Illegal, Lacking, Refusal, What};

pub mod case;
pub mod order;
pub mod part;
pub mod revision;

pub mod build;
pub mod inspection;
pub mod nonconformance;
pub mod printed;
pub mod processing;

pub mod feeding;
pub mod lot;
pub mod process;
pub mod qualification;

pub mod signature;

pub mod assessment;
pub mod confirmation;
pub mod cost;
pub mod effort;
pub mod message;

pub mod taken;

mod change;
pub use change::{Change, Fact, Request};

mod apply;
mod follow;
mod judge;
pub mod start;

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use apply::apply;
pub use follow::{attempt, follow, pieces};
pub use judge::{judge, may_add_part};
pub use start::may_start;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

use assessment::Assessed;
use build::Build;
use case::{CaseRecord, CaseState};
use confirmation::Confirmation;
use cost::CostEntry;
use effort::EffortEntry;
use inspection::{Inspection, Instrument, Template};
use lot::{Load, Lot};
use message::Message;
use nonconformance::Nonconformance;
use order::Quantity;
use part::PartRecord;
use printed::{LookBack, PrintedPart, Serial};
use process::KnownProcess;
use processing::Processed;
use qualification::{Maintenance, Qualification};
use revision::Revision;
use rules::SiteRules;
use signature::Signature;
use taken::Taken;

use super::ids::{
    CaseToken, FileHash, InspectionId, InstrumentName, JobId, LotId, NonconformanceId, PartId, PrinterName,
    ProcessName, TemplateName,
};
use super::lab::Lab;

/// Everything of the quality half. What was never touched by it has no record here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    pub rules: SiteRules,
    pub cases: BTreeMap<CaseToken, CaseRecord>,
    pub parts: BTreeMap<PartId, PartRecord>,
    pub revisions: BTreeMap<(PartId, u16), Revision>,
    /// Of jobs with more than one piece.
    pub builds: BTreeMap<JobId, Build>,
    pub printed: BTreeMap<Serial, PrintedPart>,
    pub processed: BTreeMap<(Serial, u16), Processed>,
    pub inspections: BTreeMap<InspectionId, Inspection>,
    pub templates: BTreeMap<(TemplateName, u16), Template>,
    pub instruments: BTreeMap<InstrumentName, Instrument>,
    pub lots: BTreeMap<LotId, Lot>,
    pub loads: BTreeMap<u64, Load>,
    pub printers: BTreeMap<PrinterName, Qualification>,
    pub maintenance: BTreeMap<(PrinterName, u32), Maintenance>,
    pub nonconformances: BTreeMap<NonconformanceId, Nonconformance>,
    pub signatures: BTreeMap<(CaseToken, u32), Signature>,
    pub efforts: BTreeMap<(CaseToken, u32), EffortEntry>,
    pub costs: BTreeMap<(CaseToken, u32), CostEntry>,
    pub messages: BTreeMap<(CaseToken, u32), Message>,
    pub assessments: BTreeMap<CaseToken, Assessed>,
    pub confirmations: BTreeMap<CaseToken, Confirmation>,
    pub processes: BTreeMap<(ProcessName, u32), KnownProcess>,
    /// By the bytes of their hash, and a number for each who took one.
    pub reports: BTreeMap<([u8; 32], u32), Taken>,
}

/// Where a thing of the quality half is kept in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Rules,
    Case(CaseToken),
    Part(PartId),
    Revision(PartId, u16),
    Build(JobId),
    Printed(Serial),
    Processed(Serial, u16),
    Inspection(InspectionId),
    Template(TemplateName, u16),
    Instrument(InstrumentName),
    Lot(LotId),
    Load(u64),
    Printer(PrinterName),
    Maintenance(PrinterName, u32),
    Nonconformance(NonconformanceId),
    Signature(CaseToken, u32),
    Effort(CaseToken, u32),
    Cost(CaseToken, u32),
    Message(CaseToken, u32),
    Assessment(CaseToken),
    Confirmation(CaseToken),
    Process(ProcessName, u32),
    Report(FileHash, u32),
}

impl Key {
    /// The key behind `quality/`.
    pub fn path(&self) -> String {
        match self {
            Self::Rules => "rules".into(),
            Self::Case(case) => format!("case/{case}"),
            Self::Part(part) => format!("part/{part}"),
            Self::Revision(part, number) => format!("revision/{part}/{number}"),
            Self::Build(job) => format!("build/{job}"),
            Self::Printed(serial) => format!("printed/{serial}"),
            Self::Processed(serial, number) => format!("processed/{serial}/{number}"),
            Self::Inspection(id) => format!("inspection/{id}"),
            Self::Template(name, version) => format!("template/{name}/{version}"),
            Self::Instrument(name) => format!("instrument/{name}"),
            Self::Lot(id) => format!("lot/{id}"),
            Self::Load(number) => format!("load/{number}"),
            Self::Printer(name) => format!("printer/{name}"),
            Self::Maintenance(printer, number) => format!("maintenance/{printer}/{number}"),
            Self::Nonconformance(id) => format!("nonconformance/{id}"),
            Self::Signature(case, number) => format!("signature/{case}/{number}"),
            Self::Effort(case, number) => format!("effort/{case}/{number}"),
            Self::Cost(case, number) => format!("cost/{case}/{number}"),
            Self::Message(case, number) => format!("message/{case}/{number}"),
            Self::Assessment(case) => format!("assessment/{case}"),
            Self::Confirmation(case) => format!("confirmation/{case}"),
            Self::Process(name, version) => format!("process/{name}/{version}"),
            Self::Report(sha256, number) => format!("report/{sha256}/{number}"),
        }
    }
}

fn json<T: Serialize>(of: Option<&T>) -> Option<Vec<u8>> {
    serde_json::to_vec(of?).ok()
}

fn take<K: Ord, T: DeserializeOwned>(
    into: &mut BTreeMap<K, T>,
    json: &[u8],
    key: impl Fn(&T) -> K,
) -> serde_json::Result<()> {
    let thing: T = serde_json::from_slice(json)?;
    into.insert(key(&thing), thing);
    Ok(())
}

/// The number behind the last one of a case, or of a printer.
fn next_of<K: Clone + Ord, T>(numbered: &BTreeMap<(K, u32), T>, of: &K) -> u32 {
    let last = numbered.range((of.clone(), 0)..=(of.clone(), u32::MAX)).next_back();
    following(last.map(|((_, number), _)| *number))
}

/// The number behind the last, and 1 where there is none.
fn following(last: Option<u32>) -> u32 {
    last.unwrap_or(0).saturating_add(1)
}

impl Quality {
    /// The bytes under which a thing is kept.
    pub fn entity(&self, key: &Key) -> Option<Vec<u8>> {
        match key {
            Key::Rules => json(Some(&self.rules)),
            Key::Case(case) => json(self.cases.get(case)),
            Key::Part(part) => json(self.parts.get(part)),
            Key::Revision(part, number) => json(self.revisions.get(&(part.clone(), *number))),
            Key::Build(job) => json(self.builds.get(job)),
            Key::Printed(serial) => json(self.printed.get(serial)),
            Key::Processed(serial, number) => json(self.processed.get(&(serial.clone(), *number))),
            Key::Inspection(id) => json(self.inspections.get(id)),
            Key::Template(name, version) => json(self.templates.get(&(name.clone(), *version))),
            Key::Instrument(name) => json(self.instruments.get(name)),
            Key::Lot(id) => json(self.lots.get(id)),
            Key::Load(number) => json(self.loads.get(number)),
            Key::Printer(name) => json(self.printers.get(name)),
            Key::Maintenance(printer, number) => json(self.maintenance.get(&(printer.clone(), *number))),
            Key::Nonconformance(id) => json(self.nonconformances.get(id)),
            Key::Signature(case, number) => json(self.signatures.get(&(case.clone(), *number))),
            Key::Effort(case, number) => json(self.efforts.get(&(case.clone(), *number))),
            Key::Cost(case, number) => json(self.costs.get(&(case.clone(), *number))),
            Key::Message(case, number) => json(self.messages.get(&(case.clone(), *number))),
            Key::Assessment(case) => json(self.assessments.get(case)),
            Key::Confirmation(case) => json(self.confirmations.get(case)),
            Key::Process(name, version) => json(self.processes.get(&(name.clone(), *version))),
            Key::Report(sha256, number) => json(self.reports.get(&(taken::bytes(sha256), *number))),
        }
    }

    /// Takes one stored thing back in; `path` is the key behind `quality/`.
    pub fn restore(&mut self, path: &str, json: &[u8]) -> serde_json::Result<()> {
        match path.split_once('/').map_or(path, |(kind, _)| kind) {
            "rules" => {
                self.rules = serde_json::from_slice(json)?;
                Ok(())
            }
            "case" => take(&mut self.cases, json, |of| of.case.clone()),
            "part" => take(&mut self.parts, json, |of| of.part.clone()),
            "revision" => take(&mut self.revisions, json, |of| (of.part.clone(), of.number)),
            "build" => take(&mut self.builds, json, |of| of.job.clone()),
            "printed" => take(&mut self.printed, json, |of| of.serial.clone()),
            "processed" => take(&mut self.processed, json, |of| (of.serial.clone(), of.number)),
            "inspection" => take(&mut self.inspections, json, |of| of.id.clone()),
            "template" => take(&mut self.templates, json, |of| (of.name.clone(), of.version)),
            "instrument" => take(&mut self.instruments, json, |of| of.name.clone()),
            "lot" => take(&mut self.lots, json, |of| of.id.clone()),
            "load" => take(&mut self.loads, json, |of| of.number),
            "printer" => take(&mut self.printers, json, |of| of.printer.clone()),
            "maintenance" => take(&mut self.maintenance, json, |of| (of.printer.clone(), of.number)),
            "nonconformance" => take(&mut self.nonconformances, json, |of| of.id.clone()),
            "signature" => take(&mut self.signatures, json, |of| (of.case.clone(), of.number)),
            "effort" => take(&mut self.efforts, json, |of| (of.case.clone(), of.number)),
            "cost" => take(&mut self.costs, json, |of| (of.case.clone(), of.number)),
            "message" => take(&mut self.messages, json, |of| (of.case.clone(), of.number)),
            "assessment" => take(&mut self.assessments, json, |of| of.case.clone()),
            "confirmation" => take(&mut self.confirmations, json, |of| of.case.clone()),
            "process" => take(&mut self.processes, json, |of| (of.process.name.clone(), of.process.version)),
            "report" => {
                let named = path.strip_prefix("report/").and_then(|rest| rest.split_once('/'));
                let named =
                    named.and_then(|(sha256, number)| Some((sha256.parse().ok()?, number.parse().ok()?)));
                let wrong = || -> serde_json::Error { serde::de::Error::custom("its key names no report") };
                let (sha256, number): (FileHash, u32) = named.ok_or_else(wrong)?;
                self.reports.insert((taken::bytes(&sha256), number), serde_json::from_slice(json)?);
                Ok(())
            }
            _ => Err(serde::de::Error::custom("unknown kind of entry: written by a newer platen?")),
        }
    }

    /// Everything that is kept.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        if self.rules != SiteRules::default() {
            keys.push(Key::Rules);
        }
        keys.extend(self.cases.keys().cloned().map(Key::Case));
        keys.extend(self.parts.keys().cloned().map(Key::Part));
        keys.extend(self.revisions.keys().cloned().map(|(part, number)| Key::Revision(part, number)));
        keys.extend(self.builds.keys().cloned().map(Key::Build));
        keys.extend(self.printed.keys().cloned().map(Key::Printed));
        keys.extend(self.processed.keys().cloned().map(|(serial, number)| Key::Processed(serial, number)));
        keys.extend(self.inspections.keys().cloned().map(Key::Inspection));
        keys.extend(self.templates.keys().cloned().map(|(name, version)| Key::Template(name, version)));
        keys.extend(self.instruments.keys().cloned().map(Key::Instrument));
        keys.extend(self.lots.keys().cloned().map(Key::Lot));
        keys.extend(self.loads.keys().copied().map(Key::Load));
        keys.extend(self.printers.keys().cloned().map(Key::Printer));
        let maintained = self.maintenance.keys().cloned();
        keys.extend(maintained.map(|(printer, number)| Key::Maintenance(printer, number)));
        keys.extend(self.nonconformances.keys().cloned().map(Key::Nonconformance));
        keys.extend(self.signatures.keys().cloned().map(|(case, number)| Key::Signature(case, number)));
        keys.extend(self.efforts.keys().cloned().map(|(case, number)| Key::Effort(case, number)));
        keys.extend(self.costs.keys().cloned().map(|(case, number)| Key::Cost(case, number)));
        keys.extend(self.messages.keys().cloned().map(|(case, number)| Key::Message(case, number)));
        keys.extend(self.assessments.keys().cloned().map(Key::Assessment));
        keys.extend(self.confirmations.keys().cloned().map(Key::Confirmation));
        keys.extend(self.processes.keys().cloned().map(|(name, version)| Key::Process(name, version)));
        let reports = self.reports.keys();
        keys.extend(reports.map(|(sha256, number)| Key::Report(FileHash::from_digest(*sha256), *number)));
        keys
    }

    /// The first thing that is not the same here and there, by its key behind `quality/`.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut keys = self.keys();
        keys.extend(other.keys());
        keys.push(Key::Rules);
        keys.sort();
        keys.into_iter().find(|key| self.entity(key) != other.entity(key)).map(|key| key.path())
    }

    /// Something that another thing names and that is not there, by its key in the store.
    pub fn lost(&self, lab: &Lab) -> Option<String> {
        let quality = |key: Key| Some(format!("quality/{}", key.path()));
        for job in lab.jobs.values() {
            let mut serials = start::serials(lab, job).into_iter();
            if let Some(serial) = serials.find(|serial| !self.printed.contains_key(serial)) {
                return quality(Key::Printed(serial));
            }
        }
        for printed in self.printed.values() {
            let case = &printed.serial.case;
            let job = printed.job.as_ref().and_then(|job| lab.jobs.get(job));
            if let Some(job) = job.filter(|job| !start::serials(lab, job).contains(&printed.serial)) {
                return quality(Key::Build(job.id.clone()));
            }
            if !lab.parts.contains_key(&printed.part) {
                return Some(format!("part/{}", printed.part));
            }
            if let Some(lost) = printed.inspections.iter().find(|id| !self.inspections.contains_key(*id)) {
                return quality(Key::Inspection(lost.clone()));
            }
            if let Some(lost) = printed.lots.iter().find(|id| !self.lots.contains_key(*id)) {
                return quality(Key::Lot(lost.clone()));
            }
            let release = printed.state.release_signature();
            if let Some(lost) = release.filter(|of| !self.signatures.contains_key(&(case.clone(), *of))) {
                return quality(Key::Signature(case.clone(), lost));
            }
        }
        for record in self.parts.values() {
            let lost = (1..=record.revision)
                .find(|number| !self.revisions.contains_key(&(record.part.clone(), *number)));
            if let Some(lost) = lost {
                return quality(Key::Revision(record.part.clone(), lost));
            }
        }
        for record in self.cases.values() {
            let signed = [record.state.approval(), record.state.release_signature()];
            let mut signed = signed.into_iter().flatten();
            if let Some(lost) =
                signed.find(|number| !self.signatures.contains_key(&(record.case.clone(), *number)))
            {
                return quality(Key::Signature(record.case.clone(), lost));
            }
        }
        let lost = self.loads.values().find(|load| !self.lots.contains_key(&load.lot));
        lost.and_then(|load| quality(Key::Lot(load.lot.clone())))
    }

    /// How far a case has come; one of which the quality half has never heard is a draft.
    pub fn case_state(&self, case: &CaseToken) -> CaseState {
        self.cases.get(case).map(|record| record.state.clone()).unwrap_or_default()
    }

    /// The printed parts of a case, by part and attempt.
    pub fn printed_of<'a>(&'a self, case: &CaseToken) -> impl Iterator<Item = &'a PrintedPart> + use<'a> {
        let first = Serial { case: case.clone(), part: 0, attempt: 0 };
        let last = Serial { case: case.clone(), part: u16::MAX, attempt: u32::MAX };
        self.printed.range(first..=last).map(|(_, printed)| printed)
    }

    /// The printed parts of one part of a case, by attempt.
    pub fn attempts_at<'a>(
        &'a self,
        case: &CaseToken,
        part: u16,
    ) -> impl DoubleEndedIterator<Item = &'a PrintedPart> + use<'a> {
        let first = Serial { case: case.clone(), part, attempt: 0 };
        let last = Serial { case: case.clone(), part, attempt: u32::MAX };
        self.printed.range(first..=last).map(|(_, printed)| printed)
    }

    /// What is loaded on a printer now, by slot.
    pub fn loaded_on<'a>(&'a self, printer: &'a PrinterName) -> impl Iterator<Item = &'a Load> + use<'a> {
        self.loads.values().filter(move |load| load.to.is_none() && load.printer == *printer)
    }

    /// The first piece that a job makes or goes on with, where it is followed.
    pub fn printed_by(&self, lab: &Lab, job: &super::job::Job) -> Option<&PrintedPart> {
        self.printed.get(start::serials(lab, job).first()?)
    }

    /// All pieces that a job makes or goes on with, where it is followed.
    pub fn pieces_of<'a>(&'a self, lab: &Lab, job: &super::job::Job) -> Vec<&'a PrintedPart> {
        start::serials(lab, job).iter().filter_map(|serial| self.printed.get(serial)).collect()
    }

    /// The serials of all pieces of a job that lays several on the bed; nothing where it is one.
    pub fn build_of(&self, lab: &Lab, job: &super::job::Job) -> Vec<String> {
        if !self.builds.contains_key(&job.id) {
            return Vec::new();
        }
        self.pieces_of(lab, job).iter().map(|piece| piece.serial.to_string()).collect()
    }

    /// How many prints of a part were ordered.
    pub fn ordered(&self, part: &PartId) -> Quantity {
        let ordered = self.parts.get(part).and_then(|record| record.about.ordered.as_ref());
        ordered.map_or(Quantity::ONE, |ordered| ordered.quantity)
    }

    /// The costs that were noted of a case, by number.
    pub fn costs_of<'a>(&'a self, case: &CaseToken) -> impl Iterator<Item = &'a CostEntry> + use<'a> {
        self.costs.range((case.clone(), 0)..=(case.clone(), u32::MAX)).map(|(_, entry)| entry)
    }

    /// What was done to a printer, oldest first.
    pub fn maintenance_of<'a>(
        &'a self,
        printer: &PrinterName,
    ) -> impl DoubleEndedIterator<Item = &'a Maintenance> + use<'a> {
        let all = self.maintenance.range((printer.clone(), 0)..=(printer.clone(), u32::MAX));
        all.map(|(_, entry)| entry)
    }

    /// All parts that were printed from a lot.
    pub fn printed_from<'a>(&'a self, lot: &'a LotId) -> impl Iterator<Item = &'a PrintedPart> + use<'a> {
        self.printed.values().filter(move |printed| printed.lots.contains(lot))
    }

    /// All parts whose print began on a printer behind an entry of the journal.
    pub fn printed_on_since<'a>(
        &'a self,
        printer: &'a PrinterName,
        seq: u64,
    ) -> impl Iterator<Item = &'a PrintedPart> + use<'a> {
        self.printed.values().filter(move |printed| {
            printed.printer.as_ref() == Some(printer) && printed.started_seq.is_some_and(|began| began > seq)
        })
    }

    /// The look-back list of a recalled lot or a failed phantom: those in the lab are in quarantine since, those that
    /// are out are for somebody to recall.
    pub fn looked_back<'a>(
        &'a self,
        because: &'a LookBack,
    ) -> impl Iterator<Item = &'a PrintedPart> + use<'a> {
        self.printed.values().filter(move |printed| printed.lookbacks.contains(because))
    }
}
