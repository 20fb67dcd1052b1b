//! A printed part: what is to be done with it next, what has to be looked at, and all that it comes from.

use maud::{Markup, html};
use serde_json::{Value, json};
use std::fmt::Display;

use super::hands::state_word;
use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::{Text, cases as case_words, hands as words};
use crate::api::quality::shapes::{
    Inspected, InspectionView, NonconformanceView, PrintedView, RevisionView, SignatureView,
};
use crate::api::quality::views as quality;
use crate::api::{Problem, pictures};
use crate::domain::ids::{FileHash, JobId};
use crate::domain::job::JobState;
use crate::domain::lab::{self, Lab};
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::CaseState;
use crate::domain::quality::inspection::Inspection;
use crate::domain::quality::printed::{PrintedPart, PrintedState, QuarantineCause, Serial, Step};
use crate::domain::quality::{Refusal, What};
use crate::labels::Stock;
use crate::preview::Pixels;
use crate::services::preview::{Seen, Subject};

/// Pixels of a picture's longer side here.
const PICTURE: u16 = 400;

pub(super) const KINDS: [&str; 6] = ["removal", "wash", "dry", "cure", "support_removal", "finish"];
const CAUSES: [&str; 12] = [
    "dimension",
    "surface",
    "breakage",
    "incomplete",
    "wrong_file",
    "wrong_material",
    "wrong_side",
    "contamination",
    "labelling",
    "machine",
    "handling",
    "other",
];
const SEVERITIES: [&str; 3] = ["minor", "major", "critical"];
const REPRINTS: [&str; 5] = ["print_failed", "inspection_failed", "damaged", "lost", "another_copy"];

/// What the page tells, taken out of the lab at once.
struct Shown {
    serial: Serial,
    kept: PrintedPart,
    view: PrintedView,
    revisions: Vec<RevisionView>,
    /// Of the part and of its coupons, oldest first.
    inspections: Vec<InspectionView>,
    case: CaseState,
    /// Its job is over, and its file is there to be printed again.
    may_reprint: bool,
    /// What another attempt would be called.
    following: Option<Serial>,
    models: Vec<(FileHash, Subject, Text)>,
    releaser_may_be_operator: bool,
}

/// Whoever has the name of a part that is not there is told so.
pub(super) fn serial_of(ask: &Ask) -> Result<Serial, Problem> {
    ask.named("serial").parse().map_err(|_| Viewer::missing("printed part"))
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let serial = serial_of(&ask)?;
        let shown = viewer.app.recorder.read(|lab| gather(lab, &serial))?;
        let body = Piece::around("printed", |inner| {
            html! {
                div.split id="printed" {
                    div {
                        (inner.put("printed-next", next(&viewer, &shown)))
                        (inner.put("printed-inspections", inspections(&viewer, &shown)))
                        (inner.put("printed-not-right", not_right(&viewer, &shown)))
                        (inner.put("printed-history", history(&viewer, &shown)))
                    }
                    div {
                        (inner.put("printed-from", from(&viewer, &shown)))
                        (inner.put("printed-label", label(&viewer, &shown)))
                        (inner.put("printed-pictures", pictures_of(&viewer, &shown)))
                    }
                }
            }
        });
        Ok(Content::new(viewer.say(words::PRINTED), vec![head(&viewer, &shown), body]))
    })
}

fn gather(lab: &Lab, serial: &Serial) -> Result<Shown, Problem> {
    let nothing = || lab::Refusal::from(Refusal::Nothing(What::Printed(serial.clone())));
    let kept = lab.quality.printed.get(serial).ok_or_else(nothing)?;
    let of = kept.part.clone();
    let revisions = lab.quality.revisions.range((of.clone(), 0)..=(of, u16::MAX));
    let job = kept.job.as_ref().and_then(|job: &JobId| lab.jobs.get(job));
    let last = lab.quality.attempts_at(&serial.case, serial.part).next_back().map(|last| last.serial.attempt);
    let of_it = |of: &&Inspection| of.measured.subject.serial() == Some(serial);
    let mut inspections: Vec<_> = lab.quality.inspections.values().filter(of_it).collect();
    inspections.sort_by_key(|kept| kept.order());
    let print = job.filter(|job| job.has_file()).map(|job| job.file.clone());
    let view = quality::printed(lab, kept);
    let model = view.model.as_ref().and_then(|model| model.parse::<FileHash>().ok());
    let print = print.map(|file| (file, Subject::Sides, words::PICTURE_PRINT));
    let model = model.map(|file| (file, Subject::Model, words::PICTURE_MODEL));
    Ok(Shown {
        serial: serial.clone(),
        kept: kept.clone(),
        revisions: revisions.map(|(_, revision)| revision.into()).collect(),
        inspections: inspections.into_iter().map(|kept| quality::inspection(lab, kept)).collect(),
        case: lab.quality.case_state(&serial.case),
        may_reprint: job.is_some_and(|job| job.has_file() && matches!(job.state, JobState::Ended { .. })),
        following: last.map(|last| Serial { attempt: last.saturating_add(1), ..serial.clone() }),
        models: print.into_iter().chain(model).collect(),
        releaser_may_be_operator: lab.quality.rules.releaser_may_be_operator,
        view,
    })
}

