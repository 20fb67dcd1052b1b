//! The page at `/queue`.

use maud::html;

use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::queue as words;

pub(super) fn content(viewer: Viewer, _: Ask) -> Answer {
    Box::pin(async move {
        let head = Piece::new("head", html! { div.head id="head" { h1 { (viewer.say(words::TITLE)) } } });
        Ok(Content::new(viewer.say(words::TITLE), vec![head]))
    })
}
