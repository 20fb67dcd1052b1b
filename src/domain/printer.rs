//! A printer as the lab knows it: what is durable (bed, latch) and what is live (the snapshot).

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::event::Fact;
use super::identity::{Identity, Quarantine};
use super::ids::{JobId, PrinterName};
use super::job::{PauseReason, Progress};
use super::moment::{Moment, WallTime};
use super::units::Celsius;

/// A firmware that is known by name. What is not known is treated with the least trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Firmware {
    #[default]
    Unknown,
    Marlin11,
    Marlin20,
    Marlin21,
    /// Prusa-Firmware 3.x: MK2.5, MK3, MK3S.
    PrusaMk3,
    Repetier,
    Smoothieware,
    RepRapFirmware,
    /// Klipper's pseudo-terminal.
    Klipper,
}

impl Firmware {
    /// Every firmware with the name that stands in configuration files.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Marlin11, "marlin-1.1"),
        (Self::Marlin20, "marlin-2.0"),
        (Self::Marlin21, "marlin-2.1"),
        (Self::PrusaMk3, "prusa-mk3"),
        (Self::Repetier, "repetier"),
        (Self::Smoothieware, "smoothieware"),
        (Self::RepRapFirmware, "reprapfirmware"),
        (Self::Klipper, "klipper"),
    ];

    /// Reads a name of a configuration file.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(firmware, _)| *firmware)
    }

    /// The name in configuration files; `unknown` where there is none.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(firmware, _)| *firmware == self).map_or("unknown", |(_, name)| name)
    }
}

/// What stands on the bed. Nothing starts on an occupied one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Bed {
    #[default]
    Clear,
    /// A job began here, whatever became of it; a person says when the bed is clear again.
    Occupied { job: JobId },
}

/// Why a printer may not be used until a named person clears it. Survives restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Latch {
    /// Somebody pressed stop.
    Stopped { by: String, at: WallTime },
    /// The firmware halted by itself.
    Fault { fault: Fault, at: WallTime },
}

impl From<Latch> for Activity {
    fn from(latch: Latch) -> Self {
        match latch {
            Latch::Stopped { .. } => Self::Stopped,
            Latch::Fault { fault, .. } => Self::Faulted { fault },
        }
    }
}

/// What the firmware reported when it gave up, in our words; its own text is hostile and stays local.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    ThermalRunaway,
    HeatingFailed,
    TooHot,
    TooCold,
    /// `kill() called` without a cause that we know.
    Killed,
    /// Homing or probing failed.
    Probing,
    /// `Printer stopped due to errors` and the like.
    Halted,
    /// A temperature sensor whose readings cannot be.
    Sensor,
    /// A fan that should turn does not.
    Fan,
    /// The coolant does not flow.
    Coolant,
    /// Nothing moved for longer than the firmware allows while it is on.
    Inactive,
    /// The firmware's own watchdog found it stuck.
    Watchdog,
    /// The mains failed.
    PowerLost,
    // What platen saw itself (`domain::heat`); the firmware may have seen nothing.
    Overheated,
    TargetTooHigh,
    RiseTooSlow,
    RiseTooFast,
    LeftTarget,
    SensorStuck,
    SensorBroken,
    SuddenDrop,
    HeatUnasked,
    SilentWhileHot,
}

