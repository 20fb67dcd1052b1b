//! The cable between host and board, one lane a direction: every byte takes its time, and some arrive damaged or not at all.
//!
//! A byte leaves when the line is free, takes ten bit times, and arrives one latency later. Both lanes keep
//! their time in nanoseconds, so a megabyte accumulates no rounding. Wake-ups come in chunks (a line, or a few
//! bytes), but each byte keeps its own arrival time and is handed out as soon as anybody asks after it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// A USB serial chip sends what it has after so many bytes, whatever its latency timer says.
const USB_PACKET_BYTES: usize = 62;

/// One direction of the cable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneConfig {
    /// Bits a second, ten to a byte; 0 is no limit.
    pub baud: u32,
    /// Time from the last bit to the receiver, µs.
    pub latency_us: u64,
    /// The serial chip collects bytes for so long before it hands them on, µs; 0 does not collect.
    pub latency_timer_us: u64,
    /// Probability that a byte is lost.
    pub loss: f64,
    /// Probability that a byte arrives changed.
    pub damage: f64,
    /// Most bytes between two wake-ups.
    pub chunk_bytes: usize,
    /// Probability that a line loses its end and runs into the next one.
    pub splice: f64,
    /// Probability that a line arrives twice.
    pub duplicate: f64,
    /// Probability that nothing leaves for a while behind a line.
    pub stall: f64,
    /// How long that while is, µs.
    pub stall_us: u64,
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self {
            baud: 115_200,
            latency_us: 0,
            latency_timer_us: 0,
            loss: 0.0,
            damage: 0.0,
            chunk_bytes: 16,
            splice: 0.0,
            duplicate: 0.0,
            stall: 0.0,
            stall_us: 0,
        }
    }
}

/// Both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WireConfig {
    /// Host to board.
    pub to_device: LaneConfig,
    /// Board to host.
    pub to_host: LaneConfig,
}

impl WireConfig {
    /// A clean cable with the same speed and latency both ways.
    pub fn clean(baud: u32, latency_us: u64) -> Self {
        let lane = LaneConfig { baud, latency_us, ..LaneConfig::default() };
        Self { to_device: lane, to_host: LaneConfig { chunk_bytes: 256, ..lane } }
    }

    /// The same cable, with a byte in `1 / probability` changed in both directions.
    pub fn with_damage(mut self, probability: f64) -> Self {
        self.to_device.damage = probability;
        self.to_host.damage = probability;
        self
    }
}

impl Default for WireConfig {
    fn default() -> Self {
        Self::clean(115_200, 0)
    }
}

/// What happens to one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    Change,
    Lose,
}

/// What happens to one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineMishap {
    Splice,
    Duplicate,
}

/// What a lane has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCount {
    /// Bytes given to it.
    pub sent: u64,
    /// Bytes that it has changed.
    pub damaged: u64,
    /// Bytes that it has lost.
    pub lost: u64,
    /// Lines whose end it has lost on purpose.
    #[serde(default)]
    pub spliced: u64,
    /// Lines that it has carried twice.
    #[serde(default)]
    pub duplicated: u64,
}

/// One direction, at work.
#[derive(Debug, Clone)]
pub struct Lane {
    config: LaneConfig,
    /// Time for one byte; kept, because a division for every byte shows.
    byte_ns: u64,
    random: Random,
    /// When the last byte given so far has left, ns.
    free_at_ns: u64,
    flying: VecDeque<(u64, u8)>,
    /// The chip's open packet: its bytes at the tail of `flying`, and when it goes, µs.
    packet: Option<(usize, u64)>,
    scripted: Vec<(u64, Mishap)>,
    scripted_lines: Vec<(u64, LineMishap)>,
    /// The line that is being sent, where it may be needed again.
    line: Vec<u8>,
    lines_sent: u64,
    count: LaneCount,
}

impl Lane {
    /// An idle lane.
    pub fn new(config: LaneConfig, random: Random) -> Self {
        Self {
            byte_ns: 10_000_000_000u64.checked_div(u64::from(config.baud)).unwrap_or(0),
            config,
            random,
            free_at_ns: 0,
            flying: VecDeque::new(),
            packet: None,
            scripted: Vec::new(),
            scripted_lines: Vec::new(),
            line: Vec::new(),
            lines_sent: 0,
            count: LaneCount::default(),
        }
    }

    /// What it has carried.
    pub fn count(&self) -> LaneCount {
        self.count
    }

    /// Time for one byte, ns; 0 without a limit.
    pub fn byte_ns(&self) -> u64 {
        self.byte_ns
    }

