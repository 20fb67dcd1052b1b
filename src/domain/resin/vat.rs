//! What is in a vat: of which lots, since when, and how much should be left of it.

use serde::{Deserialize, Serialize};

use crate::domain::ids::LotId;
use crate::domain::moment::WallTime;
use crate::domain::units::Microlitres;

/// As many lots as are known of one vat: as many as a printer has slots.
pub const LOTS_MAX: usize = crate::domain::quality::lot::SLOTS as usize;
const DAY_MS: u64 = 86_400_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Vat {
    #[default]
    Empty,
    Filled {
        contents: Contents,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// As jobs name it.
    pub material: String,
    /// What was poured in of each lot, the first one first; never empty.
    pub portions: Vec<Portion>,
    /// What should be left, by what was poured in or measured and what prints have taken since.
    pub left: Microlitres,
    /// When the oldest resin came into the vat.
    pub since: WallTime,
    /// When somebody looked last how much there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<WallTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stirred: Option<WallTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filtered: Option<WallTime>,
    /// Who poured in something last.
    pub by: String,
}

/// Some of a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    pub lot: LotId,
    pub poured: Microlitres,
}

impl Contents {
    pub fn new(material: &str, lot: &LotId, poured: Microlitres, at: WallTime, by: &str) -> Self {
        Self {
            material: material.to_owned(),
            portions: vec![Portion { lot: lot.clone(), poured }],
            left: poured,
            since: at,
            measured: None,
            stirred: None,
            filtered: None,
            by: by.to_owned(),
        }
    }

    pub fn top_up(&mut self, lot: &LotId, poured: Microlitres, by: &str) {
        self.left = self.left.and(poured);
        by.clone_into(&mut self.by);
        match self.portions.iter_mut().find(|portion| portion.lot == *lot) {
            Some(portion) => portion.poured = portion.poured.and(poured),
            None => self.portions.push(Portion { lot: lot.clone(), poured }),
        }
    }

    /// All that was poured in since it was filled.
    pub fn poured(&self) -> Microlitres {
        self.portions.iter().fold(Microlitres(0), |all, portion| all.and(portion.poured))
    }

    pub fn holds(&self, lot: &LotId) -> bool {
        self.portions.iter().any(|portion| portion.lot == *lot)
    }

    /// Whole days since its oldest resin came in; 0 where the clock was set back since.
    pub fn days(&self, now: WallTime) -> u64 {
        now.0.saturating_sub(self.since.0) / DAY_MS
    }

    /// What came from which lot of so much, as they are mixed; the rest of a division is the last one's.
    pub fn shares(&self, of: Microlitres) -> Vec<(LotId, Microlitres)> {
        let whole: u128 = self.portions.iter().map(|portion| u128::from(portion.poured.0)).sum();
        let mut rest = of.0;
        let mut shares = Vec::with_capacity(self.portions.len());
        for (at, portion) in self.portions.iter().enumerate() {
            let is_last = at + 1 == self.portions.len();
            let exact = (u128::from(of.0) * u128::from(portion.poured.0)).checked_div(whole).unwrap_or(0);
            let share = if is_last { rest } else { u64::try_from(exact).unwrap_or(rest).min(rest) };
            rest -= share;
            shares.push((portion.lot.clone(), Microlitres(share)));
        }
        shares
    }
}
