//! Which job is placed when: several orders are laid out, the best is bettered by moving what is late, then sorted by due.
//!
//! Laid out means: one job after the other to where it ends first, into gaps where it fits.

use std::cmp::Reverse;

use super::line::{Ask, Hours, Line};
use super::power::Draw;
use super::problem::{FAR, Priority};

/// Pairs of a job and a printer that may be looked at in search of something better; bounds the time of a plan.
const EFFORT: usize = 300_000;
/// Orders tried beyond the first ones, at most.
const TRIALS: usize = 300;

/// A job that can be placed somewhere.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: usize,
    pub(super) ask: Ask,
    /// `i64::MAX` where nothing is due.
    pub(super) due: i64,
    pub(super) priority: Priority,
    pub(super) order: u64,
    /// Which of the lists of printers can take it.
    pub(super) list: usize,
    /// Printer and start of the plan before.
    pub(super) before: Option<(usize, i64)>,
    /// It keeps its place on this printer before all others.
    pub(super) firm: Option<usize>,
    /// That printer is prepared for it: nothing else is printed there before.
    pub(super) prepared: bool,
}

impl Task {
    fn has_no_due(&self) -> bool {
        self.due == i64::MAX
    }

    /// Whether it would be late even alone.
    fn hopeless(&self) -> bool {
        self.ask.release + self.ask.duration > self.due
    }

    fn by_due(&self) -> (i64, Reverse<Priority>, u64) {
        (self.due, Reverse(self.priority), self.order)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) printer: usize,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Less is better, the first that differs decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    emergencies_late: usize,
    /// By how much: an emergency that is late comes before all else all the same.
    emergencies_tardiness: i64,
    /// Urgent ones, routine.
    late: [usize; 2],
    unplaced: usize,
    tardiness: i64,
    ends: i64,
}

impl Score {
    fn has_late(&self) -> bool {
        self.emergencies_late > 0 || self.late != [0; 2]
    }

    fn without_ends(self) -> Self {
        Self { ends: 0, ..self }
    }
}

/// What is planned so far.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) lines: Vec<Line>,
    pub(super) draws: Vec<Draw>,
    /// First free moment of each line, side by side: most printers are passed over by it.
    opens: Vec<i64>,
    /// One for each task.
    pub(super) slots: Vec<Option<Slot>>,
}

impl Layout {
    pub(super) fn new(lines: Vec<Line>, draws: Vec<Draw>, tasks: usize) -> Self {
        let opens = lines.iter().map(Line::open).collect();
        Self { lines, draws, opens, slots: vec![None; tasks] }
    }
}

#[derive(Debug)]
pub(super) struct Shop {
    pub(super) now: i64,
    pub(super) hours: Hours,
    pub(super) tasks: Vec<Task>,
    /// Printers that can take a task, those that the fewest jobs could use first.
    pub(super) lists: Vec<Vec<usize>>,
    /// Which circuit each printer hangs on.
    pub(super) circuits: Vec<Option<usize>>,
    pub(super) stay: i64,
}

/// An order, where each of its tasks must go if that is given, and what came of it.
struct Trial {
    sequence: Vec<usize>,
    score: Score,
    layout: Layout,
}

