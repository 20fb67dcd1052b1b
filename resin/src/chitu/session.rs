//! One ChiTu board while its port is open: bytes and the time in, bytes and events out.
//!
//! ```text
//!  Unknown ─open─▶ Greeting ─▶ Idle ─start─▶ Selecting ─▶ Starting ─▶ Printing ⇄ Pausing, Paused, Resuming
//!     ▲               │         ▲ │              │            │           │
//!     └── closed      │         │ └─upload─▶ Uploading        │           │ the board says twice: not printing
//!                     │         └── not started ┴─────────────┘           ▼
//!                     └─ prints: Printing (ours) or Foreign             Ended ──start──▶ Selecting
//!  (any but Unknown) ─stop─▶ Stopping ─▶ Ended
//! ```
//! Whether the board answers ([`Health`]) and whether its stick is there ([`Medium`]) are told beside the
//! state: a silent board may well go on printing. Methods are of four kinds: getters; `handle_*` for what the
//! port or the clock brings; commands; `poll_*` for what the caller must do. After any of the others:
//! `poll_transmit`, `poll_event` and `poll_need` until `None`, then sleep until `poll_timeout`. Time is a
//! span from an origin of the caller's that never goes back.
//!
//! No answer is believed but what the board says of itself afterwards: `ok` follows failures too, so a start
//! is a start when `M4000` (or `M27`) says that the right number of bytes is being printed.
//!
//! Whoever was here before may have died in an upload. To such a board all is data but `M4000` and `M29` (facts A.3), so
//! one that is greeted and asks for a block, or hears `M4000`, prints nothing, and does not hear `M4002`, is told `M29`.

mod commands;
mod greet;
mod reading;
mod start;
mod stop;
mod telling;
mod watch;

use std::collections::VecDeque;
use std::time::Duration;

use greet::{Greeting, GreetingStep};
use reading::Reading;
use start::{Selecting, Starting, Then};
use stop::Stopping;
use watch::{Doing, Watch};

use super::blocks::{self, Need, Upload};
use super::command::Command;
use super::dialect::{Dialect, Tells};
use super::exchange::{Exchange, Heard, Reply, ReplyEnd, Sent};
use super::frame::only_nuls;
use super::reply::{Okay, Printed, Says};
use super::state::{BadTiming, Config, Doubt, Ending, Event, Health, Medium, NotStarted, State};
use crate::units::Micrometres;

/// A board that has told its bytes and then does not, so often in a row, is asked in the other way.
const UNREADABLE_MAX: u8 = 5;

#[derive(Clone, Debug)]
enum Phase {
    Unknown,
    Greeting(Greeting),
    Idle,
    Selecting(Selecting),
    Starting(Starting),
    Watching(Watch),
    Stopping(Stopping),
    Uploading(Upload),
    Ended(Ending),
}

/// Whether the next answer is to the next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InStep {
    Yes,
    /// An answer was lost and may come late. `M4004` asks what the board waits for …
    AskBlocked,
    /// … and then `M4002`, whose answer nothing else looks like.
    AskHello {
        at: Duration,
        tries: u8,
    },
    /// `M4002` was not heard in a greeting. With a file open `M4000` would be.
    AskOpen,
    /// A file is open: `M29` closes it.
    CloseFile,
}

/// So often in a row a board that is greeted has to hear `M4000` and not `M4002` before it.
const OPEN_BELIEVED: u8 = 2;
/// A board that does not know `M4002` has no file open; it is told so often that it has.
const CLOSES_MAX: u8 = 3;

/// The board and what is done with it.
#[derive(Clone, Debug)]
pub struct Session {
    config: Config,
    exchange: Exchange,
    dialect: Dialect,
    phase: Phase,
    /// The state that was told last.
    told: State,
    health: Health,
    medium: Medium,
    in_step: InStep,
    /// How often in a row it was so that a file may be open there.
    may_be_open: u8,
    /// `M29` so often since its last `M4002`.
    closes: u8,
    /// A print of ours that may be running on a board that we do not hear yet.
    expected: Option<Watch>,
    /// A stop whose port was closed before it was proven.
    unfinished_stop: bool,
    /// One thing to be done between prints.
    errand: Option<Command>,
    halt: bool,
    /// Looks in a row at which a board that should be idle prints.
    strange: u8,
    unreadable: u8,
    z: Option<Micrometres>,
    poll_at: Duration,
    events: VecDeque<Event>,
}

