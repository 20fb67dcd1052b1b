//! Reports over a real socket: every kind in every format, and a problem for what cannot be reported.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::config::VaultKey;
use platen::domain::event::Actor;
use platen::domain::identifiers::{Entered, Identifiers};
use platen::domain::ids::{CaseToken, JobId, LotId};
use platen::domain::lab::Request;
use platen::domain::quality::lot::{LotAbout, Step as LotStep};
use platen::domain::quality::words::Words;
use platen::domain::quality::{Change, Request as Asked};
use platen::reports::{Kind, STYLE};
use platen::services::vault_desk::{Place, VaultDesk};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::{TestLab, lab};

fn lot() -> LotId {
    LotId::from_entropy([60; 16])
}

fn words<const MAX: usize>(text: &str) -> Words<MAX> {
    Words::new(text).unwrap()
}

/// A case whose part is printed on mk3-01, out of a lot with a name that a spreadsheet would run.
async fn printed(lab: &TestLab) -> (CaseToken, JobId) {
    let about = LotAbout {
        material: words("=PLA+1"),
        supplier_lot: words("@S-17"),
        supplier: None,
        received: "2026-03-01".parse().unwrap(),
        expires: "2027-03-01".parse().unwrap(),
        open_days: None,
        certificate: None,
        milligrams: 1_000_000,
        density: None,
    };
    let printer: platen::domain::ids::PrinterName = "mk3-01".parse().unwrap();
    let ask = async |by: Option<&str>, change: Change| {
        let request = Asked { by: by.map(Into::into), change };
        lab.recorder.submit(Request::Quality(Box::new(request)), Actor::Platen).await.unwrap();
    };
    let step = LotStep::Received { about: Box::new(about) };
    ask(Some("mat"), Change::Lot { lot: lot(), step }).await;
    ask(Some("mat"), Change::Loaded { lot: lot(), printer: printer.clone(), slot: 0 }).await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let actor = || Actor::Printer(printer.clone());
    lab.recorder
        .submit(Request::StartJob { job: job.clone(), printer: printer.clone() }, actor())
        .await
        .unwrap();
    let (progress, digest) = lab.recorder.read(|lab| {
        let job = lab.job(&job).unwrap();
        (platen::domain::job::Progress { confirmed: job.commands, total: job.commands }, job.digest.clone())
    });
    let line = Box::default();
    let done = Request::NotePrinted { job: job.clone(), progress, digest, line, millis: 5 };
    lab.recorder.submit(done, actor()).await.unwrap();
    ask(None, Change::MaterialUsed { job: job.clone(), lot: lot(), milligrams: 12_500, runs_out: None })
        .await;
    (case, job)
}

fn asked(kind: Kind, case: &CaseToken) -> String {
    let what = match kind {
        Kind::Case | Kind::Worksheet => format!("case={case}&"),
        Kind::Printer => "printer=mk3-01&".into(),
        Kind::Lot => format!("lot={}&", lot()),
        Kind::Registry | Kind::Value | Kind::Audit => String::new(),
    };
    format!("/v1/reports/{kind}?{what}")
}

#[tokio::test]
async fn every_report_comes_as_a_page_as_json_and_as_csv_with_one_hash() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    for kind in Kind::ALL {
        let path = asked(kind, &case);
        let html = lab.get(&path).await;
        assert_eq!(
            (html.status, html.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{html:?}"
        );
        let json = lab.get(&format!("{path}format=json")).await;
        let csv = lab.get(&format!("{path}format=csv")).await;
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        let told = json.json();
        let hash = told["sha256"].as_str().unwrap();
        // The bytes under `report` are what was hashed.
        let begin = json.body.find("\"report\":").unwrap() + "\"report\":".len();
        let bytes = json.body[begin..].trim_end().strip_suffix('}').unwrap();
        let digest: String =
            Sha256::digest(bytes.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, digest, "{kind}");
        for answer in [&html, &json, &csv] {
            assert_eq!(answer.header("etag"), Some(format!("\"{hash}\"").as_str()), "{kind}");
        }
        assert!(html.body.contains(hash) && csv.body.contains("report_sha256"), "{kind}");
        assert_eq!(lab.get(&path).await.body, html.body, "{kind}: nothing has happened in between");
    }
}

