//! Counting's facts, derived from the lab in one place: what is counted, how long it took, what it took, what it cost.
//!
//! Each function here says which records it looks at. What no record says stays missing: it is never guessed, and
//! never zero. A print here is a piece (`PrintedPart`): a job that goes on with an interrupted piece is no new
//! attempt, and only the use of a printer is counted by jobs.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{Day, day_at};
use super::past::Past;
use super::words::{said, tag, term};
use crate::counting::codes::{AtDay, CodeTables};
use crate::counting::costs::{CostEvent, RateBook, Used};
use crate::counting::effort::{Bucket, Effort, EffortEntry, Who, Work};
use crate::counting::metrics::printing::{Attempt, AttemptOutcome, PartEnd, PartRecord};
use crate::counting::metrics::quality::{Calibration, Nonconformity};
use crate::counting::metrics::turnaround::{CaseTimes, Stage, Stay};
use crate::counting::metrics::utilisation::{PrinterTime, Span};
use crate::counting::metrics::value::{Assessment, Basis, Likert};
use crate::counting::metrics::volume::{Dimension, Piece};
use crate::counting::spc::Measurement;
use crate::counting::units::facts as unit;
use crate::counting::units::review::Confirmation;
use crate::domain::ids::{CaseToken, InspectionId, JobId, PartId, PrinterName};
use crate::domain::job::{Job, JobState, Outcome};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::quality::assessment as said_of;
use crate::domain::quality::build;
use crate::domain::quality::case::{CaseKind, CaseState};
use crate::domain::quality::effort::{EffortCategory, EffortRole};
use crate::domain::quality::inspection::{Inspection, Measure, Method, Subject, Verdict};
use crate::domain::quality::nonconformance::NonconformanceState;
use crate::domain::quality::part::PartKind;
use crate::domain::quality::printed::{Doubt, Failure, PrintedPart, PrintedState};
use crate::domain::quality::revision::RevisionState;
use crate::domain::zone::Zone;

/// When a case first came into a state.
fn reached(lab: &Lab, case: &CaseToken, word: &str) -> Option<WallTime> {
    lab.quality.cases.get(case)?.reached.get(word).copied()
}

pub fn requested(lab: &Lab, case: &CaseToken) -> Option<WallTime> {
    reached(lab, case, CaseState::Requested.word())
}

/// Nothing leads back from there, so that the first time is the only one.
pub fn delivered(lab: &Lab, case: &CaseToken) -> Option<WallTime> {
    reached(lab, case, "delivered")
}

// ---- units ---------------------------------------------------------------------------------------------------

fn signature(lab: &Lab, case: &CaseToken, number: u32) -> Option<unit::Signature> {
    let signature = lab.quality.holds(case, number)?;
    Some(unit::Signature {
        by: signature.by.clone(),
        printed_name: signature.printed_name.as_ref().map(ToString::to_string),
        at: signature.at,
        of: signature.digest.clone(),
    })
}

/// A print as counting sees it; one that was recalled keeps the signature that it was released by.
fn print(lab: &Lab, printed: &PrintedPart, zone: &Zone) -> Option<unit::PrintFacts> {
    let job = printed.job.clone()?;
    if matches!(printed.state, PrintedState::Planned | PrintedState::Withdrawn) {
        return None;
    }
    let case = &printed.serial.case;
    let known =
        printed.revision.and_then(|number| lab.quality.revisions.get(&(printed.part.clone(), number)));
    let approved = known.and_then(|revision| match revision.state {
        RevisionState::Approved { approval } => signature(lab, case, approval),
        RevisionState::Proposed | RevisionState::Obsolete => None,
    });
    let file = lab.jobs.get(&job).map(|job| job.file.clone());
    let revision = unit::Revision {
        number: printed.revision.map_or(0, u32::from),
        // Where nobody said which model it is, its file stands for it: two prints of one file are the same mesh.
        sha256: known.map(|revision| revision.of.mesh.clone()).or(file)?,
        approved_on: approved.as_ref().and_then(|approved| day_at(approved.at, zone)),
        approved,
    };
    Some(unit::PrintFacts {
        serial: printed.serial.to_string(),
        job,
        attempt: printed.serial.attempt,
        revision,
        standing: standing(&printed.state),
        release: printed.state.release_signature().and_then(|number| signature(lab, case, number)),
    })
}

