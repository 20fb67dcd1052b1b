//! Whether a model has the size and the handedness that it should: units, scale, mirroring, and the print beside it.
//!
//! A model is never scaled or mirrored on a guess: what is found is held against what a person declared, and any
//! difference is told. What a format cannot show (an STL that was mirrored before) is told as just that.
//! A box cannot show mirroring: a mirrored body has the same extents.

use std::fmt;
use std::str::FromStr;

use super::mesh::{cross, dot};
use crate::domain::finding::{Finding, Severity};

/// What one step of a coordinate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Unit {
    #[serde(rename = "um")]
    Micrometre,
    #[serde(rename = "mm")]
    Millimetre,
    #[serde(rename = "cm")]
    Centimetre,
    #[serde(rename = "inch")]
    Inch,
    #[serde(rename = "ft")]
    Foot,
    #[serde(rename = "m")]
    Metre,
}

/// Short name, name in a 3MF, mm.
const UNITS: [(Unit, &str, &str, f64); 6] = [
    (Unit::Micrometre, "um", "micron", 1e-3),
    (Unit::Millimetre, "mm", "millimeter", 1.0),
    (Unit::Centimetre, "cm", "centimeter", 10.0),
    (Unit::Inch, "inch", "inch", 25.4),
    (Unit::Foot, "ft", "foot", 304.8),
    (Unit::Metre, "m", "meter", 1e3),
];

impl Unit {
    pub fn millimetres(self) -> f64 {
        UNITS.iter().find(|(unit, ..)| *unit == self).map_or(1.0, |(.., mm)| *mm)
    }

    pub(super) fn of_3mf(name: &str) -> Option<Self> {
        UNITS.iter().find(|(_, _, other, _)| *other == name).map(|(unit, ..)| *unit)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UNITS.iter().find(|(unit, ..)| unit == self).map_or("mm", |(_, name, ..)| name))
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let found = UNITS.iter().find(|(_, name, ..)| *name == given).map(|(unit, ..)| *unit);
        found.ok_or_else(|| format!("{given} is no unit; say um, mm, cm, m, inch or ft"))
    }
}

/// Where the unit of a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitFrom {
    File,
    /// A 3MF that says none is in millimetres.
    Standard,
    /// A person told it.
    Told,
    /// Nobody told it, and the format has none: taken for millimetres.
    Assumed,
}

/// All matrices of a plate as one: how its objects were scaled, mirrored and turned where they stand.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Transforms {
    pub placed: u64,
    pub mirrored: u64,
    /// Stretched along one axis more than along another, or skewed.
    pub uneven: u64,
    pub turned: u64,
    /// The smallest and the largest scale along any axis.
    pub least: f64,
    pub most: f64,
}

impl Default for Transforms {
    fn default() -> Self {
        Self { placed: 0, mirrored: 0, uneven: 0, turned: 0, least: f64::INFINITY, most: 0.0 }
    }
}

/// Rounding of a matrix that is written with five digits.
const MATRIX_SLACK: f64 = 1e-4;

impl Transforms {
    /// One body where it is, as in the formats without transforms.
    pub(super) fn none() -> Self {
        Self { placed: 1, least: 1.0, most: 1.0, ..Self::default() }
    }

    /// The images of X, Y and Z.
    pub(super) fn note(&mut self, rows: [[f64; 3]; 3]) {
        let lengths = rows.map(|row| dot(row, row).sqrt());
        let (least, most) =
            (lengths.into_iter().fold(f64::MAX, f64::min), lengths.into_iter().fold(0.0, f64::max));
        let skewed = [(0, 1), (1, 2), (2, 0)]
            .iter()
            .any(|(a, b)| dot(rows[*a], rows[*b]).abs() > MATRIX_SLACK * lengths[*a] * lengths[*b]);
        let off =
            (0..3).any(|row| (0..3).any(|axis| axis != row && rows[row][axis].abs() > MATRIX_SLACK * most));
        let back = (0..3).filter(|axis| rows[*axis][*axis] < 0.0).count();
        self.placed += 1;
        self.mirrored += u64::from(dot(rows[0], cross(rows[1], rows[2])) < 0.0);
        self.uneven += u64::from(skewed || most > least * (1.0 + MATRIX_SLACK));
        self.turned += u64::from(off || back >= 2);
        self.least = self.least.min(least);
        self.most = self.most.max(most);
    }
}

