//! What nobody means well with: wrong keys, files without end, names with a purpose, uploads that break off.

use std::sync::Barrier;
use std::thread;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::Challenge;
use crate::wire::{Answer, BOUNDARY, Length, Part, Wire, ask, chunked, form, form_head, put_head};
use crate::world::{Lab, PRINTER, gcode, until};

const WRONG: &str = "platen_0000000000000_0000000000000000000000000000000000000000000000000000000000000000";
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The least that a lab may take.
const ONE_MEGABYTE: &str = "upload_max_mb = 1";

fn places() -> [String; 2] {
    [String::new(), format!("/p/{PRINTER}")]
}

/// A request without a body that matters.
fn plain(lab: &Lab, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let (host, length) = (lab.host(), body.len());
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A whole form by POST, as a slicer with the right key sends it.
fn post_form(lab: &Lab, path: &str, parts: &[Part<'_>]) -> Vec<u8> {
    let body = form(parts);
    let mut bytes =
        form_head("POST", path, &lab.host(), &lab.key, &Length::Declared(body.len())).into_bytes();
    bytes.extend(body);
    bytes
}

fn ids(lab: &Lab) -> Vec<String> {
    lab.uploads().iter().map(|upload| upload["id"].as_str().unwrap().to_owned()).collect()
}

/// What was refused has left nothing, and what is good still goes.
fn nothing_is_left(lab: &Lab, of: &str) {
    until(&format!("no file is left of {of}"), || lab.kept_files().is_empty().then_some(()));
    assert_eq!(ids(lab), Vec::<String>::new(), "{of}");
    let page = lab.get(&format!("/v1/printers/{PRINTER}"));
    assert!(page["state"].is_string(), "{of}: {page}");
}

/// Every way in that asks who it is.
fn ways_in(lab: &Lab, place: &str, headers: &str) -> Vec<(String, Vec<u8>)> {
    let upgrade = format!(
        "{headers}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    let asked = [
        ("GET", "/api/version", ""),
        ("GET", "/api/server", ""),
        ("GET", "/api/printer", ""),
        ("GET", "/api/job", ""),
        ("GET", "/api/files", ""),
        ("GET", "/api/settings", ""),
        ("POST", "/api/job", r#"{"command":"cancel"}"#),
        ("POST", "/api/files/local", ""),
        ("POST", "/api/files/local/a.gcode", r#"{"command":"select","print":true}"#),
        ("GET", "/api/v1/status", ""),
        ("GET", "/api/v1/job", ""),
        ("GET", "/api/v1/storage", ""),
        ("PUT", "/api/v1/files/local/a.gcode", "G28\n"),
        ("GET", "/server/info", ""),
        ("GET", "/printer/info", ""),
        ("GET", "/printer/objects/query?print_stats", ""),
        ("POST", "/server/files/upload", ""),
        ("POST", "/printer/print/cancel", ""),
    ];
    let mut all: Vec<_> = asked
        .iter()
        .map(|(method, path, body)| {
            (format!("{method} {place}{path}"), plain(lab, method, &format!("{place}{path}"), headers, body))
        })
        .collect();
    let path = format!("{place}/websocket");
    let upgrading = plain(lab, "GET", &path, &upgrade, "");
    let upgrading = String::from_utf8(upgrading).unwrap().replace("Connection: close", "Connection: Upgrade");
    all.push((format!("GET {path}"), upgrading.into_bytes()));
    all
}

fn hold_refused(lab: &Lab, what: &str, answer: &Answer, shown: &str) {
    assert!(matches!(answer.status, 401 | 403), "{what}: {answer:?}");
    // A short one may be a word of the answer's own.
    let shown = if shown.len() < 30 { WRONG } else { shown };
    for secret in [shown, lab.key.as_str()] {
        assert!(!format!("{answer:?}").contains(secret), "{what}: a key comes back: {answer:?}");
    }
}

#[test]
fn a_wrong_key_opens_nothing_however_it_is_shown() {
    let lab = Lab::open();
    let almost = format!("{}0", &lab.key[..lab.key.len() - 1]);
    let almost = if almost == lab.key { format!("{}1", &lab.key[..lab.key.len() - 1]) } else { almost };
    for place in places() {
        for key in [WRONG, almost.as_str(), "platen_", "maker", "0123456789ABCDEF0123456789ABCDEF"] {
            for headers in [format!("X-Api-Key: {key}\r\n"), format!("Authorization: Bearer {key}\r\n")] {
                for (what, request) in ways_in(&lab, &place, &headers) {
                    hold_refused(&lab, &format!("{what} with {headers:?}"), &ask(lab.address, &request), key);
                }
            }
        }
        for (what, request) in ways_in(&lab, &place, "") {
            hold_refused(&lab, &what, &ask(lab.address, &request), WRONG);
        }
    }
    nothing_is_left(&lab, "uploads with a wrong key");
    assert!(!lab.process.err().contains(&lab.key[..30]), "a key is in the log");
    assert!(!lab.process.err().contains(WRONG), "a key is in the log");
}

fn challenge(lab: &Lab) -> Challenge {
    let bare = ask(lab.address, &plain(lab, "GET", "/api/v1/status", "", ""));
    assert_eq!(bare.status, 401, "{bare:?}");
    bare.headers("www-authenticate").find_map(Challenge::read).expect("a challenge that slicers know")
}

#[test]
fn a_digest_of_something_else_opens_nothing() {
    let lab = Lab::open();
    let asked = |path: &str, answer: &str| {
        let headers = format!("Authorization: {answer}\r\n");
        ask(lab.address, &plain(&lab, "GET", path, &headers, "")).status
    };
    let (status, info) = (format!("/p/{PRINTER}/api/v1/status"), format!("/p/{PRINTER}/api/v1/info"));
    let given = challenge(&lab);
    let right = given.answer("GET", &status, &lab.key, 1);
    assert_eq!(asked(&status, &right), 200, "the right one");
    assert!(matches!(asked(&info, &right), 400 | 401), "one for another path");
    let cases = [
        ("another password", given.answer("GET", &status, WRONG, 2)),
        ("another method", given.answer("PUT", &status, &lab.key, 2)),
        ("another nonce", given.answer("GET", &status, &lab.key, 2).replace("nonce=\"", "nonce=\"0")),
        ("no response", given.answer("GET", &status, &lab.key, 2).replace("response=", "answer=")),
        ("an empty one", "Digest ".to_owned()),
        ("nonsense", "Digest username=\"maker".to_owned()),
        ("a long one", format!("Digest username=\"{}\"", "m".repeat(8 * KIB))),
    ];
    for (what, answer) in cases {
        assert!(matches!(asked(&status, &answer), 400 | 401 | 431), "{what}");
    }
    assert_eq!(
        asked(&status, &given.answer("GET", &status, &lab.key, 3)),
        200,
        "the right one after all of them"
    );
}

/// Too much, in the ways in which it can be sent.
fn too_much(lab: &Lab, place: &str) -> Vec<(String, Vec<u8>)> {
    let big = gcode("too much", 120_000).into_bytes();
    assert!(big.len() > 2 * MIB);
    let (host, key) = (lab.host(), lab.key.as_str());
    let body = form(&[Part::Field("print", "true"), Part::File(b"big.gcode", &big)]);
    let post = |path: &str, length: &Length| form_head("POST", &format!("{place}{path}"), &host, key, length);
    let put = |path: &str, length: &Length| put_head(&format!("{place}{path}"), &host, key, length);
    let mut all = Vec::new();
    type Head<'h> = &'h dyn Fn(&str, &Length) -> String;
    let ways: [(&str, &str, Head<'_>, &[u8]); 3] = [
        ("OctoPrint", "/api/files/local", &post, &body),
        ("Moonraker", "/server/files/upload", &post, &body),
        ("PrusaLink", "/api/v1/files/local/big.gcode", &put, &big),
    ];
    for (who, path, head, body) in ways {
        let declared = head(path, &Length::Declared(body.len()));
        let waiting = declared.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
        let undeclared = head(path, &Length::Chunked);
        for (how, head, body) in [
            ("declared", declared, body.to_vec()),
            ("waiting", waiting, body.to_vec()),
            ("undeclared", undeclared, chunked(body, 8 * KIB)),
        ] {
            all.push((format!("{who}, {how}"), [head.into_bytes(), body].concat()));
        }
    }
    all
}

#[test]
fn a_file_beyond_the_limit_is_refused_whether_its_length_is_declared_or_not() {
    let lab = Lab::with(ONE_MEGABYTE);
    for place in places() {
        for (what, request) in too_much(&lab, &place) {
            let answer = ask(lab.address, &request);
            // Whoever goes on sending after the refusal may find the connection closed before they read it.
            assert!(matches!(answer.status, 413 | 0), "{what} at {place:?}: {answer:?}");
            // Whoever has asked whether to send it is told at once, in words.
            let waits = what.ends_with("waiting");
            assert!(!waits || answer.status == 413, "{what} at {place:?}: {answer:?}");
        }
    }
    nothing_is_left(&lab, "files beyond the limit");
    let small = gcode("small", 20).into_bytes();
    let good = ask(lab.address, &post_form(&lab, "/api/files/local", &[Part::File(b"a.gcode", &small)]));
    assert_eq!(good.status, 201, "{good:?}");
}

/// Names that mean no good, and what of each must come back nowhere.
fn bad_names() -> Vec<(Vec<u8>, &'static [&'static str])> {
    let long = [b"QUIMBY".as_slice(), "x".repeat(4 * KIB).as_bytes(), b".gcode"].concat();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text("../../../../etc/passwd"), &["passwd", ".."]),
        (text("..\\..\\windows\\system32\\quimby.gcode"), &["system32", "..", "quimby"]),
        (text("/etc/quimby.gcode"), &["/etc", "quimby"]),
        (text("QUIMBY^JOSEPHINE.gcode"), &["quimby", "josephine"]),
        (text("Müller, Jürgen *1960-05-12*.gcode"), &["müller", "jürgen", "m\\u00fcller", "1960-05-12"]),
        (text("Quimby Josephine 4711-0815 left hand.gcode"), &["quimby", "josephine", "4711-0815"]),
        (text("<script>alert('quimby')</script>.gcode"), &["<script", "alert", "quimby"]),
        (text("%22 onload=%22quimby().gcode"), &["onload", "quimby"]),
        (text("a\\\"quimby\\\".gcode"), &["quimby"]),
        (text("$(quimby).gcode"), &["$(", "quimby"]),
        (text("quimby\u{202e}edocg.exe"), &["quimby", "\u{202e}"]),
        (b"quimby\0.gcode".to_vec(), &["quimby", "\0"]),
        (b"quimby\xff\xfe.gcode".to_vec(), &["quimby", "\u{fffd}"]),
        (long, &["quimby", "xxxxxxxx"]),
        (text(""), &[]),
    ]
}

/// All that anybody may be told of files.
fn all_that_is_told(lab: &Lab) -> String {
    let paths = [
        "/v1/uploads",
        "/v1/jobs",
        "/api/files?recursive=true",
        "/api/files/local?recursive=true",
        "/api/job",
        "/api/v1/files/local",
        "/api/v1/files/local/",
        "/api/v1/job",
        "/server/files/list?root=gcodes",
        "/server/files/directory?path=gcodes",
        "/printer/objects/query?print_stats",
    ];
    let mut told = String::new();
    for place in places() {
        for path in paths {
            let path = if path.starts_with("/v1/") { path.to_owned() } else { format!("{place}{path}") };
            told += &format!("{path}: {}\n", lab.text(&path));
        }
    }
    told
}

fn hold_clean(told: &str, of: &str, secrets: &[&str]) {
    let lower = told.to_lowercase();
    for secret in secrets {
        if let Some(at) = lower.find(secret) {
            let from = lower[..at].char_indices().rev().take(200).last().map_or(0, |(at, _)| at);
            let around: String = lower[from..].chars().take(400).collect();
            panic!("{secret:?} of {of} comes back: …{around}…");
        }
    }
}

#[test]
fn what_a_file_is_called_comes_back_nowhere() {
    let lab = Lab::open();
    for (at, (name, secrets)) in bad_names().into_iter().enumerate() {
        let shown = String::from_utf8_lossy(&name).chars().take(60).collect::<String>();
        for place in places() {
            let content = gcode(&format!("{at} {place}"), 20).into_bytes();
            for path in ["/api/files/local", "/server/files/upload"] {
                let parts = [
                    Part::Field("path", "Quimby/Josephine"),
                    Part::Field("print", "false"),
                    Part::File(&name, &content),
                ];
                let answer = ask(lab.address, &post_form(&lab, &format!("{place}{path}"), &parts));
                assert!(matches!(answer.status, 201 | 400 | 415 | 422), "{path} {shown:?}: {answer:?}");
                let told = format!("{}\n{}", answer.head, answer.body);
                hold_clean(&told, &format!("{path} {shown}"), secrets);
                hold_clean(&told, &format!("{path} {shown}"), &["quimby", "josephine"]);
            }
        }
        let everything = all_that_is_told(&lab);
        hold_clean(&everything, &shown, if name.is_empty() { &[] } else { secrets_of_json(secrets) });
    }
    let put = "/api/v1/files/local/Quimby/%2e%2e/%00/M%C3%BCller%20J%C3%BCrgen.gcode";
    let body = gcode("put", 20);
    let headers = format!("X-Api-Key: {}\r\n", lab.key);
    let request = String::from_utf8(plain(&lab, "PUT", put, &headers, &body)).unwrap();
    let answer = ask(lab.address, request.replace("application/json", "text/x.gcode").as_bytes());
    assert!(matches!(answer.status, 201 | 400 | 404 | 415 | 422), "{answer:?}");
    let people = ["quimby", "josephine", "müller", "jürgen", "m%c3%bcller", "1960-05-12", "4711-0815"];
    hold_clean(&format!("{answer:?}"), "a PUT", &people);
    hold_clean(&all_that_is_told(&lab), "all of them", &people);
    hold_clean(&lab.process.err(), "the log", &people);
    hold_clean(&lab.process.out(), "the output", &people);
    for upload in lab.uploads() {
        let name = upload["name"].as_str().unwrap();
        let harmless = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ".contains(c));
        assert!(harmless && name.len() < 128 && !name.contains(".."), "{upload}");
    }
}

/// Of those, what no JSON of ours has in it anyway.
fn secrets_of_json(secrets: &'static [&'static str]) -> &'static [&'static str] {
    // `..` and the like are judged name by name.
    if secrets.contains(&"..") { &secrets[..1] } else { secrets }
}

