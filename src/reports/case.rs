//! The case record: the history of a device, from what was asked for to what was delivered and how it served.
//!
//! It has what a device history record asks for (medical-domain.md §3.3): dates of manufacture, how many were made and
//! how many released, the acceptance records, identification and control numbers of each piece; and beside them the
//! signatures, the effort, the assessment, and the case's part of the journal. Takes `case`.

use serde::Serialize;
use std::collections::BTreeMap;

use super::facts;
use super::past::{Entry, MadeBy, Past};
use super::registry::Answers;
use super::sheet::{Section, Shot, Table};
use super::words::{grams, plain, said, said_of, tag, term, yes};
use super::{Parameters, ReportError, Sources};
use crate::counting::effort::{Bucket, CaseEffort, Known};
use crate::counting::money::{Currency, Money};
use crate::domain::ids::{CaseToken, FileHash, JobId, PrinterName};
use crate::domain::job::{JobState, Outcome};
use crate::domain::lab::Lab;
use crate::domain::quality::assessment::Overall;
use crate::domain::quality::inspection::Subject as Inspected;
use crate::domain::quality::nonconformance::NonconformanceState;
use crate::domain::quality::printed::{Acceptance, PrintedPart, PrintedState};
use crate::domain::quality::signature::Subject;

/// What was ordered. Not by whom and not until when: that may be a surgeon, and the day of a surgery.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ordered {
    pub kind: String,
    pub service: String,
    pub indication: Option<String>,
    pub modality: Option<String>,
    pub priority: String,
    pub appropriateness: Option<u8>,
    /// What was agreed that its parts have to be like to be taken.
    pub acceptance: Option<String>,
}

