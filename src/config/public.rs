//! Where others reach platen when a proxy stands before it: `public` under `[http]`.

use std::net::Ipv6Addr;

use super::reader::{Reader, Section};

const URL: &str = "write public = \"https://platen.lab\", or with the path under which the proxy has platen";
/// Nobody types more.
const LENGTH_MAX: usize = 200;

/// An address, taken apart once, so that no two places do it differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    origin: String,
    host: String,
    path: String,
}

impl Public {
    /// What is put before a path of ours: without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// `scheme://host`, with the port where it is not the scheme's own: as browsers write it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether browsers come to it over TLS.
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Without its port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
}

pub(super) fn public(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Public> {
    let found = reader.text(section, "public")?;
    match read(&found.value) {
        Ok(public) => Some(public),
        Err(reason) => {
            reader.wrong(&found.at, reason, URL);
            None
        }
    }
}

fn read(url: &str) -> Result<Public, &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err("this does not begin with https:// or http://");
    }
    if url.len() > LENGTH_MAX {
        return Err("this is longer than 200 characters");
    }
    if rest.contains(['?', '#']) {
        return Err("the address of platen has no ? and no #");
    }
    let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if place.contains('@') {
        return Err("no user and no password stand in this address: everybody sees it");
    }
    let (host, port) = host_and_port(place)?;
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    if !is_path(path) {
        return Err("the path has something in it that is none of a-z, A-Z, 0-9, -, _ and single / or .");
    }
    Ok(Public { origin: format!("{scheme}://{host}{port}"), host, path: path.to_owned() })
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), &'static str> {
    const NO_HOST: &str = "there is no host in this address";
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("a [ has no ] behind it")?;
            // As browsers write it, whichever way it was typed.
            let address: Ipv6Addr = address.parse().map_err(|_| NO_HOST)?;
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let label = |label: &str| !label.is_empty() && label.chars().all(legal);
            if !host.split('.').all(label) {
                return Err(NO_HOST);
            }
            (host.to_ascii_lowercase(), port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let number = port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    match number.filter(|number| *number > 0) {
        Some(number) => Ok((host, Some(number))),
        None => Err("a port is a number from 1 to 65535"),
    }
}

/// Nothing that a browser or a proxy would write otherwise.
fn is_path(path: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let level = |level: &str| !matches!(level, "" | "." | "..") && level.chars().all(legal);
    path.is_empty() || path.strip_prefix('/').is_some_and(|path| path.split('/').all(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_browsers_write_it() {
        for (text, url, origin, host) in [
            ("https://platen.lab", "https://platen.lab", "https://platen.lab", "platen.lab"),
            ("HTTPS://Platen.Lab:443/", "https://platen.lab", "https://platen.lab", "platen.lab"),
            ("http://lab:80/a/b/", "http://lab/a/b", "http://lab", "lab"),
            ("https://lab:8443/platen", "https://lab:8443/platen", "https://lab:8443", "lab"),
            ("http://10.0.0.7:443", "http://10.0.0.7:443", "http://10.0.0.7:443", "10.0.0.7"),
            ("https://[FD00:0::2]/x", "https://[fd00::2]/x", "https://[fd00::2]", "[fd00::2]"),
        ] {
            let public = read(text).unwrap();
            let seen = (public.url(), public.origin(), public.host());
            assert_eq!(seen, (url.to_owned(), origin, host), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_ours_is_told_with_the_reason() {
        for (text, word) in [
            ("", "begin with"),
            ("platen.lab", "begin with"),
            ("ftp://platen.lab", "begin with"),
            ("https://", "no host"),
            ("https:///platen", "no host"),
            ("https://a..b", "no host"),
            ("https://a b", "no host"),
            ("https://[fd00::2", "no ]"),
            ("https://[platen]", "no host"),
            ("https://kim:secret@platen.lab", "no password"),
            ("https://platen.lab?x=1", "no ?"),
            ("https://platen.lab/#top", "no #"),
            ("https://platen.lab:0", "port"),
            ("https://platen.lab:65536", "port"),
            ("https://platen.lab:x", "port"),
            ("https://platen.lab/a//b", "path"),
            ("https://platen.lab/../b", "path"),
            ("https://platen.lab/a%20b", "path"),
        ] {
            assert!(read(text).unwrap_err().contains(word), "{text}");
        }
        assert!(read(&format!("https://lab/{}", "a".repeat(200))).unwrap_err().contains("200"));
    }
}
