//! The one writer of the journal: judges requests, commits them in groups, then says yes.
//!
//! Requests that arrive while a commit is under way wait and go into the next one together, so
//! that many printers share one `fdatasync`. Nothing is visible to readers before it is durable.
//!
//! ```text
//! request ─▶ judge ─▶ chain ─▶ commit of the group ─▶ the lab that all see ─▶ feed ─▶ yes
//!               └─refused          └─failed: the group is as if never asked, but for what bars a printer,
//!                                    which is kept beside the journal (`services::owed`)
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

pub use super::journal::{Audit, JournalError, audit};
use super::journal::{audit_while, load};
use super::owed::{Due, Keeping, Owed, is_kept};
use super::timed::Timed;
use crate::domain::event::{Actor, ChainHash, ChainedRecord, Event, Fact};
use crate::domain::ids::{JobId, NodeName, PrinterName, SiteName};
use crate::domain::lab::{EntityKey, Lab, Reached, Refusal, Request};
use crate::domain::printer::PrinterRecord;
use crate::io::clock::Clock;
use crate::io::latches::Kept;
use crate::io::offload::offload;
use crate::io::store::{Batch, Store, StoreError, VALUE_MAX, Value};

/// Printers, people and readers together: 128 printers with one progress each, and some people.
const QUEUE: usize = 512;
/// One commit: small enough to stay within a few segments of the store.
const GROUP_MAX: usize = 128;
/// A reader that is further behind reads from the store instead.
const FEED: usize = 1024;
/// The longest entry, in bytes: what it changes is stored too, with what stood there before.
const ENTRY_MAX: usize = VALUE_MAX / 2;
/// What is kept beside the journal is tried again after this time, where nothing else is written meanwhile.
const OWED_AGAIN: Duration = Duration::from_secs(2);
/// In the store once there is a file for what bars printers, so that it is missed when it is gone.
const HAS_LATCHES: &str = "latches";

/// Why a request got no yes.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("not recorded: {0}")]
    Store(#[from] Arc<StoreError>),
    /// It bars a printer, and is on the disk beside the journal: it outlives a crash, and whoever asked need not ask
    /// again.
    #[error("kept, but not in the journal yet: {0}")]
    Kept(Arc<StoreError>),
    #[error(
        "not recorded: the entry would have {bytes} bytes, and {ENTRY_MAX} is the most; use shorter names"
    )]
    TooLong { bytes: usize },
    #[error("platen is shutting down; ask again when it is back")]
    Closed,
}

type Answer = Result<Vec<Arc<Event>>, NotRecorded>;

struct Ask {
    request: Request,
    actor: Actor,
    answer: oneshot::Sender<Answer>,
}

enum Message {
    Ask(Box<Ask>),
    Probe(oneshot::Sender<Result<(), NotRecorded>>),
    Close(oneshot::Sender<()>),
}

struct Shared {
    lab: RwLock<Lab>,
    feed: broadcast::Sender<Arc<Event>>,
    store: Arc<dyn Store>,
    cursors: Mutex<Cursors>,
    /// What the last audit found wrong.
    finding: Mutex<Option<String>>,
    /// What is kept beside the journal, of printers that have any such thing.
    kept: RwLock<BTreeMap<PrinterName, Vec<Kept>>>,
    appends: Appends,
}

/// How the journal takes entries, since the start.
#[derive(Debug, Default)]
pub struct Appends {
    /// From a group that is ready to its end on the disk.
    pub time: Timed,
    failed: AtomicU64,
}

impl Appends {
    /// Groups that the store did not take.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Where the journal's readers are; kept in memory, so that nobody asks the disk for it.
#[derive(Default)]
struct Cursors {
    places: BTreeMap<String, u64>,
    /// Places that no commit has taken yet.
    moved: BTreeMap<String, u64>,
}

/// A handle to the recorder; cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// What is known of the jobs that the last daemon left running.
#[derive(Clone, Debug, Default)]
pub struct LeftRunning {
    /// These are not interrupted yet.
    pub rejoining: Vec<JobId>,
    /// How far they and others had come, where that is known from elsewhere, too.
    pub reached: BTreeMap<JobId, Reached>,
}

impl From<Vec<JobId>> for LeftRunning {
    fn from(rejoining: Vec<JobId>) -> Self {
        Self { rejoining, ..Self::default() }
    }
}

impl Recorder {
    /// Opens the journal in `store`, begins this boot in it, and runs until all handles are gone.
    ///
    /// Jobs that the last daemon left running are interrupted here, before anybody can ask.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Clock,
        site: SiteName,
        node: NodeName,
    ) -> Result<Self, JournalError> {
        Self::open_leaving(store, clock, site, node, |_| LeftRunning::default()).await
    }

