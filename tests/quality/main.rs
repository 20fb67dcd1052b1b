//! A case from the wish to the file: over HTTP with every refusal, with the command line as docs/cases.md has it, and
//! on simulated printers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod page;
mod prints;
mod refusals;
mod way;

#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the tests of the daemon use the rest")]
#[path = "../daemon/world.rs"]
mod world;
