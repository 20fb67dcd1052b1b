//! The few statistics that reports use, each with how many values it rests on and how many were missing.

use serde::{Deserialize, Serialize};

/// `hits` of `n`, and for how many of those it is not known (yet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub hits: u64,
    pub n: u64,
    pub missing: u64,
}

impl Share {
    /// Those of which it is known.
    pub fn known(self) -> u64 {
        self.n.saturating_sub(self.missing)
    }

    /// Tenths of a percent of those of which it is known, rounded half up; nothing where there is nothing to divide
    /// by: what nobody said is no "no".
    pub fn permille(self) -> Option<u64> {
        let known = u128::from(self.known());
        let product = u128::from(self.hits) * 1_000 + known / 2;
        product.checked_div(known).and_then(|permille| u64::try_from(permille).ok())
    }

    /// Counts one more; `None` is one of which it is not known.
    pub fn count(&mut self, hit: Option<bool>) {
        self.n += 1;
        self.hits += u64::from(hit == Some(true));
        self.missing += u64::from(hit.is_none());
    }
}

/// The value that at least `percent` of the values do not exceed: the nearest rank, so that it is one of the values.
///
/// `sorted` goes upwards. Nothing where there is no value or `percent` is not 1 to 100.
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    if !(1..=100).contains(&percent) {
        return None;
    }
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// How values lie: nearest-rank percentiles, in the unit of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub n: u64,
    pub missing: u64,
    pub p50: Option<u64>,
    pub p90: Option<u64>,
    pub sum: u64,
}

impl Spread {
    /// `None` is a value that should be there and is not known.
    pub fn of(values: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut known = Vec::new();
        let mut missing = 0;
        for value in values {
            match value {
                Some(value) => known.push(value),
                None => missing += 1,
            }
        }
        known.sort_unstable();
        Self {
            n: known.len() as u64,
            missing,
            p50: percentile(&known, 50),
            p90: percentile(&known, 90),
            sum: known.iter().fold(0, |sum, value| sum.saturating_add(*value)),
        }
    }
}

/// Mean, sample standard deviation and, of two values on, the 95 % interval of the mean by Student's t.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    pub n: u64,
    pub mean: f64,
    pub sd: Option<f64>,
    pub interval: Option<(f64, f64)>,
}

impl Mean {
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        let interval = sd.map(|sd| {
            let half = t_975(values.len() - 1) * sd / n.sqrt();
            (mean - half, mean + half)
        });
        Some(Self { n: values.len() as u64, mean, sd, interval })
    }
}

/// The 97.5 % point of Student's t. Between the degrees of freedom of the table the next lower ones count, which
/// makes an interval a little too wide, never too narrow.
fn t_975(freedom: usize) -> f64 {
    const FIRST: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    match freedom {
        0..=30 => FIRST.get(freedom.saturating_sub(1)).copied().unwrap_or(f64::INFINITY),
        31..=39 => 2.042,
        40..=59 => 2.021,
        60..=119 => 2.000,
        120.. => 1.980,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_values_by_the_nearest_rank() {
        // Each row by hand: rank = ceil(n × percent / 100), counted from 1.
        let table: [(&[u64], usize, Option<u64>); 13] = [
            (&[], 50, None),
            (&[7], 50, Some(7)),
            (&[7], 90, Some(7)),
            (&[1, 2], 50, Some(1)),                          // 1
            (&[1, 2], 51, Some(2)),                          // 1.02 → 2
            (&[1, 2, 3], 50, Some(2)),                       // 1.5 → 2
            (&[1, 2, 3, 4], 50, Some(2)),                    // 2
            (&[15, 20, 35, 40, 50], 30, Some(20)),           // 1.5 → 2
            (&[15, 20, 35, 40, 50], 40, Some(20)),           // 2
            (&[15, 20, 35, 40, 50], 90, Some(50)),           // 4.5 → 5
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 90, Some(9)), // 9
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 100, Some(10)),
            (&[1, 2, 3], 0, None),
        ];
        for (values, percent, expected) in table {
            assert_eq!(percentile(values, percent), expected, "p{percent} of {values:?}");
        }
        assert_eq!(percentile(&[1], 101), None);
    }

    #[test]
    fn a_spread_tells_what_is_missing_beside_what_it_rests_on() {
        let spread = Spread::of([Some(30), None, Some(10), Some(20), None]);
        assert_eq!(spread, Spread { n: 3, missing: 2, p50: Some(20), p90: Some(30), sum: 60 });
        assert_eq!(Spread::of([None]), Spread { missing: 1, ..Spread::default() });
    }

    #[test]
    fn a_share_of_nothing_is_nothing_and_halves_are_rounded_up() {
        assert_eq!(Share::default().permille(), None);
        assert_eq!(Share { hits: 1, n: 3, missing: 0 }.permille(), Some(333));
        assert_eq!(Share { hits: 2, n: 3, missing: 0 }.permille(), Some(667));
        assert_eq!(Share { hits: 1, n: 2_000, missing: 0 }.permille(), Some(1));
        assert_eq!(Share { hits: 1, n: 3, missing: 1 }.permille(), Some(500));
        assert_eq!(Share { hits: 0, n: 1, missing: 1 }.permille(), None);
        assert_eq!(Share { hits: u64::MAX, n: u64::MAX, missing: 0 }.permille(), Some(1_000));
    }

    #[test]
    fn the_interval_of_a_mean_is_the_one_worked_by_hand() {
        // 2 4 4 4 5 5 7 9: mean 5, squares 32, SD √(32/7) = 2.1381; t(7) = 2.365; half = 2.365 × 2.1381 / √8 = 1.7878
        let mean = Mean::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((mean.mean - 5.0).abs() < 1e-12 && (mean.sd.unwrap() - 2.138_09).abs() < 1e-5);
        let (low, high) = mean.interval.unwrap();
        assert!((low - 3.212_2).abs() < 1e-3 && (high - 6.787_8).abs() < 1e-3, "{low} {high}");
        assert_eq!(Mean::of(&[3.0]), Some(Mean { n: 1, mean: 3.0, sd: None, interval: None }));
        assert_eq!(Mean::of(&[]), None);
    }

    #[test]
    fn more_values_never_widen_students_t() {
        assert!((1..400).all(|freedom| t_975(freedom) >= t_975(freedom + 1)));
    }

    proptest! {
        #[test]
        fn a_percentile_splits_the_values_as_its_name_says(
            mut values in prop::collection::vec(any::<u64>(), 1..60), percent in 1usize..=100,
        ) {
            values.sort_unstable();
            let found = percentile(&values, percent).unwrap();
            let up_to = values.iter().filter(|v| **v <= found).count();
            let below = values.iter().filter(|v| **v < found).count();
            prop_assert!(up_to * 100 >= percent * values.len());
            prop_assert!(below * 100 < percent * values.len());
        }
    }
}
