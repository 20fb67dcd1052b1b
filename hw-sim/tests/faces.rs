//! Dialogues with every face but Marlin's own, written from what is known of the firmware behind it.
//!
//! `>` the host says a line, `+` the same with its checksum, `>>` bytes with escapes and no newline;
//! `<` the board says exactly this (`#` stands for any number), `.` it is silent for so many milliseconds,
//! `~` time passes and what is said meanwhile is dropped.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::dialects::crc16;
use hw_sim::firmware::Firmware;
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::ledger::stream_hash_of;
use hw_sim::quirks::{Face, FirmwareConfig, ResetCause};
use hw_sim::rig::{Rig, RigConfig};

struct Dialogue {
    firmware: Firmware,
    now_us: u64,
    heard: Vec<u8>,
}

impl Dialogue {
    fn new(config: FirmwareConfig) -> Self {
        let config = FirmwareConfig { record_lines: true, ..config };
        Self { firmware: Firmware::new(config, 1), now_us: 0, heard: Vec::new() }
    }

    fn face(face: Face) -> Self {
        Self::new(FirmwareConfig::face(face))
    }

    fn run(&mut self, to_us: u64, until_line: bool) {
        loop {
            while let Some(bytes) = self.firmware.poll_transmit() {
                self.heard.extend(bytes);
            }
            if until_line && self.heard.contains(&b'\n') {
                return;
            }
            match self.firmware.poll_timeout() {
                Some(next_us) if next_us <= to_us => {
                    self.now_us = self.now_us.max(next_us);
                    self.firmware.handle_timeout(self.now_us);
                }
                _ => {
                    self.now_us = to_us;
                    return;
                }
            }
        }
    }

    fn line(&mut self, within_us: u64) -> Option<String> {
        self.run(self.now_us + within_us, true);
        let end = self.heard.iter().position(|&byte| byte == b'\n')?;
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    fn play(&mut self, script: &str) -> &mut Self {
        let mut written = Vec::new();
        for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty()) {
            let (kind, text) = step.split_once(' ').unwrap_or((step, ""));
            match kind {
                ">" => written.extend_from_slice(format!("{text}\n").as_bytes()),
                "+" => written.extend_from_slice(summed(text).as_bytes()),
                ">>" => written.extend_from_slice(text.replace("\\n", "\n").replace("\\r", "\r").as_bytes()),
                _ => {}
            }
            if matches!(kind, ">" | "+" | ">>") {
                continue;
            }
            self.firmware.handle_bytes(self.now_us, &std::mem::take(&mut written));
            match kind {
                "<" => {
                    let line = self.line(20_000_000);
                    let line = line.map(|line| if text.contains('#') { masked(&line) } else { line });
                    assert_eq!(line.as_deref(), Some(text), "{step}");
                }
                "." => {
                    let within_us = text.parse::<u64>().unwrap() * 1000;
                    assert_eq!(self.line(within_us), None, "{step}");
                }
                "~" => {
                    self.run(self.now_us + text.parse::<u64>().unwrap() * 1000, false);
                    self.heard.clear();
                }
                _ => panic!("{step}"),
            }
        }
        self.firmware.handle_bytes(self.now_us, &written);
        self
    }

    fn executed(&self) -> &[String] {
        self.firmware.ledger().executed()
    }
}

fn summed(text: &str) -> String {
    format!("{text}*{}\n", text.bytes().fold(0, |sum, byte| sum ^ byte))
}

/// Every number behind a colon, a slash or an `@` becomes `#`.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find([':', '/', '@']) {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let number = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        if number > 0 {
            out.push('#');
            rest = &rest[number..];
        }
    }
    out + rest
}

// Smoothieware.

#[test]
fn smoothieware_asks_again_for_every_line_behind_a_bad_one_and_says_no_ok() {
    let mut dialogue = Dialogue::face(Face::Smoothieware);
    dialogue.play(
        "+ N0 M110 N0
         < ok
         + N1 G90
         < ok
         > N2 G91*1
         + N3 G21
         + N4 G20
         < rs N2
         < rs N2
         < rs N2
         . 3000
         + N1 G90
         < rs N2
         > N2 G90
         < rs N2
         + N2 G91
         < ok",
    );
    assert_eq!(dialogue.executed(), ["M110 N0", "G90", "G91"]);
    assert_eq!(dialogue.firmware.ledger().totals.bytes_flushed, 0);
}

