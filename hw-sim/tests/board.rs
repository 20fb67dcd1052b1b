//! The board alone: its ring, its queue, its planner, its heaters, byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::firmware::Firmware;
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::planner::Motion;
use hw_sim::quirks::{Face, FirmwareConfig, ResetCause};

fn config() -> FirmwareConfig {
    FirmwareConfig { record_lines: true, ..FirmwareConfig::face(Face::Marlin21) }
}

struct Bench {
    firmware: Firmware,
    now_us: u64,
}

impl Bench {
    fn new(config: FirmwareConfig) -> Self {
        Self { firmware: Firmware::new(config, 1), now_us: 0 }
    }

    fn write(&mut self, text: &str) {
        self.firmware.handle_bytes(self.now_us, text.as_bytes());
    }

    fn run(&mut self, for_us: u64) -> Vec<String> {
        let to_us = self.now_us + for_us;
        while let Some(next_us) = self.firmware.poll_timeout().filter(|next_us| *next_us <= to_us) {
            self.now_us = self.now_us.max(next_us);
            self.firmware.handle_timeout(self.now_us);
        }
        self.now_us = to_us;
        let mut text = Vec::new();
        while let Some(bytes) = self.firmware.poll_transmit() {
            text.extend(bytes);
        }
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    fn ask(&mut self, text: &str, for_us: u64) -> Vec<String> {
        self.write(text);
        self.run(for_us)
    }
}

fn sum(line: &str) -> String {
    format!("{line}*{}\n", line.bytes().fold(0, |sum, byte| sum ^ byte))
}

#[test]
fn a_full_ring_loses_bytes_without_a_word_and_the_next_line_reveals_it() {
    let mut bench = Bench::new(config());
    bench.write(&"G4 P1000\n".repeat(4));
    bench.run(1000);
    // Four slots are taken, so the ring must hold what comes now: 127 bytes of 200.
    bench.write(&"x".repeat(200));
    assert_eq!(bench.firmware.ring_bytes(), 127);
    assert_eq!(bench.firmware.ledger().totals.bytes_overrun, 73);
    bench.run(10_000_000);
    let replies = bench.ask("\nM105\n", 10_000);
    assert!(replies.iter().any(|line| line.starts_with("echo:Unknown command: \"xxx")), "{replies:?}");
}

#[test]
fn the_tail_of_a_line_cut_by_a_flush_is_run_as_a_stray() {
    let mut bench = Bench::new(config());
    bench.ask("N0 M110 N0*125\n", 10_000);
    // The bad line and the first half of the next are in the ring when the error is found.
    let good = sum("N2 G1 X1");
    let (front, tail) = good.split_at(3);
    let replies = bench.ask(&format!("N1 G28*1\n{front}"), 10_000);
    assert_eq!(replies, ["Error:checksum mismatch, Last Line: 0", "Resend: 1", "ok"]);
    let replies = bench.ask(tail, 10_000);
    assert_eq!(replies, ["ok P14 B3"]);
    assert_eq!(bench.firmware.ledger().executed().last().map(String::as_str), Some("G1 X1"));
    assert_eq!(bench.firmware.ledger().current().strays, 1);
}

#[test]
fn lines_sent_behind_an_m110_without_waiting_are_numbered_again_when_it_runs() {
    let mut bench = Bench::new(config());
    let lines = ["N0 M110 N0", "N1 G90", "N2 G91"].map(sum).concat();
    bench.ask(&lines, 10_000);
    assert_eq!(bench.firmware.last_line_number(), 0);
}

#[test]
fn an_older_firmware_answers_a_duplicate_by_a_resend() {
    let mut bench = Bench::new(FirmwareConfig::face(Face::Marlin20));
    bench.ask("N0 M110 N0*125\n", 10_000);
    assert_eq!(bench.ask(&sum("N1 G90"), 10_000), ["ok"]);
    let replies = bench.ask(&sum("N1 G90"), 10_000);
    assert_eq!(replies[1], "Resend: 2");
}

#[test]
fn an_old_firmware_knows_no_auto_report_and_numbers_its_heaters() {
    let mut bench = Bench::new(FirmwareConfig::face(Face::Marlin11));
    assert_eq!(bench.ask("M155 S1\n", 10_000), ["echo:Unknown command: \"M155 S1\"", "ok"]);
    bench.firmware.set_heater_fault(bench.now_us, HeaterId::Hotend, Some(HeaterFault::SensorShort));
    assert_eq!(
        bench.run(2_000_000),
        ["Error:MAXTEMP triggered, system stopped! Heater_ID: 0", "Error:Printer halted. kill() called!"]
    );
}

#[test]
fn a_stop_passes_a_full_ring_and_a_full_queue() {
    let mut bench = Bench::new(config());
    let flood = "G1 X10 F1200\nG1 X160 F1200\n".repeat(30);
    bench.ask(&flood, 3_000_000);
    bench.write(&flood);
    let replies = bench.ask("\nM112\n", 0);
    assert!(replies.contains(&"echo:M112 Shutdown".to_owned()), "{replies:?}");
    assert!(bench.firmware.is_halted());
    assert_eq!(bench.ask("M105\n", 5_000_000), Vec::<String>::new());
}

#[test]
fn without_an_emergency_parser_a_stop_waits_for_its_turn() {
    let mut bench = Bench::new(FirmwareConfig::face(Face::Marlin20));
    bench.ask("G4 S5\nM112\n", 4_000_000);
    assert!(!bench.firmware.is_halted());
    bench.run(2_000_000);
    assert!(bench.firmware.is_halted());
}

#[test]
fn a_full_planner_holds_the_ok_until_a_block_is_free() {
    let mut bench = Bench::new(config());
    let moves: Vec<String> = (1..=16).map(|at| format!("G1 X{} F600\n", at * 10)).collect();
    let mut oks = 0;
    for line in &moves {
        oks += bench.ask(line, 1000).len();
    }
    assert_eq!(oks, 15);
    // The first ten millimetres at ten a second take a second.
    assert_eq!(bench.run(700_000), Vec::<String>::new());
    assert_eq!(bench.run(500_000), ["ok P0 B3"]);
}

#[test]
fn m400_waits_for_the_last_move_and_a_hungry_planner_is_counted() {
    let mut bench = Bench::new(config());
    bench.ask("G1 X10 F6000\n", 2_000_000);
    bench.ask("G1 X20\n", 10_000);
    let totals = &bench.firmware.ledger().totals;
    assert_eq!(totals.underruns, 0, "counted when the planner is next looked at");
    bench.run(2_000_000);
    let totals = &bench.firmware.ledger().totals;
    assert_eq!(totals.underruns, 1);
    assert!((1.5..2.0).contains(&totals.stall_seconds), "{}", totals.stall_seconds);
    bench.ask("G1 X30\nM400\n", 3_000_000);
    bench.ask("G1 X40\n", 3_000_000);
    let totals = &bench.firmware.ledger().totals;
    assert_eq!(totals.underruns, 2, "the wait before X30 counts, the one after M400 does not");
    assert_eq!(totals.moves_finished, 4);
}

#[test]
fn an_instant_machine_takes_no_time_and_never_starves() {
    let mut bench = Bench::new(FirmwareConfig { motion: Motion::Instant, home_us: 0, ..config() });
    let replies = bench.ask("G28\nG1 X100 F60\nM400\n", 1000);
    assert_eq!(replies.last().map(String::as_str), Some("ok P15 B3"));
    assert_eq!(bench.firmware.ledger().totals.moves_finished, 1);
}

#[test]
fn a_wait_for_the_bed_counts_down_and_ends() {
    let mut bench = Bench::new(config());
    let lines = bench.ask("M190 S35\n", 120_000_000);
    let left: Vec<&str> =
        lines.iter().filter_map(|line| line.rsplit_once(" W:").map(|(_, left)| left)).collect();
    assert_eq!(left.first(), Some(&"?"));
    let counted: Vec<&str> = left.into_iter().filter(|left| *left != "?").collect();
    assert_eq!(&counted[..3], &["9", "8", "7"]);
    assert_eq!(lines.last().map(String::as_str), Some("ok P15 B3"));
}

#[test]
fn a_dead_heater_halts_with_the_transcripts_words() {
    let mut bench = Bench::new(config());
    bench.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::Dead));
    let lines = bench.ask("M104 S200\n", 60_000_000);
    assert_eq!(
        lines[1..],
        [
            "Error:Heating failed, system stopped! Heater_ID: E0",
            "",
            "echo:Home XYZ First",
            "//action:notification Home XYZ First",
            "echo:Heating Failed",
            "Error:Printer halted. kill() called!",
            "//action:poweroff",
        ]
    );
    assert_eq!(bench.firmware.ledger().totals.kill_cause.as_deref(), Some("Heating failed: E0"));
}

