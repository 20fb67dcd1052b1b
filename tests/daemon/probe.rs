//! `platen stream --probe`: what a board holds is found out over a real tty, and written where it is used.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use hw_sim::faults::Fault;
use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use nix::sys::signal::Signal;
use platen::config::Config;
use serde_json::Value;
use tempfile::TempDir;

use crate::ports::{among_rubbish, assert_told, bare_tty};
use crate::world::{Lab, Process, Told, executed, gcode, platen, printer, run, until};

/// The board waits by its own clock, so it has to be as fast as a real one.
const REAL: f64 = 1.0;
const BAUD: u32 = 250_000;

fn board(folder: &TempDir, face: Face, rx_buffer: usize, command_buffer: usize) -> PrinterConfig {
    let mut config = printer(folder.path(), "mk", face, REAL);
    config.rig.wire.to_device.baud = BAUD;
    config.rig.wire.to_host.baud = BAUD;
    config.rig.firmware.rx_buffer = rx_buffer;
    config.rig.firmware.command_buffer = command_buffer;
    config
}

fn start(args: &[&str]) -> Process {
    let mut all = vec!["stream", "--probe"];
    all.extend(args);
    if !args.contains(&"--simulated-speed") {
        // The configuration of these tests says that their boards are faster than that.
        all.extend(["--simulated-speed", "1"]);
    }
    Process::spawn(&mut platen(&all))
}

/// A machine that has too much to do at the moment is told from a board; then it is tried again.
fn probe(args: &[&str]) -> Told {
    for _ in 0..4 {
        let told = start(args).end();
        if !told.err.contains("in time") {
            return told;
        }
        println!("again: {told:?}");
    }
    panic!("this machine has too much to do, four times in a row");
}

fn probe_port(handle: &Handle) -> Told {
    let baud = BAUD.to_string();
    probe(&["--port", handle.path().to_str().unwrap(), "--baud", &baud, "--json"])
}

/// Nothing but waiting, counting, asking and switching heaters off was run.
///
/// While its buffer is full, a board loses the first bytes of a question: what is left of `N99 M105` begins
/// with a digit, and no firmware knows a command that does.
fn assert_harmless(handle: Handle) {
    let (statistics, lines) = executed(handle);
    let totals = &statistics.totals;
    assert_eq!(totals.moves_planned, 0);
    assert!(totals.hotend_max_celsius < 40.0 && totals.bed_max_celsius < 40.0, "{totals:?}");
    // `M105T0` asks for temperatures, and whether words may stand without spaces.
    let harmless = ["G4", "M105", "M105T0", "M110", "M115", "M155", "M409"];
    let code = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let remnant = |line: &str| ["99 M105", "9 M105"].contains(&line);
    let off = |line: &str| ["M104 S0", "M140 S0"].contains(&line);
    let odd: Vec<_> = lines
        .iter()
        .filter(|line| !(harmless.contains(&code(line).as_str()) || off(line) || remnant(line)))
        .collect();
    let seen: BTreeSet<_> = lines.iter().map(|line| code(line)).collect();
    println!("executed {} commands: {seen:?}", lines.len());
    assert!(!lines.is_empty() && odd.is_empty(), "executed {odd:?}");
}

#[track_caller]
fn assert_measured(face: Face, rx_buffer: usize, command_buffer: usize) {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(board(&folder, face, rx_buffer, command_buffer)).unwrap();
    let told = probe_port(&handle);
    assert_eq!(told.code, Some(0), "{told:?}");
    let report = told.json();
    println!("{face:?} with {rx_buffer} bytes and {command_buffer} slots: {report}");
    assert_eq!(report["outcome"], "measured", "{report}");
    // The command that runs has a slot, too.
    let found = (&report["rx_buffer"], &report["command_buffer"]);
    assert_eq!(found, (&rx_buffer.into(), &(command_buffer - 1).into()), "{report}");
    assert_eq!(report["receive_bytes_least"], rx_buffer - 1, "{report}");
    assert_eq!((&report["hindrance"], &report["config"]), (&Value::Null, &Value::Null), "{report}");
    assert_harmless(handle);
}

