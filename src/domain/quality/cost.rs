//! What people noted that a case has cost: what no rate tells, such as a bill of somebody else's.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::words::Line;
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    Material,
    Machine,
    Labour,
    Consumables,
    Overhead,
    Other,
}

impl CostKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Machine => "machine",
            Self::Labour => "labour",
            Self::Consumables => "consumables",
            Self::Overhead => "overhead",
            Self::Other => "other",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub kind: CostKind,
    /// In minor units of the site's currency: cents.
    pub amount: u32,
    /// What it was for.
    pub what: Line,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostEntry {
    pub case: CaseToken,
    /// 1, 2, 3 … within the case.
    pub number: u32,
    pub cost: Cost,
    pub by: String,
    pub at: WallTime,
}

/// The sum of each kind of which there is an entry.
pub fn sums<'a>(entries: impl Iterator<Item = &'a CostEntry>) -> BTreeMap<CostKind, u64> {
    let mut sums = BTreeMap::new();
    for CostEntry { cost, .. } in entries {
        *sums.entry(cost.kind).or_default() += u64::from(cost.amount);
    }
    sums
}
