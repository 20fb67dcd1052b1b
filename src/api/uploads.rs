//! Files that slicers sent: listed, tied to a part in one step, or put away.

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
use super::given::{Example, Given, Named};
use super::jobs::{FromFile, Said as SaidOfFile, has_room, named, new_job, seen};
use super::printers::known;
use super::problem::Problem;
use super::shapes::{By, JobView, PartGiven};
use super::vault::let_in;
use crate::domain::event::Actor;
use crate::domain::ids::{CaseToken, JobId, PrinterName, UploadId};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::part::PartRef;
use crate::domain::people::roles::Permission;
use crate::domain::privacy::strip_file_name;
use crate::domain::queue;
use crate::domain::queue::upload::{Carried, NewUpload, Upload, UploadState, Via};
use crate::io::clock::entropy;
use crate::io::spool::Incoming;
use crate::services::access::NotAuthenticated;
use crate::services::intake::with_needs;
use crate::services::vault_desk::Words;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(assign)).routes(routes!(dismiss))
}

/// A file that a slicer sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UploadView {
    pub id: String,
    /// What the guard left of the name that it had, with a piece of its id.
    pub name: String,
    /// SHA-256.
    pub file: String,
    pub bytes: u64,
    /// Whose button it was: `octoprint`, `prusalink`, `moonraker` or `native`.
    pub via: String,
    /// The printer whose button it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// The case, and the number of its part, of its job; else what came along with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u16>,
    /// Whoever sent it wanted it printed.
    pub print: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// `unassigned`, `queued` or `dismissed`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// While it is `unassigned`, or its job was cancelled before it began: why, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

impl From<&Upload> for UploadView {
    fn from(upload: &Upload) -> Self {
        let job = match &upload.state {
            UploadState::Queued { job } => Some(job.to_string()),
            UploadState::Unassigned | UploadState::Dismissed { .. } => None,
        };
        Self {
            id: upload.id.to_string(),
            name: upload.shown(),
            file: upload.file.to_string(),
            bytes: upload.bytes,
            via: upload.via.word().into(),
            printer: upload.printer.as_ref().map(ToString::to_string),
            case: upload.carried.as_ref().map(|carried| carried.case.to_string()),
            part: upload.carried.as_ref().and_then(|carried| carried.part),
            print: upload.print,
            by: upload.by.clone(),
            at: upload.at.to_string(),
            state: upload.state.word().into(),
            job,
            waits: why_it_waits(upload).map(str::to_owned),
        }
    }
}

impl UploadView {
    /// With what became of it, and what the site's rules ask for.
    pub fn of(lab: &Lab, upload: &Upload) -> Self {
        let view = Self::from(upload);
        let UploadState::Queued { job } = &upload.state else {
            let needs = lab.quality.rules.lots && upload.print && upload.carried.is_some();
            let waits = view.waits.map(|waits| if needs { NO_MATERIAL.to_owned() } else { waits });
            return Self { waits, ..view };
        };
        let Some(job) = lab.jobs.get(job) else { return view };
        let waits = queue::was_taken_off(lab, upload).then(|| TAKEN_OFF.to_owned());
        let part = lab.parts.get(&job.part).map(|part| part.number);
        Self { case: Some(job.case.to_string()), part, waits, ..view }
    }
}

const NO_MATERIAL: &str = "this lab notes the lots that are loaded, so a job says its material, and none came; \
                           queue it with one";
const TAKEN_OFF: &str = "its job was cancelled before it began; queue it again, or leave it";

/// What was given could be somebody's name, and is not told.
const NO_CASE: &str = "what was given as its case is no case here, so it is of no part yet; look the token up \
                       with `platen cases`, and say of which part the file is, on platen's page or with \
                       `platen uploads`";

/// Why a file is no job yet, as far as it is known of the file itself.
pub(super) fn why_it_waits(upload: &Upload) -> Option<&'static str> {
    match (&upload.state, &upload.carried) {
        (UploadState::Queued { .. } | UploadState::Dismissed { .. }, _) => None,
        (UploadState::Unassigned, None) if upload.no_case => Some(NO_CASE),
        (UploadState::Unassigned, None) => Some("nobody has said yet of which part it is"),
        (UploadState::Unassigned, Some(_)) if upload.print => {
            Some("it was not queued when it came; queue it, and you are told what speaks against it")
        }
        (UploadState::Unassigned, Some(_)) => Some("it was sent to be kept, not to be printed"),
    }
}

/// Of which part a file is; by default what the file says itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The case's token; left out where it came along with the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartGiven>,
    /// What else the file lays on the bed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<PartGiven>,
    /// The only printer that it may run on; else the one whose button it was, or any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
    /// What an encrypted file takes of resin, ml, and how many minutes, as the slicer shows them; `by` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resin_ml: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Example for Assignment {
    const EXAMPLE: &'static str = r#"{"case": "<token>", "part": 1, "material": "PLA", "by": "kim"}"#;
}

