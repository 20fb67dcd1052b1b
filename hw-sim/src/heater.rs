//! A heater, its sensor and the firmware's watch over both.
//!
//! The body is a first-order model: full power raises it at a set rate, and it loses heat to the room in
//! proportion to the difference. Regulation and protection run on *heat time*, which is the printer's time
//! multiplied by a scale, so that a demo heats in seconds and its faults still trip.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Which heater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaterId {
    /// The nozzle.
    Hotend,
    /// The plate.
    Bed,
}

/// How a heater is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaterFault {
    /// It gives no heat, whatever is asked.
    Dead,
    /// It heats at full power, whatever is asked, even after a halt.
    StuckOn,
    /// The sensor's wire is broken: it reads far below zero.
    SensorOpen,
    /// The sensor is shorted: it reads far above anything.
    SensorShort,
    /// The sensor says for ever what it said when it broke.
    SensorFrozen,
    /// The sensor has slipped out and takes on the room's temperature; the heater is as hot as it is driven.
    SensorFallen,
    /// It gives a third of its power.
    Weak,
    /// It gives six times its power: made for half the voltage.
    Overpowered,
}

/// Why the firmware halts because of a heater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// It read too cold while it should heat.
    MinTemp,
    /// It read too hot.
    MaxTemp,
    /// It did not warm up in the time allowed.
    HeatingFailed,
    /// It fell away from a target that it had reached.
    Runaway,
}

/// The physics and the limits of one heater.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeaterModel {
    /// Rise at full power from room temperature, °C/s.
    pub rate: f64,
    /// Time in which the difference to the room falls to 37 %, seconds.
    pub time_constant_seconds: f64,
    /// Highest temperature that is no fault, °C.
    pub max_celsius: f64,
    /// Lowest temperature that is no fault while heating, °C.
    pub min_celsius: f64,
    /// How far below its target it may fall before the watch begins, °C.
    pub runaway_hysteresis: f64,
    /// How long it may stay there, seconds.
    pub runaway_seconds: f64,
    /// How long it may take to warm up by `watch_increase`, seconds.
    pub watch_seconds: f64,
    /// By how much it must have warmed up in that time, °C.
    pub watch_increase: f64,
    /// Whether the firmware looks after it at all; builds without protection are on the market.
    pub protected: bool,
}

impl HeaterModel {
    /// A 40 W cartridge in a small block; Marlin's default protection.
    pub fn hotend() -> Self {
        Self {
            rate: 3.0,
            time_constant_seconds: 150.0,
            max_celsius: 275.0,
            min_celsius: 5.0,
            runaway_hysteresis: 4.0,
            runaway_seconds: 40.0,
            watch_seconds: 40.0,
            watch_increase: 2.0,
            protected: true,
        }
    }

    /// A 220 mm plate; Marlin's default protection.
    pub fn bed() -> Self {
        Self {
            rate: 0.95,
            time_constant_seconds: 220.0,
            max_celsius: 150.0,
            min_celsius: 5.0,
            runaway_hysteresis: 2.0,
            runaway_seconds: 20.0,
            watch_seconds: 60.0,
            watch_increase: 2.0,
            protected: true,
        }
    }
}

/// Where the protection stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Watch {
    /// No target.
    Off,
    /// Warming up: it must have gained by the deadline (heat seconds).
    WarmingUp { from: f64, deadline: f64 },
    /// Reached; since when (heat seconds) it has been too cold.
    Holding { cold_since: Option<f64> },
}

/// What an open sensor reads, °C.
const OPEN_READING: f64 = -15.0;
/// What a shorted sensor reads, °C.
const SHORT_READING: f64 = 999.0;
/// Time in which a sensor in free air loses 63 % of its heat, seconds.
const FALLEN_SECONDS: f64 = 10.0;
/// How often regulation and protection look, heat seconds.
const CONTROL_SECONDS: f64 = 0.25;
/// How long a reading must stay below the minimum, heat seconds.
const MIN_TEMP_SECONDS: f64 = 1.0;
/// Difference to the target from which full or no power is given, °C.
const CONTROL_BAND: f64 = 10.0;

/// One heater.
#[derive(Debug, Clone)]
pub struct Heater {
    model: HeaterModel,
    ambient: f64,
    scale: f64,
    temperature: f64,
    target: f64,
    duty: f64,
    watch: Watch,
    fault: Option<HeaterFault>,
    /// What a sensor that has frozen or fallen out says.
    stray_reading: f64,
    too_cold_since: Option<f64>,
    advanced_us: u64,
    next_control: f64,
    noise: Random,
}

impl Heater {
    /// A cold heater in a room of `ambient` °C, whose heat time runs `scale` times as fast as the clock.
    pub fn new(model: HeaterModel, ambient: f64, scale: f64, noise: Random) -> Self {
        Self {
            model,
            ambient,
            scale: scale.max(1e-6),
            temperature: ambient,
            target: 0.0,
            duty: 0.0,
            watch: Watch::Off,
            fault: None,
            stray_reading: ambient,
            too_cold_since: None,
            advanced_us: 0,
            next_control: 0.0,
            noise,
        }
    }

