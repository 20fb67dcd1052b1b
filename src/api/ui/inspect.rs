//! The inspection of a printed part: what its template asks, judged while one types, and decided in one go.
//!
//! The verdicts on the page are by the rule of the domain (`assets/verdict.js`, `tests/browser/verdicts.json`); those
//! that count are platen's, and the page says so where they should ever differ.

use maud::{Markup, html};
use std::fmt::Display;

use super::hands::state_word;
use super::kit;
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::printed::{number, seen_doubts, serial_of, verdict};
use super::viewer::Viewer;
use super::words::{common, hands as words};
use crate::api::Problem;
use crate::api::quality::shapes::PrintedView;
use crate::api::quality::views as quality;
use crate::domain::lab;
use crate::domain::quality::inspection::{Instrument, Item, Measure, PHOTOS_MAX, Template, Weight};
use crate::domain::quality::printed::Serial;
use crate::domain::quality::{Refusal, What};

struct Shown {
    serial: Serial,
    view: PrintedView,
    may_inspect: bool,
    may_coupon: bool,
    /// All versions, the newest of each name first.
    templates: Vec<Template>,
    instruments: Vec<Instrument>,
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let serial = serial_of(&ask)?;
        let shown = gather(&viewer, &serial)?;
        let of_coupon = ask.query("of") == Some("coupon");
        let template = chosen(&shown, &ask);
        let may = if of_coupon { shown.may_coupon } else { shown.may_inspect };
        let mut pieces = vec![head(&viewer, &shown)];
        if !may {
            pieces.push(not_now(&viewer, &shown, of_coupon));
        } else if shown.templates.is_empty() {
            pieces.push(no_template(&viewer));
        } else {
            pieces.push(templates(&viewer, &shown, template, of_coupon));
            pieces.extend(template.map(|template| form(&viewer, &shown, template, of_coupon)));
        }
        Ok(Content::new(viewer.say(words::INSPECT), pieces))
    })
}

fn gather(viewer: &Viewer, serial: &Serial) -> Result<Shown, Problem> {
    viewer.app.recorder.read(|lab| {
        let nothing = || lab::Refusal::from(Refusal::Nothing(What::Printed(serial.clone())));
        let kept = lab.quality.printed.get(serial).ok_or_else(nothing)?;
        let mut templates: Vec<Template> = lab.quality.templates.values().cloned().collect();
        templates.sort_by(|a, b| a.name.cmp(&b.name).then(b.version.cmp(&a.version)));
        Ok(Shown {
            serial: serial.clone(),
            view: quality::printed(lab, kept),
            may_inspect: kept.state.inspect().is_ok(),
            may_coupon: kept.state.inspect_coupon().is_ok(),
            templates,
            instruments: lab.quality.instruments.values().cloned().collect(),
        })
    })
}

/// The template that is asked for, by default the only one there is, or the one of the last inspection.
fn chosen<'s>(shown: &'s Shown, ask: &Ask) -> Option<&'s Template> {
    let newest: Vec<&Template> = newest(shown).collect();
    let version = ask.query("version").and_then(|version| version.parse::<u16>().ok());
    if let Some(name) = ask.query("template") {
        let mut named = shown.templates.iter().filter(|of| of.name.as_str() == name);
        return named.find(|of| version.is_none_or(|version| of.version == version));
    }
    let last = shown.view.inspections.last().map(|of| of.template.as_str());
    let last = newest.iter().find(|of| last == Some(of.name.as_str()));
    last.or_else(|| newest.first().filter(|_| newest.len() == 1)).copied()
}

fn newest(shown: &Shown) -> impl Iterator<Item = &Template> {
    let all = shown.templates.iter().enumerate();
    let first = |index: &usize| index.checked_sub(1).and_then(|before| shown.templates.get(before));
    all.filter(move |(index, of)| first(index).is_none_or(|before| before.name != of.name)).map(|(_, of)| of)
}

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let serial = &shown.serial;
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.fill(words::INSPECTION_OF, &[("serial", serial)])) }
                span.quiet { (shown.view.part_name) }
                (kit::state(viewer, state_word(&shown.view.brief.words)))
                a.button.end href=(format!("/printed/{serial}")) { (viewer.say(common::BACK)) }
            }
        },
    )
}

