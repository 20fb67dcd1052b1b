//! Masks on the display of a resin printer: grey pictures packed for its LCD, decoded ahead, shown and known
//! to be out.
//!
//! ```text
//! pack (pure) ← sink ← fbdev, drm, file     (one trait, three displays)
//!             ← ahead (decodes the next layers while one is lit)
//!                    sink, ahead ← shower   (owns both; requests in, answers out, never blocks its caller)
//! ```
//! Threads are the standard library's; all `unsafe` is in `syscalls`. Nothing here knows a file format or a
//! printer.

pub mod ahead;
pub mod clock;
pub mod drm;
pub mod fbdev;
pub mod file;
pub mod pack;
pub mod shower;
pub mod sink;

mod syscalls;
