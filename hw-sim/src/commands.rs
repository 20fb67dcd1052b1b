//! What each command does, and what it answers.

use crate::firmware::{Firmware, Outcome, Repeating};
use crate::heater::HeaterId;
use crate::parser::Command;
use crate::planner::Axes;
use crate::quirks::Face;
use crate::texts::{Stop, Temperatures};
use crate::waiting::{Afterwards, Asking, HeatWait, Waiting};

impl Firmware {
    pub(crate) fn execute(&mut self, now_us: u64, command: &Command, acknowledged: bool) -> Outcome {
        if let Some(outcome) = self.execute_msla(now_us, command, acknowledged) {
            return outcome;
        }
        if self.config.face == Face::Klipper && !klipper_knows(command) {
            return if command.text.is_empty() { Outcome::Done } else { Outcome::Unknown };
        }
        match (command.letter, command.code) {
            (0, _) if self.config.empty_line_ok => Outcome::Done,
            (b'a'..=b'z', _) if self.config.has_shell => {
                let mut line = b"error:Unsupported command - ".to_vec();
                line.extend_from_slice(&command.text);
                self.say_bytes(now_us, &line);
                Outcome::Replied
            }
            (b'M', Some(code @ (105 | 114 | 115))) => self.answer(now_us, code, acknowledged),
            (b'M', Some(409)) if self.config.has_object_model => {
                let line = self.model_line(now_us, &command.text);
                self.say(now_us, &line);
                Outcome::Done
            }
            (b'G', Some(code)) => self.execute_g(now_us, code, command),
            (b'M', Some(code)) => self.execute_m(now_us, code, command),
            (b'T', Some(0)) => Outcome::Done,
            (b'T', Some(tool)) => {
                self.say(now_us, &format!("echo:T{tool} Invalid extruder"));
                Outcome::Done
            }
            _ => Outcome::Unknown,
        }
    }

    fn execute_g(&mut self, now_us: u64, code: u32, command: &Command) -> Outcome {
        match code {
            0..=3 => return self.begin_move(now_us, command),
            4 => {
                let milliseconds =
                    command.value(b'P').unwrap_or(0.0) + command.value(b'S').unwrap_or(0.0) * 1000.0;
                return Outcome::Wait(Waiting::Drain(Afterwards::Dwell(micros(milliseconds / 1000.0))));
            }
            28 | 29 => return self.begin_homing(command),
            20 => self.machine.inches = true,
            21 => self.machine.inches = false,
            90 | 91 => {
                self.machine.relative = code == 91;
                if self.config.couples_extrusion {
                    self.machine.relative_extrusion = code == 91;
                }
            }
            92 => self.shift_position(command),
            // Firmware retraction and planes: accepted, without effect here.
            10 | 11 | 17 | 18 | 19 | 80 => {}
            _ => return Outcome::Unknown,
        }
        Outcome::Done
    }

    fn execute_m(&mut self, now_us: u64, code: u32, command: &Command) -> Outcome {
        match code {
            104 | 109 | 140 | 190 => return self.execute_heat(now_us, code, command),
            110 => self.renumber(command),
            112 => return self.stop_in_turn(now_us),
            154 | 155 => return self.set_report(now_us, code, command),
            113 => self.set_keepalive(now_us, command),
            117 => self.show_message(now_us, command),
            118 => self.echo_text(now_us, command),
            119 => {
                let lines = ["Reporting endstop status", "x_min: open", "y_min: open", "z_min: open"];
                lines.iter().for_each(|line| self.say(now_us, line));
            }
            600 if self.config.changes_filament() => {
                for line in self.config.filament_lines() {
                    self.say(now_us, line);
                }
                return Outcome::Wait(Waiting::Drain(Afterwards::ParkForFilament));
            }
            0 | 1 | 600 => return Outcome::Wait(Waiting::Drain(Afterwards::Ask(Asking::Continue))),
            18 | 84 => {
                self.let_go(command);
                return Outcome::Wait(Waiting::Drain(Afterwards::Done));
            }
            400 => return Outcome::Wait(Waiting::Drain(Afterwards::Done)),
            410 => self.act_on(now_us, crate::emergency::Critical::QuickStop),
            // The clock itself goes on, as it does in many releases.
            85 if self.config.knows_inactivity => {
                if let Some(seconds) = command.value(b'S') {
                    self.inactivity_us = micros(seconds.max(0.0));
                }
            }
            85 if self.config.face == Face::PrusaMk3 => {}
            82 | 83 => self.machine.relative_extrusion = code == 83,
            201 | 203 => self.set_limits(code, command),
            204 => self.set_accelerations(command),
            205 => {
                if let Some(deviation) = command.value(b'J').filter(|deviation| *deviation > 0.0) {
                    self.planner.limits_mut().junction_deviation = deviation;
                }
            }
            220 | 221 => self.set_percentage(now_us, code, command),
            302 => {
                let allow = command.whole(b'P').is_some_and(|on| on > 0);
                self.machine.allow_cold_extrusion =
                    allow || command.value(b'S').is_some_and(|least| least <= 0.0);
            }
            // Accepted, without effect here: power, fan, steppers, counters, settings, and answers to nothing.
            17
            | 42
            | 73
            | 75..=77
            | 92
            | 106..=108
            | 149
            | 200
            | 202
            | 206..=209
            | 211
            | 218
            | 290
            | 301
            | 304
            | 412
            | 413
            | 420
            | 425
            | 428
            | 486
            | 500..=502
            | 569
            | 593
            | 603
            | 851
            | 862
            | 876
            | 900
            | 906
            | 907
            | 914
            | 999 => {}
            _ => return Outcome::Unknown,
        }
        Outcome::Done
    }

