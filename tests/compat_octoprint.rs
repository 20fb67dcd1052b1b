//! OctoPrint's dialect over a real socket: every route, under the root and under a printer, with people and without.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use platen::api::{compat, door};
use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Reading, Snapshot};
use platen::domain::units::Celsius;
use platen::services::appkeys::STRANGERS_MAX;
use serde_json::{Value, json};
use support::{Answer, GCODE, TestLab, lab, lab_behind, lab_of_people};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: multipart/form-data; boundary=B\r\n";
const ADA: &str = "notes on the engine";
const P: &str = "/p/mk3-01";

/// A form as slicers send it.
fn form(fields: &[(&str, &str)], name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in fields {
        body.extend(
            format!("--B\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n").into_bytes(),
        );
    }
    let head = format!("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n");
    body.extend(head.into_bytes());
    body.extend(b"Content-Type: application/octet-stream\r\n\r\n");
    body.extend(GCODE);
    body.extend(b"\r\n--B--\r\n");
    body
}

async fn upload(lab: &TestLab, prefix: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form(fields, "Doe_Jane_LeftFemur.gcode");
    lab.send("POST", &format!("{prefix}/api/files/local"), FORM, &body).await
}

/// What the printer does, as its task would tell.
fn shows(lab: &TestLab, printer: &str, change: impl FnOnce(&mut Snapshot)) {
    lab.boards[printer].send_modify(|snapshot| {
        let mut now = Snapshot::clone(snapshot);
        change(&mut now);
        *snapshot = Arc::new(now);
    });
}

fn warm(lab: &TestLab, printer: &str) {
    let reading = |actual, target| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
    let now = lab.clock.now();
    shows(lab, printer, |snapshot| {
        snapshot.temperatures.hotend = reading(214.5, 215.0);
        snapshot.temperatures.bed = reading(60.0, 60.0);
        snapshot.temperatures.at = Some(now);
    });
}

/// A job that the printer prints, a quarter of it done.
async fn printing(lab: &TestLab) -> platen::domain::ids::JobId {
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    let at = job.clone();
    shows(lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Printing { job: at, progress: Progress { confirmed: 1, total: 4 } };
    });
    job
}

