//! What can go wrong at a ChiTu board, and what hands at its panel and its stick can do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::faults::Direction;

/// One thing that happens to the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Fault {
    /// The board sends bytes of its own; NULs and non-UTF-8 among them.
    Garbage { bytes: Vec<u8> },
    /// The board sends so many NULs.
    NulRun { count: u16 },
    /// The replies to the next so many commands are lost.
    LoseNextReplies { count: u32 },
    /// Each reply leaves in two halves with so much time between them; 0 mends it.
    SplitReplies { gap_us: u64 },
    /// Every reply leaves so much later; 0 mends it.
    SlowReplies { delay_us: u64 },
    /// The next so many commands are answered by `ok` and not done.
    FalseOks { count: u32 },
    /// It neither hears nor says anything for so long; it prints on.
    Silence { for_us: u64 },
    /// It neither hears nor says anything until a power cycle; it prints on.
    Wedge,
    /// Its supply fails: lamp off, plate where it is, print lost.
    PowerLoss,
    /// The supply is back; it knows nothing of before.
    PowerOn,
    /// The stick is pulled.
    RemoveStick,
    /// The same stick is put in.
    InsertStick,
    /// Another stick, this directory, is put in.
    SwapStick { directory: PathBuf },
    /// The stick cannot be read any more.
    FailStick,
    /// Somebody stops the print at the panel.
    PanelCancel,
    /// Somebody pauses the print at the panel.
    PanelPause,
    /// Somebody lets it go on at the panel.
    PanelResume,
    /// Somebody starts a print of this file at the panel; nothing if one goes on.
    PanelStart { file: String },
    /// From now on bytes are lost and changed with these probabilities; 0 and 0 mend it.
    Noise { direction: Direction, loss: f64, damage: f64 },
    /// The `nth` byte from now (from 1) is changed.
    DamageByte { direction: Direction, nth: u64 },
    /// The `nth` byte from now (from 1) is lost.
    LoseByte { direction: Direction, nth: u64 },
    /// The cable is pulled; the board prints on.
    Disconnect,
    /// The cable is in again; the host has to open the port.
    Reconnect,
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimedFault {
    /// Virtual time, µs.
    pub at_us: u64,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Faults in any order; a file of `[[fault]]` tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    #[serde(default, rename = "fault")]
    pub faults: Vec<TimedFault>,
}

impl FaultScript {
    /// Reads a script.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
