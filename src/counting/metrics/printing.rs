//! What becomes of prints: first-pass yield, reprints by cause, printer and material, success, and scrap.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::{Window, between};
use crate::counting::money::{Money, TooLarge};
use crate::counting::stats::Share;
use crate::domain::ids::{CaseToken, JobId, PartId, PrinterName};
use crate::domain::moment::WallTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Running,
    Completed,
    /// Came to its end, but was interrupted, paused or out of limits on the way.
    Suspect,
    Failed,
    Cancelled,
    /// Nobody has said yet what became of it.
    Unknown,
}

/// One attempt to print one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub job: JobId,
    pub case: CaseToken,
    pub part: PartId,
    /// 1, 2, 3 … for the part; 2 and more are reprints. Several may have the same: as many as were ordered are 1, and
    /// pieces of one bed share theirs.
    pub number: u32,
    pub printer: PrinterName,
    pub material: Option<String>,
    pub profile: Option<String>,
    /// Nothing where it never began.
    pub started: Option<WallTime>,
    pub ended: Option<WallTime>,
    pub outcome: AttemptOutcome,
    /// Why it was printed again; of reprints only.
    pub cause: Option<String>,
    /// What it printed was thrown away, also where that was decided at the inspection.
    pub scrapped: bool,
    pub milligrams: Option<u64>,
    /// How many pieces came with it off the same bed, itself counted: each has its share of the time.
    pub together: usize,
    pub cost: Option<Money>,
}

/// What became of a part, all attempts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum PartEnd {
    Open,
    Released { attempt: u32 },
    GivenUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    pub part: PartId,
    /// When its first attempt began.
    pub started: Option<WallTime>,
    /// How many have begun.
    pub attempts: u32,
    pub reworked: bool,
    pub end: PartEnd,
}

/// Parts that began in the window: released on the first attempt without rework, of all. `missing` are still open,
/// and a reprint or rework settles that a part is no hit even while it is.
pub fn first_pass_yield(window: Window, parts: &[PartRecord]) -> Share {
    let mut share = Share::default();
    for part in parts.iter().filter(|part| window.has_some(part.started)) {
        share.count(match part.end {
            PartEnd::Released { attempt } => Some(attempt == 1 && !part.reworked),
            PartEnd::GivenUp => Some(false),
            PartEnd::Open if part.reworked || part.attempts > 1 => Some(false),
            PartEnd::Open => None,
        });
    }
    share
}

fn begun(window: Window, attempts: &[Attempt]) -> impl Iterator<Item = &Attempt> {
    attempts.iter().filter(move |attempt| window.has_some(attempt.started))
}

impl Attempt {
    fn is_lost(&self) -> bool {
        let failed = matches!(self.outcome, AttemptOutcome::Failed | AttemptOutcome::Cancelled);
        failed || self.scrapped
    }
}

/// The places of those that had to be printed again: of each part as many as it has reprints, of those before the
/// newest one, what was lost first and then the oldest.
fn repeated(attempts: &[Attempt]) -> BTreeSet<usize> {
    let mut parts: BTreeMap<&PartId, Vec<(usize, &Attempt)>> = BTreeMap::new();
    for (place, attempt) in attempts.iter().enumerate().filter(|(_, attempt)| attempt.started.is_some()) {
        parts.entry(&attempt.part).or_default().push((place, attempt));
    }
    let again = parts.into_values().flat_map(|mut of| {
        let reprints = of.iter().filter(|(_, attempt)| attempt.number > 1).count();
        let newest = of.iter().map(|(_, attempt)| attempt.number).max().unwrap_or(1);
        of.retain(|(_, attempt)| attempt.number < newest);
        of.sort_by_key(|(_, attempt)| (!attempt.is_lost(), attempt.number));
        of.into_iter().take(reprints).map(|(place, _)| place)
    });
    again.collect()
}

