//! The figures of a programme (medical-domain.md §6.5), each over a window, with n and what is missing.
//!
//! Times are milliseconds of wall time, as the journal has them. A window has its beginning and not its end in it; it
//! must not reach beyond the data cut, since what has not happened yet would count as missing.

use serde::{Deserialize, Serialize};

use crate::domain::moment::WallTime;

pub mod printing;
pub mod quality;
pub mod turnaround;
pub mod utilisation;
pub mod value;
pub mod volume;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub from: WallTime,
    pub to: WallTime,
}

impl Window {
    pub fn has(self, at: WallTime) -> bool {
        self.from <= at && at < self.to
    }

    pub fn has_some(self, at: Option<WallTime>) -> bool {
        at.is_some_and(|at| self.has(at))
    }
}

/// Milliseconds from one time to a later one; nothing where the clock went backwards in between.
fn between(from: WallTime, to: WallTime) -> Option<u64> {
    to.0.checked_sub(from.0)
}
