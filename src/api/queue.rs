//! The shared queue as it is planned: who prints what when, why not elsewhere, and what people want of it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Changed, NoSuch, Read, Timely, Told};
use super::door::Asker;
use super::gate::may_pass;
use super::given::{Example, Given, Named};
use super::jobs::{FromFile, Said, has_room, new_job, seen};
use super::printers::{known, known_for};
use super::problem::Problem;
use super::reasons;
use super::shapes::JobView;
use crate::domain::day::Day;
use crate::domain::event::{Actor, Fact as Entry};
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::{Job, JobState};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::moment::WallTime;
use crate::domain::part::PartRef;
use crate::domain::quality::case::Priority;
use crate::domain::quality::start;
use crate::domain::queue::wish::{HoldReason, Maintenance, ReprintCause, Wanted};
use crate::domain::queue::{self, Request as Asked};
use crate::domain::seen::Seen;
use crate::domain::zone::Zone;
use crate::schedule::{Planned, PrinterAt};
use crate::services::intake::with_needs;
use crate::services::planner::{Drawn, wall};
use crate::services::suits::Medium;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, wish))
        .routes(routes!(reprint))
        .routes(routes!(maintenance, plan_maintenance))
        .routes(routes!(call_off))
}

/// One job of the queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueEntry {
    pub job: String,
    pub case: String,
    pub part: u16,
    /// `queued`, `printing` or `paused`.
    pub state: String,
    /// `routine`, `urgent` or `emergency`.
    pub priority: String,
    /// Where it is planned, or runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// When it is to begin, and to end; RFC 3339, as are the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Its length is a guess, since its file was not read yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// When its print has to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// An emergency without such a time: it is due as soon as it can be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
    /// Minutes between its end and that; less than nothing where it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_min: Option<i64>,
    /// Why it is planned nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The only printer that it may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// The printer that people have made ready for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<String>,
    /// What a person holds it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// The job that it prints again, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprints: Option<ReprintView>,
}

impl QueueEntry {
    /// What runs stands first, then what is planned by its beginning, then what waits for something.
    pub(super) fn place(&self) -> (bool, bool, Option<String>) {
        (self.state == "queued", self.start.is_none(), self.start.clone())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReprintView {
    pub job: String,
    pub cause: String,
}

impl ReprintView {
    pub fn of(lab: &Lab, job: &Job) -> Option<Self> {
        let (of, cause) = lab.queue.wish(&job.id)?.reprints.as_ref()?;
        Some(Self { job: of.to_string(), cause: cause.word().into() })
    }

    /// As in "prints … again".
    pub fn in_words(&self) -> String {
        let known = ReprintCause::ALL.into_iter().find(|cause| cause.word() == self.cause);
        let cause = match known {
            Some(cause) => cause.in_words(),
            None => self.cause.as_str(),
        };
        format!("job {} again: {cause}", self.job)
    }
}

/// The queue as it is planned now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// When it was planned; absent while it was not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<String>,
    /// What runs, then what is planned in the order in which it begins, then what waits for something.
    pub jobs: Vec<QueueEntry>,
}

/// One job of the queue, and every printer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueJobView {
    #[serde(flatten)]
    pub entry: QueueEntry,
    pub printers: Vec<WhyView>,
    /// What whoever has just wanted something should know, such as whose hold has ended by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why a job is, or is not, planned on a printer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    pub printer: String,
    pub planned: bool,
    pub why: String,
}

