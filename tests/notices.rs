//! Notices over real sockets: letters to a mail server that does what it likes, posts to a receiver, a daemon that is
//! killed in between, a broker; and what `docs/notifications.md` says of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::disallowed_methods, reason = "another process can only be waited for by the clock")]

mod mqtt_support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mqtt_support::{Mosquitto, Subscriber, certificates};
use platen::config::{Config, MailServer, MailTls, Webhook};
use platen::domain::event::{Actor, Event, Fact};
use platen::domain::ids::BootId;
use platen::domain::lab::Lab;
use platen::domain::moment::{Moment, Stamp, WallTime};
use platen::domain::notice;
use platen::domain::people::notices::{Topic, defaults};
use platen::domain::people::roles::{Role, words};
use platen::domain::printer::RelayOutcome;
use platen::io::mail::{Letter, Mailer, NotSent};
use platen::io::webhook::{Poster, signature};
use platen::services::notices::parcel::{Age, Item, Parcel};
use platen::services::telemetry::message::Origin;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_secs(90);
/// What a test waits for a server that says nothing.
const SHORT: Duration = Duration::from_millis(500);
const PASSWORD: &str = "notes on the engine";

/// Looks until there is something to see.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

// ---- a mail server -------------------------------------------------------------------------------------------

/// What a mail server does otherwise than it should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    /// This answer to the recipient.
    Recipient(&'static str),
    /// This one to the letter.
    Letter(&'static str),
    /// It looks through the letter for a while.
    Slow,
    /// This one to the sender.
    Sender(&'static str),
    /// This one when it is called.
    Greeting(&'static str),
    /// It says nothing from the letter on.
    Silent,
    /// It goes away in the middle of the letter.
    Cut,
    /// It has the letter, and goes away before it says so.
    CutBehind,
}

#[derive(Clone, Debug, PartialEq)]
struct Received {
    from: String,
    to: String,
    letter: String,
    /// What the client signed in with, in base64.
    login: Option<String>,
    tls: bool,
}

struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let chain = vec![CertificateDer::from_pem_file(self.file("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

/// A mail server that does as it is told.
struct Smtp {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    received: Arc<Mutex<Vec<Received>>>,
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Smtp {
    fn start(tls: Option<(Arc<rustls::ServerConfig>, bool)>) -> Self {
        // On all addresses of this machine, so that some are not in the certificate.
        Self::at(TcpListener::bind("0.0.0.0:0").unwrap(), tls)
    }

    fn at(listener: TcpListener, tls: Option<(Arc<rustls::ServerConfig>, bool)>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let (mood, received) = (Arc::new(Mutex::new(Mood::Well)), Arc::<Mutex<Vec<Received>>>::default());
        let (its_mood, into) = (Arc::clone(&mood), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mood, into, tls) = (*its_mood.lock().unwrap(), Arc::clone(&into), tls.clone());
                // A client that goes away ends its conversation.
                std::thread::spawn(move || drop(converse(stream.unwrap(), mood, &into, tls)));
            }
        });
        Self { port, mood, received }
    }

    fn feels(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn settings(&self, tls: MailTls) -> MailServer {
        MailServer {
            host: "localhost".into(),
            port: self.port,
            tls,
            ca_file: None,
            user: None,
            password_file: None,
            from: "platen@lab.example".parse().unwrap(),
        }
    }

    fn send(&self) -> Result<(), NotSent> {
        Mailer::new(self.settings(MailTls::None)).with_patience(SHORT, SHORT).send(&letter())
    }
}

fn letter() -> Letter {
    Letter {
        to: "kim.lee@lab.example".parse().unwrap(),
        id: "3f0c6a52".into(),
        subject: "platen: a print is finished (case 8d9pt4rp55t2b)".into(),
        text: "first line\n.a line with a dot\nlast line\n".into(),
    }
}

fn secured(tls: &Arc<rustls::ServerConfig>, stream: TcpStream) -> Box<dyn Wire> {
    let connection = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
    Box::new(rustls::StreamOwned::new(connection, stream))
}

fn converse(
    stream: TcpStream,
    mood: Mood,
    into: &Mutex<Vec<Received>>,
    tls: Option<(Arc<rustls::ServerConfig>, bool)>,
) -> std::io::Result<()> {
    let wrapped = tls.as_ref().is_some_and(|(_, wrapped)| *wrapped);
    let raw = stream.try_clone()?;
    let mut is_tls = wrapped;
    let first: Box<dyn Wire> = match &tls {
        Some((config, true)) => secured(config, stream),
        _ => Box::new(stream),
    };
    let mut wire = BufReader::new(first);
    let say = |wire: &mut BufReader<Box<dyn Wire>>, words: &str| {
        wire.get_mut().write_all(format!("{words}\r\n").as_bytes()).and_then(|()| wire.get_mut().flush())
    };
    if let Mood::Greeting(words) = mood {
        return say(&mut wire, words);
    }
    say(&mut wire, "220 mail of the test")?;
    let mut one =
        Received { from: String::new(), to: String::new(), letter: String::new(), login: None, tls: false };
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if tls.is_some() && !is_tls => {
                say(&mut wire, "250-mail of the test\r\n250-8BITMIME\r\n250 STARTTLS")?;
            }
            "EHLO" if is_tls => {
                say(&mut wire, "250-mail of the test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN")?
            }
            "EHLO" => say(&mut wire, "250-mail of the test\r\n250 8BITMIME")?,
            "STARTTLS" => {
                say(&mut wire, "220 go on")?;
                let Some((config, _)) = &tls else { return Ok(()) };
                wire = BufReader::new(secured(config, raw.try_clone()?));
                is_tls = true;
            }
            "AUTH" => {
                one.login = rest.split_once(' ').map(|(_, login)| login.to_owned());
                say(&mut wire, "235 welcome")?;
            }
            "MAIL" => {
                one.from = rest.to_owned();
                match mood {
                    Mood::Sender(words) => say(&mut wire, words)?,
                    _ => say(&mut wire, "250 ok")?,
                }
            }
            "RCPT" => {
                one.to = rest.to_owned();
                match mood {
                    Mood::Recipient(words) => say(&mut wire, words)?,
                    _ => say(&mut wire, "250 ok")?,
                }
            }
            "DATA" => {
                say(&mut wire, "354 write")?;
                loop {
                    let mut line = String::new();
                    if wire.read_line(&mut line)? == 0 || mood == Mood::Cut {
                        return Ok(());
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    one.letter.push_str(&line);
                }
                if mood == Mood::Silent {
                    // Until the client goes away.
                    let _ = wire.read_line(&mut String::new());
                    return Ok(());
                }
                if let Mood::Letter(words) = mood {
                    say(&mut wire, words)?;
                    continue;
                }
                if mood == Mood::Slow {
                    // The client says nothing meanwhile.
                    raw.set_read_timeout(Some(SHORT * 2))?;
                    assert!(wire.read_line(&mut String::new()).is_err());
                    raw.set_read_timeout(None)?;
                }
                one.tls = is_tls;
                into.lock().unwrap().push(one.clone());
                if mood == Mood::CutBehind {
                    return Ok(());
                }
                say(&mut wire, "250 kept")?;
            }
            "QUIT" => return say(&mut wire, "221 bye"),
            _ => say(&mut wire, "502 what?")?,
        }
    }
}

#[test]
fn a_letter_arrives_as_plain_text_that_nobody_s_absence_answers() {
    let smtp = Smtp::start(None);
    smtp.send().unwrap();
    let all = smtp.received();
    assert_eq!(
        (all[0].from.as_str(), all[0].to.as_str()),
        ("FROM:<platen@lab.example>", "TO:<kim.lee@lab.example>")
    );
    let text = &all[0].letter;
    for line in [
        "From: platen <platen@lab.example>\r\n",
        "To: kim.lee@lab.example\r\n",
        "Subject: platen: a print is finished (case 8d9pt4rp55t2b)\r\n",
        "Message-ID: <3f0c6a52@lab.example>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "\r\n\r\nfirst line\r\n..a line with a dot\r\nlast line\r\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn what_a_mail_server_does_is_understood_and_its_words_are_not_repeated() {
    let smtp = Smtp::start(None);
    const NAMES: &str = "550 5.1.1 <kim.lee@lab.example>: nobody of that name";
    let table = [
        (Mood::Recipient(NAMES), "refused", "says 550 about the person's address"),
        (Mood::Recipient("450 4.2.0 greylisted, kim.lee"), "later", "says 450 about the person's address"),
        (Mood::Recipient("452 no room for kim.lee"), "later", "says 452 about the person's address"),
        (Mood::Recipient("452 4.2.2 kim.lee is full"), "later", "says 452 about the person's address"),
        (Mood::Recipient("421 not now, kim.lee"), "away", "says 421 about the person's address"),
        (Mood::Letter("452 4.2.2 kim.lee is full"), "later", "says 452 about the letter"),
        (Mood::Letter("452 4.3.1 no room for kim.lee"), "away", "says 452 about the letter"),
        (Mood::Letter("554 kim.lee sends rubbish"), "refused", "says 554 about the letter"),
        (Mood::Sender("550 kim.lee is no sender"), "away", "says 550 about the sender"),
        (Mood::Greeting("554 no service for kim.lee"), "away", "says 554 when it was called"),
        (Mood::Greeting("421 kim.lee come again"), "away", "says 421"),
        (Mood::Greeting("what is this?"), "away", "do not understand each other"),
        (Mood::Silent, "away", "did not answer in time about the letter"),
        (Mood::Cut, "away", "went away"),
        (Mood::CutBehind, "away", "went away"),
    ];
    for (mood, wanted, said) in table {
        smtp.feels(mood);
        let error = smtp.send().unwrap_err();
        let kind = match &error {
            NotSent::Away(_) => "away",
            NotSent::Later(_) => "later",
            NotSent::Refused(_) => "refused",
        };
        let words = error.to_string();
        assert_eq!(kind, wanted, "{mood:?}: {words}");
        assert!(words.contains(said) && !words.contains("kim.lee"), "{mood:?}: {words}");
    }
    smtp.feels(Mood::Well);
    smtp.send().unwrap();
}

#[test]
fn a_mail_server_that_looks_through_a_letter_before_it_takes_it_gets_it_once() {
    let smtp = Smtp::start(None);
    smtp.feels(Mood::Slow);
    Mailer::new(smtp.settings(MailTls::None)).with_patience(SHORT, BOUND).send(&letter()).unwrap();
    assert_eq!(smtp.received().len(), 1);
}

#[test]
fn a_mail_server_that_is_down_is_away_until_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let smtp = Smtp::start(None);
    let down = MailServer { port: listener.local_addr().unwrap().port(), ..smtp.settings(MailTls::None) };
    let place = listener.local_addr().unwrap();
    drop(listener);
    let mailer = Mailer::new(down).with_patience(SHORT, SHORT);
    let error = mailer.send(&letter()).unwrap_err();
    assert!(matches!(&error, NotSent::Away(words) if words.contains("cannot be reached")), "{error}");
    let back = Smtp::at(TcpListener::bind(place).unwrap(), None);
    mailer.send(&letter()).unwrap();
    assert_eq!(back.received().len(), 1);
}

#[test]
fn without_tls_nothing_is_sent_where_it_is_needed_and_a_foreign_certificate_is_none() {
    let plain = Smtp::start(None);
    let patience = Duration::from_secs(10);
    let mailer = |server| Mailer::new(server).with_patience(patience, patience);
    let error = mailer(plain.settings(MailTls::StartTls)).send(&letter()).unwrap_err();
    assert!(matches!(&error, NotSent::Away(words) if words.contains("offers no STARTTLS")), "{error}");
    let error = mailer(plain.settings(MailTls::Wrapped)).send(&letter()).unwrap_err();
    assert!(matches!(&error, NotSent::Away(_)), "{error}");
    assert_eq!(plain.received(), []);

    let certificates = Certificates::new();
    let password_file = certificates.file("password");
    std::fs::write(&password_file, "secret of platen\n").unwrap();
    set_mode(&password_file, 0o600);
    for (wrapped, tls) in [(false, MailTls::StartTls), (true, MailTls::Wrapped)] {
        let smtp = Smtp::start(Some((certificates.server(), wrapped)));
        let settings = MailServer {
            user: Some("platen".into()),
            password_file: Some(password_file.clone()),
            ca_file: Some(certificates.file("other.pem")),
            ..smtp.settings(tls)
        };
        let error = mailer(settings.clone()).send(&letter()).unwrap_err();
        assert!(matches!(&error, NotSent::Away(words) if words.contains("localhost")), "{error}");
        let by_the_system = MailServer { ca_file: None, ..settings.clone() };
        assert!(mailer(by_the_system).send(&letter()).is_err());
        let by_another_name = MailServer {
            host: "127.0.0.2".into(),
            ca_file: Some(certificates.file("ca.pem")),
            ..settings.clone()
        };
        assert!(mailer(by_another_name).send(&letter()).is_err());
        assert_eq!(smtp.received(), []);
        let right = MailServer { ca_file: Some(certificates.file("ca.pem")), ..settings };
        mailer(right).send(&letter()).unwrap();
        let all = smtp.received();
        assert!(all.len() == 1 && all[0].tls, "{all:?}");
        // "\0platen\0secret of platen"
        assert_eq!(all[0].login.as_deref(), Some("AHBsYXRlbgBzZWNyZXQgb2YgcGxhdGVu"));
    }
}

// ---- a receiver of posts -------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
struct Posted {
    head: String,
    body: Vec<u8>,
    /// What it was answered with.
    answer: String,
}

impl Posted {
    fn header(&self, name: &str) -> String {
        let found = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver that answers as it is told.
struct Receiver {
    port: u16,
    answer: Arc<Mutex<String>>,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    fn start(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new("204 Kept".to_owned()));
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let (its_answer, into) = (Arc::clone(&answer), Arc::clone(&posted));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, into) = (its_answer.lock().unwrap().clone(), Arc::clone(&into));
                let tls = tls.clone();
                std::thread::spawn(move || {
                    let wire: Box<dyn Wire> = match &tls {
                        Some(config) => secured(config, stream.unwrap()),
                        None => Box::new(stream.unwrap()),
                    };
                    // A client that goes away ends its conversation.
                    drop(take(BufReader::new(wire), &answer, &into));
                });
            }
        });
        Self { port, answer, posted }
    }

    fn answers(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }
}

fn take(mut wire: BufReader<Box<dyn Wire>>, answer: &str, into: &Mutex<Vec<Posted>>) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if wire.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let mut posted = Posted { head, body: Vec::new(), answer: answer.to_owned() };
    let length: usize = posted.header("Content-Length").parse().unwrap();
    posted.body.resize(length, 0);
    wire.read_exact(&mut posted.body)?;
    into.lock().unwrap().push(posted);
    if answer == "nothing" {
        let _ = wire.read_line(&mut String::new());
        return Ok(());
    }
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    wire.get_mut().write_all(answer.as_bytes()).and_then(|()| wire.get_mut().flush())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn secret_in(folder: &Path) -> PathBuf {
    let path = folder.join("secret");
    std::fs::write(&path, "a long random line of this lab\n").unwrap();
    set_mode(&path, 0o600);
    path
}

fn webhook(folder: &Path, receiver: &Receiver) -> Webhook {
    let url = format!("http://127.0.0.1:{}/hooks/platen?lab=1", receiver.port);
    Webhook { url, secret_file: secret_in(folder), ca_file: None }
}

#[test]
fn a_post_is_signed_over_its_body_and_goes_to_one_place_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, elsewhere) = (Receiver::start(None), Receiver::start(None));
    let poster = Poster::new(webhook(folder.path(), &receiver)).with_patience(SHORT);
    poster.send("some-id", br#"{"a": 1}"#).unwrap();
    let posted = receiver.posted().remove(0);
    assert!(posted.head.starts_with("POST /hooks/platen?lab=1 HTTP/1.1\r\n"), "{}", posted.head);
    assert_eq!(posted.header("X-Platen-Id"), "some-id");
    assert_eq!(posted.header("Content-Type"), "application/json");
    let wanted = signature(b"a long random line of this lab", &posted.body);
    assert_eq!((posted.header("X-Platen-Signature"), posted.body), (wanted, br#"{"a": 1}"#.to_vec()));
    for redirect in ["301", "302", "307", "308"] {
        receiver.answers(&format!("{redirect} Moved\r\nLocation: http://127.0.0.1:{}/", elsewhere.port));
        let error = poster.send("x", b"{}").unwrap_err();
        assert!(matches!(&error, NotSent::Away(words) if words.contains(redirect)), "{error}");
    }
    assert!(elsewhere.posted().is_empty(), "no redirect is followed");
}

#[test]
fn what_a_receiver_answers_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(None);
    let poster = Poster::new(webhook(folder.path(), &receiver)).with_patience(SHORT);
    for (answer, again) in [
        ("422 No", false),
        ("400 No", false),
        ("413 No", false),
        ("500 Oh", true),
        ("503 Later", true),
        ("429 Slowly", true),
        ("403 No", true),
        ("404 No", true),
        ("nothing", true),
    ] {
        receiver.answers(answer);
        let error = poster.send("x", b"{}").unwrap_err();
        assert_eq!(matches!(error, NotSent::Away(_)), again, "{answer}: {error}");
        assert!(!error.to_string().contains("/hooks"), "{error}");
    }
    let secret = folder.path().join("secret");
    for mode in [0o640, 0o604] {
        set_mode(&secret, mode);
        let error = poster.send("x", b"{}").unwrap_err();
        assert!(error.to_string().contains("may be read by others"), "{error}");
    }
    set_mode(&secret, 0o600);
    std::fs::write(&secret, "").unwrap();
    let error = poster.send("x", b"{}").unwrap_err();
    assert!(error.to_string().contains("is empty"), "{error}");
    assert_eq!(receiver.posted().len(), 9, "nothing goes out unsigned");
}

#[test]
fn a_receiver_behind_tls_has_to_show_a_certificate_of_the_authority() {
    let certificates = Certificates::new();
    let receiver = Receiver::start(Some(certificates.server()));
    let with = |ca: Option<&str>| {
        Poster::new(Webhook {
            url: format!("https://localhost:{}/", receiver.port),
            secret_file: secret_in(certificates.0.path()),
            ca_file: ca.map(|name| certificates.file(name)),
        })
    };
    for wrong in [None, Some("other.pem"), Some("server.key")] {
        let error = with(wrong).send("x", b"{}").unwrap_err();
        assert!(error.to_string().contains("no TLS with"), "{error}");
    }
    assert!(receiver.posted().is_empty());
    with(Some("ca.pem")).send("x", b"{}").unwrap();
    assert_eq!(receiver.posted().len(), 1);
}

// ---- the page for a lab's IT ---------------------------------------------------------------------------------

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notifications.md");
    std::fs::read_to_string(path).unwrap()
}

/// What stands in the first block of this language.
fn block(page: &str, language: &str) -> String {
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

fn example() -> Parcel {
    let boot = BootId::from_entropy([7; 16]);
    let stamp = Stamp { wall: WallTime(1_795_458_000_123), mono: Moment(86_400_123_000), boot };
    let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
    let fact = Fact::StopUnverified { printer: "mk3-07".parse().unwrap(), relay: RelayOutcome::Failed };
    let event = Event { seq: 41, stamp: stamp.clone(), actor: Actor::Platen, subject: None, fact };
    let notice = notice::of_event(&Lab::default(), &event).unwrap();
    let item = Item {
        id: "3f0c6a52d1f94a7d8f7f0a3a2b1c9d8e".into(),
        seq: Some(41),
        at: stamp.wall,
        age: Age::default(),
        notice,
    };
    Parcel::new(&origin, "kim".parse().unwrap(), None, vec![item], None, &stamp)
}

#[test]
fn the_page_shows_a_body_as_it_is_sent_and_its_signature() {
    let page = page();
    let body = String::from_utf8(example().message.payload).unwrap();
    assert_eq!(block(&page, "json"), body);
    assert_eq!(block(&page, "text"), signature(b"a long random line of this lab", body.as_bytes()));
    assert_eq!(example().message.topic, "platen/v1/st-anna/lab-1/person/kim/notice");
}

#[test]
fn the_python_on_the_page_tells_a_right_signature_from_a_wrong_one() {
    let page = page();
    let (code, body, wanted) = (block(&page, "python"), block(&page, "json"), block(&page, "text"));
    let script = format!(
        "{code}\nbody = {body:?}.encode()\nsecret = b'a long random line of this lab'\n\
         assert is_from_platen(secret, body, {wanted:?})\n\
         assert not is_from_platen(secret, body + b' ', {wanted:?})\n\
         assert not is_from_platen(b'another', body, {wanted:?})\n"
    );
    let done = Command::new("python3").args(["-c", &script]).output().expect("python3 runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_table_on_the_page_is_that_of_the_code() {
    let page = page();
    for topic in Topic::ALL {
        let own = if topic.is_of_ones_own() { "of one's own" } else { "any" };
        let told = |role: &Role| defaults(&BTreeSet::from([*role])).contains_key(&topic);
        let roles = Role::ALL.into_iter().filter(told).collect::<BTreeSet<_>>();
        let roles = words(&roles).replace(" and ", ", ");
        let row = format!("| `{}` | {} | {own} | {roles} |", topic.word(), topic.means());
        assert!(page.contains(&row), "not on the page:\n{row}");
    }
    assert_eq!(
        page.lines().filter(|line| line.starts_with("| `") && line.contains("| of one's own |")).count(),
        6
    );
}

// ---- the daemon ----------------------------------------------------------------------------------------------

/// A lab with `ada`, an admin, over a folder that stays.
struct House {
    folder: tempfile::TempDir,
    notifications: String,
}

/// The real daemon; killed when dropped.
struct Process {
    child: Child,
    url: String,
    told: Arc<Mutex<String>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon:\n{}---", self.told.lock().unwrap());
        }
    }
}

fn platen(args: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_platen"));
    command.args(args).env_remove("PLATEN_TOKEN").env_remove("PLATEN_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl House {
    fn new(notifications: &str) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap(), notifications: notifications.to_owned() };
        let config = house.configuration();
        let config = config.to_str().unwrap();
        platen(&["setup", "--config", config, "--password-stdin", "--name", "ada"], PASSWORD);
        house
    }

    fn configuration(&self) -> PathBuf {
        let path = self.folder.path().join("platen.toml");
        let state = self.folder.path().join("state");
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {state:?}\ndisk_floor_mb = 16\n[http]\nlisten = \"127.0.0.1:0\"\n{}\n[[printer]]\nname = \"mk3-07\"\nport = \"/dev/nothing-here\"\nbaud = 115200\n",
            self.notifications
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn serve(&self) -> Process {
        let config = self.configuration();
        let mut child = Command::new(env!("CARGO_BIN_EXE_platen"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = Arc::<Mutex<String>>::default();
        let (into, mut reader) = (Arc::clone(&told), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                into.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let url = until("the page's address", || {
            let told = told.lock().unwrap().clone();
            let (_, rest) = told.split_once("the page is at ")?;
            Some(rest.split_once("/\n")?.0.to_owned())
        });
        Process { child, url, told }
    }
}

impl Process {
    /// As ada, with her password.
    fn users(&self, args: &[&str], more: &str) -> String {
        let mut all = vec!["users"];
        all.extend_from_slice(args);
        all.extend(["--as", "ada", "--password-stdin", "--url", &self.url]);
        platen(&all, &format!("{PASSWORD}\n{more}"))
    }

    fn stop_printer(&self) {
        // Whoever stands before a printer may stop it; it is not there, and locked all the same.
        let answer = ureq::post(format!("{}/v1/stop", self.url)).send_empty();
        assert!(answer.unwrap().status().is_success());
    }

    fn log(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// `kill -9`
    fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn sections(smtp: &Smtp, receiver: &Receiver, folder: &Path) -> String {
    format!(
        "[notifications.mail]\nhost = \"localhost\"\nport = {}\ntls = \"none\"\nfrom = \"platen@lab.example\"\n[notifications.webhook]\nurl = \"http://127.0.0.1:{}/\"\nsecret_file = {:?}\n",
        smtp.port,
        receiver.port,
        secret_in(folder)
    )
}

#[test]
fn a_daemon_tells_by_mail_and_webhook_and_after_kill_9_what_it_could_not() {
    let (smtp, receiver) = (Smtp::start(None), Receiver::start(None));
    let secrets = tempfile::tempdir().unwrap();
    let house = House::new(&sections(&smtp, &receiver, secrets.path()));
    let daemon = house.serve();
    daemon.users(&["add", "kim", "--role", "operator"], "first words of kim\n");
    let shown = daemon.users(&["notify", "--user", "kim", "--mail", "kim@lab.example"], "");
    for words in ["as their roles have it", "mail goes to kim@lab.example", "this site has: mail, webhook"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = daemon.users(&["notify", "--user", "kim", "--on", "hands_needed=mail,webhook"], "");
    assert!(shown.contains("kim is told, as chosen") && shown.contains("mail, webhook"), "{shown}");

    daemon.stop_printer();
    let letter = until("a letter", || smtp.received().first().cloned());
    assert!(letter.to.contains("kim@lab.example") && letter.letter.contains("printer mk3-07"), "{letter:?}");
    let posted = until("a post", || receiver.posted().first().cloned());
    let body = posted.json();
    assert_eq!((&body["type"], &body["data"]["to"]), (&json!("notice"), &json!("kim")));
    assert_eq!(body["id"], json!(posted.header("X-Platen-Id")));
    assert!(!body.to_string().contains("@lab.example"));
    let wanted = signature(b"a long random line of this lab", &posted.body);
    assert_eq!(posted.header("X-Platen-Signature"), wanted);

    // Nobody is there to be told, and then platen is gone as well.
    smtp.feels(Mood::Greeting("421 not now"));
    receiver.answers("503 Not now");
    daemon.stop_printer();
    until("an attempt", || ids(&receiver).difference(&kept(&receiver)).next().map(|_| ()));
    assert!(daemon.log().contains("nobody is told by"), "{}", daemon.log());
    assert!(!daemon.log().contains("kim@lab.example"), "{}", daemon.log());
    daemon.crash();
    let (letters, tried) = (smtp.received().len(), ids(&receiver));
    assert!(!kept(&receiver).is_superset(&tried));
    smtp.feels(Mood::Well);
    receiver.answers("204 Kept");
    let daemon = house.serve();
    until("the letter after the crash", || (smtp.received().len() > letters).then_some(()));
    // With the ids that they had before.
    until("the posts after the crash", || kept(&receiver).is_superset(&tried).then_some(()));
    drop(daemon);
}

/// The ids of all notices that were ever posted.
fn ids(receiver: &Receiver) -> BTreeSet<String> {
    ids_of(&receiver.posted())
}

/// The same of those that the receiver has said yes to.
fn kept(receiver: &Receiver) -> BTreeSet<String> {
    let all = receiver.posted().into_iter().filter(|posted| posted.answer.starts_with("204"));
    ids_of(&all.collect::<Vec<_>>())
}

fn ids_of(all: &[Posted]) -> BTreeSet<String> {
    let each = all.iter().flat_map(|posted| posted.json()["data"]["notices"].as_array().unwrap().clone());
    each.map(|notice| notice["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_mail_server_that_hangs_holds_up_neither_a_stop_nor_the_end() {
    let (smtp, receiver) = (Smtp::start(None), Receiver::start(None));
    smtp.feels(Mood::Silent);
    receiver.answers("nothing");
    let secrets = tempfile::tempdir().unwrap();
    let house = House::new(&sections(&smtp, &receiver, secrets.path()));
    let mut daemon = house.serve();
    daemon.users(&["add", "kim", "--role", "operator"], "first words of kim\n");
    daemon.users(&["notify", "--user", "kim", "--mail", "kim@lab.example", "--on", "all=mail,webhook"], "");
    daemon.stop_printer();
    until("a post that hangs", || receiver.posted().first().cloned());
    let began = Instant::now();
    daemon.stop_printer();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let began = Instant::now();
    until("the end", || daemon.child.try_wait().unwrap());
    // The receiver would be waited for 15 s, and the mail server for minutes.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_mqtt_a_notice_comes_to_the_topic_of_its_person_also_when_the_broker_was_down() {
    let mut broker = Mosquitto::with("allow_anonymous true\n").started();
    let house = House::new(&format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\n", broker.port));
    let daemon = house.serve();
    daemon.users(&["add", "kim", "--role", "operator"], "first words of kim\n");
    let shown = daemon
        .users(&["notify", "--user", "kim", "--mail", "kim@lab.example", "--on", "hands_needed=mqtt"], "");
    assert!(shown.contains("this site has: mqtt"), "{shown}");
    let all = "platen/v1/+/+/person/+/notice";
    let mut subscriber = Subscriber::new(broker.port, all, &["-q", "1", "-c", "-i", "board"]).await;
    daemon.stop_printer();
    subscriber.until("a notice", |all| !all.is_empty()).await;
    let before = subscriber.received.len();
    broker.kill();
    daemon.stop_printer();
    broker.start();
    subscriber.until("the notice of meanwhile", |all| all.len() > before).await;
    for one in &subscriber.received {
        assert_eq!(one.topic, "platen/v1/st-anna/lab-1/person/kim/notice");
        assert_eq!(one.payload["data"]["to"], "kim");
        assert_eq!(one.payload["data"]["notices"][0]["printer"], "mk3-07");
        assert!(!one.payload.to_string().contains("@lab.example"), "{}", one.payload);
    }
}

#[test]
fn what_is_wrong_in_the_configuration_is_told_with_what_to_write() {
    let base = "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"a\"\nport = \"/dev/a\"\nbaud = 115200\n";
    let table = [
        ("[notifications.mail]\nfrom = \"a@b.c\"", "notifications.mail.host"),
        ("[notifications.mail]\nhost = \"m\"\nfrom = \"kim\"", "this is no address for mail"),
        ("[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\ntls = \"none\"", "to this machine only"),
        ("[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\ntls = \"ssl\"", "no such TLS"),
        ("[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\nuser = \"x\"", "a user needs a password"),
        (
            "[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\npassword_file = \"/x\"",
            "a password needs a user",
        ),
        (
            "[notifications.mail]\nhost = \"localhost\"\ntls = \"none\"\nfrom = \"a@b.c\"\nuser = \"x\"\npassword_file = \"/x\"",
            "not sent in the open",
        ),
        ("[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\nport = 0", "out of range"),
        ("[notifications.mail]\nhosts = \"m\"", "did you mean host?"),
        ("[notifications.webhook]\nurl = \"ftp://x/\"\nsecret_file = \"/s\"", "does not begin with https://"),
        (
            "[notifications.webhook]\nurl = \"file:///etc/passwd\"\nsecret_file = \"/s\"",
            "does not begin with",
        ),
        (
            "[notifications.webhook]\nurl = \"https://a:b@x/\"\nsecret_file = \"/s\"",
            "do not stand in the address",
        ),
        ("[notifications.webhook]\nurl = \"https:///x\"\nsecret_file = \"/s\"", "there is no host"),
        ("[notifications.webhook]\nurl = \"https://x/ y\"\nsecret_file = \"/s\"", "no spaces"),
        ("[notifications.webhook]\nurl = \"https://x/\"", "notifications.webhook.secret_file"),
        ("[notifications.webhook]\nurl = \"https://x/\"\nsecret_file = \"s\"", "no absolute path"),
        (
            "[notifications.webhook]\nurl = \"http://localhost/\"\nsecret_file = \"/s\"\nca_file = \"/c\"",
            "no certificate to check without TLS",
        ),
        ("[notifications.webhook]\nurl = \"http://x/\"\nsecret_file = \"/s\"", "to this machine only"),
        ("[notifications.sms]\nnumber = 1", "there is no such key"),
    ];
    for (text, wanted) in table {
        let mistakes = Config::parse(&format!("{base}{text}\n")).expect_err(text);
        let words = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(words.contains(wanted), "{text}\n{words}");
    }
    for (place, is_here) in [
        ("localhost", true),
        ("LOCALHOST:8080", true),
        ("127.0.0.1:8080", true),
        ("127.8.9.10", true),
        ("[::1]:8080", true),
        ("[::1]", true),
        ("localhost.lab.example", false),
        ("127.0.0.1.lab.example", false),
        ("[::1]lab.example", false),
        ("10.0.0.1", false),
        ("[fe80::1]", false),
        ("0.0.0.0", false),
    ] {
        let text =
            format!("{base}[notifications.webhook]\nurl = \"http://{place}/x\"\nsecret_file = \"/s\"\n");
        assert_eq!(Config::parse(&text).is_ok(), is_here, "{place}");
        assert!(Config::parse(&text.replace("http://", "https://")).is_ok(), "{place}");
    }
    let good = "[notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\n[notifications.webhook]\nurl = \"https://x/y?z=1\"\nsecret_file = \"/s\"\n";
    let config = Config::parse(&format!("{base}{good}")).unwrap();
    let mail = config.notifications.mail.clone().unwrap();
    assert_eq!((mail.port, mail.tls), (587, MailTls::StartTls));
    assert!(!format!("{config:?}").contains("https://x/y"), "an address may be a secret");
}
