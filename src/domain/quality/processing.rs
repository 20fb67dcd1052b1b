//! What is done with a printed part before it is inspected: each step with its recipe, since biocompatibility belongs
//! to the whole way and not to the resin (medical-domain.md §3.1).

use serde::{Deserialize, Serialize};

use super::printed::Serial;
use super::words::{Label, Line};
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessingKind {
    /// Off the bed.
    Removal,
    Wash,
    Dry,
    Cure,
    SupportRemoval,
    Finish,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    pub kind: ProcessingKind,
    /// "IPA 99 %, two baths", "60 °C"
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<Label>,
}

/// A step as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed {
    pub serial: Serial,
    /// 1, 2, 3 … within the part.
    pub number: u16,
    pub processing: Processing,
    pub by: String,
    pub at: WallTime,
}
