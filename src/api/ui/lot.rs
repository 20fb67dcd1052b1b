//! The page at `/materials/{lot}`: what a lot is, what can be done with it, where it is, and which parts have
//! it.

use maud::{Markup, html};
use serde_json::json;
use std::collections::BTreeSet;

use super::kit::{self, Field, Sends};
use super::materials::{self, Kept, LAST_SLOT};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::printed;
use super::viewer::Viewer;
use super::words::{common, materials as words};
use crate::api::quality::GRAMS;
use crate::api::quality::shapes::{LoadView, PrintedBrief};
use crate::api::quality::views;
use crate::domain::day::Day;
use crate::domain::ids::LotId;
use crate::domain::lab::Lab;
use crate::domain::people::roles::Permission;
use crate::domain::quality::lot::LotState;
use crate::domain::quality::printed::{LookBack, PrintedPart, PrintedState};

/// Of parts and loads; the report of the lot has all of them.
const ROWS_MAX: usize = 200;
/// Jobs of which somebody may note what they used.
const JOBS_MAX: usize = 50;

/// A printed part that may have the lot in it.
#[derive(Debug)]
struct Part {
    brief: PrintedBrief,
    state: PrintedState,
    /// As it was deducted.
    used: Option<u64>,
    is_out: bool,
}

#[derive(Debug)]
struct Shown {
    kept: Kept,
    today: Day,
    /// The newest first, as are the parts.
    loads: Vec<LoadView>,
    parts: Vec<Part>,
    parts_in_all: usize,
    used_in_all: u64,
    /// Looked back at, since the lot was recalled.
    looked_back: Vec<Part>,
    /// Jobs of which nothing was deducted, each with its part.
    jobs: Vec<(String, String)>,
}

fn part(printed: &PrintedPart, lot: &LotId) -> Part {
    let used: Vec<u64> =
        printed.used.iter().filter(|used| used.lot == *lot).map(|used| used.milligrams).collect();
    Part {
        brief: views::brief(printed),
        state: printed.state.clone(),
        used: (!used.is_empty()).then(|| used.iter().sum()),
        is_out: matches!(
            printed.state,
            PrintedState::Delivered { .. } | PrintedState::SterilisationHandover { .. }
        ),
    }
}

fn shown(lab: &Lab, id: &LotId, today: Day) -> Option<Shown> {
    let lot = lab.quality.lots.get(id)?;
    let mut printed: Vec<&PrintedPart> = lab.quality.printed_from(id).collect();
    printed.sort_by_key(|printed| std::cmp::Reverse((printed.started, &printed.serial)));
    let mut jobs = Vec::new();
    let mut seen = BTreeSet::new();
    for printed in &printed {
        let Some(job) = &printed.job else { continue };
        let is_known = printed.used.iter().any(|used| used.lot == *id && used.job == *job);
        if !is_known && jobs.len() < JOBS_MAX && seen.insert(job) {
            jobs.push((job.to_string(), printed.serial.to_string()));
        }
    }
    let because = LookBack::LotRecalled { lot: id.clone() };
    let used = printed.iter().flat_map(|printed| &printed.used).filter(|used| used.lot == *id);
    let mut looked_back: Vec<Part> =
        lab.quality.looked_back(&because).map(|printed| part(printed, id)).collect();
    looked_back.sort_by_key(|part| !part.is_out);
    let loads = lab.quality.loads.values().rev().filter(|load| load.lot == *id).take(ROWS_MAX);
    Some(Shown {
        kept: Kept::of(lab, lot),
        today,
        loads: loads.map(|load| views::load(lab, load)).collect(),
        parts_in_all: printed.len(),
        used_in_all: used.map(|used| used.milligrams).fold(0, u64::saturating_add),
        parts: printed.iter().take(ROWS_MAX).map(|printed| part(printed, id)).collect(),
        looked_back,
        jobs,
    })
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let id: LotId = ask.named("lot").parse().map_err(|_| Viewer::missing("lot"))?;
        let today = materials::today(&viewer);
        let shown =
            viewer.app.recorder.read(|lab| shown(lab, &id, today)).ok_or_else(|| Viewer::missing("lot"))?;
        let mut pieces = vec![head(&viewer, &shown), standing(&viewer, &shown)];
        if shown.kept.lot.recalled.is_some() {
            pieces.push(look_back(&viewer, &shown));
        }
        pieces.push(Piece::around("lot", |inner| {
            html! {
                div.split id="lot" {
                    div {
                        (inner.put("steps", steps(&viewer, &shown)))
                        (inner.put("parts", parts(&viewer, &shown)))
                    }
                    div {
                        (inner.put("facts", facts(&viewer, &shown)))
                        (inner.put("loads", loads(&viewer, &shown)))
                        (inner.put("label", label(&viewer, &shown)))
                    }
                }
            }
        }));
        Ok(Content::new(viewer.fill(words::LOT_ID, &[("lot", &id)]), pieces))
    })
}

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let lot = &shown.kept.lot;
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::LOT)) " " code { (lot.id) } }
                p { strong { (lot.about.material) } }
                p { (materials::state(viewer, lot)) }
                p.end { a.button href="/materials" { (viewer.say(words::TITLE)) } }
            }
        },
    )
}

