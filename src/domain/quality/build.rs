//! A build: what one job lays on one bed. Each piece of it is a printed part of its own, with its own serial, doubts,
//! inspections and release; the job, the printer and the lots are those of all.
//!
//! A build is of one case. Pieces of two cases on one bed are how the wrong part gets to a patient (medical-domain.md
//! §5, H1), so no job takes them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use super::printed::Serial;
use crate::domain::ids::{CaseToken, JobId, by_text};

/// As many pieces as one build may have: an entry of the journal has a bound.
pub const PIECES_MAX: usize = 20;

/// A piece within its case, `PART-ATTEMPT`: the end of its serial.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Piece {
    pub part: u16,
    pub attempt: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a piece of a build is named PART-ATTEMPT, two numbers from 1")]
pub struct PieceError;

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.part, self.attempt)
    }
}

impl FromStr for Piece {
    type Err = PieceError;

    fn from_str(text: &str) -> Result<Self, PieceError> {
        let (part, attempt) = text.split_once('-').ok_or(PieceError)?;
        // One way to write a number, so that two texts never mean the same piece.
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if !plain(part) || !plain(attempt) {
            return Err(PieceError);
        }
        let part = part.parse().map_err(|_| PieceError)?;
        let attempt = attempt.parse().map_err(|_| PieceError)?;
        Ok(Self { part, attempt })
    }
}

by_text!(Piece, PieceError);

impl Piece {
    pub fn of(self, case: &CaseToken) -> Serial {
        Serial { case: case.clone(), part: self.part, attempt: self.attempt }
    }
}

/// What a job prints besides its first piece. A job of one piece has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    pub job: JobId,
    pub also: Vec<Piece>,
}

/// The share of each of so many pieces of one build; the first has what cannot be shared.
pub fn shares(whole: u64, pieces: usize) -> impl Iterator<Item = u64> {
    let count = u64::try_from(pieces).unwrap_or(u64::MAX).max(1);
    let (each, rest) = (whole / count, whole % count);
    std::iter::once(each + rest).chain(std::iter::repeat(each)).take(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_piece_has_one_way_to_be_written() {
        assert_eq!("2-13".parse(), Ok(Piece { part: 2, attempt: 13 }));
        for bad in
            ["", "2", "2-", "-1", "02-1", "2-01", "0-1", "2-0", "2-1-1", "+2-1", "70000-1", "2-4294967296"]
        {
            assert_eq!(bad.parse::<Piece>(), Err(PieceError), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shared_is_the_whole_and_no_two_shares_differ_by_more_than_what_cannot_be_shared(
            whole: u32, pieces in 1usize..=PIECES_MAX,
        ) {
            let shares: Vec<u64> = shares(u64::from(whole), pieces).collect();
            prop_assert_eq!(shares.len(), pieces);
            prop_assert_eq!(shares.iter().sum::<u64>(), u64::from(whole));
            prop_assert!(shares[0] - shares[pieces - 1] < pieces as u64);
        }

        #[test]
        fn a_piece_is_read_as_it_was_written(part in 1u16.., attempt in 1u32..) {
            let piece = Piece { part, attempt };
            prop_assert_eq!(piece.to_string().parse(), Ok(piece));
        }
    }
}
