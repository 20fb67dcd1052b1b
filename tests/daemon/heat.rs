//! Our own watch of heat with the real binary on a tty: boards without any protection of their own.

use hw_sim::faults::Fault;
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::quirks::Face;
use serde_json::Value;

use crate::world::{Daemon, Lab, printer, until, wait_commands};

/// The simulator's clock and the watch over heat both run so many times faster than ours.
const SPEED: u32 = 20;

fn text() -> String {
    let mut text = String::from("M140 S60\nM104 S205\nM190 S60\nM109 S205\nG28\nG90\n");
    for i in 0..20_000 {
        text.push_str(&format!("G1 X{} Y{} F1200\n", 10 + i % 90, 10 + (i / 3) % 50));
    }
    text
}

/// A lab whose printer has begun to print.
fn begun(text: &str, commands: u64) -> (Lab, Daemon, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = printer(folder.path(), "mk", Face::Marlin21, f64::from(SPEED));
    for heater in [&mut config.rig.firmware.hotend, &mut config.rig.firmware.bed] {
        heater.protected = false;
    }
    // The gate would not let a file through that is too hot.
    let allowed = "allow_findings = [\"extrusion.none\", \"heat.left_on\", \"heat.printer\"]\n";
    let lab = Lab::new(folder, vec![config], &format!("hotend_max = 220\n{allowed}"));
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("hot.gcode", text));
    let job = daemon.print(&file, &case, "mk");
    wait_commands(&lab.printers[0], commands);
    (lab, daemon, job)
}

fn break_hotend(lab: &Lab, fault: HeaterFault) {
    lab.printers[0].inject(Fault::Heater { heater: HeaterId::Hotend, fault }).unwrap();
}

/// The printer is locked for this, the job is interrupted, and nothing is heated any more.
fn ends_locked(lab: &Lab, daemon: &Daemon, job: &str, hazards: &[&str]) {
    let locked: Value =
        until("a lock", || Some(daemon.printer("mk")).filter(|printer| printer["latch"]["kind"] == "fault"));
    daemon.wait_job(job, "interrupted");
    let alarms: Vec<String> = daemon
        .events()
        .iter()
        .filter(|event| event["fact"]["type"] == "heat_alarm")
        .map(|event| event["fact"]["alarm"]["hazard"].as_str().unwrap().to_owned())
        .collect();
    assert!(alarms.iter().any(|alarm| hazards.contains(&alarm.as_str())), "{alarms:?} {locked}");
    until("cold targets", || {
        let told = lab.printers[0].statistics().unwrap();
        (told.targets == [0.0, 0.0]).then_some(())
    });
}

#[test]
fn a_heater_above_the_maximum_locks_an_unprotected_printer() {
    let (lab, daemon, job) = begun(&text(), 50);
    break_hotend(&lab, HeaterFault::StuckOn);
    ends_locked(&lab, &daemon, &job, &["overheated", "left_target", "heat_unasked"]);
}

#[test]
fn a_heater_that_does_not_get_warm_locks_an_unprotected_printer() {
    let (lab, daemon, job) = begun(&text(), 2);
    break_hotend(&lab, HeaterFault::Dead);
    ends_locked(&lab, &daemon, &job, &["rise_too_slow", "sensor_stuck"]);
}

#[test]
fn a_shorted_sensor_locks_an_unprotected_printer() {
    let (lab, daemon, job) = begun(&text(), 50);
    break_hotend(&lab, HeaterFault::SensorShort);
    ends_locked(&lab, &daemon, &job, &["sensor_broken", "overheated"]);
}

#[test]
fn a_sensor_that_slips_out_locks_an_unprotected_printer() {
    let (lab, daemon, job) = begun(&text(), 50);
    break_hotend(&lab, HeaterFault::SensorFallen);
    ends_locked(&lab, &daemon, &job, &["sudden_drop", "left_target"]);
}

#[test]
fn a_line_that_is_too_hot_for_its_printer_never_reaches_it() {
    let (lab, daemon, job) = begun("G28\nG90\nM104 S240\nG1 X10 Y10 F3000\n", 1);
    ends_locked(&lab, &daemon, &job, &["target_too_high"]);
    let mut lab = lab;
    let (_, executed) = crate::world::executed(lab.printers.remove(0));
    assert!(!executed.iter().any(|line| line == "M104 S240"), "{executed:?}");
}
