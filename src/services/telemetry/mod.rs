//! Publishes the lab over MQTT: events of jobs from the journal, at least once and in order, and
//! the live state of every printer.
//!
//! ```text
//!          ┌─────────── backoff, 30 s at most ◀──────────┐
//!          ▼                                             │ any error
//! Away: dialling ─▶ online ─▶ Connected: statuses, journal from the cursor
//!          │        acknowledged      │ shutdown
//!          └─▶ Off ◀── Closing: offline, last acknowledgements, goodbye
//! ```
//! The journal is the outbox: the cursor `mqtt` moves when the broker has acknowledged an entry,
//! and after every error everything behind the cursor is sent again with the same `id`. Telemetry
//! is not kept: what of it a broker that is away or slow does not get is told as a gap afterwards.

pub mod home_assistant;
pub mod message;
pub(in crate::services) mod outbox;
mod samples;
mod shelf;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::domain::event::Event;
use crate::domain::ids::{JobId, NodeName, SiteName};
use crate::domain::moment::WallTime;
use crate::domain::printer::{Activity, Snapshot};
use crate::io::clock::{Clock, entropy};
use crate::io::mqtt::{Connection, ConnectionError, Dial, Dialler, Message, News};
use crate::services::board::{Board, Live};
use crate::services::recorder::{JournalError, Recorder};
use message::{Belonging, NodeState, Origin, status_content};
use outbox::Outbox;
use shelf::Shelf;

/// The name of our place in the journal.
pub const CURSOR: &str = "mqtt";
/// Events and summaries under way. With the statuses it stays below rumqttc's own window of 100.
const JOURNAL_WINDOW: usize = 50;
/// Statuses, gaps and what Home Assistant is told under way; apart, so that a long backlog of events does not hide the printers.
const STATUS_WINDOW: usize = 30;
/// Notices for people under way; they wait elsewhere.
const POST_WINDOW: usize = 8;
/// Journal entries read at a time.
const PAGE: usize = 64;
/// Telemetry, statuses that changed a little, and the cursor.
const TICK: Duration = Duration::from_secs(1);
/// The retained `online` is said again: it heals a last will that came late, and shows its age. A
/// connection that comes to it is a stable one; it is longer than `BACKOFF_MAX`, so that two nodes
/// of one name, which take each other's place, never look stable.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// So many connections cut short in a row are no accident.
const SUSPICIOUS: u32 = 3;
const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// A wrong password must not fill the broker's log, and a corrected one must soon be seen.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// What a shutdown waits for the broker's last acknowledgements; systemd waits longer.
const FAREWELL: Duration = Duration::from_secs(3);

/// How publishing does, for the page and `/healthz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MqttStatus {
    /// Not configured, or ended.
    Off,
    Connected {
        since: WallTime,
        /// Why the connection before this one ended, until this one has proved stable.
        lately: Option<String>,
    },
    /// `reason` says what, which, and what to do.
    Away { reason: String, since: WallTime },
}

/// A message of somebody else's, who hears when the broker has acknowledged it; a sender that is dropped means that
/// it did not in time.
#[derive(Debug)]
pub struct Post {
    pub message: Message,
    pub acknowledged: oneshot::Sender<()>,
}

/// What an acknowledgement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    State,
    /// The printer at this place.
    Status(usize),
    Gap(usize),
    /// What Home Assistant is told of a printer.
    Discovery,
    /// The journal entry of this `seq`.
    Journal(u64),
    /// The post of this number.
    Post(u64),
}

/// What comes back with an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    of: Of,
    /// Samples up to this number went the same way before it, and so have arrived too.
    samples: u64,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("nothing can be published: {0}")]
    Journal(#[from] JournalError),
}

enum End {
    Shutdown,
    Away(Trouble),
}

type Change = Pin<Box<dyn Future<Output = (usize, Option<Live>)> + Send>>;

/// Starts the task that publishes until `shutdown`. Without a configuration it ends at once.
///
/// Nobody ever waits for it: it reads the journal and the board, and a broker that is away costs
/// nothing but its own backlog.
pub fn spawn(
    recorder: Recorder,
    board: Board,
    clock: Clock,
    site: SiteName,
    node: NodeName,
    mqtt: Option<config::Mqtt>,
    shutdown: CancellationToken,
) -> (JoinHandle<()>, watch::Receiver<MqttStatus>) {
    let (_, nothing) = mpsc::channel(1);
    spawn_with(recorder, board, clock, site, node, mqtt, nothing, shutdown)
}

