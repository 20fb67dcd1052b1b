//! What the commands of a resin printer do, and how its lamp and plate hang together with the board's time.
//!
//! ```text
//! G28 ─► moves end ─► drives to the switch ─► place known ─► Z_move_comp ─► ok
//! M106, SET_PIN ─► pin, at its timing        M3, M5 ─► moves end ─► pin ─► ok
//! ```

use super::config::{HomeEnd, LightOutput, LightTiming, MoveSync, MslaFault};
use super::lamp::{Cause, Wiring};
use super::mask::{Frame, MaskLedger};
use super::report::MslaReport;
use super::{Board, FULL_POWER, um};
use crate::firmware::{Firmware, Outcome, Power};
use crate::parser::Command;
use crate::planner::Motion;
use crate::quirks::Face;
use crate::waiting::{Afterwards, Waiting};

/// Said when a move has ended (facts B.2).
const MOVE_COMPLETE: &str = "Z_move_comp";

impl Firmware {
    // Getters.

    /// What it has as a resin printer, if it is one.
    pub fn msla(&self) -> Option<&Board> {
        self.msla.as_deref()
    }

    /// The joined ledgers, if it is a resin printer.
    pub fn msla_report(&self, now_us: u64) -> Option<MslaReport> {
        self.msla_report_with(self.msla.as_deref()?.masks(), now_us)
    }

    /// The same, with the flips of a display in another process.
    pub fn msla_report_with(&self, masks: &MaskLedger, now_us: u64) -> Option<MslaReport> {
        let mut board = self.msla.clone()?;
        let told_z_mm = self.planner.actual_position(now_us)[2];
        board.observe(now_us, told_z_mm, self.planner.moves_axis(2), self.planner.occupied());
        Some(MslaReport::join(&board, masks, now_us, um(told_z_mm)))
    }

    // Events from outside.

    /// The display shows another frame from now on.
    pub fn show_mask(&mut self, now_us: u64, frame: Frame) {
        self.observe_msla(now_us);
        if let Some(board) = &mut self.msla {
            board.show(now_us, frame);
        }
    }

    /// Something of a resin printer breaks, or is mended; nothing happens to other printers.
    pub fn afflict_msla(&mut self, now_us: u64, fault: MslaFault) {
        self.observe_msla(now_us);
        let Some(board) = &mut self.msla else {
            return;
        };
        let mut line = None;
        match fault {
            MslaFault::LidOpened | MslaFault::LidClosed => {
                let is_open = fault == MslaFault::LidOpened;
                if is_open != board.lid_is_open {
                    let lines = board.config.lid_lines.as_ref();
                    line = lines.map(|lines| if is_open { &lines.opened } else { &lines.closed }.clone());
                }
                board.lid_is_open = is_open;
                board.cause = Cause::Lid;
            }
            MslaFault::ZStalled => {
                board.z_is_stalled = true;
                self.planner.stall(now_us);
            }
            MslaFault::ZMended => {
                board.z_is_stalled = false;
                self.planner.unstall(now_us);
            }
            MslaFault::ZSlipped { um } => board.plate.slip(um),
            MslaFault::ZMisread { um } => board.misread_um = um,
            MslaFault::LedReads { celsius } => board.led.set_reading(celsius),
            MslaFault::LedUncooled => board.led.uncool(),
            MslaFault::LedMended => board.led.mend(),
            MslaFault::LightStuckOn => board.break_lamp(Wiring::StuckOn),
            MslaFault::LightDead => board.break_lamp(Wiring::Dead),
            MslaFault::LightMended => board.break_lamp(Wiring::Sound),
            MslaFault::PartRemoved => {
                board.plate.clear();
                board.removals_us.push(now_us);
            }
        }
        self.observe_msla(now_us);
        if let Some(line) = line.filter(|_| self.power == Power::Running) {
            self.say(now_us, &line);
        }
        self.schedule_turn(now_us);
    }

    // Hooks of the board.

    /// Looks at lamp and plate; call whenever anything may have changed, before and after.
    pub(crate) fn observe_msla(&mut self, now_us: u64) {
        if let Some(board) = &mut self.msla {
            let told_z_mm = self.planner.actual_position(now_us)[2];
            board.observe(now_us, told_z_mm, self.planner.moves_axis(2), self.planner.occupied());
        }
    }

    /// Bytes have come in.
    pub(crate) fn hear_msla(&mut self, now_us: u64) {
        if let Some(board) = &mut self.msla {
            board.heard_us = now_us;
        }
    }

    /// A move went into the planner.
    pub(crate) fn tag_block(&mut self) {
        if let Some(board) = &mut self.msla {
            board.block_powers.push_back(board.wanted);
        }
    }

