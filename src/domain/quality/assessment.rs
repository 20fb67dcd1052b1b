//! What the user of a model says of it: the seven answers and the minutes saved (medical-domain.md §2.1).

use serde::{Deserialize, Serialize};

use super::words::{Label, Text};
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;

/// 1 (not at all) to 5 (very much).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Likert(u8);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer is 1 to 5")]
pub struct LikertError;

impl TryFrom<u8> for Likert {
    type Error = LikertError;

    fn try_from(answer: u8) -> Result<Self, LikertError> {
        if (1..=5).contains(&answer) { Ok(Self(answer)) } else { Err(LikertError) }
    }
}

impl From<Likert> for u8 {
    fn from(likert: Likert) -> Self {
        likert.0
    }
}

/// The seven statements, each agreed with from 1 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    pub easy_to_use: Likert,
    pub fits_approach: Likert,
    pub plan_altered: Likert,
    pub important: Likert,
    pub quality_adequate: Likert,
    pub confident_before: Likert,
    pub confident_after: Likert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinutesSaved {
    /// Less than 0 where it took longer.
    pub minutes: i16,
    /// Else somebody's estimate.
    pub measured: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    pub answers: Answers,
    /// Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<MinutesSaved>,
    pub used_in_procedure: bool,
    /// "surgeon", "radiologist"
    pub respondent: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessed {
    pub case: CaseToken,
    pub assessment: Assessment,
    pub by: String,
    pub at: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_of_five_also_when_it_is_read_back() {
        for bad in [0u8, 6, 255] {
            assert!(Likert::try_from(bad).is_err(), "{bad}");
            assert!(serde_json::from_str::<Likert>(&bad.to_string()).is_err(), "{bad}");
        }
        for good in 1..=5 {
            assert_eq!(u8::from(Likert::try_from(good).unwrap()), good);
        }
    }
}
