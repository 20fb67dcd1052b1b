//! A resin printer's vat, display and film, with what is said of them; and the look before a start.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Shown, farm, kit};
use crate::api::resin::shapes::{
    ContentsView, HOURS_MAX, LAYERS_MAX, NeedView, PortionView, ResinView, THE_FIRST, WearView,
};
use crate::api::ui::kit::{Field, Sends};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, printer as printer_words, resin as words};
use crate::domain::ids::LotId;
use crate::domain::people::roles::Permission;
use crate::domain::resin::outfit::Item;

/// The vat with the forms for it, display and film. `lot` was scanned for it.
pub(super) fn card(viewer: &Viewer, shown: &Shown, resin: &ResinView, lot: Option<&str>) -> Markup {
    let lot = lot.and_then(|lot| lot.parse::<LotId>().ok());
    html! {
        section.card.stack id="resin" aria-labelledby="resin-head" {
            (kit::heading("resin-head", viewer, words::CARD, ""))
            @if let Some(job) = &resin.debris {
                p.note data-state="wants" { (viewer.fill(words::DEBRIS, &[("job", job)])) }
            }
            (vat(viewer, shown, resin, lot.as_ref()))
            (display(viewer, resin))
            (film(viewer, resin))
        }
    }
}

fn ml(viewer: &Viewer, volume: f64) -> String {
    farm::millilitres(viewer, volume)
}

fn vat(viewer: &Viewer, shown: &Shown, resin: &ResinView, lot: Option<&LotId>) -> Markup {
    let holds = ml(viewer, resin.vat.holds_ml);
    html! {
        h3 { (viewer.say(words::VAT)) }
        @match &resin.vat.contents {
            None => p { (viewer.say(words::VAT_EMPTY)) },
            Some(contents) => (filled(viewer, resin, contents)),
        }
        p.quiet { (viewer.fill(words::HOLDS, &[("holds", &holds), ("keeps", &ml(viewer, resin.vat.keeps_ml))])) }
        @match &resin.vat.contents {
            None => (fill(viewer, shown, resin, lot)),
            Some(contents) => (tend(viewer, shown, resin, contents, lot)),
        }
    }
}

fn filled(viewer: &Viewer, resin: &ResinView, contents: &ContentsView) -> Markup {
    let (left, holds) = (ml(viewer, contents.left_ml), ml(viewer, resin.vat.holds_ml));
    let said = viewer.fill(words::LEFT, &[("left", &left), ("holds", &holds)]);
    let share = if resin.vat.holds_ml > 0.0 { contents.left_ml / resin.vat.holds_ml * 100.0 } else { 0.0 };
    let days = &contents.days;
    let time = farm::moment(viewer, &contents.since);
    let since = match resin.vat.resin_days {
        Some(may) => viewer.fill(words::SINCE_DAYS_OF, &[("time", &time), ("n", days), ("may", &may)]),
        None => viewer.fill(words::SINCE_DAYS, &[("time", &time), ("n", days)]),
    };
    let care = [
        (words::MEASURED, &contents.measured),
        (words::STIRRED, &contents.stirred),
        (words::FILTERED, &contents.filtered),
    ];
    html! {
        p { strong { (contents.material) } ", " (said) }
        (kit::bar(viewer, share.clamp(0.0, 100.0), &said))
        p.quiet { (viewer.fill(words::GIVES, &[("n", &ml(viewer, contents.gives_ml))])) }
        @if contents.too_old { p.note data-state="wants" { (viewer.say(words::TOO_OLD)) } }
        dl.facts {
            dt { (viewer.say(words::LOTS)) }
            @for lot in &contents.lots { dd { (portion(viewer, lot)) } }
            dt { (viewer.say(words::SINCE)) }
            dd { (since) }
            @for (what, at) in care {
                dt { (viewer.say(what)) }
                dd {
                    @match at { Some(at) => (viewer.when(at)), None => span.quiet { (viewer.say(words::NOT_YET)) } }
                }
            }
        }
    }
}

fn portion(viewer: &Viewer, lot: &PortionView) -> Markup {
    html! {
        a href=(format!("/materials/{}", lot.lot)) { code { (lot.lot) } } " "
        span.quiet { (lot.supplier_lot) } ", " (viewer.fill(words::POURED, &[("n", &ml(viewer, lot.poured_ml))]))
        @for why in &lot.unusable { ", " span.old { (viewer.told_within(why)) } }
    }
}

/// What of a form was seen, so that nothing is said of another filling.
fn seen(contents: &ContentsView) -> Value {
    json!({ "since": contents.since, "poured_ml": contents.poured_ml })
}

