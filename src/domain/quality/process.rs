//! How parts are made: what the site's catalogue of processes said, version by version, as the journal keeps it.
//!
//! The catalogue is a file that people change. What a case was produced by has to be known after that too, so platen
//! itself writes down each content that it finds there; a person cannot ask for it.

use serde::{Deserialize, Serialize};

use super::words::{Label, Words};
use super::{Quality, following};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{FileHash, ProcessName};
use crate::domain::moment::WallTime;

/// One process as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub name: ProcessName,
    /// 1, 2, 3 …; platen's: what a request has there does not count.
    #[serde(default)]
    pub version: u32,
    /// Of its whole definition in the catalogue, which has the hash of the profile in it: another content has another.
    pub sha256: FileHash,
    pub printer_model: ProcessName,
    pub technology: Words<16>,
    pub material: Label,
    pub quality: Words<16>,
    /// The profile's file, its version, and the SHA-256 of its content.
    pub profile: Words<68>,
    pub profile_version: u32,
    pub profile_sha256: FileHash,
    pub slicer: Words<24>,
    pub slicer_version: Words<24>,
    /// Thousandths of a millimetre; absent where the profile could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_micrometres: Option<u32>,
    /// What its parts were found good enough for.
    pub validated_for: Vec<IntendedUse>,
}

/// One version of a process, and since when it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownProcess {
    pub process: Process,
    pub since: WallTime,
    /// When it was in the catalogue no more, without another content in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<WallTime>,
}

impl Quality {
    /// The newest version of a process, also where it is gone.
    pub fn newest_process(&self, name: &ProcessName) -> Option<&KnownProcess> {
        let versions = (name.clone(), 0)..=(name.clone(), u32::MAX);
        self.processes.range(versions).next_back().map(|(_, known)| known)
    }

    /// The version of a process that is in the catalogue, where platen knows one.
    pub fn current_process(&self, name: &str) -> Option<&KnownProcess> {
        let name: ProcessName = name.parse().ok()?;
        self.newest_process(&name).filter(|known| known.gone.is_none())
    }

    /// Whether it says what was known already.
    pub fn is_known(&self, process: &Process) -> bool {
        let newest = self.newest_process(&process.name);
        newest.is_some_and(|known| {
            let layer = known.process.layer_micrometres.is_some() || process.layer_micrometres.is_none();
            known.gone.is_none() && known.process.sha256 == process.sha256 && layer
        })
    }

    pub(super) fn next_version(&self, name: &ProcessName) -> u32 {
        following(self.newest_process(name).map(|known| known.process.version))
    }

    /// The version by which a case is produced, where it was written down.
    pub fn process_of(&self, name: &str, version: Option<u32>) -> Option<&KnownProcess> {
        self.processes.get(&(name.parse().ok()?, version?))
    }
}
