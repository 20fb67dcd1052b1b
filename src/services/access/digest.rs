//! Digests (RFC 7616) as they come in: the header read, nonces that are ours and young, and each used once.
//!
//! ```text
//! nonce = base64(time, random, HMAC-SHA-256(key of this start; time, random))
//! ```
//! Nothing is kept of a nonce before somebody has shown a right digest with it, so that strangers fill no memory.

use ring::hmac;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::moment::Moment;
use crate::io::clock::entropy;
use crate::io::digest::{Algorithm, Count, Response};

/// A nonce serves for so long; after that its program is given another.
pub const LIFE: Duration = Duration::from_secs(300);
/// So many nonces may be in use.
const NONCES_MAX: usize = 1024;
/// A longer header is no program's.
const HEADER_MAX: usize = 4096;
const FIELDS_MAX: usize = 24;

/// When it was given, and what makes it another than the others of that time.
type Stem = [u8; 16];

/// What a request is, for a digest.
#[derive(Clone, Copy, Debug)]
pub struct Requested<'r> {
    pub method: &'r str,
    /// Path and query, as they were sent.
    pub uri: &'r str,
    /// What comes of it outlasts the request, as a ticket or a stream does.
    pub lasting: bool,
}

impl Requested<'_> {
    /// Twice does no more than once.
    fn only_looks(&self) -> bool {
        !self.lasting && matches!(self.method, "GET" | "HEAD")
    }
}

/// What stands behind `Digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub username: String,
    pub realm: String,
    pub response: String,
    pub algorithm: Algorithm,
    pub nonce: String,
    pub uri: String,
    /// `nc` and `cnonce`, where `qop` is `auth`.
    count: Option<(String, u32, String)>,
}

impl Given {
    /// `None` where it is not whole, or asks for what was not offered.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut fields = fields(text)?;
        let mut take = |name: &str| fields.remove(name);
        let count = match take("qop") {
            None => None,
            Some(qop) if qop == "auth" => {
                let nc =
                    take("nc").filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()))?;
                let number = u32::from_str_radix(&nc, 16).ok().filter(|number| *number > 0)?;
                Some((nc, number, take("cnonce").filter(|cnonce| !cnonce.is_empty())?))
            }
            Some(_) => return None,
        };
        let algorithm = take("algorithm").map_or(Some(Algorithm::Md5), |word| Algorithm::named(&word))?;
        Some(Self {
            username: take("username")?,
            realm: take("realm")?,
            response: take("response")?.to_ascii_lowercase(),
            algorithm,
            nonce: take("nonce")?,
            uri: take("uri")?,
            count,
        })
    }

    /// What its response has to be computed of.
    pub(super) fn of<'r>(&'r self, request: &Requested<'r>) -> Response<'r> {
        let count = self.count.as_ref().map(|(nc, _, cnonce)| Count { nc, cnonce });
        let Requested { method, uri, .. } = *request;
        Response { algorithm: self.algorithm, nonce: &self.nonce, count, method, uri }
    }
}

/// `name=value, name="value"`, each name once.
fn fields(text: &str) -> Option<BTreeMap<String, String>> {
    if text.len() > HEADER_MAX {
        return None;
    }
    let mut all = BTreeMap::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start())?;
        let before = all.insert(name.trim().to_ascii_lowercase(), value);
        if before.is_some() || all.len() > FIELDS_MAX {
            return None;
        }
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(all)
}

/// One value, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some((value, quoted.get(at + 1..)?)),
            c => {
                value.push(c);
                escaped = false;
            }
        }
    }
    None
}

/// Which counts of a nonce were seen: programs send some at once, so that they come in any order.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    highest: u32,
    /// Bit n: `highest - n` was.
    window: u64,
    /// A change was made without any count.
    bare: bool,
}

impl Seen {
    fn take(&mut self, nc: u32) -> bool {
        if nc > self.highest {
            self.window = self.window.checked_shl(nc - self.highest).unwrap_or(0) | 1;
            self.highest = nc;
            return true;
        }
        // What is too far behind is taken for seen.
        let bit = 1u64.checked_shl(self.highest - nc).unwrap_or(0);
        let fresh = bit != 0 && self.window & bit == 0;
        self.window |= bit;
        fresh
    }
}

