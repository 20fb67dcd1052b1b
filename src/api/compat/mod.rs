//! What slicers and dashboards of other hosts speak, for the shared queue and for each printer.
//!
//! ```text
//! http://host:7180                 the shared queue
//! http://host:7180/p/<printer>     one printer
//! …/c/<case>  …/c/<case>/<part>    either of them, and of which case, and part, what comes is
//! ```
//! Each dialect answers as its programs expect; what is behind is the same: a file becomes an upload, an upload with a
//! case becomes a job, and what is asked of a print goes the way of `/v1`. What has no case never prints by itself.

pub mod look;
pub mod moonraker;
pub mod octoprint;
pub mod prusalink;
pub mod receive;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;

use super::AppState;
use super::printers::known;
use super::problem::Problem;
use crate::domain::ids::{CaseToken, PrinterName};
use crate::domain::queue::upload::Carried;

/// Where a dialect may begin, longest last.
pub const PREFIXES: [&str; 6] = [
    "",
    "/p/{printer}",
    "/c/{case}",
    "/c/{case}/{part}",
    "/p/{printer}/c/{case}",
    "/p/{printer}/c/{case}/{part}",
];

/// Every dialect under every prefix.
pub fn routes() -> Router<AppState> {
    let all = || octoprint::routes().merge(prusalink::routes()).merge(moonraker::routes());
    PREFIXES.iter().fold(Router::new(), |router, prefix| match *prefix {
        "" => router.merge(all()),
        prefix => router.nest(prefix, all()),
    })
}

/// A matched path without its prefix, so that one row of the door serves all of them.
pub fn without_prefix(path: &str) -> &str {
    let found =
        PREFIXES.iter().rev().find_map(|prefix| path.strip_prefix(prefix).filter(|_| !prefix.is_empty()));
    found.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Where slicers put their key.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whether a matched path is one of another host's.
pub fn is_compat(path: &str) -> bool {
    const BEGIN: [&str; 8] =
        ["/api/", "/plugin/", "/sockjs/", "/downloads/", "/server/", "/printer/", "/machine/", "/access/"];
    let path = without_prefix(path);
    path == "/websocket" || BEGIN.iter().any(|begin| path.starts_with(begin))
}

/// Whoever is not let in, in the words of the dialect. `unknown`: it is not known who asks.
pub fn refused(app: &AppState, path: &str, headers: &HeaderMap, problem: Problem, unknown: bool) -> Response {
    let path = without_prefix(path);
    if prusalink::PATHS.iter().any(|begin| path.starts_with(begin)) {
        // Who has shown nothing yet may have a digest; who has shown a wrong key is told so.
        let shown = headers.get(AUTHORIZATION).and_then(|shown| shown.as_bytes().get(..7));
        let digest_or_none = shown.is_none_or(|scheme| scheme.eq_ignore_ascii_case(b"digest "));
        let silent = !headers.contains_key(API_KEY) && digest_or_none;
        if unknown && (silent || path.starts_with("/api/v1/")) {
            return prusalink::unknown(app, problem);
        }
    }
    if path.starts_with("/api/v1/") {
        return prusalink::refused(problem);
    }
    if moonraker::is_its(path) { moonraker::refused(problem) } else { octoprint::refused(problem) }
}

/// Which queue a request is for, and what it says of the case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Absent: the shared queue.
    pub printer: Option<PrinterName>,
    pub carried: Option<Carried>,
}

impl Place {
    /// What a path says. Nothing is looked up.
    fn said(params: &RawPathParams) -> Result<Self, Problem> {
        let find = |wanted: &str| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let printer = find("printer").map(str::parse::<PrinterName>).transpose()?;
        let Some(case) = find("case") else { return Ok(Self { printer, carried: None }) };
        let case = case.parse::<CaseToken>()?;
        let part = find("part").map(str::parse::<u16>).transpose().map_err(|_| {
            let help = "give the number of a part of the case, such as 1";
            Problem::new(
                StatusCode::NOT_FOUND,
                "no-such-part",
                "what stands behind the case is no part",
                help,
            )
        })?;
        Ok(Self { printer, carried: Some(Carried { case, part }) })
    }

    /// That there is such a printer, and such a case: to be told to who is known.
    pub fn exists(&self, app: &AppState) -> Result<(), Problem> {
        if let Some(name) = &self.printer {
            known(app, name)?;
        }
        if let Some(Carried { case, .. }) = &self.carried {
            app.recorder.read(|lab| lab.case(case).map(drop))?;
        }
        Ok(())
    }

    /// What programs show people as the host: each printer is one of its own.
    pub fn host_name(&self, app: &AppState) -> String {
        self.printer.as_ref().map_or_else(|| app.config.node.to_string(), ToString::to_string)
    }

    /// `""`, or `/p/<printer>`, with the case where there is one: what stands before a dialect's own paths.
    pub fn prefix(&self) -> String {
        let mut prefix = self.printer.as_ref().map(|name| format!("/p/{name}")).unwrap_or_default();
        if let Some(Carried { case, part }) = &self.carried {
            prefix.push_str(&format!("/c/{case}"));
            if let Some(part) = part {
                prefix.push_str(&format!("/{part}"));
            }
        }
        prefix
    }
}

impl FromRequestParts<AppState> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let Unchecked(place) = Unchecked::from_request_parts(parts, app).await?;
        place.exists(app)?;
        Ok(place)
    }
}

/// A place as the path says it, for what strangers may ask: they learn of no printer and no case by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked(pub Place);

impl FromRequestParts<AppState> for Unchecked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let unread = |_| Problem::unreadable("the path is not UTF-8", "percent-encode it as UTF-8");
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(unread)?;
        Ok(Self(Place::said(&params)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_under_every_prefix() {
        for prefix in PREFIXES {
            assert_eq!(without_prefix(&format!("{prefix}/api/version")), "/api/version");
        }
        assert_eq!(without_prefix("/printer/info"), "/printer/info");
        assert_eq!(without_prefix("/v1/jobs/{id}"), "/v1/jobs/{id}");
    }
}
