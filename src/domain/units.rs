//! Units that must not be mixed: degrees, baud, heights, volumes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A temperature in degrees Celsius.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Celsius(pub f64);

impl fmt::Display for Celsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} °C", self.0)
    }
}

/// Line speed in bits per second; a byte takes ten bits on the wire (8N1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Baud(pub u32);

impl Baud {
    /// How long `bytes` bytes take on the wire.
    pub fn time_of(self, bytes: usize) -> Duration {
        if self.0 == 0 {
            return Duration::ZERO;
        }
        Duration::from_micros(bytes as u64 * 10_000_000 / u64::from(self.0))
    }
}

/// A height above the plate, in thousandths of a millimetre: exact, so that it can be compared and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Height(u32);

impl Height {
    /// Ten metres: taller than any printer.
    const MAX_MM: f64 = 10_000.0;

    /// None where that is no height.
    #[expect(clippy::cast_possible_truncation, reason = "within 0 to ten million")]
    pub fn from_mm(mm: f64) -> Option<Self> {
        (0.0..=Self::MAX_MM).contains(&mm).then(|| Self((mm * 1_000.0).round() as u32))
    }

    pub fn mm(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mm", self.mm())
    }
}

/// A volume in thousandths of a millilitre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Microlitres(pub u64);

impl Microlitres {
    /// Rounded to the nearest; none where it is no volume that a lab has (not finite, negative, above 100 litres).
    #[expect(clippy::cast_possible_truncation, reason = "within 0 to a hundred million")]
    pub fn from_ml(ml: f64) -> Option<Self> {
        (0.0..=100_000.0).contains(&ml).then(|| Self((ml * 1_000.0).round() as u64))
    }

    #[must_use]
    pub fn ml(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }

    /// What it weighs, where a cubic centimetre weighs so many milligrams.
    pub fn milligrams(self, density: u16) -> u64 {
        self.0.saturating_mul(u64::from(density)) / 1_000
    }
}

impl fmt::Display for Microlitres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} ml", self.0 / 1_000, self.0 % 1_000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_exact_to_a_microlitre_and_tells_tenths_of_a_millilitre() {
        let volume = Microlitres::from_ml(59.163).unwrap();
        assert_eq!((volume.0, volume.to_string().as_str()), (59_163, "59.1 ml"));
        assert_eq!(volume.milligrams(1_100), 65_079);
        for none in [-0.1, f64::NAN, f64::INFINITY, 100_000.1] {
            assert_eq!(Microlitres::from_ml(none), None, "{none}");
        }
    }

    #[test]
    fn a_height_is_exact_to_a_thousandth_and_nothing_below_the_plate_is_one() {
        let height = Height::from_mm(12.3).unwrap();
        assert_eq!((height.mm(), height.to_string().as_str()), (12.3, "12.3 mm"));
        for none in [-0.1, f64::NAN, f64::INFINITY, 10_000.1] {
            assert_eq!(Height::from_mm(none), None, "{none}");
        }
    }

    #[test]
    fn a_hundred_and_twenty_seven_bytes_take_eleven_milliseconds_at_115200() {
        assert_eq!(Baud(115_200).time_of(127).as_millis(), 11);
    }
}
