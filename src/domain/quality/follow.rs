//! Printed parts follow their print jobs by themselves: what a job's facts make of the piece on the bed.

use std::collections::BTreeMap;

use super::Key;
use super::build::{Build, Piece};
use super::printed::{Doubt, Failure, LookBack, PrintedPart, PrintedState, QuarantineCause, Serial};
use super::refusal::Illegal;
use super::revision::NewRevision;
use super::start::serials;
use crate::domain::event::{Actor, Event, Fact, JobRef};
use crate::domain::ids::{JobId, PartId, PrinterName};
use crate::domain::job::{JobState, PauseReason};
use crate::domain::lab::Lab;
use crate::domain::part::{Part, PartRef};
use crate::domain::printer::Bed;

/// Which attempt at its part a new job is: one that is planned, or the next.
pub fn attempt(lab: &Lab, part: &PartId) -> Option<u32> {
    let part = lab.parts.get(part)?;
    // Those that are planned are the last ones: nothing else is numbered while there is one.
    let attempts = lab.quality.attempts_at(&part.case, part.number).rev();
    let planned = attempts.take_while(|printed| printed.state == PrintedState::Planned).last();
    if let Some(planned) = planned {
        return Some(planned.serial.attempt);
    }
    next_attempt(lab, part)
}

/// The pieces that a new job makes of these parts, in their order: those that are planned of each part, then the next.
pub fn pieces(lab: &Lab, parts: &[&Part]) -> Option<Vec<Piece>> {
    let mut next: BTreeMap<&PartId, u32> = BTreeMap::new();
    let pieces = parts.iter().map(|part| {
        let attempt = match next.get(&part.id) {
            // Behind the first that is planned come the other planned ones, without a gap, and then new ones.
            Some(before) => before.checked_add(1)?,
            None => attempt(lab, &part.id)?,
        };
        next.insert(&part.id, attempt);
        Some(Piece { part: part.number, attempt })
    });
    pieces.collect()
}

/// The attempt behind all that there were.
pub(super) fn next_attempt(lab: &Lab, part: &Part) -> Option<u32> {
    let last = lab.quality.attempts_at(&part.case, part.number).next_back();
    // Those of a platen that counted none.
    let before = || lab.jobs.values().filter(|job| job.part == part.id && job.has_file()).count();
    let last = last.map_or_else(before, |last| last.serial.attempt as usize);
    u32::try_from(last).ok()?.checked_add(1)
}

