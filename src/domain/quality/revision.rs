//! A revision of a part's model: what is approved is its hash, never its name.
//!
//! ```text
//! Proposed ◀─▶ Approved          any ─▶ Obsolete (a newer one is there)
//! ```

use serde::{Deserialize, Serialize};

use super::part::LengthUnit;
use super::refusal::Illegal;
use super::words::Label;
use crate::domain::ids::{FileHash, PartId};
use crate::domain::moment::WallTime;
use crate::domain::units::Height;

/// What is said of a model when it is handed in (medical-domain.md §6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRevision {
    /// SHA-256 of the model's file.
    pub mesh: FileHash,
    /// `stl-binary`, `obj`, `3mf`, …
    pub format: Label,
    pub unit: LengthUnit,
    /// How large it is by the anatomy, in millionths.
    pub scale: u32,
    /// Along X, Y and Z.
    pub extents: [Height; 3],
    pub triangles: u64,
    /// In thousandths of a cubic millimetre; negative where the surface faces inwards, as a mirrored one does.
    pub signed_volume: i64,
    /// It shows the other side, and is meant to.
    #[serde(default)]
    pub mirrored: bool,
    /// It is not the anatomy as it was scanned.
    #[serde(default)]
    pub modified: bool,
    /// What it was segmented with, and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Label>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RevisionState {
    Proposed,
    /// By the signature with this number in its case.
    Approved {
        approval: u32,
    },
    Obsolete,
}

impl RevisionState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved { .. } => "approved",
            Self::Obsolete => "obsolete",
        }
    }

    fn refuse(self, wanted: &'static str) -> Illegal {
        let todo = match self {
            Self::Proposed => "have the case approved",
            Self::Approved { .. } => "reopen the case to change it",
            Self::Obsolete => "use the newest revision of the part",
        };
        Illegal { state: self.word(), wanted, todo }
    }

    pub fn approve(self, approval: u32) -> Result<Self, Illegal> {
        match self {
            Self::Proposed => Ok(Self::Approved { approval }),
            _ => Err(self.refuse("approved")),
        }
    }

    /// The approval does not hold any more.
    pub fn void(self) -> Result<Self, Illegal> {
        match self {
            Self::Approved { .. } => Ok(Self::Proposed),
            _ => Err(self.refuse("taken back")),
        }
    }

    /// A newer revision takes its place.
    pub fn supersede(self) -> Result<Self, Illegal> {
        match self {
            Self::Proposed => Ok(Self::Obsolete),
            _ => Err(self.refuse("superseded")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub part: PartId,
    /// 1, 2, 3 … within the part.
    pub number: u16,
    pub of: NewRevision,
    pub state: RevisionState,
    pub by: String,
    pub at: WallTime,
}
