//! A lab from the wish to the released part, and each guard with a test that fails without it.

use std::collections::BTreeSet;

use super::assessment::{Answers, Assessment, Likert, Overall};
use super::case::{CaseAbout, CaseKind, CaseState, Priority, Step as CaseStep};
use super::confirmation::{BillingCode, CODES_MAX, Confirmed, Note};
use super::cost::{self, Cost, CostKind};
use super::effort::{Effort, EffortCategory, EffortRole};
use super::inspection::{
    Instrument, Item, Measure, Measured, Method, Subject as Inspected, Template, Weight,
};
use super::lot::{LotAbout, LotState, Step as LotStep, Unusable};
use super::nonconformance::{About, Cause, Disposition, Severity, Step as NonconformanceStep};
use super::order::Ordered;
use super::part::{Laterality, LengthUnit, PartAbout, PartKind, Step as PartStep};
use super::printed::{
    Acceptance, Doubt, Failure, LookBack, PrintedPart, PrintedState, Serial, Step as PrintedStep,
};
use super::process::Process;
use super::processing::{Processing, ProcessingKind};
use super::qualification::{QualificationState, Step as PrinterStep};
use super::revision::{NewRevision, RevisionState};
use super::rules::SiteRules;
use super::signature::{self, Meaning, Proof, Subject};
use super::taken::{Parameters, ReportKind, ReportMade};
use super::words::{Label, Line, Text, Words};
use super::{Change, Hindrance, Key, Lacking, Refusal, Request as Asked};
use crate::domain::case::IntendedUse;
use crate::domain::chain::{Chain, ModelLink, ProfileLink, SlicerLink};
use crate::domain::event::{Actor, Event, Fact};
use crate::domain::heat::{Action, Alarm, Hazard, Heater};
use crate::domain::ids::{
    BootId, CaseToken, FileHash, InspectionId, JobId, LotId, NonconformanceId, PartId, PrinterName,
};
use crate::domain::job::{Interruption, JobState, PauseReason, Progress};
use crate::domain::lab::{self, EntityKey, Lab, NewJob, Request};
use crate::domain::moment::{Moment, Stamp, WallTime};
use crate::domain::part::{PartName, PartRef};
use crate::domain::printer::LineHealth;
use crate::domain::units::Height;

pub(super) fn label(words: &str) -> Label {
    Label::new(words).unwrap()
}

pub(super) fn line(words: &str) -> Line {
    Line::new(words).unwrap()
}

pub(super) fn text(words: &str) -> Text {
    Text::new(words).unwrap()
}

pub(super) fn case() -> CaseToken {
    CaseToken::from_entropy([3; 16])
}

pub(super) fn serial(part: u16, attempt: u32) -> Serial {
    Serial { case: case(), part, attempt }
}

pub(super) fn job(n: u8) -> JobId {
    JobId::from_entropy([n; 16])
}

pub(super) fn lot(n: u8) -> LotId {
    LotId::from_entropy([n; 16])
}

pub(super) fn inspection(n: u8) -> InspectionId {
    InspectionId::from_entropy([n; 16])
}

pub(super) fn fault(n: u8) -> NonconformanceId {
    NonconformanceId::from_entropy([n; 16])
}

pub(super) fn printer(name: &str) -> PrinterName {
    name.parse().unwrap()
}

pub(super) fn hash(n: u8) -> FileHash {
    FileHash::from_digest([n; 32])
}

pub(super) fn lot_about(expires: &str) -> LotAbout {
    LotAbout {
        material: label("PLA"),
        supplier_lot: label("S-17"),
        supplier: None,
        received: "2026-11-01".parse().unwrap(),
        expires: expires.parse().unwrap(),
        open_days: None,
        certificate: Some(line("C-17")),
        milligrams: 1_000_000,
        density: None,
    }
}

fn case_about() -> CaseAbout {
    CaseAbout {
        kind: CaseKind::Model,
        service: label("cardiac surgery"),
        requester: Some(label("Dr A")),
        indication: Some(line("double outlet right ventricle")),
        modality: Some(label("CT")),
        needed_by: Some("2026-12-10".parse().unwrap()),
        priority: Priority::Urgent,
        appropriateness: Some(8),
        acceptance: None,
    }
}

pub(super) fn part_about() -> PartAbout {
    PartAbout {
        laterality: Some(Laterality::Left),
        units: Some(LengthUnit::Mm),
        structure: Some(label("ventricle")),
        individually_segmented: true,
        individually_processed: true,
        ..PartAbout::new(PartKind::Component)
    }
}

pub(crate) fn revision(mesh: u8) -> NewRevision {
    let side = Height::from_mm(40.0).unwrap();
    NewRevision {
        mesh: hash(mesh),
        format: label("stl-binary"),
        unit: LengthUnit::Mm,
        scale: 1_000_000,
        extents: [side; 3],
        triangles: 12,
        signed_volume: 64_000_000,
        mirrored: false,
        modified: false,
        software: Some(label("Slicer 5.8")),
        author: Some(label("lee")),
    }
}

fn template() -> Template {
    let item = |name: &str, weight| Item {
        name: label(name),
        unit: Measure::Mm,
        nominal: 40_000,
        low: 39_700,
        high: 40_300,
        weight,
    };
    let items = vec![item("length", Weight::Fail), item("width", Weight::Flag)];
    Template { name: "ventricle".parse().unwrap(), version: 1, method: Method::Caliper, items }
}

fn instrument(due: &str) -> Instrument {
    let calibration_due = due.parse().unwrap();
    Instrument { name: "caliper-1".parse().unwrap(), what: label("digital caliper"), calibration_due }
}

pub(crate) fn measured(subject: Inspected, values: &[i32], looked_at: &[Doubt]) -> Measured {
    Measured {
        subject,
        template: "ventricle".parse().unwrap(),
        version: 1,
        instrument: Some("caliper-1".parse().unwrap()),
        values: values.iter().copied().map(Some).collect(),
        looked_at: looked_at.iter().copied().collect(),
        photos: Vec::new(),
        note: None,
    }
}

pub(super) const GOOD: [i32; 2] = [40_100, 39_900];
const BAD: [i32; 2] = [41_000, 40_000];
const FLAGGED: [i32; 2] = [40_000, 41_000];

/// A lab with its journal.
#[derive(Clone)]
pub(super) struct World {
    pub(super) lab: Lab,
    pub(super) events: Vec<Event>,
    pub(super) now: WallTime,
    /// Who asks for what nobody has a reason to do.
    pub(super) actor: Actor,
}

/// 2026-11-29
const TODAY: WallTime = WallTime(1_795_910_400_000);

impl World {
    pub(super) fn new() -> Self {
        Self { lab: Lab::default(), events: Vec::new(), now: TODAY, actor: Actor::Person("olga".into()) }
    }

    pub(super) fn request(&mut self, request: &Request) -> Result<Vec<Event>, lab::Refusal> {
        let facts = self.lab.judge(request, self.now)?;
        let stamp = Stamp { wall: self.now, mono: Moment(self.now.0), boot: BootId::from_entropy([1; 16]) };
        let events = self.lab.number(request, facts, &stamp, &self.actor);
        for event in &events {
            self.lab.apply(event);
        }
        self.events.extend(events.iter().cloned());
        self.now.0 += 1_000;
        Ok(events)
    }

    pub(super) fn ask(&mut self, by: &str, change: Change) -> Result<Vec<Event>, Refusal> {
        let by = Some(by.to_owned()).filter(|by| !by.is_empty());
        self.request(&Request::Quality(Box::new(Asked { by, change }))).map_err(|refusal| match refusal {
            lab::Refusal::Quality(refusal) => refusal,
            other => panic!("{other}"),
        })
    }

    /// What is granted.
    #[track_caller]
    pub(super) fn ok(&mut self, by: &str, change: Change) {
        self.ask(by, change).unwrap();
    }

    /// What is refused changes nothing.
    #[track_caller]
    pub(super) fn refused(&mut self, by: &str, change: Change) -> Refusal {
        let before = self.lab.clone();
        let refusal = self.ask(by, change).unwrap_err();
        assert_eq!(self.lab, before);
        assert!(refusal.to_string().contains("; "), "it does not say what to do: {refusal}");
        refusal
    }

    pub(super) fn digest(&self, subject: &Subject) -> FileHash {
        signature::digest(&self.lab, &case(), subject).unwrap_or_else(|| hash(0))
    }

    pub(super) fn state(&self) -> CaseState {
        self.lab.quality.case_state(&case())
    }

    pub(super) fn printed(&self, part: u16, attempt: u32) -> &PrintedPart {
        &self.lab.quality.printed[&serial(part, attempt)]
    }

    pub(super) fn start(&mut self, n: u8, part: u16, on: &str) {
        let new = new_job(n, part);
        self.request(&Request::QueueJob(Box::new(new))).unwrap();
        self.request(&Request::StartJob { job: job(n), printer: printer(on) }).unwrap();
    }

    pub(super) fn finish(&mut self, n: u8) {
        let progress = Progress { confirmed: 10, total: 10 };
        let line = Box::new(LineHealth::default());
        let digest = hash(9);
        self.request(&Request::NotePrinted { job: job(n), progress, digest, line, millis: 5 }).unwrap();
    }

    pub(super) fn clear(&mut self, on: &str) {
        self.request(&Request::ClearBed { printer: printer(on), by: "olga".into() }).unwrap();
    }

    fn print(&mut self, n: u8, part: u16) {
        self.start(n, part, "a");
        self.finish(n);
        self.clear("a");
        // Its file was not sliced here.
        let attempt = self.lab.jobs[&job(n)].attempt.unwrap();
        self.ok("olga", printed_step(part, attempt, PrintedStep::RevisionAttested { revision: 1 }));
    }

    pub(super) fn send_to_inspection(&mut self, part: u16, attempt: u32) {
        self.ok("olga", printed_step(part, attempt, processing()));
        self.ok("olga", printed_step(part, attempt, PrintedStep::SentToInspection));
    }

    fn inspect(&mut self, id: u8, part: u16, attempt: u32, values: &[i32], looked_at: &[Doubt]) {
        let subject = Inspected::Part { serial: serial(part, attempt) };
        self.ok("ina", inspect(id, measured(subject, values, looked_at)));
    }

    pub(super) fn accept(&mut self, id: u8, part: u16, attempt: u32) {
        self.inspect(id, part, attempt, &GOOD, &[]);
        self.ok("ina", printed_step(part, attempt, accepted(id)));
    }

    pub(super) fn release(&mut self, part: u16, attempt: u32) {
        let step = self.release_step(part, attempt);
        self.ok("rita", printed_step(part, attempt, step));
    }

    fn release_step(&self, part: u16, attempt: u32) -> PrintedStep {
        let digest = self.digest(&Subject::Part { serial: serial(part, attempt) });
        PrintedStep::Released { digest, proof: Proof::Name }
    }

    fn case_release(&self) -> Change {
        step(CaseStep::Released { digest: self.digest(&Subject::Case), proof: Proof::Name })
    }

    fn approval(&self, confirmed: &[u16]) -> Change {
        let digest = self.digest(&Subject::Design);
        step(CaseStep::Approved { digest, proof: Proof::Name, confirmed: confirmed.to_vec() })
    }

    /// The whole way of a case with two parts, up to a stage.
    pub(super) fn at(stage: Stage) -> Self {
        let mut world = Self::new();
        for (reached, go) in WAY {
            go(&mut world);
            if reached == stage {
                break;
            }
        }
        world
    }

    /// What is stored is what is read back, and the journal replayed gives the same.
    pub(super) fn assert_durable(&self) {
        let mut stored = Lab::default();
        for key in entities(&self.lab) {
            let json = self.lab.entity(&key).unwrap();
            assert!(json.len() <= 4_096, "{} has {} bytes", key.path(), json.len());
            stored.restore(&key.path(), &json).unwrap();
        }
        assert_eq!(stored, self.lab);
        let mut replayed = Lab::default();
        let mut touched = BTreeSet::new();
        for event in &self.events {
            let json = serde_json::to_string(event).unwrap();
            let back: Event = serde_json::from_str(&json).unwrap();
            assert_eq!(back, *event);
            assert_eq!(serde_json::to_string(&back).unwrap(), json);
            touched.extend(replayed.apply(&back));
        }
        assert_eq!(replayed, self.lab);
        // Everything that is there was told to the store.
        for key in entities(&self.lab) {
            assert!(touched.contains(&key), "{} was never stored", key.path());
        }
    }
}

fn entities(lab: &Lab) -> Vec<EntityKey> {
    let mut keys: Vec<_> = lab.cases.keys().cloned().map(EntityKey::Case).collect();
    keys.extend(lab.parts.keys().cloned().map(EntityKey::Part));
    keys.extend(lab.jobs.keys().cloned().map(EntityKey::Job));
    keys.extend(lab.printers.keys().cloned().map(EntityKey::Printer));
    keys.extend(lab.chains.keys().cloned().map(EntityKey::Chain));
    keys.extend(lab.quality.keys().into_iter().map(EntityKey::Quality));
    keys.push(EntityKey::Counters);
    keys
}

pub(super) fn new_job(n: u8, part: u16) -> NewJob {
    NewJob {
        job: job(n),
        case: case(),
        part: PartRef::Number(part),
        also: Vec::new(),
        file: hash(100 + n),
        commands: 10,
        digest: hash(9),
        pinned: None,
        material: Some("PLA".into()),
        gate: None,
    }
}

pub(super) fn step(step: CaseStep) -> Change {
    Change::Case { case: case(), step }
}

pub(super) fn part_step(part: u16, step: PartStep) -> Change {
    Change::Part { case: case(), part, step }
}

/// A part of which two prints are ordered.
pub(super) fn ordering_two(part: u16) -> Change {
    let ordered = Some(Ordered { quantity: 2.try_into().unwrap(), ..Ordered::default() });
    part_step(part, PartStep::Described { about: Box::new(PartAbout { ordered, ..part_about() }) })
}

pub(super) fn revised(part: u16, revision: NewRevision) -> Change {
    part_step(part, PartStep::Revised { revision: Box::new(revision) })
}

pub(super) fn printed_step(part: u16, attempt: u32, step: PrintedStep) -> Change {
    Change::Printed { serial: serial(part, attempt), step }
}

pub(super) fn processing() -> PrintedStep {
    let processing =
        Processing { kind: ProcessingKind::Removal, recipe: None, minutes: Some(3), equipment: None };
    PrintedStep::Processed { processing: Box::new(processing) }
}

pub(super) fn inspect(id: u8, measured: Measured) -> Change {
    Change::Inspection { id: inspection(id), measured: Box::new(measured), found: None }
}

pub(super) fn accepted(id: u8) -> PrintedStep {
    PrintedStep::Accepted { inspection: inspection(id), why: None }
}

pub(super) fn produce(process: &str) -> CaseStep {
    let validated_for = vec![IntendedUse::Diagnostic, IntendedUse::Education];
    CaseStep::ProductionBegun { process: label(process), validated_for, outside: None, version: None }
}

