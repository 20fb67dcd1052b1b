//! The vault: each case's identifiers sealed in a file of its own, with a key that lies elsewhere.
//!
//! Nothing comes out without an entry in the journal that is already on the disk: contents are handed out for a
//! `Reading`, a `Reading` is made of such an entry only, of this daemon's life, and each entry is good for one.
//! What goes in and what is erased follows the journal as well, so that the two never tell different stories:
//!
//! ```text
//! keep:   prepare (sealed, on the disk, beside) ─▶ journal: Kept ─▶ settle (takes its name)
//! read:   journal: Read ─▶ read
//! erase:  journal: Erased ─▶ erase
//! ```
//! Where a crash comes between, the next `open` does what the journal says.
//!
//! A record is sealed by ChaCha20-Poly1305 under a random nonce of 96 bits; at a million records and rotations under
//! one key, two nonces are the same with a chance of 1 in 10^17. The case's token, the version and the key's id are
//! sealed with it: a record moved to another case, an older one put back, or one changed byte is refused. Its length
//! tells nothing, since what is sealed is padded. No plain text ever touches the disk, so erasing is taking the file
//! away; copies in backups are sealed too, and nobody can read them once the key that sealed them is gone (rotate,
//! `reseal`, take the old key out of the key file).
//!
//! The key file has one line a key, and the last one seals. It is the site's to keep and to back up, apart from the
//! state folder: without it the vault is lost, and with both of them it is open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::clock::entropy;
use super::durable;
use crate::domain::event::{Event, Fact};
use crate::domain::identifiers::{IdentifierFact, IdentifierState, Identifiers};
use crate::domain::ids::{BootId, CaseToken, FileHash, hex};
use crate::domain::privacy::Known;

/// What a record begins with: what it is, and which layout.
const MAGIC: &[u8; 8] = b"platenV1";
const HEADER: usize = MAGIC.len() + KeyId::LENGTH + 8 + NONCE_LEN;
/// What is sealed is filled up to a multiple of this, so that a long name does not show.
const PADDING: usize = 1024;
/// Six texts at their longest are below 4 KiB; what is larger was not written by us.
const RECORD_MAX: u64 = 16 * 1024;
/// More keys than anybody rotates to before the old ones are taken out.
const KEYS_MAX: usize = 64;
/// The beginning of a key's line, so that another secret is not taken for one.
const KEY_LINE: &str = "platen-vault-key-1:";
/// What a prepared record's name ends with.
const BESIDE: &str = "new";

// ---- keys ----------------------------------------------------------------------------------------------------

/// Which key sealed a record: the beginning of a hash of the key, so that no line can carry a wrong name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; Self::LENGTH]);

impl KeyId {
    const LENGTH: usize = 8;

    fn of(key: &[u8; 32]) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"platen vault key id\0").chain_update(key).finalize().into();
        let mut id = [0; Self::LENGTH];
        id.copy_from_slice(&digest[..Self::LENGTH]);
        Self(id)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What is wrong with a key file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the vault's key file {path} cannot be read: {error}; give the path of a key file that platen's user owns"
    )]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error(
        "the vault's key file {path} belongs to user {owner}, and platen runs as user {us}; make it platen's own (`chown {us} {path}`)"
    )]
    Owner { path: PathBuf, owner: u32, us: u32 },
    #[error(
        "the vault's key file {path} has mode {mode:04o}, and others may read or change it; do `chmod 600 {path}`, and where others could read it, take a new key and seal anew"
    )]
    Mode { path: PathBuf, mode: u32 },
    #[error(
        "the vault's key file {path} is in {folder}, beside what it locks; a copy of that folder would hold both: move it elsewhere"
    )]
    Inside { path: PathBuf, folder: PathBuf },
    #[error(
        "line {line} of the vault's key file {path} is no key of platen's; put the file back as platen wrote it, or take the line out"
    )]
    Line { path: PathBuf, line: usize },
    #[error("the vault's key file {path} has no key in it; let platen make one, or put the right file back")]
    Empty { path: PathBuf },
    #[error(
        "the vault's key file {path} has more than {KEYS_MAX} keys; take out those that seal nothing any more"
    )]
    TooMany { path: PathBuf },
    #[error("\"{name}\" is no name of a credential; give the name that LoadCredential= has before its colon")]
    Credential { name: String },
    #[error(
        "the vault's key file {path} cannot be made: {error}; give a path in a folder that platen's user may write, where no such file is yet"
    )]
    NotMade { path: PathBuf, error: std::io::Error },
}