    /// The board has restarted: its place is 0 again, wherever the plate is.
    pub(crate) fn restart_msla(&mut self, now_us: u64) {
        if let Some(board) = &mut self.msla {
            board.is_powered = true;
            board.plate.renumber(0.0);
            board.set_wanted(board.config.power_after_reset, Cause::Reset);
            board.heard_us = now_us;
            if board.z_is_stalled {
                self.planner.stall(now_us);
            }
        }
        self.observe_msla(now_us);
    }

    /// `M112`, the kill button or an inactive host stopped it.
    pub(crate) fn kill_msla(&mut self, now_us: u64) {
        if let Some(board) = self.msla.as_mut().filter(|board| board.config.kill_darkens) {
            board.set_wanted(0, Cause::Kill);
        }
        self.observe_msla(now_us);
    }

    pub(crate) fn cut_power_of_msla(&mut self, now_us: u64) {
        if let Some(board) = &mut self.msla {
            board.is_powered = false;
            board.set_wanted(0, Cause::PowerCut);
        }
        self.observe_msla(now_us);
    }

    /// When the board has to look whether its host is still there.
    pub(crate) fn watchdog_due_us(&self) -> Option<u64> {
        let board = self.msla.as_deref()?;
        let guards = board.config.watchdog_us > 0 && (board.pin > 0 || board.wanted > 0);
        guards.then(|| board.heard_us.saturating_add(board.config.watchdog_us))
    }

    /// The light goes out if nobody has been heard for too long.
    pub(crate) fn check_watchdog(&mut self, now_us: u64) {
        if self.watchdog_due_us().is_some_and(|due_us| due_us <= now_us)
            && let Some(board) = &mut self.msla
        {
            board.set_wanted(0, Cause::Watchdog);
            self.observe_msla(now_us);
        }
    }

    /// What `M105` and its reports tell, if it is a resin printer.
    pub(crate) fn led_fields(&self) -> Option<String> {
        let board = self.msla.as_deref()?;
        Some(match (board.led.reading(), self.config.face) {
            (None, Face::Klipper) => "T:0".to_owned(),
            (None, _) => "Error:No thermistors - no temperature".to_owned(),
            (Some((name, celsius)), Face::Klipper) => format!("{name}:{celsius:.1} /0.0"),
            (Some((name, celsius)), _) => format!(" {name}:{celsius:.2} /0.00 @:0"),
        })
    }

    /// What a resin printer does otherwise than an FDM printer; nothing where it does the same.
    pub(crate) fn execute_msla(
        &mut self,
        now_us: u64,
        command: &Command,
        acknowledged: bool,
    ) -> Option<Outcome> {
        let board = self.msla.as_deref()?;
        let sync = board.config.move_sync;
        if self.config.face == Face::Klipper
            && let Some(outcome) = self.execute_macro(now_us, command)
        {
            return Some(outcome);
        }
        let outcome = match (command.letter, command.code?) {
            (b'G', 0 | 1) if self.refuses_to_move(now_us) => Outcome::Done,
            (b'G', 0 | 1) => {
                let outcome = self.begin_move(now_us, command);
                let tells = sync == MoveSync::ZMoves && command.has(b'Z');
                if tells && matches!(outcome, Outcome::Done) {
                    Outcome::Wait(Waiting::Drain(Afterwards::TellMoved { dwell_us: 0 }))
                } else {
                    outcome
                }
            }
            (b'G', 4) if sync == MoveSync::ZMoves => {
                let milliseconds =
                    command.value(b'P').unwrap_or(0.0) + command.value(b'S').unwrap_or(0.0) * 1000.0;
                let dwell_us = crate::commands::micros(milliseconds / 1000.0);
                Outcome::Wait(Waiting::Drain(Afterwards::TellMoved { dwell_us }))
            }
            (b'M', 400) if sync == MoveSync::Macros => {
                Outcome::Wait(Waiting::Drain(Afterwards::TellMoved { dwell_us: 0 }))
            }
            (b'G', 28) => Outcome::Wait(Waiting::Drain(Afterwards::SeekSwitch)),
            (b'M', 3 | 4 | 5 | 106 | 107) => return self.switch_light(now_us, command),
            (b'M', 105) => self.answer_temperature(now_us, acknowledged),
            (b'M', 114) => self.answer_position(now_us, acknowledged),
            (b'M', 119) => {
                self.tell_switches(now_us);
                Outcome::Done
            }
            // It has neither heaters nor a probe nor a filament.
            (b'G', 29) | (b'M', 104 | 109 | 140 | 190 | 302 | 600) => Outcome::Unknown,
            _ => return None,
        };
        Some(outcome)
    }

