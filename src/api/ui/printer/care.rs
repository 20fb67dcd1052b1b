//! Whether a printer may be used and for what, its calibration and phantoms, and when somebody works on it.

use maud::{Markup, html};
use serde_json::json;

use super::{Shown, charts, kit, phantom as measuring};
use crate::api::quality::shapes::PhantomView;
use crate::api::ui::kit::{Field, MINUTES, Sends};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::printer as words;
use crate::domain::people::roles::Permission;

/// Entries of the log that are shown.
const LOG_SHOWN: usize = 10;
/// What a printer may be restricted to.
const USES: [&str; 5] = ["education", "education guide", "guide", "diagnostic", "diagnostic guide"];

pub(super) fn qualification(viewer: &Viewer, shown: &Shown, template: Option<&str>) -> Markup {
    let kept = &shown.quality;
    let overdue = kept.calibration_due.as_ref().is_some_and(|due| *due < shown.today.to_string());
    html! {
        section.card.stack id="care" aria-labelledby="care-head" {
            (kit::heading("care-head", viewer, words::CARE, ""))
            p {
                (kit::state(viewer, &kept.state))
                @if !kept.uses.is_empty() {
                    " " (viewer.fill(words::ONLY_FOR, &[("uses", &uses(viewer, &kept.uses))]))
                }
                @if let Some(why) = &kept.why { ": " (why) }
            }
            dl.facts {
                dt { (viewer.say(words::CALIBRATION_DUE)) }
                dd {
                    @match &kept.calibration_due {
                        Some(due) => {
                            span.old[overdue] { (viewer.day(due)) }
                            @if overdue { " " strong.old { (viewer.say(words::OVERDUE)) } }
                        }
                        None => (viewer.say(words::NO_CALIBRATION)),
                    }
                }
                (phantom(viewer, viewer.say(words::LAST_PHANTOM), kept.last.as_ref()))
                (phantom(viewer, viewer.say(words::LAST_GOOD), kept.last_good.as_ref()))
            }
            @match &kept.chart {
                Some(chart) => (charts::phantoms(viewer, shown, chart)),
                None => p.quiet { (viewer.say(words::NO_PHANTOM)) },
            }
            (log(viewer, shown))
            @if viewer.may(Permission::QualifyPrinters) {
                (measuring::measure(viewer, shown, template))
                (steps(viewer, shown))
            }
        }
    }
}

fn uses(viewer: &Viewer, uses: &[String]) -> String {
    uses.iter().map(|word| viewer.state(word)).collect::<Vec<_>>().join(", ")
}

fn phantom(viewer: &Viewer, what: &str, phantom: Option<&PhantomView>) -> Markup {
    html! {
        @if let Some(phantom) = phantom {
            dt { (what) }
            dd {
                (viewer.when(&phantom.at)) " "
                (viewer.say(if phantom.passed { words::PASSED } else { words::NOT_PASSED }))
            }
        }
    }
}

/// What was done to it, newest first.
fn log(viewer: &Viewer, shown: &Shown) -> Markup {
    let entries = &shown.quality.maintenance;
    html! {
        @if !entries.is_empty() {
            details id="care-log" {
                summary { (viewer.fill(words::LOG, &[("n", &entries.len())])) }
                ul.rows {
                    @for entry in entries.iter().rev().take(LOG_SHOWN) {
                        li {
                            (viewer.when(&entry.at)) ", " (entry.by) ": " (entry.what)
                            @if let Some(minutes) = entry.minutes {
                                " (" (viewer.span(u64::from(minutes) * 60)) ")"
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What may be said of it.
fn steps(viewer: &Viewer, shown: &Shown) -> Markup {
    let to = format!("POST /v1/printers/{}/qualification", shown.printer.name);
    let step = |id: &str, is: &str, label: &str, ask: Option<&str>, fields: Markup| {
        let sends = Sends { fixed: json!({ "is": is }), ask, ..Sends::new(id, &to, label) };
        sends.form(viewer, fields)
    };
    let why = || Field::text("why", viewer.say(words::WHY)).required().input();
    let on = Field::day("on", viewer.say(words::DUE_ON)).required().input();
    let (sure, no_more) = (Some(viewer.say(words::QUALIFY_SURE)), Some(viewer.say(words::WITHDRAW_SURE)));
    html! {
        details id="care-steps" {
            summary { (viewer.say(words::CARE_STEPS)) }
            div.stack {
                (step("maintained", "maintained", viewer.say(words::NOTE_WORK), None, html! {
                    (Field::text("what", viewer.say(words::WHAT_DONE)).required().input())
                    (Field::number("minutes", viewer.say(words::MINUTES)).whole(0, u16::MAX.into()).input())
                }))
                (step("calibration", "calibration_due", viewer.say(words::SET_DUE), None, on))
                @if shown.quality.state != "qualified" {
                    (step("qualify", "qualified", viewer.say(words::QUALIFY), sure, html! {}))
                }
                @if shown.quality.state != "unqualified" {
                    (step("restrict", "restricted", viewer.say(words::RESTRICT), None, html! {
                        label.field {
                            span { (viewer.say(words::USES)) }
                            select name="uses" data-as="list" required {
                                @for choice in USES {
                                    @let all: Vec<String> = choice.split(' ').map(str::to_owned).collect();
                                    option value=(choice) { (uses(viewer, &all)) }
                                }
                            }
                        }
                        (why())
                    }))
                    (step("withdraw", "withdrawn", viewer.say(words::WITHDRAW), no_more, why()))
                }
            }
        }
    }
}

/// When nothing begins here, because somebody works on it.
pub(super) fn away(viewer: &Viewer, shown: &Shown) -> Markup {
    let name = &shown.printer.name;
    let (plan, call_off) = (
        format!("POST /v1/printers/{name}/maintenance"),
        format!("POST /v1/printers/{name}/maintenance/call-off"),
    );
    let may = viewer.may(Permission::QualifyPrinters);
    // By the site's clock, whatever the browser's zone is.
    let time = |field: &str, label: &str| {
        html! {
            label.field { span { (label) } input type="datetime-local" name=(field) data-as="text" required min=(MINUTES.0) max=(MINUTES.1); }
        }
    };
    html! {
        section.card.stack id="away" aria-labelledby="away-head" {
            (kit::heading("away-head", viewer, words::AWAY, ""))
            @if shown.away.is_empty() { p.quiet { (viewer.say(words::NEVER_AWAY)) } }
            @for (from, until) in &shown.away {
                @let (id, begins, ends) = (format!("call-off-{}", from.0), from.to_string(), until.to_string());
                div.load {
                    p { (viewer.at(*from)) "–" (viewer.at(*until)) }
                    @if may {
                        (Sends {
                            fixed: json!({ "from": begins }),
                            done: Some(viewer.say(words::CALLED_OFF)),
                            undo: Some((&plan, json!({ "from": begins, "until": ends }))),
                            ..Sends::new(&id, &call_off, viewer.say(words::CALL_OFF))
                        }.button(viewer))
                    }
                }
            }
            @if may {
                details id="plan-away" {
                    summary { (viewer.say(words::PLAN_AWAY)) }
                    p.quiet { (viewer.fill(words::SITE_CLOCK, &[("zone", &viewer.app.config.zone.name())])) }
                    (Sends::new("plan", &plan, viewer.say(words::PLAN)).form(viewer, html! {
                        (time("from", viewer.say(words::FROM)))
                        (time("until", viewer.say(words::UNTIL)))
                    }))
                }
            }
        }
    }
}