    /// Bytes given to it whose last bit has not left yet, what a tty's output queue would hold; those in a serial
    /// chip's open packet count as not yet left. However long it stands still, a byte is one byte.
    pub fn queued_bytes(&self, now_us: u64) -> u64 {
        let left_us = now_us + self.config.latency_us;
        self.flying.iter().rev().take_while(|(arrives_us, _)| *arrives_us > left_us).count() as u64
    }

    /// The bytes that have not arrived yet, each with the time at which it will as far as is known, µs.
    pub fn on_the_way(&self) -> impl Iterator<Item = (u64, u8)> {
        self.flying.iter().copied()
    }

    /// Throws away what [`Self::queued_bytes`] counts, as `tcflush(TCOFLUSH)` does.
    pub fn discard_queued(&mut self, now_us: u64) {
        let queued = usize::try_from(self.queued_bytes(now_us)).unwrap_or(usize::MAX);
        let kept = self.flying.len().saturating_sub(queued);
        self.flying.truncate(kept);
        self.free_at_ns = self.free_at_ns.saturating_sub(queued as u64 * self.byte_ns);
        self.packet = None;
        self.line.clear();
    }

    /// Gives it bytes.
    pub fn send(&mut self, now_us: u64, bytes: &[u8]) {
        if self.is_clean() {
            for &byte in bytes {
                self.take_time(now_us);
                self.fly(byte);
                self.lines_sent += u64::from(byte == b'\n');
            }
            self.count.sent += bytes.len() as u64;
            return;
        }
        for &byte in bytes {
            self.take_time(now_us);
            let at = self.count.sent;
            self.count.sent += 1;
            let ends_line = byte == b'\n';
            let mishap = if ends_line { self.afflict_line(now_us) } else { None };
            if mishap == Some(LineMishap::Splice) {
                self.count.spliced += 1;
                continue;
            }
            let Some(byte) = self.afflict(at, byte) else {
                self.count.lost += 1;
                continue;
            };
            self.fly(byte);
            if self.may_duplicate() && !ends_line {
                self.line.push(byte);
            }
            if mishap == Some(LineMishap::Duplicate) {
                self.count.duplicated += 1;
                let line = std::mem::take(&mut self.line);
                for byte in line.into_iter().chain([byte]) {
                    self.take_time(now_us);
                    self.fly(byte);
                }
            }
            if ends_line {
                self.line.clear();
            }
        }
    }

    /// Nothing can happen to what is sent now; this is most lanes most of the time.
    fn is_clean(&self) -> bool {
        let LaneConfig { loss, damage, splice, duplicate, stall, .. } = self.config;
        let is_quiet = [loss, damage, splice, duplicate, stall].iter().all(|chance| *chance <= 0.0);
        is_quiet && self.scripted.is_empty() && self.scripted_lines.is_empty()
    }

    #[inline]
    fn take_time(&mut self, now_us: u64) {
        self.free_at_ns = self.free_at_ns.max(now_us * 1000) + self.byte_ns;
    }

    /// Sends a byte on its way, with the line free again behind it.
    #[inline]
    fn fly(&mut self, byte: u8) {
        let done_us = self.free_at_ns.div_ceil(1000);
        let arrives_us = self.packet_time(done_us) + self.config.latency_us;
        self.flying.push_back((arrives_us, byte));
    }

    fn may_duplicate(&self) -> bool {
        self.config.duplicate > 0.0 || !self.scripted_lines.is_empty()
    }

    /// What becomes of a line that ends here.
    fn afflict_line(&mut self, now_us: u64) -> Option<LineMishap> {
        let at = self.lines_sent;
        self.lines_sent += 1;
        if self.random.chance(self.config.stall) {
            self.stall(now_us, self.config.stall_us);
        }
        let scripted = self.scripted_lines.iter().position(|(index, _)| *index == at);
        let scripted = scripted.map(|position| self.scripted_lines.swap_remove(position).1);
        let spliced = self.random.chance(self.config.splice);
        let duplicated = self.random.chance(self.config.duplicate);
        scripted
            .or_else(|| spliced.then_some(LineMishap::Splice))
            .or_else(|| duplicated.then_some(LineMishap::Duplicate))
    }

