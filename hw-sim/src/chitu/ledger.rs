//! What a board has really done: every exposure, every print and how it ended, and what it should never be told.

use serde::{Deserialize, Serialize};

/// One layer under the UV lamp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// From 0. Of an enciphered file it is a guess of the simulator: see [`Print::layers`].
    pub layer: u32,
    /// When the lamp went on, µs.
    pub on_us: u64,
    /// When it went off, µs; `None` while it is on.
    pub off_us: Option<u64>,
    /// How long it was to be on, µs.
    pub planned_us: u64,
    /// Where the plate really stood, mm.
    pub z_mm: f64,
    /// SHA-256 of the picture's bytes as read from the stick; `None` for an enciphered file.
    pub picture_sha256: Option<String>,
}

impl Exposure {
    /// How long the lamp was on, µs; `None` while it is.
    pub fn lit_us(&self) -> Option<u64> {
        Some(self.off_us? - self.on_us)
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A command on the UART.
    Host,
    /// Somebody at its panel.
    Panel,
}

/// How a print ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its last layer was cured and lifted.
    Finished,
    /// `M33`.
    Stopped,
    /// At its panel.
    CancelledAtPanel,
    /// The stick was gone when a layer was to be read.
    StickLost,
    /// `M112`: the motors stand where they stood.
    MotorsStopped,
    /// The supply failed, or it was told to reboot.
    PowerLost,
}

/// A print that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Print {
    /// Its path on the stick, without a leading slash.
    pub file: String,
    /// SHA-256 of the file that was really on the stick.
    pub file_sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Layers in its table; `None` for an enciphered file.
    pub layers: Option<u32>,
    pub started_by: Actor,
    /// µs.
    pub started_us: u64,
    /// µs; `None` while it goes on.
    pub ended_us: Option<u64>,
    pub ending: Option<Ending>,
    /// When it stood paused at last, each time, µs.
    pub paused_us: Vec<u64>,
    /// When it went on after that, µs.
    pub resumed_us: Vec<u64>,
    /// Every layer that got light.
    pub exposures: Vec<Exposure>,
}

/// A command that no host may ever send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forbidden {
    /// µs.
    pub at_us: u64,
    pub command: String,
    pub why: Crime,
}

/// Why it may never be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crime {
    /// `M8500` and its kin write the board's configuration.
    ChangesConfiguration,
    /// `G0` or `G28` in the middle of a print. It was not obeyed.
    MovesDuringPrint,
    /// `M28` or `M30` of the file that is printed. It was not obeyed.
    TouchesPrintedFile,
    /// Commands closer than the board can stand.
    Overrun,
}

/// A file that came by `M28`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub file: String,
    /// Bytes written.
    pub bytes: u64,
    pub blocks: u64,
    pub resends: u64,
    /// Whether `M29` came.
    pub closed: bool,
}

/// A command that was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// µs.
    pub at_us: u64,
    pub command: String,
}

/// Commands that are kept.
pub const KEPT_COMMANDS: usize = 10_000;

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    pub prints: Vec<Print>,
    pub received: Vec<Received>,
    pub forbidden: Vec<Forbidden>,
    /// All commands heard.
    pub commands: u64,
    /// The first [`KEPT_COMMANDS`] of them.
    pub heard: Vec<Heard>,
}

impl Ledger {
    /// The print that goes on or was the last.
    pub fn last_print(&self) -> Option<&Print> {
        self.prints.last()
    }

    /// Every exposure of every print, in their order.
    pub fn exposures(&self) -> impl Iterator<Item = &Exposure> {
        self.prints.iter().flat_map(|print| &print.exposures)
    }

    pub(super) fn hear(&mut self, at_us: u64, command: &str) {
        self.commands += 1;
        if self.heard.len() < KEPT_COMMANDS {
            self.heard.push(Heard { at_us, command: command.to_owned() });
        }
    }

    pub(super) fn forbid(&mut self, at_us: u64, command: &str, why: Crime) {
        if self.forbidden.len() < KEPT_COMMANDS {
            self.forbidden.push(Forbidden { at_us, command: command.to_owned(), why });
        }
    }
}
