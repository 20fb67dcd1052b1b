//! Whether a change is granted: the state machines say whether it is possible, and here is what else has to hold.

use serde::Serialize;
use std::collections::BTreeSet;

use super::case::{CaseState, Step as CaseStep};
use super::change::{Change, Fact, Request};
use super::confirmation::CODES_MAX;
use super::inspection::{
    Found, ITEMS_MAX, Item, LIMIT_MAX, Measured, NAMES_MAX, PHOTOS_MAX, Subject, Template, Verdict,
};
use super::lot::{RunningOut, SLOTS, Step as LotStep, Unusable};
use super::message::MENTIONS_MAX;
use super::nonconformance::{About, Disposition, NonconformanceState, Step as NonconformanceStep};
use super::order::Scale;
use super::part::{PartRecord, Step as PartStep};
use super::printed::{
    Doubt, INSPECTIONS_MAX, LOTS_MAX, OPERATORS_MAX, PrintedPart, Serial, Step as PrintedStep, USED_MAX,
};
use super::qualification::{QualificationState, Step as PrinterStep};
use super::refusal::{Illegal, Lacking, Refusal, What};
use super::revision::{NewRevision, RevisionState};
use super::signature::{self, Proof};
use super::words::{Line, Text};
use super::{follow, next_of};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::event::Fact as LabFact;
use crate::domain::ids::{CaseToken, FileHash, InspectionId, JobId, LotId, NonconformanceId};
use crate::domain::job::JobState;
use crate::domain::lab::{Lab, person};
use crate::domain::moment::WallTime;
use crate::domain::part::{Part, PartRef};

type Facts = Vec<(Option<JobId>, LabFact)>;

/// More steps of processing are not noted of one part.
const PROCESSINGS_MAX: u16 = 200;
const REVISIONS_MAX: u16 = 999;
/// What is said of a case or a part, in bytes of its JSON: all words at their longest would not fit into an entry.
const ABOUT_MAX: usize = 1_310;

fn names(by: &str) -> Result<String, Refusal> {
    person(by).map_err(|_| Refusal::Name)
}

/// Whether what is said of something fits into an entry of the journal.
fn fits(about: &impl Serialize) -> bool {
    serde_json::to_vec(about).is_ok_and(|json| json.len() <= ABOUT_MAX)
}

fn illegal(what: What) -> impl FnOnce(Illegal) -> Refusal {
    |illegal| Refusal::Illegal { what, illegal }
}

/// The facts that grant a request, or why it is refused. Changes nothing.
pub fn judge(lab: &Lab, request: &Request, now: WallTime) -> Result<Facts, Refusal> {
    let by = request.by.as_deref().map(names).transpose()?;
    let by_platen = matches!(
        request.change,
        Change::MaterialUsed { .. }
            | Change::Case { step: CaseStep::MessagePosted { .. }, .. }
            | Change::Printed { step: PrintedStep::Planned { .. }, .. }
            | Change::ReportMade { .. }
    );
    let platen_s = matches!(request.change, Change::Process { .. } | Change::ProcessGone { .. });
    if by.is_none() && !by_platen && !platen_s {
        return Err(Refusal::Name);
    }
    if by.is_some() && platen_s {
        return Err(Refusal::NotByAPerson);
    }
    let asking = Asking { lab, by: by.as_deref(), today: Day::in_utc(now) };
    let mut change = request.change.clone();
    let mut more = Facts::new();
    match &mut change {
        Change::Rules { .. } | Change::Instrument { .. } => {}
        Change::Case { case, step } => more = asking.case(case, step)?,
        Change::Part { case, part, step } => asking.part(case, *part, step)?,
        Change::Printed { serial, step } => asking.printed(serial, step)?,
        Change::Inspection { id, measured, found } => *found = Some(asking.inspection(id, measured)?),
        Change::Template { template } => asking.template(template)?,
        Change::Lot { lot, step } => asking.lot(lot, step)?,
        Change::Loaded { lot, printer, slot } => asking.loaded(lot, printer, *slot)?,
        Change::Unloaded { printer, slot } => {
            if !lab.quality.loaded_on(printer).any(|load| load.slot == *slot) {
                return Err(Refusal::SlotEmpty { printer: printer.clone(), slot: *slot });
            }
        }
        Change::MaterialUsed { job, lot, milligrams, runs_out } => {
            (*runs_out, more) = asking.used(job, lot, *milligrams)?;
        }
        Change::Printer { printer, step } => asking.printer(printer, step)?,
        Change::Nonconformance { id, step } => more = asking.nonconformance(id, step)?,
        // What is known already is no news.
        Change::Process { process } if lab.quality.is_known(process) => return Ok(Facts::new()),
        Change::Process { process } => {
            process.version = lab.quality.next_version(&process.name);
            process.validated_for.dedup();
            process.validated_for.truncate(3);
        }
        Change::ProcessGone { name } => {
            if lab.quality.current_process(name.as_str()).is_none() {
                return Ok(Facts::new());
            }
        }
        Change::ReportMade { made } if lab.quality.has_taken(&made.sha256, by.as_deref()) => {
            return Ok(Facts::new());
        }
        Change::ReportMade { .. } => {}
    }
    let signer = by.as_deref().filter(|_| change.is_signed()).and_then(|by| lab.people.typed(by));
    let printed_name = signer.map(|signer| signer.printed.clone());
    let mut facts = vec![(None, LabFact::Quality(Fact { by, printed_name, change }))];
    facts.extend(more);
    Ok(facts)
}