    /// The same, where what bars a printer is kept although the journal does not take it.
    pub async fn open_keeping<L: Into<LeftRunning>>(
        store: Arc<dyn Store>,
        clock: Clock,
        site: SiteName,
        node: NodeName,
        keeping: Keeping,
        left: impl FnOnce(&Lab) -> L + Send + 'static,
    ) -> Result<Self, JournalError> {
        Self::open_with(store, clock, site, node, Some(keeping), left).await
    }

    /// The same, but `left` picks jobs that are not interrupted yet: whoever picked them must see that each is
    /// continued or interrupted.
    pub async fn open_leaving<L: Into<LeftRunning>>(
        store: Arc<dyn Store>,
        clock: Clock,
        site: SiteName,
        node: NodeName,
        left: impl FnOnce(&Lab) -> L + Send + 'static,
    ) -> Result<Self, JournalError> {
        Self::open_with(store, clock, site, node, None, left).await
    }

    async fn open_with<L: Into<LeftRunning>>(
        store: Arc<dyn Store>,
        clock: Clock,
        site: SiteName,
        node: NodeName,
        keeping: Option<Keeping>,
        left: impl FnOnce(&Lab) -> L + Send + 'static,
    ) -> Result<Self, JournalError> {
        let writer = blocking(move || {
            let (lab, head) = load(store.as_ref())?;
            let shared = Arc::new(Shared {
                lab: RwLock::new(lab.clone()),
                feed: broadcast::channel(FEED).0,
                cursors: Mutex::new(load_cursors(store.as_ref())?),
                finding: Mutex::default(),
                kept: RwLock::default(),
                appends: Appends::default(),
                store,
            });
            let mut writer = Writer { lab, head, clock, failed: false, owed: Owed::default(), shared };
            writer.begin(site, node, keeping, |lab| left(lab).into())?;
            Ok(writer)
        })
        .await?;
        let (queue, inbox) = mpsc::channel(QUEUE);
        let shared = Arc::clone(&writer.shared);
        tokio::spawn(writer.run(inbox));
        Ok(Self { queue, shared })
    }

    /// Asks for a change. `Ok` means that it is on the disk; the events are what it became.
    pub async fn submit(&self, request: Request, actor: Actor) -> Result<Vec<Arc<Event>>, NotRecorded> {
        let (answer, answered) = oneshot::channel();
        let ask = Message::Ask(Box::new(Ask { request, actor, answer }));
        self.queue.send(ask).await.map_err(|_| NotRecorded::Closed)?;
        answered.await.unwrap_or(Err(NotRecorded::Closed))
    }

