//! What a slicer may take, as one table with reasons.

use std::time::Duration;

/// Bounds of one slicing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Processor time, over all its threads.
    pub cpu: Duration,
    /// From its start to its end.
    pub wall: Duration,
    /// Bytes of the largest file that it writes.
    pub file: u64,
    /// Files that it has open.
    pub open: u64,
    /// Bytes that stay free on the disk: the journal needs some for every print.
    pub floor: u64,
}

/// What holds where the configuration says nothing else.
pub const LIMITS: Limits = Limits {
    // The largest files that were tried took 0.7 GB; address space is more than what is used of it.
    memory: 4 << 30,
    // All cores of a small machine for its wall time.
    cpu: Duration::from_secs(2 * 60 * 60),
    // A full plate at 0.05 mm took half a minute; a board of a printer is ten times slower than a desk.
    wall: Duration::from_secs(30 * 60),
    // A week of fine print is 200 MB of G-code, 2,000 layers of resin 100 MB.
    file: 1 << 30,
    // PrusaSlicer opens some dozen, mostly its own libraries.
    open: 256,
    floor: 256 << 20,
};

/// Longer lines of a slicer are cut.
pub const LINE: usize = 2_048;
/// Of what it said last, so many lines are kept of each kind.
pub const KEPT: usize = 40;
