//! Gives waiting jobs to printers that are ready, in the order of the plan, one job a printer.
//!
//! ```text
//! something changed ─▶ plan ─▶ for each ready printer: the first of its jobs that may begin ─▶ journal ─▶ printer
//! ```
//! The plan proposes. Whether a job may begin is asked of the lab again, and of the gate, and nothing begins that would
//! overload its printer's circuit, or run into its maintenance.
//!
//! The gate is asked again for each printer before a job begins there: what passed when it was taken in may have met
//! a stricter configuration, another firmware, or an older platen. While a file is being read for that, its printer
//! waits and the others do not.
//!
//! A start is in the journal before the printer hears of it, so that a crash in between leaves an
//! interrupted job, never a job that runs unknown to us.

use ::resin::exposure::{Plan, Plate};
use ::resin::file::ResinFile;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::fleet::{Fleet, NotDone, Work};
use super::gate::{Asked, Gate, Verdict};
use super::intake::Intake;
use super::planner::{Drawn, Planner, seconds};
use super::pulse::Pulse;
use super::recorder::Recorder;
use crate::config::resin::Drive;
use crate::config::{BedClearing, Printer};
use crate::control::light::Exposures;
use crate::domain::case::IntendedUse;
use crate::domain::event::{Actor, Fact};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{ExposureFault, Interruption, Job, JobState, Outcome, Progress};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::moment::Stamp;
use crate::domain::printer::Bed;
use crate::domain::queue;
use crate::domain::resin;
use crate::io::clock::Clock;
use crate::io::offload::offload;
use crate::io::resinfile;
use crate::io::spool::SpoolError;
use crate::schedule::Seconds;

/// Nothing is missed by events; this only bounds how long a lost wake-up could last.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Times pass, and prints are faster or slower than they were taken for.
const PLAN_AGAIN: Duration = Duration::from_secs(30);
/// So many seconds before its time a start counts as due.
const POWER_EARLY: i64 = 5;

/// What is known of a printer when a job is chosen for it.
struct Ready<'a> {
    printer: &'a Printer,
    uses: &'a [IntendedUse],
    unprotected: bool,
    all: &'a [Printer],
    board: &'a Board,
}

impl Ready<'_> {
    /// It is planned on that printer for now, and does not begin there since a person is wanted.
    fn is_stuck(&self, lab: &Lab, job: &Job, there: &PrinterName, now: &Stamp) -> bool {
        let Some(printer) = self.all.iter().find(|printer| printer.name == *there) else { return false };
        let unprotected = self.board.get(there).is_some_and(|live| live.borrow().unprotected);
        let of = lab.cases.get(&job.case).map(|case| case.intended_use);
        let may = lab.may_begin(job, there, printer.attended(self.uses, of, unprotected), now);
        let prepared = lab.queue.wish(&job.id).and_then(|wish| wish.prepared.as_ref());
        prepared != Some(there) && matches!(may, Err(Refusal::PersonNeeded { .. }))
    }
}

/// What is planned on a printer and may begin there now. Where power is short a start waits for its time, since others
/// have been promised what there is; but not behind one that is due and waits for a person: with each plan both are later.
fn in_turn<T: Copy>(
    own: &[(T, Seconds)],
    is_due: impl Fn(Seconds) -> bool,
    may: impl Fn(T) -> bool,
) -> impl Iterator<Item = T> {
    let mut is_passed_over = false;
    own.iter().filter_map(move |(job, start)| {
        if !is_due(*start) && !is_passed_over {
            return None;
        }
        let begins = may(*job);
        is_passed_over |= !begins;
        begins.then_some(*job)
    })
}

