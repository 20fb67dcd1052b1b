//! What bursts of lines that overflow a busy board tell of its receive buffer and its command queue.
//!
//! While one command runs, the board holds so many lines in the free slots of its queue, and behind
//! them so many bytes in its receive buffer; the rest of a burst is lost. So for a supposed number of
//! slots, each count of lines that were held says between what bounds the buffer lies. Two bursts of
//! unlike lines leave few suppositions, and a burst made to fit exactly decides between those.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::frame;

/// More slots than any firmware is built with.
const SLOTS_MAX: usize = 256;
/// A smaller buffer than any board has, and a larger one than it matters to know.
const RING_MIN: usize = 31;
const RING_MAX: usize = 8_192;

/// What receive buffers hold: a power of two less the byte that a ring cannot use.
const SIZES: [usize; 8] = [31, 63, 127, 255, 511, 1_023, 2_047, 4_095];

/// Bytes of the shortest lines of a burst, and of the longest.
pub const SHORT: usize = 20;
pub const LONG: usize = 88;

/// The largest usual size that surely fits.
fn snapped(ring: usize) -> usize {
    SIZES.into_iter().rev().find(|size| *size <= ring).unwrap_or(0)
}

/// Lines that do nothing, with their bytes on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    pub commands: Vec<Box<[u8]>>,
    pub lengths: Vec<usize>,
}

impl Burst {
    /// Lines of one length, so many bytes in all; the first gets the number `first`.
    pub fn uniform(first: u32, length: usize, total: usize) -> Self {
        let mut burst = Self::default();
        burst.extend(first, length, total.div_ceil(length));
        burst
    }

    /// Behind `ahead` short lines and `heads` lines of one length, short ones that have exactly `ring`
    /// bytes; then two too many.
    fn fitting(first: u32, ahead: usize, heads: usize, length: usize, ring: usize) -> Self {
        let mut burst = Self::default();
        burst.extend(first, SHORT, ahead);
        burst.extend(first, length, heads);
        let mut left = ring;
        while left >= 2 * SHORT {
            burst.push(first, SHORT);
            left -= burst.lengths.last().copied().unwrap_or(left);
        }
        burst.push(first, left.max(SHORT));
        burst.extend(first, SHORT, 2);
        burst
    }

    fn extend(&mut self, first: u32, length: usize, count: usize) {
        for _ in 0..count {
            self.push(first, length);
        }
    }

    fn push(&mut self, first: u32, length: usize) {
        let number = first.saturating_add(u32::try_from(self.commands.len()).unwrap_or(u32::MAX));
        let (command, length) = idle_line(number, length);
        self.commands.push(command);
        self.lengths.push(length);
    }

