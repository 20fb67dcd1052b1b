//! The file of hashes: of each user's password, and of their tokens. The journal knows who they are, and this
//! file lets them in: either alone lets nobody in.
//!
//! ```text
//! platen-credentials 1
//! {"users":{"ada":{"password":"$argon2id$…","tokens":{"<id>":"<sha-256>"},"digests":{"<id>":"<HA1>"}}},"setup":null}
//! sha256 <of the two lines before>
//! ```
//! `digests` has those tokens alone that were issued for HTTP digest (`io::digest`): with HA1 one can come in.
//! It is replaced whole or not at all, and one that was cut, changed or made by somebody else is told and left
//! as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::digest::DigestHashes;
use super::durable::{new_file, open_plain, rename_new};
use super::replace::{ReplaceError, Replaceable};
use super::secret::{PasswordHash, SecretError, TokenHash, new_id};
use crate::domain::ids::{TokenId, hex};
use crate::domain::people::Label;
use crate::domain::people::name::{PrintedName, UserName};
use crate::domain::people::roles::Role;

/// The file's place in the state folder.
pub const FILE: &str = "credentials";
/// Its first line, but for the version.
const MAGIC: &str = "platen-credentials ";
const VERSION: u32 = 1;
/// As many users and tokens as there may be, all of them for digests, take two thirds of it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What goes wrong with the file: what, which, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("nobody is set up yet: there is no {0}; run `platen setup` at this machine")]
    Missing(PathBuf),
    #[error("{0} is there already; nothing is written over it")]
    Exists(PathBuf),
    #[error("{path} cannot be read: {error}; see that it is a plain file that platen's user may read")]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error(
        "{path} may be read or written by others (mode {mode:o}): `chmod 600` it, and have everybody choose a new password if others could"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("{0} is no file of platen's credentials; move it away if it is somebody else's")]
    Foreign(PathBuf),
    #[error(
        "{path} was written in version {found}, this platen reads {VERSION}; use the platen that wrote it, or a newer one"
    )]
    Version { path: PathBuf, found: String },
    #[error(
        "{path} is damaged ({detail}); put a copy of it back, or move it away and run `platen setup`: then everybody gets a new password"
    )]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "{path} cannot be written: {error}; nothing was changed: see to the disk and the folder's rights"
    )]
    Unwritable { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    #[error("there is no password or token of {0} in {1}; have an admin set a password")]
    NoUser(UserName, PathBuf),
    #[error("there is a password of {0} in {1} already; change it instead")]
    UserExists(UserName, PathBuf),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// What is kept of one user.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(with = "password_text", default, skip_serializing_if = "Option::is_none")]
    password: Option<Hash>,
    #[serde(with = "token_texts", default, skip_serializing_if = "BTreeMap::is_empty")]
    tokens: BTreeMap<TokenId, TokenHash>,
    /// Of those tokens that serve for digests.
    #[serde(with = "digest_texts", default, skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<TokenId, DigestHashes>,
}

impl Entry {
    fn of(password: PasswordHash) -> Self {
        Self { password: Some(Hash(password)), ..Self::default() }
    }
}

/// What is kept of one token.
#[derive(Clone, Copy, Debug)]
pub struct KeptToken<'c> {
    pub id: &'c TokenId,
    pub owner: &'c UserName,
    pub hash: TokenHash,
    pub digest: Option<DigestHashes>,
}

/// Compared by its text, in tests.
#[derive(Clone)]
struct Hash(PasswordHash);

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_text() == other.0.to_text()
    }
}

impl Eq for Hash {}

/// Whom `platen setup` has made admin, until the daemon has told the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    pub name: UserName,
    pub printed: PrintedName,
}

/// A token that `platen setup` has made, until the daemon has told the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedToken {
    pub owner: UserName,
    pub token: TokenId,
    pub label: Label,
    pub roles: BTreeSet<Role>,
}

/// All hashes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    users: BTreeMap<UserName, Entry>,
    #[serde(rename = "setup")]
    set_up: Option<SetUp>,
    #[serde(rename = "setup_tokens", default, skip_serializing_if = "Vec::is_empty")]
    prepared: Vec<PreparedToken>,
}

mod password_text {
    use super::Hash;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &Option<Hash>, to: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(Hash(hash)) => to.serialize_str(&hash.to_text()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Hash>, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(|hash| Some(Hash(hash))).map_err(serde::de::Error::custom)
    }
}

