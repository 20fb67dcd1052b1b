//! Commands that take their time: what they wait for, what they say meanwhile, and how a wait ends early.
//!
//! ```text
//! G1 ─ planner full ─► PlannerRoom ─► planned, ok        G4, G28, M400, M84 ─► Drain ─► Pause ─► ok
//! M109, M190 ─► Heat ─(near the target for ten seconds, or M108)─► ok      M0 ─► Person ─(M108, button)─► ok
//! M600 ─► Drain ─► parks ─► Person ─(M108, button)─► purges ─► Person ─(M108, button)─► returns ─► ok
//! ```

use crate::firmware::Firmware;
use crate::heater::HeaterId;
use crate::machine::Move;
use crate::msla::Cause;
use crate::texts::Stop;

/// How long a temperature must stay near its target, heat µs.
const RESIDENCY_US: f64 = 10_000_000.0;
/// Nearness that begins the residency, °C.
const WINDOW_CELSIUS: f64 = 1.0;
/// Distance that ends it, °C.
const HYSTERESIS_CELSIUS: f64 = 3.0;
/// Temperatures are printed this often during a wait, µs.
const PRINT_EVERY_US: u64 = 1_000_000;
/// Temperatures are looked at this often during a wait, heat µs.
const LOOK_EVERY_US: f64 = 100_000.0;

/// What the running command waits for.
#[derive(Debug, Clone)]
pub(crate) enum Waiting {
    /// A free planner block for this move.
    PlannerRoom(Move),
    /// The end of all moves, then something else.
    Drain(Afterwards),
    /// A moment, then something else.
    Pause { until_us: u64, afterwards: Afterwards },
    /// A temperature.
    Heat(HeatWait),
    /// A person, or the host speaking for one.
    Person(Asking),
}

/// What follows when a wait is over.
#[derive(Debug, Clone)]
pub(crate) enum Afterwards {
    /// `ok`.
    Done,
    /// A pause of so many µs.
    Dwell(u64),
    /// The axes are driven to their switches.
    Home([bool; 3]),
    /// The axes are at their switches.
    Homed([bool; 3]),
    /// A person is asked.
    Ask(Asking),
    /// The head is parked for a change of filament, then a person is asked.
    ParkForFilament,
    /// The filament is changed and the head is back.
    Resumed,
    /// A resin printer drives to its switch.
    SeekSwitch,
    /// It is at its switch.
    ReachSwitch,
    /// It says that its moves have ended, and pauses for so many µs.
    TellMoved { dwell_us: u64 },
    /// Its light has this power now.
    Light(u8, Cause),
}

/// What a person is asked for (`hw-sim/tests/transcripts`, `…-m600_runout_prompts.txt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// To go on.
    Continue,
    /// To put new filament in.
    Filament,
    /// Whether enough of it has come out.
    Purged,
}

/// How long the head takes to the place where filament is changed, to push filament through, and back.
const PARK_US: u64 = 6_600_000;
const PURGE_US: u64 = 8_000_000;
const RETURN_US: u64 = 7_600_000;

/// A wait for a temperature.
#[derive(Debug, Clone)]
pub(crate) struct HeatWait {
    pub(crate) heater: HeaterId,
    /// `R` waits for cooling too, `S` does not.
    pub(crate) also_cooling: bool,
    pub(crate) next_print_us: u64,
    pub(crate) next_look_us: u64,
    pub(crate) near_since_us: Option<u64>,
}

impl Firmware {
    /// When the running wait wants to be looked at.
    pub(crate) fn waiting_timeout(&self) -> Option<u64> {
        let waiting = self.waiting.as_ref()?;
        let own = match waiting {
            Waiting::Pause { until_us, .. } => Some(*until_us),
            Waiting::Heat(wait) => Some(wait.next_look_us.min(wait.next_print_us)),
            Waiting::PlannerRoom(_) | Waiting::Drain(_) | Waiting::Person(_) => None,
        };
        let busy = self.sends_busy().then_some(self.next_busy_us);
        own.into_iter().chain(busy).min()
    }

    fn sends_busy(&self) -> bool {
        self.config.keepalive && self.keepalive_us > 0
    }

    /// Ends the running wait if what it waits for has come; says `busy` if it is time to.
    pub(crate) fn check_waiting(&mut self, now_us: u64) {
        if self.waiting.is_some() {
            // What waits keeps the steppers on.
            self.moved_us = now_us;
        }
        self.say_busy(now_us);
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let still = match waiting {
            Waiting::PlannerRoom(movement) if self.planner.free() > 0 => {
                self.plan_queued_move(now_us, movement);
                None
            }
            Waiting::Drain(afterwards) if self.planner.is_idle() => self.go_on(now_us, afterwards),
            Waiting::Pause { until_us, afterwards } if until_us <= now_us => self.go_on(now_us, afterwards),
            Waiting::Heat(wait) => self.check_heat(now_us, wait),
            waiting => Some(waiting),
        };
        match still {
            Some(waiting) => self.waiting = Some(waiting),
            None => self.finish(now_us),
        }
    }

    fn say_busy(&mut self, now_us: u64) {
        if !self.sends_busy() || self.next_busy_us > now_us {
            return;
        }
        let line = match self.waiting {
            Some(Waiting::Person(_)) => self.config.busy_line(false, true),
            Some(Waiting::Heat(_)) => self.config.busy_line(true, false),
            Some(_) => self.config.busy_line(false, false),
            None => return,
        };
        self.say(now_us, line);
        self.next_busy_us = now_us.saturating_add(self.keepalive_us);
    }

