//! The couriers in virtual time, against carriers that fail in every way.

use super::*;
use crate::domain::event::Actor;
use crate::domain::ids::{BootId, NonconformanceId};
use crate::domain::lab::Request;
use crate::domain::people::notices::{Choice, Topic};
use crate::domain::people::roles::Role;
use crate::domain::people::{self, By};
use crate::io::clock::entropy;
use crate::io::offload::in_place;
use crate::io::store::Store;
use crate::io::store::memory::MemoryStore;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

type Answer = Box<dyn FnMut(&Parcel) -> Option<Result<(), NotSent>> + Send>;

/// What was tried, when, and how many there were in it.
#[derive(Clone, Debug, PartialEq)]
struct Tried {
    at: u64,
    to: String,
    ids: Vec<String>,
    urgency: Vec<Option<u8>>,
    parcel: String,
    listed: Vec<String>,
    /// How many more it says there are, and since which day.
    more: u64,
    since: Option<String>,
}

/// Answers as it is told to; nothing means that it hangs.
struct Played {
    way: Way,
    answer: Mutex<Answer>,
    began: Instant,
    tried: Arc<Mutex<Vec<Tried>>>,
}

impl Carry for Played {
    fn way(&self) -> Way {
        self.way
    }

    async fn carry(&self, parcel: Arc<Parcel>) -> Result<(), NotSent> {
        let json: serde_json::Value = serde_json::from_slice(&parcel.message.payload).unwrap();
        let notices = json["data"]["notices"].as_array().unwrap();
        let tried = Tried {
            listed: notices.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect(),
            more: json["data"]["more"].as_u64().unwrap_or(0),
            since: json["data"]["since"].as_str().map(str::to_owned),
            at: self.began.elapsed().as_secs(),
            to: parcel.to.to_string(),
            ids: parcel.items.iter().map(|item| item.id.clone()).collect(),
            urgency: parcel.items.iter().map(|item| item.notice.what.urgency()).collect(),
            parcel: parcel.id.clone(),
        };
        let answer = (self.answer.lock().unwrap())(&parcel);
        self.tried.lock().unwrap().push(tried);
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn person(name: &str) -> Actor {
    Actor::Person(name.into())
}

/// A journal with `ada`, and `kim` and `lee` who look after printers.
struct World {
    store: Arc<MemoryStore>,
    recorder: Recorder,
    clock: Clock,
    /// Milliseconds that the wall's clock is ahead.
    ahead: Arc<AtomicI64>,
    tried: Arc<Mutex<Vec<Tried>>>,
    shutdown: CancellationToken,
    began: Instant,
}

async fn opened(store: Arc<MemoryStore>) -> (Recorder, Clock) {
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
    (Recorder::open(store as Arc<dyn Store>, clock.clone(), site, node).await.unwrap(), clock)
}

impl World {
    async fn new() -> Self {
        in_place(|| Duration::ZERO);
        let store = Arc::new(MemoryStore::default());
        let (recorder, clock) = opened(Arc::clone(&store)).await;
        let adopt = Request::AdoptAdmin { name: name("ada"), printed: "Ada".parse().unwrap() };
        recorder.submit(adopt, Actor::Platen).await.unwrap();
        let world = Self {
            store,
            recorder,
            clock,
            ahead: Arc::default(),
            tried: Arc::default(),
            shutdown: CancellationToken::new(),
            began: Instant::now(),
        };
        for user in ["kim", "lee"] {
            let roles = BTreeSet::from([Role::Operator]);
            let (name, printed, by) = (name(user), user.parse().unwrap(), By::Person(name("ada")));
            world.people(people::Request::AddUser { name, printed, roles, by }).await;
            world.choose(user, Some("@lab.example"), Way::ALL.into_iter().collect()).await;
        }
        world
    }

    async fn people(&self, request: people::Request) {
        self.recorder.submit(Request::People(Box::new(request)), person("ada")).await.unwrap();
    }

    async fn choose(&self, user: &str, at: Option<&str>, ways: BTreeSet<Way>) {
        let mail = Some(at.map(|at| format!("{user}{at}").parse().unwrap()));
        let topics = Topic::ALL.into_iter().map(|topic| (topic, ways.clone())).collect();
        let topics = Some(Choice::Named(topics));
        let by = By::Person(name("ada"));
        self.people(people::Request::ChooseNotices { name: name(user), mail, topics, by }).await;
    }

    /// Something happens that everybody is told, and that can wait.
    async fn happen(&self) {
        use crate::domain::quality::nonconformance::{About, Cause, Severity, Step};
        use crate::domain::quality::words::Text;
        use crate::domain::quality::{Change, Request as Asked};
        let about = About::Printer { printer: "mk3-07".parse().unwrap() };
        let what = Text::new("it is odd").unwrap();
        let step = Step::Opened { about, cause: Cause::Other, severity: Severity::Minor, what };
        let change = Change::Nonconformance { id: NonconformanceId::from_entropy(entropy()), step };
        let reported = Request::Quality(Box::new(Asked { by: Some("ada".into()), change }));
        self.recorder.submit(reported, person("ada")).await.unwrap();
    }

    /// The same that cannot.
    async fn stop(&self) {
        let stopped = Request::NoteStopped { printer: "mk3-07".parse().unwrap(), by: "ada".into() };
        self.recorder.submit(stopped, person("ada")).await.unwrap();
    }

    fn spawn(
        &self,
        way: Way,
        answer: impl FnMut(&Parcel) -> Option<Result<(), NotSent>> + Send + 'static,
    ) -> JoinHandle<()> {
        let (answer, tried) = (Mutex::new(Box::new(answer) as Answer), Arc::clone(&self.tried));
        let carrier = Played { way, answer, began: self.began, tried };
        let (clock, ahead) = (self.clock.clone(), Arc::clone(&self.ahead));
        let wall =
            Wall::new(move || WallTime(clock.wall().0.saturating_add_signed(ahead.load(Ordering::Relaxed))));
        let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
        let run = courier(&self.recorder, &self.clock, wall, &origin, carrier, self.shutdown.clone()).run();
        tokio::spawn(run)
    }

    /// Lets time pass, for everybody's clocks but the wall's.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The wall's clock goes on, or is set forward, and no other does.
    fn later(&self, time: Duration) {
        self.ahead.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Somebody sets the wall's clock back.
    fn earlier(&self, time: Duration) {
        self.ahead.fetch_sub(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// The calibration of a printer comes due after so many days by the wall.
    async fn calibration_due(&self, days: u16) {
        use crate::domain::quality::{Change, Request as Asked, qualification};
        let now = self.clock.wall().0.saturating_add_signed(self.ahead.load(Ordering::Relaxed));
        let step = qualification::Step::CalibrationDue { on: Day::in_utc(WallTime(now)).after(days) };
        let change = Change::Printer { printer: "mk3-07".parse().unwrap(), step };
        let due = Request::Quality(Box::new(Asked { by: Some("ada".into()), change }));
        self.recorder.submit(due, person("ada")).await.unwrap();
    }

    /// Many things happen, one after the other.
    async fn happen_times(&self, times: usize, apart: Duration) {
        for _ in 0..times {
            self.happen().await;
            if !apart.is_zero() {
                self.pass(apart).await;
            }
        }
    }

    fn tried(&self) -> Vec<Tried> {
        self.tried.lock().unwrap().clone()
    }

    fn to(&self, user: &str) -> Vec<Tried> {
        self.tried().into_iter().filter(|tried| tried.to == user).collect()
    }

    fn head(&self) -> u64 {
        self.recorder.read(|lab| lab.counters.seq)
    }

    /// `kill -9`, and another daemon after it.
    async fn crashed(self) -> Self {
        self.shutdown.cancel();
        let store = Arc::new(self.store.after_crash());
        let (recorder, clock) = opened(Arc::clone(&store)).await;
        let shutdown = CancellationToken::new();
        Self { store, recorder, clock, shutdown, tried: Arc::default(), ..self }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn away() -> NotSent {
    NotSent::Away("it is away".into())
}

#[tokio::test(start_paused = true)]
async fn each_is_told_once_and_the_place_in_the_journal_moves_with_it() {
    let world = World::new().await;
    world.spawn(Way::Webhook, |_| Some(Ok(())));
    world.pass(SECOND).await;
    assert_eq!(world.tried(), [], "nobody wants the past");
    world.happen().await;
    world.pass(SECOND).await;
    let tried = world.tried();
    assert_eq!(tried.iter().map(|tried| tried.to.as_str()).collect::<Vec<_>>(), ["kim", "lee"]);
    assert!(tried[0].ids != tried[1].ids && tried[0].ids == [tried[0].parcel.clone()]);
    world.pass(10 * MINUTE).await;
    assert_eq!(world.tried().len(), 2);
    assert_eq!(world.recorder.cursor(&cursor(Way::Webhook)), world.head());
    // With the next entry it is on the disk, and the next daemon begins behind it.
    world.choose("kim", None, BTreeSet::new()).await;
    let world = world.crashed().await;
    world.spawn(Way::Webhook, |_| Some(Ok(())));
    world.pass(10 * MINUTE).await;
    assert_eq!(world.tried(), []);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_journal_and_the_delivery_loses_nothing_and_the_id_stays() {
    let world = World::new().await;
    world.spawn(Way::Mail, |_| Some(Err(away())));
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(SECOND).await;
    let before = world.to("kim");
    assert_eq!(before.len(), 1);
    let world = world.crashed().await;
    world.spawn(Way::Mail, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    let after = world.tried();
    assert_eq!(after.iter().map(|tried| tried.to.as_str()).collect::<Vec<_>>(), ["kim", "lee"]);
    assert_eq!(after[0].ids, before[0].ids);
    // The same before the first attempt: the entry is on the disk, and no courier has ever seen it.
    world.choose("lee", None, BTreeSet::new()).await;
    world.shutdown.cancel();
    world.pass(SECOND).await;
    world.happen().await;
    let world = world.crashed().await;
    world.spawn(Way::Mail, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    assert_eq!(world.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_ever_more_seldom_and_what_piled_up_comes_as_one() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world
        .spawn(Way::Mail, move |_| Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(away()) }));
    world.pass(SECOND).await;
    world.happen_times(30, Duration::ZERO).await;
    world.pass(60 * MINUTE).await;
    let tried = world.tried();
    let at: Vec<_> = tried.iter().map(|tried| tried.at).collect();
    let pauses: Vec<_> = at.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!((4..=6).contains(&pauses[0]) && pauses.last().unwrap().abs_diff(600) < 2, "{pauses:?}");
    assert!(tried.iter().all(|again| again.parcel == tried[0].parcel && again.ids == tried[0].ids));
    is_back.store(1, Ordering::Relaxed);
    world.pass(11 * MINUTE).await;
    let all: Vec<_> = world.tried().split_off(tried.len());
    let ids: BTreeSet<_> = all.iter().flat_map(|tried| tried.ids.clone()).collect();
    assert!(ids.len() == 30 && all.len() <= 2, "{all:?}");
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn one_way_that_is_away_holds_up_neither_the_others_nor_the_journal() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mail, |_| None);
    world.spawn(Way::Webhook, |_| Some(Err(away())));
    world.spawn(Way::Mqtt, |_| Some(Ok(())));
    world.pass(SECOND).await;
    let began = Instant::now();
    world.happen().await;
    assert!(began.elapsed() < SECOND);
    world.pass(SECOND).await;
    assert_eq!(world.recorder.cursor(&cursor(Way::Mqtt)), world.head());
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_broken_off_and_made_again() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let mut times = 0;
    world.spawn(Way::Webhook, move |_| {
        times += 1;
        (times > 2).then_some(Ok(()))
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(5 * MINUTE).await;
    let at: Vec<_> = world.tried().iter().map(|tried| tried.at).collect();
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at[1] - at[0] >= CARRY_MAX.as_secs(), "{at:?}");
    assert_eq!(world.recorder.cursor(&cursor(Way::Webhook)), world.head());
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_not_sent_again_while_the_server_may_still_be_looking_through_it() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mail, |_| None);
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.tried().len(), 1);
    world.pass(LETTER_MAX).await;
    assert_eq!(world.tried().len(), 2);
    // What hangs holds the end of platen up by nothing.
    world.shutdown.cancel();
}

#[tokio::test(start_paused = true)]
async fn an_urgent_notice_waits_behind_no_number_of_others_and_comes_by_itself() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mqtt, |_| Some(Ok(())));
    world.pass(SECOND).await;
    world.happen_times(40, 5 * SECOND).await;
    assert_eq!(world.tried().len(), BURST);
    world.stop().await;
    world.pass(SECOND).await;
    let tried = world.tried();
    assert_eq!(tried.len(), BURST + 1);
    assert_eq!(tried[BURST].urgency, [Some(2)]);
    world.pass(20 * MINUTE).await;
    let tried = world.tried();
    assert_eq!(tried.len(), BURST + 2, "{tried:?}");
    assert_eq!(tried[BURST + 1].urgency, vec![None; 40 - BURST]);
}

#[tokio::test(start_paused = true)]
async fn many_urgent_notices_come_first_and_together_and_none_of_them_is_left_out() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world.spawn(Way::Webhook, move |_| {
        Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(away()) })
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(SECOND).await;
    world.happen_times(29, Duration::ZERO).await;
    world.stop().await;
    world.pass(SECOND).await;
    for _ in 0..19 {
        world.stop().await;
    }
    let relay = crate::domain::printer::RelayOutcome::Failed;
    let not_stopped = Request::NoteStopUnverified { printer: "mk3-07".parse().unwrap(), relay };
    world.recorder.submit(not_stopped, Actor::Platen).await.unwrap();
    world.pass(SECOND).await;
    let before = world.tried().len();
    is_back.store(1, Ordering::Relaxed);
    world.pass(11 * MINUTE).await;
    let all = world.tried().split_off(before);
    // Those with which it began are as they were made up.
    let many: Vec<_> = all.iter().map(|tried| tried.ids.len()).collect();
    assert_eq!(many, [1, LISTED, LISTED, 4, 1, 29]);
    let urgent: Vec<_> = all.iter().map(|tried| tried.urgency.iter().all(Option::is_some)).collect();
    assert_eq!(urgent, [true, true, true, true, false, false]);
    assert_eq!((all[1].urgency[0], all[1].urgency[1]), (Some(0), Some(2)), "what does not stop comes first");
    assert_eq!(world.recorder.cursor(&cursor(Way::Webhook)), world.head());
}

#[tokio::test(start_paused = true)]
async fn an_urgent_notice_goes_before_a_parcel_that_could_not_be_brought() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mail, |parcel| {
        Some(if parcel.is_urgent() { Ok(()) } else { Err(NotSent::Later("full".into())) })
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(30 * MINUTE).await;
    let before = world.tried().len();
    world.stop().await;
    world.pass(SECOND).await;
    assert_eq!(world.tried()[before].urgency, [Some(2)]);
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head());
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_reached_for_long_fills_no_memory_for_the_others() {
    let world = World::new().await;
    world.spawn(Way::Mail, |parcel| {
        let is_full = parcel.to.as_str() == "kim";
        Some(if is_full { Err(NotSent::Later("full".into())) } else { Ok(()) })
    });
    world.pass(SECOND).await;
    world.happen_times(PENDING_MAX + 200, Duration::ZERO).await;
    world.pass(60 * MINUTE).await;
    let ids: BTreeSet<_> = world.to("lee").into_iter().flat_map(|tried| tried.ids).collect();
    assert_eq!(ids.len(), PENDING_MAX + 200);
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head());
}

#[tokio::test(start_paused = true)]
async fn whoever_can_be_reached_again_hears_how_many_notices_there_were_and_since_when() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world.spawn(Way::Mail, move |_| {
        let full = || Err(NotSent::Later("full".into()));
        Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { full() })
    });
    world.pass(SECOND).await;
    world.happen_times(1, SECOND).await;
    world.happen_times(PERSON_MAX + 300, Duration::ZERO).await;
    world.pass(SECOND).await;
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head());
    is_back.store(1, Ordering::Relaxed);
    world.pass(60 * MINUTE).await;
    // Those with which it began, and one digest.
    let parcels: BTreeMap<_, _> =
        world.tried().into_iter().map(|tried| (tried.parcel.clone(), tried)).collect();
    let told: u64 = parcels.values().map(|tried| tried.listed.len() as u64 + tried.more).sum();
    assert_eq!((parcels.len(), told), (2, 1 + PERSON_MAX as u64 + 300), "{parcels:?}");
    let digest = parcels.values().find(|tried| tried.more > 0).unwrap();
    assert!(digest.ids.len() <= PERSON_MAX && digest.more > 300, "some were not kept");
    assert_eq!(digest.since, Some(Day::in_utc(world.clock.wall()).to_string()));
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn of_more_than_one_digest_can_hold_the_newest_are_told_first() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world.spawn(Way::Webhook, move |_| {
        Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(away()) })
    });
    world.pass(SECOND).await;
    world.happen_times(1, SECOND).await;
    world.happen_times(2 * DIGEST_MAX, Duration::ZERO).await;
    let before = world.tried().len();
    is_back.store(1, Ordering::Relaxed);
    world.pass(11 * MINUTE).await;
    let all = world.tried().split_off(before);
    assert_eq!(all.iter().map(|tried| tried.ids.len()).collect::<Vec<_>>(), [1, DIGEST_MAX, DIGEST_MAX]);
    let last = *all[1].ids.last().unwrap() == *all[1].listed.last().unwrap();
    assert!(last && all[1].listed == all[1].ids[DIGEST_MAX - LISTED..], "{all:?}");
    world.happen().await;
    world.pass(11 * MINUTE).await;
    let everything: BTreeSet<_> = world.tried().into_iter().flat_map(|tried| tried.ids).collect();
    assert_eq!(everything.len(), 2 + 2 * DIGEST_MAX);
    // The journal's order, by the entries that were told.
    let seqs = world.recorder.events(1, 5_000).await.unwrap();
    let id = |seq: u64, boot: &BootId| {
        let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
        origin.id(&["notice", boot.as_str(), &seq.to_string(), "kim"])
    };
    let newest = &seqs[seqs.len() - 2];
    assert_eq!(all[1].ids.last(), Some(&id(newest.seq, newest.boot())));
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_reached_now_holds_nobody_else_up() {
    let world = World::new().await;
    let mut times = 0;
    world.spawn(Way::Mail, move |parcel| {
        if parcel.to.as_str() == "lee" {
            return Some(Ok(()));
        }
        times += 1;
        Some(if times < 3 { Err(NotSent::Later("full".into())) } else { Ok(()) })
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(SECOND).await;
    assert_eq!((world.to("kim").len(), world.to("lee").len()), (1, 1));
    world.happen().await;
    world.pass(SECOND).await;
    assert_eq!((world.to("kim").len(), world.to("lee").len()), (1, 2), "kim waits");
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head() - 1);
    world.pass(5 * MINUTE).await;
    let ids: BTreeSet<_> = world.to("kim").into_iter().flat_map(|tried| tried.ids).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_given_up_at_once() {
    let world = World::new().await;
    world.spawn(Way::Mail, |parcel| {
        Some(if parcel.to.as_str() == "kim" { Err(NotSent::Refused("no".into())) } else { Ok(()) })
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(10 * MINUTE).await;
    assert_eq!((world.to("kim").len(), world.to("lee").len()), (1, 1));
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_as_one_and_what_is_too_old_not_at_all() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let task = world.spawn(Way::Webhook, |_| Some(Ok(())));
    world.pass(SECOND).await;
    world.shutdown.cancel();
    task.await.unwrap();
    world.happen_times(2, Duration::ZERO).await;
    let world = world.crashed().await;
    // Over night.
    world.later(12 * 60 * MINUTE);
    let task = world.spawn(Way::Webhook, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    let tried = world.tried();
    assert_eq!(tried.iter().map(|tried| tried.ids.len()).collect::<Vec<_>>(), [2], "{tried:?}");
    assert!(!tried[0].ids.contains(&tried[0].parcel), "a digest has an id of its own");
    world.shutdown.cancel();
    task.await.unwrap();
    world.happen().await;
    let world = world.crashed().await;
    world.later(GIVE_UP + MINUTE);
    world.spawn(Way::Webhook, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    assert_eq!(world.tried(), []);
    assert_eq!(world.recorder.cursor(&cursor(Way::Webhook)), world.head());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_brought_for_days_is_given_up_and_the_place_moves_on() {
    let world = World::new().await;
    world.spawn(Way::Mail, |_| Some(Err(away())));
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(MINUTE).await;
    assert!(world.recorder.cursor(&cursor(Way::Mail)) < world.head());
    // Whatever the wall's clock says meanwhile.
    world.earlier(30 * GIVE_UP);
    world.pass(GIVE_UP + 11 * MINUTE).await;
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_gives_nothing_up_and_makes_nothing_come_as_one() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world
        .spawn(Way::Mail, move |_| Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(away()) }));
    world.pass(SECOND).await;
    world.happen_times(3, Duration::ZERO).await;
    world.pass(SECOND).await;
    let before = world.tried().len();
    world.later(2 * GIVE_UP);
    is_back.store(1, Ordering::Relaxed);
    world.pass(10 * MINUTE).await;
    let all: Vec<_> = world.tried().split_off(before);
    assert_eq!(all.iter().map(|tried| tried.ids.len()).collect::<Vec<_>>(), [1, 1, 1], "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn days_that_come_near_are_told_though_the_clock_was_a_year_ahead_at_the_start() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    let day = Duration::from_secs(24 * 3600);
    world.later(400 * day);
    world.spawn(Way::Mail, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    world.earlier(400 * day);
    world.pass(MINUTE).await;
    world.calibration_due(2).await;
    world.later(day);
    world.pass(MINUTE).await;
    assert_eq!(world.tried().len(), 1, "{:?}", world.tried());
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_more_than_a_few_in_ten_minutes_and_the_others_come_together() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mqtt, |_| Some(Ok(())));
    world.pass(SECOND).await;
    world.happen_times(40, 5 * SECOND).await;
    assert_eq!(world.tried().len(), BURST);
    world.pass(20 * MINUTE).await;
    let tried = world.tried();
    let ids: BTreeSet<_> = tried.iter().flat_map(|tried| tried.ids.clone()).collect();
    assert_eq!(ids.len(), 40);
    assert_eq!(tried.len(), BURST + 1, "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_disabled_is_told_nothing_more_and_without_an_address_no_mail_goes() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::from([Way::Mail])).await;
    let mut times = 0;
    world.spawn(Way::Mail, move |_| {
        times += 1;
        Some(if times == 1 { Err(away()) } else { Ok(()) })
    });
    world.pass(SECOND).await;
    world.happen().await;
    world.pass(SECOND).await;
    assert_eq!(world.tried().len(), 1, "kim alone has an address");
    let by = By::Person(name("ada"));
    world.people(people::Request::Disable { name: name("kim"), by }).await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.tried().len(), 1);
    assert_eq!(world.recorder.cursor(&cursor(Way::Mail)), world.head());
}

#[tokio::test(start_paused = true)]
async fn more_than_memory_may_hold_waits_in_the_journal_and_all_of_it_comes() {
    let world = World::new().await;
    let is_back = Arc::new(AtomicU64::new(0));
    let back = Arc::clone(&is_back);
    world.spawn(Way::Webhook, move |_| {
        Some(if back.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(away()) })
    });
    world.pass(SECOND).await;
    world.happen_times(PENDING_MAX + 200, Duration::ZERO).await;
    is_back.store(1, Ordering::Relaxed);
    // Each parcel has 200 at most, and six go within ten minutes.
    world.pass(60 * MINUTE).await;
    for user in ["kim", "lee"] {
        let ids: BTreeSet<_> = world.to(user).into_iter().flat_map(|tried| tried.ids).collect();
        assert_eq!(ids.len(), PENDING_MAX + 200, "{user}");
    }
    assert_eq!(world.recorder.cursor(&cursor(Way::Webhook)), world.head());
}

#[tokio::test(start_paused = true)]
async fn a_calibration_that_comes_near_is_told_once_also_over_a_restart() {
    let world = World::new().await;
    world.choose("lee", None, BTreeSet::new()).await;
    world.spawn(Way::Mail, |_| Some(Ok(())));
    world.pass(MINUTE).await;
    assert_eq!(world.tried(), []);
    world.calibration_due(2).await;
    world.later(Duration::from_secs(24 * 3600));
    world.pass(MINUTE).await;
    assert_eq!(world.tried().len(), 1, "{:?}", world.tried());
    world.pass(60 * MINUTE).await;
    assert_eq!(world.tried().len(), 1);
    world.happen().await;
    world.pass(MINUTE).await;
    let world = world.crashed().await;
    world.spawn(Way::Mail, |_| Some(Ok(())));
    world.pass(60 * MINUTE).await;
    assert!(world.tried().iter().all(|tried| tried.ids.len() == 1 && world.tried().len() <= 1));
}

#[tokio::test(start_paused = true)]
async fn what_one_person_cannot_be_told_of_a_day_holds_no_later_day_up_for_the_others() {
    let world = World::new().await;
    world.spawn(Way::Mail, |parcel| {
        let is_full = parcel.to.as_str() == "kim";
        Some(if is_full { Err(NotSent::Later("full".into())) } else { Ok(()) })
    });
    world.pass(MINUTE).await;
    let first = world.recorder.cursor(&day_cursor(Way::Mail));
    world.calibration_due(2).await;
    // The day before, and the day itself.
    for told in 1..=2 {
        world.later(Duration::from_secs(24 * 3600));
        world.pass(MINUTE).await;
        assert_eq!(world.to("lee").len(), told, "{:?}", world.tried());
    }
    assert_eq!(world.recorder.cursor(&day_cursor(Way::Mail)), first, "for kim it is still to be told");
}

/// With the longest name of a printer, and when it happened.
fn not_stopped() -> (Notice, crate::domain::moment::Stamp) {
    use crate::domain::event::{Event, Fact};
    use crate::domain::moment::{Moment, Stamp};
    let stamp = Stamp {
        wall: WallTime(1_795_458_000_000),
        mono: Moment(u64::MAX),
        boot: BootId::from_entropy([255; 16]),
    };
    let relay = crate::domain::printer::RelayOutcome::Failed;
    let fact = Fact::StopUnverified { printer: "p".repeat(64).parse().unwrap(), relay };
    let event = Event { seq: 1, stamp: stamp.clone(), actor: Actor::Platen, subject: None, fact };
    (notice::of_event(&Lab::default(), &event).unwrap(), stamp)
}

#[test]
fn what_is_urgent_is_written_out_first_however_old_it_is() {
    let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
    let (urgent, stamp) = not_stopped();
    let mut other = urgent.clone();
    other.what = notice::What::Foreign;
    let item = |n: u64| {
        let notice = if n == 3 { urgent.clone() } else { other.clone() };
        Item { id: format!("id-{n}."), seq: Some(n), at: stamp.wall, age: Age::default(), notice }
    };
    let mail = Some("kim@lab.example".parse().unwrap());
    let parcel = Parcel::new(&origin, name("kim"), mail, (0..20).map(item).collect(), None, &stamp);
    let text = String::from_utf8(parcel.message.payload.clone()).unwrap();
    assert!(parcel.is_urgent() && text.contains("\"more\":12"), "{text}");
    let places: Vec<_> = [3, 13, 19].iter().map(|n| text.find(&format!("id-{n}."))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted() && !text.contains("id-12."), "{text}");
    let letter = parcel.letter().unwrap();
    assert_eq!(letter.subject, "platen: a printer did NOT confirm its stop, and 19 more");
    assert_eq!(letter.text.matches(" UTC ").count(), LISTED);
}

#[test]
fn the_longest_digest_fits_into_a_payload_and_says_what_it_leaves_out() {
    let origin = Origin { site: "s".repeat(64).parse().unwrap(), node: "n".repeat(64).parse().unwrap() };
    let (mut notice, stamp) = not_stopped();
    notice.case = Some(crate::domain::ids::CaseToken::from_entropy([1; 16]));
    notice.part = Some(u16::MAX);
    notice.attempt = Some(u32::MAX);
    notice.lot = Some(crate::domain::ids::LotId::from_entropy([1; 16]));
    notice.nonconformance = Some(NonconformanceId::from_entropy([1; 16]));
    let item = |n: u64| Item {
        id: "f".repeat(32),
        seq: Some(n),
        at: stamp.wall,
        age: Age::default(),
        notice: notice.clone(),
    };
    let to: UserName = "\u{20000}".repeat(40).parse().unwrap();
    let mail = Some("kim@lab.example".parse().unwrap());
    let parcel = Parcel::new(&origin, to, mail, (0..200).map(item).collect(), None, &stamp);
    let bytes = parcel.message.payload.len();
    assert!((4_000..=crate::services::telemetry::message::PAYLOAD_MAX).contains(&bytes), "{bytes}");
    let text = String::from_utf8(parcel.message.payload.clone()).unwrap();
    assert!(text.contains("\"more\":192") && !text.contains("kim@lab"), "{text}");
    let letter = parcel.letter().unwrap();
    assert!(letter.text.contains("192 older ones, since 2026-11-23, are"), "{}", letter.text);
}
