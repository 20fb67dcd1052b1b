//! Printed parts: one piece each, its steps and where it comes from.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Ruled, Timely, Told};
use super::super::given::{Asked, Named};
use super::super::problem::Problem;
use super::change;
use super::shapes::{Asks, PrintedBrief, PrintedStep, PrintedView, ToSign};
use super::views;
use super::who::{Asker, Asking, Signed};
use crate::domain::ids::CaseToken;
use crate::domain::lab;
use crate::domain::people::roles::Permission;
use crate::domain::people::signing::Meaning;
use crate::domain::quality::printed::{Serial, Step};
use crate::domain::quality::signature::Subject;
use crate::domain::quality::{Change, Refusal, What};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(step))
        .routes(routes!(to_sign))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Of this case only.
    #[param(value_type = Option<String>)]
    case: Option<CaseToken>,
    /// In this state only: `suspect`.
    state: Option<String>,
}

/// All printed parts, by case, part and attempt.
#[utoipa::path(get, path = "/v1/printed", tag = "quality", operation_id = "list_printed", params(Which),
    responses((status = 200, description = "The printed parts", body = Vec<PrintedBrief>), Told))]
async fn list(State(app): State<AppState>, Asked(which): Asked<Which>) -> Json<Vec<PrintedBrief>> {
    Json(app.recorder.read(|lab| {
        let all = lab.quality.printed.values();
        let of_case = all.filter(|of| which.case.as_ref().is_none_or(|case| of.serial.case == *case));
        let briefs = of_case.map(views::brief);
        briefs.filter(|of| which.state.as_ref().is_none_or(|state| of.state == *state)).collect()
    }))
}

fn seen(app: &AppState, serial: &Serial) -> Result<PrintedView, Problem> {
    app.recorder.read(|lab| {
        let found = lab.quality.printed.get(serial);
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Printed(serial.clone())));
        Ok(views::printed(lab, found.ok_or_else(nothing)?))
    })
}

/// A printed part and everything that it comes from: model, file, printer, lots, processing, inspections, signatures.
#[utoipa::path(get, path = "/v1/printed/{serial}", tag = "quality", operation_id = "show_printed",
    params(("serial" = String, Path, description = "CASE-PART-ATTEMPT")),
    responses((status = 200, description = "The printed part", body = PrintedView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(serial): Named<Serial>,
) -> Result<Json<PrintedView>, Problem> {
    seen(&app, &serial).map(Json)
}

/// Takes a printed part a step further, or out of the way.
#[utoipa::path(post, path = "/v1/printed/{serial}/steps", tag = "quality", operation_id = "step_printed",
    params(("serial" = String, Path, description = "CASE-PART-ATTEMPT")), request_body = Asks<PrintedStep>,
    responses((status = 200, description = "The printed part as it is now", body = PrintedView), Ruled))]
async fn step(
    State(app): State<AppState>,
    Named(serial): Named<Serial>,
    Asking(who, step): Asking<PrintedStep>,
) -> Result<Json<PrintedView>, Problem> {
    let step = stepped(&app, &who, &serial, step).await?;
    change(&app, &who, Change::Printed { serial: serial.clone(), step }).await?;
    seen(&app, &serial).map(Json)
}

/// What was said, as the domain knows it.
async fn stepped(app: &AppState, who: &Asker, serial: &Serial, given: PrintedStep) -> Result<Step, Problem> {
    Ok(match given {
        PrintedStep::Planned { replaces } => Step::Planned { replaces },
        PrintedStep::RevisionAttested { revision } => Step::RevisionAttested { revision },
        PrintedStep::Processed { processing } => {
            Step::Processed { processing: Box::new((*processing).into()) }
        }
        PrintedStep::SentToInspection {} => Step::SentToInspection,
        PrintedStep::Accepted { inspection, why } => Step::Accepted { inspection, why },
        PrintedStep::Rejected { why } => Step::Rejected { why },
        PrintedStep::Scrapped { why } => Step::Scrapped { why },
        PrintedStep::Released { digest } => {
            let (meaning, needs) = (Meaning::Released, Permission::Release);
            let subject = format!("part/{serial}");
            let proof = who.proof(app, Signed { meaning, subject, digest: digest.clone(), needs }).await?;
            Step::Released { digest, proof }
        }
        PrintedStep::Packed {} => Step::Packed,
        PrintedStep::HandedOver { cycle } => Step::HandedOver { cycle },
        PrintedStep::Delivered { to } => Step::Delivered { to },
        PrintedStep::Quarantined { why } => Step::Quarantined { why },
        PrintedStep::QuarantineLifted { why } => Step::QuarantineLifted { why },
        PrintedStep::Recalled { why } => Step::Recalled { why },
    })
}

/// What somebody would sign to release it now, and under which digest.
#[utoipa::path(get, path = "/v1/printed/{serial}/to-sign", tag = "quality", operation_id = "printed_to_sign",
    params(("serial" = String, Path, description = "CASE-PART-ATTEMPT")),
    responses((status = 200, description = "Text and digest", body = ToSign), Told, NoSuch, Timely))]
async fn to_sign(State(app): State<AppState>, Named(serial): Named<Serial>) -> Result<Json<ToSign>, Problem> {
    seen(&app, &serial)?;
    let subject = Subject::Part { serial: serial.clone() };
    let shown = app.recorder.read(|lab| views::to_sign(lab, &serial.case, &subject));
    shown.map(Json).map_err(|error| lab::Refusal::from(error).into())
}
