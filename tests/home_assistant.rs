//! What Home Assistant finds at a real broker: a device for every printer, whenever it comes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod mqtt_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use mqtt_support::{Mosquitto, Received, SECRETS, Subscriber, World, mqtt};
use platen::config::{self, MqttVersion};
use platen::domain::printer::Activity;
use platen::io::store::memory::MemoryStore;
use platen::services::telemetry::message::PAYLOAD_MAX;

const BOTH: [MqttVersion; 2] = [MqttVersion::V311, MqttVersion::V5];
const ALL: &str = "homeassistant/#";

async fn two_printers() -> World {
    World::over(Arc::new(MemoryStore::default()), 2).await
}

fn told(port: u16, version: MqttVersion) -> config::Mqtt {
    config::Mqtt { home_assistant: Some("homeassistant".into()), ..mqtt(port, version) }
}

/// Holds what came against what a device has to be; the topics that its entities are read from.
fn devices(received: &[Received]) -> BTreeSet<String> {
    let mut topics = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for message in received {
        let device = &message.payload;
        let printer = device["dev"]["name"].as_str().unwrap();
        seen.insert(printer.to_owned());
        let id = format!("platen_st-mary_lab-2_{printer}");
        assert_eq!(message.topic, format!("homeassistant/device/{id}/config"));
        assert_eq!(device["dev"]["ids"][0], id.as_str());
        assert_eq!((message.qos, device["o"]["name"].as_str()), (1, Some("platen")));
        assert!(message.raw.len() <= PAYLOAD_MAX);
        for secret in SECRETS {
            assert!(!message.raw.contains(secret), "{secret}: {}", message.raw);
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        topics.extend([text(&device["stat_t"]), text(&device["avty"][0]["t"])]);
        for entity in device["cmps"].as_object().unwrap().values() {
            assert!(ids.insert(text(&entity["unique_id"])), "{entity}");
            assert!(matches!(entity["p"].as_str(), Some("sensor" | "binary_sensor")), "{entity}");
            topics.extend(entity.get("stat_t").map(text));
        }
    }
    assert_eq!(seen, BTreeSet::from(["mk3-07".to_owned(), "p-1".to_owned()]));
    topics
}

#[tokio::test(flavor = "multi_thread")]
async fn every_printer_is_a_device_that_reads_topics_which_are_there() {
    for version in BOTH {
        let broker = Mosquitto::open().started();
        let world = two_printers().await;
        for place in 0..2 {
            world.show_at(place, |snapshot| snapshot.activity = Activity::Ready);
        }
        let mut early = Subscriber::new(broker.port, ALL, &[]).await;
        let mut subscriber = Subscriber::new(broker.port, "platen/#", &[]).await;
        let publisher = world.publish(told(broker.port, version));
        early.until("two devices", |all| all.len() == 2).await;
        let topics = devices(&early.received);
        assert_eq!(topics.len(), 5, "{topics:?}");
        let every = |all: &[Received]| topics.iter().all(|topic| all.iter().any(|one| one.topic == *topic));
        subscriber.until("something on every topic", every).await;
        // Whoever comes later gets the same.
        let mut late = Subscriber::new(broker.port, ALL, &[]).await;
        late.until("two devices", |all| all.len() == 2).await;
        assert!(late.received.iter().all(|message| message.retained));
        assert_eq!(devices(&late.received), topics);
        publisher.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_has_forgotten_them_is_told_again() {
    let mut broker = Mosquitto::forgetful().started();
    let world = two_printers().await;
    let mut publisher = world.publish(told(broker.port, MqttVersion::V5));
    publisher.connected().await;
    broker.kill();
    publisher.away(&["broker"]).await;
    broker.start();
    let mut subscriber = Subscriber::new(broker.port, ALL, &[]).await;
    subscriber.until("two devices", |all| all.len() >= 2).await;
    devices(&subscriber.received);
    publisher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_where_it_is_switched_off() {
    let broker = Mosquitto::open().started();
    let world = two_printers().await;
    let mut subscriber = Subscriber::new(broker.port, "#", &[]).await;
    let publisher = world.publish(mqtt(broker.port, MqttVersion::V5));
    let status = |all: &[Received]| all.iter().filter(|one| one.topic.ends_with("/status")).count() >= 2;
    subscriber.until("both statuses", status).await;
    // Its goodbye is the last word, behind all else.
    publisher.end().await;
    let offline = |all: &[Received]| all.iter().any(|one| one.payload["data"]["state"] == "offline");
    subscriber.until("the goodbye", offline).await;
    assert!(subscriber.received.iter().all(|message| message.topic.starts_with("platen/v1/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_farm_is_told_of_in_windows_and_events_still_come() {
    let broker = Mosquitto::open().started();
    let world = World::over(Arc::new(MemoryStore::default()), 128).await;
    let mut devices = Subscriber::new(broker.port, ALL, &[]).await;
    let mut events = Subscriber::new(broker.port, "platen/#", &[]).await;
    let publisher = world.publish(told(broker.port, MqttVersion::V5));
    world.print(50).await;
    devices.until("128 devices", |all| all.len() == 128).await;
    events.until_seq(world.published()).await;
    publisher.end().await;
}
