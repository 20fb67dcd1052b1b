//! Scheduling as a pure function: jobs, printers, loads, calendars and now go in; who prints what when, and why, comes out.
//!
//! Nothing is remembered and nothing is asked: the caller plans anew whenever something changed, and hands in what was
//! planned before so that people find their printers where they left them. What is late is late in the plan first.

mod fit;
mod line;
mod order;
mod power;
mod problem;
mod stock;
mod words;

#[cfg(test)]
mod tests;

pub use fit::{Axis, Obstacle};
pub use problem::{
    Allowances, Amount, Bed, Before, Calibration, Circuit, Hold, Job, JobAt, Kind, Load, Lot, Material,
    Model, Needs, Power, Printer, PrinterAt, Priority, Problem, Process, Qualification, Seconds, Site, State,
    Usable, Use, Validated, Window, due,
};
pub use words::Names;

use std::collections::BTreeMap;

use line::{Ask, Hours, Line};
use order::{Layout, Shop, Task};
use power::Draw;
use stock::{Shelves, Short, Stock, Takes};

/// What is to become of a job. Slack is the seconds between its end and when it is due; negative is late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    Running {
        printer: PrinterAt,
        end: Seconds,
        slack: Option<i64>,
    },
    Assigned {
        printer: PrinterAt,
        start: Seconds,
        end: Seconds,
        slack: Option<i64>,
        /// Its length is the site's guess.
        guessed: bool,
    },
    Waiting {
        why: Waiting,
        /// Only where it would be late even if it could begin at once: nobody knows when it will.
        slack: Option<i64>,
        /// To be in time it has to begin then.
        begin_by: Option<Seconds>,
    },
}

impl Planned {
    pub fn slack(&self) -> Option<i64> {
        match self {
            Self::Running { slack, .. } | Self::Assigned { slack, .. } | Self::Waiting { slack, .. } => {
                *slack
            }
        }
    }

    /// Of what waits and is due: until when something has to change, in one sentence.
    pub fn late_unless(&self, names: &dyn Names) -> Option<String> {
        match self {
            Self::Waiting { slack: Some(_), .. } => Some("It is late already.".into()),
            Self::Waiting { begin_by: Some(by), .. } => {
                Some(format!("It is late unless it begins by {}.", names.moment(*by)))
            }
            _ => None,
        }
    }
}

/// Why a job is planned nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    Held(Hold),
    NoPrinters,
    /// No printer can take it; the one with the least against it, and what that is.
    Nowhere {
        nearest: PrinterAt,
        against: Vec<Obstacle>,
    },
}

/// What is to be said about one job and one printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the one.
    Chosen {
        start: Seconds,
    },
    Running {
        until: Seconds,
    },
    /// Another one prints it already.
    RunsOn(PrinterAt),
    /// It cannot: all that speaks against it.
    Against(Vec<Obstacle>),
    /// It could, and another one was chosen; what delays it here.
    Elsewhere {
        there: PrinterAt,
        ends_there: Seconds,
        ends_here: Seconds,
        delays: Vec<Obstacle>,
    },
    /// The problem has no such job or no such printer.
    Unknown,
}

/// One for each job of the problem, in its order.
#[derive(Clone, Debug)]
pub struct Plan {
    pub jobs: Vec<Planned>,
    /// The starts that were first promised, for each job; of use where it is assigned.
    promised: Vec<Seconds>,
    hours: Hours,
    lines: Vec<Line>,
    draws: Vec<Draw>,
    circuits: Vec<Option<usize>>,
    shelves: Shelves,
    stock: Stock,
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.jobs == other.jobs
    }
}

impl Plan {
    /// Jobs that come or came too late, or would if they could begin now, by how many seconds; the latest first.
    pub fn late(&self) -> Vec<(JobAt, i64)> {
        let by = |planned: &Planned| planned.slack().filter(|slack| *slack < 0).map(i64::saturating_neg);
        let mut late: Vec<_> =
            self.jobs.iter().enumerate().filter_map(|(at, job)| Some((JobAt(at), by(job)?))).collect();
        late.sort_by_key(|(at, by)| (std::cmp::Reverse(*by), *at));
        late
    }

