//! Inspections, the templates that say what is measured, and the instruments.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{Inspected, NoSuch, Ruled, Told};
use super::super::given::{Asked, Named};
use super::super::printers::known;
use super::super::problem::Problem;
use super::shapes::{
    Asks, InspectionView, Instrument, InstrumentGiven, InstrumentSeen, InstrumentWas, NewInspection,
    NewTemplate, PrintedBrief, TemplateView,
};
use super::views;
use super::who::{Asking, of_inspection};
use super::{change, change_seen, created, senseless};
use crate::domain::ids::{InspectionId, InstrumentName, PrinterName, TemplateName};
use crate::domain::lab::{self, Lab};
use crate::domain::quality::inspection::{self, Measured, PHOTOS_MAX, Subject, Template};
use crate::domain::quality::printed::{LookBack, Serial};
use crate::domain::quality::{Change, Refusal, What};
use crate::domain::seen::Seen;
use crate::io::clock::entropy;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, inspect))
        .routes(routes!(show))
        .routes(routes!(look_back))
        .routes(routes!(templates, write_template))
        .routes(routes!(template))
        .routes(routes!(instruments, note_instrument))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Of this printed part and its coupons only.
    #[param(value_type = Option<String>)]
    serial: Option<Serial>,
    /// Of this printer's phantoms only.
    #[param(value_type = Option<String>)]
    printer: Option<PrinterName>,
}

/// All inspections, oldest first.
#[utoipa::path(get, path = "/v1/inspections", tag = "quality", operation_id = "list_inspections", params(Which),
    responses((status = 200, description = "The inspections", body = Vec<InspectionView>), Told))]
async fn list(State(app): State<AppState>, Asked(which): Asked<Which>) -> Json<Vec<InspectionView>> {
    let (of_part, of_printer) = (which.serial.as_ref(), which.printer.as_ref());
    let is_asked = |subject: &Subject| match subject {
        Subject::Part { serial } | Subject::Coupon { serial } => {
            of_printer.is_none() && of_part.is_none_or(|wanted| wanted == serial)
        }
        Subject::Phantom { printer, .. } => {
            of_part.is_none() && of_printer.is_none_or(|wanted| wanted == printer)
        }
    };
    Json(app.recorder.read(|lab| {
        let all = lab.quality.inspections.values();
        let mut asked: Vec<_> = all.filter(|kept| is_asked(&kept.measured.subject)).collect();
        asked.sort_by_key(|kept| kept.order());
        asked.into_iter().map(|kept| views::inspection(lab, kept)).collect()
    }))
}

fn seen(app: &AppState, id: &InspectionId) -> Result<InspectionView, Problem> {
    app.recorder.read(|lab| {
        let found = lab.quality.inspections.get(id);
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Inspection(id.clone())));
        Ok(views::inspection(lab, found.ok_or_else(nothing)?))
    })
}

/// Notes what was measured on a printed part, a coupon or a phantom. The verdicts are platen's.
#[utoipa::path(post, path = "/v1/inspections", tag = "quality", operation_id = "inspect",
    request_body = Asks<NewInspection>,
    responses((status = 201, description = "The inspection with its verdicts", body = InspectionView),
        (status = 200, description = "The one that was noted for the same `request` before", body = InspectionView),
        Inspected))]
async fn inspect(
    State(app): State<AppState>,
    Asking(who, given): Asking<NewInspection>,
) -> Result<Response, Problem> {
    let subject = Subject::from(given.subject);
    who.may(of_inspection(&subject))?;
    if let Subject::Phantom { printer, .. } = &subject {
        known(&app, printer)?;
    }
    // More than may be named are refused below, and none of them is read.
    if given.photos.len() <= PHOTOS_MAX {
        for photo in &given.photos {
            app.intake.photo(photo).await?;
        }
    }
    let newest = || app.recorder.read(|lab| versions(lab, &given.template).last().map(|of| of.version));
    let measured = Measured {
        subject,
        version: given.version.or_else(newest).unwrap_or(1),
        template: given.template,
        instrument: given.instrument,
        values: given.values.into_iter().map(|value| value.map(|value| value.0)).collect(),
        looked_at: given.looked_at,
        photos: given.photos,
        note: given.note,
    };
    let id = match &given.request {
        Some(request) => id_of(request, who.name())?,
        None => InspectionId::from_entropy(entropy()),
    };
    let asked = Change::Inspection { id: id.clone(), measured: Box::new(measured.clone()), found: None };
    if let Err(problem) = change(&app, &who, asked).await {
        // It may be the one that was asked for before, of which the answer did not arrive.
        let is_it = app.recorder.read(|lab| {
            let kept = lab.quality.inspections.get(&id);
            kept.is_some_and(|kept| kept.measured == measured && kept.by == who.name())
        });
        return if is_it { Ok(Json(seen(&app, &id)?).into_response()) } else { Err(problem) };
    }
    Ok(created(format!("/v1/inspections/{id}"), seen(&app, &id)?))
}

/// The id of the one inspection that a person asks for by such a request: that it is there already is judged by it.
fn id_of(request: &str, by: &str) -> Result<InspectionId, Problem> {
    let is_plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    if !(8..=40).contains(&request.len()) || !request.chars().all(is_plain) {
        let help = "make it anew for each inspection, of random letters";
        return Err(senseless("a request is 8 to 40 of a-z, 0-9 and -", help));
    }
    let digest: [u8; 32] = Sha256::digest(format!("inspection\0{by}\0{request}").as_bytes()).into();
    let mut entropy = [0; 16];
    entropy.copy_from_slice(&digest[..16]);
    Ok(InspectionId::from_entropy(entropy))
}

