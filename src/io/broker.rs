//! The broker inside the demo, so that `platen demo` needs nothing installed.
//!
//! It is rumqttd, which speaks one version of the protocol per port and keeps everything in
//! memory: a late subscriber sees at most 100 retained topics (200 with QoS 0), and none after a
//! restart. A publisher of version 5 that sets properties breaks every 3.1.1 subscriber of the
//! same topic (platen sets none). A lab runs mosquitto instead.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rumqttd::{Config, ConnectionSettings, RouterConfig, ServerSettings};
use tokio::net::TcpStream;

/// How long its threads may take to listen; they take milliseconds.
const START: Duration = Duration::from_secs(10);

/// What keeps the broker from starting.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error(
        "the demo's MQTT broker cannot listen on {address} ({error}); stop what listens there, or give it another port"
    )]
    Port { address: SocketAddr, error: io::Error },
    #[error("the demo's MQTT broker does not start: {error}")]
    Thread { error: io::Error },
    #[error("the demo's MQTT broker does not answer on {address} after {} s; try again, or use a broker of your own", START.as_secs())]
    Silent { address: SocketAddr },
}

/// A running broker. It cannot be stopped: its threads live as long as the process.
#[derive(Clone, Copy, Debug)]
pub struct Broker {
    /// Where it speaks MQTT 3.1.1 (what `mosquitto_sub` speaks unless told otherwise).
    pub v311: SocketAddr,
    /// Where it speaks MQTT 5.
    pub v5: SocketAddr,
}

impl Broker {
    /// Starts it on this machine only; port 0 takes a free one.
    pub async fn start(v311: u16, v5: u16) -> Result<Self, BrokerError> {
        // rumqttd tells nobody when a port is taken, so both are tried first, and held together
        // so that two free ones are two different ones.
        let (first, second) = (reserve(v311)?, reserve(v5)?);
        let addresses = Self { v311: first.1, v5: second.1 };
        drop((first, second));
        let mut broker = rumqttd::Broker::new(addresses.config());
        let run = move || {
            if let Err(error) = broker.start() {
                tracing::error!(%error, "the demo's MQTT broker has ended");
            }
        };
        std::thread::Builder::new()
            .name("demo-broker".into())
            .spawn(run)
            .map_err(|error| BrokerError::Thread { error })?;
        for address in [addresses.v311, addresses.v5] {
            let answer = tokio::time::timeout(START, answers(address)).await;
            answer.map_err(|_| BrokerError::Silent { address })?;
        }
        Ok(addresses)
    }

    fn config(self) -> Config {
        let connections = ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: 64 * 1024,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        };
        let server = |name: &str, listen: SocketAddr| {
            let settings = ServerSettings {
                name: name.into(),
                listen,
                tls: None,
                next_connection_delay_ms: 1,
                connections: connections.clone(),
            };
            Some([(name.to_owned(), settings)].into())
        };
        Config {
            router: RouterConfig {
                max_connections: 256,
                max_outgoing_packet_count: 200,
                // A hundred megabytes of history a topic filter would be too much for a demo.
                max_segment_size: 1024 * 1024,
                max_segment_count: 10,
                ..RouterConfig::default()
            },
            v4: server("v311", self.v311),
            v5: server("v5", self.v5),
            ..Config::default()
        }
    }
}

fn reserve(port: u16) -> Result<(TcpListener, SocketAddr), BrokerError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |error| BrokerError::Port { address, error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn answers(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
