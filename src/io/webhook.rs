//! One POST to the address that the admin wrote into the configuration, signed, on a thread that may wait.
//!
//! The signature is HMAC-SHA256 over the body as it is sent, in hexadecimal, with the secret of a file. No redirect is
//! followed, no proxy is taken from the surroundings, and of the answer nothing but its number is read: no one but
//! the admin says where anything goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::mail::{NotSent, authority, secret_in};
use crate::config::Webhook;
use crate::domain::ids::hex;

/// From the first byte to the last; a receiver that has more to do does it later.
const PATIENCE: Duration = Duration::from_secs(15);
/// What has the signature, as `sha256=` and 64 digits.
pub const SIGNATURE: &str = "X-Platen-Signature";
/// What has the notice's id.
pub const ID: &str = "X-Platen-Id";

/// The signature of a body, as it stands in the header.
pub fn signature(secret: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
}

/// The way to one receiver.
#[derive(Debug)]
pub struct Poster {
    webhook: Webhook,
    patience: Duration,
}

impl Poster {
    pub fn new(webhook: Webhook) -> Self {
        Self { webhook, patience: PATIENCE }
    }

    /// The same, for a receiver that is asked for less time.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// `https://host:port`: a path may be a secret of the receiver's.
    fn name(&self) -> String {
        let url = self.webhook.url.as_str();
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
        format!("the webhook at {}", url.get(..end).unwrap_or_default())
    }

    /// Posts one body. `Ok` means that the receiver said that it has it.
    pub fn send(&self, id: &str, body: &[u8]) -> Result<(), NotSent> {
        let secret = secret_in(&self.webhook.secret_file).map_err(NotSent::Away)?;
        let signature = signature(secret.expose().as_bytes(), body);
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(self.patience))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None);
        if self.webhook.url.starts_with("https://") {
            config = config.https_only(true).tls_config(self.tls()?);
        }
        let agent: ureq::Agent = config.build().into();
        let answered = agent
            .post(&self.webhook.url)
            .header("Content-Type", "application/json")
            .header("User-Agent", "platen")
            .header(ID, id)
            .header(SIGNATURE, signature)
            .send(body);
        let status = match answered {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => return Err(NotSent::Away(self.words(&error))),
        };
        let words = format!("{} answers {status}; look at its log", self.name());
        match status {
            200..=299 => Ok(()),
            // It was read and is not wanted: the same would be answered again.
            400 | 413 | 415 | 422 => Err(NotSent::Refused(words)),
            _ => Err(NotSent::Away(words)),
        }
    }

    /// The address as a whole is not in them.
    fn words(&self, error: &ureq::Error) -> String {
        let name = self.name();
        let no_tls = format!(
            "no TLS with {name}; check ca_file under [notifications.webhook], and that its certificate names this host"
        );
        match error {
            ureq::Error::Timeout(_) => format!("{name} did not answer in time; see whether it is overloaded"),
            ureq::Error::HostNotFound => {
                format!("the host of {name} is not known here; correct url under [notifications.webhook]")
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => no_tls,
            // A handshake that fails comes as this.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => no_tls,
            _ => format!(
                "{name} cannot be reached, or went away; start it, or correct [notifications.webhook]"
            ),
        }
    }

    fn tls(&self) -> Result<TlsConfig, NotSent> {
        let failed = |detail: String| NotSent::Away(format!("no TLS with {}: {detail}", self.name()));
        trusting(self.webhook.ca_file.as_ref()).map_err(failed)
    }
}

/// TLS with whomever this authority signed for, or the system's where none is given.
pub(super) fn trusting(ca_file: Option<&PathBuf>) -> Result<TlsConfig, String> {
    let certificates: Vec<Certificate<'static>> = match ca_file {
        Some(path) => {
            let pem = authority(path)?;
            let items = parse_pem(&pem).filter_map(Result::ok);
            let found: Vec<_> = items
                .filter_map(|item| match item {
                    PemItem::Certificate(certificate) => Some(certificate),
                    _ => None,
                })
                .collect();
            if found.is_empty() {
                return Err(format!("{} holds no certificate as PEM", path.display()));
            }
            found
        }
        None => rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect(),
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_rfc_4231() {
        let wanted = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(b"Jefe", b"what do ya want for nothing?"), wanted);
    }

    #[test]
    fn the_path_of_an_address_is_not_told() {
        let webhook = |url: &str| {
            Poster::new(Webhook { url: url.into(), secret_file: "/nowhere".into(), ca_file: None })
        };
        let poster = webhook("https://chat.example:8443/hooks/SECRET?x=/y");
        assert_eq!(poster.name(), "the webhook at https://chat.example:8443");
        assert_eq!(webhook("http://chat.example").name(), "the webhook at http://chat.example");
        let NotSent::Away(words) = poster.send("x", b"{}").unwrap_err() else { panic!() };
        assert!(words.contains("/nowhere cannot be read"), "{words}");
    }
}
