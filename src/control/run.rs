//! One job on one printer: what is still to be sent, what the firmware has confirmed, and how it ends.
//!
//! ```text
//!  Numbering ─▶ Printing ◀─▶ Paused
//!                  │            │
//!     all sent ▼   └─────┬──────┘  cancel, unreadable file
//!  Trailer ─▶ Confirming │
//!      │          │      ▼
//!      ▼          ▼    Leaving
//!   (ends: printed, cancelled, interrupted)
//! ```

use std::collections::VecDeque;

use super::inactivity::InactivityKill;
use super::park::{Pause, Told};
use super::rejoin::Replay;
use crate::domain::ids::{FileHash, JobId};
use crate::domain::job::{Interruption, Progress};
use crate::domain::moment::Moment;
use crate::domain::printer::LineHealth;
use crate::gcode::commands::{self, Code, InFile};
use crate::gcode::modal::{self, Modal};
use crate::gcode::survey::CommandDigest;
use crate::protocol::window::{Origin, Sent};

/// Lines that are read ahead: more than any window holds, so that the wire never waits for the disk.
pub const SUPPLY_AHEAD: usize = 256;

/// A command of the job's file, with its index from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    pub index: u64,
    pub text: Box<[u8]>,
}

/// Why a job leaves the printer before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaving {
    Cancelled { by: String },
    Abandoned { why: Interruption },
}

/// How far a job that leaves has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Away {
    /// `parks`: the head goes away afterwards.
    HeatersOff {
        parks: bool,
    },
    Asking(Told),
    Parking,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The line count is being set to zero.
    Numbering,
    Printing,
    /// No line of the file is sent; where that is at, is in the pause.
    Paused(Box<Pause>),
    /// All lines are acknowledged; `M400` is on its way, and `M114` behind it was sent `asked` times.
    Trailer {
        /// The position was told.
        stands: bool,
        asked: u32,
    },
    /// The firmware is asked for its own count.
    Confirming,
    /// Heaters and fan are being switched off, then the head may go away.
    Leaving(Leaving, Away),
}

#[derive(Clone, Debug)]
pub struct Run {
    pub job: JobId,
    pub stage: Stage,
    pub started: Moment,
    /// The line's counts when the job began.
    pub before: LineHealth,
    total: u64,
    supply: VecDeque<FileLine>,
    /// No more lines will be supplied.
    supplied: bool,
    /// The index that the next supplied line must have.
    next_index: u64,
    digest: CommandDigest,
    /// Lines in the digest: those that no resend can take back.
    settled: u64,
    /// The last line that was sent which waits for heat or for a person.
    pub waits: Option<u32>,
    /// The steppers were told not to let go.
    pub holds_steppers: bool,
    /// What the firmware was told of its own kill.
    pub inactivity: InactivityKill,
    /// What the lines that were sent have set in the firmware.
    pub modal: Modal,
    /// Lines that platen itself carries out instead of sending them (`M0`), until the digest comes to them.
    carried_out: VecDeque<FileLine>,
    /// Codes that the printer's profile allows.
    allowed: Allowed,
    /// A line was given to the link that lays something.
    pub laid: bool,
}

/// Codes that a profile allows, and no others do.
pub type Allowed = [Option<Code>; ALLOWED_MAX];
/// More exceptions than this are no exceptions.
pub const ALLOWED_MAX: usize = 16;

/// What the file has next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Send(FileLine),
    /// A pause of platen's own, with the words of the file.
    Pause {
        command: u64,
        text: Option<String>,
    },
}

impl Run {
    pub fn new(
        job: JobId,
        total: u64,
        started: Moment,
        before: LineHealth,
        allowed: Allowed,
        inactivity: InactivityKill,
    ) -> Self {
        Self {
            job,
            stage: Stage::Numbering,
            started,
            before,
            total,
            supply: VecDeque::with_capacity(SUPPLY_AHEAD),
            supplied: false,
            next_index: 1,
            digest: CommandDigest::default(),
            settled: 0,
            waits: None,
            holds_steppers: false,
            inactivity,
            modal: Modal::default(),
            carried_out: VecDeque::new(),
            allowed,
            laid: false,
        }
    }

