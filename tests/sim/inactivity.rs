//! The firmware's own kill after so long without a move: it ends what a dead host left hot, and no healthy print.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::heater::HeaterId;
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::control::session::{Profile, SessionEvent};
use platen::domain::job::PauseReason;
use platen::domain::units::Baud;
use std::time::Duration;

use crate::world::{SAFE, World, curve};

const LIMIT: u64 = 15 * 60;

fn print_with(before: &[&str], lines: usize) -> Vec<String> {
    let mut file: Vec<String> = ["M140 S60", "M104 S205", "M190 S60", "M109 S205", "G28", "G90", "M83"]
        .iter()
        .chain(before)
        .map(|line| (*line).to_owned())
        .collect();
    file.push("G1 Z0.2 F1200".into());
    file.extend(curve(lines));
    file
}

fn world(face: Face, file: Vec<String>, limit: u64) -> World {
    let config = RigConfig::new(face, 115_200, 1_000, 1);
    let profile = Profile {
        inactivity_kill: (limit > 0).then(|| Duration::from_secs(limit)),
        ..Profile::new(Baud(115_200), SAFE)
    };
    World::with_profile(config, profile, file)
}

fn begun(world: &mut World, executed: usize) {
    world.open();
    world.until_ready();
    world.start();
    world.run_until(4_000, "some lines", |world| world.executed() > executed);
}

/// The board alone with its cable: nobody sends to it any more.
fn without_a_host(world: &mut World, seconds: u64) {
    world.now += seconds * 1_000_000;
    world.rig.advance(world.now);
}

fn is_killed(world: &World) -> bool {
    world.rig.firmware().is_halted()
}

fn is_hot(world: &World) -> bool {
    let target = |heater| world.rig.firmware().heater(heater).target();
    target(HeaterId::Hotend) > 0.0 || target(HeaterId::Bed) > 0.0
}

fn ends_printed(world: &mut World) {
    world.run_until(20_000, "the end", |world| {
        let ends = |event: &SessionEvent| {
            matches!(event, SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. })
        };
        world.events.iter().any(ends)
    });
    assert!(world.printed().is_some(), "{:?}", world.events.last());
    assert!(!is_killed(world));
}

#[test]
fn a_board_whose_host_died_in_mid_print_halts_by_itself_and_is_cold() {
    let mut world = world(Face::Marlin21, print_with(&[], 400), LIMIT);
    begun(&mut world, 150);
    without_a_host(&mut world, LIMIT - 60);
    assert!(!is_killed(&world) && is_hot(&world), "not before its time");
    without_a_host(&mut world, 120);
    assert!(is_killed(&world) && !is_hot(&world));
}

#[test]
fn a_board_whose_host_died_in_a_pause_halts_by_itself_when_the_pause_has_lasted_too_long() {
    let mut world = world(Face::Marlin21, print_with(&[], 400), LIMIT);
    begun(&mut world, 150);
    world.session.pause(world.moment(), &World::job(), PauseReason::Panel).unwrap();
    world.flush();
    let later = world.now + 120_000_000;
    world.run_until(130, "standstill", |world| world.now >= later);
    without_a_host(&mut world, LIMIT + 120 * 60 - 200);
    assert!(!is_killed(&world), "not before its time");
    without_a_host(&mut world, 400);
    assert!(is_killed(&world) && !is_hot(&world));
}

#[test]
fn where_it_is_switched_off_or_not_known_to_be_safe_nothing_is_sent() {
    for (face, limit) in
        [(Face::Marlin21, 0), (Face::Marlin20, LIMIT), (Face::Marlin11, LIMIT), (Face::PrusaMk3, LIMIT)]
    {
        let mut world = world(face, print_with(&[], 100), limit);
        begun(&mut world, 20);
        ends_printed(&mut world);
        let sent = world.rig.ledger().executed().iter().any(|line| line.starts_with("M85"));
        assert!(!sent, "{face:?}");
    }
}

#[test]
fn no_dwell_pause_slow_heat_or_idle_hour_meets_it() {
    let dwells = ["G4 S1200", "G1 X20 Y20 F3000", "G4 S400", "G4 S400", "G4 S400", "G1 X25 Y25"];
    let mut world = world(Face::Marlin21, print_with(&dwells, 300), LIMIT);
    world.scripts = &["M104 S", "M140 S", "M109 S", "M190 S"];
    begun(&mut world, 150);
    // A night's pause: longer than anything stays hot.
    world.session.pause(world.moment(), &World::job(), PauseReason::Panel).unwrap();
    world.flush();
    let morning = world.now + 8 * 3_600_000_000;
    world.run_until(9 * 3_600, "the morning", |world| world.now >= morning);
    assert!(!is_killed(&world));
    world.session.resume(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    ends_printed(&mut world);
    let later = world.now + 3_600_000_000;
    world.run_until(3_700, "an idle hour", |world| world.now >= later);
    assert!(!is_killed(&world));
    let ran = world.rig.ledger().executed();
    assert!(ran.iter().any(|line| line == "M85 S900"), "it was armed");
    let last = ran.iter().rev().find(|line| line.starts_with("M85"));
    assert_eq!(last.map(String::as_str), Some("M85 S0"));
    // The next job homes before anything else, on a board that has stood still for that hour.
    let moves = (0..40).map(|n| format!("G1 X{} Y20 F3000", 10 + n % 2 * 100));
    world.file = ["G28", "G90"].map(str::to_owned).into_iter().chain(moves).collect();
    world.start();
    let later = world.now + 60_000_000;
    world.run_until(61, "a minute of it", |world| world.now >= later);
    assert!(!is_killed(&world) && world.executed() > 20, "{:?}", world.events.last());
}

#[test]
fn what_an_earlier_daemon_left_armed_is_taken_back_in_the_greeting() {
    let mut world = world(Face::Marlin21, print_with(&[], 400), LIMIT);
    begun(&mut world, 150);
    world.close("test");
    world.open();
    world.until_ready();
    let later = world.now + 3_600_000_000;
    world.run_until(3_700, "an idle hour", |world| world.now >= later);
    assert!(!is_killed(&world));
}