    /// What the fault mix and the script make of a byte.
    fn afflict(&mut self, at: u64, byte: u8) -> Option<u8> {
        let scripted = self.scripted.iter().position(|(index, _)| *index == at);
        let scripted = scripted.map(|position| self.scripted.swap_remove(position).1);
        let lost = self.random.chance(self.config.loss);
        let damaged = self.random.chance(self.config.damage);
        if lost || scripted == Some(Mishap::Lose) {
            return None;
        }
        if !damaged && scripted != Some(Mishap::Change) {
            return Some(byte);
        }
        self.count.damaged += 1;
        let flipped = byte ^ (1 << self.random.below(8));
        if self.random.chance(0.5) {
            return Some(flipped);
        }
        let other = self.random.byte();
        Some(if other == byte { flipped } else { other })
    }

    /// When the chip hands on a byte that it has received at `done_us`.
    fn packet_time(&mut self, done_us: u64) -> u64 {
        if self.config.latency_timer_us == 0 {
            return done_us;
        }
        let (bytes, goes_us) = match self.packet {
            Some((bytes, goes_us)) if done_us <= goes_us => (bytes + 1, goes_us),
            _ => (1, done_us + self.config.latency_timer_us),
        };
        if bytes < USB_PACKET_BYTES {
            self.packet = Some((bytes, goes_us));
            return goes_us;
        }
        // A full packet goes at once, with all that waited in it.
        self.packet = None;
        let (due_us, goes_us) = (done_us + self.config.latency_us, goes_us + self.config.latency_us);
        self.flying.iter_mut().rev().take(bytes - 1).filter(|(at_us, _)| *at_us == goes_us).for_each(
            |entry| {
                entry.0 = due_us;
            },
        );
        done_us
    }

    /// The bytes that have arrived by now, and when the last of them did.
    pub fn poll_deliver(&mut self, now_us: u64) -> Option<(u64, Vec<u8>)> {
        let due = self.flying.iter().take_while(|(at_us, _)| *at_us <= now_us).count();
        let last_us = self.flying.get(due.checked_sub(1)?)?.0;
        let bytes = self.flying.drain(..due).map(|(_, byte)| byte).collect();
        Some((last_us, bytes))
    }

    /// When the next line or chunk will have arrived.
    pub fn poll_timeout(&self) -> Option<u64> {
        let chunk = self.flying.iter().take(self.config.chunk_bytes.max(1));
        let mut last_us = None;
        for (at_us, byte) in chunk {
            last_us = Some(*at_us);
            if *byte == b'\n' {
                break;
            }
        }
        last_us
    }

    /// The `nth` byte from now (1 is the next) will arrive changed.
    pub fn damage_byte(&mut self, nth: u64) {
        self.scripted.push((self.count.sent + nth.max(1) - 1, Mishap::Change));
    }

    /// The `nth` byte from now (1 is the next) will be lost.
    pub fn lose_byte(&mut self, nth: u64) {
        self.scripted.push((self.count.sent + nth.max(1) - 1, Mishap::Lose));
    }

    /// The `nth` line from now (1 is the one that ends next) loses its end.
    pub fn splice_line(&mut self, nth: u64) {
        self.scripted_lines.push((self.lines_sent + nth.max(1) - 1, LineMishap::Splice));
    }

    /// The `nth` line from now (1 is the one that ends next) arrives twice.
    pub fn duplicate_line(&mut self, nth: u64) {
        self.scripted_lines.push((self.lines_sent + nth.max(1) - 1, LineMishap::Duplicate));
    }

    /// Nothing leaves for so long; what is in flight arrives.
    pub fn stall(&mut self, now_us: u64, for_us: u64) {
        self.free_at_ns = self.free_at_ns.max(now_us * 1000) + for_us * 1000;
    }

    /// From now on bytes are lost and changed with these probabilities.
    pub fn set_noise(&mut self, loss: f64, damage: f64) {
        self.config.loss = loss;
        self.config.damage = damage;
    }

