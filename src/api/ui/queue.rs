//! The queue's page: what runs, what begins where and when with how much to spare, what waits for what; files that
//! come in; and what has ended.
//!
//! One row is open at a time (`?open=JOB`): for that job alone every printer is asked why not, which is dear. The
//! other rows say what the plan says.

use maud::{Markup, html};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

use super::cases;
use super::kit::{self, Field, Sends};
use super::look;
use super::new_job::said_fields;
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, common, queue as words};
use crate::api::queue::{QueueEntry, ReprintView, entry, word};
use crate::api::shapes::{FirstReason, JobView, WaitingOn};
use crate::api::uploads::UploadView;
use crate::api::{AppState, reasons, views};
use crate::domain::ids::{CaseToken, JobId, PrinterName};
use crate::domain::job::{Job, JobState};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::{CaseState, Priority};
use crate::domain::queue::{due_times, place};
use crate::schedule::{Planned, Waiting};
use crate::services::planner::Drawn;
use crate::services::suits::{Medium, takes};

/// Ended jobs on the page: those of a day, but so many at least and at most.
const ENDED_LEAST: usize = 10;
const ENDED_MOST: usize = 60;
const ENDED_MS: u64 = 86_400_000;
/// So many jobs, the first of the queue, are asked whether they wait for nothing but a person or a signature.
const ASKED: usize = 40;
/// What is to begin within this is to begin now.
const SOON_MS: u64 = 60_000;
/// So many uploads have their form at once.
const UPLOADS: usize = 8;
/// So many parts are there to choose from, of the newest cases.
const PARTS: usize = 80;
/// Less to spare than so many minutes is little.
const LITTLE: i64 = 120;

/// A waiting or running job, by the plan.
struct Row {
    id: JobId,
    entry: QueueEntry,
    part: String,
    pieces: usize,
    material: Option<String>,
    /// What `before` takes a move back with: `as_it_came`, `last`, or the job behind it.
    back: String,
    /// The printer that is asked whether it lacks nothing but a person.
    at: Option<PrinterName>,
}

/// All that is shown of the one row that is open.
struct Opened {
    job: JobView,
    /// Every printer, why not.
    on: Vec<WaitingOn>,
    /// What somebody wants of it, as a wish would say it again.
    priority: Option<&'static str>,
    due: Option<WallTime>,
    moved: bool,
}

struct Shown {
    planned_at: Option<WallTime>,
    running: Vec<(Row, JobView)>,
    slicing: Vec<JobView>,
    waiting: Vec<Row>,
    /// By their jobs: what a person at the printer, or a signature, would let begin.
    asked: BTreeMap<JobId, WaitingOn>,
    /// Why the next one of each printer does not begin there yet.
    not_yet: BTreeMap<JobId, WaitingOn>,
    opened: Option<Opened>,
    ended: Vec<JobView>,
    uploads: Vec<UploadView>,
    /// Those of them that only their printer can read.
    opaque: BTreeSet<String>,
    uploads_more: usize,
    parts: Vec<(String, String)>,
    materials: BTreeSet<String>,
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let open = ask.query("open").and_then(|id| id.parse::<JobId>().ok());
        let mut shown = gather(&viewer.app, open.as_ref());
        for upload in &shown.uploads {
            let Ok(file) = upload.file.parse() else { continue };
            if viewer.app.intake.is_opaque(&file).await {
                shown.opaque.insert(upload.id.clone());
            }
        }
        let mut pieces = vec![head(&viewer, &shown)];
        if viewer.may(Permission::Upload) {
            pieces.push(drop_zone(&viewer, ""));
        }
        if !shown.uploads.is_empty() {
            pieces.push(uploads(&viewer, &shown));
        }
        pieces.extend([running(&viewer, &shown), waiting(&viewer, &shown), ended(&viewer, &shown)]);
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn row(app: &AppState, lab: &Lab, job: &Job, drawn: Option<&Drawn>) -> Row {
    Row {
        id: job.id.clone(),
        entry: entry(lab, job, drawn, app),
        part: lab.parts.get(&job.part).map(|part| part.name.as_str().to_owned()).unwrap_or_default(),
        pieces: lab.quality.builds.get(&job.id).map_or(1, |build| build.also.len() + 1),
        material: job.material.clone(),
        back: "as_it_came".into(),
        at: nearest(job, drawn),
    }
}

/// Where a job comes nearest to its beginning.
fn nearest(job: &Job, drawn: Option<&Drawn>) -> Option<PrinterName> {
    let drawn = drawn?;
    let at = match drawn.planned(&job.id)? {
        Planned::Assigned { printer, .. } => *printer,
        Planned::Waiting { why: Waiting::Nowhere { nearest, .. }, .. } => *nearest,
        Planned::Waiting { .. } | Planned::Running { .. } => return None,
    };
    drawn.printers.get(at.0).cloned()
}

/// The way back of each job that somebody has moved: before the one that stands behind it.
fn ways_back(lab: &Lab, rows: &mut [Row]) {
    let place_of = |id: &JobId| {
        let wish = lab.queue.wish(id);
        let order = lab.jobs.get(id).map_or(u64::MAX, |job| job.order);
        (place(wish, order), wish.is_some_and(|wish| wish.place.is_some()))
    };
    let mut places: Vec<(u64, JobId, bool)> = rows
        .iter()
        .map(|row| (place_of(&row.id), row.id.clone()))
        .map(|((at, moved), id)| (at, id, moved))
        .collect();
    places.sort_unstable();
    let behind = places.iter().enumerate().filter(|(_, (_, _, moved))| *moved).map(|(index, (_, id, _))| {
        (id.clone(), places.get(index + 1).map_or_else(|| "last".to_owned(), |(_, next, _)| next.to_string()))
    });
    let behind: BTreeMap<JobId, String> = behind.collect();
    for row in rows {
        if let Some(back) = behind.get(&row.id) {
            row.back.clone_from(back);
        }
    }
}

fn gather(app: &AppState, open: Option<&JobId>) -> Shown {
    let (drawn, now) = (app.planner.latest(), app.clock.wall());
    let mut shown = app.recorder.read(|lab| seen(app, lab, drawn.as_deref(), now));
    shown.waiting.sort_by_cached_key(|row| row.entry.place());
    shown.running.sort_by_cached_key(|(row, _)| row.entry.end.clone());
    let soon = WallTime(now.0.saturating_add(SOON_MS)).to_string();
    let is_near =
        |row: &&Row| row.entry.held.is_none() && row.entry.start.as_ref().is_none_or(|start| *start <= soon);
    let next = next_ones(&shown);
    // Each in a look of its own, so that nobody waits for all of them.
    for row in shown.waiting.iter().filter(|row| is_near(row) || next.contains(&row.id)).take(ASKED) {
        let Some(at) = &row.at else { continue };
        let on = app.recorder.read(|lab| lab.job(&row.id).ok().map(|job| reasons::on(app, lab, job, at)));
        let Some(on) = on else { continue };
        if on.person || !on.acceptable.is_empty() {
            shown.asked.insert(row.id.clone(), on);
        } else if next.contains(&row.id) {
            shown.not_yet.insert(row.id.clone(), on);
        }
    }
    let is_there = open.filter(|id| shown.waiting.iter().any(|row| row.id == **id));
    shown.opened = is_there.and_then(|id| opened(app, id));
    shown
}

/// The first job of each printer that has none at work, as it is planned.
fn next_ones(shown: &Shown) -> BTreeSet<JobId> {
    let at_work = shown.running.iter().filter_map(|(row, _)| row.entry.printer.as_deref());
    let mut taken: BTreeSet<&str> = at_work.collect();
    let planned = shown.waiting.iter().filter(|row| row.entry.held.is_none() && row.entry.waits.is_none());
    let first = planned.filter(|row| row.entry.printer.as_deref().is_some_and(|name| taken.insert(name)));
    first.map(|row| row.id.clone()).collect()
}

fn seen(app: &AppState, lab: &Lab, drawn: Option<&Drawn>, now: WallTime) -> Shown {
    let (mut running, mut slicing, mut waiting, mut over) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for job in lab.jobs.values() {
        match &job.state {
            JobState::Queued => waiting.push(row(app, lab, job, drawn)),
            JobState::Slicing { .. } => slicing.push((job.order, views::job(app, lab, job))),
            JobState::Printing { .. } | JobState::Paused { .. } => {
                running.push((row(app, lab, job, drawn), views::job(app, lab, job)));
            }
            JobState::Ended { ended, .. } => over.push((*ended, job)),
        }
    }
    waiting.sort_by_cached_key(|row| lab.jobs.get(&row.id).map(|job| job.order));
    ways_back(lab, &mut waiting);
    slicing.sort_by_key(|(order, _)| *order);
    over.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.id.cmp(&b.id)));
    let since = WallTime(now.0.saturating_sub(ENDED_MS));
    let lately = over.into_iter().take(ENDED_MOST).enumerate();
    let lately = lately.take_while(|(index, (ended, _))| *index < ENDED_LEAST || *ended >= since);
    let mut uploads: Vec<UploadView> =
        lab.queue.unassigned().map(|upload| UploadView::of(lab, upload)).collect();
    uploads.sort_by(|one, other| (&one.at, &one.id).cmp(&(&other.at, &other.id)));
    let uploads_more = uploads.len().saturating_sub(UPLOADS);
    uploads.truncate(UPLOADS);
    Shown {
        planned_at: drawn.map(|drawn| drawn.at),
        ended: lately.map(|(_, (_, job))| views::job(app, lab, job)).collect(),
        parts: if uploads.is_empty() { Vec::new() } else { open_parts(lab) },
        materials: materials(lab),
        running,
        slicing: slicing.into_iter().map(|(_, view)| view).collect(),
        waiting,
        asked: BTreeMap::new(),
        not_yet: BTreeMap::new(),
        opened: None,
        uploads,
        opaque: BTreeSet::new(),
        uploads_more,
    }
}