fn standing(state: &PrintedState) -> unit::Standing {
    match state {
        PrintedState::Planned
        | PrintedState::Queued
        | PrintedState::Printing
        | PrintedState::Interrupted
        | PrintedState::Printed
        | PrintedState::Suspect
        | PrintedState::PostProcessing
        | PrintedState::AwaitingInspection
        | PrintedState::Accepted
        | PrintedState::Withdrawn => unit::Standing::InWork,
        PrintedState::Rejected { .. } => unit::Standing::Rejected,
        PrintedState::Released { .. }
        | PrintedState::Packed { .. }
        | PrintedState::SterilisationHandover { .. }
        | PrintedState::Delivered { .. } => unit::Standing::Released,
        PrintedState::Scrapped { .. } => unit::Standing::Scrapped,
        PrintedState::Failed { .. } => unit::Standing::Failed,
        PrintedState::Quarantined { .. } => unit::Standing::Quarantined,
        PrintedState::Recalled { .. } => unit::Standing::Recalled,
    }
}

/// The inspections of pieces, by the part of which they are: grouped once for all parts of a report.
#[derive(Debug)]
pub struct Inspections<'a>(BTreeMap<(&'a CaseToken, u16), Vec<&'a Inspection>>);

impl<'a> Inspections<'a> {
    pub fn of(lab: &'a Lab) -> Self {
        let mut parts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for inspection in lab.quality.inspections.values() {
            if let Subject::Part { serial } = &inspection.measured.subject {
                parts.entry((&serial.case, serial.part)).or_default().push(inspection);
            }
        }
        Self(parts)
    }
}

/// The records that show a part: what it was segmented with, photographs and fit tests of its pieces. Of the others
/// that a guide needs (images looked at, cutting planes, material, identification) there is no record in the lab. They
/// say where to look and no typed word, since a coder's confirmation is of them: what is held back of a word depends on
/// the vault, and changes no unit.
fn proofs(
    lab: &Lab,
    inspections: &Inspections<'_>,
    part: &crate::domain::part::Part,
    newest: u16,
) -> BTreeMap<unit::Proof, String> {
    let mut proofs = BTreeMap::new();
    let revision = lab.quality.revisions.get(&(part.id.clone(), newest));
    if revision.is_some_and(|revision| revision.of.software.is_some()) {
        let text = format!("revision {newest}: its software is on record");
        proofs.insert(unit::Proof::Segmentation, text);
    }
    for inspection in inspections.0.get(&(&part.case, part.number)).into_iter().flatten() {
        if let Some(photo) = inspection.measured.photos.first() {
            let text = format!("inspection {}: photo {photo}", inspection.id);
            proofs.entry(unit::Proof::Photographs).or_insert(text);
        }
        let key = (inspection.measured.template.clone(), inspection.measured.version);
        let method = lab.quality.templates.get(&key).map(|template| template.method);
        if method == Some(Method::FitTest) && inspection.found.verdict == Verdict::Pass {
            proofs
                .entry(unit::Proof::MatchedToAnatomy)
                .or_insert_with(|| format!("inspection {}", inspection.id));
        }
    }
    proofs
}

fn kind(kind: PartKind) -> unit::PartKind {
    match kind {
        PartKind::Component => unit::PartKind::Component,
        PartKind::Guide => unit::PartKind::Guide,
        PartKind::Holder => unit::PartKind::Holder,
        PartKind::Coupon => unit::PartKind::Coupon,
    }
}

