//! `platen audit`: is the journal whole? Exit code 0 yes, 1 no. And the journal as lines of JSON.

use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

use super::backup::{beside, cannot_write, fetch_journal};
use super::{Client, Failed, Global, show};
use crate::api::shapes::AuditView;
use crate::io::durable::rename_new;
use crate::services::restore::examine;

#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    pub what: Option<What>,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Check every link of the chain: the daemon's, or that of a copy, and then its files too.
    Verify {
        /// A folder that `platen backup` made, or a file of `platen audit export`; no daemon is asked then.
        copy: Option<PathBuf>,
    },
    /// Write the journal as lines of JSON; `platen restore` takes it back.
    Export {
        /// The file to make; it must not be there yet.
        to: PathBuf,
    },
}

impl Audit {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        match self.what {
            None | Some(What::Verify { copy: None }) => of_daemon(global),
            Some(What::Verify { copy: Some(copy) }) => of_copy(global, &copy),
            Some(What::Export { to }) => export(global, &to),
        }
    }
}

fn intact(global: &Global, entries: u64, head: String, files: Option<usize>) -> Result<(), Failed> {
    if global.json {
        return show::json(&AuditView {
            intact: true,
            entries: Some(entries),
            head: Some(head),
            finding: None,
        });
    }
    let files = files.map(|files| format!(", {files} files")).unwrap_or_default();
    show::line(&format!("intact: {entries} entries, head {head}{files}"));
    Ok(())
}

fn of_daemon(global: &Global) -> Result<(), Failed> {
    let found: AuditView = Client::new(global)?.get("/v1/audit")?;
    match (found.intact, found.entries, &found.head) {
        (true, Some(entries), Some(head)) => intact(global, entries, head.clone(), None),
        _ => {
            if global.json {
                show::json(&found)?;
            }
            Err(Failed::Finding(format!(
                "the journal is NOT intact: {}",
                found.finding.unwrap_or_else(|| "no reason was given".into())
            )))
        }
    }
}

fn of_copy(global: &Global, copy: &Path) -> Result<(), Failed> {
    match examine(copy) {
        Ok(copy) => intact(global, copy.whole.entries, copy.whole.head.to_hex(), Some(copy.kept.len())),
        Err(error) => {
            let finding = error.to_string();
            if global.json {
                show::json(&AuditView {
                    intact: false,
                    entries: None,
                    head: None,
                    finding: Some(finding.clone()),
                })?;
            }
            Err(Failed::Finding(format!("the copy is NOT intact: {finding}")))
        }
    }
}

fn export(global: &Global, to: &Path) -> Result<(), Failed> {
    let client = Client::new(global)?;
    let part = beside(to)?;
    let outcome = fetch_journal(&client, &part)
        .and_then(|whole| rename_new(&part, to).map(|()| whole).map_err(|error| cannot_write(to, error)));
    let whole = outcome.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    intact(global, whole.entries, whole.head.to_hex(), None)
}
