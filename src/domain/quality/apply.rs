//! What a granted change makes true. Whoever replays the journal gets the same again.

use super::build::shares;
use super::case::{CaseRecord, CaseState, Step as CaseStep};
use super::change::{Change, Fact};
use super::inspection::{Found, Inspection, Measured, Subject as Inspected, Verdict};
use super::lot::{Load, Lot, Step as LotStep};
use super::nonconformance::{
    Decision, Disposition, Nonconformance, NonconformanceState, Step as NonconformanceStep,
};
use super::part::{PartRecord, Step as PartStep};
use super::printed::{
    Acceptance, Doubt, LookBack, PrintedPart, PrintedState, QuarantineCause, Serial, Step as PrintedStep,
    Used,
};
use super::qualification::{Maintenance, Phantom, Qualification, Step as PrinterStep};
use super::revision::{Revision, RevisionState};
use super::signature::{self, Meaning, Proof, Signature, Subject, Voided};
use super::start::serials;
use super::{
    Key, assessment, confirmation, cost, effort, following, message, next_of, process, processing, taken,
};
use crate::domain::event::Event;
use crate::domain::ids::{CaseToken, FileHash, InspectionId, JobId, LotId, NonconformanceId, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::part::PartRef;
use crate::domain::people::name::PrintedName;

/// Who did what no person did.
const PLATEN: &str = "platen";

/// Makes a fact true. Returns what it touched, for the store.
pub fn apply(lab: &mut Lab, event: &Event, fact: &Fact) -> Vec<Key> {
    let by = fact.by.clone().unwrap_or_else(|| PLATEN.into());
    let printed_name = fact.printed_name.clone();
    let mut making = Making { lab, event, by, printed_name, touched: Vec::new() };
    match &fact.change {
        Change::Rules { rules } => {
            making.lab.quality.rules = *rules;
            making.touched.push(Key::Rules);
        }
        Change::Case { case, step } => making.case(case, step, fact.by.as_deref()),
        Change::Part { case, part, step } => making.part(case, *part, step),
        Change::Printed { serial, step } => making.printed(serial, step),
        Change::Inspection { id, measured, found: Some(found) } => making.inspection(id, measured, found),
        // No fact is without; a request's may be.
        Change::Inspection { found: None, .. } => {}
        Change::Template { template } => {
            let key = (template.name.clone(), template.version);
            making.touched.push(Key::Template(key.0.clone(), key.1));
            making.lab.quality.templates.insert(key, template.as_ref().clone());
        }
        Change::Instrument { instrument } => {
            let name = instrument.name.clone();
            making.touched.push(Key::Instrument(name.clone()));
            making.lab.quality.instruments.insert(name, instrument.as_ref().clone());
        }
        Change::Lot { lot, step } => making.lot(lot, step),
        Change::Loaded { lot, printer, slot } => making.loaded(lot, printer, *slot),
        Change::Unloaded { printer, slot } => making.unloaded(printer, *slot),
        Change::MaterialUsed { job, lot, milligrams, .. } => making.used(job, lot, *milligrams),
        Change::Printer { printer, step } => making.printer(printer, step),
        Change::Nonconformance { id, step } => making.nonconformance(id, step),
        Change::Process { process } => {
            let known =
                process::KnownProcess { process: process.as_ref().clone(), since: making.now(), gone: None };
            let key = (process.name.clone(), process.version);
            making.touched.push(Key::Process(key.0.clone(), key.1));
            making.lab.quality.processes.insert(key, known);
        }
        Change::ProcessGone { name } => {
            let (now, versions) = (making.now(), (name.clone(), 0)..=(name.clone(), u32::MAX));
            if let Some((key, known)) = making.lab.quality.processes.range_mut(versions).next_back() {
                known.gone.get_or_insert(now);
                making.touched.push(Key::Process(key.0.clone(), key.1));
            }
        }
        Change::ReportMade { made } => {
            let sha256 = taken::bytes(&made.sha256);
            let last = making.lab.quality.reports.range((sha256, 0)..=(sha256, u32::MAX)).next_back();
            let number = following(last.map(|((_, number), _)| *number));
            let taken = taken::Taken { by: fact.by.clone(), seq: event.seq };
            making.lab.quality.reports.insert((sha256, number), taken);
            making.touched.push(Key::Report(made.sha256.clone(), number));
        }
    }
    making.void_what_changed();
    making.touched
}

struct Making<'a> {
    lab: &'a mut Lab,
    event: &'a Event,
    by: String,
    printed_name: Option<PrintedName>,
    touched: Vec<Key>,
}

