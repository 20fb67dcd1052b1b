//! How fast a file is analysed: a file of 200 MB beside a plain read of it in the same run, and the memory held.

#![allow(clippy::unwrap_used, reason = "a program that measures")]
#![allow(clippy::disallowed_methods, reason = "it measures the machine's own time")]

use std::io::{Read, Write};
use std::time::Instant;

use platen::gcode::analysis::{Analyser, Options};

const ROUNDS: usize = 3;
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

fn read(path: &std::path::Path, mut each: impl FnMut(&[u8])) -> f64 {
    let mut file = std::fs::File::open(path).unwrap();
    let mut block = vec![0; BLOCK];
    let begun = Instant::now();
    loop {
        let count = file.read(&mut block).unwrap();
        if count == 0 {
            return begun.elapsed().as_secs_f64();
        }
        each(&block[..count]);
    }
}

fn main() {
    let path = std::env::temp_dir().join(format!("platen-analysis-{}.gcode", std::process::id()));
    write_file(&path);
    let megabytes = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    println!("{megabytes:.0} MB   plain MB/s   analysis MB/s   ratio");
    for _ in 0..ROUNDS {
        let mut sum = 0u64;
        let plain = read(&path, |block| sum += block.len() as u64);
        let mut analyser = Analyser::new(Options::default());
        let analysed = read(&path, |block| analyser.feed(block).unwrap());
        let found = analyser.finish().unwrap();
        assert_eq!(found.bytes, sum);
        let ratio = analysed / plain;
        println!("         {:10.0}   {:13.0}   {ratio:5.1}", megabytes / plain, megabytes / analysed);
    }
    println!("resident at most {} MB", resident_mb());
    std::fs::remove_file(&path).unwrap();
}