/// The same, with what others want to have published.
#[expect(clippy::too_many_arguments, reason = "each is another thing of the daemon's")]
pub fn spawn_with(
    recorder: Recorder,
    board: Board,
    clock: Clock,
    site: SiteName,
    node: NodeName,
    mqtt: Option<config::Mqtt>,
    posts: mpsc::Receiver<Post>,
    shutdown: CancellationToken,
) -> (JoinHandle<()>, watch::Receiver<MqttStatus>) {
    let origin = Origin { site, node };
    let Some(settings) = mqtt else {
        return (tokio::spawn(async {}), watch::channel(MqttStatus::Off).1);
    };
    let home_assistant = settings.home_assistant.clone();
    let dialler = Dialler::new(settings, origin.client());
    begin(recorder, board, clock, origin, dialler, home_assistant, posts, shutdown)
}

/// The same, over any way to a broker.
pub fn spawn_over(
    recorder: Recorder,
    board: Board,
    clock: Clock,
    origin: Origin,
    dialler: impl Dial,
    shutdown: CancellationToken,
) -> (JoinHandle<()>, watch::Receiver<MqttStatus>) {
    let (_, nothing) = mpsc::channel(1);
    spawn_over_with(recorder, board, clock, origin, dialler, nothing, shutdown)
}

/// The same, with what others want to have published.
pub fn spawn_over_with(
    recorder: Recorder,
    board: Board,
    clock: Clock,
    origin: Origin,
    dialler: impl Dial,
    posts: mpsc::Receiver<Post>,
    shutdown: CancellationToken,
) -> (JoinHandle<()>, watch::Receiver<MqttStatus>) {
    begin(recorder, board, clock, origin, dialler, None, posts, shutdown)
}

#[expect(clippy::too_many_arguments, reason = "each is another thing of the daemon's")]
fn begin(
    recorder: Recorder,
    board: Board,
    clock: Clock,
    origin: Origin,
    dialler: impl Dial,
    home_assistant: Option<config::HomeAssistant>,
    posts: mpsc::Receiver<Post>,
    shutdown: CancellationToken,
) -> (JoinHandle<()>, watch::Receiver<MqttStatus>) {
    let broker = dialler.broker();
    let reason = format!("connecting to the MQTT broker at {broker}");
    let (status, watching) = watch::channel(MqttStatus::Away { reason, since: clock.wall() });
    // Before the records are read, so that no change falls between.
    let feed = recorder.subscribe();
    let shelves: Vec<Shelf> =
        board.printers().map(|(name, live)| Shelf::new(live.clone(), recorder.printer(name))).collect();
    let changes = FuturesUnordered::new();
    for (place, shelf) in shelves.iter().enumerate() {
        changes.push(change(place, shelf.live.clone()));
    }
    // A connection that is there within the first second has missed nothing.
    let mut second = interval_at(Instant::now() + TICK, TICK);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pump = Pump {
        recorder,
        clock,
        origin,
        broker,
        shutdown,
        status,
        feed,
        changes,
        shelves,
        statuses_in_flight: 0,
        home_assistant,
        discovered: 0,
        second,
        turn: 0,
        left: 0,
        samples_sent: 0,
        samples_arrived: 0,
        outbox: Outbox::after(0),
        saved_cursor: 0,
        page: VecDeque::new(),
        behind: true,
        posts,
        posted: 0,
        open_posts: BTreeMap::new(),
    };
    (tokio::spawn(pump.run(dialler)), watching)
}

/// The next change of a printer's snapshot; `None` where its task has ended.
fn change(place: usize, mut live: Live) -> Change {
    Box::pin(async move {
        let changed = live.changed().await;
        (place, changed.is_ok().then_some(live))
    })
}

/// Longer after each failure, and never the same for two nodes that lost the same broker.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
    /// Connections in a row that the broker ended before they proved stable.
    cut_short: u32,
}

