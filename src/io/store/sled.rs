//! The journal on disk, in sled, made to keep its promises at a power cut and on a full disk.
//!
//! What sled does not do by itself, and this file does:
//!
//! - `flush` leaves data in the kernel: each commit ends with an `fdatasync` of our own.
//! - A failed write leaves half a transaction in its memory: the store is opened anew after one,
//!   and the disk says whether the batch is there. Where even that fails, nothing is taken any more.
//! - A damaged file makes it panic, or makes it forget the newest entries without a word: panics
//!   become errors, and a mark beside the data says how far the journal had come. Opening it, sled wipes
//!   what lies behind the damage: a start that is refused puts back what was there.
//! - A full disk keeps it from opening: a file is given back then that nothing else may have. Another one, the
//!   ballast, is given back when a stop has to be written down, or where the first was not enough.
//!
//! ```text
//! Open ──write failed──▶ opening anew ──▶ Open
//!   │                         │
//!   └──panic, fdatasync failed┴──▶ Lost (until the daemon is started again)
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};

use super::{Batch, Store, StoreError};

/// The layout of the trees and of their keys.
pub const FORMAT: u32 = 1;
/// sled's own default is 1 GiB; the lab's state and the journal's end fit into this.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Each is given back when the disk is full.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;
/// So that what a printer does can still be written down, a stop above all.
const BALLAST: &str = "ballast";
/// So that the store can still be opened and a boot recorded: nothing but a start spends it.
const FOR_START: &str = "ballast-start";
/// No commit begins with less space: the largest group of entries and sled's segments of 512 KiB
/// fit into it, so that sled never meets a full disk in the middle of a transaction.
const FLOOR_BYTES: u64 = 8 * 1024 * 1024;
/// What a start writes at most, beside the floor under its first commit.
const START_BYTES: u64 = 4 * 1024 * 1024;
/// After a store is closed, threads of sled's hold its lock a little longer; so does a child process
/// that was forked just then, until it runs its own program.
const LINGERING: (u32, Duration) = (200, Duration::from_millis(10));

/// A store in a folder of its own. All calls block, `open` too: make them where blocking is allowed.
pub struct SledStore {
    dir: PathBuf,
    /// Held over a commit; commits are one after another anyway.
    files: Mutex<Files>,
    state: RwLock<State>,
    floor: u64,
    sync: Durable,
    /// The lock that keeps other daemons out; let go when the store is dropped.
    _lock: File,
}

/// Makes what was written to a file durable, or says why not.
type Durable = Box<dyn Fn(&File) -> std::io::Result<()> + Send + Sync>;

/// What stands beside sled in the folder.
struct Files {
    /// sled's data file, for `fdatasync`.
    data: File,
    mark: File,
    /// Which of the reserves are there.
    for_start: bool,
    ballast: bool,
}

enum State {
    Open(Trees),
    /// Why nothing is taken any more.
    Lost(String),
}

#[derive(Clone)]
struct Trees {
    db: sled::Db,
    events: sled::Tree,
    entities: sled::Tree,
    meta: sled::Tree,
}

/// What a disk shows of a batch whose commit failed.
enum Found {
    Whole,
    Nothing,
    Part,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the store in `dir`, making it where needed. One process may have it open, once.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let io = |error| io_failure(dir, error);
        if dir.exists() && !dir.is_dir() {
            return Err(StoreError::NoFolder { path: dir.to_owned() });
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let lock = take_lock(dir)?;
        // Of a start that died. Whether it is whole is not known.
        remove_folder(&dir.join("before")).map_err(io)?;
        make_room(dir, &[FOR_START, BALLAST])?;
        let before = Before::keep(dir)?;
        let (trees, data, mark) = match open_checked(dir) {
            Ok(opened) => opened,
            Err(error) => {
                before.put_back().map_err(io)?;
                return Err(error);
            }
        };
        before.forget().map_err(io)?;
        let there = |reserve: &str| dir.join(reserve).exists();
        let mut files = Files { data, mark, for_start: there(FOR_START), ballast: there(BALLAST) };
        files.ensure_reserves(dir, free_bytes(dir)?);
        make_names_durable(dir).map_err(io)?;
        Ok(Self {
            dir: dir.to_owned(),
            files: Mutex::new(files),
            state: RwLock::new(State::Open(trees)),
            floor: FLOOR_BYTES,
            sync: Box::new(File::sync_data),
            _lock: lock,
        })
    }

    /// The same with another floor, in bytes: for tests of a disk that fills up during a commit.
    pub fn with_floor(self, floor: u64) -> Self {
        Self { floor, ..self }
    }

