//! The native API over a real socket: yes only when it is durable, and a problem for everything else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::event::Actor;
use platen::domain::identity::Wrong;
use platen::domain::ids::{JobId, PrinterName};
use platen::domain::job::{Interruption, Progress};
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, StopProof};
use platen::io::store::Store as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{GCODE, lab, lab_with};

#[tokio::test]
async fn a_file_a_case_and_a_part_become_a_job() {
    let lab = lab().await;
    let file = lab.upload(GCODE).await;
    assert_eq!(file.status, 201, "{file:?}");
    let file = file.json();
    assert_eq!((&file["bytes"], &file["commands"]), (&json!(GCODE.len()), &json!(4)));
    let hash = file["file"].as_str().unwrap();
    assert_eq!(lab.get(&format!("/v1/files/{hash}")).await.json(), file);

    let case = lab.case().await;
    let seen = lab.get(&format!("/v1/cases/{case}")).await.json();
    let part = seen["parts"][0]["id"].as_str().unwrap();
    let job = lab.post("/v1/jobs", &json!({"file": hash, "case": case, "part": part})).await;
    assert_eq!(job.status, 201, "{job:?}");
    let place = job.header("location").unwrap().to_owned();
    let seen = lab.get(&place).await.json();
    assert_eq!((&seen["state"], &seen["part"]["name"]), (&json!("queued"), &json!("left hand")));
    assert_eq!(lab.get("/v1/jobs?state=queued").await.json().as_array().unwrap().len(), 1);
    for other in ["printing", "paused", "printed", "cancelled", "interrupted"] {
        assert_eq!(lab.get(&format!("/v1/jobs?state={other}")).await.json(), json!([]));
    }
    let unknown = lab.get("/v1/jobs?state=foo").await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (400, "unreadable-request"));
    for word in ["`foo`", "`queued`", "`printing`", "`paused`", "`printed`", "`cancelled`", "`interrupted`"] {
        assert!(unknown.json()["detail"].as_str().unwrap().contains(word), "{word}: {unknown:?}");
    }
    assert_eq!(lab.get("/v1/cases").await.json()[0]["jobs"], 1);
}

#[tokio::test]
async fn a_body_without_names_is_refused_in_plain_words() {
    let lab = lab().await;
    // In the order of the names, serde would take it for a case.
    for (path, body) in [("/v1/jobs", json!([])), ("/v1/cases", json!(["guide"])), ("/v1/jobs", json!([1]))] {
        let refused = lab.post(path, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "unreadable-request"), "{refused:?}");
        let told = refused.json();
        let detail = told["detail"].as_str().unwrap();
        assert!(
            detail.contains("it is a JSON array, and a JSON object is expected, which stands in braces"),
            "{told}"
        );
        assert!(told["help"].as_str().unwrap().contains("a body like {"), "{told}");
    }
}