    /// Whether the writer is there and the store would take an entry now.
    pub async fn probe(&self) -> Result<(), NotRecorded> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Probe(answer)).await.map_err(|_| NotRecorded::Closed)?;
        answered.await.unwrap_or(Err(NotRecorded::Closed))
    }

    /// Looks at the lab as it is on the disk. Keep the closure short: writers wait for it.
    pub fn read<T>(&self, look: impl FnOnce(&Lab) -> T) -> T {
        look(&self.shared.lab.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A printer with its lock as it is on the disk, whether in the journal or kept beside it.
    pub fn printer(&self, name: &PrinterName) -> PrinterRecord {
        self.read(|lab| self.printer_in(lab, name))
    }

    /// The same, in the middle of a look at the lab.
    pub fn printer_in(&self, lab: &Lab, name: &PrinterName) -> PrinterRecord {
        let mut record = lab.printer(name);
        let kept = self.shared.kept.read().unwrap_or_else(PoisonError::into_inner);
        for one in kept.get(name).into_iter().flatten() {
            record.learn(&one.fact, one.stamp.wall);
        }
        record
    }

    /// Whether it is on the disk that this job was cancelled, and the journal does not have that yet.
    pub fn owes_cancelling(&self, job: &JobId) -> bool {
        let kept = self.shared.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mut facts = kept.values().flatten().map(|one| &one.fact);
        facts.any(|fact| matches!(fact, Fact::CancelAsked { job: cancelled, .. } if cancelled == job))
    }

    /// Whether something of this printer is kept beside the journal, which does not have it yet.
    pub fn owes(&self, name: &PrinterName) -> bool {
        self.shared.kept.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// Events from now on. A reader that lags gets `Lagged` and catches up with `events`.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.shared.feed.subscribe()
    }

    /// Journal entries from `seq` on, at most `limit`; reads the disk on a blocking thread.
    pub async fn events(&self, from: u64, limit: usize) -> Result<Vec<Event>, JournalError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let raw = shared.store.events(from, limit)?;
            raw.iter().map(|(seq, bytes)| Ok(ChainedRecord::from_bytes(*seq, bytes)?.event(*seq)?)).collect()
        })
        .await
    }

    /// The same entries as they are chained, byte for byte.
    pub async fn records(&self, from: u64, limit: usize) -> Result<Vec<ChainedRecord>, JournalError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let raw = shared.store.events(from, limit)?;
            raw.iter().map(|(seq, bytes)| Ok(ChainedRecord::from_bytes(*seq, bytes)?)).collect()
        })
        .await
    }

    /// How long it takes to write entries down, and how often that failed.
    pub fn appends(&self) -> &Appends {
        &self.shared.appends
    }

    /// The places of all readers.
    pub fn cursors(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.cursors).places.clone()
    }

    /// Checks the whole journal on a blocking thread, while it is in use.
    pub async fn audit(&self) -> Result<Audit, JournalError> {
        self.audit_until(CancellationToken::new()).await
    }

    /// The same, which ends with `Closed` when `ending` is cancelled.
    pub async fn audit_until(&self, ending: CancellationToken) -> Result<Audit, JournalError> {
        let shared = Arc::clone(&self.shared);
        let found = blocking(move || audit_while(shared.store.as_ref(), || !ending.is_cancelled())).await;
        let finding = match &found {
            Err(JournalError::Busy | JournalError::Closed) => return found,
            Err(JournalError::Store(error)) if !matches!(error, StoreError::Damaged { .. }) => return found,
            Err(finding) => Some(finding.to_string()),
            Ok(_) => None,
        };
        *lock(&self.shared.finding) = finding;
        found
    }

    /// What the last audit of the whole journal found wrong, and what to do.
    pub fn finding(&self) -> Option<String> {
        lock(&self.shared.finding).clone()
    }

    /// Where a reader of the journal has come to: the `seq` of the last event it is done with.
    pub fn cursor(&self, name: &str) -> u64 {
        lock(&self.shared.cursors).places.get(name).copied().unwrap_or(0)
    }

    /// Remembers a reader's place; it goes to the disk with the next event, or at the end.
    /// After a crash the reader may see some events again, never miss one.
    pub fn set_cursor(&self, name: &str, seq: u64) {
        let mut cursors = lock(&self.shared.cursors);
        cursors.places.insert(name.to_owned(), seq);
        cursors.moved.insert(name.to_owned(), seq);
    }

    /// Records what was asked so far, and the cursors, and ends. Later requests get `Closed`.
    pub async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = ended.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    match offload(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(JournalError::Closed),
        },
    }
}

const CURSOR: &str = "cursor/";

fn load_cursors(store: &dyn Store) -> Result<Cursors, StoreError> {
    let mut cursors = Cursors::default();
    for (key, value) in store.all_meta()? {
        if let (Some(name), Ok(seq)) = (key.strip_prefix(CURSOR), value.try_into()) {
            cursors.places.insert(name.to_owned(), u64::from_be_bytes(seq));
        }
    }
    Ok(cursors)
}

struct Writer {
    /// Ahead of the shared one while a group is being judged and committed.
    lab: Lab,
    head: ChainHash,
    clock: Clock,
    /// The last commit was refused.
    failed: bool,
    /// What bars printers and is kept beside the journal.
    owed: Owed,
    shared: Arc<Shared>,
}

