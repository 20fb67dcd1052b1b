//! Material: lots, their steps, where they went, and what is looked back at when one is recalled.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Ruled, Told};
use super::super::given::Named;
use super::super::problem::Problem;
use super::shapes::{Asks, LotAbout, LotBrief, LotStep, LotView, NewUse, PrintedBrief};
use super::views;
use super::who::Asking;
use super::{change, created, density, milligrams};
use crate::domain::day::Day;
use crate::domain::ids::LotId;
use crate::domain::lab;
use crate::domain::quality::lot::{self, Step};
use crate::domain::quality::printed::LookBack;
use crate::domain::quality::{Change, Refusal, What};
use crate::io::clock::entropy;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, receive))
        .routes(routes!(show))
        .routes(routes!(step))
        .routes(routes!(note_use))
        .routes(routes!(look_back))
}

fn today(app: &AppState) -> Day {
    Day::in_utc(app.clock.wall())
}

/// All lots, those that expire first before the others.
#[utoipa::path(get, path = "/v1/lots", tag = "quality", operation_id = "list_lots",
    responses((status = 200, description = "The lots", body = Vec<LotBrief>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<LotBrief>> {
    let today = today(&app);
    Json(app.recorder.read(|lab| {
        let mut all: Vec<_> = lab.quality.lots.values().collect();
        all.sort_by(|one, other| (one.about.expires, &one.id).cmp(&(other.about.expires, &other.id)));
        all.into_iter().map(|lot| views::lot_brief(lot, today)).collect()
    }))
}

fn seen(app: &AppState, id: &LotId) -> Result<LotView, Problem> {
    let today = today(app);
    app.recorder.read(|lab| {
        let found = lab.quality.lots.get(id);
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Lot(id.clone())));
        Ok(views::lot(lab, found.ok_or_else(nothing)?, today))
    })
}

/// Takes a lot in. It is in quarantine until somebody has looked at its certificate and released it.
#[utoipa::path(post, path = "/v1/lots", tag = "quality", operation_id = "receive_lot", request_body = Asks<LotAbout>,
    responses((status = 201, description = "The lot with its id", body = LotView), Ruled))]
async fn receive(
    State(app): State<AppState>,
    Asking(who, given): Asking<LotAbout>,
) -> Result<Response, Problem> {
    let about = lot::LotAbout {
        material: given.material,
        supplier_lot: given.supplier_lot,
        supplier: given.supplier,
        received: given.received,
        expires: given.expires,
        open_days: given.open_days,
        certificate: given.certificate,
        milligrams: milligrams(given.grams)?,
        density: given.density.map(density).transpose()?,
    };
    let id = LotId::from_entropy(entropy());
    let step = Step::Received { about: Box::new(about) };
    change(&app, &who, Change::Lot { lot: id.clone(), step }).await?;
    Ok(created(format!("/v1/lots/{id}"), seen(&app, &id)?))
}

/// A lot and where it went: printers, printed parts.
#[utoipa::path(get, path = "/v1/lots/{lot}", tag = "quality", operation_id = "show_lot",
    params(("lot" = String, Path, description = "The lot's id")),
    responses((status = 200, description = "The lot", body = LotView), Told, NoSuch))]
async fn show(State(app): State<AppState>, Named(id): Named<LotId>) -> Result<Json<LotView>, Problem> {
    seen(&app, &id).map(Json)
}

/// Opens, releases, blocks, unblocks, uses up or recalls a lot.
#[utoipa::path(post, path = "/v1/lots/{lot}/steps", tag = "quality", operation_id = "step_lot",
    params(("lot" = String, Path, description = "The lot's id")), request_body = Asks<LotStep>,
    responses((status = 200, description = "The lot as it is now", body = LotView), Ruled))]
async fn step(
    State(app): State<AppState>,
    Named(id): Named<LotId>,
    Asking(who, step): Asking<LotStep>,
) -> Result<Json<LotView>, Problem> {
    let step = match step {
        LotStep::Opened { on } => Step::Opened { on },
        LotStep::Released {} => Step::Released,
        LotStep::Blocked { why } => Step::Blocked { why },
        LotStep::Unblocked { why } => Step::Unblocked { why },
        LotStep::Consumed {} => Step::Consumed,
        LotStep::Recalled { why } => Step::Recalled { why },
    };
    change(&app, &who, Change::Lot { lot: id.clone(), step }).await?;
    seen(&app, &id).map(Json)
}

/// Notes what a job has used of a lot that was loaded while it ran.
#[utoipa::path(post, path = "/v1/lots/{lot}/uses", tag = "quality", operation_id = "note_use",
    params(("lot" = String, Path, description = "The lot's id")), request_body = Asks<NewUse>,
    responses((status = 200, description = "The lot as it is now", body = LotView), Ruled))]
async fn note_use(
    State(app): State<AppState>,
    Named(id): Named<LotId>,
    Asking(who, NewUse { job, grams }): Asking<NewUse>,
) -> Result<Json<LotView>, Problem> {
    seen(&app, &id)?;
    let milligrams = milligrams(grams)?;
    change(&app, &who, Change::MaterialUsed { job, lot: id.clone(), milligrams, runs_out: None }).await?;
    seen(&app, &id).map(Json)
}

/// The look-back list of a recalled lot: those in the lab are in quarantine, those that are out are to be recalled.
#[utoipa::path(get, path = "/v1/lots/{lot}/look-back", tag = "quality", operation_id = "lot_look_back",
    params(("lot" = String, Path, description = "The lot's id")),
    responses((status = 200, description = "The printed parts", body = Vec<PrintedBrief>), Told, NoSuch))]
async fn look_back(
    State(app): State<AppState>,
    Named(id): Named<LotId>,
) -> Result<Json<Vec<PrintedBrief>>, Problem> {
    seen(&app, &id)?;
    let because = LookBack::LotRecalled { lot: id };
    Ok(Json(app.recorder.read(|lab| lab.quality.looked_back(&because).map(views::brief).collect())))
}
