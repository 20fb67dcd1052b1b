//! Moonraker's ways over a real socket: what slicers send, what dashboards ask, and who may.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use platen::api::compat::is_compat;
use platen::api::compat::moonraker::{TWINS, is_its};
use platen::api::door;
use platen::domain::event::Actor;
use platen::domain::ids::JobId;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Reading, Temperatures};
use platen::domain::units::Celsius;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{Answer, GCODE, NAME, TestLab, lab, lab_of_people};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const JSON: &str = "Content-Type: application/json\r\n";
const ADA: &str = "notes on the engine";
/// The shared queue, and a printer.
const PLACES: [&str; 2] = ["", "/p/mk3-01"];

fn form(fields: &[(&str, &str)], name: &str, file: &[u8]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, value) in fields {
        body.extend(
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    let head = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(file);
    body.extend(b"\r\n--xyz--\r\n");
    ("Content-Type: multipart/form-data; boundary=xyz\r\n".into(), body)
}

async fn sent(lab: &TestLab, place: &str, fields: &[(&str, &str)], headers: &str) -> Answer {
    sent_file(lab, place, fields, headers, GCODE).await
}

async fn sent_file(
    lab: &TestLab,
    place: &str,
    fields: &[(&str, &str)],
    headers: &str,
    file: &[u8],
) -> Answer {
    let (kind, body) = form(fields, &format!("{NAME}.gcode"), file);
    lab.send("POST", &format!("{place}/server/files/upload"), &format!("{kind}{headers}"), &body).await
}

fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["result"], "{answer:?}");
    json["result"].clone()
}

/// The words of a refusal, after checking that it is whole.
fn refused(answer: &Answer) -> (u16, String) {
    let json = answer.json();
    assert_eq!(json["error"]["code"], answer.status, "{answer:?}");
    assert_eq!(json["error"]["traceback"], "", "{answer:?}");
    (answer.status, json["error"]["message"].as_str().unwrap().to_owned())
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

async fn get(lab: &TestLab, path: &str) -> Value {
    result(&lab.get(path).await)
}

async fn tell(lab: &TestLab, path: &str) -> Answer {
    lab.send("POST", path, "", b"").await
}

/// A job that runs on the printer, of a file that came by its button; with the file's name in lists.
async fn printing(lab: &TestLab) -> (JobId, String) {
    printing_file(lab, GCODE, Progress { confirmed: 1, total: 4 }).await
}

async fn printing_file(lab: &TestLab, file: &[u8], progress: Progress) -> (JobId, String) {
    let case = lab.case().await;
    let fields = [("root", "gcodes"), ("print", "true")];
    let answer = sent_file(lab, &format!("/p/mk3-01/c/{case}/1"), &fields, "", file).await;
    assert_eq!((answer.status, &answer.json()["print_queued"]), (201, &json!(true)), "{answer:?}");
    let name = answer.json()["item"]["path"].as_str().unwrap().to_owned();
    let job: JobId = lab.get("/v1/jobs").await.json()[0]["id"].as_str().unwrap().parse().unwrap();
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    show(lab, Activity::Printing { job: job.clone(), progress });
    (job, name)
}

fn show(lab: &TestLab, activity: Activity) {
    let now = lab.clock.now();
    lab.boards["mk3-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        let reading =
            |actual, target| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
        live.activity = activity;
        live.temperatures = Temperatures {
            hotend: reading(199.5, 200.0),
            bed: reading(60.0, 60.0),
            chamber: None,
            at: Some(now),
        };
    });
}

#[tokio::test]
async fn a_slicer_that_tries_its_connection_finds_what_it_looks_for() {
    let lab = lab().await;
    for place in PLACES {
        let answer = lab.get(&format!("{place}/server/info")).await;
        assert!(answer.body.starts_with("{\"result\":"), "PrusaSlicer wants it first: {answer:?}");
        let info = result(&answer);
        assert_eq!(
            keys(&info),
            BTreeSet::from([
                "klippy_connected",
                "klippy_state",
                "components",
                "failed_components",
                "registered_directories",
                "warnings",
                "websocket_count",
                "missing_klippy_requirements",
                "moonraker_version",
                "api_version",
                "api_version_string",
            ])
        );
        assert!(info["moonraker_version"].is_string());
        assert_eq!((&info["klippy_state"], &info["klippy_connected"]), (&json!("ready"), &json!(true)));
        assert_eq!((&info["api_version"], &info["api_version_string"]), (&json!([1, 4, 0]), &json!("1.4.0")));
    }
    let away = get(&lab, "/p/away/server/info").await;
    assert_eq!((&away["klippy_state"], &away["klippy_connected"]), (&json!("disconnected"), &json!(false)));
    let nobody = lab.get("/p/nemo/server/info").await;
    let (status, words) = refused(&nobody);
    assert!(status == 404 && words.contains("known printers: mk3-01, mk3-02, away"), "{nobody:?}");
}

