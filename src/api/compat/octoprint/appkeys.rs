//! Programs that ask for a key, as OctoPrint's do, and the people who grant it under `/v1/app-keys`.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::AppState;
use super::super::super::answers::{NoSuch, OfPeople, Told};
use super::super::super::door::Asker;
use super::super::super::given::{Example, Given};
use super::super::super::problem::Problem;
use super::super::super::public::root;
use super::super::Unchecked;
use super::{Answer, Body, InPath, base, yes};
use crate::domain::ids::TokenId;
use crate::domain::people::roles::{Forbidden, Permission, Role, Who};
use crate::io::digest::ByDigest;
use crate::services::appkeys::{Asking, NotGranted, Pending, Polled, plain};
use crate::services::entrance::Refused;

/// With either of them a program uploads and queues; with the first it pauses, too. It gets one and no more.
const USEFUL: [Role; 2] = [Role::Operator, Role::Designer];

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/plugin/appkeys/probe", get(probe))
        .route("/plugin/appkeys/request", post(request))
        .route("/plugin/appkeys/request/{app_token}", get(poll))
}

/// For people, beside the routes of `/v1`.
pub fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(decide))
}

/// A program that asks for a key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AppKeyView {
    /// What it is granted or denied by.
    pub code: String,
    /// What the program calls itself.
    pub app: String,
    /// For whom it says it asks; nobody has checked that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// At which address it asks: `/` is the shared queue, `/p/mk3-01` a printer.
    #[serde(default)]
    pub from: String,
    /// Since when; RFC 3339.
    pub asked: String,
}

impl From<Pending> for AppKeyView {
    fn from(pending: Pending) -> Self {
        let Pending { code, app, user, from, at } = pending;
        Self { code, app, user, from, asked: at.to_string() }
    }
}

/// Whether a program gets a key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppKeyDecision {
    pub grant: bool,
}

impl Example for AppKeyDecision {
    const EXAMPLE: &'static str = r#"{"grant": true}"#;
}

async fn probe() -> Answer {
    super::done()
}

async fn request(
    State(app): State<AppState>,
    place: Result<Unchecked, Problem>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Unchecked(place) = place?;
    let Some(called) = body.text("app").filter(|called| !called.trim().is_empty()) else {
        return Err(
            Problem::unreadable("the program does not say what it is", "send {\"app\": \"<name>\"}").into()
        );
    };
    let (now, at) = (app.clock.now(), app.clock.wall());
    let prefix = place.prefix();
    let from = if prefix.is_empty() { "/" } else { prefix.as_str() };
    let asking = Asking { app: called, user: body.text("user"), from, is_open: !app.entrance.is_guarded() };
    let asked = app.app_keys.ask(asking, now, at).ok_or_else(|| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-programs",
            "too many programs ask for a key already",
            "grant or deny some with `platen users app-keys`, or try again in a minute",
        )
    })?;
    // Strangers do not fill the log.
    tracing::debug!(code = asked.code, app = plain(called), "a program asks for a key");
    let base = base(&app, &headers, &place);
    let location = format!("{base}/plugin/appkeys/request/{}", asked.token);
    let dialog = format!("{}/account", root(&app.config, &headers));
    let answer = json!({"app_token": asked.token, "auth_dialog": dialog, "platen": {"code": asked.code}});
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

async fn poll(State(app): State<AppState>, method: Method, path: InPath) -> Answer {
    // A key is handed out once, and an answer to HEAD would lose it.
    if method == Method::HEAD {
        return Err(Problem::wrong_method().into());
    }
    match app.app_keys.poll(path.get("app_token"), app.clock.now()) {
        Polled::Waits => {
            Ok((StatusCode::ACCEPTED, Json(json!({"message": "Awaiting decision"}))).into_response())
        }
        Polled::Granted(key) => yes(json!({"api_key": key.expose()})),
        Polled::Unknown => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-request",
            "the request was denied, is too old, or its key was fetched already",
            "ask for a key again",
        )
        .into()),
    }
}

fn no_request(code: &str) -> Problem {
    let code = plain(code);
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-request",
        format!("no program waits for a key under the code {code}"),
        "`platen users app-keys list` shows those that do; a program that went away has to ask again",
    )
}

/// Programs that ask for a key, the oldest first. They are forgotten after ten minutes, or when they go away.
#[utoipa::path(get, path = "/v1/app-keys", tag = "people", operation_id = "list_app_keys",
    responses((status = 200, description = "The programs", body = Vec<AppKeyView>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<AppKeyView>> {
    Json(waiting(&app))
}

fn waiting(app: &AppState) -> Vec<AppKeyView> {
    app.app_keys.pending(app.clock.now()).into_iter().map(AppKeyView::from).collect()
}

/// Grants or denies a program its key: a token of who grants it, as operator, or as designer where they are no operator.
/// Nobody but the program sees it, and it is revoked where the program does not fetch it. Two that call themselves alike
/// are granted none.
#[utoipa::path(post, path = "/v1/app-keys/{code}", tag = "people", operation_id = "decide_app_key",
    request_body = AppKeyDecision, params(("code" = String, Path, description = "The request's code")),
    responses((status = 200, description = "The programs that still wait", body = Vec<AppKeyView>), OfPeople, NoSuch))]
