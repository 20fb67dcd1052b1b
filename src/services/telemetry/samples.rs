//! What of a printer's telemetry did not go out, so that it can be told afterwards as one gap.
//!
//! ```text
//! sample ─▶ sent ──a later message is acknowledged──▶ arrived
//!    │        └───connection lost───┐
//!    └─left out──▶ to be told ◀─────┴──────────────┐
//!                      └─▶ being told ─connection lost┘
//!                              └──acknowledged──▶ told
//! ```
//! Nothing of it is kept for the broker: a sample that is late is worth nothing, that it is missing is.

use std::collections::VecDeque;

use super::message::Gap;
use crate::domain::moment::Stamp;

/// The samples of one printer that the broker is not known to have.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// Handed over with these numbers. As many as there are seconds between two acknowledgements.
    sent: VecDeque<(u64, Stamp)>,
    to_tell: Option<Gap>,
    telling: Option<Gap>,
}

impl Samples {
    /// A sample is due and does not go out.
    pub(super) fn leave_out(&mut self, at: &Stamp) {
        join(&mut self.to_tell, Gap { from: at.clone(), to: at.clone(), samples: 1 });
    }

    /// The gap to send now, if there is one. The samples that follow it wait for that.
    pub(super) fn tell(&mut self) -> Option<&Gap> {
        if self.telling.is_some() {
            return None;
        }
        self.telling = self.to_tell.take();
        self.telling.as_ref()
    }

    /// Whether a sample may go out: not before the gap in front of it.
    pub(super) fn may_go(&self) -> bool {
        self.to_tell.is_none()
    }

    /// A sample went out as the one with this number.
    pub(super) fn sent(&mut self, number: u64, at: Stamp) {
        self.sent.push_back((number, at));
    }

    /// The broker has acknowledged something that went out after the sample `number`, on the same way.
    pub(super) fn arrived(&mut self, number: u64) {
        while self.sent.front().is_some_and(|(sent, _)| *sent <= number) {
            self.sent.pop_front();
        }
    }

    /// The broker has acknowledged the gap.
    pub(super) fn told(&mut self) {
        self.telling = None;
    }

    /// The connection is gone: what is not known to have arrived is missing.
    pub(super) fn lose(&mut self) {
        for (_, at) in std::mem::take(&mut self.sent) {
            self.leave_out(&at);
        }
        if let Some(gap) = self.telling.take() {
            join(&mut self.to_tell, gap);
        }
    }
}

fn join(into: &mut Option<Gap>, gap: Gap) {
    let Some(known) = into else {
        *into = Some(gap);
        return;
    };
    known.samples += gap.samples;
    if gap.from.mono < known.from.mono {
        known.from = gap.from;
    }
    if gap.to.mono > known.to.mono {
        known.to = gap.to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BootId;
    use crate::domain::moment::{Moment, WallTime};

    fn at(second: u64) -> Stamp {
        Stamp {
            wall: WallTime(second * 1_000),
            mono: Moment::from_millis(second * 1_000),
            boot: BootId::from_entropy([1; 16]),
        }
    }

    fn told(samples: &mut Samples) -> Option<(u64, u64, u64)> {
        let gap = samples.tell()?;
        Some((gap.from.mono.millis() / 1_000, gap.to.mono.millis() / 1_000, gap.samples))
    }

    #[test]
    fn what_was_left_out_is_one_gap_from_the_first_to_the_last() {
        let mut samples = Samples::default();
        assert_eq!(told(&mut samples), None);
        (3..=9).for_each(|second| samples.leave_out(&at(second)));
        assert!(!samples.may_go(), "the gap goes first");
        assert_eq!(told(&mut samples), Some((3, 9, 7)));
        assert!(samples.may_go());
        samples.told();
        assert_eq!(told(&mut samples), None);
    }

    #[test]
    fn a_gap_that_is_not_acknowledged_is_told_again_with_what_came_after_it() {
        let mut samples = Samples::default();
        samples.leave_out(&at(3));
        assert_eq!(told(&mut samples), Some((3, 3, 1)));
        samples.leave_out(&at(4));
        assert_eq!(told(&mut samples), None, "one at a time");
        samples.lose();
        samples.leave_out(&at(5));
        assert_eq!(told(&mut samples), Some((3, 5, 3)));
    }

    #[test]
    fn samples_count_as_missing_until_something_behind_them_is_acknowledged() {
        let mut samples = Samples::default();
        (1..=4).for_each(|number| samples.sent(number * 10, at(number)));
        samples.arrived(29);
        samples.lose();
        samples.leave_out(&at(5));
        assert_eq!(told(&mut samples), Some((3, 5, 3)), "10 and 20 have arrived");
        samples.told();
        samples.lose();
        assert_eq!(told(&mut samples), None);
    }
}
