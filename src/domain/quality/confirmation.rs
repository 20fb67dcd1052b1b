//! Billing units of a case as a coder has confirmed them: plain codes and numbers, beside exactly the proposal that
//! they saw. What is proposed, and which codes there are, is counted elsewhere.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

use super::words::Words;
use crate::domain::ids::{CaseToken, FileHash, text_form};
use crate::domain::moment::WallTime;

/// A table of codes has so many: one base code and one add-on for models, and the same for guides.
pub const CODES_MAX: usize = 4;

/// A remark of the coder's: an entry of the journal has room for no more beside the rest.
pub type Note = Words<200>;

/// A code's five characters: `0559T`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BillingCode(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is five digits and capital letters, as in 0559T; write it as the worksheet does")]
pub struct BillingCodeError;

impl BillingCode {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BillingCode {
    type Err = BillingCodeError;

    fn from_str(given: &str) -> Result<Self, BillingCodeError> {
        let legal = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        match given.len() == 5 && given.bytes().all(legal) {
            true => Ok(Self(given.to_owned())),
            false => Err(BillingCodeError),
        }
    }
}

text_form!(BillingCode, BillingCodeError);

/// What a coder confirms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// SHA-256 of the proposal that they saw.
    pub of: FileHash,
    /// A code that is not here has none.
    pub units: BTreeMap<BillingCode, u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

impl Confirmed {
    /// `0559T 1, 0560T 2`
    pub fn in_words(&self) -> String {
        let words: Vec<_> = self.units.iter().map(|(code, units)| format!("{code} {units}")).collect();
        if words.is_empty() { "no units".into() } else { words.join(", ") }
    }
}

/// The last that was confirmed of a case; earlier ones stay in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    pub case: CaseToken,
    pub confirmed: Confirmed,
    pub by: String,
    pub at: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_five_digits_and_capital_letters() {
        for bad in ["", "0559t", "0559", "05590T", "0559 ", "055\u{e9}"] {
            assert!(bad.parse::<BillingCode>().is_err(), "{bad:?}");
        }
        assert_eq!("0559T".parse::<BillingCode>().unwrap().as_str(), "0559T");
    }
}
