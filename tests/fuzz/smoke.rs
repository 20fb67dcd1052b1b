//! A short fuzzing without a fuzzer: so many changed seeds through each target's entry, the same ones in every run.
//!
//! A count ends it and no clock does, so that a slow machine tries no less. What panics is written to
//! `target/fuzz-findings/`, by its target and its number, and is a seed once it is mended.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use hw_sim::random::Random;

use super::entries::{ENTRIES, Entry};
use super::{bins, seeds};

/// How many inputs each target gets: a few seconds of each, by what one of its inputs costs.
const RUNS: [(&str, u64); 11] = [
    ("analysis", 40_000),
    ("chitu", 150_000),
    ("ctb", 150_000),
    ("goo", 40_000),
    ("lexer", 800_000),
    ("metadata", 800_000),
    ("nanodlp", 30_000),
    ("obj", 400_000),
    ("sl1", 40_000),
    ("stl", 600_000),
    ("threemf", 300_000),
];

/// No input is longer: what is dear only because it is long is for a fuzzer that has the night.
const BYTES_MAX: usize = 16 << 10;

/// A broken target says so a few times, and not as often as it has inputs.
const FINDINGS_MAX: usize = 3;

/// What ends loops, overflows sums and is no number, as fields of a file have it.
const NUMBERS: [u64; 18] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7F80_0000, // infinity of an f32
    0x7FC0_0000, // none of an f32
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FF0_0000_0000_0000, // infinity of an f64
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
];

/// The same as words have it, and what ends a word, a line or a text.
const WORDS: [&[u8]; 20] = [
    b"-1",
    b"-0",
    b"0.0000001",
    b"2147483648",
    b"4294967296",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999999",
    b"1e39",
    b"1e400",
    b"-1e-400",
    b"nan",
    b"inf",
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b";",
    b"\xEF\xBB\xBF",
    b"\xC3",
    b"\xFF\xFE",
];

/// Below `bound`, which is not 0 unless nothing is there to draw from.
fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

/// A place and a length of at most `longest`, within so many bytes.
fn piece(random: &mut Random, of: usize, longest: usize) -> Range<usize> {
    let from = below(random, of + 1);
    from..from + below(random, longest.min(of - from) + 1)
}

/// A number as a field of 1, 2, 4 or 8 bytes, or a word.
fn interesting(random: &mut Random) -> Vec<u8> {
    if random.chance(0.5) {
        return WORDS[below(random, WORDS.len())].to_vec();
    }
    let (number, width) = (NUMBERS[below(random, NUMBERS.len())], 1 << below(random, 4));
    if random.chance(0.5) {
        number.to_le_bytes()[..width].to_vec()
    } else {
        number.to_be_bytes()[8 - width..].to_vec()
    }
}

