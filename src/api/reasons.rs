//! Why a waiting job does not begin on a printer: one list, for the job itself and for the queue.
//!
//! First what lasts until somebody changes it, by the journal's rules, the gate and the plan; where that is nothing,
//! what is so just now, and what is planned. Nobody is sent to a printer that would refuse.

use super::AppState;
use super::gate::told;
use super::shapes::{FirstReason, WaitingOn};
use super::views::words;
use crate::domain::finding::refused;
use crate::domain::ids::PrinterName;
use crate::domain::job::Job;
use crate::domain::lab::{Lab, Refusal};
use crate::domain::moment::Stamp;
use crate::domain::printer::Activity;
use crate::domain::quality::{self, Hindrance, start};
use crate::domain::resin;
use crate::schedule::{Obstacle, PrinterAt, Reason};
use crate::services::gate;
use crate::services::planner::{Drawn, seconds};

/// So many seconds ahead, a start is one in a moment.
const SOON: i64 = 60;

/// Why a job that waits does not begin there.
pub fn on(app: &AppState, lab: &Lab, job: &Job, name: &PrinterName) -> WaitingOn {
    let (now, drawn) = (app.clock.stamp(), app.planner.latest());
    let drawn = drawn.as_deref();
    let accepted = lab.accepted(job);
    let told = told(app, lab, name);
    let found = app.gate.known(&app.gate.asked_of(job, name, told.as_deref()));
    let plan = drawn.and_then(|drawn| {
        let at = drawn.printers.iter().position(|known| known == name)?;
        Some((drawn, drawn.why_not(drawn.place(&job.id)?, PrinterAt(at))))
    });
    let mut why = of_rules(lab, job, name, &now);
    let is_by_rules = !why.is_empty();
    let is_refused = found.as_ref().is_some_and(|found| !refused(found, &accepted).is_empty());
    if is_refused {
        why.push(gate::in_words(found.as_deref().unwrap_or_default(), &accepted, &job.id));
    }
    if let Some((drawn, Reason::Against(against))) = &plan {
        let lasts = |one: &Obstacle| is_lasting(one) && !is_told(one, is_by_rules, is_refused);
        let against: Vec<Obstacle> = against.iter().copied().filter(lasts).collect();
        if !against.is_empty() {
            why.push(Reason::Against(against).in_words(*drawn));
        }
    }
    let (mut person, mut first) = (false, FirstReason::Said);
    if why.is_empty() {
        (why, person, first) = just_now(app, lab, job, name, &now, (found.is_some(), plan));
    }
    let acceptable = gate::acceptable(found.as_deref().unwrap_or_default(), &accepted);
    let acceptable = acceptable.into_iter().map(str::to_owned).collect();
    WaitingOn { printer: name.to_string(), why: why.join(". "), person, acceptable, first }
}

/// What the journal's rules say, all of it: who holds the job, and what its case, its material, the printer and its vat
/// lack.
fn of_rules(lab: &Lab, job: &Job, name: &PrinterName, now: &Stamp) -> Vec<String> {
    let held = lab.queue.wish(&job.id).and_then(|wish| wish.held.as_ref());
    let held = held.map(|held| {
        Refusal::Held { job: job.id.clone(), why: held.reason.in_words(), by: held.by.clone() }.to_string()
    });
    let mut hindered = quality::may_start(lab, job, name, now.wall);
    // That nothing is loaded here is not what keeps a job from a printer that it is not meant for.
    if job.pinned.as_ref().is_some_and(|pinned| pinned != name) {
        let why: Vec<Hindrance> = start::against_job(lab, job);
        hindered = if why.is_empty() {
            Ok(())
        } else {
            Err(quality::Refusal::Hindered { job: job.id.clone(), printer: name.clone(), why })
        };
    }
    // The same of what a vat holds, and of a look that nobody has had.
    let is_meant = job.pinned.as_ref().is_none_or(|pinned| pinned == name);
    let unready = if is_meant { resin::may_start(lab, job, name, now.wall).err() } else { None };
    let hindered = hindered.err().map(|refusal| refusal.to_string());
    held.into_iter().chain(hindered).chain(unready.map(|refusal| refusal.to_string())).collect()
}

