//! How long people worked on a case, in the eight buckets of the ACR-RSNA registry (medical-domain.md §2.1).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;

/// Clinicians are physicians, PA, NP and their like; the others are engineers, physicists and technologists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffortRole {
    Clinician,
    NonClinician,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffortCategory {
    Consultation,
    Segmentation,
    Cad,
    /// Before and after the print.
    Preparation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    pub role: EffortRole,
    pub category: EffortCategory,
    /// Absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffortEntry {
    pub case: CaseToken,
    /// 1, 2, 3 … within the case.
    pub number: u32,
    pub effort: Effort,
    pub by: String,
    pub at: WallTime,
}

/// One of the eight buckets of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub minutes: u64,
    /// Entries of which nobody knows how long they took.
    pub unknown: u32,
}

/// All eight, also those of which nothing is known.
pub fn buckets<'a>(
    entries: impl Iterator<Item = &'a EffortEntry>,
) -> BTreeMap<(EffortRole, EffortCategory), Bucket> {
    use EffortCategory::{Cad, Consultation, Preparation, Segmentation};
    let mut buckets = BTreeMap::new();
    for role in [EffortRole::Clinician, EffortRole::NonClinician] {
        for category in [Consultation, Segmentation, Cad, Preparation] {
            buckets.insert((role, category), Bucket::default());
        }
    }
    for EffortEntry { effort: Effort { role, category, minutes }, .. } in entries {
        let bucket = buckets.entry((*role, *category)).or_default();
        match minutes {
            Some(minutes) => bucket.minutes += u64::from(*minutes),
            None => bucket.unknown += 1,
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_always_eight_buckets_and_what_is_unknown_is_counted_apart() {
        let entry = |role, category, minutes| EffortEntry {
            case: CaseToken::from_entropy([1; 16]),
            number: 1,
            effort: Effort { role, category, minutes },
            by: "kim".into(),
            at: WallTime(0),
        };
        assert_eq!(buckets([].iter()).len(), 8);
        let cad = (EffortRole::NonClinician, EffortCategory::Cad);
        let entries = [
            entry(cad.0, cad.1, Some(u16::MAX)),
            entry(cad.0, cad.1, Some(5)),
            entry(cad.0, cad.1, None),
            entry(EffortRole::Clinician, EffortCategory::Cad, Some(7)),
        ];
        let found = buckets(entries.iter());
        assert_eq!(found.len(), 8);
        assert_eq!(found[&cad], Bucket { minutes: 65_540, unknown: 1 });
        assert_eq!(found[&(EffortRole::Clinician, EffortCategory::Cad)], Bucket { minutes: 7, unknown: 0 });
    }
}
