//! What the page's buttons do; each answers with a page that says what became of it.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{Reload, frame, problem_words};
use super::viewer::Viewer;
use super::words::forms as words;
use crate::api::Problem;
use crate::api::gate::accepted;
use crate::api::jobs::{begin, change};
use crate::api::printers::{answered, bed_is_clear, consoled, is_its_own, may_be_used};
use crate::api::shapes::PartGiven;
use crate::api::stop::stopped;
use crate::api::uploads::{Assignment, assigned, dismissed};
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
    /// Since when what the form is about is so, as it was seen.
    since: String,
    command: String,
    codes: String,
    upload: String,
    case: String,
    part: String,
    material: String,
    /// What an encrypted file takes, as the slicer shows it.
    resin_ml: String,
    minutes: String,
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

/// What a field says, where it says anything.
fn given(field: &str) -> Option<&str> {
    Some(field.trim()).filter(|text| !text.is_empty())
}

/// A number of a field, with a point or a comma; nothing where it is empty. `wrong` says that it is none.
fn number<N: std::str::FromStr>(field: &str, wrong: &str) -> Result<Option<N>, Problem> {
    let Some(text) = given(field) else { return Ok(None) };
    let number = text
        .replacen(',', ".", 1)
        .parse()
        .map_err(|_| Problem::unreadable(wrong, "give it as the slicer shows it"))?;
    Ok(Some(number))
}

pub(super) fn told(viewer: &Viewer, outcome: Result<String, Problem>) -> Page {
    shown(viewer, outcome.map(|said| html! { p { (said) } }))
}

pub(super) fn shown(viewer: &Viewer, outcome: Result<Markup, Problem>) -> Page {
    let (status, said) = match outcome {
        Ok(said) => (StatusCode::OK, said),
        Err(problem) => (
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            problem_words(viewer, &problem),
        ),
    };
    let page = html! {
        div.told data-failed[!status.is_success()] {
            div #said { (said) }
            p { a href="/" { (viewer.say(words::TO_THE_FARM)) } }
        }
    };
    (status, frame(viewer, None, viewer.say(words::TITLE), Reload::Never, None, &page))
}

/// A page that cannot be shown.
pub(super) fn problem(viewer: &Viewer, problem: Problem) -> Page {
    shown(viewer, Err(problem))
}

pub(super) async fn stop(viewer: Viewer, filled: Filled) -> Page {
    let outcome = stop_outcome(&viewer, filled).await;
    shown(&viewer, outcome)
}

