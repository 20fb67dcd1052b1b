//! Everything that can be set about a resin printer's board, and everything of its own that can go wrong.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::planner::Limits;
use crate::quirks::{Face, FirmwareConfig};
use crate::rig::RigConfig;

/// Whose commands the board speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Numbered lines, the lamp on the fan pin.
    Marlin,
    /// Klipper behind its pseudo-tty, with the macros `MOVE_PLATE` and `HOME_AXIS`; the lamp on a pin named `uv`.
    Klipper,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "marlin" => Ok(Self::Marlin),
            "klipper" => Ok(Self::Klipper),
            _ => Err(format!("unknown dialect {name:?}: use marlin or klipper")),
        }
    }
}

/// What the lamp hangs on, and so which commands switch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum LightOutput {
    /// `M106 P<index> S<0..255>`, `M107 P<index>`; no `P` is fan 0.
    Fan { index: u32 },
    /// `M3 S<0..255>`, `M4`, `M5`.
    Spindle,
    /// `SET_PIN PIN=<name> VALUE=<0..1>`.
    Pin { name: String },
    /// `SET_LED LED=<name> WHITE=<0..1>`, or the greatest of `RED`, `GREEN`, `BLUE` and `WHITE`.
    Led { name: String },
}

/// When a light command changes the pin. `M3` to `M5` always wait for the moves before them, as Marlin's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LightTiming {
    /// When it runs, whatever still moves.
    AtOnce,
    /// Each planned move carries the power that held when it was planned; the last command counts while none is
    /// planned (Marlin's fans, `Planner::check_axes_activity`).
    WithMoves,
    /// When the moves before it are over.
    AfterMoves,
}

/// After what the board says `Z_move_comp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveSync {
    /// Never.
    Never,
    /// `G0` and `G1` with a Z, `G28`, and at the beginning of a `G4`, each of which waits for the moves first
    /// (Marlin's `NANODLP_Z_SYNC`).
    ZMoves,
    /// `M400`, and the macros `MOVE_PLATE` and `HOME_AXIS` (Klipper, facts B.2).
    Macros,
}

/// Where the switch is that `G28` drives to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomeEnd {
    /// At the display: a part on the plate is crushed.
    Bottom,
    /// At the top of the machine.
    Top,
}

impl std::str::FromStr for HomeEnd {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "bottom" => Ok(Self::Bottom),
            "top" => Ok(Self::Top),
            _ => Err(format!("unknown end {name:?}: use bottom or top")),
        }
    }
}

/// What the board says on its own when the lid is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LidLines {
    /// When it is opened.
    pub opened: String,
    /// When it is closed.
    pub closed: String,
}

/// How the LED warms up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedModel {
    /// The sensor's name in the reply to `M105`; there is none without a name.
    pub sensor: Option<String>,
    /// The room, °C.
    pub ambient_celsius: f64,
    /// By how much it is warmer than the room in the end, at full power and with its cooling, °C.
    pub rise_celsius: f64,
    /// The same without its cooling, °C.
    pub uncooled_rise_celsius: f64,
    /// Time in which the difference falls to 37 %, seconds.
    pub time_constant_seconds: f64,
}

impl Default for LedModel {
    fn default() -> Self {
        Self {
            sensor: Some("T".to_owned()),
            ambient_celsius: 22.0,
            rise_celsius: 25.0,
            uncooled_rise_celsius: 90.0,
            time_constant_seconds: 60.0,
        }
    }
}

/// Everything that can be set. Start from [`MslaConfig::dialect`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MslaConfig {
    /// What the lamp hangs on.
    pub light: LightOutput,
    /// When a light command acts.
    pub light_timing: LightTiming,
    /// Whether `M112` and the kill button put the light out.
    pub kill_darkens: bool,
    /// Power right after a reset: not 0 is a board that is configured wrongly, and must not pass commissioning.
    pub power_after_reset: u8,
    /// The board puts the light out when it has heard nothing for so long, µs; 0 never.
    pub watchdog_us: u64,
    /// After what it says `Z_move_comp`.
    pub move_sync: MoveSync,
    /// Where it homes.
    pub home: HomeEnd,
    /// Greatest height of the plate above the display, mm.
    pub z_max_mm: f64,
    /// Speed of homing, mm/s.
    pub home_mm_s: f64,
    /// Where the plate really is when the board is first switched on, mm.
    pub start_z_mm: f64,
    /// The lid switch's name in the reply to `M119`: `TRIGGERED` is closed. Without a name there is no switch.
    pub lid_endstop: Option<String>,
    /// What is said on its own when the lid is moved.
    pub lid_lines: Option<LidLines>,
    /// Whether the lid's switch cuts the lamp by itself.
    pub lid_darkens: bool,
    /// The LED.
    pub led: LedModel,
    /// Resin between the part and the display cures through, and bonds, up to this thickness, µm.
    pub cure_depth_um: i64,
    /// How far film and display give way before something breaks, µm.
    pub give_um: i64,
    /// The ledger file of a display in another process, which is joined when statistics are made; only behind a tty.
    pub mask_ledger: Option<PathBuf>,
}

