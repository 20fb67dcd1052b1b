//! HTTP: the native API under `/v1`, its description, and the technicians' page.
//!
//! A yes (200, 201) is answered only after it is durable. Everything else is a problem
//! (RFC 9457) that says what, which, and what to do. Routes and their description are declared
//! together, so that neither is without the other.

mod answers;
mod backup;
mod cases;
mod commissioning;
mod crowd;
pub mod door;
// utoipa's macro names the query types with their path.
#[allow(unused_qualifications)]
mod events;
#[allow(unused_qualifications)]
mod files;
#[allow(unused_qualifications)]
mod gate;
mod given;
mod guard;
#[allow(unused_qualifications)]
pub mod history;
#[allow(unused_qualifications)]
mod jobs;
pub mod limits;
mod line;
mod look_ahead;
pub mod metrics;
mod paced;
mod people;
mod photos;
#[allow(unused_qualifications)]
mod pictures;
mod printers;
mod problem;
mod public;
pub mod quality;
pub mod queue;
mod reasons;
#[allow(unused_qualifications)]
mod reports;
mod requests;
pub mod resin;
mod serve;
mod state;
mod stop;
pub mod uploads;
mod vault;
mod views;

pub mod compat;
pub mod shapes;
pub mod ui;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Router, middleware};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;
use crate::io::clock::Clock;
use crate::services::appkeys::AppKeys;
use crate::services::commissioning::Commissioning;
use crate::services::entrance::Entrance;
use crate::services::fleet::Fleet;
use crate::services::gate::Gate;
use crate::services::intake::Intake;
use crate::services::monitor::Monitor;
use crate::services::planner::Planner;
use crate::services::preview::Previews;
use crate::services::recorder::Recorder;
use crate::services::slicejobs::Steps;
use crate::services::slicing::Slicing;
use crate::services::uploads::Names;
use crate::services::vault_desk::VaultDesk;

pub use events::Streams;
pub use line::{Line, Reached};
pub use problem::Problem;
pub use serve::{listen, redirect, serve, serve_tls};

/// What the handlers ask; every part of it is a cheap handle.
#[derive(Clone, Debug)]
pub struct AppState {
    pub recorder: Recorder,
    /// Who may come in.
    pub entrance: Entrance,
    /// The site's own sign-in.
    #[cfg(feature = "oidc")]
    pub site: Option<crate::services::oidc::SiteSignIn>,
    /// Who a case is for.
    pub vault: VaultDesk,
    pub fleet: Fleet,
    pub intake: Intake,
    pub previews: Previews,
    /// What is to be printed where and when.
    pub planner: Planner,
    /// Under which names slicers sent files.
    pub names: Names,
    /// Programs that ask for a key.
    pub app_keys: AppKeys,
    pub gate: Gate,
    /// New printers.
    pub commissioning: Commissioning,
    /// Absent where models are not taken.
    pub slicing: Option<Arc<Slicing>>,
    /// How far each slicing is.
    pub steps: Steps,
    pub config: Arc<Config>,
    pub clock: Clock,
    /// What is counted of all this, for `/metrics`.
    pub monitor: Monitor,
    /// What the publisher says of itself, in words; absent where no broker is configured.
    pub mqtt: Option<watch::Receiver<String>>,
    /// Room for event streams.
    pub streams: Streams,
    /// Ends the event streams, which otherwise keep a graceful shutdown waiting for ever.
    pub shutdown: CancellationToken,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(Problem)),
    info(
        title = "platen",
        description = "Print-farm controller for hospital 3D-printing labs. Errors are RFC 9457 problems. \
                   A yes is answered only after it is durable."
    )
)]
struct Description;

fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(files::routes())
        .merge(gate::routes())
        .merge(pictures::routes())
        .merge(photos::routes())
        .merge(backup::routes())
        .merge(cases::routes())
        .merge(quality::routes())
        .merge(jobs::routes())
        .merge(queue::routes())
        .merge(uploads::routes())
        .merge(printers::routes())
        .merge(resin::routes())
        .merge(commissioning::routes())
        .merge(history::routes())
        .merge(stop::routes())
        .merge(people::routes())
        .merge(compat::octoprint::appkeys::described())
        .merge(vault::routes())
        .merge(events::routes())
        .merge(state::routes())
        .merge(metrics::routes())
        .merge(reports::routes())
}

/// The description of the API, as `/openapi.json` serves it.
pub fn description() -> OpenApi {
    described().into_openapi()
}

/// All routes of the daemon. Serve it on a loopback address only, or over TLS.
pub fn router(state: AppState) -> Router {
    let (router, description) = described().split_for_parts();
    // Maps with text as keys only: it cannot fail, and an empty description would show in the tests.
    let description: Bytes = description.to_json().unwrap_or_default().into();
    let config = Arc::clone(&state.config);
    let monitor = state.monitor.clone();
    router
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], description)))
        .merge(ui::routes())
        .merge(compat::routes())
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no-such-page",
                "there is nothing under this path",
                "/openapi.json lists what there is",
            )
        })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(middleware::from_fn_with_state(state.clone(), door::door))
        .layer(DefaultBodyLimit::max(given::BODY_MAX))
        .layer(middleware::map_response_with_state(Arc::clone(&config), public::located))
        .layer(middleware::from_fn_with_state(config, guard::guard))
        .layer(middleware::map_response(reports::own_policy))
        .layer(middleware::from_fn_with_state(state.clone(), ui::page_for_people))
        .layer(middleware::from_fn(ui::told))
        .layer(middleware::from_fn_with_state(monitor, requests::each))
        .with_state(state)
}