/// The parts, where one print alone was ordered of each.
fn single(lacking: &[Lacking]) -> Option<Vec<u16>> {
    lacking.iter().map(|of| (u8::from(of.ordered) == 1).then_some(of.part)).collect()
}

/// Whether a revision has the scale that was ordered of its part.
fn as_ordered(record: &PartRecord, revision: u16, of: &NewRevision) -> Result<(), Refusal> {
    let ordered = record.about.ordered.as_ref().and_then(|ordered| ordered.other_scale(of.scale));
    let Some(ordered) = ordered else { return Ok(()) };
    let revised = Scale::try_from(of.scale).map_err(|_| Refusal::Revision)?;
    let (case, part) = (record.case.clone(), record.number);
    Err(Refusal::OtherScale { case, part, ordered, revision, revised })
}

/// Whether a part may be added to a case.
pub fn may_add_part(lab: &Lab, case: &CaseToken) -> Result<(), Refusal> {
    let state = lab.quality.case_state(case);
    if state.is_locked() {
        return Err(Refusal::Locked { case: case.clone(), state: Box::new(state) });
    }
    Ok(())
}

struct Asking<'a> {
    lab: &'a Lab,
    by: Option<&'a str>,
    today: Day,
}

impl<'a> Asking<'a> {
    fn case(&self, case: &CaseToken, step: &mut CaseStep) -> Result<Facts, Refusal> {
        let (lab, quality) = (self.lab, &self.lab.quality);
        let what = || What::Case(case.clone());
        let opened = lab.cases.get(case).ok_or_else(|| Refusal::Nothing(what()))?;
        let state = quality.case_state(case);
        let number = next_of(&quality.signatures, case);
        state.after(step, number).map_err(illegal(what()))?;
        let missing = |missing: Vec<String>| match missing.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Missing { what: what(), missing }),
        };
        let about = quality.cases.get(case).and_then(|record| record.about.as_ref());
        match step {
            CaseStep::Described { about }
                if !about.appropriateness.is_none_or(|rated| (1..=9).contains(&rated)) =>
            {
                return Err(Refusal::Appropriateness);
            }
            CaseStep::Described { about } if !fits(&**about) => return Err(Refusal::TooWordy(what())),
            CaseStep::Requested if about.is_none() => {
                missing(vec!["its kind".into(), "its ordering service".into()])?;
            }
            CaseStep::Accepted => {
                missing(self.undescribed(case))?;
            }
            CaseStep::ApprovalAsked => {
                let mut lacks = self.undescribed(case);
                let parts = lab.parts_of(case);
                let without =
                    |part: &&&Part| quality.parts.get(&part.id).is_none_or(|record| record.revision == 0);
                let without = parts.iter().filter(without);
                lacks.extend(without.map(|part| format!("a revision of part {}", part.number)));
                missing(lacks)?;
                for part in parts {
                    self.is_at_scale(part)?;
                }
            }
            CaseStep::Approved { digest, proof, confirmed } => {
                let odd = self.mirrored_or_modified(case);
                let unconfirmed: Vec<_> =
                    odd.iter().copied().filter(|part| !confirmed.contains(part)).collect();
                if !unconfirmed.is_empty() {
                    return Err(Refusal::NotConfirmed { case: case.clone(), parts: unconfirmed });
                }
                *confirmed = odd;
                self.signs(case, &signature::Subject::Design, digest, *proof)?;
            }
            CaseStep::ProductionBegun { process, validated_for, outside, version } => {
                *version = quality.current_process(process.as_str()).map(|known| known.process.version);
                validated_for.dedup();
                validated_for.truncate(3);
                let education = opened.intended_use == IntendedUse::Education;
                let outside = education && outside.is_some();
                if !outside && !validated_for.contains(&opened.intended_use) {
                    return Err(Refusal::NotValidated { process: process.to_string() });
                }
            }
            CaseStep::QcBegun => {
                let lacks = self.lacking(case, |printed| printed.state.has_left_the_printer());
                let told = |of: &Lacking| match u8::from(of.ordered) {
                    1 => format!("a print of part {}", of.part),
                    _ => format!("prints ({of})"),
                };
                missing(lacks.iter().map(told).collect())?;
            }
            CaseStep::Released { digest, proof } => {
                let lacking = self.lacking(case, |printed| printed.state.is_released());
                if !lacking.is_empty() {
                    let case = case.clone();
                    return Err(match single(&lacking) {
                        Some(parts) => Refusal::NotReleased { case, parts },
                        None => Refusal::TooFewReleased { case, lacking },
                    });
                }
                let open =
                    quality.nonconformances.values().find(|of| of.case() == Some(case) && !of.is_closed());
                if let Some(open) = open {
                    return Err(Refusal::NotClosed { what: what(), nonconformance: open.id.clone() });
                }
                for printed in quality.printed_of(case).filter(|printed| printed.state.is_released()) {
                    self.is_no_operator(printed)?;
                }
                self.signs(case, &signature::Subject::Case, digest, *proof)?;
            }
            CaseStep::Delivered => {
                let delivered = |printed: &PrintedPart| {
                    matches!(printed.state, super::printed::PrintedState::Delivered { .. })
                };
                let lacking = self.lacking(case, delivered);
                if !lacking.is_empty() {
                    let case = case.clone();
                    return Err(match single(&lacking) {
                        Some(parts) => Refusal::NotDelivered { case, parts },
                        None => Refusal::TooFewDelivered { case, lacking },
                    });
                }
            }
            CaseStep::AssessmentWaived { .. } => {
                let (CaseState::Delivered { out } | CaseState::Used { out }) = &state else {
                    return Ok(Facts::new());
                };
                let (asked, wanted) = (out.reminders, quality.rules.reminders_before_waiver);
                if asked < wanted {
                    return Err(Refusal::TooFewReminders { case: case.clone(), asked, wanted });
                }
            }
            CaseStep::MessagePosted { mentions, .. } => {
                if mentions.len() > MENTIONS_MAX {
                    return Err(Refusal::TooMany(what(), "mention 4 people at most in one message"));
                }
                *mentions = self.mentioned(mentions)?;
            }
            CaseStep::Reopened { .. } | CaseStep::Cancelled { .. } => {
                if let Some(out) = quality.printed_of(case).find(|printed| printed.state.is_out()) {
                    let what = What::Printed(out.serial.clone());
                    let state = out.state.word();
                    let todo = "recall it first";
                    return Err(illegal(what)(Illegal { state, wanted: "left behind", todo }));
                }
                return Ok(self.obsolete_jobs(case));
            }
            CaseStep::Assessed { assessment }
                if assessment.overall.is_none() && assessment.answers.is_none() =>
            {
                return Err(Refusal::NothingSaid);
            }
            CaseStep::UnitsConfirmed { confirmed } if confirmed.units.len() > CODES_MAX => {
                return Err(Refusal::TooMany(what(), "confirm 4 codes at most, as a table of codes has"));
            }
            CaseStep::EffortNoted { .. } if self.by.is_none() => return Err(Refusal::Name),
            _ => {}
        }
        Ok(Facts::new())
    }

    /// Each once, as they are called. Where people are set up, nobody is mentioned who does not read it.
    fn mentioned(&self, given: &[String]) -> Result<Vec<String>, Refusal> {
        let people = &self.lab.people;
        let mut all = Vec::new();
        for name in given {
            let name = names(name)?;
            let name = match people.typed(&name) {
                Some(user) if user.is_active() => user.name.to_string(),
                _ if people.users.is_empty() => name,
                _ => return Err(Refusal::NobodyCalled(name)),
            };
            if !all.contains(&name) {
                all.push(name);
            }
        }
        Ok(all)
    }

    /// What has not been said of a case and its parts, and has to be before anybody works on them.
    fn undescribed(&self, case: &CaseToken) -> Vec<String> {
        let mut lacks = Vec::new();
        let about = self.lab.quality.cases.get(case).and_then(|record| record.about.as_ref());
        if about.and_then(|about| about.indication.as_ref()).is_none() {
            lacks.push("its indication".into());
        }
        if about.and_then(|about| about.needed_by).is_none() {
            lacks.push("the day by which it is needed".into());
        }
        let parts = self.lab.parts_of(case);
        if parts.is_empty() {
            lacks.push("a part".into());
        }
        for part in parts {
            let about = self.lab.quality.parts.get(&part.id).map(|record| &record.about);
            if about.and_then(|about| about.units).is_none() {
                lacks.push(format!("the units of part {}", part.number));
            }
            if about.and_then(|about| about.laterality).is_none() {
                lacks.push(format!("the side of part {}", part.number));
            }
        }
        lacks
    }

    fn mirrored_or_modified(&self, case: &CaseToken) -> Vec<u16> {
        let current = |record: &&PartRecord| {
            let revision = self.lab.quality.revisions.get(&(record.part.clone(), record.revision));
            revision.is_some_and(|revision| revision.of.mirrored || revision.of.modified)
        };
        let parts = self.lab.parts_of(case);
        let records = parts.iter().filter_map(|part| self.lab.quality.parts.get(&part.id));
        records.filter(current).map(|record| record.number).collect()
    }

    /// Whether the current revision of a part has the scale that was ordered.
    fn is_at_scale(&self, part: &Part) -> Result<(), Refusal> {
        let quality = &self.lab.quality;
        let Some(record) = quality.parts.get(&part.id) else { return Ok(()) };
        match quality.revisions.get(&(part.id.clone(), record.revision)) {
            Some(current) => as_ordered(record, current.number, &current.of),
            None => Ok(()),
        }
    }

    /// The required parts of which there are fewer such prints than were ordered.
    fn lacking(&self, case: &CaseToken, is_such: impl Fn(&PrintedPart) -> bool) -> Vec<Lacking> {
        let quality = &self.lab.quality;
        let parts = self.lab.parts_of(case);
        // One that nobody has described may be needed.
        let required =
            parts.iter().filter(|part| quality.parts.get(&part.id).is_none_or(|of| of.about.required));
        let counted = required.map(|part| Lacking {
            part: part.number,
            there: quality.attempts_at(case, part.number).filter(|printed| is_such(printed)).count(),
            ordered: quality.ordered(&part.id),
        });
        counted.filter(|of| of.there < usize::from(u8::from(of.ordered))).collect()
    }

    /// Jobs of the case that wait, or are being sliced: what they were to print is obsolete.
    fn obsolete_jobs(&self, case: &CaseToken) -> Facts {
        let waiting = self.lab.jobs_of(case).into_iter();
        let waiting = waiting.filter(|job| matches!(job.state, JobState::Queued | JobState::Slicing { .. }));
        let cancelled =
            |by: &str| LabFact::JobCancelled { printer: None, progress: None, by: by.to_owned(), line: None };
        waiting.map(|job| (Some(job.id.clone()), cancelled(self.by.unwrap_or_default()))).collect()
    }

    /// Whether this is what is there to be signed, and the signer has shown who they are.
    fn signs(
        &self,
        case: &CaseToken,
        subject: &signature::Subject,
        digest: &FileHash,
        proof: Proof,
    ) -> Result<(), Refusal> {
        if self.lab.quality.rules.password_to_sign && proof != Proof::Password {
            return Err(Refusal::PasswordNeeded);
        }
        match signature::digest(self.lab, case, subject) {
            None => Err(Refusal::NothingToSign(What::Case(case.clone()))),
            Some(now) if now != *digest => Err(Refusal::OtherDigest { now }),
            Some(_) => Ok(()),
        }
    }

    /// Whoever signs for a part has not made it, unless the site says that they may.
    fn is_no_operator(&self, printed: &PrintedPart) -> Result<(), Refusal> {
        if self.lab.quality.rules.releaser_may_be_operator {
            return Ok(());
        }
        let serial = printed.serial.clone();
        if printed.operators.len() >= OPERATORS_MAX {
            return Err(Refusal::TooManyHands { serial });
        }
        match self.by {
            Some(by) if printed.operators.iter().any(|operator| operator.eq_ignore_ascii_case(by)) => {
                Err(Refusal::OwnWork { serial, by: by.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn part(&self, case: &CaseToken, number: u16, step: &PartStep) -> Result<(), Refusal> {
        let what = || What::Part(case.clone(), number);
        let found = self.lab.find_part(case, &PartRef::Number(number));
        let part = found.map_err(|_| Refusal::Nothing(what()))?;
        let state = self.lab.quality.case_state(case);
        state.describe().map_err(|_| Refusal::Locked { case: case.clone(), state: Box::new(state) })?;
        let revision = match step {
            PartStep::Described { about } if !fits(&**about) => return Err(Refusal::TooWordy(what())),
            PartStep::Described { .. } => return Ok(()),
            PartStep::Revised { revision } => revision,
        };
        let Some(record) = self.lab.quality.parts.get(&part.id) else {
            return Err(Refusal::Missing { what: what(), missing: vec!["a description".into()] });
        };
        if record.revision >= REVISIONS_MAX {
            return Err(Refusal::TooMany(what(), "add another part"));
        }
        let NewRevision { scale, extents, triangles, signed_volume, mirrored, .. } = revision.as_ref();
        let flat = extents.iter().any(|extent| extent.mm() <= 0.0);
        if *scale == 0 || flat || *triangles == 0 || *signed_volume == 0 {
            return Err(Refusal::Revision);
        }
        if *signed_volume < 0 && !mirrored {
            return Err(Refusal::InsideOut { part: number });
        }
        as_ordered(record, record.revision + 1, revision)
    }

    fn known(&self, serial: &Serial) -> Result<&'a PrintedPart, Refusal> {
        let what = || What::Printed(serial.clone());
        self.lab.quality.printed.get(serial).ok_or_else(|| Refusal::Nothing(what()))
    }

    fn printed(&self, serial: &Serial, step: &PrintedStep) -> Result<(), Refusal> {
        let quality = &self.lab.quality;
        let what = || What::Printed(serial.clone());
        if let PrintedStep::Planned { .. } = step {
            let part = self.lab.find_part(&serial.case, &PartRef::Number(serial.part));
            let part = part.map_err(|_| Refusal::Nothing(What::Part(serial.case.clone(), serial.part)))?;
            if quality.printed.contains_key(serial) {
                return Err(Refusal::Exists(what()));
            }
            return match follow::next_attempt(self.lab, part) {
                Some(next) if next == serial.attempt => Ok(()),
                _ => Err(Refusal::Nothing(what())),
            };
        }
        let printed = self.known(serial)?;
        let number = next_of(&quality.signatures, &serial.case);
        printed.state.after(step, number).map_err(illegal(what()))?;
        match step {
            PrintedStep::RevisionAttested { revision } => {
                let found = quality.revisions.get(&(printed.part.clone(), *revision));
                let found = found.ok_or_else(|| Refusal::Missing {
                    what: What::Part(serial.case.clone(), serial.part),
                    missing: vec![format!("revision {revision}")],
                })?;
                // Where the file was sliced here, its chain knows better than anybody.
                let chain = printed.job.as_ref().and_then(|job| self.lab.chains.get(job));
                if chain.is_some_and(|chain| chain.model.hash != found.of.mesh) {
                    return Err(Refusal::WrongRevision { serial: serial.clone() });
                }
            }
            PrintedStep::Processed { .. } if printed.processings >= PROCESSINGS_MAX => {
                return Err(Refusal::TooMany(what(), "send it to inspection"));
            }
            PrintedStep::Accepted { inspection, why } => self.accepts(printed, inspection, why.as_ref())?,
            PrintedStep::Released { digest, proof } => self.releases(printed, digest, *proof)?,
            PrintedStep::HandedOver { .. } | PrintedStep::Delivered { .. } => {
                let state = quality.case_state(&serial.case);
                if !matches!(state, CaseState::Released { .. } | CaseState::Delivered { .. }) {
                    let todo = "release the case first";
                    let illegal = Illegal { state: state.word(), wanted: "handed out in parts", todo };
                    return Err(Refusal::Illegal { what: What::Case(serial.case.clone()), illegal });
                }
            }
            PrintedStep::QuarantineLifted { .. } => {
                let open = self.of_part(serial).find(|of| of.state == NonconformanceState::Open);
                if let Some(open) = open {
                    return Err(Refusal::NotClosed { what: what(), nonconformance: open.id.clone() });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn of_part(&self, serial: &Serial) -> impl Iterator<Item = &'a super::nonconformance::Nonconformance> {
        let all = self.lab.quality.nonconformances.values();
        all.filter(move |of| of.serial() == Some(serial))
    }

    fn accepts(
        &self,
        printed: &PrintedPart,
        inspection: &InspectionId,
        why: Option<&Line>,
    ) -> Result<(), Refusal> {
        let quality = &self.lab.quality;
        let serial = || printed.serial.clone();
        let last = printed.inspections.last().and_then(|id| quality.inspections.get(id));
        let Some(last) = last.filter(|last| last.id == *inspection) else {
            let (inspection, last) = (inspection.clone(), printed.inspections.last().cloned());
            return Err(Refusal::NotTheLast { serial: serial(), inspection, last });
        };
        match last.found.verdict {
            Verdict::Pass => {}
            Verdict::Flag if why.is_some() => {}
            Verdict::Flag => {
                return Err(Refusal::Flagged { serial: serial(), inspection: inspection.clone() });
            }
            verdict => {
                let (inspection, verdict) = (inspection.clone(), verdict.word());
                return Err(Refusal::NotPassed { serial: serial(), inspection, verdict });
            }
        }
        let good = |id: &InspectionId| {
            let found = quality.inspections.get(id)?;
            (found.found.verdict <= Verdict::Flag).then_some(&found.measured.looked_at)
        };
        let looked_at: BTreeSet<Doubt> =
            printed.inspections.iter().filter_map(good).flatten().copied().collect();
        let doubts: Vec<_> = printed.doubts.difference(&looked_at).copied().collect();
        if !doubts.is_empty() {
            return Err(Refusal::Doubtful { serial: serial(), doubts });
        }
        if quality.rules.witness_coupon {
            let of_it = Subject::Coupon { serial: serial() };
            let passed = quality.inspections.values().any(|inspection| {
                inspection.measured.subject == of_it && inspection.found.verdict == Verdict::Pass
            });
            if !passed {
                return Err(Refusal::NoCoupon { serial: serial() });
            }
        }
        Ok(())
    }

    fn releases(&self, printed: &PrintedPart, digest: &FileHash, proof: Proof) -> Result<(), Refusal> {
        let quality = &self.lab.quality;
        let Serial { case, .. } = &printed.serial;
        let state = quality.case_state(case);
        if !matches!(state, CaseState::InQc { .. }) {
            return Err(Refusal::CaseNotInQc { case: case.clone(), state: state.word() });
        }
        let revision =
            printed.revision.and_then(|number| quality.revisions.get(&(printed.part.clone(), number)));
        if !revision.is_some_and(|revision| matches!(revision.state, RevisionState::Approved { .. })) {
            return Err(Refusal::WrongRevision { serial: printed.serial.clone() });
        }
        if let Some(open) = self.of_part(&printed.serial).find(|of| !of.is_closed()) {
            let what = What::Printed(printed.serial.clone());
            return Err(Refusal::NotClosed { what, nonconformance: open.id.clone() });
        }
        self.is_no_operator(printed)?;
        let subject = signature::Subject::Part { serial: printed.serial.clone() };
        self.signs(case, &subject, digest, proof)
    }

    fn inspection(&self, id: &InspectionId, measured: &Measured) -> Result<Found, Refusal> {
        let quality = &self.lab.quality;
        if quality.inspections.contains_key(id) {
            return Err(Refusal::Exists(What::Inspection(id.clone())));
        }
        let key = (measured.template.clone(), measured.version);
        let template = quality
            .templates
            .get(&key)
            .ok_or_else(|| Refusal::Nothing(What::Template(measured.template.clone(), measured.version)))?;
        match &measured.subject {
            Subject::Part { serial } => {
                let printed = self.known(serial)?;
                printed.state.inspect().map_err(illegal(What::Printed(serial.clone())))?;
                if printed.inspections.len() >= INSPECTIONS_MAX {
                    return Err(Refusal::TooMany(What::Printed(serial.clone()), "accept it, or reject it"));
                }
            }
            Subject::Coupon { serial } => {
                let printed = self.known(serial)?;
                printed.state.inspect_coupon().map_err(illegal(What::Printed(serial.clone())))?;
            }
            Subject::Phantom { .. } => {}
        }
        if measured.values.len() > template.items.len() {
            let (items, values) = (template.items.len(), measured.values.len());
            return Err(Refusal::Values { template: template.name.clone(), items, values });
        }
        if measured.photos.len() > PHOTOS_MAX {
            return Err(Refusal::TooMany(What::Inspection(id.clone()), "note 3 photos at most"));
        }
        let instrument = measured.instrument.as_ref().map(|name| {
            let found = quality.instruments.get(name);
            found.ok_or_else(|| Refusal::Nothing(What::Instrument(name.clone())))
        });
        let instrument = instrument.transpose()?;
        if template.method.needs_instrument() && instrument.is_none() {
            return Err(Refusal::InstrumentNeeded { template: template.name.clone() });
        }
        if let Some(late) = instrument.filter(|of| self.today > of.calibration_due) {
            let (instrument, due) = (late.name.clone(), late.calibration_due);
            return Err(Refusal::InstrumentDue { instrument, due });
        }
        let (items, verdict) = template.judge(&measured.values);
        Ok(Found { items, verdict, instrument_due: instrument.map(|of| of.calibration_due) })
    }

    fn template(&self, template: &Template) -> Result<(), Refusal> {
        let Template { name, version, items, .. } = template;
        let mut all = self.lab.quality.templates.range((name.clone(), 0)..=(name.clone(), u16::MAX));
        let next = all.next_back().map_or(0, |((_, last), _)| *last).saturating_add(1);
        if *version != next {
            return Err(Refusal::Version { template: name.clone(), next });
        }
        let bytes: usize = items.iter().map(|item| item.name.as_str().len()).sum();
        let small = -LIMIT_MAX..=LIMIT_MAX;
        let ordered = |item: &Item| item.low <= item.nominal && item.nominal <= item.high;
        let ordered =
            items.iter().all(|item| ordered(item) && small.contains(&item.low) && small.contains(&item.high));
        if items.is_empty() || items.len() > ITEMS_MAX || bytes > NAMES_MAX || !ordered {
            return Err(Refusal::Template);
        }
        Ok(())
    }

    fn lot(&self, id: &LotId, step: &LotStep) -> Result<(), Refusal> {
        let found = self.lab.quality.lots.get(id);
        if let LotStep::Received { .. } = step {
            return found.map_or(Ok(()), |_| Err(Refusal::Exists(What::Lot(id.clone()))));
        }
        let lot = found.ok_or_else(|| Refusal::Nothing(What::Lot(id.clone())))?;
        lot.state.after(step).map_err(illegal(What::Lot(id.clone())))?;
        let expired = Unusable::Expired(lot.about.expires);
        if *step == LotStep::Released && lot.unusable(self.today).contains(&expired) {
            return Err(Refusal::LotUnusable { lot: id.clone(), why: vec![expired] });
        }
        Ok(())
    }

    /// What is not good is loaded all the same: it is so, and a job is stopped by it.
    fn loaded(&self, id: &LotId, printer: &crate::domain::ids::PrinterName, slot: u8) -> Result<(), Refusal> {
        let quality = &self.lab.quality;
        if !quality.lots.contains_key(id) {
            return Err(Refusal::Nothing(What::Lot(id.clone())));
        }
        if slot >= SLOTS {
            return Err(Refusal::SlotEmpty { printer: printer.clone(), slot });
        }
        if let Some(taken) = quality.loaded_on(printer).find(|load| load.slot == slot) {
            return Err(Refusal::SlotTaken { printer: printer.clone(), slot, lot: taken.lot.clone() });
        }
        let running = self.lab.running_on(printer).map(|job| quality.pieces_of(self.lab, job));
        let full = |of: &&PrintedPart| of.lots.len() >= LOTS_MAX && !of.lots.contains(id);
        if let Some(full) = running.unwrap_or_default().into_iter().find(full) {
            let what = What::Printed(full.serial.clone());
            return Err(Refusal::TooMany(what, "cancel its job, and print it from fewer lots"));
        }
        Ok(())
    }

    /// Who works on the case is told when the lot is running out; whoever keeps material, when it comes to that, and not
    /// with each job that takes more of nothing.
    fn used(
        &self,
        job: &JobId,
        lot: &LotId,
        milligrams: u64,
    ) -> Result<(Option<RunningOut>, Facts), Refusal> {
        let not = || Refusal::NotUsed { lot: lot.clone(), job: job.clone() };
        let known = self.lab.jobs.get(job).ok_or_else(not)?;
        // Those of one build have the same.
        let printed = self.lab.quality.printed_by(self.lab, known).ok_or_else(not)?;
        let serial = printed.serial.clone();
        if !printed.lots.contains(lot) {
            return Err(not());
        }
        if printed.used.iter().any(|used| used.job == *job && used.lot == *lot) {
            return Err(Refusal::Deducted { lot: lot.clone(), job: job.clone() });
        }
        if printed.used.len() >= USED_MAX {
            return Err(Refusal::TooMany(What::Printed(serial), "note the rest as a waste of the lot"));
        }
        let Some(of) = self.lab.quality.lots.get(lot) else { return Ok((None, Facts::new())) };
        let Some(runs_out) = of.runs_out(milligrams) else { return Ok((None, Facts::new())) };
        let first = Some(runs_out).filter(|_| of.left_mg > 0);
        let Ok(text) = Text::new(&of.told(runs_out, milligrams)) else { return Ok((first, Facts::new())) };
        let step = CaseStep::MessagePosted { text, mentions: Vec::new() };
        let change = Change::Case { case: serial.case, step };
        Ok((first, vec![(None, LabFact::Quality(Fact { by: None, printed_name: None, change }))]))
    }

    fn printer(
        &self,
        printer: &crate::domain::ids::PrinterName,
        step: &mut PrinterStep,
    ) -> Result<(), Refusal> {
        let known = self.lab.quality.printers.get(printer);
        let state = known.map_or_else(QualificationState::default, |known| known.state.clone());
        state.after(step).map_err(illegal(What::Printer(printer.clone())))?;
        match step {
            PrinterStep::Qualified => {
                let last = known.and_then(|known| known.last.as_ref());
                if last.is_some_and(|last| !last.passed) {
                    return Err(Refusal::PhantomFailed(printer.clone()));
                }
            }
            PrinterStep::Restricted { uses, .. } => {
                uses.dedup();
                uses.truncate(3);
            }
            PrinterStep::Withdrawn { .. }
            | PrinterStep::CalibrationDue { .. }
            | PrinterStep::Maintained { .. } => {}
        }
        Ok(())
    }

    fn nonconformance(&self, id: &NonconformanceId, step: &NonconformanceStep) -> Result<Facts, Refusal> {
        let quality = &self.lab.quality;
        let what = || What::Nonconformance(id.clone());
        let found = quality.nonconformances.get(id);
        if let NonconformanceStep::Opened { about, .. } = step {
            if found.is_some() {
                return Err(Refusal::Exists(what()));
            }
            match about {
                About::Part { serial } => {
                    self.known(serial)?.state.find_fault().map_err(illegal(What::Printed(serial.clone())))?;
                }
                About::Case { case } if !self.lab.cases.contains_key(case) => {
                    return Err(Refusal::Nothing(What::Case(case.clone())));
                }
                About::Lot { lot } if !quality.lots.contains_key(lot) => {
                    return Err(Refusal::Nothing(What::Lot(lot.clone())));
                }
                About::Case { .. } | About::Lot { .. } | About::Printer { .. } => {}
            }
            return Ok(Facts::new());
        }
        let found = found.ok_or_else(|| Refusal::Nothing(what()))?;
        let by = self.by.unwrap_or_default();
        match step {
            NonconformanceStep::Closed { capa } => {
                let of_part = found.serial().is_some();
                let closed = found.state.close(of_part, capa.clone(), by.to_owned(), WallTime(0));
                closed.map_err(illegal(what()))?;
                Ok(Facts::new())
            }
            NonconformanceStep::Disposed { decision, why } => {
                let Some(serial) = found.serial() else { return Err(Refusal::NoPart) };
                found.state.may_dispose().map_err(illegal(what()))?;
                let printed = self.known(serial)?;
                printed.state.dispose(decision, why).map_err(illegal(What::Printed(serial.clone())))?;
                match decision {
                    Disposition::UseAsIs { digest, proof } => {
                        self.is_no_operator(printed)?;
                        let subject = signature::Subject::Concession { nonconformance: id.clone() };
                        self.signs(&serial.case, &subject, digest, *proof)?;
                        Ok(Facts::new())
                    }
                    Disposition::Reprint => Ok(self.reprint(printed)),
                    Disposition::Scrap | Disposition::Rework => Ok(Facts::new()),
                }
            }
            NonconformanceStep::Opened { .. } => Ok(Facts::new()),
        }
    }

    /// Another attempt, where none is planned yet.
    fn reprint(&self, printed: &PrintedPart) -> Facts {
        let Serial { case, part, .. } = &printed.serial;
        let planned = self.lab.quality.attempts_at(case, *part);
        let mut planned = planned.filter(|of| of.state == super::printed::PrintedState::Planned);
        let next = self.lab.parts.get(&printed.part).and_then(|part| follow::next_attempt(self.lab, part));
        let (None, Some(attempt)) = (planned.next(), next) else { return Facts::new() };
        let serial = Serial { case: case.clone(), part: *part, attempt };
        let step = PrintedStep::Planned { replaces: Some(printed.serial.clone()) };
        let change = Change::Printed { serial, step };
        vec![(None, LabFact::Quality(Fact { by: None, printed_name: None, change }))]
    }
}
