//! What odd prints on simulated printers leave behind: doubts, which an inspection has to look at.

use serde_json::Value;

use crate::world::{Lab, gcode, until, wait_commands};

#[test]
fn a_print_that_was_paused_is_suspect_until_an_inspection_has_looked_at_that() {
    let lab = Lab::one();
    let file = lab.file("part.gcode", &gcode(600));
    let daemon = lab.serve();
    let case = daemon.case();
    let serial = format!("{case}-1-1");
    let job = daemon.print(&file, &case, "mk");
    wait_commands(&lab.printers[0], 60);
    daemon.ask(&["jobs", "--pause", &job, "--by", "kim"]);
    daemon.wait_job(&job, "paused");
    daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
    daemon.wait_job(&job, "printed");
    let part = daemon.ask(&["parts", &serial]);
    assert_eq!(
        (&part["state"], &part["doubts"][0]["doubt"]),
        (&"suspect".into(), &"paused".into()),
        "{part}"
    );

    daemon.ask(&["parts", "send", &serial, "--by", "oli"]);
    daemon.ask(&[
        "inspect",
        "template",
        "look",
        "--method",
        "visual",
        "--item",
        "whole yes 1 1 1 fail",
        "--by",
        "pat",
    ]);
    let inspect = |more: &[&str]| {
        let args = ["inspect", "part", &serial, "--template", "look", "--value", "1", "--by", "ina"];
        daemon.ask(&[&args[..], more].concat())["id"].as_str().unwrap().to_owned()
    };
    let blind = inspect(&[]);
    let refused = daemon.platen(&["parts", "accept", &serial, "--inspection", &blind, "--by", "ina"]);
    assert!(refused.code == Some(1) && refused.err.contains("since it was paused"), "{refused:?}");
    let looked = inspect(&["--looked-at", "paused"]);
    let accepted = daemon.ask(&["parts", "accept", &serial, "--inspection", &looked, "--by", "ina"]);
    assert_eq!(accepted["state"], "accepted");
}

#[test]
fn a_print_that_was_torn_off_is_interrupted_and_fails_when_it_is_taken_off() {
    let lab = Lab::one();
    let file = lab.file("part.gcode", &gcode(2_000));
    let daemon = lab.serve();
    let case = daemon.case();
    let serial = format!("{case}-1-1");
    let job = daemon.print(&file, &case, "mk");
    wait_commands(&lab.printers[0], 60);
    lab.printers[0].press_reset().unwrap();
    daemon.wait_job(&job, "interrupted");
    let part = daemon.ask(&["parts", &serial]);
    let state = |part: &Value| (part["state"].clone(), part["doubts"][0]["doubt"].clone());
    assert_eq!(state(&part), ("interrupted".into(), "interrupted".into()), "{part}");
    let early = daemon.platen(&["parts", "send", &serial, "--by", "oli"]);
    assert!(
        early.err.contains("is interrupted, so it cannot be sent to inspection; go on with it"),
        "{early:?}"
    );
    until("a bed that can be cleared", || {
        (daemon.platen(&["printers", "clear", "mk", "--by", "oli"]).code == Some(0)).then_some(())
    });
    let part = daemon.ask(&["parts", &serial]);
    assert_eq!(part["state"], "failed", "{part}");
    let scrapped = daemon.ask(&["parts", "scrap", &serial, "--why", "torn off", "--by", "pat"]);
    assert_eq!(scrapped["state"], "scrapped");
}
