//! The queue's page: in the order of the plan, in words of both languages, with the buttons of whoever looks; and
//! what its scripts send is what the API takes.

use crate::support::{Answer, GCODE, TestLab, lab, lab_of_people};
use platen::domain::ids::JobId;
use platen::domain::moment::WallTime;
use platen::domain::printer::Snapshot;
use serde_json::{Value, json};
use std::sync::Arc;

const ADA: &str = "notes on the engine";
const JSON: &str = "Content-Type: application/json\r\n";
const GERMAN: &str = "Accept-Language: de\r\n";

async fn page(lab: &TestLab, path: &str) -> String {
    lab.planner.draw().await;
    let page = lab.get(path).await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body
}

async fn wish(lab: &TestLab, job: &JobId, mut wish: Value) -> Answer {
    wish["by"] = "kim".into();
    let answer = lab.post(&format!("/v1/queue/{job}"), &wish).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// An hour before or after now, as the API takes it.
fn hours(lab: &TestLab, ahead: i64) -> String {
    let by = ahead.unsigned_abs() * 3_600_000;
    let now = lab.clock.wall().0;
    WallTime(if ahead < 0 { now - by } else { now + by }).to_string()
}

/// The waiting jobs as the page has them, one after the other.
fn order(page: &str) -> Vec<String> {
    page.split("data-job=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The row of a job.
fn row<'p>(page: &'p str, job: &JobId) -> &'p str {
    let from = page.find(&format!("id=\"job-{job}\"")).unwrap_or_else(|| panic!("no row of {job} in {page}"));
    let rest = &page[from..];
    &rest[..rest.find("</li>").unwrap_or(rest.len())]
}

/// An attribute of the element with that id, unescaped.
fn attribute(page: &str, id: &str, name: &str) -> String {
    let from = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id} in {page}"));
    let tag = &page[page[..from].rfind('<').unwrap()..];
    let tag = &tag[..tag.find('>').unwrap()];
    let value = tag.split(&format!(" {name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {tag}"));
    value.split('"').next().unwrap().replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<")
}

#[tokio::test]
async fn jobs_stand_in_the_order_of_the_plan_with_the_day_of_each_in_words() {
    let lab = lab().await;
    let case = lab.case().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(lab.job(&case, Some("mk3-01")).await);
    }
    wish(&lab, &jobs[2], json!({"priority": "urgent"})).await;
    wish(&lab, &jobs[2], json!({"due": hours(&lab, -1)})).await;
    wish(&lab, &jobs[1], json!({"due": hours(&lab, 100)})).await;
    let shown = page(&lab, "/queue").await;
    let api = lab.get("/v1/queue").await.json();
    let planned: Vec<&str> =
        api["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(order(&shown), planned);
    assert_eq!(order(&shown)[0], jobs[2].as_str());
    let late = row(&shown, &jobs[2]);
    assert!(late.contains("late by") && late.contains("urgent") && late.contains("slack-bar"), "{late}");
    assert!(late.contains(case.as_str()) && late.contains("left hand"), "{late}");
    assert!(row(&shown, &jobs[0]).contains("no day"), "{shown}");
    assert!(shown.contains("1 late"), "{shown}");
    let planned = &api["jobs"].as_array().unwrap()[0];
    assert_eq!(planned["printer"], "mk3-01");
    assert!(late.contains("mk3-01"), "{late}");

    let german = lab.send("GET", "/queue", GERMAN, b"").await.body;
    let late = row(&german, &jobs[2]);
    assert!(late.contains("zu spät") && late.contains("dringend"), "{late}");
    assert!(german.contains("Warteschlange") && row(&german, &jobs[0]).contains("kein Termin"), "{german}");
}

