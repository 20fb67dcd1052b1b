//! What a part of a case shows, and what has to be known of it before it is designed.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::order::Ordered;
use super::revision::NewRevision;
use super::words::{Label, Words};
use crate::domain::ids::{CaseToken, PartId};

/// What kind of piece it is; only components and guides are ever counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    Component,
    Guide,
    Holder,
    Coupon,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Laterality {
    Left,
    Right,
    Bilateral,
    /// Its structure has no side; said by somebody, not left open.
    Unpaired,
}

/// What touches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    #[default]
    None,
    Skin,
    SterileField,
}

/// What one step of a model's coordinates is; the words are those of `model::scale::Unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    Um,
    Mm,
    Cm,
    M,
    Inch,
    Ft,
}

impl fmt::Display for LengthUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Um => "um",
            Self::Mm => "mm",
            Self::Cm => "cm",
            Self::M => "m",
            Self::Inch => "inch",
            Self::Ft => "ft",
        })
    }
}

/// The registry's words for a part (medical-domain.md §2.1), and what the counting needs (§1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAbout {
    pub kind: PartKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subregion: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laterality: Option<Laterality>,
    /// What its model is measured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<LengthUnit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Words<60>>,
    /// The case is not released without it.
    pub required: bool,
    #[serde(default)]
    pub dominant: bool,
    #[serde(default)]
    pub individually_segmented: bool,
    #[serde(default)]
    pub individually_processed: bool,
    /// Parts that are put together have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide_type: Option<Label>,
    #[serde(default)]
    pub contact: Contact,
    /// Absent where nothing of it was ordered in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Ordered>,
}

impl PartAbout {
    /// A component that is required, and of which nothing else is known.
    pub fn new(kind: PartKind) -> Self {
        Self {
            kind,
            region: None,
            subregion: None,
            structure: None,
            laterality: None,
            units: None,
            comment: None,
            required: true,
            dominant: false,
            individually_segmented: false,
            individually_processed: false,
            group: None,
            guide_type: None,
            contact: Contact::None,
            ordered: None,
        }
    }
}

/// What may be done with a part of a case, as a request and as a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    Described {
        about: Box<PartAbout>,
    },
    /// A new revision of its model; the one before is obsolete.
    Revised {
        revision: Box<NewRevision>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    pub part: PartId,
    pub case: CaseToken,
    pub number: u16,
    pub about: PartAbout,
    /// The number of the current revision; 0 where there is none.
    pub revision: u16,
}
