//! HTTP by hand, as somebody sends it who means no good: bytes as they are, and all that comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use process_harness::BOUND;

/// One hostile request, and what may come of it.
#[derive(Debug)]
pub struct Shot {
    pub what: String,
    pub bytes: Vec<u8>,
    /// Statuses; 0 is a connection that was closed without a word.
    pub expects: &'static [u16],
    /// Who sends it goes away before it is whole.
    pub hangs_up: bool,
}

/// What came back until the other side closed the connection.
#[derive(Debug)]
pub struct Heard {
    /// 0 without an answer.
    pub status: u16,
    /// Answers on this connection: a second one is to a request that was hidden in the first.
    pub answers: usize,
    pub bytes: Vec<u8>,
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The value of a header, of an answer's head in small letters.
fn value<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether there is a whole answer, as far as its head says when it is.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    // A socket is over when it is closed.
    if head.starts_with("http/1.1 101 ") {
        return false;
    }
    if let Some(length) = value(&head, "content-length") {
        return bytes.len() - end >= length.parse::<usize>().unwrap();
    }
    let in_chunks = value(&head, "transfer-encoding").is_some_and(|coding| coding == "chunked");
    !in_chunks || bytes.ends_with(b"0\r\n\r\n")
}

/// Sends all of it on a connection of its own. Nothing that is asked may hang: it is a failure of the test.
pub fn fire(address: SocketAddr, shot: &Shot) -> Heard {
    let Shot { what, bytes: sent, hangs_up, .. } = shot;
    let mut stream = connect(address);
    // Who was refused already is not listened to any more.
    let _ = stream.write_all(sent);
    let mut gone = *hangs_up;
    if gone {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let shown = String::from_utf8_lossy(&bytes).into_owned();
                panic!("{what} hangs for {BOUND:?}; until then: {shown:?}");
            }
            // A reset: what was sent was not read to its end.
            Err(_) => break,
        }
        // From here on only an answer to what was hidden can come.
        if !gone && is_whole(&bytes) {
            let _ = stream.shutdown(Shutdown::Write);
            gone = true;
        }
    }
    let status = bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
    let answers = bytes.windows(9).filter(|window| *window == b"HTTP/1.1 ").count();
    Heard { status, answers, bytes }
}

/// A connection that nobody waits for longer than the bound.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    stream
}
