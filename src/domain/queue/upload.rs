//! A file that a slicer sent: which, from where, for which printer, and what became of it.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CaseToken, FileHash, JobId, PrinterName, UploadId};
use crate::domain::moment::WallTime;

/// Which kind of button it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Octoprint,
    Prusalink,
    Moonraker,
    /// platen's own API.
    Native,
}

impl Via {
    pub fn word(self) -> &'static str {
        match self {
            Self::Octoprint => "octoprint",
            Self::Prusalink => "prusalink",
            Self::Moonraker => "moonraker",
            Self::Native => "native",
        }
    }
}

/// The case, and the part of it, that came along with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    pub case: CaseToken,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u16>,
}

/// A file as it came. Its name is what the guard leaves of the one that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUpload {
    pub id: UploadId,
    pub file: FileHash,
    pub bytes: u64,
    pub name: String,
    pub via: Via,
    /// The printer whose button it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<PrinterName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    /// Something was given as its case that is none; what it was is kept nowhere, for it could be a name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_case: bool,
    /// Whoever sent it wanted it printed.
    pub print: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl NewUpload {
    pub(super) fn taken(&self, at: WallTime) -> Upload {
        let Self { id, file, bytes, name, via, printer, carried, no_case, print, by } = self.clone();
        let state = UploadState::Unassigned;
        Upload { id, file, bytes, name, via, printer, carried, no_case, print, by, at, state }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UploadState {
    /// Nobody has said of which part it is.
    Unassigned,
    Queued {
        job: JobId,
    },
    Dismissed {
        dismissed_by: String,
    },
}

impl UploadState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Queued { .. } => "queued",
            Self::Dismissed { .. } => "dismissed",
        }
    }
}

/// A file that came, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub id: UploadId,
    pub file: FileHash,
    pub bytes: u64,
    pub name: String,
    pub via: Via,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<PrinterName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_case: bool,
    pub print: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub at: WallTime,
    #[serde(flatten)]
    pub state: UploadState,
}

impl Upload {
    /// What lists of slicers call it: its name, and enough of its id that no two are called the same.
    pub fn shown(&self) -> String {
        let short = self.id.as_str().get(..6).unwrap_or_default();
        match self.name.rsplit_once('.') {
            Some((stem, ending)) => format!("{stem}-{short}.{ending}"),
            None => format!("{}-{short}", self.name),
        }
    }
}
