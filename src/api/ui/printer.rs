//! One printer: what it does now, what it needs, how it has been, and what only a technician says of it.

mod board;
mod care;
mod charts;
mod console;
mod material;
mod phantom;
mod resin;

use maud::{Markup, html};
use serde_json::json;
use std::cmp::Reverse;

use super::farm;
use super::kit::{self, Field, Sends};
use super::look;
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, common, farm as farm_words, printer as words};
use crate::api::quality::shapes::{LotBrief, QualificationView};
use crate::api::quality::views as quality;
use crate::api::resin::shapes::ResinView;
use crate::api::resin::views as resin_views;
use crate::api::shapes::{JobView, PrinterView, ResumeFileBrief};
use crate::api::{AppState, look_ahead, reasons, views};
use crate::config::resin::Drive;
use crate::domain::day::Day;
use crate::domain::ids::PrinterName;
use crate::domain::job::{Job, JobState};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::quality::inspection::{Instrument, Template};
use crate::schedule::Planned;
use crate::services::planner::{Drawn, wall};

/// Jobs that are shown of what comes next, and of what was.
const NEXT_SHOWN: usize = 5;
const PAST_SHOWN: usize = 20;

/// Whether its board prints files from a stick of its own: it takes no commands, and nothing tells it from another one.
fn prints_alone(viewer: &Viewer, name: &PrinterName) -> bool {
    let resin = viewer.app.config.printer(name).and_then(|printer| printer.resin.as_deref());
    matches!(resin.map(|resin| &resin.drive), Some(Drive::Chitu(_)))
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let name: PrinterName = ask.named("name").parse().map_err(|_| Viewer::missing("printer"))?;
        let shown = gather(&viewer, &name).ok_or_else(|| Viewer::missing("printer"))?;
        let minutes = charts::minutes(ask.query("minutes"));
        let pieces = vec![
            head(&viewer, &shown),
            wants(&viewer, &shown),
            rooms(&viewer, &shown, minutes, ask.query("phantom"), ask.query("lot")),
            past(&viewer, &shown),
        ];
        Ok(Content::new(name.to_string(), pieces))
    })
}

/// A job that is planned here.
struct Next {
    job: String,
    case: String,
    part: u16,
    name: String,
    start: WallTime,
    end: Option<WallTime>,
    /// Why it does not begin at once, and whether only a person is waited for; of the first one.
    why: Option<(String, bool)>,
}

/// A job that ended here.
struct Past {
    job: JobView,
    ended: WallTime,
    seconds: u64,
}

struct Shown {
    name: PrinterName,
    printer: PrinterView,
    job: Option<JobView>,
    ends: Option<WallTime>,
    on_bed: Option<JobView>,
    /// Its port is gone in the middle of something.
    is_lost: bool,
    /// Absent until something was planned.
    next: Option<Vec<Next>>,
    /// When it is away.
    away: Vec<(WallTime, WallTime)>,
    quality: QualificationView,
    /// Lots that may be used today.
    lots: Vec<LotBrief>,
    /// The newest of each name, and what is measured with; for who may.
    templates: Vec<Template>,
    instruments: Vec<Instrument>,
    past: Vec<Past>,
    today: Day,
    /// Of a printer that prints with resin.
    resin: Option<ResinView>,
}

fn gather(viewer: &Viewer, name: &PrinterName) -> Option<Shown> {
    let app = &viewer.app;
    let snapshot = app.fleet.board().get(name)?.borrow().clone();
    let (drawn, now, at) = (app.planner.latest(), app.clock.now(), viewer.now());
    let today = app.config.zone.day(at);
    let qualifies = viewer.may(Permission::QualifyPrinters);
    Some(app.recorder.read(|lab| {
        let record = app.recorder.printer_in(lab, name);
        let printer = views::printer(&snapshot, &record, views::console(app, name), now);
        let printer = PrinterView { resin: resin_views::brief(app, lab, name), ..printer };
        let found = |id: &Option<String>| lab.jobs.get(&id.as_ref()?.parse().ok()?);
        let at_work = found(&printer.job);
        let lots = lab.quality.lots.values().filter(|lot| lot.unusable(today).is_empty());
        let windows = lab.queue.windows(name).iter().filter(|window| at < window.until);
        Shown {
            name: name.clone(),
            job: at_work.map(|job| views::job(app, lab, job)),
            ends: at_work.and_then(|job| look_ahead::ends(app, job)),
            on_bed: found(&printer.on_bed).map(|job| views::job(app, lab, job)),
            is_lost: farm::is_lost(app, lab, &printer),
            next: drawn.as_deref().map(|drawn| next(app, lab, drawn, name)),
            away: windows.map(|window| (window.from, window.until)).collect(),
            quality: quality::qualification(lab, name),
            lots: lots.map(|lot| quality::lot_brief(lot, today)).collect(),
            templates: if qualifies { newest(lab) } else { Vec::new() },
            instruments: lab.quality.instruments.values().filter(|_| qualifies).cloned().collect(),
            past: ended_here(app, lab, name),
            resin: resin_views::resin(app, lab, name),
            printer,
            today,
        }
    }))
}

