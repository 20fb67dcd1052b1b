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
    OpenApiRouter::new().routes(routes!(picture)).routes(routes!(model_picture))
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
    /// The same if it is small, else the print from three sides: for a list.
    #[serde(default)]
    icon: bool,
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
    const HELP: &str =
        "ask for a layer, for slicers=true, for icon=true, or for none of them; as=svg is for layers";
    let pixels = size(which.size, HELP)?;
    let svg = matches!(which.format, Some(As::Svg));
    let subject = match (which.layer, which.slicers, which.icon) {
        (Some(layer), false, false) => Subject::Layer(layer, if svg { Format::Svg } else { Format::Png }),
        (None, false, false) if !svg => Subject::Sides,
        (None, true, false) if !svg => Subject::Thumbnail,
        (None, false, true) if !svg => Subject::Icon,
        _ => return Err(Problem::unreadable("these do not go together", HELP)),
    };
    drawn(&app, &file, subject, pixels).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfModel {
    /// Pixels of each side's longer side; from 16 to 4096, 800 where absent.
    size: Option<u16>,
}

/// Draws a model from the front, the right and above, as it would stand on the plate.
#[utoipa::path(get, path = "/v1/models/{hash}/picture", tag = "files", operation_id = "model_picture",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal"), OfModel),
    responses((status = 200, description = "The picture", content((String = "image/png"))), Told, Drawn))]
async fn model_picture(
    State(app): State<AppState>,
    Named(file): Named<FileHash>,
    Asked(of): Asked<OfModel>,
) -> Result<Response, Problem> {
    let pixels = size(of.size, "leave the size out, or make it one of these")?;
    drawn(&app, &file, Subject::Model, pixels).await
}

fn size(asked: Option<u16>, help: &str) -> Result<Pixels, Problem> {
    let pixels = asked.map_or_else(|| Some(Pixels::default()), Pixels::new);
    pixels.ok_or_else(|| Problem::unreadable(crate::preview::PreviewError::Size.to_string(), help))
}

async fn drawn(
    app: &AppState,
    file: &FileHash,
    subject: Subject,
    pixels: Pixels,
) -> Result<Response, Problem> {
    let picture = app.previews.draw(file, subject, pixels).await?;
    let kind = match subject {
        Subject::Layer(_, Format::Svg) => "image/svg+xml",
        _ => "image/png",
    };
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=86400, immutable")];
    Ok((headers, picture.to_vec()).into_response())
}

/// Where a picture is: what the page shows and the record names.
pub fn path(file: &FileHash, subject: Subject, pixels: Option<Pixels>) -> String {
    let (of, mut asked) = match subject {
        Subject::Layer(layer, Format::Png) => ("files", format!("layer={layer}")),
        Subject::Layer(layer, Format::Svg) => ("files", format!("layer={layer}&as=svg")),
        Subject::Sides => ("files", String::new()),
        Subject::Thumbnail => ("files", "slicers=true".into()),
        Subject::Icon => ("files", "icon=true".into()),
        Subject::Model => ("models", String::new()),
    };
    if let Some(pixels) = pixels {
        let and = if asked.is_empty() { "" } else { "&" };
        asked += &format!("{and}size={}", pixels.get());
    }
    let mark = if asked.is_empty() { "" } else { "?" };
    format!("/v1/{of}/{file}/picture{mark}{asked}")
}