/// Input `number` of a target: one of its seeds with one to four changes; the same each time.
fn input(target: &str, number: u64, seeds: &[Vec<u8>]) -> Vec<u8> {
    let random = &mut Random::fork(number, target);
    let mut bytes = seeds[below(random, seeds.len())].clone();
    for _ in 0..=below(random, 4) {
        match below(random, 8) {
            // A bit, and a byte that is any other.
            0 if !bytes.is_empty() => {
                let at = below(random, bytes.len());
                bytes[at] ^= 1 << below(random, 8);
            }
            1 if !bytes.is_empty() => {
                let at = below(random, bytes.len());
                bytes[at] = random.byte();
            }
            // The end is missing, or a piece.
            2 => bytes.truncate(below(random, bytes.len() + 1)),
            3 => drop(bytes.drain(piece(random, bytes.len(), 64))),
            // Something more, and something else in its place.
            4 => {
                let at = below(random, bytes.len() + 1);
                bytes.splice(at..at, interesting(random));
            }
            5 => {
                let more = interesting(random);
                let at = below(random, bytes.len() + 1);
                let until = (at + more.len()).min(bytes.len());
                bytes.splice(at..until, more);
            }
            // A piece, again and again.
            6 => {
                let block = piece(random, bytes.len(), 256);
                let again = bytes[block.clone()].repeat(1 + below(random, 32));
                bytes.splice(block.end..block.end, again);
            }
            // The beginning of one and the end of another.
            _ => {
                let other = &seeds[below(random, seeds.len())];
                bytes.truncate(below(random, bytes.len() + 1));
                bytes.extend(&other[below(random, other.len() + 1)..]);
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

/// Where the inputs that break a target are written.
struct Findings<'a> {
    folder: PathBuf,
    target: &'a str,
    seeds: &'a [Vec<u8>],
}

impl Findings<'_> {
    fn write(&self, number: u64) -> PathBuf {
        let path = self.folder.join(format!("{}-{number}", self.target));
        fs::write(&path, input(self.target, number, self.seeds)).unwrap();
        path
    }

    /// A file with the number that is at work. An abort, a full stack or a loop without an end tells nobody, so that
    /// a run that did not come to its end leaves this, and the next one has the input written.
    fn mark(&self) -> (PathBuf, File) {
        let path = self.folder.join(format!("{}.now", self.target));
        if let Some(number) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
            let input = self.write(number);
            eprintln!("{}: a run before this one ended at {}", self.target, input.display());
        }
        let file = File::create(&path).unwrap();
        (path, file)
    }
}

/// A sentence for each input that breaks the entry; each of them is in `folder`.
fn smoke(target: &str, entry: Entry, runs: u64, seeds: &[Vec<u8>], folder: &Path) -> Vec<String> {
    fs::create_dir_all(folder).unwrap();
    let findings = Findings { folder: folder.to_owned(), target, seeds };
    let (path, mark) = findings.mark();
    let mut found = Vec::new();
    for number in 0..runs {
        mark.write_all_at(format!("{number:010}\n").as_bytes(), 0).unwrap();
        let bytes = input(target, number, seeds);
        if catch_unwind(|| entry(&bytes)).is_err() {
            let at = findings.write(number);
            found.push(format!(
                "{target}: input {number} panics (its message is above); {} is a seed once that is mended",
                at.display()
            ));
            if found.len() == FINDINGS_MAX {
                found.push(format!("{target}: {} inputs were not tried", runs - number - 1));
                break;
            }
        }
    }
    fs::remove_file(path).unwrap();
    found
}

fn bytes_of(seeds: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn nothing_that_seeds_become_breaks_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz-findings");
    let (ahead, found) = (Mutex::new(ENTRIES.into_iter().zip(RUNS)), Mutex::new(Vec::new()));
    let next = || ahead.lock().unwrap().next();
    let work = || {
        while let Some(((target, entry), (_, runs))) = next() {
            let of_this = smoke(target, entry, runs, &bytes_of(seeds(target)), &folder);
            found.lock().unwrap().extend(of_this);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.min(ENTRIES.len())).map(|_| scope.spawn(work)).collect();
        work();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_target_has_its_program_its_seeds_and_its_share_of_the_smoke() {
    let targets = ENTRIES.map(|(name, _)| name);
    assert_eq!(RUNS.map(|(name, _)| name), targets);
    assert_eq!(bins(), targets);
    for (target, runs) in RUNS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        assert!(runs >= 50 * seeds.len() as u64, "{target}: {runs} inputs for {} seeds", seeds.len());
    }
}

#[test]
fn a_target_that_breaks_at_a_number_is_found_and_its_input_kept() {
    fn broken(bytes: &[u8]) {
        assert!(!bytes.windows(4).any(|four| four == [0xFF; 4]), "too large a number");
    }
    let folder = tempfile::tempdir().unwrap();
    let seeds = [b"a plain beginning".to_vec(), b"something else altogether".to_vec()];
    let found = smoke("planted", broken, 2_000, &seeds, folder.path());
    assert_eq!(found.len(), FINDINGS_MAX + 1, "{found:?}");
    let kept: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), FINDINGS_MAX, "{kept:?}");
    for path in kept {
        let bytes = fs::read(&path).unwrap();
        assert!(catch_unwind(|| broken(&bytes)).is_err(), "{}: nothing breaks by it", path.display());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(found.iter().any(|said| said.contains(&name)), "{name} is in no sentence: {found:?}");
    }
}

#[test]
fn a_run_that_ended_without_a_word_leaves_its_input_to_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = [b"a plain beginning".to_vec()];
    fs::write(folder.path().join("planted.now"), "0000000017\n").unwrap();
    assert_eq!(smoke("planted", |_| (), 1, &seeds, folder.path()), Vec::<String>::new());
    assert_eq!(fs::read(folder.path().join("planted-17")).unwrap(), input("planted", 17, &seeds));
    assert!(!folder.path().join("planted.now").exists());
}

#[test]
fn inputs_are_the_same_each_time_short_and_hardly_ever_the_same_as_each_other() {
    for (target, _) in RUNS {
        let seeds = bytes_of(seeds(target));
        let inputs: Vec<_> = (0..500).map(|number| input(target, number, &seeds)).collect();
        assert!(inputs.iter().all(|bytes| bytes.len() <= BYTES_MAX), "{target}");
        assert_eq!(inputs, (0..500).map(|number| input(target, number, &seeds)).collect::<Vec<_>>());
        let different: BTreeSet<_> = inputs.iter().collect();
        assert!(different.len() > 350, "{target}: {} of 500 differ", different.len());
        let as_they_were = inputs.iter().filter(|bytes| seeds.contains(bytes)).count();
        assert!(as_they_were < 100, "{target}: {as_they_were} of 500 are seeds");
    }
}
