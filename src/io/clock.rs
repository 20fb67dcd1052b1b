//! The only place that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

use crate::domain::ids::BootId;
use crate::domain::moment::{Moment, Stamp, WallTime};

/// Monotonic time since the daemon's start, and wall time.
///
/// Monotonic time is tokio's, so that paused tests run in virtual time.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    boot: BootId,
}

impl Clock {
    pub fn start(boot: BootId) -> Self {
        Self { origin: Instant::now(), boot }
    }

    pub fn boot(&self) -> &BootId {
        &self.boot
    }

    pub fn now(&self) -> Moment {
        Moment::ZERO + self.origin.elapsed()
    }

    /// The tokio instant of a moment, to sleep until it.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since(Moment::ZERO)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    pub fn wall(&self) -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { wall: self.wall(), mono: self.now(), boot: self.boot.clone() }
    }
}

/// Processor time that this process has used so far, in user and kernel.
pub fn cpu_time() -> std::time::Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return std::time::Duration::ZERO };
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec().saturating_mul(1_000_000).saturating_add(time.tv_usec()));
    std::time::Duration::from_micros(u64::try_from(micros[0].saturating_add(micros[1])).unwrap_or(0))
}

/// 128 random bits from the kernel, for ids.
pub fn entropy() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Linux's getrandom fails only before the pool is seeded at boot or where the call is forbidden;
    // ids that are not random would be worse than stopping.
    #[expect(clippy::expect_used)]
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}