/// One inspection with its values and verdicts.
#[utoipa::path(get, path = "/v1/inspections/{id}", tag = "quality", operation_id = "show_inspection",
    params(("id" = String, Path, description = "The inspection's id")),
    responses((status = 200, description = "The inspection", body = InspectionView), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(id): Named<InspectionId>,
) -> Result<Json<InspectionView>, Problem> {
    seen(&app, &id).map(Json)
}

/// The look-back list of a phantom that failed: what was printed there since the last good one.
#[utoipa::path(get, path = "/v1/inspections/{id}/look-back", tag = "quality", operation_id = "phantom_look_back",
    params(("id" = String, Path, description = "The phantom's inspection")),
    responses((status = 200, description = "The printed parts", body = Vec<PrintedBrief>), Told, NoSuch))]
async fn look_back(
    State(app): State<AppState>,
    Named(id): Named<InspectionId>,
) -> Result<Json<Vec<PrintedBrief>>, Problem> {
    seen(&app, &id)?;
    let because = LookBack::PhantomFailed { inspection: id };
    Ok(Json(app.recorder.read(|lab| lab.quality.looked_back(&because).map(views::brief).collect())))
}

/// All versions of a template, oldest first.
fn versions<'l>(lab: &'l Lab, name: &TemplateName) -> Vec<&'l Template> {
    let range = (name.clone(), 0)..=(name.clone(), u16::MAX);
    lab.quality.templates.range(range).map(|(_, template)| template).collect()
}

/// All templates in all their versions.
#[utoipa::path(get, path = "/v1/templates", tag = "quality", operation_id = "list_templates",
    responses((status = 200, description = "The templates", body = Vec<TemplateView>), Told))]
async fn templates(State(app): State<AppState>) -> Json<Vec<TemplateView>> {
    Json(app.recorder.read(|lab| lab.quality.templates.values().map(Into::into).collect()))
}

/// Writes a template, or the next version of one.
#[utoipa::path(post, path = "/v1/templates", tag = "quality", operation_id = "write_template",
    request_body = Asks<NewTemplate>,
    responses((status = 201, description = "The template with its version", body = TemplateView), Ruled))]
async fn write_template(
    State(app): State<AppState>,
    Asking(who, given): Asking<NewTemplate>,
) -> Result<Response, Problem> {
    let last = app.recorder.read(|lab| versions(lab, &given.name).last().map_or(0, |of| of.version));
    let template = Template {
        name: given.name,
        version: last.saturating_add(1),
        method: given.method,
        items: given.items.into_iter().map(Into::into).collect(),
    };
    let view = TemplateView::from(&template);
    change(&app, &who, Change::Template { template: Box::new(template) }).await?;
    Ok(created(format!("/v1/templates/{}", view.name), view))
}

/// One template in all its versions, oldest first.
#[utoipa::path(get, path = "/v1/templates/{name}", tag = "quality", operation_id = "show_template",
    params(("name" = String, Path, description = "The template's name")),
    responses((status = 200, description = "Its versions", body = Vec<TemplateView>), Told, NoSuch))]
async fn template(
    State(app): State<AppState>,
    Named(name): Named<TemplateName>,
) -> Result<Json<Vec<TemplateView>>, Problem> {
    let all: Vec<TemplateView> =
        app.recorder.read(|lab| versions(lab, &name).into_iter().map(Into::into).collect());
    if all.is_empty() {
        return Err(lab::Refusal::from(Refusal::Nothing(What::Template(name, 1))).into());
    }
    Ok(Json(all))
}

/// All instruments, by name.
#[utoipa::path(get, path = "/v1/instruments", tag = "quality", operation_id = "list_instruments",
    responses((status = 200, description = "The instruments", body = Vec<Instrument>), Told))]
async fn instruments(State(app): State<AppState>) -> Json<Vec<Instrument>> {
    Json(app.recorder.read(|lab| lab.quality.instruments.values().map(Into::into).collect()))
}

/// Notes an instrument: a new one, or one that was calibrated anew.
#[utoipa::path(post, path = "/v1/instruments", tag = "quality", operation_id = "note_instrument",
    request_body = Asks<InstrumentGiven>,
    responses((status = 200, description = "The instrument that was known already", body = Instrument),
        (status = 201, description = "The new instrument", body = Instrument), Ruled))]
async fn note_instrument(
    State(app): State<AppState>,
    Asking(who, InstrumentGiven { name, what, calibration_due, was }): Asking<InstrumentGiven>,
) -> Result<Response, Problem> {
    let is_known =
        |name: &InstrumentName| app.recorder.read(|lab| lab.quality.instruments.contains_key(name));
    let given = Instrument { name, what, calibration_due };
    let was_known = is_known(&given.name);
    let instrument: Box<inspection::Instrument> = Box::new(given.clone().into());
    let seen = was.map(|was| match was {
        InstrumentWas::New(_) => Seen::NoInstrument { name: given.name.clone() },
        InstrumentWas::Noted(InstrumentSeen { what, calibration_due }) => {
            let instrument = inspection::Instrument { name: given.name.clone(), what, calibration_due };
            Seen::Instrument { instrument: Box::new(instrument) }
        }
    });
    change_seen(&app, &who, Change::Instrument { instrument }, seen).await?;
    if was_known {
        return Ok(Json(given).into_response());
    }
    Ok(created("/v1/instruments".into(), given))
}
