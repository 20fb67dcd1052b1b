//! PrusaLink's second API, as PrusaSlicer and Home Assistant ask it: storage, status, the job, and files by PUT.
//!
//! Its programs show a token in `X-Api-Key`, or, with a name, by HTTP digest; of those, most show nothing until they
//! are asked.

mod files;
mod shapes;

use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::Place;
use super::look::{Doing, LookJob, files as files_of, look};
use crate::api::AppState;
use crate::api::door::Asker;
use crate::api::jobs::change;
use crate::api::problem::{Problem, with_retry};
use crate::api::public::before_path;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::Change;
use crate::domain::printer::Bed;
use crate::io::cage;
use crate::io::digest::{Algorithm, REALM};
use crate::io::offload::offload;
use shapes::{OnBed, STORAGE, Space, number};

/// In whose name something is done where nobody is set up.
const NAMELESS: &str = "a slicer";

pub fn routes() -> Router<AppState> {
    let file = get(files::show).put(files::put).post(files::print).delete(files::remove);
    Router::new()
        .route("/api/v1/storage", get(storage))
        .route("/api/v1/info", get(info))
        .route("/api/v1/status", get(status))
        .route("/api/v1/job", get(job))
        .route("/api/v1/job/{id}", axum::routing::delete(cancel))
        .route("/api/v1/job/{id}/pause", put(pause))
        .route("/api/v1/job/{id}/resume", put(resume))
        .route("/api/v1/job/{id}/continue", put(resume))
        .route("/api/v1/files/{storage}", get(files::show))
        .route("/api/v1/files/{storage}/", get(files::show))
        // The limit is counted where the file is taken in.
        .route("/api/v1/files/{storage}/{*path}", file.layer(DefaultBodyLimit::disable()))
        .route("/api/v1/transfer", get(no_transfer).delete(no_such_transfer))
        .route("/api/v1/cameras", get(cameras))
}

/// Paths on which a digest may be asked for.
pub const PATHS: [&str; 5] = ["/api/version", "/api/files", "/api/printer", "/api/job", "/api/v1/"];

/// 401 with a challenge, by each algorithm. Whoever was let in before, and has an old nonce, is told so.
pub fn unknown(app: &AppState, problem: Problem) -> Response {
    let stale = problem.kind.ends_with(":stale-nonce");
    let mut response = refused(problem);
    if response.status() != StatusCode::UNAUTHORIZED {
        return response;
    }
    response.headers_mut().remove(header::WWW_AUTHENTICATE);
    let nonce = app.entrance.nonce();
    for text in challenges(&nonce, stale) {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}

fn challenges(nonce: &str, stale: bool) -> [String; 2] {
    let stale = if stale { ", stale=true" } else { "" };
    Algorithm::ALL.map(|algorithm| {
        let algorithm = algorithm.word();
        format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\"{stale}")
    })
}

/// What is wrong, in this dialect's form: slicers show it to people as it is.
pub fn refused(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = format!("{}; {}", problem.detail, problem.help);
    with_retry((status, Json(json!({"error": words, "title": problem.title}))).into_response())
}

#[derive(Debug)]
struct Refused(Problem);

impl<T: Into<Problem>> From<T> for Refused {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(self.0)
    }
}

/// What a path names, beside its place.
#[derive(Debug, Default)]
struct Params(BTreeMap<String, String>);

