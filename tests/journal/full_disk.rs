//! A disk that is full, for real: a small tmpfs, mounted for the test (which needs root, as in CI).

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platen::domain::job::Interruption;
use platen::domain::lab::Request;
use platen::domain::printer::Latch;
use platen::io::spool::{Spool, SpoolError};
use platen::io::store::sled::SledStore;
use platen::io::store::{Batch, Store, StoreError, Value};
use platen::services::journal::load;
use platen::services::recorder::{NotRecorded, audit};
use tempfile::TempDir;

use crate::bench::{ask, job, open_case, printer, progress, record, work};

/// `mount` is a child process, which holds every file of ours for a moment between fork and exec:
/// one test at a time, or a removed file of one still fills the disk of another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct SmallDisk(TempDir, #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl SmallDisk {
    fn mount(mebibytes: u32) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "platen-test"]).arg(dir.path()).output();
        let mount = mount.unwrap_or_else(|error| panic!("this test needs the program `mount`: {error}"));
        assert!(
            mount.status.success(),
            "this test mounts a small tmpfs, which needs root: run it as root, or leave it out with \
             `--skip full_disk`; mount says: {}",
            String::from_utf8_lossy(&mount.stderr)
        );
        Self(dir, turn)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state")
    }

    /// Takes all space but `left` bytes.
    fn fill(&self, left: usize) {
        let path = self.0.path().join("filler");
        let mut file = File::options().create(true).append(true).open(&path).unwrap();
        let block = [1; 4096];
        let error = (0..).find_map(|_| file.write_all(&block).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(left as u64)).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: after a failed test somebody still has files open on it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn ballast(dir: &Path) -> bool {
    dir.join("ballast").exists()
}

/// What nothing but a start may spend.
fn for_start(dir: &Path) -> bool {
    dir.join("ballast-start").exists()
}

#[tokio::test]
async fn on_a_full_disk_requests_are_refused_a_restart_works_and_nothing_is_lost() {
    let disk = SmallDisk::mount(64);
    let dir = disk.path();
    let open = || SledStore::open(&dir).map(|store| Arc::new(store) as Arc<dyn Store>);
    let recorder = record(open().unwrap()).await.unwrap();
    work(&recorder).await;
    assert!(ballast(&dir) && for_start(&dir));
    let before = recorder.read(Clone::clone);
    disk.fill(0);
    let refused = ask(&recorder, open_case(7)).await.unwrap_err();
    let want =
        format!("not recorded: the disk of {} is full; free some space, then try again", dir.display());
    assert!(refused.to_string().starts_with(&want), "{refused}");
    assert_eq!(recorder.read(Clone::clone), before);
    recorder.audit().await.unwrap();
    recorder.close().await;
    drop(recorder);

    // One reserve is given back, so that a daemon can start on the full disk and say so; then the other.
    for left in [true, false] {
        let recorder = record(open().unwrap()).await.unwrap();
        assert_eq!((ballast(&dir), for_start(&dir)), (left, false));
        assert_eq!(recorder.read(|lab| lab.jobs.len()), 2);
        recorder.close().await;
        drop(recorder);
        disk.fill(0);
    }

    // Full, and no reserve.
    let refused = open().err().unwrap().to_string();
    let want =
        format!("the disk of {} is full; free some space there, 12 MB at least, then start", dir.display());
    assert!(refused.starts_with(&want), "{refused}");

    disk.empty();
    let recorder = record(open().unwrap()).await.unwrap();
    assert!(ballast(&dir) && for_start(&dir), "they are made again when there is space");
    ask(&recorder, open_case(7)).await.unwrap();
    recorder.audit().await.unwrap();
}

#[tokio::test]
async fn a_running_recorder_goes_on_when_a_full_disk_has_space_again() {
    let disk = SmallDisk::mount(64);
    let recorder = record(Arc::new(SledStore::open(&disk.path()).unwrap())).await.unwrap();
    work(&recorder).await;
    for round in 1..4 {
        recorder.probe().await.unwrap();
        disk.fill(0);
        let trouble = recorder.probe().await.unwrap_err().to_string();
        assert!(trouble.contains("is full; free some space"), "{trouble}");
        let request = Request::NoteProgress { job: job(0), progress: progress(9) };
        assert!(matches!(ask(&recorder, request).await, Err(NotRecorded::Store(_))));
        recorder.probe().await.unwrap_err();
        disk.empty();
        recorder.probe().await.unwrap();
        ask(&recorder, open_case(round)).await.unwrap();
    }
    assert_eq!(recorder.read(|lab| lab.jobs[&job(0)].state.run().unwrap().progress), progress(4));
    recorder.audit().await.unwrap();
}

#[tokio::test]
async fn a_stop_is_written_down_on_a_full_disk_and_holds_after_a_crash() {
    let disk = SmallDisk::mount(64);
    let dir = disk.path();
    let recorder = record(Arc::new(SledStore::open(&dir).unwrap())).await.unwrap();
    work(&recorder).await;
    disk.fill(0);
    assert!(matches!(ask(&recorder, open_case(7)).await, Err(NotRecorded::Store(_))));
    assert!(ballast(&dir), "not for a case");
    ask(&recorder, Request::NoteStopped { printer: printer(), by: "kim".into() }).await.unwrap();
    let why = Interruption::Stopped;
    ask(&recorder, Request::NoteInterrupted { job: job(0), progress: progress(4), why, line: None })
        .await
        .unwrap();
    assert!(!ballast(&dir) && for_start(&dir), "a stop does not spend what a start needs");
    recorder.audit().await.unwrap();
    recorder.close().await;
    drop(recorder);
    let store = SledStore::open(&dir).unwrap();
    let (lab, _) = load(&store).unwrap();
    assert!(matches!(lab.printer(&printer()).latch, Some(Latch::Stopped { .. })));
    assert_eq!(lab.jobs[&job(0)].state.word(), "interrupted");
}

/// The floor keeps this from happening unless somebody else takes the space at the same moment.
#[test]
fn a_disk_that_fills_up_during_a_commit_loses_nothing_and_does_not_keep_half_a_batch() {
    let disk = SmallDisk::mount(48);
    let dir = disk.path();
    let store = SledStore::open(&dir).unwrap().with_floor(0);
    disk.fill(3 << 20);
    let batch = |seq: u64| {
        let mut batch = Batch::default();
        let value = Value::new(vec![u8::try_from(seq % 251).unwrap(); 4000]).unwrap();
        for part in 0..20 {
            batch.events.push((seq * 20 + part, value.clone()));
            batch.entities.push((format!("job/{part}"), value.clone()));
        }
        batch
    };
    let all_of = |store: &SledStore, batches: u64| {
        let events = store.events(0, 100_000).unwrap();
        assert_eq!(events.len() as u64, batches * 20);
        let last = u8::try_from((batches - 1) % 251).unwrap();
        assert!(store.entities().unwrap().iter().all(|(_, value)| value[0] == last));
    };
    let (mut written, mut refused) = (0, 0);
    let lost = loop {
        match store.commit(&batch(written)) {
            Ok(()) => written += 1,
            Err(StoreError::Full { .. }) => {
                // The ballast went, so that the store could be opened anew.
                refused += 1;
                all_of(&store, written);
            }
            Err(lost) => break lost,
        }
    };
    // The second time there is no ballast, and no knowing what the disk has.
    assert!(written > 2 && refused == 1, "{written} written, {refused} refused");
    assert!(matches!(lost, StoreError::Lost { .. }), "{lost}");
    disk.empty();
    assert!(matches!(store.commit(&batch(written)), Err(StoreError::Lost { .. })), "it stays lost");
    drop(store);
    let store = SledStore::open(&dir).unwrap();
    let events = store.events(0, 100_000).unwrap().len() as u64;
    assert!(events.is_multiple_of(20) && events >= written * 20, "{events} after {written} batches");
    all_of(&store, events / 20);
}

#[tokio::test]
async fn an_upload_that_fills_the_disk_is_refused_and_leaves_nothing() {
    let disk = SmallDisk::mount(8);
    let spool = Spool::open(&disk.path()).unwrap();
    assert!(matches!(spool.begin().await, Err(SpoolError::Low { .. })));
    let spool = spool.with_floor(0);
    let mut upload = spool.begin().await.unwrap();
    let block = vec![b'G'; 1 << 20];
    let mut error = None;
    for _ in 0..10 {
        if let Err(full) = upload.write(&block).await {
            error = Some(full);
            break;
        }
    }
    let error = error.unwrap();
    assert!(matches!(error, SpoolError::Full { .. }), "{error}");
    assert!(upload.keep().await.is_err());
    let left = |path: PathBuf| std::fs::read_dir(path).unwrap().count();
    assert_eq!((left(disk.path()), left(disk.path().join("incoming"))), (1, 0));
    let mut upload = spool.begin().await.unwrap();
    upload.write(b"G28\n").await.unwrap();
    let (hash, _) = upload.keep().await.unwrap();
    spool.verify(&hash).await.unwrap();
}

#[test]
fn an_audit_of_an_empty_store_is_an_audit() {
    let disk = SmallDisk::mount(64);
    let store = SledStore::open(&disk.path()).unwrap();
    assert_eq!(audit(&store).unwrap().entries, 0);
}
