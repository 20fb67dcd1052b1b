//! The print job, with every request tried wherever a job can stand: granted or refused as the table says, in words.

use std::collections::BTreeSet;

use super::*;
use crate::domain::heat::{Action, Hazard, Heater};
use crate::domain::job::{Change, PANEL};

/// One word for each kind; a kind that is new does not compile until it has one, and then fails until it has its row.
macro_rules! kinds {
    ($of:ident, $word:ident, $all:ident: $($name:literal = $pattern:pat,)+) => {
        fn $word(of: &$of) -> &'static str {
            match of {
                $($pattern => $name,)+
            }
        }

        const $all: &[&str] = &[$($name),+];
    };
}

kinds! { JobState, state_word, STATES:
    "slicing" = JobState::Slicing { .. },
    "queued" = JobState::Queued,
    "printing" = JobState::Printing { .. },
    "paused" = JobState::Paused { .. },
    "printed" = JobState::Ended { outcome: Outcome::Printed { .. }, .. },
    "cancelled" = JobState::Ended { outcome: Outcome::Cancelled { .. }, .. },
    "interrupted" = JobState::Ended { outcome: Outcome::Interrupted { .. }, .. },
    "not sliced" = JobState::Ended { outcome: Outcome::NotSliced { .. }, .. },
}

kinds! { Request, request_word, REQUESTS:
    "elsewhere: case" = Request::OpenCase { .. },
    "elsewhere: part" = Request::AddPart { .. },
    "elsewhere: quality" = Request::Quality(_),
    "elsewhere: queue" = Request::Queue(_),
    "elsewhere: provided" = Request::Provided { .. },
    "elsewhere: on a day" = Request::OnDay { .. },
    "elsewhere: identifiers" = Request::Identifiers(_),
    "elsewhere: people" = Request::People(_),
    "elsewhere: resin" = Request::Resin(_),
    "elsewhere: admin" = Request::AdoptAdmin { .. },
    "queue" = Request::QueueJob(_),
    "elsewhere: copies" = Request::QueueCopies(_),
    "slice" = Request::SliceJob(_),
    "sliced" = Request::NoteSliced { .. },
    "not-sliced" = Request::NoteNotSliced { .. },
    "resume-file" = Request::MakeResumeFile { .. },
    "start" = Request::StartJob { .. },
    "progress" = Request::NoteProgress { .. },
    "paused" = Request::NotePaused { .. },
    "resumed" = Request::NoteResumed { .. },
    "printed" = Request::NotePrinted { .. },
    "cancel" = Request::CancelJob { .. },
    "interrupted" = Request::NoteInterrupted { .. },
    "trail-lost" = Request::NoteTrailLost { .. },
    "cancelling" = Request::NoteCancelling { .. },
    "laid-nothing" = Request::LaidNothing(_),
    "sent-nothing" = Request::SentNothing(_),
    "clear-bed" = Request::ClearBed { .. },
    "stopped" = Request::NoteStopped { .. },
    "stop-verified" = Request::NoteStopVerified { .. },
    "stop-unverified" = Request::NoteStopUnverified { .. },
    "faulted" = Request::NoteFaulted { .. },
    "heat-alarm" = Request::NoteHeatAlarm { .. },
    "clear-latch" = Request::ClearLatch { .. },
    "identified" = Request::NoteIdentified { .. },
    "identify" = Request::Identify { .. },
    "quarantined" = Request::NoteQuarantined { .. },
    "recognised" = Request::NoteRecognised { .. },
    "release" = Request::ReleaseJob { .. },
    "accept" = Request::AcceptFindings { .. },
    "answered" = Request::NoteAnswered { .. },
    "console" = Request::UseConsole { .. },
    "boot" = Request::BeginBoot { .. },
    "continued" = Request::NoteContinued { .. },
}

kinds! { Change, change_word, CHANGES:
    "want-pause" = Change::Pause,
    "want-resume" = Change::Resume,
    "want-cancel" = Change::Cancel,
}

