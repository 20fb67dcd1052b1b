//! A control chart for each printer: single deviations from nominal in the order of time, with limits and rules.
//!
//! It asks whether a printer still behaves as it did (limits from its own points), not whether a part is good: that is
//! the tolerance's question, and the answer stands beside it. Rules are Nelson's 1, 2 and 3.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::stats::Mean;
use crate::domain::ids::PrinterName;
use crate::domain::moment::WallTime;

/// Below this many points no limits are drawn: they would say more about chance than about the printer.
pub const POINTS_MIN: usize = 8;
/// Below this many points limits are drawn and called provisional; textbooks ask for 20 to 25.
pub const POINTS_FIRM: usize = 20;
/// Nelson 2: this many points in a row on one side of the mean.
pub const ONE_SIDE: usize = 9;
/// Nelson 3: this many points in a row, each above (or each below) the one before.
pub const TREND: usize = 6;

/// A mean moving range of two is this many standard deviations (d2 for n = 2).
const D2: f64 = 1.128;

/// One measured deviation from nominal; nothing where the item was not measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    pub printer: PrinterName,
    pub at: WallTime,
    pub micrometres: Option<i32>,
}

/// What the limits are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Mean ± 3 sample standard deviations. A slow drift widens it.
    StandardDeviation,
    /// Mean ± 3 × mean moving range ÷ 1.128 (± 2.66 moving ranges): what changes from print to print.
    MovingRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub basis: Basis,
    /// Limits from the first so many points, after which the printer was left alone; all points where absent.
    pub baseline: Option<usize>,
    /// Allowed deviation from nominal, lowest and highest.
    pub tolerance: Option<(i32, i32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nelson 1: a point outside of the limits.
    BeyondLimits,
    /// Nelson 2: nine in a row on one side of the mean.
    OneSide,
    /// Nelson 3: six in a row rising, or falling.
    Trend,
}

impl Rule {
    pub const ALL: [Self; 3] = [Self::BeyondLimits, Self::OneSide, Self::Trend];

    pub fn in_words(self) -> &'static str {
        match self {
            Self::BeyondLimits => "a point outside of the limits (Nelson 1)",
            Self::OneSide => "nine points in a row on one side of the mean (Nelson 2)",
            Self::Trend => "six points in a row rising or falling (Nelson 3)",
        }
    }
}

/// Where a rule was broken: places in `points`, first and last of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signal {
    pub rule: Rule,
    pub first: usize,
    pub last: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub basis: Basis,
    /// From how many points.
    pub n: usize,
    /// Fewer than `POINTS_FIRM`.
    pub provisional: bool,
    pub mean: f64,
    /// One standard deviation, as the basis estimates it.
    pub sigma: f64,
    pub lower: f64,
    pub upper: f64,
}

/// What can be said about the points of a printer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    TooFew {
        n: usize,
        needed: usize,
    },
    /// The points do not differ: the instrument is too coarse to draw limits.
    NoSpread {
        n: usize,
    },
    Judged {
        limits: Limits,
        signals: Vec<Signal>,
    },
}

