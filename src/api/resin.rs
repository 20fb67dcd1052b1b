//! Resin printers: what is in their vats, how worn display and film are, and what somebody has looked at before a start.
//!
//! What only people see of such a printer they say here; each of it is an entry of the journal. Who says something of
//! what they have seen may name it (`was`, `since`), and is refused where it is something else by now.

pub mod shapes;
pub mod views;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{NoSuch, Ruled, Timely, Told};
use super::door::Asker;
use super::given::{Given, Named};
use super::printers::known;
use super::problem::Problem;
use super::quality::scanned_lot;
use crate::domain::event::Actor;
use crate::domain::ids::PrinterName;
use crate::domain::lab::{self, Request as Ask};
use crate::domain::resin::{Refusal, Request};
use crate::domain::seen::Seen;
use crate::domain::units::Microlitres;
use shapes::{
    HOURS_MAX, LAYERS_MAX, Looked, ML, NewDisplay, NewFilm, ResinView, THE_FIRST, VatEmpty, VatFill,
    VatMeasure, VatSeen, VatTended, VatTopUp,
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(fill))
        .routes(routes!(top_up))
        .routes(routes!(measure))
        .routes(routes!(stir))
        .routes(routes!(filter))
        .routes(routes!(empty))
        .routes(routes!(display))
        .routes(routes!(film))
        .routes(routes!(checklist))
}

/// A resin printer's vat, display, film and checklist, and whether its next job has what it takes.
#[utoipa::path(get, path = "/v1/printers/{name}/resin", tag = "resin", operation_id = "show_resin",
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "What is noted of it", body = ResinView), Told, NoSuch, Timely))]
async fn show(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
) -> Result<Json<ResinView>, Problem> {
    seen(&app, &name).map(Json)
}

fn seen(app: &AppState, name: &PrinterName) -> Result<ResinView, Problem> {
    known(app, name)?;
    let view = app.recorder.read(|lab| views::resin(app, lab, name));
    view.ok_or_else(|| lab::Refusal::from(Refusal::NoVat(name.clone())).into())
}

fn senseless(detail: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "makes-no-sense", detail, help)
}

fn microlitres(ml: f64) -> Result<Microlitres, Problem> {
    let volume = Some(ml).filter(|ml| ML.contains(ml)).and_then(Microlitres::from_ml);
    volume.ok_or_else(|| senseless("a volume is 0 to 100000 ml", "give it in millilitres, as 350"))
}

fn at_most(given: u32, most: u32, what: &str) -> Result<u32, Problem> {
    if given <= most {
        return Ok(given);
    }
    Err(senseless(
        format!("{what} are at most {most}, and {given} were given"),
        "give what it has had before, and 0 where it is new",
    ))
}

/// What was said to be in the vat.
fn vat_seen(name: &PrinterName, was: Option<VatSeen>) -> Result<Option<Seen>, Problem> {
    was.map(|was| {
        let poured = microlitres(was.poured_ml)?;
        Ok(Seen::Vat { printer: name.clone(), since: was.since, poured })
    })
    .transpose()
}

/// `first` is what a display or a film is that was never replaced.
fn since_seen(since: String) -> Option<String> {
    Some(since).filter(|since| since != THE_FIRST)
}

/// Says something of a printer in somebody's name. Done when it is on the disk.
async fn say(
    app: &AppState,
    name: &PrinterName,
    by: String,
    seen: Option<Seen>,
    request: impl FnOnce(PrinterName, String) -> Request,
) -> Result<Json<ResinView>, Problem> {
    known(app, name)?;
    let by = lab::person(&by)?;
    let request = Ask::Resin(Box::new(request(name.clone(), by.clone())));
    app.recorder.submit(request.provided(seen), Actor::Person(by)).await?;
    self::seen(app, name).map(Json)
}

/// Somebody has poured a lot into the empty vat. It is loaded from then on, as any material is.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/fill", tag = "resin", operation_id = "fill_vat", request_body = VatFill,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn fill(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatFill>,
) -> Result<Json<ResinView>, Problem> {
    known(&app, &name)?;
    let by = asker.by(given.by.as_deref())?;
    let (lot, poured) = (scanned_lot(&app, &given.lot)?, microlitres(given.ml)?);
    say(&app, &name, by, None, |printer, by| Request::FillVat { printer, lot, poured, by }).await
}

