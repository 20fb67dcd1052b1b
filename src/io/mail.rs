//! One letter to one person over SMTP, on a thread that may wait.
//!
//! ```text
//! connect ─▶ [TLS] ─▶ EHLO ─▶ [STARTTLS] ─▶ [AUTH] ─▶ MAIL ─▶ RCPT ─▶ DATA ─▶ 250
//!     └──────────────── Away ─────────────────────────────┘      └─▶ Later (4yz), Refused (5yz)
//! ```
//! The last answer has minutes: whoever looks through a letter before it says yes must not get it again meanwhile.
//! What the server says is never repeated: it may name the person. Its number is, and where it was said.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, response::Response};

use super::secret::{Secret, place};
use crate::config::{MailServer, MailTls};
use crate::domain::people::notices::MailAddress;

/// For each answer of the server; mail servers of hospitals look everything up before they speak.
const PATIENCE: Duration = Duration::from_secs(15);
/// For the answer to the letter itself, which is looked through before; RFC 5321, 4.5.3.2.6 asks for minutes.
const LETTER_PATIENCE: Duration = Duration::from_secs(300);
/// A password is a line.
const PASSWORD_MAX: u64 = 4096;

/// Why something did not arrive, and whether it is worth another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Nobody can be reached this way now.
    #[error("{0}")]
    Away(String),
    /// This one cannot be delivered now; others may.
    #[error("{0}")]
    Later(String),
    /// This one never will be.
    #[error("{0}")]
    Refused(String),
}

/// One letter. It is plain text of our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub to: MailAddress,
    /// The same when it is sent again.
    pub id: String,
    pub subject: String,
    pub text: String,
}

/// A short text in a file that nobody else may read, without the end of its line.
pub fn secret_in(path: &Path) -> Result<Secret, String> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    let unread = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut text = String::new();
    let place = place(path).map_err(unread)?;
    let file = std::fs::File::open(&place.path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 && !place.is_handed_over {
        return Err(format!(
            "{} may be read by others (mode {mode:o}); give it to platen's user, `chmod 600` it, and take a new secret if others could read it",
            path.display()
        ));
    }
    file.take(PASSWORD_MAX + 1).read_to_string(&mut text).map_err(unread)?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() {
        return Err(format!("{} is empty: write the secret into it", path.display()));
    }
    if text.len() as u64 > PASSWORD_MAX || text.contains('\n') {
        return Err(format!(
            "{} holds more than one line: write the secret and nothing else",
            path.display()
        ));
    }
    Ok(Secret::new(text))
}

/// The way to one mail server.
#[derive(Debug)]
pub struct Mailer {
    server: MailServer,
    patience: Duration,
    letter_patience: Duration,
}

impl Mailer {
    pub fn new(server: MailServer) -> Self {
        Self { server, patience: PATIENCE, letter_patience: LETTER_PATIENCE }
    }

    /// The same, for a server that has another time for each answer, and for that to the letter.
    pub fn with_patience(self, patience: Duration, letter_patience: Duration) -> Self {
        Self { patience, letter_patience, ..self }
    }

    fn name(&self) -> String {
        format!("the mail server {}:{}", self.server.host, self.server.port)
    }

