//! The whole farm: boards, cables, disk and people go on; daemons live and die among them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hw_sim::faults::{Direction, Fault};
use hw_sim::heater::HeaterId;
use hw_sim::random::Random;
use platen::config::Config;
use platen::domain::case::IntendedUse;
use platen::domain::event::Actor;
use platen::domain::ids::{CaseToken, JobId, PartId};
use platen::domain::job::JobState;
use platen::domain::lab::{NewJob, Request};
use platen::domain::part::PartRef;
use platen::domain::printer::Bed;
use platen::io::offload;
use platen::io::store::StoreError;
use platen::services::journal::{JournalError, audit};
use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::daemon::{Daemon, Ground, Stillborn};
use crate::invariants::{Broken, Witness, kinds};
use crate::library::{Library, folder};
use crate::schedule::{Disk as DiskState, Schedule, What};
use crate::store::{Disk, Opened};
use crate::time::Time;

/// A defect that is planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mutant {
    /// As it is.
    None,
    /// `commit` returns before the flush.
    AckBeforeFlush,
    /// What is not answered in time is sent again.
    ResendUnasked,
    /// What was running when the daemon died is begun again by the next one.
    StartAfterUnknown,
}

pub(crate) struct World<'a> {
    schedule: &'a Schedule,
    library: &'a Library,
    mutant: Mutant,
    config: Config,
    pub(crate) time: Arc<Time>,
    disk: Disk,
    trails: tempfile::TempDir,
    witness: Arc<Witness>,
    pub(crate) boards: Vec<Arc<Mutex<Board>>>,
    pub(crate) daemon: Option<Daemon>,
    /// When the next one is started.
    starts_at: u64,
    pub(crate) dice: Random,
    pub(crate) people: u64,
    lives: u64,
    /// Jobs that somebody has asked for, in order; not all were accepted.
    jobs: Vec<JobId>,
    /// Since when a printer has not answered.
    pub(crate) deaf_since: Vec<u64>,
}

/// How a seed went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Virtual time, µs.
    pub(crate) micros: u64,
    pub(crate) lives: u64,
    /// Entries of the journal, by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    /// Digest of every byte and entry with its time.
    pub(crate) trace: u64,
}

const SLICE_US: u64 = 500_000;
/// After everything was mended, so long until every job must have ended.
const ENDS_WITHIN_US: u64 = 2 * 3_600 * 1_000_000;
const ROUND_US: u64 = 15_000_000;
const ROUND_WHEN_MENDED_US: u64 = 3_000_000;

fn config(schedule: &Schedule) -> Config {
    let mut text = "site = \"farm\"\nnode = \"lab-1\"\n".to_owned();
    for at in 0..schedule.printers.len() {
        text.push_str(&format!("[[printer]]\nname = \"p-{at}\"\nport = \"/dev/farm{at}\"\nbaud = 115200\n"));
        // Most files of the library are cold, and the others end hot.
        text.push_str("allow_findings = [\"heat.none\", \"heat.left_on\"]\n");
    }
    Config::parse(&text).unwrap()
}

fn entropy(seed: u64, kind: u64, n: u64) -> [u8; 16] {
    let mut dice = Random::new(seed.wrapping_mul(1_000_003) ^ (kind << 56) ^ n);
    std::array::from_fn(|_| dice.below(256) as u8)
}

const USES: [IntendedUse; 3] = [IntendedUse::Education, IntendedUse::Guide, IntendedUse::Diagnostic];

/// Plays a schedule to its end; the first rule that did not hold.
pub(crate) fn play(schedule: &Schedule, library: &Library, mutant: Mutant) -> Result<Outcome, Broken> {
    let mut delays = Random::new(schedule.seed ^ 0x0dd);
    // A disk or a device takes a few ms, and now and then a hundred.
    offload::in_place(move || match delays.below(20) {
        0 => Duration::from_millis(delays.below(150)),
        1..=8 => Duration::from_millis(delays.below(8)),
        _ => Duration::ZERO,
    });
    let mut world = World::new(schedule, library, mutant);
    let outcome = world.play();
    if outcome.is_err() && std::env::var_os("PLATEN_TRACE").is_some() {
        world.witness.told().iter().for_each(|line| println!("{line}"));
    }
    outcome
}

