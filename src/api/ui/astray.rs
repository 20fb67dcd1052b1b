//! What a browser gets where there is no page, or where a form is refused: a page that says so, and where the rooms are.
//!
//! ```text
//! GET /parts/7, Accept: text/html ─▶ problem+json, 404 ─▶ a page with the same words, 404
//! ```
//! Programs, and what slicers ask, get the problem itself.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{Reload, frame, problem_words};
use super::pages::Room;
use super::viewer::Viewer;
use super::words::common;
use crate::api::answers::PROBLEM;
use crate::api::{AppState, Problem, compat, door};

/// A problem is shorter.
const BODY_MAX: usize = 64 << 10;
/// Where nobody reads a page: prefixes of paths of programs.
const OF_PROGRAMS: [&str; 6] = ["/v1", "/p/", "/c/", "/openapi.json", "/metrics", "/assets/"];

/// The middleware within the one that tells problems in the page's language.
pub async fn page_for_people(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if !is_of_a_person(request.method(), request.uri().path(), request.headers()) {
        return next.run(request).await;
    }
    let mut asked = Request::new(Body::empty());
    asked.headers_mut().clone_from(request.headers());
    let response = next.run(request).await;
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM);
    // Who comes under a name that is not ours is told nothing about the site.
    if !is_problem || response.status() == StatusCode::MISDIRECTED_REQUEST {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It is all there, in memory: reading it does not fail.
    let bytes = to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    let viewer = Viewer::of(&app, door::whoever(&app, &asked), asked.headers());
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, Body::from(page(&viewer, &problem).into_string()))
}

/// Whether a browser opens a page there, or sends one of the page's own forms.
fn is_of_a_person(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let reads = headers.get_all(header::ACCEPT).iter().any(|accept| {
        accept.to_str().is_ok_and(|accept| accept.split([',', ';']).any(|kind| kind.trim() == "text/html"))
    });
    let asks = *method == Method::GET || (*method == Method::POST && path.starts_with("/do/"));
    reads && asks && !compat::is_compat(path) && !OF_PROGRAMS.iter().any(|prefix| path.starts_with(prefix))
}

fn page(viewer: &Viewer, problem: &Problem) -> Markup {
    let is_nothing = problem.status == StatusCode::NOT_FOUND.as_u16();
    let title = if is_nothing { viewer.say(common::NO_PAGE).to_owned() } else { viewer.told(&problem.title) };
    let rooms = || Room::ALL.into_iter().filter(|room| viewer.may(room.asks()));
    let content = html! {
        div.told data-failed[!is_nothing] {
            h1 { (title) }
            div #said {
                @if is_nothing { p { (viewer.say(common::NO_PAGE_IS)) } } @else { (problem_words(viewer, problem)) }
            }
            p.buttons {
                @if rooms().next().is_none() { a.button href="/sign-in" { (viewer.say(common::SIGN_IN)) } }
                @for room in rooms() { a.button href=(room.path()) { (viewer.say(room.name())) } }
            }
        }
    };
    frame(viewer, None, &title, Reload::Never, None, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_opens_or_sends_for_a_person_is_answered_with_a_page() {
        const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (method, path, accept, is) in [
            (Method::GET, "/nothing", BROWSER, true),
            (Method::POST, "/do/stop", BROWSER, true),
            (Method::POST, "/nothing", BROWSER, false),
            (Method::GET, "/nothing", "*/*", false),
            (Method::GET, "/v1/cases/x", BROWSER, false),
            (Method::GET, "/api/version", BROWSER, false),
            (Method::GET, "/p/mk3/api/version", BROWSER, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(is_of_a_person(&method, path, &headers), is, "{method} {path} {accept}");
        }
    }
}
