//! The broker away for an hour, killed again and again, deaf, slow and forgetful, in virtual time: no event is
//! missing, and what is missing of the telemetry is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod mqtt_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hw_sim::random::Random;
use mqtt_support::played::{Faults, Played};
use mqtt_support::{Publisher, Received, World, assert_gapless, distinct_events, origin, printer};
use platen::domain::event::{Actor, Event};
use platen::domain::ids::{FileHash, JobId, PrinterName};
use platen::domain::job::{Interruption, Progress};
use platen::domain::lab::Request;
use platen::domain::printer::Activity;
use platen::io::store::memory::MemoryStore;
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3_600);
const PRINTERS: usize = 3;
/// Hours of the swarm; more by `PLATEN_BROKER_HOURS`.
const HOURS: u64 = 6;

/// The seqs of the events that a subscriber to everything has seen.
fn seqs(heard: &[Received]) -> BTreeSet<u64> {
    heard.iter().filter(|m| m.is_event()).map(|m| m.number("seq")).collect()
}

/// What the journal has for MQTT, as it has to arrive.
async fn to_be_said(world: &World) -> Vec<(String, String)> {
    let journal: Vec<Event> = world.recorder.events(1, usize::MAX).await.unwrap();
    let messages = journal.iter().filter_map(|event| origin().event(event));
    messages.map(|message| (message.topic, String::from_utf8(message.payload).unwrap())).collect()
}

/// Every event has arrived, for the first time in the order of the journal, and each time the same.
async fn assert_every_event_arrived(world: &World, broker: &Played) {
    let last = world.published();
    broker.until(&format!("all events up to {last}"), |heard, _| seqs(heard).len() as u64 == last).await;
    let arrived = distinct_events(&broker.heard());
    assert_gapless(&arrived);
    let arrived: Vec<_> = arrived.into_iter().map(|event| (event.topic, event.raw)).collect();
    assert_eq!(arrived, to_be_said(world).await);
}

