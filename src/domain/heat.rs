//! What can be wrong with a heater, what is done about it, and how hot a printer may be made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

use super::printer::Fault;
use super::units::Celsius;

/// A heater with its sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heater {
    Hotend,
    /// Further tools.
    Hotend1,
    Hotend2,
    Hotend3,
    Bed,
    Chamber,
}

impl Heater {
    pub const ALL: [Self; 6] =
        [Self::Hotend, Self::Hotend1, Self::Hotend2, Self::Hotend3, Self::Bed, Self::Chamber];

    pub fn in_words(self) -> &'static str {
        match self {
            Self::Hotend => "hotend",
            Self::Hotend1 => "second hotend",
            Self::Hotend2 => "third hotend",
            Self::Hotend3 => "fourth hotend",
            Self::Bed => "bed",
            Self::Chamber => "chamber",
        }
    }
}

impl fmt::Display for Heater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.in_words())
    }
}

/// What is wrong, as platen sees it from outside; the firmware may see nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    /// Hotter than the printer may ever be.
    Overheated,
    /// It is to be made hotter than the printer allows.
    TargetTooHigh,
    RiseTooSlow,
    RiseTooFast,
    /// It was at its target and is not any more.
    LeftTarget,
    /// The reading does not move at all while it is heated.
    SensorStuck,
    /// The reading is one of an open or a shorted sensor.
    SensorBroken,
    SuddenDrop,
    /// It is heated, or gets hot, and nobody asked for it.
    HeatUnasked,
    /// Nothing is heard of its temperature while it is hot.
    SilentWhileHot,
}

impl Hazard {
    pub const ALL: [Self; 10] = [
        Self::Overheated,
        Self::TargetTooHigh,
        Self::RiseTooSlow,
        Self::RiseTooFast,
        Self::LeftTarget,
        Self::SensorStuck,
        Self::SensorBroken,
        Self::SuddenDrop,
        Self::HeatUnasked,
        Self::SilentWhileHot,
    ];

    /// What is latched because of it.
    pub fn fault(self) -> Fault {
        match self {
            Self::Overheated => Fault::Overheated,
            Self::TargetTooHigh => Fault::TargetTooHigh,
            Self::RiseTooSlow => Fault::RiseTooSlow,
            Self::RiseTooFast => Fault::RiseTooFast,
            Self::LeftTarget => Fault::LeftTarget,
            Self::SensorStuck => Fault::SensorStuck,
            Self::SensorBroken => Fault::SensorBroken,
            Self::SuddenDrop => Fault::SuddenDrop,
            Self::HeatUnasked => Fault::HeatUnasked,
            Self::SilentWhileHot => Fault::SilentWhileHot,
        }
    }

    /// The unit of `Alarm::limit`.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Overheated
            | Self::TargetTooHigh
            | Self::LeftTarget
            | Self::SensorBroken
            | Self::SuddenDrop
            | Self::HeatUnasked => "°C",
            Self::RiseTooFast => "°C/s",
            Self::RiseTooSlow | Self::SensorStuck | Self::SilentWhileHot => "s",
        }
    }
}

/// What is done about a hazard, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Warn,
    Pause,
    /// The job is interrupted, all heaters are switched off, and a person must look.
    HeatersOff,
    /// As an emergency stop.
    Stop,
}

impl Action {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Warn => "only told",
            Self::Pause => "paused",
            Self::HeatersOff => "heaters switched off",
            Self::Stop => "stopped",
        }
    }
}

/// A hazard that was seen, and what was done at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub heater: Heater,
    pub hazard: Hazard,
    pub action: Action,
    /// Absent where no reading came, or where it is about a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Celsius>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Celsius>,
    /// What was passed, in the hazard's `unit`.
    pub limit: f64,
}

impl Alarm {
    /// `bed: … (read 143.2 °C, target 60.0 °C, limit 135 °C): stopped`
    pub fn in_words(&self) -> String {
        let Self { heater, hazard, action, reading, target, limit } = self;
        let mut numbers = Vec::new();
        numbers.extend(reading.map(|reading| format!("read {reading}")));
        numbers.extend(target.map(|target| format!("target {target}")));
        numbers.push(format!("limit {limit} {}", hazard.unit()));
        let (what, done) = (hazard.fault().in_words(), action.in_words());
        format!("{heater}: {what} ({}): {done}", numbers.join(", "))
    }
}

/// How hot a printer may be made, by its operator's word, in whole °C; and what people may do by hand.
///
/// Alarms for a temperature come above these, by the overshoot that a healthy heater has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeatLimits {
    pub hotend_max: u16,
    pub bed_max: u16,
    pub chamber_max: u16,
    /// How long somebody may heat from the printer's own panel while no job runs.
    pub by_hand: Duration,
    /// So many times faster than a real one may it heat and cool, and is it planned to print: 1, but for simulated
    /// printers.
    pub simulated_speed: u16,
}

impl HeatLimits {
    /// Careful for a usual printer: a hotend without a plastic liner, a heated plate, a warm box.
    pub const USUAL: Self = Self {
        hotend_max: 285,
        bed_max: 120,
        chamber_max: 80,
        by_hand: Duration::from_secs(0),
        simulated_speed: 1,
    };

    /// The highest target that is allowed.
    pub fn target_max(&self, heater: Heater) -> f64 {
        f64::from(match heater {
            Heater::Hotend | Heater::Hotend1 | Heater::Hotend2 | Heater::Hotend3 => self.hotend_max,
            Heater::Bed => self.bed_max,
            Heater::Chamber => self.chamber_max,
        })
    }
}

impl Default for HeatLimits {
    fn default() -> Self {
        Self::USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_says_what_is_wrong_how_much_and_what_was_done() {
        let alarm = Alarm {
            heater: Heater::Bed,
            hazard: Hazard::Overheated,
            action: Action::Stop,
            reading: Some(Celsius(143.2)),
            target: Some(Celsius(60.0)),
            limit: 135.0,
        };
        let words = alarm.in_words();
        assert!(
            words.starts_with("bed: ")
                && words.ends_with("(read 143.2 °C, target 60.0 °C, limit 135 °C): stopped"),
            "{words}"
        );
    }

    #[test]
    fn each_hazard_latches_a_fault_of_its_own() {
        let mut words: Vec<_> = Hazard::ALL.iter().map(|hazard| hazard.fault().in_words()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Hazard::ALL.len());
    }
}