fn opened(app: &AppState, id: &JobId) -> Option<Opened> {
    app.recorder.read(|lab| {
        let job = lab.job(id).ok()?;
        let view = views::job(app, lab, job);
        let wish = lab.queue.wish(id);
        // Where it is meant for one printer, its own view leaves out the others.
        let mut on = view.waiting.as_ref().map(|waiting| waiting.printers.clone()).unwrap_or_default();
        for printer in &app.config.printers {
            if !on.iter().any(|known| known.printer == printer.name.as_str()) {
                let why = reasons::on(app, lab, job, &printer.name);
                on.push(WaitingOn { person: false, acceptable: Vec::new(), ..why });
            }
        }
        Some(Opened {
            job: view,
            on,
            priority: wish.and_then(|wish| wish.priority).map(word),
            due: wish.and_then(|wish| wish.due),
            moved: wish.is_some_and(|wish| wish.place.is_some()),
        })
    })
}

/// Parts for which something may be printed, of the newest cases first: `TOKEN/NUMBER`, and what it says.
pub(super) fn open_parts(lab: &Lab) -> Vec<(String, String)> {
    let is_open = |token| {
        !matches!(
            lab.quality.case_state(token),
            CaseState::Delivered { .. }
                | CaseState::Used { .. }
                | CaseState::Assessed { .. }
                | CaseState::Closed { .. }
                | CaseState::Cancelled { .. }
        )
    };
    let mut cases: Vec<_> = lab.cases.values().collect();
    cases.sort_by(|one, other| other.opened.cmp(&one.opened).then_with(|| one.token.cmp(&other.token)));
    let parts =
        cases.into_iter().filter(|case| is_open(&case.token)).flat_map(|case| lab.parts_of(&case.token));
    let choice = |part: &crate::domain::part::Part| {
        let (case, number) = (&part.case, part.number);
        (format!("{case}/{number}"), format!("{case} · {number} {}", part.name.as_str()))
    };
    parts.take(PARTS).map(choice).collect()
}

/// Materials that are in the lab, by the words that jobs have for them.
pub(super) fn materials(lab: &Lab) -> BTreeSet<String> {
    lab.quality.lots.values().map(|lot| lot.about.material.as_str().to_owned()).collect()
}

/// Of which part something is: chosen, not typed. `queue.js` makes case and part of it.
pub(super) fn part_field(viewer: &Viewer, parts: &[(String, String)], chosen: &str) -> Markup {
    let mut choices = vec![("", viewer.say(words::CHOOSE).to_owned())];
    choices.extend(parts.iter().map(|(piece, says)| (piece.as_str(), says.clone())));
    Field::text("piece", viewer.say(words::CASE_AND_PART)).required().value(chosen).choice(&choices)
}

/// A material in words; those that are in the lab are proposed.
pub(super) fn material_field(viewer: &Viewer, value: &str) -> Markup {
    html! {
        label.field {
            span { (viewer.say(words::MATERIAL_OF)) }
            input name="material" list="materials" value=(value) maxlength="40" autocomplete="off";
        }
    }
}

