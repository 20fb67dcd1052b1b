//! What is said on a case, by people and by platen, and where one writes.

use maud::{Markup, html};

use super::{Known, section};
use crate::api::quality::shapes::MessageView;
use crate::api::ui::kit::Sends;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::cases as words;
use crate::domain::people::roles::Permission;

/// So many of the newest are shown; the journal has all.
const SHOWN_MAX: usize = 80;

pub(super) fn messages(viewer: &Viewer, known: &Known) -> Markup {
    let thread = known.thread.as_deref().unwrap_or_default();
    let earlier = thread.len().saturating_sub(SHOWN_MAX);
    let markup = html! {
        @if known.thread.is_some() {
            @if earlier > 0 { p.quiet { (viewer.fill(words::EARLIER_MESSAGES, &[("n", &earlier)])) } }
            @if thread.is_empty() { p.quiet { (viewer.say(words::NO_MESSAGE)) } } @else {
                // It may scroll, and has nothing in it that takes the keyboard.
                ol.thread tabindex="0" aria-labelledby="messages-name" {
                    @for message in thread.iter().skip(earlier) { (one(viewer, message)) }
                }
            }
        }
        @if viewer.may(Permission::WriteMessages) { (write(viewer, known)) }
    };
    // What platen says stands there, too.
    let count = known.thread.as_ref().map_or(known.quality.messages, Vec::len);
    section(viewer, "messages", words::MESSAGES, &count.to_string(), markup)
}

fn one(viewer: &Viewer, message: &MessageView) -> Markup {
    html! {
        li data-notice[message.notice.is_some()] {
            p.quiet {
                strong { (message.by.as_deref().unwrap_or("platen")) } " · " (viewer.when(&message.at))
            }
            p {
                @if message.notice.is_some() { (viewer.told(&message.text)) } @else { (message.text) }
                @for name in &message.mentions { " " span.chip { "@" (name) } }
            }
        }
    }
}

fn write(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/messages", known.token);
    let fields = html! {
        label.field.wide {
            span { (viewer.say(words::MESSAGE)) }
            input name="text" required maxlength="280" autocomplete="off"
                data-ask-dates=(viewer.say(words::LOOKS_LIKE_BIRTH));
            small { (viewer.say(words::NO_NAMES)) }
        }
        label.field {
            span { (viewer.say(words::MENTION)) }
            input name="mentions" data-as="list" list="people" autocomplete="off";
            small { (viewer.say(words::MENTION_HINT)) }
        }
        datalist id="people" { @for name in &known.people { option value=(name) {} } }
    };
    Sends { done: Some(viewer.say(words::WRITTEN)), ..Sends::new("write", &to, viewer.say(words::WRITE)) }
        .form(viewer, fields)
}