#[test]
fn a_bed_that_dies_at_its_target_halts_as_a_runaway() {
    let mut bench = Bench::new(config());
    bench.ask("M190 S35\n", 60_000_000);
    bench.firmware.set_heater_fault(bench.now_us, HeaterId::Bed, Some(HeaterFault::Dead));
    let lines = bench.run(200_000_000);
    let expected = ["Error:Thermal Runaway, system stopped! Heater_ID: bed", "echo:Home XYZ First"];
    let at = lines.iter().position(|line| line == expected[0]).expect("the bed runs away");
    assert_eq!(lines[at + 1], expected[1]);
    assert!(lines.contains(&"echo:THERMAL RUNAWAY".to_owned()));
}

#[test]
fn an_open_sensor_without_a_target_reads_minus_fifteen_and_no_error() {
    let mut bench = Bench::new(config());
    bench.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::SensorOpen));
    bench.run(10_000_000);
    let replies = bench.ask("M105\n", 1000);
    assert!(replies[0].starts_with("ok T:-15.00 /0.00 B:"), "{replies:?}");
}

#[test]
fn a_heater_stuck_on_goes_on_heating_after_the_halt() {
    let mut bench = Bench::new(config());
    bench.ask("M104 S200\n", 100_000_000);
    bench.firmware.set_heater_fault(bench.now_us, HeaterId::Hotend, Some(HeaterFault::StuckOn));
    bench.run(300_000_000);
    assert!(bench.firmware.is_halted());
    bench.firmware.handle_timeout(bench.now_us);
    assert!(bench.firmware.ledger().totals.hotend_max_celsius > 300.0);
}

