//! What a circuit gives over time: steps of watts, and the first moment at which one more printer can begin.

use super::problem::Power;

/// Draw of a circuit: each step holds from its moment to the next one's, nothing before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    capacity: i64,
    steps: Vec<(i64, i64)>,
}

impl Draw {
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity: i64::from(capacity), steps: Vec::new() }
    }

    /// The first start at `from` or after at which the circuit bears a print of this length to its end.
    pub(super) fn earliest(&self, from: i64, duration: i64, power: Power) -> i64 {
        let mut start = from;
        let heat_up = i64::from(power.heat_up).min(duration);
        let (heating, printing) = (i64::from(power.heating), i64::from(power.printing));
        let mut at = self.steps.partition_point(|step| step.0 <= start).saturating_sub(1);
        // Each step that is too much moves the start behind it; moving on never makes an earlier step matter.
        while let Some(&(begins, watts)) = self.steps.get(at) {
            let ends = self.steps.get(at + 1).map_or(i64::MAX, |next| next.0);
            let hot = start + heat_up;
            if begins >= start + duration {
                break;
            }
            if watts + heating > self.capacity && begins < hot && ends > start {
                start = ends;
            } else if watts + printing > self.capacity && ends > hot && hot < start + duration {
                // The heat-up may lie within this step: the earlier ones are looked at again from there.
                start = ends - heat_up;
                at = self.steps.partition_point(|step| step.0 <= start).saturating_sub(1);
                continue;
            }
            at += 1;
        }
        start
    }

    pub(super) fn add(&mut self, start: i64, end: i64, power: Power) {
        let hot = (start + i64::from(power.heat_up)).min(end);
        self.draw(start, hot, i64::from(power.heating));
        self.draw(hot, end, i64::from(power.printing));
    }

    /// Takes back what was added for a print.
    pub(super) fn take_back(&mut self, start: i64, end: i64, power: Power) {
        let hot = (start + i64::from(power.heat_up)).min(end);
        self.draw(start, hot, -i64::from(power.heating));
        self.draw(hot, end, -i64::from(power.printing));
    }

    pub(super) fn draw(&mut self, from: i64, to: i64, watts: i64) {
        if from >= to || watts == 0 {
            return;
        }
        let first = self.edge(from);
        let last = self.edge(to);
        for step in &mut self.steps[first..last] {
            step.1 += watts;
        }
    }

    /// The place of the step that begins then, made where there is none.
    fn edge(&mut self, moment: i64) -> usize {
        let place = self.steps.partition_point(|step| step.0 < moment);
        if self.steps.get(place).is_none_or(|step| step.0 != moment) {
            let watts =
                place.checked_sub(1).and_then(|before| self.steps.get(before)).map_or(0, |step| step.1);
            self.steps.insert(place, (moment, watts));
        }
        place
    }
}
