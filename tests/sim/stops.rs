//! A stop on every firmware, on bad cables and against boards that do not care: nothing is executed after it.

use hw_sim::faults::{Direction, Fault};
use hw_sim::heater::HeaterId;
use hw_sim::quirks::Face;
use hw_sim::random::Random;
use hw_sim::rig::RigConfig;
use platen::control::session::{Profile, SessionEvent};
use platen::control::stop::DtrReset;
use platen::domain::printer::{Activity, StopProof};
use platen::domain::units::Baud;

use crate::swarm::{self, number};
use crate::world::{SAFE, World, curve};

/// From the stop to the relay where nothing else has worked: a second, or half a second more for a report that
/// is late; and two where the board is known to restart by DTR.
const GIVEN_UP_BY_US: u64 = 1_600_000;
const RESET_BY_US: u64 = 2_200_000;

fn told(world: &World) -> Option<&SessionEvent> {
    let told = |e: &&SessionEvent| matches!(e, SessionEvent::StopVerified(_) | SessionEvent::StopUnverified);
    world.events.iter().rfind(told)
}

fn proof(world: &World) -> Option<StopProof> {
    match told(world) {
        Some(SessionEvent::StopVerified(proof)) => Some(*proof),
        _ => None,
    }
}

fn gave_up(world: &World) -> bool {
    world.events.contains(&SessionEvent::StopUnverified)
}

fn printing(config: RigConfig, dtr_reset: DtrReset, file: Vec<String>) -> World {
    let baud = Baud(config.wire.to_device.baud);
    let profile = Profile { dtr_reset, ..Profile::new(baud, SAFE) };
    let mut world = World::with_profile(config, profile, file);
    world.open();
    world.until_ready();
    world.start();
    world
}

fn stop(world: &mut World) -> u64 {
    let now = world.moment();
    world.session.stop(now);
    world.flush();
    world.now
}

fn wait_until(world: &mut World, at: u64) {
    let seconds = at.saturating_sub(world.now) / 1_000_000 + 1;
    world.run_until(seconds, "that time", |world| world.now >= at);
}

fn wait(world: &mut World, for_us: u64) {
    let at = world.now + for_us;
    wait_until(world, at);
}

/// Whether the board has come to its end, as only the simulator knows.
fn is_over(world: &World, resets: u64) -> bool {
    let firmware = world.rig.firmware();
    firmware.is_halted() || firmware.ledger().totals.resets > resets
}

#[track_caller]
fn assert_over(world: &mut World, resets: u64) {
    assert!(is_over(world, resets), "it goes on: {:?}", told(world));
    assert!(world.rig.firmware().is_standing());
    for heater in [HeaterId::Hotend, HeaterId::Bed] {
        assert_eq!(world.rig.firmware().heater(heater).target(), 0.0);
    }
    let before = world.executed_in_all();
    wait(world, 60_000_000);
    assert_eq!(world.executed_in_all(), before, "executed after the stop");
    assert_eq!(world.session.activity(), Activity::Stopped);
    assert!(world.rig.firmware().is_standing());
}

/// Long moves, so that planner, queue and receive buffer are full: `M112` waits where it is not looked for.
fn long_moves() -> Vec<String> {
    (0..200).map(|n| format!("G1 X{} Y10 F600", if n % 2 == 0 { 10 } else { 190 })).collect()
}

/// A wait of minutes in one command: nothing behind it is read.
fn long_wait() -> Vec<String> {
    let mut file = vec!["M104 S210".to_owned(), "G4 S300".into()];
    file.extend(curve(200));
    file
}

