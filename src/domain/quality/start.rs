//! Whether a job may begin on a printer, by the rules that the site has asked for.

use std::collections::BTreeSet;

use super::case::CaseState;
use super::lot::Lot;
use super::printed::Serial;
use super::qualification::QualificationState;
use super::refusal::{Hindrance, Refusal};
use super::revision::RevisionState;
use crate::domain::day::Day;
use crate::domain::ids::{PartId, PrinterName};
use crate::domain::job::Job;
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;

/// Every reason for which it may not; without rules there is none.
pub fn may_start(lab: &Lab, job: &Job, printer: &PrinterName, now: WallTime) -> Result<(), Refusal> {
    let rules = lab.quality.rules;
    let mut why = against_job(lab, job);
    if rules.approval_before_printing {
        why.extend(not_validated(lab, job));
    }
    if rules.lots {
        why.extend(unfit_material(lab, job, printer, Day::in_utc(now)));
    }
    if rules.qualified_printers {
        why.extend(unfit_printer(lab, job, printer, Day::in_utc(now)));
    }
    if why.is_empty() {
        return Ok(());
    }
    Err(Refusal::Hindered { job: job.id.clone(), printer: printer.clone(), why })
}

/// What speaks against a job on every printer. A case that is on hold or cancelled prints nothing, whatever the rules.
pub fn against_job(lab: &Lab, job: &Job) -> Vec<Hindrance> {
    let rules = lab.quality.rules;
    let mut why = Vec::new();
    let state = lab.quality.case_state(&job.case);
    if rules.approval_before_printing {
        why.extend(unapproved(lab, job));
    } else if matches!(state, CaseState::OnHold { .. } | CaseState::Cancelled { .. }) {
        why.push(not_in_production(job, &state));
    }
    if rules.lots {
        why.extend(not_as_ordered(lab, job));
    }
    why
}

fn not_in_production(job: &Job, state: &CaseState) -> Hindrance {
    Hindrance::NotInProduction { case: job.case.clone(), state: state.word(), todo: state.todo() }
}

/// The printed parts that a job makes, where it is followed; its own first, then what else is on the bed.
pub(super) fn serials(lab: &Lab, job: &Job) -> Vec<Serial> {
    let (Some(part), Some(attempt)) = (lab.parts.get(&job.part), job.attempt) else { return Vec::new() };
    let mut serials = vec![Serial { case: job.case.clone(), part: part.number, attempt }];
    let also = lab.quality.builds.get(&job.id).into_iter().flat_map(|build| &build.also);
    serials.extend(also.map(|piece| piece.of(&job.case)));
    serials
}

fn unapproved(lab: &Lab, job: &Job) -> Vec<Hindrance> {
    let quality = &lab.quality;
    let state = quality.case_state(&job.case);
    let mut why = Vec::new();
    if let CaseState::InProduction { made } = &state {
        let sliced = lab.chains.get(&job.id).map(|chain| &chain.process);
        if let Some(sliced) = sliced.filter(|sliced| *sliced != made.process.as_str()) {
            let (planned, sliced) = (made.process.to_string(), sliced.clone());
            why.push(Hindrance::OtherProcess { planned, sliced });
        }
    } else {
        why.push(not_in_production(job, &state));
    }
    let pieces = quality.pieces_of(lab, job);
    if pieces.is_empty() {
        why.push(Hindrance::NotFollowed);
    }
    for printed in pieces {
        let serial = printed.serial.clone();
        let Some(revision) = printed.revision else {
            why.push(Hindrance::NoRevision { serial });
            continue;
        };
        let found = quality.revisions.get(&(printed.part.clone(), revision));
        if !matches!(found, Some(found) if matches!(found.state, RevisionState::Approved { .. })) {
            why.push(Hindrance::NotApproved { serial, revision });
        }
    }
    why
}