/// Whether it may be used, and if not, why.
fn standing(viewer: &Viewer, shown: &Shown) -> Piece {
    let lot = &shown.kept.lot;
    let needs = materials::needs(&shown.kept, shown.today);
    let blocked = match (&lot.state, &lot.recalled) {
        (LotState::Blocked { why }, None) => Some(viewer.fill(words::WHY_BLOCKED, &[("why", why)])),
        (_, Some(why)) => Some(viewer.fill(words::WHY_RECALLED, &[("why", why)])),
        _ => None,
    };
    Piece::new(
        "standing",
        html! {
            div.stack.standing id="standing" {
                @if let Some(blocked) = blocked { p.note data-state="bad" { (blocked) } }
                @if needs.is_empty() && lot.unusable(shown.today).is_empty() {
                    p.note data-state="good" { (viewer.say(words::MAY_BE_USED)) }
                }
                (materials::pills(viewer, &shown.kept, &needs))
            }
        },
    )
}

fn facts(viewer: &Viewer, shown: &Shown) -> Markup {
    let about = &shown.kept.lot.about;
    let day = |day: &Day| html! { time datetime=(day) { (viewer.day(&day.to_string())) } };
    let fact = |name, value: Markup| html! { dt { (viewer.say(name)) } dd { (value) } };
    let density = about.density.map(|density| {
        let (whole, rest) = (density / 1_000, density % 1_000);
        viewer.fill(words::GRAMS_CM3, &[("n", &format!("{whole}.{rest:03}"))])
    });
    html! {
        section.card id="facts" aria-labelledby="facts-title" {
            h2 id="facts-title" { (viewer.say(words::FACTS)) }
            (materials::left(viewer, &shown.kept.lot))
            dl.facts {
                (fact(common::MATERIAL, html! { (about.material) }))
                (fact(words::MAKERS_NUMBER, html! { (about.supplier_lot) }))
                @if let Some(supplier) = &about.supplier { (fact(words::SUPPLIER, html! { (supplier) })) }
                (fact(words::RECEIVED_ON, day(&about.received)))
                (fact(words::USE_BY, day(&about.expires)))
                (fact(words::OPENED, opened(viewer, shown)))
                @if let Some(days) = about.open_days {
                    (fact(words::OPEN_DAYS, html! { (viewer.fill(words::OPEN_DAYS_N, &[("n", &days)])) }))
                }
                @if let Some(certificate) = &about.certificate {
                    (fact(words::CERTIFICATE, html! { (certificate) }))
                }
                @if let Some(density) = density { (fact(words::DENSITY, html! { (density) })) }
            }
        }
    }
}

fn opened(viewer: &Viewer, shown: &Shown) -> Markup {
    let lot = &shown.kept.lot;
    let day = |day: Day| viewer.day(&day.to_string());
    html! {
        @match (lot.opened, lot.open_until()) {
            (None, _) => (viewer.say(words::NOT_OPENED)),
            (Some(on), None) => (day(on)),
            (Some(on), Some(until)) => {
                (viewer.fill(words::GOOD_UNTIL, &[("day", &day(on)), ("until", &day(until))]))
            },
        }
    }
}

