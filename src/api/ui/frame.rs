//! The frame of every page: where one is, who one is, whether it is live, and the stop.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::kit;
use super::pages::Room;
use super::viewer::Viewer;
use super::words::common;
use crate::api::Problem;
use crate::api::door::Asker;

/// When a page loads itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Never,
    /// Where no script keeps it live.
    WithoutScript,
    /// So many seconds. Only its script knows whether somebody does something there: a browser that loads the page again
    /// by itself forgets the stop that it is just sending.
    Every(u32),
}

/// What the journal takes as a name (`domain::lab::person`), as browsers have it.
const NAME_PATTERN: &str = r"[\p{L}\p{N} .\-_@]*";

/// What the scripts say, by their names there.
fn script_words(viewer: &Viewer) -> String {
    let words: serde_json::Map<String, serde_json::Value> = [
        ("live", common::LIVE),
        ("lost", common::LOST),
        ("notLive", common::NOT_LIVE),
        ("stopNotSent", common::STOP_NOT_SENT),
        ("noAnswer", common::NOT_DONE_NO_ANSWER),
        ("nameFirst", common::NAME_FIRST),
        ("hold", common::HOLD_TO_STOP),
        ("longer", common::HOLD_LONGER),
        ("done", common::DONE),
        ("undo", common::UNDO),
        ("undone", common::UNDONE),
        ("todo", common::TO_DO),
        ("cancel", common::CANCEL),
        ("sign", common::SIGN),
        ("signed", common::WHAT_IS_SIGNED),
        ("exactly", common::EXACTLY),
        ("unreadable", common::UNREADABLE),
        ("unreadableField", common::UNREADABLE_FIELD),
        ("signedOut", common::SIGNED_OUT),
        ("signInTab", common::SIGN_IN_TAB),
        ("goOn", common::GO_ON_HERE),
        ("another", common::SOMEBODY_ELSE),
        ("password", common::PASSWORD_TO_SIGN),
        ("yes", common::YES),
        ("close", common::CLOSE),
        ("keys", common::KEYS_HELP),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), viewer.say(text).into()))
    .collect();
    serde_json::Value::Object(words).to_string()
}

/// Whether something on a page does nothing without a script.
fn needs_script(content: &Markup) -> bool {
    content.0.contains(" data-send=") || content.0.contains(" data-use=")
}

/// A whole page. `live`: what [`outline`](super::pieces::outline) says of its pieces, where they change by themselves.
pub fn frame(
    viewer: &Viewer,
    room: Option<Room>,
    title: &str,
    reload: Reload,
    live: Option<&str>,
    content: &Markup,
) -> Markup {
    let (by_script, by_browser) = match reload {
        Reload::Never => (None, None),
        Reload::WithoutScript => (None, Some(10)),
        Reload::Every(seconds) => (Some(seconds), Some(seconds)),
    };
    let (site, node) = (viewer.app.config.site.as_str(), viewer.app.config.node.as_str());
    html! {
        (DOCTYPE)
        html lang=(viewer.language.code()) data-theme=(viewer.theme.word()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (site) " · platen" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/platen.css";
                script type="module" src="/assets/start.js" {}
                @if let Some(seconds) = by_browser {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
            }
            body data-reload=[by_script] data-user=[viewer.asker.name()] data-for=(viewer.asker.mark()) data-version=(assets::version()) data-keys=[(!viewer.keys).then_some("off")]
                data-words=(script_words(viewer)) {
                a.skip href="#page" { (viewer.say(common::SKIP)) }
                header.bar {
                    p.brand { a href="/" { "platen" } small { (site) " · " (node) } }
                    nav aria-label=(viewer.say(common::MAIN_NAVIGATION)) {
                        @for one in Room::ALL.into_iter().filter(|one| viewer.may(one.asks())) {
                            a href=(one.path()) aria-current=[(Some(one) == room).then_some("page")] { (viewer.say(one.name())) }
                        }
                    }
                    div.tools {
                        p #link.link role="status" { (viewer.fill(common::AS_OF, &[("time", &viewer.clock(viewer.now()))])) }
                        @match &viewer.asker {
                            Asker::Known(who) => a.user href="/account" title=(viewer.say(common::ACCOUNT)) { (who.name) },
                            Asker::Stranger => a.user href="/sign-in" { (viewer.say(common::SIGN_IN)) },
                            Asker::Everybody => {
                                label.who hidden { (viewer.say(common::YOUR_NAME)) " " input #who autocomplete="name" maxlength="40"
                                    pattern=(NAME_PATTERN) title=(viewer.say(common::NAME_RULE)); }
                                a.user href="/account" { (viewer.say(common::ACCOUNT)) }
                            },
                        }
                        (kit::stop(viewer, None))
                    }
                    // With the bar it is in view wherever one has scrolled to.
                    p #news.news role="status" aria-live="polite" {}
                }
                main #page tabindex="-1" data-live=[live] {
                    @if needs_script(content) { noscript { p.note data-state="wants" { (viewer.say(common::NEEDS_SCRIPT)) } } }
                    (content)
                }
                dialog #dialog {}
            }
        }
    }
}

/// What is wrong, and what to do.
pub fn problem_words(viewer: &Viewer, problem: &Problem) -> Markup {
    html! {
        p {
            strong { (viewer.told(&problem.title)) ". " }
            (viewer.told(&problem.detail)) ". " (viewer.say(common::TO_DO)) ": " (viewer.told(&problem.help)) "."
        }
    }
}

/// What a page says in place of what was asked for.
pub fn problem_page(viewer: &Viewer, room: Option<Room>, problem: &Problem) -> (StatusCode, Markup) {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content = html! {
        div.told data-failed {
            div #said { (problem_words(viewer, problem)) }
            p { a href="/" { (viewer.say(common::FARM)) } }
        }
    };
    (status, frame(viewer, room, &problem.title, Reload::Never, None, &content))
}
