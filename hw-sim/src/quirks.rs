//! How one firmware differs from another: the faces a printer can wear and every setting behind them.
//!
//! What a firmware does is set here, as data; what it says is in `texts`.

use serde::{Deserialize, Serialize};

use crate::heater::HeaterModel;
use crate::msla::MslaConfig;
use crate::planner::{Axes, Limits, Motion};

/// A known firmware, with its manners.
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
    /// Prusa's own 3.x for the MK3 and its kin, grown from Marlin 1.
    #[serde(rename = "prusa-mk3")]
    PrusaMk3,
    /// Repetier 1.0: answers when a line is taken, not when it is done.
    #[serde(rename = "repetier")]
    Repetier,
    /// Smoothieware: asks again by `rs` and without an `ok`.
    #[serde(rename = "smoothieware")]
    Smoothieware,
    /// RepRapFirmware 3: drops a bad line without a word.
    #[serde(rename = "reprapfirmware")]
    RepRapFirmware,
    /// Klipper behind its pseudo-tty: no numbers, no checksums, one `ok` a line.
    #[serde(rename = "klipper")]
    Klipper,
}

impl Face {
    /// All faces, by the names that an operator gives them.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("marlin-2.1", Self::Marlin21),
        ("marlin-2.0", Self::Marlin20),
        ("marlin-1.1", Self::Marlin11),
        ("prusa-mk3", Self::PrusaMk3),
        ("repetier", Self::Repetier),
        ("smoothieware", Self::Smoothieware),
        ("reprapfirmware", Self::RepRapFirmware),
        ("klipper", Self::Klipper),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, face)| *face == self).map_or("", |(name, _)| name)
    }

    /// The bauds at which it can be spoken to: a pseudo-tty has none, whatever is asked.
    pub fn baud(self, asked: u32) -> u32 {
        if self == Self::Klipper { 0 } else { asked }
    }
}

impl std::str::FromStr for Face {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, face)| *face).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMED.iter().map(|(known, _)| *known).collect();
            format!("unknown face {name:?}: use one of {}", names.join(", "))
        })
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
    /// Answered by `skip 12` and `ok` (Repetier).
    Skip,
}

/// How a line's number and checksum are judged; see [`crate::dialects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineCheck {
    /// The number first, then the sum; a sum without a number means nothing.
    Marlin,
    /// As Marlin, and a sum without a number is an error.
    Prusa,
    /// The sum first, then the number modulo 65536; text that is no command is an error.
    Repetier,
    /// Number and sum must both be right in a line that has a number.
    Smoothie,
    /// One to three digits of a sum, five of a CRC; numbers are in no order.
    RepRap,
    /// None at all.
    Nothing,
}

/// What follows a line that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResendRequest {
    /// The error with the last number; the ring is flushed; `Resend: 12`, `ok`.
    Marlin,
    /// The error; the ring is flushed; an empty line, `Resend:12`, `ok`.
    Repetier,
    /// `rs N12` alone; the ring stays, so each line behind is refused as well.
    Smoothie,
    /// Not a word; the line is gone.
    Nothing,
}

/// When a command gets its `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acknowledge {
    /// When it is done, and a move when it is planned.
    WhenDone,
    /// As before, but a move before it is planned.
    MovesAtOnce,
    /// When it is put into the queue.
    WhenQueued,
}

