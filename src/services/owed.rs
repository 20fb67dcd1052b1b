//! What bars a printer and is not in the journal yet, because that takes nothing: kept in a file of its own
//! (`io::latches`) until the journal has it.
//!
//! ```text
//! not committed ─▶ kept in the file ─▶ goes into the next commit, before all else ─▶ emptied
//!                        └─platen dies ─▶ goes into the first commit of the next start ─▶ emptied
//! ```
//! Who dies between a commit and the emptying finds both; what the journal has is not taken a second time.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::journal::JournalError;
use crate::domain::event::{Actor, ChainedRecord, Event, Fact};
use crate::domain::ids::PrinterName;
use crate::domain::lab::Request;
use crate::domain::moment::Stamp;
use crate::io::latches::{Found, Kept, Latches, repeated};
use crate::io::offload::offload;
use crate::io::store::Store;

/// Who has locked a printer whose lock was damaged.
const UNREADABLE: &str = "a lock that cannot be read";
/// Of one printer: more is somebody who presses stop again and again. Of each kind the newest stays.
const KEPT_MAX: usize = 64;
/// Entries looked at together.
const PAGE: usize = 1000;

/// The file, and what an earlier daemon has left in it.
#[derive(Debug)]
pub struct Keeping {
    pub latches: Latches,
    pub found: Vec<Found>,
    /// All that are configured.
    pub printers: Vec<PrinterName>,
}

impl Keeping {
    /// Looks into the file at `path`. Blocks.
    pub fn read(path: PathBuf, printers: Vec<PrinterName>) -> io::Result<Self> {
        let (latches, found) = Latches::read(&path)?;
        Ok(Self { latches, found, printers })
    }
}

/// What is asked for where a fact of this kind is noted. Absent where it bars nothing, nor tells what became of a
/// stop, and so is never kept.
fn request_of(fact: &Fact) -> Option<Request> {
    Some(match fact.clone() {
        Fact::PrinterStopped { printer, by } => Request::NoteStopped { printer, by },
        Fact::StopVerified { printer, proof } => Request::NoteStopVerified { printer, proof },
        Fact::StopUnverified { printer, relay } => Request::NoteStopUnverified { printer, relay },
        Fact::PrinterFaulted { printer, fault } => Request::NoteFaulted { printer, fault },
        Fact::HeatAlarm { printer, alarm } => Request::NoteHeatAlarm { printer, alarm },
        Fact::PrinterQuarantined { printer, why } => Request::NoteQuarantined { printer, why },
        // These two keep a job from being gone on with after a crash.
        Fact::CancelAsked { job, by, .. } => Request::NoteCancelling { job, by },
        Fact::TrailLost { job, .. } => Request::NoteTrailLost { job },
        _ => return None,
    })
}

/// Whether what came of a request is kept where the journal does not take it.
pub fn is_kept(events: &[Arc<Event>]) -> bool {
    !events.is_empty() && events.iter().all(|event| request_of(&event.fact).is_some())
}

/// Something to be judged and written down as it happened then.
#[derive(Debug)]
pub struct Due {
    pub request: Request,
    pub actor: Actor,
    pub stamp: Stamp,
}

impl Due {
    fn of(kept: &Kept) -> Option<Self> {
        let (actor, stamp) = (kept.actor.clone(), kept.stamp.clone());
        Some(Self { request: request_of(&kept.fact)?, actor, stamp })
    }

    /// Nobody knows what barred this printer: it is stopped, until somebody has looked at it.
    fn lock(printer: &PrinterName, now: &Stamp) -> Self {
        let request = Request::NoteStopped { printer: printer.clone(), by: UNREADABLE.into() };
        Self { request, actor: Actor::Platen, stamp: now.clone() }
    }
}

/// What the journal does not have yet.
#[derive(Debug, Default)]
pub struct Owed {
    /// Absent where there is no such file, in tests.
    latches: Option<Arc<Mutex<Latches>>>,
    /// Without any: its place is still to be emptied.
    kept: BTreeMap<PrinterName, Vec<Kept>>,
}

impl Owed {
    /// What an earlier daemon left, to be written down before anything is judged by it. `has_been`: the journal
    /// knows that there is a file. Blocks.
    pub fn found(
        keeping: &Keeping,
        store: &dyn Store,
        has_been: bool,
        now: &Stamp,
    ) -> Result<Vec<Due>, JournalError> {
        let Keeping { latches, found, printers } = keeping;
        let gone = Found::Nameless;
        let gone = (has_been && !latches.is_there()).then_some(&gone);
        let mut due = Vec::new();
        for found in found.iter().chain(gone) {
            match found {
                Found::Kept { printer, kept } => {
                    if !printers.contains(printer) {
                        tracing::warn!(%printer, "a lock was kept of it, and it is not configured any more; the journal gets it all the same");
                    }
                    for one in kept {
                        match Due::of(one) {
                            Some(_) if is_in(store, one)? => {}
                            Some(one) => due.push(one),
                            None => due.push(Due::lock(printer, now)),
                        }
                    }
                    tracing::warn!(%printer, "written down now, from before platen ended: {}", words(kept));
                }
                Found::Damaged { printer } => {
                    tracing::error!(%printer, "what was kept of it is damaged, and may have been a lock: it is locked; look at it, then clear it");
                    due.push(Due::lock(printer, now));
                }
                Found::Nameless => {
                    let without = printers.iter().filter(|printer| !latches.has(printer));
                    let locked: Vec<_> = without.collect();
                    let names: Vec<_> = locked.iter().map(|printer| printer.as_str()).collect();
                    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                    tracing::error!(
                        "the file of the locks is damaged or gone, and does not tell whose lock was in it: every printer is locked that has no place in it ({names}); look at each printer, whatever its state says"
                    );
                    due.extend(locked.into_iter().map(|printer| Due::lock(printer, now)));
                }
            }
        }
        Ok(due)
    }

