//! What counting asks of a case: plain values, filled from its records, without a name of a patient.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::counting::codes::{CodeNumber, Family};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, FileHash, JobId, PartId};
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    Component,
    Guide,
    /// Base, stand, connector: holds others and is no anatomy.
    Holder,
    /// A test piece of the print.
    Coupon,
}

impl PartKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Guide => "guide",
            Self::Holder => "holder",
            Self::Coupon => "coupon",
        }
    }
}

/// What the case was asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    Model,
    Guide,
    Both,
}

impl CaseKind {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Guide => "guide",
            Self::Both => "model with a guide",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Laterality {
    Given,
    /// The region has two sides, and nobody said which.
    Missing,
    NotNeeded,
}

/// The days that may be the date of service; which of them is, the site says (§1.4: unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    pub printed: Option<Day>,
    pub delivered: Option<Day>,
    pub procedure: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceDate {
    Printed,
    Delivered,
    Procedure,
}

impl ServiceDate {
    pub fn word(self) -> &'static str {
        match self {
            Self::Printed => "printed",
            Self::Delivered => "delivered",
            Self::Procedure => "procedure",
        }
    }

    pub fn of(self, dates: Dates) -> Option<Day> {
        match self {
            Self::Printed => dates.printed,
            Self::Delivered => dates.delivered,
            Self::Procedure => dates.procedure,
        }
    }
}

/// A record that a unit can be shown with (§1.1, §1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    ImagingReviewed,
    Segmentation,
    CutPlanes,
    MatchedToAnatomy,
    /// The material is flagged as biocompatible and sterilizable.
    Material,
    UniqueIdentification,
    /// The design was approved; taken from the revision.
    DesignReview,
    Photographs,
}

impl Proof {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::ImagingReviewed => "that the images were found good enough",
            Self::Segmentation => "of the segmentation",
            Self::CutPlanes => "of the planned cutting planes",
            Self::MatchedToAnatomy => "that the guide fits the anatomy",
            Self::Material => "that the material is flagged as biocompatible and sterilizable",
            Self::UniqueIdentification => "that the guide carries its patient's unique identification",
            Self::DesignReview => "that the design was approved",
            Self::Photographs => "by photographs",
        }
    }

    /// What is expected for a family: the evidence pack of §1.4, and for guides the services named in §1.1.
    pub fn expected(family: Family) -> &'static [Self] {
        match family {
            Family::Model => &[Self::Segmentation, Self::DesignReview, Self::Photographs],
            Family::Guide => &[
                Self::ImagingReviewed,
                Self::Segmentation,
                Self::CutPlanes,
                Self::MatchedToAnatomy,
                Self::Material,
                Self::UniqueIdentification,
                Self::DesignReview,
                Self::Photographs,
            ],
        }
    }
}

/// A signature, as far as a worksheet shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub by: String,
    /// Their name in full, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed_name: Option<String>,
    pub at: WallTime,
    /// The hash of exactly what was signed.
    pub of: FileHash,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// From 1 within the part.
    pub number: u32,
    pub sha256: FileHash,
    pub approved: Option<Signature>,
    /// The day of the approval at the site.
    pub approved_on: Option<Day>,
}

/// Where a printed part stands, as far as counting asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Planned, queued, printing, being finished or inspected.
    InWork,
    Failed,
    Rejected,
    Scrapped,
    Quarantined,
    /// Released, and what comes after: packed, handed over, delivered, used.
    Released,
    Recalled,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Self::InWork => "still in work",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Scrapped => "scrapped",
            Self::Quarantined => "in quarantine",
            Self::Released => "released",
            Self::Recalled => "recalled",
        }
    }
}

/// One printed instance of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintFacts {
    pub serial: String,
    pub job: JobId,
    /// From 1 within the part.
    pub attempt: u32,
    pub revision: Revision,
    pub standing: Standing,
    pub release: Option<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFacts {
    /// From 1 within the case; people say "part 2".
    pub number: u16,
    pub part: PartId,
    pub kind: PartKind,
    pub individually_segmented: bool,
    pub individually_processed: bool,
    /// Parts that are meant to be assembled share one. It joins no components: a unit is a component, not an object.
    pub group_uid: Option<String>,
    pub laterality: Laterality,
    pub newest_revision: u32,
    /// Where each record is found (a hash, an id); `DesignReview` comes from the revision.
    pub proofs: BTreeMap<Proof, String>,
    pub prints: Vec<PrintFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFacts {
    pub case: CaseToken,
    pub kind: CaseKind,
    pub intended_use: IntendedUse,
    pub dates: Dates,
    pub parts: Vec<PartFacts>,
    /// Codes that are known to stand beside this case's (from another system).
    pub other_codes: BTreeSet<CodeNumber>,
}
