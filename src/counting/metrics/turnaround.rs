//! How long a case takes, from its request to its delivery, and what of each stage was work and what was waiting.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{Window, between};
use crate::counting::stats::{Share, Spread};
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;

/// The states of a case between request and delivery (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Requested,
    Accepted,
    Designing,
    AwaitingApproval,
    Approved,
    InProduction,
    InQc,
    Rework,
    Released,
    OnHold,
}

/// One stay of a case in a stage; a case may come back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    pub stage: Stage,
    pub from: WallTime,
    /// Nothing where its end was not noted.
    pub to: Option<WallTime>,
    /// How long somebody or a printer worked on it; nothing where nobody noted it.
    pub touch_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseTimes {
    pub case: CaseToken,
    pub requested: Option<WallTime>,
    pub delivered: Option<WallTime>,
    pub needed_by: Option<WallTime>,
    pub stays: Vec<Stay>,
}

/// A stage over all cases that were in it: all of their stays together, one value a case, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    pub whole: Spread,
    pub touch: Spread,
    /// What is left of the whole without the work.
    pub wait: Spread,
    /// Cases with more work noted than there was time; missing in `wait`.
    pub impossible: u64,
}

/// Of the cases that were delivered in the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnaround {
    pub window: Window,
    pub whole: Spread,
    /// Delivered by the time at which it was needed; missing where no such time was given.
    pub on_time: Share,
    pub stages: BTreeMap<Stage, StageTimes>,
}

#[derive(Debug, Default)]
struct Values {
    whole: Vec<Option<u64>>,
    touch: Vec<Option<u64>>,
    wait: Vec<Option<u64>>,
    impossible: u64,
}

impl Turnaround {
    pub fn of(window: Window, cases: &[CaseTimes]) -> Self {
        let mut on_time = Share::default();
        let mut whole = Vec::new();
        let mut values: BTreeMap<Stage, Values> = BTreeMap::new();
        for case in cases {
            let Some(delivered) = case.delivered.filter(|at| window.has(*at)) else { continue };
            whole.push(case.requested.and_then(|requested| between(requested, delivered)));
            on_time.count(case.needed_by.map(|needed| delivered <= needed));
            let mut stays: BTreeMap<Stage, (Option<u64>, Option<u64>)> = BTreeMap::new();
            for stay in &case.stays {
                let (long, touch) = stays.entry(stay.stage).or_insert((Some(0), Some(0)));
                *long = add(*long, stay.to.and_then(|to| between(stay.from, to)));
                *touch = add(*touch, stay.touch_ms);
            }
            for (stage, (long, touch)) in stays {
                let values = values.entry(stage).or_default();
                let wait = long.zip(touch).and_then(|(long, touch)| long.checked_sub(touch));
                values.impossible += u64::from(long.zip(touch).is_some_and(|(long, touch)| touch > long));
                values.whole.push(long);
                values.touch.push(touch);
                values.wait.push(wait);
            }
        }
        let stages = values.into_iter().map(|(stage, values)| {
            let Values { whole, touch, wait, impossible } = values;
            let of = Spread::of;
            (stage, StageTimes { whole: of(whole), touch: of(touch), wait: of(wait), impossible })
        });
        Self { window, whole: Spread::of(whole), on_time, stages: stages.collect() }
    }
}

fn add(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    sum.zip(more).and_then(|(sum, more)| sum.checked_add(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(number: u8, requested: Option<u64>, delivered: Option<u64>, needed_by: Option<u64>) -> CaseTimes {
        CaseTimes {
            case: CaseToken::from_entropy([number; 16]),
            requested: requested.map(WallTime),
            delivered: delivered.map(WallTime),
            needed_by: needed_by.map(WallTime),
            stays: Vec::new(),
        }
    }

    fn stay(stage: Stage, from: u64, to: Option<u64>, touch_ms: Option<u64>) -> Stay {
        Stay { stage, from: WallTime(from), to: to.map(WallTime), touch_ms }
    }

    const WINDOW: Window = Window { from: WallTime(1_000), to: WallTime(2_000) };

    #[test]
    fn only_cases_delivered_in_the_window_count_and_what_they_lack_is_missing() {
        let cases = [
            case(1, Some(400), Some(1_000), Some(1_000)), // 600, on time to the millisecond
            case(2, Some(900), Some(1_999), Some(1_998)), // 1099, late
            case(3, Some(500), Some(2_000), Some(9_000)), // delivered after the window
            case(4, Some(500), Some(999), Some(9_000)),   // before it
            case(5, None, Some(1_500), None),             // neither request nor need noted
            case(6, Some(1_600), Some(1_500), Some(9_000)), // the clock went back: its time is missing
            case(7, Some(1_100), None, Some(1_200)),      // not delivered
        ];
        let turnaround = Turnaround::of(WINDOW, &cases);
        assert_eq!(
            turnaround.whole,
            Spread { n: 2, missing: 2, p50: Some(600), p90: Some(1_099), sum: 1_699 }
        );
        assert_eq!(turnaround.on_time, Share { hits: 2, n: 4, missing: 1 });
    }

    #[test]
    fn stays_in_a_stage_are_added_up_and_waiting_is_what_work_leaves_over() {
        use Stage::{Designing, InQc};
        let mut one = case(1, Some(0), Some(1_500), None);
        one.stays = vec![
            stay(Designing, 0, Some(300), Some(100)),
            stay(InQc, 300, Some(400), Some(100)),
            stay(Designing, 400, Some(600), Some(150)),
        ];
        let mut two = case(2, Some(0), Some(1_500), None);
        two.stays = vec![stay(Designing, 0, Some(100), None), stay(InQc, 100, Some(150), Some(60))];
        let mut three = case(3, Some(0), Some(1_500), None);
        three.stays = vec![stay(Designing, 0, None, Some(5))];
        let stages = Turnaround::of(WINDOW, &[one, two, three]).stages;
        let spread = |n, missing, p50, p90, sum| Spread { n, missing, p50, p90, sum };
        assert_eq!(
            stages.get(&Designing),
            Some(&StageTimes {
                whole: spread(2, 1, Some(100), Some(500), 600),
                touch: spread(2, 1, Some(5), Some(250), 255),
                wait: spread(1, 2, Some(250), Some(250), 250),
                impossible: 0,
            })
        );
        assert_eq!(
            stages.get(&InQc),
            Some(&StageTimes {
                whole: spread(2, 0, Some(50), Some(100), 150),
                touch: spread(2, 0, Some(60), Some(100), 160),
                wait: spread(1, 1, Some(0), Some(0), 0),
                impossible: 1,
            })
        );
        assert_eq!(stages.len(), 2);
    }
}
