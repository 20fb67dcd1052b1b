//! PrusaLink over a real socket: every route, in a queue of all and at one printer, with keys, digests and neither.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

use platen::api::{compat, door};
use platen::domain::event::Actor;
use platen::domain::ids::JobId;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::moment::Moment;
use platen::domain::printer::{Activity, Reading};
use platen::domain::units::Celsius;
use platen::io::digest::{Algorithm, Count, REALM, Response};
use platen::io::secret::Secret;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Answer, GCODE, TestLab, lab, lab_behind, lab_of_people, parse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ADA: &str = "notes on the engine";
const JSON: &str = "Content-Type: application/json\r\n";
const PLACES: [&str; 2] = ["", "/p/mk3-01"];

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// What PrusaSlicer sends, but for the key.
async fn put(lab: &TestLab, path: &str, more: &str) -> Answer {
    let headers = format!("Content-Type: text/x.gcode\r\n{more}");
    lab.send("PUT", path, &headers, GCODE).await
}

fn show(lab: &TestLab, activity: Activity) {
    lab.boards["mk3-01"].send_modify(|live| Arc::make_mut(live).activity = activity);
}

/// A job that prints on the first printer, a quarter of it done.
async fn printing(lab: &TestLab) -> JobId {
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    show(lab, Activity::Printing { job: job.clone(), progress: Progress { confirmed: 1, total: 4 } });
    job
}

