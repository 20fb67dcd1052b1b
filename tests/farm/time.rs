//! The world's time: goes on while no daemon lives, and is tokio's paused clock while one does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Time {
    micros: AtomicU64,
    /// When this daemon began, on its own clock and on ours.
    life: Mutex<Option<(Instant, u64)>>,
}

impl Time {
    /// The last time that anybody has seen, µs.
    pub(crate) fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    /// What a task of the daemon sees.
    pub(crate) fn now(&self) -> u64 {
        if let Some((began, at)) = *self.life.lock().unwrap() {
            let now = at + u64::try_from(began.elapsed().as_micros()).unwrap();
            self.set(now);
        }
        self.micros()
    }

    pub(crate) fn set(&self, micros: u64) {
        self.micros.fetch_max(micros, Ordering::Relaxed);
    }

    /// Called on the daemon's runtime.
    pub(crate) fn begin_life(&self) {
        *self.life.lock().unwrap() = Some((Instant::now(), self.micros()));
    }

    /// What its clock says when somebody else looks at it.
    pub(crate) fn now_on(&self, runtime: &tokio::runtime::Runtime) -> u64 {
        let _there = runtime.enter();
        self.now()
    }

    pub(crate) fn end_life(&self) {
        *self.life.lock().unwrap() = None;
    }

    /// A moment of ours on the daemon's clock.
    pub(crate) fn instant(&self, micros: u64) -> Instant {
        let (began, at) = self.life.lock().unwrap().unwrap();
        began + std::time::Duration::from_micros(micros.saturating_sub(at))
    }
}
