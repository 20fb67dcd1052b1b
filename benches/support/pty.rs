//! A pty, and a printer on it that notes how long each line after an `ok` took to come.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::answerer::Answerer;

/// A pty: the printer's end, and the host's by its path, held open so that it never hangs up.
pub struct Pty {
    pub master: File,
    pub slave: File,
    pub path: String,
}

#[expect(unsafe_code, reason = "a descriptor that is ours alone becomes a file")]
fn into_file(master: PtyMaster) -> File {
    // SAFETY: the master gives its descriptor away, so nobody else closes it.
    unsafe { File::from_raw_fd(master.into_raw_fd()) }
}

pub fn pty() -> Pty {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname_r(&master).unwrap();
    let slave = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut settings = tcgetattr(&slave).unwrap();
    cfmakeraw(&mut settings);
    tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
    Pty { master: into_file(master), slave, path }
}

/// Answers each line after `pause` and notes how long the next one took to come; ends with the pty.
pub fn printer(mut master: File, pause: Duration) -> Vec<Duration> {
    let mut answerer = Answerer::new(false);
    let (mut bytes, mut answer, mut waits) = ([0; 4096], Vec::new(), Vec::new());
    let mut answered = None;
    while let Ok(count) = master.read(&mut bytes) {
        let came = super::now();
        let is_move = bytes[..count].starts_with(b"N1") && bytes[..count].contains(&b'G');
        if let Some(answered) = answered.take().filter(|_| is_move) {
            waits.push(came - answered);
        }
        answerer.take(&bytes[..count], &mut answer);
        if answer.is_empty() {
            continue;
        }
        if !pause.is_zero() {
            super::pause(pause);
        }
        answered = Some(super::now());
        if master.write_all(&answer).is_err() {
            break;
        }
        answer.clear();
    }
    waits
}

/// Waits in µs: how many, median, p99, longest.
pub fn row(what: &str, mut waits: Vec<Duration>) {
    waits.sort();
    let at = |percent: usize| {
        waits.get(waits.len().saturating_sub(1) * percent / 100).map_or(0, Duration::as_micros)
    };
    println!("{what:<46} {:>8} {:>8} {:>8} {:>8}", waits.len(), at(50), at(99), at(100));
}
