//! What the caller is told, in a queue that is bounded.

use super::{Phase, Session};
use crate::chitu::state::{Doubt, Ending, Event, Health, Medium};

/// Events that wait to be fetched; the oldest of more are dropped, text first.
const EVENTS_MAX: usize = 256;
const SAID_MAX: usize = 16;
impl Session {
    pub(super) fn set_health(&mut self, health: Health) {
        if self.health != health {
            self.health = health;
            self.push(Event::Health(health));
        }
    }

    pub(super) fn set_medium(&mut self, medium: Medium) {
        if self.medium != medium {
            self.medium = medium;
            self.push(Event::Medium(medium));
        }
    }

    pub(super) fn end(&mut self, ending: Ending) -> Phase {
        self.push(Event::Ended(ending));
        Phase::Ended(ending)
    }

    pub(super) fn tell_state(&mut self) {
        if self.errand.as_ref().is_some_and(|errand| !self.may_run(errand)) {
            // It was wanted of a board that did something else.
            self.drop_errand("the board has begun something else");
        }
        let state = self.state();
        if state != self.told {
            self.told = state;
            self.push(Event::StateChanged(state));
        }
    }

    pub(super) fn doubt_once(&mut self, doubt: Doubt) {
        let event = Event::Doubt(doubt);
        if !self.events.contains(&event) {
            self.push(event);
        }
    }

    pub(super) fn push(&mut self, event: Event) {
        if matches!(event, Event::Said(_))
            && self.events.iter().filter(|event| matches!(event, Event::Said(_))).count() >= SAID_MAX
        {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            let droppable = |event: &Event| matches!(event, Event::Said(_) | Event::Progress(_));
            let oldest = self.events.iter().position(droppable).unwrap_or(0);
            self.events.remove(oldest);
        }
        self.events.push_back(event);
    }
}
