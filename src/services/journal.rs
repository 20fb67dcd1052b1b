//! Reading the journal back: the lab as it was left, and the proof that nothing was changed.

use std::collections::BTreeMap;

use crate::domain::event::{ChainHash, ChainedRecord, RecordError};
use crate::domain::lab::{EntityError, Lab};
use crate::domain::printer::Bed;
use crate::io::store::{Store, StoreError};

/// Entries read at a time: a few hundred KiB.
const PAGE: usize = 1000;
/// How much of the chain is checked at each start; `audit` checks all of it.
const TAIL: u64 = 256;

/// What may be wrong with a journal when it is opened or audited.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}; use the platen that wrote it, or a newer one")]
    Newer(RecordError),
    #[error("{0}; move the state folder away, then `platen restore` your last backup")]
    Record(RecordError),
    #[error("{0}; move the state folder away, then `platen restore` your last backup")]
    Entity(#[from] EntityError),
    #[error(
        "the journal ends at entry {last}, but the state was written at entry {state}: entries are missing; \
         move the state folder away, then `platen restore` your last backup"
    )]
    Ends { last: u64, state: u64 },
    #[error(
        "the stored {entry} is not what the journal tells: it was changed or lost; \
         move the state folder away, then `platen restore` your last backup"
    )]
    State { entry: String },
    #[error("the journal changed all the time while it was audited; try again when fewer printers run")]
    Busy,
    #[error("reading the journal broke off, because platen is shutting down")]
    Closed,
}

impl From<RecordError> for JournalError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Version { .. } => Self::Newer(error),
            _ => Self::Record(error),
        }
    }
}

/// What an audit of the whole journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    pub entries: u64,
    pub head: ChainHash,
}

/// The lab and the head of the chain, as the store has them. Blocks.
pub fn load(store: &dyn Store) -> Result<(Lab, ChainHash), JournalError> {
    let lab = stored_lab(store)?;
    let state = lab.counters.seq;
    let last = store.last_event()?.map_or(0, |(last, _)| last);
    if last != state {
        return Err(JournalError::Ends { last, state });
    }
    let first = last.saturating_sub(TAIL) + 1;
    let mut tail = Chain { next: first, head: None };
    for (seq, bytes) in store.events(first, PAGE)? {
        tail.link(seq, &bytes)?;
    }
    if tail.next != last + 1 {
        return Err(RecordError::Missing { seq: tail.next }.into());
    }
    check_references(&lab)?;
    Ok((lab, tail.head.unwrap_or(ChainHash::GENESIS)))
}

/// Reads the whole journal and checks every link, and that replaying it gives the stored state.
///
/// Blocks; the store may be in use meanwhile.
pub fn audit(store: &dyn Store) -> Result<Audit, JournalError> {
    audit_while(store, || true)
}

/// The same, which ends with `Closed` when it is not to go on.
pub fn audit_while(store: &dyn Store, go_on: impl Fn() -> bool) -> Result<Audit, JournalError> {
    const TRIES: usize = 1000;
    let mut chain = Chain { next: 1, head: Some(ChainHash::GENESIS) };
    let mut replayed = Lab::default();
    for _ in 0..TRIES {
        loop {
            if !go_on() {
                return Err(JournalError::Closed);
            }
            let page = store.events(chain.next, PAGE)?;
            if page.is_empty() {
                break;
            }
            for (seq, bytes) in page {
                replayed.apply(&chain.link(seq, &bytes)?.event(seq)?);
            }
        }
        let stored = stored_lab(store)?;
        // Entries and state are committed together: no entry came, so no state changed either.
        if store.last_event()?.map_or(0, |(last, _)| last) == chain.next - 1 {
            compare(&stored, &replayed)?;
            return Ok(Audit { entries: chain.next - 1, head: chain.head.unwrap_or(ChainHash::GENESIS) });
        }
    }
    Err(JournalError::Busy)
}

