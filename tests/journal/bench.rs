//! A recorder over either store, and a crash of it: the disk as a process that dies now leaves it.

use std::path::Path;
use std::sync::Arc;

use platen::domain::case::IntendedUse;
use platen::domain::event::{Actor, Event};
use platen::domain::ids::{BootId, CaseToken, FileHash, JobId, PartId, PrinterName};
use platen::domain::job::Progress;
use platen::domain::lab::{NewJob, Request};
use platen::domain::part::{PartName, PartRef};
use platen::io::clock::{Clock, entropy};
use platen::io::store::memory::MemoryStore;
use platen::io::store::sled::SledStore;
use platen::io::store::{Store, StoreError};
use platen::services::recorder::{JournalError, NotRecorded, Recorder};
use tempfile::TempDir;

/// A place for a journal that outlives its recorders.
pub enum Disk {
    Memory(Arc<MemoryStore>),
    Sled(TempDir),
}

impl Disk {
    pub fn both() -> [Self; 2] {
        [Self::Memory(Arc::default()), Self::sled()]
    }

    pub fn sled() -> Self {
        Self::Sled(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Memory(_) => panic!("this store has no path"),
            Self::Sled(dir) => dir.path(),
        }
    }

    pub fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Sled(dir) => Arc::new(SledStore::open(dir.path())?),
        })
    }

    pub async fn recorder(&self) -> Result<Recorder, JournalError> {
        record(self.open()?).await
    }

    /// What a process that was killed now would leave.
    pub fn after_crash(&self) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(Arc::new(store.after_crash())),
            Self::Sled(dir) => {
                let copy = tempfile::tempdir().unwrap();
                copy_files(dir.path(), copy.path());
                Self::Sled(copy)
            }
        }
    }

    /// Changes the trees behind the store's back.
    pub fn tamper(&self, change: impl Fn(&sled::Db)) {
        let config = sled::Config::new().path(self.path()).flush_every_ms(None);
        // Threads of sled's hold its lock for a moment after the store is closed.
        let db = (0..).find_map(|_| config.open().ok()).unwrap();
        change(&db);
        db.flush().unwrap();
    }
}

/// Room that is held, and nothing of the journal.
pub fn is_reserve(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("ballast")
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() && !is_reserve(&entry.file_name()) {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

pub async fn record(store: Arc<dyn Store>) -> Result<Recorder, JournalError> {
    let clock = Clock::start(BootId::from_entropy(entropy()));
    Recorder::open(store, clock, "site".parse().unwrap(), "node".parse().unwrap()).await
}

pub async fn ask(recorder: &Recorder, request: Request) -> Result<Vec<Arc<Event>>, NotRecorded> {
    recorder.submit(request, Actor::Person("kim".into())).await
}

pub fn case(n: u8) -> CaseToken {
    CaseToken::from_entropy([n; 16])
}

pub fn job(n: u8) -> JobId {
    JobId::from_entropy([n; 16])
}

pub fn printer() -> PrinterName {
    "mk3".parse().unwrap()
}

pub fn open_case(n: u8) -> Request {
    Request::OpenCase { case: case(n), intended_use: IntendedUse::Diagnostic }
}

pub fn progress(confirmed: u64) -> Progress {
    Progress { confirmed, total: 10 }
}

/// One case with one part, two jobs, the first of them running.
pub async fn work(recorder: &Recorder) {
    ask(recorder, open_case(0)).await.unwrap();
    let name = PartName::try_from("heart".to_owned()).unwrap();
    let part = PartId::from_entropy([0; 16]);
    ask(recorder, Request::AddPart { case: case(0), part, name }).await.unwrap();
    for n in 0..2 {
        ask(recorder, queue(n)).await.unwrap();
    }
    ask(recorder, Request::StartJob { job: job(0), printer: printer() }).await.unwrap();
    let request = Request::NoteProgress { job: job(0), progress: progress(4) };
    ask(recorder, request).await.unwrap();
}

pub fn queue(n: u8) -> Request {
    Request::QueueJob(Box::new(NewJob {
        job: job(n),
        case: case(0),
        part: PartRef::Number(1),
        also: Vec::new(),
        file: FileHash::from_digest([n; 32]),
        commands: 10,
        digest: FileHash::from_digest([9; 32]),
        pinned: None,
        material: None,
        gate: None,
    }))
}

/// A journal with some work in it, closed.
pub async fn worked(disk: &Disk) -> u64 {
    let recorder = disk.recorder().await.unwrap();
    work(&recorder).await;
    recorder.close().await;
    recorder.read(|lab| lab.counters.seq)
}
