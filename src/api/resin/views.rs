//! From what is noted of a resin printer to its shapes.

use super::super::AppState;
use super::shapes::{
    CheckView, ChecklistView, ContentsView, HindranceView, LitView, NeedView, OddView, PortionView,
    ResinBrief, ResinView, VatView, WearView,
};
use crate::domain::day::Day;
use crate::domain::ids::PrinterName;
use crate::domain::job::{Job, JobState, Progress};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::printer::Activity;
use crate::domain::resin::Station;
use crate::domain::resin::need::Need;
use crate::domain::resin::outfit::{Item, Outfit};
use crate::domain::resin::start::{Hindrance, hindrances, of_cover};
use crate::domain::resin::vat::Contents;
use crate::domain::resin::wear::{Counter, Wear};
use crate::domain::units::Microlitres;

/// A vat's microlitres are exact in it.
pub fn millilitres(volume: Microlitres) -> f64 {
    volume.0 as f64 / 1_000.0
}

/// A resin printer as it is now; `None` where it prints with filament.
pub fn resin(app: &AppState, lab: &Lab, name: &PrinterName) -> Option<ResinView> {
    let (station, outfit) = lab.resin.station(name)?;
    let now = app.clock.wall();
    Some(ResinView {
        printer: name.to_string(),
        vat: VatView {
            holds_ml: millilitres(outfit.holds),
            keeps_ml: millilitres(outfit.keeps),
            resin_days: outfit.resin_days,
            contents: station.contents().map(|contents| filled(lab, contents, outfit, now)),
        },
        display: wear(&station.display_wear(), &station.display),
        film: wear(&station.film_wear(), &station.film),
        worn_bars: outfit.worn_bars,
        debris: station.debris.as_ref().map(ToString::to_string),
        checklist: checklist(station, outfit, now),
        odd: odd(station),
        job: lit(app, lab, station),
        running: lab.running_on(name).map(|job| job.id.to_string()),
        next: next(app, lab, name).map(|job| need(app, lab, job, name, now)),
    })
}

/// The same in short.
pub fn brief(app: &AppState, lab: &Lab, name: &PrinterName) -> Option<ResinBrief> {
    let (station, outfit) = lab.resin.station(name)?;
    let lit = lit(app, lab, station);
    Some(ResinBrief {
        material: station.contents().map(|contents| contents.material.clone()),
        left_ml: station.contents().map(|contents| millilitres(contents.left)),
        layer: lit.as_ref().map(|lit| lit.layer),
        layers: lit.as_ref().map(|lit| lit.layers),
        display: station.display_wear().verdict.word().into(),
        film: station.film_wear().verdict.word().into(),
        checklist: !checklist(station, outfit, app.clock.wall()).holds,
        debris: station.debris.is_some(),
        odd: odd(station),
    })
}

fn odd(station: &Station) -> Vec<OddView> {
    let seen = station.odd.iter().map(|seen| OddView {
        words: seen.odd.in_words().into(),
        at: seen.at.to_string(),
        job: seen.job.as_ref().map(ToString::to_string),
    });
    seen.collect()
}

fn filled(lab: &Lab, contents: &Contents, outfit: &Outfit, now: WallTime) -> ContentsView {
    let days = contents.days(now);
    let gives = Microlitres(contents.left.0.saturating_sub(outfit.keeps.0));
    let time = |at: WallTime| at.to_string();
    ContentsView {
        material: contents.material.clone(),
        lots: contents.portions.iter().map(|of| portion(lab, &of.lot, of.poured, now)).collect(),
        left_ml: millilitres(contents.left),
        gives_ml: millilitres(gives),
        poured_ml: millilitres(contents.poured()),
        since: contents.since.to_string(),
        days,
        too_old: outfit.resin_days.is_some_and(|may| days > u64::from(may)),
        measured: contents.measured.map(time),
        stirred: contents.stirred.map(time),
        filtered: contents.filtered.map(time),
        by: contents.by.clone(),
    }
}

fn portion(lab: &Lab, id: &crate::domain::ids::LotId, poured: Microlitres, now: WallTime) -> PortionView {
    let lot = lab.quality.lots.get(id);
    let unusable = lot.map(|lot| lot.unusable(Day::in_utc(now))).unwrap_or_default();
    PortionView {
        lot: id.to_string(),
        supplier_lot: lot.map(|lot| lot.about.supplier_lot.to_string()).unwrap_or_default(),
        poured_ml: millilitres(poured),
        unusable: unusable.iter().map(ToString::to_string).collect(),
    }
}

