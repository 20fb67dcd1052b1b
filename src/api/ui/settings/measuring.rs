//! What is measured and with what: templates of inspections, version by version, and instruments.

use maud::{Markup, html};
use serde_json::json;

use super::super::kit::{self, Field, Sends};
use super::super::pieces::Piece;
use super::super::viewer::Viewer;
use super::super::words::{Text, hands, settings as words};
use super::chip;
use crate::domain::day::Day;
use crate::domain::people::roles::Permission;
use crate::domain::quality::inspection::{
    ITEMS_MAX, Instrument, Item, LIMIT_MAX, Measure, Method, Template, Weight,
};
use crate::domain::quality::words::Label;

const METHODS: [Method; 7] = [
    Method::Caliper,
    Method::Photo,
    Method::SurfaceScan,
    Method::Photogrammetry,
    Method::Ct,
    Method::FitTest,
    Method::Visual,
];
const UNITS: [Measure; 5] = [Measure::Mm, Measure::Deg, Measure::G, Measure::Percent, Measure::Yes];
const WEIGHTS: [Weight; 3] = [Weight::Fail, Weight::Flag, Weight::Note];

/// The word of the API.
fn word(of: &impl serde::Serialize) -> String {
    json!(of).as_str().unwrap_or_default().to_owned()
}

fn says(viewer: &Viewer, of: &impl serde::Serialize) -> String {
    match word(of).as_str() {
        "yes" => viewer.say(words::YES_NO).into(),
        "fail" => viewer.say(hands::WEIGHT_FAIL).into(),
        "flag" => viewer.say(hands::WEIGHT_FLAG).into(),
        "note" => viewer.say(hands::WEIGHT_NOTE).into(),
        word => hands::word(viewer.language, word),
    }
}

/// Thousandths as people write them.
fn number(thousandths: i32) -> f64 {
    f64::from(thousandths) / 1_000.0
}

/// The newest version of each.
fn newest(viewer: &Viewer) -> Vec<Template> {
    let all: Vec<Template> =
        viewer.app.recorder.read(|lab| lab.quality.templates.values().cloned().collect());
    let mut newest: Vec<Template> = Vec::new();
    for template in all {
        newest.retain(|known| known.name != template.name);
        newest.push(template);
    }
    newest
}

pub(super) fn templates(viewer: &Viewer) -> Piece {
    let all = newest(viewer);
    let may = viewer.may(Permission::Settings);
    Piece::new(
        "templates",
        html! {
            section id="templates" aria-labelledby="templates-head" {
                (kit::heading("templates-head", viewer, words::TEMPLATES, &all.len().to_string()))
                @if all.is_empty() { (kit::empty(viewer.say(words::NO_TEMPLATES), None)) }
                div.stack {
                    @for template in &all { (shown(viewer, template, may)) }
                    @if may {
                        details.card id="template-new" {
                            summary { (viewer.say(words::TEMPLATE_NEW)) }
                            (writing(viewer, None))
                        }
                    }
                }
            }
        },
    )
}

fn shown(viewer: &Viewer, template: &Template, may: bool) -> Markup {
    let (name, id) = (&template.name, format!("template-{}", template.name));
    html! {
        details.card id=(id) {
            summary {
                strong { (name) } " "
                small { (viewer.fill(words::VERSION_N, &[("n", &template.version)])) ", " (says(viewer, &template.method)) }
            }
            div.scroll tabindex="0" role="region" aria-label=(name) {
                table {
                    thead { tr { @for head in heads() { th scope="col" { (viewer.say(head)) } } } }
                    tbody {
                        @for item in &template.items {
                            tr {
                                th scope="row" { (item.name) }
                                td { (says(viewer, &item.unit)) }
                                td { (viewer.decimal(number(item.nominal))) }
                                td { (viewer.decimal(number(item.low))) }
                                td { (viewer.decimal(number(item.high))) }
                                td { (says(viewer, &item.weight)) }
                            }
                        }
                    }
                }
            }
            @if may {
                details id=(format!("{id}-next")) {
                    summary { (viewer.say(words::TEMPLATE_NEXT)) }
                    (writing(viewer, Some(template)))
                }
            }
        }
    }
}

const fn heads() -> [Text; 6] {
    [words::ITEM, words::UNIT, words::NOMINAL, words::LOW, words::HIGH, words::WEIGHT]
}

/// A template, or the next version of one, with rows for as many items as there may be.
fn writing(viewer: &Viewer, last: Option<&Template>) -> Markup {
    let id = last.map_or_else(|| "write-template".to_owned(), |last| format!("write-{}", last.name));
    let label = viewer.say(if last.is_some() { words::TEMPLATE_NEXT } else { words::TEMPLATE_NEW });
    let fixed = last.map_or(serde_json::Value::Null, |last| json!({ "name": last.name }));
    let form = Sends {
        fixed,
        done: Some(viewer.say(words::TEMPLATE_DONE)),
        ..Sends::new(&id, "POST /v1/templates", label)
    };
    let method = word(&last.map_or(Method::Caliper, |last| last.method));
    let methods: Vec<(String, String)> =
        METHODS.iter().map(|method| (word(method), says(viewer, method))).collect();
    let methods: Vec<(&str, String)> =
        methods.iter().map(|(word, says)| (word.as_str(), says.clone())).collect();
    let fields = html! {
        div.form {
            p.quiet { (viewer.say(words::TEMPLATE_HINT)) }
            @if last.is_none() { (name_field(viewer, words::TEMPLATE_NAME)) }
            (Field::text("method", viewer.say(words::METHOD)).value(&method).choice(&methods))
            div.scroll data-use="lists" data-rows="items" {
                table.ticked {
                    thead { tr { @for head in heads() { th scope="col" { (viewer.say(head)) } } } }
                    tbody {
                        @for at in 0..ITEMS_MAX { (item_row(viewer, at, last.and_then(|last| last.items.get(at)))) }
                    }
                }
            }
        }
    };
    form.form(viewer, fields)
}