pub(super) fn material_list(materials: &BTreeSet<String>) -> Markup {
    html! { datalist #materials { @for one in materials { option value=(one) {} } } }
}

/// What the planner says, with its moments by the site's clock.
pub(super) fn by_the_clock(viewer: &Viewer, sentence: &str) -> String {
    viewer.told(&with_moments(sentence, |at| viewer.short(at)))
}

/// A sentence with `2026-12-01 07:00 UTC` said otherwise.
fn with_moments(sentence: &str, say: impl Fn(WallTime) -> String) -> String {
    let (mut text, mut rest) = (String::new(), sentence);
    while let Some((before, after)) = rest.split_once(" UTC") {
        let from = before.len().saturating_sub("2026-12-01 07:00".len());
        let (head, stamp) = before.split_at_checked(from).unwrap_or((before, ""));
        match format!("{}Z", stamp.replacen(' ', "T", 1)).parse::<WallTime>() {
            Ok(at) => {
                text.push_str(head);
                text.push_str(&say(at));
            }
            Err(_) => {
                text.push_str(before);
                text.push_str(" UTC");
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

// --- pieces

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let all = shown.waiting.iter().chain(shown.running.iter().map(|(row, _)| row));
    let late = all.filter(|row| row.entry.slack_min.is_some_and(|slack| slack < 0)).count();
    Piece::around("head", |inner| {
        let planned = match shown.planned_at {
            Some(at) => viewer.fill(words::PLANNED_AT, &[("time", &viewer.short(at))]),
            None => viewer.say(words::NOT_PLANNED).to_owned(),
        };
        html! {
            div.head #head {
                h1 { (viewer.say(words::TITLE)) }
                @if late > 0 {
                    span.chip data-state="bad" { (kit::mark("failed")) (viewer.fill(words::LATE_JOBS, &[("n", &late)])) }
                } @else if !shown.waiting.is_empty() && shown.planned_at.is_some() {
                    span.chip data-state="good" { (kit::mark("ready")) (viewer.say(words::ALL_IN_TIME)) }
                }
                (inner.put("planned", html! { small #planned { (planned) } }))
                @if viewer.may(Permission::Queue) {
                    a.button.first.end href="/queue/new" { (viewer.say(words::NEW_JOB)) }
                }
            }
        }
    })
}

/// Where files are dropped or chosen. `more`: what a new job's address is to say beside the file.
/// What each printer here has room for, mm: `250 210 210;180 180 180`. Nothing where one does not say it.
pub(super) fn rooms(viewer: &Viewer) -> Option<String> {
    let room = |printer: &crate::config::Printer| {
        let ((left, right), (front, back)) = (printer.build.x?, printer.build.y?);
        let length = |low: i16, high: i16| i32::from(high) - i32::from(low);
        Some(format!("{} {} {}", length(left, right), length(front, back), printer.build.height?))
    };
    let all: Option<Vec<String>> = viewer.app.config.printers.iter().map(room).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(";"))
}

pub(super) fn drop_zone(viewer: &Viewer, more: &str) -> Piece {
    let said: serde_json::Map<String, serde_json::Value> = [
        ("sending", words::SENDING),
        ("reading", words::READING),
        ("turn", words::WAITS_ITS_TURN),
        ("file", words::IS_THERE_FILE),
        ("model", words::IS_THERE_MODEL),
        ("watertight", words::WATERTIGHT),
        ("fitsNone", words::FITS_NONE),
        ("leaky", words::NOT_WATERTIGHT),
        ("cancelled", words::UPLOAD_CANCELLED),
        ("unknown", words::UNKNOWN_KIND),
        ("noModels", words::NO_MODELS),
        ("tooLarge", words::TOO_LARGE),
        ("tie", words::TIE),
        ("forget", words::FORGET),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), viewer.say(text).into()))
    .collect();
    let models = viewer.app.slicing.is_some() && viewer.may(Permission::Slice);
    let rooms = rooms(viewer);
    let queues = viewer.may(Permission::Queue);
    let more = (!more.is_empty()).then_some(more);
    Piece::new(
        "drop",
        html! {
            section.drop.card #drop aria-labelledby="drop-name" data-use="files" data-keep data-more=[more]
                data-words=(serde_json::Value::Object(said)) data-models=(if models { "yes" } else { "no" })
                data-max=(viewer.app.config.http.upload_max) data-rooms=[rooms] data-queues=(if queues { "yes" } else { "no" }) {
                h2.unseen #drop-name { (viewer.say(words::DROP)) }
                label.field {
                    span { (viewer.say(words::DROP_HOW)) }
                    input #files type="file" multiple accept=".gcode,.gco,.g,.nc,.stl,.obj,.3mf";
                }
                small { (viewer.say(words::DROP_NAMES)) }
                ul.files aria-label=(viewer.say(words::CHOOSE_FILES)) {}
            }
        },
    )
}

fn uploads(viewer: &Viewer, shown: &Shown) -> Piece {
    let beside = (shown.uploads.len() + shown.uploads_more).to_string();
    Piece::new(
        "uploads",
        html! {
            section #uploads aria-labelledby="uploads-name" data-use="queue" {
                (kit::heading("uploads-name", viewer, words::UPLOADS, &beside))
                p.quiet { (viewer.say(words::UPLOADS_INTRO)) }
                (material_list(&shown.materials))
                div.cards { @for upload in &shown.uploads { (one_upload(viewer, upload, shown)) } }
                @if shown.uploads_more > 0 {
                    p { (viewer.fill(words::UPLOADS_MORE, &[("n", &shown.uploads_more)])) }
                }
            }
        },
    )
}

fn one_upload(viewer: &Viewer, upload: &UploadView, shown: &Shown) -> Markup {
    let (id, name, parts) = (&upload.id, &upload.name, &shown.parts);
    let size = viewer.grouped(upload.bytes.div_ceil(1_024));
    let chosen =
        upload.case.as_ref().map(|case| format!("{case}/{}", upload.part.unwrap_or(1))).unwrap_or_default();
    let (assign, dismiss) = (format!("assign-{id}"), format!("dismiss-{id}"));
    let (to_assign, to_dismiss) =
        (format!("POST /v1/uploads/{id}/assign"), format!("POST /v1/uploads/{id}/dismiss"));
    let sure = viewer.fill(words::DISMISS_ASK, &[("name", name)]);
    html! {
        article.card id=(format!("upload-{id}")) aria-label=(name) {
            h3 { (name) }
            p.quiet {
                (viewer.fill(words::UPLOAD_ABOUT, &[("size", &size), ("via", &upload.via)])) ", " (viewer.when(&upload.at))
                @if let Some(printer) = &upload.printer {
                    ", " (viewer.fill(words::UPLOAD_FOR, &[("printer", printer)]))
                }
            }
            @if let Some(waits) = &upload.waits {
                p { (viewer.say(words::IT_WAITS)) ": " (viewer.told(waits)) "." }
            }
            @if viewer.may(Permission::Queue) {
                @if parts.is_empty() {
                    p { (viewer.say(words::NO_PARTS)) " " a href="/cases" { (viewer.say(words::TO_CASES)) } }
                } @else {
                    (Sends {
                        done: Some(viewer.say(words::QUEUED)),
                        ..Sends::new(&assign, &to_assign, viewer.say(words::QUEUE_IT))
                    }.form(viewer, html! {
                        (part_field(viewer, parts, &chosen))
                        (material_field(viewer, ""))
                        @if shown.opaque.contains(id) { (said_fields(viewer)) }
                        (found_later())
                    }))
                }
                (Sends { done: Some(viewer.say(words::DISMISSED)), ask: Some(&sure), fixed: json!({}),
                    ..Sends::new(&dismiss, &to_dismiss, viewer.say(words::DISMISS)) }.button(viewer))
            }
        }
    }
}

/// Where `queue.js` puts what a refusal found, each warning with its box.
pub(super) fn found_later() -> Markup {
    html! { div.findings data-found data-keep {} }
}

fn running(viewer: &Viewer, shown: &Shown) -> Piece {
    let beside = shown.running.len().to_string();
    Piece::new(
        "running",
        html! {
            section #running aria-labelledby="running-name" {
                (kit::heading("running-name", viewer, words::RUNNING, &beside))
                @if shown.running.is_empty() { p.quiet { (viewer.say(words::NOTHING_RUNS)) } }
                @else { ul.queue { @for (row, job) in &shown.running { (running_row(viewer, row, job)) } } }
                @if !shown.slicing.is_empty() {
                    h2 { (viewer.say(words::SLICING)) " " small { (shown.slicing.len()) } }
                    ul.queue { @for job in &shown.slicing { (slicing_row(viewer, job)) } }
                }
            }
        },
    )
}

fn what(viewer: &Viewer, case: &str, number: u16, part: &str) -> Markup {
    html! {
        code { (case) } " " (viewer.fill(words::PART, &[("number", &number)])) @if !part.is_empty() { ", " (part) }
    }
}

/// How a job is called where there is no markup.
fn called(viewer: &Viewer, case: &str, number: u16) -> String {
    format!("{case} {}", viewer.fill(words::PART, &[("number", &number)]))
}

fn about(viewer: &Viewer, row: &Row) -> Markup {
    html! {
        @if let Some(material) = &row.material { small { (material) } }
        @if row.pieces > 1 { " " small { (viewer.fill(words::PIECES, &[("n", &row.pieces)])) } }
    }
}

fn running_row(viewer: &Viewer, row: &Row, job: &JobView) -> Markup {
    let printer = row.entry.printer.as_deref().unwrap_or_default();
    let percent = job.progress.map_or(0.0, |progress| progress.percent);
    let called = called(viewer, &job.case, row.entry.part);
    html! {
        li.job id=(format!("job-{}", row.id)) data-state=(job.state) {
            div.what {
                (kit::state(viewer, &job.state)) " "
                a.plain-link href=(format!("/cases/{}", job.case)) {
                    (what(viewer, &job.case, row.entry.part, &row.part))
                }
                " " (about(viewer, row))
            }
            div.where { a href=(format!("/printers/{printer}")) { (printer) } }
            div.when {
                @match &row.entry.end {
                    Some(end) => { (viewer.fill(words::ENDS, &[("time", &plain_time(viewer, end))])) },
                    None => { (viewer.say(words::NO_TIME)) },
                }
            }
            (slack(viewer, &row.entry))
            div.acts { (running_forms(viewer, job, &called)) }
            div.wide { (kit::bar(viewer, percent, &called)) }
            @if let Some(done) = &job.unrecorded {
                p.wide { (viewer.fill(common::UNRECORDED, &[("state", &viewer.state(done))])) }
            }
            @if let Some(why) = job.paused.as_ref() { p.wide { (viewer.told(why)) } }
            @if let Some(why) = &job.out_of_reach { p.wide.note data-state="wants" { (viewer.told(why)) } }
            @if job.gate.is_some() { div.wide { (found(viewer, job)) } }
        }
    }
}

fn running_forms(viewer: &Viewer, job: &JobView, called: &str) -> Markup {
    let id = &job.id;
    let is_paused = job.state == "paused";
    let (change, to_change, label, done, may) = if is_paused {
        (
            format!("resume-{id}"),
            format!("POST /v1/jobs/{id}/resume"),
            words::RESUME,
            words::RESUMED,
            Permission::ResumeJob,
        )
    } else {
        (
            format!("pause-{id}"),
            format!("POST /v1/jobs/{id}/pause"),
            words::PAUSE,
            words::PAUSED,
            Permission::PauseJob,
        )
    };
    let summary = if is_paused { words::RESUME_OR_CANCEL } else { words::PAUSE_OR_CANCEL };
    html! {
        (look::listed(viewer, job))
        @if viewer.may(may) || viewer.may(Permission::CancelJob) {
            details id=(format!("more-{id}")) {
                summary { (viewer.say(summary)) }
                div.buttons {
                    @if viewer.may(may) {
                        (Sends {
                            done: Some(viewer.say(done)),
                            fixed: json!({}),
                            ..Sends::new(&change, &to_change, viewer.say(label))
                        }.button(viewer))
                    }
                    (cancel(viewer, id, &viewer.fill(words::CANCEL_RUNNING_ASK, &[("job", &called)])))
                }
            }
        }
    }
}

fn cancel(viewer: &Viewer, job: &str, sure: &str) -> Markup {
    let (id, to) = (format!("cancel-{job}"), format!("POST /v1/jobs/{job}/cancel"));
    let sends = Sends {
        done: Some(viewer.say(words::CANCELLED)),
        ask: Some(sure),
        fixed: json!({}),
        ..Sends::new(&id, &to, viewer.say(words::CANCEL_JOB))
    };
    html! { @if viewer.may(Permission::CancelJob) { (sends.button(viewer)) } }
}

fn slicing_row(viewer: &Viewer, job: &JobView) -> Markup {
    let called = called(viewer, &job.case, job.part.number);
    html! {
        li.job id=(format!("job-{}", job.id)) data-state="slicing" {
            div.what {
                (kit::state(viewer, "slicing")) " " (what(viewer, &job.case, job.part.number, &job.part.name))
            }
            div.where { (job.pinned.as_deref().unwrap_or_default()) }
            @if let Some(slicing) = &job.slicing {
                div.wide {
                    (kit::bar(viewer, f64::from(slicing.percent), &called))
                    small { (viewer.told(slicing.in_words())) " (" (slicing.process) ")" }
                }
            }
            div.wide.row {
                (look::listed(viewer, job))
                (cancel(viewer, &job.id, &viewer.fill(words::CANCEL_ASK, &[("job", &called)])))
            }
        }
    }
}

fn waiting(viewer: &Viewer, shown: &Shown) -> Piece {
    let said = json!({
        "moving": viewer.say(words::MOVING),
        "moved": viewer.say(words::MOVED),
        "movedBut": viewer.say(words::MOVED_BUT),
        "putBack": viewer.say(words::PUT_BACK),
    });
    let beside = shown.waiting.len().to_string();
    let moves = viewer.may(Permission::Queue);
    Piece::around("waiting", |inner| {
        html! {
            section #waiting aria-labelledby="waiting-name" {
                (kit::heading("waiting-name", viewer, words::WAITING, &beside))
                @if shown.waiting.is_empty() {
                    (kit::empty(viewer.say(words::NOTHING_WAITS), Some(html! {
                        (viewer.say(words::NOTHING_WAITS_NEXT)) " " a href="/cases" { (viewer.say(words::TO_CASES)) }
                    })))
                } @else {
                    @if moves && shown.waiting.len() > 1 { p.quiet { (viewer.say(words::HOW_TO_MOVE)) } }
                    ol.queue #order data-use="queue" data-words=(said) {
                        @for (index, row) in shown.waiting.iter().enumerate() {
                            (waiting_row(viewer, shown, index, row, inner))
                        }
                    }
                }
            }
        }
    })
}