#[tokio::test]
async fn a_page_may_use_its_own_style_sheet_and_nothing_else() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    let page = lab.get(&asked(Kind::Case, &case)).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(page.body.contains(STYLE));
    assert!(!page.body.contains("<script") && !page.body.contains(" style="), "nothing that the policy bars");
    assert!(page.header("content-disposition").unwrap().contains(&format!("platen-case-{case}-")));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let other = lab.get("/v1/cases").await;
    assert!(other.header("content-security-policy").unwrap().starts_with("default-src 'self'"));
}

#[tokio::test]
async fn what_was_printed_is_in_the_reports_and_no_cell_is_a_formula() {
    let lab = lab().await;
    let (case, job) = printed(&lab).await;
    let lots = lab.get(&format!("{}format=csv", asked(Kind::Lot, &case))).await.body;
    let row = lots.lines().nth(1).unwrap();
    assert!(row.contains(",'=PLA+1,'@S-17,") && row.contains(&format!(",{case}-1-1,")), "{lots}");
    assert!(row.contains(",12500,false,false,"), "{lots}");
    let value = lab.get(&format!("{}format=json", asked(Kind::Value, &case))).await.json();
    let body = &value["report"]["body"];
    assert_eq!(body["success"]["all"], json!({"hits": 1, "n": 1, "missing": 0}));
    assert_eq!(body["utilisation"]["printers"]["mk3-01"]["attempts"], 1);
    assert_eq!(body["costs"], json!(null), "there are no rates");
    let record = lab.get(&format!("{}format=json", asked(Kind::Case, &case))).await.json();
    let piece = &record["report"]["body"]["pieces"][0];
    assert_eq!((&piece["state"], &piece["jobs"][0]["job"]), (&json!("printed"), &json!(job)));
    let sheet = lab.get(&format!("{}format=json", asked(Kind::Worksheet, &case))).await.json();
    assert_eq!(sheet["report"]["needs_coder_review"], true);
    assert_eq!(sheet["report"]["body"]["proposal"]["lines"], json!([]), "nothing is released");
}

#[tokio::test]
async fn an_earlier_data_cut_gives_what_was_known_then() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    let path = format!("{}format=json", asked(Kind::Case, &case));
    let (last, head) = (lab.recorder.read(|lab| lab.counters.seq), lab.get("/v1/audit").await.json());
    let now = lab.get(&path).await.json();
    let cut = now["report"]["data_cut"]["entry"].as_u64().unwrap();
    assert_eq!(cut, last);
    let pieces = |told: &serde_json::Value| told["report"]["body"]["pieces"].as_array().unwrap().clone();
    assert_eq!(pieces(&now)[0]["lots"][0]["used_milligrams"], 12_500);
    let before = lab.get(&format!("{path}&until={}", cut - 1)).await.json();
    assert_eq!(pieces(&before)[0]["lots"][0]["used_milligrams"], json!(null));
    assert_ne!(before["sha256"], now["sha256"]);
    assert_eq!(lab.get(&format!("{path}&until={cut}")).await.json(), now);
    // The journal's own head is the report's.
    assert_eq!(now["report"]["data_cut"]["head"], head["head"]);
    // That it was made is an entry of its own by now; the earlier one, by the same hand within the hour, is not.
    for beyond in [0, cut + 2] {
        assert_eq!(lab.get(&format!("{path}&until={beyond}")).await.problem(), "beyond-the-journal");
    }
}

