//! Secrets, how they are made, and what is kept of them: passwords by argon2id, tokens and sessions by SHA-256.
//!
//! A password is guessable, so each guess is made dear, with a salt. A token is 256 random bits, which nobody
//! guesses, so that one SHA-256 does. Comparisons take as long for a wrong secret as for a right one.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::ids::{TokenId, hex};

/// A text that nobody else may see. It is wiped when it is dropped, and shows itself only when it is asked to.
#[derive(Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret of the configuration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    /// systemd has put it there for this service alone, whatever its mode says: an ACL shows as rights of a group.
    pub is_handed_over: bool,
}

/// The file of this path; of `credential:NAME` that which systemd hands over (`LoadCredential=NAME:…`).
pub fn place(named: &Path) -> io::Result<Place> {
    place_in(named, std::env::var_os("CREDENTIALS_DIRECTORY"))
}

fn place_in(named: &Path, folder: Option<OsString>) -> io::Result<Place> {
    let Some(name) = named.to_str().and_then(|named| named.strip_prefix("credential:")) else {
        return Ok(Place { path: named.to_owned(), is_handed_over: false });
    };
    match folder.filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(Place { path: Path::new(&folder).join(name), is_handed_over: true }),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "it is to come from systemd, and CREDENTIALS_DIRECTORY is not set; write LoadCredential= into platen's unit, or give the path of a file",
        )),
    }
}

/// What a hash of a password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// OWASP's password storage cheat sheet, its first choice for argon2id: 19 MiB, 2 passes, 1 lane. A farm's small
/// computer has that to spare, and one thread is taken for some 50 ms.
pub const COSTS: Costs = Costs { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

/// No file makes us take more than that: a hash that asks for it is damaged or somebody's trap.
const COSTS_MAX: Costs = Costs { memory_kib: 256 * 1024, passes: 16, lanes: 4 };

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("there is no memory to check a password; try again, and see what takes it all")]
    Memory,
    #[error("the kernel gives no random numbers: {0}; see to that before anybody signs in")]
    Random(getrandom::Error),
    #[error("a password cannot be hashed: {0}; this is a defect of platen")]
    Hash(argon2::Error),
}

const SALT: usize = 16;
const HASH: usize = 32;

/// What is kept of a password.
#[derive(Clone)]
pub struct PasswordHash {
    costs: Costs,
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
    Ok(bytes)
}

fn argon2id(
    password: &Secret,
    salt: &[u8; SALT],
    costs: Costs,
) -> Result<Zeroizing<[u8; HASH]>, SecretError> {
    let Costs { memory_kib, passes, lanes } = costs;
    let params = Params::new(memory_kib, passes, lanes, Some(HASH)).map_err(SecretError::Hash)?;
    // Taken here, so that a machine without memory says no to one person, and does not end the daemon.
    let mut blocks: Vec<Block> = Vec::new();
    blocks.try_reserve_exact(params.block_count()).map_err(|_| SecretError::Memory)?;
    blocks.resize(params.block_count(), Block::new());
    let mut hash = Zeroizing::new([0; HASH]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let password = password.expose().as_bytes();
    let done = argon2.hash_password_into_with_memory(password, salt, hash.as_mut(), &mut blocks);
    blocks.iter_mut().for_each(Zeroize::zeroize);
    done.map_err(SecretError::Hash)?;
    Ok(hash)
}

impl PasswordHash {
    /// Takes as long as `costs` says: call it where waiting is allowed.
    pub fn of(password: &Secret, costs: Costs) -> Result<Self, SecretError> {
        let salt = random()?;
        let hash = *argon2id(password, &salt, costs)?;
        Ok(Self { costs, salt, hash })
    }

    /// The same.
    pub fn verify(&self, password: &Secret) -> Result<bool, SecretError> {
        let hash = argon2id(password, &self.salt, self.costs)?;
        Ok(bool::from(hash.ct_eq(&self.hash)))
    }

    /// What it takes to check a password of somebody who has none, so that time does not tell who has one.
    pub fn verify_nobody(password: &Secret, costs: Costs) -> Result<bool, SecretError> {
        let nobody = Self { costs, salt: [0; SALT], hash: [0; HASH] };
        nobody.verify(password).map(|_| false)
    }

    pub fn costs(&self) -> Costs {
        self.costs
    }

    /// As every library writes it (PHC): `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    pub fn to_text(&self) -> String {
        let Costs { memory_kib, passes, lanes } = self.costs;
        let (salt, hash) = (STANDARD_NO_PAD.encode(self.salt), STANDARD_NO_PAD.encode(self.hash));
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }
}