#[tokio::test]
async fn a_file_is_taken_in_and_waits_and_its_name_is_never_told() {
    let lab = lab().await;
    for place in PLACES {
        let answer =
            sent(&lab, place, &[("root", "gcodes"), ("path", "folder"), ("print", "true")], "").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let told = answer.json();
        let name = told["item"]["path"].as_str().unwrap().to_owned();
        assert_eq!(keys(&told), BTreeSet::from(["item", "print_started", "print_queued", "action"]));
        assert_eq!(keys(&told["item"]), BTreeSet::from(["path", "root", "modified", "size", "permissions"]));
        assert_eq!((&told["print_started"], &told["print_queued"]), (&json!(false), &json!(false)));
        assert_eq!((&told["action"], &told["item"]["size"]), (&json!("create_file"), &json!(GCODE.len())));
        let location = format!("{place}/server/files/gcodes/{name}");
        assert_eq!(answer.header("location"), Some(location.as_str()));

        let list = get(&lab, &format!("{place}/server/files/list?root=gcodes")).await;
        assert_eq!(
            (list.as_array().unwrap().len(), &list[0]["path"]),
            (1, &json!(name)),
            "each place its own"
        );
        assert_eq!(keys(&list[0]), BTreeSet::from(["path", "modified", "size", "permissions"]));
        let folder = get(&lab, &format!("{place}/server/files/directory?path=gcodes")).await;
        assert_eq!(folder["files"][0]["filename"], name.as_str());
        // By its own name it is found, and answered with the other.
        let original = format!("folder/{}.gcode", NAME.replace('^', "%5E"));
        for called in [name.as_str(), original.as_str(), &format!("gcodes/{name}")] {
            let told = get(&lab, &format!("{place}/server/files/metadata?filename={called}")).await;
            assert_eq!((&told["filename"], &told["size"]), (&json!(name), &json!(GCODE.len())), "{called}");
            assert_eq!((&told["thumbnails"], &told["print_start_time"]), (&json!([]), &json!(null)));
        }
        let content = lab.get(&location).await;
        assert_eq!((content.status, content.body.as_bytes()), (200, GCODE));
        for answer in [answer, content] {
            assert!(!format!("{answer:?}").contains("QUIMBY"), "{answer:?}");
        }

        // Nothing prints that is of no case.
        let start = lab.post(&format!("{place}/printer/print/start"), &json!({"filename": name})).await;
        assert_eq!(refused(&start).0, 409, "{start:?}");
        let gone = lab.send("DELETE", &location, "", b"").await;
        assert_eq!(
            result(&gone),
            json!({"item": {"path": name, "root": "gcodes", "size": 0, "modified": 0, "permissions": ""},
                "action": "delete_file"})
        );
        assert_eq!(get(&lab, &format!("{place}/server/files/list")).await, json!([]));
        assert_eq!(refused(&lab.get(&location).await).0, 404);
        assert_eq!(refused(&lab.send("DELETE", &location, "", b"").await).0, 404);
    }
    assert_eq!(lab.get("/v1/jobs").await.json(), json!([]));
    assert!(lab.told().is_empty(), "{:?}", lab.told());
}

#[tokio::test]
async fn a_file_with_another_checksum_or_root_leaves_nothing() {
    let lab = lab().await;
    let right: String = Sha256::digest(GCODE).iter().map(|byte| format!("{byte:02X}")).collect();
    let wrong = "0".repeat(64);
    for (fields, status) in [
        (vec![("checksum", wrong.as_str())], 422),
        (vec![("checksum", "x")], 422),
        (vec![("root", "config")], 400),
    ] {
        let answer = sent(&lab, "", &fields, "").await;
        assert_eq!(refused(&answer).0, status, "{answer:?}");
    }
    assert_eq!(get(&lab, "/server/files/list").await, json!([]));
    assert_eq!(lab.get("/v1/files").await.json(), json!([]));
    let incoming = lab.folder.path().join("files/incoming");
    assert_eq!(std::fs::read_dir(incoming).unwrap().count(), 0);
    assert_eq!(sent(&lab, "", &[("checksum", &right)], "").await.status, 201);
    let empty = lab.send("POST", "/server/files/upload", JSON, b"{}").await;
    assert_eq!(refused(&empty).0, 400);
}