/// The templates that one measures by now. Their key is in the order of names and versions.
fn newest(lab: &Lab) -> Vec<Template> {
    let mut newest: Vec<Template> = Vec::new();
    for template in lab.quality.templates.values() {
        newest.retain(|known| known.name != template.name);
        newest.push(template.clone());
    }
    newest
}

fn next(app: &AppState, lab: &Lab, drawn: &Drawn, name: &PrinterName) -> Vec<Next> {
    let waiting = drawn.next_on(name).into_iter().filter_map(|(id, start)| {
        let job = lab.jobs.get(&id).filter(|job| job.state == JobState::Queued)?;
        let end = match drawn.planned(&id) {
            Some(Planned::Assigned { end, .. }) => Some(wall(*end)),
            _ => None,
        };
        let part = lab.parts.get(&job.part);
        let next = Next {
            job: id.to_string(),
            case: job.case.to_string(),
            part: part.map_or(0, |part| part.number),
            name: part.map(|part| part.name.as_str().to_owned()).unwrap_or_default(),
            start: wall(start),
            end,
            why: None,
        };
        Some((job, next))
    });
    let mut all: Vec<(&Job, Next)> = waiting.take(NEXT_SHOWN).collect();
    if let Some((job, first)) = all.first_mut() {
        let waits = reasons::on(app, lab, job, name);
        first.why = Some((waits.why, waits.person));
    }
    all.into_iter().map(|(_, next)| next).collect()
}

fn ended_here(app: &AppState, lab: &Lab, name: &PrinterName) -> Vec<Past> {
    let ended = lab.jobs.values().filter_map(|job| match &job.state {
        JobState::Ended { run: Some(run), ended, .. } if run.printer == *name => {
            Some((job, run.started, *ended))
        }
        _ => None,
    });
    let mut ended: Vec<_> = ended.collect();
    ended.sort_by_key(|(_, _, ended)| Reverse(*ended));
    ended.truncate(PAST_SHOWN);
    let past = ended.into_iter().map(|(job, started, ended)| Past {
        job: views::job(app, lab, job),
        ended,
        seconds: ended.0.saturating_sub(started.0) / 1_000,
    });
    past.collect()
}

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let printer = &shown.printer;
    let model = viewer.app.config.printer(&shown.name).and_then(|printer| printer.model.as_deref());
    Piece::around("head", |inner| {
        html! {
            div.head id="head" {
                h1 { (printer.name) }
                @if let Some(model) = model { span.quiet { (model) } }
                (farm::chip(viewer, printer, shown.is_lost))
                @if let Some(is) = &printer.light {
                    (inner.put(format!("light-{}", printer.name), farm::light(viewer, &printer.name, is)))
                }
                a.button.end href=(format!("/hands?printer={}", printer.name)) { (viewer.say(common::HANDS)) }
                (kit::stop(viewer, Some(&printer.name)))
            }
        }
    })
}

/// What it needs of whoever stands there.
fn wants(viewer: &Viewer, shown: &Shown) -> Piece {
    let printer = &shown.printer;
    Piece::around("wants", |inner| {
        html! {
            div.stack id="wants" {
                (farm::lost(viewer, printer, shown.is_lost))
                (farm::odd(viewer, printer))
                (inner.put(format!("age-{}", printer.name), farm::stale(viewer, printer)))
                (farm::troubles(viewer, printer))
                (farm::hold(viewer, printer))
                (farm::unrecorded(viewer, shown.job.as_ref().or(shown.on_bed.as_ref())))
            }
        }
    })
}

