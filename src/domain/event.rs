//! A fact of the lab, and the chain that makes a changed or missing fact visible.
//!
//! An event's hash is SHA-256 over the previous event's hash and its own canonical bytes (compact
//! JSON with the fields in the order of the struct). Those bytes are stored as they were hashed,
//! so that a later version of this type never changes an old hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::case::IntendedUse;
use super::chain::{Chain, SliceOrder};
use super::finding::{Gated, Noted};
use super::heat::Alarm;
use super::identifiers::IdentifierFact;
use super::identity::{Evidence, Wrong};
use super::ids::{BootId, CaseToken, FileHash, IdError, JobId, NodeName, PartId, PrinterName, SiteName, hex};
use super::job::{Interruption, PauseReason, Progress, Resumes};
use super::moment::{Stamp, WallTime};
use super::part::PartName;
use super::people;
use super::printer::{Fault, LineHealth, RelayOutcome, StopProof};
use super::quality::{self, build::Piece};
use super::units::Height;

/// SHA-256 of an event, over its predecessor's and its own bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// What stands before the first event.
    pub const GENESIS: Self = Self([0; 32]);

    pub fn next(self, canonical: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(canonical);
        Self(hasher.finalize().into())
    }

    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0[..6]))
    }
}

/// Which case, part and job an event is about. Every event of a job has all three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    pub case: CaseToken,
    pub part: PartId,
    pub job: JobId,
    /// 1, 2, 3 … within the job, without a gap.
    pub job_seq: u64,
    /// 1, 2, 3 … over everything that this node publishes, without a gap.
    pub outbox_seq: u64,
}

/// Who caused an event: a person by the name they gave, or a part of platen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Actor {
    Person(String),
    /// The printer's own task, telling what the firmware confirmed.
    Printer(PrinterName),
    Platen,
}

