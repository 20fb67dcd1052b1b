//! A hub with eight printers in mid-print goes away and comes back, under other names of the kernel.

use hw_sim::quirks::Face;
use serde_json::Value;

use crate::restart::assert_lines;
use crate::world::{Lab, executed, gcode, printer, until, wait_commands};

/// How a board takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Board {
    /// It has a power supply of its own.
    Lives,
    /// It had its power from the hub.
    LosesPower,
    /// It restarts when its port is opened.
    RestartsOnOpen,
}

#[test]
fn a_hub_that_goes_and_comes_back_with_eight_printers_ends_each_job_as_its_board_has_it() {
    use Board::{Lives, LosesPower, RestartsOnOpen};
    let boards = [Lives, Lives, LosesPower, RestartsOnOpen, Lives, LosesPower, RestartsOnOpen, Lives];
    let folder = tempfile::tempdir().unwrap();
    let configs = boards.iter().enumerate().map(|(number, board)| {
        let face = [Face::Marlin21, Face::Marlin20][number % 2];
        let mut config = printer(folder.path(), &format!("mk{number}"), face, 4.0);
        config.rig.firmware.reset_on_open = *board == RestartsOnOpen;
        // What tells it from the others, whatever its port is called.
        config.rig.firmware.uuid = format!("6f1e0c52-{number:04}-4000-8000-5a4c0f9e0001");
        config
    });
    let configs = configs.collect();
    let mut lab = Lab::new(folder, configs, "");
    let daemon = lab.serve();
    let text = gcode(1_500);
    let file = lab.file("long.gcode", &text);
    let case = daemon.case_for("education");
    let jobs: Vec<_> = lab.printers.iter().map(|one| daemon.print(&file, &case, one.name())).collect();
    for (handle, job) in lab.printers.iter().zip(&jobs) {
        daemon.wait_job(job, "printing");
        wait_commands(handle, 120);
    }
    for handle in &lab.printers {
        handle.unplug().unwrap();
    }
    for handle in &lab.printers {
        daemon.wait_printer(handle.name(), "offline");
    }
    for job in &jobs {
        assert_eq!(daemon.job(job)["state"], "printing", "it is looked for");
    }
    for (handle, board) in lab.printers.iter_mut().zip(boards) {
        if board == LosesPower {
            handle.press_reset().unwrap();
        }
        // A new tty; the configured name leads there now.
        handle.plug_in().unwrap();
    }
    for (job, board) in jobs.iter().zip(boards) {
        if board != Lives {
            let ended = daemon.wait_job(job, "interrupted");
            assert!(ended["continued"].is_null(), "{board:?}: {ended}");
            continue;
        }
        let printed = daemon.wait_job(job, "printed");
        assert_eq!(printed["exact"], Value::Bool(true), "{printed}");
        assert_eq!(printed["continued"].as_array().unwrap().len(), 1, "{printed}");
    }
    for (handle, board) in lab.printers.iter().zip(boards) {
        let off = || (handle.statistics().unwrap().targets == [0.0, 0.0]).then_some(());
        until(&format!("cold heaters of a board that {board:?}"), off);
    }
    assert!(daemon.process.err().contains("continued after its port was gone"));
    drop(daemon);
    let Lab { printers, folder, .. } = lab;
    for (handle, board) in printers.into_iter().zip(boards) {
        if board == Lives {
            let (_, lines) = executed(handle);
            assert_lines(&lines, &text);
        }
    }
    drop(folder);
}

#[test]
fn a_job_whose_cable_is_out_can_be_cancelled_and_its_board_hears_of_it_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 4.0);
    let mut lab = Lab::new(folder, vec![board], "");
    let daemon = lab.serve();
    let file = lab.file("long.gcode", &gcode(20_000));
    let case = daemon.case_for("education");
    let job = daemon.print(&file, &case, "mk");
    wait_commands(&lab.printers[0], 120);
    lab.printers[0].unplug().unwrap();
    daemon.wait_printer("mk", "offline");
    assert_eq!(daemon.job(&job)["state"], "printing", "it is looked for");
    let other = daemon.platen(&["jobs", "--pause", &job, "--by", "kim"]);
    assert_eq!(other.code, Some(1), "{other:?}");
    daemon.ask(&["jobs", "--cancel", &job, "--by", "kim"]);
    let ended = daemon.job(&job);
    assert_eq!(ended["state"], "cancelled", "at once: {ended}");
    assert_ne!(lab.printers[0].statistics().unwrap().targets, [0.0, 0.0]);
    lab.printers[0].plug_in().unwrap();
    daemon.wait_printer("mk", "ready");
    until("cold heaters", || (lab.printers[0].statistics().unwrap().targets == [0.0, 0.0]).then_some(()));
    assert_eq!(daemon.job(&job)["state"], "cancelled");
}

#[test]
fn a_guide_whose_cable_was_pulled_is_held_and_another_board_in_its_place_gets_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let configs = ["mk", "other"].map(|name| {
        let mut config = printer(folder.path(), name, Face::Marlin21, 4.0);
        let number = name.len();
        config.rig.firmware.uuid = format!("6f1e0c52-{number:04}-4000-8000-5a4c0f9e0001");
        config
    });
    let mut lab = Lab::new(folder, configs.into(), "");
    let text = std::fs::read_to_string(&lab.config).unwrap();
    let (own, other) = text.split_once("[[printer]]\nname = \"other\"").unwrap();
    assert!(!other.is_empty());
    // Only the first is configured; the second is a stranger.
    std::fs::write(&lab.config, own).unwrap();
    let daemon = lab.serve();
    let case = daemon.case();
    let file = lab.file("long.gcode", &gcode(20_000));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 120);
    lab.printers[0].unplug().unwrap();
    daemon.wait_printer("mk", "offline");
    lab.printers[0].plug_in().unwrap();
    daemon.wait_job(&job, "paused");
    daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
    daemon.wait_job(&job, "printing");
    let commands = lab.printers[0].statistics().unwrap().commands;
    wait_commands(&lab.printers[0], commands + 50);
    lab.printers[0].unplug().unwrap();
    daemon.wait_printer("mk", "offline");
    std::os::unix::fs::symlink(lab.printers[1].path(), lab.folder.path().join("mk")).unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    assert!(ended["why"].as_str().unwrap().contains("could not go on"), "{ended}");
    daemon.wait_printer("mk", "quarantined");
    assert_eq!(lab.printers[1].statistics().unwrap().totals.moves_planned, 0);
}
