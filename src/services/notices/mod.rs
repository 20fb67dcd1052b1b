//! Tells people what has happened: reads the journal after it is durable, and brings each notice to whom it is for.
//!
//! ```text
//! journal ─cursor─▶ notices ─▶ a queue a person ─▶ parcel ─▶ carry ─▶ done: the cursor moves
//!                                 │ many, old: a digest        ├─ away: all wait, longer each time
//!                                 │ too many: wait             ├─ later: this person waits, longer each time
//!                                 └ urgent: first              └─ refused, or too old: given up, with a word in the log
//! ```
//! Urgent is that a printer did not stop, is locked or was stopped. It has a line of its own: it is never in one parcel
//! with anything else, and no number of other notices holds it up.
//!
//! Each way is a task with a place of its own in the journal: a mail server that is away holds up neither the webhook
//! nor anything else of platen. The journal is what waits, so that memory is bounded and `kill -9` loses nothing;
//! what was under way then is sent again, with the same id.

pub mod carriers;
pub mod parcel;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Notifications;
use crate::domain::day::Day;
use crate::domain::event::Event;
use crate::domain::lab::Lab;
use crate::domain::moment::{Moment, WallTime};
use crate::domain::notice::{self, Notice};
use crate::domain::people::User;
use crate::domain::people::name::UserName;
use crate::domain::people::notices::{MailAddress, Way};
use crate::io::clock::Clock;
use crate::io::mail::{Mailer, NotSent};
use crate::io::webhook::Poster;
use crate::services::recorder::{JournalError, Recorder};
use crate::services::telemetry::Post;
use crate::services::telemetry::message::Origin;
use crate::services::telemetry::outbox::Outbox;
use carriers::{Carry, OverMqtt, Threaded};
use parcel::{Age, Item, LISTED, Parcel, Untold, urgency};

/// Journal entries read at a time.
const PAGE: usize = 64;
/// Notices in memory for one way; more wait in the journal.
const PENDING_MAX: usize = 1000;
/// Notices in memory for one person who cannot be reached while others can: a mailbox that is full fills no memory for
/// everybody. Of the oldest beyond it there is the number alone, and since when; of urgent ones never.
const PERSON_MAX: usize = 200;
/// Notices of one parcel at most.
const DIGEST_MAX: usize = 200;
/// More than these at a time come as one.
const SINGLES: usize = 3;
/// What is older was missed, and comes as one.
const OLD: Duration = Duration::from_secs(3600);
/// What is older is not told any more: over a long weekend somebody comes by.
pub const GIVE_UP: Duration = Duration::from_secs(4 * 24 * 3600);
/// So many parcels come to one person within `WINDOW`; what is more comes together afterwards.
const BURST: usize = 6;
const WINDOW: Duration = Duration::from_secs(600);
/// One attempt, whatever a server does meanwhile.
const CARRY_MAX: Duration = Duration::from_secs(60);
/// The same for a letter: longer than a mail server may take for all of its answers together, so that no letter is
/// sent anew that it is still looking through.
const LETTER_MAX: Duration = Duration::from_secs(15 * 60);
/// After the first failure, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// Days that come near, and the place in the journal.
const TICK: Duration = Duration::from_secs(5);

/// Where the wall's time is read; a test plays it.
#[derive(Clone)]
pub struct Wall(Arc<dyn Fn() -> WallTime + Send + Sync>);

impl Wall {
    pub fn new(read: impl Fn() -> WallTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    fn now(&self) -> WallTime {
        (self.0)()
    }
}

impl std::fmt::Debug for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wall")
    }
}

/// The name of a way's place in the journal.
pub fn cursor(way: Way) -> String {
    format!("notices-{}", way.word())
}

const DAY: &str = "-day";

/// The name of the last day that was looked at.
fn day_cursor(way: Way) -> String {
    format!("notices-{}{DAY}", way.word())
}

