//! `platen stream`: a file is printed exactly, whatever the firmware and however noisy the line.

use std::path::Path;

use hw_sim::canonical::{Canonical, canonical};
use hw_sim::ledger::stream_hash_of;
use hw_sim::planner::Motion;
use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::world::{Process, Told, executed, gcode, platen, printer, run, wait_commands};

/// A printer whose moves take no time, so that the line is what is measured.
fn fast(folder: &TempDir, face: Face, speed: f64) -> PrinterConfig {
    let mut config = printer(folder.path(), "port", face, speed);
    config.rig.firmware.motion = Motion::Instant;
    config.rig.firmware.home_us = 0;
    config
}

fn file(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("file.gcode");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn stream(port: &Path, file: &str) -> Vec<String> {
    let port = port.to_str().unwrap();
    ["stream", "--port", port, "--baud", "115200", "--simulated-speed", "200", "--json", file]
        .map(str::to_owned)
        .into()
}

pub(crate) fn start(port: &Path, file: &str) -> Process {
    let args = stream(port, file);
    Process::spawn(&mut platen(&args.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The stream's own account is the firmware's, and both are the file's.
#[track_caller]
fn assert_exact(told: &Told, handle: Handle, text: &str) {
    let truth = stream_hash_of(text.as_bytes()).unwrap();
    let (statistics, lines) = executed(handle);
    let printed: Vec<_> = statistics.segments.iter().filter(|segment| segment.commands > 0).collect();
    let hashes: Vec<_> =
        printed.iter().map(|segment| (segment.commands, segment.stream_hash.as_str())).collect();
    let exact = hashes == [(truth.commands, truth.hash_hex.as_str())];
    let odd = differences(text, &lines);
    assert_eq!((told.code, exact), (Some(0), true), "{told:?}, of {truth:?}: {printed:?}; executed {odd:#?}");
    let report = told.json();
    assert_eq!((&report["outcome"], &report["exact"]), (&"printed".into(), &true.into()), "{report}");
    let counted = (report["commands"].as_u64(), report["confirmed"].as_u64());
    assert_eq!(counted, (Some(truth.commands), Some(truth.commands)), "{report}");
    println!(
        "{} commands in {:.2} s, {} resends, {} stalls",
        truth.commands, report["seconds"], report["resends"], report["stalls"]
    );
}

/// A command in its one spelling: a host may leave out spaces and zeros.
fn spelled(command: &str) -> String {
    match canonical(command.as_bytes()) {
        Canonical::Print(text) => String::from_utf8_lossy(&text).into_owned(),
        Canonical::Housekeeping | Canonical::Nothing => String::new(),
    }
}

/// What was executed besides the file's own commands, with the line before each; a host's own questions apart.
fn differences(text: &str, executed: &[String]) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with(';'));
    let mut wanted = lines.map(spelled).filter(|line| !line.is_empty()).peekable();
    let mut odd = Vec::new();
    let mut before = "";
    for line in executed {
        let command = spelled(line);
        if command.is_empty() {
            continue;
        }
        if wanted.peek() == Some(&command) {
            wanted.next();
        } else {
            odd.push((before.to_owned(), line.clone()));
        }
        before = line;
    }
    odd.extend(wanted.take(3).map(|line| ("not executed".to_owned(), line)));
    odd
}

fn exactly(face: Face, lines: u32, speed: f64) {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(fast(&folder, face, speed)).unwrap();
    let text = gcode(lines);
    let told = start(handle.path(), &file(&folder, &text)).end();
    assert_exact(&told, handle, &text);
}

/// Whether what was executed differs from the file at most by lines that nobody can see: they differ from the
/// right one by two bytes that cancel in its checksum, which is a plain XOR. What lost its number and is no
/// command any more did nothing.
fn is_undetectable(text: &str, executed: &[String]) -> bool {
    let sum = |line: &str| line.bytes().filter(|byte| *byte != b' ').fold(0, |sum, byte| sum ^ byte);
    let lines = text.lines().filter(|line| !line.starts_with(';'));
    let mut wanted = lines.map(spelled).filter(|line| !line.is_empty()).peekable();
    for line in executed.iter().filter(|line| !spelled(line).is_empty()) {
        match wanted.peek() {
            Some(right) if *right == spelled(line) || sum(right) == sum(line) => {
                wanted.next();
            }
            _ if !line.starts_with(['G', 'M', 'T']) => {}
            _ => return false,
        }
    }
    wanted.peek().is_none()
}

/// One byte in 10,000 damaged, both ways.
///
/// Two things can then go wrong that no host can prevent, each in a few of a hundred runs. A byte
/// becomes a line end just before the `G`, and the firmware runs that line without its number: then
/// the print must not be called exact. Or two damaged bytes of one line cancel in its checksum.
fn exactly_under_damage(face: Face, lines: u32, speed: f64) {
    let text = gcode(lines);
    let truth = stream_hash_of(text.as_bytes()).unwrap();
    for seed in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let mut config = fast(&folder, face, speed);
        config.rig.wire = config.rig.wire.with_damage(1e-4);
        config.rig.seed = seed;
        let handle = Printer::spawn(config).unwrap();
        let told = start(handle.path(), &file(&folder, &text)).end();
        let report = told.json();
        assert!(report["resends"].as_u64() > Some(0), "nothing was damaged: {told:?}");
        let (statistics, executed) = executed(handle);
        let exact = statistics.segments.iter().any(|segment| segment.stream_hash == truth.hash_hex);
        match (report["exact"] == true, exact) {
            (true, true) => return,
            (true, false) => assert!(
                is_undetectable(&text, &executed),
                "called exact: {told:?}, executed {:#?}",
                differences(&text, &executed)
            ),
            (false, _) => {
                assert!(report["strays"].as_u64() > Some(0), "not printed for another reason: {told:?}");
            }
        }
        println!("seed {seed}: {report}, exact: {exact}, executed {:#?}", differences(&text, &executed));
    }
    panic!("three times in a row");
}

#[test]
fn a_hundred_thousand_lines_are_printed_exactly_on_a_clean_line() {
    exactly(Face::Marlin21, 100_000, 50.0);
}

#[test]
fn a_hundred_thousand_lines_are_printed_exactly_with_one_byte_in_ten_thousand_damaged() {
    exactly_under_damage(Face::Marlin21, 100_000, 50.0);
}

#[test]
fn marlin_2_0_prints_exactly_on_a_clean_line() {
    exactly(Face::Marlin20, 20_000, 20.0);
}

#[test]
fn marlin_2_0_prints_exactly_on_a_damaging_line() {
    exactly_under_damage(Face::Marlin20, 20_000, 20.0);
}

#[test]
fn marlin_1_1_prints_exactly_on_a_clean_line() {
    exactly(Face::Marlin11, 20_000, 20.0);
}

#[test]
fn marlin_1_1_prints_exactly_on_a_damaging_line() {
    exactly_under_damage(Face::Marlin11, 20_000, 20.0);
}

#[test]
fn a_board_that_restarts_when_its_port_is_opened_prints_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fast(&folder, Face::Marlin11, 20.0);
    config.rig.firmware.reset_on_open = true;
    let handle = Printer::spawn(config).unwrap();
    let text = gcode(500);
    let told = start(handle.path(), &file(&folder, &text)).end();
    assert_exact(&told, handle, &text);
}

