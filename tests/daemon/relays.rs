//! Stops that the firmware does not obey, and stops without a browser: relay, stop file, contact, `safe-off`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hw_sim::quirks::Face;
use serde_json::Value;

use crate::world::{Daemon, Lab, Process, gcode, platen, printer, run, until, wait_commands};

/// Moves of minutes each: planner, queue and receive buffer are full, and `M112` waits behind them.
fn slow_moves() -> String {
    let mut text = String::from("M104 S200\nM140 S60\n");
    for n in 0..200 {
        text.push_str(&format!("G1 X{} F60\n", if n % 2 == 0 { 190 } else { 10 }));
    }
    text
}

/// A program that notes who it was called for, and how.
fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

pub fn relay(lab_folder: &Path, script: &str) -> String {
    let program = program(lab_folder, "relay", script);
    format!("relay_off = [{:?}, \"off\"]", program.to_str().unwrap())
}

pub fn note(folder: &Path) -> String {
    format!("echo \"$PLATEN_PRINTER $PLATEN_RELAY $1\" >> {}/noted", folder.display())
}

pub fn noted(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("noted")).unwrap_or_default()
}

fn locked(daemon: &Daemon, what: &str) -> Value {
    until(&format!("a printer with relay {what}"), || {
        Some(daemon.printer("mk")).filter(|printer| printer["latch"]["relay"] == what)
    })
}

/// A board without an emergency parser, with all that it can hold.
fn full(more: impl Fn(&Path) -> String) -> (Lab, Daemon) {
    // Two for the heaters, and as many moves as its planner holds.
    printing(&slow_moves(), 1.0, 17, more)
}

fn printing(text: &str, speed: f64, commands: u64, more: impl Fn(&Path) -> String) -> (Lab, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = printer(folder.path(), "mk", Face::Marlin20, speed);
    config.rig.firmware.critical_at_read = false;
    let more = more(folder.path());
    let lab = Lab::new(folder, vec![config], &more);
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("job.gcode", text));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], commands);
    (lab, daemon)
}

#[test]
fn a_stop_that_waits_behind_a_long_move_takes_the_power_and_that_is_in_the_journal() {
    let (lab, daemon) = full(|folder| relay(folder, &note(folder)));
    let told = daemon.platen(&["stop", "mk", "--by", "kim"]);
    assert_eq!(told.code, Some(1), "nobody may go away believing that it has stopped: {told:?}");
    assert!(told.out.contains("NOT CONFIRMED") && told.err.contains("did not confirm"), "{told:?}");
    let latch = locked(&daemon, "switched")["latch"].clone();
    assert!(latch["why"].as_str().unwrap().contains("relay was told to switch it off"), "{latch}");
    assert_eq!(noted(lab.folder.path()), "mk off off\n");
    let events = daemon.events();
    let fact = events.iter().map(|event| &event["fact"]).find(|fact| fact["type"] == "stop_unverified");
    assert_eq!(fact.unwrap()["relay"], "switched");
    // The latch, and what became of the stop, survive.
    daemon.crash();
    let daemon = lab.serve();
    let printer = locked(&daemon, "switched");
    assert_eq!(printer["state"], "stopped");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
    // Nobody knows that it has stopped, so the new daemon stops it again, through its port and its relay.
    until("the relay once more", || (noted(lab.folder.path()).lines().count() >= 2).then_some(()));
    assert_eq!(daemon.platen(&["stop", "mk"]).code, Some(1));
    assert_eq!(daemon.platen(&["stop", "--clear", "mk"]).code, Some(2), "who clears must be said");
    let clear = ["stop", "--clear", "mk", "--by", "kim"];
    until("an end of the stopping", || (daemon.platen(&clear).code == Some(0)).then_some(()));
}

#[test]
fn a_relay_that_fails_or_hangs_is_told_as_such_and_holds_nothing_up() {
    for script in ["exit 3", "sleep 1000"] {
        let (_lab, daemon) = full(|folder| format!("{}\nrelay_timeout_s = 1", relay(folder, script)));
        let told = daemon.platen(&["stop", "mk", "--by", "kim"]);
        assert_eq!(told.code, Some(1), "{told:?}");
        let latch = locked(&daemon, "failed")["latch"].clone();
        assert!(latch["why"].as_str().unwrap().contains("by hand"), "{latch}");
    }
}

#[test]
fn a_stop_of_a_printer_whose_port_is_gone_takes_its_power() {
    let folder = tempfile::tempdir().unwrap();
    let more = relay(folder.path(), &note(folder.path()));
    let config = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![config], &more);
    lab.printers[0].unplug().unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "offline");
    daemon.platen(&["stop", "mk"]);
    locked(&daemon, "switched");
    assert_eq!(noted(lab.folder.path()), "mk off off\n");
}

