//! Labels of printed parts, of lots and of printers, as a file for the label printer.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Display;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Told};
use super::super::given::{Asked, Named};
use super::super::printers::known;
use super::super::problem::Problem;
use crate::domain::case::IntendedUse;
use crate::domain::chain::SliceOrder;
use crate::domain::ids::{LotId, PrinterName};
use crate::domain::lab::{self, Lab};
use crate::domain::quality::lot::Lot;
use crate::domain::quality::part::Laterality;
use crate::domain::quality::printed::{PrintedPart, PrintedState, Serial};
use crate::domain::quality::{Refusal, What};
use crate::domain::zone::Zone;
use crate::labels::{
    Label, LabelError, Labelled, LotLabel, Made, Mark, Open, PrinterLabel, Said, Side, Stock,
};
use crate::reports::calendar::year_at;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(label)).routes(routes!(of_lot)).routes(routes!(of_printer))
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Svg,
    Pdf,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `62x29` or `100x50` millimetres; the small one where absent.
    #[param(value_type = Option<String>)]
    stock: Option<Stock>,
    /// `svg` or `pdf`; svg where absent.
    #[param(inline)]
    format: Option<Format>,
}

/// The label of a printed part: its token and number as text and as a square code, revision, side, lot, year, and what
/// has to be known before it is used. No text of anybody's is on it.
#[utoipa::path(get, path = "/v1/printed/{serial}/label", tag = "quality", operation_id = "label_printed",
    params(("serial" = String, Path, description = "CASE-PART-ATTEMPT"), Wanted),
    responses((status = 200, description = "The label, in exact millimetres",
            content((String = "image/svg+xml"), (String = "application/pdf"))),
        (status = 500, description = "The label cannot be drawn", body = Problem,
            content_type = "application/problem+json"), Told, NoSuch))]
async fn label(
    State(app): State<AppState>,
    Named(serial): Named<Serial>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let label = app.recorder.read(|lab| {
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Printed(serial.clone())));
        let printed = lab.quality.printed.get(&serial).ok_or_else(nothing)?;
        printed.state.may_be_labelled().map_err(|illegal| {
            let what = What::Printed(serial.clone());
            lab::Refusal::from(Refusal::Illegal { what, illegal })
        })?;
        Ok::<_, lab::Refusal>(of(lab, printed, &app.config.zone))
    })?;
    file(&label, &wanted, serial)
}

/// The label of a lot: its id as text and as a square code, material, the maker's number, until when it may be used, and
/// since when it is open. What the vault has of anybody, or looks as if it said who a patient is, does not stand on it.
#[utoipa::path(get, path = "/v1/lots/{lot}/label", tag = "quality", operation_id = "label_lot",
    params(("lot" = String, Path, description = "The lot's id"), Wanted),
    responses((status = 200, description = "The label, in exact millimetres",
            content((String = "image/svg+xml"), (String = "application/pdf"))),
        (status = 500, description = "The label cannot be drawn", body = Problem,
            content_type = "application/problem+json"), Told, NoSuch))]
async fn of_lot(
    State(app): State<AppState>,
    Named(id): Named<LotId>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let mut about = app.recorder.read(|lab| {
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Lot(id.clone())));
        lab.quality.lots.get(&id).cloned().ok_or_else(nothing)
    })?;
    app.vault.held_of_no_case().await.lot(&mut about);
    file(&lot(&about), &wanted, id)
}

/// The label of a printer: its name as text and as a square code.
#[utoipa::path(get, path = "/v1/printers/{name}/label", tag = "quality", operation_id = "label_printer",
    params(("name" = String, Path, description = "The printer's name"), Wanted),
    responses((status = 200, description = "The label, in exact millimetres",
            content((String = "image/svg+xml"), (String = "application/pdf"))),
        (status = 500, description = "The label cannot be drawn", body = Problem,
            content_type = "application/problem+json"), Told, NoSuch))]
async fn of_printer(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    known(&app, &name)?;
    file(&PrinterLabel { name: name.clone() }, &wanted, name)
}

/// As a file that has this name.
fn file(label: &impl Labelled, wanted: &Wanted, of: impl Display) -> Result<Response, Problem> {
    let stock = wanted.stock.unwrap_or(Stock::Small);
    let (kind, ending, bytes) = match wanted.format.unwrap_or_default() {
        Format::Svg => ("image/svg+xml", "svg", label.svg(stock)?.into_bytes()),
        Format::Pdf => ("application/pdf", "pdf", label.pdf(stock)?),
    };
    let name = format!("inline; filename=\"label-{of}.{ending}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

fn lot(lot: &Lot) -> LotLabel {
    LotLabel {
        lot: lot.id.clone(),
        material: Said::new(lot.about.material.as_str()),
        supplier_lot: Said::number(lot.about.supplier_lot.as_str()),
        expires: lot.about.expires,
        open: lot.opened.map(|on| Open { on, until: lot.open_until() }),
    }
}

/// What the lab knows of a printed part, as far as it stands on a label.
fn of(lab: &Lab, printed: &PrintedPart, zone: &Zone) -> Label {
    let Serial { case, part, attempt } = printed.serial.clone();
    let about = lab.quality.parts.get(&printed.part).map(|record| &record.about);
    let revision = printed.revision.and_then(|number| {
        let known = lab.quality.revisions.get(&(printed.part.clone(), number));
        known.map(|revision| &revision.of)
    });
    // That it was handed over for sterilisation is no proof that it was sterilised.
    let mut marks = BTreeSet::from([Mark::NonSterile]);
    marks.extend(revision.filter(|of| of.mirrored).map(|_| Mark::Mirrored));
    marks.extend(revision.filter(|of| of.modified).map(|_| Mark::Modified));
    marks.extend(revision.filter(|of| of.scale != SliceOrder::WHOLE).map(|_| Mark::NotLifeSize));
    marks.extend(match &printed.state {
        PrintedState::Quarantined { .. } => Some(Mark::Quarantine),
        PrintedState::Recalled { .. } => Some(Mark::Recalled),
        _ => None,
    });
    // Production begins with a process that is validated for the use; education needs none.
    let education = lab.cases.get(&case).is_none_or(|case| case.intended_use == IntendedUse::Education);
    if education || lab.quality.case_state(&case).made().is_none() {
        marks.insert(Mark::NonDiagnostic);
    }
    Label {
        token: case,
        part,
        attempt,
        revision: printed.revision,
        side: about.and_then(|about| about.laterality).and_then(|side| match side {
            Laterality::Left => Some(Side::Left),
            Laterality::Right => Some(Side::Right),
            Laterality::Bilateral => Some(Side::Bilateral),
            Laterality::Unpaired => None,
        }),
        lot: only_lot(printed),
        made: printed.ended.and_then(|at| year_at(at, zone)).map(Made::Year),
        marks,
    }
}

/// The lot that it was printed from, where there is no doubt which; else the part's record has all of them.
fn only_lot(printed: &PrintedPart) -> Option<LotId> {
    let used: BTreeSet<&LotId> = printed.used.iter().map(|used| &used.lot).collect();
    let lots = if used.is_empty() { printed.lots.iter().collect() } else { used };
    lots.first().filter(|_| lots.len() == 1).map(|lot| (*lot).clone())
}

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        let help = "report it, with what the label is of";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "no-label", error.to_string(), help)
    }
}