#[test]
fn smoothieware_answers_empty_lines_and_comments_and_has_a_shell_behind_small_letters() {
    let mut dialogue = Dialogue::face(Face::Smoothieware);
    dialogue.play(
        ">
         < ok
         > ; a comment
         < ok
         > (another)
         < ok
         > G90 (absolute) ; really
         < ok
         >> \\r\\n
         < ok
         < ok
         > g28
         < error:Unsupported command - g28
         . 3000
         > G123
         < ok",
    );
    assert_eq!(dialogue.executed(), ["G90", "g28", "G123"]);
    assert_eq!(dialogue.firmware.ledger().totals.unknown, 1);
}

#[test]
fn smoothieware_answers_questions_behind_the_ok() {
    Dialogue::face(Face::Smoothieware).play(
        "> M105
         < ok T:# /# @# B:# /# @#
         > M114
         < ok C: X:0.0000 Y:0.0000 Z:0.0000 E:0.0000
         > M115
         < ok FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//smoothieware.org, X-SOURCE_CODE_URL:https://github.com/Smoothieware/Smoothieware, FIRMWARE_VERSION:edge-9ab4538, PROTOCOL_VERSION:1.0, X-FIRMWARE_BUILD_DATE:Oct 26 2023 18:35:50, X-SYSTEM_CLOCK:120MHz, X-AXES:5, X-GRBL_MODE:0
         . 3000",
    );
}

#[test]
fn smoothieware_says_ok_to_a_move_before_it_has_room_for_it_and_is_never_busy() {
    let config = FirmwareConfig { planner_blocks: 3, ..FirmwareConfig::face(Face::Smoothieware) };
    Dialogue::new(config).play(
        "> G1 X100 F600
         < ok
         > G1 X200
         < ok
         > G1 X300
         < ok
         > G1 X400
         . 5000",
    );
}

#[test]
fn smoothieware_halts_at_m112_and_refuses_without_an_ok_until_m999() {
    Dialogue::face(Face::Smoothieware).play(
        "> M112
         < ok Emergency Stop Requested - reset or M999 required to exit HALT state
         > G28
         < !!
         . 3000
         > M105
         < ok T:# /# @# B:# /# @#
         > M999
         < WARNING: After HALT you should HOME as position is currently unknown
         < ok
         > G90
         < ok",
    );
    let config = FirmwareConfig { grbl_mode: true, ..FirmwareConfig::face(Face::Smoothieware) };
    Dialogue::new(config).play(
        "> M112
         < ok Emergency Stop Requested - reset or M999 required to exit HALT state
         > G28
         < error:Alarm lock
         . 3000",
    );
}

#[test]
fn a_shorted_sensor_puts_smoothieware_into_its_alarm_state() {
    let mut dialogue = Dialogue::face(Face::Smoothieware);
    dialogue.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::SensorShort));
    dialogue.play(
        "< Error: MINTEMP or MAXTEMP triggered on T. Check temperature sensors! HALT asserted - reset or M999 required
         < Entering Alarm/Halt state
         < !!
         > G1 X1
         < !!",
    );
    assert!(dialogue.firmware.is_halted());
    assert_eq!(dialogue.firmware.ledger().totals.refused, 1);
}

// Repetier.

#[test]
fn repetier_complains_in_its_own_words_and_flushes() {
    let mut dialogue = Dialogue::face(Face::Repetier);
    dialogue.play(
        "+ N0 M110 N0
         < ok 0
         + N1 G90
         < ok 1
         > N2 G91*1
         + N3 G21
         < Error:Wrong checksum
         <
         < Resend:2
         < ok
         . 500
         > N2 G91
         < Error:Missing checksum
         <
         < Resend:2
         < ok
         > Hello
         < Error:Format error
         <
         < Resend:2
         < ok
         + N2 G91
         < ok 2
         + N103256 G21
         < Error:expected line 3 got 103256
         <
         < Resend:3
         < ok",
    );
    assert_eq!(dialogue.executed(), ["M110 N0", "G90", "G91"]);
    assert!(dialogue.firmware.ledger().totals.bytes_flushed > 0);
}

#[test]
fn repetier_skips_what_it_has_had_and_what_follows_a_resend() {
    let mut dialogue = Dialogue::face(Face::Repetier);
    dialogue.play(
        "+ N0 M110 N100
         < ok 100
         + N101 G90
         < ok 101
         + N101 G90
         < skip 101
         < ok
         + N62 G90
         < skip 62
         < ok
         + N103 G90
         < Error:expected line 102 got 103
         <
         < Resend:102
         < ok
         + N104 G90
         < skip 104
         < ok
         + N105 G90
         < skip 105
         < ok
         + N102 G91
         < ok 102
         + N104 G91
         < Error:expected line 103 got 104
         <
         < Resend:103
         < ok",
    );
    for number in 0..30 {
        let number = 200 + number;
        dialogue.play(&format!("+ N{number} G90\n< skip {number}\n< ok"));
    }
    dialogue.play("+ N230 G90\n< Error:expected line 103 got 230");
}

