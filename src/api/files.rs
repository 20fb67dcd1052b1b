//! Uploads: streamed to the spool, read once, and named by their hash when they are durable.

use axum::Json;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Read, Told, Uploaded};
use super::given::{Asked, Named, header_text};
use super::problem::Problem;
use super::shapes::{FileView, ModelView};
use crate::domain::ids::FileHash;
use crate::io::spool::Incoming;
use crate::model::Hint;
use crate::model::scale::Unit;

/// An upload that sends nothing for this long is given up, so that dead ones hold no files open.
const SILENCE: Duration = Duration::from_secs(30);

pub fn routes() -> OpenApiRouter<AppState> {
    // The limit is counted here, since it is the operator's and has a message of its own.
    OpenApiRouter::new()
        .routes(routes!(upload))
        .routes(routes!(upload_model))
        .layer(DefaultBodyLimit::disable())
        .routes(routes!(file))
}

/// Takes in a file. The answer comes when it is on the disk and was read to its end.
#[utoipa::path(post, path = "/v1/files", tag = "files", operation_id = "upload",
    request_body(content = String, content_type = "application/octet-stream",
        description = "The file itself, or multipart/form-data with one field `file`."),
    responses((status = 201, description = "The file as it was read", body = FileView), Uploaded))]
async fn upload(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let accepted = app.intake.accept(received(&app, request, of_config(&app)).await?).await?;
    let view = FileView::from(accepted);
    let place = format!("/v1/files/{}", view.file);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AsModel {
    /// What its name says it is, where its content does not: stl, obj or 3mf.
    kind: Option<String>,
    /// What it counts in: mm, inch, m, um, cm or ft. A 3MF says it itself.
    units: Option<String>,
}

/// Takes in a model (STL, 3MF, OBJ) that is to be sliced. The answer comes when it is on the disk and was read.
#[utoipa::path(post, path = "/v1/models", tag = "files", operation_id = "upload_model", params(AsModel),
    request_body(content = String, content_type = "application/octet-stream",
        description = "The model itself, or multipart/form-data with one field `file`."),
    responses((status = 201, description = "The model as it was read", body = ModelView), Uploaded))]
async fn upload_model(
    State(app): State<AppState>,
    Asked(of): Asked<AsModel>,
    request: Request,
) -> Result<Response, Problem> {
    let units: Option<Unit> = of
        .units
        .map(|units| units.parse())
        .transpose()
        .map_err(|error: String| Problem::unreadable(error, "name the unit, or leave it out"))?;
    let hint = of.kind.as_deref().and_then(Hint::of);
    let incoming = received(&app, request, of_config(&app)).await?;
    let view = ModelView::from(app.intake.accept_model(incoming, hint, units).await?);
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// How large an upload may be, and what to do with a larger one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub max: u64,
    pub help: &'static str,
}

fn of_config(app: &AppState) -> Bound {
    let help = "split the print, or raise upload_max_mb in the section [http] of the configuration";
    Bound { max: app.config.http.upload_max, help }
}

/// An upload to its last byte, within its bound.
pub(super) async fn received(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    let multipart = header_text(request.headers(), &header::CONTENT_TYPE)?
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
    let declared =
        header_text(request.headers(), &header::CONTENT_LENGTH)?.and_then(|length| length.parse().ok());
    // A form has its boundaries around the file; a few kilobytes of them are not the file's.
    let around = if multipart { super::given::BODY_MAX as u64 } else { 0 };
    if declared.is_some_and(|length: u64| length > bound.max + around) {
        return Err(too_large(bound));
    }
    if multipart { from_form(app, request, bound).await } else { raw(app, request, bound).await }
}

async fn raw(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    let body: Body = request.into_body();
    let mut incoming = app.intake.begin().await?;
    match pour(&mut incoming, body.into_data_stream().map_err(|_| cut()), bound).await {
        Ok(()) => Ok(incoming),
        Err(problem) => {
            incoming.discard().await;
            Err(problem)
        }
    }
}

async fn from_form(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    const FORM: &str = "send multipart/form-data with one field `file`, or the file alone as the body";
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| {
        Problem::unreadable(format!("the form cannot be read: {}", error.body_text()), FORM)
    })?;
    let next = timeout(SILENCE, form.next_field()).await.map_err(|_| silent())?;
    let Some(field) = next.map_err(|_| cut())? else {
        return Err(Problem::unreadable("the form has no field", FORM));
    };
    if field.name() != Some("file") {
        return Err(Problem::unreadable("the form's first field is not `file`", FORM));
    }
    let mut incoming = app.intake.begin().await?;
    let mut poured = pour(&mut incoming, field.map_err(|_| cut()), bound).await;
    if poured.is_ok() {
        // The closing boundary is part of the promise that the upload is whole.
        poured = match timeout(SILENCE, form.next_field()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(Problem::unreadable("the form has a second field", FORM)),
            Ok(Err(_)) => Err(cut()),
            Err(_) => Err(silent()),
        };
    }
    match poured {
        Ok(()) => Ok(incoming),
        Err(problem) => {
            incoming.discard().await;
            Err(problem)
        }
    }
}

async fn pour(
    incoming: &mut Incoming,
    mut chunks: impl Stream<Item = Result<impl AsRef<[u8]>, Problem>> + Unpin,
    bound: Bound,
) -> Result<(), Problem> {
    let mut taken = 0u64;
    while let Some(chunk) = timeout(SILENCE, chunks.next()).await.map_err(|_| silent())? {
        let chunk = chunk?;
        taken += chunk.as_ref().len() as u64;
        if taken > bound.max {
            return Err(too_large(bound));
        }
        incoming.write(chunk.as_ref()).await?;
    }
    Ok(())
}

fn too_large(bound: Bound) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("the file is larger than {} MB", bound.max >> 20),
        bound.help,
    )
}

fn cut() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "upload-cut",
        "the upload ended before its end; nothing of it was kept",
        "send the file again",
    )
}

fn silent() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "upload-silent",
        format!("the upload sent nothing for {} seconds; nothing of it was kept", SILENCE.as_secs()),
        "send the file again",
    )
}

/// Reads a file again that was taken in before.
#[utoipa::path(get, path = "/v1/files/{hash}", tag = "files", operation_id = "show_file",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal")),
    responses((status = 200, description = "The file as it was read", body = FileView), Told, Read))]
async fn file(State(app): State<AppState>, Named(hash): Named<FileHash>) -> Result<Json<FileView>, Problem> {
    Ok(Json(app.intake.accepted(&hash).await?.into()))
}