/// What the firmware is good for after a fault or a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aftermath {
    /// Nothing helps but a reset.
    Dead,
    /// It resets itself.
    Reset,
    /// Moves are answered by a complaint until it is told to go on.
    MovesRefused,
    /// Every command is, but for those few that a face allows.
    CommandsRefused,
    /// The heaters are off; everything else goes on.
    HeatersOff,
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
    /// `M154` is known.
    pub autoreport_position: bool,
    /// `//action:` lines are sent.
    pub host_actions: bool,
    /// What happens to a repeated line.
    pub duplicates: Duplicates,
    /// How a line is judged.
    pub line_check: LineCheck,
    /// What follows a line that is refused.
    pub resend: ResendRequest,
    /// No `ok` after a resend request, as old firmware of Prusa's MK2 has it.
    pub resend_without_ok: bool,
    /// So many lines with other numbers are skipped after a resend request (Repetier).
    pub skips_after_resend: u32,
    /// A line without a checksum is dropped (RepRapFirmware, where it is told to).
    pub checksum_required: bool,
    /// `M110` sets the number again when its turn comes, not only when it is read.
    pub renumbers_when_run: bool,
    /// An empty line or one with nothing but a comment gets an `ok`.
    pub empty_line_ok: bool,
    /// A carriage return ends a line, as a newline does.
    pub carriage_return_ends_line: bool,
    /// What is kept of a line, bytes, with the zero that ends it.
    pub line_bytes: usize,
    /// A line that begins with a small letter is for a shell, which has no `ok` (Smoothieware).
    pub has_shell: bool,
    /// When a command gets its `ok`.
    pub acknowledge: Acknowledge,
    /// `ok 12` instead of `ok` (Repetier).
    pub ack_with_line_number: bool,
    /// `M` codes whose answer stands behind the `ok` in one line.
    pub answers_behind_ok: Vec<u32>,
    /// An idle board says `wait` so often, µs; 0 never.
    pub wait_every_us: u64,
    /// Lost bytes are told.
    pub reports_overrun: bool,
    /// Temperatures are told while a command waits for one.
    pub reports_while_heating: bool,
    /// What is left after a heater's fault.
    pub after_heat_fault: Aftermath,
    /// What is left after `M112` or the kill button.
    pub after_stop: Aftermath,
    /// `M112` is answered by an `ok` and nothing else, as some makers' builds have it.
    #[serde(default)]
    pub ignores_stop: bool,
    /// A halted Smoothieware answers as Grbl does.
    pub grbl_mode: bool,
    /// `M409` is known, and tells for how long the board has run (RepRapFirmware 3).
    #[serde(default)]
    pub has_object_model: bool,
    /// `(…)` is a comment too.
    pub parenthesis_comments: bool,
    /// `echo:busy:` is sent while a command takes its time.
    pub keepalive: bool,
    /// Packed characters are understood (Marlin; see [`crate::meatpack`]).
    pub meatpack: bool,
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
    /// `G90` and `G91` set how filament counts, too.
    pub couples_extrusion: bool,
    /// Steppers let go after this time without a move, µs (`M84 S120`); 0 never.
    pub stepper_idle_us: u64,
    /// It knows `M85`, the kill after so long without a move.
    pub knows_inactivity: bool,
    /// Moves begin the clock of `M85` anew even where idle steppers never let go (Marlin 2.1).
    pub moves_are_activity: bool,
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
    /// What it has as a resin printer, if it is one.
    #[serde(default)]
    pub msla: Option<MslaConfig>,
}

