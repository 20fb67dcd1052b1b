//! The worklist: everything that needs hands now, in the order in which one walks, below the scanner's field.

use maud::{Markup, html};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::farm;
use super::kit::{self, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, common, farm as farm_words, hands as words, resin as resin_words, sentences};
use crate::api::quality::shapes::{LoadView, PrintedBrief};
use crate::api::quality::views as quality;
use crate::api::resin::shapes::ResinView;
use crate::api::resin::views as resin_views;
use crate::api::shapes::PrinterView;
use crate::api::uploads::UploadView;
use crate::api::{AppState, Problem, reasons, views};
use crate::config::Printer;
use crate::domain::day::Day;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::{Job, JobState, Outcome};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::{CaseState, Priority};
use crate::domain::quality::lot::SLOTS;
use crate::domain::quality::printed::{PrintedPart, PrintedState};
use crate::domain::quality::signature::Subject;
use crate::domain::quality::{Hindrance, Refusal, may_start, start};
use crate::labels::Scanned;
use crate::schedule::Planned;

/// Waiting jobs that are looked at for each printer, and for what has to be loaded.
const JOBS_LOOKED_AT: usize = 12;
const JOBS_TO_LOAD: usize = 40;
/// Rows of one kind: whoever has done these sees the next ones.
const ROWS: usize = 40;

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let at = ask.query("printer").map(|name| at_printer(&viewer, name)).transpose()?;
        let shown = viewer.app.recorder.read(|lab| gather(&viewer, lab));
        let sections = sections(&viewer, &shown);
        let waiting: usize = sections.iter().map(|section| section.rows.len()).sum();
        let mut pieces = vec![head(&viewer, waiting), scan(&viewer, at.as_ref())];
        pieces.extend(at.as_ref().map(|at| panel(&viewer, at)));
        if waiting == 0 {
            pieces.push(nothing(&viewer));
        }
        pieces.extend(sections.iter().filter(|section| !section.rows.is_empty()).map(|of| draw(&viewer, of)));
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn head(viewer: &Viewer, waiting: usize) -> Piece {
    Piece::around("head", |inner| {
        let count = html! { span.quiet #hands-count { (viewer.fill(words::WAITING, &[("n", &waiting)])) } };
        html! {
            div.head id="head" { h1 { (viewer.say(words::TITLE)) } (inner.put("hands-count", count)) }
        }
    })
}

fn nothing(viewer: &Viewer) -> Piece {
    let next = html! {
        (viewer.say(words::NOTHING_NEXT)) " "
        a href="/queue" { (viewer.say(common::QUEUE)) }
    };
    Piece::new(
        "hands-nothing",
        html! { div id="hands-nothing" { (kit::empty(viewer.say(words::NOTHING), Some(next))) } },
    )
}

// --- the scanner, and the printer that somebody stands at

struct AtPrinter {
    name: PrinterName,
    /// Its material goes into a vat.
    has_vat: bool,
    loads: Vec<(LoadView, f64)>,
}

fn at_printer(viewer: &Viewer, name: &str) -> Result<AtPrinter, Problem> {
    let name: PrinterName = name.parse().map_err(|_| Viewer::missing("printer"))?;
    crate::api::printers::known(&viewer.app, &name)?;
    let has_vat = viewer.app.recorder.read(|lab| lab.resin.station(&name).is_some());
    let loads = viewer.app.recorder.read(|lab| {
        let left = |load: &crate::domain::quality::lot::Load| {
            lab.quality.lots.get(&load.lot).map_or(0.0, |lot| lot.left_mg as f64 / 1_000.0)
        };
        lab.quality.loaded_on(&name).map(|load| (quality::load(lab, load), left(load))).collect()
    });
    Ok(AtPrinter { name, has_vat, loads })
}

/// What the scanner's script says, by the names that it has for it; those of problems are their kinds.
fn scan_words(viewer: &Viewer) -> String {
    let all = [
        ("reading", words::SCAN_READING),
        ("loaded", words::SCAN_LOADED),
        ("instead", words::SCAN_INSTEAD),
        ("same", words::SCAN_SAME),
        ("mayNot", words::SCAN_MAY_NOT),
        ("not-our-label", words::SCAN_FOREIGN),
        ("misread-label", words::SCAN_MISREAD),
        ("no-such-thing", words::SCAN_UNKNOWN),
        ("no-such-printer", words::SCAN_UNKNOWN),
    ];
    let all = all.into_iter().map(|(name, text)| (name.to_owned(), viewer.say(text).into()));
    serde_json::Value::Object(all.collect()).to_string()
}

fn scan(viewer: &Viewer, at: Option<&AtPrinter>) -> Piece {
    let name = at.map(|at| at.name.as_str());
    let code = at.map(|at| Scanned::Printer(at.name.clone()).code());
    let hint = match name {
        Some(name) => viewer.fill(words::SCAN_LOT_NOW, &[("printer", &name)]),
        None => viewer.say(words::SCAN_HINT).to_owned(),
    };
    // A code may be a patient's wristband: no address ever gets it, with a script or without.
    Piece::new(
        "scan",
        html! {
            form.card.scan id="scan" method="dialog" autocomplete="off" data-use="scan" data-printer=[name]
                data-code=[code] data-vat=[at.filter(|at| at.has_vat).map(|_| "yes")] data-may-load=[viewer.may(Permission::LoadMaterial).then_some("yes")]
                data-says=(scan_words(viewer)) {
                label.field {
                    span { (viewer.say(words::SCAN)) }
                    input #scan-code name="code" required maxlength="200" autofocus
                        autocapitalize="characters" spellcheck="false" enterkeyhint="go" aria-describedby="scan-hint scan-said";
                }
                button.first #scan-go { (viewer.say(words::SCAN_GO)) }
                p.quiet #scan-hint { (hint) }
                p #scan-said.scan-said role="status" aria-live="assertive" data-keep {}
            }
        },
    )
}

fn panel(viewer: &Viewer, at: &AtPrinter) -> Piece {
    let name = at.name.as_str();
    let used: BTreeSet<u8> = at.loads.iter().map(|(load, _)| load.slot).collect();
    let shown = used.last().map_or(1, |last| last + 2).clamp(1, SLOTS);
    let first = (0..SLOTS).find(|slot| !used.contains(slot)).unwrap_or(0);
    let slot = |slot: u8| {
        let has = at.loads.iter().find(|(load, _)| load.slot == slot).map(|(load, _)| load);
        let what = has.map(|load| format!("{} {}", load.material, load.supplier_lot));
        html! {
            label.choice {
                input type="radio" name="load-slot" value=(slot) checked[slot == first]
                    data-loaded=[what.as_deref()] data-lot=[has.map(|load| load.lot.as_str())];
                span {
                    (viewer.fill(words::SLOT_N, &[("n", &slot)]))
                    @if let Some(what) = &what { small { (what) } }
                }
            }
        }
    };
    Piece::new(
        "at-printer",
        html! {
            section.card.stack id="at-printer" aria-labelledby="at-printer-name" {
                div.head {
                    h2 id="at-printer-name" { (viewer.fill(words::AT_PRINTER, &[("printer", &name)])) }
                    a.button href=(format!("/printers/{name}")) { (viewer.say(words::OPEN_PRINTER)) }
                    a.button href=(format!("/v1/printers/{name}/label?format=pdf")) { (viewer.say(words::LABEL)) }
                    a.button.end href="/hands" { (viewer.say(words::LEAVE)) }
                }
                h3 { (viewer.say(words::LOADED_NOW)) }
                @if at.loads.is_empty() { p.quiet { (viewer.say(words::NOTHING_LOADED)) } }
                ul.tasks {
                    @for (load, left) in &at.loads { (loaded(viewer, at, load, *left)) }
                }
                @if at.has_vat { p { a.button href=(format!("/printers/{name}#resin")) { (viewer.say(resin_words::TO_THE_VAT)) } } }
                @else if viewer.may(Permission::LoadMaterial) {
                    fieldset.choices {
                        legend { (viewer.say(words::SLOT_FOR_NEXT)) }
                        @for number in 0..shown { (slot(number)) }
                        @if shown < SLOTS {
                            details id="more-slots" {
                                summary { (viewer.say(words::MORE_SLOTS)) }
                                div.choices { @for number in shown..SLOTS { (slot(number)) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn loaded(viewer: &Viewer, at: &AtPrinter, load: &LoadView, left: f64) -> Markup {
    let printer = &at.name;
    let to = format!("POST /v1/printers/{printer}/unload");
    let back = format!("POST /v1/printers/{printer}/loads");
    let id = format!("unload-{}", load.number);
    let off = Sends {
        fixed: json!({"slot": load.slot, "lot": load.lot}),
        done: Some(viewer.say(words::UNLOADED)),
        undo: Some((&back, json!({"lot": load.lot, "slot": load.slot}))),
        ..Sends::new(&id, &to, viewer.say(words::UNLOAD))
    };
    html! {
        li.task id=(format!("load-{}", load.number)) {
            div {
                p.what {
                    (viewer.fill(words::SLOT_N, &[("n", &load.slot)])) ": "
                    a href=(format!("/materials/{}", load.lot)) { (load.material) " " (load.supplier_lot) }
                }
                p.quiet {
                    (viewer.fill(words::LEFT, &[("grams", &whole_grams(viewer, left))])) ", "
                    (since(viewer, load.from.parse().ok()))
                }
            }
            @if !at.has_vat && viewer.may(Permission::LoadMaterial) { (off.button(viewer)) }
        }
    }
}

// --- what is there to be done

/// A job as far as a row tells of it.
struct Brief {
    id: String,
    case: String,
    part: u16,
    name: String,
    /// Of the parts that it lays on the bed, where they are followed.
    serials: Vec<String>,
}

struct OnBed {
    printer: String,
    job: Brief,
    state: &'static str,
    interrupted: bool,
    since: Option<WallTime>,
    /// Why nobody can say yet that it is clear.
    not_yet: Option<Text>,
}

/// A printer that is gone in the middle of something, and the job that it was at.
struct Lost {
    printer: PrinterView,
    job: Option<(Brief, Option<f64>)>,
}

struct Begin {
    printer: String,
    job: Brief,
    queued: WallTime,
}

/// Something to be loaded, or a load that is not good.
enum Material {
    Load { printer: String, job: Brief, wanted: Option<String>, since: WallTime },
    Low { load: LoadView, left: f64 },
    Bad { load: LoadView, why: Vec<String> },
}

struct PartToDo {
    brief: PrintedBrief,
    case: String,
    part: u16,
    attempt: u32,
    name: String,
    since: Option<WallTime>,
    priority: Priority,
    what: ToDo,
    /// Why the step is not possible yet.
    case_state: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToDo {
    Process,
    Inspect,
    Decide,
    Release,
    Pack,
    Deliver,
}

struct Prepared {
    printer: String,
    job: Brief,
    by: Option<String>,
}

struct Shown {
    printers: Vec<PrinterView>,
    lost: Vec<Lost>,
    beds: Vec<OnBed>,
    begin: Vec<Begin>,
    material: Vec<Material>,
    parts: Vec<PartToDo>,
    prepared: Vec<Prepared>,
    vats: Vec<AtVat>,
    /// What slicers sent and nobody has said of which part it is, the oldest first.
    uploads: Vec<UploadView>,
}

/// A resin printer, and the job that it is made ready for.
struct AtVat {
    resin: ResinView,
    /// Nothing runs there, and nothing stands on its plate.
    is_free: bool,
    next: Option<Brief>,
}

fn vats(app: &AppState, lab: &Lab, printers: &[PrinterView]) -> Vec<AtVat> {
    let at = |printer: &PrinterView| {
        let resin = resin_views::resin(app, lab, &printer.name.parse().ok()?)?;
        let is_free = resin.job.is_none() && printer.job.is_none() && printer.on_bed.is_none();
        let next = resin.next.as_ref().and_then(|next| lab.jobs.get(&next.job.parse().ok()?));
        Some(AtVat { next: next.map(|job| brief(lab, job)), resin, is_free })
    };
    printers.iter().filter_map(at).collect()
}

fn gather(viewer: &Viewer, lab: &Lab) -> Shown {
    let app = &viewer.app;
    let printers = views::printers(app, lab);
    let beds: Vec<OnBed> = printers.iter().filter_map(|printer| on_bed(app, lab, printer)).collect();
    let waiting: Vec<&Job> =
        lab.jobs_in_order().into_iter().filter(|job| job.state == JobState::Queued).collect();
    Shown {
        begin: printers.iter().filter_map(|printer| to_begin(app, lab, printer, &waiting)).collect(),
        material: material(app, lab, &waiting),
        parts: parts(lab, &beds),
        prepared: waiting.iter().filter_map(|job| prepared(lab, job)).collect(),
        lost: printers.iter().filter_map(|printer| lost(app, lab, printer)).collect(),
        vats: vats(app, lab, &printers),
        uploads: uploads(lab),
        printers,
        beds,
    }
}

fn uploads(lab: &Lab) -> Vec<UploadView> {
    let mut all: Vec<UploadView> = lab.queue.unassigned().map(|upload| UploadView::of(lab, upload)).collect();
    all.sort_by(|one, other| (&one.at, &one.id).cmp(&(&other.at, &other.id)));
    all.truncate(ROWS);
    all
}

fn brief(lab: &Lab, job: &Job) -> Brief {
    let part = lab.parts.get(&job.part);
    Brief {
        id: job.id.to_string(),
        case: job.case.to_string(),
        part: part.map_or(0, |part| part.number),
        name: part.map(|part| part.name.as_str().to_owned()).unwrap_or_default(),
        serials: lab.quality.pieces_of(lab, job).iter().map(|piece| piece.serial.to_string()).collect(),
    }
}

/// What stands on a bed and is not printed any more.
fn on_bed(app: &AppState, lab: &Lab, printer: &PrinterView) -> Option<OnBed> {
    let id: JobId = printer.on_bed.as_ref()?.parse().ok()?;
    let job = lab.jobs.get(&id)?;
    let (since, interrupted) = match &job.state {
        JobState::Ended { ended, outcome, .. } => {
            (Some(*ended), matches!(outcome, Outcome::Interrupted { .. }))
        }
        _ => return None,
    };
    let state = job.state.in_words();
    let not_yet = farm::not_clear_yet(printer, farm::is_lost(app, lab, printer), false);
    Some(OnBed { printer: printer.name.clone(), job: brief(lab, job), state, interrupted, since, not_yet })
}

fn lost(app: &AppState, lab: &Lab, printer: &PrinterView) -> Option<Lost> {
    if !farm::is_lost(app, lab, printer) {
        return None;
    }
    let found = || lab.jobs.get(&printer.on_bed.as_ref()?.parse().ok()?);
    let job = found().map(|job| {
        let progress = views::job(app, lab, job).progress;
        (brief(lab, job), progress.map(|progress| progress.percent))
    });
    Some(Lost { printer: printer.clone(), job })
}

/// The next job of a free printer that waits for nothing but somebody who is there.
fn to_begin(app: &AppState, lab: &Lab, printer: &PrinterView, waiting: &[&Job]) -> Option<Begin> {
    // On a bed that is not clear, what goes on with its part may begin.
    if printer.state != "ready" || printer.latch.is_some() {
        return None;
    }
    let name: PrinterName = printer.name.parse().ok()?;
    let drawn = app.planner.latest();
    let drawn = drawn.as_deref();
    let planned: Vec<JobId> =
        drawn.map(|drawn| drawn.next_on(&name).into_iter().map(|(job, _)| job).collect()).unwrap_or_default();
    let next = planned.iter().filter_map(|id| lab.jobs.get(id)).filter(|job| job.state == JobState::Queued);
    // What is planned on another printer begins there.
    let is_planned = |job: &Job| {
        drawn.is_some_and(|drawn| matches!(drawn.planned(&job.id), Some(Planned::Assigned { .. })))
    };
    let others = waiting.iter().copied().filter(|job| !is_planned(job));
    let is_open = app.fleet.board().get(&name)?.borrow().unprotected;
    let restored = lab.counters.restored.map(|restored| restored.order);
    let wants_person = |job: &Job| {
        // Nobody begins by itself what goes on with a part, or was queued before the lab came from a copy.
        if job.resumes.is_some() || restored.is_some_and(|order| job.order <= order) {
            return true;
        }
        let of = lab.cases.get(&job.case).map(|case| case.intended_use);
        let attended = |printer: &Printer| printer.attended(&app.config.attended_uses, of, is_open).is_some();
        app.config.printer(&name).is_some_and(attended)
    };
    let may_run = |job: &&Job| job.pinned.as_ref().is_none_or(|pinned| *pinned == name) && wants_person(job);
    let mut looked_at = next.chain(others).filter(may_run).take(JOBS_LOOKED_AT);
    let job = looked_at.find(|job| reasons::on(app, lab, job, &name).person)?;
    Some(Begin { printer: printer.name.clone(), job: brief(lab, job), queued: job.queued })
}

fn material(app: &AppState, lab: &Lab, waiting: &[&Job]) -> Vec<Material> {
    let (now, today) = (app.clock.wall(), Day::in_utc(app.clock.wall()));
    let mut all = Vec::new();
    // Without that rule, nothing waits for material.
    let to_load = if lab.quality.rules.lots { JOBS_TO_LOAD } else { 0 };
    for job in waiting.iter().take(to_load) {
        let mut names = app.fleet.board().printers().map(|(name, _)| name);
        let here = names.find(|name| {
            job.pinned.as_ref().is_none_or(|pinned| pinned == *name) && lacks_material(lab, job, name, now)
        });
        if let Some(name) = here.filter(|_| !can_begin_elsewhere(app, lab, job, now)) {
            let wanted = start::wanted(lab, job).map(str::to_owned);
            let (printer, job_brief) = (name.to_string(), brief(lab, job));
            all.push(Material::Load { printer, job: job_brief, wanted, since: job.queued });
        }
    }
    for load in lab.quality.loads.values().filter(|load| load.to.is_none()) {
        let Some(lot) = lab.quality.lots.get(&load.lot) else { continue };
        let why: Vec<String> = lot.unusable(today).iter().map(ToString::to_string).collect();
        let view = quality::load(lab, load);
        if !why.is_empty() {
            all.push(Material::Bad { load: view, why });
        } else if lot.is_low() {
            all.push(Material::Low { load: view, left: lot.left_mg as f64 / 1_000.0 });
        }
    }
    all
}

/// Whether a job would begin there if the right material were loaded.
fn lacks_material(lab: &Lab, job: &Job, name: &PrinterName, now: WallTime) -> bool {
    // What lacks in a vat is said of the vat.
    if !is_of_filament(lab, job, name) {
        return false;
    }
    let Err(Refusal::Hindered { why, .. }) = may_start(lab, job, name, now) else { return false };
    let of_material = |why: &Hindrance| {
        matches!(why, Hindrance::NothingLoaded | Hindrance::WrongMaterial { .. } | Hindrance::Unusable { .. })
    };
    why.iter().all(of_material)
}

fn is_of_filament(lab: &Lab, job: &Job, name: &PrinterName) -> bool {
    !lab.resin.needs.contains_key(&job.id) && lab.resin.station(name).is_none()
}

fn can_begin_elsewhere(app: &AppState, lab: &Lab, job: &Job, now: WallTime) -> bool {
    let mut names = app.fleet.board().printers().map(|(name, _)| name);
    names.any(|name| {
        job.pinned.as_ref().is_none_or(|pinned| pinned == name)
            && is_of_filament(lab, job, name)
            && may_start(lab, job, name, now).is_ok()
    })
}

fn prepared(lab: &Lab, job: &Job) -> Option<Prepared> {
    let wish = lab.queue.wish(&job.id)?;
    let printer = wish.prepared.as_ref()?.to_string();
    Some(Prepared { printer, job: brief(lab, job), by: wish.prepared_by.clone() })
}

fn to_do(state: &PrintedState) -> Option<ToDo> {
    Some(match state {
        PrintedState::Printed | PrintedState::Suspect | PrintedState::PostProcessing => ToDo::Process,
        PrintedState::AwaitingInspection => ToDo::Inspect,
        PrintedState::Rejected { .. } | PrintedState::Recalled { .. } => ToDo::Decide,
        PrintedState::Quarantined { from, .. }
            if !matches!(**from, PrintedState::Printing | PrintedState::Interrupted) =>
        {
            ToDo::Decide
        }
        PrintedState::Accepted => ToDo::Release,
        PrintedState::Released { .. } => ToDo::Pack,
        PrintedState::Packed { .. } | PrintedState::SterilisationHandover { .. } => ToDo::Deliver,
        _ => return None,
    })
}

/// The parts that wait for somebody: emergencies first, then who waits longest.
fn parts(lab: &Lab, beds: &[OnBed]) -> Vec<PartToDo> {
    let on_beds: BTreeSet<&str> = beds.iter().map(|bed| bed.job.id.as_str()).collect();
    let in_hand = |printed: &&PrintedPart| {
        // What is on a bed still is a row of its own there.
        !printed.job.as_ref().is_some_and(|job| on_beds.contains(job.as_str()))
    };
    let all = lab.quality.printed.values().filter(in_hand);
    let mut parts: Vec<_> =
        all.filter_map(|printed| to_do(&printed.state).map(|what| part_to_do(lab, printed, what))).collect();
    parts.sort_by(|a, b| {
        let key = |part: &PartToDo| (Reverse(part.priority), part.since.is_none(), part.since);
        key(a).cmp(&key(b)).then_with(|| a.brief.serial.cmp(&b.brief.serial))
    });
    parts
}

fn part_to_do(lab: &Lab, printed: &PrintedPart, what: ToDo) -> PartToDo {
    let serial = &printed.serial;
    let state = lab.quality.case_state(&serial.case);
    let is_time = match what {
        ToDo::Release => matches!(state, CaseState::InQc { .. }),
        ToDo::Deliver => matches!(state, CaseState::Released { .. } | CaseState::Delivered { .. }),
        _ => true,
    };
    let about = lab.quality.cases.get(&serial.case).and_then(|case| case.about.as_ref());
    PartToDo {
        brief: quality::brief(printed),
        case: serial.case.to_string(),
        part: serial.part,
        attempt: serial.attempt,
        name: lab.parts.get(&printed.part).map(|part| part.name.as_str().to_owned()).unwrap_or_default(),
        since: came_there(lab, printed),
        priority: about.map(|about| about.priority).unwrap_or_default(),
        what,
        case_state: (!is_time).then(|| state.word().to_owned()),
    }
}

/// Since when a part is as it is: by the last thing that was noted of it.
fn came_there(lab: &Lab, printed: &PrintedPart) -> Option<WallTime> {
    let (quality, serial) = (&lab.quality, &printed.serial);
    let processed = quality.processed.range((serial.clone(), 0)..=(serial.clone(), u16::MAX));
    let inspected = printed.inspections.iter().filter_map(|id| quality.inspections.get(id));
    let found = quality.nonconformances.values().filter(|of| of.serial() == Some(serial));
    let of_it = |subject: &Subject| matches!(subject, Subject::Part { serial: of } if of == serial);
    let signed = quality.signatures_of(&serial.case).filter(|signature| of_it(&signature.subject));
    let times = processed.map(|(_, step)| step.at).chain(inspected.map(|kept| kept.at));
    times.chain(found.map(|of| of.at)).chain(signed.map(|of| of.at)).chain(printed.ended).max()
}

// --- as rows

struct Row {
    id: String,
    what: Markup,
    /// Where it is, and since when.
    place: Markup,
    priority: Priority,
    action: Markup,
}

struct Section {
    id: &'static str,
    title: Text,
    rows: Vec<Row>,
}

fn sections(viewer: &Viewer, shown: &Shown) -> Vec<Section> {
    let section = |id, title, rows| Section { id, title, rows };
    let of = |wanted: &[ToDo]| -> Vec<Row> {
        let parts = shown.parts.iter().filter(|part| wanted.contains(&part.what));
        parts.take(ROWS).map(|part| of_part(viewer, part)).collect()
    };
    let asking = shown.printers.iter().filter_map(|one| of_asking(viewer, one)).collect();
    let locked = shown.printers.iter().filter_map(|one| of_lock(viewer, one)).collect();
    let material = shown.material.iter().map(|one| of_material(viewer, one)).collect();
    let prepared = shown.prepared.iter().map(|one| of_prepared(viewer, one)).collect();
    let lost = shown.lost.iter().map(|one| of_lost(viewer, one)).collect();
    vec![
        section("lost", words::AWAY_HOT, lost),
        section("beds", words::BEDS, shown.beds.iter().map(|bed| of_bed(viewer, bed)).collect()),
        section("asks", words::ASKS, asking),
        section("locked", words::LOCKED, locked),
        section("begin", words::BEGIN, shown.begin.iter().map(|begin| of_begin(viewer, begin)).collect()),
        section("resin", resin_words::SECTION, shown.vats.iter().flat_map(|at| of_vat(viewer, at)).collect()),
        section("material", words::MATERIAL, material),
        section("process", words::PROCESS, of(&[ToDo::Process])),
        section("inspect", words::INSPECT, of(&[ToDo::Inspect])),
        section("decide", words::DECIDE, of(&[ToDo::Decide])),
        section("release", words::RELEASE, of(&[ToDo::Release])),
        section("hand-out", words::HAND_OUT, of(&[ToDo::Pack, ToDo::Deliver])),
        section("uploads", words::UPLOADS, shown.uploads.iter().map(|one| of_upload(viewer, one)).collect()),
        section("prepared", words::PREPARED, prepared),
    ]
}

fn draw(viewer: &Viewer, section: &Section) -> Piece {
    let id = format!("hands-{}", section.id);
    Piece::around(id.clone(), |inner: &Inner| {
        html! {
            section id=(id) aria-labelledby=(format!("{id}-title")) {
                (kit::heading(&format!("{id}-title"), viewer, section.title, &section.rows.len().to_string()))
                ul.tasks {
                    @for row in &section.rows { (inner.put(row.id.clone(), drawn(viewer, row))) }
                }
            }
        }
    })
}

fn drawn(viewer: &Viewer, row: &Row) -> Markup {
    html! {
        li.task.card id=(row.id) tabindex="-1" data-go {
            div {
                p.what { (row.what) (urgent(viewer, row.priority)) }
                p.quiet { (row.place) }
            }
            div.buttons { (row.action) }
        }
    }
}

fn urgent(viewer: &Viewer, priority: Priority) -> Markup {
    let word = match priority {
        Priority::Routine => return html! {},
        Priority::Urgent => "urgent",
        Priority::Emergency => "emergency",
    };
    html! { " " span.chip data-state="wants" { (viewer.state(word)) } }
}

fn since(viewer: &Viewer, at: Option<WallTime>) -> Markup {
    let Some(at) = at else { return html! {} };
    html! { time datetime=(at) { (viewer.fill(words::SINCE, &[("time", &viewer.short(at))])) } }
}

fn whole_grams(viewer: &Viewer, grams: f64) -> String {
    viewer.number(grams, 0)
}

fn job_words(viewer: &Viewer, job: &Brief) -> Markup {
    html! {
        a href=(format!("/cases/{}", job.case)) {
            (viewer.fill(words::CASE_PART, &[("case", &job.case), ("part", &job.part)]))
        }
        ", " (job.name)
        @if job.serials.len() > 1 { ", " (viewer.fill(words::PIECES, &[("n", &job.serials.len())])) }
    }
}

fn at_place(viewer: &Viewer, printer: &str, at: Option<WallTime>) -> Markup {
    html! {
        strong { a.plain-link href=(format!("/printers/{printer}")) { (printer) } }
        @if at.is_some() { ", " (since(viewer, at)) }
    }
}

fn go(path: &str, id: &str, label: &str) -> Markup {
    html! { a.button id=(id) href=(path) { (label) } }
}

fn of_bed(viewer: &Viewer, bed: &OnBed) -> Row {
    let id = format!("bed-{}", bed.printer);
    let to = format!("POST /v1/printers/{}/clear-bed", bed.printer);
    let button = format!("clear-{}", bed.printer);
    let stands = farm::OnBed {
        case: &bed.job.case,
        part: bed.job.part,
        name: &bed.job.name,
        interrupted: bed.interrupted,
    };
    let question = farm::clear_question(viewer, &bed.printer, Some(&stands));
    let clear = Sends {
        fixed: json!({"job": bed.job.id}),
        done: Some(viewer.say(words::BED_DONE)),
        ask: Some(&question),
        ..Sends::new(&button, &to, viewer.say(farm_words::CLEAR_BED))
    };
    Row {
        what: html! { (job_words(viewer, &bed.job)) " " (kit::state(viewer, bed.state)) },
        place: html! {
            (at_place(viewer, &bed.printer, bed.since)) " · "
            @for serial in &bed.job.serials { a href=(format!("/printed/{serial}")) { code { (serial) } } " " }
        },
        priority: Priority::Routine,
        action: html! {
            @if let Some(why) = bed.not_yet { p.quiet { (viewer.say(why)) } }
            @else if viewer.may(Permission::ClearBed) { (clear.button(viewer)) }
        },
        id,
    }
}

/// What may be hot where nobody sees it comes before all else.
fn of_lost(viewer: &Viewer, lost: &Lost) -> Row {
    let name = &lost.printer.name;
    Row {
        id: format!("lost-{name}"),
        what: html! {
            (farm::chip(viewer, &lost.printer, true)) " "
            @if let Some((job, percent)) = &lost.job {
                (job_words(viewer, job))
                @if let Some(percent) = percent { ", " (viewer.number(*percent, 1)) " %" }
            }
        },
        place: html! {
            (at_place(viewer, name, None)) " · "
            strong { (viewer.say(farm::lost_words(&lost.printer))) }
            @if let Some(heat) = last_heat(viewer, &lost.printer) { " " (heat) }
        },
        priority: Priority::Routine,
        action: go(&format!("/printers/{name}"), &format!("find-{name}"), viewer.say(words::GO_THERE)),
    }
}

/// `Last heard 2 min ago: Hotend 210 °C, Bed 60 °C.`
fn last_heat(viewer: &Viewer, printer: &PrinterView) -> Option<String> {
    let told = farm::told_heat(viewer, printer).into_iter().map(|(what, reading)| {
        let degrees = viewer.say(farm_words::DEGREES);
        format!("{} {} {degrees}", viewer.say(what), viewer.number(reading.actual, 0))
    });
    let told: Vec<String> = told.collect();
    let age = viewer.span(printer.temperatures.age_ms? / 1_000);
    let said = || viewer.fill(words::LAST_HEAT, &[("heat", &told.join(", ")), ("age", &age)]);
    (!told.is_empty()).then(said)
}

fn of_asking(viewer: &Viewer, printer: &PrinterView) -> Option<Row> {
    let name = &printer.name;
    let waits = printer.hold.as_ref().is_some_and(|hold| hold.needs_person);
    if printer.prompt.is_none() && !waits && printer.state != "paused" {
        return None;
    }
    let hold = printer.hold.as_ref().and_then(|hold| hold.words.as_deref());
    let what = match (&printer.prompt, hold) {
        (Some(prompt), _) => viewer.fill(words::ASKS_WHAT, &[("asked", &viewer.told_within(&prompt.asked))]),
        (None, Some(hold)) => viewer.told(hold),
        (None, None) => viewer.say(words::PAUSED).to_owned(),
    };
    Some(Row {
        id: format!("asks-{name}"),
        what: html! { (what) },
        place: at_place(viewer, name, None),
        priority: Priority::Routine,
        action: go(&format!("/printers/{name}"), &format!("go-{name}"), viewer.say(words::GO_THERE)),
    })
}

fn of_lock(viewer: &Viewer, printer: &PrinterView) -> Option<Row> {
    let name = &printer.name;
    let id = format!("locked-{name}");
    let look = go(&format!("/printers/{name}"), &format!("look-{name}"), viewer.say(words::GO_THERE));
    if let Some(quarantine) = &printer.quarantine {
        return Some(Row {
            id,
            what: html! { (viewer.say(words::ANOTHER_BOARD)) ": " (viewer.told(&quarantine.why)) },
            place: at_place(viewer, name, quarantine.at.parse().ok()),
            priority: Priority::Routine,
            action: look,
        });
    }
    let Some(latch) = printer.latch.as_ref() else {
        return farm::is_deaf(printer).then(|| Row {
            id: format!("deaf-{name}"),
            what: html! { (viewer.told(&printer.words)) },
            place: at_place(viewer, name, None),
            priority: Priority::Routine,
            action: look,
        });
    };
    let to = format!("POST /v1/printers/{name}/clear-latch");
    let question = farm::looked(viewer, name);
    let button = format!("unlock-{name}");
    let clear = Sends {
        fixed: json!({"since": latch.at}),
        done: Some(viewer.say(words::USED_AGAIN)),
        ask: Some(&question),
        ..Sends::new(&button, &to, viewer.say(farm_words::USE_AGAIN))
    };
    Some(Row {
        id,
        what: html! { (viewer.told(&latch.why)) },
        place: at_place(viewer, name, latch.at.parse().ok()),
        priority: Priority::Routine,
        action: html! { @if viewer.may(Permission::ClearLatch) { (clear.button(viewer)) } @else { (look) } },
    })
}

fn of_begin(viewer: &Viewer, begin: &Begin) -> Row {
    let to = format!("POST /v1/jobs/{}/start", begin.job.id);
    let label = viewer.fill(words::BEGIN_NOW, &[("printer", &begin.printer)]);
    let button = format!("begin-{}-{}", begin.printer, begin.job.id);
    let start = Sends {
        fixed: json!({"printer": begin.printer}),
        done: Some(viewer.say(words::BEGUN)),
        ..Sends::new(&button, &to, &label)
    };
    Row {
        id: format!("begin-{}", begin.printer),
        what: job_words(viewer, &begin.job),
        place: at_place(viewer, &begin.printer, Some(begin.queued)),
        priority: Priority::Routine,
        action: html! { @if viewer.may(Permission::StartJob) { (start.button(viewer)) } },
    }
}

/// What a resin printer asks for: first what is in the way of its next print, then what wears out.
fn of_vat(viewer: &Viewer, at: &AtVat) -> Vec<Row> {
    let (resin, name) = (&at.resin, at.resin.printer.as_str());
    let row = |what: &str, said: String, to: &str| Row {
        id: format!("{what}-{name}"),
        what: html! { (said) },
        place: at_place(viewer, name, None),
        priority: Priority::Routine,
        action: go(
            &format!("/printers/{name}#{to}"),
            &format!("{what}-go-{name}"),
            viewer.say(words::GO_THERE),
        ),
    };
    let mut rows = Vec::new();
    for (place, seen) in resin.odd.iter().enumerate() {
        rows.push(row(&format!("odd-{place}"), viewer.told(&seen.words), "wants"));
    }
    if resin.debris.is_some() {
        rows.push(row("filter", viewer.say(resin_words::FILTER_AFTER).to_owned(), "resin"));
    }
    if let Some(old) = resin.vat.contents.as_ref().filter(|contents| contents.too_old) {
        let said = viewer.fill(resin_words::EMPTY_OLD, &[("n", &old.days)]);
        rows.push(row("old-resin", said, "resin"));
    }
    if let (Some(next), Some(job), true) = (&resin.next, &at.next, at.is_free) {
        let has = |words: &[&str]| next.hindrances.iter().any(|why| words.contains(&why.why.as_str()));
        let material = next.material.as_deref().unwrap_or_else(|| viewer.say(resin_words::ANY_RESIN));
        let needs = farm::millilitres(viewer, next.first_ml.unwrap_or_default());
        let holes: [(&str, &dyn std::fmt::Display); 4] =
            [("material", &material), ("case", &job.case), ("part", &job.part), ("n", &needs)];
        // One thing after the other: what is filled in is looked at afterwards.
        if has(&["wrong_material", "lot_unusable"]) {
            rows.push(row("resin", viewer.fill(resin_words::CHANGE_RESIN, &holes), "resin"));
        } else if has(&["vat_empty", "too_little_resin"]) {
            rows.push(row("resin", viewer.fill(resin_words::REFILL_FOR, &holes), "resin"));
        } else if has(&["checklist_needed", "checklist_old"]) && resin.debris.is_none() {
            rows.push(row("look-first", viewer.fill(resin_words::LOOK_FOR, &holes), "checklist"));
        } else if has(&["cover_open"]) {
            rows.push(row("cover", viewer.fill(resin_words::CLOSE_COVER, &holes), "resin"));
        }
    }
    let worn =
        [("display", &resin.display, resin_words::DISPLAY_DUE), ("film", &resin.film, resin_words::FILM_DUE)];
    for (what, wear, text) in worn {
        let todo = match wear.verdict.as_str() {
            "worn" => resin_words::NEXT_AT_HAND,
            "overdue" => resin_words::REPLACE_IT,
            _ => continue,
        };
        let (used, life) = (viewer.grouped(wear.used), viewer.grouped(wear.life.unwrap_or_default().into()));
        let holes: [(&str, &dyn std::fmt::Display); 3] =
            [("n", &used), ("life", &life), ("todo", &viewer.say(todo))];
        rows.push(row(what, viewer.fill(text, &holes), "resin"));
    }
    rows
}

/// A file waits for somebody to say of which part it is.
fn of_upload(viewer: &Viewer, upload: &UploadView) -> Row {
    let (id, name) = (&upload.id, &upload.name);
    Row {
        id: format!("upload-{id}"),
        what: html! {
            strong { (name) }
            @if let Some(waits) = &upload.waits { ": " (viewer.told_within(waits)) }
        },
        place: html! {
            @if let Some(printer) = &upload.printer { (at_place(viewer, printer, None)) ", " }
            (since(viewer, upload.at.parse().ok()))
        },
        priority: Priority::Routine,
        action: html! {
            @if viewer.may(Permission::Queue) {
                (go(&format!("/queue#upload-{id}"), &format!("tie-{id}"), viewer.say(words::SAY_WHICH_PART)))
            }
        },
    }
}

fn of_material(viewer: &Viewer, material: &Material) -> Row {
    let lot = |load: &LoadView| {
        html! { a href=(format!("/materials/{}", load.lot)) { (load.material) " " (load.supplier_lot) } " " }
    };
    let slot = |load: &LoadView| viewer.fill(words::SLOT_N, &[("n", &load.slot)]);
    let here = |printer: &str, id: &str, label: Text| {
        html! {
            @if viewer.may(Permission::LoadMaterial) {
                (go(&format!("/hands?printer={printer}"), id, viewer.say(label)))
            }
        }
    };
    match material {
        Material::Load { printer, job, wanted, since } => {
            let wanted = wanted.as_deref().unwrap_or_else(|| viewer.say(words::LOAD_ANY));
            let holes: [(&str, &dyn std::fmt::Display); 3] =
                [("material", &wanted), ("case", &job.case), ("part", &job.part)];
            Row {
                id: format!("load-for-{}", job.id),
                what: html! { (viewer.fill(words::LOAD_FOR, &holes)) ", " (job.name) },
                place: at_place(viewer, printer, Some(*since)),
                priority: Priority::Routine,
                action: here(printer, &format!("load-here-{}", job.id), words::LOAD_HERE),
            }
        }
        Material::Low { load, left } => Row {
            id: format!("low-{}", load.number),
            what: html! { (lot(load)) (viewer.fill(words::LOT_LOW, &[("grams", &whole_grams(viewer, *left))])) },
            place: html! { (at_place(viewer, &load.printer, None)) ", " (slot(load)) },
            priority: Priority::Routine,
            action: here(&load.printer, &format!("change-{}", load.number), words::CHANGE_IT),
        },
        Material::Bad { load, why } => Row {
            id: format!("bad-{}", load.number),
            what: html! { (lot(load)) (viewer.fill(words::LOT_BAD, &[("why", &all_said(viewer, why))])) },
            place: html! { (at_place(viewer, &load.printer, None)) ", " (slot(load)) },
            priority: Priority::Routine,
            action: here(&load.printer, &format!("change-{}", load.number), words::CHANGE_IT),
        },
    }
}

/// In the middle of a sentence.
fn all_said(viewer: &Viewer, reasons: &[String]) -> String {
    let said: Vec<_> = reasons.iter().map(|why| sentences::say(viewer.language, why)).collect();
    said.join(", ")
}

fn of_part(viewer: &Viewer, part: &PartToDo) -> Row {
    let serial = &part.brief.serial;
    let holes: [(&str, &dyn std::fmt::Display); 2] = [("case", &part.case), ("part", &part.part)];
    let why_not = match part.what {
        ToDo::Release => words::CASE_NOT_IN_QC,
        _ => words::CASE_NOT_RELEASED,
    };
    Row {
        id: format!("part-{serial}"),
        what: html! {
            a href=(format!("/printed/{serial}")) { (viewer.fill(words::CASE_PART, &holes)) }
            ", " (part.name) ", " (viewer.fill(words::ATTEMPT_N, &[("n", &part.attempt)])) " "
            (kit::state(viewer, state_word(&part.brief.words)))
        },
        place: html! {
            @if let Some(printer) = &part.brief.printer {
                (viewer.fill(words::ON, &[("printer", printer)])) ", "
            }
            (since(viewer, part.since))
            @if !part.brief.doubts.is_empty() {
                " · " (viewer.fill(words::DOUBTS_N, &[("n", &part.brief.doubts.len())])) ": "
                @for (index, doubt) in part.brief.doubts.iter().enumerate() {
                    @if index > 0 { ", " } (viewer.told(&doubt.words))
                }
            }
            @if let Some(state) = &part.case_state {
                " · " (viewer.fill(why_not, &[("state", &viewer.state(state))]))
            }
        },
        priority: part.priority,
        action: part_action(viewer, part),
    }
}

/// The state alone, without its reason.
pub(super) fn state_word(words: &str) -> &str {
    words.split(": ").next().unwrap_or(words)
}

fn part_action(viewer: &Viewer, part: &PartToDo) -> Markup {
    let serial = &part.brief.serial;
    let (page, id) = (format!("/printed/{serial}"), format!("next-{serial}"));
    if part.case_state.is_some() {
        return go(&format!("/cases/{}", part.case), &id, viewer.say(words::OPEN_CASE));
    }
    let (needs, path, label) = match part.what {
        ToDo::Process => (Permission::PostProcess, page.clone(), words::PROCESS_NEXT),
        ToDo::Inspect => (Permission::Inspect, format!("{page}/inspect"), words::INSPECT_NEXT),
        ToDo::Decide => (Permission::Dispose, page.clone(), words::DECIDE_NEXT),
        ToDo::Release => (Permission::Release, page.clone(), words::RELEASE_NEXT),
        ToDo::Deliver => (Permission::Deliver, page.clone(), words::DELIVER_NEXT),
        ToDo::Pack if viewer.may(Permission::Deliver) => {
            let to = format!("POST /v1/printed/{serial}/steps");
            let pack = Sends {
                fixed: json!({"is": "packed"}),
                done: Some(viewer.say(words::STEP_PACKED_DONE)),
                ..Sends::new(&id, &to, viewer.say(words::PACK_NEXT))
            };
            return pack.button(viewer);
        }
        ToDo::Pack => (Permission::Deliver, page.clone(), words::PACK_NEXT),
    };
    if viewer.may(needs) {
        go(&path, &id, viewer.say(label))
    } else {
        go(&page, &id, viewer.say(words::LOOK_AT_IT))
    }
}

fn of_prepared(viewer: &Viewer, prepared: &Prepared) -> Row {
    let to = format!("POST /v1/queue/{}", prepared.job.id);
    let holes: [(&str, &dyn std::fmt::Display); 2] =
        [("case", &prepared.job.case), ("part", &prepared.job.part)];
    let id = format!("unprepare-{}", prepared.job.id);
    let off = Sends {
        fixed: json!({"prepared": "no", "was": prepared.printer}),
        undo: Some((&to, json!({"prepared": prepared.printer}))),
        undo_was: Some("prepared"),
        ..Sends::new(&id, &to, viewer.say(words::NOT_PREPARED))
    };
    Row {
        id: format!("prepared-{}", prepared.job.id),
        what: html! { (viewer.fill(words::PREPARED_FOR, &holes)) ", " (prepared.job.name) },
        place: html! {
            (at_place(viewer, &prepared.printer, None))
            @if let Some(by) = &prepared.by { ", " (by) }
        },
        priority: Priority::Routine,
        action: html! { @if viewer.may(Permission::Queue) { (off.button(viewer)) } },
    }
}
