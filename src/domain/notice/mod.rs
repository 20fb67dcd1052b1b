//! What is worth telling, and to whom: from an entry of the journal, from a day that comes near, and for the thread
//! of a case.
//!
//! ```text
//! entry of the journal ─of_event─▶ Notice ─recipients─▶ (user, by which ways)
//! a new day ───────────────due───▶ Notice ─┘
//! the lab ─────────────────thread▶ Notice, beside what people wrote
//! ```
//! A notice is made of tokens, ids, numbers, names of printers and words of ours. No message, no part's name, no
//! reason and no firmware's word is in it, and no name of a person: so no patient can be.

use std::collections::{BTreeMap, BTreeSet};

use super::day::Day;
use super::event::{Actor, Event, Fact};
use super::ids::{CaseToken, JobId, LotId, NonconformanceId, PrinterName};
use super::job::{JobState, Outcome, PauseReason};
use super::lab::Lab;
use super::moment::WallTime;
use super::people;
use super::people::name::{UserName, fold};
use super::people::notices::{Topic, Way};
use super::quality::case::{CaseState, Step as CaseStep};
use super::quality::inspection::{Subject as Inspected, Verdict};
use super::quality::lot::{RunningOut, Step as LotStep};
use super::quality::nonconformance::{About, Severity, Step as NonconformanceStep};
use super::quality::printed::{Serial, Step as PrintedStep};
use super::quality::signature::{Meaning, Subject as Signed};
use super::quality::{self, Change};
use super::queue;
use super::resin::wear::Reached;
use super::resin::{self, Station};

/// So many days before a calibration comes due, and on the day itself.
const CALIBRATION_DAYS: [u16; 3] = [7, 1, 0];
/// So many days before a case is needed.
const CASE_DAYS: [u16; 2] = [2, 0];

/// What has happened, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Mentioned,
    Finished,
    Suspect,
    Interrupted,
    Cancelled,
    NotSliced,
    Waits,
    Stopped,
    NotStopped,
    Locked,
    Foreign,
    ApprovalAsked,
    Reported(Severity),
    PartReleased,
    CaseReleased,
    LotRecalled,
    PartRecalled,
    LotLow,
    LotEmpty,
    Worn(Parts),
    Overdue(Parts),
    ResinOld,
    PhantomFailed,
    PrinterDue(Day),
    InstrumentDue(Day),
    CaseDue(Day),
    Late,
    EmergencyUsed,
}

/// What of a resin printer is worn out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    Display,
    Film,
    Both,
}

impl Parts {
    fn of(display: bool, film: bool) -> Option<Self> {
        match (display, film) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Display),
            (false, true) => Some(Self::Film),
            (false, false) => None,
        }
    }
}

impl What {
    pub fn topic(self) -> Topic {
        match self {
            Self::Mentioned => Topic::Mentioned,
            Self::Finished => Topic::PrintFinished,
            Self::Suspect => Topic::PrintSuspect,
            Self::Interrupted | Self::Cancelled | Self::NotSliced => Topic::PrintFailed,
            Self::Waits | Self::Stopped | Self::NotStopped | Self::Locked | Self::Foreign => {
                Topic::HandsNeeded
            }
            Self::ApprovalAsked => Topic::ApprovalAwaited,
            Self::Reported(_) => Topic::Nonconformance,
            Self::PartReleased | Self::CaseReleased => Topic::Released,
            Self::LotRecalled | Self::PartRecalled => Topic::MaterialRecalled,
            Self::LotLow | Self::LotEmpty => Topic::MaterialLow,
            Self::ResinOld => Topic::HandsNeeded,
            Self::PhantomFailed
            | Self::PrinterDue(_)
            | Self::InstrumentDue(_)
            | Self::Worn(_)
            | Self::Overdue(_) => Topic::QualificationDue,
            Self::CaseDue(_) => Topic::CaseDue,
            Self::Late => Topic::PrintLate,
            Self::EmergencyUsed => Topic::EmergencyUsed,
        }
    }

