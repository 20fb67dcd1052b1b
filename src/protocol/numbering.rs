//! Which line of the file each line number carries: our own lines take numbers as well.
//!
//! A point says that from its number on each number carries the next line of the file, until the point after it.
//! It is set before the line goes out that shifts what follows, so whatever number the firmware has last, the
//! points that were known then tell which line of the file is next.

use std::collections::VecDeque;

/// From line number `number` on: `number` carries the file's command `index`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub number: u32,
    pub index: u64,
}

/// More points than a window and what may be taken back can hold; the oldest are forgotten.
pub const POINTS_MAX: usize = 128;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    points: VecDeque<Point>,
    /// Grows with every change.
    version: u64,
}

impl Numbering {
    /// Takes points as they were kept; `None` where they contradict themselves.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        let points: VecDeque<_> = points.into_iter().collect();
        let grows = points.iter().zip(points.iter().skip(1)).all(|(a, b)| {
            // What lies between two points are lines of the file, and one number at most per line.
            a.number < b.number && a.index <= b.index
        });
        (grows && points.len() <= POINTS_MAX && !points.is_empty()).then_some(Self { points, version: 0 })
    }

    /// Nothing is known.
    pub fn clear(&mut self) {
        self.points.clear();
        self.version += 1;
    }

    pub fn begin(&mut self, number: u32, index: u64) {
        self.points.clear();
        self.add(number, index);
    }

    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        self.points.iter().copied()
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    fn add(&mut self, number: u32, index: u64) {
        self.version += 1;
        if self.points.back().is_some_and(|last| last.number == number) {
            self.points.pop_back();
        }
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point { number, index });
    }

    /// A line of our own is about to take this number.
    pub fn own(&mut self, number: u32) {
        if let Some(index) = self.index_at(number) {
            self.add(number + 1, index);
        }
    }

    /// A line of the file is about to take this number.
    pub fn file(&mut self, number: u32, index: u64) {
        if !self.points.is_empty() && self.index_at(number) != Some(index) {
            self.add(number, index);
        }
    }

    /// The command of the file that is next where the firmware wants line `number` next.
    pub fn index_at(&self, number: u32) -> Option<u64> {
        let point = self.points.iter().rev().find(|point| point.number <= number)?;
        Some(point.index + u64::from(number - point.number))
    }

    /// No number below this is asked for again.
    pub fn forget_below(&mut self, number: u32) {
        while self.points.get(1).is_some_and(|second| second.number <= number) {
            self.points.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_our_own_shifts_the_lines_behind_it() {
        let mut numbering = Numbering::default();
        numbering.begin(10_000, 1);
        numbering.file(10_000, 1);
        numbering.own(10_001);
        numbering.own(10_002);
        numbering.file(10_003, 2);
        let told: Vec<_> = (10_000..10_006).map(|number| numbering.index_at(number)).collect();
        assert_eq!(told, [Some(1), Some(2), Some(2), Some(2), Some(3), Some(4)]);
        assert_eq!(numbering.index_at(9_999), None, "before all that is known");
    }

    #[test]
    fn a_pause_that_platen_carries_out_takes_no_number() {
        let mut numbering = Numbering::default();
        numbering.begin(10_000, 1);
        numbering.file(10_000, 1);
        // The second command is `M0`.
        assert_eq!(numbering.index_at(10_001), Some(2), "the pause is due again");
        numbering.file(10_001, 3);
        assert_eq!(numbering.index_at(10_002), Some(4));
    }

    #[test]
    fn points_that_contradict_themselves_are_none() {
        let point = |number, index| Point { number, index };
        assert!(Numbering::of([]).is_none());
        assert!(Numbering::of([point(10_000, 5), point(10_000, 6)]).is_none());
        assert!(Numbering::of([point(10_000, 5), point(10_003, 4)]).is_none());
        assert!(Numbering::of([point(10_000, 5), point(10_003, 7)]).is_some());
    }

    proptest! {
        #[test]
        fn every_number_is_traced_back_whatever_was_sent_between(
            kinds in proptest::collection::vec(0..3u8, 1..60), forget in 0..60usize,
        ) {
            let mut numbering = Numbering::default();
            numbering.begin(10_000, 1);
            let (mut number, mut index) = (10_000, 1);
            let mut wanted = Vec::new();
            for kind in kinds {
                match kind {
                    0 => numbering.own(number),
                    // Behind a pause in the file.
                    1 => { index += 1; numbering.file(number, index); }
                    _ => numbering.file(number, index),
                }
                index += u64::from(kind != 0);
                number += 1;
                wanted.push((number, index));
            }
            let from = wanted[forget.min(wanted.len() - 1)].0;
            numbering.forget_below(from);
            let back = Numbering::of(numbering.points()).unwrap();
            for (number, index) in wanted.into_iter().filter(|(number, _)| *number >= from) {
                // A pause that was not sent yet is the only one that may come again.
                let found = back.index_at(number).unwrap();
                prop_assert!(found == index || found + 1 == index || found == index + 1, "{number}: {found} {index}");
            }
        }
    }
}
