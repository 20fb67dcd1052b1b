//! The gate before jobs: refused with words, started only where the file fits, accepted by name, asked again later.

use hw_sim::quirks::Face;
use platen::domain::ids::{BootId, JobId};
use platen::io::clock::{Clock, entropy};
use platen::io::spool::Spool;
use platen::io::store::sled::SledStore;
use platen::services::intake::Intake;
use platen::services::recorder::Recorder;
use serde_json::Value;
use std::sync::Arc;

use crate::world::{Daemon, Lab, printer, queued, until};

/// As slicers write it: heated, homed, and 8 mm of filament from X 80 to X 120.
const HONEST: &str = "G21\nG90\nM83\nM104 S205\nG28\nM109 S205\nG1 X80 Y40 Z.2 F6000\nG1 X120 E2 F1800\n\
                      G1 Y60 E2\nG1 X80 E2\nG1 Y40 E2\nM104 S0\n";

/// A printer with nothing that it allows beyond what every printer does.
const STRICT: &str = "allow_findings = []\n";
const SMALL: &str = "build_x = [0, 100]\nbuild_y = [0, 100]\n";
const LARGE: &str = "build_x = [0, 200]\nbuild_y = [0, 200]\n";

/// These printers, in this order, each with its own lines.
fn lab(sections: &[(&str, &str)]) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let printers =
        sections.iter().map(|(name, _)| printer(folder.path(), name, Face::Marlin21, 100.0)).collect();
    let lab = Lab::new(folder, printers, STRICT);
    configure(&lab, sections);
    lab
}

fn configure(lab: &Lab, sections: &[(&str, &str)]) {
    lab.configure("", STRICT);
    let mut text = std::fs::read_to_string(&lab.config).unwrap();
    for (name, more) in sections {
        let head = format!("[[printer]]\nname = \"{name}\"\n");
        assert!(text.contains(&head));
        text = text.replace(&head, &format!("{head}{more}"));
    }
    std::fs::write(&lab.config, text).unwrap();
}

fn order<'a>(file: &'a str, case: &'a str) -> Vec<&'a str> {
    vec!["print", file, "--case", case, "--part", "1"]
}

fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

fn why(job: &Value, printer: &str) -> String {
    let all = job["waiting"]["printers"].as_array().unwrap();
    let on = all.iter().find(|on| on["printer"] == printer).unwrap();
    on["why"].as_str().unwrap().to_owned()
}

/// Waits until the job waits for this reason there.
fn wait_why(daemon: &Daemon, job: &str, printer: &str, reason: &str) -> String {
    let mut last = Value::Null;
    until(&format!("{job} waits on {printer}: {reason}"), || {
        last = daemon.job(job);
        assert_eq!(last["state"], "queued", "{last}");
        Some(why(&last, printer)).filter(|why| why.contains(reason))
    })
}

#[test]
fn a_file_that_does_not_fit_its_printer_is_refused_with_each_finding_in_words() {
    let lab = lab(&[("mk", SMALL)]);
    let daemon = lab.serve();
    let case = daemon.case();
    let file = lab.file("left-on.gcode", &HONEST.replace("M104 S0\n", ""));
    let mut all = order(&file, &case);
    all.extend(["--printer", "mk"]);
    let told = daemon.platen(&all);
    assert_eq!(told.code, Some(1), "{told:?}");
    for words in [
        "this file does not pass the gate of mk: line 6: ",
        "\n  error volume.extrusion: line 8: filament goes to X 120.00 mm; this printer has 0 to 100 mm; make the part smaller",
        "\n  error heat.left_on: line 6: nozzle 0 is left at 205 °C at the end; switch everything off",
    ] {
        assert!(told.err.contains(words), "{words} is not in {}", told.err);
    }
    all.extend(["--accept", "volume.extrusion", "--accept", "heat.left_on", "--by", "kim"]);
    assert_eq!(daemon.platen(&all).code, Some(1), "an error cannot be accepted");
    assert_eq!(daemon.get("/v1/jobs"), serde_json::json!([]));

    // The same, asked without a job.
    let hash = daemon.ask(&[
        "print",
        &lab.file("fits.gcode", &HONEST.replace("120", "99")),
        "--case",
        &case,
        "--part",
        "1",
    ]);
    let hash = hash["file"].as_str().unwrap();
    let told = daemon.get(&format!("/v1/files/{hash}/preflight?printer=mk&material=ABS"));
    assert_eq!(
        (&told["passes"], &told["findings"][0]["code"]),
        (&false.into(), &"heat.material".into()),
        "{told}"
    );
    assert_eq!(
        (&told["extrusion"]["high"][0], &told["filament_mm"][0]),
        (&99.0.into(), &8.0.into()),
        "{told}"
    );
}