    /// What it is, and what to do.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Mentioned => ("you are mentioned", "read the messages of the case"),
            Self::Finished => ("a print is finished", "take it off and clear the bed"),
            Self::Suspect => {
                ("a print is finished and something about it was odd", "have it inspected for that")
            }
            Self::Interrupted => ("a print is interrupted", "look at the printer, then print anew or go on"),
            Self::Cancelled => ("a print is cancelled", "see whether it is to be printed anew"),
            Self::NotSliced => ("no file could be made of a model", "look at the job for the reason"),
            Self::Waits => ("a printer waits for a person", "go there, or answer it on the page"),
            Self::Stopped => ("a printer is stopped", "look there, then clear the stop"),
            Self::NotStopped => ("a printer did NOT confirm its stop", "go there at once and take its power"),
            Self::Locked => ("a printer is locked by a fault", "look there, then unlock it"),
            Self::Foreign => ("a printer's port has another board on it", "say which board it is"),
            Self::ApprovalAsked => ("a design waits for its approval", "approve it, or send it back"),
            Self::Reported(Severity::Minor) => {
                ("something minor is not as it should be", "decide what becomes of it")
            }
            Self::Reported(Severity::Major) => {
                ("something major is not as it should be", "decide what becomes of it")
            }
            Self::Reported(Severity::Critical) => {
                ("something critical is not as it should be", "decide at once what becomes of it")
            }
            Self::PartReleased => ("a part is released", "it may be packed and handed over"),
            Self::CaseReleased => ("a case is released", "it may be delivered"),
            Self::LotRecalled => ("a lot is recalled", "look at every part that was printed from it"),
            Self::PartRecalled => ("a part that was released is recalled", "get it back"),
            Self::LotLow => ("a lot is running low", "have another one at hand"),
            Self::LotEmpty => {
                ("more was used of a lot than was left", "weigh what is there, and have another one at hand")
            }
            Self::Worn(Parts::Display) => ("a resin printer's display is worn", "have the next one at hand"),
            Self::Worn(Parts::Film) => ("a resin printer's film is worn", "have the next one at hand"),
            Self::Worn(Parts::Both) => {
                ("a resin printer's display and film are worn", "have the next ones at hand")
            }
            Self::Overdue(Parts::Display) => ("a resin printer's display is past its life", "replace it"),
            Self::Overdue(Parts::Film) => ("a resin printer's film is past its life", "replace it"),
            Self::Overdue(Parts::Both) => {
                ("a resin printer's display and film are past their lives", "replace them")
            }
            Self::ResinOld => {
                ("resin is in a vat for longer than it may be", "empty the vat before the next print")
            }
            Self::PhantomFailed => {
                ("a printer's phantom did not pass", "look at every part since the last that did")
            }
            Self::PrinterDue(_) => ("a printer's calibration comes due", "measure a phantom"),
            Self::InstrumentDue(_) => ("an instrument's calibration comes due", "have it calibrated"),
            Self::Late => (
                "a print will not be ready in time, as things stand",
                "look at the queue: another printer, another order, or another day",
            ),
            Self::EmergencyUsed => (
                "somebody came in by the password for emergencies",
                "see in the journal who it was, ask why, and give the password anew",
            ),
            Self::CaseDue(_) => ("a case that is not delivered comes due", "see what it still wants"),
        }
    }

    /// How soon somebody has to be there: the lowest comes first, and nothing where it can wait for its turn.
    pub fn urgency(self) -> Option<u8> {
        match self {
            Self::NotStopped => Some(0),
            Self::Locked => Some(1),
            Self::Stopped => Some(2),
            _ => None,
        }
    }

    pub fn day(self) -> Option<Day> {
        match self {
            Self::PrinterDue(day) | Self::InstrumentDue(day) | Self::CaseDue(day) => Some(day),
            _ => None,
        }
    }
}

