//! Whether a printer may be used, when its calibration is due, and what was done to it.
//!
//! ```text
//! Unqualified ─▶ Qualified ◀─▶ Restricted        any ─▶ Unqualified (withdrawn, or a phantom failed)
//! ```

use serde::{Deserialize, Serialize};

use super::refusal::Illegal;
use super::words::Text;
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::{InspectionId, PrinterName};
use crate::domain::moment::WallTime;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum QualificationState {
    #[default]
    Unqualified,
    Qualified,
    /// For these uses only.
    Restricted {
        uses: Vec<IntendedUse>,
        why: Text,
    },
}

/// What may be said of a printer, as a request and as a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    Qualified,
    Restricted {
        uses: Vec<IntendedUse>,
        why: Text,
    },
    Withdrawn {
        why: Text,
    },
    /// It is to be calibrated by this day.
    CalibrationDue {
        on: Day,
    },
    /// Somebody has worked on it, whatever it may be used for.
    Maintained {
        what: Text,
        /// Absent where nobody knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u16>,
    },
}

impl QualificationState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unqualified => "unqualified",
            Self::Qualified => "qualified",
            Self::Restricted { .. } => "restricted",
        }
    }

    fn refuse(&self, wanted: &'static str) -> Illegal {
        let todo = match self {
            Self::Unqualified => "qualify it when a phantom has passed",
            Self::Qualified => "restrict it or withdraw its qualification",
            Self::Restricted { .. } => "qualify it, or withdraw its qualification",
        };
        Illegal { state: self.word(), wanted, todo }
    }

    pub fn qualify(&self) -> Result<Self, Illegal> {
        match self {
            Self::Unqualified | Self::Restricted { .. } => Ok(Self::Qualified),
            Self::Qualified => Err(self.refuse("qualified")),
        }
    }

    pub fn restrict(&self, uses: &[IntendedUse], why: &Text) -> Result<Self, Illegal> {
        match self {
            Self::Qualified | Self::Restricted { .. } => {
                Ok(Self::Restricted { uses: uses.to_vec(), why: why.clone() })
            }
            Self::Unqualified => Err(self.refuse("restricted")),
        }
    }

    pub fn withdraw(&self) -> Result<Self, Illegal> {
        match self {
            Self::Qualified | Self::Restricted { .. } => Ok(Self::Unqualified),
            Self::Unqualified => Err(self.refuse("withdrawn")),
        }
    }

    pub fn after(&self, step: &Step) -> Result<Self, Illegal> {
        match step {
            Step::Qualified => self.qualify(),
            Step::Restricted { uses, why } => self.restrict(uses, why),
            Step::Withdrawn { .. } => self.withdraw(),
            Step::CalibrationDue { .. } | Step::Maintained { .. } => Ok(self.clone()),
        }
    }
}

/// An entry of a printer's maintenance log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    pub printer: PrinterName,
    /// 1, 2, 3 … within the printer.
    pub number: u32,
    pub what: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u16>,
    pub by: String,
    pub at: WallTime,
}

/// A phantom that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phantom {
    pub inspection: InspectionId,
    pub passed: bool,
    /// The `seq` of its event: what was begun behind it is younger.
    pub seq: u64,
    pub at: WallTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qualification {
    pub printer: PrinterName,
    pub state: QualificationState,
    pub calibration_due: Option<Day>,
    pub last: Option<Phantom>,
    /// The last that passed.
    pub last_good: Option<Phantom>,
}

impl Qualification {
    pub fn new(printer: PrinterName) -> Self {
        Self {
            printer,
            state: QualificationState::default(),
            calibration_due: None,
            last: None,
            last_good: None,
        }
    }
}
