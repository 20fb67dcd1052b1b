//! Printers behind real ttys: what a program sees that opens the port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a failed test is the message, and a tty has only the clock on the wall"
)]

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hw_sim::faults::FaultScript;
use hw_sim::planner::Motion;
use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;

fn config(name: &str) -> PrinterConfig {
    let mut rig = RigConfig::new(Face::Marlin21, 115_200, 0, 1);
    rig.firmware.motion = Motion::Instant;
    rig.firmware.home_us = 0;
    PrinterConfig { name: name.to_owned(), rig, link: None, speed: 1.0, record: None }
}

fn link(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hw-sim-test-{}-{name}", std::process::id()))
}

fn open(printer: &Handle) -> BufReader<File> {
    let no_control = nix::fcntl::OFlag::O_NOCTTY.bits();
    BufReader::new(
        OpenOptions::new().read(true).write(true).custom_flags(no_control).open(printer.path()).unwrap(),
    )
}

fn line(port: &mut BufReader<File>) -> String {
    let mut line = String::new();
    port.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn numbered(number: usize, text: &str) -> String {
    let text = format!("N{number} {text}");
    format!("{text}*{}\n", text.bytes().fold(0, |sum, byte| sum ^ byte))
}

#[test]
fn a_question_is_answered_through_a_link_that_ends_with_the_printer() {
    let path = link("answer");
    std::os::unix::fs::symlink("/nowhere", &path).unwrap();
    let printer = Printer::spawn(PrinterConfig { link: Some(path.clone()), ..config("one") }).unwrap();
    let mut port = open(&printer);
    port.get_mut().write_all(b"M105\n").unwrap();
    assert!(line(&mut port).starts_with("ok T:"));
    let statistics = printer.stop().unwrap();
    assert_eq!(statistics.totals.oks, 1);
    assert!(std::fs::symlink_metadata(&path).is_err(), "the link is gone");
}

#[test]
fn the_line_is_as_slow_as_its_baud_rate() {
    let printer = Printer::spawn(config("slow")).unwrap();
    let mut port = open(&printer);
    port.get_mut().write_all(numbered(0, "M110 N0").as_bytes()).unwrap();
    line(&mut port);
    // Two lines ahead keep the wire busy, and three of them fit into the ring.
    let begun = Instant::now();
    let mut bytes = 0;
    for number in 1..=200 {
        let text = numbered(number, "G1 X1.234 Y5.678 E0.0");
        bytes += text.len();
        port.get_mut().write_all(text.as_bytes()).unwrap();
        if number > 2 {
            assert!(next_ok(&mut port).starts_with("ok N"));
        }
    }
    next_ok(&mut port);
    next_ok(&mut port);
    let seconds = begun.elapsed().as_secs_f64();
    let expected = bytes as f64 / 11_520.0;
    assert!(seconds >= expected * 0.97, "{seconds} s for {expected} s of line");
    assert!(seconds < expected * 1.5 + 0.3, "{seconds} s for {expected} s of line");
    let statistics = printer.stop().unwrap();
    assert_eq!((statistics.totals.bytes_overrun, statistics.totals.resends), (0, 0));
}

fn next_ok(port: &mut BufReader<File>) -> String {
    loop {
        let line = line(port);
        if line.starts_with("ok") {
            return line;
        }
    }
}

#[test]
fn opening_the_port_again_resets_a_board_with_a_serial_chip() {
    let mut config = config("reset");
    config.rig.firmware.reset_on_open = true;
    config.rig.firmware.boot_us = 100_000;
    let printer = Printer::spawn(config).unwrap();
    for _ in 0..3 {
        let mut port = open(&printer);
        assert_eq!(line(&mut port), "start");
        drop(port);
        // Closing is noticed at once, opening within a few milliseconds.
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(printer.stop().unwrap().totals.resets, 3);
}

#[test]
fn speed_scales_all_time() {
    let printer = Printer::spawn(PrinterConfig { speed: 50.0, ..config("fast") }).unwrap();
    let mut port = open(&printer);
    let begun = Instant::now();
    port.get_mut().write_all(b"G4 S10\n").unwrap();
    assert!(next_ok(&mut port).starts_with("ok"));
    let seconds = begun.elapsed().as_secs_f64();
    assert!((0.18..0.5).contains(&seconds), "{seconds}");
}

#[test]
fn pulling_the_cable_ends_the_file_and_the_board_goes_on() {
    let path = link("unplug");
    let mut printer = Printer::spawn(PrinterConfig { link: Some(path), ..config("unplug") }).unwrap();
    let mut port = open(&printer);
    port.get_mut().write_all(b"M104 S50\n").unwrap();
    next_ok(&mut port);
    printer.unplug().unwrap();
    let mut rest = String::new();
    let ended = port.read_line(&mut rest);
    assert!(matches!(ended, Ok(0)) || ended.is_err(), "{ended:?} {rest}");
    printer.plug_in().unwrap();
    let mut port = open(&printer);
    port.get_mut().write_all(b"M105\n").unwrap();
    assert!(next_ok(&mut port).contains("/50.00"), "not reset: the target is still there");
}

#[test]
fn a_cable_that_a_script_pulls_takes_the_port_away_and_brings_it_back() {
    let path = link("script");
    let mut config = PrinterConfig { link: Some(path.clone()), ..config("script") };
    config.rig.script = FaultScript::from_toml(
        "[[fault]]\nat_us = 300_000\nkind = \"disconnect\"\n[[fault]]\nat_us = 900_000\nkind = \"reconnect\"\n",
    )
    .unwrap();
    let printer = Printer::spawn(config).unwrap();
    let mut port = open(&printer);
    let mut rest = String::new();
    let ended = loop {
        match port.read_line(&mut rest) {
            Ok(0) => break true,
            Ok(_) => rest.clear(),
            Err(_) => break true,
        }
    };
    assert!(ended && std::fs::symlink_metadata(&path).is_err(), "the name is gone with the port");
    let until = Instant::now() + Duration::from_secs(10);
    while std::fs::symlink_metadata(&path).is_err() {
        assert!(Instant::now() < until, "it does not come back");
        std::thread::yield_now();
    }
    let mut port = open(&printer);
    port.get_mut().write_all(b"M105\n").unwrap();
    assert!(next_ok(&mut port).starts_with("ok"));
}

#[test]
fn many_printers_in_one_thread_answer_each_for_itself() {
    let configs = (0..16).map(|index| config(&format!("printer-{index}"))).collect();
    let printers = Printer::spawn_all(configs).unwrap();
    let mut ports: Vec<_> = printers.iter().map(open).collect();
    for port in &mut ports {
        for number in 1..=20 {
            port.get_mut().write_all(numbered(number, "G91").as_bytes()).unwrap();
            assert_eq!(line(port), format!("ok N{number} P15 B3"));
        }
    }
    drop(ports);
    for (index, printer) in printers.into_iter().enumerate() {
        let statistics = printer.stop().unwrap();
        assert_eq!(
            (statistics.name.as_str(), statistics.commands),
            (format!("printer-{index}").as_str(), 20)
        );
    }
}
