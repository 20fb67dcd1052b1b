//! A day of the calendar, for what expires or is due. Days are those of UTC.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use time::{Date, Month};

use crate::domain::moment::WallTime;

/// Days since 1970-01-01; written `2026-11-29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(u32);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day is written year-month-day, such as 2026-11-29, from 1970 to 9999")]
pub struct DayError;

const MILLIS: u64 = 24 * 60 * 60 * 1_000;
/// 9999-12-31
const LAST: u32 = 2_932_896;

impl Day {
    /// The day of a time. The one use of wall time that decides something: expiry is a matter of the calendar.
    pub fn of(at: WallTime) -> Self {
        Self(u32::try_from(at.0 / MILLIS).map_or(LAST, |days| days.min(LAST)))
    }

    /// So many days later.
    pub fn after(self, days: u16) -> Self {
        Self((self.0 + u32::from(days)).min(LAST))
    }

    fn date(self) -> Date {
        let epoch = time::OffsetDateTime::UNIX_EPOCH.date();
        epoch.checked_add(time::Duration::days(i64::from(self.0))).unwrap_or(epoch)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let mut parts = text.split('-');
        let mut next = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u16>().ok())?
        };
        let (Some(year), Some(month), Some(day)) = (next(4), next(2), next(2)) else {
            return Err(DayError);
        };
        if parts.next().is_some() {
            return Err(DayError);
        }
        let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok()).ok_or(DayError)?;
        let day = u8::try_from(day).map_err(|_| DayError)?;
        let date = Date::from_calendar_date(i32::from(year), month, day).map_err(|_| DayError)?;
        let days = (date - time::OffsetDateTime::UNIX_EPOCH.date()).whole_days();
        u32::try_from(days).map(Self).map_err(|_| DayError)
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_day_is_read_back_as_it_was_written(days in 0u32..=LAST) {
            prop_assert_eq!(Day(days).to_string().parse(), Ok(Day(days)));
        }
    }

    #[test]
    fn days_that_are_none_are_refused_and_a_day_ends_at_midnight() {
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "26-01-01",
            "2026-1-1",
            "2026-01-01-",
            "1969-12-31",
            "x",
            "+026-01-01",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(DayError), "{bad}");
        }
        assert_eq!(Day::of(WallTime(MILLIS - 1)).to_string(), "1970-01-01");
        assert_eq!(Day::of(WallTime(MILLIS)).to_string(), "1970-01-02");
        assert_eq!(Day::of(WallTime(u64::MAX)), Day(LAST));
        assert_eq!("2026-12-31".parse::<Day>().unwrap().after(1).to_string(), "2027-01-01");
    }
}
