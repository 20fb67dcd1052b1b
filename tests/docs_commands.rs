//! The pages for users, done as somebody does them: each command in order, against a real daemon and a simulated printer.
//!
//! A ```` ```sh ```` or ```` ```console ```` fence is run: identifiers that a page shows are replaced by those that really
//! came, as a reader would. A ```` ```root ```` fence needs root or a real machine: its verbs are parsed, its units,
//! packages and options are looked for in what we ship.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the message")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use clap::Parser;
use hw_sim::pty::{Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use platen::cli::Cli;
use process_harness::{Process, TEST_BENCH, Told, command, gcode};

/// In the order in which somebody reads them.
const PAGES: [&str; 7] =
    ["install", "connect-a-printer", "first-case", "night-run", "recover", "upgrade", "troubleshoot"];
/// After this page, what it has written is in use: the daemon is started.
const STARTS_BEHIND: &str = "systemctl restart platen";
/// These say by their exit code how the machine is.
const JUDGES: [&str; 1] = ["doctor"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A line of a fence that is done, with what the page shows of its answer.
#[derive(Debug)]
struct Step {
    place: String,
    kind: &'static str,
    typed: String,
    shown: Vec<String>,
}

fn steps(page: &str) -> Vec<Step> {
    let (mut steps, mut kind): (Vec<Step>, Option<&'static str>) = (Vec::new(), None);
    for (number, line) in (1..).zip(read(&format!("docs/{page}.md")).lines()) {
        if let Some(language) = line.strip_prefix("```") {
            kind =
                match (kind, language.trim()) {
                    (Some(_), _) => None,
                    (None, language) => {
                        let known = ["sh", "console", "root"].into_iter().find(|known| *known == language);
                        Some(known.unwrap_or_else(|| {
                            panic!("docs/{page}.md:{number}: a fence of kind {language:?}")
                        }))
                    }
                };
            continue;
        }
        let Some(kind) = kind else { continue };
        let typed = if kind == "console" { line.strip_prefix("$ ") } else { Some(line) };
        match typed {
            Some(typed) => {
                let place = format!("docs/{page}.md:{number}: {line}");
                steps.push(Step { place, kind, typed: typed.to_owned(), shown: Vec::new() });
            }
            None => steps.last_mut().unwrap().shown.push(line.to_owned()),
        }
    }
    steps
}

/// The words of a command, as a shell would see them.
fn words(typed: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in typed.chars().chain([' ']) {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted && !word.is_empty() => words.push(std::mem::take(&mut word)),
            ' ' if !quoted => {}
            _ => word.push(c),
        }
    }
    assert!(!quoted, "{typed}");
    words
}

/// A token of a case, or the id of a job.
fn is_id(word: &str) -> bool {
    matches!(word.len(), 13 | 16)
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && word.chars().any(|c| c.is_ascii_digit())
}

/// What a page shows stands for what came in its place.
fn learn(step: &Step, out: &str, known: &mut BTreeMap<String, String>) {
    let trimmed = |word: &str| word.trim_matches([':', ',', ';', '.']).to_owned();
    for (shown, came) in step.shown.iter().zip(out.lines()) {
        for (shown, came) in shown.split_whitespace().zip(came.split_whitespace()) {
            let (shown, came) = (trimmed(shown), trimmed(came));
            if is_id(&shown) && is_id(&came) {
                let before = known.insert(shown, came.clone());
                assert!(before.is_none_or(|before| before == came), "{step:?}: {came}");
            }
        }
    }
    for shown in step.shown.iter().flat_map(|line| line.split_whitespace()).map(trimmed) {
        assert!(!is_id(&shown) || known.contains_key(&shown), "{step:?} shows {shown}, and there came {out}");
    }
}

struct Machine {
    folder: tempfile::TempDir,
    daemon: Option<(Process, String)>,
    known: BTreeMap<String, String>,
}

impl Machine {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, words: &[String]) -> Told {
        let url = self.daemon.as_ref().map_or("http://127.0.0.1:1", |(_, url)| url);
        let real = words.iter().map(|word| {
            let word = word.replace("/etc/platen/", &self.path("etc/")).replace("/tmp/lab/", &self.path(""));
            self.known.get(&word).cloned().unwrap_or(word)
        });
        let mut all = vec!["--url".to_owned(), url.to_owned()];
        all.extend(real);
        if words.first().is_some_and(|verb| verb == "setup") {
            all.extend(["--dev".to_owned(), self.path("dev")]);
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Process::spawn(&mut command(env!("CARGO_BIN_EXE_platen"), &all)).end()
    }

    /// Whoever looks at a job comes back when it is over.
    fn look_away(&self, words: &[String]) {
        if let [jobs, job] = words
            && jobs == "jobs"
        {
            process_harness::until("the job is over", || {
                let told = self.run(&[&["--json".to_owned()][..], words].concat());
                assert_eq!(told.code, Some(0), "{job}: {told:?}");
                told.out.contains("\"printed\"").then_some(())
            });
        }
    }

    /// As its unit would, from the configuration that the reader has written by now.
    fn serve(&mut self) {
        let config = self.path("etc/platen.toml");
        // What a simulated printer is, no reader's has: it is faster, and its files lay nothing.
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains("name = \"printer-1\""), "the page has found it: {text}");
        fs::write(&config, format!("{text}simulated_speed = 200\n{TEST_BENCH}")).unwrap();
        let mut process =
            Process::spawn(&mut command(env!("CARGO_BIN_EXE_platen"), &["serve", "--config", &config]));
        let url = process.page();
        self.daemon = Some((process, url));
        process_harness::until("the printer is ready", || {
            let told = self.run(&words("--json printers printer-1"));
            (told.code == Some(0) && told.out.contains("\"ready\"")).then_some(())
        });
    }
}

#[test]
fn every_command_of_the_pages_for_users_does_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let by_id = folder.path().join("dev/serial/by-id");
    fs::create_dir_all(&by_id).unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    let mut rig = RigConfig::new(Face::Marlin21, 115_200, 0, 7);
    rig.firmware.home_us = 1_000_000;
    let link = Some(folder.path().join("tty"));
    let board = PrinterConfig { name: "mk".into(), rig, link, speed: 200.0, record: None };
    let _board = Printer::spawn(board).unwrap();
    symlink(folder.path().join("tty"), by_id.join("usb-Prusa_MK3-if00")).unwrap();
    let text = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [[printer]]\nname = \"mk3-07\"\nport = \"/dev/serial/by-id/none\"\nbaud = 115200\n",
        folder.path().join("state")
    );
    fs::write(folder.path().join("etc/platen.toml"), text).unwrap();
    for (name, moves) in [("guide", 200), ("night", 20_000)] {
        fs::write(folder.path().join(format!("{name}.gcode")), gcode(name, moves)).unwrap();
    }
    let mut machine = Machine { folder, daemon: None, known: BTreeMap::new() };
    let mut done = 0;
    for step in PAGES.iter().flat_map(|page| steps(page)) {
        if step.kind == "root" {
            if step.typed == STARTS_BEHIND && machine.daemon.is_none() {
                machine.serve();
            }
            continue;
        }
        let words = words(&step.typed);
        assert_eq!(words[0], "platen", "{}", step.place);
        machine.look_away(&words[1..]);
        let told = machine.run(&words[1..]);
        let is_judge = JUDGES.contains(&words[1].as_str());
        let fits = if is_judge { matches!(told.code, Some(0 | 1)) } else { told.code == Some(0) };
        assert!(fits && !told.out.is_empty(), "{}: {told:?}", step.place);
        learn(&step, &told.out, &mut machine.known);
        done += 1;
    }
    assert!(done > 20, "only {done} commands were found");
    assert!(machine.daemon.is_some());
}

