//! The journal as a stream (SSE): every event once, in order, from where the reader left off.
//!
//! The recorder's feed only says that there is more; a reader that lags, or begins in the past,
//! reads the same events from the store. So there is no gap and no second copy to keep right.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{Streamed, Told};
use super::compat::moonraker::Sockets;
use super::door::Asker;
use super::given::{Asked, header_text};
use super::problem::Problem;
use super::resin::views as resin;
use super::shapes::PrinterView;
use super::{AppState, views};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::PrinterName;
use crate::domain::moment::Stamp;
use crate::domain::people::roles::Permission;
use crate::services::board::Live;
use crate::services::recorder::Recorder;

/// Events that are read from the store at once.
const PAGE: usize = 256;
/// A comment this often keeps proxies from closing a quiet stream, and tells the page that we live.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A printer's snapshot goes out at most this often; people do not read faster.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(500);

/// A page, a dashboard and a script for each of some printers; each costs a task and a file handle.
pub(super) const STREAMS: usize = 64;
/// A page of each of many people, and none of them in the place of a program.
pub(super) const PAGES: usize = 128;
/// A slicer for every printer of the largest farm, and again as many; each holds a file open, and some 200 KiB.
pub(super) const UPLOADS: usize = 256;

/// Room for so many streams and no more.
#[derive(Clone, Debug)]
pub struct Streams {
    room: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    /// Those of dashboards that speak Moonraker.
    pub(super) sockets: Sockets,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(STREAMS)),
            pages: Arc::new(Semaphore::new(PAGES)),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            sockets: Sockets::default(),
        }
    }
}

impl Streams {
    /// A place, for as long as it is held.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-streams",
                format!("{STREAMS} readers follow the events already"),
                "close a page or a program that you do not need, then try again",
            )
        })
    }

    /// The same for a page that is open in a browser.
    pub(super) fn page(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.pages).try_acquire_owned().map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-streams",
                format!("{PAGES} pages are open already"),
                "close a page that you do not need, then try again",
            )
        })
    }

    /// Room for one more upload, for as long as it is held. None waits for another: a slow one holds nobody up.
    pub(super) fn upload(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-uploads",
                format!("{UPLOADS} files are on their way here already"),
                "send it again in a moment",
            )
        })
    }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// The `seq` of the last event already seen; 0 for the whole journal. `Last-Event-ID` goes before it.
    after: Option<u64>,
    /// 1: also the printers' live snapshots, as `event: printer`.
    live: Option<u8>,
}

/// The journal from a point on, then live. Each message's `id` is the event's `seq`, without a gap.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "events",
    params(Begin, ("Last-Event-ID" = Option<u64>, Header, description = "As browsers send it after a break")),
    responses((status = 200, description = "Events without an end", content_type = "text/event-stream", body = String),
        Told, Streamed))]
async fn events(
    State(app): State<AppState>,
    asker: Asker,
    headers: HeaderMap,
    Asked(begin): Asked<Begin>,
) -> Result<Response, Problem> {
    let last_id = header_text(&headers, &HeaderName::from_static("last-event-id"))?;
    let after = match last_id.filter(|id| !id.is_empty()) {
        None => begin.after,
        Some(id) => Some(id.parse().map_err(|_| {
            Problem::unreadable(
                "Last-Event-ID is no number",
                "send the id of the last event that was received",
            )
        })?),
    };
    let place = app.streams.place()?;
    // Subscribed before the journal's end is read, so that nothing falls between.
    let feed = app.recorder.subscribe();
    let end = app.recorder.read(|lab| lab.counters.seq);
    let after = after.unwrap_or(end);
    if after > end {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "beyond-the-journal",
            format!("the journal ends at {end}, before {after}: it was restored, or another one was meant"),
            "begin again with ?after=0",
        ));
    }
    let whole = asker.may(Permission::ReadAudit).is_ok();
    let reader = Reader { recorder: app.recorder.clone(), feed, seen: after, page: VecDeque::new() };
    let journal = journal(reader, whole);
    let stream = match begin.live {
        Some(1) => stream::select(journal, stream::select(snapshots(&app), alive())).left_stream(),
        _ => journal.right_stream(),
    };
    let stream = stream.take_until(app.shutdown.clone().cancelled_owned()).take_until(is_out(app, asker));
    // The place goes with the stream.
    let stream = stream.map(move |message| {
        let _held = &place;
        message
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")).into_response())
}

/// When whoever follows the stream is not let in any more.
async fn is_out(app: AppState, asker: Asker) {
    let Asker::Known(who) = asker else { return std::future::pending().await };
    let mut beat = tokio::time::interval(HEARTBEAT);
    loop {
        beat.tick().await;
        if !app.entrance.lasts(&who) {
            return;
        }
    }
}

/// Of what people say, who they are and whom a case is for, only those hear who may read all of the journal; others
/// hear that there is an entry.
#[derive(Serialize)]
struct Withheld<'e> {
    seq: u64,
    stamp: &'e Stamp,
    fact: Kind,
    withheld: bool,
}

