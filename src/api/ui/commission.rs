//! A new printer, step after step: its port, who is there, what it is, its section of the configuration, a print.
//!
//! The ports stand there without a script; `commission.js` asks, fills in what was found, and has it checked.

use maud::{Markup, html};

use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::{Text, commission as words, common, settings};
use crate::api::commissioning::shapes::{PortView, PortsView, ProfileView};
use crate::api::commissioning::{kinds, listed};
use crate::domain::heat::HeatLimits;
use crate::domain::ids::{SLUG_MAX, SLUG_PATTERN};
use crate::domain::people::roles::Permission;
use crate::domain::quality::words::Label;

/// Speeds that boards are built with.
const SPEEDS: [u32; 6] = [115_200, 250_000, 230_400, 57_600, 500_000, 1_000_000];

pub(super) fn content(viewer: Viewer, _: Ask) -> Answer {
    Box::pin(async move {
        let title = viewer.say(words::TITLE);
        if !viewer.may(Permission::Settings) && !viewer.may(Permission::QualifyPrinters) {
            return Ok(Content::new(title, vec![head(&viewer, words::NOT_YOURS)]));
        }
        let ports = listed(&viewer.app).await;
        let kinds = kinds(&viewer.app);
        Ok(Content::new(title, vec![head(&viewer, words::INTRO), steps(&viewer, &ports, &kinds)]))
    })
}

fn head(viewer: &Viewer, intro: Text) -> Piece {
    Piece::new(
        "head",
        html! {
            div id="head" {
                div.head { h1 { (viewer.say(words::TITLE)) } }
                p.quiet { (viewer.say(intro)) }
            }
        },
    )
}

/// What the script says, by its names there.
fn script_words(viewer: &Viewer) -> String {
    let all = [
        ("portFirst", words::PORT_FIRST),
        ("asking", words::ASKING),
        ("firmware", words::FIRMWARE),
        ("machine", words::MACHINE),
        ("uuid", words::UUID),
        ("dialect", words::DIALECT),
        ("protection", words::PROTECTION),
        ("temperatures", words::TEMPERATURES),
        ("capabilities", words::CAPABILITIES),
        ("buffer", words::BUFFER),
        ("tried", words::TRIED),
        ("good", words::GOOD),
        ("mistakes", words::MISTAKES),
        ("hints", words::HINTS),
        ("instead", words::INSTEAD),
        ("sure", words::SAVE_SURE),
        ("copied", words::COPIED),
        ("restart", words::RESTART),
        ("yes", common::YES),
        ("no", common::NO),
        ("unknown", common::UNKNOWN),
    ];
    let words: serde_json::Map<String, serde_json::Value> =
        all.into_iter().map(|(name, text)| (name.to_owned(), viewer.say(text).into())).collect();
    serde_json::Value::Object(words).to_string()
}

fn steps(viewer: &Viewer, ports: &PortsView, kinds: &[ProfileView]) -> Piece {
    Piece::new(
        "steps",
        html! {
            div.stack.commission id="steps" data-use="commission" data-texts=(script_words(viewer)) {
                (find(viewer, ports))
                (probe(viewer))
                (limits(viewer, kinds))
                (check(viewer))
                (test(viewer))
            }
        },
    )
}

fn find(viewer: &Viewer, ports: &PortsView) -> Markup {
    html! {
        section.card.stack id="ports" aria-labelledby="ports-head" {
            (kit::heading("ports-head", viewer, words::PORTS, ""))
            div.stack id="ports-list" {
                @if ports.ports.is_empty() { (kit::empty(viewer.say(words::NO_PORT), None)) }
                @else { p.quiet { (viewer.told(&ports.help)) } }
                @for port in &ports.ports { (one_port(viewer, port)) }
                @if !ports.missing.is_empty() {
                    p { (viewer.say(words::MISSING)) }
                    ul.rows {
                        @for gone in &ports.missing { li { strong { (gone.printer) } " " code { (gone.path) } } }
                    }
                }
            }
            // Without a script it is the page itself that looks again.
            p { a.button id="ports-again" href="/commission" { (viewer.say(words::PORTS_AGAIN)) } }
        }
    }
}

