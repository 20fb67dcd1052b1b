//! The room of hands: the worklist, the scanner, a printed part with its steps, and its inspection.
//!
//! Forms are filled in as the page's script fills them in: what is fixed in them, and what somebody types.

use crate::support::{Answer, GCODE, NAME, TestLab, lab, lab_of_people, photo, tetrahedron};
use platen::api::quality::shapes::Thousandths;
use platen::domain::event::Actor;
use platen::domain::ids::JobId;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, HoldStep, Prompt, Snapshot};
use platen::domain::quality::inspection::{Item, Measure, Method, Template, Verdict, Weight};
use platen::labels::Scanned;
use serde_json::{Value, json};
use std::sync::Arc;

const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";

/// A case with one part, and what is done with it.
struct Way {
    lab: TestLab,
    case: String,
}

impl Way {
    async fn new() -> Self {
        let lab = lab().await;
        let case = lab.post("/v1/cases", &json!({"intended_use": "diagnostic"})).await;
        let case = case.json()["token"].as_str().unwrap().to_owned();
        let part = lab.post(&format!("/v1/cases/{case}/parts"), &json!({"name": "left hand"})).await;
        assert_eq!(part.status, 201, "{part:?}");
        Self { lab, case }
    }

    fn serial(&self) -> String {
        format!("{}-1-1", self.case)
    }

    fn part(&self) -> String {
        format!("/printed/{}", self.serial())
    }

    async fn done(&self, path: &str, by: &str, mut body: Value) -> Value {
        body["by"] = by.into();
        let answer = self.lab.post(path, &body).await;
        assert!(matches!(answer.status, 200 | 201), "{path} {body}: {answer:?}");
        answer.json()
    }

    async fn shown(&self, path: &str) -> String {
        shown(&self.lab, path).await
    }

    async fn case_step(&self, by: &str, body: Value) {
        self.done(&format!("/v1/cases/{}/steps", self.case), by, body).await;
    }

