//! A resin printer behind a real tty, with a display in another process: the binary, its clock and its ledgers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a failed test is the message, and a tty has only the clock on the wall"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hw_sim::msla::{Flaw, Frame, MslaReport};
use hw_sim::rig::Statistics;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hw-sim-msla-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} does not come");
        std::thread::yield_now();
    }
}

fn start(scratch: &Scratch, more: &[&str]) -> (Child, BufReader<File>) {
    let link = scratch.at("tty");
    let child = Command::new(env!("CARGO_BIN_EXE_hw-sim"))
        .args(["msla", "--motion", "instant", "--speed", "10"])
        .arg("--link")
        .arg(&link)
        .arg("--statistics")
        .arg(scratch.at("statistics"))
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let no_control = nix::fcntl::OFlag::O_NOCTTY.bits();
    let port = wait_for("the port", || {
        OpenOptions::new().read(true).write(true).custom_flags(no_control).open(&link).ok()
    });
    (child, BufReader::new(port))
}

fn ask(port: &mut BufReader<File>, text: &str) {
    port.get_mut().write_all(text.as_bytes()).unwrap();
    for _ in text.lines() {
        loop {
            let mut line = String::new();
            port.read_line(&mut line).unwrap();
            if line.starts_with("ok") {
                break;
            }
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn statistics(path: &Path) -> Option<Statistics> {
    serde_json::from_str(fs::read_to_string(path).ok()?.lines().next()?).ok()
}

fn end(mut child: Child, scratch: &Scratch) -> MslaReport {
    let _ = fs::remove_file(scratch.at("statistics"));
    signal(&child, Signal::SIGTERM);
    assert!(child.wait().unwrap().success());
    statistics(&scratch.at("statistics")).unwrap().msla.unwrap()
}

fn flip(ledger: &mut File, label: &str, hash: &str) {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    let now_ns = now.tv_sec() * 1_000_000_000 + now.tv_nsec();
    ledger.write_all(format!("{now_ns} {label} {hash}\n").as_bytes()).unwrap();
}

#[test]
fn light_and_the_masks_of_another_process_are_joined_by_the_clock() {
    let scratch = Scratch::new("join");
    let masks = scratch.at("masks");
    let mut ledger = File::create(&masks).unwrap();
    let (child, mut port) = start(&scratch, &["--mask-ledger", masks.to_str().unwrap()]);
    flip(&mut ledger, "blank", "00");
    ask(&mut port, "G28\nG1 Z0.05\nM400\n");
    for (label, hash) in [("a", "aa"), ("b", "bb")] {
        flip(&mut ledger, label, hash);
        ask(&mut port, "M106\nG4 P1000\nM107\nM400\n");
        flip(&mut ledger, "blank", "00");
    }
    ask(&mut port, "M106\nG4 P1000\nM107\nM400\n");
    // Meanwhile it tells what it has so far.
    signal(&child, Signal::SIGUSR1);
    let so_far = wait_for("the statistics so far", || statistics(&scratch.at("statistics")));
    assert_eq!(so_far.msla.unwrap().exposures.len(), 3);
    let report = end(child, &scratch);
    assert_eq!((report.mask_error.clone(), report.exposures.len()), (None, 3));
    let frames: Vec<_> = report.exposures.iter().map(|exposure| exposure.frame.clone().unwrap()).collect();
    assert_eq!(frames, [Frame::layer("a", "aa"), Frame::layer("b", "bb"), Frame::Blank]);
    let flaws: Vec<_> = report.exposures.iter().map(|exposure| exposure.flaws.clone()).collect();
    assert_eq!(flaws, [vec![], vec![], vec![Flaw::Blank]]);
    assert_eq!(report.part.layers.len(), 2);
    for exposure in &report.exposures {
        assert!(exposure.lit_us.abs_diff(1_000_000) < 3000, "{exposure:?}");
    }
}

#[test]
fn a_mask_ledger_that_cannot_be_read_is_said_and_the_light_is_told_all_the_same() {
    let scratch = Scratch::new("broken");
    let masks = scratch.at("masks");
    fs::write(&masks, "1 blank 00\nnot a line\n").unwrap();
    let (child, mut port) = start(&scratch, &["--mask-ledger", masks.to_str().unwrap()]);
    ask(&mut port, "M106\nG4 P500\nM107\nM400\n");
    let report = end(child, &scratch);
    assert!(report.mask_error.as_ref().unwrap().contains("line 2 of the mask ledger"), "{report:?}");
    assert_eq!(report.exposures.len(), 1);
}

#[test]
fn a_host_that_is_gone_leaves_the_light_to_the_buffer() {
    let scratch = Scratch::new("gone");
    let (child, mut port) = start(&scratch, &[]);
    ask(&mut port, "G28\n");
    port.get_mut().write_all(b"M400\nM106 S255\nG4 P8000\nM107\nM400\n").unwrap();
    drop(port);
    let report = wait_for("the end of the exposure", || {
        let path = scratch.at("statistics");
        let _ = fs::remove_file(&path);
        signal(&child, Signal::SIGUSR1);
        let report = wait_for("the statistics so far", || statistics(&path)).msla?;
        (!report.exposures.is_empty() && !report.lit).then_some(report)
    });
    assert!(report.exposures[0].lit_us.abs_diff(8_000_000) < 3000, "{report:?}");
    end(child, &scratch);
}
