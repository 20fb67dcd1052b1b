//! What the fuzzer found worth keeping, through its own entries: they guard where no fuzzer runs.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod entries;
mod smoke;

use std::fs;
use std::path::Path;

/// Of one target: what takes longer to look at than to read is no seed.
const FILES_MAX: usize = 48;
const BYTES_MAX: usize = 100 << 10;

fn seeds(of: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(of);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

/// The programs that the fuzzer is built of.
fn bins() -> Vec<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let mut bins: Vec<_> = manifest["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["name"].as_str().unwrap().to_owned())
        .collect();
    bins.sort();
    bins
}

#[test]
fn every_seed_of_every_target_goes_through_its_entry() {
    for (name, entry) in entries::ENTRIES {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for (seed, bytes) in seeds {
            if std::panic::catch_unwind(|| entry(&bytes)).is_err() {
                panic!("seeds/{name}/{seed}: the panic above is of this one");
            }
        }
    }
}

#[test]
fn seeds_are_few_and_small_and_each_has_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let names = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let entries = entries::ENTRIES.map(|(name, _)| name);
    assert_eq!(names("seeds"), entries);
    assert_eq!(names("targets"), entries);
    for name in entries {
        let seeds = seeds(name);
        let bytes: usize = seeds.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            seeds.len() <= FILES_MAX && bytes <= BYTES_MAX,
            "{name}: {} files, {bytes} bytes",
            seeds.len()
        );
    }
}
