//! Whatever a firmware says when it gives up, of every dialect: the job ends in the same call, the fault is
//! latched with its meaning, and nothing more is sent.

use hw_sim::faults::Fault as Trouble;
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::control::session::SessionEvent;
use platen::domain::job::Interruption;
use platen::domain::printer::{Activity, Fault};

use crate::world::{SAFE, World, curve};

fn heated(face: Face) -> World {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into(), "M190 S60".into(), "M109 S210".into()];
    file.extend(["G28".to_owned(), "G90".into(), "M83".into()]);
    // Slow enough for a firmware to notice what is wrong.
    file.extend(curve(3_000).into_iter().map(|line| line.replace("F3000", "F300")));
    World::new(RigConfig::new(face, 115_200, 1_000, 7), SAFE, file)
}

/// In the middle of a hot print this happens; the fault that is latched.
fn provoke(face: Face, trouble: &Trouble) -> Fault {
    let mut world = heated(face);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(2_000, "some moves", |world| world.executed() > 100);
    world.inject(trouble);
    world.run_until(600, "a fault", |world| matches!(world.session.activity(), Activity::Faulted { .. }));
    let Activity::Faulted { fault } = world.session.activity() else { panic!("{face:?} is not faulted") };
    let ends: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            SessionEvent::Interrupted { why, .. } => Some(why.clone()),
            SessionEvent::Printed { .. } => panic!("{face:?}: called printed"),
            _ => None,
        })
        .collect();
    assert!(matches!(&ends[..], [Interruption::Fault { .. }]), "{face:?}: {ends:?}");
    // No line of the job follows, however long nobody looks.
    world.trace.clear();
    world.keep_trace = true;
    let later = world.now + 120_000_000;
    world.run_until(200, "time", |world| world.now >= later);
    let sent = world.trace.iter().filter(|(_, way, _)| *way == '>');
    let sent: String = sent.map(|(.., bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
    assert!(!sent.contains("G1"), "{face:?} was sent {sent:?}");
    let heats = |line: &str| {
        ["M104", "M109", "M140", "M190", "M141", "M191"].iter().any(|code| line.contains(code))
            && !line.contains("S0")
    };
    assert!(!sent.lines().any(heats), "{face:?} was sent {sent:?}");
    fault
}

const FACES: [Face; 8] = [
    Face::Marlin21,
    Face::Marlin20,
    Face::Marlin11,
    Face::PrusaMk3,
    Face::Repetier,
    Face::Smoothieware,
    Face::RepRapFirmware,
    Face::Klipper,
];

#[test]
fn a_heater_that_gives_out_is_latched_as_a_fault_of_heat_on_every_firmware() {
    for face in FACES {
        for heater in [HeaterId::Hotend, HeaterId::Bed] {
            let fault = provoke(face, &Trouble::Heater { heater, fault: HeaterFault::Dead });
            assert!(fault != Fault::Killed && fault != Fault::Probing, "{face:?} {heater:?}: {fault:?}");
        }
    }
}

#[test]
fn an_open_sensor_is_latched_on_every_firmware() {
    for face in FACES {
        let fault =
            provoke(face, &Trouble::Heater { heater: HeaterId::Hotend, fault: HeaterFault::SensorOpen });
        assert!(fault != Fault::Killed && fault != Fault::TooHot, "{face:?}: {fault:?}");
    }
}

#[test]
fn a_shorted_sensor_is_latched_on_every_firmware() {
    for face in FACES {
        let fault =
            provoke(face, &Trouble::Heater { heater: HeaterId::Hotend, fault: HeaterFault::SensorShort });
        assert!(fault != Fault::Killed && fault != Fault::TooCold, "{face:?}: {fault:?}");
    }
}

#[test]
fn the_printers_own_button_is_latched_on_every_firmware_that_says_so() {
    // Repetier restarts without a word, and the restart ends the job.
    for face in FACES.into_iter().filter(|face| *face != Face::Repetier) {
        assert!([Fault::Killed, Fault::Halted].contains(&provoke(face, &Trouble::Kill)), "{face:?}");
    }
}

#[test]
fn a_board_that_is_deaf_after_a_kill_is_known_as_deaf_and_gets_no_line_of_a_job() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3] {
        let mut world = heated(face);
        world.open();
        world.until_ready();
        world.start();
        world.run_until(2_000, "some moves", |world| world.executed() > 100);
        world.inject(&Trouble::Kill);
        world.run_until(60, "a fault", |world| matches!(world.session.activity(), Activity::Faulted { .. }));
        assert!(world.session.start(world.moment(), World::job(), 1).is_err());
        let later = world.now + 1_000_000;
        world.run_until(10, "its last words", |world| world.now >= later);
        // A person says that it is clear, but did not press its reset button.
        world.session.clear().unwrap();
        world.close("cleared");
        world.forget_executed();
        world.open();
        world.events.clear();
        world.run_until(120, "the verdict", |world| {
            world.events.iter().any(|event| matches!(event, SessionEvent::Close { .. }))
        });
        let Some(SessionEvent::Close { reason }) = world.events.last() else { panic!() };
        assert!(reason.contains("deaf"), "{face:?}: {reason}");
        assert_eq!(world.executed(), 0);
    }
}

#[test]
fn a_fault_after_which_the_firmware_goes_on_is_stopped_and_leaves_nothing_hot() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3] {
        let mut world = heated(face);
        world.open();
        world.until_ready();
        world.start();
        world.run_until(2_000, "some moves", |world| world.executed() > 100);
        world.inject(&Trouble::Garbage { bytes: b"\nError:Probing Failed\n".to_vec() });
        world.run_until(10, "a fault", |world| {
            world.session.activity() == Activity::Faulted { fault: Fault::Probing }
        });
        world.run_until(10, "its halt", |world| world.rig.firmware().is_halted());
        let target = |heater| world.rig.firmware().heater(heater).target();
        assert_eq!((target(HeaterId::Hotend), target(HeaterId::Bed)), (0.0, 0.0), "{face:?}");
    }
}
