//! What the shared queue is to become: asks the planner what is known of jobs, printers and the site, and keeps its answer.
//!
//! ```text
//! lab, configuration, live board, gate ─picture─▶ schedule::Problem ─plan─▶ Drawn: who prints what when, and why
//!                                                                            ├─▶ the dispatcher begins what is due
//!                                                                            └─▶ people see it, and are told what is late
//! ```
//! The plan proposes, and the lab's `judge` and the gate dispose: nothing begins because it is planned alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

use super::board::Board;
use super::dispatch::has_removed_its_part;
use super::gate::{Gate, Reading, last_told};
use super::recorder::Recorder;
use super::resinfiles::ResinReading;
use super::suits::{self, Medium};
use super::timed::Timed;
use crate::config::{self, BedClearing, Config, Schedule};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::event::Actor;
use crate::domain::finding::refused;
use crate::domain::ids::{FileHash, JobId, LotId, PrinterName};
use crate::domain::job::{Job, JobState};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::moment::{Moment, Stamp, WallTime};
use crate::domain::printer::{Activity, Bed, Snapshot};
use crate::domain::quality::case::Priority;
use crate::domain::quality::lot::{Lot, Unusable};
use crate::domain::quality::qualification::QualificationState;
use crate::domain::quality::start;
use crate::domain::queue;
use crate::domain::queue::wish::Wish;
use crate::domain::resin;
use crate::domain::units::Height;
use crate::domain::zone::Zone;
use crate::gcode::analysis::Analysis;
use crate::io::clock::Clock;
use crate::io::offload::offload;
use crate::schedule::{
    self, Allowances, Amount, Before, Calibration, Circuit, Hold, JobAt, Load, Material, Model, Names, Needs,
    Obstacle, Plan, Planned, PrinterAt, Problem, Process, Qualification, Reason, Seconds, Site, State,
    Usable, Use, Validated, Waiting, Window,
};

/// Shifts of people are laid out so many days ahead.
const HORIZON_DAYS: u16 = 366;
/// A job leaves the printer on which people expect it only for so many seconds.
const STAY: i64 = 5 * 60;
/// Above so many pairs planning is done on a thread of its own.
const INLINE_PAIRS: usize = 20_000;
/// People are told of a print that will be late by so many seconds, and again when it has so many to spare.
const LATE: i64 = 10 * 60;
const IN_TIME: i64 = 30 * 60;
/// That nothing can take a job is told so many seconds before it has to begin to be in time: until then somebody may load
/// or mend what it wants.
const TOLD_AHEAD: i64 = 24 * 3_600;
/// A file that could not be read is read again after this: what was in the way may have passed.
const READ_AGAIN: std::time::Duration = std::time::Duration::from_secs(60);
/// So many seconds before its time a start counts as one that could be now.
const SOON: i64 = 60;
/// Of so many at a time: printers wait meanwhile.
const TOLD_AT_ONCE: usize = 20;
/// Whoever has changed something waits so long for the plan that knows it.
const PLANNED_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What reading a file tells the planner.
#[derive(Clone, Debug, PartialEq)]
struct Estimate {
    /// On whichever printer it takes the longest.
    seconds: i64,
    /// Of a resin file, whose layers each printer lifts in its own way.
    on: BTreeMap<PrinterName, i64>,
    /// Micrometres.
    extents: Option<[u32; 3]>,
    nozzle: Option<u32>,
    /// Milligrams of material, where its density is known.
    milligrams: Option<u64>,
}

fn micrometres(mm: f64) -> Option<u32> {
    let length = Height::from_mm(mm.max(0.0))?.mm() * 1_000.0;
    u32::try_from(whole(length)).ok()
}

/// Rounded, and never below zero.
#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates, and no number is nothing")]
fn whole(number: f64) -> i64 {
    number.round().max(0.0) as i64
}

/// How long a job takes as a person has said, since nobody but its printer reads its file.
fn said_seconds(lab: &Lab, job: &Job) -> Option<i64> {
    let minutes = lab.resin.needs.get(&job.id)?.said_minutes()?;
    Some(i64::from(minutes) * 60)
}

impl Estimate {
    /// Nothing where nobody can say how long it takes.
    fn of(reading: &Reading, printers: &[config::Printer]) -> Option<Self> {
        match reading {
            Reading::Gcode { analysis, .. } => Some(Self::of_gcode(analysis)),
            Reading::Resin(resin) => Self::of_resin(resin, printers),
        }
    }

    fn of_resin(resin: &ResinReading, printers: &[config::Printer]) -> Option<Self> {
        let takes = printers.iter().filter(|printer| suits::reads(printer, resin.said.format).is_ok());
        let on = takes
            .filter_map(|printer| Some((printer.name.clone(), whole(resin.seconds(Some(printer))?).max(1))));
        let on: BTreeMap<_, _> = on.collect();
        let of_slicer = || resin.said.claims.seconds.map(|seconds| whole(seconds).max(1));
        let seconds = on.values().copied().max().or_else(of_slicer)?;
        // What it takes of a vat is known of the job itself.
        Some(Self { seconds, on, extents: None, nozzle: None, milligrams: None })
    }

    /// On that printer, where it is known which.
    fn seconds_on(&self, printer: Option<&PrinterName>) -> i64 {
        printer.and_then(|name| self.on.get(name)).copied().unwrap_or(self.seconds)
    }

    fn of_gcode(analysis: &Analysis) -> Self {
        let size = analysis.extrusion.size();
        let side = |axis: usize| size[axis].and_then(micrometres);
        let nozzle = match analysis.metadata.nozzle_diameter.as_slice() {
            [one] => micrometres(*one),
            _ => None,
        };
        let filament: f64 = analysis.filament.iter().sum();
        let area = analysis.metadata.filament_diameter.first().map(|d| std::f64::consts::PI * d * d / 4.0);
        let density = analysis.metadata.filament_density.first();
        let milligrams =
            area.zip(density).map(|(area, density)| whole(filament * area * density).unsigned_abs());
        Self {
            seconds: whole(analysis.seconds).max(1),
            on: BTreeMap::new(),
            extents: side(0).zip(side(1)).zip(side(2)).map(|((x, y), z)| [x, y, z]),
            nozzle,
            milligrams,
        }
    }
}

/// Words of ours, numbered in the order in which they come.
#[derive(Clone, Debug, Default)]
struct Words(Vec<String>);