#[tokio::test]
async fn a_print_is_seen_paused_resumed_and_cancelled() {
    let lab = lab().await;
    for change in ["pause", "resume", "cancel"] {
        for place in PLACES {
            let nothing = tell(&lab, &format!("{place}/printer/print/{change}")).await;
            assert_eq!(refused(&nothing).0, 409, "{change}: {nothing:?}");
        }
    }
    let (job, name) = printing(&lab).await;
    let query =
        "/p/mk3-01/printer/objects/query?print_stats&virtual_sdcard&extruder=temperature,target&nonsense";
    let told = get(&lab, query).await;
    assert!(told["eventtime"].is_f64(), "{told}");
    let status = &told["status"];
    assert_eq!(keys(status), BTreeSet::from(["print_stats", "virtual_sdcard", "extruder"]));
    assert_eq!(status["extruder"], json!({"temperature": 199.5, "target": 200.0}));
    let stats = &status["print_stats"];
    assert_eq!((&stats["state"], &stats["filename"]), (&json!("printing"), &json!(name)));
    let card = &status["virtual_sdcard"];
    assert_eq!((&card["progress"], &card["is_active"]), (&json!(0.25), &json!(true)));
    assert_eq!(card["file_position"], json!(GCODE.len() / 4));
    let body = json!({"objects": {"print_stats": ["state"], "heater_bed": null}});
    let told = result(&lab.post("/p/mk3-01/printer/objects/query", &body).await);
    assert_eq!(told["status"]["print_stats"], json!({"state": "printing"}));
    assert_eq!(told["status"]["heater_bed"], json!({"temperature": 60.0, "target": 60.0, "power": 0.0}));

    let start = lab.post("/p/mk3-01/printer/print/start", &json!({"filename": name})).await;
    assert_eq!(refused(&start).0, 409, "it prints already, as the other dialects say: {start:?}");
    let busy = lab.send("DELETE", &format!("/p/mk3-01/server/files/gcodes/{name}"), "", b"").await;
    assert_eq!(refused(&busy).0, 409, "{busy:?}");
    for (change, word) in [("pause", "Pause"), ("resume", "Resume"), ("cancel", "Cancel")] {
        assert_eq!(result(&tell(&lab, &format!("/p/mk3-01/printer/print/{change}")).await), "ok");
        assert!(lab.told().last().unwrap().starts_with(&format!("mk3-01: {word} ")), "{:?}", lab.told());
    }
    show(&lab, Activity::Ready);
    let told = get(&lab, "/p/mk3-01/printer/objects/query?print_stats=state,filename").await;
    assert_eq!(told["status"]["print_stats"], json!({"state": "cancelled", "filename": name}));
    let cleared = lab.post("/v1/printers/mk3-01/clear-bed", &json!({"by": "kim"})).await;
    assert_eq!(cleared.status, 200, "{cleared:?}");
    let told = get(&lab, "/p/mk3-01/printer/objects/query?print_stats=state,filename").await;
    assert_eq!(told["status"]["print_stats"], json!({"state": "standby", "filename": ""}));

    for place in PLACES {
        let list = get(&lab, &format!("{place}/server/history/list?limit=5&order=desc")).await;
        assert_eq!((&list["count"], &list["jobs"][0]["status"]), (&json!(1), &json!("cancelled")), "{list}");
        assert_eq!((&list["jobs"][0]["filename"], &list["jobs"][0]["job_id"]), (&json!(name), &json!(job)));
        let one = get(&lab, &format!("{place}/server/history/job?uid={job}")).await;
        assert_eq!(one["job"], list["jobs"][0]);
        let totals = get(&lab, &format!("{place}/server/history/totals")).await;
        assert_eq!(
            keys(&totals["job_totals"]),
            BTreeSet::from([
                "total_jobs",
                "total_time",
                "total_print_time",
                "total_filament_used",
                "longest_job",
                "longest_print"
            ])
        );
        assert_eq!(totals["job_totals"]["total_jobs"], 1);
    }
    let other = get(&lab, "/p/mk3-02/server/history/list").await;
    assert_eq!(other, json!({"count": 0, "jobs": []}));
    assert_eq!(refused(&lab.get("/p/mk3-02/server/history/job?uid=x").await).0, 404);
    assert_eq!(refused(&lab.get("/server/history/list?limit=x").await).0, 400);
    let again = lab.post("/p/mk3-01/printer/print/start", &json!({"filename": name})).await;
    assert_eq!(refused(&again).0, 409, "its job is over");
}

/// `print_stats` as soon as so much filament is told of.
async fn stats_with(lab: &TestLab, filament: f64) -> Value {
    let wait = async {
        loop {
            let told = get(lab, "/p/mk3-01/printer/objects/query?print_stats").await;
            let stats = told["status"]["print_stats"].clone();
            if stats["filament_used"] == json!(filament) {
                return stats;
            }
        }
    };
    let found = timeout(Duration::from_secs(20), wait).await;
    found.unwrap_or_else(|_| panic!("no {filament} mm of filament are told of"))
}

#[tokio::test]
async fn filament_and_layer_of_a_print_are_those_of_its_confirmed_commands() {
    const LAYS: &[u8] = b"G28\nG90\nM83\nM109 S200\n;LAYER_CHANGE\nG1 X10 Y10 Z0.2 F3000\nG1 X20 E.25\n\
        ;LAYER_CHANGE\nG1 Z0.4\nG1 X10 E.5\nM104 S0\n";
    let lab = lab().await;
    let progress = Progress { confirmed: 6, total: 9 };
    let (job, name) = printing_file(&lab, LAYS, progress).await;
    let stats = stats_with(&lab, 0.25).await;
    assert_eq!(stats["info"], json!({"total_layer": 2, "current_layer": 1}));
    show(&lab, Activity::Printing { job: job.clone(), progress: Progress { confirmed: 8, ..progress } });
    let stats = stats_with(&lab, 0.75).await;
    assert_eq!(stats["info"], json!({"total_layer": 2, "current_layer": 2}));
    let told = get(&lab, &format!("/p/mk3-01/server/files/metadata?filename={name}")).await;
    assert_eq!((&told["filament_total"], &told["layer_count"]), (&json!(0.75), &json!(2)), "{told}");

    // What a printer that cancels does not say of its progress is noted.
    let noted = Request::NoteProgress { job: job.clone(), progress };
    lab.recorder.submit(noted, Actor::Platen).await.unwrap();
    show(&lab, Activity::Cancelling { job: job.clone() });
    stats_with(&lab, 0.25).await;
    let (digest, line) = (platen::domain::ids::FileHash::from_digest([7; 32]), Box::default());
    let progress = Progress { confirmed: 9, total: 9 };
    let printed = Request::NotePrinted { job, progress, digest, line, millis: 5 };
    lab.recorder.submit(printed, Actor::Platen).await.unwrap();
    show(&lab, Activity::Ready);
    let query = "/p/mk3-01/printer/objects/query?print_stats&virtual_sdcard&display_status";
    let status = get(&lab, query).await["status"].clone();
    assert_eq!(status["print_stats"]["state"], "complete", "{status}");
    assert_eq!(status["print_stats"]["filament_used"], 0.75, "{status}");
    for object in ["virtual_sdcard", "display_status"] {
        assert_eq!(status[object]["progress"], 1.0, "{status}");
    }
    assert_eq!(status["virtual_sdcard"]["file_position"], json!(LAYS.len()));
}

