//! The whole daemon as others reach it: who may listen wider, what is said over TLS, and who keeps whom waiting.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use platen::config::Config;
use platen::daemon::{Daemon, DaemonError};
use platen::io::credentials::{CredentialsFile, FILE, SetUp};
use platen::io::secret::{PasswordHash, Secret};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::{Answer, QUICK, parse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const ADA: &str = "notes on the engine";

struct House {
    folder: tempfile::TempDir,
    certificate: CertificateDer<'static>,
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl House {
    /// A certificate that holds until the first day of a year.
    fn until(year: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = CertificateParams::new(vec!["platen.lab".into()]).unwrap();
        wanted.not_before = rcgen::date_time_ymd(2001, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let made = wanted.self_signed(&key).unwrap();
        write(&folder.path().join("c.pem"), &made.pem());
        write(&folder.path().join("k.pem"), &key.serialize_pem());
        std::fs::create_dir(folder.path().join("state")).unwrap();
        std::fs::set_permissions(folder.path().join("state"), std::fs::Permissions::from_mode(0o700))
            .unwrap();
        Self { folder, certificate: made.der().clone() }
    }

    fn new() -> Self {
        Self::until(2200)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with_admin(self) -> Self {
        let first = SetUp { name: "ada".parse().unwrap(), printed: "Ada Lovelace".parse().unwrap() };
        let hash = PasswordHash::of(&Secret::new(ADA.into()), QUICK).unwrap();
        CredentialsFile::set_up(&self.path("state").join(FILE), first, hash).unwrap();
        self
    }

    fn configuration(&self) -> PathBuf {
        let path = self.path("platen.toml");
        let text = format!(
            "site = \"lab\"\nnode = \"one\"\nstate_dir = {:?}\ndisk_floor_mb = 16\n\
             [http]\nlisten = \"0.0.0.0:0\"\nhosts = [\"platen.lab\"]\n\
             [http.tls]\ncertificate = {:?}\nkey = {:?}\n\
             [[printer]]\nname = \"mk\"\nport = \"/dev/platen-none\"\nbaud = 115200\n",
            self.path("state"),
            self.path("c.pem"),
            self.path("k.pem"),
        );
        write(&path, &text);
        path
    }

    async fn start(&self) -> Result<Daemon, DaemonError> {
        Daemon::start(Config::load(&self.configuration()).unwrap()).await
    }

    async fn over_tls(&self, daemon: &Daemon, request: &str) -> Answer {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(here(daemon)).await.unwrap();
        let name = ServerName::try_from("platen.lab").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        asked(stream, request).await
    }

    /// What `platen check` says, and whether it is content.
    fn check(&self) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_platen"))
            .args(["check", "--config"])
            .arg(self.configuration())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    }
}

fn here(daemon: &Daemon) -> SocketAddr {
    ([127, 0, 0, 1], daemon.address.port()).into()
}

async fn asked<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    parse(&all)
}

async fn in_the_open(daemon: &Daemon, request: &str) -> Answer {
    asked(TcpStream::connect(here(daemon)).await.unwrap(), request).await
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn sign_in(host: &str) -> String {
    let body = serde_json::json!({"name": "ada", "password": ADA}).to_string();
    request("POST", "/v1/session", &format!("Host: {host}\r\nContent-Type: application/json\r\n"), &body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn platen_listens_for_others_only_once_an_admin_is_set_up() {
    let house = House::new();
    let refused = house.start().await.unwrap_err();
    assert!(matches!(refused, DaemonError::Nobody(_)), "{refused}");
    let told = refused.to_string();
    assert!(told.contains("platen setup") && told.contains("0.0.0.0"), "{told}");
    let house = house.with_admin();
    house.start().await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_over_tls_has_a_cookie_of_its_own_kind_and_browsers_stay_with_tls() {
    let house = House::new().with_admin();
    let daemon = house.start().await.unwrap();
    let answer = house.over_tls(&daemon, &sign_in("platen.lab")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-platen_session=platen_"), "{cookie}");
    for word in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=15552000"));
    assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("microphone=()")));
    let pair = cookie.split(';').next().unwrap();
    let who = |cookie: &str, host: &str| {
        request("GET", "/v1/session", &format!("Host: {host}\r\nCookie: {cookie}\r\n"), "")
    };
    assert_eq!(house.over_tls(&daemon, &who(pair, "platen.lab")).await.status, 200);
    let open = pair.trim_start_matches("__Host-");
    assert_eq!(
        house.over_tls(&daemon, &who(open, "platen.lab")).await.status,
        401,
        "a neighbour could set it"
    );
    assert_eq!(in_the_open(&daemon, &who(pair, "localhost")).await.status, 401);
    let answer = in_the_open(&daemon, &sign_in("127.0.0.1")).await;
    assert!(answer.header("set-cookie").unwrap().starts_with("platen_session="), "{answer:?}");
    assert_eq!(answer.header("strict-transport-security"), None);
    // Its other names count where a certificate has shown that they are its own.
    assert_eq!(in_the_open(&daemon, &sign_in("platen.lab")).await.status, 421);
    assert_eq!(house.over_tls(&daemon, &sign_in("evil.example")).await.status, 421);
    let page = "Host: platen.lab\r\nOrigin: http://platen.lab\r\nContent-Type: application/json\r\n";
    let elsewhere = request("POST", "/v1/session", page, "{}");
    assert_eq!(house.over_tls(&daemon, &elsewhere).await.status, 403, "http:// is another origin");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_certificate_that_can_be_shown_this_machine_goes_on() {
    let house = House::new().with_admin();
    write(&house.path("k.pem"), "nothing");
    let daemon = house.start().await.unwrap();
    assert_eq!(
        in_the_open(&daemon, &request("GET", "/healthz", "Host: localhost\r\n", "")).await.status,
        200
    );
    daemon.stop().await;
}

#[test]
fn a_check_tells_what_is_wrong_with_the_certificate_and_what_to_do() {
    let house = House::new();
    let (is_well, told) = house.check();
    assert!(!is_well && told.contains("nobody is set up here"), "{told}");
    let house = house.with_admin();
    let (is_well, told) = house.check();
    assert!(is_well, "{told}");
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    for (wrong, word) in
        [("nothing", "holds no key as PEM"), (stranger.as_str(), "is not that of the certificate")]
    {
        write(&house.path("k.pem"), wrong);
        let (is_well, told) = house.check();
        assert!(!is_well && told.contains(word) && told.contains("[http.tls]"), "{word}: {told}");
    }
    std::fs::remove_file(house.path("k.pem")).unwrap();
    let (is_well, told) = house.check();
    assert!(!is_well && told.contains("k.pem cannot be read"), "{told}");
    let (is_well, told) = House::until(2002).with_admin().check();
    assert!(!is_well && told.contains("has expired on 2002-01-01"), "{told}");
}

/// What is asked of a daemon with so many connections that ask nothing, or ask without an end, or take no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_answered_at_once_whatever_slow_clients_hold() {
    let house = House::new().with_admin();
    let daemon = house.start().await.unwrap();
    let session = in_the_open(&daemon, &sign_in("localhost")).await;
    let cookie = session.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let known = format!("Host: localhost\r\nCookie: {cookie}\r\n");
    let half_a_head = "GET / HTTP/1.1\r\nHost: loc";
    let half_a_body = format!(
        "POST /v1/jobs HTTP/1.1\r\n{known}Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n{{"
    );
    let upload = format!("POST /v1/files HTTP/1.1\r\n{known}Content-Length: 900000\r\n\r\nG28\n");
    let events = format!("GET /v1/events?after=0&live=1 HTTP/1.1\r\n{known}\r\n");
    let live = format!("GET /live HTTP/1.1\r\n{known}\r\n");
    let mut held = Vec::new();
    for _ in 0..30 {
        for begun in [half_a_head, &half_a_body, &upload, &events, &live, "\u{16}\u{3}\u{1}", ""] {
            let mut stream = TcpStream::connect(here(&daemon)).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            held.push(stream);
        }
    }
    let headers = "Host: localhost\r\nContent-Type: application/json\r\n";
    let stop = request("POST", "/v1/stop", headers, "{}");
    // Before the heads are given up, after 75 s.
    let stopped = tokio::time::timeout(Duration::from_secs(60), in_the_open(&daemon, &stop)).await.unwrap();
    assert!((200..300).contains(&stopped.status), "{stopped:?}");
    let over_tls = request("GET", "/healthz", "Host: platen.lab\r\n", "");
    assert_eq!(house.over_tls(&daemon, &over_tls).await.status, 200);
    drop(held);
    daemon.stop().await;
}
