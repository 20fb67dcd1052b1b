//! The rules of a plan, held against problems made up at random and against the best that can be found by trying all.

use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600;

fn needs() -> Needs {
    Needs {
        extents: None,
        nozzle: None,
        material: None,
        amount: None,
        process: None,
        purpose: Use(0),
        model: None,
    }
}

fn job(order: u64, duration: i64, due: Option<i64>) -> Job {
    Job {
        kind: Kind::Fdm,
        order,
        priority: Priority::Routine,
        due: due.map(Seconds),
        duration: Some(duration),
        held: None,
        pinned: None,
        prepared: None,
        attended: false,
        release: None,
        needs: needs(),
        barred: Vec::new(),
    }
}

fn printer() -> Printer {
    Printer {
        kind: Kind::Fdm,
        model: Model(0),
        state: State::Idle,
        bed: Bed::Clear,
        volume: [200_000; 3],
        nozzle: Some(400),
        loads: Vec::new(),
        tracks_material: true,
        validated: Validated::NotAsked,
        qualification: Qualification::NotAsked,
        calibration: Calibration::NotAsked,
        windows: Vec::new(),
        unattended: true,
        power: None,
    }
}

fn problem(jobs: Vec<Job>, printers: Vec<Printer>) -> Problem {
    let site =
        Site { attended: Vec::new(), circuits: Vec::new(), handling: 0, firm: 0, stay: 0, guess: HOUR };
    Problem { now: Seconds(0), jobs, printers, site, before: Vec::new() }
}

fn window(from: i64, to: i64) -> Window {
    Window { from: Seconds(from), to: Seconds(to) }
}

/// What is assigned: job, printer, start, end.
fn assigned(plan: &Plan) -> Vec<(usize, usize, i64, i64)> {
    let each = plan.jobs.iter().enumerate();
    each.filter_map(|(at, job)| match job {
        Planned::Assigned { printer, start, end, .. } => Some((at, printer.0, start.0, end.0)),
        _ => None,
    })
    .collect()
}

fn late(plan: &Plan) -> usize {
    plan.late().len()
}

fn some_job() -> impl Strategy<Value = Job> {
    let time =
        (1i64..30, prop::option::of(-5i64..120), prop::option::of(0i64..40), prop::bool::weighted(0.3));
    let who = (0u8..3, prop::bool::weighted(0.2), prop::bool::weighted(0.1), 0usize..40, 0usize..40);
    let what = (prop::option::of(1u32..4), prop::option::of(0u32..3), prop::option::of(0u64..8), 0u8..2);
    let more = (prop::option::weighted(0.3, 0u32..2), prop::option::weighted(0.2, 0usize..4), any::<bool>());
    (time, who, what, more).prop_map(|(time, who, what, more)| {
        let (duration, due, release, attended) = time;
        let (priority, resin, held, pinned, prepared) = who;
        let mut job = job(0, duration * HOUR, due.map(|due| due * HOUR));
        job.duration = job.duration.filter(|_| more.2);
        job.release = release.map(|release| Seconds(release * HOUR));
        job.attended = attended;
        job.priority = [Priority::Routine, Priority::Urgent, Priority::Emergency][usize::from(priority)];
        job.kind = if resin { Kind::Resin } else { Kind::Fdm };
        job.held = held.then_some(Hold::CaseOnHold);
        job.pinned = (pinned < 5).then_some(PrinterAt(pinned));
        job.prepared = (prepared < 5).then_some(PrinterAt(prepared));
        job.needs.extents = what.0.map(|size| [size * 70_000, 10_000, 10_000]);
        job.needs.material = what.1.map(Material);
        job.needs.amount = what.2.map(Amount);
        job.needs.purpose = Use(what.3);
        job.needs.process = more.0.map(Process);
        job.barred = more.1.map(|at| (PrinterAt(at), 7)).into_iter().collect();
        job
    })
}

fn some_printer() -> impl Strategy<Value = Printer> {
    let state = (0u8..10, 0i64..20, 0u8..3, any::<bool>());
    let power = prop::option::of((0u32..2, 1u32..9, 1u32..9, 0u32..9_000));
    let loads = prop::collection::vec((0u32..3, 0u8..6, 1u64..9), 0..4);
    let rest = (prop::bool::weighted(0.2), 0u8..6, 0i64..200, 0u8..4, prop::bool::weighted(0.4));
    let windows = prop::collection::vec((0i64..100, 1i64..20), 0..3);
    (state, power, loads, rest, windows).prop_map(|(state, power, loads, rest, windows)| {
        let mut one = printer();
        one.state = match state.0 {
            0 => State::Offline,
            1 => State::Locked,
            2..5 => {
                let until = Seconds(state.1 * HOUR);
                State::Busy { until, job: None, heats_until: Seconds(600) }
            }
            _ => State::Idle,
        };
        one.bed = [Bed::Clear, Bed::Occupied, Bed::ClearsItself][usize::from(state.2)];
        one.unattended = state.3;
        one.power = power.map(|(circuit, heating, printing, heat_up)| Power {
            circuit: Circuit(circuit),
            heating: heating * 100,
            printing: printing * 100,
            heat_up,
        });
        let usable = [Usable::Expired, Usable::Recalled];
        one.loads = loads
            .into_iter()
            .map(|(material, how, left)| Load {
                material: Material(material),
                lot: None,
                usable: usable.get(usize::from(how)).copied().unwrap_or(Usable::Yes),
                left: Some(Amount(left)),
            })
            .collect();
        one.kind = if rest.0 { Kind::Resin } else { Kind::Fdm };
        one.qualification = match rest.1 {
            0 => Qualification::Unqualified,
            1 => Qualification::Restricted(vec![Use(1)]),
            _ => Qualification::Qualified,
        };
        one.calibration =
            if rest.1 == 5 { Calibration::Until(Seconds(rest.2 * HOUR)) } else { Calibration::NotAsked };
        if rest.3 == 0 {
            one.validated = Validated::Only(vec![(Process(0), vec![Use(0), Use(1)])]);
        }
        one.tracks_material = rest.4;
        one.windows =
            windows.into_iter().map(|(from, length)| window(from * HOUR, (from + length) * HOUR)).collect();
        one
    })
}

fn some_problem() -> impl Strategy<Value = Problem> {
    let jobs = prop::collection::vec(some_job(), 0..14);
    let printers = prop::collection::vec(some_printer(), 1..6);
    let site = (any::<bool>(), 0i64..3, 0i64..30, 0i64..4, 8u32..20);
    (jobs, printers, site).prop_map(|(mut jobs, printers, (always, handling, firm, stay, watts))| {
        for (order, job) in (0u64..).zip(&mut jobs) {
            job.order = order;
        }
        let mut problem = problem(jobs, printers);
        if !always {
            problem.site.attended =
                (0..20).map(|day| window((day * 24 + 7) * HOUR, (day * 24 + 18) * HOUR)).collect();
        }
        problem.site.handling = handling * 900;
        problem.site.firm = firm * HOUR;
        problem.site.stay = stay * HOUR;
        problem.site.circuits = vec![(Circuit(0), watts * 100)];
        let busy = problem.printers.iter_mut().filter_map(|printer| match &mut printer.state {
            State::Busy { job, .. } => Some(job),
            _ => None,
        });
        for (at, job) in busy.enumerate().take(problem.jobs.len()) {
            *job = Some(JobAt(at));
        }
        problem
    })
}

