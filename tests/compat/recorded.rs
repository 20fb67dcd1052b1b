//! What slicers send, byte by byte (`recorded/README.md`), at the root, at one printer, and with a case.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::Challenge;
use crate::wire::{Answer, Wire};
use crate::world::{Lab, PRINTER, gcode};

const MEGABYTE: usize = 1 << 20;

/// What has to come back.
enum Wanted {
    Status(Vec<u16>),
    Header(String, String),
    Json(String, Option<String>),
    First(String),
}

/// Whether a file is a job afterwards.
#[derive(Clone, Copy, PartialEq)]
enum Becomes {
    Queued,
    Unassigned,
    /// A job where the path has a case.
    AsThePath,
}

struct Step {
    wanted: Vec<Wanted>,
    becomes: Becomes,
    request: String,
}

impl Step {
    fn read(text: &str) -> Self {
        let mut step = Self { wanted: Vec::new(), becomes: Becomes::AsThePath, request: String::new() };
        let mut lines = text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next_if(|line| line.starts_with("##") || line.starts_with("<<")) {
            if let Some(wanted) = line.trim_end().strip_prefix("<< ") {
                step.wants(wanted);
            }
        }
        step.request = lines.collect();
        step
    }

    fn wants(&mut self, line: &str) {
        let (kind, rest) = line.split_once(' ').unwrap_or_else(|| panic!("what is wanted: {line}"));
        let pair = || rest.split_once(" = ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.wanted.push(match kind {
            "status" => Wanted::Status(rest.split(' ').map(|status| status.parse().unwrap()).collect()),
            "first" => Wanted::First(rest.to_owned()),
            "header" => pair().map(|(name, glob)| Wanted::Header(name, glob)).unwrap(),
            "json" => pair().map(|(at, glob)| Wanted::Json(at, (glob != "*").then_some(glob))).unwrap(),
            "becomes" => {
                self.becomes = if rest == "queued" { Becomes::Queued } else { Becomes::Unassigned };
                return;
            }
            other => panic!("nobody knows how to want {other}: {line}"),
        });
    }

    fn sends_a_file(&self) -> bool {
        self.request.contains("{{FILE}}") || self.request.contains("{{BIGFILE}}")
    }
}

/// Whether a text is of this pattern, where `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// A recording as it is played once.
struct Play<'l> {
    lab: &'l Lab,
    base: String,
    case: &'l str,
    name: String,
    wire: Wire,
    challenge: Option<Challenge>,
    count: u32,
    location: String,
    file: String,
}

impl<'l> Play<'l> {
    fn new(lab: &'l Lab, base: String, case: &'l str, name: String) -> Self {
        let wire = Wire::open(lab.address);
        Self {
            lab,
            base,
            case,
            name,
            wire,
            challenge: None,
            count: 0,
            location: String::new(),
            file: String::new(),
        }
    }

    fn has_case(&self) -> bool {
        self.base.contains("/c/")
    }

    /// The file of this step; another one each time.
    fn make_file(&mut self, step: &Step) {
        let mark = format!("{} {}", self.name, self.base);
        let mut file = gcode(&mark, 20);
        if step.request.contains("{{BIGFILE}}") {
            let line = format!("; {}\n", "x".repeat(60));
            file.push_str(&line.repeat(MEGABYTE / line.len() + 1));
        }
        self.file = file;
    }

