//! Who may ask at all: names of this machine or of the proxy before it, and no other site's page for changes.
//!
//! A page elsewhere can make a technician's browser ask anything of 127.0.0.1. Two doors are
//! shut: a foreign name that resolves to us (DNS rebinding) shows in `Host`, and a foreign page
//! shows in `Origin` or `Sec-Fetch-Site`. There is no CORS, so that nothing can be read either.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

use super::given::header_text;
use super::problem::Problem;
use crate::config::{Config, Http, Public};

/// Scripts, styles and connections from here only; no frame around the page.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// The middleware around every route.
pub async fn guard(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let sends = sends_much(request.headers());
    let mut response = match judge(&request, &config.http) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    // What was not read to its end ends the connection: a program that is not told sends its next request into it. And
    // each connection keeps as much memory as it once needed: two hundred uploads are not to be remembered.
    if sends {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer`, browsers send a form of our own page as `Origin: null`: nobody could sign in or stop.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a printer does is old in a second, and cases are nobody's business after logging out.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a request brings more than a few words along.
fn sends_much(headers: &HeaderMap) -> bool {
    const FEW: u64 = 16 << 10;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_form = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/"));
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    is_form || headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length > FEW)
}

fn judge(request: &Request, http: &Http) -> Result<(), Problem> {
    let headers = request.headers();
    let host = header_text(headers, &header::HOST)?;
    let target = request.uri().authority().map(|authority| authority.as_str());
    let Some(host) = host.or(target) else {
        return Err(Problem::unreadable(
            "the request has no Host header",
            "send the host that you connect to",
        ));
    };
    for name in [Some(host), target].into_iter().flatten() {
        if !is_ours(name, http) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "not-this-host",
                "the request names a host that is not this platen's",
                "use 127.0.0.1 or localhost; from another machine use ssh -L, or, where a proxy stands before \
                 platen, set its address as `public` under [http]",
            ));
        }
    }
    // A socket is opened by a GET, and more than read through; no browser keeps a page from opening one elsewhere.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && !headers.contains_key(header::UPGRADE) {
        return Ok(());
    }
    let site = header_text(headers, &HeaderName::from_static("sec-fetch-site"))?;
    let origin = header_text(headers, &header::ORIGIN)?;
    // `none` is the address bar; everything else that is not same-origin is another page.
    let same_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let same_origin = origin.is_none_or(|origin| is_our_page(origin, host, http));
    if same_site && same_origin {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "other-origin",
        "a page from elsewhere asks for a change",
        "use platen's own page, the command line, or a program that sends no Origin",
    ))
}

/// Whether a page of ours asks: of the host that is asked, or of the address that others reach us by. That one's
/// scheme counts, for anybody on the way can be `http://` of the same name.
fn is_our_page(origin: &str, host: &str, http: &Http) -> bool {
    let public = http.public.as_ref();
    if public.is_some_and(|public| origin.eq_ignore_ascii_case(public.origin())) {
        return true;
    }
    !is_public(host, public)
        && origin.split_once("://").is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host)
        })
}

/// The name in a `Host`, without its port and brackets; the port is not compared: behind `ssh -L` it is another
/// one, and a name is what rebinding needs.
fn name_in(host: &str) -> Option<&str> {
    match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, rest)) if rest.is_empty() || is_port(rest) => Some(name),
            _ => None,
        },
        None => match host.split_once(':') {
            Some((name, _)) if is_port(&host[name.len()..]) => Some(name),
            Some(_) => None,
            None => Some(host),
        },
    }
}

/// Whether a `Host` names us: by a loopback name, the address that we listen on, or what stands before us.
fn is_ours(host: &str, http: &Http) -> bool {
    let here = |address: IpAddr| address.is_loopback() || address == http.listen.ip();
    let is_here = |name: &str| name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(here);
    name_in(host).is_some_and(is_here) || is_public(host, http.public.as_ref())
}

fn is_public(host: &str, public: Option<&Public>) -> bool {
    let wanted = public.and_then(|public| name_in(public.host()));
    name_in(host).zip(wanted).is_some_and(|(name, wanted)| name.eq_ignore_ascii_case(wanted))
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(section: &str) -> Http {
        let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
        Config::parse(&format!("site = \"a\"\nnode = \"b\"\n{printer}{section}")).unwrap().http
    }

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let http = http("");
        for ours in ["localhost", "LOCALHOST:7180", "127.0.0.1:1", "127.0.0.2", "[::1]:7180", "[::1]"] {
            assert!(is_ours(ours, &http), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost:x",
            "[::1",
        ] {
            assert!(!is_ours(foreign, &http), "{foreign}");
        }
    }

    #[test]
    fn what_stands_before_us_is_ours_too_and_only_its_own_pages() {
        let http = http("[http]\npublic = \"https://lab.example/platen\"");
        for ours in ["lab.example", "LAB.example:443", "127.0.0.1:7180"] {
            assert!(is_ours(ours, &http), "{ours}");
        }
        for foreign in ["example", "evil.lab.example", "lab.example.evil", "lab.example:x"] {
            assert!(!is_ours(foreign, &http), "{foreign}");
        }
        for (origin, host, ours) in [
            ("https://lab.example", "lab.example", true),
            ("https://lab.example", "127.0.0.1:7180", true),
            ("http://127.0.0.1:7180", "127.0.0.1:7180", true),
            ("http://lab.example", "lab.example", false),
            ("https://lab.example:8443", "lab.example", false),
            ("https://evil.example", "lab.example", false),
            ("null", "lab.example", false),
        ] {
            assert_eq!(is_our_page(origin, host, &http), ours, "{origin} asks {host}");
        }
    }
}
