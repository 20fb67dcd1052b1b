//! The pages of one printer and of a new one: what they show is text, what they offer is taken by the API.

use crate::support::{TestLab, lab, lab_of_people};
use platen::domain::event::Actor;
use platen::domain::ids::{JobId, PrinterName};
use platen::domain::job::{Interruption, Progress};
use platen::domain::lab::Request;
use platen::domain::moment::Moment;
use platen::domain::printer::{
    Activity, HoldStep, OutOfReach, Prompt, Reading, STILL_DEAF, Snapshot, Temperatures,
};
use platen::domain::units::Celsius;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const MK3: &str = "/printers/mk3-01";
const GERMAN: &str = "Accept-Language: de\r\n";
const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";

async fn shown(lab: &TestLab, path: &str) -> String {
    let page = lab.get(path).await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body
}

/// Loads a page until it shows this.
async fn until(lab: &TestLab, path: &str, wanted: &str) -> String {
    let mut last = String::new();
    let seen = async {
        while !last.contains(wanted) {
            last = shown(lab, path).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), seen).await;
    in_time.unwrap_or_else(|_| panic!("{wanted} is not there"));
    last
}

fn has(page: &str, all: &[&str]) {
    for text in all {
        assert!(page.contains(text), "{text} in {page}");
    }
}

fn has_not(page: &str, all: &[&str]) {
    for text in all {
        assert!(!page.contains(text), "{text} in {page}");
    }
}

fn change(lab: &TestLab, name: &str, how: impl FnOnce(&mut Snapshot)) {
    lab.boards[name].send_modify(|snapshot| {
        let mut changed = Snapshot::clone(snapshot);
        how(&mut changed);
        *snapshot = Arc::new(changed);
    });
}

/// The forms of a page that send to the API: their routes and what nobody fills in, by their ids.
fn forms(page: &str) -> BTreeMap<String, (String, Value)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        let text = rest.split('"').next().unwrap();
        Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    };
    let tags = page.split("<form ").skip(1).map(|rest| format!(" {}", rest.split('>').next().unwrap()));
    tags.filter_map(|tag| {
        let (id, to) = (attribute(&tag, "id")?, attribute(&tag, "data-send")?);
        let fixed = attribute(&tag, "data-fixed")
            .map_or_else(|| json!({}), |fixed| serde_json::from_str(&fixed).unwrap());
        Some((id, (to, fixed)))
    })
    .collect()
}

/// Sends one as `send.js` does.
async fn send(lab: &TestLab, page: &str, id: &str, fields: Value) -> crate::support::Answer {
    let all = forms(page);
    let (to, fixed) = all.get(id).unwrap_or_else(|| panic!("there is no {id} among {:?}", all.keys()));
    let mut body = fixed.clone();
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body["by"] = "kim".into();
    lab.post(to.strip_prefix("POST ").unwrap(), &body).await
}

/// A job at work on mk3-01, so far.
async fn printing(lab: &TestLab, confirmed: u64) -> JobId {
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let start = Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() };
    lab.recorder.submit(start, Actor::Platen).await.unwrap();
    let progress = Progress { confirmed, total: 4 };
    change(lab, "mk3-01", |snapshot| snapshot.activity = Activity::Printing { job: job.clone(), progress });
    job
}

fn warm(lab: &TestLab, name: &str, hotend: f64, second: u64) {
    let at = Moment::from_millis(second * 1_000);
    let mut snapshot = Snapshot::clone(&lab.boards[name].borrow());
    snapshot.temperatures.hotend = Some(Reading { actual: Celsius(hotend), target: Some(Celsius(215.0)) });
    snapshot.temperatures.at = Some(at);
    lab.board.history().note(&name.parse::<PrinterName>().unwrap(), &snapshot, at);
}

