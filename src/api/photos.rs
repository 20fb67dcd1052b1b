//! Photos: taken in without their metadata, and given back as they are kept.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Gone, Kept, Photographed, Told};
use super::files::{Bound, received};
use super::given::Named;
use super::problem::Problem;
use super::shapes::PhotoView;
use crate::domain::ids::FileHash;
use crate::domain::photo::BYTES_MAX;

pub fn routes() -> OpenApiRouter<AppState> {
    // The limit is counted here: a photo is larger than a request, and smaller than a file to print.
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::disable()).routes(routes!(photo))
}

/// Where a photo can be looked at.
pub fn path(photo: &FileHash) -> String {
    format!("/v1/photos/{photo}")
}

/// Takes in a photo (JPEG or PNG) for an inspection. Place, time, owner, words and all other metadata are taken out of
/// it; the answer comes when the rest is on the disk, and names the hash of that.
#[utoipa::path(post, path = "/v1/photos", tag = "quality", operation_id = "upload_photo",
    request_body(content = String, content_type = "application/octet-stream",
        description = "The photo itself, or multipart/form-data with one field `file`."),
    responses((status = 201, description = "The photo as it is kept", body = PhotoView), Photographed))]
async fn upload(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let bound = Bound {
        max: BYTES_MAX.min(app.config.http.upload_max),
        help: "take the photo with fewer pixels, or export it smaller",
    };
    let accepted = app.intake.accept_photo(received(&app, request, bound).await?).await?;
    let place = path(&accepted.file);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(PhotoView::from(accepted))).into_response())
}

/// A photo as it is kept. It is read to its end before: what is not what was uploaded is not shown.
#[utoipa::path(get, path = "/v1/photos/{hash}", tag = "quality", operation_id = "photo",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal")),
    responses((status = 200, description = "The photo",
        content((String = "image/jpeg"), (String = "image/png"))), Told, Kept, Gone))]
async fn photo(State(app): State<AppState>, Named(hash): Named<FileHash>) -> Result<Response, Problem> {
    let photo = app.intake.photo(&hash).await?;
    Ok(([(header::CONTENT_TYPE, photo.kind.media_type())], photo.bytes).into_response())
}
