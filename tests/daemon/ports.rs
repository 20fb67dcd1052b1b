//! Ports and printers that are no good: each is told by name with what to do, and nothing is ever called exact.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hw_sim::faults::Fault;
use hw_sim::pty::{Handle, Printer};
use hw_sim::quirks::Face;
use hw_sim::random::Random;
use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tempfile::TempDir;

use crate::stream::start;
use crate::world::{Process, Told, gcode, printer, until, wait_commands};

fn file(folder: &TempDir, lines: u32) -> String {
    let path = folder.path().join("file.gcode");
    std::fs::write(&path, gcode(lines)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Exit code 1, one message on standard error with all of `parts`, and no word of success.
#[track_caller]
pub(crate) fn assert_told(told: &Told, parts: &[&str]) {
    assert_eq!(told.code, Some(1), "{told:?}");
    let message = told.err.lines().last().unwrap_or_default();
    assert!(message.starts_with("platen: "), "{told:?}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {told:?}");
    }
    assert!(!told.err.contains("panicked"), "{told:?}");
    if told.out.contains("exact") {
        assert_eq!(told.json()["exact"], false, "{told:?}");
    }
}

/// A stream that is in the middle of its file.
fn under_way(folder: &TempDir, face: Face) -> (Handle, Process, String) {
    let handle = Printer::spawn(printer(folder.path(), "port", face, 20.0)).unwrap();
    let process = start(handle.path(), &file(folder, 20_000));
    wait_commands(&handle, 100);
    let port = handle.path().to_str().unwrap().to_owned();
    (handle, process, port)
}

/// Both ends of a tty that no printer is behind.
pub(crate) fn bare_tty() -> (OwnedFd, PathBuf) {
    // Not inherited by the processes that tests beside this one start.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = PathBuf::from(ptsname_r(&master).unwrap());
    let slave = open(&path, flags, Mode::empty()).unwrap();
    let mut raw = tcgetattr(&slave).unwrap();
    cfmakeraw(&mut raw);
    tcsetattr(&slave, SetArg::TCSANOW, &raw).unwrap();
    (master.into(), path)
}

#[test]
fn a_port_that_does_not_exist_is_named_with_what_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let told = start(Path::new("/dev/ttyPLATEN99"), &file(&folder, 1)).end();
    assert_told(&told, &["no port /dev/ttyPLATEN99", "plugged in", "switched on"]);
}

#[test]
fn a_plain_file_is_no_port() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder, 1);
    let told = start(Path::new(&file), &file).end();
    assert_told(&told, &[&file, "is not a serial port"]);
}

#[test]
fn a_folder_is_no_port() {
    let folder = tempfile::tempdir().unwrap();
    let told = start(folder.path(), &file(&folder, 1)).end();
    assert_told(&told, &[folder.path().to_str().unwrap()]);
}

#[test]
fn a_port_that_another_stream_has_is_taken_and_that_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, first, port) = under_way(&folder, Face::Marlin21);
    let told = start(Path::new(&port), &file(&folder, 1)).end();
    assert_told(&told, &[&port, "is taken by another program", "stop the other host"]);
    let commands = handle.statistics().unwrap().commands;
    wait_commands(&handle, commands + 100);
    drop(first);
}

#[test]
fn a_cable_that_is_pulled_in_mid_print_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (handle, process, port) = under_way(&folder, Face::Marlin21);
    handle.unplug().unwrap();
    assert_told(&process.end(), &[&port, "the port vanished"]);
}

#[test]
fn a_printer_that_never_answers_is_given_up_with_what_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let (_master, port) = bare_tty();
    let told = start(&port, &file(&folder, 1)).end();
    assert_told(&told, &[port.to_str().unwrap(), "never answered at 115200 baud", "switched on"]);
}

/// What a process tells of a port where each write is answered by as many bytes of a wrong baud rate.
pub(crate) fn among_rubbish(start: impl FnOnce(&Path) -> Process) -> (PathBuf, Told) {
    let (master, port) = bare_tty();
    let mut process = start(&port);
    let (mut reader, mut writer) = (File::from(master.try_clone().unwrap()), File::from(master));
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let rubbish = std::thread::spawn(move || {
        let mut random = Random::fork(3, "rubbish");
        let mut bytes = [0; 256];
        while !seen.load(Ordering::Relaxed) {
            // An error says that the port is not open, yet or any more.
            let Ok(count) = reader.read(&mut bytes) else {
                std::thread::yield_now();
                continue;
            };
            let answer: Vec<u8> = (0..count).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            let _ = writer.write_all(&answer);
        }
    });
    until("the end of the process", || process.ended());
    ended.store(true, Ordering::Relaxed);
    rubbish.join().unwrap();
    (port, process.end())
}

#[test]
fn a_printer_that_answers_rubbish_is_told_from_a_silent_one() {
    let folder = tempfile::tempdir().unwrap();
    let (port, told) = among_rubbish(|port| start(port, &file(&folder, 1)));
    assert_told(&told, &[port.to_str().unwrap(), "rubbish at 115200 baud", "try another `baud`"]);
}

#[test]
fn a_firmware_that_kills_itself_in_mid_print_is_told() {
    for face in [Face::Marlin21, Face::Marlin11] {
        let folder = tempfile::tempdir().unwrap();
        let (handle, process, port) = under_way(&folder, face);
        handle.inject(Fault::Kill).unwrap();
        let told = process.end();
        assert_told(&told, &[&port, "halted"]);
    }
}

#[test]
fn a_board_that_is_reset_in_mid_print_ends_the_stream() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11] {
        let folder = tempfile::tempdir().unwrap();
        let (handle, process, port) = under_way(&folder, face);
        handle.press_reset().unwrap();
        let told = process.end();
        assert_told(&told, &["started anew", "look at the printer"]);
        assert_eq!(told.json()["outcome"].as_str().map(|word| word.starts_with("interrupted")), Some(true));
        let after = handle.statistics().unwrap();
        assert!(after.commands < 20_000, "{port}: {after:?}");
    }
}