async fn decide(
    State(app): State<AppState>,
    asker: Asker,
    axum::extract::Path(code): axum::extract::Path<String>,
    Given(decision): Given<AppKeyDecision>,
) -> Result<Json<Vec<AppKeyView>>, Problem> {
    decided(&app, &asker, &code, decision.grant).await?;
    Ok(Json(waiting(&app)))
}

/// Somebody grants or denies what waits under this code.
pub(in crate::api) async fn decided(
    app: &AppState,
    asker: &Asker,
    code: &str,
    grant: bool,
) -> Result<(), Problem> {
    if !grant {
        let is_denied = app.app_keys.deny(code, app.clock.now());
        return if is_denied { Ok(()) } else { Err(no_request(code)) };
    }
    let (app, who, code) = (app.clone(), Arc::clone(asker.who()?), code.to_owned());
    // Goes on to its end when whoever grants goes away: a token is issued and lies ready, or there is none.
    let work = tokio::spawn(async move { granted(&app, &who, &code).await });
    work.await.unwrap_or_else(|_| Err(Refused::BrokenOff.into()))
}

fn not_granted(code: &str, why: NotGranted) -> Problem {
    match why {
        NotGranted::Unknown => no_request(code),
        NotGranted::Alike => Problem::new(
            StatusCode::CONFLICT,
            "two-ask-alike",
            "two programs that call themselves the same ask for a key, and one of them may be somebody else's; none was granted",
            "deny the one that you have not set up (the list says since when and at which address each asks), or wait half a minute and let yours ask again",
        ),
    }
}

async fn granted(app: &AppState, who: &Arc<Who>, code: &str) -> Result<(), Problem> {
    let found = app.app_keys.find(code, app.clock.now());
    let pending = found.map_err(|why| not_granted(code, why))?;
    let roles = useful(who)?;
    let issued = app.entrance.issue_token(who, pending.app.parse()?, roles, ByDigest::No).await?;
    let (id, secret) = (issued.id, issued.secret);
    if let Err(why) = app.app_keys.grant(code, secret, id.clone(), app.clock.now()) {
        // The program went away meanwhile, or another came: nobody has the key, and nobody is to have it.
        app.entrance.revoke_token(who, id).await?;
        return Err(not_granted(code, why));
    }
    tokio::spawn(until_fetched(app.clone(), Arc::clone(who), id));
    Ok(())
}

/// Revokes a key that its program does not fetch in time: nobody has it.
async fn until_fetched(app: AppState, who: Arc<Who>, id: TokenId) {
    while let Some(until) = app.app_keys.lies_until(&id) {
        if app.clock.now() >= until || app.shutdown.is_cancelled() {
            break;
        }
        tokio::select! {
            () = app.shutdown.cancelled() => {}
            () = tokio::time::sleep_until(app.clock.instant(until)) => {}
        }
    }
    if app.app_keys.lapse(&id)
        && let Err(error) = app.entrance.revoke_token(&who, id.clone()).await
    {
        tracing::error!(%error, token = %id, "a key that no program has fetched is not revoked: revoke it");
    }
}

/// The least of somebody's roles that a program can do with.
fn useful(who: &Who) -> Result<BTreeSet<Role>, Problem> {
    match USEFUL.into_iter().find(|role| who.roles.contains(role)) {
        Some(role) => Ok(BTreeSet::from([role])),
        None => {
            let (is, permission) = (who.roles.clone(), Permission::Upload);
            Err(Forbidden::Role { who: who.name.clone(), is, permission }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::roles::Means;

    #[test]
    fn a_program_gets_one_role_the_operators_first() {
        use Role::{Admin, Designer, Inspector, Operator};
        for (roles, given) in [
            (vec![Designer, Operator, Admin], Some(Operator)),
            (vec![Operator], Some(Operator)),
            (vec![Designer, Inspector], Some(Designer)),
            (vec![Admin, Inspector], None),
        ] {
            let who = Who {
                name: "kim".parse().unwrap(),
                printed: "Kim Lee".parse().unwrap(),
                roles: roles.iter().copied().collect(),
                means: Means::Session(TokenId::from_entropy([1; 16])),
                own_password: true,
            };
            let told: Option<Vec<_>> = useful(&who).ok().map(|roles| roles.into_iter().collect());
            assert_eq!(told, given.map(|role| vec![role]), "{roles:?}");
        }
    }
}