#[tokio::test]
async fn what_waits_is_listed_for_the_printers_it_may_run_on() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    for (place, waits) in [("", true), ("/p/mk3-01", true), ("/p/mk3-02", false)] {
        let queue = get(&lab, &format!("{place}/server/job_queue/status")).await;
        assert_eq!(queue["queue_state"], "ready");
        let jobs = queue["queued_jobs"].as_array().unwrap();
        assert_eq!(jobs.len(), usize::from(waits), "{place}: {queue}");
        if waits {
            assert_eq!(keys(&jobs[0]), BTreeSet::from(["filename", "job_id", "time_added", "time_in_queue"]));
            assert_eq!(jobs[0]["filename"], format!("job-{job}.gcode"));
        }
    }
}

#[tokio::test]
async fn everything_else_that_dashboards_ask_at_their_start_is_answered() {
    let lab = lab().await;
    for place in PLACES {
        for (path, answer) in [
            ("/server/files/roots", json!([{"name": "gcodes", "path": "gcodes", "permissions": "rw"}])),
            ("/server/files/thumbnails?filename=x", json!([])),
            ("/server/gcode_store", json!({"gcode_store": []})),
            ("/server/webcams/list", json!({"webcams": []})),
            ("/server/announcements/list", json!({"entries": [], "feeds": []})),
            ("/server/database/list", json!({"namespaces": [], "backups": []})),
            ("/printer/gcode/help", json!({})),
            ("/machine/device_power/devices", json!({"devices": []})),
            ("/access/user", json!({"username": null, "source": "moonraker", "created_on": null})),
            (
                "/access/info",
                json!({"default_source": "moonraker", "available_sources": ["moonraker"],
                    "login_required": false, "trusted": true}),
            ),
        ] {
            assert_eq!(get(&lab, &format!("{place}{path}")).await, answer, "{place}{path}");
        }
        for (path, key) in [
            ("/server/config", "config"),
            ("/server/job_queue/status", "queued_jobs"),
            ("/printer/info", "hostname"),
            ("/printer/objects/list", "objects"),
            ("/machine/system_info", "system_info"),
            ("/machine/proc_stats", "system_uptime"),
            ("/machine/update/status", "version_info"),
        ] {
            let told = get(&lab, &format!("{place}{path}")).await;
            assert!(keys(&told).contains(key), "{place}{path}: {told}");
        }
        get(&lab, &format!("{place}/server/temperature_store")).await;
        for (verb, path, status) in [
            ("GET", "/server/database/item?namespace=mainsail", 404),
            ("POST", "/server/database/item", 501),
            ("DELETE", "/server/database/item?namespace=mainsail&key=x", 501),
            ("POST", "/printer/objects/subscribe", 501),
            ("POST", "/printer/restart", 501),
            ("POST", "/printer/firmware_restart", 501),
            ("GET", "/access/api_key", 501),
            ("POST", "/access/api_key", 501),
            ("POST", "/printer/objects/query", 400),
            ("POST", "/printer/gcode/script", 400),
            ("POST", "/printer/print/start", 400),
            ("GET", "/server/files/metadata", 400),
            ("GET", "/server/files/metadata?filename=none.gcode", 404),
            ("GET", "/server/files/list?root=config", 404),
            ("GET", "/server/files/directory?path=gcodes/x", 404),
            ("PUT", "/printer/info", 405),
        ] {
            let answer = lab.send(verb, &format!("{place}{path}"), "", b"").await;
            assert_eq!(refused(&answer).0, status, "{verb} {place}{path}");
        }
    }
    let info = get(&lab, "/p/mk3-01/printer/info").await;
    assert_eq!((&info["hostname"], &info["state"]), (&json!("mk3-01"), &json!("ready")));
    assert_eq!(get(&lab, "/printer/info").await["hostname"], "lab-1");
    assert_eq!(get(&lab, "/p/away/printer/info").await["state"], "error");
}

#[tokio::test]
async fn a_command_goes_the_way_of_the_console_and_a_stop_the_way_of_the_stop() {
    let lab = lab().await;
    let script = async |place: &str, script: &str| {
        lab.post(&format!("{place}/printer/gcode/script"), &json!({"script": script})).await
    };
    assert_eq!(result(&script("/p/mk3-02", "M105\nM115\n").await), "ok");
    assert_eq!(lab.told().iter().filter(|told| told.contains("Console")).count(), 2, "{:?}", lab.told());
    assert_eq!(refused(&script("", "M105").await).0, 409, "which printer?");
    assert_ne!(script("/p/away", "M105").await.status, 200, "its console is off");
    assert_eq!(refused(&script("/p/mk3-02", &"M105\n".repeat(17)).await).0, 400);

    assert_eq!(result(&script("/p/mk3-02", "M112").await), "ok");
    assert_eq!(lab.told().last().unwrap(), "mk3-02: stop by unnamed");
    // Whatever comes along.
    let body = lab.send("POST", "/p/mk3-01/printer/emergency_stop?x=%ff", JSON, b"{{").await;
    assert_eq!(result(&body), "ok");
    let stops = || lab.told().iter().filter(|told| told.contains(": stop by")).count();
    assert_eq!(stops(), 2);
    let all = tell(&lab, "/printer/emergency_stop").await;
    let (status, words) = refused(&all);
    assert!(status == 503 && words.contains("did not reach away"), "{words}");
    assert_eq!(stops(), 5, "all of them are told");
}

