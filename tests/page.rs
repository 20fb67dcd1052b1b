//! The technicians' page: readable without a script, and nothing on it can become one.
//!
//! The rooms have their own modules in this one program: each program is linked by itself, and that takes long.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

mod page {
    mod cases;
    mod german;
    mod hands;
    mod materials;
    mod people;
    mod printer;
    mod queue;
    mod resin;
    mod zone;
}

use platen::api::ui;
use platen::domain::event::Actor;
use platen::domain::identity::{Rung, Wrong};
use platen::domain::ids::JobId;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, HoldStep, OutOfReach, Prompt, Reading, Snapshot, Temperatures};
use platen::domain::units::Celsius;
use platen::io::clock::entropy;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Answer, Events, Message, TestLab, lab};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    for asset in ["/assets/platen.css", "/assets/start.js"] {
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
    for path in ["/", "/printers/away", "/printers/mk3-01"] {
        let page = lab.get(path).await.body;
        assert!(page.contains("&lt;script&gt;alert("), "{path}: {page}");
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}: {page}");
    }
}

#[tokio::test]
async fn the_page_tells_printers_jobs_and_cases_in_words() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("away")).await;
    let page = shown(&lab).await;
    for text in ["Bed clear", "It is offline: no such port", "2 free", "1 not connected", "mk3-02"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let queue = lab.get("/queue").await.body;
    for text in [case.as_str(), job.as_str(), "left hand"] {
        assert!(queue.contains(text), "{text} in {queue}");
    }
    let board = lab.get("/cases").await.body;
    assert!(board.contains(case.as_str()), "{board}");
    let of_case = lab.get(&format!("/cases/{case}")).await.body;
    assert!(of_case.contains(case.as_str()) && of_case.contains("left hand"), "{of_case}");
}

