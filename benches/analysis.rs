//! How fast a file is analysed: a file of 200 MB beside a plain read of it in the same run, and the memory held.
//!
//! Time on the clock says what a user waits; the processor's time in the program itself is little disturbed by what
//! else runs on the machine.

#![allow(clippy::unwrap_used, reason = "a program that measures")]
#![allow(clippy::disallowed_methods, reason = "it measures the machine's own time")]

use std::io::{Read, Write};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use platen::gcode::analysis::{Analyser, Options};

const ROUNDS: usize = 5;
const BLOCK: usize = 256 << 10;
const WANTED: usize = 200 << 20;

/// Resident memory at its highest, MB.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// A file of whole layers of a real one, again and again.
fn write_file(path: &std::path::Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/heart.gcode.gz");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(source).unwrap()).read_to_end(&mut text).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    for _ in 0..WANTED.div_ceil(text.len()) {
        file.write_all(&text).unwrap();
    }
}

/// Seconds of one reading of the file.
struct Taken {
    clock: f64,
    /// Of the program, without the system's part of it.
    user: f64,
}

fn user_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_SELF).unwrap().user_time().num_microseconds() as f64 / 1e6
}

fn read(path: &std::path::Path, mut each: impl FnMut(&[u8])) -> Taken {
    let mut file = std::fs::File::open(path).unwrap();
    let mut block = vec![0; BLOCK];
    let (begun, user) = (Instant::now(), user_seconds());
    loop {
        let count = file.read(&mut block).unwrap();
        if count == 0 {
            return Taken { clock: begun.elapsed().as_secs_f64(), user: user_seconds() - user };
        }
        each(&block[..count]);
    }
}

fn main() {
    let path = std::env::temp_dir().join(format!("platen-analysis-{}.gcode", std::process::id()));
    write_file(&path);
    let megabytes = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    println!("{megabytes:.0} MB   plain MB/s   analysis MB/s   ratio   by user time");
    let (mut clocks, mut users, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut sum = 0u64;
        let plain = read(&path, |block| sum += block.len() as u64);
        let mut analyser = Analyser::new(Options::default());
        let analysed = read(&path, |block| analyser.feed(block).unwrap());
        let found = analyser.finish().unwrap();
        assert_eq!(found.bytes, sum);
        let ratio = analysed.clock / plain.clock;
        let [plain, clock, user] = [plain.clock, analysed.clock, analysed.user].map(|time| megabytes / time);
        println!("         {plain:10.0}   {clock:13.0}   {ratio:5.1}   {user:12.0}");
        clocks.push(clock);
        users.push(user);
        ratios.push(ratio);
    }
    for rates in [&mut clocks, &mut users, &mut ratios] {
        rates.sort_by(f64::total_cmp);
    }
    let (best, median) = (ROUNDS - 1, ROUNDS / 2);
    println!("MB/s by the clock: best {:.0}, median {:.0}", clocks[best], clocks[median]);
    println!("MB/s by user time: best {:.0}, median {:.0}", users[best], users[median]);
    println!("times as long as a plain read: median {:.1}", ratios[median]);
    println!("resident at most {} MB", resident_mb());
    std::fs::remove_file(&path).unwrap();
}