impl FirmwareConfig {
    /// The settings of a known build.
    pub fn face(face: Face) -> Self {
        let marlin = Self::marlin(face);
        match face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 => marlin,
            Face::PrusaMk3 => Self {
                machine_type: "Prusa i3 MK3S".to_owned(),
                critical_at_read: true,
                line_check: LineCheck::Prusa,
                // The number is taken while older lines are still waiting for their turn.
                renumbers_when_run: false,
                reports_overrun: true,
                after_heat_fault: Aftermath::MovesRefused,
                reset_on_open: true,
                ..marlin
            },
            Face::Repetier => Self {
                machine_type: "Mendel".to_owned(),
                autoreport_temperature: false,
                host_actions: true,
                duplicates: Duplicates::Skip,
                line_check: LineCheck::Repetier,
                resend: ResendRequest::Repetier,
                renumbers_when_run: false,
                acknowledge: Acknowledge::WhenQueued,
                ack_with_line_number: true,
                answers_behind_ok: Vec::new(),
                wait_every_us: 1_000_000,
                after_heat_fault: Aftermath::CommandsRefused,
                after_stop: Aftermath::Reset,
                critical_at_read: true,
                command_buffer: 2,
                ..marlin
            },
            Face::Smoothieware => Self {
                autoreport_temperature: false,
                line_check: LineCheck::Smoothie,
                resend: ResendRequest::Smoothie,
                renumbers_when_run: false,
                empty_line_ok: true,
                line_bytes: 132,
                has_shell: true,
                acknowledge: Acknowledge::MovesAtOnce,
                answers_behind_ok: vec![105, 114, 115],
                after_heat_fault: Aftermath::CommandsRefused,
                after_stop: Aftermath::CommandsRefused,
                parenthesis_comments: true,
                keepalive: false,
                rx_buffer: 256,
                command_buffer: 1,
                planner_blocks: 32,
                ..marlin
            },
            Face::RepRapFirmware => Self {
                autoreport_temperature: false,
                line_check: LineCheck::RepRap,
                resend: ResendRequest::Nothing,
                renumbers_when_run: false,
                // Whether an empty line gets an `ok` is not known: one too many is what harms a host.
                empty_line_ok: true,
                carriage_return_ends_line: false,
                line_bytes: 256,
                reports_while_heating: false,
                after_heat_fault: Aftermath::HeatersOff,
                keepalive: false,
                rx_buffer: 256,
                command_buffer: 1,
                planner_blocks: 40,
                ..marlin
            },
            Face::Klipper => Self {
                autoreport_temperature: false,
                critical_at_read: true,
                line_check: LineCheck::Nothing,
                resend: ResendRequest::Nothing,
                renumbers_when_run: false,
                empty_line_ok: true,
                carriage_return_ends_line: false,
                line_bytes: 4096,
                answers_behind_ok: vec![105, 115],
                after_heat_fault: Aftermath::CommandsRefused,
                after_stop: Aftermath::CommandsRefused,
                keepalive: false,
                // A pseudo-tty loses nothing: who writes too much waits.
                rx_buffer: 1 << 20,
                // Beyond twenty lines it reads no further, and so sees no `M112` either.
                command_buffer: 20,
                planner_blocks: 128,
                ..marlin
            },
        }
    }

    fn marlin(face: Face) -> Self {
        let is_21 = face == Face::Marlin21;
        Self {
            face,
            machine_type: "Marlin SimRap".to_owned(),
            uuid: "cede2a2f-41a2-4748-9b12-c55c62f367ff".to_owned(),
            advanced_ok: is_21,
            emergency_parser: is_21,
            critical_at_read: false,
            autoreport_temperature: face != Face::Marlin11,
            autoreport_position: is_21,
            host_actions: is_21,
            duplicates: if is_21 { Duplicates::Silent } else { Duplicates::Resend },
            line_check: LineCheck::Marlin,
            resend: ResendRequest::Marlin,
            resend_without_ok: false,
            skips_after_resend: 30,
            checksum_required: false,
            renumbers_when_run: true,
            empty_line_ok: false,
            carriage_return_ends_line: true,
            line_bytes: crate::parser::MAX_COMMAND_BYTES,
            has_shell: false,
            acknowledge: Acknowledge::WhenDone,
            ack_with_line_number: false,
            answers_behind_ok: vec![105],
            wait_every_us: 0,
            reports_overrun: false,
            reports_while_heating: true,
            after_heat_fault: Aftermath::Dead,
            after_stop: Aftermath::Dead,
            ignores_stop: false,
            grbl_mode: false,
            has_object_model: face == Face::RepRapFirmware,
            parenthesis_comments: false,
            keepalive: true,
            meatpack: false,
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
            couples_extrusion: matches!(face, Face::Marlin21 | Face::Marlin20 | Face::Smoothieware),
            knows_inactivity: matches!(face, Face::Marlin21 | Face::Marlin20 | Face::Marlin11),
            moves_are_activity: face == Face::Marlin21,
            stepper_idle_us: match face {
                Face::Marlin21 | Face::Marlin20 | Face::Marlin11 | Face::PrusaMk3 => 120_000_000,
                _ => 0,
            },
            home_us: 8_000_000,
            heat_time_scale: 1.0,
            ambient_celsius: 20.7,
            hotend: HeaterModel::hotend(),
            bed: HeaterModel::bed(),
            prevent_cold_extrusion: true,
            record_lines: false,
            msla: None,
        }
    }
}