/// A case with its parts, for the units. A part that nobody has described is a component that nobody says was
/// segmented or processed by itself: it is not counted, and told. The day of the procedure is in the vault alone.
pub fn case(
    lab: &Lab,
    inspections: &Inspections<'_>,
    case: &CaseToken,
    zone: &Zone,
) -> Option<unit::CaseFacts> {
    let known = lab.cases.get(case)?;
    let about = lab.quality.cases.get(case).and_then(|record| record.about.as_ref());
    let mut parts = lab.parts_of(case);
    parts.sort_by_key(|part| part.number);
    let parts: Vec<unit::PartFacts> = parts
        .into_iter()
        .map(|part| {
            let record = lab.quality.parts.get(&part.id);
            let about = record.map(|record| &record.about);
            let newest = record.map_or(0, |record| record.revision);
            let kind = about.map_or(unit::PartKind::Component, |about| kind(about.kind));
            let sided = matches!(kind, unit::PartKind::Component | unit::PartKind::Guide);
            let laterality = match about.and_then(|about| about.laterality) {
                Some(_) => unit::Laterality::Given,
                None if sided => unit::Laterality::Missing,
                None => unit::Laterality::NotNeeded,
            };
            let pieces = lab.quality.attempts_at(case, part.number);
            unit::PartFacts {
                number: part.number,
                part: part.id.clone(),
                kind,
                individually_segmented: about.is_some_and(|about| about.individually_segmented),
                individually_processed: about.is_some_and(|about| about.individually_processed),
                group_uid: about.and_then(|about| about.group.as_ref()).map(ToString::to_string),
                laterality,
                newest_revision: u32::from(newest),
                proofs: proofs(lab, inspections, part, newest),
                prints: pieces.filter_map(|printed| print(lab, printed, zone)).collect(),
            }
        })
        .collect();
    let released = lab.quality.printed_of(case).filter(|printed| printed.state.is_released());
    let printed = released.filter_map(|printed| printed.ended).max();
    Some(unit::CaseFacts {
        case: case.clone(),
        kind: match about.map(|about| about.kind) {
            Some(CaseKind::Model) => unit::CaseKind::Model,
            Some(CaseKind::Guide) => unit::CaseKind::Guide,
            Some(CaseKind::Both) | None => unit::CaseKind::Both,
        },
        intended_use: known.intended_use,
        dates: unit::Dates {
            printed: printed.and_then(|at| day_at(at, zone)),
            delivered: delivered(lab, case).and_then(|at| day_at(at, zone)),
            procedure: None,
        },
        parts,
        other_codes: BTreeSet::new(),
    })
}

/// The day by whose table a case without a date of service is counted: the first of the table of today, or of the time
/// without one. With today itself, a coder's confirmation would be outdated on the next day.
pub fn counted_by(tables: &CodeTables, today: Day) -> Day {
    match tables.at(today) {
        AtDay::Valid(table) => table.from,
        AtDay::Ended(table) => table.to.next().unwrap_or(today),
        AtDay::NotYet(table) => table.from.before(1).unwrap_or(today),
    }
}

/// What a coder has confirmed of a case, with their words guarded.
pub fn confirmation(lab: &Lab, case: &CaseToken) -> Option<Confirmation> {
    let kept = lab.quality.confirmations.get(case)?;
    let units = kept.confirmed.units.iter();
    Some(Confirmation {
        by: kept.by.clone(),
        at: kept.at,
        of: kept.confirmed.of.clone(),
        units: units.filter_map(|(code, units)| Some((code.as_str().parse().ok()?, *units))).collect(),
        note: kept.confirmed.note.as_ref().map(|note| said(note.as_str())),
    })
}

// ---- effort and value ----------------------------------------------------------------------------------------

fn bucket(role: EffortRole, category: EffortCategory) -> Bucket {
    let who = match role {
        EffortRole::Clinician => Who::Clinician,
        EffortRole::NonClinician => Who::NonClinician,
    };
    let work = match category {
        EffortCategory::Consultation => Work::Consultation,
        EffortCategory::Segmentation => Work::Segmentation,
        EffortCategory::Cad => Work::Cad,
        EffortCategory::Preparation => Work::PrepPost,
    };
    Bucket { who, work }
}

/// Every entry of effort; one without minutes is unknown.
pub fn efforts(lab: &Lab) -> Vec<EffortEntry> {
    let entries = lab.quality.efforts.values();
    entries
        .map(|entry| EffortEntry {
            case: entry.case.clone(),
            bucket: bucket(entry.effort.role, entry.effort.category),
            effort: entry
                .effort
                .minutes
                .map_or(Effort::Unknown, |minutes| Effort::Minutes(u32::from(minutes))),
        })
        .collect()
}

fn likert(answer: said_of::Likert) -> Option<Likert> {
    Likert::try_from(u8::from(answer)).ok()
}

/// One for each case that was delivered, whether it was assessed or not. Whether it was used is what the assessment
/// says, and else that somebody noted its use.
pub fn assessments(lab: &Lab) -> Vec<Assessment> {
    let out = lab.quality.cases.keys().filter_map(|case| Some((case, delivered(lab, case)?)));
    out.map(|(case, delivered)| {
        let assessed = lab.quality.assessments.get(case);
        let said = assessed.map(|assessed| &assessed.assessment);
        let answers = said.and_then(|said| said.answers);
        let noted = reached(lab, case, "used").map(|_| true);
        let minutes = said.and_then(|said| said.saved).map(|saved| {
            let basis = if saved.measured { Basis::Measured } else { Basis::Estimated };
            (i32::from(saved.minutes), basis)
        });
        Assessment {
            case: case.clone(),
            at: assessed.map_or(delivered, |assessed| assessed.at),
            used: said.and_then(|said| said.used_in_procedure).or(noted),
            overall: said.and_then(|said| said.overall),
            minutes_saved: minutes,
            plan_altered: answers.and_then(|answers| likert(answers.plan_altered)),
            confident_before: answers.and_then(|answers| likert(answers.confident_before)),
            confident_after: answers.and_then(|answers| likert(answers.confident_after)),
        }
    })
    .collect()
}

