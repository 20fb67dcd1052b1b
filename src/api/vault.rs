//! Who a case is for: kept, read and erased by those who need it; its sealed records for a backup; another key.
//!
//! Nothing of it is in an error's words, and no copy of an answer stays with a browser or a proxy. Somebody always is
//! signed in here: where nobody is set up, whoever reaches the port would be able to read who all the cases are for.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Lying, NoSuch, Told, Vaulted};
use super::door::Asker;
use super::given::{Given, Named, Unsaid};
use super::problem::Problem;
use super::shapes::{
    EraseOrder, IdentifiersKept, IdentifiersShown, NewIdentifiers, NoMore, ReadOrder, ResealedView,
};
use crate::domain::identifiers::Identifiers;
use crate::domain::ids::CaseToken;
use crate::domain::people::name::UserName;
use crate::services::vault_desk::{NotTaken, Words};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(kept, keep))
        .routes(routes!(read))
        .routes(routes!(erase))
        .routes(routes!(reseal))
        .routes(routes!(records))
        .routes(routes!(record))
}

/// Kept by nobody on the way.
const NOT_STORED: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Who asks; there is somebody, or no answer.
fn by(asker: &Asker) -> Result<&UserName, Problem> {
    asker.who().map(|who| &who.name)
}

fn seen(app: &AppState, case: &CaseToken) -> Result<Response, Problem> {
    let state = app.vault.state(case)?;
    let version = state.as_ref().map(|state| state.version);
    let kept = state.is_some_and(|state| state.seal.is_some());
    let shown = IdentifiersKept { kept, version, vault: app.vault.word().into() };
    Ok((NOT_STORED, Json(shown)).into_response())
}

/// Whether it is written down who a case is for, and how often that was changed; not what it says.
#[utoipa::path(get, path = "/v1/cases/{token}/identifiers", tag = "vault", operation_id = "identifiers_kept",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "Whether, and which version", body = IdentifiersKept), Told, NoSuch))]
async fn kept(State(app): State<AppState>, Named(case): Named<CaseToken>) -> Result<Response, Problem> {
    seen(&app, &case)
}

/// Writes down who a case is for, in place of all that was written before. It is sealed, and in no journal.
#[utoipa::path(post, path = "/v1/cases/{token}/identifiers", tag = "vault", operation_id = "keep_identifiers",
    params(("token" = String, Path, description = "The case's token")), request_body = IdentifiersShown,
    responses((status = 200, description = "Which version it is", body = IdentifiersKept), Vaulted))]
async fn keep(
    State(app): State<AppState>,
    asker: Asker,
    Named(case): Named<CaseToken>,
    Unsaid(given): Unsaid<NewIdentifiers>,
) -> Result<Response, Problem> {
    let by = by(&asker)?;
    let identifiers = Identifiers::try_from(&given.0)?;
    app.vault.keep(by, case.clone(), identifiers).await?;
    seen(&app, &case)
}

/// Shows who a case is for. That who asks has read it, and why, is in the journal before; not with a token.
#[utoipa::path(post, path = "/v1/cases/{token}/identifiers/read", tag = "vault", operation_id = "read_identifiers",
    params(("token" = String, Path, description = "The case's token")), request_body = ReadOrder,
    responses((status = 200, description = "Who it is for", body = IdentifiersShown), Vaulted))]
async fn read(
    State(app): State<AppState>,
    asker: Asker,
    Named(case): Named<CaseToken>,
    Unsaid(order): Unsaid<ReadOrder>,
) -> Result<Response, Problem> {
    let identifiers = app.vault.read(by(&asker)?, case, order.reason).await?;
    Ok((NOT_STORED, Json(IdentifiersShown::from(&identifiers))).into_response())
}

/// Takes away who a case is for, all versions of it. That it was there, and who erased it, stays in the journal.
#[utoipa::path(post, path = "/v1/cases/{token}/identifiers/erase", tag = "vault", operation_id = "erase_identifiers",
    params(("token" = String, Path, description = "The case's token")), request_body = EraseOrder,
    responses((status = 200, description = "Nothing is kept any more", body = IdentifiersKept), Vaulted))]
async fn erase(
    State(app): State<AppState>,
    asker: Asker,
    Named(case): Named<CaseToken>,
    Unsaid(order): Unsaid<EraseOrder>,
) -> Result<Response, Problem> {
    app.vault.erase(by(&asker)?, case.clone(), order.reason).await?;
    seen(&app, &case)
}

/// Reads the vault's key file anew, opens the vault where it was closed, and seals every record with the newest key.
#[utoipa::path(post, path = "/v1/vault/reseal", tag = "vault", operation_id = "reseal_vault", request_body = NoMore,
    responses((status = 200, description = "How many were sealed anew", body = ResealedView), Vaulted))]
async fn reseal(
    State(app): State<AppState>,
    asker: Asker,
    Given(NoMore {}): Given<NoMore>,
) -> Result<Json<ResealedView>, Problem> {
    by(&asker)?;
    let told = app.vault.reseal().await?;
    let failed = told.failed.iter().map(ToString::to_string).collect();
    Ok(Json(ResealedView { changed: told.changed, unchanged: told.unchanged, failed }))
}

/// The cases of which a sealed record is there.
#[utoipa::path(get, path = "/v1/vault/records", tag = "vault", operation_id = "list_records",
    responses((status = 200, description = "Their tokens", body = Vec<String>), Lying))]
async fn records(State(app): State<AppState>) -> Result<Json<Vec<String>>, Problem> {
    let cases = app.vault.sealed_cases().await?;
    Ok(Json(cases.iter().map(ToString::to_string).collect()))
}

/// A case's record as it lies there, sealed: for a backup. The key is nowhere in platen's folder.
#[utoipa::path(get, path = "/v1/vault/records/{token}", tag = "vault", operation_id = "record_content",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "The record", content_type = "application/octet-stream", body = String),
        Lying))]
async fn record(State(app): State<AppState>, Named(case): Named<CaseToken>) -> Result<Response, Problem> {
    let record = app.vault.sealed_record(case).await?;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
    Ok((StatusCode::OK, NOT_STORED, kind, record).into_response())
}

/// Lets words in only where nothing of what the vault has of their case is in them; those of no case only where nothing
/// of any case is.
pub async fn let_in<T: Serialize + DeserializeOwned>(
    app: &AppState,
    case: Option<&CaseToken>,
    thing: &T,
    words: Words,
) -> Result<(), Problem> {
    app.vault.let_in(case, thing, words).await.map_err(|why| not_taken(case, &why))
}

/// The same for a name that is given to something of no case.
pub async fn let_name_in(app: &AppState, name: &str) -> Result<(), Problem> {
    app.vault.let_name_in(name).await.map_err(|why| not_taken(None, &why))
}

fn not_taken(case: Option<&CaseToken>, why: &NotTaken) -> Problem {
    let about = case.map_or_else(|| "no case".into(), |case| format!("case {case}"));
    tracing::warn!(about, "words were refused: {why}");
    match why {
        NotTaken::Names(_) => {
            let help = "take that out, and name the case by its token";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "names-a-patient", why.to_string(), help)
        }
        NotTaken::Unreadable(_) => {
            let help = "do that first, or have an admin look at the daemon's log; what keeps a part, a lot or a \
                        printer apart is taken all the same";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not-unsealed", why.to_string(), help)
        }
    }
}
