//! What the shared queue is to become: asks the planner what is known of jobs, printers and the site, and keeps its answer.
//!
//! ```text
//! lab, configuration, live board, gate ─picture─▶ schedule::Problem ─plan─▶ Drawn: who prints what when, and why
//!                                                                            ├─▶ the dispatcher begins what is due
//!                                                                            └─▶ people see it, and are told what is late
//! ```
//! The plan proposes, and the lab's `judge` and the gate dispose: nothing begins because it is planned alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

use super::board::Board;
use super::dispatch::has_removed_its_part;
use super::gate::{Gate, last_told};
use super::recorder::Recorder;
use crate::config::{self, BedClearing, Config, Schedule};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::event::Actor;
use crate::domain::finding::refused;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{Job, JobState};
use crate::domain::lab::{Lab, Request};
use crate::domain::moment::{Stamp, WallTime};
use crate::domain::printer::{Activity, Bed};
use crate::domain::quality::case::Priority;
use crate::domain::quality::lot::{Lot, Unusable};
use crate::domain::quality::qualification::QualificationState;
use crate::domain::quality::start;
use crate::domain::queue;
use crate::domain::queue::wish::Wish;
use crate::domain::units::Height;
use crate::gcode::analysis::Analysis;
use crate::io::clock::Clock;
use crate::io::offload::offload;
use crate::schedule::{
    self, Allowances, Amount, Before, Calibration, Circuit, Hold, JobAt, Load, Material, Model, Names, Needs,
    Plan, Planned, PrinterAt, Problem, Process, Qualification, Reason, Seconds, Site, State, Usable, Use,
    Validated, Window,
};