impl<'a> World<'a> {
    fn new(schedule: &'a Schedule, library: &'a Library, mutant: Mutant) -> Self {
        let boards: Vec<_> = schedule
            .printers
            .iter()
            .enumerate()
            .map(|(at, plan)| {
                let mut board = Board::new(at, plan, schedule.seed);
                board.resends_unasked = mutant == Mutant::ResendUnasked;
                Arc::new(Mutex::new(board))
            })
            .collect();
        let by_name: BTreeMap<_, _> =
            boards.iter().enumerate().map(|(at, board)| (Self::name(at), Arc::clone(board))).collect();
        let files = library.files.iter().map(|file| (file.hash.clone(), file.lines.clone())).collect();
        Self {
            schedule,
            library,
            mutant,
            config: config(schedule),
            time: Arc::default(),
            disk: Disk::new(mutant == Mutant::AckBeforeFlush),
            trails: folder(),
            witness: Arc::new(Witness::new(by_name, files)),
            deaf_since: vec![0; boards.len()],
            boards,
            daemon: None,
            starts_at: 0,
            dice: Random::new(schedule.seed ^ 0x9e09),
            people: 0,
            lives: 0,
            jobs: Vec::new(),
        }
    }

    fn play(&mut self) -> Result<Outcome, Broken> {
        let heals = self.schedule.heals_ms * 1_000;
        let mut events = self.schedule.events.iter().peekable();
        let (mut round, mut is_healed) = (ROUND_US, false);
        loop {
            let now = self.time.micros();
            while let Some(event) = events.next_if(|event| event.at_ms * 1_000 <= now) {
                self.witness.note(now, &format!("{:?}", event.what));
                self.happen(&event.what);
            }
            if now >= heals && !is_healed && events.peek().is_none() {
                is_healed = true;
                self.heal();
            }
            if self.daemon.is_none() && self.starts_at <= now {
                let crash = events.clone().find(|event| matches!(event.what, What::Crash { .. }));
                self.start(crash.map_or(u64::MAX, |event| event.at_ms * 1_000));
                continue;
            }
            if round <= now {
                round = now + if is_healed { ROUND_WHEN_MENDED_US } else { ROUND_US };
                self.go_round(is_healed);
            }
            let next = events.peek().map_or(u64::MAX, |event| event.at_ms * 1_000);
            let start = if self.daemon.is_none() { self.starts_at } else { u64::MAX };
            let until = (now + SLICE_US).min(next).min(start).min(round).max(now + 1_000);
            match &self.daemon {
                Some(daemon) => daemon.live_until(until),
                None => self.time.set(until),
            }
            self.check()?;
            if is_healed && self.is_over() {
                return self.end();
            }
            if now > heals + ENDS_WITHIN_US {
                return Err(Broken { rule: "ends".into(), text: self.in_words() });
            }
        }
    }

    fn check(&mut self) -> Result<(), Broken> {
        let now = self.time.micros();
        for board in &self.boards {
            board.lock().unwrap().check(now);
        }
        if let Some(daemon) = &self.daemon {
            daemon.check();
        }
        self.witness.broken().map_or(Ok(()), Err)
    }

    fn happen(&mut self, what: &What) {
        match what {
            What::Queue { file, pinned, purpose } => self.queue(*file, *pinned, USES[*purpose]),
            What::Pause { printer } => self.pause(*printer),
            What::Resume { printer } => self.resume(*printer),
            What::Cancel { job } => {
                if let Some(job) = self.jobs.get(*job).cloned() {
                    self.cancel(&job);
                }
            }
            What::Stop { printer } => self.stop(*printer),
            What::Clear { printer } => self.clear(*printer),
            What::ClearBed { printer } => self.clear_bed(*printer),
            What::Trouble { printer, fault } => self.trouble(*printer, fault),
            What::Disk(state) => self.disk.set(*state),
            What::Crash { down_ms } => self.crash(*down_ms),
            What::Leave { down_ms } => {
                if let Some(daemon) = self.daemon.take() {
                    daemon.leave();
                    self.starts_at = self.time.micros() + down_ms * 1_000;
                }
            }
        }
    }

    pub(crate) fn trouble(&mut self, printer: usize, fault: &Fault) {
        let now = self.time.micros();
        self.boards[printer].lock().unwrap().inject(now, fault);
    }