/// What somebody wants of a waiting job: one of these, and who says so.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WishGiven {
    /// `routine`, `urgent`, `emergency`, or `as_case`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// When its print has to have ended, RFC 3339, or `2026-12-01T07:00` by the site's clock; or `as_case`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Hold it: `material`, `approval`, `question`, `printer` or `other`; or `no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// The only printer that it may run on; or `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// The printer whose bed and material are ready for it; or `no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepared: Option<String>,
    /// The waiting job that it is to come before; `last`, or `as_it_came`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What of that is so, as who asks has seen it and in the same words: 409 (`changed-meanwhile`) where that is not so
    /// any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl WishGiven {
    /// The same thing, wanted in other words.
    fn with(&self, words: &str) -> Self {
        let other = |given: &Option<String>| given.as_ref().map(|_| words.to_owned());
        Self {
            priority: other(&self.priority),
            due: other(&self.due),
            hold: other(&self.hold),
            printer: other(&self.printer),
            prepared: other(&self.prepared),
            before: other(&self.before),
            was: None,
            by: None,
        }
    }
}

impl Example for WishGiven {
    const EXAMPLE: &'static str = r#"{"priority": "urgent", "by": "kim"}"#;
}

/// Why something is printed once more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReprintGiven {
    /// `print_failed`, `inspection_failed`, `damaged`, `lost` or `another_copy`.
    pub cause: String,
    /// The only printer that it may run on; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Example for ReprintGiven {
    const EXAMPLE: &'static str = r#"{"cause": "print_failed", "by": "kim"}"#;
}

/// From when until when a printer is away, RFC 3339, or `2026-12-01T07:00` by the site's clock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceGiven {
    pub from: String,
    pub until: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Example for MaintenanceGiven {
    const EXAMPLE: &'static str =
        r#"{"from": "2026-12-01T08:00:00Z", "until": "2026-12-01T12:00:00Z", "by": "kim"}"#;
}

/// The beginning of a maintenance that will not be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallOffGiven {
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Example for CallOffGiven {
    const EXAMPLE: &'static str = r#"{"from": "2026-12-01T08:00:00Z", "by": "kim"}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceView {
    pub from: String,
    pub until: String,
}

pub(super) fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::Routine => "routine",
        Priority::Urgent => "urgent",
        Priority::Emergency => "emergency",
    }
}

pub(super) fn entry(lab: &Lab, job: &Job, drawn: Option<&Drawn>, app: &AppState) -> QueueEntry {
    let wish = lab.queue.wish(&job.id);
    let about = lab.quality.cases.get(&job.case).and_then(|case| case.about.as_ref());
    let priority = wish.and_then(|wish| wish.priority).or_else(|| about.map(|about| about.priority));
    let planned = drawn.and_then(|drawn| Some((drawn, drawn.planned(&job.id)?)));
    let name = |drawn: &Drawn, at: &PrinterAt| drawn.printers.get(at.0).map(ToString::to_string);
    let (printer, start, end, guessed, waits) = match planned {
        Some((drawn, Planned::Running { printer, end, .. })) => {
            let started = job.state.run().map(|run| run.started.to_string());
            (name(drawn, printer), started, Some(wall(*end).to_string()), false, None)
        }
        Some((drawn, Planned::Assigned { printer, start, end, guessed, .. })) => {
            let [start, end] = [start, end].map(|at| Some(wall(*at).to_string()));
            (name(drawn, printer), start, end, *guessed, None)
        }
        Some((drawn, planned @ Planned::Waiting { why, .. })) => {
            let why: Vec<_> =
                [Some(why.in_words(drawn)), planned.late_unless(drawn)].into_iter().flatten().collect();
            (None, None, None, false, Some(why.join(" ")))
        }
        None => (job.state.run().map(|run| run.printer.to_string()), None, None, false, None),
    };
    let due = app.planner.due(lab, job, lab.cases.get(&job.case).map(|case| case.intended_use));
    let is_emergency = priority == Some(Priority::Emergency);
    QueueEntry {
        job: job.id.to_string(),
        case: job.case.to_string(),
        part: lab.parts.get(&job.part).map_or(0, |part| part.number),
        state: job.state.word().into(),
        priority: word(priority.unwrap_or_default()).into(),
        printer,
        start,
        end,
        guessed,
        due: due.map(|due| wall(due).to_string()),
        at_once: due.is_none() && is_emergency && job.state == JobState::Queued,
        slack_min: due
            .and(planned)
            .and_then(|(_, planned)| planned.slack())
            .map(|slack| slack.div_euclid(60)),
        waits,
        pinned: job.pinned.as_ref().map(ToString::to_string),
        prepared: wish.and_then(|wish| wish.prepared.as_ref()).map(ToString::to_string),
        held: wish.and_then(|wish| wish.held.as_ref()).map(|held| held.reason.word().into()),
        held_by: wish.and_then(|wish| wish.held.as_ref()).map(|held| held.by.clone()),
        reprints: ReprintView::of(lab, job),
    }
}

