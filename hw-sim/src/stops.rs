//! How a board stops, and what can be had from it afterwards.
//!
//! ```text
//! Running ──(M112, button, heater)──► Dead: silence until a reset
//!    ▲                              ├► alarm: commands or moves refused ──(M999, FIRMWARE_RESTART)──► Running
//!    └──────(reset)─────────────────┴► heaters off, the rest goes on
//! ```

use crate::firmware::{Firmware, Power, Queued};
use crate::quirks::{Aftermath, Face, ResetCause};
use crate::texts::Stop;

/// Commands that a halted Smoothieware still serves.
const SERVED_WHILE_HALTED: [u32; 7] = [105, 106, 107, 114, 115, 119, 503];

/// Why commands are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alarm {
    message: String,
    moves_only: bool,
}

/// What becomes of a command while there is an alarm.
enum Treatment {
    Serve,
    Refuse,
    Clear,
}

impl Firmware {
    /// Says its last words, stops everything and becomes what the face becomes.
    pub(crate) fn stop(&mut self, now_us: u64, stop: Stop) {
        let aftermath = match stop {
            Stop::Heat(..) => self.config.after_heat_fault,
            Stop::M112 | Stop::Button | Stop::Inactive => self.config.after_stop,
        };
        // A heater that is still broken says nothing new.
        let is_told = match aftermath {
            Aftermath::CommandsRefused | Aftermath::MovesRefused => self.alarm.is_some(),
            Aftermath::HeatersOff => std::mem::replace(&mut self.heater_fault_told, true),
            Aftermath::Dead | Aftermath::Reset => false,
        };
        if is_told {
            return;
        }
        let lines = self.config.stop_lines(stop, self.machine.is_homed());
        for line in &lines {
            self.say(now_us, line);
        }
        self.ledger.totals.kills += 1;
        self.ledger.totals.kill_cause = Some(stop.cause(self.config.face));
        let moves_only = aftermath == Aftermath::MovesRefused;
        match aftermath {
            Aftermath::Dead => {
                self.stop_everything(now_us);
                self.receive_ring.clear();
                self.power = Power::Halted;
            }
            Aftermath::Reset => self.reset(now_us, ResetCause::Software),
            Aftermath::HeatersOff => self.heaters_off(),
            Aftermath::MovesRefused | Aftermath::CommandsRefused => {
                let message = self.config.alarm_message(stop);
                self.raise(now_us, Alarm { message, moves_only });
            }
        }
        if aftermath != Aftermath::HeatersOff {
            self.kill_msla(now_us);
        }
    }

    /// Refuses from now on; what was running ends, what is queued gets its turn to be refused.
    fn raise(&mut self, now_us: u64, alarm: Alarm) {
        self.count_moves();
        self.planner.stop(now_us);
        self.machine.position = self.planner.actual_position(now_us);
        self.heaters_off();
        self.temperature_report = None;
        self.position_report = None;
        self.alarm = Some(alarm);
        if self.waiting.take().is_some() {
            self.answer_refused(now_us);
        }
    }

    fn heaters_off(&mut self) {
        self.hotend.reset();
        self.bed.reset();
    }

    /// Deals with the command at the head of the queue if there is an alarm; says whether it did.
    pub(crate) fn refuse_in_alarm(&mut self, now_us: u64) -> bool {
        let (Some(alarm), Some(queued)) = (&self.alarm, self.queue.front()) else {
            return false;
        };
        match treatment(self.config.face, alarm, queued) {
            Treatment::Serve => return false,
            Treatment::Refuse => self.answer_refused(now_us),
            Treatment::Clear => {
                self.alarm = None;
                if self.config.face == Face::Smoothieware {
                    self.say(now_us, "WARNING: After HALT you should HOME as position is currently unknown");
                } else if self.config.face == Face::Klipper {
                    self.say(now_us, "// Klipper state: Ready");
                }
                self.finish(now_us);
            }
        }
        true
    }

    fn answer_refused(&mut self, now_us: u64) {
        let message = self.alarm.as_ref().map_or("", |alarm| alarm.message.as_str());
        let (line, gets_ok) = self.config.refused_line(message);
        self.ledger.totals.refused += 1;
        self.say(now_us, &line);
        if gets_ok {
            self.finish(now_us);
        } else {
            self.queue.pop_front();
        }
    }
}

fn treatment(face: Face, alarm: &Alarm, queued: &Queued) -> Treatment {
    let command = &queued.command;
    let code = (command.letter == b'M').then_some(command.code).flatten();
    if alarm.moves_only && code != Some(999) {
        let is_move = command.letter == b'G' && command.code.is_some_and(|code| code <= 5);
        return if is_move { Treatment::Refuse } else { Treatment::Serve };
    }
    let restarts = [b"FIRMWARE_RESTART".as_slice(), b"RESTART"].contains(&command.text.as_slice());
    match (face, code) {
        (Face::Klipper, _) if restarts => Treatment::Clear,
        (Face::Klipper, _) => Treatment::Refuse,
        (_, Some(999)) => Treatment::Clear,
        (Face::Smoothieware, Some(code)) if SERVED_WHILE_HALTED.contains(&code) => Treatment::Serve,
        _ => Treatment::Refuse,
    }
}