// ---- prints --------------------------------------------------------------------------------------------------

/// What makes a print suspect: something odd while it was printed, and not what was found of it later.
const OF_THE_PRINT: [Doubt; 6] =
    [Doubt::Paused, Doubt::Interrupted, Doubt::Continued, Doubt::Resumed, Doubt::NotExact, Doubt::HeatAlarm];

fn outcome(lab: &Lab, printed: &PrintedPart) -> AttemptOutcome {
    let mut state = &printed.state;
    while let PrintedState::Quarantined { from, .. } = state {
        state = from;
    }
    let cancelled = || {
        let job = printed.job.as_ref().and_then(|job| lab.jobs.get(job));
        job.is_some_and(|job| {
            matches!(&job.state, JobState::Ended { outcome: Outcome::Cancelled { .. }, .. })
        })
    };
    match state {
        PrintedState::Printing => AttemptOutcome::Running,
        PrintedState::Interrupted => AttemptOutcome::Unknown,
        PrintedState::Failed { how: Failure::Cancelled } => AttemptOutcome::Cancelled,
        PrintedState::Failed { .. } => AttemptOutcome::Failed,
        // It has a digest from the moment at which its job came to the end.
        _ if printed.digest.is_none() && cancelled() => AttemptOutcome::Cancelled,
        _ if printed.digest.is_none() => AttemptOutcome::Failed,
        _ if OF_THE_PRINT.iter().any(|doubt| printed.doubts.contains(doubt)) => AttemptOutcome::Suspect,
        _ => AttemptOutcome::Completed,
    }
}

/// The pieces of a part whose print began, in the order in which they did; those of one bed began with one entry. A job
/// that was cancelled before it began has its number and made nothing: it is no attempt.
fn begun<'l>(lab: &'l Lab, case: &CaseToken, part: u16) -> Vec<&'l PrintedPart> {
    let all = lab.quality.attempts_at(case, part);
    let mut begun: Vec<_> = all.filter(|printed| printed.started.is_some()).collect();
    begun.sort_by_key(|printed| printed.started_seq);
    begun
}

/// How many pieces of a part are to be released before its case is.
fn ordered(lab: &Lab, part: &PartId) -> usize {
    usize::from(u8::from(lab.quality.ordered(part)))
}

/// Which attempt at their part its pieces are, in the order in which they began: as many pieces as were ordered, or as
/// lay on the part's first bed if those are more, are attempt 1; each beyond is a reprint, with the next number after
/// the pieces of earlier beds, so that those of one bed share theirs. What begins later changes none.
fn numbers(lab: &Lab, begun: &[&PrintedPart]) -> Vec<u32> {
    let beds = || begun.chunk_by(|one, other| one.started_seq == other.started_seq);
    let (Some(bed), Some(one)) = (beds().next(), begun.first()) else { return Vec::new() };
    let first = bed.len().max(ordered(lab, &one.part));
    let mut numbers: Vec<u32> = Vec::with_capacity(begun.len());
    for bed in beds() {
        let earlier = numbers.len();
        let number = |place| if place < first { 1 } else { earlier.saturating_sub(first) + 2 };
        let places = earlier..earlier + bed.len();
        numbers.extend(places.map(|place| u32::try_from(number(place)).unwrap_or(u32::MAX)));
    }
    numbers
}

fn is_lost(lab: &Lab, printed: &PrintedPart) -> bool {
    let failed = matches!(outcome(lab, printed), AttemptOutcome::Failed | AttemptOutcome::Cancelled);
    failed || matches!(printed.state, PrintedState::Scrapped { .. })
}

