//! OctoPrint's REST API and its stream of messages, as far as slicers and dashboards use them.
//!
//! Shapes are those before version 2.0: every program still reads them. Where `X-OctoPrint-Api-Version` asks
//! for 2.0, the version, the printer's storage and the answer to an upload are as they are there, and no more.
//! What platen adds stands under the key `platen`, where no program of OctoPrint's looks.

pub mod appkeys;
mod files;
mod host;
mod job;
mod printer;
mod socket;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::super::AppState;
use super::super::door::Asker;
use super::super::given::body_cut;
use super::super::problem::{Problem, with_retry};
use super::super::public::root;
use super::Place;
use super::look::Doing;

/// In whose name something is done where nobody is set up.
const SOMEBODY: &str = "a slicer";
const API_VERSION: HeaderName = HeaderName::from_static("x-octoprint-api-version");

pub fn routes() -> Router<AppState> {
    host::routes()
        .merge(appkeys::routes())
        .merge(files::routes())
        .merge(job::routes())
        .merge(printer::routes())
        .merge(socket::routes())
}

/// Whoever is not let in, or what is wrong, in this dialect's form.
pub fn refused(problem: Problem) -> Response {
    // OctoPrint knows no 401: its programs take 403 for a key that is missing or wrong.
    let status = match problem.status {
        401 => StatusCode::FORBIDDEN,
        status => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let told = json!({ "error": format!("{}; {}", problem.detail, problem.help) });
    with_retry((status, Json(told)).into_response())
}

/// A problem that is told as OctoPrint's programs expect it.
#[derive(Debug)]
struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(self.0)
    }
}

type Answer = Result<Response, Refused>;

/// 200 with a body.
fn yes(body: Value) -> Answer {
    Ok(Json(body).into_response())
}

/// 204: it is done, or need not be.
fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn conflict(detail: &str, help: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "wrong-state", detail, help)
}

fn unknown_command(command: &str, known: &str) -> Refused {
    let command: String = command.chars().filter(|c| !c.is_control()).take(40).collect();
    Problem::unreadable(format!("there is no command \"{command}\" here"), format!("send one of {known}"))
        .into()
}

/// Which queue is meant.
struct Here(Place);

impl FromRequestParts<AppState> for Here {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Refused> {
        Ok(Self(Place::from_request_parts(parts, app).await?))
    }
}

/// What stands in the path beside the place: the prefix has parameters of its own.
struct InPath(Vec<(String, String)>);

impl FromRequestParts<AppState> for InPath {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Refused> {
        let unread = |_| Problem::unreadable("the path is not UTF-8", "percent-encode it as UTF-8");
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(unread)?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl InPath {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// A JSON object, however it is declared: some programs send none of the headers that they should.
struct Body(Map<String, Value>);

impl FromRequest<AppState> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, app).await;
        let bytes = bytes.map_err(|error: BytesRejection| body_cut(&error))?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            // What serde says of it could repeat a password.
            _ => Err(Problem::unreadable("the body is no JSON object", "send a JSON object").into()),
        }
    }
}

impl Body {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// `true`, in JSON or as a form would say it.
    fn is_set(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(is)) => *is,
            Some(Value::String(text)) => super::receive::is_yes(text),
            _ => false,
        }
    }

    fn command(&self) -> &str {
        self.text("command").unwrap_or_default()
    }
}

/// In whose name something is done.
fn by(asker: &Asker) -> Result<String, Problem> {
    Ok(asker.by_if_known(None)?.unwrap_or_else(|| SOMEBODY.into()))
}

/// `http://host:port/p/<printer>`: what the program's own paths begin with.
fn base(app: &AppState, headers: &HeaderMap, place: &Place) -> String {
    format!("{}{}", root(&app.config, headers), place.prefix())
}

/// Whether a program asks for the shapes that OctoPrint has since version 2.0; without a word it gets the older.
fn wants_2(headers: &HeaderMap) -> bool {
    let asked = headers.get(API_VERSION).and_then(|version| version.to_str().ok()).unwrap_or_default();
    let major = asked.trim().split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 2)
}

