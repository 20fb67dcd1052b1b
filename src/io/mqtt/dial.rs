//! Opening a connection: settings, password and certificates in, a polled rumqttc client out, and
//! every way of failing put into words.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::mpsc;

use super::{Connection, ConnectionError, Dial, Message, Publish, Step, qos_5};
use crate::config::{self, MqttVersion};
use crate::io::secret::place;

/// Twice our longest payload: rumqttc drops the connection and two messages at a longer packet.
const PACKET_MAX: usize = 16 * 1024;
/// Above what a caller has under way, so that rumqttc's packet identifiers never collide.
const INFLIGHT: u16 = 100;
/// A dead broker is noticed within two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Opens connections to one broker, each time with the password and certificates as they are now.
#[derive(Clone, Debug)]
pub struct Dialler {
    settings: config::Mqtt,
    client: String,
}

/// What is read from disk for one connection.
struct Secrets {
    password: Option<String>,
    tls: Option<rustls::ClientConfig>,
}

impl Dialler {
    /// `client` is the client identifier: a broker ends a connection when another one comes with it.
    pub fn new(settings: config::Mqtt, client: String) -> Self {
        Self { settings, client }
    }

    fn secrets(&self) -> Result<Secrets, ConnectionError> {
        let password = match &self.settings.password_file {
            None => None,
            Some(path) => {
                let text =
                    place(path).and_then(|place| std::fs::read_to_string(place.path)).map_err(|error| {
                        ConnectionError::File {
                            key: "password_file",
                            path: path.clone(),
                            detail: error.to_string(),
                        }
                    })?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        let tls = if self.settings.tls { Some(self.tls(self.settings.ca_file.as_deref())?) } else { None };
        Ok(Secrets { password, tls })
    }

    fn tls(&self, ca_file: Option<&Path>) -> Result<rustls::ClientConfig, ConnectionError> {
        let mut roots = rustls::RootCertStore::empty();
        match ca_file {
            Some(path) => {
                let failed =
                    |detail: String| ConnectionError::File { key: "ca_file", path: path.into(), detail };
                let certificates = CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|e| failed(e.to_string()))?;
                    roots.add(certificate).map_err(|e| failed(e.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(failed("holds no certificate in PEM form".into()));
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(ConnectionError::NoCertificates { broker: self.broker() });
                }
            }
        }
        // Named here, so that no part of the process needs to have installed a provider before.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
            .map_err(|error| ConnectionError::Tls { broker: self.broker(), detail: error.to_string() })
    }

    /// rumqttc joins host and port with a colon, so a bare IPv6 address needs its brackets.
    fn host(&self) -> String {
        let host = &self.settings.host;
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() }
    }

    fn transport(secrets: &mut Secrets) -> rumqttc::Transport {
        match secrets.tls.take() {
            Some(tls) => rumqttc::Transport::tls_with_config(tls.into()),
            None => rumqttc::Transport::tcp(),
        }
    }

    fn options_4(&self, will: Message, mut secrets: Secrets) -> rumqttc::MqttOptions {
        let mut options = rumqttc::MqttOptions::new(&self.client, self.host(), self.settings.port);
        options
            .set_transport(Self::transport(&mut secrets))
            .set_keep_alive(KEEP_ALIVE)
            .set_max_packet_size(PACKET_MAX, PACKET_MAX)
            .set_inflight(INFLIGHT)
            // The journal is the session: what a broker kept for us would only confuse the count.
            .set_clean_session(true)
            .set_last_will(rumqttc::LastWill::new(
                will.topic,
                will.payload,
                rumqttc::QoS::AtLeastOnce,
                will.retain,
            ));
        if let Some(username) = &self.settings.username {
            options.set_credentials(username, secrets.password.unwrap_or_default());
        }
        options
    }

    fn options_5(&self, will: Message, mut secrets: Secrets) -> v5::MqttOptions {
        let mut options = v5::MqttOptions::new(&self.client, self.host(), self.settings.port);
        let qos = qos_5(will.delivery);
        options
            .set_transport(Self::transport(&mut secrets))
            .set_keep_alive(KEEP_ALIVE)
            // PACKET_MAX fits.
            .set_max_packet_size(u32::try_from(PACKET_MAX).ok())
            .set_outgoing_inflight_upper_limit(INFLIGHT)
            .set_clean_start(true)
            .set_last_will(v5::mqttbytes::v5::LastWill::new(
                will.topic,
                will.payload,
                qos,
                will.retain,
                None,
            ));
        if let Some(username) = &self.settings.username {
            options.set_credentials(username, secrets.password.unwrap_or_default());
        }
        options
    }

    fn who(&self) -> String {
        match &self.settings.username {
            Some(username) => format!("user {username}"),
            None => "a client without a username".into(),
        }
    }

    fn credentials(&self, detail: String) -> ConnectionError {
        ConnectionError::Credentials { broker: self.broker(), who: self.who(), detail }
    }

    fn refused(&self, detail: String) -> ConnectionError {
        ConnectionError::Refused { broker: self.broker(), detail }
    }

    fn tls_failed(&self, detail: String) -> ConnectionError {
        ConnectionError::Tls { broker: self.broker(), detail }
    }

    fn broken(&self, was_connected: bool, detail: String) -> ConnectionError {
        let broker = self.broker();
        if was_connected {
            ConnectionError::Lost { broker, detail }
        } else {
            ConnectionError::Unreachable { broker, detail }
        }
    }

    fn why_4(&self, was_connected: bool, error: &rumqttc::ConnectionError) -> ConnectionError {
        use rumqttc::{ConnectReturnCode, ConnectionError as E};
        match error {
            E::ConnectionRefused(
                code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
            ) => self.credentials(format!("{code:?}")),
            E::ConnectionRefused(code) => self.refused(format!("{code:?}")),
            E::Tls(error) => self.tls_failed(error.to_string()),
            E::Io(error) => self.broken(was_connected, error.to_string()),
            other => self.broken(was_connected, other.to_string()),
        }
    }

    fn why_5(&self, was_connected: bool, error: &v5::ConnectionError) -> ConnectionError {
        use v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};
        use v5::{ConnectionError as E, StateError};
        match error {
            E::ConnectionRefused(
                code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
            ) => self.credentials(format!("{code:?}")),
            E::ConnectionRefused(code) => self.refused(format!("{code:?}")),
            E::MqttState(StateError::ServerDisconnect {
                reason_code: DisconnectReasonCode::SessionTakenOver,
                ..
            }) => ConnectionError::TakenOver { broker: self.broker(), client: self.client.clone() },
            // The broker's own words (`reason_string`) are left out: they are not ours to repeat.
            E::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                self.broken(was_connected, format!("{reason_code:?}"))
            }
            E::Tls(error) => self.tls_failed(error.to_string()),
            E::Io(error) => self.broken(was_connected, error.to_string()),
            other => self.broken(was_connected, other.to_string()),
        }
    }
}

