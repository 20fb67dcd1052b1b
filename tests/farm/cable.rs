//! A port that leads to a simulated board, in the daemon's time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use platen::io::serial::{Dial, DialError, Wire};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::board::Board;
use crate::invariants::Witness;
use crate::time::Time;

#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) board: Arc<Mutex<Board>>,
    pub(crate) time: Arc<Time>,
    pub(crate) witness: Arc<Witness>,
}

impl Port {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap()
    }
}

impl Dial for Port {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        let now = self.time.now();
        let mut board = self.lock();
        if !board.rig.is_plugged() {
            return Err(DialError::Missing("farm".into()));
        }
        board.check(now);
        board.rig.open_port(now);
        board.check(now);
        if !board.rig.is_open() {
            return Err(DialError::Taken("farm".into()));
        }
        drop(board);
        let alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        Ok(Box::new(Cable { port: self.clone(), alarm, heard: Vec::new() }))
    }
}

struct Cable {
    port: Port,
    alarm: Pin<Box<Sleep>>,
    /// Arrived, and not yet read.
    heard: Vec<u8>,
}

/// A board with nothing to do is looked at so often.
const IDLE: Duration = Duration::from_secs(5);

impl AsyncRead for Cable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let due = {
                let this = &mut *self;
                let now = this.port.time.now();
                let mut board = this.port.lock();
                if !board.rig.is_open() {
                    return Poll::Ready(Ok(()));
                }
                if this.heard.is_empty() {
                    this.heard = board.read(now);
                    if !this.heard.is_empty() {
                        this.port.witness.trace(now, '<', &this.heard);
                    }
                }
                if !this.heard.is_empty() {
                    let count = this.heard.len().min(buffer.remaining());
                    buffer.put_slice(&this.heard[..count]);
                    this.heard.drain(..count);
                    return Poll::Ready(Ok(()));
                }
                board.waker = Some(cx.waker().clone());
                board
                    .due()
                    .map_or_else(|| Instant::now() + IDLE, |due| this.port.time.instant(due.max(now + 1)))
            };
            self.alarm.as_mut().reset(due);
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for Cable {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.port.time.now();
        let mut board = self.port.lock();
        if !board.rig.is_open() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        board.write(now, bytes);
        self.port.witness.trace(now, '>', bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Cable {
    /// The rig's line takes all at once; a window is a hundredth of a second of it.
    fn discard_output(&mut self) {}

    fn set_dtr(&mut self, up: bool) -> io::Result<()> {
        let now = self.port.time.now();
        let mut board = self.port.lock();
        board.check(now);
        board.rig.set_dtr(now, up);
        board.check(now);
        Ok(())
    }
}

impl Drop for Cable {
    /// What was written still arrives; a daemon that dies takes nothing back.
    fn drop(&mut self) {
        let mut board = self.port.lock();
        let now = self.port.time.micros().max(board.rig.now_us());
        board.rig.close_port(now);
        board.waker = None;
    }
}
