//! Who may ask at all: names of this machine or of the proxy before it, and no other site's page for changes.
//!
//! A page elsewhere can make a technician's browser ask anything of 127.0.0.1. Two doors are
//! shut: a foreign name that resolves to us (DNS rebinding) shows in `Host`, and a foreign page
//! shows in `Origin` or `Sec-Fetch-Site`. There is no CORS, so that nothing can be read either.
//! Names that the configuration adds count over TLS only: there a certificate has shown that they are ours.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

use super::given::header_text;
use super::line::{Line, Reached};
use super::problem::Problem;
use crate::config::{Config, Http, Public};

/// Scripts, styles and connections from here only; no frame around the page.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Nothing of the machine is any page's, but the camera for the codes on labels.
const DEVICES: &str = "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), hid=(), \
                       bluetooth=(), payment=(), midi=(), accelerometer=(), gyroscope=(), magnetometer=()";
/// For half a year a browser that was here over TLS comes in no other way.
const TLS_ONLY: &str = "max-age=15552000";

/// The middleware around every route.
pub async fn guard(State(config): State<Arc<Config>>, mut request: Request, next: Next) -> Response {
    let sends = sends_much(request.headers());
    let line = request.extensions().get::<Line>().copied().unwrap_or_default();
    let mut response = match judge(&request, &config.http, line) {
        Ok(()) => {
            let secure = line.tls || is_behind_tls(&request, &config.http);
            request.extensions_mut().insert(Reached { whence: line.whence, secure });
            next.run(request).await
        }
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
        (HeaderName::from_static("permissions-policy"), DEVICES),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if line.tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    // What a printer does is old in a second, and cases are nobody's business after logging out.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a request brings more than a few words along.
pub(super) fn sends_much(headers: &HeaderMap) -> bool {
    const FEW: u64 = 16 << 10;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_form = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/"));
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    is_form || headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length > FEW)
}

/// Whether the proxy before us was asked over TLS: it hands on the host that the browser knows.
fn is_behind_tls(request: &Request, http: &Http) -> bool {
    let host = header_text(request.headers(), &header::HOST).ok().flatten();
    let public = http.public.as_ref().filter(|public| public.is_secure());
    host.is_some_and(|host| is_public(host, public))
}

fn judge(request: &Request, http: &Http, line: Line) -> Result<(), Problem> {
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
        if !is_ours(name, http, line) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "not-this-host",
                "the request names a host that is not this platen's",
                "use 127.0.0.1 or localhost; from another machine use ssh -L, or, where a proxy stands before \
                 platen, set its address as `public` under [http]; where platen has TLS itself, write the name into \
                 `hosts` there",
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
    let same_origin = origin.is_none_or(|origin| is_our_page(origin, host, http, line));
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
/// scheme counts, for anybody on the way can be `http://` of the same name; so it does where TLS ends here.
fn is_our_page(origin: &str, host: &str, http: &Http, line: Line) -> bool {
    let public = http.public.as_ref();
    if public.is_some_and(|public| origin.eq_ignore_ascii_case(public.origin())) {
        return true;
    }
    let (scheme, authority) = origin.split_once("://").unwrap_or_default();
    let is_same = authority.eq_ignore_ascii_case(host);
    match scheme {
        "https" if line.tls => is_same,
        "http" | "https" => is_same && !line.tls && !is_public(host, public),
        _ => false,
    }
}

/// The name in a `Host`, without its port and brackets; the port is not compared: behind `ssh -L` it is another
/// one, and a name is what rebinding needs.
pub(super) fn name_in(host: &str) -> Option<&str> {
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

/// Whether a `Host` names us: by a loopback name, an address of ours, what stands before us, or, over TLS, a name that
/// the configuration gives us.
fn is_ours(host: &str, http: &Http, line: Line) -> bool {
    // `0.0.0.0` is every machine's, so that a page elsewhere can name it, too.
    let is_own = |address: IpAddr| !address.is_unspecified() && address == http.listen.ip();
    let here = |address: IpAddr| {
        address.is_loopback() || is_own(address) || line.own.is_some_and(|own| own.to_canonical() == address)
    };
    let is_here = |name: &str| name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(here);
    let is_given = |name: &str| line.tls && http.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    name_in(host).is_some_and(|name| is_here(name) || is_given(name)) || is_public(host, http.public.as_ref())
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
            assert!(is_ours(ours, &http, Line::default()), "{ours}");
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
            assert!(!is_ours(foreign, &http, Line::default()), "{foreign}");
        }
    }

    #[test]
    fn what_stands_before_us_is_ours_too_and_only_its_own_pages() {
        let http = http("[http]\npublic = \"https://lab.example/platen\"");
        for ours in ["lab.example", "LAB.example:443", "127.0.0.1:7180"] {
            assert!(is_ours(ours, &http, Line::default()), "{ours}");
        }
        for foreign in ["example", "evil.lab.example", "lab.example.evil", "lab.example:x"] {
            assert!(!is_ours(foreign, &http, Line::default()), "{foreign}");
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
            assert_eq!(is_our_page(origin, host, &http, Line::default()), ours, "{origin} asks {host}");
        }
    }

    #[test]
    fn over_tls_the_names_of_the_configuration_are_ours_and_only_pages_over_tls() {
        let http = http(
            "[http]\nlisten = \"0.0.0.0:7180\"\nhosts = [\"platen.lab\"]\n\
             [http.tls]\ncertificate = \"/c\"\nkey = \"/k\"",
        );
        let own = Some("10.0.0.7".parse().unwrap());
        let (tls, open) = (Line { own, tls: true, ..Line::default() }, Line { own, ..Line::default() });
        for (host, over_tls, in_the_open) in [
            ("platen.lab", true, false),
            ("PLATEN.lab:7180", true, false),
            ("10.0.0.7:7180", true, true),
            ("10.0.0.8:7180", false, false),
            ("0.0.0.0:7180", false, false),
            ("localhost", true, true),
            ("evil.platen.lab", false, false),
        ] {
            assert_eq!(
                (is_ours(host, &http, tls), is_ours(host, &http, open)),
                (over_tls, in_the_open),
                "{host}"
            );
        }
        for (origin, over_tls) in [
            ("https://platen.lab:7180", true),
            ("http://platen.lab:7180", false),
            ("https://platen.lab", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            assert_eq!(is_our_page(origin, "platen.lab:7180", &http, tls), over_tls, "{origin}");
        }
    }
}
