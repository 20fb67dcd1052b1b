//! Days of the site's calendar and the moments at which they begin; the one place here that knows how days are made.

use std::fmt::Display;

use crate::domain::moment::WallTime;

pub use crate::domain::day::Day;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The day at a site whose clock is `offset_minutes` ahead of UTC.
pub fn day_at(wall: WallTime, offset_minutes: i16) -> Option<Day> {
    Day::at(wall, offset_minutes)
}

/// The first moment of a day at the site; a moment before 1970 is that of 1970.
pub fn first_moment(day: impl Display, offset_minutes: i16) -> Option<WallTime> {
    let text = day.to_string();
    let mut parts = text.split('-');
    let year = parts.next()?.parse::<i32>().ok()?;
    let month = time::Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year, month, parts.next()?.parse().ok()?).ok()?;
    let days = (date - time::OffsetDateTime::UNIX_EPOCH.date()).whole_days();
    let millis =
        days.checked_mul(i64::try_from(DAY_MS).ok()?)?.checked_sub(i64::from(offset_minutes) * 60_000)?;
    Some(WallTime(u64::try_from(millis).unwrap_or(0)))
}

/// The last moment of a day at the site.
pub fn last_moment(day: impl Display, offset_minutes: i16) -> Option<WallTime> {
    first_moment(day, offset_minutes).map(|first| WallTime(first.0.saturating_add(DAY_MS - 1)))
}

/// The year of a time at the site: all of a date that may stand in what is de-identified.
pub fn year_at(wall: WallTime, offset_minutes: i16) -> Option<u16> {
    day_at(wall, offset_minutes)?.to_string().get(..4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_the_site_and_ends_a_millisecond_before_the_next() {
        let day: Day = "2026-04-01".parse().unwrap();
        // 2026-04-01T00:00:00Z is 1 775 001 600 s.
        assert_eq!(first_moment(day, 0), Some(WallTime(1_775_001_600_000)));
        assert_eq!(first_moment(day, 120), Some(WallTime(1_774_994_400_000)));
        assert_eq!(last_moment(day, -240), Some(WallTime(1_775_001_600_000 + 14_400_000 + 86_399_999)));
        for offset in [-720, -1, 0, 90, 840] {
            let (first, last) = (first_moment(day, offset).unwrap(), last_moment(day, offset).unwrap());
            assert_eq!((day_at(first, offset), day_at(last, offset)), (Some(day), Some(day)));
            assert_ne!(day_at(WallTime(first.0 - 1), offset), Some(day));
            assert_ne!(day_at(WallTime(last.0 + 1), offset), Some(day));
        }
        assert_eq!(first_moment("1970-01-01", 600), Some(WallTime(0)));
        assert_eq!(first_moment("no-day", 0), None);
    }

    #[test]
    fn new_years_eve_is_another_year_where_it_is_midnight_already() {
        // 2026-12-31T23:30:00Z
        let late = WallTime(1_798_759_800_000);
        assert_eq!((year_at(late, 0), year_at(late, 60)), (Some(2026), Some(2027)));
    }
}
