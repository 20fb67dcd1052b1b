//! What prints have used is taken off the lots that they were fed from: once, also after kill -9.

use serde_json::Value;

use crate::world::{Daemon, Lab, until, wait_commands};

/// So much of each move, mm of filament.
const EACH: f64 = 0.04;
/// mg of a millimetre of PLA, 1.75 mm thick.
const MG_PER_MM: f64 = 1.75 * 1.75 * std::f64::consts::PI / 4.0 * 1.24;
/// Commands before the first move with filament.
const BEFORE: u64 = 6;

/// Short moves with filament, and a long way back at the end, which was pushed all the same.
fn extruding(moves: u32) -> String {
    let mut text = String::from("; a test\nM140 S60\nM109 S200\nG28\nG90\nM83\nG1 Z0.2 F600\n");
    for i in 0..moves {
        let (x, y) = (10 + i % 3, 10 + (i / 3) % 5);
        text.push_str(&format!("G1 X{x}.{} Y{y} E{EACH} F6000\n", i % 10));
    }
    text.push_str("G1 E-5 F600\nM104 S0\nM140 S0\n");
    text
}

/// Of so many moves.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred milligrams")]
fn mg(moves: u64) -> u64 {
    (moves as f64 * EACH * MG_PER_MM).round() as u64
}

fn left(daemon: &Daemon, lot: &str) -> f64 {
    daemon.get(&format!("/v1/lots/{lot}"))["left_g"].as_f64().unwrap()
}

/// A lot of so many grams, released and on the printer.
fn loaded(daemon: &Daemon, grams: &str) -> String {
    let about = ["--material", "PLA", "--supplier-lot", "L-1", "--received", "2026-11-02"];
    let more = ["--expires", "2099-06-30", "--grams", grams, "--by", "sam"];
    let lot = daemon.ask(&[&["lots", "receive"], &about[..], &more[..]].concat());
    let lot = lot["id"].as_str().unwrap().to_owned();
    daemon.ask(&["lots", "release", &lot, "--by", "sam"]);
    daemon.ask(&["loads", "load", "mk", &lot, "--by", "sam"]);
    lot
}

fn clear(daemon: &Daemon) {
    until("a bed that can be cleared", || {
        (daemon.platen(&["printers", "clear", "mk", "--by", "oli"]).code == Some(0)).then_some(())
    });
}

/// What was taken off lots, in the order of the journal: job and mg.
fn deducted(daemon: &Daemon) -> Vec<(String, u64)> {
    let facts = daemon.events().into_iter().filter(|event| event["fact"]["what"] == "material_used");
    let mut all = Vec::new();
    for event in facts {
        assert_eq!((&event["actor"]["kind"], &event["fact"]["by"]), (&"platen".into(), &Value::Null));
        let fact = &event["fact"];
        all.push((fact["job"].as_str().unwrap().to_owned(), fact["milligrams"].as_u64().unwrap()));
    }
    all
}

fn wait_deducted(daemon: &Daemon, job: &str) -> u64 {
    until("what the job used is deducted", || {
        deducted(daemon).iter().find(|(of, _)| of == job).map(|(_, milligrams)| *milligrams)
    })
}

#[test]
fn a_print_deducts_what_was_printed_and_a_cancelled_one_its_share() {
    let lab = Lab::one();
    let file = lab.file("part.gcode", &extruding(400));
    let long = lab.file("long.gcode", &extruding(4_000));
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();

    // Nothing is loaded: nothing is deducted, and the piece says so.
    let first = daemon.print(&file, &case, "mk");
    daemon.wait_job(&first, "printed");
    clear(&daemon);

    let lot = loaded(&daemon, "0.5");
    let second = daemon.print(&file, &case, "mk");
    daemon.wait_job(&second, "printed");
    let used = wait_deducted(&daemon, &second);
    let wanted = mg(400);
    assert_eq!(used, wanted);
    assert_eq!(left(&daemon, &lot), (500 - wanted) as f64 / 1_000.0);
    clear(&daemon);

    let third = daemon.print(&long, &case, "mk");
    wait_commands(&lab.printers[0], 1_200);
    daemon.ask(&["jobs", "--cancel", &third, "--by", "kim"]);
    let ended = daemon.wait_job(&third, "cancelled");
    let confirmed = ended["progress"]["confirmed"].as_u64().unwrap();
    assert!(confirmed > BEFORE + 100 && confirmed < 4_000, "{ended}");
    let share = wait_deducted(&daemon, &third);
    let wanted = mg(confirmed - BEFORE);
    assert_eq!(share, wanted, "confirmed {confirmed}");

    let parts = daemon.get("/v1/printed");
    let serial = |attempt: usize| format!("{case}-1-{attempt}");
    let part = |attempt: usize| daemon.get(&format!("/v1/printed/{}", serial(attempt)));
    assert_eq!(part(1)["lots"], serde_json::json!([]), "{parts}");
    assert_eq!(part(2)["lots"][0]["used_g"], used as f64 / 1_000.0);
    assert_eq!(part(3)["lots"][0]["used_g"], share as f64 / 1_000.0);
    assert_eq!(deducted(&daemon).len(), 2, "nothing of the first print");
}

