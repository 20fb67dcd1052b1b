//! One command on the wire at a time: when the next may go, which lines answer it, and when it is lost.
//!
//! ```text
//!  Free ──send──▶ In flight ──ok that fits──▶ Free (after the gap)
//!                  │      └──ok that does not fit, error, then quiet──▶ Free
//!                  └──nothing for too long──▶ Free, lost
//! ```
//! Lines have no sender's mark, so an `ok` that says what was not asked for (a late one) does not end the
//! wait at once: what fits may follow it.

use std::time::Duration;

use super::command::Command;
use super::frame::{Framer, Line};
use super::reply::{self, Axes, Entry, Okay, Printed, Says, Status};
use super::state::Timing;

/// The most lines that are kept of one answer: a stick with more files is listed in part.
pub const LINES_MAX: usize = 2048;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyEnd {
    /// With an `ok` that fits the question, or for a block with what decides it.
    Ok,
    /// With something that could be all, and silence.
    Settled,
    /// It never came, or never ended.
    Lost,
}

/// The lines that came between a command and its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub says: Vec<Says>,
    pub end: ReplyEnd,
    /// There were more than `LINES_MAX`.
    pub cut: bool,
}

impl Reply {
    fn okay<T>(&self, pick: impl Fn(&Okay) -> Option<T>) -> Option<T> {
        self.says.iter().rev().find_map(|says| match says {
            Says::Ok(okay) => pick(okay),
            _ => None,
        })
    }

    #[must_use]
    pub fn firmware(&self) -> Option<String> {
        self.okay(|okay| if let Okay::Firmware(text) = okay { Some(text.clone()) } else { None })
    }

    #[must_use]
    pub fn axes(&self) -> Option<Axes> {
        self.okay(|okay| if let Okay::Axes(axes) = okay { Some(axes.clone()) } else { None })
    }

    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.okay(|okay| match okay {
            Okay::Status(status) => Some(*status),
            Okay::Position { z } => Some(Status { z: *z, ..Status::default() }),
            _ => None,
        })
    }

    #[must_use]
    pub fn selected(&self) -> Option<String> {
        self.okay(|okay| match okay {
            Okay::Selected(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        })
    }

    #[must_use]
    pub fn printed(&self) -> Option<Printed> {
        self.says.iter().rev().find_map(|says| match says {
            Says::Printed(printed) => Some(*printed),
            _ => None,
        })
    }

    #[must_use]
    pub fn opened(&self) -> Option<(&str, u64)> {
        self.says.iter().find_map(|says| match says {
            Says::FileOpened { name, size } => Some((name.as_str(), *size)),
            _ => None,
        })
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.says.iter().filter_map(|says| match says {
            Says::Entry(entry) => Some(entry),
            _ => None,
        })
    }

    #[must_use]
    pub fn has(&self, what: &Says) -> bool {
        self.says.contains(what)
    }

    /// What went wrong, in words; an `ok` behind it does not undo it.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.says.iter().find_map(|says| {
            Some(match says {
                Says::OpenFailed { name } => format!("cannot open {name}"),
                Says::FileMissing => "file does not exist or is empty".into(),
                Says::NotPrinting => "not printing".into(),
                Says::FileIsOpen { name } => format!("{name} is open"),
                Says::WriteFailed => "cannot write".into(),
                Says::SayAgain => "wants to be connected to anew".into(),
                Says::Taken { by } => format!("taken by {by}"),
                Says::ChecksumWanted => "wants checksums".into(),
                Says::MediumFailed => "cannot read its stick".into(),
                Says::Error(text) => text.clone(),
                _ => return None,
            })
        })
    }

    /// What is not understood in it, for a log.
    #[must_use]
    pub fn text(&self) -> String {
        let unknown = |says: &Says| match says {
            Says::Unknown(text) | Says::Ok(Okay::Other(text)) => Some(text.clone()),
            _ => None,
        };
        let text: Vec<String> = self.says.iter().filter_map(unknown).take(4).collect();
        text.join(" / ")
    }
}

