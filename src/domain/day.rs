//! A day of the calendar: what expires or is due by then, what a code or a rate is valid at.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use time::{Date, Duration, OffsetDateTime};

use super::ids::by_text;
use super::moment::WallTime;

/// `2026-04-01`. A date of service belongs to a person: it is shown only to those who may see the case's vault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no day; write year, month and day as in 2026-04-01")]
pub struct DayError {
    given: String,
}

impl Day {
    /// The day at a place whose clock is `offset_minutes` ahead of UTC at that time; nothing where that is out of
    /// the calendar or the offset is no real one (more than 18 hours).
    pub fn at(wall: WallTime, offset_minutes: i16) -> Option<Self> {
        if offset_minutes.unsigned_abs() > 18 * 60 {
            return None;
        }
        let seconds = i64::try_from(wall.0 / 1_000).ok()?.checked_add(i64::from(offset_minutes) * 60)?;
        OffsetDateTime::from_unix_timestamp(seconds).ok().map(|at| Self(at.date()))
    }

    /// The day in UTC, for what expires or is due: the one matter in which wall time decides something.
    pub fn in_utc(wall: WallTime) -> Self {
        Self::at(wall, 0).unwrap_or(Self(Date::MAX))
    }

    /// So many days later, and at most the last day of the calendar.
    pub fn after(self, days: u16) -> Self {
        Self(self.0.saturating_add(Duration::days(i64::from(days))))
    }

    /// So many days earlier, where the calendar has such a day.
    pub fn before(self, days: u16) -> Option<Self> {
        self.0.checked_sub(Duration::days(i64::from(days))).map(Self)
    }

    /// When it begins in UTC; days before 1970 begin with it.
    pub fn begins(self) -> WallTime {
        let seconds = self.0.midnight().assume_utc().unix_timestamp();
        WallTime(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
    }

    /// 0 for Monday, 6 for Sunday.
    pub fn weekday(self) -> usize {
        usize::from(self.0.weekday().number_days_from_monday())
    }

    /// The day after; nothing after the last day of the calendar.
    pub fn next(self) -> Option<Self> {
        self.0.next_day().map(Self)
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(given: &str) -> Result<Self, DayError> {
        let read = || {
            let digits = |from: usize, to: usize| {
                given.get(from..to).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            };
            if given.len() != 10 || given.get(4..5) != Some("-") || given.get(7..8) != Some("-") {
                return None;
            }
            let year = digits(0, 4)?.parse().ok()?;
            let month = time::Month::try_from(digits(5, 7)?.parse::<u8>().ok()?).ok()?;
            Date::from_calendar_date(year, month, digits(8, 10)?.parse().ok()?).ok()
        };
        read()
            .map(Self)
            .ok_or_else(|| DayError { given: given.chars().filter(|c| !c.is_control()).take(40).collect() })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

by_text!(Day, DayError);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_day_is_read_back_as_it_was_written_and_its_text_has_its_order(
            one in 0u64..253_402_300_799_999, other in 0u64..253_402_300_799_999,
        ) {
            let (one, other) = (Day::in_utc(WallTime(one)), Day::in_utc(WallTime(other)));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        assert_eq!("2024-02-29".parse::<Day>().unwrap().to_string(), "2024-02-29");
        for bad in [
            "2025-02-29",
            "2026-4-1",
            "26-04-01",
            "2026/04/01",
            "2026-13-01",
            "+026-04-01",
            "",
            "x",
            "2026-01-01-",
            "2026-04-01 ",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_day_is_followed_by_others_to_the_end_of_the_calendar() {
        let last: Day = "9999-12-31".parse().unwrap();
        let new_year: Day = "2027-01-01".parse().unwrap();
        let eve: Day = "2026-12-31".parse().unwrap();
        assert_eq!((eve.next(), eve.after(1), eve.after(0)), (Some(new_year), new_year, eve));
        assert_eq!((last.next(), last.after(u16::MAX)), (None, last));
        assert_eq!(Day::in_utc(WallTime(u64::MAX)), last);
    }

    #[test]
    fn a_day_begins_where_the_one_before_ends() {
        let day: Day = "2026-04-01".parse().unwrap();
        assert_eq!(day.before(1).unwrap().to_string(), "2026-03-31");
        assert_eq!(day.begins().to_string(), "2026-04-01T00:00:00.000Z");
        let before = WallTime(day.begins().0 - 1);
        assert_eq!((Day::in_utc(day.begins()), Day::in_utc(before)), (day, day.before(1).unwrap()));
        let first: Day = "1900-01-01".parse().unwrap();
        assert_eq!(first.begins(), WallTime(0));
    }

    #[test]
    fn half_past_eleven_in_the_evening_in_utc_is_the_next_day_in_vienna_and_the_same_in_boston() {
        // 2026-03-31T23:30:00Z
        let late = WallTime(1_774_999_800_000);
        let at = |minutes| Day::at(late, minutes).unwrap().to_string();
        assert_eq!(
            (at(0), at(120), at(-240)),
            ("2026-03-31".into(), "2026-04-01".into(), "2026-03-31".into())
        );
        assert_eq!(Day::in_utc(late).to_string(), "2026-03-31");
        assert_eq!(Day::at(late, 2_000), None);
        assert_eq!(Day::at(WallTime(u64::MAX), 0), None);
    }
}
