//! The one way in: what is asked for, and what has happened. Both have the same form.

use serde::{Deserialize, Serialize};

use super::inspection::{Found, Instrument, Measured, Template};
use super::nonconformance::About;
use super::printed::Serial;
use super::rules::SiteRules;
use super::{case, lot, nonconformance, part, printed, qualification};
use crate::domain::ids::{CaseToken, InspectionId, JobId, LotId, NonconformanceId, PrinterName};
use crate::domain::lab::Lab;

/// What is to change, or has changed. The names are stored: they may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    Rules {
        rules: SiteRules,
    },
    Case {
        case: CaseToken,
        step: case::Step,
    },
    /// A part of a case, by its number.
    Part {
        case: CaseToken,
        part: u16,
        step: part::Step,
    },
    Printed {
        serial: Serial,
        step: printed::Step,
    },
    /// `found` is platen's: what a request has there does not count.
    Inspection {
        id: InspectionId,
        measured: Box<Measured>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Found>,
    },
    Template {
        template: Box<Template>,
    },
    /// New, or calibrated anew.
    Instrument {
        instrument: Box<Instrument>,
    },
    Lot {
        lot: LotId,
        step: lot::Step,
    },
    Loaded {
        lot: LotId,
        printer: PrinterName,
        slot: u8,
    },
    Unloaded {
        printer: PrinterName,
        slot: u8,
    },
    /// What a job has used of a lot, once for each. `runs_out` is platen's: what a request has there does not count.
    MaterialUsed {
        job: JobId,
        lot: LotId,
        milligrams: u64,
        /// It has come to that by this use, for the first time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        runs_out: Option<lot::RunningOut>,
    },
    Printer {
        printer: PrinterName,
        step: qualification::Step,
    },
    Nonconformance {
        id: NonconformanceId,
        step: nonconformance::Step,
    },
}

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Absent where platen itself does it: material that was used, notices, attempts that are planned.
    pub by: Option<String>,
    pub change: Change,
}

impl Change {
    /// The case that it is of, where it is of one; the lab knows what some changes name by an id alone.
    pub fn case<'a>(&'a self, lab: &'a Lab) -> Option<&'a CaseToken> {
        match self {
            Self::Case { case, .. } | Self::Part { case, .. } => Some(case),
            Self::Printed { serial, .. } => Some(&serial.case),
            Self::Inspection { measured, .. } => measured.subject.serial().map(|serial| &serial.case),
            Self::MaterialUsed { job, .. } => lab.jobs.get(job).map(|job| &job.case),
            Self::Nonconformance { step: nonconformance::Step::Opened { about, .. }, .. } => match about {
                About::Part { serial } => Some(&serial.case),
                About::Case { case } => Some(case),
                About::Lot { .. } | About::Printer { .. } => None,
            },
            Self::Nonconformance { id, .. } => lab.quality.nonconformances.get(id)?.case(),
            Self::Rules { .. }
            | Self::Template { .. }
            | Self::Instrument { .. }
            | Self::Lot { .. }
            | Self::Loaded { .. }
            | Self::Unloaded { .. }
            | Self::Printer { .. } => None,
        }
    }
}

/// What has happened, and who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(flatten)]
    pub change: Change,
}
