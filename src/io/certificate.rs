//! The certificate that the page is shown with: read from its files, held against its key, and put in place of the one
//! before without ending a connection.
//!
//! Of the certificate itself only what TLS does not tell by itself is read here: from when to when it holds (RFC 5280,
//! 4.1). Whether a browser trusts it is the browser's to say.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use zeroize::Zeroizing;

use crate::config::{Tls, TlsKey};
use crate::domain::moment::WallTime;

/// A chain of certificates is a few kilobytes.
const FILE_MAX: u64 = 256 << 10;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum NoCertificate {
    #[error("{path} cannot be read: {error}; look at the path, and see that platen's user may read it")]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{path} holds more than {FILE_MAX} bytes, which no certificate has; give the right file")]
    TooLarge { path: PathBuf },
    #[error(
        "{path} holds no certificate as PEM; write the one that was issued, from -----BEGIN CERTIFICATE----- on"
    )]
    NoneIn { path: PathBuf },
    #[error("{path} holds a certificate that cannot be read; have it issued anew")]
    Broken { path: PathBuf },
    #[error(
        "{path} holds no key as PEM that can be read; write it without a password, from -----BEGIN PRIVATE KEY----- on"
    )]
    NoKey { path: PathBuf },
    #[error(
        "the key {path} may be read by everybody (mode {mode:o}); give it to platen's user, `chmod 600` it, and have the certificate issued anew with another key if others could read it"
    )]
    OpenKey { path: PathBuf, mode: u32 },
    #[error(
        "the key is to come from systemd as the credential {name}, and systemd hands none over; write LoadCredential={name}:FILE into the unit, or a path as key under [http.tls]"
    )]
    NoCredentials { name: String },
    #[error("the key {key} is not that of the certificate {certificate}; give the key that belongs to it")]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the key {path} is of a kind that TLS here does not know; take RSA of 2048 bits, or ECDSA P-256")]
    Kind { path: PathBuf },
}

/// What is not as it should be about a certificate that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("the certificate {path} has expired on {until}; browsers warn of platen until it is renewed")]
    Expired { path: PathBuf, until: WallTime },
    #[error("the certificate {path} holds only from {from} on; look at the clock of this machine, or wait")]
    NotYet { path: PathBuf, from: WallTime },
    #[error("the certificate {path} expires on {until}; renew it before that")]
    Soon { path: PathBuf, until: WallTime },
    #[error(
        "the certificate {path} does not name {host}; have one issued that does, or correct [http] hosts and public"
    )]
    OtherHost { path: PathBuf, host: String },
}

impl Doubt {
    /// Nobody's browser takes it as it is.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYet { .. })
    }
}

/// So long before its end it is told that a certificate ends: a fortnight to have it renewed.
const SOON_MS: u64 = 14 * 24 * 3_600 * 1_000;

/// A certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    path: PathBuf,
    key: Arc<CertifiedKey>,
    from: WallTime,
    until: WallTime,
}

/// The bytes of both files, to see whether they change.
#[derive(PartialEq, Eq)]
pub struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(…)")
    }
}

fn bytes_of(path: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), NoCertificate> {
    let unreadable = |error| NoCertificate::Unreadable { path: path.to_owned(), error };
    // Others renew it, and have links to what is new: those are followed. A pipe is not waited for.
    let mut options = File::options();
    let file = options.read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::Error::other("this is no file")));
    }
    if metadata.len() > FILE_MAX {
        return Err(NoCertificate::TooLarge { path: path.to_owned() });
    }
    // Room for all of it: nothing grows, and no copy is left behind.
    let room = usize::try_from(FILE_MAX.min(metadata.len()) + 1).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok((bytes, metadata.permissions().mode() & 0o7777))
}

fn key_path(tls: &Tls, credentials: Option<&Path>) -> Result<PathBuf, NoCertificate> {
    match &tls.key {
        TlsKey::File(path) => Ok(path.clone()),
        TlsKey::Credential(name) => credentials
            .map(|folder| folder.join(name))
            .ok_or_else(|| NoCertificate::NoCredentials { name: name.clone() }),
    }
}

impl Files {
    /// `credentials` is `$CREDENTIALS_DIRECTORY`. Blocks.
    pub fn read(tls: &Tls, credentials: Option<&Path>) -> Result<Self, NoCertificate> {
        let (certificate, _) = bytes_of(&tls.certificate)?;
        let path = key_path(tls, credentials)?;
        let (key, mode) = bytes_of(&path)?;
        // A group for those who may use keys is common.
        if mode & 0o007 != 0 {
            return Err(NoCertificate::OpenKey { path, mode });
        }
        Ok(Self { certificate: certificate.to_vec(), key })
    }
}

impl Certificate {
    /// Reads both files and holds them against each other. Blocks.
    pub fn read(tls: &Tls, credentials: Option<&Path>) -> Result<Self, NoCertificate> {
        Self::of(tls, credentials, &Files::read(tls, credentials)?)
    }

