//! The loop itself: one phase at a time, and from every one of them a way into the dark.

mod dark;
mod getters;
mod ways;

use std::collections::VecDeque;

use super::board::Lines;
use super::plan::Plan;
use super::{Ending, Event, Fault, GroupId, GroupKind, LayerReport, Moment, PauseReason, Plate, Step};
use crate::layer::LayerIndex;
use crate::units::{Micrometres, Milliseconds};

/// How often a board that does not confirm the dark is told again.
const DARK_TRIES: u8 = 3;

/// A printer that homes onto its display was to start with a plate that nobody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this printer homes down onto its display and would crush a part into it; say that the plate is empty"
)]
pub struct PlateNotLookedAt;

/// One print.
#[derive(Debug)]
pub struct Loop {
    plan: Plan,
    phase: Phase,
    /// How many layers have been lit, from 0 on.
    exposed: u32,
    /// And for how many the light went on: one more while a layer is lit, or where it was broken off.
    begun: usize,
    light: Light,
    mask: Mask,
    z: Z,
    in_flight: Option<InFlight>,
    /// How long the board may still be at what it was told, confirmed or not.
    busy_until: Moment,
    /// When the display must have answered.
    mask_deadline: Option<Moment>,
    next_group: u64,
    dark_tries: u8,
    /// Asked for while it had to wait.
    pause_asked: bool,
    /// Before which layer there was a pause last.
    paused_before: Option<u32>,
    /// Before which layer the file had its pause last.
    file_paused: Option<u32>,
    steps: VecDeque<Step>,
    events: VecDeque<Event>,
    reports: Vec<LayerReport>,
}

#[derive(Clone, Debug)]
enum Phase {
    Quieting { dark: bool, blank: bool, then: Then },
    Homing,
    Lowering,
    RestingBeforeLight { until: Moment },
    Showing,
    Settling { until: Moment },
    Bursting { since: Moment },
    LightingUp,
    Lit { since: Moment, until: Moment },
    LightingDown { since: Moment },
    Blanking,
    RestingBeforeLift { until: Moment },
    Peeling,
    RestingAtTop { until: Moment },
    RestingBeforeRaise { until: Moment, goal: Goal },
    Raising { goal: Goal },
    Paused { why: PauseReason, since: Moment, noted: bool },
    Ended(Ending),
}

/// What comes when it is dark.
#[derive(Clone, Debug)]
enum Then {
    Home,
    GoOn,
    Raise { rest: Milliseconds, goal: Goal },
    End(Ending),
}

