//! The state of the whole lab, and the one place that says which change is legal.
//!
//! `judge` turns a request into facts or a refusal in words; `apply` makes the facts true.
//! Both are pure, so that the journal replayed gives the same lab again.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::case::{Case, IntendedUse};
use super::chain::{Chain, SliceOrder};
use super::day::Day;
use super::event::{Actor, Event, Fact, JobRef};
use super::finding::{Gated, Noted, Severity};
use super::heat::Alarm;
use super::identifiers::{self, IdentifierRefusal, IdentifierRequest};
use super::identity::{Evidence, Identity, Wrong};
use super::ids::{CaseToken, FileHash, InstrumentName, JobId, LotId, PartId, PrinterName, UploadId};
use super::job::{
    Attended, CONTINUED_MAX, Change, Continued, Interruption, Job, JobState, Outcome, PauseReason, Progress,
    RESUME_FILES_MAX, Released, ResumeFile, Resumes, Run,
};
use super::moment::{Stamp, WallTime};
use super::part::{Part, PartName, PartRef};
use super::people::name::{PrintedName, UNNAMED, UserName};
use super::people::{self, People};
use super::printer::{Bed, Fault, Latch, LineHealth, PrinterRecord, RelayOutcome, StopProof};
use super::quality::build::{PIECES_MAX, Piece};
use super::quality::{self, Quality};
use super::queue::{self, Queue};
use super::resin::{self, Resin};
use super::seen::Seen;
use super::units::Height;

/// A change that somebody asks for. Ids are chosen by the caller, since nothing here is random.
#[derive(Clone, Debug)]
pub enum Request {
    OpenCase {
        case: CaseToken,
        intended_use: IntendedUse,
    },
    AddPart {
        case: CaseToken,
        part: PartId,
        name: PartName,
    },
    QueueJob(Box<NewJob>),
    /// Several jobs from one file, each an attempt of its own: all of them or none.
    QueueCopies(Vec<NewJob>),
    /// A model, of which a file is to be made.
    SliceJob(Box<NewSlicing>),
    /// The file of a job is made, is in the spool, and may be printed.
    NoteSliced {
        job: JobId,
        chain: Box<Chain>,
        commands: u64,
        digest: FileHash,
        /// What was found in model and file.
        gate: Option<Box<Gated>>,
    },
    NoteNotSliced {
        job: JobId,
        why: String,
    },
    /// A file that goes on with an interrupted job's part; noted before the file is there.
    MakeResumeFile {
        job: JobId,
        file: FileHash,
        layer: u32,
        height: Height,
        by: String,
    },
    /// Said by the dispatcher before the printer hears of the job.
    StartJob {
        job: JobId,
        printer: PrinterName,
    },
    NoteProgress {
        job: JobId,
        progress: Progress,
    },
    NotePaused {
        job: JobId,
        progress: Progress,
        reason: PauseReason,
    },
    NoteResumed {
        job: JobId,
        by: String,
    },
    NotePrinted {
        job: JobId,
        progress: Progress,
        digest: FileHash,
        line: Box<LineHealth>,
        millis: u64,
    },
    /// Without progress: cancels a waiting job. With: notes what the printer that ran it has cancelled.
    CancelJob {
        job: JobId,
        progress: Option<Progress>,
        by: String,
        line: Option<Box<LineHealth>>,
    },
    NoteInterrupted {
        job: JobId,
        progress: Progress,
        why: Interruption,
        line: Option<Box<LineHealth>>,
    },
    /// What is kept of a running job for whoever comes after us is wrong, and cannot be taken away.
    NoteTrailLost {
        job: JobId,
    },
    /// A person cancels a running job, and its printer has been told: from here on it does not come back.
    NoteCancelling {
        job: JobId,
        by: String,
    },
    /// The end of a job, told by this request, of which it is certain that no line was sent that lays anything.
    LaidNothing(Box<Self>),
    /// The same of a job of which no line was sent: not even its printer has heard of it.
    SentNothing(Box<Self>),
    ClearBed {
        printer: PrinterName,
        by: String,
    },
    NoteStopped {
        printer: PrinterName,
        by: String,
    },
    NoteStopVerified {
        printer: PrinterName,
        proof: StopProof,
    },
    NoteStopUnverified {
        printer: PrinterName,
        relay: RelayOutcome,
    },
    NoteFaulted {
        printer: PrinterName,
        fault: Fault,
    },
    NoteHeatAlarm {
        printer: PrinterName,
        alarm: Alarm,
    },
    ClearLatch {
        printer: PrinterName,
        by: String,
    },
    /// What platen learned of a printer's board by itself.
    NoteIdentified {
        printer: PrinterName,
        evidence: Box<Evidence>,
    },
    /// A person says that the board on its port is this printer's.
    Identify {
        printer: PrinterName,
        evidence: Box<Evidence>,
        by: String,
    },
    NoteQuarantined {
        printer: PrinterName,
        why: Box<Wrong>,
    },
    /// Its own board is there.
    NoteRecognised {
        printer: PrinterName,
    },
    /// A person at the printer lets a waiting job begin on it.
    ReleaseJob {
        job: JobId,
        printer: PrinterName,
        by: String,
    },
    /// A person accepts warnings about a waiting job's file.
    AcceptFindings {
        job: JobId,
        findings: Vec<Noted>,
        by: String,
    },
    NoteAnswered {
        printer: PrinterName,
        by: String,
        button: u8,
        label: String,
    },
    /// Before a console command is sent. `bed_clear`: it moves.
    UseConsole {
        printer: PrinterName,
        by: String,
        command: String,
        bed_clear: bool,
    },
    /// At each start: jobs that the last daemon left running are interrupted.
    BeginBoot {
        version: String,
        /// These are not interrupted yet: their printers are asked whether they go on.
        rejoining: Vec<JobId>,
        /// How far jobs had come, where something else than the journal knows that, too.
        reached: BTreeMap<JobId, Reached>,
    },
    NoteContinued {
        job: JobId,
        progress: Progress,
        layer: u32,
        gap_ms: u64,
    },
    /// What is asked for only as long as something is as whoever asks has seen it.
    Provided {
        seen: Box<Seen>,
        request: Box<Self>,
    },
    /// What is asked for on this day of the place, which may not be the one of UTC.
    OnDay {
        day: Day,
        request: Box<Self>,
    },
    /// Of cases, printed parts, material and who stands for them.
    Quality(Box<quality::Request>),
    /// Of the shared queue beside its jobs.
    Queue(Box<queue::Request>),
    /// Of what ties a case to a patient.
    Identifiers(Box<IdentifierRequest>),
    /// Of users, their roles and tokens.
    People(Box<people::Request>),
    /// Of resin printers, and of jobs that are files for them.
    Resin(Box<resin::Request>),
    /// What `platen setup` has prepared comes true.
    AdoptAdmin {
        name: UserName,
        printed: PrintedName,
    },
}

impl Request {
    /// The same, provided that what was seen is still so; where nothing was said of that, as it is.
    #[must_use]
    pub fn provided(self, seen: Option<Seen>) -> Self {
        match seen {
            Some(seen) => Self::Provided { seen: Box::new(seen), request: Box::new(self) },
            None => self,
        }
    }
}

/// What else is known of a job that was running when platen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub progress: Progress,
    /// A line that lays something may have been sent.
    pub laid: bool,
}

#[derive(Clone, Debug)]
pub struct NewJob {
    pub job: JobId,
    pub case: CaseToken,
    pub part: PartRef,
    /// What else it lays on the bed, once for each piece.
    pub also: Vec<PartRef>,
    pub file: FileHash,
    pub commands: u64,
    pub digest: FileHash,
    pub pinned: Option<PrinterName>,
    pub material: Option<String>,
    /// What was found in the file, and accepted by whom.
    pub gate: Option<Box<Gated>>,
}

#[derive(Clone, Debug)]
pub struct NewSlicing {
    pub job: JobId,
    pub case: CaseToken,
    pub part: PartRef,
    pub model: FileHash,
    pub order: SliceOrder,
    pub pinned: Option<PrinterName>,
    pub material: Option<String>,
}

/// More words than these are not kept of why a model was not sliced: an entry of the journal has a bound.
const WHY_MAX: usize = 400;

/// Who carries out what a person wants of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doer {
    /// The task of the printer that runs it.
    Printer(PrinterName),
    /// Nobody runs it yet: it is taken off the queue.
    Queue,
}

/// Why a request is not granted: what, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no case {0}; `platen cases` lists them")]
    NoCase(CaseToken),
    #[error(
        "job {job} is held: it waits for {why}, says {by}; `platen queue {job} --go-on --by NAME` when it need not"
    )]
    Held { job: JobId, why: &'static str, by: String },
    #[error(
        "job {job} is held already: it waits for {why}, says {by}; ask {by}, or end that hold first (`platen queue {job} --go-on --by NAME`)"
    )]
    HeldAlready { job: JobId, why: &'static str, by: String },
    #[error(
        "printer {prepared} is prepared for job {job} by {by}; take that back first: `platen queue {job} --prepared no --by NAME`"
    )]
    PreparedElsewhere { job: JobId, prepared: PrinterName, by: String },
    #[error("a print is due within the next five years, or since a day at most; give such a time")]
    Due,
    #[error(
        "this lab notes the lots that are loaded, so a job says its material, and none came; queue it with one (`platen uploads --assign UPLOAD --material PLA`)"
    )]
    MaterialNeeded,
    #[error("printer {printer} is away for maintenance until {until}; wait, or call that off")]
    Away { printer: PrinterName, until: WallTime },
    #[error("there is no upload {0}; `platen uploads` lists them")]
    NoUpload(UploadId),
    #[error("upload {upload} is job {job} already; queue its file anew for another print")]
    UploadIsJob { upload: UploadId, job: JobId },
    #[error("upload {0} was put away; send the file again")]
    UploadGone(UploadId),
    #[error(
        "1000 files wait for somebody to say of which part they are, and that is the most; assign or dismiss some (`platen uploads`)"
    )]
    TooManyUploads,
    #[error("a maintenance ends after it begins, not in the past, and within a year; give other times")]
    Window,
    #[error(
        "another maintenance of printer {0} is planned for that time, or too many are; call one off first"
    )]
    Windows(PrinterName),
    #[error("no maintenance of printer {0} begins then; `platen printers` lists them")]
    NoWindow(PrinterName),
    #[error("case {0} exists already")]
    CaseExists(CaseToken),
    #[error("case {case} has no part {part}; `platen cases {case}` lists its parts")]
    NoPart { case: CaseToken, part: String },
    #[error("case {0} has as many parts as a case may have (999); open another case")]
    TooManyParts(CaseToken),
    #[error("there is no job {0}; `platen jobs` lists them")]
    NoJob(JobId),
    #[error("job {0} exists already; look at it, and give another job another id")]
    JobExists(JobId),
    #[error("job {job} is {state}, so it cannot be {wanted}; {todo}")]
    WrongState { job: JobId, state: &'static str, wanted: &'static str, todo: &'static str },
    #[error("there is no printer {0}; `platen printers` lists them")]
    NoPrinter(PrinterName),
    #[error(
        "job {job} is meant for printer {pinned}, not for {printer}; start it there, or queue its file anew for this one"
    )]
    Pinned { job: JobId, pinned: PrinterName, printer: PrinterName },
    #[error(
        "the part of job {job} is on the bed of {printer}; take it off, then `platen printers clear {printer} --by NAME`"
    )]
    BedOccupied { printer: PrinterName, job: JobId },
    #[error(
        "printer {printer} is locked after a {why}; look at it, then `platen stop --clear {printer} --by NAME`"
    )]
    Latched { printer: PrinterName, why: &'static str },
    #[error(
        "printer {printer} is in quarantine: {why}; plug its own board in, or look which board it is and say so with `platen printers identify {printer} --by NAME`"
    )]
    Quarantined { printer: PrinterName, why: String },
    #[error(
        "a person must be at printer {printer} when job {job} begins: {}; go there, then `platen jobs --start {job} --by NAME`",
        .why.in_words()
    )]
    PersonNeeded { printer: PrinterName, job: JobId, why: Attended },
    #[error(
        "the part of job {job} is no longer on the bed of {printer} as that job left it; if a later job has gone on with it, make the file from that job, else print the part anew"
    )]
    PartGone { printer: PrinterName, job: JobId },
    #[error(
        "job {since} has begun on printer {printer} since job {job} was queued, and may have moved its head: measure the height again, make the resume file anew, and queue that"
    )]
    HeadMoved { printer: PrinterName, job: JobId, since: JobId },
    #[error("that file goes on with the part of job {job}; queue it for the case and the part of that job")]
    OtherPart { job: JobId },
    #[error(
        "job {0} has as many resume files as a job may have (4); use one of them, or print the part anew"
    )]
    TooManyResumeFiles(JobId),
    #[error(
        "that file goes on with a part of another job already; choose another layer, or print the part anew"
    )]
    SameResumeFile,
    #[error("printer {printer} already prints job {job}; wait for the job to end, or cancel it")]
    PrinterBusy { printer: PrinterName, job: JobId },
    #[error("the bed of {0} is clear already; there is nothing to do")]
    BedClear(PrinterName),
    #[error("printer {0} is not locked; there is nothing to do")]
    NotLatched(PrinterName),
    #[error(
        "the part of job {job} is on the bed of {printer} by now, and not the one that you saw; look at it, then say so of that one"
    )]
    OtherOnBed { printer: PrinterName, job: JobId },
    #[error("printer {0} was locked anew since you looked; look at it again, then clear that lock")]
    OtherLock(PrinterName),
    #[error(
        "the quarantine of printer {0} is over, or another one than you saw; look which board is there now, then say so again"
    )]
    OtherQuarantine(PrinterName),
    #[error(
        "printer {printer} has lot {lot} in slot {slot} by now, and not the one that you saw; look at it, then unload that one"
    )]
    OtherLot { printer: PrinterName, slot: u8, lot: LotId },
    #[error("the rules of the site were changed meanwhile, and stay so; look at them, then set them again")]
    RulesChanged,
    #[error("the roles of {0} were changed meanwhile, and stay so; look at them, then set them again")]
    RolesChanged(UserName),
    #[error(
        "instrument {0} was changed meanwhile, and stays so; look at what is noted of it now, then note it again"
    )]
    InstrumentChanged(InstrumentName),
    #[error("there is an instrument {0} already; note its calibration where it stands, or take another name")]
    InstrumentExists(InstrumentName),
    #[error(
        "what is wanted of job {0} was changed meanwhile, and stays so; look at it in the queue, then say it again"
    )]
    WishChanged(JobId),
    #[error(
        "a process, a unit and at most 16 accepted warnings are words of a-z, 0-9 and . - _, and a scale is more than 0"
    )]
    SliceOrder,
    #[error("a job has {pieces} pieces, and {PIECES_MAX} is the most; print them in several jobs")]
    TooManyPieces { pieces: usize },
    #[error("that file goes on with all pieces of job {job}; queue it without naming others")]
    SamePieces { job: JobId },
    #[error("material is 1 to 40 letters, digits, spaces and . - _ +")]
    Material,
    #[error("a name is needed: who says so? (1 to 40 letters, digits, spaces and . - _ @)")]
    Name,
    #[error(transparent)]
    Quality(#[from] quality::Refusal),
    #[error(transparent)]
    Identifiers(#[from] IdentifierRefusal),
    #[error(transparent)]
    People(#[from] people::Refusal),
    #[error(transparent)]
    Resin(#[from] resin::Refusal),
}

impl Refusal {
    /// A job that cannot be `wanted` as it stands.
    pub(crate) fn wrong_state(job: &Job, wanted: &'static str) -> Self {
        let (state, todo) = (job.state.in_words(), job.state.todo());
        Self::WrongState { job: job.id.clone(), state, wanted, todo }
    }
}

/// Where a changed thing is kept in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityKey {
    Case(CaseToken),
    Part(PartId),
    Job(JobId),
    Printer(PrinterName),
    /// Of a job: beside it, since both would not fit into one value of the store.
    Chain(JobId),
    /// The same of what was found in its file.
    Gate(JobId),
    Quality(quality::Key),
    Queue(queue::Key),
    Resin(resin::Key),
    User(UserName),
    /// What a user has chosen to be told.
    Notices(UserName),
    Counters,
}

impl EntityKey {
    /// The key in the store: `case/…`, `part/…`, `job/…`, `printer/…`, `chain/…`, `gate/…`, `quality/…/…`,
    /// `queue/…/…`, `resin/…/…`, `user/…`, `counters`.
    pub fn path(&self) -> String {
        match self {
            Self::Case(id) => format!("case/{id}"),
            Self::Part(id) => format!("part/{id}"),
            Self::Job(id) => format!("job/{id}"),
            Self::Printer(name) => format!("printer/{name}"),
            Self::Chain(id) => format!("chain/{id}"),
            Self::Gate(id) => format!("gate/{id}"),
            Self::Quality(key) => format!("quality/{}", key.path()),
            Self::Queue(key) => format!("queue/{}", key.path()),
            Self::Resin(key) => format!("resin/{}", key.path()),
            Self::User(name) => format!("user/{name}"),
            Self::Notices(name) => format!("notices/{name}"),
            Self::Counters => "counters".into(),
        }
    }
}

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The last event's `seq`.
    pub seq: u64,
    /// The last published event's `outbox_seq`.
    pub outbox: u64,
    /// The last queued job's `order`.
    pub order: u64,
    /// How many users there are: one that is missing was lost.
    #[serde(default, skip_serializing_if = "is_none")]
    pub users: u64,
    /// Present from the day on which the journal was restored from a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
}

/// Journals of a lab without users are as they were before there were any.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What a copy of the journal cannot know: what was printed, and what stands on the beds, since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Jobs up to this `order` begin only when a person says so.
    pub order: u64,
    pub at: WallTime,
}