/// The shared queue: what runs, what begins where and when, and what waits for something.
#[utoipa::path(get, path = "/v1/queue", tag = "queue", operation_id = "show_queue",
    responses((status = 200, description = "The queue", body = QueueView), Told))]
async fn list(State(app): State<AppState>) -> Json<QueueView> {
    let drawn = app.planner.latest();
    let mut jobs = app.recorder.read(|lab| {
        let all = lab.jobs_in_order().into_iter();
        let planned = all.filter(|job| job.state == JobState::Queued || job.state.is_running());
        planned.map(|job| entry(lab, job, drawn.as_deref(), &app)).collect::<Vec<_>>()
    });
    jobs.sort_by_cached_key(QueueEntry::place);
    Json(QueueView { planned_at: drawn.map(|drawn| drawn.at.to_string()), jobs })
}

/// One job of the queue: where and when, and of every other printer why not there.
#[utoipa::path(get, path = "/v1/queue/{id}", tag = "queue", operation_id = "show_queued",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job in the queue", body = QueueJobView), Told, NoSuch, Timely))]
async fn show(State(app): State<AppState>, Named(job): Named<JobId>) -> Result<Json<QueueJobView>, Problem> {
    queued(&app, &job).map(Json)
}

fn queued(app: &AppState, id: &JobId) -> Result<QueueJobView, Problem> {
    let drawn = app.planner.latest();
    let placed = drawn.as_deref().and_then(|drawn| Some((drawn, drawn.place(id)?)));
    app.recorder.read(|lab| {
        let job = lab.job(id)?;
        if matches!(job.state, JobState::Ended { .. }) {
            return Err(over(job));
        }
        let entry = entry(lab, job, drawn.as_deref(), app);
        let (mut printers, waits) = (Vec::new(), job.state == JobState::Queued);
        for (place, printer) in app.config.printers.iter().enumerate() {
            let why = match placed {
                _ if waits => reasons::on(app, lab, job, &printer.name).why,
                Some((drawn, at)) => drawn.why_not(at, PrinterAt(place)).in_words(drawn),
                None => continue,
            };
            let planned = entry.printer.as_deref() == Some(printer.name.as_str());
            printers.push(WhyView { printer: printer.name.to_string(), planned, why });
        }
        Ok(QueueJobView { entry, printers, note: None })
    })
}

/// A job that is not in the queue any more.
fn over(job: &Job) -> Problem {
    if !job.has_file() {
        return Refusal::wrong_state(job, "looked for in the queue").into();
    }
    let (id, state) = (&job.id, job.state.in_words());
    let what = format!("job {id} is {state}, so it is not in the queue any more");
    let help = format!(
        "`platen jobs {id}` shows it; to print its file again: `platen jobs --reprint {id} --cause CAUSE --by NAME`"
    );
    Problem::new(StatusCode::CONFLICT, "wrong-state", what, help)
}

/// Says what is wanted of a waiting job: how urgent it is, until when, on which printer, before which other; or holds it.
#[utoipa::path(post, path = "/v1/queue/{id}", tag = "queue", operation_id = "wish", request_body = WishGiven,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job in the queue", body = QueueJobView), Changed, Read, Timely))]
async fn wish(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(given): Given<WishGiven>,
) -> Result<Json<QueueJobView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    let note = wished(&app, &job, &given, &by).await?;
    Ok(Json(QueueJobView { note, ..queued(&app, &job)? }))
}