/// What was sliced here, by a process that is good enough for this use on no kind of printer. Which kind a printer is
/// only the configuration knows.
fn not_validated(lab: &Lab, job: &Job) -> Option<Hindrance> {
    let chain = lab.chains.get(&job.id)?;
    let of = lab.cases.get(&job.case)?.intended_use;
    let all = lab.quality.processes.values().map(|known| &known.process);
    let mut versions = all.filter(|process| process.name.as_str() == chain.process).peekable();
    versions.peek()?;
    let is_good_enough = versions.any(|process| process.validated_for.contains(&of));
    (!is_good_enough).then(|| Hindrance::NotValidated { process: chain.process.clone() })
}

/// What the job is to be printed in, where somebody has said that.
pub fn wanted<'l>(lab: &'l Lab, job: &'l Job) -> Option<&'l str> {
    job.material.as_deref().or_else(|| Some(lab.chains.get(&job.id)?.material.as_str()))
}

/// Of each part on the bed that was ordered in another material.
fn not_as_ordered(lab: &Lab, job: &Job) -> Vec<Hindrance> {
    let Some(wanted) = wanted(lab, job) else { return Vec::new() };
    let also = lab.quality.pieces_of(lab, job).into_iter().map(|piece| &piece.part);
    let parts: BTreeSet<&PartId> = also.chain([&job.part]).collect();
    let mut records: Vec<_> = parts.into_iter().filter_map(|part| lab.quality.parts.get(part)).collect();
    records.sort_by_key(|record| record.number);
    let other = records.into_iter().filter_map(|record| {
        let ordered = record.about.ordered.as_ref()?.other_material(wanted)?;
        let (part, ordered, wanted) = (record.number, ordered.to_string(), wanted.to_owned());
        Some(Hindrance::NotAsOrdered { part, ordered, wanted })
    });
    other.collect()
}

/// What is loaded of the wanted material must all be good, since nobody knows from which slot it will come.
fn unfit_material(lab: &Lab, job: &Job, printer: &PrinterName, today: Day) -> Vec<Hindrance> {
    let Some(wanted) = wanted(lab, job) else { return vec![Hindrance::NoMaterialNamed] };
    let loads = lab.quality.loaded_on(printer);
    let lots: Vec<_> = loads.filter_map(|load| lab.quality.lots.get(&load.lot)).collect();
    if lots.is_empty() {
        return vec![Hindrance::NothingLoaded];
    }
    let right: Vec<_> = lots.iter().filter(|lot| lot.is_of(wanted)).collect();
    if right.is_empty() {
        let wrong = lots.iter().map(|lot| Hindrance::WrongMaterial {
            lot: lot.id.clone(),
            loaded: lot.about.material.to_string(),
            wanted: wanted.to_owned(),
        });
        return wrong.collect();
    }
    let unusable = |lot: &Lot| {
        let (id, supplier_lot) = (lot.id.clone(), lot.about.supplier_lot.to_string());
        let why = lot.unusable(today).into_iter();
        let told =
            why.map(|why| Hindrance::Unusable { lot: id.clone(), supplier_lot: supplier_lot.clone(), why });
        told.collect::<Vec<_>>()
    };
    right.into_iter().flat_map(|lot| unusable(lot)).collect()
}

fn unfit_printer(lab: &Lab, job: &Job, printer: &PrinterName, today: Day) -> Vec<Hindrance> {
    let Some(known) = lab.quality.printers.get(printer) else { return vec![Hindrance::Unqualified] };
    let mut why = Vec::new();
    match &known.state {
        QualificationState::Unqualified => why.push(Hindrance::Unqualified),
        QualificationState::Qualified => {}
        QualificationState::Restricted { uses, why: words } => {
            let of = lab.cases.get(&job.case).map(|case| case.intended_use);
            if !of.is_some_and(|of| uses.contains(&of)) {
                why.push(Hindrance::Restricted { why: words.clone() });
            }
        }
    }
    match known.calibration_due {
        None => why.push(Hindrance::CalibrationUnknown),
        Some(due) if today > due => why.push(Hindrance::CalibrationDue(due)),
        Some(_) => {}
    }
    why
}