/// Who has locked the printers of a restored journal.
const RESTORE: &str = "a restore";

/// A stored entity that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the store's entry {key} cannot be read: {error}")]
pub struct EntityError {
    pub key: String,
    pub error: serde_json::Error,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lab {
    pub counters: Counters,
    pub cases: BTreeMap<CaseToken, Case>,
    pub parts: BTreeMap<PartId, Part>,
    pub jobs: BTreeMap<JobId, Job>,
    pub printers: BTreeMap<PrinterName, PrinterRecord>,
    /// Where the files of jobs come from that platen sliced.
    pub chains: BTreeMap<JobId, Chain>,
    /// What was found in the files of jobs when they were taken in.
    pub gates: BTreeMap<JobId, Gated>,
    pub quality: Quality,
    pub queue: Queue,
    pub resin: Resin,
    pub people: People,
    /// Which part has which number of its case. Made from `parts`: whoever replays a long journal asks for it at every
    /// entry.
    numbered: BTreeMap<(CaseToken, u16), PartId>,
}

/// How a running job ends that does not come to its end: as cancelled, where a person has asked for that before.
fn torn_off(
    job: &Job,
    run: &Run,
    progress: Progress,
    why: Interruption,
    line: Option<Box<LineHealth>>,
) -> Fact {
    let printer = run.printer.clone();
    match job.cancelling.clone() {
        Some(by) => Fact::JobCancelled { printer: Some(printer), progress: Some(progress), by, line },
        None => Fact::JobInterrupted { printer, progress, why, line },
    }
}

/// Moves the attempts of a copy behind those of the copies before it; `own` is the number of the job's own part.
fn further_attempts(fact: &mut Fact, own: u16, before: u32) {
    let Fact::JobQueued { attempt, also, .. } = fact else { return };
    // Each copy takes as many attempts at a part as it lays pieces of it.
    let mut pieces: BTreeMap<u16, u32> = BTreeMap::from([(own, 1)]);
    for piece in also.iter() {
        *pieces.entry(piece.part).or_default() += 1;
    }
    let behind = |part: u16| pieces.get(&part).copied().unwrap_or_default().saturating_mul(before);
    if let Some(attempt) = attempt {
        *attempt = attempt.saturating_add(behind(own));
    }
    for piece in also {
        piece.attempt = piece.attempt.saturating_add(behind(piece.part));
    }
}

/// Whose a job is that a request makes.
fn of_new_job<'r>(request: &'r Request, id: &JobId) -> Option<(&'r CaseToken, &'r PartRef)> {
    let of = |new: &'r NewJob| (&new.case, &new.part);
    match request {
        Request::QueueJob(new) => Some(of(new)),
        Request::QueueCopies(all) => all.iter().find(|new| new.job == *id).map(of),
        Request::SliceJob(new) => Some((&new.case, &new.part)),
        Request::Queue(asked) => asked.new_job().map(of),
        Request::Resin(asked) => of_new_job(asked.carried()?, id),
        Request::Provided { request, .. } | Request::OnDay { request, .. } => of_new_job(request, id),
        _ => None,
    }
}

/// A person's name as given, trimmed: 1 to 40 letters, digits, spaces and . - _ @
pub fn person(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '@');
    if (1..=40).contains(&name.chars().count()) && name.chars().all(legal) {
        Ok(name.to_owned())
    } else {
        Err(Refusal::Name)
    }
}

fn legal_material(material: Option<&str>) -> Result<(), Refusal> {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '+');
    let fits = |material: &str| (1..=40).contains(&material.chars().count()) && material.chars().all(legal);
    if material.is_none_or(fits) { Ok(()) } else { Err(Refusal::Material) }
}

/// What is kept of the findings in a file: as much as fits, and whoever accepts has a name.
fn noted(gate: Option<&Gated>) -> Result<Option<Box<Gated>>, Refusal> {
    let Some(gate) = gate.filter(|gate| !gate.is_empty()) else { return Ok(None) };
    let by = gate.by.as_deref().map(person).transpose()?;
    if by.is_none() && !gate.accepted.is_empty() {
        return Err(Refusal::Name);
    }
    Ok(Some(Box::new(Gated { by, ..gate.clone() }.bounded())))
}

impl Lab {
    pub fn case(&self, token: &CaseToken) -> Result<&Case, Refusal> {
        self.cases.get(token).ok_or_else(|| Refusal::NoCase(token.clone()))
    }

    pub fn job(&self, id: &JobId) -> Result<&Job, Refusal> {
        self.jobs.get(id).ok_or_else(|| Refusal::NoJob(id.clone()))
    }

    /// The durable record of a printer; one that never had an event has a clear bed and no latch, except in
    /// a restored journal, which may have forgotten it.
    pub fn printer(&self, name: &PrinterName) -> PrinterRecord {
        self.printers.get(name).cloned().unwrap_or_else(|| PrinterRecord {
            latch: self
                .counters
                .restored
                .map(|Restored { at, .. }| Latch::Stopped { by: RESTORE.into(), at }),
            ..PrinterRecord::new(name.clone())
        })
    }

    /// What has to be in the spool: the files of jobs, the models that they were sliced from, the photos of
    /// inspections, and what slicers sent and nobody has tied to a part yet.
    pub fn files(&self) -> impl Iterator<Item = &FileHash> {
        let of_jobs = self.jobs.values().map(|job| &job.file);
        let models = self.chains.values().map(|chain| &chain.model.hash);
        let photos = self.quality.inspections.values().flat_map(|inspection| &inspection.measured.photos);
        let sent = self.queue.unassigned().map(|upload| &upload.file);
        of_jobs.chain(models).chain(photos).chain(sent)
    }

    /// The warnings about a job's file that somebody has accepted, by their codes. A file that goes on with the part
    /// of another job has that job's, too: most of it is the same file.
    pub fn accepted(&self, job: &Job) -> Vec<String> {
        let origin = job.resumes.as_ref().map(|resumes| &resumes.job);
        let mut accepted = Vec::new();
        for id in [Some(&job.id), origin].into_iter().flatten() {
            accepted.extend(self.gates.get(id).into_iter().flat_map(|gate| gate.accepted.iter().cloned()));
            accepted.extend(self.chains.get(id).into_iter().flat_map(|chain| chain.accepted.iter().cloned()));
        }
        accepted
    }

    /// The parts of a case, by number.
    pub fn parts_of(&self, case: &CaseToken) -> Vec<&Part> {
        let of_it = self.numbered.range((case.clone(), 0)..=(case.clone(), u16::MAX));
        of_it.filter_map(|(_, id)| self.parts.get(id)).collect()
    }

    fn take_part(&mut self, part: Part) {
        self.numbered.insert((part.case.clone(), part.number), part.id.clone());
        self.parts.insert(part.id.clone(), part);
    }

    /// The jobs of a case, oldest first.
    pub fn jobs_of(&self, case: &CaseToken) -> Vec<&Job> {
        let mut jobs: Vec<_> = self.jobs.values().filter(|job| job.case == *case).collect();
        jobs.sort_by_key(|job| job.order);
        jobs
    }

    /// All jobs in the order in which they were accepted.
    pub fn jobs_in_order(&self) -> Vec<&Job> {
        let mut jobs: Vec<_> = self.jobs.values().collect();
        jobs.sort_by_key(|job| job.order);
        jobs
    }

    /// The job that the journal believes to be on `printer`.
    pub fn running_on(&self, printer: &PrinterName) -> Option<&Job> {
        self.jobs
            .values()
            .find(|job| job.state.is_running() && job.state.run().is_some_and(|run| run.printer == *printer))
    }

    pub fn find_part(&self, case: &CaseToken, part: &PartRef) -> Result<&Part, Refusal> {
        self.case(case)?;
        let found = match part {
            PartRef::Id(id) => self.parts.get(id).filter(|found| found.case == *case),
            PartRef::Number(number) => {
                self.numbered.get(&(case.clone(), *number)).and_then(|id| self.parts.get(id))
            }
        };
        found.ok_or_else(|| Refusal::NoPart {
            case: case.clone(),
            part: match part {
                PartRef::Id(id) => id.to_string(),
                PartRef::Number(number) => number.to_string(),
            },
        })
    }

    /// Whether a job may begin on a printer now.
    pub fn may_start(&self, job: &Job, printer: &PrinterName, now: WallTime) -> Result<(), Refusal> {
        self.is_free_for(job, printer)?;
        if let Some(held) = self.queue.wish(&job.id).and_then(|wish| wish.held.as_ref()) {
            return Err(Refusal::Held {
                job: job.id.clone(),
                why: held.reason.in_words(),
                by: held.by.clone(),
            });
        }
        if let Some(away) = self.queue.away_now(printer, now) {
            return Err(Refusal::Away { printer: printer.clone(), until: away.until });
        }
        quality::may_start(self, job, printer, now)?;
        Ok(resin::may_start(self, job, printer, now)?)
    }

    /// What somebody has made ready is not passed over by hand. The plan may, where that printer fits no more.
    fn is_not_prepared_elsewhere(&self, job: &JobId, printer: &PrinterName) -> Result<(), Refusal> {
        let Some(wish) = self.queue.wish(job) else { return Ok(()) };
        match wish.prepared.clone().filter(|prepared| prepared != printer) {
            None => Ok(()),
            Some(prepared) => Err(Refusal::PreparedElsewhere {
                job: job.clone(),
                prepared,
                by: wish.prepared_by.clone().unwrap_or_else(|| "somebody".into()),
            }),
        }
    }

    fn is_free_for(&self, job: &Job, printer: &PrinterName) -> Result<(), Refusal> {
        if job.state != JobState::Queued {
            return Err(Refusal::wrong_state(job, "started"));
        }
        if let Some(pinned) = job.pinned.as_ref().filter(|pinned| *pinned != printer) {
            return Err(Refusal::Pinned {
                job: job.id.clone(),
                pinned: pinned.clone(),
                printer: printer.clone(),
            });
        }
        let record = self.printer(printer);
        if let Some(latch) = record.latch {
            let why = match latch {
                Latch::Stopped { .. } => "stop",
                Latch::Fault { .. } => "fault",
            };
            return Err(Refusal::Latched { printer: printer.clone(), why });
        }
        if let Some(quarantine) = record.quarantine {
            return Err(Refusal::Quarantined { printer: printer.clone(), why: quarantine.why.in_words() });
        }
        if let Some(running) = self.running_on(printer) {
            return Err(Refusal::PrinterBusy { printer: printer.clone(), job: running.id.clone() });
        }
        match (&job.resumes, record.bed) {
            (None, Bed::Clear) => Ok(()),
            (None, Bed::Occupied { job }) => Err(Refusal::BedOccupied { printer: printer.clone(), job }),
            // On its part, and nowhere else: elsewhere it would print into the air, or run into what stands there.
            (Some(resumes), Bed::Occupied { job: origin }) if origin == resumes.job => {
                match self.tried_on(&origin).find(|other| job.queued < other.1) {
                    None => Ok(()),
                    Some((since, _)) => Err(Refusal::HeadMoved {
                        printer: printer.clone(),
                        job: job.id.clone(),
                        since: since.clone(),
                    }),
                }
            }
            (Some(resumes), _) => {
                Err(Refusal::PartGone { printer: printer.clone(), job: resumes.job.clone() })
            }
        }
    }

