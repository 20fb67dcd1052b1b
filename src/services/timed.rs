//! How long one kind of work takes: in buckets since the start, for monitors, and against a span that is too long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds; what took longer is in one more.
pub const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts without a lock: whoever works waits for nobody who looks.
#[derive(Debug, Default)]
pub struct Timed {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    /// 0: nothing is too long.
    slow_us: AtomicU64,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spans {
    /// Each bucket by itself.
    pub counts: [u64; BUCKETS],
    pub sum: Duration,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Timed {
    /// From now on, what takes so long is too long.
    pub fn slow_after(&self, span: Duration) {
        self.slow_us.store(micros(span).max(1), Ordering::Relaxed);
    }

    /// Counts one. Whether it took too long.
    pub fn took(&self, span: Duration) -> bool {
        let seconds = span.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(micros(span), Ordering::Relaxed);
        self.is_slow(span)
    }

    pub fn is_slow(&self, span: Duration) -> bool {
        let slow = self.slow_us.load(Ordering::Relaxed);
        slow > 0 && micros(span) >= slow
    }

    pub fn seen(&self) -> Spans {
        let counts =
            std::array::from_fn(|at| self.buckets.get(at).map_or(0, |count| count.load(Ordering::Relaxed)));
        Spans { counts, sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_is_in_the_first_bucket_that_holds_it() {
        let timed = Timed::default();
        for millis in [0, 1, 2, 10, 10_000, 10_001] {
            timed.took(Duration::from_millis(millis));
        }
        let seen = timed.seen();
        assert_eq!((seen.counts[0], seen.counts[1], seen.counts[2]), (2, 1, 1));
        assert_eq!((seen.counts[BUCKETS - 2], seen.counts[BUCKETS - 1]), (1, 1));
        assert_eq!(seen.sum, Duration::from_millis(20_014));
    }

    #[test]
    fn nothing_is_too_long_until_somebody_says_what_is() {
        let (timed, second) = (Timed::default(), Duration::from_secs(1));
        assert!(!timed.took(Duration::from_secs(3_600)));
        timed.slow_after(second);
        assert!(timed.took(second) && !timed.took(second - Duration::from_millis(1)));
    }
}