fn waiting_row(viewer: &Viewer, shown: &Shown, index: usize, row: &Row, inner: &Inner) -> Markup {
    let (id, entry) = (&row.id, &row.entry);
    let called = called(viewer, &entry.case, entry.part);
    let opened = shown.opened.as_ref().filter(|opened| opened.job.id == entry.job);
    let moves = viewer.may(Permission::Queue) && shown.waiting.len() > 1;
    html! {
        li.job id=(format!("job-{id}")) data-job=(id) data-back=(row.back) data-open[opened.is_some()] {
            div.place {
                @if moves {
                    button.handle type="button" aria-label=(viewer.fill(words::HANDLE, &[("job", &called)])) data-handle {
                        svg viewBox="0 0 16 16" aria-hidden="true" { path d="M2 3h12v2H2zM2 7h12v2H2zM2 11h12v2H2z" {} }
                    }
                }
                b { (index + 1) }
            }
            div.what {
                a.plain-link data-go href=(format!("/queue?open={id}#job-{id}"))
                    title=(viewer.fill(words::DETAILS, &[("job", &called)])) {
                    (what(viewer, &entry.case, entry.part, &row.part))
                }
                " " (about(viewer, row)) " " (chips(viewer, entry))
            }
            div.where {
                @match &entry.printer { Some(printer) => (printer), None => { span.quiet { (viewer.say(words::NOWHERE)) } } }
            }
            div.when { (times(viewer, entry)) }
            (slack(viewer, entry))
            (why_it_waits(viewer, entry))
            @if let Some((on, why)) = shown.not_yet.get(id).and_then(|on| Some((on, not_yet(on)?))) {
                p.wide.why-line {
                    (entry.printer.as_deref().unwrap_or_default()) ": " (why_now(viewer, on.first, why))
                }
            }
            @if let Some(on) = shown.asked.get(id).filter(|_| opened.is_none()) {
                div.wide.buttons { (let_begin(viewer, id, on)) }
            }
            @if let Some(opened) = opened {
                (inner.put(format!("open-{id}"), panel(viewer, row, opened, &called)))
            }
        }
    }
}