    /// The jobs that have begun to go on with the part of this one, and when: the head may have moved since.
    pub fn tried_on<'a>(&'a self, origin: &'a JobId) -> impl Iterator<Item = (&'a JobId, WallTime)> + 'a {
        let of_it = |job: &&Job| job.resumes.as_ref().is_some_and(|resumes| resumes.job == *origin);
        let jobs = self.jobs.values().filter(move |job| of_it(job));
        jobs.filter_map(|job| Some((&job.id, job.state.run()?.started)))
    }

    /// The run of an interrupted job whose part still stands where it was printed, so that another job can go on
    /// with it.
    pub fn may_resume(&self, id: &JobId) -> Result<(&Job, &Run), Refusal> {
        let job = self.job(id)?;
        let JobState::Ended { run: Some(run), outcome: Outcome::Interrupted { .. }, .. } = &job.state else {
            return Err(Refusal::wrong_state(job, "gone on with from a resume file"));
        };
        if self.printer(&run.printer).bed != (Bed::Occupied { job: id.clone() }) {
            return Err(Refusal::PartGone { printer: run.printer.clone(), job: id.clone() });
        }
        Ok((job, run))
    }

    /// The job with whose part a file goes on, and how.
    pub fn resume_file(&self, file: &FileHash) -> Option<(&Job, &ResumeFile)> {
        self.jobs
            .values()
            .find_map(|job| job.resume_files.iter().find(|made| made.file == *file).map(|made| (job, made)))
    }

    /// Whether a job may begin on a printer now, where `needs` says why a person has to be there.
    pub fn may_begin(
        &self,
        job: &Job,
        printer: &PrinterName,
        needs: Option<Attended>,
        now: &Stamp,
    ) -> Result<(), Refusal> {
        self.may_start(job, printer, now.wall)?;
        let released = job.released.as_ref().is_some_and(|released| released.holds(printer, now));
        let restored = self.counters.restored.is_some_and(|restored| job.order <= restored.order);
        let resumes = job.resumes.is_some();
        let needs =
            restored.then_some(Attended::Restored).or_else(|| resumes.then_some(Attended::Resumes)).or(needs);
        match needs.filter(|_| !released) {
            None => Ok(()),
            Some(why) => Err(Refusal::PersonNeeded { printer: printer.clone(), job: job.id.clone(), why }),
        }
    }

    /// Who carries out a change of a job, where it can be changed so as it stands.
    pub fn doer(&self, id: &JobId, change: Change) -> Result<Doer, Refusal> {
        let job = self.job(id)?;
        if change == Change::Resume {
            resin::may_go_on(self, job)?;
        }
        match (&job.state, change) {
            (JobState::Printing { run } | JobState::Paused { run, .. }, _) => {
                Ok(Doer::Printer(run.printer.clone()))
            }
            (JobState::Queued | JobState::Slicing { .. }, Change::Cancel) => Ok(Doer::Queue),
            _ => Err(Refusal::wrong_state(job, change.wanted())),
        }
    }

    pub(super) fn running(&self, id: &JobId, wanted: &'static str) -> Result<(&Job, &Run), Refusal> {
        let job = self.job(id)?;
        match job.state.run() {
            Some(run) if job.state.is_running() => Ok((job, run)),
            _ => Err(Refusal::wrong_state(job, wanted)),
        }
    }

    /// The facts that grant a request, or why it is refused. Changes nothing.
    pub fn judge(&self, request: &Request, now: WallTime) -> Result<Vec<(Option<JobId>, Fact)>, Refusal> {
        let one = |fact: Fact| Ok(vec![(None, fact)]);
        match request {
            Request::BeginBoot { version, rejoining, reached } => {
                Ok(self.judge_boot(version, rejoining, reached))
            }
            Request::OpenCase { case, intended_use } => {
                if self.cases.contains_key(case) {
                    return Err(Refusal::CaseExists(case.clone()));
                }
                one(Fact::CaseOpened { case: case.clone(), intended_use: *intended_use })
            }
            Request::AddPart { case, part, name } => {
                let number = self.case(case)?.parts + 1;
                if number > 999 {
                    return Err(Refusal::TooManyParts(case.clone()));
                }
                quality::may_add_part(self, case)?;
                one(Fact::PartAdded { case: case.clone(), part: part.clone(), number, name: name.clone() })
            }
            Request::People(request) => {
                Ok(self.people.judge(request)?.into_iter().map(|fact| (None, Fact::People(fact))).collect())
            }
            Request::AdoptAdmin { name, printed } => {
                let facts = self.people.adopt(name, printed)?;
                Ok(facts.into_iter().map(|fact| (None, Fact::People(fact))).collect())
            }
            Request::Identifiers(request) => {
                let known = self.case(request.case())?.identifiers.as_ref();
                let fact = identifiers::judge(known, request, person(request.by())?)?;
                one(Fact::Identifiers(Box::new(fact)))
            }
            Request::ClearBed { printer, by } => {
                let by = person(by)?;
                if let Some(job) = self.running_on(printer) {
                    return Err(Refusal::PrinterBusy { printer: printer.clone(), job: job.id.clone() });
                }
                if self.printer(printer).bed == Bed::Clear {
                    return Err(Refusal::BedClear(printer.clone()));
                }
                one(Fact::BedCleared { printer: printer.clone(), by })
            }
            Request::NoteTrailLost { job } => {
                let (_, run) = self.running(job, "told apart from what was kept of it")?;
                one(Fact::TrailLost { printer: run.printer.clone(), job: job.clone() })
            }
            Request::NoteCancelling { job, by } => {
                let by = person(by)?;
                let (known, run) = self.running(job, "cancelled")?;
                if known.cancelling.is_some() {
                    return Ok(Vec::new());
                }
                one(Fact::CancelAsked { printer: run.printer.clone(), job: job.clone(), by })
            }
            Request::LaidNothing(end) => {
                let mut facts = self.judge(end, now)?;
                let given_back = facts.iter().find_map(|(job, fact)| self.given_back(job.as_ref()?, fact));
                facts.extend(given_back.map(|fact| (None, fact)));
                Ok(facts)
            }
            Request::SentNothing(end) => {
                let mut facts = self.judge(end, now)?;
                let given_back = facts.iter().find_map(|(job, fact)| self.as_it_was(job.as_ref()?, fact));
                facts.extend(given_back.map(|fact| (None, fact)));
                Ok(facts)
            }
            Request::Provided { seen, request } => {
                seen.holds(self)?;
                self.judge(request, now)
            }
            Request::OnDay { day, request } => self.judge(request, day.begins()),
            Request::NoteStopped { printer, by } => {
                let by = person(by).unwrap_or_else(|_| UNNAMED.into());
                one(Fact::PrinterStopped { printer: printer.clone(), by })
            }
            Request::NoteStopVerified { printer, proof } => {
                one(Fact::StopVerified { printer: printer.clone(), proof: *proof })
            }
            Request::NoteStopUnverified { printer, relay } => {
                one(Fact::StopUnverified { printer: printer.clone(), relay: *relay })
            }
            Request::NoteFaulted { printer, fault } => {
                one(Fact::PrinterFaulted { printer: printer.clone(), fault: *fault })
            }
            Request::NoteHeatAlarm { printer, alarm } => {
                one(Fact::HeatAlarm { printer: printer.clone(), alarm: *alarm })
            }
            Request::ClearLatch { printer, by } => {
                let by = person(by)?;
                if self.printer(printer).latch.is_none() {
                    return Err(Refusal::NotLatched(printer.clone()));
                }
                // What ends the job may be the lock's own doing, and under way.
                if let Some(job) = self.running_on(printer) {
                    return Err(Refusal::PrinterBusy { printer: printer.clone(), job: job.id.clone() });
                }
                one(Fact::LatchCleared { printer: printer.clone(), by })
            }
            Request::NoteIdentified { printer, evidence } => one(Fact::PrinterIdentified {
                printer: printer.clone(),
                evidence: evidence.clone(),
                by: None,
            }),
            Request::Identify { printer, evidence, by } => {
                let by = Some(person(by)?);
                one(Fact::PrinterIdentified { printer: printer.clone(), evidence: evidence.clone(), by })
            }
            Request::NoteQuarantined { printer, why } => {
                // Known already: the same board was looked at again.
                if self.printer(printer).quarantine.is_some_and(|quarantine| quarantine.why == **why) {
                    return Ok(Vec::new());
                }
                one(Fact::PrinterQuarantined { printer: printer.clone(), why: why.clone() })
            }
            Request::NoteRecognised { printer } => {
                if self.printer(printer).quarantine.is_none() {
                    return Ok(Vec::new());
                }
                one(Fact::PrinterRecognised { printer: printer.clone() })
            }
            Request::ReleaseJob { job, printer, by } => {
                let by = person(by)?;
                self.may_start(self.job(job)?, printer, now)?;
                self.is_not_prepared_elsewhere(job, printer)?;
                Ok(vec![(Some(job.clone()), Fact::JobReleased { printer: printer.clone(), by })])
            }
            Request::AcceptFindings { job, findings, by } => {
                let by = person(by)?;
                let known = self.job(job)?;
                if known.state != JobState::Queued {
                    return Err(Refusal::wrong_state(known, "accepted"));
                }
                let already = self.accepted(known);
                let may =
                    |noted: &&Noted| noted.severity == Severity::Warning && !already.contains(&noted.code);
                let findings: Vec<Noted> = findings.iter().filter(may).cloned().collect();
                let findings = Gated { findings, ..Gated::default() }.bounded().findings;
                if findings.is_empty() {
                    return Ok(Vec::new());
                }
                Ok(vec![(Some(job.clone()), Fact::JobAccepted { findings, by })])
            }
            Request::NoteAnswered { printer, by, button, label } => one(Fact::PromptAnswered {
                printer: printer.clone(),
                by: person(by)?,
                button: *button,
                label: label.clone(),
            }),
            Request::UseConsole { printer, by, command, bed_clear } => {
                let by = person(by)?;
                if let (true, Bed::Occupied { job }) = (*bed_clear, self.printer(printer).bed) {
                    return Err(Refusal::BedOccupied { printer: printer.clone(), job });
                }
                one(Fact::ConsoleUsed { printer: printer.clone(), by, command: command.clone() })
            }
            Request::QueueJob(new) => self.judge_queue(new),
            Request::QueueCopies(all) => {
                let mut facts = Vec::with_capacity(all.len());
                for (before, new) in (0u32..).zip(all) {
                    let own = self.find_part(&new.case, &new.part)?.number;
                    let mut one = self.judge_queue(new)?;
                    for (_, fact) in &mut one {
                        // A part is gone on with once.
                        if before > 0 && matches!(fact, Fact::JobQueued { resumes: Some(_), .. }) {
                            return Err(Refusal::SameResumeFile);
                        }
                        further_attempts(fact, own, before);
                    }
                    facts.extend(one);
                }
                Ok(facts)
            }
            Request::SliceJob(new) => {
                if self.jobs.contains_key(&new.job) {
                    return Err(Refusal::JobExists(new.job.clone()));
                }
                self.find_part(&new.case, &new.part)?;
                legal_material(new.material.as_deref())?;
                if !new.order.is_plain() {
                    return Err(Refusal::SliceOrder);
                }
                let by = new.order.by.as_deref().map(person).transpose()?;
                if by.is_none() && !new.order.accepted.is_empty() {
                    return Err(Refusal::Name);
                }
                let fact = Fact::JobSlicing {
                    model: new.model.clone(),
                    order: Box::new(SliceOrder { by, ..new.order.clone() }),
                    pinned: new.pinned.clone(),
                    material: new.material.clone(),
                };
                Ok(vec![(Some(new.job.clone()), fact)])
            }
            Request::NoteSliced { job, chain, commands, digest, gate } => {
                let known = self.slicing(job, "sliced")?;
                let queued = Fact::JobQueued {
                    file: chain.file.clone(),
                    commands: *commands,
                    digest: digest.clone(),
                    pinned: known.pinned.clone(),
                    material: known.material.clone(),
                    resumes: None,
                    gate: noted(gate.as_deref())?,
                    attempt: quality::attempt(self, &known.part),
                    also: Vec::new(),
                };
                let sliced = Fact::JobSliced { chain: chain.clone() };
                Ok(vec![(Some(job.clone()), sliced), (Some(job.clone()), queued)])
            }
            Request::NoteNotSliced { job, why } => {
                self.slicing(job, "noted as not sliced")?;
                let plain = |c: char| if c.is_control() { ' ' } else { c };
                let mut why: String = why.chars().map(plain).collect();
                let end = (0..=WHY_MAX.min(why.len())).rev().find(|at| why.is_char_boundary(*at));
                why.truncate(end.unwrap_or(0));
                Ok(vec![(Some(job.clone()), Fact::JobNotSliced { why })])
            }
            Request::MakeResumeFile { job, file, layer, height, by } => {
                let by = person(by)?;
                let (known, run) = self.may_resume(job)?;
                match self.resume_file(file) {
                    Some((of, _)) if of.id == *job => return Ok(Vec::new()),
                    Some(_) => return Err(Refusal::SameResumeFile),
                    // A file that was queued as one of its own would begin on an empty bed.
                    None if self.jobs.values().any(|job| job.file == *file) => {
                        return Err(Refusal::SameResumeFile);
                    }
                    None => {}
                }
                if known.resume_files.len() == RESUME_FILES_MAX {
                    return Err(Refusal::TooManyResumeFiles(job.clone()));
                }
                let (printer, file) = (run.printer.clone(), file.clone());
                let fact = Fact::JobResumeFile { printer, file, layer: *layer, height: *height, by };
                Ok(vec![(Some(job.clone()), fact)])
            }
            Request::StartJob { job, printer } => {
                self.may_start(self.job(job)?, printer, now)?;
                Ok(vec![(Some(job.clone()), Fact::JobStarted { printer: printer.clone() })])
            }
            Request::Quality(request) => Ok(quality::judge(self, request, now)?),
            Request::Queue(request) => queue::judge(self, request, now),
            Request::Resin(request) => resin::judge(self, request, now),
            Request::CancelJob { job, progress, by, line } => {
                self.judge_cancel(job, *progress, by, line.as_deref())
            }
            Request::NoteProgress { job, .. }
            | Request::NotePaused { job, .. }
            | Request::NoteResumed { job, .. }
            | Request::NoteContinued { job, .. }
            | Request::NotePrinted { job, .. }
            | Request::NoteInterrupted { job, .. } => self.judge_note(job, request),
        }
    }

    fn slicing(&self, id: &JobId, wanted: &'static str) -> Result<&Job, Refusal> {
        let job = self.job(id)?;
        match job.state {
            JobState::Slicing { .. } => Ok(job),
            _ => Err(Refusal::wrong_state(job, wanted)),
        }
    }

    fn judge_boot(
        &self,
        version: &str,
        rejoining: &[JobId],
        reached: &BTreeMap<JobId, Reached>,
    ) -> Vec<(Option<JobId>, Fact)> {
        let mut facts = vec![(None, Fact::DaemonStarted { version: version.to_owned() })];
        for job in self.jobs_in_order().into_iter().filter(|job| !rejoining.contains(&job.id)) {
            if let (true, Some(run)) = (job.state.is_running(), job.state.run()) {
                let known = reached.get(&job.id);
                let noted = run.progress.confirmed;
                let further = known.map(|known| known.progress).filter(|reached| reached.confirmed > noted);
                let progress = further.unwrap_or(run.progress);
                let fact = torn_off(job, run, progress, Interruption::DaemonEnded, None);
                let given_back =
                    known.filter(|known| !known.laid).and_then(|_| self.given_back(&job.id, &fact));
                if known.is_none_or(|known| known.laid) {
                    facts.extend(resin::after_crash(self, job, progress).map(|fact| (None, fact)));
                }
                facts.push((Some(job.id.clone()), fact));
                facts.extend(given_back.map(|fact| (None, fact)));
            }
        }
        facts
    }

    /// What stands on the bed when a job that went on with a part ends by this fact and has laid nothing.
    fn given_back(&self, id: &JobId, fact: &Fact) -> Option<Fact> {
        self.jobs.get(id)?.resumes.as_ref()?;
        self.as_it_was(id, fact)
    }

    /// What stood on the bed before the job that ends by this fact.
    fn as_it_was(&self, id: &JobId, fact: &Fact) -> Option<Fact> {
        let (Fact::JobCancelled { .. } | Fact::JobInterrupted { .. }, Some(printer)) = (fact, fact.printer())
        else {
            return None;
        };
        let job = self.jobs.get(id)?.resumes.as_ref().map(|resumes| resumes.job.clone());
        let is_its = self.printer(printer).bed == (Bed::Occupied { job: id.clone() });
        is_its.then(|| Fact::BedGivenBack { printer: printer.clone(), job })
    }

    fn judge_queue(&self, new: &NewJob) -> Result<Vec<(Option<JobId>, Fact)>, Refusal> {
        if self.jobs.contains_key(&new.job) {
            return Err(Refusal::JobExists(new.job.clone()));
        }
        let pieces = new.also.len().saturating_add(1);
        if pieces > PIECES_MAX {
            return Err(Refusal::TooManyPieces { pieces });
        }
        let part = self.find_part(&new.case, &new.part)?;
        let mut parts = vec![part];
        for also in &new.also {
            parts.push(self.find_part(&new.case, also)?);
        }
        let part = &part.id;
        let (resumes, pinned, pieces) = match self.resume_file(&new.file) {
            None => (None, new.pinned.clone(), quality::pieces(self, &parts).unwrap_or_default()),
            Some((origin, made)) => {
                let (_, run) = self.may_resume(&origin.id)?;
                if origin.case != new.case || origin.part != *part {
                    return Err(Refusal::OtherPart { job: origin.id.clone() });
                }
                if let Some(other) = new.pinned.as_ref().filter(|other| **other != run.printer) {
                    return Err(Refusal::Pinned {
                        job: new.job.clone(),
                        pinned: run.printer.clone(),
                        printer: other.clone(),
                    });
                }
                if !new.also.is_empty() {
                    return Err(Refusal::SamePieces { job: origin.id.clone() });
                }
                let resumes = Resumes { job: origin.id.clone(), layer: made.layer, height: made.height };
                let own = parts.first().zip(origin.attempt);
                let own = own.map(|(part, attempt)| Piece { part: part.number, attempt });
                let also = self.quality.builds.get(&origin.id).into_iter().flat_map(|build| &build.also);
                let pieces = own.into_iter().chain(also.copied()).collect();
                (Some(resumes), Some(run.printer.clone()), pieces)
            }
        };
        let mut pieces = pieces.into_iter();
        let (attempt, also) = (pieces.next().map(|own| own.attempt), pieces.collect());
        legal_material(new.material.as_deref())?;
        let fact = Fact::JobQueued {
            file: new.file.clone(),
            commands: new.commands,
            digest: new.digest.clone(),
            pinned,
            material: new.material.clone(),
            resumes,
            gate: noted(new.gate.as_deref())?,
            attempt,
            also,
        };
        Ok(vec![(Some(new.job.clone()), fact)])
    }

    fn judge_cancel(
        &self,
        job: &JobId,
        progress: Option<Progress>,
        by: &str,
        line: Option<&LineHealth>,
    ) -> Result<Vec<(Option<JobId>, Fact)>, Refusal> {
        let by = person(by)?;
        let known = self.job(job)?;
        let fact = match (&known.state, progress) {
            (JobState::Queued | JobState::Slicing { .. }, None) => {
                Fact::JobCancelled { printer: None, progress: None, by, line: None }
            }
            (JobState::Printing { run } | JobState::Paused { run, .. }, Some(progress)) => {
                let printer = Some(run.printer.clone());
                Fact::JobCancelled {
                    printer,
                    progress: Some(progress),
                    by,
                    line: line.copied().map(Box::new),
                }
            }
            _ => return Err(Refusal::wrong_state(known, "cancelled")),
        };
        Ok(vec![(Some(job.clone()), fact)])
    }

    /// What a printer's task tells about the job that it runs.
    fn judge_note(&self, id: &JobId, request: &Request) -> Result<Vec<(Option<JobId>, Fact)>, Refusal> {
        let fact = match request {
            Request::NoteProgress { progress, .. } => {
                let (_, run) = self.running(id, "making progress")?;
                Fact::JobProgress { printer: run.printer.clone(), progress: *progress }
            }
            Request::NotePaused { progress, reason, .. } => match self.running(id, "paused")? {
                (Job { state: JobState::Printing { .. }, .. }, run) => Fact::JobPaused {
                    printer: run.printer.clone(),
                    progress: *progress,
                    reason: reason.clone(),
                },
                (job, _) => return Err(Refusal::wrong_state(job, "paused")),
            },
            Request::NoteResumed { by, .. } => match self.running(id, "resumed")? {
                (Job { state: JobState::Paused { .. }, .. }, run) => {
                    Fact::JobResumed { printer: run.printer.clone(), by: Some(person(by)?) }
                }
                (job, _) => return Err(Refusal::wrong_state(job, "resumed")),
            },
            Request::NoteContinued { progress, layer, gap_ms, .. } => {
                let (_, run) = self.running(id, "continued")?;
                Fact::JobContinued {
                    printer: run.printer.clone(),
                    progress: *progress,
                    layer: *layer,
                    gap_ms: *gap_ms,
                }
            }
            Request::NotePrinted { progress, digest, line, millis, .. } => {
                let (job, run) = self.running(id, "printed")?;
                let printer = run.printer.clone();
                match job.cancelling.clone() {
                    Some(by) => {
                        let (progress, line) = (Some(*progress), Some(line.clone()));
                        Fact::JobCancelled { printer: Some(printer), progress, by, line }
                    }
                    None => Fact::JobPrinted {
                        printer,
                        progress: *progress,
                        digest: digest.clone(),
                        exact: *digest == job.digest
                            && progress.confirmed == job.commands
                            && line.strays == 0,
                        line: line.clone(),
                        millis: *millis,
                    },
                }
            }
            Request::NoteInterrupted { progress, why, line, .. } => {
                let (job, run) = self.running(id, "interrupted")?;
                torn_off(job, run, *progress, why.clone(), line.clone())
            }
            _ => return Ok(Vec::new()),
        };
        Ok(vec![(Some(id.clone()), fact)])
    }

    /// Gives facts their place: sequence numbers over the journal, the outbox and the job.
    ///
    /// `request` supplies case and part for a job that does not exist yet.
    pub fn number(
        &self,
        request: &Request,
        facts: Vec<(Option<JobId>, Fact)>,
        stamp: &Stamp,
        actor: &Actor,
    ) -> Vec<Event> {
        let mut outbox = self.counters.outbox;
        let mut job_seqs: BTreeMap<JobId, u64> = BTreeMap::new();
        let mut events = Vec::with_capacity(facts.len());
        for (seq, (job, fact)) in (self.counters.seq + 1..).zip(facts) {
            let subject = job.and_then(|id| {
                let (case, part, last) = match (self.jobs.get(&id), request) {
                    (Some(job), _) => (job.case.clone(), job.part.clone(), job.events),
                    (None, request) => {
                        let (case, part) = of_new_job(request, &id)?;
                        (case.clone(), self.find_part(case, part).ok()?.id.clone(), 0)
                    }
                };
                let job_seq = job_seqs.entry(id.clone()).or_insert(last);
                *job_seq += 1;
                outbox += 1;
                Some(JobRef { case, part, job: id, job_seq: *job_seq, outbox_seq: outbox })
            });
            events.push(Event { seq, stamp: stamp.clone(), actor: actor.clone(), subject, fact });
        }
        events
    }

    /// Whether an event can have happened to a job, or to a bed with a job on it, as they stand. One that cannot is in
    /// no journal of ours, and changes nothing of them: above all, nothing leaves its end, and no part its bed.
    fn can_follow(&self, event: &Event) -> bool {
        let is_running = |id: &JobId| self.jobs.get(id).is_some_and(|job| job.state.is_running());
        let Some(subject) = &event.subject else {
            return match &event.fact {
                Fact::TrailLost { job, .. } | Fact::CancelAsked { job, .. } => is_running(job),
                Fact::BedCleared { printer, .. } | Fact::BedGivenBack { printer, .. } => {
                    match self.printers.get(printer).map(|record| &record.bed) {
                        Some(Bed::Occupied { job }) => !is_running(job),
                        Some(Bed::Clear) | None => true,
                    }
                }
                _ => true,
            };
        };
        let Some(Job { state, .. }) = self.jobs.get(&subject.job) else {
            return matches!(event.fact, Fact::JobQueued { .. } | Fact::JobSlicing { .. });
        };
        match &event.fact {
            Fact::JobSlicing { .. } => false,
            Fact::JobQueued { .. } | Fact::JobSliced { .. } | Fact::JobNotSliced { .. } => {
                matches!(state, JobState::Slicing { .. })
            }
            Fact::JobAccepted { .. } | Fact::JobReleased { .. } | Fact::JobStarted { .. } => {
                *state == JobState::Queued
            }
            Fact::JobProgress { .. }
            | Fact::JobPaused { .. }
            | Fact::JobResumed { .. }
            | Fact::JobContinued { .. }
            | Fact::JobPrinted { .. }
            | Fact::JobInterrupted { .. } => state.is_running(),
            Fact::JobCancelled { .. } => !matches!(state, JobState::Ended { .. }),
            Fact::JobResumeFile { .. } => {
                matches!(state, JobState::Ended { outcome: Outcome::Interrupted { .. }, .. })
            }
            _ => true,
        }
    }

    /// Makes an event true. Returns what it touched, for the store.
    pub fn apply(&mut self, event: &Event) -> Vec<EntityKey> {
        let mut touched = vec![EntityKey::Counters];
        self.counters.seq = event.seq;
        let can_follow = self.can_follow(event);
        if can_follow {
            touched.extend(quality::follow(self, event).into_iter().map(EntityKey::Quality));
            touched.extend(resin::follow(self, event).into_iter().map(EntityKey::Resin));
        }
        if let Some(subject) = &event.subject {
            self.counters.outbox = subject.outbox_seq;
            let id = &subject.job;
            if can_follow {
                self.apply_to_job(event, subject);
                touched.extend(self.apply_beside_job(id, &event.fact));
            }
            if let Some(job) = self.jobs.get_mut(id) {
                job.events = subject.job_seq;
            }
            touched.push(EntityKey::Job(id.clone()));
        }
        match &event.fact {
            // Whatever else is odd: where something may have begun, nothing else begins.
            fact if !can_follow && !matches!(fact, Fact::JobStarted { .. }) => {}
            Fact::CaseOpened { case, intended_use } => {
                let opened = Case {
                    token: case.clone(),
                    intended_use: *intended_use,
                    opened: event.stamp.wall,
                    parts: 0,
                    identifiers: None,
                };
                self.cases.insert(case.clone(), opened);
                touched.push(EntityKey::Case(case.clone()));
            }
            Fact::PartAdded { case, part, number, name } => {
                if let Some(case) = self.cases.get_mut(case) {
                    case.parts = case.parts.max(*number);
                }
                let added =
                    Part { id: part.clone(), case: case.clone(), number: *number, name: name.clone() };
                self.take_part(added);
                touched.extend([EntityKey::Case(case.clone()), EntityKey::Part(part.clone())]);
            }
            Fact::Identifiers(fact) => {
                if let Some(case) = self.cases.get_mut(fact.case()) {
                    identifiers::learn(&mut case.identifiers, fact);
                }
                touched.push(EntityKey::Case(fact.case().clone()));
            }
            Fact::JobStarted { printer } => {
                if let Some(subject) = &event.subject {
                    self.record_mut(printer).bed = Bed::Occupied { job: subject.job.clone() };
                    touched.push(EntityKey::Printer(printer.clone()));
                }
            }
            Fact::TrailLost { job, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.trail_lost = true;
                }
                touched.push(EntityKey::Job(job.clone()));
            }
            Fact::CancelAsked { job, by, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.cancelling = Some(by.clone());
                }
                touched.push(EntityKey::Job(job.clone()));
            }
            Fact::BedGivenBack { printer, job } => {
                let part = job.clone().map_or(Bed::Clear, |job| Bed::Occupied { job });
                self.record_mut(printer).bed = part;
                touched.push(EntityKey::Printer(printer.clone()));
            }
            Fact::BedCleared { printer, .. } => {
                self.record_mut(printer).bed = Bed::Clear;
                touched.push(EntityKey::Printer(printer.clone()));
            }
            Fact::PrinterStopped { printer, .. }
            | Fact::StopVerified { printer, .. }
            | Fact::StopUnverified { printer, .. }
            | Fact::PrinterFaulted { printer, .. }
            | Fact::LatchCleared { printer, .. }
            | Fact::PrinterQuarantined { printer, .. } => {
                self.record_mut(printer).learn(&event.fact, event.stamp.wall);
                touched.push(EntityKey::Printer(printer.clone()));
            }
            Fact::PrinterIdentified { printer, evidence, by } => {
                let (evidence, at) = (evidence.as_ref().clone(), event.stamp.wall);
                let record = self.record_mut(printer);
                record.identity = Some(Box::new(Identity { evidence, by: by.clone(), at }));
                record.quarantine = None;
                touched.push(EntityKey::Printer(printer.clone()));
            }
            Fact::PrinterRecognised { printer } => {
                self.record_mut(printer).quarantine = None;
                touched.push(EntityKey::Printer(printer.clone()));
            }
            Fact::JournalRestored { .. } => {
                let at = event.stamp.wall;
                self.counters.restored = Some(Restored { order: self.counters.order, at });
                // Whatever was done to them since the copy was made is not known.
                for record in self.printers.values_mut() {
                    record.latch.get_or_insert_with(|| Latch::Stopped { by: RESTORE.into(), at });
                    touched.push(EntityKey::Printer(record.name.clone()));
                }
            }
            Fact::People(fact) => {
                let user = self.people.apply(fact, event.stamp.wall);
                if let people::Fact::NoticesChosen { user, .. } = fact {
                    touched.push(EntityKey::Notices(user.clone()));
                }
                self.counters.users = self.people.users.len() as u64;
                touched.extend(user.map(EntityKey::User));
            }
            Fact::Quality(fact) => {
                touched.extend(quality::apply(self, event, fact).into_iter().map(EntityKey::Quality));
            }
            Fact::Resin(fact) => {
                touched.extend(resin::apply(self, event, fact).into_iter().map(EntityKey::Resin));
            }
            Fact::Queue(fact) => {
                use queue::wish::Wanted::Pinned;
                if let queue::Fact::Wished { job, wanted: Pinned { printer }, .. } = fact {
                    if let Some(job) = self.jobs.get_mut(job) {
                        job.pinned.clone_from(printer);
                    }
                    touched.push(EntityKey::Job(job.clone()));
                }
                // It is the same file, with the same past.
                if let queue::Fact::Reprint { job, of, .. } = fact
                    && let Some(chain) = self.chains.get(of).cloned()
                {
                    self.chains.insert(job.clone(), chain);
                    touched.push(EntityKey::Chain(job.clone()));
                }
                if let queue::Fact::Reprint { job, of, .. } = fact
                    && let Some(need) = self.resin.needs.get(of).cloned()
                {
                    self.resin.needs.insert(job.clone(), need);
                    touched.push(EntityKey::Resin(resin::Key::Need(job.clone())));
                }
                let keys = queue::apply(&mut self.queue, fact, event.stamp.wall);
                touched.extend(keys.into_iter().map(EntityKey::Queue));
            }
            Fact::JobReleased { .. }
            | Fact::JobAccepted { .. }
            | Fact::JournalBegun { .. }
            | Fact::DaemonStarted { .. }
            | Fact::PromptAnswered { .. }
            | Fact::ConsoleUsed { .. }
            | Fact::JobSlicing { .. }
            | Fact::JobSliced { .. }
            | Fact::JobNotSliced { .. }
            | Fact::JobQueued { .. }
            | Fact::JobResumeFile { .. }
            | Fact::JobProgress { .. }
            | Fact::JobPaused { .. }
            | Fact::JobResumed { .. }
            | Fact::JobContinued { .. }
            | Fact::HeatAlarm { .. }
            | Fact::JobPrinted { .. }
            | Fact::JobCancelled { .. }
            | Fact::JobInterrupted { .. } => {}
        }
        touched
    }

    fn record_mut(&mut self, name: &PrinterName) -> &mut PrinterRecord {
        let new = self.printer(name);
        self.printers.entry(name.clone()).or_insert(new)
    }

    /// What is kept beside a job, since both would not fit into one value of the store.
    fn apply_beside_job(&mut self, id: &JobId, fact: &Fact) -> Option<EntityKey> {
        match fact {
            Fact::JobQueued { gate: Some(gate), .. } => {
                self.gates.insert(id.clone(), gate.as_ref().clone());
                Some(EntityKey::Gate(id.clone()))
            }
            Fact::JobAccepted { findings, by } => {
                self.gates.entry(id.clone()).or_default().accept(findings, by);
                Some(EntityKey::Gate(id.clone()))
            }
            Fact::JobSliced { chain } => {
                self.chains.insert(id.clone(), chain.as_ref().clone());
                Some(EntityKey::Chain(id.clone()))
            }
            _ => None,
        }
    }

    /// Of a fact that can follow.
    fn apply_to_job(&mut self, event: &Event, subject: &JobRef) {
        if let (Fact::JobQueued { file, commands, digest, attempt, .. }, Some(job)) =
            (&event.fact, self.jobs.get_mut(&subject.job))
        {
            // It was sliced here, and has its place in the queue since it was taken in.
            (job.file, job.commands, job.digest) = (file.clone(), *commands, digest.clone());
            job.state = JobState::Queued;
            job.attempt = *attempt;
            return;
        }
        let new = match &event.fact {
            Fact::JobQueued {
                file,
                commands,
                digest,
                pinned,
                material,
                resumes,
                attempt,
                gate: _,
                also: _,
            } => {
                let resumes = (resumes.clone(), *attempt);
                Some((file, *commands, digest, pinned, material, resumes, JobState::Queued))
            }
            Fact::JobSlicing { model, order, pinned, material } => {
                let state = JobState::Slicing { order: order.clone() };
                Some((model, 0, model, pinned, material, (None, None), state))
            }
            _ => None,
        };
        if let Some((file, commands, digest, pinned, material, (resumes, attempt), state)) = new {
            self.counters.order += 1;
            let job = Job {
                id: subject.job.clone(),
                case: subject.case.clone(),
                part: subject.part.clone(),
                file: file.clone(),
                commands,
                digest: digest.clone(),
                pinned: pinned.clone(),
                material: material.clone(),
                queued: event.stamp.wall,
                order: self.counters.order,
                events: subject.job_seq,
                state,
                released: None,
                cancelling: None,
                trail_lost: false,
                continued: Vec::new(),
                resume_files: Vec::new(),
                resumes,
                attempt,
            };
            self.jobs.insert(subject.job.clone(), job);
            return;
        }
        let Some(job) = self.jobs.get_mut(&subject.job) else { return };
        if let Fact::JobReleased { printer, by } = &event.fact {
            let stamp = event.stamp.clone();
            job.released = Some(Released { printer: printer.clone(), by: by.clone(), stamp });
            return;
        }
        if let Fact::JobResumeFile { file, layer, height, by, .. } = &event.fact {
            let (file, layer, height) = (file.clone(), *layer, *height);
            job.resume_files.push(ResumeFile { file, layer, height, by: by.clone(), at: event.stamp.wall });
            return;
        }
        if let Fact::JobContinued { progress, layer, gap_ms, .. } = &event.fact {
            let (command, layer, gap_ms, at) = (progress.confirmed + 1, *layer, *gap_ms, event.stamp.wall);
            if job.continued.len() == CONTINUED_MAX {
                job.continued.remove(0);
            }
            job.continued.push(Continued { command, layer, gap_ms, at });
        }
        if matches!(event.fact, Fact::JobStarted { .. }) {
            job.released = None;
        }
        if event.fact.ends_job() {
            job.cancelling = None;
        }
        let run = job.state.run().cloned();
        let ended = |run: Option<Run>, outcome| JobState::Ended { run, ended: event.stamp.wall, outcome };
        let at = |run: Option<Run>, progress: Progress| run.map(|run| Run { progress, ..run });
        let with = |run: Option<Run>, line: Option<&LineHealth>| {
            run.map(|run| Run { line: line.copied().map(Box::new), ..run })
        };
        job.state = match (&event.fact, run) {
            (Fact::JobStarted { printer }, _) => JobState::Printing {
                run: Run {
                    printer: printer.clone(),
                    started: event.stamp.wall,
                    progress: Progress { confirmed: 0, total: job.commands },
                    line: None,
                    paused: false,
                },
            },
            (Fact::JobProgress { progress, .. }, Some(run)) => {
                let run = Run { progress: *progress, ..run };
                match &job.state {
                    JobState::Paused { reason, .. } => JobState::Paused { run, reason: reason.clone() },
                    _ => JobState::Printing { run },
                }
            }
            (Fact::JobPaused { progress, reason, .. }, Some(run)) => {
                JobState::Paused { run: Run { progress: *progress, ..run }, reason: reason.clone() }
            }
            (Fact::JobResumed { .. }, Some(run)) => JobState::Printing { run },
            (Fact::JobContinued { progress, .. }, Some(run)) => {
                JobState::Printing { run: Run { progress: *progress, ..run } }
            }
            (Fact::JobPrinted { progress, digest, exact, line, .. }, run) => {
                let run = with(at(run, *progress), Some(line));
                ended(run, Outcome::Printed { digest: digest.clone(), exact: *exact })
            }
            (Fact::JobCancelled { progress, by, line, .. }, run) => {
                let run = with(run, line.as_deref());
                let run = match progress {
                    Some(progress) => at(run, *progress),
                    None => run,
                };
                ended(run, Outcome::Cancelled { by: by.clone() })
            }
            (Fact::JobNotSliced { why }, _) => ended(None, Outcome::NotSliced { why: why.clone() }),
            (Fact::JobInterrupted { progress, why, line, .. }, run) => {
                let paused = matches!(job.state, JobState::Paused { .. });
                let run = with(at(run, *progress), line.as_deref()).map(|run| Run { paused, ..run });
                ended(run, Outcome::Interrupted { why: why.clone() })
            }
            _ => return,
        };
    }

    /// The bytes under which a touched thing is kept.
    pub fn entity(&self, key: &EntityKey) -> Option<Vec<u8>> {
        let json = match key {
            EntityKey::Case(id) => serde_json::to_vec(self.cases.get(id)?),
            EntityKey::Part(id) => serde_json::to_vec(self.parts.get(id)?),
            EntityKey::Job(id) => serde_json::to_vec(self.jobs.get(id)?),
            EntityKey::Printer(name) => serde_json::to_vec(self.printers.get(name)?),
            EntityKey::Chain(id) => serde_json::to_vec(self.chains.get(id)?),
            EntityKey::Gate(id) => serde_json::to_vec(self.gates.get(id)?),
            EntityKey::Quality(key) => return self.quality.entity(key),
            EntityKey::Queue(key) => return self.queue.entity(key),
            EntityKey::Resin(key) => return self.resin.entity(key),
            EntityKey::User(name) => serde_json::to_vec(self.people.users.get(name)?),
            EntityKey::Notices(name) => serde_json::to_vec(self.people.notices.get(name)?),
            EntityKey::Counters => serde_json::to_vec(&self.counters),
        };
        json.ok()
    }

    /// Takes one stored thing back in; the inverse of `entity`.
    pub fn restore(&mut self, path: &str, json: &[u8]) -> Result<(), EntityError> {
        let failed = |error| EntityError { key: path.to_owned(), error };
        match path.split_once('/').map_or(path, |(kind, _)| kind) {
            "case" => {
                let case: Case = serde_json::from_slice(json).map_err(failed)?;
                self.cases.insert(case.token.clone(), case);
            }
            "part" => {
                let part: Part = serde_json::from_slice(json).map_err(failed)?;
                self.take_part(part);
            }
            "job" => {
                let job: Job = serde_json::from_slice(json).map_err(failed)?;
                self.jobs.insert(job.id.clone(), job);
            }
            "printer" => {
                let record: PrinterRecord = serde_json::from_slice(json).map_err(failed)?;
                self.printers.insert(record.name.clone(), record);
            }
            "chain" => {
                let wrong = || serde::de::Error::custom("its key names no job");
                let id = path.split_once('/').and_then(|(_, id)| id.parse().ok());
                let id = id.ok_or_else(|| failed(wrong()))?;
                self.chains.insert(id, serde_json::from_slice(json).map_err(failed)?);
            }
            "gate" => {
                let wrong = || serde::de::Error::custom("its key names no job");
                let id = path.split_once('/').and_then(|(_, id)| id.parse().ok());
                let id = id.ok_or_else(|| failed(wrong()))?;
                self.gates.insert(id, serde_json::from_slice(json).map_err(failed)?);
            }
            "quality" => {
                let key = path.split_once('/').map_or("", |(_, key)| key);
                self.quality.restore(key, json).map_err(failed)?;
            }
            "queue" => {
                let key = path.split_once('/').map_or("", |(_, key)| key);
                self.queue.restore(key, json).map_err(failed)?;
            }
            "resin" => {
                let key = path.split_once('/').map_or("", |(_, key)| key);
                self.resin.restore(key, json).map_err(failed)?;
            }
            "notices" => {
                let settings: people::notices::Settings = serde_json::from_slice(json).map_err(failed)?;
                self.people.notices.insert(settings.user.clone(), settings);
            }
            "user" => {
                let user: people::User = serde_json::from_slice(json).map_err(failed)?;
                self.people.users.insert(user.name.clone(), user);
            }
            "counters" => self.counters = serde_json::from_slice(json).map_err(failed)?,
            _ => {
                let error = serde::de::Error::custom("unknown kind of entry: written by a newer platen?");
                return Err(failed(error));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{ChainHash, ChainedRecord};
    use crate::domain::ids::BootId;
    use crate::domain::moment::{Moment, WallTime};
    use proptest::prelude::*;

    const NOW: WallTime = WallTime(1_000);

    fn stamp() -> Stamp {
        Stamp { wall: NOW, mono: Moment(5), boot: BootId::from_entropy([1; 16]) }
    }

    fn grant(lab: &mut Lab, request: &Request) -> Result<Vec<Event>, Refusal> {
        let facts = lab.judge(request, NOW)?;
        let events = lab.number(request, facts, &stamp(), &Actor::Platen);
        for event in &events {
            lab.apply(event);
        }
        Ok(events)
    }

    fn token() -> CaseToken {
        CaseToken::from_entropy([3; 16])
    }

    fn job(n: u8) -> JobId {
        JobId::from_entropy([n; 16])
    }

    fn printer(name: &str) -> PrinterName {
        name.parse().unwrap()
    }

    fn lab_with_jobs(count: u8) -> Lab {
        let mut lab = Lab::default();
        grant(&mut lab, &Request::OpenCase { case: token(), intended_use: IntendedUse::Diagnostic }).unwrap();
        let part = PartId::from_entropy([4; 16]);
        let name = PartName::try_from("heart".to_owned()).unwrap();
        grant(&mut lab, &Request::AddPart { case: token(), part, name }).unwrap();
        for n in 0..count {
            let new = NewJob {
                job: job(n),
                case: token(),
                part: PartRef::Number(1),
                also: Vec::new(),
                file: FileHash::from_digest([n; 32]),
                commands: 10,
                digest: FileHash::from_digest([9; 32]),
                pinned: None,
                material: None,
                gate: None,
            };
            grant(&mut lab, &Request::QueueJob(Box::new(new))).unwrap();
        }
        lab
    }

    #[test]
    fn users_are_kept_and_read_back_and_a_lab_without_any_is_stored_as_before_there_were_any() {
        let mut lab = lab_with_jobs(1);
        let counters = lab.entity(&EntityKey::Counters).unwrap();
        assert_eq!(counters, br#"{"seq":3,"outbox":1,"order":1}"#);
        let (name, printed): (UserName, PrintedName) =
            ("ada.l@ward 7".parse().unwrap(), "Ada Lovelace".parse().unwrap());
        let adopt = Request::AdoptAdmin { name: name.clone(), printed };
        let events = grant(&mut lab, &adopt).unwrap();
        assert!(events.iter().all(|event| event.subject.is_none() && event.fact.word() == "people"));
        let by = people::By::Person(name.clone());
        for n in 0..u8::try_from(people::TOKENS_MAX).unwrap() {
            let roles = people::roles::Role::ALL.into_iter().collect();
            lab.people.users.get_mut(&name).unwrap().roles = roles;
            let issue = people::Request::IssueToken {
                name: name.clone(),
                token: super::super::ids::TokenId::from_entropy([n; 16]),
                label: "the longest label that a token may have".parse().unwrap(),
                roles: people::roles::Role::ALL.into_iter().collect(),
                by: by.clone(),
            };
            grant(&mut lab, &Request::People(Box::new(issue))).unwrap();
        }
        let refused =
            lab.judge(&Request::People(Box::new(people::Request::Disable { name: name.clone(), by })), NOW);
        assert!(matches!(refused, Err(Refusal::People(people::Refusal::OwnRoles(_)))));
        let bytes = lab.entity(&EntityKey::User(name.clone())).unwrap();
        assert!(bytes.len() < 4096, "{} bytes do not fit into one value of the store", bytes.len());
        let (mail, by) = (Some(Some("ada@lab.example".parse().unwrap())), people::By::Person(name.clone()));
        let choose = people::Request::ChooseNotices { name: name.clone(), mail, topics: None, by };
        let events = grant(&mut lab, &Request::People(Box::new(choose))).unwrap();
        assert!(lab.clone().apply(&events[0]).contains(&EntityKey::Notices(name.clone())));
        let mut back = Lab::default();
        for key in [EntityKey::User(name.clone()), EntityKey::Notices(name)] {
            back.restore(&key.path(), &lab.entity(&key).unwrap()).unwrap();
        }
        assert_eq!((back.people, lab.counters.users), (lab.people, 1));
    }

    #[test]
    fn a_finished_job_leaves_the_bed_occupied_until_a_person_clears_it() {
        let mut lab = lab_with_jobs(2);
        let a = printer("a");
        grant(&mut lab, &Request::StartJob { job: job(0), printer: a.clone() }).unwrap();
        let progress = Progress { confirmed: 10, total: 10 };
        let digest = FileHash::from_digest([9; 32]);
        let events = grant(
            &mut lab,
            &Request::NotePrinted { job: job(0), progress, digest, line: Box::default(), millis: 5 },
        )
        .unwrap();
        assert!(matches!(events[0].fact, Fact::JobPrinted { exact: true, .. }));
        let second = Request::StartJob { job: job(1), printer: a.clone() };
        assert!(matches!(lab.judge(&second, NOW), Err(Refusal::BedOccupied { .. })));
        grant(&mut lab, &Request::ClearBed { printer: a, by: "kim".into() }).unwrap();
        grant(&mut lab, &second).unwrap();
    }

    #[test]
    fn a_lock_is_cleared_only_when_its_job_has_ended() {
        let mut lab = lab_with_jobs(1);
        let a = printer("a");
        grant(&mut lab, &Request::StartJob { job: job(0), printer: a.clone() }).unwrap();
        grant(&mut lab, &Request::NoteFaulted { printer: a.clone(), fault: Fault::TooHot }).unwrap();
        let clear = Request::ClearLatch { printer: a.clone(), by: "kim".into() };
        assert_eq!(lab.judge(&clear, NOW), Err(Refusal::PrinterBusy { printer: a, job: job(0) }));
        let progress = Progress { confirmed: 1, total: 10 };
        let why = Interruption::Fault { fault: Fault::TooHot };
        grant(&mut lab, &Request::NoteInterrupted { job: job(0), progress, why, line: None }).unwrap();
        grant(&mut lab, &clear).unwrap();
    }

    #[test]
    fn a_wrong_digest_a_missing_line_or_a_stray_is_not_exact() {
        for (digest, confirmed, strays) in [([8; 32], 10, 0), ([9; 32], 9, 0), ([9; 32], 10, 1)] {
            let mut lab = lab_with_jobs(1);
            grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
            let progress = Progress { confirmed, total: 10 };
            let digest = FileHash::from_digest(digest);
            let line = Box::new(LineHealth { strays, ..LineHealth::default() });
            let request = Request::NotePrinted { job: job(0), progress, digest, line, millis: 5 };
            let events = grant(&mut lab, &request).unwrap();
            assert!(matches!(events[0].fact, Fact::JobPrinted { exact: false, .. }));
        }
    }

    #[test]
    fn a_pause_and_its_end_have_a_reason_and_a_person() {
        let mut lab = lab_with_jobs(1);
        grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
        let reason = PauseReason::Person { by: "kim".into() };
        let progress = Progress { confirmed: 1, total: 10 };
        let pause = Request::NotePaused { job: job(0), progress, reason: reason.clone() };
        grant(&mut lab, &pause).unwrap();
        assert!(
            matches!(&lab.jobs[&job(0)].state, JobState::Paused { reason: noted, .. } if *noted == reason)
        );
        grant(&mut lab, &Request::NoteProgress { job: job(0), progress }).unwrap();
        assert!(
            matches!(&lab.jobs[&job(0)].state, JobState::Paused { reason: noted, .. } if *noted == reason)
        );
        let events = grant(&mut lab, &Request::NoteResumed { job: job(0), by: "lee".into() }).unwrap();
        assert!(matches!(&events[0].fact, Fact::JobResumed { by: Some(by), .. } if by == "lee"));
    }

    #[test]
    fn whoever_stands_at_the_printer_has_a_name_that_the_journal_takes() {
        assert!(person(super::super::job::PANEL).is_ok());
    }

    #[test]
    fn a_console_moves_nothing_on_an_occupied_bed_and_needs_a_name() {
        let mut lab = lab_with_jobs(1);
        let home = |by: &str, bed_clear| Request::UseConsole {
            printer: printer("a"),
            by: by.into(),
            command: "G28".into(),
            bed_clear,
        };
        assert!(matches!(lab.judge(&home("", true), NOW), Err(Refusal::Name)));
        let events = grant(&mut lab, &home("kim", true)).unwrap();
        assert!(matches!(&events[0].fact, Fact::ConsoleUsed { by, .. } if by == "kim"));
        grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
        assert!(matches!(lab.judge(&home("kim", true), NOW), Err(Refusal::BedOccupied { .. })));
        assert!(lab.judge(&home("kim", false), NOW).is_ok());
    }

    #[test]
    fn no_job_starts_twice_or_on_a_busy_or_latched_printer() {
        let mut lab = lab_with_jobs(2);
        let (a, b) = (printer("a"), printer("b"));
        grant(&mut lab, &Request::StartJob { job: job(0), printer: a.clone() }).unwrap();
        let twice = lab.judge(&Request::StartJob { job: job(0), printer: b.clone() }, NOW);
        assert!(matches!(twice, Err(Refusal::WrongState { .. })));
        let busy = lab.judge(&Request::StartJob { job: job(1), printer: a }, NOW);
        assert!(matches!(busy, Err(Refusal::PrinterBusy { .. })));
        grant(&mut lab, &Request::NoteStopped { printer: b.clone(), by: "kim".into() }).unwrap();
        let latched = lab.judge(&Request::StartJob { job: job(1), printer: b }, NOW);
        assert!(matches!(latched, Err(Refusal::Latched { .. })));
    }

    #[test]
    fn after_a_restore_every_printer_is_locked_and_no_job_from_before_begins_by_itself() {
        let mut lab = lab_with_jobs(2);
        grant(&mut lab, &Request::NoteIdentified { printer: printer("a"), evidence: Box::default() })
            .unwrap();
        let fact = Fact::JournalRestored { entries: lab.counters.seq, by: None };
        for event in lab.number(
            &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() },
            vec![(None, fact)],
            &stamp(),
            &Actor::Platen,
        ) {
            lab.apply(&event);
        }
        let now = stamp();
        for name in ["a", "never-seen"] {
            let start = Request::StartJob { job: job(0), printer: printer(name) };
            assert!(matches!(lab.judge(&start, NOW), Err(Refusal::Latched { .. })), "{name}");
            grant(&mut lab, &Request::ClearLatch { printer: printer(name), by: "kim".into() }).unwrap();
            let begins = lab.may_begin(&lab.jobs[&job(0)], &printer(name), None, &now);
            assert!(matches!(begins, Err(Refusal::PersonNeeded { why: Attended::Restored, .. })), "{name}");
        }
        let released = Request::ReleaseJob { job: job(0), printer: printer("a"), by: "kim".into() };
        grant(&mut lab, &released).unwrap();
        lab.may_begin(&lab.jobs[&job(0)], &printer("a"), None, &now).unwrap();
        // Whatever is queued from now on is as ever.
        let mut new = NewJob {
            job: job(7),
            case: token(),
            part: PartRef::Number(1),
            also: Vec::new(),
            file: FileHash::from_digest([1; 32]),
            commands: 10,
            digest: FileHash::from_digest([9; 32]),
            pinned: None,
            material: None,
            gate: None,
        };
        new.pinned = Some(printer("a"));
        grant(&mut lab, &Request::QueueJob(Box::new(new))).unwrap();
        lab.may_begin(&lab.jobs[&job(7)], &printer("a"), None, &now).unwrap();
    }

    #[test]
    fn a_new_boot_interrupts_what_was_running_and_starts_nothing() {
        let mut lab = lab_with_jobs(2);
        grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
        let progress = Progress { confirmed: 4, total: 10 };
        grant(&mut lab, &Request::NoteProgress { job: job(0), progress }).unwrap();
        let events = grant(
            &mut lab,
            &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() },
        )
        .unwrap();
        assert_eq!(events.len(), 2);
        let JobState::Ended { outcome: Outcome::Interrupted { why }, run: Some(run), .. } =
            &lab.jobs[&job(0)].state
        else {
            panic!("{:?}", lab.jobs[&job(0)].state)
        };
        assert_eq!((why, run.progress), (&Interruption::DaemonEnded, progress));
        // On a full disk the journal stands still, and the trail goes on.
        for (trail, ended) in [(7, 7), (2, 4)] {
            let mut lab = lab_with_jobs(1);
            grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
            grant(&mut lab, &Request::NoteProgress { job: job(0), progress }).unwrap();
            let progress = Progress { confirmed: trail, total: 10 };
            let reached = [(job(0), Reached { progress, laid: true })].into();
            let boot = Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached };
            grant(&mut lab, &boot).unwrap();
            assert_eq!(lab.jobs[&job(0)].state.run().unwrap().progress.confirmed, ended);
        }
        assert_eq!(lab.jobs[&job(1)].state, JobState::Queued);
        assert!(matches!(lab.printer(&printer("a")).bed, Bed::Occupied { .. }));
    }

    #[test]
    fn sequence_numbers_have_no_gap_over_outbox_and_job() {
        let mut lab = lab_with_jobs(2);
        let mut seen = Vec::new();
        for n in 0..2 {
            let on = printer(if n == 0 { "a" } else { "b" });
            seen.extend(grant(&mut lab, &Request::StartJob { job: job(n), printer: on }).unwrap());
        }
        seen.extend(
            grant(
                &mut lab,
                &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() },
            )
            .unwrap(),
        );
        let outbox: Vec<_> = seen.iter().filter_map(|e| e.subject.as_ref()).map(|s| s.outbox_seq).collect();
        assert_eq!(outbox, [3, 4, 5, 6]);
        let first: Vec<_> = seen
            .iter()
            .filter_map(|e| e.subject.as_ref())
            .filter(|s| s.job == job(0))
            .map(|s| s.job_seq)
            .collect();
        assert_eq!(first, [2, 3]);
    }

    #[test]
    fn a_lab_is_the_same_after_it_was_stored_and_read_back() {
        let mut lab = lab_with_jobs(2);
        let mut stored: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let request = Request::StartJob { job: job(0), printer: printer("a") };
        let facts = lab.judge(&request, NOW).unwrap();
        for event in lab.number(&request, facts, &stamp(), &Actor::Platen) {
            lab.apply(&event);
        }
        let keys: Vec<EntityKey> = lab
            .cases
            .keys()
            .map(|k| EntityKey::Case(k.clone()))
            .chain(lab.parts.keys().map(|k| EntityKey::Part(k.clone())))
            .chain(lab.jobs.keys().map(|k| EntityKey::Job(k.clone())))
            .chain(lab.printers.keys().map(|k| EntityKey::Printer(k.clone())))
            .chain(lab.quality.keys().into_iter().map(EntityKey::Quality))
            .chain(lab.queue.keys().into_iter().map(EntityKey::Queue))
            .chain(lab.resin.keys().into_iter().map(EntityKey::Resin))
            .chain([EntityKey::Counters])
            .collect();
        for key in keys {
            stored.insert(key.path(), lab.entity(&key).unwrap());
        }
        let mut back = Lab::default();
        for (path, json) in &stored {
            back.restore(path, json).unwrap();
        }
        assert_eq!(back, lab);
    }

    #[test]
    fn the_same_events_give_the_same_lab() {
        let mut lab = Lab::default();
        let mut events = Vec::new();
        let opened = Request::OpenCase { case: token(), intended_use: IntendedUse::Guide };
        events.extend(grant(&mut lab, &opened).unwrap());
        events.extend(
            grant(
                &mut lab,
                &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() },
            )
            .unwrap(),
        );
        let mut again = Lab::default();
        for event in &events {
            again.apply(event);
        }
        assert_eq!(again, lab);
    }

    fn wrong() -> Box<Wrong> {
        Box::new(Wrong::Doubt { with: printer("b") })
    }

    #[test]
    fn a_quarantined_printer_starts_nothing_until_its_board_is_there_or_a_person_says_so() {
        let (a, evidence) = (printer("a"), Box::<Evidence>::default());
        let ends = [
            Request::NoteRecognised { printer: a.clone() },
            Request::Identify { printer: a.clone(), evidence, by: "kim".into() },
        ];
        for end in ends {
            let mut lab = lab_with_jobs(1);
            grant(&mut lab, &Request::NoteQuarantined { printer: a.clone(), why: wrong() }).unwrap();
            let again = Request::NoteQuarantined { printer: a.clone(), why: wrong() };
            assert_eq!(grant(&mut lab, &again), Ok(Vec::new()), "told once");
            let start = Request::StartJob { job: job(0), printer: a.clone() };
            grant(
                &mut lab,
                &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() },
            )
            .unwrap();
            assert!(matches!(lab.judge(&start, NOW), Err(Refusal::Quarantined { .. })));
            grant(&mut lab, &end).unwrap();
            grant(&mut lab, &start).unwrap();
        }
        let unnamed = Request::Identify { printer: a, evidence: Box::default(), by: " ".into() };
        assert_eq!(Lab::default().judge(&unnamed, NOW), Err(Refusal::Name));
    }

    #[test]
    fn a_person_lets_one_job_begin_on_one_printer_for_a_while_and_not_after_a_restart() {
        let mut lab = lab_with_jobs(2);
        let (a, b, needs) = (printer("a"), printer("b"), Some(Attended::Printer));
        let at = |seconds: u64, boot: u8| Stamp {
            mono: Moment::from_millis(5 + seconds * 1_000),
            boot: BootId::from_entropy([boot; 16]),
            ..stamp()
        };
        let may = |lab: &Lab, id, on, now| lab.may_begin(&lab.jobs[&job(id)], on, needs, &now).is_ok();
        assert!(!may(&lab, 0, &a, at(0, 1)));
        let unnamed = Request::ReleaseJob { job: job(0), printer: a.clone(), by: String::new() };
        assert_eq!(lab.judge(&unnamed, NOW), Err(Refusal::Name));
        grant(&mut lab, &Request::ReleaseJob { job: job(0), printer: a.clone(), by: "kim".into() }).unwrap();
        assert!(may(&lab, 0, &a, at(599, 1)));
        assert!(!may(&lab, 0, &a, at(601, 1)), "nobody stands there for so long");
        assert!(!may(&lab, 0, &a, at(1, 2)), "platen was started anew");
        assert!(!may(&lab, 0, &b, at(1, 1)) && !may(&lab, 1, &a, at(1, 1)), "only this job, only there");
        grant(&mut lab, &Request::StartJob { job: job(0), printer: a.clone() }).unwrap();
        assert_eq!(lab.jobs[&job(0)].released, None);
        let occupied = Request::ReleaseJob { job: job(1), printer: a, by: "kim".into() };
        assert!(matches!(lab.judge(&occupied, NOW), Err(Refusal::PrinterBusy { .. })));
    }

    fn height() -> Height {
        Height::from_mm(4.2).unwrap()
    }

    fn resume_file_of(n: u8) -> FileHash {
        FileHash::from_digest([100 + n; 32])
    }

    fn make_resume_file(n: u8) -> Request {
        let file = resume_file_of(n);
        Request::MakeResumeFile { job: job(n), file, layer: 21, height: height(), by: "kim".into() }
    }

    fn queue_file(n: u8, file: FileHash) -> NewJob {
        NewJob {
            job: job(n),
            case: token(),
            part: PartRef::Number(1),
            also: Vec::new(),
            file,
            commands: 10,
            digest: FileHash::from_digest([9; 32]),
            pinned: None,
            material: None,
            gate: None,
        }
    }

    fn queue(n: u8, file: FileHash) -> Request {
        Request::QueueJob(Box::new(queue_file(n, file)))
    }

    fn interrupt(n: u8) -> Request {
        let progress = Progress { confirmed: 4, total: 10 };
        Request::NoteInterrupted { job: job(n), progress, why: Interruption::Unplugged, line: None }
    }

    /// Job 0 was interrupted on `a`, and job 5 is to go on with its part.
    fn lab_that_resumes() -> Lab {
        let mut lab = lab_with_jobs(2);
        grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
        grant(&mut lab, &interrupt(0)).unwrap();
        grant(&mut lab, &make_resume_file(0)).unwrap();
        grant(&mut lab, &queue(5, resume_file_of(0))).unwrap();
        lab
    }

    #[test]
    fn a_job_that_goes_on_with_a_part_begins_on_that_part_and_nowhere_else() {
        let mut lab = lab_that_resumes();
        let (a, b) = (printer("a"), printer("b"));
        let resumed = &lab.jobs[&job(5)];
        let wanted = Resumes { job: job(0), layer: 21, height: height() };
        assert_eq!((&resumed.resumes, &resumed.pinned), (&Some(wanted), &Some(a.clone())));
        let start = |n, on: &PrinterName| Request::StartJob { job: job(n), printer: on.clone() };
        assert!(matches!(lab.judge(&start(5, &b), NOW), Err(Refusal::Pinned { .. })), "another bed");
        assert!(matches!(lab.judge(&start(1, &a), NOW), Err(Refusal::BedOccupied { .. })), "another job");
        let needs = lab.may_begin(resumed, &a, None, &stamp());
        assert!(matches!(needs, Err(Refusal::PersonNeeded { why: Attended::Resumes, .. })), "{needs:?}");

        for taken_by in [None, Some(1)] {
            let mut lab = lab.clone();
            grant(&mut lab, &Request::ClearBed { printer: a.clone(), by: "kim".into() }).unwrap();
            if let Some(other) = taken_by {
                grant(&mut lab, &start(other, &a)).unwrap();
                grant(&mut lab, &interrupt(other)).unwrap();
            }
            let gone = Refusal::PartGone { printer: a.clone(), job: job(0) };
            assert_eq!(lab.judge(&start(5, &a), NOW), Err(gone.clone()));
            let release = Request::ReleaseJob { job: job(5), printer: a.clone(), by: "kim".into() };
            assert_eq!(lab.judge(&release, NOW), Err(gone.clone()));
            assert_eq!(lab.judge(&make_resume_file(0), NOW), Err(gone.clone()));
            assert_eq!(lab.judge(&queue(6, resume_file_of(0)), NOW), Err(gone));
        }

        grant(&mut lab, &queue(6, resume_file_of(0))).unwrap();
        let released = Request::ReleaseJob { job: job(5), printer: a.clone(), by: "kim".into() };
        grant(&mut lab, &released).unwrap();
        lab.may_begin(&lab.jobs[&job(5)], &a, None, &stamp()).unwrap();
        grant(&mut lab, &start(5, &a)).unwrap();
        assert_eq!(lab.printer(&a).bed, Bed::Occupied { job: job(5) });
        grant(&mut lab, &interrupt(5)).unwrap();
        // The part has grown meanwhile: only a file made from the job that made it grow fits.
        assert!(matches!(lab.judge(&start(6, &a), NOW), Err(Refusal::PartGone { .. })));
        grant(&mut lab, &make_resume_file(5)).unwrap();
        grant(&mut lab, &queue(7, resume_file_of(5))).unwrap();
        grant(&mut lab, &start(7, &a)).unwrap();
    }

    #[test]
    fn a_job_whose_cancelling_was_noted_ends_as_cancelled_whatever_ends_it() {
        let cancelling = || Request::NoteCancelling { job: job(0), by: "kim".into() };
        let boot =
            Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() };
        let progress = Some(Progress { confirmed: 4, total: 10 });
        let left = Request::CancelJob { job: job(0), progress, by: "kim".into(), line: None };
        for end in [interrupt(0), boot, left] {
            let mut lab = lab_with_jobs(1);
            assert!(matches!(lab.judge(&cancelling(), NOW), Err(Refusal::WrongState { .. })), "not begun");
            grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
            assert_eq!(grant(&mut lab, &cancelling()).unwrap().len(), 1);
            assert_eq!(grant(&mut lab, &cancelling()).unwrap().len(), 0, "once");
            assert!(lab.jobs[&job(0)].state.is_running(), "it has not left its printer yet");
            grant(&mut lab, &end).unwrap();
            let JobState::Ended { outcome, .. } = &lab.jobs[&job(0)].state else { panic!("{end:?}") };
            assert_eq!(outcome, &Outcome::Cancelled { by: "kim".into() }, "{end:?}");
            assert_eq!(lab.jobs[&job(0)].cancelling, None);
            assert!(matches!(lab.judge(&cancelling(), NOW), Err(Refusal::WrongState { .. })), "over");
        }
    }

    #[test]
    fn a_job_that_was_to_go_on_with_a_part_and_laid_nothing_gives_the_bed_back_to_the_one_before() {
        let a = printer("a");
        let start = |n| Request::StartJob { job: job(n), printer: a.clone() };
        let nothing = |end| Request::LaidNothing(Box::new(end));
        let progress = Some(Progress { confirmed: 1, total: 10 });
        let cancel = || Request::CancelJob { job: job(5), progress, by: "kim".into(), line: None };
        for end in [interrupt(5), cancel()] {
            let mut lab = lab_that_resumes();
            grant(&mut lab, &queue(6, resume_file_of(0))).unwrap();
            grant(&mut lab, &start(5)).unwrap();
            let events = grant(&mut lab, &nothing(end.clone())).unwrap();
            assert_eq!(events.len(), 2, "{events:?}");
            assert_eq!(lab.printer(&a).bed, Bed::Occupied { job: job(0) });
            assert_eq!(lab.tried_on(&job(0)).map(|(job, _)| job.clone()).collect::<Vec<_>>(), [job(5)]);
            // What was told of the height before that job began may be wrong by now.
            let mut before = lab.clone();
            before.jobs.get_mut(&job(6)).unwrap().queued = WallTime(999);
            let moved = Refusal::HeadMoved { printer: a.clone(), job: job(6), since: job(5) };
            assert_eq!(before.judge(&start(6), NOW), Err(moved));
            lab.judge(&start(6), NOW).unwrap();
            let file = FileHash::from_digest([220; 32]);
            let other =
                Request::MakeResumeFile { job: job(0), file, layer: 22, height: height(), by: "kim".into() };
            grant(&mut lab, &other).unwrap();
            grant(&mut lab, &queue(7, FileHash::from_digest([220; 32]))).unwrap();
            grant(&mut lab, &start(7)).unwrap();
            // One further job in the row: it is that one's part, until it has laid nothing either.
            grant(&mut lab, &interrupt(7)).unwrap();
            grant(&mut lab, &make_resume_file(7)).unwrap();
            grant(&mut lab, &queue(4, resume_file_of(7))).unwrap();
            grant(&mut lab, &start(4)).unwrap();
            grant(&mut lab, &nothing(interrupt(4))).unwrap();
            assert_eq!(lab.printer(&a).bed, Bed::Occupied { job: job(7) });
        }
        // Found so by the daemon that comes after.
        for (laid, stands) in [(false, 0), (true, 5)] {
            let mut lab = lab_that_resumes();
            grant(&mut lab, &start(5)).unwrap();
            let progress = Progress { confirmed: 1, total: 10 };
            let reached = [(job(5), Reached { progress, laid })].into();
            grant(&mut lab, &Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached })
                .unwrap();
            assert_eq!(lab.printer(&a).bed, Bed::Occupied { job: job(stands) });
        }
        // A job that began on an empty bed has nobody to give it back to, and one without a run has no bed.
        let mut lab = lab_that_resumes();
        let waiting = Request::CancelJob { job: job(5), progress: None, by: "kim".into(), line: None };
        assert_eq!(grant(&mut lab, &nothing(waiting)).unwrap().len(), 1);
        grant(&mut lab, &Request::ClearBed { printer: a.clone(), by: "kim".into() }).unwrap();
        grant(&mut lab, &start(1)).unwrap();
        assert_eq!(grant(&mut lab, &nothing(interrupt(1))).unwrap().len(), 1);
        assert_eq!(lab.printer(&a).bed, Bed::Occupied { job: job(1) });
    }

    #[test]
    fn a_resume_file_is_only_for_an_interrupted_job_and_only_for_its_case_part_and_printer() {
        let progress = Progress { confirmed: 10, total: 10 };
        let digest = FileHash::from_digest([9; 32]);
        let ends = [
            None,
            Some(Request::CancelJob { job: job(0), progress: Some(progress), by: "kim".into(), line: None }),
            Some(Request::NotePrinted { job: job(0), progress, digest, line: Box::default(), millis: 1 }),
        ];
        for end in ends {
            let mut lab = lab_with_jobs(1);
            assert!(
                matches!(lab.judge(&make_resume_file(0), NOW), Err(Refusal::WrongState { .. })),
                "queued"
            );
            grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
            end.iter().for_each(|end| drop(grant(&mut lab, end).unwrap()));
            assert!(
                matches!(lab.judge(&make_resume_file(0), NOW), Err(Refusal::WrongState { .. })),
                "{end:?}"
            );
        }

        let mut lab = lab_that_resumes();
        let elsewhere = NewJob { pinned: Some(printer("b")), ..queue_file(6, resume_file_of(0)) };
        assert!(matches!(
            lab.judge(&Request::QueueJob(Box::new(elsewhere)), NOW),
            Err(Refusal::Pinned { .. })
        ));
        let name = PartName::try_from("other".to_owned()).unwrap();
        let part = PartId::from_entropy([8; 16]);
        grant(&mut lab, &Request::AddPart { case: token(), part, name }).unwrap();
        let other = NewJob { part: PartRef::Number(2), ..queue_file(6, resume_file_of(0)) };
        let other = lab.judge(&Request::QueueJob(Box::new(other)), NOW);
        assert_eq!(other, Err(Refusal::OtherPart { job: job(0) }));
        // The same file twice is one; a file that was queued as one of its own stays that.
        assert_eq!(lab.judge(&make_resume_file(0), NOW), Ok(Vec::new()));
        let request = |file| Request::MakeResumeFile {
            job: job(0),
            file,
            layer: 1,
            height: height(),
            by: "kim".into(),
        };
        let own = FileHash::from_digest([1; 32]);
        assert_eq!(lab.judge(&request(own), NOW), Err(Refusal::SameResumeFile));
        let unnamed = Request::MakeResumeFile {
            job: job(0),
            file: resume_file_of(9),
            layer: 1,
            height: height(),
            by: String::new(),
        };
        assert_eq!(lab.judge(&unnamed, NOW), Err(Refusal::Name));
        for n in 1..RESUME_FILES_MAX {
            grant(&mut lab, &request(FileHash::from_digest([200 + u8::try_from(n).unwrap(); 32]))).unwrap();
        }
        let more = lab.judge(&request(FileHash::from_digest([250; 32])), NOW);
        assert_eq!(more, Err(Refusal::TooManyResumeFiles(job(0))));
    }

    fn noted(code: &str, severity: Severity) -> Noted {
        Noted { code: code.into(), severity, line: Some(9_999_999_999) }
    }

    #[test]
    fn as_much_of_what_was_found_is_kept_as_fits_into_one_entry() {
        let mut lab = lab_with_jobs(0);
        let codes: Vec<String> = (0..30).map(|n| format!("{n:w>24}")).collect();
        let long = "\u{1d538}".repeat(40);
        let gate = Gated {
            findings: codes.iter().map(|code| noted(code, Severity::Warning)).collect(),
            more: 0,
            accepted: codes,
            by: Some(long.clone()),
        };
        let new = NewJob {
            pinned: Some(printer(&"p".repeat(64))),
            material: Some(long.clone()),
            gate: Some(Box::new(gate.clone())),
            also: vec![PartRef::Number(1); PIECES_MAX - 1],
            ..queue_file(0, FileHash::from_digest([0; 32]))
        };
        let nameless = NewJob { gate: Some(Box::new(Gated { by: None, ..gate })), ..new.clone() };
        assert_eq!(lab.judge(&Request::QueueJob(Box::new(nameless)), NOW), Err(Refusal::Name));
        let request = Request::QueueJob(Box::new(new));
        let facts = lab.judge(&request, NOW).unwrap();
        let events = lab.number(&request, facts, &stamp(), &Actor::Person(long));
        let bytes = ChainedRecord::chain(ChainHash::GENESIS, &events[0]);
        let bytes = bytes.to_bytes().len();
        assert!(bytes <= 2_048, "{bytes} bytes");
        events.iter().for_each(|event| drop(lab.apply(event)));
        let kept = &lab.gates[&job(0)];
        assert_eq!((kept.findings.len(), kept.more), (Gated::FINDINGS_MAX, 23));
        let (key, mut other) = (EntityKey::Gate(job(0)), Lab::default());
        other.restore(&key.path(), &lab.entity(&key).unwrap()).unwrap();
        assert_eq!(other.gates, lab.gates);
    }

    #[test]
    fn warnings_about_a_waiting_job_are_accepted_once_and_by_name_and_errors_never() {
        let mut lab = lab_with_jobs(1);
        let accept = |code: &str, severity, by: &str| Request::AcceptFindings {
            job: job(0),
            findings: vec![noted(code, severity)],
            by: by.into(),
        };
        let warning = accept("heat.not_waited", Severity::Warning, "kim");
        assert_eq!(lab.judge(&accept("heat.not_waited", Severity::Warning, " "), NOW), Err(Refusal::Name));
        assert_eq!(lab.judge(&accept("heat.none", Severity::Error, "kim"), NOW), Ok(Vec::new()));
        assert_eq!(grant(&mut lab, &warning).unwrap().len(), 1);
        assert_eq!(lab.accepted(&lab.jobs[&job(0)]), ["heat.not_waited"]);
        assert_eq!(lab.gates[&job(0)].by.as_deref(), Some("kim"));
        assert_eq!(lab.judge(&warning, NOW), Ok(Vec::new()), "it is accepted already");
        grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
        let late = lab.judge(&accept("mode.shifted", Severity::Warning, "kim"), NOW);
        assert!(matches!(late, Err(Refusal::WrongState { .. })), "{late:?}");
    }

    #[test]
    fn a_job_with_all_its_marks_fits_into_one_value_of_the_store() {
        let mut lab = lab_that_resumes();
        let name = "\u{1d538}".repeat(40);
        for n in 1..RESUME_FILES_MAX {
            let file = FileHash::from_digest([200 + u8::try_from(n).unwrap(); 32]);
            let by = name.clone();
            let height = Height::from_mm(9_999.999).unwrap();
            grant(&mut lab, &Request::MakeResumeFile { job: job(0), file, layer: u32::MAX, height, by })
                .unwrap();
        }
        let Some(origin) = lab.jobs.get_mut(&job(0)) else { panic!("it is there") };
        let place =
            Continued { command: u64::MAX, layer: u32::MAX, gap_ms: u64::MAX, at: WallTime(u64::MAX) };
        origin.continued = vec![place; CONTINUED_MAX];
        origin.resumes = Some(Resumes { job: job(1), layer: u32::MAX, height: height() });
        origin.material = Some("\u{1d538}".repeat(40));
        let bytes = lab.entity(&EntityKey::Job(job(0))).unwrap().len();
        assert!(bytes <= 4_096 - 512, "{bytes} bytes, without its line's health");
    }

    fn slice_order() -> SliceOrder {
        SliceOrder {
            process: "p".repeat(64),
            unit: Some("inch".into()),
            scale: SliceOrder::WHOLE,
            mirrored: true,
            expected: Some([height(); 3]),
            accepted: vec!["w".repeat(64); SliceOrder::ACCEPTED_MAX],
            by: Some("kim".into()),
        }
    }

    fn slice(n: u8) -> Request {
        Request::SliceJob(Box::new(NewSlicing {
            job: job(n),
            case: token(),
            part: PartRef::Number(1),
            model: FileHash::from_digest([77; 32]),
            order: slice_order(),
            pinned: Some(printer("a")),
            material: Some("\u{1d538}".repeat(40)),
        }))
    }

    fn sliced(n: u8) -> Request {
        use crate::domain::chain::{ModelLink, ProfileLink, SlicerLink};
        let hash = |n| FileHash::from_digest([n; 32]);
        let chain = Chain {
            model: ModelLink {
                hash: hash(77),
                format: "stl-binary".into(),
                unit: "inch".into(),
                size: [height(); 3],
                triangles: u64::MAX,
                watertight: false,
            },
            process: "p".repeat(64),
            printer_model: "m".repeat(64),
            material: "PLA".into(),
            profile: ProfileLink { name: "p".repeat(68), version: u32::MAX, hash: hash(78) },
            slicer: SlicerLink { name: "prusa-slicer".into(), version: "9".repeat(40) },
            file: hash(79),
            bytes: u64::MAX,
            layers: u64::MAX,
            height: Some(height()),
            network_cut: true,
            accepted: vec!["volume.extrusion".into(); SliceOrder::ACCEPTED_MAX],
        };
        Request::NoteSliced {
            job: job(n),
            chain: Box::new(chain),
            commands: 12,
            digest: hash(80),
            gate: None,
        }
    }

    #[test]
    fn a_model_becomes_a_file_and_keeps_its_place_in_the_queue() {
        let mut lab = lab_with_jobs(1);
        grant(&mut lab, &slice(3)).unwrap();
        grant(&mut lab, &queue(4, FileHash::from_digest([4; 32]))).unwrap();
        assert_eq!(lab.jobs[&job(3)].state.word(), "slicing");
        let early = lab.judge(&Request::StartJob { job: job(3), printer: printer("a") }, NOW);
        assert!(matches!(early, Err(Refusal::WrongState { state: "slicing", .. })), "{early:?}");
        let events = grant(&mut lab, &sliced(3)).unwrap();
        let words: Vec<_> = events.iter().map(|event| event.fact.word()).collect();
        assert_eq!(words, ["job_sliced", "job_queued"]);
        let done = &lab.jobs[&job(3)];
        assert_eq!((done.state.word(), done.commands, done.events), ("queued", 12, 3));
        assert_eq!(
            (&done.file, &done.digest),
            (&FileHash::from_digest([79; 32]), &FileHash::from_digest([80; 32]))
        );
        assert_eq!(lab.chains[&job(3)].model.hash, FileHash::from_digest([77; 32]));
        let order: Vec<_> = lab.jobs_in_order().iter().map(|job| job.id.clone()).collect();
        assert_eq!(order, [job(0), job(3), job(4)]);
        assert!(lab.files().any(|file| *file == FileHash::from_digest([77; 32])), "the model is kept");
        assert!(matches!(lab.judge(&sliced(3), NOW), Err(Refusal::WrongState { .. })), "once");
        for key in [EntityKey::Job(job(3)), EntityKey::Chain(job(3))] {
            let bytes = lab.entity(&key).unwrap();
            let mut other = Lab::default();
            other.restore(&key.path(), &bytes).unwrap();
            assert_eq!(other.entity(&key).unwrap(), bytes);
        }
    }

    #[test]
    fn the_longest_order_and_the_longest_chain_fit_into_an_entry_and_a_value_of_the_store() {
        let mut lab = lab_with_jobs(1);
        let mut events = grant(&mut lab, &slice(3)).unwrap();
        let job_bytes = lab.entity(&EntityKey::Job(job(3))).unwrap().len();
        events.extend(grant(&mut lab, &sliced(3)).unwrap());
        let chain_bytes = lab.entity(&EntityKey::Chain(job(3))).unwrap().len();
        assert!(job_bytes <= 4_096 && chain_bytes <= 4_096, "{job_bytes} and {chain_bytes}");
        grant(&mut lab, &slice(5)).unwrap();
        events.extend(
            grant(&mut lab, &Request::NoteNotSliced { job: job(5), why: "\u{7}ä\"".repeat(900) }).unwrap(),
        );
        for event in events {
            let bytes = event.canonical().len() + 65;
            assert!(bytes <= 2_048, "{}: {bytes} bytes", event.fact.word());
        }
        let JobState::Ended { outcome: Outcome::NotSliced { why }, .. } = &lab.jobs[&job(5)].state else {
            panic!("{:?}", lab.jobs[&job(5)].state)
        };
        assert!(!why.contains('\u{7}') && why.len() <= WHY_MAX, "{why}");
    }

    #[test]
    fn a_slicing_is_cancelled_without_a_printer_and_an_odd_order_is_refused() {
        let mut lab = lab_with_jobs(1);
        let odd = [
            SliceOrder { process: "a b".into(), ..slice_order() },
            SliceOrder { accepted: vec!["x".into(); SliceOrder::ACCEPTED_MAX + 1], ..slice_order() },
            SliceOrder { scale: 0, ..slice_order() },
        ];
        for order in odd {
            let Request::SliceJob(new) = slice(3) else { panic!("it is one") };
            let request = Request::SliceJob(Box::new(NewSlicing { order, ..*new }));
            assert_eq!(lab.judge(&request, NOW), Err(Refusal::SliceOrder));
        }
        grant(&mut lab, &slice(3)).unwrap();
        let cancel = Request::CancelJob { job: job(3), progress: None, by: "kim".into(), line: None };
        grant(&mut lab, &cancel).unwrap();
        assert_eq!(lab.jobs[&job(3)].state.word(), "cancelled");
        assert!(matches!(lab.judge(&sliced(3), NOW), Err(Refusal::WrongState { state: "cancelled", .. })));
    }

    #[test]
    fn where_a_job_was_paused_when_it_ended_is_kept() {
        for pauses in [false, true] {
            let mut lab = lab_with_jobs(1);
            grant(&mut lab, &Request::StartJob { job: job(0), printer: printer("a") }).unwrap();
            let progress = Progress { confirmed: 1, total: 10 };
            if pauses {
                let reason = PauseReason::Panel;
                grant(&mut lab, &Request::NotePaused { job: job(0), progress, reason }).unwrap();
            }
            grant(&mut lab, &interrupt(0)).unwrap();
            assert_eq!(lab.jobs[&job(0)].state.run().unwrap().paused, pauses);
        }
    }

    fn any_request() -> impl Strategy<Value = Request> {
        let name = || prop_oneof![Just(printer("a")), Just(printer("b"))];
        let id = || (0u8..8).prop_map(job);
        let by = || String::from("kim");
        let progress = Progress { confirmed: 4, total: 10 };
        prop_oneof![
            4 => (id(), name()).prop_map(|(job, printer)| Request::StartJob { job, printer }),
            2 => id().prop_map(move |job| Request::NotePrinted {
                job,
                progress,
                digest: FileHash::from_digest([9; 32]),
                line: Box::default(),
                millis: 5,
            }),
            3 => (0u8..8).prop_map(make_resume_file),
            3 => (3u8..8, 0u8..8).prop_map(|(n, of)| queue(n, resume_file_of(of))),
            2 => id().prop_map(move |job| Request::NoteInterrupted {
                job,
                progress,
                why: Interruption::Unplugged,
                line: None,
            }),
            1 => id().prop_map(move |job| Request::CancelJob {
                job,
                progress: Some(progress),
                by: by(),
                line: None,
            }),
            2 => id().prop_map(|job| Request::LaidNothing(Box::new(Request::NoteInterrupted {
                job,
                progress: Progress { confirmed: 0, total: 10 },
                why: Interruption::Unplugged,
                line: None,
            }))),
            1 => id().prop_map(|job| Request::SentNothing(Box::new(Request::NoteInterrupted {
                job,
                progress: Progress { confirmed: 0, total: 10 },
                why: Interruption::Unplugged,
                line: None,
            }))),
            2 => name().prop_map(move |printer| Request::ClearBed { printer, by: by() }),
            1 => name().prop_map(move |printer| Request::NoteStopped { printer, by: by() }),
            1 => name().prop_map(|printer| Request::NoteFaulted { printer, fault: Fault::TooHot }),
            1 => name().prop_map(move |printer| Request::ClearLatch { printer, by: by() }),
            1 => name().prop_map(|printer| Request::NoteQuarantined { printer, why: wrong() }),
            1 => name().prop_map(|printer| Request::NoteRecognised { printer }),
            1 => (id(), name()).prop_map(move |(job, printer)| Request::ReleaseJob { job, printer, by: by() }),
            1 => Just(Request::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached: BTreeMap::new() }),
        ]
    }

    mod state_tests;

    proptest! {
        #[test]
        fn whatever_happens_nothing_starts_on_a_bed_but_an_empty_one_or_that_of_the_part_it_goes_on_with(
            requests in proptest::collection::vec(any_request(), 0..80),
        ) {
            let mut lab = lab_with_jobs(3);
            // A memory of its own, from the facts alone: whose part stands where, and who goes on with what.
            let mut beds: BTreeMap<PrinterName, JobId> = BTreeMap::new();
            let mut origins: BTreeMap<JobId, JobId> = BTreeMap::new();
            let mut made: BTreeMap<FileHash, JobId> = BTreeMap::new();
            let mut interrupted: Vec<JobId> = Vec::new();
            let mut barred: BTreeMap<PrinterName, [bool; 2]> = BTreeMap::new();
            for request in requests {
                for event in grant(&mut lab, &request).unwrap_or_default() {
                    let of = event.subject.map(|subject| subject.job);
                    match event.fact {
                        Fact::JobResumeFile { file, .. } => {
                            prop_assert!(interrupted.contains(of.as_ref().unwrap()));
                            made.insert(file, of.unwrap());
                        }
                        Fact::JobQueued { file, resumes, .. } => {
                            let origin = resumes.map(|resumes| resumes.job);
                            prop_assert_eq!(&origin, &made.get(&file).cloned());
                            origins.extend(of.zip(origin));
                        }
                        Fact::JobInterrupted { .. } => interrupted.extend(of),
                        Fact::JobStarted { printer } => {
                            let job = of.unwrap();
                            // Nothing stands there, or exactly the part that it goes on with.
                            prop_assert_eq!(beds.insert(printer.clone(), job.clone()), origins.get(&job).cloned());
                            prop_assert_eq!(barred.get(&printer).copied().unwrap_or_default(), [false; 2]);
                        }
                        Fact::BedGivenBack { printer, job } => {
                            let last = beds.remove(&printer);
                            prop_assert_eq!(last.and_then(|last| origins.get(&last).cloned()), job.clone());
                            beds.extend(job.map(|job| (printer, job)));
                        }
                        Fact::BedCleared { printer, by } => {
                            prop_assert_eq!(by, "kim");
                            beds.remove(&printer);
                        }
                        Fact::PrinterStopped { printer, .. } | Fact::PrinterFaulted { printer, .. } => {
                            barred.entry(printer).or_default()[0] = true;
                        }
                        Fact::LatchCleared { printer, .. } => barred.entry(printer).or_default()[0] = false,
                        Fact::PrinterQuarantined { printer, .. } => {
                            barred.entry(printer).or_default()[1] = true;
                        }
                        Fact::PrinterRecognised { printer } => barred.entry(printer).or_default()[1] = false,
                        _ => {}
                    }
                }
                // A crash at any moment: what was stored is what is read back.
                let mut back = Lab::default();
                let keys = lab.printers.keys().map(|name| EntityKey::Printer(name.clone()));
                for key in keys.chain(lab.jobs.keys().map(|id| EntityKey::Job(id.clone()))) {
                    back.restore(&key.path(), &lab.entity(&key).unwrap()).unwrap();
                }
                prop_assert_eq!((&back.printers, &back.jobs), (&lab.printers, &lab.jobs));
            }
        }
    }
}
