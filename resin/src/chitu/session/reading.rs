//! Whether the board prints, and how far it is, by what it says of itself (mariner's rules, facts A.2).

use crate::chitu::command::Command;
use crate::chitu::exchange::Reply;
use crate::chitu::reply::{Printed, Says};

/// What the board says of its printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    NotPrinting,
    /// Not a byte yet.
    Starting {
        of: u64,
    },
    Printing(Printed),
    Paused(Printed),
    Unreadable,
}

impl Reading {
    /// Where it prints: how far.
    pub(super) fn printed(self) -> Option<Printed> {
        match self {
            Self::Starting { of } => Some(Printed { bytes: 0, of }),
            Self::Printing(printed) | Self::Paused(printed) => Some(printed),
            Self::NotPrinting | Self::Unreadable => None,
        }
    }

    pub(super) fn of(command: &Command, reply: &Reply) -> Self {
        let reading = |printed: Printed, paused: bool| match printed {
            // What else it says is stale then.
            Printed { of: 0, .. } => Self::NotPrinting,
            Printed { bytes, of } if bytes > of => Self::Unreadable,
            Printed { bytes: 0, of } => Self::Starting { of },
            _ if paused => Self::Paused(printed),
            _ => Self::Printing(printed),
        };
        match command {
            Command::Status => reply
                .status()
                .and_then(|status| status.done)
                .map_or(Self::Unreadable, |done| reading(done.printed, done.paused)),
            Command::Progress if reply.has(&Says::NotPrinting) => Self::NotPrinting,
            Command::Progress => reply.printed().map_or(Self::Unreadable, |printed| reading(printed, false)),
            _ => Self::Unreadable,
        }
    }
}
