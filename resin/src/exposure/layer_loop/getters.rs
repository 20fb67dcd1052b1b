//! What can be asked of the loop.

use super::{Goal, Light, Loop, Phase, Then};
use crate::exposure::{Ending, LayerReport, Plan, Progress, State};
use crate::layer::LayerIndex;

impl Loop {
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Quieting { .. } => State::Quieting,
            Phase::Homing => State::Homing,
            Phase::Lowering => State::Lowering,
            Phase::RestingBeforeLight { .. } => State::Resting,
            Phase::Showing => State::Showing,
            Phase::Settling { .. } => State::Settling,
            Phase::Bursting { .. } | Phase::LightingUp | Phase::Lit { .. } | Phase::LightingDown { .. } => {
                State::Exposing
            }
            Phase::Blanking => State::Blanking,
            Phase::RestingBeforeLift { .. } | Phase::RestingBeforeRaise { .. } => State::RestingBeforeLift,
            Phase::Peeling => State::Peeling,
            Phase::RestingAtTop { .. } => State::RestingAtTop,
            Phase::Raising { .. } => State::Raising,
            Phase::Paused { why, since, .. } => State::Paused { why, since },
            Phase::Ended(_) => State::Ended,
        }
    }

    /// The layer that is lit next, or is being lit; `None` when all have been.
    #[must_use]
    pub fn layer(&self) -> Option<LayerIndex> {
        self.next().map(|_| LayerIndex(self.exposed))
    }

    /// How the print has ended or, while it is still darkened or raised for it, is going to.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        match &self.phase {
            Phase::Quieting {
                then: Then::End(ending) | Then::Raise { goal: Goal::End(ending), .. }, ..
            }
            | Phase::RestingBeforeRaise { goal: Goal::End(ending), .. }
            | Phase::Raising { goal: Goal::End(ending) }
            | Phase::Ended(ending) => Some(ending),
            _ => None,
        }
    }

    /// Whether the light may be on: until the first `Dark` is confirmed, and from when light was handed out
    /// until its end is. Still `true` behind the end: go and look.
    #[must_use]
    pub fn is_lit(&self) -> bool {
        self.light == Light::MayBeLit
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        let layers = u32::try_from(self.plan.layers().len()).unwrap_or(u32::MAX);
        Progress { exposed: self.exposed, layers, left: self.plan.left_from(self.exposed_count()) }
    }

    /// One for each layer that was lit to its end, in order.
    #[must_use]
    pub fn reports(&self) -> &[LayerReport] {
        &self.reports
    }

    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    #[cfg(test)]
    pub(in crate::exposure) fn next_group_for_tests(&self) -> u64 {
        self.next_group
    }
}
