//! Printed parts: one piece, its way through the lab, and where it comes from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::given::Example;
use super::super::super::shapes::ChainView;
use super::{InspectionView, NonconformanceView, SignatureView, mirror};
use crate::domain::ids::{FileHash, InspectionId};
use crate::domain::quality::printed::Serial;
use crate::domain::quality::processing::{self, ProcessingKind};
use crate::domain::quality::words::{Label, Line};

/// A step after printing, with its recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    /// `removal`, `wash`, `dry`, `cure`, `support_removal` or `finish`
    #[schema(value_type = String, example = "wash")]
    pub kind: ProcessingKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "IPA 99 %, two baths")]
    pub recipe: Option<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub equipment: Option<Label>,
}

mirror!(Processing = processing::Processing { kind, recipe, minutes, equipment });

/// What may be done with a printed part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum PrintedStep {
    /// There is to be another attempt; its serial is the part's next.
    Planned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        replaces: Option<Serial>,
    },
    /// A person says that its file was made from this revision.
    RevisionAttested {
        revision: u16,
    },
    Processed {
        processing: Box<Processing>,
    },
    SentToInspection {},
    Accepted {
        /// Its last one.
        #[schema(value_type = String)]
        inspection: InspectionId,
        /// Where that has flags: why it is good enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        why: Option<Line>,
    },
    Rejected {
        #[schema(value_type = String)]
        why: Line,
    },
    Scrapped {
        #[schema(value_type = String)]
        why: Line,
    },
    /// Signs it.
    Released {
        /// As its `to-sign` shows it.
        #[schema(value_type = String)]
        digest: FileHash,
    },
    Packed {},
    /// Handed over for sterilisation.
    HandedOver {
        #[schema(value_type = String)]
        cycle: Line,
    },
    Delivered {
        #[schema(value_type = String)]
        to: Line,
    },
    Quarantined {
        #[schema(value_type = String)]
        why: Line,
    },
    QuarantineLifted {
        #[schema(value_type = String)]
        why: Line,
    },
    Recalled {
        #[schema(value_type = String)]
        why: Line,
    },
}

impl Example for PrintedStep {
    const EXAMPLE: &'static str =
        r#"{"by": "kim", "is": "processed", "processing": {"kind": "removal", "minutes": 10}}"#;
}

/// A doubt that an inspection has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoubtView {
    /// What an inspection's `looked_at` names.
    pub doubt: String,
    pub words: String,
}

/// A printed part in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrintedBrief {
    /// `CASE-PART-ATTEMPT`
    pub serial: String,
    /// `planned`, `queued`, `printing`, `interrupted`, `printed`, `suspect`, `post_processing`,
    /// `awaiting_inspection`, `accepted`, `rejected`, `released`, `packed`, `sterilisation_handover`, `delivered`,
    /// `scrapped`, `failed`, `withdrawn`, `quarantined` or `recalled`
    pub state: String,
    /// The state for people, with its reason where it has one.
    pub words: String,
    /// What can be done now.
    pub todo: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    pub doubts: Vec<DoubtView>,
}

/// Material that was loaded while a part was printed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrintedFrom {
    pub lot: String,
    pub material: String,
    pub supplier_lot: String,
    /// What is noted as used, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_g: Option<f64>,
    /// Why it was recalled, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProcessedView {
    /// 1, 2, 3 … within the part.
    pub number: u16,
    pub processing: Processing,
    pub by: String,
    pub at: String,
}

/// A printed part with everything that it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrintedView {
    #[serde(flatten)]
    pub brief: PrintedBrief,
    pub case: String,
    pub part: u16,
    pub part_name: String,
    /// SHA-256 of the revision's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where its file comes from, if platen sliced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What else its job laid on the bed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together_with: Vec<String>,
    /// SHA-256 of the job's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 over the commands that the firmware has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    pub lots: Vec<PrintedFrom>,
    /// Who had a hand in it.
    pub operators: Vec<String>,
    pub processed: Vec<ProcessedView>,
    /// Those that count: since it was last reworked or in quarantine.
    pub inspections: Vec<InspectionView>,
    /// The inspection, or the nonconformance, by which it counts as good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    pub nonconformances: Vec<NonconformanceView>,
    pub signatures: Vec<SignatureView>,
    /// Why it is on a look-back list, in words.
    pub lookbacks: Vec<String>,
    /// The part that it is printed in place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The parts that are printed in its place.
    pub replaced_by: Vec<String>,
    pub reworks: u16,
}
