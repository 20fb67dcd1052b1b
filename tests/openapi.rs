//! `/openapi.json` by the rules of OpenAPI 3.1, and against what the router really answers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{GCODE, TestLab, described, description, lab};

const PROBLEM: &str = "application/problem+json";

struct Operation {
    /// `GET /v1/jobs`
    name: String,
    path: &'static str,
    value: &'static Value,
}

fn operations() -> Vec<Operation> {
    let paths = description()["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, value)| Operation {
            name: format!("{} {path}", method.to_uppercase()),
            path,
            value,
        })
    });
    each.collect()
}

fn said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Every `$ref` below a value.
fn references<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, into));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

#[test]
fn the_document_says_what_it_is() {
    let document = description();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(said(&document["info"]["title"]) && said(&document["info"]["version"]));
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "{path}");
        assert!(item.as_object().unwrap().keys().all(|method| methods.contains(&method.as_str())), "{path}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let mut all = Vec::new();
    references(description(), &mut all);
    assert!(all.contains(&"#/components/schemas/Problem"));
    for reference in all {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(description().pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for Operation { name, value, .. } in operations() {
        let id = value["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no operationId"));
        assert!(names.insert(id), "{name}: {id} is another's name already");
        assert!(said(&value["summary"]) || said(&value["description"]), "{name} says nothing of itself");
    }
}

#[test]
fn the_parameters_of_a_path_are_those_that_are_declared() {
    for Operation { name, path, value } in operations() {
        let template: BTreeSet<_> =
            path.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        let (mut declared, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for parameter in value["parameters"].as_array().into_iter().flatten() {
            let (key, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
            assert!(["path", "query", "header"].contains(&place), "{name}: {parameter}");
            assert!(seen.insert((key, place)), "{name}: {key} is declared twice");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            if place == "path" {
                assert_eq!(parameter["required"], true, "{name}: {parameter}");
                declared.insert(key);
            }
        }
        assert_eq!(declared, template, "{name}");
    }
}

#[test]
fn every_response_is_described_and_every_refusal_is_a_problem() {
    for Operation { name, value, .. } in operations() {
        if let Some(body) = value.get("requestBody") {
            assert!(body["content"].as_object().is_some_and(|all| !all.is_empty()), "{name}: {body}");
            // A stop is a stop without a word.
            assert!(name != "POST /v1/stop" || body["required"] != true, "{name}: {body}");
        }
        let responses = value["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} never says yes");
        for (status, response) in responses {
            let number: u16 = status.parse().unwrap_or_else(|_| panic!("{name}: status {status}"));
            assert!((100..600).contains(&number), "{name}: status {status}");
            assert!(said(&response["description"]), "{name}: {status} has no description");
            let content =
                response["content"].as_object().unwrap_or_else(|| panic!("{name}: {status} has no body"));
            for (kind, body) in content {
                assert!(kind.contains('/') && body["schema"].is_object(), "{name}: {status} {kind}");
            }
            // A sick daemon tells of itself in the same shape as a healthy one.
            let health = name == "GET /healthz" && number == 503;
            if number >= 400 && !health {
                let kinds: Vec<_> = content.keys().collect();
                assert_eq!(kinds, [PROBLEM], "{name}: {status}");
                assert_eq!(
                    content[PROBLEM]["schema"]["$ref"], "#/components/schemas/Problem",
                    "{name}: {status}"
                );
            }
        }
    }
}

/// Asks, and notes which operation gave which status. That each is declared, `send` looks at itself.
async fn ask(lab: &TestLab, seen: &mut BTreeSet<(String, u16)>, ask: &str, headers: &str, body: &str) -> u16 {
    let (method, path) = ask.split_once(' ').unwrap();
    let answer = lab.send(method, path, headers, body.as_bytes()).await;
    let item = described(path).unwrap_or_else(|| panic!("{ask} is not described"));
    let id = item.get(&method.to_lowercase()).unwrap_or_else(|| item.values().next().unwrap());
    seen.insert((id["operationId"].as_str().unwrap().to_owned(), answer.status));
    answer.status
}

#[tokio::test]
async fn what_the_router_answers_is_declared() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let file = lab.upload(GCODE).await.json()["file"].as_str().unwrap().to_owned();
    let mut seen = BTreeSet::new();
    let filled = |path: &str| {
        let path = path.replace("{token}", case.as_str()).replace("{id}", job.as_str());
        let path = path
            .replace("{hash}", &file)
            .replace("{name}", "mk3-01")
            .replace("{part}", "1")
            .replace("{kind}", "value");
        path.replace("{serial}", &format!("{case}-1-1")).replace("{lot}", "0000000000000000")
    };
    // What everybody may run into, on every route.
    for Operation { name, path, .. } in operations() {
        let (method, _) = name.split_once(' ').unwrap();
        let real = format!("{method} {}", filled(path));
        assert_eq!(ask(&lab, &mut seen, &real, "Host: evil.example\r\n", "").await, 421, "{real}");
        let two = "Host: localhost\r\nHost: localhost\r\n";
        assert_eq!(ask(&lab, &mut seen, &real, two, "").await, 400, "{real}");
        let put = format!("PUT {}", filled(path));
        assert_eq!(ask(&lab, &mut seen, &put, "", "").await, 405, "{put}");
        if path.contains('{') {
            let bad = format!("{method} {}", path.replace('{', "%00").replace('}', ""));
            // A missing body is told before a wrong name, or after: both are declared.
            let status = ask(&lab, &mut seen, &bad, "Content-Type: application/json\r\n", "{}").await;
            assert_eq!(status, 400, "{bad}");
        }
        if method == "POST" {
            let foreign = "Origin: http://evil.example\r\n";
            assert_eq!(ask(&lab, &mut seen, &real, foreign, "").await, 403, "{real}");
            let large = "x".repeat(2 << 20);
            let json = "Content-Type: application/json\r\n";
            let status = ask(&lab, &mut seen, &real, json, &large).await;
            // The server may close before all is sent.
            assert!(matches!(status, 413 | 0), "{real}: {status}");
            if !["/v1/stop", "/v1/files", "/v1/models", "/v1/photos"].contains(&path) {
                assert_eq!(ask(&lab, &mut seen, &real, "", "{}").await, 415, "{real}");
            }
        }
    }
    // What only some do.
    let json = "Content-Type: application/json\r\n";
    let by = r#"{"by":"kim"}"#;
    let new_job = json!({"file": file, "case": case, "part": 1}).to_string();
    let no_part = json!({"file": file, "case": case, "part": 9}).to_string();
    let of_model = json!({"model": {"hash": file, "process": "fine"}, "case": case, "part": 1}).to_string();
    #[rustfmt::skip]
    let table = [
        ("GET /v1/cases/0123456789abc".to_owned(), "", 400),
        ("GET /v1/jobs/0000000000000000".into(), "", 404),
        ("GET /v1/printers/nobody".into(), "", 404),
        ("GET /v1/printers/nobody/temperatures".into(), "", 404),
        ("GET /v1/printers/mk3-01/temperatures?minutes=31".into(), "", 400),
        (format!("GET /v1/files/{}", "a".repeat(64)), "", 404),
        ("GET /v1/events?after=999999".into(), "", 409),
        ("GET /v1/audit".into(), "", 200),
        ("GET /healthz".into(), "", 200),
        ("POST /v1/files".into(), "", 422),
        ("POST /v1/models".into(), "", 422),
        ("POST /v1/photos".into(), "", 422),
        (format!("GET /v1/photos/{}", "a".repeat(64)), "", 404),
        ("POST /v1/scans".into(), r#"{"code":"4006381333931"}"#, 422),
        ("POST /v1/jobs".into(), &of_model, 422),
        ("POST /v1/jobs".into(), &new_job, 201),
        ("POST /v1/jobs".into(), &no_part, 404),
        (format!("POST /v1/jobs/{job}/pause"), by, 409),
        ("POST /v1/printers/mk3-01/clear-bed".into(), by, 409),
        ("POST /v1/printers/nobody/clear-latch".into(), by, 404),
        ("POST /v1/stop".into(), r#"{"printer":"nobody"}"#, 404),
        ("POST /v1/stop".into(), "null", 200),
        ("POST /v1/stop".into(), "", 200),
    ];
    for (what, body, status) in table {
        let headers = if body.is_empty() { "" } else { json };
        assert_eq!(ask(&lab, &mut seen, &what, headers, body).await, status, "{what} {body}");
    }
    lab.store.set_full(true);
    assert_eq!(ask(&lab, &mut seen, "POST /v1/cases", json, r#"{"intended_use":"guide"}"#).await, 507);
    assert_eq!(ask(&lab, &mut seen, "POST /v1/jobs", json, &new_job).await, 507);
    lab.store.set_full(false);
    let kept = lab.folder.path().join("files").join(&file);
    std::fs::remove_file(&kept).unwrap();
    std::fs::write(&kept, "").unwrap();
    assert_eq!(ask(&lab, &mut seen, &format!("GET /v1/files/{file}"), "", "").await, 410);
    assert_eq!(ask(&lab, &mut seen, "POST /v1/jobs", json, &new_job).await, 410);
    lab.recorder.close().await;
    assert_eq!(ask(&lab, &mut seen, "GET /healthz", "", "").await, 503);
    assert_eq!(ask(&lab, &mut seen, "POST /v1/cases", json, r#"{"intended_use":"guide"}"#).await, 503);
    assert!(seen.len() > operations().len() * 3, "{seen:?}");
}