impl Shop {
    pub(super) fn plan(&self, empty: &Layout) -> Layout {
        let base = self.firm(empty);
        let free: Vec<usize> = (0..self.tasks.len()).filter(|at| base.slots[*at].is_none()).collect();
        let shortest = self.shortest(&free);
        let task = |at: &usize| &self.tasks[*at];
        let mut orders: Vec<Vec<usize>> = Vec::new();
        let mut order = |key: &dyn Fn(&Task) -> (i64, i64, i64)| {
            let mut order = free.clone();
            order.sort_by_cached_key(|at| (task(at).has_no_due(), key(task(at)), task(at).by_due()));
            if !orders.contains(&order) {
                orders.push(order);
            }
        };
        let class = |task: &Task| if task.has_no_due() { 0 } else { -(task.priority as i64) };
        let slack = |task: &Task| if task.has_no_due() { 0 } else { task.due - task.ask.duration };
        let long = |task: &Task| if task.has_no_due() { 0 } else { task.ask.duration };
        order(&|_| (0, 0, 0));
        order(&|task| (task.before.map_or(i64::MAX, |before| before.1), 0, 0));
        order(&|task| (class(task), 0, 0));
        order(&|task| (slack(task), 0, 0));
        order(&|task| (class(task), slack(task), 0));
        order(&|task| (class(task), long(task), 0));
        let mut best: Option<Trial> = None;
        for (at, order) in orders.into_iter().enumerate() {
            let trial = self.lay_late_last(&base, &order, shortest);
            // Where nothing is late both ways are the same.
            let plain = (at == 0 && trial.score.has_late()).then(|| self.lay(&base, order, None, shortest));
            for trial in std::iter::once(trial).chain(plain) {
                if best.as_ref().is_none_or(|best| trial.score < best.score) {
                    best = Some(trial);
                }
            }
        }
        let Some(best) = best else { return base };
        let mut trials = (EFFORT / (free.len() * base.lines.len()).max(1)).min(TRIALS);
        let best = self.better(&base, best, shortest, &mut trials);
        self.sorted(&base, best, shortest, trials.max(2)).layout
    }

    /// A gap must hold at least this to be of use.
    fn shortest(&self, tasks: &[usize]) -> i64 {
        tasks.iter().map(|at| self.tasks[*at].ask.duration).min().map_or(FAR, |duration| duration.max(1))
    }

    /// Places what must keep its place, in the order in which it was to begin.
    fn firm(&self, empty: &Layout) -> Layout {
        let mut firm: Vec<usize> =
            (0..self.tasks.len()).filter(|at| self.tasks[*at].firm.is_some()).collect();
        let planned = |at: usize| self.tasks[at].before.map_or(i64::MAX, |before| before.1);
        firm.sort_by_key(|at| (planned(*at), self.tasks[*at].by_due()));
        let shortest = self.shortest(&(0..self.tasks.len()).collect::<Vec<_>>());
        let place = |hold: bool| {
            let mut layout = empty.clone();
            let mut later = 0;
            for at in &firm {
                let task = &self.tasks[*at];
                let planned = task.before.map_or(self.now, |before| before.1);
                let mut ask = task.ask;
                if hold {
                    ask.release = ask.release.max(planned);
                }
                let slot = task.firm.and_then(|printer| self.fit(&layout, printer, ask, i64::MAX));
                if let Some(slot) = slot {
                    self.put(&mut layout, *at, slot, shortest);
                    if task.prepared {
                        layout.lines[slot.printer].keep_until(slot.start);
                        layout.opens[slot.printer] = layout.lines[slot.printer].open();
                    }
                    later += usize::from(task.before.is_some() && slot.start > planned.max(self.now));
                }
            }
            (later, layout)
        };
        let (later, soonest) = place(false);
        if later == 0 {
            return soonest;
        }
        // What moved forward can stand in another's way: then each waits for its own time.
        let (held_later, held) = place(true);
        if held_later < later { held } else { soonest }
    }

    fn fit(&self, layout: &Layout, printer: usize, ask: Ask, limit: i64) -> Option<Slot> {
        let draw = self.circuits[printer].and_then(|circuit| layout.draws.get(circuit));
        let start = layout.lines[printer].earliest(&self.hours, draw, ask, limit)?;
        Some(Slot { printer, start, end: start + ask.duration })
    }

    fn put(&self, layout: &mut Layout, at: usize, slot: Slot, shortest: i64) {
        let line = &mut layout.lines[slot.printer];
        line.take(&self.hours, slot.start, slot.end, shortest);
        layout.opens[slot.printer] = line.open();
        if let (Some(circuit), Some(power)) = (self.circuits[slot.printer], line.power) {
            layout.draws[circuit].add(slot.start, slot.end, power);
        }
        layout.slots[at] = Some(slot);
    }

