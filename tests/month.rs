//! A month of a farm in virtual time: what is planned by due times is in time at least as often as first come, first served.
//!
//! Both farms have the same jobs, the same errors of estimates and the same failures. `--nocapture` shows the figures.

#![allow(clippy::unwrap_used, reason = "a test that fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use platen::schedule::{
    Bed, Before, Calibration, Job, JobAt, Kind, Load, Material, Model, Needs, Planned, Printer, PrinterAt,
    Priority, Problem, Qualification, Seconds, Site, State, Usable, Use, Validated, Window, plan,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const PRINTERS: usize = 40;
const JOBS: usize = 1_500;
const HANDLING: i64 = 15 * MINUTE;
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// What happens is seen to every five minutes.
const TICK: i64 = 5 * MINUTE;

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..10).for_each(|_| _ = random.below(2));
        random
    }

    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from((self.0 >> 1) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low)
    }

    fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }
}

/// A job as it comes, and what each attempt at it will really be like.
struct Order {
    arrives: i64,
    job: Job,
    /// Thousandths of the estimate that an attempt takes, and whether it fails then.
    attempts: Vec<(i64, bool)>,
}

fn attended() -> Vec<Window> {
    let weekdays = (0..150i64).filter(|day| day % 7 < 5);
    weekdays
        .map(|day| Window { from: Seconds(day * DAY + 7 * HOUR), to: Seconds(day * DAY + 18 * HOUR) })
        .collect()
}

fn orders(random: &mut Random) -> Vec<Order> {
    let mut arrivals: Vec<i64> = Vec::new();
    while arrivals.len() < JOBS {
        let at = random.below(30 * DAY) / TICK * TICK;
        // Planning goes on at all hours, and mostly in those of the office.
        if (at / DAY % 7 < 5 && (7 * HOUR..18 * HOUR).contains(&(at % DAY))) || random.one_in(10) {
            arrivals.push(at);
        }
    }
    arrivals.sort_unstable();
    let order = |(order, arrives): (u64, i64)| {
        let share = random.between(0, 1_000);
        let duration = HOUR / 2 + 59 * HOUR / 2 * share * share / 1_000_000;
        let kind = if random.one_in(5) { Kind::Resin } else { Kind::Fdm };
        let size = u32::try_from(random.between(20_000, 200_000)).unwrap();
        let nozzle = if random.one_in(6) { 600 } else { 400 };
        let job = Job {
            kind,
            order,
            priority: match random.below(20) {
                0 => Priority::Emergency,
                1..4 => Priority::Urgent,
                _ => Priority::Routine,
            },
            due: Some(Seconds(arrives + random.between(DAY, 10 * DAY))),
            duration: Some(duration),
            held: None,
            pinned: None,
            prepared: None,
            attended: random.one_in(10),
            release: None,
            needs: Needs {
                extents: Some([if random.one_in(5) { size + 80_000 } else { size }, size, size]),
                nozzle: (kind == Kind::Fdm).then_some(nozzle),
                material: Some(Material(u32::try_from(random.below(3)).unwrap())),
                amount: None,
                process: None,
                purpose: Use(0),
                model: None,
            },
            barred: Vec::new(),
        };
        let attempt = |_| {
            let fails = random.below(100) < 4;
            (if fails { random.below(1_000) } else { random.between(850, 1_250) }, fails)
        };
        let attempts: Vec<_> = (0..12).map(attempt).collect();
        Order { arrives, job, attempts }
    };
    (0u64..).zip(arrivals).map(order).collect()
}

fn printers(random: &mut Random) -> Vec<Printer> {
    (0..PRINTERS)
        .map(|at| Printer {
            kind: if at % 5 == 0 { Kind::Resin } else { Kind::Fdm },
            model: Model(0),
            state: State::Idle,
            bed: Bed::Clear,
            volume: if at % 4 < 2 { [300_000; 3] } else { [220_000; 3] },
            nozzle: Some(if at % 6 == 1 { 600 } else { 400 }),
            loads: (0..2u32)
                .map(|more| Load {
                    material: Material((u32::try_from(at / 6).unwrap() + more) % 3),
                    lot: None,
                    usable: Usable::Yes,
                    left: None,
                })
                .collect(),
            tracks_material: true,
            validated: Validated::NotAsked,
            qualification: Qualification::NotAsked,
            calibration: Calibration::NotAsked,
            windows: (0..3)
                .map(|week| {
                    let from = week * 14 * DAY + random.below(10) * DAY + 9 * HOUR;
                    Window { from: Seconds(from), to: Seconds(from + 5 * HOUR) }
                })
                .collect(),
            unattended: at % 8 != 3,
            power: None,
        })
        .collect()
}