async fn stop_outcome(viewer: &Viewer, filled: Filled) -> Result<Markup, Problem> {
    let fields = fields(filled)?;
    let printer = match fields.printer.as_str() {
        "" => None,
        name => Some(name.parse::<PrinterName>()?),
    };
    let all =
        stopped(&viewer.app, printer.as_ref(), viewer.asker.stops_as(Some(&fields.by)).as_deref()).await?;
    let named = |on_wire: bool| {
        let names = all.iter().filter(|one| one.on_wire == on_wire).map(|one| one.printer.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let (sent, missed) = (named(true), named(false));
    Ok(html! {
        p {
            @if !sent.is_empty() { (viewer.fill(words::STOP_SENT, &[("printers", &sent)])) " " }
            // The script lets this stand until somebody has read it.
            @if !missed.is_empty() {
                strong data-missed { (viewer.fill(words::STOP_NOT_SENT, &[("printers", &missed)])) }
            }
            @if all.is_empty() { (viewer.say(words::STOP_NONE)) }
        }
    })
}

pub(super) async fn clear_bed(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let seen: Option<JobId> = given(&fields.job).map(str::parse).transpose()?;
        bed_is_clear(&viewer.app, &printer, seen, &viewer.asker.by(Some(&fields.by))?).await?;
        Ok(viewer.fill(words::BED_NOTED, &[("printer", &printer)]))
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn clear_latch(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let since = given(&fields.since).map(str::to_owned);
        may_be_used(&viewer.app, &printer, since, &viewer.asker.by(Some(&fields.by))?).await?;
        Ok(viewer.fill(words::MAY_BE_USED, &[("printer", &printer)]))
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn identify(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let since = given(&fields.since).map(str::to_owned);
        is_its_own(&viewer.app, &printer, since, &viewer.asker.by(Some(&fields.by))?).await?;
        Ok(viewer.fill(words::OWN_BOARD, &[("printer", &printer)]))
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn job(viewer: Viewer, filled: Filled) -> Page {
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
        viewer.asker.may(needs)?;
        let by = viewer.asker.by(Some(&fields.by))?;
        if fields.change == "start" {
            let printer = Some(fields.printer.as_str()).filter(|name| !name.is_empty());
            let view = begin(&viewer.app, job, printer, &by).await?;
            return Ok(viewer.fill(words::BEGINS, &[("job", &view.id)]));
        }
        if fields.change == "accept" {
            let codes: Vec<String> = fields.codes.split(' ').map(str::to_owned).collect();
            let view = accepted(&viewer.app, job, &codes, &by).await?;
            return Ok(viewer.fill(words::ACCEPTED, &[("job", &view.id), ("codes", &codes.join(", "))]));
        }
        let wanted = match needs {
            Permission::PauseJob => Change::Pause,
            Permission::ResumeJob => Change::Resume,
            _ => Change::Cancel,
        };
        let view = change(&viewer.app, job, &by, wanted).await?;
        let state = viewer.state(&view.state);
        let said = viewer.fill(words::JOB_IS, &[("job", &view.id), ("state", &state)]);
        Ok(match view.out_of_reach {
            Some(why) => format!("{said} {}", viewer.fill(words::LOOK_AT_IT, &[("why", &why)])),
            None => said,
        })
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn assign(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let upload: UploadId = fields.upload.parse()?;
        let assignment = Assignment {
            case: given(&fields.case).map(str::to_owned),
            part: given(&fields.part).map(|part| PartGiven::Text(part.to_owned())),
            also: Vec::new(),
            printer: None,
            material: given(&fields.material).map(str::to_owned),
            resin_ml: number(&fields.resin_ml, "the resin that the file takes is no number")?,
            minutes: number(&fields.minutes, "how many minutes it takes is no number")?,
            accept: Vec::new(),
            by: None,
        };
        let job =
            assigned(&viewer.app, upload, assignment, viewer.asker.by_if_known(given(&fields.by))?).await?;
        Ok(viewer.fill(words::QUEUED, &[("job", &job)]))
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn dismiss(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let upload: UploadId = fields.upload.parse()?;
        dismissed(&viewer.app, &upload, &viewer.asker.by(Some(&fields.by))?).await?;
        Ok(viewer.say(words::PUT_AWAY).to_owned())
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn answer(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let button: u8 = fields
            .button
            .parse()
            .map_err(|_| Problem::unreadable("the form names no button", "press a button of the page"))?;
        answered(&viewer.app, &printer, button, Some(fields.asked), &viewer.asker.by(Some(&fields.by))?)
            .await?;
        Ok(viewer.fill(words::TOLD, &[("printer", &printer)]))
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn console(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let fields = fields(filled)?;
        let printer: PrinterName = fields.printer.parse()?;
        let answer =
            consoled(&viewer.app, &printer, &fields.command, &viewer.asker.by(Some(&fields.by))?).await?;
        let head = viewer.fill(words::CONSOLE_SAID, &[("printer", &printer)]);
        Ok(html! {
            p { (head) " " code { (fields.command.trim()) } ":" }
            @if answer.lines.is_empty() { p { (viewer.say(words::CONSOLE_NOTHING)) } } @else { pre { (answer.lines.join("\n")) } }
            @if answer.cut { p { (viewer.say(words::CONSOLE_CUT)) } }
            @if !answer.done { p { strong { (viewer.say(words::CONSOLE_NOT_DONE)) } } }
        })
    };
    let outcome = outcome.await;
    shown(&viewer, outcome)
}
