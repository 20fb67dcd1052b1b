//! The page at `/cases/{token}`: what is next with a case, its parts and prints, and all that is said of it.
//!
//! Who a case is for is nowhere on it: `vault.js` shows that in a dialog, once somebody has said why.

mod folder;
mod parts;
mod steps;
mod story;
mod talk;
mod vault;

pub(super) use story::content as story;

use maud::{Markup, html};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::cases::{is_awaited, state_word, urgency, use_words};
use super::kit;
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::printed;
use super::viewer::Viewer;
use super::words::{Text, cases as words};
use crate::api::quality::shapes::{CaseQuality, CostsView, EffortsView, MessageView};
use crate::api::quality::views as quality;
use crate::api::shapes::JobView;
use crate::api::views;
use crate::domain::case::IntendedUse;
use crate::domain::ids::{CaseToken, PartId};
use crate::domain::lab::{self, Lab};
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::CaseState;
use crate::domain::quality::printed::PrintedState;

/// Jobs of a case that are shown, the newest.
const JOBS_MAX: usize = 40;

/// What the lab has of a case, as far as the viewer may see it.
#[derive(Debug)]
struct Known {
    token: String,
    state: CaseState,
    quality: CaseQuality,
    intended_use: &'static str,
    opened: WallTime,
    /// Newest first.
    jobs: Vec<JobView>,
    more_jobs: usize,
    /// Serials of which a label can be written.
    labelled: BTreeSet<String>,
    /// Why printed parts are as they are, by serial.
    whys: BTreeMap<String, String>,
    /// Nothing for whoever may not read it.
    thread: Option<Vec<MessageView>>,
    efforts: EffortsView,
    costs: Option<CostsView>,
    /// Which version of who it is for is kept, if any.
    kept: Option<u64>,
    /// The site's catalogue, where it has one.
    processes: Option<Vec<Process>>,
    /// Required parts of which fewer prints than were ordered are printed, released, delivered.
    lacking: [Vec<Few>; 3],
    people: Vec<String>,
}

impl Known {
    fn steps(&self) -> String {
        format!("POST /v1/cases/{}/steps", self.token)
    }

    /// The parts whose current model is mirrored or changed: whoever approves says that each is meant so.
    fn odd_parts(&self) -> Vec<u16> {
        let is_odd = |part: &&crate::api::quality::shapes::PartQuality| {
            part.revisions.last().is_some_and(|of| of.mirrored || of.modified)
        };
        self.quality.parts.iter().filter(is_odd).map(|part| part.number).collect()
    }
}

fn gather(viewer: &Viewer, token: &CaseToken) -> Result<Known, lab::Refusal> {
    let app = &viewer.app;
    app.recorder.read(|lab| {
        let case = lab.case(token)?;
        let all = lab.jobs_of(token);
        let jobs: Vec<JobView> =
            all.iter().rev().take(JOBS_MAX).map(|job| views::job(app, lab, job)).collect();
        let labelled = lab.quality.printed_of(token).filter(|of| of.state.may_be_labelled().is_ok());
        Ok(Known {
            token: token.to_string(),
            state: lab.quality.case_state(token),
            quality: quality::case(lab, case),
            intended_use: views::use_word(case.intended_use),
            opened: case.opened,
            more_jobs: all.len().saturating_sub(jobs.len()),
            jobs,
            labelled: labelled.map(|of| of.serial.to_string()).collect(),
            whys: lab
                .quality
                .printed_of(token)
                .filter_map(|of| Some((of.serial.to_string(), printed::why(viewer, &of.state)?)))
                .collect(),
            thread: viewer
                .may(Permission::ReadMessages)
                .then(|| quality::thread(lab, token, app.clock.wall())),
            efforts: quality::efforts(lab, token),
            costs: viewer.may(Permission::ReadReports).then(|| quality::costs(lab, token)),
            kept: case.identifiers.as_ref().filter(|kept| kept.seal.is_some()).map(|kept| kept.version),
            processes: app.slicing.is_some().then(|| processes(viewer, lab, case.intended_use)),
            lacking: [
                lacking(lab, token, PrintedState::has_left_the_printer),
                lacking(lab, token, PrintedState::is_released),
                lacking(lab, token, |state| matches!(state, PrintedState::Delivered { .. })),
            ],
            people: lab.people.users.keys().map(|name| name.as_str().to_owned()).collect(),
        })
    })
}

/// A process of the site's catalogue, as the case may take it.
#[derive(Debug)]
struct Process {
    name: String,
    /// Some printer here is of its model, as far as is known.
    is_here: bool,
    is_validated: bool,
}

/// Those that fit first.
fn processes(viewer: &Viewer, lab: &Lab, of_use: IntendedUse) -> Vec<Process> {
    let printers = &viewer.app.config.printers;
    // One whose model is not said may be any.
    let is_here =
        |model: &str| printers.iter().any(|of| of.model.as_deref().is_none_or(|known| known == model));
    let all = lab.quality.processes.values().map(|known| known.process.name.as_str());
    let names: BTreeSet<&str> = all.collect();
    let current = names.into_iter().filter_map(|name| lab.quality.current_process(name));
    let mut found: Vec<Process> = current
        .map(|known| Process {
            name: known.process.name.as_str().to_owned(),
            is_here: is_here(known.process.printer_model.as_str()),
            is_validated: known.process.validated_for.contains(&of_use),
        })
        .collect();
    found.sort_by_key(|of| (!of.is_here, !of.is_validated));
    found
}