fn not_now(viewer: &Viewer, shown: &Shown, of_coupon: bool) -> Piece {
    let state = viewer.state(state_word(&shown.view.brief.words));
    let words = viewer.fill(words::NOT_TO_INSPECT, &[("state", &state)]);
    let next = html! {
        a.button href=(format!("/printed/{}", shown.serial)) { (viewer.say(words::GO_TO_PART)) }
        @if !of_coupon && shown.may_coupon {
            " "
            a.button href=(format!("/printed/{}/inspect?of=coupon", shown.serial)) { (viewer.say(words::COUPON)) }
        }
    };
    Piece::new("not-now", html! { div id="not-now" { (kit::empty(&words, Some(next))) } })
}

fn no_template(viewer: &Viewer) -> Piece {
    let next = html! { a href="/settings#templates" { (viewer.say(words::NO_TEMPLATE_NEXT)) } };
    Piece::new(
        "no-template",
        html! { div id="no-template" { (kit::empty(viewer.say(words::NO_TEMPLATE), Some(next))) } },
    )
}

fn templates(viewer: &Viewer, shown: &Shown, chosen: Option<&Template>, of_coupon: bool) -> Piece {
    let of = if of_coupon { "&of=coupon" } else { "" };
    let newest: Vec<&Template> = newest(shown).collect();
    let older: Vec<&Template> = shown.templates.iter().filter(|of| !newest.contains(of)).collect();
    let link = |template: &Template| {
        let (name, version) = (&template.name, template.version);
        let holes: [(&str, &dyn Display); 2] = [("name", name), ("version", &version)];
        let path = format!("/printed/{}/inspect?template={name}&version={version}{of}", shown.serial);
        let is_chosen = chosen == Some(template);
        html! {
            a.button href=(path) aria-current=[is_chosen.then_some("true")] {
                (viewer.fill(words::TEMPLATE_VERSION, &holes))
            }
        }
    };
    let (other, other_path) = if of_coupon {
        (words::THE_PART, format!("/printed/{}/inspect", shown.serial))
    } else {
        (words::COUPON, format!("/printed/{}/inspect?of=coupon", shown.serial))
    };
    Piece::new(
        "templates",
        html! {
            nav.card.stack id="templates" aria-label=(viewer.say(words::TEMPLATE)) {
                @if chosen.is_none() { p { strong { (viewer.say(words::CHOOSE_TEMPLATE)) } } }
                div.buttons { @for template in &newest { (link(template)) } }
                @if !older.is_empty() {
                    details {
                        summary { (viewer.say(words::OLDER_VERSIONS)) }
                        div.buttons { @for template in &older { (link(template)) } }
                    }
                }
                @if of_coupon { p.note { (viewer.say(words::COUPON_NOTE)) } }
                p { a href=(other_path) { (viewer.say(other)) } }
            }
        },
    )
}

/// What the script says, by the names that it has for it.
fn script_words(viewer: &Viewer) -> String {
    let mut all: serde_json::Map<String, serde_json::Value> = [
        ("offBy", words::OFF_BY),
        ("unreadable", words::UNREADABLE),
        ("saved", words::SAVED),
        ("notStepped", words::SAVED_NOT_STEPPED),
        ("mismatch", words::MISMATCH),
        ("toPart", words::GO_TO_PART),
        ("whyNeeded", words::WHY_NEEDED),
        ("photosWait", words::PHOTOS_WAIT),
        ("expired", words::EXPIRED_WARNING),
        ("instrumentNeeded", words::INSTRUMENT_NEEDED),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), viewer.say(text).into()))
    .collect();
    for verdict in ["pass", "flag", "incomplete", "fail"] {
        all.insert(verdict.into(), words::word(viewer.language, verdict).into());
    }
    serde_json::Value::Object(all).to_string()
}

