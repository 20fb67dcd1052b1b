//! Printer and cable together in virtual time: pacing, noise, faults, and the same trace for the same seed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod common;

use common::Host;
use hw_sim::faults::{Direction, Fault, FaultMix, TimedFault};
use hw_sim::ledger::stream_hash_of;
use hw_sim::planner::Motion;
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::rig::{Rig, RigConfig, Statistics};
use proptest::prelude::*;

fn config(seed: u64) -> RigConfig {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1000, seed);
    config.firmware.home_us = 1_000_000;
    config.firmware.heat_time_scale = 50.0;
    config
}

fn job() -> String {
    let mut text = String::from("; a job\nM104 S200 ; heat\nM109 S200\nG28\nG90\nM82\n");
    for at in 0..200 {
        text += &format!("G1 X{}.500 Y{} E0.{at:03} F3000 ; {at}\n", at % 50, at / 7);
    }
    text + "M104 S0\nM84\n"
}

fn commands(job: &str) -> Vec<&str> {
    job.lines().map(|line| line.split(';').next().unwrap().trim()).filter(|line| !line.is_empty()).collect()
}

fn print(config: RigConfig) -> (Option<u64>, Host, Statistics) {
    let job = job();
    let mut rig = Rig::new(config);
    rig.open_port(0);
    let mut host = Host::new();
    let done = host.stream(&mut rig, &commands(&job), 4_000_000_000);
    let statistics = rig.statistics("test");
    (done, host, statistics)
}

#[test]
fn a_clean_job_has_the_hash_of_its_file() {
    let (done, host, statistics) = print(config(1));
    assert!(done.is_some());
    let expected = stream_hash_of(job().as_bytes()).unwrap();
    let segment = statistics.segments.last().unwrap();
    assert_eq!(segment.stream_hash, expected.hash_hex);
    assert_eq!(segment.commands, expected.commands);
    assert_eq!((segment.strays, statistics.totals.resends), (0, 0));
    assert!(host.longest_queue < 60);
}

#[test]
fn a_damaged_wire_costs_resends_and_not_one_command() {
    let mut noisy = config(2);
    noisy.wire.to_device.damage = 0.003;
    let (done, _, statistics) = print(noisy);
    assert!(done.is_some());
    assert!(statistics.totals.resends > 5);
    assert!(statistics.to_device.damaged > 5);
    let expected = stream_hash_of(job().as_bytes()).unwrap();
    assert_eq!(statistics.segments.last().unwrap().stream_hash, expected.hash_hex);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let noisy = |seed| {
        let mut config = config(seed);
        config.mix = FaultMix { damage_to_device: 0.002, loss_to_host: 0.001, ..FaultMix::default() };
        let (done, host, statistics) = print(config);
        (done, host.heard, statistics)
    };
    assert_eq!(noisy(5), noisy(5));
    assert_ne!(noisy(5).1, noisy(6).1);
}

#[test]
fn the_trace_does_not_depend_on_how_often_time_is_advanced() {
    let run = |step_us: u64| {
        let mut rig = Rig::new(config(3));
        rig.open_port(0);
        rig.host_write(0, b"N0 M110 N0*125\nN1 G28*18\nN2 G1 X10 F6000*26\nN3 G1 X20*99\nN4 M105*35\nM114\n");
        let mut heard = Vec::new();
        for now_us in (0..3_000_000).step_by(usize::try_from(step_us).unwrap()) {
            heard.extend(rig.host_read(now_us));
        }
        heard
    };
    assert_eq!(run(10), run(997));
    assert_eq!(run(10), run(100_000));
}

#[test]
fn a_flood_overflows_the_ring_at_the_speed_of_the_line() {
    let mut rig = Rig::new(config(1));
    rig.open_port(0);
    rig.host_write(0, "G4 P100\n".repeat(100).as_bytes());
    assert_eq!(rig.queued_bytes(), 800);
    rig.advance(1_000_000);
    // Four slots, 127 bytes, and about one more line for each that was done in 70 ms: the rest is lost.
    let overrun = rig.ledger().totals.bytes_overrun;
    assert!((600..660).contains(&overrun), "{overrun}");
}

