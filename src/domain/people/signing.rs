//! A signature as it is asked for: whose, what it means, under what exactly. The password is given again for each.
//!
//! ```text
//! Signing ──password right──▶ Confirmation (2 min, that signing only) ──taken once──▶ it may be recorded
//! ```
//! After medical-domain.md §3.4: the printed name and the meaning belong to a signature (11.50), it holds for the
//! hash of what was signed and for nothing else (11.70), and the password is asked for each time (11.200).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::name::UserName;
use super::roles::Permission;
use crate::domain::ids::{FileHash, TokenId, text_form};
use crate::domain::moment::Moment;

/// What somebody says by signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    Reviewed,
    Approved,
    Released,
    Rejected,
    Responsible,
}

impl Meaning {
    pub const ALL: [Self; 5] =
        [Self::Reviewed, Self::Approved, Self::Released, Self::Rejected, Self::Responsible];

    pub fn word(self) -> &'static str {
        match self {
            Self::Reviewed => "reviewed",
            Self::Approved => "approved",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Responsible => "responsible",
        }
    }

    /// What a signer needs beside the right to sign.
    pub fn needs(self) -> Option<Permission> {
        match self {
            Self::Approved => Some(Permission::ApproveDesign),
            Self::Released => Some(Permission::Release),
            Self::Reviewed | Self::Rejected | Self::Responsible => None,
        }
    }
}

/// What is signed, as the journal names it: `case/…`, `part/…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is signed is named like \"case/7ybjkfr1sv2mq\": 1 to 120 of a-z, 0-9 and / . - _")]
pub struct NoSubject;

impl Subject {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(given: &str) -> Result<Self, NoSubject> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_');
        let fits = (1..=120).contains(&given.len()) && given.bytes().all(legal);
        if fits { Ok(Self(given.to_owned())) } else { Err(NoSubject) }
    }
}

text_form!(Subject, NoSubject);

/// A signature that somebody is about to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    pub signer: UserName,
    pub meaning: Meaning,
    pub subject: Subject,
    /// Of exactly what was shown to the signer.
    pub sha256: FileHash,
}

/// So long a confirmed signature may be on its way.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(2 * 60);
/// Nobody signs so many at once.
const PER_SIGNER: usize = 16;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    #[error("this signature was not confirmed, or was used already; give your password again")]
    Unknown,
    #[error("this signature was confirmed more than 2 minutes ago; give your password again")]
    Late,
    #[error(
        "what is signed is not what was confirmed: it has changed, or is another thing; look at it again, then sign it"
    )]
    Other,
}

#[derive(Clone, Debug)]
struct Confirmation {
    signing: Signing,
    until: Moment,
}

/// Signatures for which the password was given, and which are not recorded yet.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    all: BTreeMap<TokenId, Confirmation>,
}

impl Confirmations {
    /// The signer has just given their password for this.
    pub fn confirm(&mut self, id: TokenId, signing: Signing, now: Moment) {
        self.all.retain(|_, one| one.until > now);
        let theirs = || self.all.iter().filter(|(_, one)| one.signing.signer == signing.signer);
        if theirs().count() >= PER_SIGNER
            && let Some(oldest) = theirs().min_by_key(|(_, one)| one.until).map(|(id, _)| id.clone())
        {
            self.all.remove(&oldest);
        }
        self.all.insert(id, Confirmation { signing, until: now + CONFIRMED_FOR });
    }

    /// Uses a confirmation up, whatever comes of it: exactly this signing, once.
    pub fn take(&mut self, id: &TokenId, signing: &Signing, now: Moment) -> Result<(), NotConfirmed> {
        let Confirmation { signing: confirmed, until } = self.all.remove(id).ok_or(NotConfirmed::Unknown)?;
        if now >= until {
            return Err(NotConfirmed::Late);
        }
        if confirmed == *signing { Ok(()) } else { Err(NotConfirmed::Other) }
    }

    /// A signer is disabled, or their password changed.
    pub fn forget(&mut self, signer: &UserName) {
        self.all.retain(|_, one| one.signing.signer != *signer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    fn id(n: u8) -> TokenId {
        TokenId::from_entropy([n; 16])
    }

    fn signing() -> Signing {
        Signing {
            signer: "kim".parse().unwrap(),
            meaning: Meaning::Approved,
            subject: "case/7ybjkfr1sv2mq".parse().unwrap(),
            sha256: FileHash::from_digest([1; 32]),
        }
    }

    fn confirmed() -> Confirmations {
        let mut confirmations = Confirmations::default();
        confirmations.confirm(id(1), signing(), at(0));
        confirmations
    }

    #[test]
    fn a_confirmation_serves_once() {
        let mut confirmations = confirmed();
        assert_eq!(confirmations.take(&id(2), &signing(), at(1)), Err(NotConfirmed::Unknown));
        assert_eq!(confirmations.take(&id(1), &signing(), at(1)), Ok(()));
        assert_eq!(confirmations.take(&id(1), &signing(), at(1)), Err(NotConfirmed::Unknown));
    }

    #[test]
    fn a_confirmation_serves_two_minutes() {
        assert_eq!(confirmed().take(&id(1), &signing(), at(119)), Ok(()));
        assert_eq!(confirmed().take(&id(1), &signing(), at(120)), Err(NotConfirmed::Late));
    }

    #[test]
    fn a_confirmation_serves_for_that_hash_signer_meaning_and_thing_only_and_is_gone_after_another() {
        let others = [
            Signing { sha256: FileHash::from_digest([2; 32]), ..signing() },
            Signing { signer: "lee".parse().unwrap(), ..signing() },
            Signing { meaning: Meaning::Released, ..signing() },
            Signing { subject: "part/1".parse().unwrap(), ..signing() },
        ];
        for other in others {
            let mut confirmations = confirmed();
            assert_eq!(confirmations.take(&id(1), &other, at(1)), Err(NotConfirmed::Other), "{other:?}");
            assert_eq!(confirmations.take(&id(1), &signing(), at(1)), Err(NotConfirmed::Unknown));
        }
    }

    #[test]
    fn what_is_confirmed_and_never_used_takes_bounded_room() {
        let mut confirmations = Confirmations::default();
        for n in 0..40 {
            confirmations.confirm(id(n), signing(), at(u64::from(n)));
        }
        assert_eq!(confirmations.all.len(), PER_SIGNER);
        assert_eq!(confirmations.take(&id(39), &signing(), at(40)), Ok(()));
        assert_eq!(confirmations.take(&id(0), &signing(), at(40)), Err(NotConfirmed::Unknown));
        confirmations.forget(&signing().signer);
        assert!(confirmations.all.is_empty());
    }

    #[test]
    fn a_meaning_has_its_word_and_the_right_that_it_needs() {
        for meaning in Meaning::ALL {
            assert_eq!(serde_json::to_value(meaning).unwrap(), meaning.word());
        }
        let needs = Meaning::ALL.map(Meaning::needs);
        assert_eq!(needs, [None, Some(Permission::ApproveDesign), Some(Permission::Release), None, None]);
    }

    #[test]
    fn a_subject_is_a_short_path() {
        assert!("case/7ybjkfr1sv2mq".parse::<Subject>().is_ok());
        for bad in ["", "Case", "a b", "a\n", "ä", &"x".repeat(121)] {
            assert_eq!(bad.parse::<Subject>(), Err(NoSubject), "{bad:?}");
        }
    }
}
