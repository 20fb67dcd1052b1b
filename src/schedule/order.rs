//! Which job is placed when: several orders are laid out, the best is bettered by moving what is late, then sorted by due.
//!
//! Laid out means: one job after the other to where it ends first, into gaps where it fits.

use std::cmp::Reverse;

use super::line::{Ask, Hours, Line};
use super::power::Draw;
use super::problem::{FAR, Priority};
use super::stock::{Shelves, Stock, Takes};

/// Pairs of a job and a printer that may be looked at in search of something better; bounds the time of a plan.
const EFFORT: usize = 300_000;
/// Orders tried beyond the first ones, at most.
const TRIALS: usize = 300;

/// A job that can be placed somewhere.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: usize,
    pub(super) ask: Ask,
    /// What it takes of the material that hangs there.
    pub(super) takes: Option<Takes>,
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
    /// It leaves the printer of the plan before for whatever ends sooner: what was promised there is past.
    pub(super) may_leave: bool,
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

/// Jobs that come too late, and how many of them nowhere at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    all: usize,
    nowhere: usize,
}

/// Less is better, the first that differs decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    emergencies: Late,
    /// By how much: an emergency that is late comes before all else all the same.
    emergencies_tardiness: i64,
    urgent: Late,
    routine: Late,
    /// Due or not: emergencies, urgent ones, routine.
    unplaced: [usize; 3],
    tardiness: i64,
    ends: i64,
}

impl Score {
    fn has_late(&self) -> bool {
        [self.emergencies, self.urgent, self.routine].iter().any(|late| late.all > 0)
    }

    fn has_unplaced(&self) -> bool {
        self.unplaced != [0; 3]
    }

    fn without_ends(self) -> Self {
        Self { ends: 0, ..self }
    }

    /// Only what is late and what is nowhere: nothing is passed over for the sake of some minutes.
    fn counts(self) -> Self {
        Self { tardiness: 0, ends: 0, ..self }
    }
}

/// What is planned so far.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) lines: Vec<Line>,
    pub(super) draws: Vec<Draw>,
    pub(super) stock: Stock,
    /// First free moment of each line, side by side: most printers are passed over by it.
    opens: Vec<i64>,
    /// One for each task.
    pub(super) slots: Vec<Option<Slot>>,
}

impl Layout {
    pub(super) fn new(lines: Vec<Line>, draws: Vec<Draw>, stock: Stock, tasks: usize) -> Self {
        let opens = lines.iter().map(Line::open).collect();
        Self { lines, draws, stock, opens, slots: vec![None; tasks] }
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
    /// Printers that stand still until somebody clears the bed.
    pub(super) uncleared: Vec<bool>,
    pub(super) shelves: Shelves,
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
        let base = self.not_held_up(empty, self.firm(empty, &[]));
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
        let best = if best.score.has_unplaced() { self.scarce(&base, best, shortest) } else { best };
        let mut trials = (EFFORT / (free.len() * base.lines.len()).max(1)).min(TRIALS);
        let best = self.better(&base, best, shortest, &mut trials);
        self.sorted(&base, best, shortest, trials.max(2)).layout
    }

    /// A gap must hold at least this to be of use.
    fn shortest(&self, tasks: &[usize]) -> i64 {
        tasks.iter().map(|at| self.tasks[*at].ask.duration).min().map_or(FAR, |duration| duration.max(1))
    }

    /// How uncertain a start is: 2 where somebody has to clear the bed first, 1 where somebody has to be there, else 0.
    fn waits(&self, lines: &[Line], task: &Task, printer: usize) -> usize {
        let attended = task.ask.attended || lines[printer].attended;
        if self.uncleared[printer] { 2 } else { usize::from(attended) }
    }

    /// An emergency that still keeps what it was promised.
    fn is_awaited(task: &Task) -> bool {
        task.priority == Priority::Emergency && !task.may_leave
    }

    /// The same, as to power.
    fn yields(&self, lines: &[Line], task: &Task, printer: usize) -> usize {
        if Self::is_awaited(task) { 0 } else { self.waits(lines, task, printer) }
    }