fn why_it_waits(viewer: &Viewer, entry: &QueueEntry) -> Markup {
    let held = entry.held.as_deref().map(|reason| {
        let reason = viewer.say(hold_word(reason));
        match &entry.held_by {
            Some(by) => viewer.fill(words::HELD_BY, &[("by", by), ("reason", &reason)]),
            None => viewer.fill(words::HELD_FOR, &[("reason", &reason)]),
        }
    });
    let waits = entry.waits.as_ref().map(|waits| by_the_clock(viewer, waits));
    html! { @if let Some(why) = held.or(waits) { p.wide.why-line { (why) } } }
}

/// The first thing that keeps it from beginning now; nothing where it begins in a moment.
fn not_yet(on: &WaitingOn) -> Option<&str> {
    let first = on.why.split(". ").next().unwrap_or_default();
    (on.first != FirstReason::Nothing && !first.is_empty()).then_some(first)
}

/// In the middle of a sentence; a part on the bed needs no number of a job.
fn why_now(viewer: &Viewer, first: FirstReason, why: &str) -> String {
    if first == FirstReason::Bed {
        return viewer.say(words::BED_NOT_CLEAR).to_owned();
    }
    viewer.told_within(&with_moments(why, |at| viewer.short(at))).into_owned()
}

fn hold_word(reason: &str) -> Text {
    match reason {
        "material" => words::HOLD_MATERIAL,
        "approval" => words::HOLD_APPROVAL,
        "question" => words::HOLD_QUESTION,
        "printer" => words::HOLD_PRINTER,
        _ => words::HOLD_OTHER,
    }
}

fn cause_word(cause: &str) -> Option<Text> {
    Some(match cause {
        "print_failed" => words::CAUSE_FAILED,
        "inspection_failed" => words::CAUSE_INSPECTION,
        "damaged" => words::CAUSE_DAMAGED,
        "lost" => words::CAUSE_LOST,
        "another_copy" => words::CAUSE_COPY,
        _ => return None,
    })
}

fn chips(viewer: &Viewer, entry: &QueueEntry) -> Markup {
    let state = match entry.priority.as_str() {
        "emergency" => Some("bad"),
        "urgent" => Some("wants"),
        _ => None,
    };
    let again = |again: &ReprintView| {
        let cause = cause_word(&again.cause).map_or(again.cause.as_str(), |cause| viewer.say(cause));
        viewer.fill(words::AGAIN_CHIP, &[("cause", &cause)])
    };
    html! {
        span.chip data-state=[state] { (viewer.state(&entry.priority)) }
        @if entry.held.is_some() {
            " " span.chip data-state="wants" { (kit::mark("paused")) (viewer.say(words::HELD_CHIP)) }
        }
        @if let Some(printer) = &entry.pinned {
            " " span.chip { (viewer.fill(words::PINNED_CHIP, &[("printer", printer)])) }
        }
        @if let Some(printer) = &entry.prepared {
            " " span.chip data-state="good" { (viewer.fill(words::PREPARED_CHIP, &[("printer", printer)])) }
        }
        @if entry.guessed { " " span.chip { (viewer.say(words::GUESSED_CHIP)) } }
        @if let Some(one) = &entry.reprints { " " span.chip { (again(one)) } }
    }
}

/// A stamp of the API, in plain text.
fn plain_time(viewer: &Viewer, stamp: &str) -> String {
    stamp.parse().map_or_else(|_| stamp.to_owned(), |at| viewer.short(at))
}

fn times(viewer: &Viewer, entry: &QueueEntry) -> Markup {
    let soon = viewer.now().0.saturating_add(SOON_MS);
    let begins = |start: &String| match start.parse::<WallTime>() {
        Ok(at) if at.0 <= soon => viewer.say(words::NOW).to_owned(),
        _ => plain_time(viewer, start),
    };
    html! {
        @match (&entry.start, &entry.end) {
            (Some(start), Some(end)) => {
                (viewer.fill(words::FROM_TO, &[("start", &begins(start)), ("end", &plain_time(viewer, end))]))
            },
            (Some(start), None) => (begins(start)),
            (None, _) => span.quiet { (viewer.say(words::NO_TIME)) },
        }
    }
}

