//! A job: one attempt to print one file for one part.
//!
//! ```text
//! Slicing ─▶ Queued ─▶ Printing ◀─▶ Paused
//!    │          │          │           │
//!    │          │          └─────┬─────┘
//!    ▼          ▼                ▼
//! Ended(NotSliced | Cancelled)  Ended(Printed | Cancelled | Interrupted)
//! ```
//! Nothing leaves `Ended`: printing again is a new job.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::case::IntendedUse;
use super::chain::SliceOrder;
use super::heat::Hazard;
use super::ids::{CaseToken, FileHash, JobId, PartId, PrinterName};
use super::moment::{Stamp, WallTime};
use super::printer::{Fault, LineHealth};
use super::units::Height;

/// How far the firmware has confirmed, in commands of the file (comments and blank lines do not count).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub confirmed: u64,
    pub total: u64,
}

impl Progress {
    /// 0.0 to 100.0
    pub fn percent(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        self.confirmed as f64 * 100.0 / self.total as f64
    }
}

/// Why a job that had begun did not come to its end, where nobody asked for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Interruption {
    /// The daemon ended while the job was running; found at the next start.
    DaemonEnded,
    /// The port vanished.
    Unplugged,
    /// The board started anew: position and heat are gone.
    PrinterReset,
    /// The printer stopped answering.
    Silence,
    /// The firmware's line count cannot be brought together with ours.
    LineCountLost,
    /// One line was refused again and again.
    Noise,
    /// Answers are missing, and the firmware cannot say whether their lines are.
    Unaccounted,
    /// Emergency stop.
    Stopped,
    /// The firmware halted.
    Fault { fault: Fault },
    /// The job's file could not be read to its end.
    FileUnreadable,
    /// The job's file is not there any more as it was uploaded.
    FileChanged,
    /// The file has a command that this printer's profile does not allow.
    NotAllowed,
    /// platen, or the cable, was away while the job was running, came back, and it is not proven that it may go on.
    NotContinued { unproven: Unproven },
    /// The layers of a resin print could not be lit as they were to be: it is dark, and the plate was raised where it
    /// was known where that is.
    Exposure { fault: ExposureFault },
    /// A board that prints a file by itself did not print it to its end, or nobody knows whether it did.
    Board { fault: BoardFault },
}

/// What went wrong between layers and light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureFault {
    BoardSilent,
    /// The plate is not where it was sent.
    Elsewhere,
    /// The board tells a place where no plate can be.
    OutOfReach,
    /// The board refused or misread a line.
    Board,
    DisplaySilent,
    /// The display showed another picture than was asked for.
    WrongMask,
    Display,
    /// A layer was lit longer or shorter than planned.
    Timing,
    LidOpen,
    LightTooHot,
}

impl ExposureFault {
    pub const ALL: [Self; 10] = [
        Self::BoardSilent,
        Self::Elsewhere,
        Self::OutOfReach,
        Self::Board,
        Self::DisplaySilent,
        Self::WrongMask,
        Self::Display,
        Self::Timing,
        Self::LidOpen,
        Self::LightTooHot,
    ];

    pub fn in_words(self) -> &'static str {
        match self {
            Self::BoardSilent => {
                "the board did not confirm a step in time: look at its light, its cable and its power"
            }
            Self::Elsewhere => "the plate is not where it was sent: look at it before anything moves",
            Self::OutOfReach => {
                "the board tells a position that its plate cannot have: look at it before anything moves"
            }
            Self::Board => "the board refused or misread a line of a layer: look at its cable",
            Self::DisplaySilent => {
                "the display did not confirm a picture in time: look at its cable and power"
            }
            Self::WrongMask => "the display showed another picture than its layer's",
            Self::Display => "the display failed: look at its cable and power",
            Self::Timing => "a layer was lit longer or shorter than planned",
            Self::LidOpen => "the cover was opened",
            Self::LightTooHot => "the light became too hot: look at its fan",
        }
    }
}

/// Why a file that a board was to print from a stick of its own is not known to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoardFault {
    /// The stick was filled by nobody: the folder, the image or the port did not take the file.
    NotDelivered,
    /// Another file has its name.
    WrongSize,
    FileMissing,
    NoStick,
    /// It prints something else, or did when it was to begin.
    OtherFile,
    /// It was told to begin, and says that it does not print.
    RefusedStart,
    /// It does not tell whether it prints, or which file.
    TellsNothing,
    /// The stick went in mid-print.
    StickGone,
    EndedEarly,
    /// It was not heard for a while, and does not print any more.
    SilentAtEnd,
    /// platen was away, or the cable.
    EndedAway,
}