/// What a person says of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Declared {
    pub units: Option<Unit>,
    /// How large the print is to be, by the anatomy: 0.5 is half of it.
    pub scale: f64,
    pub mirrored: bool,
    /// mm, of the anatomy at its own size, in any order.
    pub expected: Option<[f64; 3]>,
    /// mm, what the printer can make.
    pub volume: Option<[f64; 3]>,
}

impl Default for Declared {
    fn default() -> Self {
        Self { units: None, scale: 1.0, mirrored: false, expected: None, volume: None }
    }
}

/// What is found of a model, as far as its size is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub unit: Unit,
    pub size: [f64; 3],
    pub transforms: Transforms,
}

/// Two sizes that a person or a program measured in different ways.
const UNIT_SLACK: f64 = 0.05;
/// Anatomy is measured by hand on a screen.
const EXPECTED_SLACK: f64 = 0.10;
/// mm: below it even a stapes has nothing left to print, above it no part of a person fits on a printer.
const SMALL: f64 = 5.0;
const LARGE: f64 = 500.0;

/// Factors between units that are taken for one another, and which ones, where the result is too large or too small.
const FACTORS: [(f64, &str, &str); 3] = [
    (25.4, "millimetres taken for inches", "inches taken for millimetres"),
    (1000.0, "micrometres taken for millimetres, or millimetres for metres", "metres taken for millimetres"),
    (10.0, "millimetres taken for centimetres", "centimetres taken for millimetres"),
];

/// What kind of mistake makes something `ratio` times as large as it should be, along every axis.
pub fn unit_mistake(ratios: &[f64]) -> Option<String> {
    FACTORS.iter().find_map(|(factor, larger, smaller)| {
        let near = |wanted: f64| ratios.iter().all(|ratio| (ratio / wanted - 1.0).abs() <= UNIT_SLACK);
        if ratios.is_empty() {
            None
        } else if near(*factor) {
            Some(format!("{factor} times too large: {larger}"))
        } else if near(1.0 / factor) {
            Some(format!("{factor} times too small: {smaller}"))
        } else {
            None
        }
    })
}

fn sorted(mut size: [f64; 3]) -> [f64; 3] {
    size.sort_by(f64::total_cmp);
    size
}

fn ratios(found: [f64; 3], wanted: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| found[axis] / wanted[axis].max(1e-9))
}

/// `12.0 × 8.5 × 30.2 mm`
pub fn shown_size(size: [f64; 3]) -> String {
    format!("{} mm", size.map(shown_length).join(" × "))
}

fn shown_length(length: f64) -> String {
    if length.abs() < 10.0 { format!("{length:.3}") } else { format!("{length:.1}") }
}

fn finding(code: &'static str, severity: Severity, what: String, help: &'static str) -> Finding {
    Finding { code, severity, line: None, what, help }
}

pub(super) fn judge(found: &Found, declared: &Declared) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Some(told) = declared.units.filter(|told| *told != found.unit) {
        let what = format!("the file counts in {}, and {told} was declared", found.unit);
        let help = "look which is right; a 3MF says its unit itself, or is in mm";
        out.push(finding("units.contradiction", Severity::Error, what, help));
    }
    transforms(&found.transforms, declared, &mut out);
    size(found, declared, &mut out);
    out
}