/// Why a printed part is as it is: people's words as they stand, and ours in the language of the page.
pub(super) fn why(viewer: &Viewer, state: &PrintedState) -> Option<String> {
    use PrintedState as S;
    Some(match state {
        S::Rejected { why } | S::Scrapped { why } | S::Recalled { why, .. } => why.to_string(),
        S::Delivered { to, .. } => viewer.fill(words::GIVEN_TO, &[("to", to)]),
        S::SterilisationHandover { cycle, .. } => viewer.fill(words::IN_CYCLE, &[("cycle", cycle)]),
        S::Failed { how } => viewer.told(quality::failure_words(*how)),
        S::Quarantined { cause, from } => {
            let why = match cause {
                QuarantineCause::Person { why } => why.to_string(),
                ours => viewer.told(&quality::quarantine_words(ours)),
            };
            let before = viewer.state(from.word());
            format!("{why} {}", viewer.fill(case_words::BEFORE, &[("state", &before)]))
        }
        _ => return None,
    })
}

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let brief = &shown.view.brief;
    let holes: [(&str, &dyn Display); 2] = [("case", &shown.view.case), ("part", &shown.view.part)];
    let why = why(viewer, &shown.kept.state);
    let seen = seen_doubts(&shown.view);
    Piece::new(
        "head",
        html! {
            div id="head" {
                div.head {
                    h1 { (viewer.fill(words::CASE_PART, &holes)) }
                    span.quiet {
                        (shown.view.part_name) ", "
                        (viewer.fill(words::ATTEMPT_N, &[("n", &shown.serial.attempt)]))
                    }
                    (kit::state(viewer, state_word(&brief.words)))
                    a.button.end href="/hands" { (viewer.say(words::TITLE)) }
                }
                @if let Some(why) = why { p.note { (why) } }
                @if !brief.doubts.is_empty() {
                    div.note data-state="wants" {
                        p { strong { (viewer.say(words::DOUBTS)) } }
                        ul {
                            @for doubt in &brief.doubts {
                                li {
                                    (viewer.told(&doubt.words))
                                    @if seen.contains(&doubt.doubt) {
                                        " " small { "(" (viewer.say(words::DOUBT_SEEN)) ")" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// The doubts that an inspection that counts has looked at.
pub(super) fn seen_doubts(view: &PrintedView) -> Vec<String> {
    let good = view.inspections.iter().filter(|of| matches!(of.verdict.as_str(), "pass" | "flag"));
    good.flat_map(|of| of.looked_at.iter().cloned()).collect()
}

// --- what can be done with it

/// Whether its state takes a step, apart from what else speaks against it.
fn takes(state: &PrintedState, step: Value) -> bool {
    serde_json::from_value::<Step>(step).is_ok_and(|step| state.after(&step, 1).is_ok())
}

fn why_field(viewer: &Viewer) -> Markup {
    Field::text("why", viewer.say(words::WHY)).required().most(100).input()
}

/// A step of the part as a form: nothing where its state does not take it, or the role may not do it.
struct Offer<'o> {
    is: &'o str,
    needs: Permission,
    label: Text,
    done: Text,
    ask: Option<Text>,
}

impl Offer<'_> {
    fn form(&self, viewer: &Viewer, shown: &Shown, more: Value, fields: Markup) -> Option<Markup> {
        let mut fixed = json!({"is": self.is});
        if let (Some(fixed), Value::Object(more)) = (fixed.as_object_mut(), more) {
            fixed.extend(more);
        }
        let mut whole = fixed.clone();
        // What the form asks for is any word here.
        for (name, filler) in filler(self.is) {
            whole[name] = filler;
        }
        if !viewer.may(self.needs) || !takes(&shown.kept.state, whole) {
            return None;
        }
        let (id, to) = (format!("do-{}", self.is), format!("POST /v1/printed/{}/steps", shown.serial));
        let sends = Sends {
            fixed,
            done: Some(viewer.say(self.done)),
            ask: self.ask.map(|ask| viewer.say(ask)),
            ..Sends::new(&id, &to, viewer.say(self.label))
        };
        Some(sends.form(viewer, fields))
    }
}

/// What stands in a step in the place of what somebody is still to say.
fn filler(is: &str) -> Vec<(&'static str, Value)> {
    match is {
        "rejected" | "scrapped" | "quarantined" | "quarantine_lifted" | "recalled" => {
            vec![("why", "x".into())]
        }
        "handed_over" => vec![("cycle", "x".into())],
        "delivered" => vec![("to", "x".into())],
        "processed" => vec![("processing", json!({"kind": "finish"}))],
        "revision_attested" => vec![("revision", 1.into())],
        "accepted" => vec![("inspection", "0000000000000000".into())],
        "released" => vec![("digest", "0".repeat(64).into()), ("proof", "name".into())],
        _ => Vec::new(),
    }
}

const fn offer(is: &str, needs: Permission, label: Text, done: Text) -> Offer<'_> {
    Offer { is, needs, label, done, ask: None }
}

fn next(viewer: &Viewer, shown: &Shown) -> Markup {
    let forward = forward(viewer, shown);
    let aside = aside(viewer, shown);
    let todo = viewer.told(&shown.view.brief.todo);
    html! {
        section.card.stack id="printed-next" aria-labelledby="next-title" {
            h2 id="next-title" { (viewer.say(words::NEXT)) }
            p { (todo) "." }
            @if forward.is_empty() { p.quiet { (viewer.say(words::NOT_YOURS)) } }
            @for form in &forward { (form) }
            @if !aside.is_empty() {
                details id="printed-more" {
                    summary { (viewer.say(words::MORE)) }
                    div.stack { @for form in &aside { (form) } }
                }
            }
        }
    }
}

/// The steps towards whoever gets it.
fn forward(viewer: &Viewer, shown: &Shown) -> Vec<Markup> {
    use Permission as P;
    let nothing = || json!({});
    let mut all = Vec::new();
    all.extend(attest(viewer, shown));
    let processed = offer("processed", P::PostProcess, words::STEP_PROCESSED, words::STEP_PROCESSED_DONE);
    all.extend(processed.form(viewer, shown, nothing(), processing(viewer)));
    let sent = offer("sent_to_inspection", P::PostProcess, words::STEP_SENT, words::STEP_SENT_DONE);
    all.extend(sent.form(viewer, shown, nothing(), html! {}));
    all.extend(inspect(viewer, shown));
    all.extend(release(viewer, shown));
    let packed = offer("packed", P::Deliver, words::STEP_PACKED, words::STEP_PACKED_DONE);
    all.extend(packed.form(viewer, shown, nothing(), html! {}));
    if matches!(shown.case, CaseState::Released { .. } | CaseState::Delivered { .. }) {
        let cycle = Field::text("cycle", viewer.say(words::STEP_CYCLE)).required().most(100).input();
        let handed = offer("handed_over", P::Deliver, words::STEP_HANDED_OVER, words::STEP_HANDED_OVER_DONE);
        all.extend(handed.form(viewer, shown, nothing(), cycle));
        let to = Field::text("to", viewer.say(words::STEP_TO)).required().most(100).input();
        let delivered = offer("delivered", P::Deliver, words::STEP_DELIVERED, words::STEP_DELIVERED_DONE);
        all.extend(delivered.form(viewer, shown, nothing(), to));
    } else if matches!(
        shown.kept.state,
        PrintedState::Packed { .. } | PrintedState::SterilisationHandover { .. }
    ) {
        all.push(case_first(viewer, shown, words::CASE_NOT_RELEASED));
    }
    let lifted = offer("quarantine_lifted", P::Dispose, words::STEP_LIFTED, words::STEP_LIFTED_DONE);
    all.extend(lifted.form(viewer, shown, nothing(), why_field(viewer)));
    if matches!(shown.kept.state, PrintedState::Rejected { .. }) {
        all.extend(report(viewer, shown));
    }
    all
}

/// What takes it out of the way.
fn aside(viewer: &Viewer, shown: &Shown) -> Vec<Markup> {
    use Permission as P;
    let mut all = Vec::new();
    if !matches!(shown.kept.state, PrintedState::Rejected { .. }) {
        all.extend(report(viewer, shown));
    }
    let quarantined = words::STEP_QUARANTINED_DONE;
    let quarantined = offer("quarantined", P::RaiseNonconformance, words::STEP_QUARANTINED, quarantined);
    all.extend(quarantined.form(viewer, shown, json!({}), why_field(viewer)));
    let scrapped = Offer {
        ask: Some(words::STEP_SCRAPPED_ASK),
        ..offer("scrapped", P::Dispose, words::STEP_SCRAPPED, words::STEP_SCRAPPED_DONE)
    };
    all.extend(scrapped.form(viewer, shown, json!({}), why_field(viewer)));
    let recalled = Offer {
        ask: Some(words::STEP_RECALLED_ASK),
        ..offer("recalled", P::Release, words::STEP_RECALLED, words::STEP_RECALLED_DONE)
    };
    all.extend(recalled.form(viewer, shown, json!({}), why_field(viewer)));
    all.extend(reprint(viewer, shown));
    all.extend(plan(viewer, shown));
    all
}

fn case_first(viewer: &Viewer, shown: &Shown, text: Text) -> Markup {
    let state = viewer.state(shown.case.word());
    html! {
        p.note data-state="wants" {
            (viewer.fill(text, &[("state", &state)])) " "
            a href=(format!("/cases/{}", shown.view.case)) { (viewer.say(words::OPEN_CASE)) }
        }
    }
}

fn processing(viewer: &Viewer) -> Markup {
    let kinds: Vec<_> = KINDS.iter().map(|kind| (*kind, words::word(viewer.language, kind))).collect();
    html! {
        div.fields {
            (Field::text("processing.kind", viewer.say(words::STEP_KIND)).required().choice(&kinds))
            (Field::text("processing.recipe", viewer.say(words::STEP_RECIPE)).most(100).input())
            (Field::text("processing.equipment", viewer.say(words::STEP_EQUIPMENT)).most(40).input())
            (Field::number("processing.minutes", viewer.say(words::MINUTES)).whole(0, 65_535).input())
        }
    }
}

fn attest(viewer: &Viewer, shown: &Shown) -> Option<Markup> {
    if shown.kept.revision.is_some() || shown.revisions.is_empty() {
        return None;
    }
    let choices: Vec<_> = shown
        .revisions
        .iter()
        .rev()
        .map(|of| (of.number.to_string(), viewer.fill(words::REVISION_N, &[("n", &of.number)])))
        .collect();
    let attested = words::STEP_ATTESTED_DONE;
    let attested = offer("revision_attested", Permission::Queue, words::STEP_ATTESTED, attested);
    let field = html! {
        label.field {
            span { (viewer.say(words::STEP_REVISION)) }
            select name="revision" data-as="number" required {
                @for (number, says) in &choices { option value=(number) { (says) } }
            }
        }
    };
    attested.form(viewer, shown, json!({}), field)
}

/// To its inspection, and what follows from the last one.
fn inspect(viewer: &Viewer, shown: &Shown) -> Vec<Markup> {
    let mut all = Vec::new();
    if shown.kept.state != PrintedState::AwaitingInspection || !viewer.may(Permission::Inspect) {
        return all;
    }
    let path = format!("/printed/{}/inspect", shown.serial);
    if viewer.app.recorder.read(|lab| lab.quality.templates.is_empty()) {
        all.push(html! {
            p.note id="no-template" data-state="wants" {
                (viewer.say(words::NO_TEMPLATE)) " "
                a href="/settings#templates" { (viewer.say(words::NO_TEMPLATE_NEXT)) }
            }
        });
    }
    all.push(html! {
        p { a.button.first id="go-inspect" href=(path) { (viewer.say(words::INSPECT_NEXT)) } }
    });
    let good = |last: &&InspectionView| matches!(last.verdict.as_str(), "pass" | "flag");
    if let Some(last) = shown.view.inspections.last().filter(good) {
        let accepted = words::STEP_ACCEPTED_DONE;
        let accepted = offer("accepted", Permission::Inspect, words::STEP_ACCEPTED, accepted);
        let why = match last.verdict.as_str() {
            "flag" => Field::text("why", viewer.say(words::WHY_FLAG)).required().most(100).input(),
            _ => html! {},
        };
        all.extend(accepted.form(viewer, shown, json!({"inspection": last.id}), why));
    }
    let rejected = words::STEP_REJECTED_DONE;
    let rejected = offer("rejected", Permission::Inspect, words::STEP_REJECTED, rejected);
    all.extend(rejected.form(viewer, shown, json!({}), why_field(viewer)));
    all
}

/// Whoever signs for a part has not made it, unless the site says that they may.
fn is_own_work(viewer: &Viewer, shown: &Shown) -> bool {
    let name = viewer.asker.name().filter(|_| !shown.releaser_may_be_operator);
    name.is_some_and(|name| shown.kept.operators.iter().any(|operator| operator.eq_ignore_ascii_case(name)))
}

fn release(viewer: &Viewer, shown: &Shown) -> Option<Markup> {
    if shown.kept.state != PrintedState::Accepted || !viewer.may(Permission::Release) {
        return None;
    }
    if !matches!(shown.case, CaseState::InQc { .. }) {
        return Some(case_first(viewer, shown, words::CASE_NOT_IN_QC));
    }
    if is_own_work(viewer, shown) {
        return Some(html! { p.note data-state="wants" { (viewer.say(words::STEP_RELEASED_OWN)) } });
    }
    let to = format!("POST /v1/printed/{}/steps", shown.serial);
    let sign = format!("/v1/printed/{}/to-sign", shown.serial);
    let sends = Sends {
        fixed: json!({"is": "released"}),
        done: Some(viewer.say(words::STEP_RELEASED_DONE)),
        sign: Some(&sign),
        ..Sends::new("do-released", &to, viewer.say(words::STEP_RELEASED))
    };
    Some(sends.button(viewer))
}

fn report(viewer: &Viewer, shown: &Shown) -> Option<Markup> {
    if !viewer.may(Permission::RaiseNonconformance) || shown.kept.state.find_fault().is_err() {
        return None;
    }
    let choices = |all: &[&'static str]| -> Vec<(&'static str, String)> {
        let says = |word: &'static str| match word {
            "incomplete" => viewer.say(words::INCOMPLETE_PART).to_owned(),
            word => words::word(viewer.language, word),
        };
        all.iter().map(|word| (*word, says(word))).collect()
    };
    let fields = html! {
        div.fields {
            (Field::text("cause", viewer.say(words::NC_CAUSE)).required().choice(&choices(&CAUSES)))
            (Field::text("severity", viewer.say(words::NC_SEVERITY)).required().choice(&choices(&SEVERITIES)))
        }
        label.field.wide {
            span { (viewer.say(words::NC_WHAT)) }
            textarea name="what" required maxlength="280" {}
        }
    };
    let sends = Sends {
        fixed: json!({"about": {"of": "part", "serial": shown.serial}}),
        done: Some(viewer.say(words::NC_OPEN_DONE)),
        ..Sends::new("do-report", "POST /v1/nonconformances", viewer.say(words::NC_OPEN))
    };
    Some(sends.form(viewer, fields))
}

fn reprint(viewer: &Viewer, shown: &Shown) -> Option<Markup> {
    let job = shown.view.job.as_ref().filter(|_| shown.may_reprint && viewer.may(Permission::Queue))?;
    let to = format!("POST /v1/jobs/{job}/reprint");
    let causes: Vec<_> = REPRINTS.iter().map(|word| (*word, words::word(viewer.language, word))).collect();
    let field = Field::text("cause", viewer.say(words::STEP_REPRINT_CAUSE)).required().choice(&causes);
    let sends =
        Sends { then: Some("/queue"), ..Sends::new("do-reprint", &to, viewer.say(words::STEP_REPRINT)) };
    Some(sends.form(viewer, field))
}

/// Another attempt without a file yet: a job for the part takes it.
fn plan(viewer: &Viewer, shown: &Shown) -> Option<Markup> {
    let is_over = matches!(
        shown.kept.state,
        PrintedState::Scrapped { .. } | PrintedState::Failed { .. } | PrintedState::Recalled { .. }
    );
    let following = shown.following.as_ref().filter(|_| is_over && viewer.may(Permission::Queue))?;
    if !shown.view.replaced_by.is_empty() {
        return None;
    }
    let to = format!("POST /v1/printed/{following}/steps");
    let sends = Sends {
        fixed: json!({"is": "planned", "replaces": shown.serial}),
        done: Some(viewer.say(words::STEP_PLANNED_DONE)),
        ..Sends::new("do-planned", &to, viewer.say(words::STEP_PLANNED))
    };
    Some(sends.button(viewer))
}

// --- where it comes from

fn from(viewer: &Viewer, shown: &Shown) -> Markup {
    let view = &shown.view;
    let (brief, short) = (&view.brief, |hash: &str| hash.chars().take(12).collect::<String>());
    let times = |from: &str, until: Option<&String>| {
        html! { (viewer.when(from)) @if let Some(until) = until { " – " (viewer.when(until)) } }
    };
    html! {
        section.card id="printed-from" aria-labelledby="from-title" {
            h2 id="from-title" { (viewer.say(words::FROM)) }
            dl.facts {
                dt { (viewer.say(words::CASE)) }
                dd { a href=(format!("/cases/{}", view.case)) { code { (view.case) } } }
                dt { (viewer.say(words::PART)) }
                dd { (view.part) ", " (view.part_name) }
                dt { (viewer.say(words::MODEL)) }
                dd {
                    @match brief.revision {
                        Some(number) => { (viewer.fill(words::REVISION_N, &[("n", &number)])) },
                        None => { (viewer.say(words::NO_REVISION)) },
                    }
                    @if let Some(model) = &view.model { " " code title=(model) { (short(model)) } }
                }
                @if let Some(chain) = &view.chain {
                    dt { (viewer.say(words::SLICED_BY)) }
                    dd {
                        (chain.slicer) " " (chain.slicer_version) ", " (chain.process) ", "
                        (chain.profile) " " (chain.profile_version)
                    }
                }
                @if let Some(file) = &view.file {
                    dt { (viewer.say(words::FILE)) }
                    dd { code title=(file) { (short(file)) } }
                }
                @if let Some(job) = &view.job {
                    dt { (viewer.say(words::JOB)) }
                    dd { a href=(format!("/look?job={job}")) { code { (job) } } }
                }
                @if let Some(printer) = &brief.printer {
                    dt { (viewer.say(words::PRINTER)) }
                    dd { a href=(format!("/printers/{printer}")) { (printer) } }
                }
                @if let Some(started) = &view.started {
                    dt { (viewer.say(words::PRINTED_AT)) }
                    dd { (times(started, view.ended.as_ref())) }
                }
                dt { (viewer.say(words::LOTS)) }
                dd { (lots(viewer, view)) }
                @if !view.operators.is_empty() {
                    dt { (viewer.say(words::OPERATORS)) }
                    dd { (view.operators.join(", ")) }
                }
                @if let Some(accepted) = &view.accepted {
                    dt { (viewer.say(words::ACCEPTED_BY)) }
                    dd { (accepted) }
                }
                @if view.reworks > 0 {
                    dt { (viewer.say(words::REWORKS)) }
                    dd { (viewer.fill(words::TIMES, &[("n", &view.reworks)])) }
                }
                (others(viewer, words::TOGETHER, &view.together_with))
                (others(viewer, words::REPLACES, view.replaces.as_slice()))
                (others(viewer, words::REPLACED_BY, &view.replaced_by))
                @if !view.lookbacks.is_empty() {
                    dt { (viewer.say(words::LOOKBACKS)) }
                    dd { @for why in &view.lookbacks { p { (viewer.told(why)) } } }
                }
            }
        }
    }
}

fn lots(viewer: &Viewer, view: &PrintedView) -> Markup {
    html! {
        @if view.lots.is_empty() { (viewer.say(words::NO_LOTS)) }
        @for lot in &view.lots {
            p {
                a href=(format!("/materials/{}", lot.lot)) { (lot.material) " " (lot.supplier_lot) }
                @if let Some(grams) = lot.used_g { ", " (viewer.fill(words::USED_G, &[("grams", &grams)])) }
                @if let Some(why) = &lot.recalled {
                    " " span.chip data-state="recalled" { (viewer.fill(words::RECALLED_LOT, &[("why", why)])) }
                }
            }
        }
    }
}

fn others(viewer: &Viewer, title: Text, serials: &[String]) -> Markup {
    html! {
        @if !serials.is_empty() {
            dt { (viewer.say(title)) }
            dd { @for serial in serials { a href=(format!("/printed/{serial}")) { code { (serial) } } " " } }
        }
    }
}

/// As the route of labels has it: `62x29`.
fn size(stock: Stock) -> String {
    let (width, height) = stock.millimetres();
    format!("{width}x{height}")
}

fn label(viewer: &Viewer, shown: &Shown) -> Markup {
    let at = |stock: Stock, format: &str| {
        format!("/v1/printed/{}/label?stock={}&format={format}", shown.serial, size(stock))
    };
    let alt = viewer.fill(words::LABEL_ALT, &[("serial", &shown.serial)]);
    html! {
        section.card.stack id="printed-label" aria-labelledby="label-title" {
            h2 id="label-title" { (viewer.say(words::LABEL)) }
            @if shown.kept.state.may_be_labelled().is_ok() {
                // With its state in the address: the marks on it change with that, and browsers keep pictures.
                img.label-preview src=(format!("{}#{}", at(Stock::Small, "svg"), shown.view.brief.state)) alt=(alt)
                    width="248" height="116";
                div.buttons {
                    @for stock in Stock::ALL {
                        a.button href=(at(stock, "pdf")) {
                            (viewer.fill(words::PRINT_LABEL, &[("stock", &size(stock).replace('x', " × "))]))
                        }
                    }
                }
            } @else {
                p.quiet { (viewer.say(words::NO_LABEL)) }
            }
        }
    }
}

/// What is drawn of it; what is not is asked for by looking, and stands here the next time.
fn pictures_of(viewer: &Viewer, shown: &Shown) -> Markup {
    let pixels = Pixels::new(PICTURE).unwrap_or_default();
    let drawn = |file: &FileHash, subject| viewer.app.previews.look(file, subject, pixels) == Seen::Here(());
    html! {
        section.card.stack id="printed-pictures" aria-labelledby="pictures-title" {
            h2 id="pictures-title" { (viewer.say(words::PICTURES)) }
            @for (file, subject, text) in &shown.models {
                @if drawn(file, *subject) {
                    figure {
                        img src=(pictures::path(file, *subject, Some(pixels))) alt=(viewer.say(*text)) loading="lazy";
                        figcaption { (viewer.say(*text)) }
                    }
                }
            }
            @if let Some(job) = &shown.view.job {
                p { a href=(format!("/look?job={job}")) { (viewer.say(words::ALL_PICTURES)) } }
            }
        }
    }
}

// --- what was found

fn inspections(viewer: &Viewer, shown: &Shown) -> Markup {
    html! {
        section.card.stack id="printed-inspections" aria-labelledby="inspections-title" {
            h2 id="inspections-title" { (viewer.say(words::INSPECTIONS)) }
            @if shown.inspections.is_empty() { p.quiet { (viewer.say(words::NO_INSPECTION)) } }
            @for inspection in shown.inspections.iter().rev() { (inspected(viewer, inspection)) }
        }
    }
}

fn inspected(viewer: &Viewer, of: &InspectionView) -> Markup {
    let id = format!("inspection-{}", of.id);
    let unit = |unit: &str| words::word(viewer.language, unit);
    let holes: [(&str, &dyn Display); 2] = [("name", &of.template), ("version", &of.version)];
    html! {
        article id=(id) aria-labelledby=(format!("{id}-title")) {
            h3 id=(format!("{id}-title")) {
                (verdict(viewer, &of.verdict)) " " (viewer.fill(words::TEMPLATE_VERSION, &holes))
                @if matches!(of.subject, Inspected::Coupon { .. }) { " " small { (viewer.say(words::OF_COUPON)) } }
            }
            p.quiet {
                (of.by) ", " (viewer.when(&of.at))
                @if let (Some(instrument), Some(due)) = (&of.instrument, &of.instrument_due) {
                    ", "
                    (viewer.fill(words::WITH_INSTRUMENT, &[("instrument", instrument), ("due", &viewer.day(due))]))
                }
            }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { (viewer.say(words::ITEM)) }
                            th.number scope="col" { (viewer.say(words::VALUE)) }
                            th.number scope="col" { (viewer.say(words::NOMINAL)) }
                            th scope="col" { (viewer.say(words::GOOD_FROM_TO)) }
                            th scope="col" { (viewer.say(words::VERDICT)) }
                        }
                    }
                    tbody {
                        @for value in &of.values {
                            tr {
                                th scope="row" { (value.name) }
                                @if value.unit == "yes" {
                                    td.number { (yes_or_no(viewer, value.value)) }
                                    td.number { (yes_or_no(viewer, Some(value.nominal))) }
                                    td {}
                                } @else {
                                    td.number {
                                        @match value.value {
                                            Some(measured) => { (number(viewer, measured)) " " (unit(&value.unit)) },
                                            None => { (viewer.say(words::NOT_MEASURED)) },
                                        }
                                    }
                                    td.number { (number(viewer, value.nominal)) }
                                    td { (number(viewer, value.low)) " … " (number(viewer, value.high)) }
                                }
                                td { (verdict(viewer, &value.verdict)) }
                            }
                        }
                    }
                }
            }
            @if let Some(note) = &of.note { p { (note) } }
            @if !of.pictures.is_empty() {
                div.photos {
                    @for (index, picture) in of.pictures.iter().enumerate() {
                        a href=(picture) {
                            img src=(picture) alt=(viewer.fill(words::PHOTO_N, &[("n", &(index + 1))])) loading="lazy";
                        }
                    }
                }
            }
        }
    }
}

fn yes_or_no(viewer: &Viewer, value: Option<f64>) -> &'static str {
    viewer.say(match value {
        None => words::NOT_MEASURED,
        Some(value) if value >= 0.5 => words::ANSWER_YES,
        Some(_) => words::ANSWER_NO,
    })
}

/// A number as people of the language write it.
pub(super) fn number(viewer: &Viewer, value: f64) -> String {
    viewer.decimal(value)
}

/// A verdict in words, with a mark.
pub(super) fn verdict(viewer: &Viewer, word: &str) -> Markup {
    let state = match word {
        "pass" => "good",
        "fail" => "bad",
        _ => "wants",
    };
    html! { span.chip data-state=(state) { (words::word(viewer.language, word)) } }
}

// --- what is not right

fn not_right(viewer: &Viewer, shown: &Shown) -> Markup {
    html! {
        section id="printed-not-right" aria-labelledby="not-right-title"
            hidden[shown.view.nonconformances.is_empty()] {
            h2 id="not-right-title" { (viewer.say(words::NONCONFORMANCES)) }
            div.stack { @for of in &shown.view.nonconformances { (nonconformance(viewer, shown, of)) } }
        }
    }
}

fn nonconformance(viewer: &Viewer, shown: &Shown, of: &NonconformanceView) -> Markup {
    let id = format!("nc-{}", of.id);
    let word = |word: &str| match word {
        "open" | "closed" => viewer.state(word),
        "incomplete" => viewer.say(words::INCOMPLETE_PART).to_owned(),
        other => words::word(viewer.language, other),
    };
    let state = if of.state == "open" { "wants" } else { "good" };
    html! {
        article.card.stack id=(id) aria-labelledby=(format!("{id}-title")) {
            h3 id=(format!("{id}-title")) {
                span.chip data-state=(state) { (word(&of.state)) } " "
                (word(&of.cause)) ", " (word(&of.severity))
            }
            p { (of.what) }
            p.quiet { code { (of.id) } ", " (of.by) ", " (viewer.when(&of.at)) }
            @if let (Some(what), Some(why), Some(by)) = (&of.disposition, &of.why, &of.decided_by) {
                p { (viewer.fill(words::NC_DECIDED, &[("what", &word(what)), ("why", why), ("by", by)])) }
            }
            @if let Some(capa) = &of.capa { p { (capa) } }
            @if viewer.may(Permission::Dispose) { (decisions(viewer, shown, of)) }
        }
    }
}

fn decisions(viewer: &Viewer, shown: &Shown, of: &NonconformanceView) -> Markup {
    let (to, sign) = (
        format!("POST /v1/nonconformances/{}/steps", of.id),
        format!("/v1/nonconformances/{}/to-sign", of.id),
    );
    let ids = ["decide", "as-is", "close"].map(|what| format!("{what}-{}", of.id));
    let choices: Vec<_> = ["rework", "reprint", "scrap"]
        .map(|word| (word, words::word(viewer.language, word)))
        .into_iter()
        .collect();
    let decide = Sends {
        fixed: json!({"is": "disposed"}),
        done: Some(viewer.say(words::NC_DECIDE_DONE)),
        ..Sends::new(&ids[0], &to, viewer.say(words::NC_DECIDE))
    };
    let as_is = Sends {
        fixed: json!({"is": "disposed", "decision": {"disposition": "use_as_is"}}),
        done: Some(viewer.say(words::NC_DECIDE_DONE)),
        sign: Some(&sign),
        sign_at: Some("decision.digest"),
        ..Sends::new(&ids[1], &to, viewer.say(words::NC_USE_AS_IS))
    };
    let close = Sends {
        fixed: json!({"is": "closed"}),
        done: Some(viewer.say(words::NC_CLOSE_DONE)),
        ..Sends::new(&ids[2], &to, viewer.say(words::NC_CLOSE))
    };
    let what = Field::text("decision.disposition", viewer.say(words::NC_DISPOSITION)).required();
    html! {
        @match of.state.as_str() {
            "open" => {
                (decide.form(viewer, html! { (what.choice(&choices)) (why_field(viewer)) }))
                @if !is_own_work(viewer, shown) { (as_is.form(viewer, why_field(viewer))) }
            },
            "disposed" => (close.form(viewer, Field::text("capa", viewer.say(words::NC_CAPA)).most(100).input())),
            _ => {},
        }
    }
}

// --- what happened

fn history(viewer: &Viewer, shown: &Shown) -> Markup {
    let mut all: Vec<(String, Markup)> = Vec::new();
    let view = &shown.view;
    let word = |word: &str| words::word(viewer.language, word);
    if let (Some(at), Some(printer)) = (&view.started, &view.brief.printer) {
        all.push((at.clone(), html! { (viewer.fill(words::BEGAN, &[("printer", printer)])) }));
    }
    if let Some(at) = &view.ended {
        all.push((at.clone(), html! { (viewer.say(words::ENDED)) }));
    }
    for step in &view.processed {
        let kind = serde_json::to_value(step.processing.kind).unwrap_or_default();
        let kind = word(kind.as_str().unwrap_or_default());
        let minutes = step.processing.minutes.map(|minutes| viewer.span(u64::from(minutes) * 60));
        let equipment = step.processing.equipment.as_ref().map(ToString::to_string);
        let recipe = step.processing.recipe.as_ref().map(ToString::to_string);
        let how: Vec<String> = [recipe, equipment, minutes].into_iter().flatten().collect();
        let what = viewer.fill(words::PROCESSED_WORDS, &[("kind", &kind), ("by", &step.by)]);
        let markup = html! {
            (super::viewer::capital(&what)) @if !how.is_empty() { " (" (how.join(", ")) ")" }
        };
        all.push((step.at.clone(), markup));
    }
    for of in &shown.inspections {
        let holes: [(&str, &dyn Display); 4] = [
            ("template", &of.template),
            ("version", &of.version),
            ("verdict", &word(&of.verdict)),
            ("by", &of.by),
        ];
        all.push((of.at.clone(), html! { (viewer.fill(words::INSPECTED_WORDS, &holes)) }));
    }
    for of in &view.nonconformances {
        let holes: [(&str, &dyn Display); 3] = [("id", &of.id), ("what", &of.what), ("by", &of.by)];
        all.push((of.at.clone(), html! { (viewer.fill(words::OPENED_WORDS, &holes)) }));
    }
    for of in &view.signatures {
        all.push((of.at.clone(), signed(viewer, of)));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    html! {
        section.card id="printed-history" aria-labelledby="history-title" {
            h2 id="history-title" { (viewer.say(words::HISTORY)) }
            ol.timeline {
                @for (at, what) in all.iter().rev() { li { (viewer.when(at)) " " span { (what) } } }
            }
        }
    }
}

fn signed(viewer: &Viewer, of: &SignatureView) -> Markup {
    let meaning = words::word(viewer.language, &of.meaning);
    let by = of.printed_name.as_ref().unwrap_or(&of.by);
    let short = |stamp: &String| stamp.parse().map_or_else(|_| stamp.clone(), |at| viewer.short(at));
    let voided = of.voided.as_ref().map(short);
    html! {
        (viewer.fill(words::SIGNED_WORDS, &[("meaning", &meaning), ("by", by)]))
        @if let Some(since) = &voided {
            " " strong { (viewer.fill(words::VOIDED, &[("time", &since)])) }
        }
    }
}