/// Two columns: what happens, and what it has.
fn rooms(viewer: &Viewer, shown: &Shown, minutes: u64, template: Option<&str>, lot: Option<&str>) -> Piece {
    Piece::around("rooms", |inner| {
        html! {
            div.split id="rooms" {
                div {
                    (inner.put_around("job", |inner| job(viewer, shown, inner)))
                    @if farm::has_heat(viewer, &shown.printer) {
                        (inner.put_around("warmth", |inner| charts::heat(viewer, shown, minutes, inner)))
                    }
                    (inner.put("console", console::section(viewer, shown)))
                    (inner.put_around("wire", |inner| board::line(viewer, shown, inner)))
                    (inner.put("care", care::qualification(viewer, shown, template)))
                }
                div {
                    (inner.put("layer", layer(viewer, shown)))
                    @if let Some(resin) = &shown.resin { (inner.put("checklist", resin::checklist(viewer, shown, resin))) }
                    (inner.put("bed", bed(viewer, shown)))
                    (inner.put("next", coming(viewer, shown)))
                    @match &shown.resin {
                        Some(resin) => {
                            (inner.put("resin-need", resin::need(viewer, resin)))
                            (inner.put("resin", resin::card(viewer, shown, resin, lot)))
                        }
                        None => (inner.put("material", material::loaded(viewer, shown))),
                    }
                    (inner.put("away", care::away(viewer, shown)))
                    (inner.put("board", board::identity(viewer, shown)))
                    (inner.put("tools", tools(viewer, shown)))
                }
            }
        }
    })
}

fn job(viewer: &Viewer, shown: &Shown, inner: &Inner) -> Markup {
    html! {
        section.card.stack id="job" aria-labelledby="job-head" {
            (kit::heading("job-head", viewer, words::JOB, ""))
            @match &shown.job {
                Some(job) => {
                    p.job {
                        (farm::part(viewer, job))
                        @if let Some(material) = &job.material { ", " (material) }
                    }
                    (went_on(viewer, job))
                    (inner.put("work", work(viewer, shown, job)))
                    (farm::steps(viewer, job))
                    (inner.put("course", charts::course(viewer, shown)))
                }
                None => (not_at_work(viewer, shown)),
            }
        }
    }
}

/// Nothing is printed; or what was, when the printer was lost, and how far it was.
fn not_at_work(viewer: &Viewer, shown: &Shown) -> Markup {
    let lost = shown.on_bed.as_ref().filter(|_| shown.is_lost);
    let Some(job) = lost else {
        return kit::empty(viewer.say(words::NO_JOB), Some(to_queue(viewer)));
    };
    let label = viewer.fill(farm_words::PROGRESS_OF, &[("printer", &shown.printer.name)]);
    html! {
        p.job { (farm::part(viewer, job)) @if let Some(material) = &job.material { ", " (material) } }
        @if let Some(progress) = &job.progress { (kit::bar(viewer, progress.percent, &label)) }
    }
}

fn to_queue(viewer: &Viewer) -> Markup {
    html! { a href="/queue" { (viewer.say(common::QUEUE)) } }
}

/// Where somebody should look at the part.
fn went_on(viewer: &Viewer, job: &JobView) -> Markup {
    html! {
        @if let Some(resumes) = &job.resumes {
            p.note data-state="wants" {
                (viewer.fill(words::RESUMES, &[
                    ("job", &resumes.job),
                    ("n", &resumes.layer),
                    ("mm", &viewer.number(resumes.height_mm, 2)),
                ]))
            }
        }
        @for place in &job.continued {
            p.note data-state="wants" {
                (viewer.fill(words::CONTINUED, &[
                    ("n", &place.layer),
                    ("gap", &viewer.span(place.gap_ms.div_ceil(1_000))),
                    ("time", &farm::moment(viewer, &place.at)),
                ]))
            }
        }
        @if let Some(reprints) = &job.reprints {
            p.quiet { (viewer.fill(words::REPRINTS, &[("job", &reprints.job)])) }
        }
    }
}