fn somebody_is_there(site: &Site, at: i64) -> bool {
    site.attended.is_empty() || site.attended.iter().any(|one| one.from.0 <= at && at < one.to.0)
}

/// When the bed is ready: the first moment from which a person is there and has the time.
fn ready(site: &Site, bed: Bed, end: i64) -> i64 {
    if bed == Bed::ClearsItself || site.attended.is_empty() {
        return end + site.handling;
    }
    let begin = site.attended.iter().filter(|one| end < one.to.0).map(|one| (one.from.0.max(end), one.to.0));
    let mut ready =
        begin.filter(|(from, to)| from + site.handling <= *to).map(|(from, _)| from + site.handling);
    ready.next().unwrap_or(i64::MAX)
}

/// Milligrams that hang on a printer of a material, and what of it is taken by what runs there; nothing where that is
/// not asked, or not known.
fn hangs(problem: &Problem, on: usize, material: Material) -> Option<(u64, u64)> {
    let printer = &problem.printers[on];
    let of_it = || printer.loads.iter().filter(|load| load.material == material);
    if !printer.tracks_material || of_it().next().is_none() {
        return None;
    }
    let left: Option<Vec<u64>> = of_it().map(|load| load.left.map(|left| left.0)).collect();
    let runs = match printer.state {
        State::Busy { job: Some(job), .. } => Some(&problem.jobs[job.0].needs),
        _ => None,
    };
    let takes = runs.filter(|needs| needs.material == Some(material)).and_then(|needs| needs.amount);
    Some((left?.iter().sum(), takes.map_or(0, |takes| takes.0)))
}

/// Milligrams of a material that the jobs take that are planned on a printer.
fn planned_of(problem: &Problem, all: &[(usize, usize, i64, i64)], on: usize, material: Material) -> u64 {
    let needs = all.iter().filter(|one| one.1 == on).map(|one| &problem.jobs[one.0].needs);
    needs
        .filter(|needs| needs.material == Some(material))
        .filter_map(|needs| needs.amount)
        .map(|mg| mg.0)
        .sum()
}

/// Says where more is planned than is left.
fn overdrawn(problem: &Problem, all: &[(usize, usize, i64, i64)]) -> Result<(), String> {
    for on in 0..problem.printers.len() {
        for material in problem.printers[on].loads.iter().map(|load| load.material) {
            let planned = planned_of(problem, all, on, material);
            let Some((left, runs)) = hangs(problem, on, material) else { continue };
            if planned > left.saturating_sub(runs) {
                return Err(format!(
                    "{planned} of {material:?} planned on {on}: {left} left, {runs} for what runs"
                ));
            }
        }
    }
    Ok(())
}

/// Says what rule a plan breaks.
fn broken(problem: &Problem, plan: &Plan) -> Result<(), String> {
    let site = &problem.site;
    let all = assigned(plan);
    for &(at, on, start, end) in &all {
        let (job, printer) = (&problem.jobs[at], &problem.printers[on]);
        let check =
            |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("job {at} on {on}: {what}")) };
        check(end - start == job.duration.unwrap_or(site.guess), "length")?;
        check(start >= problem.now.0 && job.release.is_none_or(|release| start >= release.0), "too early")?;
        check(job.held.is_none(), "held")?;
        check(job.pinned.is_none_or(|pinned| pinned.0 == on), "pinned elsewhere")?;
        check(!job.barred.contains(&(PrinterAt(on), 7)), "barred")?;
        check(job.kind == printer.kind, "kind")?;
        check(matches!(printer.state, State::Idle | State::Busy { .. }), "state")?;
        check(job.needs.extents.is_none_or(|size| size[0] <= printer.volume[0]), "size")?;
        let loaded = |load: &Load| {
            Some(load.material) == job.needs.material
                && load.usable == Usable::Yes
                && job.needs.amount.is_none_or(|needs| load.left.is_none_or(|left| left >= needs))
        };
        check(
            job.needs.material.is_none() || !printer.tracks_material || printer.loads.iter().any(loaded),
            "material",
        )?;
        check(
            printer.windows.iter().all(|one| one.to.0 <= start || end <= one.from.0 || one.from == one.to),
            "maintenance",
        )?;
        let attended = job.attended || !printer.unattended;
        check(!attended || somebody_is_there(site, start), "nobody there")?;
        check(!matches!(printer.calibration, Calibration::Until(until) if start >= until.0), "calibration")?;
        if let State::Busy { until, .. } = printer.state {
            check(start >= ready(site, printer.bed, until.0), "still prints")?;
        } else if printer.bed == Bed::Occupied {
            check(start >= ready(site, printer.bed, 0), "bed")?;
        }
        for &(other, there, starts, ends) in &all {
            check(
                other == at
                    || there != on
                    || starts >= ready(site, printer.bed, end)
                    || start >= ready(site, printer.bed, ends),
                "two at once",
            )?;
        }
    }
    overdrawn(problem, &all)?;
    for &(circuit, watts) in &site.circuits {
        let mut draws: Vec<(i64, i64, u32, bool)> = Vec::new();
        for (at, printer) in problem.printers.iter().enumerate() {
            let Some(power) = printer.power.filter(|power| power.circuit == circuit) else { continue };
            let mut add = |from: i64, hot: i64, to: i64, planned: bool| {
                draws.push((from, hot.min(to), power.heating, planned));
                draws.push((hot.min(to), to, power.printing, planned));
            };
            if let State::Busy { until, heats_until, .. } = printer.state {
                add(0, heats_until.0, until.0, false);
            }
            for (_, _, start, end) in all.iter().filter(|one| one.1 == at) {
                add(*start, start + i64::from(power.heat_up), *end, true);
            }
        }
        for moment in draws.iter().map(|draw| draw.0).collect::<Vec<_>>() {
            let on = || draws.iter().filter(|draw| draw.0 <= moment && moment < draw.1);
            if on().any(|draw| draw.3) && on().map(|draw| draw.2).sum::<u32>() > watts {
                return Err(format!("too much power at {moment}"));
            }
        }
    }
    Ok(())
}

struct Plain;

