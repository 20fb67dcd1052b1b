//! Kill -9 of the daemon in mid-print on a board that lives on: it goes on exactly, holds, or is interrupted.
//!
//! `PLATEN_KILLS=200 cargo test --release --test daemon restart -- --nocapture` by hand; a few in CI.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hw_sim::canonical::{Canonical, canonical};
use hw_sim::pty::Handle;
use hw_sim::quirks::Face;
use hw_sim::random::Random;
use serde_json::Value;

use crate::relays::{note, noted, relay};
use crate::world::{Daemon, Lab, executed, gcode, printer, until, wait_commands};

fn kills(few: usize) -> usize {
    std::env::var("PLATEN_KILLS").map_or(few, |n| n.parse().unwrap())
}

fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(folder.path(), "mk", Face::Marlin21, 4.0);
    Lab::new(folder, vec![printer], "")
}

/// A command in its one spelling.
pub(crate) fn spelled(command: &str) -> String {
    match canonical(command.as_bytes()) {
        Canonical::Print(text) => String::from_utf8_lossy(&text).into_owned(),
        Canonical::Housekeeping | Canonical::Nothing => command.to_owned(),
    }
}

/// The commands of the file among what was executed, without what every host asks for.
pub(crate) fn of_the_file(lines: &[String]) -> Vec<&str> {
    let asked = ["M85", "M105", "M110", "M114", "M115", "M155", "M400"];
    let ours = |line: &&str| !asked.iter().any(|code| line.starts_with(code));
    lines.iter().map(String::as_str).filter(ours).collect()
}

fn crash_somewhere(lab: &Lab, daemon: Daemon, random: &mut Random) {
    let before = lab.printers[0].statistics().unwrap().commands;
    wait_commands(&lab.printers[0], before + 1 + random.below(150));
    daemon.crash();
}

#[test]
fn a_daemon_killed_again_and_again_in_mid_print_goes_on_with_the_very_next_line() {
    let kills = kills(5);
    let lab = lab();
    let moves = 100 * u32::try_from(kills).unwrap() + 1_500;
    let text = gcode(moves);
    let file = lab.file("long.gcode", &text);
    let mut random = Random::fork(20_261_126, "goes on");
    let mut daemon = lab.serve();
    let case = daemon.case_for("education");
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    let mut gaps = Vec::new();
    for kill in 1..=kills {
        crash_somewhere(&lab, daemon, &mut random);
        daemon = lab.serve();
        let continued = until("the job to go on", || {
            let events = daemon.job(&job);
            assert_ne!(events["state"], "interrupted", "kill {kill}: {events}");
            let log = daemon.process.err();
            log.contains("continued after platen ended").then_some(events)
        });
        assert_eq!(continued["state"], "printing", "kill {kill}: {continued}");
        let places = until("the mark", || {
            let places = daemon.job(&job)["continued"].as_array().cloned().unwrap_or_default();
            (places.len() == kill.min(12)).then_some(places)
        });
        gaps.push(places.last().unwrap()["gap_ms"].as_u64().unwrap());
    }
    let shown = daemon.platen(&["jobs", &job]);
    assert!(shown.out.contains("look     at layer"), "{shown:?}");
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], Value::Bool(true), "{printed}");
    let events = daemon.events();
    let noted = events.iter().filter(|event| event["fact"]["type"] == "job_continued").count();
    assert_eq!(noted, kills);
    crate::crash::assert_gapless(&events);
    drop(daemon);
    gaps.sort_unstable();
    println!(
        "{kills} kills, {noted} continued; gap: median {} ms, longest {} ms",
        gaps[kills / 2],
        gaps[kills - 1]
    );
    assert!(gaps[kills / 2] < 2_000, "{gaps:?}");
    let Lab { mut printers, folder, .. } = lab;
    assert_executed(printers.remove(0), &text);
    drop(folder);
}

/// The board has executed the file, each line once and in order, and nothing of it more.
pub fn assert_executed(board: Handle, text: &str) {
    let (_, lines) = executed(board);
    assert_lines(&lines, text);
}

/// The same of lines that were executed.
pub fn assert_lines(lines: &[String], text: &str) {
    let wanted: Vec<_> = text.lines().filter(|line| !line.starts_with(';')).map(spelled).collect();
    let found: Vec<_> = of_the_file(lines).into_iter().map(spelled).collect();
    // Before the job the greeting switches off what is not known to be off.
    let from = found.iter().position(|line| *line == wanted[0]).unwrap();
    let first_other = found[from..].iter().zip(&wanted).position(|(found, wanted)| found != wanted);
    let other = first_other.map(|at| (at, &found[from + at], &wanted[at]));
    assert_eq!((other, found.len() - from >= wanted.len()), (None, true), "not exactly the file");
    let behind = &found[from + wanted.len()..];
    assert!(behind.iter().all(|line| ["M104 S0", "M140 S0"].contains(&line.as_str())), "{behind:?}");
}

#[test]
fn a_guide_is_held_without_a_line_until_a_person_says_so() {
    let lab = lab();
    let kills = kills(3);
    let file = lab.file("long.gcode", &gcode(100 * u32::try_from(kills).unwrap() + 2_500));
    let mut random = Random::fork(20_261_126, "asks");
    let mut daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    for kill in 0..kills {
        crash_somewhere(&lab, daemon, &mut random);
        daemon = lab.serve();
        let held = daemon.wait_job(&job, "paused");
        assert!(held["paused"].as_str().unwrap().contains("platen has started anew"), "kill {kill}: {held}");
        let still = crate::crash::stands_still(&lab.printers[0]).commands;
        // A look around without any reason, twice over.
        until("three seconds", || {
            daemon.get("/healthz")["uptime_ms"].as_u64().filter(|millis| *millis > 3_000)
        });
        assert_eq!(lab.printers[0].statistics().unwrap().commands, still, "kill {kill}: a line was sent");
        daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
        daemon.wait_job(&job, "printing");
    }
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], Value::Bool(true), "{printed}");
}

