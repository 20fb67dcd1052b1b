//! A socket of a dashboard: its calls are answered, and it is told what changes, at most twice a second.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use futures_util::future::{BoxFuture, FusedFuture as _, FutureExt as _, join, join_all, ready};
use futures_util::sink::SinkExt as _;
use futures_util::stream::{FuturesUnordered, SplitSink, SplitStream, StreamExt as _};
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::problem::Problem;
use super::super::Place;
use super::super::look::name_of;
use super::call::{RpcError, call, is_stop, is_urgent, no_objects, past, queued};
use super::objects::{Klippy, Scene, Wanted, news, status, wanted};
use super::rpc::{self, Asked, Text};
use super::sockets::{Due, Opened, Pulse};
use super::{files, refused};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{JobId, UploadId};
use crate::domain::people::roles::Permission;
use crate::domain::queue;
use crate::services::access::NotAuthenticated;

/// The longest text that is taken.
const FRAME_MAX: usize = 64 << 10;
/// News go out this often.
const BEAT: Duration = Duration::from_millis(500);
/// Whoever takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Texts whose answers are under way at once.
const CALLS_MAX: usize = 16;
/// Texts that are on their way out at once. Whoever asks for more answers and takes none is gone.
const OUT_MAX: usize = 64;
/// News that wait for the next beat; the oldest give way.
const NEWS_MAX: usize = 32;
/// After so many beats it is asked whether whoever listens still may.
const BEATS_A_LOOK: u32 = 10;

/// Lets in who is known by a header, or by a ticket in the query.
pub async fn websocket(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    begin(app, asker, place, &uri, upgrade).unwrap_or_else(refused)
}

fn begin(
    app: AppState,
    asker: Asker,
    place: Result<Place, Problem>,
    uri: &Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let asker = known(&app, asker, uri)?;
    asker.may(Permission::Look)?;
    let place = place?;
    let upgrade = upgrade.map_err(|_| {
        let help = "connect with a program that speaks WebSocket";
        Problem::new(StatusCode::BAD_REQUEST, "no-socket", "this path is a socket", help)
    })?;
    let room = app.streams.place()?;
    let upgrade = upgrade.max_message_size(FRAME_MAX).max_frame_size(FRAME_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // What happens from now on is told, and nothing of before.
        let feed = app.recorder.subscribe();
        let opened = app.streams.sockets.opened();
        Connection::new(app, asker, place, opened).run(socket, feed).await;
        drop(room);
    }))
}

fn known(app: &AppState, asker: Asker, uri: &Uri) -> Result<Asker, Problem> {
    if !matches!(asker, Asker::Stranger) {
        return Ok(asker);
    }
    let pairs =
        Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
    let ticket = pairs.iter().find(|(name, _)| name == "token").map(|(_, ticket)| ticket);
    let asker = ticket.and_then(|ticket| app.streams.sockets.redeem(ticket, app.clock.now()));
    // Who got it may have been put out since.
    asker.filter(|asker| lasts(app, asker)).ok_or_else(|| NotAuthenticated::Nobody.into())
}

fn lasts(app: &AppState, asker: &Asker) -> bool {
    match asker {
        Asker::Known(who) => app.entrance.lasts(who),
        Asker::Everybody => !app.entrance.is_guarded(),
        Asker::Stranger => false,
    }
}

type Answer = BoxFuture<'static, Option<Value>>;
/// What is worked on: each comes to the text that answers, or to none.
type Calls = FuturesUnordered<BoxFuture<'static, Option<String>>>;

struct Connection {
    app: AppState,
    asker: Asker,
    place: Place,
    opened: Opened,
    wanted: Wanted,
    /// As it was told last.
    told: Map<String, Value>,
    klippy: Klippy,
    news: VecDeque<Message>,
    queue_changed: bool,
    beats: u32,
    pulse: Pulse,
}

/// The socket is to be closed.
struct Over;

impl Connection {
    fn new(app: AppState, asker: Asker, place: Place, opened: Opened) -> Self {
        let klippy = Scene::of(&app, &place).klippy;
        let pulse = Pulse::begin(app.clock.now());
        Self {
            app,
            asker,
            place,
            opened,
            wanted: Wanted::new(),
            told: Map::new(),
            klippy,
            news: VecDeque::new(),
            queue_changed: false,
            beats: 0,
            pulse,
        }
    }