/// Whether it is a day, and no place in the journal.
pub fn is_day(cursor: &str) -> bool {
    cursor.ends_with(DAY)
}

fn carry_max(way: Way) -> Duration {
    match way {
        Way::Mail => LETTER_MAX,
        Way::Webhook | Way::Mqtt => CARRY_MAX,
    }
}

/// Longer after each failure.
fn pause(failures: u32) -> Duration {
    (PAUSE_MIN * 2u32.saturating_pow(failures.saturating_sub(1).min(10))).min(PAUSE_MAX)
}

/// Starts a task for each way that the configuration has.
pub fn spawn(
    recorder: &Recorder,
    clock: &Clock,
    origin: &Origin,
    settings: &Notifications,
    mqtt: Option<mpsc::Sender<Post>>,
    shutdown: &CancellationToken,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let mut tasks = Vec::new();
    let wall = || {
        let clock = clock.clone();
        Wall::new(move || clock.wall())
    };
    let start = |carrier: Threaded| {
        tokio::spawn(courier(recorder, clock, wall(), origin, carrier, shutdown.clone()).run())
    };
    if let Some(server) = &settings.mail {
        tasks.push(start(Threaded::mail(Mailer::new(server.clone()))?));
    }
    if let Some(webhook) = &settings.webhook {
        tasks.push(start(Threaded::webhook(Poster::new(webhook.clone()))?));
    }
    if let Some(posts) = mqtt {
        let carrier = OverMqtt(posts);
        tasks.push(tokio::spawn(courier(recorder, clock, wall(), origin, carrier, shutdown.clone()).run()));
    }
    Ok(tasks)
}

/// One way by itself.
pub fn courier<C: Carry>(
    recorder: &Recorder,
    clock: &Clock,
    wall: Wall,
    origin: &Origin,
    carrier: C,
    shutdown: CancellationToken,
) -> Courier<C> {
    Courier {
        // Before the place is read, so that no entry falls between.
        feed: recorder.subscribe(),
        recorder: recorder.clone(),
        clock: clock.clone(),
        began: (wall.now(), clock.now()),
        wall,
        origin: origin.clone(),
        way: carrier.way(),
        carrier,
        shutdown,
        outbox: Outbox::after(0),
        saved: 0,
        behind: true,
        queues: BTreeMap::new(),
        pending: 0,
        rest_until: Instant::now(),
        failures: 0,
        complaint: None,
        turn: None,
        day: None,
        days: BTreeMap::new(),
    }
}

/// What waits, one behind the other.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Item>,
    /// What has come before that and is told as a number alone.
    before: Option<Untold>,
    /// Made up, and not brought yet: it stays as it is, so that it may be dropped when it comes twice.
    parcel: Option<Arc<Parcel>>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.parcel.is_none() && self.waiting.is_empty()
    }

    /// Everything in it.
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.parcel.iter().flat_map(|parcel| &parcel.items).chain(&self.waiting)
    }

    /// Takes out what is too old to be told; a parcel goes as a whole, or stays.
    fn take_old(&mut self, now: Moment) -> Vec<Item> {
        let is_old = |item: &Item| item.age.now(now) > GIVE_UP;
        let mut old = Vec::new();
        if let Some(parcel) = self.parcel.take_if(|parcel| parcel.items.iter().all(is_old)) {
            old.extend(parcel.items.iter().cloned());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (late, still): (VecDeque<_>, _) = waiting.into_iter().partition(is_old);
        old.extend(late);
        self.waiting = still;
        // It is older still.
        if self.is_empty() {
            self.before = None;
        }
        old
    }
}

