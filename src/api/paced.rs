//! Whoever sends or takes too little for too long is given up, however often they send a byte.
//!
//! Only the time counts in which we wait for them: a slow disk of ours is nobody's fault but ours.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// So much of a body, or all of it, comes in `WAITED` of waiting.
pub const LEAST: usize = 64 << 10;
pub const WAITED: Duration = Duration::from_secs(60);
/// So much of an answer is taken in `TAKEN_WITHIN` of waiting, once nothing more fits on the way.
pub const LEAST_TAKEN: usize = 16 << 10;
pub const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// How long we wait for so many bytes.
#[derive(Debug)]
struct Patience {
    least: usize,
    within: Duration,
    moved: usize,
    /// Since `moved` was none, without what `since` is the beginning of.
    waited: Duration,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    const fn new(least: usize, within: Duration) -> Self {
        Self { least, within, moved: 0, waited: Duration::ZERO, since: None, alarm: None }
    }

    /// So many bytes went.
    fn went(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.least {
            (self.moved, self.waited) = (0, Duration::ZERO);
        }
    }

    /// Nothing goes now. Ready when that has been so for too long.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let until = since + self.within.saturating_sub(self.waited);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if alarm.deadline() != until {
            alarm.as_mut().reset(until);
        }
        alarm.as_mut().poll(cx)
    }
}

/// A connection whose other side has to take what is sent.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    takes: Patience,
}

impl<S> Paced<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, takes: Patience::new(LEAST_TAKEN, TAKEN_WITHIN) }
    }

    fn paced(&mut self, sent: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match sent {
            Poll::Ready(Ok(bytes)) => self.takes.went(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.takes.waits(cx).is_ready() => {
                let words = "whoever asked takes too little of the answer";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, words)));
            }
            Poll::Pending => {}
        }
        sent
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(sent, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.paced(sent, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request's body did not come.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
struct TooSlow;

/// The body of a request, whose sender has to send it.
struct PacedBody {
    body: Incoming,
    comes: Patience,
}

/// The same body, given up where it comes too slowly.
pub fn paced(body: Incoming) -> Body {
    // Most have none, and nothing is to be waited for.
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(PacedBody { body, comes: Patience::new(LEAST, WAITED) })
}

impl hyper::body::Body for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.comes.went(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.comes.waits(cx).is_ready() => Poll::Ready(Some(Err(TooSlow.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_byte_now_and_then_as_well() {
        for every in [None, Some(Duration::from_secs(1))] {
            let (ours, mut theirs) = duplex(1 << 10);
            let began = Instant::now();
            let taking = tokio::spawn(async move {
                let Some(every) = every else { return std::future::pending().await };
                while theirs.read_u8().await.is_ok() {
                    tokio::time::sleep(every).await;
                }
            });
            let sent = Paced::new(ours).write_all(&[0; 1 << 20]).await;
            assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut, "{every:?}");
            assert!((TAKEN_WITHIN..TAKEN_WITHIN * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
            taking.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_it_slowly_enough_gets_all_however_long_that_takes() {
        let (ours, mut theirs) = duplex(1 << 10);
        let sending = tokio::spawn(async move { Paced::new(ours).write_all(&[7; 1 << 20]).await });
        let (mut got, mut bytes) = (0, [0; 1 << 10]);
        loop {
            match theirs.read(&mut bytes).await.unwrap() {
                0 => break,
                some => got += some,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(got, 1 << 20);
        sending.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_to_be_sent_counts_for_nobody() {
        let (ours, mut theirs) = duplex(1 << 10);
        let mut ours = Paced::new(ours);
        for _ in 0..100 {
            ours.write_all(&[7; 100]).await.unwrap();
            tokio::time::sleep(TAKEN_WITHIN).await;
            theirs.read_exact(&mut [0; 100]).await.unwrap();
        }
    }
}
