//! What is announced on the local network: `[mdns]`.

use std::net::{IpAddr, SocketAddr};

use super::Mdns;
use super::parse::keys;
use super::reader::{Found, Reader, Section};

const ADDRESS: &str = "write address = \"192.168.1.20\": the one of this machine on which a proxy answers";
/// A machine has a few addresses; more are a mistake.
const ADDRESSES_MAX: usize = 8;

pub(super) fn mdns(reader: &mut Reader<'_>, top: &Section<'_>, listen: SocketAddr) -> Option<Mdns> {
    let section = reader.section(top, "mdns")?;
    reader.unknown_keys(&section, keys("mdns"));
    let announce = reader.flag(&section, "announce");
    let host = reader.text(&section, "host").and_then(|found| host(reader, found));
    let port = reader.number(&section, "port", "(a port)", 1..=65_535);
    let port = port.and_then(|found| u16::try_from(found.value).ok());
    let addresses = addresses(reader, &section);
    let announce = announce.filter(|found| found.value)?;
    if addresses.is_empty() && !section.table.contains_key("address") && listen.ip().is_loopback() {
        let reason = "platen answers on loopback only, and nobody could reach what is announced";
        reader.wrong(&announce.at, reason, ADDRESS);
    }
    Some(Mdns { host, port, addresses })
}

/// One label of a name: what comes behind it is always `.local`.
fn host(reader: &mut Reader<'_>, found: Found<String>) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name = &found.value;
    let edges = name.starts_with('-') || name.ends_with('-');
    if !name.is_empty() && name.len() <= 63 && name.chars().all(legal) && !edges {
        return Some(found.value);
    }
    let reason = "a name on the local network is 1 to 63 of a-z, A-Z, 0-9 and - in between";
    reader.wrong(&found.at, reason, "write it without .local, as in host = \"platen\"");
    None
}

/// One, or a list of them.
fn addresses(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<IpAddr> {
    let written = if reader.is_list(section, "address") {
        reader.texts(section, "address")
    } else {
        reader.text(section, "address").into_iter().collect()
    };
    let mut addresses = Vec::new();
    for found in written {
        match found.value.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() || address.is_unspecified() || address.is_multicast() => {
                reader.wrong(&found.at, "nobody else can reach this address", ADDRESS);
            }
            Ok(_) if addresses.len() == ADDRESSES_MAX => {
                reader.wrong(
                    &found.at,
                    format!("more than {ADDRESSES_MAX} are no machine's"),
                    "leave it out",
                );
            }
            Ok(address) => addresses.push(address),
            Err(_) => reader.wrong(&found.at, "this is no address (numbers, not a name)", ADDRESS),
        }
    }
    addresses
}
