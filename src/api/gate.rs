//! What speaks against a file on a printer: asked for by itself, and whenever a job is taken in or let begin.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Changed, Read, Timely, Told};
use super::door::Asker;
use super::given::{Asked, Given, Named};
use super::jobs::seen;
use super::printers::known;
use super::problem::Problem;
use super::shapes::{AcceptOrder, ExtentsView, FindingView, JobView, PreflightView, ResinFileView};
use crate::domain::event::Actor;
use crate::domain::finding::{Finding, Gated, Noted, Severity, code_of_files, refused};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::lab::{self, Lab, Refusal, Request};
use crate::domain::printer::Activity;
use crate::gcode::analysis::{Analysis, Extents};
use crate::services::gate::{NotRead, Reading, last_told};
use crate::services::suits::{Medium, takes};

/// More are counted and not listed: who has mended these asks again.
const LISTED: usize = 24;
/// Of a file that only its printer can read.
const OPAQUE: &str = "resin.opaque";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(preflight)).routes(routes!(accept))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Of {
    /// The printer that it would run on.
    printer: String,
    /// What is loaded there, such as PLA; else what the file says.
    material: Option<String>,
}

/// What a stored file would do on a printer, and what speaks against it there.
#[utoipa::path(get, path = "/v1/files/{hash}/preflight", tag = "files", operation_id = "preflight",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal"), Of),
    responses((status = 200, description = "What it would do, and what speaks against it", body = PreflightView),
        Told, Read))]
async fn preflight(
    State(app): State<AppState>,
    Named(file): Named<FileHash>,
    Asked(of): Asked<Of>,
) -> Result<Json<PreflightView>, Problem> {
    let printer: PrinterName = of.printer.parse()?;
    known(&app, &printer)?;
    let (told, resumes) =
        app.recorder.read(|lab| (told(&app, lab, &printer), lab.resume_file(&file).is_some()));
    let asked = app.gate.asked(&file, &printer, told.as_deref(), of.material.as_deref(), resumes);
    let found = app.gate.findings(&asked).await?;
    let reading = app.gate.reading(&asked).await?;
    let common = PreflightView {
        file: file.to_string(),
        printer: printer.to_string(),
        passes: refused(&found, &[]).is_empty(),
        findings: found.iter().map(FindingView::from).collect(),
        layers: reading.resin().is_none_or(|resin| !resin.is_opaque()).then(|| reading.layers()),
        ..PreflightView::default()
    };
    let reading = match &*reading {
        Reading::Gcode { analysis, .. } => of_gcode(analysis, common),
        Reading::Resin(resin) => {
            let printer = app.config.printer(&printer);
            let panel = printer.and_then(|printer| printer.resin.as_deref()).map(|resin| &resin.panel);
            PreflightView {
                seconds: resin.seconds(printer),
                claimed_seconds: resin.said.claims.seconds,
                slicer: resin.said.claims.slicer.clone(),
                resin: Some(ResinFileView::of(resin, panel)),
                ..common
            }
        }
    };
    Ok(Json(reading))
}

fn of_gcode(analysis: &Analysis, common: PreflightView) -> PreflightView {
    let used = analysis.filament.iter().rposition(|length| *length > 0.0).map_or(0, |last| last + 1);
    let hottest = |hottest: Option<crate::gcode::analysis::At>| hottest.map(|at| at.value);
    PreflightView {
        seconds: Some(analysis.seconds),
        claimed_seconds: analysis.metadata.claimed_seconds,
        filament_mm: analysis.filament[..used].to_vec(),
        filament_g: (0..used).map(|tool| analysis.filament_of(tool).1).collect(),
        hottest_nozzle: analysis.hotends.iter().filter_map(|one| hottest(one.hottest)).reduce(f64::max),
        hottest_bed: hottest(analysis.bed.hottest),
        moves: (&analysis.moves).into(),
        extrusion: (&analysis.extrusion).into(),
        slicer: analysis.metadata.slicer.clone(),
        ..common
    }
}