#[test]
fn a_board_that_was_reset_meanwhile_is_interrupted_and_its_heaters_are_off() {
    let lab = lab();
    let file = lab.file("long.gcode", &gcode(20_000));
    let mut random = Random::fork(20_261_126, "reset");
    let mut daemon = lab.serve();
    let case = daemon.case_for("education");
    for kill in 0..kills(2).min(50) {
        let job = daemon.print(&file, &case, "mk");
        daemon.wait_job(&job, "printing");
        crash_somewhere(&lab, daemon, &mut random);
        lab.printers[0].press_reset().unwrap();
        daemon = lab.serve();
        let ended = daemon.wait_job(&job, "interrupted");
        assert!(ended["continued"].is_null(), "kill {kill}: {ended}");
        daemon.wait_printer("mk", "ready");
        until("cold heaters", || {
            let now = daemon.printer("mk");
            let target = |heater: &str| now["temperatures"][heater]["target"].as_f64();
            (target("hotend") == Some(0.0) && target("bed") == Some(0.0)).then_some(())
        });
        daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    }
}

/// A daemon that died while a board heats up for its job: that takes minutes, and only behind it the board answers.
fn died_in_a_heat_up(more: impl Fn(&Path) -> String) -> (Lab, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = more(folder.path());
    let board = printer(folder.path(), "mk", Face::Marlin21, 1.0);
    let lab = Lab::new(folder, vec![board], &config);
    let file = lab.file("hot.gcode", "G28\nG90\nM140 S60\nM109 S210\nG1 X10 F600\n");
    let daemon = lab.serve();
    let case = daemon.case_for("education");
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    until("a heat-up", || (targets(&lab)[0] == 210.0).then_some(()));
    daemon.crash();
    (lab, job)
}

fn targets(lab: &Lab) -> [f64; 2] {
    lab.printers[0].statistics().unwrap().targets
}

/// Ends the daemon that has come after that, and looks whether the heaters are off.
fn assert_ends_cold(lab: &Lab, daemon: Daemon) {
    assert_eq!(targets(lab), [210.0, 60.0]);
    let told = daemon.terminate();
    assert_eq!((told.code, targets(lab)), (Some(0), [0.0, 0.0]), "{told:?}");
}

#[test]
fn a_daemon_that_ends_while_it_looks_for_a_job_leaves_no_heater_on() {
    let (lab, job) = died_in_a_heat_up(|_| String::new());
    let daemon = lab.serve();
    daemon.wait_printer("mk", "connecting");
    assert_ends_cold(&lab, daemon);
    let ended = lab.serve().wait_job(&job, "interrupted");
    assert!(ended["why"].as_str().unwrap().contains("platen ended"), "{ended}");
}

#[test]
fn a_daemon_that_ends_while_it_greets_the_board_of_a_job_that_does_not_go_on_leaves_no_heater_on() {
    let (lab, job) = died_in_a_heat_up(|_| String::new());
    let files = fs::read_dir(lab.state().join("files")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file()).collect();
    let [spooled] = &files[..] else { panic!("{files:?}") };
    fs::set_permissions(spooled, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(spooled, "G28\n").unwrap();
    let daemon = lab.serve();
    daemon.wait_job(&job, "interrupted");
    assert_ends_cold(&lab, daemon);
}

#[test]
fn a_daemon_that_ends_while_a_hot_board_has_not_answered_takes_its_power() {
    let (lab, job) = died_in_a_heat_up(|folder| {
        format!("{}\n[restart]\ncontinue = []\nask = []\n", relay(folder, &note(folder)))
    });
    let daemon = lab.serve();
    daemon.wait_job(&job, "interrupted");
    until("a target", || {
        daemon.printer("mk")["temperatures"]["hotend"]["target"].as_f64().filter(|target| *target > 0.0)
    });
    let told = daemon.terminate();
    assert_eq!((told.code, noted(lab.folder.path()).as_str()), (Some(1), "mk off off\n"), "{told:?}");
    assert!(told.err.contains("it says that it heats"), "{told:?}");
    assert!(told.err.contains("nobody knows that the heaters of mk are off"), "{told:?}");
}

#[test]
fn a_daemon_that_ends_beside_a_wait_for_heat_that_nothing_breaks_off_says_so_and_takes_its_power() {
    let folder = tempfile::tempdir().unwrap();
    let more = relay(folder.path(), &note(folder.path()));
    let mut board = printer(folder.path(), "mk", Face::Marlin20, 1.0);
    (board.rig.firmware.critical_at_read, board.rig.firmware.emergency_parser) = (false, false);
    let lab = Lab::new(folder, vec![board], &more);
    let file = lab.file("hot.gcode", "G28\nG90\nM140 S60\nM109 S210\nG1 X10 F600\n");
    let daemon = lab.serve();
    let job = daemon.print(&file, &daemon.case_for("education"), "mk");
    daemon.wait_job(&job, "printing");
    until("a heat-up", || (targets(&lab)[0] == 210.0).then_some(()));
    let told = daemon.terminate();
    assert_eq!((told.code, noted(lab.folder.path()).as_str()), (Some(1), "mk off off\n"), "{told:?}");
    assert!(told.err.contains("mk") && told.err.contains("it may be hot"), "{told:?}");
    assert!(told.err.contains("nobody knows that the heaters of mk are off"), "{told:?}");
    // Nobody has stopped it.
    assert!(!told.err.contains("the stop was not confirmed"), "{told:?}");
}
