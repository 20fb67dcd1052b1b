//! What the provider of the site's sign-in is asked: JSON over TLS, on a thread that may wait.
//!
//! No redirect is followed, no proxy is taken from the surroundings, and an answer is bounded. Nothing of it is told
//! but its number: it may hold tokens.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::mail::secret_in;
use super::webhook::trusting;

/// Somebody waits before a browser.
const PATIENCE: Duration = Duration::from_secs(10);
/// A provider's keys and a token are a few kilobytes.
const ANSWER_MAX: u64 = 512 << 10;

/// Why the provider's answer is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("{0}")]
    Ours(String),
    #[error("the site's sign-in cannot be reached; start it, or correct issuer under [http.oidc]")]
    Away,
    #[error("the site's sign-in did not answer in time; see whether it is overloaded")]
    Late,
    #[error(
        "there is no TLS with the site's sign-in; check ca_file under [http.oidc], and that its certificate names its host"
    )]
    Tls,
    #[error("the site's sign-in answers {0}; look at its log")]
    Status(u16),
    #[error("the site's sign-in answers something that cannot be read; look at its log")]
    Unreadable,
}

/// The way to one provider.
#[derive(Debug)]
pub struct Provider {
    pub ca_file: Option<PathBuf>,
    pub client: String,
    pub secret_file: PathBuf,
}

/// As a form has it: all but what is plain is percent-encoded.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
        all
    })
}

impl Provider {
    fn agent(&self, url: &str) -> Result<ureq::Agent, NoAnswer> {
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None);
        if url.starts_with("https://") {
            let tls = trusting(self.ca_file.as_ref()).map_err(NoAnswer::Ours)?;
            config = config.https_only(true).tls_config(tls);
        }
        Ok(config.build().into())
    }

    /// Blocks.
    pub fn get(&self, url: &str) -> Result<Value, NoAnswer> {
        let asked =
            self.agent(url)?.get(url).header("accept", "application/json").header("user-agent", "platen");
        answer(asked.call())
    }

    /// Posts a form as the program that platen is to the provider. Blocks.
    pub fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<Value, NoAnswer> {
        let secret = secret_in(&self.secret_file).map_err(NoAnswer::Ours)?;
        // RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
        let pair = format!("{}:{}", encoded(&self.client), encoded(secret.expose()));
        let form: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let asked = self
            .agent(url)?
            .post(url)
            .header("accept", "application/json")
            .header("user-agent", "platen")
            .header("authorization", format!("Basic {}", STANDARD.encode(pair)))
            .header("content-type", "application/x-www-form-urlencoded");
        answer(asked.send(form.join("&").as_bytes()))
    }
}

fn answer(answered: Result<Response<Body>, ureq::Error>) -> Result<Value, NoAnswer> {
    let mut answer = answered.map_err(|error| match error {
        ureq::Error::Timeout(_) => NoAnswer::Late,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => NoAnswer::Tls,
        // A handshake that fails comes as this.
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => NoAnswer::Tls,
        _ => NoAnswer::Away,
    })?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(NoAnswer::Status(status));
    }
    let bytes = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
    let bytes = bytes.map_err(|_| NoAnswer::Unreadable)?;
    serde_json::from_slice(&bytes).map_err(|_| NoAnswer::Unreadable)
}