/// What whoever wants it should know then.
async fn wished(app: &AppState, job: &JobId, given: &WishGiven, by: &str) -> Result<Option<String>, Problem> {
    let (wanted, seen, medium) = app.recorder.read(|lab| {
        let wanted = wanted(lab, &app.config.zone, job, given)?;
        let was = given.was.as_deref();
        let seen = was.map(|was| as_seen(lab, &app.config.zone, job, given, was)).transpose()?;
        // While it is a model it has no file.
        let medium = lab.job(job)?.has_file().then(|| Medium::of(lab, job));
        Ok::<_, Problem>((wanted, seen, medium))
    })?;
    if let Wanted::Pinned { printer: Some(printer) } | Wanted::Prepared { printer: Some(printer) } = &wanted {
        match medium {
            Some(medium) => known_for(app, printer, medium)?,
            None => known(app, printer)?,
        }
        may_pass(app, job, printer).await?;
    }
    let request = Asked::Wish { job: job.clone(), wanted, by: by.to_owned() };
    let request = Request::Queue(Box::new(request)).provided(seen);
    let done = app.recorder.submit(request, Actor::Person(by.to_owned())).await?;
    // What is answered is what became of it.
    if let Some(last) = done.last() {
        app.planner.knows(last.seq).await;
    }
    Ok(done.iter().find_map(|event| hold_ended(&event.fact)))
}

fn hold_ended(fact: &Entry) -> Option<String> {
    let Entry::Queue(queue::Fact::Wished { wanted: Wanted::Held { ended: Some((whose, why)), .. }, .. }) =
        fact
    else {
        return None;
    };
    Some(format!("this ended the hold of {whose}: it waited for {}", why.in_words()))
}

fn wanted(lab: &Lab, zone: &Zone, job: &JobId, given: &WishGiven) -> Result<Wanted, Problem> {
    let all = [&given.priority, &given.due, &given.hold, &given.printer, &given.prepared, &given.before];
    if all.into_iter().flatten().count() != 1 {
        let help = format!(
            "send one of priority, due, hold, printer, prepared and before, as in {}",
            WishGiven::EXAMPLE
        );
        return Err(Problem::unreadable("one thing is wanted of a job at a time", help));
    }
    let odd = |what: &str, help: &str| Problem::unreadable(what, help);
    if let Some(text) = &given.priority {
        let priority = match text.as_str() {
            "as_case" => None,
            "routine" => Some(Priority::Routine),
            "urgent" => Some(Priority::Urgent),
            "emergency" => Some(Priority::Emergency),
            _ => return Err(odd("there is no such priority", "give routine, urgent, emergency or as_case")),
        };
        return Ok(Wanted::Priority { priority });
    }
    if let Some(text) = &given.due {
        let at = if text == "as_case" { None } else { Some(moment_at(zone, text)?) };
        return Ok(Wanted::Due { at });
    }
    if let Some(text) = &given.hold {
        let known = HoldReason::ALL.into_iter().find(|reason| reason.word() == text);
        return match known {
            None if text != "no" => Err(odd(
                "nothing is held for that",
                "give material, approval, question, printer, other, or no",
            )),
            reason => Ok(Wanted::Held { reason, ended: None }),
        };
    }
    if let Some(text) = &given.printer {
        let printer = if text == "any" { None } else { Some(text.parse()?) };
        return Ok(Wanted::Pinned { printer });
    }
    if let Some(text) = &given.prepared {
        let printer = if text == "no" { None } else { Some(text.parse()?) };
        return Ok(Wanted::Prepared { printer });
    }
    let before = given.before.as_deref().unwrap_or_default();
    place(lab, job, before).map(|at| Wanted::Place { at })
}

