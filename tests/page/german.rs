//! What the API answers to a form is in the language of its page, and in English to everybody else.

use crate::support::{TestLab, lab};
use serde_json::Value;

const JSON: &str = "Content-Type: application/json\r\n";
const GERMAN: &str = "Cookie: platen-language=de\r\n";

async fn problem(lab: &TestLab, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let answer = lab.send(method, path, &format!("{JSON}{headers}"), body.as_bytes()).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn a_refused_form_is_answered_in_german_on_a_german_page_and_in_english_elsewhere() {
    let lab = lab().await;
    let path = "/v1/jobs/0000000000000000/cancel";
    let asked = async |headers: &str| {
        let (status, mut told) = problem(&lab, "POST", path, headers, "{\"by\":\"kim\"}").await;
        // Each request has a number of its own.
        assert!(told.as_object_mut().unwrap().remove("request").is_some(), "{told}");
        (status, told)
    };
    let (status, english) = asked("").await;
    let (same, german) = asked(GERMAN).await;
    assert_eq!((status, same), (404, 404), "{english} {german}");
    for key in ["type", "status"] {
        assert_eq!(english[key], german[key], "{key}");
    }
    assert_eq!(english["title"], "No such job");
    assert_eq!(german["title"], "Kein solcher Auftrag");
    assert_eq!(german["detail"], "Es gibt keinen Auftrag 0000000000000000");
    assert!(!german["help"].as_str().unwrap().contains("lists"), "{german}");
    // A browser says where it asks from; a program that only likes German goes by what it knows.
    let liked = "Accept-Language: de-DE,de;q=0.9\r\n";
    let (_, browser) = asked(&format!("{liked}Sec-Fetch-Site: same-origin\r\n")).await;
    assert_eq!(browser, german);
    let (_, program) = asked(liked).await;
    assert_eq!(program, english);
    let (_, chosen) =
        asked(&format!("{liked}Sec-Fetch-Site: same-origin\r\nCookie: platen-language=en\r\n")).await;
    assert_eq!(chosen, english);
}

#[tokio::test]
async fn what_is_found_in_a_file_is_told_in_german_with_its_code_as_it_is() {
    let lab = lab().await;
    let case = lab.case().await;
    let file = lab.upload(b"G20\nG90\nM83\nG28\nM104 S200\nG1 X1 Y1 F3000\nM104 S0\n").await;
    let file: Value = serde_json::from_str(&file.body).unwrap();
    let order =
        serde_json::json!({"case": case.to_string(), "part": 1, "file": file["file"], "material": "PLA"})
            .to_string();
    let (status, english) = problem(&lab, "POST", "/v1/jobs", "", &order).await;
    let (same, german) = problem(&lab, "POST", "/v1/jobs", GERMAN, &order).await;
    assert_eq!((status, same), (422, 422), "{english}");
    let (english, german) = (english["findings"].as_array().unwrap(), german["findings"].as_array().unwrap());
    assert!(!english.is_empty());
    for (one, other) in english.iter().zip(german) {
        for key in ["code", "severity", "line", "printers"] {
            assert_eq!(one[key], other[key], "{key}");
        }
        assert_ne!(one["what"], other["what"]);
        assert_ne!(one["help"], other["help"]);
    }
}

#[tokio::test]
async fn a_refused_sign_in_and_a_wrong_address_are_told_in_german() {
    let lab = lab().await;
    let (status, told) =
        problem(&lab, "POST", "/v1/session", GERMAN, "{\"name\":\"kim\",\"password\":\"x\"}").await;
    assert_eq!(status, 409, "{told}");
    assert_eq!(told["title"], "Niemand eingerichtet");
    let (status, told) = problem(&lab, "GET", "/v1/nothing", GERMAN, "").await;
    assert_eq!(
        (status, told["detail"].as_str()),
        (404, Some("Unter dieser Adresse gibt es nichts")),
        "{told}"
    );
}
