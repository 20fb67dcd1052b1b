//! Services announced on the local network by multicast DNS, and taken back at the end.
//!
//! The crate has a thread and sockets of its own; nothing here is waited for but that thread.

use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{Error, ServiceDaemon, ServiceInfo};

/// Where everybody listens for it.
pub const PORT: u16 = mdns_sd::MDNS_PORT;
/// The thread answers in milliseconds; one that does not is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where what is announced is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Without `.local`.
    pub name: String,
    pub port: u16,
    /// Each is announced in the networks that it is in; none: the machine's own.
    pub addresses: Vec<IpAddr>,
}

/// One thing to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// As in `_http._tcp`.
    pub kind: &'static str,
    /// 63 bytes at most.
    pub name: String,
    pub text: Vec<(&'static str, String)>,
}

/// Why nothing is announced.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    #[error("nothing is announced on the local network: {0}; see whether UDP port 5353 may be used here")]
    Socket(Error),
    #[error("{name} ({kind}) cannot be announced on the local network: {error}")]
    Service { kind: &'static str, name: String, error: Error },
    #[error("nothing is announced on the local network: the thread that does so hangs")]
    Hangs,
}

/// Announces until it is ended.
pub struct Announcer {
    daemon: ServiceDaemon,
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcer").finish_non_exhaustive()
    }
}

impl Announcer {
    /// Announces all of `services`; `port` is `PORT`, or another one for a network of a test's own. May wait.
    pub fn start(port: u16, host: &Host, services: &[Service]) -> Result<Self, AnnounceError> {
        let daemon = ServiceDaemon::new_with_port(port).map_err(AnnounceError::Socket)?;
        let announcer = Self { daemon };
        for service in services {
            let Service { kind, name, .. } = service;
            let failed = |error| AnnounceError::Service { kind, name: name.clone(), error };
            let info = described(host, service).map_err(failed)?;
            announcer.daemon.register(info).map_err(failed)?;
            // One by one: the thread's queue holds a hundred, and says no to more.
            announcer.settled()?;
        }
        Ok(announcer)
    }

    /// Waits until the thread has taken what it was told.
    fn settled(&self) -> Result<(), AnnounceError> {
        let status = self.daemon.status().map_err(AnnounceError::Socket)?;
        status.recv_timeout(PATIENCE).map(drop).map_err(|_| AnnounceError::Hangs)
    }

    /// Takes everything back, so that nobody finds what is not there. May wait.
    pub fn end(self) {
        if let Ok(ended) = self.daemon.shutdown() {
            // Where it hangs, what was announced expires by itself.
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

fn described(host: &Host, service: &Service) -> Result<ServiceInfo, Error> {
    let text: Vec<(&str, &str)> = service.text.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let info = ServiceInfo::new(
        &format!("{}.local.", service.kind),
        &service.name,
        &format!("{}.local.", host.name),
        &host.addresses[..],
        host.port,
        &text[..],
    )?;
    Ok(if host.addresses.is_empty() { info.enable_addr_auto() } else { info })
}

/// What the machine calls itself, as one plain label; absent where it says nothing of use.
pub fn host_name() -> Option<String> {
    label(&std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?)
}

fn label(said: &str) -> Option<String> {
    let first = said.trim().split('.').next()?;
    let legal = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let kept: String = first.chars().filter(legal).take(63).collect();
    let kept = kept.trim_matches('-');
    (!kept.is_empty()).then(|| kept.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_called_by_the_first_label_of_its_name() {
        for (said, called) in [
            ("Lab-1\n", Some("lab-1")),
            ("lab-1.st-anna.example\n", Some("lab-1")),
            ("my_pi\n", Some("mypi")),
            ("-\n", None),
            ("", None),
        ] {
            assert_eq!(label(said).as_deref(), called, "{said:?}");
        }
        assert_eq!(label(&"x".repeat(200)).unwrap().len(), 63);
    }
}
