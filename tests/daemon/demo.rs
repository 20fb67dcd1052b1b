//! `platen demo --until-done`: every sample job is printed exactly, and any client sees all of it over MQTT.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::world::{Process, platen, run, until};

/// A message as the subscriber wrote it.
struct Heard {
    retained: bool,
    topic: String,
    payload: Value,
}

fn heard(text: &str) -> Vec<Heard> {
    let read = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (retained, topic) = (words.next()? == "1", words.next()?.to_owned());
        Some(Heard { retained, topic, payload: serde_json::from_str(words.next()?).ok()? })
    };
    text.lines().map(|line| read(line).unwrap_or_else(|| panic!("`{line}` is no message"))).collect()
}

/// Debian's own client, since ours would share our mistakes.
fn subscribe(port: &str) -> Process {
    let version = Command::new("mosquitto_sub").arg("--help").output();
    assert!(
        version.is_ok(),
        "mosquitto_sub is missing: apt-get install mosquitto-clients (tests/run does it)"
    );
    let args = ["-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "platen/#", "-F", "%r %t %p"];
    Process::spawn(Command::new("mosquitto_sub").args(args))
}

#[test]
fn the_demo_prints_every_job_exactly_and_a_subscriber_sees_it_without_a_gap() {
    let mut demo = Process::spawn(&mut platen(&[
        "demo",
        "--until-done",
        "--speed",
        "60",
        "--http",
        "127.0.0.1:0",
        "--mqtt",
        "0",
    ]));
    let shown = until("the broker's address and the jobs", || {
        let (shown, ended) = (demo.out(), demo.ended());
        assert!(ended.is_none(), "{ended:?}: {shown} {}", demo.err());
        shown.contains("\n\n").then_some(shown)
    });
    let port = shown.split_once("mosquitto_sub -p ").unwrap().1.split(' ').next().unwrap().to_owned();
    let subscriber = subscribe(&port);
    until("retained snapshots of all there is", || {
        let topics: BTreeSet<_> = heard(&whole_lines(&subscriber.out()))
            .into_iter()
            .filter(|message| message.retained)
            .map(|message| message.topic)
            .collect();
        let printers = topics.iter().filter(|topic| topic.ends_with("/status")).count();
        (printers == 5 && topics.contains("platen/v1/demo/local/state")).then_some(())
    });
    let jobs: BTreeSet<_> = shown
        .lines()
        .filter_map(|line| Some(line.split_once("  job ")?.1.split(' ').next()?.to_owned()))
        .collect();
    assert_eq!(jobs.len(), 5, "{shown}");

    let told = demo.end();
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.ends_with("All 5 jobs exact.\n"), "{told:?}");
    assert_eq!(told.out.matches(" exact  ").count(), 5, "{told:?}");
    // Each on the printer that its file is for, and held there against height, mask and light of every layer.
    for (part, printer, layers) in [("aneurysm, hollow", "msla-1", 92), ("vertebra, small", "chitu-1", 78)] {
        let verdict = format!("  {part:<16} exact  {layers} layers\n");
        assert!(told.out.contains(&verdict), "{verdict:?}: {told:?}");
        assert!(told.out.contains(&format!("  {part:<16} printing on {printer} ")), "{told:?}");
    }
    // The broker has ended with the demo; what came until then is all there is.
    let messages = heard(&whole_lines(&subscriber.out()));
    let events: Vec<_> = messages.iter().filter(|message| message.topic.ends_with("/event")).collect();
    let mut last_seq = None;
    let mut last_of_job = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for Heard { payload, .. } in events {
        // At least once: an event that was seen is dropped, as the documentation says.
        if !seen.insert(payload["id"].as_str().unwrap().to_owned()) {
            continue;
        }
        let (seq, job_seq) = (payload["seq"].as_u64().unwrap(), payload["job_seq"].as_u64().unwrap());
        assert!(last_seq.is_none_or(|last| last + 1 == seq), "{seq} after {last_seq:?}: {payload}");
        last_seq = Some(seq);
        let job = payload["job"].as_str().unwrap().to_owned();
        let kind = payload["type"].as_str().unwrap().to_owned();
        if let Some((last, _)) = last_of_job.insert(job, (job_seq, kind)) {
            assert_eq!(job_seq, last + 1, "{payload}");
        }
    }
    assert_eq!(last_of_job.keys().cloned().collect::<BTreeSet<_>>(), jobs);
    for (job, (_, kind)) in &last_of_job {
        assert_eq!(kind, "printed", "the last event of job {job}");
        let summary = messages.iter().find(|message| message.topic.ends_with(&format!("{job}/summary")));
        assert!(summary.is_some(), "job {job} has no summary");
    }
}

#[test]
fn a_demo_whose_port_is_taken_says_with_which_option_to_give_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = run(&["demo", "--http", &address, "--mqtt", "0", "--printers", "1"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains(&address) && told.err.contains("`--http 127.0.0.1:0`"), "{told:?}");
    assert!(!told.err.contains("[http]"), "a key of a configuration that there is not: {told:?}");
}

/// Without a last line that is still being written.
fn whole_lines(text: &str) -> String {
    text[..text.rfind('\n').map_or(0, |end| end + 1)].to_owned()
}