/// Whether it stays so until somebody changes something.
fn is_lasting(one: &Obstacle) -> bool {
    !matches!(
        one,
        Obstacle::Offline
            | Obstacle::Locked
            | Obstacle::Busy { .. }
            | Obstacle::Bed { .. }
            | Obstacle::Queue { .. }
            | Obstacle::Maintenance { .. }
            | Obstacle::NoPerson { .. }
            | Obstacle::Power { .. }
    )
}

/// Whether the rules, or the gate, have said so in their own words.
fn is_told(one: &Obstacle, by_rules: bool, by_gate: bool) -> bool {
    match one {
        Obstacle::Held(_)
        | Obstacle::NotLoaded { .. }
        | Obstacle::Lot { .. }
        | Obstacle::Unqualified
        | Obstacle::Restricted { .. }
        | Obstacle::CalibrationUnknown
        | Obstacle::CalibrationOverdue { .. } => by_rules,
        // By the gate, or by what is in a vat.
        Obstacle::Barred(_) => by_gate || by_rules,
        _ => false,
    }
}

/// What is so of the printer, and what is planned; whether a person who stands there could let it begin now; and what
/// the first of it is about.
fn just_now(
    app: &AppState,
    lab: &Lab,
    job: &Job,
    name: &PrinterName,
    now: &Stamp,
    (is_read, plan): (bool, Option<(&Drawn, Reason)>),
) -> (Vec<String>, bool, FirstReason) {
    let Some(live) = app.fleet.board().get(name).map(|live| live.borrow().clone()) else {
        return (vec!["it is not in the configuration".into()], false, FirstReason::Said);
    };
    let is_ready = live.activity == Activity::Ready;
    let of = lab.cases.get(&job.case).map(|case| case.intended_use);
    let needs = app
        .config
        .printer(name)
        .and_then(|printer| printer.attended(&app.config.attended_uses, of, live.unprotected));
    let has_time = plan.as_ref().is_none_or(|(drawn, _)| {
        drawn.ends_before_maintenance(&job.id, name, now.wall) && app.planner.has_power(lab, name, now.wall)
    });
    let (mut why, mut person, mut first) = (Vec::new(), false, FirstReason::Said);
    match lab.may_begin(job, name, needs, now) {
        Err(Refusal::BedOccupied { job, .. }) => {
            first = FirstReason::Bed;
            why.push(format!("the part of job {job} is still on its bed"));
        }
        Err(Refusal::PrinterBusy { job, .. }) => {
            first = FirstReason::Nothing;
            why.push(format!("it works on job {job}"));
        }
        Err(Refusal::Latched { why: after, .. }) => {
            why.push(format!("it is locked after a {after} until somebody looks at it"));
        }
        Err(Refusal::Quarantined { why: reason, .. }) => why.push(format!("it is in quarantine: {reason}")),
        Err(Refusal::PersonNeeded { job, why: reason, .. }) if has_time => {
            person = is_ready;
            why.push(format!(
                "a person must be there when it begins ({}): `platen jobs --start {job} --printer {name} --by NAME`",
                reason.in_words()
            ));
        }
        Err(Refusal::PersonNeeded { why: reason, .. }) => {
            why.push(format!("a person must be there when it begins ({})", reason.in_words()));
        }
        Err(refusal) => why.push(refusal.to_string()),
        Ok(()) if !is_ready => why.push(words(&live.activity)),
        Ok(()) if live.cover.bars() => {
            why.extend(resin::start::of_cover(live.cover).map(|hindrance| hindrance.to_string()));
        }
        Ok(()) if !is_read => {
            first = FirstReason::Nothing;
            why.push("its file is being read for this printer".into());
        }
        Ok(()) if is_next(plan.as_ref(), now) && has_time => {
            return (vec!["it is free: the job starts in a moment".into()], false, FirstReason::Nothing);
        }
        Ok(()) if plan.is_none() => {
            first = FirstReason::Nothing;
            why.push("it is free, and the queue is being planned".into());
        }
        Ok(()) => {}
    }
    why.extend(plan.map(|(drawn, reason)| reason.in_words(drawn)));
    (why, person, first)
}

/// The plan has the job begin here, and now.
fn is_next(plan: Option<&(&Drawn, Reason)>, now: &Stamp) -> bool {
    let soon = seconds(now.wall).0.saturating_add(SOON);
    matches!(plan, Some((_, Reason::Chosen { start })) if start.0 <= soon)
}