fn item_row(viewer: &Viewer, at: usize, item: Option<&Item>) -> Markup {
    let name = |field: &str| format!("items.{at}.{field}");
    let label = |text: Text| viewer.fill(words::IN_ROW, &[("what", &viewer.say(text)), ("n", &(at + 1))]);
    let typed = |text, field: &str, value: Option<i32>| {
        let value = value.map(number).unwrap_or_default();
        html! {
            input type="number" step="0.001" min=(number(-LIMIT_MAX)) max=(number(LIMIT_MAX)) name=(name(field))
                data-as="number" value=(value) aria-label=(label(text));
        }
    };
    html! {
        tr {
            td { input name=(name("name")) maxlength=(Label::MOST) value=(item.map(|item| item.name.to_string()).unwrap_or_default()) aria-label=(label(words::ITEM)); }
            td {
                select name=(name("unit")) aria-label=(label(words::UNIT)) {
                    @for unit in UNITS { option value=(word(&unit)) selected[item.is_some_and(|item| item.unit == unit)] { (says(viewer, &unit)) } }
                }
            }
            td { (typed(words::NOMINAL, "nominal", item.map(|item| item.nominal))) }
            td { (typed(words::LOW, "low", item.map(|item| item.low))) }
            td { (typed(words::HIGH, "high", item.map(|item| item.high))) }
            td {
                select name=(name("weight")) aria-label=(label(words::WEIGHT)) {
                    @for weight in WEIGHTS { option value=(word(&weight)) selected[item.is_some_and(|item| item.weight == weight)] { (says(viewer, &weight)) } }
                }
            }
        }
    }
}

fn name_field(viewer: &Viewer, label: Text) -> Markup {
    let says = viewer.say(words::SLUG_HINT);
    Field::text("name", viewer.say(label)).slug(says).hint(says).required().input()
}

pub(super) fn instruments(viewer: &Viewer) -> Piece {
    let all: Vec<Instrument> =
        viewer.app.recorder.read(|lab| lab.quality.instruments.values().cloned().collect());
    let may = viewer.may(Permission::QualifyPrinters);
    let today = viewer.app.config.zone.day(viewer.now());
    Piece::new(
        "instruments",
        html! {
            section id="instruments" aria-labelledby="instruments-head" {
                (kit::heading("instruments-head", viewer, words::INSTRUMENTS, &all.len().to_string()))
                @if all.is_empty() {
                    (kit::empty(viewer.say(words::NO_INSTRUMENTS), None))
                } @else {
                    ul.cards.plain {
                        @for one in &all { li.card.stack id=(format!("instrument-{}", one.name)) { (instrument(viewer, one, today, may)) } }
                    }
                }
                @if may { (adding(viewer)) }
            }
        },
    )
}

fn instrument(viewer: &Viewer, one: &Instrument, today: Day, may: bool) -> Markup {
    let (due, id) = (one.calibration_due.to_string(), format!("calibrate-{}", one.name));
    let form = Sends {
        fixed: json!({ "name": one.name, "what": one.what, "was": { "what": one.what, "calibration_due": due } }),
        done: Some(viewer.say(words::INSTRUMENT_DONE)),
        undo: Some((
            "POST /v1/instruments",
            json!({ "name": one.name, "what": one.what, "calibration_due": due }),
        )),
        undo_was: Some("what,calibration_due"),
        ..Sends::new(&id, "POST /v1/instruments", viewer.say(words::CALIBRATED))
    };
    let label = viewer.fill(words::CALIBRATE_OF, &[("name", &one.name)]);
    html! {
        p { strong { (one.name) } " " (one.what) }
        p {
            (viewer.say(words::CALIBRATED_UNTIL)) " " time datetime=(due) { (viewer.day(&due)) }
            @if today > one.calibration_due { " " (chip("bad", viewer.say(words::OVERDUE))) }
        }
        @if may {
            (form.form(viewer, Field::day("calibration_due", &label).required().input()))
        }
    }
}

fn adding(viewer: &Viewer) -> Markup {
    let form = Sends {
        // One of the name that somebody else has noted meanwhile stays as it is.
        fixed: json!({ "was": "new" }),
        done: Some(viewer.say(words::INSTRUMENT_DONE)),
        ..Sends::new("add-instrument", "POST /v1/instruments", viewer.say(words::INSTRUMENT_ADD))
    };
    let due = Field::day("calibration_due", viewer.say(words::CALIBRATED_UNTIL));
    html! {
        details.card id="instrument-new" {
            summary { (viewer.say(words::INSTRUMENT_ADD)) }
            (form.form(viewer, html! {
                div.form {
                    (name_field(viewer, words::INSTRUMENT_NAME))
                    (Field::text("what", viewer.say(words::INSTRUMENT_WHAT)).required().most(Label::MOST).input())
                    (due.required().input())
                }
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_told_without_zeros_at_their_end() {
        for (thousandths, told) in [(80_000, "80"), (79_500, "79.5"), (-1, "-0.001")] {
            assert_eq!(number(thousandths).to_string(), told);
        }
    }

    #[test]
    fn every_method_unit_and_weight_has_the_word_of_the_api() {
        let all: Vec<String> =
            METHODS.iter().map(word).chain(UNITS.iter().map(word)).chain(WEIGHTS.iter().map(word)).collect();
        assert!(all.iter().all(|word| !word.is_empty()), "{all:?}");
    }
}
