//! How long a print takes: what a slicer calculated, and what a plate that lifts really needs.

use serde::{Deserialize, Serialize};

use crate::layer::{Layer, LayerIndex, Peel};
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// What PrusaSlicer calculates an SL1's time of: seconds, and millimetres of height.
///
/// It counts a vat that tilts, so that its time says nothing of a plate that lifts; but a time that it does not come
/// to was not calculated for this file (facts C.2; found so in three files of PrusaSlicer 2.5.0, the last digit aside).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub exposure: f64,
    pub first_exposure: f64,
    pub faded: u32,
    pub height: f64,
    pub first_height: f64,
    pub fast_tilt: f64,
    pub slow_tilt: f64,
    pub fast_layers: u32,
    pub slow_layers: u32,
}

/// Tilts of an SL1 where the file does not say them, s.
pub const FAST_TILT: f64 = 5.0;
pub const SLOW_TILT: f64 = 8.0;
/// Layers that are lit as long as the first one.
pub(crate) const FULL: u32 = 3;
/// Seconds that it counts for each millimetre of a layer.
const PER_MILLIMETRE: f64 = 5.0;

impl Estimate {
    /// What PrusaSlicer says of such a print, s. Its exposures fade by subtraction, so that one layer more than meant
    /// may fall a little short of the others; a printer's own schedule is [`crate::sl1::Schedule`].
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let step = (self.first_exposure - self.exposure) / (f64::from(self.faded) + 1.0);
        let mut fading = self.first_exposure;
        let layers = self.fast_layers.saturating_add(self.slow_layers);
        let mut lit = f64::from(layers.min(FULL)) * self.first_exposure;
        let mut others = layers.saturating_sub(FULL);
        // A step that is nothing would fade for ever.
        while others > 0 && fading > self.exposure && step > 0.0 {
            fading -= step;
            lit += fading;
            others -= 1;
        }
        lit += f64::from(others) * self.exposure;
        let tilts =
            f64::from(self.fast_layers) * self.fast_tilt + f64::from(self.slow_layers) * self.slow_tilt;
        let heights = match layers.checked_sub(1) {
            Some(others) => self.first_height + f64::from(others) * self.height,
            None => 0.0,
        };
        lit + tilts + PER_MILLIMETRE * heights
    }

    /// Whether a file's own time is the one that its settings come to: within a tenth of a second, or a millionth.
    #[must_use]
    pub fn agrees(&self, claimed: f64) -> bool {
        let counted = self.seconds();
        (claimed - counted).abs() <= (counted * 1e-6).max(0.1)
    }
}

/// What one layer takes on a plate that lifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerTime {
    pub lit: Milliseconds,
    pub moving: Milliseconds,
    /// In the dark, before and after light and lift, and whatever the printer needs besides.
    pub resting: Milliseconds,
}

impl LayerTime {
    /// Of its light, its ways along Z at their speeds, without acceleration, and its rests.
    pub(crate) fn of(
        lit: Milliseconds,
        ways: impl Iterator<Item = (Micrometres, MicrometresPerSecond)>,
        rests: impl Iterator<Item = Milliseconds>,
    ) -> Self {
        let sum = |sum: u64, time: Milliseconds| sum.saturating_add(time.0);
        Self {
            lit,
            moving: Milliseconds(ways.map(|(way, speed)| speed.over(way)).fold(0, sum)),
            resting: Milliseconds(rests.fold(0, sum)),
        }
    }

    #[must_use]
    pub fn whole(self) -> Milliseconds {
        Milliseconds(self.lit.0.saturating_add(self.moving.0).saturating_add(self.resting.0))
    }
}