#[tokio::test]
async fn a_printer_s_temperatures_are_a_chart_that_says_the_same_in_words() {
    let lab = lab().await;
    let empty = shown(&lab, MK3).await;
    has(&empty, &["No temperatures were heard in this time."]);
    warm(&lab, "mk3-01", 20.0, 0);
    warm(&lab, "mk3-01", 31.0, 1);
    let words = "Hotend: 20 to 31 °C, last 31 °C.";
    let page = until(&lab, MK3, words).await;
    let title = "<title>Temperatures of mk3-01 in the last 15 minutes</title>";
    has(&page, &[title, &format!("<desc>{words}</desc>"), "series-hotend", "aria-current=\"true\">15 min"]);
    has_not(&page, &[" style=", "<style", " onclick="]);
    has(&shown(&lab, "/printers/mk3-01?minutes=5").await, &["aria-current=\"true\">5 min"]);
    has(&shown(&lab, "/printers/mk3-01?minutes=%3Cb%3E").await, &["aria-current=\"true\">15 min"]);
}

#[tokio::test]
async fn what_a_printer_s_firmware_and_port_say_is_text_on_its_page() {
    let lab = lab().await;
    change(&lab, "mk3-01", |snapshot| {
        snapshot.firmware = Some(HOSTILE.into());
        snapshot.hold.prompt =
            Some(Prompt { text: HOSTILE.into(), buttons: vec!["Purge".into(), HOSTILE.into()] });
        snapshot.hold.text = Some(HOSTILE.into());
        snapshot.hold.step = Some(HoldStep::WaitsForPerson);
    });
    change(&lab, "away", |snapshot| snapshot.activity = Activity::Offline { reason: HOSTILE.into() });
    let page = shown(&lab, MK3).await;
    has(&page, &["&lt;script&gt;alert(", ">Purge</button>", "Firmware"]);
    has_not(&page, &["<script>", "<img"]);
    let away = shown(&lab, "/printers/away").await;
    has(&away, &["&lt;script&gt;alert("]);
    has_not(&away, &["<script>", "<img"]);
}

#[tokio::test]
async fn a_job_at_work_is_shown_with_its_steps_and_one_that_ended_in_what_was() {
    let lab = lab().await;
    has(&shown(&lab, MK3).await, &["Nothing is printed here.", "No job has ended here yet.", "Bed clear"]);
    let job = printing(&lab, 2).await;
    let page = shown(&lab, MK3).await;
    has(
        &page,
        &[
            "left hand",
            "50.0 %",
            &format!("pause-{job}"),
            &format!("cancel-{job}"),
            "<title>Progress of mk3-01</title>",
        ],
    );
    has(&page, &["id=\"stop-mk3-01\"", "action=\"/do/stop\""]);
    let progress = Some(Progress { confirmed: 3, total: 4 });
    let cancel = Request::CancelJob { job: job.clone(), progress, by: "kim".into(), line: None };
    lab.recorder.submit(cancel, Actor::Platen).await.unwrap();
    change(&lab, "mk3-01", |snapshot| snapshot.activity = Activity::Ready);
    let page = shown(&lab, MK3).await;
    has(&page, &[&format!("id=\"past-{job}\""), "Cancelled by kim", "The bed is clear</button>"]);
}

/// What its board said last, when it was hot.
fn told_last(snapshot: &mut Snapshot) {
    let hotend = Some(Reading { actual: Celsius(210.0), target: Some(Celsius(215.0)) });
    snapshot.temperatures = Temperatures::default();
    snapshot.own_last = Some(Temperatures { hotend, at: Some(Moment::from_millis(0)), ..Default::default() });
}

/// Where something stands in a page.
fn place(page: &str, text: &str) -> usize {
    page.find(text).unwrap_or_else(|| panic!("{text} in {page}"))
}

