//! The client's side of HTTP's digest, as libcurl does it: RFC 7616 with `qop=auth`, RFC 2069 without, by MD5 or
//! SHA-256.

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// PrusaLink's only user.
pub const USER: &str = "maker";

/// What a server asks.
#[derive(Clone, Debug)]
pub struct Challenge {
    realm: String,
    nonce: String,
    qop: bool,
    opaque: Option<String>,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn hash(self, text: &str) -> String {
        let bytes = match self {
            Self::Md5 => Md5::digest(text.as_bytes()).to_vec(),
            Self::Sha256 => Sha256::digest(text.as_bytes()).to_vec(),
        };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn word(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

impl Challenge {
    /// Of the value of `WWW-Authenticate`; none for another scheme or an algorithm that slicers do not know.
    pub fn read(header: &str) -> Option<Self> {
        let rest = header.strip_prefix("Digest ")?;
        let field = |name: &str| {
            rest.split(',').find_map(|field| {
                let (key, value) = field.trim().split_once('=')?;
                (key == name).then(|| value.trim_matches('"').to_owned())
            })
        };
        let algorithm = match field("algorithm").as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let qop = field("qop").is_some();
        Some(Self { realm: field("realm")?, nonce: field("nonce")?, qop, opaque: field("opaque"), algorithm })
    }

    /// The value of `Authorization` for the `count`th request with this challenge.
    pub fn answer(&self, method: &str, uri: &str, password: &str, count: u32) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let who = algorithm.hash(&format!("{USER}:{realm}:{password}"));
        let what = algorithm.hash(&format!("{method}:{uri}"));
        let (own, count) = ("Zjk2MTVlMDFkZDc4MWVmY2RkM2MwNmQx", format!("{count:08x}"));
        let more = if self.qop { format!("{count}:{own}:auth:") } else { String::new() };
        let response = algorithm.hash(&format!("{who}:{nonce}:{more}{what}"));
        let mut header =
            format!("Digest username=\"{USER}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", ");
        if self.qop {
            header += &format!("cnonce=\"{own}\", nc={count}, qop=auth, ");
        }
        header += &format!("response=\"{response}\"");
        if let Some(opaque) = &self.opaque {
            header += &format!(", opaque=\"{opaque}\"");
        }
        header + &format!(", algorithm={}", algorithm.word())
    }
}

#[test]
fn a_digest_is_that_of_the_standard() {
    // RFC 7616, 3.9.1, with a name and a nonce of its own for the client.
    let challenge = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let challenge = Challenge::read(challenge).unwrap();
    let answer = challenge.answer("GET", "/dir/index.html", "Circle of Life", 1);
    let who = Algorithm::Md5.hash("maker:http-auth@example.org:Circle of Life");
    let what = Algorithm::Md5.hash("GET:/dir/index.html");
    let own = "Zjk2MTVlMDFkZDc4MWVmY2RkM2MwNmQx";
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let response = Algorithm::Md5.hash(&format!("{who}:{nonce}:00000001:{own}:auth:{what}"));
    assert!(answer.contains(&format!("response=\"{response}\", opaque=\"FQhe")), "{answer}");
    assert!(answer.contains("nc=00000001, qop=auth"), "{answer}");
    assert_eq!(what, "39aff3a2bab6126f332b942af96d3366", "of that standard");
}
