//! How fast a farm is planned: 2,000 jobs on 100 printers, and why for every pair, beside one look at each pair.
//!
//! The look is what no planner can do without: whether a printer's bit is set for a job, and which is free first.
//!
//! What is not in it: reading the lab and asking the gate (`services::planner`), firm jobs whose promise is past, lots
//! that hang on several printers, validated processes, and reasons in words. The rows with bars are the same farm where
//! the gate has spoken against pairs, people have pinned jobs and prepared printers, and a plan was made before.

#![allow(clippy::unwrap_used, reason = "a program that measures")]
#![allow(clippy::disallowed_methods, reason = "it measures the machine's own time")]

use std::time::Instant;

use platen::schedule::{
    Amount, Bed, Calibration, Circuit, Job, JobAt, Kind, Load, Material, Model, Needs, Obstacle, Plan,
    Planned, Power, Printer, PrinterAt, Priority, Problem, Qualification, Reason, Seconds, Site, State,
    Usable, Use, Validated, Window, plan,
};

const JOBS: usize = 2_000;
const PRINTERS: usize = 100;
const ROUNDS: usize = 15;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Milligrams on each load: no job waits for want of it, so that all are planned.
const ENOUGH: u64 = 50_000_000;
/// Milligrams on a spool, where most wait for want of it.
const SPOOL: u64 = 200_000;
/// Milliseconds that a plan may take.
const WANTED: f64 = 50.0;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(bound)).unwrap()
    }
}

fn printer(at: u32, random: &mut Random) -> Printer {
    let kind = if at.is_multiple_of(5) { Kind::Resin } else { Kind::Fdm };
    let from = i64::from(random.below(14)) * DAY;
    Printer {
        kind,
        model: Model(at % 3),
        state: match random.below(4) {
            0 => State::Idle,
            _ => State::Busy {
                until: Seconds(i64::from(random.below(20)) * HOUR),
                job: None,
                heats_until: Seconds(0),
            },
        },
        bed: if random.below(3) == 0 { Bed::Occupied } else { Bed::Clear },
        volume: [200_000 + at % 3 * 50_000; 3],
        nozzle: Some(if at.is_multiple_of(7) { 600 } else { 400 }),
        loads: (0..2)
            .map(|_| Load {
                material: Material(random.below(4)),
                lot: None,
                usable: Usable::Yes,
                left: Some(Amount(ENOUGH)),
            })
            .collect(),
        tracks_material: true,
        validated: Validated::NotAsked,
        qualification: Qualification::Qualified,
        calibration: Calibration::Until(Seconds(300 * DAY)),
        windows: vec![Window { from: Seconds(from), to: Seconds(from + 4 * HOUR) }],
        unattended: !at.is_multiple_of(4),
        power: Some(Power { circuit: Circuit(at / 10), heating: 350, printing: 120, heat_up: 600 }),
    }
}

fn job(order: u32, random: &mut Random) -> Job {
    let mut between = |low: u32, high: u32| low + random.below(high - low);
    Job {
        kind: if between(0, 5) == 0 { Kind::Resin } else { Kind::Fdm },
        order: u64::from(order),
        priority: [Priority::Routine, Priority::Routine, Priority::Urgent, Priority::Emergency]
            [usize::try_from(between(0, 4)).unwrap()],
        due: (between(0, 10) > 0).then_some(Seconds(i64::from(between(10, 500)) * HOUR)),
        duration: Some(i64::from(between(1_800, 100_000))),
        held: None,
        pinned: None,
        prepared: None,
        attended: between(0, 4) == 0,
        release: None,
        needs: Needs {
            extents: Some([0; 3].map(|_| between(20_000, 260_000))),
            nozzle: Some(if between(0, 7) == 0 { 600 } else { 400 }),
            material: Some(Material(between(0, 4))),
            amount: Some(Amount(u64::from(between(1_000, 100_000)))),
            process: None,
            purpose: Use(0),
            model: None,
        },
        barred: Vec::new(),
    }
}

fn farm() -> Problem {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let attended = (0..300i64).filter(|day| day % 7 < 5);
    let attended = attended
        .map(|day| Window { from: Seconds(day * DAY + 7 * HOUR), to: Seconds(day * DAY + 18 * HOUR) })
        .collect();
    Problem {
        now: Seconds(9 * HOUR),
        jobs: (0..2_000).map(|at| job(at, &mut random)).collect(),
        printers: (0..100).map(|at| printer(at, &mut random)).collect(),
        site: Site {
            attended,
            circuits: (0..10).map(|at| (Circuit(at), 2_000)).collect(),
            handling: 900,
            firm: 2 * HOUR,
            stay: 900,
            guess: 4 * HOUR,
        },
        before: Vec::new(),
    }
}

