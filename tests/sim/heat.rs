//! Heat watched from outside: each hazard is provoked on a board that has no protection of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::faults::{Direction, Fault as Trouble};
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::planner::Motion;
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::rig::RigConfig;
use platen::control::session::SessionEvent;
use platen::domain::heat::{Action, Alarm, Hazard, HeatLimits, Heater};
use platen::domain::job::Interruption;
use platen::domain::printer::{Activity, Fault};

use crate::world::{SAFE, World, curve};

const HOTEND: HeaterId = HeaterId::Hotend;
const BED: HeaterId = HeaterId::Bed;

/// A board that lets everything happen.
pub fn unprotected(face: Face) -> RigConfig {
    let mut config = RigConfig::new(face, 115_200, 1_000, 1);
    config.firmware.hotend.protected = false;
    config.firmware.bed.protected = false;
    config.firmware.prevent_cold_extrusion = false;
    config
}

fn heated(lines: usize) -> Vec<String> {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into(), "M190 S60".into(), "M109 S210".into()];
    file.extend(curve(lines));
    file.extend(["M104 S0".to_owned(), "M140 S0".into()]);
    file
}

fn printing(face: Face, limits: HeatLimits) -> World {
    let mut world = World::with_limits(unprotected(face), SAFE, heated(60_000), limits);
    world.keep_trace = true;
    world.open();
    world.until_ready();
    world.start();
    world
}

/// In the middle of a print, at its temperatures.
fn hot(face: Face, limits: HeatLimits) -> World {
    let mut world = printing(face, limits);
    world.run_until(900, "the first moves", |world| world.executed() > 50);
    assert_eq!(world.alarms(), [], "nothing is wrong yet");
    world
}

fn break_heater(world: &mut World, heater: HeaterId, fault: HeaterFault) {
    world.inject(&Trouble::Heater { heater, fault });
}

#[track_caller]
fn until_alarm(world: &mut World, seconds: u64, hazard: Hazard, action: Action) -> Alarm {
    let wanted = |alarm: &&Alarm| alarm.hazard == hazard && alarm.action == action;
    world.run_until(seconds, &format!("{hazard:?}, {action:?}"), |world| {
        world.alarms().iter().any(|alarm| wanted(&alarm))
    });
    let alarms = world.alarms();
    alarms.iter().find(wanted).copied().unwrap()
}

/// Heaters off: the job is interrupted by this fault, the targets are zero, and the printer is locked.
#[track_caller]
fn ends_switched_off(world: &mut World, fault: Fault) {
    assert!(world.events.contains(&SessionEvent::Faulted(fault)), "{:?}", world.events);
    world.run_until(40, "cold targets", |world| {
        let firmware = world.rig.firmware();
        [HOTEND, BED].iter().all(|heater| firmware.heater(*heater).target() == 0.0)
    });
    world.run_until(60, "the interruption", |world| {
        let interrupted = |event: &SessionEvent| {
            matches!(event, SessionEvent::Interrupted { why: Interruption::Fault { fault: why }, .. } if *why == fault)
        };
        world.events.iter().any(interrupted)
    });
    assert_eq!(world.session.activity(), Activity::Faulted { fault });
    assert!(world.session.start(world.moment(), World::job(), 1).is_err(), "nothing starts");
}

/// As after an emergency stop: `M112` is on the wire and nothing behind it.
#[track_caller]
fn ends_stopped(world: &mut World, fault: Fault) {
    assert!(world.events.contains(&SessionEvent::Faulted(fault)), "{:?}", world.events);
    let written = |world: &World| world.trace.iter().filter(|(_, way, _)| *way == '>').count();
    let (_, _, last) = world.trace.iter().rev().find(|(_, way, _)| *way == '>').unwrap();
    assert!(last.starts_with(b"\nM112\nN"), "{:?}", String::from_utf8_lossy(last));
    let before = written(world);
    let later = world.now + 60_000_000;
    world.run_until(61, "a minute", |world| world.now >= later);
    assert_eq!(written(world), before, "nothing follows a stop");
    assert!(matches!(world.session.activity(), Activity::Faulted { .. }));
    assert!(world.rig.firmware().is_halted());
}