/// What happened. The names are stored and published: they may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// The first event of a journal.
    JournalBegun {
        site: SiteName,
        node: NodeName,
    },
    DaemonStarted {
        version: String,
    },
    CaseOpened {
        case: CaseToken,
        intended_use: IntendedUse,
    },
    PartAdded {
        case: CaseToken,
        part: PartId,
        number: u16,
        name: PartName,
    },
    /// A model was taken in, of which a file is made.
    JobSlicing {
        model: FileHash,
        order: Box<SliceOrder>,
        pinned: Option<PrinterName>,
        material: Option<String>,
    },
    /// The file is made; `JobQueued` follows.
    JobSliced {
        chain: Box<Chain>,
    },
    /// None was made, or none that may be printed. The words may be a slicer's.
    JobNotSliced {
        why: String,
    },
    JobQueued {
        file: FileHash,
        commands: u64,
        digest: FileHash,
        pinned: Option<PrinterName>,
        material: Option<String>,
        /// Present where the file is one that goes on with another job's part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumes: Option<Resumes>,
        /// What was found in it. Absent where that was nothing, and in journals of a platen without a gate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<Box<Gated>>,
        /// Which attempt at its part it is. Absent in journals of a platen that knew no printed parts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// What else it lays on the bed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Piece>,
    },
    /// A person had a file made that goes on with this interrupted job's part; noted before the file is there.
    JobResumeFile {
        printer: PrinterName,
        file: FileHash,
        layer: u32,
        height: Height,
        by: String,
    },
    JobStarted {
        printer: PrinterName,
    },
    JobProgress {
        printer: PrinterName,
        progress: Progress,
    },
    JobPaused {
        printer: PrinterName,
        progress: Progress,
        #[serde(default)]
        reason: PauseReason,
    },
    /// `by` is absent in journals that noted nobody.
    JobResumed {
        printer: PrinterName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It went on after platen had ended, with the line behind `progress`: the part wants an extra look there.
    JobContinued {
        printer: PrinterName,
        progress: Progress,
        layer: u32,
        gap_ms: u64,
    },
    JobPrinted {
        printer: PrinterName,
        progress: Progress,
        digest: FileHash,
        exact: bool,
        /// How the line did for this job.
        #[serde(default)]
        line: Box<LineHealth>,
        millis: u64,
    },
    /// `printer` is absent where the job had not begun.
    JobCancelled {
        printer: Option<PrinterName>,
        progress: Option<Progress>,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<Box<LineHealth>>,
    },
    /// `line` is absent where nobody was there to look.
    JobInterrupted {
        printer: PrinterName,
        progress: Progress,
        why: Interruption,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<Box<LineHealth>>,
    },
    BedCleared {
        printer: PrinterName,
        by: String,
    },
    /// What was kept of a running job is wrong and cannot be taken away: it is not gone on with after a crash.
    TrailLost {
        printer: PrinterName,
        job: JobId,
    },
    /// A person cancels a running job; `JobCancelled` follows when it has left the printer.
    CancelAsked {
        printer: PrinterName,
        job: JobId,
        by: String,
    },
    /// A job has left the bed as it found it: with the part of `job`, with which it was to go on and on which it
    /// has laid nothing; or clear, where not one line of it was sent.
    BedGivenBack {
        printer: PrinterName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobId>,
    },
    PrinterStopped {
        printer: PrinterName,
        by: String,
    },
    /// The board has stopped indeed.
    StopVerified {
        printer: PrinterName,
        proof: StopProof,
    },
    /// It did not confirm the stop in its time, or could not be reached; this became of its power.
    StopUnverified {
        printer: PrinterName,
        relay: RelayOutcome,
    },
    PrinterFaulted {
        printer: PrinterName,
        fault: Fault,
    },
    LatchCleared {
        printer: PrinterName,
        by: String,
    },
    /// Something was wrong with a heater, and what was done at once. What locks the printer follows as
    /// `PrinterFaulted`.
    HeatAlarm {
        printer: PrinterName,
        alarm: Alarm,
    },
    /// From now on this is the printer's board. `by` is absent where platen learned it by itself.
    PrinterIdentified {
        printer: PrinterName,
        evidence: Box<Evidence>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// On the printer's port is a board that is not its own, or may not be.
    PrinterQuarantined {
        printer: PrinterName,
        why: Box<Wrong>,
    },
    /// The printer's own board is on its port again.
    PrinterRecognised {
        printer: PrinterName,
    },
    /// A person is there while the job begins on this printer.
    JobReleased {
        printer: PrinterName,
        by: String,
    },
    /// A person accepts warnings about a waiting job's file.
    JobAccepted {
        findings: Vec<Noted>,
        by: String,
    },
    /// A person answered a question of the firmware: the button's place, from 0, and what stood on it.
    PromptAnswered {
        printer: PrinterName,
        by: String,
        button: u8,
        label: String,
    },
    /// A person asked for a command to be sent; noted before it is.
    ConsoleUsed {
        printer: PrinterName,
        by: String,
        command: String,
    },
    /// The journal up to here came from a copy; what happened between that copy and now is not in it.
    JournalRestored {
        entries: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Of the quality half; `what` says what.
    Quality(quality::Fact),
    /// Of the shared queue; `what` says what.
    Queue(super::queue::Fact),
    /// What ties a case to a patient was kept, read or erased in the vault; never what it is.
    Identifiers(Box<IdentifierFact>),
    /// Of users, their roles and tokens; `what` says what. No secret and no hash of one.
    People(people::Fact),
    /// Of resin printers, their vats and what wears out there; `what` says what.
    Resin(super::resin::Fact),
}

impl Fact {
    /// The name of this kind of fact, as in the JSON's `type`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::JournalBegun { .. } => "journal_begun",
            Self::DaemonStarted { .. } => "daemon_started",
            Self::CaseOpened { .. } => "case_opened",
            Self::PartAdded { .. } => "part_added",
            Self::JobSlicing { .. } => "job_slicing",
            Self::JobSliced { .. } => "job_sliced",
            Self::JobNotSliced { .. } => "job_not_sliced",
            Self::JobQueued { .. } => "job_queued",
            Self::JobResumeFile { .. } => "job_resume_file",
            Self::JobStarted { .. } => "job_started",
            Self::JobProgress { .. } => "job_progress",
            Self::JobPaused { .. } => "job_paused",
            Self::JobResumed { .. } => "job_resumed",
            Self::JobContinued { .. } => "job_continued",
            Self::JobPrinted { .. } => "job_printed",
            Self::JobCancelled { .. } => "job_cancelled",
            Self::JobInterrupted { .. } => "job_interrupted",
            Self::BedCleared { .. } => "bed_cleared",
            Self::BedGivenBack { .. } => "bed_given_back",
            Self::CancelAsked { .. } => "cancel_asked",
            Self::TrailLost { .. } => "trail_lost",
            Self::PrinterStopped { .. } => "printer_stopped",
            Self::StopVerified { .. } => "stop_verified",
            Self::StopUnverified { .. } => "stop_unverified",
            Self::PrinterFaulted { .. } => "printer_faulted",
            Self::LatchCleared { .. } => "latch_cleared",
            Self::HeatAlarm { .. } => "heat_alarm",
            Self::PrinterIdentified { .. } => "printer_identified",
            Self::PrinterQuarantined { .. } => "printer_quarantined",
            Self::PrinterRecognised { .. } => "printer_recognised",
            Self::JobReleased { .. } => "job_released",
            Self::JobAccepted { .. } => "job_accepted",
            Self::PromptAnswered { .. } => "prompt_answered",
            Self::ConsoleUsed { .. } => "console_used",
            Self::JournalRestored { .. } => "journal_restored",
            Self::Quality { .. } => "quality",
            Self::Queue { .. } => "queue",
            Self::Identifiers { .. } => "identifiers",
            Self::People { .. } => "people",
            Self::Resin { .. } => "resin",
        }
    }

    /// The printer that this fact is about, if any.
    pub fn printer(&self) -> Option<&PrinterName> {
        match self {
            Self::JobStarted { printer }
            | Self::JobResumeFile { printer, .. }
            | Self::JobProgress { printer, .. }
            | Self::JobPaused { printer, .. }
            | Self::JobResumed { printer, .. }
            | Self::JobContinued { printer, .. }
            | Self::JobPrinted { printer, .. }
            | Self::JobInterrupted { printer, .. }
            | Self::BedCleared { printer, .. }
            | Self::BedGivenBack { printer, .. }
            | Self::CancelAsked { printer, .. }
            | Self::TrailLost { printer, .. }
            | Self::PrinterStopped { printer, .. }
            | Self::StopVerified { printer, .. }
            | Self::StopUnverified { printer, .. }
            | Self::PrinterFaulted { printer, .. }
            | Self::LatchCleared { printer, .. }
            | Self::HeatAlarm { printer, .. }
            | Self::PrinterIdentified { printer, .. }
            | Self::PrinterQuarantined { printer, .. }
            | Self::PrinterRecognised { printer }
            | Self::JobReleased { printer, .. }
            | Self::PromptAnswered { printer, .. }
            | Self::ConsoleUsed { printer, .. } => Some(printer),
            Self::JobCancelled { printer, .. } => printer.as_ref(),
            Self::Resin(fact) => fact.printer(),
            Self::JobQueued { pinned, .. } | Self::JobSlicing { pinned, .. } => pinned.as_ref(),
            Self::JournalBegun { .. }
            | Self::JournalRestored { .. }
            | Self::DaemonStarted { .. }
            | Self::CaseOpened { .. }
            | Self::PartAdded { .. }
            | Self::JobSliced { .. }
            | Self::JobAccepted { .. }
            | Self::JobNotSliced { .. }
            | Self::Quality(_)
            | Self::Queue(_)
            | Self::Identifiers(_)
            | Self::People(_) => None,
        }
    }

    /// Whether a job ended by this.
    pub fn ends_job(&self) -> bool {
        matches!(
            self,
            Self::JobPrinted { .. }
                | Self::JobCancelled { .. }
                | Self::JobInterrupted { .. }
                | Self::JobNotSliced { .. }
        )
    }
}

