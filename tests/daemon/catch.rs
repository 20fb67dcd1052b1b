//! A mail server and a receiver of posts that take everything, and keep every byte that was said to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What came in, a text for each letter or post, with all that was said before and after it.
#[derive(Clone)]
pub struct Catcher {
    pub port: u16,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Catcher {
    pub fn of_mail() -> Self {
        Self::new(converse)
    }

    pub fn of_posts() -> Self {
        Self::new(take)
    }

    fn new(listen: fn(TcpStream, &mut String) -> std::io::Result<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, caught) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let into = Arc::clone(&caught);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let into = Arc::clone(&into);
                thread::spawn(move || {
                    let mut heard = String::new();
                    // Who goes away in between has said something all the same.
                    let _ = listen(stream.unwrap(), &mut heard);
                    into.lock().unwrap().push(heard);
                });
            }
        });
        Self { port, caught }
    }

    pub fn caught(&self) -> String {
        self.caught.lock().unwrap().join("\n")
    }
}

fn converse(mut stream: TcpStream, heard: &mut String) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut in_letter = false;
    stream.write_all(b"220 mail of the test\r\n")?;
    loop {
        let from = heard.len();
        if lines.read_line(heard)? == 0 {
            return Ok(());
        }
        let line = &heard[from..];
        let answer = match line.get(..4).unwrap_or_default() {
            _ if in_letter && line != ".\r\n" => continue,
            "DATA" => "354 write",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        in_letter = answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

fn take(mut stream: TcpStream, heard: &mut String) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    while !heard.ends_with("\r\n\r\n") {
        if lines.read_line(heard)? == 0 {
            return Ok(());
        }
    }
    let length = heard.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
    });
    lines.take(length.unwrap_or(0)).read_to_string(heard)?;
    stream.write_all(b"HTTP/1.1 204 Kept\r\nConnection: close\r\n\r\n")
}