/// Why a part was printed again: the cause of the newest nonconformance of the piece before; else how that ended. The
/// piece before is the one that it replaces, else the newest of earlier beds that was lost, else the newest of those.
fn cause(lab: &Lab, printed: &PrintedPart) -> Option<String> {
    let mut earlier = begun(lab, &printed.serial.case, printed.serial.part);
    earlier.retain(|of| of.started_seq < printed.started_seq);
    let lost = earlier.iter().rev().find(|of| is_lost(lab, of));
    let newest = lost.or_else(|| earlier.last())?;
    let before = printed.replaces.clone().unwrap_or_else(|| newest.serial.clone());
    let faults = lab.quality.nonconformances.values().filter(|of| of.serial() == Some(&before));
    if let Some(fault) = faults.max_by_key(|of| of.order()) {
        return Some(term(&fault.cause));
    }
    let job = lab.quality.printed.get(&before)?.job.as_ref().and_then(|job| lab.jobs.get(job))?;
    match &job.state {
        JobState::Ended { outcome: Outcome::Interrupted { why }, .. } => Some(tag(why, "reason")),
        JobState::Ended { outcome: Outcome::Cancelled { .. }, .. } => Some("cancelled".into()),
        _ => None,
    }
}

/// The material of a piece: of the lot that it was deducted from, else of the lots that were loaded, else as its job
/// names it.
pub fn material(lab: &Lab, printed: &PrintedPart) -> Option<String> {
    let used = printed.used.iter().map(|used| &used.lot);
    let lot = used.chain(&printed.lots).find_map(|lot| lab.quality.lots.get(lot));
    let job = printed.job.as_ref().and_then(|job| lab.jobs.get(job));
    lot.map(|lot| said(lot.about.material.as_str())).or_else(|| job?.material.as_deref().map(said))
}

/// Grams that were deducted from lots; nothing where none were.
fn milligrams(printed: &PrintedPart) -> Option<u64> {
    (!printed.used.is_empty()).then(|| printed.used.iter().map(|used| used.milligrams).sum())
}

/// One for each piece whose print has begun. With rates, each has what its material and its machine cost, unless
/// something of that has no rate or no quantity.
pub fn attempts(lab: &Lab, models: &Models, rates: Option<&RateBook>, zone: &Zone) -> Vec<Attempt> {
    let jobs = jobs(lab);
    let mut numbers = BTreeMap::new();
    for part in lab.parts.values() {
        let begun = begun(lab, &part.case, part.number);
        let of_part = self::numbers(lab, &begun);
        numbers.extend(begun.into_iter().map(|printed| &printed.serial).zip(of_part));
    }
    let begun = lab.quality.printed.values().filter(|printed| printed.started.is_some());
    begun
        .filter_map(|printed| {
            let (job, printer) = (printed.job.clone()?, printed.printer.clone()?);
            let cost = rates.and_then(|rates| {
                let events = of_piece(lab, &jobs, printed, models, zone);
                let cost = rates.cost(&printed.serial.case, &events).ok()?;
                (cost.missing.is_empty() && !cost.lines.is_empty()).then_some(cost.direct)
            });
            Some(Attempt {
                case: printed.serial.case.clone(),
                part: printed.part.clone(),
                number: numbers.get(&printed.serial).copied().unwrap_or(1),
                printer,
                material: material(lab, printed),
                profile: lab.chains.get(&job).map(|chain| said(&chain.process)),
                started: printed.started,
                ended: printed.ended,
                outcome: outcome(lab, printed),
                cause: cause(lab, printed),
                scrapped: matches!(printed.state, PrintedState::Scrapped { .. }),
                milligrams: milligrams(printed),
                together: together(lab, &job),
                cost,
                job,
            })
        })
        .collect()
}

/// One for each job that was on a printer: for how long those were used, also by jobs that went on with a piece.
pub fn runs(lab: &Lab) -> Vec<Attempt> {
    let jobs = lab.jobs.values().filter_map(|job| Some((job, job.state.run()?)));
    jobs.map(|(job, run)| {
        let (ended, outcome) = match &job.state {
            JobState::Ended { ended, outcome: Outcome::Printed { exact, .. }, .. } => {
                let outcome = if *exact { AttemptOutcome::Completed } else { AttemptOutcome::Suspect };
                (Some(*ended), outcome)
            }
            JobState::Ended { ended, outcome: Outcome::Cancelled { .. }, .. } => {
                (Some(*ended), AttemptOutcome::Cancelled)
            }
            JobState::Ended { ended, .. } => (Some(*ended), AttemptOutcome::Failed),
            _ => (None, AttemptOutcome::Running),
        };
        let pieces = lab.quality.pieces_of(lab, job);
        let scrapped = |piece: &&PrintedPart| matches!(piece.state, PrintedState::Scrapped { .. });
        Attempt {
            job: job.id.clone(),
            case: job.case.clone(),
            part: job.part.clone(),
            number: job.attempt.unwrap_or(1),
            printer: run.printer.clone(),
            material: job.material.as_deref().map(said),
            profile: lab.chains.get(&job.id).map(|chain| said(&chain.process)),
            started: Some(run.started),
            ended,
            outcome,
            cause: None,
            // Of a build of which anything is good, the hours were not in vain.
            scrapped: !pieces.is_empty() && pieces.iter().all(scrapped),
            together: pieces.len().max(1),
            milligrams: None,
            cost: None,
        }
    })
    .collect()
}

