//! Names of things: random ids, the case token with its check character, slugs, hashes.
//!
//! Ids are random and global, so that nodes can share a queue one day, and so that they say
//! nothing about a patient, a date or a sequence.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Crockford's base 32 in lower case: without i, l, o, u, so that people read it back right.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a name may not look like, with the rule it broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("{what} \"{given}\" has {got} characters, not {want}")]
    Length { what: &'static str, given: String, got: usize, want: usize },
    #[error("{what} \"{given}\" has the character {character:?}, which is not used in it")]
    Character { what: &'static str, given: String, character: char },
    #[error(
        "case token \"{given}\" does not match its check character: one character is wrong or two are swapped"
    )]
    Check { given: String },
    #[error("{what} \"{given}\" must be 1 to 64 of a-z, 0-9 and -, and begin with a letter or digit")]
    Slug { what: &'static str, given: String },
}

/// `Debug` and the conversions that serde uses, for what is read (`FromStr`) as it is shown (`Display`).
macro_rules! by_text {
    ([$($generic:tt)*] $name:ty, $error:ty) => {
        impl<$($generic)*> std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl<$($generic)*> TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl<$($generic)*> From<$name> for String {
            fn from(named: $name) -> Self {
                named.to_string()
            }
        }
    };
    ($name:ty, $error:ty) => {
        by_text!([] $name, $error);
    };
}
pub(crate) use by_text;

/// The same for a newtype over `String`, with its `Display`. Generics stand before it: `[const MAX: usize] Words<MAX>`.
macro_rules! text_form {
    ([$($generic:tt)*] $name:ty, $error:ty) => {
        impl<$($generic)*> std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::domain::ids::by_text!([$($generic)*] $name, $error);
    };
    ($name:ty, $error:ty) => {
        text_form!([] $name, $error);
    };
}
pub(crate) use text_form;

fn encode(entropy: &[u8], length: usize) -> String {
    let mut out = String::with_capacity(length);
    let (mut bits, mut held) = (0u32, 0u32);
    for &byte in entropy {
        held = (held << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 && out.len() < length {
            bits -= 5;
            out.push(char::from(ALPHABET[((held >> bits) & 31) as usize]));
        }
    }
    out
}

/// Given text in the alphabet, after the kind folding that Crockford suggests (O→0, I and L→1).
fn fold(what: &'static str, given: &str, want: usize) -> Result<String, IdError> {
    let mut out = String::with_capacity(want);
    for character in given.chars() {
        let folded = match character.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        if !folded.is_ascii_alphanumeric() {
            return Err(IdError::Character { what, given: shorten(given), character });
        }
        out.push(folded);
    }
    if out.len() != want {
        let got = out.len();
        return Err(IdError::Length { what, given: shorten(given), got, want });
    }
    Ok(out)
}

/// A hostile name in an error message is cut and stripped of control characters.
fn shorten(given: &str) -> String {
    given.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// ISO 7064 MOD 37,36 of digits and small letters: finds every wrong character and nearly every swap of two neighbours.
pub fn check_character(payload: &str) -> char {
    let value = |b: u8| u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'a' + 10 });
    let mut p = 36u32;
    for b in payload.bytes() {
        p = (p + value(b)) % 36;
        if p == 0 {
            p = 36;
        }
        p = p * 2 % 37;
    }
    let check = (37 - p) % 36;
    char::from_digit(check, 36).unwrap_or('0')
}

/// The only name of a case outside the vault: 12 random characters (60 bits) and a check character.
///
/// Short enough to be embossed on a part, and safe to type: a misread character is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseToken(String);

impl CaseToken {
    const PAYLOAD: usize = 12;

    pub fn from_entropy(entropy: [u8; 16]) -> Self {
        let mut text = encode(&entropy, Self::PAYLOAD);
        text.push(check_character(&text));
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CaseToken {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        // The check character may be any letter, so it is lower-cased but not folded.
        let length = given.chars().count();
        if length != Self::PAYLOAD + 1 || !given.is_ascii() {
            let want = Self::PAYLOAD + 1;
            return Err(IdError::Length { what: "case token", given: shorten(given), got: length, want });
        }
        let (payload, check) = given.split_at(Self::PAYLOAD);
        let payload = fold("case token", payload, Self::PAYLOAD)?;
        if check.to_ascii_lowercase() != check_character(&payload).to_string() {
            return Err(IdError::Check { given: shorten(given) });
        }
        Ok(Self(format!("{payload}{}", check.to_ascii_lowercase())))
    }
}

/// The short random ids: 16 characters, 80 bits.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn from_entropy(entropy: [u8; 16]) -> Self {
                Self(encode(&entropy, 16))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(given: &str) -> Result<Self, IdError> {
                fold($what, given, 16).map(Self)
            }
        }

        text_form!($name, IdError);
    };
}

