//! Where others find platen: at the address that the configuration says, or else at the one that they asked.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::net::IpAddr;
use std::sync::Arc;

use super::given::header_text;
use super::guard::name_in;
use crate::config::{Config, Public};

/// What stands before a path of ours in an address that is whole. Where platen has TLS, only this machine goes without.
pub(super) fn root(config: &Config, headers: &HeaderMap) -> String {
    match &config.http.public {
        Some(public) => public.url(),
        None => {
            let host = header_text(headers, &header::HOST).ok().flatten().unwrap_or("localhost");
            let is_here = |name: &str| {
                name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
            };
            let open = config.http.tls.is_none() || name_in(host).is_some_and(is_here);
            format!("{}://{host}", if open { "http" } else { "https" })
        }
    }
}

/// The same where a path alone does as long as nothing stands before us.
pub(super) fn before_path(config: &Config) -> String {
    config.http.public.as_ref().map(Public::url).unwrap_or_default()
}

/// Where what was made is, as whoever asked finds it. Pages send browsers on where they are.
pub(super) async fn located(State(config): State<Arc<Config>>, mut response: Response) -> Response {
    if response.status() == StatusCode::CREATED
        && let Some(public) = &config.http.public
        && let Some(path) = response.headers().get(header::LOCATION).and_then(|place| place.to_str().ok())
        && path.starts_with('/')
        && let Ok(place) = HeaderValue::from_str(&format!("{}{path}", public.url()))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_over_tls_where_platen_has_it_and_another_machine_asks() {
        let root_of = |http: &str, host: &str| {
            let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
            let config = Config::parse(&format!("site = \"a\"\nnode = \"b\"\n{http}\n{printer}")).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            root(&config, &headers)
        };
        const TLS: &str = "[http.tls]\ncertificate = \"/c\"\nkey = \"/k\"";
        assert_eq!(root_of("", "127.0.0.1:7180"), "http://127.0.0.1:7180");
        assert_eq!(root_of(TLS, "127.0.0.1:7180"), "http://127.0.0.1:7180");
        assert_eq!(root_of(TLS, "platen.lab:7180"), "https://platen.lab:7180");
        let public = format!("[http]\npublic = \"https://lab.example/p\"\n{TLS}");
        assert_eq!(root_of(&public, "platen.lab:7180"), "https://lab.example/p");
    }
}
