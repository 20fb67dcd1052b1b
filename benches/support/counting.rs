//! An allocator that counts, and the kernel's account of CPU time and memory.
#![allow(unsafe_code, reason = "an allocator, and two system calls without a safe wrapper here")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::libc::{CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, clock_gettime, clockid_t, timespec};

/// Make it the global allocator of a benchmark.
#[derive(Debug)]
pub struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

/// What this thread allocates from now on is not platen's.
pub fn leave_this_thread_out() {
    LEFT_OUT.set(true);
}

/// Allocations so far, of all threads that count.
pub fn allocations() -> u64 {
    CALLS.load(Relaxed)
}

/// Bytes that are allocated now, of all threads that count.
pub fn live_bytes() -> i64 {
    LIVE.load(Relaxed)
}

fn count(calls: u64, bytes: usize, sign: i64) {
    // A thread that is being torn down has no locals any more.
    if LEFT_OUT.try_with(Cell::get) == Ok(false) {
        CALLS.fetch_add(calls, Relaxed);
        LIVE.fetch_add(sign * i64::try_from(bytes).unwrap_or(0), Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(0, layout.size(), -1);
        count(1, size, 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count(0, layout.size(), -1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

fn cpu(clock: clockid_t) -> Duration {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours, which the call fills.
    unsafe { clock_gettime(clock, &raw mut time) };
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// CPU time of this process so far.
pub fn process_cpu() -> Duration {
    cpu(CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of this thread so far.
pub fn thread_cpu() -> Duration {
    cpu(CLOCK_THREAD_CPUTIME_ID)
}

/// Resident memory of this process, bytes.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