async fn stopped(lab: &TestLab, name: &str) {
    let note = Request::NoteStopped { printer: name.parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
}

#[tokio::test]
async fn a_printer_that_is_lost_in_mid_print_comes_first_with_its_job_and_its_last_heat() {
    let lab = lab().await;
    // A locked one, whose name would come before it.
    stopped(&lab, "away").await;
    let job = printing(&lab, 2).await;
    change(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Offline { reason: "no such port".into() };
        snapshot.out_of_reach = OutOfReach::Job { job: job.clone() };
        told_last(snapshot);
    });
    let clear = "id=\"clear-bed-mk3-01\"";
    let lost = ["out of reach", "it may be hot: go there", "left hand", "210.0", "Temperatures of"];
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        has(&page, &lost);
        has(&page, &["id=\"heat-mk3-01\" data-old", "cannot be noted as clear while the printer is out"]);
        has_not(&page, &[clear, "(printing)"]);
    }
    let page = shown(&lab, "/").await;
    has(&page, &["id=\"printer-mk3-01\" data-state=\"bad\""]);
    assert!(place(&page, "id=\"printer-mk3-01\"") < place(&page, "id=\"printer-away\""), "{page}");
    let hands = shown(&lab, "/hands").await;
    has(&hands, &["id=\"lost-mk3-01\"", "left hand", "Hotend 210 °C", "Out of reach: go there at once"]);
    assert!(place(&hands, "id=\"hands-lost\"") < place(&hands, "id=\"hands-locked\""), "{hands}");

    // Half a minute later its job has ended; it is as hot as it was.
    let progress = Progress { confirmed: 2, total: 4 };
    let note =
        Request::NoteInterrupted { job: job.clone(), progress, why: Interruption::Unplugged, line: None };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    change(&lab, "mk3-01", |snapshot| snapshot.out_of_reach = OutOfReach::Heat { job: Some(job) });
    for path in ["/", MK3, "/hands"] {
        let page = shown(&lab, path).await;
        has(&page, &["out of reach", "it may be hot: go there", "50.0 %", "left hand"]);
        has_not(&page, &[clear, "id=\"clear-mk3-01\""]);
    }
    let german = lab.send("GET", "/", GERMAN, b"").await.body;
    has(&german, &["Außer Reichweite und vielleicht heiß", "gilt sein Bett nicht als leer"]);
}

#[tokio::test]
async fn a_printer_that_was_lost_in_mid_print_stays_so_after_a_restart_until_its_board_has_said_more() {
    let lab = lab().await;
    let job = printing(&lab, 2).await;
    let progress = Progress { confirmed: 2, total: 4 };
    let note = Request::NoteInterrupted { job, progress, why: Interruption::Unplugged, line: None };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    // What a daemon knows that has just started.
    change(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Offline { reason: "no such port".into() };
        snapshot.temperatures = Temperatures::default();
    });
    for path in ["/", MK3, "/hands"] {
        let page = shown(&lab, path).await;
        has(&page, &["out of reach", "it may be hot: go there", "left hand"]);
        has_not(&page, &["id=\"clear-bed-mk3-01\"", "id=\"clear-mk3-01\""]);
    }
    // It was heard since, and was not hot when it went away.
    change(&lab, "mk3-01", |snapshot| snapshot.temperatures.at = Some(Moment::from_millis(0)));
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        has_not(&page, &["it may be hot"]);
        has(&page, &["id=\"clear-bed-mk3-01\""]);
    }
}

#[tokio::test]
async fn a_board_that_is_still_deaf_when_it_was_unlocked_is_among_what_needs_hands() {
    let lab = lab().await;
    change(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Offline { reason: STILL_DEAF };
    });
    has(&shown(&lab, "/").await, &["id=\"printer-mk3-01\" data-state=\"bad\""]);
    has(&shown(&lab, "/hands").await, &["id=\"deaf-mk3-01\"", "press its reset button"]);
    let german = lab.send("GET", "/", GERMAN, b"").await.body;
    has(&german, &["nach ihrem Halt noch immer taub"]);
}

