//! `platen stream` against simulated boards on ptys, in real time: one row for each kind of line, with its limit.
//!
//! The simulator is this process. `-- --row WORD` runs only rows that contain the word, `-- --seconds N` says
//! how long a row's file is.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use std::path::Path;
use std::process::Command;

use hw_sim::ledger::stream_hash_of;
use hw_sim::planner::Motion;
use hw_sim::pty::{Printer, PrinterConfig};
use hw_sim::rig::RigConfig;
use serde_json::Value;
use support::virtually::instant;

/// Which figure a row is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// Share of what the baud rate allows.
    Line,
    LinesPerSecond,
    /// Lines per second against what the line could carry unpacked.
    Packed,
    Underruns,
    /// Seconds without an answer for each `ok` that was lost.
    LostOks,
}

struct Row {
    name: &'static str,
    must: &'static str,
    about: About,
    rig: RigConfig,
    /// mm/s, for moves that take their time.
    speed: Option<u32>,
    profile: &'static [&'static str],
}

fn rows() -> Vec<Row> {
    let row = |name, must, rig| Row { name, must, about: About::Line, rig, speed: None, profile: &[] };
    let board = |baud, advanced_ok| instant(baud, 1_000, advanced_ok);
    let moving = |speed, advanced_ok, name| {
        let mut rig = board(250_000, advanced_ok);
        rig.firmware.motion = Motion::Real;
        Row { about: About::Underruns, speed: Some(speed), ..row(name, "0 underruns", rig) }
    };
    let mut timer = board(115_200, true);
    timer.wire.to_host.latency_timer_us = 16_000;
    let mut damaged = board(250_000, true);
    damaged.wire = damaged.wire.with_damage(1e-4);
    let losing = |advanced_ok| {
        let mut rig = board(250_000, advanced_ok);
        rig.mix.lose_every_ok = 1_000;
        rig
    };
    let mut native = board(1_000_000, true);
    (native.firmware.rx_buffer, native.firmware.command_buffer) = (1_024, 32);
    let mut unlimited = instant(0, 0, true);
    unlimited.firmware.loop_interval_us = 0;
    let mut packed = board(115_200, true);
    packed.firmware.meatpack = true;
    vec![
        row("115200, ADVANCED_OK", "99 %", board(115_200, true)),
        row("250000, ADVANCED_OK", "98 %", board(250_000, true)),
        row("115200, plain ok", "95 %", board(115_200, false)),
        row("250000, plain ok", "95 %", board(250_000, false)),
        row("115200, timer of 16 ms", "90 %", timer),
        moving(100, true, "250000, moving at 100 mm/s"),
        moving(150, true, "250000, moving at 150 mm/s"),
        moving(100, false, "250000, plain ok, moving at 100 mm/s"),
        moving(150, false, "250000, plain ok, moving at 150 mm/s"),
        row("250000, damage 1e-4", "88 %", damaged),
        Row { about: About::LostOks, ..row("250000, 1 ok in 1,000 lost", "1 s each", losing(true)) },
        Row { about: About::LostOks, ..row("250000, plain ok, 1 in 1,000 lost", "1 s each", losing(false)) },
        Row {
            profile: &["--rx-buffer", "1024", "--command-buffer", "32"],
            ..row("1 Mbaud, RX 1024, queue 32", "90 %", native)
        },
        Row { about: About::LinesPerSecond, ..row("no limit, no latency", "30,000 lines/s", unlimited) },
        Row { about: About::Packed, ..row("115200, MeatPack", "1.6 x", packed) },
    ]
}

/// Segments of 0.3 mm without extrusion: a cold nozzle complains about it, and that would fill the way back.
fn file(lines: usize, speed: Option<u32>) -> String {
    let mut text = format!("G90\nG1 X130 Y100 F{}\n", speed.unwrap_or(50) * 60);
    for line in support::curve(lines) {
        let moves: Vec<_> = line.split(' ').filter(|word| !word.starts_with(['E', 'F'])).collect();
        text += &moves.join(" ");
        text.push('\n');
    }
    text
}

fn stream(row: &Row, port: &Path, file: &Path) -> Value {
    // A board without a baud rate is opened with any.
    let baud = match row.rig.wire.to_device.baud {
        0 => 115_200,
        baud => baud,
    };
    let answer = Command::new(env!("CARGO_BIN_EXE_platen"))
        .args(["stream", "--json", "--baud", &baud.to_string()])
        .args(row.profile)
        .arg("--port")
        .args([port, file])
        .output()
        .unwrap();
    serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{}: {answer:?}", row.name))
}

fn measure(row: &Row, seconds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let baud = row.rig.wire.to_device.baud as usize;
    let lines = if baud == 0 { 40_000 * seconds } else { baud / 10 / 28 * seconds };
    let text = file(lines, row.speed);
    let path = folder.path().join("file.gcode");
    std::fs::write(&path, &text).unwrap();
    let config =
        PrinterConfig { name: "bench".into(), rig: row.rig.clone(), link: None, speed: 1.0, record: None };
    let board = Printer::spawn(config).unwrap();
    let told = stream(row, board.path(), &path);
    let truth = board.stop().unwrap();
    let number = |key: &str| told[key].as_f64().unwrap_or(f64::NAN);
    let same = stream_hash_of(text.as_bytes()).unwrap().hash_hex;
    // Two damaged bytes of one line that cancel in its checksum are seen by the simulator alone.
    let exact = match (told["exact"] == true, truth.segments.iter().any(|one| one.stream_hash == same)) {
        (true, true) => "exact",
        (true, false) => "UNDETECTED",
        (false, _) => "not exact",
    };
    let figure = match row.about {
        About::Line => format!("{:.1} %", number("line_used") * 100.0),
        About::LinesPerSecond => format!("{:.0} lines/s", number("lines_per_second")),
        About::Packed => {
            let plain = text.len() as f64 / text.lines().count() as f64 + " *255".len() as f64;
            let numbered = plain + format!("N{}", 9_999 + lines).len() as f64 + 1.0;
            format!("{:.2} x", number("lines_per_second") / (baud as f64 / 10.0 / numbered))
        }
        About::Underruns => {
            let totals = &truth.totals;
            format!("{} ({:.2} s stalled)", totals.underruns, totals.stall_seconds)
        }
        About::LostOks => {
            let at_full = number("bytes") / (baud as f64 / 10.0);
            let lost = number("lines") / 1_000.0;
            format!("{:.2} s each", (number("seconds") - at_full).max(0.0) / lost)
        }
    };
    println!(
        "{:<38} {:>16} {:>18} {:>11} {:>8.1} {:>8} {:>7} {:>8.1}",
        row.name,
        row.must,
        figure,
        exact,
        number("line_used") * 100.0,
        number("resends"),
        number("stalls"),
        number("cpu_ms_per_1000_lines"),
    );
}

fn main() {
    if !support::asked() {
        return;
    }
    let given = |flag: &str| std::env::args().skip_while(|arg| arg != flag).nth(1);
    let seconds = given("--seconds").map_or(15, |text| text.parse().unwrap());
    let word = given("--row").unwrap_or_default();
    println!(
        "{:<38} {:>16} {:>18} {:>11} {:>8} {:>8} {:>7} {:>8}",
        "", "must", "measured", "exact", "line %", "resends", "stalls", "CPU ms"
    );
    rows().iter().filter(|row| row.name.contains(&word)).for_each(|row| measure(row, seconds));
}