#[tokio::test]
async fn a_locked_printer_that_is_out_of_reach_still_says_that_its_heaters_may_be_on() {
    let lab = lab().await;
    let stopped = Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(stopped, Actor::Platen).await.unwrap();
    lab.boards["mk3-01"].send_modify(|snapshot| {
        let mut away = Snapshot::clone(snapshot);
        away.activity = Activity::Offline { reason: "no such port".into() };
        away.out_of_reach = OutOfReach::Heat { job: None };
        *snapshot = Arc::new(away);
    });
    for path in ["/", "/printers/mk3-01"] {
        let page = lab.get(path).await.body;
        assert!(page.contains("Locked: ") && page.contains("its heaters may be on"), "{path}: {page}");
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
    assert!(nameless.body.contains("A name is needed"), "{nameless:?}");
    let elsewhere =
        lab.send("POST", "/do/stop", &format!("{form}Origin: http://evil.example\r\n"), b"").await;
    assert_eq!(elsewhere.status, 403);
}

#[tokio::test]
async fn a_browser_gets_a_page_where_there_is_none_and_a_program_its_problem() {
    const BROWSER: &str = "Accept: text/html,*/*;q=0.8\r\n";
    let lab = lab().await;
    for path in ["/nothing", "/parts/7", "/lots/none"] {
        let page = lab.send("GET", path, BROWSER, b"").await;
        assert_eq!(page.status, 404, "{path}: {page:?}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(page.header("content-security-policy").is_some(), "{path}");
        for part in ["<h1>There is nothing here</h1>", "id=\"stop-all\"", "href=\"/queue\""] {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
        assert_eq!(lab.get(path).await.problem(), "no-such-page", "{path}");
    }
    for (path, kind) in [("/v1/nothing", "no-such-page"), ("/p/mk3-01/nothing", "no-such-page")] {
        assert_eq!(lab.send("GET", path, BROWSER, b"").await.problem(), kind, "{path}");
    }
    let elsewhere = format!("{BROWSER}Origin: http://evil.example\r\n");
    let refused = lab.send("POST", "/do/stop", &elsewhere, b"").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("data-failed"), "{refused:?}");
    let icon = lab.get("/favicon.ico").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
}

#[tokio::test]
async fn what_needs_a_script_is_said_once_and_in_no_form() {
    let lab = lab().await;
    let case = lab.case().await;
    for path in ["/", "/cases", &format!("/cases/{case}"), "/hands", "/settings"] {
        let page = lab.get(path).await.body;
        assert!(page.matches("Without JavaScript").count() <= 1, "{path}: {page}");
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            assert!(!form.contains("<noscript"), "{path}: {form}");
        }
    }
    assert!(lab.get("/cases").await.body.contains("Without JavaScript"));
}

#[tokio::test]
async fn every_path_of_the_page_is_served() {
    let lab = lab().await;
    let case = lab.case().await;
    lab.job(&case, None).await;
    for path in ui::PATHS.iter().filter(|path| **path != "/live") {
        let method = if path.starts_with("/do/") { "POST" } else { "GET" };
        let real = path.replace("{file}", "platen.css");
        let answer = lab.send(method, &real, "", b"").await;
        assert!(!matches!(answer.status, 404 | 405 | 500), "{method} {path}: {answer:?}");
    }
    for page in ui::PAGES {
        let real = page
            .path
            .replace("{name}", "mk3-01")
            .replace("{token}", case.as_str())
            .replace("{serial}", &format!("{case}-1-1"))
            .replace("{lot}", "0000000000000000");
        let answer = lab.get(&real).await;
        // Of a part or a lot that is not there a page says so.
        let there = !page.path.contains("{serial}") && !page.path.contains("{lot}");
        assert!(answer.status == 200 || !there && answer.status == 404, "{}: {answer:?}", page.path);
        for part in ["<main id=\"page\"", "id=\"stop-all\"", "id=\"news\""] {
            assert!(answer.body.contains(part), "{part}: {answer:?}");
        }
        assert_eq!(answer.body.matches("<h1").count(), usize::from(answer.status == 200), "{}", page.path);
        let mut ids: Vec<&str> =
            answer.body.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        ids.sort_unstable();
        let twice: Vec<_> = ids.windows(2).filter(|two| two[0] == two[1]).collect();
        assert!(twice.is_empty(), "{}: {twice:?} are there twice", page.path);
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_says_so_as_a_page() {
    let lab = lab().await;
    for path in ["/printers/nemo", "/cases/000000000000q", "/printed/000000000000q-1-1"] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("To do: ") && answer.body.contains("id=\"stop-all\""), "{answer:?}");
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
    assert!(page.contains("name=\"since\" value=\"20"), "{page}");
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

const PRINTER: &str = "/printers/mk3-01";

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
    let first = lab.get(PRINTER).await.body;
    assert_eq!(pictures(&first), [""; 0], "nothing is drawn, and nobody waits for it: {first}");
    let queue = lab.get("/queue").await.body;
    assert!(queue.contains(&format!("href=\"/look?job={job}\">Look at it</a>")), "{queue}");
    at_work(&lab, &job, 9);
    let page = until(&lab, PRINTER, "alt=\"Layer 2 from above\"").await;
    assert!(page.contains("<figcaption>Layer 2 of 3, at 0.40 mm</figcaption>"), "{page}");
    let queue = until(&lab, "/queue", "icon=true").await;
    let all = [pictures(&page), pictures(&queue)].concat();
    assert_eq!(all.len(), 2, "the layer at the printer, the print in the queue: {all:?}");
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
    let page = lab.get(PRINTER).await.body;
    assert!(
        page.contains("Layer 3 of 3, at 0.60 mm (drawn: layer 2)")
            && page.contains("alt=\"Layer 2 from above\""),
        "{page}"
    );
    until(&lab, PRINTER, "alt=\"Layer 3 from above\"").await;
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
    // Its pictures are looked for one behind the other; when none is to come any more, there will be no news.
    let page = until(&lab, &format!("/look?job={job}"), "<body data-for=").await;
    assert!(!reloads(&page), "{page}");
    assert!(page.contains("No picture: it lays no filament"), "{page}");
    assert_eq!(pictures(&page), [""; 0]);
    assert!(page.contains("Its file has no layers."), "{page}");
}

/// What an attribute of a page says.
fn said<'p>(page: &'p str, attribute: &str) -> &'p str {
    let found = page.split_once(&format!(" {attribute}=\""));
    let (_, rest) = found.unwrap_or_else(|| panic!("{attribute} in {page}"));
    rest.split('"').next().unwrap()
}

/// The page at `/` as a browser has it, and its stream.
async fn live(lab: &TestLab) -> (String, Events) {
    let page = shown(lab).await;
    let stream = Events::open(lab, &format!("/live?at=/&have={}", said(&page, "data-live")), "").await;
    (page, stream)
}

/// Reads on until a message of this kind; any where it is empty.
async fn next(stream: &mut Events, kind: &str) -> Message {
    let wait = async {
        loop {
            let message = stream.next().await.expect("the page goes on being live");
            if kind.is_empty() || message.event == kind {
                return message;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("no {kind}"))
}

/// The pieces of a message, by their ids.
fn pieces(message: &Message) -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(&message.data).unwrap();
    let text = |piece: &Value, key: &str| piece[key].as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|piece| (text(piece, "id"), text(piece, "html"))).collect()
}

