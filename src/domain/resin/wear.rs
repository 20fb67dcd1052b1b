//! What prints wear out: the display by hours of light, the film by layers that come off it.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::domain::moment::WallTime;
use crate::domain::units::Microlitres;

pub const HOUR_MS: u64 = 3_600_000;

/// How much a job was lit, from its first layer on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lit {
    /// Layers that were lit: each comes off the film once.
    pub layers: u32,
    pub light_ms: u64,
    /// What those layers should have taken.
    pub resin: Microlitres,
}

impl Lit {
    /// Whether nothing of it is less.
    pub fn is_at_least(&self, other: &Self) -> bool {
        self.layers >= other.layers && self.light_ms >= other.light_ms && self.resin >= other.resin
    }

    /// What it is more than another.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Self {
        Self {
            layers: self.layers.saturating_sub(other.layers),
            light_ms: self.light_ms.saturating_sub(other.light_ms),
            resin: Microlitres(self.resin.0.saturating_sub(other.resin.0)),
        }
    }
}

/// A count that only grows until the thing is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub count: u64,
    /// When it was replaced; absent: it is the first that platen knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<WallTime>,
    /// Some of it is the most that it can have been, since platen ended during a print.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
}

impl Counter {
    pub fn add(&mut self, more: u64, guessed: bool) {
        self.count = self.count.saturating_add(more);
        self.guessed |= guessed && more > 0;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody says how long it lasts.
    Unjudged,
    Good,
    /// A next one should be at hand.
    Worn,
    /// Past the life that it is made for.
    Overdue,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unjudged => "unjudged",
            Self::Good => "good",
            Self::Worn => "worn",
            Self::Overdue => "overdue",
        }
    }
}

/// What a print has worn out that was not worn before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    DisplayWorn,
    DisplayOverdue,
    FilmWorn,
    FilmOverdue,
}

impl Reached {
    pub fn display(before: Verdict, then: Verdict) -> Option<Self> {
        Self::of(before, then, Self::DisplayWorn, Self::DisplayOverdue)
    }

    pub fn film(before: Verdict, then: Verdict) -> Option<Self> {
        Self::of(before, then, Self::FilmWorn, Self::FilmOverdue)
    }

    fn of(before: Verdict, then: Verdict, worn: Self, overdue: Self) -> Option<Self> {
        match then {
            _ if then == before => None,
            Verdict::Worn => Some(worn),
            Verdict::Overdue => Some(overdue),
            Verdict::Unjudged | Verdict::Good => None,
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::DisplayWorn => "the display is worn: have the next one at hand",
            Self::DisplayOverdue => "the display is past its life: replace it",
            Self::FilmWorn => "the film is worn: have the next one at hand",
            Self::FilmOverdue => "the film is past its life: replace it",
        }
    }
}

/// How far something is worn, in its own unit: hours, layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    pub used: u64,
    pub life: Option<u32>,
    pub verdict: Verdict,
}

impl Wear {
    pub fn of(used: u64, life: Option<u32>, warn_at_percent: u8) -> Self {
        let verdict = match life.map(u64::from) {
            None => Verdict::Unjudged,
            Some(life) if used >= life => Verdict::Overdue,
            Some(life) if used.saturating_mul(100) >= life.saturating_mul(u64::from(warn_at_percent)) => {
                Verdict::Worn
            }
            Some(_) => Verdict::Good,
        };
        Self { used, life, verdict }
    }

    /// Of its life, in whole percent; absent where nobody knows that.
    pub fn percent(&self) -> Option<u64> {
        self.used.saturating_mul(100).checked_div(u64::from(self.life?))
    }
}

impl fmt::Display for Wear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.life {
            Some(life) => write!(f, "{} of {life}", self.used),
            None => write!(f, "{}", self.used),
        }
    }
}
