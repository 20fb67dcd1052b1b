//! A backup of a daemon that prints meanwhile, and another daemon made from it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::crash::assert_gapless;
use crate::world::{Lab, Told, gcode, photo, run, until, wait_commands};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A lab whose state is gone, restored from `copy`.
fn restored(lab: &Lab, copy: &Path) -> Told {
    let state = lab.state();
    fs::rename(&state, lab.folder.path().join("lost")).unwrap();
    let told = run(&["--json", "restore", path(copy), "--into", path(&state), "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    told
}

#[test]
fn a_backup_made_in_mid_print_restores_every_case_job_entry_and_file() {
    let lab = Lab::one();
    let file = lab.file("long.gcode", &gcode(30_000));
    let daemon = lab.serve();
    let case = daemon.case();
    let running = daemon.print(&file, &case, "mk");
    let waiting = daemon.print(&lab.file("short.gcode", &gcode(50)), &case, "mk");
    daemon.wait_job(&running, "printing");
    let before = wait_commands(&lab.printers[0], 100).commands;

    let dest = lab.folder.path().join("backup");
    let told = daemon.platen(&["--json", "backup", path(&dest)]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let made = told.json();
    assert_eq!((&made["files"], &made["absent"]), (&Value::from(2), &Value::from(Vec::<Value>::new())));
    let entries = usize::try_from(made["entries"].as_u64().unwrap()).unwrap();
    // It prints on, and the daemon takes orders.
    wait_commands(&lab.printers[0], before + 200);
    assert_eq!(daemon.job(&running)["state"], "printing");
    let verified = run(&["audit", "verify", path(&dest)]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.out.contains(made["head"].as_str().unwrap()), "{verified:?}");
    // What operators have at hand finds the same.
    let mut sums = std::process::Command::new("sha256sum");
    assert!(sums.args(["-c", "--quiet", "files.sha256"]).current_dir(&dest).status().unwrap().success());
    let again = daemon.platen(&["backup", path(&dest)]);
    assert!(again.code == Some(1) && again.err.contains("is there already"), "{again:?}");

    // What comes after the backup is lost with the disk.
    let later = daemon.case();
    let journal: Vec<Value> = daemon.events().into_iter().take(entries).collect();
    daemon.crash();
    let told = restored(&lab, &dest);
    assert_eq!(told.json()["entries"], entries);
    let daemon = lab.serve();
    let events = daemon.events();
    assert_eq!(&events[..entries], &journal[..], "entry by entry the same");
    assert_eq!(events[entries]["fact"]["type"], "journal_restored");
    assert_eq!(events[entries]["fact"]["by"], "kim");
    assert_gapless(&events);
    assert_eq!(daemon.platen(&["audit", "verify"]).code, Some(0));
    assert_eq!(daemon.get(&format!("/v1/cases/{case}"))["token"], case.as_str());
    assert_eq!(daemon.get(&format!("/v1/cases/{later}"))["status"], 404);
    assert_eq!(daemon.job(&running)["state"], "interrupted");

    // Nobody knows what happened since: the printer is locked, and the job waits for a person.
    let locked = daemon.printer("mk");
    assert!(locked["latch"]["why"].as_str().unwrap().contains("a restore"), "{locked}");
    // It may be hot, with nobody to watch it: it is halted.
    until("a firmware that has halted", || {
        (lab.printers[0].statistics().unwrap().totals.kills > 0).then_some(())
    });
    lab.printers[0].press_reset().unwrap();
    daemon.ask(&["stop", "--clear", "mk", "--by", "kim"]);
    daemon.wait_printer("mk", "ready");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    until("the job that waits for a person", || {
        let job = daemon.job(&waiting);
        assert_eq!(job["state"], "queued", "{job}");
        job["waiting"].to_string().contains("may have been printed since").then_some(())
    });
    daemon.ask(&["jobs", "--start", &waiting, "--by", "kim"]);
    assert_eq!(daemon.wait_job(&waiting, "printed")["exact"], true);
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn below_the_floor_of_the_disk_no_job_is_taken_in_and_what_was_accepted_is_printed() {
    let lab = Lab::one();
    let file = lab.file("long.gcode", &gcode(3_000));
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printed");
    let hash = daemon.job(&job)["file"].clone();
    // It waits for its bed.
    let accepted = daemon.print(&file, &case, "mk");
    daemon.terminate();
    // No disk of ours has as much.
    let text = fs::read_to_string(&lab.config).unwrap();
    fs::write(&lab.config, format!("disk_floor_mb = 1048576\n{text}")).unwrap();
    let daemon = lab.serve();
    let new = serde_json::json!({"file": hash, "case": case, "part": 1});
    let mut answer = daemon.agent.post(format!("{}/v1/jobs", daemon.url)).send_json(&new).unwrap();
    assert_eq!(answer.status(), 507);
    let problem: Value = answer.body_mut().read_json().unwrap();
    assert!(problem["help"].as_str().unwrap().contains("free some space"), "{problem}");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    assert_eq!(daemon.wait_job(&accepted, "printed")["exact"], true);
}

#[test]
fn when_too_much_waits_for_the_broker_no_job_is_taken_in_until_it_is_back_and_what_was_accepted_is_printed() {
    let lab = Lab::one();
    // A port on which nobody listens yet.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    lab.configure(&format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\noutbox_max = 100"), "");
    let daemon = lab.serve();
    let case = daemon.case();
    let file = lab.file("a.gcode", &gcode(2_000));
    let job = daemon.print(&file, &case, "mk");
    let waits = |daemon: &crate::world::Daemon| daemon.get("/healthz")["journal"].as_u64().unwrap();
    while waits(&daemon) < 100 {
        daemon.platen(&["cases", "add-part", &case, "one more"]);
    }
    let refused = daemon.platen(&["print", &file, "--case", &case, "--part", "1"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("wait for the MQTT broker"), "{refused:?}");
    assert!(refused.err.contains(&format!("127.0.0.1:{port}")), "{refused:?}");
    assert!(
        refused.err.contains("outbox_max is 100") && refused.err.contains("see to the broker"),
        "{refused:?}"
    );
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    assert!(
        daemon.events().iter().any(|event| event["fact"]["type"] == "job_printed"),
        "events are never dropped"
    );
    // When the broker is back, and has what waited for it, all goes on by itself.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(platen::io::broker::Broker::start(0, port)).unwrap();
    let told = until("a job that is taken in", || {
        let told = daemon.platen(&["print", &file, "--case", &case, "--part", "1"]);
        (told.code == Some(0)).then_some(told)
    });
    assert!(!told.out.is_empty(), "{told:?}");
    assert_eq!(broker.v5.port(), port);
}

#[test]
fn an_export_restores_the_journal_and_names_the_files_that_are_missing() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&lab.file("a.gcode", &gcode(50)), &case, "mk");
    daemon.wait_job(&job, "printed");
    let to = lab.folder.path().join("journal.jsonl");
    let told = daemon.platen(&["audit", "export", path(&to)]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let text = fs::read_to_string(&to).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "each line is JSON");
    assert_eq!(run(&["audit", "verify", path(&to)]).code, Some(0));
    let file = daemon.job(&job)["file"].clone();
    daemon.terminate();
    let told = restored(&lab, &to);
    assert_eq!(told.json()["missing"], serde_json::json!([file]));
    let daemon = lab.serve();
    assert_eq!(daemon.job(&job)["state"], "printed");
}

#[test]
fn a_file_that_the_disk_has_changed_is_named_and_does_not_keep_the_rest_from_being_backed_up() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let case = daemon.case();
    for name in ["a", "b"] {
        let job = daemon.print(&lab.file(name, &gcode(20 + u32::from(name.as_bytes()[0]))), &case, "mk");
        daemon.wait_job(&job, "printed");
        daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    }
    let mut kept = fs::read_dir(lab.state().join("files")).unwrap().map(Result::unwrap);
    let damaged = kept.find(|entry| entry.file_type().unwrap().is_file()).unwrap().path();
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[9] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let dest = lab.folder.path().join("backup");
    let told = daemon.platen(&["backup", path(&dest)]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains(damaged.file_name().unwrap().to_str().unwrap()), "{told:?}");
    assert!(told.err.contains("the backup is kept"), "{told:?}");
    assert_eq!(run(&["audit", "verify", path(&dest)]).code, Some(0));
    assert_eq!(fs::read_dir(dest.join("files")).unwrap().count(), 1);
}

/// Notes what was measured on a phantom, with a photo of it.
fn of_ring(photo: &str) -> Vec<&str> {
    let phantom = ["inspect", "phantom", "mk", "--template", "ring", "--value", "1", "--by", "mo"];
    [&phantom[..], &["--photo", photo]].concat()
}

#[test]
fn photos_of_inspections_are_backed_up_and_restored_and_one_that_is_gone_is_missed() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let taken = lab.folder.path().join("ring.jpg");
    fs::write(&taken, photo(3, "Jane Quimby")).unwrap();
    let item = ["--item", "whole yes 1 1 1 fail", "--by", "pat"];
    daemon.ask(&[&["inspect", "template", "ring", "--method", "visual"][..], &item].concat());
    let noted = daemon.ask(&of_ring(path(&taken)));
    let hash = noted["photos"][0].as_str().unwrap();
    // Named by its hash, it need not be there any more.
    fs::remove_file(&taken).unwrap();
    daemon.ask(&of_ring(hash));
    let gone = daemon.platen(&of_ring(path(&taken)));
    assert!(gone.code == Some(1) && gone.err.contains("cannot be read"), "{gone:?}");
    let get = |daemon: &crate::world::Daemon, name: &str| {
        let to = lab.folder.path().join(name);
        let told = daemon.platen(&["photos", "get", hash, "-o", path(&to)]);
        assert_eq!(told.code, Some(0), "{told:?}");
        fs::read(to).unwrap()
    };
    let before = get(&daemon, "before.jpg");
    assert!(!before.windows(6).any(|window| window == b"Quimby"), "{before:?}");
    let dest = lab.folder.path().join("backup");
    assert_eq!(daemon.platen(&["backup", path(&dest)]).code, Some(0));
    assert_eq!(fs::read(dest.join("files").join(hash)).unwrap(), before);
    daemon.terminate();
    assert_eq!(restored(&lab, &dest).json()["missing"], serde_json::json!([]));
    let daemon = lab.serve();
    assert_eq!(get(&daemon, "after.jpg"), before);

    fs::remove_file(lab.state().join("files").join(hash)).unwrap();
    let dest = lab.folder.path().join("another");
    let told = daemon.platen(&["backup", path(&dest)]);
    assert!(told.code == Some(1) && told.err.contains(hash), "{told:?}");
    daemon.terminate();
    fs::rename(lab.folder.path().join("lost"), lab.folder.path().join("lost before")).unwrap();
    assert_eq!(restored(&lab, &dest).json()["missing"], serde_json::json!([hash]));
}

#[test]
fn a_daemon_does_not_start_on_half_a_restore_and_a_restore_not_on_a_state() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.case();
    let dest = lab.folder.path().join("backup");
    assert_eq!(daemon.platen(&["backup", path(&dest)]).code, Some(0));
    let state = lab.state();
    let over = || run(&["restore", path(&dest), "--into", path(&state)]);
    let refused = over();
    assert!(refused.code == Some(1) && refused.err.contains("is not empty"), "{refused:?}");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
    daemon.terminate();
    let refused = over();
    assert!(refused.code == Some(1) && refused.err.contains("there is "), "{refused:?}");

    // As a power cut leaves it between its last two steps.
    fs::rename(&state, lab.folder.path().join("lost")).unwrap();
    fs::create_dir_all(state.join("restoring/journal")).unwrap();
    fs::create_dir_all(state.join("files")).unwrap();
    let told = lab.serve_process().end();
    assert!(told.code == Some(1) && told.err.contains("restore"), "{told:?}");
    assert!(!state.join("journal").exists());
    let told = over();
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(!state.join("restoring").exists());
    lab.serve().terminate();
}