    /// The bytes that go over the wire.
    fn bytes(&mut self, step: &Step) -> Vec<u8> {
        self.make_file(step);
        let lab = self.lab;
        let sum: String =
            Sha256::digest(self.file.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("------------------------{:0>22}", self.name.len());
        let text = step.request.replace('\n', "\r\n");
        let text = text.replace("{{BASE}}", &self.base).replace("{{HOST}}", &lab.host());
        let text = text.replace("{{KEY}}", &lab.key).replace("{{CASE}}", self.case).replace("{{PART}}", "1");
        let text = text.replace("{{BOUNDARY}}", &boundary).replace("{{NAME}}", &self.name);
        let text = text.replace("{{SHA256}}", &sum).replace("{{LOCATION}}", &self.location);
        let (head, body) = text.split_once("\r\n\r\n").expect("an empty line after the head");
        // A form ends its last line, and nothing else does.
        let is_form = body.starts_with("--");
        let body = if is_form { body } else { body.strip_suffix("\r\n").unwrap_or(body) };
        let body = body.replace("{{FILE}}", &self.file).replace("{{BIGFILE}}", &self.file);
        let head = head.replace("{{LENGTH}}", &body.len().to_string());
        let head = self.with_digest(head);
        format!("{head}\r\n\r\n{body}").into_bytes()
    }

    fn with_digest(&mut self, head: String) -> String {
        if !head.contains("{{DIGEST}}") {
            return head;
        }
        self.count += 1;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let challenge = self.challenge.as_ref().expect("a challenge before its answer");
        let answer = challenge.answer(method, path, &self.lab.key, self.count);
        head.replace("{{DIGEST}}", &answer)
    }

    fn play(&mut self, step: &Step, told: &str) {
        let known = self.ids();
        let bytes = self.bytes(step);
        let answer = self.wire.exchange(&bytes);
        self.note(&answer);
        for wanted in &step.wanted {
            self.hold(wanted, &answer, told);
        }
        if step.sends_a_file() {
            self.hold_upload(step, &known, told);
        }
        if answer.status == 0
            || answer.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"))
        {
            self.wire = Wire::open(self.lab.address);
        }
    }

    fn note(&mut self, answer: &Answer) {
        if let Some(challenge) = answer.headers("www-authenticate").find_map(Challenge::read) {
            (self.challenge, self.count) = (Some(challenge), 0);
        }
        if let Some(location) = answer.header("location") {
            let path = location.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
            self.location = path.map_or_else(|| location.to_owned(), |(_, path)| format!("/{path}"));
        }
    }

    fn hold(&self, wanted: &Wanted, answer: &Answer, told: &str) {
        let at = format!("{told} at {:?}", self.base);
        match wanted {
            Wanted::Status(any) => assert!(any.contains(&answer.status), "{at}: {any:?} of {answer:?}"),
            Wanted::Header(name, glob) => {
                let glob = glob.replace("{{HOST}}", &self.lab.host());
                let value = answer.header(name);
                assert!(
                    value.is_some_and(|value| is_like(&glob, value)),
                    "{at}: {name} like {glob} of {answer:?}"
                );
            }
            Wanted::Json(pointer, glob) => {
                let json = answer.json();
                let found = json.pointer(pointer);
                let text = found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                let like = text.is_some_and(|text| glob.as_ref().is_none_or(|glob| is_like(glob, &text)));
                assert!(like, "{at}: {pointer} like {glob:?} of {answer:?}");
            }
            Wanted::First(name) => {
                let begin = format!("{{\"{name}\"");
                assert!(answer.body.trim_start().starts_with(&begin), "{at}: {name} first of {answer:?}");
            }
        }
    }

    fn ids(&self) -> BTreeSet<String> {
        self.lab.uploads().iter().map(|upload| upload["id"].as_str().unwrap().to_owned()).collect()
    }

    /// There is one upload more, of this file, and it is a job if it should be.
    fn hold_upload(&self, step: &Step, known: &BTreeSet<String>, told: &str) {
        let at = format!("{told} at {:?}", self.base);
        let all = self.lab.uploads();
        let new: Vec<&Value> =
            all.iter().filter(|upload| !known.contains(upload["id"].as_str().unwrap())).collect();
        assert_eq!(new.len(), 1, "{at}: one file more: {new:?}");
        let upload = new[0];
        assert_eq!(upload["bytes"].as_u64().unwrap(), self.file.len() as u64, "{at}: {upload}");
        let queued = match step.becomes {
            Becomes::Queued => true,
            Becomes::Unassigned => false,
            Becomes::AsThePath => self.has_case(),
        };
        let state = if queued { "queued" } else { "unassigned" };
        assert_eq!(upload["state"], state, "{at}: {upload}");
        assert_eq!(upload["job"].is_string(), queued, "{at}: {upload}");
        if self.base.starts_with("/p/") {
            assert_eq!(upload["printer"], PRINTER, "{at}: {upload}");
        }
    }
}

fn recordings() -> Vec<(String, Vec<Step>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/recorded");
    let mut found: Vec<(String, Vec<Step>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "http"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, text.split("=====\n").map(Step::read).collect())
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found.len() >= 12, "{}", found.len());
    found
}

/// Plays every recording at one place.
fn play_all(lab: &Lab, base: &str, case: &str) {
    for (at, (recording, steps)) in recordings().iter().enumerate() {
        let mut play = Play::new(lab, base.to_owned(), case, format!("bracket-{at}"));
        for (number, step) in steps.iter().enumerate() {
            play.play(step, &format!("{recording}, step {}", number + 1));
        }
    }
}

#[test]
fn what_slicers_send_is_taken_at_the_root_and_at_a_printer_and_waits_unless_it_names_its_case() {
    let lab = Lab::open();
    lab.wait_ready();
    let case = lab.case();
    for base in [String::new(), format!("/p/{PRINTER}")] {
        play_all(&lab, &base, &case);
    }
    let jobs = lab.get("/v1/jobs");
    // Those whose form names the case: two at each place.
    assert_eq!(jobs.as_array().unwrap().len(), 4, "{jobs}");
}

#[test]
fn what_slicers_send_with_a_case_in_their_address_is_queued() {
    let lab = Lab::open();
    lab.wait_ready();
    let case = lab.case();
    for base in [format!("/c/{case}/1"), format!("/p/{PRINTER}/c/{case}/1")] {
        play_all(&lab, &base, &case);
    }
}

#[test]
fn a_file_that_waits_is_tied_to_a_part_or_put_away_in_one_step() {
    let lab = Lab::open();
    let case = lab.case();
    play_all(&lab, "", &case);
    let waiting: Vec<Value> =
        lab.uploads().into_iter().filter(|upload| upload["state"] == "unassigned").collect();
    let [first, second] = [0, 1].map(|at| waiting[at]["id"].as_str().unwrap().to_owned());
    let part = serde_json::json!({"case": case, "part": 1});
    let (status, job) = lab.ask(&format!("/v1/uploads/{first}/assign"), &part);
    assert_eq!(status, 201, "{job}");
    let (status, again) = lab.ask(&format!("/v1/uploads/{first}/assign"), &part);
    assert_eq!(status, 409, "{again}");
    let (status, away) = lab.ask(&format!("/v1/uploads/{second}/dismiss"), &serde_json::json!({}));
    assert_eq!(status, 200, "{away}");
    let state = |id: &str| {
        let found = lab.uploads().into_iter().find(|upload| upload["id"] == id).unwrap();
        (found["state"].clone(), found["job"].clone())
    };
    assert_eq!(state(&first), ("queued".into(), job["id"].clone()));
    assert_eq!(state(&second), ("dismissed".into(), Value::Null));
}

#[test]
fn a_pattern_stands_for_what_it_says() {
    for (pattern, text) in
        [("*", ""), ("a*", "ab"), ("a*c*", "abcd"), ("ab", "ab"), ("*/x", "a/x"), ("a**b", "ab")]
    {
        assert!(is_like(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a*", "ba"), ("ab", "abc"), ("a*c", "ab"), ("*x*y", "yx")] {
        assert!(!is_like(pattern, text), "{pattern} {text}");
    }
}