impl Fault {
    /// Whether what is heated may go on being heated although the firmware has switched it off, or says so.
    pub fn may_still_heat(self) -> bool {
        matches!(self, Self::ThermalRunaway | Self::TooHot | Self::Overheated | Self::RiseTooFast)
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::ThermalRunaway => "thermal runaway: a heater did not follow its target",
            Self::HeatingFailed => "heating failed: a heater did not get warm",
            Self::TooHot => "a temperature sensor read above its maximum (shorted sensor or overheated)",
            Self::TooCold => "a temperature sensor read below its minimum (open or torn off)",
            Self::Killed => "the firmware halted itself",
            Self::Probing => "homing or probing failed",
            Self::Halted => "the firmware stopped because of errors",
            Self::Sensor => "a temperature sensor gives readings that cannot be (broken, or its cable)",
            Self::Fan => "a fan that should turn does not",
            Self::Coolant => "the coolant does not flow",
            Self::Inactive => "nothing moved for longer than the firmware allows",
            Self::Watchdog => "the firmware was stuck, and its watchdog stopped it",
            Self::PowerLost => "the mains power failed",
            Self::Overheated => {
                "platen saw a heater above what this printer may ever reach: switch it off at the mains and look for a heater that is stuck on"
            }
            Self::TargetTooHigh => {
                "a heater was to be made hotter than this printer allows: by its file, which is for another printer then, or by somebody at its panel; or the limit in the configuration is too low"
            }
            Self::RiseTooSlow => {
                "platen saw a heater that does not get warm: heater or sensor is loose, broken or too weak"
            }
            Self::RiseTooFast => {
                "platen saw a heater rise faster than a healthy one can: wrong heater or voltage, or a sensor that slips"
            }
            Self::LeftTarget => "platen saw a heater leave its target and stay away from it",
            Self::SensorStuck => {
                "platen saw a temperature that does not move at all while its heater is on: the sensor is not to be believed"
            }
            Self::SensorBroken => {
                "platen read a temperature that cannot be: the sensor is open, torn off or shorted"
            }
            Self::SuddenDrop => {
                "platen saw a temperature fall faster than anything cools: the sensor has slipped out, or has a bad contact"
            }
            Self::HeatUnasked => {
                "platen saw a heater get hot that nothing had asked to: somebody at the panel, or a heater that is stuck on; if it is still hot, switch the printer off"
            }
            Self::SilentWhileHot => {
                "the printer was hot and told no temperature any more: go and look; if it is still hot, switch it off"
            }
        }
    }
}

/// How it is known that a stop has stopped the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopProof {
    /// It said so.
    KillLine,
    /// It began anew, with heaters off and nothing to do.
    Restart,
    /// It is silent where a living board would have talked.
    Silence,
    /// It says twice that it prints nothing, and its plate went up.
    PlateUp,
    /// It says twice that it prints nothing; its plate was not seen to move.
    NotPrinting,
}

impl StopProof {
    /// The word that stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::KillLine => "kill_line",
            Self::Restart => "restart",
            Self::Silence => "silence",
            Self::PlateUp => "plate_up",
            Self::NotPrinting => "not_printing",
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::KillLine => "the board confirmed it",
            Self::Restart => "the board restarted",
            Self::Silence => "the board is silent, as it is after a stop",
            Self::PlateUp => "the board prints nothing, and its plate went up",
            Self::NotPrinting => "the board says that it prints nothing, and its plate was not seen to go up",
        }
    }
}

/// What became of switching a printer's power off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayOutcome {
    /// The relay took the order; whether the power is off is for a person to see.
    Switched,
    /// It did not; the log says why.
    Failed,
    /// None is configured.
    Absent,
}

impl RelayOutcome {
    /// The word that stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Switched => "switched",
            Self::Failed => "failed",
            Self::Absent => "absent",
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::Switched => "its relay was told to switch it off",
            Self::Failed => "ITS RELAY FAILED: switch it off by hand",
            Self::Absent => "it has no relay: switch it off by hand if anything moves or is hot",
        }
    }
}

/// What became of the latest stop, beyond the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopOutcome {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<StopProof>,
    /// Present once the stop could not be verified in its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayOutcome>,
}

impl StopOutcome {
    /// For people; empty while nothing is known yet.
    pub fn in_words(&self) -> String {
        match (self.proof, self.relay) {
            (None, None) => String::new(),
            (Some(proof), None) => proof.in_words().into(),
            (None, Some(relay)) => format!("NOT CONFIRMED by the board; {}", relay.in_words()),
            (Some(proof), Some(relay)) => format!("{}, late; {}", proof.in_words(), relay.in_words()),
        }
    }
}

/// The durable half of a printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterRecord {
    pub name: PrinterName,
    pub bed: Bed,
    pub latch: Option<Latch>,
    /// Of the stop that the latch is about.
    #[serde(default)]
    pub stop: StopOutcome,
    /// Its board, once it was connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Box<Identity>>,
    /// Another board is on its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Box<Quarantine>>,
}

