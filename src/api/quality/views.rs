//! From the quality half of the lab to the shapes that are shown.

use serde::Serialize;
use serde_json::Value;

use super::super::photos;
use super::shapes::{
    AssessedView, BucketView, CaseQuality, ChartView, ConfirmedView, CostSumView, CostView, CostsView,
    DoubtView, EffortView, EffortsView, InspectionView, LoadView, LotAbout, LotBrief, LotView,
    MaintenanceView, MessageView, NonconformanceView, PartQuality, PhantomView, PointView, PrintedBrief,
    PrintedFrom, PrintedView, ProcessedView, QualificationView, ReachedView, RevisionView, SignalView,
    SignatureView, TemplateView, ToSign, ValueView,
};
use crate::counting::spc::{self, Basis, Measurement, Settings};
use crate::domain::case::Case;
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::notice::{self, Notice};
use crate::domain::part::Part;
use crate::domain::quality::case::CaseState;
use crate::domain::quality::cost::{CostEntry, sums};
use crate::domain::quality::effort::{EffortEntry, buckets};
use crate::domain::quality::inspection::{Inspection, Item, Measure, Subject as Inspected, Template};
use crate::domain::quality::lot::{Load, Lot, LotAbout as KeptLotAbout, LotState};
use crate::domain::quality::message::Message;
use crate::domain::quality::nonconformance::{Nonconformance, NonconformanceState};
use crate::domain::quality::printed::{
    Acceptance, Failure, LookBack, PrintedPart, PrintedState, QuarantineCause,
};
use crate::domain::quality::qualification::{Maintenance, Phantom, Qualification, QualificationState};
use crate::domain::quality::revision::Revision;
use crate::domain::quality::signature::{self, Signature, Subject};
use crate::domain::quality::{Refusal, What};
use crate::domain::units::Height;

/// The word of something that is written as one.
fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The word by which a state or its like is told from the others.
fn tag(of: &impl Serialize, key: &str) -> String {
    let value = serde_json::to_value(of).unwrap_or_default();
    value[key].as_str().unwrap_or_default().to_owned()
}

fn thousandths(value: i32) -> f64 {
    f64::from(value) / 1_000.0
}

fn grams(milligrams: u64) -> f64 {
    milligrams as f64 / 1_000.0
}

pub fn case(lab: &Lab, case: &Case) -> CaseQuality {
    let (quality, token) = (&lab.quality, &case.token);
    let state = quality.case_state(token);
    let record = quality.cases.get(token);
    let mut reached: Vec<_> = record.map(|record| record.reached.iter().collect()).unwrap_or_default();
    reached.sort_by_key(|(_, at)| **at);
    let of_case = quality.nonconformances.values().filter(|found| found.case() == Some(token));
    CaseQuality {
        token: token.to_string(),
        state: case_tag(&state),
        words: case_words(&state),
        todo: state.todo().into(),
        about: record.and_then(|record| record.about.as_ref()).map(Into::into),
        process: state.made().map(|made| made.process.to_string()),
        process_version: state.made().and_then(|made| made.version),
        reached: reached
            .into_iter()
            .map(|(state, at)| ReachedView { state: state.clone(), at: at.to_string() })
            .collect(),
        parts: lab.parts_of(token).into_iter().map(|found| part(lab, found)).collect(),
        printed: quality.printed_of(token).map(brief).collect(),
        signatures: quality.signatures_of(token).map(Into::into).collect(),
        nonconformances: of_case.map(Into::into).collect(),
        assessed: quality.assessments.get(token).map(|assessed| AssessedView {
            assessment: (&assessed.assessment).into(),
            by: assessed.by.clone(),
            at: assessed.at.to_string(),
        }),
        confirmed: quality.confirmations.get(token).map(|kept| ConfirmedView {
            of: kept.confirmed.of.to_string(),
            units: kept.confirmed.units.iter().map(|(code, units)| (code.to_string(), *units)).collect(),
            note: kept.confirmed.note.as_ref().map(ToString::to_string),
            by: kept.by.clone(),
            at: kept.at.to_string(),
        }),
        messages: messages(lab, token).count(),
    }
}

/// How far a case has come, in one word that programs know.
pub fn case_tag(state: &CaseState) -> String {
    tag(state, "state")
}

