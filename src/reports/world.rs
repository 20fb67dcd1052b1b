//! One case from the wish to the assessment, with every time and amount known, for figures that are worked by hand.
//!
//! Hours are those since 2026-04-01T00:00:00Z. Part 1 (a component) is printed on `a` in two hours; part 2 (another) is
//! cancelled on `a` after one hour, and printed on `b` in three; part 3 (a guide) is printed on `b` in one.

use crate::counting::codes::{CodeTables, Descriptors};
use crate::counting::costs::RateBook;
use crate::counting::units::facts::ServiceDate;
use crate::domain::case::IntendedUse;
use crate::domain::event::{Actor, ChainHash, ChainedRecord, Event, Fact};
use crate::domain::ids::{BootId, CaseToken, FileHash, InspectionId, JobId, LotId, PartId};
use crate::domain::job::Progress;
use crate::domain::lab::{Lab, NewJob, Request};
use crate::domain::moment::{Moment, Stamp, WallTime};
use crate::domain::part::{PartName, PartRef};
use crate::domain::printer::LineHealth;
use crate::domain::quality::assessment::{Answers, Assessment, Likert, MinutesSaved};
use crate::domain::quality::case::{CaseAbout, CaseKind, Priority, Step as CaseStep};
use crate::domain::quality::effort::{Effort, EffortCategory, EffortRole};
use crate::domain::quality::inspection::{
    Instrument, Item, Measure, Measured, Method, Subject as Inspected, Template, Weight,
};
use crate::domain::quality::lot::{LotAbout, Step as LotStep};
use crate::domain::quality::part::{Laterality, LengthUnit, PartAbout, PartKind, Step as PartStep};
use crate::domain::quality::printed::{Serial, Step as PrintedStep};
use crate::domain::quality::processing::{Processing, ProcessingKind};
use crate::domain::quality::signature::{self, Proof, Subject};
use crate::domain::quality::tests::{measured, revision};
use crate::domain::quality::words::Words;
use crate::domain::quality::{Change, Request as Asked};
use crate::domain::zone::Zone;

use super::past::Past;
use super::{Kind, Parameters, ReportError, Sealed, Site, Sources, make, telling};

/// 2026-04-01T00:00:00Z
pub const BEGAN: u64 = 1_775_001_600_000;
pub const HOUR: u64 = 3_600_000;

pub fn words<const MAX: usize>(text: &str) -> Words<MAX> {
    Words::new(text).unwrap()
}

pub fn token() -> CaseToken {
    CaseToken::from_entropy([3; 16])
}

pub fn serial(part: u16, attempt: u32) -> Serial {
    Serial { case: token(), part, attempt }
}

pub fn job(n: u8) -> JobId {
    JobId::from_entropy([n; 16])
}

pub fn lot() -> LotId {
    LotId::from_entropy([60; 16])
}

pub fn inspection(n: u8) -> InspectionId {
    InspectionId::from_entropy([n; 16])
}

fn hash(n: u8) -> FileHash {
    FileHash::from_digest([n; 32])
}

/// A lab, and its journal.
#[derive(Clone, Debug)]
pub struct World {
    pub lab: Lab,
    pub journal: Vec<Event>,
    pub now: WallTime,
}