/// Each second in which a printer was there is in a sample or in a gap. How many samples the gaps tell.
fn assert_no_sample_is_missing_unsaid(heard: &[Received]) -> u64 {
    // By boot and printer: from, to, samples; a gap that came again replaces the one with its `from`.
    let mut all = BTreeMap::<(String, String), BTreeMap<(u64, bool), (u64, u64)>>::new();
    let mut left_out = 0;
    for message in heard.iter().filter(|m| matches!(m.kind(), "telemetry" | "gap")) {
        let of = (message.payload["boot"].to_string(), message.payload["printer"].to_string());
        let said = all.entry(of).or_default();
        if message.kind() == "telemetry" {
            let at = message.number("mono_ms");
            said.insert((at, false), (at, 1));
        } else {
            let number = |field: &str| message.payload["data"][field].as_u64().unwrap();
            said.insert((number("from_mono_ms"), true), (number("to_mono_ms"), number("samples")));
        }
    }
    for (of, said) in all {
        let (mut reached, mut samples) = (0, 0);
        for ((from, gap), (to, count)) in said {
            // A turn may come up to a second late.
            assert!(from <= reached + 2_100, "{of:?}: nothing is said from {reached} to {from} ms");
            reached = reached.max(to);
            samples += count;
            left_out += if gap { count } else { 0 };
        }
        let due = reached / 1_000;
        assert!(samples + 2 + due / 100 >= due, "{of:?}: {samples} samples of {due} seconds");
    }
    left_out
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_a_broker_every_event_arrives_and_a_gap_says_which_telemetry_does_not() {
    let broker = Played::new(1, Faults::default());
    let world = World::new().await;
    world.show(|snapshot| snapshot.activity = Activity::Ready);
    let publisher = world.publish_over(broker.clone());
    broker.until("telemetry", |heard, _| heard.iter().any(|m| m.kind() == "telemetry")).await;
    broker.kill(true);
    let before = broker.heard().len();
    let away = world.clock.now().millis();
    let job = world.queue(720).await;
    world.start(&job).await;
    for step in 1..=720 {
        sleep(HOUR / 720).await;
        world.progress(&job, step, 720).await;
    }
    world.finish(&job, 720).await;
    let back = world.clock.now().millis();
    assert_eq!(broker.heard().len(), before, "nobody hears");
    broker.start();
    assert_every_event_arrived(&world, &broker).await;
    broker.until("the printer again", |heard, _| heard.last().unwrap().kind() == "telemetry").await;
    let heard = broker.heard();
    let gaps: Vec<_> = heard.iter().filter(|m| m.kind() == "gap").collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let number = |field: &str| gaps[0].payload["data"][field].as_u64().unwrap();
    let (from, to, samples) = (number("from_mono_ms"), number("to_mono_ms"), number("samples"));
    // What was sent last may have died with the broker.
    assert!(away.saturating_sub(2_000) <= from && from <= away + 1_100, "{from}, away at {away}");
    assert!(to + 1_100 >= back && to <= world.clock.now().millis(), "{to}, back at {back}");
    assert!(
        ((to - from) / 1_010..=(to - from) / 1_000 + 2).contains(&samples),
        "{samples} of {from} to {to}"
    );
    assert_eq!((gaps[0].qos, gaps[0].retained, &gaps[0].payload["printer"]), (1, false, &"mk3-07".into()));
    let again = heard[before..].iter().find(|m| matches!(m.kind(), "gap" | "telemetry")).unwrap();
    assert_eq!(again.kind(), "gap", "before the next sample");
    assert_no_sample_is_missing_unsaid(&heard);
    // Nothing is said of a printer that is not there.
    world.show(|snapshot| snapshot.activity = Activity::Connecting);
    broker.kill(false);
    sleep(Duration::from_secs(60)).await;
    broker.start();
    let online = |heard: &[Received]| heard.iter().filter(|m| m.payload["data"]["state"] == "online").count();
    let known = online(&heard);
    broker.until("a later heartbeat", |heard, _| online(heard) >= known + 2).await;
    let samples: u64 = broker
        .heard()
        .iter()
        .filter(|m| m.kind() == "gap")
        .skip(1)
        .map(|m| m.payload["data"]["samples"].as_u64().unwrap())
        .sum();
    assert!(samples <= 2, "only what may have died with the broker: {samples}");
    publisher.end().await;
}

/// A lab at work over a publisher that dies too, for an hour.
struct Lab {
    random: Random,
    store: Arc<MemoryStore>,
    world: World,
    publisher: Option<Publisher>,
    broker: Played,
    queued: Vec<JobId>,
    running: BTreeMap<PrinterName, (JobId, u64)>,
}

const LINES: u64 = 40;

impl Lab {
    async fn new(seed: u64, faults: Faults) -> Self {
        let broker = Played::new(seed, faults);
        let store = Arc::new(MemoryStore::default());
        let (world, publisher) = Self::daemon(&store, &broker).await;
        Self {
            random: Random::fork(seed, "lab"),
            store,
            world,
            publisher: Some(publisher),
            broker,
            queued: Vec::new(),
            running: BTreeMap::new(),
        }
    }

    async fn daemon(store: &Arc<MemoryStore>, broker: &Played) -> (World, Publisher) {
        let world = World::over(Arc::clone(store) as Arc<_>, PRINTERS).await;
        for place in 0..PRINTERS {
            world.show_at(place, |snapshot| snapshot.activity = Activity::Ready);
        }
        let publisher = world.publish_over(broker.clone());
        (world, publisher)
    }

    /// `kill -9` of the daemon, and its next start: what was not committed is gone, the place in the journal too.
    async fn crash(&mut self) {
        self.publisher.take().unwrap().drop_hard().await;
        self.store = Arc::new(self.store.after_crash());
        let (world, publisher) = Self::daemon(&self.store, &self.broker).await;
        (self.world, self.publisher) = (world, Some(publisher));
        for (printer, _) in std::mem::take(&mut self.running) {
            self.ask(Request::ClearBed { printer, by: "kim".into() }).await;
        }
    }

    async fn ask(&self, request: Request) {
        self.world.recorder.submit(request, Actor::Platen).await.unwrap();
    }

    async fn act(&mut self) {
        let printers: Vec<PrinterName> = self.world.board.printers().map(|(name, _)| name.clone()).collect();
        let name = printers[usize::try_from(self.random.below(PRINTERS as u64)).unwrap()].clone();
        let runs = self.running.get(&name).cloned();
        match (self.random.below(10), runs) {
            (0, _) if self.queued.len() < 5 => self.queued.push(self.world.queue(LINES).await),
            (1, _) if !self.queued.is_empty() => {
                let job = self.queued.remove(0);
                self.ask(Request::CancelJob { job, progress: None, by: "kim".into(), line: None }).await;
            }
            (2, Some((job, done))) => {
                let (progress, why) = (Progress { confirmed: done, total: LINES }, Interruption::Unplugged);
                self.ask(Request::NoteInterrupted { job, progress, why, line: None }).await;
                self.running.remove(&name);
                self.ask(Request::ClearBed { printer: name, by: "kim".into() }).await;
            }
            (_, Some((job, LINES))) => {
                let (progress, digest) =
                    (Progress { confirmed: LINES, total: LINES }, FileHash::from_digest([9; 32]));
                self.ask(Request::NotePrinted { job, progress, digest, line: Box::default(), millis: 5 })
                    .await;
                self.running.remove(&name);
                self.ask(Request::ClearBed { printer: name, by: "kim".into() }).await;
            }
            (_, Some((job, done))) => {
                let progress = Progress { confirmed: done + 1, total: LINES };
                self.ask(Request::NoteProgress { job: job.clone(), progress }).await;
                self.running.insert(name, (job, done + 1));
            }
            (_, None) if !self.queued.is_empty() => {
                let job = self.queued.remove(0);
                self.ask(Request::StartJob { job: job.clone(), printer: name.clone() }).await;
                self.running.insert(name, (job, 0));
            }
            _ => {}
        }
    }
}

fn draw(random: &mut Random) -> Faults {
    // Each hour has its own mixture, and some hours lack some faults.
    let mut rate = |most: f64| if random.chance(0.6) { random.unit() * most } else { 0.0 };
    Faults {
        cut_before: rate(0.01),
        cut_after: rate(0.01),
        ack_lost: rate(0.003),
        stall: rate(0.003),
        shuffle: rate(0.5),
        deaf: rate(0.3),
        lies: 0.0,
        pace: Duration::from_millis(1 + random.below(20)),
    }
}

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    crashes: u64,
    connections: u64,
    events: u64,
    duplicates: usize,
    left_out: u64,
}