/// How far a case has come, for people.
pub fn case_words(state: &CaseState) -> String {
    match state {
        CaseState::Rework { why, .. } | CaseState::Cancelled { why } => format!("{}: {why}", state.word()),
        CaseState::OnHold { from, why } => format!("{} ({} before): {why}", state.word(), from.word()),
        _ => state.word().into(),
    }
}

pub fn part(lab: &Lab, part: &Part) -> PartQuality {
    let quality = &lab.quality;
    let revisions = quality.revisions.range((part.id.clone(), 0)..=(part.id.clone(), u16::MAX));
    PartQuality {
        case: part.case.to_string(),
        number: part.number,
        id: part.id.to_string(),
        name: part.name.as_str().to_owned(),
        about: quality.parts.get(&part.id).map(|record| (&record.about).into()),
        revisions: revisions.map(|(_, revision)| revision.into()).collect(),
    }
}

impl From<&Revision> for RevisionView {
    fn from(kept: &Revision) -> Self {
        let of = &kept.of;
        Self {
            number: kept.number,
            model: of.mesh.to_string(),
            format: of.format.to_string(),
            units: of.unit.to_string(),
            scale: f64::from(of.scale) / 1e6,
            size_mm: of.extents.map(Height::mm).to_vec(),
            triangles: of.triangles,
            volume_mm3: of.signed_volume as f64 / 1_000.0,
            mirrored: of.mirrored,
            modified: of.modified,
            software: of.software.as_ref().map(ToString::to_string),
            author: of.author.as_ref().map(ToString::to_string),
            state: tag(&kept.state, "state"),
            by: kept.by.clone(),
            at: kept.at.to_string(),
        }
    }
}

impl From<&Signature> for SignatureView {
    fn from(kept: &Signature) -> Self {
        Self {
            number: kept.number,
            of: tag(&kept.subject, "of"),
            thing: match &kept.subject {
                Subject::Part { serial } => Some(serial.to_string()),
                Subject::Concession { nonconformance } => Some(nonconformance.to_string()),
                Subject::Design | Subject::Case => None,
            },
            meaning: word(&kept.meaning),
            digest: kept.digest.to_string(),
            proof: word(&kept.proof),
            by: kept.by.clone(),
            printed_name: kept.printed_name.as_ref().map(ToString::to_string),
            at: kept.at.to_string(),
            voided: kept.voided.as_ref().map(|voided| voided.at.to_string()),
        }
    }
}

/// What somebody would sign now. The meaning goes with what is signed.
pub fn to_sign(lab: &Lab, case: &CaseToken, subject: &Subject) -> Result<ToSign, Refusal> {
    let what = || match subject {
        Subject::Part { serial } => What::Printed(serial.clone()),
        Subject::Concession { nonconformance } => What::Nonconformance(nonconformance.clone()),
        Subject::Design | Subject::Case => What::Case(case.clone()),
    };
    let text = signature::to_sign(lab, case, subject);
    let digest = signature::digest(lab, case, subject);
    let (Some(text), Some(digest)) = (text, digest) else { return Err(Refusal::NothingToSign(what())) };
    let meaning = match subject {
        Subject::Design => signature::Meaning::Approved,
        Subject::Part { .. } | Subject::Case => signature::Meaning::Released,
        Subject::Concession { .. } => signature::Meaning::UseAsIs,
    };
    Ok(ToSign { meaning: word(&meaning), text, digest: digest.to_string() })
}

fn messages<'a>(lab: &'a Lab, case: &CaseToken) -> impl Iterator<Item = &'a Message> + use<'a> {
    let range = (case.clone(), 0)..=(case.clone(), u32::MAX);
    lab.quality.messages.range(range).map(|(_, message)| message)
}

