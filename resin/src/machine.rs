//! What a resin printer is and may do, and what a resin wants: what files are held against.

use serde::{Deserialize, Serialize};

use crate::layer::Peel;
use crate::units::{Micrometres, Milliseconds};

/// Along which axes a mask is the mirror image of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    pub x: bool,
    pub y: bool,
}

/// One printer. What is not known of it (`None`) refuses nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Points of its display, columns and rows, as masks have them.
    pub display: Option<[u32; 2]>,
    /// Side of a point along X and Y, µm.
    pub point: Option<[f64; 2]>,
    pub mirrored: Option<Mirrored>,
    /// How far the plate goes up.
    pub height: Option<Micrometres>,
    /// The longest that one layer may be lit, of whatever resin: above it is a fault.
    pub longest_exposure: Option<Milliseconds>,
    /// What its vat holds at most and what has to stay in it, ml.
    pub vat: Option<Vat>,
    /// What a layer does that says nothing else.
    pub peel: Peel,
}

/// Millilitres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vat {
    pub holds: f64,
    pub keeps: f64,
}

/// What a resin may be lit, by its data sheet or the site's trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resin {
    pub exposure: Option<[Milliseconds; 2]>,
    pub bottom_exposure: Option<[Milliseconds; 2]>,
    pub layer_height: Option<[Micrometres; 2]>,
}