/// The printer tells its temperature.
fn warm(lab: &TestLab, printer: &str, degrees: f64) {
    let now = lab.clock.now();
    let hotend = Some(Reading { actual: Celsius(degrees), target: Some(Celsius(210.0)) });
    lab.boards[printer].send_modify(|snapshot| {
        let temperatures = Temperatures { hotend, at: Some(now), ..Temperatures::default() };
        *snapshot = Arc::new(Snapshot { temperatures, at: now, ..Snapshot::clone(snapshot) });
    });
}

#[tokio::test]
async fn a_live_page_is_sent_only_the_pieces_that_have_changed() {
    let lab = lab().await;
    let (page, mut stream) = live(&lab).await;
    // A page of another platen loads itself anew when it hears this.
    let hello = stream.next().await.unwrap();
    assert_eq!((hello.event.as_str(), hello.data.as_str()), ("hello", said(&page, "data-version")));
    warm(&lab, "mk3-01", 201.5);
    let sent = loop {
        let message = next(&mut stream, "pieces").await;
        if message.data.contains("201.5") {
            break pieces(&message);
        }
    };
    let ids: Vec<&str> = sent.iter().map(|(id, _)| id.as_str()).collect();
    assert!(ids.contains(&"heat-mk3-01"), "{ids:?}");
    let cards = ["printer-mk3-01", "printer-mk3-02", "head", "so-far"];
    assert!(!cards.iter().any(|card| ids.contains(card)), "what stands around it is not sent again: {ids:?}");
    for (id, html) in &sent {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}: {html}");
        assert!(html.starts_with('<') && !html.contains("<article"), "{html}");
    }
    // The same once more, so that it does not grow old.
    warm(&lab, "mk3-01", 201.5);
    warm(&lab, "mk3-02", 202.5);
    let sent = loop {
        let message = next(&mut stream, "pieces").await;
        if message.data.contains("202.5") {
            break pieces(&message);
        }
    };
    assert!(!sent.iter().any(|(id, _)| id == "heat-mk3-01"), "it has not changed: {sent:?}");
}

#[tokio::test]
async fn cards_in_another_order_are_sent_together_and_everybody_hears_why() {
    let lab = lab().await;
    let (page, mut stream) = live(&lab).await;
    let place = |page: &str, name: &str| page.find(&format!("id=\"printer-{name}\"")).unwrap();
    let places = |page: &str| [place(page, "mk3-02"), place(page, "mk3-01")];
    let [second, first] = places(&page);
    assert!(first < second, "{page}");
    assert_eq!(stream.next().await.unwrap().event, "hello");
    let note = Request::NoteStopped { printer: "mk3-02".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    let (mut heard, mut html) = (None, None);
    while heard.is_none() || html.is_none() {
        let message = next(&mut stream, "").await;
        match message.event.as_str() {
            "news" => heard = Some(message.data),
            "pieces" => html = pieces(&message).into_iter().find(|(id, _)| id == "printers").or(html),
            _ => {}
        }
    }
    assert_eq!(heard.unwrap(), "mk3-02 was stopped");
    let html = html.unwrap().1;
    let [second, first] = places(&html);
    assert!(second < first, "what wants somebody comes first: {html}");
    assert!(html.contains("stopped by kim") && !html.contains("<main"), "{html}");
}

#[tokio::test]
async fn a_browser_that_has_another_page_is_sent_the_whole_of_it_at_once() {
    let lab = lab().await;
    let mut stream = Events::open(&lab, "/live?at=/&have=0000000000000000", "").await;
    let all = next(&mut stream, "all").await;
    assert!(all.data.contains("printer-mk3-01") && all.data.contains("printer-away"), "{all:?}");
}

#[tokio::test]
async fn a_page_is_in_the_language_and_the_light_of_its_browser() {
    let lab = lab().await;
    let asked = async |headers: &str| {
        let answer = lab.send("GET", "/", headers, b"").await;
        (said(&answer.body, "lang").to_owned(), said(&answer.body, "data-theme").to_owned(), answer.body)
    };
    let german = "Accept-Language: de-DE,de;q=0.9,en;q=0.8\r\n";
    for (headers, language, theme, word) in [
        ("", "en", "auto", "Stop all printers"),
        (german, "de", "auto", "Alle Drucker anhalten"),
        ("Accept-Language: fr\r\n", "en", "auto", "Stop all printers"),
        ("Cookie: platen-language=de; platen-theme=dark\r\n", "de", "dark", "Er ist nicht verbunden"),
        ("Cookie: platen-theme=light; platen-language=xx\r\n", "en", "light", "It is offline"),
    ] {
        let (lang, light, page) = asked(headers).await;
        assert_eq!((lang.as_str(), light.as_str()), (language, theme), "{headers}");
        assert!(page.contains(word), "{word}: {page}");
    }
    let (lang, _, _) = asked(&format!("{german}Cookie: platen-language=en\r\n")).await;
    assert_eq!(lang, "en", "what somebody has chosen here comes before what the browser likes");
}

#[tokio::test]
async fn how_the_page_looks_is_kept_in_the_browser_and_leads_only_to_pages_of_ours() {
    let lab = lab().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let cookies = |answer: &Answer| -> Vec<String> {
        answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")).map(str::to_owned).collect()
    };
    for (to, place) in [
        ("/queue", "/queue"),
        ("/printers/mk3-01", "/printers/mk3-01"),
        ("/look?job=1", "/look?job=1"),
        ("", "/"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/do/stop", "/"),
        ("/v1/jobs", "/"),
    ] {
        let body = format!("language=de&theme=dark&to={}", to.replace(':', "%3A").replace('?', "%3F"));
        let answer = lab.send("POST", "/do/looks", form, body.as_bytes()).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(place)), "{to}: {answer:?}");
        let kept = cookies(&answer);
        let begins = ["platen-language=de;", "platen-theme=dark;"];
        assert!(kept.iter().zip(begins).all(|(kept, begin)| kept.starts_with(begin)), "{kept:?}");
        assert_eq!(kept.len(), 2, "{kept:?}");
    }
    let odd = lab.send("POST", "/do/looks", form, b"language=%3Cb%3E&theme=pink&to=/").await;
    assert_eq!((odd.status, cookies(&odd)), (303, Vec::new()), "{odd:?}");
}

