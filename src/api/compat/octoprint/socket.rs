//! The stream of messages that dashboards follow: state twice a second at most, and what happens.
//!
//! ```text
//! upgrade ─▶ connected ─▶ {"auth": …}, where no key came with the upgrade ─▶ history ─▶ one message each tick
//! ```
//! With SockJS's framing (`o`, `a[…]`, `h`) under its own paths, and bare under `/sockjs/websocket`. Until it is known
//! who is there, a stream has one of a few places of its own, and takes none from those who are known.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::line::Reached;
use super::super::super::problem::Problem;
use super::super::look::{Doing, look, name_of};
use super::super::moonraker::sockets::{Due, Pulse};
use super::super::{API_KEY, Place, Unchecked};
use super::host::{VERSION, display_version};
use super::printer::{entry, heaters, state_of};
use super::{Answer, job, state, yes};
use crate::domain::event::{Event, Fact};
use crate::domain::people::roles::{Permission, Who};
use crate::domain::people::whence::Whence;
use crate::domain::queue;
use crate::services::access::Presented;
use crate::services::appkeys::STRANGERS_MAX;

/// One message goes out in so long.
const TICK: Duration = Duration::from_millis(500);
/// The slowest that a program may ask for, in ticks.
const SLOWEST: u64 = 120;
/// Whether whoever follows still is let in is asked once in so many ticks.
const ASK_EVERY: u64 = 10;
/// SockJS's heartbeat, in ticks.
const BEAT_EVERY: u64 = 50;
/// What a program sends is a few words.
const FRAME_MAX: usize = 64 << 10;
/// A reader that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever opens a stream says by then who it is.
const AUTH_WITHIN: Duration = Duration::from_secs(15);
/// More that happened than this nobody reads; the state tells of now.
const EVENTS_MAX: usize = 64;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/sockjs/info", get(info))
        .route("/sockjs/websocket", get(bare))
        .route("/sockjs/{server}/{session}/websocket", get(framed))
}

async fn info() -> Answer {
    // Four random bytes keep SockJS's own caches apart; any number does.
    yes(json!({"websocket": true, "cookie_needed": false, "origins": ["*:*"], "entropy": 2_718_281_828_u32}))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Bare,
    SockJs,
}

impl Framing {
    fn of(self, message: &Value) -> String {
        match self {
            Self::Bare => message.to_string(),
            Self::SockJs => format!("a[{message}]"),
        }
    }
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

async fn bare(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Unchecked, Problem>,
    headers: HeaderMap,
    reached: Reached,
    upgrade: Upgrade,
) -> Answer {
    opened(app, asker, place?, &headers, upgrade, Framing::Bare, reached.whence)
}

async fn framed(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Unchecked, Problem>,
    headers: HeaderMap,
    reached: Reached,
    upgrade: Upgrade,
) -> Answer {
    opened(app, asker, place?, &headers, upgrade, Framing::SockJs, reached.whence)
}

fn opened(
    app: AppState,
    asker: Asker,
    Unchecked(place): Unchecked,
    headers: &HeaderMap,
    upgrade: Upgrade,
    framing: Framing,
    whence: Whence,
) -> Answer {
    let shown = headers.contains_key(API_KEY) || headers.contains_key(header::AUTHORIZATION);
    if shown && matches!(asker, Asker::Stranger) {
        let help = "send an API key in X-Api-Key that `platen users tokens list` shows as yours";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, "not-signed-in", "the API key is not known", help).into()
        );
    }
    let upgrade = upgrade.map_err(|error| {
        Problem::unreadable(format!("no stream is opened: {}", error.body_text()), "upgrade to a WebSocket")
    })?;
    let held = match &asker {
        Asker::Stranger => app.app_keys.as_stranger().ok_or_else(too_many_strangers)?,
        Asker::Everybody | Asker::Known(_) => {
            place.exists(&app)?;
            app.streams.place()?
        }
    };
    let feed = app.recorder.subscribe();
    let who = match asker {
        Asker::Everybody => Follower::Everybody,
        Asker::Known(who) => Follower::Known(who),
        Asker::Stranger => Follower::Stranger,
    };
    let follow = Follow {
        app,
        place,
        framing,
        whence,
        who,
        held,
        feed,
        events: VecDeque::new(),
        doing: None,
        wanted: Wanted::default(),
        ticks: 0,
        last: 0,
    };
    let upgrade = upgrade.max_message_size(FRAME_MAX).max_frame_size(FRAME_MAX);
    Ok(upgrade.on_upgrade(async move |socket| follow.run(socket).await))
}