/// Reprints among the attempts that began in the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reprints {
    pub window: Window,
    /// Attempts beyond the first of their part, of all attempts.
    pub all: Share,
    /// How many of those hits had which cause.
    pub by_cause: BTreeMap<String, u64>,
    pub without_cause: u64,
    /// Of the attempts on this printer: those that had to be printed again, wherever that was done then. The printer
    /// that failed is charged, not the one that repeated.
    pub by_printer: BTreeMap<PrinterName, Share>,
    /// The same by the material and the profile of the attempt that had to be repeated.
    pub by_material: BTreeMap<String, Share>,
    pub without_material: u64,
    pub by_profile: BTreeMap<String, Share>,
    pub without_profile: u64,
}

impl Reprints {
    /// `attempts` are all that there are, also those outside of the window: they say what was printed again.
    pub fn of(window: Window, attempts: &[Attempt]) -> Self {
        let repeated = repeated(attempts);
        let mut reprints = Self {
            window,
            all: Share::default(),
            by_cause: BTreeMap::new(),
            without_cause: 0,
            by_printer: BTreeMap::new(),
            by_material: BTreeMap::new(),
            without_material: 0,
            by_profile: BTreeMap::new(),
            without_profile: 0,
        };
        let all = attempts.iter().enumerate();
        for (place, attempt) in all.filter(|(_, attempt)| window.has_some(attempt.started)) {
            reprints.all.count(Some(attempt.number > 1));
            if attempt.number > 1 {
                match &attempt.cause {
                    Some(cause) => *reprints.by_cause.entry(cause.clone()).or_default() += 1,
                    None => reprints.without_cause += 1,
                }
            }
            let again = repeated.contains(&place);
            reprints.by_printer.entry(attempt.printer.clone()).or_default().count(Some(again));
            match &attempt.material {
                Some(name) => reprints.by_material.entry(name.clone()).or_default().count(Some(again)),
                None => reprints.without_material += 1,
            }
            match &attempt.profile {
                Some(name) => reprints.by_profile.entry(name.clone()).or_default().count(Some(again)),
                None => reprints.without_profile += 1,
            }
        }
        reprints
    }
}

/// What became of the attempts that began in the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintSuccess {
    pub window: Window,
    /// Completed and not suspect, of all; running ones and such of unknown end are missing.
    pub all: Share,
    pub by_outcome: BTreeMap<AttemptOutcome, u64>,
    pub by_printer: BTreeMap<PrinterName, Share>,
}

impl PrintSuccess {
    pub fn of(window: Window, attempts: &[Attempt]) -> Self {
        let mut success =
            Self { window, all: Share::default(), by_outcome: BTreeMap::new(), by_printer: BTreeMap::new() };
        for attempt in begun(window, attempts) {
            let hit = match attempt.outcome {
                AttemptOutcome::Completed => Some(true),
                AttemptOutcome::Suspect | AttemptOutcome::Failed | AttemptOutcome::Cancelled => Some(false),
                AttemptOutcome::Running | AttemptOutcome::Unknown => None,
            };
            success.all.count(hit);
            *success.by_outcome.entry(attempt.outcome).or_default() += 1;
            success.by_printer.entry(attempt.printer.clone()).or_default().count(hit);
        }
        success
    }
}

/// What was thrown away of the attempts that ended in the window: failed and cancelled ones, and what was scrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrap {
    pub window: Window,
    pub attempts: u64,
    pub milligrams: u64,
    pub without_weight: u64,
    pub lost_ms: u64,
    pub without_time: u64,
    pub cost: Money,
    pub without_cost: u64,
}