#[test]
fn a_job_for_any_printer_starts_only_where_its_file_fits() {
    let lab = lab(&[("small", SMALL), ("large", LARGE)]);
    let daemon = lab.serve();
    let case = daemon.case();
    for name in ["small", "large"] {
        daemon.wait_printer(name, "ready");
    }
    let file = lab.file("fits-one.gcode", HONEST);
    let first = id(&daemon.ask(&order(&file, &case)));
    let second = id(&daemon.ask(&order(&file, &case)));
    let done = daemon.wait_job(&first, "printed");
    assert_eq!((&done["printer"], &done["exact"]), (&"large".into(), &true.into()));
    // The small one is free and comes first, and a third job that fits there does not wait behind the second.
    let told = wait_why(&daemon, &second, "small", "its file does not pass here");
    assert!(
        told.contains("line 8: filament goes to X 120.00 mm") && told.contains("(volume.extrusion)"),
        "{told}"
    );
    assert!(wait_why(&daemon, &second, "large", "still on its bed").contains(&first));
    let third = lab.file("fits-both.gcode", &HONEST.replace("120", "99"));
    let third = id(&daemon.ask(&order(&third, &case)));
    assert_eq!(daemon.wait_job(&third, "printed")["printer"], "small");
    assert_eq!(daemon.job(&second)["state"], "queued");

    let file = lab.file("fits-none.gcode", &HONEST.replace("120", "900"));
    let told = daemon.platen(&order(&file, &case));
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("does not pass the gate of any of the 2 printers: on "), "{}", told.err);
    for words in ["this printer has 0 to 100 mm", "this printer has 0 to 200 mm"] {
        assert!(told.err.contains(words), "{words} is not in {}", told.err);
    }
}

#[test]
fn a_warning_is_accepted_by_name_and_that_is_in_the_journal_after_a_kill() {
    let lab = lab(&[("mk", LARGE)]);
    let daemon = lab.serve();
    let case = daemon.case();
    let file = lab.file("unwaited.gcode", &HONEST.replace("M109 S205\n", ""));
    let told = daemon.platen(&order(&file, &case));
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("warning heat.not_waited: line 7: "), "{}", told.err);
    assert!(told.err.contains("--accept CODE --by NAME`"), "{}", told.err);
    let mut all = order(&file, &case);
    all.extend(["--accept", "heat.not_waited"]);
    assert_eq!(daemon.platen(&all).code, Some(2), "without a name");
    all.extend(["--by", "kim"]);
    let job = daemon.ask(&all);
    let noted = serde_json::json!({
        "findings": [{"code": "heat.not_waited", "severity": "warning", "line": 7}],
        "more": 0, "accepted": ["heat.not_waited"], "by": "kim",
    });
    assert_eq!(job["gate"], noted);
    daemon.crash();

    let daemon = lab.serve();
    let job = id(&job);
    assert_eq!(daemon.job(&job)["gate"], noted);
    assert!(
        daemon.platen(&["jobs", &job]).out.contains("warning heat.not_waited in line 7, accepted by kim")
    );
    let events = daemon.events();
    let queued = events.iter().find(|event| event["fact"]["type"] == "job_queued").unwrap();
    assert_eq!(queued["actor"], serde_json::json!({"kind": "person", "name": "kim"}));
    assert_eq!(queued["fact"]["gate"]["accepted"], noted["accepted"]);
    assert_eq!(daemon.platen(&["audit", "verify"]).code, Some(0));
}

#[test]
fn a_job_that_waits_meets_a_stricter_configuration_and_waits_on_with_the_reason() {
    let lab = lab(&[("mk", &format!("unattended = false\n{LARGE}"))]);
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&lab.file("part.gcode", HONEST), &case, "mk");
    wait_why(&daemon, &job, "mk", "a person must be there");
    daemon.terminate();

    configure(&lab, &[("mk", SMALL)]);
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let told = wait_why(&daemon, &job, "mk", "its file does not pass here");
    assert!(told.contains("(volume.extrusion)"), "{told}");
    let told = daemon.platen(&["jobs", "--start", &job, "--by", "kim"]);
    assert!(told.code == Some(1) && told.err.contains("does not pass the gate of mk"), "{told:?}");
    daemon.terminate();

    configure(&lab, &[("mk", LARGE)]);
    assert_eq!(lab.serve().wait_job(&job, "printed")["exact"], true);
}