/// What whoever wants it has seen of the job.
fn as_seen(lab: &Lab, zone: &Zone, job: &JobId, given: &WishGiven, was: &str) -> Result<Seen, Problem> {
    if given.before.is_some() && was != "as_it_came" {
        let next = if was == "last" { None } else { Some(was.parse()?) };
        return Ok(Seen::Before { job: job.clone(), next });
    }
    let wanted = wanted(lab, zone, job, &given.with(was))?;
    Ok(Seen::Wanted { job: job.clone(), wanted })
}

/// The place before another job's.
fn place(lab: &Lab, job: &JobId, before: &str) -> Result<Option<u64>, Problem> {
    let of = |job: &Job| queue::place(lab.queue.wish(&job.id), job.order);
    let waiting =
        lab.jobs_in_order().into_iter().filter(|other| other.state == JobState::Queued && other.id != *job);
    let mut places: Vec<(u64, &JobId)> = waiting.map(|other| (of(other), &other.id)).collect();
    places.sort_unstable();
    match before {
        "as_it_came" => Ok(None),
        "last" => Ok(places.last().map(|(last, _)| last.saturating_add(queue::SPACING))),
        other => {
            let other: JobId = other.parse()?;
            if other == *job {
                let help = "name another waiting job, or say last, or as_it_came";
                return Err(Problem::unreadable(format!("job {job} cannot stand before itself"), help));
            }
            let at = places.iter().position(|(_, id)| **id == other);
            let at = at.ok_or_else(|| Problem::from(Refusal::NoJob(other)))?;
            let (next, _) = places[at];
            let previous = at.checked_sub(1).map_or(0, |at| places[at].0);
            let middle = previous + next.saturating_sub(previous) / 2;
            if middle == previous {
                let help = "move it before another one, or let jobs go as they came (as_it_came)";
                let what = "so many jobs were moved there that no place is left between";
                return Err(Problem::new(StatusCode::CONFLICT, "no-place", what, help));
            }
            Ok(Some(middle))
        }
    }
}

/// A moment; one without its distance from UTC is by the site's clock, to the minute.
fn moment_at(zone: &Zone, text: &str) -> Result<WallTime, Problem> {
    let shown = (text.len() == "2026-12-01T07:00".len()).then(|| format!("{text}Z").parse::<WallTime>());
    let Some(Ok(shown)) = shown else { return moment(text) };
    let minute = u16::try_from(shown.0 / 60_000 % 1_440).unwrap_or_default();
    Ok(zone.minute(Day::in_utc(shown), minute))
}

fn moment(text: &str) -> Result<WallTime, Problem> {
    text.parse().map_err(|_| {
        let help =
            "write day, time and the distance from UTC, as in 2026-12-01T07:00:00Z or 2026-12-01T08:00+01:00";
        Problem::unreadable("this is no moment", help)
    })
}

/// Prints the file of a job that is over once more, as a new job, with the reason for it.
#[utoipa::path(post, path = "/v1/jobs/{id}/reprint", tag = "jobs", operation_id = "reprint_job",
    request_body = ReprintGiven, params(("id" = String, Path, description = "The id of the job that is over")),
    responses((status = 201, description = "The new job", body = JobView), Changed, Read, Timely))]