#[test]
fn repetier_takes_the_third_line_in_a_row_that_is_no_command() {
    let refused = "> Hello\n< Error:Format error\n<\n< Resend:1\n< ok\n";
    Dialogue::face(Face::Repetier).play(&refused.repeat(2)).play("> Hello\n< ok 0\n< Unknown command:Hello");
}

#[test]
fn repetier_says_ok_when_a_line_is_queued_and_wait_when_there_is_none() {
    let mut dialogue = Dialogue::face(Face::Repetier);
    dialogue.play(
        "< wait
         < wait
         + N1 G4 S1
         < ok 1
         + N2 G90
         < ok 2
         + N3 G91
         . 900
         < ok 3
         < wait",
    );
    let waits = dialogue.now_us;
    dialogue.play("< wait");
    assert!((990_000..1_010_000).contains(&(dialogue.now_us - waits)));
    let config = FirmwareConfig {
        ack_with_line_number: false,
        wait_every_us: 0,
        ..FirmwareConfig::face(Face::Repetier)
    };
    Dialogue::new(config).play("+ N1 G90\n< ok\n. 3000");
}

#[test]
fn repetier_answers_behind_a_bare_ok_and_tells_targets_in_their_own_lines() {
    Dialogue::face(Face::Repetier).play(
        "+ N1 M105
         < ok 1
         < T:# /# B:# /# B@:# @:#
         + N2 M104 S220
         < ok 2
         < TargetExtr0:220
         + N3 M140 S60
         < ok 3
         < TargetBed:60
         + N4 M115
         < ok 4
         < FIRMWARE_NAME:Repetier_1.0.4 COMPILED:Nov 23 2026 FIRMWARE_URL:https://github.com/repetier/Repetier-Firmware/ PROTOCOL_VERSION:1.0 MACHINE_TYPE:Mendel EXTRUDER_COUNT:1 REPETIER_PROTOCOL:3
         + N5 M114
         < ok 5
         < X:0.00 Y:0.00 Z:0.000 E:0.0000",
    );
}

#[test]
fn repetier_is_busy_in_its_own_words() {
    Dialogue::face(Face::Repetier).play(
        "> G28
         < ok 0
         < busy:processing
         < busy:processing
         < busy:processing
         ~ 4000
         > M0
         < ok 0
         < RequestPause:User interaction
         < busy:paused for user interaction
         > M108
         < RequestContinue:",
    );
    let mut dialogue = Dialogue::face(Face::Repetier);
    dialogue.play("> M190 S60\n< ok 0\n< TargetBed:60\n");
    let lines: Vec<String> = (0..5).filter_map(|_| dialogue.line(5_000_000)).collect();
    assert!(lines.contains(&"busy:heating".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("T:")), "{lines:?}");
}

#[test]
fn repetier_is_fatal_until_m999_and_restarts_at_m112() {
    let mut dialogue = Dialogue::face(Face::Repetier);
    dialogue.firmware.set_heater_fault(0, HeaterId::Bed, Some(HeaterFault::SensorShort));
    let fatal = "fatal:Heater/sensor error - Printer stopped and heaters disabled due to this error. \
                 Fix error and restart with M999.";
    dialogue.play(&format!("< {fatal}\n> G28\n< ok 0\n< {fatal}\n"));
    dialogue.firmware.set_heater_fault(dialogue.now_us, HeaterId::Bed, None);
    dialogue
        .play("> M999\n< ok 0\n> G90\n< ok 0\n> G28\n< ok 0\n~ 100\n> M112\n< start\n< Info:Software Reset");
    assert_eq!(dialogue.firmware.ledger().totals.kills, 2);
}

// RepRapFirmware.

