//! Lengths, times and speeds that do not mix.

use serde::{Deserialize, Serialize};

/// A length along Z or a distance, in thousandths of a millimetre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micrometres(pub i64);

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(pub u64);

/// A speed of the plate, µm/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicrometresPerSecond(pub i64);

impl Micrometres {
    /// Rounded to the nearest; `None` where it is no length that a printer has (not finite, above 10 m).
    #[must_use]
    pub fn of_millimetres(millimetres: f64) -> Option<Self> {
        let micrometres = (millimetres * 1e3).round();
        // Within the range of both types.
        #[expect(clippy::cast_possible_truncation, reason = "held to 10 m just before")]
        (micrometres.abs() <= 1e7).then_some(Self(micrometres as i64))
    }

    #[must_use]
    pub fn millimetres(self) -> f64 {
        // Exact up to 2^53.
        self.0 as f64 / 1e3
    }
}

impl Milliseconds {
    /// Rounded to the nearest; `None` where it is no span of one layer (not finite, negative, above a day).
    #[must_use]
    pub fn of_seconds(seconds: f64) -> Option<Self> {
        let milliseconds = (seconds * 1e3).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "held to a day just before"
        )]
        (0.0..=86_400_000.0).contains(&milliseconds).then_some(Self(milliseconds as u64))
    }

    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

impl MicrometresPerSecond {
    /// From the unit in which slicers write speeds; `None` where nothing moves at it.
    #[must_use]
    pub fn of_millimetres_per_minute(speed: f64) -> Option<Self> {
        let speed = (speed * 1e3 / 60.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "held to 1 m/s just before")]
        (1.0..=1e6).contains(&speed).then_some(Self(speed as i64))
    }

    /// How long a way takes at this speed without acceleration, rounded up.
    #[must_use]
    pub fn over(self, way: Micrometres) -> Milliseconds {
        let (way, speed) = (way.0.unsigned_abs(), self.0.unsigned_abs().max(1));
        Milliseconds((way * 1000).div_ceil(speed))
    }
}