/// What is said on a case, oldest first, by people and by platen.
pub fn thread(lab: &Lab, case: &CaseToken, now: WallTime) -> Vec<MessageView> {
    let written = |kept: &Message| MessageView {
        number: Some(kept.number),
        by: kept.by.clone(),
        notice: None,
        text: kept.text.to_string(),
        mentions: kept.mentions.clone(),
        at: kept.at.to_string(),
    };
    let noticed = |at: WallTime, notice: Notice| MessageView {
        number: None,
        by: None,
        notice: Some(notice.topic().word().to_owned()),
        text: notice.text(),
        mentions: Vec::new(),
        at: at.to_string(),
    };
    let mut all: Vec<_> = messages(lab, case).map(|message| (message.at, written(message))).collect();
    let notices = notice::thread(lab, case, Day::in_utc(now)).into_iter();
    all.extend(notices.map(|(at, notice)| (at, noticed(at, notice))));
    // Messages of one moment stay in their order, and before what platen says of it.
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, view)| view).collect()
}

pub fn efforts(lab: &Lab, case: &CaseToken) -> EffortsView {
    let range = (case.clone(), 0)..=(case.clone(), u32::MAX);
    let entries: Vec<&EffortEntry> = lab.quality.efforts.range(range).map(|(_, entry)| entry).collect();
    EffortsView {
        buckets: buckets(entries.iter().copied())
            .into_iter()
            .map(|((role, category), bucket)| BucketView {
                role: word(&role),
                category: word(&category),
                minutes: bucket.minutes,
                unknown: bucket.unknown,
            })
            .collect(),
        entries: entries
            .into_iter()
            .map(|entry| EffortView {
                number: entry.number,
                role: word(&entry.effort.role),
                category: word(&entry.effort.category),
                minutes: entry.effort.minutes,
                by: entry.by.clone(),
                at: entry.at.to_string(),
            })
            .collect(),
    }
}

impl From<&CostEntry> for CostView {
    fn from(kept: &CostEntry) -> Self {
        Self {
            number: kept.number,
            kind: word(&kept.cost.kind),
            amount: kept.cost.amount,
            what: kept.cost.what.to_string(),
            by: kept.by.clone(),
            at: kept.at.to_string(),
        }
    }
}

pub fn costs(lab: &Lab, case: &CaseToken) -> CostsView {
    let sum = |(kind, amount)| CostSumView { kind: word(&kind), amount };
    CostsView {
        entries: lab.quality.costs_of(case).map(Into::into).collect(),
        sums: sums(lab.quality.costs_of(case)).into_iter().map(sum).collect(),
    }
}

pub const fn failure_words(how: Failure) -> &'static str {
    match how {
        Failure::Cancelled => "its job was cancelled",
        Failure::TakenOff => "it was taken off before it was done",
        Failure::NothingPrinted => "nothing was printed",
    }
}

pub fn quarantine_words(cause: &QuarantineCause) -> String {
    match cause {
        QuarantineCause::Person { why } => why.to_string(),
        QuarantineCause::Nonconformance { id } => format!("nonconformance {id}"),
        QuarantineCause::LotRecalled { lot } => format!("lot {lot} was recalled"),
        QuarantineCause::PhantomFailed { inspection } => {
            format!("the printer's phantom failed (inspection {inspection})")
        }
        QuarantineCause::Resumed => "it was gone on with after an interruption".into(),
        QuarantineCause::Reopened => "its case was reopened".into(),
    }
}

fn printed_words(state: &PrintedState) -> String {
    let more = match state {
        PrintedState::Rejected { why }
        | PrintedState::Scrapped { why }
        | PrintedState::Recalled { why, .. } => why.to_string(),
        PrintedState::Delivered { to, .. } => format!("to {to}"),
        PrintedState::SterilisationHandover { cycle, .. } => format!("cycle {cycle}"),
        PrintedState::Failed { how } => failure_words(*how).into(),
        PrintedState::Quarantined { cause, from } => {
            format!("{} ({} before)", quarantine_words(cause), from.word())
        }
        _ => return state.word().into(),
    };
    format!("{}: {more}", state.word())
}

pub fn brief(printed: &PrintedPart) -> PrintedBrief {
    PrintedBrief {
        serial: printed.serial.to_string(),
        state: tag(&printed.state, "state"),
        words: printed_words(&printed.state),
        todo: printed.state.todo().into(),
        printer: printed.printer.as_ref().map(ToString::to_string),
        revision: printed.revision,
        doubts: printed
            .doubts
            .iter()
            .map(|doubt| DoubtView { doubt: word(doubt), words: doubt.in_words().into() })
            .collect(),
    }
}