#[tokio::test]
async fn a_printer_that_never_comes_back_is_given_up_on_the_page_first_its_job_and_then_its_bed() {
    let lab = lab().await;
    let job = printing(&lab, 2).await;
    change(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Offline { reason: "no such port".into() };
        snapshot.out_of_reach = OutOfReach::Job { job: job.clone() };
    });
    let (of_job, of_bed) = (format!("id=\"give-up-{job}\""), "id=\"give-up-bed-mk3-01\"");
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        has(&page, &["It does not come back", &of_job, "name=\"change\" value=\"cancel\"", "Give it up?"]);
        has_not(&page, &[of_bed]);
    }
    let progress = Some(Progress { confirmed: 2, total: 4 });
    let cancel = Request::CancelJob { job: job.clone(), progress, by: "kim".into(), line: None };
    lab.recorder.submit(cancel, Actor::Platen).await.unwrap();
    change(&lab, "mk3-01", |snapshot| snapshot.out_of_reach = OutOfReach::Heat { job: Some(job.clone()) });
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        let form = page.split("<form").find(|form| form.contains(of_bed)).unwrap();
        let form = form.split("</form>").next().unwrap();
        has(
            form,
            &[
                "action=\"/do/clear-bed\"",
                "data-ask=\"mk3-01: the print has failed",
                "switched off at the mains",
            ],
        );
        // Somebody says that they stand there, also where no script asks.
        has(form, &["<input type=\"checkbox\" required>", &format!("name=\"job\" value=\"{job}\"")]);
        has_not(&page, &[&of_job, "id=\"clear-bed-mk3-01\""]);
    }
    // A lock is lifted first.
    stopped(&lab, "mk3-01").await;
    has_not(&shown(&lab, "/").await, &[of_bed]);
    let lifted = Request::ClearLatch { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(lifted, Actor::Platen).await.unwrap();
    has(&shown(&lab, "/").await, &[of_bed]);
    let pressed = format!("printer=mk3-01&job={job}&by=kim");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let cleared = lab.send("POST", "/do/clear-bed", kind, pressed.as_bytes()).await;
    assert_eq!(cleared.status, 200, "{cleared:?}");
    has_not(&shown(&lab, "/").await, &["It does not come back"]);
    let printed = lab.get(&format!("/v1/jobs/{job}")).await.json();
    assert_eq!(printed["state"], "cancelled", "{printed}");
}

#[tokio::test]
async fn a_print_is_cancelled_after_a_question() {
    let lab = lab().await;
    let job = printing(&lab, 1).await;
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        let form = page.split("<form").find(|form| form.contains(&format!("id=\"cancel-{job}\""))).unwrap();
        has(form, &["data-ask=\"Cancel the print of case ", "what is on the bed is lost"]);
    }
}

#[tokio::test]
async fn a_bed_is_noted_as_clear_after_a_question_and_not_while_its_printer_is_locked() {
    let lab = lab().await;
    let job = printing(&lab, 2).await;
    let progress = Some(Progress { confirmed: 2, total: 4 });
    let cancel = Request::CancelJob { job: job.clone(), progress, by: "kim".into(), line: None };
    // The journal has not been told yet that it has ended.
    change(&lab, "mk3-01", |snapshot| snapshot.activity = Activity::Stopped);
    let behind = shown(&lab, "/").await;
    has(&behind, &["In the journal its job has not ended yet"]);
    has_not(&behind, &["id=\"clear-bed-mk3-01\""]);

    lab.recorder.submit(cancel, Actor::Platen).await.unwrap();
    change(&lab, "mk3-01", |snapshot| snapshot.activity = Activity::Ready);
    let case = lab.recorder.read(|lab| lab.jobs[&job].case.clone());
    let question = format!(
        "data-ask=\"On the bed of mk3-01: case {case}, part 1, left hand. Is it off, and is the bed clear?\""
    );
    for (path, button) in [("/", "clear-bed-mk3-01"), (MK3, "clear-bed-mk3-01"), ("/hands", "clear-mk3-01")] {
        let page = shown(&lab, path).await;
        has(&page, &[&question, &format!("id=\"{button}\"")]);
        if path != "/hands" {
            has(&page, &["data-state=\"wants\"", "ready, bed not clear"]);
        }
    }
    stopped(&lab, "mk3-01").await;
    for path in ["/", MK3, "/hands"] {
        let page = shown(&lab, path).await;
        has(&page, &["lift its lock; then the bed", "data-ask=\"Have you looked at mk3-01"]);
        has_not(&page, &["id=\"clear-bed-mk3-01\"", "id=\"clear-mk3-01\""]);
    }
}

#[tokio::test]
async fn a_board_that_does_not_answer_after_a_stop_is_to_be_reset_and_has_no_console() {
    let lab = lab().await;
    has_not(&shown(&lab, MK3).await, &["No answer since", "id=\"console-command\" disabled"]);
    change(&lab, "mk3-01", |snapshot| {
        snapshot.activity = Activity::Stopped;
        told_last(snapshot);
    });
    for path in ["/", MK3] {
        let page = shown(&lab, path).await;
        has(&page, &["No answer since", ": reset the board"]);
    }
    let page = shown(&lab, MK3).await;
    has(&page, &["id=\"console-command\" disabled", "id=\"console-send\" disabled", "not answer: reset"]);
}

