//! Connections that stay open through the storm: who sends a byte now and then, and who takes no answer.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::kinds::Aim;
use crate::wire::connect;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slow {
    /// A head without an end.
    Heads,
    /// A body of JSON that comes byte by byte.
    Bodies,
    /// A file that comes byte by byte.
    Uploads,
    /// Answers that nobody takes.
    Readers,
    /// Streams of events that nobody takes.
    Streams,
    /// Sockets that ask for everything and take nothing.
    Sockets,
}

pub const SLOW: [Slow; 6] =
    [Slow::Heads, Slow::Bodies, Slow::Uploads, Slow::Readers, Slow::Streams, Slow::Sockets];
/// Of each kind. Streams and sockets are fewer together than there is room for.
pub const OF_EACH: usize = 20;
/// Of the slow ones each says a byte this often: some hundred in a storm.
const DRIP: Duration = Duration::from_millis(100);
/// Answers that one reader asks for: more than the kernel keeps of one connection.
const ASKED: usize = 20;

impl Slow {
    fn begin(self, aim: &Aim) -> Vec<u8> {
        let Aim { host, session, key, .. } = aim;
        let json = "Content-Type: application/json\r\n";
        match self {
            Self::Heads => format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Slow: "),
            Self::Bodies => format!(
                "POST /v1/cases HTTP/1.1\r\nHost: {host}\r\n{session}{json}Content-Length: 9000\r\n\r\n{{"
            ),
            Self::Uploads => {
                format!(
                    "POST /v1/files HTTP/1.1\r\nHost: {host}\r\n{session}Content-Length: 900000\r\n\r\nG28\n;"
                )
            }
            Self::Readers => format!("GET /openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(ASKED),
            Self::Streams => {
                format!("GET /v1/events?after=0&live=1 HTTP/1.1\r\nHost: {host}\r\n{session}\r\n")
            }
            Self::Sockets => aim.upgrade("/websocket", key),
        }
        .into_bytes()
    }

    /// Whether more of it comes by and by.
    fn drips(self) -> bool {
        matches!(self, Self::Heads | Self::Bodies | Self::Uploads)
    }
}

/// Holds all of them until it is over. `opened` counts by kind, `dripped` all bytes that came one by one.
/// Who is given up meanwhile comes again.
pub fn hold(
    address: SocketAddr,
    aim: &Aim,
    over: &AtomicBool,
    opened: &[AtomicUsize],
    dripped: &AtomicUsize,
) {
    let open = |at: usize| -> TcpStream {
        let mut stream = connect(address);
        let _ = stream.write_all(&SLOW[at].begin(aim));
        if SLOW[at] == Slow::Sockets {
            let wants = b"{\"jsonrpc\":\"2.0\",\"method\":\"printer.objects.subscribe\",\"id\":1,\
                \"params\":{\"objects\":{\"print_stats\":null,\"extruder\":null}}}";
            let length = u8::try_from(wants.len()).unwrap();
            // As a client sends it (RFC 6455, 5.2), masked with zeros.
            let _ =
                stream.write_all(&[&[0x81, 0x80 | 126, 0, length, 0, 0, 0, 0], wants.as_slice()].concat());
        }
        opened[at].fetch_add(1, Ordering::Relaxed);
        stream
    };
    let mut held: Vec<(usize, TcpStream)> = Vec::new();
    for at in 0..SLOW.len() {
        held.extend((0..OF_EACH).map(|_| (at, open(at))));
    }
    while !over.load(Ordering::Relaxed) {
        for (at, stream) in &mut held {
            if !SLOW[*at].drips() {
                continue;
            }
            match stream.write_all(b"x") {
                Ok(()) => {
                    dripped.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => *stream = open(*at),
            }
        }
        thread::sleep(DRIP);
    }
}