#[test]
fn reprapfirmware_drops_a_bad_line_without_a_word_and_minds_no_order() {
    let mut dialogue = Dialogue::face(Face::RepRapFirmware);
    dialogue.play(&format!(
        "+ N0 M110 N0
         < ok
         > N1 G90*1
         . 3000
         > N1 G90*1234
         . 3000
         + N7 G91
         < ok
         + N3 G90
         < ok
         > N4 G21
         < ok
         > G20*{:05}
         < ok
         > G20*00001
         . 3000",
        crc16(b"G20")
    ));
    assert_eq!(dialogue.executed(), ["M110 N0", "G91", "G90", "G21", "G20"]);
    let totals = &dialogue.firmware.ledger().totals;
    assert_eq!((totals.checksum_errors, totals.resends, totals.bytes_flushed), (3, 0, 0));
    let config = FirmwareConfig { checksum_required: true, ..FirmwareConfig::face(Face::RepRapFirmware) };
    Dialogue::new(config).play("> G90\n. 3000\n+ G90\n< ok");
}

#[test]
fn reprapfirmware_is_silent_while_it_works_and_says_who_it_is() {
    Dialogue::face(Face::RepRapFirmware).play(
        "> M115
         < FIRMWARE_NAME: RepRapFirmware for Duet 2 WiFi/Ethernet FIRMWARE_VERSION: 3.4.5 ELECTRONICS: Duet WiFi 1.02 or later FIRMWARE_DATE: 2022-11-30
         < ok
         > M105
         < ok T:# /# B:# /#
         > M409 K\"state.upTime\"
         < {\"key\":\"state.upTime\",\"flags\":\"\",\"result\":3600}
         < ok
         > M409 K\"state.none\"
         < {\"key\":\"state.none\",\"flags\":\"\",\"result\":null}
         < ok
         > G28
         . 7000
         ~ 2000
         > M109 S60
         . 12000
         ~ 120000
         > XYZ
         < Error: Bad command: XYZ
         < ok
         >
         < ok",
    );
    let config = FirmwareConfig { empty_line_ok: false, ..FirmwareConfig::face(Face::RepRapFirmware) };
    Dialogue::new(config).play(">\n. 3000");
}

#[test]
fn reprapfirmware_switches_off_its_heaters_says_so_once_and_goes_on() {
    let mut dialogue = Dialogue::face(Face::RepRapFirmware);
    dialogue.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::SensorShort));
    dialogue.play("< Error: Heater 1 fault: temperature excursion too large\n. 5000\n> G90\n< ok\n> M112");
    dialogue.play("< Emergency Stop! Reset the controller to continue.\n> G90\n. 3000");
    assert!(dialogue.firmware.is_halted());
}

// Klipper.

#[test]
fn klipper_minds_neither_number_nor_checksum_and_says_one_ok_for_each_newline() {
    let mut dialogue = Dialogue::face(Face::Klipper);
    dialogue.play(
        "> N5 M110 N77*1
         < ok
         > N4 G90*99
         < ok
         > N4 G90
         < ok
         >
         < ok
         > ; a comment
         < ok
         >> \\r\\n
         < ok
         > XYZ A=1
         < // Unknown command:\"XYZ\"
         < ok
         . 3000",
    );
    assert_eq!(dialogue.executed(), ["M110 N77", "G90", "G90", "XYZ A=1"]);
}

#[test]
fn klipper_answers_questions_behind_the_ok() {
    Dialogue::face(Face::Klipper).play(
        "> M105
         < ok B:# /# T0:# /#
         > M115
         < ok FIRMWARE_NAME:Klipper FIRMWARE_VERSION:v0.12.0-316-g0f1e9d70
         > M114
         < X:0.000 Y:0.000 Z:0.000 E:0.000
         < ok
         > M155 S2
         < // Unknown command:\"M155\"
         < ok
         > G28
         . 7000
         < X:0.000 Y:0.000 Z:0.000 E:0.000
         < ok",
    );
}

#[test]
fn klipper_stops_out_of_order_and_refuses_every_line_with_an_ok_until_restarted() {
    let mut dialogue = Dialogue::face(Face::Klipper);
    dialogue.play(
        "> G28
         . 1000
         > G90
         > M112
         < !! Shutdown due to M112 command
         < // Klipper state: Shutdown
         < !! Shutdown due to M112 command
         < ok
         < !! Shutdown due to M112 command
         < ok
         < !! Shutdown due to M112 command
         < ok
         >
         < !! Shutdown due to M112 command
         < ok
         > M105
         < !! Shutdown due to M112 command
         < ok
         > FIRMWARE_RESTART
         < // Klipper state: Ready
         < ok
         > G90
         < ok",
    );
    assert_eq!(dialogue.firmware.ledger().totals.kills, 1);
}

