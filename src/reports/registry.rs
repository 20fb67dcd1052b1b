//! The export for the ACR-RSNA 3D Printing Registry: of each delivered case the fields that were found of its form
//! (medical-domain.md §2.1), de-identified. Takes a period (of the delivery), or `case`.
//!
//! De-identified means here: no identifier (none is in the lab), of dates the year alone, and no remark of a person; the
//! words that name anatomy, indication, service and material go through the guard one by one. The random token is in
//! it, so that a site finds its own case again. The registry's data dictionary was not reachable: names of the columns
//! are ours, and somebody enters them into the form.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use super::calendar::year_at;
use super::sheet::{Section, Table};
use super::words::{said, said_of, term};
use super::{Parameters, ReportError, Sources, facts};
use crate::counting::effort::{Bucket, CaseEffort};
use crate::domain::ids::{CaseToken, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::quality::assessment::{Answers as Seven, Assessment, Likert, Overall};
use crate::domain::quality::part::PartKind;

/// As many parts as the form takes.
pub const PARTS_MAX: usize = 20;
/// As many printed models.
pub const MODELS_MAX: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    pub part: u16,
    /// `anatomic_model` or `anatomic_guide`.
    pub object: &'static str,
    pub region: Option<String>,
    pub subregion: Option<String>,
    pub structure: Option<String>,
    pub laterality: Option<String>,
    pub dominant: bool,
    pub guide_type: Option<String>,
}

/// Parts that were printed by one machine, in one scale and one material: another of these is another model, and
/// copies are none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Model {
    pub printer: Option<PrinterName>,
    pub printer_model: Option<String>,
    pub material: Option<String>,
    /// Millionths of the anatomy's size.
    pub scale: Option<u32>,
    pub parts: BTreeSet<u16>,
}

/// One of the eight times, as three fields; all empty where nobody entered anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Time {
    pub who: &'static str,
    pub work: &'static str,
    pub hours: Option<u64>,
    pub minutes: Option<u64>,
    pub unknown: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answers {
    pub easy_to_use: Option<u8>,
    pub fits_approach: Option<u8>,
    pub plan_altered: Option<u8>,
    pub important: Option<u8>,
    pub quality_adequate: Option<u8>,
    pub confident_before: Option<u8>,
    pub confident_after: Option<u8>,
    pub minutes_saved: Option<i16>,
    pub measured: Option<bool>,
    pub used_in_procedure: Option<bool>,
    /// The whole in one word; the form has no field for it.
    pub overall: Option<Overall>,
}

impl Answers {
    pub fn of(said: &Assessment) -> Self {
        let answer = |of: fn(&Seven) -> Likert| said.answers.as_ref().map(|answers| of(answers).into());
        Self {
            easy_to_use: answer(|of| of.easy_to_use),
            fits_approach: answer(|of| of.fits_approach),
            plan_altered: answer(|of| of.plan_altered),
            important: answer(|of| of.important),
            quality_adequate: answer(|of| of.quality_adequate),
            confident_before: answer(|of| of.confident_before),
            confident_after: answer(|of| of.confident_after),
            minutes_saved: said.saved.map(|saved| saved.minutes),
            measured: said.saved.map(|saved| saved.measured),
            used_in_procedure: said.used_in_procedure,
            overall: said.overall,
        }
    }

