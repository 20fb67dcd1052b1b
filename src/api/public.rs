//! Where others find platen: at the address that the configuration says, or else at the one that they asked.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;

use super::given::header_text;
use crate::config::{Config, Public};

/// What stands before a path of ours in an address that is whole.
pub(super) fn root(config: &Config, headers: &HeaderMap) -> String {
    match &config.http.public {
        Some(public) => public.url(),
        None => {
            let host = header_text(headers, &header::HOST).ok().flatten().unwrap_or("localhost");
            format!("http://{host}")
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
