//! The CPT worksheet: proposed units of a case with the evidence of each, what is not counted and why, and what a coder
//! has to look at. Nothing in it is right before a coder has said so. Takes `case`.

use serde::Serialize;
use std::collections::BTreeMap;

use super::case::signer;
use super::sheet::{Section, Table};
use super::words::{moment, term};
use super::{Kind, Parameters, ReportError, Sources, facts};
use crate::counting::codes::{AtDay, CodeNumber};
use crate::counting::units::facts::Proof;
use crate::counting::units::review::{Confirmation, Reviewed};
use crate::counting::units::{Proposal, Unit, propose};
use crate::domain::ids::FileHash;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worksheet {
    pub proposal: Proposal,
    /// A coder's confirmation names this: another proposal has another.
    pub proposal_sha256: FileHash,
    /// Proposed and confirmed side by side.
    pub review: Reviewed,
    /// The last of a coder's; nothing as long as none has looked.
    pub confirmation: Option<Confirmation>,
    /// All that may be confirmed.
    #[serde(skip)]
    pub table_codes: Vec<CodeNumber>,
    /// The warnings in words, in the order of the proposal's.
    pub warnings: Vec<String>,
    /// The licensed texts that the site has loaded, for the codes above.
    pub official_texts: BTreeMap<CodeNumber, String>,
    pub licence: Option<String>,
}

impl Worksheet {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let needed = ReportError::Needs { kind: Kind::Worksheet, needs: "one case" };
        let case = parameters.case.as_ref().ok_or(needed)?;
        let inspections = facts::Inspections::of(of.lab);
        let known = facts::case(of.lab, &inspections, case, &of.site.zone);
        let known = known.ok_or_else(|| ReportError::NoCase(case.clone()))?;
        let asked = facts::counted_by(&of.site.tables, of.today()?);
        let proposal = propose(&known, &of.site.tables, of.site.service_date, asked);
        let (AtDay::Valid(table) | AtDay::Ended(table) | AtDay::NotYet(table)) =
            of.site.tables.at(proposal.day.unwrap_or(asked));
        let confirmation = facts::confirmation(of.lab, case);
        let texts = proposal
            .lines
            .iter()
            .filter_map(|line| Some((line.code.clone(), of.site.descriptors.of(&line.code)?.to_owned())));
        let official_texts: BTreeMap<_, _> = texts.collect();
        Ok(Self {
            proposal_sha256: proposal.hash(),
            review: Reviewed::of(&proposal, confirmation.as_ref()),
            confirmation,
            table_codes: table.codes().iter().map(|code| code.number.clone()).collect(),
            warnings: proposal.warnings.iter().map(ToString::to_string).collect(),
            licence: (!official_texts.is_empty()).then(|| of.site.descriptors.licence.clone()),
            official_texts,
            proposal,
        })
    }

    pub fn sections(&self) -> Vec<Section> {
        let of = &self.proposal;
        let day = of.day.map_or_else(|| "none yet".into(), |day| day.to_string());
        let mut sections = vec![Section::pairs(
            "Proposed units",
            vec![
                ("Case", of.case.to_string()),
                ("Date of service", format!("{day} (the site chose: {})", of.service_date.word())),
                (
                    "Table of codes",
                    format!(
                        "{}, valid from {} to {} (the end is {})",
                        of.table.file,
                        of.table.from,
                        of.table.to,
                        of.table.to_certainty.in_words()
                    ),
                ),
                ("SHA-256 of the proposal", self.proposal_sha256.to_string()),
            ],
        )];
        let mut lines = Table::new(&["Code", "What it stands for", "Units", "Cap", "Above the cap"]);
        for line in &of.lines {
            let text = self.official_texts.get(&line.code).unwrap_or(&line.paraphrase);
            let cap = line.cap.as_ref().map_or_else(
                || "not known".into(),
                |cap| format!("{} ({})", cap.units, cap.certainty.in_words()),
            );
            lines.row([
                line.code.to_string(),
                text.clone(),
                line.units.to_string(),
                cap,
                line.above_cap.to_string(),
            ]);
        }
        let texts = match &self.licence {
            Some(licence) => format!("Official texts: {licence}"),
            None => "In words of ours: the official descriptors are the AMA's, and a site loads them by its licence.".into(),
        };
        sections.push(Section::table("Codes", lines).noted(texts));
        sections.push(self.reviewed());
        sections.push(if self.warnings.is_empty() {
            Section::lines("Warnings", vec!["none".into()])
        } else {
            Section::lines("Warnings", self.warnings.clone()).noted("A warning changes no count.")
        });
        for line in &of.lines {
            for (place, unit) in (1..).zip(&line.evidence) {
                sections.push(evidence(&line.code, place, unit));
            }
        }
        let mut parts = Table::new(&["Part", "Kind", "Why it is not counted"]);
        for part in &of.parts_not_counted {
            let reasons: Vec<_> = part.reasons.iter().map(ToString::to_string).collect();
            parts.row([part.number.to_string(), part.kind.word().to_owned(), reasons.join("; ")]);
        }
        sections.push(Section::table("Parts that are not counted", parts));
        let mut prints = Table::new(&["Part", "Printed part", "Attempt", "Why it adds nothing"]);
        for print in &of.prints_not_counted {
            prints.row([
                print.number.to_string(),
                print.serial.clone(),
                print.attempt.to_string(),
                print.why.clone(),
            ]);
        }
        sections.push(Section::table("Prints that add nothing", prints));
        sections
    }

    fn reviewed(&self) -> Section {
        let mut codes = Table::new(&["Code", "Proposed", "Confirmed"]);
        for of in &self.review.codes {
            let confirmed = of.confirmed.map_or_else(|| "not yet".into(), |units| units.to_string());
            codes.row([of.code.to_string(), of.proposed.to_string(), confirmed]);
        }
        Section::table("Proposed and confirmed", codes).noted(self.confirmed())
    }

    /// Who has confirmed, and whether that is of what is here.
    fn confirmed(&self) -> String {
        let Some(of) = &self.confirmation else { return "No coder has confirmed any unit of it.".into() };
        let outdated = match self.review.outdated {
            true => "OUTDATED, since the case has changed: look at it again, and confirm it anew. ",
            false => "",
        };
        let note = of.note.as_ref().map(|note| format!(" Note: {note}")).unwrap_or_default();
        format!("{outdated}Confirmed by {}, {} UTC, of proposal {}.{note}", of.by, moment(of.at), of.of)
    }

    /// A row for each unit, then one for each code that was confirmed, for each part that is none, and for each warning.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "case",
            "row",
            "code",
            "units",
            "part",
            "printed_part",
            "revision",
            "model_sha256",
            "approved_by",
            "released_by",
            "records",
            "missing_records",
            "words",
        ]);
        let of = &self.proposal;
        let case = || of.case.to_string();
        for line in &of.lines {
            for unit in &line.evidence {
                let records: Vec<_> =
                    unit.proofs.iter().map(|(proof, place)| format!("{}: {place}", term(proof))).collect();
                let missing: Vec<_> = unit.missing.iter().map(term).collect();
                table.row([
                    case(),
                    "unit".into(),
                    line.code.to_string(),
                    "1".into(),
                    unit.number.to_string(),
                    unit.serial.clone(),
                    unit.revision.to_string(),
                    unit.sha256.to_string(),
                    unit.approval.as_ref().map(|of| of.by.clone()).unwrap_or_default(),
                    unit.release.by.clone(),
                    records.join("; "),
                    missing.join("; "),
                    unit.why.clone(),
                ]);
            }
        }
        let empty = String::new;
        for of in &self.review.codes {
            let Some(units) = of.confirmed else { continue };
            let mut row = vec![case(), "confirmed".into(), of.code.to_string(), units.to_string()];
            row.resize_with(table.head.len() - 1, String::new);
            row.push(self.confirmed());
            table.rows.push(row);
        }
        for part in &of.parts_not_counted {
            let reasons: Vec<_> = part.reasons.iter().map(ToString::to_string).collect();
            table.row([
                case(),
                "not counted".into(),
                empty(),
                "0".into(),
                part.number.to_string(),
                empty(),
                empty(),
                empty(),
                empty(),
                empty(),
                empty(),
                empty(),
                reasons.join("; "),
            ]);
        }
        for warning in &self.warnings {
            let mut row = vec![case(), "warning".into()];
            row.resize_with(table.head.len() - 1, String::new);
            row.push(warning.clone());
            table.rows.push(row);
        }
        table
    }
}

