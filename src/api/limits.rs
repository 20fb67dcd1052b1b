//! What one connection, one address and all together may take, in one table; docs/network.md has the same.

use std::time::Duration;

use super::crowd::{AFAR, HERE, OF_ONE};
use super::events::{PAGES, STREAMS, UPLOADS};
use super::given::BODY_MAX;
use super::paced::{LEAST, LEAST_TAKEN, TAKEN_WITHIN, WAITED};
use super::serve::{AHEAD, HANDSHAKE, HEADERS, NEXT_HEAD};
use crate::domain::people::lockout::{FROM_AFAR, KEYS_FROM_AFAR, RULES, Rules};

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        minutes if minutes >= 60 && minutes.is_multiple_of(60) => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}

fn tries(rules: &Rules) -> String {
    let longest = if rules.longest == rules.first {
        String::new()
    } else {
        format!(", twice as long each time, {} at most", time(rules.longest))
    };
    format!("{} in {}, then {} of waiting{longest}", rules.tries, time(rules.within), time(rules.first))
}

/// What is bounded, and by how much.
pub fn limits() -> Vec<(&'static str, String)> {
    vec![
        ("connections from other machines", AFAR.to_string()),
        ("connections from one address", OF_ONE.to_string()),
        ("connections from this machine, apart from those", HERE.to_string()),
        ("time for the first byte, and then for the handshake", time(HANDSHAKE)),
        ("the head of a request", format!("{}, {HEADERS} headers", kib(AHEAD))),
        ("time for the head, and between requests", time(NEXT_HEAD)),
        ("a body that is no file", kib(BODY_MAX)),
        ("a body while platen waits for it", format!("{} in {}", kib(LEAST), time(WAITED))),
        ("an answer that fits nowhere", format!("{} in {}", kib(LEAST_TAKEN), time(TAKEN_WITHIN))),
        ("streams and sockets of programs", STREAMS.to_string()),
        ("pages that are open", PAGES.to_string()),
        ("uploads under way", UPLOADS.to_string()),
        ("wrong passwords for one name", tries(&RULES)),
        ("wrong passwords from one address", tries(&FROM_AFAR)),
        ("wrong keys from one address", tries(&KEYS_FROM_AFAR)),
    ]
}
