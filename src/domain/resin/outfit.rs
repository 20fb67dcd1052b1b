//! What a resin printer is, as far as its starts are judged by it, and what a person looks at before one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::domain::units::Microlitres;

/// The share of a life from which on something is worn, where nobody says another.
pub const WARN_AT_PERCENT: u8 = 90;

/// What the configuration says of one resin printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outfit {
    /// What its vat takes at most.
    pub holds: Microlitres,
    /// What has to stay in it, so that the film is covered everywhere.
    pub keeps: Microlitres,
    /// So many days resin may stay in the vat; absent: as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resin_days: Option<u16>,
    /// Hours of light that its display is made for; absent: they are counted, and not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_life_h: Option<u32>,
    /// Layers that its film is made for; absent: they are counted, and not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub film_life_layers: Option<u32>,
    pub warn_at_percent: u8,
    /// Nothing begins with a display or a film that is past its life; else that is only told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub worn_bars: bool,
    /// What somebody says is so before each start; empty: nothing is asked.
    pub checklist: BTreeSet<Item>,
    /// Its board prints a file by itself, also while platen is away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl Outfit {
    /// The most that a print takes without being refilled.
    pub fn room(&self) -> Microlitres {
        Microlitres(self.holds.0.saturating_sub(self.keeps.0))
    }
}

/// One thing that no sensor tells and a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The plate is clean, seated and tightened.
    Plate,
    /// The vat is seated and locked.
    Vat,
    /// The film is clear, taut and without damage, and nothing cured lies on it.
    Film,
    /// The resin is stirred.
    Stirred,
    /// The cover is closed.
    Cover,
}

impl Item {
    /// In the order in which somebody who stands there does it.
    pub const ALL: [Self; 5] = [Self::Film, Self::Vat, Self::Stirred, Self::Plate, Self::Cover];

    /// The word of configurations, of JSON and of the page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Vat => "vat",
            Self::Film => "film",
            Self::Stirred => "stirred",
            Self::Cover => "cover",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.word() == word)
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::Plate => "plate clean and tight",
            Self::Vat => "vat seated and locked",
            Self::Film => "film taut and undamaged with nothing on it",
            Self::Stirred => "resin stirred",
            Self::Cover => "cover closed",
        }
    }
}

/// Items in words, one behind the other.
pub fn listed<'i>(items: impl IntoIterator<Item = &'i Item>) -> String {
    items.into_iter().map(|item| item.in_words()).collect::<Vec<_>>().join(", ")
}
