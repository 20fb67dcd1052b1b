//! What the site asks for beyond what always holds.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{Ruled, Told};
use super::super::problem::Problem;
use super::shapes::{Asks, RulesGiven, SiteRules};
use super::who::Asking;
use crate::domain::quality::Change;
use crate::domain::seen::Seen;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show, set))
}

fn seen(app: &AppState) -> Json<SiteRules> {
    Json(app.recorder.read(|lab| (&lab.quality.rules).into()))
}

/// The site's rules. All are off until somebody says so.
#[utoipa::path(get, path = "/v1/site-rules", tag = "quality", operation_id = "show_site_rules",
    responses((status = 200, description = "The rules", body = SiteRules), Told))]
async fn show(State(app): State<AppState>) -> Json<SiteRules> {
    seen(&app)
}

/// Sets all rules; what is left out is off.
#[utoipa::path(post, path = "/v1/site-rules", tag = "quality", operation_id = "set_site_rules",
    request_body = Asks<RulesGiven>,
    responses((status = 200, description = "The rules as they are now", body = SiteRules), Ruled))]
async fn set(
    State(app): State<AppState>,
    Asking(who, given): Asking<RulesGiven>,
) -> Result<Json<SiteRules>, Problem> {
    let was = given.was.map(|rules| Seen::Rules { rules: rules.into() });
    let rules = SiteRules::from(given).into();
    super::change_seen(&app, &who, Change::Rules { rules }, was).await?;
    Ok(seen(&app))
}