    /// The form's seven are given all or none.
    fn has_seven(&self) -> bool {
        self.easy_to_use.is_some()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub case: CaseToken,
    pub delivered_year: Option<u16>,
    pub intended_use: String,
    pub indication: Option<String>,
    pub modality: Option<String>,
    pub service: Option<String>,
    pub appropriateness: Option<u8>,
    /// The dominant part first; coupons and holders are no anatomy.
    pub anatomy: Vec<Anatomy>,
    pub models: Vec<Model>,
    pub effort: Vec<Time>,
    pub answers: Option<Answers>,
    /// What the form has no room for.
    pub beyond_the_form: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registry {
    pub cases: Vec<Row>,
    /// Of these so many have an assessment …
    pub assessed: u64,
    /// … and so many the form's seven answers.
    pub answered: u64,
    /// Fields of the form that platen has no record of.
    pub not_captured: Vec<&'static str>,
}

const NOT_CAPTURED: [&str; 7] = [
    "how the digital modelling was performed",
    "purpose of the object beyond its intended use",
    "printer's manufacturer and technology (the registry keeps them by the printer's label)",
    "physical properties of the object (optical, colour)",
    "procedure that it was used for",
    "patient's age",
    "several modalities of one case",
];

impl Registry {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let window = of.window(parameters)?;
        let lab = of.lab;
        let wanted = lab.cases.keys().filter(|case| match &parameters.case {
            Some(only) => only == *case,
            None => window.has_some(facts::delivered(lab, case)),
        });
        let mut efforts = CaseEffort::by_case(&facts::efforts(lab));
        let cases: Vec<Row> =
            wanted.map(|case| row(of, case, &efforts.remove(case).unwrap_or_default())).collect();
        let assessed = cases.iter().filter(|row| row.answers.is_some()).count() as u64;
        let seven = |row: &&Row| row.answers.is_some_and(|answers| answers.has_seven());
        let answered = cases.iter().filter(seven).count() as u64;
        Ok(Self { cases, assessed, answered, not_captured: NOT_CAPTURED.to_vec() })
    }
}

fn row(of: Sources<'_>, case: &CaseToken, effort: &CaseEffort) -> Row {
    let lab = of.lab;
    let about = lab.quality.cases.get(case).and_then(|record| record.about.as_ref());
    let mut anatomy = anatomy(lab, case);
    let mut models = models(of, case);
    let mut beyond_the_form = Vec::new();
    if anatomy.len() > PARTS_MAX {
        beyond_the_form.push(format!("{} parts, and the form takes {PARTS_MAX}", anatomy.len()));
        anatomy.truncate(PARTS_MAX);
    }
    if models.len() > MODELS_MAX {
        beyond_the_form.push(format!("{} printed models, and the form takes {MODELS_MAX}", models.len()));
        models.truncate(MODELS_MAX);
    }
    let delivered = facts::delivered(lab, case);
    Row {
        case: case.clone(),
        delivered_year: delivered.and_then(|at| year_at(at, &of.site.zone)),
        intended_use: lab.cases.get(case).map(|case| term(&case.intended_use)).unwrap_or_default(),
        indication: about.and_then(|about| said_of(about.indication.as_ref())),
        modality: about.and_then(|about| said_of(about.modality.as_ref())),
        service: about.map(|about| said(about.service.as_str())),
        appropriateness: about.and_then(|about| about.appropriateness),
        anatomy,
        models,
        effort: Bucket::all()
            .map(|bucket| {
                let fields = effort.bucket(bucket).registry_fields();
                let known = fields.filter(|(.., unknown)| !unknown);
                Time {
                    who: bucket.who.word(),
                    work: bucket.work.word(),
                    hours: known.map(|(hours, ..)| hours),
                    minutes: known.map(|(_, minutes, _)| minutes),
                    unknown: fields.map(|(.., unknown)| unknown),
                }
            })
            .collect(),
        answers: lab.quality.assessments.get(case).map(|assessed| Answers::of(&assessed.assessment)),
        beyond_the_form,
    }
}

fn anatomy(lab: &Lab, case: &CaseToken) -> Vec<Anatomy> {
    let parts = lab.parts_of(case);
    let records = parts.iter().filter_map(|part| lab.quality.parts.get(&part.id));
    let mut anatomy: Vec<Anatomy> = records
        .filter_map(|record| {
            let about = &record.about;
            let object = match about.kind {
                PartKind::Component => "anatomic_model",
                PartKind::Guide => "anatomic_guide",
                PartKind::Holder | PartKind::Coupon => return None,
            };
            Some(Anatomy {
                part: record.number,
                object,
                region: said_of(about.region.as_ref()),
                subregion: said_of(about.subregion.as_ref()),
                structure: said_of(about.structure.as_ref()),
                laterality: about.laterality.as_ref().map(term),
                dominant: about.dominant,
                guide_type: said_of(about.guide_type.as_ref()),
            })
        })
        .collect();
    anatomy.sort_by_key(|part| (!part.dominant, part.part));
    anatomy
}

/// Of the released pieces.
fn models(of: Sources<'_>, case: &CaseToken) -> Vec<Model> {
    let lab = of.lab;
    type Made = (Option<PrinterName>, Option<String>, Option<u32>);
    let mut made: BTreeMap<Made, BTreeSet<u16>> = BTreeMap::new();
    for printed in lab.quality.printed_of(case).filter(|printed| printed.state.is_released()) {
        let kind = lab.quality.parts.get(&printed.part).map(|record| record.about.kind);
        if matches!(kind, Some(PartKind::Holder | PartKind::Coupon)) {
            continue;
        }
        let revision =
            printed.revision.and_then(|number| lab.quality.revisions.get(&(printed.part.clone(), number)));
        let key = (
            printed.printer.clone(),
            facts::material(lab, printed),
            revision.map(|revision| revision.of.scale),
        );
        made.entry(key).or_default().insert(printed.serial.part);
    }
    let model = |printer: &Option<PrinterName>| of.site.models.get(printer.as_ref()?).cloned().flatten();
    made.into_iter()
        .map(|((printer, material, scale), parts)| Model {
            printer_model: model(&printer),
            printer,
            material,
            scale,
            parts,
        })
        .collect()
}

fn text<T: ToString>(of: Option<&T>) -> String {
    of.map(ToString::to_string).unwrap_or_default()
}

impl Registry {
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::pairs(
            "What is exported",
            vec![
                ("Cases", self.cases.len().to_string()),
                ("With an assessment", format!("{} of {}", self.assessed, self.cases.len())),
                ("With the seven answers", format!("{} of {}", self.answered, self.cases.len())),
            ],
        )];
        let mut cases = Table::new(&[
            "Case",
            "Year",
            "Indication",
            "Modality",
            "Service",
            "Parts",
            "Models",
            "Effort",
            "Saved",
            "On the whole",
        ]);
        let mut beyond = Vec::new();
        for row in &self.cases {
            let parts: Vec<_> = row.anatomy.iter().map(shown).collect();
            let models: Vec<_> = row
                .models
                .iter()
                .map(|model| {
                    let parts: Vec<_> = model.parts.iter().map(u16::to_string).collect();
                    format!(
                        "parts {} in {} on {}",
                        parts.join(", "),
                        text(model.material.as_ref()),
                        text(model.printer.as_ref())
                    )
                })
                .collect();
            let known = row.effort.iter().filter(|time| time.minutes.is_some()).count();
            let saved = row.answers.and_then(|answers| answers.minutes_saved);
            let overall = row.answers.and_then(|answers| answers.overall);
            cases.row([
                row.case.to_string(),
                text(row.delivered_year.as_ref()),
                text(row.indication.as_ref()),
                text(row.modality.as_ref()),
                text(row.service.as_ref()),
                parts.join("; "),
                models.join("; "),
                format!("{known} of 8 times"),
                saved.map_or_else(|| "not said".into(), |minutes| format!("{minutes} min")),
                overall.map_or("not said", Overall::in_words).to_owned(),
            ]);
            beyond.extend(row.beyond_the_form.iter().map(|words| format!("case {}: {words}", row.case)));
        }
        sections.push(Section::table("Cases", cases));
        if !beyond.is_empty() {
            sections.push(Section::lines("More than the form takes", beyond));
        }
        let missing = self.not_captured.iter().map(|field| (*field).to_owned()).collect();
        sections.push(Section::lines("Fields of the form that platen has no record of", missing));
        sections
    }

    /// One row a case; as many columns of parts and models as the fullest case has.
    pub fn table(&self) -> Table {
        let parts = self.cases.iter().map(|row| row.anatomy.len()).max().unwrap_or(0);
        let models = self.cases.iter().map(|row| row.models.len()).max().unwrap_or(0);
        let mut table = Table::new(&[
            "case",
            "delivered_year",
            "intended_use",
            "indication",
            "modality",
            "ordering_service",
            "appropriateness",
        ]);
        for place in 1..=parts {
            let fields =
                ["object", "region", "subregion", "structure", "laterality", "dominant", "guide_type"];
            table.head.extend(fields.map(|field| format!("part_{place}_{field}")));
        }
        for place in 1..=models {
            let fields = ["printer_label", "printer_model", "material", "scale_percent", "parts"];
            table.head.extend(fields.map(|field| format!("model_{place}_{field}")));
        }
        for bucket in Bucket::all() {
            let fields = ["hours", "minutes", "unknown"];
            let name = format!("{}_{}", bucket.who.word(), bucket.work.word());
            table.head.extend(fields.map(|field| format!("{name}_{field}")));
        }
        const ANSWERS: [&str; 11] = [
            "easy_to_use",
            "fits_approach",
            "plan_altered",
            "important",
            "quality_adequate",
            "confident_before",
            "confident_after",
            "minutes_saved",
            "minutes_measured",
            "used_in_procedure",
            "overall",
        ];
        table.head.extend(ANSWERS.map(str::to_owned));
        for row in &self.cases {
            let mut cells = vec![
                row.case.to_string(),
                text(row.delivered_year.as_ref()),
                row.intended_use.clone(),
                text(row.indication.as_ref()),
                text(row.modality.as_ref()),
                text(row.service.as_ref()),
                text(row.appropriateness.as_ref()),
            ];
            for place in 0..parts {
                cells.extend(row.anatomy.get(place).map_or_else(
                    || vec![String::new(); 7],
                    |part| {
                        vec![
                            part.object.to_owned(),
                            text(part.region.as_ref()),
                            text(part.subregion.as_ref()),
                            text(part.structure.as_ref()),
                            text(part.laterality.as_ref()),
                            part.dominant.to_string(),
                            text(part.guide_type.as_ref()),
                        ]
                    },
                ));
            }
            for place in 0..models {
                cells.extend(row.models.get(place).map_or_else(
                    || vec![String::new(); 5],
                    |model| {
                        let parts: Vec<_> = model.parts.iter().map(u16::to_string).collect();
                        vec![
                            text(model.printer.as_ref()),
                            text(model.printer_model.as_ref()),
                            text(model.material.as_ref()),
                            model
                                .scale
                                .map(|scale| (f64::from(scale) / 10_000.0).to_string())
                                .unwrap_or_default(),
                            parts.join(" "),
                        ]
                    },
                ));
            }
            for time in &row.effort {
                cells.extend([
                    text(time.hours.as_ref()),
                    text(time.minutes.as_ref()),
                    text(time.unknown.as_ref()),
                ]);
            }
            match &row.answers {
                None => cells.extend(ANSWERS.map(|_| String::new())),
                Some(of) => cells.extend([
                    text(of.easy_to_use.as_ref()),
                    text(of.fits_approach.as_ref()),
                    text(of.plan_altered.as_ref()),
                    text(of.important.as_ref()),
                    text(of.quality_adequate.as_ref()),
                    text(of.confident_before.as_ref()),
                    text(of.confident_after.as_ref()),
                    text(of.minutes_saved.as_ref()),
                    text(of.measured.as_ref()),
                    text(of.used_in_procedure.as_ref()),
                    of.overall.as_ref().map(term).unwrap_or_default(),
                ]),
            }
            table.rows.push(cells);
        }
        table
    }
}

/// `Head / Skull base / Bone / right`
fn shown(part: &Anatomy) -> String {
    let laterality = part.laterality.as_ref();
    let words = [part.region.as_ref(), part.subregion.as_ref(), part.structure.as_ref(), laterality];
    let words: Vec<_> = words.into_iter().flatten().cloned().collect();
    format!("{}: {}", part.part, if words.is_empty() { "not described".into() } else { words.join(" / ") })
}
