//! Cases: what was ordered, how far it has come, what it took, what was said.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::super::super::given::Example;
use super::{NonconformanceView, PartQuality, PrintedBrief, SignatureView, mirror};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::FileHash;
use crate::domain::quality::assessment::{self, Likert, Overall};
use crate::domain::quality::case::{self, CaseKind, Priority};
use crate::domain::quality::confirmation::Note;
use crate::domain::quality::cost::{self, CostKind};
use crate::domain::quality::effort::{self, EffortCategory, EffortRole};
use crate::domain::quality::words::{Label, Line, Text};

/// What was ordered. Nothing here says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseAbout {
    /// `model`, `guide` or `both`
    #[schema(value_type = String, example = "model")]
    pub kind: CaseKind,
    /// The ordering service.
    #[schema(value_type = String, example = "cardiac surgery")]
    pub service: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub requester: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub indication: Option<Line>,
    /// What it was imaged with, such as "CT".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub modality: Option<Label>,
    /// `2026-12-24`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub needed_by: Option<Day>,
    /// `routine`, `urgent` or `emergency`
    #[serde(default)]
    #[schema(value_type = String, example = "routine")]
    pub priority: Priority,
    /// 1 to 9, as the RSNA group rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appropriateness: Option<u8>,
    /// What was agreed that its parts have to be like to be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub acceptance: Option<Text>,
}

mirror!(
    CaseAbout = case::CaseAbout {
        kind,
        service,
        requester,
        indication,
        modality,
        needed_by,
        priority,
        appropriateness,
        acceptance,
    }
);

/// What may be done with a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum CaseStep {
    Described {
        about: Box<CaseAbout>,
    },
    Requested {},
    Accepted {},
    DesignBegun {},
    ApprovalAsked {},
    SentBack {
        #[schema(value_type = String)]
        why: Text,
    },
    /// Signs the current revisions of all parts.
    Approved {
        /// As `to-sign?of=design` shows it.
        #[schema(value_type = String)]
        digest: FileHash,
        /// The mirrored and modified parts, by number: each is meant so.
        #[serde(default)]
        confirmed: Vec<u16>,
    },
    ProductionBegun {
        #[schema(value_type = String)]
        process: Label,
        /// What its parts were found good enough for, where the site's catalogue of processes does not say it.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        validated_for: Vec<IntendedUse>,
        /// For education only: why a process will do that is not validated for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        outside: Option<Text>,
        /// It is no process of the site's catalogue, and is not meant to be: its parts are sliced elsewhere.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        elsewhere: bool,
    },
    QcBegun {},
    ReworkAsked {
        #[schema(value_type = String)]
        why: Text,
    },
    /// Signs the case with its released parts.
    Released {
        /// As `to-sign?of=case` shows it.
        #[schema(value_type = String)]
        digest: FileHash,
    },
    Delivered {},
    Used {},
    Assessed {
        assessment: Box<Assessment>,
    },
    /// Somebody was asked for the assessment.
    Reminded {},
    AssessmentWaived {
        #[schema(value_type = String)]
        why: Text,
    },
    Closed {},
    Held {
        #[schema(value_type = String)]
        why: Text,
    },
    Continued {},
    Cancelled {
        #[schema(value_type = String)]
        why: Text,
    },
    Reopened {
        #[schema(value_type = String)]
        why: Text,
    },
    /// A coder stands for the units of a case that is released.
    UnitsConfirmed {
        /// `proposal_sha256` of the worksheet that they saw.
        #[schema(value_type = String)]
        of: FileHash,
        /// Units by code; as they are proposed where left out. A code that is not named has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        units: Option<BTreeMap<String, u16>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        note: Option<Note>,
    },
}

impl Example for CaseStep {
    const EXAMPLE: &'static str = r#"{"by": "kim", "is": "held", "why": "the images are missing"}"#;
}

/// What the user of a model says of it: whether it helped, or seven statements, each agreed with from 1 to 5, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// `helped`, `no_difference` or `hindered`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "helped")]
    pub overall: Option<Overall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<MinutesSaved>,
    /// Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_in_procedure: Option<bool>,
    #[schema(value_type = String, example = "surgeon")]
    pub respondent: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub comment: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    #[schema(value_type = u8)]
    pub easy_to_use: Likert,
    #[schema(value_type = u8)]
    pub fits_approach: Likert,
    #[schema(value_type = u8)]
    pub plan_altered: Likert,
    #[schema(value_type = u8)]
    pub important: Likert,
    #[schema(value_type = u8)]
    pub quality_adequate: Likert,
    #[schema(value_type = u8)]
    pub confident_before: Likert,
    #[schema(value_type = u8)]
    pub confident_after: Likert,
}