#[derive(Debug, Default)]
struct Used {
    seen: BTreeMap<Stem, Seen>,
    /// What was given up to this one is not known any more.
    forgotten: Option<Stem>,
}

/// Gives nonces, and knows them again.
pub struct Nonces {
    key: hmac::Key,
    used: Mutex<Used>,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

impl Default for Nonces {
    fn default() -> Self {
        let key = [entropy(), entropy()].concat();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), used: Mutex::default() }
    }
}

impl Nonces {
    pub fn give(&self, now: Moment) -> String {
        let mut bytes = now.0.to_be_bytes().to_vec();
        bytes.extend(entropy().iter().take(8));
        let tag = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// When it was given, where it is ours; compared in constant time.
    fn read(&self, nonce: &str) -> Option<(Stem, Moment)> {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (stem, tag) = bytes.split_first_chunk::<16>()?;
        hmac::verify(&self.key, stem, tag).ok()?;
        let (given, _) = stem.split_first_chunk::<8>()?;
        Some((*stem, Moment(u64::from_be_bytes(*given))))
    }

    /// Whether a nonce is ours and young. Nothing is used up.
    pub(super) fn is_young(&self, nonce: &str, now: Moment) -> bool {
        self.read(nonce).is_some_and(|(_, at)| now.since(at) <= LIFE)
    }

    /// Whether this request may be made with its nonce: it is ours and young, and the request none of before. Asked
    /// only of who has shown the secret. Without a count, looking may be repeated, and a change needs its own nonce.
    pub(super) fn take(&self, given: &Given, request: &Requested<'_>, now: Moment) -> bool {
        let Some((stem, at)) = self.read(&given.nonce) else { return false };
        if now.since(at) > LIFE {
            return false;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.forgotten.is_some_and(|forgotten| stem <= forgotten) {
            return false;
        }
        let seen = used.seen.entry(stem).or_default();
        let fresh = match given.count {
            Some((_, nc, _)) => seen.take(nc),
            None => request.only_looks() || !std::mem::replace(&mut seen.bare, true),
        };
        if used.seen.len() > NONCES_MAX {
            used.forgotten = used.seen.pop_first().map(|(oldest, _)| oldest);
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    fn asked(method: &str) -> Requested<'_> {
        Requested { method, uri: "/", lasting: false }
    }

    const WHOLE: &str =
        r#"username="maker", realm="platen", nonce="n", uri="/api/version?a=\"b", response="AB""#;

    fn given(nonce: &str, nc: u32) -> Given {
        let more = format!(r#"{WHOLE}, qop=auth, nc={nc:08x}, cnonce="c""#);
        Given::read(&more.replace(r#"nonce="n""#, &format!("nonce=\"{nonce}\""))).unwrap()
    }

    #[test]
    fn a_header_is_read_as_programs_write_it() {
        let bare = Given::read(WHOLE).unwrap();
        assert_eq!((bare.algorithm, bare.count.clone()), (Algorithm::Md5, None));
        assert_eq!((bare.username.as_str(), bare.response.as_str()), ("maker", "ab"));
        assert_eq!(bare.uri, "/api/version?a=\"b");
        for (more, wanted) in [
            (", algorithm=SHA-256", Some(None)),
            (",algorithm=\"MD5\" ,opaque=\"\"", Some(None)),
            (
                ", qop=auth, nc=0000000a, cnonce=\"x,y\"",
                Some(Some(("0000000a".to_owned(), 10, "x,y".to_owned()))),
            ),
            (
                ", qop=\"auth\", nc=00000001, cnonce=x, userhash=false",
                Some(Some(("00000001".to_owned(), 1, "x".to_owned()))),
            ),
            (", algorithm=MD5-sess", None),
            (", qop=auth-int, nc=00000001, cnonce=\"x\"", None),
            (", qop=auth, nc=1, cnonce=\"x\"", None),
            (", qop=auth, nc=00000000, cnonce=\"x\"", None),
            (", qop=auth, nc=+0000001, cnonce=\"x\"", None),
            (", qop=auth, nc=00000001", None),
            (", username=\"other\"", None),
            (", opaque=\"open", None),
            (", opaque", None),
            (" opaque=\"a\"b", None),
        ] {
            let read = Given::read(&format!("{WHOLE}{more}"));
            assert_eq!(read.map(|given| given.count), wanted, "{more}");
        }
        for missing in ["username", "realm", "nonce", "uri", "response"] {
            assert_eq!(Given::read(&WHOLE.replace(missing, "else")), None, "{missing}");
        }
        assert_eq!(Given::read(&format!("{WHOLE}, a=\"{}\"", "x".repeat(HEADER_MAX))), None);
        assert_eq!(Given::read(""), None);
    }

    #[test]
    fn a_nonce_is_ours_for_five_minutes() {
        let nonces = Nonces::default();
        let nonce = nonces.give(at(10));
        let get = asked("GET");
        assert_ne!(nonce, nonces.give(at(10)));
        assert!(nonces.take(&given(&nonce, 1), &get, at(310)));
        assert!(!nonces.take(&given(&nonce, 2), &get, at(311)), "it is old");
        assert!(!Nonces::default().take(&given(&nonce, 3), &get, at(11)), "it is of another start");
        let mut changed = nonce.clone();
        changed.replace_range(..1, if nonce.starts_with('B') { "C" } else { "B" });
        for other in [changed.as_str(), "", "n", &nonce[1..]] {
            assert!(!nonces.take(&given(other, 1), &get, at(11)), "{other}");
        }
    }

    #[test]
    fn a_count_serves_once_in_whatever_order_it_comes() {
        let nonces = Nonces::default();
        let nonce = nonces.give(at(0));
        let put = asked("PUT");
        for (nc, fresh) in [
            (1, true),
            (1, false),
            (4, true),
            (2, true),
            (2, false),
            (3, true),
            (100, true),
            (36, false),
            (37, true),
            (4, false),
            (u32::MAX, true),
            (100, false),
        ] {
            assert_eq!(nonces.take(&given(&nonce, nc), &put, at(1)), fresh, "{nc}");
        }
    }

    #[test]
    fn without_a_count_one_may_look_often_and_change_once() {
        let nonces = Nonces::default();
        let nonce = nonces.give(at(0));
        let bare = Given { count: None, ..given(&nonce, 1) };
        for (method, fresh) in
            [("GET", true), ("GET", true), ("PUT", true), ("PUT", false), ("DELETE", false), ("HEAD", true)]
        {
            assert_eq!(nonces.take(&bare, &asked(method), at(1)), fresh, "{method}");
        }
    }

    #[test]
    fn without_a_count_a_ticket_or_a_stream_is_asked_for_once_with_a_nonce() {
        let nonces = Nonces::default();
        let nonce = nonces.give(at(0));
        let bare = Given { count: None, ..given(&nonce, 1) };
        let ticket = Requested { lasting: true, ..asked("GET") };
        assert!(nonces.take(&bare, &asked("GET"), at(1)) && nonces.take(&bare, &ticket, at(1)));
        assert!(!nonces.take(&bare, &ticket, at(1)) && nonces.take(&bare, &asked("GET"), at(1)));
    }

    #[test]
    fn to_look_at_a_nonce_uses_nothing_of_it() {
        let nonces = Nonces::default();
        let nonce = nonces.give(at(10));
        assert!(nonces.is_young(&nonce, at(310)) && !nonces.is_young(&nonce, at(311)));
        assert!(!Nonces::default().is_young(&nonce, at(11)) && !nonces.is_young("", at(11)));
        assert!(nonces.take(&given(&nonce, 1), &asked("PUT"), at(11)));
    }

    #[test]
    fn what_is_forgotten_for_want_of_room_is_not_taken_again() {
        let nonces = Nonces::default();
        let get = asked("GET");
        let first = nonces.give(Moment(1));
        assert!(nonces.take(&given(&first, 1), &get, at(1)));
        for n in 0..NONCES_MAX as u64 {
            assert!(nonces.take(&given(&nonces.give(Moment(2 + n)), 1), &get, at(1)));
        }
        assert!(!nonces.take(&given(&first, 1), &get, at(1)));
        assert!(!nonces.take(&given(&first, 2), &get, at(1)));
    }
}
