//! What people and printers do to a session: pause, cancel, stop, faults, silence.

use hw_sim::faults::Fault as Trouble;
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::control::session::SessionEvent;
use platen::domain::job::{Interruption, PauseReason};
use platen::domain::printer::{Activity, Fault, StopProof};

use crate::world::{SAFE, World, curve};

fn heated(lines: usize) -> Vec<String> {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into(), "M190 S60".into(), "M109 S210".into()];
    file.extend(["G28".to_owned(), "G90".into(), "M83".into()]);
    file.extend(curve(lines));
    file.extend(["M104 S0".to_owned(), "M140 S0".into(), "M107".into()]);
    file
}

#[test]
fn a_whole_print_with_heat_and_homing_is_exact() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11] {
        let mut world = World::new(RigConfig::new(face, 115_200, 1_000, 1), SAFE, heated(500));
        world.print_exactly(4_000);
        world.run_until(10, "a cold target", |world| {
            let seen = world.session.snapshot(world.moment()).temperatures.hotend;
            seen.is_some_and(|hotend| hotend.target.is_some_and(|target| target.0 == 0.0))
        });
    }
}

#[test]
fn moves_that_pushed_no_filament_are_counted() {
    let mut world = World::marlin(curve(50));
    world.print_exactly(100);
    assert_eq!(world.session.cold_extrusions(), 50);
}

#[test]
fn a_greeting_needs_no_banner_and_survives_one() {
    for reset_on_open in [false, true] {
        let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
        config.firmware.reset_on_open = reset_on_open;
        let mut world = World::new(config, SAFE, Vec::new());
        world.open();
        world.until_ready();
        assert!(world.session.firmware().name.starts_with("Marlin 2.1"), "{:?}", world.session.firmware());
        assert!(world.session.link().dialect().advanced_ok);
    }
}

#[test]
fn heaters_that_somebody_left_on_are_switched_off_at_greeting() {
    let mut world = World::marlin(Vec::new());
    world.rig.open_port(0);
    world.rig.host_write(0, b"M104 S200\nM140 S60\n");
    world.rig.advance(1_000_000);
    world.now = 1_000_000;
    world.forget_executed();
    world.session.handle_opened(world.moment());
    world.flush();
    world.until_ready();
    world.run_until(10, "cold targets", |world| {
        let seen = world.session.snapshot(world.moment()).temperatures;
        seen.hotend.is_some_and(|h| h.target.is_some_and(|t| t.0 == 0.0))
            && seen.bed.is_some_and(|h| h.target.is_some_and(|t| t.0 == 0.0))
    });
}

#[test]
fn a_paused_print_stands_still_and_goes_on_exactly() {
    let mut world = World::marlin(curve(1_500));
    world.open();
    world.until_ready();
    world.start();
    world.run_until(60, "some lines", |world| world.executed() > 100);
    let job = World::job();
    world.session.pause(world.moment(), &job, PauseReason::Panel).unwrap();
    world.flush();
    world.run_until(60, "standstill", |world| {
        matches!(world.session.activity(), Activity::Paused { draining: false, .. })
    });
    let before = world.executed();
    let later = world.now + 60_000_000;
    world.run_until(61, "a minute", |world| world.now >= later);
    assert_eq!(world.executed(), before);
    world.session.resume(world.moment(), &job, "kim").unwrap();
    world.flush();
    world.run_until(600, "the end", |world| world.printed().is_some());
    assert_eq!(world.executed(), world.file.len());
}

#[test]
fn cancelling_out_of_a_long_heat_switches_the_heaters_off() {
    let mut world = World::marlin(heated(100));
    world.open();
    world.until_ready();
    world.start();
    let at = world.now + 10_000_000;
    world.run_until(11, "heating", |world| world.now >= at);
    world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    world.run_until(30, "the cancellation", |world| {
        world.events.iter().any(|e| matches!(e, SessionEvent::Cancelled { by, .. } if by == "kim"))
    });
    world.run_until(10, "cold targets", |world| {
        let seen = world.session.snapshot(world.moment()).temperatures;
        seen.bed.is_some_and(|h| h.target.is_some_and(|t| t.0 == 0.0))
    });
    assert!(world.session.is_ready());
}