    /// What was planned, as the next problem wants it; the caller maps the places if they have changed.
    pub fn before(&self) -> Vec<Before> {
        let each = self.jobs.iter().zip(&self.promised).enumerate();
        each.filter_map(|(at, (job, promised))| match job {
            Planned::Assigned { printer, start, .. } => {
                Some(Before { promised: *promised, ..Before::new(JobAt(at), *printer, *start) })
            }
            Planned::Running { .. } | Planned::Waiting { .. } => None,
        })
        .collect()
    }

    /// Why a job is, or is not, planned on a printer; `problem` is the one of which this plan was made.
    pub fn why_not(&self, problem: &Problem, job: JobAt, printer: PrinterAt) -> Reason {
        let (Some(planned), Some(wants), Some(has), Some(line)) = (
            self.jobs.get(job.0),
            problem.jobs.get(job.0),
            problem.printers.get(printer.0),
            self.lines.get(printer.0),
        ) else {
            return Reason::Unknown;
        };
        let (there, ends_there) = match planned {
            Planned::Running { printer: there, end, .. } if *there == printer => {
                return Reason::Running { until: *end };
            }
            Planned::Running { printer: there, .. } => return Reason::RunsOn(*there),
            Planned::Assigned { printer: there, start, .. } if *there == printer => {
                return Reason::Chosen { start: *start };
            }
            Planned::Assigned { printer: there, end, .. } => (Some(*there), *end),
            Planned::Waiting { .. } => (None, problem.now),
        };
        let mut against = Vec::new();
        let bound = bound_to(problem, wants);
        lasting(problem, (wants, bound), (printer, has), |obstacle| against.push(obstacle));
        against.extend(self.used_up(problem, wants, printer));
        if !against.is_empty() {
            return Reason::Against(against);
        }
        let ask = ask(problem, wants);
        let draw =
            self.circuits.get(printer.0).copied().flatten().and_then(|circuit| self.draws.get(circuit));
        let start = line.earliest(&self.hours, draw, ask, i64::MAX);
        against = self.delays(problem, ask, has, line, start);
        match (start, there) {
            (Some(start), Some(there)) => {
                let ends_here = Seconds(start + ask.duration);
                Reason::Elsewhere { there, ends_there, ends_here, delays: against }
            }
            _ => Reason::Against(against),
        }
    }

    /// What jobs before it leave too little of, where there would be enough for it alone.
    fn used_up(&self, problem: &Problem, wants: &Job, printer: PrinterAt) -> Option<Obstacle> {
        let short = self.shelves.short(&self.stock, printer.0, Takes::of(&wants.needs))?;
        let Short { material, needs, left, planned } = short;
        let is_vat = problem.printers.get(printer.0).is_some_and(Printer::has_vat);
        Some(if is_vat {
            Obstacle::VatUsedUp { material, needs, left, planned }
        } else {
            Obstacle::UsedUp { material, needs, left, planned }
        })
    }

    /// What keeps a print from beginning at once on a printer that suits it; at least one where it never can.
    fn delays(
        &self,
        problem: &Problem,
        ask: Ask,
        has: &Printer,
        line: &Line,
        start: Option<i64>,
    ) -> Vec<Obstacle> {
        let mut delays = Vec::new();
        let now = problem.now.bounded();
        let empty = Line::new(has, now, &self.hours);
        let until = match has.state {
            State::Busy { until, .. } => until.bounded().max(now),
            State::Idle | State::Offline | State::Locked => now,
        };
        if until > ask.release {
            delays.push(Obstacle::Busy { until: Seconds(until) });
        }
        let ready = if until > now || has.bed == Bed::Occupied {
            self.hours.cleared(until, has.bed)
        } else {
            Some(now)
        };
        if ready.is_none_or(|ready| ready > until.max(ask.release)) {
            delays.push(Obstacle::Bed { until: ready.map(Seconds) });
        }
        // Alone, then among others, then with their draw: each step may come later.
        let from = ready.unwrap_or(now).max(ask.release);
        let alone = empty.earliest(&self.hours, None, ask, i64::MAX);
        let attended = ask.attended || !has.unattended;
        let windows = line::apart(&has.windows);
        let blocked = |window: &&(i64, i64)| {
            window.1 > from && window.0 < from + ask.duration && start.is_none_or(|start| window.1 <= start)
        };
        if let Some(window) = windows.iter().rfind(blocked) {
            delays.push(Obstacle::Maintenance { until: Seconds(window.1) });
        }
        let person = self.hours.person(from);
        if attended && person != Some(from) {
            delays.push(Obstacle::NoPerson { until: person.map(Seconds) });
        }
        let queued = line.earliest(&self.hours, None, ask, i64::MAX);
        if let Some(queued) = queued.filter(|queued| Some(*queued) != alone) {
            delays.push(Obstacle::Queue { until: Seconds(queued) });
        }
        if let (Some(start), Some(power)) = (start.filter(|start| Some(*start) != queued), has.power) {
            delays.push(Obstacle::Power { circuit: power.circuit, until: Seconds(start) });
        }
        if start.is_none() {
            // Either its calibration ends first, or no person comes in the hours that are known.
            match has.calibration {
                Calibration::Until(since) => delays.push(Obstacle::CalibrationOverdue { since }),
                Calibration::NotAsked | Calibration::Unknown if delays.is_empty() => {
                    delays.push(Obstacle::NoPerson { until: None });
                }
                Calibration::NotAsked | Calibration::Unknown => {}
            }
        }
        delays
    }
}

