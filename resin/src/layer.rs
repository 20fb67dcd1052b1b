//! One layer of a resin print: where the plate is, how long it is lit, and how it comes off the film.

use serde::{Deserialize, Serialize};

use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// The number of a layer, from 0 at the plate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerIndex(pub u32);

/// What a file says of one layer. What it does not say is `None` and comes from the printer's profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Height of its upper side above the plate's zero: where the plate is while it is lit.
    pub top: Micrometres,
    pub exposure: Milliseconds,
    /// Brightness, of 255; `None` is full.
    pub light: Option<u8>,
    pub peel: Peel,
    /// The file wants a person before it.
    pub pause: bool,
    /// Where the bytes of its picture end in the file: ChiTu boards tell by it how far they are.
    pub ends_at: Option<u64>,
}

/// How a layer comes off the film and the next one comes to rest; each `None` is the profile's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peel {
    /// Rest in the dark before the lift.
    pub rest_before_lift: Option<Milliseconds>,
    /// The slow way up, off the film.
    pub lift: Option<Micrometres>,
    pub lift_speed: Option<MicrometresPerSecond>,
    /// A second, faster way up; of length zero there is none.
    pub second_lift: Option<Micrometres>,
    pub second_lift_speed: Option<MicrometresPerSecond>,
    /// Rest at the top.
    pub rest_after_lift: Option<Milliseconds>,
    /// The way down, all but the last piece of it.
    pub retract_speed: Option<MicrometresPerSecond>,
    /// The last, slower piece of the way down; of length zero there is none.
    pub second_retract: Option<Micrometres>,
    pub second_retract_speed: Option<MicrometresPerSecond>,
    /// Rest in the dark before the light, so that resin stops flowing.
    pub rest_before_light: Option<Milliseconds>,
}
