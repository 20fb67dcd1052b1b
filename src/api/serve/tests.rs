//! Real sockets, most of them slow or rude; the clock is virtual where a deadline is waited for.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::Bytes;
use axum::routing::{get, post};
use futures_util::Stream;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::crowd::OF_ONE;
use super::super::paced::{LEAST, TAKEN_WITHIN, WAITED};
use super::*;
use crate::config::{Tls, TlsKey};
use crate::io::certificate::{Certificate, Showing, server_config};

/// In these tests all of this machine's addresses but one are elsewhere.
const AT_HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn by_source(peer: IpAddr, own: IpAddr) -> Whence {
    // An address of the documentation's is nobody's own.
    let foreign = |n: u8| IpAddr::from([192, 0, 2, n]);
    match peer {
        IpAddr::V4(peer) if peer != AT_HOME => whence(foreign(peer.octets()[3]), own),
        peer => whence(peer, own),
    }
}

async fn from(source: Ipv4Addr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(address).await
}

const fn afar(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 9, n)
}

async fn served(router: Router) -> (TcpStream, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ending = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, ending.clone()));
    (TcpStream::connect(address).await.unwrap(), ending, task)
}

/// A house with TLS, and what its clients trust.
struct House {
    address: SocketAddr,
    showing: Arc<Showing>,
    certificate: CertificateDer<'static>,
}

/// A new certificate, and it as the files of the configuration have it.
fn certificate() -> (CertificateDer<'static>, Certificate) {
    use std::os::unix::fs::PermissionsExt;
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["platen.lab".into()]).unwrap().self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key_path) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key_path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let tls = Tls { certificate, key: TlsKey::File(key_path), redirect: None };
    (made.der().clone(), Certificate::read(&tls, None).unwrap())
}

fn house(router: Router) -> House {
    let (der, kept) = certificate();
    let showing = Arc::new(Showing::default());
    showing.put(&kept);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(server_config(Arc::clone(&showing)).unwrap());
    let router = TowerToHyperService::new(router.with_state(()));
    let way = Way::Tls { router, acceptor, port: address.port() };
    tokio::spawn(accept(listener, way, by_source, CancellationToken::new()));
    House { address, showing, certificate: der }
}

impl House {
    async fn tls(
        &self,
        source: Ipv4Addr,
        trusted: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from("platen.lab").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, from(source, self.address).await?).await
    }

    async fn usual(&self, source: Ipv4Addr) -> std::io::Result<TlsStream<TcpStream>> {
        self.tls(source, &self.certificate, rustls::ALL_VERSIONS, &[b"h2", b"http/1.1"]).await
    }
}

/// Says over what it was asked.
fn told() -> Router {
    Router::new().route("/", get(async |Extension(line): Extension<Line>| format!("tls {}", line.tls)))
}

const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

async fn asked<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> String {
    stream.write_all(bytes).await.unwrap();
    let mut all = Vec::new();
    // Whoever closes without a goodbye is not our matter.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap()
}

/// Whether the other side has closed, or does so without anything more of ours.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

