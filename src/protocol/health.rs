//! How well the line to a printer does: counts, latencies, hunger of the planner, and what ails it in words.

use std::time::Duration;

use super::reply::Refused;
use crate::domain::moment::Moment;
use crate::domain::printer::{LATENCY_BOUNDS_MS, LineHealth, LineTrouble};
use crate::domain::units::Baud;

/// So many lines are looked at together when trouble is judged.
const JUDGED_LINES: u64 = 500;
/// So many damaged lines, or lost answers, among them are trouble: one in fifty.
const MANY: u64 = 10;
/// So many answers to nothing among them mean that somebody else talks to the board.
const STRANGER: u64 = 5;

/// Counts since the port was opened, with what is needed to judge the latest of them.
#[derive(Clone, Debug, Default)]
pub struct Health {
    counts: LineHealth,
    /// The counts when the last judgement was made.
    judged: LineHealth,
    /// Free planner blocks when nothing moves: the most that was ever told.
    planner_blocks: u8,
    /// The last `ok` of a move, if the planner held nothing but that move.
    hungry_since: Option<Moment>,
}

impl Health {
    /// Nothing sent yet, on a line of this speed.
    pub fn new(baud: Baud) -> Self {
        let counts = LineHealth { limit_bytes_per_s: u64::from(baud.0 / 10), ..LineHealth::default() };
        Self { counts, ..Self::default() }
    }

    pub fn counts(&self) -> &LineHealth {
        &self.counts
    }

    pub fn sent(&mut self, bytes: usize, in_flight: usize) {
        self.counts.lines_sent += 1;
        self.counts.bytes_sent += bytes as u64;
        self.counts.in_flight_max = self.counts.in_flight_max.max(in_flight as u64);
    }

    /// Bytes that carry no line: newlines, settings of the line.
    pub fn sent_bare(&mut self, bytes: usize) {
        self.counts.bytes_sent += bytes as u64;
    }

    /// So many bytes are unconfirmed, questions and all.
    pub fn unconfirmed(&mut self, bytes: usize) {
        self.counts.in_flight_max = self.counts.in_flight_max.max(bytes as u64);
    }

    pub fn asked(&mut self) {
        self.counts.probes += 1;
    }

    pub fn stray_ok(&mut self) {
        self.counts.stray_oks += 1;
    }

    /// A command ran without its number.
    pub fn strayed(&mut self) {
        self.counts.strays += 1;
    }

    /// Lines that were done, as a later answer shows, without an `ok` of their own.
    pub fn oks_missing(&mut self, count: u32) {
        self.counts.oks_missing += u64::from(count);
    }

    /// An `ok` that was given up came after all.
    pub fn ok_late(&mut self) {
        self.counts.oks_missing = self.counts.oks_missing.saturating_sub(1);
    }

    pub fn resend(&mut self, cause: Option<Refused>) {
        self.counts.resends += 1;
        match cause {
            Some(Refused::Checksum | Refused::NoChecksum | Refused::NoLineNumber) => {
                self.counts.resends_damaged += 1;
            }
            Some(Refused::LineNumber) => self.counts.resends_number += 1,
            None => self.counts.resends_unexplained += 1,
        }
    }

    /// A request for a line that cannot be true.
    pub fn nonsense(&mut self) {
        self.counts.nonsense += 1;
    }

    /// From a line's last byte handed over to its `ok`.
    pub fn latency(&mut self, latency: Duration) {
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_MS.iter().position(|bound| millis <= *bound);
        self.counts.ok_latency[bucket.unwrap_or(LATENCY_BOUNDS_MS.len())] += 1;
        self.counts.ok_latency_sum_ms = self.counts.ok_latency_sum_ms.saturating_add(millis);
    }

    /// An `ok` that tells of the planner. `is_move` if the line it names is one.
    pub fn planner(&mut self, now: Moment, free: u8, is_move: bool) {
        self.planner_blocks = self.planner_blocks.max(free);
        self.counts.planner_told = true;
        // The move just taken in holds one block at most.
        let hungry = is_move && free + 1 >= self.planner_blocks;
        if let Some(since) = self.hungry_since.take().filter(|_| hungry) {
            let micros = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
            self.counts.starved_us = self.counts.starved_us.saturating_add(micros);
        }
        self.hungry_since = hungry.then_some(now);
    }

    /// Between jobs and in pauses nobody starves.
    pub fn rest(&mut self) {
        self.hungry_since = None;
    }

