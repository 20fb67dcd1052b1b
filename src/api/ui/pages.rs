//! The table of pages, and the two ways to get one: whole, or live as a stream of what changes on it.
//!
//! ```text
//! GET /printers/mk3 ─▶ row of the table ─▶ content ─▶ frame around all pieces
//! GET /live?at=/printers/mk3 ─▶ the same row ─▶ content, each second ─▶ the pieces that are others than before
//! ```

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::sse::{Event as Message, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::assets;
use super::frame::{Reload, frame, problem_page};
use super::pieces::{Change, Piece, Sent, outline, together};
use super::viewer::Viewer;
use super::words::{Text, common};
use crate::api::{AppState, Problem};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::PrinterName;
use crate::domain::people::roles::Permission;

/// What stands on a page now.
#[derive(Debug)]
pub struct Content {
    /// Of the browser's tab. No patient can be in it: a name of a printer, a token, words of ours.
    pub title: String,
    pub pieces: Vec<Piece>,
    /// Something on it is being made, such as a picture: without a script, look again soon.
    pub soon: bool,
}

impl Content {
    pub fn new(title: impl Into<String>, pieces: Vec<Piece>) -> Self {
        Self { title: title.into(), pieces, soon: false }
    }
}

pub type Answer = Pin<Box<dyn Future<Output = Result<Content, Problem>> + Send>>;

/// What a request asks of a page: what its path names, and what stands behind the question mark.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    named: BTreeMap<&'static str, String>,
    query: BTreeMap<String, String>,
    /// Where the page is, as its links have it.
    pub here: String,
}

impl Ask {
    /// What stands in the path for `{name}`.
    pub fn named(&self, name: &str) -> &str {
        self.named.get(name).map_or("", String::as_str)
    }

    /// What is given behind the question mark; nothing where it is empty.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// The rooms of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Farm,
    Queue,
    Cases,
    Hands,
    Materials,
    Reports,
    People,
    Audit,
    Settings,
}

impl Room {
    pub const ALL: [Self; 9] = [
        Self::Farm,
        Self::Queue,
        Self::Cases,
        Self::Hands,
        Self::Materials,
        Self::Reports,
        Self::People,
        Self::Audit,
        Self::Settings,
    ];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Farm => "/",
            Self::Queue => "/queue",
            Self::Cases => "/cases",
            Self::Hands => "/hands",
            Self::Materials => "/materials",
            Self::Reports => "/reports",
            Self::People => "/people",
            Self::Audit => "/audit",
            Self::Settings => "/settings",
        }
    }

    pub const fn name(self) -> Text {
        match self {
            Self::Farm => common::FARM,
            Self::Queue => common::QUEUE,
            Self::Cases => common::CASES,
            Self::Hands => common::HANDS,
            Self::Materials => common::MATERIALS,
            Self::Reports => common::REPORTS,
            Self::People => common::PEOPLE,
            Self::Audit => common::AUDIT,
            Self::Settings => common::SETTINGS,
        }
    }

    /// What its page asks.
    pub fn asks(self) -> Permission {
        PAGES.iter().find(|page| page.path == self.path()).map_or(Permission::Look, |page| page.asks)
    }
}

/// How often a page that is open is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It stands still until it is loaded again.
    Still,
    /// Each second, if a printer or the journal has moved.
    Second,
    /// At most every three seconds, if the journal has moved: what is dear to make.
    Calm,
}

/// A row of the table.
#[derive(Debug)]
pub struct Page {
    /// As the router has it.
    pub path: &'static str,
    pub room: Option<Room>,
    pub asks: Permission,
    pub pace: Pace,
    pub content: fn(Viewer, Ask) -> Answer,
}

