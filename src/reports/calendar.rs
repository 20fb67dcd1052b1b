//! Days of the site's calendar and the moments at which they begin.

use crate::domain::moment::WallTime;
use crate::domain::zone::Zone;

pub use crate::domain::day::Day;

/// The day in the site's zone; nothing beyond the calendar.
pub fn day_at(wall: WallTime, zone: &Zone) -> Option<Day> {
    Day::at(wall, zone.offset_minutes(wall))
}

/// The year of a time at the site: all of a date that may stand in what is de-identified.
pub fn year_at(wall: WallTime, zone: &Zone) -> Option<u16> {
    day_at(wall, zone)?.to_string().get(..4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_the_site_and_ends_a_millisecond_before_the_next() {
        let day: Day = "2026-04-01".parse().unwrap();
        let zones = [-720, -1, 0, 90, 840].map(Zone::fixed).into_iter();
        for zone in zones.chain(["Europe/Berlin".parse().unwrap()]) {
            let (first, last) = (zone.begins(day), zone.ends(day));
            assert_eq!((day_at(first, &zone), day_at(last, &zone)), (Some(day), Some(day)));
            assert_ne!(day_at(WallTime(first.0 - 1), &zone), Some(day));
            assert_ne!(day_at(WallTime(last.0 + 1), &zone), Some(day));
        }
        assert_eq!(day_at(WallTime(u64::MAX), &Zone::utc()), None);
    }

    #[test]
    fn new_years_eve_is_another_year_where_it_is_midnight_already() {
        // 2026-12-31T23:30:00Z
        let (late, berlin) = (WallTime(1_798_759_800_000), "Europe/Berlin".parse().unwrap());
        assert_eq!((year_at(late, &Zone::utc()), year_at(late, &berlin)), (Some(2026), Some(2027)));
    }
}