#[test]
fn after_a_stop_nothing_is_executed_whatever_the_firmware_and_however_busy_it_is() {
    for (name, face) in Face::NAMED {
        for emergency_parser in [false, true] {
            for (dtr, reset_on_open) in
                [(DtrReset::Never, false), (DtrReset::Perhaps, true), (DtrReset::Perhaps, false)]
            {
                for (what, file) in [("curve", curve(500)), ("moves", long_moves()), ("wait", long_wait())] {
                    let mut config = RigConfig::new(face, 115_200, 1_000, 1);
                    config.firmware.emergency_parser = emergency_parser;
                    config.firmware.reset_on_open = reset_on_open;
                    config.firmware.prevent_cold_extrusion = false;
                    let mut world = printing(config, dtr, file);
                    // Only a board that neither reads ahead nor is reset by DTR needs to lose its power.
                    world.has_relay = !(emergency_parser || reset_on_open);
                    wait(&mut world, 3_000_000);
                    let resets = world.rig.ledger().totals.resets;
                    let sent = world.session.link().window().in_flight() as usize;
                    let before = world.executed_in_all();
                    let began = stop(&mut world);
                    let patience = GIVEN_UP_BY_US + if reset_on_open { RESET_BY_US } else { 0 };
                    wait_until(&mut world, began + patience);
                    let case = format!("{name} {emergency_parser} {dtr:?} {reset_on_open} {what}");
                    assert!(told(&world).is_some(), "{case}: nobody was told anything");
                    let late = world.executed_in_all() - before;
                    // What it had before the stop may run until the stop's turn comes, and our own questions.
                    assert!(late <= sent + 12, "{case}: {late} executed, {sent} were sent before");
                    assert!(is_over(&world, resets), "{case}: it goes on");
                    assert_over(&mut world, resets);
                }
            }
        }
    }
}

#[test]
fn an_emergency_parser_halts_within_the_time_of_the_window_on_the_wire() {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    config.firmware.prevent_cold_extrusion = false;
    for at_us in (0..40).map(|n| 2_000_000 + n * 1_777) {
        let mut world = printing(config.clone(), DtrReset::Perhaps, long_moves());
        wait(&mut world, at_us);
        let ahead = world.rig.queued_bytes();
        assert!(ahead <= 127, "{ahead} bytes were ahead of the stop");
        let began = stop(&mut world);
        world.run_until(1, "the kill line", |world| proof(world) == Some(StopProof::KillLine));
        // 127 bytes are 11 ms at 115200, the stop itself 2 ms, the kill lines 8 ms; the wire's latency twice.
        assert!(world.now - began <= 25_000, "{} µs", world.now - began);
        assert!(!gave_up(&world));
    }
}

#[test]
fn no_more_than_the_window_is_ever_ahead_of_a_stop() {
    let mut busy = 0;
    for seed in 0..400 {
        let (mut world, mut dice) = swarm::world(seed);
        world.open();
        swarm::greet(&mut world, seed);
        world.start();
        let at = world.now + 50_000 + dice.below(2_000_000);
        world.run_until(5, "some lines", |world| world.now >= at);
        let window = world.session.link().window().in_flight_bytes() as u64;
        let mut carried_later = world.rig.queued_bytes();
        busy += u64::from(carried_later > 0);
        let afflicted = world.rig.statistics("");
        // Lines behind a refused one are on their way still while they are sent anew, and a bad cable says lines
        // twice: there the stop rests on throwing that away, as it does on every port.
        if afflicted.totals.resends > 0 || afflicted.to_device.duplicated > 0 {
            world.rig.discard_output();
            carried_later = world.rig.queued_bytes();
        }
        let now = world.moment();
        world.session.stop(now);
        let wire = world.session.transmit();
        let begins = wire.windows(5).position(|bytes| bytes == b"\nM112");
        let begins = begins.unwrap_or_else(|| panic!("seed {seed}: no stop in {:?}", wire.escape_ascii()));
        let ahead = carried_later + begins as u64;
        // A question may be behind the window's lines.
        assert!(ahead <= window + 40, "seed {seed}: {ahead} bytes ahead, {window} in flight");
    }
    assert!(busy > 40, "only {busy} stops came while the wire was busy");
}

#[test]
fn a_stop_behind_a_long_move_is_not_verified_and_goes_to_the_relay() {
    // 2.0 reports its temperatures while it moves; 1.1 says nothing for two seconds at a time.
    for face in [Face::Marlin20, Face::Marlin11, Face::PrusaMk3] {
        for has_dtr in [true, false] {
            let mut config = RigConfig::new(face, 115_200, 1_000, 1);
            config.firmware.reset_on_open = false;
            config.firmware.critical_at_read = false;
            let mut world = printing(config, DtrReset::Perhaps, long_moves());
            (world.has_relay, world.has_dtr) = (true, has_dtr);
            wait(&mut world, 5_000_000);
            let began = stop(&mut world);
            world.run_until(3, "the relay", gave_up);
            assert!(world.now - began <= GIVEN_UP_BY_US, "{face:?}: {} µs", world.now - began);
            assert_over(&mut world, 0);
        }
    }
}

