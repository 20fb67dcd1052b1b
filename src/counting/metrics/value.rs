//! What the parts were good for: minutes saved in the operating room, plans that changed, confidence before and after.

use serde::{Deserialize, Serialize};

use super::Window;
use crate::counting::money::{Money, TooLarge};
use crate::counting::stats::{Mean, Share, percentile};
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;
use crate::domain::quality::assessment::Overall;

/// An answer from 1 (disagree) to 5 (agree).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Likert(u8);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no answer; answers go from 1 (disagree) to 5 (agree)")]
pub struct LikertError(u8);

impl TryFrom<u8> for Likert {
    type Error = LikertError;

    fn try_from(answer: u8) -> Result<Self, LikertError> {
        if (1..=5).contains(&answer) { Ok(Self(answer)) } else { Err(LikertError(answer)) }
    }
}

impl From<Likert> for u8 {
    fn from(answer: Likert) -> Self {
        answer.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Estimated,
    Measured,
}

/// What was said of one case; what was not answered is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    pub case: CaseToken,
    /// The latest answer, or the delivery where there is none: what places the case in a window.
    pub at: WallTime,
    pub used: Option<bool>,
    /// The whole in one word.
    pub overall: Option<Overall>,
    /// Negative where it took longer.
    pub minutes_saved: Option<(i32, Basis)>,
    pub plan_altered: Option<Likert>,
    pub confident_before: Option<Likert>,
    pub confident_after: Option<Likert>,
}

/// What a minute of operating room is worth, in minor units: low, middle, high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinuteRate {
    pub low: u32,
    pub middle: u32,
    pub high: u32,
}

/// US dollars in cents from the literature: 62, with a range of 22 to 133 (§2.2, Ballard 2020).
pub const LITERATURE_USD: MinuteRate = MinuteRate { low: 2_200, middle: 6_200, high: 13_300 };

/// Pieces a year from which a programme carries itself, in the same source.
pub const BREAK_EVEN_PIECES_A_YEAR: u32 = 63;

/// Minutes saved of cases in the window whose part was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinutesSaved {
    pub window: Window,
    /// Cases with an estimate or a measurement …
    pub answered: u64,
    /// … of this many cases in which the part was used.
    pub used: u64,
    /// Cases of which nobody said whether it was used: in no figure.
    pub use_unknown: u64,
    pub measured: u64,
    pub sum: i64,
    pub median: Option<i32>,
    pub mean: Option<Mean>,
}

/// Worth of the minutes that were told; an estimate, and none for cases without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    pub low: Money,
    pub middle: Money,
    pub high: Money,
}

impl MinutesSaved {
    pub fn of(window: Window, assessments: &[Assessment]) -> Self {
        let cases = || assessments.iter().filter(|assessment| window.has(assessment.at));
        let used = || cases().filter(|assessment| assessment.used == Some(true));
        let mut minutes: Vec<i32> =
            used().filter_map(|assessment| Some(assessment.minutes_saved?.0)).collect();
        minutes.sort_unstable();
        let values: Vec<f64> = minutes.iter().map(|minutes| f64::from(*minutes)).collect();
        let measured =
            |assessment: &&Assessment| matches!(assessment.minutes_saved, Some((_, Basis::Measured)));
        Self {
            window,
            answered: minutes.len() as u64,
            used: used().count() as u64,
            use_unknown: cases().filter(|assessment| assessment.used.is_none()).count() as u64,
            measured: used().filter(measured).count() as u64,
            sum: minutes.iter().map(|minutes| i64::from(*minutes)).sum(),
            median: percentile(&minutes, 50),
            mean: Mean::of(&values),
        }
    }

    pub fn worth(&self, rate: MinuteRate) -> Result<Worth, TooLarge> {
        let times = |rate: u32| self.sum.checked_mul(i64::from(rate)).map(Money).ok_or(TooLarge);
        Ok(Worth { low: times(rate.low)?, middle: times(rate.middle)?, high: times(rate.high)? })
    }
}

/// What was said of the whole in one word, of cases in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverallImpact {
    pub helped: u64,
    pub no_difference: u64,
    pub hindered: u64,
    /// Cases of which nobody said it, also those whose seven answers are there: none is derived from those.
    pub missing: u64,
}

impl OverallImpact {
    pub fn of(window: Window, assessments: &[Assessment]) -> Self {
        let mut of = Self::default();
        for assessment in assessments.iter().filter(|assessment| window.has(assessment.at)) {
            match assessment.overall {
                Some(Overall::Helped) => of.helped += 1,
                Some(Overall::NoDifference) => of.no_difference += 1,
                Some(Overall::Hindered) => of.hindered += 1,
                None => of.missing += 1,
            }
        }
        of
    }