fn form(viewer: &Viewer, shown: &Shown, template: &Template, of_coupon: bool) -> Piece {
    let subject = if of_coupon { "coupon" } else { "part" };
    let needs = template.method.needs_instrument();
    // The script sends it: what is measured is no plain field, and its decision follows its answer.
    Piece::new(
        "inspection",
        html! {
            form.stack id="inspection" method="dialog" data-use="inspect" data-serial=(shown.serial) data-of=(subject)
                data-template=(template.name) data-version=(template.version) data-needs-instrument[needs]
                data-says=(script_words(viewer)) {
                (instruments(viewer, shown, needs))
                section.card aria-labelledby="measure-title" {
                    h2 id="measure-title" {
                        (viewer.say(words::MEASURE)) " "
                        small { (words::word(viewer.language, &method(template))) }
                    }
                    div.measures {
                        @for (index, item) in template.items.iter().enumerate() { (measure(viewer, index, item)) }
                    }
                }
                @if !of_coupon && !shown.view.brief.doubts.is_empty() { (doubts(viewer, shown)) }
                (photos(viewer))
                section.card aria-labelledby="note-title" {
                    h2 id="note-title" { (viewer.say(words::NOTE)) }
                    textarea name="note" maxlength="280" aria-labelledby="note-title" {}
                }
                (result(viewer, of_coupon))
            }
        },
    )
}

