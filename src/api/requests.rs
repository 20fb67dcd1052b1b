//! Each request gets a number of ours, which stands in its answer, in what is logged of it, and in a problem.
//!
//! ```text
//! request ─▶ number (random) ─▶ guard, door, handler ─▶ X-Request-Id ─▶ counted by class ─▶ slow or failed: logged
//! ```
//! The number that a client sends along is not looked at: whoever reads a log is to find one request under it, and
//! nothing that somebody has made up. What is logged names the pattern of a route, never a path: there are tokens of
//! cases in paths.

use std::fmt;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::compat;
use super::guard::sends_much;
use crate::io::clock::entropy;
use crate::services::monitor::{Class, Monitor};

/// Where the number stands in an answer.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// 64 random bits: enough to find one request of some years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId([u8; 8]);

impl RequestId {
    fn random() -> Self {
        let [a, b, c, d, e, f, g, h, ..] = entropy();
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The request that is being answered where a problem is written down; nothing is kept in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Here {}

impl Here {
    /// Whether no request is being answered: in the command line.
    pub fn is_nowhere(&self) -> bool {
        CURRENT.try_with(|_| ()).is_err()
    }
}

impl Serialize for Here {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match CURRENT.try_with(|id| *id) {
            Ok(id) => serializer.collect_str(&id),
            Err(_) => serializer.serialize_none(),
        }
    }
}

/// What a route is for, by its pattern.
fn class(pattern: Option<&str>) -> Class {
    match pattern {
        None => Class::Unknown,
        Some("/healthz" | "/metrics") => Class::Monitoring,
        Some("/live" | "/v1/events") => Class::Streams,
        Some(path) if path.starts_with("/assets/") || path == "/favicon.ico" => Class::Assets,
        Some(path) if path.starts_with("/v1/") || path == "/openapi.json" => Class::Api,
        Some(path) if compat::is_compat(path) => Class::Slicers,
        Some(_) => Class::Page,
    }
}

/// The middleware around all others.
pub async fn each(State(monitor): State<Monitor>, request: Request, next: Next) -> Response {
    let id = RequestId::random();
    let began = Instant::now();
    let method = request.method().clone();
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let class = class(pattern.as_ref().map(MatchedPath::as_str));
    let judged = !sends_much(request.headers());
    // An error's level, so that it is there for whatever is logged.
    let span = tracing::error_span!("request", request = %id);
    let mut response = CURRENT.scope(id, next.run(request)).instrument(span.clone()).await;
    let (status, took) = (response.status(), began.elapsed());
    let slow = monitor.answered(class, status.as_u16(), took, judged);
    let route = pattern.as_ref().map_or("none", MatchedPath::as_str);
    let (status, millis) = (status.as_u16(), took.as_millis());
    span.in_scope(|| {
        if slow {
            tracing::warn!(%method, route, status, millis, "a request was slow");
        } else if status >= 500 && class != Class::Monitoring {
            tracing::warn!(%method, route, status, millis, "a request failed");
        } else {
            tracing::debug!(%method, route, status, millis, "a request");
        }
    });
    if let Ok(value) = HeaderValue::from_maybe_shared(id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_of_the_class_that_its_people_would_say() {
        for (path, wanted) in [
            ("/v1/jobs/{id}", Class::Api),
            ("/v1/events", Class::Streams),
            ("/live", Class::Streams),
            ("/metrics", Class::Monitoring),
            ("/assets/{file}", Class::Assets),
            ("/printers/{name}", Class::Page),
            ("/do/stop", Class::Page),
            ("/api/version", Class::Slicers),
            ("/p/{printer}/c/{case}/api/files/{location}", Class::Slicers),
            ("/c/{case}/printer/info", Class::Slicers),
            ("/websocket", Class::Slicers),
        ] {
            assert_eq!(class(Some(path)), wanted, "{path}");
        }
        assert_eq!(class(None), Class::Unknown);
        // Every row of the door is of some class that it is not by accident.
        for (_, path, _) in super::super::door::rows() {
            let is_page = class(Some(path)) == Class::Page;
            let may_be = !path.starts_with("/v1") && !compat::is_compat(path);
            assert!(!is_page || may_be, "{path}");
        }
    }

    #[test]
    fn a_number_is_sixteen_digits_and_no_two_are_the_same() {
        let (one, other) = (RequestId::random().to_string(), RequestId::random().to_string());
        assert!(one.len() == 16 && one.bytes().all(|b| b.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn where_no_request_is_answered_a_problem_names_none() {
        assert!(Here::default().is_nowhere());
        let id = RequestId([0, 1, 2, 3, 4, 5, 6, 255]);
        let told = CURRENT.scope(id, async { serde_json::to_value(Here::default()).unwrap() }).await;
        assert_eq!(told, "00010203040506ff");
    }
}
