//! Signing in with the site's own account: the browser is sent to the provider, and comes back.
//!
//! The browser keeps what it began with in a cookie that a link from elsewhere brings along (`SameSite=Lax`), for it
//! comes back by one. The session's cookie does not come along on such a way: so the page that it comes back to goes on
//! by itself, as a page of ours.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::html;
use serde::Deserialize;

use super::account::{To, back_to, own};
use super::frame::problem_words;
use super::viewer::{Viewer, cookie};
use super::words::{account as words, site as site_words};
use crate::api::door::Asker;
use crate::api::given::Asked;
use crate::api::{AppState, Problem, Reached};
use crate::config::BACK;
use crate::io::secret::Secret;
use crate::services::access::set_cookie;
use crate::services::oidc::{NotVouched, SiteSignIn};

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/sign-in/site", get(begin)).route(BACK, get(back))
}

const fn way_cookie(secure: bool) -> &'static str {
    if secure { "__Host-platen_way" } else { "platen_way" }
}

/// The header of the cookie with what was begun; over after ten minutes, or at once.
fn keeps(state: &str, secure: bool) -> Option<HeaderValue> {
    let seconds = if state.is_empty() { 0 } else { 600 };
    let secure_word = if secure { "; Secure" } else { "" };
    let name = way_cookie(secure);
    let text = format!("{name}={state}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure_word}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl From<NotVouched> for Problem {
    fn from(error: NotVouched) -> Self {
        let status = match error {
            NotVouched::Provider(_) | NotVouched::Unfit(_) => StatusCode::BAD_GATEWAY,
            NotVouched::Busy => StatusCode::SERVICE_UNAVAILABLE,
            NotVouched::State | NotVouched::Denied | NotVouched::Token(_) => StatusCode::UNAUTHORIZED,
            NotVouched::Claim(_) | NotVouched::NoRole(_) => StatusCode::FORBIDDEN,
        };
        Self::from_words(status, "not-vouched-for", &error.to_string(), "sign in again")
    }
}

fn site(app: &AppState) -> Result<SiteSignIn, Problem> {
    app.site.clone().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-site-sign-in",
            "this platen asks no sign-in of the site's",
            "sign in with a name and a password",
        )
    })
}

/// Not let in, and why.
fn not_in(viewer: &Viewer, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content = html! {
        h1 { (viewer.say(site_words::NOT_IN)) }
        div #said role="alert" { (problem_words(viewer, problem)) }
        p { a href="/sign-in" { (viewer.say(words::SIGN_IN)) } }
    };
    (status, own(viewer, words::SIGN_IN, &content)).into_response()
}

async fn begin(viewer: Viewer, reached: Reached, to: Result<Asked<To>, Problem>) -> Response {
    let to = to.map(|Asked(To { to })| to).unwrap_or_default();
    let begun = async {
        let site = site(&viewer.app)?;
        Ok::<_, Problem>(site.begin(back_to(&to).to_owned()).await?)
    };
    match begun.await {
        Ok(sent) => {
            let mut headers = HeaderMap::new();
            headers
                .extend(keeps(sent.state.expose(), reached.secure).map(|value| (header::SET_COOKIE, value)));
            headers.extend(HeaderValue::try_from(sent.url).ok().map(|url| (header::LOCATION, url)));
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(problem) => not_in(&viewer, &problem),
    }
}

/// What the provider sends a browser back with; an error's own words are nobody's to show.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Back {
    state: String,
    code: Option<String>,
}

async fn back(
    viewer: Viewer,
    State(app): State<AppState>,
    reached: Reached,
    headers: HeaderMap,
    given: Result<Asked<Back>, Problem>,
) -> Response {
    let cookies = headers.get(header::COOKIE).and_then(|all| all.to_str().ok()).unwrap_or_default();
    let kept = cookie(cookies, way_cookie(reached.secure)).map(|state| Secret::new(state.to_owned()));
    let Back { state, code } = given.map(|Asked(back)| back).unwrap_or_default();
    let came = async {
        let kept = kept.as_ref().map(Secret::expose);
        let (vouched, to) = site(&app)?.end(kept, &state, code.as_deref()).await?;
        Ok::<_, Problem>((app.entrance.welcome(vouched).await?, to))
    };
    let mut answer = match came.await {
        Ok((signed_in, to)) => {
            if let Asker::Known(before) = &viewer.asker {
                app.entrance.sign_out(before);
            }
            let to = back_to(&to);
            let content = html! { p { a href=(to) { (viewer.say(site_words::GO_ON)) } } };
            let mut answer = own(&viewer, words::SIGN_IN, &content).into_response();
            let headers = answer.headers_mut();
            let session = set_cookie(&signed_in.session, reached.secure);
            if let Ok(mut session) = HeaderValue::from_str(session.expose()) {
                session.set_sensitive(true);
                headers.append(header::SET_COOKIE, session);
            }
            if let Ok(refresh) = HeaderValue::try_from(format!("0; url={to}")) {
                headers.insert(HeaderName::from_static("refresh"), refresh);
            }
            answer
        }
        Err(problem) => not_in(&viewer, &problem),
    };
    if let Some(over) = keeps("", reached.secure) {
        answer.headers_mut().append(header::SET_COOKIE, over);
    }
    answer
}