/// The next job for a printer, if it may start one now. One that somebody stands there for comes first; one that does
/// not pass the gate there is passed over, as is one that wants a person who is not there.
fn next_job(
    lab: &Lab,
    ready: &Ready<'_>,
    now: &Stamp,
    drawn: &Drawn,
    gate: impl Fn(&Job, &[String]) -> Verdict,
) -> Option<(JobId, Verdict)> {
    let Ready { printer, uses, unprotected, .. } = *ready;
    let name = &printer.name;
    // Asked once: each job asks it of all jobs that ever were.
    let record = lab.printer(name);
    if record.latch.is_some() || record.quarantine.is_some() || lab.running_on(name).is_some() {
        return None;
    }
    let suits_bed = |job: &Job| match (&job.resumes, &record.bed) {
        (None, Bed::Clear) => true,
        (Some(resumes), Bed::Occupied { job: origin }) => resumes.job == *origin,
        (None, Bed::Occupied { .. }) | (Some(_), Bed::Clear) => false,
    };
    let waits = |job: &Job| job.state == JobState::Queued && suits_bed(job);
    let may = |job: &Job| {
        if !waits(job) {
            return false;
        }
        let of = lab.cases.get(&job.case).map(|case| case.intended_use);
        lab.may_begin(job, name, printer.attended(uses, of, unprotected), now).is_ok()
    };
    let is_released = |job: &Job| job.released.as_ref().is_some_and(|released| released.holds(name, now));
    let mut released: Vec<&Job> =
        lab.jobs.values().filter(|job| is_released(job)).filter(|job| may(job)).collect();
    released.sort_by_key(|job| job.order);
    // What has begun elsewhere since the plan was made is waited for by nobody.
    let queued = |job: &JobId| lab.jobs.get(job).filter(|job| job.state == JobState::Queued);
    let own: Vec<(&Job, Seconds)> =
        drawn.next_on(name).into_iter().filter_map(|(job, start)| Some((queued(&job)?, start))).collect();
    // What people have made the printer ready for is not overtaken because nobody stands there yet.
    let prepared =
        |job: &Job| lab.queue.wish(&job.id).is_some_and(|wish| wish.prepared.as_ref() == Some(name));
    let waited_for = own.first().is_some_and(|(job, _)| prepared(job) && !may(job));
    // Behind what is planned here comes what is planned now where a person is wanted and does not come.
    let stuck = |(job, there): (JobId, PrinterName)| {
        lab.jobs.get(&job).filter(|job| ready.is_stuck(lab, job, &there, now))
    };
    let elsewhere = drawn.planned_elsewhere(name).into_iter().filter_map(stuck);
    let is_due = |start: Seconds| {
        printer.power.is_none() || start.0 <= seconds(now.wall).0.saturating_add(POWER_EARLY)
    };
    let own = in_turn(&own, is_due, may).chain(elsewhere.filter(|job| may(job)));
    let others = own.filter(|_| !waited_for).filter(|job| !is_released(job));
    let others = others.filter(|job| drawn.ends_before_maintenance(&job.id, name, now.wall));
    let judged =
        released.into_iter().chain(others).map(|job| (job.id.clone(), gate(job, &lab.accepted(job))));
    // Nobody overtakes a job whose file is still being read.
    judged.into_iter().find(|(_, verdict)| !matches!(verdict, Verdict::Refused(_)))
}

/// Whether what lies on the bed came to its end, so that the printer's own way of removing it ran.
/// What was interrupted or cancelled lies there still: a person has to look.
pub(super) fn has_removed_its_part(lab: &Lab, printer: &PrinterName) -> bool {
    let Bed::Occupied { job } = lab.printer(printer).bed else { return false };
    lab.jobs.get(&job).is_some_and(|job| {
        matches!(job.state, JobState::Ended { outcome: Outcome::Printed { exact: true, .. }, .. })
    })
}

#[derive(Debug)]
pub struct Dispatcher {
    pub recorder: Recorder,
    pub fleet: Fleet,
    pub intake: Intake,
    pub gate: Gate,
    pub printers: Vec<Printer>,
    /// Jobs for these begin only while a person is there.
    pub attended_uses: Vec<IntendedUse>,
    pub clock: Clock,
    pub planner: Planner,
    /// By which it says that it lives.
    pub pulse: Pulse,
}

