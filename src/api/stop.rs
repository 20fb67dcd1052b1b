//! Emergency stop: to the printers first, before anything is looked up or written down.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::Stopping;
use super::door::Asker;
use super::given::{Example, body_cut};
use super::printers::known;
use super::problem::Problem;
use super::shapes::{StopOrder, Stopped};
use crate::domain::ids::PrinterName;
use crate::domain::people::name::UNNAMED;

/// A printer's task answers within one write; one that has not by now is told of as such.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(stop))
}

/// Stops one printer or all, at once. Each stays stopped until a named person clears it.
///
/// An empty body stops all. Nothing but an unreadable body or an unknown printer refuses a stop, and nobody has to be
/// signed in for it.
#[utoipa::path(post, path = "/v1/stop", tag = "stop", operation_id = "stop", request_body = Option<StopOrder>,
    responses((status = 200, description = "What became of the stop, per printer", body = Vec<Stopped>), Stopping))]
async fn stop(
    State(app): State<AppState>,
    asker: Asker,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Stopped>>, Problem> {
    let body = body.map_err(|error| body_cut(&error))?;
    // Read by hand: a stop without a Content-Type is a stop too.
    let order: StopOrder = if body.trim_ascii().is_empty() {
        StopOrder::default()
    } else {
        let read = serde_json::from_slice::<Option<StopOrder>>(&body).map(Option::unwrap_or_default);
        read.map_err(|error| {
            let help = format!("send an empty body to stop all printers, or one like {}", StopOrder::EXAMPLE);
            Problem::unreadable(format!("nothing was stopped, since the body cannot be read: {error}"), help)
        })?
    };
    let printer = order.printer.map(|name| name.parse::<PrinterName>()).transpose()?;
    stopped(&app, printer.as_ref(), asker.stops_as(order.by.as_deref()).as_deref()).await.map(Json)
}

/// Stops, then tells per printer whether the stop is on the wire.
pub async fn stopped(
    app: &AppState,
    printer: Option<&PrinterName>,
    by: Option<&str>,
) -> Result<Vec<Stopped>, Problem> {
    let asked_at = app.clock.wall();
    let by = by.map(str::trim).filter(|by| !by.is_empty()).unwrap_or(UNNAMED);
    match tokio::time::timeout(PATIENCE, app.fleet.stop(printer, by)).await {
        Ok(Ok(all)) => Ok(all
            .into_iter()
            .map(|(name, on_wire)| Stopped {
                printer: name.to_string(),
                on_wire,
                asked_at: asked_at.to_string(),
            })
            .collect()),
        Ok(Err(error)) => match printer {
            Some(name) => Err(known(app, name).err().unwrap_or_else(|| error.into())),
            None => Err(error.into()),
        },
        Err(_) => Err(Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "stop-unconfirmed",
            format!(
                "every printer was told to stop, but not all confirmed within {} seconds",
                PATIENCE.as_secs()
            ),
            "look at the printers, and switch off by hand whichever still moves",
        )),
    }
}
