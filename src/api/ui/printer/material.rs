//! What is loaded on a printer, and loading: a scanner types a lot's label, or one chooses the lot.

use maud::{Markup, html};
use serde_json::json;

use super::{Shown, farm, kit};
use crate::api::quality::shapes::{LoadView, LotBrief};
use crate::api::ui::kit::{Field, Sends};
use crate::api::ui::materials::LAST_SLOT;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::printer as words;
use crate::domain::people::roles::Permission;

pub(super) fn loaded(viewer: &Viewer, shown: &Shown) -> Markup {
    html! {
        section.card.stack id="material" aria-labelledby="material-head" {
            (kit::heading("material-head", viewer, words::LOADED, ""))
            @if shown.quality.loaded.is_empty() { p.quiet { (viewer.say(words::NOTHING_LOADED)) } }
            @for load in &shown.quality.loaded { (one(viewer, shown, load)) }
            @if viewer.may(Permission::LoadMaterial) { (load_form(viewer, shown)) }
        }
    }
}

fn one(viewer: &Viewer, shown: &Shown, load: &LoadView) -> Markup {
    let (name, slot) = (&shown.printer.name, load.slot);
    let lot = shown.lots.iter().find(|lot| lot.id == load.lot);
    let to = format!("POST /v1/printers/{name}/unload");
    let back = format!("POST /v1/printers/{name}/loads");
    let since = farm::moment(viewer, &load.from);
    html! {
        div.load id=(format!("slot-{slot}")) {
            p {
                span.quiet { (viewer.fill(words::SLOT, &[("n", &slot)])) } " "
                strong { (load.material) } " "
                a href=(format!("/materials/{}", load.lot)) { code { (load.lot) } } " "
                span.quiet { (load.supplier_lot) }
            }
            p.quiet {
                (viewer.fill(words::LOADED_BY, &[("by", &load.by), ("time", &since)]))
                @if let Some(lot) = lot { " · " span.old[lot.low] { (left(viewer, lot)) } }
                @else { " · " span.old { (viewer.say(words::LOT_UNUSABLE)) } }
            }
            @if viewer.may(Permission::LoadMaterial) {
                (Sends {
                    fixed: json!({ "slot": slot, "lot": load.lot }),
                    done: Some(viewer.say(words::UNLOADED)),
                    undo: Some((&back, json!({ "lot": load.lot, "slot": slot }))),
                    ..Sends::new(&format!("unload-{slot}"), &to, viewer.say(words::UNLOAD))
                }.button(viewer))
            }
        }
    }
}

fn load_form(viewer: &Viewer, shown: &Shown) -> Markup {
    let name = &shown.printer.name;
    html! {
        (Sends {
            fixed: json!({ "printer": name }),
            done: Some(viewer.say(words::NOW_LOADED)),
            ..Sends::new("load", "POST /v1/loads", viewer.say(words::LOAD))
        }.form(viewer, html! {
            label.field.grows {
                span { (viewer.say(words::LOT)) }
                input name="lot" id="load-lot" list="load-lots" required maxlength="80" autocomplete="off"
                    spellcheck="false";
                small { (viewer.say(words::LOT_HINT)) }
            }
            datalist id="load-lots" {
                @for lot in &shown.lots { option value=(lot.id) { (called(viewer, lot)) } }
            }
            (Field::number("slot", viewer.say(words::SLOT_FIELD)).value("0").whole(0, LAST_SLOT).input())
        }))
    }
}

fn left(viewer: &Viewer, lot: &LotBrief) -> String {
    viewer.fill(words::LEFT_G, &[("n", &viewer.number(lot.left_g, 0))])
}

/// A lot as one knows it on the shelf.
fn called(viewer: &Viewer, lot: &LotBrief) -> String {
    let left = left(viewer, lot);
    format!("{} · {} · {left}", lot.about.material.as_str(), lot.about.supplier_lot.as_str())
}
