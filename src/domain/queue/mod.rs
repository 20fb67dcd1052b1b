//! The shared queue beside the jobs themselves: files that slicers sent, what people want of waiting jobs, and when
//! printers are away.
//!
//! ```text
//! slicer's button ─▶ Unassigned ─a person ties it to a part─▶ Queued(job)
//!                        └──────────a person puts it away───▶ Dismissed
//! waiting job ◀─ priority, due, hold, printer, place in the queue, prepared printer
//! ```
//! What comes without a case never prints by itself: only a job is printed, and no job is without a part.

pub mod upload;
pub mod wish;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::ids::{JobId, PrinterName, UploadId};
use super::job::{JobState, Outcome};
use super::lab::{Lab, NewJob, Refusal, person};
use super::moment::WallTime;
use upload::{NewUpload, Upload, UploadState};
use wish::{HoldReason, Maintenance, ReprintCause, Wanted, Wish};

/// So many files may wait for somebody to say whose they are.
pub const UNASSIGNED_MAX: usize = 1_000;
/// So many that wait no more are remembered, for the lists of slicers.
const REMEMBERED: usize = 500;
/// So far apart are two jobs in the order in which they came, so that others fit in between.
pub const SPACING: u64 = 1 << 20;
/// A printer's maintenance is planned so many times ahead at most.
const WINDOWS_MAX: usize = 24;
/// The longest that a printer is said to be away at once: a year.
const WINDOW_MAX_MS: u64 = 366 * 86_400_000;
/// So long ago a print may have been due at most, and so far ahead: what lies beyond is a slip of the pen.
const DUE_AGO_MS: u64 = 86_400_000;
const DUE_AHEAD_MS: u64 = 5 * WINDOW_MAX_MS;

/// What happened to the queue. The names are stored: they may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fact {
    /// A slicer, or a person, sent a file.
    UploadTaken {
        upload: Box<NewUpload>,
    },
    /// It is a job now.
    UploadQueued {
        upload: UploadId,
        job: JobId,
    },
    UploadDismissed {
        upload: UploadId,
        by: String,
    },
    Wished {
        job: JobId,
        wanted: Wanted,
        by: String,
    },
    /// The job prints again what another one was to print.
    Reprint {
        job: JobId,
        of: JobId,
        cause: ReprintCause,
        by: String,
    },
    MaintenancePlanned {
        printer: PrinterName,
        window: Maintenance,
        by: String,
    },
    MaintenanceCalledOff {
        printer: PrinterName,
        from: WallTime,
        by: String,
    },
    /// platen's: as things stand, it will not be ready in time.
    LateForeseen {
        job: JobId,
        due: WallTime,
        expected: WallTime,
    },
    /// platen's: it will, after all.
    OnTimeAgain {
        job: JobId,
    },
}

/// Who asks for what.
#[derive(Clone, Debug)]
pub enum Request {
    TakeUpload {
        upload: Box<NewUpload>,
    },
    /// The file becomes a job.
    AssignUpload {
        upload: UploadId,
        job: Box<NewJob>,
    },
    DismissUpload {
        upload: UploadId,
        by: String,
    },
    Wish {
        job: JobId,
        wanted: Wanted,
        by: String,
    },
    /// The file of a job that is over, once more.
    Reprint {
        of: JobId,
        job: Box<NewJob>,
        cause: ReprintCause,
        by: String,
    },
    PlanMaintenance {
        printer: PrinterName,
        window: Maintenance,
        by: String,
    },
    CallOffMaintenance {
        printer: PrinterName,
        from: WallTime,
        by: String,
    },
    NoteLate {
        job: JobId,
        due: WallTime,
        expected: WallTime,
    },
    NoteOnTime {
        job: JobId,
    },
}

impl Request {
    /// The job that it makes.
    pub fn new_job(&self) -> Option<&NewJob> {
        match self {
            Self::AssignUpload { job, .. } | Self::Reprint { job, .. } => Some(job),
            _ => None,
        }
    }
}

/// Where something of the queue is kept in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Upload(UploadId),
    Wish(JobId),
    Maintenance(PrinterName),
}

impl Key {
    /// `upload/…`, `wish/…`, `maintenance/…`.
    pub fn path(&self) -> String {
        match self {
            Self::Upload(id) => format!("upload/{id}"),
            Self::Wish(job) => format!("wish/{job}"),
            Self::Maintenance(printer) => format!("maintenance/{printer}"),
        }
    }
}