#[test]
fn a_board_that_ignores_m112_is_reset_by_dtr_and_else_loses_its_power() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11] {
        for (reset_on_open, dtr) in [
            (true, DtrReset::Perhaps),
            (true, DtrReset::Known),
            (true, DtrReset::Never),
            (false, DtrReset::Known),
        ] {
            let mut config = RigConfig::new(face, 115_200, 1_000, 1);
            config.firmware.ignores_stop = true;
            config.firmware.reset_on_open = reset_on_open;
            let mut world = printing(config, dtr, curve(2_000));
            world.has_relay = true;
            wait(&mut world, 1_500_000);
            let resets = world.rig.ledger().totals.resets;
            let began = stop(&mut world);
            wait_until(&mut world, began + GIVEN_UP_BY_US + RESET_BY_US);
            let resets_by_dtr = reset_on_open && dtr != DtrReset::Never;
            assert_eq!(proof(&world), resets_by_dtr.then_some(StopProof::Restart), "{face:?} {dtr:?}");
            assert_eq!(gave_up(&world), !resets_by_dtr, "{face:?} {dtr:?}: the relay");
            assert_over(&mut world, resets);
        }
    }
}

#[test]
fn a_damaged_stop_is_repeated() {
    for nth in 1..=20 {
        let mut world =
            printing(RigConfig::new(Face::Marlin21, 115_200, 1_000, 1), DtrReset::Perhaps, curve(2_000));
        world.has_relay = true;
        wait(&mut world, 1_000_000);
        // The lane's next bytes are those of the stop; both of its spellings are hit.
        wait(&mut world, 50_000);
        world.inject(&Fault::Noise { direction: Direction::ToDevice, loss: 1.0, damage: 0.0 });
        let began = stop(&mut world);
        wait_until(&mut world, began + nth * 15_000);
        world.inject(&Fault::Noise { direction: Direction::ToDevice, loss: 0.0, damage: 0.0 });
        wait_until(&mut world, began + 900_000);
        assert_eq!(proof(&world), Some(StopProof::KillLine), "lost for {} ms", nth * 15);
        assert!(!gave_up(&world));
        assert_over(&mut world, 0);
    }
}

#[test]
fn a_board_whose_kill_line_is_lost_is_known_by_its_silence() {
    // One that reports by itself while it prints, and one that was idle and would have answered.
    for (face, idle) in [(Face::Marlin21, false), (Face::Marlin20, true), (Face::Marlin11, true)] {
        let mut world = printing(RigConfig::new(face, 115_200, 1_000, 1), DtrReset::Perhaps, curve(2_000));
        if idle {
            world.run_until(600, "the end", |world| world.printed().is_some());
        }
        wait(&mut world, 2_500_000);
        let began = stop(&mut world);
        // It is heard by the board, and nothing of what the board says arrives.
        world.inject(&Fault::Noise { direction: Direction::ToHost, loss: 1.0, damage: 0.0 });
        wait_until(&mut world, began + 200_000);
        world.inject(&Fault::Noise { direction: Direction::ToHost, loss: 0.0, damage: 0.0 });
        wait_until(&mut world, began + GIVEN_UP_BY_US);
        assert_eq!(proof(&world), Some(StopProof::Silence), "{face:?}");
        assert!(!gave_up(&world));
        assert_over(&mut world, 0);
    }
}

#[test]
fn silence_of_a_cable_that_was_broken_before_proves_nothing() {
    let mut world =
        printing(RigConfig::new(Face::Marlin21, 115_200, 1_000, 1), DtrReset::Never, long_moves());
    world.has_relay = true;
    wait(&mut world, 3_000_000);
    for direction in [Direction::ToDevice, Direction::ToHost] {
        world.inject(&Fault::Noise { direction, loss: 1.0, damage: 0.0 });
    }
    wait(&mut world, 4_000_000);
    let began = stop(&mut world);
    wait_until(&mut world, began + GIVEN_UP_BY_US);
    assert_eq!((proof(&world), gave_up(&world)), (None, true));
    assert_over(&mut world, 0);
}