impl Backoff {
    fn next(&mut self, random: u8) -> Duration {
        let full = (BACKOFF_MIN * 2u32.saturating_pow(self.failures.min(10))).min(BACKOFF_MAX);
        self.failures += 1;
        // Between three quarters and the whole.
        full - full / 4 * u32::from(random) / 255
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whoever takes our place is only seldom named: not in 3.1.1, and in 5 rumqttc overlooks a
    /// DISCONNECT without properties, as mosquitto sends it. That it happens again and again shows it.
    fn explain(&mut self, error: ConnectionError) -> ConnectionError {
        match error {
            ConnectionError::Lost { broker, detail } => {
                self.cut_short += 1;
                if self.cut_short < SUSPICIOUS {
                    return ConnectionError::Lost { broker, detail };
                }
                ConnectionError::CutShort { broker, detail }
            }
            other => {
                self.cut_short = 0;
                other
            }
        }
    }
}

struct Pump {
    recorder: Recorder,
    clock: Clock,
    origin: Origin,
    /// `host:port`.
    broker: String,
    shutdown: CancellationToken,
    status: watch::Sender<MqttStatus>,
    feed: broadcast::Receiver<std::sync::Arc<Event>>,
    changes: FuturesUnordered<Change>,
    /// In the order of the board.
    shelves: Vec<Shelf>,
    statuses_in_flight: usize,
    /// Below which topic Home Assistant looks for devices, and how many it was told of on this connection.
    home_assistant: Option<config::HomeAssistant>,
    discovered: usize,
    second: Interval,
    /// The printer whose turn is next, and how many have not yet had theirs since the last tick.
    turn: usize,
    left: usize,
    /// The number of the last sample that was handed over, and of the last that has surely arrived.
    samples_sent: u64,
    samples_arrived: u64,
    outbox: Outbox,
    saved_cursor: u64,
    /// Entries that were read and not yet taken.
    page: VecDeque<Event>,
    /// The journal may hold entries that were not read yet.
    behind: bool,
    posts: mpsc::Receiver<Post>,
    /// The number of the last post.
    posted: u64,
    open_posts: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Pump {
    async fn run(mut self, dialler: impl Dial) {
        let shutdown = self.shutdown.clone();
        let cursor = self.recorder.cursor(CURSOR);
        self.outbox = Outbox::after(cursor);
        self.saved_cursor = cursor;
        let mut backoff = Backoff::default();
        // The same reason again is not worth a line in the log.
        let mut complaint = None;
        loop {
            let will = self.origin.state(NodeState::Lost, &self.clock.stamp());
            let end = match self.meanwhile(dialler.connect(will)).await {
                Ok(link) => self.serve(link, &mut backoff, &mut complaint).await,
                Err(error) => End::Away(error.into()),
            };
            let reason = match end {
                End::Shutdown => break,
                End::Away(Trouble::Connection(error)) => backoff.explain(error).to_string(),
                End::Away(trouble) => trouble.to_string(),
            };
            if complaint.as_ref() != Some(&reason) {
                tracing::warn!("{reason}; trying again, at most every {} s", BACKOFF_MAX.as_secs());
                complaint = Some(reason.clone());
            }
            self.away(reason);
            let pause = timeout(backoff.next(entropy()[0]), shutdown.cancelled());
            if self.meanwhile(pause).await.is_ok() {
                break;
            }
        }
        self.save_cursor();
        self.status.send_replace(MqttStatus::Off);
    }

    /// Waits for something, and counts the samples that do not go out until then.
    async fn meanwhile<T>(&mut self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return done,
                _ = self.second.tick() => self.leave_out_all(),
            }
        }
    }

    fn away(&self, reason: String) {
        let now = self.clock.wall();
        self.status.send_modify(|status| {
            let since = if let MqttStatus::Away { since, .. } = status { *since } else { now };
            *status = MqttStatus::Away { reason, since };
        });
    }

