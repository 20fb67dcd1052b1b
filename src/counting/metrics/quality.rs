//! Counts of what went wrong, of what was stopped in time, and of what is overdue.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::{Window, between};
use crate::counting::stats::Spread;
use crate::domain::ids::PrinterName;
use crate::domain::moment::WallTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonconformity {
    pub opened: WallTime,
    pub closed: Option<WallTime>,
    pub cause: Option<String>,
}

/// A start that was refused: what would have gone wrong did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocked {
    ExpiredLot,
    /// In quarantine, blocked or recalled.
    UnreleasedLot,
    WrongMaterial,
    WrongFile,
    Unqualified,
    CalibrationDue,
}

impl Blocked {
    /// Whether the wrong thing had been put in or chosen already (§6.5: near-miss).
    pub fn is_near_miss(self) -> bool {
        matches!(self, Self::ExpiredLot | Self::UnreleasedLot | Self::WrongMaterial | Self::WrongFile)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    pub printer: PrinterName,
    /// Nothing where it was never planned.
    pub due: Option<WallTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    pub window: Window,
    /// Opened in the window.
    pub nonconformities: u64,
    /// Parts that were printed in the window.
    pub parts: u64,
    pub by_cause: BTreeMap<String, u64>,
    pub without_cause: u64,
    /// Of those closed in the window, in milliseconds; missing where the clock went back.
    pub to_close: Spread,
    /// Open at the end of the window.
    pub open: u64,
    /// At the end of the window.
    pub overdue: BTreeSet<PrinterName>,
    pub never_planned: BTreeSet<PrinterName>,
    pub blocked: BTreeMap<Blocked, u64>,
    pub near_misses: u64,
}

impl Quality {
    pub fn of(
        window: Window,
        parts_printed: u64,
        nonconformities: &[Nonconformity],
        blocked: &[(WallTime, Blocked)],
        calibrations: &[Calibration],
    ) -> Self {
        let opened = || nonconformities.iter().filter(|one| window.has(one.opened));
        let mut by_cause: BTreeMap<String, u64> = BTreeMap::new();
        for cause in opened().filter_map(|one| one.cause.clone()) {
            *by_cause.entry(cause).or_default() += 1;
        }
        let mut blocks: BTreeMap<Blocked, u64> = BTreeMap::new();
        for (_, block) in blocked.iter().filter(|(at, _)| window.has(*at)) {
            *blocks.entry(*block).or_default() += 1;
        }
        let closed = nonconformities.iter().filter_map(|one| Some((one.opened, one.closed?)));
        let closed = closed.filter(|(_, closed)| window.has(*closed));
        let is_open = |one: &&Nonconformity| {
            one.opened < window.to && one.closed.is_none_or(|closed| closed >= window.to)
        };
        let overdue = calibrations.iter().filter(|one| one.due.is_some_and(|due| due < window.to));
        let unplanned = calibrations.iter().filter(|one| one.due.is_none());
        Self {
            window,
            nonconformities: opened().count() as u64,
            parts: parts_printed,
            without_cause: opened().filter(|one| one.cause.is_none()).count() as u64,
            by_cause,
            to_close: Spread::of(closed.map(|(opened, closed)| between(opened, closed))),
            open: nonconformities.iter().filter(is_open).count() as u64,
            overdue: overdue.map(|one| one.printer.clone()).collect(),
            never_planned: unplanned.map(|one| one.printer.clone()).collect(),
            near_misses: blocks
                .iter()
                .filter(|(block, _)| block.is_near_miss())
                .map(|(_, count)| count)
                .sum(),
            blocked: blocks,
        }
    }

    /// Nonconformities for 100 printed parts, in hundredths, rounded half up; nothing where none was printed.
    pub fn per_hundred_parts(&self) -> Option<u64> {
        let product = u128::from(self.nonconformities) * 10_000 + u128::from(self.parts) / 2;
        product.checked_div(u128::from(self.parts)).and_then(|rate| u64::try_from(rate).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_counts_what_opened_closed_and_was_stopped_within_the_window() {
        let one = |opened, closed: Option<u64>, cause: Option<&str>| Nonconformity {
            opened: WallTime(opened),
            closed: closed.map(WallTime),
            cause: cause.map(Into::into),
        };
        let nonconformities = [
            one(5, Some(12), Some("warped")),   // closed in the window after 7
            one(10, Some(13), Some("warped")),  // opened and closed in it: 3
            one(11, None, None),                // open
            one(12, Some(20), Some("scratch")), // closed at the window's end: still open in it
            one(20, None, None),                // after it
        ];
        let blocked = [
            (WallTime(10), Blocked::ExpiredLot),
            (WallTime(11), Blocked::ExpiredLot),
            (WallTime(12), Blocked::CalibrationDue),
            (WallTime(20), Blocked::WrongFile),
        ];
        let printer = |name: &str| name.parse::<PrinterName>().unwrap();
        let calibration =
            |name, due: Option<u64>| Calibration { printer: printer(name), due: due.map(WallTime) };
        let calibrations = [calibration("a", Some(19)), calibration("b", Some(20)), calibration("c", None)];
        let window = Window { from: WallTime(10), to: WallTime(20) };
        let quality = Quality::of(window, 80, &nonconformities, &blocked, &calibrations);
        assert_eq!((quality.nonconformities, quality.without_cause, quality.open), (3, 1, 2));
        assert_eq!(quality.by_cause, BTreeMap::from([("scratch".into(), 1), ("warped".into(), 1)]));
        assert_eq!(quality.to_close, Spread { n: 2, missing: 0, p50: Some(3), p90: Some(7), sum: 10 });
        assert_eq!(quality.overdue, BTreeSet::from([printer("a")]));
        assert_eq!(quality.never_planned, BTreeSet::from([printer("c")]));
        assert_eq!(quality.blocked, BTreeMap::from([(Blocked::ExpiredLot, 2), (Blocked::CalibrationDue, 1)]));
        assert_eq!(quality.near_misses, 2);
        // 3 of 80 parts: 3.75 for a hundred
        assert_eq!(quality.per_hundred_parts(), Some(375));
        assert_eq!(Quality::of(window, 0, &nonconformities, &[], &[]).per_hundred_parts(), None);
    }
}
