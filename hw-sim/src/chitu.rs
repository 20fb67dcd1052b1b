//! A simulated ChiTu resin board: text commands on a UART, and a USB stick whose files it prints by itself.
//!
//! ```text
//! host ⇄ pty (wall clock × speed) ⇄ rig ⇄ wire (baud, noise) ⇄ board ⇄ print (plate, UV lamp)
//!                                    ▲                           │         │
//!                                    └ faults, hands at its panel└ stick   └► ledger (what was really cured)
//! ```
//!
//! - [`rig::Rig`] is what most tests want: a board on its cable, in virtual time, µs.
//! - [`board::Board`] is the board alone: bytes and the time go in, bytes come out.
//! - [`profile::Profile`] says how its firmware talks; [`profile::Preset`] has the captured families.
//! - [`stick::Stick`] is a directory or a map of files; [`sample`] writes files for it.
//! - [`tty::ChituPrinter`] puts a rig behind a real tty.
//!
//! Replies are those captured by others (facts A.2: mariner's tests and issues, Octoprint-Chituboard, the WiFi
//! protocol's paper). Where nobody has written down what a board does, the place says that it is an assumption.

pub mod board;
pub mod faults;
pub mod ledger;
pub mod options;
mod print;
pub mod profile;
pub mod program;
pub mod rig;
pub mod sample;
pub mod stick;
pub mod tables;
pub mod tty;
mod upload;