impl BoardFault {
    pub const ALL: [Self; 11] = [
        Self::NotDelivered,
        Self::WrongSize,
        Self::FileMissing,
        Self::NoStick,
        Self::OtherFile,
        Self::RefusedStart,
        Self::TellsNothing,
        Self::StickGone,
        Self::EndedEarly,
        Self::SilentAtEnd,
        Self::EndedAway,
    ];

    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotDelivered => "the file did not get onto the board's stick: the log says why",
            Self::WrongSize => {
                "a file of the same name and another size is on the board's stick: copy it anew, or look whose stick it is"
            }
            Self::FileMissing => "the file is not on the board's stick: look whether the right one is in",
            Self::NoStick => "the board cannot read its stick: put it in, or format it as FAT32",
            Self::OtherFile => "the board prints another file: look at it, and at its stick",
            Self::RefusedStart => {
                "the board was told to begin and says that it does not print: look at its panel"
            }
            Self::TellsNothing => "the board does not tell what it prints, so no print of it can be believed",
            Self::StickGone => {
                "the stick was taken out, or could not be read any more, in the middle of the print"
            }
            Self::EndedEarly => {
                "the board stopped before its file's end, and nobody knows why: look at the part"
            }
            Self::SilentAtEnd => {
                "the board was not heard for a while and does not print any more: look whether the part is whole"
            }
            Self::EndedAway => {
                "the board stopped while platen or the cable was away: look whether the part is whole"
            }
        }
    }
}

/// What platen does with a job that was running when it ended, once all is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    Continue,
    /// Holds it for a bounded time, and asks a person.
    Ask,
    Interrupt,
}

/// What could not be proven of a job that was running when platen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// The configuration says that jobs of this use are not continued.
    Policy,
    /// Nothing usable was kept, or the machine has started anew since.
    NoRecord,
    /// A pause or its end was under way.
    Unsteady,
    /// The board did not tell which line it has.
    Silent,
    /// The line that it has is none that this job can have sent.
    Count,
    /// It is not this printer's board, or may not be.
    Board,
    Position,
    Targets,
    /// A heater is far below its target.
    Heat,
    /// The file cannot be read.
    File,
    /// It was held for its time, and nobody answered.
    Unanswered,
}

impl Unproven {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Policy => "the configuration says that jobs of this use are not continued",
            Self::NoRecord => "what was kept of it is not there, or is of another start of this machine",
            Self::Unsteady => "it was paused, began, or was on its way out",
            Self::Silent => "the printer did not tell which line it has",
            Self::Count => "the printer has a line that this job cannot have sent",
            Self::Board => "its board was not recognised",
            Self::Position => "its position is not the one of the file",
            Self::Targets => "its heaters have other targets than the file set",
            Self::Heat => "a heater is far below its target",
            Self::File => "the job's file could not be read",
            Self::Unanswered => "nobody said in time whether to go on",
        }
    }
}

impl Interruption {
    pub fn in_words(&self) -> String {
        match self {
            Self::DaemonEnded => "platen ended while the job was running".into(),
            Self::Unplugged => "the printer's port vanished (cable, power, or adapter)".into(),
            Self::PrinterReset => "the printer started anew: its position and heat are gone".into(),
            Self::Silence => "the printer stopped answering".into(),
            Self::LineCountLost => {
                "the printer's line count went back or jumped: it was reset, or something else talks to it"
                    .into()
            }
            Self::Noise => {
                "one line was refused again and again: cable, electrical noise, or the wrong baud rate".into()
            }
            Self::Unaccounted => {
                "an answer of the printer is missing, and its firmware cannot tell whether the line was lost or only the answer"
                    .into()
            }
            Self::Stopped => "emergency stop".into(),
            Self::Fault { fault } => fault.in_words().into(),
            Self::FileUnreadable => "the job's file could not be read to its end".into(),
            Self::FileChanged => {
                "what is stored of its file is not what was uploaded any more; upload it again, and queue it anew".into()
            }
            Self::NotAllowed => {
                "the file has a command that this printer's profile does not allow; see docs/commands.md".into()
            }
            Self::NotContinued { unproven } => {
                let unproven = unproven.in_words();
                format!("platen or the cable was away while the job was running, and it could not go on: {unproven}")
            }
            Self::Exposure { fault } => fault.in_words().into(),
            Self::Board { fault } => fault.in_words().into(),
        }
    }
}

/// Who asks, where it is somebody at the printer itself.
pub const PANEL: &str = "the printer panel";

