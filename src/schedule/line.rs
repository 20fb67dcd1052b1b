//! The free time of a printer: gaps between what is planned, maintenance and beds that nobody has cleared yet.

use super::power::Draw;
use super::problem::{Bed, Calibration, FAR, Power, Printer, State, Window};

/// When people are there, and what they need to clear a bed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// Sorted, apart from each other; empty where somebody is always there.
    windows: Vec<(i64, i64)>,
    always: bool,
    handling: i64,
}

impl Hours {
    pub(super) fn new(attended: &[Window], handling: i64) -> Self {
        let windows = apart(attended);
        Self { windows, always: attended.is_empty(), handling: handling.clamp(0, FAR) }
    }

    /// The first moment at `from` or after at which somebody is there.
    pub(super) fn person(&self, from: i64) -> Option<i64> {
        if self.always {
            return Some(from);
        }
        let place = self.windows.partition_point(|window| window.1 <= from);
        self.windows.get(place).map(|window| window.0.max(from))
    }

    /// When a bed that is full since `end` is ready for the next print.
    pub(super) fn cleared(&self, end: i64, bed: Bed) -> Option<i64> {
        if self.always || bed == Bed::ClearsItself {
            return Some(end + self.handling);
        }
        let place = self.windows.partition_point(|window| window.1 <= end);
        let mut there = self.windows.get(place..)?.iter().map(|window| (window.0.max(end), window.1));
        there.find(|(from, to)| from + self.handling <= *to).map(|(from, _)| from + self.handling)
    }
}

/// Windows sorted, merged where they touch, without empty ones.
pub(super) fn apart(windows: &[Window]) -> Vec<(i64, i64)> {
    let mut sorted: Vec<_> = windows.iter().map(|one| (one.from.bounded(), one.to.bounded())).collect();
    sorted.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted.into_iter().filter(|(from, to)| from < to) {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    open: i64,
    close: i64,
    /// When the next print begins, be it behind maintenance: the bed must be ready again by then.
    next: i64,
}

/// What one job asks of a printer's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) release: i64,
    pub(super) duration: i64,
    pub(super) attended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    gaps: Vec<Gap>,
    bed: Bed,
    /// Every start needs a person.
    pub(super) attended: bool,
    /// A start must be before this.
    last_start: i64,
    pub(super) power: Option<Power>,
}

impl Line {
    pub(super) fn new(printer: &Printer, now: i64, hours: &Hours) -> Self {
        let ready = match (printer.state, printer.bed) {
            (State::Busy { until, .. }, bed) => hours.cleared(until.bounded().max(now), bed),
            (_, Bed::Occupied) => hours.cleared(now, Bed::Occupied),
            (_, Bed::Clear | Bed::ClearsItself) => Some(now),
        };
        let mut gaps = Vec::new();
        if let Some(mut open) = ready {
            for (from, to) in apart(&printer.windows) {
                if from > open {
                    gaps.push(Gap { open, close: from, next: i64::MAX });
                }
                open = open.max(to);
            }
            gaps.push(Gap { open, close: i64::MAX, next: i64::MAX });
        }
        let last_start = match printer.calibration {
            Calibration::Until(until) => until.bounded(),
            Calibration::NotAsked | Calibration::Unknown => i64::MAX,
        };
        Self { gaps, bed: printer.bed, attended: !printer.unattended, last_start, power: printer.power }
    }

    /// The first moment at which it could print anything.
    pub(super) fn open(&self) -> i64 {
        self.gaps.first().map_or(i64::MAX / 2, |gap| gap.open)
    }

    /// The first start before `limit` that keeps all rules, or none.
    pub(super) fn earliest(&self, hours: &Hours, draw: Option<&Draw>, ask: Ask, limit: i64) -> Option<i64> {
        let limit = limit.min(self.last_start);
        for gap in &self.gaps {
            let mut start = gap.open.max(ask.release);
            while start < limit && start + ask.duration <= gap.close {
                let mut later = start;
                if ask.attended || self.attended {
                    later = hours.person(start)?;
                }
                if let (Some(draw), Some(power)) = (draw, self.power) {
                    later = draw.earliest(later, ask.duration, power);
                }
                if later == start {
                    let ready = || hours.cleared(start + ask.duration, self.bed);
                    if gap.next < i64::MAX && ready().is_none_or(|ready| ready > gap.next) {
                        break;
                    }
                    return Some(start);
                }
                start = later;
            }
            if start >= limit {
                return None;
            }
        }
        None
    }

    /// Keeps everything out before that start.
    pub(super) fn keep_until(&mut self, start: i64) {
        self.gaps.retain(|gap| gap.open >= start);
    }

    /// Takes the time of a print, and of its bed, out of the gaps; gaps shorter than `shortest` are of no use.
    pub(super) fn take(&mut self, hours: &Hours, start: i64, end: i64, shortest: i64) {
        let ready = hours.cleared(end, self.bed).unwrap_or(i64::MAX);
        let place = self.gaps.partition_point(|gap| gap.close < end);
        let Some(gap) = self.gaps.get_mut(place) else { return };
        let before = Gap { open: gap.open, close: start, next: start };
        gap.open = ready;
        for earlier in self.gaps.iter_mut().take(place).rev() {
            if earlier.next <= start {
                break;
            }
            earlier.next = start;
        }
        for later in self.gaps.iter_mut().skip(place + 1) {
            if later.open >= ready {
                break;
            }
            later.open = ready;
        }
        if before.close - before.open >= shortest {
            self.gaps.insert(place, before);
        }
        // What lies before `place` is as it was; only what was opened later can have closed.
        if self.gaps.iter().skip(place).any(|gap| gap.open >= gap.close) {
            self.gaps.retain(|gap| gap.open < gap.close);
        }
    }
}
