//! Announces the lab and each of its printers on the local network, where the site wants it.
//!
//! Slicers look for `_octoprint._tcp` and `_moonraker._tcp` and read the path behind which a printer is. What is said
//! are names of the configuration and words of ours.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::ids::{NodeName, PrinterName, SiteName, hex};
use crate::io::mdns::{Announcer, Host, Service, host_name};
use crate::io::offload::offload;

pub use crate::io::mdns::PORT;

/// What the queue answers as, to those who ask OctoPrint for its version and its API.
const VERSION: &str = "1.11.0";
const API: &str = "0.1";
/// What one label of DNS may hold.
const LABEL_MAX: usize = 63;

const HTTP: &str = "_http._tcp";
const HTTPS: &str = "_https._tcp";
const OCTOPRINT: &str = "_octoprint._tcp";
const MOONRAKER: &str = "_moonraker._tcp";

/// All that is announced: the page and the queue of the site, and every printer for both kinds of client.
pub fn services<'a>(
    site: &SiteName,
    node: &NodeName,
    printers: impl IntoIterator<Item = (&'a PrinterName, Option<&'a str>)>,
) -> Vec<Service> {
    let service = |kind, name: String, path: String, model: &str| Service {
        kind,
        name: fitting(name),
        text: vec![
            ("path", path),
            ("version", VERSION.into()),
            ("api", API.into()),
            ("vendor", "platen".into()),
            ("model", model.to_owned()),
        ],
    };
    // A site may have several nodes, and each has a queue.
    let lab = format!("platen {site} {node}");
    let mut all = vec![
        service(HTTP, lab.clone(), "/".into(), "queue"),
        service(OCTOPRINT, format!("{lab} queue"), "/".into(), "queue"),
    ];
    for (printer, model) in printers {
        for kind in [OCTOPRINT, MOONRAKER] {
            let path = format!("/p/{printer}/");
            all.push(service(kind, printer.to_string(), path, model.unwrap_or("printer")));
        }
    }
    all
}

/// What is announced where platen itself is reached over TLS: the page alone. Programs that find a printer so ask it in
/// the open first, and send their key with it.
pub fn over_tls(site: &SiteName, node: &NodeName) -> Vec<Service> {
    let all = services(site, node, []);
    let page = all.into_iter().filter(|service| service.kind == HTTP);
    page.map(|service| Service { kind: HTTPS, ..service }).collect()
}

/// A name that is too long for a label is cut, and stays another one than those that begin like it.
fn fitting(name: String) -> String {
    if name.len() <= LABEL_MAX {
        return name;
    }
    let mark = hex(&Sha256::digest(name.as_bytes())[..4]);
    // Names of sites, nodes and printers are ASCII.
    let kept: String = name.chars().take(LABEL_MAX - 1 - mark.len()).collect();
    format!("{kept}-{mark}")
}

/// Announces until `shutdown`, if the configuration says so; `address` is where HTTP listens, `port` where others
/// listen for announcements. Nobody waits for it, and without it platen does all else.
pub fn spawn(
    config: &Config,
    address: SocketAddr,
    port: u16,
    shutdown: CancellationToken,
) -> Option<JoinHandle<()>> {
    let wanted = config.mdns.clone()?;
    let printers = config.printers.iter().map(|printer| (&printer.name, printer.model.as_deref()));
    // Where an address is given, a proxy answers.
    let services = match config.http.tls.is_some() && wanted.addresses.is_empty() {
        true => over_tls(&config.site, &config.node),
        false => services(&config.site, &config.node, printers),
    };
    let (node, listen) = (config.node.to_string(), address.port());
    let begin = move || {
        let own = || host_name().unwrap_or(node);
        let name = wanted.host.unwrap_or_else(own);
        let host = Host { name, port: wanted.port.unwrap_or(listen), addresses: wanted.addresses };
        Announcer::start(port, &host, &services).map(|announcer| (announcer, host, services.len()))
    };
    Some(tokio::spawn(async move {
        let (announcer, host, count) = match offload(begin).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(error)) => {
                tracing::warn!("{error}");
                return;
            }
            // The runtime ends.
            Err(_) => return,
        };
        tracing::info!("{count} services are announced as {}.local:{}", host.name, host.port);
        shutdown.cancelled().await;
        let _ = offload(move || announcer.end()).await;
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(site: &str, node: &str, printers: &[(&str, Option<&str>)]) -> Vec<Service> {
        let printers: Vec<(PrinterName, Option<&str>)> =
            printers.iter().map(|(name, model)| (name.parse().unwrap(), *model)).collect();
        let named = printers.iter().map(|(name, model)| (name, *model));
        services(&site.parse().unwrap(), &node.parse().unwrap(), named)
    }

    #[test]
    fn the_site_has_a_page_and_a_queue_and_each_printer_is_there_for_both_kinds_of_client() {
        let rows: Vec<_> = all("st-anna", "lab-1", &[("mk3-07", Some("prusa-mk3s")), ("xl", None)])
            .into_iter()
            .map(|Service { kind, name, text }| {
                let text: Vec<_> = text.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{kind} | {name} | {}", text.join(" "))
            })
            .collect();
        assert_eq!(
            rows,
            [
                "_http._tcp | platen st-anna lab-1 | path=/ version=1.11.0 api=0.1 vendor=platen model=queue",
                "_octoprint._tcp | platen st-anna lab-1 queue | path=/ version=1.11.0 api=0.1 vendor=platen model=queue",
                "_octoprint._tcp | mk3-07 | path=/p/mk3-07/ version=1.11.0 api=0.1 vendor=platen model=prusa-mk3s",
                "_moonraker._tcp | mk3-07 | path=/p/mk3-07/ version=1.11.0 api=0.1 vendor=platen model=prusa-mk3s",
                "_octoprint._tcp | xl | path=/p/xl/ version=1.11.0 api=0.1 vendor=platen model=printer",
                "_moonraker._tcp | xl | path=/p/xl/ version=1.11.0 api=0.1 vendor=platen model=printer",
            ]
        );
    }

    #[test]
    fn over_tls_only_the_page_is_announced_since_programs_would_send_their_keys_in_the_open() {
        let services = over_tls(&"st-anna".parse().unwrap(), &"lab-1".parse().unwrap());
        let [page] = &services[..] else { panic!("{} are announced", services.len()) };
        assert_eq!((page.kind, page.name.as_str()), ("_https._tcp", "platen st-anna lab-1"));
        assert!(page.text.contains(&("path", "/".into())));
    }

    #[test]
    fn the_longest_names_fit_into_a_label_and_stay_different() {
        let (one, other) = (format!("{}1", "p".repeat(63)), format!("{}2", "p".repeat(63)));
        let services = all(&"s".repeat(64), &"n".repeat(64), &[(&one, None), (&other, None)]);
        let mut names: Vec<_> = services.iter().map(|service| (service.kind, &service.name)).collect();
        assert!(names.iter().all(|(_, name)| name.len() == LABEL_MAX), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 6);
        // The path has the whole name.
        assert!(services[2].text.contains(&("path", format!("/p/{one}/"))));
        assert!(
            services
                .iter()
                .flat_map(|service| &service.text)
                .all(|(key, value)| key.len() + value.len() < 255)
        );
    }
}
