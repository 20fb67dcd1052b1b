//! Jobs: queue, look at, pause, resume, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{Changed, NoSuch, Read, Timely, Told};
use super::given::{Asked, Given, Named};
use super::printers::known;
use super::problem::Problem;
use super::shapes::{By, JobView, NewJob, PartGiven, ResumeFileView, ResumeOrder, StartOrder};
use super::{AppState, views};
use crate::config::Printer;
use crate::domain::event::Actor;
use crate::domain::ids::{CaseToken, FileHash, JobId, PrinterName};
use crate::domain::job::JobState;
use crate::domain::lab::{self, Refusal, Request};
use crate::domain::part::PartRef;
use crate::domain::printer::Activity;
use crate::domain::units::Height;
use crate::io::clock::entropy;
use crate::services::fleet::{NotDone, Order};
use crate::services::intake::Accepted;
use crate::services::resume::{self, Wish};
use crate::services::telemetry::CURSOR;

/// The newest jobs that a list shows unless asked for another number: a lab's month.
const LISTED: usize = 500;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, queue))
        .routes(routes!(show))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(start))
        .routes(routes!(make_resume_file))
}

/// The words that a job's state has, so that another one is told instead of finding nothing.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InState {
    Queued,
    Printing,
    Paused,
    Printed,
    Cancelled,
    Interrupted,
}

impl InState {
    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Printing => "printing",
            Self::Paused => "paused",
            Self::Printed => "printed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only jobs in this state.
    #[param(inline)]
    state: Option<InState>,
    /// The newest so many; 500 where absent.
    limit: Option<usize>,
}

/// Jobs in the order in which they were accepted, the newest 500 unless asked otherwise.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", operation_id = "list_jobs", params(Which),
    responses((status = 200, description = "The jobs", body = Vec<JobView>), Told))]
async fn list(State(app): State<AppState>, Asked(which): Asked<Which>) -> Json<Vec<JobView>> {
    let limit = which.limit.unwrap_or(LISTED);
    Json(app.recorder.read(|lab| {
        let mut jobs = lab.jobs_in_order();
        if let Some(state) = which.state {
            jobs.retain(|job| job.state.word() == state.word());
        }
        let skipped = jobs.len().saturating_sub(limit);
        jobs.into_iter().skip(skipped).map(|job| views::job(&app, lab, job)).collect()
    }))
}

/// Queues a job. 201 means that it is in the journal; `waiting` says why it has not begun.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", operation_id = "queue_job", request_body = NewJob,
    responses((status = 201, description = "The new job", body = JobView), Changed, Read))]
async fn queue(State(app): State<AppState>, Given(new): Given<NewJob>) -> Result<Response, Problem> {
    let file: FileHash = new.file.parse()?;
    let case: CaseToken = new.case.parse()?;
    let part = match new.part {
        PartGiven::Number(number) => PartRef::Number(number),
        PartGiven::Text(text) => text.parse()?,
    };
    let pinned = new.printer.map(|name| name.parse::<PrinterName>()).transpose()?;
    if let Some(name) = &pinned {
        known(&app, name)?;
    }
    // A wrong part is told before a large file is read again.
    app.recorder.read(|lab| lab.find_part(&case, &part).map(drop))?;
    has_room(&app).await?;
    let accepted = app.intake.accepted(&file).await?;
    allowed_on(&app, &accepted, pinned.as_ref())?;
    let job = JobId::from_entropy(entropy());
    let request = Request::QueueJob(Box::new(lab::NewJob {
        job: job.clone(),
        case,
        part,
        file,
        commands: accepted.survey.commands,
        digest: accepted.survey.digest,
        pinned,
        material: new.material.map(|material| material.trim().to_owned()),
    }));
    app.recorder.submit(request, Actor::Platen).await?;
    let view = seen(&app, &job)?;
    let place = format!("/v1/jobs/{job}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

/// Nothing new is taken in that could cost what was taken in before its entries, or their way to the broker.
async fn has_room(app: &AppState) -> Result<(), Problem> {
    app.intake.spool().room().await?;
    let Some(mqtt) = &app.config.mqtt else { return Ok(()) };
    let last = app.recorder.read(|lab| lab.counters.seq);
    let waiting = last.saturating_sub(app.recorder.cursor(CURSOR));
    if waiting < mqtt.outbox_max {
        return Ok(());
    }
    let broker = format!("{}:{}", mqtt.host, mqtt.port);
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "outbox-full",
        format!(
            "{waiting} entries wait for the MQTT broker at {broker}, and outbox_max is {}",
            mqtt.outbox_max
        ),
        "see to the broker (`/healthz` says what is wrong), or raise outbox_max in the section [mqtt]; what runs goes on",
    ))
}