#[tokio::test]
async fn an_open_row_says_why_of_every_printer_and_what_is_wanted_of_the_job() {
    let lab = lab().await;
    let case = lab.case().await;
    let (job, other) = (lab.job(&case, Some("mk3-01")).await, lab.job(&case, None).await);
    wish(&lab, &job, json!({"hold": "question"})).await;
    let shown = page(&lab, &format!("/queue?open={job}")).await;
    let open = shown.split(&format!("id=\"open-{job}\"")).nth(1).expect("its row is open");
    for printer in crate::support::PRINTERS {
        assert!(open.contains(printer), "{printer} in {open}");
    }
    assert!(!shown.contains(&format!("id=\"open-{other}\"")), "only one is open");
    let line = row(&shown, &job);
    assert!(line.contains("kim holds it: it waits for an answer to a question."), "{line}");
    assert!(
        line.contains(&format!("id=\"go-on-{job}\"")) && !line.contains(&format!("id=\"hold-{job}\"")),
        "{line}"
    );
    assert_eq!(attribute(&shown, &format!("go-on-{job}"), "data-fixed"), r#"{"hold":"no","was":"question"}"#);

    // What no UTC is said of: the site's clock is UTC here, and nothing is said twice.
    assert!(!line.contains(" UTC"), "{line}");
    let gone = page(&lab, "/queue?open=nobody").await;
    assert_eq!(order(&gone).len(), 2, "a job that is not there opens nothing");
}

#[tokio::test]
async fn what_the_page_sends_is_what_the_api_takes_and_what_takes_it_back() {
    let lab = lab().await;
    let case = lab.case().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(lab.job(&case, Some("mk3-01")).await);
    }
    let shown = page(&lab, &format!("/queue?open={}", jobs[0])).await;
    let to = format!("POST /v1/queue/{}", jobs[0]);
    for (name, given) in [
        ("priority", json!({"priority": "emergency"})),
        ("due", json!({"due": "2099-12-01T07:00"})),
        ("hold", json!({"hold": "material"})),
        ("printer", json!({"printer": "any"})),
        ("prepared", json!({"prepared": "mk3-01"})),
        ("last", json!({"before": "last"})),
    ] {
        let id = format!("{name}-{}", jobs[0]);
        assert_eq!(attribute(&shown, &id, "data-send"), to);
        let undo: Value = serde_json::from_str(&attribute(&shown, &id, "data-undo")).unwrap();
        assert_eq!(undo["to"], to.as_str());
        // Five years ahead is the most; what is refused then is the day, not its form.
        let given = if name == "due" { json!({"due": hours(&lab, 48)[..16]}) } else { given };
        let field = undo["was"].as_str().unwrap();
        // What the script sends with it: nothing is taken back that somebody else has changed since.
        let mut back = undo["body"].clone();
        back["was"] = given[field].clone();
        wish(&lab, &jobs[0], given).await;
        wish(&lab, &jobs[0], back).await;
    }
    let after = lab.get(&format!("/v1/queue/{}", jobs[0])).await.json();
    assert_eq!((&after["priority"], &after["pinned"]), (&json!("routine"), &json!("mk3-01")), "{after}");
    for gone in ["due", "held", "prepared"] {
        assert!(after.get(gone).is_none(), "{gone} in {after}");
    }
}

#[tokio::test]
async fn a_job_that_was_moved_goes_back_before_the_one_that_stood_behind_it() {
    let lab = lab().await;
    let case = lab.case().await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(lab.job(&case, Some("mk3-01")).await);
    }
    let back = |page: &str, job: &JobId| attribute(page, &format!("job-{job}"), "data-back");
    let shown = page(&lab, "/queue").await;
    assert_eq!(order(&shown), jobs.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(back(&shown, &jobs[3]), "as_it_came");
    // As the script sends it when the last one is dragged to the first place.
    wish(&lab, &jobs[3], json!({"before": jobs[0]})).await;
    let shown = page(&lab, "/queue").await;
    assert_eq!(order(&shown)[0], jobs[3].as_str());
    assert_eq!(back(&shown, &jobs[3]), jobs[0].as_str());
    wish(&lab, &jobs[3], json!({"before": "last"})).await;
    let shown = page(&lab, "/queue").await;
    assert_eq!((order(&shown)[3].as_str(), back(&shown, &jobs[3]).as_str()), (jobs[3].as_str(), "last"));
}