/// The times at which one printer is away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    pub windows: Vec<Maintenance>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    pub uploads: BTreeMap<UploadId, Upload>,
    /// Of jobs of which somebody wanted anything.
    pub wishes: BTreeMap<JobId, Wish>,
    pub away: BTreeMap<PrinterName, Away>,
}

impl Queue {
    /// The window in which a printer is away now.
    pub fn away_now(&self, printer: &PrinterName, now: WallTime) -> Option<&Maintenance> {
        self.windows(printer).iter().find(|window| window.from <= now && now < window.until)
    }

    /// The times at which it is away, earliest first, some of which may be over.
    pub fn windows(&self, printer: &PrinterName) -> &[Maintenance] {
        self.away.get(printer).map_or(&[], |away| &away.windows)
    }

    pub fn wish(&self, job: &JobId) -> Option<&Wish> {
        self.wishes.get(job)
    }

    pub fn unassigned(&self) -> impl Iterator<Item = &Upload> {
        self.uploads.values().filter(|upload| upload.state == UploadState::Unassigned)
    }

    /// The newest first.
    pub fn newest(&self) -> Vec<&Upload> {
        let mut all: Vec<_> = self.uploads.values().collect();
        all.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
        all
    }

    /// The first thing in which this is not the same as another, as far as both have to know it.
    pub fn difference(&self, other: &Self) -> Option<String> {
        fn of<K: Ord + std::fmt::Display, V: PartialEq>(
            kind: &str,
            one: &BTreeMap<K, V>,
            other: &BTreeMap<K, V>,
        ) -> Option<String> {
            let mut keys = one.keys().chain(other.keys());
            keys.find(|key| one.get(key) != other.get(key)).map(|key| format!("queue/{kind}/{key}"))
        }
        let waiting = |queue: &Self| -> BTreeMap<UploadId, Upload> {
            queue.unassigned().map(|upload| (upload.id.clone(), upload.clone())).collect()
        };
        let uploads = || of("upload", &waiting(self), &waiting(other));
        let wishes = || of("wish", &self.wishes, &other.wishes);
        uploads().or_else(wishes).or_else(|| of("maintenance", &self.away, &other.away))
    }

    pub fn keys(&self) -> Vec<Key> {
        let uploads = self.uploads.keys().cloned().map(Key::Upload);
        let wishes = self.wishes.keys().cloned().map(Key::Wish);
        uploads.chain(wishes).chain(self.away.keys().cloned().map(Key::Maintenance)).collect()
    }

    pub fn entity(&self, key: &Key) -> Option<Vec<u8>> {
        let json = match key {
            Key::Upload(id) => serde_json::to_vec(self.uploads.get(id)?),
            Key::Wish(job) => serde_json::to_vec(self.wishes.get(job)?),
            Key::Maintenance(printer) => serde_json::to_vec(self.away.get(printer)?),
        };
        json.ok()
    }