/// When it is due, and how much there is to spare: in words, and as a bar from that moment.
fn slack(viewer: &Viewer, entry: &QueueEntry) -> Markup {
    let span = |minutes: i64| viewer.span(minutes.unsigned_abs().saturating_mul(60));
    let (state, said) = match entry.slack_min {
        Some(slack) if slack < 0 => ("bad", viewer.fill(words::LATE, &[("span", &span(slack))])),
        Some(0) => ("wants", viewer.say(words::JUST).to_owned()),
        Some(slack) => (
            if slack < LITTLE { "wants" } else { "good" },
            viewer.fill(words::SPARE, &[("span", &span(slack))]),
        ),
        None if entry.at_once => ("bad", viewer.say(words::AT_ONCE).to_owned()),
        None => ("none", String::new()),
    };
    html! {
        div.slack data-state=(state) {
            @match (&entry.due, said.is_empty()) {
                (None, true) => span.quiet { (viewer.say(words::NO_DAY)) },
                (due, _) => {
                    @if let Some(slack) = entry.slack_min { (slack_bar(slack)) }
                    @if !said.is_empty() { strong { (said) } " " }
                    @if let Some(due) = due {
                        small { (viewer.fill(words::DUE, &[("time", &plain_time(viewer, due))])) }
                    }
                },
            }
        }
    }
}

/// To the right of the moment at which it is due what is spare, to the left how late. A day is all of a side, and
/// its root lets an hour be seen.
fn slack_bar(minutes: i64) -> Markup {
    let share = (minutes.unsigned_abs().min(1_440) as f64 / 1_440.0).sqrt();
    let width = (share * 49.0).max(1.5);
    let from = if minutes < 0 { 50.0 - width } else { 50.0 };
    html! {
        svg.slack-bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.track x="0" y="3" width="100" height="4" {}
            rect.part x=(format!("{from:.1}")) y="2" width=(format!("{width:.1}")) height="6" {}
            rect.due x="49.5" y="0" width="1" height="10" {}
        }
    }
}

/// What a person at the printer, or a signature, lets begin.
fn let_begin(viewer: &Viewer, job: &JobId, on: &WaitingOn) -> Markup {
    let printer = &on.printer;
    let codes = on.acceptable.join(", ");
    let (accept, to_accept) = (format!("accept-{job}-{printer}"), format!("POST /v1/jobs/{job}/accept"));
    let (start, to_start) = (format!("start-{job}-{printer}"), format!("POST /v1/jobs/{job}/start"));
    html! {
        @if !on.acceptable.is_empty() && viewer.may(Permission::AcceptFindings) {
            (Sends {
                fixed: json!({ "accept": on.acceptable }),
                done: Some(viewer.say(words::ACCEPT_DONE)),
                ..Sends::new(&accept, &to_accept, &viewer.fill(words::ACCEPT, &[("codes", &codes)]))
            }.button(viewer))
        }
        @if on.person && viewer.may(Permission::StartJob) {
            (Sends {
                fixed: json!({ "printer": printer }),
                done: Some(viewer.say(words::BEGUN)),
                ..Sends::new(&start, &to_start, &viewer.fill(words::BEGIN, &[("printer", printer)]))
            }.button(viewer))
        }
    }
}

// --- the row that is open

fn panel(viewer: &Viewer, row: &Row, opened: &Opened, called: &str) -> Markup {
    let id = &row.id;
    html! {
        div.wide.panel id=(format!("open-{id}")) {
            div.buttons { @for on in &opened.on { (let_begin(viewer, id, on)) } }
            (facts(viewer, row, opened))
            @if viewer.may(Permission::Queue) {
                h3 { (viewer.say(words::WHAT_IS_WANTED)) }
                div.wishes { (wishes(viewer, row, opened)) }
            }
            details open id=(format!("why-{id}")) {
                summary { (viewer.say(words::WHY_EACH)) }
                ul.why {
                    @for (why, printers) in by_reason(&opened.on) {
                        li { strong { (printers.join(", ")) } ": " (by_the_clock(viewer, why)) }
                    }
                }
            }
            div.buttons {
                (cancel(viewer, id.as_str(), &viewer.fill(words::CANCEL_ASK, &[("job", &called)])))
                a.button href=(format!("/queue#job-{id}")) { (viewer.say(words::CLOSE)) }
            }
        }
    }
}

/// Printers of which the same is said, together.
fn by_reason(on: &[WaitingOn]) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in on {
        match all.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, printers)) => printers.push(&one.printer),
            None => all.push((&one.why, vec![&one.printer])),
        }
    }
    all
}

fn facts(viewer: &Viewer, row: &Row, opened: &Opened) -> Markup {
    let job = &opened.job;
    html! {
        dl.facts {
            dt { (viewer.say(common::CASE)) }
            dd { a href=(format!("/cases/{}", job.case)) { code { (job.case) } } }
            dt { (viewer.say(common::JOB)) }
            dd { code { (job.id) } }
            dt { (viewer.say(words::QUEUED_AT)) }
            dd { (viewer.when(&job.queued)) }
            @if let Some(due) = &row.entry.due {
                dt { (viewer.say(words::ITS_DAY)) }
                dd {
                    (viewer.when(due))
                    @if opened.due.is_none() { " " small { "(" (viewer.say(words::LESS_AFTER)) ")" } }
                }
            }
            @if let Some(day) = case_day(viewer, &job.case) {
                dt { (viewer.say(words::CASE_DAY)) } dd { (day) }
            }
            dt { (viewer.say(words::FILE_OF)) }
            dd { (look::listed(viewer, job)) }
            @if job.gate.is_some() { dt { (viewer.say(words::FOUND)) } dd { (found(viewer, job)) } }
        }
    }
}

/// When the case of a job is needed, as the page of cases says it.
fn case_day(viewer: &Viewer, case: &str) -> Option<Markup> {
    let case = case.parse::<CaseToken>().ok()?;
    let (day, is_awaited) = viewer.app.recorder.read(|lab| {
        let day = lab.quality.cases.get(&case)?.about.as_ref()?.needed_by?;
        Some((day, cases::is_awaited(&lab.quality.case_state(&case))))
    })?;
    Some(cases::urgency(viewer, Priority::Routine, Some(day), is_awaited))
}

/// What was found in its file, and accepted.
fn found(viewer: &Viewer, job: &JobView) -> Markup {
    let severity = |word: &str| if word == "error" { words::ERROR } else { words::WARNING };
    html! {
        @if let Some(gate) = &job.gate {
            ul.why {
                @for noted in &gate.findings {
                    li {
                        (viewer.say(severity(&noted.severity))) " " code { (noted.code) }
                        @if let Some(line) = noted.line {
                            ", " (viewer.fill(words::FOUND_LINE, &[("line", &line)]))
                        }
                        @if let (true, Some(by)) = (gate.accepted.contains(&noted.code), &gate.by) {
                            ", " (viewer.fill(words::ACCEPTED_BY, &[("by", by)]))
                        }
                    }
                }
                @if gate.more > 0 { li { (viewer.fill(words::FOUND_MORE, &[("n", &gate.more)])) } }
            }
        }
    }
}