fn one_port(viewer: &Viewer, port: &PortView) -> Markup {
    html! {
        label.port id=(format!("port-{}", port.device)) data-free[port.may_be_probed] {
            input type="radio" name="port" form="probe" value=(port.path) disabled[!port.may_be_probed];
            span {
                code { (port.path) }
                @if port.path != port.device { " " span.quiet { (port.device) } }
                @if let Some(usb) = &port.usb {
                    br;
                    @if let Some(maker) = &usb.maker { (maker) " " }
                    @if let Some(called) = &usb.called { (called) " " }
                    span.quiet {
                        (usb.vendor) ":" (usb.product)
                        @if let Some(serial) = &usb.serial { " · " (serial) }
                        " · " (usb.socket)
                    }
                }
                br;
                @match &port.printer {
                    Some(printer) => {
                        a href=(format!("/printers/{printer}")) { (printer) }
                        " · " (viewer.told(&port.words))
                    }
                    None => (viewer.told(&port.words)),
                }
                @if !port.stays && port.may_be_probed { br; span.old { (viewer.say(words::NOT_LASTING)) } }
            }
        }
    }
}

fn probe(viewer: &Viewer) -> Markup {
    html! {
        section.card.stack id="asking" aria-labelledby="asking-head" {
            (kit::heading("asking-head", viewer, words::PROBE, ""))
            @if viewer.may(Permission::QualifyPrinters) {
                p.quiet { (viewer.say(words::PROBE_IS)) }
                form.named.plain id="probe" {
                    label.field {
                        span { (viewer.say(words::SPEED)) }
                        select name="baud" {
                            option value="" { (viewer.say(words::SPEED_ANY)) }
                            @for speed in SPEEDS { option value=(speed) { (speed) } }
                        }
                    }
                    // A port of the machine's own, or a link that somebody made, is not in the list.
                    label.field.wide {
                        span { (viewer.say(words::OTHER_PORT)) }
                        input id="other-port" maxlength="400" autocomplete="off" spellcheck="false";
                    }
                    (kit::tick("measure", viewer.say(words::MEASURE), false))
                    button id="probe-ask" { (viewer.say(words::ASK)) }
                    button id="probe-skip" type="button" { (viewer.say(words::ASK_NOT)) }
                }
                div.stack id="probe-said" role="status" {}
            }
            @else {
                form id="probe" hidden {}
                p.quiet { (viewer.say(words::NOT_MAINTENANCE)) }
            }
        }
    }
}

/// How a field is typed, and what it becomes.
#[derive(Clone, Copy)]
enum Typed {
    Text,
    Whole,
    Decimal,
    /// One end of a pair.
    End(u8),
    /// As usual, yes or no.
    Choice,
}

/// Keys of a section, as the API has them.
const FIELDS: &[(&str, Text, Typed)] = &[
    ("model", words::MODEL, Typed::Text),
    ("hotend_max", words::HOTEND_MAX, Typed::Whole),
    ("bed_max", words::BED_MAX, Typed::Whole),
    ("chamber_max", words::CHAMBER_MAX, Typed::Whole),
    ("build_x", words::BUILD_X_LOW, Typed::End(0)),
    ("build_x", words::BUILD_X_HIGH, Typed::End(1)),
    ("build_y", words::BUILD_Y_LOW, Typed::End(0)),
    ("build_y", words::BUILD_Y_HIGH, Typed::End(1)),
    ("build_height", words::BUILD_HEIGHT, Typed::Whole),
    ("beside_plate", words::BESIDE_PLATE, Typed::Whole),
    ("nozzle", words::NOZZLE, Typed::Decimal),
    ("filament", words::FILAMENT, Typed::Decimal),
    ("longest_job_h", words::LONGEST_JOB, Typed::Whole),
    ("rx_buffer", words::RX_BUFFER, Typed::Whole),
    ("command_buffer", words::COMMAND_BUFFER, Typed::Whole),
    ("arcs", words::ARCS, Typed::Choice),
    ("unattended", words::UNATTENDED, Typed::Choice),
    ("fixed_plug", words::FIXED_PLUG, Typed::Choice),
];

