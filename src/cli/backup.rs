//! `platen backup`: a copy of journal and files, while the daemon runs; all of it or nothing.
//!
//! The daemon only reads; who runs this writes, as whoever they are. What arrives is checked like a
//! stranger's before it gets its name.

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::{Client, Failed, Global, show};
use crate::domain::ids::{BootId, CaseToken, FileHash, hex};
use crate::domain::lab::Lab;
use crate::io::clock::{Clock, entropy};
use crate::io::durable::{new_file, new_folder, rename_new, sync_tree};
use crate::io::vault::sealed_version;
use crate::services::archive;
use crate::services::restore::{
    Absent, FILES, FORMAT, JOURNAL, MANIFEST, Manifest, RECORD_SUMS, RECORDS, Records, RestoreError, SUMS,
    keep_file,
};

#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to make; it must not be there yet.
    pub dest: PathBuf,
}

#[derive(Serialize)]
struct Made<'a> {
    path: String,
    bytes: u64,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

/// A folder that goes away unless it was given its name.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

pub(super) fn cannot_write(path: &Path, error: std::io::Error) -> Failed {
    Failed::Finding(format!("{} cannot be written: {error}; nothing was kept", path.display()))
}

/// The path beside `dest` under which something is made before it is whole.
pub(super) fn beside(dest: &Path) -> Result<PathBuf, Failed> {
    let given = dest.display();
    let Some(name) = dest.file_name() else {
        return Err(Failed::Usage(format!(
            "{given} is no name for something new; give one that does not end in .."
        )));
    };
    if dest.symlink_metadata().is_ok() {
        return Err(Failed::Finding(format!(
            "{given} is there already; nothing is written over, give a new name"
        )));
    }
    Ok(dest.with_file_name(format!(".{}.part-{}", name.to_string_lossy(), hex(&entropy()[..4]))))
}

/// Fetches the journal into a new file and checks it.
pub(super) fn fetch_journal(client: &Client, path: &Path) -> Result<archive::Whole, Failed> {
    let mut file = new_file(path).map_err(|error| cannot_write(path, error))?;
    client.download("/v1/journal", &mut file)?;
    file.sync_all().map_err(|error| cannot_write(path, error))?;
    let file = std::fs::File::open(path).map_err(|error| cannot_write(path, error))?;
    archive::read(&mut std::io::BufReader::new(file), |_, _| Ok::<_, archive::ArchiveError>(())).map_err(|error| {
        Failed::Finding(format!(
            "what the daemon gave is not a whole journal ({error}); nothing was kept: look at `platen audit` and at the daemon's log"
        ))
    })
}

impl Backup {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let part = beside(&self.dest)?;
        new_folder(&part).map_err(|error| cannot_write(&part, error))?;
        let mut unfinished = Unfinished(Some(part.clone()));
        let (manifest, bytes) = fill(&client, &part)?;
        sync_tree(&part).map_err(|error| cannot_write(&part, error))?;
        rename_new(&part, &self.dest).map_err(|error| cannot_write(&self.dest, error))?;
        unfinished.0 = None;
        let path = self.dest.display().to_string();
        if global.json {
            show::json(&Made { path: path.clone(), bytes, manifest: &manifest })?;
        } else {
            let Manifest { entries, head, files, vault, .. } = &manifest;
            let sealed =
                vault.as_ref().map(|of| format!(", {} sealed records", of.records)).unwrap_or_default();
            show::line(&format!("{path}: {entries} entries, head {head}, {files} files{sealed}"));
        }
        if manifest.absent.is_empty() {
            return Ok(());
        }
        for Absent { file, why } in &manifest.absent {
            eprintln!("platen: {file} is not in it: {why}");
        }
        Err(Failed::Finding(format!(
            "the backup is kept, but {} things are damaged or gone; upload files again, or look for them in an older backup, and take another one for records that have changed",
            manifest.absent.len()
        )))
    }
}

