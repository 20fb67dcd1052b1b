//! `platen safe-off` against boards that somebody has left in the middle of something.

use hw_sim::faults::{Direction, Fault};
use hw_sim::heater::HeaterId;
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::safe_off::{ORDERS, SafeOff};
use platen::domain::moment::Moment;

use crate::world::{SAFE, World, curve};

/// Talks to the board for so long, at most.
fn switch_off(rig: &mut Rig, from: u64, seconds: u64) -> bool {
    let mut now = from;
    let mut talk = SafeOff::begin(Moment(now), 0, true);
    let until = from + seconds * 1_000_000;
    while now < until && !talk.is_off() {
        let bytes = talk.transmit().to_vec();
        talk.transmitted(bytes.len());
        rig.host_write(now, &bytes);
        now = rig.run_until_output(talk.poll_timeout().micros().clamp(now, until));
        let heard = rig.host_read(now);
        talk.handle_bytes(Moment(now), &heard);
        if talk.poll_timeout().micros() <= now {
            talk.handle_timeout(Moment(now));
        }
    }
    talk.is_off()
}

fn is_cold_target(rig: &Rig) -> bool {
    [HeaterId::Hotend, HeaterId::Bed].iter().all(|heater| rig.firmware().heater(*heater).target() == 0.0)
}

fn hot(lines: usize) -> Vec<String> {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into()];
    file.extend(curve(lines));
    file
}

/// A host that has died in mid-stream: its last line is cut, its lines still run.
fn left(mut config: RigConfig, file: Vec<String>) -> World {
    config.firmware.prevent_cold_extrusion = false;
    let mut world = World::new(config, SAFE, file);
    world.open();
    world.until_ready();
    world.start();
    let at = world.now + 1_500_000;
    world.run_until(3, "some lines", |world| world.now >= at);
    world.rig.host_write(world.now, b"N10077 G1X1");
    world
}

#[test]
fn a_board_in_mid_stream_switches_its_heaters_off_whatever_its_firmware() {
    for (name, face) in Face::NAMED {
        for meatpack in [false, true] {
            let mut config = RigConfig::new(face, 115_200, 1_000, 1);
            config.firmware.meatpack = meatpack && matches!(face, Face::Marlin20 | Face::Marlin21);
            let mut world = left(config, hot(2_000));
            assert!(!is_cold_target(&world.rig), "{name}: it was never hot");
            let now = world.now;
            assert!(switch_off(&mut world.rig, now, 15), "{name} {meatpack}: it did not say so");
            assert!(is_cold_target(&world.rig), "{name} {meatpack}: it is on");
        }
    }
}

#[test]
fn a_board_that_waits_for_heat_is_not_said_to_be_off_before_it_is() {
    for (face, breaks) in [(Face::Marlin21, true), (Face::Marlin20, false)] {
        let mut world = left(RigConfig::new(face, 115_200, 1_000, 1), {
            let mut file = vec!["M109 S210".to_owned()];
            file.extend(curve(100));
            file
        });
        let now = world.now;
        let said = switch_off(&mut world.rig, now, 15);
        assert_eq!(said, breaks, "{face:?}");
        assert!(!said || is_cold_target(&world.rig), "{face:?}");
    }
}

#[test]
fn a_board_that_reads_nothing_for_long_gets_no_more_than_its_buffer_holds() {
    for (face, seconds) in
        [Face::Marlin20, Face::Marlin11].into_iter().flat_map(|face| [(face, 8), (face, 20)])
    {
        let mut config = RigConfig::new(face, 115_200, 1_000, 1);
        config.firmware.record_lines = true;
        let mut world = left(config, vec!["M109 S210".to_owned()]);
        let (now, ran) = (world.now, world.rig.ledger().executed().len());
        assert!(!switch_off(&mut world.rig, now, seconds), "{face:?}: it waits for heat");
        // When it has read all that, whoever comes next ends the last line; none of them was cut.
        world.rig.advance(now + 600_000_000);
        world.rig.host_write(now + 600_000_000, b"\n");
        world.rig.advance(now + 601_000_000);
        for line in &world.rig.ledger().executed()[ran..] {
            assert!(is_harmless(line), "{face:?} {seconds}: it ran {line:?}");
        }
        assert!(is_cold_target(&world.rig), "{face:?}: the orders wait for it");
    }
}

/// Whether it may be run: an order, what ends the lines of others, or a word, or piece of one, that nobody knows.
/// (`108`: Repetier's refusal of what ends a line takes the next letters with it.)
fn is_harmless(line: &str) -> bool {
    let mut orders = ORDERS.split(|byte| *byte == b'\n').chain([&b"M110 N0"[..]]);
    // As it was numbered, without what stands around it.
    let command = line.split('*').next().unwrap_or(line);
    let command =
        command.split_once(' ').filter(|_| line.starts_with('N')).map_or(command, |(_, command)| command);
    orders.any(|order| order == command.as_bytes())
        || line == "108"
        || line.bytes().all(|byte| byte >= 0x80 || b"KH".contains(&byte))
}

