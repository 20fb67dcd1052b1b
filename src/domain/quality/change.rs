//! The one way in: what is asked for, and what has happened. Both have the same form.

use serde::{Deserialize, Serialize};

use super::inspection::{Found, Instrument, Measured, Template};
use super::nonconformance::About;
use super::printed::Serial;
use super::process::Process;
use super::rules::SiteRules;
use super::taken::ReportMade;
use super::{case, lot, nonconformance, part, printed, qualification};
use crate::domain::ids::{CaseToken, InspectionId, JobId, LotId, NonconformanceId, PrinterName, ProcessName};
use crate::domain::lab::Lab;
use crate::domain::people::name::PrintedName;

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
    /// A process is new in the site's catalogue, or another one than it was.
    Process {
        process: Box<Process>,
    },
    /// A process is not in the catalogue any more.
    ProcessGone {
        name: ProcessName,
    },
    /// Somebody took a report.
    ReportMade {
        made: Box<ReportMade>,
    },
}

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Absent where platen itself does it: material that was used, notices, attempts that are planned, processes; and
    /// where nobody said who takes a report.
    pub by: Option<String>,
    pub change: Change,
}

impl Change {
    /// Whether somebody signs by it.
    pub fn is_signed(&self) -> bool {
        use nonconformance::{Disposition, Step::Disposed};
        match self {
            Self::Case { step, .. } => {
                matches!(step, case::Step::Approved { .. } | case::Step::Released { .. })
            }
            Self::Printed { step, .. } => matches!(step, printed::Step::Released { .. }),
            Self::Nonconformance { step, .. } => {
                matches!(step, Disposed { decision: Disposition::UseAsIs { .. }, .. })
            }
            _ => false,
        }
    }

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
            Self::ReportMade { made } => made.parameters.case.as_ref(),
            Self::Rules { .. }
            | Self::Template { .. }
            | Self::Instrument { .. }
            | Self::Lot { .. }
            | Self::Loaded { .. }
            | Self::Unloaded { .. }
            | Self::Process { .. }
            | Self::ProcessGone { .. }
            | Self::Printer { .. } => None,
        }
    }

    /// Whether it keeps apart, or says at once, what may do harm: nothing but its own words may be in its way.
    pub fn keeps_apart(&self) -> bool {
        match self {
            Self::Case { step, .. } => matches!(step, case::Step::Held { .. } | case::Step::Cancelled { .. }),
            Self::Printed { step, .. } => matches!(
                step,
                printed::Step::Rejected { .. }
                    | printed::Step::Scrapped { .. }
                    | printed::Step::Quarantined { .. }
                    | printed::Step::Recalled { .. }
            ),
            Self::Lot { step, .. } => {
                matches!(step, lot::Step::Blocked { .. } | lot::Step::Recalled { .. })
            }
            Self::Printer { step, .. } => {
                matches!(step, qualification::Step::Restricted { .. } | qualification::Step::Withdrawn { .. })
            }
            Self::Nonconformance { step, .. } => matches!(step, nonconformance::Step::Opened { .. }),
            Self::Rules { .. }
            | Self::Part { .. }
            | Self::Inspection { .. }
            | Self::Template { .. }
            | Self::Instrument { .. }
            | Self::Loaded { .. }
            | Self::Unloaded { .. }
            | Self::Process { .. }
            | Self::ProcessGone { .. }
            | Self::ReportMade { .. }
            | Self::MaterialUsed { .. } => false,
        }
    }

    /// The name that it gives to something: made of few signs, and chosen as freely as words are.
    pub fn given_name(&self) -> Option<&str> {
        match self {
            Self::Template { template } => Some(template.name.as_str()),
            Self::Instrument { instrument } => Some(instrument.name.as_str()),
            Self::Rules { .. }
            | Self::Case { .. }
            | Self::Part { .. }
            | Self::Printed { .. }
            | Self::Inspection { .. }
            | Self::Lot { .. }
            | Self::Loaded { .. }
            | Self::Unloaded { .. }
            | Self::MaterialUsed { .. }
            | Self::Printer { .. }
            | Self::Process { .. }
            | Self::ProcessGone { .. }
            | Self::ReportMade { .. }
            | Self::Nonconformance { .. } => None,
        }
    }
}

/// What has happened, and who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Of a signature, where people are set up: the signer's name in full, as it was then (21 CFR 11.50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed_name: Option<PrintedName>,
    #[serde(flatten)]
    pub change: Change,
}