/// Somebody has poured more into it, of the same material.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/top-up", tag = "resin", operation_id = "top_up_vat", request_body = VatTopUp,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn top_up(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatTopUp>,
) -> Result<Json<ResinView>, Problem> {
    known(&app, &name)?;
    let (by, was) = (asker.by(given.by.as_deref())?, vat_seen(&name, given.was)?);
    let (lot, poured) = (scanned_lot(&app, &given.lot)?, microlitres(given.ml)?);
    say(&app, &name, by, was, |printer, by| Request::TopUpVat { printer, lot, poured, by }).await
}

/// Somebody has looked how much is in the vat: that counts from then on.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/measure", tag = "resin", operation_id = "measure_vat", request_body = VatMeasure,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn measure(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatMeasure>,
) -> Result<Json<ResinView>, Problem> {
    let (by, was) = (asker.by(given.by.as_deref())?, vat_seen(&name, given.was)?);
    let left = microlitres(given.ml)?;
    say(&app, &name, by, was, |printer, by| Request::MeasureVat { printer, left, by }).await
}

/// Somebody has stirred what is in the vat.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/stir", tag = "resin", operation_id = "stir_vat", request_body = VatTended,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn stir(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatTended>,
) -> Result<Json<ResinView>, Problem> {
    let (by, was) = (asker.by(given.by.as_deref())?, vat_seen(&name, given.was)?);
    say(&app, &name, by, was, |printer, by| Request::StirVat { printer, by }).await
}

/// Somebody has poured it through a filter and back: nothing cured is in it.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/filter", tag = "resin", operation_id = "filter_vat", request_body = VatTended,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn filter(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatTended>,
) -> Result<Json<ResinView>, Problem> {
    let (by, was) = (asker.by(given.by.as_deref())?, vat_seen(&name, given.was)?);
    say(&app, &name, by, was, |printer, by| Request::FilterVat { printer, by }).await
}

/// Somebody has emptied the vat and cleaned it. Its lots are off the printer from then on.
#[utoipa::path(post, path = "/v1/printers/{name}/vat/empty", tag = "resin", operation_id = "empty_vat", request_body = VatEmpty,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn empty(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<VatEmpty>,
) -> Result<Json<ResinView>, Problem> {
    let (by, was) = (asker.by(given.by.as_deref())?, vat_seen(&name, given.was)?);
    let resin = given.resin;
    say(&app, &name, by, was, |printer, by| Request::EmptyVat { printer, resin, by }).await
}

/// Somebody has put in another display: its hours of light are counted from there.
#[utoipa::path(post, path = "/v1/printers/{name}/display", tag = "resin", operation_id = "replace_display", request_body = NewDisplay,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn display(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<NewDisplay>,
) -> Result<Json<ResinView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    let hours = at_most(given.hours, HOURS_MAX, "hours of light")?;
    let seen = given.since.map(|since| Seen::Display { printer: name.clone(), since: since_seen(since) });
    say(&app, &name, by, seen, |printer, by| Request::ReplaceDisplay { printer, hours, by }).await
}

/// Somebody has put on another film: the layers that come off it are counted from there.
#[utoipa::path(post, path = "/v1/printers/{name}/film", tag = "resin", operation_id = "replace_film", request_body = NewFilm,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn film(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<NewFilm>,
) -> Result<Json<ResinView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    let layers = at_most(given.layers, LAYERS_MAX, "layers")?;
    let seen = given.since.map(|since| Seen::Film { printer: name.clone(), since: since_seen(since) });
    say(&app, &name, by, seen, |printer, by| Request::ReplaceFilm { printer, layers, by }).await
}

/// Somebody has looked at all that is asked for before a start, and it is so. It is for one start, within twelve hours.
#[utoipa::path(post, path = "/v1/printers/{name}/checklist", tag = "resin", operation_id = "do_checklist", request_body = Looked,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = ResinView), Ruled))]
async fn checklist(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<Looked>,
) -> Result<Json<ResinView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    let items = given.items;
    say(&app, &name, by, None, |printer, by| Request::DoChecklist { printer, items, by }).await
}