    /// Everything in it is gone.
    pub fn cut(&mut self, now_us: u64) {
        self.flying.clear();
        self.packet = None;
        self.free_at_ns = now_us * 1000;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(config: LaneConfig) -> Lane {
        Lane::new(config, Random::new(3))
    }

    #[test]
    fn a_byte_takes_ten_bits_and_one_latency() {
        let mut lane = lane(LaneConfig { latency_us: 1000, ..LaneConfig::default() });
        lane.send(0, b"AB");
        assert_eq!(lane.poll_deliver(1086), None);
        assert_eq!(lane.poll_deliver(1087), Some((1087, b"A".to_vec())));
        assert_eq!(lane.poll_deliver(1174), Some((1174, b"B".to_vec())));
    }

    #[test]
    fn ten_thousand_bytes_take_exactly_their_time() {
        let mut lane = lane(LaneConfig { baud: 250_000, ..LaneConfig::default() });
        for _ in 0..100 {
            lane.send(0, &[b'x'; 100]);
        }
        assert_eq!(lane.queued_bytes(0), 10_000);
        assert_eq!(lane.queued_bytes(200_000), 5000);
        assert_eq!(lane.poll_deliver(u64::MAX).map(|(at_us, _)| at_us), Some(400_000));
    }

    #[test]
    fn a_lane_that_stands_still_holds_the_bytes_that_it_was_given_and_no_more() {
        let mut lane = lane(LaneConfig { baud: 250_000, latency_us: 1_000, ..LaneConfig::default() });
        lane.send(0, &[b'x'; 10]);
        lane.stall(0, 1_000_000);
        lane.send(0, &[b'x'; 5]);
        assert_eq!(lane.queued_bytes(0), 15);
        assert_eq!(lane.queued_bytes(400), 5);
        assert_eq!(lane.queued_bytes(1_000_000), 5);
        assert_eq!(lane.queued_bytes(1_000_600), 0);
    }

    #[test]
    fn what_is_thrown_away_never_arrives_and_leaves_the_line_free() {
        let mut lane = lane(LaneConfig { baud: 250_000, latency_us: 1_000, ..LaneConfig::default() });
        lane.send(0, &[b'x'; 100]);
        lane.discard_queued(400);
        assert_eq!(lane.queued_bytes(400), 0);
        lane.send(400, b"!");
        assert_eq!(lane.poll_deliver(u64::MAX), Some((1_440, [&[b'x'; 10][..], b"!"].concat())));
    }

    #[test]
    fn a_lane_without_a_limit_holds_no_queue() {
        let mut lane = lane(LaneConfig { baud: 0, ..LaneConfig::default() });
        lane.send(5, b"hello\n");
        assert_eq!(lane.queued_bytes(5), 0);
        assert_eq!(lane.poll_deliver(5), Some((5, b"hello\n".to_vec())));
    }

    #[test]
    fn the_serial_chip_collects_until_its_timer_or_a_full_packet() {
        let config = LaneConfig { baud: 1_000_000, latency_timer_us: 16_000, ..LaneConfig::default() };
        let mut lane = lane(config);
        lane.send(0, b"ok\n");
        assert_eq!(lane.poll_deliver(16_009), None);
        assert_eq!(lane.poll_deliver(16_010), Some((16_010, b"ok\n".to_vec())));
        lane.send(100_000, &[b'x'; 70]);
        let (at_us, bytes) = lane.poll_deliver(101_000).expect("the full packet went");
        assert_eq!((at_us, bytes.len()), (100_620, 62));
    }

    #[test]
    fn scripted_mishaps_hit_the_byte_that_was_named() {
        let mut lane = lane(LaneConfig { baud: 0, ..LaneConfig::default() });
        lane.damage_byte(2);
        lane.lose_byte(4);
        lane.send(0, b"abcde");
        let (_, bytes) = lane.poll_deliver(0).expect("four bytes");
        assert_eq!(bytes.len(), 4);
        assert_eq!((bytes[0], bytes[2], bytes[3]), (b'a', b'c', b'e'));
        assert_ne!(bytes[1], b'b');
        assert_eq!(lane.count(), LaneCount { sent: 5, damaged: 1, lost: 1, ..LaneCount::default() });
    }

    #[test]
    fn a_line_may_lose_its_end_or_arrive_twice() {
        let mut lane = lane(LaneConfig { baud: 0, ..LaneConfig::default() });
        lane.splice_line(1);
        lane.duplicate_line(3);
        lane.send(0, b"ok 1\nok 2\nok 3\nok 4\n");
        let (_, bytes) = lane.poll_deliver(0).expect("five lines, two of them in one");
        assert_eq!(bytes, b"ok 1ok 2\nok 3\nok 3\nok 4\n");
        assert_eq!((lane.count().spliced, lane.count().duplicated), (1, 1));
    }

    #[test]
    fn lines_are_spliced_doubled_and_held_up_at_their_rates() {
        let config = LaneConfig {
            splice: 0.1,
            duplicate: 0.2,
            stall: 0.1,
            stall_us: 1000,
            baud: 0,
            ..LaneConfig::default()
        };
        let mut lane = lane(config);
        for _ in 0..1000 {
            lane.send(0, b"ok\n");
        }
        let count = lane.count();
        assert!((70..130).contains(&count.spliced) && (140..260).contains(&count.duplicated), "{count:?}");
        let (end_us, _) = lane.poll_deliver(u64::MAX).expect("much");
        assert!((60_000..140_000).contains(&end_us), "{end_us}");
    }
}
