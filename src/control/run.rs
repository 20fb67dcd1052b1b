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

use crate::domain::ids::{FileHash, JobId};
use crate::domain::job::{Interruption, Progress};
use crate::domain::moment::Moment;
use crate::domain::printer::LineHealth;
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The line count is being set to zero.
    Numbering,
    Printing,
    /// Nothing more is sent; `draining` until what was sent has moved.
    Paused {
        draining: bool,
    },
    /// All lines are acknowledged; `M400` is on its way, and `M114` behind it was sent `asked` times.
    Trailer {
        /// The position was told.
        stands: bool,
        asked: u32,
    },
    /// The firmware is asked for its own count.
    Confirming,
    /// Heaters and fan are being switched off.
    Leaving(Leaving),
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
}

impl Run {
    pub fn new(job: JobId, total: u64, started: Moment, before: LineHealth) -> Self {
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
        }
    }

    /// How many more lines it would take now.
    pub fn wants(&self) -> usize {
        match self.stage {
            Stage::Numbering | Stage::Printing | Stage::Paused { .. } if !self.supplied => {
                SUPPLY_AHEAD - self.supply.len().min(SUPPLY_AHEAD)
            }
            _ => 0,
        }
    }

    /// Takes the next line of the file. A line out of order is a defect of the reader: refused.
    pub fn take(&mut self, line: FileLine) -> bool {
        let in_order = line.index == self.next_index;
        if in_order {
            self.next_index += 1;
            self.supply.push_back(line);
        }
        in_order
    }

    /// The file is at its end. `false` if it had fewer lines than the job was queued with.
    pub fn end_supply(&mut self) -> bool {
        self.supplied = true;
        self.next_index == self.total + 1
    }

    pub fn peek(&self) -> Option<&FileLine> {
        self.supply.front()
    }

    pub fn pop(&mut self) -> Option<FileLine> {
        self.supply.pop_front()
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
        }
    }

    /// `unsettled` are the link's lines that are acknowledged but could still be taken back.
    pub fn progress<'a>(&self, acked: u32, unsettled: impl Iterator<Item = &'a Sent>) -> Progress {
        let believed = unsettled
            .take_while(|line| line.number < acked)
            .filter(|line| matches!(line.origin, Origin::File(_)))
            .count();
        Progress { confirmed: self.settled + believed as u64, total: self.total }
    }

    /// Digest of all that was settled.
    pub fn digest(&self) -> FileHash {
        self.digest.clone().finish()
    }
}
