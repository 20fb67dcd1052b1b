//! The store's twin in memory, for tests: a crash forgets what was not committed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Batch, Store, StoreError};

#[derive(Clone, Debug, Default)]
struct Kept {
    events: BTreeMap<u64, Vec<u8>>,
    entities: BTreeMap<String, Vec<u8>>,
    meta: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    /// While set, `commit` fails as on a full disk.
    full: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// What a process that died now would find.
    pub fn after_crash(&self) -> Self {
        Self { kept: Mutex::new(lock(&self.kept).clone()), full: Mutex::new(false) }
    }

    pub fn set_full(&self, full: bool) {
        *lock(&self.full) = full;
    }

    /// Changes one byte of a journal entry, as a dying disk would.
    pub fn damage_event(&self, seq: u64, at: usize) {
        if let Some(byte) = lock(&self.kept).events.get_mut(&seq).and_then(|bytes| bytes.get_mut(at)) {
            *byte ^= 1;
        }
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.ready()?;
        let mut kept = lock(&self.kept);
        for (seq, value) in &batch.events {
            kept.events.insert(*seq, value.as_bytes().to_vec());
        }
        for (path, value) in &batch.entities {
            kept.entities.insert(path.clone(), value.as_bytes().to_vec());
        }
        for (key, value) in &batch.meta {
            kept.meta.insert(key.clone(), value.as_bytes().to_vec());
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), StoreError> {
        if *lock(&self.full) {
            return Err(StoreError::Full { path: "memory".into() });
        }
        Ok(())
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        Ok(lock(&self.kept).events.range(from..).take(limit).map(|(k, v)| (*k, v.clone())).collect())
    }

    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(lock(&self.kept).events.last_key_value().map(|(k, v)| (*k, v.clone())))
    }

    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(lock(&self.kept).entities.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.kept).meta.get(key).cloned())
    }

    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(lock(&self.kept).meta.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}