/// Uploads that are not whole, and whether the connection may break off before an answer.
fn broken(lab: &Lab, path: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    let file = gcode("broken", 300).into_bytes();
    let (host, key) = (lab.host(), lab.key.as_str());
    let whole = form(&[Part::Field("print", "true"), Part::File(b"a.gcode", &file)]);
    let head = |length: usize| form_head("POST", path, &host, key, &Length::Declared(length));
    let with = |head: String, body: &[u8]| [head.as_bytes(), body].concat();
    let sent = |body: Vec<u8>| with(head(body.len()), &body);
    let text = String::from_utf8(whole.clone()).unwrap();
    let half = &whole[..whole.len() / 2];
    let no_end = text.strip_suffix(&format!("--{BOUNDARY}--\r\n")).unwrap();
    let two = form(&[Part::File(b"a.gcode", &file), Part::File(b"b.gcode", &file)]);
    let none = form(&[Part::Field("print", "true"), Part::Field("path", "")]);
    let long = form(&[Part::Field("path", &"x".repeat(256 * KIB)), Part::File(b"a.gcode", &file)]);
    let many: Vec<_> =
        (0..5_000).map(|_| Part::Field("print", "true")).chain([Part::File(b"a.gcode", &file)]).collect();
    let program = form(&[Part::File(b"a.gcode", &b"\x7fELF\x02\x01\x01 and so on".repeat(20))]);
    let other = head(whole.len()).replace(&format!("boundary={BOUNDARY}"), "boundary=another");
    let bare = head(whole.len()).replace(&format!("; boundary={BOUNDARY}"), "");
    let json = head(2).replace(&format!("multipart/form-data; boundary={BOUNDARY}"), "application/json");
    let cut_chunks = chunked(&whole, KIB);
    let in_chunks = form_head("POST", path, &host, key, &Length::Chunked);
    let bad_chunks = [b"zz\r\n".as_slice(), &whole, b"\r\n0\r\n\r\n"].concat();
    vec![
        ("cut in the middle", with(head(whole.len()), half), true),
        ("cut in the middle, and declared so", sent(half.to_vec()), false),
        ("without its last boundary", sent(no_end.as_bytes().to_vec()), false),
        ("with another boundary", with(other, &whole), false),
        ("without a boundary", with(bare, &whole), false),
        ("no form at all", with(json, b"{}"), false),
        ("without a file", sent(none), false),
        ("with two files", sent(two), false),
        ("with an empty file", sent(form(&[Part::File(b"a.gcode", b"")])), false),
        ("with a program as its file", sent(program), false),
        ("with a field without end", sent(long), true),
        ("with fields without end", sent(form(&many)), true),
        ("empty", sent(Vec::new()), false),
        ("chunks that are cut", with(in_chunks.clone(), &cut_chunks[..cut_chunks.len() / 2]), true),
        ("chunks that are none", with(in_chunks, &bad_chunks), true),
    ]
}