    /// Klipper's extended commands, and the macros of such a machine.
    fn execute_macro(&mut self, now_us: u64, command: &Command) -> Option<Outcome> {
        let text = String::from_utf8_lossy(&command.text).into_owned();
        let mut words = text.split_ascii_whitespace();
        let name = words.next()?.to_ascii_uppercase();
        let value = |key: &str| {
            text.split_ascii_whitespace().find_map(|word| {
                let (found, value) = word.split_once('=')?;
                found.eq_ignore_ascii_case(key).then(|| value.to_owned())
            })
        };
        match name.as_str() {
            "MOVE_PLATE" => {
                let mut line = format!("G1 Z{}", value("Z")?);
                if let Some(feedrate) = value("F") {
                    line += &format!(" F{feedrate}");
                }
                if self.refuses_to_move(now_us) {
                    // An error ends the macro.
                    return Some(Outcome::Done);
                }
                Some(match self.begin_move(now_us, &Command::read(line.as_bytes())) {
                    Outcome::Done => Outcome::Wait(Waiting::Drain(Afterwards::TellMoved { dwell_us: 0 })),
                    outcome => outcome,
                })
            }
            // Its steppers stay on here anyway.
            "SET_IDLE_TIMEOUT" => Some(Outcome::Done),
            "HOME_AXIS" => Some(Outcome::Wait(Waiting::Drain(Afterwards::SeekSwitch))),
            "RESPOND" => {
                let message = text.split_once("MSG=").map_or("", |(_, message)| message);
                self.say(now_us, &format!("echo: {}", message.trim_matches('"')));
                Some(Outcome::Done)
            }
            "SET_PIN" | "SET_LED" => {
                let (key, share) = if name == "SET_PIN" {
                    ("PIN", value("VALUE").and_then(|share| share.parse().ok()))
                } else {
                    let colours = ["RED", "GREEN", "BLUE", "WHITE"];
                    let shares = colours.iter().filter_map(|colour| value(colour)?.parse::<f64>().ok());
                    ("LED", shares.reduce(f64::max))
                };
                let named = value(key)?;
                let board = self.msla.as_deref()?;
                let is_ours = match &board.config.light {
                    LightOutput::Pin { name: pin } => name == "SET_PIN" && *pin == named,
                    LightOutput::Led { name: led } => name == "SET_LED" && *led == named,
                    LightOutput::Fan { .. } | LightOutput::Spindle => false,
                };
                if !is_ours {
                    let section = if name == "SET_PIN" { "pin" } else { "led" };
                    self.say(now_us, &format!("!! The value '{named}' is not valid for {section}"));
                    return Some(Outcome::Done);
                }
                let Some(share) = share else {
                    self.say(now_us, &format!("!! Error on '{text}': missing VALUE"));
                    return Some(Outcome::Done);
                };
                Some(self.light(now_us, power_of(share * f64::from(FULL_POWER)), command, false))
            }
            _ => None,
        }
    }

    /// Klipper moves nothing whose place is not known, and says so.
    fn refuses_to_move(&mut self, now_us: u64) -> bool {
        let refuses = self.config.face == Face::Klipper && !self.machine.is_homed();
        if refuses {
            self.say(now_us, "!! Must home axis first");
        }
        refuses
    }

    /// `M3` to `M5`, `M106`, `M107`; nothing if the lamp does not hang on them.
    fn switch_light(&mut self, now_us: u64, command: &Command) -> Option<Outcome> {
        let code = command.code?;
        let board = self.msla.as_deref()?;
        let is_ours = match board.config.light {
            LightOutput::Fan { index } => {
                matches!(code, 106 | 107) && command.whole(b'P').unwrap_or(0) == i64::from(index)
            }
            LightOutput::Spindle => matches!(code, 3..=5),
            LightOutput::Pin { .. } | LightOutput::Led { .. } => false,
        };
        if !is_ours {
            return None;
        }
        let goes_out = matches!(code, 5 | 107);
        let power = if goes_out { 0 } else { command.value(b'S').map_or(FULL_POWER, power_of) };
        Some(self.light(now_us, power, command, code <= 5))
    }

    fn light(&mut self, now_us: u64, power: u8, command: &Command, waits: bool) -> Outcome {
        let cause = Cause::Command(String::from_utf8_lossy(&command.text).into_owned());
        let waits = waits
            || self.msla.as_deref().is_some_and(|board| board.config.light_timing == LightTiming::AfterMoves);
        if waits && !self.planner.is_idle() {
            return Outcome::Wait(Waiting::Drain(Afterwards::Light(power, cause)));
        }
        self.set_light(now_us, power, cause);
        Outcome::Done
    }

    pub(crate) fn set_light(&mut self, now_us: u64, power: u8, cause: Cause) {
        self.observe_msla(now_us);
        if let Some(board) = &mut self.msla {
            board.set_wanted(power, cause);
        }
        self.observe_msla(now_us);
    }