impl PrinterRecord {
    /// A printer of which nothing is written down yet.
    pub fn new(name: PrinterName) -> Self {
        let stop = StopOutcome::default();
        Self { name, bed: Bed::Clear, latch: None, stop, identity: None, quarantine: None }
    }

    /// What becomes of its lock by a fact of this printer, which was so at `at`.
    pub fn learn(&mut self, fact: &Fact, at: WallTime) {
        match fact {
            Fact::PrinterStopped { by, .. } => {
                self.latch = Some(Latch::Stopped { by: by.clone(), at });
                self.stop = StopOutcome::default();
            }
            Fact::StopVerified { proof, .. } => self.stop.proof = Some(*proof),
            // What was taken for a proof before has turned out to be none.
            Fact::StopUnverified { relay, .. } => {
                self.stop = StopOutcome { proof: None, relay: Some(*relay) }
            }
            Fact::PrinterFaulted { fault, .. } => self.latch = Some(Latch::Fault { fault: *fault, at }),
            Fact::LatchCleared { .. } => {
                self.latch = None;
                self.stop = StopOutcome::default();
            }
            Fact::PrinterQuarantined { why, .. } => {
                self.quarantine = Some(Box::new(Quarantine { why: why.as_ref().clone(), at }));
            }
            _ => {}
        }
    }
}

/// One heater: what it is and what it should be. `target` is 0 when off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub actual: Celsius,
    /// Absent where the firmware reports none (a board sensor).
    pub target: Option<Celsius>,
}

/// A printer that answers tells its temperatures every two seconds: older ones say nothing of now.
pub const READING_LASTS: Duration = Duration::from_secs(6);

/// The last temperatures that the firmware reported, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Temperatures {
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
    /// Absent until the first report.
    pub at: Option<Moment>,
}

impl Temperatures {
    /// When they were reported, where that was too long ago to take them for what is so now.
    pub fn old_since(&self, now: Moment) -> Option<Moment> {
        self.at.filter(|at| now.since(*at) > READING_LASTS)
    }

    /// Whether something is warmer than `cold`, or is to be.
    pub fn is_hot(&self, cold: Celsius) -> bool {
        let hot =
            |heater: Reading| heater.actual.0 >= cold.0 || heater.target.is_some_and(|target| target.0 > 0.0);
        [self.hotend, self.bed, self.chamber].into_iter().flatten().any(hot)
    }
}

/// What a printer is doing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Activity {
    /// The port is not open, or nobody answers there.
    Offline {
        reason: Away,
    },
    /// The port is open and the firmware is being greeted.
    Connecting,
    /// The board on the port is not this printer's, or may not be: it gets no line. `reason` stays local.
    Quarantined {
        reason: String,
    },
    /// Nothing to do.
    Ready,
    Printing {
        job: JobId,
        progress: Progress,
    },
    /// No more lines are sent until a person resumes; `draining` while moves already sent still run.
    Paused {
        job: JobId,
        progress: Progress,
        draining: bool,
    },
    /// All lines are sent; the end is not yet confirmed.
    Finishing {
        job: JobId,
        progress: Progress,
    },
    Cancelling {
        job: JobId,
    },
    /// Emergency stop: nothing is sent until a person clears it.
    Stopped,
    /// The firmware has halted and is deaf until it is reset.
    Faulted {
        fault: Fault,
    },
}

/// Whether the cover of a resin printer is closed, as its board told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cover {
    /// Nothing there tells of a cover.
    #[default]
    NoSwitch,
    /// Not for some seconds.
    NotTold,
    Closed,
    Open,
}

impl Cover {
    /// Nothing begins and nothing goes on there.
    pub fn bars(self) -> bool {
        match self {
            Self::NotTold | Self::Open => true,
            Self::NoSwitch | Self::Closed => false,
        }
    }
}