    /// From nothing to a case in production.
    async fn to_production(&self) {
        let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV",
            "needed_by": "2099-12-24"});
        self.case_step("kim", json!({"is": "described", "about": about})).await;
        let steps = format!("/v1/cases/{}/parts/1/steps", self.case);
        let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
        self.done(&steps, "lee", json!({"is": "described", "about": about})).await;
        for (by, is) in [("kim", "requested"), ("lee", "accepted"), ("lee", "design_begun")] {
            self.case_step(by, json!({"is": is})).await;
        }
        let model = self.lab.send("POST", "/v1/models", "", tetrahedron(1.0).as_bytes()).await;
        let revision = json!({"model": model.json()["model"]});
        self.done(&steps, "lee", json!({"is": "revised", "revision": revision})).await;
        self.case_step("lee", json!({"is": "approval_asked"})).await;
        let shown = self.lab.get(&format!("/v1/cases/{}/to-sign?of=design", self.case)).await;
        let digest = shown.json()["digest"].clone();
        self.case_step("kim", json!({"is": "approved", "digest": digest})).await;
        let made = json!({"is": "production_begun", "process": "mk3-pla", "validated_for": ["diagnostic"]});
        self.case_step("lee", made).await;
    }

    async fn submit(&self, request: Request) {
        self.lab.recorder.submit(request, Actor::Platen).await.unwrap();
    }

    /// A job that was printed to its end on mk3-01, and lies there.
    async fn print(&self) -> JobId {
        let job = self.lab.job(&self.case.parse().unwrap(), Some("mk3-01")).await;
        let file = self.lab.upload(GCODE).await.json();
        let commands = file["commands"].as_u64().unwrap();
        let digest = file["digest"].as_str().unwrap().parse().unwrap();
        let progress = Progress { confirmed: commands, total: commands };
        self.submit(Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() }).await;
        let line = Box::default();
        self.submit(Request::NotePrinted { job: job.clone(), progress, digest, line, millis: 5 }).await;
        job
    }

    async fn template(&self, name: &str, item: &str) {
        let length =
            json!({"name": item, "unit": "mm", "nominal": 10, "low": 9.8, "high": 10.2, "weight": "fail"});
        let wall =
            json!({"name": "wall", "unit": "mm", "nominal": 2, "low": 1.8, "high": 2.2, "weight": "flag"});
        let whole =
            json!({"name": "whole", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
        let template = json!({"name": name, "method": "caliper", "items": [length, wall, whole]});
        self.done("/v1/templates", "pat", template).await;
    }

    async fn instruments(&self) {
        for (name, due) in [("caliper-1", "2099-06-30"), ("caliper-0", "2020-06-30")] {
            let caliper = json!({"name": name, "what": "caliper", "calibration_due": due});
            self.done("/v1/instruments", "mo", caliper).await;
        }
    }

    /// As the inspection's script sends it.
    async fn inspect(&self, length: f64, photos: &[String]) -> Value {
        let measured = json!({"subject": {"of": "part", "serial": self.serial()}, "template": "hand", "version": 1,
            "instrument": "caliper-1", "values": [length, 2.0, 1], "looked_at": [], "photos": photos});
        self.done("/v1/inspections", "ina", measured).await
    }

    /// A lot as it came: its id.
    async fn received(&self, expires: &str) -> String {
        let about = json!({"material": "PLA", "supplier_lot": "L-2231", "received": "2020-01-01",
            "expires": expires, "grams": 1000});
        self.done("/v1/lots", "sam", about).await["id"].as_str().unwrap().to_owned()
    }

    /// A lot that is released: its id.
    async fn lot(&self, expires: &str) -> String {
        let lot = self.received(expires).await;
        self.done(&format!("/v1/lots/{lot}/steps"), "sam", json!({"is": "released"})).await;
        lot
    }
}

async fn shown(lab: &TestLab, path: &str) -> String {
    let page = lab.get(path).await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
    page.body
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A form of a page: where it is sent to, what is fixed in it, and the rest of it.
struct Form {
    to: String,
    fixed: Value,
    sign: Option<String>,
    sign_at: Option<String>,
    inside: String,
}

/// The form with this id; nothing where the page has none.
fn form(page: &str, id: &str) -> Option<Form> {
    let start = page.find(&format!("<form class=\"sends\" id=\"{id}\""))?;
    let whole = page[start..].split("</form>").next().unwrap();
    let (head, inside) = whole.split_once('>').unwrap();
    let attribute = |name: &str| {
        let (_, after) = head.split_once(&format!(" {name}=\""))?;
        Some(unescaped(after.split('"').next().unwrap()))
    };
    Some(Form {
        to: attribute("data-send").unwrap(),
        fixed: attribute("data-fixed")
            .map_or_else(|| json!({}), |fixed| serde_json::from_str(&fixed).unwrap()),
        sign: attribute("data-sign"),
        sign_at: attribute("data-sign-at"),
        inside: inside.to_owned(),
    })
}

fn put(body: &mut Value, name: &str, value: Value) {
    let mut at = body;
    let (path, last) = name.rsplit_once('.').map_or((None, name), |(path, last)| (Some(path), last));
    for step in path.into_iter().flat_map(|path| path.split('.')) {
        at = &mut at[step];
    }
    at[last] = value;
}

/// Fills in and sends a form as `send.js` does: each field that is filled in has to be there.
async fn send(lab: &TestLab, page: &str, id: &str, by: &str, fields: &[(&str, Value)]) -> Answer {
    let form = form(page, id).unwrap_or_else(|| panic!("no form {id} in {page}"));
    let mut body = form.fixed;
    for (name, value) in fields {
        assert!(
            form.inside.contains(&format!("name=\"{name}\"")),
            "{id} has no field {name}: {}",
            form.inside
        );
        put(&mut body, name, value.clone());
    }
    body["by"] = by.into();
    if let Some(sign) = form.sign {
        let digest = lab.get(&sign).await.json()["digest"].clone();
        put(&mut body, form.sign_at.as_deref().unwrap_or("digest"), digest);
    }
    let (method, path) = form.to.split_once(' ').unwrap();
    assert_eq!(method, "POST");
    lab.post(path, &body).await
}

async fn sent(lab: &TestLab, page: &str, id: &str, by: &str, fields: &[(&str, Value)]) {
    let answer = send(lab, page, id, by, fields).await;
    assert!(matches!(answer.status, 200 | 201), "{id}: {answer:?}");
}

#[tokio::test]
async fn an_empty_worklist_says_so_and_still_takes_a_scan() {
    let lab = lab().await;
    let page = shown(&lab, "/hands").await;
    assert!(page.contains("Nothing needs hands now.") && page.contains("href=\"/queue\""), "{page}");
    assert!(page.contains("id=\"scan-code\"") && page.contains("autofocus"), "{page}");
    // What is scanned may be a wristband: without the script it is not sent anywhere.
    assert!(page.contains("id=\"scan\" method=\"dialog\""), "{page}");
    for script in ["scan", "inspect", "photo", "verdict"] {
        assert_eq!(lab.get(&format!("/assets/{script}.js")).await.status, 200, "{script}");
    }
}

#[tokio::test]
async fn a_part_goes_through_the_worklist_from_the_bed_to_whoever_gets_it() {
    let way = Way::new().await;
    way.to_production().await;
    way.template("hand", "length").await;
    way.instruments().await;
    way.print().await;
    let (lab, row) = (&way.lab, format!("id=\"part-{}\"", way.serial()));

    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"bed-mk3-01\"") && page.contains("left hand"), "{page}");
    assert!(!page.contains(&row), "it is on the bed still: {page}");
    sent(lab, &page, "clear-mk3-01", "oli", &[]).await;

    let page = way.shown("/hands").await;
    assert!(!page.contains("id=\"bed-mk3-01\"") && page.contains("id=\"hands-process\""), "{page}");
    assert!(page.contains(&row) && page.contains(&format!("href=\"{}\"", way.part())), "{page}");
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-revision_attested", "lee", &[("revision", json!(1))]).await;
    let step = [
        ("processing.kind", json!("wash")),
        ("processing.recipe", json!("IPA 99 %, two baths")),
        ("processing.equipment", json!("Wash 2")),
        ("processing.minutes", json!(10)),
    ];
    sent(lab, &page, "do-processed", "oli", &step).await;
    let page = way.shown(&way.part()).await;
    assert!(page.contains("IPA 99 %, two baths, Wash 2, 10 min"), "{page}");
    assert!(form(&page, "do-revision_attested").is_none(), "it is known now");
    sent(lab, &page, "do-sent_to_inspection", "oli", &[]).await;

    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"hands-inspect\"") && !page.contains("id=\"hands-process\""), "{page}");
    assert!(page.contains(&format!("href=\"{}/inspect\"", way.part())), "{page}");
    let kept = lab.send("POST", "/v1/photos", "", &photo(6, NAME)).await.json();
    way.inspect(10.0, &[kept["photo"].as_str().unwrap().to_owned()]).await;
    let page = way.shown(&way.part()).await;
    assert!(page.contains(&format!("src=\"/v1/photos/{}\"", kept["photo"].as_str().unwrap())), "{page}");
    sent(lab, &page, "do-accepted", "ina", &[]).await;

    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"hands-release\"") && page.contains("not in quality control yet"), "{page}");
    assert!(form(&way.shown(&way.part()).await, "do-released").is_none(), "the case is not in QC yet");
    way.case_step("lee", json!({"is": "qc_begun"})).await;
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-released", "pat", &[]).await;
    assert!(way.shown(&way.part()).await.contains("Signed, released: pat"));

    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"hands-hand-out\""), "{page}");
    sent(lab, &page, &format!("next-{}", way.serial()), "lee", &[]).await;
    let page = way.shown("/hands").await;
    assert!(page.contains("Its case is not released yet"), "{page}");
    let digest = lab.get(&format!("/v1/cases/{}/to-sign?of=case", way.case)).await.json()["digest"].clone();
    way.case_step("pat", json!({"is": "released", "digest": digest})).await;
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-handed_over", "lee", &[("cycle", json!("autoclave 12"))]).await;
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-delivered", "lee", &[("to", json!("cardiac surgery"))]).await;
    assert!(!way.shown("/hands").await.contains(&row));
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-recalled", "pat", &[("why", json!("a crack was found"))]).await;
    assert!(way.shown("/hands").await.contains("id=\"hands-decide\""));
}