/// Entries that change nothing of who prints what when.
fn is_beside_the_plan(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::JobProgress { .. }
            | Fact::HeatAlarm { .. }
            | Fact::ConsoleUsed { .. }
            | Fact::PromptAnswered { .. }
            | Fact::People(_)
            | Fact::Identifiers(_)
            | Fact::Resin(resin::Fact::Lit { .. } | resin::Fact::VatStirred { .. } | resin::Fact::Odd { .. })
            | Fact::Queue(
                queue::Fact::LateForeseen { .. }
                    | queue::Fact::OnTimeAgain { .. }
                    | queue::Fact::UploadTaken { .. }
                    | queue::Fact::UploadDismissed { .. }
            )
    )
}

impl Dispatcher {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.recorder.subscribe();
        let changed = Arc::new(tokio::sync::Notify::new());
        for (_, live) in self.fleet.board().printers() {
            let mut live = live.clone();
            let (changed, shutdown) = (Arc::clone(&changed), shutdown.clone());
            tokio::spawn(async move {
                let mut ready = false;
                loop {
                    let is_ready = live.borrow_and_update().is_free();
                    if is_ready != ready {
                        changed.notify_one();
                    }
                    ready = is_ready;
                    tokio::select! {
                        biased;
                        () = shutdown.cancelled() => break,
                        outcome = live.changed() => if outcome.is_err() { break },
                    }
                }
            });
        }
        let mut planned_at = self.clock.now();
        let mut stale = true;
        let mut untold = None;
        while !shutdown.is_cancelled() {
            self.pulse.beat();
            if self.planner.latest().is_none() || stale {
                (planned_at, stale) = (self.clock.now(), false);
                let drawn = self.pulse.during(self.planner.draw()).await;
                untold = Some(drawn);
            }
            for printer in &self.printers {
                if !shutdown.is_cancelled() {
                    stale |= self.pulse.during(self.look_at(printer)).await;
                }
            }
            // Printers first.
            if let Some(drawn) = untold.take().filter(|_| !stale) {
                self.pulse.during(self.planner.tell_late(&drawn)).await;
            }
            if stale {
                continue;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                // What was missed may have been anything.
                event = feed.recv() => stale = event.map_or(true, |event| !is_beside_the_plan(&event.fact)),
                () = changed.notified() => stale = true,
                () = self.gate.news() => stale = true,
                () = self.planner.news() => stale = true,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            // What was told meanwhile is planned for at once.
            while let Ok(event) = feed.try_recv() {
                stale |= !is_beside_the_plan(&event.fact);
            }
            stale |= self.clock.now().since(planned_at) > PLAN_AGAIN;
        }
    }

    /// Whether something has begun, or is in the way of the plan, so that it has to be made anew.
    async fn look_at(&self, printer: &Printer) -> bool {
        let name = &printer.name;
        let Some((unprotected, told)) = self.fleet.board().get(name).and_then(|live| {
            let live = live.borrow();
            live.is_free().then(|| (live.unprotected, live.firmware.clone()))
        }) else {
            return false;
        };
        let Some(drawn) = self.planner.latest() else { return true };
        if printer.bed_clearing == BedClearing::Automatic {
            self.clear_by_itself(name).await;
        }
        let ready = Ready {
            printer,
            uses: &self.attended_uses,
            unprotected,
            all: &self.printers,
            board: self.fleet.board(),
        };
        let now = self.clock.stamp();
        // Who is ready was greeted: what it has not said it does not say.
        let told = told.unwrap_or_default();
        let gate = |job: &Job, accepted: &[String]| {
            let asked: Asked = self.gate.asked_of(job, name, Some(&told));
            self.gate.verdict(&asked, accepted)
        };
        let next = self.recorder.read(|lab| {
            let powered = self.planner.has_power(lab, name, now.wall);
            powered.then(|| next_job(lab, &ready, &now, &drawn, gate)).flatten()
        });
        match next {
            Some((job, verdict @ (Verdict::Passes | Verdict::Unreadable))) => {
                self.start(printer, job, verdict == Verdict::Passes).await
            }
            Some((_, Verdict::NotYet | Verdict::Refused(_))) | None => false,
        }
    }