    /// Questions: what is answered, and whether the answer stands behind the `ok` or before it.
    fn answer(&mut self, now_us: u64, code: u32, acknowledged: bool) -> Outcome {
        let mut lines = match code {
            105 => {
                let readings = self.temperatures();
                vec![self.config.temperature_fields(&readings)]
            }
            114 => vec![self.position_line(now_us)],
            _ => self.config.identity_lines(),
        };
        let behind_ok = self.config.answers_behind_ok.contains(&code) && !acknowledged;
        if behind_ok && let Some(first) = lines.first_mut() {
            *first = format!("ok {}", first.trim_start());
            self.ledger.totals.oks += 1;
        }
        for line in &lines {
            self.say(now_us, line);
        }
        if behind_ok { Outcome::Replied } else { Outcome::Done }
    }

    /// The answer to `M409 K"…"`: whole seconds since the board began, and nothing that is not there (RepRapFirmware
    /// 3, `RepRap::GetModelResponse`; `state.upTime` is `millis / 1000`).
    fn model_line(&self, now_us: u64, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text);
        let key = text.split_once("K\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        let runs_us = i64::try_from(now_us).unwrap_or(i64::MAX).saturating_sub(self.began_us);
        let result = if key == "state.upTime" { (runs_us / 1_000_000).to_string() } else { "null".into() };
        format!("{{\"key\":\"{key}\",\"flags\":\"\",\"result\":{result}}}")
    }

    /// `M112` whose turn has come.
    fn stop_in_turn(&mut self, now_us: u64) -> Outcome {
        if self.config.ignores_stop {
            return Outcome::Done;
        }
        self.stop(now_us, Stop::M112);
        if self.config.face == Face::Smoothieware {
            self.say_ok(now_us, "ok Emergency Stop Requested - reset or M999 required to exit HALT state");
            return Outcome::Replied;
        }
        Outcome::Halted
    }

    fn execute_heat(&mut self, now_us: u64, code: u32, command: &Command) -> Outcome {
        let heater = if matches!(code, 104 | 109) { HeaterId::Hotend } else { HeaterId::Bed };
        let waits = matches!(code, 109 | 190);
        let also_cooling = !command.has(b'S') && command.has(b'R');
        let letter = if waits && also_cooling { b'R' } else { b'S' };
        let Some(celsius) = command.value(letter) else {
            return Outcome::Done;
        };
        self.heat(now_us);
        if self.is_halted() {
            return Outcome::Halted;
        }
        let target = if heater == HeaterId::Bed { &mut self.bed } else { &mut self.hotend };
        target.set_target(celsius);
        self.heater_fault_told = false;
        let now_celsius = self.heater(heater).temperature();
        if let Some(line) = self.config.target_line(heater, celsius, now_celsius) {
            self.say(now_us, &line);
        }
        if !waits {
            return Outcome::Done;
        }
        Outcome::Wait(Waiting::Heat(HeatWait {
            heater,
            also_cooling,
            next_print_us: now_us,
            next_look_us: now_us,
            near_since_us: None,
        }))
    }

    /// Marlin's `M110` sets the number when it is *executed*, too: lines sent behind it without waiting are
    /// numbered again.
    fn renumber(&mut self, command: &Command) {
        if let Some(number) = command.whole(b'N').filter(|_| self.config.renumbers_when_run) {
            self.last_number = number;
        }
        self.planner.end_stretch();
        self.ledger.begin_segment();
    }

    fn set_report(&mut self, now_us: u64, code: u32, command: &Command) -> Outcome {
        let known = match code {
            154 => self.config.autoreport_position,
            _ => self.config.autoreport_temperature,
        };
        if !known {
            return Outcome::Unknown;
        }
        let seconds = command.value(b'S').unwrap_or(0.0).clamp(0.0, 60.0);
        let every_us = micros(seconds);
        let report = (every_us > 0).then_some(Repeating { every_us, next_us: now_us + every_us });
        if code == 154 {
            self.position_report = report;
        } else {
            self.temperature_report = report;
        }
        Outcome::Done
    }

