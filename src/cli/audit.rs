//! `platen audit`: is the journal whole, and is it the one whose head was signed? Exit code 0 yes, 1 no. And the
//! journal as lines of JSON, or a case's part of it in sentences.

use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

use super::backup::{beside, cannot_write, fetch_journal};
use super::client::segment;
use super::{Client, Failed, Global, show};
use crate::api::shapes::{AuditView, TaleView};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::hex;
use crate::io::clock::entropy;
use crate::io::durable::rename_new;
use crate::services::heads::{HeadError, Held, Signer, public_key, signed_heads};
use crate::services::restore::{examine, journal_of, read_entries};

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
        /// A folder of signed heads: the journal must be the one that they were signed of.
        #[arg(long, value_name = "FOLDER", requires = "public_key")]
        heads: Option<PathBuf>,
        /// The file with the public key that `platen audit key` printed.
        #[arg(long, value_name = "FILE", requires = "heads")]
        public_key: Option<PathBuf>,
    },
    /// Tell what happened, entry by entry, without progress.
    Show {
        /// The case's token.
        #[arg(long, value_name = "CASE")]
        case: String,
    },
    /// Make the key that signs the head of each day; prints its public half.
    Key {
        /// The file to make; it must not be there yet. Its owner must be the user that platen runs as.
        to: PathBuf,
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
            None => of_daemon(global),
            Some(What::Verify { copy, heads, public_key }) => {
                match &copy {
                    None => of_daemon(global)?,
                    Some(copy) => of_copy(global, copy)?,
                }
                match (heads, public_key) {
                    (Some(heads), Some(key)) => against(global, copy.as_deref(), &heads, &key),
                    _ => Ok(()),
                }
            }
            Some(What::Export { to }) => export(global, &to),
            Some(What::Show { case }) => tell(global, &case),
            Some(What::Key { to }) => {
                show::line(&Signer::create(&to).map_err(wrong)?.public());
                Ok(())
            }
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

fn wrong(error: HeadError) -> Failed {
    Failed::Finding(error.to_string())
}

/// A file that goes away with its owner.
struct Fetched(PathBuf);

impl Drop for Fetched {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Holds a copy, or the daemon's journal, against signed heads.
fn against(global: &Global, copy: Option<&Path>, heads: &Path, key: &Path) -> Result<(), Failed> {
    let mut held = Held::new(signed_heads(heads, &public_key(key).map_err(wrong)?).map_err(wrong)?);
    let fetched;
    let copy = match copy {
        Some(copy) => &journal_of(copy),
        None => {
            let name = format!("platen-journal-{}", hex(&entropy()));
            fetched = Fetched(std::env::temp_dir().join(name));
            fetch_journal(&Client::new(global)?, &fetched.0)?;
            &fetched.0
        }
    };
    let mut names = None;
    let whole = read_entries(copy, |seq, record| {
        held.entry(seq, record.hash);
        if seq == 1
            && let Ok(Event { fact: Fact::JournalBegun { site, node }, .. }) = record.event(seq)
        {
            names = Some((site, node));
        }
        Ok(())
    })
    .map_err(|error| Failed::Finding(error.to_string()))?;
    let Some((site, node)) = names else {
        return Err(Failed::Finding("the journal does not begin with its site and node".into()));
    };
    let fit = held.end(whole.entries, &site, &node).map_err(wrong)?;
    if !global.json {
        show::line(&format!("{fit} signed heads fit"));
    }
    Ok(())
}

fn tell(global: &Global, case: &str) -> Result<(), Failed> {
    let tale: Vec<TaleView> = Client::new(global)?.get(&format!("/v1/cases/{}/story", segment(case)))?;
    if global.json {
        return show::json(&tale);
    }
    for TaleView { seq, at, who, job, what } in &tale {
        let at = at.get(..19).unwrap_or(at).replace('T', " ");
        let job = job.as_ref().map(|job| format!(" job {job}:")).unwrap_or_default();
        show::line(&show::plain(&format!("{seq:>6}  {at}  {who}:{job} {what}")));
    }
    Ok(())
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