#[tokio::test]
async fn a_report_that_was_made_can_be_checked_by_its_hash_and_changes_no_other() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    let path = format!("{}format=json", asked(Kind::Case, &case));
    let seq = || lab.recorder.read(|lab| lab.counters.seq);
    let before = seq();
    let first = lab.get(&format!("{path}&by=kim")).await.json();
    assert_eq!(seq(), before + 1);
    let hash = first["sha256"].as_str().unwrap().to_owned();
    // The same once more, in another form and with the cut named, is not noted again.
    assert_eq!(lab.get(&format!("{path}&by=kim&until={before}")).await.json(), first);
    lab.get(&format!("{}by=kim", asked(Kind::Case, &case))).await;
    assert_eq!(seq(), before + 1);
    // Another person's and another report are, and the first stays what it was.
    assert_eq!(lab.get(&format!("{path}&by=lee")).await.json(), first);
    lab.get(&asked(Kind::Value, &case)).await;
    assert_eq!(seq(), before + 3);
    assert_eq!(lab.get(&format!("{path}&by=kim")).await.json(), first);
    let made = lab.get(&format!("/v1/reports/made?sha256={hash}")).await.json();
    let told = |n: usize| {
        let of = &made["made"][n];
        (of["kind"].clone(), of["case"].clone(), of["by"].clone(), of["until"].clone(), of["entry"].clone())
    };
    let wanted = |by: &str, entry: u64| (json!("case"), json!(case), json!(by), json!(before), json!(entry));
    assert_eq!(told(0), wanted("kim", before + 1));
    assert_eq!(told(1), wanted("lee", before + 2));
    assert_eq!(made["made"].as_array().unwrap().len(), 2, "{made}");
    let none = lab.get(&format!("/v1/reports/made?sha256={}", "a".repeat(64))).await;
    assert_eq!((none.status, &none.json()["made"]), (200, &json!([])));
    for bad in ["", "?sha256=abc", "?sha256=../x", "?of=x"] {
        assert_eq!(lab.get(&format!("/v1/reports/made{bad}")).await.status, 400, "{bad}");
    }
    // The case's story tells it; a report of the case that is taken later has it, too.
    let story = lab.get(&format!("/v1/cases/{case}/story")).await.body;
    assert!(story.contains(&format!("a report is taken by kim: Case record of case {case}")), "{story}");
    assert!(story.contains("a report is taken by lee"), "{story}");
    // What cannot be written down is not answered.
    lab.store.set_full(true);
    assert_eq!(lab.get(&format!("{path}&by=ina")).await.status, 507);
    assert_eq!(lab.get(&format!("{path}&by=kim")).await.json(), first, "that one is noted");
    lab.store.set_full(false);
}

#[tokio::test]
async fn who_asks_again_and_again_for_data_is_noted_once_an_hour_and_told_so() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    let path = format!("{}by=%20kim", asked(Kind::Case, &case));
    let seq = || lab.recorder.read(|lab| lab.counters.seq);
    let noted = |answer: &support::Answer| answer.header("platen-noted") == Some("true");
    let before = seq();
    assert!(noted(&lab.get(&format!("{path}&format=json")).await));
    assert_eq!(seq(), before + 1);
    let entry = lab.recorder.events(seq(), 1).await.unwrap().remove(0);
    assert_eq!(entry.actor, Actor::Person("kim".into()), "without the blank before it");
    // Something happens, so that the next one has another cut and another hash.
    lab.case().await;
    let before = seq();
    let again = lab.get(&format!("{path}&format=csv")).await;
    assert_eq!((noted(&again), again.header("platen-noted")), (false, Some("false")));
    assert_eq!(seq(), before);
    let hash = again.header("etag").unwrap().trim_matches('"').to_owned();
    let made = async || lab.get(&format!("/v1/reports/made?sha256={hash}")).await.json()["made"].clone();
    assert_eq!(made().await, json!([]));
    // The page is noted, and with it the same as data.
    assert!(noted(&lab.get(&path).await));
    assert_eq!(seq(), before + 1);
    assert!(noted(&lab.get(&format!("{path}&format=csv")).await));
    assert_eq!((seq(), made().await.as_array().unwrap().len()), (before + 1, 1));
    // Whose name cannot be one is told before anything is read.
    let nobody = lab.get(&format!("{}by=%3Cb%3E&until=999999", asked(Kind::Case, &case))).await;
    assert_eq!(nobody.problem(), "name-needed");
}

