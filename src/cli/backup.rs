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
use crate::domain::moment::WallTime;
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
    #[arg(required_unless_present = "into")]
    pub dest: Option<PathBuf>,
    /// A folder of backups instead: the new one is named by the time, `platen-2026-11-25T02-30-00Z`.
    #[arg(long, value_name = "FOLDER", conflicts_with = "dest")]
    pub into: Option<PathBuf>,
    /// Of the backups in that folder, only so many of the newest stay, once the new one is whole.
    #[arg(long, value_name = "COUNT", requires = "into", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: Option<u16>,
}

/// What names in a folder of backups begin with.
const NAMED: &str = "platen-";
/// Of a backup that is being taken away.
const GOING: &str = ".platen-going-";

/// `platen-2026-11-25T02-30-00Z`: names in the order of their times, and without what some disks do not take.
fn name_of(now: WallTime) -> String {
    let text = now.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{NAMED}{}Z", seconds.replace(':', "-"))
}

/// Whether a backup of this name was made by `--into`.
fn is_named(name: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00-00-00Z";
    name.strip_prefix(NAMED).is_some_and(|time| {
        let fits = |(found, shape): (u8, &u8)| {
            if *shape == b'0' { found.is_ascii_digit() } else { found == *shape }
        };
        time.len() == SHAPE.len() && time.bytes().zip(SHAPE).all(fits)
    })
}

/// Takes away the oldest backups of `--into` beyond `keep`; nothing else in the folder is touched. Their names.
fn prune(folder: &Path, keep: usize) -> std::io::Result<Vec<String>> {
    let mut named = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(GOING) && entry.file_type()?.is_dir() {
            // A power cut kept it from going.
            std::fs::remove_dir_all(entry.path())?;
        } else if is_named(&name) && entry.file_type()?.is_dir() && entry.path().join(MANIFEST).is_file() {
            named.push(name);
        }
    }
    named.sort_unstable();
    named.truncate(named.len().saturating_sub(keep));
    for name in &named {
        // Half of a backup must not look like one.
        let going = folder.join(format!("{GOING}{name}"));
        std::fs::rename(folder.join(name), &going)?;
        std::fs::remove_dir_all(&going)?;
    }
    Ok(named)
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
        let dest = match (self.dest, &self.into) {
            (Some(dest), _) => dest,
            (None, Some(folder)) => {
                folder.join(name_of(Clock::start(BootId::from_entropy(entropy())).wall()))
            }
            (None, None) => return Err(Failed::Usage("give the folder to make, or --into FOLDER".into())),
        };
        let part = beside(&dest)?;
        new_folder(&part).map_err(|error| cannot_write(&part, error))?;
        let mut unfinished = Unfinished(Some(part.clone()));
        let (manifest, bytes) = fill(&client, &part)?;
        sync_tree(&part).map_err(|error| cannot_write(&part, error))?;
        rename_new(&part, &dest).map_err(|error| cannot_write(&dest, error))?;
        unfinished.0 = None;
        let path = dest.display().to_string();
        if global.json {
            show::json(&Made { path: path.clone(), bytes, manifest: &manifest })?;
        } else {
            let Manifest { entries, head, files, vault, .. } = &manifest;
            let sealed =
                vault.as_ref().map(|of| format!(", {} sealed records", of.records)).unwrap_or_default();
            show::line(&format!("{path}: {entries} entries, head {head}, {files} files{sealed}"));
        }
        if manifest.absent.is_empty() {
            let (Some(folder), Some(keep)) = (&self.into, self.keep) else { return Ok(()) };
            let gone = prune(folder, usize::from(keep)).map_err(|error| {
                Failed::Finding(format!(
                    "the backup is kept, but older ones in {} cannot be taken away: {error}; see to its rights and its disk",
                    folder.display()
                ))
            })?;
            for name in gone {
                eprintln!("platen: {name} is taken away: {keep} newer ones are there");
            }
            return Ok(());
        }
        // An older one may have what this one lacks, so all of them stay.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_named_by_its_time_and_names_sort_as_times_do() {
        let name = name_of(WallTime(1_796_092_200_000));
        assert!(is_named(&name), "{name}");
        assert!(name < name_of(WallTime(1_796_092_201_000)));
        for other in
            ["2026-11-25", "platen-", "platen-2026-11-25T02-30-00Z.old", "platen-2026-11-25T02:30:00Z"]
        {
            assert!(!is_named(other), "{other}");
        }
    }

    #[test]
    fn only_the_oldest_whole_backups_of_ours_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let make = |name: &str, whole: bool| {
            std::fs::create_dir_all(at(name).join(FILES)).unwrap();
            if whole {
                std::fs::write(at(name).join(MANIFEST), "{}").unwrap();
            }
        };
        let day = |day: u8| format!("platen-2026-11-{day:02}T02-30-00Z");
        for number in 1..=5 {
            make(&day(number), true);
        }
        make("2020-01-01", true);
        make("platen-2020-01-01T00-00-00Z", false);
        make(&format!("{GOING}{}", day(9)), false);
        assert_eq!(prune(folder.path(), 3).unwrap(), [day(1), day(2)]);
        let left = std::fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> = left.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let others = ["2020-01-01".to_owned(), "platen-2020-01-01T00-00-00Z".to_owned()];
        assert_eq!(left, [&others[..], &[day(3), day(4), day(5)]].concat());
        assert!(prune(folder.path(), 3).unwrap().is_empty());
    }
}