fn wear(wear: &Wear, counter: &Counter) -> WearView {
    WearView {
        used: wear.used,
        life: wear.life,
        percent: wear.percent(),
        verdict: wear.verdict.word().into(),
        since: counter.since.map(|since| since.to_string()),
        at_most: counter.guessed,
    }
}

fn checklist(station: &Station, outfit: &Outfit, now: WallTime) -> ChecklistView {
    let done = station.checklist.as_ref().filter(|done| done.holds(now));
    let is_done = |item: &Item| done.is_some_and(|done| done.items.contains(item));
    let asked: Vec<Item> = Item::ALL.into_iter().filter(|item| outfit.checklist.contains(item)).collect();
    let view = |item: &Item| CheckView {
        item: item.word().into(),
        words: item.in_words().into(),
        done: is_done(item),
    };
    ChecklistView {
        items: asked.iter().map(view).collect(),
        holds: asked.iter().all(is_done),
        by: done.map(|done| done.by.clone()),
        at: done.map(|done| done.at.to_string()),
    }
}

/// How far the job is that runs there; each command of such a job is a layer.
fn lit(app: &AppState, lab: &Lab, station: &Station) -> Option<LitView> {
    let job = lab.running_on(&station.printer)?;
    let need = lab.resin.needs.get(&job.id)?;
    // Where nobody knows its layers, it is at none of them.
    let layers = need.known_layers()?;
    let noted = job.state.run().map_or(Progress { confirmed: 0, total: 0 }, |run| run.progress);
    let live = app.fleet.board().get(&station.printer).map(|live| live.borrow().activity.clone());
    let live = live.filter(|live| live.job() == Some(&job.id)).and_then(|live| live.progress());
    let confirmed = live.unwrap_or(noted).confirmed;
    Some(LitView {
        job: job.id.to_string(),
        layer: confirmed.saturating_add(1).min(u64::from(layers)),
        layers,
        left_at_end_ml: left_at_end(station, job, need).map(millilitres),
    })
}

fn left_at_end(station: &Station, job: &Job, need: &Need) -> Option<Microlitres> {
    let to_come = need.resin.0.saturating_sub(station.counted(&job.id).resin.0);
    station.contents()?.left.0.checked_sub(to_come).map(Microlitres)
}

/// What is planned there next; where nothing is, the first that waits and may be printed there.
pub fn next<'l>(app: &AppState, lab: &'l Lab, name: &PrinterName) -> Option<&'l Job> {
    let drawn = app.planner.latest();
    let planned = drawn.as_deref().map(|drawn| drawn.next_on(name)).unwrap_or_default();
    let waits = |job: &&Job| job.state == JobState::Queued;
    let mut planned = planned.iter().filter_map(|(id, _)| lab.jobs.get(id)).filter(waits);
    planned.next().or_else(|| {
        let may = |job: &&Job| job.pinned.as_ref().is_none_or(|pinned| pinned == name);
        let for_resin = |job: &&Job| lab.resin.needs.contains_key(&job.id);
        lab.jobs_in_order().into_iter().filter(waits).filter(may).find(for_resin)
    })
}

fn need(app: &AppState, lab: &Lab, job: &Job, name: &PrinterName, now: WallTime) -> NeedView {
    let mut why = hindrances(lab, job, name, now);
    let live = app.fleet.board().get(name).map(|live| live.borrow().clone());
    // While it does something its board is asked at each layer, and not in between.
    let cover = live.filter(|live| live.activity == Activity::Ready).and_then(|live| of_cover(live.cover));
    why.extend(cover);
    let need = lab.resin.needs.get(&job.id);
    let resin = need.filter(|need| need.known_resin().is_some());
    let lacks = |why: &Hindrance| {
        matches!(
            why,
            Hindrance::VatEmpty
                | Hindrance::NeedUnknown
                | Hindrance::NeedUnsaid
                | Hindrance::TooLittle { .. }
                | Hindrance::VatTooSmall { .. }
        )
    };
    NeedView {
        job: job.id.to_string(),
        case: job.case.to_string(),
        material: job.material.clone(),
        layers: need.and_then(Need::known_layers),
        needs_ml: resin.map(|need| millilitres(need.resin)),
        first_ml: resin.map(|need| millilitres(need.first_stretch())),
        refills: need.map_or(0, |need| need.refills.len()),
        light_ms: need.and_then(Need::known_light_ms),
        enough: !why.iter().any(lacks),
        hindrances: why
            .iter()
            .map(|why| HindranceView { why: why.word().into(), words: why.to_string() })
            .collect(),
    }
}