/// Files that slicers sent, the newest first: those that wait for somebody to say of which part they are, and the
/// latest of the others.
#[utoipa::path(get, path = "/v1/uploads", tag = "uploads", operation_id = "list_uploads",
    responses((status = 200, description = "The files", body = Vec<UploadView>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<UploadView>> {
    Json(app.recorder.read(|lab| {
        let newest = lab.queue.newest().into_iter();
        newest.map(|upload| UploadView::of(lab, upload)).collect()
    }))
}

/// Says of which part a file is, and queues it. 201 means that the job is in the journal.
#[utoipa::path(post, path = "/v1/uploads/{id}/assign", tag = "uploads", operation_id = "assign_upload",
    request_body = Assignment, params(("id" = String, Path, description = "The upload's id")),
    responses((status = 201, description = "The new job", body = JobView), Changed, Read, Timely))]
async fn assign(
    State(app): State<AppState>,
    asker: Asker,
    Named(upload): Named<UploadId>,
    Given(given): Given<Assignment>,
) -> Result<Response, Problem> {
    if !given.accept.is_empty() {
        asker.may(Permission::AcceptFindings)?;
    }
    let by = asker.by_if_known(given.by.as_deref())?;
    let job = assigned(&app, upload, given, by).await?;
    let place = format!("/v1/jobs/{job}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(seen(&app, &job)?)).into_response())
}

pub(super) async fn assigned(
    app: &AppState,
    id: UploadId,
    given: Assignment,
    by: Option<String>,
) -> Result<JobId, Problem> {
    let upload = app.recorder.read(|lab| lab.queue.uploads.get(&id).cloned());
    let upload = upload.ok_or_else(|| Refusal::NoUpload(id.clone()))?;
    let carried = upload.carried.as_ref();
    let case: CaseToken = match (given.case, carried) {
        (Some(case), _) => case.parse()?,
        (None, Some(carried)) => carried.case.clone(),
        (None, None) => {
            let help = "give \"case\" with the case's token and \"part\" with the part's number";
            return Err(Problem::unreadable("of which case the file is was not said", help));
        }
    };
    let number = carried.filter(|carried| carried.case == case).and_then(|carried| carried.part);
    let part = match given.part {
        Some(part) => named(part)?,
        None => number.map(PartRef::Number).map_or_else(|| only_part(app, &case), Ok)?,
    };
    let also = given.also.into_iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let pinned = given.printer.map(|name| name.parse::<PrinterName>()).transpose()?.or(upload.printer);
    if let Some(name) = &pinned {
        known(app, name)?;
    }
    app.recorder.read(|lab| {
        let mut parts = std::iter::once(&part).chain(&also);
        parts.try_for_each(|part| lab.find_part(&case, part).map(drop))
    })?;
    let_in(app, Some(&case), &given.material, Words::CanWait).await?;
    has_room(app).await?;
    let (file, material, accept) = (upload.file, given.material, given.accept);
    let said = SaidOfFile { resin_ml: given.resin_ml, minutes: given.minutes };
    let wish = FromFile { case, part, also, file, pinned, material, accept, said, by: by.clone() };
    let (new, need) = new_job(app, wish).await?;
    let job = new.job.clone();
    let request = queue::Request::AssignUpload { upload: id, job: Box::new(new) };
    let request = with_needs(Request::Queue(Box::new(request)), need.map(|need| (job.clone(), need)));
    app.recorder.submit(request, by.map_or(Actor::Platen, Actor::Person)).await?;
    Ok(job)
}

/// The part of a case that has no other.
fn only_part(app: &AppState, case: &CaseToken) -> Result<PartRef, Problem> {
    let parts = app.recorder.read(|lab| lab.case(case).map(|case| case.parts))?;
    match parts {
        1 => Ok(PartRef::Number(1)),
        _ => Err(Problem::unreadable(
            format!("case {case} has {parts} parts, and of which the file is was not said"),
            "give \"part\" with the part's number",
        )),
    }
}

/// Puts a file away that nobody wants printed.
#[utoipa::path(post, path = "/v1/uploads/{id}/dismiss", tag = "uploads", operation_id = "dismiss_upload",
    request_body = By, params(("id" = String, Path, description = "The upload's id")),
    responses((status = 200, description = "The file as it is now", body = UploadView), Changed, NoSuch, Timely))]