#[test]
fn a_board_that_is_held_while_it_complains_cuts_the_line_that_is_arriving() {
    let mut config = config(1);
    config.firmware.transmit_byte_ns = 86_800;
    config.firmware.record_lines = true;
    let mut rig = Rig::new(config);
    rig.open_port(0);
    // The error's 39 characters take 3.4 ms, in which 39 bytes of what follows arrive and are flushed.
    rig.host_write(0, b"N1 G28*1\nN2 G1 X12.5*57\nN3 G1 X13.5 Y100.25 F6000*0\n");
    rig.advance(200_000);
    let totals = &rig.ledger().totals;
    assert_eq!((totals.checksum_errors, totals.number_errors), (1, 0));
    assert!((37..43).contains(&totals.bytes_flushed), "{totals:?}");
    let segment = rig.ledger().current();
    assert_eq!((segment.strays, segment.unknown), (1, 1), "{:?}", rig.ledger().executed());
    // With a transmit buffer the flush comes at once, and the next line is whole but out of order.
    let mut rig = Rig::new(self::config(1));
    rig.open_port(0);
    rig.host_write(0, b"N1 G28*1\nN2 G1 X12.5*57\n");
    rig.advance(200_000);
    let totals = &rig.ledger().totals;
    assert!(totals.bytes_flushed <= 2, "{totals:?}");
}

#[test]
fn opening_the_port_resets_a_board_with_a_serial_chip() {
    let mut config = config(1);
    config.firmware.reset_on_open = true;
    let mut rig = Rig::new(config);
    rig.open_port(500);
    rig.host_write(600, b"M105\n");
    let mut host = Host::new();
    let now_us = rig.run_until_output(10_000_000);
    assert_eq!(host.hear(&mut rig, now_us)[0], "start");
    assert!((1_000_000..1_100_000).contains(&now_us), "{now_us}");
    rig.advance(20_000_000);
    assert_eq!(rig.ledger().totals.oks, 0, "what was written during the boot is lost");
}

#[test]
fn scripted_faults_come_at_their_time() {
    let mut config = config(1);
    let at = |at_us, fault| TimedFault { at_us, fault };
    config.script.faults = vec![
        at(3_000_000, Fault::Reset { cause: ResetCause::Watchdog }),
        at(1_000_000, Fault::Garbage { bytes: b"\xffok\xfe\n".to_vec() }),
        at(6_000_000, Fault::Disconnect),
        at(7_000_000, Fault::Reconnect),
    ];
    let mut rig = Rig::new(config);
    rig.open_port(0);
    let now_us = rig.run_until_output(10_000_000);
    assert!((1_000_000..1_010_000).contains(&now_us));
    assert_eq!(rig.host_read(now_us), b"\xffok\xfe\n");
    let now_us = rig.run_until_output(10_000_000);
    assert_eq!(rig.host_read(now_us), b"start\n");
    rig.advance(6_500_000);
    assert!(!rig.is_plugged());
    rig.advance(8_000_000);
    assert!(rig.is_plugged() && !rig.is_open());
    rig.open_port(8_000_000);
    rig.host_write(8_000_000, b"M105\n");
    let now_us = rig.run_until_output(20_000_000);
    assert!(rig.host_read(now_us).starts_with(b"ok T:"));
}

#[test]
fn a_board_has_each_byte_that_came_before_its_cable_was_pulled() {
    let line = b"N1 G1 X10 Y10*99\n";
    for came in 0..line.len() {
        let mut rig = Rig::new(config(1));
        rig.open_port(0);
        rig.host_write(2_000_000, line);
        let times: Vec<_> = rig.on_the_way().map(|(at_us, _)| at_us).collect();
        assert_eq!(times.len(), line.len());
        rig.inject(times[came] - 1, &Fault::Disconnect);
        rig.advance(4_000_000);
        assert_eq!(rig.ledger().totals.bytes_received, came as u64);
    }
}

#[test]
fn a_deaf_or_hung_board_comes_back() {
    let mut rig = Rig::new(config(1));
    rig.open_port(0);
    rig.inject(0, &Fault::Deaf { for_us: 1_000_000 });
    rig.host_write(500_000, b"M105\n");
    assert_eq!(rig.host_read(2_000_000), b"");
    rig.inject(2_000_000, &Fault::Hang { for_us: 1_000_000 });
    rig.host_write(2_000_000, b"M105\n");
    assert_eq!(rig.host_read(2_900_000), b"");
    assert!(rig.host_read(3_100_000).starts_with(b"ok T:"));
}

#[test]
fn a_stalled_lane_delivers_later() {
    let mut rig = Rig::new(config(1));
    rig.open_port(0);
    rig.inject(0, &Fault::Stall { direction: Direction::ToDevice, for_us: 3_000_000 });
    rig.host_write(0, b"M105\n");
    assert_eq!(rig.host_read(2_900_000), b"");
    assert!(rig.host_read(3_100_000).starts_with(b"ok T:"));
}

