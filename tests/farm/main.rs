//! The whole farm in virtual time, as one world for each seed: people, disk, daemon, wires and firmware.
//!
//! Real: the recorder with its group commit and its yes after the flush, the dispatcher, the printers' tasks with
//! drive, session and recovery, the trails on a file system, the spool, intake, the journal's reading and audit,
//! the configuration. Stand-ins: the boards (`hw-sim`), the ports (a cable of that simulator), the disk under the
//! journal (a volatile and a durable half), people (who call recorder and fleet as the routes of the API do), and
//! the machine's starting of a daemon. Left out: HTTP, MQTT, relays, stop inputs.
//!
//! A daemon lives on a runtime of its own with one thread and a paused clock, and is killed by dropping that. What
//! platen gives to other threads is done in place (`io::offload`), so that a seed is the same run each time.
//! Swarm, then healing, then everything must end. What is held against it is in `invariants` and `board`.
//!
//! `PLATEN_SEEDS=10000` runs more, from `PLATEN_FROM=5000` on, `PLATEN_SEED=7` one, `PLATEN_TRACE=1` tells it all. A
//! seed that fails is made smaller and written down; `PLATEN_REPLAY=FILE cargo test --test farm replay` runs that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers, and tests run on 64 bits")]

mod board;
mod cable;
mod daemon;
mod invariants;
mod library;
mod people;
mod schedule;
mod shrink;
mod store;
mod time;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hw_sim::faults::Fault;
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::quirks::Face;
use library::Library;
use schedule::{Printer, Schedule, Timed, What};
use shrink::{Failing, outcome_of, shrink};
use world::{Mutant, Outcome};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Plays seeds on all cores, until one fails. The outcomes, and the first that failed.
fn play_all(
    seeds: Range<u64>,
    library: &Library,
    mutant: Mutant,
) -> (Vec<Outcome>, Option<(u64, invariants::Broken)>) {
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (outcomes, None);
            }
            match outcome_of(&Schedule::of(seed), library, mutant) {
                Ok(outcome) => outcomes.push(outcome),
                Err(broken) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return (outcomes, Some((seed, broken)));
                }
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut all = Vec::new();
    let mut failed = None;
    for (outcomes, broken) in shares {
        all.extend(outcomes);
        failed = failed.into_iter().chain(broken).min_by_key(|(seed, _)| *seed);
    }
    (all, failed)
}

/// Writes a failure down, smaller, and fails with where it is.
fn report(seed: u64, library: &Library, mutant: Mutant, broken: &invariants::Broken) -> ! {
    let (failing, file) = Failing::keep(&Schedule::of(seed), library, mutant, broken);
    let invariants::Broken { rule, text } = broken;
    panic!(
        "seed {seed} breaks {rule:?}: {text}\nsmaller, with {} events, it is in {}: {}",
        failing.schedule.events.len(),
        file.display(),
        failing.broken.text
    )
}

#[test]
fn whatever_happens_to_a_farm_nothing_acknowledged_is_lost_and_every_job_ends() {
    let library = Library::new();
    let (from, to) = (number("PLATEN_FROM").unwrap_or(0), number("PLATEN_SEEDS").unwrap_or(300));
    let seeds = number("PLATEN_SEED").map_or(from..to, |one| one..one + 1);
    let began = tokio::time::Instant::now();
    let (outcomes, failed) = play_all(seeds, &library, Mutant::None);
    if let Some((seed, broken)) = failed {
        // Whoever looks at one seed has seen the smaller one already.
        assert!(number("PLATEN_SEED").is_none(), "seed {seed}: {broken:?}");
        report(seed, &library, Mutant::None, &broken);
    }
    let micros = outcomes.iter().map(|outcome| outcome.micros).sum();
    let (hours, took) =
        (Duration::from_micros(micros).as_secs_f64() / 3_600.0, began.elapsed().as_secs_f64());
    println!(
        "{} seeds, {hours:.1} virtual hours in {took:.0} s ({:.0} times as fast as time), {} lives of the daemon",
        outcomes.len(),
        hours * 3_600.0 / took,
        outcomes.iter().map(|outcome| outcome.lives).sum::<u64>(),
    );
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, count) in outcomes.iter().flat_map(|outcome| &outcome.kinds) {
        *kinds.entry(kind).or_default() += count;
    }
    println!("entries: {kinds:?}");
    if outcomes.len() < 100 {
        return;
    }
    // A swarm in which something does not happen shows nothing of it.
    let count = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
    for kind in HAPPENS {
        assert!(count(kind) > 0, "no {kind} in {kinds:?}");
    }
    assert!(count("job_printed") * 3 >= count("job_queued"), "{kinds:?}");
}