/// Who is told, before anybody's choice is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// By name, folded.
    Named(BTreeSet<String>),
    /// Whoever has to do with the case, or, where nobody is asked for that, whoever wants to hear of it.
    ByTopic,
}

/// One thing that is worth telling. Every field is an id, a number or a word of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub what: What,
    pub case: Option<CaseToken>,
    pub part: Option<u16>,
    pub attempt: Option<u32>,
    pub printer: Option<PrinterName>,
    pub lot: Option<LotId>,
    pub nonconformance: Option<NonconformanceId>,
    whom: Whom,
    /// Who did it, and need not be told.
    by: Option<String>,
}

impl Notice {
    fn new(what: What) -> Self {
        Self {
            what,
            case: None,
            part: None,
            attempt: None,
            printer: None,
            lot: None,
            nonconformance: None,
            whom: Whom::ByTopic,
            by: None,
        }
    }

    fn of_case(what: What, case: &CaseToken) -> Self {
        Self { case: Some(case.clone()), ..Self::new(what) }
    }

    fn at(what: What, printer: &PrinterName) -> Self {
        Self { printer: Some(printer.clone()), ..Self::new(what) }
    }

    fn of_piece(what: What, serial: &Serial) -> Self {
        Self { part: Some(serial.part), attempt: Some(serial.attempt), ..Self::of_case(what, &serial.case) }
    }

    fn of_job(lab: &Lab, what: What, job: &JobId) -> Option<Self> {
        let job = lab.jobs.get(job)?;
        let one = Self::of_case(what, &job.case);
        // Of several pieces on one bed none is named in place of the others.
        if lab.quality.builds.contains_key(&job.id) {
            return Some(one);
        }
        let part = lab.parts.get(&job.part).map(|part| part.number);
        Some(Self { part, attempt: job.attempt, ..one })
    }

    fn by(self, by: Option<&str>) -> Self {
        Self { by: by.map(fold), ..self }
    }

    pub fn topic(&self) -> Topic {
        self.what.topic()
    }

    /// A printer did not stop, is locked or was stopped: this waits behind nothing else.
    pub fn is_urgent(&self) -> bool {
        self.what.urgency().is_some()
    }

    /// One line: what, where, and what to do.
    pub fn text(&self) -> String {
        let (what, todo) = self.what.words();
        let mut place = Vec::new();
        place.extend(self.case.as_ref().map(|case| format!("case {case}")));
        place.extend(self.part.map(|part| format!("part {part}")));
        place.extend(self.attempt.map(|attempt| format!("attempt {attempt}")));
        place.extend(self.printer.as_ref().map(|printer| format!("printer {printer}")));
        place.extend(self.lot.as_ref().map(|lot| format!("lot {lot}")));
        place.extend(self.nonconformance.as_ref().map(|id| format!("nonconformance {id}")));
        place.extend(self.what.day().map(|day| format!("on {day}")));
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        format!("{what}{place}: {todo}")
    }

    /// The first half of it, for a heading.
    pub fn headline(&self) -> &'static str {
        self.what.words().0
    }
}

