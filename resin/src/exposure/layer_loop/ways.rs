//! Light and ways: what is handed to the board, and what it says of it.

use super::{By, Goal, InFlight, Light, Loop, Phase, Then, Z};
use crate::exposure::board::Lines;
use crate::exposure::{
    Ending, Event, Fault, Group, GroupId, GroupKind, LayerPlan, LayerReport, Leg, Moment, PauseReason, Step,
    TimedBy,
};
use crate::layer::LayerIndex;
use crate::units::{Micrometres, Milliseconds};

impl Loop {
    pub(super) fn exposed_count(&self) -> usize {
        usize::try_from(self.exposed).unwrap_or(usize::MAX)
    }

    /// The layer that is lit next, or is being lit.
    pub(super) fn next(&self) -> Option<&LayerPlan> {
        self.plan.layers().get(self.exposed_count())
    }

    /// The layer whose lift is next: the last one that was lit, if not to its end; the first before any was.
    pub(super) fn lifting(&self) -> &LayerPlan {
        // A plan has at least one layer, and no more are lit than it has.
        &self.plan.layers()[self.exposed_count().max(self.begun).saturating_sub(1)]
    }

    pub(super) fn here(&self) -> Option<Micrometres> {
        match self.z {
            Z::At(z) => Some(z),
            Z::Unknown | Z::Moving => None,
        }
    }

    pub(super) fn long_pause(&self, since: Moment) -> Option<Moment> {
        self.plan.printer().long_pause.map(|long| since.after(long))
    }

    /// `takes` comes on top of what the board may be silent.
    pub(super) fn send(
        &mut self,
        kind: GroupKind,
        lines: Vec<String>,
        takes: Milliseconds,
        expected: Option<Micrometres>,
        now: Moment,
    ) {
        let id = GroupId(self.next_group);
        self.next_group += 1;
        let at_most = Milliseconds(takes.0.saturating_add(self.plan.printer().answers_within.0));
        self.in_flight = Some(InFlight { id, kind, expected, deadline: now.after(at_most) });
        self.busy_until = now.after(takes);
        self.steps.push_back(Step::Send(Group { id, lines, kind, at_most }));
    }

    /// Moves the plate from `from`, in the dark.
    pub(super) fn go(&mut self, legs: &[Leg], from: Micrometres, motors_off: bool, now: Moment) {
        let Some(target) = legs.last().map(|leg| leg.to) else { return };
        let mut takes = 0;
        let mut at = from;
        for leg in legs {
            takes += leg.speed.over(Micrometres(leg.to.0 - at.0)).0;
            at = leg.to;
        }
        // Half as long again: boards accelerate, and the plan knows not how.
        let takes = Milliseconds(takes + takes / 2);
        self.z = Z::Moving;
        let lines = self.plan.printer().move_lines(legs, motors_off);
        self.send(GroupKind::Move, lines, takes, Some(target), now);
    }

    /// From the top to the next layer, unless somebody wants a pause.
    pub(super) fn go_down(&mut self, now: Moment) {
        let by_file = self.next().is_some_and(|layer| layer.pause);
        let why = match (std::mem::take(&mut self.pause_asked), by_file) {
            (true, _) => PauseReason::Asked,
            (false, true) => PauseReason::File,
            (false, false) => {
                self.lower(now);
                return;
            }
        };
        self.quieten(Then::Raise { rest: Milliseconds(0), goal: Goal::Pause(why) }, now);
    }

    pub(super) fn lower(&mut self, now: Moment) {
        // Whoever comes here knows both: a `Dark` or a move has just told where the plate is.
        let (Some(layer), Z::At(here)) = (self.next().copied(), self.z) else { return };
        let mut legs = Vec::with_capacity(3);
        if here != layer.from {
            legs.push(Leg { to: layer.from, speed: self.plan.printer().travel_speed });
        }
        legs.extend(layer.retract.iter());
        self.go(&legs, here, false, now);
        self.phase = Phase::Lowering;
    }