    pub fn n(&self) -> u64 {
        self.helped + self.no_difference + self.hindered
    }
}

/// Whether plans changed, of cases in the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanImpact {
    pub window: Window,
    /// Answers of 4 or 5 to "the plan was altered or refined"; missing where it was not answered.
    pub altered: Share,
    /// After less before, of cases with both answers.
    pub confidence: Option<Mean>,
    /// Cases without both answers.
    pub unpaired: u64,
}

impl PlanImpact {
    pub fn of(window: Window, assessments: &[Assessment]) -> Self {
        let mut altered = Share::default();
        let (mut differences, mut unpaired) = (Vec::new(), 0);
        for assessment in assessments.iter().filter(|assessment| window.has(assessment.at)) {
            altered.count(assessment.plan_altered.map(|answer| answer.0 >= 4));
            match assessment.confident_before.zip(assessment.confident_after) {
                Some((before, after)) => differences.push(f64::from(after.0) - f64::from(before.0)),
                None => unpaired += 1,
            }
        }
        Self { window, altered, confidence: Mean::of(&differences), unpaired }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { from: WallTime(10), to: WallTime(20) };

    fn assessment(at: u64, used: Option<bool>, minutes: Option<i32>) -> Assessment {
        Assessment {
            case: CaseToken::from_entropy([1; 16]),
            at: WallTime(at),
            used,
            overall: None,
            minutes_saved: minutes.map(|minutes| (minutes, Basis::Estimated)),
            plan_altered: None,
            confident_before: None,
            confident_after: None,
        }
    }

    #[test]
    fn minutes_saved_stand_beside_how_many_answered_of_how_many_used() {
        let measured =
            Assessment { minutes_saved: Some((-10, Basis::Measured)), ..assessment(19, Some(true), None) };
        let all = [
            assessment(10, Some(true), Some(40)),
            assessment(11, Some(true), Some(60)),
            measured,
            assessment(12, Some(true), None),      // used, not answered
            assessment(12, Some(false), Some(99)), // not used: its minutes count nowhere
            assessment(12, None, Some(99)),        // nobody said
            assessment(20, Some(true), Some(99)),  // after the window
        ];
        let saved = MinutesSaved::of(WINDOW, &all);
        assert_eq!((saved.answered, saved.used, saved.use_unknown, saved.measured), (3, 4, 1, 1));
        // −10, 40, 60: sum 90, the second is the median, mean 30
        assert_eq!((saved.sum, saved.median), (90, Some(40)));
        assert!((saved.mean.unwrap().mean - 30.0).abs() < 1e-12);
        let worth = MinutesSaved::of(WINDOW, &all).worth(LITERATURE_USD);
        assert_eq!(worth, Ok(Worth { low: Money(198_000), middle: Money(558_000), high: Money(1_197_000) }));
        let none = MinutesSaved::of(WINDOW, &[]);
        assert_eq!((none.answered, none.used, none.median, none.mean), (0, 0, None, None));
    }

    #[test]
    fn what_was_said_in_one_word_is_counted_by_itself_and_nothing_is_derived_from_other_answers() {
        let said = |at, overall| Assessment { overall, ..assessment(at, Some(true), Some(5)) };
        let impact = OverallImpact::of(
            WINDOW,
            &[
                said(10, Some(Overall::Helped)),
                said(11, Some(Overall::Helped)),
                said(12, Some(Overall::Hindered)),
                Assessment { plan_altered: Likert::try_from(5).ok(), ..said(13, None) },
                said(20, Some(Overall::NoDifference)), // after the window
            ],
        );
        assert_eq!(impact, OverallImpact { helped: 2, no_difference: 0, hindered: 1, missing: 1 });
        assert_eq!(impact.n(), 3);
    }

    #[test]
    fn confidence_is_compared_within_a_case_and_a_case_with_one_answer_is_told() {
        let likert = |answer: u8| Likert::try_from(answer).ok();
        let said = |altered, before, after| Assessment {
            plan_altered: likert(altered),
            confident_before: likert(before),
            confident_after: likert(after),
            ..assessment(15, Some(true), None)
        };
        // 0 is no answer.
        let impact = PlanImpact::of(
            WINDOW,
            &[said(4, 2, 5), said(5, 3, 4), said(3, 4, 4), said(0, 5, 0), said(1, 0, 1)],
        );
        assert_eq!(impact.altered, Share { hits: 2, n: 5, missing: 1 });
        let confidence = impact.confidence.unwrap(); // 3, 1, 0
        assert_eq!((confidence.n, impact.unpaired), (3, 2));
        assert!((confidence.mean - 4.0 / 3.0).abs() < 1e-12);
        assert!(Likert::try_from(6).is_err());
    }
}