impl Names for Plain {
    fn job(&self, job: JobAt) -> String {
        format!("job {}", job.0)
    }
    fn printer(&self, printer: PrinterAt) -> String {
        ["Anna", "Bert"].get(printer.0).map_or_else(|| format!("P{}", printer.0), |name| (*name).to_owned())
    }
    fn material(&self, material: Material) -> String {
        ["PLA", "PETG"].get(usize::try_from(material.0).unwrap()).map_or("a material", |name| name).to_owned()
    }
    fn lot(&self, lot: Lot) -> String {
        format!("L{}", lot.0)
    }
    fn process(&self, process: Process) -> String {
        format!("process {}", process.0)
    }
    fn circuit(&self, circuit: Circuit) -> String {
        format!("C{}", circuit.0)
    }
    fn model(&self, _: Model) -> String {
        "MK4".to_owned()
    }
    fn purpose(&self, purpose: Use) -> String {
        ["guides", "displays"][usize::from(purpose.0)].to_owned()
    }
    fn barred(&self, code: u16) -> (String, String) {
        (format!("rule {code} says no"), "ask quality".to_owned())
    }
    fn moment(&self, moment: Seconds) -> String {
        format!("{} h", moment.0 / HOUR)
    }
}

/// Of jobs that are all there now, how many must be late on one printer (Moore and Hodgson).
fn fewest_late(mut jobs: Vec<(i64, i64)>) -> usize {
    jobs.sort_unstable_by_key(|job| job.1);
    let (mut kept, mut end, mut late) = (Vec::new(), 0, 0);
    for (duration, due) in jobs {
        kept.push(duration);
        end += duration;
        if end > due {
            kept.sort_unstable();
            end -= kept.pop().unwrap();
            late += 1;
        }
    }
    late
}

/// A small generator of its own, so that figures are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_breaks_no_rule(problem in some_problem()) {
        prop_assert_eq!(broken(&problem, &plan(&problem)), Ok(()));
    }

    #[test]
    fn every_pair_has_a_reason_and_every_job_that_waits_names_one(problem in some_problem()) {
        let plan = plan(&problem);
        for (at, job) in plan.jobs.iter().enumerate() {
            let mut chosen = 0;
            for on in 0..problem.printers.len() {
                let reason = plan.why_not(&problem, JobAt(at), PrinterAt(on));
                let words = reason.in_words(&Plain);
                prop_assert!(words.ends_with('.') && words.contains(';'), "{}", words);
                match reason {
                    Reason::Chosen { .. } | Reason::Running { .. } => chosen += 1,
                    Reason::Against(against) => prop_assert!(!against.is_empty(), "{job:?} {on}"),
                    Reason::RunsOn(_) => {
                        let runs = matches!(job, Planned::Running { .. });
                        prop_assert!(runs);
                    }
                    Reason::Elsewhere { there, .. } => prop_assert_ne!(there, PrinterAt(on)),
                    Reason::Unknown => prop_assert!(false),
                }
            }
            match job {
                Planned::Waiting { why, .. } => {
                    prop_assert_eq!(chosen, 0);
                    prop_assert!(why.in_words(&Plain).contains(';'));
                    prop_assert_eq!(matches!(why, Waiting::Held(_)), problem.jobs[at].held.is_some());
                    if let Waiting::Nowhere { against, .. } = why {
                        prop_assert!(!against.is_empty());
                    }
                }
                _ => prop_assert_eq!(chosen, 1),
            }
        }
    }

    #[test]
    fn where_a_spool_is_used_up_by_others_every_pair_says_so(problem in some_problem()) {
        let plan = plan(&problem);
        let all = assigned(&plan);
        for (at, job) in problem.jobs.iter().enumerate() {
            let Some((material, amount)) = job.needs.material.zip(job.needs.amount) else { continue };
            for on in 0..problem.printers.len() {
                let Some((left, runs)) = hangs(&problem, on, material) else { continue };
                let spare = left.saturating_sub(runs).saturating_sub(planned_of(&problem, &all, on, material));
                let of_it = || problem.printers[on].loads.iter().filter(|load| load.material == material);
                if of_it().any(|load| load.usable != Usable::Yes) {
                    continue;
                }
                let alone = of_it().any(|load| load.left.is_some_and(|left| left >= amount));
                let used_up = match plan.why_not(&problem, JobAt(at), PrinterAt(on)) {
                    Reason::Against(against) => {
                        against.iter().any(|one| matches!(one, Obstacle::UsedUp { .. }))
                    }
                    Reason::Elsewhere { .. } => false,
                    _ => continue,
                };
                prop_assert!(used_up || !alone || spare >= amount.0, "{} on {}", at, on);
                prop_assert!(!used_up || spare < amount.0, "{} on {}", at, on);
            }
        }
    }

    #[test]
    fn one_lot_on_several_printers_is_not_planned_twice(
        amounts in prop::collection::vec(1u64..400, 1..9),
        lefts in prop::collection::vec(1u64..900, 1..3),
        on in prop::collection::vec(0usize..2, 1..5),
    ) {
        let loaded = |lot: usize| load(lefts[lot % lefts.len()], u32::try_from(lot % lefts.len()).unwrap());
        let printers = on.iter().map(|lot| Printer { loads: vec![loaded(*lot)], ..printer() }).collect();
        let jobs = (0u64..).zip(&amounts).map(|(order, grams)| of_pla(order, *grams)).collect();
        let problem = problem(jobs, printers);
        let all = assigned(&plan(&problem));
        for (lot, left) in lefts.iter().enumerate() {
            let of_it = all.iter().filter(|one| on[one.1] % lefts.len() == lot);
            prop_assert!(of_it.map(|one| amounts[one.0]).sum::<u64>() <= *left);
        }
    }

    #[test]
    fn a_new_job_moves_nothing_that_is_firm_or_prepared(mut problem in some_problem(), new in some_job()) {
        let first = plan(&problem);
        problem.before = first.before();
        problem.jobs.push(Job { order: 99, ..new });
        let second = plan(&problem);
        prop_assert_eq!(broken(&problem, &second), Ok(()));
        for (at, on, start, _) in assigned(&first) {
            let firm = start < problem.now.0 + problem.site.firm;
            // Power is not kept for a person who has not come.
            let printer = &problem.printers[on];
            let waits = is_uncleared(printer) || !printer.unattended || problem.jobs[at].attended;
            let gives_way = waits && printer.power.is_some();
            if firm || problem.jobs[at].prepared == Some(PrinterAt(on)) {
                let there = assigned(&second).into_iter().find(|one| one.0 == at);
                let stays = there.is_some_and(|one| one.1 == on && (gives_way || one.2 <= start));
                prop_assert!(stays, "{} {:?}", at, there);
            }
        }
    }

    #[test]
    fn no_printer_stands_idle_for_long_beside_a_start_that_is_later_with_each_plan(
        lengths in prop::collection::vec(1i64..60, 1..5),
        left in 1i64..50,
        handling in 1i64..20,
        paused in any::<bool>(),
    ) {
        let jobs = (0u64..).zip(&lengths).map(|(order, length)| job(order, length * 60, None)).collect();
        let mut one = problem(jobs, vec![printer(), printer()]);
        (one.site.firm, one.site.stay, one.site.handling) = (HOUR, 300, handling * 60);
        one.printers[1].bed = Bed::ClearsItself;
        let wait = (handling + if paused { left } else { 0 }) * 60;
        one.before = (0..one.jobs.len())
            .map(|at| Before::new(JobAt(at), PrinterAt(0), Seconds(wait + HOUR * i64::try_from(at).unwrap())))
            .collect();
        let (mut busy_until, mut idle_since) = (0, 0);
        for now in (0..150).map(|step| step * 120) {
            one.now = Seconds(now);
            let busy = |until: i64| State::Busy { until: Seconds(until), job: None, heats_until: Seconds(0) };
            // Nobody goes on with the print there, or nobody clears its bed.
            one.printers[0].bed = if paused { Bed::Clear } else { Bed::Occupied };
            one.printers[0].state = if paused { busy(now + left * 60) } else { State::Idle };
            one.printers[1].state = if now < busy_until { busy(busy_until) } else { State::Idle };
            let plan = plan(&one);
            one.before = plan.before();
            if now < busy_until {
                idle_since = now;
                continue;
            }
            match assigned(&plan).into_iter().find(|begins| begins.1 == 1 && begins.2 <= now) {
                Some((at, _, _, end)) => {
                    (busy_until, idle_since) = (end, now);
                    one.jobs.remove(at);
                    one.before.retain(|before| before.job.0 != at);
                    one.before.iter_mut().filter(|before| before.job.0 > at).for_each(|before| before.job.0 -= 1);
                }
                None if one.jobs.is_empty() => break,
                None => prop_assert!(now - idle_since <= wait + GRACE + 240, "idle at {} since {}", now, idle_since),
            }
        }
    }

    #[test]
    fn the_order_in_which_jobs_are_handed_in_does_not_matter(problem in some_problem(), turn in 0usize..14) {
        let mut problem = problem;
        problem.before = plan(&problem).before();
        let first = plan(&problem);
        let count = problem.jobs.len().max(1);
        let turn = turn % count;
        let moved = |at: JobAt| JobAt((at.0 + count - turn) % count);
        let mut turned = problem.clone();
        turned.jobs.rotate_left(turn);
        turned.before.iter_mut().for_each(|one| one.job = moved(one.job));
        for printer in &mut turned.printers {
            if let State::Busy { job: Some(job), .. } = &mut printer.state {
                *job = moved(*job);
            }
        }
        let mut second = plan(&turned);
        second.jobs.rotate_right(turn);
        prop_assert_eq!(first.jobs, second.jobs);
    }

    #[test]
    fn one_printer_is_as_good_as_theory_says(
        times in prop::collection::vec((1i64..20, 1i64..80), 1..8),
        handling in 0i64..3,
    ) {
        let jobs = (0u64..).zip(&times).map(|(order, (duration, due))| job(order, *duration, Some(*due))).collect();
        let mut problem = problem(jobs, vec![printer()]);
        problem.site.handling = handling;
        let plan = plan(&problem);
        // Earliest due first has the smallest maximum lateness (Jackson): the same as trying all orders.
        let mut sorted = times.clone();
        sorted.sort_by_key(|time| time.1);
        let lateness = |order: &[(i64, i64)]| {
            let ends = order.iter().scan(-handling, |end, time| { *end += time.0 + handling; Some(*end - time.1) });
            ends.collect::<Vec<_>>()
        };
        let by_due = lateness(&sorted);
        let most = plan.jobs.iter().filter_map(Planned::slack).map(|slack| -slack).max();
        let by_due_late = by_due.iter().filter(|late| **late > 0).count();
        prop_assert!(late(&plan) <= by_due_late);
        if by_due_late == 0 {
            let mut least = i64::MAX;
            permute(&mut times.clone(), 0, &mut |order| {
                least = least.min(lateness(order).into_iter().max().unwrap());
            });
            prop_assert_eq!(most, Some(least));
            let mut sequence = assigned(&plan);
            sequence.sort_by_key(|one| one.2);
            prop_assert!(sequence.is_sorted_by_key(|one| times[one.0].1), "{:?}", sequence);
        }
    }
}