#[test]
fn an_upload_that_is_not_whole_is_refused_and_leaves_nothing() {
    let lab = Lab::open();
    for place in places() {
        for path in ["/api/files/local", "/server/files/upload"] {
            for (what, request, breaks_off) in broken(&lab, &format!("{place}{path}")) {
                let mut wire = Wire::open(lab.address);
                wire.send(&request);
                if breaks_off {
                    wire.hang_up();
                }
                let answer = wire.final_answer("post");
                let refused = (400..500).contains(&answer.status) || breaks_off && answer.status == 0;
                assert!(refused, "{what} at {place}{path}: {answer:?}");
                assert!(!answer.body.contains("panicked"), "{what}: {answer:?}");
            }
        }
    }
    nothing_is_left(&lab, "broken uploads");
}

#[test]
fn a_put_that_is_not_whole_is_refused_and_leaves_nothing() {
    let lab = Lab::open();
    let file = gcode("put", 2_000).into_bytes();
    for place in places() {
        let path = format!("{place}/api/v1/files/local/a.gcode");
        let head = put_head(&path, &lab.host(), &lab.key, &Length::Declared(file.len()));
        let empty = head.replace(&format!("Content-Length: {}", file.len()), "Content-Length: 0");
        for (what, request) in [
            ("cut in the middle", [head.as_bytes(), &file[..file.len() / 2]].concat()),
            ("empty", empty.into_bytes()),
        ] {
            let mut wire = Wire::open(lab.address);
            wire.send(&request);
            wire.hang_up();
            let answer = wire.final_answer("put");
            assert!((400..500).contains(&answer.status) || answer.status == 0, "{what}: {answer:?}");
        }
    }
    nothing_is_left(&lab, "broken PUTs");
}

