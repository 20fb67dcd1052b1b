//! Who a case is for, over HTTP: who may, what the journal tells, and what no answer, error or log has in it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::event::Fact;
use serde_json::{Value, json};
use support::{Answer, TestLab, lab, lab_of_people};

const ADA: &str = "notes on the engine";
const JSON: &str = "Content-Type: application/json\r\n";

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
    let change = json!({"old": first, "new": own});
    assert_eq!(them.post("/v1/session/password", &change).await.status, 200);
    them
}

fn identifiers() -> Value {
    json!({"name": "Quimby, Jane", "mrn": "4711-0815", "surgery_at": "2031-07-23T07:30"})
}

async fn case(them: &As<'_>) -> String {
    let case = them.post("/v1/cases", &json!({"intended_use": "guide"})).await.json();
    case["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_a_case_is_for_is_written_read_and_erased_by_those_who_need_it_and_the_journal_tells_of_each() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let (rita, olaf) = (user(&ada, "rita", &["requester"]).await, user(&ada, "olaf", &["operator"]).await);
    let token = case(&rita).await;
    let at = |more: &str| format!("/v1/cases/{token}/identifiers{more}");
    assert_eq!(olaf.get(&at("")).await.json(), json!({"kept": false, "version": null, "vault": "open"}));
    let nothing = rita.post(&at("/read"), &json!({"reason": "handover"})).await;
    assert_eq!((nothing.status, nothing.problem().as_str()), (404, "no-identifiers"));

    let kept = rita.post(&at(""), &identifiers()).await;
    assert_eq!((kept.status, kept.json()["version"].as_u64()), (200, Some(1)), "{kept:?}");
    assert!(!kept.body.contains("Quimby"), "{kept:?}");
    let read = rita.post(&at("/read"), &json!({"reason": "handover"})).await;
    assert_eq!((read.status, read.json()), (200, identifiers()));
    assert_eq!(read.header("cache-control"), Some("no-store"));

    for (them, path, body) in [
        (&olaf, "", identifiers()),
        (&olaf, "/read", json!({"reason": "handover"})),
        (&ada, "/read", json!({"reason": "audit"})),
        (&olaf, "/erase", json!({"reason": "retention"})),
    ] {
        let refused = them.post(&at(path), &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "not-your-role"), "{path}");
        assert!(!refused.body.contains("Quimby"), "{refused:?}");
    }
    let issued = rita.post("/v1/tokens", &json!({"label": "x", "roles": ["requester"]})).await.json();
    let script = As(&lab, format!("Authorization: Bearer {}\r\n", issued["token"].as_str().unwrap()));
    let refused = script.post(&at("/read"), &json!({"reason": "handover"})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "not-with-a-token"));

    let erased = rita.post(&at("/erase"), &json!({"reason": "patient_request"})).await;
    assert_eq!((erased.status, erased.json()["kept"].as_bool()), (200, Some(false)), "{erased:?}");
    assert_eq!(rita.post(&at("/read"), &json!({"reason": "handover"})).await.status, 404);
    assert_eq!(ada.get("/v1/vault/records").await.json(), json!([]));

    let story = rita.get(&format!("/v1/cases/{token}/story")).await.body;
    for words in ["rita puts into the vault", "rita reads the identifiers", "rita erases the identifiers"] {
        assert!(story.contains(words), "{story}");
    }
    let events = lab.recorder.events(1, 10_000).await.unwrap();
    let told: Vec<_> = events.iter().filter(|event| matches!(event.fact, Fact::Identifiers(_))).collect();
    assert_eq!(told.len(), 3, "the refused ones are none: {told:?}");
    let journal = ada.get("/v1/journal").await.body;
    assert!(!journal.contains("Quimby") && !journal.contains("4711"), "the journal has whom, and not who");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_repeating_it() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = user(&ada, "rita", &["requester"]).await;
    let token = case(&rita).await;
    for (path, body) in [
        ("", json!({"mrn": 4_711_081_599_u64})),
        ("", json!({"Jane Quimby": "x"})),
        ("", json!({"name": ["Jane Quimby"]})),
        ("", json!({"birth_date": "19.05.1961 Quimby"})),
        ("", json!({})),
        ("/read", json!({"reason": "for Jane Quimby"})),
        ("/erase", json!({"reason": "Jane Quimby"})),
    ] {
        let refused = rita.post(&format!("/v1/cases/{token}/identifiers{path}"), &body).await;
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        refused.problem();
        for secret in ["Quimby", "Jane", "4711", "1961"] {
            assert!(!refused.json()["detail"].as_str().unwrap().contains(secret), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn where_nobody_is_set_up_nobody_writes_down_who_a_case_is_for() {
    let lab = lab().await;
    let token = lab.case().await;
    for (path, body) in [
        ("", identifiers()),
        ("/read", json!({"reason": "audit"})),
        ("/erase", json!({"reason": "retention"})),
    ] {
        let refused = lab.post(&format!("/v1/cases/{token}/identifiers{path}"), &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "nobody-set-up"));
    }
}

#[tokio::test]
async fn words_that_have_the_case_s_own_identifiers_in_them_are_refused_and_those_of_another_case_are_not() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = user(&ada, "rita", &["requester", "designer"]).await;
    let (token, other) = (case(&rita).await, case(&rita).await);
    assert_eq!(rita.post(&format!("/v1/cases/{token}/identifiers"), &identifiers()).await.status, 200);
    let message = |case: &str| format!("/v1/cases/{case}/messages");
    for text in ["Jane Quimby is here", "47110815", "on 23.07.2031", "JQUIMBY"] {
        let refused = rita.post(&message(&token), &json!({"text": text})).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "names-a-patient"),
            "{text}: {refused:?}"
        );
        assert!(!refused.body.contains(text), "{refused:?}");
    }
    let refused = rita.post(&format!("/v1/cases/{token}/parts"), &json!({"name": "femur quimby"})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "names-a-patient"), "{refused:?}");
    assert_eq!(
        rita.post(&format!("/v1/cases/{token}/parts"), &json!({"name": "left femur"})).await.status,
        201
    );
    assert_eq!(rita.post(&message(&other), &json!({"text": "Jane Quimby is here"})).await.status, 201);
    // A day that is one, and not words: the part is needed on the day of the surgery.
    let about = json!({"kind": "model", "service": "cardiac surgery", "needed_by": "2031-07-23"});
    let described =
        rita.post(&format!("/v1/cases/{token}/steps"), &json!({"is": "described", "about": about})).await;
    assert_eq!(described.status, 200, "{described:?}");
}