struct Key {
    id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { id: KeyId::of(&secret), secret }
    }

    fn fresh() -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        secret[..16].copy_from_slice(&entropy());
        secret[16..].copy_from_slice(&entropy());
        Self::new(secret)
    }

    /// Built anew for each use, so that one copy of the secret is enough.
    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, self.secret.as_slice()).ok().map(LessSafeKey::new)
    }

    fn line(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex(self.secret.as_slice()));
        Zeroizing::new(format!("{KEY_LINE}{}\n", secret.as_str()))
    }

    fn from_line(line: &str) -> Option<Self> {
        let digits = line.strip_prefix(KEY_LINE)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut secret = Zeroizing::new([0; 32]);
        for (at, byte) in secret.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self::new(secret))
    }
}

/// Who may own a key file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The user that platen runs as, and nobody else may do anything with it.
    Us,
    /// systemd: it may leave the file to root and let our user read it by an access list, of which the mode shows
    /// the reading in the group's place.
    Systemd,
}

/// The keys of a vault; the last one seals, all of them open.
pub struct Keys {
    keys: Vec<Key>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.id)).finish()
    }
}

impl Keys {
    /// Reads a key file, which nobody but platen's user may read or write, and which is not in `state`.
    pub fn read(path: &Path, state: &Path) -> Result<Self, KeyError> {
        Self::read_as(path, state, Holder::Us)
    }

    /// Reads what systemd hands to the service (`LoadCredential=name:…`); `directory` is `$CREDENTIALS_DIRECTORY`.
    pub fn from_credential(directory: &Path, name: &str, state: &Path) -> Result<Self, KeyError> {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        if !plain {
            let name = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(KeyError::Credential { name });
        }
        Self::read_as(&directory.join(name), state, Holder::Systemd)
    }