/// Job 0 has not begun. `=`: granted, and the job stands as before; `-`: there is nothing to note; `printer`,
/// `queue`: who is asked; one letter: where the job is then (Queued, Printing, On hold, Done, Cancelled, Interrupted,
/// Not sliced); another word: the refusal.
const WAITING: &str = "
                  slicing queued released resuming locked foreign full busy
    want-pause       wrong wrong wrong wrong wrong wrong wrong wrong
    want-resume      wrong wrong wrong wrong wrong wrong wrong wrong
    want-cancel      queue queue queue queue queue queue queue queue
    queue            exists exists exists exists exists exists exists exists
    slice            exists exists exists exists exists exists exists exists
    sliced           Q wrong wrong wrong wrong wrong wrong wrong
    not-sliced       N wrong wrong wrong wrong wrong wrong wrong
    start            wrong P P P locked foreign occupied busy
    start-elsewhere  wrong P P pinned P P P P
    release          wrong = = = locked foreign occupied busy
    accept           wrong = = = = = = =
    progress         wrong wrong wrong wrong wrong wrong wrong wrong
    paused           wrong wrong wrong wrong wrong wrong wrong wrong
    resumed          wrong wrong wrong wrong wrong wrong wrong wrong
    continued        wrong wrong wrong wrong wrong wrong wrong wrong
    printed          wrong wrong wrong wrong wrong wrong wrong wrong
    cancel           C C C C C C C C
    cancel-printing  wrong wrong wrong wrong wrong wrong wrong wrong
    cancelling       wrong wrong wrong wrong wrong wrong wrong wrong
    interrupted      wrong wrong wrong wrong wrong wrong wrong wrong
    laid-nothing     wrong wrong wrong wrong wrong wrong wrong wrong
    sent-nothing     wrong wrong wrong wrong wrong wrong wrong wrong
    trail-lost       wrong wrong wrong wrong wrong wrong wrong wrong
    resume-file      wrong wrong wrong wrong wrong wrong wrong wrong
    clear-bed        clear clear clear = clear clear = busy
    stopped          = = = = = = = =
    stop-verified    = = = = = = = =
    stop-unverified  = = = = = = = =
    faulted          = = = = = = = =
    heat-alarm       = = = = = = = =
    clear-latch      open open open open = open open open
    identified       = = = = = = = =
    identify         = = = = = = = =
    quarantined      = = = = = - = =
    recognised       - - - - - = - -
    answered         = = = = = = = =
    console          = = = = = = = =
    console-moves    = = = occupied = = occupied occupied
    boot             = = = = = = = =
    boot-rejoining   = = = = = = = =
";

/// Job 0 has begun, or is over. `stopped` prints still as far as the journal knows, on a printer that is locked.
const BEGUN: &str = "
              printing leaving paused halting stopped printed unqueued cancelled interrupted taken-off not-sliced
    want-pause       printer printer printer printer printer wrong wrong wrong wrong wrong wrong
    want-resume      printer printer printer printer printer wrong wrong wrong wrong wrong wrong
    want-cancel      printer printer printer printer printer wrong wrong wrong wrong wrong wrong
    queue            exists exists exists exists exists exists exists exists exists exists exists
    slice            exists exists exists exists exists exists exists exists exists exists exists
    sliced           wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    not-sliced       wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    start            wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    start-elsewhere  wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    release          wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    accept           wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    progress         = = = = = wrong wrong wrong wrong wrong wrong
    paused           O O wrong wrong O wrong wrong wrong wrong wrong wrong
    resumed          wrong wrong P P wrong wrong wrong wrong wrong wrong wrong
    continued        = = P P = wrong wrong wrong wrong wrong wrong
    printed          D C D C D wrong wrong wrong wrong wrong wrong
    cancel           wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong wrong
    cancel-printing  C C C C C wrong wrong wrong wrong wrong wrong
    cancelling       = - = - = wrong wrong wrong wrong wrong wrong
    interrupted      I C I C I wrong wrong wrong wrong wrong wrong
    laid-nothing     I C I C I wrong wrong wrong wrong wrong wrong
    sent-nothing     I C I C I wrong wrong wrong wrong wrong wrong
    trail-lost       = = = = = wrong wrong wrong wrong wrong wrong
    resume-file      wrong wrong wrong wrong wrong wrong wrong wrong = gone wrong
    clear-bed        busy busy busy busy busy = clear = = clear clear
    stopped          = = = = = = = = = = =
    stop-verified    = = = = = = = = = = =
    stop-unverified  = = = = = = = = = = =
    faulted          = = = = = = = = = = =
    heat-alarm       = = = = = = = = = = =
    clear-latch      open open open open busy open open open open open open
    identified       = = = = = = = = = = =
    identify         = = = = = = = = = = =
    quarantined      = = = = = = = = = = =
    recognised       - - - - - - - - - - -
    answered         = = = = = = = = = = =
    console          = = = = = = = = = = =
    console-moves    occupied occupied occupied occupied occupied occupied = occupied occupied = =
    boot             I C I C I = = = = = =
    boot-rejoining   = = = = = = = = = = =