/// A printed part with everything that it comes from.
pub fn printed(lab: &Lab, printed: &PrintedPart) -> PrintedView {
    let (quality, serial) = (&lab.quality, &printed.serial);
    let job = printed.job.as_ref().and_then(|job| lab.jobs.get(job));
    let revision = printed.revision.and_then(|number| quality.revisions.get(&(printed.part.clone(), number)));
    let processed = quality.processed.range((serial.clone(), 0)..=(serial.clone(), u16::MAX));
    let of_it = quality.nonconformances.values().filter(|found| found.serial() == Some(serial));
    let mut of_it: Vec<_> = of_it.collect();
    of_it.sort_by_key(|found| found.order());
    let nonconformances: Vec<NonconformanceView> = of_it.into_iter().map(Into::into).collect();
    let signed_for = |signature: &&Signature| match &signature.subject {
        Subject::Part { serial: signed } => signed == serial,
        Subject::Concession { nonconformance } => {
            nonconformances.iter().any(|of| of.id == nonconformance.as_str())
        }
        Subject::Design | Subject::Case => false,
    };
    let signatures = quality.signatures_of(&serial.case).filter(signed_for);
    let others = quality.attempts_at(&serial.case, serial.part);
    PrintedView {
        brief: brief(printed),
        case: serial.case.to_string(),
        part: serial.part,
        part_name: lab.parts.get(&printed.part).map(|part| part.name.as_str().into()).unwrap_or_default(),
        model: revision.map(|revision| revision.of.mesh.to_string()),
        chain: job.and_then(|job| lab.chains.get(&job.id)).map(Into::into),
        job: printed.job.as_ref().map(ToString::to_string),
        together_with: job
            .map(|job| quality.pieces_of(lab, job))
            .unwrap_or_default()
            .into_iter()
            .filter(|piece| piece.serial != *serial)
            .map(|piece| piece.serial.to_string())
            .collect(),
        file: job.filter(|job| job.has_file()).map(|job| job.file.to_string()),
        digest: printed.digest.as_ref().map(ToString::to_string),
        started: printed.started.map(|at| at.to_string()),
        ended: printed.ended.map(|at| at.to_string()),
        lots: printed
            .lots
            .iter()
            .filter_map(|id| quality.lots.get(id))
            .map(|lot| {
                let used = printed.used.iter().filter(|used| used.lot == lot.id);
                let used: Vec<_> = used.map(|used| used.milligrams).collect();
                PrintedFrom {
                    lot: lot.id.to_string(),
                    material: lot.about.material.to_string(),
                    supplier_lot: lot.about.supplier_lot.to_string(),
                    used_g: (!used.is_empty()).then(|| grams(used.iter().sum())),
                    recalled: lot.recalled.as_ref().map(ToString::to_string),
                }
            })
            .collect(),
        operators: printed.operators.iter().cloned().collect(),
        processed: processed
            .map(|(_, processed)| ProcessedView {
                number: processed.number,
                processing: (&processed.processing).into(),
                by: processed.by.clone(),
                at: processed.at.to_string(),
            })
            .collect(),
        inspections: printed
            .inspections
            .iter()
            .filter_map(|id| quality.inspections.get(id))
            .map(|found| inspection(lab, found))
            .collect(),
        accepted: printed.accepted.as_ref().map(|accepted| match accepted {
            Acceptance::Inspection { id, why: None } => format!("inspection {id}"),
            Acceptance::Inspection { id, why: Some(why) } => format!("inspection {id}: {why}"),
            Acceptance::Concession { nonconformance } => {
                format!("concession under nonconformance {nonconformance}")
            }
        }),
        signatures: signatures.map(Into::into).collect(),
        nonconformances,
        lookbacks: printed
            .lookbacks
            .iter()
            .map(|because| match because {
                LookBack::LotRecalled { lot } => format!("lot {lot} was recalled"),
                LookBack::PhantomFailed { inspection } => {
                    format!("a phantom of its printer failed (inspection {inspection})")
                }
            })
            .collect(),
        replaces: printed.replaces.as_ref().map(ToString::to_string),
        replaced_by: others
            .filter(|other| other.replaces.as_ref() == Some(serial))
            .map(|other| other.serial.to_string())
            .collect(),
        reworks: printed.reworks,
    }
}

