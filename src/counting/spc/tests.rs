//! Limits worked by hand, rules at the point that completes them, and a slow oracle beside both.

use super::*;
use proptest::prelude::*;

const BY_SD: Settings = Settings { basis: Basis::StandardDeviation, baseline: None, tolerance: None };

fn of(values: &[i32], settings: Settings) -> Chart {
    chart((0..).map(WallTime).zip(values.iter().copied()).collect(), 0, settings)
}

fn judged(values: &[i32], settings: Settings) -> (Limits, Vec<Signal>) {
    match of(values, settings).verdict {
        Verdict::Judged { limits, signals } => (limits, signals),
        other => panic!("{other:?}"),
    }
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 0.001, "{found} is not {expected}");
}

#[test]
fn limits_are_those_worked_by_hand_from_the_standard_deviation_and_from_moving_ranges() {
    // Mean 5. Squares 9 1 1 1 0 0 4 16 = 32, SD √(32/7) = 2.13809, times 3 = 6.41427.
    // Moving ranges 2 0 0 1 0 2 2 = 7, mean 1, sigma 1 / 1.128 = 0.88652, times 3 = 2.65957.
    let values = [2, 4, 4, 4, 5, 5, 7, 9];
    let (limits, _) = judged(&values, BY_SD);
    near(limits.sigma, 2.13809);
    near(limits.lower, -1.41427);
    near(limits.upper, 11.41427);
    assert_eq!((limits.n, limits.provisional), (8, true));
    let (limits, signals) = judged(&values, Settings { basis: Basis::MovingRange, ..BY_SD });
    near(limits.sigma, 0.88652);
    near(limits.lower, 2.34043);
    near(limits.upper, 7.65957);
    let beyond = |place| Signal { rule: Rule::BeyondLimits, first: place, last: place };
    assert_eq!(signals, [beyond(0), beyond(7)]);
}

#[test]
fn too_few_points_or_points_that_do_not_differ_get_no_limits_and_words_that_say_so() {
    let few = of(&[1, 2, 3, 4, 5, 6, 7], BY_SD).verdict;
    assert_eq!(few, Verdict::TooFew { n: 7, needed: 8 });
    assert!(few.in_words().starts_with("too few points for limits: 7, and 8 are needed"));
    assert_eq!(of(&[], BY_SD).verdict, Verdict::TooFew { n: 0, needed: 8 });
    assert_eq!(of(&[3; 30], BY_SD).verdict, Verdict::NoSpread { n: 30 });
    let baseline = Settings { baseline: Some(25), ..BY_SD };
    assert_eq!(of(&[1; 24], baseline).verdict, Verdict::TooFew { n: 24, needed: 25 });
}

#[test]
fn limits_are_provisional_below_twenty_points() {
    let zigzag = |n: usize| (0..n).map(|place| if place % 2 == 0 { 1 } else { -1 }).collect::<Vec<i32>>();
    assert!(judged(&zigzag(19), BY_SD).0.provisional);
    assert!(!judged(&zigzag(20), BY_SD).0.provisional);
}

#[test]
fn the_rules_break_at_the_point_that_completes_them_and_not_one_earlier() {
    // A quiet baseline around zero, σ = √(20/19) ≈ 1.026; what follows is judged by it.
    let base: Vec<i32> = (0..20).map(|place| if place % 2 == 0 { 1 } else { -1 }).collect();
    let settings = Settings { baseline: Some(20), ..BY_SD };
    let signals = |more: &[i32]| {
        let values: Vec<i32> = base.iter().chain(more).copied().collect();
        judged(&values, settings).1
    };
    let one = |rule, first, last| vec![Signal { rule, first, last }];
    // Nelson 1: 3σ = 3.078
    assert_eq!(signals(&[3, -3]), []);
    assert_eq!(signals(&[4]), one(Rule::BeyondLimits, 20, 20));
    assert_eq!(signals(&[-4]), one(Rule::BeyondLimits, 20, 20));
    // Nelson 2: the baseline ends below; nine above are a run, eight are none, and a point on the mean ends one.
    assert_eq!(signals(&[1, 2, 1, 2, 1, 2, 1, 2]), []);
    assert_eq!(signals(&[1, 2, 1, 2, 1, 2, 1, 2, 1]), one(Rule::OneSide, 20, 28));
    assert_eq!(signals(&[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]), one(Rule::OneSide, 20, 30));
    assert_eq!(signals(&[1, 2, 1, 2, 0, 2, 1, 2, 1, 2]), []);
    // Nelson 3: the last of the baseline is −1; 0 1 2 3 rise with it (five points), one more makes six.
    assert_eq!(signals(&[-3, -2, -1, 0, 1]), []);
    assert_eq!(signals(&[-3, -2, -1, 0, 1, 2]), one(Rule::Trend, 20, 25));
    assert_eq!(signals(&[3, 2, 1, 0, -1, -2]), one(Rule::Trend, 20, 25));
    assert_eq!(signals(&[-3, -2, -1, -1, 0, 1, 2]), []);
}

#[test]
fn every_printer_has_its_own_chart_in_the_order_of_time_and_what_was_not_measured_is_counted() {
    let measurement = |printer: &str, at, micrometres| Measurement {
        printer: printer.parse().unwrap(),
        at: WallTime(at),
        micrometres,
    };
    let measurements = [
        measurement("a", 3, Some(-120)),
        measurement("b", 1, Some(5)),
        measurement("a", 1, Some(80)),
        measurement("a", 2, None),
    ];
    let charts = charts(&measurements, Settings { tolerance: Some((-100, 100)), ..BY_SD });
    let a = &charts[&"a".parse::<PrinterName>().unwrap()];
    assert_eq!(a.points, [(WallTime(1), 80), (WallTime(3), -120)]);
    assert_eq!((a.missing, a.largest, a.out_of_tolerance.as_slice()), (1, Some(120), &[1][..]));
    near(a.all.unwrap().mean, -20.0);
    assert_eq!(charts.len(), 2);
}

proptest! {
    /// Each rule asked again at each point, the slow way.
    #[test]
    fn signals_are_what_a_look_at_every_window_of_points_finds(values in prop::collection::vec(-6i32..=6, 8..60)) {
        let Verdict::Judged { limits, signals } = of(&values, BY_SD).verdict else { return Ok(()) };
        let covered = |rule| {
            let mut places: Vec<usize> = signals.iter().filter(|s| s.rule == rule).flat_map(|s| s.first..=s.last).collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let windows = |long: usize, broken: &dyn Fn(&[i32]) -> bool| {
            let mut places: Vec<usize> = values
                .windows(long)
                .enumerate()
                .filter(|(_, window)| broken(window))
                .flat_map(|(first, _)| first..first + long)
                .collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let mean = limits.mean;
        prop_assert_eq!(covered(Rule::BeyondLimits), windows(1, &|w| {
            f64::from(w[0]) > limits.upper || f64::from(w[0]) < limits.lower
        }));
        prop_assert_eq!(covered(Rule::OneSide), windows(ONE_SIDE, &|w| {
            w.iter().all(|v| f64::from(*v) > mean) || w.iter().all(|v| f64::from(*v) < mean)
        }));
        prop_assert_eq!(covered(Rule::Trend), windows(TREND, &|w| {
            w.is_sorted_by(|a, b| a < b) || w.is_sorted_by(|a, b| a > b)
        }));
    }
}
