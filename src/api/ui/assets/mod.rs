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
    ("start.js", SCRIPT, include_str!("start.js")),
    ("platen.js", SCRIPT, include_str!("platen.js")),
    ("live.js", SCRIPT, include_str!("live.js")),
    ("morph.js", SCRIPT, include_str!("morph.js")),
    ("order.js", SCRIPT, include_str!("order.js")),
    ("send.js", SCRIPT, include_str!("send.js")),
    ("signing.js", SCRIPT, include_str!("signing.js")),
    ("stop.js", SCRIPT, include_str!("stop.js")),
    ("stopped.js", SCRIPT, include_str!("stopped.js")),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Without its comments and what stands between quotes.
    fn bare(script: &str) -> String {
        let lines = script.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: Vec<&str> = lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect();
        code.join("\n").split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
    }

    fn exports(script: &str) -> impl Iterator<Item = &str> {
        let kinds = ["export const ", "export function ", "export async function "];
        script.lines().filter_map(move |line| {
            let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
            rest.split(|c: char| !c.is_alphanumeric()).next()
        })
    }

    /// Whether the name stands there by itself: no piece of another one, no key and no property.
    fn uses(code: &str, name: &str) -> bool {
        code.match_indices(name).any(|(at, _)| {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let after = code[at + name.len()..].chars().next().unwrap_or(' ');
            let joins = |c: char| c.is_alphanumeric() || "_$-".contains(c);
            !joins(before) && before != '.' && !joins(after) && after != ':'
        })
    }

    fn knows(code: &str, name: &str) -> bool {
        let own = ["function {}(", "const {} ", "let {} ", "({}) =>", ", {}) {"];
        let is_own = own.iter().any(|shape| code.contains(&shape.replace("{}", name)));
        let imported = |line: &str| line.starts_with("import ") && uses(line, name);
        is_own || code.lines().any(imported)
    }

    #[test]
    fn a_script_imports_or_has_every_name_of_another_one_that_it_uses() {
        let scripts = || FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT);
        for (name, _, script) in scripts() {
            let code = bare(script);
            for (other, _, its) in scripts().filter(|(other, _, _)| other != name) {
                for exported in exports(its) {
                    let is_known = exports(script).any(|own| own == exported) || knows(&code, exported);
                    assert!(
                        is_known || !uses(&code, exported),
                        "{name} does not import {exported} of {other}"
                    );
                }
            }
        }
    }
}
