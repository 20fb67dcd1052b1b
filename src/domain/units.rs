//! Units that must not be mixed: degrees, baud.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_and_twenty_seven_bytes_take_eleven_milliseconds_at_115200() {
        assert_eq!(Baud(115_200).time_of(127).as_millis(), 11);
    }
}
