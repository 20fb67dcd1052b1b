//! How far a case has come: its steps and those of its parts, what is signed, said and spent on it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::answers::{NoSuch, Ruled, Timely, Told};
use super::super::given::{Asked, Named, NamedTwo};
use super::super::problem::Problem;
use super::shapes::{
    Asks, CaseQuality, CaseStep, CostView, CostsView, EffortsView, MessageView, NewCost, NewEffort,
    NewMessage, NewRevision, PartQuality, PartStep, ToSign,
};
use super::views;
use super::who::{Asker, Asking, Signed};
use super::{change, created, senseless};
use crate::domain::case::IntendedUse;
use crate::domain::chain::SliceOrder;
use crate::domain::ids::{CaseToken, FileHash};
use crate::domain::lab;
use crate::domain::part::PartRef;
use crate::domain::people::roles::Permission;
use crate::domain::people::signing::Meaning;
use crate::domain::quality::case::Step;
use crate::domain::quality::confirmation::{BillingCode, Confirmed};
use crate::domain::quality::cost::Cost;
use crate::domain::quality::part::{LengthUnit, Step as PartChange};
use crate::domain::quality::revision;
use crate::domain::quality::signature::Subject;
use crate::domain::quality::words::Label;
use crate::domain::quality::{Change, Refusal};
use crate::domain::units::Height;
use crate::io::offload::offload;
use crate::io::spool::SpoolError;
use crate::model;
use crate::model::limits::LIMITS;
use crate::model::scale::Unit;
use crate::services::intake::IntakeError;
use crate::services::slicing::SliceError;
use crate::services::{processes, reporting};

/// As many processes as are named to somebody who named none of them.
const NAMED_MAX: usize = 12;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(step))
        .routes(routes!(to_sign))
        .routes(routes!(thread, post_message))
        .routes(routes!(efforts, note_effort))
        .routes(routes!(costs, note_cost))
        .routes(routes!(show_part))
        .routes(routes!(step_part))
}

fn seen(app: &AppState, token: &CaseToken) -> Result<CaseQuality, Problem> {
    app.recorder.read(|lab| Ok(views::case(lab, lab.case(token)?)))
}

/// How far a case has come: state, order, parts, printed parts, signatures, what is not right, assessment.
#[utoipa::path(get, path = "/v1/cases/{token}/quality", tag = "quality", operation_id = "show_case_quality",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "The case's way so far", body = CaseQuality), Told, NoSuch))]
async fn show(
    State(app): State<AppState>,
    Named(token): Named<CaseToken>,
) -> Result<Json<CaseQuality>, Problem> {
    seen(&app, &token).map(Json)
}

/// Takes a case a step further, or back.
#[utoipa::path(post, path = "/v1/cases/{token}/steps", tag = "quality", operation_id = "step_case",
    params(("token" = String, Path, description = "The case's token")), request_body = Asks<CaseStep>,
    responses((status = 200, description = "The case as it is now", body = CaseQuality), Ruled))]
async fn step(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
    Asking(who, step): Asking<CaseStep>,
) -> Result<Json<CaseQuality>, Problem> {
    let step = stepped(&app, &who, &case, step).await?;
    change(&app, &who, Change::Case { case: case.clone(), step }).await?;
    seen(&app, &case).map(Json)
}

fn signed(meaning: Meaning, case: &CaseToken, digest: &FileHash, needs: Permission) -> Signed {
    Signed { meaning, subject: format!("case/{case}"), digest: digest.clone(), needs }
}

