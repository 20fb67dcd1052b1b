//! Moonraker's ways, as slicers, dashboards and Home Assistant use them, over HTTP and over a socket.
//!
//! ```text
//! GET /printer/info ──────────────┐
//!                                 ├─▶ call(app, asker, place, method, params) ─▶ {"result": …}
//! {"method": "printer.info"} ─────┘
//! ```
//! What is beside it: a form with a file, a file given out, and the socket itself.

pub mod call;
pub mod files;
pub mod objects;
pub mod rpc;
pub mod socket;
pub mod sockets;

use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Query, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::convert::Infallible;

use super::super::AppState;
use super::super::door::Asker;
use super::super::given::BODY_MAX;
use super::super::problem::{Problem, with_retry};
use super::Place;
use super::look::ToStop;
use call::{RpcError, call, is_stop};

pub use sockets::Sockets;

/// What is asked over HTTP, and the method that it is.
pub const TWINS: &[(&str, &str, &str)] = &[
    ("GET", "/server/info", "server.info"),
    ("GET", "/server/config", "server.config"),
    ("GET", "/server/files/list", "server.files.list"),
    ("GET", "/server/files/directory", "server.files.get_directory"),
    ("GET", "/server/files/metadata", "server.files.metadata"),
    ("GET", "/server/files/roots", "server.files.roots"),
    ("GET", "/server/files/thumbnails", "server.files.thumbnails"),
    ("DELETE", "/server/files/gcodes/{*path}", "server.files.delete_file"),
    ("GET", "/server/job_queue/status", "server.job_queue.status"),
    ("GET", "/server/history/list", "server.history.list"),
    ("GET", "/server/history/totals", "server.history.totals"),
    ("GET", "/server/history/job", "server.history.get_job"),
    ("GET", "/server/temperature_store", "server.temperature_store"),
    ("GET", "/server/gcode_store", "server.gcode_store"),
    ("GET", "/server/webcams/list", "server.webcams.list"),
    ("GET", "/server/announcements/list", "server.announcements.list"),
    ("GET", "/server/database/list", "server.database.list"),
    ("GET", "/server/database/item", "server.database.get_item"),
    ("POST", "/server/database/item", "server.database.post_item"),
    ("DELETE", "/server/database/item", "server.database.delete_item"),
    ("GET", "/printer/info", "printer.info"),
    ("GET", "/printer/objects/list", "printer.objects.list"),
    ("GET", "/printer/objects/query", "printer.objects.query"),
    ("POST", "/printer/objects/query", "printer.objects.query"),
    ("POST", "/printer/objects/subscribe", "printer.objects.subscribe"),
    ("POST", "/printer/print/start", "printer.print.start"),
    ("POST", "/printer/print/pause", "printer.print.pause"),
    ("POST", "/printer/print/resume", "printer.print.resume"),
    ("POST", "/printer/print/cancel", "printer.print.cancel"),
    ("POST", "/printer/emergency_stop", STOP),
    ("POST", "/printer/gcode/script", "printer.gcode.script"),
    ("GET", "/printer/gcode/help", "printer.gcode.help"),
    ("POST", "/printer/restart", "printer.restart"),
    ("POST", "/printer/firmware_restart", "printer.firmware_restart"),
    ("GET", "/machine/system_info", "machine.system_info"),
    ("GET", "/machine/proc_stats", "machine.proc_stats"),
    ("GET", "/machine/update/status", "machine.update.status"),
    ("GET", "/machine/device_power/devices", "machine.device_power.devices"),
    ("GET", "/access/info", "access.info"),
    ("GET", "/access/user", "access.get_user"),
    ("GET", "/access/oneshot_token", "access.oneshot_token"),
    ("POST", "/access/oneshot_token", "access.oneshot_token"),
    ("GET", "/access/api_key", "access.get_api_key"),
    ("POST", "/access/api_key", "access.get_api_key"),
];

const STOP: &str = "printer.emergency_stop";

pub fn routes() -> Router<AppState> {
    let others = Router::new()
        .route("/server/files/upload", post(files::upload).layer(DefaultBodyLimit::disable()))
        .route("/server/files/gcodes/{*path}", get(files::download))
        .route("/websocket", get(socket::websocket));
    TWINS.iter().fold(others, |router, (verb, path, method)| {
        let twin = move |State(app): State<AppState>,
                         asker: Asker,
                         place: Result<Place, Problem>,
                         to_stop: Result<ToStop, Problem>,
                         wildcard: Wildcard,
                         request: Request| async move {
            let answered = twin(&app, &asker, (place, to_stop), wildcard, request, method).await;
            answered.unwrap_or_else(error)
        };
        router.route(path, on(filter(verb), twin))
    })
}

