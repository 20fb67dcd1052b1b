//! Whether a printer may be used, and what is loaded on it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Ruled, Told};
use super::super::given::Named;
use super::super::printers::known;
use super::super::problem::Problem;
use super::shapes::{Asks, LoadView, NewLoad, QualificationStep, QualificationView, ScannedLoad, Unload};
use super::views;
use super::who::Asking;
use super::{change, change_seen, created};
use crate::domain::ids::{LotId, PrinterName};
use crate::domain::quality::Change;
use crate::domain::quality::qualification::Step;
use crate::domain::seen::Seen;
use crate::labels::{Kind, NotWanted, Scanned};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show, step))
        .routes(routes!(loads, load))
        .routes(routes!(scan))
        .routes(routes!(unload))
}

/// A printer's qualification, calibration, phantoms with their control chart, what is loaded, and its maintenance.
#[utoipa::path(get, path = "/v1/printers/{name}/qualification", tag = "quality", operation_id = "show_qualification",
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer", body = QualificationView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
) -> Result<Json<QualificationView>, Problem> {
    known(&app, &name)?;
    Ok(Json(app.recorder.read(|lab| views::qualification(lab, &name))))
}

/// Qualifies a printer, restricts it, withdraws its qualification, says when its calibration is due, or notes what was
/// done to it.
#[utoipa::path(post, path = "/v1/printers/{name}/qualification", tag = "quality", operation_id = "step_qualification",
    params(("name" = String, Path, description = "The printer's name")), request_body = Asks<QualificationStep>,
    responses((status = 200, description = "The printer as it is now", body = QualificationView), Ruled))]
async fn step(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
    Asking(who, step): Asking<QualificationStep>,
) -> Result<Json<QualificationView>, Problem> {
    known(&app, &name)?;
    let step = match step {
        QualificationStep::Qualified {} => Step::Qualified,
        QualificationStep::Restricted { uses, why } => Step::Restricted { uses, why },
        QualificationStep::Withdrawn { why } => Step::Withdrawn { why },
        QualificationStep::CalibrationDue { on } => Step::CalibrationDue { on },
        QualificationStep::Maintained { what, minutes } => Step::Maintained { what, minutes },
    };
    change(&app, &who, Change::Printer { printer: name.clone(), step }).await?;
    Ok(Json(app.recorder.read(|lab| views::qualification(lab, &name))))
}

fn loaded(app: &AppState, name: &PrinterName) -> Vec<LoadView> {
    app.recorder.read(|lab| {
        let all = lab.quality.loads.values().filter(|of| of.printer == *name);
        all.map(|of| views::load(lab, of)).collect()
    })
}

/// What is and was loaded on a printer, oldest first.
#[utoipa::path(get, path = "/v1/printers/{name}/loads", tag = "quality", operation_id = "list_loads",
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The loads", body = Vec<LoadView>), Told, NoSuch))]
async fn loads(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
) -> Result<Json<Vec<LoadView>>, Problem> {
    known(&app, &name)?;
    Ok(Json(loaded(&app, &name)))
}

/// Somebody has put a lot on a printer. What is not good is noted, too: it is so, and a job is stopped by it.
#[utoipa::path(post, path = "/v1/printers/{name}/loads", tag = "quality", operation_id = "load_lot",
    params(("name" = String, Path, description = "The printer's name")), request_body = Asks<NewLoad>,
    responses((status = 201, description = "The loads as they are now", body = Vec<LoadView>), Ruled))]
async fn load(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
    Asking(who, NewLoad { lot, slot }): Asking<NewLoad>,
) -> Result<Response, Problem> {
    known(&app, &name)?;
    change(&app, &who, Change::Loaded { lot, printer: name.clone(), slot }).await?;
    Ok(created(format!("/v1/printers/{name}/loads"), loaded(&app, &name)))
}

/// The same by what was scanned: the printer's label, and the lot's. A code that is none of platen's, that was misread,
/// or that is of something else is refused with what it is and what is wanted.
#[utoipa::path(post, path = "/v1/loads", tag = "quality", operation_id = "scan_load", request_body = Asks<ScannedLoad>,
    responses((status = 201, description = "The printer's loads as they are now", body = Vec<LoadView>), Ruled))]
async fn scan(
    State(app): State<AppState>,
    Asking(who, given): Asking<ScannedLoad>,
) -> Result<Response, Problem> {
    let (name, lot) = (printer(&app, &given.printer)?, lot(&app, &given.lot)?);
    change(&app, &who, Change::Loaded { lot, printer: name.clone(), slot: given.slot }).await?;
    Ok(created(format!("/v1/printers/{name}/loads"), loaded(&app, &name)))
}

/// The printer whose label was scanned. A lot's id, typed, would do as a name.
fn printer(app: &AppState, text: &str) -> Result<PrinterName, Problem> {
    let name = Scanned::printer(text)?;
    known(app, &name).map_err(|unknown| match name.as_str().parse() {
        Ok(lot) if is_there(app, &lot) => {
            NotWanted { scanned: Ok(Scanned::Lot(lot)), wanted: Kind::Printer }.into()
        }
        _ => unknown,
    })?;
    Ok(name)
}

/// The lot whose label was scanned.
pub(in crate::api) fn lot(app: &AppState, text: &str) -> Result<LotId, Problem> {
    let lot = match Scanned::lot(text) {
        Ok(lot) if is_there(app, &lot) => return Ok(lot),
        read => read,
    };
    // A printer's name, typed.
    if let Some(name) = Scanned::printer(text).ok().filter(|name| known(app, name).is_ok()) {
        return Err(NotWanted { scanned: Ok(Scanned::Printer(name)), wanted: Kind::Lot }.into());
    }
    let detail = format!("there is no lot {} here, and a lot's label is wanted", lot?);
    let help =
        "scan the label that platen made for the container, or take the lot in first (`platen lots receive`)";
    Err(Problem::new(StatusCode::NOT_FOUND, "no-such-thing", detail, help))
}

fn is_there(app: &AppState, lot: &LotId) -> bool {
    app.recorder.read(|lab| lab.quality.lots.contains_key(lot))
}

/// Somebody has taken the lot off a printer.
#[utoipa::path(post, path = "/v1/printers/{name}/unload", tag = "quality", operation_id = "unload_lot",
    params(("name" = String, Path, description = "The printer's name")), request_body = Asks<Unload>,
    responses((status = 200, description = "The loads as they are now", body = Vec<LoadView>), Ruled))]
async fn unload(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
    Asking(who, Unload { slot, lot }): Asking<Unload>,
) -> Result<Json<Vec<LoadView>>, Problem> {
    known(&app, &name)?;
    let seen = lot.map(|lot| Seen::Loaded { printer: name.clone(), slot, lot });
    change_seen(&app, &who, Change::Unloaded { printer: name.clone(), slot }, seen).await?;
    Ok(Json(loaded(&app, &name)))
}