pub(super) fn open_fault(n: u8, about: About) -> Change {
    let what = text("a wall is missing");
    let step = NonconformanceStep::Opened { about, cause: Cause::Dimension, severity: Severity::Major, what };
    Change::Nonconformance { id: fault(n), step }
}

pub(super) fn dispose(n: u8, decision: Disposition) -> Change {
    let step = NonconformanceStep::Disposed { decision, why: line("it was measured again") };
    Change::Nonconformance { id: fault(n), step }
}

pub(super) fn close_fault(n: u8) -> Change {
    Change::Nonconformance { id: fault(n), step: NonconformanceStep::Closed { capa: None } }
}

pub(super) fn lot_step(n: u8, step: LotStep) -> Change {
    Change::Lot { lot: lot(n), step }
}

pub(super) fn assessment() -> CaseStep {
    let four = Likert::try_from(4).unwrap();
    let answers = Answers {
        easy_to_use: four,
        fits_approach: four,
        plan_altered: four,
        important: four,
        quality_adequate: four,
        confident_before: four,
        confident_after: four,
    };
    let respondent = label("surgeon");
    let assessment = Assessment {
        overall: None,
        answers: Some(answers),
        saved: None,
        used_in_procedure: Some(true),
        respondent,
        comment: None,
    };
    CaseStep::Assessed { assessment: Box::new(assessment) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Opened,
    Requested,
    Designing,
    Asked,
    Approved,
    Produced,
    Printed,
    InQc,
    Awaiting,
    Accepted,
    PartsReleased,
    Released,
    PartsDelivered,
    Delivered,
    Closed,
}

type Go = fn(&mut World);

pub(super) const WAY: [(Stage, Go); 15] = [
    (Stage::Opened, |world| {
        world.request(&Request::OpenCase { case: case(), intended_use: IntendedUse::Diagnostic }).unwrap();
        for n in 1..=2 {
            let (part, name) =
                (PartId::from_entropy([n; 16]), PartName::try_from("heart".to_owned()).unwrap());
            world.request(&Request::AddPart { case: case(), part, name }).unwrap();
        }
        world.ok("ina", Change::Template { template: Box::new(template()) });
        world.ok("ina", Change::Instrument { instrument: Box::new(instrument("2026-12-31")) });
    }),
    (Stage::Requested, |world| {
        world.ok("ann", step(CaseStep::Described { about: Box::new(case_about()) }));
        for part in 1..=2 {
            world.ok("ann", part_step(part, PartStep::Described { about: Box::new(part_about()) }));
        }
        world.ok("ann", step(CaseStep::Requested));
    }),
    (Stage::Designing, |world| {
        world.ok("lee", step(CaseStep::Accepted));
        world.ok("lee", step(CaseStep::DesignBegun));
    }),
    (Stage::Asked, |world| {
        for part in 1..=2u8 {
            world.ok("lee", revised(u16::from(part), revision(50 + part)));
        }
        world.ok("lee", step(CaseStep::ApprovalAsked));
    }),
    (Stage::Approved, |world| {
        let approval = world.approval(&[]);
        world.ok("Dr A", approval);
    }),
    (Stage::Produced, |world| world.ok("olga", step(produce("mk3-pla-fine")))),
    (Stage::Printed, |world| {
        world.print(1, 1);
        world.print(2, 2);
    }),
    (Stage::InQc, |world| world.ok("ina", step(CaseStep::QcBegun))),
    (Stage::Awaiting, |world| {
        world.send_to_inspection(1, 1);
        world.send_to_inspection(2, 1);
    }),
    (Stage::Accepted, |world| {
        for part in 1..=2u8 {
            world.accept(part, u16::from(part), 1);
        }
    }),
    (Stage::PartsReleased, |world| {
        world.release(1, 1);
        world.release(2, 1);
    }),
    (Stage::Released, |world| {
        let release = world.case_release();
        world.ok("rita", release);
    }),
    (Stage::PartsDelivered, |world| {
        for part in 1..=2 {
            world.ok("olga", printed_step(part, 1, PrintedStep::Packed));
            world.ok("olga", printed_step(part, 1, PrintedStep::HandedOver { cycle: line("134 °C, 5 min") }));
            world.ok("olga", printed_step(part, 1, PrintedStep::Delivered { to: line("theatre 3") }));
        }
    }),
    (Stage::Delivered, |world| world.ok("olga", step(CaseStep::Delivered))),
    (Stage::Closed, |world| {
        world.ok("ann", step(CaseStep::Used));
        world.ok("ann", step(assessment()));
        world.ok("ann", step(CaseStep::Closed));
    }),
];

#[test]
fn a_case_goes_its_whole_way_and_the_journal_tells_all_of_it() {
    let mut world = World::new();
    for (stage, go) in WAY {
        go(&mut world);
        world.assert_durable();
        assert!(stage <= Stage::Closed);
    }
    assert_eq!(world.state().word(), "closed");
    let quality = &world.lab.quality;
    let signed: Vec<_> = quality.signatures_of(&case()).map(|of| (of.meaning, of.by.as_str())).collect();
    let released = (Meaning::Released, "rita");
    assert_eq!(signed, [(Meaning::Approved, "Dr A"), released, released, released]);
    assert!(quality.signatures_of(&case()).all(|of| of.voided.is_none()));
    assert!(quality.cases[&case()].reached.len() == 13, "{:?}", quality.cases[&case()].reached);
    // Nothing of it is a job's event: only those go out.
    let of_quality = world.events.iter().filter(|event| matches!(event.fact, Fact::Quality(_)));
    assert!(of_quality.clone().count() > 30 && of_quality.into_iter().all(|event| event.subject.is_none()));
}

#[test]
fn a_site_that_asks_for_nothing_prints_as_before_and_its_parts_are_followed() {
    let mut world = World::new();
    WAY[0].1(&mut world);
    world.start(1, 1, "a");
    world.finish(1);
    assert_eq!(world.printed(1, 1).state, PrintedState::Printed);
    assert_eq!(world.printed(1, 1).job, Some(job(1)));
    assert_eq!(world.state(), CaseState::Draft);
    assert!(world.lab.quality.cases.is_empty() && world.lab.quality.signatures.is_empty());
    world.assert_durable();
}

#[test]
fn each_attempt_at_a_part_has_the_next_number_and_each_part_its_own() {
    let mut world = World::at(Stage::Opened);
    for (n, part, attempt) in [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 1, 3)] {
        world.request(&Request::QueueJob(Box::new(new_job(n, part)))).unwrap();
        assert_eq!(world.lab.jobs[&job(n)].attempt, Some(attempt));
        assert_eq!(world.printed(part, attempt).state, PrintedState::Queued);
    }
    let cancel = Request::CancelJob { job: job(2), progress: None, by: "olga".into(), line: None };
    world.request(&cancel).unwrap();
    assert_eq!(world.printed(1, 2).state, PrintedState::Withdrawn);
    world.assert_durable();
}

#[test]
fn an_older_journal_is_replayed_to_what_it_was_and_its_jobs_are_not_followed() {
    let mut world = World::at(Stage::Opened);
    world.start(1, 1, "a");
    world.request(&note_pause(PauseReason::Panel)).unwrap();
    world.request(&Request::NoteResumed { job: job(1), by: "kim".into() }).unwrap();
    world.finish(1);
    // As it was written before there were printed parts.
    let mut before = Lab::default();
    for event in &world.events {
        let mut json = serde_json::to_value(event).unwrap();
        let fact = json["fact"].as_object_mut().unwrap();
        if fact["type"] == "quality" {
            continue;
        }
        fact.remove("attempt");
        before.apply(&serde_json::from_value(json).unwrap());
    }
    assert!(before.quality.printed.is_empty());
    assert_eq!(before.jobs[&job(1)].attempt, None);
    // The next one does not take a number that somebody may have given to that job's part.
    let facts = before.judge(&Request::QueueJob(Box::new(new_job(2, 1))), TODAY).unwrap();
    assert!(matches!(facts[0].1, Fact::JobQueued { attempt: Some(2), .. }));
}

pub(super) fn note_pause(reason: PauseReason) -> Request {
    Request::NotePaused { job: job(1), progress: Progress { confirmed: 4, total: 10 }, reason }
}

pub(super) fn note_interrupted() -> Request {
    let (progress, why) = (Progress { confirmed: 4, total: 10 }, Interruption::Unplugged);
    Request::NoteInterrupted { job: job(1), progress, why, line: None }
}

pub(super) fn heat() -> Request {
    let alarm = Alarm {
        heater: Heater::Bed,
        hazard: Hazard::LeftTarget,
        action: Action::Warn,
        reading: None,
        target: None,
        limit: 5.0,
    };
    Request::NoteHeatAlarm { printer: printer("a"), alarm }
}

fn printed_with(strays: u64, digest: u8) -> Request {
    let line = Box::new(LineHealth { strays, ..LineHealth::default() });
    let progress = Progress { confirmed: 10, total: 10 };
    Request::NotePrinted { job: job(1), progress, digest: hash(digest), line, millis: 5 }
}

#[test]
fn what_was_odd_about_a_print_makes_its_part_suspect_and_a_smooth_one_is_printed() {
    let person = || PauseReason::Person { by: "kim".into() };
    let resumed = || Request::NoteResumed { job: job(1), by: "kim".into() };
    let progress = Progress { confirmed: 4, total: 10 };
    let on = Request::NoteContinued { job: job(1), progress, layer: 3, gap_ms: 900 };
    for (between, end, doubts) in [
        (vec![], printed_with(0, 9), vec![]),
        (vec![note_pause(person()), resumed()], printed_with(0, 9), vec![Doubt::Paused]),
        (vec![note_pause(PauseReason::Runout), resumed()], printed_with(0, 9), vec![Doubt::Paused]),
        // The approved file asks for it.
        (vec![note_pause(PauseReason::File { command: 3 }), resumed()], printed_with(0, 9), vec![]),
        (vec![on.clone()], printed_with(0, 9), vec![Doubt::Continued]),
        (vec![heat()], printed_with(0, 9), vec![Doubt::HeatAlarm]),
        (vec![], printed_with(1, 9), vec![Doubt::NotExact]),
        (vec![], printed_with(0, 8), vec![Doubt::NotExact]),
        (vec![on, heat()], printed_with(0, 9), vec![Doubt::Continued, Doubt::HeatAlarm]),
    ] {
        let mut world = World::at(Stage::Produced);
        world.start(1, 1, "a");
        for request in &between {
            world.request(request).unwrap();
        }
        world.request(&end).unwrap();
        let printed = world.printed(1, 1);
        let wanted = if doubts.is_empty() { PrintedState::Printed } else { PrintedState::Suspect };
        assert_eq!(printed.state, wanted, "{between:?}");
        assert_eq!(printed.doubts.iter().copied().collect::<Vec<_>>(), doubts, "{between:?}");
        world.assert_durable();
    }
}

#[test]
fn a_heat_alarm_of_an_idle_printer_is_no_doubt_about_the_part_on_another() {
    let mut world = World::at(Stage::Produced);
    world.start(1, 1, "b");
    world.request(&heat()).unwrap();
    world.finish(1);
    assert_eq!(world.printed(1, 1).state, PrintedState::Printed);
}

#[test]
fn an_interrupted_part_fails_when_it_is_taken_off_and_goes_into_quarantine_when_it_was_gone_on_with() {
    let mut world = World::at(Stage::Produced);
    world.start(1, 1, "a");
    world.request(&note_interrupted()).unwrap();
    assert_eq!(world.printed(1, 1).state, PrintedState::Interrupted);
    let mut off = world.clone();
    off.clear("a");
    assert_eq!(off.printed(1, 1).state, PrintedState::Failed { how: Failure::TakenOff });
    off.assert_durable();

    let height = Height::from_mm(4.2).unwrap();
    let make = Request::MakeResumeFile { job: job(1), file: hash(102), layer: 7, height, by: "kim".into() };
    world.request(&make).unwrap();
    world.request(&Request::QueueJob(Box::new(new_job(2, 1)))).unwrap();
    assert_eq!(world.lab.jobs[&job(2)].attempt, Some(1), "it is the same piece");
    // A job that is cancelled before it goes on with a piece changes nothing about that.
    let mut not = world.clone();
    let cancel = Request::CancelJob { job: job(2), progress: None, by: "kim".into(), line: None };
    not.request(&cancel).unwrap();
    assert_eq!(not.printed(1, 1).state, PrintedState::Interrupted);
    world.request(&Request::StartJob { job: job(2), printer: printer("a") }).unwrap();
    assert_eq!(world.printed(1, 1).state, PrintedState::Printing);
    // One that has laid nothing leaves it as it was.
    let mut back = world.clone();
    let progress = Some(Progress { confirmed: 0, total: 10 });
    let cancel = Request::CancelJob { job: job(2), progress, by: "kim".into(), line: None };
    back.request(&Request::LaidNothing(Box::new(cancel))).unwrap();
    assert_eq!(back.printed(1, 1).state, PrintedState::Interrupted);
    assert_eq!(back.printed(1, 1).job, Some(job(1)));
    back.assert_durable();
    world.finish(2);
    let printed = world.printed(1, 1);
    assert_eq!(printed.state.word(), "in quarantine");
    assert_eq!(printed.doubts, BTreeSet::from([Doubt::Interrupted, Doubt::Resumed]));
    world.assert_durable();
}

#[test]
fn a_part_of_which_nothing_was_printed_or_whose_job_was_cancelled_has_failed() {
    let mut world = World::at(Stage::Produced);
    world.start(1, 1, "a");
    let progress = Progress { confirmed: 0, total: 10 };
    let mut nothing = world.clone();
    let end = Request::NoteInterrupted { job: job(1), progress, why: Interruption::Unplugged, line: None };
    nothing.request(&Request::SentNothing(Box::new(end))).unwrap();
    assert_eq!(nothing.printed(1, 1).state, PrintedState::Failed { how: Failure::NothingPrinted });
    let cancel = Request::CancelJob { job: job(1), progress: Some(progress), by: "kim".into(), line: None };
    world.request(&cancel).unwrap();
    assert_eq!(world.printed(1, 1).state, PrintedState::Failed { how: Failure::Cancelled });
    let refusal = world.refused("ina", printed_step(1, 1, accepted(1)));
    assert!(refusal.to_string().contains("is failed, so it cannot be accepted"), "{refusal}");
}