impl Default for MslaConfig {
    fn default() -> Self {
        Self::dialect(Dialect::Marlin)
    }
}

impl MslaConfig {
    /// The settings of a usual machine.
    pub fn dialect(dialect: Dialect) -> Self {
        let is_klipper = dialect == Dialect::Klipper;
        Self {
            light: match dialect {
                Dialect::Marlin => LightOutput::Fan { index: 0 },
                Dialect::Klipper => LightOutput::Pin { name: "uv".to_owned() },
            },
            light_timing: if is_klipper { LightTiming::AfterMoves } else { LightTiming::AtOnce },
            kill_darkens: is_klipper,
            power_after_reset: 0,
            watchdog_us: 0,
            move_sync: if is_klipper { MoveSync::Macros } else { MoveSync::Never },
            home: HomeEnd::Top,
            z_max_mm: 150.0,
            home_mm_s: 5.0,
            start_z_mm: 80.0,
            lid_endstop: Some("filament".to_owned()),
            lid_lines: None,
            lid_darkens: false,
            led: LedModel::default(),
            cure_depth_um: 300,
            give_um: 200,
            mask_ledger: None,
        }
    }

    /// Height of the switch above the display, mm.
    pub(crate) fn home_mm(&self) -> f64 {
        match self.home {
            HomeEnd::Bottom => 0.0,
            HomeEnd::Top => self.z_max_mm,
        }
    }
}

impl FirmwareConfig {
    /// A resin printer's board.
    pub fn msla(dialect: Dialect) -> Self {
        let face = match dialect {
            Dialect::Marlin => Face::Marlin21,
            Dialect::Klipper => Face::Klipper,
        };
        Self::msla_face(face, dialect)
    }

    /// The same, with the protocol of this firmware.
    pub fn msla_face(face: Face, dialect: Dialect) -> Self {
        Self {
            machine_type: "MSLA SimResin".to_owned(),
            limits: Limits {
                max_feedrate: [300.0, 300.0, 10.0, 25.0],
                max_acceleration: [3000.0, 3000.0, 50.0, 10_000.0],
                ..Limits::default()
            },
            steps_per_mm: [80.0, 80.0, 1600.0, 500.0],
            msla: Some(MslaConfig::dialect(dialect)),
            ..Self::face(face)
        }
    }
}

impl RigConfig {
    /// A healthy resin printer on a clean cable.
    pub fn msla(dialect: Dialect, baud: u32, latency_us: u64, seed: u64) -> Self {
        let firmware = FirmwareConfig::msla(dialect);
        Self { firmware: firmware.clone(), ..Self::new(firmware.face, baud, latency_us, seed) }
    }
}

/// What goes wrong, or is mended, with a resin printer alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum MslaFault {
    /// Somebody opens the lid.
    LidOpened,
    /// Somebody closes it.
    LidClosed,
    /// The move under way and those behind it never end.
    ZStalled,
    /// They go on.
    ZMended,
    /// The plate is so much higher than the board believes: steps were lost.
    ZSlipped { um: i64 },
    /// `M114` tells a place so much higher than the board believes; 0 mends it.
    ZMisread { um: i64 },
    /// The LED's sensor says this.
    LedReads { celsius: f64 },
    /// The LED's fan has stopped.
    LedUncooled,
    /// Sensor and fan work again.
    LedMended,
    /// The lamp burns whatever its pin says.
    LightStuckOn,
    /// The lamp never burns.
    LightDead,
    /// The lamp does what its pin says again.
    LightMended,
    /// Somebody takes the part off the plate.
    PartRemoved,
}
