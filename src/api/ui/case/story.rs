//! The page at `/cases/{token}/story`: everything that the journal tells of a case, in sentences.

use maud::{Markup, html};

use super::heads;
use crate::api::cases::tale;
use crate::api::shapes::TaleView;
use crate::api::ui::pages::{Answer, Ask, Content};
use crate::api::ui::pieces::Piece;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{audit, cases as words, common};
use crate::domain::ids::CaseToken;

/// Entries on the page, the newest; the API and the record have all.
const SHOWN_MAX: usize = 1_000;

pub(in crate::api::ui) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let case: CaseToken = ask.named("token").parse().map_err(|_| Viewer::missing("case"))?;
        let all = tale(&viewer.app, &case).await?;
        let title = viewer.fill(words::STORY_TITLE, &[("token", &case)]);
        let head = html! {
            div.head id="head" {
                h1 { (viewer.say(words::STORY)) " " code { (case) } }
                p.end { a href=(format!("/cases/{case}")) { (viewer.say(common::BACK)) } }
            }
        };
        Ok(Content::new(title, vec![Piece::new("head", head), Piece::new("story", told(&viewer, &all))]))
    })
}

fn told(viewer: &Viewer, all: &[TaleView]) -> Markup {
    let before = all.len().saturating_sub(SHOWN_MAX);
    html! {
        div.stack id="story" {
            @if before > 0 { p.quiet { (viewer.fill(words::EARLIER_ENTRIES, &[("n", &before)])) } }
            div.scroll {
                table {
                    (heads(viewer, &[words::WHEN, words::WHO, words::WHAT]))
                    tbody {
                        @for entry in all.iter().skip(before) {
                            tr {
                                td { (viewer.when(&entry.at)) }
                                td { (who(viewer, &entry.who)) }
                                td { (viewer.told(&entry.what)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// No name of a person has a space in it.
fn who(viewer: &Viewer, who: &str) -> String {
    match who.strip_prefix("printer ") {
        Some(printer) => viewer.fill(audit::PRINTER_NAMED, &[("printer", &printer)]),
        None => who.to_owned(),
    }
}
