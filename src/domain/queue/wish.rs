//! What people want of a waiting job, and when a printer is away.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{JobId, PrinterName};
use crate::domain::moment::WallTime;
use crate::domain::quality::case::Priority;

/// What a held job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    Material,
    Approval,
    Question,
    Printer,
    Other,
}

impl HoldReason {
    pub const ALL: [Self; 5] = [Self::Material, Self::Approval, Self::Question, Self::Printer, Self::Other];

    pub fn word(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Approval => "approval",
            Self::Question => "question",
            Self::Printer => "printer",
            Self::Other => "other",
        }
    }

    /// Goes on after "it waits for".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Material => "material",
            Self::Approval => "an approval",
            Self::Question => "an answer to a question",
            Self::Printer => "a printer",
            Self::Other => "something that was not written down",
        }
    }
}

/// Why something is printed once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReprintCause {
    PrintFailed,
    InspectionFailed,
    Damaged,
    Lost,
    AnotherCopy,
}

impl ReprintCause {
    pub const ALL: [Self; 5] =
        [Self::PrintFailed, Self::InspectionFailed, Self::Damaged, Self::Lost, Self::AnotherCopy];

    pub fn word(self) -> &'static str {
        match self {
            Self::PrintFailed => "print_failed",
            Self::InspectionFailed => "inspection_failed",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::AnotherCopy => "another_copy",
        }
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Self::PrintFailed => "its print failed",
            Self::InspectionFailed => "its inspection failed",
            Self::Damaged => "it was damaged",
            Self::Lost => "it was lost",
            Self::AnotherCopy => "another copy is wanted",
        }
    }
}

/// One thing that somebody wants of a waiting job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Wanted {
    /// Absent: that of its case.
    Priority { priority: Option<Priority> },
    /// When its print has to have ended; absent: as its case says.
    Due { at: Option<WallTime> },
    /// Absent: it goes on. `ended` is platen's then: who held it, and for what.
    Held {
        reason: Option<HoldReason>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<(String, HoldReason)>,
    },
    /// The only printer; absent: any that fits.
    Pinned { printer: Option<PrinterName> },
    /// Material and bed are ready for it there; absent: they are not any more.
    Prepared { printer: Option<PrinterName> },
    /// Its place among those that are equally urgent (`queue::place`); absent: as it came.
    Place { at: Option<u64> },
}

impl Wanted {
    pub fn in_words(&self) -> String {
        match self {
            Self::Priority { priority: None } => "as urgent as its case".into(),
            Self::Priority { priority: Some(Priority::Routine) } => "routine".into(),
            Self::Priority { priority: Some(Priority::Urgent) } => "urgent".into(),
            Self::Priority { priority: Some(Priority::Emergency) } => "an emergency".into(),
            Self::Due { at: None } => "due as its case says".into(),
            Self::Due { at: Some(at) } => format!("due at {at}"),
            Self::Held { reason: None, ended: None } => "not held any more".into(),
            Self::Held { reason: None, ended: Some((by, reason)) } => {
                format!("not held any more; {by} held it, since it waited for {}", reason.in_words())
            }
            Self::Held { reason: Some(reason), .. } => format!("held: it waits for {}", reason.in_words()),
            Self::Pinned { printer: None } => "for any printer that fits".into(),
            Self::Pinned { printer: Some(printer) } => format!("for {printer} only"),
            Self::Prepared { printer: None } => "not prepared any more".into(),
            Self::Prepared { printer: Some(printer) } => format!("prepared on {printer}"),
            Self::Place { at: None } => "in the order in which it came".into(),
            Self::Place { at: Some(_) } => "moved in the queue".into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub reason: HoldReason,
    pub by: String,
    pub at: WallTime,
}

/// All that is wanted of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<WallTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<PrinterName>,
    /// Who has prepared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprints: Option<(JobId, ReprintCause)>,
    /// The deadline that people were told it will miss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<WallTime>,
}

impl Wish {
    pub(super) fn take(&mut self, wanted: &Wanted, by: &str, at: WallTime) {
        match wanted {
            Wanted::Priority { priority } => self.priority = *priority,
            Wanted::Due { at } => self.due = *at,
            Wanted::Held { reason, .. } => {
                self.held = reason.map(|reason| Held { reason, by: by.to_owned(), at });
            }
            // The job itself has it. What was prepared elsewhere is in vain.
            Wanted::Pinned { printer } => {
                if printer.is_some() && *printer != self.prepared {
                    (self.prepared, self.prepared_by) = (None, None);
                }
            }
            Wanted::Prepared { printer } => {
                self.prepared = printer.clone();
                self.prepared_by = printer.is_some().then(|| by.to_owned());
            }
            Wanted::Place { at } => self.place = *at,
        }
    }
}

/// A printer is away from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    pub from: WallTime,
    pub until: WallTime,
}