/// What is poured in: of which lot, and how much; `room` is what the vat still takes.
fn poured(
    viewer: &Viewer,
    shown: &Shown,
    resin: &ResinView,
    (id, room): (&str, f64),
    lot: Option<&LotId>,
) -> Markup {
    let list = format!("{id}-lots");
    let held = resin.vat.contents.as_ref().map(|contents| contents.material.as_str());
    // More of another material is refused.
    let fits = |material: &str| held.is_none_or(|held| held.eq_ignore_ascii_case(material));
    html! {
        label.field.grows {
            span { (viewer.say(words::LOT)) }
            input name="lot" id=(format!("{id}-lot")) list=(list) required maxlength="80" autocomplete="off"
                spellcheck="false" value=[lot];
            small { (viewer.say(words::LOT_HINT)) }
        }
        datalist id=(list) {
            @for lot in shown.lots.iter().filter(|lot| fits(lot.about.material.as_str())) {
                option value=(lot.id) { (lot.about.material.as_str()) " · " (lot.about.supplier_lot.as_str()) }
            }
        }
        (Field::number("ml", viewer.say(words::POURED_ML)).required().between(&(0.0..=room)).input())
    }
}

fn fill(viewer: &Viewer, shown: &Shown, resin: &ResinView, lot: Option<&LotId>) -> Markup {
    let to = format!("POST /v1/printers/{}/vat/fill", resin.printer);
    html! {
        @if viewer.may(Permission::LoadMaterial) {
            (Sends {
                done: Some(viewer.say(words::FILL_DONE)),
                ..Sends::new("vat-fill", &to, viewer.say(words::FILL))
            }.form(viewer, poured(viewer, shown, resin, ("vat-fill", resin.vat.holds_ml), lot)))
        }
    }
}

/// What is said of a vat that is filled. Filtering and emptying want a printer that stands still.
fn tend(
    viewer: &Viewer,
    shown: &Shown,
    resin: &ResinView,
    contents: &ContentsView,
    lot: Option<&LotId>,
) -> Markup {
    let to = |what: &str| format!("POST /v1/printers/{}/vat/{what}", resin.printer);
    let [top_up, measure, stir, filter, empty] = ["top-up", "measure", "stir", "filter", "empty"].map(to);
    let was = json!({ "was": seen(contents) });
    let tends = viewer.may(Permission::TendVat);
    let stands = resin.job.is_none();
    let room = (resin.vat.holds_ml - contents.left_ml).max(0.0);
    let left = Field::number("ml", viewer.say(words::MEASURED_ML)).required();
    let where_to = Field::text("resin", viewer.say(words::EMPTY_TO)).required();
    let ways = [
        ("bottled", viewer.say(words::BOTTLED).to_owned()),
        ("discarded", viewer.say(words::DISCARDED).to_owned()),
    ];
    html! {
        @if viewer.may(Permission::LoadMaterial) {
            (Sends {
                fixed: was.clone(),
                done: Some(viewer.say(words::TOP_UP_DONE)),
                ..Sends::new("vat-top-up", &top_up, viewer.say(words::TOP_UP))
            }.form(viewer, poured(viewer, shown, resin, ("vat-top-up", room), lot)))
        }
        @if tends {
            div.buttons {
                (Sends {
                    fixed: was.clone(),
                    done: Some(viewer.say(words::STIR_DONE)),
                    ..Sends::new("vat-stir", &stir, viewer.say(words::STIR))
                }.button(viewer))
                @if stands {
                    (Sends {
                        fixed: was.clone(),
                        done: Some(viewer.say(words::FILTER_DONE)),
                        ask: Some(viewer.say(words::FILTER_SURE)),
                        ..Sends::new("vat-filter", &filter, viewer.say(words::FILTER))
                    }.button(viewer))
                }
            }
            details id="vat-measuring" {
                summary { (viewer.say(words::MEASURE)) }
                (Sends {
                    fixed: was.clone(),
                    done: Some(viewer.say(words::MEASURE_DONE)),
                    ..Sends::new("vat-measure", &measure, viewer.say(words::MEASURE))
                }.form(viewer, left.between(&(0.0..=resin.vat.holds_ml)).input()))
            }
            @if stands {
                details id="vat-emptying" {
                    summary { (viewer.say(words::EMPTY)) }
                    (Sends {
                        fixed: was,
                        done: Some(viewer.say(words::EMPTY_DONE)),
                        ask: Some(viewer.say(words::EMPTY_SURE)),
                        ..Sends::new("vat-empty", &empty, viewer.say(words::EMPTY))
                    }.form(viewer, where_to.value("bottled").choice(&ways)))
                }
            }
        }
    }
}

