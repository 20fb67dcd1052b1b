//! How far a case has come, from the first wish to the closed file.
//!
//! ```text
//! Draft ─▶ Requested ─▶ Accepted ─▶ Designing ◀─▶ AwaitingApproval ─▶ Approved
//!                                       ▲                                │
//!                                       │ reopened                       ▼
//!                                       ├──────────────────────── InProduction ◀─ Rework
//!                                       │                                │           ▲
//!                                       │                                ▼           │
//!                                       ├────────────────────────────── InQc ────────┘
//!                                       │                                ▼
//!                                       └───────────────────────────  Released
//! Released ─▶ Delivered ─▶ [Used] ─▶ Assessed ─▶ Closed      OnHold(from), Cancelled
//! ```
//! Each function here is one step: the state after it, or why it is not possible. What else has to hold (signatures,
//! parts) is asked in `judge`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::assessment::Assessment;
use super::confirmation::Confirmed;
use super::cost::Cost;
use super::effort::Effort;
use super::refusal::Illegal;
use super::signature::Proof;
use super::words::{Label, Line, Text};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, FileHash};
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    Model,
    Guide,
    Both,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    #[default]
    Routine,
    Urgent,
    Emergency,
}

/// What was ordered. Nothing here says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseAbout {
    pub kind: CaseKind,
    /// The ordering service, such as "cardiac surgery".
    pub service: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indication: Option<Line>,
    /// What it was imaged with, such as "CT".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_by: Option<Day>,
    #[serde(default)]
    pub priority: Priority,
    /// 1 to 9, as the RSNA group rates (medical-domain.md §3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appropriateness: Option<u8>,
    /// What was agreed that its parts have to be like to be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Text>,
}

/// What may be done with a case. As a request it is asked for, as a fact it has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    Described {
        about: Box<CaseAbout>,
    },
    Requested,
    Accepted,
    DesignBegun,
    ApprovalAsked,
    SentBack {
        why: Text,
    },
    /// A clinician signs the current revisions of all parts; `digest` is of what they saw.
    Approved {
        digest: FileHash,
        proof: Proof,
        /// The mirrored and modified parts, by number: the signer has said of each that it is meant so.
        #[serde(default)]
        confirmed: Vec<u16>,
    },
    ProductionBegun {
        process: Label,
        /// What parts of the process were found good enough for.
        validated_for: Vec<IntendedUse>,
        /// Only for education: why a process is good enough that is not validated for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outside: Option<Text>,
        /// Which version of it was in the catalogue then; platen's: what a request has there does not count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
    },
    QcBegun,
    ReworkAsked {
        why: Text,
    },
    Released {
        digest: FileHash,
        proof: Proof,
    },
    Delivered,
    Used,
    Assessed {
        assessment: Box<Assessment>,
    },
    Reminded,
    AssessmentWaived {
        why: Text,
    },
    Closed,
    Held {
        why: Text,
    },
    Continued,
    Cancelled {
        why: Text,
    },
    Reopened {
        why: Text,
    },
    EffortNoted {
        effort: Effort,
    },
    CostNoted {
        cost: Cost,
    },
    /// Without a person it is a notice of platen's.
    MessagePosted {
        text: Text,
        #[serde(default)]
        mentions: Vec<String>,
    },
    /// A coder stands for the units of the case; the last time counts.
    UnitsConfirmed {
        confirmed: Box<Confirmed>,
    },
}

impl Step {
    /// The word of the step, which fits behind "cannot be".
    pub fn word(&self) -> &'static str {
        match self {
            Self::Described { .. } => "described",
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::DesignBegun => "designed",
            Self::ApprovalAsked => "put up for approval",
            Self::SentBack { .. } => "sent back",
            Self::Approved { .. } => "approved",
            Self::ProductionBegun { .. } => "put into production",
            Self::QcBegun => "put into quality control",
            Self::ReworkAsked { .. } => "reworked",
            Self::Released { .. } => "released",
            Self::Delivered => "delivered",
            Self::Used => "noted as used",
            Self::Assessed { .. } => "assessed",
            Self::Reminded => "reminded of",
            Self::AssessmentWaived { .. } => "closed without an assessment",
            Self::Closed => "closed",
            Self::Held { .. } => "put on hold",
            Self::Continued => "continued",
            Self::Cancelled { .. } => "cancelled",
            Self::Reopened { .. } => "reopened",
            Self::EffortNoted { .. } => "given an effort",
            Self::CostNoted { .. } => "given a cost",
            Self::MessagePosted { .. } => "written about",
            Self::UnitsConfirmed { .. } => "confirmed by a coder",
        }
    }
}