/// Shifts of people are laid out so many days ahead.
const HORIZON_DAYS: u16 = 35;
/// A job leaves the printer on which people expect it only for so many seconds.
const STAY: i64 = 5 * 60;
/// Above so many pairs planning is done on a thread of its own.
const INLINE_PAIRS: usize = 20_000;
/// People are told of a print that will be late by so many seconds, and again when it has so many to spare.
const LATE: i64 = 10 * 60;
const IN_TIME: i64 = 30 * 60;
/// Of so many at a time: printers wait meanwhile.
const TOLD_AT_ONCE: usize = 20;
/// Whoever has changed something waits so long for the plan that knows it.
const PLANNED_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What reading a file tells the planner.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Estimate {
    seconds: i64,
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

impl Estimate {
    fn of(analysis: &Analysis) -> Self {
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
    lots: Words,
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
        wall(moment).to_string()
    }
}

impl Drawn {
    pub fn place(&self, job: &JobId) -> Option<JobAt> {
        self.places.get(job).copied().map(JobAt)
    }

    /// Somebody wants something else of a job than when the other one was drawn, or an emergency has come.
    fn is_wanted_otherwise(&self, before: &Self) -> bool {
        let each = self.jobs.iter().zip(&self.problem.jobs);
        each.into_iter().any(|(job, wants)| match before.places.contains_key(job) {
            true => self.wishes.get(job) != before.wishes.get(job),
            false => wants.priority == schedule::Priority::Emergency,
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

    /// Jobs that stay where they were planned, and could begin at once on a printer that has nothing to do.
    fn could_begin_elsewhere(&self) -> Vec<JobAt> {
        let soon = self.problem.now.0.saturating_add(60);
        let has_work = |at: usize| {
            self.plan
                .jobs
                .iter()
                .any(|planned| matches!(planned, Planned::Assigned { printer, .. } if printer.0 == at))
        };
        let away = |printer: &schedule::Printer| {
            printer
                .windows
                .iter()
                .any(|window| window.from <= self.problem.now && self.problem.now < window.to)
        };
        let printers = self.problem.printers.iter().enumerate();
        let idle: Vec<usize> = printers
            .filter(|(_, printer)| printer.state == State::Idle && printer.bed != schedule::Bed::Occupied)
            .filter(|(at, printer)| !away(printer) && !has_work(*at))
            .map(|(at, _)| at)
            .collect();
        let stays = self.problem.before.iter().map(|before| before.job);
        let later = stays.filter(|job| {
            let later =
                |planned: &Planned| matches!(planned, Planned::Assigned { start, .. } if start.0 > soon);
            self.plan.jobs.get(job.0).is_some_and(later)
        });
        let fits = |job: &JobAt| {
            let elsewhere =
                |at: &usize| matches!(self.why_not(*job, PrinterAt(*at)), Reason::Elsewhere { .. });
            idle.iter().any(elsewhere)
        };
        if idle.is_empty() { Vec::new() } else { later.filter(fits).collect() }
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
                    if *printer != at && start.0 <= self.problem.now.0.saturating_add(60) =>
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

fn use_number(of: IntendedUse) -> Use {
    Use(match of {
        IntendedUse::Diagnostic => 0,
        IntendedUse::Guide => 1,
        IntendedUse::Education => 2,
    })
}

#[derive(Debug, Default)]
struct Estimates {
    known: BTreeMap<FileHash, Option<Estimate>>,
    reading: bool,
}

#[derive(Debug)]
struct Inner {
    recorder: Recorder,
    gate: Gate,
    board: Board,
    printers: Vec<config::Printer>,
    schedule: Schedule,
    /// How far the site's clock is ahead of UTC.
    offset_minutes: i16,
    attended_uses: Vec<IntendedUse>,
    clock: Clock,
    estimates: Mutex<Estimates>,
    drawn: watch::Sender<Option<Arc<Drawn>>>,
    /// A file was read.
    news: tokio::sync::Notify,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Planner(Arc<Inner>);

impl Planner {
    pub fn new(config: &Config, recorder: Recorder, gate: Gate, board: Board, clock: Clock) -> Self {
        let (printers, schedule) = (config.printers.clone(), config.schedule.clone());
        let (offset_minutes, attended_uses) = (config.counting.offset_minutes, config.attended_uses.clone());
        let (estimates, drawn, news) =
            (Mutex::default(), watch::Sender::new(None), tokio::sync::Notify::new());
        Self(Arc::new(Inner {
            recorder,
            gate,
            board,
            printers,
            schedule,
            offset_minutes,
            attended_uses,
            clock,
            estimates,
            drawn,
            news,
        }))
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
            drawn.problem.before.retain(|before| !idle.contains(&before.job));
            drawn.plan = schedule::plan(&drawn.problem);
        }
        drawn
    }

    /// What each printer's board says of its firmware, or said last.
    fn told(&self, lab: &Lab) -> Vec<Option<String>> {
        let each = self.0.printers.iter().map(|printer| {
            let live = self.0.board.get(&printer.name).and_then(|live| live.borrow().firmware.clone());
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
            lots: Words::default(),
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
            attended: self.attended(now),
            circuits,
            handling: whole(schedule.handling),
            firm: whole(schedule.firm),
            stay: STAY,
            guess: whole(schedule.unknown).max(1),
        }
    }

    /// When people are there, from yesterday on; nothing where that is always.
    fn attended(&self, now: WallTime) -> Vec<Window> {
        let Inner { schedule, offset_minutes, .. } = &*self.0;
        let Some(today) = Day::at(now, *offset_minutes).filter(|_| !schedule.attended.is_empty()) else {
            return Vec::new();
        };
        let first = today.before(1).unwrap_or(today);
        let mut windows = Vec::new();
        for day in (0..HORIZON_DAYS).map(|days| first.after(days)) {
            for shift in schedule.attended.iter().filter(|shift| shift.days[day.weekday()]) {
                let at = |minute: u16| Seconds(self.midnight(day) + i64::from(minute) * 60);
                windows.push(Window { from: at(shift.from), to: at(shift.until) });
            }
        }
        windows.sort();
        windows
    }

    /// When a day begins at the site, in seconds since the epoch.
    fn midnight(&self, day: Day) -> i64 {
        seconds(day.begins()).0 - i64::from(self.0.offset_minutes) * 60
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
        let live = self.0.board.get(name).map(|live| live.borrow().activity.clone());
        let state = match live {
            _ if record.latch.is_some() || record.quarantine.is_some() => State::Locked,
            None | Some(Activity::Offline { .. } | Activity::Connecting) => State::Offline,
            Some(Activity::Stopped | Activity::Faulted { .. } | Activity::Quarantined { .. }) => {
                State::Locked
            }
            Some(Activity::Ready) => State::Idle,
            Some(_) => State::Idle,
        };
        let state = match lab.running_on(name) {
            Some(job) => self.busy(printer, job, now, drawn),
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
            (BedClearing::Person, Bed::Clear) => schedule::Bed::Clear,
            (BedClearing::Person, Bed::Occupied { .. }) => schedule::Bed::Occupied,
        };
        let span = |of: Option<(i16, i16)>| {
            of.map_or(u32::MAX, |(low, high)| u32::from(high.abs_diff(low)).saturating_mul(1_000))
        };
        let build = &printer.build;
        let loads = lab.quality.loaded_on(name).filter_map(|load| lab.quality.lots.get(&load.lot));
        let loads = loads.map(|lot| load_of(lot, today, drawn)).collect();
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
            tracks_material: rules.lots,
            validated,
            qualification,
            calibration,
            windows: windows
                .map(|window| Window { from: seconds(window.from), to: seconds(window.until) })
                .collect(),
            unattended: printer.unattended,
            power,
        }
    }

    /// What it prints, and until when: by the length of its file and how far it has come.
    fn busy(&self, printer: &config::Printer, job: &Job, now: &Stamp, drawn: &Drawn) -> State {
        let guess = drawn.problem.site.guess;
        let length = self.estimate(&job.file).map_or(guess, |estimate| estimate.seconds);
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
        schedule::Job {
            kind: schedule::Kind::Fdm,
            order: order.saturating_mul(1_024).saturating_add(job.order % 1_024),
            priority: match priority {
                Priority::Routine => schedule::Priority::Routine,
                Priority::Urgent => schedule::Priority::Urgent,
                Priority::Emergency => schedule::Priority::Emergency,
            },
            due: self.due(lab, job, case_use).or_else(at_once),
            duration: estimate.map(|estimate| estimate.seconds),
            held,
            pinned,
            prepared,
            attended,
            release: None,
            needs: Needs {
                extents: estimate.and_then(|estimate| estimate.extents),
                nozzle: estimate.and_then(|estimate| estimate.nozzle).filter(|_| nozzles),
                material,
                amount: estimate.and_then(|estimate| estimate.milligrams).map(Amount),
                process: process.filter(|_| lab.quality.rules.approval_before_printing),
                purpose: use_number(case_use.unwrap_or(IntendedUse::Diagnostic)),
                model: None,
            },
            barred: Vec::new(),
        }
    }

    /// When the print has to have ended: as somebody said, or in time for the day on which the case is needed.
    pub fn due(&self, lab: &Lab, job: &Job, of: Option<IntendedUse>) -> Option<Seconds> {
        if let Some(due) = lab.queue.wish(&job.id).and_then(|wish| wish.due) {
            return Some(seconds(due));
        }
        let schedule = &self.0.schedule;
        let day = lab.quality.cases.get(&job.case)?.about.as_ref()?.needed_by?;
        let needed = Seconds(self.midnight(day) + i64::from(schedule.ready_at) * 60);
        let whole = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(0);
        let sterilised = of == Some(IntendedUse::Guide);
        let allow = Allowances {
            post_processing: whole(schedule.post_processing),
            inspection: whole(schedule.inspection),
            sterilising: if sterilised { whole(schedule.sterilising) } else { 0 },
            transport: 0,
        };
        Some(schedule::due(needed, allow))
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
            place.barred.clone_from(barred);
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
            return *known;
        }
        let estimate = Estimate::of(&self.0.gate.read_already(file)?.analysis);
        estimates.known.insert(file.clone(), Some(estimate));
        Some(estimate)
    }

    /// Reads one file of which nobody knows how long it prints; the others wait for their turn.
    fn read_on(&self) {
        let wanted: BTreeMap<FileHash, JobId> = self.0.recorder.read(|lab| {
            let planned = lab.jobs.values().filter(|job| is_planned(job));
            planned.map(|job| (job.file.clone(), job.id.clone())).collect()
        });
        let mut estimates = self.estimates();
        estimates.known.retain(|file, _| wanted.contains_key(file));
        if estimates.reading {
            return;
        }
        let Some((file, id)) = wanted.into_iter().find(|(file, _)| !estimates.known.contains_key(file))
        else {
            return;
        };
        let Some(job) = self.0.recorder.read(|lab| lab.jobs.get(&id).cloned()) else { return };
        let Some(printer) = self.0.printers.first().map(|printer| printer.name.clone()) else { return };
        estimates.reading = true;
        drop(estimates);
        let planner = self.clone();
        tokio::spawn(async move {
            let asked = planner.0.gate.asked_of(&job, job.pinned.as_ref().unwrap_or(&printer), None);
            let read = planner.0.gate.reading(&asked).await;
            // What cannot be read is told by whoever wants to print it.
            let estimate = read.ok().map(|reading| Estimate::of(&reading.analysis));
            let mut estimates = planner.estimates();
            estimates.known.insert(file, estimate);
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
            let (Some(slack), Some((due, late))) = (planned.slack(), known(job)) else { continue };
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
        Some(Before { job, printer, start: old.start })
    })
    .collect()
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
        lot: Some(schedule::Lot(drawn.lots.number(lot.about.supplier_lot.as_str()))),
        usable,
        left: Some(Amount(lot.left_mg)),
    }
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