fn too_many_strangers() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-many-strangers",
        format!("{STRANGERS_MAX} streams are open already that have not said whose they are"),
        "send the key in X-Api-Key with the upgrade, or try again in a minute",
    )
}

enum Follower {
    Everybody,
    Known(Arc<Who>),
    Stranger,
}

/// What a program wants to hear.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// Ticks from one state to the next.
    every: u64,
    state: bool,
    /// Absent: all that happens.
    events: Option<BTreeSet<String>>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { every: 1, state: true, events: None }
    }
}

impl Wanted {
    fn hear(&mut self, said: &Value) {
        if let Some(every) = said.get("throttle").and_then(Value::as_u64) {
            self.every = every.clamp(1, SLOWEST);
        }
        let Some(subscribe) = said.get("subscribe") else { return };
        let is_no = |value: &Value| *value == Value::Bool(false) || value.is_null();
        self.state = subscribe.get("state").is_some_and(|state| !is_no(state));
        self.events = match subscribe.get("events") {
            Some(Value::Bool(true)) => None,
            Some(Value::Array(names)) => {
                Some(names.iter().filter_map(Value::as_str).take(EVENTS_MAX).map(str::to_owned).collect())
            }
            _ => Some(BTreeSet::new()),
        };
    }

    fn wants(&self, event: &str) -> bool {
        self.events.as_ref().is_none_or(|names| names.contains(event))
    }
}

/// What a program said: itself, or within SockJS's array of texts. What is no JSON is a sign of life.
fn said(text: &str) -> Vec<Value> {
    let inner = |text: &Value| text.as_str().and_then(|text| serde_json::from_str(text).ok());
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(all)) => all
            .iter()
            .filter_map(|one| if one.is_object() { Some(one.clone()) } else { inner(one) })
            .collect(),
        Ok(value) => vec![value],
        Err(_) => Vec::new(),
    }
}

/// The secret of `{"auth": "name:secret"}`.
fn secret(said: &Value) -> Option<&str> {
    let auth = said.get("auth")?.as_str()?;
    Some(auth.split_once(':').map_or(auth, |(_, secret)| secret))
}

fn of_event(kind: &str, payload: &Value) -> Value {
    json!({"event": {"type": kind, "payload": payload}})
}

/// OctoPrint's word for what happened to a job.
fn word(fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::JobStarted { .. } => Some("PrintStarted"),
        Fact::JobPaused { .. } => Some("PrintPaused"),
        Fact::JobResumed { .. } | Fact::JobContinued { .. } => Some("PrintResumed"),
        Fact::JobPrinted { .. } => Some("PrintDone"),
        Fact::JobCancelled { printer: Some(_), .. } => Some("PrintCancelled"),
        Fact::JobInterrupted { .. } => Some("PrintFailed"),
        _ => None,
    }
}

struct Follow {
    app: AppState,
    place: Place,
    framing: Framing,
    whence: Whence,
    who: Follower,
    /// Its place, for as long as it lasts: of a stranger's, or of those who are known.
    held: OwnedSemaphorePermit,
    feed: Receiver<Arc<Event>>,
    /// To go out next.
    events: VecDeque<(String, Value)>,
    /// As it was told last.
    doing: Option<Doing>,
    wanted: Wanted,
    ticks: u64,
    /// The tick at which the state went out last.
    last: u64,
}

impl Follow {
    async fn run(mut self, mut socket: WebSocket) {
        if self.greets(&mut socket).await {
            self.follow(&mut socket).await;
        }
        let _ = timeout(PATIENCE, socket.send(Message::Close(None))).await;
    }

    /// Whether the reader has taken it.
    async fn send(&self, socket: &mut WebSocket, message: &Value) -> bool {
        send_text(socket, self.framing.of(message)).await
    }

    /// Says hello, hears who it is, and tells how things are.
    async fn greets(&mut self, socket: &mut WebSocket) -> bool {
        if self.framing == Framing::SockJs && !send_text(socket, "o".into()).await {
            return false;
        }
        let hello = json!({"connected": {
            "apikey": null,
            "version": VERSION,
            "display_version": display_version(),
            "branch": "platen",
            "plugin_hash": "",
            "config_hash": "",
            "debug": false,
            "safe_mode": null,
            "permissions": [],
        }});
        if !self.send(socket, &hello).await {
            return false;
        }
        let shutdown = self.app.shutdown.clone();
        let is_known = tokio::select! {
            () = shutdown.cancelled() => false,
            known = timeout(AUTH_WITHIN, self.is_known(socket)) => known.unwrap_or(false),
        };
        if !is_known {
            self.send(socket, &json!({"reauthRequired": {"reason": "stale"}})).await;
            return false;
        }
        let current = self.current();
        self.send(socket, &json!({ "history": current })).await
    }