    fn read_as(path: &Path, state: &Path, holder: Holder) -> Result<Self, KeyError> {
        let unreadable = |error| KeyError::Unreadable { path: path.to_owned(), error };
        let file = durable::open_plain(path).map_err(unreadable)?;
        refuse_inside(path, state)?;
        let metadata = file.metadata().map_err(unreadable)?;
        may_hold(path, (metadata.uid(), metadata.gid(), metadata.permissions().mode()), holder)?;
        let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
        // Room for all the keys that are allowed, and comments: nothing grows, and no copy is left behind.
        file.take(16 * 1024).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || KeyError::Line { path: path.to_owned(), line: at + 1 };
            keys.push(Key::from_line(line).ok_or_else(bad)?);
        }
        match keys.len() {
            0 => Err(KeyError::Empty { path: path.to_owned() }),
            1..=KEYS_MAX => Ok(Self { keys }),
            _ => Err(KeyError::TooMany { path: path.to_owned() }),
        }
    }

    /// Makes a key file with one new key; one that is there already is never touched.
    pub fn make(path: &Path, state: &Path) -> Result<KeyId, KeyError> {
        let failed = |error| KeyError::NotMade { path: path.to_owned(), error };
        let key = Key::fresh();
        let mut file = durable::new_file(path).map_err(failed)?;
        if let Err(error) = refuse_inside(path, state) {
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        file.write_all(key.line().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        durable::sync_parent(path).map_err(failed)?;
        Ok(key.id)
    }

    /// Adds a new key to a file, which seals from the next start on; `Vault::reseal` then brings the records to it.
    pub fn add(path: &Path, state: &Path) -> Result<KeyId, KeyError> {
        let old = Self::read(path, state)?;
        if old.keys.len() >= KEYS_MAX {
            return Err(KeyError::TooMany { path: path.to_owned() });
        }
        let failed = |error| KeyError::NotMade { path: path.to_owned(), error };
        let fresh = Key::fresh();
        let beside = path.with_file_name(format!(".vault-key-{}", hex(&entropy()[..4])));
        let written = durable::new_file(&beside).and_then(|mut file| {
            for key in old.keys.iter().chain([&fresh]) {
                file.write_all(key.line().as_bytes())?;
            }
            file.sync_all()
        });
        let written = written.and_then(|()| std::fs::rename(&beside, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written.and_then(|()| durable::sync_parent(path)).map_err(failed)?;
        Ok(fresh.id)
    }

    /// The key that seals.
    pub fn current(&self) -> KeyId {
        self.newest().id
    }

    fn newest(&self) -> &Key {
        // `parse` leaves at least one.
        &self.keys[self.keys.len() - 1]
    }

    fn by_id(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

/// Where the path really leads, the state folder may not be above it.
fn refuse_inside(path: &Path, state: &Path) -> Result<(), KeyError> {
    let (Ok(real), Ok(folder)) = (path.canonicalize(), state.canonicalize()) else { return Ok(()) };
    if real.starts_with(&folder) {
        return Err(KeyError::Inside { path: path.to_owned(), folder: state.to_owned() });
    }
    Ok(())
}

/// Whether owner, group and mode are those of a secret.
fn may_hold(path: &Path, (owner, group, mode): (u32, u32, u32), holder: Holder) -> Result<(), KeyError> {
    let (us, mode) = (nix::unistd::geteuid().as_raw(), mode & 0o7777);
    let owned = owner == us || (holder == Holder::Systemd && owner == 0);
    if !owned {
        return Err(KeyError::Owner { path: path.to_owned(), owner, us });
    }
    let theirs = if holder == Holder::Systemd && group == 0 { 0o037 } else { 0o077 };
    if mode & theirs != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}

// ---- proofs from the journal ----------------------------------------------------------------------------------

/// The proof that a reading is in the journal, good for one.
#[derive(Debug)]
pub struct Reading {
    case: CaseToken,
    version: u64,
    seq: u64,
    boot: BootId,
}

impl Reading {
    /// `event` is what the recorder answered with: it does so only when the entry is on the disk.
    pub fn journaled(event: &Event) -> Option<Self> {
        let Fact::Identifiers(fact) = &event.fact else { return None };
        let IdentifierFact::Read { case, version, .. } = fact.as_ref() else { return None };
        Some(Self { case: case.clone(), version: *version, seq: event.seq, boot: event.stamp.boot.clone() })
    }
}

/// The proof that the journal has a record's seal.
#[derive(Debug)]
pub struct Keeping {
    case: CaseToken,
    version: u64,
    seal: FileHash,
}

impl Keeping {
    pub fn journaled(event: &Event) -> Option<Self> {
        let Fact::Identifiers(fact) = &event.fact else { return None };
        let IdentifierFact::Kept { case, version, seal, .. } = fact.as_ref() else { return None };
        Some(Self { case: case.clone(), version: *version, seal: seal.clone() })
    }
}

/// The proof that an erasure is in the journal.
#[derive(Debug)]
pub struct Erasing {
    case: CaseToken,
}

impl Erasing {
    pub fn journaled(event: &Event) -> Option<Self> {
        let Fact::Identifiers(fact) = &event.fact else { return None };
        let IdentifierFact::Erased { case, .. } = fact.as_ref() else { return None };
        Some(Self { case: case.clone() })
    }
}

// ---- the vault ------------------------------------------------------------------------------------------------

/// What goes wrong with the vault. The words name the case, and never what is kept of it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the vault has nothing of case {case}; enter it, or bring the vault's folder back from a backup")]
    Missing { case: CaseToken },
    #[error(
        "the vault's record of case {case} was cut or changed; bring it back from a backup, or enter it again"
    )]
    Damaged { case: CaseToken },
    #[error(
        "the vault's record of case {case} was sealed with a key that is not in the key file; put that key back, or enter the case again"
    )]
    NoKey { case: CaseToken },
    #[error(
        "the vault's record of case {case} is version {found}, and the journal knows version {known}; bring the right one back from a backup, or enter it again"
    )]
    Version { case: CaseToken, found: u64, known: u64 },
    #[error(
        "entry {seq} of the journal was used for a reading already, or is of an earlier start; ask for a new reading"
    )]
    Used { seq: u64 },
    #[error("what is to be kept of case {case} is not what the journal has; enter it again")]
    OtherSeal { case: CaseToken },
    #[error("the vault's folder {path} may be entered by others (mode {mode:04o}); do `chmod 700 {path}`")]
    Mode { path: PathBuf, mode: u32 },
    #[error("the vault's folder {path} cannot be used: {error}; see to the disk and to who may write there")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("the cipher failed; this is a defect of platen")]
    Cipher,
}

