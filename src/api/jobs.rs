//! Jobs: queue, look at, pause, resume, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{Changed, NoSuch, Read, Timely, Told};
use super::door::Asker;
use super::gate::{Wanted, acceptance, gated, not_a_finding, passes};
use super::given::{Asked, Given, Named};
use super::printers::{known, known_for};
use super::problem::Problem;
use super::shapes::{By, JobView, ModelGiven, NewJob, PartGiven, ResumeFileView, ResumeOrder, StartOrder};
use super::vault::let_in;
use super::{AppState, views};
use crate::config::Printer;
use crate::domain::chain::SliceOrder;
use crate::domain::event::Actor;
use crate::domain::finding::{Finding, Severity, code_of_files};
use crate::domain::ids::{CaseToken, FileHash, JobId, PrinterName};
use crate::domain::job::Change;
use crate::domain::lab::{self, Doer, Refusal, Request};
use crate::domain::moment::WallTime;
use crate::domain::part::PartRef;
use crate::domain::people::roles::Permission;
use crate::domain::printer::Activity;
use crate::domain::resin::need::{Need, Opaque};
use crate::domain::units::{Height, Microlitres};
use crate::gcode::preflight::PrinterLimits;
use crate::io::clock::entropy;
use crate::io::offload::offload;
use crate::model::scale::Unit;
use crate::services::fleet::{NotDone, Order};
use crate::services::intake::{Accepted, with_needs};
use crate::services::processes;
use crate::services::resume::{self, Wish};
use crate::services::slicejobs::{self, choose};
use crate::services::slicing::{SliceError, Task};
use crate::services::suits::{self, Medium};
use crate::services::telemetry::CURSOR;
use crate::services::vault_desk::Words;

/// The newest jobs that a list shows unless asked for another number: a lab's month.
const LISTED: usize = 500;
/// A batch: as many as pieces of one build.
pub(super) const COPIES_MAX: u8 = 20;

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
    Slicing,
    Queued,
    Printing,
    Paused,
    Printed,
    Cancelled,
    Interrupted,
    NotSliced,
}

impl InState {
    fn word(self) -> &'static str {
        match self {
            Self::Slicing => "slicing",
            Self::Queued => "queued",
            Self::Printing => "printing",
            Self::Paused => "paused",
            Self::Printed => "printed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::NotSliced => "not_sliced",
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

/// Queues a job, from a file or from a model that is sliced first. 201 means that it is in the journal; `waiting`
/// says why it has not begun. 422 with `findings` where the file does not pass the gate of its printer, or of any.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", operation_id = "queue_job", request_body = NewJob,
    responses((status = 201, description = "The new job", body = JobView), Changed, Read, Timely))]