impl Scrap {
    pub fn of(window: Window, attempts: &[Attempt]) -> Result<Self, TooLarge> {
        let mut scrap = Self {
            window,
            attempts: 0,
            milligrams: 0,
            without_weight: 0,
            lost_ms: 0,
            without_time: 0,
            cost: Money::ZERO,
            without_cost: 0,
        };
        let lost = |attempt: &&Attempt| {
            attempt.started.is_some() && attempt.is_lost() && window.has_some(attempt.ended)
        };
        for attempt in attempts.iter().filter(lost) {
            scrap.attempts += 1;
            match attempt.milligrams {
                Some(milligrams) => {
                    scrap.milligrams = scrap.milligrams.checked_add(milligrams).ok_or(TooLarge)?
                }
                None => scrap.without_weight += 1,
            }
            let time = attempt.started.zip(attempt.ended).and_then(|(from, to)| between(from, to));
            let together = u64::try_from(attempt.together).unwrap_or(u64::MAX).max(1);
            match time.map(|time| time / together) {
                Some(time) => scrap.lost_ms = scrap.lost_ms.checked_add(time).ok_or(TooLarge)?,
                None => scrap.without_time += 1,
            }
            match attempt.cost {
                Some(cost) => scrap.cost = scrap.cost.plus(cost)?,
                None => scrap.without_cost += 1,
            }
        }
        Ok(scrap)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::counting::metrics) fn attempt(
        part: u8,
        number: u32,
        printer: &str,
        started: u64,
        ended: Option<u64>,
        outcome: AttemptOutcome,
    ) -> Attempt {
        Attempt {
            job: JobId::from_entropy([part.wrapping_mul(16).wrapping_add(u8::try_from(number).unwrap()); 16]),
            case: CaseToken::from_entropy([1; 16]),
            part: PartId::from_entropy([part; 16]),
            number,
            printer: printer.parse().unwrap(),
            material: Some("PLA".into()),
            profile: None,
            started: Some(WallTime(started)),
            ended: ended.map(WallTime),
            outcome,
            cause: None,
            scrapped: false,
            milligrams: Some(1_000),
            together: 1,
            cost: Some(Money(50)),
        }
    }

    use AttemptOutcome::{Cancelled, Completed, Failed, Running, Suspect, Unknown};

    const WINDOW: Window = Window { from: WallTime(1_000), to: WallTime(2_000) };

    fn share(hits: u64, n: u64, missing: u64) -> Share {
        Share { hits, n, missing }
    }

    #[test]
    fn a_part_passes_first_only_when_its_first_attempt_is_released_untouched() {
        let part = |number: u8, started, reworked, end| PartRecord {
            part: PartId::from_entropy([number; 16]),
            started: Some(WallTime(started)),
            attempts: 1,
            reworked,
            end,
        };
        let parts = [
            part(1, 1_000, false, PartEnd::Released { attempt: 1 }), // the one hit
            part(2, 1_100, true, PartEnd::Released { attempt: 1 }),
            part(3, 1_100, false, PartEnd::Released { attempt: 2 }),
            part(4, 1_100, false, PartEnd::GivenUp),
            part(5, 1_100, false, PartEnd::Open), // not known yet
            part(6, 1_100, true, PartEnd::Open),  // already no hit
            part(7, 2_000, false, PartEnd::Released { attempt: 1 }), // began after the window
            PartRecord { attempts: 2, ..part(9, 1_100, false, PartEnd::Open) }, // printed again: no hit either
            PartRecord { started: None, ..part(8, 0, false, PartEnd::Open) },
        ];
        assert_eq!(first_pass_yield(WINDOW, &parts), share(1, 7, 1));
    }

    #[test]
    fn a_reprint_is_charged_to_the_printer_that_failed_and_not_to_the_one_that_repeated() {
        let reprint = |cause: Option<&str>, attempt| Attempt { cause: cause.map(Into::into), ..attempt };
        let attempts = [
            attempt(1, 1, "a", 1_000, Some(1_100), Failed),
            reprint(Some("adhesion"), attempt(1, 2, "b", 1_200, Some(1_300), Failed)),
            reprint(None, attempt(1, 3, "b", 1_400, Some(1_500), Completed)),
            attempt(2, 1, "a", 1_500, Some(1_600), Completed),
            attempt(3, 1, "a", 1_999, Some(2_100), Suspect),
            reprint(Some("adhesion"), attempt(3, 2, "b", 2_200, Some(2_300), Completed)),
            // Cancelled before it began: no attempt, and it makes no reprint of the one before.
            Attempt { started: None, ..attempt(2, 2, "a", 0, None, Cancelled) },
        ];
        let reprints = Reprints::of(WINDOW, &attempts);
        assert_eq!(reprints.all, share(2, 5, 0));
        assert_eq!(reprints.by_cause, BTreeMap::from([("adhesion".into(), 1)]));
        assert_eq!(reprints.without_cause, 1);
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(reprints.by_printer, BTreeMap::from([(a, share(2, 3, 0)), (b, share(1, 2, 0))]));
        assert_eq!(reprints.by_material, BTreeMap::from([("PLA".into(), share(3, 5, 0))]));
        assert_eq!((reprints.by_profile.len(), reprints.without_profile), (0, 5));
    }

