//! The head of the chain, signed once a day and written where the site wants it: somebody who rewrites the whole
//! journal, or cuts its end off, makes a chain that is whole, but not the one that was signed.
//!
//! One small file a day, `head-2026-11-29.json`; it is made once and never changed. Keep them where whoever can
//! write the journal cannot write (another machine, a medium that is written once).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::recorder::{JournalError, Recorder};
use crate::config::Heads;
use crate::domain::event::ChainHash;
use crate::domain::ids::{NodeName, SiteName, hex, unhex};
use crate::domain::moment::WallTime;
use crate::io::clock::{Clock, entropy};
use crate::io::durable::{new_file, open_plain, rename_new, sync_parent};
use crate::io::offload::offload;
use crate::io::secret;

/// The layout of the file.
const FORMAT: u32 = 1;
/// A key file or a head is a few hundred bytes.
const FILE_MAX: u64 = 16 * 1024;
/// How often the day is looked at: the head of a day is made in its first minute, or when platen starts.
const LOOK: Duration = Duration::from_secs(60);
/// A folder of ten years.
const HEADS_MAX: usize = 4_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    pub platen_head: u32,
    pub site: SiteName,
    pub node: NodeName,
    pub entries: u64,
    /// The hash of the last of them.
    pub head: String,
    /// Wall time, for people.
    pub made: String,
    /// Ed25519, in hexadecimal.
    pub public_key: String,
    pub signature: String,
}

/// What is wrong with a key, a head, or the journal that a head speaks of.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error("{path} cannot be read: {error}; look at the path")]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{path} cannot be written: {error}; look at the folder, and at the disk that it is on")]
    Unwritable { path: PathBuf, error: std::io::Error },
    #[error("{0} may be read by others; `chmod 600` it, and make a new key if somebody may have copied it")]
    Open(PathBuf),
    #[error("{0} is no key that `platen audit key` made")]
    NotKey(PathBuf),
    #[error("{0} is no public key: 64 hexadecimal digits, as `platen audit key` printed them")]
    NotPublic(PathBuf),
    #[error("{0} is no signed head of a journal: it was cut or changed; take another copy of it")]
    NotHead(PathBuf),
    #[error("{0} was signed with another key than the one given: it was forged, or the key was changed")]
    OtherKey(PathBuf),
    #[error("{0} is changed: its signature does not fit what it says")]
    Forged(PathBuf),
    #[error("in {0} is no signed head; give the folder that [audit] heads names")]
    NoHeads(PathBuf),
    #[error("{path} is of {site}/{node}, and the journal is another's")]
    OtherSite { path: PathBuf, site: SiteName, node: NodeName },
    #[error(
        "on {made} the journal had {entries} entries, and now it has {now}: its end is missing, or it was restored from an older copy ({path})"
    )]
    Shorter { path: PathBuf, made: String, entries: u64, now: u64 },
    #[error(
        "entry {entries} is not the one that was signed on {made} ({path}): the journal was written anew, or restored from an older copy"
    )]
    Other { path: PathBuf, made: String, entries: u64 },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl SignedHead {
    /// The bytes that are signed. No field can hold a line break: names, numbers, hexadecimal, a time.
    fn signed(&self) -> Vec<u8> {
        let Self { platen_head, site, node, entries, head, made, .. } = self;
        format!("platen head {platen_head}\n{site}\n{node}\n{entries}\n{head}\n{made}\n").into_bytes()
    }

    /// Whether this key has signed it.
    fn verify(&self, path: &Path, public: &[u8; 32]) -> Result<(), HeadError> {
        if self.public_key != hex(public) {
            return Err(HeadError::OtherKey(path.to_owned()));
        }
        let signature =
            unhex::<64>(self.signature.as_bytes()).ok_or_else(|| HeadError::NotHead(path.to_owned()))?;
        UnparsedPublicKey::new(&ED25519, public)
            .verify(&self.signed(), &signature)
            .map_err(|_| HeadError::Forged(path.to_owned()))
    }
}