fn permute(times: &mut Vec<(i64, i64)>, from: usize, each: &mut impl FnMut(&[(i64, i64)])) {
    if from == times.len() {
        return each(times);
    }
    for at in from..times.len() {
        times.swap(from, at);
        permute(times, from + 1, each);
        times.swap(from, at);
    }
}

#[test]
fn small_plans_are_hardly_ever_worse_than_the_best_there_is() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut best_ones, cases) = (0, 1_000);
    for case in 0..cases {
        let times: Vec<(i64, i64, bool)> = (0..2 + random.below(5))
            .map(|_| {
                let duration = 1 + random.below(20);
                (duration, duration + random.below(40), random.below(4) == 0)
            })
            .collect();
        let jobs = (0u64..)
            .zip(&times)
            .map(|(order, (duration, due, pinned))| {
                let mut job = job(order, *duration, Some(*due));
                job.pinned = pinned.then_some(PrinterAt(0));
                job
            })
            .collect();
        let ours = late(&plan(&problem(jobs, vec![printer(), printer()])));
        let best = (0..1u32 << times.len())
            .filter(|on| times.iter().enumerate().all(|(at, time)| !time.2 || on >> at & 1 == 0))
            .map(|on| {
                let on_one = |one: u32| {
                    let mine = times.iter().enumerate().filter(|(at, _)| on >> at & 1 == one);
                    fewest_late(mine.map(|(_, time)| (time.0, time.1)).collect())
                };
                on_one(0) + on_one(1)
            })
            .min()
            .unwrap();
        assert!(ours == best || ours == best + 1, "case {case}: {ours} late, {best} at best");
        best_ones += usize::from(ours == best);
    }
    println!("{best_ones} of {cases} have the fewest late jobs possible");
    assert!(best_ones * 100 >= cases * 97);
}

fn words_of(problem: &Problem, on: usize) -> String {
    plan(problem).why_not(problem, JobAt(0), PrinterAt(on)).in_words(&Plain)
}

type Change = fn(&mut Problem);

/// One job and two printers, of which one thing is changed; what is said about the first.
fn said(change: impl FnOnce(&mut Problem)) -> String {
    let mut one = problem(vec![job(0, 5 * HOUR, None)], vec![printer(), printer()]);
    one.jobs[0].needs.material = Some(Material(0));
    let load =
        Load { material: Material(0), lot: Some(Lot(7)), usable: Usable::Yes, left: Some(Amount(900_000)) };
    one.printers.iter_mut().for_each(|printer| printer.loads = vec![load]);
    change(&mut one);
    words_of(&one, 0)
}

