//! The ledgers joined: what each exposure was lit through, at which height, and what was wrong with it.

use serde::{Deserialize, Serialize};

use super::Board;
use super::lamp::{UvEvent, UvExposure};
use super::mask::{Frame, MaskLedger};
use super::part::Part;
use super::plate::Crash;

/// What is wrong with an exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Nothing but blank was to be seen: time and LED are wasted.
    Blank,
    /// Nobody knows what was to be seen when it began.
    UnknownMask,
    /// The mask changed in the light.
    MaskChanged,
    /// The plate moved in the light.
    Moved,
    /// It still burns.
    Burning,
}

/// One exposure with its mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureReport {
    /// When it went on, µs of board time.
    pub on_us: u64,
    /// When it went out.
    pub off_us: Option<u64>,
    /// How long it burnt, µs.
    pub lit_us: u64,
    /// The same, in µs of full power.
    pub dose_us: u64,
    /// Greatest power, 0 to 255.
    pub power: u8,
    /// Height of the plate when it went on, µm.
    pub z_um: i64,
    /// How long Z moved in the light, µs.
    pub moved_us: u64,
    /// The frame when it went on.
    pub frame: Option<Frame>,
    /// How long that frame had been there, µs: what a slow display had to settle in.
    pub settled_us: Option<u64>,
    /// Flips to another picture in the light.
    pub flips: u64,
    /// What is wrong with it.
    pub flaws: Vec<Flaw>,
}

impl ExposureReport {
    fn join(exposure: &UvExposure, masks: &MaskLedger, now_us: u64) -> Self {
        let end_us = exposure.off_us.unwrap_or(now_us);
        let shown = masks.at(exposure.on_us);
        let mut before = shown.map(|flip| &flip.frame);
        let mut flips = 0;
        for flip in masks.between(exposure.on_us, end_us) {
            if before.is_none_or(|before| !before.is_same_picture(&flip.frame)) {
                flips += 1;
            }
            before = Some(&flip.frame);
        }
        let wrong = [
            (masks.is_blank_through(exposure.on_us, end_us), Flaw::Blank),
            (shown.is_none(), Flaw::UnknownMask),
            (flips > 0, Flaw::MaskChanged),
            (exposure.moved, Flaw::Moved),
            (exposure.off_us.is_none(), Flaw::Burning),
        ];
        Self {
            on_us: exposure.on_us,
            off_us: exposure.off_us,
            lit_us: exposure.lit_us,
            dose_us: exposure.dose_us,
            power: exposure.power,
            z_um: exposure.z_um,
            moved_us: exposure.moved_us,
            frame: shown.map(|flip| flip.frame.clone()),
            settled_us: shown.map(|flip| exposure.on_us - flip.at_us),
            flips,
            flaws: wrong.into_iter().filter(|(is, _)| *is).map(|(_, flaw)| flaw).collect(),
        }
    }

    /// Whether any resin saw light.
    pub(crate) fn cures(&self) -> bool {
        !self.flaws.contains(&Flaw::Blank)
    }
}

/// Sums of a resin printer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MslaTotals {
    /// Exposures.
    pub exposures: u64,
    /// How long the lamp burnt, µs.
    pub lit_us: u64,
    /// How long it burnt behind a blank display, µs.
    pub wasted_us: u64,
    /// How long Z moved in the light, µs.
    pub moved_us: u64,
    /// Exposures in which it did.
    pub moved_in_light: u64,
    /// Exposures in which the mask changed.
    pub mask_changed: u64,
    /// Exposures whose layer bonded to nothing.
    pub loose: u64,
}

/// What a resin printer has to say for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MslaReport {
    /// Sums.
    pub totals: MslaTotals,
    /// Whether the lamp burns.
    pub lit: bool,
    /// True height of the plate, µm.
    pub z_um: i64,
    /// Height that the board believes in, µm.
    pub told_z_um: i64,
    /// Whether the lid is open.
    pub lid_open: bool,
    /// How warm the LED is, °C.
    pub led_celsius: f64,
    /// What the plate was driven into.
    pub crashes: Vec<Crash>,
    /// Exposure by exposure.
    pub exposures: Vec<ExposureReport>,
    /// What hangs on the plate.
    pub part: Part,
    /// Every change of the light.
    pub events: Vec<UvEvent>,
    /// Why the display's ledger could not be joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_error: Option<String>,
}

impl MslaReport {
    pub(crate) fn join(board: &Board, masks: &MaskLedger, now_us: u64, told_z_um: i64) -> Self {
        let exposures: Vec<ExposureReport> = board
            .uv
            .exposures()
            .iter()
            .map(|exposure| ExposureReport::join(exposure, masks, now_us))
            .collect();
        let emptied_us = board.removals_us.last().copied().unwrap_or(0);
        let of_this_part = exposures.partition_point(|exposure| exposure.on_us < emptied_us);
        let mut totals = MslaTotals { loose: board.plate.loose(), ..MslaTotals::default() };
        for exposure in &exposures {
            let has = |flaw| exposure.flaws.contains(&flaw);
            totals.exposures += 1;
            totals.lit_us += exposure.lit_us;
            totals.wasted_us += if has(Flaw::Blank) { exposure.lit_us } else { 0 };
            totals.moved_us += exposure.moved_us;
            totals.moved_in_light += u64::from(has(Flaw::Moved));
            totals.mask_changed += u64::from(has(Flaw::MaskChanged));
        }
        Self {
            totals,
            lit: board.is_lit(),
            z_um: board.plate.z_um(),
            told_z_um,
            lid_open: board.lid_is_open,
            led_celsius: board.led.celsius(),
            crashes: board.plate.crashes().to_vec(),
            part: Part::of(&exposures[of_this_part..], board.config.cure_depth_um),
            exposures,
            events: board.uv.events().to_vec(),
            mask_error: None,
        }
    }
}