/// The light of a resin printer, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Its board has told that it is off, and nobody has switched it on since.
    Off,
    /// It was switched on, and its board has not told yet that it is off again.
    On,
    /// It was on when its board was last heard, or its board lights layers by itself.
    MayBeOn,
    /// Its board has not been heard.
    Unknown,
}

impl Light {
    /// The word that stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::MayBeOn => "may_be_on",
            Self::Unknown => "unknown",
        }
    }
}

impl Activity {
    /// All of them, in the order of their schema.
    pub const WORDS: [&str; 10] = [
        "offline",
        "connecting",
        "quarantined",
        "ready",
        "printing",
        "paused",
        "finishing",
        "cancelling",
        "stopped",
        "faulted",
    ];

    /// The word that stands in MQTT and on the page.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Offline { .. } => "offline",
            Self::Connecting => "connecting",
            Self::Quarantined { .. } => "quarantined",
            Self::Ready => "ready",
            Self::Printing { .. } => "printing",
            Self::Paused { .. } => "paused",
            Self::Finishing { .. } => "finishing",
            Self::Cancelling { .. } => "cancelling",
            Self::Stopped => "stopped",
            Self::Faulted { .. } => "faulted",
        }
    }

    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::Printing { job, .. }
            | Self::Paused { job, .. }
            | Self::Finishing { job, .. }
            | Self::Cancelling { job } => Some(job),
            Self::Offline { .. }
            | Self::Connecting
            | Self::Quarantined { .. }
            | Self::Ready
            | Self::Stopped
            | Self::Faulted { .. } => None,
        }
    }

    pub fn progress(&self) -> Option<Progress> {
        match self {
            Self::Printing { progress, .. }
            | Self::Paused { progress, .. }
            | Self::Finishing { progress, .. } => Some(*progress),
            _ => None,
        }
    }
}

/// A question of the firmware to whoever is there. Its words are the firmware's: bounded and plain, and no state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    pub text: String,
    /// What can be answered, in the order in which it is counted, from 0.
    pub buttons: Vec<String>,
}

/// What a pause, or the end of a job, is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldStep {
    /// The firmware waits for a person, and no line is sent to it.
    WaitsForPerson,
    /// The firmware has paused by itself.
    PausedByPrinter,
    /// What was sent still moves.
    Draining,
    Parking,
    /// The head stands away from the part.
    Parked,
    /// The head stands where the last line left it.
    Standing,
    /// Resumed, and the board is asked whether it still is where it was.
    Proving,
    /// Heaters are brought back to what they were.
    Reheating,
    /// The head goes back.
    Returning,
    /// The head is not where it was told to be, so that no line is sent.
    Astray,
    /// The plate of a resin printer goes up, behind the layer that was lit.
    Raising,
    /// The plate is up, in the dark.
    Raised,
    /// Cancelled, but the firmware waits for heat and cannot be broken off.
    CancelWaitsForHeat,
    /// Cancelled, but the firmware waits for a person first.
    CancelWaitsForPerson,
}

/// What a person should know of a pause, beside that there is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hold {
    pub reason: Option<PauseReason>,
    /// What the file says to whoever comes (`M0 …`).
    pub text: Option<String>,
    pub prompt: Option<Prompt>,
    pub step: Option<HoldStep>,
    /// When the nozzle will be switched off, and the bed; absent where they are off, or nothing will.
    pub nozzle_off_at: Option<Moment>,
    pub bed_off_at: Option<Moment>,
    /// They were switched off because the pause was long.
    pub nozzle_is_off: bool,
    pub bed_is_off: bool,
}

impl Hold {
    /// Somebody is waited for.
    pub fn needs_person(&self) -> bool {
        self.step == Some(HoldStep::WaitsForPerson)
    }
}

/// After so long without a move a printer halts by itself during a job: longer than the dwells in the files of
/// slicers.
pub const INACTIVITY_KILL: Duration = Duration::from_secs(15 * 60);

/// How a printer parks. Lengths in mm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Park {
    /// Where the head waits, in the printer's own numbers; absent: only lifted.
    pub at: Option<(u16, u16)>,
    pub lift: u16,
    pub retract: u16,
    /// The highest Z; without it nothing is lifted.
    pub build_height: Option<u16>,
}