    pub fn bytes(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// A command that does nothing, and the bytes of its numbered line: `length`, or the next possible below.
///
/// It waits for no time at all. Cut anywhere it is nothing worse: no tail of it moves or heats. It is
/// filled with spaces, because one damaged zero among many would be a wait for years.
fn idle_line(number: u32, length: usize) -> (Box<[u8]>, usize) {
    let mut line = Vec::new();
    let mut measure = |command: &str| {
        line.clear();
        frame::write_numbered(&mut line, number, command.as_bytes())
    };
    // How many digits the checksum has depends on the text: no one filling gives every length.
    for wanted in (SHORT..=length).rev() {
        for words in ["P0", "P00", "P0 S0", "P00 S0"] {
            let missing = wanted.saturating_sub(measure(&format!("G4 {words}")));
            for spaces in missing.saturating_sub(1)..=missing + 3 {
                let command = format!("G4{:spaces$}{words}", "");
                if measure(&command) == wanted {
                    return (command.into_bytes().into(), wanted);
                }
            }
        }
    }
    let command = "G4 P0";
    let length = measure(command);
    (command.as_bytes().into(), length)
}

/// What is known so far: for each number of slots, between what the buffer lies; `None` where it cannot be.
#[derive(Clone, Debug)]
pub struct Known {
    rings: Vec<Option<(usize, usize)>>,
}

impl Default for Known {
    fn default() -> Self {
        Self { rings: vec![Some((RING_MIN, RING_MAX)); SLOTS_MAX + 1] }
    }
}

/// How many lines of a burst a board holds.
fn held(slots: usize, ring: usize, lengths: &[usize]) -> usize {
    let mut left = ring;
    let behind = lengths.iter().skip(slots).take_while(|length| {
        let fits = **length <= left;
        left = left.saturating_sub(**length);
        fits
    });
    (slots + behind.count()).min(lengths.len())
}

impl Known {
    /// Of a burst, so many lines were held, and the next one was not.
    pub fn learn(&mut self, lengths: &[usize], held: usize) {
        for (slots, bounds) in self.rings.iter_mut().enumerate() {
            let Some((least, most)) = *bounds else { continue };
            let inside: usize = lengths.iter().take(held).skip(slots).sum();
            let least = least.max(inside);
            let most = match lengths.get(held) {
                // The slots alone hold more than that.
                Some(_) if held < slots => 0,
                Some(next) => most.min((inside + next).saturating_sub(1)),
                None => most,
            };
            *bounds = (least <= most).then_some((least, most));
        }
    }

    fn possible(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.rings
            .iter()
            .enumerate()
            .filter_map(|(slots, bounds)| bounds.map(|(least, most)| (slots, least, most)))
    }

    /// What was read contradicts itself.
    pub fn is_impossible(&self) -> bool {
        self.possible().next().is_none()
    }

    /// The bounds of the buffer, and of the slots.
    pub fn bounds(&self) -> Option<((usize, usize), (usize, usize))> {
        let least = self.possible().map(|(_, least, _)| least).min()?;
        let most = self.possible().map(|(.., most)| most).max()?;
        let fewest = self.possible().map(|(slots, ..)| slots).min()?;
        let slots = self.possible().map(|(slots, ..)| slots).max()?;
        Some(((least, most), (fewest, slots)))
    }

    /// What surely fits: bytes of the buffer, and slots.
    pub fn surely(&self) -> Option<(usize, usize)> {
        self.bounds().map(|((least, _), (fewest, _))| (snapped(least), fewest))
    }

    /// More bytes of lines of one length than the board can hold, as far as is known.
    pub fn more_than_held(&self, length: usize) -> usize {
        self.possible().map(|(slots, _, most)| slots * length + most + 2 * length).max().unwrap_or(0)
    }

    /// The burst that decides most of what is open; `None` where nothing is, or none would decide it.
    /// `ahead`: so many of its lines will be acknowledged at once, and wait nowhere.
    pub fn next_burst(&self, first: u32, ahead: usize) -> Option<Burst> {
        let mut points: Vec<(usize, usize)> = Vec::new();
        let mut targets: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (slots, least, most) in self.possible() {
            let sizes = SIZES.into_iter().filter(|size| (least + 1..=most).contains(size));
            let sizes: Vec<usize> = sizes.collect();
            points.extend([(slots, least), (slots, most)]);
            points.extend(sizes.iter().flat_map(|size| [(slots, *size), (slots, size - 1)]));
            targets.extend(
                sizes.into_iter().chain([most, usize::midpoint(least, most)]).map(|ring| (slots, ring)),
            );
        }
        let open = |points: &[(usize, usize)]| -> usize {
            points.iter().map(|(slots, ring)| (*slots, snapped(*ring))).collect::<BTreeSet<_>>().len()
        };
        let all = open(&points);
        // Many are open only where a reading went wrong; then looking at some of them is enough.
        let bursts = targets.into_iter().take(64).flat_map(|(slots, ring)| {
            [LONG, SHORT].map(|length| Burst::fitting(first, ahead, slots, length, ring))
        });
        let judged = bursts.map(|burst| {
            let mut outcomes: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
            for (slots, ring) in &points {
                outcomes
                    .entry(held(*slots, *ring, &burst.lengths[ahead..]))
                    .or_default()
                    .push((*slots, *ring));
            }
            (outcomes.values().map(|points| open(points)).max().unwrap_or(all), burst)
        });
        judged
            .min_by_key(|(worst, burst)| (*worst, burst.bytes()))
            .filter(|(worst, _)| *worst < all)
            .map(|(_, burst)| burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_that_does_nothing_has_any_length_that_is_asked_for() {
        let mut missed = 0;
        for number in [10_001, 10_002, 10_017, 10_099, 10_454] {
            for length in SHORT..=LONG {
                let (command, got) = idle_line(number, length);
                let mut line = Vec::new();
                assert_eq!(frame::write_numbered(&mut line, number, &command), got);
                assert!(got <= length && got + 2 >= length, "{length}: {got}");
                missed += usize::from(got != length);
            }
        }
        assert_eq!(missed, 0);
    }

    /// Measures a board that holds exactly this.
    fn measure(slots: usize, ring: usize) -> Option<(usize, usize)> {
        let mut known = Known::default();
        let read = |known: &mut Known, burst: &Burst| {
            known.learn(&burst.lengths, held(slots, ring, &burst.lengths));
        };
        read(&mut known, &Burst::uniform(10_001, SHORT, 9_000));
        let enough = known.more_than_held(LONG);
        read(&mut known, &Burst::uniform(10_001, LONG, enough));
        for _ in 0..6 {
            let Some(burst) = known.next_burst(10_001, 0) else { break };
            read(&mut known, &burst);
        }
        known.surely()
    }

    #[test]
    fn every_usual_buffer_is_measured_exactly_behind_any_queue() {
        for ring in SIZES.into_iter().skip(1) {
            for slots in [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63] {
                assert_eq!(measure(slots, ring), Some((ring, slots)), "{slots} slots, {ring} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn no_board_is_ever_believed_to_hold_more_than_it_does(slots in 0usize..100, ring in 31usize..5_000) {
            let (bytes, queue) = measure(slots, ring).unwrap();
            prop_assert!(bytes <= ring && queue <= slots);
            prop_assert!(bytes * 2 + 1 > ring || bytes == 4_095, "{bytes} of {ring}");
        }
    }
}
