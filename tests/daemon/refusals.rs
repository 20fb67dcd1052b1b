//! Daemons that must not start: each says what, which and what to do, and none panics.

use std::path::Path;

use crate::world::{Lab, Told, gcode, wait_commands};

#[track_caller]
fn assert_refused(told: &Told, code: i32, parts: &[&str]) {
    assert_eq!(told.code, Some(code), "{told:?}");
    for part in parts {
        assert!(told.err.contains(part), "`{part}` is not in: {told:?}");
    }
    assert!(!told.err.contains("panicked") && !told.err.contains("the page is at"), "{told:?}");
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused_and_the_first_goes_on() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    let told = lab.serve_process().end();
    assert_refused(&told, 1, &[lab.state().to_str().unwrap(), "another platen"]);
    let commands = lab.printers[0].statistics().unwrap().commands;
    wait_commands(&lab.printers[0], commands + 50);
    assert_eq!(daemon.job(&job)["state"], "printing");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let lab = Lab::one();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = std::fs::read_to_string(&lab.config).unwrap().replace("127.0.0.1:0", &address);
    std::fs::write(&lab.config, config).unwrap();
    let told = lab.serve_process().end();
    assert_refused(&told, 1, &[&address, "stop what listens there", "[http] listen"]);
    assert_eq!(lab.printers[0].statistics().unwrap().totals.bytes_received, 0);
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let lab = Lab::one();
    let config = "site = \"St. Anna\"\nnode = \"lab-1\"\nstate_dri = \"/tmp\"\n[http]\nlisten = \"0.0.0.0:80\"\n\
                  [mqtt]\nurl = \"http://x\"\n[[printer]]\nname = \"mk\"\nport = \"ttyUSB0\"\nbaud = 115201\n";
    std::fs::write(&lab.config, config).unwrap();
    let told = lab.serve_process().end();
    let all = ["site", "state_dri", "state_dir", "listen", "url", "port", "baud"];
    assert_refused(&told, 2, &all);
    for line in [1, 3, 5, 7, 10, 11] {
        assert!(
            told.err.contains(&format!("line {line}")) || told.err.contains(&format!(":{line}")),
            "{told:?}"
        );
    }
    assert!(!lab.state().exists(), "nothing was started");
    std::fs::remove_file(&lab.config).unwrap();
    assert_refused(&lab.serve_process().end(), 2, &[lab.config.to_str().unwrap()]);
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let lab = Lab::one();
    std::fs::write(lab.state(), "a file stands here").unwrap();
    assert_refused(&lab.serve_process().end(), 1, &[lab.state().to_str().unwrap()]);
}

#[test]
fn a_journal_that_is_no_folder_is_named_with_what_to_do() {
    let lab = Lab::one();
    std::fs::create_dir(lab.state()).unwrap();
    let journal = lab.state().join("journal");
    std::fs::write(&journal, "a file stands here").unwrap();
    let told = lab.serve_process().end();
    assert_refused(&told, 1, &[journal.to_str().unwrap(), "is no folder", "move it away"]);
    std::fs::remove_file(&journal).unwrap();
    // The data file inside of it.
    std::fs::create_dir_all(journal.join("db")).unwrap();
    let told = lab.serve_process().end();
    assert_refused(&told, 1, &[journal.to_str().unwrap(), "cannot be used", "platen's user"]);
}

/// A state with some journal in it, whose daemon has ended.
fn used() -> Lab {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printed");
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    lab
}

fn damage(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// The first place where the journal's text stands in the store's file.
fn written(bytes: &[u8]) -> usize {
    let found = bytes.windows(11).position(|window| window == b"case_opened");
    found.expect("the journal is in this file")
}

#[test]
fn a_damaged_store_is_refused_with_what_to_do() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 4] = [
        ("a flipped bit in an entry", |bytes| {
            let at = written(bytes);
            bytes[at] ^= 1;
        }),
        ("a torn block", |bytes| {
            let at = written(bytes) & !511;
            bytes[at..at + 512].fill(0);
        }),
        ("a cut file", |bytes| bytes.truncate(written(bytes))),
        ("rubbish all over", |bytes| {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte ^= u8::try_from(at % 251).unwrap_or(1);
            }
        }),
    ];
    let lab = used();
    let db = lab.state().join("journal/db");
    let whole = std::fs::read(&db).unwrap();
    for (what, change) in changes {
        std::fs::write(&db, &whole).unwrap();
        damage(&db, change);
        let told = lab.serve_process().end();
        println!("{what}: {}", told.err);
        for word in ["sled", "panic", "PLEASE", "assert", "unwrap", "backtrace"] {
            assert!(!told.err.contains(word), "{what}: {told:?}");
        }
        assert_refused(
            &told,
            1,
            &[lab.state().join("journal").to_str().unwrap(), "`platen restore` your last backup"],
        );
    }
    std::fs::write(&db, whole).unwrap();
    let daemon = lab.serve();
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

#[test]
fn a_mark_that_was_removed_is_told_in_the_log_and_made_again() {
    let lab = used();
    let mark = lab.state().join("journal/reached");
    let before = std::fs::read_to_string(&mark).unwrap();
    assert!(!lab.serve().terminate().err.contains("reached"), "nothing is said without a reason");
    std::fs::remove_file(&mark).unwrap();
    let told = lab.serve().terminate();
    assert!(told.err.contains(&format!("the mark {} was gone", mark.display())), "{told:?}");
    assert!(std::fs::read_to_string(&mark).unwrap() > before);
}

#[test]
fn a_job_whose_file_was_changed_on_the_disk_is_not_printed() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let first = daemon.print(&file, &case, "mk");
    daemon.wait_job(&first, "printed");
    let commands = lab.printers[0].statistics().unwrap().commands;
    let second = daemon.print(&file, &case, "mk");
    let hash = daemon.job(&second)["file"].as_str().unwrap().to_owned();
    let path = lab.state().join("files").join(hash);
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "it is this test's own file")]
    rights.set_readonly(false);
    std::fs::set_permissions(&path, rights).unwrap();
    damage(&path, |bytes| bytes[30] ^= 1);
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    let interrupted = daemon.wait_job(&second, "interrupted");
    assert!(interrupted["why"].as_str().unwrap().contains("not what was uploaded any more"), "{interrupted}");
    assert_eq!(lab.printers[0].statistics().unwrap().commands, commands);
}
