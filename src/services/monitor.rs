//! What the daemon counts of itself for whoever watches it: requests, slow work, failures to sign in, its broker.
//!
//! Everything in it is a number or a word of ours: no address, no name of anybody, no case.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::access::{NotAuthenticated, NotLetIn};
use super::entrance::Refused;
use super::telemetry::MqttStatus;
use super::timed::Timed;

/// What a request is for, as far as a monitor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The technicians' page and its forms.
    Page,
    /// `/v1`.
    Api,
    /// Slicers and programs of other hosts.
    Slicers,
    /// What stays open: live pages, events.
    Streams,
    Assets,
    Monitoring,
    /// No route has it.
    Unknown,
}

impl Class {
    pub const ALL: [Self; 7] =
        [Self::Page, Self::Api, Self::Slicers, Self::Streams, Self::Assets, Self::Monitoring, Self::Unknown];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Slicers => "slicers",
            Self::Streams => "streams",
            Self::Assets => "assets",
            Self::Monitoring => "monitoring",
            Self::Unknown => "unknown",
        }
    }
}

/// The first digit of a status, as monitors write it.
pub const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotIn {
    WrongPassword,
    /// A key or a token that is none.
    WrongKey,
    /// Too many wrong ones before.
    Locked,
}

impl NotIn {
    pub const ALL: [Self; 3] = [Self::WrongPassword, Self::WrongKey, Self::Locked];

    pub const fn word(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::WrongKey => "wrong_key",
            Self::Locked => "locked",
        }
    }
}

/// Requests of one class.
#[derive(Debug, Default)]
pub struct Asked {
    statuses: [AtomicU64; STATUSES.len()],
    /// From the request to the head of its answer.
    pub time: Timed,
    slow: AtomicU64,
}

