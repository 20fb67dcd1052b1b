//! What the API answers to the page, in the page's language: programs get the English that they know.
//!
//! ```text
//! German page ─▶ POST /v1/… ─▶ problem+json, English ─▶ title, detail, help and findings told in German
//! ```
//! Only words for people change, never what a program would go by. A program that sends neither the page's cookie nor
//! what a browser says of where it asks from gets its answer untouched.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::viewer::{LANGUAGE_COOKIE, capital, chosen, cookie};
use super::words::{Language, sentences};
use crate::api::answers::PROBLEM;

/// A longer body is no answer to a form.
const BODY_MAX: usize = 64 << 10;
/// Answers beside problems whose words the page shows as they are, by the begin of their path.
const SHOWN: [&str; 3] = ["/v1/commissioning/", "/v1/reports/worksheet", "/v1/queue/"];
/// What they say to people, by its key; lists of sentences too.
const WORDS: [&str; 7] = ["words", "help", "reason", "instead", "hints", "warnings", "note"];

/// The middleware around every route.
pub async fn told(request: Request, next: Next) -> Response {
    let language = of_page(request.headers());
    let is_shown = SHOWN.iter().any(|path| request.uri().path().starts_with(path));
    let response = next.run(request).await;
    match language {
        Language::English => response,
        language => in_language(language, is_shown, response).await,
    }
}

/// The language of the page that asks; English for whatever is none.
fn of_page(headers: &HeaderMap) -> Language {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_chosen = cookie(text(header::COOKIE.as_str()), LANGUAGE_COOKIE).is_some();
    let is_browser = text("sec-fetch-site") == "same-origin";
    if has_chosen || is_browser { chosen(headers) } else { Language::English }
}

async fn in_language(language: Language, is_shown: bool, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let tell: fn(Language, &mut Value) = match kind.unwrap_or_default() {
        PROBLEM => problem,
        "application/json" if is_shown => shown,
        _ => return response,
    };
    let is_small = response.body().size_hint().exact().is_some_and(|size| size <= BODY_MAX as u64);
    if !is_small || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It is all there, in memory: reading it does not fail.
    let bytes = to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    tell(language, &mut value);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code()));
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// Titles, details and findings are sentences of their own; a help stands behind a colon.
fn problem(language: Language, value: &mut Value) {
    for key in ["title", "detail"] {
        sentence(language, value.get_mut(key));
    }
    say(language, value.get_mut("help"));
    for finding in value.get_mut("findings").and_then(Value::as_array_mut).into_iter().flatten() {
        for key in ["what", "help"] {
            sentence(language, finding.get_mut(key));
        }
    }
}

fn sentence(language: Language, value: Option<&mut Value>) {
    if let Some(Value::String(text)) = value {
        *text = capital(&sentences::say(language, text));
    }
}

fn say(language: Language, value: Option<&mut Value>) {
    match value {
        Some(Value::String(text)) => *text = sentences::say(language, text).into_owned(),
        Some(Value::Array(all)) => {
            for one in all {
                // What is no sentence has a place of its own below.
                if one.is_string() {
                    say(language, Some(one));
                }
            }
        }
        _ => {}
    }
}

/// All words for people in an answer, however deep. As deep as what we made ourselves.
fn shown(language: Language, value: &mut Value) {
    match value {
        Value::Array(all) => {
            for one in all {
                shown(language, one);
            }
        }
        Value::Object(all) => {
            for (key, one) in all {
                if WORDS.contains(&key.as_str()) {
                    say(language, Some(one));
                }
                shown(language, one);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asks(headers: &[(&'static str, &'static str)]) -> Language {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        of_page(&headers.collect())
    }

    #[test]
    fn only_a_page_that_is_read_in_german_is_answered_in_german() {
        let german = ("accept-language", "de-DE,de;q=0.9,en;q=0.5");
        for (headers, wanted) in [
            (vec![("cookie", "a=b; platen-language=de")], Language::German),
            (vec![german, ("sec-fetch-site", "same-origin")], Language::German),
            (
                vec![german, ("cookie", "platen-language=en"), ("sec-fetch-site", "same-origin")],
                Language::English,
            ),
            (vec![german], Language::English),
            (vec![german, ("sec-fetch-site", "cross-site")], Language::English),
            (vec![("accept-language", "en,de"), ("sec-fetch-site", "same-origin")], Language::English),
            (vec![], Language::English),
        ] {
            assert_eq!(asks(&headers), wanted, "{headers:?}");
        }
    }

    #[test]
    fn what_a_program_goes_by_and_names_stay_as_they_are() {
        let before = json!({
            "type": "urn:platen:problem:no-such-case", "title": "No such case", "status": 404,
            "detail": "there is no case 000000000000q", "help": "nobody has said that",
            "findings": [{"code": "heat.none", "severity": "error", "line": 7,
                "what": "filament moves, and nothing ever heats the nozzle", "help": "x", "printers": ["none"]}],
        });
        let mut after = before.clone();
        problem(Language::German, &mut after);
        for path in
            ["/type", "/status", "/help", "/findings/0/code", "/findings/0/printers", "/findings/0/line"]
        {
            assert_eq!(after.pointer(path), before.pointer(path), "{path}");
        }
        assert_eq!(after["title"], "Kein solcher Fall");
        assert_eq!(after["detail"], "Es gibt keinen Fall 000000000000q");
        assert_ne!(after["findings"][0]["what"], before["findings"][0]["what"]);
    }

    #[test]
    fn sentences_are_told_wherever_they_stand_in_what_is_shown() {
        let mut found = json!({"outcome": "none", "words": "paused", "tried": [{"baud": 1, "words": "bed"}],
            "hints": ["paused", "x"], "name": "bed"});
        shown(Language::German, &mut found);
        assert_eq!(
            found,
            json!({"outcome": "none", "words": "in Pause", "tried": [{"baud": 1, "words": "Bett"}],
                "hints": ["in Pause", "x"], "name": "bed"})
        );
    }

    #[tokio::test]
    async fn what_is_long_or_no_answer_to_a_form_goes_on_as_it_is() {
        let body = |kind: &'static str, text: String| {
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let long = format!("{{\"title\":\"Held\",\"detail\":\"{}\"}}", "x".repeat(BODY_MAX));
        for (kind, text) in [
            (PROBLEM, long),
            (PROBLEM, "no JSON".to_owned()),
            ("application/json", "{\"title\":\"Held\",\"words\":\"paused\"}".to_owned()),
            ("text/plain", "Held".to_owned()),
        ] {
            let told = in_language(Language::German, false, body(kind, text.clone())).await;
            assert!(!told.headers().contains_key(header::CONTENT_LANGUAGE), "{kind}");
            let same = to_bytes(told.into_body(), 1 << 20).await.unwrap();
            assert_eq!(same, text.as_bytes(), "{kind}");
        }
        let told = in_language(Language::German, false, body(PROBLEM, "{\"title\":\"Held\"}".into())).await;
        assert_eq!(told.headers()[header::CONTENT_LANGUAGE], "de");
        let said = to_bytes(told.into_body(), 1 << 20).await.unwrap();
        assert_eq!(said, "{\"title\":\"Zurückgehalten\"}".as_bytes());
    }
}