async fn dismiss(
    State(app): State<AppState>,
    asker: Asker,
    Named(upload): Named<UploadId>,
    Given(by): Given<By>,
) -> Result<Json<UploadView>, Problem> {
    let by = asker.by(by.by.as_deref())?;
    dismissed(&app, &upload, &by).await?;
    let view =
        app.recorder.read(|lab| lab.queue.uploads.get(&upload).map(|upload| UploadView::of(lab, upload)));
    view.map(Json).ok_or_else(|| Refusal::NoUpload(upload).into())
}

pub(super) async fn dismissed(app: &AppState, upload: &UploadId, by: &str) -> Result<(), Problem> {
    let request = queue::Request::DismissUpload { upload: upload.clone(), by: by.to_owned() };
    let actor = Actor::Person(by.to_owned());
    app.recorder.submit(Request::Queue(Box::new(request)), actor).await?;
    Ok(())
}

/// What comes along with a file about its case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Said {
    #[default]
    Nothing,
    Case(Carried),
    /// Something stands where a case is to stand, and is none.
    NoCase,
}

impl From<Option<Carried>> for Said {
    fn from(carried: Option<Carried>) -> Self {
        carried.map_or(Self::Nothing, Self::Case)
    }
}

impl Said {
    /// The case, if this lab has it; and whether something else was given for one.
    fn known(self, app: &AppState) -> (Option<Carried>, bool) {
        match self {
            Self::Nothing => (None, false),
            Self::Case(carried) if app.recorder.read(|lab| lab.case(&carried.case).is_ok()) => {
                (Some(carried), false)
            }
            Self::Case(_) | Self::NoCase => (None, true),
        }
    }
}

/// A file as it came by a slicer's button.
#[derive(Debug)]
pub(super) struct Arrival {
    pub incoming: Incoming,
    /// As the program called it, with folders: kept nowhere.
    pub name: String,
    pub via: Via,
    pub printer: Option<PrinterName>,
    pub carried: Said,
    /// The program wants it printed.
    pub print: bool,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Taken {
    pub upload: Upload,
    pub job: Option<JobId>,
    /// Why it is no job, in words.
    pub waits: Option<String>,
}

/// Takes a file in: durable, and read to its end, when this returns. It is queued where its case came along, whoever
/// sent it may queue, and it passes the gate; otherwise it waits for somebody to say of which part it is.
pub(super) async fn take(app: &AppState, asker: &Asker, arrival: Arrival) -> Result<Taken, Problem> {
    let Arrival { incoming, name, via, printer, carried, print } = arrival;
    let waiting = app.recorder.read(|lab| lab.queue.unassigned().count());
    let room = match has_room(app).await {
        // A file may be long on its way.
        _ if matches!(asker, Asker::Known(who) if !app.entrance.lasts(who)) => {
            Err(NotAuthenticated::Nobody.into())
        }
        Ok(()) if waiting >= queue::UNASSIGNED_MAX => Err(Refusal::TooManyUploads.into()),
        room => room,
    };
    if let Err(problem) = room {
        incoming.discard().await;
        return Err(problem);
    }
    let accepted = app.intake.accept(incoming).await?;
    let (carried, no_case) = carried.known(app);
    let by = asker.by_if_known(None)?;
    let new = NewUpload {
        id: UploadId::from_entropy(entropy()),
        file: accepted.file,
        bytes: accepted.bytes,
        name: strip_file_name(&name).to_string(),
        via,
        printer: printer.clone(),
        carried: carried.clone(),
        no_case,
        print,
        by: by.clone(),
    };
    let id = new.id.clone();
    let request = Request::Queue(Box::new(queue::Request::TakeUpload { upload: Box::new(new) }));
    app.recorder.submit(request, asker.actor()).await?;
    app.names.remember(printer.as_ref(), asker.name().unwrap_or_default(), &name, &id);
    let (mut job, mut refused) = (None, None);
    if print && carried.is_some() {
        let queued = match asker.may(Permission::Queue) {
            Ok(()) => assigned(app, id.clone(), Assignment::of_what_came(), by).await,
            Err(problem) => Err(problem),
        };
        match queued {
            Ok(made) => job = Some(made),
            Err(problem) => refused = Some(problem.detail),
        }
    }
    let upload = app.recorder.read(|lab| lab.queue.uploads.get(&id).cloned());
    let upload = upload.ok_or_else(|| Problem::from(Refusal::NoUpload(id)))?;
    let waits = refused.or_else(|| why_it_waits(&upload).map(str::to_owned));
    Ok(Taken { upload, job, waits })
}

impl Assignment {
    /// As the file itself says.
    fn of_what_came() -> Self {
        Self {
            case: None,
            part: None,
            also: Vec::new(),
            printer: None,
            material: None,
            resin_ml: None,
            minutes: None,
            accept: Vec::new(),
            by: None,
        }
    }
}