#[test]
fn a_case_is_accepted_only_with_indication_day_units_and_sides() {
    let refused = |world: &mut World, lacks: &str| {
        let refusal = world.refused("lee", step(CaseStep::Accepted));
        assert!(matches!(&refusal, Refusal::Missing { missing, .. } if missing == &[lacks]), "{refusal}");
    };
    for (about, lacks) in [
        (CaseAbout { indication: None, ..case_about() }, "its indication"),
        (CaseAbout { needed_by: None, ..case_about() }, "the day by which it is needed"),
    ] {
        let mut world = World::at(Stage::Requested);
        world.ok("ann", step(CaseStep::Described { about: Box::new(about) }));
        refused(&mut world, lacks);
    }
    for (about, lacks) in [
        (PartAbout { units: None, ..part_about() }, "the units of part 2"),
        (PartAbout { laterality: None, ..part_about() }, "the side of part 2"),
    ] {
        let mut world = World::at(Stage::Requested);
        world.ok("ann", part_step(2, PartStep::Described { about: Box::new(about) }));
        refused(&mut world, lacks);
    }
    let mut empty = World::new();
    empty.request(&Request::OpenCase { case: case(), intended_use: IntendedUse::Guide }).unwrap();
    let refusal = empty.refused("ann", step(CaseStep::Requested));
    assert!(matches!(refusal, Refusal::Missing { .. }), "{refusal}");
    empty.ok("ann", step(CaseStep::Described { about: Box::new(case_about()) }));
    empty.ok("ann", step(CaseStep::Requested));
    refused(&mut empty, "a part");
}

#[test]
fn approval_is_asked_only_when_each_part_has_a_revision() {
    let mut world = World::at(Stage::Designing);
    world.ok("lee", revised(1, revision(51)));
    let refusal = world.refused("lee", step(CaseStep::ApprovalAsked));
    assert!(refusal.to_string().contains("a revision of part 2"), "{refusal}");
    // What was said before somebody accepted it is not taken back.
    world.ok("lee", revised(2, revision(52)));
    let about = Box::new(CaseAbout { indication: None, ..case_about() });
    world.ok("ann", step(CaseStep::Described { about }));
    let refusal = world.refused("lee", step(CaseStep::ApprovalAsked));
    assert!(refusal.to_string().contains("its indication"), "{refusal}");
}

#[test]
fn a_revision_that_is_empty_or_inside_out_is_refused() {
    let mut world = World::at(Stage::Designing);
    for wrong in [
        NewRevision { triangles: 0, ..revision(1) },
        NewRevision { scale: 0, ..revision(1) },
        NewRevision { signed_volume: 0, ..revision(1) },
        NewRevision { extents: [Height::default(); 3], ..revision(1) },
    ] {
        assert_eq!(world.refused("lee", revised(1, wrong)), Refusal::Revision);
    }
    let turned = NewRevision { signed_volume: -5, ..revision(1) };
    assert_eq!(world.refused("lee", revised(1, turned.clone())), Refusal::InsideOut { part: 1 });
    world.ok("lee", revised(1, NewRevision { mirrored: true, ..turned }));
}

#[test]
fn a_design_is_approved_only_under_the_digest_of_what_is_there() {
    let mut world = World::at(Stage::Asked);
    let seen = world.digest(&Subject::Design);
    world.ok("Dr A", step(CaseStep::SentBack { why: text("too thin") }));
    world.ok("lee", revised(1, revision(60)));
    assert_eq!(
        world.lab.quality.revisions[&(PartId::from_entropy([1; 16]), 1)].state,
        RevisionState::Obsolete
    );
    world.ok("lee", step(CaseStep::ApprovalAsked));
    let stale = CaseStep::Approved { digest: seen, proof: Proof::Name, confirmed: Vec::new() };
    let refusal = world.refused("Dr A", step(stale));
    assert_eq!(refusal, Refusal::OtherDigest { now: world.digest(&Subject::Design) });
    let approval = world.approval(&[]);
    world.ok("Dr A", approval);
    let newest = world.lab.quality.revisions[&(PartId::from_entropy([1; 16]), 2)].state;
    assert_eq!(newest, RevisionState::Approved { approval: 1 });
}

#[test]
fn what_is_mirrored_or_modified_is_approved_only_when_each_is_confirmed() {
    let mut world = World::at(Stage::Designing);
    world.ok("lee", revised(1, NewRevision { mirrored: true, ..revision(51) }));
    world.ok("lee", revised(2, NewRevision { modified: true, ..revision(52) }));
    world.ok("lee", step(CaseStep::ApprovalAsked));
    for (confirmed, left) in [(vec![], vec![1, 2]), (vec![1], vec![2]), (vec![2], vec![1])] {
        let approval = world.approval(&confirmed);
        let refusal = world.refused("Dr A", approval);
        assert_eq!(refusal, Refusal::NotConfirmed { case: case(), parts: left });
    }
    let approval = world.approval(&[2, 1]);
    world.ok("Dr A", approval);
}

#[test]
fn an_approved_case_is_locked_until_it_is_reopened() {
    let mut world = World::at(Stage::Approved);
    for change in
        [revised(1, revision(70)), part_step(1, PartStep::Described { about: Box::new(part_about()) })]
    {
        let refusal = world.refused("lee", change);
        assert!(matches!(refusal, Refusal::Locked { .. }), "{refusal}");
        assert!(refusal.to_string().contains("is approved"), "{refusal}");
    }
    let name = PartName::try_from("more".to_owned()).unwrap();
    let add = Request::AddPart { case: case(), part: PartId::from_entropy([9; 16]), name };
    let refusal = world.request(&add).unwrap_err();
    assert!(matches!(refusal, lab::Refusal::Quality(Refusal::Locked { .. })), "{refusal}");
    world.ok("lee", step(CaseStep::Reopened { why: text("the valve is missing") }));
    world.request(&add).unwrap();
    world.ok("lee", revised(1, revision(70)));
}

#[test]
fn a_reopened_case_loses_its_signatures_and_what_waits_to_be_printed() {
    let mut world = World::at(Stage::PartsReleased);
    world.request(&Request::QueueJob(Box::new(new_job(5, 1)))).unwrap();
    world.ok("lee", step(CaseStep::Reopened { why: text("wrong phase") }));
    assert_eq!(world.state(), CaseState::Designing);
    assert!(world.lab.quality.signatures_of(&case()).all(|of| of.voided.is_some()));
    assert!(world.lab.quality.revisions.values().all(|of| of.state == RevisionState::Proposed));
    assert!(matches!(world.lab.jobs[&job(5)].state, JobState::Ended { .. }));
    assert_eq!(world.printed(1, 2).state, PrintedState::Withdrawn);
    assert_eq!(world.printed(1, 1).state.word(), "in quarantine");
    world.assert_durable();
    // A part that is out is not left behind.
    let mut out = World::at(Stage::PartsDelivered);
    let refusal = out.refused("lee", step(CaseStep::Reopened { why: text("wrong phase") }));
    assert!(refusal.to_string().contains("is delivered, so it cannot be left behind"), "{refusal}");
}

#[test]
fn a_cancelled_case_takes_its_waiting_jobs_along_and_a_print_of_a_reopened_one_is_doubtful() {
    let mut world = World::at(Stage::Produced);
    world.request(&Request::QueueJob(Box::new(new_job(5, 1)))).unwrap();
    let mut cancelled = world.clone();
    cancelled.ok("ann", step(CaseStep::Cancelled { why: text("not operated") }));
    assert!(matches!(cancelled.lab.jobs[&job(5)].state, JobState::Ended { .. }));
    world.request(&Request::StartJob { job: job(5), printer: printer("a") }).unwrap();
    world.ok("lee", step(CaseStep::Reopened { why: text("wrong phase") }));
    world.finish(5);
    assert_eq!(world.printed(1, 1).state, PrintedState::Suspect);
    assert_eq!(world.printed(1, 1).doubts, BTreeSet::from([Doubt::Superseded]));
}

#[test]
fn production_begins_only_with_a_process_that_is_validated_for_the_use() {
    let mut world = World::at(Stage::Approved);
    let begin = |uses: &[IntendedUse], outside: Option<Text>| {
        let (process, validated_for) = (label("draft"), uses.to_vec());
        step(CaseStep::ProductionBegun { process, validated_for, outside, version: None })
    };
    for uses in [&[][..], &[IntendedUse::Education, IntendedUse::Guide][..]] {
        let refusal = world.refused("olga", begin(uses, Some(text("it will do"))));
        assert_eq!(refusal, Refusal::NotValidated { process: "draft".into() });
    }
    world.ok("olga", begin(&[IntendedUse::Diagnostic], None));
    // For teaching somebody may say that it is good enough.
    let mut world = World::at(Stage::Approved);
    world.lab.cases.get_mut(&case()).unwrap().intended_use = IntendedUse::Education;
    assert!(matches!(world.refused("olga", begin(&[], None)), Refusal::NotValidated { .. }));
    world.ok("olga", begin(&[], Some(text("for teaching only"))));
}

#[test]
fn quality_control_begins_only_when_each_required_part_is_printed() {
    let mut world = World::at(Stage::Produced);
    world.print(1, 1);
    let refusal = world.refused("ina", step(CaseStep::QcBegun));
    assert!(refusal.to_string().contains("a print of part 2"), "{refusal}");
}

#[test]
fn a_doubtful_part_is_accepted_only_when_each_doubt_was_looked_at() {
    let mut world = World::at(Stage::Produced);
    world.start(1, 1, "a");
    world.request(&note_pause(PauseReason::Panel)).unwrap();
    world.request(&Request::NoteResumed { job: job(1), by: "kim".into() }).unwrap();
    world.request(&heat()).unwrap();
    world.finish(1);
    world.ok("olga", printed_step(1, 1, PrintedStep::SentToInspection));
    world.inspect(1, 1, 1, &GOOD, &[Doubt::Paused]);
    let refusal = world.refused("ina", printed_step(1, 1, accepted(1)));
    assert_eq!(refusal, Refusal::Doubtful { serial: serial(1, 1), doubts: vec![Doubt::HeatAlarm] });
    // One that failed has looked at nothing.
    world.inspect(2, 1, 1, &BAD, &[Doubt::HeatAlarm]);
    world.inspect(3, 1, 1, &GOOD, &[]);
    assert!(matches!(world.refused("ina", printed_step(1, 1, accepted(3))), Refusal::Doubtful { .. }));
    world.inspect(4, 1, 1, &GOOD, &[Doubt::HeatAlarm]);
    world.ok("ina", printed_step(1, 1, accepted(4)));
}

#[test]
fn a_part_is_accepted_only_by_its_last_inspection_and_only_where_that_is_good() {
    let mut world = World::at(Stage::InQc);
    world.send_to_inspection(1, 1);
    let not_last = |last| Refusal::NotTheLast { serial: serial(1, 1), inspection: inspection(1), last };
    assert_eq!(world.refused("ina", printed_step(1, 1, accepted(1))), not_last(None));
    world.inspect(1, 1, 1, &GOOD, &[]);
    world.inspect(2, 1, 1, &BAD, &[]);
    let refusal = world.refused("ina", printed_step(1, 1, accepted(1)));
    assert_eq!(refusal, not_last(Some(inspection(2))));
    assert!(refusal.to_string().ends_with(&format!("accept it by {}", inspection(2))), "{refusal}");
    let refusal = world.refused("ina", printed_step(1, 1, accepted(2)));
    assert!(matches!(refusal, Refusal::NotPassed { verdict: "fail", .. }), "{refusal}");
    world.inspect(3, 1, 1, &GOOD[..1], &[]);
    let refusal = world.refused("ina", printed_step(1, 1, accepted(3)));
    assert!(matches!(refusal, Refusal::NotPassed { verdict: "incomplete", .. }), "{refusal}");
    world.inspect(4, 1, 1, &FLAGGED, &[]);
    let refusal = world.refused("ina", printed_step(1, 1, accepted(4)));
    assert!(matches!(refusal, Refusal::Flagged { .. }), "{refusal}");
    let why = Some(line("outside the anatomy"));
    world.ok("ina", printed_step(1, 1, PrintedStep::Accepted { inspection: inspection(4), why }));
}

#[test]
fn two_inspections_and_two_nonconformances_of_one_moment_are_in_the_order_in_which_they_were_noted() {
    let mut world = World::at(Stage::InQc);
    world.send_to_inspection(1, 1);
    let now = world.now;
    for id in [9, 2] {
        world.now = now;
        world.inspect(id, 1, 1, &GOOD, &[]);
        world.now = now;
        world.ok("ina", open_fault(id, About::Case { case: case() }));
    }
    let mut all: Vec<_> = world.lab.quality.inspections.values().collect();
    assert_eq!(all[0].at, all[1].at, "of one moment");
    all.sort_by_key(|kept| kept.order());
    assert_eq!(all.iter().map(|kept| &kept.id).collect::<Vec<_>>(), [&inspection(9), &inspection(2)]);
    let mut all: Vec<_> = world.lab.quality.nonconformances.values().collect();
    assert_eq!(all[0].at, all[1].at, "of one moment");
    all.sort_by_key(|found| found.order());
    assert_eq!(all.iter().map(|found| &found.id).collect::<Vec<_>>(), [&fault(9), &fault(2)]);
}

#[test]
fn an_inspection_needs_its_template_its_values_and_an_instrument_that_is_calibrated() {
    let mut world = World::at(Stage::InQc);
    world.send_to_inspection(1, 1);
    let part = || Inspected::Part { serial: serial(1, 1) };
    let of = |measured: Measured| inspect(1, measured);
    let good = || measured(part(), &GOOD, &[]);
    let refusal = world.refused("ina", of(Measured { version: 2, ..good() }));
    assert!(matches!(refusal, Refusal::Nothing(_)), "{refusal}");
    let refusal = world.refused("ina", of(Measured { instrument: None, ..good() }));
    assert!(matches!(refusal, Refusal::InstrumentNeeded { .. }), "{refusal}");
    let refusal = world.refused("ina", of(Measured { values: vec![None; 3], ..good() }));
    assert!(matches!(refusal, Refusal::Values { items: 2, values: 3, .. }), "{refusal}");
    let early = measured(Inspected::Part { serial: serial(2, 1) }, &GOOD, &[]);
    let refusal = world.refused("ina", of(early));
    assert!(refusal.to_string().contains("is printed, so it cannot be inspected"), "{refusal}");
    // Its last day is still good.
    world.ok("ina", Change::Instrument { instrument: Box::new(instrument("2026-11-29")) });
    world.ok("ina", of(good()));
    assert!(matches!(world.refused("ina", of(good())), Refusal::Exists(_)));
    world.ok("ina", Change::Instrument { instrument: Box::new(instrument("2026-11-28")) });
    let refusal = world.refused("ina", inspect(2, good()));
    assert!(matches!(refusal, Refusal::InstrumentDue { .. }), "{refusal}");
}

#[test]
fn a_request_cannot_say_what_an_inspection_found() {
    let mut world = World::at(Stage::InQc);
    world.send_to_inspection(1, 1);
    world.inspect(1, 1, 1, &GOOD, &[]);
    let lie = Some(world.lab.quality.inspections[&inspection(1)].found.clone());
    let bad = Box::new(measured(Inspected::Part { serial: serial(1, 1) }, &BAD, &[]));
    world.ok("ina", Change::Inspection { id: inspection(2), measured: bad, found: lie });
    assert!(matches!(world.refused("ina", printed_step(1, 1, accepted(2))), Refusal::NotPassed { .. }));
}