/// What counts where a field is empty, as the configuration has it.
fn usual(viewer: &Viewer, key: &str) -> Option<String> {
    let heat = HeatLimits::USUAL;
    let number = match key {
        "hotend_max" => heat.hotend_max,
        "bed_max" => heat.bed_max,
        "chamber_max" => heat.chamber_max,
        "rx_buffer" => 128,
        "beside_plate" | "command_buffer" => 0,
        "build_x" | "build_y" | "build_height" | "nozzle" | "filament" | "longest_job_h" => {
            return Some(viewer.say(words::NOT_CHECKED).to_owned());
        }
        _ => {
            let word = match key {
                "kind" => words::FDM,
                "console" => words::CONSOLE_READ,
                "arcs" => words::ARCS_UNKNOWN,
                "unattended" => common::YES,
                "fixed_plug" => common::NO,
                _ => return None,
            };
            return Some(viewer.say(word).to_owned());
        }
    };
    Some(number.to_string())
}

/// The choice of what is usual, which says what that is.
fn as_usual(viewer: &Viewer, key: &str) -> Markup {
    html! {
        option value="" {
            @match usual(viewer, key) {
                Some(what) => (viewer.fill(words::AS_DEFAULT_IS, &[("what", &what)])),
                None => (viewer.say(words::AS_DEFAULT)),
            }
        }
    }
}

fn field(viewer: &Viewer, key: &str, label: Text, typed: Typed) -> Markup {
    let (kind, becomes) = match typed {
        Typed::Text => ("text", "text"),
        Typed::Whole | Typed::Decimal => ("number", "number"),
        Typed::End(_) => ("number", "pair"),
        Typed::Choice => ("", "yes"),
    };
    let place = if let Typed::End(place) = typed { Some(place) } else { None };
    let step = match typed {
        Typed::Whole | Typed::End(_) => Some("1"),
        Typed::Decimal => Some("any"),
        Typed::Text | Typed::Choice => None,
    };
    html! {
        label.field {
            span { (viewer.say(label)) }
            @if matches!(typed, Typed::Choice) {
                select name=(key) data-as=(becomes) {
                    (as_usual(viewer, key))
                    option value="true" { (viewer.say(common::YES)) }
                    option value="false" { (viewer.say(common::NO)) }
                }
            }
            @else {
                input type=(kind) name=(key) data-as=(becomes) data-place=[place] step=[step] maxlength="80"
                    placeholder=[usual(viewer, key)];
            }
            (mistake(key, place))
        }
    }
}

/// Where it is said what is wrong with a key, once for both ends of a pair.
fn mistake(key: &str, place: Option<u8>) -> Markup {
    html! { @if place != Some(1) { small.mistake data-of=(key) role="status" {} } }
}

fn choices(viewer: &Viewer, key: &str, label: Text, all: &[(&str, Text)]) -> Markup {
    html! {
        label.field {
            span { (viewer.say(label)) }
            select name=(key) data-as="text" {
                (as_usual(viewer, key))
                @for (word, says) in all { option value=(word) { (viewer.say(*says)) } }
            }
            (mistake(key, None))
        }
    }
}