#[tokio::test]
async fn what_is_rejected_is_reported_decided_and_closed_on_its_page() {
    let way = Way::new().await;
    way.to_production().await;
    way.template("hand", "length").await;
    way.instruments().await;
    way.print().await;
    let lab = &way.lab;
    sent(lab, &way.shown("/hands").await, "clear-mk3-01", "oli", &[]).await;
    let page = way.shown(&way.part()).await;
    sent(lab, &page, "do-processed", "oli", &[("processing.kind", json!("removal"))]).await;
    sent(lab, &way.shown(&way.part()).await, "do-sent_to_inspection", "oli", &[]).await;
    way.inspect(11.0, &[]).await;
    let page = way.shown(&way.part()).await;
    assert!(form(&page, "do-accepted").is_none(), "it did not pass");
    sent(lab, &page, "do-rejected", "ina", &[("why", json!("too long"))]).await;
    let page = way.shown(&way.part()).await;
    assert!(
        way.shown("/hands").await.contains("id=\"hands-decide\"") && page.contains(">too long<"),
        "{page}"
    );
    let about =
        [("cause", json!("dimension")), ("severity", json!("minor")), ("what", json!("1 mm too long"))];
    sent(lab, &page, "do-report", "ina", &about).await;

    let found = lab.get("/v1/nonconformances").await.json();
    let id = found[0]["id"].as_str().unwrap().to_owned();
    let page = way.shown(&way.part()).await;
    assert!(page.contains("1 mm too long") && form(&page, &format!("close-{id}")).is_none(), "{page}");
    sent(lab, &page, &format!("as-is-{id}"), "pat", &[("why", json!("it fits"))]).await;
    let page = way.shown(&way.part()).await;
    assert!(form(&page, &format!("decide-{id}")).is_none(), "{page}");
    sent(lab, &page, &format!("close-{id}"), "pat", &[("capa", json!("CAPA 12"))]).await;
    let part = lab.get(&format!("/v1/printed/{}", way.serial())).await.json();
    assert_eq!(
        (&part["state"], &part["nonconformances"][0]["state"]),
        (&json!("accepted"), &json!("closed"))
    );

    // Another one is reworked.
    sent(lab, &page, "do-quarantined", "ina", &[("why", json!("it fell down"))]).await;
    let page = way.shown(&way.part()).await;
    assert!(page.contains(">it fell down (accepted before)<"), "{page}");
    sent(lab, &page, "do-quarantine_lifted", "pat", &[("why", json!("nothing is broken"))]).await;
    let page = way.shown(&way.part()).await;
    assert!(page.contains("It was in quarantine"), "the doubt: {page}");
    sent(lab, &page, "do-report", "ina", &about).await;
    let found = lab.get("/v1/nonconformances?state=open").await.json();
    let id = found[0]["id"].as_str().unwrap().to_owned();
    let page = way.shown(&way.part()).await;
    let decision = [("decision.disposition", json!("reprint")), ("why", json!("too long"))];
    sent(lab, &page, &format!("decide-{id}"), "pat", &decision).await;
    let page = way.shown(&way.part()).await;
    assert!(page.contains(&format!("/printed/{}-1-2", way.case)), "the attempt in its place: {page}");
    assert!(page.contains("There is no piece of it that a label could be put on."), "{page}");
}