/// What an entry of the journal is worth telling; `lab` is the lab after it, or later.
pub fn of_event(lab: &Lab, event: &Event) -> Option<Notice> {
    let by = match &event.actor {
        Actor::Person(name) => Some(name.as_str()),
        Actor::Printer(_) | Actor::Platen => None,
    };
    let job = event.subject.as_ref().map(|subject| &subject.job);
    let of_job = |what, printer: Option<&PrinterName>| {
        let notice = Notice::of_job(lab, what, job?)?;
        Some(Notice { printer: printer.cloned(), ..notice })
    };
    match &event.fact {
        Fact::JobPrinted { printer, exact, .. } => {
            let odd = !exact || job.is_some_and(|job| is_doubtful(lab, job));
            of_job(if odd { What::Suspect } else { What::Finished }, Some(printer))
        }
        Fact::JobInterrupted { printer, .. } => of_job(What::Interrupted, Some(printer)),
        Fact::JobCancelled { printer: Some(printer), by, .. } => {
            Some(of_job(What::Cancelled, Some(printer))?.by(Some(by)))
        }
        Fact::JobNotSliced { .. } => of_job(What::NotSliced, None),
        Fact::JobPaused { printer, reason, .. } => match reason {
            PauseReason::Person { .. } | PauseReason::Panel | PauseReason::Unknown => None,
            PauseReason::File { .. }
            | PauseReason::Printer
            | PauseReason::Runout
            | PauseReason::Astray
            | PauseReason::Heat { .. }
            | PauseReason::Restart
            | PauseReason::Refill => of_job(What::Waits, Some(printer)),
        },
        Fact::PrinterStopped { printer, by } => Some(Notice::at(What::Stopped, printer).by(Some(by))),
        Fact::StopUnverified { printer, .. } => Some(Notice::at(What::NotStopped, printer)),
        Fact::PrinterFaulted { printer, .. } => Some(Notice::at(What::Locked, printer)),
        Fact::PrinterQuarantined { printer, .. } => Some(Notice::at(What::Foreign, printer)),
        Fact::Queue(queue::Fact::LateForeseen { job, .. }) => Notice::of_job(lab, What::Late, job),
        Fact::People(people::Fact::EmergencyUsed { .. }) => Some(Notice::new(What::EmergencyUsed)),
        Fact::Resin(resin::Fact::Lit { printer, reached, .. }) => worn(printer, reached),
        Fact::Quality(fact) => of_quality(lab, fact).map(|notice| notice.by(fact.by.as_deref().or(by))),
        _ => None,
    }
}

/// What is worse is told where there is both.
fn worn(printer: &PrinterName, reached: &BTreeSet<Reached>) -> Option<Notice> {
    let has = |one: Reached| reached.contains(&one);
    let overdue = Parts::of(has(Reached::DisplayOverdue), has(Reached::FilmOverdue)).map(What::Overdue);
    let worn = Parts::of(has(Reached::DisplayWorn), has(Reached::FilmWorn)).map(What::Worn);
    overdue.or(worn).map(|what| Notice::at(what, printer))
}

fn is_doubtful(lab: &Lab, job: &JobId) -> bool {
    lab.quality
        .printed
        .values()
        .any(|printed| printed.job.as_ref() == Some(job) && !printed.doubts.is_empty())
}

fn of_quality(lab: &Lab, fact: &quality::Fact) -> Option<Notice> {
    Some(match &fact.change {
        Change::Case { case, step } => match step {
            CaseStep::MessagePosted { mentions, .. } if !mentions.is_empty() => {
                let named = mentions.iter().map(|name| fold(name)).collect();
                Notice { whom: Whom::Named(named), ..Notice::of_case(What::Mentioned, case) }
            }
            CaseStep::ApprovalAsked => Notice::of_case(What::ApprovalAsked, case),
            CaseStep::Released { .. } => Notice::of_case(What::CaseReleased, case),
            _ => return None,
        },
        Change::Printed { serial, step } => match step {
            PrintedStep::Released { .. } => Notice::of_piece(What::PartReleased, serial),
            PrintedStep::Recalled { .. } => Notice::of_piece(What::PartRecalled, serial),
            _ => return None,
        },
        Change::Nonconformance { id, step: NonconformanceStep::Opened { about, severity, .. } } => {
            reported(id, about, *severity)
        }
        Change::Lot { lot, step: LotStep::Recalled { .. } } => {
            Notice { lot: Some(lot.clone()), ..Notice::new(What::LotRecalled) }
        }
        // The thread of the case has a message of its own.
        Change::MaterialUsed { lot, runs_out: Some(runs_out), .. } => {
            let what = match runs_out {
                RunningOut::Low => What::LotLow,
                RunningOut::Empty => What::LotEmpty,
            };
            Notice { lot: Some(lot.clone()), ..Notice::new(what) }
        }
        Change::Inspection { id, measured, found } => {
            let found = found.as_ref().or_else(|| lab.quality.inspections.get(id).map(|of| &of.found));
            let (Inspected::Phantom { printer, .. }, Some(found)) = (&measured.subject, found) else {
                return None;
            };
            if found.verdict != Verdict::Fail {
                return None;
            }
            Notice::at(What::PhantomFailed, printer)
        }
        _ => return None,
    })
}