    fn answer_temperature(&mut self, now_us: u64, acknowledged: bool) -> Outcome {
        self.observe_msla(now_us);
        let line = self.led_fields().unwrap_or_default();
        self.answer_line(now_us, 105, &line, acknowledged)
    }

    fn answer_position(&mut self, now_us: u64, acknowledged: bool) -> Outcome {
        let line = self.position_line(now_us);
        self.answer_line(now_us, 114, &line, acknowledged)
    }

    fn answer_line(&mut self, now_us: u64, code: u32, line: &str, acknowledged: bool) -> Outcome {
        if self.config.answers_behind_ok.contains(&code) && !acknowledged && !line.starts_with("Error") {
            self.say_ok(now_us, &format!("ok {}", line.trim_start()));
            return Outcome::Replied;
        }
        self.say(now_us, line);
        Outcome::Done
    }

    /// How far `M114` is off, mm.
    pub(crate) fn misread_mm(&self) -> f64 {
        self.msla.as_deref().map_or(0.0, |board| board.misread_um as f64 / 1000.0)
    }

    /// The answer to `M119`: the switch of the axis, and the lid's, which is pressed while it is closed.
    fn tell_switches(&mut self, now_us: u64) {
        self.observe_msla(now_us);
        let Some(board) = self.msla.as_deref() else {
            return;
        };
        let word = |pressed: bool| if pressed { "TRIGGERED" } else { "open" };
        let at_switch = (board.plate.z_um() - um(board.config.home_mm())).abs() <= 10;
        let end = if board.config.home == HomeEnd::Top { "z_max" } else { "z_min" };
        let lid = board.config.lid_endstop.as_ref().map(|name| (name, word(!board.lid_is_open)));
        if self.config.face == Face::Klipper {
            let lid = lid.map_or_else(String::new, |(name, state)| format!(" {name}:{state}"));
            let line = format!("stepper_z:{}{lid}", word(at_switch));
            self.say(now_us, &line);
            return;
        }
        let mut lines = vec!["Reporting endstop status".to_owned(), format!("{end}: {}", word(at_switch))];
        lines.extend(lid.map(|(name, state)| format!("{name}: {state}")));
        for line in lines {
            self.say(now_us, &line);
        }
    }

    // What follows a wait.

    /// Drives to the switch, from wherever the plate really is.
    pub(crate) fn seek_switch(&mut self, now_us: u64) -> Option<Waiting> {
        self.observe_msla(now_us);
        let board = self.msla.as_deref()?;
        let way_mm = board.config.home_mm() - board.plate.z_mm();
        let speed = board.config.home_mm_s.max(0.1);
        let from = self.planner.actual_position(now_us);
        let mut to = from;
        to[2] += way_mm;
        if way_mm.abs() < 1e-6 || self.config.motion == Motion::Instant {
            self.planner.set_position(to);
            self.observe_msla(now_us);
            self.reach_switch(now_us);
            return None;
        }
        self.planner.push(now_us, from, to, 0.0, speed);
        self.tag_block();
        Some(Waiting::Drain(Afterwards::ReachSwitch))
    }

    /// The place is known.
    pub(crate) fn reach_switch(&mut self, now_us: u64) {
        self.observe_msla(now_us);
        let Some(board) = &mut self.msla else {
            return;
        };
        let z_mm = board.config.home_mm();
        board.plate.arrive(z_mm);
        let sync = board.config.move_sync;
        self.machine.position[2] = z_mm;
        self.machine.shift[2] = 0.0;
        self.machine.homed = [true; 3];
        self.planner.set_position(self.machine.position);
        self.observe_msla(now_us);
        if self.config.face != Face::Klipper {
            let report = self.position_line(now_us);
            self.say(now_us, &report);
        }
        if sync != MoveSync::Never {
            self.tell_moved(now_us);
        }
    }

    pub(crate) fn tell_moved(&mut self, now_us: u64) {
        if self.config.face == Face::Klipper {
            // As its `RESPOND` says it.
            self.say(now_us, &format!("echo: {MOVE_COMPLETE}"));
        } else {
            self.say(now_us, MOVE_COMPLETE);
        }
    }
}

impl Board {
    fn set_wanted(&mut self, power: u8, cause: Cause) {
        self.wanted = power;
        self.cause = cause;
        // With the moves, the blocks decide; what was planned is gone where the board stops or starts.
        let stops = !matches!(self.cause, Cause::Command(_));
        if stops {
            self.block_powers.iter_mut().for_each(|block| *block = power);
        }
        if stops || self.config.light_timing != LightTiming::WithMoves {
            self.pin = power;
        }
    }

    fn break_lamp(&mut self, wiring: Wiring) {
        self.wiring = wiring;
        self.cause = Cause::Fault;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
fn power_of(value: f64) -> u8 {
    value.clamp(0.0, f64::from(FULL_POWER)).round() as u8
}
