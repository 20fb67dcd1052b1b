//! Into the dark, and out of it.

use super::{By, DARK_TRIES, Goal, Loop, Mask, Phase, Then, Z};
use crate::exposure::board::Lines;
use crate::exposure::{Ending, Event, Fault, GroupKind, Moment, PauseReason, Step};
use crate::layer::LayerIndex;
use crate::units::Milliseconds;

impl Loop {
    /// Whatever was going on: light off and mask blank come first, and behind them only `then`.
    pub(super) fn quieten(&mut self, then: Then, now: Moment) {
        self.steps.clear();
        self.pause_asked &= matches!(then, Then::Home);
        self.dark_tries = 0;
        self.darken(now);
        self.blank(now);
        self.phase = Phase::Quieting { dark: false, blank: false, then };
    }

    /// Behind what the board may still be at.
    pub(super) fn darken(&mut self, now: Moment) {
        let waits = self.busy_until.since(now);
        self.dark_tries = self.dark_tries.saturating_add(1);
        let lines = self.plan.printer().dark_lines();
        self.send(GroupKind::Dark, lines, waits, self.here(), now);
    }

    pub(super) fn blank(&mut self, now: Moment) {
        self.mask = Mask::Blanking;
        // A picture that it was asked for just before comes first.
        let free = self.mask_deadline.map_or(now, |deadline| deadline.max(now));
        self.mask_deadline = Some(free.after(self.plan.printer().display.answers_within));
        self.steps.push_back(Step::Blank);
    }

    pub(super) fn leave_quiet(&mut self, now: Moment) {
        let Phase::Quieting { dark: true, blank: true, then } = self.phase.clone() else { return };
        match then {
            Then::Home => {
                let printer = self.plan.printer();
                let (lines, takes) = (printer.home_lines(), printer.homes_within);
                self.send(GroupKind::Home, lines, takes, None, now);
                self.phase = Phase::Homing;
            }
            // Somebody's pause does not stand for the file's. The plate is up already.
            Then::GoOn
                if self.next().is_some_and(|layer| layer.pause) && self.file_paused != Some(self.exposed) =>
            {
                self.file_paused = Some(self.exposed);
                let (before, why) = (LayerIndex(self.exposed), PauseReason::File);
                self.events.push_back(Event::Paused { before, why });
                self.phase = Phase::Paused { why, since: now, noted: false };
            }
            Then::GoOn => self.lower(now),
            Then::Raise { rest, goal } => {
                self.phase = Phase::RestingBeforeRaise { until: now.after(rest), goal };
            }
            Then::End(ending) => self.end(ending),
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.events.push_back(Event::Ended(ending.clone()));
        self.phase = Phase::Ended(ending);
    }

    pub(super) fn raise_or_end(&mut self, ending: Ending, now: Moment) {
        let then = match self.z {
            Z::Unknown => Then::End(ending),
            Z::At(_) | Z::Moving => Then::Raise { rest: Milliseconds(0), goal: Goal::End(ending) },
        };
        self.quieten(then, now);
    }

    pub(super) fn fail(&mut self, fault: Fault, by: By, now: Moment) {
        if matches!(self.phase, Phase::Ended(_) | Phase::Quieting { then: Then::End(_), .. }) {
            return;
        }
        if !fault.may_move() {
            self.z = Z::Unknown;
        }
        match self.ending() {
            // The first fault is the reason. What only says it again is passed over; what stands in the way
            // of the raise ends it.
            Some(Ending::Failed(_)) if fault.may_move() && by == By::Caller => {}
            Some(failed @ Ending::Failed(_)) => {
                let failed = failed.clone();
                self.quieten(Then::End(failed), now);
            }
            _ => self.raise_or_end(Ending::Failed(fault), now),
        }
    }

    pub(super) fn wrong_mask(&mut self, wanted: Option<LayerIndex>, shown: Option<LayerIndex>, now: Moment) {
        self.mask = Mask::Unknown;
        self.fail(Fault::WrongMask { wanted, shown }, By::Display, now);
    }

    pub(super) fn silent_board(&mut self, kind: GroupKind, now: Moment) {
        match self.phase.clone() {
            Phase::Quieting { then: Then::End(_), .. } | Phase::Ended(_) if self.dark_tries < DARK_TRIES => {
                self.darken(now);
            }
            Phase::Quieting { blank, then: Then::End(ending), .. } => {
                let then = Then::End(unless_worse(ending, Fault::Silent(kind)));
                self.phase = Phase::Quieting { dark: true, blank, then };
                self.leave_quiet(now);
            }
            _ => self.fail(Fault::Silent(kind), By::Board, now),
        }
    }

    pub(super) fn silent_display(&mut self, now: Moment) {
        match self.phase.clone() {
            Phase::Quieting { dark, then: Then::End(ending), .. } => {
                self.mask = Mask::Unknown;
                let then = Then::End(unless_worse(ending, Fault::DisplaySilent));
                self.phase = Phase::Quieting { dark, blank: true, then };
                self.leave_quiet(now);
            }
            _ => self.fail(Fault::DisplaySilent, By::Display, now),
        }
    }
}

/// A print that failed already keeps its reason; one that was only cancelled or stopped has failed now.
fn unless_worse(ending: Ending, fault: Fault) -> Ending {
    match ending {
        Ending::Failed(_) | Ending::Lost => ending,
        Ending::Done | Ending::Cancelled | Ending::Stopped => Ending::Failed(fault),
    }
}