#[test]
fn every_reason_says_what_is_in_the_way_and_what_to_do() {
    let against = |change: Change| {
        let said = said(change);
        let start = "It cannot be printed here because ";
        said.strip_prefix(start).map_or_else(|| said.clone(), str::to_owned)
    };
    let table: [(Change, &str); 24] = [
        (|p| p.jobs[0].held = Some(Hold::ByPerson), "somebody holds the job; release it."),
        (|p| p.jobs[0].held = Some(Hold::NotApproved), "its model is not approved; have it approved."),
        (|p| p.jobs[0].kind = Kind::Resin, "the job needs a resin printer; choose such a one."),
        (
            |p| p.jobs[0].needs.extents = Some([100_000, 212_300, 10_000]),
            "what it prints is 12.3 mm too large in Y; choose a larger printer, or turn or split the part.",
        ),
        (
            |p| p.jobs[0].needs.nozzle = Some(600),
            "the nozzle is 0.4 mm wide and the job needs 0.6 mm; change the nozzle.",
        ),
        (|p| p.printers[0].loads.clear(), "PLA is not loaded; load PLA."),
        (
            |p| p.printers[0].loads[0].usable = Usable::Expired,
            "the loaded PLA of lot L7 has expired; load a lot that has not.",
        ),
        (
            |p| p.printers[0].loads[0].usable = Usable::Recalled,
            "the loaded PLA of lot L7 has been recalled; take it out and load another lot.",
        ),
        (
            |p| p.jobs[0].needs.amount = Some(Amount(1_000_000)),
            "900 g of PLA are left and the job needs 1000 g; load more PLA.",
        ),
        (
            |p| {
                p.jobs[0].needs.process = Some(Process(3));
                p.printers[0].validated = Validated::Only(vec![(Process(3), vec![Use(1)])]);
            },
            "process 3 is not validated here for guides; validate it, or choose another printer.",
        ),
        (
            |p| p.printers[0].qualification = Qualification::Unqualified,
            "the printer is not qualified; qualify it, or choose another printer.",
        ),
        (
            |p| p.printers[0].qualification = Qualification::Restricted(vec![Use(1)]),
            "the printer's qualification does not cover guides; choose another printer.",
        ),
        (
            |p| p.printers[0].calibration = Calibration::Unknown,
            "nobody entered when its calibration ends; calibrate it, or enter the day.",
        ),
        (
            |p| {
                p.printers[0].calibration = Calibration::Until(Seconds(2 * HOUR));
                p.jobs[0].release = Some(Seconds(3 * HOUR));
            },
            "it could begin only after its calibration ends at 2 h; calibrate it.",
        ),
        (|p| p.printers[0].state = State::Offline, "the printer is offline; connect it."),
        (|p| p.printers[0].state = State::Locked, "the printer is locked; look at it and unlock it."),
        (
            |p| p.jobs[0].pinned = Some(PrinterAt(1)),
            "the job is pinned to Bert; print it on Bert, or unpin it.",
        ),
        (|p| p.jobs[0].prepared = Some(PrinterAt(1)), "Bert is prepared for the job; print it on Bert."),
        (|p| p.jobs[0].barred = vec![(PrinterAt(0), 12)], "rule 12 says no; ask quality."),
        (
            |p| {
                p.printers[0].state =
                    State::Busy { until: Seconds(2 * HOUR), job: None, heats_until: Seconds(0) };
                p.printers[0].bed = Bed::ClearsItself;
            },
            "Bert ends it sooner, at 5 h, and here it would end at 7 h because it prints until 2 h; leave it there.",
        ),
        (
            |p| {
                p.printers[0].bed = Bed::Occupied;
                p.site.attended = vec![window(7 * HOUR, 9 * HOUR)];
            },
            "Bert ends it sooner, at 5 h, and here it would end at 12 h because its bed is not ready until 7 h; leave it there.",
        ),
        (
            |p| p.printers[0].windows = vec![window(3 * HOUR, 4 * HOUR)],
            "Bert ends it sooner, at 5 h, and here it would end at 9 h because maintenance is in the way until 4 h; leave it there.",
        ),
        (
            |p| {
                p.printers[0].unattended = false;
                p.site.attended = vec![window(7 * HOUR, 9 * HOUR)];
            },
            "Bert ends it sooner, at 5 h, and here it would end at 12 h because a person must be there when it begins and none is until 7 h; leave it there.",
        ),
        (
            |p| {
                p.site.circuits = vec![(Circuit(1), 500)];
                let power = Power { circuit: Circuit(1), heating: 300, printing: 100, heat_up: 900 };
                p.printers[0].power = Some(power);
                let mut other = printer();
                other.power = Some(Power { heating: 450, printing: 450, ..power });
                other.state = State::Busy { until: Seconds(2 * HOUR), job: None, heats_until: Seconds(0) };
                p.printers.push(other);
            },
            "Bert ends it sooner, at 5 h, and here it would end at 7 h because circuit C1 has no power to spare for it until 2 h; leave it there.",
        ),
    ];
    for (change, words) in table {
        assert_eq!(against(change), words);
    }
}

#[test]
fn several_things_in_the_way_are_one_sentence() {
    let words = said(|p| {
        p.printers[0].loads.clear();
        p.printers[0].state = State::Locked;
        p.jobs[0].needs.nozzle = Some(600);
    });
    assert_eq!(
        words,
        "It cannot be printed here because the printer is locked, the nozzle is 0.4 mm wide and the job needs 0.6 mm \
         and PLA is not loaded; look at it and unlock it, change the nozzle and load PLA."
    );
}

#[test]
fn a_job_that_no_printer_can_take_names_the_nearest() {
    let mut one = problem(vec![job(0, HOUR, Some(0))], vec![printer(), printer()]);
    one.jobs[0].needs.material = Some(Material(1));
    one.printers[0].state = State::Offline;
    let plan = plan(&one);
    let Planned::Waiting { why, .. } = &plan.jobs[0] else { panic!("{:?}", plan.jobs) };
    let words = "The job waits because no printer can take it, and for Bert, which comes nearest, PETG is not loaded; \
                 load PETG.";
    assert_eq!(why.in_words(&Plain), words);
    assert_eq!(plan.late(), [(JobAt(0), HOUR)]);
}

/// A job of an hour that takes so many grams.
fn of_pla(order: u64, grams: u64) -> Job {
    let mut one = job(order, HOUR, None);
    (one.needs.material, one.needs.amount) = (Some(Material(0)), Some(Amount(grams * 1_000)));
    one
}

fn load(grams: u64, lot: u32) -> Load {
    let left = Some(Amount(grams * 1_000));
    Load { material: Material(0), lot: Some(Lot(lot)), usable: Usable::Yes, left }
}

