//! What has cured: the layers of the part in their order, to be held against the file that was printed.

use serde::{Deserialize, Serialize};

use super::mask::Frame;
use super::plate::bonds;
use super::report::ExposureReport;

/// Exposures at heights that differ by no more belong to one layer, µm.
const SAME_HEIGHT_UM: i64 = 5;

/// A layer that has cured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuredLayer {
    /// Its place in the part, from 1.
    pub number: u32,
    /// Height of the plate, µm above the display.
    pub z_um: i64,
    /// What the host calls its mask; nothing where nobody knows what the display showed.
    pub label: Option<String>,
    /// The mask's hash.
    pub hash: Option<String>,
    /// How long it was lit, over all its exposures, µs.
    pub lit_us: u64,
    /// The same, in µs of full power.
    pub dose_us: u64,
    /// In how many exposures.
    pub exposures: u32,
    /// Whether it reaches the layer before it, or the plate.
    pub bonded: bool,
}

/// What hangs on the plate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its layers in the order in which they cured.
    pub layers: Vec<CuredLayer>,
}

/// A layer as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLayer {
    /// Height of the plate, µm.
    pub z_um: i64,
    /// Hash of its mask, as the display's process hashes it.
    pub hash: String,
    /// How long it is to be lit, µs.
    pub lit_us: u64,
}

/// What is no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// In height, µm.
    pub z_um: i64,
    /// In time, µs.
    pub lit_us: u64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { z_um: 2, lit_us: 1000 }
    }
}

/// In what a part is not as the file has it; layers count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The file has this layer, the part does not.
    Missing { layer: usize },
    /// The part has this layer, the file does not.
    Extra { layer: usize },
    /// It cured elsewhere.
    Height { layer: usize, wanted_um: i64, cured_um: i64 },
    /// It cured behind another mask, or an unknown one.
    Mask { layer: usize },
    /// It was lit for another time.
    Light { layer: usize, wanted_us: u64, lit_us: u64 },
    /// It hangs on nothing.
    Loose { layer: usize },
}

impl Part {
    /// What these exposures have made, the first on an empty plate.
    pub(crate) fn of(exposures: &[ExposureReport], cure_depth_um: i64) -> Self {
        let mut part = Self::default();
        let mut thickness_um = 0;
        for exposure in exposures.iter().filter(|exposure| exposure.cures()) {
            let (label, hash) = match &exposure.frame {
                Some(Frame::Layer { label, hash }) => (Some(label.clone()), Some(hash.clone())),
                _ => (None, None),
            };
            if let Some(last) = part.layers.last_mut()
                && (last.z_um - exposure.z_um).abs() <= SAME_HEIGHT_UM
                && last.hash == hash
            {
                last.lit_us += exposure.lit_us;
                last.dose_us += exposure.dose_us;
                last.exposures += 1;
                continue;
            }
            let bonded = bonds(exposure.z_um, thickness_um, cure_depth_um);
            if bonded {
                thickness_um = thickness_um.max(exposure.z_um);
            }
            part.layers.push(CuredLayer {
                number: u32::try_from(part.layers.len() + 1).unwrap_or(u32::MAX),
                z_um: exposure.z_um,
                label,
                hash,
                lit_us: exposure.lit_us,
                dose_us: exposure.dose_us,
                exposures: 1,
                bonded,
            });
        }
        part
    }

    /// In what it is not as the file has it, layer by layer; nothing if it is.
    pub fn differences(&self, file: &[PlannedLayer], tolerance: Tolerance) -> Vec<Difference> {
        let mut differences = Vec::new();
        for at in 0..self.layers.len().max(file.len()) {
            let layer = at + 1;
            let (cured, wanted) = match (self.layers.get(at), file.get(at)) {
                (Some(cured), Some(wanted)) => (cured, wanted),
                (Some(_), None) => {
                    differences.push(Difference::Extra { layer });
                    continue;
                }
                (None, _) => {
                    differences.push(Difference::Missing { layer });
                    continue;
                }
            };
            if (cured.z_um - wanted.z_um).abs() > tolerance.z_um {
                let (wanted_um, cured_um) = (wanted.z_um, cured.z_um);
                differences.push(Difference::Height { layer, wanted_um, cured_um });
            }
            if cured.hash.as_deref() != Some(wanted.hash.to_ascii_lowercase().as_str()) {
                differences.push(Difference::Mask { layer });
            }
            if cured.lit_us.abs_diff(wanted.lit_us) > tolerance.lit_us {
                let (wanted_us, lit_us) = (wanted.lit_us, cured.lit_us);
                differences.push(Difference::Light { layer, wanted_us, lit_us });
            }
            if !cured.bonded {
                differences.push(Difference::Loose { layer });
            }
        }
        differences
    }
}