/// So many prints of a part are so far.
#[derive(Debug)]
struct Few {
    part: u16,
    there: usize,
    ordered: u8,
}

/// As the rules count them (`domain/quality/judge.rs`): one that nobody has described may be needed.
fn lacking(lab: &Lab, case: &CaseToken, is_such: impl Fn(&PrintedState) -> bool) -> Vec<Few> {
    let quality = &lab.quality;
    let is_required = |id: &PartId| quality.parts.get(id).is_none_or(|of| of.about.required);
    let parts = lab.parts_of(case).into_iter().filter(|part| is_required(&part.id));
    let counted = parts.map(|part| Few {
        part: part.number,
        there: quality.attempts_at(case, part.number).filter(|printed| is_such(&printed.state)).count(),
        ordered: u8::from(quality.ordered(&part.id)),
    });
    counted.filter(|few| few.there < usize::from(few.ordered)).collect()
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let token: CaseToken = ask.named("token").parse().map_err(|_| Viewer::missing("case"))?;
        let known = gather(&viewer, &token)?;
        let title = viewer.fill(words::CASE_TITLE, &[("token", &known.token)]);
        Ok(Content::new(
            title,
            vec![head(&viewer, &known), steps::next(&viewer, &known), body(&viewer, &known)],
        ))
    })
}

fn head(viewer: &Viewer, known: &Known) -> Piece {
    let about = known.quality.about.as_ref();
    let (priority, due) = about.map(|about| (about.priority, about.needed_by)).unwrap_or_default();
    Piece::around("head", |inner| {
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::CASE_HEAD)) " " code { (known.token) } }
                (kit::state(viewer, state_word(&known.state)))
                span.chip { (use_words(viewer, known.intended_use)) }
                (inner.put("case-urgency", html! {
                    div id="case-urgency" { (urgency(viewer, priority, due, is_awaited(&known.state))) }
                }))
                p.end { a href="/cases" { (viewer.say(words::ALL_CASES)) } }
            }
        }
    })
}

/// The work beside what was ordered, and what is filed below both; each section changes by itself.
fn body(viewer: &Viewer, known: &Known) -> Piece {
    Piece::around("case", |inner| {
        let put = |(id, markup): (&str, Markup)| inner.put(id, markup);
        html! {
            div.stack id="case" {
                div.split {
                    div {
                        (put(("parts", parts::parts(viewer, known))))
                        (put(("printed", parts::printed(viewer, known))))
                        (put(("jobs", parts::jobs(viewer, known))))
                        @if known.thread.is_some() || viewer.may(Permission::WriteMessages) {
                            (put(("messages", talk::messages(viewer, known))))
                        }
                        (put(("nonconformances", folder::nonconformances(viewer, known))))
                    }
                    div {
                        (put(("order", folder::order(viewer, known))))
                        (put(("timeline", folder::timeline(viewer, known))))
                    }
                }
                div.filed {
                    (put(("signatures", folder::signatures(viewer, known))))
                    (put(("effort", folder::effort(viewer, known))))
                    @if known.costs.is_some() || viewer.may(Permission::RecordEffort) {
                        (put(("costs", folder::costs(viewer, known))))
                    }
                    @if viewer.may(Permission::ReadReports) {
                        (put(("units", folder::units(viewer, known))))
                        (put(("reports", folder::reports(viewer, known))))
                    }
                    @if let Some(markup) = vault::vault(viewer, known) { (put(("vault", markup))) }
                }
            }
        }
    })
}

/// A section with its heading; its name is `id-name`.
fn section(viewer: &Viewer, id: &str, name: Text, beside: &str, markup: Markup) -> Markup {
    let label = format!("{id}-name");
    html! {
        section.card.stack id=(id) aria-labelledby=(label) {
            (kit::heading(&label, viewer, name, beside))
            (markup)
        }
    }
}

/// The heads of a table's columns.
fn heads(viewer: &Viewer, all: &[Text]) -> Markup {
    html! { thead { tr { @for name in all { th scope="col" { (viewer.say(*name)) } } } } }
}

/// What may be missing, as a field or a fact has it.
fn maybe<T: ToString>(of: Option<&T>) -> Option<String> {
    of.map(ToString::to_string)
}

/// The beginning of a SHA-256; the whole of it for whoever points at it.
fn digest(of: &str) -> Markup {
    html! { code title=(of) { (of.get(..12).unwrap_or(of)) "…" } }
}

/// What is opened before it is filled in.
fn fold_out(id: &str, label: &str, markup: Markup) -> Markup {
    html! { details id=(id) { summary { (label) } (markup) } }
}

/// The word of something that is written as one.
fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Words with what they say, of those who are asked to choose one.
fn choices<'w>(viewer: &Viewer, all: &[(&'w str, Text)]) -> Vec<(&'w str, String)> {
    all.iter().map(|(word, text)| (*word, viewer.say(*text).to_owned())).collect()
}

/// What a word says; one that is not known stays.
fn said(viewer: &Viewer, all: &[(&str, Text)], word: &str) -> String {
    let known = all.iter().find(|(known, _)| *known == word);
    known.map_or_else(|| word.replace('_', " "), |(_, text)| viewer.say(*text).to_owned())
}

/// A choice that may be left open, as text or as JSON.
fn choice(name: &str, label: &str, value: &str, becomes: Option<&str>, all: &[(&str, String)]) -> Markup {
    html! {
        label.field {
            span { (label) }
            select name=(name) data-as=[becomes] {
                @for (word, says) in all { option value=(word) selected[*word == value] { (says) } }
            }
        }
    }
}