/// One for each part of which a print has begun.
pub fn parts(lab: &Lab) -> Vec<PartRecord> {
    let parts = lab.parts.values().filter_map(|part| {
        let begun = begun(lab, &part.case, part.number);
        let numbers = numbers(lab, &begun);
        let mut released = begun.iter().zip(&numbers).filter(|(printed, _)| printed.state.is_released());
        let end = match released.nth(ordered(lab, &part.id) - 1) {
            Some((_, attempt)) => PartEnd::Released { attempt: *attempt },
            None if matches!(lab.quality.case_state(&part.case), CaseState::Cancelled { .. }) => {
                PartEnd::GivenUp
            }
            None => PartEnd::Open,
        };
        Some(PartRecord {
            part: part.id.clone(),
            started: Some(begun.iter().filter_map(|printed| printed.started).min()?),
            attempts: numbers.iter().copied().max().unwrap_or(1),
            reworked: begun.iter().any(|printed| printed.reworks > 0),
            end,
        })
    });
    parts.collect()
}

// ---- printers ------------------------------------------------------------------------------------------------

/// The model of each printer of the configuration, where that says it.
pub type Models = BTreeMap<PrinterName, Option<String>>;

/// When each printer was there and its bed waited. In service is from the first that the journal tells of it, all hours
/// of every day: platen knows no opening hours, and of maintenance how long it took and not from when to when.
pub fn printers(past: &Past, models: &Models) -> Vec<PrinterTime> {
    let names: BTreeSet<&PrinterName> = models.keys().chain(past.first_seen.keys()).collect();
    let times = names.into_iter().map(|printer| PrinterTime {
        printer: printer.clone(),
        in_service: past
            .first_seen
            .get(printer)
            .map(|from| Span { from: *from, to: None })
            .into_iter()
            .collect(),
        maintenance: Vec::new(),
        waiting_for_bed: past.waits.get(printer).cloned().unwrap_or_default(),
    });
    times.collect()
}

/// When each printer is to be calibrated: at the end of that day.
pub fn calibrations(lab: &Lab, models: &Models, zone: &Zone) -> Vec<Calibration> {
    let names: BTreeSet<&PrinterName> = models.keys().chain(lab.quality.printers.keys()).collect();
    let due = |printer: &PrinterName| {
        let day = lab.quality.printers.get(printer)?.calibration_due?;
        Some(zone.ends(day))
    };
    names.into_iter().map(|printer| Calibration { printer: printer.clone(), due: due(printer) }).collect()
}

/// Which things were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    Phantoms,
    Parts,
}

/// Every length that was to be measured on phantoms, or first on each part, as its deviation from nominal; a part's
/// belongs to the printer that made it. What is measured on it later may be of hands and not of the printer.
pub fn measurements(lab: &Lab, of: Measured) -> Vec<Measurement> {
    let mut found = Vec::new();
    let mut first: BTreeMap<_, ((u64, WallTime), &InspectionId)> = BTreeMap::new();
    for inspection in lab.quality.inspections.values() {
        if let Subject::Part { serial } = &inspection.measured.subject {
            let this = (inspection.order(), &inspection.id);
            let of = first.entry((serial, &inspection.measured.template)).or_insert(this);
            *of = (*of).min(this);
        }
    }
    for inspection in lab.quality.inspections.values() {
        // A part that is measured again is no further part.
        if let Subject::Part { serial } = &inspection.measured.subject
            && first
                .get(&(serial, &inspection.measured.template))
                .is_none_or(|(_, first)| **first != inspection.id)
        {
            continue;
        }
        let printer = match (&inspection.measured.subject, of) {
            (Subject::Phantom { printer, .. }, Measured::Phantoms) => Some(printer.clone()),
            (Subject::Part { serial }, Measured::Parts) => {
                lab.quality.printed.get(serial).and_then(|printed| printed.printer.clone())
            }
            _ => None,
        };
        let key = (inspection.measured.template.clone(), inspection.measured.version);
        let (Some(printer), Some(template)) = (printer, lab.quality.templates.get(&key)) else { continue };
        for (place, item) in template.items.iter().enumerate().filter(|(_, item)| item.unit == Measure::Mm) {
            let value = inspection.measured.values.get(place).copied().flatten();
            found.push(Measurement {
                printer: printer.clone(),
                at: inspection.at,
                micrometres: value.map(|value| value.saturating_sub(item.nominal)),
            });
        }
    }
    found
}

