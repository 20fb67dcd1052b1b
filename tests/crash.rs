//! Kill -9 of a process that writes the journal: every yes that it gave is true afterwards.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use platen::domain::case::IntendedUse;
use platen::domain::event::{Actor, ChainedRecord, Fact};
use platen::domain::ids::{BootId, CaseToken};
use platen::domain::lab::Request;
use platen::io::clock::{Clock, entropy};
use platen::io::store::sled::SledStore;
use platen::io::store::{Store, StoreError};
use platen::services::recorder::{Recorder, audit};

const FOLDER: &str = "PLATEN_TEST_CRASH_FOLDER";
/// By hand, `PLATEN_KILLS=200`.
const KILLS: usize = 40;

/// The process that is killed: opens cases until it dies, and says which ones are acknowledged.
#[tokio::test]
#[ignore = "it is the other half of the test below, which runs it"]
async fn writer() {
    let store = SledStore::open(Path::new(&std::env::var(FOLDER).unwrap())).unwrap();
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let (site, node) = ("site".parse().unwrap(), "node".parse().unwrap());
    let recorder = Recorder::open(Arc::new(store), clock, site, node).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let recorder = recorder.clone();
        writers.spawn(async move {
            loop {
                let case = CaseToken::from_entropy(entropy());
                let request = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide };
                let events = recorder.submit(request, Actor::Platen).await.unwrap();
                recorder.set_cursor("reader", events[0].seq);
                println!("acknowledged {} {case}", events[0].seq);
            }
        });
    }
    writers.join_next().await;
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// An acknowledgement, where the line was not cut by the kill.
fn acknowledged(line: &str) -> Option<(u64, CaseToken)> {
    let (seq, case) = line.strip_suffix('\n')?.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seq.parse().ok()?, case.parse().ok()?))
}

#[test]
fn no_acknowledged_entry_is_lost_when_the_writer_is_killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let kills = std::env::var("PLATEN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut kept = BTreeMap::new();
    for round in 0..kills {
        let mut child = start(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // Some rounds die while they open the store, some in the first commits, some after dozens.
        let patience = if round % 4 == 3 { 0 } else { 1 + (round * round) % 60 };
        let (mut line, mut seen, mut killed) = (String::new(), 0, false);
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some((seq, case)) = acknowledged(&line) {
                assert!(kept.insert(seq, case).is_none(), "entry {seq} was written twice");
                seen += 1;
            }
            if seen == patience && !killed {
                if seen > 0 {
                    let open = SledStore::open(dir.path());
                    assert!(matches!(open, Err(StoreError::Locked { .. })), "another process has it");
                }
                child.kill().unwrap();
                killed = true;
            }
            line.clear();
        }
        child.wait().unwrap();
        assert!(killed, "the writer ended by itself");

        let store = SledStore::open(dir.path()).unwrap();
        let entries = audit(&store).unwrap().entries;
        let last = *kept.last_key_value().unwrap().0;
        assert!(entries >= last, "round {round}: {last} was acknowledged, {entries} are there");
        let cursor =
            store.meta("cursor/reader").unwrap().map_or(0, |b| u64::from_be_bytes(b.try_into().unwrap()));
        assert!(cursor <= entries);
        for (seq, bytes) in store.events(1, usize::MAX).unwrap() {
            let event = ChainedRecord::from_bytes(seq, &bytes).unwrap().event(seq).unwrap();
            if let (Some(want), Fact::CaseOpened { case, .. }) = (kept.get(&seq), &event.fact) {
                assert_eq!(case, want, "entry {seq}");
            } else {
                assert!(!kept.contains_key(&seq), "entry {seq} is {:?}", event.fact);
            }
        }
    }
    assert!(kept.len() > kills);
}