#[tokio::test]
async fn a_file_is_judged_before_it_is_queued_and_a_warning_is_accepted_by_name() {
    const UNWAITED: &[u8] = b"G21\nG90\nM83\nG28\nM104 S200\nG1 X10 Y10 Z.2 E1 F600\nM104 S0\n";
    let lab = lab().await;
    let (case, file) = (lab.case().await, lab.upload(UNWAITED).await.json()["file"].clone());
    let asked = async |more: Value| {
        let mut new = json!({"file": file, "case": case, "part": 1});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lab.post("/v1/jobs", &new).await
    };
    let refused = asked(json!({})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "gate"), "{refused:?}");
    let told = refused.json();
    let finding = &told["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("heat.not_waited"), &json!("warning")));
    assert_eq!((&finding["line"], &finding["printers"]), (&json!(6), &json!(["mk3-01", "mk3-02", "away"])));
    assert!(
        told["detail"].as_str().unwrap().contains("any of the 3 printers: line 6: filament moves"),
        "{told}"
    );
    assert_eq!(told["findings"].as_array().unwrap().len(), 1, "each once, however many printers: {told}");
    let nameless = asked(json!({"accept": ["heat.not_waited"]})).await;
    assert_eq!((nameless.status, nameless.problem().as_str()), (400, "name-needed"));
    let unknown = asked(json!({"accept": ["heat.unwaited"], "by": "kim"})).await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (400, "not-a-finding"));
    let others = asked(json!({"accept": ["mode.shifted"], "by": "kim"})).await;
    assert_eq!((others.status, others.problem().as_str()), (422, "gate"));
    let both = json!({"accept": ["mode.shifted", "heat.not_waited"], "by": "kim", "printer": "mk3-02"});
    let beside = asked(both).await;
    assert_eq!(
        (beside.status, beside.problem().as_str()),
        (400, "not-a-finding"),
        "nobody found mode.shifted"
    );
    let found = json!({"accept": ["heat.not_waited"], "by": "kim", "printer": "mk3-02"});
    let job = asked(found).await;
    assert_eq!(job.status, 201, "{job:?}");
    let gate = job.json()["gate"].clone();
    assert_eq!((&gate["by"], &gate["accepted"]), (&json!("kim"), &json!(["heat.not_waited"])));

    let preflight = |hash: &str, more: &str| format!("/v1/files/{hash}/preflight{more}");
    let hash = file.as_str().unwrap();
    let told = lab.get(&preflight(hash, "?printer=mk3-01&material=PLA")).await.json();
    assert_eq!((&told["passes"], &told["layers"]), (&json!(false), &json!(1)), "{told}");
    assert_eq!(told["hottest_nozzle"], 200.0);
    for (path, status) in [
        (preflight(hash, ""), 400),
        (preflight(hash, "?printer=none"), 404),
        (preflight(&"0".repeat(64), "?printer=mk3-01"), 404),
    ] {
        assert_eq!(lab.get(&path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_waiting_job_says_for_each_printer_why() {
    let lab = lab().await;
    let case = lab.case().await;
    let first = lab.job(&case, Some("mk3-01")).await;
    let start = Request::StartJob { job: first.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    let second = lab.job(&case, None).await;
    let waiting = lab.get(&format!("/v1/jobs/{second}")).await.json()["waiting"].clone();
    let why = |printer: &str| {
        let all = waiting["printers"].as_array().unwrap();
        all.iter().find(|on| on["printer"] == printer).unwrap()["why"].as_str().unwrap().to_owned()
    };
    assert!(why("mk3-01").contains(&format!("it works on job {first}")), "{waiting}");
    assert_eq!(why("mk3-02"), "it is free, and the queue is being planned", "nobody plans here: {waiting}");
    assert!(why("away").contains("offline: no such port"), "{waiting}");
}

#[tokio::test]
async fn an_upload_may_be_a_form_with_one_file() {
    let lab = lab().await;
    let kind = "Content-Type: multipart/form-data; boundary=B\r\n";
    let form = |name: &str, end: &str| {
        let mut body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"../../etc/x.gcode\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(GCODE);
        body.extend_from_slice(end.as_bytes());
        body
    };
    let good = lab.send("POST", "/v1/files", kind, &form("file", "\r\n--B--\r\n")).await;
    assert_eq!(good.status, 201, "{good:?}");
    assert_eq!(good.json()["file"], lab.upload(GCODE).await.json()["file"]);
    for (name, end, problem) in [
        ("file", "", "upload-cut"),
        ("other", "\r\n--B--\r\n", "unreadable-request"),
        (
            "file",
            "\r\n--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--B--\r\n",
            "unreadable-request",
        ),
    ] {
        let bad = lab.send("POST", "/v1/files", kind, &form(name, end)).await;
        assert_eq!((bad.status, bad.problem().as_str()), (400, problem), "{name} {end:?}");
    }
}

#[tokio::test]
async fn nothing_is_kept_of_an_upload_that_was_cut() {
    let lab = lab().await;
    let head = format!("POST /v1/files HTTP/1.1\r\nHost: {}\r\n", lab.address);
    let cut =
        format!("{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nG28\nG\r\nnonsense\r\n");
    let answer = lab.raw(cut.as_bytes()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (400, "upload-cut"));
    let kept: Vec<_> = walk(&lab.folder.path().join("files"));
    assert!(kept.is_empty(), "{kept:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn an_upload_that_is_shorter_than_it_said_is_told_so() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let lab = lab().await;
    let mut stream = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    let head =
        format!("POST /v1/files HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\nG28\n", lab.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let answer = support::parse(&all);
    assert_eq!((answer.status, answer.problem().as_str()), (400, "upload-cut"));
}

#[tokio::test]
async fn an_upload_larger_than_the_limit_is_refused_by_its_length_and_by_counting() {
    let lab = lab().await;
    let big = b"G1 X1\n".repeat(200_000);
    let declared = lab.upload(&big).await;
    assert_eq!((declared.status, declared.problem().as_str()), (413, "too-large"));
    assert!(declared.body.contains("upload_max_mb"), "{declared:?}");
    let mut chunked = format!("{:x}\r\n", big.len()).into_bytes();
    chunked.extend_from_slice(&big);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let counted = lab.send("POST", "/v1/files", "Transfer-Encoding: chunked\r\n", &chunked).await;
    // The server may close before all is sent; then no answer arrives, but nothing is kept either.
    assert!(matches!(counted.status, 413 | 0), "{counted:?}");
    assert!(walk(&lab.folder.path().join("files")).is_empty());
}

#[tokio::test]
async fn every_bad_request_is_a_problem_and_never_a_panic() {
    let lab = lab().await;
    let case = lab.case().await;
    let hash = "a".repeat(64);
    let json_kind = "Content-Type: application/json\r\n";
    let long = "x".repeat(70_000);
    let job =
        |file: &str, case: &str, part: &str| format!(r#"{{"file":"{file}","case":"{case}","part":{part}}}"#);
    let case = case.as_str();
    #[rustfmt::skip]
    let table: Vec<(&str, String, &str, String, u16, &str)> = vec![
        // Names in the path.
        ("GET", "/v1/cases/short".into(), "", String::new(), 400, "not-a-name"),
        ("GET", "/v1/cases/%00%01%02%03%04%05%06%07%08%09%0a%0b%0c".into(), "", String::new(), 400, "not-a-name"),
        ("GET", "/v1/cases/%ff%fe".into(), "", String::new(), 400, "unreadable-request"),
        ("GET", "/v1/cases/..%2f..%2fetc%2fpasswd".into(), "", String::new(), 400, "not-a-name"),
        ("GET", "/v1/jobs/0000000000000000".into(), "", String::new(), 404, "no-such-job"),
        ("GET", "/v1/jobs/%F0%9F%92%A9".into(), "", String::new(), 400, "not-a-name"),
        ("GET", format!("/v1/files/{hash}"), "", String::new(), 404, "no-such-file"),
        ("GET", "/v1/files/..".into(), "", String::new(), 400, "not-a-name"),
        ("GET", "/v1/printers/nobody".into(), "", String::new(), 404, "no-such-printer"),
        ("GET", "/v1/printers/A%20B".into(), "", String::new(), 400, "not-a-name"),
        // Paths and methods.
        ("GET", "/v1/nothing".into(), "", String::new(), 404, "no-such-page"),
        ("GET", "/assets/../Cargo.toml".into(), "", String::new(), 404, "no-such-page"),
        ("DELETE", "/v1/jobs".into(), "", String::new(), 405, "wrong-method"),
        ("GET", "/v1/stop".into(), "", String::new(), 405, "wrong-method"),
        // Queries.
        ("GET", "/v1/jobs?limit=many".into(), "", String::new(), 400, "unreadable-request"),
        ("GET", "/v1/jobs?nonsense=1".into(), "", String::new(), 400, "unreadable-request"),
        ("GET", "/v1/events?after=x".into(), "", String::new(), 400, "unreadable-request"),
        ("GET", "/v1/events?after=999999".into(), "", String::new(), 409, "beyond-the-journal"),
        ("GET", "/v1/events".into(), "Last-Event-ID: x\r\n", String::new(), 400, "unreadable-request"),
        // Bodies.
        ("POST", "/v1/cases".into(), "", r#"{"intended_use":"guide"}"#.into(), 415, "not-json"),
        ("POST", "/v1/cases".into(), json_kind, "{".into(), 400, "unreadable-request"),
        ("POST", "/v1/cases".into(), json_kind, String::new(), 400, "unreadable-request"),
        ("POST", "/v1/cases".into(), json_kind, r#"{"intended_use":"fun"}"#.into(), 400, "unreadable-request"),
        ("POST", "/v1/cases".into(), json_kind, r#"{"intended_use":"guide","patient":"X"}"#.into(), 400, "unreadable-request"),
        ("POST", "/v1/cases".into(), json_kind, format!("\"{long}\""), 413, "too-large"),
        ("POST", "/v1/cases".into(), json_kind, "[".repeat(10_000), 400, "unreadable-request"),
        ("POST", format!("/v1/cases/{case}/parts"), json_kind, r#"{"name":"<b>"}"#.into(), 400, "not-a-part-name"),
        ("POST", "/v1/cases/0000000000000/parts".into(), json_kind, r#"{"name":"x"}"#.into(), 400, "not-a-name"),
        // Jobs.
        ("POST", "/v1/jobs".into(), json_kind, "[]".into(), 400, "unreadable-request"),
        ("POST", "/v1/jobs".into(), json_kind, "7".into(), 400, "unreadable-request"),
        ("POST", "/v1/jobs".into(), json_kind, job("zz", case, "1"), 400, "not-a-name"),
        ("POST", "/v1/jobs".into(), json_kind, job(&hash, case, "1"), 404, "no-such-file"),
        ("POST", "/v1/jobs".into(), json_kind, job(&hash, case, "7"), 404, "no-such-part"),
        ("POST", "/v1/jobs".into(), json_kind, job(&hash, case, "-1"), 400, "unreadable-request"),
        ("POST", "/v1/jobs".into(), json_kind, job(&hash, case, "\"\""), 400, "not-a-name"),
        ("POST", "/v1/jobs".into(), json_kind, format!(r#"{{"file":"{hash}","case":"{case}","part":1,"printer":"x"}}"#), 404, "no-such-printer"),
        ("POST", "/v1/jobs/0000000000000000/cancel".into(), json_kind, r#"{"by":"kim"}"#.into(), 404, "no-such-job"),
        ("POST", "/v1/jobs/0000000000000000/cancel".into(), json_kind, r#"{"by":" "}"#.into(), 400, "name-needed"),
        ("POST", "/v1/jobs/0000000000000000/cancel".into(), json_kind, "{}".into(), 400, "unreadable-request"),
        // Printers and stop.
        ("POST", "/v1/printers/mk3-01/clear-bed".into(), json_kind, r#"{"by":"<script>"}"#.into(), 400, "name-needed"),
        ("POST", "/v1/printers/mk3-01/clear-bed".into(), json_kind, r#"{"by":"kim"}"#.into(), 409, "bed-clear-already"),
        ("POST", "/v1/printers/x/clear-latch".into(), json_kind, r#"{"by":"kim"}"#.into(), 404, "no-such-printer"),
        ("POST", "/v1/printers/x/identify".into(), json_kind, r#"{"by":"kim"}"#.into(), 404, "no-such-printer"),
        ("POST", "/v1/printers/mk3-01/identify".into(), json_kind, r#"{"by":""}"#.into(), 400, "name-needed"),
        ("POST", "/v1/stop".into(), "", "all of them".into(), 400, "unreadable-request"),
        ("POST", "/v1/stop".into(), "", r#"{"printer":"nobody"}"#.into(), 404, "no-such-printer"),
        ("POST", "/v1/stop".into(), "", r#"{"printer":"../x"}"#.into(), 400, "not-a-name"),
        // Files.
        ("POST", "/v1/files".into(), "", String::new(), 422, "not-printable"),
        ("POST", "/v1/files".into(), "", "\u{0}\u{1}binary".into(), 422, "not-printable"),
        ("POST", "/v1/files".into(), "Content-Type: multipart/form-data\r\n", "x".into(), 400, "unreadable-request"),
    ];
    for (method, path, headers, body, status, problem) in table {
        let answer = lab.send(method, &path, headers, body.as_bytes()).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.status, status, "{method} {path} {shown}: {answer:?}");
        assert_eq!(answer.problem(), problem, "{method} {path} {shown}: {answer:?}");
    }
    assert!(lab.told().is_empty(), "{:?}", lab.told());
    assert_eq!(lab.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn an_unknown_printer_is_answered_with_the_known_ones() {
    let lab = lab().await;
    let answer = lab.get("/v1/printers/mk3-03").await;
    assert_eq!(answer.json()["help"], "known printers: mk3-01, mk3-02, away");
}

#[tokio::test]
async fn temperatures_of_before_are_told_with_their_gaps() {
    use platen::domain::moment::Moment;
    use platen::domain::printer::Reading;
    use platen::domain::units::Celsius;
    use platen::services::board::Board;

    let lab = lab().await;
    let path = "/v1/printers/mk3-01/temperatures";
    let empty = lab.get(path).await.json();
    assert_eq!(
        (&empty["printer"], &empty["from"], &empty["hotend"]),
        (&json!("mk3-01"), &json!(null), &json!(null))
    );
    for odd in ["minutes=0", "minutes=31", "minutes=x", "hours=1"] {
        assert_eq!(lab.get(&format!("{path}?{odd}")).await.status, 400, "{odd}");
    }
    assert_eq!(lab.get("/v1/printers/mk3-03/temperatures").await.problem(), "no-such-printer");
    let board: &Board = &lab.board;
    let name = "mk3-01".parse().unwrap();
    let now = lab.clock.now().millis() / 1_000;
    for (second, actual) in [(now, 20.0), (now + 2, 30.5)] {
        let at = Moment::from_millis(second * 1_000);
        let mut snapshot = lab.boards["mk3-01"].borrow().as_ref().clone();
        snapshot.temperatures.hotend =
            Some(Reading { actual: Celsius(actual), target: Some(Celsius(215.0)) });
        snapshot.temperatures.at = Some(at);
        board.history().note(&name, &snapshot, at);
    }
    let told = lab.get(path).await.json();
    assert_eq!(told["hotend"]["actual"], json!([20.0, null, 30.5]), "{told}");
    assert_eq!(told["hotend"]["target"], json!([215.0, null, 215.0]), "{told}");
    assert_eq!((&told["bed"], &told["progress"]), (&json!(null), &json!(null)), "{told}");
    assert!(told["from"].as_str().unwrap().ends_with('Z'), "{told}");
}

#[tokio::test]
async fn a_full_disk_is_no_yes() {
    let lab = lab().await;
    let case = lab.case().await;
    let file = lab.upload(GCODE).await.json()["file"].clone();
    lab.store.set_full(true);
    let refused = lab.post("/v1/jobs", &json!({"file": file, "case": case, "part": 1})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (507, "not-recorded"));
    assert_eq!(lab.get("/v1/jobs").await.json(), json!([]));
}

#[tokio::test]
async fn a_running_job_is_changed_by_its_printer_and_a_waiting_one_by_the_queue() {
    let lab = lab().await;
    let case = lab.case().await;
    let (running, waiting) = (lab.job(&case, Some("mk3-01")).await, lab.job(&case, None).await);
    let start = Request::StartJob { job: running.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    let by = json!({"by": "kim"});
    let change = async |job: &JobId, what: &str| lab.post(&format!("/v1/jobs/{job}/{what}"), &by).await;
    assert_eq!(change(&waiting, "pause").await.problem(), "wrong-state");
    assert_eq!(change(&waiting, "cancel").await.json()["state"], "cancelled");
    assert!(lab.told().is_empty());
    assert_eq!(change(&running, "pause").await.json()["state"], "paused");
    assert_eq!(change(&running, "resume").await.json()["state"], "printing");
    assert_eq!(change(&running, "cancel").await.json()["why"], "cancelled by kim");
    assert_eq!(change(&running, "cancel").await.problem(), "wrong-state");
    assert_eq!(lab.told().len(), 3, "{:?}", lab.told());
}

#[tokio::test]
async fn a_bed_is_cleared_by_a_named_person() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let printer = "mk3-01".parse().unwrap();
    lab.recorder.submit(Request::StartJob { job: job.clone(), printer }, Actor::Platen).await.unwrap();
    let by = json!({"by": "kim"});
    assert_eq!(lab.post("/v1/printers/mk3-01/clear-bed", &by).await.problem(), "printer-busy");
    let cancel =
        Request::CancelJob { job, progress: Some(Progress::default()), by: "kim".into(), line: None };
    lab.recorder.submit(cancel, Actor::Platen).await.unwrap();
    assert!(lab.get("/v1/printers/mk3-01").await.json()["on_bed"].is_string());
    assert!(lab.post("/v1/printers/mk3-01/clear-bed", &by).await.json()["on_bed"].is_null());
}

#[tokio::test]
async fn a_bed_is_cleared_of_the_part_that_was_seen_and_of_no_other() {
    let lab = lab().await;
    let case = lab.case().await;
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let job = lab.job(&case, Some("mk3-01")).await;
        let printer: PrinterName = "mk3-01".parse().unwrap();
        lab.recorder.submit(Request::StartJob { job: job.clone(), printer }, Actor::Platen).await.unwrap();
        let progress = Some(Progress::default());
        let cancel = Request::CancelJob { job: job.clone(), progress, by: "kim".into(), line: None };
        lab.recorder.submit(cancel, Actor::Platen).await.unwrap();
        jobs.push(job);
        if jobs.len() == 1 {
            let of_it = json!({"by": "kim", "job": jobs[0]});
            assert_eq!(lab.post("/v1/printers/mk3-01/clear-bed", &of_it).await.status, 200);
        }
    }
    let before = lab.get("/v1/audit").await.json()["entries"].clone();
    let of_the_first = json!({"by": "kim", "job": jobs[0]});
    let refused = lab.post("/v1/printers/mk3-01/clear-bed", &of_the_first).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "other-part"), "{refused:?}");
    assert!(refused.json()["detail"].as_str().unwrap().contains(jobs[1].as_str()), "{refused:?}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let pressed = format!("printer=mk3-01&by=kim&job={}", jobs[0]);
    assert_eq!(lab.send("POST", "/do/clear-bed", form, pressed.as_bytes()).await.status, 409);
    assert_eq!(lab.get("/v1/audit").await.json()["entries"], before, "nothing was done");
    assert_eq!(lab.get("/v1/printers/mk3-01").await.json()["on_bed"], json!(jobs[1]));
    let pressed = format!("printer=mk3-01&by=kim&job={}", jobs[1]);
    assert_eq!(lab.send("POST", "/do/clear-bed", form, pressed.as_bytes()).await.status, 200);
    let again = lab.post("/v1/printers/mk3-01/clear-bed", &json!({"by": "kim", "job": jobs[1]})).await;
    assert_eq!(again.problem(), "bed-clear-already");
}

#[tokio::test]
async fn a_lock_that_was_not_seen_is_not_cleared_and_no_other_quarantine_ended() {
    let lab = lab().await;
    let printer: PrinterName = "mk3-01".parse().unwrap();
    let stop = Request::NoteStopped { printer: printer.clone(), by: "kim".into() };
    lab.recorder.submit(stop, Actor::Platen).await.unwrap();
    let why = Box::new(Wrong::Doubt { with: "mk3-02".parse().unwrap() });
    lab.recorder.submit(Request::NoteQuarantined { printer, why }, Actor::Platen).await.unwrap();
    let shown = lab.get("/v1/printers/mk3-01").await.json();
    let both = [("clear-latch", "latch", "other-lock"), ("identify", "quarantine", "other-quarantine")];
    for (route, what, problem) in both {
        let path = format!("/v1/printers/mk3-01/{route}");
        let earlier = json!({"by": "lee", "since": "2020-01-01T00:00:00.000Z"});
        let refused = lab.post(&path, &earlier).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, problem), "{refused:?}");
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let pressed = b"printer=mk3-01&by=lee&since=2020-01-01T00:00:00.000Z";
        assert_eq!(lab.send("POST", &format!("/do/{route}"), form, pressed).await.status, 409, "{route}");
        assert_eq!(lab.get("/v1/printers/mk3-01").await.json()[what], shown[what], "{route}");
        let seen = json!({"by": "lee", "since": shown[what]["at"]});
        let done = lab.post(&path, &seen).await;
        assert!(done.status == 200 && done.json()[what].is_null(), "{done:?}");
    }
    let over = json!({"by": "lee", "since": shown["quarantine"]["at"]});
    assert_eq!(lab.post("/v1/printers/mk3-01/identify", &over).await.problem(), "other-quarantine");
    assert_eq!(
        lab.post("/v1/printers/mk3-01/identify", &json!({"by": "lee"})).await.status,
        200,
        "as before"
    );
}

#[tokio::test]
async fn what_somebody_else_has_changed_since_it_was_seen_is_not_overwritten() {
    let lab = lab().await;
    let changed = async |path: &str, body: Value| {
        let refused = lab.post(path, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "changed-meanwhile"), "{refused:?}");
    };
    let done = async |path: &str, body: Value| {
        let answer = lab.post(path, &body).await;
        assert!(answer.status < 300, "{path} {body}: {answer:?}");
        answer.json()
    };
    let off = lab.get("/v1/site-rules").await.json();
    let lots = done("/v1/site-rules", json!({"by": "pat", "lots": true, "was": off})).await;
    changed("/v1/site-rules", json!({"by": "kim", "witness_coupon": true, "was": off})).await;
    assert_eq!(lab.get("/v1/site-rules").await.json(), lots);
    done("/v1/site-rules", json!({"by": "kim", "was": lots})).await;

    let of = |due: &str| json!({"what": "caliper", "calibration_due": due});
    let caliper = |due: &str, was: Option<Value>| {
        let mut body = json!({"by": "mo", "name": "caliper-1", "what": "caliper", "calibration_due": due});
        if let Some(was) = was {
            body["was"] = was;
        }
        body
    };
    done("/v1/instruments", caliper("2098-06-30", None)).await;
    done("/v1/instruments", caliper("2099-06-30", Some(of("2098-06-30")))).await;
    changed("/v1/instruments", caliper("2097-06-30", Some(of("2098-06-30")))).await;
    assert_eq!(lab.get("/v1/instruments").await.json()[0]["calibration_due"], "2099-06-30");

    let about = json!({"by": "sam", "material": "PLA", "supplier_lot": "L-1", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let mut all = Vec::new();
    for _ in 0..2 {
        all.push(done("/v1/lots", about.clone()).await["id"].clone());
    }
    done("/v1/printers/mk3-01/loads", json!({"by": "sam", "lot": all[1], "slot": 0})).await;
    let other = json!({"by": "sam", "slot": 0, "lot": all[0]});
    let refused = lab.post("/v1/printers/mk3-01/unload", &other).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "other-lot"), "{refused:?}");
    assert!(lab.get("/v1/printers/mk3-01/loads").await.json()[0]["to"].is_null());
    done("/v1/printers/mk3-01/unload", json!({"by": "sam", "slot": 0, "lot": all[1]})).await;
}

#[tokio::test]
async fn a_wish_is_not_taken_back_over_the_wish_that_somebody_else_has_said_since() {
    let lab = lab().await;
    let case = lab.case().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(lab.job(&case, None).await.to_string());
    }
    let path = format!("/v1/queue/{}", jobs[0]);
    let wish = async |wanted: Value, status: u16| {
        let mut body = wanted.clone();
        body["by"] = "kim".into();
        let answer = lab.post(&path, &body).await;
        assert_eq!(answer.status, status, "{wanted}: {answer:?}");
        if status == 409 {
            assert_eq!(answer.problem(), "changed-meanwhile", "{wanted}");
        }
    };
    for (key, first, then, no) in [
        ("priority", "urgent", "emergency", "as_case"),
        ("hold", "material", "question", "no"),
        ("printer", "mk3-01", "mk3-02", "any"),
        ("prepared", "mk3-01", "mk3-02", "no"),
        ("before", jobs[2].as_str(), "last", "as_it_came"),
    ] {
        let of = |wanted: &str, was: &str| json!({key: wanted, "was": was});
        wish(of(first, no), 200).await;
        wish(of(no, first), 200).await;
        wish(of(first, no), 200).await;
        // Somebody else, who said nothing of what they saw.
        if key != "hold" {
            wish(json!({key: then}), 200).await;
            wish(of(no, first), 409).await;
            wish(of(no, then), 200).await;
        } else {
            wish(of(no, then), 409).await;
            wish(of(no, first), 200).await;
        }
    }
    wish(json!({"due": "2099-12-01T07:00:00Z", "was": "2098-12-01T07:00:00Z"}), 409).await;
    let after = lab.get(&path).await.json();
    assert!(after.get("due").is_none() && after.get("held").is_none(), "{after}");
}

#[tokio::test]
async fn a_stop_reaches_every_printer_and_says_which_it_did_not() {
    let lab = lab().await;
    // Without a body, a Content-Type or a name: it is a stop all the same.
    let stopped = lab.send("POST", "/v1/stop", "", b"").await;
    assert_eq!(stopped.status, 200, "{stopped:?}");
    let on_wire: Vec<_> =
        stopped.json().as_array().unwrap().iter().map(|one| one["on_wire"].clone()).collect();
    assert_eq!(on_wire.iter().filter(|on| **on == json!(true)).count(), 2, "{stopped:?}");
    let told: BTreeSet<_> = lab.told().into_iter().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.contains("mk3-01: stop by unnamed"), "{told:?}");
}

#[tokio::test]
async fn a_stop_needs_no_disk() {
    let lab = lab().await;
    lab.store.set_full(true);
    let stopped = lab.post("/v1/stop", &json!({"by": "kim", "printer": "mk3-02"})).await;
    let stopped = &stopped.json()[0];
    assert_eq!((&stopped["printer"], &stopped["on_wire"]), (&json!("mk3-02"), &json!(true)));
    assert!(stopped["asked_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{stopped}");
    assert_eq!(lab.told(), ["mk3-02: stop by kim"]);
}

#[tokio::test(start_paused = true)]
async fn a_printer_that_confirms_no_stop_is_told_of_instead_of_waited_for() {
    let lab = lab_with(&["hung", "mk3-01"]).await;
    let answer = lab.send("POST", "/v1/stop", "", b"").await;
    assert_eq!((answer.status, answer.problem().as_str()), (504, "stop-unconfirmed"));
    assert_eq!(lab.told().len(), 2, "{:?}", lab.told());
}

#[tokio::test]
async fn a_latch_is_cleared_through_the_printers_own_task() {
    let lab = lab().await;
    let note = Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    assert_eq!(lab.get("/v1/printers/mk3-01").await.json()["latch"]["why"], "stopped by kim");
    let cleared = lab.post("/v1/printers/mk3-01/clear-latch", &json!({"by": "lee"})).await;
    assert!(cleared.json()["latch"].is_null(), "{cleared:?}");
    assert_eq!(lab.told().len(), 1);
}

#[tokio::test]
async fn health_is_good_only_while_the_recorder_answers() {
    let lab = lab().await;
    let well = lab.get("/healthz").await;
    assert_eq!(well.status, 200);
    assert_eq!((&well.json()["printers"], &well.json()["online"]), (&json!(3), &json!(2)));
    lab.recorder.close().await;
    let ill = lab.get("/healthz").await;
    assert_eq!((ill.status, &ill.json()["status"]), (503, &json!("failing")));
}

#[tokio::test]
async fn health_is_bad_in_words_when_an_audit_has_found_the_journal_damaged() {
    let lab = lab().await;
    assert_eq!(lab.post("/v1/cases", &json!({"intended_use": "guide"})).await.status, 201);
    lab.store.damage_event(1, 20);
    assert_eq!(lab.get("/v1/audit").await.json()["intact"], json!(false));
    let ill = lab.get("/healthz").await;
    let said = ill.json();
    assert_eq!((ill.status, &said["status"], &said["recorder"]), (503, &json!("failing"), &json!(true)));
    let trouble = said["trouble"].as_str().unwrap();
    assert!(trouble.contains("journal entry 1 ") && trouble.contains("`platen restore`"), "{trouble}");
    lab.store.damage_event(1, 20);
    assert_eq!(lab.get("/v1/audit").await.json()["intact"], json!(true));
    assert_eq!(lab.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn health_is_bad_in_words_while_the_disk_is_full_and_good_again_afterwards() {
    let lab = lab().await;
    for refused_before in [false, true] {
        lab.store.set_full(true);
        if refused_before {
            let refused = lab.post("/v1/cases", &json!({"intended_use": "guide"})).await;
            assert_eq!(refused.status, 507, "{refused:?}");
        }
        let ill = lab.get("/healthz").await;
        let said = ill.json();
        assert_eq!((ill.status, &said["status"], &said["recorder"]), (503, &json!("failing"), &json!(false)));
        let trouble = said["trouble"].as_str().unwrap();
        assert!(trouble.contains("is full; free some space"), "{trouble}");
        lab.store.set_full(false);
        let well = lab.get("/healthz").await;
        assert_eq!((well.status, &well.json()["trouble"]), (200, &json!(null)));
    }
    // Looking leaves nothing in the journal.
    assert_eq!(lab.get("/v1/audit").await.json()["intact"], json!(true));
}

#[tokio::test]
async fn a_stop_that_the_journal_does_not_know_yet_is_told_of_the_job() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    let show = |activity: Activity| {
        lab.boards["mk3-01"].send_modify(|live| Arc::make_mut(live).activity = activity);
    };
    let progress = Progress { confirmed: 1, total: 4 };
    show(Activity::Printing { job: job.clone(), progress });
    assert!(lab.get(&format!("/v1/jobs/{job}")).await.json().get("unrecorded").is_none());
    // As a task shows itself at once after a stop; the journal is on a full disk.
    show(Activity::Stopped);
    let seen = lab.get(&format!("/v1/jobs/{job}")).await.json();
    assert_eq!((&seen["state"], &seen["unrecorded"]), (&json!("printing"), &json!("stopped")));
    for path in ["/", "/printers/mk3-01", "/queue"] {
        let page = lab.get(path).await.body;
        assert!(page.contains("stopped, not yet in the journal"), "{path}: {page}");
    }
    let why = Interruption::Stopped;
    let ended = Request::NoteInterrupted { job: job.clone(), progress, why, line: None };
    lab.recorder.submit(ended, Actor::Platen).await.unwrap();
    let seen = lab.get(&format!("/v1/jobs/{job}")).await.json();
    assert!(seen["state"] == "interrupted" && seen.get("unrecorded").is_none(), "{seen}");
}

#[tokio::test]
async fn on_a_full_disk_a_stop_is_told_with_what_became_of_it_and_a_cancelled_job_as_cancelled() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let printer: PrinterName = "mk3-01".parse().unwrap();
    let note = |request: Request| lab.recorder.submit(request, Actor::Printer(printer.clone()));
    note(Request::StartJob { job: job.clone(), printer: printer.clone() }).await.unwrap();
    lab.store.set_full(true);

    note(Request::NoteCancelling { job: job.clone(), by: "kim".into() }).await.unwrap_err();
    // The board says Ready: its job has been cancelled, and no more is known of it.
    let seen = lab.get(&format!("/v1/jobs/{job}")).await.json();
    assert_eq!((&seen["state"], &seen["unrecorded"]), (&json!("printing"), &json!("cancelled")));

    note(Request::NoteStopped { printer: printer.clone(), by: "kim".into() }).await.unwrap_err();
    let proof = StopProof::KillLine;
    note(Request::NoteStopVerified { printer: printer.clone(), proof }).await.unwrap_err();
    let latch = &lab.get("/v1/printers/mk3-01").await.json()["latch"];
    assert_eq!(latch["confirmed"], "kill_line", "{latch}");
    assert_eq!(latch["why"], "stopped by kim; the board confirmed it");
}

#[tokio::test]
async fn an_audit_finds_a_changed_byte() {
    let lab = lab().await;
    lab.case().await;
    let whole = lab.get("/v1/audit").await.json();
    assert_eq!((&whole["intact"], whole["head"].as_str().unwrap().len()), (&json!(true), 64));
    lab.store.damage_event(2, 80);
    let broken = lab.get("/v1/audit").await.json();
    assert_eq!(broken["intact"], json!(false));
    assert!(broken["finding"].as_str().unwrap().contains("journal entry 2"), "{broken}");
}

#[tokio::test]
async fn only_this_machine_by_name_and_only_our_own_page_may_ask() {
    let lab = lab().await;
    let port = lab.address.port();
    let own = format!(
        "Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nSec-Fetch-Site: same-origin\r\n"
    );
    let table = [
        ("GET", "Host: evil.example\r\n".to_owned(), 421),
        ("GET", format!("Host: evil.example:{port}\r\n"), 421),
        ("GET", "Host: 127.0.0.1.evil.example\r\n".to_owned(), 421),
        ("GET", "Host: localhost\r\nHost: evil.example\r\n".to_owned(), 400),
        ("GET", "Host: \r\n".to_owned(), 421),
        ("GET", "Host: [::1]:1\r\n".to_owned(), 200),
        ("POST", own, 200),
        ("POST", "Origin: http://evil.example\r\n".to_owned(), 403),
        ("POST", "Origin: null\r\n".to_owned(), 403),
        ("POST", format!("Origin: http://127.0.0.1:{}\r\n", port ^ 1), 403),
        ("POST", "Sec-Fetch-Site: cross-site\r\n".to_owned(), 403),
        ("POST", "Sec-Fetch-Site: same-site\r\n".to_owned(), 403),
        ("POST", "Sec-Fetch-Site: none\r\n".to_owned(), 200),
    ];
    for (method, headers, status) in table {
        let path = if method == "GET" { "/v1/printers" } else { "/v1/stop" };
        let answer = lab.send(method, path, &headers, b"").await;
        assert_eq!(answer.status, status, "{method} {headers}: {answer:?}");
        assert!(answer.header("access-control-allow-origin").is_none());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{headers}");
    }
}

/// Paths of the description with their methods.
fn described() -> Vec<(String, Vec<String>)> {
    let description = serde_json::to_value(platen::api::description()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    paths
        .iter()
        .map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().cloned().collect()))
        .collect()
}

#[tokio::test]
async fn the_description_is_served_and_every_route_in_it_is_there() {
    let lab = lab().await;
    let served = lab.get("/openapi.json").await.json();
    assert_eq!(served, serde_json::to_value(platen::api::description()).unwrap());
    for (path, methods) in described() {
        for method in methods {
            // A name that cannot be: the handler answers, not the fallback, and nothing happens.
            let path = path.replace("{", "%00").replace("}", "");
            if path == "/v1/events" || path == "/v1/stop" {
                continue;
            }
            let answer = lab.send(&method.to_uppercase(), &path, "", b"").await;
            assert!(!matches!(answer.status, 0 | 405 | 500), "{method} {path}: {answer:?}");
            assert!(!answer.body.contains("no-such-page"), "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn the_document_of_the_api_has_every_route_and_no_other() {
    let document = include_str!("../docs/http.md");
    let mut routes = BTreeSet::new();
    for (path, methods) in described() {
        routes.extend(methods.into_iter().map(|method| format!("`{} {path}`", method.to_uppercase())));
    }
    let told: BTreeSet<String> = document
        .split('`')
        .filter(|code| ["GET /", "POST /", "DELETE /"].iter().any(|method| code.starts_with(method)))
        .map(|code| format!("`{code}`"))
        .collect();
    assert_eq!(told, routes);
}

#[tokio::test]
async fn a_job_is_let_begin_by_a_person_at_a_printer_that_is_ready() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let path = format!("/v1/jobs/{job}/start");
    assert_eq!(lab.post(&path, &json!({"by": " "})).await.problem(), "name-needed");
    assert_eq!(lab.post(&path, &json!({"by": "kim"})).await.problem(), "which-printer");
    assert_eq!(lab.post(&path, &json!({"by": "kim", "printer": "x"})).await.problem(), "no-such-printer");
    assert_eq!(lab.post(&path, &json!({"by": "kim", "printer": "away"})).await.problem(), "wrong-state");
    let begun = lab.post(&path, &json!({"by": "kim", "printer": "mk3-01"})).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(lab.post("/v1/jobs/none/start", &json!({"by": "kim"})).await.status, 400);
}

#[tokio::test]
async fn a_console_sends_what_its_level_allows_and_notes_who_asked_first() {
    let lab = lab().await;
    let send = async |printer: &str, command: &str, by: &str| {
        let body = serde_json::json!({ "command": command, "by": by }).to_string();
        let path = format!("/v1/printers/{printer}/console");
        lab.send("POST", &path, "Content-Type: application/json\r\n", body.as_bytes()).await
    };
    let told = send("mk3-01", "M503", "kim").await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.json()["done"], true);
    for (printer, command, by, status, problem) in [
        ("mk3-01", "M503", "", 400, "name-needed"),
        ("mk3-01", "hello", "kim", 400, "not-a-command"),
        ("mk3-01", "M105\nM112", "kim", 400, "not-a-command"),
        ("mk3-01", "G28", "kim", 409, "console-closed"),
        ("away", "M105", "kim", 409, "console-closed"),
        ("mk3-02", "M112", "kim", 422, "not-allowed"),
        ("mk3-02", "M500", "kim", 422, "not-allowed"),
        ("mk3-02", "M104 S400", "kim", 422, "not-allowed"),
        ("mk3-02", "G1 X1", "kim", 422, "not-allowed"),
        ("nobody", "M105", "kim", 404, "no-such-printer"),
    ] {
        let answer = send(printer, command, by).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{printer} {command:?}");
    }
    for command in ["M92 X80", "G28", "M104 S200"] {
        assert_eq!(send("mk3-02", command, "lee").await.status, 200, "{command}");
    }
    // Nothing of what was refused has reached a printer or the journal.
    let consoles = |told: &String| told.contains("Console");
    assert_eq!(lab.told().iter().filter(|told| consoles(told)).count(), 4);
    let mut noted = Vec::new();
    for (seq, bytes) in lab.store.events(1, 100).unwrap() {
        let event =
            platen::domain::event::ChainedRecord::from_bytes(seq, &bytes).unwrap().event(seq).unwrap();
        if let platen::domain::event::Fact::ConsoleUsed { printer, by, command } = event.fact {
            noted.push(format!("{printer} {by} {command}"));
        }
    }
    assert_eq!(noted, ["mk3-01 kim M503", "mk3-02 lee M92 X80", "mk3-02 lee G28", "mk3-02 lee M104 S200"]);
}

#[tokio::test]
async fn a_line_end_in_a_command_makes_no_second_one_whichever_way_it_comes() {
    let lab = lab().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (end, coded) in [
        ("\n", "%0A"),
        ("\r", "%0D"),
        ("\r\n", "%0D%0A"),
        ("\u{b}", "%0B"),
        ("\0", "%00"),
        ("\u{85}", "%C2%85"),
        ("\u{2028}", "%E2%80%A8"),
    ] {
        for (first, first_coded) in [("M105", "M105"), ("M117 ready", "M117+ready")] {
            let typed = format!("{first}{end}M104 S200");
            for (path, body) in [
                ("/v1/printers/mk3-02/console", serde_json::json!({"command": typed, "by": "kim"})),
                ("/p/mk3-02/api/printer/command", serde_json::json!({"command": typed})),
                ("/p/mk3-02/api/printer/command", serde_json::json!({"commands": ["M105", typed]})),
            ] {
                let answer = lab.post(path, &body).await;
                assert_eq!(answer.status, 400, "{path} {typed:?}: {answer:?}");
            }
            let fields = format!("printer=mk3-02&command={first_coded}{coded}M104+S200&by=kim");
            let answer = lab.send("POST", "/do/console", form, fields.as_bytes()).await;
            assert_eq!(answer.status, 400, "{typed:?}: {answer:?}");
            // To Moonraker a script has lines, and each is a command of its own: judged one by one.
            if !end.contains('\n') {
                let script = serde_json::json!({"script": typed});
                let answer = lab.post("/p/mk3-02/printer/gcode/script", &script).await;
                assert_eq!(answer.status, 400, "{typed:?}: {answer:?}");
            }
        }
    }
    assert!(!lab.told().iter().any(|told| told.contains("Console")), "{:?}", lab.told());
}

#[tokio::test]
async fn a_question_of_a_printer_is_answered_by_a_named_person() {
    let lab = lab().await;
    let send = async |body: &str| {
        let path = "/v1/printers/mk3-01/answer";
        lab.send("POST", path, "Content-Type: application/json\r\n", body.as_bytes()).await
    };
    assert_eq!(send(r#"{"button": 0, "by": ""}"#).await.problem(), "name-needed");
    assert_eq!(send(r#"{"button": 0, "asked": "Nozzle Parked", "by": "kim"}"#).await.status, 200);
    assert!(lab.told().iter().any(|told| told.contains("Answer") && told.contains("Nozzle Parked")));
}

#[tokio::test]
async fn a_file_that_only_some_printers_may_print_is_queued_for_one_of_them_by_name() {
    let lab = lab().await;
    let refused = lab.upload(b"M500\nG28\n").await;
    assert_eq!(refused.problem(), "not-printable");
    let file = lab.upload(b"M92 X80\nG28\n").await.json()["file"].as_str().unwrap().to_owned();
    let case = lab.case().await;
    let queue = async |printer: Option<&str>| {
        let mut body = serde_json::json!({ "file": file, "case": case, "part": 1 });
        if let Some(printer) = printer {
            body["printer"] = printer.into();
        }
        let body = body.to_string();
        lab.send("POST", "/v1/jobs", "Content-Type: application/json\r\n", body.as_bytes()).await
    };
    for printer in [None, Some("mk3-01")] {
        let answer = queue(printer).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "not-allowed-here"), "{answer:?}");
        assert!(answer.json()["help"].as_str().unwrap().contains("mk3-02"), "{answer:?}");
    }
    assert_eq!(queue(Some("mk3-02")).await.status, 201);
}

#[tokio::test]
async fn a_file_is_drawn_and_what_cannot_be_drawn_is_a_problem() {
    const TEXT: &str = "G21\nG90\nM83\nG28\n;LAYER_CHANGE\nG1 X1 Y1 Z.2 F600\nG1 X20 Y9 E1\n";
    let lab = lab().await;
    let hash = lab.upload(TEXT.as_bytes()).await.json()["file"].as_str().unwrap().to_owned();
    let picture = async |asked: &str| lab.get(&format!("/v1/files/{hash}/picture{asked}")).await;
    for (asked, kind) in [
        ("", "image/png"),
        ("?size=64", "image/png"),
        ("?layer=1", "image/png"),
        ("?layer=1&as=png", "image/png"),
        ("?layer=1&as=svg", "image/svg+xml"),
        ("?icon=true&size=64", "image/png"),
    ] {
        let answer = picture(asked).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{asked}");
        assert!(answer.body.contains(if kind == "image/png" { "PNG" } else { "<svg" }), "{asked}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{asked}");
    }
    for (asked, status, problem) in [
        ("?layer=2", 404, "no-such-layer"),
        ("?slicers=true", 404, "no-such-picture"),
        ("?size=15", 400, "unreadable-request"),
        ("?size=70000", 400, "unreadable-request"),
        ("?as=svg", 400, "unreadable-request"),
        ("?layer=1&slicers=true", 400, "unreadable-request"),
        ("?icon=true&slicers=true", 400, "unreadable-request"),
        ("?layers=1", 400, "unreadable-request"),
    ] {
        let answer = picture(asked).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{asked}");
    }
    let nothing = lab.upload(b"G28\n").await.json()["file"].as_str().unwrap().to_owned();
    let answer = lab.get(&format!("/v1/files/{nothing}/picture")).await;
    assert_eq!((answer.status, answer.problem().as_str()), (422, "not-drawable"));
    let unknown = lab.get(&format!("/v1/files/{}/picture", "a".repeat(64))).await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "no-such-file"));
    let no_model = lab.get(&format!("/v1/models/{hash}/picture")).await;
    assert_eq!((no_model.status, no_model.problem().as_str()), (422, "not-drawable"));
    let stl = "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 9 0 0\nvertex 0 9 9\nendloop\nendfacet\nendsolid a\n";
    let model = lab.send("POST", "/v1/models", "", stl.as_bytes()).await.json()["model"].clone();
    let picture = lab.get(&format!("/v1/models/{}/picture?size=64", model.as_str().unwrap())).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")), "{picture:?}");
}

#[tokio::test]
async fn the_journal_is_given_whole_also_where_notices_remember_a_day_beside_their_places() {
    let lab = lab().await;
    lab.case().await;
    let last = lab.recorder.read(|lab| lab.counters.seq);
    lab.recorder.set_cursor("notices-mail", last);
    // Days since 1970: more than a small lab has entries.
    lab.recorder.set_cursor("notices-mail-day", 20_787);
    let given = lab.get("/v1/journal").await;
    assert_eq!(given.status, 200);
    let mut entries = 0;
    let whole = platen::services::archive::read::<platen::services::archive::ArchiveError>(
        &mut given.body.as_bytes(),
        |_, _| {
            entries += 1;
            Ok(())
        },
    )
    .unwrap();
    assert_eq!((whole.entries, entries), (last, last));
    assert_eq!(whole.cursors, [("notices-mail".to_owned(), last)].into());
}

#[tokio::test]
async fn of_an_encrypted_file_a_person_says_what_it_takes_and_of_a_file_that_tells_it_nobody_does() {
    use ::resin::file::Mask;
    use ::resin::sample::{Settings, encrypted};

    let lab = lab_with(&["mars-01", "msla-01"]).await;
    let taken = lab.upload(&encrypted(9_000)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let file = taken.json();
    assert_eq!((&file["resin"], &file["lines"]), (&json!({"format": "encrypted CTB"}), &json!(0)), "{file}");
    let hash = file["file"].as_str().unwrap();
    let cut = lab.upload(&encrypted(9_000)[..8_000]).await;
    assert_eq!((cut.status, cut.problem().as_str()), (422, "not-printable"), "{cut:?}");
    let told = lab.get(&format!("/v1/files/{hash}/preflight?printer=mars-01")).await.json();
    assert_eq!(
        (&told["findings"][0]["code"], &told["seconds"]),
        (&json!("resin.opaque"), &Value::Null),
        "{told}"
    );
    assert!(told.get("layers").is_none(), "{told}");
    let picture = lab.get(&format!("/v1/files/{hash}/picture")).await;
    assert!(picture.status == 422 && picture.body.contains("it is encrypted"), "{picture:?}");

    let case = lab.case().await;
    let queue = async |hash: &str, more: Value| {
        let mut new =
            json!({"file": hash, "case": case, "part": 1, "material": "Generic resin", "by": "kim"});
        for (key, value) in more.as_object().unwrap() {
            new[key] = value.clone();
        }
        lab.post("/v1/jobs", &new).await
    };
    let accept = json!(["resin.opaque"]);
    let unseen = queue(hash, json!({"resin_ml": 80.5, "printer": "mars-01"})).await;
    assert_eq!((unseen.status, unseen.problem().as_str()), (422, "gate"), "{unseen:?}");
    for (said, words) in [
        (json!({"minutes": 90}), "and not what resin"),
        (json!({"resin_ml": -1.0}), "that is no volume of resin"),
        (json!({"resin_ml": 0.0}), "it takes no resin"),
        (json!({"resin_ml": 80.5, "printer": "msla-01"}), "prints no file of this kind (encrypted CTB)"),
    ] {
        let mut said = said;
        said["accept"] = accept.clone();
        let refused = queue(hash, said).await;
        assert!(refused.status >= 400 && refused.body.contains(words), "{refused:?}");
    }
    let job = queue(hash, json!({"resin_ml": 80.5, "minutes": 90, "accept": accept})).await;
    assert_eq!(job.status, 201, "{job:?}");
    assert_eq!(job.json()["need"], json!({"millilitres": 80.5, "minutes": 90, "said_by": "kim"}));

    let mask = Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0]);
    let clear = lab.upload(&Settings::default().sl1(&[mask.clone(), mask])).await.json();
    let refused = queue(clear["file"].as_str().unwrap(), json!({"resin_ml": 80.5})).await;
    assert!(
        refused.status == 400 && refused.body.contains("this file tells itself what it takes"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_resin_file_becomes_a_job_for_a_resin_printer_and_for_no_other() {
    use ::resin::file::Mask;
    use ::resin::sample::Settings;
    use platen::domain::resin;

    let lab = lab_with(&["mk3-01", "msla-01"]).await;
    let mask = |right| Mask::dark(48, 32).with_box([8.0, 8.0], [right, 24.0]);
    let sl1 = Settings::default().sl1(&[mask(40.0), mask(40.0), mask(30.0), mask(20.0)]);
    let taken = lab.upload(&sl1).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let file = taken.json();
    assert_eq!((&file["commands"], &file["lines"]), (&json!(4), &json!(0)));
    assert_eq!((&file["resin"]["format"], &file["resin"]["height_mm"]), (&json!("SL1"), &json!(0.2)));
    let hash = file["file"].as_str().unwrap();
    assert_eq!(lab.get(&format!("/v1/files/{hash}")).await.json(), file);
    let cut = lab.upload(&sl1[..sl1.len() - 40]).await;
    assert_eq!((cut.status, cut.problem().as_str()), (422, "not-printable"), "{cut:?}");

    let preflight =
        async |printer: &str| lab.get(&format!("/v1/files/{hash}/preflight?printer={printer}")).await.json();
    let told = preflight("msla-01").await;
    assert_eq!((&told["passes"], &told["layers"]), (&json!(true), &json!(4)), "{told}");
    // Four lifts of 6 mm at 1 mm/s and back at 2.5, and the light of four layers.
    assert!(told["seconds"].as_f64().unwrap() > 4.0 * (6.0 + 2.4) + 20.0 * 3.0, "{told}");
    assert_eq!(preflight("mk3-01").await["findings"][0]["code"], "machine.kind");

    let fitted = |printer: &str| {
        let printers = platen::config::Config::parse(&format!(
            "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"{printer}\"\nport = \"/dev/x\"\nbaud = 115200\n{}",
            support::MSLA
        ))
        .unwrap()
        .printers;
        let outfit = printers[0].resin.as_ref().map(|resin| Box::new(resin.outfit()));
        Request::Resin(Box::new(resin::Request::Fit { printer: printer.parse().unwrap(), outfit }))
    };
    lab.recorder.submit(fitted("msla-01"), Actor::Platen).await.unwrap();
    let case = lab.case().await;
    let queue = async |printer: Option<&str>| {
        let mut new = json!({"file": hash, "case": case, "part": 1, "material": "Generic resin"});
        if let Some(printer) = printer {
            new["printer"] = json!(printer);
        }
        lab.post("/v1/jobs", &new).await
    };
    let refused = queue(Some("mk3-01")).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "wrong-kind"), "{refused:?}");
    assert!(refused.body.contains("prints with filament, and this is a file for resin"), "{refused:?}");
    let job = queue(None).await;
    assert_eq!(job.status, 201, "{job:?}");
    let job = job.json();
    assert_eq!((&job["commands"], &job["need"]["layers"]), (&json!(4), &json!(4)), "{job}");
    let waits = job["waiting"].to_string();
    assert!(waits.contains("no resin is noted in the vat"), "{waits}");
    let gcode = lab.upload(GCODE).await.json()["file"].clone();
    let new = json!({"file": gcode, "case": case, "part": 1, "printer": "msla-01"});
    let refused = lab.post("/v1/jobs", &new).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "wrong-kind"), "{refused:?}");

    for (asked, status) in [("", 200), ("?layer=4&size=64", 200), ("?layer=5", 404), ("?layer=1&as=svg", 422)]
    {
        let answer = lab.get(&format!("/v1/files/{hash}/picture{asked}")).await;
        assert_eq!(answer.status, status, "{asked}: {answer:?}");
        assert!(status != 200 || answer.body.contains("PNG"), "{asked}");
    }
}
