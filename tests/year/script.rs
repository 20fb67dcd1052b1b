//! A year of a lab, played by the state machines themselves in virtual time. What was done is kept here once more, in
//! plain records of the test's own: the ledger, from which `count` counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use hw_sim::random::Random;
use platen::domain::case::IntendedUse;
use platen::domain::day::Day;
use platen::domain::event::{Actor, Event, Fact};
use platen::domain::ids::{
    BootId, CaseToken, FileHash, InspectionId, JobId, LotId, NonconformanceId, PartId, PrinterName,
};
use platen::domain::job::{Interruption, PauseReason, Progress};
use platen::domain::lab::{Lab, NewJob, Request};
use platen::domain::moment::{Moment, Stamp, WallTime};
use platen::domain::part::{PartName, PartRef};
use platen::domain::printer::LineHealth;
use platen::domain::quality::assessment::{Answers, Assessment, Likert, MinutesSaved, Overall};
use platen::domain::quality::case::{CaseAbout, CaseKind, Priority, Step as CaseStep};
use platen::domain::quality::effort::{Effort, EffortCategory, EffortRole};
use platen::domain::quality::inspection::{
    Instrument, Item, Measure, Measured, Method, Subject as Inspected, Template, Weight,
};
use platen::domain::quality::lot::{LotAbout, Step as LotStep};
use platen::domain::quality::nonconformance::{About, Cause, Disposition, Severity, Step as FaultStep};
use platen::domain::quality::part::{Laterality, LengthUnit, PartAbout, PartKind, Step as PartStep};
use platen::domain::quality::printed::{Doubt, Serial, Step as PrintedStep};
use platen::domain::quality::processing::{Processing, ProcessingKind};
use platen::domain::quality::qualification::Step as PrinterStep;
use platen::domain::quality::revision::NewRevision;
use platen::domain::quality::rules::SiteRules;
use platen::domain::quality::signature::{self, Proof, Subject};
use platen::domain::quality::words::Words;
use platen::domain::quality::{Change, Request as Asked};
use platen::domain::units::Height;

/// 2026-01-01T00:00:00Z
pub const BEGAN: u64 = 1_767_225_600_000;
pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
/// Nothing is done from here on.
const ENDS: u64 = BEGAN + 364 * DAY;
pub const CASES: usize = 500;
/// Name, model, material.
pub const PRINTERS: [(&str, &str, &str); 6] = [
    ("p1", "prusa-mk3s", "PLA"),
    ("p2", "prusa-mk3s", "PLA"),
    ("p3", "prusa-mk3s", "PLA"),
    ("p4", "prusa-mk3s", "PETG"),
    ("p5", "generic-220", "PLA"),
    ("p6", "generic-220", "TPU"),
];
const RECALLED_ON: usize = 1;
const FAILS_PHANTOM: usize = 2;
pub const SERVICES: [&str; 4] = ["cardiac surgery", "orthopaedics", "urology", "maxillofacial surgery"];
const REGIONS: [&str; 4] = ["Chest", "Abdomen", "Head", "Lower extremity"];
const LOT_MG: u64 = 1_000_000;

// ---- the ledger --------------------------------------------------------------------------------------------------

/// How a printed part stands, as whoever plays the year knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum St {
    Planned,
    Queued,
    Printing,
    Interrupted,
    Printed,
    Suspect,
    Post,
    Awaiting,
    Accepted,
    Rejected,
    Released,
    Packed,
    Delivered,
    Scrapped,
    /// With whether its job was cancelled.
    Failed(bool),
    Withdrawn,
    Quarantined(Box<Self>),
    Recalled,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exact,
    Inexact,
    Cancelled,
    /// By the word under which reprints name it.
    Interrupted(&'static str),
}

#[derive(Clone, Debug)]
pub struct LJob {
    pub id: JobId,
    pub piece: (usize, usize, usize),
    /// What else it lays on the bed.
    pub also: Vec<(usize, usize, usize)>,
    pub printer: usize,
    pub started: Option<u64>,
    pub ended: Option<(u64, Ended)>,
    /// Cancelled before it began.
    pub withdrawn: bool,
}

impl LJob {
    pub fn pieces(&self) -> Vec<(usize, usize, usize)> {
        std::iter::once(self.piece).chain(self.also.iter().copied()).collect()
    }
}

