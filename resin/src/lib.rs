//! What resin printers print, and how: files and their masks, what they take, and the two ways of driving a board.
//!
//! ```text
//! units ← machine, layer ← sl1, nanodlp, ctb, goo ← file ← check, timing, budget
//!                        ← exposure   (the layer loop of a printer whose mask we show)
//!                        ← chitu      (boards that print from a stick of their own)
//! ```
//! Everything here is pure: bytes, events and the time come in as arguments.

pub mod budget;
pub mod check;
pub mod chitu;
pub mod ctb;
pub mod exposure;
pub mod file;
pub mod goo;
pub mod layer;
pub mod machine;
pub mod nanodlp;
pub mod picture;
pub mod sample;
pub mod sl1;
mod tables;
pub mod timing;
pub mod units;
