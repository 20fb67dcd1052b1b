//! Finds the jobs that an earlier daemon left running and that may be gone on with; the printers' tasks try it.
//!
//! A job on a board that prints by itself (`services::chitu`) runs on without us: it is always looked for, of whatever
//! use it is, and its printer's task tells what became of it. All that follows is of the others.
//!
//! Only a job that the journal has as printing, on a printer of the configuration without a latch, with a trail
//! of this start of the machine, and of a use for which the configuration says so. All others are interrupted at
//! once, as is every job of these whose printer does not prove what `control::rejoin` wants proven.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::recorder::LeftRunning;
use crate::config::resin::Drive;
use crate::config::{Config, Printer, Restart};
use crate::control::rejoin::{Plan, Trail};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{AfterCrash, Job, JobState};
use crate::domain::lab::{Lab, Reached};
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

    /// What is kept there is wrong, and cannot be taken away.
    pub fn is_wrong(&self) -> bool {
        self.file.is_wrong()
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
    /// Their boards print by themselves.
    alone: BTreeSet<PrinterName>,
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
        let is_alone = |printer: &&Printer| {
            printer.resin.as_ref().is_some_and(|resin| matches!(resin.drive, Drive::Chitu(_)))
        };
        let alone: BTreeSet<_> =
            config.printers.iter().filter(is_alone).map(|printer| printer.name.clone()).collect();
        let Some(boot) = machine_boot() else { return Self { kept: BTreeMap::new(), alone } };
        let mut kept = BTreeMap::new();
        for printer in config.printers.iter().filter(|printer| !alone.contains(&printer.name)) {
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
        Self { kept, alone }
    }

    /// What runs on its board without us. Where that was stopped, its job is over.
    fn runs_alone(&self, lab: &Lab, job: &Job) -> bool {
        job.state
            .run()
            .is_some_and(|run| self.alone.contains(&run.printer) && lab.printer(&run.printer).latch.is_none())
    }

    fn plan(&self, lab: &Lab, restart: &Restart, job: &JobId) -> Option<(PrinterName, Found)> {
        let job = lab.jobs.get(job)?;
        let JobState::Printing { run } = &job.state else { return None };
        if job.cancelling.is_some() || job.trail_lost || lab.printer(&run.printer).latch.is_some() {
            return None;
        }
        let policy = policy(restart, lab.cases.get(&job.case)?.intended_use);
        let (_, kept) = self.kept.get(&run.printer)?;
        let kept =
            kept.as_ref().filter(|kept| kept.trail.job == job.id && policy != AfterCrash::Interrupt)?;
        let (trail, progress) = (kept.trail.clone(), kept.trail.progress(run.progress));
        let plan = Plan { job: job.id.clone(), progress, trail, policy };
        Some((run.printer.clone(), Found { plan, file: job.file.clone(), since: kept.wall }))
    }

    /// What is known of the jobs that an earlier daemon left running.
    pub fn left_running(&self, lab: &Lab, restart: &Restart) -> LeftRunning {
        let reached = self.kept.iter().filter_map(|(printer, (_, kept))| {
            let trail = &kept.as_ref()?.trail;
            let job = lab.running_on(printer).filter(|job| job.id == trail.job && !job.trail_lost)?;
            let progress = trail.progress(job.state.run()?.progress);
            Some((job.id.clone(), Reached { progress, laid: trail.laid }))
        });
        LeftRunning { rejoining: self.candidates(lab, restart), reached: reached.collect() }
    }

    /// The jobs that are not interrupted yet.
    pub fn candidates(&self, lab: &Lab, restart: &Restart) -> Vec<JobId> {
        let running = lab.jobs.values().filter(|job| job.state.is_running());
        let goes_on = |job: &&Job| self.runs_alone(lab, job) || self.plan(lab, restart, &job.id).is_some();
        running.filter(goes_on).map(|job| job.id.clone()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Actor;
    use crate::domain::ids::{BootId, CaseToken, PartId};
    use crate::domain::job::{PauseReason, Progress};
    use crate::domain::lab::{NewJob, Request};
    use crate::domain::moment::{Moment, Stamp};
    use crate::domain::part::{PartName, PartRef};

    fn grant(lab: &mut Lab, request: &Request) {
        let stamp = Stamp { wall: WallTime(1), mono: Moment(1), boot: BootId::from_entropy([1; 16]) };
        let facts = lab.judge(request, stamp.wall).unwrap();
        for event in lab.number(request, facts, &stamp, &Actor::Platen) {
            lab.apply(&event);
        }
    }

    /// A job at its tenth of 100 commands, as far as the journal knows.
    fn lab(printer: &PrinterName) -> (Lab, JobId) {
        let (mut lab, job) = (Lab::default(), JobId::from_entropy([7; 16]));
        let (case, part) = (CaseToken::from_entropy([3; 16]), PartId::from_entropy([4; 16]));
        let name = PartName::try_from("heart".to_owned()).unwrap();
        let new = NewJob {
            job: job.clone(),
            case: case.clone(),
            part: PartRef::Number(1),
            also: Vec::new(),
            file: FileHash::from_digest([1; 32]),
            commands: 100,
            digest: FileHash::from_digest([2; 32]),
            pinned: None,
            material: None,
            gate: None,
        };
        let progress = Progress { confirmed: 10, total: 100 };
        for request in [
            Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide },
            Request::AddPart { case, part, name },
            Request::QueueJob(Box::new(new)),
            Request::StartJob { job: job.clone(), printer: printer.clone() },
            Request::NoteProgress { job: job.clone(), progress },
        ] {
            grant(&mut lab, &request);
        }
        (lab, job)
    }

    #[test]
    fn a_job_has_come_as_far_as_its_trail_tells_whether_it_is_gone_on_with_or_not() {
        let printer: PrinterName = "mk".parse().unwrap();
        let (mut lab, job) = lab(&printer);
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = TrailFile::open(folder.path(), &printer).unwrap();
        let trail = Trail {
            job: job.clone(),
            steady: true,
            points: vec![(10_000, 1)],
            next: 10_070,
            packed: false,
            compact: true,
            strays: 0,
            confirmed: 60,
            laid: true,
        };
        let kept = Kept { boot: "this".into(), wall: WallTime(5), trail };
        let trails = Trails {
            kept: [(printer.clone(), (Keeper { file, boot: "this".into() }, Some(kept)))].into(),
            alone: BTreeSet::new(),
        };
        let asks = Restart { ask_uses: vec![IntendedUse::Guide], continue_uses: Vec::new() };
        let reached = Reached { progress: Progress { confirmed: 60, total: 100 }, laid: true };
        let left = trails.left_running(&lab, &asks);
        assert_eq!((&left.rejoining, left.reached.get(&job)), (&vec![job.clone()], Some(&reached)));
        assert_eq!(trails.plan(&lab, &asks, &job).unwrap().1.plan.progress, reached.progress);
        let mut cancelled = lab.clone();
        grant(&mut cancelled, &Request::NoteCancelling { job: job.clone(), by: "kim".into() });
        assert!(trails.left_running(&cancelled, &asks).rejoining.is_empty(), "nobody wants it any more");
        let mut lost = lab.clone();
        grant(&mut lost, &Request::NoteTrailLost { job: job.clone() });
        let left = trails.left_running(&lost, &asks);
        assert!(left.rejoining.is_empty() && left.reached.is_empty(), "nothing of it is believed");
        let alone = Trails { kept: BTreeMap::new(), alone: [printer.clone()].into() };
        let never = Restart { ask_uses: Vec::new(), continue_uses: Vec::new() };
        assert_eq!(
            alone.left_running(&cancelled, &never).rejoining,
            std::slice::from_ref(&job),
            "its board prints all the same"
        );
        let mut stopped = lab.clone();
        grant(&mut stopped, &Request::NoteStopped { printer: printer.clone(), by: "kim".into() });
        assert!(alone.left_running(&stopped, &never).rejoining.is_empty());
        let progress = Progress { confirmed: 10, total: 100 };
        let paused = Request::NotePaused { job: job.clone(), progress, reason: PauseReason::Panel };
        grant(&mut lab, &paused);
        let left = trails.left_running(&lab, &asks);
        assert_eq!((left.rejoining.len(), left.reached.get(&job)), (0, Some(&reached)));
    }
}
