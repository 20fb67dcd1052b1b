//! What the board of a resin printer did, or did not do, that whoever stands there has to know and that ends no job by
//! itself.

use serde::{Deserialize, Serialize};

use crate::domain::ids::JobId;
use crate::domain::moment::WallTime;

/// So many are kept of a printer at a time; each is in the journal.
pub const ODD_MAX: usize = 16;

/// The names are stored: they may be added to, never changed. None holds what a board said: that may be anybody's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    /// Its motors were halted, and nothing says that its light is off.
    LightNotKnown,
    StillPrints,
    StopNotTold,
    PlateNotRising,
    NotPausing,
    PauseNotTold,
    NotGoingOn,
    /// The vat wants a refill, and the board could not be told to pause.
    RefillNotPaused,
    KnownBySize,
    WentBack,
    StickGone,
    /// It was not put back on the bus behind a file that was written onto it.
    StickNotBack,
    Refused,
    FileWasOpen,
    OtherBoard,
    /// It wants line numbers or checksums.
    NoChituBoard,
    /// It stands still for longer than resin stays mixed.
    Settles,
}

impl Odd {
    pub const ALL: [Self; 17] = [
        Self::LightNotKnown,
        Self::StillPrints,
        Self::StopNotTold,
        Self::PlateNotRising,
        Self::NotPausing,
        Self::PauseNotTold,
        Self::NotGoingOn,
        Self::RefillNotPaused,
        Self::KnownBySize,
        Self::WentBack,
        Self::StickGone,
        Self::StickNotBack,
        Self::Refused,
        Self::FileWasOpen,
        Self::OtherBoard,
        Self::NoChituBoard,
        Self::Settles,
    ];

    /// What it is, and what to do.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::LightNotKnown => {
                "its motors were halted, and nothing says that its light is off: look, and cut its power if it is on"
            }
            Self::StillPrints => {
                "it was told to stop and still prints: stop it at its panel, or cut its power"
            }
            Self::StopNotTold => {
                "it was told to stop and does not say whether it prints: look, and cut its power if in doubt"
            }
            Self::PlateNotRising => {
                "it has stopped printing, but its plate was not seen to go up: look before you touch it"
            }
            Self::NotPausing => "it was told to pause and goes on printing: pause it at its panel",
            Self::PauseNotTold => "it was told to pause, and does not tell whether it stands: look at it",
            Self::NotGoingOn => "it was told to go on and does not: look at its panel",
            Self::RefillNotPaused => {
                "the vat wants a refill, and its board cannot be paused: pause it at its panel, and top up the vat"
            }
            Self::KnownBySize => {
                "what it prints was recognised by its size alone, since its board tells no name: look at the part"
            }
            Self::WentBack => {
                "its board says that it has read less of its file than before: look at its panel, and at the part"
            }
            Self::StickGone => "its stick was taken out, or cannot be read any more: look at its socket",
            Self::StickNotBack => {
                "its stick was not put back behind a file that was written onto it: look at the USB port of this machine"
            }
            Self::Refused => "its board did not take a command that its print needs: look at its panel",
            Self::FileWasOpen => {
                "its board had a file open that somebody was sending; it was closed, and what is there of it is not printed"
            }
            Self::OtherBoard => {
                "another board answers than before: look whether the right printer is on this port"
            }
            Self::NoChituBoard => {
                "its board wants line numbers or checksums: this is no ChiTu board, or its port is set up for another"
            }
            Self::Settles => "it stands still for long, and its resin settles: stir it before it goes on",
        }
    }
}

/// Something odd that was seen of a printer, until somebody has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub odd: Odd,
    /// The job that ran, or whose part stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    pub at: WallTime,
}