    /// Where a task ends first; the printer of the plan before unless leaving it is worth it.
    fn first(&self, layout: &Layout, task: &Task) -> Option<Slot> {
        let ask = task.ask;
        let list = &self.lists[task.list];
        let stays = task
            .before
            .filter(|before| list.contains(&before.0))
            .and_then(|before| self.fit(layout, before.0, ask, i64::MAX));
        // The one that is free first is looked at first: most others are passed over by what it offers.
        let open = |printer: usize| layout.opens[printer].max(ask.release);
        let soonest = list.iter().copied().enumerate().min_by_key(|(_, printer)| open(*printer))?;
        let mut best: Option<(usize, Slot)> = None;
        let mut limit = stays.map_or(i64::MAX, |slot| slot.start);
        for (place, printer) in std::iter::once(soonest).chain(list.iter().copied().enumerate()) {
            // Of two that are as good, the one that stands first.
            let equal = best.is_some_and(|best| place < best.0);
            let limit_here = limit.saturating_add(i64::from(equal));
            if open(printer) >= limit_here || best.is_some_and(|best| place == best.0) {
                continue;
            }
            if let Some(slot) = self.fit(layout, printer, ask, limit_here) {
                limit = slot.start;
                best = Some((place, slot));
            }
        }
        let best = best.map(|best| best.1);
        match (stays, best) {
            (Some(stays), Some(best)) => {
                let saves = stays.end > task.due && best.end <= task.due;
                Some(if saves || stays.end - best.end > self.stay { best } else { stays })
            }
            (stays, best) => best.or(stays),
        }
    }

    fn lay(
        &self,
        base: &Layout,
        sequence: Vec<usize>,
        fixed: Option<&[Option<Slot>]>,
        shortest: i64,
    ) -> Trial {
        let mut layout = base.clone();
        for at in &sequence {
            let task = &self.tasks[*at];
            let slot = fixed
                .and_then(|slots| slots[*at])
                .and_then(|slot| self.fit(&layout, slot.printer, task.ask, i64::MAX))
                .or_else(|| self.first(&layout, task));
            if let Some(slot) = slot {
                self.put(&mut layout, *at, slot, shortest);
            }
        }
        Trial { score: self.score(&layout), sequence, layout }
    }

    /// Lays an order out so that what would come late takes no time from what can be in time: but for emergencies it
    /// goes behind all that is due, and what comes of it is the order to go on from.
    fn lay_late_last(&self, base: &Layout, order: &[usize], shortest: i64) -> Trial {
        let mut layout = base.clone();
        let (due, rest) = order.split_at(order.partition_point(|at| !self.tasks[*at].has_no_due()));
        let (mut sequence, mut late) = (Vec::with_capacity(order.len()), Vec::new());
        for at in due {
            match self.first(&layout, &self.tasks[*at]) {
                Some(slot)
                    if slot.end <= self.tasks[*at].due || self.tasks[*at].priority == Priority::Emergency =>
                {
                    self.put(&mut layout, *at, slot, shortest);
                    sequence.push(*at);
                }
                _ => late.push(*at),
            }
        }
        for at in late.into_iter().chain(rest.iter().copied()) {
            if let Some(slot) = self.first(&layout, &self.tasks[at]) {
                self.put(&mut layout, at, slot, shortest);
            }
            sequence.push(at);
        }
        Trial { score: self.score(&layout), sequence, layout }
    }

    fn is_late(&self, layout: &Layout, at: usize) -> bool {
        let task = &self.tasks[at];
        !task.has_no_due() && layout.slots[at].is_none_or(|slot| slot.end > task.due)
    }

    fn score(&self, layout: &Layout) -> Score {
        let mut score = Score {
            emergencies_late: 0,
            emergencies_tardiness: 0,
            late: [0; 2],
            unplaced: 0,
            tardiness: 0,
            ends: 0,
        };
        for (at, (task, slot)) in self.tasks.iter().zip(&layout.slots).enumerate() {
            if self.is_late(layout, at) {
                match task.priority {
                    Priority::Emergency => score.emergencies_late += 1,
                    Priority::Urgent => score.late[0] += 1,
                    Priority::Routine => score.late[1] += 1,
                }
            }
            let Some(slot) = slot else {
                score.unplaced += 1;
                continue;
            };
            let tardiness = slot.end.saturating_sub(task.due).max(0);
            score.tardiness = score.tardiness.saturating_add(tardiness);
            if task.priority == Priority::Emergency {
                score.emergencies_tardiness = score.emergencies_tardiness.saturating_add(tardiness);
            }
            score.ends = score.ends.saturating_add(slot.end - self.now);
        }
        score
    }