/// A sealed record on the disk that has no name yet: it counts once the journal has its seal.
#[derive(Debug)]
pub struct Prepared {
    case: CaseToken,
    version: u64,
    seal: FileHash,
    path: PathBuf,
}

impl Prepared {
    /// What goes into the journal.
    pub fn seal(&self) -> &FileHash {
        &self.seal
    }

    pub fn version(&self) -> u64 {
        self.version
    }
}

/// What became of the records when they were to be sealed with the newest key.
#[derive(Debug, Default)]
pub struct Resealed {
    pub changed: usize,
    /// Those that had it already.
    pub unchanged: usize,
    pub failed: Vec<VaultError>,
}

/// All calls block.
pub struct Vault {
    folder: PathBuf,
    keys: RwLock<Arc<Keys>>,
    boot: BootId,
    /// Entries of the journal that have had their reading.
    used: Mutex<BTreeSet<u64>>,
    /// Held by whoever changes files, so that a record that is sealed anew is not one that was just erased.
    writer: Mutex<()>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("folder", &self.folder)
            .field("keys", &self.keys())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seal_of(record: &[u8]) -> FileHash {
    FileHash::from_digest(Sha256::digest(record).into())
}

/// What is sealed with a record beside its text.
fn bound(case: &CaseToken, version: u64, key: KeyId) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&key.0);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(case.as_str().as_bytes());
    bytes
}