    /// The journal has all that was found: the file is emptied, and has a place for each printer. Blocks.
    pub fn begin(keeping: Keeping) -> Self {
        let Keeping { mut latches, printers, .. } = keeping;
        if let Err(error) = latches.make_ready(&printers) {
            tracing::error!(
                %error,
                "the file of the locks cannot be made ready: on a full disk the lock of a stop would not outlive a crash; free some space, then start platen again"
            );
        }
        Self { latches: Some(Arc::new(Mutex::new(latches))), kept: BTreeMap::new() }
    }

    /// Whether there is a file from now on.
    pub fn has_file(&self) -> bool {
        self.latches
            .as_ref()
            .is_some_and(|latches| latches.lock().unwrap_or_else(PoisonError::into_inner).is_there())
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What the next commit has to take first.
    pub fn due(&self) -> Vec<Due> {
        self.kept.values().flatten().filter_map(Due::of).collect()
    }

    /// What is kept of each printer.
    pub fn kept(&self) -> &BTreeMap<PrinterName, Vec<Kept>> {
        &self.kept
    }

    /// Keeps what the journal did not take after its entry `after`. `true`: it is on the disk.
    pub async fn keep(&mut self, events: &[Arc<Event>], after: u64) -> bool {
        let Some(latches) = self.latches.clone().filter(|_| !events.is_empty()) else { return false };
        let mut all: BTreeMap<PrinterName, Vec<Kept>> = BTreeMap::new();
        for event in events {
            let Some(printer) = event.fact.printer() else { return false };
            let before = || self.kept.get(printer).cloned().unwrap_or_default();
            let kept = all.entry(printer.clone()).or_insert_with(before);
            kept.push(Kept {
                after,
                stamp: event.stamp.clone(),
                actor: event.actor.clone(),
                fact: event.fact.clone(),
            });
            if kept.len() > KEPT_MAX
                && let Some(repeated) = repeated(kept)
            {
                kept.remove(repeated);
            }
        }
        let written = all.clone();
        let keeping = offload(move || {
            let mut latches = latches.lock().unwrap_or_else(PoisonError::into_inner);
            latches.keep(written.iter().map(|(printer, kept)| (printer, kept.as_slice())))
        });
        match keeping.await.map_err(io::Error::other).flatten() {
            Ok(()) => {
                self.kept.extend(all);
                true
            }
            Err(error) => {
                // Whatever is in these places now goes with the next emptying.
                for printer in all.into_keys() {
                    self.kept.entry(printer).or_default();
                }
                tracing::error!(%error, "a lock is neither in the journal nor in its file: a crash would forget it");
                false
            }
        }
    }

    /// The journal has all of it now.
    pub async fn settle(&mut self) {
        self.kept.values_mut().for_each(Vec::clear);
        let Some(latches) = self.latches.clone() else { return };
        let printers: Vec<_> = self.kept.keys().cloned().collect();
        let emptying =
            offload(move || latches.lock().unwrap_or_else(PoisonError::into_inner).empty(&printers));
        match emptying.await.map_err(io::Error::other).flatten() {
            Ok(()) => self.kept.clear(),
            Err(error) => tracing::error!(%error, "the file of the locks cannot be emptied; trying again"),
        }
    }
}

fn words(kept: &[Kept]) -> String {
    let words: Vec<_> = kept.iter().map(|one| format!("{} at {}", one.fact.word(), one.stamp.wall)).collect();
    words.join(", ")
}

/// Whether the journal has it: platen died before the place was emptied, or was told that a commit had failed that
/// had not.
fn is_in(store: &dyn Store, kept: &Kept) -> Result<bool, JournalError> {
    let mut from = kept.after + 1;
    loop {
        let page = store.events(from, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        from = last + 1;
        for (seq, bytes) in &page {
            let event = ChainedRecord::from_bytes(*seq, bytes)?.event(*seq)?;
            let same = event.fact.word() == kept.fact.word() && event.fact.printer() == kept.fact.printer();
            if same && event.stamp == kept.stamp {
                return Ok(true);
            }
        }
    }
}
