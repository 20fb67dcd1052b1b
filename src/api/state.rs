//! Is the daemon well, and is its journal whole?

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::time::Duration;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Audited, Open};
use super::problem::Problem;
use super::shapes::{AuditView, Health};
use crate::domain::moment::Moment;
use crate::domain::printer::Activity;
use crate::services::recorder::{JournalError, NotRecorded};

/// A commit takes milliseconds; a recorder that is silent for this long is stuck on its disk.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(audit))
}

/// 200 only if the journal takes entries, without which nothing can be accepted, and was found whole.
#[utoipa::path(get, path = "/healthz", tag = "state", operation_id = "healthz",
    responses((status = 200, description = "All is well", body = Health),
        (status = 503, description = "Nothing can be accepted, or the journal is damaged", body = Health), Open))]
async fn healthz(State(app): State<AppState>) -> (StatusCode, Json<Health>) {
    let trouble = match timeout(PATIENCE, app.recorder.probe()).await {
        Ok(Ok(())) => None,
        Ok(Err(NotRecorded::Store(error))) => Some(error.to_string()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!(
            "the journal has not answered for {} seconds; look at the disk of state_dir",
            PATIENCE.as_secs()
        )),
    };
    let recorder = trouble.is_none();
    let trouble = trouble.or_else(|| app.recorder.finding());
    let well = trouble.is_none();
    let board = app.fleet.board().snapshots();
    let away = |activity: &Activity| matches!(activity, Activity::Offline { .. } | Activity::Connecting);
    let health = Health {
        status: if well { "ok" } else { "failing" }.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        recorder,
        trouble,
        journal: app.recorder.read(|lab| lab.counters.seq),
        printers: board.len(),
        online: board.iter().filter(|snapshot| !away(&snapshot.activity)).count(),
        mqtt: app.mqtt.as_ref().map(|words| words.borrow().clone()),
        vault: app.vault.word().into(),
        uptime_ms: u64::try_from(app.clock.now().since(Moment::ZERO).as_millis()).unwrap_or(u64::MAX),
    };
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

/// Reads the whole journal and checks every link of its chain. Takes a second per 100 000 entries.
#[utoipa::path(get, path = "/v1/audit", tag = "state", operation_id = "audit",
    responses((status = 200, description = "What was found", body = AuditView), Audited))]
async fn audit(State(app): State<AppState>) -> Result<Json<AuditView>, Problem> {
    match app.recorder.audit().await {
        Ok(found) => Ok(Json(AuditView {
            intact: true,
            entries: Some(found.entries),
            head: Some(found.head.to_hex()),
            finding: None,
        })),
        Err(error @ (JournalError::Store(_) | JournalError::Busy | JournalError::Closed)) => {
            Err(error.into())
        }
        Err(finding) => Ok(Json(AuditView {
            intact: false,
            entries: None,
            head: None,
            finding: Some(finding.to_string()),
        })),
    }
}