impl Params {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl FromRequestParts<AppState> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let unread = |_| Problem::unreadable("the path is not UTF-8", "percent-encode it as UTF-8");
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(unread)?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

/// Of the disk with the files, what is free and what there is in all; zero where it cannot be said.
pub(super) async fn free_and_total(app: &AppState) -> (u64, u64) {
    let file = app.intake.spool().path(&FileHash::from_digest([0; 32]));
    let look = offload(move || file.parent().and_then(|folder| cage::space(folder).ok())).await;
    look.ok().flatten().unwrap_or_default()
}

async fn space(app: &AppState) -> Space {
    let (free, total) = free_and_total(app).await;
    Space { free, total }
}

async fn storage(State(app): State<AppState>, place: Result<Place, Problem>) -> Result<Json<Value>, Refused> {
    let files = files_of(&app, &place?).len();
    Ok(Json(json!({"storage_list": [shapes::storage(space(&app).await, files)]})))
}

async fn info(State(app): State<AppState>, place: Result<Place, Problem>) -> Result<Json<Value>, Refused> {
    let place = place?;
    let (site, node) = (&app.config.site, &app.config.node);
    let name = place.printer.as_ref().map_or("queue", PrinterName::as_str);
    let printer = place.printer.as_ref().and_then(|name| app.config.printer(name));
    let nozzle = printer.and_then(|printer| printer.build.nozzle);
    Ok(Json(json!({
        "name": name,
        "location": site.to_string(),
        "hostname": place.host_name(&app),
        "serial": format!("{site}-{node}-{name}"),
        "nozzle_diameter": nozzle.map(|nozzle| nozzle.mm()),
        "mmu": false,
        "sd_ready": false,
        "farm_mode": false,
        "active_camera": false,
        "min_extrusion_temp": 170,
    })))
}

/// What stands on the bed of a printer that does nothing.
fn on_bed(app: &AppState, printer: Option<&PrinterName>) -> OnBed {
    let Some(name) = printer else { return OnBed::Nothing };
    app.recorder.read(|lab| match lab.printers.get(name).map(|printer| &printer.bed) {
        Some(Bed::Occupied { job }) => OnBed::of(lab.jobs.get(job).map(|job| &job.state)),
        Some(Bed::Clear) | None => OnBed::Nothing,
    })
}

async fn status(State(app): State<AppState>, place: Result<Place, Problem>) -> Result<Json<Value>, Refused> {
    let place = place?;
    let look = look(&app, &place);
    let bed = on_bed(&app, place.printer.as_ref());
    let mut view = json!({
        "printer": shapes::printer(&look, bed, app.clock.now()),
        "storage": {
            "path": format!("/{STORAGE}"),
            "name": "platen",
            "read_only": false,
            "free_space": space(&app).await.free,
        },
    });
    if let Some(job) = &look.job {
        view["job"] = shapes::job_in_status(job);
    }
    Ok(Json(view))
}

async fn job(State(app): State<AppState>, place: Result<Place, Problem>) -> Result<Response, Refused> {
    let look = look(&app, &place?);
    Ok(match &look.job {
        Some(job) => Json(shapes::job(&look, job, &before_path(&app.config))).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn pause(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<StatusCode, Refused> {
    changed(&app, &asker, &place?, &params?, Change::Pause).await
}

async fn resume(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<StatusCode, Refused> {
    changed(&app, &asker, &place?, &params?, Change::Resume).await
}

async fn cancel(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<StatusCode, Refused> {
    changed(&app, &asker, &place?, &params?, Change::Cancel).await
}

/// Of the job that is named, and no other that may have begun meanwhile.
async fn changed(
    app: &AppState,
    asker: &Asker,
    place: &Place,
    params: &Params,
    wanted: Change,
) -> Result<StatusCode, Refused> {
    let look = look(app, place);
    let job = meant(app, look.job, params.get("id"))?;
    if !fits(look.doing, wanted) {
        let (what, help) = ("the job is not in a state for this", "ask /api/v1/job what it does now");
        return Err(Problem::new(StatusCode::CONFLICT, "wrong-state", what, help).into());
    }
    let by = asker.by_if_known(None)?.unwrap_or_else(|| NAMELESS.into());
    change(app, job, &by, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether it can be done to what is printed; the printer itself has the last word.
fn fits(doing: Doing, wanted: Change) -> bool {
    match wanted {
        Change::Pause => matches!(doing, Doing::Printing | Doing::Finishing),
        Change::Resume => matches!(doing, Doing::Paused | Doing::Pausing),
        Change::Cancel => doing != Doing::Cancelling,
    }
}

fn meant(app: &AppState, now: Option<LookJob>, given: &str) -> Result<JobId, Problem> {
    let is = |id: &JobId| number(id).to_string() == given || id.as_str() == given;
    if let Some(job) = now.filter(|job| is(&job.id)) {
        return Ok(job.id);
    }
    if app.recorder.read(|lab| lab.jobs.keys().any(is)) {
        let help = "look at the printer's own address, /p/<printer>, or at the page";
        let what = "this job is not the one that is printed here now";
        return Err(Problem::new(StatusCode::CONFLICT, "wrong-state", what, help));
    }
    let help = "ask /api/v1/job for the job that is printed here";
    Err(Problem::new(StatusCode::NOT_FOUND, "no-such-job", "there is no such job", help))
}

/// What comes is in the spool when its answer goes out: there is never one under way.
async fn no_transfer() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn no_such_transfer() -> Refused {
    Problem::new(StatusCode::NOT_FOUND, "no-such-transfer", "no file is on its way", "send it again").into()
}

async fn cameras() -> Json<Value> {
    Json(json!({"camera_list": []}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_asked_for_first_and_an_old_nonce_is_told() {
        let both = challenges("abc", false);
        assert_eq!(both[0], "Digest realm=\"platen\", qop=\"auth\", algorithm=MD5, nonce=\"abc\"");
        assert_eq!(both[1], "Digest realm=\"platen\", qop=\"auth\", algorithm=SHA-256, nonce=\"abc\"");
        assert!(challenges("abc", true).iter().all(|text| text.ends_with(", stale=true")));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let problem = Problem::new(StatusCode::CONFLICT, "wrong-state", "it does not print", "let it begin");
        assert_eq!(refused(problem).status(), 409);
    }
}