/// One entry of the journal, before it is chained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 … over the whole journal.
    pub seq: u64,
    pub stamp: Stamp,
    pub actor: Actor,
    /// Present for every fact about a job.
    pub subject: Option<JobRef>,
    pub fact: Fact,
}

impl Event {
    /// The bytes that are hashed and stored.
    pub fn canonical(&self) -> Vec<u8> {
        // Serialising to a Vec fails only for maps with non-string keys, of which there are none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn wall(&self) -> WallTime {
        self.stamp.wall
    }

    pub fn boot(&self) -> &BootId {
        &self.stamp.boot
    }
}

/// An event as it is stored: its place in the chain and the bytes that were hashed.
///
/// Layout: version (1 byte, 1), previous hash (32), own hash (32), canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedRecord {
    pub previous: ChainHash,
    pub hash: ChainHash,
    pub canonical: Vec<u8>,
}

/// What is wrong with a stored event.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(
        "journal entry {seq} has format {found}, this platen reads format 1: it was written by a newer version"
    )]
    Version { seq: u64, found: u8 },
    #[error("journal entry {seq} is cut short")]
    Cut { seq: u64 },
    #[error("journal entry {seq} is changed: its hash does not fit its content")]
    Changed { seq: u64 },
    #[error("journal entry {seq} does not follow entry {}: one was removed or replaced", seq - 1)]
    Broken { seq: u64 },
    #[error("journal entry {seq} cannot be read: {error}")]
    Content { seq: u64, error: serde_json::Error },
    #[error("journal entry {seq} is missing")]
    Missing { seq: u64 },
    #[error("journal entry {seq} names something impossible: {error}")]
    Name { seq: u64, error: IdError },
}