    /// The layout of what is firm; where a circuit's power is kept in it for starts that wait for a person, and another
    /// printer could begin now, that one goes first. Nobody knows when the person comes, and with each plan it is later.
    /// Emergencies are waited for until what was promised of them is past.
    fn not_held_up(&self, empty: &Layout, base: Layout) -> Layout {
        if self.circuits.iter().all(Option::is_none) {
            return base;
        }
        let mut free: Vec<usize> = (0..self.tasks.len()).filter(|at| base.slots[*at].is_none()).collect();
        free.sort_by_cached_key(|at| (self.tasks[*at].has_no_due(), self.tasks[*at].by_due()));
        let shortest = self.shortest(&free);
        let usual = self.lay_late_last(&base, &free, shortest).layout;
        let begins = self.held_up(empty, &usual);
        if begins.is_empty() {
            return base;
        }
        let again = self.firm(empty, &begins);
        free.retain(|at| again.slots[*at].is_none());
        let other = self.lay_late_last(&again, &free, shortest).layout;
        let later = |before: &Layout, after: &Layout, at: usize| {
            let start = |layout: &Layout| layout.slots[at].map_or(i64::MAX, |slot| slot.start);
            start(after) > start(before)
        };
        let spoils = |at: usize| {
            let task = &self.tasks[at];
            let certain = task.firm.is_some_and(|printer| self.waits(&empty.lines, task, printer) == 0);
            let awaited = Self::is_awaited(task);
            let is_lost = usual.slots[at].is_some() && other.slots[at].is_none();
            is_lost || (certain && later(&base, &again, at)) || (awaited && later(&usual, &other, at))
        };
        let begin = begins.iter().all(|(at, _)| again.slots[*at].is_some());
        if begin && !(0..self.tasks.len()).any(spoils) { again } else { base }
    }

    /// The first of each printer's tasks that could begin now, were it not for the power of what waits more for a person.
    fn held_up(&self, empty: &Layout, planned: &Layout) -> Vec<(usize, Slot)> {
        // What is drawn by starts that are certain or awaited, and by those that want no bed cleared.
        let mut draws = [empty.draws.clone(), empty.draws.clone()];
        let mut first: Vec<Option<(usize, Slot)>> = vec![None; empty.lines.len()];
        let mut is_kept = false;
        for (at, slot) in planned.slots.iter().enumerate() {
            let Some(slot) = *slot else { continue };
            if first[slot.printer].is_none_or(|(_, other)| slot.start < other.start) {
                first[slot.printer] = Some((at, slot));
            }
            let (Some(circuit), Some(power)) = (self.circuits[slot.printer], empty.lines[slot.printer].power)
            else {
                continue;
            };
            let waits = self.yields(&empty.lines, &self.tasks[at], slot.printer);
            is_kept |= waits > 0;
            draws.iter_mut().skip(waits).for_each(|draws| draws[circuit].add(slot.start, slot.end, power));
        }
        let mut begins = Vec::new();
        for (at, slot) in first.into_iter().flatten().filter(|(_, slot)| is_kept && slot.start > self.now) {
            let (task, line) = (&self.tasks[at], &empty.lines[slot.printer]);
            let waits = self.yields(&empty.lines, task, slot.printer);
            let (Some(circuit), Some(power), true) = (self.circuits[slot.printer], line.power, waits < 2)
            else {
                continue;
            };
            // Beside itself it would never have power.
            draws.iter_mut().skip(waits).for_each(|all| all[circuit].take_back(slot.start, slot.end, power));
            let soon = self.now.saturating_add(1);
            let begins_now = line.earliest(&self.hours, Some(&draws[waits][circuit]), task.ask, soon);
            let slot = match begins_now {
                Some(start) => Slot { start, end: start + task.ask.duration, ..slot },
                None => slot,
            };
            draws.iter_mut().skip(waits).for_each(|all| all[circuit].add(slot.start, slot.end, power));
            begins.extend(begins_now.map(|_| (at, slot)));
        }
        begins
    }