/// What a printer really does; the planner sees its estimate only.
#[derive(Clone, Copy)]
struct Print {
    order: usize,
    estimated: i64,
    ends: i64,
    fails: bool,
}

struct Farm<'o> {
    orders: &'o [Order],
    printers: Vec<Printer>,
    attended: Vec<Window>,
    now: i64,
    /// By arrival.
    waiting: BTreeSet<usize>,
    prints: Vec<Option<Print>>,
    /// Until when somebody clears its bed, or waits to be there for that.
    clearing: Vec<Option<i64>>,
    tried: Vec<usize>,
    done: Vec<Option<i64>>,
    planned: BTreeMap<usize, (usize, i64)>,
}

impl Farm<'_> {
    fn somebody_from(&self, at: i64) -> i64 {
        let mut there = self.attended.iter().filter(|one| one.to.0 - HANDLING >= at);
        there.next().map_or(i64::MAX, |one| one.from.0.max(at))
    }

    fn is_free(&self, at: usize) -> bool {
        self.prints[at].is_none() && self.clearing[at].is_none()
    }

    fn begin(&mut self, order: usize, on: usize) {
        assert!(self.waiting.remove(&order) && self.is_free(on));
        let estimate = self.orders[order].job.duration.unwrap();
        let (thousandths, fails) = self.orders[order].attempts[self.tried[order].min(11)];
        self.tried[order] += 1;
        let ends = (self.now + estimate * thousandths / 1_000).div_euclid(TICK) * TICK + TICK;
        self.prints[on] = Some(Print { order, estimated: self.now + estimate, ends, fails });
    }

    /// What ended, was cleared or arrived by now.
    fn settle(&mut self) {
        for at in 0..PRINTERS {
            if let Some(print) = self.prints[at].filter(|print| print.ends <= self.now) {
                self.prints[at] = None;
                self.clearing[at] = Some(self.somebody_from(print.ends) + HANDLING);
                if print.fails {
                    self.waiting.insert(print.order);
                } else {
                    self.done[print.order] = Some(print.ends);
                }
            }
            self.clearing[at] = self.clearing[at].filter(|until| *until > self.now);
        }
    }

    fn served_first_come(&mut self) -> Option<i64> {
        for order in self.waiting.clone() {
            let job = &self.orders[order].job;
            let end = self.now + job.duration.unwrap();
            let needs = &job.needs;
            let there = self.attended.iter().any(|one| one.from.0 <= self.now && self.now < one.to.0);
            let fits = |at: &usize| {
                let printer = &self.printers[*at];
                self.is_free(*at)
                    && printer.kind == job.kind
                    && needs.nozzle.is_none_or(|nozzle| printer.nozzle == Some(nozzle))
                    && printer.loads.iter().any(|load| Some(load.material) == needs.material)
                    && needs.extents.unwrap().into_iter().zip(printer.volume).all(|(needs, has)| needs <= has)
                    && printer.windows.iter().all(|one| end <= one.from.0 || one.to.0 <= self.now)
                    && (there || (printer.unattended && !job.attended))
            };
            let first = (0..PRINTERS).find(fits);
            if let Some(on) = first {
                self.begin(order, on);
            }
        }
        // Maintenance that ends and people who come let more begin.
        let windows = self.printers.iter().flat_map(|printer| &printer.windows).map(|one| one.to.0);
        windows.chain(self.attended.iter().map(|one| one.from.0)).filter(|at| *at > self.now).min()
    }

    fn served_by_plan(&mut self) -> Option<i64> {
        let mut ids: Vec<usize> = self.waiting.iter().copied().collect();
        let mut printers = self.printers.clone();
        for (at, printer) in printers.iter_mut().enumerate() {
            if let Some(print) = self.prints[at] {
                let until = Seconds(print.estimated.max(self.now + TICK));
                printer.state = State::Busy { until, job: Some(JobAt(ids.len())), heats_until: Seconds(0) };
                ids.push(print.order);
            } else if self.clearing[at].is_some() {
                printer.bed = Bed::Occupied;
            }
        }
        let before = ids.iter().enumerate().filter_map(|(at, id)| {
            let (printer, start) = self.planned.get(id)?;
            Some(Before::new(JobAt(at), PrinterAt(*printer), Seconds(*start)))
        });
        let problem = Problem {
            now: Seconds(self.now),
            jobs: ids.iter().map(|id| self.orders[*id].job.clone()).collect(),
            before: before.collect(),
            printers,
            site: Site {
                attended: self.attended.iter().copied().filter(|one| one.to.0 > self.now).collect(),
                circuits: Vec::new(),
                handling: HANDLING,
                firm: HOUR / 2,
                stay: HOUR / 2,
                guess: 4 * HOUR,
            },
        };
        self.planned.clear();
        let mut next = None;
        for (at, job) in plan(&problem).jobs.iter().enumerate() {
            if let Planned::Assigned { printer, start, .. } = job {
                if start.0 <= self.now {
                    self.begin(ids[at], printer.0);
                } else {
                    self.planned.insert(ids[at], (printer.0, start.0));
                    next = Some(next.map_or(start.0, |next: i64| next.min(start.0)));
                }
            }
        }
        next
    }
}

