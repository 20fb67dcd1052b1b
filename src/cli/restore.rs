//! `platen restore`: an empty state folder becomes the one of a backup. The daemon must not run there.

use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

use super::{Failed, Global, show};
use crate::domain::ids::BootId;
use crate::io::clock::{Clock, entropy};
use crate::services::restore::{Done, restore};
use crate::services::vault_desk::FOLDER;

#[derive(Debug, Args)]
pub struct Restore {
    /// A folder that `platen backup` made, or a file that `platen audit export` made.
    pub from: PathBuf,
    /// The state folder to make; it must not be there yet, or be empty.
    #[arg(long, value_name = "STATE_DIR")]
    pub into: PathBuf,
    /// Who restores; it stands in the journal then.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Serialize)]
struct Restored {
    path: String,
    entries: u64,
    head: String,
    files: u64,
    records: u64,
    missing: Vec<String>,
    missing_records: Vec<String>,
}

impl Restore {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let stamp = Clock::start(BootId::from_entropy(entropy())).stamp();
        let done = restore(&self.from, &self.into, self.by.as_deref(), stamp)
            .map_err(|error| Failed::Finding(error.to_string()))?;
        let Done { entries, head, files, records, missing, missing_records } = done;
        let path = self.into.display().to_string();
        if global.json {
            let missing = missing.iter().map(ToString::to_string).collect();
            let missing_records = missing_records.iter().map(ToString::to_string).collect();
            let head = head.to_hex();
            return show::json(&Restored { path, entries, head, files, records, missing, missing_records });
        }
        show::line(&format!("{path}: {entries} entries, head {}, {files} files", head.to_hex()));
        if records > 0 {
            show::line(&format!(
                "{records} sealed records of the vault; put the key file back where the configuration has it"
            ));
        }
        for file in missing {
            show::line(&format!(
                "  file {file} of a job or an inspection is not in the copy; upload it again"
            ));
        }
        for case in missing_records {
            show::line(&format!(
                "  the sealed record of case {case} is not in the copy; put it into {} from another backup, or enter the case again",
                self.into.join(FOLDER).display()
            ));
        }
        show::line(
            "every printer is locked until somebody has looked at it (`platen stop --clear PRINTER --by NAME`),",
        );
        show::line(
            "and no job from the copy begins before somebody says so (`platen jobs --start JOB --by NAME`)",
        );
        Ok(())
    }
}