/// What can be done with it now: only steps that its state takes.
fn steps(viewer: &Viewer, shown: &Shown) -> Markup {
    let lot = &shown.kept.lot;
    let (may_open, may_release, may_unblock, may_consume) = (
        lot.state.open().is_ok(),
        materials::may_be_released(lot, shown.today),
        lot.state.unblock().is_ok(),
        lot.state.consume().is_ok(),
    );
    html! {
        section.card.stack id="steps" aria-labelledby="steps-title" {
            h2 id="steps-title" { (viewer.say(words::STEPS)) }
            @if !viewer.may(Permission::KeepMaterial) {
                p.quiet { (viewer.say(words::MAY_NOT)) }
            } @else {
                @if may_release { (materials::release(viewer, lot, "release")) }
                @if may_open { (open_it(viewer, shown)) }
                @if may_unblock { (with_reason(viewer, shown, "unblock")) }
                @if may_consume { (use_up(viewer, shown)) }
                // Blocking and opening are asked of the same states.
                @if may_open { (with_reason(viewer, shown, "block")) }
                @if lot.recalled.is_none() { (with_reason(viewer, shown, "recall")) }
                @if !(may_open || may_release || may_unblock || may_consume || lot.recalled.is_none()) {
                    p.quiet { (viewer.say(words::NOTHING_TO_DO)) }
                }
            }
        }
    }
}

fn to_steps(shown: &Shown) -> String {
    format!("POST /v1/lots/{}/steps", shown.kept.lot.id)
}

fn open_it(viewer: &Viewer, shown: &Shown) -> Markup {
    let (to, today) = (to_steps(shown), viewer.app.config.zone.day(viewer.now()).to_string());
    let on = Field::day("on", viewer.say(words::OPENED_ON));
    Sends {
        fixed: json!({"is": "opened"}),
        done: Some(viewer.say(words::OPENED_DONE)),
        ..Sends::new("open-lot", &to, viewer.say(words::OPEN_IT))
    }
    .form(viewer, on.required().value(&today).input())
}

fn use_up(viewer: &Viewer, shown: &Shown) -> Markup {
    let to = to_steps(shown);
    let ask = viewer.fill(words::USED_UP_SURE, &[("lot", &shown.kept.lot.id)]);
    Sends {
        fixed: json!({"is": "consumed"}),
        ask: Some(&ask),
        done: Some(viewer.say(words::USED_UP_DONE)),
        ..Sends::new("use-up", &to, viewer.say(words::USED_UP))
    }
    .button(viewer)
}

/// A step that says why: behind a heading that is opened first.
fn with_reason(viewer: &Viewer, shown: &Shown, which: &str) -> Markup {
    let (is, label, done) = match which {
        "block" => ("blocked", words::BLOCK, words::BLOCKED),
        "unblock" => ("unblocked", words::UNBLOCK, words::UNBLOCKED),
        _ => ("recalled", words::RECALL, words::RECALLED_DONE),
    };
    let is_recall = is == "recalled";
    let (to, id) = (to_steps(shown), format!("{which}-lot"));
    let holes = (&shown.kept.lot.id, shown.parts_in_all);
    let ask = viewer.fill(words::RECALL_SURE, &[("lot", holes.0), ("n", &holes.1)]);
    let form = Sends {
        fixed: json!({"is": is}),
        ask: is_recall.then_some(ask.as_str()),
        done: Some(viewer.say(done)),
        ..Sends::new(&id, &to, viewer.say(label))
    }
    .form(viewer, Field::text("why", viewer.say(words::WHY)).required().input());
    html! {
        details id=(format!("{which}-why")) {
            summary { (viewer.say(label)) }
            @if is_recall { p.quiet { (viewer.say(words::RECALL_HINT)) } }
            (form)
        }
    }
}

fn loads(viewer: &Viewer, shown: &Shown) -> Markup {
    let may_load = viewer.may(Permission::LoadMaterial) && shown.kept.lot.unusable(shown.today).is_empty();
    let heads = [words::PRINTER, words::SLOT, words::FROM, words::UNTIL, words::BY];
    html! {
        section.card.stack id="loads" aria-labelledby="loads-title" {
            h2 id="loads-title" { (viewer.say(words::WHERE)) }
            @if shown.loads.is_empty() { p.quiet { (viewer.say(words::NEVER_LOADED)) } }
            @else {
                div.scroll {
                    table {
                        thead {
                            tr {
                                @for text in heads {
                                    th scope="col" { (viewer.say(text)) }
                                }
                            }
                        }
                        tbody { @for load in &shown.loads { (load_row(viewer, shown, load)) } }
                    }
                }
            }
            @if may_load { (load_it(viewer, shown)) }
            @if viewer.may(Permission::LoadMaterial) { p { a href="/hands" { (viewer.say(words::SCAN_IT)) } } }
        }
    }
}