    /// Waits until whoever opened the stream has said who it is.
    async fn is_known(&mut self, socket: &mut WebSocket) -> bool {
        loop {
            match &self.who {
                Follower::Everybody => return true,
                Follower::Known(who) => return who.may(Permission::Look).is_ok(),
                Follower::Stranger => {}
            }
            let Some(Ok(message)) = socket.recv().await else { return false };
            let Message::Text(text) = message else { continue };
            for said in said(&text) {
                if let Some(secret) = secret(&said)
                    && !self.is_let_in(secret)
                {
                    return false;
                }
                self.wanted.hear(&said);
            }
        }
    }

    /// Whether it is known now who is there, and there is room for one more of those, and what they follow.
    fn is_let_in(&mut self, secret: &str) -> bool {
        let Some(who) = self.whose(secret) else { return false };
        let Ok(held) = self.app.streams.place() else { return false };
        // The place that it had is free for another stranger.
        drop(std::mem::replace(&mut self.held, held));
        self.who = Follower::Known(who);
        self.place.exists(&self.app).is_ok()
    }

    /// Whose session of `/api/login`, or whose key, it is.
    fn whose(&self, secret: &str) -> Option<Arc<Who>> {
        let of_ticket = self.app.app_keys.of_ticket(secret, self.app.clock.now());
        if let Some(who) = of_ticket.filter(|who| self.app.entrance.lasts(who)) {
            return Some(who);
        }
        let given =
            Presented { key: Some(secret), by_itself: true, whence: self.whence, ..Presented::default() };
        self.app.entrance.authenticate(given).ok().flatten().map(Arc::new)
    }