fn read_small(path: &Path) -> Result<Vec<u8>, HeadError> {
    let unreadable = |error| HeadError::Unreadable { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    open_plain(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

/// The private key.
pub struct Signer(Ed25519KeyPair);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

impl Signer {
    /// Makes a key of which nobody knows anything, at a path where nothing is yet, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self, HeadError> {
        let unwritable = |error| HeadError::Unwritable { path: path.to_owned(), error };
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| unwritable(std::io::Error::other("the kernel gave no random numbers")))?;
        let mut file = new_file(path).map_err(unwritable)?;
        file.write_all(made.as_ref())
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_parent(path))
            .map_err(unwritable)?;
        Self::load(path)
    }

    pub fn load(path: &Path) -> Result<Self, HeadError> {
        let unreadable = |error| HeadError::Unreadable { path: path.to_owned(), error };
        let place = secret::place(path).map_err(unreadable)?;
        let opened = open_plain(&place.path).and_then(|file| file.metadata());
        let mode = opened.map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 && !place.is_handed_over {
            return Err(HeadError::Open(path.to_owned()));
        }
        let key = Ed25519KeyPair::from_pkcs8(&read_small(&place.path)?);
        key.map(Self).map_err(|_| HeadError::NotKey(path.to_owned()))
    }

    /// In hexadecimal.
    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    pub fn sign(
        &self,
        site: &SiteName,
        node: &NodeName,
        entries: u64,
        head: ChainHash,
        made: WallTime,
    ) -> SignedHead {
        let mut signed = SignedHead {
            platen_head: FORMAT,
            site: site.clone(),
            node: node.clone(),
            entries,
            head: head.to_hex(),
            made: made.to_string(),
            public_key: self.public(),
            signature: String::new(),
        };
        signed.signature = hex(self.0.sign(&signed.signed()).as_ref());
        signed
    }
}

/// Where the head of a day lies.
fn place(folder: &Path, made: WallTime) -> PathBuf {
    let day: String = made.to_string().chars().take("2026-11-29".len()).collect();
    folder.join(format!("head-{day}.json"))
}

/// Writes a head that is not there yet; durable on return.
fn keep(path: &Path, head: &SignedHead) -> Result<(), HeadError> {
    let unwritable = |error: std::io::Error| HeadError::Unwritable { path: path.to_owned(), error };
    let json = serde_json::to_vec_pretty(head).map_err(|error| unwritable(error.into()))?;
    let part = path.with_extension(format!("{}.part", hex(&entropy()[..4])));
    let outcome = new_file(&part).and_then(|mut file| {
        file.write_all(&json)?;
        file.write_all(b"\n")?;
        // Whoever checks it is somebody else.
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        rename_new(&part, path)
    });
    outcome.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        unwritable(error)
    })
}

/// Makes the head of each day, until it is over. A day whose head cannot be made is told again each minute.
pub async fn run(
    recorder: Recorder,
    site: SiteName,
    node: NodeName,
    heads: Heads,
    clock: Clock,
    over: CancellationToken,
) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            _ = look.tick() => {}
        }
        let made = clock.wall();
        let path = place(&heads.folder, made);
        if let Err(error) = today(&recorder, &site, &node, &heads, path, made).await {
            tracing::error!(%error, "the head of the journal is not signed today");
        }
    }
}

async fn today(
    recorder: &Recorder,
    site: &SiteName,
    node: &NodeName,
    heads: &Heads,
    path: PathBuf,
    made: WallTime,
) -> Result<(), HeadError> {
    let looked = path.clone();
    if offload(move || looked.symlink_metadata().is_ok()).await.map_err(|_| JournalError::Closed)? {
        return Ok(());
    }
    let entries = recorder.read(|lab| lab.counters.seq);
    let Some(last) = recorder.records(entries, 1).await?.pop() else {
        return Err(JournalError::Ends { last: 0, state: entries }.into());
    };
    let (key, site, node) = (heads.key_file.clone(), site.clone(), node.clone());
    offload(move || {
        let signed = Signer::load(&key)?.sign(&site, &node, entries, last.hash, made);
        keep(&path, &signed)?;
        tracing::info!(entries, path = %path.display(), "the head of the journal is signed");
        Ok(())
    })
    .await
    .map_err(|_| JournalError::Closed)?
}

/// The public key in a file, or that text itself.
pub fn public_key(path: &Path) -> Result<[u8; 32], HeadError> {
    let bytes = read_small(path)?;
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    unhex(text.as_bytes()).ok_or_else(|| HeadError::NotPublic(path.to_owned()))
}