#[test]
fn a_board_that_talks_on_after_a_silence_is_not_stopped() {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    config.firmware.ignores_stop = true;
    let mut world = printing(config, DtrReset::Never, long_moves());
    world.has_relay = true;
    wait(&mut world, 3_000_000);
    let began = stop(&mut world);
    world.inject(&Fault::Noise { direction: Direction::ToHost, loss: 1.0, damage: 0.0 });
    wait_until(&mut world, began + GIVEN_UP_BY_US);
    assert_eq!(proof(&world), Some(StopProof::Silence), "nothing else can be known then");
    world.inject(&Fault::Noise { direction: Direction::ToHost, loss: 0.0, damage: 0.0 });
    world.run_until(3, "the relay", gave_up);
    assert_over(&mut world, 0);
}

#[test]
fn a_cable_that_is_pulled_before_the_stop_was_verified_goes_to_the_relay() {
    let mut world =
        printing(RigConfig::new(Face::Marlin20, 115_200, 1_000, 1), DtrReset::Perhaps, long_moves());
    world.has_relay = true;
    wait(&mut world, 3_000_000);
    stop(&mut world);
    world.inject(&Fault::Disconnect);
    world.close("unplugged");
    assert!(gave_up(&world));
    assert!(world.rig.firmware().is_halted());
}

#[test]
fn a_stop_that_is_ordered_again_does_not_put_the_relay_off() {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    config.firmware.ignores_stop = true;
    let mut world = printing(config, DtrReset::Never, curve(2_000));
    world.has_relay = true;
    wait(&mut world, 1_000_000);
    let began = stop(&mut world);
    for tenth in 1..20 {
        wait_until(&mut world, began + tenth * 100_000);
        if !gave_up(&world) {
            stop(&mut world);
        }
    }
    assert!(gave_up(&world));
    assert_over(&mut world, 0);
}

/// One seed: its own printer, cable and noise; a stop at any moment; then nothing more.
fn stopped(seed: u64) -> (Option<StopProof>, bool) {
    let (mut world, _) = swarm::world(seed);
    let mut dice = Random::new(seed ^ 0x5709);
    world.keep_trace = number("PLATEN_SEED").is_some();
    (world.has_relay, world.has_dtr) = (true, dice.below(2) == 0);
    world.open();
    if dice.below(8) > 0 {
        swarm::greet(&mut world, seed);
        world.events.clear();
        world.start();
        if dice.below(4) == 0 {
            world.inject(&Fault::Hang { for_us: dice.below(3_000_000) });
        }
    }
    let at = world.now + dice.below(2_500_000);
    world.run_until(5, "some lines", |world| world.now >= at || world.session.is_closed());
    if world.session.is_closed() {
        return (None, false);
    }
    let resets = world.rig.ledger().totals.resets;
    let began = stop(&mut world);
    wait_until(&mut world, began + GIVEN_UP_BY_US + RESET_BY_US + 500_000);
    assert!(told(&world).is_some(), "seed {seed}: nobody was told anything");
    // What a stall of the wire has kept back may still be coming.
    wait(&mut world, 2_500_000);
    assert!(is_over(&world, resets), "seed {seed}: it goes on, {:?}", told(&world));
    let before = world.executed_in_all();
    wait(&mut world, 30_000_000);
    assert_eq!(world.executed_in_all(), before, "seed {seed}: executed after the stop");
    assert!(world.rig.firmware().is_standing(), "seed {seed}: it moves");
    (proof(&world), gave_up(&world))
}

#[test]
fn no_seed_executes_anything_after_a_stop() {
    if let Some(seed) = number("PLATEN_SEED") {
        println!("seed {seed}: {:?}", stopped(seed));
        return;
    }
    let count = number("PLATEN_SEEDS").unwrap_or(600);
    let mut ends = std::collections::BTreeMap::<String, u64>::new();
    for seed in 0..count {
        *ends.entry(format!("{:?}", stopped(seed))).or_default() += 1;
    }
    println!("{count} seeds stopped: proof and relay {ends:?}");
}