#[tokio::test]
async fn nothing_in_the_address_keeps_a_stop_from_its_printer() {
    let lab = lab().await;
    let stops = || lab.told().iter().filter(|told| told.starts_with("mk3-01: stop")).count();
    for (at, case) in ["0000000000000", "x", "%ff", "x/y", "%ff/1"].into_iter().enumerate() {
        let place = format!("/p/mk3-01/c/{case}");
        let stop = tell(&lab, &format!("{place}/printer/emergency_stop")).await;
        assert_eq!(result(&stop), "ok", "{place}");
        let script = json!({"script": "M105\nM112 now"});
        let script = lab.post(&format!("{place}/printer/gcode/script"), &script).await;
        assert_eq!(result(&script), "ok", "{place}");
        let command = json!({"command": "M112"});
        let command = lab.post(&format!("{place}/api/printer/command"), &command).await;
        assert_eq!(command.status, 204, "{place}: {command:?}");
        assert_eq!(stops(), 3 * (at + 1), "{place}");
        let other = lab.post(&format!("{place}/printer/gcode/script"), &json!({"script": "M105"})).await;
        assert_eq!(other.status / 100, 4, "{place}: {other:?}");
    }
    let unknown = tell(&lab, "/p/mk9/printer/emergency_stop").await;
    assert_eq!(refused(&unknown).0, 404);
    assert_eq!(lab.told().iter().filter(|told| told.contains(": stop by")).count(), stops());
}

