//! What ails a line is told from its errors alone, and the print is exact all the same.

use hw_sim::faults::FaultMix;
use hw_sim::planner::Motion;
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::control::session::SessionEvent;
use platen::domain::job::Interruption;
use platen::domain::printer::LineTrouble;

use crate::world::{SAFE, World, curve};

fn ailing(face: Face, mix: FaultMix, seed: u64) -> World {
    let mut config = RigConfig::new(face, 115_200, 1_000, seed);
    config.firmware.motion = Motion::Instant;
    config.firmware.prevent_cold_extrusion = false;
    config.mix = mix;
    World::new(config, SAFE, curve(3_000))
}

fn told(world: &World) -> Vec<LineTrouble> {
    let troubles = world.events.iter().filter_map(|event| match event {
        SessionEvent::LineTrouble(trouble) => *trouble,
        _ => None,
    });
    troubles.collect()
}

#[test]
fn a_clean_line_has_no_trouble() {
    for (_, face) in Face::NAMED {
        let mut world = ailing(face, FaultMix::default(), 1);
        world.print_exactly(600);
        assert_eq!(told(&world), [], "{face:?}");
    }
}

#[test]
fn noise_is_told_as_noise() {
    for face in [Face::Marlin21, Face::Marlin20, Face::PrusaMk3, Face::Repetier, Face::Smoothieware] {
        let mix = FaultMix { damage_to_device: 1e-3, ..FaultMix::default() };
        let mut world = ailing(face, mix, 2);
        world.open();
        world.until_ready();
        world.start();
        world.run_until(4_000, "the end of the job", |world| {
            world.events.iter().any(|event| matches!(event, SessionEvent::Printed { .. }))
        });
        let told = told(&world);
        assert!(
            !told.is_empty() && told.iter().all(|trouble| *trouble == LineTrouble::Noise),
            "{face:?} {told:?}"
        );
    }
}

#[test]
fn lost_answers_are_told_as_lost_answers() {
    for face in [Face::Marlin21, Face::Marlin20] {
        let mix = FaultMix { lose_every_ok: 20, ..FaultMix::default() };
        let mut world = ailing(face, mix, 3);
        world.print_exactly(4_000);
        assert_eq!(told(&world), [LineTrouble::LostOks], "{face:?}");
    }
}

#[test]
fn a_display_on_the_same_line_is_told_as_a_stranger_and_the_print_is_exact() {
    for face in [Face::Marlin21, Face::Marlin20] {
        let mix = FaultMix { display_every_us: 50_000, ..FaultMix::default() };
        let mut world = ailing(face, mix, 4);
        world.print_exactly(4_000);
        assert!(told(&world).contains(&LineTrouble::Stranger), "{face:?} {:?}", told(&world));
    }
}

#[test]
fn a_board_whose_count_somebody_else_sets_is_told_as_renumbered_and_never_printed_twice() {
    let mut world = ailing(Face::Marlin21, FaultMix::default(), 5);
    world.open();
    world.until_ready();
    world.start();
    let later = world.now + 500_000;
    world.run_until(10, "some lines", |world| world.now >= later);
    // Another program on the same port.
    let now = world.now;
    world.rig.host_write(now, b"\nN0 M110 N0*125\n");
    world.run_until(600, "an end", |world| {
        world.events.iter().any(|event| matches!(event, SessionEvent::Interrupted { .. }))
    });
    let why = world.events.iter().find_map(|event| match event {
        SessionEvent::Interrupted { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why, Some(Interruption::LineCountLost));
    assert_eq!(world.session.line().trouble, Some(LineTrouble::Renumbering));
}

#[test]
fn noise_as_on_a_bad_cable_hardly_ever_makes_a_good_print_look_inexact() {
    let mut doubted = 0;
    for face in [Face::Marlin21, Face::Marlin20, Face::Repetier] {
        for seed in 1..20 {
            let mix = FaultMix { damage_to_device: 1e-4, damage_to_host: 1e-4, ..FaultMix::default() };
            let mut world = ailing(face, mix, seed);
            world.file = curve(10_000);
            world.open();
            world.until_ready();
            world.start();
            world.run_until(4_000, "the end of the job", |world| {
                world.events.iter().any(|event| matches!(event, SessionEvent::Printed { .. }))
            });
            let strays = world.session.line().strays;
            doubted += u32::from(strays > world.wrong + world.undetectable);
        }
    }
    assert!(doubted <= 2, "{doubted} of 57 good prints were called inexact");
}