#[tokio::test]
async fn a_day_without_its_distance_from_utc_is_by_the_clock_of_the_site() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let day = hours(&lab, 48);
    let answer = wish(&lab, &job, json!({"due": &day[..16]})).await.json();
    assert_eq!(answer["due"], format!("{}:00.000Z", &day[..16]), "{answer}");
    for odd in ["2026-13-01T07:00", "tomorrow at noon", "2026-12-01T7:00"] {
        let refused = lab.post(&format!("/v1/queue/{job}"), &json!({"due": odd, "by": "kim"})).await;
        assert_eq!(refused.status, 400, "{odd}: {refused:?}");
    }
}

#[tokio::test]
async fn what_waits_for_a_person_or_a_signature_has_its_button_in_the_row() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let shown = page(&lab, &format!("/queue?open={job}")).await;
    // This one waits for nothing of the kind: no button that would be refused.
    assert!(!shown.contains(&format!("id=\"start-{job}-mk3-01\"")), "{shown}");
    assert!(shown.contains(&format!("id=\"cancel-{job}\"")), "{shown}");
    let gone = lab.post(&format!("/v1/jobs/{job}/cancel"), &json!({"by": "kim"})).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let shown = page(&lab, "/queue").await;
    assert_eq!(order(&shown).len(), 0);
    assert!(shown.contains("Nothing waits.") && shown.contains("Cancelled by kim"), "{shown}");
    let again = format!("reprint-{job}");
    assert_eq!(attribute(&shown, &again, "data-send"), format!("POST /v1/jobs/{job}/reprint"));
    let reprint =
        lab.post(&format!("/v1/jobs/{job}/reprint"), &json!({"cause": "print_failed", "by": "kim"})).await;
    assert_eq!(reprint.status, 201, "{reprint:?}");
    assert!(page(&lab, "/queue").await.contains("printed again: its print failed"));
}

struct As<'l>(&'l TestLab, String);

impl As<'_> {
    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.0.send("POST", path, &format!("{JSON}{}", self.1), body.to_string().as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.0.send("GET", path, &self.1, b"").await
    }
}

async fn sign_in<'l>(lab: &'l TestLab, name: &str, password: &str) -> As<'l> {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    As(lab, format!("Cookie: {}\r\n", cookie.split(';').next().unwrap()))
}

async fn user<'l>(ada: &As<'l>, name: &str, roles: &[&str]) -> As<'l> {
    let (first, own) = (format!("{name} first words"), format!("{name} own words"));
    let new = json!({"name": name, "roles": roles, "password": first});
    assert_eq!(ada.post("/v1/users", &new).await.status, 201);
    let them = sign_in(ada.0, name, &first).await;
    assert_eq!(them.post("/v1/session/password", &json!({"old": first, "new": own})).await.status, 200);
    them
}

#[tokio::test]
async fn everybody_sees_the_queue_and_only_who_may_change_it_has_its_buttons() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let (olaf, rita) =
        (user(&ada, "olaf", &["operator", "designer"]).await, user(&ada, "rita", &["requester"]).await);
    let case = rita.post("/v1/cases", &json!({"intended_use": "guide"})).await.json();
    let case = case["token"].as_str().unwrap().to_owned();
    for (name, number) in [("left hand", 1), ("right hand", 2)] {
        let part = olaf.post(&format!("/v1/cases/{case}/parts"), &json!({"name": name})).await;
        assert_eq!((part.status, &part.json()["number"]), (201, &json!(number)), "{part:?}");
    }
    let file = lab.send("POST", "/v1/files", &olaf.1, GCODE).await.json()["file"].clone();
    let mut jobs = Vec::new();
    for part in [1, 2] {
        let job = olaf.post("/v1/jobs", &json!({"file": file, "case": case, "part": part})).await;
        assert_eq!(job.status, 201, "{job:?}");
        jobs.push(job.json()["id"].as_str().unwrap().to_owned());
    }
    let open = format!("/queue?open={}", jobs[0]);
    let (his, hers) = (olaf.get(&open).await.body, rita.get(&open).await.body);
    for page in [&his, &hers] {
        assert_eq!(order(page).len(), 2, "{page}");
        assert!(page.contains("right hand") && page.contains("Why, printer by printer"), "{page}");
    }
    for button in
        ["data-handle", "id=\"drop\"", "data-send=\"POST /v1/queue/", "id=\"cancel-", "href=\"/queue/new\""]
    {
        assert!(his.contains(button), "{button} in {his}");
        assert!(!hers.contains(button), "{button} in {hers}");
    }
    assert_eq!(olaf.get("/queue/new").await.status, 200);
    assert_eq!(rita.get("/queue/new").await.status, 403);
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=B\r\n";