#[derive(Clone, Debug)]
enum Goal {
    Pause(PauseReason),
    End(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Light {
    MayBeLit,
    Dark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mask {
    Unknown,
    Blanking,
    Blank,
    Showing(LayerIndex),
    Shown(LayerIndex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Z {
    /// Not homed, or no longer to be believed.
    Unknown,
    /// Between the last place and where it was sent; the board knows.
    Moving,
    At(Micrometres),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    id: GroupId,
    kind: GroupKind,
    /// Where the plate has to be behind it.
    expected: Option<Micrometres>,
    deadline: Moment,
}

// Commands.
impl Loop {
    /// The first steps switch the light off and blank the mask; homing comes behind them.
    pub fn new(plan: Plan, plate: Plate, now: Moment) -> Result<Self, PlateNotLookedAt> {
        if plan.printer().homes_down && plate == Plate::NotLookedAt {
            return Err(PlateNotLookedAt);
        }
        let mut new = Self {
            plan,
            phase: Phase::Homing,
            exposed: 0,
            begun: 0,
            light: Light::MayBeLit,
            mask: Mask::Unknown,
            z: Z::Unknown,
            in_flight: None,
            busy_until: now,
            mask_deadline: None,
            next_group: 0,
            dark_tries: 0,
            pause_asked: false,
            paused_before: None,
            file_paused: None,
            steps: VecDeque::new(),
            events: VecDeque::new(),
            reports: Vec::new(),
        };
        new.quieten(Then::Home, now);
        Ok(new)
    }

    /// At once while nothing is lit, else behind the layer; `false` where the print is ending.
    pub fn pause(&mut self, now: Moment) -> bool {
        let rest = match &self.phase {
            Phase::Bursting { .. } | Phase::LightingUp | Phase::Lit { .. } | Phase::LightingDown { .. } => {
                self.pause_asked = true;
                return true;
            }
            Phase::Homing | Phase::Quieting { then: Then::Home, .. } => {
                self.pause_asked = true;
                return true;
            }
            Phase::Paused { .. }
            | Phase::Quieting { then: Then::Raise { goal: Goal::Pause(_), .. }, .. }
            | Phase::RestingBeforeRaise { goal: Goal::Pause(_), .. }
            | Phase::Raising { goal: Goal::Pause(_) } => return true,
            Phase::Quieting { then: Then::Raise { goal: Goal::End(_), .. } | Then::End(_), .. }
            | Phase::RestingBeforeRaise { goal: Goal::End(_), .. }
            | Phase::Raising { goal: Goal::End(_) }
            | Phase::Ended(_) => return false,
            Phase::Blanking => self.lifting().rest_before_lift,
            Phase::RestingBeforeLift { until } => until.since(now),
            Phase::Quieting { then: Then::GoOn, .. }
            | Phase::Lowering
            | Phase::RestingBeforeLight { .. }
            | Phase::Showing
            | Phase::Settling { .. }
            | Phase::Peeling
            | Phase::RestingAtTop { .. } => Milliseconds(0),
        };
        self.quieten(Then::Raise { rest, goal: Goal::Pause(PauseReason::Asked) }, now);
        true
    }

    /// Goes on behind a pause, or takes back a wish for one; `false` where there is neither.
    pub fn resume(&mut self, now: Moment) -> bool {
        if matches!(self.phase, Phase::Paused { .. }) {
            self.events.push_back(Event::Resumed { before: LayerIndex(self.exposed) });
            self.quieten(Then::GoOn, now);
            return true;
        }
        std::mem::take(&mut self.pause_asked)
    }

    /// Light off, mask blank, plate up where it was homed; `false` where the print is ending already.
    pub fn cancel(&mut self, now: Moment) -> bool {
        if self.ending().is_some() {
            return false;
        }
        self.raise_or_end(Ending::Cancelled, now);
        true
    }

    /// Light off, mask blank, and no move behind what the board is at; `false` where none would come anyway.
    pub fn stop(&mut self, now: Moment) -> bool {
        if matches!(self.phase, Phase::Ended(_) | Phase::Quieting { then: Then::End(_), .. }) {
            return false;
        }
        let ending = match self.ending() {
            Some(failed @ Ending::Failed(_)) => failed.clone(),
            _ => Ending::Stopped,
        };
        self.quieten(Then::End(ending), now);
        true
    }
}

// What happens.
impl Loop {
    /// All lines of this group are acknowledged, and the board has answered `M114` behind them with `z`.
    /// Groups that a later `Dark` has replaced are passed over.
    pub fn handle_confirmed(&mut self, group: GroupId, z: Micrometres, now: Moment) {
        self.handle_done(group, z, now, now);
    }

    /// The same, where the board is known to have done it at `done` already: light is measured by that.
    pub fn handle_done(&mut self, group: GroupId, z: Micrometres, done: Moment, now: Moment) {
        let Some(sent) = self.in_flight.take_if(|sent| sent.id == group) else { return };
        if sent.kind == GroupKind::Dark {
            self.light = Light::Dark;
        }
        if matches!(self.phase, Phase::Ended(_)) {
            return;
        }
        self.busy_until = now;
        // Where nothing moves any more it does not matter where the plate is.
        let ends = matches!(self.phase, Phase::Quieting { then: Then::End(_), .. });
        if let Some(fault) = self.settle_z(&sent, z).err().filter(|_| !ends) {
            self.fail(fault, By::Board, now);
            return;
        }
        match self.phase.clone() {
            Phase::Quieting { blank, then, .. } => {
                self.phase = Phase::Quieting { dark: true, blank, then };
                self.leave_quiet(now);
            }
            Phase::Homing => {
                self.events.push_back(Event::Homed);
                self.go_down(now);
            }
            Phase::Lowering => {
                let mut rest = self.next().map_or(Milliseconds(0), |layer| layer.rest_before_light);
                if self.paused_before == Some(self.exposed) {
                    rest.0 += self.plan.printer().rest_after_pause.0;
                }
                self.phase = Phase::RestingBeforeLight { until: now.after(rest) };
            }
            Phase::Bursting { since } => {
                self.light = Light::Dark;
                let lead = self.plan.printer().burst_lead;
                self.lit(Milliseconds(done.since(since).0.saturating_sub(lead.0)), now);
            }
            Phase::LightingUp => {
                let exposure = self.next().map_or(Milliseconds(0), |layer| layer.exposure);
                self.phase = Phase::Lit { since: done, until: done.after(exposure) };
            }
            Phase::LightingDown { since } => {
                self.light = Light::Dark;
                self.lit(done.since(since), now);
            }
            Phase::Peeling => {
                let rest = self.lifting().rest_after_lift;
                self.phase = Phase::RestingAtTop { until: now.after(rest) };
            }
            Phase::Raising { goal: Goal::Pause(why) } => {
                self.paused_before = Some(self.exposed);
                if why == PauseReason::File {
                    self.file_paused = Some(self.exposed);
                }
                self.events.push_back(Event::Paused { before: LayerIndex(self.exposed), why });
                self.phase = Phase::Paused { why, since: now, noted: false };
            }
            Phase::Raising { goal: Goal::End(ending) } => self.end(ending),
            // Nothing is in flight in these.
            Phase::RestingBeforeLight { .. }
            | Phase::Showing
            | Phase::Settling { .. }
            | Phase::Lit { .. }
            | Phase::Blanking
            | Phase::RestingBeforeLift { .. }
            | Phase::RestingAtTop { .. }
            | Phase::RestingBeforeRaise { .. }
            | Phase::Paused { .. }
            | Phase::Ended(_) => {}
        }
    }

    /// The picture of this layer is on the display: flipped, not only handed to it.
    pub fn handle_shown(&mut self, layer: LayerIndex, now: Moment) {
        match self.mask {
            Mask::Showing(wanted) if wanted == layer => {
                self.mask = Mask::Shown(layer);
                self.mask_deadline = None;
                if matches!(self.phase, Phase::Showing) {
                    let until = now.after(self.plan.printer().display.settles_in);
                    self.phase = Phase::Settling { until };
                }
            }
            // It was asked for before it was taken back; a blank one comes behind it.
            Mask::Blanking => {}
            Mask::Shown(wanted) if wanted == layer => {}
            Mask::Showing(wanted) | Mask::Shown(wanted) => self.wrong_mask(Some(wanted), Some(layer), now),
            Mask::Blank | Mask::Unknown => self.wrong_mask(None, Some(layer), now),
        }
    }

    /// Nothing lets light through the display any more.
    pub fn handle_blanked(&mut self, now: Moment) {
        match self.mask {
            Mask::Blanking => {
                self.mask = Mask::Blank;
                self.mask_deadline = None;
            }
            // The answer to an earlier one of two; the picture comes behind it.
            Mask::Showing(_) | Mask::Blank | Mask::Unknown => return,
            Mask::Shown(wanted) => {
                self.wrong_mask(Some(wanted), None, now);
                return;
            }
        }
        match self.phase.clone() {
            Phase::Quieting { dark, then, .. } => {
                self.phase = Phase::Quieting { dark, blank: true, then };
                self.leave_quiet(now);
            }
            Phase::Blanking => {
                let rest = self.lifting().rest_before_lift;
                self.phase = Phase::RestingBeforeLift { until: now.after(rest) };
            }
            _ => {}
        }
    }

    /// The time for which `poll_deadline` has asked has come.
    pub fn handle_timer(&mut self, now: Moment) {
        if let Some(sent) = self.in_flight.take_if(|sent| sent.deadline <= now) {
            self.silent_board(sent.kind, now);
            return;
        }
        if self.mask_deadline.take_if(|deadline| *deadline <= now).is_some() {
            self.silent_display(now);
            return;
        }
        match self.phase.clone() {
            Phase::RestingBeforeLight { until } if until <= now => {
                let layer = LayerIndex(self.exposed);
                self.mask = Mask::Showing(layer);
                self.mask_deadline = Some(now.after(self.plan.printer().display.answers_within));
                self.steps.push_back(Step::Show(layer));
                self.phase = Phase::Showing;
            }
            Phase::Settling { until } if until <= now => self.light_up(now),
            Phase::Lit { since, until } if until <= now => {
                let lines = self.plan.printer().dark_lines();
                self.send(GroupKind::LightOff, lines, Milliseconds(0), self.here(), now);
                self.phase = Phase::LightingDown { since };
            }
            Phase::RestingBeforeLift { until } if until <= now => {
                let (lift, z) = (self.lifting().lift, self.lifting().z);
                self.go(&lift.iter().collect::<Vec<_>>(), z, false, now);
                self.phase = Phase::Peeling;
            }
            Phase::RestingAtTop { until } if until <= now => self.go_down(now),
            Phase::RestingBeforeRaise { until, goal } if until <= now => self.raise(goal, now),
            Phase::Paused { why, since, noted: false }
                if self.long_pause(since).is_some_and(|at| at <= now) =>
            {
                self.events.push_back(Event::LongPause { before: LayerIndex(self.exposed) });
                self.phase = Phase::Paused { why, since, noted: true };
            }
            _ => {}
        }
    }

    /// Something that the caller has found.
    pub fn handle_fault(&mut self, fault: Fault, now: Moment) {
        self.fail(fault, By::Caller, now);
    }

    /// The port is gone, or what comes from it can no longer be trusted. Nothing goes on from here.
    pub fn handle_link_lost(&mut self, now: Moment) {
        if !matches!(self.phase, Phase::Ended(_)) {
            self.z = Z::Unknown;
            self.steps.clear();
            self.in_flight = None;
            self.end(Ending::Lost);
            // What still goes through the line is worth a try.
            self.darken(now);
            self.blank(now);
        }
        // Nobody answers on a line that is gone.
        self.in_flight = None;
        self.mask_deadline = None;
    }

    /// The port is open again: light off and mask blank, and nothing else.
    pub fn handle_link_back(&mut self, now: Moment) {
        self.handle_link_lost(now);
        self.steps.clear();
        self.dark_tries = 0;
        self.darken(now);
        self.blank(now);
    }
}

// What the caller must do.
impl Loop {
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timer` is due; it may be due again directly behind it.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::RestingBeforeLight { until }
            | Phase::Settling { until }
            | Phase::Lit { until, .. }
            | Phase::RestingBeforeLift { until }
            | Phase::RestingAtTop { until }
            | Phase::RestingBeforeRaise { until, .. } => Some(until),
            Phase::Paused { since, noted: false, .. } => self.long_pause(since),
            _ => None,
        };
        let board = self.in_flight.map(|sent| sent.deadline);
        [phase, board, self.mask_deadline].into_iter().flatten().min()
    }
}

/// Who has found a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Board,
    Display,
    Caller,
}