#[tokio::test]
async fn a_scan_says_what_the_label_is_of_and_wrong_ones_are_told_apart() {
    let way = Way::new().await;
    way.print().await;
    let lot = way.lot("2099-06-30").await;
    let scan = async |code: &str| way.lab.post("/v1/scans", &json!({"code": code})).await;
    let lots = Scanned::Lot(lot.parse().unwrap()).code();
    let groups: Vec<String> = [0, 4, 8, 12].iter().map(|at| lot[*at..at + 4].to_uppercase()).collect();
    let (serial, printer) = (way.serial(), Scanned::Printer("mk3-01".parse().unwrap()).code());
    for (code, kind, name) in [
        (printer.clone(), "printer", "mk3-01"),
        ("MK3-01".into(), "printer", "mk3-01"),
        (lots.clone(), "lot", lot.as_str()),
        (groups.join(" "), "lot", lot.as_str()),
        (Scanned::Part(serial.parse().unwrap()).code(), "part", serial.as_str()),
        (serial.to_uppercase(), "part", serial.as_str()),
    ] {
        let answer = scan(&code).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"kind": kind, "name": name})), "{code}");
    }
    let nobody = Scanned::Lot("0123456789abcdef".parse().unwrap()).code();
    let nemo = Scanned::Printer("nemo".parse().unwrap()).code();
    let none = format!("{}-1-7", way.case);
    for (code, status, problem) in [
        (NAME, 422, "not-our-label"),
        ("4006381333931", 422, "not-our-label"),
        ("https://example.org/label", 422, "not-our-label"),
        (&lots.replace("LOT:", "LOT:1"), 422, "misread-label"),
        (&printer.replace(':', "Ö"), 422, "misread-label"),
        (&nobody, 404, "no-such-thing"),
        (&none, 404, "no-such-thing"),
        (&nemo, 404, "no-such-printer"),
    ] {
        let answer = scan(code).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{code}: {answer:?}");
        assert!(!answer.body.contains(NAME) && !answer.body.contains("example.org"), "{answer:?}");
    }
    let before = way.lab.recorder.read(|lab| lab.counters.seq);
    scan(&lots).await;
    assert_eq!(way.lab.recorder.read(|lab| lab.counters.seq), before, "a look changes nothing");
}

