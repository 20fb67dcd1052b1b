//! The clock that goes on evenly and that other processes of this machine share (`CLOCK_MONOTONIC`).

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since this machine started, without the time it slept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Linux always has this clock; a kernel without it would give 0.
    #[must_use]
    pub fn now() -> Self {
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Self(0), |time| Self::of(Duration::from(time)))
    }

    /// A time of this clock as the kernel hands it out elsewhere, in the event of a page flip for example.
    #[must_use]
    pub fn of(since_start: Duration) -> Self {
        Self(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Later by so much.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long it is until then; zero where it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.since(Self::now())
    }
}

/// Until something has changed, and for so long at most; a thread that panicked meanwhile has changed it no less.
pub(crate) fn wait<'s, S>(
    changed: &Condvar,
    state: MutexGuard<'s, S>,
    left: Option<Duration>,
) -> MutexGuard<'s, S> {
    match left {
        Some(left) => changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
        None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
    }
}
