//! Every line once, in order, whatever the wire does.

use hw_sim::faults::Fault;
use hw_sim::planner::Motion;
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::rig::RigConfig;
use platen::protocol::window::Capacity;

use crate::world::{SAFE, World, curve};

fn rig(face: Face, baud: u32, latency_us: u64, seed: u64) -> RigConfig {
    let mut config = RigConfig::new(face, baud, latency_us, seed);
    config.firmware.motion = Motion::Instant;
    // The curve is printed cold here; heat has tests of its own.
    config.firmware.prevent_cold_extrusion = false;
    config
}

#[test]
fn a_clean_line_is_exact_with_every_face() {
    for (_, face) in Face::NAMED {
        let mut world = World::new(rig(face, 115_200, 1_000, 1), SAFE, curve(2_000));
        world.print_exactly(120);
        assert_eq!(world.session.link().dialect().firmware.name(), face.name());
        assert_eq!(world.session.line().resends, 0, "{face:?}");
        assert_eq!(world.rig.ledger().totals.bytes_overrun, 0, "{face:?}");
        // A board that tells of its command queue may have those lines on top.
        let queue = world.session.link().window().capacity().queue_slots * 96;
        assert!(world.in_flight_max <= 127 + queue, "{face:?}: {}", world.in_flight_max);
        assert_eq!(queue > 0, face == Face::Marlin21);
    }
}

#[test]
fn a_damaged_line_is_exact_with_every_face() {
    let refusing =
        [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3, Face::Repetier, Face::Smoothieware];
    for face in refusing {
        for seed in 1..=20 {
            let mut config = rig(face, 115_200, 1_000, seed);
            config.wire = config.wire.with_damage(1e-4);
            let mut world = World::new(config, SAFE, curve(500));
            world.print_exactly(2_000);
        }
    }
}

#[test]
fn real_motion_with_damage_is_exact() {
    for seed in 1..=5 {
        let mut config = RigConfig::new(Face::Marlin21, 250_000, 1_000, seed);
        config.firmware.prevent_cold_extrusion = false;
        config.wire = config.wire.with_damage(1e-4);
        let mut world = World::new(config, SAFE, curve(2_000));
        world.print_exactly(4_000);
    }
}

#[test]
fn lost_oks_cost_time_but_no_line() {
    for face in [Face::Marlin21, Face::Marlin20] {
        let mut config = rig(face, 250_000, 1_000, 3);
        config.mix.lose_every_ok = 100;
        let mut world = World::new(config, SAFE, curve(2_000));
        world.print_exactly(600);
    }
}

#[test]
fn a_known_command_queue_fills_the_line_without_an_overrun() {
    let capacity = Capacity { receive_bytes: 127, queue_slots: 3 };
    let mut world = World::new(rig(Face::Marlin20, 115_200, 8_000, 1), capacity, curve(2_000));
    world.print_exactly(120);
    assert_eq!(world.rig.ledger().totals.bytes_overrun, 0);
    assert_eq!(world.session.line().resends, 0);
}

#[test]
fn a_board_that_restarts_in_mid_print_is_never_printed_on_again() {
    for seed in 0..10 {
        let mut world = World::new(rig(Face::Marlin21, 115_200, 1_000, seed), SAFE, curve(3_000));
        world.open();
        world.until_ready();
        world.start();
        let at = world.now + 200_000 + seed * 150_000;
        world.run_until(30, "some lines", |world| world.now >= at);
        world.rig.inject(world.now, &Fault::Reset { cause: ResetCause::External });
        world.run_until(200, "the interruption", |world| {
            world
                .events
                .iter()
                .any(|e| matches!(e, platen::control::session::SessionEvent::Interrupted { .. }))
        });
        let before = world.executed();
        let later = world.now + 20_000_000;
        world.run_until(30, "some time", |world| world.now >= later);
        assert_eq!(world.executed(), before);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let mut config = rig(Face::Marlin21, 115_200, 1_000, seed);
        config.wire = config.wire.with_damage(3e-4);
        let mut world = World::new(config, SAFE, curve(300));
        world.keep_trace = true;
        world.print_exactly(2_000);
        std::mem::take(&mut world.trace)
    };
    assert!(run(5) == run(5));
    assert!(run(5) != run(6));
}