fn work(viewer: &Viewer, shown: &Shown, job: &JobView) -> Markup {
    let label = viewer.fill(farm_words::PROGRESS_OF, &[("printer", &shown.printer.name)]);
    html! {
        div.work id="work" {
            @if let Some(progress) = &shown.printer.progress { (kit::bar(viewer, progress.percent, &label)) }
            p {
                @if let Some(layer) = &job.layer {
                    (viewer.fill(farm_words::LAYER, &[("n", &layer.number), ("of", &layer.of)])) " · "
                }
                (farm::ends(viewer, shown.ends))
            }
        }
    }
}

/// What is printed now, from above.
fn layer(viewer: &Viewer, shown: &Shown) -> Markup {
    let job = shown.job.as_ref().filter(|job| job.layer.is_some());
    html! {
        section.card.large-layer id="layer" aria-labelledby="layer-head" {
            (kit::heading("layer-head", viewer, words::LAYER, ""))
            @match job {
                Some(job) => (look::printing(viewer, job)),
                None => p.quiet { (viewer.say(words::NO_LAYER)) },
            }
        }
    }
}

fn bed(viewer: &Viewer, shown: &Shown) -> Markup {
    let name = &shown.printer.name;
    html! {
        section.card.stack id="bed" aria-labelledby="bed-head" {
            (kit::heading("bed-head", viewer, farm_words::BED, ""))
            @match (&shown.printer.on_bed, &shown.job) {
                (None, _) => p { (viewer.say(farm_words::BED_CLEAR)) },
                (Some(_), Some(_)) => p { (viewer.say(words::PART_OF_JOB)) },
                (Some(id), None) => {
                    div.note data-state="wants" {
                        @match &shown.on_bed {
                            Some(job) => p {
                                (farm::part(viewer, job))
                                @if !shown.is_lost { (farm::in_state(viewer, job)) }
                            },
                            None => p { (viewer.fill(farm_words::ON_BED_JOB, &[("job", id)])) },
                        }
                        (farm::clear_bed(viewer, &shown.printer, id, shown.on_bed.as_ref(), shown.is_lost))
                    }
                    @if let Some(job) = shown.on_bed.as_ref().filter(|job| job.state == "interrupted") {
                        (resume(viewer, name, job))
                    }
                }
            }
        }
    }
}

/// The way to go on with a part that still stands there.
fn resume(viewer: &Viewer, printer: &str, job: &JobView) -> Markup {
    let to = format!("POST /v1/jobs/{}/resume-file", job.id);
    let height = Field::number("height_mm", viewer.say(words::NOZZLE_HEIGHT));
    html! {
        @for made in &job.resume_files { (resume_file(viewer, printer, job, made)) }
        @if viewer.may(Permission::MakeResumeFile) {
            details id="resume" {
                summary { (viewer.say(words::GO_ON)) }
                p.quiet { (viewer.say(words::GO_ON_HOW)) }
                (Sends {
                    done: Some(viewer.say(words::RESUME_MADE)),
                    ..Sends::new("resume-file", &to, viewer.say(words::MAKE_RESUME))
                }.form(viewer, html! {
                    (Field::number("layer", viewer.say(words::FROM_LAYER)).required().input())
                    (height.hint(viewer.say(words::NOZZLE_HEIGHT_HINT)).input())
                }))
            }
        }
    }
}

fn resume_file(viewer: &Viewer, printer: &str, job: &JobView, made: &ResumeFileBrief) -> Markup {
    let height = viewer.number(made.height_mm, 2);
    let (file, case, part) = (&made.file, &job.case, job.part.number);
    let queue = format!("/queue/new?file={file}&printer={printer}&case={case}&part={part}");
    html! {
        p {
            (viewer.fill(words::RESUME_FILE, &[("n", &made.layer), ("mm", &height), ("by", &made.by)]))
            @if viewer.may(Permission::Queue) { " " a href=(queue) { (viewer.say(words::QUEUE_IT)) } }
        }
    }
}