/// What every larger swarm has to have.
const HAPPENS: [&str; 16] = [
    "job_started",
    "job_progress",
    "job_paused",
    "job_resumed",
    "job_continued",
    "job_printed",
    "job_cancelled",
    "job_interrupted",
    "bed_cleared",
    "printer_stopped",
    "stop_verified",
    "stop_unverified",
    "printer_faulted",
    "heat_alarm",
    "latch_cleared",
    "printer_identified",
];

#[test]
fn a_seed_is_the_same_run_to_the_byte_each_time() {
    let library = Library::new();
    for seed in 0..12 {
        let schedule = Schedule::of(seed);
        let first = outcome_of(&schedule, &library, Mutant::None);
        assert_eq!(first, outcome_of(&schedule, &library, Mutant::None), "seed {seed}");
    }
}

/// The first seed that finds a planted bug, what rule it breaks, and the file from which it breaks it again.
fn is_caught(mutant: Mutant, rules: &[&str]) {
    let library = Library::new();
    let (_, found) = play_all(0..number("PLATEN_MUTANT_SEEDS").unwrap_or(1_000), &library, mutant);
    let Some((seed, broken)) = found else { panic!("{mutant:?} was not caught") };
    println!("{mutant:?} is caught by seed {seed}: {broken:?}");
    assert!(rules.contains(&broken.rule.as_str()), "{broken:?}");
    let schedule = Schedule::of(seed);
    let (failing, file) = Failing::keep(&schedule, &library, mutant, &broken);
    let (before, after) = (schedule.events.len(), failing.schedule.events.len());
    println!("of {before} events {after} are left");
    assert!(after < before, "{before} events, and {after} are left");
    let again = Failing::read(&file);
    let replayed = outcome_of(&again.schedule, &library, again.mutant);
    assert_eq!(replayed.as_ref().err(), Some(&again.broken), "the file is the same run");
    assert_eq!(again.broken.rule, broken.rule);
    // Without the planted bug nothing is wrong with it.
    assert!(outcome_of(&again.schedule, &library, Mutant::None).is_ok());
}

#[test]
fn a_yes_before_the_flush_is_caught() {
    is_caught(Mutant::AckBeforeFlush, &["yes", "legal", "recovery", "lines"]);
}

#[test]
fn a_line_that_is_sent_again_without_asking_is_caught() {
    is_caught(Mutant::ResendUnasked, &["lines"]);
}

#[test]
fn a_job_that_is_begun_again_after_a_crash_is_caught() {
    is_caught(Mutant::StartAfterUnknown, &["recovery", "lines"]);
}

#[test]
fn what_fails_because_of_two_events_is_shrunk_to_these_two() {
    let schedule = (0..).map(Schedule::of).find(|schedule| schedule.events.len() > 20).unwrap();
    let (first, second) = (schedule.events[3].clone(), schedule.events[17].clone());
    let both = |less: &Schedule| less.events.contains(&first) && less.events.contains(&second);
    assert_eq!(shrink(&schedule, both).events, [first.clone(), second.clone()]);
}

#[test]
fn a_schedule_that_is_written_and_read_back_is_the_same() {
    for seed in 0..200 {
        let schedule = Schedule::of(seed);
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule, "seed {seed}");
    }
}

/// The hotend goes on heating in the middle of a print, and somebody says every second that the printer is cleared:
/// while the job is still on its way out, nothing is cleared that would lock the printer for ever.
#[test]
fn a_lock_that_is_cleared_all_the_time_holds_until_its_job_has_left_and_then_ends() {
    let mut events = vec![(1_000, What::Queue { file: 4, pinned: None, purpose: 0 })];
    let fault = Fault::Heater { heater: HeaterId::Hotend, fault: HeaterFault::StuckOn };
    events.push((60_000, What::Trouble { printer: 0, fault }));
    events.extend((60..160).map(|second| (second * 1_000, What::Clear { printer: 0 })));
    let printer = Printer { face: Face::Marlin20, latency_us: 1_000, reset_on_open: false };
    let events = events.into_iter().map(|(at_ms, what)| Timed { at_ms, what }).collect();
    let schedule = Schedule { seed: 1, printers: vec![printer], heals_ms: 200_000, events };
    let outcome = outcome_of(&schedule, &Library::new(), Mutant::None).unwrap();
    let count = |kind| outcome.kinds.get(kind).copied().unwrap_or_default();
    assert!(count("printer_faulted") > 0 && count("job_interrupted") == 1, "{:?}", outcome.kinds);
    assert_eq!(count("latch_cleared"), count("printer_faulted"), "{:?}", outcome.kinds);
}

/// Runs the file that `PLATEN_REPLAY` names; without it there is nothing to run.
#[test]
fn replay() {
    let Some(file) = std::env::var_os("PLATEN_REPLAY") else { return };
    let Failing { mutant, broken, schedule } = Failing::read(file.as_ref());
    let outcome = outcome_of(&schedule, &Library::new(), mutant);
    assert!(outcome.is_ok(), "{:?}; it was written for {broken:?}", outcome.err());
}
