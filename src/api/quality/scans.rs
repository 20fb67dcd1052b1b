//! What a label is of that somebody has just scanned, before it is known what they want with it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::Ruled;
use super::super::given::{Example, Given};
use super::super::printers::known;
use super::super::problem::Problem;
use crate::domain::ids::{LotId, PrinterName};
use crate::domain::lab;
use crate::domain::quality::printed::Serial;
use crate::domain::quality::{Refusal, What};
use crate::labels::{NotWanted, ScanError, Scanned};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read))
}

/// What a scanner has typed. It goes into the body and never into an address: it may be somebody's wristband.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    #[schema(example = "PLATEN1:LOT:3F1W5ZQ8C0V7D2KEW")]
    pub code: String,
}

impl Example for Scan {
    const EXAMPLE: &'static str = r#"{"code": "<scanned>"}"#;
}

/// What the label is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanView {
    /// `part`, `lot` or `printer`
    pub kind: String,
    /// The part's serial, the lot's id or the printer's name.
    pub name: String,
}

impl ScanView {
    fn new(kind: &str, name: impl ToString) -> Self {
        Self { kind: kind.into(), name: name.to_string() }
    }
}

/// Says what a label is of that was scanned, or typed as it stands beside its code. A code that is none of platen's,
/// that was misread, or of something that is not here is refused with what to do.
#[utoipa::path(post, path = "/v1/scans", tag = "quality", operation_id = "read_scan", request_body = Scan,
    responses((status = 200, description = "What the label is of", body = ScanView), Ruled))]
async fn read(State(app): State<AppState>, Given(scan): Given<Scan>) -> Result<Json<ScanView>, Problem> {
    let what = match scanned(&app, &scan.code).map_err(odd)? {
        Scanned::Part(serial) => ScanView::new("part", is_printed(&app, serial)?),
        Scanned::Lot(lot) => ScanView::new("lot", is_lot(&app, lot)?),
        Scanned::Printer(name) => {
            known(&app, &name)?;
            ScanView::new("printer", name)
        }
    };
    Ok(Json(what))
}

/// What the text says. A typed id of a lot would do as the name of a printer: what is there decides.
fn scanned(app: &AppState, text: &str) -> Result<Scanned, ScanError> {
    let error = match Scanned::part(text) {
        Ok(serial) => return Ok(Scanned::Part(serial)),
        Err(NotWanted { scanned: Ok(other), .. }) => return Ok(other),
        Err(NotWanted { scanned: Err(error), .. }) => error,
    };
    let is_there = |lot: &LotId| app.recorder.read(|lab| lab.quality.lots.contains_key(lot));
    let is_known = |name: &PrinterName| app.fleet.board().get(name).is_some();
    if let Some(lot) = Scanned::lot(text).ok().filter(is_there) {
        return Ok(Scanned::Lot(lot));
    }
    Scanned::printer(text).ok().filter(is_known).map(Scanned::Printer).ok_or(error)
}

fn is_printed(app: &AppState, serial: Serial) -> Result<Serial, Problem> {
    if app.recorder.read(|lab| lab.quality.printed.contains_key(&serial)) {
        return Ok(serial);
    }
    Err(lab::Refusal::from(Refusal::Nothing(What::Printed(serial))).into())
}

fn is_lot(app: &AppState, lot: LotId) -> Result<LotId, Problem> {
    if app.recorder.read(|lab| lab.quality.lots.contains_key(&lot)) {
        return Ok(lot);
    }
    Err(lab::Refusal::from(Refusal::Nothing(What::Lot(lot))).into())
}

/// Of what cannot be read, nothing is repeated.
fn odd(error: ScanError) -> Problem {
    let (slug, help) = match &error {
        ScanError::Foreign => (
            "not-our-label",
            "scan the label of a printer, a lot or a part, or type what stands beside its code",
        ),
        ScanError::Keyboard { .. } => {
            ("misread-label", "set the scanner to the keyboard of this computer, then scan it again")
        }
        ScanError::Token(_) | ScanError::Check => {
            ("misread-label", "scan it again, or type what stands beside the code")
        }
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, slug, error.to_string(), help)
}