async fn hour(seed: u64, tally: &mut Tally) {
    let mut random = Random::fork(seed, "troubles");
    let faults = draw(&mut random);
    let mut lab = Lab::new(seed, faults).await;
    let broker = lab.broker.clone();
    let end = Instant::now() + HOUR;
    while Instant::now() < end {
        lab.act().await;
        sleep(Duration::from_millis(random.below(4_000))).await;
        match broker.is_up() {
            true if random.chance(0.02) => broker.kill(random.chance(0.5)),
            false if random.chance(0.05) => broker.start(),
            _ => {}
        }
        if random.chance(0.003) {
            lab.crash().await;
            tally.crashes += 1;
        }
    }
    // Healing: from here on nothing fails, and everything has to come.
    broker.set(Faults { pace: Duration::from_millis(1), ..Faults::default() });
    broker.start();
    assert_every_event_arrived(&lab.world, &broker).await;
    let status = |place: usize| {
        let name = lab.world.board.printers().nth(place).unwrap().0.clone();
        format!("platen/v1/st-mary/lab-2/printer/{name}/status")
    };
    let boot = serde_json::json!(lab.world.clock.boot());
    broker
        .until("every printer and the node, retained", |_, retained| {
            let now = |topic: &str| retained.get(topic).is_some_and(|m| m.payload["boot"] == boot);
            now("platen/v1/st-mary/lab-2/state") && (0..PRINTERS).all(|place| now(&status(place)))
        })
        .await;
    let before = broker.heard().len();
    broker
        .until("telemetry of every printer", |heard, _| {
            let fresh = heard[before..].iter().filter(|m| m.kind() == "telemetry");
            fresh.map(|m| m.payload["printer"].as_str().unwrap()).collect::<BTreeSet<_>>().len() == PRINTERS
        })
        .await;
    let heard = broker.heard();
    tally.left_out += assert_no_sample_is_missing_unsaid(&heard);
    tally.kills += broker.kills();
    tally.connections += broker.connections();
    tally.events += lab.world.published();
    tally.duplicates += heard.iter().filter(|m| m.is_event()).count() - distinct_events(&heard).len();
    assert_eq!(left_to_say(&lab.world).await, 0);
    lab.publisher.take().unwrap().end().await;
}

