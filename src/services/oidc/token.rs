//! An ID token of the site's sign-in: read, held against the provider's keys, and believed or not (OpenID Connect Core
//! 1.0, 3.1.3.7; RFC 7515, 7517, 7518).
//!
//! Two ways to sign are known, RS256 and ES256, and which one counts is what the key is for: no token chooses it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

/// Clocks of two machines may differ by so much, in seconds.
const SKEW: u64 = 60;
/// A token has a few kilobytes, and a provider a few keys.
const TOKEN_MAX: usize = 64 << 10;
const KEYS_MAX: usize = 32;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    #[error("the token cannot be read")]
    Form,
    #[error("the token is signed in another way than RS256 or ES256, or not at all")]
    Algorithm,
    #[error("the token is signed with a key that the provider does not publish")]
    UnknownKey,
    #[error("the signature of the token is wrong")]
    Signature,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is for another program")]
    Audience,
    #[error("the token has expired, or is of a time to come: look at the clocks of both machines")]
    Time,
    #[error("the token belongs to another sign-in")]
    Nonce,
}

/// A key of the provider's that can sign tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { point: Vec<u8> },
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl Key {
    fn of(jwk: Jwk) -> Option<Self> {
        if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let number = |text: Option<String>| {
            let bytes = decoded(&text?)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes.get(zeros..)?.to_vec())
        };
        let (kind, algorithm) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => (Kind::Rsa { n: number(jwk.n)?, e: number(jwk.e)? }, "RS256"),
            ("EC", Some("P-256")) => {
                let (x, y) = (decoded(&jwk.x?)?, decoded(&jwk.y?)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                (Kind::P256 { point: [&[4], x.as_slice(), &y].concat() }, "ES256")
            }
            _ => return None,
        };
        jwk.alg.is_none_or(|alg| alg == algorithm).then_some(Self { id: jwk.kid, kind })
    }

    const fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Rsa { .. } => "RS256",
            Kind::P256 { .. } => "ES256",
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Kind::P256 { point } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
        }
    }
}

/// The keys of a set that can sign tokens here; the others are passed over.
pub fn keys(set: &Value) -> Vec<Key> {
    let all = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |one: &Value| Jwk::deserialize(one).ok().and_then(Key::of);
    all.iter().filter_map(read).take(KEYS_MAX).collect()
}

/// What a token has to be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    pub issuer: &'e str,
    pub client: &'e str,
    pub nonce: &'e str,
    /// Seconds since 1970.
    pub now: u64,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

fn read<T: for<'d> Deserialize<'d>>(part: &str) -> Result<T, NotBelieved> {
    let bytes = decoded(part).ok_or(NotBelieved::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| NotBelieved::Form)
}