#[tokio::test]
async fn what_the_vault_has_stands_neither_in_the_report_of_a_lot_nor_on_its_label() {
    let lab = lab().await;
    let lots = [("Quimby", 61), ("47110815", 62), ("47110816", 63)].map(|(number, n)| {
        let about = LotAbout {
            material: words("PLA"),
            supplier_lot: words(number),
            supplier: None,
            received: "2026-03-01".parse().unwrap(),
            expires: "2099-03-01".parse().unwrap(),
            open_days: None,
            certificate: None,
            milligrams: 1_000_000,
            density: None,
        };
        (number, LotId::from_entropy([n; 16]), about)
    });
    for (_, lot, about) in &lots {
        let step = LotStep::Received { about: Box::new(about.clone()) };
        let request = Asked { by: Some("mat".into()), change: Change::Lot { lot: lot.clone(), step } };
        lab.recorder.submit(Request::Quality(Box::new(request)), Actor::Platen).await.unwrap();
    }
    // Another desk over the same folder, since in this lab nobody is set up who may keep anything.
    let (state, key) = (lab.folder.path().join("kept"), VaultKey::File(lab.folder.path().join("vault.key")));
    let place = Place { state: state.clone(), key, credentials: None };
    let boot = lab.clock.boot().clone();
    let desk = VaultDesk::open(Some(place), &state, lab.recorder.clone(), boot).await;
    let entered =
        Entered { name: Some("Quimby, Jane".into()), mrn: Some("4711-0815".into()), ..Entered::default() };
    let identifiers = Identifiers::try_from(&entered).unwrap();
    desk.keep(&"rita".parse().unwrap(), lab.case().await, identifiers).await.unwrap();
    for (number, lot, _) in lots {
        // No number of a patient's, as long as it is.
        let is_on_it = number == "47110816";
        let svg = lab.get(&format!("/v1/lots/{lot}/label?stock=100x50")).await.body;
        assert_eq!(svg.contains(number), is_on_it, "{svg}");
        assert_eq!(svg.contains("(words that may say"), !is_on_it, "{svg}");
        let report = lab.get(&format!("/v1/reports/lot?lot={lot}&format=csv")).await.body;
        assert!(!report.contains(number), "{report}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_told() {
    let lab = lab().await;
    let (case, _) = printed(&lab).await;
    let nobody = CaseToken::from_entropy([7; 16]);
    for (path, status, problem) in [
        ("/v1/reports/everything".to_owned(), 400, "no-such-report"),
        ("/v1/reports/%FF".into(), 400, "no-such-report"),
        ("/v1/reports/case".into(), 400, "report-parameters"),
        (format!("/v1/reports/value?case={case}"), 400, "report-parameters"),
        (format!("/v1/reports/case?case={nobody}"), 404, "no-such-case"),
        ("/v1/reports/case?case=x".into(), 400, "unreadable-request"),
        ("/v1/reports/printer?printer=nobody".into(), 404, "no-such-printer"),
        (format!("/v1/reports/lot?lot={}", LotId::from_entropy([8; 16])), 404, "no-such-lot"),
        ("/v1/reports/value?from=2026-02-30".into(), 400, "unreadable-request"),
        ("/v1/reports/value?from=2026-02-02&to=2026-02-01".into(), 400, "not-a-period"),
        ("/v1/reports/value?format=pdf".into(), 400, "unreadable-request"),
        ("/v1/reports/value?form=csv".into(), 400, "unreadable-request"),
    ] {
        let refused = lab.get(&path).await;
        assert_eq!((refused.status, refused.problem().as_str()), (status, problem), "{path}: {refused:?}");
    }
}