#[test]
fn marlin_2_1_is_measured_exactly_without_a_move_or_heat() {
    assert_measured(Face::Marlin21, 128, 4);
}

#[test]
fn marlin_2_1_with_large_buffers_is_measured_exactly() {
    assert_measured(Face::Marlin21, 1_024, 32);
}

#[test]
fn marlin_1_1_is_measured_exactly_without_a_move_or_heat() {
    assert_measured(Face::Marlin11, 64, 4);
}

#[test]
fn the_firmware_of_prusa_is_measured_exactly_after_the_reset_by_its_port() {
    assert_measured(Face::PrusaMk3, 256, 8);
}

#[test]
fn a_simulated_board_that_is_faster_than_a_real_one_is_measured_as_the_readme_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    config.rig.firmware.reset_on_open = true;
    let handle = Printer::spawn(config).unwrap();
    let port = handle.path().to_str().unwrap();
    let told = probe(&["--port", port, "--baud", "115200", "--simulated-speed", "20", "--json"]);
    assert_eq!((told.code, &told.json()["outcome"]), (Some(0), &"measured".into()), "{told:?}");
    assert_harmless(handle);
}

#[test]
fn a_firmware_that_refuses_nothing_is_not_measured_and_not_written() {
    for face in [Face::RepRapFirmware, Face::Klipper] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = printer(folder.path(), "mk", face, REAL);
        config.rig.wire.to_device.baud = 115_200;
        let lab = Lab::new(folder, vec![config], "rx_buffer = 64");
        let before = std::fs::read_to_string(&lab.config).unwrap();
        let config = lab.config.to_str().unwrap();
        let told = probe(&["--config", config, "--printer", "mk", "--write", "--json"]);
        assert_told(&told, &["not measured", "refuses no line", "nothing was written"]);
        let report = told.json();
        println!("{face:?}: {report}");
        assert_eq!(
            (&report["outcome"], &report["hindrance"], &report["config"], &report["bursts"]),
            (&"not-measured".into(), &"no-refusals".into(), &"not-written".into(), &0.into()),
        );
        assert_eq!(std::fs::read_to_string(&lab.config).unwrap(), before);
        let Lab { printers, folder: _folder, .. } = lab;
        printers.into_iter().for_each(assert_harmless);
    }
}

#[test]
fn a_board_that_holds_the_host_back_as_native_usb_does_is_never_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = board(&folder, Face::Marlin21, 256, 8);
    config.rig.wire.to_device.baud = 0;
    config.rig.wire.to_host.baud = 0;
    let handle = Printer::spawn(config).unwrap();
    let told = probe_port(&handle);
    println!("{told:?}");
    assert_eq!(told.code, Some(0), "{told:?}");
    let report = told.json();
    assert_eq!((&report["outcome"], &report["rx_buffer"]), (&"never-full".into(), &1_024.into()), "{report}");
    assert_harmless(handle);
}

/// A lab of one board whose sizes are not the defaults, with words of its own in the configuration.
fn lab(face: Face, more: &str) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let config = board(&folder, face, 256, 8);
    let lab = Lab::new(folder, vec![config], more);
    let text = std::fs::read_to_string(&lab.config).unwrap();
    let text = text.replace("baud = 115200", &format!("baud = {BAUD} # as built"));
    std::fs::write(&lab.config, text).unwrap();
    lab
}

fn buffers(config: &Path) -> (usize, usize) {
    let printer = &Config::load(config).unwrap().printers[0];
    (printer.rx_buffer, printer.command_buffer)
}