/// What is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Command(Command),
    /// A block of a file.
    Block,
}

/// What a byte or the time has brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Reply(Sent, Reply),
    /// A line that belongs to no command.
    Unasked(Says),
}

#[derive(Clone, Debug)]
struct Flight {
    what: Sent,
    says: Vec<Says>,
    listing: bool,
    cut: bool,
    sent_at: Duration,
    heard_at: Duration,
    /// Since when what has come could be all.
    could_be_all: Option<Duration>,
}

/// The wire of one board.
#[derive(Clone, Debug)]
pub struct Exchange {
    timing: Timing,
    framer: Framer,
    byte_at: Duration,
    flight: Option<Flight>,
    free_at: Duration,
}

impl Exchange {
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            framer: Framer::default(),
            byte_at: Duration::ZERO,
            flight: None,
            free_at: Duration::ZERO,
        }
    }

    /// Forgets what was on the wire: the port is another.
    pub fn reset(&mut self, now: Duration) {
        self.framer.clear();
        self.flight = None;
        self.free_at = now + self.timing.gap;
    }

    #[must_use]
    pub fn in_flight(&self) -> Option<&Sent> {
        self.flight.as_ref().map(|flight| &flight.what)
    }

    /// From when on something may be sent; `None` while an answer is awaited.
    #[must_use]
    pub fn free_at(&self) -> Option<Duration> {
        self.flight.is_none().then_some(self.free_at)
    }

    /// To be called only where `free_at` has come.
    pub fn sent(&mut self, now: Duration, what: Sent) {
        // A line that began before the command is none of its answer.
        self.framer.clear();
        self.flight = Some(Flight {
            what,
            says: Vec::new(),
            listing: false,
            cut: false,
            sent_at: now,
            heard_at: now,
            could_be_all: None,
        });
    }

    fn line_pause(&self) -> Duration {
        match self.in_flight() {
            Some(Sent::Command(Command::StartByName(_))) => self.timing.line_pause_start,
            _ => self.timing.line_pause,
        }
    }

    /// When `handle_timeout` has something to do.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let line = self.framer.has_partial().then(|| self.byte_at + self.line_pause());
        let flight = self.flight.as_ref().map(|flight| self.flight_due(flight));
        [line, flight].into_iter().flatten().min()
    }

    fn flight_due(&self, flight: &Flight) -> Duration {
        let timing = &self.timing;
        let lost = (flight.heard_at + timing.reply).min(flight.sent_at + timing.longest_reply);
        flight.could_be_all.map_or(lost, |since| lost.min(since + timing.settle.max(self.line_pause())))
    }

    pub fn handle_byte(&mut self, now: Duration, byte: u8) -> Option<Heard> {
        if byte == 0 {
            return None;
        }
        self.byte_at = now;
        if let Some(flight) = &mut self.flight {
            flight.heard_at = now;
        }
        let line = self.framer.push(byte)?;
        self.line(now, &line)
    }

    /// One thing that the time has brought; to be called until `None`.
    pub fn handle_timeout(&mut self, now: Duration) -> Option<Heard> {
        if self.framer.has_partial() && now >= self.byte_at + self.line_pause() {
            let line = self.framer.flush();
            if let Some(heard) = line.and_then(|line| self.line(now, &line)) {
                return Some(heard);
            }
        }
        let flight = self.flight.as_ref()?;
        if now < self.flight_due(flight) {
            return None;
        }
        let end = if flight.could_be_all.is_some() { ReplyEnd::Settled } else { ReplyEnd::Lost };
        self.finish(now, end)
    }

    fn finish(&mut self, now: Duration, end: ReplyEnd) -> Option<Heard> {
        let flight = self.flight.take()?;
        self.free_at = now + self.timing.gap;
        Some(Heard::Reply(flight.what, Reply { says: flight.says, end, cut: flight.cut }))
    }

    fn line(&mut self, now: Duration, line: &Line) -> Option<Heard> {
        let listing = self.flight.as_ref().is_some_and(|flight| flight.listing);
        let says = reply::read(line, listing);
        let Some(flight) = &mut self.flight else { return Some(Heard::Unasked(says)) };
        match says {
            Says::Wait | Says::EndRead | Says::Identity(_) => return Some(Heard::Unasked(says)),
            Says::MediumFailed => {
                flight.keep(says.clone());
                flight.listing = false;
                flight.could_be_all = Some(now);
                return Some(Heard::Unasked(says));
            }
            _ => {}
        }
        match &says {
            Says::ListBegins => flight.listing = true,
            Says::ListEnds => flight.listing = false,
            _ => {}
        }
        let verdict = flight.verdict(&says);
        flight.keep(says);
        match verdict {
            Verdict::More => None,
            Verdict::CouldBeAll => {
                flight.could_be_all = Some(now);
                None
            }
            Verdict::All => self.finish(now, ReplyEnd::Ok),
        }
    }
}