fn transforms(found: &Transforms, declared: &Declared, out: &mut Vec<Finding>) {
    const DECLARE: &str = "export it at its own size, or declare the scale";
    let near = |scale: f64, wanted: f64| (scale / wanted - 1.0).abs() <= MATRIX_SLACK;
    let all = |wanted| near(found.least, wanted) && near(found.most, wanted);
    if found.uneven > 0 {
        let what = format!(
            "{} of {} objects are stretched or skewed by their transforms ({:.4} to {:.4})",
            found.uneven, found.placed, found.least, found.most
        );
        let help = "export the model as it is to be printed; no declaration covers that";
        out.push(finding("scale.uneven", Severity::Error, what, help));
    } else if all(1.0) && !near(declared.scale, 1.0) {
        if declared.expected.is_none() {
            let what = format!(
                "a scale of {} was declared, and the file does not show it: it has to be in its coordinates already",
                declared.scale
            );
            out.push(finding(
                "scale.unseen",
                Severity::Warning,
                what,
                "measure it, and say the expected size",
            ));
        }
    } else if !all(declared.scale) {
        let range = if near(found.least, found.most) {
            format!("{:.4}", found.most)
        } else {
            format!("{:.4} to {:.4}", found.least, found.most)
        };
        let unit = unit_mistake(&[found.least / declared.scale, found.most / declared.scale]);
        let unit = unit.map(|unit| format!(" ({unit})")).unwrap_or_default();
        let what =
            format!("the file scales its objects by {range}{unit}, and {} was declared", declared.scale);
        out.push(finding("scale.undeclared", Severity::Error, what, DECLARE));
    }
    match (found.mirrored, declared.mirrored) {
        (0, false) => {}
        (0, true) => {
            let what = "mirroring was declared, and the file does not show it: it has to be in its coordinates already";
            let help = "look at left and right on the model itself";
            out.push(finding("mirror.unseen", Severity::Warning, what.into(), help));
        }
        (some, _) if some < found.placed => {
            let what = format!(
                "{some} of {} objects are mirrored by their transforms, the others are not",
                found.placed
            );
            out.push(finding(
                "mirror.mixed",
                Severity::Error,
                what,
                "export them apart, or none of them mirrored",
            ));
        }
        (_, false) => {
            let what = "a transform in the file mirrors the model, and nobody declared that".into();
            let help = "left becomes right: export it without, or declare that it is mirrored";
            out.push(finding("mirror.undeclared", Severity::Error, what, help));
        }
        (_, true) => {}
    }
}

fn size(found: &Found, declared: &Declared, out: &mut Vec<Finding>) {
    const UNIT: &str = "export it in millimetres, or say the unit that it has";
    let size = sorted(found.size);
    let largest = size[2];
    if let Some(expected) = declared.expected {
        let wanted = sorted(expected.map(|at| at * declared.scale));
        let ratios = ratios(size, wanted);
        if let Some(mistake) = unit_mistake(&ratios) {
            let what = format!(
                "the model is {}, and {} was expected: {mistake}",
                shown_size(size),
                shown_size(wanted)
            );
            out.push(finding("size.unit", Severity::Error, what, UNIT));
        } else if ratios.iter().any(|ratio| (ratio - 1.0).abs() > EXPECTED_SLACK) {
            let what = format!("the model is {}, and {} was expected", shown_size(size), shown_size(wanted));
            let help = "look whether it is the right model, and at its scale";
            out.push(finding("size.expected", Severity::Error, what, help));
        }
    } else if !(SMALL..=LARGE).contains(&largest) {
        // Which unit would make a part of a person of it?
        let per = found.unit.millimetres();
        let others = UNITS
            .iter()
            .filter(|(unit, ..)| *unit != found.unit)
            .map(|(_, name, _, mm)| (name, largest / per * mm))
            .filter(|(_, largest)| (SMALL..=LARGE).contains(largest))
            .map(|(name, largest)| format!("{} mm if it counts in {name}", shown_length(largest)));
        // What is too large was mostly taken for another unit on its way into the file.
        let smaller = FACTORS
            .iter()
            .map(|(factor, larger, _)| (largest / factor, larger))
            .filter(|(size, _)| largest > LARGE && (SMALL..=LARGE).contains(size))
            .map(|(size, larger)| format!("{} mm with {larger}", shown_length(size)));
        let others: Vec<String> = others.chain(smaller).collect();
        let otherwise = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        let what = format!("its largest extent is {} mm{otherwise}", shown_length(largest));
        let code = if largest < SMALL { "size.small" } else { "size.large" };
        out.push(finding(code, Severity::Warning, what, UNIT));
    }
    if let Some(volume) = declared.volume {
        let fits = |size: [f64; 3], volume: [f64; 3]| (0..3).all(|axis| size[axis] <= volume[axis]);
        let what =
            format!("the model is {}, and the printer makes {}", shown_size(found.size), shown_size(volume));
        if !fits(size, sorted(volume)) {
            let help = "print it on a larger printer, or in pieces; one that fits only when tilted has to be tilted in the file";
            out.push(finding("volume.large", Severity::Error, what, help));
        } else if !fits(found.size, volume) {
            out.push(finding("volume.turned", Severity::Warning, what, "it fits when it is turned: turn it"));
        }
    }
}