/// The signed heads of a folder, by how far they reach. Each is held against the key; names say nothing.
pub fn signed_heads(
    folder: &Path,
    public: &[u8; 32],
) -> Result<BTreeMap<u64, Vec<(PathBuf, SignedHead)>>, HeadError> {
    let unreadable = |error| HeadError::Unreadable { path: folder.to_owned(), error };
    let mut found: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)?.take(HEADS_MAX) {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let head = serde_json::from_slice::<SignedHead>(&read_small(&path)?).ok();
        let head =
            head.filter(|head| head.platen_head == FORMAT).ok_or_else(|| HeadError::NotHead(path.clone()))?;
        head.verify(&path, public)?;
        found.entry(head.entries).or_default().push((path, head));
    }
    if found.is_empty() { Err(HeadError::NoHeads(folder.to_owned())) } else { Ok(found) }
}

/// The newest heads by the days in their names, the newest first, each held against the site's own key. Blocks.
pub fn newest(heads: &Heads, most: usize) -> Result<Vec<SignedHead>, HeadError> {
    let unreadable = |error| HeadError::Unreadable { path: heads.folder.clone(), error };
    let key = Signer::load(&heads.key_file)?.public();
    let public = unhex::<32>(key.as_bytes()).ok_or_else(|| HeadError::NotKey(heads.key_file.clone()))?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&heads.folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("head-") && name.ends_with(".json") {
            found.push(path);
        }
    }
    found.sort_unstable();
    let read = |path: &PathBuf| {
        let head = serde_json::from_slice::<SignedHead>(&read_small(path)?).ok();
        let head =
            head.filter(|head| head.platen_head == FORMAT).ok_or_else(|| HeadError::NotHead(path.clone()))?;
        head.verify(path, &public).map(|()| head)
    };
    found.iter().rev().take(most).map(read).collect()
}

/// Holds a journal, entry by entry, against what was signed of it.
#[derive(Debug)]
pub struct Held {
    heads: BTreeMap<u64, Vec<(PathBuf, SignedHead)>>,
    first_wrong: Option<HeadError>,
    seen: usize,
}

impl Held {
    pub fn new(heads: BTreeMap<u64, Vec<(PathBuf, SignedHead)>>) -> Self {
        Self { heads, first_wrong: None, seen: 0 }
    }

    pub fn entry(&mut self, seq: u64, hash: ChainHash) {
        for (path, head) in self.heads.get(&seq).into_iter().flatten() {
            if head.head == hash.to_hex() {
                self.seen += 1;
            } else if self.first_wrong.is_none() {
                let (path, made) = (path.clone(), head.made.clone());
                self.first_wrong = Some(HeadError::Other { path, made, entries: seq });
            }
        }
    }