#[tokio::test]
async fn at_a_printer_a_lot_is_loaded_and_taken_off_and_one_that_is_not_good_is_a_row() {
    let way = Way::new().await;
    let (good, old) = (way.lot("2099-06-30").await, way.received("2020-06-30").await);
    let page = way.shown("/hands?printer=mk3-01").await;
    let code = Scanned::Printer("mk3-01".parse().unwrap()).code();
    assert!(
        page.contains(&format!("data-code=\"{code}\"")) && page.contains("data-printer=\"mk3-01\""),
        "{page}"
    );
    assert!(page.contains("Now scan the lot for mk3-01.") && page.contains("Nothing is noted as loaded."));
    // As the scanner's script asks for it.
    for (lot, slot) in [(&good, 0), (&old, 1)] {
        let lot = Scanned::Lot(lot.parse().unwrap()).code();
        way.done("/v1/loads", "oli", json!({"printer": code, "lot": lot, "slot": slot})).await;
    }
    let page = way.shown("/hands?printer=mk3-01").await;
    assert!(page.contains(&format!("data-lot=\"{good}\"")) && page.contains("1\u{202f}000 g left"), "{page}");
    assert!(page.contains("may not be used: it is in quarantine"), "{page}");
    assert!(page.contains("expired on 2020-06-30"), "{page}");
    assert!(page.contains("value=\"2\" checked"), "the first slot that is free: {page}");
    let loads = way.lab.get("/v1/printers/mk3-01/loads").await.json();
    sent(&way.lab, &page, &format!("unload-{}", loads[1]["number"]), "oli", &[]).await;
    let page = way.shown("/hands?printer=mk3-01").await;
    assert!(!page.contains("may not be used"), "{page}");
    assert_eq!(way.lab.get("/hands?printer=nemo").await.status, 404);
    assert_eq!(way.lab.get("/hands?printer=%3Cscript%3E").await.status, 404);
}

