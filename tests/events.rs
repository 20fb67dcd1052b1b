//! The journal as a stream: every event once and in order, from wherever a reader left off.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::case::IntendedUse;
use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::lab::Request;
use platen::domain::printer::Activity;
use platen::io::clock::entropy;
use std::sync::Arc;
use support::{Events, TestLab, lab};

async fn open_cases(lab: &TestLab, count: usize) {
    for _ in 0..count {
        let request =
            Request::OpenCase { case: CaseToken::from_entropy(entropy()), intended_use: IntendedUse::Guide };
        lab.recorder.submit(request, Actor::Platen).await.unwrap();
    }
}

fn end(lab: &TestLab) -> u64 {
    lab.recorder.read(|lab| lab.counters.seq)
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_exactly_what_it_missed() {
    let lab = lab().await;
    open_cases(&lab, 5).await;
    let mut first = Events::open(&lab, "/v1/events?after=0", "").await;
    let seen = first.ids(4).await;
    assert_eq!(seen, [1, 2, 3, 4]);
    drop(first);
    open_cases(&lab, 3).await;
    let mut again = Events::open(&lab, "/v1/events", "Last-Event-ID: 4\r\n").await;
    let rest = usize::try_from(end(&lab)).unwrap() - 4;
    let ids = again.ids(rest).await;
    assert_eq!(ids, (5..=end(&lab)).collect::<Vec<_>>());
    open_cases(&lab, 1).await;
    assert_eq!(again.ids(1).await, [end(&lab)]);
}

#[tokio::test]
async fn a_reader_that_asks_for_nothing_old_begins_now() {
    let lab = lab().await;
    open_cases(&lab, 2).await;
    let before = end(&lab);
    let mut events = Events::open(&lab, "/v1/events", "").await;
    open_cases(&lab, 1).await;
    let message = events.next().await.unwrap();
    assert_eq!((message.id, message.event.as_str()), (Some(before + 1), "case_opened"));
    let data: serde_json::Value = serde_json::from_str(&message.data).unwrap();
    assert_eq!(data["fact"]["intended_use"], "guide");
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_while_the_journal_runs_ahead() {
    let lab = Arc::new(lab().await);
    let mut events = Events::open(&lab, "/v1/events?after=0", "").await;
    // More than the feed and the socket hold: the reader falls behind and must read from the store.
    let writer = tokio::spawn({
        let lab = Arc::clone(&lab);
        async move { open_cases(&lab, 5_000).await }
    });
    writer.await.unwrap();
    let count = usize::try_from(end(&lab)).unwrap();
    assert_eq!(events.ids(count).await, (1..=end(&lab)).collect::<Vec<_>>());
}

#[tokio::test]
async fn readers_that_join_while_events_are_written_see_no_gap() {
    let lab = Arc::new(lab().await);
    let writer = tokio::spawn({
        let lab = Arc::clone(&lab);
        async move { open_cases(&lab, 400).await }
    });
    let mut readers = Vec::new();
    for _ in 0..8 {
        let after = end(&lab);
        let mut events = Events::open(&lab, &format!("/v1/events?after={after}"), "").await;
        readers.push(tokio::spawn(async move { (after, events.ids(20).await) }));
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    // Whoever joined near the end waits for twenty events too.
    open_cases(&lab, 20).await;
    for reader in readers {
        let (after, ids) = reader.await.unwrap();
        assert_eq!(ids, (after + 1..=after + 20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn live_snapshots_come_along_without_an_id() {
    let lab = lab().await;
    let mut events = Events::open(&lab, "/v1/events?live=1", "").await;
    let mut printers = std::collections::BTreeSet::new();
    while printers.len() < 3 {
        let message = events.next().await.unwrap();
        assert_eq!((message.event.as_str(), message.id), ("printer", None));
        let data: serde_json::Value = serde_json::from_str(&message.data).unwrap();
        printers.insert(data["name"].as_str().unwrap().to_owned());
    }
    lab.boards["away"].send_modify(|snapshot| {
        let mut changed = platen::domain::printer::Snapshot::clone(snapshot);
        changed.activity = Activity::Connecting;
        *snapshot = Arc::new(changed);
    });
    let message = events.next().await.unwrap();
    assert!(message.data.contains("\"state\":\"connecting\""), "{message:?}");
}

#[tokio::test]
async fn a_stream_ends_when_the_daemon_does() {
    let lab = lab().await;
    let mut events = Events::open(&lab, "/v1/events", "").await;
    lab.shutdown.cancel();
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn one_reader_more_than_there_is_room_for_is_refused_in_words_until_another_goes() {
    let lab = lab().await;
    let mut readers = Vec::new();
    for _ in 0..64 {
        readers.push(Events::open(&lab, "/v1/events", "").await);
    }
    let refused = lab.get("/v1/events").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "too-many-streams"));
    assert_eq!(lab.get("/healthz").await.status, 200, "only streams are refused");
    readers.pop();
    // The server sees a closed connection when it next looks at it.
    while Events::try_open(&lab, "/v1/events", "").await.is_none() {
        tokio::task::yield_now().await;
    }
}