    async fn follow(&mut self, socket: &mut WebSocket) {
        let shutdown = self.app.shutdown.clone();
        // Where nothing is subscribed, nothing goes out that could fail.
        let mut pulse = Pulse::begin(self.app.clock.now());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once, and the history has just gone out.
        tick.tick().await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                message = socket.recv() => {
                    pulse.heard(self.app.clock.now());
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            said(&text).iter().for_each(|said| self.wanted.hear(said));
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                        Some(Ok(_)) => {}
                    }
                }
                event = self.feed.recv() => match event {
                    Ok(event) => self.note(&event),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                _ = tick.tick() => {
                    if !self.lasts() {
                        self.send(socket, &json!({"reauthRequired": {"reason": "removed"}})).await;
                        return;
                    }
                    let due = pulse.due(self.app.clock.now());
                    if due == Due::Close
                        || (due == Due::Ping && !send(socket, Message::Ping(Bytes::new())).await)
                    {
                        return;
                    }
                    if let Some(text) = self.next()
                        && !send_text(socket, text).await
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Whether whoever follows still is let in, asked now and then.
    fn lasts(&self) -> bool {
        match &self.who {
            Follower::Known(who) if self.ticks.is_multiple_of(ASK_EVERY) => self.app.entrance.lasts(who),
            Follower::Known(_) | Follower::Everybody => true,
            Follower::Stranger => false,
        }
    }

    /// What goes out at this tick: what happened before how things are.
    fn next(&mut self) -> Option<String> {
        self.ticks += 1;
        let look = look(&self.app, &self.place);
        if self.doing.replace(look.doing).is_some_and(|before| before != look.doing) {
            let (id, text) = state(look.doing, &look.words);
            self.happened("PrinterStateChanged", json!({"state_id": id, "state_string": text}));
        }
        if let Some((kind, payload)) = self.events.pop_front() {
            return Some(self.framing.of(&of_event(&kind, &payload)));
        }
        if self.wanted.state && self.ticks - self.last >= self.wanted.every {
            self.last = self.ticks;
            return Some(self.framing.of(&json!({ "current": self.current() })));
        }
        let beats = self.framing == Framing::SockJs && self.ticks.is_multiple_of(BEAT_EVERY);
        beats.then(|| "h".to_owned())
    }

    fn happened(&mut self, kind: &str, payload: Value) {
        if self.wanted.wants(kind) && self.events.len() < EVENTS_MAX {
            self.events.push_back((kind.to_owned(), payload));
        }
    }

    /// What the journal says, where it is about this place.
    fn note(&mut self, event: &Event) {
        let told = match &event.fact {
            Fact::Queue(queue::Fact::UploadTaken { upload }) if upload.printer == self.place.printer => {
                self.added(&upload.id)
            }
            fact if self.place.printer.is_some() && fact.printer() == self.place.printer.as_ref() => {
                word(fact).map(|word| (word, self.payload(event)))
            }
            _ => None,
        };
        if let Some((kind, payload)) = told {
            self.happened(kind, payload);
        }
    }

    fn added(&self, upload: &crate::domain::ids::UploadId) -> Option<(&'static str, Value)> {
        let name =
            self.app.recorder.read(|lab| lab.queue.uploads.get(upload).map(|upload| upload.shown()))?;
        let payload =
            json!({"name": name, "path": name, "storage": "local", "type": ["machinecode", "gcode"]});
        Some(("FileAdded", payload))
    }

    fn payload(&self, event: &Event) -> Value {
        let job = event.subject.as_ref().map(|subject| &subject.job);
        let name = job.and_then(|job| self.app.recorder.read(|lab| Some(name_of(lab, lab.jobs.get(job)?))));
        let mut payload = json!({"name": name, "path": name, "origin": "local", "user": null});
        match &event.fact {
            Fact::JobPrinted { millis, .. } => payload["time"] = json!(millis / 1_000),
            Fact::JobInterrupted { progress, .. } => {
                payload["reason"] = json!("error");
                payload["progress"] = json!(progress.percent());
            }
            _ => {}
        }
        payload
    }

    /// Everything of now.
    fn current(&self) -> Value {
        let look = look(&self.app, &self.place);
        let (told, progress) = job::of(&self.app, &self.place, &look);
        let now = self.app.clock.wall().0 / 1_000;
        let heaters = heaters(&self.app, &look);
        let temps = if heaters.is_empty() { json!([]) } else { json!([entry(&heaters, now)]) };
        let line = look.snapshot.as_ref().map(|snapshot| snapshot.line).unwrap_or_default();
        // In percent, as a whole number.
        let ratio = line.resends.saturating_mul(100).checked_div(line.lines_sent).unwrap_or_default();
        json!({
            "state": state_of(&look),
            "job": told,
            "progress": progress,
            "currentZ": null,
            "offsets": {},
            "temps": temps,
            "logs": [],
            "messages": [],
            "busyFiles": [],
            "resends": {"count": line.resends, "transmitted": line.lines_sent, "ratio": ratio},
            "serverTime": now,
        })
    }
}

async fn send_text(socket: &mut WebSocket, text: String) -> bool {
    send(socket, Message::text(text)).await
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_how_often_and_what_it_wants_to_hear() {
        let hear = |said: Value| {
            let mut wanted = Wanted::default();
            wanted.hear(&said);
            wanted
        };
        assert_eq!(hear(json!({"throttle": 4})).every, 4);
        assert_eq!(hear(json!({"throttle": 0})).every, 1);
        assert_eq!(hear(json!({"throttle": 9_999_999})).every, SLOWEST);
        let all = hear(json!({"subscribe": {"state": true, "events": true}}));
        assert!(all.state && all.wants("PrintDone"));
        let some = hear(json!({"subscribe": {"state": {"logs": false}, "events": ["PrintDone"]}}));
        assert!(some.state && some.wants("PrintDone") && !some.wants("FileAdded"));
        let none = hear(json!({"subscribe": {"state": false, "events": false}}));
        assert!(!none.state && !none.wants("PrintDone"));
        assert_eq!(hear(json!({"else": 1})), Wanted::default());
    }

    #[test]
    fn what_a_program_says_is_read_bare_and_within_sockjs_and_a_heartbeat_is_nothing() {
        for text in [r#"{"auth": "kim:abc"}"#, r#"["{\"auth\": \"kim:abc\"}"]"#, r#"[{"auth": "kim:abc"}]"#] {
            let said = said(text);
            assert_eq!(said.first().and_then(secret), Some("abc"), "{text}");
        }
        assert!(said(" ").is_empty() && said("{").is_empty());
        assert_eq!(said("7").first().and_then(secret), None);
    }

    #[test]
    fn a_message_is_framed_as_its_path_has_it() {
        let message = json!({"connected": {}});
        assert_eq!(Framing::Bare.of(&message), r#"{"connected":{}}"#);
        assert_eq!(Framing::SockJs.of(&message), r#"a[{"connected":{}}]"#);
    }
}