fn method(template: &Template) -> String {
    let word = serde_json::to_value(template.method).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn instruments(viewer: &Viewer, shown: &Shown, needs: bool) -> Markup {
    let today = viewer.app.config.zone.day(viewer.now());
    let late = |of: &Instrument| today > of.calibration_due;
    let says = |of: &Instrument| {
        let text = if late(of) { words::INSTRUMENT_EXPIRED } else { words::INSTRUMENT_UNTIL };
        let due = viewer.day(&of.calibration_due.to_string());
        viewer.fill(text, &[("name", &of.name), ("what", &of.what), ("due", &due)])
    };
    // The only one that may be used is the one that is used.
    let good: Vec<&Instrument> = shown.instruments.iter().filter(|of| !late(of)).collect();
    let only = good.first().filter(|_| needs && good.len() == 1).map(|of| &of.name);
    html! {
        section.card aria-labelledby="instrument-title" {
            h2 id="instrument-title" { (viewer.say(words::INSTRUMENT)) }
            @if needs && shown.instruments.is_empty() {
                p.note id="no-instrument" data-state="wants" {
                    (viewer.say(words::INSTRUMENT_NONE)) " "
                    a href="/settings#instruments" { (viewer.say(words::INSTRUMENT_NONE_NEXT)) }
                }
            }
            select.instrument name="instrument" required[needs] aria-labelledby="instrument-title"
                aria-describedby="instrument-said" {
                option value="" { @if !needs { (viewer.say(words::NO_INSTRUMENT)) } }
                @for of in &shown.instruments {
                    option value=(of.name) data-late[late(of)] selected[Some(&of.name) == only] { (says(of)) }
                }
            }
            p #instrument-said.warned {}
        }
    }
}

fn measure(viewer: &Viewer, index: usize, item: &Item) -> Markup {
    let unit = match item.unit {
        Measure::Mm => viewer.say(words::MM),
        Measure::Deg => viewer.say(words::DEG),
        Measure::G => viewer.say(words::G),
        Measure::Percent => viewer.say(words::PERCENT),
        Measure::Yes => "",
    };
    let (word, says) = match item.weight {
        Weight::Fail => ("fail", words::WEIGHT_FAIL),
        Weight::Flag => ("flag", words::WEIGHT_FLAG),
        Weight::Note => ("note", words::WEIGHT_NOTE),
    };
    let shown = |thousandths: i32| number(viewer, f64::from(thousandths) / 1_000.0);
    let (nominal, low, high) = (shown(item.nominal), shown(item.low), shown(item.high));
    let (id, said) = (format!("value-{index}"), format!("said-{index}"));
    let about = format!("about-{index}");
    html! {
        fieldset.measure data-item=(index) data-low=(item.low) data-high=(item.high) data-nominal=(item.nominal)
            data-weight=(word) data-unit=(unit) data-yes[item.unit == Measure::Yes] {
            legend { (item.name) }
            p.quiet id=(about) {
                @if item.unit == Measure::Yes {
                    (viewer.say(words::NOMINAL)) " "
                    (viewer.say(if item.nominal >= 500 { words::ANSWER_YES } else { words::ANSWER_NO }))
                } @else {
                    (viewer.say(words::NOMINAL)) " " (nominal) " " (unit) " · "
                    (viewer.fill(words::LIMITS, &[("low", &low), ("high", &high), ("unit", &unit)]))
                }
                " · " (viewer.say(says))
            }
            @if item.unit == Measure::Yes { (answers(viewer, index)) } @else {
                input.value id=(id) inputmode="decimal" autocomplete="off" maxlength="12" aria-label=(item.name)
                    aria-describedby=(format!("{about} {said}"));
                " " span { (unit) }
            }
            p.said id=(said) {}
        }
    }
}

/// 1 is yes and 0 is no; whoever has not looked leaves it open.
fn answers(viewer: &Viewer, index: usize) -> Markup {
    let choices = [("1", words::ANSWER_YES), ("0", words::ANSWER_NO), ("", words::ANSWER_OPEN)];
    html! {
        div.choices {
            @for (value, text) in choices {
                label.choice {
                    input type="radio" name=(format!("answer-{index}")) value=(value) checked[value.is_empty()]
                        aria-describedby=(format!("about-{index} said-{index}"));
                    span { (viewer.say(text)) }
                }
            }
        }
    }
}

fn doubts(viewer: &Viewer, shown: &Shown) -> Markup {
    let seen = seen_doubts(&shown.view);
    html! {
        fieldset.card.doubts {
            legend { (viewer.say(words::DOUBTS_TO_TICK)) }
            @for doubt in &shown.view.brief.doubts {
                label.tick {
                    input type="checkbox" data-doubt=(doubt.doubt) data-seen[seen.contains(&doubt.doubt)];
                    span {
                        (viewer.told(&doubt.words))
                        @if seen.contains(&doubt.doubt) { " " small { "(" (viewer.say(words::DOUBT_SEEN)) ")" } }
                    }
                }
            }
        }
    }
}

fn photos(viewer: &Viewer) -> Markup {
    let says: serde_json::Map<String, serde_json::Value> = [
        ("goes", words::PHOTO_GOES),
        ("taken", words::PHOTO_TAKEN),
        ("remove", words::PHOTO_REMOVE),
        ("failed", words::PHOTO_FAILED),
        ("full", words::PHOTO_FULL),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), viewer.say(text).into()))
    .collect();
    html! {
        section.card aria-labelledby="photos-title" {
            h2 id="photos-title" { (viewer.say(words::PHOTOS)) }
            p.quiet id="photos-hint" { (viewer.say(words::PHOTOS_HINT)) }
            div.photos id="photos" data-use="photo" data-max=(PHOTOS_MAX)
                data-says=(serde_json::Value::Object(says).to_string()) {
                label.button.take {
                    span { (viewer.say(words::TAKE_PHOTO)) }
                    input.unseen type="file" accept="image/*" capture="environment" aria-describedby="photos-hint";
                }
                p.said role="status" aria-live="polite" {}
            }
        }
    }
}

fn result(viewer: &Viewer, of_coupon: bool) -> Markup {
    html! {
        section.card.result id="result" aria-labelledby="result-title" {
            div {
                h2 id="result-title" { (viewer.say(words::RESULT)) }
                p id="verdict" role="status" aria-live="polite" { (verdict(viewer, "incomplete")) }
            }
            @if !of_coupon {
                label.field {
                    span { (viewer.say(words::WHY_IF)) }
                    input id="why" maxlength="100";
                }
            }
            div.buttons {
                @if !of_coupon {
                    button.first id="save-accept" value="accepted" { (viewer.say(words::SAVE_ACCEPT)) }
                    button id="save-reject" value="rejected" { (viewer.say(words::SAVE_REJECT)) }
                }
                button id="save-only" value="" { (viewer.say(words::SAVE_ONLY)) }
            }
            p id="inspection-said" role="status" aria-live="assertive" {}
        }
    }
}