";

fn a() -> PrinterName {
    printer("a")
}

fn kim() -> String {
    "kim".into()
}

const HALF: Progress = Progress { confirmed: 4, total: 10 };
const WHOLE: Progress = Progress { confirmed: 10, total: 10 };

fn start(n: u8, on: &str) -> Request {
    Request::StartJob { job: job(n), printer: printer(on) }
}

fn pause(reason: PauseReason) -> Request {
    Request::NotePaused { job: job(0), progress: HALF, reason }
}

fn printed() -> Request {
    let digest = FileHash::from_digest([9; 32]);
    Request::NotePrinted { job: job(0), progress: WHOLE, digest, line: Box::default(), millis: 5 }
}

fn cancel(progress: Option<Progress>) -> Request {
    Request::CancelJob { job: job(0), progress, by: kim(), line: None }
}

fn cancelling() -> Request {
    Request::NoteCancelling { job: job(0), by: kim() }
}

fn not_sliced() -> Request {
    Request::NoteNotSliced { job: job(0), why: "it has holes".into() }
}

fn clear_bed() -> Request {
    Request::ClearBed { printer: a(), by: kim() }
}

fn boot(rejoining: Vec<JobId>) -> Request {
    Request::BeginBoot { version: "1".into(), rejoining, reached: BTreeMap::new() }
}

/// A lab where these were granted to the jobs 0 and 1, one after the other.
fn after(requests: &[Request]) -> Lab {
    let mut lab = lab_with_jobs(2);
    requests.iter().for_each(|request| drop(grant(&mut lab, request).unwrap()));
    lab
}

/// Every reason for a pause: a new one does not compile until it stands here.
fn pauses() -> Vec<PauseReason> {
    let next = |reason: &PauseReason| match reason {
        PauseReason::Person { .. } => Some(PauseReason::Panel),
        PauseReason::Panel => Some(PauseReason::File { command: 3 }),
        PauseReason::File { .. } => Some(PauseReason::Printer),
        PauseReason::Printer => Some(PauseReason::Runout),
        PauseReason::Runout => Some(PauseReason::Astray),
        PauseReason::Astray => Some(PauseReason::Heat { hazard: Hazard::Overheated }),
        PauseReason::Heat { .. } => Some(PauseReason::Restart),
        PauseReason::Restart => Some(PauseReason::Refill),
        PauseReason::Refill => Some(PauseReason::Unknown),
        PauseReason::Unknown => None,
    };
    std::iter::successors(Some(PauseReason::Person { by: PANEL.into() }), next).collect()
}