fn filter(verb: &str) -> MethodFilter {
    match verb {
        "POST" => MethodFilter::POST,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

pub fn is_its(path: &str) -> bool {
    let begins = ["/server/", "/printer/", "/machine/", "/access/"];
    path == "/websocket" || begins.iter().any(|begin| path.starts_with(begin))
}

/// Whoever is not let in, or what is wrong, in this dialect's form.
pub fn refused(problem: Problem) -> Response {
    with_retry(error(problem.into()))
}

fn error(error: RpcError) -> Response {
    let status = error.status();
    let told = json!({"error": {"code": status.as_u16(), "message": error.words, "traceback": ""}});
    (status, Json(told)).into_response()
}

/// What stands in the place of `{*path}`; nothing where there is none.
#[derive(Debug)]
pub struct Wildcard(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Wildcard {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let find = |params: &RawPathParams| {
            params.iter().find(|(name, _)| *name == "path").map(|(_, value)| value.to_owned())
        };
        Ok(Self(params.as_ref().and_then(find).unwrap_or_default()))
    }
}

async fn twin(
    app: &AppState,
    asker: &Asker,
    (place, to_stop): (Result<Place, Problem>, Result<ToStop, Problem>),
    wildcard: Wildcard,
    request: Request,
    method: &str,
) -> Result<Response, RpcError> {
    // Nothing that comes along keeps a stop from its printer.
    let params = if method == STOP { Value::Null } else { params(method, wildcard, request).await? };
    let place = if is_stop(method, &params) { to_stop?.0 } else { place? };
    let result = call(app, asker, &place, method, &params).await?;
    Ok(Json(json!({"result": result})).into_response())
}

/// The arguments: of the path, of the query, and of the body.
async fn params(method: &str, wildcard: Wildcard, request: Request) -> Result<Value, RpcError> {
    let mut params = in_query(method, request.uri())?;
    if !wildcard.0.is_empty() {
        params.insert("path".into(), wildcard.0.into());
    }
    if *request.method() == Method::POST {
        let unread =
            |_| RpcError::new(413, format!("the body ended early, or is larger than {BODY_MAX} bytes"));
        let body = to_bytes(request.into_body(), BODY_MAX).await.map_err(unread)?;
        if !body.trim_ascii().is_empty() {
            let read: Result<Map<_, _>, _> = serde_json::from_slice(&body);
            let unread = |error| RpcError::new(400, format!("the body is no JSON object: {error}"));
            params.extend(read.map_err(unread)?);
        }
    }
    Ok(params.into())
}

fn in_query(method: &str, uri: &Uri) -> Result<Map<String, Value>, RpcError> {
    let unread = |_| RpcError::new(400, "the query after the ? cannot be read");
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(unread)?;
    if method != "printer.objects.query" {
        return Ok(pairs.into_iter().map(|(name, value)| (name, value.into())).collect());
    }
    // Without a query the objects are in the body.
    match objects::wanted_in_query(&pairs) {
        Value::Object(objects) if !pairs.is_empty() => Ok(objects),
        _ => Ok(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::door::{Asks, asks};
    use crate::domain::people::roles::Permission;
    use axum::http::StatusCode;

    #[test]
    fn the_door_asks_of_a_route_what_its_method_asks() {
        for (verb, path, method) in TWINS {
            let (_, needs) = call::METHODS.iter().find(|(name, _)| name == method).unwrap();
            match (asks(verb, path), needs) {
                (Some(Asks::May(asked)), Some(needed)) => assert_eq!(asked, *needed, "{verb} {path}"),
                (Some(Asks::Nothing(_)), None) => {}
                // A command may be the stop.
                (Some(Asks::MayAny(any)), Some(needed)) => assert_eq!(any, [*needed, Permission::Stop]),
                (asked, _) => panic!("{verb} {path}: {asked:?}, and {method} asks {needs:?}"),
            }
        }
    }

    #[test]
    fn every_path_is_told_apart_from_those_of_others() {
        for (_, path, _) in TWINS {
            assert!(is_its(path), "{path}");
        }
        assert!(is_its("/websocket") && !is_its("/api/printer/tool") && !is_its("/sockjs/websocket"));
    }

    #[test]
    fn a_problem_is_told_in_the_words_of_the_dialect() {
        let response = refused(Problem::unreadable("what it is", "what to do"));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_query_names_objects_or_arguments() {
        let read = |method, uri: &'static str| Value::from(in_query(method, &Uri::from_static(uri)).unwrap());
        assert_eq!(read("server.files.metadata", "/x?filename=a%20b"), json!({"filename": "a b"}));
        assert_eq!(
            read("printer.objects.query", "/x?print_stats&extruder=temperature,target"),
            json!({"objects": {"print_stats": null, "extruder": ["temperature", "target"]}})
        );
        assert_eq!(read("printer.objects.query", "/x"), json!({}));
    }
}