#[test]
fn a_display_on_the_bus_brings_answers_that_nobody_asked_for() {
    let mut config = config(1);
    config.mix.display_every_us = 200_000;
    let mut rig = Rig::new(config);
    rig.open_port(0);
    let said = String::from_utf8(rig.host_read(20_000_000)).unwrap();
    let count = |wanted: &str| said.matches(wanted).count();
    assert!(count("ok T:") > 20 && count("X:0.00 Y:0.00") > 20, "{said}");
    assert!(count("Printing...OK\n") > 5 && count("Printing...OKok") > 1, "{said}");
    assert_eq!(rig.ledger().current().commands(), 0, "questions only");
    rig.inject(20_000_000, &Fault::Display { every_us: 0 });
    assert_eq!(rig.host_read(40_000_000), b"");
    let quiet = Rig::new(self::config(1)).host_read(20_000_000);
    assert_eq!(quiet, b"");
}

#[test]
fn lines_are_spliced_and_doubled_where_the_script_says() {
    let mut rig = Rig::new(config(1));
    rig.open_port(0);
    rig.inject(0, &Fault::DuplicateLine { direction: Direction::ToDevice, nth: 1 });
    rig.inject(0, &Fault::SpliceLine { direction: Direction::ToDevice, nth: 2 });
    rig.inject(0, &Fault::SpliceLine { direction: Direction::ToHost, nth: 1 });
    rig.host_write(0, b"G90\nM118 a\nM118 b\n");
    assert_eq!(rig.host_read(1_000_000), b"ok P15 B3ok P15 B3\naM118 b\nok P15 B3\n");
    rig.inject(1_000_000, &Fault::DuplicateEveryOk { every: 1 });
    rig.host_write(1_000_000, b"G90\n");
    assert_eq!(rig.host_read(2_000_000), b"ok P15 B3\nok P15 B3\n");
}

#[test]
fn a_mix_of_line_faults_reaches_both_lanes() {
    let mut config = config(4);
    config.mix.splice_to_device = 0.05;
    config.mix.duplicate_to_device = 0.05;
    config.mix.splice_to_host = 0.05;
    config.mix.duplicate_to_host = 0.05;
    config.mix.duplicate_every_ok = 50;
    config.mix.stall = 0.05;
    config.mix.stall_us = 50_000;
    let (_, _, statistics) = print(config);
    for lane in [statistics.to_device, statistics.to_host] {
        assert!(lane.spliced > 0 && lane.duplicated > 0, "{lane:?}");
    }
}

#[test]
fn a_hundred_mixes_of_noise_never_freeze_the_board() {
    let mixes = (0..100).flat_map(|seed| {
        [FaultMix::from_seed(seed), FaultMix::from_seed_with_lines(seed)].map(|mix| (seed, mix))
    });
    for (seed, mix) in mixes {
        let mut config = config(seed);
        config.firmware.motion = Motion::Instant;
        config.mix = mix;
        let (_, _, statistics) = print(config);
        // The plain host of these tests may lose its way; the board may not.
        assert!(statistics.totals.commands > 0, "seed {seed}: {:?}", statistics.totals);
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_leave_the_board_alive(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..40)) {
        let mut rig = Rig::new(config(9));
        rig.open_port(0);
        let mut now_us = 0;
        for piece in pieces {
            rig.host_write(now_us, &piece);
            now_us += 10_000;
            rig.host_read(now_us);
        }
        now_us += 60_000_000;
        rig.host_write(now_us, b"\nM108\nM108\nM105\n");
        now_us += 600_000_000;
        let said = rig.host_read(now_us);
        prop_assert!(rig.firmware().is_halted() || String::from_utf8_lossy(&said).contains(" T:"));
    }

    #[test]
    fn spelling_does_not_change_a_files_hash(x in -3000i32..3000, spaces in 1usize..4, zeros in 0usize..4, comment in "[ -~]{0,20}") {
        let sign = if x < 0 { "-" } else { "" };
        let plain = format!("G1 X{sign}{}.{:02} F1200\n", x.abs() / 100, x.abs() % 100);
        let gap = " ".repeat(spaces);
        let dressed = format!(
            "{gap}G01{gap}X{sign}{}.{:02}{}{gap}F1200.{};{comment}\r\n\n",
            x.abs() / 100, x.abs() % 100, "0".repeat(zeros), "0".repeat(zeros)
        );
        prop_assert_eq!(stream_hash_of(plain.as_bytes()).unwrap(), stream_hash_of(dressed.as_bytes()).unwrap());
    }
}