impl ChainedRecord {
    const VERSION: u8 = 1;
    const HEAD: usize = 1 + 32 + 32;

    pub fn chain(previous: ChainHash, event: &Event) -> Self {
        let canonical = event.canonical();
        Self { previous, hash: previous.next(&canonical), canonical }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::HEAD + self.canonical.len());
        bytes.push(Self::VERSION);
        bytes.extend_from_slice(&self.previous.0);
        bytes.extend_from_slice(&self.hash.0);
        bytes.extend_from_slice(&self.canonical);
        bytes
    }

    pub fn from_bytes(seq: u64, bytes: &[u8]) -> Result<Self, RecordError> {
        let Some((&version, rest)) = bytes.split_first() else {
            return Err(RecordError::Cut { seq });
        };
        if version != Self::VERSION {
            return Err(RecordError::Version { seq, found: version });
        }
        let (Some((previous, rest)), true) = (rest.split_first_chunk::<32>(), bytes.len() > Self::HEAD)
        else {
            return Err(RecordError::Cut { seq });
        };
        let Some((hash, canonical)) = rest.split_first_chunk::<32>() else {
            return Err(RecordError::Cut { seq });
        };
        Ok(Self { previous: ChainHash(*previous), hash: ChainHash(*hash), canonical: canonical.to_vec() })
    }

    /// Whether this entry is unchanged and follows `previous`.
    pub fn verify(&self, seq: u64, previous: ChainHash) -> Result<(), RecordError> {
        if self.previous != previous {
            return Err(RecordError::Broken { seq });
        }
        if previous.next(&self.canonical) != self.hash {
            return Err(RecordError::Changed { seq });
        }
        Ok(())
    }

    pub fn event(&self, seq: u64) -> Result<Event, RecordError> {
        let event: Event =
            serde_json::from_slice(&self.canonical).map_err(|error| RecordError::Content { seq, error })?;
        if event.seq == seq { Ok(event) } else { Err(RecordError::Broken { seq }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            stamp: Stamp { wall: WallTime(1), mono: Moment(2), boot: BootId::from_entropy([7; 16]) },
            actor: Actor::Person("kim".into()),
            subject: None,
            fact: Fact::BedCleared { printer: "mk3-07".parse().unwrap(), by: "kim".into() },
        }
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let record = ChainedRecord::chain(ChainHash::GENESIS, &event(1));
        let back = ChainedRecord::from_bytes(1, &record.to_bytes()).unwrap();
        assert_eq!(back, record);
        back.verify(1, ChainHash::GENESIS).unwrap();
        assert_eq!(back.event(1).unwrap(), event(1));
    }

    #[test]
    fn every_changed_byte_of_a_record_is_found() {
        let bytes = ChainedRecord::chain(ChainHash::GENESIS, &event(1)).to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let found = ChainedRecord::from_bytes(1, &changed)
                .and_then(|record| record.verify(1, ChainHash::GENESIS));
            assert!(found.is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_pause_of_an_older_journal_is_read_without_its_reason() {
        let old = r#"{"type":"job_paused","printer":"a","progress":{"confirmed":1,"total":2}}"#;
        let fact: Fact = serde_json::from_str(old).unwrap();
        assert!(matches!(fact, Fact::JobPaused { reason: PauseReason::Unknown, .. }));
        let fact: Fact = serde_json::from_str(r#"{"type":"job_resumed","printer":"a"}"#).unwrap();
        assert!(matches!(fact, Fact::JobResumed { by: None, .. }));
    }

    #[test]
    fn a_job_queued_by_an_older_platen_goes_on_with_no_part() {
        let hash = FileHash::from_digest([1; 32]);
        let old = format!(
            r#"{{"type":"job_queued","file":"{hash}","commands":1,"digest":"{hash}","pinned":null,"material":null}}"#
        );
        let fact: Fact = serde_json::from_str(&old).unwrap();
        assert!(matches!(fact, Fact::JobQueued { resumes: None, gate: None, attempt: None, .. }));
        assert_eq!(serde_json::to_string(&fact).unwrap(), old, "and its hash stays what it was");
    }

    #[test]
    fn the_word_of_a_fact_is_its_type_in_json() {
        let fact = Fact::BedCleared { printer: "a".parse().unwrap(), by: "kim".into() };
        let json = serde_json::to_value(&fact).unwrap();
        assert_eq!(json["type"], fact.word());
    }
}
