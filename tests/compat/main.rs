//! The real binary as programs of other hosts see it: requests of slicers byte by byte, real clients, hostile ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the message")]

mod clients;
mod digest;
mod hostile;
mod recorded;
mod wire;
mod world;