async fn reprint(
    State(app): State<AppState>,
    asker: Asker,
    Named(of): Named<JobId>,
    Given(given): Given<ReprintGiven>,
) -> Result<Response, Problem> {
    let by = asker.by(given.by.as_deref())?;
    let cause = ReprintCause::ALL.into_iter().find(|cause| cause.word() == given.cause);
    let cause = cause.ok_or_else(|| {
        let words = ReprintCause::ALL.map(ReprintCause::word).join(", ");
        Problem::unreadable("nothing is printed again for that cause", format!("give one of {words}"))
    })?;
    let pinned = given.printer.map(|name| name.parse::<PrinterName>()).transpose()?;
    if let Some(name) = &pinned {
        known(&app, name)?;
    }
    let (job, also, accept) = app.recorder.read(|lab| {
        let job = lab.job(&of)?;
        if !matches!(job.state, JobState::Ended { .. }) || !job.has_file() {
            return Err(Refusal::wrong_state(job, "printed again"));
        }
        let material = start::wanted(lab, job).map(str::to_owned);
        let build = lab.quality.builds.get(&job.id);
        let also = build.into_iter().flat_map(|build| &build.also).map(|piece| PartRef::Number(piece.part));
        let job = Job { material, ..job.clone() };
        Ok((job, also.collect::<Vec<_>>(), lab.accepted(lab.job(&of)?)))
    })?;
    has_room(&app).await?;
    let wish = FromFile {
        case: job.case,
        part: PartRef::Id(job.part),
        also,
        file: job.file,
        pinned,
        material: job.material,
        accept,
        said: Said::default(),
        by: Some(by.clone()),
    };
    let (new, need) = new_job(&app, wish).await?;
    let id = new.job.clone();
    // Of an encrypted file the new job takes what the old one does, as it was said of that.
    let need = need.filter(|need| need.opaque.is_none());
    let request = Asked::Reprint { of, job: Box::new(new), cause, by: by.clone() };
    let request = with_needs(Request::Queue(Box::new(request)), need.map(|need| (id.clone(), need)));
    app.recorder.submit(request, Actor::Person(by)).await?;
    let place = format!("/v1/jobs/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(seen(&app, &id)?)).into_response())
}

fn windows(app: &AppState, printer: &PrinterName) -> Vec<MaintenanceView> {
    let now = app.clock.stamp().wall;
    app.recorder.read(|lab| {
        let open = lab.queue.windows(printer).iter().filter(|window| now < window.until);
        open.map(|window| MaintenanceView { from: window.from.to_string(), until: window.until.to_string() })
            .collect()
    })
}

/// When a printer is away.
#[utoipa::path(get, path = "/v1/printers/{name}/maintenance", tag = "queue", operation_id = "list_maintenance",
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "What is planned", body = Vec<MaintenanceView>), Told, NoSuch))]
async fn maintenance(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
) -> Result<Json<Vec<MaintenanceView>>, Problem> {
    known(&app, &name)?;
    Ok(Json(windows(&app, &name)))
}

/// Says when a printer is away: nothing begins there then, and nothing that would not have ended before.
#[utoipa::path(post, path = "/v1/printers/{name}/maintenance", tag = "queue", operation_id = "plan_maintenance",
    request_body = MaintenanceGiven, params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "What is planned", body = Vec<MaintenanceView>), Changed, NoSuch, Timely))]
async fn plan_maintenance(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<MaintenanceGiven>,
) -> Result<Json<Vec<MaintenanceView>>, Problem> {
    known(&app, &name)?;
    let by = asker.by(given.by.as_deref())?;
    let zone = &app.config.zone;
    let window = Maintenance { from: moment_at(zone, &given.from)?, until: moment_at(zone, &given.until)? };
    let request = queue::Request::PlanMaintenance { printer: name.clone(), window, by: by.clone() };
    app.recorder.submit(Request::Queue(Box::new(request)), Actor::Person(by)).await?;
    Ok(Json(windows(&app, &name)))
}

/// Calls a maintenance off.
#[utoipa::path(post, path = "/v1/printers/{name}/maintenance/call-off", tag = "queue",
    operation_id = "call_off_maintenance", request_body = CallOffGiven,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "What is planned", body = Vec<MaintenanceView>), Changed, NoSuch, Timely))]
async fn call_off(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<CallOffGiven>,
) -> Result<Json<Vec<MaintenanceView>>, Problem> {
    known(&app, &name)?;
    let by = asker.by(given.by.as_deref())?;
    let request = queue::Request::CallOffMaintenance {
        printer: name.clone(),
        from: moment(&given.from)?,
        by: by.clone(),
    };
    app.recorder.submit(Request::Queue(Box::new(request)), Actor::Person(by)).await?;
    Ok(Json(windows(&app, &name)))
}