fn coming(viewer: &Viewer, shown: &Shown) -> Markup {
    html! {
        section.card.stack id="next" aria-labelledby="next-head" {
            (kit::heading("next-head", viewer, words::NEXT, ""))
            @match shown.next.as_deref() {
                None => p.quiet { (viewer.say(words::NOT_PLANNED_YET)) },
                Some([]) => p.quiet { (viewer.say(words::NOTHING_PLANNED)) " " (to_queue(viewer)) },
                Some(all) => ol.rows { @for next in all { li { (one_next(viewer, shown, next)) } } },
            }
        }
    }
}

fn one_next(viewer: &Viewer, shown: &Shown, next: &Next) -> Markup {
    let name = &shown.printer.name;
    html! {
        strong { (viewer.at(next.start)) @if let Some(end) = next.end { "–" (viewer.at(end)) } }
        " "
        a.plain-link href=(format!("/cases/{}", next.case)) {
            code { (viewer.fill(farm_words::PART_OF, &[("case", &next.case), ("part", &next.part)])) }
        }
        " " (next.name)
        @if let Some((why, person)) = &next.why {
            p.quiet { (super::queue::by_the_clock(viewer, why)) }
            @if *person && viewer.may(Permission::StartJob) {
                (farm::simple(viewer, "/do/job", &format!("start-{}", next.job),
                    &[("job", &next.job), ("change", "start"), ("printer", name)], viewer.say(words::BEGIN)))
            }
        }
    }
}

/// A first print, and labels.
fn tools(viewer: &Viewer, shown: &Shown) -> Markup {
    let name = &shown.printer.name;
    let label = |stock: &str| format!("/v1/printers/{name}/label?stock={stock}&format=pdf");
    let sends = || Sends {
        fixed: json!({ "printer": name }),
        done: Some(viewer.say(words::TEST_PRINT_QUEUED)),
        ask: Some(viewer.say(words::TEST_PRINT_SURE)),
        ..Sends::new("test-print", "POST /v1/commissioning/test-print", viewer.say(words::TEST_PRINT))
    };
    let material = Field::text("material", viewer.say(common::MATERIAL));
    html! {
        section.card.stack id="tools" aria-labelledby="tools-head" {
            (kit::heading("tools-head", viewer, words::TOOLS, ""))
            // It is a file for filament.
            @if shown.resin.is_none() && viewer.may(Permission::QualifyPrinters) {
                p.quiet { (viewer.say(words::TEST_PRINT_IS)) }
                (sends().form(viewer, material.hint(viewer.say(words::TEST_MATERIAL_HINT)).input()))
            }
            p {
                (viewer.say(words::LABEL)) " "
                a href=(label("62x29")) { (viewer.say(words::LABEL_SMALL)) } " · "
                a href=(label("100x50")) { (viewer.say(words::LABEL_LARGE)) }
            }
        }
    }
}

const PAST_COLUMNS: [Text; 7] =
    [words::OUTCOME, common::PART, common::MATERIAL, words::ENDED, words::TOOK, words::WHY, words::RESENDS];

/// What was printed here, newest first.
fn past(viewer: &Viewer, shown: &Shown) -> Piece {
    Piece::new(
        "past",
        html! {
            section id="past" aria-labelledby="past-head" {
                (kit::heading("past-head", viewer, words::PAST, ""))
                @if shown.past.is_empty() { (kit::empty(viewer.say(words::NO_PAST), None)) }
                @else {
                    div.scroll tabindex="0" {
                        table {
                            thead {
                                tr {
                                    @for column in PAST_COLUMNS { th scope="col" { (viewer.say(column)) } }
                                }
                            }
                            tbody { @for past in &shown.past { (one_past(viewer, past)) } }
                        }
                    }
                }
            }
        },
    )
}

fn one_past(viewer: &Viewer, past: &Past) -> Markup {
    let job = &past.job;
    html! {
        tr id=(format!("past-{}", job.id)) {
            td { (kit::state(viewer, &job.state)) }
            th scope="row" {
                (farm::part(viewer, job)) " "
                a href=(format!("/look?job={}", job.id)) { (viewer.say(words::LOOK)) }
            }
            td { @if let Some(material) = &job.material { (material) } }
            td { (viewer.at(past.ended)) }
            td { (viewer.span(past.seconds)) }
            td { @if let Some(why) = &job.why { (viewer.told(why)) } (went_on(viewer, job)) }
            td.number { @if let Some(line) = &job.line { (viewer.grouped(line.resends)) } }
        }
    }
}
