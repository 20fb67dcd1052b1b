//! Reports over HTTP: seven kinds in three formats, and which of them were made.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Audited, Reported};
use super::door::Asker;
use super::given::Asked;
use super::problem::Problem;
use super::shapes::{MadeReport, MadeReports};
use crate::domain::ids::{FileHash, IdError};
use crate::domain::lab;
use crate::domain::people::roles::Permission;
use crate::reports::{self, Kind, Parameters, ReportError};
use crate::services::reporting::{self, As, NotReported};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(made)).routes(routes!(report))
}

/// Whether the report's hash is in the journal, so that it can be checked later.
const NOTED: HeaderName = HeaderName::from_static("platen-noted");

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Html,
    Json,
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The case's token.
    case: Option<String>,
    /// The printer's name.
    printer: Option<String>,
    /// The lot's id.
    lot: Option<String>,
    /// The first day of the period, as in 2026-04-01; else all from the journal's beginning.
    from: Option<String>,
    /// The last day of the period; else all up to the data cut.
    to: Option<String>,
    /// The data cut: the last entry of the journal that counts; else its newest.
    until: Option<u64>,
    /// Who takes it, where nobody is set up; else it is whoever is signed in.
    by: Option<String>,
    /// A page that prints well, the whole as JSON, or its table as CSV; html where absent.
    #[param(inline)]
    format: Option<Format>,
}

/// What is left empty is left out, as a form sends it.
fn read<T: FromStr>(given: Option<String>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    let given = given.filter(|text| !text.trim().is_empty());
    given.map(|text| text.trim().parse()).transpose().map_err(|error: T::Err| {
        Problem::unreadable(error.to_string(), "name it as lists show it; days are written as in 2026-04-01")
    })
}

/// Who may read it.
pub(super) fn needs(kind: Kind) -> Permission {
    match kind {
        Kind::Registry => Permission::ExportRegistry,
        Kind::Audit => Permission::ReadAudit,
        Kind::Case | Kind::Worksheet | Kind::Value | Kind::Printer | Kind::Lot => Permission::ReadReports,
    }
}

/// Makes a report (docs/reports.md): the journal is read and checked up to the data cut, each time anew. The same
/// parameters, data cut and tables give the same bytes, and so the same SHA-256. That it was made is in the journal
/// before it is answered, once for each person. As JSON or CSV a further one of the same kind and parameters is not
/// noted within an hour of one that the same person took: `platen-noted: false` says that this hash cannot be checked
/// later. A page always can.
#[utoipa::path(get, path = "/v1/reports/{kind}", tag = "reports", operation_id = "report",
    params(("kind" = String, Path, description = "case, worksheet, registry, value, printer, lot or audit"), Wanted),
    responses((status = 200, description = "The report",
        content((String = "text/html"), (String = "application/json"), (String = "text/csv"))), Reported))]
async fn report(
    State(app): State<AppState>,
    asker: Asker,
    kind: Result<Path<String>, PathRejection>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let Path(kind) = kind.map_err(|_| ReportError::NoKind { given: "?".into() })?;
    let kind: Kind = kind.parse()?;
    asker.may(needs(kind))?;
    let by = asker
        .by_if_known(wanted.by.as_deref().filter(|by| !by.trim().is_empty()))?
        .map(|by| lab::person(&by))
        .transpose()?;
    let parameters = Parameters {
        case: read(wanted.case)?,
        printer: read(wanted.printer)?,
        lot: read(wanted.lot)?,
        from: read(wanted.from)?,
        to: read(wanted.to)?,
    };
    let sealed =
        reporting::report(&app.recorder, &app.vault, &app.config, kind, parameters, wanted.until).await?;
    let format = wanted.format.unwrap_or_default();
    let form = match format {
        Format::Html => As::Page,
        Format::Json | Format::Csv => As::Data,
    };
    let noted = reporting::taken(&app.recorder, &app.clock.stamp(), sealed.made(), by, form).await?;
    let sealed = Arc::new(sealed);
    let (form, ending, text) = match format {
        Format::Html => ("text/html; charset=utf-8", "html", reporting::page(&sealed, &app.intake).await?),
        Format::Json => ("application/json", "json", sealed.json()),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv", sealed.csv()),
    };
    let mut response = ([(header::CONTENT_TYPE, form)], text).into_response();
    let shown = if ending == "html" { "inline" } else { "attachment" };
    let name = format!("{shown}; filename=\"{}.{ending}\"", sealed.file_name());
    for (key, value) in [(header::CONTENT_DISPOSITION, name), (header::ETAG, format!("\"{}\"", sealed.hash))]
    {
        // Made of names that a header takes.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(key, value);
        }
    }
    let noted = if noted { "true" } else { "false" };
    response.headers_mut().insert(NOTED, HeaderValue::from_static(noted));
    response.extensions_mut().insert(Standalone);
    Ok(response)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Paper {
    /// As the paper names it.
    sha256: String,
}