// The clock is virtual: it goes on to the next deadline when nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_head_never_ends_is_closed() {
    let began = Instant::now();
    let (mut client, _ending, _task) = served(Router::new()).await;
    client.write_all(b"GET / HTTP/1.1\r\nhost: a").await.unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert!(began.elapsed() >= NEXT_HEAD);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_is_given_no_more_time() {
    let began = Instant::now();
    let (mut client, _ending, _task) = served(Router::new()).await;
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if client.write_all(b"x").await.is_err() || began.elapsed() > NEXT_HEAD * 2 {
            break;
        }
    }
    assert!((NEXT_HEAD..NEXT_HEAD * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for() {
    let began = Instant::now();
    let router = Router::new().route("/", post(async |_: Bytes| "all of it"));
    let (mut client, _ending, _task) = served(router).await;
    let asked = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\nconnection: close\r\n\r\nx";
    client.write_all(asked.as_bytes()).await.unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 4"), "{all}");
    assert!(began.elapsed() >= WAITED);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_byte_by_byte_is_given_up_and_one_that_comes_slowly_enough_is_taken() {
    for (at_once, taken) in [(1, false), (LEAST / 30, true)] {
        let length = LEAST * 4;
        let router = Router::new()
            .route("/", post(async |bytes: Bytes| bytes.len().to_string()))
            .layer(axum::extract::DefaultBodyLimit::max(LEAST * 8));
        let (client, _ending, _task) = served(router).await;
        let (mut reads, mut writes) = client.into_split();
        let began = Instant::now();
        tokio::spawn(async move {
            let head = format!(
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            writes.write_all(head.as_bytes()).await.unwrap();
            let body = vec![b'x'; length];
            for piece in body.chunks(at_once) {
                if writes.write_all(piece).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut all = Vec::new();
        let _ = reads.read_to_end(&mut all).await;
        let all = String::from_utf8_lossy(&all);
        assert_eq!(all.ends_with(&format!("\r\n\r\n{length}")), taken, "{at_once}: {all}");
        if !taken {
            assert!((WAITED..WAITED * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn what_has_been_asked_is_answered_after_the_end_was_said_and_nothing_else() {
    let (asked, may_answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, waited) = (Arc::clone(&asked), Arc::clone(&may_answer));
    let answer = move || async move {
        told.notify_one();
        waited.notified().await;
        "yes"
    };
    let (mut client, ending, task) = served(Router::new().route("/", get(answer))).await;
    let address = client.peer_addr().unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    asked.notified().await;
    ending.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    may_answer.notify_one();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert!(all.starts_with("HTTP/1.1 200") && all.ends_with("yes"), "{all}");
    task.await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_longer_than_any_is_refused() {
    let (mut client, _ending, _task) = served(Router::new()).await;
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(4 * AHEAD));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut all = [0; 12];
    client.read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"HTTP/1.1 431");
}

#[tokio::test]
async fn so_many_headers_are_taken_and_no_more() {
    for (headers, status) in [(HEADERS, "200"), (HEADERS + 1, "431")] {
        let (client, _ending, _task) = served(Router::new().route("/", get(async || "yes"))).await;
        let more: String = (2..headers).map(|n| format!("x-{n}: y\r\n")).collect();
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n");
        let answer = asked(client, head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {answer}");
    }
}

/// A body without an end, which says when nobody sends it any more.
struct Endless(Arc<Notify>);

impl Stream for Endless {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'x'; 4096]))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_an_answer_is_given_up_in_the_open_and_over_tls() {
    let dropped = Arc::new(Notify::new());
    let tells = Arc::clone(&dropped);
    let endless = move || async move { Body::from_stream(Endless(Arc::clone(&tells))) };
    let house = house(Router::new().route("/", get(endless)));
    let mut open = from(AT_HOME, house.address).await.unwrap();
    let mut over_tls = house.usual(afar(1)).await.unwrap();
    for n in 0..2 {
        let began = Instant::now();
        match n {
            0 => open.write_all(ASKED).await.unwrap(),
            _ => over_tls.write_all(ASKED).await.unwrap(),
        }
        dropped.notified().await;
        assert!((TAKEN_WITHIN..TAKEN_WITHIN * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn over_tls_http_1_1_is_spoken_in_both_versions_and_nothing_else() {
    let house = house(told());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for protocols in [&[b"h2".as_slice(), b"http/1.1"][..], &[]] {
            let stream = house.tls(afar(1), &house.certificate, &[version], protocols).await.unwrap();
            let spoken = stream.get_ref().1;
            assert_eq!(spoken.protocol_version(), Some(version.version));
            let wanted = (!protocols.is_empty()).then_some(b"http/1.1".as_slice());
            assert_eq!(spoken.alpn_protocol(), wanted);
            let answer = asked(stream, ASKED).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("tls true"), "{answer}");
        }
    }
    assert!(house.tls(afar(1), &house.certificate, rustls::ALL_VERSIONS, &[b"h2"]).await.is_err());
    let (stranger, _) = certificate();
    assert!(house.tls(afar(1), &stranger, rustls::ALL_VERSIONS, &[]).await.is_err());
}

#[tokio::test]
async fn in_the_open_this_machine_is_served_and_everybody_else_told_where_tls_is() {
    let house = house(told().route("/x", post(async || "done")));
    let answer = asked(from(AT_HOME, house.address).await.unwrap(), ASKED).await;
    assert!(answer.ends_with("tls false"), "{answer}");
    let port = house.address.port();
    let get = b"GET /x?y=1 HTTP/1.1\r\nhost: platen.lab:1\r\n\r\n";
    let answer = asked(from(afar(1), house.address).await.unwrap(), get).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(answer.contains(&format!("\r\nlocation: https://platen.lab:{port}/x?y=1\r\n")), "{answer}");
    for bad in [
        "POST /x HTTP/1.1\r\nhost: platen.lab\r\ncontent-length: 0\r\n\r\n",
        "GET /x HTTP/1.1\r\nhost: evil.example/x@\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
    ] {
        let answer = asked(from(afar(1), house.address).await.unwrap(), bad.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("not-in-the-open"), "{bad}: {answer}");
    }
}

#[tokio::test]
async fn another_port_sends_everybody_on() {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(redirect(listener, 443, CancellationToken::new()));
    let get = b"GET /cases HTTP/1.1\r\nhost: platen.lab\r\n\r\n";
    let answer = asked(TcpStream::connect(address).await.unwrap(), get).await;
    assert!(answer.contains("\r\nlocation: https://platen.lab/cases\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_stops_within_a_handshake_is_closed_and_keeps_nobody_waiting() {
    let house = house(told());
    let began = Instant::now();
    let mut silent = from(afar(1), house.address).await.unwrap();
    let mut halves = Vec::new();
    for _ in 0..50 {
        let mut half = from(afar(2), house.address).await.unwrap();
        // A record of a handshake that says that 512 bytes come.
        half.write_all(&[HANDSHAKE_BYTE, 3, 1, 2, 0, 1]).await.unwrap();
        halves.push(half);
    }
    let answer = asked(house.usual(afar(3)).await.unwrap(), ASKED).await;
    assert!(answer.ends_with("tls true"), "{answer}");
    assert!(began.elapsed() < HANDSHAKE, "nobody waited: {:?}", began.elapsed());
    assert!(is_closed(&mut silent).await);
    for half in &mut halves {
        assert!(is_closed(half).await);
    }
    assert!((HANDSHAKE..HANDSHAKE * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_address_cannot_hold_all_connections() {
    let house = house(told());
    let mut held = Vec::new();
    for _ in 0..OF_ONE {
        let mut stream = from(afar(1), house.address).await.unwrap();
        // It is there: the answer is none, but the first byte is read.
        stream.write_all(&[HANDSHAKE_BYTE]).await.unwrap();
        held.push(stream);
    }
    let mut more = from(afar(1), house.address).await.unwrap();
    assert!(is_closed(&mut more).await, "one too many");
    assert!(asked(house.usual(afar(2)).await.unwrap(), ASKED).await.ends_with("tls true"));
    assert!(asked(from(AT_HOME, house.address).await.unwrap(), ASKED).await.ends_with("tls false"));
    drop(held);
    while house.usual(afar(1)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn another_certificate_is_shown_from_the_next_handshake_on_and_ends_no_connection() {
    let house = house(told());
    let mut before = house.usual(afar(1)).await.unwrap();
    let (renewed, kept) = certificate();
    house.showing.put(&kept);
    assert!(house.usual(afar(1)).await.is_err(), "the one before is not shown any more");
    let after = house.tls(afar(1), &renewed, rustls::ALL_VERSIONS, &[]).await.unwrap();
    assert!(asked(after, ASKED).await.ends_with("tls true"));
    before.write_all(ASKED).await.unwrap();
    let mut all = String::new();
    let _ = before.read_to_string(&mut all).await;
    assert!(all.ends_with("tls true"), "{all}");
}
