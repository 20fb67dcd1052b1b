//! A disk with a volatile and a durable half, behind the trait that the real store is behind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use platen::io::store::{Batch, Store, StoreError};

use crate::invariants::Witness;
use crate::schedule;
use crate::time::Time;

#[derive(Debug, Default)]
struct Kept {
    events: BTreeMap<u64, Vec<u8>>,
    entities: BTreeMap<String, Vec<u8>>,
    meta: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    fn take(&mut self, batch: &Batch) {
        let events = batch.events.iter().map(|(seq, value)| (*seq, value.as_bytes().to_vec()));
        self.events.extend(events);
        let entities = batch.entities.iter().map(|(path, value)| (path.clone(), value.as_bytes().to_vec()));
        self.entities.extend(entities);
        let meta = batch.meta.iter().map(|(key, value)| (key.clone(), value.as_bytes().to_vec()));
        self.meta.extend(meta);
    }
}

#[derive(Debug)]
struct Platter {
    durable: Kept,
    /// Written, and not flushed: empty between two commits, unless a yes is said before the flush.
    volatile: VecDeque<(u64, Batch)>,
    state: schedule::Disk,
    /// Planted: `commit` returns before the flush.
    hasty: bool,
}

/// What outlives a daemon.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

/// So long an operating system keeps what nobody has asked it to flush, µs.
const FLUSH_US: u64 = 500_000;

impl Disk {
    pub(crate) fn new(hasty: bool) -> Self {
        let state = schedule::Disk::Free;
        Self(Arc::new(Mutex::new(Platter {
            durable: Kept::default(),
            volatile: VecDeque::new(),
            state,
            hasty,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    pub(crate) fn set(&self, state: schedule::Disk) {
        self.lock().state = state;
    }

    /// The machine's memory is lost with the process: this is the harder of the two.
    pub(crate) fn crash(&self, now: u64) {
        let mut platter = self.lock();
        platter.flush_older(now);
        platter.volatile.clear();
    }

    /// All durable entries of the journal.
    pub(crate) fn events(&self) -> Vec<(u64, Vec<u8>)> {
        self.lock().durable.events.iter().map(|(seq, bytes)| (*seq, bytes.clone())).collect()
    }
}

impl Platter {
    fn flush_older(&mut self, now: u64) {
        while self.volatile.front().is_some_and(|(at, _)| at.saturating_add(FLUSH_US) <= now) {
            if let Some((_, batch)) = self.volatile.pop_front() {
                self.durable.take(&batch);
            }
        }
    }
}

/// A disk as one daemon has it open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) disk: Disk,
    pub(crate) witness: Arc<Witness>,
    pub(crate) time: Arc<Time>,
    /// A commit failed while it was made durable: nothing more is taken.
    lost: Mutex<bool>,
}

impl Opened {
    pub(crate) fn new(disk: Disk, witness: Arc<Witness>, time: Arc<Time>) -> Self {
        Self { disk, witness, time, lost: Mutex::new(false) }
    }

    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.lock().unwrap()
    }

    fn lost(&self) -> StoreError {
        StoreError::Lost { path: "farm".into(), detail: "the disk does not answer".into() }
    }
}

impl Store for Opened {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if self.is_lost() {
            return Err(self.lost());
        }
        let now = self.time.now();
        let mut platter = self.disk.lock();
        match platter.state {
            schedule::Disk::Full if !batch.urgent => return Err(StoreError::Full { path: "farm".into() }),
            schedule::Disk::FailsOnce { kept } => {
                platter.state = schedule::Disk::Free;
                *self.lost.lock().unwrap() = true;
                if kept {
                    // What was written before is there, too.
                    platter.flush_older(u64::MAX);
                    platter.durable.take(batch);
                }
                return Err(self.lost());
            }
            _ => {}
        }
        if platter.hasty {
            platter.flush_older(now);
            platter.volatile.push_back((now, batch.clone()));
        } else {
            platter.durable.take(batch);
        }
        drop(platter);
        self.witness.committed(now, batch);
        Ok(())
    }

    fn ready(&self) -> Result<(), StoreError> {
        if self.is_lost() {
            return Err(self.lost());
        }
        if self.disk.lock().state == schedule::Disk::Full {
            return Err(StoreError::Full { path: "farm".into() });
        }
        Ok(())
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let platter = self.disk.lock();
        Ok(platter.durable.events.range(from..).take(limit).map(|(k, v)| (*k, v.clone())).collect())
    }

    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(self.disk.lock().durable.events.last_key_value().map(|(k, v)| (*k, v.clone())))
    }

    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(self.disk.lock().durable.entities.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.disk.lock().durable.meta.get(key).cloned())
    }

    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(self.disk.lock().durable.meta.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}
