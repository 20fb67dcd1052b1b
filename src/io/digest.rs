//! HTTP digest (RFC 7616): what is computed of a name, a token and a request, and what is kept for it.
//!
//! ```text
//! HA1 = H(name:realm:token)        kept, since whoever answers must have it
//! HA2 = H(method:uri)
//! response = H(HA1:nonce:nc:cnonce:auth:HA2), or of programs of before 1999 H(HA1:nonce:HA2)
//! ```
//! A program that shows a digest never sends its token. For that platen keeps HA1, with which alone one could come in:
//! so it is kept only of tokens that were issued for it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::Md5;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::domain::ids::hex;

/// What a password is for, as programs show it to people.
pub const REALM: &str = "platen";
/// The name that PrusaLink gives everybody, and that its programs have filled in.
pub const MAKER: &str = "maker";

/// Whether a token serves for digests as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByDigest {
    /// Its hash is kept, and nothing else.
    #[default]
    No,
    Also,
}

impl ByDigest {
    pub fn wanted(wanted: bool) -> Self {
        if wanted { Self::Also } else { Self::No }
    }
}

/// What everything is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What programs of PrusaLink have; it is not what holds: the token's 256 random bits are.
    Md5,
    Sha256,
}

impl Algorithm {
    /// The first is what programs take that look no further.
    pub const ALL: [Self; 2] = [Self::Md5, Self::Sha256];

    pub fn word(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word().eq_ignore_ascii_case(word))
    }

    /// Of these, with colons between them, in hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        let text = Zeroizing::new(parts.join(":"));
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }

    /// HA1.
    pub fn of_name(self, name: &str, realm: &str, token: &Secret) -> Zeroizing<String> {
        Zeroizing::new(self.hash(&[name, realm, token.expose()]))
    }
}

/// What makes one request another than the one before it, with the same nonce.
#[derive(Clone, Copy, Debug)]
pub struct Count<'r> {
    pub nc: &'r str,
    pub cnonce: &'r str,
}

/// What a response is computed of, but for the secret.
#[derive(Clone, Copy, Debug)]
pub struct Response<'r> {
    pub algorithm: Algorithm,
    pub nonce: &'r str,
    /// Absent where a program knows no `qop`.
    pub count: Option<Count<'r>>,
    pub method: &'r str,
    pub uri: &'r str,
}

impl Response<'_> {
    pub fn by(&self, ha1: &str) -> String {
        let Self { algorithm, nonce, count, method, uri } = *self;
        let ha2 = algorithm.hash(&[method, uri]);
        match count {
            Some(Count { nc, cnonce }) => algorithm.hash(&[ha1, nonce, nc, cnonce, "auth", &ha2]),
            None => algorithm.hash(&[ha1, nonce, &ha2]),
        }
    }
}

/// In whose name a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    Owner,
    Maker,
}

const MD5: usize = 16;
const SHA: usize = 32;
const LENGTH: usize = 2 * (MD5 + SHA);

/// HA1 of a token, in its owner's name and in that of `maker`, by each algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestHashes([u8; LENGTH]);

impl fmt::Debug for DigestHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestHashes(…)")
    }
}

impl DigestHashes {
    pub fn of(owner: &str, token: &Secret) -> Self {
        let mut all = [0; LENGTH];
        for (half, name) in all.chunks_exact_mut(MD5 + SHA).zip([owner, MAKER]) {
            let text = Zeroizing::new([name, REALM, token.expose()].join(":"));
            let (md5, sha) = half.split_at_mut(MD5);
            md5.copy_from_slice(&Md5::digest(text.as_bytes()));
            sha.copy_from_slice(&Sha256::digest(text.as_bytes()));
        }
        Self(all)
    }

    pub fn ha1(&self, called: Called, algorithm: Algorithm) -> Zeroizing<String> {
        let (owner, maker) = self.0.split_at(MD5 + SHA);
        let (md5, sha) = if called == Called::Owner { owner } else { maker }.split_at(MD5);
        Zeroizing::new(hex(if algorithm == Algorithm::Md5 { md5 } else { sha }))
    }

    pub fn to_text(self) -> String {
        STANDARD_NO_PAD.encode(self.0)
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD_NO_PAD.decode(text).ok()?);
        Some(Self(bytes.as_slice().try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn responses_are_those_of_the_standards() {
        const OLD: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        const NEW: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let of_2617 = Some(Count { nc: "00000001", cnonce: "0a4f113b" });
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let of_7616 = Some(Count { nc: "00000001", cnonce });
        for (algorithm, realm, token, nonce, count, wanted) in [
            // RFC 7616, 3.9.1.
            (
                Algorithm::Md5,
                "http-auth@example.org",
                "Circle of Life",
                NEW,
                of_7616,
                "8ca523f5e9506fed4657c9700eebdbec",
            ),
            (
                Algorithm::Sha256,
                "http-auth@example.org",
                "Circle of Life",
                NEW,
                of_7616,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            // RFC 2617, 3.5, and RFC 2069 with its erratum.
            (
                Algorithm::Md5,
                "testrealm@host.com",
                "Circle Of Life",
                OLD,
                of_2617,
                "6629fae49393a05397450978507c4ef1",
            ),
            (
                Algorithm::Md5,
                "testrealm@host.com",
                "CircleOfLife",
                OLD,
                None,
                "1949323746fe6a43ef61f9606e7febea",
            ),
        ] {
            let ha1 = algorithm.of_name("Mufasa", realm, &secret(token));
            let asked = Response { algorithm, nonce, count, method: "GET", uri: "/dir/index.html" };
            assert_eq!(asked.by(&ha1), wanted, "{asked:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_token_is_read_back_and_shows_itself_nowhere() {
        let token = secret("platen_0000000000000000_a");
        let kept = DigestHashes::of("kim", &token);
        assert_eq!(DigestHashes::from_text(&kept.to_text()), Some(kept));
        for (called, name) in [(Called::Owner, "kim"), (Called::Maker, "maker")] {
            for algorithm in Algorithm::ALL {
                assert_eq!(kept.ha1(called, algorithm), algorithm.of_name(name, REALM, &token));
            }
        }
        assert_eq!(format!("{kept:?}"), "DigestHashes(…)");
        let text = kept.to_text();
        for bad in ["", &text[1..], &text.replace(|c: char| c.is_ascii_digit(), "!"), &format!("{text}AAAA")]
        {
            assert_eq!(DigestHashes::from_text(bad), None, "{bad}");
        }
        assert_eq!(Algorithm::named("sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::named("MD5-sess"), None);
    }
}
