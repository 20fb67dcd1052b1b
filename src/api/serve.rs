//! Connections: each is served by itself, reads little ahead, and is closed when nothing comes any more.
//!
//! Left to itself hyper reads 400 KiB ahead of a handler whose turn has not come: two hundred slicers that send at
//! once would fill 80 MB with what nobody has looked at. A router that is handed over as it is would be built anew for
//! each connection.

use std::io::ErrorKind;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// What is read ahead of a handler, in bytes; a request's head is hardly longer either.
const AHEAD: usize = 16 << 10;
/// So long a connection may take for the head of its next request. Programs that look every minute keep theirs.
const NEXT_HEAD: Duration = Duration::from_secs(75);
/// So long a body may send nothing. Uploads are asked for more than that, and say so.
const BODY_SILENCE: Duration = Duration::from_secs(60);
/// So long nobody is let in when there are no descriptors for one more.
const NO_DESCRIPTORS: Duration = Duration::from_secs(1);

/// Serves until it is ended; what has been asked by then is still answered.
pub async fn serve(listener: TcpListener, router: Router, ending: CancellationToken) {
    let router = router.layer(RequestBodyTimeoutLayer::new(BODY_SILENCE));
    let router = TowerToHyperService::new(router.with_state(()));
    let mut http = http1::Builder::new();
    http.max_buf_size(AHEAD).timer(TokioTimer::new()).header_read_timeout(NEXT_HEAD);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = ending.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(http.clone(), stream, router.clone(), ending.clone()));
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
    router: TowerToHyperService<Router>,
    ending: CancellationToken,
) {
    // An event is a short write that nothing follows.
    let _ = stream.set_nodelay(true);
    let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream), router).with_upgrades());
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    async fn served(router: Router) -> (TcpStream, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ending = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, ending.clone()));
        (TcpStream::connect(address).await.unwrap(), ending, task)
    }

    // The clock is virtual: it goes on to the next deadline when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_head_never_ends_is_closed() {
        let began = tokio::time::Instant::now();
        let (mut client, _ending, _task) = served(Router::new()).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: a").await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert!(began.elapsed() >= NEXT_HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let began = tokio::time::Instant::now();
        let router = Router::new().route("/", post(async |_: Bytes| "all of it"));
        let (mut client, _ending, _task) = served(router).await;
        let asked = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\nconnection: close\r\n\r\nx";
        client.write_all(asked.as_bytes()).await.unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).await.unwrap();
        assert!(all.starts_with("HTTP/1.1 4"), "{all}");
        assert!(began.elapsed() >= BODY_SILENCE);
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
}