    /// How many heads fit, of a journal of so many entries that names this site.
    pub fn end(mut self, entries: u64, site: &SiteName, node: &NodeName) -> Result<usize, HeadError> {
        for (path, head) in self.heads.values().flatten() {
            if (&head.site, &head.node) != (site, node) {
                let (path, site, node) = (path.clone(), head.site.clone(), head.node.clone());
                return Err(HeadError::OtherSite { path, site, node });
            }
        }
        if let Some(wrong) = self.first_wrong.take() {
            return Err(wrong);
        }
        let beyond = self.heads.range(entries + 1..).next().and_then(|(_, heads)| heads.first());
        match beyond {
            Some((path, head)) => {
                let (path, made) = (path.clone(), head.made.clone());
                Err(HeadError::Shorter { path, made, entries: head.entries, now: entries })
            }
            None => Ok(self.seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (SiteName, NodeName) {
        ("st-anna".parse().unwrap(), "lab1".parse().unwrap())
    }

    fn chain(entries: u64, twist: u8) -> Vec<ChainHash> {
        let mut head = ChainHash::GENESIS;
        (1..=entries)
            .map(|seq| {
                head = head.next(&[u8::try_from(seq).unwrap(), twist]);
                head
            })
            .collect()
    }

    fn held(folder: &Path, public: &[u8; 32], journal: &[ChainHash]) -> Result<usize, HeadError> {
        let (site, node) = names();
        let mut held = Held::new(signed_heads(folder, public)?);
        for (at, hash) in journal.iter().enumerate() {
            held.entry(at as u64 + 1, *hash);
        }
        held.end(journal.len() as u64, &site, &node)
    }

    /// A folder with the heads of two days, at entries 4 and 9, and their key.
    fn kept() -> (tempfile::TempDir, [u8; 32], Vec<ChainHash>) {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::create(&folder.path().join("key")).unwrap();
        let (site, node) = names();
        let journal = chain(12, 0);
        for (day, entries) in [(0, 4), (1, 9)] {
            let made = WallTime(1_795_458_000_123 + day * 86_400_000);
            let head =
                signer.sign(&site, &node, entries, journal[usize::try_from(entries).unwrap() - 1], made);
            keep(&place(folder.path(), made), &head).unwrap();
        }
        let public = unhex(signer.public().as_bytes()).unwrap();
        (folder, public, journal)
    }

    #[test]
    fn a_journal_that_has_grown_fits_all_heads_that_were_signed_of_it() {
        let (folder, public, journal) = kept();
        assert_eq!(held(folder.path(), &public, &journal).unwrap(), 2);
        assert!(folder.path().join("head-2026-11-23.json").exists());
    }

    #[test]
    fn a_journal_that_was_written_anew_with_a_whole_chain_is_found() {
        let (folder, public, _) = kept();
        let told = held(folder.path(), &public, &chain(12, 1)).unwrap_err().to_string();
        assert!(
            told.starts_with("entry 4 is not the one that was signed on 2026-11-23T18:20:00.123Z"),
            "{told}"
        );
    }

    #[test]
    fn a_journal_whose_end_was_cut_off_is_found() {
        let (folder, public, journal) = kept();
        let told = held(folder.path(), &public, &journal[..6]).unwrap_err().to_string();
        assert!(
            told.starts_with("on 2026-11-24T18:20:00.123Z the journal had 9 entries, and now it has 6"),
            "{told}"
        );
    }

    #[test]
    fn a_head_in_which_any_byte_was_changed_is_not_believed() {
        let (folder, public, journal) = kept();
        let path = folder.path().join("head-2026-11-23.json");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let same = serde_json::from_slice::<SignedHead>(&changed).ok()
                == serde_json::from_slice::<SignedHead>(&whole).ok();
            std::fs::write(&path, &changed).unwrap();
            assert!(same || held(folder.path(), &public, &journal).is_err(), "byte {at}");
        }
        for end in 0..whole.len() - 2 {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(held(folder.path(), &public, &journal).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_head_of_another_key_or_another_lab_is_told_apart() {
        let (folder, public, journal) = kept();
        let other = Signer::create(&folder.path().join("other")).unwrap();
        let told = held(folder.path(), &unhex(other.public().as_bytes()).unwrap(), &journal).unwrap_err();
        assert!(matches!(told, HeadError::OtherKey(_)), "{told}");
        let mut heads = Held::new(signed_heads(folder.path(), &public).unwrap());
        heads.entry(4, journal[3]);
        let told = heads.end(12, &"elsewhere".parse().unwrap(), &"lab1".parse().unwrap()).unwrap_err();
        assert!(matches!(told, HeadError::OtherSite { .. }), "{told}");
    }

    #[test]
    fn the_newest_heads_come_first_and_only_those_of_the_site_s_own_key() {
        let (folder, _, _) = kept();
        let at = |name: &str| folder.path().join(name);
        let heads = |key: &str| Heads { folder: folder.path().to_owned(), key_file: at(key) };
        std::fs::write(at("notes.json"), "{}").unwrap();
        let entries = |most| -> Vec<u64> {
            newest(&heads("key"), most).unwrap().iter().map(|head| head.entries).collect()
        };
        assert_eq!((entries(5), entries(1)), (vec![9, 4], vec![9]));
        Signer::create(&at("other")).unwrap();
        assert!(matches!(newest(&heads("other"), 5), Err(HeadError::OtherKey(_))));
        std::fs::write(at("head-2026-11-25.json"), "{}").unwrap();
        assert!(matches!(newest(&heads("key"), 1), Err(HeadError::NotHead(_))));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Signer::create(&path).unwrap();
        assert!(
            matches!(Signer::create(&path), Err(HeadError::Unwritable { .. })),
            "one is never overwritten"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Signer::load(&path), Err(HeadError::Open(_))));
    }

    #[test]
    fn a_head_is_never_written_over() {
        let (folder, public, journal) = kept();
        let path = folder.path().join("head-2026-11-23.json");
        let whole = std::fs::read(&path).unwrap();
        let signer = Signer::load(&folder.path().join("key")).unwrap();
        let (site, node) = names();
        let other = signer.sign(&site, &node, 5, journal[4], WallTime(1_795_458_000_999));
        assert!(keep(&path, &other).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert_eq!(held(folder.path(), &public, &journal).unwrap(), 2);
    }
}