#[test]
fn cold_extrusion_is_prevented_said_and_counted() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.ask("G1 X5 E1 F600\n", 1000), ["echo: cold extrusion prevented", "ok P14 B3"]);
    assert_eq!(bench.firmware.ledger().totals.extrusions_prevented, 1);
    assert_eq!(bench.firmware.ledger().totals.extruded_mm, 0.0);
}

#[test]
fn m118_can_say_ok_in_the_firmwares_place() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.ask("M118 ok\n", 1000), ["ok", "ok P15 B3"]);
    assert_eq!(bench.ask("M118 E1 hello\n", 1000), ["echo:hello", "ok P15 B3"]);
}

#[test]
fn inches_relative_moves_and_g92_end_where_they_should() {
    let mut bench = Bench::new(config());
    bench.ask("G20\nG1 X1 F400\nG21\n", 5_000_000);
    bench.ask("G91\nG1 X0.6\nG90\nG92 Y7\n", 5_000_000);
    let replies = bench.ask("M114\n", 1000);
    assert_eq!(replies[0], "X:26.00 Y:7.00 Z:0.00 E:0.00 Count X:2080 Y:0 Z:0");
}

#[test]
fn a_reset_forgets_targets_position_and_number_and_bytes_meanwhile_are_lost() {
    let mut bench = Bench::new(config());
    bench.ask("N0 M110 N50*72\nM104 S200\nG1 X10\n", 5_000_000);
    bench.firmware.reset(bench.now_us, ResetCause::BrownOut);
    let banner = bench.ask("M105\n", 2_000_000);
    assert_eq!(&banner[..2], &["start", " Brown out Reset"]);
    assert_eq!(bench.firmware.ledger().totals.bytes_unheard, 5);
    assert_eq!(bench.firmware.last_line_number(), 0);
    let replies = bench.ask("M114\nM105\n", 10_000);
    assert_eq!(replies[0], "X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0");
    assert!(replies[2].contains(" /0.00 B:"), "{replies:?}");
}