/// Upper bounds, in ms, of the buckets of `LineHealth::ok_latency`; the last bucket has none.
pub const LATENCY_BOUNDS_MS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

/// What ails a line, as far as its errors tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineTrouble {
    /// Lines arrive damaged.
    Noise,
    /// The board counts lines otherwise than we do.
    Renumbering,
    /// Lines are done, but their `ok`s do not come back.
    LostOks,
    /// The board answers to what we did not send.
    Stranger,
}

impl LineTrouble {
    /// The word that stands in MQTT and in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Renumbering => "renumbering",
            Self::LostOks => "lost_oks",
            Self::Stranger => "stranger",
        }
    }

    /// What it is and what to do.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Noise => {
                "lines arrive damaged: electric noise or a bad contact; try a shorter, shielded cable, away from motors and heaters, and another port"
            }
            Self::Renumbering => {
                "the board counts its lines otherwise than platen: somebody prints from its card or panel, or another program has the port"
            }
            Self::LostOks => {
                "answers get lost on the way back: a bad contact, or an adapter that drops bytes; try another cable and port"
            }
            Self::Stranger => {
                "the board answers to what platen did not send: a display or another host talks on the same line; switch off its polling, or unplug it"
            }
        }
    }
}

/// How the line to the printer does, since the port was opened or since a job began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineHealth {
    pub lines_sent: u64,
    pub bytes_sent: u64,
    /// Lines that the board asked for again, and of these:
    pub resends: u64,
    /// damaged on the way,
    pub resends_damaged: u64,
    /// out of order,
    pub resends_number: u64,
    /// without a reason that was readable.
    pub resends_unexplained: u64,
    /// Requests for a line that cannot be true.
    pub nonsense: u64,
    /// Times that we had to ask the firmware where it is, after silence.
    pub probes: u64,
    /// `ok`s that answered nothing we had sent: a damaged line ran as something else, or noise.
    pub stray_oks: u64,
    /// Commands that the firmware seems to have run without their number: the tail of a line that
    /// was cut when the firmware flushed its buffer. What is printed may not be the file any more.
    pub strays: u64,
    /// Lines that were done, as later answers show, but whose own `ok` never came.
    pub oks_missing: u64,
    /// Lines by the time from their sending to their `ok`; bounds in `LATENCY_BOUNDS_MS`.
    pub ok_latency: [u64; LATENCY_BOUNDS_MS.len() + 1],
    pub ok_latency_sum_ms: u64,
    /// Time in which the planner held no move but the one just taken in: the part shows it. Known
    /// only where the firmware tells of its planner (`planner_told`).
    pub starved_us: u64,
    pub planner_told: bool,
    /// The most bytes that were ever unconfirmed.
    pub in_flight_max: u64,
    /// Bytes a second that the line can carry: a tenth of its baud rate.
    pub limit_bytes_per_s: u64,
    /// What the latest errors mean, if there are many.
    pub trouble: Option<LineTrouble>,
}

impl LineHealth {
    /// What came since `before`; what is no count is as it is now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut ok_latency = self.ok_latency;
        for (now, then) in ok_latency.iter_mut().zip(before.ok_latency) {
            *now = now.saturating_sub(then);
        }
        Self {
            lines_sent: self.lines_sent.saturating_sub(before.lines_sent),
            bytes_sent: self.bytes_sent.saturating_sub(before.bytes_sent),
            resends: self.resends.saturating_sub(before.resends),
            resends_damaged: self.resends_damaged.saturating_sub(before.resends_damaged),
            resends_number: self.resends_number.saturating_sub(before.resends_number),
            resends_unexplained: self.resends_unexplained.saturating_sub(before.resends_unexplained),
            nonsense: self.nonsense.saturating_sub(before.nonsense),
            probes: self.probes.saturating_sub(before.probes),
            stray_oks: self.stray_oks.saturating_sub(before.stray_oks),
            strays: self.strays.saturating_sub(before.strays),
            oks_missing: self.oks_missing.saturating_sub(before.oks_missing),
            ok_latency,
            ok_latency_sum_ms: self.ok_latency_sum_ms.saturating_sub(before.ok_latency_sum_ms),
            starved_us: self.starved_us.saturating_sub(before.starved_us),
            ..*self
        }
    }
}

