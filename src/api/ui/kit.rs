//! What pages are put together from: buttons and forms that send to the API, states with their marks, bars, times.
//!
//! A form that sends (`data-send="POST /v1/…"`) is turned into the JSON of that route by `send.js`: `name="about.side"`
//! is a field in an object, `data-as` says what it is (`number`, `yes`, `list`, `lines`), and what is empty is left
//! out. Only `/do/…` forms work without a script; stopping is one of them.

use maud::{Markup, html};
use serde_json::Value;
use std::ops::RangeInclusive;

use super::signing;
use super::viewer::Viewer;
use super::words::{Text, common};
use crate::domain::ids::{SLUG_MAX, SLUG_PATTERN};
use crate::domain::quality::words as free;

/// What a field for a day takes: years of four digits, as the API writes days.
const DAYS: (&str, &str) = ("0001-01-01", "9999-12-31");
/// The same with a time; clocks begin in 1970.
pub const MINUTES: (&str, &str) = ("1970-01-01T00:00", "9999-12-30T23:59");

/// The stop of one printer, or of all: pressed and held where there is a script, pressed where there is none.
pub fn stop(viewer: &Viewer, printer: Option<&str>) -> Markup {
    let (id, label, name) = match printer {
        Some(name) => (
            format!("stop-{name}"),
            viewer.say(common::STOP),
            viewer.fill(common::STOP_ONE, &[("printer", &name)]),
        ),
        None => ("stop-all".into(), viewer.say(common::STOP_ALL), viewer.say(common::STOP_ALL).to_owned()),
    };
    html! {
        form.stops method="post" action=(viewer.to("/do/stop")) {
            @if let Some(printer) = printer { input type="hidden" name="printer" value=(printer); }
            input type="hidden" name="by" value="";
            button.stop id=(id) aria-label=(name) title=(viewer.say(common::HOLD_TO_STOP)) { (label) }
        }
    }
}

/// A state in words, with a mark whose shape says the same: colour only repeats it.
pub fn state(viewer: &Viewer, word: &str) -> Markup {
    html! { span.state data-state=(plain(word)) { (mark(word)) (viewer.state(word)) } }
}

/// The first word of a state, as styles have it.
fn plain(word: &str) -> String {
    word.split(": ").next().unwrap_or_default().trim_start_matches("a ").replace([' ', '_'], "-")
}

/// A small shape: round is well, a triangle runs, bars rest, a square has ended, a diamond wants somebody, and rays are
/// light.
pub fn mark(word: &str) -> Markup {
    let path = match plain(word).as_str() {
        "ready" | "printed" | "released" | "accepted" | "approved" | "qualified" | "open" => {
            "M8 2a6 6 0 1 0 .01 0z"
        }
        "printing" | "finishing" | "slicing" | "in-production" | "in-design" | "being-designed" => {
            "M3 2l11 6-11 6z"
        }
        "paused" | "on-hold" | "cancelling" => "M3 2h4v12H3zM9 2h4v12H9z",
        "stopped" | "faulted" | "failed" | "rejected" | "recalled" | "blocked" | "interrupted"
        | "scrapped" | "cancelled" | "not-sliced" => "M2 5l3-3 3 3 3-3 3 3-3 3 3 3-3 3-3-3-3 3-3-3 3-3z",
        "quarantined"
        | "in-quarantine"
        | "suspect"
        | "in-rework"
        | "rework"
        | "awaiting-inspection"
        | "awaiting-approval" => "M8 1l7 7-7 7-7-7z",
        "lit" => {
            "M8 0l1.5 4 4-1.6L11.9 6.5 16 8l-4.1 1.5 1.6 4.1-4-1.6L8 16l-1.5-4-4 1.6 1.6-4.1L0 8l4.1-1.5-1.6-4.1 4 1.6z"
        }
        "dark" => "M10.5 2a6 6 0 1 0 4 9.5A7 7 0 0 1 10.5 2z",
        "offline" | "connecting" => "M8 2a6 6 0 1 0 .01 0zM8 4.5a3.5 3.5 0 1 1-.01 0z",
        _ => "M3 3h10v10H3z",
    };
    html! { svg.mark viewBox="0 0 16 16" aria-hidden="true" { path d=(path) fill-rule="evenodd" {} } }
}

/// How far something is, 0 to 100.
pub fn bar(viewer: &Viewer, percent: f64, label: &str) -> Markup {
    html! {
        div.progress {
            progress max="100" value=(format!("{percent:.1}")) aria-label=(label) {}
            span { (viewer.number(percent, 1)) " %" }
        }
    }
}

