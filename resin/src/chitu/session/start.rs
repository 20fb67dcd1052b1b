//! From a file on the stick to a print: selected, verified, started, and believed only when the board says
//! so.

use std::time::Duration;

use super::watch::Watch;
use super::{Phase, Reading, Session};
use crate::chitu::command::Command;
use crate::chitu::dialect::{NameTold, StartWay};
use crate::chitu::exchange::Reply;
use crate::chitu::reply::{Entry, Says};
use crate::chitu::state::{Doubt, Event, Job, NotStarted};

/// Answers that may be lost before a start is given up; nothing has been started then.
pub(super) const LOST_MAX: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Tell,
    Start { way: StartWay, tried_other: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It must not print.
    Look,
    Select,
    /// Where selecting did not tell the size.
    List,
    /// The board names what it has selected.
    Name,
}

#[derive(Clone, Debug)]
pub(super) struct Selecting {
    job: Job,
    pub(super) then: Then,
    step: Step,
    pub(super) lost: u8,
}

impl Selecting {
    pub(super) fn new(job: Job, then: Then) -> Self {
        let step = if then == Then::Tell { Step::Select } else { Step::Look };
        Self { job, then, step, lost: 0 }
    }

    pub(super) fn ask(&self, look: Command) -> Command {
        match self.step {
            Step::Look => look,
            Step::Select => Command::Select(self.job.name.clone()),
            Step::List => Command::List,
            Step::Name => Command::Selected,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Starting {
    pub(super) job: Job,
    way: StartWay,
    tried_other: bool,
    pub(super) sent: Option<Duration>,
    /// What the board said against it; `ok` may have followed.
    refused: Option<String>,
    /// Looks in a row: not printing; bytes of another file.
    idle: u8,
    other: u8,
}

impl Starting {
    pub(super) fn command(&self) -> Command {
        match self.way {
            StartWay::M6030 => Command::StartByName(self.job.name.clone()),
            StartWay::M23M24 => Command::Go,
        }
    }
}

impl Session {
    fn not_started(&mut self, why: NotStarted) -> Phase {
        self.push(Event::NotStarted(why));
        Phase::Idle
    }

    pub(super) fn selecting(
        &mut self,
        now: Duration,
        mut selecting: Selecting,
        command: &Command,
        reply: &Reply,
    ) -> Phase {
        if *command != selecting.ask(self.look()) {
            return Phase::Selecting(selecting);
        }
        let name = selecting.job.name.clone();
        if reply.has(&Says::MediumFailed) {
            return self.not_started(NotStarted::NoMedium);
        }
        match selecting.step {
            Step::Look => match Reading::of(command, reply) {
                Reading::NotPrinting => selecting.step = Step::Select,
                Reading::Unreadable => {
                    selecting.lost += 1;
                    if selecting.lost >= LOST_MAX {
                        return self.not_started(NotStarted::NoAnswer);
                    }
                }
                printing => {
                    self.push(Event::NotStarted(NotStarted::AlreadyPrinting));
                    self.push(Event::NotOurs { name: None, total: printing.printed().map_or(0, |p| p.of) });
                    return Phase::Watching(Watch::new(None, now));
                }
            },
            Step::Select => {
                if let Some(said) = reply.failure() {
                    return self.not_started(NotStarted::Missing { name, said });
                }
                match reply.opened() {
                    Some((said, _)) if !name.is(said) => {
                        return self.not_started(NotStarted::OtherName { name, said: said.to_owned() });
                    }
                    Some((_, size)) => return self.sized(selecting, size),
                    None => selecting.step = Step::List,
                }
            }
            Step::List => {
                let size = reply.entries().find_map(|entry| match entry {
                    Entry::File { name: said, size } if name.is(said) => Some(*size),
                    _ => None,
                });
                return match size {
                    Some(size) => self.sized(selecting, size),
                    None if reply.cut || !reply.has(&Says::ListEnds) => {
                        self.not_started(NotStarted::SizeNotTold { name })
                    }
                    None => self.not_started(NotStarted::Missing {
                        name,
                        said: "not in the list of its root".into(),
                    }),
                };
            }
            Step::Name => {
                return match self.learn_name(reply) {
                    Some(said) if !name.is(&said) => self.not_started(NotStarted::OtherName { name, said }),
                    _ => self.verified(selecting),
                };
            }
        }
        Phase::Selecting(selecting)
    }

    fn sized(&mut self, mut selecting: Selecting, on_board: u64) -> Phase {
        let (name, wanted) = (selecting.job.name.clone(), selecting.job.size);
        if on_board != wanted {
            return self.not_started(NotStarted::WrongSize { name, on_board, wanted });
        }
        if self.dialect.name == NameTold::No {
            return self.verified(selecting);
        }
        selecting.step = Step::Name;
        Phase::Selecting(selecting)
    }

    fn verified(&mut self, selecting: Selecting) -> Phase {
        let Selecting { job, then, .. } = selecting;
        self.push(Event::Verified { name: job.name.clone(), size: job.size });
        match then {
            Then::Tell => Phase::Idle,
            Then::Start { way, tried_other } => Phase::Starting(Starting {
                job,
                way,
                tried_other,
                sent: None,
                refused: None,
                idle: 0,
                other: 0,
            }),
        }
    }

    pub(super) fn starting(
        &mut self,
        now: Duration,
        mut starting: Starting,
        command: &Command,
        reply: &Reply,
        reading: Reading,
    ) -> Phase {
        if *command == starting.command() {
            // `ok` or not: the board is asked.
            starting.refused = reply.failure().or(starting.refused);
        }
        let Some(sent) = starting.sent else { return Phase::Starting(starting) };
        let Some(printed) = reading.printed() else {
            if reading == Reading::NotPrinting {
                starting.idle += 1;
                let waited = now.saturating_sub(sent) >= self.config.timing.start;
                if waited || (starting.refused.is_some() && starting.idle >= 2) {
                    return self.not_printing(starting);
                }
            }
            return Phase::Starting(starting);
        };
        starting.idle = 0;
        if printed.of != starting.job.size {
            starting.other += 1;
            if starting.other < 2 {
                return Phase::Starting(starting);
            }
            let (on_board, wanted) = (printed.of, starting.job.size);
            self.push(Event::NotStarted(NotStarted::OtherFilePrints { on_board, wanted }));
            self.push(Event::NotOurs { name: None, total: on_board });
            return Phase::Watching(Watch::new(None, now));
        }
        self.dialect.start = Some(starting.way);
        self.look_at(now, Watch::new(Some(starting.job), now), reading)
    }

    /// The board says that it does not print what it was told to.
    fn not_printing(&mut self, starting: Starting) -> Phase {
        if starting.tried_other || self.config.start.is_some() {
            let said = starting.refused.unwrap_or_else(|| "ok".into());
            return self.not_started(NotStarted::NotPrinting { said });
        }
        self.push(Event::Doubt(Doubt::OtherWay(starting.way)));
        // All over: it must still not print, and have the file selected.
        let then = Then::Start { way: starting.way.other(), tried_other: true };
        Phase::Selecting(Selecting::new(starting.job, then))
    }
}
