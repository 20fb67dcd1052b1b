//! From a backup, or an export of the journal alone, to a state folder that a daemon can start from.
//!
//! ```text
//! read and check all of the copy ─▶ state/restoring/{files,vault,journal} ─▶ audit, fsync
//!        └─anything wrong: nothing is written  └─▶ state/files, vault ─▶ state/journal ─▶ restoring is gone
//! ```
//! A daemon does not start while `restoring` has something in it, so that half a restore is never
//! taken for an empty lab; doing it again begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::{self, ArchiveError, Whole};
use super::journal::{JournalError, audit};
use crate::domain::case::Case;
use crate::domain::event::{Actor, ChainHash, ChainedRecord, Event, Fact};
use crate::domain::ids::{CaseToken, FileHash, hex};
use crate::domain::lab::{EntityKey, Lab, person};
use crate::domain::moment::Stamp;
use crate::io::durable::{new_file, new_folder, open_plain, rename_new, sync_parent, sync_tree};
use crate::io::store::sled::SledStore;
use crate::io::store::{Batch, Store, StoreError, Value};

/// What a backup is made of.
pub const JOURNAL: &str = "journal.jsonl";
pub const FILES: &str = "files";
pub const SUMS: &str = "files.sha256";
/// The sealed records of the vault, of cases that have any.
pub const RECORDS: &str = super::vault_desk::FOLDER;
pub const RECORD_SUMS: &str = "vault.sha256";
pub const MANIFEST: &str = "backup.json";
/// The layout of a backup.
pub const FORMAT: u32 = 1;
/// While a state folder is being made.
pub const RESTORING: &str = "restoring";
const BLOCK: usize = 256 * 1024;
/// A manifest names files that were damaged already: a few, and never this many.
const MANIFEST_MAX: u64 = 16 * 1024 * 1024;
/// Entries and things in one commit, as the recorder has them.
const GROUP: usize = 128;

/// `backup.json`: written last, over everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub platen_backup: u32,
    pub made: String,
    pub entries: u64,
    pub head: String,
    pub files: u64,
    /// Over `files.sha256`.
    pub files_sha256: String,
    /// Files that were damaged or gone when the backup was made, with what was wrong.
    pub absent: Vec<Absent>,
    /// Sealed records of the vault; the key is not in a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<Records>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    pub records: u64,
    /// Over `vault.sha256`.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    pub file: String,
    pub why: String,
}

/// Why nothing was restored: what, which, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{path}: {error}")]
    Copy { path: PathBuf, error: ArchiveError },
    #[error("{path} cannot be read: {error}; look at the path, and at the disk that it is on")]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{path} is not as `platen backup` wrote it ({detail}); take another backup")]
    Backup { path: PathBuf, detail: String },
    #[error("{path} is changed: its content does not fit its name; take another backup")]
    File { path: PathBuf },
    #[error(
        "{path} is not empty (there is {name} in it); nothing is restored over a state: stop platen, move that folder away, then restore again"
    )]
    NotEmpty { path: PathBuf, name: String },
    #[error("{path} cannot be written: {error}; nothing counts as restored: see to it, then restore again")]
    Write { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("a name is 1 to 40 letters, digits, spaces and . - _ @; give --by with the name of who restores")]
    Name,
}

/// A copy that was read through and found whole.
#[derive(Debug)]
pub struct Copy {
    journal: PathBuf,
    /// Absent for an export of the journal alone.
    files: Option<PathBuf>,
    pub whole: Whole,
    pub kept: BTreeSet<FileHash>,
    /// What is sealed, and its hash.
    pub records: BTreeMap<CaseToken, FileHash>,
    /// Where that lies.
    vault: PathBuf,
}

impl Copy {
    /// Files of jobs, and photos of inspections, that are not in it.
    pub fn missing(&self) -> BTreeSet<FileHash> {
        let named = self.whole.lab.files().cloned();
        named.filter(|file| !self.kept.contains(file)).collect()
    }

    /// Cases of which the journal says that the vault has a record, and whose record is not in it.
    pub fn missing_records(&self) -> BTreeSet<CaseToken> {
        let kept = |case: &Case| case.identifiers.as_ref().is_some_and(|state| state.seal.is_some());
        let cases =
            self.whole.lab.cases.iter().filter(|(_, case)| kept(case)).map(|(token, _)| token.clone());
        cases.filter(|token| !self.records.contains_key(token)).collect()
    }
}