impl Verdict {
    pub fn in_words(&self) -> String {
        match self {
            Self::TooFew { n, needed } => {
                format!("too few points for limits: {n}, and {needed} are needed; measure more prints")
            }
            Self::NoSpread { n } => {
                format!(
                    "the {n} points do not differ, so that there are no limits; measure with a finer instrument"
                )
            }
            Self::Judged { limits, signals } => {
                let firm = if limits.provisional { ", provisional" } else { "" };
                let broken = match signals.len() {
                    0 => "no rule is broken".to_owned(),
                    1 => "1 rule is broken".to_owned(),
                    several => format!("rules are broken {several} times"),
                };
                format!("limits from {} points{firm}: {broken}", limits.n)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// In the order of time.
    pub points: Vec<(WallTime, i32)>,
    /// Items that were not measured.
    pub missing: u64,
    /// Of all points (§6.5, dimensional performance).
    pub all: Option<Mean>,
    pub largest: Option<u32>,
    /// Places of the points outside of the tolerance.
    pub out_of_tolerance: Vec<usize>,
    pub verdict: Verdict,
}

/// One chart a printer.
pub fn charts(measurements: &[Measurement], settings: Settings) -> BTreeMap<PrinterName, Chart> {
    let mut printers: BTreeMap<PrinterName, (Vec<(WallTime, i32)>, u64)> = BTreeMap::new();
    for measurement in measurements {
        let (points, missing) = printers.entry(measurement.printer.clone()).or_default();
        match measurement.micrometres {
            Some(micrometres) => points.push((measurement.at, micrometres)),
            None => *missing += 1,
        }
    }
    printers
        .into_iter()
        .map(|(printer, (points, missing))| (printer, chart(points, missing, settings)))
        .collect()
}

fn chart(mut points: Vec<(WallTime, i32)>, missing: u64, settings: Settings) -> Chart {
    points.sort_by_key(|(at, _)| *at);
    let values: Vec<f64> = points.iter().map(|(_, value)| f64::from(*value)).collect();
    let outside = |value: i32| settings.tolerance.is_some_and(|(low, high)| value < low || value > high);
    let places = points.iter().enumerate().filter(|(_, (_, value))| outside(*value));
    Chart {
        missing,
        all: Mean::of(&values),
        largest: points.iter().map(|(_, value)| value.unsigned_abs()).max(),
        out_of_tolerance: places.map(|(place, _)| place).collect(),
        verdict: judge(&values, settings),
        points,
    }
}

fn judge(values: &[f64], settings: Settings) -> Verdict {
    let baseline = settings.baseline.map_or(values.len(), |baseline| baseline.min(values.len()));
    let base = values.get(..baseline).unwrap_or(values);
    let wanted = settings.baseline.unwrap_or(POINTS_MIN).max(POINTS_MIN);
    let (n, needed) = (base.len(), wanted);
    let Some(Mean { mean, sd: Some(sd), .. }) = Mean::of(base).filter(|_| n >= needed) else {
        return Verdict::TooFew { n, needed };
    };
    let sigma = match settings.basis {
        Basis::StandardDeviation => sd,
        Basis::MovingRange => {
            let ranges = base.iter().zip(base.iter().skip(1)).map(|(one, next)| (next - one).abs());
            ranges.sum::<f64>() / (n as f64 - 1.0) / D2
        }
    };
    // Whole micrometres: equal values have a spread of exactly zero.
    if sigma == 0.0 {
        return Verdict::NoSpread { n };
    }
    let limits = Limits {
        basis: settings.basis,
        n,
        provisional: n < POINTS_FIRM,
        mean,
        sigma,
        lower: mean - 3.0 * sigma,
        upper: mean + 3.0 * sigma,
    };
    let mut signals: Vec<Signal> = values
        .iter()
        .enumerate()
        .filter(|(_, value)| **value < limits.lower || **value > limits.upper)
        .map(|(place, _)| Signal { rule: Rule::BeyondLimits, first: place, last: place })
        .collect();
    let sides: Vec<i8> = values.iter().map(|value| sign(value - mean)).collect();
    signals.extend(runs(&sides, ONE_SIDE).map(|(first, last)| Signal { rule: Rule::OneSide, first, last }));
    let steps: Vec<i8> =
        values.iter().zip(values.iter().skip(1)).map(|(one, next)| sign(next - one)).collect();
    // Six points are five steps; a run of steps ends one point further on.
    let trends = runs(&steps, TREND - 1);
    signals.extend(trends.map(|(first, last)| Signal { rule: Rule::Trend, first, last: last + 1 }));
    signals.sort_by_key(|signal| (signal.first, signal.last, signal.rule));
    Verdict::Judged { limits, signals }
}

fn sign(value: f64) -> i8 {
    i8::from(value > 0.0) - i8::from(value < 0.0)
}

/// First and last place of each run of one sign that is long enough; a zero belongs to none.
fn runs(signs: &[i8], long: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    let pieces = signs.chunk_by(|one, next| one == next).map(move |piece| {
        let from = first;
        first += piece.len();
        (from, piece)
    });
    pieces
        .filter(move |(_, piece)| piece.len() >= long && piece.first().is_some_and(|sign| *sign != 0))
        .map(|(from, piece)| (from, from + piece.len() - 1))
}

#[cfg(test)]
mod tests;