#[tokio::test]
async fn only_what_has_no_words_is_broken_in_the_facts_of_a_board() {
    let css = platen_css().await;
    assert!(css.contains(".facts.known dd:not(.long) { overflow-wrap: break-word; }"), "{css}");
    assert!(css.contains(".facts.known { grid-template-columns: minmax(0, 1fr)"), "{css}");
}

async fn platen_css() -> String {
    shown(&lab().await, "/assets/platen.css").await
}

#[tokio::test]
async fn a_part_of_an_interrupted_job_is_gone_on_with_from_its_bed() {
    let lab = lab().await;
    let job = printing(&lab, 2).await;
    let progress = Progress { confirmed: 2, total: 4 };
    let note = Request::NoteInterrupted { job, progress, why: Interruption::Unplugged, line: None };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    change(&lab, "mk3-01", |snapshot| snapshot.activity = Activity::Ready);
    let page = shown(&lab, MK3).await;
    has(&page, &["name=\"layer\"", "name=\"height_mm\"", "The bed is clear</button>", "(interrupted)"]);
    // This file lays nothing, so that it has no layers; what the form sends is read all the same.
    let made = send(&lab, &page, "resume-file", json!({"layer": 1, "height_mm": 0.4})).await;
    assert!(matches!(made.status, 409 | 422), "{made:?}");
}

#[tokio::test]
async fn a_console_offers_what_its_level_takes_and_works_without_a_script() {
    let lab = lab().await;
    let read = shown(&lab, MK3).await;
    has(&read, &["action=\"/do/console\"", "value=\"M503\"", "questions only"]);
    has_not(&read, &["value=\"M104\"", "value=\"M92\"", "value=\"M112\""]);
    let service = shown(&lab, "/printers/mk3-02").await;
    has(&service, &["value=\"M503\"", "value=\"M104\"", "value=\"M92\"", "to 250 °C at most"]);
    has_not(&service, &["value=\"M112\""]);
    let off = shown(&lab, "/printers/away").await;
    has(&off, &["The console of this printer is off."]);
    has_not(&off, &["/do/console"]);
}

#[tokio::test]
async fn who_may_not_send_commands_or_qualify_is_not_offered_it() {
    let lab = lab_of_people("ada", "notes on the engine").await;
    let signed_in = async |name: &str, password: &str| {
        let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        format!("Cookie: {}\r\n", answer.header("set-cookie").unwrap().split(';').next().unwrap())
    };
    let ada = signed_in("ada", "notes on the engine").await;
    let json_of = |cookie: &str| format!("Content-Type: application/json\r\n{cookie}");
    for (name, role, console, loads, adds) in
        [("olga", "operator", false, true, false), ("mads", "maintenance", true, false, true)]
    {
        let (first, own) = (format!("{name} first words"), format!("{name} own words"));
        let new = json!({"name": name, "printed": name, "roles": [role], "password": first});
        let added = lab.send("POST", "/v1/users", &json_of(&ada), new.to_string().as_bytes()).await;
        assert_eq!(added.status, 201, "{added:?}");
        let cookie = signed_in(name, &first).await;
        let change = json!({"old": first, "new": own}).to_string();
        let changed = lab.send("POST", "/v1/session/password", &json_of(&cookie), change.as_bytes()).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let page = lab.send("GET", MK3, &cookie, b"").await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.body.contains("/do/console"), console, "{name}");
        assert_eq!(page.body.contains("id=\"care-steps\""), console, "{name}");
        assert_eq!(page.body.contains("id=\"test-print\""), console, "{name}");
        assert_eq!(page.body.contains("data-send=\"POST /v1/loads\""), loads, "{name}");
        let adding = lab.send("GET", "/commission", &cookie, b"").await;
        assert_eq!(adding.status, 200, "{adding:?}");
        assert_eq!(adding.body.contains("id=\"probe-ask\""), adds, "{name}");
        // Only who keeps settings saves one.
        assert!(!adding.body.contains("id=\"save-it\""), "{name}");
    }
    let admin = lab.send("GET", "/commission", &ada, b"").await.body;
    has(&admin, &["id=\"save-it\"", "id=\"check-it\""]);
    has_not(&admin, &["id=\"probe-ask\""]);
}