#[tokio::test]
async fn a_job_that_lacks_only_its_material_says_where_to_load_it() {
    let way = Way::new().await;
    way.done("/v1/site-rules", "pat", json!({"lots": true})).await;
    let job = way.lab.job(&way.case.parse().unwrap(), Some("mk3-02")).await;
    let row = format!("id=\"load-for-{job}\"");
    let page = way.shown("/hands").await;
    assert!(page.contains(&row) && page.contains("Load PLA for case"), "{page}");
    assert!(page.contains("href=\"/hands?printer=mk3-02\""), "{page}");
    let lot = way.lot("2099-06-30").await;
    way.done("/v1/printers/mk3-02/loads", "oli", json!({"lot": lot, "slot": 0})).await;
    assert!(!way.shown("/hands").await.contains(&row));
}

#[tokio::test]
async fn a_locked_printer_one_that_asks_and_one_that_is_ready_for_a_person_are_rows() {
    let way = Way::new().await;
    let lab = &way.lab;
    way.submit(Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "kim".into() }).await;
    lab.boards["mk3-02"].send_modify(|snapshot| {
        let mut open = Snapshot::clone(snapshot);
        open.unprotected = true;
        *snapshot = Arc::new(open);
    });
    let job = lab.job(&way.case.parse().unwrap(), Some("mk3-02")).await;
    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"locked-mk3-01\"") && page.contains("topped by kim"), "{page}");
    assert!(page.contains("Have you looked at mk3-01"), "{page}");
    sent(lab, &page, "unlock-mk3-01", "kim", &[]).await;
    assert!(page.contains("Begin, I am at mk3-02"), "{page}");
    sent(lab, &page, &format!("begin-mk3-02-{job}"), "kim", &[]).await;
    let released = lab.recorder.read(|lab| lab.jobs[&job].released.clone()).unwrap();
    assert_eq!(released.by, "kim");
    let page = way.shown("/hands").await;
    assert!(!page.contains("id=\"locked-mk3-01\""), "{page}");

    lab.boards["mk3-01"].send_modify(|snapshot| {
        let mut asking = Snapshot::clone(snapshot);
        asking.hold.prompt = Some(Prompt { text: HOSTILE.into(), buttons: vec!["Purge".into()] });
        asking.hold.step = Some(HoldStep::WaitsForPerson);
        asking.activity = Activity::Ready;
        *snapshot = Arc::new(asking);
    });
    let page = way.shown("/hands").await;
    assert!(page.contains("id=\"asks-mk3-01\"") && page.contains("href=\"/printers/mk3-01\""), "{page}");
    assert!(page.contains("&lt;script&gt;alert(") && !page.contains("<script>alert"), "{page}");
}

#[tokio::test]
async fn a_printer_that_was_made_ready_is_a_row_until_it_is_not() {
    let way = Way::new().await;
    let job = way.lab.job(&way.case.parse().unwrap(), None).await;
    way.done(&format!("/v1/queue/{job}"), "kim", json!({"prepared": "mk3-02"})).await;
    let page = way.shown("/hands").await;
    assert!(page.contains(&format!("id=\"prepared-{job}\"")), "{page}");
    sent(&way.lab, &page, &format!("unprepare-{job}"), "kim", &[]).await;
    assert!(!way.shown("/hands").await.contains(&format!("id=\"prepared-{job}\"")));
}