/// Jobs that take so many grams, and printers on which so many hang, each of a lot of its own.
fn spools(jobs: &[u64], lefts: &[u64]) -> Problem {
    let jobs = (0u64..).zip(jobs).map(|(order, grams)| of_pla(order, *grams)).collect();
    let printers =
        (0u32..).zip(lefts).map(|(lot, left)| Printer { loads: vec![load(*left, lot)], ..printer() });
    problem(jobs, printers.collect())
}

/// The job and the printer of what is assigned.
fn pairs(problem: &Problem) -> Vec<(usize, usize)> {
    assigned(&plan(problem)).into_iter().map(|one| (one.0, one.1)).collect()
}

#[test]
fn a_spool_is_used_up_by_the_jobs_that_are_planned_on_it_and_the_next_says_how_far() {
    let one = spools(&[400, 400, 400], &[500]);
    let first = plan(&one);
    assert_eq!(assigned(&first), [(0, 0, 0, HOUR)]);
    let used_up = "500 g of PLA are left, the jobs before it take 400 g of that and it needs 400 g; load another \
                   spool of PLA, or move a job to another printer.";
    for job in [1, 2] {
        let Planned::Waiting { why, .. } = &first.jobs[job] else { panic!("{:?}", first.jobs) };
        let start = "The job waits because no printer can take it, and for Anna, which comes nearest, ";
        assert_eq!(why.in_words(&Plain), format!("{start}{used_up}"));
        let pair = first.why_not(&one, JobAt(job), PrinterAt(0)).in_words(&Plain);
        assert_eq!(pair, format!("It cannot be printed here because {used_up}"));
    }
}

#[test]
fn a_vat_is_used_up_by_the_jobs_before_and_the_next_says_that_it_has_to_be_topped_up() {
    let mut vat = spools(&[150, 150, 150], &[300]);
    vat.jobs.iter_mut().for_each(|job| job.kind = Kind::Resin);
    let resin = &mut vat.printers[0];
    (resin.kind, resin.loads[0].usable, resin.loads[0].lot) = (Kind::Resin, Usable::InVat, None);
    resin.loads[0].left = Some(Amount(299_999));
    let first = plan(&vat);
    assert_eq!(assigned(&first).len(), 1, "by a drop too little for two");
    vat.printers[0].loads[0].left = Some(Amount(300_000));
    let first = plan(&vat);
    assert_eq!(assigned(&first), [(0, 0, 0, HOUR), (1, 0, HOUR, 2 * HOUR)]);
    let Planned::Waiting { why, .. } = &first.jobs[2] else { panic!("{:?}", first.jobs) };
    let short = "the vat gives 300 ml of PLA, the jobs before it take 300 ml of that and it needs 150 ml; top the \
                 vat up when they are printed, or move a job to another printer.";
    let start = "The job waits because no printer can take it, and for Anna, which comes nearest, ";
    assert_eq!(why.in_words(&Plain), format!("{start}{short}"));
    // What the vat does not hold, or gives too little of for one job alone, the caller says.
    vat.printers[0].loads[0].material = Material(1);
    assert_eq!(assigned(&plan(&vat)).len(), 3);
    vat.printers[0].loads[0] = Load { material: Material(0), ..vat.printers[0].loads[0] };
    vat.jobs.truncate(1);
    vat.printers[0].state =
        State::Busy { until: Seconds(HOUR), job: Some(JobAt(0)), heats_until: Seconds(0) };
    vat.jobs.extend([job(1, HOUR, None), job(2, HOUR, None)]);
    for at in [1, 2] {
        (vat.jobs[at].kind, vat.jobs[at].needs) = (Kind::Resin, vat.jobs[0].needs.clone());
    }
    assert!(matches!(plan(&vat).jobs[2], Planned::Waiting { .. }), "what runs takes its own");
}

#[test]
fn what_one_spool_cannot_feed_is_planned_where_another_hangs() {
    let two = spools(&[400, 400, 400], &[500, 850]);
    let mut planned = pairs(&two);
    planned.sort_by_key(|one| one.1);
    assert_eq!(planned.iter().map(|one| one.1).collect::<Vec<_>>(), [0, 1, 1]);
    let (plan, job) = (plan(&two), planned[1].0);
    let Reason::Against(against) = plan.why_not(&two, JobAt(job), PrinterAt(0)) else { panic!("{plan:?}") };
    let grams = |grams: u64| Amount(grams * 1_000);
    let (needs, left, planned) = (grams(400), grams(500), grams(400));
    assert_eq!(against, [Obstacle::UsedUp { material: Material(0), needs, left, planned }]);
}

#[test]
fn what_is_added_up_on_a_spool() {
    type Row = (&'static str, Change, &'static [(usize, usize)]);
    let table: [Row; 9] = [
        ("just enough", |p| p.printers[0].loads[0].left = Some(Amount(800_000)), &[(0, 0), (1, 0)]),
        ("one milligram too few", |p| p.printers[0].loads[0].left = Some(Amount(799_999)), &[(0, 0)]),
        ("nobody knows what is left", |p| p.printers[0].loads[0].left = None, &[(0, 0), (1, 0), (2, 0)]),
        (
            "nobody knows what two of them need",
            |p| p.jobs[1..].iter_mut().for_each(|job| job.needs.amount = None),
            &[(0, 0), (1, 0), (2, 0)],
        ),
        ("nothing is asked", |p| p.printers[0].tracks_material = false, &[(0, 0), (1, 0), (2, 0)]),
        (
            "what prints now takes its share",
            |p| {
                p.printers[0].loads = vec![load(900, 0)];
                let until = Seconds(HOUR);
                p.printers[0].state = State::Busy { until, job: Some(JobAt(2)), heats_until: Seconds(0) };
            },
            &[(0, 0)],
        ),
        (
            "what prints now takes more than should be left",
            |p| {
                p.jobs[2].needs.amount = Some(Amount(700_000));
                let until = Seconds(HOUR);
                p.printers[0].state = State::Busy { until, job: Some(JobAt(2)), heats_until: Seconds(0) };
            },
            &[],
        ),
        ("two loads of it", |p| p.printers[0].loads.push(load(400, 1)), &[(0, 0), (1, 0)]),
        (
            "a small one fits behind a large one that does not",
            |p| p.jobs[2].needs.amount = Some(Amount(100_000)),
            &[(0, 0), (2, 0)],
        ),
    ];
    for (what, change, wanted) in table {
        let mut one = spools(&[400, 400, 400], &[500]);
        change(&mut one);
        assert_eq!(pairs(&one), wanted, "{what}");
    }
}