/// From the approval on: who approved it, and how it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The number of the signature in this case.
    pub approval: u32,
    pub process: Label,
    /// Which version of it, where platen knows the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// From the delivery on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    pub made: Made,
    /// The number of the releaser's signature in this case.
    pub release: u32,
    /// How often somebody was asked for the assessment.
    #[serde(default)]
    pub reminders: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Text>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CaseState {
    #[default]
    Draft,
    Requested,
    Accepted,
    Designing,
    AwaitingApproval,
    Approved {
        approval: u32,
    },
    InProduction {
        made: Made,
    },
    InQc {
        made: Made,
    },
    Rework {
        made: Made,
        why: Text,
    },
    Released {
        made: Made,
        release: u32,
    },
    Delivered {
        out: Out,
    },
    Used {
        out: Out,
    },
    Assessed {
        out: Out,
    },
    Closed {
        out: Out,
    },
    OnHold {
        from: Box<Self>,
        why: Text,
    },
    Cancelled {
        why: Text,
    },
}

impl CaseState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Draft => "a draft",
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Designing => "being designed",
            Self::AwaitingApproval => "awaiting approval",
            Self::Approved { .. } => "approved",
            Self::InProduction { .. } => "in production",
            Self::InQc { .. } => "in quality control",
            Self::Rework { .. } => "in rework",
            Self::Released { .. } => "released",
            Self::Delivered { .. } => "delivered",
            Self::Used { .. } => "used",
            Self::Assessed { .. } => "assessed",
            Self::Closed { .. } => "closed",
            Self::OnHold { .. } => "on hold",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// What can be done with a case that is in this state.
    pub fn todo(&self) -> &'static str {
        match self {
            Self::Draft => "describe it, then request it",
            Self::Requested => "accept it, or cancel it",
            Self::Accepted => "begin its design",
            Self::Designing => "add a revision of each part, then ask for approval",
            Self::AwaitingApproval => "approve it, or send it back to change it",
            Self::Approved { .. } => "begin its production, or reopen it to change it",
            Self::InProduction { .. } => {
                "print its parts and begin its quality control, or reopen it to change it"
            }
            Self::InQc { .. } => {
                "release its parts and then the case, ask for rework, or reopen it to change it"
            }
            Self::Rework { .. } => "begin its production again, or reopen it to change it",
            Self::Released { .. } => "deliver it, or reopen it to change it",
            Self::Delivered { .. } => "note its use or its assessment, or waive the assessment and close it",
            Self::Used { .. } => "note its assessment, or waive it and close the case",
            Self::Assessed { .. } => "close it",
            Self::Closed { .. } => "open another case",
            Self::OnHold { .. } => "continue it, or cancel it",
            Self::Cancelled { .. } => "open another case",
        }
    }

    fn refuse(&self, wanted: &'static str) -> Illegal {
        Illegal { state: self.word(), wanted, todo: self.todo() }
    }

    /// Whether its parts and what is known of them stay as they are.
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Draft | Self::Requested | Self::Accepted | Self::Designing => false,
            Self::OnHold { from, .. } => from.is_locked(),
            _ => true,
        }
    }

    /// The signature under the design, where that holds.
    pub fn approval(&self) -> Option<u32> {
        match self {
            Self::Approved { approval } => Some(*approval),
            Self::InProduction { made }
            | Self::InQc { made }
            | Self::Rework { made, .. }
            | Self::Released { made, .. } => Some(made.approval),
            Self::Delivered { out } | Self::Used { out } | Self::Assessed { out } | Self::Closed { out } => {
                Some(out.made.approval)
            }
            Self::OnHold { from, .. } => from.approval(),
            _ => None,
        }
    }

    /// The releaser's signature under the case.
    pub fn release_signature(&self) -> Option<u32> {
        match self {
            Self::Released { release, .. } => Some(*release),
            Self::Delivered { out } | Self::Used { out } | Self::Assessed { out } | Self::Closed { out } => {
                Some(out.release)
            }
            Self::OnHold { from, .. } => from.release_signature(),
            _ => None,
        }
    }

    pub fn describe(&self) -> Result<Self, Illegal> {
        if self.is_locked() || matches!(self, Self::OnHold { .. }) {
            return Err(self.refuse("described anew"));
        }
        Ok(self.clone())
    }

    pub fn request(&self) -> Result<Self, Illegal> {
        match self {
            Self::Draft => Ok(Self::Requested),
            _ => Err(self.refuse("requested")),
        }
    }

    pub fn accept(&self) -> Result<Self, Illegal> {
        match self {
            Self::Requested => Ok(Self::Accepted),
            _ => Err(self.refuse("accepted")),
        }
    }

    pub fn begin_design(&self) -> Result<Self, Illegal> {
        match self {
            Self::Accepted => Ok(Self::Designing),
            _ => Err(self.refuse("designed")),
        }
    }

    pub fn ask_approval(&self) -> Result<Self, Illegal> {
        match self {
            Self::Designing => Ok(Self::AwaitingApproval),
            _ => Err(self.refuse("put up for approval")),
        }
    }

    pub fn send_back(&self) -> Result<Self, Illegal> {
        match self {
            Self::AwaitingApproval => Ok(Self::Designing),
            _ => Err(self.refuse("sent back")),
        }
    }

    pub fn approve(&self, approval: u32) -> Result<Self, Illegal> {
        match self {
            Self::AwaitingApproval => Ok(Self::Approved { approval }),
            _ => Err(self.refuse("approved")),
        }
    }

    pub fn begin_production(&self, process: &Label, version: Option<u32>) -> Result<Self, Illegal> {
        match self {
            Self::Approved { approval } | Self::Rework { made: Made { approval, .. }, .. } => {
                let made = Made { approval: *approval, process: process.clone(), version };
                Ok(Self::InProduction { made })
            }
            _ => Err(self.refuse("put into production")),
        }
    }

    pub fn begin_qc(&self) -> Result<Self, Illegal> {
        match self {
            Self::InProduction { made } => Ok(Self::InQc { made: made.clone() }),
            _ => Err(self.refuse("put into quality control")),
        }
    }

    pub fn ask_rework(&self, why: &Text) -> Result<Self, Illegal> {
        match self {
            Self::InQc { made } => Ok(Self::Rework { made: made.clone(), why: why.clone() }),
            _ => Err(self.refuse("reworked")),
        }
    }

    pub fn release(&self, release: u32) -> Result<Self, Illegal> {
        match self {
            Self::InQc { made } => Ok(Self::Released { made: made.clone(), release }),
            _ => Err(self.refuse("released")),
        }
    }

    pub fn deliver(&self) -> Result<Self, Illegal> {
        match self {
            Self::Released { made, release } => Ok(Self::Delivered {
                out: Out { made: made.clone(), release: *release, reminders: 0, waived: None },
            }),
            _ => Err(self.refuse("delivered")),
        }
    }

    pub fn note_use(&self) -> Result<Self, Illegal> {
        match self {
            Self::Delivered { out } => Ok(Self::Used { out: out.clone() }),
            _ => Err(self.refuse("noted as used")),
        }
    }

    pub fn assess(&self) -> Result<Self, Illegal> {
        match self {
            Self::Delivered { out } | Self::Used { out } => Ok(Self::Assessed { out: out.clone() }),
            _ => Err(self.refuse("assessed")),
        }
    }

    pub fn remind(&self) -> Result<Self, Illegal> {
        let again = |out: &Out| Out { reminders: out.reminders.saturating_add(1), ..out.clone() };
        match self {
            Self::Delivered { out } => Ok(Self::Delivered { out: again(out) }),
            Self::Used { out } => Ok(Self::Used { out: again(out) }),
            _ => Err(self.refuse("reminded of")),
        }
    }

    pub fn waive(&self, why: &Text) -> Result<Self, Illegal> {
        let waived = |out: &Out| Out { waived: Some(why.clone()), ..out.clone() };
        match self {
            Self::Delivered { out } => Ok(Self::Delivered { out: waived(out) }),
            Self::Used { out } => Ok(Self::Used { out: waived(out) }),
            _ => Err(self.refuse("closed without an assessment")),
        }
    }

    pub fn close(&self) -> Result<Self, Illegal> {
        match self {
            Self::Assessed { out } => Ok(Self::Closed { out: out.clone() }),
            Self::Delivered { out } | Self::Used { out } if out.waived.is_some() => {
                Ok(Self::Closed { out: out.clone() })
            }
            _ => Err(self.refuse("closed")),
        }
    }

    pub fn hold(&self, why: &Text) -> Result<Self, Illegal> {
        match self {
            Self::Requested
            | Self::Accepted
            | Self::Designing
            | Self::AwaitingApproval
            | Self::Approved { .. }
            | Self::InProduction { .. }
            | Self::InQc { .. }
            | Self::Rework { .. }
            | Self::Released { .. } => Ok(Self::OnHold { from: Box::new(self.clone()), why: why.clone() }),
            _ => Err(self.refuse("put on hold")),
        }
    }

    pub fn go_on(&self) -> Result<Self, Illegal> {
        match self {
            Self::OnHold { from, .. } => Ok(from.as_ref().clone()),
            _ => Err(self.refuse("continued")),
        }
    }

    pub fn cancel(&self, why: &Text) -> Result<Self, Illegal> {
        match self {
            Self::OnHold { from, .. } => from.cancel(why),
            Self::Draft
            | Self::Requested
            | Self::Accepted
            | Self::Designing
            | Self::AwaitingApproval
            | Self::Approved { .. }
            | Self::InProduction { .. }
            | Self::InQc { .. }
            | Self::Rework { .. } => Ok(Self::Cancelled { why: why.clone() }),
            _ => Err(self.refuse("cancelled")),
        }
    }

    /// Units are of what was released; a coder may look again as long as the case is there.
    pub fn confirm_units(&self) -> Result<Self, Illegal> {
        match self {
            Self::Released { .. }
            | Self::Delivered { .. }
            | Self::Used { .. }
            | Self::Assessed { .. }
            | Self::Closed { .. } => Ok(self.clone()),
            _ => Err(self.refuse("confirmed by a coder")),
        }
    }

    /// How it is made, from the beginning of its production on.
    pub fn made(&self) -> Option<&Made> {
        match self {
            Self::InProduction { made }
            | Self::InQc { made }
            | Self::Rework { made, .. }
            | Self::Released { made, .. } => Some(made),
            Self::Delivered { out } | Self::Used { out } | Self::Assessed { out } | Self::Closed { out } => {
                Some(&out.made)
            }
            Self::OnHold { from, .. } => from.made(),
            _ => None,
        }
    }

    /// Back to the design: what was signed does not hold any more.
    pub fn reopen(&self) -> Result<Self, Illegal> {
        match self {
            Self::Approved { .. }
            | Self::InProduction { .. }
            | Self::InQc { .. }
            | Self::Rework { .. }
            | Self::Released { .. } => Ok(Self::Designing),
            _ => Err(self.refuse("reopened")),
        }
    }

    /// A released part is in quarantine: the case is not released any more.
    pub fn take_back(&self) -> Self {
        match self {
            Self::Released { made, .. } => Self::InQc { made: made.clone() },
            Self::OnHold { from, why } => Self::OnHold { from: Box::new(from.take_back()), why: why.clone() },
            other => other.clone(),
        }
    }

    /// The state after a step. `signature` is the number that a signature of this step has.
    pub fn after(&self, step: &Step, signature: u32) -> Result<Self, Illegal> {
        match step {
            Step::Described { .. } => self.describe(),
            Step::Requested => self.request(),
            Step::Accepted => self.accept(),
            Step::DesignBegun => self.begin_design(),
            Step::ApprovalAsked => self.ask_approval(),
            Step::SentBack { .. } => self.send_back(),
            Step::Approved { .. } => self.approve(signature),
            Step::ProductionBegun { process, version, .. } => self.begin_production(process, *version),
            Step::QcBegun => self.begin_qc(),
            Step::ReworkAsked { why } => self.ask_rework(why),
            Step::Released { .. } => self.release(signature),
            Step::Delivered => self.deliver(),
            Step::Used => self.note_use(),
            Step::Assessed { .. } => self.assess(),
            Step::Reminded => self.remind(),
            Step::AssessmentWaived { why } => self.waive(why),
            Step::Closed => self.close(),
            Step::Held { why } => self.hold(why),
            Step::Continued => self.go_on(),
            Step::Cancelled { why } => self.cancel(why),
            Step::Reopened { .. } => self.reopen(),
            // People talk and work whatever the state is.
            Step::EffortNoted { .. } | Step::CostNoted { .. } | Step::MessagePosted { .. } => {
                Ok(self.clone())
            }
            Step::UnitsConfirmed { .. } => self.confirm_units(),
        }
    }
}

/// What is known of a case beyond its opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRecord {
    pub case: CaseToken,
    pub about: Option<CaseAbout>,
    pub state: CaseState,
    /// When it first came into each state, by the state's word.
    pub reached: BTreeMap<String, WallTime>,
}

impl CaseRecord {
    pub fn new(case: CaseToken) -> Self {
        Self { case, about: None, state: CaseState::Draft, reached: BTreeMap::new() }
    }
}
