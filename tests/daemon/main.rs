//! The real binary against simulated printers on ptys: what a lab sees, from kill -9 to a pulled cable.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod attended;
mod audit;
mod backup;
mod catch;
mod chitu;
mod commissioning;
mod crash;
mod damage;
mod deduction;
mod demo;
mod files;
mod full_disk;
mod gate;
mod heat;
mod hub;
mod identity;
mod life;
mod locks;
mod pauses;
mod planned;
mod plant;
mod ports;
mod probe;
mod quality;
mod queue;
mod refusals;
mod relays;
mod resin;
mod restart;
mod resume;
mod slicing;
mod starts;
mod stops;
mod stream;
mod vault;
mod watched;
mod world;
mod yes;
