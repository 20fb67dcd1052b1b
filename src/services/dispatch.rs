//! Gives waiting jobs to printers that are ready: first come, first served, one job a printer.
//!
//! The gate is asked again for each printer before a job begins there: what passed when it was taken in may have met
//! a stricter configuration, another firmware, or an older platen. While a file is being read for that, its printer
//! waits and the others do not.
//!
//! A start is in the journal before the printer hears of it, so that a crash in between leaves an
//! interrupted job, never a job that runs unknown to us.

use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use super::gate::{Asked, Gate, Verdict};
use super::intake::Intake;
use super::recorder::Recorder;
use crate::config::{BedClearing, Printer};
use crate::domain::case::IntendedUse;
use crate::domain::event::Actor;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::{Interruption, Job, JobState, Outcome, Progress};
use crate::domain::lab::{Lab, Request};
use crate::domain::moment::Stamp;
use crate::domain::printer::{Activity, Bed};
use crate::io::clock::Clock;
use crate::io::spool::SpoolError;

/// Nothing is missed by events; this only bounds how long a lost wake-up could last.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What is known of a printer when a job is chosen for it.
struct Ready<'a> {
    printer: &'a Printer,
    uses: &'a [IntendedUse],
    unprotected: bool,
}

/// The next job for a printer, if it may start one now. One that somebody stands there for comes first; one that does
/// not pass the gate there is passed over.
fn next_job(
    lab: &Lab,
    ready: &Ready<'_>,
    now: &Stamp,
    gate: impl Fn(&Job, &[String]) -> Verdict,
) -> Option<(JobId, Verdict)> {
    let Ready { printer, uses, unprotected } = *ready;
    let name = &printer.name;
    let jobs = lab.jobs_in_order();
    let may = |job: &&&Job| {
        let of = lab.cases.get(&job.case).map(|case| case.intended_use);
        lab.may_begin(job, name, printer.attended(uses, of, unprotected), now).is_ok()
    };
    let is_released = |job: &&&Job| job.released.as_ref().is_some_and(|released| released.holds(name, now));
    let released = jobs.iter().filter(is_released).filter(may);
    let others = jobs.iter().filter(|job| !is_released(job)).filter(may);
    let judged = released.chain(others).map(|job| (job.id.clone(), gate(job, &lab.accepted(job))));
    // First come, first served: nobody overtakes a job whose file is still being read.
    judged.into_iter().find(|(_, verdict)| !matches!(verdict, Verdict::Refused(_)))
}

/// Whether what lies on the bed came to its end, so that the printer's own way of removing it ran.
/// What was interrupted or cancelled lies there still: a person has to look.
fn has_removed_its_part(lab: &Lab, printer: &PrinterName) -> bool {
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
                    let is_ready = matches!(live.borrow_and_update().activity, Activity::Ready);
                    if is_ready && !ready {
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
        loop {
            for printer in &self.printers {
                if !shutdown.is_cancelled() {
                    self.look_at(printer).await;
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = feed.recv() => {}
                () = changed.notified() => {}
                () = self.gate.news() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn look_at(&self, printer: &Printer) {
        let name = &printer.name;
        let Some((unprotected, told)) = self.fleet.board().get(name).and_then(|live| {
            let live = live.borrow();
            matches!(live.activity, Activity::Ready).then(|| (live.unprotected, live.firmware.clone()))
        }) else {
            return;
        };
        if printer.bed_clearing == BedClearing::Automatic {
            self.clear_by_itself(name).await;
        }
        let ready = Ready { printer, uses: &self.attended_uses, unprotected };
        let now = self.clock.stamp();
        // Who is ready was greeted: what it has not said it does not say.
        let told = told.unwrap_or_default();
        let gate = |job: &Job, accepted: &[String]| {
            let asked: Asked = self.gate.asked_of(job, name, Some(&told));
            self.gate.verdict(&asked, accepted)
        };
        match self.recorder.read(|lab| next_job(lab, &ready, &now, gate)) {
            Some((job, verdict @ (Verdict::Passes | Verdict::Unreadable))) => {
                self.start(name, job, verdict == Verdict::Passes).await;
            }
            Some((_, Verdict::NotYet | Verdict::Refused(_))) | None => {}
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
    async fn start(&self, name: &PrinterName, job: JobId, readable: bool) {
        let Some((file, commands)) =
            self.recorder.read(|lab| lab.jobs.get(&job).map(|job| (job.file.clone(), job.commands)))
        else {
            return;
        };
        let verified = match self.intake.spool().verify(&file).await {
            Ok(()) if !readable => Err(SpoolError::Io {
                path: self.intake.spool().path(&file),
                error: std::io::Error::other("the gate could not read it to its end"),
            }),
            Ok(()) => self.intake.spool().reader(&file).await.map(|(file, _)| file),
            Err(error) => Err(error),
        };
        let request = Request::StartJob { job: job.clone(), printer: name.clone() };
        if let Err(error) = self.recorder.submit(request, Actor::Platen).await {
            tracing::warn!(printer = %name, %job, %error, "not started");
            return;
        }
        let why = match verified {
            Err(error) => {
                tracing::error!(printer = %name, %job, %error, "the job's file is not what was uploaded");
                match error {
                    SpoolError::Changed(_) | SpoolError::NoFile(_) => Interruption::FileChanged,
                    _ => Interruption::FileUnreadable,
                }
            }
            Ok(file) => {
                let file = file.into_std().await;
                match self.fleet.start(name, job.clone(), commands, file).await {
                    Ok(()) => {
                        tracing::info!(printer = %name, %job, commands, "started");
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(printer = %name, %job, %error, "not started");
                        Interruption::Unplugged
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
    }
}