impl Session {
    /// # Errors
    /// Where a span of the timing cannot be.
    pub fn new(config: Config) -> Result<Self, BadTiming> {
        config.timing.check()?;
        Ok(Self {
            exchange: Exchange::new(config.timing),
            config,
            dialect: Dialect::default(),
            phase: Phase::Unknown,
            told: State::Unknown,
            health: Health::Well,
            medium: Medium::NotAsked,
            in_step: InStep::Yes,
            may_be_open: 0,
            closes: 0,
            expected: None,
            unfinished_stop: false,
            errand: None,
            halt: false,
            strange: 0,
            unreadable: 0,
            z: None,
            poll_at: Duration::ZERO,
            events: VecDeque::new(),
        })
    }

    // Getters.

    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Unknown => State::Unknown,
            Phase::Greeting(_) => State::Greeting,
            Phase::Idle => State::Idle,
            Phase::Selecting(_) => State::Selecting,
            Phase::Starting(_) => State::Starting,
            Phase::Watching(watch) => watch.state(),
            Phase::Stopping(_) => State::Stopping,
            Phase::Uploading(_) => State::Uploading,
            Phase::Ended(ending) => State::Ended(*ending),
        }
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    #[must_use]
    pub fn medium(&self) -> Medium {
        self.medium
    }

    #[must_use]
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// Where the plate was when the board told it last; below zero while a print starts.
    #[must_use]
    pub fn plate(&self) -> Option<Micrometres> {
        self.z
    }

    /// What the board was asked last and has not answered.
    #[must_use]
    pub fn in_flight(&self) -> Option<&Sent> {
        self.exchange.in_flight()
    }

    // What the port and the clock bring.

    pub fn handle_opened(&mut self, now: Duration) {
        self.exchange.reset(now);
        self.in_step = InStep::Yes;
        (self.may_be_open, self.closes) = (0, 0);
        self.poll_at = now;
        self.set_health(Health::Well);
        self.phase = if self.unfinished_stop {
            Phase::Stopping(Stopping::new(self.expected.take(), self.z))
        } else {
            Phase::Greeting(Greeting::new())
        };
        self.tell_state();
    }

    /// The port is gone. A print of ours that was watched is looked for when it comes back.
    pub fn handle_closed(&mut self, now: Duration) {
        self.exchange.reset(now);
        self.drop_errand("the port was closed");
        self.halt = false;
        match std::mem::replace(&mut self.phase, Phase::Unknown) {
            Phase::Watching(watch) if watch.job.is_some() => self.expected = Some(watch),
            Phase::Stopping(stopping) => {
                self.expected = stopping.watch;
                self.unfinished_stop = true;
            }
            // It may have been taken.
            Phase::Starting(starting) => self.expected = Some(Watch::new(Some(starting.job), now)),
            Phase::Selecting(Selecting { then: Then::Start { .. }, .. }) => {
                self.push(Event::NotStarted(NotStarted::NoAnswer));
            }
            Phase::Uploading(_) => self.push(Event::NotUploaded(blocks::UploadError::NoAnswer)),
            _ => {}
        }
        self.tell_state();
    }

    /// One read of the port.
    pub fn handle_bytes(&mut self, now: Duration, read: &[u8]) {
        if matches!(self.phase, Phase::Unknown) {
            return;
        }
        if only_nuls(read) {
            self.set_health(Health::WiringFault);
            return;
        }
        for byte in read {
            if let Some(heard) = self.exchange.handle_byte(now, *byte) {
                self.heard(now, heard);
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(heard) = self.exchange.handle_timeout(now) {
            self.heard(now, heard);
        }
    }

    // What the caller must do.

    /// Bytes for the wire, all of one command or block.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Vec<u8>> {
        if now < self.exchange.free_at()? {
            return None;
        }
        let (at, next) = self.plan()?;
        if now < at {
            return None;
        }
        match next {
            blocks::Next::Block(block) => {
                self.exchange.sent(now, Sent::Block);
                if let Phase::Uploading(upload) = &mut self.phase {
                    upload.sent();
                }
                Some(block)
            }
            blocks::Next::Command(command) => {
                let bytes = command.bytes();
                self.sent(now, &command);
                self.exchange.sent(now, Sent::Command(command));
                self.tell_state();
                Some(bytes)
            }
        }
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timeout` or `poll_transmit` has something to do, if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let send = self.exchange.free_at().and_then(|free| Some(self.plan()?.0.max(free)));
        [self.exchange.due(), send].into_iter().flatten().min()
    }

    /// What `give` is to bring of the file that is uploaded.
    #[must_use]
    pub fn poll_need(&self) -> Option<Need> {
        match &self.phase {
            Phase::Uploading(upload) => upload.needs(),
            _ => None,
        }
    }

    /// What is said next, and from when on.
    fn plan(&self) -> Option<(Duration, blocks::Next)> {
        let command = |at, command| Some((at, blocks::Next::Command(command)));
        const NOW: Duration = Duration::ZERO;
        match &self.phase {
            Phase::Unknown => return None,
            // Whatever is said now is data.
            Phase::Uploading(upload) => return upload.next().map(|next| (NOW, next)),
            _ => {}
        }
        if self.halt {
            return command(NOW, Command::HaltMotors);
        }
        if let Phase::Stopping(stopping) = &self.phase
            && stopping.say
        {
            return command(NOW, Command::Stop);
        }
        match self.in_step {
            InStep::Yes => {}
            InStep::AskBlocked => return command(NOW, Command::Blocked),
            InStep::AskHello { at, .. } => return command(at, Command::Hello),
            InStep::AskOpen => return command(NOW, Command::Status),
            InStep::CloseFile => return command(NOW, Command::CloseFile),
        }
        if let Some(errand) = &self.errand {
            return command(NOW, errand.clone());
        }
        match &self.phase {
            Phase::Unknown | Phase::Uploading(_) => None,
            Phase::Greeting(greeting) => command(NOW, greeting.ask()),
            Phase::Idle | Phase::Ended(_) => command(self.poll_at, self.look()),
            Phase::Selecting(selecting) => command(NOW, selecting.ask(self.look())),
            Phase::Starting(starting) => match starting.sent {
                None => command(NOW, starting.command()),
                Some(_) => command(self.poll_at, self.look()),
            },
            Phase::Watching(watch) => match watch.doing {
                Doing::Pausing { sent: None } => command(NOW, Command::Pause),
                Doing::Resuming { sent: None } => command(NOW, Command::Go),
                _ => command(self.poll_at, self.look()),
            },
            Phase::Stopping(stopping) => command(self.poll_at, stopping.ask(&self.dialect)),
        }
    }

    /// The question whether it prints, and how far.
    fn look(&self) -> Command {
        match (self.dialect.status, self.dialect.progress) {
            (Tells::No | Tells::NotAsked, Tells::Yes) => Command::Progress,
            _ => Command::Status,
        }
    }

    // Inside.

    fn sent(&mut self, now: Duration, command: &Command) {
        self.poll_at = now + self.config.timing.poll;
        if let Phase::Watching(watch) = &mut self.phase
            && watch.doing == (Doing::Resuming { sent: None })
            && *command != Command::Go
        {
            // What was seen is old by then.
            watch.doing = Doing::LookBeforeResume;
        }
        match (&mut self.phase, command) {
            (_, Command::HaltMotors) => {
                self.halt = false;
                self.push(Event::Doubt(Doubt::LightNotKnown));
            }
            (Phase::Stopping(stopping), Command::Stop) => stopping.said(now),
            (Phase::Starting(starting), Command::StartByName(_) | Command::Go) => starting.sent = Some(now),
            (Phase::Watching(watch), Command::Pause) => watch.doing = Doing::Pausing { sent: Some(now) },
            (Phase::Watching(watch), Command::Go) => watch.doing = Doing::Resuming { sent: Some(now) },
            (Phase::Uploading(upload), _) => upload.sent(),
            _ => {}
        }
        if self.errand.as_ref() == Some(command) {
            self.errand = None;
        }
    }

    fn heard(&mut self, now: Duration, heard: Heard) {
        match heard {
            Heard::Reply(what, reply) => self.answered(now, what, &reply),
            Heard::Unasked(says) => self.unasked(now, says),
        }
        self.tell_state();
    }

    fn unasked(&mut self, now: Duration, says: Says) {
        match says {
            Says::EndRead => {
                self.poll_at = now;
                if let Phase::Watching(watch) = &mut self.phase {
                    watch.end_read = true;
                }
            }
            Says::MediumFailed => {
                self.set_medium(Medium::Removed);
                self.poll_at = now;
                if let Phase::Watching(watch) = &mut self.phase
                    && !std::mem::replace(&mut watch.medium_gone, true)
                {
                    self.push(Event::Doubt(Doubt::MediumGone));
                }
            }
            Says::Unknown(text) => self.push(Event::Said(text)),
            // A late `ok`, or its busy sign.
            _ => {}
        }
    }

    fn answered(&mut self, now: Duration, what: Sent, reply: &Reply) {
        self.notice(reply);
        if let Phase::Uploading(_) = self.phase {
            return self.upload_answered(now, reply);
        }
        let Sent::Command(command) = what else { return };
        self.poll_at = now + self.config.timing.poll;
        if matches!(self.phase, Phase::Greeting(_)) && self.may_have_file_open(now, &command, reply) {
            return;
        }
        if reply.end == ReplyEnd::Lost {
            return self.lost(now, &command);
        }
        if command == Command::Blocked && self.in_step != InStep::Yes {
            self.in_step = InStep::AskHello { at: now, tries: 0 };
            return;
        }
        if command == Command::Hello && !self.hello(now, reply) {
            return;
        }
        self.set_health(Health::Well);
        if let Some(z) = reply.status().and_then(|status| status.z) {
            self.z = Some(z);
        }
        let reading = Reading::of(&command, reply);
        self.count_unreadable(&command, reading);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Unknown) {
            Phase::Greeting(greeting) => self.greeting(now, greeting, &command, reply),
            Phase::Selecting(selecting) => self.selecting(now, selecting, &command, reply),
            Phase::Starting(starting) => self.starting(now, starting, &command, reply, reading),
            Phase::Watching(watch) => self.watching(now, watch, &command, reply, reading),
            Phase::Stopping(stopping) => self.stopping(now, stopping, &command, reply, reading),
            resting @ (Phase::Idle | Phase::Ended(_)) => self.resting(resting, &command, reply, reading),
            other @ (Phase::Unknown | Phase::Uploading(_)) => other,
        };
    }

    /// What is the same in any answer.
    fn notice(&mut self, reply: &Reply) {
        for says in &reply.says {
            match says {
                Says::Unknown(text) | Says::Ok(Okay::Other(text)) => self.push(Event::Said(text.clone())),
                Says::ChecksumWanted => self.doubt_once(Doubt::ChecksumsWanted),
                Says::ListEnds | Says::FileOpened { .. } => self.set_medium(Medium::Ready),
                _ => {}
            }
        }
    }

    /// Whether the answer is one to whether somebody has left a file open there; what comes next is seen to.
    fn may_have_file_open(&mut self, now: Duration, command: &Command, reply: &Reply) -> bool {
        let asks_for_block = reply.says.iter().any(|says| matches!(says, Says::Resend { .. }));
        let is_lost = reply.end == ReplyEnd::Lost;
        let next = match (command, self.in_step) {
            (Command::Hello, _) if reply.firmware().is_some() => {
                (self.may_be_open, self.closes) = (0, 0);
                return false;
            }
            (Command::Hello, _) if asks_for_block => InStep::CloseFile,
            (Command::Hello, _) if is_lost => {
                if self.health == Health::Well {
                    self.set_health(Health::Silent);
                }
                InStep::AskOpen
            }
            (Command::Status, InStep::AskOpen) if is_lost => {
                self.may_be_open = 0;
                InStep::AskHello { at: now + self.config.timing.poll, tries: 0 }
            }
            (Command::Status, InStep::AskOpen) => {
                // One that prints has no file open, and is told nothing.
                let reading = Reading::of(command, reply);
                let rests = reading == Reading::NotPrinting;
                self.may_be_open = if rests { self.may_be_open.saturating_add(1) } else { 0 };
                let may_be = self.may_be_open >= OPEN_BELIEVED && self.closes < CLOSES_MAX;
                if may_be || (asks_for_block && reading.printed().is_none()) {
                    InStep::CloseFile
                } else {
                    InStep::AskHello { at: now, tries: 0 }
                }
            }
            (Command::CloseFile, _) => {
                (self.may_be_open, self.closes) = (0, self.closes.saturating_add(1));
                if reply.has(&Says::SavingDone) {
                    self.push(Event::Doubt(Doubt::FileWasOpen));
                }
                InStep::AskHello { at: now, tries: 0 }
            }
            _ => return false,
        };
        self.in_step = next;
        true
    }

    /// No answer: whether it was taken is asked of the board, once it is known which answer is to what.
    fn lost(&mut self, now: Duration, command: &Command) {
        if command.acts() {
            self.push(Event::Doubt(Doubt::Unanswered(command.code())));
        }
        let poll = self.config.timing.poll;
        self.in_step = match (command, self.in_step) {
            (Command::Blocked, _) => InStep::AskHello { at: now, tries: 0 },
            (Command::Hello, _) => {
                if self.health == Health::Well {
                    self.set_health(Health::Silent);
                }
                InStep::AskHello { at: now + poll, tries: 0 }
            }
            (_, InStep::AskHello { .. }) => self.in_step,
            _ => InStep::AskBlocked,
        };
        match &mut self.phase {
            Phase::Stopping(stopping) => stopping.lost(command),
            Phase::Selecting(selecting) => {
                selecting.lost += 1;
                if selecting.lost >= start::LOST_MAX {
                    self.push(Event::NotStarted(NotStarted::NoAnswer));
                    self.phase = Phase::Idle;
                }
            }
            _ => {}
        }
    }

    /// Whether the answer to `M4002` is one, and from the board that was there.
    fn hello(&mut self, now: Duration, reply: &Reply) -> bool {
        let said = reply.firmware();
        if let InStep::AskHello { tries, .. } = self.in_step
            && said.is_none()
            && self.dialect.firmware.is_some()
            && tries < 3
        {
            // Perhaps a late answer to something else.
            self.in_step = InStep::AskHello { at: now, tries: tries + 1 };
            return false;
        }
        self.in_step = InStep::Yes;
        if let (Some(before), Some(said)) = (&self.dialect.firmware, &said)
            && before != said
        {
            let doubt = Doubt::OtherBoard { before: before.clone(), now: said.clone() };
            self.push(Event::Doubt(doubt));
            self.dialect = Dialect::default();
            if let Phase::Watching(watch) = std::mem::replace(&mut self.phase, Phase::Unknown) {
                self.expected = Some(watch).filter(|watch| watch.job.is_some());
            }
            self.phase = Phase::Greeting(Greeting::new());
            return false;
        }
        if let Phase::Greeting(greeting) = &mut self.phase {
            // From the begin: what was asked before may have been answered by another.
            greeting.step = GreetingStep::Hello;
        }
        if let Phase::Stopping(stopping) = &mut self.phase {
            stopping.heard_again();
        }
        true
    }

    fn upload_answered(&mut self, now: Duration, reply: &Reply) {
        let Phase::Uploading(upload) = &mut self.phase else { return };
        let before = upload.taken();
        upload.answered(reply);
        let progress = Printed { bytes: u64::from(upload.taken()), of: u64::from(upload.size()) };
        let (grown, outcome) = (upload.taken() > before, upload.outcome().cloned());
        let name = upload.name().clone();
        if grown {
            self.push(Event::Progress(progress));
        }
        let Some(outcome) = outcome else { return };
        self.push(match outcome {
            Ok(()) => Event::Uploaded { name, size: progress.of },
            Err(error) => Event::NotUploaded(error),
        });
        self.phase = Phase::Idle;
        // Answers to blocks that were said twice may still come.
        self.in_step = InStep::AskHello { at: now, tries: 0 };
    }

    fn resting(&mut self, resting: Phase, command: &Command, reply: &Reply, reading: Reading) -> Phase {
        match command {
            Command::List => {
                let entries = reply.entries().cloned().collect();
                let complete = !reply.cut && reply.has(&Says::ListEnds);
                self.push(Event::Listed { entries, complete });
            }
            Command::Raise { .. } | Command::PowerOffAfterPrint => self.not_taken(command, reply),
            _ => {}
        }
        match reading {
            Reading::NotPrinting => self.strange = 0,
            Reading::Unreadable => {}
            _ => self.strange += 1,
        }
        if self.strange < 2 {
            return resting;
        }
        self.strange = 0;
        Phase::Greeting(Greeting::of_a_stranger(reading))
    }

    fn not_taken(&mut self, command: &Command, reply: &Reply) {
        if let Some(said) = reply.failure() {
            self.push(Event::Doubt(Doubt::NotTaken { code: command.code(), said }));
        }
    }

    fn count_unreadable(&mut self, command: &Command, reading: Reading) {
        match (command, reading) {
            (Command::Status, Reading::Unreadable) => self.unreadable = self.unreadable.saturating_add(1),
            (Command::Status, _) => self.unreadable = 0,
            _ => {}
        }
        if self.unreadable >= UNREADABLE_MAX && self.dialect.progress == Tells::Yes {
            self.dialect.status = Tells::No;
        }
    }
}
