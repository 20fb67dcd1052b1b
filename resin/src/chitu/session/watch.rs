//! A print that runs: how far it is, whether it pauses, and how it ended.

use std::time::Duration;

use super::{Phase, Reading, Session};
use crate::chitu::command::Command;
use crate::chitu::dialect::Tells;
use crate::chitu::exchange::Reply;
use crate::chitu::reply::Printed;
use crate::chitu::state::{Doubt, Ending, Event, Job, State, Unproven};
use crate::layer::LayerIndex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Starting,
    Printing,
    Pausing {
        sent: Option<Duration>,
    },
    Paused,
    /// To go on, if the board says that it is paused.
    LookBeforeResume,
    Resuming {
        sent: Option<Duration>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// `None` for what is not ours.
    pub(super) job: Option<Job>,
    pub(super) doing: Doing,
    printed: Printed,
    pub(super) layer: Option<LayerIndex>,
    /// Looks in a row: not printing; all bytes read; bytes of another file.
    idle: u8,
    full: u8,
    other: u8,
    pub(super) end_read: bool,
    pub(super) medium_gone: bool,
    went_back: bool,
    /// When it was last seen to print.
    seen_at: Duration,
}

impl Watch {
    pub(super) fn new(job: Option<Job>, now: Duration) -> Self {
        Self {
            job,
            doing: Doing::Starting,
            printed: Printed::default(),
            layer: None,
            idle: 0,
            full: 0,
            other: 0,
            end_read: false,
            medium_gone: false,
            went_back: false,
            seen_at: now,
        }
    }

    /// It is seen again, after a time in which it was not watched.
    pub(super) fn begin(&mut self, now: Duration) {
        (self.idle, self.full, self.other, self.end_read) = (0, 0, 0, false);
        (self.doing, self.seen_at) = (Doing::Starting, now);
    }

    pub(super) fn state(&self) -> State {
        match self.doing {
            _ if self.job.is_none() => State::Foreign,
            Doing::Starting => State::Starting,
            Doing::Printing => State::Printing,
            Doing::Pausing { .. } => State::Pausing,
            Doing::Paused => State::Paused,
            Doing::LookBeforeResume | Doing::Resuming { .. } => State::Resuming,
        }
    }

    /// Whether the board had come to the last layer, or for an opaque file to the last byte of its pictures.
    pub(super) fn all_read(&self) -> bool {
        let Some(job) = &self.job else { return false };
        match job.layers.last() {
            Some(last) => self.layer == Some(last),
            None => job.layers.is_end(self.printed.bytes, job.size),
        }
    }

    fn ending(&self, now: Duration, watched: Duration) -> Ending {
        let last_layer = self.layer;
        let unseen = now.saturating_sub(self.seen_at);
        let opaque = self.job.as_ref().is_some_and(|job| job.layers.why_opaque().is_some());
        if self.all_read() {
            Ending::Completed
        } else if self.medium_gone {
            Ending::MediumRemoved { last_layer }
        } else if unseen > watched {
            Ending::Unknown { last_layer, why: Unproven::Unwatched(unseen) }
        } else if opaque {
            Ending::Unknown { last_layer, why: Unproven::OpaqueFile }
        } else {
            Ending::CancelledAtPanel { last_layer }
        }
    }
}

impl Session {
    pub(super) fn watching(
        &mut self,
        now: Duration,
        mut watch: Watch,
        command: &Command,
        reply: &Reply,
        reading: Reading,
    ) -> Phase {
        match command {
            Command::Pause => {
                self.not_taken(command, reply);
                if self.dialect.status != Tells::Yes {
                    self.push(Event::Doubt(Doubt::PauseNotTold));
                }
            }
            Command::Go => {
                self.not_taken(command, reply);
                if self.dialect.status != Tells::Yes {
                    // It could not tell; its bytes will.
                    watch.doing = Doing::Printing;
                }
            }
            Command::PowerOffAfterPrint => self.not_taken(command, reply),
            _ => {}
        }
        self.look_at(now, watch, reading)
    }

    /// What a look at the board says of the print.
    pub(super) fn look_at(&mut self, now: Duration, mut watch: Watch, reading: Reading) -> Phase {
        let Some(printed) = reading.printed() else {
            if reading == Reading::Unreadable {
                return Phase::Watching(watch);
            }
            watch.idle += 1;
            if watch.idle < 2 && !watch.end_read && watch.full < 2 {
                return Phase::Watching(watch);
            }
            let timing = &self.config.timing;
            // Two looks and one that was not answered.
            let watched = timing.poll * 3 + timing.reply;
            return if watch.job.is_some() { self.end(watch.ending(now, watched)) } else { Phase::Idle };
        };
        watch.idle = 0;
        if watch.job.as_ref().is_some_and(|job| job.size != printed.of) {
            watch.other += 1;
            if watch.other < 2 {
                return Phase::Watching(watch);
            }
            self.push(Event::Ended(Ending::Unknown { last_layer: watch.layer, why: Unproven::OtherFile }));
            self.push(Event::NotOurs { name: None, total: printed.of });
            return Phase::Watching(Watch::new(None, now));
        }
        watch.other = 0;
        watch.seen_at = now;
        self.note_progress(&mut watch, printed);
        watch.doing = self.next_doing(now, &watch, reading);
        Phase::Watching(watch)
    }

    pub(super) fn note_progress(&mut self, watch: &mut Watch, printed: Printed) {
        if watch.job.is_some() && printed.bytes < watch.printed.bytes {
            if !std::mem::replace(&mut watch.went_back, true) {
                let doubt = Doubt::WentBack { before: watch.printed.bytes, now: printed.bytes };
                self.push(Event::Doubt(doubt));
            }
            return;
        }
        watch.full = if printed.bytes == printed.of { watch.full.saturating_add(1) } else { 0 };
        if printed == watch.printed {
            return;
        }
        watch.printed = printed;
        self.push(Event::Progress(printed));
        let layer = watch.job.as_ref().and_then(|job| job.layers.at(printed.bytes));
        if let Some(layer) = layer
            && watch.layer < Some(layer)
        {
            watch.layer = Some(layer);
            self.push(Event::LayerReached(layer));
        }
    }

    fn next_doing(&mut self, now: Duration, watch: &Watch, reading: Reading) -> Doing {
        let tells = self.dialect.status == Tells::Yes;
        let (pause, resume) = (self.config.timing.pause, self.config.timing.resume);
        let over = |sent: Duration, span: Duration| now.saturating_sub(sent) >= span;
        match (watch.doing, reading) {
            (doing @ (Doing::Pausing { sent: None } | Doing::Resuming { sent: None }), _) => doing,
            (Doing::LookBeforeResume, Reading::Paused(_)) => Doing::Resuming { sent: None },
            (Doing::LookBeforeResume, _) if !tells => Doing::Resuming { sent: None },
            (Doing::Resuming { sent: Some(sent) }, Reading::Paused(_)) if !over(sent, resume) => watch.doing,
            (Doing::Resuming { sent: Some(_) }, Reading::Paused(_)) => {
                self.push(Event::Doubt(Doubt::NotResuming));
                Doing::Paused
            }
            (_, Reading::Paused(_)) => Doing::Paused,
            (Doing::Pausing { sent: Some(sent) }, _) if !tells || !over(sent, pause) => watch.doing,
            (Doing::Pausing { .. }, _) => {
                self.push(Event::Doubt(Doubt::NotPausing));
                Doing::Printing
            }
            (_, Reading::Starting { .. }) => Doing::Starting,
            _ => Doing::Printing,
        }
    }
}
