//! How platen is reached: `[http]`, its certificate and the names that it answers to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::oidc::{Oidc, oidc};
use super::parse::{absolute, keys};
use super::public::{Public, public};
use super::reader::{Found, Reader, Section};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7180);
/// A week-long print at high detail has some 200 MB of G-code.
const UPLOAD_MAX_MB: u64 = 512;
const MEGABYTE: u64 = 1 << 20;
/// A machine has a few names; more are a mistake.
const HOSTS_MAX: usize = 16;
const TLS: &str = "http.tls";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    /// Where others reach it, behind a proxy; absent: at the address that they have asked.
    pub public: Option<Public>,
    /// Names that it answers to over TLS, beside those that it has anyway.
    pub hosts: Vec<String>,
    /// Absent: it listens on loopback only.
    pub tls: Option<Tls>,
    /// Absent: whoever signs in has a password here.
    pub oidc: Option<Oidc>,
    /// The largest upload in bytes.
    pub upload_max: u64,
}

impl Http {
    /// The defaults, at an address.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            public: None,
            hosts: Vec::new(),
            tls: None,
            oidc: None,
            upload_max: UPLOAD_MAX_MB * MEGABYTE,
        }
    }
}

/// What the page shows over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates as PEM, ours first.
    pub certificate: PathBuf,
    pub key: TlsKey,
    /// Where browsers that come without TLS are sent on from; absent: from `listen` only.
    pub redirect: Option<SocketAddr>,
}

/// Where the key of the certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsKey {
    File(PathBuf),
    /// What systemd hands to the service under this name (`LoadCredential=`).
    Credential(String),
}

pub(super) fn http(reader: &mut Reader<'_>, top: &Section<'_>) -> Http {
    let mut http = Http::at(LISTEN);
    let Some(section) = reader.section(top, "http") else { return http };
    let mut known = keys("http").to_vec();
    known.extend(["tls", "oidc"]);
    reader.unknown_keys(&section, &known);
    let part = part(reader, &section, "tls", TLS);
    // A section that has mistakes of its own is not called missing as well.
    let wants_tls = part.is_some();
    http.tls = part.and_then(|part| tls(reader, &part));
    if let Some(found) = reader.text(&section, "listen") {
        match found.value.parse::<SocketAddr>() {
            Ok(listen) if listen.ip().is_loopback() || wants_tls => http.listen = listen,
            Ok(_) => reader.wrong(
                &found.at,
                "others would reach platen here, and nothing would be hidden from who listens on the way",
                format!(
                    "write [http.tls] with certificate and key as well (docs/network.md), or listen = \"{LISTEN}\""
                ),
            ),
            Err(_) => reader.wrong(
                &found.at,
                "this is no address with a port",
                format!("write listen = \"{LISTEN}\" (numbers, not a name)"),
            ),
        }
    }
    http.public = public(reader, &section);
    http.hosts = hosts(reader, &section);
    http.oidc = oidc(reader, &section, http.public.as_ref());
    if let Some(found) = reader.number(&section, "upload_max_mb", "megabytes", 1..=65_536) {
        http.upload_max = found.value * MEGABYTE;
    }
    http
}

/// A section below `[http]`; with all its lines commented out it is not there.
pub(super) fn part<'a>(
    reader: &mut Reader<'_>,
    section: &Section<'a>,
    key: &str,
    name: &str,
) -> Option<Section<'a>> {
    // What is no section is told once.
    if !section.table.contains_key(key) {
        return None;
    }
    let part = reader.section(section, key)?;
    (!part.table.is_empty()).then(|| Section { name: name.into(), table: part.table })
}

fn tls(reader: &mut Reader<'_>, part: &Section<'_>) -> Option<Tls> {
    reader.unknown_keys(part, keys(TLS));
    let instead = "write certificate = \"/etc/platen/tls/certificate.pem\"";
    let certificate = reader.needed_text(part, "certificate", instead);
    let certificate = certificate.and_then(|found| absolute(reader, &found, "certificate"));
    let instead = "write key = \"/etc/platen/tls/key.pem\", or key = \"credential:NAME\"";
    let key = reader.needed_text(part, "key", instead).and_then(|found| key(reader, &found));
    let redirect = reader.text(part, "redirect").and_then(|found| {
        let address = found.value.parse().ok();
        if address.is_none() {
            let instead = "write redirect = \"0.0.0.0:80\" (numbers, not a name)";
            reader.wrong(&found.at, "this is no address with a port", instead);
        }
        address
    });
    Some(Tls { certificate: certificate?, key: key?, redirect })
}

