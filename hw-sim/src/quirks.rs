//! How one firmware differs from another: the faces a printer can wear and every setting behind them.

use serde::{Deserialize, Serialize};

use crate::heater::HeaterModel;
use crate::planner::{Axes, Limits, Motion};

/// A known build of Marlin, with its manners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Face {
    /// 2.1.2.6 with advanced `ok`, emergency parser, host actions and auto-reports.
    #[serde(rename = "marlin-2.1")]
    Marlin21,
    /// 2.0: plain `ok`, no emergency parser, a repeated line is answered by a resend request.
    #[serde(rename = "marlin-2.0")]
    Marlin20,
    /// 1.1: as 2.0, and no auto-reports; heaters are numbered `0` and `bed`.
    #[serde(rename = "marlin-1.1")]
    Marlin11,
}

impl std::str::FromStr for Face {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "marlin-2.1" => Ok(Self::Marlin21),
            "marlin-2.0" => Ok(Self::Marlin20),
            "marlin-1.1" => Ok(Self::Marlin11),
            _ => Err(format!("unknown face {name:?}: use marlin-2.1, marlin-2.0 or marlin-1.1")),
        }
    }
}

/// What happens to a line whose number is the last or the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// Dropped without a word (2.1).
    Silent,
    /// Treated as any wrong number, with a resend request (older).
    Resend,
}

/// How the board came to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetCause {
    /// Power was switched on.
    PowerUp,
    /// The reset line: the button, or the port's DTR.
    External,
    /// The supply sagged.
    BrownOut,
    /// The firmware hung and was restarted.
    Watchdog,
    /// The firmware restarted itself.
    Software,
}

impl ResetCause {
    /// The line in the banner.
    pub fn banner(self) -> &'static str {
        match self {
            Self::PowerUp => "PowerUp",
            Self::External => " External Reset",
            Self::BrownOut => " Brown out Reset",
            Self::Watchdog => " Watchdog Reset",
            Self::Software => " Software Reset",
        }
    }
}

/// Everything that can be set about a firmware. Start from [`FirmwareConfig::face`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirmwareConfig {
    /// Decides the texts.
    pub face: Face,
    /// In the reply to `M115`.
    pub machine_type: String,
    /// In the reply to `M115`.
    pub uuid: String,
    /// `ok N12 P15 B3` instead of `ok`.
    pub advanced_ok: bool,
    /// `M112`, `M108`, `M410`, `M876` act as soon as their line has arrived.
    pub emergency_parser: bool,
    /// Without the emergency parser: unnumbered `M112`, `M108`, `M410` act when their line is read into the
    /// queue rather than when their turn comes.
    pub critical_at_read: bool,
    /// `M155` is known.
    pub autoreport_temperature: bool,
    /// `//action:` lines are sent.
    pub host_actions: bool,
    /// What happens to a repeated line.
    pub duplicates: Duplicates,
    /// `(…)` is a comment too.
    pub parenthesis_comments: bool,
    /// `echo:busy:` is sent while a command takes its time.
    pub keepalive: bool,
    /// Size of the receive ring, bytes; one of them stays unused.
    pub rx_buffer: usize,
    /// Command slots; the one being executed holds one.
    pub command_buffer: usize,
    /// Ring of planner blocks; one of them stays unused.
    pub planner_blocks: usize,
    /// One turn of the main loop, µs; at most one command begins in a turn, and turns begin on multiples of it.
    /// 0: no time at all.
    pub loop_interval_us: u64,
    /// How long the main loop is held by each byte that it sends, ns; 0 with a transmit buffer. Boards without
    /// one (8-bit, `TX_BUFFER_SIZE 0`) send nothing faster than the line, and lose more when they complain:
    /// what arrives while the error is being printed is flushed too.
    pub transmit_byte_ns: u64,
    /// How long the board takes from reset to banner, µs. Bytes that arrive meanwhile are lost.
    pub boot_us: u64,
    /// Whether opening the port resets the board (boards with a serial chip), or not (native USB).
    pub reset_on_open: bool,
    /// Whether moves take time.
    pub motion: Motion,
    /// Speeds and accelerations.
    pub limits: Limits,
    /// Steps per mm, for `Count` in the reply to `M114`.
    pub steps_per_mm: Axes,
    /// How long homing of all three axes takes, µs; each axis takes a third.
    pub home_us: u64,
    /// Heat time per time.
    pub heat_time_scale: f64,
    /// The room, °C.
    pub ambient_celsius: f64,
    /// The nozzle.
    pub hotend: HeaterModel,
    /// The plate.
    pub bed: HeaterModel,
    /// Whether extrusion below 170 °C is refused.
    pub prevent_cold_extrusion: bool,
    /// Whether the ledger keeps the text of every executed command.
    pub record_lines: bool,
}