#[tokio::test]
async fn what_is_loaded_is_loaded_and_taken_off_by_the_forms_of_the_page() {
    let lab = lab().await;
    let about = json!({"material": "PLA", "supplier_lot": "L-2231", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000, "by": "kim"});
    let lot = lab.post("/v1/lots", &about).await.json()["id"].as_str().unwrap().to_owned();
    let released = lab.post(&format!("/v1/lots/{lot}/steps"), &json!({"is": "released", "by": "kim"})).await;
    assert_eq!(released.status, 200, "{released:?}");
    let page = shown(&lab, MK3).await;
    has(
        &page,
        &[
            "Nothing is noted as loaded.",
            &format!("<option value=\"{lot}\">PLA · L-2231 · 1\u{202f}000 g left</option>"),
        ],
    );
    let loaded = send(&lab, &page, "load", json!({"lot": lot, "slot": 0})).await;
    assert_eq!(loaded.status, 201, "{loaded:?}");
    let page = shown(&lab, MK3).await;
    has(&page, &["Slot 0", &format!("href=\"/materials/{lot}\""), "L-2231", "1\u{202f}000 g left"]);
    let off = send(&lab, &page, "unload-0", json!({})).await;
    assert_eq!(off.status, 200, "{off:?}");
    has(&shown(&lab, MK3).await, &["Nothing is noted as loaded."]);
}

#[tokio::test]
async fn what_is_said_of_a_printer_is_taken_by_the_api_as_the_forms_send_it() {
    let lab = lab().await;
    for (id, fields, shows) in [
        ("maintained", json!({"what": "a new nozzle", "minutes": 20}), "a new nozzle (20 min)"),
        ("calibration", json!({"on": "2020-02-28"}), "overdue: calibrate it"),
        ("qualify", json!({}), "id=\"restrict\""),
        ("restrict", json!({"uses": ["education", "guide"], "why": "worn"}), "only for education, guide"),
        ("withdraw", json!({"why": "it was moved"}), "unqualified"),
    ] {
        let page = shown(&lab, MK3).await;
        let done = send(&lab, &page, id, fields).await;
        assert_eq!(done.status, 200, "{id}: {done:?}");
        has(&shown(&lab, MK3).await, &[shows]);
    }
    // By the clock of the site.
    let page = shown(&lab, MK3).await;
    let planned =
        send(&lab, &page, "plan", json!({"from": "2099-12-01T07:00", "until": "2099-12-01T09:30"})).await;
    assert_eq!(planned.status, 200, "{planned:?}");
    let page = shown(&lab, MK3).await;
    has(&page, &["1 Dec 2099 07:00", "1 Dec 2099 09:30"]);
    let id = forms(&page).into_keys().find(|id| id.starts_with("call-off-")).unwrap();
    let off = send(&lab, &page, &id, json!({})).await;
    assert_eq!(off.status, 200, "{off:?}");
    has(&shown(&lab, MK3).await, &["None is planned."]);
    // Its plate is not configured here, and the form is read all the same.
    let page = shown(&lab, MK3).await;
    let print = send(&lab, &page, "test-print", json!({})).await;
    assert_eq!((print.status, print.problem().as_str()), (422, "no-test-print"));
    assert_eq!(lab.get("/v1/printers/mk3-01/label?stock=62x29&format=pdf").await.status, 200);
    has(&page, &["href=\"/v1/printers/mk3-01/label?stock=62x29&amp;format=pdf\""]);
}