/// Boards that do nothing for so long, with a buffer that is more or less full of what others have sent.
fn no_piece_of_an_order_is_carried_out(idle_seconds: u64, fills: impl Iterator<Item = usize> + Clone) {
    for ((name, face), unread) in
        Face::NAMED.into_iter().flat_map(|of| fills.clone().map(move |fill| (of, fill)))
    {
        let mut config = RigConfig::new(face, 115_200, 1_000, 1);
        config.firmware.record_lines = true;
        let mut rig = Rig::new(config);
        rig.open_port(0);
        rig.advance(5_000_000);
        let _ = rig.host_read(5_000_000);
        rig.host_write(5_000_000, b"M140 S60\n");
        rig.advance(5_500_000);
        // What it cannot queue waits in its buffer.
        let mut left = format!("G4 P{idle_seconds}000\nG4\nG4\nG4\nG4\n").into_bytes();
        let full = left.len() + unread - 9;
        while left.len() < full {
            left.extend_from_slice(b"G4 P0 ; nothing\n");
        }
        left.truncate(full);
        rig.host_write(5_500_000, &left);
        rig.advance(5_600_000);
        let ran = rig.ledger().executed().len();
        let is_off = switch_off(&mut rig, 5_600_000, 30);
        let executed = &rig.ledger().executed()[ran..];
        assert!(is_off, "{name} {unread}: it did not say so {executed:?}");
        assert!(is_cold_target(&rig), "{name} {unread}");
        for (at, line) in executed.iter().enumerate() {
            let does_nothing = !rig.ledger().manner(ran + at).known;
            assert!(
                line.starts_with('G') || does_nothing || is_harmless(line),
                "{name} {unread}: it ran {line:?}"
            );
        }
    }
}

#[test]
fn no_order_is_cut_where_others_have_filled_the_boards_buffer() {
    no_piece_of_an_order_is_carried_out(1, (40..=127).step_by(3));
}

#[test]
fn of_what_is_said_to_a_full_board_after_long_no_piece_is_carried_out() {
    no_piece_of_an_order_is_carried_out(9, 40..=127);
    no_piece_of_an_order_is_carried_out(3, 60..=127);
}

#[test]
fn a_board_that_restarts_when_its_port_is_opened_is_asked_again() {
    let mut config = RigConfig::new(Face::Marlin20, 115_200, 1_000, 1);
    config.firmware.reset_on_open = true;
    let mut rig = Rig::new(config);
    rig.open_port(0);
    assert!(switch_off(&mut rig, 0, 15));
}

#[test]
fn noise_never_makes_a_hot_board_cold() {
    for seed in 0..1_000 {
        let mut config = RigConfig::new(Face::Marlin20, 115_200, 1_000, seed);
        config.firmware.prevent_cold_extrusion = false;
        let mut rig = Rig::new(config);
        rig.open_port(0);
        rig.host_write(0, b"M104 S210\nM140 S60\n");
        rig.advance(1_000_000);
        for direction in [Direction::ToDevice, Direction::ToHost] {
            rig.inject(1_000_000, &Fault::Noise { direction, loss: 0.01, damage: 0.02 });
        }
        if switch_off(&mut rig, 1_000_000, 15) {
            assert!(is_cold_target(&rig), "seed {seed}");
        }
    }
}

/// A host that has died while its board still has moves to make, and a heat-up behind them.
fn left_before_heat(face: Face, config: impl FnOnce(&mut RigConfig)) -> Rig {
    let mut settings = RigConfig::new(face, 115_200, 1_000, 1);
    settings.firmware.record_lines = true;
    config(&mut settings);
    let mut rig = Rig::new(settings);
    rig.open_port(0);
    rig.advance(5_000_000);
    let _ = rig.host_read(5_000_000);
    // Waits of 0.7 s each in its queue; in its buffer more of them, then the heat.
    rig.host_write(
        5_000_000,
        b"G4 P700\nG4 P700\nG4 P700\nG4 P700\nG4 P700\nG4 P700\nG4 P700\nM190 S60\nM109 S210\n",
    );
    rig.advance(5_100_000);
    rig
}

#[test]
fn a_heat_up_that_was_queued_before_us_is_not_taken_for_off() {
    for (name, face) in Face::NAMED {
        let mut rig = left_before_heat(face, |_| {});
        let said = switch_off(&mut rig, 5_100_000, 30);
        let waits_out = matches!(face, Face::Marlin21);
        assert!(said || !waits_out, "{name}: an emergency parser breaks both waits off, one after the other");
        // Whatever comes of it, it never says so while it heats or is going to.
        let now = 36_000_000;
        rig.advance(now);
        assert!(!said || is_cold_target(&rig), "{name}: it said off and heats");
    }
}

#[test]
fn orders_that_a_refusal_behind_which_they_stood_has_taken_are_said_again() {
    for (name, face) in Face::NAMED {
        let mut rig = left_before_heat(face, |_| {});
        // The greeting of a life that ended: a number that must be refused.
        rig.host_write(5_100_000, b"N99 M105*36\n");
        rig.advance(5_200_000);
        let said = switch_off(&mut rig, 5_200_000, 30);
        assert!(said || !matches!(face, Face::Marlin21), "{name}");
        let refused = rig.ledger().totals.number_errors;
        assert!(refused <= 4, "{name}: nothing is asked with a number that must be refused: {refused}");
        rig.advance(36_000_000);
        assert!(!said || is_cold_target(&rig), "{name}: it said off and heats");
    }
}

#[test]
fn heat_ups_behind_a_long_move_are_broken_off_one_after_the_other() {
    for idle_seconds in [2, 5, 8, 12] {
        let mut rig = Rig::new(RigConfig::new(Face::Marlin21, 115_200, 1_000, 1));
        rig.open_port(0);
        rig.advance(5_000_000);
        let _ = rig.host_read(5_000_000);
        let left =
            format!("G4 P{idle_seconds}000\nM190 S60\nM109 S210\nG1 X40 Y50 F3000\nG1 X4\nG1 X40\nG1 X");
        rig.host_write(5_000_000, left.as_bytes());
        rig.advance(5_100_000);
        assert!(switch_off(&mut rig, 5_100_000, 30), "{idle_seconds}: it did not say so");
        assert!(is_cold_target(&rig), "{idle_seconds}");
    }
}