/// Why a job was paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PauseReason {
    Person {
        by: String,
    },
    /// Somebody at the printer's own panel, or a sensor of it.
    Panel,
    /// The file says so (`M0`); `command` is its place among the file's commands.
    File {
        command: u64,
    },
    /// The firmware waits for a person: a change of filament, a question.
    Printer,
    /// The firmware misses filament.
    Runout,
    /// On the way back to the part, the head was not where it was told to be.
    Astray,
    /// Something was wrong with a heater.
    Heat {
        hazard: Hazard,
    },
    /// platen, or the cable, was away and came back; all is proven, and a person says whether to go on.
    Restart,
    /// The vat does not hold enough for all layers, and is refilled here.
    Refill,
    /// Written by a platen that noted no reason.
    #[default]
    Unknown,
}

impl PauseReason {
    /// The word that stands in MQTT.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Panel => "panel",
            Self::File { .. } => "file",
            Self::Printer => "printer",
            Self::Runout => "runout",
            Self::Astray => "astray",
            Self::Heat { .. } => "heat",
            Self::Restart => "restart",
            Self::Refill => "refill",
            Self::Unknown => "unknown",
        }
    }

    pub fn in_words(&self) -> String {
        match self {
            Self::Person { by } => format!("paused by {by}"),
            Self::Panel => "paused at the printer's own panel".into(),
            Self::File { command } => format!("the file asks for a pause (its command {command})"),
            Self::Printer => "the printer waits for a person".into(),
            Self::Runout => "the printer has run out of filament".into(),
            Self::Astray => {
                "the head is not where it was told to be: somebody or something has moved it".into()
            }
            Self::Heat { hazard } => format!("paused because of heat: {}", hazard.fault().in_words()),
            Self::Restart => {
                "platen has started anew, or the cable was out; nothing was lost, and a person says whether it goes on"
                    .into()
            }
            Self::Refill => "the vat is to be refilled before the next layer".into(),
            Self::Unknown => "paused".into(),
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The firmware confirmed every line and the trailer. `digest` is over the confirmed commands;
    /// `exact` says that it equals the digest computed from the file.
    Printed {
        digest: FileHash,
        exact: bool,
    },
    Cancelled {
        by: String,
    },
    Interrupted {
        why: Interruption,
    },
    /// Nothing that may be printed was made of its model; the words say why.
    NotSliced {
        why: String,
    },
}

impl Outcome {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Printed { .. } => "printed",
            Self::Cancelled { .. } => "cancelled",
            Self::Interrupted { .. } => "interrupted",
            Self::NotSliced { .. } => "not_sliced",
        }
    }
}

/// Where and since when a job runs, or ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub printer: PrinterName,
    pub started: WallTime,
    pub progress: Progress,
    /// How the line did for this job; known at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Box<LineHealth>>,
    /// It was paused when it ended: the head may be away from the part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    /// A file is being made of its model.
    Slicing {
        order: Box<SliceOrder>,
    },
    Queued,
    Printing {
        run: Run,
    },
    Paused {
        run: Run,
        #[serde(default)]
        reason: PauseReason,
    },
    /// `run` is absent where the job never began.
    Ended {
        run: Option<Run>,
        ended: WallTime,
        outcome: Outcome,
    },
}

