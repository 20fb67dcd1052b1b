//! What is measured by which template with which instrument, and what becomes of what is not right.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

use super::super::super::given::Example;
use super::{Thousandths, mirror};
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, FileHash, InstrumentName, LotId, PrinterName, TemplateName};
use crate::domain::quality::inspection::{self, Measure, Method, Weight};
use crate::domain::quality::nonconformance::{self, Cause, Severity};
use crate::domain::quality::printed::{Doubt, Serial};
use crate::domain::quality::words::{Label, Line, Text};

/// One thing to be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    #[schema(value_type = String, example = "length")]
    pub name: Label,
    /// `mm`, `deg`, `g`, `percent`, or `yes` (1 is yes, 0 is no)
    #[schema(value_type = String, example = "mm")]
    pub unit: Measure,
    #[schema(value_type = f64)]
    pub nominal: Thousandths,
    /// The lowest value that is good.
    #[schema(value_type = f64)]
    pub low: Thousandths,
    /// The highest value that is good.
    #[schema(value_type = f64)]
    pub high: Thousandths,
    /// What a value out of its limits means: `fail`, `flag` (somebody says why it is good enough) or `note`
    #[schema(value_type = String, example = "fail")]
    pub weight: Weight,
}

impl From<Item> for inspection::Item {
    fn from(given: Item) -> Self {
        let Item { name, unit, nominal, low, high, weight } = given;
        Self { name, unit, nominal: nominal.0, low: low.0, high: high.0, weight }
    }
}

impl From<&inspection::Item> for Item {
    fn from(kept: &inspection::Item) -> Self {
        Self {
            name: kept.name.clone(),
            unit: kept.unit,
            nominal: Thousandths(kept.nominal),
            low: Thousandths(kept.low),
            high: Thousandths(kept.high),
            weight: kept.weight,
        }
    }
}

/// What to measure on one kind of thing. It never changes: another content is the next version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// 1 to 64 of a-z, 0-9 and -
    #[schema(value_type = String, example = "femur")]
    pub name: TemplateName,
    /// `caliper`, `photo`, `surface_scan`, `photogrammetry`, `ct`, `fit_test` or `visual`
    #[schema(value_type = String, example = "caliper")]
    pub method: Method,
    /// 1 to 10
    pub items: Vec<Item>,
}

impl Example for NewTemplate {
    const EXAMPLE: &'static str = r#"{"by": "kim", "name": "femur", "method": "caliper", "items": [{"name": "length", "unit": "mm", "nominal": 80, "low": 79.5, "high": 80.5, "weight": "fail"}]}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    pub name: String,
    /// 1, 2, 3 …; the highest is the one to use.
    pub version: u16,
    pub method: String,
    pub items: Vec<Item>,
}

/// What is measured with: new, or calibrated anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// 1 to 64 of a-z, 0-9 and -
    #[schema(value_type = String, example = "caliper-1")]
    pub name: InstrumentName,
    #[schema(value_type = String, example = "digital caliper 150 mm")]
    pub what: Label,
    /// The last day on which it may be used.
    #[schema(value_type = String, example = "2027-06-30")]
    pub calibration_due: Day,
}

mirror!(Instrument = inspection::Instrument { name, what, calibration_due });

/// The same, as it is to be noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstrumentGiven {
    /// 1 to 64 of a-z, 0-9 and -
    #[schema(value_type = String, example = "caliper-1")]
    pub name: InstrumentName,
    #[schema(value_type = String, example = "digital caliper 150 mm")]
    pub what: Label,
    /// The last day on which it may be used.
    #[schema(value_type = String, example = "2027-06-30")]
    pub calibration_due: Day,
    /// What is noted of it, as who asks has seen it: 409 (`changed-meanwhile`) where that is not so any more. `new`
    /// where there was none of the name: 409 (`exists-already`) where there is one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<InstrumentWas>,
}

/// What somebody has seen where they note an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InstrumentWas {
    Noted(InstrumentSeen),
    New(NoInstrument),
}

/// None of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoInstrument {
    New,
}

/// What somebody has seen of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstrumentSeen {
    #[schema(value_type = String)]
    pub what: Label,
    #[schema(value_type = String)]
    pub calibration_due: Day,
}