    /// Looks at the last lines together; `Some` when enough were sent since the last look.
    pub fn judge(&mut self) -> Option<Option<LineTrouble>> {
        let (now, then) = (&self.counts, &self.judged);
        let resends = now.resends - then.resends;
        let enough = now.lines_sent - then.lines_sent >= JUDGED_LINES
            || resends >= 2 * MANY
            || now.nonsense > then.nonsense;
        if !enough {
            return None;
        }
        let trouble = classify(now, then);
        self.judged = self.counts;
        self.counts.trouble = trouble;
        Some(trouble)
    }
}

/// What ails the line, judged by what happened between two looks; the gravest first.
fn classify(now: &LineHealth, then: &LineHealth) -> Option<LineTrouble> {
    let damaged = now.resends_damaged - then.resends_damaged;
    let numbers = now.resends_number - then.resends_number;
    let unexplained = now.resends_unexplained - then.resends_unexplained;
    let strangers = now.stray_oks - then.stray_oks;
    let missing = now.oks_missing.saturating_sub(then.oks_missing);
    if now.nonsense > then.nonsense || (numbers >= MANY && damaged * 4 < numbers) {
        // Noise damages lines; it does not change the count without damaging any.
        Some(LineTrouble::Renumbering)
    } else if damaged + unexplained >= MANY {
        Some(LineTrouble::Noise)
    } else if strangers >= STRANGER {
        Some(LineTrouble::Stranger)
    } else if missing >= MANY {
        Some(LineTrouble::LostOks)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(health: &mut Health, count: u64) {
        for _ in 0..count {
            health.sent(40, 100);
        }
    }

    #[test]
    fn each_kind_of_trouble_is_told_from_the_others() {
        type Spoil = fn(&mut Health);
        let cases: [(Spoil, Option<LineTrouble>); 6] = [
            (|_| {}, None),
            (|health| health.resend(Some(Refused::Checksum)), Some(LineTrouble::Noise)),
            (|health| health.resend(None), Some(LineTrouble::Noise)),
            (|health| health.resend(Some(Refused::LineNumber)), Some(LineTrouble::Renumbering)),
            (|health| health.oks_missing(1), Some(LineTrouble::LostOks)),
            (Health::stray_ok, Some(LineTrouble::Stranger)),
        ];
        for (spoil, trouble) in cases {
            let mut health = Health::default();
            lines(&mut health, JUDGED_LINES);
            (0..MANY).for_each(|_| spoil(&mut health));
            assert_eq!(health.judge(), Some(trouble));
        }
    }

    #[test]
    fn trouble_ends_when_the_latest_lines_were_good() {
        let mut health = Health::default();
        lines(&mut health, JUDGED_LINES);
        (0..MANY).for_each(|_| health.resend(Some(Refused::Checksum)));
        assert_eq!(health.judge(), Some(Some(LineTrouble::Noise)));
        lines(&mut health, JUDGED_LINES - 1);
        assert_eq!(health.judge(), None);
        lines(&mut health, 1);
        assert_eq!(health.judge(), Some(None));
        assert_eq!(health.counts().trouble, None);
    }

    #[test]
    fn a_storm_is_judged_before_many_lines_are_through() {
        let mut health = Health::default();
        lines(&mut health, 30);
        (0..2 * MANY).for_each(|_| health.resend(Some(Refused::Checksum)));
        assert_eq!(health.judge(), Some(Some(LineTrouble::Noise)));
    }

    #[test]
    fn the_planner_starves_while_it_holds_no_move_but_the_one_just_taken() {
        let mut health = Health::default();
        let at = Moment::from_millis;
        health.planner(at(0), 15, false);
        health.planner(at(100), 14, true);
        health.planner(at(150), 14, true);
        health.planner(at(400), 7, true);
        health.planner(at(500), 14, true);
        health.rest();
        health.planner(at(9_000), 14, true);
        assert_eq!(health.counts().starved_us, 50_000);
    }

    #[test]
    fn latencies_fall_into_the_first_bucket_that_holds_them() {
        let mut health = Health::default();
        for millis in [0, 1, 2, 3, 70_000] {
            health.latency(Duration::from_millis(millis));
        }
        let buckets = health.counts().ok_latency;
        assert_eq!((buckets[0], buckets[1], buckets[2]), (2, 1, 1));
        assert_eq!(buckets[LATENCY_BOUNDS_MS.len()], 1);
    }
}
