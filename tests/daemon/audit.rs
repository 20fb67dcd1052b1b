//! The journal as proof: its story, and the head that is signed each day.

use std::fs;

use crate::world::{Lab, gcode, run, until};

#[test]
fn the_head_of_a_day_is_signed_and_a_journal_that_begins_anew_does_not_fit_it() {
    let lab = Lab::one();
    let at = |name: &str| lab.folder.path().join(name);
    let text = |name: &str| at(name).to_str().unwrap().to_owned();
    let made = run(&["audit", "key", &text("key")]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    fs::write(at("public"), &made.out).unwrap();
    fs::create_dir(at("heads")).unwrap();
    lab.configure(&format!("[audit]\nheads = {:?}\nkey_file = {:?}\n", at("heads"), at("key")), "");

    let daemon = lab.serve();
    daemon.case();
    until("the head of today", || fs::read_dir(at("heads")).unwrap().next().map(Result::unwrap));
    let verify = ["audit", "verify", "--heads", &text("heads"), "--public-key", &text("public")];
    let told = daemon.platen(&verify);
    assert!(told.code == Some(0) && told.out.contains("1 signed heads fit"), "{}{}", told.out, told.err);
    let export = text("export.jsonl");
    assert_eq!(daemon.platen(&["audit", "export", &export]).code, Some(0));
    assert_eq!(daemon.terminate().code, Some(0));
    let told = run(&["audit", "verify", &export, "--heads", &text("heads"), "--public-key", &text("public")]);
    assert_eq!(told.code, Some(0), "{}", told.err);

    // All of it again, in a chain that is whole.
    fs::rename(lab.state(), at("hidden")).unwrap();
    let daemon = lab.serve();
    daemon.case();
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
    let told = daemon.platen(&verify);
    assert_eq!(told.code, Some(1), "{}", told.out);
    assert!(
        told.err.contains("is not the one that was signed") || told.err.contains("its end is missing"),
        "{}",
        told.err
    );
    assert_eq!(fs::read_dir(at("heads")).unwrap().count(), 1, "the head of a day is made once");
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn a_case_is_told_as_a_story_of_its_own_entries() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, other) = (daemon.case(), daemon.case());
    let job = daemon.print(&lab.file("a.gcode", &gcode(20)), &case, "mk");
    daemon.wait_job(&job, "printed");
    let told = daemon.platen(&["audit", "show", "--case", &case]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let lines: Vec<_> = told.out.lines().collect();
    for (line, words) in
        lines.iter().zip(["is opened", "part 1 is to be made", "is queued", "the print begins on mk"])
    {
        assert!(line.contains(words), "{words:?} is not in {line:?}");
    }
    assert!(lines.last().unwrap().contains("exactly the file"), "{}", told.out);
    assert!(!told.out.contains(&other), "{}", told.out);
    let nobody = daemon.platen(&["audit", "show", "--case", "0000000000000"]);
    assert_eq!(nobody.code, Some(1));
    assert_eq!(daemon.terminate().code, Some(0));
}