/// How many entries the broker has not taken, after an hour at most: it may have heard all, and what it says of that is
/// still on its way.
async fn left_to_say(world: &World) -> u64 {
    let left = || {
        let cursor = world.recorder.cursor(platen::services::telemetry::CURSOR);
        world.recorder.read(|lab| lab.counters.seq) - cursor
    };
    let patience = Instant::now() + HOUR;
    while left() > 0 && Instant::now() < patience {
        sleep(Duration::from_millis(10)).await;
    }
    left()
}

#[tokio::test(start_paused = true)]
async fn whatever_a_broker_does_for_an_hour_every_event_arrives_and_no_sample_is_missing_unsaid() {
    let hours = std::env::var("PLATEN_BROKER_HOURS").ok().and_then(|n| n.parse().ok()).unwrap_or(HOURS);
    let mut tally = Tally::default();
    for seed in 0..hours {
        println!("hour {seed}");
        hour(seed, &mut tally).await;
    }
    println!("{hours} hours: {tally:?}, 0 missing");
    // It was as bad as it was meant to be.
    assert!(
        tally.kills >= hours * 5 && tally.crashes >= hours && tally.connections > tally.kills,
        "{tally:?}"
    );
    assert!(tally.events > hours * 300 && tally.duplicates > 10 && tally.left_out > hours * 60, "{tally:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_acknowledges_what_it_drops_is_seen_by_these_tests() {
    let broker = Played::new(3, Faults { lies: 0.05, ..Faults::default() });
    let world = World::new().await;
    let publisher = world.publish_over(broker.clone());
    world.print(200).await;
    assert_eq!(left_to_say(&world).await, 0, "it was told yes");
    publisher.end().await;
    let missing = world.published() - seqs(&broker.heard()).len() as u64;
    assert!(missing > 0);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_too_slow_gets_every_event_fewer_samples_and_a_gap_for_the_rest() {
    const MANY: usize = 100;
    // Fifty messages a second, and a hundred printers have a sample each.
    let broker = Played::new(4, Faults { pace: Duration::from_millis(20), ..Faults::default() });
    let world = World::over(Arc::new(MemoryStore::default()), MANY).await;
    for place in 0..MANY {
        world.show_at(place, |snapshot| snapshot.activity = Activity::Ready);
    }
    let publisher = world.publish_over(broker.clone());
    let job = world.queue(100).await;
    world.start(&job).await;
    for step in 1..=100 {
        sleep(Duration::from_secs(2)).await;
        world.progress(&job, step, 100).await;
    }
    world.finish(&job, 100).await;
    assert_every_event_arrived(&world, &broker).await;
    broker.set(Faults::default());
    let before = broker.heard().len();
    broker
        .until("each printer's gap, and telemetry", |heard, _| {
            let of = |kind: &str, from: usize| {
                let all = heard[from..].iter().filter(|m| m.kind() == kind);
                all.map(|m| m.payload["printer"].as_str().unwrap()).collect::<BTreeSet<_>>().len()
            };
            of("gap", 0) == MANY && of("telemetry", before) == MANY
        })
        .await;
    let left_out = assert_no_sample_is_missing_unsaid(&broker.heard());
    assert!(left_out > 5_000, "{left_out}");
    assert_eq!(broker.connections(), 1, "slow is not gone");
    publisher.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_printers_that_change_each_second_are_all_told_and_not_the_first_ones_only() {
    const MANY: usize = 100;
    let broker = Played::new(5, Faults { pace: Duration::from_millis(1), ..Faults::default() });
    let world = World::over(Arc::new(MemoryStore::default()), MANY).await;
    let publisher = world.publish_over(broker.clone());
    for second in 1..=20 {
        for place in 0..MANY {
            world.show_at(place, |snapshot| {
                snapshot.activity = Activity::Ready;
                snapshot.line.lines_sent = second;
            });
        }
        sleep(Duration::from_secs(1)).await;
        let told = |retained: &BTreeMap<String, Received>| {
            let lines = retained
                .values()
                .filter(|m| m.kind() == "status")
                .map(|m| m.payload["data"]["line"]["lines_sent"].as_u64().unwrap());
            lines.filter(|lines| lines + 2 >= second).count()
        };
        assert!(second < 3 || told(&broker.retained()) == MANY, "{second}: {}", told(&broker.retained()));
    }
    assert_eq!(world.board.printers().next().unwrap().0, &printer());
    publisher.end().await;
}