/// The same farm, with a spool on each holder.
fn short_farm() -> Problem {
    let mut problem = farm();
    let loads = problem.printers.iter_mut().flat_map(|printer| &mut printer.loads);
    loads.for_each(|load| load.left = Some(Amount(SPOOL)));
    problem
}

/// The same farm, with bars of the gate, jobs for one printer only, and printers that are prepared.
fn barred_farm() -> Problem {
    let mut random = Random(0x0F1E_2D3C_4B5A_6978);
    let mut problem = farm();
    for job in &mut problem.jobs {
        let mut some = || PrinterAt(usize::try_from(random.below(100)).unwrap());
        let (first, second, third) = (some(), some(), some());
        match job.order % 20 {
            0 => job.prepared = Some(first),
            1 | 2 => job.pinned = Some(first),
            3..=9 => job.barred = vec![(first, 1), (second, 1), (third, 2)],
            _ => {}
        }
    }
    problem
}

/// Delays pass; all else lasts until somebody changes something.
fn delays(obstacle: &Obstacle) -> bool {
    matches!(
        obstacle,
        Obstacle::Busy { .. }
            | Obstacle::Bed { .. }
            | Obstacle::Queue { .. }
            | Obstacle::Maintenance { .. }
            | Obstacle::NoPerson { .. }
            | Obstacle::Power { .. }
    )
}

/// How many are placed; none may wait that a printer could take.
fn placed(problem: &Problem, plan: &Plan) -> usize {
    for (at, _) in plan.jobs.iter().enumerate().filter(|(_, job)| matches!(job, Planned::Waiting { .. })) {
        for on in 0..PRINTERS {
            let reason = plan.why_not(problem, JobAt(at), PrinterAt(on));
            let Reason::Against(against) = reason else { panic!("job {at} could print on {on}: {reason:?}") };
            assert!(!against.iter().all(delays), "job {at} could print on {on}: {against:?}");
        }
    }
    plan.jobs.iter().filter(|job| matches!(job, Planned::Assigned { .. })).count()
}

/// Milliseconds of one call: the best of several, and the median.
fn timed<T>(mut call: impl FnMut() -> T) -> [f64; 2] {
    let mut times = [0.0; ROUNDS];
    for time in &mut times {
        let begun = Instant::now();
        std::hint::black_box(call());
        *time = begun.elapsed().as_secs_f64() * 1e3;
    }
    times.sort_by(f64::total_cmp);
    [times[0], times[ROUNDS / 2]]
}

fn main() {
    let mut problem = farm();
    let first = plan(&problem);
    let count = placed(&problem, &first);
    println!("{JOBS} jobs, {PRINTERS} printers: {count} placed, {} late or impossible", first.late().len());

    let bits: Vec<[u64; 2]> = (0..JOBS as u64).map(|at| [!(at * 0x9E37_79B9), !(at * 0x85EB_CA6B)]).collect();
    let look = timed(|| {
        let mut free = [0u64; PRINTERS];
        for bits in std::hint::black_box(&bits) {
            let fits = |printer: &usize| bits[printer / 64] >> (printer % 64) & 1 == 1;
            if let Some(first) = (0..PRINTERS).filter(fits).min_by_key(|printer| free[*printer]) {
                free[first] += bits[0] >> 50;
            }
        }
        free
    });
    let fresh = timed(|| plan(&problem));
    problem.before = first.before();
    let again = timed(|| plan(&problem));
    let why = timed(|| {
        let pairs =
            (0..JOBS).flat_map(|job| (0..PRINTERS).map(move |printer| (JobAt(job), PrinterAt(printer))));
        pairs.filter(|pair| matches!(first.why_not(&problem, pair.0, pair.1), Reason::Against(_))).count()
    });
    let mut barred = barred_farm();
    let first_barred = plan(&barred);
    println!("with bars: {} placed", placed(&barred, &first_barred));
    let fresh_barred = timed(|| plan(&barred));
    barred.before = first_barred.before();
    placed(&barred, &plan(&barred));
    let again_barred = timed(|| plan(&barred));
    let mut short = short_farm();
    let first_short = plan(&short);
    println!("with short spools: {} placed", placed(&short, &first_short));
    let fresh_short = timed(|| plan(&short));
    short.before = first_short.before();
    let again_short = timed(|| plan(&short));
    println!("                         best   median   times one look (best)");
    let rows = [
        ("one look at each pair", look),
        ("plan", fresh),
        ("plan again", again),
        ("why, for each pair", why),
        ("plan with bars", fresh_barred),
        ("plan with bars again", again_barred),
        ("plan, short spools", fresh_short),
        ("plan, short again", again_short),
    ];
    for (what, [best, median]) in rows {
        println!("{what:21} {best:7.2}  {median:7.2}   {:7.1}", best / look[0]);
    }
    println!("wanted of a plan      {WANTED:7.2}");
}