#[test]
fn a_stop_that_the_board_confirms_leaves_its_power_alone() {
    let folder = tempfile::tempdir().unwrap();
    let more = relay(folder.path(), &note(folder.path()));
    let config = printer(folder.path(), "mk", Face::Marlin21, 1.0);
    let lab = Lab::new(folder, vec![config], &more);
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let told = daemon.platen(&["stop", "mk", "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("the board confirmed it"), "{told:?}");
    assert_eq!(daemon.printer("mk")["latch"]["confirmed"], "kill_line");
    assert_eq!(noted(lab.folder.path()), "");
}

#[test]
fn a_stop_file_stops_all_and_nobody_clears_a_printer_while_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let stop = folder.path().join("stop");
    let printers = ["a", "b"].map(|name| printer(folder.path(), name, Face::Marlin21, 20.0));
    let lab = Lab::new(folder, printers.into(), "");
    let text = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, format!("stop_file = {stop:?}\n{text}")).unwrap();
    let daemon = lab.serve();
    for name in ["a", "b"] {
        daemon.wait_printer(name, "ready");
    }
    std::fs::write(&stop, "").unwrap();
    for name in ["a", "b"] {
        let printer = daemon.wait_printer(name, "stopped");
        until("its reason", || {
            let why = daemon.printer(name)["latch"]["why"].as_str().unwrap_or_default().to_owned();
            why.contains("stop file").then_some(())
        });
        drop(printer);
    }
    for handle in &lab.printers {
        until("a firmware that has halted", || (handle.statistics().unwrap().totals.kills > 0).then_some(()));
    }
    let told = daemon.platen(&["stop", "--clear", "a", "--by", "kim"]);
    assert!(told.code == Some(1) && told.err.contains("stop file"), "{told:?}");
    daemon.crash();
    let daemon = lab.serve();
    daemon.wait_printer("a", "stopped");
    until("a hold after the restart", || {
        let told = daemon.platen(&["stop", "--clear", "a", "--by", "kim"]);
        (told.code == Some(1)).then_some(())
    });
    std::fs::remove_file(&stop).unwrap();
    until("the end of the hold", || {
        (daemon.platen(&["stop", "--clear", "a", "--by", "kim"]).code == Some(0)).then_some(())
    });
    assert_eq!(daemon.printer("b")["state"], "stopped", "each is cleared by itself");
}

#[test]
fn a_contact_stops_all_printers() {
    let folder = tempfile::tempdir().unwrap();
    let contact = folder.path().join("value");
    std::fs::write(&contact, "0\n").unwrap();
    let config = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![config], "");
    let text = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, format!("stop_input = {contact:?}\n{text}")).unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    std::fs::write(&contact, "1\n").unwrap();
    daemon.wait_printer("mk", "stopped");
    until("a firmware that has halted", || {
        (lab.printers[0].statistics().unwrap().totals.kills > 0).then_some(())
    });
    daemon.terminate();
    std::fs::remove_file(&contact).unwrap();
    let told = lab.serve_process().end();
    assert!(
        told.code == Some(1) && told.err.contains("stop_input"),
        "no start without its contact: {told:?}"
    );
}

#[test]
fn heaters_that_a_dead_daemon_left_on_are_switched_off_by_safe_off() {
    let (lab, daemon) = printing(&gcode(20_000), 20.0, 100, |folder| relay(folder, &note(folder)));
    let config = lab.config.to_str().unwrap();
    let taken = run(&["safe-off", "--config", config]);
    assert!(taken.code == Some(1) && taken.out.contains("taken by another program"), "{taken:?}");
    assert_eq!(noted(lab.folder.path()), "", "a living daemon's printers keep their power");
    daemon.crash();
    let told = run(&["safe-off", "--config", config, "--wait", "60"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("mk: heaters off (hotend"), "{told:?}");
    assert_eq!(noted(lab.folder.path()), "");
}

#[test]
fn what_does_not_answer_safe_off_loses_its_power() {
    let folder = tempfile::tempdir().unwrap();
    let more = relay(folder.path(), &note(folder.path()));
    let configs = ["deaf", "gone"].map(|name| printer(folder.path(), name, Face::Marlin21, 20.0));
    let lab = Lab::new(folder, configs.into(), &more);
    lab.printers[0].inject(hw_sim::faults::Fault::Kill).unwrap();
    lab.printers[1].unplug().unwrap();
    let told = run(&["--json", "safe-off", "--config", lab.config.to_str().unwrap(), "--wait", "3"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let all = told.json();
    assert_eq!((&all[0]["end"], &all[1]["end"]), (&"silent".into(), &"no_port".into()), "{all}");
    assert_eq!((&all[0]["relay"], &all[1]["relay"]), (&"switched".into(), &"switched".into()), "{all}");
    let mut lines: Vec<_> = noted(lab.folder.path()).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["deaf off off", "gone off off"]);
}

#[test]
fn a_stop_that_is_not_proven_takes_the_power_even_if_somebody_clears_it_at_once() {
    let (lab, daemon) = full(|folder| relay(folder, &note(folder)));
    let stopping = Process::spawn(&mut platen(&["--url", &daemon.url, "stop", "mk", "--by", "ann"]));
    until("the lock", || (daemon.printer("mk")["latch"]["kind"] == "stopped").then_some(()));
    let cleared = daemon.platen(&["stop", "--clear", "mk", "--by", "bob"]);
    let in_time = cleared.code == Some(1) && cleared.err.contains("not known yet");
    assert!(in_time || !noted(lab.folder.path()).is_empty(), "{cleared:?}");
    until("the relay", || (noted(lab.folder.path()) == "mk off off\n").then_some(()));
    assert_eq!(stopping.end().code, Some(1));
}