/// What neither the file nor the printer's profile says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither the file nor the printer's profile says {0}; write it into the profile")]
pub struct Unsaid(pub &'static str);

/// What a layer does: as the file says, and where it does not as the printer's profile does.
#[must_use]
pub fn told(file: &Peel, profile: &Peel) -> Peel {
    Peel {
        rest_before_lift: file.rest_before_lift.or(profile.rest_before_lift),
        lift: file.lift.or(profile.lift),
        lift_speed: file.lift_speed.or(profile.lift_speed),
        second_lift: file.second_lift.or(profile.second_lift),
        second_lift_speed: file.second_lift_speed.or(profile.second_lift_speed),
        rest_after_lift: file.rest_after_lift.or(profile.rest_after_lift),
        retract_speed: file.retract_speed.or(profile.retract_speed),
        second_retract: file.second_retract.or(profile.second_retract),
        second_retract_speed: file.second_retract_speed.or(profile.second_retract_speed),
        rest_before_light: file.rest_before_light.or(profile.rest_before_light),
    }
}

/// What one layer takes. Acceleration is not counted; `besides` is what the printer needs for a layer in any case: a
/// mask on the display, words to its board.
///
/// # Errors
/// A length or speed without which no time is known.
pub fn layer(layer: &Layer, profile: &Peel, besides: Milliseconds) -> Result<LayerTime, Unsaid> {
    let peel = told(&layer.peel, profile);
    let lift = peel.lift.ok_or(Unsaid("how far a layer lifts"))?;
    let lift_speed = peel.lift_speed.ok_or(Unsaid("how fast a layer lifts"))?;
    let retract_speed = peel.retract_speed.ok_or(Unsaid("how fast the plate comes down"))?;
    let second_lift = peel.second_lift.unwrap_or_default();
    let way = Micrometres(lift.0.saturating_add(second_lift.0));
    // A slow piece that is longer than the whole way is all of it.
    let slow = peel.second_retract.unwrap_or_default().min(way);
    let pieces: [(Micrometres, MicrometresPerSecond); 4] = [
        (lift, lift_speed),
        (second_lift, peel.second_lift_speed.unwrap_or(lift_speed)),
        (Micrometres(way.0.saturating_sub(slow.0)), retract_speed),
        (slow, peel.second_retract_speed.unwrap_or(retract_speed)),
    ];
    let rests = [peel.rest_before_lift, peel.rest_after_lift, peel.rest_before_light, Some(besides)];
    Ok(LayerTime::of(layer.exposure, pieces.into_iter(), rests.into_iter().flatten()))
}

/// When each layer of a print ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    ends: Vec<Milliseconds>,
}

impl Plan {
    /// # Errors
    /// As [`layer`].
    pub fn of(layers: &[Layer], profile: &Peel, besides: Milliseconds) -> Result<Self, Unsaid> {
        let mut whole = 0_u64;
        let ends = layers.iter().map(|one| {
            whole = whole.saturating_add(layer(one, profile, besides)?.whole().0);
            Ok(Milliseconds(whole))
        });
        Ok(Self { ends: ends.collect::<Result<_, _>>()? })
    }

    #[must_use]
    pub fn whole(&self) -> Milliseconds {
        self.ends.last().copied().unwrap_or_default()
    }

