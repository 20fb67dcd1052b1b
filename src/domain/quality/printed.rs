//! A printed part: one piece that came, or is to come, out of a printer. Its serial is case, part and attempt.
//!
//! ```text
//! Planned ─▶ Queued ─▶ Printing ─▶ Printed ─▶ PostProcessing ─▶ AwaitingInspection ─▶ Accepted ─▶ Released
//!               │       │ ▲  │                    ▲   ▲                 │                             ▼
//!               │       ▼ │  └────▶ Suspect ──────┘   │ rework          ▼                           Packed
//!               │   Interrupted       └───────────────┼──────▶       Rejected                         ▼
//!               ▼       ▼                             └─────────────────┤                    [SterilisationHandover]
//!           Withdrawn  Failed ──────────────▶ Scrapped ◀────────────────┘                             ▼
//!                                                                                                 Delivered
//! what is in the lab ─▶ Quarantined(from)       what was released ─▶ Recalled
//! ```
//! Everything up to Printed follows the print job by itself (`follow`). A printed part that was paused, interrupted,
//! gone on with, not exact or too hot is suspect, and keeps its doubts until an inspection has looked at each of them.
//! Nothing is released without a signature, and nothing that failed is accepted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::build::Piece;
use super::nonconformance::Disposition;
use super::processing::Processing;
use super::refusal::Illegal;
use super::signature::Proof;
use super::words::Line;
use crate::domain::ids::{
    CaseToken, FileHash, IdError, InspectionId, JobId, LotId, NonconformanceId, PartId, PrinterName, by_text,
};
use crate::domain::moment::WallTime;

/// The name of a printed part: `CASETOKEN-2-1` is the first attempt at part 2.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial {
    pub case: CaseToken,
    pub part: u16,
    pub attempt: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    #[error("a printed part is named CASE-PART-ATTEMPT, with the case's token and two numbers from 1")]
    Form,
    #[error(transparent)]
    Case(#[from] IdError),
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.case, self.part, self.attempt)
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Self, SerialError> {
        let (case, piece) = text.split_once('-').ok_or(SerialError::Form)?;
        let Piece { part, attempt } = piece.parse().map_err(|_| SerialError::Form)?;
        Ok(Self { case: case.parse()?, part, attempt })
    }
}

by_text!(Serial, SerialError);

/// Why a printed part wants an extra look before it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It stood still, and cooled. A pause that the approved file asks for is none.
    Paused,
    Interrupted,
    /// It went on with the very next line after a gap.
    Continued,
    /// It was gone on with from a resume file.
    Resumed,
    /// What was confirmed is not what the file says.
    NotExact,
    HeatAlarm,
    /// It was in quarantine.
    Quarantined,
    /// Its case was reopened after it was printed.
    Superseded,
    /// A coupon that was printed with it did not pass.
    Coupon,
}

impl Doubt {
    pub const ALL: [Self; 9] = [
        Self::Paused,
        Self::Interrupted,
        Self::Continued,
        Self::Resumed,
        Self::NotExact,
        Self::HeatAlarm,
        Self::Quarantined,
        Self::Superseded,
        Self::Coupon,
    ];