/// Where a job can stand, and the labs in which job 0 stands so; those of one word differ in what must not matter.
fn situations() -> Vec<(&'static str, Vec<Lab>)> {
    let one = |requests: &[Request]| vec![after(requests)];
    let mut slicing = lab_with_jobs(0);
    grant(&mut slicing, &slice(0)).unwrap();
    let mut not_made = slicing.clone();
    grant(&mut not_made, &not_sliced()).unwrap();
    // Job 0 goes on with the part of job 1.
    let mut resuming = lab_with_jobs(0);
    let before = [queue(1, FileHash::from_digest([1; 32])), start(1, "a"), interrupt(1), make_resume_file(1)];
    before.iter().for_each(|request| drop(grant(&mut resuming, request).unwrap()));
    grant(&mut resuming, &queue(0, resume_file_of(1))).unwrap();
    let warned = {
        let findings = vec![noted("heat.none", Severity::Warning)];
        let gate = Some(Box::new(Gated { findings, ..Gated::default() }));
        let mut lab = lab_with_jobs(0);
        let new = NewJob { gate, ..queue_file(0, FileHash::from_digest([3; 32])) };
        grant(&mut lab, &Request::QueueJob(Box::new(new))).unwrap();
        lab
    };
    let stop = || Request::NoteStopped { printer: a(), by: kim() };
    let release = || Request::ReleaseJob { job: job(0), printer: a(), by: kim() };
    let pauses = |last: &[Request]| -> Vec<Lab> {
        let begun = |reason| [vec![start(0, "a"), pause(reason)], last.to_vec()].concat();
        let each = pauses().into_iter().map(begun);
        each.map(|requests| after(&requests)).collect()
    };
    vec![
        ("slicing", vec![slicing]),
        ("queued", vec![after(&[]), warned]),
        ("released", one(&[release()])),
        ("resuming", vec![resuming]),
        ("locked", one(&[stop()])),
        ("foreign", one(&[Request::NoteQuarantined { printer: a(), why: wrong() }])),
        ("full", one(&[start(1, "a"), interrupt(1)])),
        ("busy", one(&[start(1, "a")])),
        ("printing", one(&[start(0, "a")])),
        ("leaving", one(&[start(0, "a"), cancelling()])),
        ("paused", pauses(&[])),
        ("halting", pauses(&[cancelling()])),
        ("stopped", one(&[start(0, "a"), stop()])),
        ("printed", one(&[start(0, "a"), printed()])),
        ("unqueued", one(&[cancel(None)])),
        ("cancelled", one(&[start(0, "a"), cancel(Some(HALF))])),
        ("interrupted", one(&[start(0, "a"), interrupt(0)])),
        ("taken-off", one(&[start(0, "a"), interrupt(0), clear_bed()])),
        ("not-sliced", vec![not_made]),
    ]
}

/// Everything that can be asked of job 0 or of printer `a`, by the word of its row.
fn requests() -> Vec<(&'static str, Request)> {
    let line = || Some(Box::<LineHealth>::default());
    let cut = || Request::NoteInterrupted {
        job: job(0),
        progress: Progress { confirmed: 0, total: 10 },
        why: Interruption::Unplugged,
        line: line(),
    };
    let console =
        |bed_clear| Request::UseConsole { printer: a(), by: kim(), command: "M503".into(), bed_clear };
    let findings = vec![noted("home.missing", Severity::Warning)];
    let alarm = Alarm {
        heater: Heater::Hotend,
        hazard: Hazard::Overheated,
        action: Action::Stop,
        reading: None,
        target: None,
        limit: 300.0,
    };
    vec![
        ("queue", queue(0, FileHash::from_digest([1; 32]))),
        ("slice", slice(0)),
        ("sliced", sliced(0)),
        ("not-sliced", not_sliced()),
        ("start", start(0, "a")),
        ("start-elsewhere", start(0, "b")),
        ("release", Request::ReleaseJob { job: job(0), printer: a(), by: kim() }),
        ("accept", Request::AcceptFindings { job: job(0), findings, by: kim() }),
        ("progress", Request::NoteProgress { job: job(0), progress: HALF }),
        ("paused", pause(PauseReason::Panel)),
        ("resumed", Request::NoteResumed { job: job(0), by: kim() }),
        ("continued", Request::NoteContinued { job: job(0), progress: HALF, layer: 2, gap_ms: 9 }),
        ("printed", printed()),
        ("cancel", cancel(None)),
        ("cancel-printing", cancel(Some(HALF))),
        ("cancelling", cancelling()),
        ("interrupted", interrupt(0)),
        ("laid-nothing", Request::LaidNothing(Box::new(cut()))),
        ("sent-nothing", Request::SentNothing(Box::new(cut()))),
        ("trail-lost", Request::NoteTrailLost { job: job(0) }),
        ("resume-file", make_resume_file(0)),
        ("clear-bed", clear_bed()),
        ("stopped", Request::NoteStopped { printer: a(), by: kim() }),
        ("stop-verified", Request::NoteStopVerified { printer: a(), proof: StopProof::KillLine }),
        ("stop-unverified", Request::NoteStopUnverified { printer: a(), relay: RelayOutcome::Failed }),
        ("faulted", Request::NoteFaulted { printer: a(), fault: Fault::TooHot }),
        ("heat-alarm", Request::NoteHeatAlarm { printer: a(), alarm }),
        ("clear-latch", Request::ClearLatch { printer: a(), by: kim() }),
        ("identified", Request::NoteIdentified { printer: a(), evidence: Box::default() }),
        ("identify", Request::Identify { printer: a(), evidence: Box::default(), by: kim() }),
        ("quarantined", Request::NoteQuarantined { printer: a(), why: wrong() }),
        ("recognised", Request::NoteRecognised { printer: a() }),
        ("answered", Request::NoteAnswered { printer: a(), by: kim(), button: 0, label: "yes".into() }),
        ("console", console(false)),
        ("console-moves", console(true)),
        ("boot", boot(Vec::new())),
        ("boot-rejoining", boot(vec![job(0), job(1)])),
    ]
}

