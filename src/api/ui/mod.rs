//! The technicians' page: HTML from here, one style sheet, one small module; nothing from elsewhere.
//!
//! Without a script it can be read (it reloads itself) and everything can be done, since each
//! button is a form. The script only makes it live.

mod account;
mod board;
mod forms;
mod look;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use maud::{DOCTYPE, Markup, html};

pub(super) use account::sign_in_for;

use super::door::Asker;
use super::{AppState, Problem};

/// Paths of the page, which `/openapi.json` leaves out: they are for people.
pub const PATHS: &[&str] = &[
    "/",
    "/fragment/board",
    "/look",
    "/assets/platen.css",
    "/assets/platen.js",
    "/do/stop",
    "/do/clear-bed",
    "/do/clear-latch",
    "/do/identify",
    "/do/job",
    "/do/answer",
    "/do/assign",
    "/do/dismiss",
    "/do/console",
    "/sign-in",
    "/account",
    "/do/sign-in",
    "/do/sign-out",
    "/do/password",
    "/do/token",
    "/do/revoke",
    "/do/app-key",
];

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(page))
        .route("/fragment/board", get(fragment))
        .route("/look", get(look::page))
        .route("/assets/platen.css", get(|| asset("text/css; charset=utf-8", include_str!("platen.css"))))
        .route(
            "/assets/platen.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("platen.js"))),
        )
        .route("/do/stop", post(forms::stop))
        .route("/do/clear-bed", post(forms::clear_bed))
        .route("/do/clear-latch", post(forms::clear_latch))
        .route("/do/identify", post(forms::identify))
        .route("/do/job", post(forms::job))
        .route("/do/answer", post(forms::answer))
        .route("/do/assign", post(forms::assign))
        .route("/do/dismiss", post(forms::dismiss))
        .route("/do/console", post(forms::console))
        .route("/sign-in", get(account::sign_in_page))
        .route("/account", get(account::page))
        .route("/do/sign-in", post(account::sign_in))
        .route("/do/sign-out", post(account::sign_out))
        .route("/do/password", post(account::password))
        .route("/do/token", post(account::token))
        .route("/do/revoke", post(account::revoke))
        .route("/do/app-key", post(account::app_key))
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// When a page loads itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    Never,
    /// Where no script keeps it live.
    WithoutScript,
    /// So many seconds. Only its script knows whether somebody does something there: a browser that loads the page again
    /// by itself forgets the stop that it is just sending.
    Every(u32),
}

/// The frame of every page.
fn frame(app: &AppState, asker: &Asker, reload: Reload, content: &Markup) -> Markup {
    let (by_script, by_browser) = match reload {
        Reload::Never => (None, None),
        Reload::WithoutScript => (None, Some(10)),
        Reload::Every(seconds) => (Some(seconds), Some(seconds)),
    };
    let (site, node) = (app.config.site.as_str(), app.config.node.as_str());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "platen · " (site) " · " (node) }
                link rel="stylesheet" href="/assets/platen.css";
                script type="module" src="/assets/platen.js" {}
                @if let Some(seconds) = by_browser {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
            }
            body data-reload=[by_script] data-user=[asker.name()] {
                header {
                    h1 { a href="/" { "platen" } }
                    p.place { (site) " · " (node) }
                    p #link.link role="status" { "As of " (app.clock.wall().to_string().get(11..19).unwrap_or("")) " UTC" }
                    @match asker {
                        Asker::Known(who) => p.user { a href="/account" title="Account" { (who.name) } },
                        Asker::Stranger => p.user { a href="/sign-in" { "Sign in" } },
                        Asker::Everybody => label.who hidden { "Your name " input #who autocomplete="name" maxlength="40"; },
                    }
                    form.stop-all method="post" action="/do/stop" {
                        input type="hidden" name="by" value="";
                        button #stop-all.stop { "Stop all printers" }
                    }
                }
                p #news.news role="status" aria-live="polite" {}
                (content)
            }
        }
    }
}

async fn page(State(app): State<AppState>, asker: Asker) -> Markup {
    frame(&app, &asker, Reload::WithoutScript, &html! { main #board { (board::board(&app, &asker)) } })
}

async fn fragment(State(app): State<AppState>, asker: Asker) -> Markup {
    board::board(&app, &asker)
}

/// What a page or a button answers to who may not have it, or is not signed in.
pub(super) fn refused(app: &AppState, problem: Problem) -> (StatusCode, Markup) {
    let is_unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
    let (status, page) = forms::problem(app, &Asker::Stranger, problem);
    (status, if is_unknown { account::to_sign_in(app) } else { page })
}
