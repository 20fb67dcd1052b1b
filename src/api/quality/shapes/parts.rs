//! Parts of a case, and the revisions of their models.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::given::Example;
use super::mirror;
use crate::domain::chain::SliceOrder;
use crate::domain::ids::FileHash;
use crate::domain::quality::order::{self, Quantity};
use crate::domain::quality::part::{self, Contact, Laterality, LengthUnit, PartKind};
use crate::domain::quality::words::{Label, Words};

/// What a part shows, in the registry's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartAbout {
    /// `component`, `guide`, `holder` or `coupon`
    #[schema(value_type = String, example = "component")]
    pub kind: PartKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub region: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subregion: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub structure: Option<Label>,
    /// `left`, `right`, `bilateral`, or `unpaired` where its structure has no side
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub laterality: Option<Laterality>,
    /// What its model is measured in: `um`, `mm`, `cm`, `m`, `inch` or `ft`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub units: Option<LengthUnit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub comment: Option<Words<60>>,
    /// The case is not released without it.
    #[serde(default = "needed")]
    pub required: bool,
    #[serde(default)]
    pub dominant: bool,
    #[serde(default)]
    pub individually_segmented: bool,
    #[serde(default)]
    pub individually_processed: bool,
    /// Parts that are put together have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub guide_type: Option<Label>,
    /// What touches it: `none`, `skin` or `sterile_field`
    #[serde(default)]
    #[schema(value_type = String, example = "none")]
    pub contact: Contact,
    /// What was ordered of it; what is not said may be as the lab finds right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Ordered>,
}

/// What was ordered of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// How large it is by the anatomy: 0.5 is half of it. Its revisions have to be at that scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub scale: Option<OrderedScale>,
    /// As jobs and lots name it; where the site asks for lots, no job of another one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "PLA")]
    pub material: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub colour: Option<Label>,
    /// 1 to 20: so many prints have to be released and delivered, where the part is required.
    #[serde(default)]
    #[schema(value_type = u8, example = 1)]
    pub quantity: Quantity,
}

impl From<Ordered> for order::Ordered {
    fn from(given: Ordered) -> Self {
        let Ordered { scale, material, colour, quantity } = given;
        Self { scale: scale.map(|OrderedScale(scale)| scale), material, colour, quantity }
    }
}

impl From<&order::Ordered> for Ordered {
    fn from(kept: &order::Ordered) -> Self {
        let order::Ordered { scale, material, colour, quantity } = kept.clone();
        Self { scale: scale.map(OrderedScale), material, colour, quantity }
    }
}

/// A scale as people write it: 0.001 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct OrderedScale(order::Scale);

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a scale is a number from 0.001 to 1000")]
pub struct OddScale;

impl TryFrom<f64> for OrderedScale {
    type Error = OddScale;

    fn try_from(scale: f64) -> Result<Self, OddScale> {
        let millionths = SliceOrder::millionths(scale).ok_or(OddScale)?;
        order::Scale::try_from(millionths).map(Self).map_err(|_| OddScale)
    }
}

impl From<OrderedScale> for f64 {
    fn from(OrderedScale(scale): OrderedScale) -> Self {
        Self::from(u32::from(scale)) / Self::from(SliceOrder::WHOLE)
    }
}

impl std::str::FromStr for OrderedScale {
    type Err = OddScale;

    fn from_str(text: &str) -> Result<Self, OddScale> {
        text.trim().parse::<f64>().map_err(|_| OddScale)?.try_into()
    }
}

fn needed() -> bool {
    true
}

mirror!(PartAbout = part::PartAbout {
    kind, region, subregion, structure, laterality, units, comment, required, dominant, individually_segmented,
    individually_processed, group, guide_type, contact; ordered
});

/// A model that was uploaded, as the next revision of a part. Its size, triangles and volume are read from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRevision {
    /// The hash that the upload answered with.
    #[schema(value_type = String)]
    pub model: FileHash,
    /// What it counts in; the part's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub units: Option<LengthUnit>,
    /// How large it is by the anatomy: 0.5 is half of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// It shows the other side, and is meant to.
    #[serde(default)]
    pub mirrored: bool,
    /// It is not the anatomy as it was scanned.
    #[serde(default)]
    pub modified: bool,
    /// What it was segmented with, and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub software: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub author: Option<Label>,
}

/// What may be done with a part of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartStep {
    Described { about: Box<PartAbout> },
    Revised { revision: Box<NewRevision> },
}

impl Example for PartStep {
    const EXAMPLE: &'static str = r#"{"by": "kim", "is": "described", "about": {"kind": "component", "laterality": "left", "units": "mm"}}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// 1, 2, 3 … within the part.
    pub number: u16,
    /// SHA-256 of the model's file.
    pub model: String,
    pub format: String,
    pub units: String,
    /// How large it is by the anatomy.
    pub scale: f64,
    /// Along X, Y and Z.
    pub size_mm: Vec<f64>,
    pub triangles: u64,
    /// Negative where the surface faces inwards, as a mirrored one does.
    pub volume_mm3: f64,
    pub mirrored: bool,
    pub modified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `proposed`, `approved` or `obsolete`
    pub state: String,
    pub by: String,
    pub at: String,
}

/// A part of a case: what it shows, and its revisions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PartQuality {
    pub case: String,
    pub number: u16,
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PartAbout>,
    /// Oldest first; the last one is current.
    pub revisions: Vec<RevisionView>,
}