    /// What comes is read whether or not what goes out is taken: a stop waits for no slow reader. When the
    /// socket is over, what was asked over it still comes to its end.
    async fn run(mut self, socket: WebSocket, mut feed: Receiver<Arc<Event>>) {
        let (sink, mut socket) = socket.split();
        let (out, messages) = mpsc::channel(OUT_MAX);
        let mut writer = pin!(written(sink, messages).fuse());
        let mut calls = Calls::new();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.app.shutdown.clone();
        loop {
            let gone_on = tokio::select! {
                () = shutdown.cancelled() => Err(Over),
                () = &mut writer => Err(Over),
                message = socket.next() => match message {
                    Some(Ok(message)) => self.came(&message, &calls),
                    Some(Err(_)) | None => Err(Over),
                },
                Some(answer) = calls.next(), if !calls.is_empty() => match answer {
                    Some(text) => out.try_send(Message::text(text)).map_err(|_| Over),
                    None => Ok(()),
                },
                event = feed.recv() => self.happened(event),
                _ = beat.tick() => self.beat(&out),
            };
            if gone_on.is_err() {
                break;
            }
        }
        self.unread(&mut socket, &calls);
        let ended = async {
            while let Some(answer) = calls.next().await {
                let _ = answer.map(|text| out.try_send(Message::text(text)));
            }
            // The writer takes what is left, and says goodbye.
            drop(out);
        };
        let written = async {
            if !writer.is_terminated() {
                writer.await;
            }
        };
        let _ = timeout(PATIENCE, join(ended, written)).await;
    }

    fn came(&mut self, message: &Message, calls: &Calls) -> Result<(), Over> {
        self.pulse.heard(self.app.clock.now());
        match message {
            Message::Text(text) => calls.push(self.asked(text.as_str(), calls.len())),
            // The library answers pings; nothing here speaks in bytes.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) => {}
            Message::Close(_) => return Err(Over),
        }
        Ok(())
    }

    /// What has come already when the socket is over: a stop among it is done, and nothing else.
    fn unread(&mut self, socket: &mut SplitStream<WebSocket>, calls: &Calls) {
        for _ in 0..OUT_MAX {
            match socket.next().now_or_never() {
                Some(Some(Ok(Message::Text(text)))) => calls.push(self.asked(text.as_str(), CALLS_MAX)),
                Some(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_)))) => {}
                _ => return,
            }
        }
    }

    /// The text that answers a text; it is worked on while others come.
    fn asked(&mut self, text: &str, under_way: usize) -> BoxFuture<'static, Option<String>> {
        match rpc::read(text) {
            Text::One(asked) => {
                let answer = self.one(asked, under_way);
                async move { answer.await.map(|answer| answer.to_string()) }.boxed()
            }
            Text::Many(all) => {
                let answers: Vec<_> = all.into_iter().map(|asked| self.one(asked, under_way)).collect();
                async move {
                    let answers: Vec<_> = join_all(answers).await.into_iter().flatten().collect();
                    (!answers.is_empty()).then(|| Value::from(answers).to_string())
                }
                .boxed()
            }
        }
    }

    fn one(&mut self, Asked { id, what }: Asked, under_way: usize) -> Answer {
        let now = |answered| ready(answered).boxed();
        let (method, params) = match what {
            Ok(what) => what,
            Err(error) => return now(rpc::answer(id, Err(error))),
        };
        // Nothing is in the way of a stop.
        let is_stop = is_stop(&method, &params);
        if under_way >= CALLS_MAX && !is_stop {
            return now(rpc::answer(
                id,
                Err(RpcError::new(503, "too many calls at once: wait for their answers")),
            ));
        }
        if let Some(answered) = self.own(&method, &params) {
            return now(rpc::answer(id, answered));
        }
        let (app, asker, place) = (self.app.clone(), self.asker.clone(), self.place.clone());
        let is_urgent = is_urgent(&method, &params);
        let work = async move {
            // A stop is everybody's; for anything else whoever asks must be let in still.
            if is_stop || lasts(&app, &asker) {
                call(&app, &asker, &place, &method, &params).await
            } else {
                Err(Problem::from(NotAuthenticated::Nobody).into())
            }
        };
        if !is_urgent {
            return async move { rpc::answer(id, work.await) }.boxed();
        }
        // It begins now, and goes on whatever becomes of the socket.
        let work = tokio::spawn(work);
        async move { rpc::answer(id, work.await.unwrap_or_else(|_| Err(broken_off()))) }.boxed()
    }

    /// What is of this socket.
    fn own(&mut self, method: &str, params: &Value) -> Option<Result<Value, RpcError>> {
        Some(match method {
            "server.connection.identify" => Ok(json!({"connection_id": self.opened.number})),
            "server.websocket.id" => Ok(json!({"websocket_id": self.opened.number})),
            "printer.objects.unsubscribe" => {
                (self.wanted, self.told) = (Wanted::new(), Map::new());
                Ok("ok".into())
            }
            "printer.objects.subscribe" => match wanted(params) {
                Some(wanted) => {
                    let scene = Scene::of(&self.app, &self.place);
                    (self.told, self.wanted) = (status(&scene, &wanted), wanted);
                    Ok(json!({"eventtime": scene.eventtime(), "status": self.told}))
                }
                None => Err(no_objects()),
            },
            _ => return None,
        })
    }

    fn happened(&mut self, event: Result<Arc<Event>, RecvError>) -> Result<(), Over> {
        match event {
            Ok(event) => self.note(&event),
            // What was missed shows in the lists.
            Err(RecvError::Lagged(_)) => self.queue_changed = true,
            Err(RecvError::Closed) => return Err(Over),
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        let job = event.subject.as_ref().map(|subject| &subject.job);
        match (&event.fact, job) {
            (Fact::Queue(queue::Fact::UploadTaken { upload }), _) => self.file(&upload.id, "create_file"),
            (Fact::Queue(queue::Fact::UploadDismissed { upload, .. }), _) => self.file(upload, "delete_file"),
            (Fact::Queue(_) | Fact::JobQueued { .. }, _) => self.queue_changed = true,
            (Fact::JobStarted { .. }, Some(job)) => {
                self.queue_changed = true;
                self.job(job, "added");
            }
            (
                Fact::JobPrinted { .. } | Fact::JobInterrupted { .. } | Fact::JobCancelled { .. },
                Some(job),
            ) => {
                self.queue_changed |= matches!(event.fact, Fact::JobCancelled { printer: None, .. });
                self.job(job, "finished");
            }
            _ => {}
        }
    }

    fn file(&mut self, id: &UploadId, action: &str) {
        let upload = self.app.recorder.read(|lab| lab.queue.uploads.get(id).cloned());
        let Some(upload) = upload.filter(|upload| upload.printer == self.place.printer) else { return };
        let item = if action == "delete_file" { files::gone(&upload) } else { files::item(&upload) };
        self.tell("notify_filelist_changed", vec![json!({"action": action, "item": item})]);
    }

    fn job(&mut self, id: &JobId, action: &str) {
        let told = self.app.recorder.read(|lab| {
            let job = lab.jobs.get(id)?;
            let run = job.state.run()?;
            let is_ours = self.place.printer.as_ref().is_none_or(|printer| run.printer == *printer);
            is_ours.then(|| past(job, &name_of(lab, job))).flatten()
        });
        if let Some(job) = told {
            self.tell("notify_history_changed", vec![json!({"action": action, "job": job})]);
        }
    }

    fn tell(&mut self, method: &str, params: Vec<Value>) {
        if self.news.len() >= NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(Message::text(rpc::notice(method, params)));
    }

    fn beat(&mut self, out: &mpsc::Sender<Message>) -> Result<(), Over> {
        match self.pulse.due(self.app.clock.now()) {
            Due::Nothing => {}
            // Where there is no room for it, whoever is there has enough to take.
            Due::Ping => drop(out.try_send(Message::Ping(Bytes::new()))),
            Due::Close => return Err(Over),
        }
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(BEATS_A_LOOK) && !lasts(&self.app, &self.asker) {
            return Err(Over);
        }
        let scene = Scene::of(&self.app, &self.place);
        if let Some(method) = turned(self.klippy, scene.klippy) {
            self.tell(method, Vec::new());
        }
        self.klippy = scene.klippy;
        if std::mem::take(&mut self.queue_changed) {
            let queue = queued(&self.app, &self.place);
            let told = json!({"action": "state_changed", "updated_queue": queue, "queue_state": "ready"});
            self.tell("notify_job_queue_changed", vec![told]);
        }
        if !self.wanted.is_empty() {
            let now = status(&scene, &self.wanted);
            let changed = news(&self.told, &now);
            self.told = now;
            if !changed.is_empty() {
                self.tell("notify_status_update", vec![changed.into(), scene.eventtime().into()]);
            }
        }
        self.send_news(out);
        Ok(())
    }

    /// As many as there is room for; the others wait for the next beat.
    fn send_news(&mut self, out: &mpsc::Sender<Message>) {
        while let Some(message) = self.news.pop_front() {
            if let Err(TrySendError::Full(message)) = out.try_send(message) {
                self.news.push_front(message);
                return;
            }
        }
    }
}

