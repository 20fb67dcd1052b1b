//! Emergency stop and firmware faults: the printer is locked until a person says so, also over a restart.

use hw_sim::faults::Fault;
use hw_sim::quirks::Face;
use serde_json::Value;

use crate::world::{Daemon, Lab, gcode, printer, until, wait_commands};

/// A lab whose printer is in mid-print.
fn printing(face: Face) -> (Lab, Daemon, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = printer(folder.path(), "mk", face, 20.0);
    let lab = Lab::new(folder, vec![config], "");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 100);
    (lab, daemon, job)
}

fn locked(daemon: &Daemon, state: &str, kind: &str) -> Value {
    until(&format!("a printer that is locked as {state}"), || {
        let printer = daemon.printer("mk");
        (printer["state"] == state && printer["latch"]["kind"] == kind).then_some(printer)
    })
}

#[test]
fn a_stop_in_mid_print_kills_the_firmware_and_locks_the_printer_until_it_is_cleared() {
    // With an emergency parser, and without.
    for face in [Face::Marlin21, Face::Marlin20] {
        let (lab, daemon, job) = printing(face);
        let stopped = daemon.ask(&["stop", "mk", "--by", "kim"]);
        assert_eq!((&stopped[0]["printer"], &stopped[0]["on_wire"]), (&"mk".into(), &true.into()));
        let killed = until("a firmware that has halted", || {
            Some(lab.printers[0].statistics().unwrap()).filter(|statistics| statistics.totals.kills > 0)
        });
        assert!(killed.commands < 20_000, "{killed:?}");
        let interrupted = daemon.wait_job(&job, "interrupted");
        assert_eq!(interrupted["why"], "emergency stop", "{interrupted}");
        let printer = locked(&daemon, "stopped", "stopped");
        assert!(printer["latch"]["why"].as_str().unwrap().contains("kim"), "{printer}");
        let shown = daemon.platen(&["printers", "mk"]);
        assert!(shown.out.contains("platen stop --clear mk --by NAME"), "{shown:?}");
        let told = daemon.platen(&["stop", "--clear", "mk"]);
        assert_eq!(told.code, Some(2), "who clears must be said: {told:?}");
        daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);

        daemon.crash();
        let daemon = lab.serve();
        locked(&daemon, "stopped", "stopped");
        assert!(daemon.platen(&["audit"]).code == Some(0));
        // The bed is clear, a job waits, and still nothing goes to a locked printer.
        let next = daemon.print(&lab.file("long.gcode", &gcode(20_000)), &daemon.case(), "mk");
        assert_eq!(daemon.job(&next)["state"], "queued");
        let quiet = lab.printers[0].statistics().unwrap();
        assert_eq!(quiet.commands, killed.commands, "nothing was executed after the stop");
        locked(&daemon, "stopped", "stopped");

        lab.printers[0].press_reset().unwrap();
        daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
        let waiting = until("a printer that prints again", || {
            Some(daemon.printer("mk")).filter(|printer| printer["state"] == "printing")
        });
        assert!(waiting["latch"].is_null(), "{waiting}");
        assert_eq!(daemon.job(&job)["state"], "interrupted");
    }
}

#[test]
fn a_stopped_printer_is_ready_again_when_it_was_reset_and_cleared_without_a_restart() {
    for face in [Face::Marlin21, Face::Marlin20] {
        let (lab, daemon, job) = printing(face);
        daemon.ask(&["stop", "mk", "--by", "kim"]);
        daemon.wait_job(&job, "interrupted");
        locked(&daemon, "stopped", "stopped");
        lab.printers[0].press_reset().unwrap();
        daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
        daemon.wait_printer("mk", "ready");
        assert!(daemon.printer("mk")["latch"].is_null());
    }
}

#[test]
fn a_printer_that_is_locked_and_whose_port_is_closed_is_stopped_again_through_its_port() {
    let (lab, daemon, _) = printing(Face::Marlin21);
    daemon.ask(&["stop", "mk", "--by", "kim"]);
    until("a confirmed stop", || daemon.printer("mk")["latch"]["confirmed"].is_string().then_some(()));
    daemon.crash();
    let daemon = lab.serve();
    locked(&daemon, "stopped", "stopped");
    // Somebody presses the reset button, and the board may do as it likes again.
    let kills = lab.printers[0].statistics().unwrap().totals.kills;
    lab.printers[0].press_reset().unwrap();
    let stopped = daemon.ask(&["stop", "mk", "--by", "ann"]);
    assert_eq!(stopped[0]["on_wire"], true);
    until("a firmware that has halted once more", || {
        (lab.printers[0].statistics().unwrap().totals.kills > kills).then_some(())
    });
    locked(&daemon, "stopped", "stopped");
}

/// Waits until the printer is told as deaf, and then sees that told as long as it is greeted in vain.
fn stays_deaf(daemon: &Daemon) {
    let looks = |printer: &Value| printer["words"].as_str().unwrap().contains("reset button");
    until("the advice to reset it", || looks(&daemon.printer("mk")).then_some(()));
    let mut greetings = 0;
    let mut was_greeted = true;
    until("two more greetings", || {
        let printer = daemon.printer("mk");
        assert!(looks(&printer) && printer["state"] == "offline", "{printer}");
        let is_greeted = printer["line"]["bytes_sent"].as_u64().unwrap() > 0;
        greetings += u32::from(is_greeted && !was_greeted);
        was_greeted = is_greeted;
        (greetings == 2).then_some(())
    });
}

