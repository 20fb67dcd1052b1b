//! What reaches subscribers through a real broker, and what happens when the broker fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod mqtt_support;

use hw_sim::random::Random;
use mqtt_support::{
    Gate, Mosquitto, SECRETS, Subscriber, World, assert_gapless, certificates, free_port, mqtt, printer,
};
use platen::config::MqttVersion;
use platen::domain::job::{Interruption, Progress};
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Fault};
use platen::io::broker::Broker;
use platen::services::telemetry::{CURSOR, MqttStatus};
use std::process::Command;

const STATE: &str = "platen/v1/st-mary/lab-2/state";
const STATUS: &str = "platen/v1/st-mary/lab-2/printer/mk3-07/status";
const BOTH: [MqttVersion; 2] = [MqttVersion::V311, MqttVersion::V5];

fn state(subscriber: &Subscriber) -> Option<&str> {
    subscriber.last(STATE)?.payload["data"]["state"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_all_jobs_arrive_in_order_and_without_a_gap() {
    for version in BOTH {
        let broker = Mosquitto::open().started();
        let world = World::new().await;
        // Before there is any publisher: the journal keeps them.
        world.print(20).await;
        let mut subscriber = Subscriber::new(broker.port, "platen/#", &[]).await;
        let publisher = world.publish(mqtt(broker.port, version));
        world.print(200).await;
        let cancelled = world.queue(3).await;
        world
            .ask(Request::CancelJob { job: cancelled, progress: None, by: "Kim.Secret-1".into(), line: None })
            .await;
        subscriber.until_seq(world.published()).await;
        let events = subscriber.distinct_events();
        assert_gapless(&events);
        assert_eq!(events.len() as u64, 23 + 203 + 2);
        assert!(events.iter().all(|event| event.qos == 1 && !event.retained));
        publisher.end().await;
        assert_eq!(
            subscriber.received.iter().filter(|m| m.is_event()).count(),
            events.len(),
            "no duplicates"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_in_the_midst_costs_no_event() {
    for version in BOTH {
        // Without a window towards subscribers: what this broker holds back is lost when it is
        // killed, although it has acknowledged it to us.
        let mut broker = Mosquitto::with("allow_anonymous true\nmax_inflight_messages 0\n").started();
        let world = World::new().await;
        let mut subscriber = Subscriber::new(broker.port, "platen/#", &["-c", "-i", "dashboard"]).await;
        let mut publisher = world.publish(mqtt(broker.port, version));
        publisher.connected().await;
        let job = world.queue(900).await;
        world.start(&job).await;
        for step in 1..=900 {
            world.progress(&job, step, 900).await;
            match step {
                300 => {
                    subscriber
                        .until("event 100", |all| all.iter().any(|m| m.is_event() && m.number("seq") == 100))
                        .await;
                    broker.kill();
                }
                600 => broker.start(),
                _ => {}
            }
        }
        world.finish(&job, 900).await;
        subscriber.until_seq(world.published()).await;
        assert_gapless(&subscriber.distinct_events());
        publisher.end().await;
    }
}

/// More by hand, with `PLATEN_BROKER_KILLS`. Each one makes the publisher wait twice as long, up to 30 s.
fn kills() -> u64 {
    std::env::var("PLATEN_BROKER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5)
}

/// Without acknowledgements of its own: a `mosquitto_sub` that cannot send one to a broker that has died throws
/// away what it has not read yet.
const READS_ONLY: [&str; 2] = ["-q", "0"];

/// Prints, and returns when the subscriber has seen almost all of it: what is left is just now on its way.
async fn in_the_midst(world: &World, subscriber: &mut Subscriber, random: &mut Random) {
    world.print(100 + random.below(300)).await;
    let at = world.published() - random.below(20);
    let seen = |all: &[mqtt_support::Received]| all.iter().any(|m| m.is_event() && m.number("seq") >= at);
    subscriber.until(&format!("event {at}"), seen).await;
}

async fn killed_with_a_disk(version: MqttVersion) {
    let mut random = Random::fork(20_261_128, "kills with a disk");
    let rules = "allow_anonymous true\nmax_inflight_messages 0\nqueue_qos0_messages true\n";
    let mut broker = Mosquitto::with(rules).started();
    let world = World::new().await;
    let arguments = [&READS_ONLY[..], &["-c", "-i", "dashboard"]].concat();
    let mut subscriber = Subscriber::new(broker.port, "platen/#", &arguments).await;
    let publisher = world.publish(mqtt(broker.port, version));
    for _ in 0..kills() {
        in_the_midst(&world, &mut subscriber, &mut random).await;
        broker.kill();
        world.print(random.below(100)).await;
        broker.start();
        // When this is through, the subscriber is back, and what it gets is not in the broker's memory only.
        subscriber.until_seq(world.published()).await;
    }
    assert_gapless(&subscriber.distinct_events());
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_again_and_again_costs_no_event_where_its_disk_has_the_sessions() {
    tokio::join!(killed_with_a_disk(MqttVersion::V311), killed_with_a_disk(MqttVersion::V5));
}

async fn killed_without_a_disk(version: MqttVersion) {
    let mut random = Random::fork(20_261_128, "kills without a disk");
    let mut broker = Mosquitto::forgetful().started();
    // Such a broker delivers nothing to whoever has not yet subscribed again, so platen comes behind.
    let gate = Gate::before(broker.port).await;
    let world = World::new().await;
    let mut subscriber = Subscriber::new(broker.port, "platen/#", &READS_ONLY).await;
    let publisher = world.publish(mqtt(gate.port, version));
    for kill in 0..kills() {
        // Acknowledgements are lost on their way, of events that have arrived.
        gate.open((kill % 3 == 0).then(|| 60 + random.below(200)));
        in_the_midst(&world, &mut subscriber, &mut random).await;
        gate.close();
        broker.kill();
        world.print(random.below(100)).await;
        broker.start();
        subscriber.granted().await;
    }
    gate.open(None);
    subscriber.until_seq(world.published()).await;
    let events = subscriber.distinct_events();
    assert_gapless(&events);
    let received = subscriber.received.iter().filter(|m| m.is_event()).count();
    assert!(received > events.len(), "acknowledgements were lost, so some came twice");
    // What was retained is there again.
    let mut late = Subscriber::new(broker.port, "platen/v1/st-mary/lab-2/#", &[]).await;
    late.until("state and status", |all| {
        ["state", "status"].iter().all(|kind| all.iter().any(|m| m.retained && m.kind() == *kind))
    })
    .await;
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_a_disk_killed_again_and_again_behind_a_bad_network_costs_no_event() {
    tokio::join!(killed_without_a_disk(MqttVersion::V311), killed_without_a_disk(MqttVersion::V5));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_broker_was_away_a_gap_says_which_telemetry_is_missing() {
    for version in BOTH {
        let mut broker = Mosquitto::open().started();
        let world = World::new().await;
        world.show(|snapshot| snapshot.activity = Activity::Ready);
        let arguments = ["-c", "-i", "board"];
        let mut subscriber = Subscriber::new(broker.port, "platen/v1/+/+/printer/+/+", &arguments).await;
        let mut publisher = world.publish(mqtt(broker.port, version));
        subscriber.until("telemetry", |all| all.iter().any(|m| m.kind() == "telemetry")).await;
        broker.kill();
        let away = world.clock.now().millis();
        publisher.away(&["cannot be reached"]).await;
        // It is away for so long, and at least two samples are due meanwhile.
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
        broker.start();
        subscriber.until("a gap", |all| all.iter().any(|m| m.kind() == "gap")).await;
        let gap = subscriber.received.iter().find(|m| m.kind() == "gap").unwrap();
        assert_eq!((gap.qos, gap.retained), (1, false));
        assert!(gap.payload["data"]["samples"].as_u64().unwrap() >= 2, "{}", gap.raw);
        assert!(gap.payload["data"]["to_mono_ms"].as_u64().unwrap() >= away, "{}", gap.raw);
        subscriber.until("telemetry again", |all| all.last().unwrap().kind() == "telemetry").await;
        publisher.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_died_sends_the_same_events_again() {
    let broker = Mosquitto::open().started();
    let world = World::new().await;
    let mut subscriber = Subscriber::new(broker.port, "platen/#", &[]).await;
    let first = world.publish(mqtt(broker.port, MqttVersion::V5));
    world.print(30).await;
    subscriber.until_seq(world.published()).await;
    first.drop_hard().await;
    // As if the cursor had not come to the disk.
    world.recorder.set_cursor(CURSOR, 10);
    world.print(30).await;
    let second = world.publish(mqtt(broker.port, MqttVersion::V5));
    subscriber.until_seq(world.published()).await;
    second.end().await;
    let events = subscriber.distinct_events();
    assert_gapless(&events);
    let received = subscriber.received.iter().filter(|message| message.is_event()).count();
    assert!(received > events.len(), "some came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_subscriber_sees_the_state_every_printer_and_every_ended_job_at_once() {
    for version in BOTH {
        let broker = Mosquitto::open().started();
        let world = World::new().await;
        let mut publisher = world.publish(mqtt(broker.port, version));
        let job = world.print(5).await;
        world.show(|snapshot| snapshot.activity = Activity::Ready);
        let mut early = Subscriber::new(broker.port, "platen/#", &[]).await;
        early.until("the summary", |all| all.iter().any(|m| m.kind() == "summary")).await;
        early
            .until("a ready printer", |all| {
                all.iter().any(|m| m.topic == STATUS && m.payload["data"]["activity"] == "ready")
            })
            .await;
        publisher.connected().await;

        let mut late = Subscriber::new(broker.port, "platen/#", &[]).await;
        late.until("three retained topics", |all| all.iter().filter(|m| m.retained).count() >= 3).await;
        assert_eq!(state(&late), Some("online"));
        assert_eq!(late.last(STATUS).unwrap().payload["data"]["bed"]["state"], "clear");
        let summary = late.received.iter().find(|m| m.kind() == "summary").unwrap();
        assert_eq!(summary.topic, format!("platen/v1/st-mary/case/{}/job/{job}/summary", world.case));
        let data = &summary.payload["data"];
        assert_eq!((data["outcome"].as_str(), data["exact"].as_bool()), (Some("printed"), Some(true)));
        assert_eq!(data["events"], 8, "queued, started, 5 × progress, printed");
        publisher.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_printer_does_is_told_at_once_with_its_case_and_job() {
    let broker = Mosquitto::open().started();
    let world = World::new().await;
    let publisher = world.publish(mqtt(broker.port, MqttVersion::V5));
    let mut subscriber = Subscriber::new(broker.port, "platen/v1/+/+/printer/#", &[]).await;
    let job = world.queue(10).await;
    world.start(&job).await;
    let progress = Progress { confirmed: 1, total: 10 };
    world.show(|snapshot| snapshot.activity = Activity::Printing { job: job.clone(), progress });
    subscriber
        .until("printing", |all| {
            all.iter().any(|m| m.kind() == "status" && m.payload["data"]["activity"] == "printing")
        })
        .await;
    let status = subscriber.last(STATUS).unwrap().clone();
    assert_eq!(status.payload["case"], world.case.as_str());
    assert_eq!(status.payload["job"], job.as_str());
    assert_eq!(status.payload["data"]["bed"]["job"], job.as_str());
    subscriber.until("telemetry", |all| all.iter().any(|m| m.kind() == "telemetry")).await;
    world.ask(Request::NoteFaulted { printer: printer(), fault: Fault::TooHot }).await;
    subscriber
        .until("the latch", |all| {
            all.iter().any(|m| m.topic == STATUS && m.payload["data"]["latch"]["fault"] == "too_hot")
        })
        .await;
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_ends_is_offline_and_one_that_is_killed_is_lost() {
    for version in BOTH {
        let broker = Mosquitto::open().started();
        let world = World::new().await;
        let mut subscriber = Subscriber::new(broker.port, STATE, &[]).await;
        let online = |count| {
            move |all: &[mqtt_support::Received]| {
                all.iter().filter(|m| m.payload["data"]["state"] == "online").count() == count
            }
        };
        let publisher = world.publish(mqtt(broker.port, version));
        subscriber.until("online", online(1)).await;
        let status = publisher.status.clone();
        publisher.end().await;
        assert_eq!(*status.borrow(), MqttStatus::Off);
        subscriber.until("offline", |all| all.last().unwrap().payload["data"]["state"] == "offline").await;

        let publisher = world.publish(mqtt(broker.port, version));
        subscriber.until("online again", online(2)).await;
        publisher.drop_hard().await;
        subscriber.until("lost", |all| all.last().unwrap().payload["data"]["state"] == "lost").await;
        let mut late = Subscriber::new(broker.port, STATE, &[]).await;
        late.until("the retained will", |all| !all.is_empty()).await;
        assert_eq!(state(&late), Some("lost"));
        assert_eq!(late.received.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_in_words_and_a_corrected_one_needs_no_restart() {
    for version in BOTH {
        let mut broker = Mosquitto::with("allow_anonymous false\npassword_file {folder}/users\n");
        let users = broker.file("users");
        let made =
            Command::new("mosquitto_passwd").arg("-b").arg("-c").arg(&users).args(["lab", "right"]).status();
        assert!(made.unwrap().success());
        broker.start();
        let world = World::new().await;
        let password = broker.file("password");
        std::fs::write(&password, "wrong\n").unwrap();
        let mut settings = mqtt(broker.port, version);
        settings.username = Some("lab".into());
        settings.password_file = Some(password.clone());
        let mut publisher = world.publish(settings);
        let reason = publisher.away(&["refuses user lab", "password_file"]).await;
        assert!(!reason.contains("wrong"), "no password in {reason}");
        // Nobody waits for the broker.
        world.print(5).await;
        std::fs::write(&password, "right\n").unwrap();
        publisher.connected().await;
        let arguments = ["-u", "lab", "-P", "right"];
        let mut subscriber = Subscriber::new(broker.port, "platen/#", &arguments).await;
        subscriber.until("the summary", |all| all.iter().any(|m| m.kind() == "summary")).await;
        publisher.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forbids_our_topics_is_told_in_words_and_costs_no_event() {
    let broker = Mosquitto::with("allow_anonymous true\nacl_file {folder}/access\n");
    std::fs::write(broker.file("access"), "topic read platen/#\n").unwrap();
    let broker = broker.started();
    let world = World::new().await;
    let before = world.recorder.read(|lab| lab.counters.seq);
    world.print(5).await;
    let mut subscriber = Subscriber::new(broker.port, "platen/#", &[]).await;
    let mut publisher = world.publish(mqtt(broker.port, MqttVersion::V5));
    publisher.away(&["refuses a message", "NotAuthorized", "access list"]).await;
    assert!(world.recorder.cursor(CURSOR) <= before, "no event of the job is done");
    std::fs::write(broker.file("access"), "topic readwrite platen/#\n").unwrap();
    broker.reload();
    subscriber.until_seq(world.published()).await;
    assert_gapless(&subscriber.distinct_events());
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_later_gets_everything() {
    let mut broker = Mosquitto::open();
    let world = World::new().await;
    let mut publisher = world.publish(mqtt(broker.port, MqttVersion::V5));
    let port = broker.port.to_string();
    publisher.away(&["cannot be reached", &port, "start it"]).await;
    let job = world.print(40).await;
    broker.start();
    // Retained, so it does not matter who is first.
    let summary = format!("platen/v1/st-mary/case/{}/job/{job}/summary", world.case);
    let mut subscriber = Subscriber::new(broker.port, &summary, &[]).await;
    subscriber.until("the summary", |all| !all.is_empty()).await;
    publisher.connected().await;
    publisher.end().await;
    // The last entry of the journal is done, so the next start has nothing to repeat.
    let last = world.recorder.read(|lab| lab.counters.seq);
    world
        .ask(Request::OpenCase {
            case: platen::domain::ids::CaseToken::from_entropy(platen::io::clock::entropy()),
            intended_use: platen::domain::case::IntendedUse::Education,
        })
        .await;
    assert_eq!(world.recorder.cursor(CURSOR), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_without_a_broker_ends_at_once_when_asked() {
    let world = World::new().await;
    let mut publisher = world.publish(mqtt(free_port(), MqttVersion::V311));
    publisher.away(&["cannot be reached"]).await;
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_the_broker_is_believed_only_with_the_right_certificate() {
    let rules = "allow_anonymous true\ncafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n";
    let broker = Mosquitto::with(rules);
    certificates(broker.folder.path());
    let broker = broker.started();
    let world = World::new().await;
    for version in BOTH {
        let mut settings = mqtt(broker.port, version);
        settings.host = "localhost".into();
        settings.tls = true;
        settings.ca_file = Some(broker.file("other.pem"));
        let mut publisher = world.publish(settings.clone());
        publisher.away(&["no TLS", "ca_file"]).await;
        publisher.end().await;

        settings.ca_file = Some(broker.file("ca.pem"));
        let mut publisher = world.publish(settings);
        publisher.connected().await;
        publisher.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_broker_serves_both_versions_on_two_ports() {
    let broker = Broker::start(0, 0).await.unwrap();
    let world = World::new().await;
    let mut publisher = world.publish(mqtt(broker.v5.port(), MqttVersion::V5));
    publisher.connected().await;
    world.print(3).await;
    let mut old = Subscriber::new(broker.v311.port(), "platen/#", &[]).await;
    let mut new = Subscriber::new(broker.v5.port(), "platen/#", &["-V", "5"]).await;
    for subscriber in [&mut old, &mut new] {
        subscriber
            .until("the retained state, status and summary", |all| {
                ["state", "status", "summary"].iter().all(|kind| all.iter().any(|m| m.kind() == *kind))
            })
            .await;
    }
    let before = world.published();
    world.print(3).await;
    for subscriber in [&mut old, &mut new] {
        subscriber
            .until("the events of the second job", |all| {
                all.iter().any(|m| m.is_event() && m.number("seq") == before + 6)
            })
            .await;
        let fresh: Vec<u64> = subscriber
            .received
            .iter()
            .filter(|m| m.is_event() && m.number("seq") > before)
            .map(|m| m.number("seq"))
            .collect();
        assert_eq!(fresh, (before + 1..=before + 6).collect::<Vec<_>>());
    }
    publisher.end().await;
    old.until("offline", |all| all.last().unwrap().payload["data"]["state"] == "offline").await;
    let publisher = world.publish(mqtt(broker.v311.port(), MqttVersion::V311));
    old.until("online", |all| all.last().unwrap().payload["data"]["state"] == "online").await;
    assert!(old.received.iter().all(|m| m.payload["data"]["state"] != "lost"), "a goodbye is no loss");
    publisher.drop_hard().await;
    old.until("lost", |all| all.iter().any(|m| m.payload["data"]["state"] == "lost")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_broker_whose_port_is_taken_says_which() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Broker::start(0, port).await.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("another port"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_person_or_a_firmware_wrote_leaves() {
    let broker = Mosquitto::open().started();
    let world = World::new().await;
    let mut subscriber = Subscriber::new(broker.port, "#", &[]).await;
    let mut publisher = world.publish(mqtt(broker.port, MqttVersion::V5));
    publisher.connected().await;
    world.print(2).await;
    let cancelled = world.queue(3).await;
    world
        .ask(Request::CancelJob { job: cancelled, progress: None, by: "Kim.Secret-1".into(), line: None })
        .await;
    let interrupted = world.queue(3).await;
    world.start(&interrupted).await;
    let progress = Progress { confirmed: 1, total: 3 };
    let why = Interruption::Fault { fault: Fault::Killed };
    world.ask(Request::NoteInterrupted { job: interrupted, progress, why, line: None }).await;
    world.ask(Request::NoteStopped { printer: printer(), by: "Kim.Secret-1".into() }).await;
    world.show(|snapshot| snapshot.activity = Activity::Stopped);
    subscriber
        .until("the latch and telemetry", |all| {
            all.iter().any(|m| m.payload["data"]["latch"]["kind"] == "stopped")
                && all.iter().any(|m| m.kind() == "telemetry")
        })
        .await;
    subscriber.until_seq(world.published()).await;
    publisher.end().await;
    subscriber.until("offline", |all| all.last().unwrap().payload["data"]["state"] == "offline").await;
    for message in &subscriber.received {
        for secret in SECRETS {
            let said = format!("{} {}", message.topic, message.raw);
            assert!(!said.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {said}");
        }
        assert!(!message.raw.contains("Meier") && !message.raw.contains("Marlin"), "{}", message.raw);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_of_one_name_say_so_and_fight_less_and_less() {
    for version in BOTH {
        let broker = Mosquitto::open().started();
        let world = World::new().await;
        let mut one = world.publish(mqtt(broker.port, version));
        one.connected().await;
        let begun = tokio::time::Instant::now();
        let mut other = world.publish(mqtt(broker.port, version));
        other.connected().await;
        for _ in 0..2 {
            let words = ["another client uses this site and node", "give each daemon its own `node`"];
            let reason = one.away(&words).await;
            // Also while it has its place again, it says why it had lost it.
            assert_eq!(one.holds_again().await.as_deref(), Some(reason.as_str()));
        }
        // At least four waits, each twice as long as the one before; chance takes a quarter at most.
        let waits = std::time::Duration::from_millis(250 + 500 + 1000 + 2000) * 3 / 4;
        assert!(begun.elapsed() >= waits, "{:?}", begun.elapsed());
        one.end().await;
        other.end().await;
    }
}
