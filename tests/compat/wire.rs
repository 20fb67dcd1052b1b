//! HTTP by hand: bytes as they are, and answers read to their declared end.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::world::BOUND;

/// What came back over the wire. Without one, the other side hung up: status 0.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.lines().filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A connection, and what has come over it that nobody has read.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_write_timeout(Some(BOUND)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Whoever has refused already may have closed their side, so it may fail.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Nothing more will be sent.
    pub fn hang_up(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// A whole request, whose body waits where it says `Expect: 100-continue`.
    pub fn exchange(&mut self, request: &[u8]) -> Answer {
        let end = find(request, b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = request.split_at(end);
        let text = String::from_utf8_lossy(head).to_lowercase();
        let method = text.split(' ').next().unwrap_or_default().to_owned();
        if text.contains("\r\nexpect: 100-continue\r\n") {
            self.send(head);
            let first = self.answer(&method);
            if first.status != 100 {
                return first;
            }
            self.send(body);
        } else {
            self.send(request);
        }
        self.final_answer(&method)
    }

    /// The answer after all that are on the way to one.
    pub fn final_answer(&mut self, method: &str) -> Answer {
        loop {
            let answer = self.answer(method);
            if !(100..200).contains(&answer.status) || answer.status == 101 {
                return answer;
            }
        }
    }

    fn answer(&mut self, method: &str) -> Answer {
        let Some(end) = self.fill_until(|buffer| find(buffer, b"\r\n\r\n")) else {
            return Answer::default();
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + 4);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: String::new() };
        if status >= 200 && status != 204 && status != 304 && method != "head" {
            let body = self.body(&answer);
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        answer
    }

    fn body(&mut self, answer: &Answer) -> Vec<u8> {
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            self.fill_until(|buffer| (buffer.len() >= length).then_some(length));
            let length = length.min(self.buffer.len());
            return self.buffer.drain(..length).collect();
        }
        if answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            return self.chunks();
        }
        self.fill_until(|_| None);
        std::mem::take(&mut self.buffer)
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(end) = self.fill_until(|buffer| find(buffer, b"\r\n")) {
            let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let length = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).unwrap_or(0);
            let whole = end + 2 + length + 2;
            if self.fill_until(|buffer| (buffer.len() >= whole).then_some(whole)).is_none() {
                break;
            }
            body.extend_from_slice(&self.buffer[end + 2..end + 2 + length]);
            self.buffer.drain(..whole);
            if length == 0 {
                break;
            }
        }
        body
    }

    /// Reads on until what is there is enough; `None` when the other side has ended, or has said nothing for long.
    fn fill_until(&mut self, enough: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        loop {
            if let Some(at) = enough(&self.buffer) {
                return Some(at);
            }
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&bytes[..count]),
                _ => return None,
            }
        }
    }
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// One request on a connection of its own.
pub fn ask(address: SocketAddr, request: &[u8]) -> Answer {
    Wire::open(address).exchange(request)
}

/// What a form is made of.
pub enum Part<'a> {
    Field(&'a str, &'a str),
    /// The value of `filename`, quoted already, and the content.
    File(&'a [u8], &'a [u8]),
}

pub const BOUNDARY: &str = "------------------------vG4cTqXk2WmRbZ7eYp1nLs";

/// A form as libcurl lays it out.
pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"").into_bytes());
        match part {
            Part::Field(name, value) => body.extend(format!("{name}\"\r\n\r\n{value}").into_bytes()),
            Part::File(name, content) => {
                body.extend(b"file\"; filename=\"");
                body.extend_from_slice(name);
                body.extend(b"\"\r\nContent-Type: application/octet-stream\r\n\r\n");
                body.extend_from_slice(content);
            }
        }
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

/// Whose turn it is to say how long the body is.
pub enum Length {
    Declared(usize),
    /// `Transfer-Encoding: chunked`
    Chunked,
}

/// A request with a form, up to its body.
pub fn form_head(method: &str, path: &str, host: &str, key: &str, length: &Length) -> String {
    let length = match length {
        Length::Declared(length) => format!("Content-Length: {length}"),
        Length::Chunked => "Transfer-Encoding: chunked".to_owned(),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: PrusaSlicer/2.9.2\r\nAccept: */*\r\nX-Api-Key: {key}\r\n{length}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
}

/// A PUT of a file as PrusaSlicer sends it to PrusaLink, up to its body.
pub fn put_head(path: &str, host: &str, key: &str, length: &Length) -> String {
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    form_head("PUT", path, host, key, length).replace(&form, "text/x.gcode\r\nOverwrite: ?1")
}

/// The body as chunks of this size.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