/// A file with commands that only some printers' profiles allow is queued for one of these, by name.
fn allowed_on(app: &AppState, accepted: &Accepted, pinned: Option<&PrinterName>) -> Result<(), Problem> {
    let needs = &accepted.survey.needs;
    let (Some(first), configured) = (needs.first(), &app.config.printers) else { return Ok(()) };
    let allows = |printer: &Printer| needs.iter().all(|need| printer.allow_commands.contains(&need.code));
    if pinned.and_then(|name| app.config.printer(name)).is_some_and(allows) {
        return Ok(());
    }
    let names: Vec<_> =
        configured.iter().filter(|p| allows(p)).map(|printer| printer.name.as_str()).collect();
    let detail =
        format!("line {}: `{}` is allowed on some printers only: it {}", first.line, first.text, first.why);
    let help = match names.as_slice() {
        [] => "no printer allows all that this file holds; see docs/commands.md".to_owned(),
        names => format!("queue it for one of {} by name", names.join(", ")),
    };
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-allowed-here", detail, help))
}

fn seen(app: &AppState, job: &JobId) -> Result<JobView, Problem> {
    app.recorder.read(|lab| Ok(views::job(app, lab, lab.job(job)?)))
}

/// One job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "show_job",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = JobView), Told, NoSuch))]
async fn show(State(app): State<AppState>, Named(job): Named<JobId>) -> Result<Json<JobView>, Problem> {
    seen(&app, &job).map(Json)
}

/// Sends no more lines until somebody resumes; moves that the printer has already still run, then the head goes
/// away where its profile says how.
#[utoipa::path(post, path = "/v1/jobs/{id}/pause", tag = "jobs", operation_id = "pause_job", request_body = By,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn pause(
    State(app): State<AppState>,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &by.by, Change::Pause).await.map(Json)
}

/// Goes on with a paused job: heated as it was, from where it was, with the very next line.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume", tag = "jobs", operation_id = "resume_job", request_body = By,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn resume(
    State(app): State<AppState>,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &by.by, Change::Resume).await.map(Json)
}

/// Takes a job off the queue, or ends it on its printer. Never undone: printing again is a new job.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", operation_id = "cancel_job", request_body = By,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn cancel(
    State(app): State<AppState>,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &by.by, Change::Cancel).await.map(Json)
}

/// What a person may do to a job that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Cancel,
}

impl Change {
    fn wanted(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Cancel => "cancelled",
        }
    }
}

/// Carries out a change by whoever runs the job: its printer's task, or the queue.
pub async fn change(app: &AppState, job: JobId, by: &str, change: Change) -> Result<JobView, Problem> {
    let by = lab::person(by)?;
    let state = app.recorder.read(|lab| lab.job(&job).map(|job| job.state.clone()))?;
    match (&state, change) {
        (JobState::Printing { run } | JobState::Paused { run, .. }, _) => {
            let order = match change {
                Change::Pause => Order::Pause { job: job.clone(), by },
                Change::Resume => Order::Resume { job: job.clone(), by },
                Change::Cancel => Order::Cancel { job: job.clone(), by },
            };
            app.fleet.order(&run.printer, order).await?;
        }
        (JobState::Queued, Change::Cancel) => {
            // Refused if it has started since our look: its printer must be asked then.
            let request = Request::CancelJob { job: job.clone(), progress: None, by: by.clone(), line: None };
            app.recorder.submit(request, Actor::Person(by)).await?;
        }
        _ => return Err(Refusal::WrongState { job, state: state.word(), wanted: change.wanted() }.into()),
    }
    seen(app, &job)
}