/// The word of the table for a refusal; of no other is there one.
fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::WrongState { .. } => "wrong",
        Refusal::JobExists(_) => "exists",
        Refusal::Latched { .. } => "locked",
        Refusal::Quarantined { .. } => "foreign",
        Refusal::BedOccupied { .. } => "occupied",
        Refusal::PrinterBusy { .. } => "busy",
        Refusal::Pinned { .. } => "pinned",
        Refusal::PartGone { .. } => "gone",
        Refusal::BedClear(_) => "clear",
        Refusal::NotLatched(_) => "open",
        other => panic!("no request of this table is refused so: {other}"),
    }
}

/// A refusal names what it is about, how that stands, and what can be done.
fn assert_told(refusal: &Refusal, tried: &str) {
    let words = refusal.to_string();
    let (what, todo) = words.split_once("; ").unwrap_or_else(|| panic!("{tried}: {words}"));
    let names = what.contains(job(0).as_str()) || what.contains("printer a") || what.contains("the bed of a");
    assert!(names && todo.len() > 10 && !words.contains('_'), "{tried}: {words}");
    if let Refusal::WrongState { state, .. } = refusal {
        assert!(what.contains(&format!(" is {state}, so it cannot be ")), "{tried}: {words}");
    }
}

/// Where job 0 stands, by the letter of the table.
fn letter(lab: &Lab) -> &'static str {
    match state_word(&lab.jobs[&job(0)].state) {
        "queued" => "Q",
        "printing" => "P",
        "paused" => "O",
        "printed" => "D",
        "cancelled" => "C",
        "interrupted" => "I",
        "not sliced" => "N",
        other => other,
    }
}

/// What becomes of a request, in the table's words.
fn outcome(before: &Lab, request: &Request, tried: &str) -> String {
    let mut lab = before.clone();
    let stood = letter(&lab);
    match grant(&mut lab, request) {
        Err(refusal) => {
            assert_told(&refusal, tried);
            assert_eq!(&lab, before, "{tried} is refused and changes something");
            refusal_word(&refusal).into()
        }
        Ok(events) if events.is_empty() => "-".into(),
        Ok(_) if letter(&lab) == stood => "=".into(),
        Ok(_) => letter(&lab).into(),
    }
}

fn wanted(lab: &Lab, change: Change, tried: &str) -> String {
    match lab.doer(&job(0), change) {
        Ok(Doer::Printer(name)) => {
            assert_eq!(name, a(), "{tried}");
            "printer".into()
        }
        Ok(Doer::Queue) => "queue".into(),
        Err(refusal) => {
            assert_told(&refusal, tried);
            refusal_word(&refusal).into()
        }
    }
}

/// (situation, row) and what the tables have for it.
fn table() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let mut cells = BTreeMap::new();
    for half in [WAITING, BEGUN] {
        let mut rows = half.lines().map(str::trim).filter(|row| !row.is_empty());
        let columns: Vec<_> = rows.next().into_iter().flat_map(str::split_whitespace).collect();
        for row in rows {
            let mut words = row.split_whitespace();
            let name = words.next().unwrap_or_default();
            let words: Vec<_> = words.collect();
            assert_eq!(words.len(), columns.len(), "{row}");
            for (column, word) in columns.iter().zip(words) {
                assert_eq!(cells.insert((*column, name), word), None, "{name} stands twice");
            }
        }
    }
    cells
}