fn wishes(viewer: &Viewer, row: &Row, opened: &Opened) -> Markup {
    html! {
        (priority_form(viewer, row, opened))
        (due_form(viewer, row, opened))
        (hold_form(viewer, row))
        (printer_form(viewer, row))
        (prepared_form(viewer, row))
        (place_forms(viewer, row, opened))
    }
}

/// A wish of the job, with what takes it back.
fn wish(
    viewer: &Viewer,
    row: &Row,
    name: &str,
    label: Text,
    done: Text,
    back: Option<serde_json::Value>,
    fields: Markup,
) -> Markup {
    let (id, to) = (format!("{name}-{}", row.id), format!("POST /v1/queue/{}", row.id));
    let fixed = back.as_ref().map_or(serde_json::Value::Null, |back| json!({ "was": back[name] }));
    let undo = back.map(|body| (to.as_str(), body));
    let done = Some(viewer.say(done));
    Sends { fixed, done, undo, undo_was: Some(name), ..Sends::new(&id, &to, viewer.say(label)) }
        .form(viewer, fields)
}

fn priority_form(viewer: &Viewer, row: &Row, opened: &Opened) -> Markup {
    let own = opened.priority.unwrap_or("as_case");
    let mut choices = vec![("as_case", viewer.say(words::AS_CASE).to_owned())];
    choices.extend(["routine", "urgent", "emergency"].map(|word| (word, viewer.state(word))));
    let field = Field::text("priority", viewer.say(words::PRIORITY)).value(own).choice(&choices);
    wish(viewer, row, "priority", words::SET, words::PRIORITY_SET, Some(json!({ "priority": own })), field)
}

fn due_form(viewer: &Viewer, row: &Row, opened: &Opened) -> Markup {
    let zone = &viewer.app.config.zone;
    let typed = |at: WallTime| zone.date_and_clock(at).replacen(' ', "T", 1);
    let shown = row.entry.due.as_ref().and_then(|due| due.parse::<WallTime>().ok());
    let value = shown.map(typed).unwrap_or_default();
    let own = opened.due.map_or_else(|| "as_case".to_owned(), |due| due.to_string());
    let times = due_times(viewer.now());
    // A minute is begun while somebody types.
    let first = typed(WallTime(times.start().0 + 60_000));
    let last = typed(*times.end());
    let field = Field {
        kind: "datetime-local",
        becomes: "text",
        within: Some((&first, &last)),
        ..Field::text("due", viewer.say(words::DUE_FIELD)).required().value(&value)
    };
    let (back, as_case) = (json!({ "due": own }), json!({ "due": "as_case" }));
    html! {
        (wish(viewer, row, "due", words::SET, words::DUE_SET, Some(back.clone()), field.input()))
        @if opened.due.is_some() {
            (as_it_was(viewer, row, "due-as-case", as_case, words::DUE_AS_CASE, words::DUE_SET, back))
        }
    }
}

/// A wish that needs nothing filled in.
fn as_it_was(
    viewer: &Viewer,
    row: &Row,
    name: &str,
    mut fixed: serde_json::Value,
    label: Text,
    done: Text,
    back: serde_json::Value,
) -> Markup {
    let (id, to) = (format!("{name}-{}", row.id), format!("POST /v1/queue/{}", row.id));
    let wanted = fixed.as_object().and_then(|fixed| fixed.keys().next().cloned()).unwrap_or_default();
    // Where it stands may change by whatever else begins: a move is what it says, whatever stood behind.
    if wanted != "before" {
        fixed["was"] = back[&wanted].clone();
    }
    Sends {
        fixed,
        done: Some(viewer.say(done)),
        undo: Some((to.as_str(), back)),
        undo_was: Some(&wanted),
        ..Sends::new(&id, &to, viewer.say(label))
    }
    .button(viewer)
}

fn hold_form(viewer: &Viewer, row: &Row) -> Markup {
    let (id, to) = (format!("go-on-{}", row.id), format!("POST /v1/queue/{}", row.id));
    let reasons = ["material", "approval", "question", "printer", "other"];
    let choices = reasons.map(|reason| (reason, viewer.say(hold_word(reason)).to_owned()));
    match (&row.entry.held, &row.entry.held_by) {
        (Some(reason), by) => {
            let by = by.as_deref().unwrap_or_default();
            // Held again, it would be somebody else's hold: only their own is given back.
            let own = viewer.asker.name().is_some_and(|name| name == by);
            let sure = viewer.fill(words::GO_ON_ASK, &[("by", &by)]);
            Sends {
                fixed: json!({ "hold": "no", "was": reason }),
                done: Some(viewer.say(words::GO_ON_DONE)),
                undo: own.then(|| (to.as_str(), json!({ "hold": reason }))),
                undo_was: Some("hold"),
                ask: (!own).then_some(sure.as_str()),
                ..Sends::new(&id, &to, viewer.say(words::GO_ON))
            }
            .button(viewer)
        }
        (None, _) => {
            let field = Field::text("hold", viewer.say(words::HOLD_FOR)).value("material").choice(&choices);
            wish(viewer, row, "hold", words::HOLD, words::HOLD_DONE, Some(json!({ "hold": "no" })), field)
        }
    }
}

fn printer_form(viewer: &Viewer, row: &Row) -> Markup {
    let mut choices = vec![("any", viewer.say(words::ANY_PRINTER).to_owned())];
    choices.extend(printers_for(viewer, row));
    let own = row.entry.pinned.as_deref().unwrap_or("any");
    let field = Field::text("printer", viewer.say(words::ONLY_ON)).value(own).choice(&choices);
    wish(viewer, row, "printer", words::SET, words::PIN_DONE, Some(json!({ "printer": own })), field)
}

fn prepared_form(viewer: &Viewer, row: &Row) -> Markup {
    let no = json!({ "prepared": "no" });
    match &row.entry.prepared {
        Some(printer) => {
            let back = json!({ "prepared": printer });
            as_it_was(viewer, row, "not-prepared", no, words::NOT_PREPARED, words::NOT_PREPARED_DONE, back)
        }
        None => {
            let choices: Vec<_> = printers_for(viewer, row).collect();
            let near = row.entry.printer.as_deref().unwrap_or_default();
            let field = Field::text("prepared", viewer.say(words::PREPARED)).value(near).choice(&choices);
            wish(viewer, row, "prepared", words::PREPARED_SET, words::PREPARED_DONE, Some(no), field)
        }
    }
}