/// A verdict of wear, with what to do about it.
fn verdict(viewer: &Viewer, wear: &WearView) -> Markup {
    let (state, mark, text) = match wear.verdict.as_str() {
        "good" => ("good", "ready", words::GOOD),
        "worn" => ("wants", "suspect", words::WORN),
        "overdue" => ("bad", "failed", words::OVERDUE),
        _ => return html! { span.quiet { (viewer.say(words::UNJUDGED)) } },
    };
    html! { span.state data-state=(state) { (kit::mark(mark)) (viewer.say(text)) } }
}

fn wear(viewer: &Viewer, wear: &WearView, [alone, of]: [Text; 2]) -> Markup {
    let used = viewer.grouped(wear.used);
    let said = match wear.life {
        Some(life) => viewer.fill(of, &[("n", &used), ("life", &viewer.grouped(life.into()))]),
        None => viewer.fill(alone, &[("n", &used)]),
    };
    html! {
        p { (said) ", " (verdict(viewer, wear)) }
        @if let Some(since) = &wear.since {
            p.quiet { (viewer.fill(words::SINCE_NEW, &[("time", &farm::moment(viewer, since))])) }
        }
        @if wear.at_most { p.quiet { (viewer.say(words::AT_MOST)) } }
    }
}

fn was_since(wear: &WearView) -> Value {
    json!({ "since": wear.since.as_deref().unwrap_or(THE_FIRST) })
}

fn display(viewer: &Viewer, resin: &ResinView) -> Markup {
    let to = format!("POST /v1/printers/{}/display", resin.printer);
    let hours = Field::number("hours", viewer.say(words::HOURS_BEFORE)).value("0").required();
    html! {
        h3 { (viewer.say(words::DISPLAY)) }
        (wear(viewer, &resin.display, [words::DISPLAY_HOURS, words::DISPLAY_HOURS_OF]))
        @if resin.job.is_none() && viewer.may(Permission::TendVat) {
            details id="display-replacing" {
                summary { (viewer.say(words::NEW_DISPLAY)) }
                (Sends {
                    fixed: was_since(&resin.display),
                    done: Some(viewer.say(words::NEW_DISPLAY_DONE)),
                    ask: Some(viewer.say(words::NEW_DISPLAY_SURE)),
                    ..Sends::new("display-new", &to, viewer.say(words::NEW_DISPLAY_SEND))
                }.form(viewer, hours.whole(0, HOURS_MAX).input()))
            }
        }
    }
}

fn film(viewer: &Viewer, resin: &ResinView) -> Markup {
    let to = format!("POST /v1/printers/{}/film", resin.printer);
    let layers = Field::number("layers", viewer.say(words::LAYERS_BEFORE)).value("0").required();
    html! {
        h3 { (viewer.say(words::FILM)) }
        (wear(viewer, &resin.film, [words::FILM_LAYERS, words::FILM_LAYERS_OF]))
        @if resin.job.is_none() && viewer.may(Permission::TendVat) {
            details id="film-replacing" {
                summary { (viewer.say(words::NEW_FILM)) }
                @if resin.vat.contents.is_some() { p.quiet { (viewer.say(words::NEW_FILM_EMPTY)) } }
                @else {
                    (Sends {
                        fixed: was_since(&resin.film),
                        done: Some(viewer.say(words::NEW_FILM_DONE)),
                        ask: Some(viewer.say(words::NEW_FILM_SURE)),
                        ..Sends::new("film-new", &to, viewer.say(words::NEW_FILM_SEND))
                    }.form(viewer, layers.whole(0, LAYERS_MAX).input()))
                }
            }
        }
    }
}

/// What to do where something that is looked at is not so.
fn cure(item: Item) -> Text {
    match item {
        Item::Film => words::FILM_NOT_SO,
        Item::Vat => words::VAT_NOT_SO,
        Item::Stirred => words::STIRRED_NOT_SO,
        Item::Plate => words::PLATE_NOT_SO,
        Item::Cover => words::COVER_NOT_SO,
    }
}