    /// Moves late tasks forward, and what stands before them back, for as long as that helps and trials are left.
    fn better(&self, base: &Layout, mut best: Trial, shortest: i64, trials: &mut usize) -> Trial {
        'again: loop {
            let late: Vec<usize> = (0..best.sequence.len())
                .filter(|place| self.is_late(&best.layout, best.sequence[*place]))
                .collect();
            let dued = best.sequence.partition_point(|at| !self.tasks[*at].has_no_due());
            for place in late {
                let task = best.sequence[place];
                // From where to where a task moves in the order.
                let mut moves = Vec::new();
                if !self.tasks[task].hopeless() {
                    moves.extend([(place, 0), (place, place / 2), (place, place.saturating_sub(1))]);
                    let mut earlier: Vec<usize> = (0..place).collect();
                    let here = best.layout.slots[task].map(|slot| slot.printer);
                    let elsewhere = |at: usize| best.layout.slots[at].map(|slot| slot.printer) != here;
                    let duration = |at: usize| Reverse(self.tasks[at].ask.duration);
                    earlier.sort_by_key(|other| {
                        let other = best.sequence[*other];
                        (elsewhere(other), duration(other), Reverse(self.tasks[other].by_due()))
                    });
                    moves.extend(
                        earlier.into_iter().take(6).flat_map(|other| [(other, place), (other, dued - 1)]),
                    );
                }
                moves.push((place, dued.max(1) - 1));
                for (from, to) in moves.into_iter().filter(|(from, to)| from != to) {
                    if *trials == 0 {
                        return best;
                    }
                    *trials -= 1;
                    let mut sequence = best.sequence.clone();
                    let moved = sequence.remove(from);
                    sequence.insert(to, moved);
                    let trial = self.lay(base, sequence, None, shortest);
                    if trial.score < best.score {
                        best = trial;
                        continue 'again;
                    }
                }
            }
            return best;
        }
    }

    /// Puts each printer's tasks into the order of their due times where nothing comes to be late by it, and what is
    /// late does not come later on the whole.
    fn sorted(&self, base: &Layout, mut best: Trial, shortest: i64, mut trials: usize) -> Trial {
        for printer in std::iter::once(None).chain((0..base.lines.len()).map(Some)) {
            // Those in time among themselves, then the late ones as well where that makes nothing worse.
            for late_too in [false, true] {
                let sequence = self.resorted(&best, printer, late_too);
                if sequence == best.sequence {
                    continue;
                }
                if trials == 0 {
                    return best;
                }
                trials -= 1;
                let trial = self.lay(base, sequence, Some(&best.layout.slots), shortest);
                let spoils =
                    |at: &usize| self.is_late(&trial.layout, *at) && !self.is_late(&best.layout, *at);
                let worse = trial.score.without_ends() > best.score.without_ends();
                if !worse && !best.sequence.iter().any(spoils) {
                    best = trial;
                }
            }
        }
        best
    }

    /// The order with the tasks of one printer, or of each, sorted by due among the places that they have.
    fn resorted(&self, best: &Trial, only: Option<usize>, late_too: bool) -> Vec<usize> {
        let mut sequence = best.sequence.clone();
        let mut of_printer: Vec<Vec<usize>> = vec![Vec::new(); self.circuits.len()];
        for (place, at) in sequence.iter().enumerate() {
            let slot = best.layout.slots[*at].filter(|slot| only.is_none_or(|only| only == slot.printer));
            if let Some(slot) = slot.filter(|slot| late_too || slot.end <= self.tasks[*at].due) {
                of_printer[slot.printer].push(place);
            }
        }
        for places in of_printer {
            let mut tasks: Vec<usize> = places.iter().map(|place| sequence[*place]).collect();
            tasks.sort_by_cached_key(|at| self.tasks[*at].by_due());
            for (place, at) in places.into_iter().zip(tasks) {
                sequence[place] = at;
            }
        }
        sequence
    }
}