fn evidence(code: &CodeNumber, place: usize, unit: &Unit) -> Section {
    let signed = |of: &crate::counting::units::facts::Signature| {
        let by = signer(&of.by, of.printed_name.as_ref());
        format!("{by}, {} UTC, of {}", moment(of.at), of.of)
    };
    let mut pairs = vec![
        ("Why", unit.why.clone()),
        ("Part", format!("{} ({})", unit.number, unit.kind.word())),
        ("Printed part", format!("{}, by job {}", unit.serial, unit.job)),
        ("Model", format!("revision {}, SHA-256 {}", unit.revision, unit.sha256)),
        ("Design approved by", unit.approval.as_ref().map_or_else(|| "nobody".into(), signed)),
        ("Released by", signed(&unit.release)),
    ];
    for (proof, place) in &unit.proofs {
        pairs.push((shown(*proof), place.clone()));
    }
    let missing: Vec<_> = unit.missing.iter().map(|proof| proof.in_words()).collect();
    if !missing.is_empty() {
        pairs.push(("No record", missing.join(", ")));
    }
    Section::pairs(&format!("{code}, unit {place}"), pairs)
}

fn shown(proof: Proof) -> &'static str {
    match proof {
        Proof::ImagingReviewed => "Images looked at",
        Proof::Segmentation => "Segmentation",
        Proof::CutPlanes => "Cutting planes",
        Proof::MatchedToAnatomy => "Fit to the anatomy",
        Proof::Material => "Material",
        Proof::UniqueIdentification => "Identification",
        Proof::DesignReview => "Design review",
        Proof::Photographs => "Photographs",
    }
}