impl Vault {
    /// Opens the vault in `folder`, making it where needed, and ends what a crash left unfinished: `states` is what
    /// the journal says of each case. Cases that the journal does not know are left as they are.
    pub fn open(
        folder: &Path,
        keys: Keys,
        boot: BootId,
        states: &BTreeMap<CaseToken, IdentifierState>,
    ) -> Result<Self, VaultError> {
        let vault = Self {
            folder: folder.to_owned(),
            keys: RwLock::new(Arc::new(keys)),
            boot,
            used: Mutex::default(),
            writer: Mutex::default(),
        };
        vault.own_folder()?;
        vault.end_unfinished(states)?;
        Ok(vault)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key file was written anew: from here on its newest key seals.
    pub fn take_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Which key seals.
    pub fn current_key(&self) -> KeyId {
        self.keys().current()
    }

    /// The cases whose record none of the keys opens; what is damaged otherwise is told when it is read.
    pub fn locked(&self) -> Result<Vec<CaseToken>, VaultError> {
        let (keys, mut locked) = (self.keys(), Vec::new());
        for case in self.cases()? {
            let record = self.load_file(&self.path(&case))?.unwrap_or_default();
            if header(&record).is_some_and(|(key, _)| keys.by_id(key).is_none()) {
                locked.push(case);
            }
        }
        Ok(locked)
    }

    fn own_folder(&self) -> Result<(), VaultError> {
        match durable::new_folder(&self.folder) {
            Ok(()) => durable::sync_parent(&self.folder).map_err(|error| self.io(error))?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.io(error)),
        }
        let mode = self.folder.metadata().map_err(|error| self.io(error))?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(VaultError::Mode { path: self.folder.clone(), mode });
        }
        Ok(())
    }

    /// A prepared record whose seal the journal has takes its name; all others go, and so does what was erased.
    fn end_unfinished(&self, states: &BTreeMap<CaseToken, IdentifierState>) -> Result<(), VaultError> {
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let prepared = name.strip_suffix(BESIDE).and_then(|name| name.split_once('.'));
            let Some(Ok(case)) = prepared.map(|(case, _)| case.parse::<CaseToken>()) else { continue };
            let known = states.get(&case).and_then(|state| state.seal.as_ref());
            let found = self.load_file(&path)?.map(|record| seal_of(&record));
            if known.is_some() && found.as_ref() == known {
                std::fs::rename(&path, self.path(&case)).map_err(|error| self.io(error))?;
            } else {
                self.remove(&path)?;
            }
        }
        for (case, _) in states.iter().filter(|(_, state)| state.seal.is_none()) {
            self.remove(&self.path(case))?;
        }
        self.sync()
    }

    /// Seals what was entered and puts it on the disk, where it counts for nothing yet.
    pub fn prepare(
        &self,
        case: &CaseToken,
        version: u64,
        identifiers: &Identifiers,
    ) -> Result<Prepared, VaultError> {
        let record = self.seal(case, version, &identifiers.plain())?;
        let seal = seal_of(&record);
        let short = seal.as_str().get(..16).unwrap_or_default();
        let path = self.folder.join(format!("{case}.{version}-{short}.{BESIDE}"));
        self.write(&path, &record)?;
        Ok(Prepared { case: case.clone(), version, seal, path })
    }

    /// From now on this is the case's record; durable on return.
    pub fn settle(&self, prepared: Prepared, kept: &Keeping) -> Result<(), VaultError> {
        let same =
            (&prepared.case, prepared.version, &prepared.seal) == (&kept.case, kept.version, &kept.seal);
        if !same {
            return Err(VaultError::OtherSeal { case: prepared.case });
        }
        let _writing = lock(&self.writer);
        std::fs::rename(&prepared.path, self.path(&prepared.case)).map_err(|error| self.io(error))?;
        self.sync()
    }

    /// The journal has refused it. Where it is not known what the journal has, leave it to the next `open`.
    pub fn discard(&self, prepared: Prepared) -> Result<(), VaultError> {
        self.remove(&prepared.path)?;
        self.sync()
    }

    /// Hands out what is kept of a case, once for each entry of the journal.
    pub fn read(&self, reading: Reading) -> Result<Identifiers, VaultError> {
        if reading.boot != self.boot || !lock(&self.used).insert(reading.seq) {
            return Err(VaultError::Used { seq: reading.seq });
        }
        self.unseal(&reading.case, reading.version)
    }

    /// What a text is held against before it leaves. It is shown to nobody, and its type has no way to be: this is no
    /// reading, and the journal has no entry of it.
    pub fn known(&self, case: &CaseToken, version: u64) -> Result<Known, VaultError> {
        self.unseal(case, version).map(|identifiers| Known::of(&identifiers))
    }

    /// Takes away all that is kept of a case, also what is only prepared; durable on return, and no error where there
    /// is nothing.
    pub fn erase(&self, erasing: &Erasing) -> Result<(), VaultError> {
        let _writing = lock(&self.writer);
        let prepared = format!("{}.", erasing.case);
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name == erasing.case.as_str() || name.starts_with(&prepared) {
                self.remove(&path)?;
            }
        }
        self.sync()
    }

    /// Seals every record with the newest key that is not sealed with it yet. May be stopped and done again.
    pub fn reseal(&self) -> Result<Resealed, VaultError> {
        let mut told = Resealed::default();
        for case in self.cases()? {
            let _writing = lock(&self.writer);
            match self.reseal_one(&case) {
                Ok(Some(true)) => told.changed += 1,
                Ok(Some(false)) => told.unchanged += 1,
                // Erased meanwhile.
                Ok(None) => {}
                Err(error) => told.failed.push(error),
            }
        }
        self.sync()?;
        Ok(told)
    }

    fn reseal_one(&self, case: &CaseToken) -> Result<Option<bool>, VaultError> {
        let Some(record) = self.load_file(&self.path(case))? else { return Ok(None) };
        let (key, version) = header(&record).ok_or_else(|| VaultError::Damaged { case: case.clone() })?;
        let plain = self.plain(case, &record)?;
        if key == self.current_key() {
            return Ok(Some(false));
        }
        let sealed = self.seal(case, version, &plain)?;
        // Not the name of a prepared record: the journal does not know this seal, and the old record stays until
        // the new one has its name.
        let beside = self.folder.join(format!("{case}.reseal.{BESIDE}"));
        self.remove(&beside)?;
        self.write(&beside, &sealed)?;
        std::fs::rename(&beside, self.path(case)).map_err(|error| self.io(error))?;
        Ok(Some(true))
    }

    /// The cases that have a record.
    pub fn cases(&self) -> Result<Vec<CaseToken>, VaultError> {
        sealed_cases(&self.folder)
    }

    // ---- sealing ----

    fn seal(&self, case: &CaseToken, version: u64, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys();
        let key = keys.newest();
        let cipher = key.cipher().ok_or(VaultError::Cipher)?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&entropy()[..NONCE_LEN]);
        let padded = plain.len().next_multiple_of(PADDING);
        let mut text = Zeroizing::new(Vec::with_capacity(padded + CHACHA20_POLY1305.tag_len()));
        text.extend_from_slice(plain);
        text.resize(padded, b' ');
        cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound(case, version, key.id)),
                &mut *text,
            )
            .map_err(|_| VaultError::Cipher)?;
        let mut record = Vec::with_capacity(HEADER + text.len());
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(&key.id.0);
        record.extend_from_slice(&version.to_be_bytes());
        record.extend_from_slice(&nonce);
        record.extend_from_slice(&text);
        Ok(record)
    }

    fn unseal(&self, case: &CaseToken, known: u64) -> Result<Identifiers, VaultError> {
        let record =
            self.load_file(&self.path(case))?.ok_or_else(|| VaultError::Missing { case: case.clone() })?;
        // Before the version counts for anything, it is known to be what was sealed.
        let plain = self.plain(case, &record)?;
        let damaged = || VaultError::Damaged { case: case.clone() };
        let (_, found) = header(&record).ok_or_else(damaged)?;
        if found != known {
            return Err(VaultError::Version { case: case.clone(), found, known });
        }
        Identifiers::from_plain(&plain).ok_or_else(damaged)
    }

    fn plain(&self, case: &CaseToken, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let damaged = || VaultError::Damaged { case: case.clone() };
        let (id, version) = header(record).ok_or_else(damaged)?;
        let keys = self.keys();
        let key = keys.by_id(id).ok_or_else(|| VaultError::NoKey { case: case.clone() })?;
        let cipher = key.cipher().ok_or(VaultError::Cipher)?;
        let nonce = record.get(HEADER - NONCE_LEN..HEADER).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = Zeroizing::new(record.get(HEADER..).ok_or_else(damaged)?.to_vec());
        let length = cipher
            .open_in_place(nonce, Aad::from(bound(case, version, id)), &mut text)
            .map_err(|_| damaged())?
            .len();
        text.truncate(length);
        let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        text.truncate(end);
        Ok(text)
    }

    // ---- files ----

    fn path(&self, case: &CaseToken) -> PathBuf {
        self.folder.join(case.as_str())
    }

    fn io(&self, error: std::io::Error) -> VaultError {
        VaultError::Io { path: self.folder.clone(), error }
    }

    fn files(&self) -> Result<Vec<PathBuf>, VaultError> {
        files(&self.folder).map_err(|error| self.io(error))
    }

    fn load_file(&self, path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
        load_file(path).map_err(|error| self.io(error))
    }

    fn write(&self, path: &Path, record: &[u8]) -> Result<(), VaultError> {
        let written = durable::new_file(path).and_then(|mut file| {
            file.write_all(record)?;
            file.sync_all()
        });
        if written.is_err() {
            let _ = std::fs::remove_file(path);
        }
        written.and_then(|()| durable::sync_parent(path)).map_err(|error| self.io(error))
    }

    fn remove(&self, path: &Path) -> Result<(), VaultError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), VaultError> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| self.io(error))
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Absent where there is none. What is larger than any record is cut, and then does not open.
fn load_file(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match durable::open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut record = Vec::new();
    file.take(RECORD_MAX).read_to_end(&mut record)?;
    Ok(Some(record))
}