/// Whether a report of this SHA-256 was made: which, when, for whom, with which parameters and data cut.
#[utoipa::path(get, path = "/v1/reports/made", tag = "reports", operation_id = "made_reports", params(Paper),
    responses((status = 200, description = "Each time that it was taken", body = MadeReports), Audited))]
async fn made(
    State(app): State<AppState>,
    Asked(Paper { sha256 }): Asked<Paper>,
) -> Result<Json<MadeReports>, Problem> {
    let sha256: FileHash = sha256.parse().map_err(|error: IdError| {
        Problem::unreadable(error.to_string(), "give all 64 characters of it, as the paper has them")
    })?;
    let found = reporting::made(&app.recorder, &sha256).await?;
    let made = found.into_iter().map(|(event, by, made)| {
        let of = &made.parameters;
        MadeReport {
            kind: made.kind.word().into(),
            title: made.kind.title().into(),
            of: of.in_words(),
            case: of.case.as_ref().map(ToString::to_string),
            printer: of.printer.as_ref().map(ToString::to_string),
            lot: of.lot.as_ref().map(ToString::to_string),
            from: of.from.map(|day| day.to_string()),
            to: of.to.map(|day| day.to_string()),
            until: made.cut,
            version: made.version,
            by,
            at: event.stamp.wall.to_string(),
            entry: event.seq,
        }
    });
    Ok(Json(MadeReports { sha256: sha256.to_string(), made: made.collect() }))
}

/// A page that has its style sheet in itself, and may do nothing else.
#[derive(Clone, Copy, Debug)]
struct Standalone;

/// Such a page's own policy in place of the site's, which allows no style sheet within a page.
pub(super) async fn own_policy(mut response: Response) -> Response {
    if response.extensions_mut().remove::<Standalone>().is_some()
        && let Ok(policy) = HeaderValue::from_str(&reports::policy())
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        let (status, slug) = match &error {
            ReportError::NoKind { .. } => (StatusCode::BAD_REQUEST, "no-such-report"),
            ReportError::Needs { .. } | ReportError::TakesNo { .. } => {
                (StatusCode::BAD_REQUEST, "report-parameters")
            }
            ReportError::Backwards { .. } | ReportError::TooLong { .. } => {
                (StatusCode::BAD_REQUEST, "not-a-period")
            }
            ReportError::NoCase(_) => (StatusCode::NOT_FOUND, "no-such-case"),
            ReportError::NoPrinter(_) => (StatusCode::NOT_FOUND, "no-such-printer"),
            ReportError::NoLot(_) => (StatusCode::NOT_FOUND, "no-such-lot"),
            ReportError::NoToday | ReportError::Amount(_) | ReportError::NotWritten => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not-reported")
            }
        };
        let words = error.to_string();
        let (detail, help) =
            words.split_once("; ").unwrap_or((&words, "docs/reports.md says what each report takes"));
        Self::new(status, slug, detail, help)
    }
}

impl From<NotReported> for Problem {
    fn from(error: NotReported) -> Self {
        match error {
            NotReported::Report(error) => error.into(),
            NotReported::Journal(error) => error.into(),
            NotReported::Unnoted(error) => error.into(),
            NotReported::Beyond { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "beyond-the-journal",
                error.to_string(),
                "leave `until` out for the newest entry",
            ),
            NotReported::Tables(mistakes) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "wrong-tables",
                format!("the tables under [counting] cannot be read: {}", mistakes.join(" / ")),
                "mend them; `platen check --config FILE` tells the same mistakes",
            ),
        }
    }
}
