//! Something that is not as it should be, what was decided about it, and by whom.
//!
//! ```text
//! Open ─▶ Disposed ─▶ Closed        Open ─▶ Closed (where it is about no printed part)
//! ```

use serde::{Deserialize, Serialize};

use super::printed::Serial;
use super::refusal::Illegal;
use super::signature::Proof;
use super::words::{Line, Text};
use crate::domain::ids::{CaseToken, FileHash, LotId, NonconformanceId, PrinterName};
use crate::domain::moment::WallTime;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum About {
    Part { serial: Serial },
    Case { case: CaseToken },
    Lot { lot: LotId },
    Printer { printer: PrinterName },
}

/// The codes by which reprints are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Dimension,
    Surface,
    Breakage,
    Incomplete,
    WrongFile,
    WrongMaterial,
    WrongSide,
    Contamination,
    Labelling,
    Machine,
    Handling,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Minor,
    Major,
    Critical,
}

/// What becomes of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disposition", rename_all = "snake_case")]
pub enum Disposition {
    Scrap,
    /// Scrapped, and another attempt is planned.
    Reprint,
    /// Processed and inspected anew.
    Rework,
    /// Accepted as it is, by a signature.
    UseAsIs {
        digest: FileHash,
        proof: Proof,
    },
}

impl Disposition {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Scrap => "scrap",
            Self::Reprint => "reprint",
            Self::Rework => "rework",
            Self::UseAsIs { .. } => "use as is",
        }
    }
}

/// What was decided, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub disposition: Disposition,
    pub why: Line,
    pub by: String,
    pub at: WallTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NonconformanceState {
    Open,
    Disposed {
        decision: Box<Decision>,
    },
    Closed {
        decision: Option<Box<Decision>>,
        /// Where what is done against its cause is written down.
        capa: Option<Line>,
        by: String,
        at: WallTime,
    },
}

/// What may be done with one, as a request and as a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    Opened {
        about: About,
        cause: Cause,
        severity: Severity,
        what: Text,
    },
    Disposed {
        decision: Disposition,
        why: Line,
    },
    Closed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capa: Option<Line>,
    },
}

impl NonconformanceState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disposed { .. } => "decided",
            Self::Closed { .. } => "closed",
        }
    }

    fn refuse(&self, wanted: &'static str) -> Illegal {
        let todo = match self {
            Self::Open => "decide what becomes of the part",
            Self::Disposed { .. } => "close it when that is done",
            Self::Closed { .. } => "open another one",
        };
        Illegal { state: self.word(), wanted, todo }
    }

    /// Whether it is still to be decided.
    pub fn may_dispose(&self) -> Result<(), Illegal> {
        match self {
            Self::Open => Ok(()),
            _ => Err(self.refuse("decided")),
        }
    }

    pub fn dispose(&self, decision: Decision) -> Result<Self, Illegal> {
        self.may_dispose()?;
        Ok(Self::Disposed { decision: Box::new(decision) })
    }

    /// `of_part`: it is about a printed part, so somebody has to decide first what becomes of that.
    pub fn close(
        &self,
        of_part: bool,
        capa: Option<Line>,
        by: String,
        at: WallTime,
    ) -> Result<Self, Illegal> {
        match self {
            Self::Open if !of_part => Ok(Self::Closed { decision: None, capa, by, at }),
            Self::Disposed { decision } => {
                Ok(Self::Closed { decision: Some(decision.clone()), capa, by, at })
            }
            _ => Err(self.refuse("closed")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonconformance {
    pub id: NonconformanceId,
    pub about: About,
    pub cause: Cause,
    pub severity: Severity,
    pub what: Text,
    pub state: NonconformanceState,
    pub by: String,
    pub at: WallTime,
    /// The `seq` of its event; 0 for one that was noted before it was kept.
    #[serde(default)]
    pub seq: u64,
}

impl Nonconformance {
    /// What sorts from the oldest on: two of one millisecond are told apart too.
    pub fn order(&self) -> (u64, WallTime) {
        (self.seq, self.at)
    }

    /// The printed part that it is about.
    pub fn serial(&self) -> Option<&Serial> {
        match &self.about {
            About::Part { serial } => Some(serial),
            _ => None,
        }
    }

    /// The case whose release it holds up.
    pub fn case(&self) -> Option<&CaseToken> {
        match &self.about {
            About::Part { serial } => Some(&serial.case),
            About::Case { case } => Some(case),
            _ => None,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, NonconformanceState::Closed { .. })
    }
}