fn error(answer: &Answer) -> String {
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    json["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_slicer_tests_the_address_and_is_answered_under_every_prefix() {
    let lab = lab().await;
    let case = lab.case().await;
    for prefix in
        [String::new(), P.into(), format!("/c/{case}"), format!("/c/{case}/1"), format!("{P}/c/{case}/1")]
    {
        let answer = lab.get(&format!("{prefix}/api/version")).await;
        assert_eq!(answer.status, 200, "{prefix}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let version = answer.json();
        assert_eq!((&version["api"], &version["server"]), (&json!("0.1"), &json!("1.11.6")));
        assert!(version["text"].as_str().unwrap().starts_with("OctoPrint 1.11.6"), "{version}");
        assert_eq!(version["capabilities"], json!({"upload-by-put": true}));
        assert!(version["hostname"].is_string());
    }
    let nobody = lab.get("/p/mk9/api/version").await;
    assert_eq!(nobody.status, 404);
    assert!(error(&nobody).contains("mk3-01"), "{nobody:?}");
    assert_eq!(lab.get("/c/0000000000000/api/version").await.status / 100, 4);
    for (prefix, name) in [("", "lab-1"), (P, "mk3-01")] {
        for path in ["/api/version", "/api/v1/info"] {
            assert_eq!(lab.get(&format!("{prefix}{path}")).await.json()["hostname"], name, "{prefix}{path}");
        }
    }
    let httpx = lab.send("GET", "/api/version", "User-Agent: python-httpx/0.28\r\n", b"").await;
    assert_eq!(httpx.json()["api"], "2.0.0");
}

#[tokio::test]
async fn what_a_dashboard_asks_at_its_start_is_there() {
    let lab = lab().await;
    for prefix in ["", P] {
        let get = async |path: &str| {
            let answer = lab.get(&format!("{prefix}{path}")).await;
            assert_eq!(answer.status, 200, "{prefix}{path}: {answer:?}");
            answer.json()
        };
        assert_eq!(get("/api/server").await, json!({"version": "1.11.6", "safemode": null}));
        let user = get("/api/currentuser").await;
        assert!(user["permissions"].as_array().unwrap().contains(&json!("FILES_UPLOAD")), "{user}");
        let settings = get("/api/settings").await;
        let id = settings["plugins"]["discovery"]["upnpUuid"].as_str().unwrap().to_owned();
        assert_eq!((id.len(), &settings["plugins"]["tracking"]["unique_id"]), (36, &json!(id)));
        assert_eq!(get("/api/settings").await["plugins"]["discovery"]["upnpUuid"], id, "it stays the same");
        for key in ["streamUrl", "snapshotUrl", "flipH", "flipV", "rotate90", "webcamEnabled", "bitrate"] {
            assert!(settings["webcam"].get(key).is_some(), "{key}");
        }
        let profiles = get("/api/printerprofiles").await;
        let own = &profiles["profiles"]["_default"];
        assert_eq!((&own["id"], &own["current"]), (&json!("_default"), &json!(true)));
        assert_eq!(&get("/api/printerprofiles/_default").await, own);
        assert_eq!(lab.get(&format!("{prefix}/api/printerprofiles/x")).await.status, 404);
        let connection = get("/api/connection").await;
        assert_eq!(connection["current"]["state"], "Operational");
        assert_eq!(connection["options"]["printerProfiles"][0]["id"], "_default");
        assert!(!connection.to_string().contains("/dev/"), "{connection}");
        assert_eq!(get("/api/system/commands").await["core"], json!([]));
        assert_eq!(get("/api/timelapse").await["files"], json!([]));
        assert_eq!(get("/api/languages").await["language_packs"], json!({}));
        assert_eq!(get("/api/slicing").await, json!({}));
        assert_eq!(get("/api/printer/command/custom").await, json!({"controls": []}));
        assert_eq!(get("/api/printer/sd").await, json!({"ready": false}));
        assert_eq!(get("/sockjs/info").await["websocket"], true);
        let refused = lab.post(&format!("{prefix}/api/system/commands/core/restart"), &json!({})).await;
        assert_eq!(refused.status, 404, "{refused:?}");
        for command in ["connect", "disconnect", "fake_ack"] {
            let answer = lab.post(&format!("{prefix}/api/connection"), &json!({"command": command})).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{command}");
        }
        let odd = lab.post(&format!("{prefix}/api/connection"), &json!({"command": "dance"})).await;
        assert_eq!(odd.status, 400);
    }
    let id = async |path: &str| lab.get(path).await.json()["plugins"]["discovery"]["upnpUuid"].clone();
    assert_ne!(id("/api/settings").await, id("/p/mk3-01/api/settings").await);
    assert_ne!(id("/p/mk3-01/api/settings").await, id("/p/mk3-02/api/settings").await);
}

#[tokio::test]
async fn a_printer_is_told_with_all_flags_and_is_a_conflict_while_it_is_not_operational() {
    let lab = lab().await;
    warm(&lab, "mk3-01");
    let printer = lab.get("/p/mk3-01/api/printer").await.json();
    assert_eq!(printer["temperature"]["tool0"], json!({"actual": 214.5, "target": 215.0, "offset": 0}));
    assert_eq!(printer["temperature"].as_object().unwrap().len(), 2, "no history unless it is asked for");
    assert_eq!(
        (&printer["state"]["text"], &printer["sd"]),
        (&json!("Operational"), &json!({"ready": false}))
    );
    let flags = printer["state"]["flags"].as_object().unwrap();
    assert!(flags.values().all(Value::is_boolean) && flags.len() == 11, "{flags:?}");
    assert_eq!((&flags["ready"], &flags["printing"]), (&json!(true), &json!(false)));
    let some = lab.get("/p/mk3-01/api/printer?exclude=temperature,sd").await.json();
    assert!(some.get("temperature").is_none() && some.get("sd").is_none() && some.get("state").is_some());
    let twice = lab.get("/p/mk3-01/api/printer?exclude=sd&exclude=state").await;
    assert_eq!(twice.status, 200, "{twice:?}");
    let past = lab.get("/p/mk3-01/api/printer?history=true&limit=2").await.json();
    assert_eq!(past["temperature"]["history"][0]["bed"], json!({"actual": 60.0, "target": 60.0}));
    let tool = lab.get("/p/mk3-01/api/printer/tool").await.json();
    assert_eq!(tool, json!({"tool0": {"actual": 214.5, "target": 215.0, "offset": 0}}));
    assert_eq!(lab.get("/p/mk3-01/api/printer/bed").await.json()["bed"]["target"], 60.0);
    assert_eq!(lab.get("/p/mk3-01/api/printer/chamber").await.status, 409);
    let away = lab.get("/p/away/api/printer").await;
    assert_eq!(away.status, 409);
    assert!(error(&away).contains("offline"), "{away:?}");
    assert_eq!(lab.get("/p/away/api/job").await.json()["state"], "Offline");
    let shared = lab.get("/api/printer").await.json();
    assert_eq!((&shared["temperature"], &shared["state"]["flags"]["ready"]), (&json!({}), &json!(true)));
}

#[tokio::test]
async fn a_job_is_told_and_paused_resumed_and_cancelled() {
    let lab = lab().await;
    let idle = lab.get("/p/mk3-01/api/job").await.json();
    assert_eq!((&idle["state"], &idle["progress"]["completion"]), (&json!("Operational"), &Value::Null));
    assert!(idle["job"]["file"].as_object().unwrap().values().all(Value::is_null), "{idle}");
    let post = async |body: Value| lab.post("/p/mk3-01/api/job", &body).await;
    for body in [json!({"command": "pause", "action": "pause"}), json!({"command": "cancel"})] {
        assert_eq!(post(body).await.status, 409);
    }
    let job = printing(&lab).await;
    let now = lab.get("/p/mk3-01/api/job").await.json();
    assert_eq!((&now["state"], &now["progress"]["completion"]), (&json!("Printing"), &json!(25.0)));
    assert_eq!(now["job"]["file"]["name"], format!("job-{job}.gcode"));
    assert!(now["progress"]["printTime"].is_u64(), "{now}");
    assert_eq!(post(json!({"command": "pause"})).await.status, 204);
    assert_eq!(post(json!({"command": "pause", "action": "resume"})).await.status, 204);
    let told = lab.told();
    assert!(told[0].starts_with("mk3-01: Pause") && told[1].starts_with("mk3-01: Resume"), "{told:?}");
    for (body, status) in [
        (json!({"command": "start"}), 409),
        (json!({"command": "restart"}), 409),
        (json!({"command": "pause", "action": "dance"}), 400),
        (json!({"command": "dance"}), 400),
        (json!({}), 400),
    ] {
        assert_eq!(post(body.clone()).await.status, status, "{body}");
    }
    assert_eq!(post(json!({"command": "cancel"})).await.status, 204);
    assert_eq!(lab.get(&format!("/v1/jobs/{job}")).await.json()["state"], "cancelled");
    // The shared queue prints nothing.
    assert_eq!(lab.post("/api/job", &json!({"command": "cancel"})).await.status, 409);
}

#[tokio::test]
async fn a_file_without_a_case_is_kept_and_never_printed() {
    let lab = lab().await;
    for prefix in ["", P] {
        let answer = upload(&lab, prefix, &[("select", "true"), ("print", "true"), ("path", "")]).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let told = answer.json();
        assert_eq!((&told["done"], &told["effectivePrint"]), (&json!(true), &json!(false)));
        assert_eq!(told["effectiveSelect"], false);
        assert!(told["platen"]["waits"].as_str().unwrap().contains("which part"), "{told}");
        let file = &told["files"]["local"];
        let name = file["name"].as_str().unwrap();
        assert!(name.starts_with("left-femur-") && name.ends_with(".gcode"), "{name}");
        assert!(!answer.body.contains("Doe") && !answer.head.contains("Doe"), "{answer:?}");
        let base = format!("http://{}{prefix}", lab.address);
        let place = format!("{base}/api/files/local/{name}");
        assert_eq!(answer.header("location"), Some(place.as_str()));
        assert_eq!(file["refs"]["resource"], place);
        assert_eq!(file["refs"]["download"], format!("{base}/downloads/files/local/{name}"));
        for list in ["/api/files", "/api/files/local", "/api/files?recursive=true"] {
            let files = lab.get(&format!("{prefix}{list}")).await.json();
            assert_eq!(files["files"].as_array().unwrap().len(), 1, "{list}: {files}");
            assert_eq!(files["files"][0]["name"], name);
        }
        assert_eq!(lab.get(&format!("{prefix}/api/files/sdcard")).await.json()["files"], json!([]));
        assert_eq!(lab.get(&format!("{prefix}/api/files/moon")).await.status, 404);
        // By the name that it got, and by the one that it had.
        for called in [name, "Doe_Jane_LeftFemur.gcode"] {
            let path = format!("{prefix}/api/files/local/{called}");
            let one = lab.get(&path).await;
            assert_eq!((one.status, &one.json()["name"]), (200, &json!(name)), "{one:?}");
            assert_eq!(lab.post(&path, &json!({"command": "select"})).await.status, 204);
            let print = lab.post(&path, &json!({"command": "select", "print": true})).await;
            assert_eq!(print.status, 409, "{print:?}");
            assert_eq!(lab.post(&path, &json!({"command": "move", "destination": "x"})).await.status, 409);
            assert_eq!(lab.post(&path, &json!({"command": "dance"})).await.status, 400);
        }
        let bytes = lab.get(&format!("{prefix}/downloads/files/local/{name}")).await;
        assert_eq!((bytes.status, bytes.body.as_bytes()), (200, GCODE));
        let path = format!("{prefix}/api/files/local/{name}");
        assert_eq!(lab.send("DELETE", &path, "", b"").await.status, 204);
        assert_eq!(lab.send("DELETE", &path, "", b"").await.status, 404);
        assert_eq!(lab.get(&path).await.status, 404);
    }
    assert_eq!(lab.get("/v1/jobs").await.json(), json!([]));
    assert!(lab.told().is_empty());
}

#[tokio::test]
async fn a_file_that_says_its_case_becomes_a_job_wherever_it_says_so() {
    let lab = lab().await;
    let case = lab.case().await;
    let userdata = json!({"case": case, "part": 1}).to_string();
    let (at_root, at_printer) = (format!("/c/{case}/1"), format!("{P}/c/{case}/1"));
    for (prefix, fields) in [
        ("", vec![("print", "true"), ("userdata", userdata.as_str())]),
        (at_root.as_str(), vec![("print", "true")]),
        (at_printer.as_str(), vec![("print", "yes"), ("noOverwrite", "true")]),
    ] {
        let answer = upload(&lab, prefix, &fields).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["effectivePrint"]), (201, &json!(true)), "{prefix}: {told}");
        let job = told["platen"]["job"].as_str().unwrap();
        assert_eq!(lab.get(&format!("/v1/jobs/{job}")).await.json()["state"], "queued");
        let place = answer.header("location").unwrap();
        let path = place.strip_prefix(&format!("http://{}", lab.address)).unwrap().to_owned();
        assert_eq!(lab.get(&path).await.json()["platen"]["job"], job, "{path}");
        // It is queued already, and is a job's.
        assert_eq!(lab.post(&path, &json!({"command": "select", "print": true})).await.status, 204);
        assert_eq!(lab.send("DELETE", &path, "", b"").await.status, 409);
    }
    // To be kept first, then printed, as Cura does.
    let kept = upload(&lab, &at_printer, &[]).await;
    assert_eq!(kept.json()["effectivePrint"], false);
    let place = kept.header("location").unwrap().replace(&format!("http://{}", lab.address), "");
    let print = lab.post(&place, &json!({"command": "select", "print": true})).await;
    assert_eq!(print.status, 204, "{print:?}");
    assert!(lab.get(&place).await.json()["platen"]["job"].is_string());
}