#[test]
fn without_json_the_outcome_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(fast(&folder, Face::Marlin21, 20.0)).unwrap();
    let file = file(&folder, &gcode(100));
    let told = run(&["stream", "--port", handle.path().to_str().unwrap(), "--baud", "115200", &file]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.starts_with("printed exactly: 106 of 106 commands in "), "{told:?}");
    assert_eq!(told.out.lines().count(), 1, "{told:?}");
}

#[test]
fn a_file_with_windows_line_ends_is_printed_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(fast(&folder, Face::Marlin21, 20.0)).unwrap();
    let text = gcode(300).replace('\n', "\r\n");
    let told = start(handle.path(), &file(&folder, &text)).end();
    assert_exact(&told, handle, &text);
}

#[test]
fn an_interrupt_cancels_and_switches_the_heaters_off() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(printer(folder.path(), "port", Face::Marlin21, 20.0)).unwrap();
    let process = start(handle.path(), &file(&folder, &gcode(20_000)));
    wait_commands(&handle, 100);
    process.signal(Signal::SIGINT);
    let told = process.end();
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("cancelling, heaters off"), "{told:?}");
    assert!(told.err.contains("not printed exactly: cancelled"), "{told:?}");
    let report = told.json();
    assert_eq!((&report["outcome"], &report["exact"]), (&"cancelled".into(), &false.into()));
    assert!(report["confirmed"].as_u64() < report["commands"].as_u64(), "{report}");
    let (statistics, executed) = executed(handle);
    assert_eq!(statistics.totals.kills, 0);
    let ended: Vec<_> = executed.iter().rev().take(12).map(String::as_str).collect();
    assert!(ended.contains(&"M104 S0") && ended.contains(&"M140 S0"), "{ended:?}");
    let after = executed.iter().skip_while(|line| *line != "M104 S0");
    assert!(!after.clone().any(|line| line.starts_with("G1")), "moved after the heaters went off: {ended:?}");
}

#[test]
fn a_port_that_vanishes_in_mid_print_is_told_in_json_with_what_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(printer(folder.path(), "port", Face::Marlin21, 1.0)).unwrap();
    let process = start(handle.path(), &file(&folder, &gcode(5_000)));
    wait_commands(&handle, 50);
    handle.unplug().unwrap();
    let told = process.end();
    assert_eq!(told.code, Some(1), "{told:?}");
    let report = told.json();
    let outcome = report["outcome"].as_str().unwrap();
    assert!(outcome.starts_with("interrupted (the port vanished"), "{report}");
    assert!(report["confirmed"].as_u64() > Some(10) && report["lines"].as_u64() > Some(10), "{report}");
    assert_eq!((&report["exact"], &report["dialect"]), (&false.into(), &"marlin-2.1".into()));
}

#[test]
fn a_port_that_is_not_there_is_told_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let told = start(Path::new("/dev/platen-no-such-port"), &file(&folder, &gcode(5))).end();
    assert_eq!((told.code, &told.json()["outcome"]), (Some(1), &"failed".into()), "{told:?}");
    assert!(told.json()["reason"].as_str().unwrap().contains("is the printer plugged in"), "{told:?}");
}
