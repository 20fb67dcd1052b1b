//! What bars a printer outlives a crash where the journal takes nothing.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use platen::domain::event::{Actor, Event, Fact};
use platen::domain::identity::Wrong;
use platen::domain::ids::{BootId, PrinterName};
use platen::domain::job::JobState;
use platen::domain::lab::{Lab, Refusal, Request};
use platen::domain::moment::WallTime;
use platen::domain::printer::{Fault, Latch, RelayOutcome, StopOutcome, StopProof};
use platen::io::clock::{Clock, entropy};
use platen::io::latches::Latches;
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::io::store::sled::SledStore;
use platen::services::owed::Keeping;
use platen::services::recorder::{LeftRunning, NotRecorded, Recorder};
use platen::services::restore;

use crate::bench::{Disk, ask, job, open_case, printer, progress, work};

fn other() -> PrinterName {
    "ender".parse().unwrap()
}

/// A daemon's recorder for these printers; `left` is asked as the daemon asks what may be gone on with.
async fn begin(
    store: Arc<dyn Store>,
    latches: &Path,
    printers: &[PrinterName],
    left: impl FnOnce(&Lab) + Send + 'static,
) -> Recorder {
    let keeping = Keeping::read(latches.to_owned(), printers.to_vec()).unwrap();
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let left = move |lab: &Lab| {
        left(lab);
        LeftRunning::default()
    };
    let (site, node) = ("site".parse().unwrap(), "node".parse().unwrap());
    Recorder::open_keeping(store, clock, site, node, keeping, left).await.unwrap()
}

async fn start(store: &Arc<MemoryStore>, latches: &Path) -> Recorder {
    begin(Arc::clone(store) as Arc<dyn Store>, latches, &[printer(), other()], |_| ()).await
}

fn stop(by: &str) -> Request {
    Request::NoteStopped { printer: printer(), by: by.into() }
}

fn latch(recorder: &Recorder, printer: &PrinterName) -> Option<Latch> {
    recorder.read(|lab| lab.printer(printer).latch)
}

/// What the journal has of what bars printers.
async fn barring(recorder: &Recorder) -> Vec<Event> {
    let kinds = ["printer_stopped", "printer_faulted", "heat_alarm", "printer_quarantined", "cancel_asked"];
    let events = recorder.events(1, 1_000).await.unwrap();
    events.into_iter().filter(|event| kinds.contains(&event.fact.word())).collect()
}

fn words(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.fact.word()).collect()
}

fn is_empty(latches: &Path) -> bool {
    Latches::read(latches).unwrap().1.is_empty()
}

async fn refused(recorder: &Recorder, request: Request) {
    let kept = recorder.submit(request, Actor::Printer(printer())).await;
    assert!(matches!(kept, Err(NotRecorded::Kept(_))), "{kept:?}");
}

fn wall() -> WallTime {
    Clock::start(BootId::from_entropy(entropy())).wall()
}

/// A recorder at work whose store is full, and the file beside it.
async fn full() -> (tempfile::TempDir, std::path::PathBuf, Arc<MemoryStore>, Recorder) {
    let folder = tempfile::tempdir().unwrap();
    let latches = folder.path().join("latches");
    let store = Arc::new(MemoryStore::default());
    let recorder = start(&store, &latches).await;
    work(&recorder).await;
    store.set_full(true);
    (folder, latches, store, recorder)
}

