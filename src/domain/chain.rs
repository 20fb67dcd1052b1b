//! Where a file comes from: which model, by which settings and which program; each link by its hash or version.

use serde::{Deserialize, Serialize};

use super::ids::FileHash;
use super::units::Height;

/// The model that somebody handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLink {
    pub hash: FileHash,
    /// `stl-binary`, `stl-ascii`, `obj` or `3mf`.
    pub format: String,
    /// What one step of its coordinates is: `mm`, `inch`, …
    pub unit: String,
    /// Along X, Y and Z.
    pub size: [Height; 3],
    pub triangles: u64,
    pub watertight: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileLink {
    pub name: String,
    pub version: u32,
    pub hash: FileHash,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicerLink {
    pub name: String,
    pub version: String,
}

/// From a model to the file that was sliced from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    pub model: ModelLink,
    pub process: String,
    pub printer_model: String,
    pub material: String,
    pub profile: ProfileLink,
    pub slicer: SlicerLink,
    /// Of the file.
    pub file: FileHash,
    pub bytes: u64,
    pub layers: u64,
    /// Of the print, where that is told.
    pub height: Option<Height>,
    /// Whether the slicer ran without any network.
    pub network_cut: bool,
    /// Warnings about model and file, by their codes, which somebody has accepted.
    pub accepted: Vec<String>,
}

/// What somebody who hands a model in says of it, and by which process it is to be sliced. Enough to begin again
/// after platen has died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceOrder {
    pub process: String,
    /// What one step of its coordinates is, where it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How large it is by the anatomy, in millionths: 1 000 000 is its own size.
    pub scale: u32,
    pub mirrored: bool,
    /// The anatomy's own size, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<[Height; 3]>,
    /// Warnings that are accepted, by their codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// Who accepts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl SliceOrder {
    /// Its own size.
    pub const WHOLE: u32 = 1_000_000;

    /// A scale of a thousandth to a thousand, in millionths.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range above")]
    pub fn millionths(scale: f64) -> Option<u32> {
        (1e-3..=1e3).contains(&scale).then(|| (scale * f64::from(Self::WHOLE)).round() as u32)
    }

    /// More warnings than a model has.
    pub const ACCEPTED_MAX: usize = 16;

    /// Whether it fits into an entry of the journal, and its words are words of ours.
    pub fn is_plain(&self) -> bool {
        let word = |text: &String| {
            let legal =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
            (1..=64).contains(&text.len()) && text.chars().all(legal)
        };
        let known = self.accepted.len() <= Self::ACCEPTED_MAX && self.accepted.iter().all(word);
        known && word(&self.process) && self.unit.as_ref().is_none_or(word) && self.scale > 0
    }
}