#[test]
fn a_whole_upload_in_chunks_is_taken() {
    let lab = Lab::open();
    let body =
        form(&[Part::Field("print", "false"), Part::File(b"a.gcode", gcode("chunks", 2_000).as_bytes())]);
    let head = form_head("POST", "/api/files/local", &lab.host(), &lab.key, &Length::Chunked);
    let answer = ask(lab.address, &[head.as_bytes(), &chunked(&body, 7)].concat());
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(lab.uploads().len(), 1);
}

#[test]
fn a_file_that_is_not_what_its_checksum_says_is_refused_and_leaves_nothing() {
    let lab = Lab::open();
    let file = gcode("checksum", 20).into_bytes();
    let right: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong = format!("{}{}", if right.starts_with('0') { '1' } else { '0' }, &right[1..]);
    for place in places() {
        let path = format!("{place}/server/files/upload");
        for checksum in [wrong.as_str(), "0", "not a checksum", &right[1..]] {
            for before in [true, false] {
                let mut parts = vec![Part::Field("checksum", checksum), Part::File(b"a.gcode", &file)];
                if !before {
                    parts.reverse();
                }
                let answer = ask(lab.address, &post_form(&lab, &path, &parts));
                assert_eq!(answer.status, 422, "{checksum:?} at {path}: {answer:?}");
            }
        }
    }
    nothing_is_left(&lab, "files that are not what their checksum says");
    for checksum in [right.to_uppercase(), right] {
        let parts = [Part::File(b"a.gcode", &file), Part::Field("checksum", &checksum)];
        let answer = ask(lab.address, &post_form(&lab, "/server/files/upload", &parts));
        assert_eq!(answer.status, 201, "{checksum}: {answer:?}");
    }
}

