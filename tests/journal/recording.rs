//! What the recorder says yes to, and when.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use platen::domain::event::Actor;
use platen::domain::job::{Interruption, JobState, Outcome};
use platen::domain::lab::{Refusal, Request};
use platen::domain::printer::Bed;
use platen::io::store::memory::MemoryStore;
use platen::io::store::{Batch, Store, StoreError};
use platen::services::recorder::{NotRecorded, audit};

use crate::bench::{Disk, ask, case, job, open_case, printer, progress, queue, record, work};

/// A store that lets a test hold a commit before and after it is made.
#[derive(Default)]
struct Gate {
    store: Arc<MemoryStore>,
    commits: AtomicUsize,
    held: Mutex<Held>,
    changed: Condvar,
    crashes: Mutex<Vec<MemoryStore>>,
}

#[derive(Default)]
struct Held {
    shut: bool,
    waiting: bool,
}

impl Gate {
    fn set(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_until(&self, ready: impl Fn(&Held) -> bool) {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| !ready(held)).unwrap());
    }
}

impl Store for Gate {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.set(|held| held.waiting = true);
        self.wait_until(|held| !held.shut);
        self.set(|held| held.waiting = false);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.crashes.lock().unwrap().push(self.store.after_crash());
        let committed = self.store.commit(batch);
        self.crashes.lock().unwrap().push(self.store.after_crash());
        committed
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.store.ready()
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.store.events(from, limit)
    }

    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.store.last_event()
    }

    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.entities()
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.meta(key)
    }

    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.all_meta()
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        work(&recorder).await;
        let before = recorder.read(Clone::clone);
        let crashed = disk.after_crash();
        let store = crashed.open().unwrap();
        assert_eq!(audit(store.as_ref()).unwrap().entries, before.counters.seq);
        drop(store);
        let after = crashed.recorder().await.unwrap();
        assert!(after.audit().await.unwrap().entries > before.counters.seq);
        after.read(|lab| {
            assert_eq!(lab.cases, before.cases);
            assert_eq!(lab.parts, before.parts);
            assert_eq!(lab.jobs[&job(1)], before.jobs[&job(1)]);
        });
    }
}

#[tokio::test]
async fn a_boot_after_a_crash_interrupts_what_was_running_and_nothing_else() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        work(&recorder).await;
        let after = disk.after_crash().recorder().await.unwrap();
        after.read(|lab| {
            let JobState::Ended { outcome: Outcome::Interrupted { why }, run: Some(run), .. } =
                &lab.jobs[&job(0)].state
            else {
                panic!("{:?}", lab.jobs[&job(0)].state)
            };
            assert_eq!((why, run.progress), (&Interruption::DaemonEnded, progress(4)));
            assert_eq!(lab.jobs[&job(1)].state, JobState::Queued);
            assert_eq!(lab.printer(&printer()).bed, Bed::Occupied { job: job(0) });
        });
        let started = ask(&after, Request::StartJob { job: job(1), printer: printer() }).await;
        assert!(matches!(started, Err(NotRecorded::Refused(Refusal::BedOccupied { .. }))));
    }
}

#[tokio::test]
async fn a_crash_at_any_commit_leaves_whole_requests_only() {
    let gate = Arc::new(Gate::default());
    let recorder = record(Arc::clone(&gate) as Arc<dyn Store>).await.unwrap();
    work(&recorder).await;
    let crashes = std::mem::take(&mut *gate.crashes.lock().unwrap());
    assert!(crashes.len() > 10);
    let mut last = 0;
    for store in crashes {
        let entries = audit(&store).unwrap().entries;
        assert!(entries >= last);
        last = entries;
        record(Arc::new(store)).await.unwrap();
    }
}

#[tokio::test]
async fn requests_that_arrive_during_a_commit_share_the_next_one() {
    let gate = Arc::new(Gate::default());
    let recorder = record(Arc::clone(&gate) as Arc<dyn Store>).await.unwrap();
    let before = gate.commits.load(Ordering::SeqCst);
    gate.set(|held| held.shut = true);
    let mut asked = Vec::new();
    for n in 0..21 {
        let own = recorder.clone();
        asked.push(tokio::spawn(async move { ask(&own, open_case(n)).await }));
        if n == 0 {
            let waiting = Arc::clone(&gate);
            tokio::task::spawn_blocking(move || waiting.wait_until(|held| held.waiting)).await.unwrap();
        }
    }
    // All tasks have run up to their question before this one is asked.
    tokio::task::yield_now().await;
    assert_eq!(recorder.read(|lab| lab.cases.len()), 0, "nothing is seen before it is durable");
    gate.set(|held| held.shut = false);
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(gate.commits.load(Ordering::SeqCst) - before, 2);
    assert_eq!(recorder.read(|lab| lab.cases.len()), 21);
}