#[test]
fn what_was_measured_is_written_once_and_then_used() {
    let lab = lab(Face::Marlin21, "#rx_buffer = 128\nmeatpack = false # old firmware");
    let text = std::fs::read_to_string(&lab.config).unwrap();
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&lab.config, mode).unwrap();
    let link = lab.folder.path().join("link.toml");
    symlink(&lab.config, &link).unwrap();
    let args = ["--config", link.to_str().unwrap(), "--printer", "mk", "--write"];

    let told = probe(&args);
    println!("{}", told.out);
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in ["firmware     Marlin 2.1", "rx_buffer = 256", "command_buffer = 7", "after a restart"] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    let wanted = text
        .replace("#rx_buffer = 128\n", "#rx_buffer = 128\nrx_buffer = 256\n")
        .replace("# old firmware\n", "# old firmware\ncommand_buffer = 7\n");
    assert_eq!(std::fs::read_to_string(&lab.config).unwrap(), wanted);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let metadata = lab.config.metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
    assert_eq!(buffers(&lab.config), (256, 7));

    let told = probe(&args);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("unchanged") && told.out.contains("the same of mk already"), "{told:?}");
    assert_eq!(lab.config.metadata().unwrap().ino(), metadata.ino(), "an untouched file is not replaced");

    let file = lab.file("short.gcode", "M105\n".repeat(200).as_str());
    let told = run(&["stream", &file, "--config", lab.config.to_str().unwrap(), "--printer", "mk", "--json"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let report = told.json();
    assert!(report["window_slots"].as_u64() >= Some(7), "{report}");
    assert!(report["window_bytes"].as_u64() > Some(127), "{report}");
    assert_eq!(report["resends"], 0, "{report}");
}

#[test]
fn a_configuration_that_was_changed_meanwhile_is_left_alone() {
    let lab = lab(Face::Marlin21, "");
    let config = lab.config.to_str().unwrap();
    let process = start(&["--config", config, "--printer", "mk", "--write", "--json"]);
    until("the first wait", || Some(()).filter(|()| lab.printers[0].statistics().unwrap().commands > 6));
    let theirs = std::fs::read_to_string(&lab.config).unwrap() + "# mine\n";
    std::fs::write(&lab.config, &theirs).unwrap();
    let told = process.end();
    assert_eq!(std::fs::read_to_string(&lab.config).unwrap(), theirs);
    assert_told(&told, &["changed by somebody else", "try again"]);
    assert_eq!((&told.json()["config"], &told.json()["rx_buffer"]), (&"not-written".into(), &256.into()));
}

#[test]
fn a_configuration_that_cannot_be_used_or_written_is_told_before_the_port_is_opened() {
    let lab = lab(Face::Marlin21, "");
    let config = lab.config.to_str().unwrap();
    let told = start(&["--config", config, "--printer", "mkk", "--write"]).end();
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("no printer \"mkk\"; did you mean mk?"), "{told:?}");
    let told = start(&["--config", config, "--printer", "fdm-12"]).end();
    assert!(told.code == Some(2) && told.err.contains("known printers: mk"), "{told:?}");
    std::fs::set_permissions(&lab.config, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_told(
        &start(&["--config", config, "--printer", "mk", "--write"]).end(),
        &[config, "write-protected"],
    );
    std::fs::set_permissions(&lab.config, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&lab.config, "site = 1\n").unwrap();
    let told = start(&["--config", config, "--printer", "mk", "--write"]).end();
    assert!(told.code == Some(2) && told.err.contains("mistakes in"), "{told:?}");
    let told = start(&["--config", "/none/platen.toml", "--printer", "mk", "--write"]).end();
    assert_told(&told, &["/none/platen.toml cannot be read"]);
    assert_eq!(lab.printers[0].statistics().unwrap().totals.bytes_received, 0);
}

#[test]
fn a_port_that_a_daemon_has_is_taken_and_its_job_goes_on() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(2_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    let config = lab.config.to_str().unwrap();
    let told = start(&["--config", config, "--printer", "mk", "--write"]).end();
    assert_told(&told, &["is taken by another program", "another platen"]);
    daemon.wait_job(&job, "printed");
}

#[test]
fn a_port_that_is_silent_is_given_up_with_what_to_look_at() {
    let (_master, port) = bare_tty();
    let told = start(&["--port", port.to_str().unwrap(), "--baud", "250000"]).end();
    assert_told(&told, &[port.to_str().unwrap(), "never answered at 250000 baud", "baud rate right"]);
    assert_eq!(told.out, "");
}

#[test]
fn a_port_at_a_wrong_baud_rate_is_told_from_a_silent_one() {
    let (port, told) = among_rubbish(|port| start(&["--port", port.to_str().unwrap(), "--baud", "115200"]));
    assert_told(&told, &[port.to_str().unwrap(), "rubbish at 115200 baud", "try another `baud`"]);
}

#[test]
fn a_board_that_is_reset_in_the_middle_is_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(board(&folder, Face::Marlin21, 128, 4)).unwrap();
    let process = start(&["--port", handle.path().to_str().unwrap(), "--baud", "250000", "--json"]);
    until("the first wait", || Some(()).filter(|()| handle.statistics().unwrap().commands > 6));
    handle.press_reset().unwrap();
    let told = process.end();
    assert_told(&told, &["not measured", "began anew", "look at its power"]);
    let report = told.json();
    assert_eq!((&report["hindrance"], &report["rx_buffer"]), (&"restarted".into(), &Value::Null));
    assert_harmless(handle);
}

