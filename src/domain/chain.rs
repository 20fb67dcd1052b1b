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