/// What waits for one person.
#[derive(Debug, Default)]
struct Queue {
    urgent: Line,
    others: Line,
    not_before: Option<Instant>,
    failures: u32,
    /// When the last ones were brought, but for urgent ones.
    brought: VecDeque<Instant>,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty()
    }

    fn push(&mut self, item: Item) {
        let line = if item.notice.is_urgent() { &mut self.urgent } else { &mut self.others };
        line.waiting.push_back(item);
    }

    /// When something may be brought; nothing where nothing waits.
    fn due(&self, now: Instant) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        let full = (self.urgent.is_empty() && self.brought.len() >= BURST)
            .then(|| self.brought.front().map(|at| *at + WINDOW))
            .flatten();
        Some([self.not_before, full].into_iter().flatten().fold(now, Instant::max))
    }
}

/// Somebody for whom something waits.
struct Due<'a> {
    user: &'a UserName,
    at: Instant,
    is_urgent: bool,
}

/// The task of one way.
#[derive(Debug)]
pub struct Courier<C> {
    recorder: Recorder,
    clock: Clock,
    wall: Wall,
    /// What the wall said, and when that was: what is older than this process is as old as it was then.
    began: (WallTime, Moment),
    origin: Origin,
    way: Way,
    carrier: C,
    shutdown: CancellationToken,
    feed: broadcast::Receiver<Arc<Event>>,
    outbox: Outbox,
    saved: u64,
    /// The journal may hold entries that were not read yet.
    behind: bool,
    queues: BTreeMap<UserName, Queue>,
    /// Notices that are in some queue or parcel.
    pending: usize,
    rest_until: Instant,
    failures: u32,
    complaint: Option<String>,
    /// Who was served last: the next one's turn comes first.
    turn: Option<UserName>,
    /// The last day that was looked at.
    day: Option<Day>,
    /// How many notices are not brought, for each day whose end is not written down yet.
    days: BTreeMap<Day, usize>,
}

impl<C: Carry> Courier<C> {
    pub async fn run(mut self) {
        self.begin();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        loop {
            self.listen();
            if let Err(error) = self.read().await {
                self.complain(&format!("nothing can be told: {error}"));
                self.behind = true;
            }
            self.give_up_what_is_old();
            let now = Instant::now();
            let (next, until) = self.next(now);
            if let Some(user) = next {
                let Some(parcel) = self.parcel(&user) else { continue };
                let longest = carry_max(self.way);
                let carried = tokio::select! {
                    () = shutdown.cancelled() => break,
                    carried = timeout(longest, self.carrier.carry(Arc::clone(&parcel))) => carried,
                };
                let carried = carried.unwrap_or_else(|_| {
                    let seconds = longest.as_secs();
                    Err(NotSent::Away(format!("nothing came back within {seconds} s")))
                });
                self.carried(&user, &parcel, carried);
                self.save();
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep_until(until) => {}
                _ = tick.tick() => {
                    self.look_at_the_day();
                    self.save();
                }
                heard = self.feed.recv() => match heard {
                    Ok(event) => self.heard(&event),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                    Err(broadcast::error::RecvError::Closed) => break,
                },
            }
        }
        self.save();
    }

    /// Whoever has never told anything by this way begins now: nobody wants the past.
    fn begin(&mut self) {
        let name = cursor(self.way);
        let mut at = self.recorder.cursor(&name);
        if at == 0 {
            at = self.recorder.read(|lab| lab.counters.seq);
            self.recorder.set_cursor(&name, at);
        }
        self.outbox = Outbox::after(at);
        self.saved = at;
    }

    /// Takes in what the journal has and memory has room for.
    async fn read(&mut self) -> Result<(), JournalError> {
        while self.behind && self.pending < PENDING_MAX {
            let page = self.recorder.events(self.outbox.next(), PAGE).await?;
            self.behind = page.len() == PAGE;
            for event in &page {
                self.take(event);
            }
        }
        Ok(())
    }

    /// What has happened while something was carried: an urgent one of it goes before what waits already.
    fn listen(&mut self) {
        loop {
            match self.feed.try_recv() {
                Ok(event) => self.heard(&event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.behind = true,
                Err(_) => return,
            }
        }
    }

    fn heard(&mut self, event: &Event) {
        match event.seq.cmp(&self.outbox.next()) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal if !self.behind && self.pending < PENDING_MAX => self.take(event),
            _ => self.behind = true,
        }
    }

