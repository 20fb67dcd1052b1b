//! How many pieces a lab makes, for whom and of what, beside the number from which a programme carries itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Window;
use super::value::BREAK_EVEN_PIECES_A_YEAR;
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Service,
    OrganSystem,
    Modality,
    Technology,
    /// Model or guide.
    Kind,
}

impl Dimension {
    pub const ALL: [Self; 5] =
        [Self::Service, Self::OrganSystem, Self::Modality, Self::Technology, Self::Kind];
}

/// One delivered model or guide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub delivered: WallTime,
    /// A dimension that is not there is missing.
    pub of: BTreeMap<Dimension, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    pub counts: BTreeMap<String, u64>,
    pub missing: u64,
}

/// Of the pieces that were delivered in the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub window: Window,
    pub n: u64,
    pub mix: BTreeMap<Dimension, Mix>,
}

/// 365.25 days in milliseconds.
const YEAR_MS: u128 = 31_557_600_000;

impl Volume {
    pub fn of(window: Window, pieces: &[Piece]) -> Self {
        let mut volume = Self { window, n: 0, mix: BTreeMap::new() };
        for piece in pieces.iter().filter(|piece| window.has(piece.delivered)) {
            volume.n += 1;
            for dimension in Dimension::ALL {
                let mix = volume.mix.entry(dimension).or_default();
                match piece.of.get(&dimension) {
                    Some(word) => *mix.counts.entry(word.clone()).or_default() += 1,
                    None => mix.missing += 1,
                }
            }
        }
        volume
    }

    /// Pieces a year at the pace of the window, in tenths, rounded half up; nothing where the window is empty.
    pub fn a_year_tenths(&self) -> Option<u64> {
        let long = u128::from(self.window.to.0.checked_sub(self.window.from.0)?);
        let doubled = (u128::from(self.n) * YEAR_MS * 20).checked_div(long)?;
        u64::try_from(doubled.div_ceil(2)).ok()
    }

    /// Whether that pace reaches the published break-even (§2.2).
    pub fn carries_itself(&self) -> Option<bool> {
        self.a_year_tenths().map(|tenths| tenths >= u64::from(BREAK_EVEN_PIECES_A_YEAR) * 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_in_every_dimension_with_those_that_lack_it() {
        use Dimension::{Kind, Service};
        let piece = |at, of: &[(Dimension, &str)]| Piece {
            delivered: WallTime(at),
            of: of.iter().map(|(dimension, word)| (*dimension, (*word).to_owned())).collect(),
        };
        let pieces = [
            piece(10, &[(Service, "urology"), (Kind, "model")]),
            piece(11, &[(Service, "urology"), (Kind, "guide")]),
            piece(19, &[(Kind, "model")]),
            piece(20, &[(Service, "urology"), (Kind, "model")]),
        ];
        let volume = Volume::of(Window { from: WallTime(10), to: WallTime(20) }, &pieces);
        let mix = |counts: &[(&str, u64)], missing| {
            Some(Mix { counts: counts.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect(), missing })
        };
        assert_eq!(volume.n, 3);
        assert_eq!(volume.mix.get(&Service).cloned(), mix(&[("urology", 2)], 1));
        assert_eq!(volume.mix.get(&Kind).cloned(), mix(&[("guide", 1), ("model", 2)], 0));
        assert_eq!(volume.mix.get(&Dimension::Modality).cloned(), mix(&[], 3));
    }

    #[test]
    fn the_pace_of_half_a_year_is_doubled_before_it_is_held_against_the_break_even() {
        let half = u64::try_from(YEAR_MS / 2).unwrap();
        let at = |n, to| Volume {
            window: Window { from: WallTime(0), to: WallTime(to) },
            n,
            mix: BTreeMap::new(),
        };
        assert_eq!((at(31, half).a_year_tenths(), at(31, half).carries_itself()), (Some(620), Some(false)));
        assert_eq!((at(32, half).a_year_tenths(), at(32, half).carries_itself()), (Some(640), Some(true)));
        assert_eq!(at(63, half * 2).carries_itself(), Some(true));
        assert_eq!(at(1, 0).a_year_tenths(), None);
    }
}
