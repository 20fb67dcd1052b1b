//! Material in its lots, and the printers that it is loaded on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::given::Example;
use super::super::super::views::use_word;
use super::PrintedBrief;
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::{JobId, LotId};
use crate::domain::quality::process::KnownProcess;
use crate::domain::quality::words::{Label, Line, Text};

/// What is on a container and its delivery note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LotAbout {
    /// As jobs name it.
    #[schema(value_type = String, example = "PLA")]
    pub material: Label,
    /// The maker's number.
    #[schema(value_type = String)]
    pub supplier_lot: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub supplier: Option<Label>,
    #[schema(value_type = String, example = "2026-11-29")]
    pub received: Day,
    /// The last day on which it may be used.
    #[schema(value_type = String, example = "2027-11-29")]
    pub expires: Day,
    /// So many days it may be used once it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_days: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub certificate: Option<Line>,
    pub grams: f64,
    /// g/cm³, where its maker says that; else what the slicer or the material says counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
}

impl Example for LotAbout {
    const EXAMPLE: &'static str = r#"{"by": "kim", "material": "PLA", "supplier_lot": "L-2231", "received": "2026-11-29", "expires": "2027-11-29", "grams": 1000}"#;
}

/// What may be done with a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum LotStep {
    Opened {
        #[schema(value_type = String, example = "2026-11-29")]
        on: Day,
    },
    /// Somebody has looked at its certificate.
    Released {},
    Blocked {
        #[schema(value_type = String)]
        why: Text,
    },
    /// Into quarantine again: somebody has to look at it anew.
    Unblocked {
        #[schema(value_type = String)]
        why: Text,
    },
    Consumed {},
    /// Blocked, and every part that was printed from it is looked up.
    Recalled {
        #[schema(value_type = String)]
        why: Text,
    },
}

impl Example for LotStep {
    const EXAMPLE: &'static str = r#"{"by": "kim", "is": "opened", "on": "2026-11-29"}"#;
}

/// What a job has used of a lot, once for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUse {
    #[schema(value_type = String)]
    pub job: JobId,
    pub grams: f64,
}

impl Example for NewUse {
    const EXAMPLE: &'static str = r#"{"by": "kim", "job": "<id>", "grams": 12.5}"#;
}

/// A lot in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LotBrief {
    pub id: String,
    pub about: LotAbout,
    /// `quarantine`, `released`, `blocked` or `consumed`
    pub state: String,
    /// The state for people, with its reason where it has one.
    pub words: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<String>,
    /// What should be left of it.
    pub left_g: f64,
    /// Less than a tenth of it should be left.
    #[serde(default)]
    pub low: bool,
    /// Why it may not be used today; empty where it may.
    pub unusable: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<String>,
}

/// A lot, and where it went.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LotView {
    #[serde(flatten)]
    pub brief: LotBrief,
    /// On which printers it is or was.
    pub loads: Vec<LoadView>,
    /// All parts that were printed while it was loaded.
    pub printed: Vec<PrintedBrief>,
}

/// A lot that is on a printer now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLoad {
    #[schema(value_type = String)]
    pub lot: LotId,
    /// The tool or the tank, from 0 to 7.
    #[serde(default)]
    pub slot: u8,
}

impl Example for NewLoad {
    const EXAMPLE: &'static str = r#"{"by": "kim", "lot": "<id>", "slot": 0}"#;
}

/// The same by the codes of two labels, as a scanner types them; or what stands beside the codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScannedLoad {
    #[schema(example = "PLATEN1:PRINTER:MK3-07:B")]
    pub printer: String,
    #[schema(example = "PLATEN1:LOT:3F1W5ZQ8C0V7D2KEW")]
    pub lot: String,
    /// The tool or the tank, from 0 to 7.
    #[serde(default)]
    pub slot: u8,
}

impl Example for ScannedLoad {
    const EXAMPLE: &'static str = r#"{"by": "kim", "printer": "<scanned>", "lot": "<scanned>", "slot": 0}"#;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unload {
    /// The tool or the tank, from 0 to 7.
    #[serde(default)]
    pub slot: u8,
    /// The lot that was taken off: 409 (`other-lot`) where another one is there by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub lot: Option<LotId>,
}