/// A walk along the chain.
struct Chain {
    next: u64,
    /// Absent at a beginning in the middle, where the first link is taken at its word.
    head: Option<ChainHash>,
}

impl Chain {
    fn link(&mut self, seq: u64, bytes: &[u8]) -> Result<ChainedRecord, RecordError> {
        if seq != self.next {
            return Err(RecordError::Missing { seq: self.next });
        }
        let record = ChainedRecord::from_bytes(seq, bytes)?;
        let before_first = (seq == 1).then_some(ChainHash::GENESIS);
        record.verify(seq, before_first.or(self.head).unwrap_or(record.previous))?;
        self.head = Some(record.hash);
        self.next += 1;
        Ok(record)
    }
}

fn stored_lab(store: &dyn Store) -> Result<Lab, JournalError> {
    let mut lab = Lab::default();
    for (path, json) in store.entities()? {
        lab.restore(&path, &json)?;
    }
    Ok(lab)
}

/// Whether everything is there that something else names: a damaged store loses whole pages.
pub(super) fn check_references(lab: &Lab) -> Result<(), JournalError> {
    let lost = |entry: String| Err(JournalError::State { entry });
    let mut parts: BTreeMap<_, u16> = BTreeMap::new();
    for part in lab.parts.values() {
        if !lab.cases.contains_key(&part.case) {
            return lost(format!("case/{}", part.case));
        }
        *parts.entry(&part.case).or_default() += 1;
    }
    if let Some(case) =
        lab.cases.values().find(|case| parts.get(&case.token).copied().unwrap_or(0) != case.parts)
    {
        return lost(format!("list of parts of case/{}", case.token));
    }
    for job in lab.jobs.values() {
        if !lab.parts.contains_key(&job.part) {
            return lost(format!("part/{}", job.part));
        }
        if !lab.cases.contains_key(&job.case) {
            return lost(format!("case/{}", job.case));
        }
    }
    if lab.jobs.len() as u64 != lab.counters.order {
        return lost("list of jobs".into());
    }
    for printer in lab.printers.values() {
        if let Bed::Occupied { job } = &printer.bed
            && !lab.jobs.contains_key(job)
        {
            return lost(format!("job/{job}"));
        }
    }
    if lab.people.users.len() as u64 != lab.counters.users {
        return lost("list of users".into());
    }
    lab.quality.lost(lab).map_or(Ok(()), lost)
}

/// Names the first stored thing that is not what the journal tells.
fn compare(stored: &Lab, replayed: &Lab) -> Result<(), JournalError> {
    if stored.counters.seq != replayed.counters.seq {
        return Err(JournalError::Ends { last: replayed.counters.seq, state: stored.counters.seq });
    }
    let counters = (stored.counters != replayed.counters).then(|| "counters".to_owned());
    let entry = counters
        .or_else(|| difference("case", &stored.cases, &replayed.cases))
        .or_else(|| difference("part", &stored.parts, &replayed.parts))
        .or_else(|| difference("job", &stored.jobs, &replayed.jobs))
        .or_else(|| difference("printer", &stored.printers, &replayed.printers))
        .or_else(|| difference("user", &stored.people.users, &replayed.people.users))
        .or_else(|| difference("notices", &stored.people.notices, &replayed.people.notices))
        .or_else(|| stored.queue.difference(&replayed.queue))
        .or_else(|| stored.resin.difference(&replayed.resin))
        .or_else(|| stored.quality.difference(&replayed.quality).map(|key| format!("quality/{key}")));
    entry.map_or(Ok(()), |entry| Err(JournalError::State { entry }))
}

fn difference<K: Ord + std::fmt::Display, V: PartialEq>(
    kind: &str,
    stored: &BTreeMap<K, V>,
    replayed: &BTreeMap<K, V>,
) -> Option<String> {
    let mut keys = stored.keys().chain(replayed.keys());
    keys.find(|key| stored.get(key) != replayed.get(key)).map(|key| format!("{kind}/{key}"))
}
