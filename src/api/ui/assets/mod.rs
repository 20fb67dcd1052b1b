//! What a browser loads beside a page: styles and small modules of our own, and nothing from elsewhere.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Name, kind, content.
const FILES: &[(&str, &str, &str)] = &[
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("platen.css", STYLE, include_str!("platen.css")),
    ("platen.js", SCRIPT, include_str!("platen.js")),
    ("live.js", SCRIPT, include_str!("live.js")),
    ("morph.js", SCRIPT, include_str!("morph.js")),
    ("order.js", SCRIPT, include_str!("order.js")),
    ("send.js", SCRIPT, include_str!("send.js")),
    ("signing.js", SCRIPT, include_str!("signing.js")),
    ("stop.js", SCRIPT, include_str!("stop.js")),
    ("keys.js", SCRIPT, include_str!("keys.js")),
    ("lists.js", SCRIPT, include_str!("lists.js")),
    ("photo.js", SCRIPT, include_str!("photo.js")),
    ("inspect.js", SCRIPT, include_str!("inspect.js")),
    ("verdict.js", SCRIPT, include_str!("verdict.js")),
    ("scan.js", SCRIPT, include_str!("scan.js")),
    ("queue.js", SCRIPT, include_str!("queue.js")),
    ("compare.js", SCRIPT, include_str!("compare.js")),
    ("processes.js", SCRIPT, include_str!("processes.js")),
    ("files.js", SCRIPT, include_str!("files.js")),
    ("cases.js", SCRIPT, include_str!("cases.js")),
    ("model.js", SCRIPT, include_str!("model.js")),
    ("vault.js", SCRIPT, include_str!("vault.js")),
    ("units.js", SCRIPT, include_str!("units.js")),
    ("console.js", SCRIPT, include_str!("console.js")),
    ("phantom.js", SCRIPT, include_str!("phantom.js")),
    ("commission.js", SCRIPT, include_str!("commission.js")),
    ("materials.js", SCRIPT, include_str!("materials.js")),
    ("audit.js", SCRIPT, include_str!("audit.js")),
];

/// Changes with any of them: a page that was loaded from an older platen loads itself anew.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        FILES.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    })
}

/// Browsers keep a file, and ask each time whether it is still the same.
pub(super) async fn asset(Path(name): Path<String>, headers: axum::http::HeaderMap) -> Response {
    file(&name, &headers)
}

/// Where browsers look for it by themselves.
pub(super) async fn icon(headers: axum::http::HeaderMap) -> Response {
    file("icon.svg", &headers)
}

fn file(name: &str, headers: &axum::http::HeaderMap) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(file, _, _)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", version());
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let kept = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, [(header::CONTENT_TYPE, *kind)], *content).into_response()
}