    pub fn in_words(self) -> &'static str {
        match self {
            Self::Paused => "it was paused",
            Self::Interrupted => "it was interrupted",
            Self::Continued => "it went on after a gap",
            Self::Resumed => "it was gone on with from a resume file",
            Self::NotExact => "what was printed is not exactly what the file says",
            Self::HeatAlarm => "there was a heat alarm",
            Self::Quarantined => "it was in quarantine",
            Self::Superseded => "its case was reopened",
            Self::Coupon => "its coupon did not pass",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum QuarantineCause {
    Person {
        why: Line,
    },
    Nonconformance {
        id: NonconformanceId,
    },
    LotRecalled {
        lot: LotId,
    },
    PhantomFailed {
        inspection: InspectionId,
    },
    /// It was gone on with after an interruption (medical-domain.md §6.3).
    Resumed,
    /// Its case was reopened after it was released.
    Reopened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The job was cancelled while it ran.
    Cancelled,
    /// It was taken off the bed before it was done.
    TakenOff,
    /// Not one line of its job was sent.
    NothingPrinted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PrintedState {
    /// A reprint that nobody has queued yet.
    Planned,
    Queued,
    Printing,
    Interrupted,
    Printed,
    Suspect,
    PostProcessing,
    AwaitingInspection,
    Accepted,
    Rejected {
        why: Line,
    },
    Released {
        /// The number of the releaser's signature in the case.
        release: u32,
    },
    Packed {
        release: u32,
    },
    SterilisationHandover {
        release: u32,
        cycle: Line,
    },
    Delivered {
        release: u32,
        to: Line,
    },
    Scrapped {
        why: Line,
    },
    Failed {
        how: Failure,
    },
    /// Its job was cancelled before it began.
    Withdrawn,
    Quarantined {
        cause: QuarantineCause,
        from: Box<Self>,
    },
    Recalled {
        why: Line,
        release: u32,
    },
}

/// What may be done by people with a printed part, as a request and as a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    /// There is to be another attempt; its serial is the part's next.
    Planned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Serial>,
    },
    /// A person says that its file was made from this revision, where the chain does not.
    RevisionAttested {
        revision: u16,
    },
    Processed {
        processing: Box<Processing>,
    },
    SentToInspection,
    Accepted {
        inspection: InspectionId,
        /// Where the inspection has flags: why it is good enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Line>,
    },
    Rejected {
        why: Line,
    },
    Scrapped {
        why: Line,
    },
    Released {
        digest: FileHash,
        proof: Proof,
    },
    Packed,
    HandedOver {
        cycle: Line,
    },
    Delivered {
        to: Line,
    },
    Quarantined {
        why: Line,
    },
    QuarantineLifted {
        why: Line,
    },
    Recalled {
        why: Line,
    },
}

impl PrintedState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Queued => "queued",
            Self::Printing => "printing",
            Self::Interrupted => "interrupted",
            Self::Printed => "printed",
            Self::Suspect => "suspect",
            Self::PostProcessing => "in post-processing",
            Self::AwaitingInspection => "awaiting inspection",
            Self::Accepted => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Released { .. } => "released",
            Self::Packed { .. } => "packed",
            Self::SterilisationHandover { .. } => "handed over for sterilisation",
            Self::Delivered { .. } => "delivered",
            Self::Scrapped { .. } => "scrapped",
            Self::Failed { .. } => "failed",
            Self::Withdrawn => "withdrawn",
            Self::Quarantined { .. } => "in quarantine",
            Self::Recalled { .. } => "recalled",
        }
    }

    pub fn todo(&self) -> &'static str {
        match self {
            Self::Planned => "queue a job for its part",
            Self::Queued => "wait for its job, or cancel that",
            Self::Printing => "wait for its job to end",
            Self::Interrupted => "go on with it from a resume file, or take it off the bed and print it anew",
            Self::Printed => "note how it is processed",
            Self::Suspect => "process it, then inspect what is doubtful about it",
            Self::PostProcessing => "send it to inspection when it is done",
            Self::AwaitingInspection => "inspect it, then accept or reject it",
            Self::Accepted => "have it released by a signature",
            Self::Rejected { .. } => "open a nonconformance and decide what becomes of it",
            Self::Released { .. } => "pack it, or recall it",
            Self::Packed { .. } => "deliver it or hand it over, or recall it",
            Self::SterilisationHandover { .. } => "deliver it, or recall it",
            Self::Delivered { .. } => "recall it if something is wrong with it",
            Self::Scrapped { .. } => "print the part anew",
            Self::Failed { .. } => "scrap it, and print the part anew",
            Self::Withdrawn => "queue another job for its part",
            Self::Quarantined { .. } => "lift the quarantine with a reason, or decide what becomes of it",
            Self::Recalled { .. } => "scrap it when it is back, and print the part anew",
        }
    }

    fn refuse(&self, wanted: &'static str) -> Illegal {
        Illegal { state: self.word(), wanted, todo: self.todo() }
    }

    /// A step of the print job also happens to a piece that is in quarantine, and does not end that.
    fn within(&self, step: impl Fn(&Self) -> Result<Self, Illegal>) -> Option<Result<Self, Illegal>> {
        let Self::Quarantined { cause, from } = self else { return None };
        Some(step(from).map(|from| Self::Quarantined { cause: cause.clone(), from: Box::new(from) }))
    }

    pub fn queue(&self) -> Result<Self, Illegal> {
        match self {
            Self::Planned => Ok(Self::Queued),
            _ => Err(self.refuse("queued")),
        }
    }

    pub fn start(&self) -> Result<Self, Illegal> {
        if let Some(within) = self.within(Self::start) {
            return within;
        }
        match self {
            Self::Queued | Self::Interrupted => Ok(Self::Printing),
            _ => Err(self.refuse("printed")),
        }
    }

    pub fn interrupt(&self) -> Result<Self, Illegal> {
        if let Some(within) = self.within(Self::interrupt) {
            return within;
        }
        match self {
            Self::Printing => Ok(Self::Interrupted),
            _ => Err(self.refuse("interrupted")),
        }
    }

    /// Its job has come to its end, with these doubts.
    pub fn finish(&self, doubts: &BTreeSet<Doubt>) -> Result<Self, Illegal> {
        if let Some(within) = self.within(|from| match from {
            Self::Printing => Ok(if doubts.is_empty() { Self::Printed } else { Self::Suspect }),
            _ => Err(from.refuse("finished")),
        }) {
            return within;
        }
        match self {
            Self::Printing if doubts.contains(&Doubt::Resumed) => {
                let from = Box::new(Self::Suspect);
                Ok(Self::Quarantined { cause: QuarantineCause::Resumed, from })
            }
            Self::Printing if !doubts.is_empty() => Ok(Self::Suspect),
            Self::Printing => Ok(Self::Printed),
            _ => Err(self.refuse("finished")),
        }
    }

    /// Something odd about it came out: it is not simply printed any more.
    pub fn doubt(&self) -> Self {
        match self {
            Self::Printed => Self::Suspect,
            other => other.clone(),
        }
    }

    pub fn fail(&self, how: Failure) -> Result<Self, Illegal> {
        // There is no piece any more that could be kept apart.
        let state = if let Self::Quarantined { from, .. } = self { from } else { self };
        match state {
            Self::Printing | Self::Interrupted => Ok(Self::Failed { how }),
            _ => Err(self.refuse("noted as failed")),
        }
    }

    /// A job that was to go on with it has left it as it was.
    pub fn give_back(&self) -> Result<Self, Illegal> {
        match self {
            Self::Interrupted | Self::Failed { how: Failure::Cancelled } => Ok(Self::Interrupted),
            Self::Quarantined { from, .. } if **from == Self::Interrupted => Ok(self.clone()),
            _ => Err(self.refuse("given back")),
        }
    }

    pub fn withdraw(&self) -> Result<Self, Illegal> {
        match self {
            Self::Queued => Ok(Self::Withdrawn),
            _ => Err(self.refuse("withdrawn")),
        }
    }

    pub fn process(&self) -> Result<Self, Illegal> {
        match self {
            Self::Printed | Self::Suspect | Self::PostProcessing => Ok(Self::PostProcessing),
            _ => Err(self.refuse("processed")),
        }
    }

    pub fn send_to_inspection(&self) -> Result<Self, Illegal> {
        match self {
            Self::PostProcessing | Self::Suspect => Ok(Self::AwaitingInspection),
            _ => Err(self.refuse("sent to inspection")),
        }
    }

    pub fn accept(&self) -> Result<Self, Illegal> {
        match self {
            Self::AwaitingInspection => Ok(Self::Accepted),
            _ => Err(self.refuse("accepted")),
        }
    }

    pub fn reject(&self, why: &Line) -> Result<Self, Illegal> {
        match self {
            Self::AwaitingInspection => Ok(Self::Rejected { why: why.clone() }),
            _ => Err(self.refuse("rejected")),
        }
    }

    /// Whether nothing more is printed on it, though it is not finished.
    fn stands_apart(&self) -> bool {
        matches!(self, Self::Quarantined { from, .. } if !matches!(**from, Self::Printing | Self::Interrupted))
    }

    pub fn scrap(&self, why: &Line) -> Result<Self, Illegal> {
        match self {
            Self::Rejected { .. } | Self::Failed { .. } | Self::Recalled { .. } => {
                Ok(Self::Scrapped { why: why.clone() })
            }
            _ if self.stands_apart() => Ok(Self::Scrapped { why: why.clone() }),
            _ => Err(self.refuse("scrapped")),
        }
    }

    pub fn rework(&self) -> Result<Self, Illegal> {
        match self {
            Self::Rejected { .. } => Ok(Self::PostProcessing),
            _ if self.stands_apart() => Ok(Self::PostProcessing),
            _ => Err(self.refuse("reworked")),
        }
    }

    /// By a signed concession.
    pub fn use_as_is(&self) -> Result<Self, Illegal> {
        match self {
            Self::Rejected { .. } => Ok(Self::Accepted),
            _ if self.stands_apart() => Ok(Self::Accepted),
            _ => Err(self.refuse("used as it is")),
        }
    }

    /// What a nonconformance's decision makes of it.
    pub fn dispose(&self, disposition: &Disposition, why: &Line) -> Result<Self, Illegal> {
        match disposition {
            Disposition::Scrap | Disposition::Reprint if matches!(self, Self::Scrapped { .. }) => {
                Ok(self.clone())
            }
            Disposition::Scrap | Disposition::Reprint => self.scrap(why),
            Disposition::Rework => self.rework(),
            // It stays where it is in use.
            Disposition::UseAsIs { .. } if self.is_out() => Ok(self.clone()),
            Disposition::UseAsIs { .. } => self.use_as_is(),
        }
    }

    /// Whether something may be wrong with it.
    pub fn find_fault(&self) -> Result<Self, Illegal> {
        match self {
            Self::Planned | Self::Queued | Self::Withdrawn => Err(self.refuse("found at fault")),
            _ => Ok(self.clone()),
        }
    }

    /// Whether there is a piece on which a label could be put.
    pub fn may_be_labelled(&self) -> Result<(), Illegal> {
        match self {
            Self::Planned | Self::Queued | Self::Withdrawn | Self::Failed { .. } | Self::Scrapped { .. } => {
                Err(self.refuse("labelled"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is the time to inspect it.
    pub fn inspect(&self) -> Result<Self, Illegal> {
        match self {
            Self::AwaitingInspection => Ok(self.clone()),
            _ => Err(self.refuse("inspected")),
        }
    }

    /// Whether a coupon still tells something about it.
    pub fn inspect_coupon(&self) -> Result<Self, Illegal> {
        match self {
            Self::Printed | Self::Suspect | Self::PostProcessing | Self::AwaitingInspection => {
                Ok(self.clone())
            }
            _ => Err(self.refuse("judged by its coupon")),
        }
    }

    pub fn release(&self, release: u32) -> Result<Self, Illegal> {
        match self {
            Self::Accepted => Ok(Self::Released { release }),
            _ => Err(self.refuse("released")),
        }
    }

    pub fn pack(&self) -> Result<Self, Illegal> {
        match self {
            Self::Released { release } => Ok(Self::Packed { release: *release }),
            _ => Err(self.refuse("packed")),
        }
    }

    pub fn hand_over(&self, cycle: &Line) -> Result<Self, Illegal> {
        match self {
            Self::Packed { release } => {
                Ok(Self::SterilisationHandover { release: *release, cycle: cycle.clone() })
            }
            _ => Err(self.refuse("handed over for sterilisation")),
        }
    }

    pub fn deliver(&self, to: &Line) -> Result<Self, Illegal> {
        match self {
            Self::Packed { release } | Self::SterilisationHandover { release, .. } => {
                Ok(Self::Delivered { release: *release, to: to.clone() })
            }
            _ => Err(self.refuse("delivered")),
        }
    }

    /// Everything that is in the lab and is a piece.
    pub fn quarantine(&self, cause: QuarantineCause) -> Result<Self, Illegal> {
        match self {
            Self::Printing
            | Self::Interrupted
            | Self::Printed
            | Self::Suspect
            | Self::PostProcessing
            | Self::AwaitingInspection
            | Self::Accepted
            | Self::Rejected { .. }
            | Self::Released { .. }
            | Self::Packed { .. } => Ok(Self::Quarantined { cause, from: Box::new(self.clone()) }),
            _ => Err(self.refuse("put into quarantine")),
        }
    }

    /// Back to where it can be inspected: nothing that was accepted before still is.
    pub fn lift(&self) -> Result<Self, Illegal> {
        let Self::Quarantined { from, .. } = self else {
            return Err(self.refuse("taken out of quarantine"));
        };
        Ok(match from.as_ref() {
            Self::Printing => Self::Printing,
            Self::Interrupted => Self::Interrupted,
            Self::Printed | Self::Suspect => Self::Suspect,
            Self::PostProcessing => Self::PostProcessing,
            Self::Rejected { why } => Self::Rejected { why: why.clone() },
            _ => Self::AwaitingInspection,
        })
    }

    pub fn recall(&self, why: &Line) -> Result<Self, Illegal> {
        match self.release_signature() {
            Some(release) if !matches!(self, Self::Recalled { .. }) => {
                Ok(Self::Recalled { why: why.clone(), release })
            }
            _ => Err(self.refuse("recalled")),
        }
    }

    /// The signature by which it is, or was when it was recalled, released.
    pub fn release_signature(&self) -> Option<u32> {
        match self {
            Self::Released { release }
            | Self::Packed { release }
            | Self::SterilisationHandover { release, .. }
            | Self::Delivered { release, .. }
            | Self::Recalled { release, .. } => Some(*release),
            _ => None,
        }
    }

    /// Released, and not taken back.
    pub fn is_released(&self) -> bool {
        self.release_signature().is_some() && !matches!(self, Self::Recalled { .. })
    }

    /// With somebody else already: what is wrong with it is for a recall.
    pub fn is_out(&self) -> bool {
        matches!(self, Self::SterilisationHandover { .. } | Self::Delivered { .. })
    }

    /// A piece of it exists that nothing prints on any more.
    pub fn has_left_the_printer(&self) -> bool {
        match self {
            Self::Planned | Self::Queued | Self::Printing | Self::Interrupted => false,
            Self::Failed { .. } | Self::Withdrawn | Self::Scrapped { .. } => false,
            Self::Quarantined { from, .. } => from.has_left_the_printer(),
            _ => true,
        }
    }
}

/// By what a part counts as good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Acceptance {
    Inspection {
        id: InspectionId,
        /// Where that had flags.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Line>,
    },
    /// It is used as it is, as this nonconformance was decided.
    Concession { nonconformance: NonconformanceId },
}

/// Material that went into a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub job: JobId,
    pub lot: LotId,
    pub milligrams: u64,
}

/// More is not kept of one part: it must fit into one value of the store.
pub const LOTS_MAX: usize = 8;
pub const USED_MAX: usize = 8;
pub const OPERATORS_MAX: usize = 6;
pub const INSPECTIONS_MAX: usize = 12;
pub const LOOKBACKS_MAX: usize = 6;

/// Why a part is on a look-back list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum LookBack {
    LotRecalled { lot: LotId },
    PhantomFailed { inspection: InspectionId },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedPart {
    pub serial: Serial,
    pub part: PartId,
    pub state: PrintedState,
    /// The job that printed it last, and its printer from its start on.
    pub job: Option<JobId>,
    pub printer: Option<PrinterName>,
    /// Of the part's model, where that is known.
    pub revision: Option<u16>,
    /// What was confirmed by the firmware, when it was printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<FileHash>,
    /// When its print first began, and that event's `seq`.
    pub started: Option<WallTime>,
    pub started_seq: Option<u64>,
    pub ended: Option<WallTime>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub doubts: BTreeSet<Doubt>,
    /// What was loaded on its printer while it was printed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lots: BTreeSet<LotId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Used>,
    /// Who had a hand in it: queued or began its job, took it off, processed it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operators: BTreeSet<String>,
    /// The inspections that count: since it was last reworked or in quarantine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inspections: Vec<InspectionId>,
    /// Present from its acceptance on, until that is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookbacks: Vec<LookBack>,
    /// How many steps of processing are noted.
    #[serde(default)]
    pub processings: u16,
    /// How often it was reworked.
    #[serde(default)]
    pub reworks: u16,
    /// The part that it is printed in place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Serial>,
}

impl PrintedPart {
    pub fn new(serial: Serial, part: PartId, state: PrintedState) -> Self {
        Self {
            serial,
            part,
            state,
            job: None,
            printer: None,
            revision: None,
            digest: None,
            started: None,
            started_seq: None,
            ended: None,
            doubts: BTreeSet::new(),
            lots: BTreeSet::new(),
            used: Vec::new(),
            operators: BTreeSet::new(),
            inspections: Vec::new(),
            accepted: None,
            lookbacks: Vec::new(),
            processings: 0,
            reworks: 0,
            replaces: None,
        }
    }

    /// Somebody had a hand in it. When there are too many to be kept, the set is full, and nobody may release it.
    pub fn handled_by(&mut self, by: &str) {
        if self.operators.len() < OPERATORS_MAX {
            self.operators.insert(by.to_owned());
        }
    }

    pub(super) fn look_back(&mut self, because: LookBack) {
        if !self.lookbacks.contains(&because) {
            if self.lookbacks.len() == LOOKBACKS_MAX {
                self.lookbacks.remove(0);
            }
            self.lookbacks.push(because);
        }
    }

    pub(super) fn loaded(&mut self, lot: &LotId) {
        if self.lots.len() < LOTS_MAX {
            self.lots.insert(lot.clone());
        }
    }
}

impl Step {
    /// The word of the step, which fits behind "cannot be".
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::RevisionAttested { .. } => "given a revision",
            Self::Processed { .. } => "processed",
            Self::SentToInspection => "sent to inspection",
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Scrapped { .. } => "scrapped",
            Self::Released { .. } => "released",
            Self::Packed => "packed",
            Self::HandedOver { .. } => "handed over for sterilisation",
            Self::Delivered { .. } => "delivered",
            Self::Quarantined { .. } => "put into quarantine",
            Self::QuarantineLifted { .. } => "taken out of quarantine",
            Self::Recalled { .. } => "recalled",
        }
    }
}