/// What became of a restore.
#[derive(Debug)]
pub struct Done {
    /// Of the copy; the restored journal has one more, which says so.
    pub entries: u64,
    pub head: ChainHash,
    pub files: u64,
    /// Sealed records of the vault.
    pub records: u64,
    pub missing: BTreeSet<FileHash>,
    /// Cases whose sealed record is not in the copy.
    pub missing_records: BTreeSet<CaseToken>,
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> RestoreError + '_ {
    |error| RestoreError::Unreadable { path: path.to_owned(), error }
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> RestoreError + '_ {
    |error| RestoreError::Write { path: path.to_owned(), error }
}

/// Reads a backup, or an export, through: every link of the chain, every byte of every file. Blocks.
pub fn examine(from: &Path) -> Result<Copy, RestoreError> {
    let meta = from.metadata().map_err(unreadable(from))?;
    if !meta.is_dir() {
        let whole = read_entries(from, |_, _| Ok(()))?;
        return Ok(Copy {
            journal: from.to_owned(),
            files: None,
            whole,
            kept: BTreeSet::new(),
            records: BTreeMap::new(),
            vault: PathBuf::new(),
        });
    }
    let manifest = read_manifest(from)?;
    let wrong =
        |path: &Path, detail: &str| RestoreError::Backup { path: path.to_owned(), detail: detail.into() };
    let (listed, sum) =
        read_sums(&from.join(SUMS), FILES, |hash, name| (hash.as_str() == name).then_some(()))?;
    let kept: BTreeSet<FileHash> = listed.into_iter().map(|(hash, ())| hash).collect();
    if kept.len() as u64 != manifest.files || sum != manifest.files_sha256 {
        return Err(wrong(&from.join(SUMS), "it is not the list that backup.json was made with"));
    }
    let (vault, mut records) = (from.join(RECORDS), BTreeMap::new());
    if let Some(made) = &manifest.vault {
        let sums = from.join(RECORD_SUMS);
        let (listed, sum) = read_sums(&sums, RECORDS, |_, name| name.parse::<CaseToken>().ok())?;
        records.extend(listed.into_iter().map(|(hash, case)| (case, hash)));
        if records.len() as u64 != made.records || sum != made.sha256 {
            return Err(wrong(&sums, "it is not the list that backup.json was made with"));
        }
        for (case, hash) in &records {
            copy_file(&vault.join(case.as_str()), hash, &mut std::io::sink())?;
        }
    }
    let journal = from.join(JOURNAL);
    let whole = read_entries(&journal, |_, _| Ok(()))?;
    if (whole.entries, whole.head.to_hex()) != (manifest.entries, manifest.head) {
        return Err(wrong(&journal, "it is not the journal that backup.json was made with"));
    }
    let files = from.join(FILES);
    for file in &kept {
        copy_file(&files.join(file.as_str()), file, &mut std::io::sink())?;
    }
    Ok(Copy { journal, files: Some(files), whole, kept, records, vault })
}

/// A list as `sha256sum` writes it, and the hash of the list itself; `named` says what a name in it is.
fn read_sums<T>(
    sums: &Path,
    folder: &str,
    named: impl Fn(&FileHash, &str) -> Option<T>,
) -> Result<(Vec<(FileHash, T)>, String), RestoreError> {
    let file = open_plain(sums).map_err(unreadable(sums))?;
    let (mut listed, mut sum) = (Vec::new(), Sha256::new());
    // One line: a hash, a folder and a name.
    let mut lines = BufReader::new(file);
    loop {
        let mut line = String::new();
        let read = (&mut lines).take(256).read_line(&mut line).map_err(unreadable(sums))?;
        if read == 0 {
            return Ok((listed, hex(&sum.finalize())));
        }
        sum.update(line.as_bytes());
        let one = line.strip_suffix('\n').and_then(|line| {
            let (hash, path) = line.split_once("  ")?;
            let hash: FileHash = hash.parse().ok()?;
            let name = named(&hash, path.strip_prefix(folder)?.strip_prefix('/')?)?;
            Some((hash, name))
        });
        let detail = || "a line in it is no hash with its file".into();
        listed.push(one.ok_or_else(|| RestoreError::Backup { path: sums.to_owned(), detail: detail() })?);
    }
}

fn read_manifest(from: &Path) -> Result<Manifest, RestoreError> {
    let path = from.join(MANIFEST);
    let mut text = Vec::new();
    let file = open_plain(&path).map_err(unreadable(&path))?;
    file.take(MANIFEST_MAX).read_to_end(&mut text).map_err(unreadable(&path))?;
    let wrong = |detail: String| RestoreError::Backup { path: path.clone(), detail };
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    if manifest.platen_backup != FORMAT {
        return Err(wrong(format!("it is in format {}, this platen reads {FORMAT}", manifest.platen_backup)));
    }
    Ok(manifest)
}