/// What was said, as the domain knows it.
async fn stepped(app: &AppState, who: &Asker, case: &CaseToken, given: CaseStep) -> Result<Step, Problem> {
    Ok(match given {
        CaseStep::Described { about } => Step::Described { about: Box::new((*about).into()) },
        CaseStep::Requested {} => Step::Requested,
        CaseStep::Accepted {} => Step::Accepted,
        CaseStep::DesignBegun {} => Step::DesignBegun,
        CaseStep::ApprovalAsked {} => Step::ApprovalAsked,
        CaseStep::SentBack { why } => Step::SentBack { why },
        CaseStep::Approved { digest, confirmed } => {
            let proof =
                who.proof(app, signed(Meaning::Approved, case, &digest, Permission::ApproveDesign)).await?;
            Step::Approved { digest, proof, confirmed }
        }
        CaseStep::ProductionBegun { process, validated_for, outside, elsewhere } => {
            // What the catalogue says is written down for this: not for somebody who may not ask for it.
            who.may(Permission::Queue)?;
            let validated_for = validated(app, &process, elsewhere).await?.unwrap_or(validated_for);
            Step::ProductionBegun { process, validated_for, outside, version: None }
        }
        CaseStep::QcBegun {} => Step::QcBegun,
        CaseStep::ReworkAsked { why } => Step::ReworkAsked { why },
        CaseStep::Released { digest } => {
            let proof = who.proof(app, signed(Meaning::Released, case, &digest, Permission::Release)).await?;
            Step::Released { digest, proof }
        }
        CaseStep::Delivered {} => Step::Delivered,
        CaseStep::Used {} => Step::Used,
        CaseStep::Assessed { assessment } => Step::Assessed { assessment: Box::new((*assessment).into()) },
        CaseStep::Reminded {} => Step::Reminded,
        CaseStep::AssessmentWaived { why } => Step::AssessmentWaived { why },
        CaseStep::Closed {} => Step::Closed,
        CaseStep::Held { why } => Step::Held { why },
        CaseStep::Continued {} => Step::Continued,
        CaseStep::Cancelled { why } => Step::Cancelled { why },
        CaseStep::Reopened { why } => Step::Reopened { why },
        CaseStep::UnitsConfirmed { of, units, note } => {
            who.may(Permission::ConfirmUnits)?;
            let units = confirmed(app, case, &of, units).await?;
            Step::UnitsConfirmed { confirmed: Box::new(Confirmed { of, units, note }) }
        }
    })
}

/// The units that a coder confirms of the proposal that they saw, which has to be the one that there is now.
async fn confirmed(
    app: &AppState,
    case: &CaseToken,
    of: &FileHash,
    units: Option<BTreeMap<String, u16>>,
) -> Result<BTreeMap<BillingCode, u16>, Problem> {
    let sheet = reporting::worksheet(&app.recorder, &app.vault, &app.config, case).await?;
    if sheet.proposal_sha256 != *of {
        let now = sheet.proposal_sha256;
        return Err(lab::Refusal::from(Refusal::OtherProposal { now }).into());
    }
    let proposed = || {
        let counts = sheet.proposal.counts().into_iter();
        counts.map(|(code, units)| (code.to_string(), units)).collect::<BTreeMap<_, _>>()
    };
    let no_code = |code: Option<BillingCode>| {
        let code = code.map_or_else(|| "a code".to_owned(), |code| format!("the code {code}"));
        let codes: Vec<_> = sheet.table_codes.iter().map(ToString::to_string).collect();
        senseless(
            &format!("{code} is not in the table of codes that holds for this case"),
            &format!("its codes are {}", codes.join(", ")),
        )
    };
    let mut all = BTreeMap::new();
    for (code, units) in units.unwrap_or_else(proposed) {
        let known = sheet.table_codes.iter().any(|of| of.as_str() == code);
        let code = code.parse::<BillingCode>().ok();
        let Some(known) = code.clone().filter(|_| known) else { return Err(no_code(code)) };
        all.insert(known, units);
    }
    Ok(all)
}

/// What the site's catalogue says of a process; nothing where it is not in it. What it says now is in the journal then.
async fn validated(
    app: &AppState,
    process: &Label,
    elsewhere: bool,
) -> Result<Option<Vec<IntendedUse>>, Problem> {
    let Some(slicing) = app.slicing.clone() else { return Ok(None) };
    let catalogue = processes::note(&app.recorder, &slicing).await?;
    let found = catalogue.all().iter().find(|found| found.name == process.as_str());
    if found.is_none() && !elsewhere {
        let named = catalogue.all().iter().take(NAMED_MAX);
        let names: Vec<_> = named.map(|process| process.name.as_str()).collect();
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-such-process",
            format!("the site's catalogue has no process {process}; it has {}", names.join(", ")),
            "take one of these, or say that its parts are sliced elsewhere: \"elsewhere\": true, or --elsewhere",
        ));
    }
    Ok(found.map(|found| found.validated_for.clone()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SignedOf {
    /// `design` (the current revisions of all parts) or `case` (the case with its released parts)
    of: String,
}

/// What somebody would sign now, and under which digest.
#[utoipa::path(get, path = "/v1/cases/{token}/to-sign", tag = "quality", operation_id = "case_to_sign",
    params(("token" = String, Path, description = "The case's token"), SignedOf),
    responses((status = 200, description = "Text and digest", body = ToSign), Told, NoSuch, Timely))]
