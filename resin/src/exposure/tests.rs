//! What the layer loop must do, and must never do, on a toy board with a toy display in virtual time.

mod interruptions;
mod plan_tests;
mod profile_tests;
mod random;
mod rig;
mod whole;

use super::*;
use crate::layer::{Layer, Peel};
use crate::units::MicrometresPerSecond;

/// As somebody would write it: two-stage lifts, two bottom layers, timed by the board.
pub(super) const PROFILE: &str = r#"{
    "board": "marlin",
    "timed_by": "board",
    "light_on": ["M106 S{pwm}"],
    "light_off": ["M107"],
    "home": "G28 Z",
    "homes_down": true,
    "motors_off_at_end": true,
    "height": 155000,
    "fastest": 20000,
    "travel_speed": 10000,
    "raise_at_pause": 50000,
    "peel": {
        "lift": 3000, "lift_speed": 1000, "second_lift": 4000, "second_lift_speed": 4000,
        "retract_speed": 5000, "second_retract": 2000, "second_retract_speed": 1500,
        "rest_before_lift": 500, "rest_after_lift": 250, "rest_before_light": 1000
    },
    "bottom": {
        "layers": 2, "transition": 3,
        "peel": { "lift": 5000, "lift_speed": 600, "rest_before_light": 4000 }
    },
    "longest_exposure": 60000,
    "first_layer_rest": 8000,
    "rest_after_pause": 3000,
    "long_pause": 1800000,
    "display": { "settles_in": 40, "answers_within": 2000 },
    "answers_within": 5000,
    "homes_within": 120000
}"#;

pub(super) fn profile() -> Profile {
    serde_json::from_str(PROFILE).expect("the profile of the tests")
}

pub(super) fn printer(change: impl FnOnce(&mut Profile)) -> Printer {
    let mut profile = profile();
    change(&mut profile);
    profile.checked().expect("a profile without mistakes")
}

/// Layers of 50 µm, of which the first two are lit longer.
pub(super) fn layers(count: u32) -> Vec<Layer> {
    (0..count)
        .map(|index| Layer {
            top: Micrometres(50 * (i64::from(index) + 1)),
            exposure: Milliseconds(if index < 2 { 30_000 } else { 2_500 }),
            ..Layer::default()
        })
        .collect()
}

pub(super) fn plan(count: u32, printer: &Printer) -> Plan {
    Plan::of(&layers(count), printer).expect("a plan")
}

pub(super) fn lift(length: i64, speed: i64) -> Peel {
    Peel { lift: Some(Micrometres(length)), lift_speed: Some(MicrometresPerSecond(speed)), ..Peel::default() }
}