/// As whoever types a token by hand gets it: its last character is another one.
fn mistyped(case: &str) -> String {
    let (payload, check) = case.split_at(12);
    format!("{payload}{}", if check == "0" { "2" } else { "0" })
}

/// What `/v1/uploads` says of the file that was answered so.
async fn kept(lab: &TestLab, told: &Value) -> Value {
    let all = lab.get("/v1/uploads").await.json();
    let of_it = |upload: &&Value| upload["id"] == told["platen"]["upload"];
    all.as_array().unwrap().iter().find(of_it).unwrap().clone()
}

#[tokio::test]
async fn what_was_given_as_a_case_and_is_none_is_told_and_kept_nowhere() {
    let lab = lab().await;
    let case = lab.case().await;
    let wrong = mistyped(case.as_str());
    let unknown = CaseToken::from_entropy([9; 16]).to_string();
    let folder = format!("prints/{wrong}/1");
    for (field, value, secret) in [
        ("userdata", json!({"case": wrong, "part": 1}).to_string(), wrong.as_str()),
        ("userdata", json!({"case_id": "Doe, Jane"}).to_string(), "Jane"),
        ("userdata", json!({"case": unknown, "part": 1}).to_string(), unknown.as_str()),
        ("path", folder, wrong.as_str()),
        ("path", unknown.clone(), unknown.as_str()),
    ] {
        let sent = upload(&lab, P, &[(field, value.as_str()), ("print", "true")]).await;
        let told = sent.json();
        assert_eq!((sent.status, &told["effectivePrint"]), (201, &json!(false)), "{value}: {told}");
        let waits = told["platen"]["waits"].as_str().unwrap();
        assert!(waits.contains("is no case here") && waits.contains("`platen uploads`"), "{value}: {waits}");
        let kept = kept(&lab, &told).await;
        assert_eq!((&kept["state"], &kept["waits"]), (&json!("unassigned"), &json!(waits)), "{value}");
        assert!(kept.get("case").is_none(), "{kept}");
        let name = told["files"]["local"]["name"].as_str().unwrap();
        let print = json!({"command": "select", "print": true});
        let print = lab.post(&format!("{P}/api/files/local/{name}"), &print).await;
        assert!(print.status == 409 && error(&print).contains("is no case here"), "{print:?}");
        let page = lab.get("/queue").await.body;
        assert!(page.contains("is no case here"), "{value}");
        for seen in [&sent.body, &kept.to_string(), &page] {
            assert!(!seen.contains(secret), "{value}");
        }
    }
    let none = upload(&lab, "", &[("userdata", r#"{"case": null}"#), ("print", "true")]).await.json();
    assert_eq!(none["platen"]["waits"], "nobody has said yet of which part it is");
    // The address counts before it.
    let userdata = json!({"case": wrong, "part": 1}).to_string();
    let sent = upload(&lab, &format!("/c/{case}/1"), &[("userdata", &userdata), ("print", "true")]).await;
    assert_eq!(sent.json()["effectivePrint"], true, "{sent:?}");
    assert_eq!(kept(&lab, &sent.json()).await.get("waits"), None);
}

#[tokio::test]
async fn a_program_that_asks_for_version_2_gets_its_shapes_and_no_other_does() {
    let lab = lab().await;
    let two = format!("{FORM}X-OctoPrint-Api-Version: 2.0.0\r\n");
    let one = format!("{FORM}X-OctoPrint-Api-Version: 1.11.6\r\n");
    let body = form(&[], "heart.gcode");
    for (headers, is_new) in [(FORM, false), (one.as_str(), false), (two.as_str(), true)] {
        let ask = async |path: &str| lab.send("GET", &format!("{P}{path}"), headers, b"").await.json();
        assert_eq!(ask("/api/version").await.get("api").is_none(), is_new);
        let printer = ask("/api/printer").await;
        assert_eq!((printer.get("storage").is_some(), printer.get("sd").is_some()), (is_new, !is_new));
        let excluded = ask(&format!("/api/printer?exclude={}", if is_new { "storage" } else { "sd" })).await;
        assert!(excluded.get("storage").is_none() && excluded.get("sd").is_none(), "{excluded}");
        let sent = lab.send("POST", &format!("{P}/api/files/local"), headers, &body).await;
        let told = sent.json();
        let file = if is_new { &told["file"] } else { &told["files"]["local"] };
        assert!(sent.status == 201 && file["refs"]["resource"].is_string(), "{told}");
        assert_eq!(told.get("files").is_none(), is_new, "{told}");
        for card in ["sdcard", "printer"] {
            assert_eq!(ask(&format!("/api/files/{card}")).await["files"], json!([]));
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_every_address_is_the_one_that_others_reach() {
    const PUBLIC: &str = "https://lab.example/platen";
    let lab = lab_behind(PUBLIC).await;
    let case = lab.case().await;
    let sent = upload(&lab, P, &[]).await;
    let told = sent.json();
    let file = &told["files"]["local"];
    let name = file["name"].as_str().unwrap();
    let place = format!("{PUBLIC}{P}/api/files/local/{name}");
    assert_eq!((sent.header("location"), &file["refs"]["resource"]), (Some(place.as_str()), &json!(place)));
    assert_eq!(file["refs"]["download"], format!("{PUBLIC}{P}/downloads/files/local/{name}"));
    let listed = lab.get(&format!("{P}/api/files")).await.json();
    assert_eq!(listed["files"][0]["refs"]["resource"], place);

    let under = format!("{P}/c/{case}/1");
    let asked = lab.post(&format!("{under}/plugin/appkeys/request"), &json!({"app": "OctoPod"})).await;
    let at = asked.header("location").unwrap();
    assert!(at.starts_with(&format!("{PUBLIC}{under}/plugin/appkeys/request/")), "{at}");
    assert_eq!(asked.json()["auth_dialog"], format!("{PUBLIC}/account"));

    let made = lab.send("POST", "/v1/files", "", GCODE).await;
    let at = made.header("location").unwrap();
    assert!(made.status == 201 && at.starts_with(&format!("{PUBLIC}/v1/files/")), "{made:?}");

    // What the proxy hands on, whichever Host it sets.
    for (origin, status) in [
        ("https://lab.example", 201),
        ("http://lab.example", 403),
        ("https://evil.example", 403),
        ("https://lab.example:8443", 403),
    ] {
        let headers = format!("{FORM}Origin: {origin}\r\n");
        let answer = lab.send("POST", "/api/files/local", &headers, &form(&[], "heart.gcode")).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
    }
    for (host, status) in [("lab.example", 200), ("LAB.EXAMPLE:443", 200), ("evil.example", 421)] {
        let answer = lab.send("GET", "/api/version", &format!("Host: {host}\r\n"), b"").await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn folders_and_odd_uploads_are_answered() {
    let lab = lab().await;
    let folder = lab.post("/api/files/local", &json!({"foldername": "prints"})).await;
    assert_eq!((folder.status, &folder.json()["done"]), (201, &json!(true)), "{folder:?}");
    assert_eq!(lab.post("/api/files/local", &json!({})).await.status, 400);
    let field = |name: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nprints\r\n--B--\r\n")
    };
    for (name, status) in [("foldername", 201), ("path", 400)] {
        let answer = lab.send("POST", "/p/mk3-01/api/files/local", FORM, field(name).as_bytes()).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
    let cut = lab.send("POST", "/api/files/local", FORM, b"--B\r\n").await;
    assert_eq!(cut.status, 400, "{cut:?}");
    error(&cut);
    let mut body = form(&[], "x.gcode");
    body.extend(vec![b' '; 1 << 20]);
    let words = lab.send("POST", "/api/files/local", FORM, &form(&[], "photo.gcode")).await;
    assert_eq!(words.status, 201);
    let elsewhere = format!("{FORM}Origin: http://evil.example\r\n");
    assert_eq!(lab.send("POST", "/api/files/local", &elsewhere, &body).await.status, 403);
}

#[tokio::test]
async fn a_file_is_not_sent_over_another_where_that_is_not_wanted() {
    let lab = lab().await;
    assert_eq!(upload(&lab, P, &[("noOverwrite", "true")]).await.status, 201);
    let again = upload(&lab, P, &[("noOverwrite", "true")]).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert!(error(&again).contains("noOverwrite") && !again.body.contains("Doe"), "{again:?}");
    assert_eq!(upload(&lab, P, &[("noOverwrite", "false")]).await.status, 201);
    assert_eq!(upload(&lab, "", &[("noOverwrite", "true")]).await.status, 201, "another list");
    let files = lab.get(&format!("{P}/api/files")).await.json();
    assert_eq!(files["files"].as_array().unwrap().len(), 2);
    assert!(files["free"].as_u64() <= files["total"].as_u64() && files["total"].is_u64(), "{files}");
}

#[tokio::test]
async fn a_file_whose_job_is_over_is_not_said_to_be_printed() {
    let lab = lab().await;
    let case = lab.case().await;
    let sent = upload(&lab, &format!("{P}/c/{case}/1"), &[("print", "true")]).await;
    let place = sent.header("location").unwrap().replace(&format!("http://{}", lab.address), "");
    let print = json!({"command": "select", "print": true});
    assert_eq!(lab.post(&place, &print).await.status, 204);
    let job = sent.json()["platen"]["job"].as_str().unwrap().to_owned();
    let cancelled = lab.post(&format!("/v1/jobs/{job}/cancel"), &json!({"by": "kim"})).await;
    assert!(cancelled.status < 300, "{cancelled:?}");
    let over = lab.post(&place, &print).await;
    assert_eq!(over.status, 409, "{over:?}");
    assert!(error(&over).contains("is over"), "{over:?}");
}

#[tokio::test]
async fn a_part_may_be_said_behind_a_case_that_the_address_has() {
    let lab = lab().await;
    let case = lab.case().await;
    let userdata = json!({"case": case, "part": 1}).to_string();
    let sent = upload(&lab, &format!("/c/{case}"), &[("userdata", &userdata), ("print", "true")]).await;
    assert_eq!(sent.json()["effectivePrint"], true, "{sent:?}");
    let kept = lab.get("/v1/uploads").await.json();
    assert_eq!((&kept[0]["case"], &kept[0]["part"]), (&json!(case), &json!(1)), "{kept}");
}

#[tokio::test]
async fn a_name_may_be_said_in_the_extended_way_and_fields_have_an_end() {
    let lab = lab().await;
    let body = form(&[], "x");
    let body = String::from_utf8(body).unwrap();
    let body = body.replace("filename=\"x\"", "filename*=UTF-8''left%20femur.gcode");
    let sent = lab.send("POST", "/api/files/local", FORM, body.as_bytes()).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    assert_eq!(lab.get("/api/files/local/left%20femur.gcode").await.status, 200);
    let many = upload(&lab, "", &[("path", ""); 33]).await;
    assert_eq!(many.status, 400, "{many:?}");
    assert!(error(&many).contains("more than 32 fields"), "{many:?}");
    let mut preamble = vec![b'x'; 900 << 10];
    preamble.extend(form(&[], "x.gcode"));
    let around = lab.send("POST", "/api/files/local", FORM, &preamble).await;
    assert_eq!(around.status, 400, "{around:?}");
}

#[tokio::test]
async fn a_file_is_found_by_its_own_name_only_by_who_sent_it() {
    let lab = lab_of_people("ada", ADA).await;
    let (_, kim) = user(&lab, "kim", &["operator"]).await;
    let (_, lee) = user(&lab, "lee", &["operator"]).await;
    let headers = format!("{FORM}{}", key(&kim));
    let sent =
        lab.send("POST", &format!("{P}/api/files/local"), &headers, &form(&[], "Doe_Jane.gcode")).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let name = sent.json()["files"]["local"]["name"].as_str().unwrap().to_owned();
    let path = format!("{P}/api/files/local");
    for (secret, name, status) in
        [(&kim, "Doe_Jane.gcode", 200), (&lee, "Doe_Jane.gcode", 404), (&lee, name.as_str(), 200)]
    {
        let answer = send(&lab, &key(secret), "GET", &format!("{path}/{name}"), json!({})).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_stop_at_the_shared_queue_is_for_all_printers() {
    let lab = lab().await;
    let stop = lab.post("/api/printer/command", &json!({"commands": ["M105", "M112"]})).await;
    assert_eq!(stop.status, 409, "one has no port: {stop:?}");
    assert!(error(&stop).contains("of away"), "{stop:?}");
    assert_eq!(lab.told().iter().filter(|told| told.contains(": stop by")).count(), 3);
}

#[tokio::test]
async fn commands_go_the_way_of_the_console_and_all_of_them_or_none() {
    let lab = lab().await;
    let post = async |printer: &str, path: &str, body: Value| {
        lab.post(&format!("/p/{printer}/api/printer/{path}"), &body).await
    };
    assert_eq!(post("mk3-01", "command", json!({"command": "M105"})).await.status, 204);
    assert_eq!(
        post("mk3-02", "tool", json!({"command": "target", "targets": {"tool0": 200}})).await.status,
        204
    );
    assert_eq!(post("mk3-02", "bed", json!({"command": "target", "target": 60})).await.status, 204);
    let told = lab.told().len();
    for (printer, path, body, status) in [
        ("mk3-01", "tool", json!({"command": "target", "targets": {"tool0": 200}}), 409),
        ("mk3-02", "tool", json!({"command": "target", "targets": {"tool0": 300}}), 409),
        ("mk3-02", "tool", json!({"command": "offset", "offsets": {"tool0": 5}}), 409),
        ("mk3-02", "chamber", json!({"command": "target", "target": 40}), 409),
        ("mk3-02", "printhead", json!({"command": "jog", "x": 10}), 409),
        ("mk3-02", "printhead", json!({"command": "feedrate", "factor": 100}), 409),
        ("mk3-02", "tool", json!({"command": "extrude", "amount": 5}), 409),
        ("mk3-02", "tool", json!({"command": "flowrate", "factor": 100}), 409),
        ("mk3-02", "command", json!({"commands": ["M105", "M500"]}), 409),
        ("mk3-02", "command", json!({"command": "M105 ; M112"}), 400),
        ("away", "command", json!({"command": "M105"}), 409),
        ("mk3-01", "sd", json!({"command": "init"}), 409),
        ("mk3-01", "command", json!({}), 400),
        ("mk3-01", "bed", json!({"command": "dance"}), 400),
    ] {
        let answer = post(printer, path, body.clone()).await;
        assert_eq!(answer.status, status, "{printer} {path} {body}: {answer:?}");
        assert!(error(&answer).len() > 20, "{answer:?}");
    }
    assert_eq!(lab.told().len(), told, "nothing was sent: {:?}", lab.told());
    assert_eq!(lab.post("/api/printer/command", &json!({"command": "M105"})).await.status, 409);
    assert_eq!(post("mk3-01", "command", json!({"command": "m112"})).await.status, 204);
    assert!(lab.told().last().unwrap().starts_with("mk3-01: stop"), "{:?}", lab.told());
}

fn key(secret: &str) -> String {
    format!("X-Api-Key: {secret}\r\n")
}

async fn sign_in(lab: &TestLab, name: &str, password: &str) -> String {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("Cookie: {}\r\n", answer.header("set-cookie").unwrap().split(';').next().unwrap())
}

async fn send(lab: &TestLab, who: &str, method: &str, path: &str, body: Value) -> Answer {
    lab.send(method, path, &format!("{JSON}{who}"), body.to_string().as_bytes()).await
}

/// A user with their own password, signed in, and a token of theirs.
async fn user(lab: &TestLab, name: &str, roles: &[&str]) -> (String, String) {
    let ada = sign_in(lab, "ada", ADA).await;
    let new = json!({"name": name, "roles": roles, "password": "some first words"});
    assert_eq!(send(lab, &ada, "POST", "/v1/users", new).await.status, 201);
    let them = sign_in(lab, name, "some first words").await;
    let change = json!({"old": "some first words", "new": "words of their own"});
    assert_eq!(send(lab, &them, "POST", "/v1/session/password", change).await.status, 200);
    let made = send(lab, &them, "POST", "/v1/tokens", json!({"label": "slicer", "roles": roles})).await;
    (them, made.json()["token"].as_str().unwrap().to_owned())
}

/// Every row of the door that is this dialect's, asked as it is.
fn rows() -> Vec<(&'static str, String, bool)> {
    let rows = door::TABLE.iter().filter(|row| {
        let path = row.1;
        let is_ours =
            ["/api/", "/plugin/", "/sockjs/", "/downloads/"].iter().any(|begin| path.starts_with(begin));
        compat::is_compat(path) && is_ours && !path.starts_with("/api/v1/")
    });
    rows.map(|(method, path, asks)| {
        let path = path
            .replace("{location}", "local")
            .replace("{*path}", "x.gcode")
            .replace("{profile}", "_default")
            .replace("{source}", "core")
            .replace("{action}", "restart")
            .replace("{app_token}", "0")
            .replace("{server}", "123")
            .replace("{session}", "abcdefgh");
        (*method, path, matches!(asks, door::Asks::Nothing(_)))
    })
    .collect()
}

#[tokio::test]
async fn a_wrong_key_is_forbidden_on_every_route_and_so_is_none_but_where_a_digest_may_come() {
    let lab = lab_of_people("ada", ADA).await;
    let rows = rows();
    assert!(rows.len() > 40, "{}", rows.len());
    for prefix in ["", P] {
        for (method, path, is_open) in &rows {
            let path = format!("{prefix}{path}");
            let wrong = send(&lab, &key("platen_wrong"), method, &path, json!({})).await;
            let none = send(&lab, "", method, &path, json!({})).await;
            if *is_open {
                assert_ne!(wrong.status, 401, "{method} {path}: {wrong:?}");
                continue;
            }
            assert_eq!(wrong.status, 403, "{method} {path}: {wrong:?}");
            error(&wrong);
            assert!(matches!(none.status, 401 | 403), "{method} {path}: {none:?}");
        }
    }
}

#[tokio::test]
async fn every_route_answers_its_own_kind_of_json_where_nobody_is_set_up() {
    let lab = lab().await;
    for prefix in ["", P] {
        for (method, path, _) in rows() {
            let path = format!("{prefix}{path}");
            let answer = send(&lab, "", method, &path, json!({})).await;
            assert!(![401, 403, 405, 415, 500].contains(&answer.status), "{method} {path}: {answer:?}");
            if answer.status >= 400 {
                error(&answer);
            }
        }
    }
}

#[tokio::test]
async fn a_key_does_what_its_roles_may() {
    let lab = lab_of_people("ada", ADA).await;
    let (_, kim) = user(&lab, "kim", &["operator"]).await;
    let (_, rita) = user(&lab, "rita", &["requester"]).await;
    let asks = async |secret: &str, method: &str, path: &str, body: Value| {
        send(&lab, &key(secret), method, &format!("{P}{path}"), body).await.status
    };
    assert_eq!(asks(&kim, "GET", "/api/version", json!({})).await, 200);
    assert_eq!(asks(&kim, "GET", "/api/printer", json!({})).await, 200);
    assert_eq!(asks(&kim, "POST", "/api/job", json!({"command": "pause"})).await, 409);
    assert_eq!(asks(&rita, "POST", "/api/job", json!({"command": "pause"})).await, 403);
    // An operator sends no commands, but a stop.
    assert_eq!(asks(&kim, "POST", "/api/printer/command", json!({"command": "M105"})).await, 403);
    assert_eq!(asks(&rita, "POST", "/api/printer/command", json!({"command": "M112"})).await, 204);
    let body = form(&[("print", "true")], "x.gcode");
    let sent = async |secret: &str| {
        let headers = format!("{FORM}{}", key(secret));
        lab.send("POST", &format!("{P}/api/files/local"), &headers, &body).await.status
    };
    assert_eq!((sent(&kim).await, sent(&rita).await), (201, 403));
    let bearer = format!("Authorization: Bearer {kim}\r\n");
    assert_eq!(send(&lab, &bearer, "GET", "/api/currentuser", json!({})).await.json()["name"], "kim");
}

#[tokio::test]
async fn somebody_signs_in_by_a_key_and_a_password_is_refused_in_clear_words() {
    let lab = lab_of_people("ada", ADA).await;
    let (_, kim) = user(&lab, "kim", &["operator"]).await;
    let passive = send(&lab, &key(&kim), "POST", "/api/login", json!({"passive": true})).await;
    let told = passive.json();
    assert_eq!((passive.status, &told["name"], &told["active"]), (200, &json!("kim"), &json!(true)));
    assert_eq!((&told["_login_mechanism"], &told["_is_external_client"]), (&json!("apikey"), &json!(true)));
    assert!(told["session"].as_str().unwrap().len() > 20 && !passive.body.contains(&kim), "{told}");
    for who in ["", &key("platen_wrong")] {
        assert_eq!(send(&lab, who, "POST", "/api/login", json!({"passive": true})).await.status, 403);
    }
    let typed =
        send(&lab, "", "POST", "/api/login", json!({"user": "ada", "pass": ADA, "remember": true})).await;
    assert_eq!(typed.status, 403);
    assert!(error(&typed).contains("passwords are not taken here") && !typed.body.contains(ADA), "{typed:?}");
    assert_eq!(send(&lab, "", "POST", "/api/logout", json!({})).await.status, 204);
}

#[tokio::test]
async fn a_program_asks_for_a_key_and_a_person_grants_it_once() {
    let lab = lab_of_people("ada", ADA).await;
    let (kim, _) = user(&lab, "kim", &["operator", "inspector"]).await;
    assert_eq!(lab.get("/p/mk3-01/plugin/appkeys/probe").await.status, 204);
    let ask = async |app: &str| {
        let answer = lab.post("/p/mk3-01/plugin/appkeys/request", &json!({"app": app, "user": "kim"})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let place = answer.header("location").unwrap();
        let token = place.rsplit('/').next().unwrap().to_owned();
        assert_eq!(place, format!("http://{}{P}/plugin/appkeys/request/{token}", lab.address));
        assert_eq!(answer.json()["app_token"], token);
        format!("{P}/plugin/appkeys/request/{token}")
    };
    let place = ask("Home Assistant <b>").await;
    let waits = lab.get(&place).await;
    assert_eq!((waits.status, &waits.json()["message"]), (202, &json!("Awaiting decision")));
    let listed = send(&lab, &kim, "GET", "/v1/app-keys", json!({})).await.json();
    assert_eq!((&listed[0]["app"], &listed[0]["user"]), (&json!("Home Assistant _b_"), &json!("kim")));
    assert!(!listed.to_string().contains(place.rsplit('/').next().unwrap()), "the token is the program's");
    let at = format!("/v1/app-keys/{}", listed[0]["code"].as_str().unwrap());
    let ada = sign_in(&lab, "ada", ADA).await;
    let no_role = send(&lab, &ada, "POST", &at, json!({"grant": true})).await;
    assert_eq!((no_role.status, no_role.problem().as_str()), (403, "not-your-role"));
    assert_eq!(send(&lab, &kim, "POST", &at, json!({"grant": true})).await.json(), json!([]));
    assert_eq!(lab.send("HEAD", &place, "", b"").await.status, 405, "it would use the key up");
    let granted = lab.get(&place).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let secret = granted.json()["api_key"].as_str().unwrap().to_owned();
    assert_eq!(lab.get(&place).await.status, 404, "it is handed out once");
    assert_eq!(send(&lab, &key(&secret), "GET", "/p/mk3-01/api/printer", json!({})).await.status, 200);
    let tokens = send(&lab, &kim, "GET", "/v1/tokens", json!({})).await.json();
    let own = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["label"] == "Home Assistant _b_")
        .unwrap()
        .clone();
    assert_eq!(own["roles"], json!(["operator"]));
    let again = send(&lab, &kim, "POST", &at, json!({"grant": true})).await;
    assert_eq!((again.status, again.problem().as_str()), (404, "no-such-request"));

    let place = ask("OctoPod").await;
    let listed = send(&lab, &kim, "GET", "/v1/app-keys", json!({})).await.json();
    let at = format!("/v1/app-keys/{}", listed[0]["code"].as_str().unwrap());
    assert_eq!(send(&lab, &kim, "POST", &at, json!({"grant": false})).await.status, 200);
    assert_eq!(lab.get(&place).await.status, 404);
    assert_eq!(lab.post("/plugin/appkeys/request", &json!({})).await.status, 400);
}

#[tokio::test]
async fn where_nobody_is_set_up_a_program_has_its_key_at_once() {
    let lab = lab().await;
    let asked = lab.post("/plugin/appkeys/request", &json!({"app": "OctoPod"})).await;
    let place = asked.header("location").unwrap().replace(&format!("http://{}", lab.address), "");
    let granted = lab.get(&place).await;
    assert!(granted.status == 200 && granted.json()["api_key"].is_string(), "{granted:?}");
    assert_eq!(lab.get("/v1/app-keys").await.json(), json!([]));
}

/// A WebSocket, as little of it as these tests need.
struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Socket {
    async fn open(lab: &TestLab, path: &str, headers: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(lab.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            lab.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 { Ok(Self { stream, read: Vec::new() }) } else { Err(status) }
    }

    async fn say(&mut self, text: &str) {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
        frame.extend(mask);
        frame.extend(text.bytes().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next text; `None` once it is closed.
    async fn text(&mut self) -> Option<String> {
        loop {
            if let Some((kind, text)) = self.frame() {
                match kind {
                    1 => return Some(text),
                    8 => return None,
                    _ => continue,
                }
            }
            let mut bytes = [0; 4096];
            let wait = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut bytes));
            match wait.await.expect("something comes").unwrap_or(0) {
                0 => return None,
                count => self.read.extend(&bytes[..count]),
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, String)> {
        let kind = self.read.first()? & 0x0F;
        let (length, begin) = match *self.read.get(1)? {
            126 => (usize::from(u16::from_be_bytes([*self.read.get(2)?, *self.read.get(3)?])), 4),
            127 => panic!("too long for a test"),
            length => (usize::from(length), 2),
        };
        let text = self.read.get(begin..begin + length)?.to_vec();
        self.read.drain(..begin + length);
        Some((kind, String::from_utf8_lossy(&text).into_owned()))
    }

    async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await.expect("a message")).unwrap()
    }

    /// The next event of this kind, within some messages.
    async fn event(&mut self, kind: &str) -> Value {
        for _ in 0..20 {
            let message = self.json().await;
            if message["event"]["type"] == kind {
                return message["event"]["payload"].clone();
            }
        }
        panic!("no {kind} came");
    }
}

#[tokio::test]
async fn a_dashboard_follows_a_printer() {
    let lab = lab().await;
    warm(&lab, "mk3-01");
    let mut socket = Socket::open(&lab, "/p/mk3-01/sockjs/websocket", "").await.unwrap();
    let hello = socket.json().await;
    assert_eq!(hello["connected"]["version"], "1.11.6", "{hello}");
    assert!(hello["connected"]["display_version"].as_str().unwrap().starts_with("OctoPrint"), "{hello}");
    let history = socket.json().await;
    assert_eq!(history["history"]["state"]["flags"]["ready"], true, "{history}");
    socket.say(" ").await;
    let current = socket.json().await["current"].clone();
    for key in ["state", "job", "progress", "currentZ", "offsets", "temps", "logs", "messages", "resends"] {
        assert!(current.get(key).is_some(), "{key}: {current}");
    }
    assert_eq!(current["temps"][0]["tool0"], json!({"actual": 214.5, "target": 215.0}));
    let job = printing(&lab).await;
    let payload = socket.event("PrintStarted").await;
    assert_eq!(payload["name"], format!("job-{job}.gcode"), "{payload}");
    upload(&lab, P, &[]).await;
    let added = socket.event("FileAdded").await;
    assert!(added["name"].as_str().unwrap().starts_with("left-femur-"), "{added}");
    shows(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Cancelling { job: job.clone() };
    });
    // That it prints may be told just before.
    while socket.event("PrinterStateChanged").await["state_id"] != "CANCELLING" {}
    lab.shutdown.cancel();
    while socket.text().await.is_some() {}
}

#[tokio::test]
async fn a_stream_says_at_most_two_messages_a_second_and_fewer_where_it_is_asked_to() {
    let lab = lab().await;
    let mut socket = Socket::open(&lab, "/p/mk3-01/sockjs/websocket", "").await.unwrap();
    socket.say(r#"{"throttle": 4}"#).await;
    for _ in 0..3 {
        socket.json().await;
    }
    let begun = lab.clock.now();
    socket.json().await;
    assert!(lab.clock.now() - begun > Duration::from_millis(1_500));
}

#[tokio::test]
async fn a_stream_is_framed_as_sockjs_under_its_paths() {
    let lab = lab().await;
    let mut socket = Socket::open(&lab, "/p/mk3-01/sockjs/042/abcdefgh/websocket", "").await.unwrap();
    assert_eq!(socket.text().await.as_deref(), Some("o"));
    let hello = socket.text().await.unwrap();
    assert!(hello.starts_with("a[{\"connected\":") && hello.ends_with("}]"), "{hello}");
}

#[tokio::test]
async fn whoever_follows_shows_a_key_or_a_session_and_hears_nothing_before() {
    let lab = lab_of_people("ada", ADA).await;
    let (kim, secret) = user(&lab, "kim", &["operator"]).await;
    let path = "/p/mk3-01/sockjs/websocket";
    assert_eq!(Socket::open(&lab, path, &key("platen_wrong")).await.err(), Some(403));
    assert_eq!(Socket::open(&lab, path, "Origin: http://evil.example\r\n").await.err(), Some(403));
    let mut by_header = Socket::open(&lab, path, &key(&secret)).await.unwrap();
    assert!(by_header.json().await.get("connected").is_some());
    assert!(by_header.json().await.get("history").is_some());
    let login = send(&lab, &key(&secret), "POST", "/api/login", json!({"passive": true})).await.json();
    for shown in [login["session"].as_str().unwrap(), &secret] {
        let mut socket = Socket::open(&lab, path, "").await.unwrap();
        assert!(socket.json().await.get("connected").is_some());
        socket.say(&json!({"auth": format!("kim:{shown}")}).to_string()).await;
        assert!(socket.json().await.get("history").is_some());
    }
    let mut wrong = Socket::open(&lab, path, "").await.unwrap();
    assert!(wrong.json().await.get("connected").is_some());
    wrong.say(r#"{"auth": "kim:not-it"}"#).await;
    assert!(wrong.json().await.get("reauthRequired").is_some());
    assert_eq!(wrong.text().await, None);
    // A key that is revoked ends the stream.
    let tokens = send(&lab, &kim, "GET", "/v1/tokens", json!({})).await.json();
    let revoke = format!("/v1/tokens/{}/revoke", tokens[0]["id"].as_str().unwrap());
    assert_eq!(send(&lab, &kim, "POST", &revoke, json!({})).await.status, 200);
    while by_header.text().await.is_some() {}
}

/// The labels of somebody's tokens, each with its roles.
async fn tokens(lab: &TestLab, who: &str) -> Vec<(String, Value)> {
    let told = send(lab, who, "GET", "/v1/tokens", json!({})).await.json();
    let tokens = told.as_array().unwrap().iter();
    tokens.map(|token| (token["label"].as_str().unwrap().to_owned(), token["roles"].clone())).collect()
}

#[tokio::test]
async fn of_two_programs_that_call_themselves_alike_none_is_granted_before_one_is_denied() {
    let lab = lab_of_people("ada", ADA).await;
    let (kim, _) = user(&lab, "kim", &["operator", "designer"]).await;
    for (prefix, app) in [("", "Home Assistant"), (P, "home assistant")] {
        let asked = lab.post(&format!("{prefix}/plugin/appkeys/request"), &json!({"app": app})).await;
        assert_eq!(asked.status, 201, "{asked:?}");
    }
    let listed = send(&lab, &kim, "GET", "/v1/app-keys", json!({})).await.json();
    assert_eq!((&listed[0]["from"], &listed[1]["from"]), (&json!("/"), &json!(P)), "{listed}");
    assert!(listed[0]["asked"].as_str().unwrap().ends_with('Z'), "{listed}");
    let at = |n: usize| format!("/v1/app-keys/{}", listed[n]["code"].as_str().unwrap());
    for n in [0, 1] {
        let refused = send(&lab, &kim, "POST", &at(n), json!({"grant": true})).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "two-ask-alike"), "{refused:?}");
    }
    assert_eq!(send(&lab, &kim, "POST", &at(1), json!({"grant": false})).await.status, 200);
    assert_eq!(send(&lab, &kim, "POST", &at(0), json!({"grant": true})).await.json(), json!([]));
    let own = tokens(&lab, &kim).await;
    assert!(own.contains(&("Home Assistant".into(), json!(["operator"]))), "one role: {own:?}");
}

#[tokio::test]
async fn a_granted_key_that_no_program_fetches_is_revoked() {
    let lab = lab_of_people("ada", ADA).await;
    let (kim, _) = user(&lab, "kim", &["designer"]).await;
    let asked = lab.post("/plugin/appkeys/request", &json!({"app": "OctoPod"})).await.json();
    let at = format!("/v1/app-keys/{}", asked["platen"]["code"].as_str().unwrap());
    assert_eq!(send(&lab, &kim, "POST", &at, json!({"grant": true})).await.status, 200);
    let is_there = async || tokens(&lab, &kim).await.contains(&("OctoPod".into(), json!(["designer"])));
    assert!(is_there().await);
    for _ in 0..100 {
        if !is_there().await {
            let late = format!("/plugin/appkeys/request/{}", asked["app_token"].as_str().unwrap());
            assert_eq!(lab.get(&late).await.status, 404);
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the token that nobody has is still there");
}

#[tokio::test]
async fn a_program_is_granted_its_key_on_the_page() {
    let lab = lab_of_people("ada", ADA).await;
    let (kim, _) = user(&lab, "kim", &["operator"]).await;
    let asked = lab.post(&format!("{P}/plugin/appkeys/request"), &json!({"app": "OctoPod"})).await.json();
    assert_eq!(asked["auth_dialog"], format!("http://{}/account", lab.address));
    let code = asked["platen"]["code"].as_str().unwrap();
    let page = lab.send("GET", "/account", &kim, b"").await;
    assert!(page.body.contains("OctoPod") && page.body.contains(&format!("grant-{code}")), "{page:?}");
    assert!(!page.body.contains(asked["app_token"].as_str().unwrap()), "the token is the program's");
    let press = async |what: &str| {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{kim}");
        lab.send("POST", "/do/app-key", &headers, format!("code={code}{what}").as_bytes()).await
    };
    assert_eq!(press("").await.status, 400);
    let granted = press("&decision=grant").await;
    assert!(granted.status == 200 && granted.body.contains("It is granted"), "{granted:?}");
    let place = format!("{P}/plugin/appkeys/request/{}", asked["app_token"].as_str().unwrap());
    assert!(lab.get(&place).await.json()["api_key"].is_string());
    assert_eq!(press("&decision=deny").await.status, 404, "it is decided already");
}

#[tokio::test]
async fn strangers_learn_of_no_printer_and_no_case() {
    let lab = lab_of_people("ada", ADA).await;
    let (_, secret) = user(&lab, "kim", &["operator"]).await;
    let no_case = format!("/c/{}/1", CaseToken::from_entropy([7; 16]));
    for prefix in [P, "/p/mk9", &no_case] {
        assert_eq!(lab.get(&format!("{prefix}/plugin/appkeys/probe")).await.status, 204, "{prefix}");
        let asked = lab.post(&format!("{prefix}/plugin/appkeys/request"), &json!({"app": "OctoPod"})).await;
        assert_eq!(asked.status, 201, "{prefix}: {asked:?}");
        let mut socket = Socket::open(&lab, &format!("{prefix}/sockjs/websocket"), "").await.unwrap();
        assert!(socket.json().await.get("connected").is_some(), "{prefix}");
    }
    let told = async |prefix: &str| {
        let answer = lab.get(&format!("{prefix}/websocket")).await;
        (answer.status, answer.body)
    };
    assert_eq!(told(P).await, told("/p/mk9").await, "Moonraker's socket asks first who it is, too");
    assert_eq!(told(P).await, told(&no_case).await);
    for prefix in ["/p/mk9", &no_case] {
        let path = format!("{prefix}/sockjs/websocket");
        assert_eq!(Socket::open(&lab, &path, &key(&secret)).await.err(), Some(404), "{prefix}");
        let mut socket = Socket::open(&lab, &path, "").await.unwrap();
        assert!(socket.json().await.get("connected").is_some());
        socket.say(&json!({"auth": format!("kim:{secret}")}).to_string()).await;
        assert!(socket.json().await.get("reauthRequired").is_some(), "there is nothing to follow");
        assert_eq!(socket.text().await, None);
    }
}

#[tokio::test]
async fn strangers_take_no_stream_from_those_who_are_known() {
    let lab = lab_of_people("ada", ADA).await;
    let (_, secret) = user(&lab, "kim", &["operator"]).await;
    let path = "/p/mk3-01/sockjs/websocket";
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS_MAX {
        strangers.push(Socket::open(&lab, path, "").await.unwrap());
    }
    assert_eq!(Socket::open(&lab, path, "").await.err(), Some(503));
    let mut known = Socket::open(&lab, path, &key(&secret)).await.unwrap();
    assert!(known.json().await.get("connected").is_some());
    let mut one = strangers.remove(0);
    assert!(one.json().await.get("connected").is_some());
    one.say(&json!({"auth": format!("kim:{secret}")}).to_string()).await;
    assert!(one.json().await.get("history").is_some());
    assert!(Socket::open(&lab, path, "").await.is_ok(), "its place is free");
}

#[tokio::test]
async fn an_upload_without_a_body_and_a_key_is_asked_for_a_digest() {
    let lab = lab_of_people("ada", ADA).await;
    for prefix in ["", P] {
        for headers in ["", FORM] {
            let asked = lab.send("POST", &format!("{prefix}/api/files/local"), headers, b"").await;
            assert_eq!(asked.status, 401, "{prefix}: {asked:?}");
            assert!(asked.head.contains("Digest realm=\"platen\""), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn of_a_stream_of_which_nothing_is_heard_the_place_is_free_again() {
    const WHOLE: Duration = Duration::from_secs(200);
    let lab = lab().await;
    let path = "/p/mk3-01/sockjs/websocket";
    let mut silent = Socket::open(&lab, path, "").await.unwrap();
    let mut speaks = Socket::open(&lab, path, "").await.unwrap();
    tokio::time::pause();
    let begun = lab.clock.now();
    let since = || lab.clock.now() - begun;
    let ended = async {
        while silent.text().await.is_some() {
            assert!(since() < WHOLE, "it goes on for ever");
        }
        since()
    };
    let goes_on = async {
        while since() < WHOLE {
            assert!(speaks.text().await.is_some(), "it is over after {:?}", since());
            speaks.say(" ").await;
        }
    };
    let (after, ()) = tokio::join!(ended, goes_on);
    assert!((85..110).contains(&after.as_secs()), "{after:?}");
}