impl World {
    fn new() -> Self {
        let mut world = Self { lab: Lab::default(), journal: Vec::new(), now: WallTime(BEGAN) };
        let begun = Fact::JournalBegun { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
        let request = Request::OpenCase { case: token(), intended_use: IntendedUse::Diagnostic };
        world.write(&request, vec![(None, begun)]);
        world
    }

    fn write(&mut self, request: &Request, facts: Vec<(Option<JobId>, Fact)>) {
        let stamp = Stamp { wall: self.now, mono: Moment(self.now.0), boot: BootId::from_entropy([1; 16]) };
        let events = self.lab.number(request, facts, &stamp, &Actor::Platen);
        for event in &events {
            self.lab.apply(event);
        }
        self.journal.extend(events);
    }

    /// From now on it is so many minutes since the beginning.
    pub fn at(&mut self, minutes: u64) -> &mut Self {
        self.now = WallTime(BEGAN + minutes * 60_000);
        self
    }

    #[track_caller]
    pub fn request(&mut self, request: Request) {
        let facts = self.lab.judge(&request, self.now).unwrap();
        self.write(&request, facts);
    }

    #[track_caller]
    pub fn ask(&mut self, by: &str, change: Change) {
        let by = Some(by.to_owned()).filter(|by| !by.is_empty());
        self.request(Request::Quality(Box::new(Asked { by, change })));
    }

    #[track_caller]
    pub fn case(&mut self, by: &str, step: CaseStep) {
        self.ask(by, Change::Case { case: token(), step });
    }

    #[track_caller]
    pub fn piece(&mut self, by: &str, part: u16, attempt: u32, step: PrintedStep) {
        self.ask(by, Change::Printed { serial: serial(part, attempt), step });
    }

    fn digest(&self, subject: &Subject) -> FileHash {
        signature::digest(&self.lab, &token(), subject).unwrap()
    }

    pub fn queue(&mut self, n: u8, part: u16) {
        self.queue_with(n, part, &[]);
    }

    /// A job that lays other pieces on the bed as well.
    pub fn queue_with(&mut self, n: u8, part: u16, also: &[u16]) {
        let new = NewJob {
            job: job(n),
            case: token(),
            part: PartRef::Number(part),
            also: also.iter().copied().map(PartRef::Number).collect(),
            file: hash(100 + n),
            commands: 10,
            digest: hash(9),
            pinned: None,
            material: Some("PLA".into()),
            gate: None,
        };
        self.request(Request::QueueJob(Box::new(new)));
    }

    pub fn start(&mut self, n: u8, part: u16, on: &str) {
        self.queue(n, part);
        self.request(Request::StartJob { job: job(n), printer: on.parse().unwrap() });
    }

    pub fn finish(&mut self, n: u8) {
        let progress = Progress { confirmed: 10, total: 10 };
        let line = Box::new(LineHealth::default());
        self.request(Request::NotePrinted { job: job(n), progress, digest: hash(9), line, millis: 5 });
    }

    pub fn clear(&mut self, on: &str) {
        self.request(Request::ClearBed { printer: on.parse().unwrap(), by: "olga".into() });
    }

    pub fn used(&mut self, n: u8, milligrams: u64) {
        self.ask("", Change::MaterialUsed { job: job(n), lot: lot(), milligrams, runs_out: None });
    }

    /// What is measured, in µm from nominal.
    pub fn measure(&mut self, n: u8, subject: Inspected, deviations: [i32; 2]) {
        let values = deviations.map(|deviation| 40_000 + deviation);
        let measured = Measured { photos: vec![hash(90)], ..measured(subject, &values, &[]) };
        let change = Change::Inspection { id: inspection(n), measured: Box::new(measured), found: None };
        self.ask("ina", change);
    }

    /// A case is described, approved, and put into production at hour 5.
    pub fn produced() -> Self {
        let mut world = Self::new();
        world.request(Request::OpenCase { case: token(), intended_use: IntendedUse::Diagnostic });
        for n in 1..=3 {
            let name = PartName::try_from("heart".to_owned()).unwrap();
            world.request(Request::AddPart { case: token(), part: PartId::from_entropy([n; 16]), name });
        }
        let item = |name: &str| Item {
            name: words(name),
            unit: Measure::Mm,
            nominal: 40_000,
            low: 39_700,
            high: 40_300,
            weight: Weight::Fail,
        };
        let items = vec![item("length"), item("width")];
        let name = "ventricle".parse().unwrap();
        let template = Template { name, version: 1, method: Method::Caliper, items };
        world.ask("ina", Change::Template { template: Box::new(template) });
        let instrument = Instrument {
            name: "caliper-1".parse().unwrap(),
            what: words("digital caliper"),
            calibration_due: "2026-12-31".parse().unwrap(),
        };
        world.ask("ina", Change::Instrument { instrument: Box::new(instrument) });
        world.at(60);
        let about = CaseAbout {
            kind: CaseKind::Both,
            service: words("cardiac surgery"),
            requester: Some(words("Dr Quincy")),
            indication: Some(words("double outlet right ventricle")),
            modality: Some(words("CT")),
            needed_by: Some("2026-04-05".parse().unwrap()),
            priority: Priority::Urgent,
            appropriateness: Some(8),
            acceptance: None,
        };
        world.case("ann", CaseStep::Described { about: Box::new(about) });
        for part in 1..=3u16 {
            let kind = if part == 3 { PartKind::Guide } else { PartKind::Component };
            let about = PartAbout {
                region: Some(words("Chest")),
                structure: Some(words("Heart")),
                laterality: Some(Laterality::Unpaired),
                units: Some(LengthUnit::Mm),
                individually_segmented: true,
                individually_processed: true,
                dominant: part == 2,
                ..PartAbout::new(kind)
            };
            let step = PartStep::Described { about: Box::new(about) };
            world.ask("ann", Change::Part { case: token(), part, step });
        }
        world.case("ann", CaseStep::Requested);
        world.at(120).case("lee", CaseStep::Accepted);
        world.at(180).case("lee", CaseStep::DesignBegun);
        for part in 1..=3u8 {
            let revision = revision(50 + part);
            let step = PartStep::Revised { revision: Box::new(revision) };
            world.ask("lee", Change::Part { case: token(), part: u16::from(part), step });
        }
        world.case("lee", CaseStep::ApprovalAsked);
        world.at(240);
        let digest = world.digest(&Subject::Design);
        world.case("ann", CaseStep::Approved { digest, proof: Proof::Name, confirmed: Vec::new() });
        world.at(300);
        let lot_about = LotAbout {
            material: words("PLA"),
            supplier_lot: words("S-17"),
            supplier: None,
            received: "2026-03-01".parse().unwrap(),
            expires: "2027-03-01".parse().unwrap(),
            open_days: None,
            certificate: Some(words("C-17")),
            milligrams: 1_000_000,
            density: None,
        };
        let step = LotStep::Received { about: Box::new(lot_about) };
        world.ask("mat", Change::Lot { lot: lot(), step });
        world.ask("mat", Change::Lot { lot: lot(), step: LotStep::Released });
        for printer in ["a", "b"] {
            world.ask("mat", Change::Loaded { lot: lot(), printer: printer.parse().unwrap(), slot: 0 });
        }
        let validated_for = vec![IntendedUse::Diagnostic];
        let process = words("mk3-pla-fine");
        world
            .case("olga", CaseStep::ProductionBegun { process, validated_for, outside: None, version: None });
        world
    }

    /// The same, printed, released, delivered at hour 24, and assessed at hour 30.
    pub fn closed() -> Self {
        let mut world = Self::produced();
        world.at(360).start(1, 1, "a");
        world.at(480).finish(1);
        world.used(1, 10_000);
        world.at(540).clear("a");
        world.start(2, 2, "a");
        let progress = Some(Progress { confirmed: 3, total: 10 });
        world.at(600).request(Request::CancelJob { job: job(2), progress, by: "olga".into(), line: None });
        world.used(2, 2_000);
        world.at(630).clear("a");
        world.at(660).start(3, 2, "b");
        world.at(840).finish(3);
        world.used(3, 11_000);
        world.clear("b");
        world.start(4, 3, "b");
        world.at(900).finish(4);
        world.used(4, 4_000);
        world.clear("b");
        world.at(960);
        for (part, attempt) in [(1, 1), (2, 2), (3, 1)] {
            world.piece("olga", part, attempt, PrintedStep::RevisionAttested { revision: 1 });
        }
        world.case("ina", CaseStep::QcBegun);
        for (n, part, attempt) in [(1u8, 1, 1), (2, 2, 2), (3, 3, 1)] {
            let processing =
                Processing { kind: ProcessingKind::Removal, recipe: None, minutes: Some(3), equipment: None };
            world.piece("olga", part, attempt, PrintedStep::Processed { processing: Box::new(processing) });
            world.piece("olga", part, attempt, PrintedStep::SentToInspection);
            world.measure(n, Inspected::Part { serial: serial(part, attempt) }, [100, -100]);
            let accepted = PrintedStep::Accepted { inspection: inspection(n), why: None };
            world.piece("ina", part, attempt, accepted);
            let digest = world.digest(&Subject::Part { serial: serial(part, attempt) });
            world.piece("rita", part, attempt, PrintedStep::Released { digest, proof: Proof::Name });
        }
        world.at(1_200);
        let digest = world.digest(&Subject::Case);
        world.case("rita", CaseStep::Released { digest, proof: Proof::Name });
        world.at(1_440);
        for (part, attempt) in [(1, 1), (2, 2), (3, 1)] {
            world.piece("olga", part, attempt, PrintedStep::Packed);
            let to = words("Quincy, theatre 3");
            world.piece("olga", part, attempt, PrintedStep::Delivered { to });
        }
        world.case("olga", CaseStep::Delivered);
        for (role, category, minutes) in [
            (EffortRole::NonClinician, EffortCategory::Segmentation, Some(60)),
            (EffortRole::Clinician, EffortCategory::Consultation, Some(25)),
            (EffortRole::NonClinician, EffortCategory::Cad, None),
        ] {
            world.case("lee", CaseStep::EffortNoted { effort: Effort { role, category, minutes } });
        }
        world.at(1_800).case("ann", CaseStep::Used);
        let likert = |answer: u8| Likert::try_from(answer).unwrap();
        let answers = Answers {
            easy_to_use: likert(4),
            fits_approach: likert(4),
            plan_altered: likert(4),
            important: likert(5),
            quality_adequate: likert(5),
            confident_before: likert(3),
            confident_after: likert(5),
        };
        let assessment = Assessment {
            overall: None,
            answers: Some(answers),
            saved: Some(MinutesSaved { minutes: 30, measured: false }),
            used_in_procedure: Some(true),
            respondent: words("surgeon"),
            comment: Some(words("fits, says Mrs. Smith of MRN 4711081")),
        };
        world.case("ann", CaseStep::Assessed { assessment: Box::new(assessment) });
        world.case("ann", CaseStep::Closed);
        world
    }

    /// What the journal alone knows, gathered as it is from a real one.
    pub fn past(&self, kind: Kind, parameters: &Parameters) -> Past {
        let (past, lab) = self.replayed(kind, parameters);
        assert_eq!(lab, self.lab);
        past
    }

    /// The same for a lab in which a test has changed something by hand.
    pub fn past_of(&self, kind: Kind, parameters: &Parameters) -> Past {
        self.replayed(kind, parameters).0
    }

    fn replayed(&self, kind: Kind, parameters: &Parameters) -> (Past, Lab) {
        let mut past = Past::new(telling(kind, parameters, &Zone::utc()));
        let (mut lab, mut head) = (Lab::default(), ChainHash::GENESIS);
        for event in &self.journal {
            let touched = lab.apply(event);
            head = ChainedRecord::chain(head, event).hash;
            past.note(&lab, event, head, &touched);
        }
        (past, lab)
    }

    pub fn report(&self, kind: Kind, parameters: Parameters) -> Result<Sealed, ReportError> {
        self.report_at(kind, parameters, &site())
    }

    pub fn report_at(&self, kind: Kind, parameters: Parameters, site: &Site) -> Result<Sealed, ReportError> {
        let past = self.past(kind, &parameters);
        make(kind, parameters, Sources { lab: &self.lab, past: &past, site })
    }
}

/// Both printers are of one model, and there are the example's rates.
pub fn site() -> Site {
    let rates = include_str!("../../config/costs/example.toml");
    Site {
        name: "st-anna".parse().unwrap(),
        zone: Zone::utc(),
        service_date: ServiceDate::Delivered,
        models: ["a", "b"].map(|name| (name.parse().unwrap(), Some("prusa-mk3s".to_owned()))).into(),
        tables: CodeTables::shipped().unwrap(),
        descriptors: Descriptors::default(),
        rates: Some(RateBook::read([("example.toml", rates)]).unwrap()),
    }
}

pub fn of_case() -> Parameters {
    Parameters { case: Some(token()), ..Parameters::default() }
}