#[test]
fn a_template_never_changes_and_its_limits_hold_its_nominal_value() {
    let mut world = World::at(Stage::Opened);
    let write = |template| Change::Template { template: Box::new(template) };
    let again = world.refused("ina", write(template()));
    assert!(matches!(again, Refusal::Version { next: 2, .. }), "{again}");
    let next = || Template { version: 2, ..template() };
    let mut off = next();
    off.items[0].low = 40_001;
    let mut long = next();
    long.items = vec![long.items[0].clone(); 11];
    let mut huge = next();
    huge.items[0].high = 10_000_000;
    for wrong in [off, long, huge, Template { items: Vec::new(), ..next() }] {
        assert_eq!(world.refused("ina", write(wrong)), Refusal::Template);
    }
    world.ok("ina", write(next()));
}

#[test]
fn a_coupon_is_asked_for_where_the_site_wants_one_and_a_failed_one_makes_the_part_doubtful() {
    let mut world = World::at(Stage::InQc);
    let rules = SiteRules { witness_coupon: true, ..SiteRules::default() };
    world.ok("ada", Change::Rules { rules });
    world.send_to_inspection(1, 1);
    world.inspect(1, 1, 1, &GOOD, &[]);
    assert!(matches!(world.refused("ina", printed_step(1, 1, accepted(1))), Refusal::NoCoupon { .. }));
    let coupon = || Inspected::Coupon { serial: serial(1, 1) };
    world.ok("ina", inspect(2, measured(coupon(), &BAD, &[])));
    let refusal = world.refused("ina", printed_step(1, 1, accepted(1)));
    assert!(matches!(&refusal, Refusal::Doubtful { doubts, .. } if doubts == &[Doubt::Coupon]), "{refusal}");
    world.inspect(3, 1, 1, &GOOD, &[Doubt::Coupon]);
    assert!(matches!(world.refused("ina", printed_step(1, 1, accepted(3))), Refusal::NoCoupon { .. }));
    world.ok("ina", inspect(4, measured(coupon(), &GOOD, &[])));
    world.ok("ina", printed_step(1, 1, accepted(3)));
    let late = world.refused("ina", inspect(5, measured(coupon(), &BAD, &[])));
    assert!(matches!(late, Refusal::Illegal { .. }), "{late}");
}

#[test]
fn a_part_is_released_by_another_person_than_who_made_it_unless_the_site_says_so() {
    let mut world = World::at(Stage::Accepted);
    let release = world.release_step(1, 1);
    for by in ["olga", " Olga "] {
        let refusal = world.refused(by, printed_step(1, 1, release.clone()));
        assert!(matches!(refusal, Refusal::OwnWork { .. }), "{refusal}");
    }
    let rules = SiteRules { releaser_may_be_operator: true, ..SiteRules::default() };
    world.ok("ada", Change::Rules { rules });
    world.ok("olga", printed_step(1, 1, release));
    // The case as well.
    world.release(2, 1);
    world.ok("ada", Change::Rules { rules: SiteRules::default() });
    let release = world.case_release();
    assert!(matches!(world.refused("olga", release), Refusal::OwnWork { .. }));
}

#[test]
fn who_queued_began_cleared_or_processed_a_print_had_a_hand_in_it() {
    let mut world = World::at(Stage::Produced);
    world.actor = Actor::Person("quentin".into());
    world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
    let begin = Request::ReleaseJob { job: job(1), printer: printer("a"), by: "beth".into() };
    world.request(&begin).unwrap();
    world.actor = Actor::Platen;
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    world.finish(1);
    world.request(&Request::ClearBed { printer: printer("a"), by: "carl".into() }).unwrap();
    world.ok("dora", printed_step(1, 1, processing()));
    let wanted = ["beth", "carl", "dora", "quentin"].map(str::to_owned);
    assert_eq!(world.printed(1, 1).operators, BTreeSet::from(wanted));
    for n in 0..2 {
        world.ok(&format!("helper {n}"), printed_step(1, 1, processing()));
    }
    world.print(2, 2);
    world.ok("ina", step(CaseStep::QcBegun));
    world.ok("dora", printed_step(1, 1, PrintedStep::SentToInspection));
    world.ok("olga", printed_step(1, 1, PrintedStep::RevisionAttested { revision: 1 }));
    world.accept(1, 1, 1);
    // Nobody knows any more who has not.
    let release = world.release_step(1, 1);
    let refusal = world.refused("rita", printed_step(1, 1, release));
    assert_eq!(refusal, Refusal::TooManyHands { serial: serial(1, 1) });
}

#[test]
fn a_signature_needs_a_password_where_the_site_wants_one() {
    let rules = SiteRules { password_to_sign: true, ..SiteRules::default() };
    let mut world = World::at(Stage::Asked);
    world.ok("ada", Change::Rules { rules });
    let approval = world.approval(&[]);
    assert_eq!(world.refused("Dr A", approval), Refusal::PasswordNeeded);
    let (digest, proof) = (world.digest(&Subject::Design), Proof::Password);
    world.ok("Dr A", step(CaseStep::Approved { digest, proof, confirmed: Vec::new() }));
    let mut world = World::at(Stage::Accepted);
    world.ok("ada", Change::Rules { rules });
    let release = world.release_step(1, 1);
    assert_eq!(world.refused("rita", printed_step(1, 1, release)), Refusal::PasswordNeeded);
}

#[test]
fn a_part_is_released_only_in_quality_control_from_the_approved_revision_and_under_its_own_digest() {
    let mut world = World::at(Stage::Accepted);
    let release = world.release_step(1, 1);
    let other = world.release_step(2, 1);
    let refusal = world.refused("rita", printed_step(1, 1, other));
    assert!(matches!(refusal, Refusal::OtherDigest { .. }), "a signature is not for another part: {refusal}");
    let mut rework = world.clone();
    rework.ok("ina", step(CaseStep::ReworkAsked { why: text("part 2") }));
    let refusal = rework.refused("rita", printed_step(1, 1, release.clone()));
    assert!(matches!(refusal, Refusal::CaseNotInQc { state: "in rework", .. }), "{refusal}");
    let mut unknown = world.clone();
    unknown.lab.quality.printed.get_mut(&serial(1, 1)).unwrap().revision = None;
    let step = unknown.release_step(1, 1);
    let refusal = unknown.refused("rita", printed_step(1, 1, step));
    assert_eq!(refusal, Refusal::WrongRevision { serial: serial(1, 1) });
    world.ok("rita", printed_step(1, 1, release));
}

#[test]
fn a_part_of_an_older_revision_is_not_released() {
    let mut world = World::at(Stage::InQc);
    world.ok("lee", step(CaseStep::Reopened { why: text("wrong phase") }));
    world.ok("lee", revised(1, revision(80)));
    world.ok("lee", step(CaseStep::ApprovalAsked));
    let approval = world.approval(&[]);
    world.ok("Dr A", approval);
    world.ok("olga", step(produce("mk3-pla-fine")));
    world.ok("ina", step(CaseStep::QcBegun));
    world.send_to_inspection(1, 1);
    world.inspect(1, 1, 1, &GOOD, &[Doubt::Superseded]);
    world.ok("ina", printed_step(1, 1, accepted(1)));
    let release = world.release_step(1, 1);
    let refusal = world.refused("rita", printed_step(1, 1, release));
    assert_eq!(refusal, Refusal::WrongRevision { serial: serial(1, 1) });
    // The other part is the same as before, and its approval is anew.
    world.send_to_inspection(2, 1);
    world.inspect(2, 2, 1, &GOOD, &[Doubt::Superseded]);
    world.ok("ina", printed_step(2, 1, accepted(2)));
    world.release(2, 1);
}

#[test]
fn a_case_is_released_only_with_all_required_parts_and_without_an_open_nonconformance() {
    let mut world = World::at(Stage::Accepted);
    world.release(1, 1);
    let release = world.case_release();
    let refusal = world.refused("rita", release);
    assert_eq!(refusal, Refusal::NotReleased { case: case(), parts: vec![2] });
    world.release(2, 1);
    world.ok("ina", open_fault(1, About::Case { case: case() }));
    let release = world.case_release();
    let refusal = world.refused("rita", release.clone());
    assert!(matches!(refusal, Refusal::NotClosed { .. }), "{refusal}");
    world.ok("ina", close_fault(1));
    let other = CaseStep::Released { digest: hash(1), proof: Proof::Name };
    assert!(matches!(world.refused("rita", step(other)), Refusal::OtherDigest { .. }));
    world.ok("rita", release);
}

#[test]
fn a_part_that_is_not_required_does_not_hold_up_a_case() {
    let mut world = World::at(Stage::Requested);
    let spare = PartAbout { required: false, ..part_about() };
    world.ok("ann", part_step(2, PartStep::Described { about: Box::new(spare) }));
    for (_, go) in &WAY[2..6] {
        go(&mut world);
    }
    world.print(1, 1);
    world.ok("ina", step(CaseStep::QcBegun));
    world.send_to_inspection(1, 1);
    world.accept(1, 1, 1);
    world.release(1, 1);
    let release = world.case_release();
    world.ok("rita", release);
}

#[test]
fn nothing_leaves_the_lab_before_its_case_is_released_and_no_case_is_delivered_before_its_parts() {
    let mut world = World::at(Stage::PartsReleased);
    world.ok("olga", printed_step(1, 1, PrintedStep::Packed));
    for step in
        [PrintedStep::Delivered { to: line("theatre 3") }, PrintedStep::HandedOver { cycle: line("134 °C") }]
    {
        let refusal = world.refused("olga", printed_step(1, 1, step));
        assert!(refusal.to_string().contains("release the case first"), "{refusal}");
    }
    let release = world.case_release();
    world.ok("rita", release);
    let refusal = world.refused("olga", step(CaseStep::Delivered));
    assert_eq!(refusal, Refusal::NotDelivered { case: case(), parts: vec![1, 2] });
}

#[test]
fn a_case_is_closed_with_an_assessment_or_after_so_many_reminders_with_a_reason() {
    let mut world = World::at(Stage::Delivered);
    let rules = SiteRules { reminders_before_waiver: 2, ..SiteRules::default() };
    world.ok("ada", Change::Rules { rules });
    assert!(matches!(world.refused("ann", step(CaseStep::Closed)), Refusal::Illegal { .. }));
    let waive = || step(CaseStep::AssessmentWaived { why: text("no answer") });
    for asked in 0..2 {
        let refusal = world.refused("ann", waive());
        assert_eq!(refusal, Refusal::TooFewReminders { case: case(), asked, wanted: 2 });
        world.ok("ann", step(CaseStep::Reminded));
    }
    world.ok("ann", waive());
    world.ok("ann", step(CaseStep::Closed));
}

#[test]
fn a_nonconformance_keeps_its_part_apart_and_each_disposition_does_what_it_says() {
    let open = || {
        let mut world = World::at(Stage::Accepted);
        world.ok("ina", open_fault(1, About::Part { serial: serial(1, 1) }));
        assert_eq!(world.printed(1, 1).state.word(), "in quarantine");
        let refusal = world.refused("ina", close_fault(1));
        assert!(matches!(refusal, Refusal::Illegal { .. }), "{refusal}");
        let lift = PrintedStep::QuarantineLifted { why: line("fine") };
        let refusal = world.refused("ina", printed_step(1, 1, lift));
        assert!(matches!(refusal, Refusal::NotClosed { .. }), "{refusal}");
        world
    };
    let mut world = open();
    world.ok("ina", dispose(1, Disposition::Scrap));
    assert_eq!(world.printed(1, 1).state.word(), "scrapped");
    assert!(world.refused("ina", dispose(1, Disposition::Scrap)).to_string().contains("is decided"));

    let mut world = open();
    world.ok("ina", dispose(1, Disposition::Reprint));
    assert_eq!(world.printed(1, 2).state, PrintedState::Planned);
    assert_eq!(world.printed(1, 2).replaces, Some(serial(1, 1)));
    world.request(&Request::QueueJob(Box::new(new_job(7, 1)))).unwrap();
    assert_eq!(world.printed(1, 2).state, PrintedState::Queued);
    assert_eq!(world.printed(1, 2).replaces, Some(serial(1, 1)));
    world.assert_durable();

    let mut world = open();
    world.ok("ina", dispose(1, Disposition::Rework));
    let printed = world.printed(1, 1);
    assert_eq!((printed.state.word(), printed.reworks), ("in post-processing", 1));
    assert!(printed.inspections.is_empty() && printed.accepted.is_none());

    let mut world = open();
    let digest = world.digest(&Subject::Concession { nonconformance: fault(1) });
    let as_is = |digest: &FileHash| Disposition::UseAsIs { digest: digest.clone(), proof: Proof::Name };
    let refusal = world.refused("ina", dispose(1, as_is(&hash(1))));
    assert!(matches!(refusal, Refusal::OtherDigest { .. }), "{refusal}");
    let refusal = world.refused("olga", dispose(1, as_is(&digest)));
    assert!(matches!(refusal, Refusal::OwnWork { .. }), "{refusal}");
    world.ok("rita", dispose(1, as_is(&digest)));
    let printed = world.printed(1, 1);
    assert_eq!(printed.state, PrintedState::Accepted);
    assert_eq!(printed.accepted, Some(Acceptance::Concession { nonconformance: fault(1) }));
    let signed = world.lab.quality.signatures_of(&case()).last().unwrap();
    assert_eq!((signed.meaning, signed.by.as_str()), (Meaning::UseAsIs, "rita"));
    // It has to be closed before the part is released.
    let release = world.release_step(1, 1);
    let refusal = world.refused("rita", printed_step(1, 1, release.clone()));
    assert!(matches!(refusal, Refusal::NotClosed { .. }), "{refusal}");
    world.ok("ina", close_fault(1));
    world.ok("rita", printed_step(1, 1, release));
    world.assert_durable();
}

#[test]
fn a_nonconformance_about_no_part_is_closed_and_never_disposed() {
    let mut world = World::at(Stage::Opened);
    world.ok("ina", open_fault(1, About::Printer { printer: printer("a") }));
    assert_eq!(world.refused("ina", dispose(1, Disposition::Scrap)), Refusal::NoPart);
    world.ok("ina", close_fault(1));
    assert!(matches!(world.refused("ina", open_fault(1, About::Case { case: case() })), Refusal::Exists(_)));
    assert!(matches!(world.refused("ina", close_fault(2)), Refusal::Nothing(_)));
    assert!(matches!(world.refused("ina", open_fault(2, About::Lot { lot: lot(1) })), Refusal::Nothing(_)));
}

