//! The layer loop of a printer whose mask we show and whose board moves the plate and switches the light.
//!
//! ```text
//!            ┌──────────── light off, mask blank ────────────┐
//!  new ───▶ Quieting ──▶ Homing ──▶ Lowering ──▶ Resting ──▶ Showing ──▶ Settling
//!                                      ▲                                    │
//!                    next layer        │                                    ▼
//!   RestingAtTop ◀── Peeling ◀── RestingBeforeLift ◀── Blanking ◀────── Exposing
//!                                                                           │
//!      asked to pause (before the light: at once) ◀─────────────────────────┤ last layer
//!            ▼                                                              ▼
//!        Quieting ─▶ Raising ─▶ Paused ─▶ Quieting ─▶ Lowering …      Quieting ─▶ Raising ─▶ Ended(Done)
//!
//!  cancel, a fault that leaves the plate known:   Quieting ──▶ Raising ──▶ Ended(Cancelled | Failed)
//!  stop, any other fault, nothing homed yet:      Quieting ──▶ Ended(Stopped | Failed | Cancelled)
//!  link lost, in any state:                       Ended(Lost), and nothing but `Dark` from then on
//! ```
//! `Quieting` hands out `Dark` and `Blank` and goes on when both are confirmed, so that what moves the plate
//! never stands before them. It comes anew with every pause, resume, cancel, stop and fault.
//! `Exposing` is one `Burst` that the board times, or `LightOn`, a deadline and `LightOff`.
//!
//! The methods are of four kinds: getters; `handle_*` for what the board, the display or the clock brings;
//! commands (`pause`, `resume`, `cancel`, `stop`); `poll_*` for what the caller must do. Call order after any
//! of the others: `poll_step` until `None`, `poll_event` until `None`, then sleep until `poll_deadline`.
//!
//! What the caller owes the loop:
//! - Groups reach the board in the order in which they were handed out. A later `Dark` replaces what is in
//!   flight: lines of it that are not sent yet are dropped.
//! - All lines of a group are written at once, so that only the wire lies between light on and light off.
//! - A group is confirmed when all its lines are acknowledged *and* `M114`, asked behind them, is answered.
//! - A line that the board refuses is a [`Fault::Board`]. Where it asks for one of a `Burst` again, and the light
//!   may have been on for too long by that, it is a [`Fault::Exposure`]: only the caller knows.

mod board;
mod layer_loop;
mod plan;
mod profile;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use layer_loop::{Loop, PlateNotLookedAt};
pub use plan::{LayerPlan, Leg, Legs, Plan, PlanError};
pub use profile::{Board, Bottom, Display, Mistake, Mistakes, Printer, Profile, TimedBy};

use crate::layer::LayerIndex;
use crate::units::{Micrometres, Milliseconds};

/// A point in time: microseconds since an origin that the caller chose, never going back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// So much later; at the end of time where that is behind it.
    #[must_use]
    pub fn after(self, span: Milliseconds) -> Self {
        Self(self.0.saturating_add(span.0.saturating_mul(1000)))
    }

    /// The time from `earlier`, to the nearest millisecond; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Milliseconds {
        Milliseconds(self.0.saturating_sub(earlier.0).saturating_add(500) / 1000)
    }
}

/// What is known of the plate at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plate {
    /// A person has looked: nothing hangs on it.
    Empty,
    NotLookedAt,
}

/// The number of a group of lines; none comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// What the caller must do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing lets light through the display; answered by `handle_blanked`.
    Blank,
    /// The mask of this layer on the display; answered by `handle_shown`.
    Show(LayerIndex),
    /// Lines for the board; answered by `handle_confirmed`.
    Send(Group),
}

/// Lines that go to the board together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    /// Without ends, numbers and checksums.
    pub lines: Vec<String>,
    pub kind: GroupKind,
    /// How long after it was handed out its confirmation may take at most; the loop's own deadline.
    pub at_most: Milliseconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Light off, whatever was before.
    Dark,
    Home,
    /// Along Z.
    Move,
    /// Wait, light on, dwell, light off, wait.
    Burst {
        light: Milliseconds,
    },
    LightOn,
    LightOff,
}

/// What the loop is doing; see the diagram above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Quieting,
    Homing,
    Lowering,
    Resting,
    Showing,
    Settling,
    Exposing,
    Blanking,
    RestingBeforeLift,
    Peeling,
    RestingAtTop,
    Raising,
    Paused { why: PauseReason, since: Moment },
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    Asked,
    /// The file wants a person before this layer.
    File,
}

/// How a print ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every layer was exposed once, and the plate is up.
    Done,
    /// The plate is up, where it was homed.
    Cancelled,
    /// At once, without a move.
    Stopped,
    Failed(Fault),
    /// The link was lost: nobody knows where the plate is.
    Lost,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    #[error("the board did not confirm {0:?} in time; look at the light and at the board's cable and power")]
    Silent(GroupKind),
    #[error(
        "the plate should be at {:.3} mm and the board says {:.3} mm: it was reset or moved by somebody; \
         where the plate is is not known, so look at it before anything moves",
        expected.millimetres(), told.millimetres()
    )]
    Elsewhere { expected: Micrometres, told: Micrometres },
    #[error(
        "the board says that the plate is at {:.3} mm, where it cannot be; look at it before anything moves",
        .0.millimetres()
    )]
    OutOfReach(Micrometres),
    #[error("the board: {0}")]
    Board(String),
    #[error("the display did not confirm a picture in time; look at its cable and power")]
    DisplaySilent,
    #[error("the display shows {shown:?} where {wanted:?} was to be; layers are counted from 0")]
    WrongMask { wanted: Option<LayerIndex>, shown: Option<LayerIndex> },
    #[error("the display: {0}")]
    Display(String),
    #[error(
        "layer {} was lit {} ms instead of {} ms; the part has to be looked at",
        .0.layer.0, .0.measured.0, .0.planned.0
    )]
    Exposure(LayerReport),
    #[error("the lid was opened; close it")]
    LidOpen,
    #[error("the light is too hot: {0}")]
    LightTooHot(String),
}

impl Fault {
    /// Whether the board is still trusted with the plate, and nobody's hands are at it.
    #[must_use]
    pub fn may_move(&self) -> bool {
        match self {
            Self::DisplaySilent
            | Self::WrongMask { .. }
            | Self::Display(_)
            | Self::Exposure(_)
            | Self::LightTooHot(_) => true,
            Self::Silent(_)
            | Self::Elsewhere { .. }
            | Self::OutOfReach(_)
            | Self::Board(_)
            | Self::LidOpen => false,
        }
    }
}

/// How long a layer was lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    pub layer: LayerIndex,
    pub planned: Milliseconds,
    /// Timed by the host: from the confirmed light on to the confirmed light off.
    /// Timed by the board: from handing out the burst to its confirmation, so that the wire is in it, and no
    /// more than this has been given.
    pub measured: Milliseconds,
    pub timed_by: TimedBy,
}

/// What the caller may want to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Homed,
    Exposed(LayerReport),
    /// Before this layer.
    Paused {
        before: LayerIndex,
        why: PauseReason,
    },
    /// The pause has lasted as long as the profile calls long: resin settles and cures.
    LongPause {
        before: LayerIndex,
    },
    Resumed {
        before: LayerIndex,
    },
    Ended(Ending),
}

/// How far a print is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub exposed: u32,
    pub layers: u32,
    /// What the layers that are not yet exposed take by the plan.
    pub left: Milliseconds,
}