fn broken_off() -> RpcError {
    RpcError::new(500, "the call broke off: look at the printer whether it was done")
}

/// What is told of a printer that is otherwise than it was.
fn turned(before: Klippy, now: Klippy) -> Option<&'static str> {
    match now {
        now if now == before => None,
        Klippy::Ready => Some("notify_klippy_ready"),
        Klippy::Shutdown | Klippy::Error => Some("notify_klippy_shutdown"),
        Klippy::Disconnected => Some("notify_klippy_disconnected"),
        Klippy::Startup => None,
    }
}

/// Sends what there is, one message after the other; over where somebody takes one no more.
async fn written(mut sink: SplitSink<WebSocket, Message>, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(PATIENCE, sink.send(Message::Close(None))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_that_turns_is_told_of_once() {
        use Klippy::{Disconnected, Error, Ready, Shutdown, Startup};
        for (before, now, told) in [
            (Ready, Ready, None),
            (Startup, Ready, Some("notify_klippy_ready")),
            (Ready, Shutdown, Some("notify_klippy_shutdown")),
            (Ready, Error, Some("notify_klippy_shutdown")),
            (Ready, Disconnected, Some("notify_klippy_disconnected")),
            (Disconnected, Startup, None),
        ] {
            assert_eq!(turned(before, now), told, "{before:?} {now:?}");
        }
    }
}