    /// The same with another way of making a commit durable: for tests that hold it up or let it fail.
    pub fn with_sync(self, sync: impl Fn(&File) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        Self { sync: Box::new(sync), ..self }
    }

    fn read<T>(&self, look: impl FnOnce(&Trees) -> sled::Result<T>) -> Result<T, StoreError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open(trees) => {
                guarded(&self.dir, || look(trees).map_err(|error| failure(&self.dir, error)))
            }
            State::Lost(detail) => Err(self.lost(detail)),
        }
    }

    /// The free space of the disk, which is enough for any commit.
    fn room(&self) -> Result<u64, StoreError> {
        let free = free_bytes(&self.dir)?;
        if free < self.floor { Err(StoreError::Full { path: self.dir.clone() }) } else { Ok(free) }
    }

    fn lost(&self, detail: &str) -> StoreError {
        StoreError::Lost { path: self.dir.clone(), detail: detail.to_owned() }
    }

    /// Ends the use of this store: what its memory says and what the disk has may differ.
    fn give_up(&self, detail: String) -> StoreError {
        let error = self.lost(&detail);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Open(trees) = std::mem::replace(&mut *state, State::Lost(detail)) {
            // Dropped, sled would write what it still holds, on top of what nobody knows.
            std::mem::forget(trees);
        }
        error
    }

    /// After a failed write: opens the store anew and looks whether the batch is in it.
    fn settle(&self, files: &mut Files, batch: &Batch, failed: StoreError) -> Result<(), StoreError> {
        let reopened = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let old = std::mem::replace(&mut *state, State::Lost(failed.to_string()));
            guarded(&self.dir, || {
                drop(old);
                make_room(&self.dir, &[BALLAST])?;
                files.ballast = self.dir.join(BALLAST).exists();
                open_trees(&self.dir)
            })
            .map(|trees| *state = State::Open(trees))
        };
        if let Err(error) = reopened {
            return Err(self.give_up(format!("{failed}; then, opening it anew: {error}")));
        }
        match self.read(|trees| trees.find(batch)) {
            Ok(Found::Nothing) => Err(failed),
            Ok(Found::Whole) => Ok(()),
            Ok(Found::Part) => Err(self.give_up(format!("{failed}; a part of it was written"))),
            Err(error) => Err(self.give_up(format!("{failed}; then, reading it: {error}"))),
        }
    }
}

impl Store for SledStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut files = lock(&self.files);
        let free = match self.room() {
            Err(StoreError::Full { .. }) if batch.urgent && give_back(&self.dir, BALLAST)? => {
                files.ballast = false;
                tracing::warn!(
                    "the disk of {} is full: its reserve is used up for a stop",
                    self.dir.display()
                );
                self.room()?
            }
            other => other?,
        };
        files.ensure_reserves(&self.dir, free);
        match self.read(|trees| trees.write(batch)) {
            Ok(()) => {}
            Err(error @ (StoreError::Lost { .. } | StoreError::TooLong { .. })) => return Err(error),
            Err(StoreError::Damaged { detail, .. }) => return Err(self.give_up(detail)),
            Err(failed) => self.settle(&mut files, batch, failed)?,
        }
        if let Err(error) = (self.sync)(&files.data) {
            // The kernel forgets pages that it could not write: a second try would say yes wrongly.
            return Err(self.give_up(format!("fdatasync: {error}")));
        }
        if let Some((seq, _)) = batch.events.last() {
            files.set_mark(*seq);
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.read(|_| Ok(()))?;
        self.room().map(drop)
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.read(|trees| trees.events.range(from.to_be_bytes()..).take(limit).map(event).collect())
    }

    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.read(|trees| trees.last_event())
    }

    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|trees| trees.entities.iter().map(text).collect())
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|trees| Ok(trees.meta.get(key)?.map(|value| value.to_vec())))
    }

    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|trees| trees.meta.iter().map(text).collect())
    }
}

type Pair = sled::Result<(sled::IVec, sled::IVec)>;

fn event(pair: Pair) -> sled::Result<(u64, Vec<u8>)> {
    let (key, value) = pair?;
    let key = <[u8; 8]>::try_from(&*key)
        .map_err(|_| sled::Error::ReportableBug("a journal key that is not 8 bytes long".into()))?;
    Ok((u64::from_be_bytes(key), value.to_vec()))
}

fn text(pair: Pair) -> sled::Result<(String, Vec<u8>)> {
    let (key, value) = pair?;
    Ok((String::from_utf8_lossy(&key).into_owned(), value.to_vec()))
}