#[test]
fn a_person_is_waited_for_until_m108_or_the_button() {
    let mut bench = Bench::new(config());
    let lines = bench.ask("M0\n", 4_500_000);
    assert_eq!(lines.iter().filter(|line| *line == "echo:busy: paused for user").count(), 2);
    assert_eq!(bench.ask("M108\n", 1000), ["ok P15 B3", "ok P15 B3"]);
}

/// As in the transcript `…-m600_runout_prompts.txt`, without the lines that say `busy`.
#[test]
fn filament_is_changed_step_by_step_and_each_step_is_answered_by_a_button() {
    let mut bench = Bench::new(config());
    let said = |lines: Vec<String>| {
        let own = |line: &String| !line.starts_with("echo:busy") && line != "//action:prompt_end";
        lines.into_iter().filter(own).collect::<Vec<_>>()
    };
    let begun = said(bench.ask("M600\n", 1_000));
    assert_eq!(begun[..2], ["//action:paused", "//action:prompt_begin Pause"]);
    let parked = said(bench.run(9_000_000));
    assert_eq!(
        parked[..3],
        [
            "echo:Insert filament and send M108",
            "//action:prompt_begin Nozzle Parked",
            "//action:prompt_button Continue",
        ]
    );
    bench.write("M876 S0\n");
    let purged = said(bench.run(9_000_000));
    assert_eq!(
        purged[..3],
        [
            "//action:prompt_begin Paused",
            "//action:prompt_button PurgeMore",
            "//action:prompt_button Continue",
        ]
    );
    bench.write("M876 S0\n");
    assert_eq!(said(bench.run(9_000_000))[0], "//action:prompt_begin Paused", "more was purged");
    bench.write("M876 S1\n");
    let resumed = said(bench.run(9_000_000));
    assert_eq!(resumed[..2], ["//action:resumed", "//action:prompt_begin Resuming"]);
    assert_eq!(resumed.last().unwrap(), "ok P15 B3");
}

#[test]
fn a_runout_holds_every_ok_until_filament_is_changed() {
    let mut bench = Bench::new(config());
    bench.firmware.run_out();
    let lines = bench.ask("G1 X1\n", 20_000_000);
    assert_eq!(lines[..2], ["//action:out_of_filament T0", "//action:paused"]);
    assert!(!lines.iter().any(|line| line.starts_with("ok")), "{lines:?}");
    bench.ask("M108\n", 10_000_000);
    let lines = bench.ask("M108\n", 10_000_000);
    assert!(lines.contains(&"//action:resumed".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("ok")).count(), 3, "{lines:?}");
}

#[test]
fn steppers_let_go_when_nothing_moves_for_long_unless_told_not_to() {
    for (hold, lost) in [("", 1), ("M84 S0\n", 0)] {
        let mut bench = Bench::new(config());
        bench.ask("G28\n", 20_000_000);
        bench.ask(hold, 1_000);
        bench.run(200_000_000);
        bench.ask("G1 X5 F600\n", 1_000);
        assert_eq!(bench.firmware.ledger().totals.steppers_let_go, lost, "{hold:?}");
    }
}

#[test]
fn faults_of_replies_swallow_what_they_name() {
    let mut bench = Bench::new(config());
    bench.firmware.lose_next_oks(1);
    assert_eq!(bench.ask("G90\n", 1000), Vec::<String>::new());
    bench.firmware.drop_reply("X:", 2);
    assert_eq!(bench.ask("M114\n", 1000).len(), 2);
    assert_eq!(bench.ask("M114\n", 1000), ["ok P15 B3"]);
    bench.firmware.delay_replies(500_000);
    assert_eq!(bench.ask("G90\n", 400_000), Vec::<String>::new());
    assert_eq!(bench.run(200_000), ["ok P15 B3"]);
}