/// How fast the line runs, over the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LineRate {
    pub lines_per_s: f64,
    pub bytes_per_s: f64,
    /// Bytes against what the line can carry, 0 to 1.
    pub used: f64,
}

impl LineRate {
    /// What `line` did in `seconds`.
    pub fn of(line: &LineHealth, seconds: f64) -> Self {
        if seconds <= 0.0 {
            return Self::default();
        }
        let (lines, bytes) = (line.lines_sent as f64 / seconds, line.bytes_sent as f64 / seconds);
        let used = if line.limit_bytes_per_s > 0 { bytes / line.limit_bytes_per_s as f64 } else { 0.0 };
        Self { lines_per_s: lines, bytes_per_s: bytes, used }
    }
}

/// Why a printer is offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Away {
    /// It was cleared after a stop and has not answered since: only hands bring it back.
    StillDeaf,
    /// In words for a technician.
    Other(String),
}

pub const STILL_DEAF: Away = Away::StillDeaf;
pub const STILL_DEAF_WORDS: &str =
    "it is still deaf after its stop: press its reset button, or switch it off and on";

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::StillDeaf => STILL_DEAF_WORDS,
            Self::Other(words) => words,
        })
    }
}

impl From<Away> for String {
    fn from(away: Away) -> Self {
        match away {
            Away::StillDeaf => STILL_DEAF_WORDS.to_owned(),
            Away::Other(words) => words,
        }
    }
}

impl From<String> for Away {
    fn from(words: String) -> Self {
        Self::Other(words)
    }
}

impl From<&str> for Away {
    fn from(words: &str) -> Self {
        Self::Other(words.to_owned())
    }
}

/// What is behind a port that is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum OutOfReach {
    #[default]
    Nothing,
    /// A job that goes on, if the port is back soon. Its heaters are as it left them.
    Job { job: JobId },
    /// Heaters that nobody has switched off: those of this job that has ended, or of no job.
    Heat { job: Option<JobId> },
}

/// Everything live about one printer, as its task last published it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub printer: PrinterName,
    pub activity: Activity,
    pub temperatures: Temperatures,
    /// `Marlin 2.1.2.6`, as far as the firmware said and we trust it to be short and plain.
    pub firmware: Option<String>,
    pub line: LineHealth,
    pub rate: LineRate,
    /// The firmware says that it does not watch its heaters (`Cap:THERMAL_PROTECTION:0`).
    #[serde(default)]
    pub unprotected: bool,
    pub hold: Hold,
    #[serde(default)]
    pub out_of_reach: OutOfReach,
    /// What its own board said last, where that was hot and the board is not the one that is heard.
    #[serde(default)]
    pub own_last: Option<Temperatures>,
    #[serde(default)]
    pub cover: Cover,
    /// Absent where there is none, or nothing is known of it.
    #[serde(default)]
    pub light: Option<Light>,
    /// When this snapshot was made.
    pub at: Moment,
}

impl Snapshot {
    pub fn offline(printer: PrinterName, reason: impl Into<Away>, at: Moment) -> Self {
        Self {
            printer,
            activity: Activity::Offline { reason: reason.into() },
            temperatures: Temperatures::default(),
            firmware: None,
            line: LineHealth::default(),
            rate: LineRate::default(),
            unprotected: false,
            hold: Hold::default(),
            out_of_reach: OutOfReach::Nothing,
            own_last: None,
            cover: Cover::NoSwitch,
            light: None,
            at,
        }
    }

    /// It was cleared after a stop and has not answered since.
    pub fn is_still_deaf(&self) -> bool {
        matches!(self.activity, Activity::Offline { reason: Away::StillDeaf })
    }

    /// A job may begin there, as far as the printer itself says.
    pub fn is_free(&self) -> bool {
        matches!(self.activity, Activity::Ready) && !self.cover.bars()
    }
}