/// What an event of a job or a printer changes. Called before the event itself is applied.
pub fn follow(lab: &mut Lab, event: &Event) -> Vec<Key> {
    match (&event.fact, &event.subject) {
        (Fact::JobQueued { attempt: Some(attempt), also, resumes, .. }, Some(subject)) => {
            queued(lab, event, subject, (*attempt, also), resumes.is_some())
        }
        (Fact::JobReleased { by, .. }, Some(subject)) => {
            of_job(lab, &subject.job, |printed| printed.handled_by(by))
        }
        (Fact::JobStarted { printer }, Some(subject)) => started(lab, event, subject, printer),
        (Fact::JobPaused { reason, .. }, Some(subject)) => {
            // The approved file asks for it.
            if matches!(reason, PauseReason::File { .. }) {
                return Vec::new();
            }
            doubt(lab, &subject.job, Doubt::Paused)
        }
        (Fact::JobContinued { .. }, Some(subject)) => doubt(lab, &subject.job, Doubt::Continued),
        (Fact::JobPrinted { exact, digest, .. }, Some(subject)) => of_job(lab, &subject.job, |printed| {
            if !exact {
                printed.doubts.insert(Doubt::NotExact);
            }
            printed.digest = Some(digest.clone());
            printed.ended = Some(event.stamp.wall);
            let doubts = printed.doubts.clone();
            step(printed, |state| state.finish(&doubts));
        }),
        (Fact::JobInterrupted { .. }, Some(subject)) => of_job(lab, &subject.job, |printed| {
            printed.doubts.insert(Doubt::Interrupted);
            step(printed, PrintedState::interrupt);
        }),
        (Fact::JobCancelled { printer: None, .. }, Some(subject)) => withdrawn(lab, &subject.job),
        (Fact::JobCancelled { .. }, Some(subject)) => of_job(lab, &subject.job, |printed| {
            printed.ended = Some(event.stamp.wall);
            step(printed, |state| state.fail(Failure::Cancelled));
        }),
        (Fact::BedCleared { printer, by }, _) => match lab.printer(printer).bed {
            Bed::Occupied { job } => of_job(lab, &job, |printed| {
                printed.handled_by(by);
                if printed.state.fail(Failure::TakenOff).is_ok() {
                    printed.ended = Some(event.stamp.wall);
                    step(printed, |state| state.fail(Failure::TakenOff));
                }
            }),
            Bed::Clear => Vec::new(),
        },
        (Fact::BedGivenBack { printer, job }, _) => given_back(lab, event, printer, job.as_ref()),
        (Fact::HeatAlarm { printer, .. }, _) => match lab.running_on(printer).map(|job| job.id.clone()) {
            Some(job) => doubt(lab, &job, Doubt::HeatAlarm),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The state after a step; a step that is not possible was not the piece's.
fn step(printed: &mut PrintedPart, step: impl FnOnce(&PrintedState) -> Result<PrintedState, Illegal>) {
    if let Ok(state) = step(&printed.state) {
        printed.state = state;
    }
}

/// Changes the printed parts of a job, where it is followed.
fn of_job(lab: &mut Lab, job: &JobId, change: impl Fn(&mut PrintedPart)) -> Vec<Key> {
    let serials = lab.jobs.get(job).map(|job| serials(lab, job)).unwrap_or_default();
    let mut touched = Vec::new();
    for serial in serials {
        if let Some(printed) = lab.quality.printed.get_mut(&serial) {
            change(printed);
            touched.push(Key::Printed(serial));
        }
    }
    touched
}

fn doubt(lab: &mut Lab, job: &JobId, doubt: Doubt) -> Vec<Key> {
    of_job(lab, job, |printed| {
        printed.doubts.insert(doubt);
    })
}

fn queued(
    lab: &mut Lab,
    event: &Event,
    subject: &JobRef,
    (attempt, also): (u32, &[Piece]),
    resumes: bool,
) -> Vec<Key> {
    let Some(part) = lab.parts.get(&subject.part) else { return Vec::new() };
    let serial = Serial { case: subject.case.clone(), part: part.number, attempt };
    let mut touched = Vec::new();
    if !also.is_empty() {
        let build = Build { job: subject.job.clone(), also: also.to_vec() };
        lab.quality.builds.insert(subject.job.clone(), build);
        touched.push(Key::Build(subject.job.clone()));
    }
    // It goes on with pieces that are there, and are not queued anew.
    if resumes {
        return touched;
    }
    touched.extend(queue_piece(lab, event, subject, serial));
    for piece in also {
        touched.extend(queue_piece(lab, event, subject, piece.of(&subject.case)));
    }
    touched
}

fn queue_piece(lab: &mut Lab, event: &Event, subject: &JobRef, serial: Serial) -> Option<Key> {
    let part = lab.find_part(&serial.case, &PartRef::Number(serial.part)).ok()?;
    let mesh = lab.chains.get(&subject.job).map(|chain| &chain.model.hash);
    let order = lab.jobs.get(&subject.job).and_then(|job| match &job.state {
        JobState::Slicing { order } => Some(order.as_ref()),
        _ => None,
    });
    // In another size, or as another side, it is not what was approved.
    let same = |of: &NewRevision| {
        order.is_none_or(|order| {
            let unit = order.unit.as_ref().is_none_or(|unit| *unit == of.unit.to_string());
            unit && order.scale == of.scale && order.mirrored == of.mirrored
        })
    };
    let revisions = lab.quality.revisions.range((part.id.clone(), 0)..=(part.id.clone(), u16::MAX));
    // The newest, where the same model was handed in twice.
    let revision = mesh.and_then(|mesh| {
        let mut of_it = revisions.rev().filter(|(_, found)| found.of.mesh == *mesh && same(&found.of));
        of_it.next().map(|((_, number), _)| *number)
    });
    let new = PrintedPart::new(serial.clone(), part.id.clone(), PrintedState::Planned);
    let printed = lab.quality.printed.entry(serial.clone()).or_insert(new);
    step(printed, PrintedState::queue);
    printed.job = Some(subject.job.clone());
    printed.revision = revision.or(printed.revision);
    if let Actor::Person(by) = &event.actor {
        printed.handled_by(by);
    }
    Some(Key::Printed(serial))
}

fn started(lab: &mut Lab, event: &Event, subject: &JobRef, printer: &PrinterName) -> Vec<Key> {
    let lots: Vec<_> = lab.quality.loaded_on(printer).map(|load| load.lot.clone()).collect();
    // Where no rule of the site bars that, the part comes into quarantine from the start.
    let recalled =
        lots.iter().find(|lot| lab.quality.lots.get(lot).is_some_and(|lot| lot.recalled.is_some()));
    let recalled = recalled.map(|lot| {
        (LookBack::LotRecalled { lot: lot.clone() }, QuarantineCause::LotRecalled { lot: lot.clone() })
    });
    let last = lab.quality.printers.get(printer).and_then(|known| known.last.as_ref());
    let astray = last.filter(|last| !last.passed).map(|last| {
        let inspection = last.inspection.clone();
        let because = LookBack::PhantomFailed { inspection: inspection.clone() };
        (because, QuarantineCause::PhantomFailed { inspection })
    });
    of_job(lab, &subject.job, |printed| {
        if printed.started.is_some() {
            printed.doubts.insert(Doubt::Resumed);
        }
        printed.started.get_or_insert(event.stamp.wall);
        printed.started_seq.get_or_insert(event.seq);
        printed.job = Some(subject.job.clone());
        printed.printer = Some(printer.clone());
        for lot in &lots {
            printed.loaded(lot);
        }
        step(printed, PrintedState::start);
        for (because, cause) in [&recalled, &astray].into_iter().flatten() {
            printed.look_back(because.clone());
            step(printed, |state| state.quarantine(cause.clone()));
        }
    })
}

/// A job is cancelled before it began: there is no piece, unless it was to go on with one.
fn withdrawn(lab: &mut Lab, job: &JobId) -> Vec<Key> {
    let its_own = lab.jobs.get(job).is_some_and(|job| job.resumes.is_none());
    if !its_own {
        return Vec::new();
    }
    of_job(lab, job, |printed| step(printed, PrintedState::withdraw))
}

/// A job that ended has left the bed as it was: with the part of another job, or clear.
fn given_back(lab: &mut Lab, event: &Event, printer: &PrinterName, origin: Option<&JobId>) -> Vec<Key> {
    if let Some(origin) = origin {
        return of_job(lab, origin, |printed| {
            printed.job = Some(origin.clone());
            step(printed, PrintedState::give_back);
        });
    }
    let Bed::Occupied { job } = lab.printer(printer).bed else { return Vec::new() };
    of_job(lab, &job, |printed| {
        printed.ended = Some(event.stamp.wall);
        step(printed, |state| state.fail(Failure::NothingPrinted));
    })
}