/// A text that is no hash of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHash {
    #[error("it is no argon2id hash of version 19 with a salt of 16 and a hash of 32 bytes")]
    Form,
    #[error("it asks for more memory or passes than platen gives a password (256 MiB, 16 passes, 4 lanes)")]
    Costs,
}

impl FromStr for PasswordHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let mut fields = text.split('$');
        let head = [fields.next(), fields.next(), fields.next()];
        let (Some(costs), Some(salt), Some(hash), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(NoHash::Form);
        };
        if head != [Some(""), Some("argon2id"), Some("v=19")] {
            return Err(NoHash::Form);
        }
        let read = || {
            let mut costs = costs.split(',');
            let memory = costs.next()?.strip_prefix("m=")?.parse().ok()?;
            let passes = costs.next()?.strip_prefix("t=")?.parse().ok()?;
            let lanes = costs.next()?.strip_prefix("p=")?.parse().ok()?;
            let end = costs.next().is_none();
            end.then_some(Costs { memory_kib: memory, passes, lanes })
        };
        let costs = read().ok_or(NoHash::Form)?;
        let Costs { memory_kib, passes, lanes } = COSTS_MAX;
        if costs.memory_kib > memory_kib || costs.passes > passes || costs.lanes > lanes {
            return Err(NoHash::Costs);
        }
        Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(HASH)).map_err(|_| NoHash::Form)?;
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| NoHash::Form);
        let salt = bytes(salt)?.try_into().map_err(|_| NoHash::Form)?;
        let hash = bytes(hash)?.try_into().map_err(|_| NoHash::Form)?;
        let read = Self { costs, salt, hash };
        // One text for each hash: no leading zeros or signs.
        if read.to_text() == text { Ok(read) } else { Err(NoHash::Form) }
    }
}

/// What every token begins with, so that people and scanners of leaked secrets know one when they see it.
pub const PREFIX: &str = "platen_";

/// What is kept of a token or a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl TokenHash {
    pub fn to_text(self) -> String {
        hex(&self.0)
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    pub fn bytes(self) -> [u8; 32] {
        self.0
    }
}

/// A new secret of 256 random bits: `platen_<id>_<secret>`. The secret is shown once, and only its hash is kept.
#[derive(Debug)]
pub struct NewToken {
    pub id: TokenId,
    pub shown: Secret,
    pub hash: TokenHash,
}

impl NewToken {
    pub fn make() -> Result<Self, SecretError> {
        let id = new_id()?;
        let bytes = Zeroizing::new(random::<32>()?);
        let secret = Zeroizing::new(hex(bytes.as_ref()));
        let shown = Secret::new(format!("{PREFIX}{id}_{}", secret.as_str()));
        let hash = hash_of(shown.expose());
        Ok(Self { id, shown, hash })
    }
}

pub fn new_id() -> Result<TokenId, SecretError> {
    Ok(TokenId::from_entropy(random()?))
}