    /// The inverse of `entity`; `path` is without its first word.
    pub fn restore(&mut self, path: &str, json: &[u8]) -> Result<(), serde_json::Error> {
        let wrong = || serde::de::Error::custom("its key names nothing of the queue");
        let (kind, id) = path.split_once('/').ok_or_else(wrong)?;
        match kind {
            "upload" => {
                let upload: Upload = serde_json::from_slice(json)?;
                let over = upload.state != UploadState::Unassigned;
                self.uploads.insert(upload.id.clone(), upload);
                if over {
                    forget(self);
                }
            }
            "wish" => {
                self.wishes.insert(id.parse().map_err(|_| wrong())?, serde_json::from_slice(json)?);
            }
            "maintenance" => {
                self.away.insert(id.parse().map_err(|_| wrong())?, serde_json::from_slice(json)?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

/// Where a job stands among those that are equally urgent: as it came, or as somebody has moved it.
pub fn place(wish: Option<&Wish>, order: u64) -> u64 {
    wish.and_then(|wish| wish.place).unwrap_or_else(|| order.saturating_mul(SPACING))
}

/// The facts that grant a request, or why it is refused. A new job's own fact stands before those of the queue.
pub fn judge(
    lab: &Lab,
    request: &Request,
    now: WallTime,
) -> Result<Vec<(Option<JobId>, super::event::Fact)>, Refusal> {
    use super::event::Fact as Entry;
    let one = |fact: Fact| Ok(vec![(None, Entry::Queue(fact))]);
    let queue = &lab.queue;
    match request {
        Request::TakeUpload { upload } => {
            if queue.unassigned().count() >= UNASSIGNED_MAX {
                return Err(Refusal::TooManyUploads);
            }
            let by = upload.by.as_deref().map(person).transpose()?;
            let upload = NewUpload { by, ..upload.as_ref().clone() };
            one(Fact::UploadTaken { upload: Box::new(upload) })
        }
        Request::AssignUpload { upload, job } => {
            assignable(lab, upload)?;
            // Without one it could never begin, and no job is given one later.
            if lab.quality.rules.lots && job.material.is_none() {
                return Err(Refusal::MaterialNeeded);
            }
            let mut facts = lab.judge(&super::lab::Request::QueueJob(job.clone()), now)?;
            let fact = Fact::UploadQueued { upload: upload.clone(), job: job.job.clone() };
            facts.push((None, Entry::Queue(fact)));
            Ok(facts)
        }
        Request::DismissUpload { upload, by } => {
            unassigned(lab, upload)?;
            one(Fact::UploadDismissed { upload: upload.clone(), by: person(by)? })
        }
        Request::Wish { job, wanted, by } => {
            let by = person(by)?;
            let known = lab.job(job)?;
            if !matches!(known.state, JobState::Queued | JobState::Slicing { .. }) {
                return Err(Refusal::wrong_state(known, "planned"));
            }
            let mut wanted = wanted.clone();
            match &mut wanted {
                // It goes on with a part that stands on one bed.
                Wanted::Pinned { .. } if known.resumes.is_some() => {
                    return Err(Refusal::wrong_state(known, "moved to another printer"));
                }
                Wanted::Prepared { printer: Some(printer) } => {
                    if let Some(pinned) = known.pinned.clone().filter(|pinned| pinned != printer) {
                        let (job, printer) = (job.clone(), printer.clone());
                        return Err(Refusal::Pinned { job, pinned, printer });
                    }
                }
                Wanted::Held { reason, ended } => *ended = may_hold(lab, job, *reason, &by)?,
                Wanted::Due { at: Some(at) } if !due_times(now).contains(at) => return Err(Refusal::Due),
                _ => {}
            }
            one(Fact::Wished { job: job.clone(), wanted, by })
        }
        Request::Reprint { of, job, cause, by } => {
            let by = person(by)?;
            let known = lab.job(of)?;
            if !matches!(known.state, JobState::Ended { .. }) || !known.has_file() {
                return Err(Refusal::wrong_state(known, "printed again"));
            }
            let mut facts = lab.judge(&super::lab::Request::QueueJob(job.clone()), now)?;
            let fact = Fact::Reprint { job: job.job.clone(), of: of.clone(), cause: *cause, by };
            facts.push((None, Entry::Queue(fact)));
            Ok(facts)
        }
        Request::PlanMaintenance { printer, window, by } => {
            let by = person(by)?;
            let windows = queue.windows(printer);
            let overlaps = |other: &&Maintenance| window.from < other.until && other.from < window.until;
            let span = window.until.0.saturating_sub(window.from.0);
            if span == 0 || span > WINDOW_MAX_MS || window.until <= now {
                return Err(Refusal::Window);
            }
            let open: Vec<&Maintenance> = windows.iter().filter(|other| now < other.until).collect();
            if open.iter().any(overlaps) || open.len() >= WINDOWS_MAX {
                return Err(Refusal::Windows(printer.clone()));
            }
            one(Fact::MaintenancePlanned { printer: printer.clone(), window: window.clone(), by })
        }
        Request::CallOffMaintenance { printer, from, by } => {
            let by = person(by)?;
            if !queue.windows(printer).iter().any(|window| window.from == *from && now < window.until) {
                return Err(Refusal::NoWindow(printer.clone()));
            }
            one(Fact::MaintenanceCalledOff { printer: printer.clone(), from: *from, by })
        }
        Request::NoteLate { job, due, expected } => {
            lab.job(job)?;
            let told = queue.wish(job).is_some_and(|wish| wish.late == Some(*due));
            if told {
                return Ok(Vec::new());
            }
            one(Fact::LateForeseen { job: job.clone(), due: *due, expected: *expected })
        }
        Request::NoteOnTime { job } => {
            if queue.wish(job).is_none_or(|wish| wish.late.is_none()) {
                return Ok(Vec::new());
            }
            one(Fact::OnTimeAgain { job: job.clone() })
        }
    }
}

fn unassigned<'l>(lab: &'l Lab, id: &UploadId) -> Result<&'l Upload, Refusal> {
    let upload = lab.queue.uploads.get(id).ok_or_else(|| Refusal::NoUpload(id.clone()))?;
    match &upload.state {
        UploadState::Unassigned => Ok(upload),
        UploadState::Queued { job } => Err(Refusal::UploadIsJob { upload: id.clone(), job: job.clone() }),
        UploadState::Dismissed { .. } => Err(Refusal::UploadGone(id.clone())),
    }
}

/// An upload that may become a job: also once more, where its job was taken off the queue before it began.
fn assignable(lab: &Lab, id: &UploadId) -> Result<(), Refusal> {
    let upload = lab.queue.uploads.get(id);
    if upload.is_some_and(|upload| was_taken_off(lab, upload)) {
        return Ok(());
    }
    unassigned(lab, id).map(drop)
}

/// The job of an upload was cancelled before it began.
pub fn was_taken_off(lab: &Lab, upload: &Upload) -> bool {
    let UploadState::Queued { job } = &upload.state else { return false };
    lab.jobs.get(job).is_some_and(|job| {
        matches!(job.state, JobState::Ended { run: None, outcome: Outcome::Cancelled { .. }, .. })
    })
}

/// Nobody's hold is replaced by another's. Who lets a job go on may end anybody's: whose that was is answered.
fn may_hold(
    lab: &Lab,
    job: &JobId,
    reason: Option<HoldReason>,
    by: &str,
) -> Result<Option<(String, HoldReason)>, Refusal> {
    match (lab.queue.wish(job).and_then(|wish| wish.held.as_ref()), reason) {
        (Some(held), Some(_)) if held.by != by => {
            Err(Refusal::HeldAlready { job: job.clone(), why: held.reason.in_words(), by: held.by.clone() })
        }
        (Some(held), None) => Ok(Some((held.by.clone(), held.reason))),
        _ => Ok(None),
    }
}

/// The first and the last moment at which a print may be due.
pub fn due_times(now: WallTime) -> RangeInclusive<WallTime> {
    WallTime(now.0.saturating_sub(DUE_AGO_MS))..=WallTime(now.0.saturating_add(DUE_AHEAD_MS))
}

/// Makes a fact true; what it touched. A new printer of a job is the job's own, which the lab sees to.
pub fn apply(queue: &mut Queue, fact: &Fact, at: WallTime) -> Vec<Key> {
    match fact {
        Fact::UploadTaken { upload } => {
            let taken = upload.taken(at);
            let id = taken.id.clone();
            queue.uploads.insert(id.clone(), taken);
            forget(queue);
            vec![Key::Upload(id)]
        }
        Fact::UploadQueued { upload, job } => end(queue, upload, UploadState::Queued { job: job.clone() }),
        Fact::UploadDismissed { upload, by } => {
            end(queue, upload, UploadState::Dismissed { dismissed_by: by.clone() })
        }
        Fact::Wished { job, wanted, by } => {
            queue.wishes.entry(job.clone()).or_default().take(wanted, by, at);
            vec![Key::Wish(job.clone())]
        }
        Fact::Reprint { job, of, cause, .. } => {
            queue.wishes.entry(job.clone()).or_default().reprints = Some((of.clone(), *cause));
            vec![Key::Wish(job.clone())]
        }
        Fact::MaintenancePlanned { printer, window, .. } => {
            let away = queue.away.entry(printer.clone()).or_default();
            away.windows.retain(|other| other.until > at);
            away.windows.push(window.clone());
            away.windows.sort_by_key(|window| window.from);
            vec![Key::Maintenance(printer.clone())]
        }
        Fact::MaintenanceCalledOff { printer, from, .. } => {
            let away = queue.away.entry(printer.clone()).or_default();
            away.windows.retain(|window| window.from != *from);
            vec![Key::Maintenance(printer.clone())]
        }
        Fact::LateForeseen { job, due, .. } => {
            queue.wishes.entry(job.clone()).or_default().late = Some(*due);
            vec![Key::Wish(job.clone())]
        }
        Fact::OnTimeAgain { job } => {
            queue.wishes.entry(job.clone()).or_default().late = None;
            vec![Key::Wish(job.clone())]
        }
    }
}

fn end(queue: &mut Queue, id: &UploadId, state: UploadState) -> Vec<Key> {
    let Some(upload) = queue.uploads.get_mut(id) else { return Vec::new() };
    upload.state = state;
    vec![Key::Upload(id.clone())]
}

/// Those that wait stay; of the others the oldest go from memory. The journal has them.
fn forget(queue: &mut Queue) {
    let over = |upload: &&Upload| upload.state != UploadState::Unassigned;
    let mut ended: Vec<_> = queue.uploads.values().filter(over).map(|u| (u.at, u.id.clone())).collect();
    let surplus = ended.len().saturating_sub(REMEMBERED);
    ended.sort();
    for (_, id) in ended.into_iter().take(surplus) {
        queue.uploads.remove(&id);
    }
}

#[cfg(test)]
mod tests;