/// The control would refuse the command when its turn comes, which is after heat.
#[test]
fn a_job_whose_command_is_not_allowed_any_more_waits_with_the_reason_and_heats_nothing() {
    let lab = lab(&[("mk", &format!("unattended = false\nallow_commands = [\"M92\"]\n{LARGE}"))]);
    let daemon = lab.serve();
    let case = daemon.case();
    let file = HONEST.replace("G1 X80 E2\n", "M92 E95\nG1 X80 E2\n");
    let job = daemon.print(&lab.file("part.gcode", &file), &case, "mk");
    wait_why(&daemon, &job, "mk", "a person must be there");
    daemon.terminate();

    configure(&lab, &[("mk", LARGE)]);
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let told = wait_why(&daemon, &job, "mk", "its file does not pass here");
    assert!(told.contains("line 10: M92 is not allowed") && told.contains("(command.not_allowed)"), "{told}");
    assert_eq!(daemon.job(&job)["state"], "queued");
}

#[test]
fn a_job_that_meets_a_new_warning_is_signed_on_the_page_and_begins() {
    // A command that Marlin does not know, and RepRapFirmware may.
    let file = HONEST.replace("G28\n", "G28\nM571 P0\n");
    let lab = lab(&[("mk", &format!("unattended = false\nfirmware = \"reprapfirmware\"\n{LARGE}"))]);
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&lab.file("part.gcode", &file), &case, "mk");
    daemon.terminate();
    configure(&lab, &[("mk", LARGE)]);
    let daemon = lab.serve();
    let told = wait_why(&daemon, &job, "mk", "its file does not pass here");
    assert!(
        told.contains("line 6: M571 is unknown") && told.contains("--accept command.unknown --by NAME"),
        "{told}"
    );
    let page = daemon.page();
    assert!(page.contains("Accept command.unknown: I have looked"), "{page}");
    for (codes, by, status) in
        [("mode.shifted", "kim", 400), ("command.unknown", "", 400), ("command.unknown", "kim", 200)]
    {
        let form = format!("job={job}&change=accept&codes={codes}&by={by}");
        let post = daemon.agent.post(format!("{}/do/job", daemon.url));
        let answer = post.header("content-type", "application/x-www-form-urlencoded").send(form).unwrap();
        assert_eq!(answer.status(), status, "{codes} by {by:?}");
    }
    let done = daemon.wait_job(&job, "printed");
    assert_eq!(
        (&done["gate"]["by"], &done["gate"]["accepted"]),
        (&"kim".into(), &serde_json::json!(["command.unknown"]))
    );
    assert!(daemon.events().iter().any(|event| event["fact"]["type"] == "job_accepted"));
}

/// A journal in which a job waits that nobody has judged.
fn old_journal(lab: &Lab, text: &str) -> JobId {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        std::fs::create_dir_all(lab.state()).unwrap();
        let store = Arc::new(SledStore::open(&lab.state().join("journal")).unwrap());
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let names = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let recorder = Recorder::open(store, clock, names.0, names.1).await.unwrap();
        let spool = Spool::open(&lab.state().join("files")).unwrap();
        let intake = Intake::new(Arc::new(spool.with_floor(0)));
        let mut upload = intake.begin().await.unwrap();
        upload.write(text.as_bytes()).await.unwrap();
        let accepted = intake.accept(upload).await.unwrap();
        let survey = &accepted.survey;
        let job = queued(&recorder, accepted.file, survey.commands, survey.digest.clone()).await;
        recorder.close().await;
        job
    })
}

#[test]
fn a_job_that_an_older_platen_took_in_is_judged_before_it_begins() {
    let lab = lab(&[("mk", LARGE)]);
    let cold = old_journal(&lab, &HONEST.replace("M104 S205\n", "").replace("M109 S205\n", "")).to_string();
    let daemon = lab.serve();
    let told = wait_why(&daemon, &cold, "mk", "its file does not pass here");
    assert!(told.contains("line 6: filament moves, and nothing ever heats the nozzle (heat.none)"), "{told}");
    // Nobody waits behind it.
    let case = daemon.case();
    let next = daemon.print(&lab.file("part.gcode", HONEST), &case, "mk");
    assert_eq!(daemon.wait_job(&next, "printed")["exact"], true);
    let events = daemon.events();
    let queued = events.iter().find(|event| event["subject"]["job"] == cold.as_str()).unwrap();
    assert_eq!(queued["fact"].get("gate"), None);
    assert!(
        !events.iter().any(|event| {
            event["subject"]["job"] == cold.as_str() && event["fact"]["type"] == "job_started"
        })
    );
}