#[tokio::test]
async fn words_about_no_case_that_have_anybody_s_identifiers_in_them_are_refused_by_the_field() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = user(&ada, "rita", &["requester", "materials", "inspector", "maintenance", "releaser"]).await;
    let token = case(&rita).await;
    assert_eq!(rita.post(&format!("/v1/cases/{token}/identifiers"), &identifiers()).await.status, 200);
    let lot = |supplier: &str| {
        json!({"material": "white PLA", "supplier_lot": "L-1", "supplier": supplier,
        "received": "2020-01-01", "expires": "2099-01-01", "grams": 1000})
    };
    let instrument =
        |name: &str, what: &str| json!({"name": name, "what": what, "calibration_due": "2099-01-01"});
    let item =
        json!({"name": "for Jane", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    let template = |name: &str| json!({"name": name, "method": "visual", "items": [item]});
    let fault = |what: &str| json!({"about": {"of": "printer", "printer": "mk3-01"}, "cause": "other", "severity": "minor", "what": what});
    for (path, body, field) in [
        ("/v1/lots", lot("Quimby"), "supplier"),
        ("/v1/instruments", instrument("caliper", "caliper of Jane"), "what"),
        ("/v1/instruments", instrument("quimby-2", "caliper"), "name"),
        ("/v1/templates", template("look"), "items/0/name"),
        ("/v1/nonconformances", fault("4711 0815 broke it"), "what"),
        ("/v1/printers/mk3-01/qualification", json!({"is": "withdrawn", "why": "JQuimby"}), "why"),
    ] {
        let refused = rita.post(path, &body).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "names-a-patient"),
            "{path}: {refused:?}"
        );
        assert!(refused.body.contains(&format!("`{field}` has")), "{field}: {refused:?}");
        for secret in ["Quimby", "quimby", "Jane", "0815"] {
            assert!(!refused.body.contains(secret), "{refused:?}");
        }
    }
    for (path, body) in [
        ("/v1/lots", lot("rita's shop")),
        ("/v1/instruments", instrument("caliper", "digital caliper 150 mm")),
        ("/v1/nonconformances", fault("the belt broke on 23.07.2031")),
    ] {
        let taken = rita.post(path, &body).await;
        assert_eq!(taken.status, 201, "{path}: {taken:?}");
    }
}

#[tokio::test]
async fn an_admin_has_the_vault_sealed_with_another_key_and_copies_what_is_sealed() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = user(&ada, "rita", &["requester"]).await;
    let token = case(&rita).await;
    assert_eq!(rita.post(&format!("/v1/cases/{token}/identifiers"), &identifiers()).await.status, 200);
    assert_eq!(ada.get("/v1/vault/records").await.json(), json!([token]));
    let record = ada.get(&format!("/v1/vault/records/{token}")).await;
    assert!(record.status == 200 && record.body.starts_with("platenV1"), "{record:?}");
    assert!(!record.body.contains("Quimby"));
    assert_eq!(rita.get(&format!("/v1/vault/records/{token}")).await.status, 403);
    let (key, state) = (lab.folder.path().join("vault.key"), lab.folder.path().join("kept"));
    platen::io::vault::Keys::add(&key, &state).unwrap();
    let resealed = ada.post("/v1/vault/reseal", &json!({})).await;
    assert_eq!(resealed.json(), json!({"changed": 1, "unchanged": 0, "failed": []}), "{resealed:?}");
    let read = rita.post(&format!("/v1/cases/{token}/identifiers/read"), &json!({"reason": "audit"})).await;
    assert_eq!(read.json(), identifiers());
}