enum Verdict {
    More,
    CouldBeAll,
    All,
}

impl Flight {
    fn keep(&mut self, says: Says) {
        if self.says.len() < LINES_MAX {
            self.says.push(says);
        } else {
            self.cut = true;
        }
    }

    /// What `says`, that follows `self.says`, means for the end of the answer.
    fn verdict(&self, says: &Says) -> Verdict {
        match says {
            Says::Ok(okay) if self.fits(okay) => Verdict::All,
            Says::Resend { .. } | Says::WriteFailed if self.what == Sent::Block => Verdict::All,
            // `ok` follows a failure on most boards, and `Done saving file!`.
            Says::Ok(_)
            | Says::SavingDone
            | Says::NotPrinting
            | Says::OpenFailed { .. }
            | Says::FileMissing
            | Says::FileIsOpen { .. }
            | Says::WriteFailed
            | Says::Resend { .. }
            | Says::SayAgain
            | Says::Taken { .. }
            | Says::ChecksumWanted
            | Says::Error(_) => Verdict::CouldBeAll,
            _ => Verdict::More,
        }
    }

    fn fits(&self, okay: &Okay) -> bool {
        let said = |pick: fn(&Says) -> bool| self.says.iter().any(pick);
        // A failure is an answer to any question.
        let failed = said(|says| {
            matches!(
                says,
                Says::NotPrinting
                    | Says::OpenFailed { .. }
                    | Says::FileMissing
                    | Says::FileIsOpen { .. }
                    | Says::WriteFailed
                    | Says::MediumFailed
                    | Says::Error(_)
            )
        });
        let plain = matches!(okay, Okay::Plain | Okay::Other(_));
        let Sent::Command(command) = &self.what else {
            return plain || matches!(okay, Okay::Received(_));
        };
        match command {
            Command::Hello => matches!(okay, Okay::Firmware(_)),
            Command::Axes => matches!(okay, Okay::Axes(_)),
            Command::Status => matches!(okay, Okay::Status(status) if status.done.is_some()),
            Command::Position => matches!(okay, Okay::Position { .. }),
            Command::Selected => matches!(okay, Okay::Selected(_)),
            Command::CheckLength(_) => matches!(okay, Okay::Received(_)),
            Command::Progress => plain && (failed || said(|says| matches!(says, Says::Printed(_)))),
            Command::List => plain && (failed || said(|says| matches!(says, Says::ListEnds))),
            Command::Select(_) => {
                plain && (failed || said(|says| matches!(says, Says::FileOpened { .. } | Says::FileSelected)))
            }
            Command::CloseFile => plain && (failed || said(|says| matches!(says, Says::SavingDone))),
            Command::StartByName(_)
            | Command::Go
            | Command::Pause
            | Command::Stop
            | Command::HaltMotors
            | Command::Raise { .. }
            | Command::PowerOffAfterPrint
            | Command::Blocked
            | Command::OpenFile(_) => plain,
        }
    }
}