/// What was ordered of one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderedOf {
    /// Millionths of the anatomy's size.
    pub scale: Option<u32>,
    pub material: Option<String>,
    pub colour: Option<String>,
    pub quantity: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RevisionOf {
    pub number: u16,
    pub state: &'static str,
    pub model_sha256: FileHash,
    pub format: String,
    pub unit: String,
    /// Millionths of the anatomy's size.
    pub scale: u32,
    pub extents_mm: [f64; 3],
    pub triangles: u64,
    pub mirrored: bool,
    pub modified: bool,
    pub segmented_with: Option<String>,
    pub author: Option<String>,
    pub by: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartOf {
    pub number: u16,
    pub name: String,
    pub kind: Option<String>,
    pub region: Option<String>,
    pub subregion: Option<String>,
    pub structure: Option<String>,
    pub laterality: Option<String>,
    pub required: bool,
    pub individually_segmented: bool,
    pub individually_processed: bool,
    pub guide_type: Option<String>,
    pub contact: Option<String>,
    pub ordered: Option<OrderedOf>,
    pub revisions: Vec<RevisionOf>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LotOf {
    pub lot: String,
    pub material: String,
    pub supplier_lot: String,
    pub expires: String,
    pub status: &'static str,
    pub used_milligrams: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepOf {
    pub number: u16,
    pub kind: String,
    pub recipe: Option<String>,
    pub minutes: Option<u16>,
    pub equipment: Option<String>,
    pub by: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemOf {
    pub name: String,
    pub unit: String,
    /// Thousandths of the unit, as the next three.
    pub nominal: i32,
    pub low: i32,
    pub high: i32,
    pub value: Option<i32>,
    pub verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InspectionOf {
    pub id: String,
    pub subject: &'static str,
    pub template: String,
    pub template_version: u16,
    pub method: Option<String>,
    pub instrument: Option<String>,
    pub instrument_due: Option<String>,
    pub items: Vec<ItemOf>,
    pub looked_at: Vec<String>,
    pub photos: Vec<FileHash>,
    pub verdict: &'static str,
    /// Whether it counts: none before a rework or a quarantine does.
    pub counts: bool,
    pub note: Option<String>,
    pub by: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobOf {
    pub job: JobId,
    pub file_sha256: FileHash,
    pub printer: Option<PrinterName>,
    pub started: Option<String>,
    pub ended: Option<String>,
    pub outcome: String,
    pub exact: Option<bool>,
    /// All pieces that it laid on the bed, where that were several.
    pub build: Vec<String>,
    pub process: Option<String>,
    pub profile: Option<String>,
    pub slicer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PieceOf {
    pub serial: String,
    pub part: u16,
    pub attempt: u32,
    pub state: &'static str,
    pub why: Option<String>,
    pub revision: Option<u16>,
    /// The process by which its case was produced when its print began.
    pub made_by: Option<String>,
    pub confirmed_sha256: Option<FileHash>,
    pub started: Option<String>,
    pub ended: Option<String>,
    pub doubts: Vec<&'static str>,
    pub jobs: Vec<JobOf>,
    pub lots: Vec<LotOf>,
    pub operators: Vec<String>,
    pub processing: Vec<StepOf>,
    pub inspections: Vec<InspectionOf>,
    pub accepted_by: Option<String>,
    pub reworks: u16,
    pub replaces: Option<String>,
    pub look_backs: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SignatureOf {
    pub number: u32,
    pub meaning: String,
    pub of: String,
    pub sha256: FileHash,
    pub proof: String,
    pub by: String,
    /// Their name in full as it was then, where people are set up.
    pub printed_name: Option<String>,
    pub at: String,
    pub voided: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultOf {
    pub id: String,
    pub serial: Option<String>,
    pub cause: String,
    pub severity: String,
    pub what: String,
    pub state: &'static str,
    pub disposition: Option<&'static str>,
    pub why: Option<String>,
    pub decided_by: Option<String>,
    pub by: String,
    pub at: String,
    pub closed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffortOf {
    pub who: String,
    pub work: String,
    #[serde(flatten)]
    pub known: Known,
}

/// What somebody noted that it has cost, in minor units of the site's currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostOf {
    pub number: u32,
    pub kind: &'static str,
    pub amount: Money,
    pub what: String,
    pub by: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AssessmentOf {
    #[serde(flatten)]
    pub answers: Answers,
    pub respondent: String,
    pub comment: Option<String>,
    pub at: String,
}

/// By what it is made: the version that was in the site's catalogue when its production began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessOf {
    pub name: String,
    /// Nothing from here on where the site's catalogue did not have it, or it was begun by an earlier platen.
    pub version: Option<u32>,
    /// Of its definition in the catalogue.
    pub sha256: Option<FileHash>,
    pub since: Option<String>,
    pub printer_model: Option<String>,
    pub material: Option<String>,
    pub layer_micrometres: Option<u32>,
    pub profile: Option<String>,
    pub slicer: Option<String>,
    pub validated_for: Option<Vec<String>>,
}

/// How many pieces there were; a piece that was taken back is not released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantities {
    /// Prints that have begun.
    pub begun: u64,
    /// Those that came to their end.
    pub made: u64,
    pub released: u64,
    pub scrapped: u64,
    pub failed: u64,
    pub recalled: u64,
    pub in_quarantine: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseRecord {
    pub case: CaseToken,
    pub intended_use: String,
    pub state: &'static str,
    pub opened: String,
    pub ordered: Option<Ordered>,
    /// When it first came into each state.
    pub reached: BTreeMap<String, String>,
    pub process: Option<ProcessOf>,
    /// From the first print's beginning to the last one's end.
    pub made_from: Option<String>,
    pub made_to: Option<String>,
    pub quantities: Quantities,
    pub parts: Vec<PartOf>,
    pub pieces: Vec<PieceOf>,
    pub signatures: Vec<SignatureOf>,
    pub nonconformances: Vec<FaultOf>,
    pub effort: Vec<EffortOf>,
    pub costs: Vec<CostOf>,
    /// Absent where the site has no rates.
    pub currency: Option<Currency>,
    pub assessment: Option<AssessmentOf>,
    pub messages: u64,
    pub entries: Vec<Entry>,
}

impl CaseRecord {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let (lab, quality) = (of.lab, &of.lab.quality);
        let Some(known) = parameters.case.as_ref().and_then(|case| lab.cases.get(case)) else {
            return Err(ReportError::Needs { kind: super::Kind::Case, needs: "one case" });
        };
        if of.past.untold > 0 {
            return Err(ReportError::TooLong { untold: of.past.untold, max: super::past::TOLD_MAX });
        }
        let case = &known.token;
        let record = quality.cases.get(case);
        let jobs = facts::jobs(lab);
        let mut parts = lab.parts_of(case);
        parts.sort_by_key(|part| part.number);
        let printed: Vec<&PrintedPart> = quality.printed_of(case).collect();
        let effort = facts::efforts(lab);
        let effort = CaseEffort::by_case(effort.iter().filter(|entry| entry.case == *case));
        let effort = effort.get(case).cloned().unwrap_or_default();
        let faults = quality.nonconformances.values().filter(|of| of.case() == Some(case));
        Ok(Self {
            case: case.clone(),
            intended_use: term(&known.intended_use),
            state: quality.case_state(case).word(),
            opened: known.opened.to_string(),
            ordered: record.and_then(|record| record.about.as_ref()).map(|about| Ordered {
                kind: term(&about.kind),
                service: said(about.service.as_str()),
                indication: said_of(about.indication.as_ref()),
                modality: said_of(about.modality.as_ref()),
                priority: term(&about.priority),
                appropriateness: about.appropriateness,
                acceptance: said_of(about.acceptance.as_ref()),
            }),
            reached: record
                .into_iter()
                .flat_map(|record| &record.reached)
                .map(|(state, at)| (state.clone(), at.to_string()))
                .collect(),
            process: process(lab, case),
            made_from: printed.iter().filter_map(|of| of.started).min().map(|at| at.to_string()),
            made_to: printed.iter().filter_map(|of| of.ended).max().map(|at| at.to_string()),
            quantities: quantities(&printed),
            parts: parts.into_iter().map(|of| part(lab, of)).collect(),
            pieces: printed.iter().map(|printed| piece(lab, &jobs, of.past, printed)).collect(),
            signatures: quality
                .signatures_of(case)
                .map(|signature| SignatureOf {
                    number: signature.number,
                    meaning: term(&signature.meaning),
                    of: match &signature.subject {
                        Subject::Design => "the design".into(),
                        Subject::Part { serial } => format!("printed part {serial}"),
                        Subject::Case => "the case".into(),
                        Subject::Concession { nonconformance } => format!("nonconformance {nonconformance}"),
                    },
                    sha256: signature.digest.clone(),
                    proof: term(&signature.proof),
                    by: signature.by.clone(),
                    printed_name: signature.printed_name.as_ref().map(ToString::to_string),
                    at: signature.at.to_string(),
                    voided: signature.voided.as_ref().map(|voided| voided.at.to_string()),
                })
                .collect(),
            nonconformances: faults.map(fault).collect(),
            effort: Bucket::all()
                .map(|bucket| EffortOf {
                    who: bucket.who.word().into(),
                    work: bucket.work.word().into(),
                    known: effort.bucket(bucket),
                })
                .collect(),
            costs: quality
                .costs_of(case)
                .map(|entry| CostOf {
                    number: entry.number,
                    kind: entry.cost.kind.word(),
                    amount: Money(i64::from(entry.cost.amount)),
                    what: said(entry.cost.what.as_str()),
                    by: entry.by.clone(),
                    at: entry.at.to_string(),
                })
                .collect(),
            currency: of.site.rates.as_ref().map(|rates| rates.currency().clone()),
            assessment: quality.assessments.get(case).map(|assessed| AssessmentOf {
                answers: Answers::of(&assessed.assessment),
                respondent: said(assessed.assessment.respondent.as_str()),
                comment: said_of(assessed.assessment.comment.as_ref()),
                at: assessed.at.to_string(),
            }),
            messages: quality.messages.range((case.clone(), 0)..=(case.clone(), u32::MAX)).count() as u64,
            entries: of.past.told.clone(),
        })
    }
}

fn process(lab: &Lab, case: &CaseToken) -> Option<ProcessOf> {
    let state = lab.quality.case_state(case);
    let made = state.made()?;
    let known = lab.quality.process_of(made.process.as_str(), made.version);
    let of = known.map(|known| &known.process);
    Some(ProcessOf {
        name: said(made.process.as_str()),
        version: made.version,
        sha256: of.map(|of| of.sha256.clone()),
        since: known.map(|known| known.since.to_string()),
        printer_model: of.map(|of| of.printer_model.to_string()),
        material: of.map(|of| said(of.material.as_str())),
        layer_micrometres: of.and_then(|of| of.layer_micrometres),
        profile: of.map(|of| {
            format!("{} version {} ({})", said(of.profile.as_str()), of.profile_version, of.profile_sha256)
        }),
        slicer: of.map(|of| said(&format!("{} {}", of.slicer, of.slicer_version))),
        validated_for: of.map(|of| of.validated_for.iter().map(term).collect()),
    })
}

fn of_process(of: &ProcessOf) -> Section {
    let Some(version) = of.version else {
        return Section::pairs("How it is made", vec![("Process", of.name.clone())])
            .noted("No version of it is on record: it was not in the site's catalogue of processes.");
    };
    let layer = of
        .layer_micrometres
        .map(|micrometres| format!("{}.{:03} mm", micrometres / 1_000, micrometres % 1_000));
    let uses = of.validated_for.as_ref().map(|uses| match uses.is_empty() {
        true => "nothing: to be tried out only".into(),
        false => uses.join(", "),
    });
    Section::pairs(
        "How it is made",
        vec![
            ("Process", format!("{} version {version}", of.name)),
            ("Since (UTC)", of.since.as_deref().map(short).unwrap_or_default()),
            ("Printer's model", or_none(of.printer_model.as_ref())),
            ("Material", or_none(of.material.as_ref())),
            ("Layers", or_none(layer.as_ref())),
            ("Profile", or_none(of.profile.as_ref())),
            ("Slicer", or_none(of.slicer.as_ref())),
            ("Validated for", or_none(uses.as_ref())),
            ("SHA-256 of its definition", of.sha256.as_ref().map(ToString::to_string).unwrap_or_default()),
        ],
    )
}

fn quantities(printed: &[&PrintedPart]) -> Quantities {
    let mut of = Quantities::default();
    for printed in printed {
        of.begun += u64::from(printed.started.is_some());
        of.made += u64::from(printed.digest.is_some());
        of.released += u64::from(printed.state.is_released());
        match printed.state {
            PrintedState::Scrapped { .. } => of.scrapped += 1,
            PrintedState::Failed { .. } => of.failed += 1,
            PrintedState::Recalled { .. } => of.recalled += 1,
            PrintedState::Quarantined { .. } => of.in_quarantine += 1,
            _ => {}
        }
    }
    of
}

fn part(lab: &Lab, part: &crate::domain::part::Part) -> PartOf {
    let about = lab.quality.parts.get(&part.id).map(|record| &record.about);
    let revisions = lab.quality.revisions.range((part.id.clone(), 0)..=(part.id.clone(), u16::MAX));
    PartOf {
        number: part.number,
        name: said(part.name.as_str()),
        kind: about.map(|about| term(&about.kind)),
        region: about.and_then(|about| said_of(about.region.as_ref())),
        subregion: about.and_then(|about| said_of(about.subregion.as_ref())),
        structure: about.and_then(|about| said_of(about.structure.as_ref())),
        laterality: about.and_then(|about| about.laterality.as_ref().map(term)),
        required: about.is_none_or(|about| about.required),
        individually_segmented: about.is_some_and(|about| about.individually_segmented),
        individually_processed: about.is_some_and(|about| about.individually_processed),
        guide_type: about.and_then(|about| said_of(about.guide_type.as_ref())),
        contact: about.map(|about| term(&about.contact)),
        ordered: about.and_then(|about| about.ordered.as_ref()).map(|ordered| OrderedOf {
            scale: ordered.scale.map(Into::into),
            material: said_of(ordered.material.as_ref()),
            colour: said_of(ordered.colour.as_ref()),
            quantity: ordered.quantity.into(),
        }),
        revisions: revisions
            .map(|(_, revision)| RevisionOf {
                number: revision.number,
                state: revision.state.word(),
                model_sha256: revision.of.mesh.clone(),
                format: said(revision.of.format.as_str()),
                unit: revision.of.unit.to_string(),
                scale: revision.of.scale,
                extents_mm: revision.of.extents.map(|extent| extent.mm()),
                triangles: revision.of.triangles,
                mirrored: revision.of.mirrored,
                modified: revision.of.modified,
                segmented_with: said_of(revision.of.software.as_ref()),
                author: said_of(revision.of.author.as_ref()),
                by: revision.by.clone(),
                at: revision.at.to_string(),
            })
            .collect(),
    }
}

fn job(lab: &Lab, job: &crate::domain::job::Job) -> JobOf {
    let (run, chain) = (job.state.run(), lab.chains.get(&job.id));
    let (ended, exact) = match &job.state {
        JobState::Ended { ended, outcome, .. } => match outcome {
            Outcome::Printed { exact, .. } => (Some(*ended), Some(*exact)),
            _ => (Some(*ended), None),
        },
        _ => (None, None),
    };
    JobOf {
        job: job.id.clone(),
        file_sha256: job.file.clone(),
        printer: run.map(|run| run.printer.clone()),
        started: run.map(|run| run.started.to_string()),
        ended: ended.map(|at| at.to_string()),
        outcome: job.state.word().into(),
        exact,
        build: lab.quality.build_of(lab, job),
        process: chain.map(|chain| said(&chain.process)),
        profile: chain.map(|chain| {
            format!(
                "{} version {} ({})",
                said(&chain.profile.name),
                chain.profile.version,
                chain.profile.hash
            )
        }),
        slicer: chain.map(|chain| said(&format!("{} {}", chain.slicer.name, chain.slicer.version))),
    }
}

fn why(state: &PrintedState) -> Option<String> {
    match state {
        PrintedState::Rejected { why }
        | PrintedState::Scrapped { why }
        | PrintedState::Recalled { why, .. } => Some(said(why.as_str())),
        PrintedState::Failed { how } => Some(plain(how)),
        PrintedState::Quarantined { cause, from } => {
            Some(format!("{}; it was {}", tag(cause, "cause").replace('_', " "), from.word()))
        }
        PrintedState::SterilisationHandover { cycle, .. } => Some(said(cycle.as_str())),
        _ => None,
    }
}

/// As people read it.
fn made_by(made: &MadeBy) -> String {
    let process = said(made.process.as_str());
    made.version.map_or_else(|| process.clone(), |version| format!("{process} version {version}"))
}

fn piece(lab: &Lab, jobs: &facts::Jobs<'_>, past: &Past, printed: &PrintedPart) -> PieceOf {
    let serial = &printed.serial;
    let quality = &lab.quality;
    let lots = printed.lots.iter().map(|id| {
        let used = printed.used.iter().filter(|used| used.lot == *id).map(|used| used.milligrams);
        let lot = quality.lots.get(id);
        LotOf {
            lot: id.to_string(),
            material: lot.map_or_else(String::new, |lot| said(lot.about.material.as_str())),
            supplier_lot: lot.map_or_else(String::new, |lot| said(lot.about.supplier_lot.as_str())),
            expires: lot.map_or_else(String::new, |lot| lot.about.expires.to_string()),
            status: lot.map_or("not known", |lot| {
                if lot.recalled.is_some() { "recalled" } else { lot.state.word() }
            }),
            used_milligrams: used.reduce(|sum, more| sum + more),
        }
    });
    let processing = quality.processed.range((serial.clone(), 0)..=(serial.clone(), u16::MAX));
    let of_it = quality.inspections.values().filter(|inspection| match &inspection.measured.subject {
        Inspected::Part { serial: of } | Inspected::Coupon { serial: of } => of == serial,
        Inspected::Phantom { .. } => false,
    });
    let mut inspections: Vec<_> = of_it.collect();
    inspections.sort_by_key(|inspection| inspection.order());
    PieceOf {
        serial: serial.to_string(),
        part: serial.part,
        attempt: serial.attempt,
        state: printed.state.word(),
        why: why(&printed.state),
        revision: printed.revision,
        made_by: past.made_by.get(serial).map(made_by),
        confirmed_sha256: printed.digest.clone(),
        started: printed.started.map(|at| at.to_string()),
        ended: printed.ended.map(|at| at.to_string()),
        doubts: printed.doubts.iter().map(|doubt| doubt.in_words()).collect(),
        jobs: jobs
            .get(&(&printed.part, serial.attempt))
            .into_iter()
            .flatten()
            .map(|of| job(lab, of))
            .collect(),
        lots: lots.collect(),
        operators: printed.operators.iter().cloned().collect(),
        processing: processing
            .map(|(_, step)| StepOf {
                number: step.number,
                kind: term(&step.processing.kind),
                recipe: said_of(step.processing.recipe.as_ref()),
                minutes: step.processing.minutes,
                equipment: said_of(step.processing.equipment.as_ref()),
                by: step.by.clone(),
                at: step.at.to_string(),
            })
            .collect(),
        inspections: inspections
            .into_iter()
            .map(|inspection| self::inspection(lab, inspection, printed))
            .collect(),
        accepted_by: printed.accepted.as_ref().map(|accepted| match accepted {
            Acceptance::Inspection { id, why } => {
                let why = why.as_ref().map(|why| format!(": {}", said(why.as_str()))).unwrap_or_default();
                format!("inspection {id}{why}")
            }
            Acceptance::Concession { nonconformance } => format!("nonconformance {nonconformance}, as it is"),
        }),
        reworks: printed.reworks,
        replaces: printed.replaces.as_ref().map(ToString::to_string),
        look_backs: printed.lookbacks.iter().map(|of| tag(of, "because")).collect(),
    }
}

fn inspection(
    lab: &Lab,
    inspection: &crate::domain::quality::inspection::Inspection,
    printed: &PrintedPart,
) -> InspectionOf {
    let (measured, found) = (&inspection.measured, &inspection.found);
    let template = lab.quality.templates.get(&(measured.template.clone(), measured.version));
    let items = template.map(|template| template.items.as_slice()).unwrap_or_default();
    InspectionOf {
        id: inspection.id.to_string(),
        subject: if matches!(measured.subject, Inspected::Coupon { .. }) { "its coupon" } else { "the part" },
        template: measured.template.to_string(),
        template_version: measured.version,
        method: template.map(|template| term(&template.method)),
        instrument: measured.instrument.as_ref().map(ToString::to_string),
        instrument_due: found.instrument_due.map(|day| day.to_string()),
        items: items
            .iter()
            .enumerate()
            .map(|(place, item)| ItemOf {
                name: said(item.name.as_str()),
                unit: term(&item.unit),
                nominal: item.nominal,
                low: item.low,
                high: item.high,
                value: measured.values.get(place).copied().flatten(),
                verdict: found.items.get(place).map_or("incomplete", |verdict| verdict.word()),
            })
            .collect(),
        looked_at: measured.looked_at.iter().map(|doubt| doubt.in_words().to_owned()).collect(),
        photos: measured.photos.clone(),
        verdict: found.verdict.word(),
        counts: printed.inspections.contains(&inspection.id),
        note: said_of(measured.note.as_ref()),
        by: inspection.by.clone(),
        at: inspection.at.to_string(),
    }
}

pub(super) fn fault(of: &crate::domain::quality::nonconformance::Nonconformance) -> FaultOf {
    let (decision, closed) = match &of.state {
        NonconformanceState::Open => (None, None),
        NonconformanceState::Disposed { decision } => (Some(decision.as_ref()), None),
        NonconformanceState::Closed { decision, at, .. } => (decision.as_deref(), Some(at.to_string())),
    };
    FaultOf {
        id: of.id.to_string(),
        serial: of.serial().map(ToString::to_string),
        cause: term(&of.cause),
        severity: term(&of.severity),
        what: said(of.what.as_str()),
        state: of.state.word(),
        disposition: decision.map(|decision| decision.disposition.word()),
        why: decision.map(|decision| said(decision.why.as_str())),
        decided_by: decision.map(|decision| decision.by.clone()),
        by: of.by.clone(),
        at: of.at.to_string(),
        closed,
    }
}

/// Where a state stands on the usual way of a case: for states that were reached in the same moment.
fn place(state: &str) -> usize {
    const WAY: [&str; 14] = [
        "a draft",
        "requested",
        "accepted",
        "being designed",
        "awaiting approval",
        "approved",
        "in production",
        "in quality control",
        "in rework",
        "released",
        "delivered",
        "used",
        "assessed",
        "closed",
    ];
    WAY.iter().position(|known| *known == state).unwrap_or(WAY.len())
}

/// RFC 3339 as tables show it.
pub(super) fn short(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}

pub(super) fn or_none(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "–".into())
}

/// Millionths as tables show them.
fn percent(scale: u32) -> String {
    format!("{} %", f64::from(scale) / 10_000.0)
}

fn ordered(of: &OrderedOf) -> String {
    let mut words = vec![format!("{} of it", of.quantity)];
    words.extend(of.scale.map(|scale| format!("at {}", percent(scale))));
    words.extend(of.material.as_ref().map(|material| format!("in {material}")));
    words.extend(of.colour.as_ref().map(|colour| format!("coloured {colour}")));
    words.join(", ")
}

/// Who signed, with the name that stands for them in full.
pub(super) fn signer(by: &str, printed_name: Option<&String>) -> String {
    printed_name.map_or_else(|| by.to_owned(), |printed| format!("{by} ({printed})"))
}

/// An amount; a site without rates has no currency.
pub(super) fn money(currency: Option<&Currency>, amount: Money) -> String {
    currency.map_or_else(|| format!("{} minor units", amount.0), |currency| currency.show(amount))
}

fn thousandths(value: i32) -> String {
    format!("{:.3}", f64::from(value) / 1_000.0)
}

fn known(known: Known) -> String {
    match known {
        Known::Missing => "nothing entered".into(),
        Known::Minutes { minutes } => format!("{minutes} min"),
        Known::Unknown { at_least } => format!("unknown, at least {at_least} min"),
    }
}

impl CaseRecord {
    pub fn sections(&self) -> Vec<Section> {
        let of = &self.quantities;
        let dates = match (&self.made_from, &self.made_to) {
            (Some(from), Some(to)) => format!("{} to {} UTC", short(from), short(to)),
            (Some(from), None) => format!("from {} UTC on", short(from)),
            _ => "nothing has been printed".into(),
        };
        let mut pairs = vec![
            ("Case", self.case.to_string()),
            ("State", self.state.to_owned()),
            ("Intended use", self.intended_use.clone()),
            ("Opened (UTC)", short(&self.opened)),
        ];
        if let Some(ordered) = &self.ordered {
            pairs.extend([
                ("Ordered", ordered.kind.clone()),
                ("Service", ordered.service.clone()),
                ("Indication", or_none(ordered.indication.as_ref())),
                ("Imaged with", or_none(ordered.modality.as_ref())),
                ("Priority", ordered.priority.clone()),
            ]);
            pairs.extend(ordered.acceptance.clone().map(|agreed| ("Agreed to be taken", agreed)));
        }
        pairs.extend([
            ("Made", dates),
            (
                "Pieces",
                format!(
                    "{} begun, {} made, {} released, {} scrapped, {} failed, {} recalled, {} in quarantine",
                    of.begun, of.made, of.released, of.scrapped, of.failed, of.recalled, of.in_quarantine
                ),
            ),
        ]);
        let mut sections = vec![Section::pairs("The case", pairs)];
        let mut reached = Table::new(&["State", "First reached (UTC)"]);
        let mut in_order: Vec<_> = self.reached.iter().collect();
        in_order.sort_by_key(|(state, at)| ((*at).clone(), place(state)));
        in_order.into_iter().for_each(|(state, at)| reached.row([state.clone(), short(at)]));
        sections.push(Section::table("Its way", reached));
        sections.extend(self.process.as_ref().map(of_process));
        sections.extend(self.of_parts());
        self.pieces.iter().for_each(|piece| sections.extend(of_piece(piece)));
        let mut signed = Table::new(&[
            "No.",
            "Meaning",
            "Of",
            "By",
            "At (UTC)",
            "Shown by",
            "SHA-256 of what was signed",
            "Holds",
        ]);
        for signature in &self.signatures {
            let holds = signature
                .voided
                .as_ref()
                .map_or_else(|| "yes".into(), |at| format!("void since {}", short(at)));
            signed.row([
                signature.number.to_string(),
                signature.meaning.replace('_', " "),
                signature.of.clone(),
                signer(&signature.by, signature.printed_name.as_ref()),
                short(&signature.at),
                signature.proof.clone(),
                signature.sha256.to_string(),
                holds,
            ]);
        }
        sections.push(Section::table("Signatures", signed));
        if !self.nonconformances.is_empty() {
            sections.push(Section::table("Nonconformances", faults(&self.nonconformances)));
        }
        let mut effort = Table::new(&["Who", "Work", "Time"]);
        for bucket in &self.effort {
            let (who, work) = (bucket.who.replace('_', " "), bucket.work.replace('_', " "));
            effort.row([who, work, known(bucket.known)]);
        }
        sections.push(Section::table("Effort", effort));
        sections.extend((!self.costs.is_empty()).then(|| self.of_costs()));
        sections.extend(self.assessment.as_ref().map(of_assessment));
        sections.push(entries("What the journal tells", &self.entries));
        sections
    }

    fn of_costs(&self) -> Section {
        let mut table = Table::new(&["No.", "Kind", "Amount", "What it was for", "By", "At (UTC)"]);
        for cost in &self.costs {
            table.row([
                cost.number.to_string(),
                cost.kind.to_owned(),
                money(self.currency.as_ref(), cost.amount),
                cost.what.clone(),
                cost.by.clone(),
                short(&cost.at),
            ]);
        }
        Section::table("Costs that people noted", table)
            .noted("What the rates of the site tell is in the value report.")
    }

    fn of_parts(&self) -> Vec<Section> {
        let mut parts = Table::new(&[
            "Part",
            "Name",
            "Kind",
            "Region",
            "Structure",
            "Side",
            "Required",
            "By itself",
            "Ordered",
        ]);
        let mut revisions = Table::new(&[
            "Part",
            "Rev.",
            "State",
            "Model SHA-256",
            "Unit",
            "Scale",
            "Size (mm)",
            "Remarks",
            "By",
            "At (UTC)",
        ]);
        for part in &self.parts {
            let region = [&part.region, &part.subregion].into_iter().flatten().cloned().collect::<Vec<_>>();
            let alone = match (part.individually_segmented, part.individually_processed) {
                (true, true) => "segmented and processed",
                (true, false) => "segmented",
                (false, true) => "processed",
                (false, false) => "–",
            };
            parts.row([
                part.number.to_string(),
                part.name.clone(),
                or_none(part.kind.as_ref()),
                if region.is_empty() { "–".into() } else { region.join(", ") },
                or_none(part.structure.as_ref()),
                or_none(part.laterality.as_ref()),
                yes(part.required),
                alone.to_owned(),
                part.ordered.as_ref().map_or_else(|| "–".into(), ordered),
            ]);
            for revision in &part.revisions {
                let mut remarks = Vec::new();
                remarks.extend(revision.mirrored.then_some("MIRRORED".to_owned()));
                remarks.extend(revision.modified.then_some("modified".to_owned()));
                remarks.extend(revision.segmented_with.as_ref().map(|with| format!("segmented with {with}")));
                let [x, y, z] = revision.extents_mm;
                revisions.row([
                    part.number.to_string(),
                    revision.number.to_string(),
                    revision.state.to_owned(),
                    revision.model_sha256.to_string(),
                    revision.unit.clone(),
                    percent(revision.scale),
                    format!("{x:.1} × {y:.1} × {z:.1}"),
                    remarks.join(", "),
                    revision.by.clone(),
                    short(&revision.at),
                ]);
            }
        }
        vec![Section::table("Parts", parts), Section::table("Revisions", revisions)]
    }

    /// The photos of its inspections, in the order in which the page shows them.
    pub fn photos(&self) -> impl Iterator<Item = &FileHash> {
        let inspections = self.pieces.iter().flat_map(|piece| &piece.inspections);
        inspections.flat_map(|inspection| &inspection.photos)
    }

    /// What happened, a line an entry of the journal.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["entry", "at_utc", "who", "what", "entry_sha256"]);
        for Entry { seq, at, who, what, hash } in &self.entries {
            table.row([seq.to_string(), at.clone(), who.clone(), what.clone(), hash.clone()]);
        }
        table
    }
}

pub(super) fn faults(of: &[FaultOf]) -> Table {
    let mut table = Table::new(&[
        "Nonconformance",
        "Of",
        "Cause",
        "Severity",
        "What",
        "State",
        "Decision",
        "By",
        "Opened (UTC)",
        "Closed (UTC)",
    ]);
    for fault in of {
        let decision = fault.disposition.map(|word| {
            let by = fault.decided_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = fault.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{word}{by}{why}")
        });
        table.row([
            fault.id.clone(),
            or_none(fault.serial.as_ref()),
            fault.cause.replace('_', " "),
            fault.severity.clone(),
            fault.what.clone(),
            fault.state.to_owned(),
            or_none(decision.as_ref()),
            fault.by.clone(),
            short(&fault.at),
            fault.closed.as_deref().map(short).unwrap_or_else(|| "open".into()),
        ]);
    }
    table
}

pub(super) fn entries(title: &str, entries: &[Entry]) -> Section {
    let mut table = Table::new(&["Entry", "At (UTC)", "Who", "What"]);
    for Entry { seq, at, who, what, .. } in entries {
        table.row([seq.to_string(), short(at), who.clone(), what.clone()]);
    }
    Section::table(title, table)
}

fn of_piece(piece: &PieceOf) -> Vec<Section> {
    let mut pairs = vec![
        ("State", piece.state.to_owned()),
        ("Revision", piece.revision.map_or_else(|| "not known".into(), |number| number.to_string())),
        (
            "Printed (UTC)",
            match (&piece.started, &piece.ended) {
                (Some(from), Some(to)) => format!("{} to {}", short(from), short(to)),
                (Some(from), None) => format!("since {}", short(from)),
                _ => "not begun".into(),
            },
        ),
        ("Hands on it", piece.operators.join(", ")),
    ];
    let optional = [
        ("Made by process", piece.made_by.clone()),
        ("Why", piece.why.clone()),
        ("Doubts", (!piece.doubts.is_empty()).then(|| piece.doubts.join("; "))),
        ("Confirmed by the printer, SHA-256", piece.confirmed_sha256.as_ref().map(ToString::to_string)),
        ("Accepted by", piece.accepted_by.clone()),
        ("In place of", piece.replaces.clone()),
        ("Reworked", (piece.reworks > 0).then(|| format!("{} times", piece.reworks))),
        (
            "Looked back on",
            (!piece.look_backs.is_empty()).then(|| piece.look_backs.join(", ").replace('_', " ")),
        ),
    ];
    pairs.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value?))));
    let mut sections = vec![Section::pairs(&format!("Printed part {}", piece.serial), pairs)];
    let mut jobs = Table::new(&[
        "Job",
        "Printer",
        "Began (UTC)",
        "Ended (UTC)",
        "Outcome",
        "Exact",
        "File SHA-256",
        "Process",
    ]);
    for job in &piece.jobs {
        jobs.row([
            job.job.to_string(),
            job.printer.as_ref().map(ToString::to_string).unwrap_or_else(|| "–".into()),
            job.started.as_deref().map(short).unwrap_or_else(|| "–".into()),
            job.ended.as_deref().map(short).unwrap_or_else(|| "–".into()),
            match job.build.len() {
                0 => job.outcome.clone(),
                pieces => format!("{}, with {pieces} pieces: {}", job.outcome, job.build.join(", ")),
            },
            job.exact.map_or_else(|| "–".into(), yes),
            job.file_sha256.to_string(),
            [&job.process, &job.profile, &job.slicer]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join("; "),
        ]);
    }
    let mut lots = Table::new(&["Lot", "Material", "Maker's lot", "Expires", "Status", "Used"]);
    for lot in &piece.lots {
        lots.row([
            lot.lot.clone(),
            lot.material.clone(),
            lot.supplier_lot.clone(),
            lot.expires.clone(),
            lot.status.to_owned(),
            lot.used_milligrams.map_or_else(|| "not deducted".into(), grams),
        ]);
    }
    let mut steps = Table::new(&["No.", "Step", "Recipe", "Minutes", "With", "By", "At (UTC)"]);
    for step in &piece.processing {
        steps.row([
            step.number.to_string(),
            step.kind.replace('_', " "),
            or_none(step.recipe.as_ref()),
            step.minutes.map_or_else(|| "–".into(), |minutes| minutes.to_string()),
            or_none(step.equipment.as_ref()),
            step.by.clone(),
            short(&step.at),
        ]);
    }
    let mut inspections =
        Table::new(&["Inspection", "Of", "Doubts looked at", "Photos", "Verdict", "By", "At (UTC)"]);
    let mut measured = Table::new(&[
        "Inspection",
        "Of",
        "Item",
        "Nominal",
        "Limits",
        "Measured",
        "Verdict",
        "By",
        "At (UTC)",
    ]);
    for inspection in &piece.inspections {
        let with = inspection.instrument.as_ref().map(|with| format!(" with {with}")).unwrap_or_default();
        let due = inspection.instrument_due.as_ref().map(|due| format!(" (due {due})")).unwrap_or_default();
        let void = if inspection.counts || inspection.subject != "the part" {
            ""
        } else {
            ", before a rework or quarantine"
        };
        let name = format!(
            "{} by {} version {}{with}{due}{void}",
            inspection.id, inspection.template, inspection.template_version
        );
        for item in &inspection.items {
            measured.row([
                inspection.id.clone(),
                inspection.subject.to_owned(),
                item.name.clone(),
                format!("{} {}", thousandths(item.nominal), item.unit),
                format!("{} to {}", thousandths(item.low), thousandths(item.high)),
                item.value.map_or_else(|| "not measured".into(), thousandths),
                item.verdict.to_owned(),
                inspection.by.clone(),
                short(&inspection.at),
            ]);
        }
        let looked =
            if inspection.looked_at.is_empty() { "–".into() } else { inspection.looked_at.join("; ") };
        inspections.row([
            name,
            inspection.subject.to_owned(),
            looked,
            inspection.photos.len().to_string(),
            inspection.verdict.to_owned(),
            inspection.by.clone(),
            short(&inspection.at),
        ]);
    }
    for (title, table) in [
        ("Jobs", jobs),
        ("Material", lots),
        ("Processing", steps),
        ("Inspections", inspections),
        ("Measurements", measured),
    ] {
        if !table.rows.is_empty() {
            sections.push(Section::table(&format!("{title} of {}", piece.serial), table));
        }
    }
    let mut shots = Vec::new();
    for inspection in &piece.inspections {
        let of = format!(
            "{} at the inspection {} by {}, {} UTC",
            inspection.subject,
            inspection.id,
            inspection.by,
            short(&inspection.at)
        );
        shots.extend(inspection.photos.iter().map(|photo| Shot { photo: photo.clone(), of: of.clone() }));
    }
    if !shots.is_empty() {
        sections.push(Section::photos(&format!("Photos of {}", piece.serial), shots));
    }
    sections
}

fn of_assessment(of: &AssessmentOf) -> Section {
    let answers = &of.answers;
    let answer =
        |answer: Option<u8>| answer.map_or_else(|| "not answered".into(), |answer| format!("{answer} of 5"));
    let saved = answers.minutes_saved.map_or_else(
        || "not said".into(),
        |minutes| {
            format!(
                "{minutes} min, {}",
                if answers.measured == Some(true) { "measured" } else { "estimated" }
            )
        },
    );
    Section::pairs(
        "Assessment",
        vec![
            ("On the whole", answers.overall.map_or("not said", Overall::in_words).to_owned()),
            ("Used in the procedure", answers.used_in_procedure.map_or_else(|| "not said".into(), yes)),
            ("Minutes saved", saved),
            ("Easy to use", answer(answers.easy_to_use)),
            ("Fits the approach", answer(answers.fits_approach)),
            ("The plan was altered or refined", answer(answers.plan_altered)),
            ("Important in this case", answer(answers.important)),
            ("Quality adequate", answer(answers.quality_adequate)),
            ("Confident in the plan before", answer(answers.confident_before)),
            ("Confident in the plan after", answer(answers.confident_after)),
            ("Said by", of.respondent.clone()),
            ("Comment", or_none(of.comment.as_ref())),
            ("At (UTC)", short(&of.at)),
        ],
    )
}