#[tokio::test]
async fn an_inspection_shows_what_to_measure_with_its_limits_and_warns_of_an_instrument_that_is_due() {
    let way = Way::new().await;
    way.to_production().await;
    way.print().await;
    let path = format!("{}/inspect", way.part());
    let page = way.shown(&path).await;
    assert!(page.contains("It is not the time to inspect it"), "{page}");
    let lab = &way.lab;
    sent(lab, &way.shown("/hands").await, "clear-mk3-01", "oli", &[]).await;
    let step = [("processing.kind", json!("removal")), ("processing.recipe", json!(HOSTILE))];
    sent(lab, &way.shown(&way.part()).await, "do-processed", "oli", &step).await;
    sent(lab, &way.shown(&way.part()).await, "do-sent_to_inspection", "oli", &[]).await;
    let page = way.shown(&path).await;
    assert!(page.contains("There is no template that says what to measure."), "{page}");

    way.template("hand", "length <b>x</b>").await;
    let none = "no-instrument";
    let page = way.shown(&path).await;
    assert!(page.contains(none) && page.contains("/settings#instruments"), "{page}");
    way.instruments().await;
    let page = way.shown(&path).await;
    assert!(!page.contains(none), "{page}");
    assert!(page.contains("data-low=\"9800\" data-high=\"10200\" data-nominal=\"10000\""), "{page}");
    assert!(page.contains("9.8 to 10.2 mm") && page.contains("must be good"), "{page}");
    assert!(page.contains("length &lt;b&gt;x") && !page.contains("<b>x"), "{page}");
    assert!(page.contains("value=\"caliper-0\" data-late"), "{page}");
    assert!(page.contains("value=\"caliper-1\" selected"), "the only good one: {page}");
    assert!(page.contains("capture=\"environment\"") && page.contains("data-max=\"3\""), "{page}");
    // Another content is the next version, and both can be chosen.
    way.template("hand", "width").await;
    let page = way.shown(&path).await;
    assert!(page.contains("data-version=\"2\"") && page.contains("template=hand&amp;version=1"), "{page}");
    let old = way.shown(&format!("{path}?template=hand&version=1")).await;
    assert!(old.contains("data-version=\"1\""), "{old}");
    way.template("heart", "wall").await;
    let page = way.shown(&path).await;
    assert!(page.contains("By which template?") && !page.contains("id=\"inspection\""), "{page}");
    let page = way.shown(&way.part()).await;
    assert!(page.contains("&lt;script&gt;alert(") && !page.contains("<script>alert"), "{page}");
    let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    assert!(!title.contains("alert") && !title.contains(&way.case), "{title}");
}