/// All that speaks against a pair for as long as nobody changes something; `bound` is where the job may not leave.
fn lasting(
    problem: &Problem,
    (job, bound): (&Job, Option<PrinterAt>),
    (at, printer): (PrinterAt, &Printer),
    mut note: impl FnMut(Obstacle),
) {
    if let Some(hold) = job.held {
        note(Obstacle::Held(hold));
    }
    match bound {
        Some(other) if other != at && job.pinned == Some(other) => note(Obstacle::PinnedTo(other)),
        Some(other) if other != at => note(Obstacle::PreparedOn(other)),
        _ => {}
    }
    fit::judge(problem.now, &problem.site, (job.kind, &job.needs), printer, |obstacle| {
        note(obstacle);
        true
    });
    for (_, code) in job.barred.iter().filter(|barred| barred.0 == at) {
        note(Obstacle::Barred(*code));
    }
}

fn bound_to(problem: &Problem, job: &Job) -> Option<PrinterAt> {
    fit::bound_to(job, |at| {
        problem.printers.get(at).is_some_and(|printer| fit::suits(problem.now, &problem.site, job, printer))
    })
}

fn ask(problem: &Problem, job: &Job) -> Ask {
    let now = problem.now.bounded();
    let release = job.release.map_or(now, |release| release.bounded().max(now));
    let duration = job.duration.unwrap_or(problem.site.guess).clamp(1, FAR_SPAN);
    Ask { release, duration, attended: job.attended }
}

/// No print takes longer than this: a hundred years, in seconds.
const FAR_SPAN: i64 = 100 * 366 * 86_400;

/// A place is kept for so many seconds after the start that was promised there: who is waited for may never come.
const GRACE: i64 = 5 * 60;
/// A promise is given so many seconds before the start is firm, so that none is firm without one; what is further off is
/// promised anew with each plan.
const PROMISED_AHEAD: i64 = 3_600;

/// The start that was first promised, or one before it, where the job has stayed.
fn promised(before: Option<&Before>, slot: order::Slot, given_until: i64) -> Seconds {
    let is_given = |one: &&Before| {
        one.printer.0 == slot.printer && one.start.bounded() < given_until && slot.start < given_until
    };
    before.filter(is_given).map_or(Seconds(slot.start), |one| one.promised.min(Seconds(slot.start)))
}