fn load_row(viewer: &Viewer, shown: &Shown, load: &LoadView) -> Markup {
    html! {
        tr id=(format!("load-{}", load.number)) {
            th scope="row" { a href=(format!("/printers/{}", load.printer)) { (load.printer) } }
            td { (load.slot) }
            td { (viewer.when(&load.from)) }
            td {
                @match &load.to {
                    Some(to) => (viewer.when(to)),
                    None => {
                        (viewer.say(words::NOW_LOADED))
                        @if viewer.may(Permission::LoadMaterial) { (unload(viewer, shown, load)) }
                    },
                }
            }
            td { (load.by) }
        }
    }
}

fn unload(viewer: &Viewer, shown: &Shown, load: &LoadView) -> Markup {
    let (id, to) = (format!("unload-{}", load.number), format!("POST /v1/printers/{}/unload", load.printer));
    let back = format!("POST /v1/printers/{}/loads", load.printer);
    Sends {
        fixed: json!({"slot": load.slot}),
        done: Some(viewer.say(words::UNLOADED)),
        undo: Some((back.as_str(), json!({"lot": shown.kept.lot.id, "slot": load.slot}))),
        ..Sends::new(&id, &to, viewer.say(words::UNLOAD))
    }
    .button(viewer)
}

/// Loads it without a scanner.
fn load_it(viewer: &Viewer, shown: &Shown) -> Markup {
    let printers: Vec<(&str, String)> = viewer
        .app
        .config
        .printers
        .iter()
        .map(|printer| (printer.name.as_str(), printer.name.to_string()))
        .collect();
    let fields = html! {
        (Field::text("printer", viewer.say(words::PRINTER)).choice(&printers))
        (Field::number("slot", viewer.say(words::SLOT)).value("0").required().whole(0, LAST_SLOT).input())
    };
    Sends {
        fixed: json!({"lot": shown.kept.lot.id}),
        done: Some(viewer.say(words::LOADED_DONE)),
        ..Sends::new("load-lot", "POST /v1/loads", viewer.say(words::LOAD))
    }
    .form(viewer, fields)
}

fn label(viewer: &Viewer, shown: &Shown) -> Markup {
    let id = &shown.kept.lot.id;
    let stocks = [
        ("62x29", viewer.say(words::LABEL_SMALL).to_owned()),
        ("100x50", viewer.say(words::LABEL_LARGE).to_owned()),
    ];
    html! {
        section.card.stack id="label" aria-labelledby="label-title" {
            h2 id="label-title" { (viewer.say(words::LABEL)) }
            form.named method="get" action=(format!("/v1/lots/{id}/label")) {
                (Field::text("stock", viewer.say(words::LABEL_SIZE)).value("62x29").choice(&stocks))
                button name="format" value="pdf" { (viewer.say(words::LABEL_PDF)) }
                button name="format" value="svg" { (viewer.say(words::LABEL_SVG)) }
            }
            p.quiet { (viewer.say(words::LABEL_HINT)) }
            @if viewer.may(Permission::ReadReports) {
                h3 { (viewer.say(words::HISTORY)) }
                p { a href=(format!("/v1/reports/lot?lot={id}")) { (viewer.say(words::HISTORY_REPORT)) } }
                @if viewer.may(Permission::ReadAudit) {
                    p { a href=(format!("/audit?lot={id}")) { (viewer.say(words::HISTORY_AUDIT)) } }
                }
            }
        }
    }
}

fn parts(viewer: &Viewer, shown: &Shown) -> Markup {
    let used = materials::grams(viewer, shown.used_in_all);
    let count = viewer.fill(words::PARTS_N, &[("n", &shown.parts_in_all), ("grams", &used)]);
    let more = shown.parts_in_all.saturating_sub(shown.parts.len());
    html! {
        section.stack id="parts" aria-labelledby="parts-title" {
            h2 id="parts-title" { (viewer.say(words::PARTS)) " " small { (count) } }
            @if shown.parts.is_empty() {
                (kit::empty(viewer.say(words::NO_PART), None))
            } @else {
                (part_table(viewer, "part", &shown.parts))
                @if more > 0 { p { (viewer.fill(words::MORE_PARTS, &[("n", &more)])) } }
            }
            @if viewer.may(Permission::KeepMaterial) && !shown.jobs.is_empty() { (note_use(viewer, shown)) }
        }
    }
}