#[test]
fn a_printer_that_was_cleared_but_not_reset_is_told_as_deaf() {
    let (lab, daemon, _) = printing(Face::Marlin21);
    daemon.ask(&["stop", "mk", "--by", "kim"]);
    until("a confirmed stop", || daemon.printer("mk")["latch"]["confirmed"].is_string().then_some(()));
    daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
    stays_deaf(&daemon);
    lab.printers[0].press_reset().unwrap();
    daemon.wait_printer("mk", "ready");
}

#[test]
fn a_printer_that_was_locked_by_an_earlier_daemon_and_not_reset_is_told_as_deaf() {
    let (lab, daemon, _) = printing(Face::Marlin21);
    daemon.ask(&["stop", "mk", "--by", "kim"]);
    until("a confirmed stop", || daemon.printer("mk")["latch"]["confirmed"].is_string().then_some(()));
    daemon.crash();
    let daemon = lab.serve();
    locked(&daemon, "stopped", "stopped");
    daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
    stays_deaf(&daemon);
}

#[test]
fn the_temperatures_of_a_halted_printer_are_shown_with_their_age_and_not_as_those_of_now() {
    let (lab, daemon, _) = printing(Face::Marlin21);
    let now = daemon.printer("mk")["temperatures"].clone();
    assert!(now["old"] == false && now["hotend"]["actual"].is_number(), "{now}");
    assert!(!daemon.page().contains("what they are now is not known"));
    daemon.ask(&["stop", "mk", "--by", "kim"]);
    locked(&daemon, "stopped", "stopped");
    let told = until("temperatures that are told as old", || {
        let told = daemon.printer("mk")["temperatures"].clone();
        (told["old"] == true).then_some(told)
    });
    assert!(told["age_ms"].as_u64().unwrap() > 5_000, "{told}");
    let one = daemon.platen(&["printers", "mk"]).out;
    let hotend = one.lines().find(|line| line.contains("hotend ")).unwrap();
    assert!(hotend.contains(" °C, ") && hotend.ends_with(" s ago"), "{one}");
    assert!(daemon.platen(&["printers"]).out.contains(" s ago"));
    assert!(daemon.page().contains("what they are now is not known"));
    drop(lab);
}

#[test]
fn a_stop_without_a_name_reaches_every_printer() {
    let folder = tempfile::tempdir().unwrap();
    let printers = ["a", "b", "c"].map(|name| printer(folder.path(), name, Face::Marlin21, 20.0));
    let lab = Lab::new(folder, printers.into(), "");
    let daemon = lab.serve();
    for handle in &lab.printers {
        daemon.wait_printer(handle.name(), "ready");
    }
    let told = daemon.platen(&["stop"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for handle in &lab.printers {
        assert!(told.out.contains(&format!("{}: stop sent", handle.name())), "{told:?}");
        until("a firmware that has halted", || (handle.statistics().unwrap().totals.kills > 0).then_some(()));
    }
}

#[test]
fn a_stop_that_cannot_be_sent_is_a_failure_and_locks_the_printer_all_the_same() {
    let lab = Lab::one();
    lab.printers[0].unplug().unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "offline");
    let told = daemon.platen(&["stop", "mk"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("switch off by hand"), "{told:?}");
    locked(&daemon, "stopped", "stopped");
}

#[test]
fn a_firmware_that_halts_in_mid_print_locks_the_printer_until_it_is_cleared() {
    let (lab, daemon, job) = printing(Face::Marlin21);
    lab.printers[0].inject(Fault::Kill).unwrap();
    let interrupted = daemon.wait_job(&job, "interrupted");
    assert!(interrupted["why"].as_str().unwrap().contains("halted"), "{interrupted}");
    locked(&daemon, "faulted", "fault");
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    let daemon = lab.serve();
    locked(&daemon, "faulted", "fault");
    lab.printers[0].press_reset().unwrap();
    daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
    let ready = daemon.wait_printer("mk", "ready");
    assert_eq!(ready["on_bed"], job.as_str());
}

#[test]
fn a_printer_that_restarts_in_mid_print_has_its_job_interrupted() {
    for face in [Face::Marlin21, Face::Marlin11] {
        let (lab, daemon, job) = printing(face);
        lab.printers[0].press_reset().unwrap();
        let interrupted = daemon.wait_job(&job, "interrupted");
        assert!(interrupted["why"].as_str().unwrap().contains("started anew"), "{interrupted}");
        let ready = daemon.wait_printer("mk", "ready");
        assert_eq!(ready["on_bed"], job.as_str());
    }
}

#[test]
fn heat_from_the_console_is_switched_off_when_the_daemon_ends() {
    let folder = tempfile::tempdir().unwrap();
    let config = printer(folder.path(), "mk", Face::Marlin21, 1.0);
    let lab = Lab::new(folder, vec![config], "console = \"service\"\n");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    daemon.ask(&["printers", "send", "mk", "M104 S150", "--by", "kim"]);
    assert_eq!(daemon.terminate().code, Some(0));
    let mut lab = lab;
    let (_, executed) = crate::world::executed(lab.printers.remove(0));
    assert_eq!(executed.iter().rfind(|line| line.starts_with("M104")).map(String::as_str), Some("M104 S0"));
}