/// Plans every job that nothing holds to the printer where it ends first, so that as few as can be come late.
///
/// The same problem gives the same plan, and the order of `jobs` does not matter as long as their `order` differs.
pub fn plan(problem: &Problem) -> Plan {
    let now = problem.now.bounded();
    let hours = Hours::new(&problem.site.attended, problem.site.handling);
    let lines: Vec<Line> = problem.printers.iter().map(|printer| Line::new(printer, now, &hours)).collect();
    let (circuits, draws) = draws(problem, now);
    let running = running(problem);
    let (lists, list_of) = lists(problem, &running);
    let (shelves, stock) = Shelves::new(problem);

    let mut before: BTreeMap<JobAt, &Before> = BTreeMap::new();
    for one in &problem.before {
        before.entry(one.job).or_insert(one);
    }
    let firm_until = now.saturating_add(problem.site.firm.max(0));
    let may_leave = |one: &Before| one.freed || now > one.promised.bounded().saturating_add(GRACE);
    let tasks: Vec<Task> = (0..problem.jobs.len())
        .filter_map(|at| {
            let (job, list) = (&problem.jobs[at], list_of[at]?);
            let may_leave = before.get(&JobAt(at)).is_some_and(|one| may_leave(one));
            let before = before.get(&JobAt(at)).map(|one| (one.printer.0, one.start.bounded()));
            let fits = |printer: &usize| lists[list].contains(printer);
            let prepared = job.prepared.map(|printer| printer.0).filter(fits);
            let is_firm = |before: &(usize, i64)| before.1 < firm_until && !may_leave;
            let planned = before.filter(is_firm).map(|before| before.0).filter(fits);
            Some(Task {
                job: at,
                ask: ask(problem, job),
                takes: Takes::of(&job.needs),
                due: job.due.map_or(i64::MAX, Seconds::bounded),
                priority: job.priority,
                order: job.order,
                list,
                before,
                firm: prepared.or(planned),
                prepared: prepared.is_some(),
                may_leave,
            })
        })
        .collect();
    let empty = Layout::new(lines, draws, stock, tasks.len());
    let uncleared = problem.printers.iter().map(is_uncleared).collect();
    let shop = Shop { now, hours, tasks, lists, circuits, uncleared, shelves, stay: problem.site.stay };
    let layout = shop.plan(&empty);

    let mut slots = vec![None; problem.jobs.len()];
    let mut promises = vec![problem.now; problem.jobs.len()];
    let given_until = firm_until.max(now).saturating_add(PROMISED_AHEAD);
    for (task, slot) in shop.tasks.iter().zip(&layout.slots) {
        slots[task.job] = *slot;
        if let Some(slot) = slot {
            promises[task.job] = promised(before.get(&JobAt(task.job)).copied(), *slot, given_until);
        }
    }
    let Shop { hours, circuits, shelves, .. } = shop;
    let Layout { lines, draws, stock, .. } = layout;
    let mut plan =
        Plan { jobs: Vec::new(), promised: promises, hours, lines, draws, circuits, shelves, stock };
    plan.jobs = (0..problem.jobs.len())
        .map(|at| {
            let job = &problem.jobs[at];
            let slack = |end: i64| job.due.map(|due| due.bounded() - end);
            if let Some((printer, end)) = running[at] {
                return Planned::Running { printer, end: Seconds(end), slack: slack(end) };
            }
            if let Some(slot) = slots[at] {
                return Planned::Assigned {
                    printer: PrinterAt(slot.printer),
                    start: Seconds(slot.start),
                    end: Seconds(slot.end),
                    slack: slack(slot.end),
                    guessed: job.duration.is_none(),
                };
            }
            let ask = ask(problem, job);
            Planned::Waiting {
                why: waiting(problem, &plan, job),
                slack: slack(ask.release + ask.duration).filter(|slack| *slack < 0),
                begin_by: job.due.map(|due| Seconds(due.bounded() - ask.duration)),
            }
        })
        .collect();
    plan
}

/// It prints again once somebody has cleared its bed; nobody knows when that is.
fn is_uncleared(printer: &Printer) -> bool {
    !matches!(printer.state, State::Busy { .. }) && printer.bed == Bed::Occupied
}

/// Which circuit each printer hangs on, and what runs draws of each.
fn draws(problem: &Problem, now: i64) -> (Vec<Option<usize>>, Vec<Draw>) {
    let site = &problem.site.circuits;
    let mut draws: Vec<Draw> = site.iter().map(|(_, watts)| Draw::new(*watts)).collect();
    let mut circuits = Vec::with_capacity(problem.printers.len());
    for printer in &problem.printers {
        let circuit = printer.power.and_then(|power| site.iter().position(|one| one.0 == power.circuit));
        if let (Some(circuit), Some(power), State::Busy { until, heats_until, .. }) =
            (circuit, printer.power, printer.state)
        {
            let until = until.bounded().max(now);
            let hot = heats_until.bounded().clamp(now, until);
            draws[circuit].draw(now, hot, i64::from(power.heating));
            draws[circuit].draw(hot, until, i64::from(power.printing));
        }
        circuits.push(circuit);
    }
    (circuits, draws)
}