/// `what` keeps the ids of two tables apart.
fn part_table(viewer: &Viewer, what: &str, parts: &[Part]) -> Markup {
    let heads = [words::PART, words::STATE, words::PRINTER, words::USED, words::DOUBTS];
    html! {
        div.scroll {
            table {
                thead { tr { @for text in heads { th scope="col" { (viewer.say(text)) } } } }
                tbody { @for part in parts.iter().take(ROWS_MAX) { (part_row(viewer, what, part)) } }
            }
        }
    }
}

fn part_row(viewer: &Viewer, what: &str, part: &Part) -> Markup {
    let (brief, page) = (&part.brief, format!("/printed/{}", part.brief.serial));
    let see = format!("{} {}", viewer.say(words::SEE_PART), brief.serial);
    let used = part.used.map(|used| materials::grams(viewer, used));
    let why = printed::why(viewer, &part.state);
    html! {
        tr id=(format!("{what}-{}", brief.serial)) {
            th scope="row" {
                a href=(page) data-go aria-label=(see) { code { (brief.serial) } }
            }
            td {
                (kit::state(viewer, part.state.word()))
                @if part.is_out { " " span.chip data-state="wants" { (viewer.say(words::OUT)) } }
                @if let Some(why) = why { p.why { (why) } }
            }
            td {
                @if let Some(printer) = &brief.printer { a href=(format!("/printers/{printer}")) { (printer) } }
            }
            td.number {
                @match used {
                    Some(used) => (viewer.fill(words::USED_GRAMS, &[("grams", &used)])),
                    None => span.quiet { (viewer.say(words::NOT_DEDUCTED)) },
                }
            }
            td { @for doubt in &brief.doubts { p.why { (viewer.told(&doubt.words)) } } }
        }
    }
}

fn note_use(viewer: &Viewer, shown: &Shown) -> Markup {
    let to = format!("POST /v1/lots/{}/uses", shown.kept.lot.id);
    let says =
        |job: &String, serial: &String| viewer.fill(words::JOB_OF, &[("serial", serial), ("job", job)]);
    let jobs: Vec<(&str, String)> =
        shown.jobs.iter().map(|(job, serial)| (job.as_str(), says(job, serial))).collect();
    let form = Sends {
        done: Some(viewer.say(words::NOTED)),
        ..Sends::new("note-use", &to, viewer.say(words::NOTE))
    }
    .form(
        viewer,
        html! {
            (Field::text("job", viewer.say(common::JOB)).required().choice(&jobs))
            (Field::number("grams", viewer.say(words::GRAMS)).required().between(&GRAMS).input())
        },
    );
    html! {
        details id="note-use-of" {
            summary { (viewer.say(words::NOTE_USE)) }
            p.quiet { (viewer.say(words::NOTE_USE_HINT)) }
            (form)
        }
    }
}

/// What was printed while a recalled lot was loaded: what is out comes first.
fn look_back(viewer: &Viewer, shown: &Shown) -> Piece {
    let out = shown.looked_back.iter().filter(|part| part.is_out).count();
    let all = shown.looked_back.len();
    let more = all.saturating_sub(ROWS_MAX);
    let says = if all == 0 {
        viewer.say(words::LOOK_BACK_NONE).to_owned()
    } else if out == 0 {
        viewer.say(words::LOOK_BACK_HERE).to_owned()
    } else {
        viewer.fill(words::LOOK_BACK_OUT, &[("n", &out), ("all", &all)])
    };
    Piece::new(
        "look-back",
        html! {
            section.stack id="look-back" aria-labelledby="look-back-title" {
                h2 id="look-back-title" { (viewer.say(words::LOOK_BACK)) }
                p.note data-state=(if out > 0 { "bad" } else { "wants" }) { (says) }
                @if all > 0 { (part_table(viewer, "back", &shown.looked_back)) }
                @if more > 0 { p { (viewer.fill(words::MORE_PARTS, &[("n", &more)])) } }
            }
        },
    )
}