/// What a token says, where it is believed.
pub fn believed(
    token: &str,
    keys: &[Key],
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, NotBelieved> {
    if token.len() > TOKEN_MAX {
        return Err(NotBelieved::Form);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(NotBelieved::Form)?;
    let (head, claims) = message.split_once('.').ok_or(NotBelieved::Form)?;
    let head_read: Head = read(head)?;
    // What must be understood is not.
    if head_read.crit.is_some() || !matches!(head_read.alg.as_str(), "RS256" | "ES256") {
        return Err(NotBelieved::Algorithm);
    }
    let signature = decoded(signature).ok_or(NotBelieved::Form)?;
    let fits = |key: &&Key| key.algorithm() == head_read.alg;
    let mut fitting = keys.iter().filter(fits);
    let key = match &head_read.kid {
        Some(kid) => fitting.find(|key| key.id.as_ref() == Some(kid)),
        // Without a name there is no choice.
        None => fitting.next().filter(|_| keys.iter().filter(fits).count() == 1),
    };
    if !key.ok_or(NotBelieved::UnknownKey)?.has_signed(message.as_bytes(), &signature) {
        return Err(NotBelieved::Signature);
    }
    let claims: Map<String, Value> = read(claims)?;
    judge(&claims, expected)?;
    Ok(claims)
}

fn judge(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), NotBelieved> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(NotBelieved::Issuer);
    }
    let (is_for_us, others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == expected.client, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one == expected.client), all.len() > 1),
        _ => (false, false),
    };
    let party = text("azp");
    let is_ours = party.map_or(!others, |party| party == expected.client);
    if !is_for_us || !is_ours {
        return Err(NotBelieved::Audience);
    }
    let time = |name: &str| claims.get(name).map(|time| time.as_u64().ok_or(NotBelieved::Time)).transpose();
    let (expires, issued, from) = (time("exp")?, time("iat")?, time("nbf")?);
    let is_past = |time: u64| time.saturating_add(SKEW) < expected.now;
    let is_to_come = |time: u64| time > expected.now.saturating_add(SKEW);
    if expires.is_none_or(is_past) || issued.is_none_or(is_to_come) || from.is_some_and(is_to_come) {
        return Err(NotBelieved::Time);
    }
    let nonce = text("nonce").ok_or(NotBelieved::Nonce)?;
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(NotBelieved::Nonce);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    const NOW: u64 = 1_800_000_000;
    const EXPECTED: Expected<'_> =
        Expected { issuer: "https://login.example", client: "platen", nonce: "n-1", now: NOW };

    fn encoded(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    struct Provider {
        pair: EcdsaKeyPair,
    }

    impl Provider {
        fn new() -> Self {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
            Self { pair }
        }

        fn key(&self, kid: &str) -> Value {
            let point = self.pair.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig",
                "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
        }

        fn signed(&self, head: &Value, claims: &Value) -> String {
            let message = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
            let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", encoded(signature.as_ref()))
        }
    }

    fn head() -> Value {
        json!({"alg": "ES256", "kid": "one", "typ": "JWT"})
    }

    fn claims() -> Value {
        json!({"iss": "https://login.example", "aud": "platen", "sub": "1", "nonce": "n-1",
            "iat": NOW - 5, "exp": NOW + 300})
    }

    fn with(mut value: Value, changes: &[(&str, Value)]) -> Value {
        for (name, change) in changes {
            match change {
                Value::Null => drop(value.as_object_mut().unwrap().remove(*name)),
                change => value[*name] = change.clone(),
            }
        }
        value
    }

    #[test]
    fn a_token_is_believed_only_where_all_of_it_is_right() {
        let (provider, stranger) = (Provider::new(), Provider::new());
        let keys =
            keys(&json!({"keys": [stranger.key("two"), provider.key("one"), {"kty": "oct", "k": "AA"}]}));
        assert_eq!(keys.len(), 2);
        let told = |token: &str| believed(token, &keys, &EXPECTED).map(|claims| claims["sub"].clone());
        let right = provider.signed(&head(), &claims());
        assert_eq!(told(&right), Ok(json!("1")));
        use NotBelieved::*;
        for (changes, why) in [
            (vec![("iss", json!("https://login.example/"))], Issuer),
            (vec![("iss", Value::Null)], Issuer),
            (vec![("aud", json!("other"))], Audience),
            (vec![("aud", json!(["other"]))], Audience),
            (vec![("aud", json!(["platen", "other"]))], Audience),
            (vec![("aud", json!(["platen", "other"])), ("azp", json!("other"))], Audience),
            (vec![("azp", json!("other"))], Audience),
            (vec![("aud", Value::Null)], Audience),
            (vec![("exp", json!(NOW - SKEW - 1))], Time),
            (vec![("exp", Value::Null)], Time),
            (vec![("exp", json!("never"))], Time),
            (vec![("iat", json!(NOW + SKEW + 1))], Time),
            (vec![("iat", Value::Null)], Time),
            (vec![("nbf", json!(NOW + SKEW + 1))], Time),
            (vec![("nonce", json!("n-2"))], Nonce),
            (vec![("nonce", Value::Null)], Nonce),
        ] {
            let token = provider.signed(&head(), &with(claims(), &changes));
            assert_eq!(told(&token), Err(why), "{changes:?}");
        }
        let both = with(claims(), &[("aud", json!(["platen", "other"])), ("azp", json!("platen"))]);
        assert!(told(&provider.signed(&head(), &both)).is_ok());
        for (changes, why) in [
            (vec![("alg", json!("none"))], Algorithm),
            (vec![("alg", json!("HS256"))], Algorithm),
            (vec![("alg", json!("RS256"))], UnknownKey),
            (vec![("kid", json!("three"))], UnknownKey),
            (vec![("kid", json!("two"))], Signature),
            (vec![("kid", Value::Null)], UnknownKey),
            (vec![("crit", json!(["exp"]))], Algorithm),
            (vec![("alg", Value::Null)], Form),
        ] {
            let token = provider.signed(&with(head(), &changes), &claims());
            assert_eq!(told(&token), Err(why), "{changes:?}");
        }
        assert_eq!(told(&stranger.signed(&head(), &claims())), Err(Signature));
    }

    #[test]
    fn a_token_that_was_changed_or_cut_anywhere_is_not_believed() {
        let provider = Provider::new();
        let keys = keys(&json!({"keys": [provider.key("one")]}));
        let right = provider.signed(&head(), &claims());
        for cut in 0..right.len() {
            assert!(believed(&right[..cut], &keys, &EXPECTED).is_err(), "{cut}");
        }
        let (message, _) = right.rsplit_once('.').unwrap();
        for unsigned in [format!("{message}."), message.to_owned(), format!("{message}.AA"), String::new()] {
            assert!(believed(&unsigned, &keys, &EXPECTED).is_err(), "{unsigned}");
        }
        let none = format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(claims().to_string()));
        assert_eq!(believed(&none, &keys, &EXPECTED), Err(NotBelieved::Algorithm));
        let other = encoded(with(claims(), &[("sub", json!("2"))]).to_string());
        let (head, rest) = right.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let swapped = believed(&format!("{head}.{other}.{signature}"), &keys, &EXPECTED);
        assert_eq!(swapped, Err(NotBelieved::Signature));
        assert_eq!(believed(&right, &[], &EXPECTED), Err(NotBelieved::UnknownKey));
    }

    /// RFC 7515, A.2: RS256.
    #[test]
    fn the_signature_of_the_rfc_is_right_and_a_changed_one_is_not() {
        const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        const MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        let keys = keys(&json!({"keys": [{"kty": "RSA", "n": N, "e": "AQAB"}]}));
        let [key] = &keys[..] else { panic!("{keys:?}") };
        let signature = decoded(SIGNATURE).unwrap();
        assert!(key.has_signed(MESSAGE.as_bytes(), &signature));
        assert!(!key.has_signed(&MESSAGE.as_bytes()[1..], &signature));
        // Of the token the key is right, and it is for nobody here.
        let token = format!("{MESSAGE}.{SIGNATURE}");
        assert_eq!(believed(&token, &keys, &EXPECTED), Err(NotBelieved::Issuer));
    }
}