async fn to_sign(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
    Asked(SignedOf { of }): Asked<SignedOf>,
) -> Result<Json<ToSign>, Problem> {
    let subject = match of.as_str() {
        "design" => Subject::Design,
        "case" => Subject::Case,
        _ => {
            return Err(Problem::unreadable(
                "what is signed of a case is its design, or the case",
                "ask for ?of=design or ?of=case",
            ));
        }
    };
    app.recorder.read(|lab| {
        lab.case(&case)?;
        views::to_sign(lab, &case, &subject).map(Json).map_err(|error| lab::Refusal::from(error).into())
    })
}

/// What is said on a case, oldest first, by people and, without a number, by platen.
#[utoipa::path(get, path = "/v1/cases/{token}/messages", tag = "quality", operation_id = "list_messages",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "The thread", body = Vec<MessageView>), Told, NoSuch))]
async fn thread(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
) -> Result<Json<Vec<MessageView>>, Problem> {
    let now = app.clock.wall();
    app.recorder.read(|lab| {
        lab.case(&case)?;
        Ok(Json(views::thread(lab, &case, now)))
    })
}

/// Writes on a case. Never a patient's name.
#[utoipa::path(post, path = "/v1/cases/{token}/messages", tag = "quality", operation_id = "post_message",
    params(("token" = String, Path, description = "The case's token")), request_body = Asks<NewMessage>,
    responses((status = 201, description = "The thread as it is now", body = Vec<MessageView>), Ruled))]
async fn post_message(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
    Asking(who, message): Asking<NewMessage>,
) -> Result<Response, Problem> {
    let step = Step::MessagePosted { text: message.text, mentions: message.mentions };
    change(&app, &who, Change::Case { case: case.clone(), step }).await?;
    let place = format!("/v1/cases/{case}/messages");
    Ok(created(place, app.recorder.read(|lab| views::thread(lab, &case, app.clock.wall()))))
}

/// What people have worked on a case, each entry and the eight sums of the registry.
#[utoipa::path(get, path = "/v1/cases/{token}/efforts", tag = "quality", operation_id = "list_efforts",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "Entries and sums", body = EffortsView), Told, NoSuch))]
async fn efforts(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
) -> Result<Json<EffortsView>, Problem> {
    app.recorder.read(|lab| {
        lab.case(&case)?;
        Ok(Json(views::efforts(lab, &case)))
    })
}

/// Notes how long somebody worked on a case.
#[utoipa::path(post, path = "/v1/cases/{token}/efforts", tag = "quality", operation_id = "note_effort",
    params(("token" = String, Path, description = "The case's token")), request_body = Asks<NewEffort>,
    responses((status = 201, description = "Entries and sums as they are now", body = EffortsView), Ruled))]
async fn note_effort(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
    Asking(who, effort): Asking<NewEffort>,
) -> Result<Response, Problem> {
    let step = Step::EffortNoted { effort: effort.into() };
    change(&app, &who, Change::Case { case: case.clone(), step }).await?;
    let place = format!("/v1/cases/{case}/efforts");
    Ok(created(place, app.recorder.read(|lab| views::efforts(lab, &case))))
}

/// What people noted that a case has cost, each entry and the sum of each kind.
#[utoipa::path(get, path = "/v1/cases/{token}/costs", tag = "quality", operation_id = "list_costs",
    params(("token" = String, Path, description = "The case's token")),
    responses((status = 200, description = "Entries and sums", body = CostsView), Told, NoSuch))]
async fn costs(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
) -> Result<Json<CostsView>, Problem> {
    app.recorder.read(|lab| {
        lab.case(&case)?;
        Ok(Json(views::costs(lab, &case)))
    })
}

/// Notes what a case has cost that no rate tells.
#[utoipa::path(post, path = "/v1/cases/{token}/costs", tag = "quality", operation_id = "note_cost",
    params(("token" = String, Path, description = "The case's token")), request_body = Asks<NewCost>,
    responses((status = 201, description = "The entry", body = CostView), Ruled))]
async fn note_cost(
    State(app): State<AppState>,
    Named(case): Named<CaseToken>,
    Asking(who, cost): Asking<NewCost>,
) -> Result<Response, Problem> {
    let cost: Cost = cost.into();
    let step = Step::CostNoted { cost: cost.clone() };
    change(&app, &who, Change::Case { case: case.clone(), step }).await?;
    // Not all of them: whoever notes one need not be allowed to read costs.
    let noted = app.recorder.read(|lab| {
        let own = lab.quality.costs_of(&case).filter(|entry| entry.by == who.name() && entry.cost == cost);
        own.last().map(CostView::from)
    });
    Ok(created(format!("/v1/cases/{case}/costs"), noted))
}