/// A sentence whose `commands` are to be typed as they stand.
pub fn coded(sentence: &str) -> Markup {
    // One backtick alone is none of ours.
    let is_paired = sentence.matches('`').count().is_multiple_of(2);
    let pieces = sentence.split('`').enumerate();
    html! {
        @if !is_paired { (sentence) } @else {
            @for (at, piece) in pieces { @if at % 2 == 1 { code { (piece) } } @else { (piece) } }
        }
    }
}

/// What an empty page says: that it is, and what to do next.
pub fn empty(words: &str, next: Option<Markup>) -> Markup {
    html! { div.empty { p { (words) } @if let Some(next) = next { p { (next) } } } }
}

/// A form that sends to a route of the API.
#[derive(Debug)]
pub struct Sends<'s> {
    pub id: &'s str,
    /// `POST /v1/queue/abc`
    pub to: &'s str,
    /// What its button says.
    pub label: &'s str,
    /// Fields that nobody fills in.
    pub fixed: Value,
    /// What is said when it was done.
    pub done: Option<&'s str>,
    /// What takes it back: a route and its body.
    pub undo: Option<(&'s str, Value)>,
    /// The field that was sent, which the undo has as its `was`: nothing is taken back that somebody else has changed
    /// since. Several with commas are an object; empty is all of what was sent.
    pub undo_was: Option<&'s str>,
    /// Asked before it is sent.
    pub ask: Option<&'s str>,
    /// Where to go then; `{field}` is one of the answer's.
    pub then: Option<&'s str>,
    /// Where what is signed is shown (`to-sign`): its text is shown, and digest and password are sent along.
    pub sign: Option<&'s str>,
    /// The field that the digest goes into, where that is not `digest`.
    pub sign_at: Option<&'s str>,
}

impl<'s> Sends<'s> {
    pub const fn new(id: &'s str, to: &'s str, label: &'s str) -> Self {
        Self {
            id,
            to,
            label,
            fixed: Value::Null,
            done: None,
            undo: None,
            undo_was: None,
            ask: None,
            then: None,
            sign: None,
            sign_at: None,
        }
    }

    /// With these fields in it.
    pub fn form(self, viewer: &Viewer, fields: Markup) -> Markup {
        let fixed = (!self.fixed.is_null()).then(|| self.fixed.to_string());
        let undo = self.undo.map(|(to, body)| {
            let mut undo = serde_json::json!({ "to": to, "body": body });
            if let Some(was) = self.undo_was {
                undo["was"] = was.into();
            }
            undo.to_string()
        });
        let labels = self.sign.map(|_| signing::labels(viewer));
        html! {
            form.sends id=(self.id) data-send=(self.to) data-fixed=[fixed] data-done=[self.done] data-undo=[undo]
                data-ask=[self.ask] data-then=[self.then] data-sign=[self.sign] data-sign-at=[self.sign_at]
                data-labels=[labels] {
                (fields)
                button id=(format!("{}-send", self.id)) { (self.label) }
                // What is wrong with it is said by send.js, here and at the top.
                p.said-here id=(format!("{}-said", self.id)) role="alert" data-keep {}
            }
        }
    }

    /// A button and nothing else.
    pub fn button(self, viewer: &Viewer) -> Markup {
        self.form(viewer, html! {})
    }
}

/// A field with its label above it.
#[derive(Debug)]
pub struct Field<'f> {
    pub name: &'f str,
    pub label: &'f str,
    pub value: &'f str,
    /// `text`, `number`, `date`, `datetime-local`, `password`, `search`.
    pub kind: &'f str,
    /// `number`, `yes`, `list`, `lines`: what it becomes in JSON; text where empty.
    pub becomes: &'f str,
    pub required: bool,
    pub hint: &'f str,
    /// At most so many characters, as the API takes them.
    pub most: usize,
    /// The lowest and the highest number.
    pub range: Option<(f64, f64)>,
    /// The first and the last time, as the browser writes them.
    pub within: Option<(&'f str, &'f str)>,
    /// Numbers without a fraction.
    pub whole: bool,
    /// What a text has to look like, and that in words.
    pub pattern: Option<(&'f str, &'f str)>,
}

impl<'f> Field<'f> {
    pub const fn text(name: &'f str, label: &'f str) -> Self {
        Self {
            name,
            label,
            value: "",
            kind: "text",
            becomes: "",
            required: false,
            hint: "",
            most: free::Text::MOST,
            range: None,
            within: None,
            whole: false,
            pattern: None,
        }
    }

    pub const fn number(name: &'f str, label: &'f str) -> Self {
        Self { kind: "number", becomes: "number", ..Self::text(name, label) }
    }