#[derive(Serialize)]
struct Kind {
    #[serde(rename = "type")]
    word: &'static str,
}

/// An event as one line of JSON.
fn data(event: &Event, whole: bool) -> String {
    let is_for_few = matches!(event.fact, Fact::People(_) | Fact::Identifiers(_) | Fact::Quality(_));
    if whole || !is_for_few {
        // The canonical bytes are that.
        return String::from_utf8(event.canonical()).unwrap_or_default();
    }
    let fact = Kind { word: event.fact.word() };
    let told = Withheld { seq: event.seq, stamp: &event.stamp, fact, withheld: true };
    serde_json::to_string(&told).unwrap_or_default()
}

struct Reader {
    recorder: Recorder,
    feed: Receiver<Arc<Event>>,
    /// The last event that went out.
    seen: u64,
    /// Events read from the store, to go out next.
    page: VecDeque<Event>,
}

impl Reader {
    /// The next event, from the page in hand, the store or the feed; `None` at the daemon's end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.seen = event.seq;
                return Some(event);
            }
            let end = self.recorder.read(|lab| lab.counters.seq);
            if self.seen < end {
                match self.recorder.events(self.seen + 1, PAGE).await {
                    Ok(page) if page.first().is_some_and(|event| event.seq == self.seen + 1) => {
                        self.page = page.into();
                        continue;
                    }
                    // A stream that cannot be whole ends; the reader comes back and hears why.
                    Ok(_) => return None,
                    Err(error) => {
                        tracing::error!(%error, "an event stream ends, since the journal cannot be read");
                        return None;
                    }
                }
            }
            match self.feed.recv().await {
                Ok(event) if event.seq == self.seen + 1 => {
                    self.seen = event.seq;
                    return Some(Event::clone(&event));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn journal(reader: Reader, whole: bool) -> impl Stream<Item = Result<Message, Infallible>> {
    stream::unfold(reader, move |mut reader| async move {
        let event = reader.next().await?;
        let message = Message::default().id(event.seq.to_string()).event(event.fact.word());
        Some((Ok(message.data(data(&event, whole))), reader))
    })
}

/// A script does not see comments, so that the page is told in a message that the stream lives.
fn alive() -> impl Stream<Item = Result<Message, Infallible>> {
    stream::unfold(tokio::time::interval(HEARTBEAT), |mut beat| async move {
        beat.tick().await;
        Some((Ok(Message::default().event("alive").data("yes")), beat))
    })
    .boxed()
}

/// The board's changes, each printer's newest only.
fn snapshots(app: &AppState) -> impl Stream<Item = Result<Message, Infallible>> + use<> {
    let each = |(name, live): (&PrinterName, &Live)| {
        let mut live = live.clone();
        // What is there now goes out at once.
        live.mark_changed();
        let now = app.clock.instant(app.clock.now());
        let state = (app.clone(), name.clone(), live, now);
        Box::pin(stream::unfold(state, |(app, name, mut live, quiet_until)| async move {
            // Changes during the quiet time go out as one.
            tokio::time::sleep_until(quiet_until).await;
            live.changed().await.ok()?;
            let record = app.recorder.printer(&name);
            let view = views::printer(
                &live.borrow_and_update().clone(),
                &record,
                views::console(&app, &name),
                app.clock.now(),
            );
            let resin = app.recorder.read(|lab| resin::brief(&app, lab, &name));
            let view = PrinterView { resin, ..view };
            let message = Message::default().event("printer").json_data(&view).ok()?;
            let quiet_until = app.clock.instant(app.clock.now() + SNAPSHOT_EVERY);
            Some((Ok(message), (app, name, live, quiet_until)))
        }))
    };
    stream::select_all(app.fleet.board().printers().map(each).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_uploads_have_room_and_one_more_is_told_to_come_again() {
        let streams = Streams::default();
        let mut held: Vec<_> = (0..UPLOADS).map(|_| streams.upload().unwrap()).collect();
        let refused = streams.upload().unwrap_err();
        assert_eq!(refused.status, 503);
        assert!(refused.into_response().headers().contains_key("retry-after"));
        held.pop();
        assert!(streams.upload().is_ok());
    }
}