#[test]
fn a_released_part_in_quarantine_takes_the_release_of_its_case_with_it() {
    let mut world = World::at(Stage::Released);
    let quarantine = PrintedStep::Quarantined { why: line("the bag is open") };
    world.ok("ina", printed_step(1, 1, quarantine));
    assert_eq!(world.state().word(), "in quality control");
    let held: Vec<_> =
        world.lab.quality.signatures_of(&case()).map(|of| (of.number, of.voided.is_none())).collect();
    // The design and part 2 are what they were.
    assert_eq!(held, [(1, true), (2, false), (3, true), (4, false)]);
    let lift = PrintedStep::QuarantineLifted { why: line("bagged anew") };
    world.ok("ina", printed_step(1, 1, lift));
    assert_eq!(world.printed(1, 1).state, PrintedState::AwaitingInspection);
    let before = Refusal::NotTheLast { serial: serial(1, 1), inspection: inspection(1), last: None };
    assert_eq!(world.refused("ina", printed_step(1, 1, accepted(1))), before);
    world.inspect(9, 1, 1, &GOOD, &[Doubt::Quarantined]);
    world.ok("ina", printed_step(1, 1, accepted(9)));
    world.release(1, 1);
    let release = world.case_release();
    world.ok("rita", release);
    world.assert_durable();
}

#[test]
fn a_recalled_part_takes_back_a_case_that_is_not_delivered_yet_and_only_that() {
    let recall = || printed_step(1, 1, PrintedStep::Recalled { why: line("lot") });
    let mut world = World::at(Stage::Released);
    world.ok("ina", recall());
    assert_eq!(world.state().word(), "in quality control");
    let mut world = World::at(Stage::Delivered);
    world.ok("ina", recall());
    assert_eq!(world.state().word(), "delivered");
    assert_eq!(world.printed(1, 1).state.word(), "recalled");
    world.assert_durable();
}

#[test]
fn everything_has_a_limit_and_a_step_that_its_noun_does_not_have_is_refused() {
    use super::printed::{INSPECTIONS_MAX, LOTS_MAX, USED_MAX, Used};
    let too_many = |refusal: Refusal| assert!(matches!(refusal, Refusal::TooMany(..)), "{refusal}");
    let illegal = |refusal: Refusal| assert!(matches!(refusal, Refusal::Illegal { .. }), "{refusal}");
    let mut world = World::at(Stage::Designing);
    for rated in [0, 10] {
        let about = CaseAbout { appropriateness: Some(rated), ..case_about() };
        let described = CaseStep::Described { about: Box::new(about) };
        assert_eq!(world.refused("ann", step(described)), Refusal::Appropriateness);
    }
    world.lab.quality.parts.get_mut(&PartId::from_entropy([1; 16])).unwrap().revision = 999;
    too_many(world.refused("lee", revised(1, revision(1))));

    let mut world = World::at(Stage::Awaiting);
    let planned = || PrintedStep::Planned { replaces: None };
    assert!(matches!(world.refused("", printed_step(1, 1, planned())), Refusal::Exists(_)));
    world.ok("", printed_step(1, 2, planned()));
    let part = || measured(Inspected::Part { serial: serial(1, 1) }, &GOOD, &[]);
    too_many(world.refused("ina", inspect(1, Measured { photos: vec![hash(1); 4], ..part() })));
    let printed = world.lab.quality.printed.get_mut(&serial(1, 1)).unwrap();
    printed.inspections = vec![inspection(1); INSPECTIONS_MAX];
    too_many(world.refused("ina", inspect(1, part())));
    world.lab.quality.printed.get_mut(&serial(1, 1)).unwrap().processings = 200;
    world.ok("ina", printed_step(1, 1, PrintedStep::Rejected { why: line("cracked") }));
    illegal(world.refused("olga", printed_step(1, 1, processing())));
    world.ok("ina", open_fault(1, About::Part { serial: serial(1, 1) }));
    assert_eq!(world.printed(1, 1).state.word(), "rejected", "it is apart already");
    world.ok("ina", dispose(1, Disposition::Rework));
    too_many(world.refused("olga", printed_step(1, 1, processing())));

    receive(&mut world, 1, lot_about("2027-01-01"));
    illegal(world.refused("max", lot_step(1, LotStep::Consumed)));
    illegal(world.refused("ina", qualify(PrinterStep::Withdrawn { why: text("moved") })));
    let other = About::Case { case: CaseToken::from_entropy([8; 16]) };
    assert!(matches!(world.refused("ina", open_fault(2, other)), Refusal::Nothing(_)));

    world.start(3, 2, "a");
    let progress = Some(Progress { confirmed: 1, total: 10 });
    let printed = world.lab.quality.printed.get_mut(&serial(2, 2)).unwrap();
    printed.lots = (10..).take(LOTS_MAX).map(lot).collect();
    too_many(world.refused("max", load(1, 0)));
    let printed = world.lab.quality.printed.get_mut(&serial(2, 2)).unwrap();
    printed.used = vec![Used { job: job(9), lot: lot(9), milligrams: 1 }; USED_MAX];
    too_many(
        world.refused("", Change::MaterialUsed { job: job(3), lot: lot(10), milligrams: 5, runs_out: None }),
    );
    let cancel = Request::CancelJob { job: job(3), progress, by: "kim".into(), line: None };
    world.request(&cancel).unwrap();
    world.ok("ina", open_fault(2, About::Part { serial: serial(2, 2) }));
    assert_eq!(world.printed(2, 2).state.word(), "failed", "there is nothing to be kept apart");
    illegal(world.refused("ina", dispose(2, Disposition::Rework)));
    world.ok("ina", dispose(2, Disposition::Scrap));
}

fn receive(world: &mut World, n: u8, about: LotAbout) {
    world.ok("max", lot_step(n, LotStep::Received { about: Box::new(about) }));
}

fn load(n: u8, slot: u8) -> Change {
    Change::Loaded { lot: lot(n), printer: printer("a"), slot }
}

fn unload(slot: u8) -> Change {
    Change::Unloaded { printer: printer("a"), slot }
}

fn lots_world() -> World {
    let mut world = World::at(Stage::Produced);
    world.ok("ada", Change::Rules { rules: SiteRules { lots: true, ..SiteRules::default() } });
    world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
    world
}