/// What only root may do, or only a real machine has.
#[test]
fn what_needs_root_names_units_packages_and_flags_that_there_are() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap();
    let ours = format!("./platen_{version}-1_amd64.deb");
    let suggested = manifest["package"]["metadata"]["deb"]["suggests"].as_str().unwrap();
    let is_unit = |unit: &str| {
        let file = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
        suggested.split(", ").any(|other| other == unit)
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("config/systemd").join(file).exists()
    };
    let mut seen = 0;
    for step in PAGES.iter().flat_map(|page| steps(page)).filter(|step| step.kind == "root") {
        let words = words(&step.typed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["platen", ..] => {
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{}: {error}", step.place);
                }
            }
            ["apt", "install", package] if package.starts_with("./") => {
                assert_eq!(*package, ours, "{}", step.place);
            }
            ["apt", "install", package] => {
                assert!(suggested.split(", ").any(|other| other == *package), "{}", step.place);
            }
            ["systemctl", "restart", unit] | ["systemctl", "enable", "--now", unit] => {
                assert!(is_unit(unit), "{}", step.place);
            }
            ["journalctl", "-u", unit, "-e"] => assert!(is_unit(unit), "{}", step.place),
            _ => panic!("{}: this test does not know it", step.place),
        }
        seen += 1;
    }
    assert!(seen > 10, "only {seen} were found");
}

#[test]
fn a_reader_puts_what_came_in_place_of_what_is_shown() {
    assert_eq!(
        words("platen cases add-part C \"cutting guide\"  x"),
        ["platen", "cases", "add-part", "C", "cutting guide", "x"]
    );
    assert!(
        is_id("8d9pt4rp55t2b")
            && is_id("fx08tadv307e8h1j")
            && !is_id("cutting-guide")
            && !is_id("interrupted")
    );
    let step = Step {
        place: String::new(),
        kind: "console",
        typed: String::new(),
        shown: vec!["part 1 of case 8d9pt4rp55t2b: guide".into()],
    };
    let mut known = BTreeMap::new();
    learn(&step, "part 1 of case 0a1b2c3d4e5f6: guide\n", &mut known);
    assert_eq!(known["8d9pt4rp55t2b"], "0a1b2c3d4e5f6");
    let unlearnt = std::panic::catch_unwind(|| learn(&step, "nothing of it\n", &mut BTreeMap::new()));
    assert!(unlearnt.is_err());
}