fn reported(id: &NonconformanceId, about: &About, severity: Severity) -> Notice {
    let what = What::Reported(severity);
    let notice = match about {
        About::Part { serial } => Notice::of_piece(what, serial),
        About::Case { case } => Notice::of_case(what, case),
        About::Lot { lot } => Notice { lot: Some(lot.clone()), ..Notice::new(what) },
        About::Printer { printer } => Notice::at(what, printer),
    };
    Notice { nonconformance: Some(id.clone()), ..notice }
}

/// What has come near since the day `after`, which was looked at already, up to today.
pub fn due(lab: &Lab, after: Day, today: Day) -> Vec<Notice> {
    let comes = |day: Day, before: &[u16]| {
        before.iter().any(|days| after.after(*days) < day && day <= today.after(*days))
    };
    let quality = &lab.quality;
    let mut all = Vec::new();
    for (printer, of) in &quality.printers {
        if let Some(day) = of.calibration_due.filter(|day| comes(*day, &CALIBRATION_DAYS)) {
            all.push(Notice::at(What::PrinterDue(day), printer));
        }
    }
    for station in lab.resin.stations.values() {
        if too_old_from(station).is_some_and(|day| comes(day, &[0])) {
            all.push(Notice::at(What::ResinOld, &station.printer));
        }
    }
    // Their names are people's own words: the list of instruments says which.
    let instruments = quality.instruments.values().map(|of| of.calibration_due);
    let instruments: BTreeSet<Day> = instruments.filter(|day| comes(*day, &CALIBRATION_DAYS)).collect();
    all.extend(instruments.into_iter().map(|day| Notice::new(What::InstrumentDue(day))));
    for case in quality.cases.keys() {
        if let Some(day) = needed(lab, case).filter(|day| comes(*day, &CASE_DAYS)) {
            all.push(Notice::of_case(What::CaseDue(day), case));
        }
    }
    all
}

/// The day on which what is in a vat becomes too old.
fn too_old_from(station: &Station) -> Option<Day> {
    let (contents, outfit) = (station.contents()?, station.outfit.as_ref()?);
    Some(Day::in_utc(contents.since).after(outfit.resin_days?.saturating_add(1)))
}

/// By when a case is needed that is still to be delivered.
fn needed(lab: &Lab, case: &CaseToken) -> Option<Day> {
    let record = lab.quality.cases.get(case)?;
    match record.state {
        CaseState::Delivered { .. }
        | CaseState::Used { .. }
        | CaseState::Assessed { .. }
        | CaseState::Closed { .. }
        | CaseState::Cancelled { .. } => None,
        _ => record.about.as_ref()?.needed_by,
    }
}

/// Who has to do with a case: has written on it or is mentioned there, has designed, printed, inspected or signed
/// something of it, or noted time or money for it. Folded names.
pub fn involved(lab: &Lab, case: &CaseToken) -> BTreeSet<String> {
    let quality = &lab.quality;
    let numbered = (case.clone(), 0)..=(case.clone(), u32::MAX);
    let mut names = BTreeSet::new();
    for (_, message) in quality.messages.range(numbered.clone()) {
        names.extend(message.by.iter().chain(&message.mentions).map(|name| fold(name)));
    }
    names.extend(quality.signatures.range(numbered.clone()).map(|(_, of)| fold(&of.by)));
    names.extend(quality.efforts.range(numbered).map(|(_, of)| fold(&of.by)));
    names.extend(quality.costs_of(case).map(|of| fold(&of.by)));
    for part in lab.parts_of(case) {
        let revisions = quality.revisions.range((part.id.clone(), 0)..=(part.id.clone(), u16::MAX));
        names.extend(revisions.map(|(_, of)| fold(&of.by)));
    }
    for printed in quality.printed_of(case) {
        names.extend(printed.operators.iter().map(|name| fold(name)));
        let inspections = printed.inspections.iter().filter_map(|id| quality.inspections.get(id));
        names.extend(inspections.map(|of| fold(&of.by)));
    }
    names
}

