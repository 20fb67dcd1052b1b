//! A printer as the lab knows it: what is durable (bed, latch) and what is live (the snapshot).

use serde::{Deserialize, Serialize};

use super::ids::{JobId, PrinterName};
use super::job::Progress;
use super::moment::{Moment, WallTime};
use super::units::Celsius;

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
}

impl Fault {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ThermalRunaway => "thermal runaway: a heater did not follow its target",
            Self::HeatingFailed => "heating failed: a heater did not get warm",
            Self::TooHot => "a temperature sensor read above its maximum (shorted sensor or overheated)",
            Self::TooCold => "a temperature sensor read below its minimum (open or torn off)",
            Self::Killed => "the firmware halted itself",
            Self::Probing => "homing or probing failed",
            Self::Halted => "the firmware stopped because of errors",
        }
    }
}

/// The durable half of a printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterRecord {
    pub name: PrinterName,
    pub bed: Bed,
    pub latch: Option<Latch>,
}

/// One heater: what it is and what it should be. `target` is 0 when off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub actual: Celsius,
    /// Absent where the firmware reports none (a board sensor).
    pub target: Option<Celsius>,
}

/// The last temperatures that the firmware reported, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Temperatures {
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
    /// Absent until the first report.
    pub at: Option<Moment>,
}

/// What a printer is doing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Activity {
    /// The port is not open; `reason` says why in words for a technician.
    Offline {
        reason: String,
    },
    /// The port is open and the firmware is being greeted.
    Connecting,
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

impl Activity {
    /// The word that stands in MQTT and on the page.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Offline { .. } => "offline",
            Self::Connecting => "connecting",
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
            Self::Offline { .. } | Self::Connecting | Self::Ready | Self::Stopped | Self::Faulted { .. } => {
                None
            }
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

/// How the line to the printer does, since the port was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineHealth {
    pub lines_sent: u64,
    pub bytes_sent: u64,
    pub resends: u64,
    /// Times that we had to ask the firmware where it is, after silence.
    pub probes: u64,
    /// `ok`s that answered nothing we had sent: a damaged line ran as something else, or noise.
    pub stray_oks: u64,
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
    /// When this snapshot was made.
    pub at: Moment,
}

impl Snapshot {
    pub fn offline(printer: PrinterName, reason: impl Into<String>, at: Moment) -> Self {
        Self {
            printer,
            activity: Activity::Offline { reason: reason.into() },
            temperatures: Temperatures::default(),
            firmware: None,
            line: LineHealth::default(),
            at,
        }
    }
}