impl Trees {
    fn last_event(&self) -> sled::Result<Option<(u64, Vec<u8>)>> {
        self.events.last()?.map(|pair| event(Ok(pair))).transpose()
    }

    fn write(&self, batch: &Batch) -> sled::Result<()> {
        let written = (&self.events, &self.entities, &self.meta).transaction(|(events, entities, meta)| {
            for (seq, value) in &batch.events {
                events.insert(&seq.to_be_bytes(), value.as_bytes())?;
            }
            for (path, value) in &batch.entities {
                entities.insert(path.as_bytes(), value.as_bytes())?;
            }
            for (key, value) in &batch.meta {
                meta.insert(key.as_bytes(), value.as_bytes())?;
            }
            Ok::<(), ConflictableTransactionError<()>>(())
        });
        match written {
            // Nothing here aborts; the type has to be named all the same.
            Ok(()) | Err(TransactionError::Abort(())) => self.db.flush().map(|_| ()),
            Err(TransactionError::Storage(error)) => Err(error),
        }
    }

    fn find(&self, batch: &Batch) -> sled::Result<Found> {
        let mut there = 0;
        for (seq, value) in &batch.events {
            there +=
                usize::from(self.events.get(seq.to_be_bytes())?.is_some_and(|old| *old == *value.as_bytes()));
        }
        for (path, value) in &batch.entities {
            there += usize::from(self.entities.get(path)?.is_some_and(|old| *old == *value.as_bytes()));
        }
        for (key, value) in &batch.meta {
            there += usize::from(self.meta.get(key)?.is_some_and(|old| *old == *value.as_bytes()));
        }
        let all = batch.events.len() + batch.entities.len() + batch.meta.len();
        let first = batch.events.first().map(|(seq, _)| self.events.contains_key(seq.to_be_bytes()));
        Ok(match first.transpose()? {
            _ if there == all => Found::Whole,
            // An entity or a cursor may have had the same value before.
            Some(false) => Found::Nothing,
            None if there == 0 => Found::Nothing,
            _ => Found::Part,
        })
    }
}

impl Files {
    /// Makes the reserves that are not there, where there is space enough; without the first, nothing can be started.
    fn ensure_reserves(&mut self, dir: &Path, mut free: u64) {
        for (name, is_there) in [(FOR_START, &mut self.for_start), (BALLAST, &mut self.ballast)] {
            if *is_there || free < RESERVE_BYTES + FLOOR_BYTES {
                continue;
            }
            match make_reserve(&dir.join(name)) {
                Ok(()) => {
                    *is_there = true;
                    free = free.saturating_sub(RESERVE_BYTES);
                }
                // Nothing is lost without it but what a full disk would still let us do.
                Err(error) => tracing::warn!(%error, "no file {name} in {}", dir.display()),
            }
        }
    }

    /// Writes down how far the journal has come. Not synced: it is read after the process died or
    /// a file was damaged; after a power cut it may be behind, which is harmless.
    fn set_mark(&self, seq: u64) {
        if let Err(error) = self.mark.write_all_at(format!("{seq:020}\n").as_bytes(), 0) {
            tracing::warn!(%error, "cannot write the mark beside the journal");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a call into sled; a panic in it is a damaged file.
fn guarded<T>(dir: &Path, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    // Whatever sled leaves half-done is not used again: see `give_up`.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let said = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(unreadable(dir, said))
    })
}

fn failure(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => io_failure(dir, error),
        other => unreadable(dir, &other.to_string()),
    }
}

/// What sled says of a damaged file helps nobody but who mends sled: it is for the log.
fn unreadable(dir: &Path, said: &str) -> StoreError {
    tracing::debug!(said, "sled cannot read {}", dir.display());
    StoreError::Damaged { path: dir.to_owned(), detail: "its files cannot be read as a journal".into() }
}

fn io_failure(dir: &Path, error: std::io::Error) -> StoreError {
    let path = dir.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { path },
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => unreadable(dir, &error.to_string()),
        _ => StoreError::Io { path, error },
    }
}

fn free_bytes(dir: &Path) -> Result<u64, StoreError> {
    let space = nix::sys::statvfs::statvfs(dir).map_err(|errno| io_failure(dir, errno.into()))?;
    Ok(space.blocks_available() * space.fragment_size())
}

/// Keeps daemons out of a store's folder for as long as it lives.
#[derive(Debug)]
pub struct FolderLock {
    _lock: File,
}