async fn queue(
    State(app): State<AppState>,
    asker: Asker,
    Given(new): Given<NewJob>,
) -> Result<Response, Problem> {
    if new.model.is_some() {
        asker.may(Permission::Slice)?;
    }
    if !new.accept.is_empty() || new.model.as_ref().is_some_and(|model| !model.accept.is_empty()) {
        asker.may(Permission::AcceptFindings)?;
    }
    let copies = new.copies.unwrap_or(1);
    if !(1..=COPIES_MAX).contains(&copies) || (copies > 1 && new.model.is_some()) {
        let help = "ask for 1 to 20 copies of a file; a model is sliced once, and its file queued again";
        return Err(Problem::unreadable("so many copies cannot be queued at once", help));
    }
    let case: CaseToken = new.case.parse()?;
    let part = named(new.part)?;
    let also = new.also.into_iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let pinned = new.printer.map(|name| name.parse::<PrinterName>()).transpose()?;
    if let Some(name) = &pinned {
        known(&app, name)?;
    }
    let by = acceptance(&new.accept, asker.by_if_known(new.by.as_deref())?.as_deref())?;
    let said = Said { resin_ml: new.resin_ml, minutes: new.minutes };
    // A wrong part is told before a large file is read again.
    app.recorder.read(|lab| {
        let mut parts = std::iter::once(&part).chain(&also);
        parts.try_for_each(|part| lab.find_part(&case, part).map(drop))
    })?;
    let_in(&app, Some(&case), &new.material, Words::CanWait).await?;
    has_room(&app).await?;
    let file: FileHash = match (new.file, new.model) {
        (Some(file), None) => file.parse()?,
        (None, Some(_)) if !said.is_nothing() => return Err(told_by_file()),
        (None, Some(_)) if !also.is_empty() => {
            let help = "queue each by itself, or lay them on one bed in your slicer and upload its G-code";
            return Err(Problem::unreadable("a model that is sliced here is one piece", help));
        }
        (None, Some(mut model)) => {
            model.accept.extend(new.accept);
            acceptance(&model.accept, by.as_deref())?;
            let wish = Sliceable { case, part, pinned, material: new.material, by, actor: asker.actor() };
            return slice(&app, model, wish).await;
        }
        _ => {
            let help = "give the hash that an upload answered with, as \"file\" or within \"model\"";
            return Err(Problem::unreadable("a job has a file or a model, and not both", help));
        }
    };
    let accept = new.accept;
    let material = new.material;
    let given = FromFile { case, part, also, file, pinned, material, accept, said, by: by.clone() };
    let (new, need) = new_job(&app, given).await?;
    let job = new.job.clone();
    let more = (1..copies).map(|_| lab::NewJob { job: JobId::from_entropy(entropy()), ..new.clone() });
    let all: Vec<_> = std::iter::once(new.clone()).chain(more).collect();
    let others: Vec<_> = all.iter().skip(1).map(|new| new.job.to_string()).collect();
    let needs = need.iter().flat_map(|need| all.iter().map(|new| (new.job.clone(), need.clone())));
    let needs: Vec<_> = needs.collect();
    let request = with_needs(Request::QueueCopies(all), needs);
    app.recorder.submit(request, by.map_or(Actor::Platen, Actor::Person)).await?;
    let view = JobView { copies: others, ..seen(&app, &job)? };
    let place = format!("/v1/jobs/{job}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

/// What a job is made from that has its file already.
#[derive(Clone, Debug)]
pub(super) struct FromFile {
    pub case: CaseToken,
    pub part: PartRef,
    pub also: Vec<PartRef>,
    pub file: FileHash,
    pub pinned: Option<PrinterName>,
    pub material: Option<String>,
    /// Codes of warnings that are accepted, by `by`.
    pub accept: Vec<String>,
    pub said: Said,
    pub by: Option<String>,
}

/// What a person says of an encrypted file, as the slicer shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub resin_ml: Option<f64>,
    pub minutes: Option<u32>,
}

impl Said {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What it makes of the need of a file; `by` has said it.
    fn of(&self, need: Option<Need>, by: Option<&str>) -> Result<Option<Need>, Problem> {
        if self.is_nothing() {
            return Ok(need);
        }
        if need.as_ref().is_none_or(|need| need.opaque.is_none()) {
            return Err(told_by_file());
        }
        let Some(ml) = self.resin_ml else {
            let help = "give \"resin_ml\" as well, as the slicer shows it";
            return Err(Problem::unreadable("how long it takes was said, and not what resin", help));
        };
        let Some(by) = by else {
            let help = "say who says it, as \"by\", or sign in";
            return Err(Problem::unreadable("nobody's name is on what the file is said to take", help));
        };
        let by = lab::person(by)?;
        let resin = Microlitres::from_ml(ml).ok_or_else(|| {
            Problem::unreadable("that is no volume of resin", "give the millilitres that the slicer shows")
        })?;
        Ok(Some(Need::opaque(Opaque::Said { by, minutes: self.minutes }, resin)))
    }
}

/// Nobody's word stands beside what is counted.
fn told_by_file() -> Problem {
    let help = "leave \"resin_ml\" and \"minutes\" out: they are for encrypted files, which nobody but the printer reads";
    Problem::unreadable("this file tells itself what it takes", help)
}

/// A job that may be queued, as far as its file goes: read to its end, and past the gate of its printer, or of any. With
/// what it takes, where its file is for resin.
pub(super) async fn new_job(app: &AppState, given: FromFile) -> Result<(lab::NewJob, Option<Need>), Problem> {
    let FromFile { case, part, also, file, pinned, material, accept, said, by } = given;
    let accepted = app.intake.accepted(&file).await?;
    let medium = accepted.medium();
    if let Some(name) = &pinned {
        known_for(app, name, medium)?;
    }
    allowed_on(app, &accepted, pinned.as_ref())?;
    let on = pinned.as_ref().and_then(|name| app.config.printer(name));
    let need = accepted.resin.as_ref().map(|resin| resin.need_on(on, &app.config.printers)).transpose()?;
    let need = said.of(need, by.as_deref())?;
    let material = material.map(|material| material.trim().to_owned());
    let wanted = Wanted {
        file: &file,
        pinned: pinned.as_ref(),
        material: material.as_deref(),
        accept: &accept,
        by: by.as_deref(),
        medium,
    };
    let gate = gated(app, &wanted).await?;
    let new = lab::NewJob {
        job: JobId::from_entropy(entropy()),
        case,
        part,
        also,
        file,
        commands: accepted.survey.commands,
        digest: accepted.survey.digest,
        pinned,
        material,
        gate,
    };
    Ok((new, need))
}

pub(super) fn named(part: PartGiven) -> Result<PartRef, Problem> {
    Ok(match part {
        PartGiven::Number(number) => PartRef::Number(number),
        PartGiven::Text(text) => text.parse()?,
    })
}

struct Sliceable {
    case: CaseToken,
    part: PartRef,
    pinned: Option<PrinterName>,
    material: Option<String>,
    by: Option<String>,
    actor: Actor,
}

/// A job whose file is still to be made. What can be said without slicing is said before it is taken in.
async fn slice(app: &AppState, model: ModelGiven, wish: Sliceable) -> Result<Response, Problem> {
    let Some(slicing) = app.slicing.clone() else {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-slicing",
            "this platen takes no models",
            "write the section [slicing] into its configuration (docs/slicing.md), or slice elsewhere and upload G-code",
        ));
    };
    let hash: FileHash = model.hash.parse()?;
    app.intake.spool().verify(&hash).await?;
    let order = order_of(&model, wish.by)?;
    let of = app.recorder.read(|lab| lab.case(&wish.case).map(|case| case.intended_use))?;
    let path = app.intake.spool().path(&hash);
    let printers = app.config.printers.clone();
    let (named, pinned, material) = (model.process, wish.pinned, wish.material.clone());
    let accepted = order.accepted.clone();
    let declared = slicejobs::declared(&order);
    let catalogue = processes::note(&app.recorder, &slicing).await?;
    let ready = offload(move || -> Result<_, Problem> {
        let chosen = choose(&catalogue, &printers, &named, pinned.as_ref(), material.as_deref());
        let (process, printer) = chosen?;
        slicing.able(&process, &CancellationToken::new())?;
        let task = Task {
            model: path,
            hint: None,
            declared,
            process: process.clone(),
            printer: PrinterLimits::default(),
            intended_use: Some(of),
            accepted,
            allowed: Vec::new(),
        };
        let ready = slicing.ready(&task)?;
        // What its file will have is not known yet; what its model has is.
        let is_found = |code: &String| {
            let warns = |finding: &Finding| finding.severity == Severity::Warning && finding.code == *code;
            code_of_files(code).is_some() || ready.findings.iter().any(warns)
        };
        if let Some(code) = task.accepted.iter().find(|code| !is_found(code)) {
            return Err(not_a_finding(code, "no warning about this model or about files has the code"));
        }
        Ok((process, printer))
    });
    let (process, printer) = ready.await.map_err(|_| Problem::from(SliceError::Ended))??;
    known(app, &printer)?;
    let job = JobId::from_entropy(entropy());
    let request = Request::SliceJob(Box::new(lab::NewSlicing {
        job: job.clone(),
        case: wish.case,
        part: wish.part,
        model: hash,
        order: SliceOrder { process: process.name, ..order },
        pinned: Some(printer),
        material: Some(wish.material.map_or(process.material, |material| material.trim().to_owned())),
    }));
    app.recorder.submit(request, wish.actor).await?;
    let view = seen(app, &job)?;
    let place = format!("/v1/jobs/{job}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

fn order_of(model: &ModelGiven, by: Option<String>) -> Result<SliceOrder, Problem> {
    const HELP: &str = "say it as `platen slice --help` does";
    let odd = |what: &str| Problem::unreadable(what, HELP);
    if let Some(units) = &model.units {
        units.parse::<Unit>().map_err(|error| Problem::unreadable(error, HELP))?;
    }
    let scale = SliceOrder::millionths(model.scale.unwrap_or(1.0));
    let scale = scale.ok_or_else(|| odd("a scale is a number from 0.001 to 1000"))?;
    let expected = match model.expected.as_deref() {
        None => None,
        Some([x, y, z]) => {
            let length = |mm: &f64| Height::from_mm(*mm).filter(|length| length.mm() > 0.0);
            let size = length(x).zip(length(y)).zip(length(z));
            Some(size.map(|((x, y), z)| [x, y, z]).ok_or_else(|| odd("these are no three lengths in mm"))?)
        }
        Some(_) => return Err(odd("an expected size is three lengths in mm")),
    };
    let order = SliceOrder {
        process: model.process.clone(),
        unit: model.units.clone(),
        scale,
        mirrored: model.mirrored,
        expected,
        accepted: model.accept.clone(),
        by: by.filter(|_| !model.accept.is_empty()),
    };
    if order.is_plain() { Ok(order) } else { Err(Refusal::SliceOrder.into()) }
}

/// Nothing new is taken in that could cost what was taken in before its entries, or their way to the broker.
pub(super) async fn has_room(app: &AppState) -> Result<(), Problem> {
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

pub(super) fn seen(app: &AppState, job: &JobId) -> Result<JobView, Problem> {
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
    asker: Asker,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &asker.by(by.by.as_deref())?, Change::Pause).await.map(Json)
}

/// Goes on with a paused job: heated as it was, from where it was, with the very next line.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume", tag = "jobs", operation_id = "resume_job", request_body = By,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn resume(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &asker.by(by.by.as_deref())?, Change::Resume).await.map(Json)
}