    fn take(&mut self, event: &Event) {
        let way = self.way;
        let found = self.recorder.read(|lab| {
            let notice = notice::of_event(lab, event)?;
            let to = to(lab, &notice, way);
            (!to.is_empty()).then_some((notice, to))
        });
        let Some((notice, to)) = found else { return self.outbox.take(event.seq, 0) };
        self.outbox.take(event.seq, to.len());
        let seq = event.seq.to_string();
        for user in to {
            // The boot is part of it: a journal that was begun anew counts from 1 again.
            let id = self.origin.id(&["notice", event.boot().as_str(), &seq, user.as_str()]);
            let (at, age) = (event.wall(), self.age(event));
            let item = Item { id, seq: Some(event.seq), at, age, notice: notice.clone() };
            self.push(user, item);
        }
    }

    fn age(&self, event: &Event) -> Age {
        let now = self.clock.now();
        let then = if event.boot() == self.clock.boot() {
            now.since(event.stamp.mono)
        } else {
            let (wall, began) = self.began;
            Duration::from_millis(wall.0.saturating_sub(event.wall().0)).saturating_add(now.since(began))
        };
        Age { then, at: now }
    }

    fn push(&mut self, user: UserName, item: Item) {
        let queue = self.queues.entry(user.clone()).or_default();
        if item.notice.is_urgent() {
            // It is tried at once, whatever could not be brought before.
            queue.not_before = None;
            self.rest_until = Instant::now();
        }
        queue.push(item);
        self.pending += 1;
        self.make_room(&user);
    }

    /// So that nobody's full mailbox is in the way of the others.
    fn make_room(&mut self, user: &UserName) {
        let way = self.way.word();
        let Some(queue) = self.queues.get_mut(user).filter(|queue| queue.failures > 0) else { return };
        let Line { waiting, before, .. } = &mut queue.others;
        if waiting.len() <= PERSON_MAX {
            return;
        }
        // Several at once: not each of them is worth a line in the log.
        let many = waiting.len() - PERSON_MAX * 3 / 4;
        let oldest: Vec<Item> = waiting.drain(..many).collect();
        *before = before.take().into_iter().chain(Untold::of(&oldest)).reduce(Untold::and);
        tracing::warn!(
            "more than {PERSON_MAX} notices for {user} by {way} wait; of the {many} oldest only the number will be told: see why none can be delivered"
        );
        self.forget(&oldest);
    }

    /// Once a day: what comes near. The day counts as looked at when all of its notices are brought, and those of the
    /// days before.
    fn look_at_the_day(&mut self) {
        let now = self.wall.now();
        let today = Day::in_utc(now);
        let before = match self.day {
            // The clock was far ahead, and the days after this one are still to come.
            Some(day) if day > today.after(1) => {
                self.day = Some(today);
                return;
            }
            Some(day) if day >= today => return,
            Some(day) => Some(day),
            None => {
                let days = self.recorder.cursor(&day_cursor(self.way));
                (days > 0).then(|| Day::in_utc(WallTime(days.saturating_mul(86_400_000))))
            }
        };
        let Some(before) = before.or_else(|| today.before(1)) else { return };
        let way = self.way;
        let notices: Vec<(Notice, BTreeSet<UserName>)> = self.recorder.read(|lab| {
            let due = notice::due(lab, before, today).into_iter();
            due.map(|notice| {
                let to = to(lab, &notice, way);
                (notice, to)
            })
            .collect()
        });
        self.day = Some(today);
        let open: usize = notices.iter().map(|(_, to)| to.len()).sum();
        self.days.insert(today, open);
        for (notice, to) in notices {
            let text = notice.text();
            for user in to {
                let id = self.origin.id(&["due", &today.to_string(), &text, user.as_str()]);
                let age = Age { then: Duration::ZERO, at: self.clock.now() };
                let item = Item { id, seq: None, at: now, age, notice: notice.clone() };
                self.push(user, item);
            }
        }
        self.save_day();
    }