#[test]
fn every_request_that_concerns_a_job_is_granted_where_the_table_says_and_refused_in_words_elsewhere() {
    let (situations, requests, table) = (situations(), requests(), table());
    let mut left = table.clone();
    let mut tried_requests: BTreeSet<&str> = BTreeSet::new();
    for (situation, labs) in &situations {
        for lab in labs {
            let mut of_this = Vec::new();
            for change in [Change::Pause, Change::Resume, Change::Cancel] {
                let row = change_word(&change);
                of_this.push((row, wanted(lab, change, &format!("{row} of what is {situation}"))));
            }
            for (row, request) in &requests {
                tried_requests.insert(request_word(request));
                of_this.push((*row, outcome(lab, request, &format!("{row} of what is {situation}"))));
            }
            for (row, found) in of_this {
                let cell = table.get(&(*situation, row)).copied();
                assert_eq!(Some(found.as_str()), cell, "{row} of what is {situation}");
                left.remove(&(*situation, row));
            }
        }
    }
    assert!(left.is_empty(), "cells that nothing tries: {left:?}");
    let labs = situations.iter().flat_map(|(_, labs)| labs);
    let stand: BTreeSet<_> = labs.map(|lab| state_word(&lab.jobs[&job(0)].state)).collect();
    assert_eq!(stand, STATES.iter().copied().collect::<BTreeSet<_>>(), "a state in which no situation is");
    let concern = REQUESTS.iter().copied().filter(|word| !word.starts_with("elsewhere"));
    assert_eq!(tried_requests, concern.collect::<BTreeSet<_>>(), "a request that is not tried");
    assert_eq!(CHANGES.len(), 3);
}

#[test]
fn a_job_that_a_person_has_cancelled_is_cancelled_by_that_person_even_if_its_last_line_was_done() {
    let lab = after(&[start(0, "a"), cancelling(), printed()]);
    let JobState::Ended { outcome, run: Some(run), .. } = &lab.jobs[&job(0)].state else { panic!("{lab:?}") };
    assert_eq!((outcome, run.progress), (&Outcome::Cancelled { by: kim() }, WHOLE));
}

// ---- facts -----------------------------------------------------------------------------------------------------

/// The facts that change a job, and what each does to it where it can have happened: `=`, or the letter. Elsewhere
/// (`.`) nothing happens.
const FACTS: &str = "
                  slicing queued printing paused printed cancelled interrupted not-sliced
    job_slicing       . . . . . . . .
    job_sliced        = . . . . . . .
    job_queued        Q . . . . . . .
    job_not_sliced    N . . . . . . .
    job_released      . = . . . . . .
    job_accepted      . = . . . . . .
    job_started       . P . . . . . .
    job_progress      . . = = . . . .
    job_paused        . . O = . . . .
    job_resumed       . . = P . . . .
    job_continued     . . = P . . . .
    job_printed       . . D D . . . .
    job_cancelled     C C C C . . . .
    job_interrupted   . . I I . . . .
    job_resume_file   . . . . . . = .
    cancel_asked      . . = = . . . .
    trail_lost        . . = = . . . .
    bed_cleared       . . . . = = = .
    bed_given_back    . . . . = = = .
";

/// Whether a fact changes a job or takes it off its bed; a new one says so here.
fn changes_a_job(fact: &Fact) -> bool {
    match fact {
        Fact::JobSlicing { .. }
        | Fact::JobSliced { .. }
        | Fact::JobNotSliced { .. }
        | Fact::JobQueued { .. }
        | Fact::JobResumeFile { .. }
        | Fact::JobStarted { .. }
        | Fact::JobProgress { .. }
        | Fact::JobPaused { .. }
        | Fact::JobResumed { .. }
        | Fact::JobContinued { .. }
        | Fact::JobPrinted { .. }
        | Fact::JobCancelled { .. }
        | Fact::JobInterrupted { .. }
        | Fact::JobReleased { .. }
        | Fact::JobAccepted { .. }
        | Fact::CancelAsked { .. }
        | Fact::TrailLost { .. }
        | Fact::BedCleared { .. }
        | Fact::BedGivenBack { .. } => true,
        Fact::JournalBegun { .. }
        | Fact::JournalRestored { .. }
        | Fact::DaemonStarted { .. }
        | Fact::CaseOpened { .. }
        | Fact::PartAdded { .. }
        | Fact::PrinterStopped { .. }
        | Fact::StopVerified { .. }
        | Fact::StopUnverified { .. }
        | Fact::PrinterFaulted { .. }
        | Fact::LatchCleared { .. }
        | Fact::HeatAlarm { .. }
        | Fact::PrinterIdentified { .. }
        | Fact::PrinterQuarantined { .. }
        | Fact::PrinterRecognised { .. }
        | Fact::PromptAnswered { .. }
        | Fact::ConsoleUsed { .. }
        | Fact::Quality(_)
        | Fact::Queue(_)
        | Fact::Identifiers(_)
        | Fact::Resin(_)
        | Fact::People(_) => false,
    }
}

