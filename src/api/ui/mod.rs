//! The technicians' page: HTML from here, styles and small modules of our own; nothing from elsewhere.
//!
//! Without a script it can be read (it loads itself again), and every printer can be stopped. The script makes it live,
//! and sends the other forms.

mod account;
mod answers;
mod assets;
mod astray;
mod audit;
mod case;
mod cases;
mod commission;
mod farm;
mod forms;
mod frame;
mod hands;
mod inspect;
mod kit;
mod look;
mod lot;
mod materials;
mod new_job;
mod pages;
mod people;
mod pieces;
mod printed;
mod printer;
mod queue;
mod reports;
mod settings;
mod signing;
#[cfg(feature = "oidc")]
mod site;
mod viewer;
mod words;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use maud::Markup;
use tower_http::compression::CompressionLayer;

pub(super) use account::sign_in_for;
pub(super) use answers::told;
pub(super) use astray::page_for_people;
pub use pages::{PAGES, Pace, Page, Room};

use super::{AppState, Problem};

pub(super) use viewer::Viewer;

/// Paths of the page beside those of [`PAGES`], which `/openapi.json` leaves out, too: they are for people.
pub const PATHS: &[&str] = &[
    "/live",
    "/look",
    "/assets/{file}",
    "/favicon.ico",
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
    "/do/looks",
    "/do/sign-in",
    "/do/sign-out",
    "/do/password",
    "/do/token",
    "/do/revoke",
    "/do/app-key",
];

pub(super) fn routes() -> Router<AppState> {
    let router = Router::new();
    #[cfg(feature = "oidc")]
    let router = router.merge(site::routes());
    router
        .route("/look", get(look::page))
        .route("/assets/{file}", get(assets::asset))
        .route("/favicon.ico", get(assets::icon))
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
        .route("/do/looks", post(account::looks))
        .route("/do/sign-in", post(account::sign_in))
        .route("/do/sign-out", post(account::sign_out))
        .route("/do/password", post(account::password))
        .route("/do/token", post(account::token))
        .route("/do/revoke", post(account::revoke))
        .route("/do/app-key", post(account::app_key))
        .merge(pages::routes())
        .layer(CompressionLayer::new())
}

/// What a page or a button answers to who may not have it, or is not signed in.
pub(super) fn refused(viewer: &Viewer, problem: Problem) -> (StatusCode, Markup) {
    let is_unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
    let (status, page) = forms::problem(viewer, problem);
    (status, if is_unknown { account::to_sign_in(viewer) } else { page })
}
