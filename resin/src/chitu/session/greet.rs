//! Who the board is, what it tells, and whether it prints something of ours already.

use std::time::Duration;

use super::watch::Watch;
use super::{Phase, Reading, Session};
use crate::chitu::command::Command;
use crate::chitu::dialect::{NameTold, Tells};
use crate::chitu::exchange::Reply;
use crate::chitu::reply::Says;
use crate::chitu::state::{Doubt, Ending, Event, Unproven};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GreetingStep {
    Hello,
    Axes,
    Status,
    Progress,
    Name,
}

#[derive(Clone, Debug)]
pub(super) struct Greeting {
    pub(super) step: GreetingStep,
    reading: Reading,
    /// A network module has been asked twice, as it wants.
    said_again: bool,
    /// Only its print is new.
    known: bool,
}

impl Greeting {
    pub(super) fn new() -> Self {
        Self { step: GreetingStep::Hello, reading: Reading::Unreadable, said_again: false, known: false }
    }

    /// A board that was idle prints: what?
    pub(super) fn of_a_stranger(reading: Reading) -> Self {
        Self { step: GreetingStep::Name, reading, said_again: false, known: true }
    }

    pub(super) fn ask(&self) -> Command {
        match self.step {
            GreetingStep::Hello => Command::Hello,
            GreetingStep::Axes => Command::Axes,
            GreetingStep::Status => Command::Status,
            GreetingStep::Progress => Command::Progress,
            GreetingStep::Name => Command::Selected,
        }
    }
}

const fn tells(yes: bool) -> Tells {
    if yes { Tells::Yes } else { Tells::No }
}

impl Session {
    pub(super) fn greeting(
        &mut self,
        now: Duration,
        mut greeting: Greeting,
        command: &Command,
        reply: &Reply,
    ) -> Phase {
        if *command != greeting.ask() {
            return Phase::Greeting(greeting);
        }
        greeting.step = match greeting.step {
            GreetingStep::Hello => {
                self.dialect.firmware = reply.firmware();
                greeting.known = false;
                GreetingStep::Axes
            }
            GreetingStep::Axes if reply.has(&Says::SayAgain) && !greeting.said_again => {
                greeting.said_again = true;
                GreetingStep::Axes
            }
            GreetingStep::Axes => {
                self.dialect.axes = reply.axes().unwrap_or_default();
                GreetingStep::Status
            }
            GreetingStep::Status => {
                greeting.reading = Reading::of(command, reply);
                self.dialect.status = tells(reply.status().is_some_and(|status| status.done.is_some()));
                GreetingStep::Progress
            }
            GreetingStep::Progress => {
                let reading = Reading::of(command, reply);
                self.dialect.progress = tells(reply.has(&Says::NotPrinting) || reply.printed().is_some());
                if greeting.reading == Reading::Unreadable {
                    greeting.reading = reading;
                }
                if greeting.reading.printed().is_none() {
                    return self.greeted(now, &greeting, None);
                }
                GreetingStep::Name
            }
            GreetingStep::Name => {
                let name = self.learn_name(reply);
                return self.greeted(now, &greeting, name);
            }
        };
        Phase::Greeting(greeting)
    }

    /// The file that the board has selected, as `M4006` names it, if it does.
    pub(super) fn learn_name(&mut self, reply: &Reply) -> Option<String> {
        let name = reply.selected();
        self.dialect.name = match &name {
            Some(name) if name.contains('/') => NameTold::Path,
            Some(_) => NameTold::BaseName,
            None => NameTold::No,
        };
        name
    }

    fn greeted(&mut self, now: Duration, greeting: &Greeting, name: Option<String>) -> Phase {
        if !greeting.known {
            self.push(Event::Learned(Box::new(self.dialect.clone())));
        }
        let expected = self.expected.take();
        let Some(printed) = greeting.reading.printed() else {
            let Some(watch) = expected else { return Phase::Idle };
            let why = match greeting.reading {
                Reading::NotPrinting => Unproven::EndedWithoutUs,
                _ => Unproven::NotTold,
            };
            return if why == Unproven::EndedWithoutUs && watch.all_read() {
                self.end(Ending::Completed)
            } else {
                self.end(Ending::Unknown { last_layer: watch.layer, why })
            };
        };
        if let Some(mut watch) = expected
            && let Some(job) = watch.job.clone()
        {
            if printed.of == job.size && name.as_deref().is_none_or(|name| job.name.is(name)) {
                if name.is_none() {
                    self.push(Event::Doubt(Doubt::KnownBySizeOnly));
                }
                self.push(Event::Attached { name: job.name });
                watch.begin(now);
                return self.look_at(now, watch, greeting.reading);
            }
            self.push(Event::Ended(Ending::Unknown { last_layer: watch.layer, why: Unproven::OtherFile }));
        }
        self.push(Event::NotOurs { name, total: printed.of });
        Phase::Watching(Watch::new(None, now))
    }
}
