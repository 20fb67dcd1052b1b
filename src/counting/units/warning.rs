//! What a coder should look at in a proposal; a warning changes no count.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::facts::{CaseFacts, CaseKind, Laterality, PartKind, Proof, ServiceDate};
use super::{Line, Tally};
use crate::counting::codes::{Certainty, CodeNumber, CodeTable};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    #[error(
        "{code}: {units} units are {above} above the cap of {cap}{} ({}); what is above is denied and must be appealed with proof of need", on(*.day), .certainty.in_words()
    )]
    AboveCap { code: CodeNumber, units: u16, cap: u16, above: u16, day: Option<Day>, certainty: Certainty },
    #[error("{code}: no cap is known for these {units} units; look it up")]
    NoCap { code: CodeNumber, units: u16 },
    #[error(
        "the last table of codes ends on {to} ({}), before {day}: these codes may be gone or have other caps; get the tables of that day",
        .certainty.in_words()
    )]
    TablesEnded { day: Day, to: Day, certainty: Certainty },
    #[error("on {day} there were no such codes yet; the first table begins on {from}")]
    NoCodesYet { day: Day, from: Day },
    #[error(
        "the case has no date of service yet (the site chose: {}); counted by the table and the caps of {table_of}",
        .choice.word()
    )]
    NoServiceDate { choice: ServiceDate, table_of: Day },
    #[error("{code} is reported for this patient too, and is not to stand beside these codes")]
    NotBeside { code: CodeNumber },
    #[error("the case was asked for as a {}, and a {} is counted; correct the case, or the part", .asked.in_words(), .counted.word())]
    OtherKind { asked: CaseKind, counted: PartKind },
    #[error("the case is for education: whether there is a service to a patient at all, a coder must say")]
    Education,
    #[error("part {part} does not say which side it is of, and its region has two")]
    NoLaterality { part: u16 },
    #[error("part {part} has no record {}", words(.missing))]
    NoProof { part: u16, missing: Vec<Proof> },
    #[error("part {part} is counted by revision {released}, and its newest is revision {newest}")]
    OlderRevision { part: u16, released: u32, newest: u32 },
    #[error("the design of part {part} was approved on {approved}, after the procedure on {procedure}")]
    ApprovedTooLate { part: u16, approved: Day, procedure: Day },
    #[error(
        "guides {parts:?} are meant to be assembled: a guide is one piece, so see whether they are pieces of one guide and count once"
    )]
    GuidesAssembled { parts: Vec<u16> },
}

fn on(day: Option<Day>) -> String {
    day.map(|day| format!(" on {day}")).unwrap_or_default()
}

fn words(missing: &[Proof]) -> String {
    let words: Vec<_> = missing.iter().map(|proof| proof.in_words()).collect();
    words.join(", ")
}

pub(super) fn of_case(facts: &CaseFacts, table: &CodeTable, lines: &[Line], warnings: &mut Vec<Warning>) {
    if lines.is_empty() {
        return;
    }
    for code in &table.not_beside {
        if facts.other_codes.contains(code) {
            warnings.push(Warning::NotBeside { code: code.clone() });
        }
    }
    if facts.intended_use == IntendedUse::Education {
        warnings.push(Warning::Education);
    }
    let other = match facts.kind {
        CaseKind::Model => PartKind::Guide,
        CaseKind::Guide => PartKind::Component,
        CaseKind::Both => return,
    };
    if lines.iter().flat_map(|line| &line.evidence).any(|unit| unit.kind == other) {
        warnings.push(Warning::OtherKind { asked: facts.kind, counted: other });
    }
}

pub(super) fn of_parts(facts: &CaseFacts, tally: &Tally<'_>, lines: &[Line], warnings: &mut Vec<Warning>) {
    for unit in lines.iter().flat_map(|line| &line.evidence) {
        if !unit.missing.is_empty() {
            warnings.push(Warning::NoProof { part: unit.number, missing: unit.missing.clone() });
        }
    }
    for counted in tally.components.iter().chain(&tally.guides) {
        let (part, revision) = (counted.part.number, &counted.print.revision);
        if counted.part.laterality == Laterality::Missing {
            warnings.push(Warning::NoLaterality { part });
        }
        let newest = counted.part.newest_revision;
        if revision.number < newest {
            warnings.push(Warning::OlderRevision { part, released: revision.number, newest });
        }
        if let (Some(approved), Some(procedure)) = (revision.approved_on, facts.dates.procedure)
            && approved > procedure
        {
            warnings.push(Warning::ApprovedTooLate { part, approved, procedure });
        }
    }
    let mut groups: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for counted in &tally.guides {
        if let Some(group) = &counted.part.group_uid {
            groups.entry(group).or_default().push(counted.part.number);
        }
    }
    let assembled = groups.into_values().filter(|parts| parts.len() > 1);
    warnings.extend(assembled.map(|parts| Warning::GuidesAssembled { parts }));
}
