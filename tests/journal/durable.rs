//! Yes is said when the disk has said so, and never again after the disk has said no.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use platen::io::store::sled::SledStore;
use platen::io::store::{Batch, Store, StoreError, Value};
use platen::services::recorder::NotRecorded;
use tokio::sync::mpsc::unbounded_channel;

use crate::bench::{Disk, ask, open_case, record};

fn batch(seq: u64) -> Batch {
    Batch { events: vec![(seq, Value::new(b"entry".to_vec()).unwrap())], ..Batch::default() }
}

#[test]
fn each_commit_is_synced_once_before_it_returns() {
    let disk = Disk::sled();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let store = SledStore::open(disk.path()).unwrap().with_sync(move |data| {
        counted.fetch_add(1, Ordering::SeqCst);
        data.sync_data()
    });
    for seq in 1..4 {
        store.commit(&batch(seq)).unwrap();
        assert_eq!(syncs.load(Ordering::SeqCst) as u64, seq);
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_or_seen_before_the_sync_has_returned() {
    let disk = Disk::sled();
    let (entered, mut entries) = unbounded_channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    // A gate that only the test opens, once a commit.
    let gate = Mutex::new(may_leave);
    let store = SledStore::open(disk.path()).unwrap().with_sync(move |data| {
        let _ = entered.send(());
        let _ = gate.lock().unwrap().recv();
        data.sync_data()
    });
    leave.send(()).unwrap();
    let recorder = record(Arc::new(store)).await.unwrap();
    entries.try_recv().expect("the first entry was synced");
    let before = recorder.read(Clone::clone);
    let mut feed = recorder.subscribe();

    let asked = ask(&recorder, open_case(1));
    tokio::pin!(asked);
    tokio::select! {
        biased;
        answer = &mut asked => panic!("answered before the sync: {answer:?}"),
        _ = entries.recv() => {}
    }
    assert_eq!(recorder.read(Clone::clone), before);
    assert!(feed.try_recv().is_err());
    leave.send(()).unwrap();
    asked.await.unwrap();
    assert_eq!(recorder.read(|lab| lab.cases.len()), 1);
    drop(leave);
    recorder.close().await;
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_acknowledged_any_more() {
    let disk = Disk::sled();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    // The second one fails, as when the disk loses a page; the later ones would go well.
    let store = SledStore::open(disk.path()).unwrap().with_sync(move |data| {
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(io::Error::other("the disk lost a page"));
        }
        data.sync_data()
    });
    let recorder = record(Arc::new(store)).await.unwrap();
    let before = recorder.read(Clone::clone);
    let mut feed = recorder.subscribe();
    for n in 1..4 {
        let refused = ask(&recorder, open_case(n)).await.unwrap_err();
        let NotRecorded::Store(error) = &refused else { panic!("{refused:?}") };
        assert!(matches!(**error, StoreError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("fdatasync: the disk lost a page"), "{error}");
    }
    let trouble = recorder.probe().await.unwrap_err().to_string();
    assert!(trouble.contains("the disk lost a page"), "{trouble}");
    assert_eq!(syncs.load(Ordering::SeqCst), 2, "the kernel is not asked again: it would say yes wrongly");
    assert_eq!(recorder.read(Clone::clone), before);
    assert!(feed.try_recv().is_err());
}