#[tokio::test]
async fn a_stop_that_a_full_journal_does_not_take_locks_the_printer_after_a_crash() {
    let (_folder, latches, store, recorder) = full().await;
    assert!(matches!(ask(&recorder, open_case(7)).await, Err(NotRecorded::Store(_))));
    let before = wall();
    refused(&recorder, stop("kim")).await;
    let after = wall();
    assert!(!is_empty(&latches));
    assert!(latch(&recorder, &printer()).is_none(), "the journal does not have it");

    let store = Arc::new(store.after_crash());
    let seen = Arc::new(AtomicBool::new(false));
    let saw = Arc::clone(&seen);
    let left = move |lab: &Lab| saw.store(lab.printer(&printer()).latch.is_some(), Ordering::SeqCst);
    let as_store = Arc::clone(&store) as Arc<dyn Store>;
    let recorder = begin(as_store, &latches, &[printer(), other()], left).await;
    assert!(seen.load(Ordering::SeqCst), "before it is judged which jobs go on");
    let Some(Latch::Stopped { by, at }) = latch(&recorder, &printer()) else { panic!("it is not locked") };
    assert_eq!(by, "kim");
    assert!(before <= at && at <= after, "{before} {at} {after}");
    assert!(latch(&recorder, &other()).is_none());
    let events = barring(&recorder).await;
    assert_eq!((words(&events), &events[0].actor), (vec!["printer_stopped"], &Actor::Printer(printer())));
    assert!(is_empty(&latches));
    recorder.audit().await.unwrap();
    ask(&recorder, Request::ClearLatch { printer: printer(), by: "lee".into() }).await.unwrap();

    let recorder = start(&Arc::new(store.after_crash()), &latches).await;
    assert!(latch(&recorder, &printer()).is_none(), "cleared is cleared");
    assert_eq!(barring(&recorder).await.len(), 1);
}

#[tokio::test]
async fn all_that_bars_a_printer_is_kept_and_comes_in_its_order() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, Request::NoteCancelling { job: job(0), by: "kim".into() }).await;
    let fault = Fault::ThermalRunaway;
    refused(&recorder, Request::NoteFaulted { printer: printer(), fault }).await;
    let why = Box::new(Wrong::Doubt { with: printer() });
    refused(&recorder, Request::NoteQuarantined { printer: other(), why: why.clone() }).await;
    refused(&recorder, Request::NoteFaulted { printer: other(), fault: Fault::Fan }).await;

    let cancelled = Arc::new(AtomicBool::new(false));
    let saw = Arc::clone(&cancelled);
    let left = move |lab: &Lab| saw.store(lab.jobs[&job(0)].cancelling.is_some(), Ordering::SeqCst);
    let store = Arc::new(store.after_crash()) as Arc<dyn Store>;
    let recorder = begin(store, &latches, &[printer(), other()], left).await;
    assert!(cancelled.load(Ordering::SeqCst), "and so it is not gone on with");
    assert!(matches!(latch(&recorder, &printer()), Some(Latch::Fault { fault: Fault::ThermalRunaway, .. })));
    assert!(matches!(latch(&recorder, &other()), Some(Latch::Fault { fault: Fault::Fan, .. })));
    assert_eq!(recorder.read(|lab| lab.printer(&other()).quarantine.unwrap().why), *why);
    let state = recorder.read(|lab| lab.jobs[&job(0)].state.clone());
    assert_eq!(state.word(), "cancelled", "{state:?}");
    let of_the_first: Vec<_> = barring(&recorder).await;
    let of_the_first = of_the_first.iter().filter(|event| event.fact.printer() == Some(&printer()));
    let of_the_first: Vec<_> = of_the_first.map(|event| event.fact.word()).collect();
    assert_eq!(of_the_first, ["cancel_asked", "printer_faulted"]);
    recorder.audit().await.unwrap();
}

#[tokio::test]
async fn what_became_of_a_stop_is_known_although_the_journal_does_not_take_it_and_outlives_a_crash() {
    let (_folder, latches, store, recorder) = full().await;
    let (printer, proof) = (printer(), StopProof::KillLine);
    let told = |recorder: &Recorder| recorder.printer(&printer);
    assert_eq!((told(&recorder).latch, recorder.owes(&printer)), (None, false));
    refused(&recorder, stop("kim")).await;
    assert!(matches!(told(&recorder).latch, Some(Latch::Stopped { by, .. }) if by == "kim"));
    assert_eq!(told(&recorder).stop, StopOutcome::default());
    refused(&recorder, Request::NoteStopVerified { printer: printer.clone(), proof }).await;
    let locked = told(&recorder);
    assert_eq!(locked.stop, StopOutcome { proof: Some(proof), relay: None });
    assert!(latch(&recorder, &printer).is_none() && recorder.owes(&printer), "the journal has none of it");
    assert!(told(&recorder).latch.is_some() && recorder.printer(&other()).latch.is_none());

    let crashed = start(&Arc::new(store.after_crash()), &latches).await;
    assert_eq!(crashed.read(|lab| lab.printer(&printer)), locked);
    refused(&recorder, Request::NoteStopUnverified { printer: printer.clone(), relay: RelayOutcome::Absent })
        .await;
    let locked = told(&recorder);
    assert_eq!(locked.stop, StopOutcome { proof: None, relay: Some(RelayOutcome::Absent) });
    store.set_full(false);
    ask(&recorder, open_case(9)).await.unwrap();
    assert_eq!((told(&recorder), recorder.owes(&printer)), (locked.clone(), false));
    assert_eq!(recorder.read(|lab| lab.printer(&printer)), locked);
    recorder.audit().await.unwrap();
}