    /// The site said that this printer removes its parts by itself.
    async fn clear_by_itself(&self, name: &PrinterName) {
        if self.recorder.read(|lab| has_removed_its_part(lab, name)) {
            let request = Request::ClearBed { printer: name.clone(), by: "automatic".into() };
            if let Err(error) = self.recorder.submit(request, Actor::Platen).await {
                tracing::warn!(printer = %name, %error, "the bed could not be noted as clear");
            }
        }
    }

    /// `readable`: the gate has read the file to its end. If not, the job is begun and interrupted on the record, and
    /// the printer hears nothing of it.
    async fn start(&self, printer: &Printer, job: JobId, readable: bool) -> bool {
        let name = &printer.name;
        let Some((file, commands, known)) = self.recorder.read(|lab| {
            let known = Known {
                refills: lab.resin.needs.get(&job).map(refills_of),
                plate: match lab.printer(name).bed {
                    Bed::Clear => Plate::Empty,
                    Bed::Occupied { .. } => Plate::NotLookedAt,
                },
            };
            lab.jobs.get(&job).map(|job| (job.file.clone(), job.commands, known))
        }) else {
            return false;
        };
        let verified = match self.intake.spool().verify(&file).await {
            Ok(()) if !readable => Err(SpoolError::Io {
                path: self.intake.spool().path(&file),
                error: std::io::Error::other("the gate could not read it to its end"),
            }),
            Ok(()) => self.intake.spool().reader(&file).await,
            Err(error) => Err(error),
        };
        let work = match verified {
            Ok((opened, bytes)) => {
                let opened = Opened { file: opened.into_std().await, hash: file, bytes };
                work(printer, opened, commands, known).await
            }
            Err(error) => Err(Unfit { error: error.to_string(), is_changed: is_changed(&error) }),
        };
        let request = Request::StartJob { job: job.clone(), printer: name.clone() };
        if let Err(error) = self.recorder.submit(request, Actor::Platen).await {
            tracing::warn!(printer = %name, %job, %error, "not started");
            return false;
        }
        let why = match work {
            Err(Unfit { error, is_changed }) => {
                tracing::error!(printer = %name, %job, %error, "the job's file cannot be printed as it was taken in");
                if is_changed { Interruption::FileChanged } else { Interruption::FileUnreadable }
            }
            Ok(work) => {
                let is_lit = matches!(work, Work::Layers { .. });
                match self.fleet.start(name, job.clone(), work).await {
                    Ok(()) => {
                        tracing::info!(printer = %name, %job, commands, "started");
                        return true;
                    }
                    Err(error) => {
                        tracing::warn!(printer = %name, %job, %error, "not started");
                        match error {
                            // The gate has held the file against the configuration: what is not as it says there is the
                            // display itself.
                            NotDone::NotReady { .. } if is_lit => {
                                Interruption::Exposure { fault: ExposureFault::Display }
                            }
                            _ => Interruption::Unplugged,
                        }
                    }
                }
            }
        };
        let progress = Progress { confirmed: 0, total: commands };
        // The printer has got no line of it.
        let end = Request::NoteInterrupted { job, progress, why, line: None };
        let request = Request::SentNothing(Box::new(end));
        if let Err(error) = self.recorder.submit(request, Actor::Platen).await {
            tracing::error!(printer = %name, %error, "the failed start could not be noted");
        }
        true
    }
}

/// What the journal has of a job and of its printer when it begins.
struct Known {
    /// Before which layers the vat is refilled; absent where its file is none for resin.
    refills: Option<BTreeSet<u32>>,
    plate: Plate,
}

fn refills_of(need: &resin::need::Need) -> BTreeSet<u32> {
    need.refills.iter().map(|refill| refill.before_layer).collect()
}

/// A file of the spool that was proven to be what was uploaded.
struct Opened {
    file: File,
    hash: FileHash,
    bytes: u64,
}

/// Why a job's file cannot be printed, for the log.
struct Unfit {
    error: String,
    is_changed: bool,
}

impl Unfit {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { error: error.to_string(), is_changed: false }
    }
}

