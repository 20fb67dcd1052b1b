//! Money as whole minor units (cents): sums are exact, and every rounding happens at one named place.

use serde::{Deserialize, Serialize};

/// A currency by its three letters, and how many digits its minor unit has (2 for cents, 0 for yen).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Currency {
    pub code: String,
    pub digits: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no currency; write its three capital letters, as in USD or EUR")]
pub struct CurrencyError {
    given: String,
}

/// An amount in minor units of a currency that is told beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount does not fit into 64 bits: a quantity or a rate is wrong by many digits; look at both")]
pub struct TooLarge;

impl Currency {
    pub fn new(code: &str, digits: u8) -> Result<Self, CurrencyError> {
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) && digits <= 4 {
            Ok(Self { code: code.to_owned(), digits })
        } else {
            Err(CurrencyError { given: code.chars().filter(|c| !c.is_control()).take(40).collect() })
        }
    }

    /// `12.34 USD`
    pub fn show(&self, amount: Money) -> String {
        let unit = 10u64.pow(u32::from(self.digits.min(4)));
        let (sign, size) = (if amount.0 < 0 { "-" } else { "" }, amount.0.unsigned_abs());
        if self.digits == 0 {
            return format!("{sign}{size} {}", self.code);
        }
        let width = usize::from(self.digits);
        format!("{sign}{}.{:0width$} {}", size / unit, size % unit, self.code)
    }
}

impl Money {
    pub const ZERO: Self = Self(0);

    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        self.0.checked_add(other.0).map(Self).ok_or(TooLarge)
    }

    /// `amount × times ÷ per`, rounded to the next minor unit, a half upwards.
    pub fn rate(amount: u64, times: u64, per: u64) -> Result<Self, TooLarge> {
        let product = u128::from(amount) * u128::from(times);
        let per = u128::from(per.max(1));
        i64::try_from((product + per / 2) / per).map(Self).map_err(|_| TooLarge)
    }
}

/// Divides a whole among shares in proportion to their weights, so that the pieces add up to it exactly.
///
/// A build with parts of several cases has one time and one weight of material: this says what each part has of it.
/// What is left after rounding down goes to the largest remainders, the earlier one first. Without any weight the
/// first share takes all.
pub fn apportion(whole: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return (0..weights.len()).map(|place| if place == 0 { whole } else { 0 }).collect();
    }
    let exact = |weight: u64| u128::from(whole) * u128::from(weight);
    // A share is at most the whole, so it fits.
    let mut shares: Vec<u64> =
        weights.iter().map(|weight| u64::try_from(exact(*weight) / sum).unwrap_or(whole)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|place| {
        let remainder = weights.get(*place).map_or(0, |weight| exact(*weight) % sum);
        (std::cmp::Reverse(remainder), *place)
    });
    let left = whole - shares.iter().sum::<u64>();
    for place in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        if let Some(share) = shares.get_mut(place) {
            *share += 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_shown_with_the_digits_of_its_currency() {
        let usd = Currency::new("USD", 2).unwrap();
        assert_eq!(usd.show(Money(1_234)), "12.34 USD");
        assert_eq!(usd.show(Money(-5)), "-0.05 USD");
        assert_eq!(Currency::new("JPY", 0).unwrap().show(Money(500)), "500 JPY");
        assert_eq!(Currency::new("BHD", 3).unwrap().show(Money(1_005)), "1.005 BHD");
        for bad in ["usd", "US", "EURO", "€"] {
            assert!(Currency::new(bad, 2).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_half_of_a_cent_is_rounded_up_and_less_is_rounded_down() {
        // 25.00 a kilogram: 20 mg are half a tenth of a cent … 200 mg are half a cent.
        assert_eq!(Money::rate(2_500, 199, 1_000_000), Ok(Money(0)));
        assert_eq!(Money::rate(2_500, 200, 1_000_000), Ok(Money(1)));
        assert_eq!(Money::rate(2_500, 1_000_000, 1_000_000), Ok(Money(2_500)));
        assert_eq!(Money::rate(u64::MAX, u64::MAX, 1), Err(TooLarge));
        assert_eq!(Money(i64::MAX).plus(Money(1)), Err(TooLarge));
    }

    #[test]
    fn what_is_left_after_rounding_goes_to_the_largest_remainder() {
        assert_eq!(apportion(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(apportion(10, &[5, 3, 3]), [4, 3, 3]); // 4.55, 2.73, 2.73: two left, to the two thirds
        assert_eq!(apportion(7, &[0, 0]), [7, 0]);
        assert_eq!(apportion(7, &[]), [0u64; 0]);
        assert_eq!(apportion(u64::MAX, &[u64::MAX, u64::MAX]), [u64::MAX / 2 + 1, u64::MAX / 2]);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_and_none_is_off_by_one_or_more(
            whole: u64, weights in prop::collection::vec(any::<u64>(), 1..12),
        ) {
            let shares = apportion(whole, &weights);
            prop_assert_eq!(shares.iter().map(|s| u128::from(*s)).sum::<u128>(), u128::from(whole));
            let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
            prop_assume!(sum > 0);
            for (share, weight) in shares.iter().zip(&weights) {
                let low = u128::from(whole) * u128::from(*weight) / sum;
                prop_assert!((low..=low + 1).contains(&u128::from(*share)));
            }
        }
    }
}