/// Who is told, and by which ways: as each has chosen. Whoever did it is not told what they have done.
pub fn recipients(lab: &Lab, notice: &Notice) -> BTreeMap<UserName, BTreeSet<Way>> {
    let topic = notice.topic();
    let concerned = match (&notice.whom, &notice.case) {
        (Whom::Named(names), _) => Some(names.clone()),
        (Whom::ByTopic, Some(case)) if topic.is_of_ones_own() => Some(involved(lab, case)),
        (Whom::ByTopic, _) => None,
    };
    let mut told = BTreeMap::new();
    for user in lab.people.users.values() {
        let folded = user.name.folded();
        let is_concerned = concerned.as_ref().is_none_or(|names| names.contains(&folded));
        if !is_concerned || notice.by.as_ref() == Some(&folded) {
            continue;
        }
        if let Some(ways) = lab.people.told(user).remove(&topic).filter(|ways| !ways.is_empty()) {
            told.insert(user.name.clone(), ways);
        }
    }
    told
}

/// What platen has to say in the thread of a case, oldest first: it stands nowhere else than in what it is about.
pub fn thread(lab: &Lab, case: &CaseToken, today: Day) -> Vec<(WallTime, Notice)> {
    let quality = &lab.quality;
    let mut all = Vec::new();
    for job in lab.jobs.values().filter(|job| job.case == *case) {
        let JobState::Ended { run, ended, outcome } = &job.state else { continue };
        let what = match outcome {
            Outcome::Printed { exact, .. } if *exact && !is_doubtful(lab, &job.id) => What::Finished,
            Outcome::Printed { .. } => What::Suspect,
            Outcome::Interrupted { .. } => What::Interrupted,
            Outcome::Cancelled { .. } if run.is_some() => What::Cancelled,
            Outcome::Cancelled { .. } => continue,
            Outcome::NotSliced { .. } => What::NotSliced,
        };
        let printer = run.as_ref().map(|run| run.printer.clone());
        all.extend(Notice::of_job(lab, what, &job.id).map(|notice| (*ended, Notice { printer, ..notice })));
    }
    for (id, of) in &quality.nonconformances {
        if of.case() == Some(case) {
            all.push((of.at, reported(id, &of.about, of.severity)));
        }
    }
    for (_, signed) in quality.signatures.range((case.clone(), 0)..=(case.clone(), u32::MAX)) {
        match (&signed.meaning, &signed.subject) {
            (Meaning::Released, Signed::Part { serial }) => {
                all.push((signed.at, Notice::of_piece(What::PartReleased, serial)));
            }
            (Meaning::Released, Signed::Case) => {
                all.push((signed.at, Notice::of_case(What::CaseReleased, case)));
            }
            _ => {}
        }
    }
    let record = quality.cases.get(case);
    let asked = record.and_then(|record| record.reached.get(CaseState::AwaitingApproval.word()));
    all.extend(asked.map(|at| (*at, Notice::of_case(What::ApprovalAsked, case))));
    if let Some(day) = needed(lab, case) {
        let told = CASE_DAYS.iter().filter_map(|days| day.before(*days)).filter(|told| *told <= today);
        all.extend(told.map(|told| (told.begins(), Notice::of_case(What::CaseDue(day), case))));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

#[cfg(test)]
mod tests;
