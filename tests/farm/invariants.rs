//! What always holds, looked at by somebody who knows the journal's facts and none of platen's rules.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use platen::domain::event::{ChainedRecord, Event, Fact};
use platen::domain::ids::{FileHash, JobId, PrinterName};
use platen::domain::job::PauseReason;
use platen::io::store::Batch;
use serde::{Deserialize, Serialize};

use crate::board::Board;

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Broken {
    pub(crate) rule: String,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Queued,
    Printing,
    Paused,
    Ended,
}

#[derive(Clone, Debug)]
struct Job {
    state: State,
    file: FileHash,
    printer: Option<PrinterName>,
    confirmed: u64,
}

#[derive(Clone, Debug, Default)]
struct Journal {
    last: u64,
    jobs: BTreeMap<JobId, Job>,
    /// Whose part lies there.
    beds: BTreeMap<PrinterName, JobId>,
    latches: BTreeMap<PrinterName, bool>,
}

#[derive(Debug, Default)]
struct Seen {
    journal: Journal,
    /// Entries that somebody was told of, or has seen: content by number.
    promised: BTreeMap<u64, String>,
    /// Names under which somebody got a yes that promises an entry, and which kind.
    promised_to: Vec<(String, &'static str)>,
    broken: Option<Broken>,
    trace: DefaultHasher,
    /// What `PLATEN_TRACE` shows.
    told: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Witness {
    seen: Mutex<Seen>,
    pub(crate) boards: BTreeMap<PrinterName, Arc<Mutex<Board>>>,
    files: BTreeMap<FileHash, Vec<String>>,
    keeps_trace: bool,
}

/// An entry without what differs between two runs of a seed: the wall time, and how long a gap was by it.
fn content(event: &Event) -> String {
    let mut fact = serde_json::to_value(&event.fact).unwrap();
    if let Some(gap) = fact.get_mut("gap_ms") {
        *gap = 0.into();
    }
    format!("{} {fact} {:?}", event.seq, event.subject)
}

fn parse(seq: u64, bytes: &[u8]) -> Event {
    ChainedRecord::from_bytes(seq, bytes).and_then(|record| record.event(seq)).unwrap()
}

/// How many entries of each kind.
pub(crate) fn kinds(events: &[(u64, Vec<u8>)]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for (seq, bytes) in events {
        *kinds.entry(parse(*seq, bytes).fact.word()).or_default() += 1;
    }
    kinds
}

impl Witness {
    pub(crate) fn new(
        boards: BTreeMap<PrinterName, Arc<Mutex<Board>>>,
        files: BTreeMap<FileHash, Vec<String>>,
    ) -> Self {
        let keeps_trace = std::env::var_os("PLATEN_TRACE").is_some();
        Self { seen: Mutex::default(), boards, files, keeps_trace }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub(crate) fn broke(&self, rule: &str, text: String) {
        self.lock().broken.get_or_insert_with(|| Broken { rule: rule.into(), text });
    }

    /// The first rule that did not hold.
    pub(crate) fn broken(&self) -> Option<Broken> {
        let mut seen = self.lock();
        for board in self.boards.values() {
            if let Some(broken) = board.lock().unwrap().broken.take() {
                seen.broken.get_or_insert(broken);
            }
        }
        seen.broken.clone()
    }

    pub(crate) fn trace(&self, now: u64, way: char, bytes: &[u8]) {
        let mut seen = self.lock();
        (now, way, bytes).hash(&mut seen.trace);
        if self.keeps_trace {
            seen.told.push(format!("{now} {way} {:?}", String::from_utf8_lossy(bytes)));
        }
    }

    pub(crate) fn note(&self, now: u64, what: &str) {
        if self.keeps_trace {
            self.lock().told.push(format!("{now} # {what}"));
        }
    }

    /// Digest of every byte and every entry, with its time.
    pub(crate) fn digest(&self) -> u64 {
        self.lock().trace.finish()
    }

    /// The last that happened, for whoever looks at one seed alone.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().told)
    }

    /// Somebody was told yes with this entry, or sees it.
    pub(crate) fn promise(&self, event: &Event) {
        self.lock().promised.insert(event.seq, content(event));
    }

    /// Somebody was told yes, under a name that stands in an entry of this kind.
    pub(crate) fn promise_to(&self, by: &str, kind: &'static str) {
        self.lock().promised_to.push((by.to_owned(), kind));
    }

    /// A commit that the store says is durable.
    pub(crate) fn committed(&self, now: u64, batch: &Batch) {
        for (seq, value) in &batch.events {
            let event = parse(*seq, value.as_bytes());
            let mut seen = self.lock();
            (now, content(&event)).hash(&mut seen.trace);
            if self.keeps_trace {
                seen.told.push(format!("{now} = {}", content(&event)));
            }
            let stepped = seen.journal.step(&event);
            drop(seen);
            if let Err(text) = stepped {
                self.broke("legal", format!("{text}: {}", content(&event)));
            }
            self.tell_board(now, &event);
        }
    }

    fn tell_board(&self, now: u64, event: &Event) {
        let Some(board) = event.fact.printer().and_then(|name| self.boards.get(name)) else { return };
        let Some(subject) = &event.subject else { return };
        let mut board = board.lock().unwrap();
        let job = &subject.job;
        match &event.fact {
            Fact::JobStarted { .. } => {
                let file = self.lock().journal.jobs.get(job).map(|job| job.file.clone());
                if let Some(lines) = file.and_then(|file| self.files.get(&file)) {
                    board.begin(now, job, lines);
                }
            }
            Fact::JobPaused { reason: PauseReason::Restart, .. } => board.hold(),
            Fact::JobContinued { progress, .. } => board.continued(now, job, progress.confirmed),
            Fact::JobPrinted { exact, .. } => {
                if *exact {
                    board.printed(now, job);
                }
                board.end(now);
            }
            Fact::JobCancelled { .. } | Fact::JobInterrupted { .. } => board.end(now),
            _ => {}
        }
    }

    /// What a daemon finds that begins now: all that was promised must be there.
    pub(crate) fn reopened(&self, durable: &[(u64, Vec<u8>)]) {
        let mut journal = Journal::default();
        let mut found = BTreeMap::new();
        for (seq, bytes) in durable {
            let event = parse(*seq, bytes);
            if let Err(text) = journal.step(&event) {
                self.broke("legal", format!("{text}: {}", content(&event)));
            }
            found.insert(*seq, content(&event));
        }
        let mut seen = self.lock();
        seen.journal = journal;
        let lost = seen.promised.iter().find(|(seq, text)| found.get(seq) != Some(text));
        let lost = lost.map(|(_, text)| text.clone());
        let nameless = seen.promised_to.iter().find(|(by, kind)| {
            let named = format!("\"by\":\"{by}\"");
            !found.values().any(|text| text.contains(&named) && text.contains(kind))
        });
        let nameless = nameless.map(|(by, kind)| format!("the {kind} of {by}"));
        drop(seen);
        if let Some(lost) = lost.or(nameless) {
            self.broke("yes", format!("answered or shown, and gone after a crash: {lost}"));
        }
    }
}

impl Journal {
    fn is_busy(&self, printer: &PrinterName) -> bool {
        let runs = |job: &Job| matches!(job.state, State::Printing | State::Paused);
        self.jobs.values().any(|job| runs(job) && job.printer.as_ref() == Some(printer))
    }

    fn step(&mut self, event: &Event) -> Result<(), String> {
        if event.seq != self.last + 1 {
            return Err(format!("entry {} follows {}", event.seq, self.last));
        }
        self.last = event.seq;
        match &event.fact {
            Fact::BedCleared { printer, .. } => {
                let job = self.beds.remove(printer).ok_or("a clear bed was cleared")?;
                if self.jobs.get(&job).is_some_and(|job| job.state != State::Ended) {
                    return Err("the bed was cleared under a running job".into());
                }
            }
            // Nobody goes on with a part here: it is a bed of which nothing has come near.
            Fact::BedGivenBack { printer, .. } => {
                let job = self.beds.remove(printer).ok_or("a clear bed was given back")?;
                let untouched = |job: &Job| job.state == State::Ended && job.confirmed == 0;
                if !self.jobs.get(&job).is_some_and(untouched) {
                    return Err("a bed was given back on which something may stand".into());
                }
            }
            Fact::PrinterStopped { printer, .. } | Fact::PrinterFaulted { printer, .. } => {
                self.latches.insert(printer.clone(), true);
            }
            Fact::LatchCleared { printer, .. } => {
                if self.latches.insert(printer.clone(), false) != Some(true) {
                    return Err("no latch was there".into());
                }
                if self.is_busy(printer) {
                    return Err("a lock was cleared under a running job".into());
                }
            }
            fact => {
                if let Some(subject) = &event.subject {
                    self.step_job(&subject.job, fact)?;
                }
            }
        }
        Ok(())
    }

    fn step_job(&mut self, id: &JobId, fact: &Fact) -> Result<(), String> {
        use State::{Ended, Paused, Printing, Queued};
        if let Fact::JobQueued { file, .. } = fact {
            let new = Job { state: Queued, file: file.clone(), printer: None, confirmed: 0 };
            return self.jobs.insert(id.clone(), new).map_or(Ok(()), |_| Err("queued twice".into()));
        }
        if let Fact::JobStarted { printer } = fact {
            if self.is_busy(printer) {
                return Err("two jobs on one printer".into());
            }
            if self.latches.get(printer) == Some(&true) {
                return Err("a job began on a locked printer".into());
            }
            if self.beds.insert(printer.clone(), id.clone()).is_some() {
                return Err("a job began on an occupied bed".into());
            }
        }
        let job = self.jobs.get_mut(id).ok_or("nobody has queued this job")?;
        let (before, after): (&[State], State) = match fact {
            Fact::JobStarted { printer } => {
                job.printer = Some(printer.clone());
                (&[Queued], Printing)
            }
            Fact::JobProgress { progress, .. } => {
                if progress.confirmed < job.confirmed {
                    return Err(format!("progress went back from {}", job.confirmed));
                }
                job.confirmed = progress.confirmed;
                (&[Printing, Paused], job.state)
            }
            Fact::JobPaused { .. } => (&[Printing], Paused),
            Fact::JobResumed { .. } => (&[Paused], Printing),
            Fact::JobContinued { .. } => (&[Printing, Paused], Printing),
            Fact::JobPrinted { .. } | Fact::JobInterrupted { .. } => (&[Printing, Paused], Ended),
            Fact::JobCancelled { printer: None, .. } => (&[Queued], Ended),
            Fact::JobCancelled { .. } => (&[Printing, Paused], Ended),
            Fact::JobReleased { .. } | Fact::JobAccepted { .. } => (&[Queued], Queued),
            _ => return Ok(()),
        };
        if !before.contains(&job.state) {
            return Err(format!("from {:?}", job.state));
        }
        if let (Some(printer), Some(of)) = (fact.printer(), &job.printer)
            && printer != of
        {
            return Err(format!("one job on two printers: it is on {of}"));
        }
        job.state = after;
        Ok(())
    }
}