fn key(reader: &mut Reader<'_>, found: &Found<String>) -> Option<TlsKey> {
    let Some(name) = found.value.strip_prefix("credential:") else {
        return absolute(reader, found, "key").map(TlsKey::File);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        return Some(TlsKey::Credential(name.to_owned()));
    }
    let instead = "write the name that LoadCredential= has before its colon, as in \"credential:tls-key\"";
    reader.wrong(&found.at, "this is no name of a credential", instead);
    None
}

fn hosts(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    const INSTEAD: &str = "write hosts = [\"platen.lab.example\"]: names as people type them, without port";
    if !section.table.contains_key("hosts") {
        return Vec::new();
    }
    let mut hosts = Vec::new();
    for found in reader.texts(section, "hosts") {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(legal);
        let name = found.value.to_ascii_lowercase();
        if hosts.len() == HOSTS_MAX {
            reader.wrong(&found.at, format!("more than {HOSTS_MAX} are no machine's"), "leave it out");
        } else if name.len() <= 253 && name.split('.').all(label) {
            hosts.push(name);
        } else {
            reader.wrong(&found.at, "this is no name of a host", INSTEAD);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(section: &str) -> Result<Http, String> {
        let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
        Config::parse(&format!("site = \"a\"\nnode = \"b\"\n{section}\n{printer}"))
            .map(|config| config.http)
            .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    const WIDE: &str = "[http]\nlisten = \"0.0.0.0:7180\"\n";

    #[test]
    fn platen_listens_wider_than_this_machine_only_with_a_certificate() {
        let told = read(WIDE).unwrap_err();
        assert!(told.contains("http.listen") && told.contains("[http.tls]"), "{told}");
        let told = read(&format!("{WIDE}[http.tls]\n")).unwrap_err();
        assert!(told.contains("[http.tls]"), "an empty section is none: {told}");
        let tls = "[http.tls]\ncertificate = \"/c.pem\"\nkey = \"/k.pem\"";
        let http = read(&format!("{WIDE}{tls}")).unwrap();
        assert_eq!(http.listen, "0.0.0.0:7180".parse().unwrap());
        let wanted = Tls { certificate: "/c.pem".into(), key: TlsKey::File("/k.pem".into()), redirect: None };
        assert_eq!(http.tls, Some(wanted));
        // At this machine TLS may be spoken as well.
        assert!(read(tls).unwrap().listen.ip().is_loopback());
    }

    #[test]
    fn what_is_missing_or_wrong_in_the_section_is_told_and_nothing_beside_it() {
        for (tls, word) in [
            ("certificate = \"/c.pem\"", "http.tls.key: this is missing"),
            ("key = \"/k.pem\"", "http.tls.certificate: this is missing"),
            ("certificate = \"c.pem\"\nkey = \"/k.pem\"", "no absolute path"),
            ("certificate = \"/c.pem\"\nkey = \"credential:../x\"", "no name of a credential"),
            ("certificate = \"/c.pem\"\nkey = \"/k.pem\"\nredirect = \"80\"", "no address with a port"),
            ("certificate = \"/c.pem\"\nkey = \"/k.pem\"\nkeys = 1", "did you mean key?"),
        ] {
            let told = read(&format!("{WIDE}[http.tls]\n{tls}")).unwrap_err();
            assert!(told.contains(word) && told.lines().count() == 1, "{tls}: {told}");
        }
        let http =
            read("[http.tls]\ncertificate = \"/c\"\nkey = \"credential:tls-key\"\nredirect = \"[::]:80\"");
        let tls = http.unwrap().tls.unwrap();
        assert_eq!(tls.key, TlsKey::Credential("tls-key".into()));
        assert_eq!(tls.redirect, Some("[::]:80".parse().unwrap()));
    }

    #[test]
    fn names_are_names_and_few() {
        let hosts = |list: &str| read(&format!("[http]\nhosts = {list}")).map(|http| http.hosts);
        assert_eq!(hosts("[\"Platen\", \"platen.lab.example\"]").unwrap(), ["platen", "platen.lab.example"]);
        for bad in ["[\"\"]", "[\"a b\"]", "[\"platen:7180\"]", "[\"https://platen\"]", "[\"a..b\"]", "\"a\""]
        {
            assert!(hosts(bad).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..17).map(|n| format!("\"h{n}\"")).collect();
        assert!(hosts(&format!("[{}]", many.join(","))).unwrap_err().contains("more than 16"));
    }
}
