//! A store that a dying disk has changed: said at the start, with what to restore, and that brings it back.

use std::fs::{self, OpenOptions};
use std::path::Path;

use serde_json::json;

use crate::world::{Lab, run, until};

/// Longer than the end of the journal that each start reads.
const CASES: u64 = 300;

/// Changes one entry of a journal that nobody has open.
fn flip(state: &Path, seq: u64) {
    let config = sled::Config::new().path(state.join("journal")).flush_every_ms(None);
    let db = until("the journal, opened", || config.open().ok());
    let events = db.open_tree("events").unwrap();
    let mut bytes = events.get(seq.to_be_bytes()).unwrap().unwrap().to_vec();
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    events.insert(seq.to_be_bytes(), bytes).unwrap();
    db.flush().unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_and_a_cut_file_are_told_at_the_start_and_the_backup_that_is_named_brings_all_back() {
    let lab = Lab::one();
    let daemon = lab.serve();
    for _ in 0..CASES {
        let answer =
            daemon.agent.post(format!("{}/v1/cases", daemon.url)).send_json(json!({"intended_use": "guide"}));
        assert_eq!(answer.unwrap().status(), 201);
    }
    let last = daemon.get("/healthz")["journal"].as_u64().unwrap();
    let backup = lab.folder.path().join("backup");
    assert_eq!(daemon.platen(&["backup", backup.to_str().unwrap()]).code, Some(0));
    let head = daemon.ask(&["audit"])["head"].clone();
    assert_eq!(daemon.terminate().code, Some(0));
    let (state, good) = (lab.state(), lab.folder.path().join("good"));
    fs::rename(&state, &good).unwrap();
    let damaged = |damage: &dyn Fn()| {
        let _ = fs::remove_dir_all(&state);
        copy(&good, &state);
        damage();
    };

    // In what is read before anything else: no start.
    damaged(&|| flip(&state, last));
    let told = lab.serve_process().end();
    assert!(
        told.code == Some(1) && told.err.contains(&format!("journal entry {last} is changed")),
        "{told:?}"
    );
    assert!(told.err.contains("`platen restore` your last backup"), "{told:?}");
    let db = state.join("journal/db");
    damaged(&|| {
        let length = fs::metadata(&db).unwrap().len();
        OpenOptions::new().write(true).open(&db).unwrap().set_len(length / 3).unwrap();
    });
    let told = lab.serve_process().end();
    assert!(told.code == Some(1) && told.err.contains("`platen restore` your last backup"), "{told:?}");

    // Where it cuts what sled reads of the file in two, sled wipes the rest; all is as it was, whenever it is tried.
    let bytes = fs::read(good.join("journal/db")).unwrap();
    let filled = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut refused = 0;
    for part in 1..8 {
        let at = filled * part / 8;
        damaged(&|| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            fs::write(&db, bytes).unwrap();
        });
        let before = fs::read(&db).unwrap();
        let process = lab.serve_process();
        let told = until("an end or a start", || {
            let err = process.err();
            (err.contains("the page is at") || err.contains("`platen restore`")).then_some(err)
        });
        if told.contains("the page is at") {
            continue;
        }
        let told = process.end();
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(fs::read(&db).unwrap() == before, "the start has changed a journal that was damaged at {at}");
        assert!(!state.join("journal/before").exists());
        refused += 1;
    }
    assert!(refused >= 4, "only {refused} of the damaged journals were refused");

    // Long ago: said as soon as it is read.
    damaged(&|| flip(&state, 5));
    let daemon = lab.serve();
    let health = until("the damage in /healthz", || {
        let health = daemon.get("/healthz");
        (health["status"] == "failing").then_some(health)
    });
    let trouble = health["trouble"].as_str().unwrap();
    assert!(
        trouble.contains("journal entry 5 is changed") && trouble.contains("`platen restore`"),
        "{health}"
    );
    assert!(daemon.process.err().contains("journal entry 5 is changed"), "{}", daemon.process.err());
    assert_eq!(daemon.terminate().code, Some(0));

    // What was told to be done.
    fs::rename(&state, lab.folder.path().join("away")).unwrap();
    let told = run(&["restore", backup.to_str().unwrap(), "--into", state.to_str().unwrap(), "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let daemon = lab.serve();
    until("a journal that was found whole", || {
        daemon.process.err().contains("the journal is whole").then_some(())
    });
    assert_eq!(daemon.get("/healthz")["status"], "ok");
    let cases = daemon.get("/v1/cases");
    assert_eq!(cases.as_array().unwrap().len() as u64, CASES);
    let told = run(&["audit", "verify", backup.to_str().unwrap()]);
    assert!(told.code == Some(0) && told.out.contains(head.as_str().unwrap()), "{told:?} {head}");
}
