//! Time as an argument: microseconds since the daemon's boot, and the wall time beside it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use super::day::Day;
use super::ids::BootId;

/// A point in time: microseconds since an origin that the shell chose (the daemon's start).
///
/// It only ever grows, and it can be written to a log and read back, unlike `std::time::Instant`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    pub const ZERO: Self = Self(0);

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn micros(self) -> u64 {
        self.0
    }

    pub const fn millis(self) -> u64 {
        self.0 / 1_000
    }

    /// The time from `earlier` to `self`, zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Wall time in milliseconds since 1970-01-01T00:00:00Z; shown to people, never used to decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub u64);

impl fmt::Display for WallTime {
    /// RFC 3339 in UTC with milliseconds: `2026-11-23T18:20:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        // A wall time past the year 9999 is a broken clock; it is shown as the epoch.
        let t = time::OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }
}

/// What is no moment as people and programs write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no moment; write it as in 2026-12-01T07:00:00Z or 2026-12-01T08:00+01:00")]
pub struct MomentError;

impl FromStr for WallTime {
    type Err = MomentError;

    /// RFC 3339 from 1970 on, also without seconds; parts of a second are left out.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        let (day, rest) = text.split_once(['T', 't', ' ']).ok_or(MomentError)?;
        let day: Day = day.parse().map_err(|_| MomentError)?;
        let zone = rest.find(['Z', 'z', '+', '-']).ok_or(MomentError)?;
        let (time, zone) = rest.split_at(zone);
        let two = |text: Option<&str>, most: u64| {
            let text = text.filter(|text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()));
            text.and_then(|text| text.parse::<u64>().ok()).filter(|value| *value <= most).ok_or(MomentError)
        };
        let mut parts = time.split('.').next().unwrap_or_default().split(':');
        let (hours, minutes) = (two(parts.next(), 23)?, two(parts.next(), 59)?);
        let seconds = parts.next().map_or(Ok(0), |seconds| two(Some(seconds), 59))?;
        if parts.next().is_some() {
            return Err(MomentError);
        }
        let at = day.begins().0 + (hours * 3_600 + minutes * 60 + seconds) * 1_000;
        let (ahead, distance) = match zone.split_at(1) {
            ("Z" | "z", "") => return Ok(Self(at)),
            ("+", distance) => (true, distance),
            ("-", distance) => (false, distance),
            _ => return Err(MomentError),
        };
        let (hours, minutes) = distance.split_once(':').ok_or(MomentError)?;
        let distance = (two(Some(hours), 14)? * 60 + two(Some(minutes), 59)?) * 60_000;
        let at = if ahead { at.checked_sub(distance) } else { at.checked_add(distance) };
        at.map(Self).ok_or(MomentError)
    }
}

/// When something was written down: wall time for people, monotonic time for order, boot for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub wall: WallTime,
    pub mono: Moment,
    pub boot: BootId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_never_goes_below_zero() {
        assert_eq!(Moment(5).since(Moment(9)), Duration::ZERO);
        assert_eq!(Moment(9) - Moment(5), Duration::from_micros(4));
    }

    #[test]
    fn a_moment_is_read_as_people_and_programs_write_it() {
        let at = |text: &str| text.parse::<WallTime>().ok().map(|at| at.to_string());
        let wanted = Some("2026-12-01T07:00:00.000Z".to_owned());
        for text in [
            "2026-12-01T07:00:00.000Z",
            "2026-12-01T07:00:00Z",
            "2026-12-01T07:00Z",
            "2026-12-01 08:00+01:00",
            "2026-12-01t01:30:00-05:30",
        ] {
            assert_eq!(at(text), wanted, "{text}");
        }
        for odd in [
            "",
            "2026-12-01",
            "2026-12-01T07:00",
            "2026-13-01T07:00Z",
            "2026-12-01T25:00Z",
            "2026-12-01T07Z",
            "2026-12-01T07:00:00:00Z",
            "2026-12-01T07:00+1",
            "1970-01-01T00:00+01:00",
            "soon",
        ] {
            assert_eq!(at(odd), None, "{odd}");
        }
    }

    #[test]
    fn wall_time_is_shown_as_rfc_3339_in_utc() {
        assert_eq!(WallTime(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(WallTime(1_795_458_000_123).to_string(), "2026-11-23T18:20:00.123Z");
    }
}