struct Figures {
    in_time: f64,
    urgent_in_time: f64,
    /// Mean hours by which the late ones are late.
    late_by: f64,
}

fn month(orders: &[Order], printers: &[Printer], serve: impl Fn(&mut Farm<'_>) -> Option<i64>) -> Figures {
    let mut farm = Farm {
        orders,
        printers: printers.to_vec(),
        attended: attended(),
        now: 0,
        waiting: BTreeSet::new(),
        prints: vec![None; PRINTERS],
        clearing: vec![None; PRINTERS],
        tried: vec![0; orders.len()],
        done: vec![None; orders.len()],
        planned: BTreeMap::new(),
    };
    let mut arrived = 0;
    while farm.done.iter().any(Option::is_none) && farm.now < 100 * DAY {
        while orders.get(arrived).is_some_and(|order| order.arrives <= farm.now) {
            farm.waiting.insert(arrived);
            arrived += 1;
        }
        farm.settle();
        let next = serve(&mut farm);
        let prints = farm.prints.iter().flatten().map(|print| print.ends);
        let events = prints.chain(farm.clearing.iter().flatten().copied());
        let events = events.chain(orders.get(arrived).map(|order| order.arrives)).chain(next);
        farm.now = events.filter(|at| *at > farm.now).min().unwrap();
    }
    let share = |all: &dyn Fn(&Job) -> bool| {
        let each = || orders.iter().zip(&farm.done).filter(|(order, _)| all(&order.job));
        let in_time =
            each().filter(|(order, done)| done.is_some_and(|done| done <= order.job.due.unwrap().0));
        in_time.count() as f64 / each().count() as f64 * 100.0
    };
    let late = orders.iter().zip(&farm.done).map(|(order, done)| done.unwrap() - order.job.due.unwrap().0);
    let late: Vec<i64> = late.filter(|late| *late > 0).collect();
    Figures {
        in_time: share(&|_| true),
        urgent_in_time: share(&|job| job.priority != Priority::Routine),
        late_by: late.iter().sum::<i64>() as f64 / HOUR as f64 / late.len().max(1) as f64,
    }
}

#[test]
fn a_planned_month_is_in_time_at_least_as_often_as_first_come_first_served() {
    println!("seed   in time %: planned, first come   urgent ones          late ones late by h");
    for seed in SEEDS {
        let mut random = Random::new(seed);
        let orders = orders(&mut random);
        let printers = printers(&mut random);
        let ours = month(&orders, &printers, |farm| farm.served_by_plan());
        let first = month(&orders, &printers, |farm| farm.served_first_come());
        println!(
            "{seed:4}   {:18.1}, {:10.1}   {:5.1}, {:5.1}   {:15.1}, {:5.1}",
            ours.in_time,
            first.in_time,
            ours.urgent_in_time,
            first.urgent_in_time,
            ours.late_by,
            first.late_by
        );
        assert!(ours.in_time >= first.in_time, "seed {seed}");
        assert!(ours.urgent_in_time >= first.urgent_in_time, "seed {seed}");
    }
}