#[tokio::test]
async fn what_is_kept_goes_into_the_journal_before_anything_else_and_once() {
    let (_folder, latches, store, recorder) = full().await;
    let before = recorder.read(|lab| lab.counters.seq);
    refused(&recorder, stop("kim")).await;
    let end = Request::NotePrinted {
        job: job(0),
        progress: progress(10),
        digest: platen::domain::ids::FileHash::from_digest([9; 32]),
        line: Box::default(),
        millis: 1,
    };
    assert!(matches!(ask(&recorder, end.clone()).await, Err(NotRecorded::Store(_))), "this is not kept");
    store.set_full(false);
    // The first that asks finds the printer locked.
    ask(&recorder, end).await.unwrap();
    ask(&recorder, Request::ClearBed { printer: printer(), by: "kim".into() }).await.unwrap();
    let started = ask(&recorder, Request::StartJob { job: job(1), printer: printer() }).await;
    assert!(matches!(started, Err(NotRecorded::Refused(Refusal::Latched { .. }))), "{started:?}");
    let events = recorder.events(before + 1, 100).await.unwrap();
    let words: Vec<_> = events.iter().map(|event| event.fact.word()).collect();
    assert_eq!(words, ["printer_stopped", "job_printed", "bed_cleared"]);
    assert!(is_empty(&latches));
    recorder.audit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_goes_into_the_journal_by_itself_when_there_is_room() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    let at = {
        let store = Arc::new(store.after_crash());
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(&latches, copy.path().join("latches")).unwrap();
        latch(&start(&store, &copy.path().join("latches")).await, &printer())
    };
    let mut feed = recorder.subscribe();
    store.set_full(false);
    while feed.recv().await.unwrap().fact.word() != "printer_stopped" {}
    assert_eq!(latch(&recorder, &printer()), at, "with the time of the stop");
    recorder.close().await;
    assert!(is_empty(&latches));
}