#[tokio::test]
async fn a_phantom_is_measured_on_the_page_and_its_deviations_are_a_chart() {
    let lab = lab().await;
    has(&shown(&lab, MK3).await, &["No phantom was measured.", "There is no template yet"]);
    let item = json!({"name": "length", "unit": "mm", "nominal": 80, "low": 79.5, "high": 80.5,
        "weight": "fail"});
    let template = json!({"by": "kim", "name": "phantom", "method": "visual", "items": [item]});
    let made = lab.post("/v1/templates", &template).await;
    assert_eq!(made.status, 201, "{made:?}");
    has(&shown(&lab, MK3).await, &["href=\"/printers/mk3-01?phantom=phantom#phantom\""]);
    let path = "/printers/mk3-01?phantom=phantom";
    for length in [80.1, 79.9, 80.2] {
        let page = shown(&lab, path).await;
        has(&page, &["length, mm: 79.5 to 80.5", "data-use=\"phantom\" data-items=\"1\""]);
        has(&page, &["name=\"values.0\""]);
        // As phantom.js makes it a list.
        let measured = send(&lab, &page, "measured", json!({"values": [length]})).await;
        assert_eq!(measured.status, 201, "{measured:?}");
        assert_eq!(measured.json()["verdict"], "pass", "{measured:?}");
    }
    let page = shown(&lab, MK3).await;
    has(&page, &["passed", "<title>Phantoms of mk3-01: deviation from nominal</title>", "control-point"]);
}

#[tokio::test]
async fn a_printer_s_page_speaks_german_and_an_unknown_printer_has_none() {
    let lab = lab().await;
    let page = lab.send("GET", MK3, GERMAN, b"").await.body;
    has(&page, &["lang=\"de\"", "Temperaturen", "Bett leer", "Konsole", "Was hier gedruckt wurde"]);
    has_not(&page, &["Bed clear", "What was printed here"]);
    let adding = lab.send("GET", "/commission", GERMAN, b"").await.body;
    has(&adding, &["Drucker hinzufügen", "1. Anschluss finden", "5. Testdruck"]);
    for path in ["/printers/mk3-99", "/printers/%3Cscript%3E"] {
        let missing = lab.get(path).await;
        assert_eq!(missing.status, 404, "{missing:?}");
        has_not(&missing.body, &["<script>"]);
    }
}

#[tokio::test]
async fn the_fields_of_a_new_printer_are_the_keys_that_the_api_takes() {
    let lab = lab().await;
    let page = shown(&lab, "/commission").await;
    let (_, form) = page.split_once("id=\"section\"").unwrap();
    let form = form.split("</form>").next().unwrap();
    let mut body = json!({});
    for tag in form.split('<').filter(|tag| tag.contains(" name=\"") && tag.contains(" data-as=\"")) {
        let of =
            |name: &str| tag.split(&format!(" {name}=\"")).nth(1).map(|rest| rest.split('"').next().unwrap());
        let key = of("name").unwrap();
        body[key] = match (key, of("data-as").unwrap()) {
            ("name", _) => json!("mk3-07"),
            ("port", _) => json!("/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"),
            ("kind", _) => json!("fdm"),
            ("console", _) => json!("read"),
            ("baud", _) => json!(115_200),
            ("firmware", _) => json!("no such firmware"),
            (_, "number") => json!(1),
            (_, "pair") => json!([0, 200]),
            (_, "yes") => json!(true),
            _ => json!("prusa-mk3s"),
        };
    }
    assert!(body.as_object().unwrap().len() > 20, "{body}");
    let told = lab.post("/v1/commissioning/configuration", &body).await;
    assert_eq!(told.status, 200, "{told:?}");
    let told = told.json();
    let wrong: Vec<_> =
        told["mistakes"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    // The last word of its key is the field where it is said.
    assert!(wrong.iter().any(|key| key.ends_with(" firmware")), "{told}");
    for key in body.as_object().unwrap().keys() {
        has(&page, &[&format!("data-of=\"{key}\"")]);
    }
    // Kinds bring what is known of them along.
    has(&page, &["data-settings=\"{&quot;baud&quot;:"]);
}

#[tokio::test]
async fn both_pages_have_each_id_once_and_nothing_inline() {
    let lab = lab().await;
    printing(&lab, 1).await;
    for path in [MK3, "/printers/away", "/commission"] {
        let page = shown(&lab, path).await;
        let mut ids: Vec<_> =
            page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: {ids:?}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        has_not(&page, &[" style=", "<style", " onclick=", "javascript:"]);
    }
    for asset in ["console.js", "commission.js"] {
        let script = lab.get(&format!("/assets/{asset}")).await;
        assert_eq!(script.status, 200, "{asset}");
        has_not(&script.body, &["innerHTML", "insertAdjacentHTML", "eval("]);
    }
}