    /// The target, °C; 0 is off.
    pub fn target(&self) -> f64 {
        self.target
    }

    /// How warm the body really is, °C.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Power as Marlin prints it, 0 to 127.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=127")]
    pub fn power(&self) -> u8 {
        (self.duty * 127.0).round().clamp(0.0, 127.0) as u8
    }

    /// What the sensor says now, with its noise, in the steps of its converter.
    pub fn reading(&mut self) -> f64 {
        match self.fault {
            Some(HeaterFault::SensorOpen) => OPEN_READING,
            Some(HeaterFault::SensorShort) => SHORT_READING,
            Some(HeaterFault::SensorFrozen) => self.stray_reading,
            Some(HeaterFault::SensorFallen) => (self.stray_reading / 0.04).round() * 0.04,
            _ => {
                let noise = (self.noise.unit() - 0.5) * 0.2;
                ((self.temperature + noise) / 0.04).round() * 0.04
            }
        }
    }

    /// Breaks or mends the heater.
    pub fn set_fault(&mut self, fault: Option<HeaterFault>) {
        self.fault = None;
        self.stray_reading = self.reading();
        self.fault = fault;
    }

    /// Sets the target; bring the heater up to now first.
    pub fn set_target(&mut self, celsius: f64) {
        self.target = celsius.max(0.0);
        self.too_cold_since = None;
        self.next_control = self.heat_seconds();
        let needs_warming = self.target > 0.0 && self.temperature + self.model.watch_increase < self.target;
        self.watch = if self.target <= 0.0 {
            Watch::Off
        } else if needs_warming {
            Watch::WarmingUp {
                from: self.temperature,
                deadline: self.heat_seconds() + self.model.watch_seconds,
            }
        } else {
            Watch::Holding { cold_since: None }
        };
        if self.target <= 0.0 {
            self.duty = 0.0;
        }
    }

    /// When it next wants to be advanced; an unheated heater may be left alone.
    pub fn poll_timeout(&self) -> Option<u64> {
        let can_overheat = matches!(self.fault, Some(HeaterFault::SensorShort | HeaterFault::StuckOn));
        let needs_care = self.target > 0.0 || can_overheat;
        needs_care.then(|| self.micros_of(self.next_control).max(self.advanced_us + 1))
    }

    /// Lets time pass; says so if the protection must halt the machine.
    pub fn advance(&mut self, now_us: u64) -> Option<Trip> {
        while let Some(control_us) = self.poll_timeout().filter(|control_us| *control_us <= now_us) {
            self.warm(control_us);
            self.next_control = self.heat_seconds() + CONTROL_SECONDS;
            if let Some(trip) = self.control() {
                return Some(trip);
            }
        }
        self.warm(now_us);
        None
    }

    /// Lets time pass while no firmware looks after the heater.
    pub fn coast(&mut self, now_us: u64) {
        self.warm(now_us);
        self.next_control = self.heat_seconds();
    }

    /// The board has restarted: no target, but as warm as before.
    pub fn reset(&mut self) {
        self.set_target(0.0);
    }

    fn heat_seconds(&self) -> f64 {
        self.advanced_us as f64 / 1e6 * self.scale
    }

    #[expect(clippy::cast_possible_truncation, reason = "a time, never negative; saturates")]
    fn micros_of(&self, heat_seconds: f64) -> u64 {
        (heat_seconds / self.scale * 1e6).ceil() as u64
    }

    /// Moves the temperature to now at the present power, exactly.
    fn warm(&mut self, now_us: u64) {
        if now_us <= self.advanced_us {
            return;
        }
        let seconds = (now_us - self.advanced_us) as f64 / 1e6 * self.scale;
        self.advanced_us = now_us;
        let duty = match self.fault {
            Some(HeaterFault::Dead) => 0.0,
            Some(HeaterFault::StuckOn) => 1.0,
            Some(HeaterFault::Weak) => self.duty / 3.0,
            Some(HeaterFault::Overpowered) => self.duty * 6.0,
            _ => self.duty,
        };
        let final_temperature = self.ambient + duty * self.model.rate * self.model.time_constant_seconds;
        let kept = (-seconds / self.model.time_constant_seconds).exp();
        self.temperature = final_temperature + (self.temperature - final_temperature) * kept;
        if self.fault == Some(HeaterFault::SensorFallen) {
            let kept = (-seconds / FALLEN_SECONDS).exp();
            self.stray_reading = self.ambient + (self.stray_reading - self.ambient) * kept;
        }
    }

