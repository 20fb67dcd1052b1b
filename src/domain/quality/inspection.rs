//! What is measured on a part, a coupon or a phantom, by which template and with which instrument.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::printed::{Doubt, Serial};
use super::words::{Label, Text};
use crate::domain::day::Day;
use crate::domain::ids::{FileHash, InspectionId, InstrumentName, PrinterName, TemplateName};
use crate::domain::moment::WallTime;

/// In thousandths of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Mm,
    Deg,
    G,
    Percent,
    /// 1000 is yes, 0 is no.
    Yes,
}

/// What a value out of its limits means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    Fail,
    /// Somebody says why it is good enough.
    Flag,
    /// Noted only: it may be left out, and never fails.
    Note,
}

/// One thing to be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub name: Label,
    pub unit: Measure,
    pub nominal: i32,
    /// The lowest and the highest value that is good.
    pub low: i32,
    pub high: i32,
    pub weight: Weight,
}

/// As many as fit into one entry of the journal with names of the longest.
pub const ITEMS_MAX: usize = 10;
/// Bytes of all names of a template together.
pub const NAMES_MAX: usize = 240;
/// The largest limit: ten metres.
pub const LIMIT_MAX: i32 = 9_999_999;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Caliper,
    Photo,
    SurfaceScan,
    Photogrammetry,
    Ct,
    FitTest,
    Visual,
}

impl Method {
    /// Whether it measures with something that has to be calibrated.
    pub fn needs_instrument(self) -> bool {
        matches!(self, Self::Caliper | Self::SurfaceScan | Self::Photogrammetry | Self::Ct)
    }
}

/// What to measure on one kind of thing. It never changes: another content is the next version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: TemplateName,
    /// 1, 2, 3 …
    pub version: u16,
    pub method: Method,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    pub name: InstrumentName,
    /// "digital caliper 150 mm"
    pub what: Label,
    /// The last day on which it may be used.
    pub calibration_due: Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Flag,
    Incomplete,
    Fail,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flag",
            Self::Incomplete => "incomplete",
            Self::Fail => "fail",
        }
    }
}

impl Item {
    pub fn judge(&self, value: Option<i32>) -> Verdict {
        match (value, self.weight) {
            (_, Weight::Note) => Verdict::Pass,
            (None, _) => Verdict::Incomplete,
            (Some(value), _) if (self.low..=self.high).contains(&value) => Verdict::Pass,
            (Some(_), Weight::Fail) => Verdict::Fail,
            (Some(_), Weight::Flag) => Verdict::Flag,
        }
    }
}

impl Template {
    /// Each item's verdict, and that of the whole: the worst of them.
    pub fn judge(&self, values: &[Option<i32>]) -> (Vec<Verdict>, Verdict) {
        let values = values.iter().copied().chain(std::iter::repeat(None));
        let verdicts: Vec<_> = self.items.iter().zip(values).map(|(item, value)| item.judge(value)).collect();
        let worst = verdicts.iter().copied().max().unwrap_or(Verdict::Incomplete);
        (verdicts, worst)
    }
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Subject {
    Part {
        serial: Serial,
    },
    /// A witness that was printed with a part.
    Coupon {
        serial: Serial,
    },
    Phantom {
        printer: PrinterName,
        /// When it passes, the next is due by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_due: Option<Day>,
    },
}

impl Subject {
    /// The printed part; a phantom is of no case.
    pub fn serial(&self) -> Option<&Serial> {
        match self {
            Self::Part { serial } | Self::Coupon { serial } => Some(serial),
            Self::Phantom { .. } => None,
        }
    }
}

/// Photos of one inspection.
pub const PHOTOS_MAX: usize = 3;

/// What somebody has measured, as a request; the verdicts are platen's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub subject: Subject,
    pub template: TemplateName,
    pub version: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<InstrumentName>,
    /// In the order of the template's items.
    pub values: Vec<Option<i32>>,
    /// The doubts about the part that this inspection has looked at.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub looked_at: BTreeSet<Doubt>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<FileHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

/// The verdicts of an inspection, kept with it as they were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub items: Vec<Verdict>,
    pub verdict: Verdict,
    /// Until when the instrument was calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument_due: Option<Day>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub id: InspectionId,
    pub measured: Measured,
    pub found: Found,
    pub by: String,
    pub at: WallTime,
    /// The `seq` of its event; 0 for one that was noted before it was kept.
    #[serde(default)]
    pub seq: u64,
}

impl Inspection {
    /// What sorts from the oldest on: two of one millisecond are told apart too.
    pub fn order(&self) -> (u64, WallTime) {
        (self.seq, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(weight: Weight) -> Item {
        Item { name: Label::new("a").unwrap(), unit: Measure::Mm, nominal: 10, low: 9, high: 11, weight }
    }

    #[test]
    fn each_value_has_its_verdict_at_the_limits_and_beyond() {
        use Verdict::{Fail, Flag, Incomplete, Pass};
        for (weight, value, wanted) in [
            (Weight::Fail, Some(8), Fail),
            (Weight::Fail, Some(9), Pass),
            (Weight::Fail, Some(11), Pass),
            (Weight::Fail, Some(12), Fail),
            (Weight::Fail, None, Incomplete),
            (Weight::Flag, Some(8), Flag),
            (Weight::Flag, Some(10), Pass),
            (Weight::Flag, None, Incomplete),
            (Weight::Note, Some(99), Pass),
            (Weight::Note, None, Pass),
        ] {
            assert_eq!(item(weight).judge(value), wanted, "{weight:?} {value:?}");
        }
    }

    #[test]
    fn the_whole_is_as_good_as_its_worst_item_and_nothing_measured_is_incomplete() {
        let template =
            |items| Template { name: "femur".parse().unwrap(), version: 1, method: Method::Caliper, items };
        let both = template(vec![item(Weight::Fail), item(Weight::Flag)]);
        for (values, wanted) in [
            (vec![Some(10), Some(10)], Verdict::Pass),
            (vec![Some(10), Some(0)], Verdict::Flag),
            (vec![Some(10)], Verdict::Incomplete),
            (vec![], Verdict::Incomplete),
            (vec![None, Some(0)], Verdict::Incomplete),
            (vec![Some(0), None], Verdict::Fail),
        ] {
            assert_eq!(both.judge(&values).1, wanted, "{values:?}");
        }
        assert_eq!(template(Vec::new()).judge(&[]).1, Verdict::Incomplete);
    }

    proptest! {
        #[test]
        fn a_part_with_a_value_out_of_hard_limits_never_passes(
            values in proptest::collection::vec(proptest::option::of(0i32..20), 3), bad in 0usize..3,
        ) {
            let template = Template {
                name: "x".parse().unwrap(),
                version: 1,
                method: Method::Visual,
                items: vec![item(Weight::Fail), item(Weight::Fail), item(Weight::Fail)],
            };
            let mut values = values;
            values[bad] = Some(12);
            prop_assert_eq!(template.judge(&values).1, Verdict::Fail);
        }
    }
}