/// Why job 1 may not begin on printer a.
fn hindrances(world: &World) -> Vec<Hindrance> {
    let request = Request::StartJob { job: job(1), printer: printer("a") };
    match world.lab.judge(&request, world.now) {
        Ok(_) => Vec::new(),
        Err(lab::Refusal::Quality(Refusal::Hindered { why, .. })) => why,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_job_begins_only_with_material_that_is_good_and_every_reason_is_told() {
    let unusable = |world: &World| -> Vec<Unusable> {
        let of = |hindrance| match hindrance {
            Hindrance::Unusable { why, .. } => why,
            other => panic!("{other}"),
        };
        hindrances(world).into_iter().map(of).collect()
    };
    let mut world = lots_world();
    assert_eq!(hindrances(&world), [Hindrance::NothingLoaded]);
    receive(&mut world, 1, lot_about("2027-01-01"));
    world.ok("max", load(1, 0));
    assert_eq!(unusable(&world), [Unusable::Quarantined]);
    world.ok("max", lot_step(1, LotStep::Released));
    assert_eq!(hindrances(&world), []);
    let mut blocked = world.clone();
    blocked.ok("max", lot_step(1, LotStep::Blocked { why: text("wet") }));
    assert_eq!(unusable(&blocked), [Unusable::Blocked(text("wet"))]);
    let mut consumed = world.clone();
    consumed.ok("max", lot_step(1, LotStep::Consumed));
    assert_eq!(unusable(&consumed), [Unusable::Consumed]);
    // Its last day is still good.
    let mut expired = world.clone();
    expired.now = WallTime(TODAY.0 + 33 * 86_400_000);
    assert_eq!(hindrances(&expired), []);
    expired.now.0 += 86_400_000;
    let day = "2027-01-01".parse().unwrap();
    assert_eq!(unusable(&expired), [Unusable::Expired(day)]);
    expired.ok("max", lot_step(1, LotStep::Blocked { why: text("wet") }));
    assert_eq!(unusable(&expired), [Unusable::Blocked(text("wet")), Unusable::Expired(day)]);
    world.ok("max", unload(0));
    assert_eq!(hindrances(&world), [Hindrance::NothingLoaded]);
    world.ok("max", load(1, 0));
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    assert_eq!(world.printed(1, 1).lots, BTreeSet::from([lot(1)]));
    world.assert_durable();
}

#[test]
fn a_lot_that_is_open_too_long_or_of_another_material_stops_a_job() {
    let mut world = lots_world();
    receive(&mut world, 1, LotAbout { open_days: Some(2), ..lot_about("2027-01-01") });
    world.ok("max", lot_step(1, LotStep::Released));
    world.ok("max", lot_step(1, LotStep::Opened { on: "2026-11-27".parse().unwrap() }));
    world.ok("max", load(1, 0));
    assert_eq!(hindrances(&world), []);
    world.now.0 += 86_400_000;
    let until = "2026-11-29".parse().unwrap();
    assert!(
        matches!(&hindrances(&world)[..], [Hindrance::Unusable { why: Unusable::OpenTooLong(day), .. }] if *day == until)
    );
    let mut world = lots_world();
    receive(&mut world, 1, LotAbout { material: label("PETG"), ..lot_about("2027-01-01") });
    world.ok("max", lot_step(1, LotStep::Released));
    world.ok("max", load(1, 0));
    assert!(matches!(&hindrances(&world)[..], [Hindrance::WrongMaterial { wanted, .. }] if wanted == "PLA"));
    // Beside the right one it does not matter, and a bad one of the right material does.
    receive(&mut world, 2, lot_about("2027-01-01"));
    world.ok("max", lot_step(2, LotStep::Released));
    world.ok("max", load(2, 1));
    assert_eq!(hindrances(&world), []);
    receive(&mut world, 3, lot_about("2027-01-01"));
    world.ok("max", load(3, 2));
    assert!(matches!(&hindrances(&world)[..], [Hindrance::Unusable { lot: of, .. }] if *of == lot(3)));
}

#[test]
fn a_job_that_names_no_material_does_not_begin_where_lots_are_asked_for() {
    let mut world = lots_world();
    receive(&mut world, 1, lot_about("2027-01-01"));
    world.ok("max", lot_step(1, LotStep::Released));
    world.ok("max", load(1, 0));
    world.lab.jobs.get_mut(&job(1)).unwrap().material = None;
    assert_eq!(hindrances(&world), [Hindrance::NoMaterialNamed]);
}

#[test]
fn without_rules_nothing_of_this_stops_a_job() {
    let mut world = lots_world();
    receive(&mut world, 1, lot_about("2026-01-01"));
    world.ok("max", load(1, 0));
    world.ok("max", lot_step(1, LotStep::Blocked { why: text("wet") }));
    assert!(!hindrances(&world).is_empty());
    world.ok("ada", Change::Rules { rules: SiteRules::default() });
    assert_eq!(hindrances(&world), []);
}

#[test]
fn an_expired_lot_is_not_released_and_a_slot_holds_one_lot() {
    let mut world = World::at(Stage::Opened);
    receive(&mut world, 1, lot_about("2026-11-28"));
    assert!(matches!(world.refused("max", lot_step(1, LotStep::Released)), Refusal::LotUnusable { .. }));
    receive(&mut world, 2, lot_about("2026-11-29"));
    world.ok("max", lot_step(2, LotStep::Released));
    world.ok("max", load(2, 0));
    assert!(matches!(world.refused("max", load(1, 0)), Refusal::SlotTaken { slot: 0, .. }));
    assert!(matches!(world.refused("max", load(1, 8)), Refusal::SlotEmpty { .. }));
    assert!(matches!(world.refused("max", unload(1)), Refusal::SlotEmpty { .. }));
    assert!(matches!(world.refused("max", load(3, 1)), Refusal::Nothing(_)));
    let again = LotStep::Received { about: Box::new(lot_about("2027-01-01")) };
    assert!(matches!(world.refused("max", lot_step(1, again)), Refusal::Exists(_)));
}

#[test]
fn what_a_job_used_is_deducted_once_and_only_from_a_lot_that_was_loaded() {
    let mut world = lots_world();
    for n in 1..=2 {
        receive(&mut world, n, lot_about("2027-01-01"));
        world.ok("max", lot_step(n, LotStep::Released));
    }
    world.ok("max", load(1, 0));
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    let used = |lot_number, milligrams| Change::MaterialUsed {
        job: job(1),
        lot: lot(lot_number),
        milligrams,
        runs_out: None,
    };
    assert!(matches!(world.refused("", used(2, 5)), Refusal::NotUsed { .. }));
    // The spool runs out, and another one is put on.
    world.ok("max", unload(0));
    world.ok("max", load(2, 0));
    world.finish(1);
    world.ok("", used(2, 12_345));
    assert_eq!(world.lab.quality.lots[&lot(2)].left_mg, 987_655);
    assert!(matches!(world.refused("", used(2, 5)), Refusal::Deducted { .. }));
    world.ok("", used(1, 2_000_000));
    assert_eq!(world.lab.quality.lots[&lot(1)].left_mg, 0);
    let from: Vec<_> = world.lab.quality.printed_from(&lot(1)).map(|of| of.serial.clone()).collect();
    assert_eq!(from, [serial(1, 1)]);
    world.assert_durable();
}

#[test]
fn that_a_lot_runs_out_is_a_fact_once_for_each_time_that_it_comes_to_that_whatever_is_asked() {
    use super::lot::RunningOut;
    let mut world = World::at(Stage::Produced);
    receive(&mut world, 1, lot_about("2027-01-01"));
    world.ok("max", lot_step(1, LotStep::Released));
    world.ok("max", load(1, 0));
    // Of 1000 g; what a request says of it does not count.
    for (n, milligrams, asked, wanted, told) in [
        (1, 899_000, Some(RunningOut::Empty), None, 0),
        (2, 2_000, None, Some(RunningOut::Low), 1),
        (3, 2_000, Some(RunningOut::Low), None, 0),
        (4, 98_000, None, Some(RunningOut::Empty), 1),
        (5, 5, Some(RunningOut::Empty), None, 1),
    ] {
        world.start(n, 1, "a");
        world.finish(n);
        world.clear("a");
        let change = Change::MaterialUsed { job: job(n), lot: lot(1), milligrams, runs_out: asked };
        let events = world.ask("", change).unwrap();
        let Fact::Quality(fact) = &events[0].fact else { panic!("{events:?}") };
        let Change::MaterialUsed { runs_out, .. } = &fact.change else { panic!("{fact:?}") };
        assert_eq!(*runs_out, wanted, "job {n}");
        let written = serde_json::to_string(fact).unwrap();
        assert_eq!(written.contains("runs_out"), wanted.is_some(), "{written}");
        assert_eq!(serde_json::from_str::<super::Fact>(&written).unwrap(), *fact);
        assert_eq!(events.len() - 1, told, "the thread of the case has a message each time: job {n}");
    }
    world.assert_durable();
}

#[test]
fn a_recalled_lot_keeps_its_parts_apart_and_lists_those_that_are_out() {
    let mut world = World::at(Stage::Produced);
    receive(&mut world, 1, lot_about("2027-01-01"));
    world.ok("max", lot_step(1, LotStep::Released));
    world.ok("max", load(1, 0));
    for (_, go) in &WAY[6..14] {
        go(&mut world);
    }
    assert_eq!(world.state().word(), "delivered");
    // One more that is still in the lab, one that is being printed, and one of another printer.
    world.print(3, 1);
    world.start(4, 1, "a");
    world.start(5, 1, "b");
    world.ok("max", lot_step(1, LotStep::Recalled { why: text("maker's letter") }));
    assert!(matches!(world.lab.quality.lots[&lot(1)].state, LotState::Blocked { .. }));
    let because = LookBack::LotRecalled { lot: lot(1) };
    let listed: Vec<_> = world
        .lab
        .quality
        .looked_back(&because)
        .map(|of| (of.serial.part, of.serial.attempt, of.state.word()))
        .collect();
    let wanted = [(1, 1, "delivered"), (1, 2, "in quarantine"), (1, 3, "in quarantine"), (2, 1, "delivered")];
    assert_eq!(listed, wanted);
    assert_eq!(world.printed(1, 4).state, PrintedState::Printing);
    // What was delivered is still what was signed.
    assert!(world.lab.quality.signatures_of(&case()).all(|of| of.voided.is_none()));
    // A print that begins with it all the same is kept apart from the start.
    world.finish(4);
    world.clear("a");
    world.start(6, 1, "a");
    assert_eq!(world.printed(1, 5).state.word(), "in quarantine");
    world.assert_durable();
}

fn phantom(id: u8, values: &[i32], next_due: Option<&str>) -> Change {
    let next_due = next_due.map(|day| day.parse().unwrap());
    inspect(id, measured(Inspected::Phantom { printer: printer("a"), next_due }, values, &[]))
}

fn qualify(step: PrinterStep) -> Change {
    Change::Printer { printer: printer("a"), step }
}

#[test]
fn a_failed_phantom_looks_back_to_the_last_good_one_and_ends_the_qualification() {
    let mut world = World::at(Stage::Produced);
    world.ok("ina", qualify(PrinterStep::Qualified));
    world.print(1, 1);
    world.ok("ina", phantom(91, &GOOD, Some("2026-12-29")));
    world.print(2, 2);
    world.print(3, 1);
    world.start(4, 1, "b");
    // One that says nothing changes nothing.
    world.ok("ina", phantom(92, &GOOD[..1], None));
    assert_eq!(world.printed(2, 1).state, PrintedState::Printed);
    world.ok("ina", phantom(93, &BAD, None));
    let because = LookBack::PhantomFailed { inspection: inspection(93) };
    let listed: Vec<_> = world.lab.quality.looked_back(&because).map(|of| of.serial.clone()).collect();
    assert_eq!(listed, [serial(1, 2), serial(2, 1)], "and not those before the last good one");
    assert!(listed.iter().all(|of| world.lab.quality.printed[of].state.word() == "in quarantine"));
    let known = &world.lab.quality.printers[&printer("a")];
    assert_eq!(known.state, QualificationState::Unqualified);
    assert_eq!(known.calibration_due, Some("2026-12-29".parse().unwrap()));
    assert_eq!(world.refused("ina", qualify(PrinterStep::Qualified)), Refusal::PhantomFailed(printer("a")));
    world.start(5, 2, "a");
    assert_eq!(world.printed(2, 2).state.word(), "in quarantine");
    world.ok("ina", phantom(94, &GOOD, None));
    world.ok("ina", qualify(PrinterStep::Qualified));
    world.assert_durable();
}

#[test]
fn a_job_begins_only_on_a_printer_that_is_qualified_for_its_use_and_calibrated() {
    let mut world = World::at(Stage::Produced);
    let rules = SiteRules { qualified_printers: true, ..SiteRules::default() };
    world.ok("ada", Change::Rules { rules });
    world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
    assert_eq!(hindrances(&world), [Hindrance::Unqualified]);
    world.ok("ina", qualify(PrinterStep::Qualified));
    assert_eq!(hindrances(&world), [Hindrance::CalibrationUnknown]);
    world.ok("ina", qualify(PrinterStep::CalibrationDue { on: "2026-11-28".parse().unwrap() }));
    assert!(matches!(&hindrances(&world)[..], [Hindrance::CalibrationDue(_)]));
    world.ok("ina", phantom(91, &GOOD, Some("2026-11-29")));
    assert_eq!(hindrances(&world), []);
    let restrict = |uses: &[IntendedUse]| {
        qualify(PrinterStep::Restricted { uses: uses.to_vec(), why: text("worn nozzle") })
    };
    world.ok("ina", restrict(&[IntendedUse::Education]));
    assert_eq!(hindrances(&world), [Hindrance::Restricted { why: text("worn nozzle") }]);
    world.ok("ina", restrict(&[IntendedUse::Diagnostic]));
    assert_eq!(hindrances(&world), []);
    world.ok("ina", qualify(PrinterStep::Withdrawn { why: text("moved") }));
    assert_eq!(hindrances(&world), [Hindrance::Unqualified]);
}

fn chain(mesh: u8, process: &str) -> Box<Chain> {
    let (name, version) = ("prusa-slicer".to_owned(), "2.9".to_owned());
    Box::new(Chain {
        model: ModelLink {
            hash: hash(mesh),
            format: "stl-binary".into(),
            unit: "mm".into(),
            size: [Height::default(); 3],
            triangles: 12,
            watertight: true,
        },
        process: process.into(),
        printer_model: "mk3".into(),
        material: "PLA".into(),
        profile: ProfileLink { name: "a.ini".into(), version: 1, hash: hash(2) },
        slicer: SlicerLink { name, version },
        file: hash(101),
        bytes: 10,
        layers: 4,
        height: None,
        network_cut: true,
        accepted: Vec::new(),
    })
}

#[test]
fn where_approvals_are_asked_for_a_job_begins_only_from_an_approved_revision_by_the_planned_process() {
    let rules = SiteRules { approval_before_printing: true, ..SiteRules::default() };
    let mut world = World::at(Stage::Asked);
    world.ok("ada", Change::Rules { rules });
    world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
    let why = hindrances(&world);
    assert!(
        matches!(
            &why[..],
            [Hindrance::NotInProduction { state: "awaiting approval", .. }, Hindrance::NoRevision { .. }]
        ),
        "{why:?}"
    );
    world.ok("olga", printed_step(1, 1, PrintedStep::RevisionAttested { revision: 1 }));
    let why = hindrances(&world);
    assert!(
        matches!(&why[..], [Hindrance::NotInProduction { .. }, Hindrance::NotApproved { .. }]),
        "{why:?}"
    );
    let approval = world.approval(&[]);
    world.ok("Dr A", approval);
    world.ok("olga", step(produce("mk3-pla-fine")));
    assert_eq!(hindrances(&world), []);
    world.ok("ann", step(CaseStep::Held { why: text("fever") }));
    assert!(matches!(&hindrances(&world)[..], [Hindrance::NotInProduction { state: "on hold", .. }]));
    world.ok("ann", step(CaseStep::Continued));
    world.lab.chains.insert(job(1), *chain(51, "draft"));
    assert!(matches!(&hindrances(&world)[..], [Hindrance::OtherProcess { .. }]));
    world.lab.chains.insert(job(1), *chain(51, "mk3-pla-fine"));
    assert_eq!(hindrances(&world), []);
    world.lab.jobs.get_mut(&job(1)).unwrap().attempt = None;
    assert_eq!(hindrances(&world), [Hindrance::NotFollowed]);
}

#[test]
fn where_approvals_are_asked_for_a_job_begins_by_no_process_that_is_not_validated_for_its_case_any_more() {
    let rules = SiteRules { approval_before_printing: true, ..SiteRules::default() };
    let mut world = World::at(Stage::Produced);
    world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
    world.lab.chains.insert(job(1), *chain(51, "mk3-pla-fine"));
    let bars = |world: &World| {
        let why = world.lab.judge(&Request::StartJob { job: job(1), printer: printer("a") }, world.now);
        why.err().is_some_and(|why| why.to_string().contains("is not validated for what the case is for"))
    };
    let note = |world: &mut World, content, validated_for| {
        let process = Process { validated_for, ..process("mk3-pla-fine", content) };
        world.ok("", Change::Process { process: Box::new(process) });
    };
    note(&mut world, 1, vec![IntendedUse::Education]);
    assert!(!bars(&world), "nobody asks for that");
    world.ok("ada", Change::Rules { rules });
    assert!(bars(&world));
    note(&mut world, 2, vec![IntendedUse::Education, IntendedUse::Diagnostic]);
    assert!(!bars(&world));
}

#[test]
fn a_sliced_file_tells_its_revision_and_nobody_can_say_otherwise() {
    use crate::domain::chain::SliceOrder;
    let mut world = World::at(Stage::Produced);
    let slice = |n, scale| lab::NewSlicing {
        job: job(n),
        case: case(),
        part: PartRef::Number(1),
        model: hash(51),
        order: SliceOrder {
            process: "mk3-pla-fine".into(),
            unit: None,
            scale,
            mirrored: false,
            expected: None,
            accepted: Vec::new(),
            by: None,
        },
        pinned: None,
        material: None,
    };
    let sliced = |n, mesh| Request::NoteSliced {
        job: job(n),
        chain: chain(mesh, "mk3-pla-fine"),
        commands: 10,
        digest: hash(9),
        gate: None,
    };
    world.request(&Request::SliceJob(Box::new(slice(1, SliceOrder::WHOLE)))).unwrap();
    assert_eq!(world.lab.jobs[&job(1)].attempt, None, "there is nothing to be printed yet");
    world.request(&sliced(1, 51)).unwrap();
    assert_eq!(world.lab.jobs[&job(1)].attempt, Some(1));
    assert_eq!(world.printed(1, 1).revision, Some(1));
    world.request(&Request::SliceJob(Box::new(slice(2, SliceOrder::WHOLE)))).unwrap();
    world.request(&sliced(2, 77)).unwrap();
    assert_eq!(world.printed(1, 2).revision, None, "that model is of no revision");
    let attest = PrintedStep::RevisionAttested { revision: 1 };
    let refusal = world.refused("olga", printed_step(1, 2, attest));
    assert_eq!(refusal, Refusal::WrongRevision { serial: serial(1, 2) });
    world.request(&Request::SliceJob(Box::new(slice(3, 500_000)))).unwrap();
    world.request(&sliced(3, 51)).unwrap();
    assert_eq!(world.printed(1, 3).revision, None, "it was approved in another size");
    world.assert_durable();
}

#[test]
fn a_fact_of_the_quality_half_is_written_so_and_no_other_way() {
    let mut world = World::at(Stage::Requested);
    world.ok("lee", step(CaseStep::Accepted));
    world.ok("", step(CaseStep::MessagePosted { text: text("a \"notice\""), mentions: Vec::new() }));
    let written: Vec<_> =
        world.events.iter().rev().take(2).map(|event| serde_json::to_string(&event.fact).unwrap()).collect();
    let case = case();
    assert_eq!(
        written,
        [
            format!(
                r#"{{"type":"quality","what":"case","case":"{case}","step":{{"is":"message_posted","text":"a \"notice\"","mentions":[]}}}}"#
            ),
            format!(
                r#"{{"type":"quality","by":"lee","what":"case","case":"{case}","step":{{"is":"accepted"}}}}"#
            ),
        ]
    );
    let fact = &world.events.last().unwrap().fact;
    assert_eq!((fact.word(), fact.printer(), fact.ends_job()), ("quality", None, false));
    let unknown = r#"{"type":"quality","by":"lee","what":"case","case":"x","step":{"is":"accepted"}}"#;
    let told = serde_json::from_str::<Fact>(unknown).unwrap_err().to_string();
    assert!(told.contains("case token"), "a damaged entry says what is wrong with it: {told}");
}

#[test]
fn what_is_missing_from_the_store_is_named() {
    let whole = World::at(Stage::Delivered);
    assert_eq!(whole.lab.quality.lost(&whole.lab), None);
    type Lose = fn(&mut Lab);
    let losses: [(Lose, &str); 5] = [
        (|lab| drop(lab.quality.printed.remove(&serial(2, 1))), "quality/printed/"),
        (|lab| drop(lab.quality.inspections.remove(&inspection(2))), "quality/inspection/"),
        (|lab| drop(lab.quality.signatures.remove(&(case(), 2))), "quality/signature/"),
        (|lab| drop(lab.quality.signatures.remove(&(case(), 1))), "quality/signature/"),
        (|lab| lab.quality.revisions.clear(), "quality/revision/"),
    ];
    for (lose, named) in losses {
        let mut lab = whole.lab.clone();
        lose(&mut lab);
        let lost = lab.quality.lost(&lab).unwrap_or_default();
        assert!(lost.starts_with(named), "{lost:?} is not {named}");
    }
    let mut lab = World::at(Stage::Opened);
    receive(&mut lab, 1, lot_about("2027-01-01"));
    lab.ok("max", load(1, 0));
    lab.lab.quality.lots.clear();
    assert_eq!(lab.lab.quality.lost(&lab.lab), Some(format!("quality/lot/{}", lot(1))));
}

#[test]
fn people_and_platen_write_about_a_case_and_efforts_are_counted() {
    let mut world = World::at(Stage::Requested);
    let post = |text: Text, mentions: &[&str]| {
        let mentions = mentions.iter().map(|name| (*name).to_owned()).collect();
        step(CaseStep::MessagePosted { text, mentions })
    };
    world.ok("ann", post(text("can it be had by Friday?"), &[" lee "]));
    world.ok("", post(text("job interrupted"), &[]));
    let said: Vec<_> = world.lab.quality.messages.values().map(|of| (of.number, of.by.as_deref())).collect();
    assert_eq!(said, [(1, Some("ann")), (2, None)]);
    assert_eq!(world.lab.quality.messages[&(case(), 1)].mentions, ["lee"]);
    assert_eq!(world.refused("ann", post(text("hi"), &["<b>"])), Refusal::Name);
    assert!(matches!(world.refused("ann", post(text("hi"), &["a"; 5])), Refusal::TooMany(..)));
    let (role, category) = (EffortRole::NonClinician, EffortCategory::Segmentation);
    let effort = || step(CaseStep::EffortNoted { effort: Effort { role, category, minutes: Some(148) } });
    world.ok("lee", effort());
    world.ok("lee", effort());
    let of = super::effort::buckets(world.lab.quality.efforts.values());
    assert_eq!(of[&(role, category)].minutes, 296);
    world.assert_durable();
}

#[test]
fn everything_but_notices_plans_and_amounts_needs_a_name() {
    let mut world = World::at(Stage::Requested);
    let effort = Effort { role: EffortRole::Clinician, category: EffortCategory::Cad, minutes: None };
    for change in [
        step(CaseStep::Accepted),
        step(CaseStep::EffortNoted { effort }),
        Change::Rules { rules: SiteRules::default() },
        open_fault(1, About::Case { case: case() }),
        lot_step(1, LotStep::Released),
        load(1, 0),
        qualify(PrinterStep::Qualified),
        printed_step(1, 1, PrintedStep::Packed),
    ] {
        assert_eq!(world.refused("", change.clone()), Refusal::Name, "{change:?}");
        assert_eq!(world.refused("<script>", change.clone()), Refusal::Name, "{change:?}");
    }
}

#[test]
fn what_is_not_there_is_named_in_the_refusal() {
    let mut world = World::at(Stage::Opened);
    let other = CaseToken::from_entropy([8; 16]);
    for (change, named) in [
        (Change::Case { case: other.clone(), step: CaseStep::Requested }, format!("case {other}")),
        (revised(9, revision(1)), "part 9 of case".to_owned()),
        (printed_step(1, 4, PrintedStep::Packed), format!("printed part {}", serial(1, 4))),
        (
            printed_step(1, 4, PrintedStep::Planned { replaces: None }),
            format!("printed part {}", serial(1, 4)),
        ),
        (lot_step(1, LotStep::Released), format!("lot {}", lot(1))),
        (close_fault(1), format!("nonconformance {}", fault(1))),
    ] {
        let refusal = world.refused("ina", change);
        assert!(matches!(refusal, Refusal::Nothing(_)), "{refusal}");
        assert!(refusal.to_string().contains(&named), "{refusal}");
    }
}

#[test]
fn a_serial_is_read_back_as_it_is_written_and_in_no_other_way() {
    let wanted = serial(12, 3);
    assert_eq!(wanted.to_string().parse::<Serial>(), Ok(wanted.clone()));
    assert_eq!(wanted.to_string().to_uppercase().parse::<Serial>(), Ok(wanted.clone()));
    let token = case();
    for bad in [
        format!("{token}"),
        format!("{token}-1"),
        format!("{token}-0-1"),
        format!("{token}-1-0"),
        format!("{token}-01-1"),
        format!("{token}-+1-1"),
        format!("{token}-1-1-1"),
        format!("{token}-70000-1"),
        "aaaaaaaaaaaaa-1-1".to_owned(),
    ] {
        assert!(bad.parse::<Serial>().is_err(), "{bad}");
    }
}

#[test]
fn the_longest_of_everything_fits_into_an_entry_and_a_value_of_the_store() {
    let wide = "\u{1d538}";
    let label = || Label::new(&wide.repeat(40)).unwrap();
    let line = || Line::new(&wide.repeat(100)).unwrap();
    let text = || Text::new(&wide.repeat(280)).unwrap();
    let name = wide.repeat(40);
    let mut world = World::at(Stage::InQc);
    world.actor = Actor::Person(name.clone());
    let mut fits = |change: Change| {
        for event in world.ask(&name, change).unwrap() {
            let bytes = serde_json::to_vec(&event).unwrap().len();
            // The head of a chained record is 65 bytes, and an entry 2048; the numbers here are small ones.
            assert!(bytes <= 2_048 - 65 - 60, "{bytes} bytes: {event:?}");
        }
        world.assert_durable();
    };
    fits(step(CaseStep::MessagePosted { text: text(), mentions: vec![] }));
    fits(step(CaseStep::MessagePosted {
        text: Text::new(&wide.repeat(120)).unwrap(),
        mentions: vec![name.clone(); 4],
    }));
    let item = |n: u8| Item {
        name: Label::new(&format!("{n:024}")).unwrap(),
        unit: Measure::Percent,
        nominal: -8_888_888,
        low: -9_999_999,
        high: -7_777_777,
        weight: Weight::Flag,
    };
    let items = (0..10).map(item).collect();
    let template =
        Template { name: "x".repeat(64).parse().unwrap(), version: 1, method: Method::Visual, items };
    fits(Change::Template { template: Box::new(template) });
    fits(printed_step(
        1,
        1,
        PrintedStep::Processed {
            processing: Box::new(Processing {
                kind: ProcessingKind::SupportRemoval,
                recipe: Some(line()),
                minutes: Some(u16::MAX),
                equipment: Some(label()),
            }),
        },
    ));
    fits(printed_step(1, 1, PrintedStep::SentToInspection));
    let looked_at = Doubt::ALL.into_iter().collect();
    fits(inspect(
        9,
        Measured {
            subject: Inspected::Part { serial: serial(1, 1) },
            template: "x".repeat(64).parse().unwrap(),
            version: 1,
            instrument: Some("caliper-1".parse().unwrap()),
            values: vec![Some(-1_999_999_999); 10],
            looked_at,
            photos: vec![hash(1); 3],
            note: Some(Text::new(&wide.repeat(100)).unwrap()),
        },
    ));
    fits(printed_step(1, 1, PrintedStep::Rejected { why: line() }));
    fits(Change::Lot {
        lot: lot(1),
        step: LotStep::Received {
            about: Box::new(LotAbout {
                material: label(),
                supplier_lot: label(),
                supplier: Some(label()),
                certificate: Some(line()),
                open_days: Some(u16::MAX),
                milligrams: u64::MAX,
                density: Some(u16::MAX),
                ..lot_about("2027-01-01")
            }),
        },
    });
    fits(lot_step(1, LotStep::Recalled { why: text() }));
    fits(open_fault(1, About::Part { serial: serial(1, 1) }));
    fits(Change::Nonconformance {
        id: fault(1),
        step: NonconformanceStep::Disposed { decision: Disposition::Reprint, why: line() },
    });
    let cost = Cost { kind: CostKind::Consumables, amount: u32::MAX, what: line() };
    fits(step(CaseStep::CostNoted { cost }));
    let maintained = PrinterStep::Maintained { what: text(), minutes: Some(u16::MAX) };
    fits(Change::Printer { printer: printer(&"x".repeat(64)), step: maintained });
    fits(step(CaseStep::Reopened { why: text() }));
    fits(step(CaseStep::Described {
        about: Box::new(CaseAbout {
            service: label(),
            requester: Some(label()),
            indication: Some(line()),
            modality: Some(label()),
            ..case_about()
        }),
    }));
    fits(part_step(
        1,
        PartStep::Described {
            about: Box::new(PartAbout {
                region: Some(label()),
                subregion: Some(label()),
                structure: Some(label()),
                comment: Some(Words::new(&wide.repeat(60)).unwrap()),
                group: Some(label()),
                guide_type: Some(label()),
                ..part_about()
            }),
        },
    ));
    let software = Some(label());
    fits(revised(1, NewRevision { format: label(), software, author: Some(label()), ..revision(1) }));
    let made = ReportMade {
        kind: ReportKind::Worksheet,
        parameters: Parameters {
            case: Some(case()),
            printer: Some("x".repeat(64).parse().unwrap()),
            lot: Some(lot(1)),
            from: Some("2026-11-01".parse().unwrap()),
            to: Some("2026-11-30".parse().unwrap()),
        },
        cut: u64::MAX,
        version: u16::MAX,
        sha256: hash(1),
    };
    fits(Change::ReportMade { made: Box::new(made) });
    let mut world = World::at(Stage::Closed);
    world.actor = Actor::Person(name.clone());
    let units = (0..CODES_MAX).map(|n| (code(&format!("0559{n}")), u16::MAX)).collect();
    let note = Some(Note::new(&wide.repeat(200)).unwrap());
    let confirmed = Box::new(Confirmed { of: hash(1), units, note });
    for event in world.ask(&name, step(CaseStep::UnitsConfirmed { confirmed })).unwrap() {
        let bytes = serde_json::to_vec(&event).unwrap().len();
        assert!(bytes <= 2_048 - 65 - 60, "{bytes} bytes: {event:?}");
    }
    let mut long = process("x".repeat(64).as_str(), 1);
    (long.technology, long.quality) =
        (Words::new(&wide.repeat(16)).unwrap(), Words::new(&wide.repeat(16)).unwrap());
    (long.slicer, long.slicer_version) =
        (Words::new(&wide.repeat(24)).unwrap(), Words::new(&wide.repeat(24)).unwrap());
    (long.material, long.profile) = (label(), Words::new(&wide.repeat(68)).unwrap());
    (long.printer_model, long.layer_micrometres) = ("x".repeat(64).parse().unwrap(), Some(u32::MAX));
    long.validated_for = vec![IntendedUse::Diagnostic, IntendedUse::Guide, IntendedUse::Education];
    for event in world.ask("", Change::Process { process: Box::new(long) }).unwrap() {
        let bytes = serde_json::to_vec(&event).unwrap().len();
        assert!(bytes <= 2_048 - 65 - 60, "{bytes} bytes: {event:?}");
    }
    world.assert_durable();
}

fn code(text: &str) -> BillingCode {
    text.parse().unwrap()
}

fn process(name: &str, content: u8) -> Process {
    Process {
        name: name.parse().unwrap(),
        version: 7,
        sha256: hash(content),
        printer_model: "mk3".parse().unwrap(),
        technology: Words::new("filament").unwrap(),
        material: label("PLA"),
        quality: Words::new("fine").unwrap(),
        profile: Words::new("mk3-pla-fine.ini").unwrap(),
        profile_version: 2,
        profile_sha256: hash(content),
        slicer: Words::new("prusa-slicer").unwrap(),
        slicer_version: Words::new("2.5.0").unwrap(),
        layer_micrometres: Some(150),
        validated_for: vec![IntendedUse::Diagnostic],
    }
}

fn found(name: &str, content: u8) -> Change {
    Change::Process { process: Box::new(process(name, content)) }
}

#[test]
fn a_process_is_written_down_by_platen_alone_and_each_content_once_with_the_next_version() {
    let mut world = World::new();
    let versions = |world: &World| world.lab.quality.processes.keys().map(|key| key.1).collect::<Vec<_>>();
    assert_eq!(world.ask("olga", found("mk3-pla-fine", 1)).unwrap_err(), Refusal::NotByAPerson);
    let name = || "mk3-pla-fine".parse().unwrap();
    assert_eq!(world.ask("olga", Change::ProcessGone { name: name() }).unwrap_err(), Refusal::NotByAPerson);
    // What a request says of the version does not count.
    world.ok("", found("mk3-pla-fine", 1));
    assert_eq!(versions(&world), [1]);
    assert!(world.ask("", found("mk3-pla-fine", 1)).unwrap().is_empty(), "nothing has changed");
    world.ok("", found("mk3-pla-fine", 2));
    // What it was once is a version of its own again.
    world.ok("", found("mk3-pla-fine", 1));
    assert_eq!(versions(&world), [1, 2, 3]);
    let current =
        |world: &World| world.lab.quality.current_process("mk3-pla-fine").map(|known| known.process.version);
    assert_eq!(current(&world), Some(3));
    world.ok("", Change::ProcessGone { name: name() });
    assert_eq!(current(&world), None);
    assert!(world.ask("", Change::ProcessGone { name: name() }).unwrap().is_empty());
    world.ok("", found("mk3-pla-fine", 1));
    assert_eq!(current(&world), Some(4), "it is back");
    world.assert_durable();
}

#[test]
fn a_case_keeps_the_version_of_its_process_by_which_its_production_began() {
    let mut world = World::at(Stage::Approved);
    world.ok("", found("mk3-pla-fine", 1));
    world.ok("", found("mk3-pla-fine", 2));
    let CaseStep::ProductionBegun { process, validated_for, .. } = produce("mk3-pla-fine") else { panic!() };
    // A version that a request names does not count.
    let begun = CaseStep::ProductionBegun { process, validated_for, outside: None, version: Some(1) };
    world.ok("lee", step(begun));
    world.ok("", found("mk3-pla-fine", 3));
    let state = world.state();
    let made = state.made().unwrap();
    assert_eq!(made.version, Some(2));
    let known = world.lab.quality.process_of(made.process.as_str(), made.version).unwrap();
    assert_eq!(known.process.sha256, hash(2));
    world.assert_durable();
    let mut world = World::at(Stage::Produced);
    assert_eq!(world.state().made().unwrap().version, None, "no catalogue had it");
    world.ok("", found("mk3-pla-fine", 1));
    assert_eq!(world.state().made().unwrap().version, None);
}

fn confirmed(units: &[(&str, u16)]) -> Change {
    let units = units.iter().map(|(of, units)| (code(of), *units)).collect();
    step(CaseStep::UnitsConfirmed { confirmed: Box::new(Confirmed { of: hash(1), units, note: None }) })
}

#[test]
fn units_are_confirmed_of_a_released_case_by_a_person_and_the_last_time_counts() {
    let mut early = World::at(Stage::InQc);
    let refusal = early.refused("bo", confirmed(&[("0559T", 1)]));
    assert!(refusal.to_string().contains("so it cannot be confirmed by a coder"), "{refusal}");
    let mut world = World::at(Stage::Closed);
    let state = world.state();
    assert_eq!(world.ask("", confirmed(&[("0559T", 1)])).unwrap_err(), Refusal::Name);
    world.ok("bo", confirmed(&[("0559T", 1), ("0560T", 4)]));
    world.ok("cy", confirmed(&[("0559T", 1)]));
    let kept = &world.lab.quality.confirmations[&case()];
    assert_eq!((kept.by.as_str(), kept.confirmed.in_words().as_str()), ("cy", "0559T 1"));
    assert_eq!(world.state(), state);
    let many = [("05590", 1), ("05591", 1), ("05592", 1), ("05593", 1), ("05594", 1)];
    assert!(matches!(world.refused("bo", confirmed(&many)), Refusal::TooMany(..)));
    world.assert_durable();
}

#[test]
fn a_case_is_assessed_in_one_word_and_not_without_any() {
    let mut world = World::at(Stage::Delivered);
    let assessed = |overall| {
        let (answers, saved, used_in_procedure, comment) = (None, None, None, None);
        let respondent = label("surgeon");
        let assessment = Assessment { overall, answers, saved, used_in_procedure, respondent, comment };
        step(CaseStep::Assessed { assessment: Box::new(assessment) })
    };
    assert_eq!(world.refused("ann", assessed(None)), Refusal::NothingSaid);
    world.ok("ann", assessed(Some(Overall::NoDifference)));
    assert_eq!(world.state().word(), "assessed");
    let kept = &world.lab.quality.assessments[&case()].assessment;
    assert_eq!((kept.overall, kept.answers), (Some(Overall::NoDifference), None));
    world.assert_durable();
}

#[test]
fn a_report_that_was_taken_is_noted_once_for_each_person_and_found_by_its_hash() {
    let mut world = World::at(Stage::Requested);
    let taken = |n: u8| {
        let parameters = Parameters { case: Some(case()), ..Parameters::default() };
        let made =
            ReportMade { kind: ReportKind::Case, parameters, cut: u64::from(n), version: 2, sha256: hash(n) };
        Change::ReportMade { made: Box::new(made) }
    };
    let seq = |events: Vec<Event>| events.iter().map(|event| event.seq).collect::<Vec<_>>();
    let first = seq(world.ask("kim", taken(1)).unwrap());
    assert!(world.ask("kim", taken(1)).unwrap().is_empty());
    let second = seq(world.ask("lee", taken(1)).unwrap());
    let unnamed = seq(world.ask("", taken(1)).unwrap());
    assert!(world.ask("", taken(1)).unwrap().is_empty());
    world.ok("kim", taken(2));
    let found: Vec<_> = world.lab.quality.taken(&hash(1)).map(|of| (of.by.as_deref(), of.seq)).collect();
    assert_eq!(found, [(Some("kim"), first[0]), (Some("lee"), second[0]), (None, unnamed[0])]);
    assert_eq!(world.lab.quality.taken(&hash(3)).count(), 0);
    let told = crate::domain::story::told(&world.events.last().unwrap().fact);
    assert_eq!(
        told,
        format!(
            "a report is taken by kim: Case record of case {}, up to entry 2, SHA-256 020202020202",
            case()
        )
    );
    world.assert_durable();
}

#[test]
fn a_printed_part_with_all_its_marks_fits_into_one_value_of_the_store() {
    use super::printed::{
        INSPECTIONS_MAX, LOOKBACKS_MAX, LOTS_MAX, OPERATORS_MAX, QuarantineCause, USED_MAX, Used,
    };
    let mut world = World::at(Stage::Printed);
    let printed = world.lab.quality.printed.get_mut(&serial(1, 1)).unwrap();
    let why = || Line::new(&"\u{1d538}".repeat(100)).unwrap();
    printed.state = PrintedState::Quarantined {
        cause: QuarantineCause::Person { why: why() },
        from: Box::new(PrintedState::Rejected { why: why() }),
    };
    printed.doubts = Doubt::ALL.into_iter().collect();
    for n in 0..20 {
        printed.loaded(&lot(n));
        printed.handled_by(&format!("{n:02}{}", "\u{1d538}".repeat(38)));
        printed.look_back(LookBack::LotRecalled { lot: lot(n) });
    }
    assert_eq!((printed.lots.len(), printed.operators.len()), (LOTS_MAX, OPERATORS_MAX));
    assert_eq!(printed.lookbacks.len(), LOOKBACKS_MAX);
    printed.used = vec![Used { job: job(1), lot: lot(1), milligrams: u64::MAX }; USED_MAX];
    printed.inspections = vec![inspection(1); INSPECTIONS_MAX];
    printed.accepted = Some(Acceptance::Inspection { id: inspection(1), why: Some(why()) });
    printed.replaces = Some(serial(999, u32::MAX));
    let bytes = world.lab.entity(&EntityKey::Quality(Key::Printed(serial(1, 1)))).unwrap().len();
    assert!(bytes <= 4_096, "{bytes} bytes");
}

/// A case of which this is ordered of part 1, requested.
fn ordering(ordered: Ordered) -> World {
    let mut world = World::at(Stage::Requested);
    order(&mut world, ordered);
    world
}

fn order(world: &mut World, ordered: Ordered) {
    let about = PartAbout { ordered: Some(ordered), ..part_about() };
    world.ok("ann", part_step(1, PartStep::Described { about: Box::new(about) }));
}

fn of_scale(millionths: u32) -> Ordered {
    Ordered { scale: Some(millionths.try_into().unwrap()), ..Ordered::default() }
}

#[test]
fn a_model_of_another_scale_than_was_ordered_is_no_revision_and_is_not_put_up_for_approval() {
    let mut world = ordering(of_scale(500_000));
    WAY[2].1(&mut world);
    let refusal = world.refused("lee", revised(1, revision(51)));
    assert!(matches!(&refusal, Refusal::OtherScale { part: 1, revision: 1, .. }), "{refusal}");
    let words = refusal.to_string();
    assert!(
        words.contains("was ordered at scale 0.5") && words.contains("revision 1 is at scale 1;"),
        "{words}"
    );
    world.ok("lee", revised(1, NewRevision { scale: 500_000, ..revision(51) }));
    world.ok("lee", revised(2, revision(52)));
    // What is ordered anew is held against the model that is there.
    order(&mut world, of_scale(1_000_000));
    let refusal = world.refused("lee", step(CaseStep::ApprovalAsked));
    assert!(matches!(&refusal, Refusal::OtherScale { part: 1, revision: 1, .. }), "{refusal}");
    world.ok("lee", revised(1, revision(53)));
    world.ok("lee", step(CaseStep::ApprovalAsked));
    world.assert_durable();
}

#[test]
fn what_was_ordered_and_agreed_is_signed_with_the_design_and_an_older_design_is_signed_as_before() {
    let plain = World::at(Stage::Asked);
    let signed = signature::to_sign(&plain.lab, &case(), &Subject::Design).unwrap();
    assert!(!signed.contains("ordered") && !signed.contains("acceptance"), "{signed}");
    let quantity = 2.try_into().unwrap();
    let mut world = ordering(Ordered { colour: Some(label("red")), quantity, ..Ordered::default() });
    let about = CaseAbout { acceptance: Some(text("no wall below 1 mm")), ..case_about() };
    world.ok("ann", step(CaseStep::Described { about: Box::new(about) }));
    WAY[2].1(&mut world);
    WAY[3].1(&mut world);
    let signed = signature::to_sign(&world.lab, &case(), &Subject::Design).unwrap();
    assert!(signed.contains(r#""acceptance":"no wall below 1 mm""#), "{signed}");
    assert_eq!(signed.matches(r#""ordered":{"colour":"red","quantity":2}"#).count(), 1, "{signed}");
    assert_ne!(world.digest(&Subject::Design), plain.digest(&Subject::Design));
    let approval = world.approval(&[]);
    world.ok("Dr A", approval);
    world.assert_durable();
}

#[test]
fn a_job_of_another_material_than_was_ordered_does_not_begin_where_the_site_asks_for_lots() {
    let begins = |material: &str, lots: bool| {
        let material = Some(label(material));
        let mut world = ordering(Ordered { material, ..Ordered::default() });
        for (_, go) in &WAY[2..6] {
            go(&mut world);
        }
        world.ok("ada", Change::Rules { rules: SiteRules { lots, ..SiteRules::default() } });
        receive(&mut world, 1, lot_about("2027-01-01"));
        world.ok("max", lot_step(1, LotStep::Released));
        world.ok("max", load(1, 0));
        world.request(&Request::QueueJob(Box::new(new_job(1, 1)))).unwrap();
        hindrances(&world)
    };
    let (ordered, wanted) = ("clear resin".to_owned(), "PLA".to_owned());
    assert_eq!(begins("clear resin", true), [Hindrance::NotAsOrdered { part: 1, ordered, wanted }]);
    let told = begins("clear resin", true)[0].to_string();
    assert_eq!(
        told,
        "part 1 was ordered in clear resin, and it wants PLA: queue it anew in what was ordered"
    );
    assert_eq!(begins("clear resin", false), []);
    assert_eq!(begins("pla", true), []);
}

#[test]
fn a_case_is_released_and_delivered_only_with_as_many_prints_as_were_ordered() {
    let mut world = ordering(Ordered { quantity: 2.try_into().unwrap(), ..Ordered::default() });
    for (_, go) in &WAY[2..6] {
        go(&mut world);
    }
    world.print(1, 1);
    world.print(2, 2);
    let refusal = world.refused("ina", step(CaseStep::QcBegun));
    assert!(refusal.to_string().contains("lacks prints (1 of 2 of part 1);"), "{refusal}");
    world.print(3, 1);
    world.ok("ina", step(CaseStep::QcBegun));
    for (id, part, attempt) in [(1, 1, 1), (2, 2, 1), (3, 1, 2)] {
        world.send_to_inspection(part, attempt);
        world.accept(id, part, attempt);
    }
    let lacking = |there| vec![Lacking { part: 1, there, ordered: 2.try_into().unwrap() }];
    world.release(1, 1);
    world.release(2, 1);
    let release = world.case_release();
    let refusal = world.refused("rita", release);
    assert_eq!(refusal, Refusal::TooFewReleased { case: case(), lacking: lacking(1) });
    assert!(refusal.to_string().contains("too few prints are released: 1 of 2 of part 1;"), "{refusal}");
    world.release(1, 2);
    let release = world.case_release();
    world.ok("rita", release);
    let deliver = |world: &mut World, part, attempt| {
        world.ok("olga", printed_step(part, attempt, PrintedStep::Packed));
        let to = line("theatre 3");
        world.ok("olga", printed_step(part, attempt, PrintedStep::Delivered { to }));
    };
    deliver(&mut world, 1, 2);
    deliver(&mut world, 2, 1);
    let refusal = world.refused("olga", step(CaseStep::Delivered));
    assert_eq!(refusal, Refusal::TooFewDelivered { case: case(), lacking: lacking(1) });
    assert!(refusal.to_string().contains("too few prints are delivered: 1 of 2 of part 1;"), "{refusal}");
    deliver(&mut world, 1, 1);
    world.ok("olga", step(CaseStep::Delivered));
    world.assert_durable();
}

#[test]
fn costs_of_a_case_and_work_on_a_printer_are_kept_in_their_order_whatever_the_state_is() {
    let mut world = World::at(Stage::Closed);
    let cost =
        |kind, amount| step(CaseStep::CostNoted { cost: Cost { kind, amount, what: line("sterile bags") } });
    assert_eq!(world.refused("", cost(CostKind::Other, 1)), Refusal::Name);
    for (kind, amount) in [(CostKind::Material, 1_250), (CostKind::Other, u32::MAX), (CostKind::Material, 5)]
    {
        world.ok("lee", cost(kind, amount));
    }
    let done = |on: &str, minutes| {
        let maintained = PrinterStep::Maintained { what: text("a new nozzle"), minutes };
        Change::Printer { printer: printer(on), step: maintained }
    };
    world.ok("mo", done("a", Some(20)));
    world.ok("mo", done("b", None));
    world.ok("mo", done("a", None));
    let quality = &world.lab.quality;
    let numbers: Vec<_> = quality.costs_of(&case()).map(|of| (of.number, of.by.as_str())).collect();
    assert_eq!(numbers, [(1, "lee"), (2, "lee"), (3, "lee")]);
    let sums = cost::sums(quality.costs_of(&case()));
    assert_eq!(sums, [(CostKind::Material, 1_255), (CostKind::Other, u64::from(u32::MAX))].into());
    let log: Vec<_> = quality.maintenance_of(&printer("a")).map(|of| (of.number, of.minutes)).collect();
    assert_eq!(log, [(1, Some(20)), (2, None)]);
    assert_eq!(quality.maintenance_of(&printer("b")).count(), 1);
    assert!(quality.printers.is_empty(), "it says nothing of what they may be used for");
    assert_eq!(world.state().word(), "closed");
    world.assert_durable();
}

#[test]
fn a_signature_has_the_name_in_full_that_its_signer_has_then_and_the_journal_keeps_it() {
    let mut world = World::at(Stage::Asked);
    let approval = world.approval(&[]);
    let adopt = |name: &str, printed: &str| Request::AdoptAdmin {
        name: name.parse().unwrap(),
        printed: printed.parse().unwrap(),
    };
    world.request(&adopt("Dr A", "Ada Abel, MD")).unwrap();
    world.ok("Dr A", approval);
    for (_, go) in &WAY[5..12] {
        go(&mut world);
    }
    let quality = &world.lab.quality;
    let signed: Vec<_> = quality
        .signatures_of(&case())
        .map(|of| (of.by.as_str(), of.printed_name.as_ref().map(|printed| printed.as_str())))
        .collect();
    // Nobody is set up who is called rita.
    assert_eq!(signed, [("Dr A", Some("Ada Abel, MD")), ("rita", None), ("rita", None), ("rita", None)]);
    let told = world.events.iter().map(|event| serde_json::to_string(&event.fact).unwrap());
    assert_eq!(told.filter(|fact| fact.contains("printed_name")).count(), 1);
    let mut replayed = Lab::default();
    for event in &world.events {
        replayed.apply(&serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap());
    }
    assert_eq!(replayed.quality, world.lab.quality);
}

/// The head of a chained record is 65 bytes, and an entry 2048; the numbers here are small ones.
const ENTRY: usize = 2_048 - 65 - 60;

#[test]
fn a_signature_in_the_longest_names_fits_into_an_entry_and_a_value_of_the_store() {
    let wide = "\u{1d538}";
    let name = wide.repeat(40);
    let mut world = World::at(Stage::Awaiting);
    let printed = wide.repeat(80).parse().unwrap();
    world.request(&Request::AdoptAdmin { name: name.parse().unwrap(), printed }).unwrap();
    world.ok("ina", open_fault(1, About::Part { serial: serial(1, 1) }));
    world.actor = Actor::Person(name.clone());
    let digest = world.digest(&Subject::Concession { nonconformance: fault(1) });
    let decision = Disposition::UseAsIs { digest, proof: Proof::Password };
    let why = Line::new(&wide.repeat(100)).unwrap();
    let step = NonconformanceStep::Disposed { decision, why };
    for event in world.ask(&name, Change::Nonconformance { id: fault(1), step }).unwrap() {
        let bytes = serde_json::to_vec(&event).unwrap().len();
        assert!(bytes <= ENTRY, "{bytes} bytes: {event:?}");
    }
    let last = world.lab.quality.signatures_of(&case()).last().unwrap();
    assert!(last.printed_name.is_some());
    assert!(serde_json::to_vec(last).unwrap().len() <= 4_096);
}

#[test]
fn what_is_said_of_a_case_or_a_part_is_refused_where_it_would_not_fit_into_an_entry() {
    let wide = "\u{1d538}";
    let name = wide.repeat(40);
    let label = |n: usize| Some(Label::new(&wide.repeat(n)).unwrap());
    let of_case = |n: usize| {
        step(CaseStep::Described {
            about: Box::new(CaseAbout {
                service: label(40).unwrap(),
                requester: label(40),
                indication: Some(Line::new(&wide.repeat(100)).unwrap()),
                modality: label(40),
                acceptance: Some(Text::new(&wide.repeat(n)).unwrap()),
                ..case_about()
            }),
        })
    };
    let of_part = |n: usize| {
        let ordered = Ordered { material: label(n), ..of_scale(123_456_789) };
        part_step(
            1,
            PartStep::Described {
                about: Box::new(PartAbout {
                    region: label(40),
                    subregion: label(40),
                    structure: label(40),
                    group: label(40),
                    guide_type: label(40),
                    comment: Some(Words::new(&wide.repeat(30)).unwrap()),
                    ordered: Some(ordered),
                    ..part_about()
                }),
            },
        )
    };
    let changes: [(&dyn Fn(usize) -> Change, usize); 2] = [(&of_case, 280), (&of_part, 40)];
    for (change, most) in changes {
        let mut world = World::at(Stage::Requested);
        world.actor = Actor::Person(name.clone());
        let mut counts = (1..=most).rev();
        let events = counts.find_map(|n| match world.ask(&name, change(n)) {
            Ok(events) => Some((n, events)),
            Err(Refusal::TooWordy(_)) => None,
            Err(other) => panic!("{other}"),
        });
        let (n, events) = events.unwrap();
        assert!(n < most, "all of it at its longest would fit");
        let bytes = serde_json::to_vec(&events[0]).unwrap().len();
        assert!((ENTRY - 100..=ENTRY).contains(&bytes), "{bytes} bytes with {n}");
        world.assert_durable();
        let refusal = world.refused(&name, change(n + 1));
        assert!(refusal.to_string().contains("in fewer words"), "{refusal}");
    }
}
