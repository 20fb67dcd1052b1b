//! What a service says to systemd, and gives to it: one datagram each, to the socket that its environment names.
//!
//! `sd_notify(3)` says the words. Without systemd there is no such socket, and nothing is said.

use std::ffi::OsStr;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// systemd reads at once; a printer may stand still meanwhile.
pub const ANSWER: Duration = Duration::from_secs(1);
/// systemd reads no longer ones (`NOTIFY_BUFFER_MAX`); of words for people so much is enough.
const STATUS_MAX: usize = 400;

/// The way to systemd. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notify(Arc<UnixDatagram>);

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The start is complete.
    Ready,
    /// The service ends, and was not told to by systemd, or was.
    Stopping,
    /// For people, in `systemctl status`.
    Status(String),
    /// The start or the stop that goes on may take so much longer, from now.
    Extend(Duration),
    /// All is well: wait anew.
    Fed,
}

impl Word {
    fn line(&self) -> String {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Stopping => "STOPPING=1".into(),
            Self::Status(words) => {
                // A line of its own would be another word.
                let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
                format!("STATUS={}", plain.take(STATUS_MAX).collect::<String>())
            }
            Self::Extend(span) => format!("EXTEND_TIMEOUT_USEC={}", span.as_micros()),
            Self::Fed => "WATCHDOG=1".into(),
        }
    }
}

fn address(path: &OsStr) -> io::Result<SocketAddr> {
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

impl Notify {
    /// `None` without systemd.
    pub fn of_environment() -> Option<Self> {
        let path = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty())?;
        match Self::at(&path) {
            Ok(notify) => Some(notify),
            Err(error) => {
                tracing::warn!(%error, "systemd cannot be told anything: running jobs end with this process");
                None
            }
        }
    }

    /// A path, or the name of an abstract socket after `@`.
    pub fn at(path: &OsStr) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address(path)?)?;
        socket.set_write_timeout(Some(ANSWER))?;
        Ok(Self(Arc::new(socket)))
    }

    /// All of it in one datagram. Waits where systemd's queue is full, but not for long.
    pub fn say(&self, words: &[Word]) -> io::Result<()> {
        self.send(&text(words), &[], MsgFlags::empty())
    }

    /// The same, but an error where it would have to wait.
    pub fn say_at_once(&self, words: &[Word]) -> io::Result<()> {
        self.send(&text(words), &[], MsgFlags::MSG_DONTWAIT)
    }

    /// Gives it copies of open files, which it keeps under this name. `Ok` when it has read that.
    pub fn keep(&self, name: &str, port: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&format!("FDSTORE=1\nFDNAME={name}"), &[port], MsgFlags::empty())?;
        self.wait_until_read()
    }

    /// It keeps nothing of that name any more, and has read that.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[], MsgFlags::empty())?;
        self.wait_until_read()
    }

    fn send(&self, text: &str, with: &[BorrowedFd<'_>], flags: MsgFlags) -> io::Result<()> {
        let with: Vec<_> = with.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&with)];
        let rights = if with.is_empty() { &[] } else { &rights[..] };
        let text = [IoSlice::new(text.as_bytes())];
        sendmsg::<()>(self.0.as_raw_fd(), &text, rights, MsgFlags::MSG_NOSIGNAL | flags, None)?;
        Ok(())
    }

    /// It closes the other end as soon as it has read all before (`sd_notify_barrier(3)`).
    fn wait_until_read(&self) -> io::Result<()> {
        let (mut ours, theirs) = UnixStream::pair()?;
        self.send("BARRIER=1", &[theirs.as_fd()], MsgFlags::empty())?;
        drop(theirs);
        ours.set_read_timeout(Some(ANSWER))?;
        match ours.read(&mut [0]) {
            Ok(0) => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::TimedOut, "systemd did not read what it was told")),
        }
    }
}

fn text(words: &[Word]) -> String {
    words.iter().map(Word::line).collect::<Vec<_>>().join("\n")
}

/// How long systemd's watchdog waits to be fed by this process; `None`: there is none, or it waits for another.
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    patience(number("WATCHDOG_USEC"), std::env::var("WATCHDOG_PID").ok(), std::process::id())
}

/// `sd_watchdog_enabled(3)`: of a process that is named, it is that one alone.
fn patience(micros: Option<u64>, of: Option<String>, us: u32) -> Option<Duration> {
    let ours = of.is_none_or(|of| of.parse() == Ok(us));
    micros.filter(|micros| *micros > 0 && ours).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(systemd: &UnixDatagram) -> String {
        let mut text = [0; 1024];
        let length = systemd.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    #[test]
    fn words_go_to_a_socket_in_the_file_system_and_to_an_abstract_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("platen-test-{}", std::process::id());
        let named = SocketAddr::from_abstract_name(&name).unwrap();
        let (filed, named) = (UnixDatagram::bind(&path).unwrap(), UnixDatagram::bind_addr(&named).unwrap());
        for (systemd, at) in [(filed, path.into_os_string()), (named, format!("@{name}").into())] {
            let notify = Notify::at(&at).unwrap();
            notify.say(&[Word::Ready, Word::Status("3 printers".into())]).unwrap();
            notify.say_at_once(&[Word::Fed]).unwrap();
            notify.say(&[Word::Stopping, Word::Extend(Duration::from_secs(30))]).unwrap();
            assert_eq!(heard(&systemd), "READY=1\nSTATUS=3 printers");
            assert_eq!(heard(&systemd), "WATCHDOG=1");
            assert_eq!(heard(&systemd), "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000");
        }
    }

    #[test]
    fn no_words_for_people_can_become_another_word_or_be_too_long() {
        let hostile = Word::Status(format!("gone\nREADY=1\r{}", "x".repeat(5_000)));
        let line = hostile.line();
        assert!(line.starts_with("STATUS=gone READY=1 x") && !line.contains('\n'), "{line}");
        assert_eq!(line.chars().count(), "STATUS=".len() + STATUS_MAX);
    }

    #[test]
    fn a_full_queue_keeps_nobody_who_does_not_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _hangs = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::at(path.as_os_str()).unwrap();
        let refused = (0..100_000).find_map(|_| notify.say_at_once(&[Word::Fed]).err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_watchdog_is_ours_where_it_names_nobody_or_us() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(patience(Some(60_000_000), None, 7), minute);
        assert_eq!(patience(Some(60_000_000), Some("7".into()), 7), minute);
        for (micros, of) in
            [(Some(60_000_000), Some("8")), (Some(60_000_000), Some("")), (Some(0), None), (None, None)]
        {
            assert_eq!(patience(micros, of.map(str::to_owned), 7), None, "{micros:?} {of:?}");
        }
    }
}
