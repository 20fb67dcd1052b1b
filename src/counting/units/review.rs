//! What a coder has confirmed, beside what was proposed.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::Proposal;
use crate::counting::codes::CodeNumber;
use crate::domain::ids::FileHash;
use crate::domain::moment::WallTime;

/// What a coder has confirmed, beside exactly which proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub by: String,
    pub at: WallTime,
    /// `Proposal::hash` of what the coder saw.
    pub of: FileHash,
    pub units: BTreeMap<CodeNumber, u16>,
    pub note: Option<String>,
}

/// One code as proposed and as confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    pub code: CodeNumber,
    pub proposed: u16,
    /// Nothing as long as no coder has looked.
    pub confirmed: Option<u16>,
}

/// Proposed and confirmed units side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    pub codes: Vec<Compared>,
    /// The case has changed since the coder looked: to be looked at again.
    pub outdated: bool,
}

impl Reviewed {
    pub fn of(proposal: &Proposal, confirmation: Option<&Confirmation>) -> Self {
        let counts = proposal.counts();
        let mut codes: BTreeSet<&CodeNumber> = counts.keys().collect();
        codes.extend(confirmation.iter().flat_map(|confirmation| confirmation.units.keys()));
        let compared = codes.into_iter().map(|code| Compared {
            code: code.clone(),
            proposed: counts.get(code).copied().unwrap_or(0),
            confirmed: confirmation.map(|said| said.units.get(code).copied().unwrap_or(0)),
        });
        Self {
            codes: compared.collect(),
            outdated: confirmation.is_some_and(|confirmation| confirmation.of != proposal.hash()),
        }
    }
}

/// Units over several cases (§6.5), for each code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeTotal {
    /// Cases with a unit of it, proposed or confirmed.
    pub cases: u64,
    pub proposed: u64,
    pub above_cap: u64,
    pub confirmed: u64,
    /// Of those cases, how many no coder has looked at, or not since they changed. Their confirmed units are not in.
    pub unreviewed: u64,
}

pub fn totals<'c>(
    cases: impl IntoIterator<Item = (&'c Proposal, Option<&'c Confirmation>)>,
) -> BTreeMap<CodeNumber, CodeTotal> {
    let mut totals: BTreeMap<CodeNumber, CodeTotal> = BTreeMap::new();
    for (proposal, confirmation) in cases {
        let reviewed = Reviewed::of(proposal, confirmation);
        for compared in reviewed.codes {
            let line = proposal.lines.iter().find(|line| line.code == compared.code);
            let total = totals.entry(compared.code).or_default();
            total.cases += 1;
            total.proposed += u64::from(compared.proposed);
            total.above_cap += line.map_or(0, |line| u64::from(line.above_cap));
            match compared.confirmed {
                Some(units) if !reviewed.outdated => total.confirmed += u64::from(units),
                _ => total.unreviewed += 1,
            }
        }
    }
    totals
}
