//! The files of a place, under the names that are safe to be shown: listed, taken in, given out and put away.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::problem::Problem;
use super::super::super::uploads::{self, Arrival};
use super::super::look::{self, prints};
use super::super::{Place, receive};
use super::call::{RpcError, by};
use super::{Wildcard, refused};
use crate::domain::job::JobState;
use crate::domain::queue::upload::{Upload, UploadState, Via};
use crate::services::preview::Seen;

/// The only folder that there is.
pub const ROOT: &str = "gcodes";

/// Whether a list is asked for of the folder that there is: of none by name, it is that.
pub fn is_root(params: &Value) -> bool {
    ["root", "path"].iter().all(|name| {
        let folder = params.get(*name).and_then(Value::as_str).unwrap_or_default().trim_matches('/');
        folder.is_empty() || folder == ROOT
    })
}

fn modified(upload: &Upload) -> f64 {
    upload.at.0 as f64 / 1_000.0
}

pub fn item(upload: &Upload) -> Value {
    json!({
        "path": upload.shown(),
        "root": ROOT,
        "modified": modified(upload),
        "size": upload.bytes,
        "permissions": "rw",
    })
}

/// What is left of a file that was put away.
pub fn gone(upload: &Upload) -> Value {
    json!({"path": upload.shown(), "root": ROOT, "modified": 0, "size": 0, "permissions": ""})
}

pub fn list(app: &AppState, place: &Place) -> Value {
    let each = |upload: Upload| {
        json!({
            "path": upload.shown(),
            "modified": modified(&upload),
            "size": upload.bytes,
            "permissions": "rw",
        })
    };
    look::files(app, place).into_iter().map(each).collect()
}

pub fn directory(app: &AppState, place: &Place) -> Value {
    let each = |upload: Upload| {
        json!({
            "filename": upload.shown(),
            "modified": modified(&upload),
            "size": upload.bytes,
            "permissions": "rw",
        })
    };
    let files: Vec<_> = look::files(app, place).into_iter().map(each).collect();
    json!({"dirs": [], "files": files, "root_info": {"name": ROOT, "permissions": "rw"}})
}

/// The file that is meant, with or without the folder before it.
pub fn find(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Result<Upload, Problem> {
    let name = name.trim_start_matches('/');
    let plain = name.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let found = look::find(app, asker, place, plain).or_else(|| look::find(app, asker, place, name));
    let kept = found.filter(|upload| !matches!(upload.state, UploadState::Dismissed { .. }));
    // Its name is not repeated: it may be that of a patient.
    kept.ok_or_else(|| {
        let help = "look into the list of files: names there are not those that were sent";
        Problem::new(StatusCode::NOT_FOUND, "no-such-file", "there is no file of that name here", help)
    })
}

pub fn metadata(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Result<Value, RpcError> {
    let upload = find(app, asker, place, name)?;
    let job = match &upload.state {
        UploadState::Queued { job } => Some(job),
        UploadState::Unassigned | UploadState::Dismissed { .. } => None,
    };
    let started = job.and_then(|job| {
        let run = |state: &JobState| state.run().map(|run| run.started.0 as f64 / 1_000.0);
        app.recorder.read(|lab| lab.jobs.get(job).and_then(|job| run(&job.state)))
    });
    let (layers, filament) = match app.previews.known(&upload.file) {
        Seen::Here(known) => (known.after(u64::MAX).map(|place| place.layers), known.pushed(u64::MAX)),
        Seen::Soon | Seen::Never(_) => (None, None),
    };
    let mut told = json!({
        "filename": upload.shown(),
        "size": upload.bytes,
        "modified": modified(&upload),
        "uuid": upload.id.to_string(),
        "job_id": job.map(ToString::to_string),
        "print_start_time": started,
        "thumbnails": [],
    });
    if let Some(told) = told.as_object_mut() {
        told.extend(layers.map(|layers| ("layer_count".into(), layers.into())));
        told.extend(filament.map(|length| ("filament_total".into(), length.into())));
    }
    Ok(told)
}

pub async fn deleted(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Result<Value, RpcError> {
    let upload = find(app, asker, place, name)?;
    if prints(app, &upload) {
        let help = "cancel it first, or let it come to its end";
        return Err(
            Problem::new(StatusCode::CONFLICT, "wrong-state", "the file is being printed", help).into()
        );
    }
    uploads::dismissed(app, &upload.id, &by(asker)?).await?;
    Ok(json!({"item": gone(&upload), "action": "delete_file"}))
}

/// What a slicer's button sends.
pub async fn upload(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    request: Request,
) -> Response {
    match place {
        Ok(place) => taken(&app, &asker, &place, request).await.unwrap_or_else(refused),
        Err(problem) => refused(problem),
    }
}

async fn taken(app: &AppState, asker: &Asker, place: &Place, request: Request) -> Result<Response, Problem> {
    let form = receive::form(app, request).await?;
    if let Err(problem) = checked(&form) {
        form.incoming.discard().await;
        return Err(problem);
    }
    let arrival = Arrival {
        name: form.path(),
        via: Via::Moonraker,
        printer: place.printer.clone(),
        carried: form.carried(place.carried.as_ref()),
        print: form.is_set("print"),
        incoming: form.incoming,
    };
    let taken = uploads::take(app, asker, arrival).await?;
    let location = format!("{}/server/files/{ROOT}/{}", place.prefix(), taken.upload.shown());
    let answer = json!({
        "item": item(&taken.upload),
        "print_started": false,
        "print_queued": taken.job.is_some(),
        "action": "create_file",
    });
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Before anything of it is kept.
fn checked(form: &receive::Form) -> Result<(), Problem> {
    if form.field("root").is_some_and(|root| !root.is_empty() && root != ROOT) {
        let help = "send files to be printed to the root `gcodes`";
        return Err(Problem::unreadable("there is no such root", help));
    }
    let Some(checksum) = form.field("checksum").map(str::trim).filter(|checksum| !checksum.is_empty()) else {
        return Ok(());
    };
    if checksum.eq_ignore_ascii_case(form.incoming.hash()?.as_str()) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "other-checksum",
        "the file that arrived is not the one that its checksum is of; nothing of it was kept",
        "send the file again",
    ))
}

/// The file itself, byte for byte.
pub async fn download(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    wildcard: Wildcard,
) -> Response {
    let place = match place {
        Ok(place) => place,
        Err(problem) => return refused(problem),
    };
    content(&app, &asker, &place, &wildcard.0).await.unwrap_or_else(refused)
}

async fn content(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Result<Response, Problem> {
    let upload = find(app, asker, place, name)?;
    let (file, bytes) = app.intake.spool().reader(&upload.file).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", upload.shown())),
    ];
    Ok((headers, body).into_response())
}