#[test]
fn klipper_does_not_see_a_stop_behind_twenty_lines() {
    let stop = |lines: usize| {
        let mut dialogue = Dialogue::face(Face::Klipper);
        dialogue.play(&("> G28\n".to_owned() + &"> G90\n".repeat(lines) + "> M112\n~ 1000"));
        dialogue.firmware.is_halted()
    };
    assert!(stop(18));
    assert!(!stop(19));
}

#[test]
fn klipper_shuts_down_over_a_heater() {
    let mut dialogue = Dialogue::face(Face::Klipper);
    dialogue.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::Dead));
    dialogue.play("> M104 S200\n< ok\n~ 39000");
    dialogue.play("< !! Heater extruder not heating at expected rate\n< // Klipper state: Shutdown");
}

// Prusa.

#[test]
fn prusa_answers_errors_with_a_resend_also_a_sum_without_a_number() {
    Dialogue::face(Face::PrusaMk3).play(
        "+ N0 M110 N0
         < ok
         + N1 G90
         < ok
         > N2 G91*1
         < Error:checksum mismatch, Last Line: 1
         < Resend: 2
         < ok
         + N1 G90
         < Error:Line Number is not Last Line Number+1, Last Line: 1
         < Resend: 2
         < ok
         > N2 G91
         < Error:No Checksum with line number, Last Line: 1
         < Resend: 2
         < ok
         > G91*33
         < Error:No Line Number with checksum, Last Line: 1
         < Resend: 2
         < ok
         > Tx
         < echo:Unknown command: \"Tx\"
         < ok",
    );
}

#[test]
fn prusa_says_who_and_how_warm_it_is() {
    Dialogue::face(Face::PrusaMk3).play(
        "> M115
         < FIRMWARE_NAME:Prusa-Firmware 3.14.1 based on Marlin FIRMWARE_URL:https://github.com/prusa3d/Prusa-Firmware PROTOCOL_VERSION:1.0 MACHINE_TYPE:Prusa i3 MK3S EXTRUDER_COUNT:1 UUID:cede2a2f-41a2-4748-9b12-c55c62f367ff
         < Cap:AUTOREPORT_TEMP:1
         < Cap:AUTOREPORT_FANS:1
         < Cap:AUTOREPORT_POSITION:1
         < Cap:EXTENDED_M20:1
         < Cap:PRUSA_MMU2:1
         < ok
         > M105
         < ok T:# /# B:# /# T0:# /# @:# B@:# P:# A:#
         > M109 S100
         < T:# E:# W:?
         ~ 120000
         > M190 S35
         < T:# E:# B:#
         ~ 120000
         > G28
         < echo:busy: processing",
    );
}

#[test]
fn prusa_takes_the_number_of_an_m110_when_it_is_read_and_not_again() {
    let mut dialogue = Dialogue::face(Face::PrusaMk3);
    // While the dwell runs, the line behind the new number is numbered after it, and an error tells of it.
    dialogue.play(
        "+ N1 G4 S1
         + N0 M110 N50
         + N51 G90
         > N52 G91*1
         < Error:checksum mismatch, Last Line: 51
         < Resend: 52
         < ok
         < ok
         < ok
         < ok",
    );
    assert_eq!(dialogue.firmware.last_line_number(), 51);
}

#[test]
fn prusa_refuses_moves_after_a_heater_fault_and_is_dead_after_m112() {
    let mut dialogue = Dialogue::face(Face::PrusaMk3);
    dialogue.firmware.set_heater_fault(0, HeaterId::Hotend, Some(HeaterFault::SensorShort));
    dialogue.play(
        "< Error:0: Heaters switched off. MAXTEMP triggered!
         < Error:Printer stopped due to errors. Supervision required.
         > G1 X1
         < Error:Printer stopped due to errors. Supervision required.
         < ok
         > G90
         < ok",
    );
    dialogue.firmware.set_heater_fault(dialogue.now_us, HeaterId::Hotend, None);
    dialogue.play(
        "> M999
         < ok
         > G1 X1
         < ok
         > G4 S5
         > M112
         < Error:Printer halted. kill() called!
         > M105
         . 5000",
    );
    assert!(dialogue.firmware.is_halted());
}

#[test]
fn prusa_tells_of_a_full_ring() {
    let mut dialogue = Dialogue::face(Face::PrusaMk3);
    dialogue.firmware.handle_bytes(0, &[b'x'; 200]);
    dialogue.play("< Full RX Buffer");
}

// What any face may do.