#[tokio::test]
async fn whoever_asks_after_the_journal_again_and_again_does_not_put_off_what_is_kept() {
    let (_folder, _latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    let mut feed = recorder.subscribe();
    store.set_full(false);
    let mut often = tokio::time::interval(std::time::Duration::from_millis(300));
    let asking = async {
        loop {
            tokio::select! {
                event = feed.recv() => {
                    if event.unwrap().fact.word() == "printer_stopped" {
                        return;
                    }
                }
                _ = often.tick() => recorder.probe().await.unwrap(),
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), asking).await.unwrap();
    recorder.close().await;
}

#[tokio::test]
async fn a_crash_before_the_place_is_emptied_does_not_bring_the_lock_back() {
    let (folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    let old = folder.path().join("old");
    std::fs::copy(&latches, &old).unwrap();
    store.set_full(false);
    ask(&recorder, open_case(7)).await.unwrap();
    recorder.close().await;
    assert!(is_empty(&latches));
    std::fs::copy(&old, &latches).unwrap();
    let recorder = start(&store, &latches).await;
    assert_eq!(barring(&recorder).await.len(), 1);
    assert!(is_empty(&latches));
    ask(&recorder, Request::ClearLatch { printer: printer(), by: "lee".into() }).await.unwrap();
    recorder.close().await;
    std::fs::copy(&old, &latches).unwrap();
    let recorder = start(&store, &latches).await;
    assert!(latch(&recorder, &printer()).is_none(), "a person has cleared it");
}

#[tokio::test]
async fn a_stop_is_kept_where_the_store_is_lost_and_is_in_the_journal_once() {
    let disk = Disk::sled();
    let latches = disk.path().join("latches");
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let store = SledStore::open(disk.path()).unwrap().with_sync(move |data| {
        if failing.load(Ordering::SeqCst) { Err(io::Error::other("a test")) } else { data.sync_data() }
    });
    let recorder = begin(Arc::new(store), &latches, &[printer()], |_| ()).await;
    work(&recorder).await;
    fails.store(true, Ordering::SeqCst);
    // Of the first it is not known whether the journal has it, and it does; of the second it is.
    refused(&recorder, stop("kim")).await;
    refused(&recorder, stop("lee")).await;
    let crashed = disk.after_crash();
    drop(recorder);
    let store = Arc::new(SledStore::open(crashed.path()).unwrap());
    let recorder = begin(store, &crashed.path().join("latches"), &[printer()], |_| ()).await;
    let by: Vec<_> = barring(&recorder)
        .await
        .into_iter()
        .map(|event| match event.fact {
            Fact::PrinterStopped { by, .. } => by,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(by, ["kim", "lee"]);
    recorder.audit().await.unwrap();
}

fn flip(path: &Path, at: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

fn by(latch: Option<Latch>) -> String {
    match latch {
        Some(Latch::Stopped { by, .. }) => by,
        other => panic!("not stopped: {other:?}"),
    }
}

/// Where the place of the first printer is, and its label.
const PLACE: u64 = 2 * 4096;
const LABEL: u64 = 4096;

#[tokio::test]
async fn a_flipped_bit_in_what_was_kept_locks_the_printer_all_the_same() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    flip(&latches, PLACE + 100);
    let store = Arc::new(store.after_crash());
    let recorder = start(&store, &latches).await;
    assert_eq!(by(latch(&recorder, &printer())), "a lock that cannot be read");
    assert!(latch(&recorder, &other()).is_none());
    assert!(is_empty(&latches));
    ask(&recorder, Request::ClearLatch { printer: printer(), by: "lee".into() }).await.unwrap();
    let recorder = start(&Arc::new(store.after_crash()), &latches).await;
    assert!(latch(&recorder, &printer()).is_none());
}

#[tokio::test]
async fn a_lock_that_names_nobody_locks_whoever_it_may_be_of() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    flip(&latches, PLACE + 100);
    flip(&latches, LABEL + 30);
    let recorder = start(&Arc::new(store.after_crash()), &latches).await;
    assert_eq!(by(latch(&recorder, &printer())), "a lock that cannot be read");
    assert!(latch(&recorder, &other()).is_none(), "it has a place, and nothing is in it");
}

#[tokio::test]
async fn a_file_of_locks_that_is_gone_locks_every_printer() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    std::fs::remove_file(&latches).unwrap();
    let store = Arc::new(store.after_crash());
    let recorder = start(&store, &latches).await;
    for one in [printer(), other()] {
        assert_eq!(by(latch(&recorder, &one)), "a lock that cannot be read");
    }
    let recorder = start(&Arc::new(store.after_crash()), &latches).await;
    assert_eq!(barring(&recorder).await.len(), 2, "once");
}

#[tokio::test]
async fn a_lock_of_a_printer_that_is_not_configured_any_more_gets_into_the_journal() {
    let (_folder, latches, store, recorder) = full().await;
    refused(&recorder, stop("kim")).await;
    let store = Arc::new(store.after_crash());
    let recorder = begin(store, &latches, &[other()], |_| ()).await;
    assert_eq!(by(latch(&recorder, &printer())), "kim");
}

#[tokio::test]
async fn without_a_file_a_stop_is_as_refused_as_anything_else() {
    let disk = Disk::Memory(Arc::default());
    let recorder = disk.recorder().await.unwrap();
    let Disk::Memory(store) = &disk else { unreachable!() };
    store.set_full(true);
    assert!(matches!(ask(&recorder, stop("kim")).await, Err(NotRecorded::Store(_))));
    assert!(recorder.read(|lab| lab.jobs.values().all(|job| job.state == JobState::Queued)));
}

#[test]
fn nothing_is_restored_into_a_folder_with_locks_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut latches, _) = Latches::read(&folder.path().join("latches")).unwrap();
    latches.make_ready(&[printer()]).unwrap();
    let stamp = Clock::start(BootId::from_entropy(entropy())).stamp();
    let refused = restore::restore(Path::new("/nowhere"), folder.path(), None, stamp).unwrap_err();
    assert!(refused.to_string().contains("there is latches in it"), "{refused}");
}