#[test]
fn a_heater_above_the_maximum_is_stopped_within_a_quarter_of_a_second() {
    let limits = HeatLimits { hotend_max: 220, bed_max: 70, ..HeatLimits::USUAL };
    for (heater, id, max) in [(Heater::Hotend, HOTEND, 235.0), (Heater::Bed, BED, 85.0)] {
        let mut world = hot(Face::Marlin21, limits);
        break_heater(&mut world, id, HeaterFault::StuckOn);
        world.run_until(300, "too hot", |world| world.rig.firmware().heater(id).temperature() > max + 0.3);
        let alarm = until_alarm(&mut world, 2, Hazard::Overheated, Action::Stop);
        assert_eq!((alarm.heater, alarm.limit), (heater, max));
        assert!(stop_delay(&world, |line| over(line, id, max)).unwrap() <= 250_000);
        ends_stopped(&mut world, Fault::Overheated);
    }
}

/// From the second different report that fits to `M112` on the wire, µs; `None` without such reports.
pub fn stop_delay(world: &World, fits: impl Fn(&str) -> bool) -> Option<u64> {
    let mut line = Vec::new();
    let mut seen: Option<(u64, String)> = None;
    let mut second = None;
    for (at, way, bytes) in &world.trace {
        if *way == '>' {
            if let Some(second) = second
                && bytes.windows(4).any(|word| word == b"M112")
            {
                return Some(at - second);
            }
            continue;
        }
        for byte in bytes {
            if *byte != b'\n' {
                line.push(*byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line).trim_start_matches(['o', 'k', ' ']).to_owned();
            line.clear();
            if !text.contains("T:") && !text.contains("T0:") {
                continue;
            }
            if !fits(&text) {
                seen = None;
                continue;
            }
            match &seen {
                None => seen = Some((*at, text)),
                Some((first, before)) if *before != text || at - first >= 100_000 => {
                    second.get_or_insert(*at);
                }
                Some(_) => {}
            }
        }
    }
    // Whoever looked away too early saw nothing.
    second.filter(|second| world.now > second + 250_000).map(|_| u64::MAX)
}

/// Whether a line reports a heater above `max`; read by this test's own eyes.
pub fn over(line: &str, heater: HeaterId, max: f64) -> bool {
    let keys: &[&str] = if heater == HOTEND { &["T:", "T0:"] } else { &["B:"] };
    line.split(' ').any(|word| {
        let value = keys.iter().find_map(|key| word.strip_prefix(key));
        let value = value.and_then(|value| value.split('/').next()?.parse::<f64>().ok());
        value.is_some_and(|value| value > max)
    })
}

#[test]
fn a_line_that_heats_more_than_the_printer_allows_is_never_sent() {
    for line in ["M104 S290", "M109 R290", "M140 S125", "M190 S130", "M104 T0 S300", "M141 S90"] {
        let mut file = heated(20);
        file.insert(10, line.to_owned());
        let mut world = World::new(unprotected(Face::Marlin21), SAFE, file);
        world.open();
        world.until_ready();
        world.start();
        until_alarm(&mut world, 900, Hazard::TargetTooHigh, Action::HeatersOff);
        ends_switched_off(&mut world, Fault::TargetTooHigh);
        assert!(!world.rig.ledger().executed().iter().any(|executed| executed == line), "{line}");
    }
}

#[test]
fn a_target_above_what_the_printer_allows_is_switched_off_whoever_set_it() {
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    let now = world.now;
    world.rig.firmware_mut().set_heat_target(now, BED, 130.0);
    until_alarm(&mut world, 5, Hazard::TargetTooHigh, Action::HeatersOff);
    ends_switched_off(&mut world, Fault::TargetTooHigh);
    assert!(Fault::TargetTooHigh.in_words().contains("at its panel"), "the file has not asked for it");
}

#[test]
fn a_heater_that_does_not_get_warm_is_switched_off() {
    for (id, heater, seconds) in [(HOTEND, Heater::Hotend, 180), (BED, Heater::Bed, 240)] {
        let mut world = World::new(unprotected(Face::Marlin21), SAFE, heated(100));
        break_heater(&mut world, id, HeaterFault::Dead);
        world.open();
        world.until_ready();
        world.start();
        let alarm = until_alarm(&mut world, seconds, Hazard::RiseTooSlow, Action::HeatersOff);
        assert_eq!(alarm.heater, heater);
        ends_switched_off(&mut world, Fault::RiseTooSlow);
    }
}

#[test]
fn a_heater_that_cannot_be_switched_off_because_the_board_waits_is_stopped() {
    // No emergency parser: `M104 S0` waits behind an `M109` that never ends.
    let mut world = World::new(unprotected(Face::Marlin20), SAFE, heated(100));
    world.keep_trace = true;
    break_heater(&mut world, HOTEND, HeaterFault::Dead);
    world.open();
    world.until_ready();
    world.start();
    until_alarm(&mut world, 240, Hazard::RiseTooSlow, Action::HeatersOff);
    until_alarm(&mut world, 40, Hazard::RiseTooSlow, Action::Stop);
    let (_, _, last) = world.trace.iter().rev().find(|(_, way, _)| *way == '>').unwrap();
    assert!(last.starts_with(b"\nM112\nN"));
}

#[test]
fn a_heater_that_rises_faster_than_a_healthy_one_is_stopped() {
    for (id, heater) in [(HOTEND, Heater::Hotend), (BED, Heater::Bed)] {
        let mut world = World::new(unprotected(Face::Marlin21), SAFE, heated(100));
        world.keep_trace = true;
        break_heater(&mut world, id, HeaterFault::Overpowered);
        world.open();
        world.until_ready();
        world.start();
        let alarm = until_alarm(&mut world, 180, Hazard::RiseTooFast, Action::Stop);
        assert_eq!(alarm.heater, heater);
        assert!(alarm.reading.unwrap().0 < 130.0, "{alarm:?}");
        ends_stopped(&mut world, Fault::RiseTooFast);
    }
}

#[test]
fn a_heater_that_drifts_from_its_target_is_switched_off() {
    for (id, heater) in [(HOTEND, Heater::Hotend), (BED, Heater::Bed)] {
        let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
        let fault = if id == HOTEND { HeaterFault::Weak } else { HeaterFault::Dead };
        break_heater(&mut world, id, fault);
        let alarm = until_alarm(&mut world, 400, Hazard::LeftTarget, Action::HeatersOff);
        assert_eq!(alarm.heater, heater);
        ends_switched_off(&mut world, Fault::LeftTarget);
    }
}

#[test]
fn a_board_that_starts_anew_while_its_job_is_switched_off_stays_locked() {
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    break_heater(&mut world, BED, HeaterFault::Dead);
    until_alarm(&mut world, 400, Hazard::LeftTarget, Action::HeatersOff);
    assert!(matches!(world.session.activity(), Activity::Cancelling { .. }), "its job is on its way out");
    world.inject(&Trouble::Reset { cause: ResetCause::BrownOut });
    let interrupted = |event: &SessionEvent| {
        matches!(event, SessionEvent::Interrupted { why: Interruption::PrinterReset, .. })
    };
    world.run_until(60, "its end", |world| world.events.iter().any(interrupted));
    assert_eq!(world.session.activity(), Activity::Faulted { fault: Fault::LeftTarget });
    assert!(world.session.start(world.moment(), World::job(), 1).is_err(), "nothing starts");
}

#[test]
fn a_heater_that_is_stuck_on_above_its_target_is_switched_off_before_it_is_too_hot() {
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    break_heater(&mut world, HOTEND, HeaterFault::StuckOn);
    let alarm = until_alarm(&mut world, 60, Hazard::LeftTarget, Action::HeatersOff);
    assert!(alarm.reading.unwrap().0 < 285.0, "{alarm:?}");
    // Its heater does not obey: it rises on.
    until_alarm(&mut world, 60, Hazard::HeatUnasked, Action::Stop);
}

#[test]
fn a_reading_that_does_not_move_while_heated_is_switched_off() {
    // While holding: the regulator winds up against a sensor that lies.
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    break_heater(&mut world, HOTEND, HeaterFault::SensorFrozen);
    until_alarm(&mut world, 200, Hazard::SensorStuck, Action::HeatersOff);
    ends_switched_off(&mut world, Fault::SensorStuck);
    // While heating up: sooner.
    let mut world = printing(Face::Marlin21, HeatLimits::USUAL);
    world.run_until(60, "some heat", |world| world.rig.firmware().heater(HOTEND).temperature() > 80.0);
    break_heater(&mut world, HOTEND, HeaterFault::SensorFrozen);
    until_alarm(&mut world, 40, Hazard::SensorStuck, Action::HeatersOff);
    ends_switched_off(&mut world, Fault::SensorStuck);
}

#[test]
fn an_open_or_shorted_sensor_of_a_heated_heater_is_stopped() {
    for id in [HOTEND, BED] {
        for fault in [HeaterFault::SensorOpen, HeaterFault::SensorShort] {
            let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
            break_heater(&mut world, id, fault);
            let broken = world.now;
            until_alarm(&mut world, 10, Hazard::SensorBroken, Action::Stop);
            assert!(world.now - broken < 3_000_000, "{} µs", world.now - broken);
            ends_stopped(&mut world, Fault::SensorBroken);
        }
    }
}

#[test]
fn an_open_sensor_of_a_cold_heater_is_only_told_until_somebody_heats_it() {
    let mut world = World::new(unprotected(Face::Marlin21), SAFE, heated(100));
    break_heater(&mut world, BED, HeaterFault::SensorOpen);
    world.open();
    world.until_ready();
    until_alarm(&mut world, 10, Hazard::SensorBroken, Action::Warn);
    assert!(world.session.is_ready());
    world.start();
    until_alarm(&mut world, 10, Hazard::SensorBroken, Action::Stop);
}

#[test]
fn a_sensor_that_slips_out_of_its_block_is_switched_off() {
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    break_heater(&mut world, HOTEND, HeaterFault::SensorFallen);
    let broken = world.now;
    until_alarm(&mut world, 10, Hazard::SuddenDrop, Action::HeatersOff);
    assert!(world.now - broken < 6_000_000, "{} µs", world.now - broken);
    ends_switched_off(&mut world, Fault::SuddenDrop);
}

#[test]
fn a_heater_that_gets_hot_without_a_job_is_switched_off_and_then_stopped() {
    let mut world = World::new(unprotected(Face::Marlin21), SAFE, Vec::new());
    world.keep_trace = true;
    world.open();
    world.until_ready();
    break_heater(&mut world, BED, HeaterFault::StuckOn);
    let alarm = until_alarm(&mut world, 120, Hazard::HeatUnasked, Action::HeatersOff);
    assert!(alarm.reading.unwrap().0 < 75.0, "{alarm:?}");
    assert!(world.events.contains(&SessionEvent::Faulted(Fault::HeatUnasked)));
    let alarm = until_alarm(&mut world, 60, Hazard::HeatUnasked, Action::Stop);
    assert!(alarm.reading.unwrap().0 < 90.0, "{alarm:?}");
    ends_stopped(&mut world, Fault::HeatUnasked);
}

#[test]
fn a_bed_that_heats_in_a_print_without_its_heat_is_switched_off() {
    let mut file = vec!["M109 S210".to_owned()];
    file.extend(curve(60_000));
    let mut world = World::new(unprotected(Face::Marlin21), SAFE, file);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(900, "the first moves", |world| world.executed() > 50);
    break_heater(&mut world, BED, HeaterFault::StuckOn);
    let alarm = until_alarm(&mut world, 120, Hazard::HeatUnasked, Action::HeatersOff);
    assert_eq!(alarm.heater, Heater::Bed);
}

#[test]
fn a_target_that_somebody_sets_at_the_panel_without_a_job_is_switched_off() {
    for (minutes, by_hand) in [(0, 0), (5, 300)] {
        let by_hand = std::time::Duration::from_secs(by_hand);
        let limits = HeatLimits { by_hand, ..HeatLimits::USUAL };
        let mut world = World::with_limits(unprotected(Face::Marlin21), SAFE, Vec::new(), limits);
        world.open();
        world.until_ready();
        let now = world.now;
        world.rig.firmware_mut().set_heat_target(now, HOTEND, 200.0);
        until_alarm(&mut world, 30 + minutes * 60, Hazard::HeatUnasked, Action::HeatersOff);
        assert!(world.now - now >= minutes * 60_000_000);
        world.run_until(5, "a cold target", |world| world.rig.firmware().heater(HOTEND).target() == 0.0);
        let later = world.now + 600_000_000;
        world.run_until(601, "ten minutes", |world| world.now >= later);
        assert_eq!(world.alarms().len(), 1, "it cools: nothing more to be done");
    }
}

#[test]
fn a_hot_printer_that_falls_silent_is_stopped() {
    let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
    world.inject(&Trouble::Hang { for_us: 3_600_000_000 });
    until_alarm(&mut world, 40, Hazard::SilentWhileHot, Action::Warn);
    until_alarm(&mut world, 200, Hazard::SilentWhileHot, Action::Stop);
    assert!(world.events.contains(&SessionEvent::Faulted(Fault::SilentWhileHot)));
    let (_, _, last) = world.trace.iter().rev().find(|(_, way, _)| *way == '>').unwrap();
    assert!(last.starts_with(b"\nM112\nN"));
}

#[test]
fn a_hot_printer_that_falls_silent_in_a_long_command_is_stopped_and_its_silence_is_no_proof_of_that() {
    let file = ["M109 S200", "G4 S3000"].map(str::to_owned).into();
    let mut config = unprotected(Face::Marlin21);
    // Nothing in it looks at what arrives.
    config.firmware.emergency_parser = false;
    let mut world = World::new(config, SAFE, file);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(900, "a hot nozzle", |world| world.rig.firmware().heater(HOTEND).temperature() > 198.0);
    let later = world.now + 30_000_000;
    world.run_until(31, "some of the dwell", |world| world.now >= later);
    world.inject(&Trouble::Hang { for_us: 36_000_000_000 });
    until_alarm(&mut world, 3_000, Hazard::SilentWhileHot, Action::Stop);
    assert!(world.events.contains(&SessionEvent::Faulted(Fault::SilentWhileHot)));
    world.run_until(10, "a stop that is given up", |world| {
        world.events.contains(&SessionEvent::StopUnverified)
    });
    assert!(!world.events.iter().any(|event| matches!(event, SessionEvent::StopVerified(_))));
}

/// Nothing gets through in either direction.
fn mute(world: &mut World) {
    for direction in [Direction::ToDevice, Direction::ToHost] {
        world.inject(&Trouble::Stall { direction, for_us: 7_200_000_000 });
    }
}

/// In the middle of `M190` or `M109`.
fn heating_up(face: Face, heater: HeaterId) -> World {
    let (sets, waits, warm) =
        if heater == BED { ("M140 S60", "M190 S60", 30.0) } else { ("M104 S210", "M109 S210", 120.0) };
    let mut file = vec![sets.to_owned(), waits.to_owned()];
    file.extend(curve(100));
    let mut world = World::new(unprotected(face), SAFE, file);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(900, "some heat", |world| world.rig.firmware().heater(heater).temperature() > warm);
    assert_eq!(world.alarms(), [], "nothing is wrong yet");
    world
}

#[test]
fn a_board_that_talks_in_its_heat_up_and_then_falls_silent_is_stopped_as_soon_as_in_mid_print() {
    for (name, face) in Face::NAMED {
        if face == Face::RepRapFirmware {
            continue;
        }
        for heater in [BED, HOTEND] {
            let mut world = heating_up(face, heater);
            mute(&mut world);
            let muted = world.now;
            until_alarm(&mut world, 1_000, Hazard::SilentWhileHot, Action::Stop);
            let seconds = (world.now - muted) / 1_000_000;
            assert!((60..=100).contains(&seconds), "{name} {heater:?}: after {seconds} s");
            assert!(world.events.contains(&SessionEvent::Faulted(Fault::SilentWhileHot)), "{name}");
        }
    }
}

#[test]
fn a_board_that_says_nothing_in_its_heat_up_is_given_fifteen_minutes_and_its_silence_is_told() {
    let mut world = heating_up(Face::RepRapFirmware, BED);
    mute(&mut world);
    let muted = world.now;
    until_alarm(&mut world, 100, Hazard::SilentWhileHot, Action::Warn);
    until_alarm(&mut world, 1_000, Hazard::SilentWhileHot, Action::Stop);
    let seconds = (world.now - muted) / 1_000_000;
    assert!((700..=900).contains(&seconds), "after {seconds} s");
}

#[test]
fn a_board_that_says_only_busy_and_that_every_ten_seconds_is_never_stopped_in_a_long_heat_up() {
    let mut config = unprotected(Face::Marlin11);
    config.firmware.keepalive = false;
    config.firmware.reports_while_heating = false;
    config.firmware.bed.rate = 0.1;
    config.firmware.bed.time_constant_seconds = 1_000.0;
    let mut file = ["M140 S70", "G4 S5", "M190 S70"].map(str::to_owned).to_vec();
    file.extend(curve(20));
    let mut world = World::new(config, SAFE, file);
    world.open();
    world.until_ready();
    world.start();
    while world.printed().is_none() {
        let now = world.now;
        world.rig.firmware_mut().emit_garbage(now, b"echo:busy: processing\n");
        world
            .run_until(11, "ten seconds", |world| world.now >= now + 10_000_000 || world.printed().is_some());
        assert_eq!(world.alarms(), [], "after {} s", world.now / 1_000_000);
    }
    assert!(world.now > 400_000_000, "{} s", world.now / 1_000_000);
}

#[test]
fn heat_that_a_file_leaves_on_is_switched_off_at_its_end() {
    let mut world = World::new(
        unprotected(Face::Marlin21),
        SAFE,
        vec!["M104 S120".to_owned(), "M140 S50".into(), "G4 S20".into()],
    );
    world.print_exactly(200);
    world.run_until(5, "cold targets", |world| {
        let firmware = world.rig.firmware();
        [HOTEND, BED].iter().all(|heater| firmware.heater(*heater).target() == 0.0)
    });
    let later = world.now + 120_000_000;
    world.run_until(121, "two minutes", |world| world.now >= later);
    assert_eq!(world.alarms(), []);
}

#[test]
fn an_odd_reading_stops_nothing() {
    let lines: [&[u8]; 6] = [
        b" T:910.00 /210.00 B:60.00 /60.00 @:0 B@:0\n",
        b" T:10.00 /210.00 B:60.00 /60.00 @:0 B@:0\n",
        b" T:210.00 /910.00 B:60.00 /60.00 @:0 B@:0\n",
        b" T:210.00 /210.00 B:160.00 /60.00 @:0 B@:0\n",
        b" T:290.00 /210.00 B:600 /60.00 @:0 B@:0\n",
        b" T:-15.00 /210.00 B:6\n",
    ];
    for line in lines {
        for twice in [false, true] {
            let mut world = hot(Face::Marlin21, HeatLimits::USUAL);
            let now = world.now;
            world.rig.firmware_mut().emit_garbage(now, line);
            if twice {
                // The cable says it twice.
                world.rig.firmware_mut().emit_garbage(now, line);
            }
            let later = world.now + 60_000_000;
            world.run_until(61, "a minute", |world| world.now >= later);
            assert_eq!(world.alarms(), [], "{}", String::from_utf8_lossy(line));
        }
    }
}

/// Everything that healthy prints do to their heaters.
fn varied() -> Vec<String> {
    let mut file: Vec<String> =
        ["M140 S110", "M104 S150", "M190 S110", "M109 S240"].map(str::to_owned).into();
    file.extend(curve(50));
    file.extend(["M106 S255", "G4 S20", "M104 S215", "G4 S5", "M140 S80"].map(str::to_owned));
    file.extend(curve(50));
    file.extend(["M109 R180", "M109 S235", "M190 R70", "M104 S200", "M104 S230"].map(str::to_owned));
    file.extend(curve(50));
    file.extend(
        ["M104 S0", "G4 S60", "M104 S190", "G4 S90", "M104 S0", "M140 S0", "M107"].map(str::to_owned),
    );
    file
}

#[test]
fn healthy_prints_of_every_face_raise_no_alarm_from_cold_and_from_warm() {
    for (name, face) in Face::NAMED {
        for protected in [true, false] {
            let mut config = unprotected(face);
            (config.firmware.hotend.protected, config.firmware.bed.protected) = (protected, protected);
            let says_busy = config.firmware.keepalive;
            let mut file = varied();
            if face == Face::Klipper {
                // It knows no fan there, nor a bed that waits for cold.
                file.retain(|line| !line.starts_with("M106") && !line.starts_with("M107"));
            }
            let mut world = World::new(config, SAFE, file);
            world.keep_trace = std::env::var("PLATEN_TRACE").is_ok();
            world.print_exactly(4_000);
            let later = world.now + 60_000_000;
            world.run_until(61, "a minute between jobs", |world| world.now >= later);
            world.events.retain(|event| matches!(event, SessionEvent::Heat(_)));
            world.start();
            world.run_until(4_000, "the second end", |world| world.printed().is_some());
            let later = world.now + 1_800_000_000;
            world.run_until(1_801, "half an hour", |world| world.now >= later);
            let mut alarms = world.alarms();
            if !says_busy {
                // It says nothing for minutes in a dwell, or a heat-up, and that is told.
                alarms.retain(|alarm| (alarm.hazard, alarm.action) != (Hazard::SilentWhileHot, Action::Warn));
            }
            assert_eq!(alarms, [], "{name} {protected}");
        }
    }
}

#[test]
fn a_weak_bed_that_needs_forty_minutes_is_given_them() {
    let mut config = unprotected(Face::Marlin21);
    config.firmware.bed.rate = 0.1;
    config.firmware.bed.time_constant_seconds = 1_000.0;
    config.firmware.motion = Motion::Instant;
    let mut file = vec!["M190 S110".to_owned()];
    file.extend(curve(20));
    let mut world = World::new(config, SAFE, file);
    world.print_exactly(6_000);
    assert!(world.now > 1_500_000_000, "{} s", world.now / 1_000_000);
    assert_eq!(world.alarms(), []);
}

#[test]
fn noise_on_the_way_back_raises_no_alarm() {
    for seed in 0..20 {
        let mut config = unprotected(Face::NAMED[(seed % 6) as usize].1);
        config.seed = seed;
        let mut world = World::new(config, SAFE, heated(3_000));
        world.open();
        world.until_ready();
        world.inject(&Trouble::Noise { direction: Direction::ToHost, loss: 2e-3, damage: 4e-3 });
        world.start();
        let later = world.now + 600_000_000;
        world.run_until(601, "ten minutes", |world| world.now >= later);
        // A link that stands still for minutes is silent indeed, whatever made it so.
        let alarms = world.alarms().into_iter().filter(|alarm| alarm.hazard != Hazard::SilentWhileHot);
        assert_eq!(alarms.collect::<Vec<_>>(), [], "seed {seed}");
    }
}

#[test]
fn nothing_is_added_to_a_file_that_switches_its_heat_off_itself() {
    let mut file = vec!["M140 S60".to_owned(), "M104 S200".into()];
    file.extend(curve(60));
    file.extend(["M104 S0".to_owned(), "M140 S0".into()]);
    let mut world = World::marlin(file);
    world.print_exactly(100);
    let later = world.now + 5_000_000;
    world.run_until(10, "what may follow", |world| world.now >= later);
    let own = world.rig.ledger().executed().iter().rev().take_while(|line| *line != "M140 S0");
    assert!(own.clone().all(|line| !line.starts_with("M104")), "{:?}", own.collect::<Vec<_>>());
    let off = world.rig.ledger().executed().iter().filter(|line| *line == "M104 S0").count();
    assert_eq!(off, 1);
}
