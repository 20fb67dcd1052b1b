//! docs/cases.md, command by command, each run and showing what the page says; and what odd prints leave behind: doubts,
//! which an inspection has to look at.

use std::collections::BTreeMap;

use hw_sim::quirks::Face;
use serde_json::Value;

use crate::world::{Daemon, Lab, gcode, photo, printer, until, wait_commands};

/// A tetrahedron of 8 by 6 by 10 mm.
const HEART: &str = "solid h
facet normal 0 0 0
outer loop
vertex 0 0 0
vertex 0 6 0
vertex 8 0 0
endloop
endfacet
facet normal 0 0 0
outer loop
vertex 0 0 0
vertex 8 0 0
vertex 0 0 10
endloop
endfacet
facet normal 0 0 0
outer loop
vertex 0 0 0
vertex 0 0 10
vertex 0 6 0
endloop
endfacet
facet normal 0 0 0
outer loop
vertex 8 0 0
vertex 0 6 0
vertex 0 0 10
endloop
endfacet
endsolid
";

/// Runs of letters and digits, and the signs between them; how many spaces there are does not matter.
fn pieces(line: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for c in line.trim_end().chars() {
        let joins = |last: &String| {
            let last = last.chars().last().unwrap_or(' ');
            (last.is_alphanumeric() && c.is_alphanumeric()) || (last == ' ' && c == ' ')
        };
        match pieces.last_mut() {
            Some(last) if joins(last) => {
                if c != ' ' {
                    last.push(c);
                }
            }
            _ => pieces.push(c.to_string()),
        }
    }
    pieces
}

/// A token, an id or a hash.
fn is_id(piece: &str) -> bool {
    matches!(piece.len(), 13 | 16 | 64)
        && piece.bytes().any(|b| b.is_ascii_digit())
        && piece.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

/// What ids of the page are in truth.
#[derive(Default)]
struct Known(BTreeMap<String, String>);

impl Known {
    /// Whether a line is as the page has it; ids that the page has not had before are learned.
    fn fits(&mut self, told: &str, real: &str) -> bool {
        let (told, real) = (pieces(told), pieces(real));
        if told.len() != real.len() {
            return false;
        }
        let mut learned = BTreeMap::new();
        for (told, real) in told.iter().zip(&real) {
            match self.0.get(told).or_else(|| learned.get(told)) {
                Some(known) if known == real => {}
                Some(_) => return false,
                None if told == real => {}
                None if is_id(told) && is_id(real) && told.len() == real.len() => {
                    learned.insert(told.clone(), real.clone());
                }
                None => return false,
            }
        }
        self.0.extend(learned);
        true
    }

    fn real(&self, command: &str) -> String {
        self.0.iter().fold(command.to_owned(), |command, (told, real)| command.replace(told, real))
    }
}

/// The words of a command, as a shell would see them.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in command.chars().chain([' ']) {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    words
}

/// The commands of a page, each with the lines that it is said to show.
fn commands(page: &str) -> Vec<(String, Vec<String>)> {
    let (mut all, mut shown): (Vec<(String, Vec<String>)>, bool) = (Vec::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            shown = line == "```console";
        } else if shown {
            match line.strip_prefix("$ platen ") {
                Some(command) => all.push((command.to_owned(), Vec::new())),
                None => all.last_mut().expect("a command before what it shows").1.push(line.to_owned()),
            }
        }
    }
    all
}

#[test]
fn every_command_of_the_page_does_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk3-01", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![board], "");
    lab.file("heart.stl", HEART);
    lab.file("heart.gcode", &gcode(30));
    std::fs::write(lab.folder.path().join("heart.jpg"), photo(6, "Jane Quimby")).unwrap();
    let here = lab.folder.path().to_str().unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk3-01", "ready");
    let mut known = Known::default();
    let all = commands(include_str!("../../docs/cases.md"));
    assert!(all.len() > 40, "the page was not read: {}", all.len());
    for (command, told) in all {
        if command.starts_with("printers clear") {
            until("a printed part", || {
                let printed = daemon.get("/v1/printed?state=printed");
                printed[0]["serial"].is_string().then_some(())
            });
        }
        let args = words(&known.real(&command).replace("/tmp/lab", here));
        let done = daemon.platen(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(done.code, Some(0), "platen {command}: {done:?}");
        let (mut lines, mut leave_out) = (done.out.lines(), false);
        for told in &told {
            if told == "…" {
                leave_out = true;
                continue;
            }
            let found = match leave_out {
                true => lines.any(|line| known.fits(told, line)),
                false => lines.next().is_some_and(|line| known.fits(told, line)),
            };
            assert!(found, "platen {command} shows\n{}and no line as the page has it:\n{told}", done.out);
            leave_out = false;
        }
        assert!(leave_out || lines.next().is_none(), "platen {command} shows more:\n{}", done.out);
    }
    let fetched = std::fs::read(lab.folder.path().join("inspected.jpg")).unwrap();
    assert!(!fetched.windows(6).any(|window| window == b"Quimby"), "{fetched:?}");
    let shown = |daemon: &Daemon| {
        let cases = daemon.get("/v1/cases");
        let way = daemon.get(&format!("/v1/cases/{}/quality", cases[0]["token"].as_str().unwrap()));
        let parts = daemon.get("/v1/printed");
        let part = daemon.get(&format!("/v1/printed/{}", parts[0]["serial"].as_str().unwrap()));
        [way, part, daemon.get("/v1/lots"), daemon.get("/v1/inspections"), daemon.get("/v1/site-rules")]
    };
    let before = shown(&daemon);
    daemon.terminate();
    let daemon = lab.serve();
    assert_eq!(shown(&daemon), before, "after a restart");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

#[test]
fn the_reader_of_the_page_learns_ids_and_nothing_else() {
    let mut known = Known::default();
    assert!(known.fits("lot 3f1w5zq8c0v7d2ke: released", "lot 0123456789abcdef: released"));
    assert!(known.fits("PART  STATE 3f1w5zq8c0v7d2ke", "PART STATE   0123456789abcdef"));
    assert!(!known.fits("lot 3f1w5zq8c0v7d2ke", "lot 0123456789abcdee"));
    assert!(!known.fits("released", "blocked") && !known.fits("a b", "a b c"));
    assert_eq!(known.real("lots 3f1w5zq8c0v7d2ke"), "lots 0123456789abcdef");
    assert_eq!(words("a --why \"b c\" d"), ["a", "--why", "b c", "d"]);
}

#[test]
fn a_paper_is_checked_by_its_hash_also_after_a_restart() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let case = daemon.case();
    let made = daemon.ask(&["report", "case", &case, "--by", "kim"]);
    let hash = made["sha256"].as_str().unwrap();
    let cut = format!("data cut entry {}", made["report"]["data_cut"]["entry"]);
    daemon.terminate();
    let daemon = lab.serve();
    let told = daemon.platen(&["report", "verify", hash]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for words in [format!("Case record of case {case}"), cut, "for      kim".into()] {
        assert!(told.out.contains(&words), "{words}: {}", told.out);
    }
    let none = daemon.platen(&["report", "verify", &"a".repeat(64)]);
    assert!(none.code == Some(1) && none.err.contains("platen has made no report with SHA-256"), "{none:?}");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

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