impl Example for Unload {
    const EXAMPLE: &'static str = r#"{"by": "kim", "slot": 0}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoadView {
    /// 1, 2, 3 … over all loads of the lab.
    pub number: u64,
    pub lot: String,
    pub material: String,
    pub supplier_lot: String,
    pub printer: String,
    pub slot: u8,
    pub from: String,
    pub by: String,
    /// Absent while it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What may be said of a printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum QualificationStep {
    Qualified {},
    Restricted {
        /// `diagnostic`, `guide`, `education`
        #[schema(value_type = Vec<String>)]
        uses: Vec<IntendedUse>,
        #[schema(value_type = String)]
        why: Text,
    },
    Withdrawn {
        #[schema(value_type = String)]
        why: Text,
    },
    CalibrationDue {
        #[schema(value_type = String, example = "2027-02-28")]
        on: Day,
    },
    /// Somebody has worked on it.
    Maintained {
        #[schema(value_type = String)]
        what: Text,
        /// Absent where nobody knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u16>,
    },
}

impl Example for QualificationStep {
    const EXAMPLE: &'static str = r#"{"by": "kim", "is": "qualified"}"#;
}

/// A phantom that was measured.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PhantomView {
    pub inspection: String,
    pub passed: bool,
    pub at: String,
}

/// One measured deviation from nominal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PointView {
    pub at: String,
    /// Thousandths of a millimetre.
    pub micrometres: i32,
}

/// The control chart of a printer: what its phantoms deviate, item by item, in the order of time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChartView {
    pub points: Vec<PointView>,
    /// Items that were not measured.
    pub missing: u64,
    pub words: String,
    /// The limits in micrometres; absent where there are too few points, or they do not differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    pub signals: Vec<SignalView>,
}

/// A rule that is broken, from one point to another (from 0).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignalView {
    pub rule: String,
    pub first: usize,
    pub last: usize,
}

/// An entry of a printer's maintenance log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceView {
    /// 1, 2, 3 … within the printer.
    pub number: u32,
    pub what: String,
    /// Absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    pub by: String,
    pub at: String,
}

/// Whether a printer may be used, and what is loaded on it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QualificationView {
    pub printer: String,
    /// `unqualified`, `qualified` or `restricted`
    pub state: String,
    /// For which uses, where it is restricted, and why.
    #[serde(default)]
    pub uses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_due: Option<String>,
    /// The last phantom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<PhantomView>,
    /// The last phantom that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<PhantomView>,
    /// What is loaded now.
    pub loaded: Vec<LoadView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartView>,
    /// What was done to it, oldest first.
    #[serde(default)]
    pub maintenance: Vec<MaintenanceView>,
}

/// A version of a process of the site's catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProcessView {
    pub name: String,
    /// 1, 2, 3 …: another content of the catalogue is the next.
    pub version: u32,
    /// Of its definition.
    pub sha256: String,
    pub printer_model: String,
    pub technology: String,
    pub material: String,
    pub quality: String,
    pub profile: String,
    pub profile_version: u32,
    pub profile_sha256: String,
    pub slicer: String,
    pub slicer_version: String,
    /// Absent where the profile could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_mm: Option<f64>,
    /// What its parts were found good enough for.
    pub validated_for: Vec<String>,
    /// Since when it is known.
    pub since: String,
    /// When it was in the catalogue no more, without another content in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
}

impl From<&KnownProcess> for ProcessView {
    fn from(known: &KnownProcess) -> Self {
        let of = &known.process;
        Self {
            name: of.name.to_string(),
            version: of.version,
            sha256: of.sha256.to_string(),
            printer_model: of.printer_model.to_string(),
            technology: of.technology.to_string(),
            material: of.material.to_string(),
            quality: of.quality.to_string(),
            profile: of.profile.to_string(),
            profile_version: of.profile_version,
            profile_sha256: of.profile_sha256.to_string(),
            slicer: of.slicer.to_string(),
            slicer_version: of.slicer_version.to_string(),
            layer_mm: of.layer_micrometres.map(|micrometres| f64::from(micrometres) / 1_000.0),
            validated_for: of.validated_for.iter().map(|of| use_word(*of).to_owned()).collect(),
            since: known.since.to_string(),
            gone: known.gone.map(|at| at.to_string()),
        }
    }
}
