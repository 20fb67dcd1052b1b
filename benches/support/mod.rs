//! What the benchmarks share: a file of short segments, the clocks, and two kinds of printers.
#![allow(dead_code, reason = "each benchmark is a program of its own and uses its part")]

use std::thread;
use std::time::{Duration, Instant};

pub mod answerer;
pub mod counting;
pub mod pty;
pub mod virtually;

/// How long anything is waited for.
pub const BOUND: Duration = Duration::from_secs(60);
/// What is printed there is only long.
pub const ALLOWED: &str = "allow_findings = [\"extrusion.none\", \"heat.left_on\", \"heat.none\", \"home.missing\", \"mode.extrusion_unsaid\", \"mode.motion_unsaid\", \"volume.unknown\"]\n";

/// Whether `cargo bench` asks; `cargo test --benches` starts these programs too and must not wait for them.
pub fn asked() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Short segments as on curved anatomy: 0.3 mm each, with extrusion, as a slicer writes them.
pub fn curve(lines: usize) -> Vec<String> {
    let line = |n: usize| {
        let angle = n as f64 * 0.01;
        let (x, y) = (100.0 + 30.0 * angle.cos(), 100.0 + 30.0 * angle.sin());
        let feed = if n.is_multiple_of(50) { " F3000" } else { "" };
        format!("G1 X{x:.3} Y{y:.3} E{:.5}{feed}", 0.01 + (n % 7) as f64 * 0.001)
    };
    (0..lines).map(line).collect()
}

/// The same as a file.
pub fn curve_file(lines: usize) -> std::io::Result<std::fs::File> {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile()?;
    file.write_all((curve(lines).join("\n") + "\n").as_bytes())?;
    file.rewind()?;
    Ok(file)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark of a real daemon lasts as long as it lasts")]
pub fn pause(span: Duration) {
    thread::sleep(span);
}

/// Looks again and again for what has to come within [`BOUND`]; without it there is nothing to measure.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = now();
    while !done() {
        assert!(now() - began < BOUND, "{what} did not come within {BOUND:?}");
        pause(Duration::from_millis(20));
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
pub fn now() -> Instant {
    Instant::now()
}