#[test]
fn a_board_that_kills_itself_in_the_middle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let handle = Printer::spawn(board(&folder, Face::Marlin21, 128, 4)).unwrap();
    let process = start(&["--port", handle.path().to_str().unwrap(), "--baud", "250000"]);
    until("the first wait", || Some(()).filter(|()| handle.statistics().unwrap().commands > 6));
    handle.inject(Fault::Kill).unwrap();
    assert_told(&process.end(), &["halted"]);
}

#[test]
fn an_interrupt_ends_the_measurement_and_the_board_can_be_used_at_once() {
    let lab = lab(Face::Marlin21, "");
    let before = std::fs::read_to_string(&lab.config).unwrap();
    let config = lab.config.to_str().unwrap();
    let process = start(&["--config", config, "--printer", "mk", "--write"]);
    until("the first wait", || Some(()).filter(|()| lab.printers[0].statistics().unwrap().commands > 6));
    process.signal(Signal::SIGINT);
    let told = process.end();
    assert_told(&told, &["was ended", "nothing was changed"]);
    assert_eq!(std::fs::read_to_string(&lab.config).unwrap(), before);
    let file = lab.file("short.gcode", "M105\n");
    let told = run(&["stream", &file, "--config", config, "--printer", "mk"]);
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
fn what_makes_no_sense_together_is_told_as_a_wrong_use() {
    let port = ["--port", "/dev/null", "--baud", "115200"];
    let config = ["--config", "/none.toml", "--printer", "mk"];
    for (args, parts) in [
        (vec![], ["required", "<FILE|--probe>"]),
        (vec!["x.gcode", "--probe"], ["'[FILE]' cannot be used with", "--probe"]),
        (vec!["--probe", "--rx-buffer", "128"], ["'--probe' cannot be used with", "--rx-buffer <N>"]),
        (vec!["--probe", "--write"], ["cannot be used with", "--write"]),
        (vec!["--probe", "--printer", "mk"], ["cannot be used with", "--printer <NAME>"]),
    ] {
        let told = run(&[&["stream"][..], &args, &port].concat());
        assert_eq!(told.code, Some(2), "{args:?}: {told:?}");
        for part in parts {
            assert!(told.err.contains(part), "{args:?}, {part}: {}", told.err);
        }
    }
    for (args, part) in [
        (vec!["--probe"], "--port <PATH>|--config <FILE>"),
        (vec!["--probe", "--write"], "--config <FILE>"),
        (vec!["--probe", "--printer", "mk"], "--config <FILE>"),
        (vec!["--probe", "--port", "/dev/null"], "--baud <N>"),
        (vec!["--probe", "--config", "/none.toml"], "--printer <NAME>"),
        (
            vec!["x.gcode", "--write", config[0], config[1], config[2], config[3]],
            "cannot be used with '--write'",
        ),
        (
            vec!["x.gcode", "--baud", "9600", config[0], config[1], config[2], config[3]],
            "cannot be used with",
        ),
        (
            vec!["--probe", "--port", "/dev/null", config[0], config[1], config[2], config[3]],
            "cannot be used with",
        ),
    ] {
        let told = run(&[&["stream"][..], &args].concat());
        assert_eq!(told.code, Some(2), "{args:?}: {told:?}");
        assert!(told.err.contains(part), "{args:?}, {part}: {}", told.err);
    }
}