impl Example for InstrumentGiven {
    const EXAMPLE: &'static str = r#"{"by": "kim", "name": "caliper-1", "what": "digital caliper 150 mm", "calibration_due": "2027-06-30"}"#;
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Inspected {
    Part {
        #[schema(value_type = String)]
        serial: Serial,
    },
    /// A witness that was printed with a part.
    Coupon {
        #[schema(value_type = String)]
        serial: Serial,
    },
    Phantom {
        #[schema(value_type = String)]
        printer: PrinterName,
        /// When it passes, the next is due by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        next_due: Option<Day>,
    },
}

impl From<Inspected> for inspection::Subject {
    fn from(given: Inspected) -> Self {
        match given {
            Inspected::Part { serial } => Self::Part { serial },
            Inspected::Coupon { serial } => Self::Coupon { serial },
            Inspected::Phantom { printer, next_due } => Self::Phantom { printer, next_due },
        }
    }
}

impl From<&inspection::Subject> for Inspected {
    fn from(kept: &inspection::Subject) -> Self {
        match kept.clone() {
            inspection::Subject::Part { serial } => Self::Part { serial },
            inspection::Subject::Coupon { serial } => Self::Coupon { serial },
            inspection::Subject::Phantom { printer, next_due } => Self::Phantom { printer, next_due },
        }
    }
}

/// What somebody has measured; the verdicts are platen's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInspection {
    pub subject: Inspected,
    #[schema(value_type = String, example = "femur")]
    pub template: TemplateName,
    /// The newest version where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instrument: Option<InstrumentName>,
    /// In the order of the template's items; null where one was not measured.
    #[schema(value_type = Vec<Option<f64>>)]
    pub values: Vec<Option<Thousandths>>,
    /// The doubts about the part that this inspection has looked at.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub looked_at: BTreeSet<Doubt>,
    /// 3 photos at most, uploaded before, by the hashes that `POST /v1/photos` has answered.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub photos: Vec<FileHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub note: Option<Text>,
    /// Chosen by whoever asks, 8 to 40 of a-z, 0-9 and -: the same again by the same person, as after an answer that did
    /// not arrive, is answered with the inspection that there is, and none is noted twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "3f9c2a7e51d04b68")]
    pub request: Option<String>,
}

impl Example for NewInspection {
    const EXAMPLE: &'static str = r#"{"by": "kim", "subject": {"of": "part", "serial": "<token>-1-1"}, "template": "femur", "instrument": "caliper-1", "values": [80.1]}"#;
}

/// A value, and what platen says of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ValueView {
    pub name: String,
    pub unit: String,
    /// Absent where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    pub nominal: f64,
    pub low: f64,
    pub high: f64,
    /// `pass`, `flag`, `incomplete` or `fail`
    pub verdict: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InspectionView {
    pub id: String,
    pub subject: Inspected,
    pub template: String,
    pub version: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// Until when that was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument_due: Option<String>,
    pub values: Vec<ValueView>,
    /// The worst of its values: `pass`, `flag`, `incomplete` or `fail`
    pub verdict: String,
    pub looked_at: Vec<String>,
    pub photos: Vec<String>,
    /// Where they can be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub by: String,
    pub at: String,
}

/// What something that is not as it should be is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum About {
    Part {
        #[schema(value_type = String)]
        serial: Serial,
    },
    Case {
        #[schema(value_type = String)]
        case: CaseToken,
    },
    Lot {
        #[schema(value_type = String)]
        lot: LotId,
    },
    Printer {
        #[schema(value_type = String)]
        printer: PrinterName,
    },
}

impl From<About> for nonconformance::About {
    fn from(given: About) -> Self {
        match given {
            About::Part { serial } => Self::Part { serial },
            About::Case { case } => Self::Case { case },
            About::Lot { lot } => Self::Lot { lot },
            About::Printer { printer } => Self::Printer { printer },
        }
    }
}

impl From<&nonconformance::About> for About {
    fn from(kept: &nonconformance::About) -> Self {
        match kept.clone() {
            nonconformance::About::Part { serial } => Self::Part { serial },
            nonconformance::About::Case { case } => Self::Case { case },
            nonconformance::About::Lot { lot } => Self::Lot { lot },
            nonconformance::About::Printer { printer } => Self::Printer { printer },
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNonconformance {
    pub about: About,
    /// `dimension`, `surface`, `breakage`, `incomplete`, `wrong_file`, `wrong_material`, `wrong_side`,
    /// `contamination`, `labelling`, `machine`, `handling` or `other`
    #[schema(value_type = String, example = "dimension")]
    pub cause: Cause,
    /// `minor`, `major` or `critical`
    #[schema(value_type = String, example = "minor")]
    pub severity: Severity,
    #[schema(value_type = String, example = "0.7 mm too long")]
    pub what: Text,
}

impl Example for NewNonconformance {
    const EXAMPLE: &'static str = r#"{"by": "kim", "about": {"of": "part", "serial": "<token>-1-1"}, "cause": "dimension", "severity": "minor", "what": "0.7 mm too long"}"#;
}

/// What becomes of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "disposition", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    Scrap {},
    /// Scrapped, and another attempt is planned.
    Reprint {},
    /// Processed and inspected anew.
    Rework {},
    /// Signs that it may be used as it is.
    UseAsIs {
        /// As its `to-sign` shows it.
        #[schema(value_type = String)]
        digest: FileHash,
    },
}

/// What may be done with something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum NonconformanceStep {
    Disposed {
        decision: Decision,
        #[schema(value_type = String)]
        why: Line,
    },
    Closed {
        /// Where what is done against its cause is written down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        capa: Option<Line>,
    },
}

impl Example for NonconformanceStep {
    const EXAMPLE: &'static str =
        r#"{"by": "kim", "is": "disposed", "decision": {"disposition": "reprint"}, "why": "too long"}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NonconformanceView {
    pub id: String,
    pub about: About,
    pub cause: String,
    pub severity: String,
    pub what: String,
    /// `open`, `disposed` or `closed`
    pub state: String,
    pub by: String,
    pub at: String,
    /// `scrap`, `reprint`, `rework` or `use_as_is`, once it is decided
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Why it was decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capa: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
}