/// For each job the printer that prints it already, and until when.
fn running(problem: &Problem) -> Vec<Option<(PrinterAt, i64)>> {
    let mut running = vec![None; problem.jobs.len()];
    for (at, printer) in problem.printers.iter().enumerate() {
        if let State::Busy { until, job: Some(job), .. } = printer.state
            && let Some(running) = running.get_mut(job.0).filter(|running| running.is_none())
        {
            *running = Some((PrinterAt(at), until.bounded().max(problem.now.bounded())));
        }
    }
    running
}

/// The printers that can take each job; jobs that ask the same share a list, and each list is judged once.
fn lists(problem: &Problem, running: &[Option<(PrinterAt, i64)>]) -> (Vec<Vec<usize>>, Vec<Option<usize>>) {
    let mut classes: BTreeMap<(Kind, &Needs), (usize, usize)> = BTreeMap::new();
    let mut fits: Vec<Vec<usize>> = Vec::new();
    let mut class_of = Vec::with_capacity(problem.jobs.len());
    for (at, job) in problem.jobs.iter().enumerate() {
        let plannable = job.held.is_none() && running[at].is_none();
        class_of.push(plannable.then(|| {
            let class = classes.entry((job.kind, &job.needs)).or_insert_with(|| {
                let suits = |printer: &Printer| fit::suits(problem.now, &problem.site, job, printer);
                let each = problem.printers.iter().enumerate();
                fits.push(each.filter(|(_, printer)| suits(printer)).map(|(at, _)| at).collect());
                (fits.len() - 1, 0)
            });
            class.1 += 1;
            class.0
        }));
    }
    // Printers that few jobs can use are tried first, so that those that many could use stay free.
    let mut wanted = vec![0usize; problem.printers.len()];
    for (class, jobs) in classes.values() {
        fits[*class].iter().for_each(|printer| wanted[*printer] += jobs);
    }
    for list in &mut fits {
        list.sort_by_key(|printer| (wanted[*printer], *printer));
    }
    let classes = fits.len();
    let list_of = problem.jobs.iter().zip(class_of).map(|(job, class)| {
        let class = class?;
        debug_assert!(class < classes);
        let bound = fit::bound_to(job, |at| fits[class].contains(&at));
        if bound.is_none() && job.barred.is_empty() {
            return Some(class).filter(|class| !fits[*class].is_empty());
        }
        let own: Vec<usize> = fits[class]
            .iter()
            .copied()
            .filter(|at| bound.is_none_or(|bound| bound.0 == *at))
            .filter(|at| !job.barred.iter().any(|barred| barred.0.0 == *at))
            .collect();
        if own.is_empty() {
            return None;
        }
        fits.push(own);
        Some(fits.len() - 1)
    });
    let list_of = list_of.collect();
    (fits, list_of)
}

/// Why a job that is planned nowhere is not; `plan` has the lines as they are in the end.
fn waiting(problem: &Problem, plan: &Plan, job: &Job) -> Waiting {
    if let Some(hold) = job.held {
        return Waiting::Held(hold);
    }
    let bound = bound_to(problem, job);
    let each = problem.printers.iter().enumerate();
    let nearest = each.min_by_key(|(at, printer)| {
        let mut count = usize::from(plan.used_up(problem, job, PrinterAt(*at)).is_some());
        lasting(problem, (job, bound), (PrinterAt(*at), printer), |_| count += 1);
        // A printer of the other kind is never near, whatever else may be right with it.
        (printer.kind != job.kind, count)
    });
    let Some(((at, printer), line)) = nearest.and_then(|near| Some((near, plan.lines.get(near.0)?))) else {
        return Waiting::NoPrinters;
    };
    let (nearest, mut against) = (PrinterAt(at), Vec::new());
    lasting(problem, (job, bound), (nearest, printer), |obstacle| against.push(obstacle));
    against.extend(plan.used_up(problem, job, nearest));
    if against.is_empty() {
        against = plan.delays(problem, ask(problem, job), printer, line, None);
    }
    Waiting::Nowhere { nearest, against }
}
