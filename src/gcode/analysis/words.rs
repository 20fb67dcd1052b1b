//! The words of a move, as text and as numbers: `plain_words` byte by byte, `quick_words` for nearly every line.
//!
//! A line's end, its letters, blanks, points and signs are found at once, as bits of a number each. So no word waits
//! for the end of the word before it, nor a line for that of the line before it.

use wide::{i8x16, u8x16};

/// The numbers of one move, by `LETTERS`.
#[derive(Clone, Copy, Default)]
pub(super) struct Words {
    pub(super) has: u8,
    pub(super) value: [f64; 8],
}

pub(super) const X: usize = 0;
pub(super) const Y: usize = 1;
pub(super) const Z: usize = 2;
pub(super) const E: usize = 3;
pub(super) const F: usize = 4;

/// Of no word of a move.
pub(super) const OTHER: usize = 8;

/// A table, since a jump for each letter would be guessed wrong too often.
const SLOTS: [usize; 256] = {
    let mut slots = [OTHER; 256];
    let letters = *b"XYZEFIJR";
    let mut slot = 0;
    while slot < letters.len() {
        slots[letters[slot] as usize] = slot;
        slot += 1;
    }
    slots
};

pub(super) const fn slot(letter: u8) -> usize {
    SLOTS[letter as usize]
}

impl Words {
    pub(super) fn set(&mut self, slot: usize, value: f64) {
        self.has |= 1 << slot;
        self.value[slot] = value;
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.has & (1 << slot) != 0
    }

    pub(super) fn get(&self, slot: usize) -> Option<f64> {
        self.has(slot).then(|| self.value[slot])
    }
}

const TENTHS: [f64; 10] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];

/// One byte in each of the eight.
const ONES: u64 = 0x0101_0101_0101_0101;
const ZEROS: u64 = ONES * b'0' as u64;
/// Bytes of a line that are looked at together.
const LINE: usize = 48;

/// Which bytes of a line are what; the lowest bit for the first.
struct Marks {
    /// No digits.
    others: u64,
    /// Blanks and line ends. Bytes that are no ASCII are among them, and end no line.
    stops: u64,
    points: u64,
}

/// Sixteen bytes: one bit of each mark for each of them.
#[inline(always)]
fn marks_of(bytes: &[u8; 16]) -> [u64; 3] {
    let bytes = u8x16::new(*bytes).cast_signed();
    let all = |byte: u8| i8x16::splat(byte.cast_signed());
    // Digits become the highest numbers.
    let highest = bytes + all(127 - b'9');
    let others = highest.simd_lt(all(127 - 9));
    let (stops, points) = (bytes.simd_lt(all(b' ' + 1)), bytes.simd_eq(all(b'.')));
    [others, stops, points].map(|mask| u64::from(mask.to_bitmask()))
}

#[inline(always)]
fn marks(line: &[u8; LINE]) -> Marks {
    let (parts, _) = line.as_chunks::<16>();
    let [first, second, third] = [marks_of(&parts[0]), marks_of(&parts[1]), marks_of(&parts[2])];
    let whole = |mark: usize| first[mark] | second[mark] << 16 | third[mark] << 32;
    Marks { others: whole(0), stops: whole(1), points: whole(2) }
}

/// The number of `count` digits, one to seven, that eight bytes begin with; behind `whole` of them stands a point.
#[inline]
fn short_number(bytes: [u8; 8], whole: usize, count: usize) -> f64 {
    let digits = u64::from_le_bytes(bytes) ^ ZEROS;
    let behind = u64::MAX << (8 * (whole % 8));
    // The digits go to the end, zeros before them; then pairs, fours and all eight are put together.
    let eight = ((digits & !behind) | ((digits >> 8) & behind)) << (8 * (8 - count % 8) % 64);
    let pairs = (eight.wrapping_mul(2_561) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(6_553_601) >> 16) & 0x0000_FFFF_0000_FFFF;
    let number = fours.wrapping_mul(42_949_672_960_001) >> 32;
    number as u32 as f64 * TENTHS[count.wrapping_sub(whole) % 8]
}