fn place_forms(viewer: &Viewer, row: &Row, opened: &Opened) -> Markup {
    let back = json!({ "before": row.back });
    let (last, came) = (json!({ "before": "last" }), json!({ "before": "as_it_came" }));
    html! {
        div.buttons {
            (as_it_was(viewer, row, "last", last, words::LAST, words::MOVED, back.clone()))
            @if opened.moved {
                (as_it_was(viewer, row, "as-it-came", came, words::AS_IT_CAME, words::MOVED, back))
            }
        }
    }
}

/// Those that print with what the job's file is for; of a model that is sliced still, all.
fn printers_for<'v>(viewer: &'v Viewer, row: &Row) -> impl Iterator<Item = (&'v str, String)> {
    let medium = viewer.app.recorder.read(|lab| {
        let job = lab.jobs.get(&row.id)?;
        (job.commands > 0).then(|| Medium::of(lab, &job.id))
    });
    let config = &viewer.app.config;
    let fits = move |name: &str| {
        let named = config.printers.iter().find(|printer| printer.name.as_str() == name);
        medium.is_none_or(|medium| named.is_some_and(|printer| takes(printer, medium).is_ok()))
    };
    printers(viewer).filter(move |(name, _)| fits(name))
}

/// The printers of the configuration, as choices.
pub(super) fn printers(viewer: &Viewer) -> impl Iterator<Item = (&str, String)> {
    viewer.app.config.printers.iter().map(|printer| (printer.name.as_str(), printer.name.to_string()))
}

// --- what has ended

fn ended(viewer: &Viewer, shown: &Shown) -> Piece {
    let beside = shown.ended.len().to_string();
    Piece::new(
        "ended",
        html! {
            section #ended aria-labelledby="ended-name" {
                (kit::heading("ended-name", viewer, words::ENDED, &beside))
                @if shown.ended.is_empty() { p.quiet { (viewer.say(words::NOTHING_ENDED)) } }
                @else { ul.queue { @for job in &shown.ended { (ended_row(viewer, job)) } } }
            }
        },
    )
}

fn ended_row(viewer: &Viewer, job: &JobView) -> Markup {
    html! {
        li.job id=(format!("job-{}", job.id)) data-state=(job.state) {
            div.what {
                (kit::state(viewer, &job.state)) " "
                a.plain-link href=(format!("/cases/{}", job.case)) {
                    (what(viewer, &job.case, job.part.number, &job.part.name))
                }
                @if let Some(material) = &job.material { " " small { (material) } }
                @if !job.build.is_empty() {
                    " " small { (viewer.fill(words::PIECES, &[("n", &job.build.len())])) }
                }
                @if job.exact == Some(false) {
                    " " span.chip data-state="wants" { (viewer.say(words::EXACT_NOT)) }
                }
            }
            div.where {
                @if let Some(printer) = &job.printer { a href=(format!("/printers/{printer}")) { (printer) } }
            }
            div.when { @if let Some(ended) = &job.ended { (viewer.when(ended)) } }
            div.acts {
                (look::listed(viewer, job))
                @if job.has_file() && viewer.may(Permission::Queue) { (reprint(viewer, job)) }
            }
            @if let Some(why) = &job.why { p.wide.why-line { (viewer.told(why)) } }
            @if let Some(why) = &job.out_of_reach { p.wide.note data-state="wants" { (viewer.told(why)) } }
            @if job.gate.is_some() { div.wide { (found(viewer, job)) } }
        }
    }
}

fn reprint(viewer: &Viewer, job: &JobView) -> Markup {
    let (id, to) = (format!("reprint-{}", job.id), format!("POST /v1/jobs/{}/reprint", job.id));
    let causes = ["print_failed", "inspection_failed", "damaged", "lost", "another_copy"];
    let choices: Vec<(&str, String)> = causes
        .into_iter()
        .filter_map(|cause| Some((cause, viewer.say(cause_word(cause)?).to_owned())))
        .collect();
    let likely = if job.state == "printed" { "another_copy" } else { "print_failed" };
    let field = Field::text("cause", viewer.say(words::REPRINT_CAUSE)).value(likely).choice(&choices);
    let undo = viewer.may(Permission::CancelJob).then(|| ("POST /v1/jobs/{id}/cancel", json!({})));
    let sends = Sends {
        done: Some(viewer.say(words::REPRINTED)),
        undo,
        ..Sends::new(&id, &to, viewer.say(words::REPRINT))
    };
    html! {
        details id=(format!("again-{}", job.id)) { summary { (viewer.say(words::REPRINT)) } (sends.form(viewer, field)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_lateness_on_the_left_and_what_is_spare_on_the_right() {
        let part = |minutes| slack_bar(minutes).into_string();
        assert!(part(1_440).contains("x=\"50.0\" y=\"2\" width=\"49.0\""), "{}", part(1_440));
        assert!(part(90_000).contains("width=\"49.0\""), "no bar is longer than its side");
        assert!(part(-1_440).contains("x=\"1.0\" y=\"2\" width=\"49.0\""), "{}", part(-1_440));
        assert!(part(1).contains("width=\"1.5\""), "a minute can be seen");
    }

    #[test]
    fn what_the_planner_says_in_utc_is_said_by_the_clock_and_nothing_else_is_touched() {
        let said = |sentence| with_moments(sentence, |at| format!("<{}>", at.0 / 60_000));
        assert_eq!(said("by 1970-01-01 01:00 UTC, then 1970-01-01 00:02 UTC."), "by <60>, then <2>.");
        for other in ["at noon UTC", "ä UTC", " UTC", "1970-13-01 01:00 UTC", "nothing"] {
            assert_eq!(said(other), other);
        }
    }

    fn on(printer: &str, why: &str) -> WaitingOn {
        let (person, acceptable, first) = (false, Vec::new(), FirstReason::Said);
        WaitingOn { printer: printer.into(), why: why.into(), person, acceptable, first }
    }

    #[test]
    fn a_row_says_the_first_thing_that_keeps_its_job_from_beginning_now() {
        let bed = "the part of job 01ab is still on its bed. it begins there at noon";
        let of = |first, why| WaitingOn { first, ..on("a", why) };
        let first = "the part of job 01ab is still on its bed";
        assert_eq!(not_yet(&of(FirstReason::Bed, bed)), Some(first));
        assert_eq!(not_yet(&of(FirstReason::Said, bed)), Some(first));
        assert_eq!(not_yet(&on("a", "")), None);
        for begins in ["", "it is free: the job starts in a moment", "it works on job 01ab. it is busy"] {
            assert_eq!(not_yet(&of(FirstReason::Nothing, begins)), None, "{begins}");
        }
    }

    #[test]
    fn printers_of_which_the_same_is_said_stand_together() {
        let all = [on("a", "x"), on("b", "y"), on("c", "x")];
        assert_eq!(by_reason(&all), [("x", vec!["a", "c"]), ("y", vec!["b"])]);
    }
}