#[tokio::test]
async fn an_upload_is_tied_to_a_part_that_is_chosen_and_its_name_is_text() {
    let lab = lab().await;
    let case = lab.case().await;
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>.gcode";
    let name = hostile.replace('"', "%22");
    let mut body = format!(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(GCODE);
    body.extend_from_slice(b"\r\n--B--\r\n");
    let sent = lab.send("POST", "/api/files/local", FORM, &body).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let uploads = lab.get("/v1/uploads").await.json();
    let upload = uploads[0]["id"].as_str().unwrap().to_owned();
    let shown = page(&lab, "/queue").await;
    assert!(!shown.contains("<script>alert") && !shown.contains("<img src=x"), "{shown}");
    assert!(shown.contains(&format!("id=\"upload-{upload}\"")), "{shown}");
    assert!(shown.contains(&format!("<option value=\"{case}/1\"")), "{shown}");
    assert!(!attribute(&shown, &format!("dismiss-{upload}"), "data-ask").is_empty());
    let to = attribute(&shown, &format!("assign-{upload}"), "data-send");
    let (_, path) = to.split_once(' ').unwrap();
    // As queue.js makes it of the choice.
    let job = lab.post(path, &json!({"case": case, "part": 1, "material": "PLA", "by": "kim"})).await;
    assert_eq!(job.status, 201, "{job:?}");
    assert!(!page(&lab, "/queue").await.contains(&format!("upload-{upload}")));
}

#[tokio::test]
async fn a_new_job_says_what_its_file_is_and_has_a_box_for_each_warning() {
    let lab = lab().await;
    let case = lab.case().await;
    let file = lab.upload(GCODE).await.json()["file"].as_str().unwrap().to_owned();
    let shown = page(&lab, &format!("/queue/new?file={file}&case={case}&part=1")).await;
    assert!(shown.contains(&format!("<option value=\"{case}/1\" selected")), "{shown}");
    let fixed: Value = serde_json::from_str(&attribute(&shown, "new-job", "data-fixed")).unwrap();
    assert_eq!(fixed, json!({"file": file}));
    assert_eq!(attribute(&shown, "new-job", "data-then"), "/queue?open={id}");
    let mut new = fixed;
    new["case"] = case.to_string().into();
    new["part"] = 1.into();
    new["copies"] = 2.into();
    new["also"] = json!([]);
    let job = lab.post("/v1/jobs", &new).await;
    assert_eq!(job.status, 201, "{job:?}");

    // What only one kind of firmware passes over is a warning on that printer alone.
    lab.boards["mk3-01"].send_modify(|snapshot| {
        let mut told = Snapshot::clone(snapshot);
        told.firmware = Some("Marlin 2.1.2.6".into());
        *snapshot = Arc::new(told);
    });
    let odd = lab.upload(b"G28\nM104 S200\nM620 S0\nG1 X10 Y10 F3000\nM104 S0\n").await.json();
    let file = odd["file"].as_str().unwrap_or_else(|| panic!("{odd}"));
    let shown = page(&lab, &format!("/queue/new?file={file}")).await;
    assert!(shown.contains("data-accept=\"command.unknown\""), "{shown}");
    let mut new = json!({"file": file, "case": case, "part": 1, "printer": "mk3-01"});
    let refused = lab.post("/v1/jobs", &new).await;
    let told = refused.json();
    assert_eq!((refused.status, &told["findings"][0]["code"]), (422, &json!("command.unknown")), "{told}");
    new["accept"] = json!(["command.unknown"]);
    new["by"] = "kim".into();
    let job = lab.post("/v1/jobs", &new).await;
    assert_eq!(job.status, 201, "{job:?}");
    let queue = page(&lab, &format!("/queue?open={}", job.json()["id"].as_str().unwrap())).await;
    assert!(queue.contains("accepted by kim"), "{queue}");

    let nothing = lab.get("/queue/new?file=no-hash").await;
    assert_eq!(nothing.status, 400, "{nothing:?}");
    let empty = page(&lab, &format!("/queue/new?case={case}&part=1")).await;
    assert_eq!(attribute(&empty, "drop", "data-more"), format!("{case}/1"));
}

#[tokio::test]
async fn a_day_that_is_wished_for_is_one_that_the_api_takes() {
    let lab = lab().await;
    let job = lab.job(&lab.case().await, None).await;
    let shown = page(&lab, &format!("/queue?open={job}")).await;
    let due = shown.split("<input").find(|tag| tag.contains("name=\"due\"")).unwrap();
    let due = due.split('>').next().unwrap();
    let bound = |name: &str| due.split(&format!("{name}=\"")).nth(1).unwrap()[..16].to_owned();
    let (first, last) = (bound("min"), bound("max"));
    let before = format!("199{}", &first[3..]);
    for (at, status) in [(&first, 200), (&last, 200), (&before, 400), (&format!("1{last}"), 400)] {
        let answer = lab.post(&format!("/v1/queue/{job}"), &json!({ "due": at, "by": "kim" })).await;
        assert_eq!(answer.status, status, "{at}: {answer:?}");
    }
}

#[tokio::test]
async fn an_empty_queue_says_what_to_do_next_and_its_scripts_are_there() {
    let lab = lab().await;
    let shown = page(&lab, "/queue").await;
    assert!(shown.contains("Nothing waits.") && shown.contains("href=\"/cases\""), "{shown}");
    for name in ["queue.js", "files.js", "processes.js"] {
        assert_eq!(lab.get(&format!("/assets/{name}")).await.status, 200, "{name}");
    }
    let page = shown.to_lowercase();
    for inline in ["<style", " style=", " onclick=", "javascript:", "http://", "https://"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn a_file_of_elsewhere_is_said_not_to_be_compared_and_stands_beside_the_model() {
    let lab = lab().await;
    let case = lab.case().await;
    let file = lab.upload(GCODE).await.json()["file"].as_str().unwrap().to_owned();
    let shown = page(&lab, &format!("/queue/new?file={file}&case={case}&part=1")).await;
    assert!(shown.contains("platen has not compared this file with the approved model"), "{shown}");
    assert!(shown.contains("Whoever queues it answers for that"), "{shown}");
    assert!(!shown.contains("Nothing speaks against it"), "{shown}");
    let models: Value = serde_json::from_str(&attribute(&shown, "compare", "data-models")).unwrap();
    let of_part = &models[format!("{case}/1")];
    assert_eq!((&of_part["ordered"], &of_part["there"]), (&json!(1), &json!(0)), "{models}");
    assert!(of_part["model"].is_null(), "nothing was handed in: {models}");
    assert!(shown.contains("id=\"differs\"") && shown.contains("id=\"too-many\""), "{shown}");
    assert!(shown.contains("name=\"copies\"") && shown.contains("min=\"1\" max=\"20\""), "{shown}");

    let path = format!("/queue/new?file={file}");
    let german = lab.send("GET", &path, GERMAN, b"").await.body;
    assert!(german.contains("platen hat diese Datei nicht mit dem freigegebenen Modell"), "{german}");
}