#[test]
fn a_job_that_may_go_elsewhere_leaves_the_spool_to_the_one_that_may_not() {
    for pinned in [0, 1] {
        let mut two = spools(&[400, 400], &[500, 500]);
        two.jobs[1].pinned = Some(PrinterAt(pinned));
        assert_eq!(pairs(&two), [(0, 1 - pinned), (1, pinned)]);
        two.jobs[0].due = Some(Seconds(2 * HOUR));
        assert_eq!(pairs(&two), [(0, 1 - pinned), (1, pinned)]);
    }
}

#[test]
fn of_two_that_one_spool_cannot_feed_the_first_is_planned_however_long_it_prints() {
    let mut one = spools(&[400, 400], &[500]);
    one.jobs[0].duration = Some(9 * HOUR);
    assert_eq!(pairs(&one), [(0, 0)]);
    one.jobs[1].priority = Priority::Urgent;
    assert_eq!(pairs(&one), [(1, 0)]);
    // It is late anyhow, and must not be printed never for that.
    (one.jobs[0].due, one.jobs[1].due) = (Some(Seconds(20 * HOUR)), Some(Seconds(0)));
    assert_eq!(pairs(&one), [(1, 0)]);
}

#[test]
fn a_spool_is_kept_for_the_job_that_the_printer_is_prepared_for() {
    let mut one = spools(&[400, 400, 400], &[500]);
    one.site.firm = 10 * HOUR;
    one.jobs[2].prepared = Some(PrinterAt(0));
    assert_eq!(pairs(&one), [(2, 0)]);
    // Less is left than was thought when both were planned, and the other one was to begin first.
    let before = |job, start| Before::new(JobAt(job), PrinterAt(0), Seconds(start));
    one.before = vec![before(0, 0), before(2, HOUR)];
    assert_eq!(pairs(&one), [(2, 0)]);
    one.printers[0].loads = vec![load(800, 0)];
    assert_eq!(pairs(&one), [(0, 0), (2, 0)]);
}

#[test]
fn a_plan_of_spools_that_are_short_stays_as_it_is_when_it_is_made_again() {
    let mut two = spools(&[400, 300, 200, 400, 100], &[700, 450]);
    two.site.firm = HOUR;
    let first = plan(&two);
    two.before = first.before();
    assert_eq!(plan(&two), first);
    // A routine job that comes later takes nothing from what is planned.
    two.jobs.push(of_pla(5, 300));
    let again = assigned(&plan(&two));
    assert!(assigned(&first).iter().all(|one| again.contains(one)), "{again:?}");
}

#[test]
fn a_printer_is_left_only_for_one_that_is_better_by_more_than_a_little() {
    let mut one = problem(vec![job(0, HOUR, Some(4 * HOUR))], vec![printer(), printer()]);
    one.site.stay = HOUR;
    one.before = vec![Before::new(JobAt(0), PrinterAt(1), Seconds(HOUR))];
    one.printers[1].windows = vec![window(0, HOUR)];
    assert_eq!(assigned(&plan(&one)), [(0, 1, HOUR, 2 * HOUR)]);
    one.printers[1].windows = vec![window(0, 2 * HOUR)];
    assert_eq!(assigned(&plan(&one)), [(0, 0, 0, HOUR)]);
}

#[test]
fn what_is_prepared_on_a_printer_that_fails_goes_elsewhere() {
    let mut one = problem(vec![job(0, HOUR, None)], vec![printer(), printer()]);
    one.jobs[0].prepared = Some(PrinterAt(1));
    assert_eq!(assigned(&plan(&one)), [(0, 1, 0, HOUR)]);
    one.printers[1].state = State::Locked;
    assert_eq!(assigned(&plan(&one)), [(0, 0, 0, HOUR)]);
    one.jobs[0].pinned = Some(PrinterAt(1));
    assert_eq!(assigned(&plan(&one)), []);
}

#[test]
fn what_is_firm_is_not_begun_sooner_where_that_would_make_another_later() {
    let mut one = problem(vec![job(0, 5_000, None), job(1, 300, None)], vec![printer(), printer()]);
    one.site.circuits = vec![(Circuit(0), 500)];
    one.site.firm = HOUR;
    let power = Power { circuit: Circuit(0), heating: 100, printing: 400, heat_up: 600 };
    one.printers[0].power = Some(power);
    one.printers[1].power = Some(Power { heating: 350, printing: 350, ..power });
    one.jobs[1].release = Some(Seconds(1_100));
    let before = |job, start| Before::new(JobAt(job), PrinterAt(job), Seconds(start));
    one.before = vec![before(0, 1_000), before(1, 1_100)];
    assert_eq!(assigned(&plan(&one)), [(0, 0, 1_000, 6_000), (1, 1, 1_100, 1_400)]);
}

#[test]
fn what_is_just_as_large_as_the_printer_fits() {
    let mut one = problem(vec![job(0, HOUR, None)], vec![printer()]);
    one.jobs[0].needs.extents = Some([200_000; 3]);
    assert_eq!(assigned(&plan(&one)), [(0, 0, 0, HOUR)]);
}

#[test]
fn nothing_is_printed_on_a_prepared_printer_before_what_it_is_prepared_for() {
    let mut one = problem(vec![job(0, HOUR, None), job(1, HOUR, None)], vec![printer()]);
    one.jobs[0].prepared = Some(PrinterAt(0));
    one.jobs[0].release = Some(Seconds(4 * HOUR));
    assert_eq!(assigned(&plan(&one)), [(0, 0, 4 * HOUR, 5 * HOUR), (1, 0, 5 * HOUR, 6 * HOUR)]);
    one.jobs[0].prepared = None;
    assert_eq!(assigned(&plan(&one)), [(0, 0, 4 * HOUR, 5 * HOUR), (1, 0, 0, HOUR)]);
}

#[test]
fn the_emergency_is_in_time_and_the_routine_is_late() {
    let mut jobs = vec![job(0, 3 * HOUR, Some(3 * HOUR)), job(1, 3 * HOUR, Some(4 * HOUR))];
    jobs[1].priority = Priority::Emergency;
    let plan = plan(&problem(jobs, vec![printer()]));
    assert_eq!(plan.late(), [(JobAt(0), 3 * HOUR)]);
}

#[test]
fn heat_ups_on_one_circuit_are_staggered() {
    let mut one = problem(vec![job(0, HOUR, None), job(1, HOUR, None)], vec![printer(), printer()]);
    one.site.circuits = vec![(Circuit(0), 500)];
    for printer in &mut one.printers {
        printer.power = Some(Power { circuit: Circuit(0), heating: 350, printing: 100, heat_up: 600 });
    }
    assert_eq!(assigned(&plan(&one)), [(0, 0, 0, HOUR), (1, 1, 600, HOUR + 600)]);
}

#[test]
fn a_print_ends_early_enough_for_what_comes_after_it() {
    let allow =
        Allowances { post_processing: HOUR, inspection: 2 * HOUR, sterilising: 24 * HOUR, transport: 0 };
    assert_eq!(due(Seconds(100 * HOUR), allow), Seconds(73 * HOUR));
}