    /// Sends the reports that the firmware sends on its own.
    pub(crate) fn report(&mut self, now_us: u64) {
        if due(&mut self.temperature_report, now_us) {
            let readings = self.temperatures();
            let line = self.led_fields().unwrap_or_else(|| self.config.temperature_fields(&readings));
            self.say(now_us, &line);
        }
        if due(&mut self.position_report, now_us) {
            let line = self.position_line(now_us);
            self.say(now_us, &line);
        }
    }

    /// What the sensors say now.
    pub(crate) fn temperatures(&mut self) -> Temperatures {
        Temperatures {
            hotend: self.hotend.reading(),
            bed: self.bed.reading(),
            hotend_target: self.hotend.target(),
            bed_target: self.bed.target(),
            hotend_power: self.hotend.power(),
            bed_power: self.bed.power(),
            ambient: self.config.ambient_celsius,
        }
    }

    fn set_keepalive(&mut self, now_us: u64, command: &Command) {
        match command.value(b'S') {
            Some(seconds) => self.keepalive_us = micros(seconds.clamp(0.0, 60.0)),
            None => self.say(now_us, &format!("echo:M113 S{}", self.keepalive_us / 1_000_000)),
        }
    }

    fn show_message(&mut self, now_us: u64, command: &Command) {
        if self.config.host_actions && self.config.face != Face::Repetier {
            let mut line = b"//action:notification ".to_vec();
            line.extend_from_slice(command.rest());
            self.say_bytes(now_us, &line);
        }
    }

    /// `M118` sends the file's own text as it is, so a file can say `ok` in the firmware's place.
    fn echo_text(&mut self, now_us: u64, command: &Command) {
        let mut text = command.rest();
        let mut line = Vec::new();
        while let [letter @ (b'A' | b'E' | b'P'), digit @ b'0'..=b'9', tail @ ..] = text {
            match (letter, digit) {
                (b'A', b'1') => line.extend_from_slice(b"//"),
                (b'E', b'1') => line.extend_from_slice(b"echo:"),
                _ => {}
            }
            text = crate::parser::trim_start(tail);
        }
        line.extend_from_slice(text);
        self.say_bytes(now_us, &line);
    }

    fn set_limits(&mut self, code: u32, command: &Command) {
        let limits = self.planner.limits_mut();
        let axes: &mut Axes =
            if code == 201 { &mut limits.max_acceleration } else { &mut limits.max_feedrate };
        for (axis, letter) in axes.iter_mut().zip(*b"XYZE") {
            if let Some(value) = command.value(letter).filter(|value| *value > 0.0) {
                *axis = value;
            }
        }
    }

    fn set_accelerations(&mut self, command: &Command) {
        let limits = self.planner.limits_mut();
        let set = |target: &mut f64, letter: u8| {
            if let Some(value) = command.value(letter).filter(|value| *value > 0.0) {
                *target = value;
            }
        };
        set(&mut limits.print_acceleration, b'S');
        set(&mut limits.travel_acceleration, b'S');
        set(&mut limits.print_acceleration, b'P');
        set(&mut limits.retract_acceleration, b'R');
        set(&mut limits.travel_acceleration, b'T');
    }

    fn set_percentage(&mut self, now_us: u64, code: u32, command: &Command) {
        let machine = &mut self.machine;
        let (percentage, name) = match code {
            220 => (&mut machine.feedrate_percent, "FR:"),
            _ => (&mut machine.flow_percent, "echo:E0 Flow: "),
        };
        match command.value(b'S') {
            Some(value) => *percentage = value.clamp(1.0, 999.0),
            None => {
                let line = format!("{name}{percentage}%");
                self.say(now_us, &line);
            }
        }
    }
}

/// Klipper knows few codes; a printer's own are macros, and this one has none.
fn klipper_knows(command: &Command) -> bool {
    match (command.letter, command.code) {
        (b'G', Some(code)) => {
            matches!(code, 0..=4 | 17..=19 | 21 | 28 | 90..=92)
        }
        (b'M', Some(code)) => matches!(
            code,
            18 | 73 | 82..=84 | 104..=107 | 109 | 110 | 112 | 114 | 115 | 117 | 118 | 119 | 140 | 190 | 204 | 220 | 221 | 400
        ),
        (b'T', Some(0)) => true,
        _ => false,
    }
}

fn due(report: &mut Option<Repeating>, now_us: u64) -> bool {
    let Some(report) = report.as_mut().filter(|report| report.next_us <= now_us) else {
        return false;
    };
    report.next_us = now_us + report.every_us;
    true
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, as is wanted for text from outside")]
pub(crate) fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}