    /// Up to the first day of which something is not brought.
    fn save_day(&mut self) {
        let mut done = None;
        while let Some(first) = self.days.first_entry().filter(|first| *first.get() == 0) {
            done = Some(first.remove_entry().0);
        }
        if let Some(day) = done {
            self.recorder.set_cursor(&day_cursor(self.way), day.begins().0 / 86_400_000);
        }
    }

    /// It goes to the disk with the next entry of the journal; a notice that comes twice has the same id.
    fn save(&mut self) {
        let at = self.outbox.cursor();
        if at != self.saved {
            self.recorder.set_cursor(&cursor(self.way), at);
            self.saved = at;
        }
    }

    /// Whose turn it is now, or until when nobody's is.
    fn next(&self, now: Instant) -> (Option<UserName>, Instant) {
        let far = now + WINDOW;
        let due = self.queues.iter().filter_map(|(user, queue)| {
            let at = queue.due(now)?;
            Some(Due { user, at, is_urgent: !queue.urgent.is_empty() })
        });
        let due: Vec<Due<'_>> = due.collect();
        if self.rest_until > now {
            let until = if due.is_empty() { far } else { self.rest_until };
            return (None, until);
        }
        // What is urgent first, and then whoever comes after the one who was served last.
        let had_a_turn = |user: &UserName| self.turn.as_ref().is_some_and(|last| user <= last);
        let ready = due.iter().filter(|due| due.at <= now);
        match ready.min_by_key(|due| (!due.is_urgent, had_a_turn(due.user))) {
            Some(due) => (Some(due.user.clone()), now),
            None => (None, due.iter().map(|due| due.at).min().unwrap_or(far)),
        }
    }

    /// What is to be brought to somebody, as it was made up before, or made up now.
    fn parcel(&mut self, user: &UserName) -> Option<Arc<Parcel>> {
        let (way, now) = (self.way, self.clock.now());
        if !self.recorder.read(|lab| lab.people.user(user).is_ok_and(User::is_active)) {
            // Whoever was disabled meanwhile is told nothing more.
            let queue = self.queues.remove(user)?;
            let all: Vec<Item> = queue.urgent.items().chain(queue.others.items()).cloned().collect();
            self.forget(&all);
            return None;
        }
        let queue = self.queues.get_mut(user)?;
        let is_urgent = !queue.urgent.is_empty();
        // No urgent one is among those that are not listed.
        let (line, most) =
            if is_urgent { (&mut queue.urgent, LISTED) } else { (&mut queue.others, DIGEST_MAX) };
        if let Some(parcel) = &line.parcel {
            return Some(Arc::clone(parcel));
        }
        line.waiting.make_contiguous().sort_by_key(|item| urgency(&item.notice));
        let missed = line.before.is_some() || line.waiting.iter().any(|item| item.age.now(now) > OLD);
        let together = missed || line.waiting.len() > SINGLES;
        let many = line.waiting.len().min(if together { most } else { 1 });
        // One by one they come as they happened; of many the newest are told first, and of urgent ones the worst.
        let older = if together && !is_urgent { line.waiting.len() - many } else { 0 };
        let items: Vec<Item> = line.waiting.drain(older..older + many).collect();
        let before = if line.waiting.is_empty() { line.before.take() } else { None };
        let mail = match way {
            Way::Mail => self.recorder.read(|lab| lab.people.settings(user).mail),
            Way::Webhook | Way::Mqtt => None,
        };
        let parcel = Parcel::new(&self.origin, user.clone(), mail, items, before, &self.clock.stamp());
        let parcel = Arc::new(parcel);
        line.parcel = Some(Arc::clone(&parcel));
        Some(parcel)
    }