#[test]
fn a_lot_that_runs_out_is_told_to_those_who_work_on_the_case() {
    let lab = Lab::one();
    let file = lab.file("part.gcode", &extruding(400));
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let lot = loaded(&daemon, "0.05");
    // What has a number was written; the rest of the thread is what platen says of the case at any time.
    let told = || {
        let thread = daemon.get(&format!("/v1/cases/{case}/messages"));
        let written = thread.as_array().unwrap().iter().filter(|message| message["number"].is_number());
        let texts = written.map(|message| {
            assert_eq!(message["by"], Value::Null, "{message}");
            message["text"].as_str().unwrap().to_owned()
        });
        texts.collect::<Vec<_>>()
    };
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printed");
    wait_deducted(&daemon, &job);
    assert_eq!(told().len(), 1, "{:?}", told());
    let low = told().remove(0);
    assert!(low.contains(&lot) && low.contains("low"), "{low}");
    assert_eq!(daemon.get(&format!("/v1/lots/{lot}"))["low"], true);
    clear(&daemon);
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printed");
    wait_deducted(&daemon, &job);
    assert_eq!(left(&daemon, &lot), 0.0);
    let last = told().pop().unwrap();
    assert!(last.contains(&lot) && last.contains("should be empty"), "{last}");
}

#[test]
fn a_kill_between_the_end_and_the_deduction_deducts_once_after_the_restart() {
    let lab = Lab::one();
    let text = extruding(600);
    let file = lab.file("part.gcode", &text);
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let lot = loaded(&daemon, "1000");
    let job = daemon.print(&file, &case, "mk");
    // It is printed from an open file; what it used cannot be found out while that has no name.
    wait_commands(&lab.printers[0], 60);
    let hash = daemon.job(&job)["file"].as_str().unwrap().to_owned();
    let kept = find(&lab.state().join("files"), &hash);
    let away = lab.folder.path().join("away");
    std::fs::rename(&kept, &away).unwrap();
    daemon.wait_job(&job, "printed");
    until("a deduction that gave up", || {
        daemon.process.err().contains("what it used is not deducted").then_some(())
    });
    assert_eq!(deducted(&daemon), []);
    daemon.crash();

    std::fs::rename(&away, &kept).unwrap();
    let wanted = mg(600);
    let daemon = lab.serve();
    assert_eq!(wait_deducted(&daemon, &job), wanted);
    // Killed again and again: it stays at that.
    daemon.crash();
    for _ in 0..3 {
        let daemon = lab.serve();
        daemon.wait_printer("mk", "ready");
        assert_eq!(deducted(&daemon), [(job.clone(), wanted)]);
        assert_eq!(left(&daemon, &lot), (1_000_000 - wanted) as f64 / 1_000.0);
        daemon.crash();
    }
    let daemon = lab.serve();
    let refused = daemon.platen(&["lots", "use", &lot, "--job", &job, "--grams", "1", "--by", "sam"]);
    assert!(refused.code == Some(1) && refused.err.contains("deducted already"), "{refused:?}");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

/// The file of the spool with that hash in its name.
fn find(folder: &std::path::Path, hash: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().contains(hash) {
                return entry.path();
            }
        }
    }
    panic!("no file {hash} in the spool");
}
