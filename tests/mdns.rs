//! What slicers find on the local network: announced by the daemon's own task, browsed for by another daemon.
//!
//! Over the loopback device and on a port of each test's own, so that no network is needed and none hears of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use mdns_sd::{IfKind, Receiver, ServiceDaemon, ServiceEvent};
use platen::config::{Config, Mdns};
use platen::services::mdns;
use tokio_util::sync::CancellationToken;

/// Announcing takes a second; the machine may be busy.
const BOUND: Duration = Duration::from_secs(60);
/// The network of the loopback device is 127.0.0.0/8; nothing of it goes further.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
const KINDS: [&str; 3] = ["_http._tcp", "_octoprint._tcp", "_moonraker._tcp"];

/// A port that nobody has.
fn port() -> u16 {
    UdpSocket::bind(("0.0.0.0", 0)).unwrap().local_addr().unwrap().port()
}

fn config(printers: &[String], mdns: Option<Mdns>) -> Config {
    let mut text = "site = \"st-anna\"\nnode = \"lab-1\"\n".to_owned();
    for name in printers {
        text.push_str(&format!(
            "[[printer]]\nname = \"{name}\"\nport = \"/dev/{name}\"\nbaud = 115200\nmodel = \"prusa-mk3s\"\n"
        ));
    }
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.mdns, None, "nothing is announced unless somebody says so");
    Config { mdns, ..config }
}

fn announced() -> Option<Mdns> {
    Some(Mdns { host: Some("platen-test".into()), port: Some(8080), addresses: vec![ADDRESS] })
}

/// What was found: by full name, address, port and text.
type Found = BTreeMap<String, (BTreeSet<Ipv4Addr>, u16, String)>;

struct Browser {
    daemon: ServiceDaemon,
    kinds: Vec<Receiver<ServiceEvent>>,
}

impl Browser {
    fn new(port: u16) -> Self {
        let daemon = ServiceDaemon::new_with_port(port).unwrap();
        daemon.disable_interface(IfKind::All).unwrap();
        daemon.enable_interface(IfKind::LoopbackV4).unwrap();
        let kinds = KINDS.iter().map(|kind| daemon.browse(&format!("{kind}.local.")).unwrap()).collect();
        Self { daemon, kinds }
    }

    /// Takes in all that is found and lost, until `enough`.
    async fn until(&self, found: &mut Found, enough: impl Fn(&Found) -> bool) {
        let deadline = tokio::time::Instant::now() + BOUND;
        while !enough(found) {
            assert!(tokio::time::Instant::now() < deadline, "within {BOUND:?} only {found:#?}");
            for kind in &self.kinds {
                for event in kind.try_iter() {
                    take(found, event);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

fn take(found: &mut Found, event: ServiceEvent) {
    match event {
        ServiceEvent::ServiceResolved(service) => {
            let text = service.get_properties().iter().map(|one| format!("{}={}", one.key(), one.val_str()));
            let text = text.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ");
            let addresses = service.get_addresses_v4().into_iter().collect();
            found.insert(service.get_fullname().to_owned(), (addresses, service.get_port(), text));
        }
        ServiceEvent::ServiceRemoved(_, name) => drop(found.remove(&name)),
        _ => {}
    }
}

fn listen() -> std::net::SocketAddr {
    "127.0.0.1:7180".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_and_its_printers_are_found_and_are_gone_when_the_daemon_ends() {
    let (port, shutdown) = (port(), CancellationToken::new());
    let printers = ["mk3-07".to_owned(), "p".repeat(64)];
    let task = mdns::spawn(&config(&printers, announced()), listen(), port, shutdown.clone()).unwrap();
    let (browser, mut found) = (Browser::new(port), Found::new());
    browser.until(&mut found, |found| found.len() == 6).await;

    let about = |path: &str, model: &str| {
        let text = format!("api=0.1 model={model} path={path} vendor=platen version=1.11.0");
        ([Ipv4Addr::new(127, 0, 0, 9)].into(), 8080, text)
    };
    assert_eq!(found["platen st-anna lab-1._http._tcp.local."], about("/", "queue"));
    assert_eq!(found["platen st-anna lab-1 queue._octoprint._tcp.local."], about("/", "queue"));
    for kind in ["_octoprint", "_moonraker"] {
        let printer = &found[&format!("mk3-07.{kind}._tcp.local.")];
        assert_eq!(*printer, about("/p/mk3-07/", "prusa-mk3s"));
        // Its name is cut, its path is not.
        let long = found.iter().find(|(name, _)| name.starts_with("pp") && name.contains(kind)).unwrap();
        assert_eq!(*long.1, about(&format!("/p/{}/", "p".repeat(64)), "prusa-mk3s"));
    }

    shutdown.cancel();
    tokio::time::timeout(BOUND, task).await.expect("the task ends").unwrap();
    browser.until(&mut found, Found::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_of_128_printers_is_found_whole() {
    let (port, shutdown) = (port(), CancellationToken::new());
    let printers: Vec<String> = (1..=128).map(|number| format!("p-{number:03}")).collect();
    let task = mdns::spawn(&config(&printers, announced()), listen(), port, shutdown.clone()).unwrap();
    let (browser, mut found) = (Browser::new(port), Found::new());
    browser.until(&mut found, |found| found.len() == 2 * (printers.len() + 1)).await;
    for printer in &printers {
        for kind in ["_octoprint", "_moonraker"] {
            let (_, _, text) = &found[&format!("{printer}.{kind}._tcp.local.")];
            assert!(text.contains(&format!("path=/p/{printer}/ ")), "{text}");
        }
    }
    shutdown.cancel();
    tokio::time::timeout(BOUND, task).await.expect("the task ends").unwrap();
}

#[tokio::test]
async fn nothing_is_announced_where_the_site_does_not_want_it() {
    let config = config(&["mk3-07".to_owned()], None);
    assert!(mdns::spawn(&config, listen(), port(), CancellationToken::new()).is_none());
}