/// Takes a job off the queue, or ends it on its printer. Never undone: printing again is a new job.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", operation_id = "cancel_job", request_body = By,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, NoSuch, Timely))]
async fn cancel(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(by): Given<By>,
) -> Result<Json<JobView>, Problem> {
    change(&app, job, &asker.by(by.by.as_deref())?, Change::Cancel).await.map(Json)
}

/// Carries out a change by whoever runs the job: its printer's task, or the queue.
pub async fn change(app: &AppState, job: JobId, by: &str, change: Change) -> Result<JobView, Problem> {
    let by = lab::person(by)?;
    match app.recorder.read(|lab| lab.doer(&job, change))? {
        Doer::Printer(printer) => {
            let order = match change {
                Change::Pause => Order::Pause { job: job.clone(), by },
                Change::Resume => Order::Resume { job: job.clone(), by },
                Change::Cancel => Order::Cancel { job: job.clone(), by },
            };
            app.fleet.order(&printer, order).await?;
        }
        Doer::Queue => {
            // Refused if it has started since our look: its printer must be asked then.
            let request = Request::CancelJob { job: job.clone(), progress: None, by: by.clone(), line: None };
            app.recorder.submit(request, Actor::Person(by)).await?;
        }
    }
    seen(app, &job)
}

/// A person at the printer lets a waiting job begin there now, before others in the queue.
///
/// Needed where the printer, what the case is for, or the firmware demands that a person is there. Refused where the
/// job's file does not pass the gate of that printer.
#[utoipa::path(post, path = "/v1/jobs/{id}/start", tag = "jobs", operation_id = "start_job", request_body = StartOrder,
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, Read, Timely))]
async fn start(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(order): Given<StartOrder>,
) -> Result<Json<JobView>, Problem> {
    let by = asker.by(order.by.as_deref())?;
    begin(&app, job, order.printer.as_deref(), &by).await.map(Json)
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
    known_for(app, &printer, app.recorder.read(|lab| Medium::of(lab, &job)))?;
    let now = app.clock.stamp().wall;
    let request = Request::ReleaseJob { job: job.clone(), printer: printer.clone(), by: by.clone() };
    app.recorder.read(|lab| lab.judge(&request, now).map(drop))?;
    if let Some(printer) = app.config.printer(&printer) {
        app.recorder.read(|lab| suits::is_validated(lab, lab.job(&job)?, printer).map_err(Problem::from))?;
    }
    let live = app.fleet.board().get(&printer).map(|live| live.borrow().activity.clone());
    if let Some(state) = live.filter(|live| *live != Activity::Ready).map(|live| live.word()) {
        return Err(NotDone::WrongState { printer, state, wanted: "begin a job now" }.into());
    }
    keeps_to_the_plan(app, &job, &printer, now)?;
    passes(app, &job, &printer).await?;
    app.recorder.read(|lab| {
        let job = lab.job(&job)?;
        let of_filament = || {
            let read = app.gate.read_already(&job.file)?;
            suits::milligrams(read.gcode()?)
        };
        let needs = match Medium::of(lab, &job.id) {
            Medium::Filament => of_filament(),
            Medium::Resin => suits::milligrams_of_resin(lab, job, &printer),
        };
        suits::has_enough(lab, job, &printer, needs).map_err(Problem::from)
    })?;
    app.recorder.submit(request, Actor::Person(by)).await?;
    seen(app, &job)
}