text_form!(CaseToken, IdError);
random_id!(/// A part of a case: one anatomical piece, guide or holder that is to be made.
    PartId, "part id");
random_id!(/// One attempt to print one file for one part.
    JobId, "job id");
random_id!(/// One life of the daemon, from start to end.
    BootId, "boot id");
random_id!(/// A container of material: a spool, a bottle, a cartridge.
    LotId, "lot id");
random_id!(/// One inspection of one thing.
    InspectionId, "inspection id");
random_id!(/// Something that is not as it should be.
    NonconformanceId, "nonconformance id");
random_id!(/// A file that a slicer sent.
    UploadId, "upload id");
random_id!(/// A secret that lets somebody in: an API token, a session, a confirmed signature. The id itself is none.
    TokenId, "token id");

/// Letters of a name that stands in addresses and files.
pub const SLUG_MAX: usize = 64;
/// What such a name looks like, as browsers read it.
pub const SLUG_PATTERN: &str = r"[a-z0-9][a-z0-9\-]*";

/// Lower-case names that the site chose and that stand in topics and paths.
macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(given: &str) -> Result<Self, IdError> {
                let legal = (1..=SLUG_MAX).contains(&given.len())
                    && !given.starts_with('-')
                    && given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if legal {
                    Ok(Self(given.to_owned()))
                } else {
                    Err(IdError::Slug { what: $what, given: shorten(given) })
                }
            }
        }

        text_form!($name, IdError);
    };
}

slug!(/// A printer's name in the site's configuration.
    PrinterName, "printer name");
slug!(/// The hospital's or lab's name.
    SiteName, "site name");
slug!(/// The machine that a daemon runs on.
    NodeName, "node name");
slug!(/// What is measured on one kind of part.
    TemplateName, "template name");
slug!(/// What is measured with.
    InstrumentName, "instrument name");
slug!(/// A process in the site's catalogue, or the model of a printer there.
    ProcessName, "process name");

/// SHA-256 of a file's bytes, in lower-case hexadecimal: 64 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileHash(String);

impl FileHash {
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(hex(&digest))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileHash {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        if given.len() != 64 {
            let (got, want) = (given.chars().count(), 64);
            return Err(IdError::Length { what: "file hash", given: shorten(given), got, want });
        }
        match given.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            Some(character) => {
                Err(IdError::Character { what: "file hash", given: shorten(given), character })
            }
            None => Ok(Self(given.to_owned())),
        }
    }
}

text_form!(FileHash, IdError);

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of so many pairs of hexadecimal digits, and of nothing else.
pub fn unhex<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() != 2 * LENGTH {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_read_back_as_it_was_made(entropy: [u8; 16]) {
            let token = CaseToken::from_entropy(entropy);
            prop_assert_eq!(token.as_str().parse::<CaseToken>(), Ok(token.clone()));
            prop_assert_eq!(token.as_str().to_uppercase().parse::<CaseToken>(), Ok(token));
        }

        #[test]
        fn a_token_with_one_wrong_character_is_refused(
            entropy: [u8; 16], at in 0usize..13, to in 0usize..32,
        ) {
            let token = CaseToken::from_entropy(entropy);
            let mut wrong = token.as_str().as_bytes().to_vec();
            prop_assume!(wrong[at] != ALPHABET[to]);
            wrong[at] = ALPHABET[to];
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert!(wrong.parse::<CaseToken>().is_err());
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        let token = CaseToken::from_entropy([0; 16]);
        let typed = token.as_str().replacen('0', "O", 3);
        assert_eq!(typed.parse::<CaseToken>(), Ok(token));
    }

    #[test]
    fn names_with_slashes_dots_or_capitals_are_no_slugs() {
        for bad in ["", "a/b", "..", "MK3", "-x", "ä", "a b", &"x".repeat(65)] {
            assert!(bad.parse::<PrinterName>().is_err(), "{bad:?}");
        }
        assert!("mk3-07".parse::<PrinterName>().is_ok());
    }

    #[test]
    fn a_hostile_id_is_cut_in_the_message() {
        let message = "\x1b[31m".repeat(100).parse::<JobId>().unwrap_err().to_string();
        assert!(!message.contains('\x1b') && message.len() < 120, "{message}");
    }
}