    fn carried(&mut self, user: &UserName, parcel: &Arc<Parcel>, carried: Result<(), NotSent>) {
        let now = Instant::now();
        self.turn = Some(user.clone());
        let Some(queue) = self.queues.get_mut(user) else { return };
        match carried {
            Ok(()) => {
                queue.failures = 0;
                queue.not_before = None;
                if !parcel.is_urgent() {
                    queue.brought.push_back(now);
                }
                while queue.brought.front().is_some_and(|at| *at + WINDOW <= now)
                    || queue.brought.len() > BURST
                {
                    queue.brought.pop_front();
                }
                self.done(user, parcel);
                self.failures = 0;
                if self.complaint.take().is_some() {
                    tracing::info!("people are told by {} again", self.way.word());
                }
            }
            Err(NotSent::Refused(why)) => {
                tracing::warn!(
                    "{} notices for {user} by {} are given up: {why}",
                    parcel.items.len(),
                    self.way.word()
                );
                queue.failures = 0;
                queue.not_before = None;
                self.done(user, parcel);
            }
            Err(NotSent::Later(why)) => {
                queue.failures += 1;
                queue.not_before = Some(now + pause(queue.failures));
                if queue.failures == 1 {
                    tracing::warn!("notices for {user} by {} wait: {why}", self.way.word());
                }
                self.make_room(user);
            }
            Err(NotSent::Away(why)) => {
                self.failures += 1;
                self.rest_until = now + pause(self.failures);
                self.complain(&why);
            }
        }
    }

    /// The same reason again is not worth a line in the log.
    fn complain(&mut self, why: &str) {
        if self.complaint.as_deref() != Some(why) {
            tracing::warn!("nobody is told by {}: {why}; tried again and again", self.way.word());
            self.complaint = Some(why.to_owned());
        }
    }

    fn done(&mut self, user: &UserName, parcel: &Parcel) {
        if let Some(queue) = self.queues.get_mut(user) {
            let line = if parcel.is_urgent() { &mut queue.urgent } else { &mut queue.others };
            line.parcel = None;
        }
        self.forget(&parcel.items);
    }

    /// These are brought, or given up.
    fn forget(&mut self, items: &[Item]) {
        self.pending -= items.len();
        for item in items {
            match item.seq {
                Some(seq) => self.outbox.acknowledge(seq),
                // It is of the day on which it was looked for.
                None => {
                    if let Some(open) = self.days.get_mut(&Day::in_utc(item.at)) {
                        *open = open.saturating_sub(1);
                    }
                }
            }
        }
        self.save_day();
    }

    fn give_up_what_is_old(&mut self) {
        let now = self.clock.now();
        let mut old = Vec::new();
        for (user, queue) in &mut self.queues {
            let before = old.len();
            old.extend(queue.urgent.take_old(now));
            old.extend(queue.others.take_old(now));
            let many = old.len() - before;
            if many > 0 {
                let days = GIVE_UP.as_secs() / 86_400;
                let way = self.way.word();
                tracing::warn!("{many} notices for {user} by {way} are older than {days} days and given up");
            }
        }
        self.forget(&old);
        // What is kept of somebody for whom nothing waits is how much came lately, and no longer than it counts.
        let now = Instant::now();
        self.queues.retain(|_, queue| {
            let counts = queue.brought.back().is_some_and(|at| *at + WINDOW > now);
            counts || !queue.is_empty()
        });
    }
}

/// Whom a notice reaches by one way. Mail reaches whoever has an address.
fn to(lab: &Lab, notice: &Notice, way: Way) -> BTreeSet<UserName> {
    let by_it = notice::recipients(lab, notice).into_iter().filter(|(_, ways)| ways.contains(&way));
    let address = |user: &UserName| -> Option<MailAddress> { lab.people.settings(user).mail };
    by_it.map(|(user, _)| user).filter(|user| way != Way::Mail || address(user).is_some()).collect()
}

#[cfg(test)]
mod tests;
