//! Keeps showing the certificate that is in its files: what is renewed there is shown from the next handshake on.
//!
//! ```text
//! none ──whole──▶ shown ──other files, whole──▶ shown
//!  └─▲─ not whole, told once    └─▲─ not whole: the one before goes on, told once
//! ```
//! A certificate that is away or does not fit keeps no printer from printing, and nobody at this machine from the page:
//! only who comes over TLS is refused until it is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::{Http, Public, Tls};
use crate::io::certificate::{Certificate, Doubt, Files, NoCertificate, Showing};
use crate::io::clock::Clock;
use crate::io::offload::offload;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(10);
/// How often it is told that a certificate ends soon, or has ended.
const REMIND: Duration = Duration::from_secs(24 * 3_600);

/// The names that browsers come by, as far as the configuration has them.
pub fn hosts(http: &Http) -> impl Iterator<Item = &str> {
    // A proxy has a certificate of its own.
    let public = http.public.as_ref().filter(|public| public.is_secure()).map(Public::host);
    http.hosts.iter().map(String::as_str).chain(public)
}

/// Reads the files once, puts what is in them on show and says what is wrong with it; then looks again and again.
#[derive(Debug)]
pub struct Watch {
    tls: Tls,
    credentials: Option<PathBuf>,
    hosts: Vec<String>,
    showing: Arc<Showing>,
    clock: Clock,
    seen: Option<Files>,
    shown: Option<Certificate>,
    told: Option<String>,
}

impl Watch {
    pub fn new(tls: Tls, credentials: Option<PathBuf>, http: &Http, clock: Clock) -> Self {
        Self {
            tls,
            credentials,
            hosts: hosts(http).map(str::to_owned).collect(),
            showing: Arc::default(),
            clock,
            seen: None,
            shown: None,
            told: None,
        }
    }

    /// What the handshakes are to show.
    pub fn showing(&self) -> Arc<Showing> {
        Arc::clone(&self.showing)
    }

    /// Looks at the files once. Blocks.
    pub fn look(&mut self) {
        match self.renew() {
            Ok(()) => self.told = None,
            Err(error) => {
                let words = error.to_string();
                if self.told.as_ref() != Some(&words) {
                    let meanwhile = match self.shown {
                        Some(_) => "the certificate of before is shown meanwhile",
                        None => "nobody comes in over TLS until that is mended",
                    };
                    tracing::error!("[http.tls]: {words}; {meanwhile}");
                    self.told = Some(words);
                }
            }
        }
    }

    fn renew(&mut self) -> Result<(), NoCertificate> {
        let files = Files::read(&self.tls, self.credentials.as_deref())?;
        if self.seen.as_ref() == Some(&files) {
            return Ok(());
        }
        let certificate = Certificate::of(&self.tls, self.credentials.as_deref(), &files)?;
        self.showing.put(&certificate);
        let (_, until) = certificate.holds();
        tracing::info!("the certificate {} is shown, until {until}", self.tls.certificate.display());
        self.seen = Some(files);
        self.shown = Some(certificate);
        self.remind();
        Ok(())
    }

    /// Tells what is to be done about the certificate that is shown.
    fn remind(&self) {
        let Some(shown) = &self.shown else { return };
        for doubt in shown.doubts(self.clock.wall(), self.hosts.iter().map(String::as_str)) {
            match doubt {
                Doubt::Expired { .. } | Doubt::NotYet { .. } => tracing::error!("[http.tls]: {doubt}"),
                Doubt::Soon { .. } | Doubt::OtherHost { .. } => tracing::warn!("[http.tls]: {doubt}"),
            }
        }
    }

    /// Until it is ended.
    pub async fn run(mut self, every: Duration, ending: CancellationToken) {
        let mut reminded = tokio::time::Instant::now();
        while tokio::time::timeout(every, ending.cancelled()).await.is_err() {
            let remind = reminded.elapsed() >= REMIND;
            if remind {
                reminded = tokio::time::Instant::now();
            }
            let looked = offload(move || {
                self.look();
                if remind {
                    self.remind();
                }
                self
            });
            match looked.await {
                Ok(watch) => self = watch,
                Err(error) => {
                    tracing::error!(%error, "the files of the certificate are not looked at any more");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsKey;
    use crate::domain::ids::BootId;
    use crate::domain::moment::WallTime;
    use rcgen::{CertificateParams, KeyPair};
    use std::path::Path;

    fn write(folder: &Path, until: i32, which: &[&str]) {
        let mut wanted = CertificateParams::new(vec!["platen.lab".into()]).unwrap();
        wanted.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let texts = [("c.pem", wanted.self_signed(&key).unwrap().pem()), ("k.pem", key.serialize_pem())];
        for (name, text) in texts.iter().filter(|(name, _)| which.contains(name)) {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(folder.join(name), text).unwrap();
            std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn what_is_renewed_is_shown_and_what_does_not_fit_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls {
            certificate: folder.path().join("c.pem"),
            key: TlsKey::File(folder.path().join("k.pem")),
            redirect: None,
        };
        let http = Http::at("127.0.0.1:0".parse().unwrap());
        let mut watch = Watch::new(tls, None, &http, Clock::start(BootId::from_entropy([1; 16])));
        let until = |watch: &Watch| watch.shown.as_ref().map(|shown| shown.holds().1);
        let year = |year: u32| Some(format!("{year}-01-01T00:00:00Z").parse::<WallTime>().unwrap());
        watch.look();
        assert_eq!(until(&watch), None, "it is away, and platen goes on");
        assert!(watch.told.is_some());
        write(folder.path(), 2040, &["c.pem", "k.pem"]);
        watch.look();
        assert_eq!((until(&watch), &watch.told), (year(2040), &None));
        // Whoever renews writes one file after the other.
        write(folder.path(), 2050, &["c.pem"]);
        watch.look();
        assert!(watch.told.as_ref().is_some_and(|told| told.contains("is not that of the certificate")));
        assert_eq!(until(&watch), year(2040));
        write(folder.path(), 2050, &["c.pem", "k.pem"]);
        watch.look();
        assert_eq!((until(&watch), &watch.told), (year(2050), &None));
    }
}