/// The lock alone, for a verb that changes what lies beside the store; the folder is made where needed.
pub fn lock_folder(dir: &Path) -> Result<FolderLock, StoreError> {
    if dir.exists() && !dir.is_dir() {
        return Err(StoreError::NoFolder { path: dir.to_owned() });
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| io_failure(dir, error))?;
    Ok(FolderLock { _lock: take_lock(dir)? })
}

#[expect(clippy::disallowed_methods, reason = "waiting for the lock itself could wait for another daemon")]
fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let (tries, pause) = LINGERING;
    let options = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).clone();
    let lock = options.open(dir.join("lock")).map_err(|error| io_failure(dir, error))?;
    for _ in 0..tries {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            Err(TryLockError::Error(error)) => return Err(io_failure(dir, error)),
        }
    }
    Err(StoreError::Locked { path: dir.to_owned() })
}

#[expect(clippy::disallowed_methods, reason = "sled tells nobody when its lock is gone")]
fn open_trees(dir: &Path) -> Result<Trees, StoreError> {
    let (tries, pause) = LINGERING;
    for _ in 0..tries {
        match guarded(dir, || try_open_trees(dir)) {
            // We hold the folder's lock, so this is what is left of a store that we closed.
            Err(StoreError::Locked { .. }) => std::thread::sleep(pause),
            other => return other,
        }
    }
    Err(StoreError::Locked { path: dir.to_owned() })
}

/// The store, if it is one that can be read and has not lost its end.
fn open_checked(dir: &Path) -> Result<(Trees, File, File), StoreError> {
    let io = |error| io_failure(dir, error);
    let trees = match open_trees(dir) {
        Err(StoreError::Full { .. }) if give_back(dir, FOR_START)? | give_back(dir, BALLAST)? => {
            open_trees(dir)?
        }
        other => other?,
    };
    let data = File::open(dir.join("db")).map_err(io)?;
    guarded(dir, || check_format(dir, &trees, &data))?;
    let mark = open_mark(dir).map_err(io)?;
    check_mark(dir, &mark, &trees)?;
    Ok((trees, data, mark))
}

/// What the folder had before sled opened it. On a damaged file sled wipes what lies behind the damage, and that
/// may be most of the journal: where the start is refused, everything is put back for who can still read it.
struct Before {
    dir: PathBuf,
    /// Absent where there was nothing yet, or no room for a copy.
    copies: Option<PathBuf>,
}

impl Before {
    fn keep(dir: &Path) -> Result<Self, StoreError> {
        let free = free_bytes(dir)?;
        Self::copy(dir, free).map_err(|error| io_failure(dir, error))
    }

    fn copy(dir: &Path, free: u64) -> std::io::Result<Self> {
        let folder = dir.join("before");
        let files = sleds_files(dir)?;
        let sizes = files.iter().map(|path| std::fs::metadata(path).map(|found| found.len()));
        let needed = sizes.sum::<std::io::Result<u64>>()?;
        if files.is_empty() || free < needed + RESERVE_BYTES + FLOOR_BYTES {
            if !files.is_empty() {
                tracing::warn!(
                    "no room for a copy of the journal in {}: if it is damaged, its start may cost what lies behind the damage",
                    dir.display()
                );
            }
            return Ok(Self { dir: dir.to_owned(), copies: None });
        }
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        for path in files {
            if let Some(name) = path.file_name() {
                std::fs::copy(&path, folder.join(name))?;
            }
        }
        Ok(Self { dir: dir.to_owned(), copies: Some(folder) })
    }

    fn forget(self) -> std::io::Result<()> {
        self.copies.map_or(Ok(()), |folder| remove_folder(&folder))
    }

    /// Under their names again, durable. What sled still has open has no name then.
    fn put_back(self) -> std::io::Result<()> {
        let Some(folder) = self.copies else { return Ok(()) };
        for path in sleds_files(&folder)? {
            File::open(path)?.sync_all()?;
        }
        for path in sleds_files(&self.dir)? {
            std::fs::remove_file(path)?;
        }
        for path in sleds_files(&folder)? {
            if let Some(name) = path.file_name() {
                std::fs::rename(&path, self.dir.join(name))?;
            }
        }
        remove_folder(&folder)?;
        File::open(&self.dir)?.sync_all()
    }
}

fn remove_folder(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Data, settings and snapshots; a store as small as ours has no blobs beside them.
fn sleds_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name == "db" || name == "conf" || name.as_encoded_bytes().starts_with(b"snap.");
        if is_ours && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn try_open_trees(dir: &Path) -> Result<Trees, StoreError> {
    let failed = |error: sled::Error| match error {
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::Locked { path: dir.to_owned() }
        }
        other => failure(dir, other),
    };
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let db = config.open().map_err(failed)?;
    Ok(Trees {
        events: db.open_tree("events").map_err(failed)?,
        entities: db.open_tree("entities").map_err(failed)?,
        meta: db.open_tree("meta").map_err(failed)?,
        db,
    })
}