fn part_seen(app: &AppState, case: &CaseToken, part: &PartRef) -> Result<PartQuality, Problem> {
    app.recorder.read(|lab| {
        lab.case(case)?;
        Ok(views::part(lab, lab.find_part(case, part)?))
    })
}

/// A part of a case: what it shows, and its revisions.
#[utoipa::path(get, path = "/v1/cases/{token}/parts/{part}", tag = "quality", operation_id = "show_part",
    params(("token" = String, Path, description = "The case's token"),
        ("part" = String, Path, description = "The part's number within the case, or its id")),
    responses((status = 200, description = "The part", body = PartQuality), Told, NoSuch))]
async fn show_part(
    State(app): State<AppState>,
    NamedTwo(case, part): NamedTwo<CaseToken, PartRef>,
) -> Result<Json<PartQuality>, Problem> {
    part_seen(&app, &case, &part).map(Json)
}

/// Says what a part shows, or hands in a model that was uploaded as its next revision.
#[utoipa::path(post, path = "/v1/cases/{token}/parts/{part}/steps", tag = "quality", operation_id = "step_part",
    params(("token" = String, Path, description = "The case's token"),
        ("part" = String, Path, description = "The part's number within the case, or its id")),
    request_body = Asks<PartStep>,
    responses((status = 200, description = "The part as it is now", body = PartQuality),
        (status = 410, description = "The model on the disk is not what was uploaded", body = Problem,
            content_type = "application/problem+json"), Ruled))]
async fn step_part(
    State(app): State<AppState>,
    NamedTwo(case, part): NamedTwo<CaseToken, PartRef>,
    Asking(who, step): Asking<PartStep>,
) -> Result<Json<PartQuality>, Problem> {
    let (number, units) = app.recorder.read(|lab| {
        lab.case(&case)?;
        let part = lab.find_part(&case, &part)?;
        let about = lab.quality.parts.get(&part.id).map(|record| &record.about);
        Ok::<_, lab::Refusal>((part.number, about.and_then(|about| about.units)))
    })?;
    let step = match step {
        PartStep::Described { about } => PartChange::Described { about: Box::new((*about).into()) },
        PartStep::Revised { revision } => {
            PartChange::Revised { revision: Box::new(read(&app, units, *revision).await?) }
        }
    };
    change(&app, &who, Change::Part { case: case.clone(), part: number, step }).await?;
    part_seen(&app, &case, &part).map(Json)
}

/// A revision from its model: what can be read from that is not asked of people.
#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
async fn read(
    app: &AppState,
    units: Option<LengthUnit>,
    given: NewRevision,
) -> Result<revision::NewRevision, Problem> {
    let scale = SliceOrder::millionths(given.scale.unwrap_or(1.0))
        .ok_or_else(|| senseless("a scale is a number from 0.001 to 1000", "leave it out where it is 1"))?;
    let spool = app.intake.spool();
    spool.reader(&given.model).await?;
    let path = spool.path(&given.model);
    let told = given.units.or(units).and_then(|unit| unit.to_string().parse::<Unit>().ok());
    let read = offload(move || model::read(&mut File::open(path)?, None, told, &LIMITS)).await;
    let report = read.map_err(|_| Problem::from(SliceError::Ended))?.map_err(IntakeError::Model)?;
    if report.hash != given.model {
        return Err(SpoolError::Changed(given.model).into());
    }
    let odd = || {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not-a-revision",
            "the model is larger than any printer",
            "say in which units it is",
        )
    };
    let [x, y, z] = report.size.map(Height::from_mm);
    let (Some(x), Some(y), Some(z)) = (x, y, z) else { return Err(odd()) };
    let format = serde_json::to_value(report.format).unwrap_or_default();
    let format = format.as_str().and_then(|text| Label::new(text).ok()).ok_or_else(odd)?;
    let unit = serde_json::from_value::<LengthUnit>(report.unit.to_string().into()).map_err(|_| odd())?;
    Ok(revision::NewRevision {
        mesh: given.model,
        format,
        unit,
        scale,
        extents: [x, y, z],
        triangles: report.triangles,
        signed_volume: (report.volume_mm3 * 1_000.0).round() as i64,
        mirrored: given.mirrored,
        modified: given.modified,
        software: given.software,
        author: given.author,
    })
}