impl PrintedState {
    /// Whether it may still be said from which revision it is.
    pub fn attest(&self) -> Result<Self, Illegal> {
        match self {
            Self::Planned
            | Self::Queued
            | Self::Printing
            | Self::Interrupted
            | Self::Printed
            | Self::Suspect
            | Self::PostProcessing
            | Self::AwaitingInspection => Ok(self.clone()),
            _ => Err(self.refuse("given a revision")),
        }
    }

    /// The state after a person's step. `signature` is the number that a signature of this step has.
    pub fn after(&self, step: &Step, signature: u32) -> Result<Self, Illegal> {
        match step {
            Step::Planned { .. } => Err(self.refuse("planned")),
            Step::RevisionAttested { .. } => self.attest(),
            Step::Processed { .. } => self.process(),
            Step::SentToInspection => self.send_to_inspection(),
            Step::Accepted { .. } => self.accept(),
            Step::Rejected { why } => self.reject(why),
            Step::Scrapped { why } => self.scrap(why),
            Step::Released { .. } => self.release(signature),
            Step::Packed => self.pack(),
            Step::HandedOver { cycle } => self.hand_over(cycle),
            Step::Delivered { to } => self.deliver(to),
            Step::Quarantined { why } => self.quarantine(QuarantineCause::Person { why: why.clone() }),
            Step::QuarantineLifted { .. } => self.lift(),
            Step::Recalled { why } => self.recall(why),
        }
    }
}
