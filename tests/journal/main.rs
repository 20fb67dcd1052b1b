//! The journal's promises, over both stores: acknowledged is durable, and a change shows.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod backup;
mod bench;
mod damage;
mod durable;
mod full_disk;
mod owed;
mod recording;
