//! What the site's catalogue of processes says and has said, as the journal keeps it.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::Told;
use super::shapes::ProcessView;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Every version of every process that was found in the catalogue, by name and version. Platen itself writes them down.
#[utoipa::path(get, path = "/v1/processes", tag = "quality", operation_id = "list_processes",
    responses((status = 200, description = "The versions", body = Vec<ProcessView>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<ProcessView>> {
    Json(app.recorder.read(|lab| lab.quality.processes.values().map(Into::into).collect()))
}