    fn control(&mut self) -> Option<Trip> {
        let reading = self.reading();
        let now = self.heat_seconds();
        if reading > self.model.max_celsius && self.model.protected {
            return Some(Trip::MaxTemp);
        }
        if self.target <= 0.0 {
            self.duty = 0.0;
            return None;
        }
        if reading < self.model.min_celsius && self.model.protected {
            let since = *self.too_cold_since.get_or_insert(now);
            if now - since >= MIN_TEMP_SECONDS {
                return Some(Trip::MinTemp);
            }
        } else {
            self.too_cold_since = None;
        }
        let error = self.target - reading;
        // Holding power for the target plus a share of the error: enough for a model without dead time.
        let holding = (self.target - self.ambient) / (self.model.rate * self.model.time_constant_seconds);
        self.duty = if error > CONTROL_BAND {
            1.0
        } else if error < -CONTROL_BAND {
            0.0
        } else {
            (holding + 0.35 * error).clamp(0.0, 1.0)
        };
        if self.model.protected { self.watch_over(reading, now) } else { None }
    }

    fn watch_over(&mut self, reading: f64, now: f64) -> Option<Trip> {
        match self.watch {
            Watch::Off => None,
            Watch::WarmingUp { from, deadline } => {
                if reading >= self.target - self.model.runaway_hysteresis {
                    self.watch = Watch::Holding { cold_since: None };
                } else if reading >= from + self.model.watch_increase {
                    let deadline = now + self.model.watch_seconds;
                    self.watch = Watch::WarmingUp { from: reading, deadline };
                } else if now >= deadline {
                    return Some(Trip::HeatingFailed);
                }
                None
            }
            Watch::Holding { cold_since } => {
                if reading >= self.target - self.model.runaway_hysteresis {
                    self.watch = Watch::Holding { cold_since: None };
                    return None;
                }
                let since = cold_since.unwrap_or(now);
                self.watch = Watch::Holding { cold_since: Some(since) };
                (now - since >= self.model.runaway_seconds).then_some(Trip::Runaway)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotend() -> Heater {
        Heater::new(HeaterModel::hotend(), 20.0, 1.0, Random::new(1))
    }

    fn run(heater: &mut Heater, from_s: u64, to_s: u64) -> Option<(u64, Trip)> {
        (from_s..=to_s).find_map(|second| heater.advance(second * 1_000_000).map(|trip| (second, trip)))
    }

    #[test]
    fn it_reaches_its_target_and_holds_it() {
        let mut heater = hotend();
        heater.set_target(210.0);
        assert_eq!(run(&mut heater, 0, 300), None);
        assert!((heater.temperature() - 210.0).abs() < 0.5, "{}", heater.temperature());
    }

    #[test]
    fn a_scale_of_ten_heats_ten_times_as_fast() {
        let mut slow = hotend();
        let mut fast = Heater::new(HeaterModel::hotend(), 20.0, 10.0, Random::new(1));
        slow.set_target(200.0);
        fast.set_target(200.0);
        run(&mut slow, 0, 30);
        run(&mut fast, 0, 3);
        assert!((slow.temperature() - fast.temperature()).abs() < 0.5);
    }

    #[test]
    fn a_dead_heater_fails_after_the_watch_period() {
        let mut heater = hotend();
        heater.set_fault(Some(HeaterFault::Dead));
        heater.set_target(200.0);
        let (second, trip) = run(&mut heater, 0, 100).expect("the watch trips");
        assert_eq!(trip, Trip::HeatingFailed);
        assert!((40..=41).contains(&second), "{second}");
    }

    #[test]
    fn a_heater_that_dies_at_its_target_runs_away() {
        let mut heater = Heater::new(HeaterModel::bed(), 20.0, 1.0, Random::new(1));
        heater.set_target(60.0);
        assert_eq!(run(&mut heater, 0, 200), None);
        heater.set_fault(Some(HeaterFault::Dead));
        assert_eq!(run(&mut heater, 201, 400).map(|(_, trip)| trip), Some(Trip::Runaway));
    }

    #[test]
    fn an_open_sensor_trips_only_while_heating() {
        let mut heater = hotend();
        heater.set_fault(Some(HeaterFault::SensorOpen));
        assert_eq!(run(&mut heater, 0, 60), None);
        assert_eq!(heater.reading(), -15.0);
        heater.set_target(80.0);
        let (second, trip) = run(&mut heater, 61, 70).expect("the minimum trips");
        assert_eq!(trip, Trip::MinTemp);
        assert!(second <= 63);
    }

    #[test]
    fn a_short_or_a_stuck_heater_trips_the_maximum() {
        let mut heater = hotend();
        heater.set_fault(Some(HeaterFault::SensorShort));
        assert_eq!(run(&mut heater, 1, 2).map(|(_, trip)| trip), Some(Trip::MaxTemp));
        let mut heater = hotend();
        heater.set_target(200.0);
        heater.set_fault(Some(HeaterFault::StuckOn));
        assert_eq!(run(&mut heater, 0, 300).map(|(_, trip)| trip), Some(Trip::MaxTemp));
    }
}
