//! The log as journald keeps it: one entry a line, with printer, job and request as fields to look for.
//!
//! Written by its native protocol (systemd's "Native Journal Protocol"): a datagram of `KEY=value` lines. All that a
//! line says is in its text, as on a terminal; a field is there only where [`FIELDS`] lists it, and no case, no person
//! and no address is on that list. Nothing waits for a journald that hangs: lines are left out, and how many were is
//! said in the first that goes through again.

use std::fmt::{Debug, Write as _};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::socket::{MsgFlags, UnixAddr, sendto};
use nix::sys::stat::fstat;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Where journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";
/// What is a field of its own, by its name in the code, and how it is called in the journal.
pub const FIELDS: [(&str, &str); 7] = [
    ("printer", "PLATEN_PRINTER"),
    ("job", "PLATEN_JOB"),
    ("request", "PLATEN_REQUEST"),
    ("method", "PLATEN_METHOD"),
    ("route", "PLATEN_ROUTE"),
    ("status", "PLATEN_STATUS"),
    ("millis", "PLATEN_MILLIS"),
];
/// A longer text is cut: a datagram has to fit into the kernel's buffer.
const TEXT_MAX: usize = 32 << 10;
/// So long one line waits for a journald that is busy; the next ones do not, until one went through.
const WAIT: Duration = Duration::from_millis(50);

/// A layer of the log.
#[derive(Debug)]
pub struct Journald {
    socket: UnixDatagram,
    path: PathBuf,
    /// Lines that it did not take since the last that it took.
    lost: AtomicU64,
}

/// What a span or an event says.
#[derive(Debug, Default)]
struct Said {
    message: String,
    /// ` key=value` for all else.
    rest: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn add(&mut self, field: &Field, shown: &dyn Debug, plain: impl FnOnce() -> String) {
        let name = field.name();
        // Writing to a String cannot fail.
        if name == "message" {
            let _ = write!(self.message, "{shown:?}");
            return;
        }
        let _ = write!(self.rest, " {name}={shown:?}");
        if let Some((_, key)) = FIELDS.iter().find(|(known, _)| *known == name) {
            self.fields.push((key, plain()));
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &value, || value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, value, || format!("{value:?}"));
    }
}

/// Whether the standard error goes to journald, as systemd says in `JOURNAL_STREAM`: `device:inode`.
fn goes_there(stream: &str, device: u64, inode: u64) -> bool {
    let numbers = stream.split_once(':');
    numbers.is_some_and(|(dev, ino)| dev.parse() == Ok(device) && ino.parse() == Ok(inode))
}

impl Journald {
    /// Where systemd has started us and what we say goes to its journal anyhow.
    pub fn of_environment() -> Option<Self> {
        let stream = std::env::var("JOURNAL_STREAM").ok()?;
        let found = fstat(io::stderr()).ok()?;
        if !goes_there(&stream, found.st_dev, found.st_ino) {
            return None;
        }
        Self::at(Path::new(SOCKET)).ok().filter(|journald| journald.path.exists())
    }

    /// The same for any socket.
    pub fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(WAIT))?;
        Ok(Self { socket, path: path.to_owned(), lost: AtomicU64::new(0) })
    }

    fn send(&self, entry: &[u8], lost_before: u64) {
        // By its path each time: a journald that starts anew has another socket there.
        let flags = if lost_before == 0 { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        let sent = UnixAddr::new(&self.path).and_then(|address| {
            sendto(self.socket.as_raw_fd(), entry, &address, flags | MsgFlags::MSG_NOSIGNAL)
        });
        if sent.is_err() {
            self.lost.fetch_add(lost_before.saturating_add(1), Ordering::Relaxed);
        }
    }
}