/// How the model was turned before it was sliced, as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    Not,
    /// By quarters of a turn, about any axis: the lengths may change places.
    Quarters,
    /// By any angle about the axis that stands on the plate.
    AboutZ,
}

/// What was made of a model, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sliced {
    /// Width and depth of all extrusion; and how high the highest of it is above the plate, since the lowest is
    /// one layer above it already.
    pub size: [f64; 3],
    pub bead: f64,
    pub layer: f64,
    /// How much brim, skirt and supports may add to width and depth, on both sides together; 0 where the extents
    /// are of the object alone. Whoever says more sees less: a change of scale hides in it.
    pub around: f64,
    /// How much a raft may add to the height.
    pub below: f64,
}

/// Rounding of slicers.
const SLICE_SLACK: f64 = 0.1;

/// The print beside the approved model, mm along X, Y and Z; no finding: the same size.
///
/// A bead's middle lies half a bead inside the surface, and a tip thinner than a bead is not printed: two beads
/// less are allowed in width and depth, and one layer in height. Nothing is allowed for shrinkage: who makes a print
/// larger than the model says so as a scale. It is meant to refuse rather than to pass, with two gaps that a box
/// leaves: a mirrored print has the same one, and of a model turned by an unknown angle only height and diagonal hold.
pub fn compare_extents(model: [f64; 3], sliced: &Sliced, turned: Turned) -> Vec<Finding> {
    const HELP: &str = "slice the approved model again, at its own size; a scale or a turn has to be declared with the model";
    let orders: &[[usize; 3]] = match turned {
        Turned::Not | Turned::AboutZ => &[[0, 1, 2]],
        Turned::Quarters => &[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]],
    };
    let fits = |order: &[usize; 3]| {
        let model = order.map(|axis| model[axis]);
        let height = sliced.size[2] - model[2];
        let tall = -(sliced.layer + SLICE_SLACK)..=sliced.layer + SLICE_SLACK + sliced.below;
        tall.contains(&height)
            && (0..2).all(|axis| {
                let (least, most) = match turned {
                    // A body in a box can be as thin as a line from corner to corner.
                    Turned::AboutZ => (0.0, model[0].hypot(model[1])),
                    _ => (model[axis] - 2.0 * sliced.bead - SLICE_SLACK, model[axis]),
                };
                (least..=most + sliced.around + SLICE_SLACK).contains(&sliced.size[axis])
            })
    };
    // What is not even a number is nothing that fits.
    if orders.iter().any(fits) {
        return Vec::new();
    }
    let mistake = orders.iter().find_map(|order| {
        let ratios = ratios(sliced.size, order.map(|axis| model[axis]));
        let exact = sliced.around == 0.0 && turned != Turned::AboutZ;
        unit_mistake(if exact { &ratios } else { &ratios[2..] })
    });
    let what = format!("the print is {}, the approved model {}", shown_size(sliced.size), shown_size(model));
    vec![match mistake {
        Some(mistake) => finding("size.unit", Severity::Error, format!("{what}: {mistake}"), HELP),
        None => finding("size.model", Severity::Error, what, HELP),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PART: [f64; 3] = [80.0, 60.0, 100.0];

    fn found(size: [f64; 3]) -> Found {
        Found { unit: Unit::Millimetre, size, transforms: Transforms::none() }
    }

    fn codes(found: &Found, declared: &Declared) -> Vec<&'static str> {
        judge(found, declared).iter().map(|finding| finding.code).collect()
    }

    fn of(rows: &[[[f64; 3]; 3]]) -> Transforms {
        let mut transforms = Transforms::default();
        rows.iter().for_each(|rows| transforms.note(*rows));
        transforms
    }

    const SAME: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    fn times(factor: f64) -> [[f64; 3]; 3] {
        SAME.map(|row| row.map(|at| at * factor))
    }

    #[test]
    fn units_have_one_name_each_way() {
        for (unit, name, in_3mf, mm) in UNITS {
            assert_eq!((name.parse(), Unit::of_3mf(in_3mf), unit.millimetres()), (Ok(unit), Some(unit), mm));
            assert_eq!(serde_json::to_string(&unit).unwrap(), format!("\"{unit}\""));
        }
        assert!("ell".parse::<Unit>().unwrap_err().contains("say um, mm, cm, m, inch or ft"));
        assert_eq!(Unit::of_3mf("mm"), None);
    }

    #[test]
    fn every_mistake_of_units_is_recognised_against_an_expected_size() {
        for (factor, told) in [
            (25.4, "25.4 times too large: millimetres taken for inches"),
            (1.0 / 25.4, "25.4 times too small: inches taken for millimetres"),
            (1000.0, "1000 times too large: micrometres"),
            (0.001, "1000 times too small: metres"),
            (10.0, "10 times too large: millimetres taken for centimetres"),
            (0.1, "10 times too small: centimetres taken for millimetres"),
        ] {
            // In any order, and measured by hand.
            let size = [PART[2] * factor * 1.04, PART[0] * factor, PART[1] * factor * 0.97];
            let declared = Declared { expected: Some(PART), ..Declared::default() };
            let findings = judge(&found(size), &declared);
            assert!(findings.len() == 1 && findings[0].code == "size.unit", "{factor}: {findings:?}");
            assert!(findings[0].what.contains(told), "{}", findings[0].what);
            // At the scale that was declared.
            let half = Declared { scale: 0.5, ..declared };
            assert_eq!(codes(&found(size.map(|at| at / 2.0)), &half), ["size.unit"]);
        }
    }

    #[test]
    fn a_size_that_is_none_of_units_is_held_against_what_was_expected() {
        let declared = Declared { expected: Some([100.0, 80.0, 60.0]), ..Declared::default() };
        assert_eq!(codes(&found(PART), &declared), [""; 0]);
        assert_eq!(codes(&found([87.0, 60.0, 100.0]), &declared), [""; 0]);
        assert_eq!(codes(&found([89.0, 60.0, 100.0]), &declared), ["size.expected"]);
        assert_eq!(codes(&found([80.0, 60.0, 25.4]), &declared), ["size.expected"]);
        assert_eq!(codes(&found([0.0; 3]), &declared), ["size.expected"]);
        assert_eq!(codes(&found(PART), &Declared { scale: 0.5, ..declared }), ["size.expected"]);
        assert_eq!(codes(&found([40.0, 30.0, 50.0]), &Declared { scale: 0.5, ..declared }), [""; 0]);
    }

    #[test]
    fn without_an_expected_size_only_what_no_part_of_a_person_has_is_told_with_the_units_it_may_be_in() {
        let told = |size: [f64; 3]| judge(&found(size), &Declared::default());
        assert_eq!(told(PART), []);
        let inches = told(PART.map(|at| at / 25.4));
        assert_eq!((inches.len(), inches[0].code, inches[0].severity), (1, "size.small", Severity::Warning));
        assert_eq!(
            inches[0].what,
            "its largest extent is 3.937 mm (39.4 mm if it counts in cm, 100.0 mm if it counts in inch)"
        );
        let metres = told(PART.map(|at| at / 1000.0));
        assert!(
            metres[0].what.ends_with("(30.480 mm if it counts in ft, 100.0 mm if it counts in m)")
                || metres[0].what.contains("100.0 mm if it counts in m"),
            "{}",
            metres[0].what
        );
        let large = told(PART.map(|at| at * 25.4));
        assert_eq!(
            (large[0].code, large[0].what.as_str()),
            (
                "size.large",
                "its largest extent is 2540.0 mm (100.0 mm with millimetres taken for inches, 254.0 mm with \
                 millimetres taken for centimetres)"
            )
        );
        let fine = told(PART.map(|at| at * 1000.0));
        assert_eq!(
            (fine[0].code, fine[0].what.contains("100.0 mm if it counts in um")),
            ("size.large", true)
        );
    }

    #[test]
    fn a_part_that_does_not_fit_is_told_from_one_that_has_to_be_turned() {
        let declared = Declared { volume: Some([250.0, 210.0, 90.0]), ..Declared::default() };
        assert_eq!(codes(&found(PART), &declared), ["volume.turned"]);
        assert_eq!(codes(&found([200.0, 200.0, 90.0]), &declared), [""; 0]);
        assert_eq!(codes(&found([91.0, 95.0, 92.0]), &declared), ["volume.large"]);
        assert_eq!(codes(&found([10.0, 10.0, 251.0]), &declared), ["volume.large"]);
    }

    #[test]
    fn a_matrix_is_read_for_what_it_does() {
        let turned = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]];
        let mirror = [[-1.0, 0.0, 0.0], SAME[1], SAME[2]];
        let about_z = [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], SAME[2]];
        let all = |t: Transforms| (t.placed, t.mirrored, t.uneven, t.turned);
        assert_eq!(all(of(&[SAME, times(2.0)])), (2, 0, 0, 0));
        assert_eq!(all(of(&[turned])), (1, 0, 0, 1));
        assert_eq!(all(of(&[mirror, SAME])), (2, 1, 0, 0));
        assert_eq!(all(of(&[about_z])), (1, 0, 0, 1));
        assert_eq!(all(of(&[times(-1.0)])), (1, 1, 0, 1));
        assert_eq!(all(of(&[[[1.001, 0.0, 0.0], SAME[1], SAME[2]]])), (1, 0, 1, 0));
        assert_eq!(all(of(&[[[1.0, 0.01, 0.0], SAME[1], SAME[2]]])), (1, 0, 1, 1));
        // Written with five digits.
        assert_eq!(all(of(&[[[0.76604, 0.64279, 0.0], [-0.64279, 0.76604, 0.0], SAME[2]]])), (1, 0, 0, 1));
        assert_eq!(of(&[times(0.5), times(3.0)]).least, 0.5);
        assert_eq!(of(&[times(0.5), times(3.0)]).most, 3.0);
    }

    #[test]
    fn a_scale_is_taken_only_as_it_was_declared() {
        let with = |transforms: Transforms, scale: f64, expected: Option<[f64; 3]>| {
            let found = Found { transforms, ..found([80.0, 60.0, 100.0]) };
            judge(&found, &Declared { scale, expected, ..Declared::default() })
        };
        let codes = |findings: Vec<Finding>| findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        let half = of(&[times(0.5)]);
        assert_eq!(codes(with(half, 1.0, None)), ["scale.undeclared"]);
        assert_eq!(codes(with(half, 0.5, None)), [""; 0]);
        assert_eq!(codes(with(half, 0.6, None)), ["scale.undeclared"]);
        assert_eq!(codes(with(of(&[times(0.5), SAME]), 0.5, None)), ["scale.undeclared"]);
        assert_eq!(codes(with(Transforms::none(), 0.5, None)), ["scale.unseen"]);
        // A measure proves what the format cannot show.
        assert_eq!(codes(with(Transforms::none(), 0.5, Some([160.0, 120.0, 200.0]))), [""; 0]);
        let inches = with(of(&[times(25.4)]), 1.0, None);
        assert!(
            inches[0].what.contains("scales its objects by 25.4000 (25.4 times too large"),
            "{}",
            inches[0].what
        );
    }

    #[test]
    fn a_mirror_is_taken_only_as_it_was_declared_and_for_all_objects() {
        let mirror = [[-1.0, 0.0, 0.0], SAME[1], SAME[2]];
        let with = |transforms: Transforms, mirrored: bool| {
            codes(&Found { transforms, ..found(PART) }, &Declared { mirrored, ..Declared::default() })
        };
        assert_eq!(with(of(&[mirror]), false), ["mirror.undeclared"]);
        assert_eq!(with(of(&[mirror]), true), [""; 0]);
        assert_eq!(with(of(&[SAME]), true), ["mirror.unseen"]);
        assert_eq!(with(of(&[SAME]), false), [""; 0]);
        for declared in [false, true] {
            assert_eq!(with(of(&[mirror, SAME]), declared), ["mirror.mixed"]);
        }
    }

    const BARE: Sliced =
        Sliced { size: [79.55, 59.55, 99.9], bead: 0.45, layer: 0.2, around: 0.0, below: 0.0 };

    fn compared(sliced: Sliced, turned: Turned) -> Option<&'static str> {
        compare_extents(PART, &sliced, turned).first().map(|finding| finding.code)
    }

    #[test]
    fn a_print_of_the_model_at_its_size_passes_and_every_other_size_does_not() {
        for turned in [Turned::Not, Turned::Quarters, Turned::AboutZ] {
            assert_eq!(compared(BARE, turned), None);
        }
        for (size, code) in [
            ([79.55, 59.55, 99.6], "size.model"),
            ([79.55, 59.55, 100.4], "size.model"),
            ([78.9, 59.55, 99.9], "size.model"),
            ([79.55, 58.9, 99.9], "size.model"),
            ([80.2, 59.55, 99.9], "size.model"),
            ([59.55, 79.55, 99.9], "size.model"),
            ([79.2, 59.3, 98.9], "size.model"),
            ([f64::NAN, 59.55, 99.9], "size.model"),
            (PART.map(|at| at * 25.4), "size.unit"),
            (PART.map(|at| at / 25.4), "size.unit"),
            (PART.map(|at| at * 10.0), "size.unit"),
            (PART.map(|at| at / 1000.0), "size.unit"),
        ] {
            assert_eq!(compared(Sliced { size, ..BARE }, Turned::Not), Some(code), "{size:?}");
        }
    }

    #[test]
    fn what_lies_around_a_print_is_allowed_only_as_far_as_it_was_said() {
        let brim = Sliced { size: [89.5, 69.5, 99.9], ..BARE };
        assert_eq!(compared(brim, Turned::Not), Some("size.model"));
        assert_eq!(compared(Sliced { around: 10.0, ..brim }, Turned::Not), None);
        let raft = Sliced { size: [79.55, 59.55, 101.5], ..BARE };
        assert_eq!(compared(Sliced { around: 10.0, ..raft }, Turned::Not), Some("size.model"));
        assert_eq!(compared(Sliced { below: 2.0, ..raft }, Turned::Not), None);
        // Whatever is around it, its height tells a mistake of units.
        let inches = Sliced { size: PART.map(|at| at / 25.4), around: 200.0, ..BARE };
        assert_eq!(compared(inches, Turned::Not), Some("size.unit"));
    }

    #[test]
    fn lengths_change_places_only_where_a_turn_was_declared() {
        let lying = Sliced { size: [99.5, 59.5, 79.9], ..BARE };
        assert_eq!(compared(lying, Turned::Not), Some("size.model"));
        assert_eq!(compared(lying, Turned::AboutZ), Some("size.model"));
        assert_eq!(compared(lying, Turned::Quarters), None);
        let askew = Sliced { size: [95.0, 90.0, 99.9], ..BARE };
        assert_eq!(compared(askew, Turned::Quarters), Some("size.model"));
        assert_eq!(compared(askew, Turned::AboutZ), None);
        assert_eq!(
            compared(Sliced { size: [101.0, 90.0, 99.9], ..BARE }, Turned::AboutZ),
            Some("size.model")
        );
    }

    proptest! {
        #[test]
        fn whoever_passes_is_as_tall_as_the_model_and_not_wider_than_said(
            size in proptest::array::uniform3(0.0f64..300.0), around in 0.0f64..60.0, below in 0.0f64..5.0,
        ) {
            let sliced = Sliced { size, around, below, ..BARE };
            if compare_extents(PART, &sliced, Turned::Not).is_empty() {
                prop_assert!((size[2] - PART[2]).abs() <= 0.31 + below);
                prop_assert!((0..2).all(|axis| size[axis] <= PART[axis] + around + 0.11 && size[axis] > PART[axis] - 1.01));
            }
        }
    }
}