/// One name, as it stands in a URL.
fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// OctoPrint's names of a state: for programs, and for people.
fn state(doing: Doing, words: &str) -> (&'static str, String) {
    let (id, text) = match doing {
        Doing::Offline => ("OFFLINE", "Offline"),
        Doing::Connecting => ("CONNECTING", "Connecting"),
        Doing::Operational => ("OPERATIONAL", "Operational"),
        Doing::Printing => ("PRINTING", "Printing"),
        Doing::Pausing => ("PAUSING", "Pausing"),
        Doing::Paused => ("PAUSED", "Paused"),
        Doing::Finishing => ("FINISHING", "Finishing"),
        Doing::Cancelling => ("CANCELLING", "Cancelling"),
        Doing::Error => return ("ERROR", format!("Error: {words}")),
    };
    (id, text.to_owned())
}

/// All of them are there always: programs index them.
fn flags(doing: Doing) -> Value {
    let is = |all: &[Doing]| all.contains(&doing);
    json!({
        "operational": doing.is_operational(),
        "printing": is(&[Doing::Printing, Doing::Pausing, Doing::Finishing, Doing::Cancelling]),
        "pausing": is(&[Doing::Pausing]),
        "paused": is(&[Doing::Paused]),
        "resuming": false,
        "finishing": is(&[Doing::Finishing]),
        "cancelling": is(&[Doing::Cancelling]),
        "ready": is(&[Doing::Operational]),
        "error": is(&[Doing::Error]),
        "closedOrError": is(&[Doing::Offline, Doing::Error]),
        "sdReady": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Doing; 9] = [
        Doing::Offline,
        Doing::Connecting,
        Doing::Operational,
        Doing::Printing,
        Doing::Pausing,
        Doing::Paused,
        Doing::Finishing,
        Doing::Cancelling,
        Doing::Error,
    ];

    #[test]
    fn each_state_has_its_name_and_every_flag_is_there() {
        for (doing, id, set) in [
            (Doing::Offline, "OFFLINE", "closedOrError"),
            (Doing::Connecting, "CONNECTING", ""),
            (Doing::Operational, "OPERATIONAL", "operational ready"),
            (Doing::Printing, "PRINTING", "operational printing"),
            (Doing::Pausing, "PAUSING", "operational pausing printing"),
            (Doing::Paused, "PAUSED", "operational paused"),
            (Doing::Finishing, "FINISHING", "finishing operational printing"),
            (Doing::Cancelling, "CANCELLING", "cancelling operational printing"),
            (Doing::Error, "ERROR", "closedOrError error"),
        ] {
            assert_eq!(state(doing, "x").0, id);
            let flags = flags(doing);
            let flags = flags.as_object().unwrap();
            let mut now: Vec<_> =
                flags.iter().filter(|(_, is)| **is == true).map(|(name, _)| name.as_str()).collect();
            now.sort_unstable();
            assert_eq!(now.join(" "), set, "{doing:?}");
            assert_eq!(flags.len(), 11, "{doing:?}");
        }
        assert_eq!(state(Doing::Error, "stopped").1, "Error: stopped");
    }

    #[test]
    fn a_printer_is_never_ready_and_busy_at_once() {
        for doing in ALL {
            let flags = flags(doing);
            assert!(!(flags["ready"] == true && doing.is_busy()), "{doing:?}");
        }
    }

    #[test]
    fn a_missing_key_is_forbidden_and_says_what_to_do() {
        let problem =
            Problem::new(StatusCode::UNAUTHORIZED, "not-signed-in", "nobody is signed in", "send a key");
        assert_eq!(refused(problem).status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn the_shapes_of_2_are_for_who_asks_for_them() {
        let wants =
            |version: &'static str| wants_2(&HeaderMap::from_iter([(API_VERSION, version.parse().unwrap())]));
        assert!(["2.0.0", " 2", "2.1", "10.0.0"].into_iter().all(wants));
        assert!(!["1.11.6", "0.1", "", "two", "2x"].into_iter().any(wants));
        assert!(!wants_2(&HeaderMap::new()));
    }

    #[test]
    fn a_name_in_a_url_is_plain() {
        assert_eq!(segment("left-femur v2-ab12.gcode"), "left-femur%20v2-ab12.gcode");
        assert_eq!(segment("a/b?é"), "a%2Fb%3F%C3%A9");
    }
}