    /// Off the film as slowly as the layer's lift, then up.
    pub(super) fn raise(&mut self, goal: Goal, now: Moment) {
        let Z::At(here) = self.z else { return };
        let printer = self.plan.printer();
        let layer = self.lifting();
        let mut legs: Vec<Leg> = layer.lift.iter().filter(|leg| leg.to > here).collect();
        let above = match goal {
            Goal::Pause(_) => layer.z.0.saturating_add(printer.raise_at_pause.0),
            Goal::End(_) => printer.raise_at_end.map_or(i64::MAX, |raise| layer.z.0.saturating_add(raise.0)),
        };
        let top = legs.last().map_or(here, |leg| leg.to);
        let to = Micrometres(above.min(printer.height.0).max(top.0));
        if to > top || legs.is_empty() {
            legs.push(Leg { to, speed: printer.travel_speed });
        }
        let motors_off = matches!(goal, Goal::End(_)) && printer.motors_off_at_end;
        self.go(&legs, here, motors_off, now);
        self.phase = Phase::Raising { goal };
    }

    pub(super) fn light_up(&mut self, now: Moment) {
        let Some(&LayerPlan { light, exposure, .. }) = self.next() else { return };
        self.begun = self.exposed_count() + 1;
        let printer = self.plan.printer();
        let (kind, lines, takes) = match printer.timed_by {
            TimedBy::Board => {
                let takes = printer.burst_lead.0 + exposure.0 + tolerance(exposure).0;
                let lines = printer.burst_lines(light, exposure);
                (GroupKind::Burst { light: exposure }, lines, Milliseconds(takes))
            }
            TimedBy::Host => (GroupKind::LightOn, printer.light_on_lines(light), Milliseconds(0)),
        };
        self.phase = match printer.timed_by {
            TimedBy::Board => Phase::Bursting { since: now },
            TimedBy::Host => Phase::LightingUp,
        };
        self.light = Light::MayBeLit;
        self.send(kind, lines, takes, self.here(), now);
    }

    /// A layer was lit to its end, and it is dark.
    pub(super) fn lit(&mut self, measured: Milliseconds, now: Moment) {
        let (planned, timed_by) =
            (self.next().map_or(Milliseconds(0), |layer| layer.exposure), self.plan.printer().timed_by);
        let report = LayerReport { layer: LayerIndex(self.exposed), planned, measured, timed_by };
        self.reports.push(report);
        self.events.push_back(Event::Exposed(report));
        self.exposed += 1;
        let tolerance = tolerance(planned).0;
        let too_short = measured.0 + tolerance < planned.0;
        // With the wire in it, what the board times may seem longer than it was; `at_most` bounds that.
        let too_long = timed_by == TimedBy::Host && measured.0 > planned.0 + tolerance;
        let rest = self.lifting().rest_before_lift;
        if too_short || too_long {
            self.fail(Fault::Exposure(report), By::Board, now);
        } else if self.next().is_none() {
            self.quieten(Then::Raise { rest, goal: Goal::End(Ending::Done) }, now);
        } else if std::mem::take(&mut self.pause_asked) {
            self.quieten(Then::Raise { rest, goal: Goal::Pause(PauseReason::Asked) }, now);
        } else {
            self.blank(now);
            self.phase = Phase::Blanking;
        }
    }

    /// Holds what the board says against where it was sent.
    pub(super) fn settle_z(&mut self, sent: &InFlight, told: Micrometres) -> Result<(), Fault> {
        let tolerance = self.plan.printer().z_tolerance.0;
        let off = |expected: Micrometres| told.0.abs_diff(expected.0) > tolerance.unsigned_abs();
        match (sent.expected, self.z) {
            (Some(expected), _) if off(expected) => Err(Fault::Elsewhere { expected, told }),
            // Not what the board has rounded.
            (Some(expected), _) => {
                self.z = Z::At(expected);
                Ok(())
            }
            (None, Z::Unknown) if sent.kind != GroupKind::Home => Ok(()),
            (None, _) => {
                let (lowest, highest) = (-tolerance, self.plan.printer().height.0.saturating_add(tolerance));
                if told.0 < lowest || told.0 > highest {
                    return Err(Fault::OutOfReach(told));
                }
                self.z = Z::At(told);
                Ok(())
            }
        }
    }
}

/// How far an exposure may be from what was planned: 5 %, of short ones 50 ms.
fn tolerance(planned: Milliseconds) -> Milliseconds {
    Milliseconds(50.max(planned.0 / 20))
}