impl FirmwareConfig {
    /// The settings of a known build.
    pub fn face(face: Face) -> Self {
        let is_21 = face == Face::Marlin21;
        Self {
            face,
            machine_type: "Marlin SimRap".to_owned(),
            uuid: "cede2a2f-41a2-4748-9b12-c55c62f367ff".to_owned(),
            advanced_ok: is_21,
            emergency_parser: is_21,
            critical_at_read: false,
            autoreport_temperature: face != Face::Marlin11,
            host_actions: is_21,
            duplicates: if is_21 { Duplicates::Silent } else { Duplicates::Resend },
            parenthesis_comments: false,
            keepalive: true,
            rx_buffer: 128,
            command_buffer: 4,
            planner_blocks: 16,
            loop_interval_us: 100,
            transmit_byte_ns: 0,
            boot_us: 1_000_000,
            reset_on_open: false,
            motion: Motion::Real,
            limits: Limits::default(),
            steps_per_mm: [80.0, 80.0, 400.0, 500.0],
            home_us: 8_000_000,
            heat_time_scale: 1.0,
            ambient_celsius: 20.7,
            hotend: HeaterModel::hotend(),
            bed: HeaterModel::bed(),
            prevent_cold_extrusion: true,
            record_lines: false,
        }
    }

    /// The lines of the banner behind `start` and the cause.
    pub(crate) fn version_lines(&self) -> Vec<String> {
        let lines: &[&str] = match self.face {
            Face::Marlin21 => &[
                "Marlin 2.1.2.6",
                "echo: Last Updated: 2024-11-18 | Author: (none, default config)",
                "echo: Compiled: Nov 23 2026",
                "echo: Free Memory: 0  PlannerBufferBytes: 1344",
                "echo:V88 stored settings retrieved (596 bytes; crc 49578)",
                "//action:notification Stored settings retrieved",
                "//action:prompt_end",
            ],
            Face::Marlin20 => &[
                "echo:Marlin 2.0.7.2",
                "echo: Last Updated: 2020-10-01 | Author: (none, default config)",
                "echo: Free Memory: 3892  PlannerBufferBytes: 1232",
                "echo:V82 stored settings retrieved (592 bytes; crc 28422)",
            ],
            Face::Marlin11 => &[
                "echo:Marlin 1.1.9",
                "echo: Last Updated: 2018-07-31 | Author: (none, default config)",
                "echo: Free Memory: 3906  PlannerBufferBytes: 1232",
                "echo:Hardcoded Default Settings Loaded",
            ],
        };
        let kept = lines.iter().filter(|line| self.host_actions || !line.starts_with("//action:"));
        kept.map(|line| (*line).to_owned()).collect()
    }

    /// The reply to `M115`, without its `ok`.
    pub(crate) fn identity_lines(&self) -> Vec<String> {
        let name = match self.face {
            Face::Marlin21 => "Marlin 2.1.2.6 (Nov 23 2026 16:26:59)",
            Face::Marlin20 => "Marlin 2.0.7.2 (Oct 01 2020 12:00:00)",
            Face::Marlin11 => "Marlin 1.1.9 (Github)",
        };
        let mut lines = vec![format!(
            "FIRMWARE_NAME:{name} SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin PROTOCOL_VERSION:1.0 \
             MACHINE_TYPE:{} EXTRUDER_COUNT:1 UUID:{}",
            self.machine_type, self.uuid
        )];
        let autoreport = u8::from(self.autoreport_temperature);
        let emergency = u8::from(self.emergency_parser);
        let actions = u8::from(self.host_actions);
        let capabilities = [
            ("SERIAL_XON_XOFF", 0),
            ("BINARY_FILE_TRANSFER", 0),
            ("EEPROM", 1),
            ("VOLUMETRIC", 1),
            ("AUTOREPORT_POS", u8::from(self.face == Face::Marlin21)),
            ("AUTOREPORT_TEMP", autoreport),
            ("PROGRESS", 0),
            ("PRINT_JOB", 1),
            ("AUTOLEVEL", 0),
            ("RUNOUT", u8::from(self.face == Face::Marlin21)),
            ("Z_PROBE", 0),
            ("LEVELING_DATA", 0),
            ("BUILD_PERCENT", 0),
            ("SOFTWARE_POWER", 0),
            ("TOGGLE_LIGHTS", 0),
            ("CASE_LIGHT_BRIGHTNESS", 0),
            ("EMERGENCY_PARSER", emergency),
            ("HOST_ACTION_COMMANDS", actions),
            ("PROMPT_SUPPORT", actions),
            ("SDCARD", 0),
            ("REPEAT", 0),
            ("SD_WRITE", 0),
            ("AUTOREPORT_SD_STATUS", 0),
            ("LONG_FILENAME", 0),
            ("LFN_WRITE", 0),
            ("CUSTOM_FIRMWARE_UPLOAD", 0),
            ("EXTENDED_M20", 0),
            ("THERMAL_PROTECTION", 1),
            ("MOTION_MODES", 0),
            ("ARCS", 1),
            ("BABYSTEPPING", 0),
            ("CHAMBER_TEMPERATURE", 0),
            ("COOLER_TEMPERATURE", 0),
            ("MEATPACK", 0),
            ("CONFIG_EXPORT", 0),
        ];
        lines.extend(capabilities.iter().map(|(name, on)| format!("Cap:{name}:{on}")));
        if self.face == Face::Marlin21 {
            let area = "{min:{x:0.00,y:0.00,z:0.00},max:{x:200.00,y:200.00,z:200.00}}";
            lines.push(format!("area:{{full:{area},work:{area}}}"));
        }
        lines
    }
}
