//! Pictures of files: a layer, the whole print, or what its slicer has put in.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Drawn, Told};
use super::given::{Asked, Named};
use super::problem::Problem;
use crate::domain::ids::FileHash;
use crate::preview::Pixels;
use crate::services::preview::{Format, Subject};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(picture))
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum As {
    Png,
    Svg,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// This layer from above, the first is 1; else the whole print from the front, the right and above.
    layer: Option<usize>,
    /// The picture that the slicer has put in, instead.
    #[serde(default)]
    slicers: bool,
    /// Pixels of the longer side, or of each side's; from 16 to 4096, 800 where absent.
    size: Option<u16>,
    /// Of a layer; the others are PNG.
    #[serde(rename = "as")]
    #[param(inline)]
    format: Option<As>,
}

/// Draws a file. The same file always looks the same, so that a browser may keep it.
#[utoipa::path(get, path = "/v1/files/{hash}/picture", tag = "files", operation_id = "picture",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal"), Which),
    responses((status = 200, description = "The picture",
        content((String = "image/png"), (String = "image/svg+xml"))), Told, Drawn))]
async fn picture(
    State(app): State<AppState>,
    Named(file): Named<FileHash>,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    const HELP: &str = "ask for a layer, for slicers=true, or for neither; as=svg is for layers";
    let pixels = which.size.map_or_else(|| Some(Pixels::default()), Pixels::new);
    let pixels =
        pixels.ok_or_else(|| Problem::unreadable(crate::preview::PreviewError::Size.to_string(), HELP))?;
    let svg = matches!(which.format, Some(As::Svg));
    let subject = match (which.layer, which.slicers) {
        (Some(layer), false) => Subject::Layer(layer, if svg { Format::Svg } else { Format::Png }),
        (None, false) if !svg => Subject::Sides,
        (None, true) if !svg => Subject::Thumbnail,
        _ => return Err(Problem::unreadable("these do not go together", HELP)),
    };
    let picture = app.previews.draw(&file, subject, pixels).await?;
    let kind = if svg { "image/svg+xml" } else { "image/png" };
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=86400, immutable")];
    Ok((headers, picture.to_vec()).into_response())
}