/// The head of an answer as it is, and its body as bytes.
async fn bytes(lab: &TestLab, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(lab.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n{headers}\r\n", lab.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(all[..end].to_vec()).unwrap().to_lowercase(), all[end + 4..].to_vec())
}

#[tokio::test]
async fn pages_and_their_files_are_packed_for_who_asks() {
    let lab = lab().await;
    for path in ["/", "/queue", "/assets/platen.css", "/assets/platen.js"] {
        let (_, plain) = bytes(&lab, path, "").await;
        let (head, packed) = bytes(&lab, path, "Accept-Encoding: gzip\r\n").await;
        assert!(head.contains("content-encoding: gzip"), "{path}: {head}");
        assert_eq!(packed[..2], [0x1f, 0x8b], "{path}");
        assert!(packed.len() * 2 < plain.len(), "{path}: {} of {}", packed.len(), plain.len());
    }
}

#[tokio::test]
async fn a_file_of_the_page_is_fetched_again_only_when_it_has_changed() {
    let lab = lab().await;
    for file in ["platen.css", "platen.js", "live.js", "send.js"] {
        let path = format!("/assets/{file}");
        let first = lab.get(&path).await;
        assert_eq!(first.status, 200, "{first:?}");
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = lab.send("GET", &path, &format!("If-None-Match: {tag}\r\n"), b"").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{again:?}");
        let old = lab.send("GET", &path, "If-None-Match: \"0123\"\r\n", b"").await;
        assert_eq!((old.status, old.body.len()), (200, first.body.len()), "{file}");
    }
    for nothing in ["/assets/other.js", "/assets/mod.rs", "/assets/..%2fmod.rs"] {
        assert_eq!(lab.get(nothing).await.status, 404, "{nothing}");
    }
}

/// The modules that pages name as `data-use`.
fn used(folder: &Path, all: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let names = text.split("data-use=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
            // Where `frame.rs` looks for the attribute itself, no name follows.
            all.extend(names.filter(|name| !name.starts_with(')')).map(|name| format!("{name}.js")));
        }
    }
    all.sort_unstable();
    all.dedup();
}

#[tokio::test]
async fn every_module_that_a_page_or_a_script_names_is_there() {
    let lab = lab().await;
    let mut all = vec!["start.js".to_owned(), "platen.js".to_owned()];
    used(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/ui")), &mut all);
    let mut next = 0;
    while let Some(file) = all.get(next).cloned() {
        let answer = lab.get(&format!("/assets/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"), "{file}");
        for named in answer.body.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if !all.iter().any(|known| known == named) {
                all.push(named.to_owned());
            }
        }
        next += 1;
    }
    assert!(all.len() > 5, "{all:?}");
}
