//! A certificate that nobody but itself vouches for, and its key, for a lab without an authority of its own.
//!
//! Browsers warn of it until it is among those that they trust. It is ECDSA P-256, which all of them know, and holds for
//! 825 days: Apple's take none that holds longer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

use super::secret::Secret;
use crate::domain::moment::WallTime;

const DAYS: i64 = 825;
/// Names that a certificate is made for are few.
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Both as PEM.
#[derive(Debug)]
pub struct Made {
    pub certificate: String,
    pub key: Secret,
}

#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    #[error("the clock of this machine shows no time that a certificate could have; set it, then try again")]
    Clock,
    #[error("no certificate can be made for these names: {0}; give other names with --host")]
    Names(rcgen::Error),
}

/// For these names and addresses, from yesterday on: clocks differ.
pub fn make(names: &[String], now: WallTime) -> Result<Made, NotMade> {
    let seconds = i64::try_from(now.0 / 1_000).map_err(|_| NotMade::Clock)?;
    let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| NotMade::Clock)?;
    let mut wanted = CertificateParams::new(names.to_vec()).map_err(NotMade::Names)?;
    wanted.not_before = now - time::Duration::days(1);
    wanted.not_after = now + time::Duration::days(DAYS - 1);
    wanted.is_ca = IsCa::ExplicitNoCa;
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, names.first().map_or("platen", String::as_str));
    wanted.distinguished_name = called;
    let key = KeyPair::generate().map_err(NotMade::Names)?;
    let certificate = wanted.self_signed(&key).map_err(NotMade::Names)?;
    Ok(Made { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
}

/// What this machine is called, where it is called anything.
pub fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    (is_plain && !name.is_empty() && name != "localhost").then_some(name)
}

/// Addresses by which it is reached: itself, and the one that it has towards others. Nothing is sent.
pub fn addresses() -> Vec<IpAddr> {
    // Addresses that nobody has (RFC 5737, RFC 3849): the kernel only looks which way would lead there.
    let towards = |ours: &str, theirs: &str| {
        let socket = UdpSocket::bind(ours).ok()?;
        socket.connect(theirs).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    let own = [towards("0.0.0.0:0", "192.0.2.1:9"), towards("[::]:0", "[2001:db8::1]:9")];
    let mut all = ADDRESSES.to_vec();
    for address in own.into_iter().flatten().filter(|address| !address.is_unspecified()) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Tls, TlsKey};
    use crate::io::certificate::{Certificate, Doubt};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_for_its_names_goes_with_its_key_and_holds_from_now_on() {
        let folder = tempfile::tempdir().unwrap();
        let now = WallTime(1_795_000_000_000);
        let names = ["platen.lab", "localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = make(&names, now).unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::write(&certificate, &made.certificate).unwrap();
        std::fs::write(&key, made.key.expose()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let tls = Tls { certificate, key: TlsKey::File(key.clone()), redirect: None };
        let read = Certificate::read(&tls, None).unwrap();
        assert_eq!(read.doubts(now, ["platen.lab", "localhost", "127.0.0.1", "[::1]"]), []);
        let other = read.doubts(now, ["elsewhere.lab"]);
        assert!(matches!(other.as_slice(), [Doubt::OtherHost { .. }]), "{other:?}");
        let (from, until) = read.holds();
        assert!(from < now && until.0 - from.0 == 825 * 24 * 3_600 * 1_000, "{from} {until}");
        // Another's key is not its key.
        std::fs::write(&key, make(&names, now).unwrap().key.expose()).unwrap();
        assert!(Certificate::read(&tls, None).is_err());
    }

    #[test]
    fn a_machine_always_reaches_itself() {
        let all = addresses();
        assert!(ADDRESSES.iter().all(|address| all.contains(address)), "{all:?}");
    }
}