fn hash_of(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

/// A token as somebody sent it.
#[derive(Debug)]
pub struct GivenToken {
    pub id: TokenId,
    hash: TokenHash,
}

impl GivenToken {
    /// `None` where it does not even look like one.
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let hexadecimal = secret.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if secret.len() != 64 || !hexadecimal {
            return None;
        }
        Some(Self { id: id.parse().ok()?, hash: hash_of(text) })
    }

    /// Whether it is the one of which this was kept.
    pub fn is(&self, kept: &[u8; 32]) -> bool {
        bool::from(self.hash.0.ct_eq(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The least that argon2 takes: tests are about whether, not how long.
    const QUICK: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };

    #[test]
    fn a_credential_is_where_systemd_has_put_it_and_nowhere_without_systemd() {
        let (named, folder) =
            (Path::new("credential:mqtt"), Some(OsString::from("/run/credentials/platen.service")));
        let place = place_in(named, folder.clone()).unwrap();
        assert_eq!(place.path, Path::new("/run/credentials/platen.service/mqtt"));
        assert!(place.is_handed_over);
        for none in [None, Some(OsString::new())] {
            assert!(place_in(named, none).unwrap_err().to_string().contains("LoadCredential="));
        }
        let file = place_in(Path::new("/etc/platen/mqtt.password"), folder).unwrap();
        assert_eq!(file, Place { path: "/etc/platen/mqtt.password".into(), is_handed_over: false });
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_shipped_costs_are_those_that_owasp_asks_for_at_least() {
        assert_eq!((COSTS.memory_kib, COSTS.passes, COSTS.lanes), (19_456, 2, 1));
        let text = PasswordHash::of(&secret("correct horse battery"), COSTS).unwrap().to_text();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    }

    #[test]
    fn argon2id_is_the_one_of_everybody_else() {
        // Made with argon2-cffi, which is the reference implementation.
        for (password, text) in [
            (
                "correct horse battery",
                "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$hKAbWgyQdV+xg8l/rwb/M8JbLs4epFAbdbuSAw1BK9I",
            ),
            (
                "correct horse battery",
                "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$/HetJC6LZ4lnwgLB+wJSS2a9bFu2Kq4HxwNWzoJq2qU",
            ),
            (
                "Geheimes Wörterbuch 金",
                "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$d1LC1dH0uQkPpKhmotGgf8jNanyj8MQAe0qkEQi3ElY",
            ),
        ] {
            let hash: PasswordHash = text.parse().unwrap();
            assert!(hash.verify(&secret(password)).unwrap(), "{text}");
            assert!(!hash.verify(&secret("another one")).unwrap(), "{text}");
        }
    }

    #[test]
    fn a_password_is_found_right_or_wrong_and_no_two_hashes_are_alike() {
        let hash = PasswordHash::of(&secret("correct horse battery"), QUICK).unwrap();
        assert!(hash.verify(&secret("correct horse battery")).unwrap());
        for wrong in ["", "correct horse batterz", "Correct horse battery", "correct horse battery "] {
            assert!(!hash.verify(&secret(wrong)).unwrap(), "{wrong}");
        }
        let again = PasswordHash::of(&secret("correct horse battery"), QUICK).unwrap();
        assert_ne!(hash.to_text(), again.to_text());
        assert!(!PasswordHash::verify_nobody(&secret("correct horse battery"), QUICK).unwrap());
    }

    #[test]
    fn a_hash_is_read_back_as_it_was_written_and_nothing_else_is_read() {
        let hash = PasswordHash::of(&secret("correct horse battery"), QUICK).unwrap();
        let text = hash.to_text();
        let back: PasswordHash = text.parse().unwrap();
        assert_eq!(back.to_text(), text);
        assert!(back.verify(&secret("correct horse battery")).unwrap());
        for end in 0..text.len() {
            assert_eq!(text[..end].parse::<PasswordHash>().unwrap_err(), NoHash::Form, "{}", &text[..end]);
        }
        for (from, to, wanted) in [
            ("argon2id", "argon2i", NoHash::Form),
            ("v=19", "v=16", NoHash::Form),
            ("m=8", "m=08", NoHash::Form),
            ("m=8", "m=+8", NoHash::Form),
            ("m=8", "m=7", NoHash::Form),
            ("m=8", "m=0", NoHash::Form),
            ("m=8", "m=262145", NoHash::Costs),
            ("m=8", "m=99999999999", NoHash::Form),
            ("t=1", "t=0", NoHash::Form),
            ("t=1", "t=17", NoHash::Costs),
            ("p=1", "p=5", NoHash::Costs),
            ("p=1", "p=1,x=1", NoHash::Form),
            ("$argon2id", "$$argon2id", NoHash::Form),
        ] {
            let other = text.replacen(from, to, 1);
            assert_eq!(other.parse::<PasswordHash>().unwrap_err(), wanted, "{other}");
        }
        assert_eq!(format!("{text}$").parse::<PasswordHash>().unwrap_err(), NoHash::Form);
        assert_eq!(format!("{text}\n").parse::<PasswordHash>().unwrap_err(), NoHash::Form);
    }

    #[test]
    fn nothing_that_holds_a_secret_shows_it_in_a_debug_text() {
        let password = secret("correct horse battery");
        let hash = PasswordHash::of(&password, QUICK).unwrap();
        let token = NewToken::make().unwrap();
        let given = GivenToken::read(token.shown.expose()).unwrap();
        let shown = format!("{password:?} {hash:?} {token:?} {given:?} {:#?} {:#?}", token, hash);
        let secrets = [
            "correct horse".to_owned(),
            hash.to_text().rsplit('$').next().unwrap().to_owned(),
            token.shown.expose().rsplit('_').next().unwrap().to_owned(),
            token.hash.to_text(),
        ];
        for secret in secrets {
            assert!(!shown.contains(&secret), "{shown}");
        }
        assert!(shown.contains(token.id.as_str()), "the id is none: {shown}");
    }

    #[test]
    fn a_token_has_a_readable_head_an_id_and_256_random_bits() {
        let (one, other) = (NewToken::make().unwrap(), NewToken::make().unwrap());
        let text = one.shown.expose();
        let (id, random) = text.strip_prefix("platen_").unwrap().split_once('_').unwrap();
        assert_eq!((id, random.len()), (one.id.as_str(), 64));
        assert_ne!(one.id, other.id);
        assert_ne!(random, other.shown.expose().rsplit('_').next().unwrap());
        let given = GivenToken::read(text).unwrap();
        assert_eq!(given.id, one.id);
        assert!(given.is(&one.hash.bytes()) && !given.is(&other.hash.bytes()));
        assert!(!one.hash.to_text().contains(&random[..8]));
    }

    #[test]
    fn a_changed_token_is_another_one_and_a_cut_one_is_none() {
        let token = NewToken::make().unwrap();
        let text = token.shown.expose();
        for at in 0..text.len() {
            assert!(GivenToken::read(&text[..at]).is_none(), "{at}");
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert!(!GivenToken::read(&other).is_some_and(|given| given.is(&token.hash.bytes())), "{other}");
        }
        for other in
            [format!("{text}0"), format!(" {text}"), text.to_uppercase(), text.replace("platen_", "")]
        {
            assert!(!GivenToken::read(&other).is_some_and(|given| given.is(&token.hash.bytes())), "{other}");
        }
    }

    #[test]
    fn a_token_s_hash_is_read_back_from_its_text() {
        let hash = NewToken::make().unwrap().hash;
        assert_eq!(TokenHash::from_text(&hash.to_text()), Some(hash));
        let text = hash.to_text();
        for bad in [
            "",
            &text[1..],
            &text.to_uppercase().replace(|c: char| c.is_ascii_digit(), "G"),
            &format!("{text}0"),
        ] {
            assert_eq!(TokenHash::from_text(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_as_a_token_is_read_without_a_panic(text in "\\PC{0,120}|platen_[0-9a-z_]{0,100}") {
            let _ = GivenToken::read(&text);
            let _ = text.parse::<PasswordHash>();
            let _ = TokenHash::from_text(&text);
        }
    }
}