    pub(crate) fn crash(&mut self, down_ms: u64) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
        let now = self.time.micros();
        self.disk.crash(now);
        self.starts_at = now + down_ms * 1_000;
    }

    /// Everything is mended, except what a person at the printer has to do.
    fn heal(&mut self) {
        self.disk.set(DiskState::Free);
        for at in 0..self.boards.len() {
            for direction in [Direction::ToDevice, Direction::ToHost] {
                self.trouble(at, &Fault::Noise { direction, loss: 0.0, damage: 0.0 });
            }
            for heater in [HeaterId::Hotend, HeaterId::Bed] {
                self.trouble(at, &Fault::HeaterMended { heater });
            }
            self.trouble(at, &Fault::Reconnect);
        }
    }

    fn start(&mut self, killed_at: u64) {
        self.lives += 1;
        let now = self.time.micros();
        let boot = entropy(self.schedule.seed, 1, self.lives);
        let ground = Ground {
            config: &self.config,
            library: self.library,
            disk: &self.disk,
            witness: &self.witness,
            time: &self.time,
            trails: self.trails.path(),
        };
        let started = Daemon::start(&ground, boot, killed_at.max(now + 1_000));
        // Whoever waits for systemd.
        self.starts_at = self.time.micros() + 2_000_000;
        match started {
            Ok(daemon) => self.daemon = Some(daemon),
            Err(Stillborn::Killed) => self.disk.crash(self.time.micros()),
            Err(Stillborn::Journal(JournalError::Store(
                StoreError::Full { .. } | StoreError::Lost { .. },
            ))) => {}
            Err(Stillborn::Journal(error)) => self.witness.broke("opens", error.to_string()),
        }
        if self.mutant == Mutant::StartAfterUnknown
            && let Some(daemon) = &self.daemon
        {
            // Once the printers had time to be greeted.
            daemon.live_until(self.time.micros() + 3_000_000);
            for at in 0..self.boards.len() {
                daemon.start_what_was_interrupted(self.library, &Self::name(at));
            }
        }
    }

    /// A case with one part and one job, each asked for when the one before was granted.
    fn queue(&mut self, file: usize, pinned: Option<usize>, intended_use: IntendedUse) {
        let (seed, n) = (self.schedule.seed, self.jobs.len() as u64);
        let case = CaseToken::from_entropy(entropy(seed, 2, n));
        let part = PartId::from_entropy(entropy(seed, 3, n));
        let job = JobId::from_entropy(entropy(seed, 4, n));
        self.jobs.push(job.clone());
        let Some(daemon) = &self.daemon else { return };
        let file = &self.library.files[file];
        daemon.submit(Request::OpenCase { case: case.clone(), intended_use }, Actor::Platen);
        let name = "piece".to_owned().try_into().unwrap();
        daemon.submit(Request::AddPart { case: case.clone(), part, name }, Actor::Platen);
        let new = NewJob {
            job,
            case,
            part: PartRef::Number(1),
            also: Vec::new(),
            file: file.hash.clone(),
            commands: file.commands,
            digest: file.digest.clone(),
            pinned: pinned.map(Self::name),
            material: None,
            gate: None,
        };
        daemon.submit(Request::QueueJob(Box::new(new)), Actor::Platen);
    }

    fn is_over(&self) -> bool {
        let Some(daemon) = &self.daemon else { return false };
        daemon.lab(|lab| {
            let rests = |at: usize| {
                let record = lab.printer(&Self::name(at));
                record.bed == Bed::Clear && record.latch.is_none() && record.quarantine.is_none()
            };
            lab.jobs.values().all(|job| matches!(job.state, JobState::Ended { .. }))
                && (0..self.boards.len()).all(rests)
        })
    }

    fn in_words(&self) -> String {
        let Some(daemon) = &self.daemon else { return "no daemon starts any more".into() };
        let jobs = daemon.lab(|lab| {
            let open = lab.jobs.values().filter(|job| !matches!(job.state, JobState::Ended { .. }));
            open.map(|job| format!("{} {:?}", job.id, job.state)).collect::<Vec<_>>()
        });
        let printers = (0..self.boards.len()).map(|at| {
            let (name, record) = (Self::name(at), daemon.lab(|lab| lab.printer(&Self::name(at))));
            format!("{name} {:?} {:?} {:?}", daemon.activity(&name), record.bed, record.latch)
        });
        format!("jobs that do not end: {jobs:?}; {:?}", printers.collect::<Vec<_>>())
    }

    /// All is over: killed once more, and everything is looked at once more.
    fn end(&mut self) -> Result<Outcome, Broken> {
        self.crash(0);
        let events = self.disk.events();
        self.witness.reopened(&events);
        let store = Opened::new(self.disk.clone(), Arc::clone(&self.witness), Arc::clone(&self.time));
        if let Err(error) = audit(&store) {
            self.witness.broke("opens", error.to_string());
        }
        self.check()?;
        Ok(Outcome {
            micros: self.time.micros(),
            lives: self.lives,
            kinds: kinds(&events),
            trace: self.witness.digest(),
        })
    }
}
