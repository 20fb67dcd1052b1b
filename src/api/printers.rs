//! Printers: what each does now, and what only a person may say about it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{Asked, Changed, NoSuch, Timely, Told};
use super::door::Asker;
use super::given::{Given, Named};
use super::problem::Problem;
use super::shapes::{Answered, BedGiven, ConsoleOrder, ConsoleView, LookedAt, PrinterView};
use super::{AppState, views};
use crate::domain::event::Actor;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::lab::{self, Request};
use crate::domain::seen::Seen;
use crate::gcode::commands::{self, When};
use crate::services::fleet::Order;
use crate::services::suits::{Medium, takes};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(clear_bed))
        .routes(routes!(clear_latch))
        .routes(routes!(identify))
        .routes(routes!(answer))
        .routes(routes!(console))
}

/// A printer that the configuration knows, or a problem that lists those.
pub fn known(app: &AppState, name: &PrinterName) -> Result<(), Problem> {
    if app.fleet.board().get(name).is_some() {
        return Ok(());
    }
    let names: Vec<_> = app.fleet.board().printers().map(|(name, _)| name.as_str()).collect();
    let help = match names.as_slice() {
        [] => "the configuration has no printers; add a [[printer]] to it".to_owned(),
        names => format!("known printers: {}", names.join(", ")),
    };
    let detail = format!("there is no printer {name}");
    Err(Problem::new(StatusCode::NOT_FOUND, "no-such-printer", detail, help))
}

/// The same, of which it is told where it does not print with that.
pub fn known_for(app: &AppState, name: &PrinterName, medium: Medium) -> Result<(), Problem> {
    known(app, name)?;
    app.config.printer(name).map_or(Ok(()), |printer| takes(printer, medium))?;
    Ok(())
}

/// All printers in the order of the configuration.
#[utoipa::path(get, path = "/v1/printers", tag = "printers", operation_id = "list_printers",
    responses((status = 200, description = "All printers", body = Vec<PrinterView>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<PrinterView>> {
    Json(app.recorder.read(|lab| views::printers(&app, lab)))
}

/// One printer: live state, temperatures, line, bed and latch.
#[utoipa::path(get, path = "/v1/printers/{name}", tag = "printers", operation_id = "show_printer",
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer", body = PrinterView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
) -> Result<Json<PrinterView>, Problem> {
    seen(&app, &name).map(Json)
}

fn seen(app: &AppState, name: &PrinterName) -> Result<PrinterView, Problem> {
    known(app, name)?;
    app.recorder.read(|lab| {
        let all = views::printers(app, lab);
        all.into_iter()
            .find(|printer| printer.name == name.as_str())
            .ok_or_else(|| lab::Refusal::NoPrinter(name.clone()).into())
    })
}

/// A person says that the bed is clear: the next job may start on it.
#[utoipa::path(post, path = "/v1/printers/{name}/clear-bed", tag = "printers", operation_id = "clear_bed", request_body = BedGiven,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = PrinterView), Changed, NoSuch, Timely))]
async fn clear_bed(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<BedGiven>,
) -> Result<Json<PrinterView>, Problem> {
    bed_is_clear(&app, &name, given.job, &asker.by(given.by.as_deref())?).await?;
    seen(&app, &name).map(Json)
}

/// Where `seen` is said, of that job's part alone.
pub async fn bed_is_clear(
    app: &AppState,
    name: &PrinterName,
    seen: Option<JobId>,
    by: &str,
) -> Result<(), Problem> {
    known(app, name)?;
    let by = lab::person(by)?;
    let seen = seen.map(|job| Seen::OnBed { printer: name.clone(), job });
    let request = Request::ClearBed { printer: name.clone(), by: by.clone() }.provided(seen);
    app.recorder.submit(request, Actor::Person(by)).await?;
    Ok(())
}

/// A person has looked at a stopped or halted printer and says that it may be used again.
#[utoipa::path(post, path = "/v1/printers/{name}/clear-latch", tag = "printers", operation_id = "clear_latch", request_body = LookedAt,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = PrinterView), Changed, NoSuch, Timely))]
async fn clear_latch(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<LookedAt>,
) -> Result<Json<PrinterView>, Problem> {
    may_be_used(&app, &name, given.since, &asker.by(given.by.as_deref())?).await?;
    seen(&app, &name).map(Json)
}

/// Where `since` is said, of that lock alone.
pub async fn may_be_used(
    app: &AppState,
    name: &PrinterName,
    since: Option<String>,
    by: &str,
) -> Result<(), Problem> {
    known(app, name)?;
    let by = lab::person(by)?;
    Ok(app.fleet.order(name, Order::Clear { by, since }).await?)
}

/// A person says that the board on the port is this printer's own: after a board or an adapter was
/// replaced, or where nothing but a person can tell.
#[utoipa::path(post, path = "/v1/printers/{name}/identify", tag = "printers", operation_id = "identify_printer", request_body = LookedAt,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = PrinterView), Changed, NoSuch, Timely))]
async fn identify(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<LookedAt>,
) -> Result<Json<PrinterView>, Problem> {
    is_its_own(&app, &name, given.since, &asker.by(given.by.as_deref())?).await?;
    seen(&app, &name).map(Json)
}

/// Where `since` is said, in that quarantine alone.
pub async fn is_its_own(
    app: &AppState,
    name: &PrinterName,
    since: Option<String>,
    by: &str,
) -> Result<(), Problem> {
    known(app, name)?;
    let by = lab::person(by)?;
    Ok(app.fleet.order(name, Order::Identify { by, since }).await?)
}

/// Answers what the printer asks, as its own panel would.
#[utoipa::path(post, path = "/v1/printers/{name}/answer", tag = "printers", operation_id = "answer_prompt", request_body = Answered,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "The printer as it is now", body = PrinterView), Changed, NoSuch, Timely))]
async fn answer(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<Answered>,
) -> Result<Json<PrinterView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    answered(&app, &name, given.button, given.asked, &by).await?;
    seen(&app, &name).map(Json)
}