    /// A day of the calendar.
    pub const fn day(name: &'f str, label: &'f str) -> Self {
        Self { kind: "date", ..Self::text(name, label) }
    }

    /// At most so many characters.
    pub const fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Whole numbers from the one to the other.
    pub fn whole(mut self, least: i32, most: u32) -> Self {
        (self.whole, self.range) = (true, Some((f64::from(least), f64::from(most))));
        self
    }

    /// Numbers from the one to the other.
    pub const fn between(mut self, range: &RangeInclusive<f64>) -> Self {
        self.range = Some((*range.start(), *range.end()));
        self
    }

    /// A name that stands in addresses: small letters, digits and `-`.
    pub const fn slug(self, says: &'f str) -> Self {
        self.most(SLUG_MAX).pattern(SLUG_PATTERN, says)
    }

    /// What it has to look like, and that in words.
    pub const fn pattern(mut self, pattern: &'f str, says: &'f str) -> Self {
        self.pattern = Some((pattern, says));
        self
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub const fn value(mut self, value: &'f str) -> Self {
        self.value = value;
        self
    }

    pub const fn hint(mut self, hint: &'f str) -> Self {
        self.hint = hint;
        self
    }

    pub fn input(&self) -> Markup {
        let becomes = (!self.becomes.is_empty()).then_some(self.becomes);
        let is_number = self.kind == "number";
        let (least, most) = match (self.range, self.kind) {
            (Some((least, most)), _) => (Some(least.to_string()), Some(most.to_string())),
            (None, kind) => {
                let usual = match kind {
                    "date" => Some(DAYS),
                    "datetime-local" => Some(MINUTES),
                    _ => None,
                };
                let (first, last) = self.within.or(usual).unzip();
                (first.map(str::to_owned), last.map(str::to_owned))
            }
        };
        html! {
            label.field {
                span { (self.label) }
                input type=(self.kind) name=(self.name) value=(self.value) required[self.required] data-as=[becomes]
                    step=[is_number.then_some(if self.whole { "1" } else { "any" })] min=[least] max=[most]
                    maxlength=[(self.kind == "text").then_some(self.most)]
                    pattern=[self.pattern.map(|(pattern, _)| pattern)] title=[self.pattern.map(|(_, says)| says)];
                @if !self.hint.is_empty() { small { (self.hint) } }
            }
        }
    }

    /// A choice among words; each with what it says.
    pub fn choice(&self, choices: &[(&str, String)]) -> Markup {
        html! {
            label.field {
                span { (self.label) }
                select name=(self.name) required[self.required] {
                    @for (word, says) in choices { option value=(word) selected[*word == self.value] { (says) } }
                }
                @if !self.hint.is_empty() { small { (self.hint) } }
            }
        }
    }
}

/// What is true or not.
pub fn tick(name: &str, label: &str, on: bool) -> Markup {
    html! { label.tick { input type="checkbox" name=(name) data-as="yes" checked[on]; span { (label) } } }
}

/// A heading of a section, with a number or a word beside it.
pub fn heading(id: &str, viewer: &Viewer, text: Text, beside: &str) -> Markup {
    html! { h2 id=(id) { (viewer.say(text)) @if !beside.is_empty() { " " small { (beside) } } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_with_a_reason_has_the_mark_of_the_state() {
        assert_eq!(plain("in rework: too thin"), "in-rework");
        assert_eq!(mark("paused").into_string(), mark("on hold: no images").into_string());
        assert_ne!(mark("printing").into_string(), mark("ready").into_string());
    }

    #[test]
    fn what_is_typed_as_it_stands_looks_so() {
        assert_eq!(coded("look at `ls <x>`").into_string(), "look at <code>ls &lt;x&gt;</code>");
        assert_eq!(coded("a ` alone").into_string(), "a ` alone");
    }

    #[test]
    fn a_field_has_the_bounds_of_what_the_api_reads_from_it() {
        let text = |field: Field<'_>| field.input().into_string();
        assert!(text(Field::text("why", "")).contains("maxlength=\"280\""), "a reason has no more");
        assert!(text(Field::day("on", "")).contains("min=\"0001-01-01\" max=\"9999-12-31\""));
        let grams = text(Field::number("grams", "").between(&(0.0..=1e6)));
        assert!(grams.contains("step=\"any\" min=\"0\" max=\"1000000\""), "{grams}");
        let slot = text(Field::number("slot", "").whole(0, 7));
        assert!(slot.contains("step=\"1\" min=\"0\" max=\"7\""), "{slot}");
        let name = text(Field::text("name", "").slug("small letters"));
        assert!(name.contains("maxlength=\"64\"") && name.contains("title=\"small letters\""), "{name}");
    }
}