/// `KEY=value`; a value of several lines goes with its length.
fn put(entry: &mut Vec<u8>, key: &str, value: &str) {
    entry.extend_from_slice(key.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

fn cut(text: &mut String) {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

/// As syslog(3) numbers them.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Journald {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(said) = span.extensions_mut().get_mut::<Said>()
        {
            values.record(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let mut text = std::mem::take(&mut said.message);
        text.push_str(&said.rest);
        let mut fields = said.fields;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Said>() {
                text.push_str(&outer.rest);
                // What is said nearer counts.
                for (key, value) in &outer.fields {
                    if !fields.iter().any(|(known, _)| known == key) {
                        fields.push((key, value.clone()));
                    }
                }
            }
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        cut(&mut text);
        if lost > 0 {
            let _ = write!(text, " ({lost} lines before this one were lost: journald did not take them)");
        }
        let metadata = event.metadata();
        let mut entry = Vec::with_capacity(text.len() + 256);
        put(&mut entry, "MESSAGE", &text);
        put(&mut entry, "PRIORITY", priority(*metadata.level()));
        put(&mut entry, "SYSLOG_IDENTIFIER", "platen");
        put(&mut entry, "PLATEN_TARGET", metadata.target());
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            put(&mut entry, "CODE_FILE", file);
            put(&mut entry, "CODE_LINE", &line.to_string());
        }
        for (key, mut value) in fields {
            cut(&mut value);
            put(&mut entry, key, &value);
        }
        self.send(&entry, lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tracing_subscriber::layer::SubscriberExt as _;

    type Entry = BTreeMap<String, String>;

    /// An entry as journald reads it.
    fn read(mut entry: &[u8]) -> Entry {
        let mut found = BTreeMap::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|b| matches!(b, b'=' | b'\n')).unwrap();
            let (key, rest) = (std::str::from_utf8(&entry[..end]).unwrap(), &entry[end + 1..]);
            let (value, after) = if entry[end] == b'=' {
                rest.split_at(rest.iter().position(|b| *b == b'\n').unwrap())
            } else {
                let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
                rest[8..].split_at(usize::try_from(length).unwrap())
            };
            let legal = |b: u8| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit();
            assert!(key.bytes().all(legal) && !key.starts_with('_'), "{key}");
            assert!(
                found.insert(key.to_owned(), String::from_utf8(value.to_vec()).unwrap()).is_none(),
                "{key}"
            );
            entry = &after[1..];
        }
        found
    }

    struct Listening {
        folder: tempfile::TempDir,
        socket: Option<UnixDatagram>,
    }

    impl Listening {
        fn begin() -> Self {
            let mut listening = Self { folder: tempfile::tempdir().unwrap(), socket: None };
            listening.listen();
            listening
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("socket")
        }

        fn listen(&mut self) {
            let _ = std::fs::remove_file(self.path());
            let socket = UnixDatagram::bind(self.path()).unwrap();
            socket.set_nonblocking(true).unwrap();
            self.socket = Some(socket);
        }

        /// What came so far.
        fn entries(&self) -> Vec<Entry> {
            let mut bytes = vec![0; 1 << 17];
            let socket = self.socket.as_ref().unwrap();
            std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|count| read(&bytes[..count]))).collect()
        }
    }

    fn logged(listening: &Listening, work: impl FnOnce()) {
        let layer = Journald::at(&listening.path()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    }

    #[test]
    fn a_line_has_its_text_its_level_and_the_fields_of_its_request() {
        let listening = Listening::begin();
        logged(&listening, || {
            let span = tracing::error_span!("request", request = "00ff");
            let _within = span.enter();
            tracing::warn!(printer = %"mk3-01", job = "j1", error = %"it\nbroke", millis = 12_u64, "not started");
        });
        let entries = listening.entries();
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        let field = |key: &str| entry.get(key).map(String::as_str);
        assert_eq!(
            field("MESSAGE"),
            Some("not started printer=mk3-01 job=\"j1\" error=it\nbroke millis=12 request=\"00ff\"")
        );
        for (key, value) in [
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "platen"),
            ("PLATEN_PRINTER", "mk3-01"),
            ("PLATEN_JOB", "j1"),
            ("PLATEN_REQUEST", "00ff"),
            ("PLATEN_MILLIS", "12"),
        ] {
            assert_eq!(field(key), Some(value), "{key}");
        }
        assert_eq!(field("CODE_FILE"), Some(file!()));
    }

    #[test]
    fn no_case_and_no_person_is_ever_a_field() {
        for (name, key) in FIELDS {
            assert!(!["case", "token", "user", "name", "by", "path", "patient"].contains(&name), "{name}");
            assert!(key.starts_with("PLATEN_"), "{key}");
        }
        let listening = Listening::begin();
        logged(&listening, || tracing::info!(case = "8d9pt4rp55t2b", who = "kim", "something"));
        let keys: Vec<String> = listening.entries()[0].keys().cloned().collect();
        assert_eq!(
            keys,
            ["CODE_FILE", "CODE_LINE", "MESSAGE", "PLATEN_TARGET", "PRIORITY", "SYSLOG_IDENTIFIER"]
        );
    }

    #[test]
    fn lines_that_nobody_took_are_counted_in_the_first_that_is_taken() {
        let mut listening = Listening::begin();
        let layer = Journald::at(&listening.path()).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("one");
            listening.socket = None;
            tracing::info!("two");
            tracing::info!("three");
            listening.listen();
            tracing::info!("four");
            tracing::info!("five");
        });
        let texts: Vec<String> =
            listening.entries().into_iter().map(|mut e| e.remove("MESSAGE").unwrap()).collect();
        assert_eq!(texts, ["four (2 lines before this one were lost: journald did not take them)", "five"]);
    }

    #[test]
    fn a_journald_that_reads_nothing_holds_a_line_up_once_and_the_others_not_at_all() {
        let listening = Listening::begin();
        let layer = Journald::at(&listening.path()).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        let long = "x".repeat(TEXT_MAX * 2);
        let began = tokio::time::Instant::now();
        tracing::subscriber::with_default(subscriber, || (0..1_000).for_each(|_| tracing::info!("{long}")));
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let entries = listening.entries();
        assert!(!entries.is_empty() && entries.len() < 1_000, "{}", entries.len());
        assert!(entries.iter().all(|entry| entry["MESSAGE"].len() <= TEXT_MAX + "…".len()));
    }

    #[test]
    fn only_a_standard_error_that_systemd_has_made_goes_there() {
        assert!(goes_there("8:4711", 8, 4711));
        for other in ["8:4712", "9:4711", "8", "", "8:4711:1", ":", "8:x"] {
            assert!(!goes_there(other, 8, 4711), "{other}");
        }
    }
}