/// Each of these facts once, as a lab has told it of job 0, by its word.
fn facts() -> BTreeMap<&'static str, (Option<JobId>, Fact)> {
    let situations: BTreeMap<_, _> = situations().into_iter().collect();
    let all = situations.values().flatten().flat_map(|lab| {
        let granted = requests().into_iter().filter_map(|(_, request)| lab.judge(&request, NOW).ok());
        granted.flatten().collect::<Vec<_>>()
    });
    let mut facts: BTreeMap<_, _> =
        all.filter(|(_, fact)| changes_a_job(fact)).map(|(id, fact)| (fact.word(), (id, fact))).collect();
    // What only a new job has.
    let new = lab_with_jobs(0);
    for request in [slice(0), queue(0, FileHash::from_digest([1; 32]))] {
        facts.extend(
            new.judge(&request, NOW).unwrap().into_iter().map(|(id, fact)| (fact.word(), (id, fact))),
        );
    }
    facts.insert("job_started", (Some(job(0)), Fact::JobStarted { printer: a() }));
    facts.insert("bed_given_back", (None, Fact::BedGivenBack { printer: a(), job: None }));
    for (id, _) in facts.values_mut() {
        *id = id.as_ref().map(|_| job(0));
    }
    facts
}

#[test]
fn a_fact_that_cannot_have_happened_to_a_job_changes_nothing_of_it_and_of_its_bed() {
    let (situations, facts): (BTreeMap<_, _>, _) = (situations().into_iter().collect(), facts());
    let mut rows = FACTS.lines().map(str::trim).filter(|row| !row.is_empty());
    let columns: Vec<_> = rows.next().into_iter().flat_map(str::split_whitespace).collect();
    let mut left: BTreeSet<_> = facts.keys().copied().collect();
    for row in rows {
        let mut words = row.split_whitespace();
        let word = words.next().unwrap_or_default();
        let (id, fact) = facts.get(word).unwrap_or_else(|| panic!("nothing told {word}"));
        left.remove(word);
        let cells: Vec<_> = words.collect();
        assert_eq!(cells.len(), columns.len(), "{row}");
        for (column, cell) in columns.iter().zip(cells) {
            for before in &situations[column] {
                let told = vec![(id.clone(), fact.clone())];
                let events = before.number(&boot(Vec::new()), told, &stamp(), &Actor::Platen);
                let mut lab = before.clone();
                events.iter().for_each(|event| drop(lab.apply(event)));
                let tried = format!("{word} of what is {column}");
                let stands = if letter(&lab) == letter(before) { "=" } else { letter(&lab) };
                if cell != "." {
                    assert_eq!(stands, cell, "{tried}");
                    continue;
                }
                // The place in the journal moves on, and where something may have begun, nothing else begins.
                lab.counters = before.counters;
                lab.jobs.get_mut(&job(0)).unwrap().events = before.jobs[&job(0)].events;
                if word == "job_started" {
                    assert_eq!(lab.printer(&a()).bed, Bed::Occupied { job: job(0) }, "{tried}");
                    lab.printers.clone_from(&before.printers);
                }
                if word.starts_with("bed_") && before.printer(&a()).bed == Bed::Clear {
                    lab.printers.clone_from(&before.printers);
                }
                assert_eq!(&lab, before, "{tried}");
            }
        }
    }
    assert!(left.is_empty(), "facts without a row: {left:?}");
}