    /// One connection, from dialling to its end.
    async fn serve(
        &mut self,
        mut link: Connection<Ticket>,
        backoff: &mut Backoff,
        complaint: &mut Option<String>,
    ) -> End {
        let shutdown = self.shutdown.clone();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.reset();
        let mut connected = false;
        self.begin_again();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => {
                    if connected {
                        self.farewell(link).await;
                    }
                    return End::Shutdown;
                }
                news = link.next() => match news {
                    // Alone, and the rest when it is acknowledged: mosquitto says that a message
                    // is forbidden and hangs up, and more messages would drown what it said.
                    News::Connected => self.say(&mut link, NodeState::Online),
                    News::Acknowledged(Ticket { of: Of::State, .. }) if !connected => {
                        connected = true;
                        self.second.reset_immediately();
                        if complaint.is_none() {
                            tracing::info!("publishing to the MQTT broker at {}", self.broker);
                        }
                        let (since, lately) = (self.clock.wall(), complaint.clone());
                        self.status.send_replace(MqttStatus::Connected { since, lately });
                    }
                    News::Acknowledged(ticket) => self.acknowledged(ticket),
                    News::Closed => return End::Shutdown,
                    News::Gone(why) => return End::Away(why.into()),
                },
                heard = self.feed.recv() => match heard {
                    Ok(event) => self.heard(&event),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.heard_too_little(),
                    Err(broadcast::error::RecvError::Closed) => return End::Shutdown,
                },
                Some((place, live)) = self.changes.next() => self.changed(place, live),
                Some(post) = self.posts.recv(), if connected && self.open_posts.len() < POST_WINDOW => {
                    self.post(&mut link, post);
                }
                _ = self.second.tick() => {
                    if connected {
                        self.tick(&mut link);
                    } else {
                        self.leave_out_all();
                    }
                }
                _ = heartbeat.tick(), if connected => {
                    self.say(&mut link, NodeState::Online);
                    self.is_stable(backoff, complaint);
                }
            }
            if connected && let Err(error) = self.fill(&mut link).await {
                return End::Away(error.into());
            }
        }
    }

    /// Only now: a connection that is lost at once must not be sought again at once, for ever.
    fn is_stable(&self, backoff: &mut Backoff, complaint: &mut Option<String>) {
        backoff.reset();
        if complaint.take().is_some() {
            tracing::info!("publishing to the MQTT broker at {} again", self.broker);
        }
        self.status.send_if_modified(|status| match status {
            MqttStatus::Connected { lately, .. } => lately.take().is_some(),
            _ => false,
        });
    }

    fn begin_again(&mut self) {
        self.outbox.rewind();
        self.page.clear();
        self.behind = true;
        // Whoever posted them hears that they did not arrive.
        self.open_posts.clear();
        self.statuses_in_flight = 0;
        self.discovered = 0;
        self.left = 0;
        for shelf in &mut self.shelves {
            shelf.forget();
        }
    }

    fn acknowledged(&mut self, ticket: Ticket) {
        if ticket.samples > self.samples_arrived {
            self.samples_arrived = ticket.samples;
            for shelf in &mut self.shelves {
                shelf.samples.arrived(ticket.samples);
            }
        }
        match ticket.of {
            Of::State => {}
            Of::Status(place) => {
                self.statuses_in_flight -= 1;
                self.shelves[place].acknowledged();
            }
            Of::Gap(place) => {
                self.statuses_in_flight -= 1;
                self.shelves[place].samples.told();
            }
            Of::Discovery => self.statuses_in_flight -= 1,
            Of::Journal(seq) => self.outbox.acknowledge(seq),
            Of::Post(number) => {
                if let Some(acknowledged) = self.open_posts.remove(&number) {
                    let _ = acknowledged.send(());
                }
            }
        }
    }

    /// One that nobody waits for any more comes again.
    fn post(&mut self, link: &mut Connection<Ticket>, post: Post) {
        self.open_posts.retain(|_, acknowledged| !acknowledged.is_closed());
        if !post.acknowledged.is_closed() {
            self.posted += 1;
            self.open_posts.insert(self.posted, post.acknowledged);
            self.send(link, post.message, Of::Post(self.posted));
        }
    }

    fn heard(&mut self, event: &Event) {
        self.behind = true;
        let Some(name) = event.fact.printer() else { return };
        if let Some(shelf) = self.shelves.iter_mut().find(|shelf| shelf.record.name == *name) {
            shelf.record = self.recorder.printer(name);
            shelf.touch();
        }
    }

    fn heard_too_little(&mut self) {
        self.behind = true;
        for shelf in &mut self.shelves {
            shelf.record = self.recorder.printer(&shelf.record.name);
            shelf.touch();
        }
    }

    fn changed(&mut self, place: usize, live: Option<Live>) {
        // A snapshot that follows from an event is not shown with the bed from before it.
        loop {
            match self.feed.try_recv() {
                Ok(event) => self.heard(&event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.heard_too_little(),
                Err(_) => break,
            }
        }
        let shelf = &mut self.shelves[place];
        // No event tells of a lock that the journal does not take.
        if self.recorder.owes(&shelf.record.name) {
            shelf.record = self.recorder.printer(&shelf.record.name);
        }
        shelf.touch();
        if let Some(live) = live {
            self.changes.push(change(place, live));
        }
    }

    fn say(&self, link: &mut Connection<Ticket>, state: NodeState) {
        self.send(link, self.origin.state(state, &self.clock.stamp()), Of::State);
    }

    fn send(&self, link: &mut Connection<Ticket>, message: Message, of: Of) {
        link.send(message, Ticket { of, samples: self.samples_sent });
    }

    /// Sends what may be sent now.
    async fn fill(&mut self, link: &mut Connection<Ticket>) -> Result<(), JournalError> {
        for place in 0..self.shelves.len() {
            if self.statuses_in_flight >= STATUS_WINDOW {
                break;
            }
            self.status(link, place, false);
        }
        self.discover(link);
        self.turns(link);
        while self.outbox.in_flight() < JOURNAL_WINDOW {
            let Some(event) = self.next_entry().await? else { break };
            let mut messages: Vec<_> = self.origin.event(&event).into_iter().collect();
            if let (true, Some(subject)) = (event.fact.ends_job(), &event.subject) {
                let job = self.recorder.read(|lab| lab.jobs.get(&subject.job).cloned());
                messages.extend(job.and_then(|job| self.origin.summary(&event, &job)));
            }
            self.outbox.take(event.seq, messages.len());
            for message in messages {
                self.send(link, message, Of::Journal(event.seq));
            }
        }
        Ok(())
    }

    /// Tells Home Assistant of every printer, once a connection: the broker keeps it for whoever comes later.
    fn discover(&mut self, link: &mut Connection<Ticket>) {
        let Some(told) = &self.home_assistant else { return };
        while self.statuses_in_flight < STATUS_WINDOW
            && let Some(shelf) = self.shelves.get(self.discovered)
        {
            let message = home_assistant::discovery(&self.origin, told, &shelf.record.name);
            self.discovered += 1;
            self.statuses_in_flight += 1;
            self.send(link, message, Of::Discovery);
        }
    }

    async fn next_entry(&mut self) -> Result<Option<Event>, JournalError> {
        if self.page.is_empty() && self.behind {
            self.page = self.recorder.events(self.outbox.next(), PAGE).await?.into();
            self.behind = self.page.len() == PAGE;
        }
        Ok(self.page.pop_front())
    }

    /// Tells what a printer does, where that is due; with `tick` also how it does.
    fn status(&mut self, link: &mut Connection<Ticket>, place: usize, tick: bool) {
        let (shelf, recorder) = (&mut self.shelves[place], &self.recorder);
        let mut belonging = None;
        let due = shelf.due(tick, |snapshot, record| {
            belonging = belongs(recorder, snapshot.activity.job());
            status_content(snapshot, record, belonging.as_ref())
        });
        if let Some(snapshot) = due {
            let stamp = self.clock.stamp();
            let message = self.origin.status(&snapshot, &shelf.record, belonging.as_ref(), &stamp);
            self.statuses_in_flight += 1;
            self.send(link, message, Of::Status(place));
        }
    }

    fn tick(&mut self, link: &mut Connection<Ticket>) {
        // Whose turn did not come in a whole second is the first of the next round, without this sample.
        self.leave_out_rest();
        self.left = self.shelves.len();
        self.turns(link);
        self.save_cursor();
    }

    /// Lets as many printers speak as there is room for: their status, and their telemetry behind its gap. The
    /// others follow when something was acknowledged.
    fn turns(&mut self, link: &mut Connection<Ticket>) {
        while self.left > 0 && self.statuses_in_flight < STATUS_WINDOW {
            let place = self.turn;
            self.turn = (place + 1) % self.shelves.len();
            self.left -= 1;
            self.status(link, place, true);
            self.sample(link, place);
        }
    }

    fn sample(&mut self, link: &mut Connection<Ticket>, place: usize) {
        let shelf = &mut self.shelves[place];
        let (snapshot, stamp) = (shelf.snapshot(), self.clock.stamp());
        let congested = link.is_congested();
        if !congested && let Some(gap) = shelf.samples.tell() {
            let message = self.origin.gap(&shelf.record.name, gap);
            self.statuses_in_flight += 1;
            link.send(message, Ticket { of: Of::Gap(place), samples: self.samples_sent });
        }
        if is_silent(&snapshot) {
            return;
        }
        if congested || !shelf.samples.may_go() {
            shelf.samples.leave_out(&stamp);
            return;
        }
        let belonging = belongs(&self.recorder, snapshot.activity.job());
        let message = self.origin.telemetry(&snapshot, belonging.as_ref(), &stamp);
        self.samples_sent += 1;
        shelf.samples.sent(self.samples_sent, stamp);
        self.send(link, message, Of::State);
    }

    /// A second in which nobody hears anything.
    fn leave_out_all(&mut self) {
        self.left = self.shelves.len();
        self.leave_out_rest();
    }

    fn leave_out_rest(&mut self) {
        let (stamp, all) = (self.clock.stamp(), self.shelves.len());
        for behind in 0..std::mem::take(&mut self.left) {
            let shelf = &mut self.shelves[(self.turn + behind) % all];
            if !is_silent(&shelf.snapshot()) {
                shelf.samples.leave_out(&stamp);
            }
        }
    }

    /// It goes to the disk with the next entry of the journal; an event sent twice does no harm.
    fn save_cursor(&mut self) {
        let cursor = self.outbox.cursor();
        if cursor != self.saved_cursor {
            self.recorder.set_cursor(CURSOR, cursor);
            self.saved_cursor = cursor;
        }
    }

    /// Tells that we end on purpose, so that the broker does not tell that we are lost.
    async fn farewell(&mut self, mut link: Connection<Ticket>) {
        let deadline = Instant::now() + FAREWELL;
        // The last samples, and the gaps in front of them.
        self.left = self.shelves.len();
        // A journal that cannot be read now is read at the next start.
        let _ = self.fill(&mut link).await;
        self.say(&mut link, NodeState::Offline);
        while link.outstanding() > 0 {
            match timeout_at(deadline, link.next()).await {
                Ok(News::Acknowledged(ticket)) => self.acknowledged(ticket),
                Ok(News::Connected) => {}
                Ok(News::Closed | News::Gone(_)) => return,
                // What it has not acknowledged is sent again at the next start; the goodbye is said all the same.
                Err(_) => break,
            }
        }
        link.disconnect();
        let closed = async { while !matches!(link.next().await, News::Closed | News::Gone(_)) {} };
        if timeout(FAREWELL, closed).await.is_err() {
            tracing::warn!("the MQTT broker at {} did not say goodbye", self.broker);
        }
    }
}

