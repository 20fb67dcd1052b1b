//! From a checked model to a file that can be printed: what a slicer is asked, and when it is believed.
//!
//! A slicer is a program that is not ours. It gets a model that platen wrote itself, a profile by its hash, and
//! arguments that hold no name of anybody's; it counts as done only when its file is there and whole.
//! Here is what can be said of that without running one.

pub mod profile;

pub mod process;

pub mod failure;
pub mod limits;

pub mod part;
pub mod whole;

pub mod prusa;

use std::io::{Read, Seek};

use failure::{End, Failure};
use profile::{Profile, Technology};
use whole::Whole;

/// Names in the private folder of one slicing. They are all that a slicer ever hears.
pub const MODEL: &str = "model.stl";
pub const PROFILE: &str = "profile.ini";

/// What a slicer writes.
pub fn output(technology: Technology) -> &'static str {
    match technology {
        Technology::Filament => "out.gcode",
        Technology::Resin => "out.sl1",
    }
}

/// How far a slicing is, as its slicer tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// 0 to 100.
    pub percent: u8,
    pub doing: String,
}

/// What can be read again from any place.
pub trait Source: Read + Seek {}
impl<S: Read + Seek> Source for S {}

/// A slicing program: how it is asked, and how its answers are read.
pub trait Slicer: std::fmt::Debug + Send + Sync {
    /// As processes name it.
    fn name(&self) -> &'static str;

    /// Where it is looked for if nobody says where.
    fn program(&self) -> &'static str;

    /// How to have it installed.
    fn install(&self) -> &'static str;

    /// What makes it tell its version.
    fn version_arguments(&self) -> &'static [&'static str];

    /// The version in what it then says.
    fn version(&self, said: &str) -> Option<String>;

    /// From the files in the folder in which it runs.
    fn arguments(&self, technology: Technology) -> Vec<&'static str>;

    /// What a line of its output says of how far it is.
    fn step(&self, line: &str) -> Option<Step>;

    /// What its end means, where that was not its success.
    fn failure(&self, end: &End) -> Failure;

    /// Whether what it wrote is complete, and made with that profile.
    fn whole(&self, profile: &Profile, out: &mut dyn Source) -> Result<Whole, Failure>;
}
