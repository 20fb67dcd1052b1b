//! The audit extract: entries of the journal as sentences, each with its place in the chain, which was checked link by
//! link from the first entry to the data cut. Takes a period, or `case`. Progress of prints is left out.

use serde::Serialize;

use super::case::entries;
use super::past::{Entry, TOLD_MAX};
use super::sheet::{Section, Table};
use super::{ReportError, Sources};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Extract {
    /// Always true: a journal whose chain is broken gives no report.
    pub chain_verified: bool,
    pub verified_entries: u64,
    pub head_sha256: String,
    pub began: Option<String>,
    pub entries: Vec<Entry>,
}

impl Extract {
    pub fn of(of: Sources<'_>) -> Result<Self, ReportError> {
        if of.past.untold > 0 {
            return Err(ReportError::TooLong { untold: of.past.untold, max: TOLD_MAX });
        }
        Ok(Self {
            chain_verified: true,
            verified_entries: of.past.cut.entry,
            head_sha256: of.past.cut.head.clone(),
            began: of.past.began.map(|at| at.to_string()),
            entries: of.past.told.clone(),
        })
    }

    pub fn sections(&self) -> Vec<Section> {
        let chain = Section::pairs(
            "The chain",
            vec![
                ("Checked", format!("every link, from entry 1 to entry {}", self.verified_entries)),
                ("Head", self.head_sha256.clone()),
                ("In this extract", format!("{} entries, without progress of prints", self.entries.len())),
            ],
        );
        vec![chain, entries("Entries", &self.entries)]
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new(&["entry", "at_utc", "who", "what", "entry_sha256"]);
        for Entry { seq, at, who, what, hash } in &self.entries {
            table.row([seq.to_string(), at.clone(), who.clone(), what.clone(), hash.clone()]);
        }
        table
    }
}