#[test]
fn a_stop_is_the_next_thing_on_the_wire_and_nothing_follows_it() {
    let mut world = World::marlin(curve(3_000));
    world.open();
    world.until_ready();
    world.start();
    world.run_until(60, "some lines", |world| world.executed() > 50);
    let now = world.moment();
    world.session.stop(now);
    assert!(world.session.transmit().starts_with(b"\nM112\nN"));
    world.flush();
    world.run_until(5, "the kill line", |world| {
        world.events.contains(&SessionEvent::StopVerified(StopProof::KillLine))
    });
    assert!(
        world
            .events
            .iter()
            .any(|e| matches!(e, SessionEvent::Interrupted { why: Interruption::Stopped, .. }))
    );
    let before = world.executed();
    let later = world.now + 60_000_000;
    world.run_until(61, "a minute", |world| world.now >= later);
    assert_eq!(world.executed(), before);
    assert_eq!(world.session.transmit(), b"");
    assert_eq!(world.session.activity(), Activity::Stopped);
}

#[test]
fn a_kill_of_the_firmware_interrupts_the_job_and_is_told_by_its_cause() {
    let mut world = World::marlin(heated(3_000));
    world.open();
    world.until_ready();
    world.start();
    world.run_until(400, "some lines", |world| world.executed() > 100);
    world.rig.inject(world.now, &Trouble::Kill);
    world.run_until(30, "the fault", |world| {
        world.events.iter().any(|e| matches!(e, SessionEvent::Faulted(Fault::Killed)))
    });
    assert!(
        world
            .events
            .iter()
            .any(|e| matches!(e, SessionEvent::Interrupted { why: Interruption::Fault { .. }, .. }))
    );
    let bytes = world.session.line().bytes_sent;
    let later = world.now + 60_000_000;
    world.run_until(61, "a minute", |world| world.now >= later);
    assert_eq!(world.session.line().bytes_sent, bytes, "a deaf board gets no line");
}

#[test]
fn a_printer_that_falls_silent_interrupts_the_job() {
    let mut world = World::marlin(curve(3_000));
    world.open();
    world.until_ready();
    world.start();
    world.run_until(60, "some lines", |world| world.executed() > 100);
    let now = world.now;
    world.rig.firmware_mut().make_deaf(now, 3_600_000_000);
    world.run_until(200, "the interruption", |world| {
        world.events.iter().any(|e| matches!(e, SessionEvent::Interrupted { why: Interruption::Silence, .. }))
    });
    assert!(matches!(world.events.last(), Some(SessionEvent::Close { .. })));
}

#[test]
fn a_job_is_printed_only_when_the_head_stands_still_however_many_oks_come_twice() {
    for face in [Face::Marlin20, Face::Marlin11, Face::Smoothieware] {
        for every in [1, 2, 5] {
            let mut file = curve(60);
            file.extend(["G1 X200 Y100 F600".to_owned(), "G1 X10 Y100 F60".into()]);
            let mut config = RigConfig::new(face, 115_200, 1_000, every.into());
            config.firmware.prevent_cold_extrusion = false;
            let mut world = World::new(config, SAFE, file);
            world.open();
            world.until_ready();
            world.start();
            world.run_until(600, "the last lines", |world| world.executed() > 50);
            world.inject(&Trouble::DuplicateEveryOk { every });
            world.run_until(900, "an end", |world| {
                world.events.iter().any(|event| {
                    matches!(event, SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. })
                })
            });
            assert!(world.printed().is_some(), "{face:?} {every}: {:?}", world.events.last());
        }
    }
}

#[test]
fn a_job_that_is_left_for_shutdown_on_a_silent_board_keeps_its_reason() {
    let mut world = World::marlin(curve(2_000));
    world.open();
    world.until_ready();
    world.start();
    world.run_until(60, "some moves", |world| world.executed() > 100);
    world.inject(&Trouble::Hang { for_us: 60_000_000 });
    world.session.leave_for_shutdown(world.moment());
    world.flush();
    let later = world.now + 5_000_000;
    world.run_until(10, "patience", |world| world.now >= later);
    world.close("platen ends");
    let Some(SessionEvent::Interrupted { why, .. }) = world.events.last() else { panic!() };
    assert_eq!(*why, Interruption::DaemonEnded);
}
