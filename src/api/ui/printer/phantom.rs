//! Measuring a printer's phantom by a template. What it means for the printer is the domain's to say.

use maud::{Markup, html};
use serde_json::json;

use super::Shown;
use crate::api::quality::shapes::VALUES;
use crate::api::ui::kit::{Field, Sends};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{common, hands, printer as words};
use crate::domain::quality::inspection::{Item, Measure, Template};

/// The form for the template that the address names.
pub(super) fn measure(viewer: &Viewer, shown: &Shown, asked: Option<&str>) -> Markup {
    let name = &shown.printer.name;
    let chosen = asked.and_then(|asked| shown.templates.iter().find(|one| one.name.as_str() == asked));
    html! {
        details id="phantom" open[chosen.is_some()] {
            summary { (viewer.say(words::MEASURE_PHANTOM)) }
            div.stack {
                @if shown.templates.is_empty() { p.quiet { (viewer.say(words::NO_TEMPLATE)) } }
                @else {
                    p { (viewer.say(words::BY_TEMPLATE)) }
                    nav.buttons aria-label=(viewer.say(words::BY_TEMPLATE)) {
                        @for one in &shown.templates {
                            @let is_chosen = chosen.is_some_and(|chosen| chosen.name == one.name);
                            a.button href=(format!("/printers/{name}?phantom={}#phantom", one.name))
                                aria-current=[is_chosen.then_some("true")] { (one.name) }
                        }
                    }
                }
                @if let Some(template) = chosen { (form(viewer, shown, template)) }
            }
        }
    }
}

fn form(viewer: &Viewer, shown: &Shown, template: &Template) -> Markup {
    let fixed = json!({
        "subject": { "of": "phantom", "printer": shown.printer.name },
        "template": template.name.as_str(),
        "version": template.version,
    });
    let due = Field::day("subject.next_due", viewer.say(words::IF_GOOD_DUE));
    let sends = Sends {
        fixed,
        done: Some(viewer.say(words::PHANTOM_NOTED)),
        ..Sends::new("measured", "POST /v1/inspections", viewer.say(words::NOTE_PHANTOM))
    };
    html! {
        div data-use="phantom" data-items=(template.items.len()) {
            (sends.form(viewer, html! {
                div.fields {
                    @for (place, item) in template.items.iter().enumerate() { (value(viewer, place, item)) }
                    (instrument(viewer, shown, template))
                    (due.input())
                    (Field::text("note", viewer.say(words::NOTE)).input())
                }
            }))
        }
    }
}

fn value(viewer: &Viewer, place: usize, item: &Item) -> Markup {
    let (name, unit) = (format!("values.{place}"), unit(viewer, item.unit));
    let told = |thousandths: i32| viewer.decimal(f64::from(thousandths) / 1_000.0);
    let (low, high) = (told(item.low), told(item.high));
    let label = viewer
        .fill(words::ITEM_LIMITS, &[("name", &item.name), ("unit", &unit), ("low", &low), ("high", &high)]);
    html! {
        @if item.unit == Measure::Yes {
            label.field {
                span { (item.name) }
                select name=(name) data-as="number" {
                    option value="" { (viewer.say(common::UNKNOWN)) }
                    option value="1" { (viewer.say(common::YES)) }
                    option value="0" { (viewer.say(common::NO)) }
                }
            }
        }
        @else { (Field::number(&name, &label).between(&VALUES).input()) }
    }
}

fn unit(viewer: &Viewer, unit: Measure) -> &'static str {
    match unit {
        Measure::Mm => viewer.say(hands::MM),
        Measure::Deg => viewer.say(hands::DEG),
        Measure::G => viewer.say(hands::G),
        Measure::Percent => viewer.say(hands::PERCENT),
        Measure::Yes => "",
    }
}

fn instrument(viewer: &Viewer, shown: &Shown, template: &Template) -> Markup {
    let needs = template.method.needs_instrument();
    html! {
        label.field {
            span { (viewer.say(words::INSTRUMENT)) }
            select name="instrument" required[needs] {
                option value="" { @if !needs { (viewer.say(words::NO_INSTRUMENT)) } }
                @for one in &shown.instruments {
                    @let due = viewer.day(&one.calibration_due.to_string());
                    option value=(one.name) {
                        (viewer.fill(words::UNTIL_DAY, &[("name", &one.name), ("day", &due)]))
                    }
                }
            }
        }
    }
}