/// What one commit takes along.
struct Group {
    /// Of the last entry in it.
    head: ChainHash,
    batch: Batch,
    events: Vec<Arc<Event>>,
    touched: Vec<EntityKey>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Group {
    fn after(head: ChainHash) -> Self {
        let (batch, events, touched, answers) = Default::default();
        Self { head, batch, events, touched, answers }
    }

    /// Takes the events of one request in, all or none of them, and makes them true in `lab`.
    fn take(&mut self, lab: &mut Lab, events: Vec<Event>) -> Result<Vec<Arc<Event>>, StoreError> {
        let mut head = self.head;
        let mut records = Vec::with_capacity(events.len());
        for event in &events {
            let record = ChainedRecord::chain(head, event);
            head = record.hash;
            let bytes = record.to_bytes();
            if bytes.len() > ENTRY_MAX {
                return Err(StoreError::TooLong { bytes: bytes.len() });
            }
            records.push((event.seq, Value::new(bytes)?));
        }
        for event in &events {
            self.touched.extend(lab.apply(event));
        }
        self.head = head;
        self.batch.events.extend(records);
        let events: Vec<_> = events.into_iter().map(Arc::new).collect();
        self.events.extend(events.iter().cloned());
        Ok(events)
    }

    /// Adds what the events changed, as `lab` has it now, and the readers' new places.
    fn complete(&mut self, lab: &Lab, cursors: &BTreeMap<String, u64>) -> Result<(), StoreError> {
        self.touched.sort();
        self.touched.dedup();
        for key in &self.touched {
            if let Some(json) = lab.entity(key) {
                self.batch.entities.push((key.path(), Value::new(json)?));
            }
        }
        for (name, seq) in cursors {
            self.batch.meta.push((format!("{CURSOR}{name}"), Value::new(seq.to_be_bytes().to_vec())?));
        }
        Ok(())
    }
}

/// What a printer has done already. A crash that forgot a stop could let a printer be used that must
/// not be; the others are noted in order, so that a stop would wait behind them.
fn is_urgent(request: &Request) -> bool {
    matches!(
        request,
        Request::LaidNothing(_)
            | Request::SentNothing(_)
            | Request::NoteStopped { .. }
            | Request::NoteFaulted { .. }
            | Request::NoteHeatAlarm { .. }
            | Request::NoteQuarantined { .. }
            | Request::NoteRecognised { .. }
            | Request::NoteIdentified { .. }
            | Request::NoteInterrupted { .. }
            | Request::NotePrinted { .. }
            | Request::NotePaused { .. }
            | Request::NoteResumed { .. }
            | Request::NoteContinued { .. }
            | Request::NoteAnswered { .. }
            | Request::NoteCancelling { .. }
            | Request::NoteTrailLost { .. }
            | Request::CancelJob { .. }
    )
}

impl Writer {
    /// The first entries of this life of the daemon. Blocks.
    fn begin(
        &mut self,
        site: SiteName,
        node: NodeName,
        keeping: Option<Keeping>,
        left: impl FnOnce(&Lab) -> LeftRunning,
    ) -> Result<(), JournalError> {
        let mut group = Group::after(self.head);
        if self.lab.counters.seq == 0 {
            let begun = Event {
                seq: 1,
                stamp: self.clock.stamp(),
                actor: Actor::Platen,
                subject: None,
                fact: Fact::JournalBegun { site, node },
            };
            group.take(&mut self.lab, vec![begun])?;
        }
        let has_latches = self.shared.store.meta(HAS_LATCHES)?.is_some();
        if let Some(keeping) = &keeping {
            let now = self.clock.stamp();
            // Before anybody decides by the lab what goes on.
            let found = Owed::found(keeping, self.shared.store.as_ref(), has_latches, &now)?;
            self.take_due(&mut group, found)?;
        }
        let LeftRunning { rejoining, reached } = left(&self.lab);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let request = Request::BeginBoot { version, rejoining, reached };
        let now = self.clock.stamp();
        let facts = self.lab.judge(&request, now.wall).unwrap_or_default();
        let booted = self.lab.number(&request, facts, &now, &Actor::Platen);
        group.take(&mut self.lab, booted)?;
        group.complete(&self.lab, &BTreeMap::new())?;
        self.shared.store.commit(&group.batch)?;
        self.head = group.head;
        *self.shared.lab.write().unwrap_or_else(PoisonError::into_inner) = self.lab.clone();
        self.owed = keeping.map(Owed::begin).unwrap_or_default();
        if self.owed.has_file() && !has_latches {
            let meta = vec![(HAS_LATCHES.to_owned(), Value::new(Vec::new())?)];
            if let Err(error) = self.shared.store.commit(&Batch { meta, ..Batch::default() }) {
                tracing::warn!(%error, "the journal does not know yet that there is a file of the locks");
            }
        }
        Ok(())
    }