// ---- sealed, for backups ---------------------------------------------------------------------------------------

/// The cases that have a record in a vault's folder, which may be closed, or not be there at all.
pub fn sealed_cases(folder: &Path) -> Result<Vec<CaseToken>, VaultError> {
    let names = match files(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(|error| VaultError::Io { path: folder.to_owned(), error })?,
    };
    let tokens = names.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    let mut cases: Vec<CaseToken> = tokens.collect();
    cases.sort();
    Ok(cases)
}

/// A case's record as it lies there, sealed.
pub fn sealed_record(folder: &Path, case: &CaseToken) -> Result<Vec<u8>, VaultError> {
    let record = load_file(&folder.join(case.as_str()));
    let record = record.map_err(|error| VaultError::Io { path: folder.to_owned(), error })?;
    record.ok_or_else(|| VaultError::Missing { case: case.clone() })
}

/// Which version of a case's identifiers a sealed record says that it is; `None` where it is none of ours.
pub fn sealed_version(record: &[u8]) -> Option<u64> {
    header(record).map(|(_, version)| version)
}

/// Key and version as the record claims them.
fn header(record: &[u8]) -> Option<(KeyId, u64)> {
    let rest = record.strip_prefix(MAGIC)?;
    let (key, rest) = rest.split_first_chunk::<{ KeyId::LENGTH }>()?;
    let (version, _) = rest.split_first_chunk::<8>()?;
    Some((KeyId(*key), u64::from_be_bytes(*version)))
}

#[cfg(test)]
mod tests;