/// Every page that has the frame of the navigation around it.
#[rustfmt::skip]
pub const PAGES: &[Page] = &[
    Page { path: "/", room: Some(Room::Farm), asks: Permission::Look, pace: Pace::Second, content: super::farm::content },
    Page { path: "/printers/{name}", room: Some(Room::Farm), asks: Permission::Look, pace: Pace::Second, content: super::printer::content },
    Page { path: "/commission", room: Some(Room::Farm), asks: Permission::Look, pace: Pace::Still, content: super::commission::content },
    Page { path: "/queue", room: Some(Room::Queue), asks: Permission::Look, pace: Pace::Calm, content: super::queue::content },
    Page { path: "/queue/new", room: Some(Room::Queue), asks: Permission::Queue, pace: Pace::Still, content: super::new_job::content },
    Page { path: "/cases", room: Some(Room::Cases), asks: Permission::Look, pace: Pace::Calm, content: super::cases::content },
    Page { path: "/cases/{token}", room: Some(Room::Cases), asks: Permission::Look, pace: Pace::Calm, content: super::case::content },
    Page { path: "/cases/{token}/story", room: Some(Room::Cases), asks: Permission::ReadMessages, pace: Pace::Still, content: super::case::story },
    Page { path: "/hands", room: Some(Room::Hands), asks: Permission::Look, pace: Pace::Calm, content: super::hands::content },
    Page { path: "/printed/{serial}", room: Some(Room::Hands), asks: Permission::Look, pace: Pace::Calm, content: super::printed::content },
    Page { path: "/printed/{serial}/inspect", room: Some(Room::Hands), asks: Permission::Inspect, pace: Pace::Still, content: super::inspect::content },
    Page { path: "/materials", room: Some(Room::Materials), asks: Permission::Look, pace: Pace::Calm, content: super::materials::content },
    Page { path: "/materials/{lot}", room: Some(Room::Materials), asks: Permission::Look, pace: Pace::Calm, content: super::lot::content },
    Page { path: "/reports", room: Some(Room::Reports), asks: Permission::ReadReports, pace: Pace::Still, content: super::reports::content },
    Page { path: "/people", room: Some(Room::People), asks: Permission::ManageUsers, pace: Pace::Calm, content: super::people::content },
    Page { path: "/audit", room: Some(Room::Audit), asks: Permission::ReadAudit, pace: Pace::Still, content: super::audit::content },
    Page { path: "/settings", room: Some(Room::Settings), asks: Permission::Look, pace: Pace::Calm, content: super::settings::content },
];

pub(super) fn routes() -> Router<AppState> {
    let router = Router::new().route("/live", get(live));
    PAGES.iter().fold(router, |router, page| {
        router.route(page.path, get(move |viewer, uri, query| show(page, viewer, uri, query)))
    })
}