impl Dial for Dialler {
    fn broker(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    async fn connect<T: Send>(&self, will: Message) -> Result<Connection<T>, ConnectionError> {
        let dialler = self.clone();
        let read = tokio::task::spawn_blocking(move || dialler.secrets()).await;
        let secrets = read.unwrap_or_else(|panicked| {
            Err(ConnectionError::Tls { broker: self.broker(), detail: panicked.to_string() })
        })?;
        let (tell, steps) = mpsc::unbounded_channel();
        let (client, polling): (Box<dyn Publish>, _) = match self.settings.version {
            MqttVersion::V311 => {
                let (client, events) = rumqttc::AsyncClient::new(self.options_4(will, secrets), super::QUEUE);
                (Box::new(client), tokio::spawn(poll_4(events, self.clone(), tell)))
            }
            MqttVersion::V5 => {
                let (client, events) = v5::AsyncClient::new(self.options_5(will, secrets), super::QUEUE);
                (Box::new(client), tokio::spawn(poll_5(events, self.clone(), tell)))
            }
        };
        Ok(Connection::new(client, steps, self.broker(), polling))
    }
}

/// Polls without being interrupted: `poll` is not safe to cancel in the middle.
async fn poll_4(mut events: rumqttc::EventLoop, dialler: Dialler, tell: mpsc::UnboundedSender<Step>) {
    use rumqttc::{Event, Outgoing, Packet};
    let mut connected = false;
    loop {
        let step = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                connected = true;
                Step::Connected
            }
            Ok(Event::Outgoing(Outgoing::Publish(identifier))) => Step::Sent(identifier),
            Ok(Event::Incoming(Packet::PubAck(ack))) => Step::Acknowledged(ack.pkid),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Step::Closed,
            Ok(_) => continue,
            Err(error) => Step::Gone(dialler.why_4(connected, &error)),
        };
        let last = matches!(step, Step::Closed | Step::Gone(_));
        if tell.send(step).is_err() || last {
            return;
        }
    }
}

async fn poll_5(mut events: v5::EventLoop, dialler: Dialler, tell: mpsc::UnboundedSender<Step>) {
    use rumqttc::Outgoing;
    use v5::Event;
    use v5::mqttbytes::v5::{Packet, PubAckReason};
    let mut connected = false;
    loop {
        let step = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                connected = true;
                Step::Connected
            }
            Ok(Event::Outgoing(Outgoing::Publish(identifier))) => Step::Sent(identifier),
            Ok(Event::Incoming(Packet::PubAck(ack))) => match ack.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Step::Acknowledged(ack.pkid),
                reason => Step::Gone(ConnectionError::Rejected {
                    broker: dialler.broker(),
                    who: dialler.who(),
                    detail: format!("{reason:?}"),
                }),
            },
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Step::Closed,
            Ok(_) => continue,
            Err(error) => Step::Gone(dialler.why_5(connected, &error)),
        };
        let last = matches!(step, Step::Closed | Step::Gone(_));
        if tell.send(step).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mqtt::Delivery;

    #[tokio::test]
    async fn a_missing_password_file_is_named_with_its_key() {
        let settings = config::Mqtt {
            host: "127.0.0.1".into(),
            port: 1,
            tls: false,
            ca_file: None,
            version: MqttVersion::V5,
            username: Some("lab".into()),
            password_file: Some("/nowhere/mqtt.password".into()),
            outbox_max: 1_000_000,
            home_assistant: None,
        };
        let will =
            Message { topic: "t".into(), payload: Vec::new(), delivery: Delivery::AtLeastOnce, retain: true };
        let error = Dialler::new(settings, "c".into()).connect::<()>(will).await.unwrap_err().to_string();
        assert!(error.contains("password_file") && error.contains("/nowhere/mqtt.password"), "{error}");
    }
}