    /// The same of what was read.
    pub fn of(tls: &Tls, credentials: Option<&Path>, files: &Files) -> Result<Self, NoCertificate> {
        let (path, key_path) = (tls.certificate.clone(), key_path(tls, credentials)?);
        let broken = || NoCertificate::Broken { path: path.clone() };
        let chain = CertificateDer::pem_slice_iter(&files.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| broken())?;
        let Some(own) = chain.first() else { return Err(NoCertificate::NoneIn { path }) };
        ParsedCertificate::try_from(own).map_err(|_| broken())?;
        let (from, until) = validity(own).ok_or_else(broken)?;
        let key = PrivateKeyDer::from_pem_slice(&files.key)
            .map_err(|_| NoCertificate::NoKey { path: key_path.clone() })?;
        match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
            Ok(key) => Ok(Self { path, key: Arc::new(key), from, until }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(NoCertificate::Mismatch { certificate: path, key: key_path })
            }
            Err(_) => Err(NoCertificate::Kind { path: key_path }),
        }
    }

    /// The first and the last moment at which it holds.
    pub fn holds(&self) -> (WallTime, WallTime) {
        (self.from, self.until)
    }

    /// What is not as it should be, now and for these names.
    pub fn doubts<'h>(&self, now: WallTime, hosts: impl IntoIterator<Item = &'h str>) -> Vec<Doubt> {
        let (path, from, until) = (|| self.path.clone(), self.from, self.until);
        let time = match now {
            now if now > until => Some(Doubt::Expired { path: path(), until }),
            now if now < from => Some(Doubt::NotYet { path: path(), from }),
            now if now.0.saturating_add(SOON_MS) > until.0 => Some(Doubt::Soon { path: path(), until }),
            _ => None,
        };
        let other = |host: &&str| !self.names(host);
        let hosts = hosts.into_iter().filter(other);
        let hosts = hosts.map(|host| Doubt::OtherHost { path: path(), host: host.to_owned() });
        time.into_iter().chain(hosts).collect()
    }

    /// Whether it is for a host; an IPv6 address may stand in brackets.
    fn names(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let parsed = self.key.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok());
        let name = ServerName::try_from(bare).ok();
        parsed.zip(name).is_some_and(|(own, name)| rustls::client::verify_server_name(&own, &name).is_ok())
    }
}

/// What is shown to whoever comes next. Without one, every handshake is refused.
#[derive(Debug, Default)]
pub struct Showing(RwLock<Option<Arc<CertifiedKey>>>);

impl Showing {
    /// From the next handshake on.
    pub fn put(&self, certificate: &Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&certificate.key));
    }
}