    /// Places what must keep its place, in the order in which it was to begin; before it, what begins now.
    fn firm(&self, empty: &Layout, begins: &[(usize, Slot)]) -> Layout {
        let begins_now = |at: usize| begins.iter().any(|(other, _)| *other == at);
        let mut firm: Vec<usize> =
            (0..self.tasks.len()).filter(|at| self.tasks[*at].firm.is_some() && !begins_now(*at)).collect();
        let planned = |at: usize| self.tasks[at].before.map_or(i64::MAX, |before| before.1);
        // What had to give way does not stand in the way of what is certain.
        let gave_way = |at: usize| {
            let attended = |printer: usize| self.uncleared[printer] || empty.lines[printer].attended;
            let powered = |printer: &usize| !begins.is_empty() && self.circuits[*printer].is_some();
            self.tasks[at].firm.filter(powered).is_some_and(attended)
        };
        firm.sort_by_key(|at| (gave_way(*at), planned(*at), self.tasks[*at].by_due()));
        let shortest = self.shortest(&(0..self.tasks.len()).collect::<Vec<_>>());
        let place = |hold: bool| {
            let mut layout = empty.clone();
            let mut later = 0;
            let kept = self.keep(&mut layout.stock, &firm);
            for (at, slot) in begins {
                let task = &self.tasks[*at];
                let soon = self.now.saturating_add(1);
                if let Some(slot) = self.fit(&layout, slot.printer, task, task.ask, soon) {
                    self.put(&mut layout, *at, slot, shortest);
                }
            }
            for at in &firm {
                let task = &self.tasks[*at];
                if let Some(printer) = task.firm.filter(|_| kept.contains(at)) {
                    self.shelves.give_back(&mut layout.stock, printer, task.takes);
                }
                let planned = task.before.map_or(self.now, |before| before.1);
                let mut ask = task.ask;
                if hold {
                    ask.release = ask.release.max(planned);
                }
                let slot = task.firm.and_then(|printer| self.fit(&layout, printer, task, ask, i64::MAX));
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

    /// What hangs there for a job that people have prepared for is not given to what begins sooner.
    fn keep(&self, stock: &mut Stock, firm: &[usize]) -> Vec<usize> {
        let mut kept = Vec::new();
        for at in firm {
            let task = &self.tasks[*at];
            let planned = task.firm.filter(|_| task.prepared && task.before.is_some());
            if let Some(printer) = planned.filter(|printer| self.shelves.has(stock, *printer, task.takes)) {
                self.shelves.take(stock, printer, task.takes);
                kept.push(*at);
            }
        }
        kept
    }

    fn fit(&self, layout: &Layout, printer: usize, task: &Task, ask: Ask, limit: i64) -> Option<Slot> {
        if !self.shelves.has(&layout.stock, printer, task.takes) {
            return None;
        }
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
        self.shelves.take(&mut layout.stock, slot.printer, self.tasks[at].takes);
        layout.slots[at] = Some(slot);
    }

    /// Where a task ends first; the printer of the plan before unless leaving it is worth it.
    fn first(&self, layout: &Layout, task: &Task) -> Option<Slot> {
        let ask = task.ask;
        let list = &self.lists[task.list];
        let stays = task
            .before
            .filter(|before| list.contains(&before.0))
            .and_then(|before| self.fit(layout, before.0, task, ask, i64::MAX));
        // The one that is free first is looked at first: most others are passed over by what it offers.
        let open = |printer: usize| layout.opens[printer].max(ask.release);
        let feeds = |printer: &usize| self.shelves.has(&layout.stock, *printer, task.takes);
        let each = || list.iter().copied().enumerate();
        let soonest = each().min_by_key(|(_, printer)| open(*printer)).filter(|(_, printer)| feeds(printer));
        let soonest = soonest.or_else(|| {
            each().filter(|(_, printer)| feeds(printer)).min_by_key(|(_, printer)| open(*printer))
        })?;
        let mut best: Option<(usize, Slot)> = None;
        let mut limit = stays.map_or(i64::MAX, |slot| slot.start);
        for (place, printer) in std::iter::once(soonest).chain(list.iter().copied().enumerate()) {
            // Of two that are as good, the one that stands first.
            let equal = best.is_some_and(|best| place < best.0);
            let limit_here = limit.saturating_add(i64::from(equal));
            if open(printer) >= limit_here || best.is_some_and(|best| place == best.0) {
                continue;
            }
            if let Some(slot) = self.fit(layout, printer, task, ask, limit_here) {
                limit = slot.start;
                best = Some((place, slot));
            }
        }
        let best = best.map(|best| best.1);
        match (stays, best) {
            (Some(stays), Some(best)) => {
                let saves = stays.end > task.due && best.end <= task.due;
                let stay = if task.may_leave { 0 } else { self.stay };
                Some(if saves || stays.end - best.end > stay { best } else { stays })
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
                .and_then(|slot| self.fit(&layout, slot.printer, task, task.ask, i64::MAX))
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
        let mut score = Score::default();
        for (at, (task, slot)) in self.tasks.iter().zip(&layout.slots).enumerate() {
            let (late, unplaced) = match task.priority {
                Priority::Emergency => (&mut score.emergencies, &mut score.unplaced[0]),
                Priority::Urgent => (&mut score.urgent, &mut score.unplaced[1]),
                Priority::Routine => (&mut score.routine, &mut score.unplaced[2]),
            };
            if self.is_late(layout, at) {
                late.all += 1;
                late.nowhere += usize::from(slot.is_none());
            }
            *unplaced += usize::from(slot.is_none());
            // What is nowhere counts as if it could begin at once: being nowhere is never better for that.
            let end = slot.map_or(task.ask.release + task.ask.duration, |slot| slot.end);
            let tardiness = end.saturating_sub(task.due).max(0);
            score.tardiness = score.tardiness.saturating_add(tardiness);
            if task.priority == Priority::Emergency {
                score.emergencies_tardiness = score.emergencies_tardiness.saturating_add(tardiness);
            }
            score.ends = score.ends.saturating_add(end - self.now);
        }
        score
    }

    /// Where material is short: what matters more comes first, and of that what few printers can take. Whatever else
    /// may be said for it, it is taken only where fewer jobs are late or nowhere.
    fn scarce(&self, base: &Layout, best: Trial, shortest: i64) -> Trial {
        let mut sequence = best.sequence.clone();
        sequence.sort_by_cached_key(|at| {
            let task = &self.tasks[*at];
            (Reverse(task.priority), self.lists[task.list].len(), task.by_due())
        });
        let trial = self.lay(base, sequence, None, shortest);
        if trial.score.counts() < best.score.counts() { trial } else { best }
    }

    /// Moves late tasks forward, and what stands before them back, for as long as that helps and trials are left; what
    /// is nowhere is moved forward as well.
    fn better(&self, base: &Layout, mut best: Trial, shortest: i64, trials: &mut usize) -> Trial {
        'again: loop {
            let to_mend = |at: usize| self.is_late(&best.layout, at) || best.layout.slots[at].is_none();
            let late: Vec<usize> =
                (0..best.sequence.len()).filter(|place| to_mend(best.sequence[*place])).collect();
            let last_due = best.sequence.iter().rposition(|at| !self.tasks[*at].has_no_due()).unwrap_or(0);
            for place in late {
                let task = best.sequence[place];
                // From where to where a task moves in the order.
                let mut moves = Vec::new();
                let nowhere = best.layout.slots[task].is_none();
                if nowhere || !self.tasks[task].hopeless() {
                    moves.extend([(place, 0), (place, place / 2), (place, place.saturating_sub(1))]);
                }
                if self.is_late(&best.layout, task) && !self.tasks[task].hopeless() {
                    let mut earlier: Vec<usize> = (0..place).collect();
                    let here = best.layout.slots[task].map(|slot| slot.printer);
                    let elsewhere = |at: usize| best.layout.slots[at].map(|slot| slot.printer) != here;
                    let duration = |at: usize| Reverse(self.tasks[at].ask.duration);
                    earlier.sort_by_key(|other| {
                        let other = best.sequence[*other];
                        (elsewhere(other), duration(other), Reverse(self.tasks[other].by_due()))
                    });
                    moves.extend(
                        earlier.into_iter().take(6).flat_map(|other| [(other, place), (other, last_due)]),
                    );
                }
                moves.push((place, last_due));
                for (from, to) in moves.into_iter().filter(|(from, to)| from != to) {
                    if *trials == 0 {
                        return best;
                    }
                    *trials -= 1;
                    let mut sequence = best.sequence.clone();
                    let moved = sequence.remove(from);
                    sequence.insert(to, moved);
                    let trial = self.lay(base, sequence, None, shortest);
                    // Where one spool cannot feed two, none gives way to the other for the sake of some minutes.
                    let fewer = !nowhere || trial.score.counts() < best.score.counts();
                    if fewer && trial.score < best.score {
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