// ---- cases ---------------------------------------------------------------------------------------------------

/// When a case was asked for, needed and delivered, and its stays. Work within a stay is known of production only:
/// the time that jobs of the case were on printers.
pub fn times(lab: &Lab, past: &Past, zone: &Zone) -> Vec<CaseTimes> {
    let mut spans: BTreeMap<&CaseToken, Vec<(u64, u64)>> = BTreeMap::new();
    for job in lab.jobs.values() {
        if let (Some(run), JobState::Ended { ended, .. }) = (job.state.run(), &job.state) {
            spans.entry(&job.case).or_default().push((run.started.0, ended.0));
        }
    }
    let cases = lab.quality.cases.values().map(|record| {
        let case = &record.case;
        let worked = spans.get(case).map(Vec::as_slice).unwrap_or_default();
        let stays = past.stays.get(case).into_iter().flatten().map(|stay| Stay {
            stage: stay.stage,
            from: stay.from,
            to: stay.to,
            touch_ms: (stay.stage == Stage::InProduction)
                .then(|| within(worked, stay.from, stay.to))
                .flatten(),
        });
        let needed = record.about.as_ref().and_then(|about| about.needed_by);
        CaseTimes {
            case: case.clone(),
            requested: requested(lab, case),
            delivered: delivered(lab, case),
            needed_by: needed.map(|day| zone.ends(day)),
            stays: stays.collect(),
        }
    });
    cases.collect()
}

/// How much of a stay at least one of the spans covers.
fn within(spans: &[(u64, u64)], from: WallTime, to: Option<WallTime>) -> Option<u64> {
    let to = to?;
    let mut clipped: Vec<_> = spans.iter().map(|(a, b)| (*a.max(&from.0), *b.min(&to.0))).collect();
    clipped.sort_unstable();
    let (mut sum, mut reached) = (0, from.0);
    for (a, b) in clipped {
        let a = a.max(reached);
        sum += b.saturating_sub(a);
        reached = reached.max(b);
    }
    Some(sum)
}

/// What was delivered: of each delivered case one model, where any component of it is released, and each released guide.
/// The organ system is the region of the dominant part, else of the first that has one.
pub fn pieces(lab: &Lab) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for record in lab.quality.cases.values() {
        let Some(at) = delivered(lab, &record.case) else { continue };
        let mut described: Vec<_> = lab
            .parts_of(&record.case)
            .into_iter()
            .filter_map(|part| lab.quality.parts.get(&part.id))
            .filter(|part| {
                lab.quality.attempts_at(&part.case, part.number).any(|printed| printed.state.is_released())
            })
            .collect();
        described.sort_by_key(|part| (!part.about.dominant, part.number));
        let region = described.iter().find_map(|part| part.about.region.as_ref());
        let mut of = BTreeMap::new();
        if let Some(about) = &record.about {
            of.insert(Dimension::Service, said(about.service.as_str()));
            if let Some(modality) = &about.modality {
                of.insert(Dimension::Modality, said(modality.as_str()));
            }
        }
        if let Some(region) = region {
            of.insert(Dimension::OrganSystem, said(region.as_str()));
        }
        let mut piece = |kind: &str| {
            let mut of = of.clone();
            of.insert(Dimension::Kind, kind.to_owned());
            pieces.push(Piece { delivered: at, of });
        };
        if described.iter().any(|part| part.about.kind == PartKind::Component) {
            piece("model");
        }
        described.iter().filter(|part| part.about.kind == PartKind::Guide).for_each(|_| piece("guide"));
    }
    pieces
}