impl ResolvesServerCert for Showing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// TLS 1.2 and 1.3, with HTTP/1.1 and nothing else in it.
pub fn server_config(showing: Arc<Showing>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(showing);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// One element of DER: its tag, its content, and what comes behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short if short < 0x80 => (usize::from(short), rest),
        // A certificate is shorter than 16 MB.
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

const SEQUENCE: u8 = 0x30;

/// Certificate ▸ tbsCertificate ▸ [version,] serial, algorithm, issuer, validity.
fn validity(certificate: &[u8]) -> Option<(WallTime, WallTime)> {
    const VERSION: u8 = 0xa0;
    let of = |wanted: u8, der| element(der).filter(|(tag, ..)| *tag == wanted);
    let (_, certificate, _) = of(SEQUENCE, certificate)?;
    let (_, mut rest, _) = of(SEQUENCE, certificate)?;
    if let Some((_, _, behind)) = of(VERSION, rest) {
        rest = behind;
    }
    for _ in ["serial", "algorithm", "issuer"] {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = of(SEQUENCE, rest)?;
    let (tag, from, rest) = element(validity)?;
    let from = time_of(tag, from)?;
    let (tag, until, _) = element(rest)?;
    Some((from, time_of(tag, until)?))
}

/// UTCTime or GeneralizedTime, in UTC and with seconds, as certificates have them. What is before 1970 is its beginning.
fn time_of(tag: u8, text: &[u8]) -> Option<WallTime> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    let two = |at: usize| {
        let digits = text.get(at..at.checked_add(2)?)?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse::<u8>().ok()
    };
    let (year, at) = match (tag, text.len()) {
        (UTC_TIME, 13) => {
            let year = i32::from(two(0)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        (GENERALIZED, 15) => (i32::from(two(0)?) * 100 + i32::from(two(2)?), 4),
        _ => return None,
    };
    if text.last() != Some(&b'Z') {
        return None;
    }
    let month = time::Month::try_from(two(at)?).ok()?;
    let day = time::Date::from_calendar_date(year, month, two(at + 2)?).ok()?;
    let moment = day.with_hms(two(at + 4)?, two(at + 6)?, two(at + 8)?).ok()?.assume_utc();
    Some(WallTime(u64::try_from(moment.unix_timestamp()).unwrap_or(0).saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    struct Kept {
        folder: tempfile::TempDir,
        tls: Tls,
    }

    fn written(params: impl FnOnce(&mut CertificateParams)) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = CertificateParams::new(vec!["platen.lab".into(), "10.0.0.7".into()]).unwrap();
        params(&mut wanted);
        let key = KeyPair::generate().unwrap();
        let certificate = wanted.self_signed(&key).unwrap();
        let tls = Tls {
            certificate: folder.path().join("c.pem"),
            key: TlsKey::File(folder.path().join("k.pem")),
            redirect: None,
        };
        let kept = Kept { folder, tls };
        kept.write("c.pem", &certificate.pem());
        kept.write("k.pem", &key.serialize_pem());
        kept
    }

    impl Kept {
        fn write(&self, name: &str, text: &str) {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn told(&self) -> String {
            Certificate::read(&self.tls, None).unwrap_err().to_string()
        }
    }

    fn at(text: &str) -> WallTime {
        text.parse().unwrap()
    }

    #[test]
    fn when_a_certificate_holds_is_read_in_both_ways_of_writing_it() {
        let kept = written(|wanted| {
            wanted.not_before = rcgen::date_time_ymd(2024, 2, 29);
            wanted.not_after = rcgen::date_time_ymd(2051, 1, 1);
        });
        let certificate = Certificate::read(&kept.tls, None).unwrap();
        assert_eq!(certificate.holds(), (at("2024-02-29T00:00:00Z"), at("2051-01-01T00:00:00Z")));
        let doubts = |now: &str, hosts: &[&str]| certificate.doubts(at(now), hosts.iter().copied());
        let names = ["platen.lab", "10.0.0.7"];
        assert_eq!(doubts("2024-03-01T00:00:00Z", &names), []);
        assert!(matches!(doubts("2024-02-28T00:00:00Z", &names)[..], [Doubt::NotYet { .. }]));
        assert!(matches!(doubts("2050-12-24T00:00:00Z", &names)[..], [Doubt::Soon { .. }]));
        assert!(matches!(doubts("2051-01-01T00:00:01Z", &names)[..], [Doubt::Expired { .. }]));
        let other = doubts("2024-03-01T00:00:00Z", &["evil.lab", "10.0.0.8", "[fd00::1]", "not a name"]);
        assert!(other.len() == 4 && other.iter().all(|doubt| matches!(doubt, Doubt::OtherHost { .. })));
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told_with_the_file_and_what_to_do() {
        let kept = written(|_| {});
        let other = written(|_| {});
        let (path, other_key) = (kept.folder.path(), other.folder.path().join("k.pem"));
        let (certificate, key) = (path.join("c.pem"), path.join("k.pem"));
        let right = std::fs::read_to_string(&key).unwrap();
        kept.write("k.pem", &std::fs::read_to_string(other_key).unwrap());
        assert!(kept.told().contains("is not that of the certificate"), "{}", kept.told());
        kept.write("k.pem", "nothing");
        assert!(kept.told().contains("no key as PEM"), "{}", kept.told());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(kept.told().contains("mode 644"), "{}", kept.told());
        std::fs::remove_file(&key).unwrap();
        assert!(kept.told().contains("k.pem cannot be read"), "{}", kept.told());
        kept.write("k.pem", &right);
        kept.write("c.pem", "nothing");
        assert!(kept.told().contains("no certificate as PEM"), "{}", kept.told());
        kept.write("c.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(kept.told().contains("cannot be read; have it issued anew"), "{}", kept.told());
        kept.write("c.pem", &"x".repeat(300 << 10));
        assert!(kept.told().contains("more than"), "{}", kept.told());
        std::fs::remove_file(&certificate).unwrap();
        std::fs::create_dir(&certificate).unwrap();
        assert!(kept.told().contains("c.pem cannot be read"), "{}", kept.told());
    }

    #[test]
    fn a_key_may_come_from_systemd() {
        let mut kept = written(|_| {});
        kept.tls.key = TlsKey::Credential("k.pem".into());
        assert!(kept.told().contains("LoadCredential=k.pem:FILE"), "{}", kept.told());
        assert!(Certificate::read(&kept.tls, Some(kept.folder.path())).is_ok());
    }

    #[test]
    fn no_bytes_bring_the_reader_down() {
        let kept = written(|_| {});
        let pem = std::fs::read(kept.folder.path().join("c.pem")).unwrap();
        let der = CertificateDer::from_pem_slice(&pem).unwrap();
        assert!(validity(&der).is_some());
        for cut in 0..der.len() {
            let _ = validity(&der[..cut]);
        }
        for at in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x83, 0xff] {
                let mut odd = der.to_vec();
                odd[at] = byte;
                let _ = validity(&odd);
            }
        }
    }
}