#[tokio::test]
async fn a_stop_among_commands_asks_no_more_than_a_stop() {
    let lab = lab_of_people("ada", ADA).await;
    let keys = people(&lab).await;
    for (secret, script, status) in [
        (&keys.operator, "M112", 200),
        (&keys.viewer, "m112 ", 200),
        (&keys.operator, "M105", 403),
        (&keys.viewer, "M1120", 403),
    ] {
        let headers = format!("{JSON}{}", key(secret));
        let body = json!({"script": script}).to_string();
        let answer = lab.send("POST", "/p/mk3-01/printer/gcode/script", &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{script}: {answer:?}");
    }
}

struct Keys {
    operator: String,
    viewer: String,
}

/// Tokens of two people, by their roles.
async fn people(lab: &TestLab) -> Keys {
    let sign_in = async |name: &str, password: &str| {
        let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        format!("{JSON}Cookie: {}\r\n", cookie.split(';').next().unwrap())
    };
    let ask = async |path: &str, headers: &str, body: Value| {
        let answer = lab.send("POST", path, headers, body.to_string().as_bytes()).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer
    };
    let ada = sign_in("ada", ADA).await;
    let token = async |name: &str, role: &str| {
        let (first, own) = (format!("{name} first words"), format!("{name} own words"));
        ask("/v1/users", &ada, json!({"name": name, "roles": [role], "password": first})).await;
        let them = sign_in(name, &first).await;
        ask("/v1/session/password", &them, json!({"old": first, "new": own})).await;
        let them = sign_in(name, &own).await;
        let made = ask("/v1/tokens", &them, json!({"label": "a slicer", "roles": [role]})).await;
        made.json()["token"].as_str().unwrap().to_owned()
    };
    Keys { operator: token("olga", "operator").await, viewer: token("rita", "requester").await }
}

fn key(token: &str) -> String {
    format!("X-Api-Key: {token}\r\n")
}

#[tokio::test]
async fn where_people_are_set_up_every_route_asks_for_a_key_and_a_stop_does_not() {
    let lab = lab_of_people("ada", ADA).await;
    let keys = people(&lab).await;
    let wrong = key(&format!("platen_0000000000000000_{}", "0".repeat(64)));
    let others =
        [("POST", "/server/files/upload"), ("GET", "/server/files/gcodes/{*path}"), ("GET", "/websocket")];
    let all: BTreeSet<_> = TWINS.iter().map(|(verb, path, _)| (*verb, *path)).chain(others).collect();
    let rows: BTreeSet<_> =
        door::TABLE.iter().filter(|row| is_its(row.1)).map(|row| (row.0, row.1)).collect();
    assert_eq!(all, rows, "each has its row, and each row is one");
    for place in PLACES {
        for (verb, path) in &all {
            assert!(is_compat(path), "{path}");
            let real = format!("{place}{}", path.replace("{*path}", "none.gcode"));
            let is_stop = path.ends_with("/emergency_stop");
            for nobody in ["", &wrong, "X-Api-Key: x\r\n"] {
                let answer = lab.send(verb, &real, nobody, b"").await;
                if is_stop {
                    assert!(matches!(answer.status, 200 | 503), "{real}: {answer:?}");
                } else {
                    assert_eq!(refused(&answer).0, 401, "{verb} {real} {nobody}");
                }
            }
            let known = lab.send(verb, &real, &key(&keys.operator), b"").await;
            // An operator sends printers no commands, and a token changes nobody's account.
            let barred =
                ["/printer/gcode/script", "/printer/restart", "/printer/firmware_restart", "/access/api_key"];
            let not_theirs = barred.contains(path) || (*path == "/server/database/item" && *verb != "GET");
            assert_eq!(matches!(known.status, 401 | 403), not_theirs, "{verb} {real}: {known:?}");
        }
    }
    // Who may look, and no more.
    for (verb, path, status) in [
        ("GET", "/printer/info", 200),
        ("POST", "/printer/print/pause", 403),
        ("POST", "/printer/gcode/script", 403),
        ("DELETE", "/server/files/gcodes/x", 403),
    ] {
        assert_eq!(lab.send(verb, path, &key(&keys.viewer), b"").await.status, status, "{verb} {path}");
    }
    let bearer = format!("Authorization: Bearer {}\r\n", keys.operator);
    let user = lab.send("GET", "/access/user", &bearer, b"").await;
    assert_eq!(result(&user)["username"], "olga");
    let info = lab.send("GET", "/access/info", &bearer, b"").await;
    assert_eq!(result(&info)["login_required"], true);
    let upload = sent(&lab, "/p/mk3-01", &[], &key(&keys.operator)).await;
    assert_eq!(upload.status, 201, "{upload:?}");
    assert_eq!(refused(&sent(&lab, "/p/mk3-01", &[], "").await).0, 401);
}

/// A client of a socket: texts only, not masked with anything but zeros.
struct Socket(TcpStream);

impl Socket {
    async fn open(lab: &TestLab, path: &str, headers: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(lab.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
            lab.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 { Ok(Self(stream)) } else { Err(status) }
    }

    async fn frame(&mut self, code: u8, data: &[u8]) {
        // It may have been closed meanwhile.
        let _ = self.0.write_all(&Self::framed(code, data)).await;
    }

    fn framed(code: u8, data: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | code];
        match data.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(data);
        frame
    }

    async fn text(&mut self, text: &str) {
        self.frame(1, text.as_bytes()).await;
    }

    /// The next frame; none when the socket is over.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = async {
            let code = self.0.read_u8().await.ok()? & 0x0F;
            let length = match self.0.read_u8().await.ok()? {
                126 => u64::from(self.0.read_u16().await.ok()?),
                127 => self.0.read_u64().await.ok()?,
                short => u64::from(short),
            };
            let mut data = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut data).await.ok()?;
            Some((code, data))
        };
        // Longer than a ping is waited for.
        timeout(Duration::from_secs(100), read).await.expect("nothing came")
    }

    async fn json(&mut self) -> Value {
        loop {
            let (code, data) = self.next().await.expect("the socket is over");
            if code == 1 {
                return serde_json::from_slice(&data).unwrap();
            }
        }
    }

    /// The answer of a call, with whatever else comes before it passed over.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.text(&json!({"jsonrpc": "2.0", "method": method, "id": 7, "params": params}).to_string()).await;
        loop {
            let told = self.json().await;
            if told["id"] == 7 {
                return told;
            }
            assert!(told["method"].is_string(), "{told}");
        }
    }

    async fn told(&mut self, method: &str) -> Value {
        loop {
            let told = self.json().await;
            if told["method"] == method {
                assert!(told.get("id").is_none(), "{told}");
                return told["params"].clone();
            }
        }
    }
}