    /// Sends one letter. `Ok` means that the server has taken it over.
    pub fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let letter_wrong =
            |what: String| NotSent::Refused(format!("the letter could not be written: {what}"));
        let from: Address =
            self.server.from.as_str().parse().map_err(|_| letter_wrong("its sender is none".into()))?;
        let to: Address =
            letter.to.as_str().parse().map_err(|_| letter_wrong("the address is none for mail".into()))?;
        let auto = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(Mailbox::new(Some("platen".into()), from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject.clone())
            .message_id(Some(format!("<{}@{}>", letter.id, from.domain())))
            // So that nobody's absence is answered.
            .raw_header(HeaderValue::new(auto, "auto-generated".into()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(|error| letter_wrong(error.to_string()))?;
        let mut connection = self.connect()?;
        let sent = self.hand_over(&mut connection, from, to, &message.formatted());
        match &sent {
            // What it says to a goodbye changes nothing.
            Ok(()) => drop(connection.quit()),
            Err(_) => connection.abort(),
        }
        sent
    }

    fn connect(&self) -> Result<SmtpConnection, NotSent> {
        let MailServer { host, port, tls, .. } = &self.server;
        let parameters = match tls {
            MailTls::None => None,
            MailTls::StartTls | MailTls::Wrapped => Some(self.tls()?),
        };
        let wrapped = parameters.as_ref().filter(|_| *tls == MailTls::Wrapped);
        let hello = ClientId::default();
        let place = (host.as_str(), *port);
        let mut connection = SmtpConnection::connect(place, Some(self.patience), &hello, wrapped, None)
            .map_err(|error| self.away("when it was called", &error))?;
        if let (MailTls::StartTls, Some(parameters)) = (tls, &parameters) {
            if !connection.can_starttls() {
                connection.abort();
                return Err(NotSent::Away(format!(
                    "{} offers no STARTTLS, and nothing is sent in the open; set tls under [notifications.mail] as the server has it",
                    self.name()
                )));
            }
            connection.starttls(parameters, &hello).map_err(|error| self.away("at STARTTLS", &error))?;
        }
        if let (Some(user), Some(file)) = (&self.server.user, &self.server.password_file) {
            let password = secret_in(file).map_err(NotSent::Away)?;
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection
                .auth(DEFAULT_MECHANISMS, &credentials)
                .map_err(|error| self.away("when platen signed in", &error))?;
        }
        Ok(connection)
    }

    fn hand_over(
        &self,
        connection: &mut SmtpConnection,
        from: Address,
        to: Address,
        message: &[u8],
    ) -> Result<(), NotSent> {
        connection
            .command(Mail::new(Some(from), Vec::new()))
            .map_err(|error| self.away("about the sender", &error))?;
        self.of_one(connection.command(Rcpt::new(to, Vec::new())), "about the person's address", true)?;
        self.of_one(connection.command(Data), "before the letter", false)?;
        if connection.set_timeout(Some(self.letter_patience)).is_err() {
            return Err(NotSent::Away(format!(
                "{} went away before the letter; look at its log",
                self.name()
            )));
        }
        let said = connection.message(message);
        // A goodbye is not worth minutes; where it fails, the connection is none any more.
        let _ = connection.set_timeout(Some(self.patience));
        self.of_one(said, "about the letter", false)
    }

    fn of_one(
        &self,
        said: Result<Response, Error>,
        when: &str,
        about_the_person: bool,
    ) -> Result<(), NotSent> {
        let Err(error) = said else { return Ok(()) };
        let words = self.words(when, &error);
        Err(match error.status() {
            // Not about this letter: it ends, or has no room for anybody.
            Some(_) if error.is_transient() && is_of_all(&error, about_the_person) => NotSent::Away(words),
            Some(_) if error.is_transient() => NotSent::Later(words),
            Some(_) if error.is_permanent() => NotSent::Refused(words),
            _ => NotSent::Away(words),
        })
    }

    fn away(&self, when: &str, error: &Error) -> NotSent {
        NotSent::Away(self.words(when, error))
    }

    fn words(&self, when: &str, error: &Error) -> String {
        let name = self.name();
        if let Some(code) = error.status() {
            return format!("{name} says {code} {when}; look at its log");
        }
        if is_too_late(error) {
            return format!("{name} did not answer in time {when}; see whether it is overloaded");
        }
        if error.is_tls() {
            return format!(
                "no TLS with {name} {when}; check tls and ca_file under [notifications.mail], and that its certificate names this host"
            );
        }
        if (error.is_response() && !is_cut_off(error)) || error.is_client() {
            return format!(
                "{name} and platen do not understand each other {when}; check port, tls and user under [notifications.mail]"
            );
        }
        format!("{name} cannot be reached, or went away {when}; start it, or correct [notifications.mail]")
    }

    fn tls(&self) -> Result<TlsParameters, NotSent> {
        let failed = |detail: String| NotSent::Away(format!("no TLS with {}: {detail}", self.name()));
        let mut builder = TlsParameters::builder(self.server.host.clone());
        if let Some(path) = &self.server.ca_file {
            let pem = authority(path).map_err(failed)?;
            let certificate =
                Certificate::from_pem(&pem).map_err(|_| failed(format!("{} is no PEM", path.display())))?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|_| failed("the certificates of ca_file cannot be used".into()))
    }
}

/// 421 ends the connection. 452 has no room: in one mailbox where it is said about the person, or with 4.2.x behind it
/// (RFC 3463), and otherwise for anybody.
fn is_of_all(error: &Error, about_the_person: bool) -> bool {
    let Some(code) = error.status() else { return false };
    match code.to_string().as_str() {
        "421" => true,
        "452" => !about_the_person && !is_of_a_mailbox(error),
        _ => false,
    }
}

/// What the server says begins with the number that tells mailboxes from systems.
fn is_of_a_mailbox(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|said| said.to_string().trim_start().starts_with("4.2."))
}

/// A read that took too long is told as one that would have to wait.
fn is_too_late(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock);
        }
        source = error.source();
    }
    false
}

/// The server went away in the middle of an answer, or before it.
fn is_cut_off(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string() == "incomplete response")
}

/// The text of a file of certificates.
pub(super) fn authority(path: &PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
