//! The zone of the site's clock: which day and time a moment has there, summer time included.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use std::fmt;
use std::str::FromStr;

use super::day::Day;
use super::moment::WallTime;

/// As far as [`Day::at`] goes.
const MOST_MINUTES: i16 = 18 * 60;
const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;

/// A zone by its name, or one that keeps its distance from UTC all year round. UTC by default.
///
/// The zones come along with platen: what one knows of summer time is as old as the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no zone of this name; write one as in Europe/Berlin")]
pub struct ZoneError;

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl Zone {
    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// So many minutes ahead of UTC, 18 hours at most, in summer as in winter.
    pub fn fixed(ahead: i16) -> Self {
        let ahead = ahead.clamp(-MOST_MINUTES, MOST_MINUTES);
        let Ok(offset) = Offset::from_seconds(i32::from(ahead) * 60) else { return Self::utc() };
        let (sign, distance) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs());
        let name = match distance {
            0 => "UTC".into(),
            _ => format!("UTC{sign}{:02}:{:02}", distance / 60, distance % 60),
        };
        Self { name, zone: TimeZone::fixed(offset) }
    }

    /// `Europe/Berlin`; of one without a name `UTC+01:00`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a mere distance from UTC, which knows of no summer time.
    pub fn is_fixed(&self) -> bool {
        self.zone.iana_name().is_none()
    }

    /// The names of all zones, for a near match.
    pub fn names() -> Vec<String> {
        let zones = TimeZoneDatabase::bundled();
        zones.available().map(|name| name.as_str().to_owned()).collect()
    }

    /// How far its clock is ahead of UTC at that time.
    pub fn offset_minutes(&self, at: WallTime) -> i16 {
        let known = timestamp(at).unwrap_or(Timestamp::MAX);
        i16::try_from(self.zone.to_offset(known).seconds().div_euclid(60)).unwrap_or(0)
    }

    /// The day there; beyond the calendar its last one.
    pub fn day(&self, at: WallTime) -> Day {
        Day::in_utc(self.shown(at))
    }

    /// What a clock there shows: `14:05`.
    pub fn clock(&self, at: WallTime) -> String {
        let minutes = self.shown(at).0 / MINUTE_MS.unsigned_abs() % DAY_MINUTES;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// `2026-11-30 14:05`
    pub fn date_and_clock(&self, at: WallTime) -> String {
        format!("{} {}", self.day(at), self.clock(at))
    }

    /// When a clock there shows this on that day.
    ///
    /// A time that is left out when the clock is put forward is the moment at which that is done; of one that
    /// comes twice when it is put back it is the first. So what is later by the clock is never earlier.
    pub fn local(&self, day: Day, hour: u8, minute: u8) -> WallTime {
        self.minute(day, u16::from(hour) * 60 + u16::from(minute))
    }

    /// The same by minutes since midnight as the clock shows them; 1440 is the next midnight.
    pub fn minute(&self, day: Day, minute: u16) -> WallTime {
        let shown = WallTime(day.begins().0.saturating_add(u64::from(minute) * MINUTE_MS.unsigned_abs()));
        // At the very end of the calendar, the zone's last distance is as good as any.
        let last = || moved(shown, -i64::from(self.offset_minutes(shown)) * MINUTE_MS);
        self.moment(shown).unwrap_or_else(last)
    }

    /// The first moment of a day there.
    pub fn begins(&self, day: Day) -> WallTime {
        self.minute(day, 0)
    }

    /// The last moment of a day there.
    pub fn ends(&self, day: Day) -> WallTime {
        WallTime(self.minute(day, 24 * 60).0.saturating_sub(1))
    }

    /// What the clock shows, as if it were UTC.
    fn shown(&self, at: WallTime) -> WallTime {
        moved(at, i64::from(self.offset_minutes(at)) * MINUTE_MS)
    }

    /// The other way round.
    fn moment(&self, shown: WallTime) -> Option<WallTime> {
        let asked = self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(timestamp(shown)?));
        let at = match asked.offset() {
            AmbiguousOffset::Gap { .. } => {
                let before = asked.earlier().ok()?;
                self.zone.following(before).next()?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => asked.earlier().ok()?,
        };
        // Wall time has nothing before 1970.
        Some(WallTime(u64::try_from(at.as_millisecond()).unwrap_or(0)))
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| ZoneError)?;
        // "Etc/Unknown" is a zone that has no name.
        let name = zone.iana_name().ok_or(ZoneError)?.to_owned();
        Ok(Self { name, zone })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Nothing beyond the calendar.
fn timestamp(at: WallTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

fn moved(at: WallTime, millis: i64) -> WallTime {
    WallTime(at.0.saturating_add_signed(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn at(text: &str) -> WallTime {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn half_past_eleven_in_the_evening_is_the_same_day_in_summer_and_in_winter() {
        let berlin = zone("Europe/Berlin");
        for (moment, offset, shown) in [
            ("2026-07-15T21:30:00Z", 120, "2026-07-15 23:30"),
            ("2026-07-15T22:30:00Z", 120, "2026-07-16 00:30"),
            ("2027-01-15T22:30:00Z", 60, "2027-01-15 23:30"),
            ("2027-01-15T23:30:00Z", 60, "2027-01-16 00:30"),
            ("2026-11-30T13:05:59Z", 60, "2026-11-30 14:05"),
        ] {
            let moment = at(moment);
            assert_eq!(
                (berlin.offset_minutes(moment), berlin.date_and_clock(moment)),
                (offset, shown.into())
            );
            assert_eq!(format!("{} {}", berlin.day(moment), berlin.clock(moment)), shown);
        }
        assert_eq!(zone("Asia/Kolkata").clock(at("2026-07-15T21:30:00Z")), "03:00");
        assert_eq!(zone("America/St_Johns").clock(at("2026-01-15T01:00:00Z")), "21:30");
    }

    #[test]
    fn what_the_clock_leaves_out_is_when_it_is_put_forward_and_what_it_shows_twice_is_the_first() {
        let (berlin, back, forward) = (zone("Europe/Berlin"), day("2026-10-25"), day("2027-03-28"));
        for (day, hour, minute, moment) in [
            (back, 1, 59, "2026-10-24T23:59Z"),
            (back, 2, 0, "2026-10-25T00:00Z"),
            (back, 2, 59, "2026-10-25T00:59Z"),
            (back, 3, 0, "2026-10-25T02:00Z"),
            (back, 8, 0, "2026-10-25T07:00Z"),
            (forward, 1, 59, "2027-03-28T00:59Z"),
            (forward, 2, 0, "2027-03-28T01:00Z"),
            (forward, 2, 30, "2027-03-28T01:00Z"),
            (forward, 3, 0, "2027-03-28T01:00Z"),
            (forward, 8, 0, "2027-03-28T06:00Z"),
            (forward, 24, 0, "2027-03-28T22:00Z"),
        ] {
            assert_eq!(berlin.local(day, hour, minute), at(moment), "{day} {hour}:{minute}");
        }
        let long = |day| berlin.ends(day).0 + 1 - berlin.begins(day).0;
        assert_eq!((long(back), long(forward)), (25 * 3_600_000, 23 * 3_600_000));
    }

    #[test]
    fn a_zone_without_a_name_keeps_its_distance_all_year_round() {
        let newfoundland = Zone::fixed(-210);
        for moment in ["2026-01-15T03:00Z", "2026-07-15T03:00Z"] {
            assert_eq!(
                (newfoundland.offset_minutes(at(moment)), newfoundland.clock(at(moment))),
                (-210, "23:30".into())
            );
        }
        assert_eq!(newfoundland.local(day("2026-07-14"), 23, 30), at("2026-07-15T03:00Z"));
        let names = [-210, 0, 60].map(|ahead| Zone::fixed(ahead).to_string());
        assert_eq!(names, ["UTC-03:30", "UTC", "UTC+01:00"]);
        assert_eq!(Zone::fixed(i16::MAX), Zone::fixed(1_080));
        assert_eq!((Zone::fixed(0), zone("UTC")), (Zone::default(), Zone::utc()));
        assert!(newfoundland.is_fixed() && !zone("Europe/Berlin").is_fixed() && !Zone::utc().is_fixed());
    }

    #[test]
    fn a_zone_is_known_by_its_name_in_capitals_or_not() {
        assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
        assert_eq!(zone("Europe/Berlin"), zone("EUROPE/BERLIN"));
        assert_ne!(zone("Europe/Berlin"), zone("Europe/Vienna"));
        for odd in ["", "Berlin", "Europe/Berlon", "+01:00", "Etc/Unknown", "../etc/passwd", "CET-1CEST"] {
            assert_eq!(odd.parse::<Zone>(), Err(ZoneError), "{odd}");
        }
        assert!(Zone::names().iter().any(|name| name == "Europe/Berlin"));
    }

    #[test]
    fn both_ends_of_the_calendar_have_an_answer() {
        let (berlin, last) = (zone("Europe/Berlin"), day("9999-12-31"));
        assert_eq!(berlin.day(WallTime(u64::MAX)), last);
        assert_eq!(berlin.begins(last), at("9999-12-30T23:00Z"));
        assert_eq!(berlin.ends(last).0 + 1, at("9999-12-31T23:00Z").0);
        assert_eq!(berlin.begins(day("1970-01-01")), WallTime(0));
        assert_eq!(zone("America/Lima").clock(WallTime(0)), "00:00");
    }

    proptest! {
        /// Zones that put the clock forward at midnight, by half an hour, in the southern summer, or never.
        #[test]
        fn a_day_begins_where_the_one_before_ends_and_the_clock_never_runs_back_in_its_minutes(
            days in 0u16..8_000, minute in 0u16..1_440, which in 0usize..6,
        ) {
            let names = [
                "Europe/Berlin", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo",
                "Asia/Tokyo",
            ];
            let zone = zone(names[which]);
            let day = day("2026-01-01").after(days);
            prop_assert_eq!(zone.day(zone.begins(day)), day);
            prop_assert_eq!(zone.day(zone.ends(day)), day);
            prop_assert_eq!(zone.day(WallTime(zone.begins(day).0 - 1)), day.before(1).unwrap());
            let (now, then) = (zone.minute(day, minute), zone.minute(day, minute + 1));
            prop_assert!(now <= then && zone.begins(day) <= now && now.0 <= zone.ends(day).0 + 1);
            let shown = zone.date_and_clock(now);
            let asked = format!("{day} {:02}:{:02}", minute / 60, minute % 60);
            prop_assert!(shown >= asked, "{shown} for {asked}");
        }
    }
}