#[tokio::test]
async fn a_call_over_a_socket_answers_as_the_request_over_http() {
    let lab = lab().await;
    for place in PLACES {
        let mut socket = Socket::open(&lab, &format!("{place}/websocket"), "").await.unwrap();
        for (method, path) in [
            ("printer.info", "/printer/info"),
            ("printer.objects.list", "/printer/objects/list"),
            ("server.job_queue.status", "/server/job_queue/status"),
            ("server.files.list", "/server/files/list"),
            ("server.history.totals", "/server/history/totals"),
            ("server.info", "/server/info"),
        ] {
            let told = socket.call(method, json!({})).await;
            assert_eq!(told["result"], get(&lab, &format!("{place}{path}")).await, "{method}");
        }
        let paused = socket.call("printer.print.pause", json!({})).await;
        assert_eq!((&paused["error"]["code"], paused.get("result")), (&json!(409), None), "{paused}");
        let unknown = socket.call("printer.make_tea", json!({})).await;
        assert_eq!(unknown["error"]["code"], -32601);
        let mut told = socket.call("server.connection.identify", json!({"client_name": "test"})).await;
        assert!(told["result"]["connection_id"].is_u64(), "{told}");
        told = socket.call("server.websocket.id", json!({})).await;
        assert!(told["result"]["websocket_id"].is_u64(), "{told}");

        socket.text("{").await;
        assert_eq!(socket.json().await["error"]["code"], -32700);
        let info = json!({"jsonrpc": "2.0", "method": "printer.gcode.help", "id": 1});
        let silent = json!({"jsonrpc": "2.0", "method": "printer.gcode.help"});
        socket.text(&json!([info, silent, 7]).to_string()).await;
        let both = socket.json().await;
        assert_eq!((both.as_array().unwrap().len(), &both[0]["result"]), (2, &json!({})), "{both}");
        assert_eq!((&both[1]["error"]["code"], &both[1]["id"]), (&json!(-32600), &json!(null)));
        socket.frame(9, b"there?").await;
        let (code, data) = socket.next().await.unwrap();
        assert_eq!((code, data.as_slice()), (10, &b"there?"[..]), "a ping is answered");
        assert_eq!(get(&lab, "/server/info").await["websocket_count"], 1);
        drop(socket);
        while get(&lab, "/server/info").await["websocket_count"] != 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn whoever_follows_a_printer_is_told_what_changes_and_only_that() {
    let lab = lab().await;
    let mut socket = Socket::open(&lab, "/p/mk3-01/websocket", "").await.unwrap();
    let objects = json!({"objects": {"print_stats": ["state"], "extruder": null, "none": null}});
    let told = socket.call("printer.objects.subscribe", objects).await;
    assert_eq!(told["result"]["status"], json!({"print_stats": {"state": "standby"}}), "{told}");
    let (_, name) = printing(&lab).await;
    let file = socket.told("notify_filelist_changed").await;
    assert_eq!((&file[0]["action"], &file[0]["item"]["path"]), (&json!("create_file"), &json!(name)));
    // Each comes in its own time, but for the first of them.
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let told = socket.json().await;
        match told["method"].as_str().unwrap() {
            "notify_status_update" => {
                let status = &told["params"][0];
                assert!(told["params"][1].is_f64(), "{told}");
                if status["print_stats"]["state"] == "printing" {
                    assert_eq!(status["extruder"]["target"], 200.0, "{told}");
                    seen.insert("status");
                }
            }
            "notify_history_changed" => {
                assert_eq!(told["params"][0]["action"], "added", "{told}");
                seen.insert("history");
            }
            "notify_job_queue_changed" => {
                assert!(told["params"][0]["updated_queue"].is_array(), "{told}");
                seen.insert("queue");
            }
            other => panic!("{other}: {told}"),
        }
    }
    lab.boards["mk3-01"].send_modify(|live| Arc::make_mut(live).activity = Activity::Stopped);
    socket.told("notify_klippy_shutdown").await;
    show(&lab, Activity::Offline { reason: String::new().into() });
    socket.told("notify_klippy_disconnected").await;
    show(&lab, Activity::Ready);
    socket.told("notify_klippy_ready").await;
    assert_eq!(socket.call("printer.objects.unsubscribe", json!({})).await["result"], "ok");
    let none = socket.call("printer.objects.subscribe", json!({})).await;
    assert_eq!(none["error"]["code"], 400, "{none}");
    let stop = socket.call("printer.emergency_stop", json!({})).await;
    assert_eq!(stop["result"], "ok", "{stop}");
    assert_eq!(lab.told().last().unwrap(), "mk3-01: stop by unnamed");
    lab.shutdown.cancel();
    while let Some((code, _)) = socket.next().await {
        if code == 8 {
            return;
        }
    }
}

#[tokio::test]
async fn a_socket_lets_in_by_key_or_ticket_and_a_ticket_serves_once() {
    let lab = lab_of_people("ada", ADA).await;
    let keys = people(&lab).await;
    let open = async |query: &str, headers: &str| {
        Socket::open(&lab, &format!("/p/mk3-01/websocket{query}"), headers).await
    };
    for (query, headers) in
        [("", ""), ("?token=x", ""), ("", "X-Api-Key: x\r\n"), ("?token=", "X-Api-Key: x\r\n")]
    {
        assert_eq!(open(query, headers).await.err(), Some(401), "{query} {headers}");
    }
    assert!(open("", &key(&keys.operator)).await.is_ok());
    for verb in ["GET", "POST"] {
        let ticket = lab.send(verb, "/access/oneshot_token", &key(&keys.viewer), b"").await;
        let ticket = result(&ticket).as_str().unwrap().to_owned();
        let query = format!("?token={ticket}");
        let mut socket = open(&query, "").await.unwrap_or_else(|status| panic!("{status}"));
        let user = socket.call("access.get_user", json!({})).await;
        assert_eq!(user["result"]["username"], "rita", "whose ticket it was");
        let paused = socket.call("printer.print.pause", json!({})).await;
        assert_eq!(paused["error"]["code"], 403, "{paused}");
        assert_eq!(open(&query, "").await.err(), Some(401), "once");
        // It is for the socket, and for nothing else.
        assert_eq!(lab.get(&format!("/printer/info{query}")).await.status, 401);
    }
    let id = keys.operator.split('_').nth(1).unwrap().to_owned();
    let mut socket = open("", &key(&keys.operator)).await.unwrap_or_else(|status| panic!("{status}"));
    assert_eq!(socket.call("printer.gcode.help", json!({})).await["result"], json!({}));
    let them = lab.post("/v1/session", &json!({"name": "olga", "password": "olga own words"})).await;
    let cookie =
        format!("{JSON}Cookie: {}\r\n", them.header("set-cookie").unwrap().split(';').next().unwrap());
    let revoked = lab.send("POST", &format!("/v1/tokens/{id}/revoke"), &cookie, b"{}").await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let out = socket.call("printer.gcode.help", json!({})).await;
    assert_eq!(out["error"]["code"], 401, "{out}");
}

#[tokio::test]
async fn a_page_from_elsewhere_opens_no_socket_and_a_text_without_an_end_closes_it() {
    let lab = lab().await;
    for origin in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(Socket::open(&lab, "/websocket", origin).await.err(), Some(403), "{origin}");
    }
    let own = format!("Origin: http://{}\r\n", lab.address);
    let mut socket = Socket::open(&lab, "/websocket", &own).await.unwrap();
    socket.text(&"x".repeat((64 << 10) + 1)).await;
    while let Some((code, _)) = socket.next().await {
        assert_ne!(code, 1, "it is not answered");
        if code == 8 {
            break;
        }
    }
    assert_eq!(refused(&lab.get("/websocket").await).0, 400, "without an upgrade");
}