mod token_texts {
    use crate::domain::ids::TokenId;
    use crate::io::secret::TokenHash;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    type Hashes = BTreeMap<TokenId, TokenHash>;

    pub(super) fn serialize<S: Serializer>(hashes: &Hashes, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(hashes.iter().map(|(id, hash)| (id, hash.to_text())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hashes, D::Error> {
        let texts = BTreeMap::<TokenId, String>::deserialize(from)?;
        let read = |(id, text): (TokenId, String)| Some((id, TokenHash::from_text(&text)?));
        let hashes: Option<_> = texts.into_iter().map(read).collect();
        hashes.ok_or_else(|| serde::de::Error::custom("a token's hash is 64 hexadecimal digits"))
    }
}

mod digest_texts {
    use crate::domain::ids::TokenId;
    use crate::io::digest::DigestHashes;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    type Hashes = BTreeMap<TokenId, DigestHashes>;

    pub(super) fn serialize<S: Serializer>(hashes: &Hashes, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(hashes.iter().map(|(id, hashes)| (id, hashes.to_text())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hashes, D::Error> {
        let texts = BTreeMap::<TokenId, String>::deserialize(from)?;
        let read = |(id, text): (TokenId, String)| Some((id, DigestHashes::from_text(&text)?));
        let hashes: Option<_> = texts.into_iter().map(read).collect();
        hashes.ok_or_else(|| serde::de::Error::custom("what a digest needs is 96 bytes in base64"))
    }
}

impl Credentials {
    fn to_text(&self, path: &Path) -> Result<Zeroizing<String>, CredentialsError> {
        let json = serde_json::to_string(self).map_err(|error| {
            let error = std::io::Error::other(error);
            CredentialsError::Unwritable { path: path.to_owned(), error }
        })?;
        let json = Zeroizing::new(json);
        let mut text = Zeroizing::new(format!("{MAGIC}{VERSION}\n{}\n", json.as_str()));
        let sum = sum_of(&text);
        text.push_str(&sum);
        Ok(text)
    }

    fn from_text(path: &Path, text: &str) -> Result<Self, CredentialsError> {
        let damaged =
            |detail: &str| CredentialsError::Damaged { path: path.to_owned(), detail: detail.to_owned() };
        let Some(rest) = text.strip_prefix(MAGIC) else {
            // A file that was cut within its first line is ours all the same.
            return Err(if MAGIC.starts_with(text) {
                damaged("it is cut off")
            } else {
                CredentialsError::Foreign(path.to_owned())
            });
        };
        let (version, _) = rest.split_once('\n').ok_or_else(|| damaged("it is cut off"))?;
        if version != VERSION.to_string() {
            let found = version.chars().filter(|c| !c.is_control()).take(20).collect();
            return Err(CredentialsError::Version { path: path.to_owned(), found });
        }
        let at = text.rfind("sha256 ").ok_or_else(|| damaged("it is cut off"))?;
        let (content, sum) = text.split_at(at);
        if sum_of(content) != sum {
            return Err(damaged("it is cut off, or was changed by hand"));
        }
        let json = content.split_once('\n').map_or("", |(_, json)| json);
        serde_json::from_str(json).map_err(|error| {
            // The words of serde_json could hold a piece of the file.
            let (line, column) = (error.line() + 1, error.column());
            damaged(&format!("line {line}, column {column} cannot be understood"))
        })
    }
}

/// The last line, over all that stands before it.
fn sum_of(content: &str) -> String {
    format!("sha256 {}\n", hex(&Sha256::digest(content.as_bytes())))
}

/// The file, as it was last read or written. All calls that change it block until it is on the disk.
pub struct CredentialsFile {
    path: PathBuf,
    text: Zeroizing<String>,
    all: Credentials,
}

impl fmt::Debug for CredentialsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.all.users.len();
        f.debug_struct("CredentialsFile")
            .field("path", &self.path)
            .field("users", &users)
            .finish_non_exhaustive()
    }
}

impl CredentialsFile {
    /// A new file with nobody in it; one that is there stays as it is.
    pub fn create(path: &Path) -> Result<Self, CredentialsError> {
        Self::create_with(path, Credentials::default())
    }

    /// A new file with a first admin, whom the daemon tells to the journal when it starts.
    pub fn set_up(path: &Path, first: SetUp, password: PasswordHash) -> Result<Self, CredentialsError> {
        let mut all = Credentials::default();
        all.users.insert(first.name.clone(), Entry::of(password));
        all.set_up = Some(first);
        Self::create_with(path, all)
    }

    fn create_with(path: &Path, all: Credentials) -> Result<Self, CredentialsError> {
        let unwritable = |error| CredentialsError::Unwritable { path: path.to_owned(), error };
        if path.symlink_metadata().is_ok() {
            return Err(CredentialsError::Exists(path.to_owned()));
        }
        let text = all.to_text(path)?;
        let beside = path.with_file_name(format!(".{FILE}.{}.new", new_id()?));
        let write = || {
            let mut file = new_file(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            rename_new(&beside, path)
        };
        let written = write();
        if written.is_err() {
            // It has no name of its own yet, so nobody misses it.
            let _ = std::fs::remove_file(&beside);
        }
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(CredentialsError::Exists(path.to_owned()))
            }
            Err(error) => Err(unwritable(error)),
            Ok(()) => Ok(Self { path: path.to_owned(), text, all }),
        }
    }

    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let unreadable = |error| CredentialsError::Unreadable { path: path.to_owned(), error };
        let mut file = match open_plain(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(CredentialsError::Missing(path.to_owned()));
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Open { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let read =
            Read::by_ref(&mut file).take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if read > BYTES_MAX {
            return Err(CredentialsError::Foreign(path.to_owned()));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(if bytes.starts_with(MAGIC.as_bytes()) {
                let detail = "it has bytes that platen never writes".to_owned();
                CredentialsError::Damaged { path: path.to_owned(), detail }
            } else {
                CredentialsError::Foreign(path.to_owned())
            });
        };
        let all = Credentials::from_text(path, text)?;
        Ok(Self { path: path.to_owned(), text: Zeroizing::new(text.to_owned()), all })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everybody of whom there is a password or a token.
    pub fn names(&self) -> BTreeSet<UserName> {
        self.all.users.keys().cloned().collect()
    }

    /// Whom `platen setup` has prepared, and the journal does not know of yet.
    pub fn to_adopt(&self) -> Option<&SetUp> {
        self.all.set_up.as_ref()
    }

    /// Tokens that `platen setup` has made, and the journal does not know of yet.
    pub fn to_issue(&self) -> &[PreparedToken] {
        &self.all.prepared
    }

    /// The hash of somebody's password, to be verified where waiting is allowed.
    pub fn password(&self, name: &UserName) -> Option<&PasswordHash> {
        self.all.users.get(name)?.password.as_ref().map(|Hash(hash)| hash)
    }

    /// Whose token it is, and its hash.
    pub fn token(&self, id: &TokenId) -> Option<(&UserName, &TokenHash)> {
        self.all.users.iter().find_map(|(name, entry)| Some((name, entry.tokens.get(id)?)))
    }

    /// All tokens, whose each is, and what is kept of it.
    pub fn tokens(&self) -> impl Iterator<Item = KeptToken<'_>> {
        self.all.users.iter().flat_map(|(owner, entry)| {
            entry.tokens.iter().map(move |(id, hash)| {
                let digest = entry.digests.get(id).copied();
                KeptToken { id, owner, hash: *hash, digest }
            })
        })
    }

    fn change(
        &mut self,
        how: impl FnOnce(&mut Credentials, &Path) -> Result<(), CredentialsError>,
    ) -> Result<(), CredentialsError> {
        let mut all = self.all.clone();
        how(&mut all, &self.path)?;
        if all == self.all {
            return Ok(());
        }
        let text = all.to_text(&self.path)?;
        let file = Replaceable::open(&self.path)?;
        if file.text() != self.text.as_str() {
            return Err(ReplaceError::Changed(self.path.clone()).into());
        }
        file.replace(&text)?;
        (self.text, self.all) = (text, all);
        Ok(())
    }

    /// The first password of somebody who has none and no tokens.
    pub fn add(&mut self, name: &UserName, password: PasswordHash) -> Result<(), CredentialsError> {
        self.change(|all, path| {
            if all.users.contains_key(name) {
                return Err(CredentialsError::UserExists(name.clone(), path.to_owned()));
            }
            all.users.insert(name.clone(), Entry::of(password));
            Ok(())
        })
    }

    /// Another password, or the first one; tokens stay.
    pub fn set_password(&mut self, name: &UserName, password: PasswordHash) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            all.users.entry(name.clone()).or_default().password = Some(Hash(password));
            Ok(())
        })
    }

    /// A new password at the machine: whoever knew the old one has no tokens left either.
    pub fn reset(&mut self, who: SetUp, password: PasswordHash) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            all.users.insert(who.name.clone(), Entry::of(password));
            all.prepared.retain(|prepared| prepared.owner != who.name);
            all.set_up = Some(who);
            Ok(())
        })
    }

    /// A token that is made at the machine: the daemon tells it to the journal at its next start.
    pub fn prepare_token(&mut self, token: PreparedToken, hash: TokenHash) -> Result<(), CredentialsError> {
        self.change(|all, path| {
            let Some(entry) = all.users.get_mut(&token.owner) else {
                return Err(CredentialsError::NoUser(token.owner.clone(), path.to_owned()));
            };
            entry.tokens.insert(token.token.clone(), hash);
            all.prepared.push(token);
            Ok(())
        })
    }

    /// The journal knows of all tokens that setup has made, or will not have them.
    pub fn issued(&mut self) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            all.prepared.clear();
            Ok(())
        })
    }

    /// The journal knows of whom setup has prepared.
    pub fn adopted(&mut self) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            all.set_up = None;
            Ok(())
        })
    }

    pub fn keep_token(
        &mut self,
        name: &UserName,
        id: TokenId,
        hash: TokenHash,
        digest: Option<DigestHashes>,
    ) -> Result<(), CredentialsError> {
        self.change(|all, path| {
            let Some(entry) = all.users.get_mut(name) else {
                return Err(CredentialsError::NoUser(name.clone(), path.to_owned()));
            };
            if let Some(digest) = digest {
                entry.digests.insert(id.clone(), digest);
            }
            entry.tokens.insert(id, hash);
            Ok(())
        })
    }

    /// After this it lets nobody in; one that is not there is gone already.
    pub fn drop_token(&mut self, name: &UserName, id: &TokenId) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            if let Some(entry) = all.users.get_mut(name) {
                entry.tokens.remove(id);
                entry.digests.remove(id);
            }
            Ok(())
        })
    }

    /// Password and tokens of somebody who is disabled.
    pub fn forget(&mut self, name: &UserName) -> Result<(), CredentialsError> {
        self.change(|all, _| {
            all.users.remove(name);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::secret::{Costs, NewToken, Secret};
    use std::fs::Permissions;
    use tempfile::TempDir;

    const QUICK: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };

    fn name(name: &str) -> UserName {
        name.parse().unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::of(&secret(text), QUICK).unwrap()
    }

    fn ada() -> SetUp {
        SetUp { name: name("ada"), printed: "Ada Lovelace".parse().unwrap() }
    }

    /// A file with one admin and a token.
    fn kept() -> (TempDir, CredentialsFile, NewToken) {
        let folder = tempfile::tempdir().unwrap();
        let mut file =
            CredentialsFile::set_up(&folder.path().join(FILE), ada(), hash("notes on the engine")).unwrap();
        let token = NewToken::make().unwrap();
        file.keep_token(&name("ada"), token.id.clone(), token.hash, None).unwrap();
        (folder, file, token)
    }

    fn loaded(file: &CredentialsFile) -> CredentialsFile {
        CredentialsFile::load(file.path()).unwrap()
    }

    fn names_in(folder: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_was_kept_is_read_back_and_lets_in() {
        let (folder, mut file, token) = kept();
        file.add(&name("kim"), hash("a cat on the bed")).unwrap();
        let back = loaded(&file);
        assert!(back.password(&name("ada")).unwrap().verify(&secret("notes on the engine")).unwrap());
        assert!(back.password(&name("kim")).unwrap().verify(&secret("a cat on the bed")).unwrap());
        assert!(!back.password(&name("kim")).unwrap().verify(&secret("notes on the engine")).unwrap());
        assert_eq!(back.token(&token.id).unwrap(), (&name("ada"), &token.hash));
        assert_eq!(back.names(), BTreeSet::from([name("ada"), name("kim")]));
        assert_eq!(names_in(&folder), [FILE]);
    }

    #[test]
    fn only_its_owner_may_read_it_also_after_it_was_replaced() {
        let (_folder, mut file, _) = kept();
        let mode = |file: &CredentialsFile| file.path().metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&file), 0o600);
        file.set_password(&name("ada"), hash("another password")).unwrap();
        assert_eq!(mode(&file), 0o600);
        for bits in [0o640, 0o604, 0o620, 0o666] {
            std::fs::set_permissions(file.path(), Permissions::from_mode(bits)).unwrap();
            let error = CredentialsFile::load(file.path()).unwrap_err();
            assert!(matches!(error, CredentialsError::Open { mode, .. } if mode == bits), "{error}");
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_is_an_error_and_is_left_as_it_is() {
        let (_folder, file, _) = kept();
        let whole = std::fs::read(file.path()).unwrap();
        for end in 0..whole.len() {
            std::fs::write(file.path(), &whole[..end]).unwrap();
            let error = CredentialsFile::load(file.path()).unwrap_err();
            assert!(matches!(error, CredentialsError::Damaged { .. }), "{end}: {error}");
            assert_eq!(std::fs::read(file.path()).unwrap(), whole[..end]);
        }
    }

    #[test]
    fn a_file_with_any_byte_changed_is_an_error() {
        let (_folder, file, _) = kept();
        let whole = std::fs::read(file.path()).unwrap();
        for at in 0..whole.len() {
            for flip in [1, 0x20, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                std::fs::write(file.path(), &changed).unwrap();
                assert!(CredentialsFile::load(file.path()).is_err(), "byte {at} ^ {flip}");
            }
        }
        let doubled = [whole.as_slice(), &whole].concat();
        for other in [doubled, [&whole[..], b"\n"].concat(), [b"\n", &whole[..]].concat()] {
            std::fs::write(file.path(), other).unwrap();
            assert!(CredentialsFile::load(file.path()).is_err());
        }
    }

    #[test]
    fn somebody_else_s_file_is_told_apart_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let put = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        };
        put(b"[default]\nkey = 1\n");
        assert!(matches!(CredentialsFile::load(&path), Err(CredentialsError::Foreign(_))));
        assert!(matches!(CredentialsFile::set_up(&path, ada(), hash("x")), Err(CredentialsError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"[default]\nkey = 1\n");
        put(&[0xff, 0xfe, 0]);
        assert!(matches!(CredentialsFile::load(&path), Err(CredentialsError::Foreign(_))));
        put(&vec![b'x'; BYTES_MAX + 1]);
        assert!(matches!(CredentialsFile::load(&path), Err(CredentialsError::Foreign(_))));
        put(b"platen-credentials 2\n{}\nsha256 x\n");
        let error = CredentialsFile::load(&path).unwrap_err();
        assert!(matches!(&error, CredentialsError::Version { found, .. } if found == "2"), "{error}");
        put(format!("{MAGIC}1\n{{\"users\":{{}},\"more\":1}}\n").as_bytes());
        assert!(matches!(CredentialsFile::load(&path), Err(CredentialsError::Damaged { .. })));
    }

    #[test]
    fn what_fits_its_sum_and_is_no_list_of_hashes_is_an_error_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for json in [
            r#"{"users":{},"setup":null,"more":1}"#,
            r#"{"users":{"ada":{"password":"hunter2hunter2"}},"setup":null}"#,
            r#"{"users":{"ada":{"tokens":{"0000000000000000":"hunter2"}}},"setup":null}"#,
            r#"{"users":{"ada":{"digests":{"0000000000000000":"hunter2"}}},"setup":null}"#,
            r#"{"users":{"a\nda":{}},"setup":null}"#,
            "",
            "{}",
        ] {
            let content = format!("{MAGIC}1\n{json}\n");
            std::fs::write(&path, format!("{content}{}", sum_of(&content))).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let error = CredentialsFile::load(&path).unwrap_err();
            assert!(matches!(error, CredentialsError::Damaged { .. }), "{json}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn links_pipes_and_folders_are_no_credentials() {
        let (folder, file, _) = kept();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(file.path(), &link).unwrap();
        assert!(matches!(CredentialsFile::load(&link), Err(CredentialsError::Unreadable { .. })));
        assert!(matches!(CredentialsFile::load(folder.path()), Err(CredentialsError::Unreadable { .. })));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(CredentialsFile::load(&pipe), Err(CredentialsError::Unreadable { .. })));
        let missing = folder.path().join("missing");
        assert!(matches!(CredentialsFile::load(&missing), Err(CredentialsError::Missing(_))));
    }

    #[test]
    fn what_somebody_else_has_written_meanwhile_is_not_written_over() {
        let (_folder, mut one, _) = kept();
        let mut other = loaded(&one);
        other.add(&name("kim"), hash("a cat on the bed")).unwrap();
        let error = one.add(&name("lee"), hash("a dog on the bed")).unwrap_err();
        assert!(matches!(error, CredentialsError::Replace(ReplaceError::Changed(_))), "{error}");
        assert_eq!(one.names(), BTreeSet::from([name("ada")]), "what failed is not so in memory either");
        assert_eq!(loaded(&one).names(), BTreeSet::from([name("ada"), name("kim")]));
    }

    #[test]
    fn a_token_that_was_dropped_and_a_user_who_was_forgotten_are_gone_from_the_disk() {
        let (_folder, mut file, token) = kept();
        file.drop_token(&name("ada"), &token.id).unwrap();
        assert_eq!(loaded(&file).token(&token.id), None);
        file.drop_token(&name("ada"), &token.id).unwrap();
        file.keep_token(&name("ada"), token.id.clone(), token.hash, None).unwrap();
        file.forget(&name("ada")).unwrap();
        let back = loaded(&file);
        assert!(back.token(&token.id).is_none() && back.password(&name("ada")).is_none());
        let error = file.keep_token(&name("ada"), token.id.clone(), token.hash, None).unwrap_err();
        assert!(matches!(error, CredentialsError::NoUser(..)), "{error}");
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains(&token.hash.to_text()));
    }

    #[test]
    fn what_a_digest_needs_is_kept_of_those_tokens_alone_that_serve_for_it_and_goes_with_them() {
        let (_folder, mut file, plain) = kept();
        let before = std::fs::read_to_string(file.path()).unwrap();
        assert!(!before.contains("digests"), "a file without one is as it always was");
        let token = NewToken::make().unwrap();
        let digest = DigestHashes::of("ada", &token.shown);
        let keep = |file: &mut CredentialsFile| {
            file.keep_token(&name("ada"), token.id.clone(), token.hash, Some(digest)).unwrap();
        };
        keep(&mut file);
        let of = |file: &CredentialsFile| -> BTreeMap<TokenId, Option<DigestHashes>> {
            file.tokens().map(|kept| (kept.id.clone(), kept.digest)).collect()
        };
        let both = BTreeMap::from([(plain.id.clone(), None), (token.id.clone(), Some(digest))]);
        assert_eq!(of(&loaded(&file)), both);
        file.drop_token(&name("ada"), &token.id).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), before);
        keep(&mut file);
        file.reset(ada(), hash("a third password")).unwrap();
        assert!(of(&loaded(&file)).is_empty());
        assert!(!std::fs::read_to_string(file.path()).unwrap().contains("digests"));
    }

    #[test]
    fn a_password_is_added_once_changed_often_and_reset_takes_the_tokens_along() {
        let (_folder, mut file, token) = kept();
        let error = file.add(&name("ada"), hash("another password")).unwrap_err();
        assert!(matches!(error, CredentialsError::UserExists(..)), "{error}");
        file.set_password(&name("ada"), hash("another password")).unwrap();
        assert!(loaded(&file).token(&token.id).is_some());
        assert!(file.password(&name("ada")).unwrap().verify(&secret("another password")).unwrap());
        file.adopted().unwrap();
        assert_eq!(loaded(&file).to_adopt(), None);
        file.reset(ada(), hash("a third password")).unwrap();
        let back = loaded(&file);
        assert_eq!((back.token(&token.id), back.to_adopt()), (None, Some(&ada())));
    }

    #[test]
    fn no_password_and_no_token_stands_in_the_file_or_in_a_debug_text() {
        let (_folder, file, token) = kept();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let random = token.shown.expose().rsplit('_').next().unwrap();
        for shown in [text, format!("{file:?}")] {
            assert!(!shown.contains("notes on the engine") && !shown.contains(random), "{shown}");
        }
        assert!(!format!("{file:?}").contains("argon2id"));
    }
}
