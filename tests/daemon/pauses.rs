//! The daemon and those who answer: pauses of a file, questions of a printer, its console.

use crate::world::{Lab, gcode, until};

/// The facts of one kind, in order.
fn facts(daemon: &crate::world::Daemon, kind: &str) -> Vec<serde_json::Value> {
    daemon
        .events()
        .into_iter()
        .map(|event| event["fact"].clone())
        .filter(|fact| fact["type"] == kind)
        .collect()
}

#[test]
fn a_pause_of_the_file_is_shown_with_its_words_and_ended_by_a_named_person() {
    let lab = Lab::one_with("park_x = 5\npark_y = 190");
    let daemon = lab.serve();
    let half = gcode(40);
    let file = lab.file("nut.gcode", &format!("{half}M0 Insert the nut\n{half}"));
    let job = daemon.print(&file, &daemon.case(), "mk");
    let paused = daemon.wait_job(&job, "paused");
    assert!(paused["paused"].as_str().unwrap().contains("the file asks for a pause"), "{paused}");
    let told = daemon.platen(&["printers", "mk"]);
    assert!(told.out.contains("says: Insert the nut"), "{told:?}");
    daemon.ask(&["jobs", "--resume", &job, "--by", "kim"]);
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    assert_eq!(facts(&daemon, "job_paused")[0]["reason"]["kind"], "file");
    assert_eq!(facts(&daemon, "job_resumed")[0]["by"], "kim");
}

#[test]
fn a_change_of_filament_is_answered_from_the_command_line_and_the_journal_knows_by_whom() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let half = gcode(40);
    let file = lab.file("two.gcode", &format!("{half}M600\n{half}"));
    let job = daemon.print(&file, &daemon.case(), "mk");
    for (asked, button) in [("Nozzle Parked", "0"), ("Paused", "1")] {
        until("the question", || {
            let told = daemon.platen(&["printers", "mk"]);
            told.out.contains(&format!("asks     {asked}\n")).then_some(())
        });
        daemon.ask(&["printers", "answer", "mk", "--button", button, "--asked", asked, "--by", "lee"]);
    }
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    let answers = facts(&daemon, "prompt_answered");
    let labels: Vec<_> = answers.iter().map(|fact| (fact["by"].as_str(), fact["label"].as_str())).collect();
    assert_eq!(labels, [(Some("lee"), Some("Continue")); 2]);
    assert_eq!(facts(&daemon, "job_paused")[0]["reason"]["kind"], "printer");
}

#[test]
fn a_console_command_is_answered_by_the_printer_and_noted_before_it_is_sent() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let told = daemon.platen(&["printers", "send", "mk", "M119", "--by", "kim"]);
    assert!(told.code == Some(0) && told.out.contains("x_min: open"), "{told:?}");
    let refused = daemon.platen(&["printers", "send", "mk", "M500", "--by", "kim"]);
    assert!(refused.code == Some(1) && refused.err.contains("changes the settings"), "{refused:?}");
    let noted: Vec<_> = facts(&daemon, "console_used");
    assert_eq!(
        (noted.len(), noted[0]["by"].as_str(), noted[0]["command"].as_str()),
        (1, Some("kim"), Some("M119"))
    );
}