/// A printer that is not there has no telemetry.
fn is_silent(snapshot: &Snapshot) -> bool {
    matches!(snapshot.activity, Activity::Offline { .. } | Activity::Connecting)
}

/// The case and part of the job that a printer is at.
fn belongs(recorder: &Recorder, job: Option<&JobId>) -> Option<Belonging> {
    recorder.read(|lab| {
        let job = lab.jobs.get(job?)?;
        Some(Belonging { case: job.case.clone(), part: job.part.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_limit_and_no_further() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.next(0)).collect();
        assert_eq!(waits[0], BACKOFF_MIN);
        assert!(waits.is_sorted());
        assert_eq!(waits[11], BACKOFF_MAX);
        assert!(backoff.next(255) >= BACKOFF_MAX / 4 * 3);
        backoff.reset();
        assert_eq!(backoff.next(0), BACKOFF_MIN);
    }

    #[test]
    fn connections_that_are_cut_short_again_and_again_are_explained_and_others_are_not() {
        let lost = || ConnectionError::Lost { broker: "b:1".into(), detail: "closed".into() };
        let away = || ConnectionError::Unreachable { broker: "b:1".into(), detail: "refused".into() };
        let mut backoff = Backoff::default();
        // A broker that is restarted, twice.
        for error in [lost(), away(), lost(), lost()] {
            assert_eq!(backoff.explain(error.clone()), error);
        }
        let said = backoff.explain(lost()).to_string();
        assert!(said.contains("(closed); if another client uses this site and node"), "{said}");
        backoff.reset();
        assert_eq!(backoff.explain(lost()), lost());
    }
}