/// A person at the printer lets a waiting job begin there now, before others in the queue.
///
/// Needed where the printer, what the case is for, or the firmware demands that a person is there.
#[utoipa::path(post, path = "/v1/jobs/{id}/start", tag = "jobs", operation_id = "start_job", request_body = StartOrder,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn start(
    State(app): State<AppState>,
    Named(job): Named<JobId>,
    Given(order): Given<StartOrder>,
) -> Result<Json<JobView>, Problem> {
    begin(&app, job, order.printer.as_deref(), &order.by).await.map(Json)
}

pub async fn begin(app: &AppState, job: JobId, printer: Option<&str>, by: &str) -> Result<JobView, Problem> {
    let by = lab::person(by)?;
    let pinned = app.recorder.read(|lab| lab.job(&job).map(|job| job.pinned.clone()))?;
    let mut all = app.fleet.board().printers();
    let printer = match (printer, pinned) {
        (Some(name), _) => name.parse::<PrinterName>()?,
        (None, Some(pinned)) => pinned,
        (None, None) => match (all.next(), all.next()) {
            (Some((only, _)), None) => only.clone(),
            _ => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "which-printer",
                    format!("job {job} may run on more than one printer"),
                    "say at which one you are: \"printer\", or --printer NAME",
                ));
            }
        },
    };
    known(app, &printer)?;
    app.recorder.read(|lab| lab.may_start(lab.job(&job)?, &printer))?;
    let live = app.fleet.board().get(&printer).map(|live| live.borrow().activity.clone());
    if let Some(state) = live.filter(|live| *live != Activity::Ready).map(|live| live.word()) {
        return Err(NotDone::WrongState { printer, state, wanted: "begin a job now" }.into());
    }
    let request = Request::ReleaseJob { job: job.clone(), printer, by: by.clone() };
    app.recorder.submit(request, Actor::Person(by)).await?;
    seen(app, &job)
}

/// Makes a file that goes on with an interrupted job's part, from one layer on, while the part still stands on its
/// bed. 201 means that it is on the disk and tied to the job; queue a job from it as from any other file.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume-file", tag = "jobs", operation_id = "make_resume_file",
    request_body = ResumeOrder, params(("id" = String, Path, description = "The interrupted job's id")),
    responses((status = 201, description = "The new file", body = ResumeFileView), Changed, Read, Timely))]
async fn make_resume_file(
    State(app): State<AppState>,
    Named(job): Named<JobId>,
    Given(order): Given<ResumeOrder>,
) -> Result<Response, Problem> {
    let by = lab::person(&order.by)?;
    let height = order.height_mm.map(|mm| {
        Height::from_mm(mm).ok_or_else(|| {
            Problem::unreadable(format!("{mm} mm is no height above the plate"), "measure it, in millimetres")
        })
    });
    has_room(&app).await?;
    let wish = Wish { job: job.clone(), layer: order.layer, height: height.transpose()?, by };
    let printer = |name: &PrinterName| app.config.printer(name).cloned();
    let firmware = |name: &PrinterName| app.fleet.board().get(name)?.borrow().firmware.clone();
    let made = resume::make(&app.recorder, &app.intake, printer, firmware, wish).await?;
    let view = views::resume_file(&job, order.layer, made);
    let place = format!("/v1/files/{}", view.file.file);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}
