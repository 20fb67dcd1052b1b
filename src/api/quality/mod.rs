//! The quality half over HTTP: cases, printed parts, inspections, material, what is not right, who signs.
//!
//! `shapes` is the JSON, `views` fills it, `who` finds out who asks; the other files are the routes of one noun each.
//! Each change goes through `change`, and is answered when it is on the disk.

pub(super) mod views;
mod who;

// utoipa's macro names the query types with their path.
#[allow(unused_qualifications)]
mod cases;
#[allow(unused_qualifications)]
mod inspections;
#[allow(unused_qualifications)]
mod label;
mod lots;
#[allow(unused_qualifications)]
mod nonconformances;
#[allow(unused_qualifications)]
mod printed;
mod printers;
mod processes;
mod rules;
mod scans;

pub mod shapes;

pub(in crate::api) use printers::lot as scanned_lot;
pub use views::case_words;
pub use who::permission;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::ops::RangeInclusive;
use utoipa_axum::router::OpenApiRouter;

use super::AppState;
use super::problem::Problem;
use super::vault::{let_in, let_name_in};
use crate::domain::event::Actor;
use crate::domain::lab::Request;
use crate::domain::quality::{self, Change};
use crate::domain::seen::Seen;
use crate::services::vault_desk::Words;
use who::Asker;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(cases::routes())
        .merge(printed::routes())
        .merge(label::routes())
        .merge(inspections::routes())
        .merge(nonconformances::routes())
        .merge(lots::routes())
        .merge(printers::routes())
        .merge(processes::routes())
        .merge(rules::routes())
        .merge(scans::routes())
}

/// Asks for a change in somebody's name. Done when it is on the disk.
async fn change(app: &AppState, who: &Asker, change: Change) -> Result<(), Problem> {
    change_seen(app, who, change, None).await
}

/// The same, provided that what they have seen is still so when it is judged.
async fn change_seen(app: &AppState, who: &Asker, change: Change, seen: Option<Seen>) -> Result<(), Problem> {
    who.may(permission(&change))?;
    let case = app.recorder.read(|lab| change.case(lab).cloned());
    let words = if change.keeps_apart() { Words::KeepApart } else { Words::CanWait };
    let_in(app, case.as_ref(), &change, words).await?;
    if let Some(name) = change.given_name() {
        let_name_in(app, name).await?;
    }
    let by = who.name().to_owned();
    // An instrument may be used up to the end of a day, which ends there where it is.
    let day = matches!(change, Change::Inspection { .. }).then(|| app.config.zone.day(app.clock.wall()));
    let request = Request::Quality(Box::new(quality::Request { by: Some(by.clone()), change }));
    let request = match day {
        Some(day) => Request::OnDay { day, request: Box::new(request) },
        None => request,
    };
    app.recorder.submit(request.provided(seen), Actor::Person(by)).await?;
    Ok(())
}

/// Something new, and where it is.
fn created(place: String, view: impl Serialize) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response()
}

/// What was said makes no sense, whatever the state of things is.
fn senseless(detail: &str, help: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "makes-no-sense", detail, help)
}

/// What a mass may be, in grams; and a density, in g/cm³.
pub(in crate::api) const GRAMS: RangeInclusive<f64> = 0.0..=1e6;
pub(in crate::api) const DENSITY: RangeInclusive<f64> = 0.1..=30.0;

/// Grams as they are kept.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within 0 to a thousand millions"
)]
fn milligrams(grams: f64) -> Result<u64, Problem> {
    if !GRAMS.contains(&grams) {
        return Err(senseless(
            "a mass is 0 to 1000000 grams",
            "give the mass of the material alone, in grams",
        ));
    }
    Ok((grams * 1_000.0).round() as u64)
}

/// mg/cm³ of g/cm³.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 100 to 30,000")]
fn density(given: f64) -> Result<u16, Problem> {
    if !DENSITY.contains(&given) {
        return Err(senseless(
            "a density is 0.1 to 30 g/cm³",
            "give it as its maker does; PLA has about 1.24",
        ));
    }
    Ok((given * 1_000.0).round() as u16)
}
