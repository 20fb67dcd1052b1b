//! Simulated printers, as a library: firmware of eight kinds on a wire with faults, in virtual time or on ptys.
//!
//! It knows nothing of the host that it is used to test, and above all not its parser: a misreading of the
//! protocol on either side shows as a failed test. What it says is held against dialogues with real firmware
//! (`tests/transcripts`).
//!
//! # Tour, in reading order
//!
//! ```text
//! host ⇄ pty (wall clock × speed) ⇄ rig ⇄ wire (baud, latency, noise) ⇄ firmware ⇄ planner, heaters
//!                                    ▲                                      │
//!                                    └ faults (scripts, mixes)              └► ledger (what was really done)
//! ```
//!
//! - [`rig::Rig`] is what most tests want: a printer on its cable, without a clock.
//! - [`firmware::Firmware`] is the board alone, for tests that count bytes in its receive ring.
//! - [`quirks::Face`] says which firmware it plays, and [`quirks::FirmwareConfig`] everything in which they differ.
//! - [`pty::Printer`] puts a rig behind a real tty, for programs that open a port.
//! - [`msla`] makes it the board of a resin printer whose masks the host shows: its light, its plate, its ledgers.
//! - [`chitu`] is another kind of printer altogether: a resin board that prints from a USB stick.
//! - [`ledger`] says what was executed, as a hash that a file's own hash must equal ([`ledger::stream_hash_of`]).
//!
//! Time is an argument everywhere, in microseconds; only [`pty`] and the binary look at a clock.

#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message"))]

pub mod canonical;
pub mod chitu;
mod commands;
pub mod dialects;
mod display;
mod driver;
pub mod emergency;
pub mod faults;
pub mod firmware;
pub mod heater;
mod intake;
pub mod ledger;
mod machine;
pub mod meatpack;
pub mod msla;
pub mod options;
pub mod parser;
pub mod planner;
pub mod program;
pub mod pty;
pub mod quirks;
pub mod random;
pub mod rig;
mod stops;
mod texts;
mod transmitter;
mod waiting;
pub mod wire;