#[test]
fn moments_at_the_edge_of_time_do_no_harm() {
    let mut one =
        problem(vec![job(0, i64::MAX, Some(i64::MIN)), job(1, i64::MIN, Some(i64::MAX))], vec![printer()]);
    one.jobs[1].release = Some(Seconds(i64::MAX));
    one.site.handling = i64::MAX;
    one.site.firm = i64::MAX;
    one.printers[0].windows = vec![window(i64::MIN, i64::MAX)];
    for now in [i64::MIN, 0, i64::MAX] {
        one.now = Seconds(now);
        let plan = plan(&one);
        one.before = plan.before();
        assert_eq!(plan.jobs.len(), 2);
    }
}

/// Two printers on one circuit that carries one heat-up beside one print; four jobs for the second, whose bed nobody has
/// cleared, and one for either.
fn one_uncleared() -> Problem {
    let mut jobs: Vec<Job> = (0..5).map(|order| job(order, HOUR, None)).collect();
    jobs[..4].iter_mut().for_each(|job| job.pinned = Some(PrinterAt(1)));
    let mut one = problem(jobs, vec![printer(), printer()]);
    one.site.circuits = vec![(Circuit(0), 800)];
    (one.site.handling, one.site.firm, one.site.stay) = (300, HOUR, 300);
    for printer in &mut one.printers {
        printer.power = Some(Power { circuit: Circuit(0), heating: 600, printing: 150, heat_up: 600 });
    }
    one.printers[1].bed = Bed::Occupied;
    one
}

fn place(problem: &Problem, job: usize) -> (usize, i64) {
    let all = assigned(&plan(problem));
    all.into_iter().find(|one| one.0 == job).map(|one| (one.1, one.2)).unwrap()
}

#[test]
fn power_is_not_kept_for_a_bed_that_nobody_has_cleared() {
    let mut one = one_uncleared();
    assert_eq!(place(&one, 4), (0, 0), "nothing was planned before");
    let (before, new) = (plan(&one).before(), one.jobs.pop().unwrap());
    one.before = before.into_iter().filter(|before| before.job.0 < 4).collect();
    one.before[0].start = Seconds(300);
    one.jobs.push(new);
    assert_eq!(place(&one, 4), (0, 0), "the other one is firm");
    assert_eq!(place(&one, 0), (1, 600), "and comes once there is power for it");
    one.jobs[4].attended = true;
    assert_eq!(place(&one, 4), (0, 0), "somebody may be here, and the bed there is not clear");
    assert_eq!(broken(&one, &plan(&one)), Ok(()));
}

#[test]
fn power_is_not_kept_for_a_person_who_has_not_come() {
    let mut one = one_uncleared();
    one.printers[1].bed = Bed::Clear;
    one.before = vec![Before::new(JobAt(0), PrinterAt(1), Seconds(0))];
    assert_eq!(place(&one, 4), (0, 600), "what needs nobody and is planned keeps its power");
    one.printers[1].unattended = false;
    assert_eq!(place(&one, 4), (0, 0));
    one.printers[0].unattended = false;
    assert_eq!(place(&one, 4), (0, 600), "both wait for a person: the first stays the first");
}

#[test]
fn an_emergency_keeps_its_power_until_what_was_promised_is_past() {
    let mut one = one_uncleared();
    (one.jobs[0].priority, one.jobs[0].due) = (Priority::Emergency, Some(Seconds(2 * HOUR)));
    assert_eq!(place(&one, 0), (1, 300));
    assert_eq!(place(&one, 4), (0, 900));
    // What hangs on another circuit does not wait for it.
    let mut other = one.clone();
    other.printers.extend(one_uncleared().printers);
    other.jobs.extend([job(5, HOUR, None), job(6, HOUR, None)]);
    (other.jobs[5].pinned, other.jobs[6].pinned) = (Some(PrinterAt(3)), Some(PrinterAt(2)));
    other.jobs[4].pinned = Some(PrinterAt(0));
    other.site.circuits.push((Circuit(1), 800));
    for printer in &mut other.printers[2..] {
        printer.power = printer.power.map(|power| Power { circuit: Circuit(1), ..power });
    }
    assert_eq!((place(&other, 4), place(&other, 6)), ((0, 900), (2, 0)));
    one.before =
        vec![Before { promised: Seconds(-301), ..Before::new(JobAt(0), PrinterAt(1), Seconds(300)) }];
    assert_eq!(place(&one, 4), (0, 0));
}

#[test]
fn what_is_firm_stays_until_what_was_promised_is_past_and_not_for_ever() {
    let mut one = problem(vec![job(0, HOUR, None)], vec![printer(), printer()]);
    (one.site.firm, one.site.stay) = (HOUR, 300);
    one.before = vec![Before::new(JobAt(0), PrinterAt(0), Seconds(2_100))];
    for now in (0..60).map(|minute| minute * 60) {
        one.now = Seconds(now);
        let until = Seconds(now + 2_100);
        one.printers[0].state = State::Busy { until, job: None, heats_until: Seconds(0) };
        assert_eq!(place(&one, 0).0, usize::from(now > 2_100 + GRACE), "{now}");
        one.before = plan(&one).before();
    }
}

#[test]
fn a_place_that_is_let_go_is_left_for_what_ends_sooner() {
    let mut one = problem(vec![job(0, HOUR, None)], vec![printer(), printer()]);
    (one.site.firm, one.site.stay) = (HOUR, 300);
    one.printers[0].windows = vec![window(0, 240)];
    one.before = vec![Before::new(JobAt(0), PrinterAt(0), Seconds(240))];
    assert_eq!(place(&one, 0), (0, 240));
    one.before[0].freed = true;
    assert_eq!(place(&one, 0), (1, 0));
}

#[test]
fn what_waits_has_nothing_to_spare_and_says_until_when_something_has_to_change() {
    let mut one = problem(vec![job(0, HOUR, Some(3 * HOUR)), job(1, HOUR, None)], vec![printer()]);
    one.jobs.iter_mut().for_each(|job| job.held = Some(Hold::ByPerson));
    let told = |one: &Problem| {
        let plan = plan(one);
        let all = plan.jobs.iter().map(|planned| (planned.slack(), planned.late_unless(&Plain)));
        all.collect::<Vec<_>>()
    };
    let unless = format!("It is late unless it begins by {}.", Plain.moment(Seconds(2 * HOUR)));
    assert_eq!(told(&one), [(None, Some(unless)), (None, None)]);
    one.now = Seconds(2 * HOUR + 60);
    assert_eq!(told(&one)[0], (Some(-60), Some("It is late already.".into())));
    one.jobs[0].held = None;
    assert_eq!(told(&one)[0], (Some(-60), None), "it is planned");
}