fn fill(client: &Client, part: &Path) -> Result<(Manifest, u64), Failed> {
    // The journal first: a file is there before the journal names it.
    let whole = fetch_journal(client, &part.join(JOURNAL))?;
    let listed: Vec<String> = client.get("/v1/files")?;
    let mut wanted: BTreeSet<FileHash> = listed.iter().filter_map(|name| name.parse().ok()).collect();
    wanted.extend(whole.lab.files().cloned());
    let files = part.join(FILES);
    new_folder(&files).map_err(|error| cannot_write(&files, error))?;
    let (mut sums, mut absent, mut bytes, mut kept) = (String::new(), Vec::new(), 0, 0);
    for file in &wanted {
        let fetched = client.open(&format!("/v1/files/{file}/content"));
        let outcome = match fetched {
            Ok(mut source) => match keep_file(&files, file, &mut source) {
                Ok(length) => Ok(length),
                Err(RestoreError::File { .. }) => {
                    Err("it was changed on the disk since it was uploaded".to_owned())
                }
                Err(error) => return Err(Failed::Finding(format!("{error}; nothing was kept"))),
            },
            Err(Failed::Problem(problem)) => Err(problem.detail.clone()),
            Err(failed) => return Err(failed),
        };
        match outcome {
            Ok(length) => {
                (bytes, kept) = (bytes + length, kept + 1);
                sums.push_str(&format!("{file}  {FILES}/{file}\n"));
            }
            Err(why) => absent.push(Absent { file: file.to_string(), why }),
        }
    }
    let vault = fill_vault(client, part, &whole.lab, &mut absent)?;
    let manifest = Manifest {
        vault,
        platen_backup: FORMAT,
        made: Clock::start(BootId::from_entropy(entropy())).wall().to_string(),
        entries: whole.entries,
        head: whole.head.to_hex(),
        files: kept,
        files_sha256: hex(&Sha256::digest(sums.as_bytes())),
        absent,
    };
    write(&part.join(SUMS), sums.as_bytes())?;
    let json = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| Failed::Finding(format!("the backup's list cannot be written: {error}")))?;
    write(&part.join(MANIFEST), &json)?;
    Ok((manifest, bytes))
}

/// The sealed records, of the versions that the journal's copy knows: another one would not open.
fn fill_vault(
    client: &Client,
    part: &Path,
    lab: &Lab,
    absent: &mut Vec<Absent>,
) -> Result<Option<Records>, Failed> {
    let kept: Vec<(&CaseToken, u64)> = lab
        .cases
        .iter()
        .filter_map(|(case, of)| {
            of.identifiers.as_ref().filter(|of| of.seal.is_some()).map(|of| (case, of.version))
        })
        .collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let folder = part.join(RECORDS);
    new_folder(&folder).map_err(|error| cannot_write(&folder, error))?;
    let (mut sums, mut records) = (String::new(), 0);
    for (case, version) in kept {
        let why = match client.open(&format!("/v1/vault/records/{case}")) {
            Ok(mut source) => {
                let mut record = Vec::new();
                source.read_to_end(&mut record).map_err(|error| {
                    Failed::Finding(format!("a record broke off: {error}; nothing was kept: try again"))
                })?;
                match sealed_version(&record) {
                    Some(found) if found == version => {
                        write(&folder.join(case.as_str()), &record)?;
                        let hash = FileHash::from_digest(Sha256::digest(&record).into());
                        sums.push_str(&format!("{hash}  {RECORDS}/{case}\n"));
                        records += 1;
                        continue;
                    }
                    Some(_) => "it was written anew while the backup was made; take another one".to_owned(),
                    None => "it is damaged".to_owned(),
                }
            }
            Err(Failed::Problem(problem)) => problem.detail.clone(),
            Err(failed) => return Err(failed),
        };
        absent.push(Absent { file: format!("{RECORDS}/{case}"), why });
    }
    write(&part.join(RECORD_SUMS), sums.as_bytes())?;
    Ok(Some(Records { records, sha256: hex(&Sha256::digest(sums.as_bytes())) }))
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failed> {
    new_file(path).and_then(|mut file| file.write_all(content)).map_err(|error| cannot_write(path, error))
}
