//! The session against the simulated firmware, in virtual time, with faults drawn from a seed.
//!
//! What is checked after every step: the executed commands of the file are a prefix of it, without a
//! gap and without a duplicate; no queue passes its bound; "printed" implies executed.

#![allow(clippy::cast_possible_truncation, reason = "small numbers, and tests run on 64 bits")]

mod world;

mod exactness;
mod identity;

mod faults;
mod heat;
mod inactivity;

mod life;
mod light;
mod odd_boards;

mod pause;

mod probe;

mod rejoin;

mod safe_off;

mod states;
mod stops;

mod swaps;
mod swarm;

mod troubles;