/// The parts of a path that a row names, if it is a path of that row. Names in paths are plain: nothing is decoded.
fn named(row: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let mut named = BTreeMap::new();
    let (mut wanted, mut given) = (row.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(named),
            (Some(want), Some(part)) => {
                match want.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) if !part.is_empty() => {
                        named.insert(name, part.to_owned());
                    }
                    None if want == part => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

/// Whether a path is one of the table's.
pub(super) fn is_page(path: &str) -> bool {
    PAGES.iter().any(|page| named(page.path, path).is_some())
}

async fn show(
    page: &'static Page,
    viewer: Viewer,
    uri: Uri,
    query: Result<Query<BTreeMap<String, String>>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let here = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let ask = Ask { named: named(page.path, uri.path()).unwrap_or_default(), query, here };
    match (page.content)(viewer.clone(), ask).await {
        Ok(content) => {
            let outline = outline(&content.pieces);
            let reload = match page.pace {
                Pace::Still if !content.soon => Reload::Never,
                Pace::Still => Reload::Every(2),
                Pace::Second | Pace::Calm => Reload::WithoutScript,
            };
            let live = (page.pace != Pace::Still).then_some(outline.as_str());
            let page = frame(&viewer, page.room, &content.title, reload, live, &together(&content.pieces));
            // Asked for before a line of the page is read: nothing is painted without it.
            ([(header::LINK, "</assets/platen.css>; rel=preload; as=style")], page).into_response()
        }
        Err(problem) => problem_page(&viewer, page.room, &problem).into_response(),
    }
}

/// Which page is to be live, and what the browser has of it.
#[derive(Debug, Deserialize)]
pub(super) struct Live {
    /// Its path, with what stands behind the question mark.
    at: String,
    #[serde(default)]
    have: String,
}

/// Something is said this often, so that the page knows that it is live.
const HEARTBEAT: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two makings of a calm page.
const CALM_TICKS: u32 = 3;

struct Follower {
    viewer: Viewer,
    page: &'static Page,
    ask: Ask,
    sent: Sent,
    /// What the browser says that it has, until the first making.
    have: String,
    beat: Interval,
    news: Receiver<Arc<Event>>,
    /// What the page was made of the last time.
    made_of: u64,
    since_made: u32,
    ticks_quiet: u32,
    first: bool,
    _place: OwnedSemaphorePermit,
}

async fn live(
    State(app): State<AppState>,
    viewer: Viewer,
    query: Result<Query<Live>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let unknown = || Viewer::missing("page");
    let Query(asked) = query.map_err(|_| unknown())?;
    let uri: Uri = asked.at.parse().map_err(|_| unknown())?;
    let found = PAGES.iter().find_map(|page| Some((page, named(page.path, uri.path())?)));
    let (page, named) = found.filter(|(page, _)| page.pace != Pace::Still).ok_or_else(unknown)?;
    viewer.asker.may(page.asks)?;
    let Query(query) = Query::try_from_uri(&uri).unwrap_or_default();
    let mut beat = interval(TICK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        page,
        ask: Ask { named, query, here: asked.at },
        sent: Sent::default(),
        have: asked.have,
        beat,
        news: app.recorder.subscribe(),
        made_of: 0,
        since_made: 0,
        ticks_quiet: 0,
        first: true,
        _place: app.streams.page()?,
        viewer,
    };
    let stream = stream::unfold(follower, |mut follower| async move {
        let messages = follower.next().await?;
        Some((stream::iter(messages.into_iter().map(Ok::<_, Infallible>)), follower))
    })
    .flatten()
    .take_until(app.shutdown.clone().cancelled_owned());
    let mut headers = HeaderMap::new();
    headers.insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok((headers, Sse::new(stream)).into_response())
}

impl Follower {
    /// The next messages; `None` where whoever follows is not let in any more, or the page is not there any more.
    async fn next(&mut self) -> Option<Vec<Message>> {
        loop {
            self.beat.tick().await;
            if let crate::api::door::Asker::Known(who) = &self.viewer.asker
                && !self.viewer.app.entrance.lasts(who)
            {
                return None;
            }
            let mut messages = self.news();
            if self.first {
                // Another platen's page may be another, and so may be whoever is signed in.
                let hello = format!("{} {}", assets::version(), self.viewer.asker.mark());
                messages.push(Message::default().event("hello").data(hello.trim_end()));
            }
            if self.is_due() {
                let content = (self.page.content)(self.viewer.clone(), self.ask.clone()).await.ok()?;
                if self.first && outline(&content.pieces) == self.have {
                    self.sent = Sent::outside(&content.pieces);
                }
                let message = match self.sent.change(&content.pieces) {
                    Change::Nothing => None,
                    Change::Some(patches) => Message::default().event("pieces").json_data(&patches).ok(),
                    Change::All(html) => Message::default().event("all").json_data(&html).ok(),
                };
                messages.extend(message);
            }
            self.first = false;
            self.ticks_quiet += 1;
            if messages.is_empty() && u64::from(self.ticks_quiet) >= HEARTBEAT.as_secs() {
                // A browser passes on no message without data.
                messages.push(Message::default().event("alive").data("yes"));
            }
            if !messages.is_empty() {
                self.ticks_quiet = 0;
                return Some(messages);
            }
        }
    }

    /// Whether the page has to be made anew: something it is made of has moved, or its ages have grown.
    fn is_due(&mut self) -> bool {
        self.since_made = self.since_made.saturating_add(1);
        let journal = self.viewer.app.recorder.read(|lab| lab.counters.seq);
        let made_of = match self.page.pace {
            Pace::Still => return false,
            Pace::Calm => journal,
            Pace::Second => {
                let board = self.viewer.app.fleet.board().snapshots();
                board.iter().fold(journal, |sum, snapshot| sum.rotate_left(5) ^ snapshot.at.micros())
            }
        };
        let rested = self.page.pace == Pace::Second || self.since_made >= CALM_TICKS;
        let moved = made_of != self.made_of && rested;
        let aged = u64::from(self.since_made) >= HEARTBEAT.as_secs() * 2;
        if self.first || moved || aged {
            (self.made_of, self.since_made) = (made_of, 0);
            return true;
        }
        false
    }

    /// What has happened that everybody should hear, on whatever page they are.
    fn news(&mut self) -> Vec<Message> {
        let mut told = Vec::new();
        loop {
            match self.news.try_recv() {
                Ok(event) => {
                    if let Some((text, printer)) = news(&event.fact) {
                        let words = self.viewer.fill(text, &[("printer", printer)]);
                        told.push(Message::default().event("news").data(words));
                    }
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return told,
            }
        }
    }
}

/// What is told of a fact, and of which printer.
fn news(fact: &Fact) -> Option<(Text, &PrinterName)> {
    Some(match fact {
        Fact::JobStarted { printer } => (common::NEWS_STARTED, printer),
        Fact::JobPrinted { printer, .. } => (common::NEWS_PRINTED, printer),
        Fact::JobPaused { printer, .. } => (common::NEWS_PAUSED, printer),
        Fact::JobInterrupted { printer, .. } => (common::NEWS_INTERRUPTED, printer),
        Fact::PrinterStopped { printer, .. } => (common::NEWS_STOPPED, printer),
        Fact::PrinterFaulted { printer, .. } => (common::NEWS_FAULTED, printer),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_a_row_only_as_a_whole() {
        let row = "/cases/{token}/parts/{part}";
        let found = named(row, "/cases/abc/parts/2").unwrap();
        assert_eq!((found["token"].as_str(), found["part"].as_str()), ("abc", "2"));
        for other in ["/cases/abc/parts", "/cases/abc/parts/2/x", "/cases//parts/2", "/x/abc/parts/2", "/"] {
            assert_eq!(named(row, other), None, "{other}");
        }
        assert!(named("/", "/").is_some());
    }
}
