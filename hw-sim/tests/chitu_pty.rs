//! The ChiTu board behind a real tty, and the program that puts it there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a failed test is the message, and a tty has only the clock on the wall"
)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hw_sim::chitu::faults::Fault;
use hw_sim::chitu::ledger::{Ending, Ledger};
use hw_sim::chitu::profile::Preset;
use hw_sim::chitu::rig::RigConfig;
use hw_sim::chitu::sample::Sample;
use hw_sim::chitu::stick::Stick;
use hw_sim::chitu::tty::{ChituConfig, ChituHandle, ChituPrinter};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hw-sim-chitu-{}-{name}", std::process::id()))
}

fn spawn(name: &str, preset: Preset, speed: f64) -> ChituHandle {
    let file = Sample { layers: 3, resolution: (60, 100), ..Sample::default() }.write();
    let mut profile = preset.profile();
    // At this speed a fair gap on the wall is a long one here; a slow machine must not wedge it.
    profile.overrun_gap_ms = 0;
    let rig = RigConfig::new(profile, Stick::memory().with("a.ctb", file).unwrap());
    ChituPrinter::spawn(ChituConfig { name: name.to_owned(), rig, link: Some(place(name)), speed }).unwrap()
}

fn open(path: &Path) -> BufReader<File> {
    let no_control = nix::fcntl::OFlag::O_NOCTTY.bits();
    BufReader::new(OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path).unwrap())
}

fn ask(port: &mut BufReader<File>, command: &str) -> String {
    port.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    port.read_line(&mut line).unwrap();
    line
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < give_up, "never {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_host_starts_a_print_over_the_tty_and_it_runs_to_its_end() {
    let printer = spawn("print", Preset::Mars, 200.0);
    let mut port = open(printer.path());
    assert_eq!(ask(&mut port, "M4002"), "ok V4.3.4_LCDC\n");
    assert_eq!(ask(&mut port, "M6030 'a.ctb'"), "ok N:0\r\n");
    drop(port);
    until("ended", || printer.ledger().prints[0].ending.is_some());
    let mut port = open(printer.path());
    assert_eq!(ask(&mut port, "M4002"), "ok V4.3.4_LCDC\n", "a second host is heard");
    let link = printer.path().to_owned();
    let ledger = printer.stop();
    assert_eq!((ledger.prints[0].ending, ledger.prints[0].exposures.len()), (Some(Ending::Finished), 3));
    assert!(std::fs::symlink_metadata(link).is_err(), "the link is gone with it");
}

#[test]
fn a_pulled_cable_ends_the_file_and_the_port_comes_back_with_it() {
    let printer = spawn("cable", Preset::Mars, 20.0);
    let mut port = open(printer.path());
    assert_eq!(ask(&mut port, "M4002"), "ok V4.3.4_LCDC\n");
    printer.inject(&Fault::Disconnect);
    let mut rest = Vec::new();
    let ended = port.read_to_end(&mut rest);
    assert!(matches!(ended, Ok(0)) || ended.is_err(), "{ended:?}");
    until("without a link", || std::fs::symlink_metadata(printer.path()).is_err());
    printer.inject(&Fault::Reconnect);
    until("linked again", || std::fs::symlink_metadata(printer.path()).is_ok());
    let mut port = open(printer.path());
    assert_eq!(ask(&mut port, "M4002"), "ok V4.3.4_LCDC\n");
}

#[test]
fn the_program_makes_a_board_and_tells_its_ledger_at_the_end() {
    let (link, stick, ledger) = (place("link"), place("stick"), place("ledger"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_hw-sim"))
        .args(["chitu", "--preset", "uploading", "--speed", "50", "--sample", "2", "--link"])
        .arg(&link)
        .arg("--stick")
        .arg(&stick)
        .arg("--ledger")
        .arg(&ledger)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("linked", || std::fs::symlink_metadata(&link).is_ok());
    let mut port = open(&link);
    assert!(ask(&mut port, "M4002").starts_with("ok V"));
    assert_eq!(ask(&mut port, "M20"), "Begin file list\r\n");
    let mut line = String::new();
    port.read_line(&mut line).unwrap();
    let size = std::fs::metadata(stick.join("sample.ctb")).unwrap().len();
    assert_eq!(line, format!("sample.ctb {size}\r\n"));
    kill(Pid::from_raw(program.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let mut told = String::new();
    program.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(program.wait().unwrap().success());
    let heard: Ledger = serde_json::from_str(&told).unwrap();
    assert_eq!((heard.commands, heard.heard[0].command.as_str()), (2, "M4002"));
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), told);
    std::fs::remove_dir_all(stick).unwrap();
    std::fs::remove_file(ledger).unwrap();
}

#[test]
fn what_cannot_be_meant_is_an_error_that_says_so() {
    for (arguments, told) in [
        (["--speed", "0"], "--speed 0"),
        (["--sample", "0"], "--sample 0"),
        (["--profile", "/nowhere.toml"], "/nowhere.toml"),
    ] {
        let stick = place("none");
        let output = Command::new(env!("CARGO_BIN_EXE_hw-sim"))
            .args(["chitu", "--stick"])
            .arg(&stick)
            .args(arguments)
            .output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(told), "{text}");
        let _ = std::fs::remove_dir_all(stick);
    }
}