#[tokio::test]
async fn a_slicer_finds_the_storage_first_and_what_a_printer_is() {
    let lab = lab().await;
    for place in PLACES {
        let storage = lab.get(&format!("{place}/api/v1/storage")).await;
        assert_eq!(storage.status, 200, "{storage:?}");
        assert!(storage.body.starts_with(r#"{"storage_list":["#), "{storage:?}");
        let item = &storage.json()["storage_list"][0];
        assert_eq!(
            (&item["path"], &item["type"], &item["print_files"]),
            (&json!("/local"), &json!("LOCAL"), &json!(0))
        );
        assert_eq!((&item["read_only"], &item["available"]), (&json!(false), &json!(true)));
        assert!(item["free_space"].as_u64().unwrap() > 0 && item["total_space"].is_u64(), "{item}");
        let info = lab.get(&format!("{place}/api/v1/info")).await.json();
        for key in ["serial", "name", "hostname"] {
            assert!(info[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {info}");
        }
        assert!(info.get("nozzle_diameter").is_some() && info["mmu"] == false, "{info}");
        assert_eq!(lab.get(&format!("{place}/api/v1/cameras")).await.json(), json!({"camera_list": []}));
        assert_eq!(lab.get(&format!("{place}/api/v1/transfer")).await.status, 204);
        assert_eq!(lab.send("DELETE", &format!("{place}/api/v1/transfer"), "", b"").await.status, 404);
        assert_eq!(lab.get(&format!("{place}/api/v1/update/prusalink")).await.status, 404);
        assert_eq!(lab.get(&format!("{place}/api/v1/job")).await.status, 204);
    }
    let one = lab.get("/p/mk3-01/api/v1/info").await.json();
    assert_eq!((&one["name"], &one["serial"]), (&json!("mk3-01"), &json!("st-anna-lab-1-mk3-01")));
    assert_eq!(lab.get("/p/nemo/api/v1/info").await.status, 404);
    let wrong = lab.send("POST", "/api/v1/storage", "", b"").await;
    assert!(wrong.status == 405 && wrong.json()["error"].is_string(), "{wrong:?}");
}

#[tokio::test]
async fn a_status_has_all_that_home_assistant_reads() {
    let lab = lab().await;
    let queue = lab.get("/api/v1/status").await.json();
    assert_eq!((&queue["printer"]["state"], queue.get("job")), (&json!("IDLE"), None));
    lab.boards["mk3-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        live.temperatures.hotend = Some(Reading { actual: Celsius(214.96), target: Some(Celsius(215.0)) });
        live.temperatures.at = Some(Moment(u64::MAX));
    });
    let status = lab.get("/p/mk3-01/api/v1/status").await.json();
    assert_eq!(keys(&status), ["printer", "storage"]);
    for key in ["axis_z", "fan_hotend", "fan_print", "target_bed", "temp_bed"] {
        assert_eq!(status["printer"].get(key), Some(&Value::Null), "{key}");
    }
    let printer = &status["printer"];
    assert_eq!((&printer["temp_nozzle"], &printer["target_nozzle"]), (&json!(215.0), &json!(215.0)));
    assert_eq!(
        (&printer["speed"], &printer["flow"], &printer["state"]),
        (&json!(100), &json!(100), &json!("IDLE"))
    );
    assert_eq!(printer["status_printer"], json!({"ok": true, "message": "ready"}));
    assert!(status["storage"]["free_space"].is_u64() && status["storage"]["path"] == "/local", "{status}");
    let away = lab.get("/p/away/api/v1/status").await.json();
    assert_eq!(
        (&away["printer"]["state"], &away["printer"]["status_printer"]["ok"]),
        (&json!("ERROR"), &json!(false))
    );
}

#[tokio::test]
async fn a_job_is_paused_resumed_and_cancelled_by_its_number() {
    let lab = lab().await;
    let job = printing(&lab).await;
    let seen = lab.get("/p/mk3-01/api/v1/job").await.json();
    assert_eq!(keys(&seen), ["file", "id", "progress", "state", "time_printing", "time_remaining"]);
    let id = seen["id"].as_i64().unwrap();
    assert!((1..1 << 31).contains(&id), "{seen}");
    assert_eq!((&seen["state"], &seen["progress"]), (&json!("PRINTING"), &json!(25.0)));
    assert_eq!(keys(&seen["file"]), ["display_name", "m_timestamp", "name", "path", "refs", "size"]);
    let status = lab.get("/p/mk3-01/api/v1/status").await.json();
    assert_eq!((&status["job"]["id"], &status["job"]["progress"]), (&json!(id), &json!(25.0)));
    assert_eq!(lab.get("/api/v1/job").await.status, 204, "the shared queue prints nothing itself");

    let at = |what: &str| format!("/p/mk3-01/api/v1/job/{id}{what}");
    let ask = async |method: &str, path: String| lab.send(method, &path, "", b"").await.status;
    assert_eq!(ask("PUT", at("/resume")).await, 409);
    assert_eq!(ask("PUT", at("/pause")).await, 204);
    let progress = Progress { confirmed: 1, total: 4 };
    show(&lab, Activity::Paused { job: job.clone(), progress, draining: false });
    assert_eq!(lab.get("/p/mk3-01/api/v1/job").await.json()["state"], "PAUSED");
    assert_eq!(ask("PUT", at("/pause")).await, 409);
    assert_eq!(ask("PUT", at("/continue")).await, 204);
    show(&lab, Activity::Printing { job: job.clone(), progress });
    assert_eq!(ask("PUT", at("/pause")).await, 204);
    show(&lab, Activity::Paused { job: job.clone(), progress, draining: true });
    assert_eq!(lab.get("/p/mk3-01/api/v1/job").await.json()["state"], "BUSY");
    assert_eq!(ask("PUT", at("/resume")).await, 204);
    show(&lab, Activity::Printing { job: job.clone(), progress });
    assert_eq!(ask("PUT", format!("/api/v1/job/{id}/pause")).await, 409, "it is not the shared queue's");
    assert_eq!(ask("PUT", "/p/mk3-01/api/v1/job/1/pause".into()).await, 404);
    assert_eq!(ask("PUT", "/p/mk3-01/api/v1/job/x/pause".into()).await, 404);
    assert_eq!(ask("DELETE", format!("/p/mk3-02/api/v1/job/{id}")).await, 409);
    assert_eq!(ask("DELETE", at("")).await, 204);
    show(&lab, Activity::Ready);
    assert_eq!(ask("DELETE", at("")).await, 409);
    let status = lab.get("/p/mk3-01/api/v1/status").await.json();
    assert_eq!(status["printer"]["state"], "STOPPED", "what it began stands on the bed");
    let told = lab.told();
    assert_eq!(told.iter().filter(|told| told.starts_with("mk3-01: Cancel")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_file_comes_by_put_waits_and_never_prints_by_itself() {
    let lab = lab().await;
    for (place, storage) in [("", "local"), ("/p/mk3-01", "usb")] {
        let path = format!("{place}/api/v1/files/{storage}/prints/Doe_Jane%20heart.gcode");
        let came = put(&lab, &path, "Print-After-Upload: ?1\r\nOverwrite: ?1\r\n").await;
        assert_eq!(came.status, 201, "{came:?}");
        let file = came.json();
        let name = file["name"].as_str().unwrap();
        assert!(name.starts_with("heart-") && name.ends_with(".gcode"), "{file}");
        assert!(
            file["message"].as_str().unwrap().contains("nobody has said yet of which part it is"),
            "{file}"
        );
        assert_eq!((&file["type"], &file["size"]), (&json!("PRINT_FILE"), &json!(GCODE.len())));
        let location = came.header("location").unwrap().to_owned();
        assert_eq!(location, format!("{place}/api/v1/files/local/{name}"));
        assert!(!format!("{came:?}").contains("Doe"), "{came:?}");

        // By the name that is shown, and by the one that it had.
        for path in [&location, &path] {
            let seen = lab.get(path).await;
            assert_eq!((seen.status, &seen.json()["name"]), (200, &json!(name)), "{path}");
            assert_eq!(seen.header("currently-printed"), Some("?0"));
            let head = lab.send("HEAD", path, "", b"").await;
            assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
            let print = lab.send("POST", path, "", b"").await;
            assert_eq!(print.status, 409, "{print:?}");
            assert!(print.json()["error"].as_str().unwrap().contains("of which part"), "{print:?}");
        }
        for list in [format!("{place}/api/v1/files/{storage}"), format!("{place}/api/v1/files/{storage}/")] {
            let seen = lab.get(&list).await.json();
            assert_eq!(
                (&seen["type"], &seen["children"][0]["name"]),
                (&json!("FOLDER"), &json!(name)),
                "{list}"
            );
            assert_eq!(seen["children"].as_array().unwrap().len(), 1, "each place has its own");
        }
        assert_eq!(
            lab.get(&format!("{place}/api/v1/storage")).await.json()["storage_list"][0]["print_files"],
            1
        );

        for overwrite in ["", "Overwrite: ?0\r\n"] {
            let twice = put(&lab, &path, overwrite).await;
            assert_eq!(twice.status, 409, "{twice:?}");
        }
        assert_eq!(lab.send("DELETE", &path, "", b"").await.status, 204);
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            assert_eq!(lab.send(method, &path, "", b"").await.status, 404, "{method}");
        }
        assert_eq!(put(&lab, &path, "").await.status, 201, "its name is free again");
    }
    assert_eq!(lab.get("/v1/jobs").await.json(), json!([]));
    assert!(lab.told().is_empty());
}

#[tokio::test]
async fn a_file_of_a_case_becomes_a_job_when_it_is_to_be_printed() {
    let lab = lab().await;
    let case = lab.case().await;
    let jobs = async || lab.get("/v1/jobs").await.json().as_array().unwrap().len();
    let at = format!("/p/mk3-01/c/{case}/1/api/v1/files/local");
    let came = put(&lab, &format!("{at}/heart.gcode"), "Print-After-Upload: ?1\r\n").await;
    assert_eq!(came.status, 201, "{came:?}");
    let file = came.json();
    if jobs().await == 1 {
        assert!(file["message"].as_str().unwrap().starts_with("queued as job "), "{file}");
        let location = came.header("location").unwrap();
        assert_eq!(lab.send("POST", location, "", b"").await.status, 204, "it is in the queue");
        assert_eq!(lab.send("DELETE", location, "", b"").await.status, 409);
    } else {
        panic!("it is no job: {file}");
    }
    let kept = put(&lab, &format!("{at}/hand.gcode"), "").await;
    assert!(kept.json()["message"].as_str().unwrap().contains("to be kept"), "{kept:?}");
    assert_eq!(jobs().await, 1);
    assert_eq!(lab.send("POST", kept.header("location").unwrap(), "", b"").await.status, 204);
    assert_eq!(jobs().await, 2, "its case is known");
    let unknown = put(&lab, "/c/0000000000000/api/v1/files/local/a.gcode", "").await;
    assert!(matches!(unknown.status, 400 | 404), "{unknown:?}");
}

/// Begins the job of an upload on the first printer.
async fn begun(lab: &TestLab) -> JobId {
    let uploads = lab.get("/v1/uploads").await.json();
    let job: JobId = uploads[0]["job"].as_str().unwrap().parse().unwrap();
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    show(lab, Activity::Printing { job: job.clone(), progress: Progress { confirmed: 1, total: 4 } });
    job
}

#[tokio::test]
async fn the_file_of_a_job_is_where_the_job_says_whichever_queue_it_was_sent_to() {
    for sent_to in ["/p/mk3-01", ""] {
        let lab = lab().await;
        let case = lab.case().await;
        let path = format!("{sent_to}/c/{case}/1/api/v1/files/local/heart.gcode");
        let came = put(&lab, &path, "Print-After-Upload: ?1\r\n").await;
        assert_eq!(came.status, 201, "{came:?}");
        begun(&lab).await;
        let job = lab.get("/p/mk3-01/api/v1/job").await.json();
        let download = job["file"]["refs"]["download"].as_str().unwrap();
        let name = job["file"]["name"].as_str().unwrap();
        assert_eq!(download, format!("{sent_to}/downloads/files/local/{name}"));
        assert_eq!(came.json()["refs"]["download"], download);
        let bytes = lab.get(download).await;
        assert_eq!((bytes.status, bytes.body.as_bytes()), (200, GCODE), "{download}");
    }
    let lab = lab().await;
    printing(&lab).await;
    let job = lab.get("/p/mk3-01/api/v1/job").await.json();
    assert_eq!(job["file"]["refs"]["download"], Value::Null, "it did not come by a button");
}

#[tokio::test]
async fn behind_a_proxy_what_is_told_of_a_file_is_an_address_that_others_reach() {
    const PUBLIC: &str = "https://lab.example/platen";
    let lab = lab_behind(PUBLIC).await;
    let came = put(&lab, "/p/mk3-01/api/v1/files/usb/heart.gcode", "").await;
    let file = came.json();
    let name = file["name"].as_str().unwrap();
    let location = format!("{PUBLIC}/p/mk3-01/api/v1/files/local/{name}");
    assert_eq!(came.header("location"), Some(location.as_str()));
    let download = json!(format!("{PUBLIC}/p/mk3-01/downloads/files/local/{name}"));
    assert_eq!(file["refs"]["download"], download);
    let listed = lab.get("/p/mk3-01/api/v1/files/local").await.json();
    assert_eq!(listed["children"][0]["refs"]["download"], download);
}

#[tokio::test]
async fn a_folder_that_is_a_mistyped_case_is_told_as_such() {
    let lab = lab().await;
    let case = lab.case().await;
    let (payload, check) = case.as_str().split_at(12);
    let wrong = format!("{payload}{}", if check == "0" { "2" } else { "0" });
    let path = format!("/api/v1/files/local/{wrong}/1/heart.gcode");
    let came = put(&lab, &path, "Print-After-Upload: ?1\r\n").await;
    let message = came.json()["message"].as_str().unwrap().to_owned();
    assert!(came.status == 201 && message.contains("is no case here"), "{came:?}");
    assert!(!came.body.contains(&wrong), "{came:?}");
    assert!(lab.get("/v1/uploads").await.json()[0]["waits"].as_str().unwrap().contains("is no case here"));
    let print = lab.send("POST", &path, "", b"").await;
    assert!(print.status == 409 && print.body.contains("is no case here"), "{print:?}");
}

#[tokio::test]
async fn what_cannot_be_taken_in_is_told_in_words_and_leaves_nothing() {
    let lab = lab().await;
    for (name, status, word) in [
        ("a.stl", 415, "platen print"),
        ("a.3mf", 415, "platen print"),
        ("a.sl1s", 415, "SL1"),
        ("a.bgcode", 415, "binary"),
        ("a.txt", 415, "G-code"),
        ("..%2Fa.gcode", 422, "name"),
        ("%20", 415, "name"),
    ] {
        let refused = put(&lab, &format!("/api/v1/files/local/{name}"), "").await;
        assert_eq!(refused.status, status, "{name}: {refused:?}");
        assert_eq!(refused.header("content-type"), Some("application/json"));
        assert!(refused.json()["error"].as_str().unwrap().contains(word), "{name}: {refused:?}");
    }
    for storage in ["cloud", "sdcard", "LOCAL", "p"] {
        let path = format!("/p/mk3-01/api/v1/files/{storage}/a.gcode");
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let answer = lab.send(method, &path, "", GCODE).await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            let told = answer.json();
            assert_eq!(keys(&told), ["error", "title"]);
            assert!(told["error"].as_str().unwrap().contains("/local"), "{told}");
        }
        assert_eq!(lab.get(&format!("/api/v1/files/{storage}")).await.status, 404, "{storage}");
    }
    assert_eq!(put(&lab, "/api/v1/files/local/a.gcode", "Overwrite: maybe\r\n").await.status, 400);
    let large = vec![b';'; (1 << 20) + 1];
    assert_eq!(lab.send("PUT", "/api/v1/files/local/a.gcode", "", &large).await.status, 413);
    let odd = lab.send("PUT", "/api/v1/files/local/a.gcode", "", b"G28\nM500000 nonsense\x00\xff\n").await;
    assert!(matches!(odd.status, 201 | 422), "{odd:?}");
    let folder = lab.send("PUT", "/api/v1/files/local/folder", "Create-Folder: ?1\r\n", b"").await;
    assert_eq!((folder.status, &folder.json()["type"]), (201, &json!("FOLDER")));
    let chunks = b"4\r\nG28\n\r\n0\r\n\r\n";
    let whole =
        lab.send("PUT", "/api/v1/files/local/c.gcode", "Transfer-Encoding: chunked\r\n", chunks).await;
    assert_eq!(whole.status, 201, "{whole:?}");
}

#[tokio::test]
async fn an_empty_first_try_is_asked_who_it_is_even_where_everybody_may_come_in() {
    let lab = lab().await;
    let first = lab.send("PUT", "/api/v1/files/local/a.gcode", "Overwrite: ?1\r\n", b"").await;
    assert_eq!(first.status, 401, "{first:?}");
    assert!(first.header("www-authenticate").unwrap().starts_with("Digest "), "{first:?}");
    let header = "Authorization: Digest username=\"x\", realm=\"platen\"\r\n";
    assert_eq!(put(&lab, "/api/v1/files/local/a.gcode", header).await.status, 201);
}

/// A user with a token of these roles, which serves for digests.
async fn token(lab: &TestLab, name: &str, role: &str, digest: bool) -> String {
    let cookie = async |name: &str, password: &str| {
        let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        format!("{JSON}Cookie: {}\r\n", answer.header("set-cookie").unwrap().split(';').next().unwrap())
    };
    let send = async |as_: &str, path: &str, body: Value| {
        let answer = lab.send("POST", path, as_, body.to_string().as_bytes()).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        answer.json()
    };
    let ada = cookie("ada", ADA).await;
    let first = format!("{name} first words");
    send(&ada, "/v1/users", json!({"name": name, "roles": [role], "password": first})).await;
    let them = cookie(name, &first).await;
    let own = json!({"old": first, "new": format!("{name} own words")});
    send(&them, "/v1/session/password", own).await;
    let body = json!({"label": "home assistant", "roles": [role], "digest": digest});
    send(&them, "/v1/tokens", body).await["token"].as_str().unwrap().to_owned()
}

fn nonce(answer: &Answer) -> String {
    let challenge = answer.header("www-authenticate").unwrap_or_else(|| panic!("{answer:?}"));
    let (_, rest) = challenge.split_once("nonce=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The header of a program that knows the token.
fn digest(
    user: &str,
    token: &str,
    nonce: &str,
    nc: u32,
    method: &str,
    uri: &str,
    algorithm: Algorithm,
) -> String {
    let (nc, word) = (format!("{nc:08x}"), algorithm.word());
    let ha1 = algorithm.of_name(user, REALM, &Secret::new(token.into()));
    let count = Some(Count { nc: &nc, cnonce: "0a4f113b" });
    let response = Response { algorithm, nonce, count, method, uri }.by(&ha1);
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"platen\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={word}, qop=auth, nc={nc}, cnonce=\"0a4f113b\"\r\n"
    )
}

#[tokio::test]
async fn who_shows_nothing_is_asked_for_a_digest_by_each_algorithm_md5_first() {
    let lab = lab_of_people("ada", ADA).await;
    for place in PLACES {
        for (method, path) in [("GET", "/api/v1/status"), ("PUT", "/api/v1/files/local/a.gcode")] {
            let refused = lab.send(method, &format!("{place}{path}"), "", b"").await;
            assert_eq!(refused.status, 401, "{refused:?}");
            let asked: Vec<_> =
                refused.head.lines().filter_map(|line| line.strip_prefix("www-authenticate: ")).collect();
            assert_eq!(asked.len(), 2, "{refused:?}");
            for (asked, word) in asked.iter().zip(["MD5", "SHA-256"]) {
                let begin = format!("Digest realm=\"platen\", qop=\"auth\", algorithm={word}, nonce=\"");
                assert!(asked.starts_with(&begin) && !asked.contains("stale"), "{asked}");
            }
            assert!(refused.json()["error"].is_string(), "{refused:?}");
        }
    }
    let native = lab.get("/v1/jobs").await;
    assert_eq!(native.header("www-authenticate"), Some("Bearer realm=\"platen\""));
}

#[tokio::test]
async fn a_digest_lets_in_under_every_prefix_once_and_with_the_roles_of_its_token() {
    let lab = lab_of_people("ada", ADA).await;
    let kim = token(&lab, "kim", "operator", true).await;
    let nonce_now = async || nonce(&lab.get("/api/v1/status").await);
    for algorithm in Algorithm::ALL {
        for user in ["maker", "kim"] {
            let nonce = nonce_now().await;
            for (at, uri) in ["/api/v1/status", "/p/mk3-01/api/v1/status", "/p/mk3-01/api/v1/status?a=b"]
                .iter()
                .enumerate()
            {
                let nc = u32::try_from(at).unwrap() + 1;
                let header = digest(user, &kim, &nonce, nc, "GET", uri, algorithm);
                let answer = lab.send("GET", uri, &header, b"").await;
                assert_eq!(answer.status, 200, "{user} {uri}: {answer:?}");
                let again = lab.send("GET", uri, &header, b"").await;
                let told = again.header("www-authenticate").unwrap_or_default();
                assert!(again.status == 401 && told.ends_with("stale=true"), "{again:?}");
            }
        }
    }
    let nonce = nonce_now().await;
    let uri = "/p/mk3-01/api/v1/files/local/heart.gcode";
    let header = digest("maker", &kim, &nonce, 1, "PUT", uri, Algorithm::Md5);
    let came = put(&lab, uri, &header).await;
    assert_eq!(came.status, 201, "{came:?}");
    let uploads =
        lab.send("GET", "/v1/uploads", &format!("Authorization: Bearer {kim}\r\n"), b"").await.json();
    assert_eq!((&uploads[0]["by"], &uploads[0]["via"]), (&json!("kim"), &json!("prusalink")), "{uploads}");
    let native = digest("maker", &kim, &nonce, 2, "GET", "/v1/jobs", Algorithm::Md5);
    assert_eq!(lab.send("GET", "/v1/jobs", &native, b"").await.status, 401, "platen's own paths take none");

    for (user, secret, uri) in [
        ("maker", "platen_wrong", "/api/v1/status"),
        ("ada", kim.as_str(), "/api/v1/status"),
        ("maker", kim.as_str(), "/p/mk3-02/api/v1/status"),
    ] {
        let header = digest(user, secret, &nonce, 3, "GET", uri, Algorithm::Md5);
        let refused = lab.send("GET", "/api/v1/status", &header, b"").await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(!refused.header("www-authenticate").unwrap().contains("stale"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_token_without_digest_comes_in_by_its_key_alone_and_a_role_is_asked_for() {
    let lab = lab_of_people("ada", ADA).await;
    let kim = token(&lab, "kim", "operator", false).await;
    let nonce = nonce(&lab.get("/api/v1/status").await);
    let header = digest("maker", &kim, &nonce, 1, "GET", "/api/v1/status", Algorithm::Md5);
    assert_eq!(lab.send("GET", "/api/v1/status", &header, b"").await.status, 401);
    let key = format!("X-Api-Key: {kim}\r\n");
    assert_eq!(lab.send("GET", "/api/v1/status", &key, b"").await.status, 200);
    assert_eq!(put(&lab, "/api/v1/files/local/a.gcode", &key).await.status, 201);
    assert_eq!(lab.send("GET", "/api/v1/status", "X-Api-Key: nonsense\r\n", b"").await.status, 401);
    let rob = token(&lab, "rob", "requester", true).await;
    let key = format!("X-Api-Key: {rob}\r\n");
    assert_eq!(lab.send("GET", "/p/mk3-01/api/v1/status", &key, b"").await.status, 200);
    let refused = put(&lab, "/api/v1/files/local/b.gcode", &key).await;
    assert!(refused.status == 403 && refused.json()["error"].is_string(), "{refused:?}");
    assert_eq!(lab.send("PUT", "/p/mk3-01/api/v1/job/1/pause", &key, b"").await.status, 403);
}

#[tokio::test]
async fn every_row_of_the_door_has_its_route_under_every_prefix() {
    let lab = lab().await;
    let case = lab.case().await;
    let rows = door::TABLE.iter().filter(|row| row.1.starts_with("/api/v1/"));
    for (method, path, _) in rows {
        for prefix in compat::PREFIXES {
            let path = format!("{prefix}{path}")
                .replace("{printer}", "mk3-01")
                .replace("{case}", &case.to_string())
                .replace("{part}", "1")
                .replace("{id}", "7")
                .replace("{storage}", "local")
                .replace("{*path}", "a.gcode");
            let answer = lab.send(method, &path, "", b"").await;
            assert!(!matches!(answer.status, 0 | 405 | 403), "{method} {path}: {answer:?}");
            if answer.status == 404 {
                assert!(answer.json()["error"].is_string(), "{method} {path}: no route");
            }
        }
    }
}

#[tokio::test]
async fn a_piece_of_a_file_is_no_file() {
    let lab = lab().await;
    let refused = put(&lab, "/api/v1/files/local/a.gcode", "Content-Range: bytes 0-99/500\r\n").await;
    assert!(refused.status == 400 && refused.body.contains("piece"), "{refused:?}");
    let form = "Content-Type: multipart/form-data; boundary=B\r\nContent-Range: bytes 0-99/500\r\n";
    let refused = lab.send("POST", "/api/files/local", form, b"--B--\r\n").await;
    assert!(refused.status == 400 && refused.body.contains("piece"), "{refused:?}");
    let refused = lab.send("POST", "/v1/files", "Content-Range: bytes 0-99/500\r\n", b"G28\n").await;
    assert!(refused.status == 400 && refused.body.contains("piece"), "{refused:?}");
    assert_eq!(lab.get("/v1/uploads").await.json(), json!([]));
}

#[tokio::test]
async fn a_file_of_somebody_who_was_shut_out_while_it_came_is_not_taken_in() {
    let lab = lab_of_people("ada", ADA).await;
    let kim = token(&lab, "kim", "operator", false).await;
    let mut stream = TcpStream::connect(lab.address).await.unwrap();
    let head = format!(
        "PUT /api/v1/files/local/a.gcode HTTP/1.1\r\nHost: {}\r\nX-Api-Key: {kim}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        lab.address,
        GCODE.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever is told to go on has come through the door.
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100"));
    let ada = lab.post("/v1/session", &json!({"name": "ada", "password": ADA})).await;
    let cookie = ada.header("set-cookie").unwrap().split(';').next().unwrap();
    let headers = format!("{JSON}Cookie: {cookie}\r\n");
    assert_eq!(lab.send("POST", "/v1/users/kim/disable", &headers, b"{}").await.status, 200);
    stream.write_all(GCODE).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(parse(&answer).status, 401);
    let uploads = lab.send("GET", "/v1/uploads", &headers, b"").await;
    assert_eq!(uploads.json(), json!([]));
}

#[tokio::test]
async fn a_row_of_the_list_is_never_a_file_that_somebody_calls_like_it() {
    let lab = lab().await;
    assert_eq!(put(&lab, "/api/v1/files/local/a.gcode", "").await.status, 201);
    let listed = lab.get("/v1/uploads").await.json()[0]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/files/local/{listed}");
    let more = lab.send("PUT", &path, "Overwrite: ?1\r\n", b"G28\nG1 X1 F600\nM84\n").await;
    assert_eq!(more.status, 201, "{more:?}");
    let both: Vec<_> = lab.get("/v1/uploads").await.json().as_array().unwrap().clone();
    assert_eq!(both.len(), 2);
    assert_eq!(lab.send("DELETE", &path, "", b"").await.status, 204);
    let left = lab.get("/v1/uploads").await.json();
    let row =
        left.as_array().unwrap().iter().find(|upload| upload["name"] == listed.as_str()).unwrap().clone();
    assert_eq!(row["state"], "dismissed", "{left}");
}