/// Whether this platen can read the store; a store without entries becomes one of this format.
fn check_format(dir: &Path, trees: &Trees, data: &File) -> Result<(), StoreError> {
    let failed = |error| failure(dir, error);
    let unknown = |found: String| StoreError::Format { path: dir.to_owned(), found, known: FORMAT };
    match trees.meta.get("format").map_err(failed)? {
        Some(found) if *found == *FORMAT.to_string().as_bytes() => Ok(()),
        Some(found) => Err(unknown(String::from_utf8_lossy(&found).into_owned())),
        None if trees.events.is_empty() && trees.entities.is_empty() => {
            trees.meta.insert("format", FORMAT.to_string().as_bytes()).map_err(failed)?;
            trees.db.flush().map_err(failed)?;
            data.sync_data().map_err(|error| io_failure(dir, error))
        }
        None => Err(unknown("unknown".into())),
    }
}

fn open_mark(dir: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(dir.join("reached"))
}

/// sled forgets damaged entries at the end of its file; the mark remembers that there were some.
fn check_mark(dir: &Path, mark: &File, trees: &Trees) -> Result<(), StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: dir.to_owned(), detail };
    let mut bytes = [0; 21];
    let length = mark.read_at(&mut bytes, 0).map_err(|error| io_failure(dir, error))?;
    // Empty or zeros: new, or a power cut before its first write reached the disk.
    let digits = bytes[..length].trim_ascii();
    let reached = if digits.iter().all(|byte| *byte == 0) {
        0
    } else {
        let digits = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
        digits.ok_or_else(|| damaged("the file `reached` is not a number".into()))?
    };
    let last = guarded(dir, || trees.last_event().map_err(|error| failure(dir, error)))?;
    let last = last.map_or(0, |(seq, _)| seq);
    if last < reached {
        return Err(damaged(format!("its last entry is {last}, but it had come to {reached}")));
    }
    if reached == 0 && last > 0 {
        tracing::warn!(
            "the mark {} was gone and is made anew at entry {last}; whether entries behind it are missing cannot be known from here: compare with the last head that you noted of `platen audit`",
            dir.join("reached").display()
        );
    }
    mark.write_all_at(format!("{last:020}\n").as_bytes(), 0).map_err(|error| io_failure(dir, error))
}

/// Prepares the folder for sled's opening, which writes: on a full disk it would do harm. These may be given back.
fn make_room(dir: &Path, reserves: &[&str]) -> Result<(), StoreError> {
    let is_full = || Ok::<_, StoreError>(free_bytes(dir)? < FLOOR_BYTES);
    for reserve in reserves {
        if is_full()? && give_back(dir, reserve)? {
            tracing::warn!(
                "the disk of {} is full: its reserve {reserve} is used up to open it",
                dir.display()
            );
        }
    }
    if is_full()? {
        let needed = (FLOOR_BYTES + START_BYTES).saturating_sub(free_bytes(dir)?);
        return Err(StoreError::NoRoom { path: dir.to_owned(), megabytes: needed.div_ceil(1024 * 1024) });
    }
    let io = |error| io_failure(dir, error);
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        // A snapshot that sled was writing when it died. It would take it for a whole one and call
        // the store corrupt; without it, it goes on from the one before, and from the log.
        if path.extension().is_some_and(|extension| extension == "generating") {
            std::fs::remove_file(&path).map_err(io)?;
        }
    }
    Ok(())
}

/// Removes a reserve; says whether there was one.
fn give_back(dir: &Path, reserve: &str) -> Result<bool, StoreError> {
    match std::fs::remove_file(dir.join(reserve)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_failure(dir, error)),
    }
}

fn make_reserve(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    let length = i64::try_from(RESERVE_BYTES).unwrap_or(i64::MAX);
    let made = nix::fcntl::posix_fallocate(&file, 0, length).map_err(std::io::Error::from);
    made.and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

/// The names of the files, and the folder's own, survive a power cut from here on.
fn make_names_durable(dir: &Path) -> std::io::Result<()> {
    for name in ["db", "conf", "reached"] {
        File::open(dir.join(name))?.sync_all()?;
    }
    File::open(dir)?.sync_all()?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_made_durable_by_the_kernel_unless_a_test_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        // A device that keeps nothing cannot be synced, and the kernel says so when it is asked.
        assert!((store.sync)(&File::open("/dev/null").unwrap()).is_err());
    }
}