#[tokio::test]
async fn the_room_speaks_german() {
    let way = Way::new().await;
    way.to_production().await;
    way.template("hand", "length").await;
    way.print().await;
    let german = async |path: &str| {
        let page = way.lab.send("GET", path, "Cookie: platen-language=de\r\n", b"").await;
        assert_eq!(page.status, 200, "{page:?}");
        page.body
    };
    let page = german("/hands").await;
    for text in ["<h1>Handgriffe</h1>", "Druckbett räumen", "Das Bett ist leer", "Etikett scannen", "Fall "]
    {
        assert!(page.contains(text), "{text} in {page}");
    }
    sent(&way.lab, &page, "clear-mk3-01", "oli", &[]).await;
    let page = german(&way.part()).await;
    for text in ["Woher es kommt", "Schritt vermerken", "gewaschen", "gedruckt", "Drucken, 62 × 29 mm"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    sent(&way.lab, &page, "do-processed", "oli", &[("processing.kind", json!("dry"))]).await;
    sent(&way.lab, &german(&way.part()).await, "do-sent_to_inspection", "oli", &[]).await;
    let page = german(&format!("{}/inspect", way.part())).await;
    assert!(page.contains("9,8 bis 10,2 mm") && page.contains("Speichern und annehmen"), "{page}");
}

#[tokio::test]
async fn people_s_words_stay_and_the_states_beside_them_are_german() {
    let way = Way::new().await;
    way.to_production().await;
    way.print().await;
    // Words of somebody that are also some of ours.
    let apart = json!({"is": "quarantined", "why": "wrong file"});
    way.done(&format!("/v1/printed/{}/steps", way.serial()), "ina", apart).await;
    for path in [way.part(), format!("/cases/{}", way.case)] {
        let page = way.lab.send("GET", &path, "Accept-Language: de\r\n", b"").await.body;
        assert!(page.contains("wrong file (zuvor "), "{path}: {page}");
        assert!(!page.contains("falsche Datei</p>") && !page.contains("before)"), "{path}: {page}");
    }
}

#[tokio::test]
async fn each_role_has_only_its_own_buttons() {
    let lab = lab_of_people("ada", "notes on the engine").await;
    let ada = signed_in(&lab, "ada", "notes on the engine").await;
    let mut cookies = Vec::new();
    for role in ["operator", "auditor"] {
        let (first, own) = (format!("{role} first words"), format!("{role} own words"));
        let new = json!({"name": role, "printed": role, "roles": [role], "password": first});
        assert_eq!(posted(&lab, &ada, "/v1/users", &new).await.status, 201);
        let cookie = signed_in(&lab, role, &first).await;
        let change = json!({"old": first, "new": own});
        assert_eq!(posted(&lab, &cookie, "/v1/session/password", &change).await.status, 200);
        cookies.push(cookie);
    }
    let note = Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(note, Actor::Platen).await.unwrap();
    let (operator, auditor) = (&cookies[0], &cookies[1]);
    let page = lab.send("GET", "/hands?printer=mk3-01", operator, b"").await.body;
    assert!(form(&page, "unlock-mk3-01").is_some() && page.contains("data-may-load"), "{page}");
    let page = lab.send("GET", "/hands?printer=mk3-01", auditor, b"").await.body;
    assert!(page.contains("id=\"locked-mk3-01\""), "to be read: {page}");
    assert!(form(&page, "unlock-mk3-01").is_none() && !page.contains("data-may-load"), "{page}");
    assert!(!page.contains("name=\"load-slot\""), "{page}");
    let inspect = lab.send("GET", "/printed/000000000000q-1-1/inspect", auditor, b"").await;
    assert_ne!(inspect.status, 200, "{inspect:?}");
}

async fn signed_in(lab: &TestLab, name: &str, password: &str) -> String {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
}

async fn posted(lab: &TestLab, cookie: &str, path: &str, body: &Value) -> Answer {
    let headers = format!("Content-Type: application/json\r\n{cookie}");
    lab.send("POST", path, &headers, body.to_string().as_bytes()).await
}

/// `assets/verdict.js` is held to the same table by the tests in a browser.
#[test]
fn the_table_of_verdicts_that_the_page_is_held_to_is_the_domain_s() {
    let table = include_str!("../browser/verdicts.json");
    let table: Value = serde_json::from_str(table).unwrap();
    let int = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
    for row in table["values"].as_array().unwrap() {
        let (item, typed) = (&row["item"], row["typed"].as_str().unwrap());
        let item = Item {
            name: "x".parse().unwrap(),
            unit: Measure::Mm,
            nominal: 0,
            low: int(&item["low"]),
            high: int(&item["high"]),
            weight: serde_json::from_value(item["weight"].clone()).unwrap(),
        };
        let text = typed.trim().replace(',', ".");
        let value = (!text.is_empty()).then(|| text.parse::<f64>().unwrap());
        let value = value.map(|value| Thousandths::try_from(value).unwrap().0);
        assert_eq!(item.judge(value).word(), row["verdict"], "{row}");
    }
    let flag = |verdict: &str| match verdict {
        "pass" => (Weight::Fail, Some(0)),
        "flag" => (Weight::Flag, Some(9)),
        "incomplete" => (Weight::Fail, None),
        _ => (Weight::Fail, Some(9)),
    };
    for row in table["wholes"].as_array().unwrap() {
        let all: Vec<_> =
            row["of"].as_array().unwrap().iter().map(|verdict| flag(verdict.as_str().unwrap())).collect();
        let item = |weight| Item {
            name: "x".parse().unwrap(),
            unit: Measure::Mm,
            nominal: 0,
            low: 0,
            high: 0,
            weight,
        };
        let items = all.iter().map(|(weight, _)| item(*weight)).collect();
        let template = Template { name: "x".parse().unwrap(), version: 1, method: Method::Visual, items };
        let values: Vec<_> = all.iter().map(|(_, value)| *value).collect();
        let (_, whole): (_, Verdict) = template.judge(&values);
        assert_eq!(whole.word(), row["whole"], "{row}");
    }
}
