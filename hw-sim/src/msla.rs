//! The board of a host-driven resin printer: a Z axis, a UV lamp and a lid on the same protocol as an FDM board.
//!
//! ```text
//! lamp:  Dark ──(light command, at its timing)──► Lit ──(command, kill, lid, watchdog, reset)──► Dark
//! plate: Lost ──(G28)──► seeking its switch ──► Homed ──(reset, M84)──► Lost; the plate itself stays where it is
//! ```
//!
//! [`Firmware`](crate::firmware::Firmware) keeps line numbers, command slots, planner, keepalive, kill and reset; what
//! stands here are the commands of such a machine (`commands`), its lamp and the [`UvLedger`], where its plate
//! *really* is and what hangs on it ([`Plate`], [`Part`]), and the frames that the host's display showed
//! ([`MaskLedger`]). [`MslaReport`] joins them, exposure by exposure.
//!
//! # Where real boards differ
//!
//! - *When a light command acts* ([`LightTiming`]). Marlin writes a fan's speed into each block that it plans, and the
//!   pin follows the block under way, or the last `M106` while nothing is planned (`Planner::check_axes_activity`);
//!   older firmware and pins set by `M42` change when the command runs, whatever still moves. The latter is the
//!   harsher one for a host that forgets its `M400`, and so the usual one here. `M3` and `M5` wait for the moves.
//! - *What a kill does* ([`MslaConfig::kill_darkens`]). Marlin's `kill()` switches off heaters and the cutter, not the
//!   fans: a lamp on a fan pin stays lit after `M112`. A Klipper pin with `shutdown_value: 0` goes dark.
//! - *How the end of a move is told* ([`MoveSync`]): `Z_move_comp` (facts B.2; Marlin's `NANODLP_Z_SYNC`, Klipper's
//!   `MOVE_PLATE` macro).
//!
//! Klipper's own lookahead is simplified: there a light command waits for the moves before it, as it does in print
//! time, but so does its `ok`.
//!
//! # The file of flips
//!
//! In real time the display is another process. Its ledger is a text file with a line a flip:
//!
//! ```text
//! <CLOCK_MONOTONIC, ns> <label of the layer, or "blank"> <hash of the frame, hexadecimal>
//! ```
//!
//! A line that begins with a brace is one of platen's own file sink: an object with `at_ns`, `what` (`shown` or `blank`),
//! `sha256` or `crc32`, and `label`. See [`MaskLedger::from_text`].

mod commands;
mod config;
mod lamp;
mod led;
mod mask;
mod options;
mod part;
mod plate;
mod report;

use std::collections::VecDeque;

pub use config::{
    Dialect, HomeEnd, LedModel, LidLines, LightOutput, LightTiming, MoveSync, MslaConfig, MslaFault,
};
pub use lamp::{Cause, UvEvent, UvExposure, UvLedger};
pub use mask::{Frame, MaskFlip, MaskLedger, MaskLineError};
pub use options::MslaOptions;
pub use part::{CuredLayer, Difference, Part, PlannedLayer, Tolerance};
pub use plate::{Crash, Plate};
pub use report::{ExposureReport, Flaw, MslaReport, MslaTotals};

use lamp::Wiring;
use led::Led;

/// Full power of the lamp.
pub const FULL_POWER: u8 = 255;

/// What a resin printer's board has besides a board.
#[derive(Debug, Clone)]
pub struct Board {
    config: MslaConfig,
    /// What the last light command asked for.
    wanted: u8,
    /// What the pin is driven with.
    pin: u8,
    /// What each planned block carries, the one under way first.
    block_powers: VecDeque<u8>,
    cause: Cause,
    wiring: Wiring,
    /// Its supply is on.
    is_powered: bool,
    lid_is_open: bool,
    plate: Plate,
    z_is_stalled: bool,
    /// What `M114` adds to the truth, µm.
    misread_um: i64,
    led: Led,
    uv: UvLedger,
    masks: MaskLedger,
    /// When a byte came in last, µs.
    heard_us: u64,
    /// When the part was taken off the plate, µs.
    removals_us: Vec<u64>,
}

impl Board {
    /// A dark machine with a closed lid; its plate is where [`MslaConfig::start_z_mm`] says, and nobody knows it.
    pub fn new(config: MslaConfig) -> Self {
        Self {
            wanted: 0,
            pin: 0,
            block_powers: VecDeque::new(),
            cause: Cause::Command(String::new()),
            wiring: Wiring::Sound,
            is_powered: true,
            lid_is_open: false,
            plate: Plate::new(&config),
            z_is_stalled: false,
            misread_um: 0,
            led: Led::new(config.led.clone()),
            uv: UvLedger::default(),
            masks: MaskLedger::default(),
            heard_us: 0,
            removals_us: Vec::new(),
            config,
        }
    }

    /// The settings it was made with.
    pub fn config(&self) -> &MslaConfig {
        &self.config
    }

    /// Every change of the light.
    pub fn uv(&self) -> &UvLedger {
        &self.uv
    }

    /// Whether light comes out now.
    pub fn is_lit(&self) -> bool {
        self.uv.power() > 0
    }

    /// What the display has shown.
    pub fn masks(&self) -> &MaskLedger {
        &self.masks
    }

    /// Where the plate really is.
    pub fn plate(&self) -> &Plate {
        &self.plate
    }

    /// Whether the lid is open.
    pub fn lid_is_open(&self) -> bool {
        self.lid_is_open
    }

    /// How warm the LED really is, °C.
    pub fn led_celsius(&self) -> f64 {
        self.led.celsius()
    }

    /// The display shows another frame from now on.
    pub(crate) fn show(&mut self, now_us: u64, frame: Frame) {
        self.masks.flip(now_us, frame);
    }

    /// What was seen last is held for true up to now; then lamp, plate and LED are looked at again.
    fn observe(&mut self, now_us: u64, told_z_mm: f64, is_moving: bool, blocks: usize) {
        while self.block_powers.len() > blocks {
            self.block_powers.pop_front();
        }
        if self.config.light_timing == LightTiming::WithMoves {
            self.pin = self.block_powers.front().copied().unwrap_or(self.wanted);
        }
        let reaches = self.is_powered && !(self.lid_is_open && self.config.lid_darkens);
        let power = if reaches { self.wiring.power(self.pin) } else { 0 };
        self.plate.follow(now_us, told_z_mm);
        self.led.advance(now_us, self.uv.power());
        let z_um = self.plate.z_um();
        if let Some(exposure) = self.uv.note(now_us, power, z_um, is_moving, &self.cause) {
            let is_blank = self.masks.is_blank_through(exposure.on_us, exposure.off_us.unwrap_or(now_us));
            if !is_blank {
                self.plate.cure(exposure.z_um);
            }
        }
    }
}

/// Millimetres as the ledgers count them.
#[expect(clippy::cast_possible_truncation, reason = "saturates; no machine is that tall")]
pub(crate) fn um(mm: f64) -> i64 {
    (mm * 1000.0).round() as i64
}