/// What somebody looks at before a start: a tick for each, and one button for all of them.
pub(super) fn checklist(viewer: &Viewer, shown: &Shown, resin: &ResinView) -> Markup {
    let list = &resin.checklist;
    let to = format!("POST /v1/printers/{}/checklist", resin.printer);
    let items: Vec<&str> = list.items.iter().map(|of| of.item.as_str()).collect();
    let lacks_resin = items.contains(&Item::Stirred.word()) && resin.vat.contents.is_none();
    let not_now = if resin.job.is_some() {
        Some(words::CHECKLIST_BUSY)
    } else if shown.printer.on_bed.is_some() {
        Some(words::CHECKLIST_BED)
    } else {
        lacks_resin.then_some(words::VAT_EMPTY)
    };
    html! {
        section.card.stack id="checklist" aria-labelledby="checklist-head" {
            (kit::heading("checklist-head", viewer, words::CHECKLIST, ""))
            @if items.is_empty() { p.quiet { (viewer.say(words::NO_CHECKLIST)) } }
            @else if let (true, Some(by), Some(at)) = (list.holds, &list.by, &list.at) {
                p {
                    (kit::mark("ready")) " "
                    (viewer.fill(words::CHECKLIST_DONE, &[("by", &viewer.called(by)), ("time", &farm::moment(viewer, at))]))
                }
                ul.rows { @for of in &list.items { li { (viewer.told(&of.words)) } } }
            }
            @else {
                p { (viewer.say(words::CHECKLIST_HOW)) }
                @match not_now {
                    Some(why) => {
                        ul.rows { @for of in &list.items { li { (viewer.told(&of.words)) } } }
                        p.quiet { (viewer.say(why)) }
                    }
                    None if viewer.may(Permission::TendVat) => (Sends {
                        fixed: json!({ "items": items }),
                        done: Some(viewer.say(words::CHECKLIST_SAID)),
                        ..Sends::new("do-checklist", &to, viewer.say(words::CHECKLIST_SEND))
                    }.form(viewer, html! {
                        // Without names: all of them have to be ticked, and all are sent together.
                        @for of in &list.items {
                            label.tick {
                                input type="checkbox" required;
                                span {
                                    (viewer.told(&of.words))
                                    @if let Some(cure) = Item::named(&of.item).map(cure) {
                                        " " small { (viewer.say(cure)) }
                                    }
                                }
                            }
                        }
                    })),
                    None => ul.rows { @for of in &list.items { li { (viewer.told(&of.words)) } } },
                }
            }
        }
    }
}

/// How far the print is, or what the next one takes and waits for.
pub(super) fn need(viewer: &Viewer, resin: &ResinView) -> Markup {
    html! {
        section.card.stack id="resin-need" aria-labelledby="resin-need-head" {
            (kit::heading("resin-need-head", viewer, words::NEXT, ""))
            @if let Some(lit) = &resin.job {
                p {
                    (viewer.fill(words::RUNS, &[("n", &lit.layer), ("of", &lit.layers)])) ". "
                    @match lit.left_at_end_ml {
                        Some(left) => (viewer.fill(words::LEFT_AT_END, &[("n", &ml(viewer, left))])),
                        None => (viewer.say(words::NOT_TO_END)),
                    }
                }
            }
            @match &resin.next {
                None => p.quiet { (viewer.say(words::NO_NEXT)) },
                Some(next) => (needs(viewer, next)),
            }
        }
    }
}

fn needs(viewer: &Viewer, next: &NeedView) -> Markup {
    let n = next.needs_ml.map(|volume| ml(viewer, volume)).unwrap_or_default();
    let light = next.light_ms.map(|ms| viewer.span(ms / 1_000)).unwrap_or_default();
    let layers = next.layers.unwrap_or_default();
    let said = if next.layers.is_none() {
        viewer.fill(words::NEEDS_SAID, &[("n", &n)])
    } else if next.refills == 0 {
        viewer.fill(words::NEEDS, &[("n", &n), ("layers", &layers), ("light", &light)])
    } else {
        let first = next.first_ml.map(|volume| ml(viewer, volume)).unwrap_or_default();
        let holes: [(&str, &dyn std::fmt::Display); 5] =
            [("n", &n), ("layers", &layers), ("light", &light), ("first", &first), ("times", &next.refills)];
        viewer.fill(words::NEEDS_REFILLED, &holes)
    };
    html! {
        p {
            (viewer.say(printer_words::JOB)) " "
            a href=(format!("/look?job={}", next.job)) { code { (next.job) } }
            @if let Some(material) = &next.material { ", " (material) }
        }
        @if next.needs_ml.is_some() {
            p { (said) " " (viewer.say(if next.enough { words::ENOUGH } else { words::NOT_ENOUGH })) }
        }
        @if !next.hindrances.is_empty() {
            p { (viewer.say(words::WAITS_FOR)) }
            ul.rows { @for why in &next.hindrances { li { (viewer.told(&why.words)) } } }
        }
    }
}