fn limits(viewer: &Viewer, kinds: &[ProfileView]) -> Markup {
    html! {
        section.card.stack id="limits" aria-labelledby="limits-head" {
            (kit::heading("limits-head", viewer, words::LIMITS, ""))
            p.quiet { (viewer.say(words::LIMITS_ARE)) }
            p.quiet id="limits-wait" hidden { (viewer.say(words::ASK_FIRST)) }
            form.plain.stack id="section" {
                fieldset.plain.stack id="limits-fields" {
                    label.field {
                        span { (viewer.say(words::LIKE)) }
                        select id="like" {
                            option value="" { (viewer.say(words::LIKE_NONE)) }
                            @for kind in kinds { (one_kind(viewer, kind)) }
                        }
                    }
                    div.fields {
                        label.field {
                            span { (viewer.say(words::NAME)) }
                            input name="name" data-as="text" required maxlength=(SLUG_MAX) pattern=(SLUG_PATTERN)
                                title=(viewer.say(settings::SLUG_HINT)) autocomplete="off" spellcheck="false";
                            small { (viewer.say(words::NAME_HINT)) }
                            (mistake("name", None))
                        }
                        label.field.wide {
                            span { (viewer.say(words::PORT)) }
                            input name="port" data-as="text" required maxlength="400" autocomplete="off"
                                spellcheck="false";
                            (mistake("port", None))
                        }
                        label.field {
                            span { (viewer.say(words::SPEED)) }
                            input type="number" name="baud" data-as="number" step="1" min="1" max=(u32::MAX) required;
                            (mistake("baud", None))
                        }
                        (choices(viewer, "kind", words::KIND, &[("fdm", words::FDM), ("resin", words::RESIN)]))
                        @for (key, label, typed) in FIELDS { (field(viewer, key, *label, *typed)) }
                        label.field {
                            span { (viewer.say(words::FIRMWARE)) }
                            input name="firmware" data-as="text" maxlength="40" autocomplete="off"
                                spellcheck="false";
                            small { (viewer.say(words::FIRMWARE_HINT)) }
                            (mistake("firmware", None))
                        }
                        (choices(viewer, "console", words::CONSOLE, &[
                            ("off", words::CONSOLE_OFF),
                            ("read", words::CONSOLE_READ),
                            ("service", words::CONSOLE_SERVICE),
                        ]))
                    }
                }
            }
        }
    }
}

fn one_kind(viewer: &Viewer, kind: &ProfileView) -> Markup {
    let own = kind.source == "configuration";
    let settings = serde_json::to_string(&kind.settings).unwrap_or_default();
    html! {
        option value=(kind.called) data-settings=(settings) data-model=(kind.model) {
            (kind.called) @if own { " (" (viewer.say(words::AS_ONE)) ")" }
        }
    }
}

fn check(viewer: &Viewer) -> Markup {
    html! {
        section.card.stack id="check" aria-labelledby="check-head" {
            (kit::heading("check-head", viewer, words::CHECK, ""))
            @if viewer.may(Permission::Settings) {
                p.quiet { (viewer.say(words::CHECK_IS)) }
                p.buttons {
                    button.first type="submit" form="section" id="check-it" { (viewer.say(words::CHECK_IT)) }
                }
                div.stack id="check-said" role="status" {}
                pre.to-sign id="section-text" tabindex="0" hidden {}
                p.buttons id="check-then" hidden {
                    button type="button" id="save-it" { (viewer.say(words::SAVE_IT)) }
                    button type="button" id="copy-it" { (viewer.say(words::COPY)) }
                }
                p.quiet { (viewer.say(words::RESTART)) }
            }
            @else { p.quiet { (viewer.say(words::NOT_SETTINGS)) } }
        }
    }
}

fn test(viewer: &Viewer) -> Markup {
    let printers: Vec<_> = viewer.app.config.printers.iter().map(|printer| printer.name.as_str()).collect();
    let choices: Vec<(&str, String)> = printers.iter().map(|name| (*name, (*name).to_owned())).collect();
    let sends = || Sends {
        done: Some(viewer.say(words::TEST_QUEUED)),
        ask: Some(viewer.say(words::TEST_SURE)),
        ..Sends::new("test-print", "POST /v1/commissioning/test-print", viewer.say(words::TEST_PRINT))
    };
    let material = Field::text("material", viewer.say(common::MATERIAL))
        .most(Label::MOST)
        .hint(viewer.say(words::MATERIAL_HINT));
    html! {
        section.card.stack id="test" aria-labelledby="test-head" {
            (kit::heading("test-head", viewer, words::TEST, ""))
            p.quiet { (viewer.say(words::TEST_IS)) }
            @if printers.is_empty() { (kit::empty(viewer.say(words::NO_PRINTER_YET), None)) }
            @else {
                @if viewer.may(Permission::QualifyPrinters) {
                    (sends().form(viewer, html! {
                        (Field::text("printer", viewer.say(common::PRINTER)).required().choice(&choices))
                        (material.input())
                    }))
                }
                p {
                    (viewer.say(words::ITS_PAGE)) " "
                    @for (place, name) in printers.iter().enumerate() {
                        @if place > 0 { " · " }
                        a href=(format!("/printers/{name}")) { (name) }
                    }
                }
            }
        }
    }
}
