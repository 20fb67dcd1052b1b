//! What people may do, tried in every state in which a printer's session can be: a table by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::collections::BTreeSet;
use std::time::Duration;

use hw_sim::faults::Fault as Trouble;
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::control::park::Pausing;
use platen::control::session::{NotNow, Profile};
use platen::domain::job::{AfterCrash, PauseReason};
use platen::domain::printer::{Activity, HoldStep, Park};
use platen::domain::units::Baud;
use platen::gcode::commands::When;

use crate::world::{SAFE, World, curve};

/// `+`: it is done. Another word: it is refused, since the printer is that. `nothing`: it asks nothing. `room`: it is
/// done if there is room for it between the lines that are under way.
const TABLE: &str = "
                offline connecting ready printing draining parked resuming finishing leaving stopped faulted rejoining
    start       offline connecting + printing paused paused printing finishing cancelling stopped faulted connecting
    pause       offline connecting ready + paused paused + finishing cancelling stopped faulted connecting
    resume      offline connecting ready printing + + resuming finishing cancelling stopped faulted connecting
    cancel      offline connecting ready + + + + + cancelling stopped faulted +
    clear       offline connecting ready printing paused paused printing finishing cancelling + + connecting
    ask         offline connecting + printing paused paused printing finishing cancelling stopped faulted connecting
    ask-always  offline connecting + room room + room finishing cancelling stopped faulted connecting
    answer      nothing nothing nothing nothing nothing nothing nothing nothing nothing stopped faulted nothing
    stop        + + + + + + + + + + + +
";

const SITUATIONS: [&str; 12] = [
    "offline",
    "connecting",
    "ready",
    "printing",
    "draining",
    "parked",
    "resuming",
    "finishing",
    "leaving",
    "stopped",
    "faulted",
    "rejoining",
];

fn person() -> PauseReason {
    PauseReason::Person { by: "kim".into() }
}

fn is_at(world: &World, step: HoldStep) -> bool {
    world.session.snapshot(world.moment()).hold.step == Some(step)
}

/// A print with heat, so that going on takes its time.
fn file() -> Vec<String> {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into(), "M190 S60".into(), "M109 S210".into()];
    file.extend(["G28", "G90", "M83", "G1 Z0.2 F1200", "G1 X130 Y100 F3000"].map(str::to_owned));
    file.extend(curve(300));
    file.extend(["M104 S0", "M140 S0", "M107"].map(str::to_owned));
    file
}

/// A world whose printer is so.
fn world(situation: &str) -> World {
    let config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    let park = Some(Park { at: Some((5, 190)), lift: 10, retract: 2, build_height: Some(200) });
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let pausing = Pausing { park, nozzle_hot_max: minutes(10), hold: None, bed_hot_max: minutes(30) };
    let profile = Profile { pausing, ..Profile::new(Baud(115_200), SAFE) };
    let mut world = World::with_profile(config, profile, file());
    world.scripts = &["M8", "G9", "G1 ", "M104 S", "M140 S", "M109 S", "M190 S"];
    if situation == "offline" {
        return world;
    }
    world.open();
    if situation == "connecting" {
        return world;
    }
    world.until_ready();
    match situation {
        "ready" => return world,
        "faulted" => {
            world.inject(&Trouble::Kill);
            world.run_until(60, "a fault", |world| {
                matches!(world.session.activity(), Activity::Faulted { .. })
            });
            return world;
        }
        _ => {}
    }
    world.start();
    world.run_until(2_000, "some lines", |world| world.executed() > 40);
    let pause = |world: &mut World| {
        world.session.pause(world.moment(), &World::job(), person()).unwrap();
        world.flush();
    };
    match situation {
        "draining" => pause(&mut world),
        "parked" | "resuming" => {
            pause(&mut world);
            world.run_until(120, "a parked head", |world| is_at(world, HoldStep::Parked));
            if situation == "resuming" {
                world.session.resume(world.moment(), &World::job(), "kim").unwrap();
                world.flush();
                world.run_until(60, "the way back", |world| {
                    is_at(world, HoldStep::Reheating) || is_at(world, HoldStep::Returning)
                });
            }
        }
        "finishing" => world.run_until(4_000, "the end of the file", |world| {
            matches!(world.session.activity(), Activity::Finishing { .. })
        }),
        "leaving" => {
            world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
            world.flush();
        }
        "stopped" => {
            world.session.stop(world.moment());
            world.flush();
        }
        "rejoining" => {
            world.crash();
            world.reopen(AfterCrash::Continue);
        }
        "printing" => {}
        other => panic!("nothing leads to {other}"),
    }
    world
}

fn said(done: Result<(), NotNow>) -> &'static str {
    match done {
        Ok(()) => "+",
        Err(NotNow::State { state }) => state,
        Err(NotNow::NoPrompt) => "nothing",
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn whatever_people_want_of_a_printer_is_done_or_refused_as_the_table_says_and_a_stop_is_never_refused() {
    let mut rows = TABLE.lines().map(str::trim).filter(|row| !row.is_empty());
    let columns: Vec<_> = rows.next().unwrap().split_whitespace().collect();
    assert_eq!(columns, SITUATIONS);
    let mut words = BTreeSet::new();
    for row in rows {
        let (command, cells) = row.split_once(' ').unwrap();
        let cells: Vec<_> = cells.split_whitespace().collect();
        assert_eq!(cells.len(), columns.len(), "{row}");
        for (situation, wanted) in SITUATIONS.into_iter().zip(cells) {
            let mut world = world(situation);
            words.insert(world.session.activity().word());
            let (now, job) = (world.moment(), World::job());
            let session = &mut world.session;
            let found = match command {
                "start" => said(session.start(now, job, 5)),
                "pause" => said(session.pause(now, &job, person())),
                "resume" => said(session.resume(now, &job, "kim")),
                "cancel" => said(session.cancel(now, &job, "kim")),
                "clear" => said(session.clear()),
                "ask" => said(session.console(now, b"M503", When::NoJob)),
                "ask-always" => said(session.console(now, b"M114", When::Always)),
                "answer" => said(session.answer(now, 0, None, "kim").map(drop)),
                "stop" => {
                    session.stop(now);
                    if session.is_stopping() || situation == "offline" { "+" } else { "-" }
                }
                other => panic!("what is {other}?"),
            };
            let is_wanted = if wanted == "room" { ["+", "busy"].contains(&found) } else { found == wanted };
            assert!(is_wanted, "{command} of a printer that is {situation}: {found}, not {wanted}");
        }
    }
    let every =
        ["offline", "connecting", "ready", "printing", "paused", "finishing", "cancelling", "stopped"];
    let every: BTreeSet<_> = every.into_iter().chain(["faulted"]).collect();
    // A board that is another printer's is in `identity`.
    assert_eq!(words, every);
}
