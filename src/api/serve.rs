//! The connections of HTTP: none, however slow, keeps anybody else from being served, nor from being stopped.
//!
//! ```text
//! accepted ─ a place? ─▶ the first byte ┬─ a handshake of TLS ──────────────────▶ the router
//!    └─no: closed         (with TLS)    ├─ in the open, of this machine ─────────▶ the router
//!                                       └─ in the open, from elsewhere ─▶ told where TLS is
//! ```
//! axum's own `serve` has no bound on a connection: whoever opens one and sends nothing holds its task,
//! its buffers and a file descriptor for ever. Here each has a deadline for each step, and its pace.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::crowd::{Crowd, Place};
use super::guard::name_in;
use super::line::{Line, whence};
use super::paced::{Paced, paced};
use super::problem::Problem;
use crate::domain::people::whence::Whence;

/// What is read ahead of a handler, in bytes; a request's head is hardly longer either.
pub const AHEAD: usize = 16 << 10;
/// Headers of one request.
pub const HEADERS: usize = 64;
/// So long a connection may take for the head of its next request. Programs that look every minute keep theirs.
pub const NEXT_HEAD: Duration = Duration::from_secs(75);
/// So long a connection may take for its first byte, and then for its handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// What the kernel keeps of one connection in either direction, as far as that is asked for: it doubles it.
const KERNEL_KEEPS: u32 = 256 << 10;
/// Connections that nobody has taken in yet.
const BACKLOG: u32 = 1024;
/// So long nobody is let in when there are no descriptors for one more.
const NO_DESCRIPTORS: Duration = Duration::from_secs(1);
/// The first byte of a handshake of TLS (RFC 8446, 5.1); no request in the open begins so.
const HANDSHAKE_BYTE: u8 = 0x16;

/// Listens with bounds on what the kernel keeps of each connection.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(KERNEL_KEEPS)?;
    socket.set_recv_buffer_size(KERNEL_KEEPS)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// From where a peer asks at an address of ours.
type WhenceOf = fn(IpAddr, IpAddr) -> Whence;

/// What becomes of a connection.
#[derive(Clone)]
enum Way {
    /// In the open: a proxy or this machine asks.
    Open(TowerToHyperService<Router>),
    /// Over TLS, except for this machine.
    Tls { router: TowerToHyperService<Router>, acceptor: TlsAcceptor, port: u16 },
    /// Each is told where TLS is.
    Elsewhere { port: u16 },
}

/// Serves until it is ended; what has been asked by then is still answered.
pub async fn serve(listener: TcpListener, router: Router, ending: CancellationToken) {
    let way = Way::Open(TowerToHyperService::new(router.with_state(())));
    accept(listener, way, whence, ending).await;
}

/// The same over TLS; in the open, who asks from this machine is served and everybody else sent on.
pub async fn serve_tls(
    listener: TcpListener,
    router: Router,
    tls: Arc<ServerConfig>,
    ending: CancellationToken,
) {
    let port = listener.local_addr().map_or(443, |address| address.port());
    let router = TowerToHyperService::new(router.with_state(()));
    let way = Way::Tls { router, acceptor: TlsAcceptor::from(tls), port };
    accept(listener, way, whence, ending).await;
}

/// Sends everybody on to where TLS is spoken, on this port of the same host.
pub async fn redirect(listener: TcpListener, port: u16, ending: CancellationToken) {
    accept(listener, Way::Elsewhere { port }, whence, ending).await;
}

async fn accept(listener: TcpListener, way: Way, from: WhenceOf, ending: CancellationToken) {
    let crowd = Crowd::default();
    let mut http = http1::Builder::new();
    http.max_buf_size(AHEAD).max_headers(HEADERS).timer(TokioTimer::new()).header_read_timeout(NEXT_HEAD);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let own = stream.local_addr().map_or_else(|_| peer.ip(), |own| own.ip());
                    let whence = from(peer.ip(), own);
                    // Without a place it is closed at once: nothing is kept of it.
                    if let Some(place) = crowd.enter(whence) {
                        let line = Line { whence, own: Some(own), tls: false };
                        connections.spawn(connection(http.clone(), stream, way.clone(), line, place, ending.clone()));
                    } else {
                        tracing::debug!(%peer, "there is no place for one more connection");
                    }
                }
                Err(error) if is_theirs(error.kind()) => {}
                Err(error) => {
                    tracing::error!(%error, "nobody can be let in just now");
                    tokio::time::sleep(NO_DESCRIPTORS).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whoever knocked is gone again.
fn is_theirs(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    way: Way,
    line: Line,
    place: Place,
    ending: CancellationToken,
) {
    // An event is a short write that nothing follows.
    let _ = stream.set_nodelay(true);
    match way {
        Way::Open(router) => routed(&http, Paced::new(stream), router, line, &ending).await,
        Way::Elsewhere { port } => elsewhere(&http, Paced::new(stream), port, &ending).await,
        Way::Tls { router, acceptor, port } => {
            let mut first = [0];
            let began = ending.run_until_cancelled(timeout(HANDSHAKE, stream.peek(&mut first))).await;
            match began {
                Some(Ok(Ok(1))) => {}
                // Nothing was asked.
                _ => return,
            }
            let stream = Paced::new(stream);
            if first == [HANDSHAKE_BYTE] {
                let shaken = ending.run_until_cancelled(timeout(HANDSHAKE, acceptor.accept(stream))).await;
                match shaken {
                    Some(Ok(Ok(stream))) => {
                        routed(&http, stream, router, Line { tls: true, ..line }, &ending).await;
                    }
                    Some(Ok(Err(error))) => tracing::debug!(%error, "a handshake of TLS failed"),
                    Some(Err(_)) | None => {}
                }
            } else if line.whence.is_here() {
                routed(&http, stream, router, line, &ending).await;
            } else {
                elsewhere(&http, stream, port, &ending).await;
            }
        }
    }
    drop(place);
}

async fn routed<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    http: &http1::Builder,
    stream: S,
    router: TowerToHyperService<Router>,
    line: Line,
    ending: &CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(paced);
        request.extensions_mut().insert(line);
        router.call(request)
    });
    let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = ending.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// One answer, to whatever is asked: where TLS is spoken.
async fn elsewhere<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    http: &http1::Builder,
    stream: S,
    port: u16,
    ending: &CancellationToken,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(sent_on(&request, port)))
    });
    let served = http.serve_connection(TokioIo::new(stream), service);
    // Whoever sends something in the open has one answer's time.
    let _ = ending.run_until_cancelled(timeout(HANDSHAKE, served)).await;
}

/// What is read may be read elsewhere. What changes something is refused: a key in it has been in the open.
fn sent_on(request: &Request<Incoming>, port: u16) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = match host.and_then(|host| there(host, port)) {
        Some(there) if matches!(*request.method(), Method::GET | Method::HEAD) => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            match HeaderValue::try_from(format!("{there}{path}")) {
                Ok(place) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response(),
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            }
        }
        _ => Problem::new(
            StatusCode::FORBIDDEN,
            "not-in-the-open",
            "platen takes this over TLS only",
            "ask at https://; where a key or a password was in this request, have it revoked: others could read it",
        )
        .into_response(),
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The same host over TLS.
fn there(host: &str, port: u16) -> Option<String> {
    let name = name_in(host)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if name.is_empty() || !name.chars().all(legal) {
        return None;
    }
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    Some(if port == 443 { format!("https://{name}") } else { format!("https://{name}:{port}") })
}

#[cfg(test)]
mod tests;
