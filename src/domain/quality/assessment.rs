//! What the user of a model says of it: whether it helped, or the seven answers of the registry's form, and the minutes
//! saved (medical-domain.md §2.1). Whatever is not said stays open.

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

/// The whole in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    Helped,
    NoDifference,
    Hindered,
}

impl Overall {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Helped => "it helped",
            Self::NoDifference => "it made no difference",
            Self::Hindered => "it hindered",
        }
    }
}

/// Either of the first two may be missing, and not both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall: Option<Overall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<MinutesSaved>,
    /// Absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_in_procedure: Option<bool>,
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

    #[test]
    fn an_assessment_of_an_earlier_platen_is_read_as_it_was_and_written_the_same() {
        let answers = r#"{"easy_to_use":4,"fits_approach":4,"plan_altered":4,"important":5,"quality_adequate":5,"confident_before":3,"confident_after":5}"#;
        let old = format!(r#"{{"answers":{answers},"used_in_procedure":true,"respondent":"surgeon"}}"#);
        let read: Assessment = serde_json::from_str(&old).unwrap();
        assert_eq!((read.overall, read.used_in_procedure), (None, Some(true)));
        assert_eq!(read.answers.map(|answers| u8::from(answers.important)), Some(5));
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }
}