    /// A job that somebody else began, from the line on that is next after `replay`.
    pub fn taken_over(
        job: JobId,
        total: u64,
        now: Moment,
        before: LineHealth,
        allowed: Allowed,
        inactivity: InactivityKill,
        replay: Replay,
    ) -> Self {
        Self {
            stage: Stage::Printing,
            next_index: replay.next,
            settled: replay.next - 1,
            digest: replay.digest,
            modal: replay.modal,
            ..Self::new(job, total, now, before, allowed, inactivity)
        }
    }

    /// How many more lines it would take now.
    pub fn wants(&self) -> usize {
        match self.stage {
            Stage::Numbering | Stage::Printing | Stage::Paused(_) if !self.supplied => {
                SUPPLY_AHEAD - self.supply.len().min(SUPPLY_AHEAD)
            }
            _ => 0,
        }
    }

    /// Takes the next line of the file. A line out of order is a defect of the reader: refused. So is a command
    /// that may not be sent, which intake should have refused.
    pub fn take(&mut self, line: FileLine) -> Result<(), Interruption> {
        if line.index != self.next_index {
            return Err(Interruption::FileUnreadable);
        }
        let allowed = match commands::in_file(&line.text).0 {
            InFile::Sent | InFile::Pauses => true,
            InFile::IfAllowed => commands::rules(&line.text)
                .all(|rule| rule.in_file != InFile::IfAllowed || self.allowed.contains(&Some(rule.code))),
            InFile::Never => false,
        };
        if !allowed || commands::heat_fault(&line.text).is_some() {
            return Err(Interruption::NotAllowed);
        }
        self.next_index += 1;
        self.supply.push_back(line);
        Ok(())
    }

    /// The file is at its end. `false` if it had fewer lines than the job was queued with.
    pub fn end_supply(&mut self) -> bool {
        self.supplied = true;
        self.next_index == self.total + 1
    }

    pub fn peek(&self) -> Option<&FileLine> {
        self.supply.front()
    }

    /// The next line, to be sent or to be carried out.
    pub fn take_next(&mut self) -> Option<Next> {
        let line = self.supply.pop_front()?;
        if line.text.starts_with(b"M") && commands::in_file(&line.text).0 == InFile::Pauses {
            let (command, text) = (line.index, commands::pause_text(&line.text));
            self.carried_out.push_back(line);
            self.settle_carried_out();
            return Some(Next::Pause { command, text });
        }
        self.modal.note(&line.text);
        self.laid = self.laid || modal::may_lay(&line.text);
        Some(Next::Send(line))
    }

    /// The next line is one that platen carries out itself.
    pub fn pauses_next(&self) -> bool {
        self.peek().is_some_and(|line| {
            line.text.starts_with(b"M") && commands::in_file(&line.text).0 == InFile::Pauses
        })
    }

    /// Every line of the file was given to the link.
    pub fn all_sent(&self) -> bool {
        self.supplied && self.supply.is_empty()
    }

    /// The job leaves: what was read ahead is forgotten.
    pub fn drop_supply(&mut self) {
        self.supply.clear();
        self.supplied = true;
    }

    /// A line that the firmware has for good.
    pub fn settle(&mut self, line: &Sent) {
        if let Origin::File(index) = line.origin {
            debug_assert_eq!(index, self.settled + 1);
            self.settled = index;
            self.digest.add(&line.text);
            self.settle_carried_out();
        }
    }

    fn settle_carried_out(&mut self) {
        while self.carried_out.front().is_some_and(|line| line.index == self.settled + 1) {
            let Some(line) = self.carried_out.pop_front() else { return };
            self.settled = line.index;
            self.digest.add(&line.text);
        }
    }

    /// `unsettled` are the link's lines that are acknowledged but could still be taken back.
    pub fn progress<'a>(&self, acked: u32, unsettled: impl Iterator<Item = &'a Sent>) -> Progress {
        // They follow the settled ones without a gap, but for what platen carries out itself.
        let believed =
            unsettled.take_while(|line| line.number < acked).filter_map(|line| match line.origin {
                Origin::File(index) => Some(index),
                Origin::Own => None,
            });
        let mut confirmed = believed.last().unwrap_or(self.settled);
        for line in &self.carried_out {
            confirmed += u64::from(line.index == confirmed + 1);
        }
        Progress { confirmed, total: self.total }
    }

    /// Digest of all that was settled.
    pub fn digest(&self) -> FileHash {
        self.digest.clone().finish()
    }
}