pub fn inspection(lab: &Lab, kept: &Inspection) -> InspectionView {
    let measured = &kept.measured;
    let template = lab.quality.templates.get(&(measured.template.clone(), measured.version));
    let items = template.map(|template| template.items.as_slice()).unwrap_or_default();
    let values = measured.values.iter().copied().chain(std::iter::repeat(None));
    let value = |((item, value), verdict): ((&Item, Option<i32>), _)| ValueView {
        name: item.name.to_string(),
        unit: word(&item.unit),
        value: value.map(thousandths),
        nominal: thousandths(item.nominal),
        low: thousandths(item.low),
        high: thousandths(item.high),
        verdict: word(verdict),
    };
    InspectionView {
        id: kept.id.to_string(),
        subject: (&measured.subject).into(),
        template: measured.template.to_string(),
        version: measured.version,
        instrument: measured.instrument.as_ref().map(ToString::to_string),
        instrument_due: kept.found.instrument_due.map(|due| due.to_string()),
        values: items.iter().zip(values).zip(&kept.found.items).map(value).collect(),
        verdict: kept.found.verdict.word().into(),
        looked_at: measured.looked_at.iter().map(word).collect(),
        photos: measured.photos.iter().map(ToString::to_string).collect(),
        pictures: measured.photos.iter().map(photos::path).collect(),
        note: measured.note.as_ref().map(ToString::to_string),
        by: kept.by.clone(),
        at: kept.at.to_string(),
    }
}