#[tokio::test]
async fn a_stop_happens_though_its_socket_goes_with_the_same_write() {
    let lab = lab().await;
    let calls = [
        json!({"jsonrpc": "2.0", "method": "printer.emergency_stop", "id": 1}),
        json!({"jsonrpc": "2.0", "method": "printer.emergency_stop"}),
        json!([{"jsonrpc": "2.0", "method": "printer.gcode.script", "id": 1, "params": {"script": "M112"}}]),
    ];
    for n in 1..=50 {
        let mut socket = Socket::open(&lab, "/p/mk3-01/websocket", "").await.unwrap();
        let call = calls[n % calls.len()].to_string();
        let both = [Socket::framed(1, call.as_bytes()), Socket::framed(8, &[])].concat();
        socket.0.write_all(&both).await.unwrap();
        if n % 2 == 0 {
            drop(socket);
        } else {
            while socket.next().await.is_some() {}
        }
        let stopped = async {
            while lab.told().len() < n {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(10), stopped)
            .await
            .unwrap_or_else(|_| panic!("stop {n} is lost: {call}"));
    }
    assert!(lab.told().iter().all(|told| told == "mk3-01: stop by unnamed"), "{:?}", lab.told());
    assert_eq!(lab.told().len(), 50);
}

#[tokio::test]
async fn a_change_of_a_print_happens_though_its_socket_goes_with_the_same_write() {
    let lab = lab().await;
    let (job, _) = printing(&lab).await;
    for (n, (change, word)) in
        [("pause", "Pause"), ("resume", "Resume"), ("cancel", "Cancel")].into_iter().enumerate()
    {
        let mut socket = Socket::open(&lab, "/p/mk3-01/websocket", "").await.unwrap();
        let call =
            json!({"jsonrpc": "2.0", "method": format!("printer.print.{change}"), "id": 1}).to_string();
        let both = [Socket::framed(1, call.as_bytes()), Socket::framed(8, &[])].concat();
        socket.0.write_all(&both).await.unwrap();
        while socket.next().await.is_some() {}
        let told = lab.told();
        assert_eq!(told.len(), n + 1, "{change} of {job}: {told:?}");
        assert!(told[n].starts_with(&format!("mk3-01: {word} ")), "{told:?}");
    }
}

#[tokio::test]
async fn a_file_that_came_with_its_case_is_queued_when_it_is_to_be_printed() {
    let lab = lab().await;
    let case = lab.case().await;
    for place in PLACES {
        let sent = sent(&lab, &format!("{place}/c/{case}/1"), &[("root", "gcodes")], "").await;
        assert_eq!((sent.status, &sent.json()["print_queued"]), (201, &json!(false)), "{sent:?}");
        let name = json!({"filename": sent.json()["item"]["path"]});
        let before = lab.get("/v1/jobs").await.json().as_array().unwrap().len();
        for again in [false, true] {
            let start = lab.post(&format!("{place}/printer/print/start"), &name).await;
            assert_eq!(result(&start), "ok", "{place} {again}");
            let jobs = lab.get("/v1/jobs").await.json().as_array().unwrap().len();
            assert_eq!(jobs, before + 1, "{place}: it is queued once");
        }
    }
    let (fields, headers) = ([("root", "gcodes")], "");
    let none = sent(&lab, "/p/mk3-01", &fields, headers).await.json();
    let name = json!({"filename": none["item"]["path"]});
    let (status, words) = refused(&lab.post("/p/mk3-01/printer/print/start", &name).await);
    assert!(status == 409 && words.contains("nobody has said yet of which part"), "{words}");
}

#[tokio::test]
async fn of_a_socket_that_says_nothing_the_place_is_free_again_and_one_that_answers_pings_keeps_it() {
    let lab = lab().await;
    let mut silent = Socket::open(&lab, "/websocket", "").await.unwrap();
    let mut answers = Socket::open(&lab, "/websocket", "").await.unwrap();
    tokio::time::pause();
    let begun = lab.clock.now();
    let ended = async {
        let mut pings = 0;
        while let Some((code, _)) = silent.next().await {
            pings += usize::from(code == 9);
            assert!(pings < 6, "it is pinged for ever");
        }
        (pings, lab.clock.now() - begun)
    };
    let goes_on = async {
        for n in 0..7 {
            let (code, data) = answers.next().await.unwrap_or_else(|| panic!("it is over after {n} pings"));
            assert_eq!(code, 9);
            answers.frame(10, &data).await;
        }
    };
    let ((pings, after), ()) = tokio::join!(ended, goes_on);
    assert!((2..=3).contains(&pings) && (85..100).contains(&after.as_secs()), "{pings} {after:?}");
}
