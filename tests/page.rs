//! The technicians' page: readable without a script, and nothing on it can become one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::event::Actor;
use platen::domain::identity::{Rung, Wrong};
use platen::domain::ids::JobId;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, HoldStep, Prompt, Snapshot};
use platen::io::clock::entropy;
use std::sync::Arc;
use std::time::Duration;
use support::{TestLab, lab};

async fn shown(lab: &TestLab) -> String {
    let page = lab.get("/").await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body
}

#[tokio::test]
async fn the_page_has_no_script_or_style_of_its_own_and_says_so_in_its_policy() {
    let lab = lab().await;
    lab.case().await;
    let answer = lab.get("/").await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.body.to_lowercase();
    for script in page.split("<script").skip(1) {
        assert!(
            script.starts_with(" type=\"module\" src=\"/assets/") && script.contains("\"></script>"),
            "{script}"
        );
    }
    for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "http://", "https://"] {
        assert!(!page.contains(inline), "{inline}");
    }
    for asset in ["/assets/platen.css", "/assets/platen.js"] {
        assert!(page.contains(asset));
        assert_eq!(lab.get(asset).await.status, 200);
    }
}

#[tokio::test]
async fn what_firmware_and_ports_say_is_text_on_the_page() {
    const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";
    let lab = lab().await;
    for name in ["mk3-01", "away"] {
        lab.boards[name].send_modify(|snapshot| {
            let mut hostile = Snapshot::clone(snapshot);
            hostile.firmware = Some(HOSTILE.into());
            if name == "away" {
                hostile.activity = Activity::Offline { reason: HOSTILE.into() };
            }
            *snapshot = Arc::new(hostile);
        });
    }
    for path in ["/", "/fragment/board"] {
        let page = lab.get(path).await.body;
        assert!(page.contains("&lt;script&gt;alert("), "{page}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    }
}

#[tokio::test]
async fn the_page_tells_printers_jobs_and_cases_in_words() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("away")).await;
    let page = shown(&lab).await;
    for text in [
        case.as_str(),
        job.as_str(),
        "left hand",
        "Bed clear",
        "It is offline: no such port",
        "1 waiting",
        "2 of 3 online",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[tokio::test]
async fn the_buttons_work_without_a_script() {
    let lab = lab().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let stopped = lab.send("POST", "/do/stop", form, b"printer=&by=").await;
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert!(stopped.body.contains("Stop is sent to mk3-01, mk3-02."), "{stopped:?}");
    assert!(stopped.body.contains("No stop could be sent to away"), "{stopped:?}");
    assert_eq!(lab.told().len(), 3);

    let cleared = lab.send("POST", "/do/clear-latch", form, b"printer=mk3-01&by=kim").await;
    assert!(cleared.body.contains("mk3-01 may be used again"), "{cleared:?}");

    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let change = format!("job={job}&change=cancel&by=kim");
    let cancelled = lab.send("POST", "/do/job", form, change.as_bytes()).await;
    assert!(cancelled.body.contains(&format!("Job {job} is cancelled.")), "{cancelled:?}");
    let nameless = lab.send("POST", "/do/clear-bed", form, b"printer=mk3-01&by=").await;
    assert_eq!(nameless.status, 400);
    assert!(nameless.body.contains("a name is needed"), "{nameless:?}");
    let elsewhere =
        lab.send("POST", "/do/stop", &format!("{form}Origin: http://evil.example\r\n"), b"").await;
    assert_eq!(elsewhere.status, 403);
}

#[tokio::test]
async fn every_path_of_the_page_is_served() {
    let lab = lab().await;
    for path in platen::api::ui::PATHS {
        let method = if path.starts_with("/do/") { "POST" } else { "GET" };
        let answer = lab.send(method, path, "", b"").await;
        assert!(!matches!(answer.status, 404 | 405 | 500), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_latched_printer_says_why_and_how_to_go_on() {
    let lab = lab().await;
    let note = Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    let page = shown(&lab).await;
    assert!(page.contains("stopped by kim") && page.contains("It may be used again"), "{page}");
}

#[tokio::test]
async fn a_quarantined_printer_says_why_and_a_person_ends_it_by_a_button() {
    let lab = lab().await;
    let why = Wrong::Mismatch {
        what: Rung::Uuid,
        expected: Some("ours".into()),
        found: Some("<script>theirs".into()),
        belongs_to: Some("mk3-02".parse().unwrap()),
    };
    let note = Request::NoteQuarantined { printer: "mk3-01".parse().unwrap(), why: Box::new(why) };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    let page = shown(&lab).await;
    assert!(page.contains("it seems to be mk3-02") && page.contains("&lt;script&gt;theirs"), "{page}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let identified = lab.send("POST", "/do/identify", form, b"printer=mk3-01&by=kim").await;
    assert!(identified.body.contains("noted as its own"), "{identified:?}");
    assert!(!shown(&lab).await.contains("Quarantine"));
    let nameless = lab.send("POST", "/do/identify", form, b"printer=mk3-01&by=").await;
    assert_eq!(nameless.status, 400);
}

#[tokio::test]
async fn a_person_at_the_printer_begins_a_waiting_job_by_a_button() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let start = format!("job={job}&change=start&printer=mk3-02&by=kim");
    let begun = lab.send("POST", "/do/job", form, start.as_bytes()).await;
    assert!(begun.body.contains(&format!("Job {job} begins")), "{begun:?}");
    let released = lab.recorder.read(|lab| lab.jobs[&job].released.clone()).unwrap();
    assert_eq!((released.printer.as_str(), released.by.as_str()), ("mk3-02", "kim"));
}

#[tokio::test]
async fn what_a_printer_asks_and_says_is_text_on_the_page_and_is_answered_by_its_buttons() {
    const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";
    let lab = lab().await;
    lab.boards["mk3-01"].send_modify(|snapshot| {
        let mut asking = Snapshot::clone(snapshot);
        asking.hold.prompt =
            Some(Prompt { text: HOSTILE.into(), buttons: vec!["Purge".into(), HOSTILE.into()] });
        asking.hold.text = Some(HOSTILE.into());
        asking.hold.step = Some(HoldStep::WaitsForPerson);
        *snapshot = Arc::new(asking);
    });
    let page = shown(&lab).await;
    assert!(page.contains("&lt;script&gt;alert("), "{page}");
    assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    assert!(page.contains("It waits for a person") && page.contains(">Purge</button>"), "{page}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let fields = b"printer=mk3-01&button=1&asked=Paused&by=kim";
    let answered = lab.send("POST", "/do/answer", form, fields).await;
    assert!(answered.body.contains("mk3-01 is told."), "{answered:?}");
    let sent = lab.send("POST", "/do/console", form, b"printer=mk3-01&command=M503&by=kim").await;
    assert_eq!(sent.status, 200, "{sent:?}");
    assert!(sent.body.contains("&lt;script&gt;alert(1)"), "{sent:?}");
    assert!(!sent.body.contains("<script>"), "{sent:?}");
    let refused = lab.send("POST", "/do/console", form, b"printer=mk3-01&command=M112&by=kim").await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("platen stop"), "{refused:?}");
}

/// Three layers: of commands 4 to 7, 8 to 10, 11 to 13.
const LAYERS: &str = "M109 S200\nG28\nM83\n;LAYER_CHANGE\nG1 X10 Y10 Z.2 F3000\nG1 X30 E1\nG1 Y30 E1\nG1 X10 E1\n\
    ;LAYER_CHANGE\nG1 Z.4\nG1 X30 E1\nG1 Y10 E1\n;LAYER_CHANGE\nG1 Z.6\nG1 X10 E1\nM104 S0\n";

/// Its job runs on mk3-01, with so many commands confirmed.
async fn printing(lab: &TestLab, confirmed: u64) -> JobId {
    let (case, file) = (lab.case().await, lab.upload(LAYERS.as_bytes()).await.json()["file"].clone());
    let new = serde_json::json!({"file": file, "case": case, "part": 1, "printer": "mk3-01"});
    let job = lab.post("/v1/jobs", &new).await;
    assert_eq!(job.status, 201, "{job:?}");
    let job: JobId = job.json()["id"].as_str().unwrap().parse().unwrap();
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    at_work(lab, &job, confirmed);
    job
}

fn at_work(lab: &TestLab, job: &JobId, confirmed: u64) {
    let progress = Progress { confirmed, total: 13 };
    lab.boards["mk3-01"].send_modify(|snapshot| {
        let activity = Activity::Printing { job: job.clone(), progress };
        *snapshot = Arc::new(Snapshot { activity, ..Snapshot::clone(snapshot) });
    });
}

/// Loads a page until it shows this.
async fn until(lab: &TestLab, path: &str, wanted: &str) -> String {
    let mut last = String::new();
    let seen = async {
        while !last.contains(wanted) {
            last = lab.get(path).await.body;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.unwrap_or_else(|_| panic!("{wanted}"));
    last
}

/// The addresses of all pictures, after a look at what stands for them.
fn pictures(page: &str) -> Vec<String> {
    let tags = page.split("<img ").skip(1).map(|rest| rest.split('>').next().unwrap());
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().replace("&amp;", "&")
    };
    tags.map(|tag| {
        let alt = attribute(tag, "alt");
        assert!(!alt.is_empty() && !alt.contains("left hand"), "{tag}");
        attribute(tag, "src")
    })
    .collect()
}

#[tokio::test]
async fn a_printer_at_work_shows_the_layer_that_it_prints() {
    let lab = lab().await;
    let job = printing(&lab, 2).await;
    let first = shown(&lab).await;
    assert_eq!(pictures(&first), [""; 0], "nothing is drawn, and nobody waits for it: {first}");
    assert!(first.contains(&format!("href=\"/look?job={job}\">Look at it</a>")), "{first}");
    at_work(&lab, &job, 9);
    let page = until(&lab, "/", "alt=\"Layer 2 from above\"").await;
    assert!(page.contains("<figcaption>Layer 2 of 3, at 0.40 mm</figcaption>"), "{page}");
    let page = until(&lab, "/", "icon=true").await;
    let all = pictures(&page);
    assert_eq!(all.len(), 2, "the layer at the printer, the print in the list: {all:?}");
    for picture in &all {
        let answer = lab.get(picture).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")), "{picture}");
        assert!(answer.header("cache-control").unwrap().contains("immutable"), "{answer:?}");
    }
    let view = lab.get(&format!("/v1/jobs/{job}")).await.json();
    assert_eq!(view["layer"], serde_json::json!({"number": 2, "of": 3, "z_mm": 0.4}));
    assert_eq!(lab.get(view["pictures"]["print"].as_str().unwrap()).await.status, 200);
    assert_eq!(view["pictures"].get("model"), None);
    // The layer before stays until the next is drawn.
    at_work(&lab, &job, 12);
    let page = shown(&lab).await;
    assert!(
        page.contains("Layer 3 of 3, at 0.60 mm (drawn: layer 2)")
            && page.contains("alt=\"Layer 2 from above\""),
        "{page}"
    );
    until(&lab, "/", "alt=\"Layer 3 from above\"").await;
}

/// Whether a page loads itself again: by its script, which looks first whether somebody does something there; a browser
/// that runs it must not do so by itself.
fn reloads(page: &str) -> bool {
    let by_script = page.contains("<body data-reload=\"");
    let refresh = "<meta http-equiv=\"refresh\"";
    let without = page.matches(&format!("<noscript>{refresh}")).count();
    assert_eq!(page.matches(refresh).count(), without, "{page}");
    assert_eq!(by_script, without == 1, "{page}");
    by_script
}

#[tokio::test]
async fn a_job_s_own_page_shows_any_layer_in_any_size_without_a_script() {
    let lab = lab().await;
    let job = printing(&lab, 9).await;
    // Of a job at work the layer that is printed, and it follows.
    let page = until(&lab, &format!("/look?job={job}"), "alt=\"Layer 2 from above\"").await;
    assert!(page.contains("value=\"2\"") && reloads(&page), "{page}");
    let asked = format!("/look?job={job}&layer=1&size=1600");
    let page = until(&lab, &asked, "alt=\"Layer 1 from above\"").await;
    let page = if reloads(&page) { until(&lab, &asked, "alt=\"The print from").await } else { page };
    let all = pictures(&page);
    assert!(all[0].ends_with("/picture?layer=1&size=1600"), "{all:?}");
    assert!(page.contains("rel=\"next\"") && !page.contains("rel=\"prev\""), "{page}");
    assert!(page.contains("Layer 2 is printed now"), "{page}");
    let page = until(&lab, &format!("/look?job={job}&layer=99&size=7"), "alt=\"Layer 3 from above\"").await;
    assert!(pictures(&page)[0].ends_with("/picture?layer=3&size=800"), "{page}");
    assert!(page.contains("rel=\"prev\"") && !page.contains("rel=\"next\""), "{page}");
    assert!(page.contains("/picture?layer=3&amp;as=svg\""), "{page}");
    let unknown = JobId::from_entropy(entropy()).to_string();
    for (asked, status) in [(unknown.as_str(), 404), ("%3Cscript%3E", 400), ("", 400)] {
        let answer = lab.get(&format!("/look?job={asked}")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains("To do: ") && !answer.body.contains("<script>"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_job_whose_file_lays_nothing_says_so_instead_of_a_picture() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let page = until(&lab, &format!("/look?job={job}"), "No picture: it lays no filament").await;
    assert_eq!(pictures(&page), [""; 0]);
    assert!(page.contains("Its file has no layers."), "{page}");
    assert!(!reloads(&page), "there will be no news: {page}");
}