impl From<&Template> for TemplateView {
    fn from(kept: &Template) -> Self {
        Self {
            name: kept.name.to_string(),
            version: kept.version,
            method: word(&kept.method),
            items: kept.items.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Nonconformance> for NonconformanceView {
    fn from(kept: &Nonconformance) -> Self {
        let (decision, closed) = match &kept.state {
            NonconformanceState::Open => (None, None),
            NonconformanceState::Disposed { decision } => (Some(decision), None),
            NonconformanceState::Closed { decision, capa, by, .. } => (decision.as_ref(), Some((capa, by))),
        };
        Self {
            id: kept.id.to_string(),
            about: (&kept.about).into(),
            cause: word(&kept.cause),
            severity: word(&kept.severity),
            what: kept.what.to_string(),
            state: tag(&kept.state, "state"),
            by: kept.by.clone(),
            at: kept.at.to_string(),
            disposition: decision.map(|decision| tag(&decision.disposition, "disposition")),
            why: decision.map(|decision| decision.why.to_string()),
            decided_by: decision.map(|decision| decision.by.clone()),
            capa: closed.and_then(|(capa, _)| capa.as_ref()).map(ToString::to_string),
            closed_by: closed.map(|(_, by)| by.clone()),
        }
    }
}

impl From<&KeptLotAbout> for LotAbout {
    fn from(kept: &KeptLotAbout) -> Self {
        Self {
            material: kept.material.clone(),
            supplier_lot: kept.supplier_lot.clone(),
            supplier: kept.supplier.clone(),
            received: kept.received,
            expires: kept.expires,
            open_days: kept.open_days,
            certificate: kept.certificate.clone(),
            grams: grams(kept.milligrams),
            density: kept.density.map(|density| f64::from(density) / 1_000.0),
        }
    }
}

/// A lot as it is on this day.
pub fn lot_brief(lot: &Lot, today: Day) -> LotBrief {
    LotBrief {
        id: lot.id.to_string(),
        about: (&lot.about).into(),
        state: tag(&lot.state, "status"),
        words: match &lot.state {
            LotState::Blocked { why } => format!("{}: {why}", lot.state.word()),
            state => state.word().into(),
        },
        opened: lot.opened.map(|day| day.to_string()),
        left_g: grams(lot.left_mg),
        low: lot.is_low(),
        unusable: lot.unusable(today).iter().map(ToString::to_string).collect(),
        recalled: lot.recalled.as_ref().map(ToString::to_string),
    }
}

pub fn lot(lab: &Lab, lot: &Lot, today: Day) -> LotView {
    let loads = lab.quality.loads.values().filter(|load| load.lot == lot.id);
    LotView {
        brief: lot_brief(lot, today),
        loads: loads.map(|of| load(lab, of)).collect(),
        printed: lab.quality.printed_from(&lot.id).map(brief).collect(),
    }
}

pub fn load(lab: &Lab, load: &Load) -> LoadView {
    let about = lab.quality.lots.get(&load.lot).map(|lot| &lot.about);
    LoadView {
        number: load.number,
        lot: load.lot.to_string(),
        material: about.map(|about| about.material.to_string()).unwrap_or_default(),
        supplier_lot: about.map(|about| about.supplier_lot.to_string()).unwrap_or_default(),
        printer: load.printer.to_string(),
        slot: load.slot,
        from: load.from.to_string(),
        by: load.by.clone(),
        to: load.to.map(|at| at.to_string()),
    }
}

/// A printer; nobody has said anything of most of them.
pub fn qualification(lab: &Lab, printer: &PrinterName) -> QualificationView {
    let none = Qualification::new(printer.clone());
    let kept = lab.quality.printers.get(printer).unwrap_or(&none);
    let phantom = |of: &Phantom| PhantomView {
        inspection: of.inspection.to_string(),
        passed: of.passed,
        at: of.at.to_string(),
    };
    let (uses, why) = match &kept.state {
        QualificationState::Restricted { uses, why } => {
            (uses.iter().map(word).collect(), Some(why.to_string()))
        }
        QualificationState::Unqualified | QualificationState::Qualified => (Vec::new(), None),
    };
    QualificationView {
        printer: printer.to_string(),
        state: tag(&kept.state, "state"),
        uses,
        why,
        calibration_due: kept.calibration_due.map(|due| due.to_string()),
        last: kept.last.as_ref().map(phantom),
        last_good: kept.last_good.as_ref().map(phantom),
        loaded: lab.quality.loaded_on(printer).map(|of| load(lab, of)).collect(),
        chart: chart(lab, printer),
        maintenance: lab.quality.maintenance_of(printer).map(Into::into).collect(),
    }
}

impl From<&Maintenance> for MaintenanceView {
    fn from(kept: &Maintenance) -> Self {
        Self {
            number: kept.number,
            what: kept.what.to_string(),
            minutes: kept.minutes,
            by: kept.by.clone(),
            at: kept.at.to_string(),
        }
    }
}

/// What the phantoms of a printer deviate: each length is a point. A thousandth of a millimetre is a micrometre.
fn chart(lab: &Lab, printer: &PrinterName) -> Option<ChartView> {
    let of_it = |kept: &&Inspection| matches!(&kept.measured.subject, Inspected::Phantom { printer: of, .. } if of == printer);
    let mut measurements = Vec::new();
    for kept in lab.quality.inspections.values().filter(of_it) {
        let key = (kept.measured.template.clone(), kept.measured.version);
        let Some(template) = lab.quality.templates.get(&key) else { continue };
        let values = kept.measured.values.iter().copied().chain(std::iter::repeat(None));
        let lengths = template.items.iter().zip(values).filter(|(item, _)| item.unit == Measure::Mm);
        measurements.extend(lengths.map(|(item, value)| Measurement {
            printer: printer.clone(),
            at: kept.at,
            micrometres: value.map(|value| value.saturating_sub(item.nominal)),
        }));
    }
    let settings = Settings { basis: Basis::MovingRange, baseline: None, tolerance: None };
    let chart = spc::charts(&measurements, settings).remove(printer)?;
    let (limits, signals) = match &chart.verdict {
        spc::Verdict::Judged { limits, signals } => (Some(limits), signals.as_slice()),
        spc::Verdict::TooFew { .. } | spc::Verdict::NoSpread { .. } => (None, &[][..]),
    };
    let point =
        |(at, micrometres): &(_, i32)| PointView { at: ToString::to_string(at), micrometres: *micrometres };
    let signal = |signal: &spc::Signal| SignalView {
        rule: signal.rule.in_words().into(),
        first: signal.first,
        last: signal.last,
    };
    Some(ChartView {
        words: chart.verdict.in_words(),
        mean: limits.map(|limits| limits.mean),
        lower: limits.map(|limits| limits.lower),
        upper: limits.map(|limits| limits.upper),
        signals: signals.iter().map(signal).collect(),
        points: chart.points.iter().map(point).collect(),
        missing: chart.missing,
    })
}
