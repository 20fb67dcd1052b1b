//! Who works at the farm: each does what the page lets them do, under a name of their own.

use hw_sim::faults::Fault;
use hw_sim::quirks::ResetCause;
use platen::domain::event::Actor;
use platen::domain::ids::{JobId, PrinterName};
use platen::domain::job::JobState;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Bed};
use platen::services::fleet::Order;

use crate::daemon::Daemon;
use crate::world::World;

/// A printer that does not answer for so long is switched off and on, µs.
const PATIENCE_US: u64 = 60_000_000;

impl World<'_> {
    /// A name that nobody has had.
    pub(crate) fn somebody(&mut self) -> String {
        self.people += 1;
        format!("person-{}", self.people)
    }

    pub(crate) fn name(at: usize) -> PrinterName {
        format!("p-{at}").parse().unwrap()
    }

    fn running(daemon: &Daemon, printer: &PrinterName) -> Option<JobId> {
        daemon.lab(|lab| lab.running_on(printer).map(|job| job.id.clone()))
    }

    pub(crate) fn pause(&mut self, at: usize) {
        let (printer, by) = (Self::name(at), self.somebody());
        let Some(daemon) = &self.daemon else { return };
        if let Some(job) = Self::running(daemon, &printer) {
            daemon.order(&printer, Order::Pause { job, by: by.clone() }, &by, Some("job_paused"));
        }
    }

    pub(crate) fn resume(&mut self, at: usize) {
        let (printer, by) = (Self::name(at), self.somebody());
        let Some(daemon) = &self.daemon else { return };
        if let Some(job) = Self::running(daemon, &printer) {
            daemon.order(&printer, Order::Resume { job, by: by.clone() }, &by, None);
        }
    }

    pub(crate) fn cancel(&mut self, job: &JobId) {
        let by = self.somebody();
        let Some(daemon) = &self.daemon else { return };
        let Ok(state) = daemon.lab(|lab| lab.job(job).map(|job| job.state.clone())) else { return };
        match state {
            JobState::Queued | JobState::Slicing { .. } => {
                let request =
                    Request::CancelJob { job: job.clone(), progress: None, by: by.clone(), line: None };
                daemon.submit(request, Actor::Person(by));
            }
            JobState::Printing { run } | JobState::Paused { run, .. } => {
                daemon.order(&run.printer, Order::Cancel { job: job.clone(), by: by.clone() }, &by, None);
            }
            JobState::Ended { .. } => {}
        }
    }

    pub(crate) fn stop(&mut self, at: Option<usize>) {
        let by = self.somebody();
        if let Some(daemon) = &self.daemon {
            daemon.stop(at.map(Self::name).as_ref(), &by);
        }
    }

    pub(crate) fn clear(&mut self, at: usize) {
        let (printer, by) = (Self::name(at), self.somebody());
        if let Some(daemon) = &self.daemon {
            daemon.order(&printer, Order::Clear { by: by.clone(), since: None }, &by, Some("latch_cleared"));
        }
    }

    pub(crate) fn clear_bed(&mut self, at: usize) {
        let by = self.somebody();
        if let Some(daemon) = &self.daemon {
            daemon.submit(Request::ClearBed { printer: Self::name(at), by: by.clone() }, Actor::Person(by));
        }
    }

    fn identify(&mut self, at: usize) {
        let (printer, by) = (Self::name(at), self.somebody());
        if let Some(daemon) = &self.daemon {
            let promises = Some("printer_identified");
            daemon.order(&printer, Order::Identify { by: by.clone(), since: None }, &by, promises);
        }
    }

    /// Somebody goes round and does what each printer needs.
    pub(crate) fn go_round(&mut self, heals: bool) {
        let now = self.time.micros();
        if self.daemon.as_ref().is_some_and(Daemon::has_lost_its_store) {
            self.crash(1_000);
        }
        for at in 0..self.boards.len() {
            self.look_after(at, now, heals);
        }
    }

    fn look_after(&mut self, at: usize, now: u64, heals: bool) {
        let printer = Self::name(at);
        let Some(daemon) = &self.daemon else { return };
        let activity = daemon.activity(&printer);
        let record = daemon.lab(|lab| lab.printer(&printer));
        let running = Self::running(daemon, &printer);
        let waiting = daemon.lab(|lab| {
            lab.jobs_in_order()
                .into_iter()
                .find(|job| job.state == JobState::Queued)
                .map(|job| job.id.clone())
        });
        let release = waiting.filter(|job| daemon.needs_release(job, &printer));
        let halted = self.boards[at].lock().unwrap().rig.firmware().is_halted();
        let is_deaf = matches!(activity, Activity::Connecting | Activity::Offline { .. });
        if !is_deaf {
            self.deaf_since[at] = now;
        }
        let whim = self.dice.below(8);
        // A board that has halted, or may still remember a fault, is started anew by whoever clears it; a silent one
        // after a while.
        let silent = is_deaf && now - self.deaf_since[at] > PATIENCE_US;
        let locked =
            record.latch.is_some() || matches!(activity, Activity::Stopped | Activity::Faulted { .. });
        if (locked || silent) && (halted || heals) {
            self.deaf_since[at] = now;
            self.trouble(at, &Fault::Reset { cause: ResetCause::PowerUp });
        }
        if locked {
            self.clear(at);
        }
        match activity {
            Activity::Quarantined { .. } => self.identify(at),
            Activity::Paused { .. } if whim == 0 => {
                if let Some(job) = &running {
                    self.cancel(job);
                }
            }
            Activity::Paused { .. } if whim < 6 || heals => self.resume(at),
            _ => {}
        }
        if matches!(record.bed, Bed::Occupied { .. }) && running.is_none() {
            self.clear_bed(at);
        }
        if let Some(job) = release {
            let by = self.somebody();
            if let Some(daemon) = &self.daemon {
                daemon.submit(Request::ReleaseJob { job, printer, by: by.clone() }, Actor::Person(by));
            }
        }
    }
}
