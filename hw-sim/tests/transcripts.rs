//! The dialogues of real firmware, spoken again: every reply must be the same, but for temperatures and times.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::firmware::Firmware;
use hw_sim::quirks::{Face, FirmwareConfig, ResetCause};

/// Longest wait for an expected line, virtual µs.
const PATIENCE_US: u64 = 60_000_000;

struct Dialogue {
    firmware: Firmware,
    now_us: u64,
    heard: Vec<u8>,
}

impl Dialogue {
    fn new(home_us: u64) -> Self {
        let config = FirmwareConfig { home_us, ..FirmwareConfig::face(Face::Marlin21) };
        Self { firmware: Firmware::new(config, 1), now_us: 0, heard: Vec::new() }
    }

    /// Lets time pass until a whole line has been heard, or up to `to_us`.
    fn run(&mut self, to_us: u64) {
        loop {
            while let Some(bytes) = self.firmware.poll_transmit() {
                self.heard.extend(bytes);
            }
            if self.heard.contains(&b'\n') {
                return;
            }
            match self.firmware.poll_timeout() {
                Some(next_us) if next_us <= to_us => {
                    self.now_us = self.now_us.max(next_us);
                    self.firmware.handle_timeout(self.now_us);
                }
                _ => {
                    self.now_us = to_us;
                    return;
                }
            }
        }
    }

    fn line(&mut self, to_us: u64) -> Option<String> {
        self.run(to_us);
        let end = self.heard.iter().position(|&byte| byte == b'\n')?;
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        Some(readable(&line[..end]))
    }
}

/// Bytes beyond ASCII as escapes, temperatures and powers as `#`.
fn readable(line: &[u8]) -> String {
    let text: String = line
        .iter()
        .map(|&byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("\\x{byte:02x}") })
        .collect();
    if !text.contains(" T:") {
        return text;
    }
    let leading = if text.starts_with(' ') { " " } else { "" };
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| match word.split_once(':') {
            Some((name @ ("T" | "B" | "@" | "B@"), _)) => format!("{name}:#"),
            _ => word.to_owned(),
        })
        .collect();
    format!("{leading}{}", words.join(" "))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let tail = &rest[at + 1..];
        let (byte, used) = match tail.as_bytes()[0] {
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            _ => (u8::from_str_radix(&tail[1..3], 16).expect("\\x and two digits"), 3),
        };
        bytes.push(byte);
        rest = &tail[used..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn replay(script: &str, home_us: u64) {
    let mut dialogue = Dialogue::new(home_us);
    let mut to_write = Vec::new();
    for (number, step) in script.lines().enumerate() {
        let place = format!("line {}: {step}", number + 1);
        if let Some(line) = step.strip_prefix("> ") {
            to_write.extend_from_slice(line.as_bytes());
            to_write.push(b'\n');
            continue;
        }
        if let Some(raw) = step.strip_prefix(">> ") {
            to_write.extend(unescape(raw));
            continue;
        }
        let written = std::mem::take(&mut to_write);
        if !written.is_empty() {
            dialogue.firmware.handle_bytes(dialogue.now_us, &written);
        }
        if let Some(expected) = step.strip_prefix("< ") {
            let line = dialogue.line(dialogue.now_us + PATIENCE_US);
            assert_eq!(line.as_deref(), Some(expected), "{place}");
        } else if let Some(silence) = step.strip_prefix(". ") {
            let milliseconds: u64 = silence.parse().expect("milliseconds");
            assert_eq!(dialogue.line(dialogue.now_us + milliseconds * 1000), None, "{place}");
        } else if step == "! reset" {
            dialogue.firmware.reset(dialogue.now_us, ResetCause::External);
        } else {
            assert!(step.starts_with('#') || step.is_empty(), "{place}");
        }
    }
}

#[test]
fn numbers_checksums_and_resends_are_as_in_the_transcript() {
    replay(include_str!("transcripts/checksums.txt"), 12_200_000);
}

#[test]
fn first_contact_is_as_in_the_transcript() {
    replay(include_str!("transcripts/first_contact.txt"), 12_500_000);
}

#[test]
fn the_emergency_stop_is_as_in_the_transcript() {
    replay(include_str!("transcripts/m112.txt"), 12_000_000);
}

#[test]
fn temperatures_and_waits_are_as_in_the_transcript() {
    replay(include_str!("transcripts/temperatures.txt"), 12_000_000);
}