impl Making<'_> {
    fn now(&self) -> crate::domain::moment::WallTime {
        self.event.stamp.wall
    }

    fn sign(
        &mut self,
        case: &CaseToken,
        subject: Subject,
        meaning: Meaning,
        digest: &FileHash,
        proof: Proof,
    ) {
        let number = next_of(&self.lab.quality.signatures, case);
        let signature = Signature {
            case: case.clone(),
            number,
            subject,
            meaning,
            digest: digest.clone(),
            proof,
            by: self.by.clone(),
            printed_name: self.printed_name.clone(),
            at: self.now(),
            voided: None,
        };
        self.lab.quality.signatures.insert((case.clone(), number), signature);
        self.touched.push(Key::Signature(case.clone(), number));
    }

    fn void(&mut self, case: &CaseToken, number: u32) {
        let voided = Voided { at: self.now(), seq: self.event.seq };
        if let Some(signature) = self.lab.quality.signatures.get_mut(&(case.clone(), number)) {
            signature.voided.get_or_insert(voided);
            self.touched.push(Key::Signature(case.clone(), number));
        }
    }

    /// A signature under something that has changed is void from here on.
    fn void_what_changed(&mut self) {
        let mut cases: Vec<CaseToken> = Vec::new();
        for key in &self.touched {
            let case = match key {
                Key::Case(case) | Key::Signature(case, _) => Some(case),
                Key::Printed(serial) => Some(&serial.case),
                Key::Part(part) | Key::Revision(part, _) => self.lab.parts.get(part).map(|part| &part.case),
                _ => None,
            };
            cases.extend(case.cloned());
        }
        cases.sort();
        cases.dedup();
        for case in cases {
            // What has left the lab was signed as it was then.
            let out = !matches!(
                self.lab.quality.case_state(&case),
                CaseState::Released { .. } | CaseState::InQc { .. } | CaseState::OnHold { .. }
            );
            for number in signature::changed(self.lab, &case) {
                let of_case = self.lab.quality.holds(&case, number).map(|of| of.subject == Subject::Case);
                if !(out && of_case == Some(true)) {
                    self.void(&case, number);
                }
            }
        }
    }

    fn set_state(&mut self, case: &CaseToken, state: CaseState) {
        let (new, now) = (CaseRecord::new(case.clone()), self.now());
        let record = self.lab.quality.cases.entry(case.clone()).or_insert(new);
        record.reached.entry(state.word().to_owned()).or_insert(now);
        record.state = state;
        self.touched.push(Key::Case(case.clone()));
    }

    fn case(&mut self, case: &CaseToken, step: &CaseStep, person: Option<&str>) {
        let number = next_of(&self.lab.quality.signatures, case);
        let Ok(state) = self.lab.quality.case_state(case).after(step, number) else { return };
        match step {
            CaseStep::EffortNoted { effort } => {
                let number = next_of(&self.lab.quality.efforts, case);
                let (by, at) = (self.by.clone(), self.now());
                let entry = effort::EffortEntry { case: case.clone(), number, effort: *effort, by, at };
                self.lab.quality.efforts.insert((case.clone(), number), entry);
                return self.touched.push(Key::Effort(case.clone(), number));
            }
            CaseStep::CostNoted { cost } => {
                let number = next_of(&self.lab.quality.costs, case);
                let (by, at) = (self.by.clone(), self.now());
                let entry = cost::CostEntry { case: case.clone(), number, cost: cost.clone(), by, at };
                self.lab.quality.costs.insert((case.clone(), number), entry);
                return self.touched.push(Key::Cost(case.clone(), number));
            }
            CaseStep::MessagePosted { text, mentions } => {
                let number = next_of(&self.lab.quality.messages, case);
                let message = message::Message {
                    case: case.clone(),
                    number,
                    by: person.map(str::to_owned),
                    text: text.clone(),
                    mentions: mentions.clone(),
                    at: self.now(),
                };
                self.lab.quality.messages.insert((case.clone(), number), message);
                return self.touched.push(Key::Message(case.clone(), number));
            }
            CaseStep::UnitsConfirmed { confirmed } => {
                let (by, at) = (self.by.clone(), self.now());
                let (of, confirmed) = (case.clone(), confirmed.as_ref().clone());
                let confirmation = confirmation::Confirmation { case: of, confirmed, by, at };
                self.lab.quality.confirmations.insert(case.clone(), confirmation);
                return self.touched.push(Key::Confirmation(case.clone()));
            }
            _ => {}
        }
        self.set_state(case, state);
        match step {
            CaseStep::Described { about } => {
                if let Some(record) = self.lab.quality.cases.get_mut(case) {
                    record.about = Some(about.as_ref().clone());
                }
            }
            CaseStep::Approved { digest, proof, .. } => {
                self.sign(case, Subject::Design, Meaning::Approved, digest, *proof);
                self.revisions(case, |state| state.approve(number).ok());
            }
            CaseStep::Released { digest, proof } => {
                self.sign(case, Subject::Case, Meaning::Released, digest, *proof);
            }
            CaseStep::Assessed { assessment } => {
                let (by, at) = (self.by.clone(), self.now());
                let assessed = assessment::Assessed {
                    case: case.clone(),
                    assessment: assessment.as_ref().clone(),
                    by,
                    at,
                };
                self.lab.quality.assessments.insert(case.clone(), assessed);
                self.touched.push(Key::Assessment(case.clone()));
            }
            CaseStep::Reopened { .. } => self.reopened(case),
            _ => {}
        }
    }

    /// The current revisions of the parts of a case.
    fn revisions(&mut self, case: &CaseToken, step: impl Fn(RevisionState) -> Option<RevisionState>) {
        for part in self.lab.quality.parts.values().filter(|part| part.case == *case) {
            let key = (part.part.clone(), part.revision);
            let Some(revision) = self.lab.quality.revisions.get_mut(&key) else { continue };
            if let Some(state) = step(revision.state) {
                revision.state = state;
                self.touched.push(Key::Revision(key.0, key.1));
            }
        }
    }

    /// What was signed does not hold any more, and what was printed is of a design that may change.
    fn reopened(&mut self, case: &CaseToken) {
        let held: Vec<_> = self.lab.quality.signatures_of(case).map(|signature| signature.number).collect();
        for number in held {
            if self.lab.quality.holds(case, number).is_some() {
                self.void(case, number);
            }
        }
        self.revisions(case, |state| state.void().ok());
        let serials: Vec<_> =
            self.lab.quality.printed_of(case).map(|printed| printed.serial.clone()).collect();
        for serial in serials {
            let Some(printed) = self.lab.quality.printed.get_mut(&serial) else { continue };
            if printed.state.is_released() {
                self.quarantine(&serial, QuarantineCause::Reopened);
            } else if printed.state.quarantine(QuarantineCause::Reopened).is_ok() {
                printed.doubts.insert(Doubt::Superseded);
                printed.state = printed.state.doubt();
                self.touched.push(Key::Printed(serial));
            }
        }
    }

    fn part(&mut self, case: &CaseToken, number: u16, step: &PartStep) {
        let Ok(part) = self.lab.find_part(case, &PartRef::Number(number)) else { return };
        let part = part.id.clone();
        match step {
            PartStep::Described { about } => {
                let about = about.as_ref().clone();
                let new = PartRecord { part: part.clone(), case: case.clone(), number, about, revision: 0 };
                let revision = self.lab.quality.parts.get(&part).map_or(0, |known| known.revision);
                self.lab.quality.parts.insert(part.clone(), PartRecord { revision, ..new });
            }
            PartStep::Revised { revision } => {
                let Some(record) = self.lab.quality.parts.get_mut(&part) else { return };
                let before = record.revision;
                record.revision = before.saturating_add(1);
                let number = record.revision;
                if let Some(old) = self.lab.quality.revisions.get_mut(&(part.clone(), before)) {
                    old.state = old.state.supersede().unwrap_or(old.state);
                    self.touched.push(Key::Revision(part.clone(), before));
                }
                let new = Revision {
                    part: part.clone(),
                    number,
                    of: revision.as_ref().clone(),
                    state: RevisionState::Proposed,
                    by: self.by.clone(),
                    at: self.now(),
                };
                self.lab.quality.revisions.insert((part.clone(), number), new);
                self.touched.push(Key::Revision(part.clone(), number));
            }
        }
        self.touched.push(Key::Part(part));
    }

    fn printed(&mut self, serial: &Serial, step: &PrintedStep) {
        if let PrintedStep::Planned { replaces } = step {
            let part = self.lab.find_part(&serial.case, &PartRef::Number(serial.part));
            let Ok(part) = part.map(|part| part.id.clone()) else { return };
            let new = PrintedPart::new(serial.clone(), part, PrintedState::Planned);
            let planned = PrintedPart { replaces: replaces.clone(), ..new };
            self.lab.quality.printed.entry(serial.clone()).or_insert(planned);
            return self.touched.push(Key::Printed(serial.clone()));
        }
        if let PrintedStep::Quarantined { why } = step {
            return self.quarantine(serial, QuarantineCause::Person { why: why.clone() });
        }
        let number = next_of(&self.lab.quality.signatures, &serial.case);
        let Some(printed) = self.lab.quality.printed.get_mut(serial) else { return };
        let Ok(state) = printed.state.after(step, number) else { return };
        printed.state = state;
        self.touched.push(Key::Printed(serial.clone()));
        match step {
            PrintedStep::RevisionAttested { revision } => printed.revision = Some(*revision),
            PrintedStep::Processed { processing } => {
                printed.processings = printed.processings.saturating_add(1);
                printed.handled_by(&self.by);
                let number = printed.processings;
                let processed = processing::Processed {
                    serial: serial.clone(),
                    number,
                    processing: processing.as_ref().clone(),
                    by: self.by.clone(),
                    at: self.event.stamp.wall,
                };
                self.lab.quality.processed.insert((serial.clone(), number), processed);
                self.touched.push(Key::Processed(serial.clone(), number));
            }
            PrintedStep::Accepted { inspection, why } => {
                printed.accepted = Some(Acceptance::Inspection { id: inspection.clone(), why: why.clone() });
            }
            PrintedStep::Released { digest, proof } => {
                let subject = Subject::Part { serial: serial.clone() };
                self.sign(&serial.case, subject, Meaning::Released, digest, *proof);
            }
            PrintedStep::QuarantineLifted { .. } => {
                printed.doubts.insert(Doubt::Quarantined);
                printed.inspections.clear();
                printed.accepted = None;
            }
            PrintedStep::Recalled { .. } => self.take_case_back(&serial.case),
            _ => {}
        }
    }

    /// Keeps a part apart, where it is in the lab. What was signed for it does not hold any more.
    fn quarantine(&mut self, serial: &Serial, cause: QuarantineCause) {
        let Some(printed) = self.lab.quality.printed.get_mut(serial) else { return };
        let Ok(state) = printed.state.quarantine(cause) else { return };
        let released = printed.state.release_signature();
        printed.state = state;
        self.touched.push(Key::Printed(serial.clone()));
        if let Some(release) = released {
            self.void(&serial.case, release);
            self.take_case_back(&serial.case);
        }
    }

    /// A released case of which a part is released no more goes back into quality control.
    fn take_case_back(&mut self, case: &CaseToken) {
        let state = self.lab.quality.case_state(case);
        let back = state.take_back();
        if back == state {
            return;
        }
        if let Some(release) = state.release_signature() {
            self.void(case, release);
        }
        self.set_state(case, back);
    }

    /// Marks parts, and keeps those apart that are in the lab; the others are for somebody to recall.
    fn look_back(&mut self, serials: Vec<Serial>, because: &LookBack) {
        for serial in serials {
            if let Some(printed) = self.lab.quality.printed.get_mut(&serial) {
                printed.look_back(because.clone());
                self.touched.push(Key::Printed(serial.clone()));
            }
            let cause = match because {
                LookBack::LotRecalled { lot } => QuarantineCause::LotRecalled { lot: lot.clone() },
                LookBack::PhantomFailed { inspection } => {
                    QuarantineCause::PhantomFailed { inspection: inspection.clone() }
                }
            };
            self.quarantine(&serial, cause);
        }
    }

    fn inspection(&mut self, id: &InspectionId, measured: &Measured, found: &Found) {
        let inspection = Inspection {
            id: id.clone(),
            measured: measured.clone(),
            found: found.clone(),
            by: self.by.clone(),
            at: self.now(),
            seq: self.event.seq,
        };
        self.lab.quality.inspections.insert(id.clone(), inspection);
        self.touched.push(Key::Inspection(id.clone()));
        match &measured.subject {
            Inspected::Part { serial } => {
                if let Some(printed) = self.lab.quality.printed.get_mut(serial) {
                    printed.inspections.push(id.clone());
                    self.touched.push(Key::Printed(serial.clone()));
                }
            }
            Inspected::Coupon { serial } => {
                if let (Verdict::Fail, Some(printed)) =
                    (found.verdict, self.lab.quality.printed.get_mut(serial))
                {
                    printed.doubts.insert(Doubt::Coupon);
                    printed.state = printed.state.doubt();
                    self.touched.push(Key::Printed(serial.clone()));
                }
            }
            Inspected::Phantom { printer, next_due } => {
                let passed = match found.verdict {
                    Verdict::Pass => true,
                    Verdict::Fail => false,
                    // It says nothing yet.
                    Verdict::Flag | Verdict::Incomplete => return,
                };
                let phantom = Phantom { inspection: id.clone(), passed, seq: self.event.seq, at: self.now() };
                let since = self.printer_mut(printer).last_good.as_ref().map_or(0, |good| good.seq);
                let known = self.printer_mut(printer);
                known.last = Some(phantom.clone());
                if passed {
                    known.last_good = Some(phantom);
                    known.calibration_due = next_due.or(known.calibration_due);
                    return;
                }
                known.state = known.state.withdraw().unwrap_or_default();
                let because = LookBack::PhantomFailed { inspection: id.clone() };
                let began = self.lab.quality.printed_on_since(printer, since);
                let serials = began.map(|printed| printed.serial.clone()).collect();
                self.look_back(serials, &because);
            }
        }
    }

    fn printer_mut(&mut self, printer: &PrinterName) -> &mut Qualification {
        self.touched.push(Key::Printer(printer.clone()));
        let new = Qualification::new(printer.clone());
        self.lab.quality.printers.entry(printer.clone()).or_insert(new)
    }

    fn printer(&mut self, printer: &PrinterName, step: &PrinterStep) {
        if let PrinterStep::Maintained { what, minutes } = step {
            let number = next_of(&self.lab.quality.maintenance, printer);
            let (printer, what, minutes) = (printer.clone(), what.clone(), *minutes);
            let (by, at) = (self.by.clone(), self.now());
            let entry = Maintenance { printer: printer.clone(), number, what, minutes, by, at };
            self.lab.quality.maintenance.insert((printer.clone(), number), entry);
            return self.touched.push(Key::Maintenance(printer, number));
        }
        let known = self.printer_mut(printer);
        if let Ok(state) = known.state.after(step) {
            known.state = state;
        }
        if let PrinterStep::CalibrationDue { on } = step {
            known.calibration_due = Some(*on);
        }
    }

    fn lot(&mut self, id: &LotId, step: &LotStep) {
        self.touched.push(Key::Lot(id.clone()));
        if let LotStep::Received { about } = step {
            let lot = Lot::new(id.clone(), about.as_ref().clone());
            self.lab.quality.lots.insert(id.clone(), lot);
            return;
        }
        let Some(lot) = self.lab.quality.lots.get_mut(id) else { return };
        let Ok(state) = lot.state.after(step) else { return };
        lot.state = state;
        match step {
            LotStep::Opened { on } => {
                lot.opened.get_or_insert(*on);
            }
            LotStep::Consumed => lot.left_mg = 0,
            LotStep::Recalled { why } => {
                lot.recalled = Some(why.clone());
                let serials = self.lab.quality.printed_from(id).map(|of| of.serial.clone()).collect();
                self.look_back(serials, &LookBack::LotRecalled { lot: id.clone() });
            }
            _ => {}
        }
    }

    fn loaded(&mut self, lot: &LotId, printer: &PrinterName, slot: u8) {
        let last = self.lab.quality.loads.last_key_value().map_or(0, |(last, _)| *last);
        let number = last.saturating_add(1);
        let load = Load {
            number,
            lot: lot.clone(),
            printer: printer.clone(),
            slot,
            from: self.now(),
            by: self.by.clone(),
            to: None,
        };
        self.lab.quality.loads.insert(number, load);
        self.touched.push(Key::Load(number));
        // The part that is being printed has some of it from here on.
        let running = self.lab.running_on(printer).map(|job| serials(self.lab, job)).unwrap_or_default();
        let recalled = self.lab.quality.lots.get(lot).is_some_and(|lot| lot.recalled.is_some());
        for serial in &running {
            if let Some(printed) = self.lab.quality.printed.get_mut(serial) {
                printed.loaded(lot);
                self.touched.push(Key::Printed(serial.clone()));
            }
        }
        if recalled {
            self.look_back(running, &LookBack::LotRecalled { lot: lot.clone() });
        }
    }

    fn unloaded(&mut self, printer: &PrinterName, slot: u8) {
        let now = self.now();
        let mut loads = self.lab.quality.loads.values_mut();
        let of_it = |load: &&mut Load| load.to.is_none() && load.printer == *printer && load.slot == slot;
        if let Some(load) = loads.find(of_it) {
            load.to = Some(now);
            self.touched.push(Key::Load(load.number));
        }
    }

    fn used(&mut self, job: &JobId, lot: &LotId, milligrams: u64) {
        if let Some(of) = self.lab.quality.lots.get_mut(lot) {
            of.left_mg = of.left_mg.saturating_sub(milligrams);
            self.touched.push(Key::Lot(lot.clone()));
        }
        let pieces = self.lab.jobs.get(job).map(|job| serials(self.lab, job)).unwrap_or_default();
        // What each of them took by itself, nobody has weighed.
        let shares = shares(milligrams, pieces.len());
        for (serial, milligrams) in pieces.into_iter().zip(shares) {
            if let Some(printed) = self.lab.quality.printed.get_mut(&serial) {
                printed.used.push(Used { job: job.clone(), lot: lot.clone(), milligrams });
                self.touched.push(Key::Printed(serial));
            }
        }
    }

    fn nonconformance(&mut self, id: &NonconformanceId, step: &NonconformanceStep) {
        self.touched.push(Key::Nonconformance(id.clone()));
        let (by, at) = (self.by.clone(), self.now());
        if let NonconformanceStep::Opened { about, cause, severity, what } = step {
            let (about, what) = (about.clone(), what.clone());
            let state = NonconformanceState::Open;
            let id = id.clone();
            let opened = Nonconformance {
                id: id.clone(),
                about,
                cause: *cause,
                severity: *severity,
                what,
                state,
                by,
                at,
                seq: self.event.seq,
            };
            let serial = opened.serial().cloned();
            self.lab.quality.nonconformances.insert(id.clone(), opened);
            let Some(serial) = serial else { return };
            // What is rejected is apart already.
            let rejected =
                self.lab.quality.printed.get(&serial).map(|of| of.state.word()) == Some("rejected");
            if !rejected {
                self.quarantine(&serial, QuarantineCause::Nonconformance { id });
            }
            return;
        }
        let Some(known) = self.lab.quality.nonconformances.get_mut(id) else { return };
        match step {
            NonconformanceStep::Disposed { decision: disposition, why } => {
                let decision = Decision { disposition: disposition.clone(), why: why.clone(), by, at };
                let Ok(state) = known.state.dispose(decision) else { return };
                known.state = state;
                if let Some(serial) = known.serial().cloned() {
                    self.disposed(id, &serial, disposition, why);
                }
            }
            NonconformanceStep::Closed { capa } => {
                let of_part = known.serial().is_some();
                if let Ok(state) = known.state.close(of_part, capa.clone(), by, at) {
                    known.state = state;
                }
            }
            NonconformanceStep::Opened { .. } => {}
        }
    }

    fn disposed(
        &mut self,
        id: &NonconformanceId,
        serial: &Serial,
        disposition: &Disposition,
        why: &super::words::Line,
    ) {
        let Some(printed) = self.lab.quality.printed.get_mut(serial) else { return };
        let Ok(state) = printed.state.dispose(disposition, why) else { return };
        let out = printed.state.is_out();
        printed.state = state;
        self.touched.push(Key::Printed(serial.clone()));
        match disposition {
            Disposition::Scrap | Disposition::Reprint => {}
            Disposition::Rework => {
                printed.reworks = printed.reworks.saturating_add(1);
                printed.inspections.clear();
                printed.accepted = None;
            }
            Disposition::UseAsIs { digest, proof } => {
                if !out {
                    printed.accepted = Some(Acceptance::Concession { nonconformance: id.clone() });
                }
                let subject = Subject::Concession { nonconformance: id.clone() };
                self.sign(&serial.case, subject, Meaning::UseAsIs, digest, *proof);
            }
        }
    }
}