    #[test]
    fn as_many_are_charged_as_were_printed_again_and_no_good_one_while_another_was_lost() {
        let charged = |attempts: &[Attempt]| {
            let all = Window { from: WallTime(0), to: WallTime(u64::MAX) };
            let by_printer = Reprints::of(all, attempts).by_printer;
            let of = |printer: &str| by_printer.get(&printer.parse::<PrinterName>().unwrap()).copied();
            (of("a").unwrap().hits, of("b").unwrap().hits)
        };
        // Two were ordered and both failed: the one that was good when the last began is not charged.
        let two = [
            attempt(1, 1, "a", 1_000, Some(1_100), Failed),
            attempt(1, 1, "a", 1_200, Some(1_300), Failed),
            attempt(1, 2, "b", 1_400, Some(1_500), Completed),
            attempt(1, 3, "b", 1_600, Some(1_700), Completed),
        ];
        assert_eq!(charged(&two), (2, 0));
        // One failed, and two lay on the bed that came after it: there is only one that they can stand for.
        let build = [
            attempt(1, 1, "a", 1_000, Some(1_100), Failed),
            attempt(1, 2, "b", 1_200, Some(1_300), Completed),
            attempt(1, 2, "b", 1_200, Some(1_300), Completed),
        ];
        assert_eq!(charged(&build), (1, 0));
        // Of one that was printed again though nothing was lost, the oldest.
        let spare = [
            attempt(1, 1, "b", 1_000, Some(1_100), Completed),
            attempt(1, 1, "a", 1_200, Some(1_300), Completed),
            attempt(1, 2, "a", 1_400, Some(1_500), Completed),
        ];
        assert_eq!(charged(&spare), (0, 1));
    }

    #[test]
    fn a_suspect_print_is_no_success_and_a_running_one_is_not_known_yet() {
        let outcomes = [Completed, Suspect, Failed, Cancelled, Running, Unknown, Completed];
        let attempts: Vec<_> = (1u8..)
            .zip(outcomes)
            .map(|(part, outcome)| attempt(part, 1, if part < 4 { "a" } else { "b" }, 1_500, None, outcome))
            .collect();
        let success = PrintSuccess::of(WINDOW, &attempts);
        assert_eq!(success.all, share(2, 7, 2));
        let of = |printer: &str| success.by_printer.get(&printer.parse::<PrinterName>().unwrap()).copied();
        assert_eq!((of("a"), of("b")), (Some(share(1, 3, 0)), Some(share(1, 4, 2))));
        assert_eq!(success.by_outcome.values().sum::<u64>(), 7);
        assert_eq!(
            PrintSuccess::of(Window { from: WallTime(0), to: WallTime(1) }, &attempts).all,
            share(0, 0, 0)
        );
    }

    #[test]
    fn scrap_is_what_failed_and_what_was_thrown_away_later_with_what_nobody_weighed() {
        let attempts = [
            attempt(1, 1, "a", 900, Some(1_100), Failed), // 200 ms, 1000 mg, 50
            attempt(2, 1, "a", 1_000, Some(1_300), Completed), // good
            Attempt { scrapped: true, milligrams: None, ..attempt(3, 1, "a", 1_000, Some(1_400), Completed) },
            Attempt { cost: None, ..attempt(4, 1, "a", 1_800, Some(1_700), Cancelled) }, // the clock went back
            attempt(5, 1, "a", 1_000, Some(2_000), Failed), // ended after the window
            Attempt { started: None, ..attempt(6, 1, "a", 0, Some(1_500), Cancelled) }, // never began
        ];
        let expected = Scrap {
            window: WINDOW,
            attempts: 3,
            milligrams: 2_000,
            without_weight: 1,
            lost_ms: 600,
            without_time: 1,
            cost: Money(100),
            without_cost: 1,
        };
        assert_eq!(Scrap::of(WINDOW, &attempts), Ok(expected));
    }
}