impl Asked {
    pub fn by_status(&self) -> impl Iterator<Item = (&'static str, u64)> {
        STATUSES.iter().copied().zip(self.statuses.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    pub fn slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Inner {
    asked: [Asked; Class::ALL.len()],
    not_in: [AtomicU64; NotIn::ALL.len()],
    broker: OnceLock<watch::Receiver<MqttStatus>>,
    runtimes: OnceLock<Vec<(&'static str, Handle)>>,
    /// Somebody looks at the disk now.
    looking: AtomicBool,
    /// When the watchdog was fed last.
    fed: Mutex<Option<Instant>>,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Inner>);

/// Whoever has it looks at the disk, and nobody else does.
#[derive(Debug)]
pub struct Looking(Arc<Inner>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Release);
    }
}

impl Monitor {
    /// From now on a request that takes so long is slow.
    pub fn slow_requests(&self, span: Duration) {
        for asked in &self.0.asked {
            asked.time.slow_after(span);
        }
    }

    /// What was asked of one class.
    pub fn asked(&self, class: Class) -> &Asked {
        let at = Class::ALL.iter().position(|one| *one == class).unwrap_or_default();
        &self.0.asked[at]
    }

    /// A request was answered. Whether it was slow; `judged`: it took our time, and not its sender's.
    pub fn answered(&self, class: Class, status: u16, span: Duration, judged: bool) -> bool {
        let asked = self.asked(class);
        let at = usize::from(status / 100).saturating_sub(1).min(STATUSES.len() - 1);
        asked.statuses[at].fetch_add(1, Ordering::Relaxed);
        let slow = asked.time.took(span) && judged;
        if slow {
            asked.slow.fetch_add(1, Ordering::Relaxed);
        }
        slow
    }

    /// Somebody was not let in.
    pub fn not_in(&self, why: NotIn) {
        let at = NotIn::ALL.iter().position(|one| *one == why).unwrap_or_default();
        self.0.not_in[at].fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody tried a password.
    pub fn refused(&self, error: &Refused) {
        match error {
            Refused::NotLetIn(NotLetIn::Wrong { .. }) => self.not_in(NotIn::WrongPassword),
            Refused::NotLetIn(NotLetIn::Locked(_)) => self.not_in(NotIn::Locked),
            _ => {}
        }
    }

    /// Somebody showed a key. Who shows none, or a session that is over, has tried nothing.
    pub fn unknown(&self, error: &NotAuthenticated) {
        use NotAuthenticated::{Digest, Key, Token, TooMany, Unreadable};
        match error {
            Key | Token | Digest | Unreadable => self.not_in(NotIn::WrongKey),
            TooMany(_) => self.not_in(NotIn::Locked),
            _ => {}
        }
    }

    pub fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NotIn::ALL.iter().map(|why| why.word()).zip(self.0.not_in.iter().map(|n| n.load(Ordering::Relaxed)))
    }

    /// How publishing does; said once, at the start, where there is a broker.
    pub fn publishes(&self, status: watch::Receiver<MqttStatus>) {
        let _ = self.0.broker.set(status);
    }

    /// Whether the broker is there; nothing where none is configured.
    pub fn broker(&self) -> Option<bool> {
        let status = self.0.broker.get()?;
        Some(matches!(*status.borrow(), MqttStatus::Connected { .. }))
    }

    /// Whose tasks are counted, by name; said once, at the start.
    pub fn runs_on(&self, runtimes: Vec<(&'static str, Handle)>) {
        let _ = self.0.runtimes.set(runtimes);
    }

    /// Tasks that are alive, by runtime.
    pub fn tasks(&self) -> Vec<(&'static str, usize)> {
        let runtimes = self.0.runtimes.get().map(Vec::as_slice).unwrap_or_default();
        runtimes.iter().map(|(name, handle)| (*name, handle.metrics().num_alive_tasks())).collect()
    }

    /// The watchdog was fed now.
    pub fn fed(&self) {
        *self.0.fed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago the watchdog was fed; nothing where there is none.
    pub fn fed_ago(&self) -> Option<Duration> {
        let fed = *self.0.fed.lock().unwrap_or_else(PoisonError::into_inner);
        fed.map(|fed| fed.elapsed())
    }

    /// One look at a disk at a time: on one that hangs, more would be more threads that wait.
    pub fn look(&self) -> Option<Looking> {
        let begun = self.0.looking.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        begun.is_ok().then(|| Looking(Arc::clone(&self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_in_its_class_and_by_its_first_digit() {
        let monitor = Monitor::default();
        monitor.slow_requests(Duration::from_secs(2));
        assert!(!monitor.answered(Class::Api, 201, Duration::from_millis(3), true));
        assert!(monitor.answered(Class::Api, 503, Duration::from_secs(2), true));
        assert!(!monitor.answered(Class::Api, 200, Duration::from_secs(99), false), "its sender's time");
        let api = monitor.asked(Class::Api);
        let counts: Vec<_> = api.by_status().collect();
        assert_eq!(counts, [("1xx", 0), ("2xx", 2), ("3xx", 0), ("4xx", 0), ("5xx", 1)]);
        assert_eq!((api.slow(), api.time.seen().counts.iter().sum::<u64>()), (1, 3));
        assert_eq!(monitor.asked(Class::Page).by_status().map(|(_, n)| n).sum::<u64>(), 0);
        // Whatever a status is, it is counted somewhere.
        for status in [0, 99, 999] {
            monitor.answered(Class::Unknown, status, Duration::ZERO, true);
        }
        assert_eq!(monitor.asked(Class::Unknown).by_status().map(|(_, n)| n).sum::<u64>(), 3);
    }

    #[test]
    fn one_looks_at_the_disk_at_a_time() {
        let monitor = Monitor::default();
        let first = monitor.look();
        assert!(first.is_some() && monitor.look().is_none());
        drop(first);
        assert!(monitor.look().is_some());
    }

    #[test]
    fn where_no_broker_is_configured_nothing_is_said_of_one() {
        let monitor = Monitor::default();
        assert_eq!((monitor.broker(), monitor.fed_ago()), (None, None));
        monitor.publishes(watch::channel(MqttStatus::Off).1);
        assert_eq!(monitor.broker(), Some(false));
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_ago_the_watchdog_was_fed_is_told_once_it_was() {
        let monitor = Monitor::default();
        monitor.fed();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(monitor.fed_ago(), Some(Duration::from_secs(9)));
    }
}
