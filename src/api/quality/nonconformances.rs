//! What is not as it should be, and what becomes of it.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Ruled, Timely, Told};
use super::super::given::{Asked, Named};
use super::super::printers::known;
use super::super::problem::Problem;
use super::shapes::{
    About as AboutGiven, Asks, Decision, NewNonconformance, NonconformanceStep, NonconformanceView, ToSign,
};
use super::views;
use super::who::{Asker, Asking, Signed};
use super::{change, created};
use crate::domain::ids::NonconformanceId;
use crate::domain::lab::{self, Lab};
use crate::domain::people::roles::Permission;
use crate::domain::people::signing::Meaning;
use crate::domain::quality::nonconformance::{Disposition, Nonconformance, Step};
use crate::domain::quality::signature::Subject;
use crate::domain::quality::{Change, Refusal, What};
use crate::io::clock::entropy;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, open))
        .routes(routes!(show))
        .routes(routes!(step))
        .routes(routes!(to_sign))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// In this state only: `open`, `disposed` or `closed`.
    state: Option<String>,
}

/// All nonconformances, oldest first.
#[utoipa::path(get, path = "/v1/nonconformances", tag = "quality", operation_id = "list_nonconformances",
    params(Which),
    responses((status = 200, description = "The nonconformances", body = Vec<NonconformanceView>), Told))]
async fn list(State(app): State<AppState>, Asked(which): Asked<Which>) -> Json<Vec<NonconformanceView>> {
    Json(app.recorder.read(|lab| {
        let mut all: Vec<_> = lab.quality.nonconformances.values().collect();
        all.sort_by_key(|found| found.order());
        let views = all.into_iter().map(NonconformanceView::from);
        views.filter(|of| which.state.as_ref().is_none_or(|state| of.state == *state)).collect()
    }))
}

fn found<'l>(lab: &'l Lab, id: &NonconformanceId) -> Result<&'l Nonconformance, lab::Refusal> {
    let nothing = || lab::Refusal::from(Refusal::Nothing(What::Nonconformance(id.clone())));
    lab.quality.nonconformances.get(id).ok_or_else(nothing)
}

fn seen(app: &AppState, id: &NonconformanceId) -> Result<NonconformanceView, Problem> {
    app.recorder.read(|lab| Ok(found(lab, id)?.into()))
}

/// Reports something that is not as it should be. A printed part is in quarantine from then on.
#[utoipa::path(post, path = "/v1/nonconformances", tag = "quality", operation_id = "open_nonconformance",
    request_body = Asks<NewNonconformance>,
    responses((status = 201, description = "The nonconformance", body = NonconformanceView), Ruled))]
async fn open(
    State(app): State<AppState>,
    Asking(who, given): Asking<NewNonconformance>,
) -> Result<Response, Problem> {
    if let AboutGiven::Printer { printer } = &given.about {
        known(&app, printer)?;
    }
    let NewNonconformance { about, cause, severity, what } = given;
    let id = NonconformanceId::from_entropy(entropy());
    let step = Step::Opened { about: about.into(), cause, severity, what };
    change(&app, &who, Change::Nonconformance { id: id.clone(), step }).await?;
    Ok(created(format!("/v1/nonconformances/{id}"), seen(&app, &id)?))
}

/// One nonconformance.
#[utoipa::path(get, path = "/v1/nonconformances/{id}", tag = "quality", operation_id = "show_nonconformance",
    params(("id" = String, Path, description = "The nonconformance's id")),
    responses((status = 200, description = "The nonconformance", body = NonconformanceView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(id): Named<NonconformanceId>,
) -> Result<Json<NonconformanceView>, Problem> {
    seen(&app, &id).map(Json)
}

/// Decides what becomes of the part, or closes it.
#[utoipa::path(post, path = "/v1/nonconformances/{id}/steps", tag = "quality", operation_id = "step_nonconformance",
    params(("id" = String, Path, description = "The nonconformance's id")), request_body = Asks<NonconformanceStep>,
    responses((status = 200, description = "The nonconformance as it is now", body = NonconformanceView), Ruled))]
async fn step(
    State(app): State<AppState>,
    Named(id): Named<NonconformanceId>,
    Asking(who, step): Asking<NonconformanceStep>,
) -> Result<Json<NonconformanceView>, Problem> {
    let step = match step {
        NonconformanceStep::Disposed { decision, why } => {
            Step::Disposed { decision: decided(&app, &who, &id, decision).await?, why }
        }
        NonconformanceStep::Closed { capa } => Step::Closed { capa },
    };
    change(&app, &who, Change::Nonconformance { id: id.clone(), step }).await?;
    seen(&app, &id).map(Json)
}

async fn decided(
    app: &AppState,
    who: &Asker,
    id: &NonconformanceId,
    given: Decision,
) -> Result<Disposition, Problem> {
    Ok(match given {
        Decision::Scrap {} => Disposition::Scrap,
        Decision::Reprint {} => Disposition::Reprint,
        Decision::Rework {} => Disposition::Rework,
        Decision::UseAsIs { digest } => {
            let (meaning, needs) = (Meaning::Responsible, Permission::Dispose);
            let subject = format!("nonconformance/{id}");
            let proof = who.proof(app, Signed { meaning, subject, digest: digest.clone(), needs }).await?;
            Disposition::UseAsIs { digest, proof }
        }
    })
}

/// What somebody would sign to use the part as it is, and under which digest.
#[utoipa::path(get, path = "/v1/nonconformances/{id}/to-sign", tag = "quality",
    operation_id = "nonconformance_to_sign",
    params(("id" = String, Path, description = "The nonconformance's id")),
    responses((status = 200, description = "Text and digest", body = ToSign), Told, NoSuch, Timely))]
async fn to_sign(
    State(app): State<AppState>,
    Named(id): Named<NonconformanceId>,
) -> Result<Json<ToSign>, Problem> {
    let shown = app.recorder.read(|lab| {
        let serial = found(lab, &id)?.serial().ok_or(Refusal::NoPart)?;
        let subject = Subject::Concession { nonconformance: id.clone() };
        Ok::<_, lab::Refusal>(views::to_sign(lab, &serial.case, &subject)?)
    });
    Ok(Json(shown?))
}