enum Reading {
    Copy(ArchiveError),
    Other(RestoreError),
}

impl From<ArchiveError> for Reading {
    fn from(error: ArchiveError) -> Self {
        Self::Copy(error)
    }
}

/// Where the journal of a backup, or of an export, lies.
pub fn journal_of(copy: &Path) -> PathBuf {
    if copy.is_dir() { copy.join(JOURNAL) } else { copy.to_owned() }
}

/// Reads a journal's copy through; what `each` has done is worth something only if all of this succeeds.
pub fn read_entries(
    path: &Path,
    mut each: impl FnMut(u64, &ChainedRecord) -> Result<(), RestoreError>,
) -> Result<Whole, RestoreError> {
    let file = open_plain(path).map_err(unreadable(path))?;
    let mut source = BufReader::with_capacity(BLOCK, file);
    archive::read(&mut source, |seq, record| each(seq, record).map_err(Reading::Other)).map_err(|error| {
        match error {
            Reading::Copy(error) => RestoreError::Copy { path: path.to_owned(), error },
            Reading::Other(error) => error,
        }
    })
}

/// Copies a file whose content must have the hash that is its name.
fn copy_file(from: &Path, hash: &FileHash, into: &mut dyn Write) -> Result<(), RestoreError> {
    let mut source = open_plain(from).map_err(unreadable(from))?;
    let (mut block, mut sum) = (vec![0; BLOCK], Sha256::new());
    loop {
        let read = source.read(&mut block).map_err(unreadable(from))?;
        if read == 0 {
            break;
        }
        sum.update(&block[..read]);
        into.write_all(&block[..read]).map_err(unwritable(from))?;
    }
    if FileHash::from_digest(sum.finalize().into()) == *hash {
        Ok(())
    } else {
        Err(RestoreError::File { path: from.to_owned() })
    }
}

/// Whether a state folder has a restore in it that was not finished; one that only was not tidied up is.
pub fn is_unfinished(state: &Path) -> bool {
    let restoring = state.join(RESTORING);
    if !restoring.exists() {
        return false;
    }
    // The last step of a restore, done now; it fails where something is in the folder.
    !(state.join("journal").exists() && std::fs::remove_dir(&restoring).is_ok())
}

/// Makes the state folder `into` from a copy. Nothing is written before all of the copy was checked. Blocks.
pub fn restore(from: &Path, into: &Path, by: Option<&str>, stamp: Stamp) -> Result<Done, RestoreError> {
    let by = by.map(person).transpose().map_err(|_| RestoreError::Name)?;
    check_empty(into)?;
    let copy = examine(from)?;
    make_place(into)?;
    let place = into.join(RESTORING);
    let files = place.join(FILES);
    new_folder(&files).map_err(unwritable(&files))?;
    if let Some(source) = &copy.files {
        for file in &copy.kept {
            let path = files.join(file.as_str());
            let mut kept = new_file(&path).map_err(unwritable(&path))?;
            copy_file(&source.join(file.as_str()), file, &mut kept)?;
        }
    }
    let vault = place.join(RECORDS);
    new_folder(&vault).map_err(unwritable(&vault))?;
    for (case, hash) in &copy.records {
        let path = vault.join(case.as_str());
        let mut kept = new_file(&path).map_err(unwritable(&path))?;
        copy_file(&copy.vault.join(case.as_str()), hash, &mut kept)?;
    }
    let journal = place.join("journal");
    fill(&SledStore::open(&journal)?, &copy, by, stamp)?;
    sync_tree(&place).map_err(unwritable(&place))?;
    for name in [FILES, RECORDS, "journal"] {
        let there = into.join(name);
        rename_new(&place.join(name), &there).map_err(unwritable(&there))?;
    }
    std::fs::remove_dir(&place).and_then(|()| sync_parent(&place)).map_err(unwritable(&place))?;
    Ok(Done {
        entries: copy.whole.entries,
        head: copy.whole.head,
        files: copy.kept.len() as u64,
        records: copy.records.len() as u64,
        missing: copy.missing(),
        missing_records: copy.missing_records(),
    })
}

/// A state folder that is not there yet, is empty, or has a restore in it that was cut off.
fn check_empty(into: &Path) -> Result<(), RestoreError> {
    let entries = match std::fs::read_dir(into) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(into)(error)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        names.insert(entry.map_err(unreadable(into))?.file_name().to_string_lossy().into_owned());
    }
    // These stand beside `restoring` only where a restore was cut off between its last steps.
    let cut_off = names.contains(RESTORING);
    let foreign = names.into_iter().find(|name| match name.as_str() {
        RESTORING | "lost+found" => false,
        FILES | RECORDS => !cut_off,
        _ => true,
    });
    match foreign {
        None => Ok(()),
        Some(name) => Err(RestoreError::NotEmpty { path: into.to_owned(), name }),
    }
}

