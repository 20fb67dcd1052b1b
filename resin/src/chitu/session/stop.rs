//! A stop, said until the board says twice that it does not print, and looked at until its plate goes up.
//!
//! ```text
//!  say M33 ──▶ look ──prints after a while──▶ say M33 again
//!               └─not printing, twice─▶ watch the plate ──up, or time──▶ Ended
//! ```

use std::time::Duration;

use super::greet::Greeting;
use super::watch::Watch;
use super::{Phase, Reading, Session};
use crate::chitu::command::Command;
use crate::chitu::dialect::{Dialect, Tells};
use crate::chitu::exchange::Reply;
use crate::chitu::reply::Says;
use crate::chitu::state::{Doubt, Ending, Event, StopProof};
use crate::units::Micrometres;

/// A plate that is so much higher than it was has gone up.
const RISEN: i64 = 1000;

#[derive(Clone, Debug)]
pub(super) struct Stopping {
    pub(super) watch: Option<Watch>,
    /// `M33` is to be said.
    pub(super) say: bool,
    said_at: Duration,
    times: u32,
    /// It was not answered.
    lost: bool,
    idle: u8,
    calm_at: Option<Duration>,
    lowest: Option<Micrometres>,
    risen: bool,
    turn: usize,
    doubted: bool,
}

impl Stopping {
    pub(super) fn new(watch: Option<Watch>, z: Option<Micrometres>) -> Self {
        Self {
            watch,
            say: true,
            said_at: Duration::ZERO,
            times: 0,
            lost: false,
            idle: 0,
            calm_at: None,
            lowest: z,
            risen: false,
            turn: 0,
            doubted: false,
        }
    }

    pub(super) fn said(&mut self, now: Duration) {
        self.say = false;
        self.said_at = now;
        self.times = self.times.saturating_add(1);
    }

    pub(super) fn lost(&mut self, command: &Command) {
        match command {
            Command::Stop => self.lost = true,
            // Nobody hears us: it costs nothing to say it again before asking again.
            Command::Hello => self.say = self.calm_at.is_none(),
            _ => {}
        }
    }

    pub(super) fn heard_again(&mut self) {
        if std::mem::take(&mut self.lost) && self.calm_at.is_none() {
            self.say = true;
        }
    }

    /// Questions in turn, where not one of them tells all.
    pub(super) fn ask(&self, dialect: &Dialect) -> Command {
        let asks: &[Command] = match dialect.status {
            Tells::Yes => &[Command::Status],
            Tells::No => &[Command::Progress, Command::Position],
            Tells::NotAsked => &[Command::Status, Command::Progress],
        };
        asks[self.turn % asks.len()].clone()
    }
}

impl Session {
    pub(super) fn stopping(
        &mut self,
        now: Duration,
        mut stopping: Stopping,
        command: &Command,
        reply: &Reply,
        reading: Reading,
    ) -> Phase {
        let timing = self.config.timing;
        stopping.turn = stopping.turn.wrapping_add(1);
        if *command == Command::Stop {
            stopping.lost = false;
            if reply.has(&Says::NotPrinting) {
                stopping.idle = stopping.idle.saturating_add(1);
            } else {
                self.not_taken(command, reply);
            }
        }
        match reading {
            Reading::NotPrinting => {
                stopping.idle = stopping.idle.saturating_add(1);
                if stopping.idle >= 2 && stopping.calm_at.is_none() {
                    stopping.calm_at = Some(now);
                }
            }
            Reading::Unreadable => {}
            printing => {
                (stopping.idle, stopping.calm_at) = (0, None);
                if let (Some(watch), Some(printed)) = (&mut stopping.watch, printing.printed())
                    && watch.job.as_ref().is_none_or(|job| job.size == printed.of)
                {
                    self.note_progress(watch, printed);
                }
            }
        }
        if let Some(z) = reply.status().and_then(|status| status.z) {
            let lowest = stopping.lowest.map_or(z, |lowest| lowest.min(z));
            stopping.lowest = Some(lowest);
            let top = self.dialect.height().is_some_and(|height| z.0 >= height.0 - RISEN);
            // Between layers it goes up and down: what counts is where it is when it does not print.
            stopping.risen = stopping.idle > 0 && (z.0 - lowest.0 >= RISEN || top);
        }
        if let Some(calm_at) = stopping.calm_at {
            if !stopping.risen && now.saturating_sub(calm_at) < timing.rise {
                return Phase::Stopping(stopping);
            }
            return self.stopped(stopping);
        }
        let waited = stopping.times > 0 && now.saturating_sub(stopping.said_at) >= timing.stop;
        if waited && stopping.idle == 0 {
            stopping.say = true;
            if !std::mem::replace(&mut stopping.doubted, true) {
                let told = reading.printed().is_some();
                let doubt = if told { Doubt::StillPrinting } else { Doubt::StopNotTold };
                self.push(Event::Doubt(doubt));
            }
        }
        Phase::Stopping(stopping)
    }

    fn stopped(&mut self, stopping: Stopping) -> Phase {
        let proof = if stopping.risen {
            StopProof::NotPrintingAndRising
        } else {
            self.push(Event::Doubt(Doubt::PlateNotRising));
            StopProof::NotPrinting
        };
        let last_layer = stopping.watch.and_then(|watch| watch.layer);
        self.unfinished_stop = false;
        let ended = self.end(Ending::Stopped { last_layer, proof });
        if self.dialect.status == Tells::NotAsked {
            // Stopped before it was greeted.
            return Phase::Greeting(Greeting::new());
        }
        ended
    }
}