impl JobState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Slicing { .. } => "slicing",
            Self::Queued => "queued",
            Self::Printing { .. } => "printing",
            Self::Paused { .. } => "paused",
            Self::Ended { outcome, .. } => outcome.word(),
        }
    }

    /// As a person is told.
    pub fn in_words(&self) -> &'static str {
        match self {
            Self::Ended { outcome: Outcome::NotSliced { .. }, .. } => "not sliced",
            _ => self.word(),
        }
    }

    /// What can be done with a job in this state, for whoever wanted something else.
    pub fn todo(&self) -> &'static str {
        match self {
            Self::Slicing { .. } => "wait until it is queued, or cancel it",
            Self::Queued => "start it, or cancel it",
            Self::Printing { .. } => "pause it or cancel it, or wait until it is over",
            Self::Paused { .. } => "resume it, or cancel it",
            Self::Ended { outcome, .. } => match outcome {
                Outcome::Printed { .. } | Outcome::Cancelled { .. } => {
                    "it is over: queue its file anew for another print"
                }
                Outcome::Interrupted { .. } => {
                    "it is over: queue its file anew, or go on with its part by a resume file"
                }
                Outcome::NotSliced { .. } => "it is over: slice its model anew",
            },
        }
    }

    pub fn run(&self) -> Option<&Run> {
        match self {
            Self::Slicing { .. } | Self::Queued => None,
            Self::Printing { run } | Self::Paused { run, .. } => Some(run),
            Self::Ended { run, .. } => run.as_ref(),
        }
    }

    /// On a printer now, as far as the journal knows.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Printing { .. } | Self::Paused { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub case: CaseToken,
    pub part: PartId,
    /// What is printed; until it is sliced, its model.
    pub file: FileHash,
    /// Commands in the file, and their digest: what "exact" is measured against. Nothing until it is sliced.
    pub commands: u64,
    pub digest: FileHash,
    /// The only printer it may run on, where somebody chose one.
    pub pinned: Option<PrinterName>,
    /// Free words without a patient: "PLA", "clear resin".
    pub material: Option<String>,
    pub queued: WallTime,
    /// Position in the queue: jobs start in the order in which they were accepted.
    pub order: u64,
    /// How many events this job has: the last one's `job_seq`.
    pub events: u64,
    pub state: JobState,
    /// Somebody is at a printer to begin it; forgotten when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
    /// A person has cancelled it, and it has not left its printer yet: however it ends now, it is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelling: Option<String>,
    /// What was kept of it is wrong: nobody goes on with it after a crash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trail_lost: bool,
    /// Where it went on after platen had ended: the part wants an extra look there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continued: Vec<Continued>,
    /// Files that were made to go on with its part, after it was interrupted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resume_files: Vec<ResumeFile>,
    /// It goes on with the part of another job: the part wants an extra look there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<Resumes>,
    /// Which attempt at its part it is, or goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

impl Job {
    /// Else it is a model still, or was never more. No file that can be printed is without commands.
    pub fn has_file(&self) -> bool {
        self.commands > 0
    }
}

/// What a person may do to a job that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    Cancel,
}

impl Change {
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Cancel => "cancelled",
        }
    }
}

/// A file that goes on with an interrupted job's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeFile {
    pub file: FileHash,
    /// The layer of the job's own file with which it goes on, from 1.
    pub layer: u32,
    /// How high the nozzle is to stand when it begins.
    pub height: Height,
    pub by: String,
    pub at: WallTime,
}

/// Which part a job goes on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumes {
    pub job: JobId,
    pub layer: u32,
    pub height: Height,
}

/// No job has more: it must fit into one value of the store, and none may ever be forgotten, since its file would
/// then begin on an empty bed.
pub const RESUME_FILES_MAX: usize = 4;

/// A place at which a job went on with the very next line after a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// The command of the file with which it went on.
    pub command: u64,
    /// Counted from 1 by the heights at which filament was laid; 0 before the first.
    pub layer: u32,
    /// From the last sign of the platen before, at most this long.
    pub gap_ms: u64,
    pub at: WallTime,
}

/// A job that goes on more often keeps the latest: it must fit into one value of the store.
pub const CONTINUED_MAX: usize = 12;

/// A person said "begin it now, I am there".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    pub printer: PrinterName,
    pub by: String,
    pub stamp: Stamp,
}

/// So long after they said so, a person is believed to be at the printer.
const RELEASE_HOLDS: Duration = Duration::from_secs(10 * 60);

impl Released {
    /// Not for another printer, nor for later, nor after a restart of platen.
    pub fn holds(&self, printer: &PrinterName, now: &Stamp) -> bool {
        self.printer == *printer
            && self.stamp.boot == now.boot
            && now.mono.since(self.stamp.mono) <= RELEASE_HOLDS
    }
}

/// Why a job does not begin by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    /// `unattended = false` of the printer.
    Printer,
    /// What its case is for is among `attended_uses`.
    Use(IntendedUse),
    /// The firmware says that it does not watch its heaters.
    Unprotected,
    /// It was queued before the journal was restored from a copy: it may have been printed since.
    Restored,
    /// It goes on with a part, and only somebody there sees how that and the nozzle stand.
    Resumes,
}

impl Attended {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Printer => "the configuration says so of this printer",
            Self::Use(IntendedUse::Diagnostic) => "the configuration says so of diagnostic parts",
            Self::Use(IntendedUse::Guide) => "the configuration says so of guides",
            Self::Use(IntendedUse::Education) => "the configuration says so of parts for education",
            Self::Unprotected => "its firmware does not watch its heaters (THERMAL_PROTECTION:0)",
            Self::Resumes => {
                "it goes on with a part, which has to stand firm under the nozzle as it was told"
            }
            Self::Restored => "the journal was restored from a copy, and this may have been printed since",
        }
    }
}