impl From<&Extents> for ExtentsView {
    fn from(extents: &Extents) -> Self {
        let of =
            |side: [Option<crate::gcode::analysis::At>; 3]| side.map(|at| at.map(|at| at.value)).to_vec();
        Self { low: of(extents.low), high: of(extents.high) }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.into(),
            severity: finding.severity.word().into(),
            line: finding.line,
            what: finding.what.clone(),
            help: finding.help.into(),
            printers: Vec::new(),
        }
    }
}

/// What a printer's board says of its firmware, or said last.
pub fn told(app: &AppState, lab: &Lab, printer: &PrinterName) -> Option<String> {
    let live = app.fleet.board().get(printer);
    let says = live.as_ref().and_then(|live| live.borrow().firmware.clone());
    // Who is ready was greeted: what it has not said it does not say.
    let greeted = live.is_some_and(|live| live.borrow().activity == Activity::Ready).then(String::new);
    says.or_else(|| last_told(lab, printer)).or(greeted)
}

/// What somebody wants to print.
pub struct Wanted<'a> {
    pub file: &'a FileHash,
    pub pinned: Option<&'a PrinterName>,
    pub material: Option<&'a str>,
    pub accept: &'a [String],
    pub by: Option<&'a str>,
    pub medium: Medium,
}

/// Whoever accepts has a name, and accepts what there is.
pub fn acceptance(accept: &[String], by: Option<&str>) -> Result<Option<String>, Problem> {
    let by = by.map(lab::person).transpose()?;
    if by.is_none() && !accept.is_empty() {
        return Err(Refusal::Name.into());
    }
    Ok(by)
}

/// Where a job may run, as far as it and its file say so themselves.
fn candidates(app: &AppState, pinned: Option<&PrinterName>, medium: Medium) -> Vec<PrinterName> {
    let of_kind = app.config.printers.iter().filter(|printer| takes(printer, medium).is_ok());
    let all = || of_kind.map(|printer| printer.name.clone()).collect();
    pinned.map_or_else(all, |only| vec![only.clone()])
}

/// Judges a file before a job is made from it: for its printer, or for all where any may take it. An error where it
/// passes nowhere; otherwise what was found where it passes.
pub async fn gated(app: &AppState, wanted: &Wanted<'_>) -> Result<Option<Box<Gated>>, Problem> {
    let by = acceptance(wanted.accept, wanted.by)?;
    if let Some(code) = wanted.accept.iter().find(|code| code_of_files(code).is_none()) {
        return Err(not_a_finding(code, "nothing is found under the code"));
    }
    let origin = app.recorder.read(|lab| {
        let (job, _) = lab.resume_file(wanted.file)?;
        Some((job.state.run().map(|run| run.printer.clone()), lab.accepted(job)))
    });
    let resumes = origin.is_some();
    let (origins, mut accepted) = origin.unwrap_or_default();
    accepted.extend(wanted.accept.iter().cloned());
    let printers = candidates(app, wanted.pinned.or(origins.as_ref()), wanted.medium);
    let mut judged = Vec::with_capacity(printers.len());
    for printer in printers {
        let told = app.recorder.read(|lab| told(app, lab, &printer));
        let asked = app.gate.asked(wanted.file, &printer, told.as_deref(), wanted.material, resumes);
        judged.push((printer, app.gate.findings(&asked).await?));
    }
    let mut found: Vec<Finding> = Vec::new();
    let mut passes = false;
    for (_, findings) in judged.iter().filter(|(_, findings)| refused(findings, &accepted).is_empty()) {
        passes = true;
        for finding in findings.iter() {
            if !found.contains(finding) {
                found.push(finding.clone());
            }
        }
    }
    if !passes {
        return Err(problem(&judged, &accepted, None));
    }
    let warned = |code: &String| {
        let all = judged.iter().flat_map(|(_, findings)| findings.iter());
        all.clone().any(|found| found.severity == Severity::Warning && found.code == code.as_str())
    };
    if let Some(code) = wanted.accept.iter().find(|code| !warned(code)) {
        return Err(not_a_finding(code, "no warning about this file has the code"));
    }
    let gated = Gated::new(&found, wanted.accept, by);
    Ok((!gated.is_empty()).then(|| Box::new(gated)))
}