/// A number without a sign that begins at `at`, and where it ends.
fn number(text: &[u8], at: usize) -> Option<(f64, usize)> {
    let (mut end, mut number, mut point) = (at, 0u64, None);
    while let Some(&byte) = text.get(end) {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if byte == b'.' && point.is_none() {
            point = Some(end);
        } else {
            break;
        }
        end += 1;
    }
    let decimals = point.map_or(0, |point| end - point - 1);
    let digits = end - at - usize::from(point.is_some());
    // Fifteen digits are exact in a double.
    if digits == 0 || digits > 15 || decimals > 9 {
        return None;
    }
    Some((number as f64 * TENTHS[decimals], end))
}

/// The words of a line of `G0` or `G1` as slicers write it; nothing for any other form.
pub(super) fn plain_words(line: &[u8]) -> Option<Words> {
    let mut words = Words::default();
    let mut at = 3;
    loop {
        while line.get(at) == Some(&b' ') {
            at += 1;
        }
        let Some(&letter) = line.get(at) else { return Some(words) };
        if letter == b';' {
            return Some(words);
        }
        let slot = slot(letter);
        if slot > F || words.has(slot) {
            return None;
        }
        at += 1;
        let negative = line.get(at) == Some(&b'-');
        let (value, behind) = number(line, at + usize::from(negative))?;
        at = behind;
        if !matches!(line.get(at), None | Some(b' ' | b';')) {
            return None;
        }
        words.set(slot, if negative { -value } else { value });
    }
}

/// As `plain_words`, for nearly every line, and where the line ends in `text`. The words are written where they stay,
/// so that no copy waits for them; what stood there before is no longer. Nothing where the line or a number in it is
/// longer, or `text` ends near.
#[inline]
pub(super) fn quick_words(text: &[u8], words: &mut Words) -> Option<usize> {
    let line = text.first_chunk::<64>()?;
    let Marks { others, stops, points } = marks(line.first_chunk()?);
    // Behind `G1 `, which the caller has looked at.
    let (mut at, mut stops, mut has, mut wrong) = (3, stops & !0b111, 0, 0);
    loop {
        let slot = slot(line[at % 64]);
        if slot > F {
            return None;
        }
        wrong |= u64::from(has & (1 << slot));
        has |= 1 << slot;
        let negative = line[(at + 1) % 64] == b'-';
        let from = at + 1 + usize::from(negative);
        let stop = stops.trailing_zeros() as usize;
        let before = (stops & stops.wrapping_neg()).wrapping_sub(1);
        stops &= stops.wrapping_sub(1);
        // All but one point is digits.
        let point = others & before & (u64::MAX << (from % 64));
        wrong |= point & point.wrapping_sub(1) | point & !points;
        let end = if point == 0 { stop } else { point.trailing_zeros() as usize };
        let (whole, count) = (end.wrapping_sub(from), stop.wrapping_sub(from + usize::from(point != 0)));
        if !(1..=7).contains(&count) {
            return None;
        }
        let value = short_number(*line[from % 64..].first_chunk()?, whole, count);
        words.value[slot] = f64::from_bits(value.to_bits() ^ (u64::from(negative) << 63));
        match line[stop % 64] {
            b' ' => at = stop + 1,
            b'\n' | b'\r' => {
                words.has = has;
                return (wrong == 0).then_some(stop);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_at_once_is_what_is_read_byte_by_byte(
            line in "G1 ([XYZEF][-+*]?[0-9]{0,8}\\.?[0-9]{0,8}[ 0-9.;\t\u{e9}-]?){1,4}",
            end in "[\n\r]",
        ) {
            let text = format!("{line}{end}{:64}", "");
            let mut words = Words::default();
            if let Some(end) = quick_words(text.as_bytes(), &mut words) {
                prop_assert_eq!(end, line.len());
                let plain = plain_words(line.as_bytes()).unwrap();
                prop_assert_eq!(plain.has, words.has);
                for slot in (0..OTHER).filter(|slot| words.has(*slot)) {
                    prop_assert_eq!(plain.value[slot].to_bits(), words.value[slot].to_bits());
                }
            }
        }

        #[test]
        fn every_line_as_slicers_write_it_is_read_at_once(
            line in "G[01] X-?[0-9]{1,3}(\\.[0-9]{1,3})? Y-?[0-9]{0,3}\\.[0-9]{1,4}( E-?[0-9]{0,2}\\.[0-9]{1,5})?( F[0-9]{1,5})?",
        ) {
            let text = format!("{line}\n{:64}", "");
            prop_assert_eq!(quick_words(text.as_bytes(), &mut Words::default()), Some(line.len()));
        }
    }
}