#[tokio::test]
async fn a_full_store_refuses_in_words_and_goes_on_when_there_is_space() {
    let store = Arc::new(MemoryStore::default());
    let recorder = record(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    work(&recorder).await;
    let before = recorder.read(Clone::clone);
    let mut feed = recorder.subscribe();
    store.set_full(true);
    let refused = ask(&recorder, queue(5)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "not recorded: the disk of memory is full; free some space, then try again (nothing accepted so far is lost)"
    );
    assert_eq!(recorder.read(Clone::clone), before);
    assert!(feed.try_recv().is_err(), "what is not recorded is not told");
    store.set_full(false);
    let events = ask(&recorder, queue(5)).await.unwrap();
    assert_eq!(events[0].seq, before.counters.seq + 1);
    assert_eq!(feed.recv().await.unwrap(), events[0]);
    recorder.audit().await.unwrap();
}

#[tokio::test]
async fn a_refusal_that_rests_on_a_lost_entry_is_not_given() {
    let store = Arc::new(MemoryStore::default());
    let recorder = record(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    store.set_full(true);
    // Both are in the queue before the writer runs, so they are one group.
    let (first, second) = tokio::join!(ask(&recorder, open_case(1)), ask(&recorder, open_case(1)));
    assert!(matches!(first, Err(NotRecorded::Store(_))));
    assert!(matches!(second, Err(NotRecorded::Store(_))), "{second:?}");
    store.set_full(false);
    let (first, second) = tokio::join!(ask(&recorder, open_case(1)), ask(&recorder, open_case(1)));
    first.unwrap();
    assert!(matches!(second, Err(NotRecorded::Refused(Refusal::CaseExists(_)))), "{second:?}");
}

#[tokio::test]
async fn an_entry_that_is_too_long_takes_no_other_with_it() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        let long = Actor::Person("x".repeat(3000));
        let (before, too_long, after) = tokio::join!(
            ask(&recorder, open_case(1)),
            recorder.submit(open_case(2), long),
            ask(&recorder, open_case(3)),
        );
        before.unwrap();
        after.unwrap();
        assert!(matches!(too_long, Err(NotRecorded::TooLong { .. })), "{too_long:?}");
        assert!(recorder.read(|lab| !lab.cases.contains_key(&case(2))));
        recorder.audit().await.unwrap();
    }
}

#[tokio::test]
async fn the_feed_tells_every_event_once_and_in_order() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        let mut feed = recorder.subscribe();
        let first = recorder.read(|lab| lab.counters.seq) + 1;
        work(&recorder).await;
        let last = recorder.read(|lab| lab.counters.seq);
        let read = recorder.events(first, 100).await.unwrap();
        assert_eq!(read.len() as u64, last + 1 - first);
        for (seq, read) in (first..).zip(read) {
            let told = feed.recv().await.unwrap();
            assert_eq!((told.seq, told.as_ref()), (seq, &read));
        }
        assert!(feed.try_recv().is_err());
        assert_eq!(recorder.events(last, 100).await.unwrap().len(), 1);
        assert_eq!(recorder.events(1, 2).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_cursor_goes_to_the_disk_with_the_next_event_or_at_the_end() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        assert_eq!(recorder.cursor("mqtt"), 0);
        recorder.set_cursor("mqtt", 7);
        assert_eq!(recorder.cursor("mqtt"), 7);
        assert_eq!(disk.after_crash().recorder().await.unwrap().cursor("mqtt"), 0);
        ask(&recorder, open_case(1)).await.unwrap();
        assert_eq!(disk.after_crash().recorder().await.unwrap().cursor("mqtt"), 7);
        recorder.set_cursor("mqtt", 8);
        recorder.set_cursor("page", 3);
        recorder.close().await;
        drop(recorder);
        let again = disk.recorder().await.unwrap();
        assert_eq!((again.cursor("mqtt"), again.cursor("page")), (8, 3));
    }
}

#[tokio::test]
async fn after_the_end_was_asked_for_requests_are_refused_and_the_store_is_free() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        let (granted, ()) = tokio::join!(ask(&recorder, open_case(1)), recorder.close());
        granted.unwrap();
        assert!(matches!(ask(&recorder, open_case(2)).await, Err(NotRecorded::Closed)));
        recorder.close().await;
        drop(recorder);
        let again = disk.recorder().await.unwrap();
        assert_eq!(again.read(|lab| lab.cases.len()), 1);
    }
}

#[tokio::test]
async fn an_audit_of_a_journal_in_use_finds_it_whole() {
    for disk in Disk::both() {
        let recorder = disk.recorder().await.unwrap();
        work(&recorder).await;
        let writer = recorder.clone();
        let writing = tokio::spawn(async move {
            for confirmed in 0..300 {
                let request = Request::NoteProgress { job: job(0), progress: progress(confirmed % 10) };
                ask(&writer, request).await.unwrap();
            }
        });
        while !writing.is_finished() {
            recorder.audit().await.unwrap();
        }
        writing.await.unwrap();
    }
}