#[derive(Clone, Debug)]
pub struct LPiece {
    pub attempt: u32,
    pub state: St,
    pub job: Option<usize>,
    pub printer: Option<usize>,
    pub lots: BTreeSet<usize>,
    pub used: Vec<(usize, u64)>,
    pub started: Option<u64>,
    /// The entry of the journal with which it began.
    pub began: u64,
    pub ended: Option<u64>,
    /// Its job came to its end.
    pub whole: bool,
    /// Something was odd while it was printed.
    pub odd: bool,
    pub doubts: BTreeSet<Doubt>,
    pub reworks: u32,
    pub replaces: Option<u32>,
    /// Faults found of it: when, and the cause.
    pub faults: Vec<(u64, &'static str)>,
    pub looked_back: BTreeSet<usize>,
    /// The nonconformance that is open about it, and whether it is decided.
    open: Option<(usize, bool)>,
    inspection: Option<InspectionId>,
    measured: bool,
}

impl LPiece {
    fn new(attempt: u32, state: St) -> Self {
        Self {
            attempt,
            state,
            job: None,
            printer: None,
            lots: BTreeSet::new(),
            used: Vec::new(),
            started: None,
            began: 0,
            ended: None,
            whole: false,
            odd: false,
            doubts: BTreeSet::new(),
            reworks: 0,
            replaces: None,
            faults: Vec::new(),
            looked_back: BTreeSet::new(),
            open: None,
            inspection: None,
            measured: false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct LPart {
    pub kind: &'static str,
    pub segmented: bool,
    pub processed: bool,
    pub region: Option<&'static str>,
    pub laterality: &'static str,
    pub dominant: bool,
    /// It has the mesh of this part of the case, by place.
    pub copy_of: Option<usize>,
    /// How many pieces are wanted.
    pub copies: usize,
    pub revision: u16,
    pub pieces: Vec<LPiece>,
}

#[derive(Clone, Copy, Debug)]
pub struct LAnswers {
    /// Nothing where it was said in one word.
    pub seven: Option<[u8; 7]>,
    pub overall: Option<&'static str>,
    pub saved: Option<(i16, bool)>,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct LCase {
    pub token: CaseToken,
    pub intended_use: &'static str,
    pub kind: &'static str,
    pub service: &'static str,
    pub modality: Option<&'static str>,
    pub appropriateness: Option<u8>,
    /// Days since 1970.
    pub needed: i64,
    pub state: &'static str,
    held_from: &'static str,
    /// When it first came into each state.
    pub reached: BTreeMap<&'static str, u64>,
    /// Each state with its beginning and end.
    pub stays: Vec<(&'static str, u64, Option<u64>)>,
    pub parts: Vec<LPart>,
    /// Clinician or not, kind of work, minutes where known, and when.
    pub efforts: Vec<(bool, usize, Option<u64>, u64)>,
    pub answers: Option<(LAnswers, u64)>,
    pub messages: u64,
    pub signatures: u64,
    pub faults: u64,
    reminders: u8,
    visits: u32,
}

#[derive(Clone, Debug)]
pub struct LLot {
    pub id: LotId,
    pub material: &'static str,
    pub left: u64,
    expires: i64,
    pub recalled: bool,
    pub state: &'static str,
    /// Entries of the journal that are about it.
    pub entries: u64,
}

#[derive(Clone, Debug)]
pub struct LLoad {
    pub lot: usize,
    pub printer: usize,
    pub from: u64,
    pub to: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct LPrinter {
    pub queue: VecDeque<usize>,
    running: Option<usize>,
    /// The bed is occupied since then.
    occupied: Option<u64>,
    pub waits: Vec<(u64, u64)>,
    lot: Option<usize>,
    pub qualified: bool,
    pub due: Option<i64>,
    last_good: u64,
    pub phantoms: u64,
}

impl LPrinter {
    /// Since when a part lies on its bed, where it does now.
    pub fn occupied(&self) -> Option<u64> {
        self.occupied
    }
}

#[derive(Clone, Debug)]
pub struct LFault {
    pub id: NonconformanceId,
    pub opened: u64,
    pub closed: Option<u64>,
    pub cause: &'static str,
}

/// One entry of the journal: when, of which cases, and whether it tells progress alone.
#[derive(Clone, Debug)]
pub struct LEntry {
    pub at: u64,
    pub cases: Vec<usize>,
    pub progress: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub cases: Vec<LCase>,
    pub jobs: Vec<LJob>,
    pub lots: Vec<LLot>,
    pub loads: Vec<LLoad>,
    pub printers: Vec<LPrinter>,
    pub faults: Vec<LFault>,
    pub entries: Vec<LEntry>,
    /// Deviations in µm that were measured on parts, and on phantoms, with printer and time.
    pub of_parts: Vec<(usize, u64, i32)>,
    pub of_phantoms: Vec<(usize, u64, i32)>,
}

// ---- the script --------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Do {
    Case(usize),
    Try(usize),
    Progress(usize),
    Pause(usize),
    Resume(usize),
    End(usize),
    Deduct(usize, u64),
    Clear(usize),
    Phantom(usize, bool),
    RecallLot,
    RecallPiece(usize, usize, usize),
}

pub struct Year {
    pub lab: Lab,
    pub journal: Vec<Event>,
    pub ledger: Ledger,
    now: u64,
    random: Random,
    todo: BinaryHeap<Reverse<(u64, u64, Do)>>,
    asked: u64,
}

fn words<const MAX: usize>(text: &str) -> Words<MAX> {
    Words::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn printer(place: usize) -> PrinterName {
    PRINTERS[place].0.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Days since 1970 as a date, by the calendar's rules (March first, so that the leap day is the last).
pub fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn day(days: i64) -> Day {
    date(days).parse().unwrap_or_else(|error| panic!("{error}"))
}

pub fn days(at: u64) -> i64 {
    (at / DAY) as i64
}

fn hash(of: &str) -> FileHash {
    use sha2::{Digest, Sha256};
    FileHash::from_digest(Sha256::digest(of.as_bytes()).into())
}

fn kind(of: &str) -> PartKind {
    match of {
        "component" => PartKind::Component,
        "guide" => PartKind::Guide,
        "holder" => PartKind::Holder,
        _ => PartKind::Coupon,
    }
}

fn cause(of: &str) -> Cause {
    match of {
        "dimension" => Cause::Dimension,
        "surface" => Cause::Surface,
        "breakage" => Cause::Breakage,
        "wrong_material" => Cause::WrongMaterial,
        _ => Cause::Machine,
    }
}

impl Year {
    /// The year that this seed gives.
    pub fn play(seed: u64) -> Self {
        let mut year = Self {
            lab: Lab::default(),
            journal: Vec::new(),
            ledger: Ledger::default(),
            now: BEGAN,
            random: Random::fork(seed, "year"),
            todo: BinaryHeap::new(),
            asked: 0,
        };
        year.set_up();
        for case in 0..CASES {
            let at = BEGAN + DAY + year.random.below(330 * DAY / MINUTE) * MINUTE;
            year.later(at, Do::Case(case));
        }
        for place in 0..PRINTERS.len() {
            year.later(BEGAN + DAY, Do::Try(place));
            for month in 1..12 {
                let at = BEGAN + (month * 30 + place as u64) * DAY;
                let fails = place == FAILS_PHANTOM && month == 8;
                year.later(at, Do::Phantom(place, !fails));
            }
        }
        year.later(BEGAN + 200 * DAY, Do::RecallLot);
        while let Some(Reverse((at, _, what))) = year.todo.pop() {
            if at >= ENDS {
                break;
            }
            // An inspection takes a moment of its own.
            year.now = year.now.max(at);
            year.act(what);
        }
        year
    }

    fn later(&mut self, at: u64, what: Do) {
        self.asked += 1;
        self.todo.push(Reverse((at, self.asked, what)));
    }

    /// Between so many minutes from now, with odd milliseconds.
    fn soon(&mut self, from: u64, to: u64) -> u64 {
        self.now + from * MINUTE + self.random.below((to - from) * MINUTE)
    }

    fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.random.next_u64().to_le_bytes());
        id[8..].copy_from_slice(&self.random.next_u64().to_le_bytes());
        id
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u64) as usize]
    }

    /// Asks, and keeps what comes of it: so many entries, each of these cases. What is refused is a mistake here.
    fn request(&mut self, request: Request, entries: usize, cases: &[usize]) {
        let facts = match self.lab.judge(&request, WallTime(self.now)) {
            Ok(facts) => facts,
            Err(refused) => panic!("{}: {refused}: {request:?}", WallTime(self.now)),
        };
        assert_eq!(facts.len(), entries, "{request:?}: {facts:?}");
        let progress = matches!(request, Request::NoteProgress { .. });
        self.write(&request, facts);
        for _ in 0..entries {
            self.ledger.entries.push(LEntry { at: self.now, cases: cases.to_vec(), progress });
        }
    }

    fn write(&mut self, request: &Request, facts: Vec<(Option<JobId>, Fact)>) {
        let mono = Moment((self.now - BEGAN) * 1_000);
        let stamp = Stamp { wall: WallTime(self.now), mono, boot: BootId::from_entropy([1; 16]) };
        let events = self.lab.number(request, facts, &stamp, &Actor::Platen);
        for event in &events {
            self.lab.apply(event);
        }
        self.journal.extend(events);
    }

    fn ask(&mut self, by: &str, change: Change, entries: usize, cases: &[usize]) {
        let by = Some(by.to_owned()).filter(|by| !by.is_empty());
        self.request(Request::Quality(Box::new(Asked { by, change })), entries, cases);
    }

    fn case_step(&mut self, c: usize, by: &str, step: CaseStep) {
        let case = self.ledger.cases[c].token.clone();
        self.ask(by, Change::Case { case, step }, 1, &[c]);
    }

    fn serial(&self, (c, p, n): (usize, usize, usize)) -> Serial {
        let case = &self.ledger.cases[c];
        Serial { case: case.token.clone(), part: p as u16 + 1, attempt: case.parts[p].pieces[n].attempt }
    }

    fn piece_step(&mut self, at: (usize, usize, usize), by: &str, step: PrintedStep) {
        let serial = self.serial(at);
        self.ask(by, Change::Printed { serial, step }, 1, &[at.0]);
    }

    fn piece(&mut self, (c, p, n): (usize, usize, usize)) -> &mut LPiece {
        &mut self.ledger.cases[c].parts[p].pieces[n]
    }

    /// A case comes into a state.
    fn set(&mut self, c: usize, state: &'static str) {
        let now = self.now;
        let case = &mut self.ledger.cases[c];
        case.reached.entry(state).or_insert(now);
        if case.state == state {
            return;
        }
        if let Some(last) = case.stays.last_mut() {
            last.2.get_or_insert(now);
        }
        case.state = state;
        case.stays.push((state, now, None));
    }

    fn digest(&self, c: usize, subject: &Subject) -> FileHash {
        let token = &self.ledger.cases[c].token;
        signature::digest(&self.lab, token, subject).unwrap_or_else(|| panic!("nothing to sign: {subject:?}"))
    }

    fn set_up(&mut self) {
        let begun = Fact::JournalBegun {
            site: "st-anna".parse().unwrap_or_else(|error| panic!("{error}")),
            node: "lab-1".parse().unwrap_or_else(|error| panic!("{error}")),
        };
        let request =
            Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() };
        self.write(&request, vec![(None, begun)]);
        self.ledger.entries.push(LEntry { at: self.now, cases: Vec::new(), progress: false });
        let rules = SiteRules {
            approval_before_printing: true,
            lots: true,
            qualified_printers: true,
            reminders_before_waiver: 2,
            ..SiteRules::default()
        };
        self.ask("pat", Change::Rules { rules }, 1, &[]);
        for name in ["ventricle", "phantom"] {
            let item = |name: &str| Item {
                name: words(name),
                unit: Measure::Mm,
                nominal: 40_000,
                low: 39_700,
                high: 40_300,
                weight: Weight::Fail,
            };
            let template = Template {
                name: name.parse().unwrap_or_else(|error| panic!("{error}")),
                version: 1,
                method: Method::Caliper,
                items: vec![item("length"), item("width")],
            };
            self.ask("ina", Change::Template { template: Box::new(template) }, 1, &[]);
        }
        let instrument = Instrument {
            name: "caliper-1".parse().unwrap_or_else(|error| panic!("{error}")),
            what: words("digital caliper"),
            calibration_due: day(days(BEGAN) + 730),
        };
        self.ask("ina", Change::Instrument { instrument: Box::new(instrument) }, 1, &[]);
        for place in 0..PRINTERS.len() {
            self.ledger.printers.push(LPrinter::default());
            self.phantom(place, true);
            self.load(place);
        }
    }

    // ---- printers and lots ---------------------------------------------------------------------------------------

    fn phantom(&mut self, place: usize, passes: bool) {
        let far = if passes { 0 } else { 500 };
        let deviations = [0, 1].map(|_| self.random.below(200) as i32 - 100 + far);
        let due = days(self.now) + 45;
        let measured = Measured {
            subject: Inspected::Phantom { printer: printer(place), next_due: Some(day(due)) },
            template: "phantom".parse().unwrap_or_else(|error| panic!("{error}")),
            version: 1,
            instrument: Some("caliper-1".parse().unwrap_or_else(|error| panic!("{error}"))),
            values: deviations.iter().map(|deviation| Some(40_000 + deviation)).collect(),
            looked_at: BTreeSet::new(),
            photos: Vec::new(),
            note: None,
        };
        let id = InspectionId::from_entropy(self.id());
        let since = self.ledger.printers[place].last_good;
        let mut hit = Vec::new();
        if !passes {
            for (c, case) in self.ledger.cases.iter().enumerate() {
                for (p, part) in case.parts.iter().enumerate() {
                    for (n, piece) in part.pieces.iter().enumerate() {
                        if piece.printer == Some(place) && piece.started.is_some() && piece.began > since {
                            hit.push((c, p, n));
                        }
                    }
                }
            }
        }
        let mut cases: Vec<usize> = hit.iter().map(|(c, _, _)| *c).collect();
        cases.dedup();
        let change = Change::Inspection { id, measured: Box::new(measured), found: None };
        self.ask("ina", change, 1, &cases);
        let now = self.now;
        self.ledger.of_phantoms.extend(deviations.map(|deviation| (place, now, deviation)));
        let seq = self.ledger.entries.len() as u64;
        let known = &mut self.ledger.printers[place];
        known.phantoms += 1;
        if passes {
            (known.last_good, known.due) = (seq, Some(due));
            if !known.qualified {
                known.qualified = true;
                let change = Change::Printer { printer: printer(place), step: PrinterStep::Qualified };
                self.ask("pat", change, 1, &[]);
            }
        } else {
            known.qualified = false;
            self.keep_apart(&hit);
        }
    }

    /// What is in the lab is put into quarantine; a released case of which a part is so goes back into quality control.
    fn keep_apart(&mut self, hit: &[(usize, usize, usize)]) {
        for at in hit {
            let state = self.piece(*at).state.clone();
            let in_the_lab = matches!(
                state,
                St::Printed
                    | St::Suspect
                    | St::Post
                    | St::Awaiting
                    | St::Accepted
                    | St::Rejected
                    | St::Released
                    | St::Packed
            );
            assert!(!matches!(state, St::Printing | St::Interrupted), "the printer was to stand");
            if in_the_lab {
                self.piece(*at).state = St::Quarantined(Box::new(state.clone()));
            }
            if matches!(state, St::Released | St::Packed) && self.ledger.cases[at.0].state == "released" {
                self.set(at.0, "in quality control");
            }
        }
    }

    /// Takes a new lot in and puts it on a printer.
    fn load(&mut self, place: usize) {
        let material = PRINTERS[place].2;
        let (id, today) = (LotId::from_entropy(self.id()), days(self.now));
        let lot = self.ledger.lots.len();
        let expires = today + 60 + self.random.below(120) as i64;
        let about = LotAbout {
            material: words(material),
            supplier_lot: words(&format!("S-{lot}")),
            supplier: None,
            received: day(today),
            expires: day(expires),
            open_days: None,
            certificate: Some(words("C-1")),
            milligrams: LOT_MG,
            density: None,
        };
        for step in [
            LotStep::Received { about: Box::new(about) },
            LotStep::Opened { on: day(today) },
            LotStep::Released,
        ] {
            self.ask("mat", Change::Lot { lot: id.clone(), step }, 1, &[]);
        }
        self.ask("mat", Change::Loaded { lot: id.clone(), printer: printer(place), slot: 0 }, 1, &[]);
        let new =
            LLot { id, material, left: LOT_MG, expires, recalled: false, state: "released", entries: 4 };
        self.ledger.lots.push(new);
        self.ledger.loads.push(LLoad { lot, printer: place, from: self.now, to: None });
        self.ledger.printers[place].lot = Some(lot);
    }

    fn unload(&mut self, place: usize) -> usize {
        self.ask("mat", Change::Unloaded { printer: printer(place), slot: 0 }, 1, &[]);
        let now = self.now;
        let load = self.ledger.loads.iter_mut().find(|load| load.printer == place && load.to.is_none());
        let load = load.unwrap_or_else(|| panic!("nothing on printer {place}"));
        load.to = Some(now);
        load.lot
    }

    fn recall_lot(&mut self) {
        let known = &self.ledger.printers[RECALLED_ON];
        if known.running.is_some() || known.occupied.is_some() {
            let at = self.soon(20, 40);
            return self.later(at, Do::RecallLot);
        }
        let lot = known.lot.unwrap_or_default();
        let mut hit = Vec::new();
        for (c, case) in self.ledger.cases.iter_mut().enumerate() {
            for (p, part) in case.parts.iter_mut().enumerate() {
                for (n, piece) in part.pieces.iter_mut().enumerate() {
                    if piece.lots.contains(&lot) {
                        piece.looked_back.insert(lot);
                        hit.push((c, p, n));
                    }
                }
            }
        }
        assert!(hit.len() > 5, "a lot of which hardly anything was printed shows nothing");
        let mut cases: Vec<usize> = hit.iter().map(|(c, _, _)| *c).collect();
        cases.dedup();
        let id = self.ledger.lots[lot].id.clone();
        let step = LotStep::Recalled { why: words("the maker's notice 7") };
        self.ask("mat", Change::Lot { lot: id, step }, 1, &cases);
        self.ledger.lots[lot].recalled = true;
        self.ledger.lots[lot].state = "blocked";
        self.ledger.lots[lot].entries += 1;
        self.keep_apart(&hit);
        for (c, p, n) in hit {
            if self.piece((c, p, n)).state == St::Delivered && self.random.chance(0.6) {
                let at = self.soon(600, 4_000);
                self.later(at, Do::RecallPiece(c, p, n));
            }
        }
        self.unload(RECALLED_ON);
        self.load(RECALLED_ON);
    }

    fn try_start(&mut self, place: usize) {
        let known = &self.ledger.printers[place];
        if known.running.is_some() || known.occupied.is_some() || !known.qualified {
            return;
        }
        let Some(job) = known.queue.front().copied() else { return };
        let today = days(self.now);
        if known.due.is_none_or(|due| today > due) {
            return;
        }
        let lot = known.lot.unwrap_or_default();
        let (expired, low) = (today > self.ledger.lots[lot].expires, self.ledger.lots[lot].left < 15_000);
        if expired || low {
            if expired {
                let request =
                    Request::StartJob { job: self.ledger.jobs[job].id.clone(), printer: printer(place) };
                let refused = self.lab.judge(&request, WallTime(self.now));
                assert!(refused.is_err(), "a job began from an expired lot");
            }
            self.unload(place);
            let id = self.ledger.lots[lot].id.clone();
            self.ask("mat", Change::Lot { lot: id, step: LotStep::Consumed }, 1, &[]);
            let gone = &mut self.ledger.lots[lot];
            (gone.left, gone.state) = (0, "consumed");
            gone.entries += 1;
            self.load(place);
        }
        self.ledger.printers[place].queue.pop_front();
        let at = self.ledger.jobs[job].piece;
        let request = Request::StartJob { job: self.ledger.jobs[job].id.clone(), printer: printer(place) };
        self.request(request, 1, &[at.0]);
        let (now, seq) = (self.now, self.ledger.entries.len() as u64);
        self.ledger.jobs[job].started = Some(now);
        let lot = self.ledger.printers[place].lot.unwrap_or_default();
        self.ledger.printers[place].running = Some(job);
        for at in self.ledger.jobs[job].pieces() {
            let piece = self.piece(at);
            piece.state = St::Printing;
            piece.printer = Some(place);
            piece.lots.insert(lot);
            piece.started = Some(now);
            piece.began = seq;
        }
        let long = 40 + self.random.below(500);
        let (third, half) = (self.soon(long / 3, long / 3 + 1), self.soon(long / 2, long / 2 + 1));
        self.later(third, Do::Progress(job));
        if self.random.chance(0.06) {
            self.later(half, Do::Pause(job));
            let on = half + MINUTE * (1 + self.random.below(9));
            self.later(on, Do::Resume(job));
        }
        let end = self.soon(long + 12, long + 14);
        self.later(end, Do::End(job));
    }

    fn end(&mut self, job: usize) {
        let (id, at) = (self.ledger.jobs[job].id.clone(), self.ledger.jobs[job].piece);
        let place = self.ledger.jobs[job].printer;
        let drawn = self.random.below(100);
        let (confirmed, part) = (100 + self.random.below(800), Progress { confirmed: 1_000, total: 1_000 });
        let some = Progress { confirmed, total: 1_000 };
        let line = || Box::new(LineHealth::default());
        let ended = match drawn {
            0..88 => Ended::Exact,
            88..90 => Ended::Inexact,
            90..93 => Ended::Cancelled,
            93..96 => Ended::Interrupted("silence"),
            96..98 => Ended::Interrupted("printer_reset"),
            _ => Ended::Interrupted("noise"),
        };
        let request = match ended {
            Ended::Exact | Ended::Inexact => Request::NotePrinted {
                job: id,
                progress: part,
                digest: hash(if ended == Ended::Exact { "as it should be" } else { "another" }),
                line: line(),
                millis: 5,
            },
            Ended::Cancelled => {
                Request::CancelJob { job: id, progress: Some(some), by: "olga".into(), line: Some(line()) }
            }
            Ended::Interrupted(why) => Request::NoteInterrupted {
                job: id,
                progress: some,
                why: match why {
                    "silence" => Interruption::Silence,
                    "printer_reset" => Interruption::PrinterReset,
                    _ => Interruption::Noise,
                },
                line: Some(line()),
            },
        };
        self.request(request, 1, &[at.0]);
        let now = self.now;
        self.ledger.jobs[job].ended = Some((now, ended));
        let known = &mut self.ledger.printers[place];
        (known.running, known.occupied) = (None, Some(now));
        for at in self.ledger.jobs[job].pieces() {
            let piece = self.piece(at);
            match ended {
                Ended::Exact | Ended::Inexact => {
                    if ended == Ended::Inexact {
                        piece.doubts.insert(Doubt::NotExact);
                        piece.odd = true;
                    }
                    (piece.ended, piece.whole) = (Some(now), true);
                    piece.state = if piece.doubts.is_empty() { St::Printed } else { St::Suspect };
                }
                Ended::Cancelled => (piece.ended, piece.state) = (Some(now), St::Failed(true)),
                Ended::Interrupted(_) => {
                    piece.doubts.insert(Doubt::Interrupted);
                    piece.odd = true;
                    piece.state = St::Interrupted;
                }
            }
        }
        if self.random.chance(0.93) {
            let whole = 2_000 + self.random.below(38_000);
            let milligrams = if piece_whole(ended) { whole } else { whole * confirmed / 1_000 };
            let at = self.now + 1 + self.random.below(20_000);
            self.later(at, Do::Deduct(job, milligrams));
        }
        let clear = self.soon(5, 240);
        self.later(clear, Do::Clear(place));
    }

    fn deduct(&mut self, job: usize, milligrams: u64) {
        let at = self.ledger.jobs[job].piece;
        let lot = self.piece(at).lots.first().copied().unwrap_or_default();
        let known = &mut self.ledger.lots[lot];
        let left = known.left;
        let after = left.saturating_sub(milligrams);
        let runs_out = milligrams > left || (after * 10 < LOT_MG && left * 10 >= LOT_MG);
        known.left = after;
        known.entries += 1;
        let change = Change::MaterialUsed {
            job: self.ledger.jobs[job].id.clone(),
            lot: self.ledger.lots[lot].id.clone(),
            milligrams,
            runs_out: None,
        };
        self.ask("", change, 1 + usize::from(runs_out), &[at.0]);
        self.ledger.cases[at.0].messages += u64::from(runs_out);
        // Shared equally; what is left over of that is the first piece's.
        let pieces = self.ledger.jobs[job].pieces();
        let each = milligrams / pieces.len() as u64;
        for (place, at) in pieces.iter().enumerate() {
            let rest = if place == 0 { milligrams - each * pieces.len() as u64 } else { 0 };
            self.piece(*at).used.push((lot, each + rest));
        }
    }

    fn clear(&mut self, place: usize) {
        self.request(Request::ClearBed { printer: printer(place), by: "olga".into() }, 1, &[]);
        let now = self.now;
        let known = &mut self.ledger.printers[place];
        let since = known.occupied.take().unwrap_or(now);
        known.waits.push((since, now));
        for part in self.ledger.cases.iter_mut().flat_map(|case| &mut case.parts) {
            for piece in &mut part.pieces {
                if piece.printer == Some(place) && piece.state == St::Interrupted {
                    (piece.state, piece.ended) = (St::Failed(false), Some(now));
                }
            }
        }
        self.try_start(place);
    }

    fn act(&mut self, what: Do) {
        match what {
            Do::Case(c) => self.visit(c),
            Do::Try(place) => {
                self.try_start(place);
                self.later(self.now + 2 * HOUR, Do::Try(place));
            }
            Do::Progress(job) => {
                let at = self.ledger.jobs[job].piece;
                let progress = Progress { confirmed: 50, total: 1_000 };
                let job = self.ledger.jobs[job].id.clone();
                self.request(Request::NoteProgress { job, progress }, 1, &[at.0]);
            }
            Do::Pause(paused) => {
                let (job, at) = (paused, self.ledger.jobs[paused].piece);
                let progress = Progress { confirmed: 80, total: 1_000 };
                let (job, reason) =
                    (self.ledger.jobs[job].id.clone(), PauseReason::Person { by: "olga".into() });
                self.request(Request::NotePaused { job, progress, reason }, 1, &[at.0]);
                for at in self.ledger.jobs[paused].pieces() {
                    let piece = self.piece(at);
                    piece.doubts.insert(Doubt::Paused);
                    piece.odd = true;
                }
            }
            Do::Resume(job) => {
                let at = self.ledger.jobs[job].piece;
                let job = self.ledger.jobs[job].id.clone();
                self.request(Request::NoteResumed { job, by: "olga".into() }, 1, &[at.0]);
            }
            Do::End(job) => self.end(job),
            Do::Deduct(job, milligrams) => self.deduct(job, milligrams),
            Do::Clear(place) => self.clear(place),
            Do::Phantom(place, passes) => {
                let known = &self.ledger.printers[place];
                if !passes && (known.running.is_some() || known.occupied.is_some()) {
                    let at = self.soon(20, 40);
                    return self.later(at, Do::Phantom(place, false));
                }
                self.phantom(place, passes);
                if !passes {
                    self.later(self.now + DAY, Do::Phantom(place, true));
                }
            }
            Do::RecallLot => self.recall_lot(),
            Do::RecallPiece(c, p, n) => {
                if self.piece((c, p, n)).state == St::Delivered {
                    let step = PrintedStep::Recalled { why: words("the maker's notice 7") };
                    self.piece_step((c, p, n), "rita", step);
                    self.piece((c, p, n)).state = St::Recalled;
                }
            }
        }
    }

    // ---- cases ---------------------------------------------------------------------------------------------------

    /// The next thing that is to be done for a case, and when somebody looks again.
    fn visit(&mut self, c: usize) {
        // Cases are numbered as they are drawn up, and opened in another order.
        while self.ledger.cases.len() <= c {
            let new = self.draw();
            self.ledger.cases.push(new);
        }
        self.ledger.cases[c].visits += 1;
        let again = match self.ledger.cases[c].state {
            "" => self.open(c),
            "requested" if self.random.chance(0.03) => self.cancel(c),
            "requested" => self.simple(c, "lee", CaseStep::Accepted, "accepted"),
            "accepted" => self.simple(c, "lee", CaseStep::DesignBegun, "being designed"),
            "being designed" => self.design(c),
            "awaiting approval" => self.approve(c),
            "approved" => self.begin(c),
            "on hold" => {
                let back = self.ledger.cases[c].held_from;
                self.simple(c, "lee", CaseStep::Continued, back)
            }
            "in production" => self.produce(c),
            "in quality control" => self.check(c),
            "in rework" => {
                self.put_into_production(c);
                true
            }
            "released" => self.hand_out(c),
            "delivered" | "used" => self.follow_up(c),
            "assessed" => {
                self.case_step(c, "lee", CaseStep::Closed);
                self.set(c, "closed");
                false
            }
            _ => false,
        };
        if again {
            let at = self.soon(20, 900);
            self.later(at, Do::Case(c));
        }
    }

    fn simple(&mut self, c: usize, by: &str, step: CaseStep, state: &'static str) -> bool {
        self.case_step(c, by, step);
        self.set(c, state);
        true
    }

    /// What somebody will ask for.
    fn draw(&mut self) -> LCase {
        let intended_use = self.pick(&["diagnostic", "diagnostic", "guide", "education"]);
        let mut parts = Vec::new();
        for place in 0..1 + self.random.below(4) as usize {
            let kind = self.pick(&["component", "component", "component", "guide", "holder", "coupon"]);
            // The case has something to deliver.
            let kind = if place == 0 { self.pick(&["component", "component", "guide"]) } else { kind };
            let copies = if self.random.chance(0.07) { 2 } else { 1 };
            let copy_of = (0..place).find(|other| kind == "component" && parts_kind(&parts, *other) == kind);
            parts.push(LPart {
                kind,
                segmented: !self.random.chance(0.1),
                processed: !self.random.chance(0.1),
                region: if self.random.chance(0.9) { Some(self.pick(&REGIONS)) } else { None },
                laterality: self.pick(&["left", "right", "bilateral", "unpaired"]),
                dominant: self.random.chance(0.3),
                copy_of: copy_of.filter(|_| self.random.chance(0.1)),
                copies,
                revision: 0,
                pieces: Vec::new(),
            });
        }
        // Without somebody who says which one dominates, and with several that do, the first of them counts.
        LCase {
            token: CaseToken::from_entropy(self.id()),
            intended_use,
            kind: self.pick(&["model", "guide", "both"]),
            service: self.pick(&SERVICES),
            modality: if self.random.chance(0.85) { Some(self.pick(&["CT", "MR"])) } else { None },
            appropriateness: if self.random.chance(0.5) {
                Some(1 + self.random.below(9) as u8)
            } else {
                None
            },
            needed: 0,
            state: "",
            held_from: "",
            reached: BTreeMap::new(),
            stays: Vec::new(),
            parts,
            efforts: Vec::new(),
            answers: None,
            messages: 0,
            signatures: 0,
            faults: 0,
            reminders: 0,
            visits: 0,
        }
    }

    fn open(&mut self, c: usize) -> bool {
        let needed = days(self.now) + 4 + self.random.below(12) as i64;
        self.ledger.cases[c].needed = needed;
        let case = self.ledger.cases[c].clone();
        let intended_use = match case.intended_use {
            "diagnostic" => IntendedUse::Diagnostic,
            "guide" => IntendedUse::Guide,
            _ => IntendedUse::Education,
        };
        self.request(Request::OpenCase { case: case.token.clone(), intended_use }, 1, &[c]);
        let about = CaseAbout {
            kind: match case.kind {
                "model" => CaseKind::Model,
                "guide" => CaseKind::Guide,
                _ => CaseKind::Both,
            },
            service: words(case.service),
            requester: Some(words("Dr Quincy")),
            indication: Some(words("a defect")),
            modality: case.modality.map(words),
            needed_by: Some(day(needed)),
            priority: Priority::Routine,
            appropriateness: case.appropriateness,
            acceptance: None,
        };
        self.case_step(c, "ann", CaseStep::Described { about: Box::new(about) });
        self.set(c, "a draft");
        for (p, part) in case.parts.iter().enumerate() {
            let name = PartName::try_from(format!("piece {p}")).unwrap_or_else(|error| panic!("{error}"));
            let id = PartId::from_entropy(self.id());
            self.request(Request::AddPart { case: case.token.clone(), part: id, name }, 1, &[c]);
            let about = PartAbout {
                region: part.region.map(words),
                structure: Some(words("Structure")),
                laterality: Some(match part.laterality {
                    "left" => Laterality::Left,
                    "right" => Laterality::Right,
                    "bilateral" => Laterality::Bilateral,
                    _ => Laterality::Unpaired,
                }),
                units: Some(LengthUnit::Mm),
                required: part.kind != "coupon",
                dominant: part.dominant,
                individually_segmented: part.segmented,
                individually_processed: part.processed,
                ..PartAbout::new(kind(part.kind))
            };
            let step = PartStep::Described { about: Box::new(about) };
            self.ask("ann", Change::Part { case: case.token.clone(), part: p as u16 + 1, step }, 1, &[c]);
        }
        self.simple(c, "ann", CaseStep::Requested, "requested")
    }

    fn cancel(&mut self, c: usize) -> bool {
        let mut waiting = Vec::new();
        for (p, part) in self.ledger.cases[c].parts.iter().enumerate() {
            let queued = part.pieces.iter().enumerate().filter(|(_, piece)| piece.state == St::Queued);
            waiting.extend(queued.map(|(n, _)| (c, p, n)));
        }
        let case = self.ledger.cases[c].token.clone();
        let step = CaseStep::Cancelled { why: words("not needed any more") };
        self.ask("ann", Change::Case { case, step }, 1 + waiting.len(), &[c]);
        for at in waiting {
            self.withdrawn(at);
        }
        self.set(c, "cancelled");
        false
    }

    fn withdrawn(&mut self, at: (usize, usize, usize)) {
        let job = self.piece(at).job.unwrap_or_default();
        for at in self.ledger.jobs[job].pieces() {
            self.piece(at).state = St::Withdrawn;
        }
        self.ledger.jobs[job].withdrawn = true;
        let place = self.ledger.jobs[job].printer;
        self.ledger.printers[place].queue.retain(|waiting| *waiting != job);
    }

    fn effort(&mut self, c: usize, clinician: bool, work: usize, minutes: Option<u64>) {
        let effort = Effort {
            role: if clinician { EffortRole::Clinician } else { EffortRole::NonClinician },
            category: [
                EffortCategory::Consultation,
                EffortCategory::Segmentation,
                EffortCategory::Cad,
                EffortCategory::Preparation,
            ][work],
            minutes: minutes.map(|minutes| minutes as u16),
        };
        self.case_step(c, "lee", CaseStep::EffortNoted { effort });
        let now = self.now;
        self.ledger.cases[c].efforts.push((clinician, work, minutes, now));
    }

    fn design(&mut self, c: usize) -> bool {
        let all = self.random.chance(0.4);
        for (clinician, work) in (0..8).map(|n| (n < 4, n % 4)) {
            match self.random.below(10) {
                _ if all => {
                    let minutes = self.random.below(200);
                    self.effort(c, clinician, work, Some(minutes));
                }
                0 => self.effort(c, clinician, work, None),
                1..=2 => {
                    for _ in 0..2 {
                        let minutes = self.random.below(90);
                        self.effort(c, clinician, work, Some(minutes));
                    }
                }
                3..=6 => {
                    let minutes = self.random.below(400);
                    self.effort(c, clinician, work, Some(minutes));
                }
                _ => {}
            }
        }
        let case = self.ledger.cases[c].clone();
        let side = Height::from_mm(40.0).unwrap_or_else(|| panic!("a height"));
        for (p, part) in case.parts.iter().enumerate() {
            let number = part.revision + 1;
            let mesh = part.copy_of.unwrap_or(p);
            let revision = NewRevision {
                mesh: hash(&format!("{} {mesh} {number}", case.token)),
                format: words("stl-binary"),
                unit: LengthUnit::Mm,
                scale: 1_000_000,
                extents: [side; 3],
                triangles: 12,
                signed_volume: 64_000_000,
                mirrored: false,
                modified: false,
                software: Some(words("Slicer 5.8")),
                author: Some(words("lee")),
            };
            let step = PartStep::Revised { revision: Box::new(revision) };
            self.ask("lee", Change::Part { case: case.token.clone(), part: p as u16 + 1, step }, 1, &[c]);
            self.ledger.cases[c].parts[p].revision = number;
        }
        self.simple(c, "lee", CaseStep::ApprovalAsked, "awaiting approval")
    }

    fn approve(&mut self, c: usize) -> bool {
        if self.random.chance(0.08) {
            return self.simple(c, "ann", CaseStep::SentBack { why: words("too thin") }, "being designed");
        }
        let digest = self.digest(c, &Subject::Design);
        self.ledger.cases[c].signatures += 1;
        let step = CaseStep::Approved { digest, proof: Proof::Name, confirmed: Vec::new() };
        self.simple(c, "ann", step, "approved")
    }

    fn begin(&mut self, c: usize) -> bool {
        match self.random.below(100) {
            0..4 => {
                self.simple(c, "lee", CaseStep::Reopened { why: words("another view") }, "being designed")
            }
            4..9 => {
                self.ledger.cases[c].held_from = "approved";
                self.simple(c, "lee", CaseStep::Held { why: words("the patient is ill") }, "on hold")
            }
            _ => {
                self.put_into_production(c);
                true
            }
        }
    }

    fn put_into_production(&mut self, c: usize) {
        let validated_for = vec![IntendedUse::Diagnostic, IntendedUse::Guide, IntendedUse::Education];
        let step = CaseStep::ProductionBegun {
            process: words("mk3-pla-fine"),
            validated_for,
            outside: None,
            version: None,
        };
        self.simple(c, "olga", step, "in production");
    }

    /// Pieces of a part that may still come out well.
    fn alive(part: &LPart) -> usize {
        let gone = |state: &St| {
            matches!(state, St::Planned | St::Failed(_) | St::Scrapped | St::Withdrawn | St::Recalled)
        };
        part.pieces.iter().filter(|piece| !gone(&piece.state)).count()
    }

    fn all_pieces(&self, c: usize) -> Vec<(usize, usize, usize)> {
        let parts = self.ledger.cases[c].parts.iter().enumerate();
        parts.flat_map(|(p, part)| (0..part.pieces.len()).map(move |n| (c, p, n))).collect()
    }

    fn produce(&mut self, c: usize) -> bool {
        for at in self.all_pieces(c) {
            if matches!(self.piece(at).state, St::Failed(_)) || self.piece(at).open.is_some() {
                self.tend(at);
                return true;
            }
            if self.piece(at).state == St::Queued && self.random.chance(0.03) {
                let job = self.piece(at).job.unwrap_or_default();
                let id = self.ledger.jobs[job].id.clone();
                let request = Request::CancelJob { job: id, progress: None, by: "olga".into(), line: None };
                self.request(request, 1, &[c]);
                self.withdrawn(at);
                return true;
            }
        }
        let on_printers = |piece: &LPiece| matches!(piece.state, St::Queued | St::Printing | St::Interrupted);
        let pieces = |year: &Self| -> Vec<LPiece> {
            let parts = year.ledger.cases[c].parts.iter();
            parts.flat_map(|part| part.pieces.iter().cloned()).collect()
        };
        let printing = pieces(self).iter().any(|piece| matches!(piece.state, St::Printing | St::Interrupted));
        if !printing && self.random.chance(0.012) {
            return self.cancel(c);
        }
        for p in 0..self.ledger.cases[c].parts.len() {
            let part = &self.ledger.cases[c].parts[p];
            if Self::alive(part) < part.copies {
                self.queue(c, p);
            }
        }
        if pieces(self).iter().any(on_printers) {
            return true;
        }
        if self.ledger.cases[c].parts.iter().all(|part| Self::alive(part) >= part.copies) {
            return self.simple(c, "ina", CaseStep::QcBegun, "in quality control");
        }
        true
    }

    fn queue(&mut self, c: usize, p: usize) {
        let place = self.random.below(PRINTERS.len() as u64) as usize;
        let material = PRINTERS[place].2;
        let (id, job) = (JobId::from_entropy(self.id()), self.ledger.jobs.len());
        // Now and then, what else the case lacks goes onto the same bed.
        let mut places = vec![p];
        if self.random.chance(0.3) {
            for (other, part) in self.ledger.cases[c].parts.iter().enumerate() {
                let there = Self::alive(part) + usize::from(other == p);
                places.extend(std::iter::repeat_n(other, part.copies.saturating_sub(there)));
            }
        }
        let new = NewJob {
            job: id.clone(),
            case: self.ledger.cases[c].token.clone(),
            part: PartRef::Number(p as u16 + 1),
            also: places[1..].iter().map(|place| PartRef::Number(*place as u16 + 1)).collect(),
            file: hash(&format!("file {job}")),
            commands: 1_000,
            digest: hash("as it should be"),
            pinned: Some(printer(place)),
            material: Some(material.into()),
            gate: None,
        };
        self.request(Request::QueueJob(Box::new(new)), 1, &[c]);
        let mut pieces = Vec::new();
        for p in places {
            let part = &mut self.ledger.cases[c].parts[p];
            let planned = part.pieces.iter().position(|piece| piece.state == St::Planned);
            let n = planned.unwrap_or_else(|| {
                let attempt = part.pieces.last().map_or(1, |last| last.attempt + 1);
                part.pieces.push(LPiece::new(attempt, St::Queued));
                part.pieces.len() - 1
            });
            part.pieces[n].state = St::Queued;
            part.pieces[n].job = Some(job);
            pieces.push((c, p, n));
        }
        self.ledger.jobs.push(LJob {
            id,
            piece: pieces[0],
            also: pieces[1..].to_vec(),
            printer: place,
            started: None,
            ended: None,
            withdrawn: false,
        });
        self.ledger.printers[place].queue.push_back(job);
        for at in pieces {
            let revision = self.ledger.cases[c].parts[at.1].revision;
            self.piece_step(at, "lee", PrintedStep::RevisionAttested { revision });
        }
    }

    /// One step of what becomes of a piece; whether there was one.
    fn tend(&mut self, at: (usize, usize, usize)) -> bool {
        if let Some((fault, decided)) = self.piece(at).open {
            if decided {
                self.close_fault(at, fault)
            } else {
                self.decide(at, fault)
            }
            return true;
        }
        let coupon = self.ledger.cases[at.0].parts[at.1].kind == "coupon";
        match self.piece(at).state.clone() {
            St::Printed | St::Suspect => {
                let processing = Processing {
                    kind: ProcessingKind::Removal,
                    recipe: None,
                    minutes: Some(3),
                    equipment: None,
                };
                self.piece_step(at, "olga", PrintedStep::Processed { processing: Box::new(processing) });
                self.piece(at).state = St::Post;
            }
            St::Post => {
                self.piece_step(at, "olga", PrintedStep::SentToInspection);
                self.piece(at).state = St::Awaiting;
            }
            St::Awaiting => self.inspect(at),
            St::Accepted if coupon => return false,
            St::Accepted => {
                let digest = self.digest(at.0, &Subject::Part { serial: self.serial(at) });
                self.piece_step(at, "rita", PrintedStep::Released { digest, proof: Proof::Name });
                self.ledger.cases[at.0].signatures += 1;
                self.piece(at).state = St::Released;
            }
            St::Rejected => self.find_fault(at),
            St::Failed(_) if self.random.chance(0.5) => self.find_fault(at),
            St::Quarantined(_) if self.random.chance(0.4) => self.find_fault(at),
            St::Failed(_) | St::Recalled => {
                self.piece_step(at, "olga", PrintedStep::Scrapped { why: words("of no use") });
                self.piece(at).state = St::Scrapped;
            }
            St::Quarantined(from) => {
                self.piece_step(at, "ina", PrintedStep::QuarantineLifted { why: words("looked at anew") });
                let piece = self.piece(at);
                piece.doubts.insert(Doubt::Quarantined);
                piece.inspection = None;
                piece.state = match *from {
                    St::Printed | St::Suspect => St::Suspect,
                    St::Post => St::Post,
                    St::Rejected => St::Rejected,
                    _ => St::Awaiting,
                };
            }
            _ => return false,
        }
        true
    }

    fn inspect(&mut self, at: (usize, usize, usize)) {
        let good = self.random.chance(0.88);
        let far = if good { 0 } else { 450 };
        let deviations = [0, 1].map(|_| self.random.below(400) as i32 - 200 + far);
        let passes = deviations.iter().all(|deviation| deviation.abs() <= 300);
        // No two are at one moment: charts are in the order of time.
        self.now += 1;
        let doubts = self.piece(at).doubts.clone();
        let measured = Measured {
            subject: Inspected::Part { serial: self.serial(at) },
            template: "ventricle".parse().unwrap_or_else(|error| panic!("{error}")),
            version: 1,
            instrument: Some("caliper-1".parse().unwrap_or_else(|error| panic!("{error}"))),
            values: deviations.iter().map(|deviation| Some(40_000 + deviation)).collect(),
            looked_at: doubts,
            photos: Vec::new(),
            note: None,
        };
        let id = InspectionId::from_entropy(self.id());
        let change = Change::Inspection { id: id.clone(), measured: Box::new(measured), found: None };
        self.ask("ina", change, 1, &[at.0]);
        let (now, place) = (self.now, self.piece(at).printer.unwrap_or_default());
        // A piece that is measured again is no further piece of its printer.
        if !std::mem::replace(&mut self.piece(at).measured, true) {
            self.ledger.of_parts.extend(deviations.map(|deviation| (place, now, deviation)));
        }
        if passes {
            self.piece_step(at, "ina", PrintedStep::Accepted { inspection: id, why: None });
            self.piece(at).state = St::Accepted;
        } else {
            self.piece_step(at, "ina", PrintedStep::Rejected { why: words("out of its limits") });
            self.piece(at).state = St::Rejected;
        }
    }

    fn fault_step(&mut self, c: usize, by: &str, fault: usize, step: FaultStep, entries: usize) {
        let id = self.ledger.faults[fault].id.clone();
        self.ask(by, Change::Nonconformance { id, step }, entries, &[c]);
    }

    fn find_fault(&mut self, at: (usize, usize, usize)) {
        let why = match self.piece(at).state {
            St::Failed(_) => "machine",
            St::Quarantined(_) => self.pick(&["wrong_material", "machine"]),
            _ => self.pick(&["dimension", "surface", "breakage"]),
        };
        let id = NonconformanceId::from_entropy(self.id());
        let fault = self.ledger.faults.len();
        self.ledger.faults.push(LFault { id, opened: self.now, closed: None, cause: why });
        let step = FaultStep::Opened {
            about: About::Part { serial: self.serial(at) },
            cause: cause(why),
            severity: Severity::Major,
            what: words("not as it should be"),
        };
        self.fault_step(at.0, "ina", fault, step, 1);
        self.ledger.cases[at.0].faults += 1;
        let now = self.now;
        let piece = self.piece(at);
        piece.faults.push((now, why));
        piece.open = Some((fault, false));
    }

    fn decide(&mut self, at: (usize, usize, usize), fault: usize) {
        let failed = matches!(self.piece(at).state, St::Failed(_));
        let drawn = if failed { self.random.below(60) } else { self.random.below(100) };
        let why = || words("looked at by two");
        match drawn {
            0..60 => {
                let again = drawn < 40;
                let decision = if again { Disposition::Reprint } else { Disposition::Scrap };
                let (c, p, n) = at;
                let part = &self.ledger.cases[c].parts[p];
                let plans = again && !part.pieces.iter().any(|piece| piece.state == St::Planned);
                let next = part.pieces.last().map_or(1, |last| last.attempt + 1);
                let attempt = part.pieces[n].attempt;
                let step = FaultStep::Disposed { decision, why: why() };
                self.fault_step(c, "ina", fault, step, 1 + usize::from(plans));
                self.piece(at).state = St::Scrapped;
                if plans {
                    let replaces = Some(attempt);
                    let planned = LPiece { replaces, ..LPiece::new(next, St::Planned) };
                    self.ledger.cases[c].parts[p].pieces.push(planned);
                }
            }
            60..85 => {
                let step = FaultStep::Disposed { decision: Disposition::Rework, why: why() };
                self.fault_step(at.0, "ina", fault, step, 1);
                let piece = self.piece(at);
                piece.state = St::Post;
                piece.reworks += 1;
            }
            _ => {
                let nonconformance = self.ledger.faults[fault].id.clone();
                let digest = self.digest(at.0, &Subject::Concession { nonconformance });
                let decision = Disposition::UseAsIs { digest, proof: Proof::Name };
                self.fault_step(at.0, "rita", fault, FaultStep::Disposed { decision, why: why() }, 1);
                self.ledger.cases[at.0].signatures += 1;
                self.piece(at).state = St::Accepted;
            }
        }
        self.piece(at).open = Some((fault, true));
    }

    fn close_fault(&mut self, at: (usize, usize, usize), fault: usize) {
        self.fault_step(at.0, "ina", fault, FaultStep::Closed { capa: None }, 1);
        let now = self.now;
        self.ledger.faults[fault].closed = Some(now);
        self.piece(at).open = None;
    }

    fn check(&mut self, c: usize) -> bool {
        let mut acted = 0;
        for at in self.all_pieces(c) {
            if acted < 3 && self.tend(at) {
                acted += 1;
            }
        }
        if acted > 0 {
            return true;
        }
        if self.ledger.cases[c].parts.iter().any(|part| Self::alive(part) < part.copies) {
            return self.simple(
                c,
                "ina",
                CaseStep::ReworkAsked { why: words("a part is missing") },
                "in rework",
            );
        }
        let digest = self.digest(c, &Subject::Case);
        self.ledger.cases[c].signatures += 1;
        self.simple(c, "rita", CaseStep::Released { digest, proof: Proof::Name }, "released")
    }

    fn hand_out(&mut self, c: usize) -> bool {
        let pieces = self.all_pieces(c);
        if pieces.iter().any(|at| self.piece(*at).state == St::Released) {
            for at in pieces {
                if self.piece(at).state == St::Released {
                    self.piece_step(at, "olga", PrintedStep::Packed);
                    self.piece(at).state = St::Packed;
                }
            }
            return true;
        }
        for at in pieces {
            if self.piece(at).state == St::Packed {
                self.piece_step(at, "olga", PrintedStep::Delivered { to: words("theatre 3") });
                self.piece(at).state = St::Delivered;
            }
        }
        self.simple(c, "olga", CaseStep::Delivered, "delivered")
    }

    fn follow_up(&mut self, c: usize) -> bool {
        let recalled: Vec<_> = self.all_pieces(c);
        for at in recalled {
            if self.piece(at).state == St::Recalled && self.random.chance(0.5) {
                self.tend(at);
                return true;
            }
        }
        match self.random.below(100) {
            // Nobody thinks of it any more.
            0..4 => false,
            4..30 if self.ledger.cases[c].state == "delivered" => {
                self.simple(c, "ann", CaseStep::Used, "used")
            }
            4..60 => {
                self.assess(c);
                self.simple_after_assessment(c)
            }
            _ if self.ledger.cases[c].reminders < 2 => {
                self.case_step(c, "lee", CaseStep::Reminded);
                self.ledger.cases[c].reminders += 1;
                true
            }
            _ => {
                self.case_step(c, "lee", CaseStep::AssessmentWaived { why: words("nobody answered") });
                self.case_step(c, "lee", CaseStep::Closed);
                self.set(c, "closed");
                false
            }
        }
    }

    fn simple_after_assessment(&mut self, c: usize) -> bool {
        self.set(c, "assessed");
        true
    }

    fn assess(&mut self, c: usize) {
        let seven = [0; 7].map(|_| 1 + self.random.below(5) as u8);
        let saved = if self.random.chance(0.7) {
            Some((self.random.below(90) as i16 - 15, self.random.chance(0.4)))
        } else {
            None
        };
        let used = self.random.chance(0.85);
        // One in four clicks once, and one in four does both.
        let (clicks, answers) = (c % 4 > 1, c % 4 != 3);
        let overall = [Overall::Helped, Overall::NoDifference, Overall::Hindered][c / 4 % 3];
        let likert = |place: usize| Likert::try_from(seven[place]).unwrap_or_else(|error| panic!("{error}"));
        let assessment = Assessment {
            overall: clicks.then_some(overall),
            answers: answers.then(|| Answers {
                easy_to_use: likert(0),
                fits_approach: likert(1),
                plan_altered: likert(2),
                important: likert(3),
                quality_adequate: likert(4),
                confident_before: likert(5),
                confident_after: likert(6),
            }),
            saved: saved.map(|(minutes, measured)| MinutesSaved { minutes, measured }),
            used_in_procedure: Some(used),
            respondent: words("surgeon"),
            comment: None,
        };
        self.case_step(c, "ann", CaseStep::Assessed { assessment: Box::new(assessment) });
        let now = self.now;
        let overall = clicks.then_some(["helped", "no_difference", "hindered"][c / 4 % 3]);
        let seven = answers.then_some(seven);
        self.ledger.cases[c].answers = Some((LAnswers { seven, overall, saved, used }, now));
    }
}

fn piece_whole(ended: Ended) -> bool {
    matches!(ended, Ended::Exact | Ended::Inexact)
}

fn parts_kind(parts: &[LPart], place: usize) -> &'static str {
    parts.get(place).map_or("", |part| part.kind)
}