#[test]
fn old_prusas_say_no_ok_after_a_resend_request() {
    for face in [Face::PrusaMk3, Face::Marlin11, Face::Marlin20, Face::Marlin21] {
        let config = FirmwareConfig { resend_without_ok: true, ..FirmwareConfig::face(face) };
        Dialogue::new(config)
            .play("> N1 G90*1\n< Error:checksum mismatch, Last Line: 0\n< Resend: 1\n. 3000");
    }
}

#[test]
fn a_marlin_may_say_wait_and_tell_of_lost_bytes() {
    let config = FirmwareConfig {
        wait_every_us: 1_000_000,
        reports_overrun: true,
        ..FirmwareConfig::face(Face::Marlin20)
    };
    let mut dialogue = Dialogue::new(config);
    dialogue.play("< wait\n> G4 S3\n< echo:busy: processing\n< ok\n. 900\n< wait");
    dialogue.firmware.handle_bytes(dialogue.now_us, &[b'x'; 130]);
    dialogue.play("< Error:RX BUF overflow, increase RX_BUFFER_SIZE: 3");
    let mut dialogue = Dialogue::face(Face::Marlin20);
    dialogue.firmware.handle_bytes(0, &[b'x'; 130]);
    dialogue.play(". 3000");
}

#[test]
fn every_face_says_after_a_reset_what_it_says() {
    let table = [
        (Face::Marlin21, &["start", " External Reset", "Marlin 2.1.2.6"][..]),
        (Face::Marlin20, &["start", " External Reset", "echo:Marlin 2.0.7.2"]),
        (Face::Marlin11, &["start", " External Reset", "echo:Marlin 1.1.9"]),
        (Face::PrusaMk3, &["start", "echo: External Reset", "echo: 3.14.1-8237"]),
        (Face::Repetier, &["start", "Info:External Reset"]),
        (Face::Smoothieware, &["Smoothie", "ok"]),
        (Face::RepRapFirmware, &[]),
        (Face::Klipper, &["// Klipper state: Ready"]),
    ];
    for (face, lines) in table {
        let mut dialogue = Dialogue::face(face);
        dialogue.firmware.reset(0, ResetCause::External);
        for line in lines {
            assert_eq!(dialogue.line(2_000_000).as_deref(), Some(*line), "{face:?}");
        }
        assert_eq!(dialogue.firmware.config().reset_on_open, face == Face::PrusaMk3);
    }
}

#[test]
fn every_face_prints_a_job_that_is_sent_line_by_line_and_has_its_hash() {
    let moves: String =
        (1..100).map(|at| format!("G1 X{}.5 Y{} E0.{at:03} F3000\n", at % 50, at / 7)).collect();
    let job = format!("G28\nM104 S200\nM109 S200\nG90\nM82\nG92 E0\n{moves}M104 S0\nM84\n");
    for (name, face) in Face::NAMED {
        let mut config = RigConfig::new(face, 115_200, 1000, 1);
        config.firmware.heat_time_scale = 50.0;
        let mut rig = Rig::new(config);
        rig.open_port(0);
        let mut now_us = 2_000_000;
        rig.host_read(now_us);
        for (number, line) in std::iter::once("M110 N0").chain(job.lines()).enumerate() {
            rig.host_write(now_us, summed(&format!("N{number} {line}")).as_bytes());
            let mut heard = String::new();
            while !heard.lines().any(|line| line.starts_with("ok")) || !heard.ends_with('\n') {
                now_us = rig.run_until_output(now_us + 100_000_000);
                let said = rig.host_read(now_us);
                assert!(!said.is_empty(), "{name}: no answer to {line}");
                heard += &String::from_utf8_lossy(&said);
            }
        }
        now_us += 60_000_000;
        rig.advance(now_us);
        let (done, asked) = (rig.ledger().current().stream_hash(), stream_hash_of(job.as_bytes()).unwrap());
        assert_eq!(done, asked, "{name}");
        let totals = &rig.ledger().totals;
        let clean = totals.resends + totals.unknown + totals.refused + totals.extrusions_prevented;
        assert_eq!((clean, totals.moves_finished), (0, 99), "{name}: {totals:?}");
        assert_eq!(rig.ledger().current().numbered, asked.commands, "{name}");
    }
}

#[test]
fn every_face_has_the_name_by_which_it_is_chosen() {
    for (name, face) in Face::NAMED {
        assert_eq!((name.parse(), face.name()), (Ok(face), name));
    }
    assert!("teacup".parse::<Face>().is_err());
    assert_eq!((Face::Klipper.baud(115_200), Face::Repetier.baud(115_200)), (0, 115_200));
}