    fn plan_queued_move(&mut self, now_us: u64, movement: Move) {
        if let Some(queued) = self.queue.front() {
            self.ledger.note(&queued.command.text, queued.number.is_some(), true);
        }
        self.plan(now_us, movement);
    }

    /// What follows a wait; nothing if the command is done.
    fn go_on(&mut self, now_us: u64, afterwards: Afterwards) -> Option<Waiting> {
        self.planner.end_stretch();
        let pause =
            |for_us: u64, afterwards| Waiting::Pause { until_us: now_us.saturating_add(for_us), afterwards };
        match afterwards {
            Afterwards::Done => None,
            Afterwards::Dwell(for_us) => Some(pause(for_us, Afterwards::Done)),
            Afterwards::Home(axes) => {
                let count = axes.iter().filter(|axis| **axis).count() as u64;
                Some(pause(self.config.home_us * count / 3, Afterwards::Homed(axes)))
            }
            Afterwards::Homed(axes) => {
                self.home(axes);
                let report = self.position_line(now_us);
                self.say(now_us, &report);
                None
            }
            Afterwards::ParkForFilament => Some(pause(PARK_US, Afterwards::Ask(Asking::Filament))),
            Afterwards::Ask(asking) => {
                for line in self.config.asking_lines(asking) {
                    self.say(now_us, line);
                }
                Some(Waiting::Person(asking))
            }
            Afterwards::Resumed => {
                for line in self.config.resumed_lines() {
                    self.say(now_us, line);
                }
                None
            }
            Afterwards::SeekSwitch => self.seek_switch(now_us),
            Afterwards::ReachSwitch => {
                self.reach_switch(now_us);
                None
            }
            Afterwards::TellMoved { dwell_us } => {
                self.tell_moved(now_us);
                Some(pause(dwell_us, Afterwards::Done))
            }
            Afterwards::Light(power, cause) => {
                self.set_light(now_us, power, cause);
                None
            }
        }
        .and_then(|waiting| match waiting {
            // A pause of no length is over at once.
            Waiting::Pause { until_us, afterwards } if until_us <= now_us => self.go_on(now_us, afterwards),
            waiting => Some(waiting),
        })
    }

    fn check_heat(&mut self, now_us: u64, mut wait: HeatWait) -> Option<Waiting> {
        let scale = self.config.heat_time_scale.max(1e-6);
        let heater = self.heater(wait.heater);
        let (target, temperature) = (heater.target(), heater.temperature());
        if temperature > target && !wait.also_cooling && wait.near_since_us.is_none() {
            self.planner.end_stretch();
            return None;
        }
        let distance = (target - temperature).abs();
        if wait.near_since_us.is_none() && distance < WINDOW_CELSIUS {
            wait.near_since_us = Some(now_us);
        } else if distance > HYSTERESIS_CELSIUS {
            wait.near_since_us = None;
        }
        let remaining_us =
            wait.near_since_us.map(|since_us| micros(RESIDENCY_US / scale).saturating_sub(now_us - since_us));
        if wait.next_print_us <= now_us {
            let left =
                remaining_us.map_or_else(|| "?".to_owned(), |left_us| (left_us / 1_000_000).to_string());
            if self.config.reports_while_heating {
                let readings = self.temperatures();
                let line = self.config.heating_line(&readings, wait.heater, &left);
                self.say(now_us, &line);
            }
            wait.next_print_us += PRINT_EVERY_US;
        }
        if remaining_us == Some(0) {
            self.planner.end_stretch();
            return None;
        }
        wait.next_look_us = now_us + micros(LOOK_EVERY_US / scale).max(1);
        Some(Waiting::Heat(wait))
    }

    /// `M108` ends a wait for heat or for a person; the button that was pressed, only the latter.
    pub(crate) fn end_wait(&mut self, now_us: u64, heat_too: bool, button: Option<u8>) {
        let pause = |for_us: u64, afterwards| Some(Waiting::Pause { until_us: now_us + for_us, afterwards });
        match self.waiting {
            Some(Waiting::Heat(_)) if heat_too => {}
            Some(Waiting::Person(Asking::Filament)) => {
                self.waiting = pause(PURGE_US, Afterwards::Ask(Asking::Purged));
                return;
            }
            // `PurgeMore` is the first button.
            Some(Waiting::Person(Asking::Purged)) if button == Some(0) => {
                self.waiting = pause(PURGE_US, Afterwards::Ask(Asking::Purged));
                return;
            }
            Some(Waiting::Person(Asking::Purged)) => {
                self.waiting = pause(RETURN_US, Afterwards::Resumed);
                return;
            }
            Some(Waiting::Person(Asking::Continue)) => {
                for line in self.config.continue_lines() {
                    self.say(now_us, line);
                }
            }
            _ => return,
        }
        self.waiting = None;
        self.planner.end_stretch();
        self.finish(now_us);
    }

    /// Lets the heaters work, and halts if their protection says so.
    pub(crate) fn heat(&mut self, now_us: u64) {
        let hotend = self.hotend.advance(now_us);
        let bed = self.bed.advance(now_us);
        self.ledger.note_temperatures(self.hotend.temperature(), self.bed.temperature());
        if let Some(trip) = hotend {
            self.stop(now_us, Stop::Heat(HeaterId::Hotend, trip));
        } else if let Some(trip) = bed {
            self.stop(now_us, Stop::Heat(HeaterId::Bed, trip));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time, never negative; saturates")]
fn micros(value: f64) -> u64 {
    value.ceil() as u64
}