/// A job may be let begin on a printer only where its file passes.
pub async fn passes(app: &AppState, job: &JobId, printer: &PrinterName) -> Result<(), Problem> {
    let (asked, accepted) = app.recorder.read(|lab| {
        let job = lab.job(job)?;
        let told = told(app, lab, printer);
        Ok::<_, Refusal>((app.gate.asked_of(job, printer, told.as_deref()), lab.accepted(job)))
    })?;
    let found = app.gate.findings(&asked).await?;
    if refused(&found, &accepted).is_empty() {
        return Ok(());
    }
    Err(problem(&[(printer.clone(), found)], &accepted, Some(job)))
}

/// A job is meant for a printer only where its file may pass: what could be accepted is still to be looked at.
pub async fn may_pass(app: &AppState, job: &JobId, printer: &PrinterName) -> Result<(), Problem> {
    let asked = app.recorder.read(|lab| {
        let job = lab.job(job)?;
        let told = told(app, lab, printer);
        // While it is a model it has no file.
        Ok::<_, Refusal>(job.has_file().then(|| app.gate.asked_of(job, printer, told.as_deref())))
    })?;
    let Some(asked) = asked else { return Ok(()) };
    let found = app.gate.findings(&asked).await?;
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error).cloned();
    let errors: Arc<[Finding]> = errors.collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(problem(&[(printer.clone(), errors)], &[], Some(job)))
}

/// Accepts warnings about a waiting job's file: what has turned out since it was taken in.
#[utoipa::path(post, path = "/v1/jobs/{id}/accept", tag = "jobs", operation_id = "accept_findings",
    request_body = AcceptOrder, params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = JobView), Changed, Read, Timely))]
async fn accept(
    State(app): State<AppState>,
    asker: Asker,
    Named(job): Named<JobId>,
    Given(order): Given<AcceptOrder>,
) -> Result<Json<JobView>, Problem> {
    accepted(&app, job, &order.accept, &asker.by(order.by.as_deref())?).await.map(Json)
}

pub async fn accepted(app: &AppState, id: JobId, codes: &[String], by: &str) -> Result<JobView, Problem> {
    let by = lab::person(by)?;
    let (job, medium) =
        app.recorder.read(|lab| lab.job(&id).cloned().map(|job| (job, Medium::of(lab, &id))))?;
    let printers = candidates(app, job.pinned.as_ref(), medium);
    let mut found: Vec<Noted> = Vec::new();
    for printer in printers {
        let told = app.recorder.read(|lab| told(app, lab, &printer));
        let here = app.gate.findings(&app.gate.asked_of(&job, &printer, told.as_deref())).await?;
        let named = here.iter().filter(|finding| {
            finding.severity == Severity::Warning && codes.iter().any(|code| code == finding.code)
        });
        for noted in named.map(Noted::from) {
            if !found.iter().any(|known| known.code == noted.code) {
                found.push(noted);
            }
        }
    }
    if let Some(code) = codes.iter().find(|code| !found.iter().any(|noted| noted.code == **code)) {
        return Err(not_a_finding(code, "no warning about this job's file has the code"));
    }
    let request = Request::AcceptFindings { job: id.clone(), findings: found, by: by.clone() };
    app.recorder.submit(request, Actor::Person(by)).await?;
    seen(app, &id)
}

pub(super) fn not_a_finding(code: &str, what: &str) -> Problem {
    let shown: String = code.chars().filter(|c| !c.is_control()).take(40).collect();
    Problem::new(
        StatusCode::BAD_REQUEST,
        "not-a-finding",
        format!("{what} {shown:?}"),
        "accept warnings by the codes that the refusal, or `waiting` of the job, lists; docs/gate.md has all",
    )
}