    /// From the beginning of this layer to the end; nothing behind the last one.
    #[must_use]
    pub fn left(&self, from: LayerIndex) -> Milliseconds {
        let at = usize::try_from(from.0).unwrap_or(usize::MAX);
        let gone = match at.checked_sub(1) {
            None => Milliseconds(0),
            Some(before) => self.ends.get(before).copied().unwrap_or_else(|| self.whole()),
        };
        Milliseconds(self.whole().0.saturating_sub(gone.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Real files of PrusaSlicer 2.5.0, and what each says of its time.
    #[test]
    fn the_estimate_is_what_prusaslicer_says_of_three_of_its_own_files() {
        let plain = Estimate {
            exposure: 8.0,
            first_exposure: 35.0,
            faded: 10,
            height: 0.05,
            first_height: 0.05,
            fast_tilt: 5.0,
            slow_tilt: 8.0,
            fast_layers: 258,
            slow_layers: 0,
        };
        let thin = Estimate {
            exposure: 6.3,
            first_exposure: 31.0,
            faded: 6,
            height: 0.035,
            first_height: 0.1,
            fast_layers: 1029,
            ..plain
        };
        for (estimate, said) in [
            (plain, 3632.045456),
            (Estimate { fast_layers: 582, ..plain }, 7925.045457),
            (Estimate { fast_layers: 251, ..plain }, 3539.295455),
            (thin, 11952.771429),
        ] {
            let counted = estimate.seconds();
            assert!((counted - said).abs() < 1e-5, "{counted}, and it says {said}");
            assert!(estimate.agrees(said) && !estimate.agrees(said + 0.5));
        }
    }

    fn peel() -> Peel {
        Peel {
            rest_before_lift: Some(Milliseconds(200)),
            lift: Some(Micrometres(5_000)),
            lift_speed: Some(MicrometresPerSecond(1_000)),
            rest_after_lift: Some(Milliseconds(300)),
            retract_speed: Some(MicrometresPerSecond(2_500)),
            rest_before_light: Some(Milliseconds(500)),
            ..Peel::default()
        }
    }

    #[test]
    fn a_layer_takes_light_ways_and_rests_and_its_own_peel_before_the_profiles() {
        let own = Layer { exposure: Milliseconds(2_000), ..Layer::default() };
        let time = layer(&own, &peel(), Milliseconds(50)).unwrap();
        assert_eq!(time.lit, Milliseconds(2_000));
        assert_eq!((time.moving, time.resting), (Milliseconds(5_000 + 2_000), Milliseconds(1_050)));
        // 3 mm at 1 mm/s and 4 at 2 up; 5 at 2.5 and the last 2 at 0.5 down.
        let staged = Peel {
            lift: Some(Micrometres(3_000)),
            second_lift: Some(Micrometres(4_000)),
            second_lift_speed: Some(MicrometresPerSecond(2_000)),
            second_retract: Some(Micrometres(2_000)),
            second_retract_speed: Some(MicrometresPerSecond(500)),
            ..Peel::default()
        };
        let time = layer(&Layer { peel: staged, ..own }, &peel(), Milliseconds(0)).unwrap();
        assert_eq!(time.moving, Milliseconds(3_000 + 2_000 + 2_000 + 4_000));
        let slow = Peel { second_retract: Some(Micrometres(90_000)), ..staged };
        let time = layer(&Layer { peel: slow, ..own }, &peel(), Milliseconds(0)).unwrap();
        assert_eq!(time.moving, Milliseconds(3_000 + 2_000 + 14_000));
    }

    #[test]
    fn a_time_without_a_speed_is_no_time() {
        let own = Layer::default();
        for (profile, what) in [
            (Peel { lift: None, ..peel() }, "how far a layer lifts"),
            (Peel { lift_speed: None, ..peel() }, "how fast a layer lifts"),
            (Peel { retract_speed: None, ..peel() }, "how fast the plate comes down"),
        ] {
            assert_eq!(layer(&own, &profile, Milliseconds(0)), Err(Unsaid(what)));
            assert_eq!(Plan::of(&[own], &profile, Milliseconds(0)), Err(Unsaid(what)));
        }
    }

    proptest! {
        #[test]
        fn what_is_left_shrinks_by_each_layer_to_nothing(exposures in prop::collection::vec(0_u64..100_000, 0..40)) {
            let layers: Vec<_> = exposures
                .iter()
                .map(|lit| Layer { exposure: Milliseconds(*lit), ..Layer::default() })
                .collect();
            let plan = Plan::of(&layers, &peel(), Milliseconds(10)).unwrap();
            let each = 200 + 5_000 + 300 + 2_000 + 500 + 10;
            let mut left = layers.len() as u64 * each + exposures.iter().sum::<u64>();
            prop_assert_eq!(plan.whole(), Milliseconds(left));
            for (at, lit) in exposures.iter().enumerate() {
                prop_assert_eq!(plan.left(LayerIndex(u32::try_from(at).unwrap())), Milliseconds(left));
                left -= each + lit;
            }
            prop_assert_eq!(plan.left(LayerIndex(u32::try_from(layers.len()).unwrap())), Milliseconds(0));
            prop_assert_eq!(plan.left(LayerIndex(u32::MAX)), Milliseconds(0));
        }
    }
}