impl Words {
    fn number(&mut self, word: &str) -> u32 {
        let at = self.0.iter().position(|known| known == word).unwrap_or_else(|| {
            self.0.push(word.to_owned());
            self.0.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn word(&self, number: u32) -> String {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        self.0.get(at).cloned().unwrap_or_else(|| "?".into())
    }
}

/// Lots, numbered in the order in which they come: two deliveries may bear the same number of their maker.
#[derive(Clone, Debug, Default)]
struct Lots(Vec<(LotId, String)>);

impl Lots {
    fn number(&mut self, lot: &Lot) -> u32 {
        let at = self.0.iter().position(|(known, _)| *known == lot.id).unwrap_or_else(|| {
            self.0.push((lot.id.clone(), lot.about.supplier_lot.as_str().to_owned()));
            self.0.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn word(&self, number: u32) -> String {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        self.0.get(at).map_or_else(|| "?".into(), |(_, word)| word.clone())
    }
}

/// A job whose file the gate is asked about.
struct Asking {
    at: usize,
    job: Job,
    accepted: Vec<String>,
}

/// What the planner was told, what it answered, and what its numbers are called.
#[derive(Debug)]
pub struct Drawn {
    pub at: WallTime,
    /// The last entry of the journal that it knows.
    pub seq: u64,
    pub problem: Problem,
    pub plan: Plan,
    /// In the order of the problem.
    pub jobs: Vec<JobId>,
    places: BTreeMap<JobId, usize>,
    /// What is wanted of these jobs.
    wishes: BTreeMap<JobId, Wish>,
    pub printers: Vec<PrinterName>,
    materials: Words,
    lots: Lots,
    processes: Words,
    circuits: Words,
    models: Words,
    against: Vec<(String, String)>,
    codes: BTreeMap<(String, String), u16>,
}

impl Names for Drawn {
    fn job(&self, job: JobAt) -> String {
        self.jobs.get(job.0).map_or_else(|| "?".into(), ToString::to_string)
    }

    fn printer(&self, printer: PrinterAt) -> String {
        self.printers.get(printer.0).map_or_else(|| "?".into(), ToString::to_string)
    }

    fn material(&self, material: Material) -> String {
        self.materials.word(material.0)
    }

    fn lot(&self, lot: schedule::Lot) -> String {
        self.lots.word(lot.0)
    }

    fn process(&self, process: Process) -> String {
        self.processes.word(process.0)
    }

    fn circuit(&self, circuit: Circuit) -> String {
        self.circuits.word(circuit.0)
    }

    fn model(&self, model: Model) -> String {
        self.models.word(model.0)
    }

    fn purpose(&self, purpose: Use) -> String {
        match purpose.0 {
            0 => "diagnosis or planning",
            1 => "guides",
            _ => "education",
        }
        .into()
    }

    fn barred(&self, code: u16) -> (String, String) {
        self.against
            .get(usize::from(code))
            .cloned()
            .unwrap_or_else(|| ("it is not said".into(), "look at it".into()))
    }

    fn moment(&self, moment: Seconds) -> String {
        to_the_minute(wall(moment))
    }
}

impl Drawn {
    pub fn place(&self, job: &JobId) -> Option<JobAt> {
        self.places.get(job).copied().map(JobAt)
    }

    /// Somebody wants something else of a job or of its case than when the other one was drawn, or an emergency has come.
    fn is_wanted_otherwise(&self, before: &Self) -> bool {
        let mut each = self.jobs.iter().zip(&self.problem.jobs);
        each.any(|(job, wants)| {
            let is_emergency = wants.priority == schedule::Priority::Emergency;
            match before.place(job).and_then(|at| before.problem.jobs.get(at.0)) {
                Some(was) => {
                    self.wishes.get(job) != before.wishes.get(job)
                        || was.priority != wants.priority
                        || (is_emergency && was.held.is_some() && wants.held.is_none())
                }
                None => is_emergency,
            }
        })
    }

    /// What is to become of a job.
    pub fn planned(&self, job: &JobId) -> Option<&Planned> {
        self.plan.jobs.get(self.place(job)?.0)
    }

    /// The waiting jobs of a printer, in the order in which they are to begin.
    pub fn next_on(&self, printer: &PrinterName) -> Vec<(JobId, Seconds)> {
        let mut next: Vec<_> = self
            .plan
            .jobs
            .iter()
            .zip(&self.jobs)
            .filter_map(|(planned, job)| match planned {
                Planned::Assigned { printer: at, start, .. } if self.printers.get(at.0) == Some(printer) => {
                    Some((job.clone(), *start))
                }
                _ => None,
            })
            .collect();
        next.sort_by_key(|(_, start)| *start);
        next
    }

    /// Why a job is, or is not, planned on a printer.
    pub fn why_not(&self, job: JobAt, printer: PrinterAt) -> Reason {
        self.plan.why_not(&self.problem, job, printer)
    }

    /// Whether a job could begin on a printer at once, and would end sooner there than where it is planned.
    fn begins_sooner(&self, job: JobAt, printer: PrinterAt) -> bool {
        let Reason::Elsewhere { ends_there, ends_here, .. } = self.why_not(job, printer) else {
            return false;
        };
        let length = self.problem.jobs.get(job.0).and_then(|job| job.duration);
        let begins = ends_here.0.saturating_sub(length.unwrap_or(self.problem.site.guess));
        ends_here < ends_there && begins <= self.problem.now.0.saturating_add(SOON)
    }

    /// Jobs that stay where they were planned, and could begin at once on a printer that has nothing to do: one for each
    /// such printer.
    fn could_begin_elsewhere(&self) -> Vec<JobAt> {
        let now = self.problem.now.0;
        let soon = now.saturating_add(SOON);
        let begins = |job: JobAt| match self.plan.jobs.get(job.0) {
            Some(Planned::Assigned { printer, start, .. }) => Some((start.0, printer.0)),
            _ => None,
        };
        let all = (0..self.plan.jobs.len()).filter_map(|at| begins(JobAt(at)));
        let at_work: BTreeSet<usize> = all.filter(|(start, _)| *start <= soon).map(|(_, at)| at).collect();
        let away = |printer: &schedule::Printer| {
            printer
                .windows
                .iter()
                .any(|window| window.from <= self.problem.now && self.problem.now < window.to)
        };
        let printers = self.problem.printers.iter().enumerate();
        let idle: Vec<usize> = printers
            .filter(|(_, printer)| printer.state == State::Idle && printer.bed != schedule::Bed::Occupied)
            .filter(|(at, printer)| !away(printer) && !at_work.contains(at))
            .map(|(at, _)| at)
            .collect();
        // What is further off is not kept from leaving.
        let firm_until = now.saturating_add(self.problem.site.firm.max(2 * STAY));
        let stays = self.problem.before.iter().filter(|before| before.start.0 < firm_until);
        let later = stays.filter_map(|before| Some((begins(before.job)?.0, before.job)));
        let mut later: Vec<_> = later.filter(|(start, _)| *start > soon).collect();
        later.sort_unstable();
        let mut freed = Vec::new();
        for printer in idle {
            let mut jobs = later.iter().map(|(_, job)| *job).filter(|job| !freed.contains(job));
            let job = jobs.find(|job| self.begins_sooner(*job, PrinterAt(printer)));
            freed.extend(job);
        }
        freed
    }

    /// All waiting jobs with the printers on which they are planned, in the order in which they are to begin.
    pub fn planned_elsewhere(&self, here: &PrinterName) -> Vec<(JobId, PrinterName)> {
        let Some(at) = self.printers.iter().position(|name| name == here).map(PrinterAt) else {
            return Vec::new();
        };
        let mut all: Vec<_> = self
            .plan
            .jobs
            .iter()
            .enumerate()
            .filter_map(|(job, planned)| match planned {
                Planned::Assigned { printer, start, .. }
                    if *printer != at && start.0 <= self.problem.now.0.saturating_add(SOON) =>
                {
                    let suits = matches!(self.why_not(JobAt(job), at), Reason::Elsewhere { .. });
                    suits.then(|| {
                        Some((*start, self.jobs.get(job)?.clone(), self.printers.get(printer.0)?.clone()))
                    })?
                }
                _ => None,
            })
            .collect();
        all.sort_by_key(|(start, ..)| *start);
        all.into_iter().map(|(_, job, printer)| (job, printer)).collect()
    }

    /// Whether a job of this length may begin on a printer now without running into its maintenance.
    pub fn ends_before_maintenance(&self, job: &JobId, printer: &PrinterName, now: WallTime) -> bool {
        let (Some(job), Some(at)) = (self.place(job), self.printers.iter().position(|name| name == printer))
        else {
            return true;
        };
        let (Some(job), Some(printer)) = (self.problem.jobs.get(job.0), self.problem.printers.get(at)) else {
            return true;
        };
        let now = seconds(now).0;
        let end = now.saturating_add(job.duration.unwrap_or(self.problem.site.guess));
        printer.windows.iter().all(|window| window.to.0 <= now || window.from.0 >= end)
    }
}

pub fn seconds(at: WallTime) -> Seconds {
    Seconds(i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX))
}

pub fn wall(at: Seconds) -> WallTime {
    WallTime(u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000))
}

/// As sentences name a moment: `2026-12-01 07:00 UTC`.
fn to_the_minute(at: WallTime) -> String {
    let text = at.to_string();
    let minute = text.get(..16).map(|text| text.replace('T', " "));
    minute.map_or(text, |minute| format!("{minute} UTC"))
}

/// Seconds that a print of so many takes on a simulated printer that runs so many times as fast as a real one.
fn at_speed(seconds: i64, times: u16) -> i64 {
    seconds.div_euclid(i64::from(times.max(1))).max(1)
}

fn use_number(of: IntendedUse) -> Use {
    Use(match of {
        IntendedUse::Diagnostic => 0,
        IntendedUse::Guide => 1,
        IntendedUse::Education => 2,
    })
}

#[derive(Debug, Default)]
struct Estimates {
    known: BTreeMap<FileHash, Estimate>,
    /// Those that could not be read, and when that was.
    failed: BTreeMap<FileHash, Moment>,
    reading: bool,
}

impl Estimates {
    /// One of which nobody knows how long it prints; what could not be read comes after the others, and not at once.
    fn next(&self, wanted: BTreeMap<FileHash, JobId>, now: Moment) -> Option<(FileHash, JobId)> {
        let unknown = wanted.into_iter().filter(|(file, _)| !self.known.contains_key(file));
        let dated = unknown.map(|(file, job)| (self.failed.get(&file).copied(), file, job));
        let may = |failed: &Option<Moment>| failed.is_none_or(|failed| now.since(failed) >= READ_AGAIN);
        dated.filter(|(failed, ..)| may(failed)).min().map(|(_, file, job)| (file, job))
    }
}

#[derive(Debug)]
struct Inner {
    recorder: Recorder,
    gate: Gate,
    board: Board,
    printers: Vec<config::Printer>,
    schedule: Schedule,
    zone: Zone,
    attended_uses: Vec<IntendedUse>,
    clock: Clock,
    estimates: Mutex<Estimates>,
    drawn: watch::Sender<Option<Arc<Drawn>>>,
    /// A file was read.
    news: tokio::sync::Notify,
    rounds: Timed,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Planner(Arc<Inner>);

impl Planner {
    pub fn new(config: &Config, recorder: Recorder, gate: Gate, board: Board, clock: Clock) -> Self {
        let (printers, schedule) = (config.printers.clone(), config.schedule.clone());
        let (zone, attended_uses) = (config.zone.clone(), config.attended_uses.clone());
        let (estimates, drawn, news) =
            (Mutex::default(), watch::Sender::new(None), tokio::sync::Notify::new());
        Self(Arc::new(Inner {
            recorder,
            gate,
            board,
            printers,
            schedule,
            zone,
            attended_uses,
            clock,
            estimates,
            drawn,
            news,
            rounds: Timed::default(),
        }))
    }

    /// How long it takes to plan.
    pub fn rounds(&self) -> &Timed {
        &self.0.rounds
    }

    /// Whether the circuit of a printer carries its heating up beside what its others draw now.
    pub fn has_power(&self, lab: &Lab, printer: &PrinterName, now: WallTime) -> bool {
        let Inner { printers, schedule, .. } = &*self.0;
        let known = printers.iter().find(|known| known.name == *printer);
        let Some(power) = known.and_then(|known| known.power.as_ref()) else { return true };
        let circuit = schedule.circuits.iter().find(|circuit| circuit.name == power.circuit);
        let Some(most) = circuit.map(|circuit| circuit.watts) else { return true };
        let drawn = printers.iter().filter_map(|other| {
            let draws = other.power.as_ref().filter(|draws| draws.circuit == power.circuit)?;
            let run = lab.running_on(&other.name)?.state.run()?;
            let heats = u128::from(now.0.saturating_sub(run.started.0)) < draws.heatup.as_millis();
            Some(if heats { draws.heating } else { draws.printing })
        });
        drawn.fold(power.heating, u32::saturating_add) <= most
    }

    /// The latest plan; none before the first.
    pub fn latest(&self) -> Option<Arc<Drawn>> {
        self.0.drawn.borrow().clone()
    }

    /// When a plan is there that knows this entry of the journal; or for a while, where nobody plans just now.
    pub async fn knows(&self, seq: u64) {
        let mut drawn = self.0.drawn.subscribe();
        if drawn.borrow().is_none() {
            return;
        }
        let is_newer = |drawn: &Option<Arc<Drawn>>| drawn.as_ref().is_some_and(|drawn| drawn.seq >= seq);
        let _ = tokio::time::timeout(PLANNED_WITHIN, drawn.wait_for(is_newer)).await;
    }

    /// When a file was read of whose length nobody knew.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }

    fn estimates(&self) -> MutexGuard<'_, Estimates> {
        self.0.estimates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans anew, by what is so now.
    pub async fn draw(&self) -> Arc<Drawn> {
        let began = tokio::time::Instant::now();
        let waiting =
            self.0.recorder.read(|lab| lab.jobs_in_order().iter().filter(|job| is_planned(job)).count());
        let drawn = if waiting * self.0.printers.len() > INLINE_PAIRS {
            let planner = self.clone();
            offload(move || planner.drawn()).await.unwrap_or_else(|_| self.drawn())
        } else {
            self.drawn()
        };
        let drawn = Arc::new(drawn);
        self.0.drawn.send_replace(Some(Arc::clone(&drawn)));
        let took = began.elapsed();
        if self.0.rounds.took(took) {
            tracing::warn!(waiting, millis = took.as_millis(), "planning the queue was slow");
        }
        self.read_on();
        drawn
    }

    fn drawn(&self) -> Drawn {
        let now = self.0.clock.stamp();
        let before = self.latest();
        let (mut picture, asking, told) = self.0.recorder.read(|lab| {
            let told = self.told(lab);
            let (picture, asking) = self.picture(lab, &now);
            (picture, asking, told)
        });
        self.ask_gate(asking, &told, &mut picture);
        // What people want now counts for more than what they were told before; what they have prepared stays anyhow.
        if let Some(before) = before.filter(|before| !picture.is_wanted_otherwise(before)) {
            picture.problem.before = carried(&before, &picture);
        }
        let mut drawn = Drawn { plan: schedule::plan(&picture.problem), ..picture };
        // What stays where it is for the sake of people may leave a printer without work.
        let idle = drawn.could_begin_elsewhere();
        if !idle.is_empty() {
            for before in drawn.problem.before.iter_mut().filter(|before| idle.contains(&before.job)) {
                before.freed = true;
            }
            drawn.plan = schedule::plan(&drawn.problem);
        }
        drawn
    }

    /// What each printer's board says of its firmware, or said last.
    fn told(&self, lab: &Lab) -> Vec<Option<String>> {
        let each = self.0.printers.iter().map(|printer| {
            let live = self.0.board.get(&printer.name).and_then(|live| said(&live.borrow()));
            live.or_else(|| last_told(lab, &printer.name))
        });
        each.collect()
    }

    /// All that the planner is told, but for what the gate says. Its plan is empty yet.
    fn picture(&self, lab: &Lab, now: &Stamp) -> (Drawn, Vec<Asking>) {
        let Inner { printers, schedule, .. } = &*self.0;
        let all = lab.jobs_in_order();
        let jobs: Vec<&Job> = all.into_iter().filter(|job| is_planned(job)).collect();
        let mut drawn = Drawn {
            at: now.wall,
            seq: lab.counters.seq,
            problem: Problem {
                now: seconds(now.wall),
                jobs: Vec::new(),
                printers: Vec::new(),
                site: self.site(now.wall),
                before: Vec::new(),
            },
            plan: schedule::plan(&Problem {
                now: Seconds(0),
                jobs: Vec::new(),
                printers: Vec::new(),
                site: self.site(now.wall),
                before: Vec::new(),
            }),
            places: jobs.iter().enumerate().map(|(at, job)| (job.id.clone(), at)).collect(),
            wishes: jobs.iter().filter_map(|job| wish_of(lab, job)).collect(),
            jobs: jobs.iter().map(|job| job.id.clone()).collect(),
            printers: printers.iter().map(|printer| printer.name.clone()).collect(),
            materials: Words::default(),
            lots: Lots::default(),
            processes: Words::default(),
            circuits: Words(schedule.circuits.iter().map(|circuit| circuit.name.clone()).collect()),
            models: Words::default(),
            against: Vec::new(),
            codes: BTreeMap::new(),
        };
        drawn.problem.printers =
            printers.iter().map(|printer| self.printer(lab, printer, now, &mut drawn)).collect();
        let nozzles_known = printers.iter().all(|printer| printer.build.nozzle.is_some());
        drawn.problem.jobs = jobs.iter().map(|job| self.job(lab, job, nozzles_known, &mut drawn)).collect();
        let each = jobs.iter().zip(&drawn.problem.jobs).enumerate();
        let waits = each.filter(|(_, (job, wants))| job.state == JobState::Queued && wants.held.is_none());
        let asking =
            waits.map(|(at, (job, _))| Asking { at, job: (*job).clone(), accepted: lab.accepted(job) });
        let asking = asking.collect();
        (drawn, asking)
    }

    fn site(&self, now: WallTime) -> Site {
        let schedule = &self.0.schedule;
        let whole = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let circuits =
            (0u32..).zip(&schedule.circuits).map(|(at, circuit)| (Circuit(at), circuit.watts)).collect();
        Site {
            attended: attended(schedule, &self.0.zone, now),
            circuits,
            handling: whole(schedule.handling),
            firm: whole(schedule.firm),
            stay: STAY,
            guess: whole(schedule.unknown).max(1),
        }
    }

    fn printer(
        &self,
        lab: &Lab,
        printer: &config::Printer,
        now: &Stamp,
        drawn: &mut Drawn,
    ) -> schedule::Printer {
        let name = &printer.name;
        let (record, rules) = (lab.printer(name), lab.quality.rules);
        let today = Day::in_utc(now.wall);
        let live = self.0.board.get(name).map(|live| Arc::clone(&live.borrow()));
        let unattended = begins_unattended(printer, live.as_deref());
        let state = match live.as_ref().map(|live| &live.activity) {
            _ if record.latch.is_some() || record.quarantine.is_some() => State::Locked,
            None | Some(Activity::Offline { .. } | Activity::Connecting) => State::Offline,
            Some(Activity::Stopped | Activity::Faulted { .. } | Activity::Quarantined { .. }) => {
                State::Locked
            }
            Some(Activity::Ready) => State::Idle,
            Some(_) => State::Idle,
        };
        let state = match lab.running_on(name) {
            Some(job) => self.busy(lab, printer, job, now, drawn),
            None => state,
        };
        let bed = match (printer.bed_clearing, &record.bed) {
            // What was cut short lies there until a person has looked.
            (BedClearing::Automatic, Bed::Occupied { .. })
                if lab.running_on(name).is_none() && !has_removed_its_part(lab, name) =>
            {
                schedule::Bed::Occupied
            }
            (BedClearing::Automatic, _) => schedule::Bed::ClearsItself,
            // Somebody comes before each start, as to a part that lies there.
            (BedClearing::Person, Bed::Clear) if is_to_be_seen_to(lab, name, now.wall) => {
                schedule::Bed::Occupied
            }
            (BedClearing::Person, Bed::Clear) => schedule::Bed::Clear,
            (BedClearing::Person, Bed::Occupied { .. }) => schedule::Bed::Occupied,
        };
        let span = |of: Option<(i16, i16)>| {
            of.map_or(u32::MAX, |(low, high)| u32::from(high.abs_diff(low)).saturating_mul(1_000))
        };
        let build = &printer.build;
        let vat = lab.resin.station(name);
        let loads: Vec<Load> = match vat {
            Some((station, outfit)) => load_of_vat(station, outfit, drawn).into_iter().collect(),
            None => {
                let lots = lab.quality.loaded_on(name).filter_map(|load| lab.quality.lots.get(&load.lot));
                // Of resin a job needs microlitres, and a lot has milligrams.
                let is_fdm = printer.kind == config::Kind::Fdm;
                let load = |lot: &Lot| load_of(lot, today, drawn);
                lots.map(load).map(|load| Load { left: load.left.filter(|_| is_fdm), ..load }).collect()
            }
        };
        // What is in a vat is counted whatever the site's rules are; of one with nothing in it that is said already.
        let tracks_material = if vat.is_some() { !loads.is_empty() } else { rules.lots };
        let known = lab.quality.printers.get(name);
        let (qualification, calibration) = if rules.qualified_printers {
            (
                qualification(known.map(|known| &known.state)),
                match known.and_then(|known| known.calibration_due) {
                    None => Calibration::Unknown,
                    // It holds through its last day.
                    Some(due) => Calibration::Until(seconds(due.after(1).begins())),
                },
            )
        } else {
            (Qualification::NotAsked, Calibration::NotAsked)
        };
        let validated = if rules.approval_before_printing {
            self.validated(lab, printer, drawn)
        } else {
            Validated::NotAsked
        };
        let power = printer.power.as_ref().map(|power| schedule::Power {
            circuit: Circuit(drawn.circuits.number(&power.circuit)),
            heating: power.heating,
            printing: power.printing,
            heat_up: u32::try_from(power.heatup.as_secs()).unwrap_or(u32::MAX),
        });
        let windows = lab.queue.windows(name).iter();
        schedule::Printer {
            kind: kind(printer.kind),
            model: Model(drawn.models.number(printer.model.as_deref().unwrap_or_default())),
            state,
            bed,
            volume: [
                span(build.x),
                span(build.y),
                build.height.map_or(u32::MAX, |height| u32::from(height) * 1_000),
            ],
            nozzle: build.nozzle.and_then(|nozzle| micrometres(nozzle.mm())),
            loads,
            tracks_material,
            validated,
            qualification,
            calibration,
            windows: windows
                .map(|window| Window { from: seconds(window.from), to: seconds(window.until) })
                .collect(),
            unattended,
            power,
        }
    }

    /// What it prints, and until when: by the length of its file and how far it has come.
    fn busy(&self, lab: &Lab, printer: &config::Printer, job: &Job, now: &Stamp, drawn: &Drawn) -> State {
        let guess = drawn.problem.site.guess;
        let times = printer.heat.simulated_speed;
        let takes = self.estimate(&job.file).map(|estimate| estimate.seconds_on(Some(&printer.name)));
        let takes = takes.or_else(|| said_seconds(lab, job));
        let length = takes.map_or(guess, |takes| at_speed(takes, times));
        let run = job.state.run();
        let done = run.map_or(0.0, |run| run.progress.percent()).clamp(0.0, 100.0);
        let left = whole(length as f64 * (100.0 - done) / 100.0).max(60);
        let started = run.map_or(now.wall, |run| run.started);
        let heats =
            printer.power.as_ref().map_or(0, |power| i64::try_from(power.heatup.as_secs()).unwrap_or(0));
        State::Busy {
            until: Seconds(seconds(now.wall).0.saturating_add(left)),
            job: drawn.place(&job.id),
            heats_until: Seconds(seconds(started).0.saturating_add(heats)),
        }
    }

    /// The processes of this kind of printer, and what their parts are good enough for.
    fn validated(&self, lab: &Lab, printer: &config::Printer, drawn: &mut Drawn) -> Validated {
        let is_its = |process: &&crate::domain::quality::process::KnownProcess| {
            process.gone.is_none() && Some(process.process.printer_model.as_str()) == printer.model.as_deref()
        };
        let of_it = lab.quality.processes.values().filter(is_its);
        Validated::Only(
            of_it
                .map(|known| {
                    let uses = known.process.validated_for.iter().map(|of| use_number(*of)).collect();
                    (Process(drawn.processes.number(known.process.name.as_str())), uses)
                })
                .collect(),
        )
    }

    fn job(&self, lab: &Lab, job: &Job, nozzles: bool, drawn: &mut Drawn) -> schedule::Job {
        let wish = lab.queue.wish(&job.id);
        let estimate = self.estimate(&job.file);
        let case_use = lab.cases.get(&job.case).map(|case| case.intended_use);
        let about = lab.quality.cases.get(&job.case).and_then(|case| case.about.as_ref());
        let priority = wish.and_then(|wish| wish.priority).or_else(|| about.map(|about| about.priority));
        let place = |name: &PrinterName| drawn.printers.iter().position(|known| known == name).map(PrinterAt);
        let (pinned, prepared) = (
            job.pinned.as_ref().and_then(place),
            wish.and_then(|wish| wish.prepared.as_ref()).and_then(place),
        );
        let attended = job.resumes.is_some()
            || case_use.is_some_and(|of| self.0.attended_uses.contains(&of))
            || lab.counters.restored.is_some_and(|restored| job.order <= restored.order);
        let material = start::wanted(lab, job)
            .map(|material| Material(drawn.materials.number(&material.to_ascii_uppercase())));
        let chain = lab.chains.get(&job.id);
        let process = chain.map(|chain| Process(drawn.processes.number(&chain.process)));
        let waits = job.state == JobState::Queued;
        let held = if waits { self.held(lab, job, drawn) } else { None };
        let priority = priority.unwrap_or_default();
        // What has no day would come behind all that has one: an emergency is due as soon as it can be.
        let at_once = || (priority == Priority::Emergency).then(|| seconds(job.queued));
        let order = queue::place(wish, job.order);
        let medium = Medium::of(lab, &job.id);
        let barred = match medium {
            Medium::Filament => Vec::new(),
            Medium::Resin if waits => self.barred_by_vat(lab, job, drawn),
            Medium::Resin => Vec::new(),
        };
        schedule::Job {
            kind: kind(medium.kind()),
            order: order.saturating_mul(1_024).saturating_add(job.order % 1_024),
            priority: match priority {
                Priority::Routine => schedule::Priority::Routine,
                Priority::Urgent => schedule::Priority::Urgent,
                Priority::Emergency => schedule::Priority::Emergency,
            },
            due: self.due(lab, job, case_use).or_else(at_once),
            duration: estimate
                .as_ref()
                .map(|estimate| estimate.seconds_on(job.pinned.as_ref()))
                .or_else(|| said_seconds(lab, job))
                .map(|seconds| at_speed(seconds, self.simulated_speed(job))),
            held,
            pinned,
            prepared,
            attended,
            release: None,
            needs: Needs {
                extents: estimate.as_ref().and_then(|estimate| estimate.extents),
                nozzle: estimate.as_ref().and_then(|estimate| estimate.nozzle).filter(|_| nozzles),
                material,
                amount: match medium {
                    Medium::Filament => estimate
                        .and_then(|estimate| estimate.milligrams)
                        .map(|milligrams| Amount(not_booked(lab, job, milligrams, drawn.at))),
                    Medium::Resin => of_vat(lab, job),
                },
                process: process.filter(|_| lab.quality.rules.approval_before_printing),
                purpose: use_number(case_use.unwrap_or(IntendedUse::Diagnostic)),
                model: None,
            },
            barred,
        }
    }

    /// On which resin printers a job cannot begin as they are, and why: what is in the vat, and what is worn. What is
    /// looked at and cleaned before each start anyhow is planned for as a bed is.
    fn barred_by_vat(&self, lab: &Lab, job: &Job, drawn: &mut Drawn) -> Vec<(PrinterAt, u16)> {
        let mut barred = Vec::new();
        for (at, printer) in self.0.printers.iter().enumerate() {
            let is_meant = job.pinned.as_ref().is_none_or(|pinned| *pinned == printer.name);
            if !is_meant || printer.kind != config::Kind::Resin {
                continue;
            }
            let words = match suits::takes(printer, Medium::Resin) {
                Err(unsuited) => Some(unsuited.to_string()),
                Ok(()) => {
                    let all = resin::start::hindrances(lab, job, &printer.name, drawn.at);
                    all.iter().find(|one| !is_seen_to(one)).map(ToString::to_string)
                }
            };
            if let Some(words) = words {
                let parts = words.split_once("; ").or_else(|| words.rsplit_once(": "));
                let (what, cure) = parts.unwrap_or((&words, "see to its vat"));
                let code = drawn.against(what.to_owned(), cure.to_owned());
                barred.push((PrinterAt(at), code));
            }
        }
        barred
    }

    /// How fast the printer is simulated that a job is for; where it is for any, the slowest of them. Of a real one: 1.
    fn simulated_speed(&self, job: &Job) -> u16 {
        let wanted = |name: &PrinterName| job.pinned.as_ref().is_none_or(|pinned| pinned == name);
        let all = self.0.printers.iter().filter(|printer| wanted(&printer.name));
        all.map(|printer| printer.heat.simulated_speed).min().unwrap_or(1)
    }

    /// When the print has to have ended: as somebody said, or in time for the day on which the case is needed.
    pub fn due(&self, lab: &Lab, job: &Job, of: Option<IntendedUse>) -> Option<Seconds> {
        if let Some(due) = lab.queue.wish(&job.id).and_then(|wish| wish.due) {
            return Some(seconds(due));
        }
        let day = lab.quality.cases.get(&job.case)?.about.as_ref()?.needed_by?;
        Some(due_for(day, of, &self.0.schedule, &self.0.zone))
    }

    /// What keeps a job from being planned at all.
    fn held(&self, lab: &Lab, job: &Job, drawn: &mut Drawn) -> Option<Hold> {
        if let Some(held) = lab.queue.wish(&job.id).and_then(|wish| wish.held.as_ref()) {
            let what = format!("{} holds the job: it waits for {}", held.by, held.reason.in_words());
            return Some(Hold::Other(drawn.against(what, "let it go on".into())));
        }
        if let Some(pinned) = job.pinned.as_ref().filter(|pinned| !drawn.printers.contains(pinned)) {
            let what = format!("it is for {pinned} only, which is not in the configuration");
            return Some(Hold::Other(
                drawn.against(what, "let it print on another (`--printer any`)".into()),
            ));
        }
        if let Some(gone) = cannot_go_on(lab, job, &drawn.printers) {
            let words = gone.to_string();
            let parts = words.split_once("; ").or_else(|| words.split_once(": "));
            let (what, cure) = parts.unwrap_or((&words, "queue its file anew"));
            return Some(Hold::Other(drawn.against(what.to_owned(), cure.to_owned())));
        }
        if lab.quality.rules.lots && start::wanted(lab, job).is_none() {
            let cure = "queue it anew with one".to_owned();
            return Some(Hold::Other(drawn.against("it names no material".into(), cure)));
        }
        let words = start::against_job(lab, job).into_iter().next()?.to_string();
        let (what, cure) = words.rsplit_once(": ").unwrap_or((&words, "look at its case"));
        Some(Hold::Other(drawn.against(what.to_owned(), cure.to_owned())))
    }

    /// What the gate says against jobs' files on each printer, as far as the files were read. Not under the lab's lock:
    /// each pair is asked for. Jobs that ask the same have the same answer.
    fn ask_gate(&self, asking: Vec<Asking>, told: &[Option<String>], drawn: &mut Drawn) {
        type Question = (FileHash, Option<String>, bool, Option<PrinterName>, Vec<String>);
        let mut answered: BTreeMap<Question, (Vec<(PrinterAt, u16)>, bool)> = BTreeMap::new();
        for Asking { at, job, accepted } in asking {
            let resumes = job.resumes.is_some();
            let question = (job.file.clone(), job.material.clone(), resumes, job.pinned.clone(), accepted);
            if !answered.contains_key(&question) {
                let answer = self.barred(&job, &question.4, told, drawn);
                answered.insert(question.clone(), answer);
            }
            let (Some(place), Some((barred, is_whole))) =
                (drawn.problem.jobs.get_mut(at), answered.get(&question))
            else {
                continue;
            };
            // What the vat speaks against is told first.
            for (at, code) in barred {
                if !place.barred.iter().any(|(known, _)| known == at) {
                    place.barred.push((*at, *code));
                }
            }
            if *is_whole {
                // It has looked at the very moves, and at what this printer's section allows.
                (place.needs.extents, place.needs.nozzle) = (None, None);
            }
        }
    }

    /// On which printers a job's file does not pass; and whether that was asked of all that come into question.
    fn barred(
        &self,
        job: &Job,
        accepted: &[String],
        told: &[Option<String>],
        drawn: &mut Drawn,
    ) -> (Vec<(PrinterAt, u16)>, bool) {
        let (mut barred, mut is_whole) = (Vec::new(), true);
        for (at, told) in told.iter().enumerate() {
            let Some(name) = drawn.printers.get(at) else { continue };
            if job.pinned.as_ref().is_some_and(|pinned| pinned != name) {
                continue;
            }
            let Some(found) = self.0.gate.known(&self.0.gate.asked_of(job, name, told.as_deref())) else {
                is_whole = false;
                continue;
            };
            if let Some(first) = refused(&found, accepted).first() {
                let line = first.line.map(|line| format!("line {line} of its file: ")).unwrap_or_default();
                let code = drawn.against(format!("{line}{}", first.what), first.help.to_owned());
                barred.push((PrinterAt(at), code));
            }
        }
        (barred, is_whole)
    }

    fn estimate(&self, file: &FileHash) -> Option<Estimate> {
        let mut estimates = self.estimates();
        if let Some(known) = estimates.known.get(file) {
            return Some(known.clone());
        }
        let estimate = Estimate::of(&*self.0.gate.read_already(file)?, &self.0.printers)?;
        estimates.known.insert(file.clone(), estimate.clone());
        Some(estimate)
    }

    /// Reads one file of which nobody knows how long it prints; the others wait for their turn.
    fn read_on(&self) {
        let wanted: BTreeMap<FileHash, JobId> = self.0.recorder.read(|lab| {
            // Of an encrypted file only people know it.
            let tells = |job: &&Job| lab.resin.needs.get(&job.id).is_none_or(|need| need.opaque.is_none());
            let planned = lab.jobs.values().filter(|job| is_planned(job)).filter(tells);
            planned.map(|job| (job.file.clone(), job.id.clone())).collect()
        });
        let mut estimates = self.estimates();
        estimates.known.retain(|file, _| wanted.contains_key(file));
        estimates.failed.retain(|file, _| wanted.contains_key(file));
        if estimates.reading {
            return;
        }
        let Some((file, id)) = estimates.next(wanted, self.0.clock.now()) else { return };
        let Some(job) = self.0.recorder.read(|lab| lab.jobs.get(&id).cloned()) else { return };
        let Some(printer) = self.0.printers.first().map(|printer| printer.name.clone()) else { return };
        estimates.reading = true;
        drop(estimates);
        let planner = self.clone();
        tokio::spawn(async move {
            let asked = planner.0.gate.asked_of(&job, job.pinned.as_ref().unwrap_or(&printer), None);
            let read = planner.0.gate.reading(&asked).await;
            // What cannot be read is told by whoever wants to print it.
            let estimate = read.ok().and_then(|reading| Estimate::of(&reading, &planner.0.printers));
            let mut estimates = planner.estimates();
            match estimate {
                Some(estimate) => {
                    estimates.failed.remove(&file);
                    estimates.known.insert(file, estimate);
                }
                None => {
                    estimates.failed.insert(file, planner.0.clock.now());
                }
            }
            estimates.reading = false;
            drop(estimates);
            planner.0.news.notify_one();
        });
    }

    /// Tells the journal, and by it people, of prints that will be late, and that will not be after all.
    pub async fn tell_late(&self, drawn: &Drawn) {
        // Of what is due, and of what people were told.
        let known = |id: &JobId| {
            self.0.recorder.read(|lab| {
                let job = lab.jobs.get(id)?;
                let of = lab.cases.get(&job.case).map(|case| case.intended_use);
                Some((self.due(lab, job, of)?, lab.queue.wish(id).and_then(|wish| wish.late)))
            })
        };
        let mut told = 0;
        for (at, planned) in drawn.plan.jobs.iter().enumerate() {
            let Some(job) = drawn.jobs.get(at) else { continue };
            let (Some(slack), Some((due, late))) = (foreseen(planned, drawn.problem.now), known(job)) else {
                continue;
            };
            // What could be in time if it could begin at once says nothing of when it will begin.
            let is_placed = matches!(planned, Planned::Running { .. } | Planned::Assigned { .. });
            let is_known = drawn.problem.jobs.get(at).is_some_and(|wants| wants.duration.is_some());
            if told == TOLD_AT_ONCE || !is_known {
                continue;
            }
            let request = if slack <= -LATE && late != Some(wall(due)) {
                let expected = wall(Seconds(due.0.saturating_sub(slack)));
                queue::Request::NoteLate { job: job.clone(), due: wall(due), expected }
            } else if slack >= IN_TIME && is_placed && late.is_some() {
                queue::Request::NoteOnTime { job: job.clone() }
            } else {
                continue;
            };
            told += 1;
            if let Err(error) = self.0.recorder.submit(Request::Queue(Box::new(request)), Actor::Platen).await
            {
                tracing::warn!(%job, %error, "that a print will be late, or not, is not in the journal");
            }
        }
    }
}

impl Drawn {
    fn against(&mut self, what: String, cure: String) -> u16 {
        let words = (what, cure);
        if let Some(code) = self.codes.get(&words) {
            return *code;
        }
        // More than these are not told apart: the last stands for them.
        let code = u16::try_from(self.against.len()).unwrap_or(u16::MAX);
        if usize::from(code) == self.against.len() {
            self.against.push(words.clone());
        }
        self.codes.insert(words, code);
        code
    }
}

/// What is wanted of a job, but for what people were told of it.
fn wish_of(lab: &Lab, job: &Job) -> Option<(JobId, Wish)> {
    let wish = lab.queue.wish(&job.id)?.clone();
    let wish = Wish { late: None, ..wish };
    (wish != Wish::default()).then(|| (job.id.clone(), wish))
}

/// It waits, or runs.
fn is_planned(job: &Job) -> bool {
    job.state == JobState::Queued || job.state.is_running()
}

/// What was planned before, in the places of the new picture.
fn carried(before: &Drawn, now: &Drawn) -> Vec<Before> {
    let each = before.plan.before().into_iter();
    each.filter_map(|old| {
        let job = now.place(before.jobs.get(old.job.0)?)?;
        let name = before.printers.get(old.printer.0)?;
        let printer = now.printers.iter().position(|known| known == name).map(PrinterAt)?;
        Some(Before { job, printer, ..old })
    })
    .collect()
}

/// When a print has to have ended for a case that is needed on that day, ready at its hour by the site's clock.
fn due_for(day: Day, of: Option<IntendedUse>, schedule: &Schedule, zone: &Zone) -> Seconds {
    let whole = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(0);
    let sterilised = of == Some(IntendedUse::Guide);
    let allow = Allowances {
        post_processing: whole(schedule.post_processing),
        inspection: whole(schedule.inspection),
        sterilising: if sterilised { whole(schedule.sterilising) } else { 0 },
        transport: 0,
    };
    schedule::due(seconds(zone.minute(day, schedule.ready_at)), allow)
}

/// When people are there by the site's clock, from yesterday on; nothing where that is always.
fn attended(schedule: &Schedule, zone: &Zone, now: WallTime) -> Vec<Window> {
    if schedule.attended.is_empty() {
        return Vec::new();
    }
    let today = zone.day(now);
    let first = today.before(1).unwrap_or(today);
    let mut windows = Vec::new();
    for day in (0..HORIZON_DAYS).map(|days| first.after(days)) {
        for shift in schedule.attended.iter().filter(|shift| shift.days[day.weekday()]) {
            let at = |minute: u16| seconds(zone.minute(day, minute));
            let window = Window { from: at(shift.from), to: at(shift.until) };
            // A shift may lie in the very hour that is left out when the clock is put forward.
            windows.extend((window.from < window.to).then_some(window));
        }
    }
    windows.sort();
    windows
}

/// Whether prints may begin there with nobody there; not while its firmware says that it does not watch its heaters.
fn begins_unattended(printer: &config::Printer, live: Option<&Snapshot>) -> bool {
    printer.unattended && !live.is_some_and(|live| live.unprotected)
}

/// What a board says of its firmware. Which is ready was greeted: what it has not said it does not say.
fn said(live: &Snapshot) -> Option<String> {
    let is_ready = matches!(live.activity, Activity::Ready);
    live.firmware.clone().or_else(|| is_ready.then(String::new))
}

/// Why a job cannot go on with its part any more, as [`Lab::may_start`] would say.
fn cannot_go_on(lab: &Lab, job: &Job, printers: &[PrinterName]) -> Option<Refusal> {
    let origin = &job.resumes.as_ref()?.job;
    let on_it = Bed::Occupied { job: origin.clone() };
    let mut may = job.pinned.iter().chain(printers.iter().filter(|_| job.pinned.is_none()));
    let Some(printer) = may.clone().find(|name| lab.printer(name).bed == on_it) else {
        let printer = may.next()?.clone();
        return Some(Refusal::PartGone { printer, job: origin.clone() });
    };
    let (since, _) = lab.tried_on(origin).find(|other| job.queued < other.1)?;
    Some(Refusal::HeadMoved { printer: printer.clone(), job: job.id.clone(), since: since.clone() })
}

/// What a job has to spare, or lacks, as far as that is sure. What nothing can take is late once it would have to begin
/// within a day, or where nobody is there within a year; what a printer comes back from (it is offline, or locked) is not
/// told of each job.
fn foreseen(planned: &Planned, now: Seconds) -> Option<i64> {
    let Planned::Waiting { why: Waiting::Nowhere { against, .. }, slack: None, begin_by: Some(by) } = planned
    else {
        return planned.slack();
    };
    let passes = against.iter().any(|one| matches!(one, Obstacle::Offline | Obstacle::Locked));
    let never =
        |one: &Obstacle| matches!(one, Obstacle::NoPerson { until: None } | Obstacle::Bed { until: None });
    let is_near = by.0 < now.0.saturating_add(TOLD_AHEAD);
    (!passes && (is_near || against.iter().any(never))).then_some(-LATE)
}

/// What somebody does before a start in any case: to look, and to take pieces of another print out of the vat.
fn is_seen_to(hindrance: &resin::Hindrance) -> bool {
    use resin::Hindrance as H;
    matches!(hindrance, H::Debris { .. } | H::ChecklistNeeded { .. } | H::ChecklistOld)
}

/// Whether somebody has to look at a resin printer before anything begins there.
fn is_to_be_seen_to(lab: &Lab, printer: &PrinterName, now: WallTime) -> bool {
    let Some((station, outfit)) = lab.resin.station(printer) else { return false };
    let asked = &outfit.checklist;
    let is_done = |done: &resin::Checklist| done.items.is_superset(asked) && done.holds(now);
    station.debris.is_some() || (!asked.is_empty() && !station.checklist.as_ref().is_some_and(is_done))
}

fn kind(kind: config::Kind) -> schedule::Kind {
    match kind {
        config::Kind::Fdm => schedule::Kind::Fdm,
        config::Kind::Resin => schedule::Kind::Resin,
    }
}

fn load_of(lot: &Lot, today: Day, drawn: &mut Drawn) -> Load {
    let usable = match lot.unusable(today).first() {
        _ if lot.recalled.is_some() => Usable::Recalled,
        None => Usable::Yes,
        Some(Unusable::Expired(_) | Unusable::OpenTooLong(_)) => Usable::Expired,
        Some(Unusable::Quarantined | Unusable::Blocked(_) | Unusable::Consumed) => Usable::Blocked,
    };
    Load {
        material: Material(drawn.materials.number(&lot.about.material.as_str().to_ascii_uppercase())),
        lot: Some(schedule::Lot(drawn.lots.number(lot))),
        usable,
        left: Some(Amount(lot.left_mg)),
    }
}

/// What a vat gives, for the jobs that are planned there one behind the other.
fn load_of_vat(station: &resin::Station, outfit: &resin::outfit::Outfit, drawn: &mut Drawn) -> Option<Load> {
    let contents = station.contents()?;
    let gives = contents.left.0.saturating_sub(outfit.keeps.0);
    let material = Material(drawn.materials.number(&contents.material.to_ascii_uppercase()));
    Some(Load { material, lot: None, usable: Usable::InVat, left: Some(Amount(gives)) })
}

/// What a job takes of a vat that is not counted yet, until it is refilled or to its end: of one that waits from its
/// first layer on. What somebody pours in for a refill nobody knows before.
fn of_vat(lab: &Lab, job: &Job) -> Option<Amount> {
    let need = lab.resin.needs.get(&job.id)?;
    let station = job.state.run().and_then(|run| lab.resin.stations.get(&run.printer));
    let used = station.map(|station| station.counted(&job.id).resin).unwrap_or_default();
    Some(Amount(need.until_refill(used).0))
}

/// What a job takes of what hangs there and is not booked yet: of one that waits all, of one that runs what its lots
/// will be told at its end.
fn not_booked(lab: &Lab, job: &Job, milligrams: u64, now: WallTime) -> u64 {
    let Some(run) = job.state.run().filter(|_| job.state.is_running()) else { return milligrams };
    let wanted = start::wanted(lab, job);
    let of_it = |lot: &LotId| {
        lab.quality.lots.get(lot).is_some_and(|lot| wanted.is_some_and(|wanted| lot.is_of(wanted)))
    };
    let hang: BTreeMap<&LotId, WallTime> = lab
        .quality
        .loaded_on(&run.printer)
        .filter(|load| of_it(&load.lot))
        .map(|load| (&load.lot, load.from))
        .collect();
    let Some(since) = hang.values().min() else { return milligrams };
    let share = share_from(run.progress.percent(), (run.started, *since, now));
    let pieces = lab.quality.pieces_of(lab, job);
    let noted = pieces.iter().flat_map(|piece| &piece.used);
    let noted = noted.filter(|used| used.job == job.id && hang.contains_key(&used.lot));
    let booked = noted.map(|used| used.milligrams).fold(0, u64::saturating_add);
    whole(milligrams as f64 * share).unsigned_abs().saturating_sub(booked)
}

/// The share of a print that is fed by what was loaded in the midst of it, at `loaded`, as if it went on evenly; all of
/// it where that hung there before.
fn share_from(percent: f64, (started, loaded, now): (WallTime, WallTime, WallTime)) -> f64 {
    let printed = now.0.saturating_sub(started.0);
    let before = loaded.0.saturating_sub(started.0).min(printed);
    if printed == 0 || before == 0 {
        return 1.0;
    }
    let done = (percent / 100.0).clamp(0.0, 1.0);
    1.0 - done * before as f64 / printed as f64
}

fn qualification(state: Option<&QualificationState>) -> Qualification {
    match state {
        None | Some(QualificationState::Unqualified) => Qualification::Unqualified,
        Some(QualificationState::Qualified) => Qualification::Qualified,
        Some(QualificationState::Restricted { uses, .. }) => {
            Qualification::Restricted(uses.iter().map(|of| use_number(*of)).collect())
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::ids::{BootId, CaseToken, PartId};
    use crate::domain::job::{Interruption, Progress};
    use crate::domain::lab::NewJob;
    use crate::domain::part::PartRef;

    #[test]
    fn a_moment_in_a_sentence_is_told_to_the_minute_as_in_the_lists_beside_it() {
        let at: WallTime = "2026-12-01T07:04:59.200Z".parse().unwrap();
        assert_eq!(to_the_minute(at), "2026-12-01 07:04 UTC");
    }

    #[test]
    fn of_a_print_that_runs_the_load_in_its_midst_feeds_only_what_comes_after() {
        let of = |percent, started, loaded, now| {
            share_from(percent, (WallTime(started), WallTime(loaded), WallTime(now)))
        };
        let table = [
            ("it hung there before", of(80.0, 1_000, 500, 2_000), 1.0),
            ("it hung there from the start", of(80.0, 1_000, 1_000, 2_000), 1.0),
            ("loaded at the half of what is done", of(80.0, 1_000, 1_500, 2_000), 0.6),
            ("loaded just now", of(80.0, 1_000, 2_000, 2_000), 0.2),
            ("the clock was set back", of(80.0, 1_000, 3_000, 500), 1.0),
            ("more than all is done", of(140.0, 1_000, 2_000, 2_000), 0.0),
        ];
        for (what, share, wanted) in table {
            assert!((share - wanted).abs() < 1e-9, "{what}: {share}");
        }
    }

    #[test]
    fn a_simulated_printer_takes_a_share_of_the_time_of_a_real_one_and_never_none() {
        assert_eq!([1, 20, 200].map(|times| at_speed(7_200, times)), [7_200, 360, 36]);
        assert_eq!((at_speed(7_200, 0), at_speed(3, 200)), (7_200, 1));
    }

    const HOUR: i64 = 3_600;

    pub(crate) fn job(n: u8) -> JobId {
        JobId::from_entropy([n; 16])
    }

    fn grant(lab: &mut Lab, request: &Request) {
        let wall = WallTime(1_000);
        let stamp = Stamp { wall, mono: Moment(5), boot: BootId::from_entropy([1; 16]) };
        let facts = lab.judge(request, wall).unwrap();
        for event in lab.number(request, facts, &stamp, &Actor::Platen) {
            lab.apply(&event);
        }
    }

    fn queue_file(n: u8, file: FileHash) -> Request {
        Request::QueueJob(Box::new(NewJob {
            job: job(n),
            case: CaseToken::from_entropy([3; 16]),
            part: PartRef::Number(1),
            also: Vec::new(),
            file,
            commands: 10,
            digest: FileHash::from_digest([9; 32]),
            pinned: None,
            material: None,
            gate: None,
        }))
    }

    /// A case with jobs 0, 1, …
    pub(crate) fn lab_with_jobs(count: u8) -> Lab {
        let mut lab = Lab::default();
        let case = CaseToken::from_entropy([3; 16]);
        let (part, name) = (PartId::from_entropy([4; 16]), "heart".to_owned().try_into().unwrap());
        grant(&mut lab, &Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Diagnostic });
        grant(&mut lab, &Request::AddPart { case, part, name });
        for n in 0..count {
            grant(&mut lab, &queue_file(n, FileHash::from_digest([n; 32])));
        }
        lab
    }

    #[test]
    fn a_job_whose_part_is_gone_or_was_moved_is_held_and_says_so() {
        let mut lab = lab_with_jobs(2);
        let (a, b): (PrinterName, PrinterName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let all = [b, a.clone()];
        let interrupt = |n| {
            let progress = Progress { confirmed: 4, total: 10 };
            Request::NoteInterrupted { job: job(n), progress, why: Interruption::Unplugged, line: None }
        };
        let begin = |n| Request::StartJob { job: job(n), printer: a.clone() };
        grant(&mut lab, &begin(0));
        grant(&mut lab, &interrupt(0));
        let (file, height) = (FileHash::from_digest([100; 32]), Height::from_mm(4.2).unwrap());
        let made =
            Request::MakeResumeFile { job: job(0), file: file.clone(), layer: 21, height, by: "kim".into() };
        grant(&mut lab, &made);
        grant(&mut lab, &queue_file(5, file));
        let held = |lab: &Lab, n| cannot_go_on(lab, &lab.jobs[&job(n)], &all);
        assert_eq!((held(&lab, 5), held(&lab, 1)), (None, None), "its part is there, and job 1 needs none");
        grant(&mut lab, &Request::ClearBed { printer: a.clone(), by: "kim".into() });
        let gone = Refusal::PartGone { printer: a.clone(), job: job(0) };
        assert_eq!(held(&lab, 5), Some(gone));
        grant(&mut lab, &begin(1));
        assert!(held(&lab, 5).is_some(), "another one is on the bed");
    }

    fn wants(order: u64) -> schedule::Job {
        schedule::Job {
            kind: schedule::Kind::Fdm,
            order,
            priority: schedule::Priority::Routine,
            due: None,
            duration: Some(HOUR),
            held: None,
            pinned: None,
            prepared: None,
            attended: false,
            release: None,
            needs: Needs {
                extents: None,
                nozzle: None,
                material: None,
                amount: None,
                process: None,
                purpose: Use(0),
                model: None,
            },
            barred: Vec::new(),
        }
    }

    fn has() -> schedule::Printer {
        schedule::Printer {
            kind: schedule::Kind::Fdm,
            model: Model(0),
            state: State::Idle,
            bed: schedule::Bed::ClearsItself,
            volume: [u32::MAX; 3],
            nozzle: None,
            loads: Vec::new(),
            tracks_material: false,
            validated: Validated::NotAsked,
            qualification: Qualification::NotAsked,
            calibration: Calibration::NotAsked,
            windows: Vec::new(),
            unattended: true,
            power: None,
        }
    }

    /// A plan of jobs 0, 1, … on printers a, b, …; it is 0 o'clock, and what begins within an hour is firm.
    fn drawn_of(jobs: Vec<schedule::Job>, printers: Vec<schedule::Printer>, before: Vec<Before>) -> Drawn {
        let site = Site {
            attended: Vec::new(),
            circuits: Vec::new(),
            handling: 0,
            firm: HOUR,
            stay: STAY,
            guess: HOUR,
        };
        let ids: Vec<JobId> = (0u8..).zip(&jobs).map(|(n, _)| job(n)).collect();
        let names = ["a", "b", "c", "d"].into_iter().zip(&printers);
        let printer_names = names.map(|(name, _)| name.parse().unwrap()).collect();
        let problem = Problem { now: Seconds(0), jobs, printers, site, before };
        Drawn {
            at: WallTime(0),
            seq: 0,
            plan: schedule::plan(&problem),
            problem,
            places: ids.iter().cloned().enumerate().map(|(at, id)| (id, at)).collect(),
            jobs: ids,
            wishes: BTreeMap::new(),
            printers: printer_names,
            materials: Words::default(),
            lots: Lots::default(),
            processes: Words::default(),
            circuits: Words::default(),
            models: Words::default(),
            against: Vec::new(),
            codes: BTreeMap::new(),
        }
    }

    fn busy_until(until: i64) -> schedule::Printer {
        let state = State::Busy { until: Seconds(until), job: None, heats_until: Seconds(0) };
        schedule::Printer { state, ..has() }
    }

    #[test]
    fn a_firm_job_leaves_for_a_printer_that_stands_idle_now_and_one_for_each_such_printer() {
        let firm = |job, start| Before::new(JobAt(job), PrinterAt(0), Seconds(start));
        let jobs = || vec![wants(0), schedule::Job { duration: Some(600), ..wants(1) }];
        let drawn = drawn_of(jobs(), vec![busy_until(1_200), has()], vec![firm(0, 1_200)]);
        assert_eq!(drawn.could_begin_elsewhere(), [], "the other one has work: the second begins there");

        let mut pinned = wants(1);
        (pinned.pinned, pinned.release) = (Some(PrinterAt(1)), Some(Seconds(3 * HOUR)));
        let drawn = drawn_of(vec![wants(0), pinned], vec![busy_until(1_200), has()], vec![firm(0, 1_200)]);
        assert_eq!(drawn.could_begin_elsewhere(), [JobAt(0)], "its work begins in three hours");

        let both = |job| firm(job, 1_200 + i64::try_from(job).unwrap());
        let mut short = jobs();
        short[0].duration = Some(600);
        let drawn = drawn_of(short, vec![busy_until(1_200), has()], vec![both(0), both(1)]);
        assert_eq!(drawn.could_begin_elsewhere().len(), 1, "two are firm, and one printer is idle");
    }

    #[test]
    fn a_firm_job_stays_where_the_idle_printer_could_begin_it_only_much_later() {
        let idle = schedule::Printer { unattended: false, ..has() };
        let mut drawn = drawn_of(vec![wants(0)], vec![busy_until(1_200), idle.clone()], Vec::new());
        drawn.problem.site.attended = vec![Window { from: Seconds(20 * HOUR), to: Seconds(30 * HOUR) }];
        drawn.problem.before = vec![Before::new(JobAt(0), PrinterAt(0), Seconds(1_200))];
        drawn.plan = schedule::plan(&drawn.problem);
        assert!(matches!(drawn.why_not(JobAt(0), PrinterAt(1)), Reason::Elsewhere { .. }));
        assert_eq!(drawn.could_begin_elsewhere(), []);
        drawn.problem.site.attended.insert(0, Window { from: Seconds(-HOUR), to: Seconds(HOUR) });
        drawn.plan = schedule::plan(&drawn.problem);
        assert_eq!(drawn.could_begin_elsewhere(), [JobAt(0)], "somebody is there");
    }

    #[test]
    fn a_case_that_becomes_an_emergency_moves_what_was_planned() {
        let before = drawn_of(vec![wants(0)], vec![has()], Vec::new());
        let with = |change: fn(&mut schedule::Job)| {
            let mut one = wants(0);
            change(&mut one);
            drawn_of(vec![one], vec![has()], Vec::new())
        };
        assert!(!with(|_| {}).is_wanted_otherwise(&before));
        assert!(!with(|job| job.duration = Some(2 * HOUR)).is_wanted_otherwise(&before));
        assert!(with(|job| job.priority = schedule::Priority::Emergency).is_wanted_otherwise(&before));
        let emergency = |job: &mut schedule::Job| job.priority = schedule::Priority::Emergency;
        let held = with(|job| {
            (job.priority, job.held) = (schedule::Priority::Emergency, Some(Hold::CaseOnHold));
        });
        assert!(with(emergency).is_wanted_otherwise(&held), "it is let go on");
        assert!(!with(emergency).is_wanted_otherwise(&with(emergency)));
    }

    #[test]
    fn what_was_promised_is_carried_from_plan_to_plan() {
        let mut before = Before::new(JobAt(0), PrinterAt(0), Seconds(1_200));
        before.promised = Seconds(900);
        let drawn = drawn_of(vec![wants(0)], vec![busy_until(1_500), has()], vec![before]);
        let next = drawn_of(vec![wants(0)], vec![busy_until(1_800), has()], Vec::new());
        assert_eq!(carried(&drawn, &next), [Before { start: Seconds(1_500), ..before }]);
    }

    #[test]
    fn what_nothing_can_take_is_told_as_late_a_day_before_it_has_to_begin() {
        let told = |against: Obstacle, by: i64| {
            let why = Waiting::Nowhere { nearest: PrinterAt(0), against: vec![against] };
            foreseen(&Planned::Waiting { why, slack: None, begin_by: Some(Seconds(by)) }, Seconds(0))
        };
        let missing = Obstacle::NotLoaded { material: Material(0) };
        assert_eq!((told(missing, 23 * HOUR), told(missing, 25 * HOUR)), (Some(-LATE), None));
        assert_eq!(told(Obstacle::NoPerson { until: None }, 900 * HOUR), Some(-LATE));
        assert_eq!((told(Obstacle::Offline, HOUR), told(Obstacle::Locked, HOUR)), (None, None));
        let why = Waiting::Held(Hold::ByPerson);
        let held = |slack| Planned::Waiting { why: why.clone(), slack, begin_by: Some(Seconds(HOUR)) };
        assert_eq!(foreseen(&held(None), Seconds(0)), None);
        assert_eq!(foreseen(&held(Some(-900)), Seconds(0)), Some(-900));
    }

    #[test]
    fn a_file_that_could_not_be_read_is_read_again_later_and_after_the_others() {
        let file = |n: u8| FileHash::from_digest([n; 32]);
        let wanted = || (0u8..3).map(|n| (file(n), job(n))).collect::<BTreeMap<_, _>>();
        let estimate =
            Estimate { seconds: 1, on: BTreeMap::new(), extents: None, nozzle: None, milligrams: None };
        let mut estimates = Estimates::default();
        estimates.failed.insert(file(0), Moment::from_millis(1_000));
        let next = |estimates: &Estimates, ms| estimates.next(wanted(), Moment::from_millis(ms));
        assert_eq!(next(&estimates, 500_000), Some((file(1), job(1))));
        estimates.known.extend([(file(1), estimate.clone()), (file(2), estimate)]);
        assert_eq!(next(&estimates, 2_000), None);
        assert_eq!(next(&estimates, 62_000), Some((file(0), job(0))));
    }

    #[test]
    fn who_is_ready_and_has_not_said_its_firmware_does_not_say_it() {
        let mut live = Snapshot::offline("mk".parse().unwrap(), "unplugged", Moment::ZERO);
        assert_eq!(said(&live), None);
        live.activity = Activity::Ready;
        assert_eq!(said(&live), Some(String::new()));
        live.firmware = Some("Marlin 2.1.2.6".into());
        assert_eq!(said(&live), live.firmware);
    }

    const TEXT: &str = "site = \"st-anna\"\nnode = \"lab-1\"\n\
                        [[printer]]\nname = \"mk\"\nport = \"/dev/null\"\nbaud = 115200\n";

    fn config(more: &str) -> Config {
        Config::parse(&format!("{TEXT}{more}")).unwrap()
    }

    #[test]
    fn a_printer_that_does_not_watch_its_heaters_begins_nothing_alone() {
        let printer = config("").printers.remove(0);
        let mut live = Snapshot::offline(printer.name.clone(), "unplugged", Moment::ZERO);
        assert!(begins_unattended(&printer, Some(&live)) && begins_unattended(&printer, None));
        live.unprotected = true;
        assert!(!begins_unattended(&printer, Some(&live)));
    }

    /// A printer whose masks we show, which homes nothing here.
    const MSLA: &str = "[[printer]]\nname = \"r\"\nport = \"/dev/r\"\nbaud = 115200\nkind = \"msla\"\n\
                        build_height = 150\n[printer.display]\ncolumns = 48\nrows = 32\npoint_x_um = 50\n\
                        point_y_um = 50\nfolder = \"/srv/masks\"\n[printer.light]\nlongest_exposure_s = 60\n\
                        on = \"M106 S{pwm}\"\noff = \"M107\"\n[printer.plate]\nhomes = \"up\"\n\
                        travel_mm_min = 300\nfastest_mm_min = 600\n[printer.peel]\nlift_mm = 6\n\
                        lift_mm_min = 60\nretract_mm_min = 150\n[printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n\
                        [printer.resin]\nchecklist = [\"plate\"]\n";

    #[test]
    fn a_resin_file_takes_as_long_as_its_layers_on_each_printer_that_takes_it() {
        use ::resin::file::Mask;
        use ::resin::sample::Settings;
        use std::io::{Seek, Write};

        let slow =
            MSLA.replace("name = \"r\"", "name = \"s\"").replace("lift_mm_min = 60", "lift_mm_min = 30");
        let slow = slow.replace("/dev/r", "/dev/s");
        let printers = config(&format!("{MSLA}{slow}")).printers;
        let masks = vec![Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0]); 10];
        let bytes = Settings::default().sl1(&masks);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let going = tokio_util::sync::CancellationToken::new();
        let read = super::super::resinfiles::read_through(file, bytes.len() as u64, &going);
        let estimate = Estimate::of(&Reading::Resin(Arc::new(read.unwrap().unwrap())), &printers).unwrap();
        let on = |name: &str| estimate.seconds_on(Some(&name.parse().unwrap()));
        // 110 s of light; a layer lifts for 6 or for 12 s and comes back in 2.4 s.
        assert_eq!((on("r"), on("s")), (110 + 84, 110 + 144));
        assert_eq!(
            (estimate.seconds_on(None), on("mk")),
            (on("s"), on("s")),
            "the slowest where nobody knows"
        );
    }

    #[test]
    fn how_long_an_encrypted_file_takes_is_what_a_person_has_said_or_not_known() {
        use crate::domain::resin::need::{Need, Opaque};
        use crate::domain::units::Microlitres;

        let printers = config(MSLA).printers;
        let bytes = ::resin::sample::encrypted(9_000);
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let going = tokio_util::sync::CancellationToken::new();
        let read = super::super::resinfiles::read_through(file, 9_000, &going).unwrap().unwrap();
        assert_eq!(Estimate::of(&Reading::Resin(Arc::new(read)), &printers), None);
        let mut lab = lab_with_jobs(3);
        let said = |minutes| Opaque::Said { by: "kim".into(), minutes };
        for (n, opaque) in [(0, said(Some(90))), (1, said(None)), (2, Opaque::Unsaid)] {
            lab.resin.needs.insert(job(n), Need::opaque(opaque, Microlitres(0)));
        }
        let takes = |n| said_seconds(&lab, &lab.jobs[&job(n)]);
        assert_eq!([takes(0), takes(1), takes(2)], [Some(5_400), None, None]);
    }

    #[test]
    fn who_looks_at_a_resin_printer_before_each_start_is_planned_for_as_for_a_part_on_the_bed() {
        use crate::domain::resin::outfit::Item;

        let printer = config(MSLA).printers.remove(1);
        let mut lab = Lab::default();
        let now = WallTime(1_000);
        assert!(!is_to_be_seen_to(&lab, &printer.name, now), "it is none that anything is known of");
        let mut station = resin::Station::new(printer.name.clone());
        station.outfit = printer.resin.as_ref().map(|resin| resin.outfit());
        lab.resin.stations.insert(printer.name.clone(), station);
        assert!(is_to_be_seen_to(&lab, &printer.name, now));
        let done = resin::Checklist { items: [Item::Plate].into(), by: "kim".into(), at: now };
        lab.resin.stations.get_mut(&printer.name).unwrap().checklist = Some(done);
        assert!(!is_to_be_seen_to(&lab, &printer.name, now));
        let tomorrow = WallTime(now.0 + resin::CHECKLIST_HOLDS_MS + 1);
        assert!(is_to_be_seen_to(&lab, &printer.name, tomorrow));
        lab.resin.stations.get_mut(&printer.name).unwrap().debris = Some(job(1));
        assert!(is_to_be_seen_to(&lab, &printer.name, now));
    }

    #[test]
    fn the_third_job_on_a_vat_for_two_waits_and_says_so() {
        use crate::domain::resin::need::{Need, Refill};
        use crate::domain::resin::vat::{Contents, Vat};
        use crate::domain::units::Microlitres;

        let printer = config(MSLA).printers.remove(1);
        let mut lab = lab_with_jobs(3);
        let mut station = resin::Station::new(printer.name.clone());
        station.outfit = printer.resin.as_ref().map(|resin| resin.outfit());
        let ml = |ml: u64| Microlitres(ml * 1_000);
        // What has to stay in it is not given.
        let lot = LotId::from_entropy([2; 16]);
        let contents = Contents::new("Clear", &lot, ml(320), WallTime(1), "kim");
        station.vat = Vat::Filled { contents };
        lab.resin.stations.insert(printer.name.clone(), station);
        for n in 0..3 {
            lab.resin.needs.insert(job(n), Need { layers: 10, resin: ml(150), ..Need::default() });
        }
        let draw = |lab: &Lab| {
            let mut drawn = drawn_of(Vec::new(), Vec::new(), Vec::new());
            let (station, outfit) = lab.resin.station(&printer.name).unwrap();
            let load = load_of_vat(station, outfit, &mut drawn).unwrap();
            let of = |n: u8| {
                let mut one = schedule::Job { kind: schedule::Kind::Resin, ..wants(u64::from(n)) };
                (one.needs.material, one.needs.amount) =
                    (Some(load.material), of_vat(lab, &lab.jobs[&job(n)]));
                one
            };
            let kind = schedule::Kind::Resin;
            let printer = schedule::Printer { kind, loads: vec![load], tracks_material: true, ..has() };
            drawn_of((0..3).map(of).collect(), vec![printer], Vec::new())
        };
        let waits = |drawn: &Drawn| -> Vec<bool> {
            drawn.plan.jobs.iter().map(|one| matches!(one, Planned::Waiting { .. })).collect()
        };
        assert_eq!(waits(&draw(&lab)), [false, false, true]);
        // One that is refilled on its way takes from this vat what it needs until then.
        let refills = vec![Refill { before_layer: 7, used: ml(100) }];
        for n in 0..3 {
            lab.resin.needs.get_mut(&job(n)).unwrap().refills = refills.clone();
        }
        assert_eq!(waits(&draw(&lab)), [false; 3]);
        // Of what runs there, what is counted is no more to be taken.
        let need = &lab.resin.needs[&job(0)];
        assert_eq!([0, 40, 100, 150].map(|used| need.until_refill(ml(used))), [100, 60, 50, 0].map(ml));
    }

    #[test]
    fn people_are_planned_to_be_there_for_a_year() {
        let schedule = config("[schedule]\nattended = [\"mon-fri 07:00-18:00\"]\n").schedule;
        let windows = attended(&schedule, &Zone::fixed(60), WallTime(1_000 * 86_400_000));
        let last = windows.last().unwrap().to.0;
        assert!(last > (1_000 + 360) * 86_400 && windows.is_sorted(), "{last}");
        assert_eq!(attended(&Schedule::default(), &Zone::utc(), WallTime(0)), []);
    }

    #[test]
    fn what_is_needed_on_a_day_is_due_at_the_same_hour_of_the_clock_in_summer_and_in_winter() {
        let (schedule, berlin) = (Schedule::default(), "Europe/Berlin".parse().unwrap());
        // Ready at 07:00; post-processing and inspection take six hours, and a guide's sterilising a day.
        for (day, of, due) in [
            ("2026-10-24", IntendedUse::Diagnostic, "2026-10-23T23:00:00.000Z"),
            ("2026-10-25", IntendedUse::Diagnostic, "2026-10-25T00:00:00.000Z"),
            ("2027-03-27", IntendedUse::Diagnostic, "2027-03-27T00:00:00.000Z"),
            ("2027-03-28", IntendedUse::Diagnostic, "2027-03-27T23:00:00.000Z"),
            ("2027-03-28", IntendedUse::Guide, "2027-03-26T23:00:00.000Z"),
        ] {
            let told = due_for(day.parse().unwrap(), Some(of), &schedule, &berlin);
            assert_eq!(wall(told).to_string(), due, "{day}");
        }
    }

    #[test]
    fn a_shift_begins_and_ends_by_the_clock_before_and_after_summer_time() {
        let shifts =
            "[schedule]\nattended = [\"sat-mon 08:00-16:00\", \"sun 00:00-06:00\", \"sun 02:00-02:45\"]\n";
        let site = Config::parse(&format!("zone = \"Europe/Berlin\"\n{TEXT}{shifts}")).unwrap();
        let of = |now: &str, days: std::ops::Range<usize>| -> Vec<String> {
            let windows = attended(&site.schedule, &site.zone, now.parse().unwrap());
            let minute = |at| wall(at).to_string().get(5..16).unwrap().to_owned();
            let told =
                windows.into_iter().map(|Window { from, to }| format!("{} {}", minute(from), minute(to)));
            told.skip(days.start).take(days.len()).collect()
        };
        // The second of the night's shifts is the first of the two hours that are shown alike.
        let back = [
            "10-24T06:00 10-24T14:00",
            "10-24T22:00 10-25T05:00",
            "10-25T00:00 10-25T00:45",
            "10-25T07:00 10-25T15:00",
            "10-26T07:00 10-26T15:00",
        ];
        assert_eq!(of("2026-10-25T12:00:00Z", 0..5), back);
        // It lies in the hour that is left out, and the first is an hour shorter.
        let forward = [
            "03-27T07:00 03-27T15:00",
            "03-27T23:00 03-28T04:00",
            "03-28T06:00 03-28T14:00",
            "03-29T06:00 03-29T14:00",
        ];
        assert_eq!(of("2027-03-28T12:00:00Z", 0..4), forward);
    }
}