pub fn nonconformities(lab: &Lab) -> Vec<Nonconformity> {
    let all = lab.quality.nonconformances.values();
    all.map(|of| Nonconformity {
        opened: of.at,
        closed: match &of.state {
            NonconformanceState::Closed { at, .. } => Some(*at),
            NonconformanceState::Open | NonconformanceState::Disposed { .. } => None,
        },
        cause: Some(term(&of.cause)),
    })
    .collect()
}

// ---- costs ---------------------------------------------------------------------------------------------------

/// The jobs that printed on each piece, by part and attempt.
pub type Jobs<'l> = BTreeMap<(&'l PartId, u32), Vec<&'l Job>>;

pub fn jobs(lab: &Lab) -> Jobs<'_> {
    let mut jobs = Jobs::new();
    for job in lab.jobs_in_order() {
        for piece in lab.quality.pieces_of(lab, job) {
            jobs.entry((&piece.part, piece.serial.attempt)).or_default().push(job);
        }
    }
    jobs
}

/// How many pieces a job lays on the bed.
fn together(lab: &Lab, job: &JobId) -> usize {
    lab.quality.builds.get(job).map_or(1, |build| build.also.len() + 1)
}

/// What a piece took: its material by lot, and the hours of each job that printed on it, at the printer's model, or at
/// its name where the configuration says no model. Pieces of one build have equal shares.
fn of_piece(
    lab: &Lab,
    jobs: &Jobs<'_>,
    printed: &PrintedPart,
    models: &Models,
    zone: &Zone,
) -> Vec<CostEvent> {
    let Some(day) = printed.started.and_then(|at| day_at(at, zone)) else { return Vec::new() };
    let lost = matches!(printed.state, PrintedState::Scrapped { .. } | PrintedState::Failed { .. });
    let event = |day: Day, used: Used| CostEvent {
        case: printed.serial.case.clone(),
        part: Some(printed.serial.part),
        day,
        used,
        scrap: lost,
    };
    let mut events = Vec::new();
    for used in &printed.used {
        let lot = lab.quality.lots.get(&used.lot);
        let name = lot.map_or_else(|| used.lot.to_string(), |lot| said(lot.about.material.as_str()));
        events.push(event(day, Used::Material { name, milligrams: Some(used.milligrams) }));
    }
    if printed.used.is_empty() {
        let name = material(lab, printed).unwrap_or_else(|| "material".into());
        events.push(event(day, Used::Material { name, milligrams: None }));
    }
    for job in jobs.get(&(&printed.part, printed.serial.attempt)).into_iter().flatten() {
        let Some(run) = job.state.run() else { continue };
        let ended = match &job.state {
            JobState::Ended { ended, .. } => Some(*ended),
            _ => None,
        };
        let seconds = ended.and_then(|ended| ended.0.checked_sub(run.started.0)).map(|millis| millis / 1_000);
        let seconds = seconds.map(|seconds| share(lab, printed, job, seconds));
        let model = models.get(&run.printer).cloned().flatten();
        let name = model.unwrap_or_else(|| run.printer.to_string());
        let day = day_at(run.started, zone).unwrap_or(day);
        events.push(event(day, Used::Machine { name, seconds }));
    }
    events
}

/// The share of a piece in what its job took.
fn share(lab: &Lab, printed: &PrintedPart, job: &Job, whole: u64) -> u64 {
    let pieces = lab.quality.pieces_of(lab, job);
    let mut shares = pieces.iter().zip(build::shares(whole, pieces.len()));
    shares.find(|(piece, _)| piece.serial == printed.serial).map_or(whole, |(_, share)| share)
}

/// What a case took that has a rate: its pieces, and the hours of people. What people noted as costs is no quantity.
pub fn costs(lab: &Lab, jobs: &Jobs<'_>, case: &CaseToken, models: &Models, zone: &Zone) -> Vec<CostEvent> {
    let begun = lab.quality.printed_of(case).filter(|printed| printed.started.is_some());
    let mut events: Vec<CostEvent> =
        begun.flat_map(|printed| of_piece(lab, jobs, printed, models, zone)).collect();
    let efforts = lab.quality.efforts.range((case.clone(), 0)..=(case.clone(), u32::MAX));
    for (_, entry) in efforts {
        let Some(day) = day_at(entry.at, zone) else { continue };
        let who = bucket(entry.effort.role, entry.effort.category).who;
        let used = Used::Labour { who, minutes: entry.effort.minutes.map(u64::from) };
        events.push(CostEvent { case: case.clone(), part: None, day, used, scrap: false });
    }
    events
}

#[cfg(test)]
mod tests;
