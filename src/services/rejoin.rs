//! Finds the jobs that an earlier daemon left running and that may be gone on with; the printers' tasks try it.
//!
//! Only a job that the journal has as printing, on a printer of the configuration without a latch, with a trail
//! of this start of the machine, and of a use for which the configuration says so. All others are interrupted at
//! once, as is every job of these whose printer does not prove what `control::rejoin` wants proven.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{Config, Restart};
use crate::control::rejoin::{Plan, Trail};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{AfterCrash, JobState};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::io::trail::{TrailFile, machine_boot};

/// What the file of a printer holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    boot: String,
    wall: WallTime,
    trail: Trail,
}

/// Keeps the trail of one printer.
#[derive(Debug)]
pub struct Keeper {
    file: TrailFile,
    boot: String,
}

impl Keeper {
    pub fn keep(&mut self, wall: WallTime, trail: Trail) {
        let kept = Kept { boot: self.boot.clone(), wall, trail };
        // Fails only for maps with non-string keys, of which there are none.
        self.file.keep(&serde_json::to_vec(&kept).unwrap_or_default());
    }

    /// What was kept outlives the machine, too. `false` where nothing is kept.
    pub fn sync(&mut self) -> bool {
        self.file.sync()
    }
}

/// A job to be gone on with.
#[derive(Debug)]
pub struct Found {
    pub plan: Plan,
    pub file: FileHash,
    /// When the trail was kept last.
    pub since: WallTime,
}

/// What is there for the printers' tasks.
#[derive(Debug, Default)]
pub struct Trails {
    kept: BTreeMap<PrinterName, (Keeper, Option<Kept>)>,
}

pub fn policy(restart: &Restart, of: IntendedUse) -> AfterCrash {
    if restart.continue_uses.contains(&of) {
        AfterCrash::Continue
    } else if restart.ask_uses.contains(&of) {
        AfterCrash::Ask
    } else {
        AfterCrash::Interrupt
    }
}

impl Trails {
    /// Opens the files of all printers. Blocks.
    pub fn open(config: &Config, folder: &Path) -> Self {
        let Some(boot) = machine_boot() else { return Self::default() };
        let mut kept = BTreeMap::new();
        for printer in &config.printers {
            match TrailFile::open(folder, &printer.name) {
                Ok((file, text)) => {
                    let found = text.and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
                    let found = found.filter(|kept| kept.boot == boot);
                    kept.insert(printer.name.clone(), (Keeper { file, boot: boot.clone() }, found));
                }
                Err(error) => {
                    let printer = &printer.name;
                    tracing::warn!(%printer, %error, "its jobs cannot be continued after a crash");
                }
            }
        }
        Self { kept }
    }

    fn plan(&self, lab: &Lab, restart: &Restart, job: &JobId) -> Option<(PrinterName, Found)> {
        let job = lab.jobs.get(job)?;
        let JobState::Printing { run } = &job.state else { return None };
        if lab.printer(&run.printer).latch.is_some() {
            return None;
        }
        let policy = policy(restart, lab.cases.get(&job.case)?.intended_use);
        let (_, kept) = self.kept.get(&run.printer)?;
        let kept =
            kept.as_ref().filter(|kept| kept.trail.job == job.id && policy != AfterCrash::Interrupt)?;
        let (trail, progress) = (kept.trail.clone(), run.progress);
        let plan = Plan { job: job.id.clone(), progress, trail, policy };
        Some((run.printer.clone(), Found { plan, file: job.file.clone(), since: kept.wall }))
    }

    /// The jobs that are not interrupted yet.
    pub fn candidates(&self, lab: &Lab, restart: &Restart) -> Vec<JobId> {
        let running = lab.jobs.values().filter(|job| job.state.is_running());
        running.filter(|job| self.plan(lab, restart, &job.id).is_some()).map(|job| job.id.clone()).collect()
    }

    /// What one printer's task gets.
    pub fn take(
        &mut self,
        lab: &Lab,
        restart: &Restart,
        printer: &PrinterName,
    ) -> (Option<Keeper>, Option<Found>) {
        let running = lab.running_on(printer).map(|job| job.id.clone());
        let found = running.and_then(|job| self.plan(lab, restart, &job)).map(|(_, found)| found);
        (self.kept.remove(printer).map(|(keeper, _)| keeper), found)
    }
}