    /// Takes in what happened before, as it happened then.
    fn take_due(&mut self, group: &mut Group, due: Vec<Due>) -> Result<(), StoreError> {
        for Due { request, actor, stamp } in due {
            // Refused is what does not matter any more: its job has ended.
            let facts = self.lab.judge(&request, stamp.wall).unwrap_or_default();
            let events = self.lab.number(&request, facts, &stamp, &actor);
            group.take(&mut self.lab, events)?;
            group.batch.urgent = true;
        }
        Ok(())
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(GROUP_MAX);
        let mut closing = Vec::new();
        // A time of its own: questions that write nothing must not put it off again and again.
        let mut again = Instant::now() + OWED_AGAIN;
        while closing.is_empty() {
            let received = inbox.recv_many(&mut messages, GROUP_MAX);
            let received = if self.owed.is_empty() {
                let count = received.await;
                again = Instant::now() + OWED_AGAIN;
                Ok(count)
            } else {
                timeout_at(again, received).await
            };
            match received {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => {
                    self.record(Vec::new()).await;
                    again = Instant::now() + OWED_AGAIN;
                    continue;
                }
            }
            let mut asks = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    // Who asks after the end was asked for gets `Closed`.
                    Message::Ask(ask) if closing.is_empty() => asks.push(*ask),
                    Message::Ask(_) => {}
                    Message::Probe(answer) => drop(answer.send(self.probe().await)),
                    Message::Close(done) => closing.push(done),
                }
            }
            if !asks.is_empty() {
                self.record(asks).await;
            }
        }
        drop(inbox);
        if !self.owed.is_empty() {
            self.record(Vec::new()).await;
        }
        let mut group = Group::after(self.head);
        let moved = std::mem::take(&mut lock(&self.shared.cursors).moved);
        if group.complete(&self.lab, &moved).is_ok() && !group.batch.is_empty() {
            // Without it, the readers see some events again.
            let _ = self.commit(group.batch).await;
        }
        drop(self);
        for done in closing {
            let _ = done.send(());
        }
    }

    /// Judges requests in their order, commits what is granted, and answers; what is owed goes first. Without any
    /// request that is all there is to do.
    async fn record(&mut self, asks: Vec<Ask>) {
        let mut group = Group::after(self.head);
        let nothing_asked = asks.is_empty();
        let taken = self.take_due(&mut group, self.owed.due());
        if let Err(error) = &taken {
            tracing::error!(%error, "what is kept beside the journal cannot be written down");
        }
        let owed = group.events.len();
        for Ask { request, actor, answer } in asks {
            let now = self.clock.stamp();
            let said = match self.lab.judge(&request, now.wall) {
                Err(refusal) => Err(refusal.into()),
                Ok(facts) => {
                    group.batch.urgent |= is_urgent(&request);
                    let events = self.lab.number(&request, facts, &now, &actor);
                    group.take(&mut self.lab, events).map_err(|error| match error {
                        StoreError::TooLong { bytes } => NotRecorded::TooLong { bytes },
                        other => NotRecorded::Store(Arc::new(other)),
                    })
                }
            };
            if group.events.len() == owed {
                // What is owed is true already.
                let _ = answer.send(said);
            } else {
                // A refusal too waits: it may rest on an event that does not become true.
                group.answers.push((answer, said));
            }
        }
        if group.events.is_empty() {
            if nothing_asked && taken.is_ok() {
                self.owed.settle().await;
                self.show_kept();
            }
            return;
        }
        if group.events.len() == owed && !nothing_asked {
            self.as_committed();
            return;
        }
        let moved = std::mem::take(&mut lock(&self.shared.cursors).moved);
        let committed = match group.complete(&self.lab, &moved) {
            Ok(()) => self.commit(std::mem::take(&mut group.batch)).await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => {
                self.publish(group, taken.is_ok());
                if taken.is_ok() && !self.owed.is_empty() {
                    self.owed.settle().await;
                }
            }
            Err(error) => {
                let kept = self.keep(&group, &error).await;
                self.roll_back(group, moved, error, kept);
            }
        }
    }

    /// What bars a printer is on the disk all the same.
    async fn keep(&mut self, group: &Group, error: &StoreError) -> bool {
        if matches!(error, StoreError::TooLong { .. }) {
            return false;
        }
        let granted = group.answers.iter().filter_map(|(_, said)| said.as_ref().ok());
        let barring: Vec<_> = granted.filter(|events| is_kept(events)).flatten().cloned().collect();
        let after = self.shared.lab.read().unwrap_or_else(PoisonError::into_inner).counters.seq;
        let kept = self.owed.keep(&barring, after).await;
        self.show_kept();
        kept
    }

    fn show_kept(&self) {
        let kept = self.owed.kept().iter().filter(|(_, kept)| !kept.is_empty());
        let kept = kept.map(|(printer, kept)| (printer.clone(), kept.clone())).collect();
        *self.shared.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    async fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        let (entries, began) = (batch.events.len(), Instant::now());
        let committed = self.ask_store(move |store| store.commit(&batch)).await;
        let took = began.elapsed();
        let appends = &self.shared.appends;
        if appends.time.took(took) {
            tracing::warn!(
                entries,
                millis = took.as_millis(),
                "the journal was slow to take entries: look at the disk of state_dir"
            );
        }
        if committed.is_err() {
            appends.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.failed = committed.is_err();
        committed
    }

    /// After a commit that failed only another one tells whether the store takes entries again: a
    /// quota, for one, shows in nothing else.
    async fn probe(&mut self) -> Result<(), NotRecorded> {
        let ready = if self.failed {
            let meta = vec![("probe".to_owned(), Value::new(Vec::new()).map_err(Arc::new)?)];
            self.commit(Batch { meta, ..Batch::default() }).await
        } else {
            self.ask_store(|store| store.ready()).await
        };
        Ok(ready.map_err(Arc::new)?)
    }

    async fn ask_store(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let store = Arc::clone(&self.shared.store);
        let answered = offload(move || ask(store.as_ref())).await;
        answered.unwrap_or_else(|error| {
            Err(StoreError::Lost { path: "the journal".into(), detail: error.to_string() })
        })
    }

    /// The group is durable: shows it to all, then says so to those who asked. `settled`: with all that was owed.
    fn publish(&mut self, group: Group, settled: bool) {
        self.head = group.head;
        {
            let mut shared = self.shared.lab.write().unwrap_or_else(PoisonError::into_inner);
            for event in &group.events {
                shared.apply(event);
            }
            // Who looks at both takes the lab first.
            if settled {
                self.shared.kept.write().unwrap_or_else(PoisonError::into_inner).clear();
            }
        }
        for event in group.events {
            // Nobody may be listening.
            let _ = self.shared.feed.send(event);
        }
        for (answer, said) in group.answers {
            let _ = answer.send(said);
        }
    }

    /// The lab as all see it.
    fn as_committed(&mut self) {
        self.lab = self.shared.lab.read().unwrap_or_else(PoisonError::into_inner).clone();
    }

    /// The group is not in the journal: all is as it was before it. `kept`: but for what bars a printer.
    fn roll_back(&mut self, group: Group, moved: BTreeMap<String, u64>, error: StoreError, kept: bool) {
        tracing::error!(%error, "the journal did not take {} entries", group.events.len());
        self.as_committed();
        {
            let mut cursors = lock(&self.shared.cursors);
            for (name, seq) in moved {
                cursors.moved.entry(name).or_insert(seq);
            }
        }
        let error = Arc::new(error);
        for (answer, said) in group.answers {
            let is_kept = kept && said.is_ok_and(|events| is_kept(&events));
            let why = Arc::clone(&error);
            let _ = answer.send(Err(if is_kept { NotRecorded::Kept(why) } else { NotRecorded::Store(why) }));
        }
    }
}