fn make_place(into: &Path) -> Result<(), RestoreError> {
    let place = into.join(RESTORING);
    if !into.exists() {
        new_folder(into).and_then(|()| sync_parent(into)).map_err(unwritable(into))?;
    }
    if place.exists() {
        let both = [FILES, RECORDS].into_iter().flat_map(|name| [into.join(name), place.join(name)]);
        for left in both.chain([place.join("journal")]) {
            match std::fs::remove_dir_all(&left) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(unwritable(&left)(error));
                }
                _ => {}
            }
        }
        return Ok(());
    }
    new_folder(&place).and_then(|()| sync_parent(&place)).map_err(unwritable(&place))
}

fn entities(lab: &Lab) -> impl Iterator<Item = EntityKey> + '_ {
    let cases = lab.cases.keys().cloned().map(EntityKey::Case);
    let parts = lab.parts.keys().cloned().map(EntityKey::Part);
    let jobs = lab.jobs.keys().cloned().map(EntityKey::Job);
    let printers = lab.printers.keys().cloned().map(EntityKey::Printer);
    let chains = lab.chains.keys().cloned().map(EntityKey::Chain);
    let gates = lab.gates.keys().cloned().map(EntityKey::Gate);
    let users = lab.people.users.keys().cloned().map(EntityKey::User);
    let notices = lab.people.notices.keys().cloned().map(EntityKey::Notices);
    let quality = lab.quality.keys().into_iter().map(EntityKey::Quality);
    let all = cases.chain(parts).chain(jobs).chain(printers).chain(chains).chain(gates);
    let queue = lab.queue.keys().into_iter().map(EntityKey::Queue);
    let resin = lab.resin.keys().into_iter().map(EntityKey::Resin);
    all.chain(quality).chain(queue).chain(resin).chain(users).chain(notices).chain([EntityKey::Counters])
}

/// Writes the journal, one entry that says that it was restored, and the state that they make.
fn fill(store: &SledStore, copy: &Copy, by: Option<String>, stamp: Stamp) -> Result<(), RestoreError> {
    let mut batch = Batch::default();
    let again = read_entries(&copy.journal, |seq, record| {
        batch.events.push((seq, Value::new(record.to_bytes())?));
        if batch.events.len() == GROUP {
            store.commit(&std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    if again != copy.whole {
        let detail = "it changed while it was read".into();
        return Err(RestoreError::Backup { path: copy.journal.clone(), detail });
    }
    let mut lab = again.lab;
    let seq = again.entries + 1;
    let fact = Fact::JournalRestored { entries: again.entries, by: by.clone() };
    let actor = by.map_or(Actor::Platen, Actor::Person);
    let event = Event { seq, stamp, actor, subject: None, fact };
    lab.apply(&event);
    batch.events.push((seq, Value::new(ChainedRecord::chain(again.head, &event).to_bytes())?));
    for (name, place) in &again.cursors {
        batch.meta.push((format!("cursor/{name}"), Value::new(place.to_be_bytes().to_vec())?));
    }
    for key in entities(&lab) {
        if let Some(json) = lab.entity(&key) {
            batch.entities.push((key.path(), Value::new(json)?));
        }
        if batch.entities.len() == GROUP {
            store.commit(&std::mem::take(&mut batch))?;
        }
    }
    store.commit(&batch)?;
    // What was written is read once more, as any daemon would.
    audit(store)?;
    Ok(())
}

/// A file of a backup under way, with what goes into its sum. Blocks.
pub fn keep_file(folder: &Path, hash: &FileHash, source: &mut dyn Read) -> Result<u64, RestoreError> {
    let path = folder.join(hash.as_str());
    let mut file: File = new_file(&path).map_err(unwritable(&path))?;
    let (mut block, mut sum, mut bytes) = (vec![0; BLOCK], Sha256::new(), 0);
    loop {
        let read = source.read(&mut block).map_err(unreadable(&path))?;
        if read == 0 {
            break;
        }
        sum.update(&block[..read]);
        file.write_all(&block[..read]).map_err(unwritable(&path))?;
        bytes += read as u64;
    }
    if FileHash::from_digest(sum.finalize().into()) != *hash {
        std::fs::remove_file(&path).map_err(unwritable(&path))?;
        return Err(RestoreError::File { path });
    }
    Ok(bytes)
}
