//! The journal as proof: its story, and the head that is signed each day.

use std::fs;

use platen::io::store::memory::MemoryStore;
use platen::io::store::sled::SledStore;
use platen::io::store::{Batch, Store, Value};
use platen::services::recorder::audit;

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

#[test]
fn a_byte_that_is_changed_anywhere_in_a_daemons_journal_is_found_with_its_entry() {
    const PLACES: usize = 1_000;
    let lab = Lab::one();
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&lab.file("a.gcode", &gcode(20)), &case, "mk");
    daemon.wait_job(&job, "printed");
    assert_eq!(daemon.terminate().code, Some(0));

    let (kept, copy) = (SledStore::open(&lab.state().join("journal")).unwrap(), MemoryStore::default());
    let entries = kept.events(1, usize::MAX).unwrap();
    let value = |bytes: &[u8]| Value::new(bytes.to_vec()).unwrap();
    let events = |of: &[(u64, Vec<u8>)]| of.iter().map(|(seq, bytes)| (*seq, value(bytes))).collect();
    let texts =
        |of: Vec<(String, Vec<u8>)>| of.into_iter().map(|(key, bytes)| (key, value(&bytes))).collect();
    let whole = Batch {
        events: events(&entries),
        entities: texts(kept.entities().unwrap()),
        meta: texts(kept.all_meta().unwrap()),
        urgent: false,
    };
    copy.commit(&whole).unwrap();
    assert_eq!(audit(&copy).unwrap().entries, entries.len() as u64);

    let bytes: usize = entries.iter().map(|(_, bytes)| bytes.len()).sum();
    // Numbers as a linear congruential generator draws them (Knuth's MMIX).
    let mut drawn: u64 = 7;
    let mut draw = |below: usize| {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(drawn >> 33).unwrap() % below
    };
    for _ in 0..PLACES {
        let (mut at, flips) = (draw(bytes), u8::try_from(1 + draw(255)).unwrap());
        let entry = entries.iter().find(|(_, bytes)| {
            let here = at < bytes.len();
            at -= if here { 0 } else { bytes.len() };
            here
        });
        let mut changed = entry.unwrap().clone();
        changed.1[at] ^= flips;
        let seq = changed.0;
        copy.commit(&Batch { events: events(&[changed]), ..Batch::default() }).unwrap();
        let told = audit(&copy).unwrap_err().to_string();
        assert!(told.starts_with(&format!("journal entry {seq} ")), "{seq}, byte {at} ^ {flips}: {told}");
        copy.commit(&Batch { events: events(&[entry.unwrap().clone()]), ..Batch::default() }).unwrap();
    }
    assert!(audit(&copy).is_ok());
}
