//! Cases and their parts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{Audited, Changed, NoSuch, Ordered, Timely, Told};
use super::door::Asker;
use super::given::{Given, Named};
use super::problem::Problem;
use super::shapes::{CaseBrief, CaseView, FindCases, FoundCase, NewCase, NewPart, PartView, TaleView};
use super::vault::let_in;
use super::{AppState, views};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{CaseToken, PartId};
use crate::domain::lab::Request;
use crate::domain::part::{PartName, PartRef};
use crate::domain::story;
use crate::io::clock::entropy;
use crate::services::vault_desk::Words;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, open))
        .routes(routes!(find))
        .routes(routes!(show))
        .routes(routes!(add_part))
        .routes(routes!(story))
}

/// All cases, newest first.
#[utoipa::path(get, path = "/v1/cases", tag = "cases", operation_id = "list_cases",
    responses((status = 200, description = "All cases", body = Vec<CaseBrief>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<CaseBrief>> {
    Json(app.recorder.read(views::cases))
}

/// Longer than any name of a part with its token.
const WORDS_MAX: usize = 120;

/// Looks for cases by token, names of parts and ordering service, newest first, 50 at most.
#[utoipa::path(post, path = "/v1/cases/search", tag = "cases", operation_id = "find_cases", request_body = FindCases,
    responses((status = 200, description = "What was found", body = Vec<FoundCase>),
        (status = 415, description = "The body is not declared as JSON", body = Problem,
            content_type = "application/problem+json"), Ordered))]
async fn find(
    State(app): State<AppState>,
    Given(FindCases { words }): Given<FindCases>,
) -> Result<Json<Vec<FoundCase>>, Problem> {
    if words.trim().is_empty() || words.chars().count() > WORDS_MAX {
        return Err(Problem::unreadable(
            "what is looked for is 1 to 120 characters",
            "give a part of a token or of a part's name",
        ));
    }
    Ok(Json(app.recorder.read(|lab| views::found_cases(lab, &words))))
}

/// Opens a case. Its token is random and the only name that it has outside the lab.
#[utoipa::path(post, path = "/v1/cases", tag = "cases", operation_id = "open_case", request_body = NewCase,
    responses((status = 201, description = "The new case", body = CaseView), Changed))]
async fn open(
    State(app): State<AppState>,
    asker: Asker,
    Given(new): Given<NewCase>,
) -> Result<Response, Problem> {
    let token = CaseToken::from_entropy(entropy());
    let request = Request::OpenCase { case: token.clone(), intended_use: new.intended_use };
    app.recorder.submit(request, asker.actor()).await?;
    let view = seen(&app, &token)?;
    let place = format!("/v1/cases/{token}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

fn seen(app: &AppState, token: &CaseToken) -> Result<CaseView, Problem> {
    app.recorder.read(|lab| Ok(views::case(app, lab, lab.case(token)?)))
}

/// One case with its parts and jobs.
#[utoipa::path(get, path = "/v1/cases/{token}", tag = "cases", operation_id = "show_case",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "The case", body = CaseView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(token): Named<CaseToken>,
) -> Result<Json<CaseView>, Problem> {
    seen(&app, &token).map(Json)
}

/// Entries that are read from the store at once.
const PAGE: usize = 512;

/// What the journal tells of a case, oldest first, in sentences. Reads the whole journal: a second per 100 000 entries.
#[utoipa::path(get, path = "/v1/cases/{token}/story", tag = "cases", operation_id = "case_story",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "Its entries, but for progress", body = Vec<TaleView>), Audited, NoSuch))]
async fn story(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
) -> Result<Json<Vec<TaleView>>, Problem> {
    tale(&app, &case).await.map(Json)
}

/// The same for whoever shows it.
pub(super) async fn tale(app: &AppState, case: &CaseToken) -> Result<Vec<TaleView>, Problem> {
    app.recorder.read(|lab| lab.case(case).map(|_| ()))?;
    let held = app.vault.held(Some(case.clone())).await;
    let (mut tale, mut next) = (Vec::new(), 1);
    loop {
        let page = app.recorder.events(next, PAGE).await?;
        let Some(last) = page.last() else { return Ok(tale) };
        next = last.seq + 1;
        let is_told = |event: &Event| !matches!(event.fact, Fact::JobProgress { .. });
        let of_case: Vec<_> = app.recorder.read(|lab| {
            let told = page.into_iter().filter(is_told);
            let told = told.filter(|event| story::is_of_case(lab, event, case));
            told.map(|event| (story::case_of(lab, &event).cloned(), event)).collect()
        });
        // What is held back takes long: the journal's writer does not wait for it, and others have their turn.
        for (of, event) in of_case {
            tale.push(TaleView::from(&held.entry_of(of.as_ref(), event)));
            tokio::task::yield_now().await;
        }
    }
}

/// Adds a part that is to be made.
#[utoipa::path(post, path = "/v1/cases/{token}/parts", tag = "cases", operation_id = "add_part", request_body = NewPart,
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 201, description = "The new part", body = PartView),
        (status = 422, description = "The name has in it what the vault has of the case", body = Problem,
            content_type = "application/problem+json"), Changed, NoSuch, Timely))]
async fn add_part(
    State(app): State<AppState>,
    asker: Asker,
    Named(case): Named<CaseToken>,
    Given(new): Given<NewPart>,
) -> Result<(StatusCode, Json<PartView>), Problem> {
    let name = PartName::try_from(new.name).map_err(|error| {
        let help = "call it by what it is, such as \"left ventricle\"; never by a patient";
        Problem::new(StatusCode::BAD_REQUEST, "not-a-part-name", error.to_string(), help)
    })?;
    let_in(&app, Some(&case), &name, Words::CanWait).await?;
    let part = PartId::from_entropy(entropy());
    let request = Request::AddPart { case: case.clone(), part: part.clone(), name };
    app.recorder.submit(request, asker.actor()).await?;
    let part = PartRef::Id(part);
    let view = app.recorder.read(|lab| lab.find_part(&case, &part).map(PartView::from))?;
    Ok((StatusCode::CREATED, Json(view)))
}