/// What a person's word does not change: when the printer is away, and what its circuit carries.
fn keeps_to_the_plan(
    app: &AppState,
    job: &JobId,
    printer: &PrinterName,
    now: WallTime,
) -> Result<(), Problem> {
    let refused = |what: String, help: &str| Err(Problem::new(StatusCode::CONFLICT, "not-now", what, help));
    let drawn = app.planner.latest();
    if drawn.is_some_and(|drawn| !drawn.ends_before_maintenance(job, printer, now)) {
        let what = format!("job {job} would not have ended on {printer} before its maintenance");
        return refused(
            what,
            "print it elsewhere or afterwards, or call the maintenance off (`platen queue --away PRINTER`)",
        );
    }
    if !app.recorder.read(|lab| app.planner.has_power(lab, printer, now)) {
        let what = format!("the circuit of {printer} has no power to spare for it now");
        return refused(what, "wait until another printer has heated up, or has ended");
    }
    Ok(())
}

/// Makes a file that goes on with an interrupted job's part, from one layer on, while the part still stands on its
/// bed. 201 means that it is on the disk and tied to the job; queue a job from it as from any other file.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume-file", tag = "jobs", operation_id = "make_resume_file",
    request_body = ResumeOrder, params(("id" = String, Path, description = "The interrupted job's id")),
    responses((status = 201, description = "The new file", body = ResumeFileView), Changed, Read, Timely))]
async fn make_resume_file(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(order): Given<ResumeOrder>,
) -> Result<Response, Problem> {
    let by = lab::person(&asker.by(order.by.as_deref())?)?;
    if app.recorder.read(|lab| Medium::of(lab, &job)) == Medium::Resin {
        let detail =
            "a print of resin is not gone on with: what was lit before would not hold what comes after";
        return Err(Problem::new(StatusCode::CONFLICT, "no-resume-here", detail, "print the part anew"));
    }
    let height = order.height_mm.map(|mm| {
        Height::from_mm(mm).ok_or_else(|| {
            Problem::unreadable(format!("{mm} mm is no height above the plate"), "measure it, in millimetres")
        })
    });
    has_room(&app).await?;
    let wish = Wish { job: job.clone(), layer: order.layer, height: height.transpose()?, by };
    let printer = |name: &PrinterName| app.config.printer(name).cloned();
    let firmware = |name: &PrinterName| app.fleet.board().get(name)?.borrow().firmware.clone();
    let site = &app.config.gate;
    let made = resume::make(&app.recorder, &app.intake, printer, site, firmware, wish).await?;
    let view = views::resume_file(&job, order.layer, made);
    let place = format!("/v1/files/{}", view.file.file);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}