pub async fn answered(
    app: &AppState,
    name: &PrinterName,
    button: u8,
    seen: Option<String>,
    by: &str,
) -> Result<(), Problem> {
    known(app, name)?;
    let by = lab::person(by)?;
    Ok(app.fleet.order(name, Order::Answer { button, seen, by }).await?)
}

/// Sends one command that the console's list allows, and answers with what came back. Noted with the person first.
#[utoipa::path(post, path = "/v1/printers/{name}/console", tag = "printers", operation_id = "console", request_body = ConsoleOrder,
    params(("name" = String, Path, description = "The printer's name")),
    responses((status = 200, description = "What the printer said", body = ConsoleView), Changed, NoSuch, Timely, Asked))]
async fn console(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<PrinterName>,
    Given(given): Given<ConsoleOrder>,
) -> Result<Json<ConsoleView>, Problem> {
    let by = asker.by(given.by.as_deref())?;
    consoled(&app, &name, &given.command, &by).await.map(Json)
}

pub async fn consoled(
    app: &AppState,
    name: &PrinterName,
    command: &str,
    by: &str,
) -> Result<ConsoleView, Problem> {
    known(app, name)?;
    let by = lab::person(by)?;
    let (level, allowed) = app.config.printer(name).map_or((commands::Level::Off, &[][..]), |printer| {
        (printer.console, printer.allow_commands.as_slice())
    });
    let command = command.trim();
    let when = commands::on_console(command.as_bytes(), level, allowed)?;
    let request = Request::UseConsole {
        printer: name.clone(),
        by: by.clone(),
        command: command.to_owned(),
        bed_clear: when == When::NoJobAndBedClear,
    };
    app.recorder.submit(request, Actor::Person(by)).await?;
    let told = app.fleet.console(name, command.as_bytes().into(), when).await?;
    Ok(ConsoleView { lines: told.lines, cut: told.cut, done: told.done })
}
