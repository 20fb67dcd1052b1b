//! What the page's buttons do; each answers with a page that says what became of it.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::door::Asker;
use crate::api::gate::accepted;
use crate::api::jobs::{begin, change};
use crate::api::printers::{answered, bed_is_clear, consoled, is_its_own, may_be_used};
use crate::api::shapes::PartGiven;
use crate::api::stop::stopped;
use crate::api::uploads::{Assignment, assigned, dismissed};
use crate::api::{AppState, Problem};
use crate::domain::ids::{JobId, PrinterName, UploadId};
use crate::domain::job::Change;
use crate::domain::people::roles::Permission;

/// The fields that the forms have, all of them text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    printer: String,
    job: String,
    change: String,
    by: String,
    button: String,
    asked: String,
    command: String,
    codes: String,
    upload: String,
    case: String,
    part: String,
    material: String,
}

type Filled = Result<Form<Fields>, FormRejection>;
type Page = (StatusCode, Markup);

fn fields(filled: Filled) -> Result<Fields, Problem> {
    filled.map(|Form(fields)| fields).map_err(|error| {
        Problem::unreadable(
            format!("the form cannot be read: {}", error.body_text()),
            "go back, load the page again, and press the button there",
        )
    })
}

pub(super) fn told(app: &AppState, asker: &Asker, outcome: Result<String, Problem>) -> Page {
    shown(app, asker, outcome.map(|said| html! { p { (said) } }))
}

pub(super) fn shown(app: &AppState, asker: &Asker, outcome: Result<Markup, Problem>) -> Page {
    let (status, said) = match outcome {
        Ok(said) => (StatusCode::OK, said),
        Err(problem) => (
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            html! { p { strong { (problem.title) ". " } (problem.detail) ". To do: " (problem.help) "." } },
        ),
    };
    let page = html! {
        main.told data-failed[!status.is_success()] {
            div #said { (said) }
            p { a href="/" { "Back to the board" } }
        }
    };
    (status, super::frame(app, asker, super::Reload::Never, &page))
}

/// A page that cannot be shown.
pub(super) fn problem(app: &AppState, asker: &Asker, problem: Problem) -> Page {
    shown(app, asker, Err(problem))
}

pub(super) async fn stop(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = stop_outcome(&app, &asker, filled).await;
    told(&app, &asker, outcome)
}

async fn stop_outcome(app: &AppState, asker: &Asker, filled: Filled) -> Result<String, Problem> {
    let fields = fields(filled)?;
    let printer = match fields.printer.as_str() {
        "" => None,
        name => Some(name.parse::<PrinterName>()?),
    };
    let all = stopped(app, printer.as_ref(), asker.stops_as(Some(&fields.by)).as_deref()).await?;
    let named = |on_wire: bool| {
        let names = all.iter().filter(|one| one.on_wire == on_wire).map(|one| one.printer.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let mut said = Vec::new();
    if !named(true).is_empty() {
        said.push(format!("Stop is sent to {}.", named(true)));
    }
    if !named(false).is_empty() {
        said.push(format!(
            "No stop could be sent to {}: not connected. Switch off by hand if it moves.",
            named(false)
        ));
    }
    if said.is_empty() {
        said.push("There is no printer to stop.".into());
    }
    Ok(said.join(" "))
}

pub(super) async fn clear_bed(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        bed_is_clear(&app, &printer, &asker.by(Some(&fields.by))?).await?;
        Ok(format!("The bed of {printer} is noted as clear."))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn clear_latch(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        may_be_used(&app, &printer, &asker.by(Some(&fields.by))?).await?;
        Ok(format!("{printer} may be used again."))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn identify(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        is_its_own(&app, &printer, &asker.by(Some(&fields.by))?).await?;
        Ok(format!("The board on the port of {printer} is noted as its own."))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn job(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let job: JobId = fields.job.parse()?;
        let needs = match fields.change.as_str() {
            "start" => Permission::StartJob,
            "accept" => Permission::AcceptFindings,
            "pause" => Permission::PauseJob,
            "resume" => Permission::ResumeJob,
            "cancel" => Permission::CancelJob,
            _ => {
                return Err(Problem::unreadable(
                    "the form asks for no known change",
                    "press a button of the page",
                ));
            }
        };
        asker.may(needs)?;
        let by = asker.by(Some(&fields.by))?;
        if fields.change == "start" {
            let printer = Some(fields.printer.as_str()).filter(|name| !name.is_empty());
            let view = begin(&app, job, printer, &by).await?;
            return Ok(format!("Job {} begins in a moment.", view.id));
        }
        if fields.change == "accept" {
            let codes: Vec<String> = fields.codes.split(' ').map(str::to_owned).collect();
            let view = accepted(&app, job, &codes, &by).await?;
            return Ok(format!(
                "What was found in the file of job {} is accepted: {}.",
                view.id,
                codes.join(", ")
            ));
        }
        let wanted = match needs {
            Permission::PauseJob => Change::Pause,
            Permission::ResumeJob => Change::Resume,
            _ => Change::Cancel,
        };
        let view = change(&app, job, &by, wanted).await?;
        let heat = view.out_of_reach.map(|why| format!(" Look at it: {why}.")).unwrap_or_default();
        Ok(format!("Job {} is {}.{heat}", view.id, view.state))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn assign(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let upload: UploadId = fields.upload.parse()?;
        let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let assignment = Assignment {
            case: given(fields.case),
            part: given(fields.part).map(PartGiven::Text),
            also: Vec::new(),
            printer: None,
            material: given(fields.material),
            accept: Vec::new(),
            by: None,
        };
        let job = assigned(&app, upload, assignment, asker.by_if_known(given(fields.by).as_deref())?).await?;
        Ok(format!("It is queued as job {job}."))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn dismiss(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let upload: UploadId = fields.upload.parse()?;
        dismissed(&app, &upload, &asker.by(Some(&fields.by))?).await?;
        Ok("The file is put away.".to_owned())
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn answer(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let button: u8 = fields
            .button
            .parse()
            .map_err(|_| Problem::unreadable("the form names no button", "press a button of the page"))?;
        answered(&app, &printer, button, Some(fields.asked), &asker.by(Some(&fields.by))?).await?;
        Ok(format!("{printer} is told."))
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn console(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let answer = consoled(&app, &printer, &fields.command, &asker.by(Some(&fields.by))?).await?;
        Ok(html! {
            p { "What " (printer) " said to " code { (fields.command.trim()) } ":" }
            @if answer.lines.is_empty() { p { "Nothing." } } @else { pre { (answer.lines.join("\n")) } }
            @if answer.cut { p { "More came than is shown." } }
            @if !answer.done { p { strong { "It has not said that it is done." } } }
        })
    };
    let outcome = outcome.await;
    shown(&app, &asker, outcome)
}