mirror!(
    Answers = assessment::Answers {
        easy_to_use,
        fits_approach,
        plan_altered,
        important,
        quality_adequate,
        confident_before,
        confident_after,
    }
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MinutesSaved {
    /// Less than 0 where it took longer.
    pub minutes: i16,
    /// Else somebody's estimate.
    pub measured: bool,
}

mirror!(MinutesSaved = assessment::MinutesSaved { minutes, measured });

mirror!(Assessment = assessment::Assessment {
    overall, used_in_procedure, respondent, comment; answers, saved
});

/// How long somebody worked on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEffort {
    /// `clinician` or `non_clinician`
    #[schema(value_type = String, example = "non_clinician")]
    pub role: EffortRole,
    /// `consultation`, `segmentation`, `cad` or `preparation`
    #[schema(value_type = String, example = "segmentation")]
    pub category: EffortCategory,
    /// Absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
}

mirror!(NewEffort = effort::Effort { role, category, minutes });

impl Example for NewEffort {
    const EXAMPLE: &'static str =
        r#"{"by": "kim", "role": "non_clinician", "category": "segmentation", "minutes": 45}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EffortView {
    /// 1, 2, 3 … within the case.
    pub number: u32,
    pub role: String,
    pub category: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    pub by: String,
    pub at: String,
}

/// One of the eight sums of the registry.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BucketView {
    pub role: String,
    pub category: String,
    pub minutes: u64,
    /// Entries of which nobody knows how long they took.
    pub unknown: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EffortsView {
    pub entries: Vec<EffortView>,
    pub buckets: Vec<BucketView>,
}

/// What a case has cost that no rate tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCost {
    /// `material`, `machine`, `labour`, `consumables`, `overhead` or `other`
    #[schema(value_type = String, example = "consumables")]
    pub kind: CostKind,
    /// In minor units of the site's currency: 1250 is 12.50 where that has cents.
    pub amount: u32,
    /// What it was for; never a patient's name.
    #[schema(value_type = String, example = "sterile bags")]
    pub what: Line,
}

mirror!(NewCost = cost::Cost { kind, amount, what });

impl Example for NewCost {
    const EXAMPLE: &'static str =
        r#"{"by": "kim", "kind": "consumables", "amount": 1250, "what": "sterile bags"}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CostView {
    /// 1, 2, 3 … within the case.
    pub number: u32,
    pub kind: String,
    /// In minor units of the site's currency.
    pub amount: u32,
    pub what: String,
    pub by: String,
    pub at: String,
}

/// The sum of one kind.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CostSumView {
    pub kind: String,
    /// In minor units of the site's currency.
    pub amount: u64,
}

/// What people noted, and its sums; what the site's rates tell is in the value report.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CostsView {
    pub entries: Vec<CostView>,
    pub sums: Vec<CostSumView>,
}

/// A message on a case. Never a patient's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    #[schema(value_type = String, example = "the images are here")]
    pub text: Text,
    /// The names of 4 people at most.
    #[serde(default)]
    pub mentions: Vec<String>,
}

impl Example for NewMessage {
    const EXAMPLE: &'static str = r#"{"by": "kim", "text": "the images are here", "mentions": ["lee"]}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    /// 1, 2, 3 … within the case; absent in a notice of platen's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Absent in a notice of platen's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What a notice of platen's is about (docs/notifications.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    pub text: String,
    #[serde(default)]
    pub mentions: Vec<String>,
    pub at: String,
}

/// When a case first came into a state.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReachedView {
    pub state: String,
    pub at: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AssessedView {
    pub assessment: Assessment,
    pub by: String,
    pub at: String,
}

/// Units that a coder has confirmed. Whether they are of the case as it is now, the worksheet says.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfirmedView {
    /// SHA-256 of the proposal.
    pub of: String,
    pub units: BTreeMap<String, u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub by: String,
    pub at: String,
}

/// A case's way from the wish to the file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CaseQuality {
    pub token: String,
    /// `draft`, `requested`, `accepted`, `designing`, `awaiting_approval`, `approved`, `in_production`, `in_qc`,
    /// `rework`, `released`, `delivered`, `used`, `assessed`, `closed`, `on_hold` or `cancelled`
    pub state: String,
    /// The state for people, with its reason where it has one.
    pub words: String,
    /// What can be done now.
    pub todo: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<CaseAbout>,
    /// How it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Which version of it was in the site's catalogue when its production began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_version: Option<u32>,
    pub reached: Vec<ReachedView>,
    pub parts: Vec<PartQuality>,
    /// By part and attempt.
    pub printed: Vec<PrintedBrief>,
    pub signatures: Vec<SignatureView>,
    pub nonconformances: Vec<NonconformanceView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessed: Option<AssessedView>,
    /// What a coder has confirmed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<ConfirmedView>,
    pub messages: usize,
}
