//! The quality half over HTTP: a case from the wish to the file, and each step that is not by the rules with its reason.
//!
//! With the command line and on simulated printers it is in `tests/daemon/quality.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::labels::Scanned;
use serde_json::{Value, json};

use support::{Answer, GCODE, NAME, TestLab, lab, photo, tetrahedron};

struct Way {
    lab: TestLab,
    case: CaseToken,
}

impl Way {
    /// A case with one part, of which nothing is said.
    async fn new() -> Self {
        let lab = lab().await;
        let case = lab.post("/v1/cases", &json!({"intended_use": "diagnostic"})).await;
        let token = case.json()["token"].as_str().unwrap().to_owned();
        let part = lab.post(&format!("/v1/cases/{token}/parts"), &json!({"name": "left hand"})).await;
        assert_eq!(part.status, 201, "{part:?}");
        Self { lab, case: token.parse().unwrap() }
    }

    async fn ask(&self, path: &str, by: &str, mut body: Value) -> Answer {
        body["by"] = by.into();
        self.lab.post(path, &body).await
    }

    /// The same, which must succeed.
    async fn done(&self, path: &str, by: &str, body: Value) -> Value {
        let shown = body.to_string();
        let answer = self.ask(path, by, body).await;
        assert!(answer.status == 200 || answer.status == 201, "{path} {shown}: {answer:?}");
        if answer.status == 201 {
            let place = answer.header("location").unwrap_or_else(|| panic!("no Location: {answer:?}"));
            assert_eq!(self.lab.get(place).await.status, 200, "{place}");
        }
        answer.json()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.lab.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    fn at(&self, below: &str) -> String {
        format!("/v1/cases/{}/{below}", self.case)
    }

    fn serial(&self, attempt: u32) -> String {
        format!("{}-1-{attempt}", self.case)
    }

    async fn case_step(&self, by: &str, body: Value) -> Value {
        self.done(&self.at("steps"), by, body).await
    }

    async fn part_step(&self, attempt: u32, by: &str, body: Value) -> Value {
        self.done(&format!("/v1/printed/{}/steps", self.serial(attempt)), by, body).await
    }

    async fn describe(&self) {
        let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV", "needed_by": "2099-12-24"});
        self.case_step("kim", json!({"is": "described", "about": about})).await;
        let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
        self.done(&self.at("parts/1/steps"), "lee", json!({"is": "described", "about": about})).await;
    }

    async fn revise(&self, factor: f64) -> Value {
        let model = self.lab.send("POST", "/v1/models", "", tetrahedron(factor).as_bytes()).await;
        assert_eq!(model.status, 201, "{model:?}");
        let revision = json!({"model": model.json()["model"]});
        self.done(&self.at("parts/1/steps"), "lee", json!({"is": "revised", "revision": revision})).await
    }

    async fn digest(&self, path: &str) -> Value {
        self.get(path).await["digest"].clone()
    }

    /// From nothing to a case that waits for its approval.
    async fn to_approval(&self) {
        self.describe().await;
        for (by, is) in [("kim", "requested"), ("lee", "accepted"), ("lee", "design_begun")] {
            self.case_step(by, json!({"is": is})).await;
        }
        self.revise(1.0).await;
        self.case_step("lee", json!({"is": "approval_asked"})).await;
    }

    /// The same to a case in production.
    async fn to_production(&self) {
        self.to_approval().await;
        let digest = self.digest(&self.at("to-sign?of=design")).await;
        self.case_step("kim", json!({"is": "approved", "digest": digest})).await;
        let made = json!({"is": "production_begun", "process": "mk3-pla", "validated_for": ["diagnostic"]});
        self.case_step("lee", made).await;
    }

    /// A job that has begun on a printer, and is printed to its end.
    async fn print(&self) -> String {
        let job = self.lab.job(&self.case, Some("mk3-01")).await;
        let (digest, commands) = {
            let file = self.lab.upload(GCODE).await.json();
            (file["digest"].as_str().unwrap().parse().unwrap(), file["commands"].as_u64().unwrap())
        };
        let printer = "mk3-01".parse().unwrap();
        let progress = Progress { confirmed: commands, total: commands };
        let recorder = &self.lab.recorder;
        for request in [
            Request::StartJob { job: job.clone(), printer },
            Request::NotePrinted { job: job.clone(), progress, digest, line: Box::default(), millis: 5 },
        ] {
            recorder.submit(request, Actor::Platen).await.unwrap();
        }
        let clear = Request::ClearBed { printer: "mk3-01".parse().unwrap(), by: "oli".into() };
        recorder.submit(clear, Actor::Person("oli".into())).await.unwrap();
        job.to_string()
    }

    /// What is measured, and with what.
    async fn template(&self) {
        let item = json!({"name": "length", "unit": "mm", "nominal": 10, "low": 9.8, "high": 10.2, "weight": "fail"});
        let wall =
            json!({"name": "wall", "unit": "mm", "nominal": 2, "low": 1.8, "high": 2.2, "weight": "flag"});
        let template = json!({"name": "hand", "method": "caliper", "items": [item, wall]});
        self.done("/v1/templates", "pat", template).await;
        let caliper = json!({"name": "caliper-1", "what": "caliper", "calibration_due": "2099-06-30"});
        self.done("/v1/instruments", "mo", caliper).await;
    }

    /// Measures a printed part: the inspection.
    async fn inspect(&self, attempt: u32, length: f64, looked_at: &[&str]) -> Value {
        let subject = json!({"of": "part", "serial": self.serial(attempt)});
        let measured = json!({"subject": subject, "template": "hand", "instrument": "caliper-1",
            "values": [length, 2.0], "looked_at": looked_at});
        self.done("/v1/inspections", "ina", measured).await
    }

    /// A printed part that is processed and waits for its inspection.
    async fn to_inspection(&self, attempt: u32) {
        self.part_step(attempt, "lee", json!({"is": "revision_attested", "revision": 1})).await;
        let processing = json!({"kind": "removal", "minutes": 5});
        self.part_step(attempt, "oli", json!({"is": "processed", "processing": processing})).await;
        self.part_step(attempt, "oli", json!({"is": "sent_to_inspection"})).await;
    }

    async fn accept(&self, attempt: u32) {
        let inspection = self.inspect(attempt, 10.0, &[]).await;
        self.part_step(attempt, "ina", json!({"is": "accepted", "inspection": inspection["id"]})).await;
    }

    async fn release_part(&self, attempt: u32) {
        let path = format!("/v1/printed/{}/to-sign", self.serial(attempt));
        let digest = self.digest(&path).await;
        self.part_step(attempt, "pat", json!({"is": "released", "digest": digest})).await;
    }

    /// From production to a released case with one printed part.
    async fn to_release(&self) {
        self.template().await;
        self.print().await;
        self.to_inspection(1).await;
        self.accept(1).await;
        self.case_step("lee", json!({"is": "qc_begun"})).await;
        self.release_part(1).await;
        let digest = self.digest(&self.at("to-sign?of=case")).await;
        self.case_step("pat", json!({"is": "released", "digest": digest})).await;
    }

    /// A lot that is released and loaded: its id.
    async fn lot(&self, expires: &str) -> String {
        let about = json!({"material": "PLA", "supplier_lot": "L-2231", "received": "2020-01-01",
            "expires": expires, "grams": 1000});
        let lot = self.done("/v1/lots", "sam", about).await;
        lot["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_printed_part_has_its_label_as_svg_and_as_pdf_without_a_word_of_anybody_s() {
    let way = Way::new().await;
    way.to_production().await;
    way.print().await;
    way.part_step(1, "lee", json!({"is": "revision_attested", "revision": 1})).await;
    let at = |more: &str| format!("/v1/printed/{}/label{more}", way.serial(1));
    let svg = way.lab.get(&at("")).await;
    assert_eq!((svg.status, svg.header("content-type")), (200, Some("image/svg+xml")), "{svg:?}");
    for words in ["width=\"62mm\"", "PART 1  REV 1  LEFT", "ATTEMPT 1  MADE ", "NON-STERILE"] {
        assert!(svg.body.contains(words), "{words} in {}", svg.body);
    }
    let groups: String = way.case.as_str().to_uppercase().chars().take(4).collect();
    assert!(svg.body.contains(&groups) && !svg.body.contains("left hand"), "{}", svg.body);
    assert!(!svg.body.contains("NON-DIAGNOSTIC"), "it is made with a process for its use: {}", svg.body);
    let pdf = way.lab.get(&at("?stock=100x50&format=pdf")).await;
    assert_eq!((pdf.status, pdf.header("content-type")), (200, Some("application/pdf")));
    assert!(pdf.body.starts_with("%PDF-"), "{}", pdf.body);
    refused(&way.lab.get(&at("?stock=10x10")).await, 400, "unreadable-request", "62x29");
    let nothing = way.lab.get(&format!("/v1/printed/{}/label", way.serial(7))).await;
    refused(&nothing, 404, "no-such-thing", "no printed part");
}

#[tokio::test]
async fn a_lot_and_a_printer_have_their_labels_as_svg_and_as_pdf_and_what_looks_like_a_patient_s_is_on_none()
{
    let way = Way::new().await;
    let lot = way.lot("2099-06-30").await;
    way.done(&format!("/v1/lots/{lot}/steps"), "sam", json!({"is": "opened", "on": "2026-11-29"})).await;
    let svg = way.lab.get(&format!("/v1/lots/{lot}/label")).await;
    assert_eq!((svg.status, svg.header("content-type")), (200, Some("image/svg+xml")), "{svg:?}");
    assert_eq!(
        svg.header("content-disposition"),
        Some(format!("inline; filename=\"label-{lot}.svg\"").as_str())
    );
    let group = lot[..4].to_uppercase();
    for words in
        ["width=\"62mm\"", &group, ">PLA<", "MAKER'S L-2231", "USE BY 2099-06-30", "OPENED 2026-11-29"]
    {
        assert!(svg.body.contains(words), "{words} in {}", svg.body);
    }
    let odd = json!({"material": "resin for Mrs. Smith", "supplier_lot": "MRN 4711081", "received": "2020-01-01",
        "expires": "2099-06-30", "open_days": 30, "grams": 1000});
    let odd = way.done("/v1/lots", "sam", odd).await;
    let svg = way.lab.get(&format!("/v1/lots/{}/label?stock=100x50", odd["id"].as_str().unwrap())).await;
    assert!(
        svg.body.contains("words that may say who") && svg.body.contains("width=\"100mm\""),
        "{}",
        svg.body
    );
    assert!(!svg.body.contains("Smith") && !svg.body.contains("4711081"), "{}", svg.body);
    let printer = way.lab.get("/v1/printers/mk3-01/label").await;
    assert!(printer.status == 200 && printer.body.contains(">mk3-01</text>"), "{printer:?}");
    for path in [format!("/v1/lots/{lot}/label"), "/v1/printers/away/label".into()] {
        let pdf = way.lab.get(&format!("{path}?stock=100x50&format=pdf")).await;
        assert_eq!((pdf.status, pdf.header("content-type")), (200, Some("application/pdf")));
        assert!(pdf.body.starts_with("%PDF-"), "{}", pdf.body);
        refused(&way.lab.get(&format!("{path}?format=png")).await, 400, "unreadable-request", "svg");
    }
    refused(&way.lab.get("/v1/lots/0000000000000000/label").await, 404, "no-such-thing", "there is no lot");
    refused(&way.lab.get("/v1/printers/nemo/label").await, 404, "no-such-printer", "known printers: ");
}

#[tokio::test]
async fn a_lot_is_loaded_by_the_codes_of_the_labels_and_each_wrong_scan_says_what_it_is() {
    let way = Way::new().await;
    let (lot, other) = (way.lot("2099-06-30").await, way.lot("2099-07-31").await);
    let code_of_lot = |lot: &str| Scanned::Lot(lot.parse().unwrap()).code();
    let code_of_printer = |name: &str| Scanned::Printer(name.parse().unwrap()).code();
    let scan = async |printer: &str, lot: &str, slot: u8| {
        way.ask("/v1/loads", "oli", json!({"printer": printer, "lot": lot, "slot": slot})).await
    };
    let (printer, good, nobody) =
        (code_of_printer("mk3-01"), code_of_lot(&lot), code_of_lot("0123456789abcdef"));
    let (printer, good, nobody) = (printer.as_str(), good.as_str(), nobody.as_str());
    let (serial, nemo) = (way.serial(1), code_of_printer("nemo"));
    let part = Scanned::Part(serial.parse().unwrap()).code();
    let part = part.as_str();
    let misread = good.replace("LOT:", "LOT:1");
    let printers = "and a printer's is wanted; scan the label on the printer, or type its name";
    let lots = "and a lot's is wanted; scan the label on the container, or type the id that stands on it";
    for (on, of, status, problem, words) in [
        (good, good, 422, "other-label", format!("this is the label of lot {lot}, {printers}")),
        (part, good, 422, "other-label", format!("this is the label of printed part {serial}, {printers}")),
        (printer, printer, 422, "other-label", format!("this is the label of printer mk3-01, {lots}")),
        (printer, part, 422, "other-label", format!("this is the label of printed part {serial}, {lots}")),
        (
            printer,
            misread.as_str(),
            422,
            "misread-label",
            format!("this label cannot be read right (a character of it is wrong, or missing), {lots}"),
        ),
        (
            printer,
            "4006381333931",
            422,
            "not-our-label",
            format!("this code is not of a label of platen's, {lots}"),
        ),
        (
            "https://example.org",
            good,
            422,
            "not-our-label",
            format!("this code is not of a label of platen's, {printers}"),
        ),
        (
            printer,
            nobody,
            404,
            "no-such-thing",
            "there is no lot 0123456789abcdef here, and a lot's label is".into(),
        ),
        (nemo.as_str(), good, 404, "no-such-printer", "there is no printer nemo; known printers: ".into()),
        // The same typed: an id would do as the name of a printer.
        (lot.as_str(), good, 422, "other-label", format!("this is the label of lot {lot}, {printers}")),
        (printer, "mk3-02", 422, "other-label", format!("this is the label of printer mk3-02, {lots}")),
    ] {
        refused(&scan(on, of, 0).await, status, problem, &words);
    }
    assert_eq!(way.get("/v1/printers/mk3-01/loads").await, json!([]), "nothing of that was noted");

    let loads = json!({"printer": printer, "lot": good});
    let loads = way.done("/v1/loads", "oli", loads).await;
    assert_eq!(
        (&loads[0]["lot"], &loads[0]["slot"], &loads[0]["by"]),
        (&json!(lot), &json!(0), &json!("oli"))
    );
    let taken = scan(printer, &code_of_lot(&other), 0).await;
    let words = format!(
        "printer mk3-01 has lot {lot} in slot 0; unload that first (`platen loads unload mk3-01 --slot 0`)"
    );
    refused(&taken, 409, "not-by-the-rules", &words);
    refused(&scan(printer, good, 8).await, 409, "not-by-the-rules", "a slot is 0 to 7");
    // What stands beside the codes, as somebody types it.
    let typed: Vec<String> = [0, 4, 8, 12].iter().map(|at| other[*at..at + 4].to_uppercase()).collect();
    let more = json!({"printer": "MK3-01", "lot": typed.join(" "), "slot": 1});
    let loads = way.done("/v1/loads", "oli", more).await;
    assert_eq!((&loads[1]["lot"], &loads[1]["slot"]), (&json!(other), &json!(1)), "{loads}");
}

#[tokio::test]
async fn an_inspection_that_is_sent_again_is_noted_once() {
    let way = Way::new().await;
    way.to_production().await;
    way.template().await;
    way.print().await;
    way.to_inspection(1).await;
    let measured = |length: f64, request: &str| {
        json!({"subject": {"of": "part", "serial": way.serial(1)}, "template": "hand",
            "instrument": "caliper-1", "values": [length, 2.0], "request": request})
    };
    let first = way.ask("/v1/inspections", "ina", measured(10.0, "3f9c2a7e-51d0")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = way.ask("/v1/inspections", "ina", measured(10.0, "3f9c2a7e-51d0")).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let other = way.ask("/v1/inspections", "ina", measured(10.1, "3f9c2a7e-51d0")).await;
    assert_eq!((other.status, other.problem().as_str()), (409, "exists-already"), "{other:?}");
    assert_eq!(way.get("/v1/inspections").await.as_array().unwrap().len(), 1);
    // Somebody else's, and another one of the same person, are others.
    for (by, request) in [("max", "3f9c2a7e-51d0"), ("ina", "another-one")] {
        assert_eq!(
            way.ask("/v1/inspections", by, measured(10.0, request)).await.status,
            201,
            "{by} {request}"
        );
    }
    for odd in ["short", "With Capitals", &"a".repeat(41)] {
        assert_eq!(way.ask("/v1/inspections", "ina", measured(10.0, odd)).await.status, 422, "{odd}");
    }
    let mut plain = measured(10.0, "");
    plain.as_object_mut().unwrap().remove("request");
    for _ in 0..2 {
        assert_eq!(way.ask("/v1/inspections", "ina", plain.clone()).await.status, 201, "as before");
    }
    // The decision has been taken since: what is sent again is answered all the same.
    let last = way.get("/v1/inspections").await.as_array().unwrap().last().unwrap()["id"].clone();
    way.part_step(1, "ina", json!({"is": "accepted", "inspection": last})).await;
    assert_eq!(way.ask("/v1/inspections", "ina", measured(10.0, "3f9c2a7e-51d0")).await.status, 200);
}

#[tokio::test]
async fn inspections_that_come_within_a_millisecond_are_listed_as_they_came() {
    let way = Way::new().await;
    way.to_production().await;
    way.template().await;
    way.print().await;
    way.to_inspection(1).await;
    let mut asked = Vec::new();
    for _ in 0..12 {
        asked.push(way.inspect(1, 10.0, &[]).await["id"].clone());
    }
    let listed = way.get("/v1/inspections").await;
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(listed, asked);
}

#[tokio::test]
async fn the_record_of_a_case_shows_the_photos_of_its_inspections_and_says_which_are_missing() {
    let way = Way::new().await;
    way.to_production().await;
    way.template().await;
    way.print().await;
    way.to_inspection(1).await;
    let kept = way.lab.send("POST", "/v1/photos", "", &photo(6, NAME)).await.json();
    let hash = kept["photo"].as_str().unwrap();
    let measured = json!({"subject": {"of": "part", "serial": way.serial(1)}, "template": "hand",
        "instrument": "caliper-1", "values": [10.0, 2.0], "photos": [hash]});
    let noted = way.done("/v1/inspections", "ina", measured).await;
    let part = way.get(&format!("/v1/printed/{}", way.serial(1))).await;
    assert_eq!(part["inspections"][0]["pictures"], json!([format!("/v1/photos/{hash}")]), "{part}");

    let path = format!("/v1/reports/case?case={}&until={}", way.case, way.get("/v1/audit").await["entries"]);
    let page = way.lab.get(&path).await;
    assert!(page.header("content-security-policy").unwrap().contains("; img-src data:;"), "{}", page.head);
    let file = way.lab.folder.path().join("files").join(hash);
    let bytes = std::fs::read(&file).unwrap();
    let shown = format!("src=\"data:image/jpeg;base64,{}\"", base64(&bytes));
    assert!(page.body.contains(&shown), "the photo is in the page itself");
    let caption = format!("the part at the inspection {} by ina, ", noted["id"].as_str().unwrap());
    assert!(page.body.contains(&caption) && page.body.contains(&format!("<code>{hash}</code>")));
    let json = way.lab.get(&format!("{path}&format=json")).await;
    assert_eq!(json.json()["report"]["body"]["pieces"][0]["inspections"][0]["photos"], json!([hash]));
    assert!(!json.body.contains("base64") && page.body.contains(json.json()["sha256"].as_str().unwrap()));

    // The records say the same without the photo, and so does the hash.
    std::fs::remove_file(&file).unwrap();
    let without = way.lab.get(&path).await;
    assert_eq!(without.header("etag"), page.header("etag"));
    assert!(!without.body.contains("<img") && without.body.contains("missing: it is not stored here"));
    assert!(without.body.contains(&caption) && without.body.contains(&format!("<code>{hash}</code>")));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A refusal's status and kind; its words must say this.
fn refused(answer: &Answer, status: u16, problem: &str, words: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{answer:?}");
    let told = answer.json();
    let said = format!("{}; {}", told["detail"].as_str().unwrap(), told["help"].as_str().unwrap());
    assert!(said.contains(words), "\"{said}\" does not say \"{words}\"");
}

impl Way {
    /// What the worksheet says now.
    async fn sheet(&self) -> Value {
        let path = format!("/v1/reports/worksheet?case={}&format=json&by=bo", self.case);
        self.get(&path).await["report"]["body"].clone()
    }

    async fn deliver(&self) {
        self.part_step(1, "lee", json!({"is": "packed"})).await;
        self.part_step(1, "lee", json!({"is": "delivered", "to": "cardiac surgery"})).await;
        self.case_step("lee", json!({"is": "delivered"})).await;
    }
}

#[tokio::test]
async fn a_coder_confirms_the_units_of_exactly_the_proposal_that_they_saw() {
    let way = Way::new().await;
    way.to_production().await;
    let early = way.sheet().await;
    let confirm = |of: &Value, more: Value| {
        let mut step = json!({"is": "units_confirmed", "of": of});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    let steps = way.at("steps");
    let refusal = way.ask(&steps, "bo", confirm(&early["proposal_sha256"], json!({}))).await;
    refused(&refusal, 409, "wrong-state", "in production, so it cannot be confirmed by a coder");
    way.to_release().await;
    let now = way.sheet().await["proposal_sha256"].clone();
    let stale = way.ask(&steps, "bo", confirm(&early["proposal_sha256"], json!({}))).await;
    refused(&stale, 409, "other-proposal", &format!("its SHA-256 is now {}", now.as_str().unwrap()));
    let odd = way.ask(&steps, "bo", confirm(&now, json!({"units": {"99999": 1}}))).await;
    refused(&odd, 422, "makes-no-sense", "its codes are 0559T, 0560T, 0561T, 0562T");
    let named = way.ask(&steps, "bo", confirm(&now, json!({"note": "x".repeat(201)}))).await;
    assert_eq!(named.status, 400, "{named:?}");
    let units = json!({"units": {"0559T": 1}, "note": "seen"});
    let case = way.case_step("bo", confirm(&now, units)).await;
    assert_eq!(
        (&case["state"], &case["confirmed"]["units"], &case["confirmed"]["by"], &case["confirmed"]["of"]),
        (&json!("released"), &json!({"0559T": 1}), &json!("bo"), &now)
    );
    let sheet = way.sheet().await;
    assert_eq!((&sheet["review"]["outdated"], &sheet["proposal_sha256"]), (&json!(false), &now), "{sheet}");
    assert_eq!(sheet["review"]["codes"], json!([{"code": "0559T", "proposed": 0, "confirmed": 1}]));
    // The delivery gives the case its date of service.
    way.deliver().await;
    let sheet = way.sheet().await;
    assert_eq!(sheet["review"]["outdated"], true, "{sheet}");
    let case = way.case_step("bo", confirm(&sheet["proposal_sha256"], json!({}))).await;
    assert_eq!(case["confirmed"]["units"], json!({}), "as it is proposed: nothing was segmented by itself");
    assert_eq!(way.sheet().await["review"]["outdated"], false);
    let story = way.lab.get(&format!("/v1/cases/{}/story", way.case)).await.body;
    assert!(story.contains("are confirmed by bo: 0559T 1, as proposed under "), "{story}");
    assert!(story.contains("are confirmed by bo: no units"), "{story}");
}

#[tokio::test]
async fn one_word_is_an_assessment_and_no_word_is_none() {
    let way = Way::new().await;
    way.to_production().await;
    way.to_release().await;
    way.deliver().await;
    let assess = |assessment: Value| json!({"is": "assessed", "assessment": assessment});
    let steps = way.at("steps");
    let nothing = way.ask(&steps, "kim", assess(json!({"respondent": "surgeon"}))).await;
    refused(&nothing, 422, "makes-no-sense", "say at least one of the two");
    let odd = way.ask(&steps, "kim", assess(json!({"overall": "great", "respondent": "surgeon"}))).await;
    assert_eq!(odd.status, 400, "{odd:?}");
    let word = json!({"overall": "helped", "used_in_procedure": true, "respondent": "surgeon"});
    let case = way.case_step("kim", assess(word.clone())).await;
    assert_eq!((&case["state"], &case["assessed"]["assessment"]), (&json!("assessed"), &word));
    let value = way.get("/v1/reports/value?format=json").await["report"]["body"].clone();
    assert_eq!(value["overall"], json!({"helped": 1, "no_difference": 0, "hindered": 0, "missing": 0}));
    assert_eq!(value["plan"]["altered"], json!({"hits": 0, "n": 1, "missing": 1}));
    assert_eq!(
        (&value["minutes_saved"]["answered"], &value["minutes_saved"]["used"]),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn a_case_goes_from_the_wish_to_the_file() {
    let way = Way::new().await;
    way.to_production().await;
    way.to_release().await;
    let serial = way.serial(1);
    way.part_step(1, "lee", json!({"is": "packed"})).await;
    way.part_step(1, "lee", json!({"is": "delivered", "to": "cardiac surgery"})).await;
    way.case_step("lee", json!({"is": "delivered"})).await;
    way.case_step("kim", json!({"is": "used"})).await;
    let answers = json!({"easy_to_use": 5, "fits_approach": 4, "plan_altered": 3, "important": 5,
        "quality_adequate": 4, "confident_before": 2, "confident_after": 5});
    let assessment = json!({"answers": answers, "saved": {"minutes": -5, "measured": true},
        "used_in_procedure": true, "respondent": "surgeon"});
    way.case_step("kim", json!({"is": "assessed", "assessment": assessment})).await;
    let case = way.case_step("lee", json!({"is": "closed"})).await;
    assert_eq!((&case["state"], &case["process"]), (&json!("closed"), &json!("mk3-pla")));
    assert_eq!(case["assessed"]["assessment"]["saved"]["minutes"], -5);
    let signed: Vec<_> =
        case["signatures"].as_array().unwrap().iter().map(|of| (&of["of"], &of["by"])).collect();
    assert_eq!(
        signed,
        [(&json!("design"), &json!("kim")), (&json!("part"), &json!("pat")), (&json!("case"), &json!("pat"))]
    );
    assert!(case["signatures"].as_array().unwrap().iter().all(|of| of.get("voided").is_none()), "{case}");

    let part = way.get(&format!("/v1/printed/{serial}")).await;
    assert_eq!((&part["state"], &part["printer"]), (&json!("delivered"), &json!("mk3-01")), "{part}");
    assert_eq!((&part["revision"], part["operators"].as_array().unwrap().len()), (&json!(1), 1), "{part}");
    assert_eq!(part["inspections"][0]["values"][0]["verdict"], "pass");
    assert_eq!(part["signatures"].as_array().unwrap().len(), 1);
    let list = way.get(&format!("/v1/printed?case={}&state=delivered", way.case)).await;
    assert_eq!(list[0]["serial"], serial.as_str());
    let brief = way.get("/v1/cases").await;
    assert_eq!(brief[0]["state"], "closed");
}

#[tokio::test]
async fn what_is_said_and_spent_on_a_case_is_kept_in_its_order() {
    let way = Way::new().await;
    let (messages, efforts) = (way.at("messages"), way.at("efforts"));
    way.done(&messages, "kim", json!({"text": "the images are here", "mentions": ["lee"]})).await;
    way.done(&messages, "lee", json!({"text": "thank you"})).await;
    let thread = way.get(&messages).await;
    assert_eq!((&thread[0]["mentions"], &thread[1]["by"]), (&json!(["lee"]), &json!("lee")));
    let many = json!({"text": "all of you", "mentions": ["a", "b", "c", "d", "e"]});
    refused(&way.ask(&messages, "kim", many).await, 409, "too-many", "mention 4 people at most");
    let odd = json!({"text": "x\u{202e}y"});
    refused(&way.ask(&messages, "kim", odd).await, 400, "unreadable-request", "none of them hidden");
    way.done(&efforts, "lee", json!({"role": "non_clinician", "category": "cad", "minutes": 40})).await;
    let sums = way.done(&efforts, "lee", json!({"role": "non_clinician", "category": "cad"})).await;
    let cad = sums["buckets"].as_array().unwrap();
    let cad = cad.iter().find(|of| of["role"] == "non_clinician" && of["category"] == "cad").unwrap();
    assert_eq!(
        (&cad["minutes"], &cad["unknown"], sums["buckets"].as_array().unwrap().len()),
        (&json!(40), &json!(1), 8)
    );
    let costs = way.at("costs");
    let noted = |kind: &str, amount: i64| json!({"kind": kind, "amount": amount, "what": "sterile bags"});
    let first = way.done(&costs, "lee", noted("consumables", 1_250)).await;
    assert_eq!((&first["number"], &first["by"], &first["amount"]), (&json!(1), &json!("lee"), &json!(1_250)));
    way.done(&costs, "kim", noted("consumables", 5)).await;
    let all = way.get(&costs).await;
    assert_eq!(all["sums"], json!([{"kind": "consumables", "amount": 1_255}]));
    assert_eq!(
        (&all["entries"][1]["number"], &all["entries"][1]["what"]),
        (&json!(2), &json!("sterile bags"))
    );
    refused(&way.ask(&costs, "lee", noted("gifts", 5)).await, 400, "unreadable-request", "unknown variant");
    refused(&way.ask(&costs, "lee", noted("other", -5)).await, 400, "unreadable-request", "");
}

#[tokio::test]
async fn what_is_ordered_is_shown_and_signed_and_holds_for_scale_and_number() {
    let way = Way::new().await;
    way.describe().await;
    let (steps, part) = (way.at("steps"), way.at("parts/1/steps"));
    let about = |ordered: Value| {
        let about = json!({"kind": "component", "laterality": "left", "units": "mm", "ordered": ordered});
        json!({"is": "described", "about": about})
    };
    for bad in [json!({"quantity": 0}), json!({"quantity": 21}), json!({"scale": 0}), json!({"sale": 1})] {
        let refusal = way.ask(&part, "lee", about(bad)).await;
        refused(&refusal, 400, "unreadable-request", "");
    }
    let ordered = json!({"scale": 0.5, "material": "PLA", "colour": "red", "quantity": 2});
    let shown = way.done(&part, "lee", about(ordered.clone())).await;
    assert_eq!(shown["about"]["ordered"], ordered);
    let agreed = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV",
        "needed_by": "2099-12-24", "acceptance": "no wall below 1 mm"});
    let shown = way.case_step("kim", json!({"is": "described", "about": agreed})).await;
    assert_eq!(shown["about"]["acceptance"], "no wall below 1 mm");
    for (by, is) in [("kim", "requested"), ("lee", "accepted"), ("lee", "design_begun")] {
        way.case_step(by, json!({"is": is})).await;
    }
    let model =
        way.lab.send("POST", "/v1/models", "", tetrahedron(1.0).as_bytes()).await.json()["model"].clone();
    let revised = |scale: f64| json!({"is": "revised", "revision": {"model": model, "scale": scale}});
    let other = way.ask(&part, "lee", revised(1.0)).await;
    refused(&other, 409, "not-by-the-rules", "was ordered at scale 0.5, and its revision 1 is at scale 1");
    way.done(&part, "lee", revised(0.5)).await;
    way.case_step("lee", json!({"is": "approval_asked"})).await;
    let design = way.get(&way.at("to-sign?of=design")).await;
    let text: Value = serde_json::from_str(design["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&text["acceptance"], &text["parts"][0]["ordered"]["quantity"]),
        (&json!("no wall below 1 mm"), &json!(2))
    );
    way.case_step("kim", json!({"is": "approved", "digest": design["digest"]})).await;
    let made = json!({"is": "production_begun", "process": "mk3-pla", "validated_for": ["diagnostic"]});
    way.case_step("lee", made).await;
    way.print().await;
    let early = way.ask(&steps, "lee", json!({"is": "qc_begun"})).await;
    refused(&early, 409, "incomplete", "prints (1 of 2 of part 1)");
}

#[tokio::test]
async fn a_signature_is_taken_under_the_digest_of_what_is_there_and_no_other() {
    let way = Way::new().await;
    let steps = way.at("steps");
    way.to_approval().await;
    let path = way.at("to-sign?of=design");
    let shown = way.get(&path).await;
    assert_eq!(shown["meaning"], "approved");
    let text: Value = serde_json::from_str(shown["text"].as_str().unwrap()).unwrap();
    assert_eq!((&text["sign"], &text["parts"][0]["revision"]), (&json!("design"), &json!(1)), "{text}");

    let wrong = json!({"is": "approved", "digest": "0".repeat(64)});
    let answer = way.ask(&steps, "kim", wrong).await;
    refused(&answer, 409, "other-digest", shown["digest"].as_str().unwrap());
    let typed = json!({"is": "approved", "digest": shown["digest"], "proof": "password"});
    refused(&way.ask(&steps, "kim", typed).await, 400, "unreadable-request", "unknown field `proof`");
    assert_eq!(way.get(&way.at("quality")).await["state"], "awaiting_approval");

    way.case_step("kim", json!({"is": "sent_back", "why": "the wall is too thin"})).await;
    let part = way.revise(1.1).await;
    assert_eq!(part["revisions"].as_array().unwrap().len(), 2, "{part}");
    assert_eq!(
        (&part["revisions"][0]["state"], &part["revisions"][1]["state"]),
        (&json!("obsolete"), &json!("proposed"))
    );
    way.case_step("lee", json!({"is": "approval_asked"})).await;
    let old = json!({"is": "approved", "digest": shown["digest"]});
    refused(&way.ask(&steps, "kim", old).await, 409, "other-digest", "look at it again, then sign that");
    let digest = way.digest(&path).await;
    way.case_step("kim", json!({"is": "approved", "digest": digest})).await;
    let case = way.case_step("lee", json!({"is": "reopened", "why": "a new scan"})).await;
    assert!(case["signatures"][0]["voided"].is_string(), "{case}");
}

#[tokio::test]
async fn a_site_that_wants_passwords_takes_no_signature_by_a_name_alone() {
    let way = Way::new().await;
    way.to_approval().await;
    let rules = way.done("/v1/site-rules", "pat", json!({"password_to_sign": true})).await;
    assert_eq!(rules, way.get("/v1/site-rules").await);
    let digest = way.digest(&way.at("to-sign?of=design")).await;
    let answer = way.ask(&way.at("steps"), "kim", json!({"is": "approved", "digest": digest})).await;
    refused(&answer, 409, "password-needed", "type it, then sign");
}

#[tokio::test]
async fn every_step_that_is_not_possible_is_refused_with_its_reason_and_changes_nothing() {
    let way = Way::new().await;
    let (steps, part) = (way.at("steps"), way.at("parts/1/steps"));
    let hash = "a".repeat(64);
    #[rustfmt::skip]
    let of_a_draft = [
        (&steps, json!({"is": "requested"}), 409, "incomplete", "lacks its kind, its ordering service"),
        (&steps, json!({"is": "accepted"}), 409, "wrong-state", "is a draft, so it cannot be accepted; describe it"),
        (&steps, json!({"is": "design_begun"}), 409, "wrong-state", "so it cannot be designed"),
        (&steps, json!({"is": "approval_asked"}), 409, "wrong-state", "so it cannot be put up for approval"),
        (&steps, json!({"is": "sent_back", "why": "x"}), 409, "wrong-state", "so it cannot be sent back"),
        (&steps, json!({"is": "approved", "digest": hash}), 409, "wrong-state", "so it cannot be approved"),
        (&steps, json!({"is": "production_begun", "process": "x"}), 409, "wrong-state", "so it cannot be put into production"),
        (&steps, json!({"is": "qc_begun"}), 409, "wrong-state", "so it cannot be put into quality control"),
        (&steps, json!({"is": "rework_asked", "why": "x"}), 409, "wrong-state", "so it cannot be reworked"),
        (&steps, json!({"is": "released", "digest": hash}), 409, "wrong-state", "so it cannot be released"),
        (&steps, json!({"is": "delivered"}), 409, "wrong-state", "so it cannot be delivered"),
        (&steps, json!({"is": "used"}), 409, "wrong-state", "so it cannot be noted as used"),
        (&steps, json!({"is": "reminded"}), 409, "wrong-state", "so it cannot be reminded of"),
        (&steps, json!({"is": "assessment_waived", "why": "x"}), 409, "wrong-state", "so it cannot be closed without an assessment"),
        (&steps, json!({"is": "closed"}), 409, "wrong-state", "so it cannot be closed"),
        (&steps, json!({"is": "held", "why": "x"}), 409, "wrong-state", "so it cannot be put on hold"),
        (&steps, json!({"is": "continued"}), 409, "wrong-state", "so it cannot be continued"),
        (&steps, json!({"is": "reopened", "why": "x"}), 409, "wrong-state", "so it cannot be reopened"),
        (&steps, json!({"is": "described", "about": {"kind": "model", "service": "x", "appropriateness": 10}}), 422, "makes-no-sense", "an appropriateness is 1 to 9"),
        (&steps, json!({"is": "described", "about": {"kind": "model", "service": "x", "needed_by": "24.12.2026"}}), 400, "unreadable-request", "is no day"),
        (&steps, json!({"is": "described", "about": {"kind": "model", "service": "x", "patient": "x"}}), 400, "unreadable-request", "unknown field `patient`"),
        (&steps, json!({"is": "cancelled"}), 400, "unreadable-request", "missing field `why`"),
        (&steps, json!({"is": "forgotten"}), 400, "unreadable-request", "unknown variant `forgotten`"),
        (&part, json!({"is": "revised", "revision": {"model": hash}}), 404, "no-such-file", ""),
    ];
    let before = way.get(&way.at("quality")).await;
    for (path, body, status, problem, words) in of_a_draft {
        refused(&way.ask(path, "kim", body).await, status, problem, words);
    }
    refused(&way.ask(&steps, " ", json!({"is": "requested"})).await, 400, "name-needed", "");
    assert_eq!(way.get(&way.at("quality")).await, before);

    way.to_production().await;
    refused(&way.ask(&steps, "lee", json!({"is": "qc_begun"})).await, 409, "incomplete", "a print of part 1");
    let about = json!({"kind": "component"});
    let locked = way.ask(&part, "lee", json!({"is": "described", "about": about})).await;
    refused(&locked, 409, "locked", "is in production, so its parts stay as they are; reopen it");
    let none = format!("/v1/printed/{}/steps", way.serial(1));
    refused(
        &way.ask(&none, "oli", json!({"is": "packed"})).await,
        404,
        "no-such-thing",
        "there is no printed part",
    );

    way.template().await;
    way.print().await;
    let piece = none;
    let inspected = |length: f64| {
        let subject = json!({"of": "part", "serial": way.serial(1)});
        json!({"subject": subject, "template": "hand", "instrument": "caliper-1", "values": [length]})
    };
    let id = "0000000000000000";
    #[rustfmt::skip]
    let of_a_print = [
        (piece.as_str(), json!({"is": "planned"}), 409, "exists-already", "there is a printed part"),
        (&piece, json!({"is": "revision_attested", "revision": 7}), 409, "incomplete", "lacks revision 7"),
        (&piece, json!({"is": "sent_to_inspection"}), 409, "wrong-state", "is printed, so it cannot be sent to inspection; note how it is processed"),
        (&piece, json!({"is": "accepted", "inspection": id}), 409, "wrong-state", "so it cannot be accepted"),
        (&piece, json!({"is": "rejected", "why": "x"}), 409, "wrong-state", "so it cannot be rejected"),
        (&piece, json!({"is": "scrapped", "why": "x"}), 409, "wrong-state", "so it cannot be scrapped"),
        (&piece, json!({"is": "released", "digest": hash}), 409, "wrong-state", "so it cannot be released"),
        (&piece, json!({"is": "packed"}), 409, "wrong-state", "so it cannot be packed"),
        (&piece, json!({"is": "handed_over", "cycle": "x"}), 409, "wrong-state", "so it cannot be handed over for sterilisation"),
        (&piece, json!({"is": "delivered", "to": "x"}), 409, "wrong-state", "so it cannot be delivered"),
        (&piece, json!({"is": "quarantine_lifted", "why": "x"}), 409, "wrong-state", "so it cannot be taken out of quarantine"),
        (&piece, json!({"is": "recalled", "why": "x"}), 409, "wrong-state", "so it cannot be recalled"),
        ("/v1/inspections", inspected(10.0), 409, "wrong-state", "so it cannot be inspected"),
        ("/v1/inspections", json!({"subject": {"of": "part", "serial": "x-1-1"}, "template": "hand", "values": []}), 400, "unreadable-request", ""),
    ];
    for (path, body, status, problem, words) in of_a_print {
        refused(&way.ask(path, "kim", body).await, status, problem, words);
    }

    way.to_inspection(1).await;
    let subject = json!({"of": "part", "serial": way.serial(1)});
    #[rustfmt::skip]
    let of_an_inspection = [
        (json!({"subject": subject, "template": "hand", "values": [10]}), 422, "makes-no-sense", "is measured with an instrument; say with which"),
        (json!({"subject": subject, "template": "foot", "values": [10]}), 404, "no-such-thing", "there is no version 1 of template foot"),
        (json!({"subject": subject, "template": "hand", "instrument": "ruler", "values": [10]}), 404, "no-such-thing", "there is no instrument ruler"),
        (json!({"subject": subject, "template": "hand", "instrument": "caliper-1", "values": [1, 2, 3]}), 422, "makes-no-sense", "has 2 items, and 3 values are given"),
        (json!({"subject": {"of": "phantom", "printer": "nobody"}, "template": "hand", "values": []}), 404, "no-such-printer", "known printers"),
    ];
    for (body, status, problem, words) in of_an_inspection {
        refused(&way.ask("/v1/inspections", "ina", body).await, status, problem, words);
    }
    let old = json!({"name": "caliper-0", "what": "old", "calibration_due": "2020-01-01"});
    way.done("/v1/instruments", "mo", old).await;
    let late = json!({"subject": subject, "template": "hand", "instrument": "caliper-0", "values": [10, 2]});
    refused(&way.ask("/v1/inspections", "ina", late).await, 409, "not-by-the-rules", "was due on 2020-01-01");

    let failed = way.inspect(1, 11.0, &[]).await;
    assert_eq!((&failed["verdict"], &failed["values"][0]["verdict"]), (&json!("fail"), &json!("fail")));
    let by_it = json!({"is": "accepted", "inspection": failed["id"]});
    refused(&way.ask(&piece, "ina", by_it.clone()).await, 409, "not-by-the-rules", "is fail, so");
    way.accept(1).await;
    refused(&way.ask(&piece, "ina", by_it).await, 409, "wrong-state", "is accepted");
    let digest = way.digest(&format!("/v1/printed/{}/to-sign", way.serial(1))).await;
    let release = json!({"is": "released", "digest": digest});
    refused(
        &way.ask(&piece, "pat", release.clone()).await,
        409,
        "not-by-the-rules",
        "begin its quality control first",
    );
    way.case_step("lee", json!({"is": "qc_begun"})).await;
    let own = way.ask(&piece, "oli", release.clone()).await;
    refused(&own, 409, "own-work", "oli had a hand in");
    let wrong = json!({"is": "released", "digest": hash});
    refused(&way.ask(&piece, "pat", wrong).await, 409, "other-digest", "its digest is now");
    let case_digest = way.digest(&way.at("to-sign?of=case")).await;
    let early = json!({"is": "released", "digest": case_digest});
    refused(&way.ask(&steps, "pat", early).await, 409, "not-by-the-rules", "has no released print of part 1");
    way.part_step(1, "pat", release).await;
    let pack = way.part_step(1, "lee", json!({"is": "packed"})).await;
    assert_eq!(pack["state"], "packed");
    let out = json!({"is": "delivered", "to": "cardiac surgery"});
    refused(&way.ask(&piece, "lee", out).await, 409, "wrong-state", "release the case first");
}

#[tokio::test]
async fn a_job_does_not_begin_with_a_lot_that_has_expired_and_says_so() {
    let way = Way::new().await;
    way.to_production().await;
    way.done("/v1/site-rules", "pat", json!({"lots": true})).await;
    let waits = async |job: &str| {
        let job = way.get(&format!("/v1/jobs/{job}")).await;
        let all = job["waiting"]["printers"].as_array().unwrap().clone();
        let on = all.into_iter().find(|on| on["printer"] == "mk3-01").unwrap();
        on["why"].as_str().unwrap().to_owned()
    };
    let job = way.lab.job(&way.case, Some("mk3-01")).await.to_string();
    assert!(waits(&job).await.contains("no lot is noted as loaded there"), "{}", waits(&job).await);
    let old = way.lot("2020-06-30").await;
    let expired = way.ask(&format!("/v1/lots/{old}/steps"), "sam", json!({"is": "released"})).await;
    refused(&expired, 409, "not-by-the-rules", "expired on 2020-06-30; use another");
    let loads = "/v1/printers/mk3-01/loads";
    way.done(loads, "oli", json!({"lot": old})).await;
    assert!(waits(&job).await.contains("expired on 2020-06-30"), "{}", waits(&job).await);
    let good = way.lot("2099-06-30").await;
    let taken = way.ask(loads, "oli", json!({"lot": good})).await;
    refused(&taken, 409, "not-by-the-rules", "in slot 0; unload that first");
    way.done("/v1/printers/mk3-01/unload", "oli", json!({})).await;
    let empty = way.ask("/v1/printers/mk3-01/unload", "oli", json!({})).await;
    refused(&empty, 409, "not-by-the-rules", "has nothing in slot 0");
    let loaded = way.done(loads, "oli", json!({"lot": good})).await;
    assert_eq!((loaded.as_array().unwrap().len(), loaded[0]["to"].is_string()), (2, true), "{loaded}");
    assert!(waits(&job).await.contains("is in quarantine"), "{}", waits(&job).await);
    way.done(&format!("/v1/lots/{good}/steps"), "sam", json!({"is": "released"})).await;
    assert!(waits(&job).await.contains("it is free"), "{}", waits(&job).await);
    let shown = way.get(&format!("/v1/lots/{old}")).await;
    assert_eq!(shown["unusable"].as_array().unwrap().len(), 2, "{shown}");
    let first = way.get("/v1/lots").await;
    assert_eq!(first[0]["id"], old.as_str(), "what expires first stands first");
    for (body, status, problem) in [
        (json!({"is": "unblocked", "why": "x"}), 409, "wrong-state"),
        (json!({"is": "received"}), 400, "unreadable-request"),
        (json!({"is": "opened", "on": "yesterday"}), 400, "unreadable-request"),
    ] {
        refused(&way.ask(&format!("/v1/lots/{good}/steps"), "sam", body).await, status, problem, "");
    }
    let heavy = json!({"material": "PLA", "supplier_lot": "x", "received": "2026-01-01", "expires": "2027-01-01", "grams": -1});
    refused(&way.ask("/v1/lots", "sam", heavy).await, 422, "makes-no-sense", "a mass is");
}

#[tokio::test]
async fn a_file_that_lays_several_parts_of_a_case_makes_a_printed_part_of_each() {
    let way = Way::new().await;
    way.lab.post(&way.at("parts"), &json!({"name": "right hand"})).await;
    let file = way.lab.upload(GCODE).await.json()["file"].clone();
    let queue = async |also: Value| {
        let new = json!({"file": file, "case": way.case, "part": 1, "also": also, "material": "PLA"});
        way.lab.post("/v1/jobs", &new).await
    };
    refused(&queue(json!([1, 3])).await, 404, "no-such-part", "has no part 3");
    refused(&queue(json!(vec![1; 20])).await, 400, "too-many-pieces", "has 21 pieces");
    assert_eq!(way.get("/v1/jobs").await, json!([]), "nothing of that was queued");
    let job = queue(json!([1, 2])).await;
    assert_eq!(job.status, 201, "{job:?}");
    let serials = [(1, 1), (1, 2), (2, 1)].map(|(part, attempt)| format!("{}-{part}-{attempt}", way.case));
    assert_eq!(job.json()["build"], json!(serials));
    for serial in &serials {
        let piece = way.get(&format!("/v1/printed/{serial}")).await;
        assert_eq!((&piece["state"], &piece["job"]), (&json!("queued"), &job.json()["id"]));
        let others: Vec<_> = serials.iter().filter(|other| *other != serial).collect();
        assert_eq!(piece["together_with"], json!(others));
    }
    let story = way.lab.get(&way.at("story")).await;
    assert!(story.body.contains("with 1-2, 2-1 on the same bed"), "{}", story.body);
    let model = json!({"hash": "0".repeat(64), "process": "fine"});
    let new = json!({"model": model, "case": way.case, "part": 1, "also": [2]});
    refused(&way.lab.post("/v1/jobs", &new).await, 400, "unreadable-request", "is one piece");
}

#[tokio::test]
async fn what_is_not_right_is_kept_apart_until_it_is_decided_and_closed() {
    let way = Way::new().await;
    way.to_production().await;
    way.template().await;
    way.print().await;
    way.to_inspection(1).await;
    let about = json!({"of": "part", "serial": way.serial(1)});
    let found = json!({"about": about, "cause": "dimension", "severity": "minor", "what": "too long"});
    let opened = way.done("/v1/nonconformances", "ina", found.clone()).await;
    let path = format!("/v1/nonconformances/{}", opened["id"].as_str().unwrap());
    let part = format!("/v1/printed/{}", way.serial(1));
    assert_eq!(way.get(&part).await["state"], "quarantined");
    let steps = format!("{path}/steps");
    let lift = json!({"is": "quarantine_lifted", "why": "x"});
    refused(&way.ask(&format!("{part}/steps"), "pat", lift).await, 409, "not-by-the-rules", "is not closed");
    refused(
        &way.ask(&steps, "pat", json!({"is": "closed"})).await,
        409,
        "wrong-state",
        "decide what becomes of the part",
    );

    // Another printed part has what the first has not: it is used as it is, by a signature.
    let shown = way.get(&format!("{path}/to-sign")).await;
    assert_eq!(shown["meaning"], "use_as_is");
    let as_is = |digest: &Value| json!({"is": "disposed", "why": "it does not touch", "decision": {"disposition": "use_as_is", "digest": digest}});
    let wrong = way.ask(&steps, "pat", as_is(&json!("0".repeat(64)))).await;
    refused(&wrong, 409, "other-digest", "look at it again");
    refused(&way.ask(&steps, "oli", as_is(&shown["digest"])).await, 409, "own-work", "oli had a hand in");
    let decided = way.done(&steps, "pat", as_is(&shown["digest"])).await;
    assert_eq!((&decided["state"], &decided["disposition"]), (&json!("disposed"), &json!("use_as_is")));
    let again = json!({"is": "disposed", "why": "x", "decision": {"disposition": "scrap"}});
    refused(&way.ask(&steps, "pat", again).await, 409, "wrong-state", "is decided");
    let kept = way.get(&part).await;
    assert_eq!(
        (&kept["state"], kept["signatures"].as_array().unwrap().len()),
        (&json!("accepted"), 1),
        "{kept}"
    );
    let closed = way.done(&steps, "pat", json!({"is": "closed", "capa": "CAPA-12"})).await;
    assert_eq!((&closed["state"], &closed["capa"]), (&json!("closed"), &json!("CAPA-12")));

    let second = way.done("/v1/nonconformances", "ina", found).await;
    let steps = format!("/v1/nonconformances/{}/steps", second["id"].as_str().unwrap());
    let reprint = json!({"is": "disposed", "why": "too long", "decision": {"disposition": "reprint"}});
    way.done(&steps, "pat", reprint).await;
    let next = way.get(&format!("/v1/printed/{}", way.serial(2))).await;
    assert_eq!((&next["state"], &next["replaces"]), (&json!("planned"), &json!(way.serial(1))));
    assert_eq!(way.get(&part).await["replaced_by"], json!([way.serial(2)]));
    let of_lot = json!({"about": {"of": "lot", "lot": "0000000000000000"}, "cause": "other", "severity": "minor", "what": "x"});
    refused(&way.ask("/v1/nonconformances", "ina", of_lot).await, 404, "no-such-thing", "there is no lot");
    let of_case = json!({"about": {"of": "case", "case": way.case}, "cause": "labelling", "severity": "major", "what": "no label"});
    let of_case = way.done("/v1/nonconformances", "ina", of_case).await;
    let path = format!("/v1/nonconformances/{}", of_case["id"].as_str().unwrap());
    let nothing = way.lab.get(&format!("{path}/to-sign")).await;
    refused(&nothing, 409, "not-by-the-rules", "about no printed part");
    let open = way.get("/v1/nonconformances?state=open").await;
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
}

#[tokio::test]
async fn a_recalled_lot_keeps_apart_what_is_here_and_lists_what_is_out() {
    let way = Way::new().await;
    way.to_production().await;
    way.template().await;
    let lot = way.lot("2099-06-30").await;
    let steps = format!("/v1/lots/{lot}/steps");
    way.done(&steps, "sam", json!({"is": "released"})).await;
    way.done(&steps, "sam", json!({"is": "opened", "on": "2026-11-01"})).await;
    way.done("/v1/printers/mk3-01/loads", "oli", json!({"lot": lot})).await;
    let job = way.print().await;
    let used = way.done(&format!("/v1/lots/{lot}/uses"), "sam", json!({"job": job, "grams": 12.5})).await;
    assert_eq!((&used["left_g"], &used["printed"][0]["serial"]), (&json!(987.5), &json!(way.serial(1))));
    let twice = way.ask(&format!("/v1/lots/{lot}/uses"), "sam", json!({"job": job, "grams": 1})).await;
    refused(&twice, 409, "not-by-the-rules", "is deducted already");
    way.to_inspection(1).await;
    way.accept(1).await;
    way.print().await;
    way.case_step("lee", json!({"is": "qc_begun"})).await;
    way.release_part(1).await;
    let digest = way.digest(&way.at("to-sign?of=case")).await;
    way.case_step("pat", json!({"is": "released", "digest": digest})).await;
    way.part_step(1, "lee", json!({"is": "packed"})).await;
    way.part_step(1, "lee", json!({"is": "delivered", "to": "cardiac surgery"})).await;

    let recalled = way.done(&steps, "sam", json!({"is": "recalled", "why": "the maker's notice"})).await;
    assert_eq!(
        (&recalled["state"], &recalled["recalled"]),
        (&json!("blocked"), &json!("the maker's notice"))
    );
    let list = way.get(&format!("/v1/lots/{lot}/look-back")).await;
    let list: Vec<_> =
        list.as_array().unwrap().iter().map(|of| (of["serial"].clone(), of["state"].clone())).collect();
    assert_eq!(
        list,
        [(json!(way.serial(1)), json!("delivered")), (json!(way.serial(2)), json!("quarantined"))]
    );
    let out = way.part_step(1, "pat", json!({"is": "recalled", "why": "bad resin"})).await;
    assert_eq!(out["state"], "recalled");
    assert_eq!(out["lots"][0]["recalled"], "the maker's notice");
}

#[tokio::test]
async fn a_phantom_that_fails_takes_the_qualification_away_and_is_looked_back_from() {
    let way = Way::new().await;
    let path = "/v1/printers/mk3-01/qualification";
    assert_eq!(way.get(path).await["state"], "unqualified");
    refused(
        &way.ask(path, "mo", json!({"is": "withdrawn", "why": "x"})).await,
        409,
        "wrong-state",
        "is unqualified",
    );
    let done = json!({"is": "maintained", "what": "a new nozzle", "minutes": 20});
    let now = way.done(path, "mo", done).await;
    let log = &now["maintenance"][0];
    assert_eq!(
        (&log["number"], &log["what"], &log["minutes"]),
        (&json!(1), &json!("a new nozzle"), &json!(20))
    );
    assert_eq!(now["state"], "unqualified");
    way.template().await;
    let phantom = |length: f64| {
        json!({"subject": {"of": "phantom", "printer": "mk3-01", "next_due": "2099-01-01"},
            "template": "hand", "instrument": "caliper-1", "values": [length, 2]})
    };
    way.done("/v1/inspections", "mo", phantom(10.02)).await;
    let now = way.done(path, "mo", json!({"is": "qualified"})).await;
    assert_eq!((&now["state"], &now["calibration_due"]), (&json!("qualified"), &json!("2099-01-01")));
    let points: Vec<_> =
        now["chart"]["points"].as_array().unwrap().iter().map(|of| of["micrometres"].clone()).collect();
    assert_eq!(points, [json!(20), json!(0)]);
    let only = json!({"is": "restricted", "uses": ["education"], "why": "a worn belt"});
    assert_eq!(way.done(path, "mo", only).await["uses"], json!(["education"]));
    way.print().await;
    let failed = way.done("/v1/inspections", "mo", phantom(12.0)).await;
    let now = way.get(path).await;
    assert_eq!((&now["state"], &now["last"]["passed"]), (&json!("unqualified"), &json!(false)));
    refused(&way.ask(path, "mo", json!({"is": "qualified"})).await, 409, "not-by-the-rules", "has failed");
    let list = way.get(&format!("/v1/inspections/{}/look-back", failed["id"].as_str().unwrap())).await;
    assert_eq!((&list[0]["serial"], &list[0]["state"]), (&json!(way.serial(1)), &json!("quarantined")));
    let of_it = way.get("/v1/inspections?printer=mk3-01").await;
    assert_eq!(of_it.as_array().unwrap().len(), 2);
    assert_eq!(way.lab.get("/v1/printers/nobody/qualification").await.problem(), "no-such-printer");
}

#[tokio::test]
async fn a_model_is_read_for_its_revision_and_one_that_faces_inwards_is_refused() {
    let way = Way::new().await;
    way.describe().await;
    let steps = way.at("parts/1/steps");
    let part = way.revise(1.0).await;
    let revision = &part["revisions"][0];
    assert_eq!((&revision["format"], &revision["triangles"]), (&json!("stl-ascii"), &json!(4)));
    assert_eq!((&revision["size_mm"], &revision["volume_mm3"]), (&json!([8.0, 6.0, 10.0]), &json!(80.0)));
    let inside_out = tetrahedron(-1.0);
    let model = way.lab.send("POST", "/v1/models", "", inside_out.as_bytes()).await.json()["model"].clone();
    let asked = |mirrored: bool| json!({"is": "revised", "revision": {"model": model, "mirrored": mirrored}});
    refused(&way.ask(&steps, "lee", asked(false)).await, 422, "makes-no-sense", "faces inwards");
    way.done(&steps, "lee", asked(true)).await;
    let tiny = json!({"is": "revised", "revision": {"model": model, "scale": 0}});
    refused(&way.ask(&steps, "lee", tiny).await, 422, "makes-no-sense", "a scale is");
    for (by, is) in
        [("kim", "requested"), ("lee", "accepted"), ("lee", "design_begun"), ("lee", "approval_asked")]
    {
        way.case_step(by, json!({"is": is})).await;
    }
    let digest = way.digest(&way.at("to-sign?of=design")).await;
    let bare = way.ask(&way.at("steps"), "kim", json!({"is": "approved", "digest": digest})).await;
    refused(&bare, 409, "not-by-the-rules", "the parts 1 of case");
    way.case_step("kim", json!({"is": "approved", "digest": digest, "confirmed": [1]})).await;
}

#[tokio::test]
async fn a_change_that_cannot_be_written_down_is_not_made() {
    let way = Way::new().await;
    way.lab.store.set_full(true);
    let answer = way.ask(&way.at("messages"), "kim", json!({"text": "x"})).await;
    assert_eq!((answer.status, answer.problem().as_str()), (507, "not-recorded"));
    assert_eq!(way.get(&way.at("messages")).await, json!([]));
}