/// Each finding once, with the printers where it speaks against the file.
/// `job`: it waits already.
fn problem(judged: &[(PrinterName, Arc<[Finding]>)], accepted: &[String], job: Option<&JobId>) -> Problem {
    let mut open: Vec<(&Finding, Vec<String>)> = Vec::new();
    for (printer, found) in judged {
        for finding in refused(found, accepted) {
            match open.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, printers)) => printers.push(printer.to_string()),
                None => open.push((finding, vec![printer.to_string()])),
            }
        }
    }
    // Where somebody may accept all that is left; what speaks against it elsewhere comes behind that.
    let may: Vec<String> = judged
        .iter()
        .filter(|(_, found)| {
            refused(found, accepted).iter().all(|finding| finding.severity == Severity::Warning)
        })
        .map(|(printer, _)| printer.to_string())
        .collect();
    open.sort_by_key(|(finding, printers)| {
        let is_elsewhere = !printers.iter().any(|printer| may.contains(printer));
        (is_elsewhere, std::cmp::Reverse(finding.severity), std::cmp::Reverse(printers.len()), finding.line)
    });
    let of = match judged {
        [] => "any printer, since none here prints with what it is for".to_owned(),
        [(only, _)] => only.to_string(),
        all => format!("any of the {} printers", all.len()),
    };
    let first = open.first().map(|(finding, printers)| {
        // "This printer" in it is one of these.
        let on = match printers.len() == judged.len() {
            true => String::new(),
            false => format!("on {}: ", printers.join(", ")),
        };
        let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!(": {on}{line}{} ({})", finding.what, finding.code)
    });
    let more = match open.len() {
        0 | 1 => String::new(),
        all => format!(", and {} more", all - 1),
    };
    let detail = format!("this file does not pass the gate of {of}{}{more}", first.unwrap_or_default());
    let is_opaque = open.iter().any(|(finding, _)| finding.code == OPAQUE);
    let help = match job {
        _ if may.is_empty() && !judged.is_empty() => "do what is said of each; errors cannot be accepted".to_owned(),
        Some(job) => format!(
            "look at each; who accepts them names their codes and signs: `platen jobs --sign {job} --accept CODE --by NAME`"
        ),
        None if is_opaque => format!(
            "it can be printed on {}, unseen; who accepts that signs, and says what the slicer shows: `platen print FILE --case TOKEN --part NUMBER --accept {OPAQUE} --resin-ml ML --minutes MINUTES --by NAME`",
            may.join(", ")
        ),
        None => "look at each; who accepts them names their codes and signs: `platen print FILE --case TOKEN --part NUMBER --accept CODE --by NAME`".to_owned(),
    };
    let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "gate", detail, help);
    problem.findings = open
        .into_iter()
        .take(LISTED)
        .map(|(finding, printers)| FindingView { printers, ..finding.into() })
        .collect();
    problem
}

impl From<NotRead> for Problem {
    fn from(error: NotRead) -> Self {
        match error {
            NotRead::Spool(error) => error.into(),
            NotRead::File(error) => crate::services::intake::IntakeError::Survey(error.into()).into(),
            NotRead::Resin(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-printable",
                error.to_string(),
                "slice the part again for this printer",
            ),
            NotRead::NoPrinter(printer) => Refusal::NoPrinter(printer).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &'static str, severity: Severity) -> Arc<[Finding]> {
        Arc::from(vec![Finding {
            code,
            severity,
            line: None,
            what: format!("{code} it is"),
            help: "mend it",
        }])
    }

    #[test]
    fn where_an_encrypted_file_can_be_printed_is_told_before_where_it_cannot_and_with_how_to_accept_it() {
        let judged = [
            ("lcd".parse().unwrap(), found("resin.format", Severity::Error)),
            ("mars".parse().unwrap(), found(OPAQUE, Severity::Warning)),
        ];
        let told = problem(&judged, &[], None);
        assert!(told.detail.contains("on mars: resin.opaque it is"), "{}", told.detail);
        assert!(told.help.starts_with("it can be printed on mars, unseen"), "{}", told.help);
        for words in ["--accept resin.opaque", "--resin-ml ML", "--minutes MINUTES", "--by NAME"] {
            assert!(told.help.contains(words), "{words}: {}", told.help);
        }
        let codes: Vec<_> = told.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, [OPAQUE, "resin.format"]);
    }

    #[test]
    fn what_is_an_error_everywhere_is_not_said_to_be_acceptable() {
        let judged = [("lcd".parse().unwrap(), found("resin.format", Severity::Error))];
        let told = problem(&judged, &[], None);
        assert!(told.help.contains("errors cannot be accepted"), "{}", told.help);
    }
}