fn is_changed(error: &SpoolError) -> bool {
    matches!(error, SpoolError::Changed(_) | SpoolError::NoFile(_))
}

/// What the printer is to do: a file for resin is never lines, and one for filament never layers.
async fn work(printer: &Printer, opened: Opened, commands: u64, known: Known) -> Result<Work, Unfit> {
    let Known { refills, plate } = known;
    let Opened { file, hash, bytes } = opened;
    match (printer.resin.as_deref().map(|resin| &resin.drive), refills) {
        (None, None) => Ok(Work::Lines { commands, file }),
        (None, Some(_)) => Err(Unfit::new("it is for resin, and the printer prints with filament")),
        (Some(_), None) => Err(Unfit::new("it is for filament, and the printer prints with resin")),
        (Some(Drive::Msla(msla)), Some(refills)) => {
            let (said, file) = read_resin(file).await?;
            let mut layers = said.layers;
            for (at, layer) in (0_u32..).zip(&mut layers) {
                layer.pause |= refills.contains(&at);
            }
            let plan = Plan::of(&layers, &msla.exposing).map_err(Unfit::new)?;
            Ok(Work::Layers { exposures: Box::new(Exposures { plan, plate, refills }), file })
        }
        (Some(Drive::Chitu(_)), Some(_)) => {
            let (read, file) = read_resin(file).await?;
            Ok(Work::Stick { hash, bytes, file, read: Box::new(read) })
        }
    }
}

/// What a file for resin says, and the file.
async fn read_resin(file: File) -> Result<(ResinFile, File), Unfit> {
    let read = move || {
        let again = file.try_clone().map_err(Unfit::new)?;
        resinfile::read(again).map(|read| (read, file)).map_err(Unfit::new)
    };
    offload(read).await.unwrap_or_else(|error| Err(Unfit::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BootId;
    use crate::domain::moment::{Moment, WallTime};
    use crate::domain::queue::wish::Wish;
    use crate::services::planner::tests::{job, lab_with_jobs};

    #[test]
    fn only_the_printer_that_is_prepared_for_a_job_keeps_it_from_others() {
        let of = |name: &str| {
            format!(
                "[[printer]]\nname = \"{name}\"\nport = \"/dev/{name}\"\nbaud = 115200\nunattended = false\n"
            )
        };
        let text = format!("site = \"st-anna\"\nnode = \"lab-1\"\n{}{}", of("a"), of("b"));
        let all = crate::config::Config::parse(&text).unwrap().printers;
        let ready =
            Ready { printer: &all[1], uses: &[], unprotected: false, all: &all, board: &Board::default() };
        let now = Stamp { wall: WallTime(2_000), mono: Moment(5), boot: BootId::from_entropy([1; 16]) };
        let is_stuck = |prepared: Option<&str>| {
            let mut lab = lab_with_jobs(1);
            let prepared = prepared.map(|name| name.parse().unwrap());
            lab.queue.wishes.insert(job(0), Wish { prepared, ..Wish::default() });
            ready.is_stuck(&lab, &lab.jobs[&job(0)], &all[0].name, &now)
        };
        assert_eq!([None, Some("a"), Some("gone")].map(is_stuck), [true, false, true]);
    }

    #[test]
    fn behind_one_that_waits_for_a_person_the_next_waits_for_no_time_of_its_own() {
        let turn = |starts: &[(char, i64)], waits: &[char]| -> String {
            let own: Vec<_> = starts.iter().map(|(job, start)| (*job, Seconds(*start))).collect();
            in_turn(&own, |start| start.0 <= 0, |job| !waits.contains(&job)).collect()
        };
        let planned = [('A', 0), ('B', 900), ('C', 1_800)];
        assert_eq!(turn(&planned, &[]), "A", "others have been promised the power");
        assert_eq!(turn(&planned, &['A']), "BC", "A waits for a person, and B would be later with each plan");
        assert_eq!(turn(&[('A', 600), ('B', 900)], &['A']), "", "A is not due: nobody is waited for yet");
    }
}