/// G-code of about 256 KiB, another one for each number.
fn quarter_megabyte(number: usize) -> Vec<u8> {
    let mut file = gcode(&format!("one of many: {number}"), 20);
    let line = format!("; {}\n", "x".repeat(60));
    file.push_str(&line.repeat((256 * KIB - file.len()) / line.len()));
    file.into_bytes()
}

/// Sends so many files at once, from this number on; all of them are taken.
fn send_at_once(lab: &Lab, from: usize, many: usize) {
    let barrier = Barrier::new(many);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let senders: Vec<_> = (from..from + many)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let path = ["/api/files/local", "/server/files/upload"][number % 2];
                    let path = format!("{}{path}", places()[number / 2 % 2]);
                    let file = quarter_megabyte(number);
                    let request = post_form(lab, &path, &[Part::File(b"many.gcode", &file)]);
                    barrier.wait();
                    ask(lab.address, &request)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

#[test]
fn two_hundred_uploads_at_once_are_all_taken_and_two_hundred_more_need_no_more_memory() {
    const AT_ONCE: usize = 200;
    let lab = Lab::open();
    let before = lab.process.peak_memory();
    send_at_once(&lab, 0, AT_ONCE);
    let first = lab.process.peak_memory();
    send_at_once(&lab, AT_ONCE, AT_ONCE);
    let second = lab.process.peak_memory();
    let waiting = lab.uploads().into_iter().filter(|upload| upload["state"] == "unassigned").count();
    assert_eq!(waiting, 2 * AT_ONCE);
    let (grown, more) = (first - before, second - first);
    println!("{grown} KiB for the first, {more} KiB for as many more");
    // 50 MiB are sent. What waits for its turn is not read, and nothing stays behind.
    assert!(grown < 64 * KIB as u64, "{grown} KiB more than before");
    assert!(more < 32 * KIB as u64, "{more} KiB more for the second time");
    assert_eq!(lab.get("/v1/jobs"), Value::Array(Vec::new()));
}
