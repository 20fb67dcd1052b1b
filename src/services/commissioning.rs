//! Commissioning: which ports there are, who is on one, and the section of a new printer put into the configuration.
//!
//! ```text
//! a path ─▶ a serial port? ─▶ nobody's by the configuration? ─▶ (its turn) ─▶ open, M115, M105 at each speed
//!                                                                  └─ measured, if wished and nothing is hot
//! ```
//! A port of a printer of the configuration is never opened here, whether its own task has it open or not: a stopped
//! printer's is closed on purpose.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::drive::{Drive, Turn, dial};
use super::ports::Ports;
use crate::config::{Config, Printer};
use crate::control::hello::{Board, FIRST, FURTHER, Heard, Hello};
use crate::control::probe::Findings;
use crate::control::session::{Profile, Session, SessionEvent};
use crate::domain::identity::UsbPort;
use crate::domain::ids::PrinterName;
use crate::domain::units::Baud;
use crate::io::clock::Clock;
use crate::io::durable;
use crate::io::offload::offload;
use crate::io::replace::{ReplaceError, Replaceable};
use crate::io::serial::{DialError, SerialDial, Wire};
use crate::io::ttys::{NoTty, Tty, serial_port, stays, ttys};
use crate::io::usb::{Device, Usb};
use crate::protocol::window::{Capacity, SAFE_RECEIVE_BYTES};

/// The speeds that are tried, those of most printers first.
const BAUDS: [u32; 6] = [115_200, 250_000, 230_400, 57_600, 500_000, 1_000_000];
/// As long as `platen stream --probe` takes at most on a line of a usual speed.
const MEASURING: Duration = Duration::from_secs(3 * 60);

/// One port of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFound {
    /// The name to write into a section.
    pub path: PathBuf,
    pub device: PathBuf,
    pub names: Vec<PathBuf>,
    pub stays: bool,
    pub usb: Option<UsbPort>,
    pub maker: Option<String>,
    pub called: Option<String>,
    /// Whose it is by the configuration, or who has it open.
    pub printer: Option<PrinterName>,
    pub open: bool,
}

/// The ports that there are, and those of the configuration that lead nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortsFound {
    pub ports: Vec<PortFound>,
    pub missing: Vec<(PrinterName, PathBuf)>,
}

/// Why a port was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProbed {
    #[error(transparent)]
    NoTty(#[from] NoTty),
    #[error(
        "this port is printer {0}'s by the configuration; look at that printer's page, or take it out of the configuration and restart platen"
    )]
    Configured(PrinterName),
    #[error("another port is being asked just now; try again in a minute")]
    Busy,
    #[error("platen is shutting down")]
    Closed,
}

/// What came of one speed.
#[derive(Debug)]
pub enum Tried {
    Heard(Heard),
    /// The port went away meanwhile.
    Vanished(String),
    NotOpened(DialError),
}

/// What a measurement came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Not measured: what holds for every board.
    Safe,
    Measured(Box<Findings>),
    /// The reason.
    Not(String),
}

/// All that was found out of a port.
#[derive(Debug)]
pub struct Probed {
    pub tried: Vec<(Baud, Tried)>,
    /// The board that answered, at the last speed of `tried`.
    pub board: Option<Board>,
    pub window: Option<Window>,
}

/// What became of a section that was to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The old text is kept there.
    Yes { kept: PathBuf },
    /// Why not.
    No(String),
}

#[derive(Clone, Debug, Default)]
pub struct Commissioning(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ports: Arc<Ports>,
    usb: Usb,
    dev: PathBuf,
    turn: Semaphore,
    /// The configuration as it was saved last; absent: as the daemon read it.
    saved: Mutex<Option<String>>,
    /// One test print is made at a time, so that there is one case for them.
    making: Mutex<()>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            ports: Arc::default(),
            usb: Usb::default(),
            dev: "/dev".into(),
            turn: Semaphore::new(1),
            saved: Mutex::default(),
            making: Mutex::default(),
        }
    }
}

/// The printer whose port leads to the device. Blocks.
fn configured(printers: &[Printer], device: Device) -> Option<PrinterName> {
    let own = printers.iter().find(|printer| Device::of(&printer.port) == Some(device));
    own.map(|printer| printer.name.clone())
}

impl Commissioning {
    /// Beside the printers that have these ports.
    pub fn new(ports: Arc<Ports>) -> Self {
        Self(Arc::new(Inner { ports, ..Inner::default() }))
    }

    /// The ports of this machine, and whose they are.
    pub async fn ports(&self, config: &Arc<Config>) -> PortsFound {
        let (inner, config) = (Arc::clone(&self.0), Arc::clone(config));
        offload(move || inner.found(&config.printers)).await.unwrap_or_default()
    }

    /// Waits for the turn of whoever makes a test print.
    pub async fn making(&self) -> MutexGuard<'_, ()> {
        self.0.making.lock().await
    }

    /// Opens a port that is nobody's for a moment and asks who is there. Nothing moves, nothing is heated.
    pub async fn probe(
        &self,
        config: &Arc<Config>,
        clock: &Clock,
        port: &Path,
        baud: Option<Baud>,
        measure: bool,
    ) -> Result<Probed, NotProbed> {
        let _turn = self.0.turn.try_acquire().map_err(|_| NotProbed::Busy)?;
        let (inner, config, path) = (Arc::clone(&self.0), Arc::clone(config), port.to_owned());
        let free = offload(move || inner.is_free(&config.printers, &path)).await;
        free.map_err(|_| NotProbed::Closed)??;
        let bauds = baud.map_or_else(|| BAUDS.map(Baud).to_vec(), |baud| vec![baud]);
        let (mut tried, mut patience) = (Vec::new(), FIRST);
        for baud in bauds {
            let (found, wire) = at(port, baud, patience, clock).await;
            patience = FURTHER;
            let (is_last, board) = match &found {
                Tried::Heard(Heard::Board(board)) => (true, Some(board.as_ref().clone())),
                Tried::Heard(Heard::Silence | Heard::Garbage | Heard::OtherWords) => (false, None),
                // This speed may be one that the machine has not; another one may do.
                Tried::NotOpened(DialError::Settings { .. }) => (false, None),
                Tried::Heard(Heard::Halted) | Tried::Vanished(_) | Tried::NotOpened(_) => (true, None),
            };
            tried.push((baud, found));
            if let (Some(board), Some(wire)) = (board, wire) {
                let window = if measure { measured(&board, baud, wire, clock).await } else { Window::Safe };
                return Ok(Probed { tried, board: Some(board), window: Some(window) });
            }
            if is_last {
                break;
            }
        }
        Ok(Probed { tried, board: None, window: None })
    }

    /// Puts a text in place of the configuration's, which has to be what `text` has told.
    pub async fn save(&self, config: &Config, clock: &Clock, known: String, text: String) -> Saved {
        let Some(file) = &config.file else {
            return Saved::No("this platen was not started from a configuration file".into());
        };
        let mut saved = self.0.saved.lock().await;
        let (path, mark, new) = (file.path.clone(), mark(clock), text.clone());
        match offload(move || replace(&path, &known, &new, &mark)).await {
            Ok(Ok(kept)) => {
                *saved = Some(text);
                Saved::Yes { kept }
            }
            Ok(Err(why)) => Saved::No(why),
            Err(error) => Saved::No(error.to_string()),
        }
    }

    /// The text of the configuration to which a section is to be added: as it was saved last, or as it was read.
    pub async fn text(&self, config: &Config) -> Option<String> {
        let saved = self.0.saved.lock().await.clone();
        saved.or_else(|| config.file.as_ref().map(|file| file.text.clone()))
    }
}

impl Inner {
    fn found(&self, printers: &[Printer]) -> PortsFound {
        let mut all = ttys(&self.dev);
        let mut missing = Vec::new();
        for printer in printers {
            match (Device::of(&printer.port), printer.port.canonicalize()) {
                (Some(device), Ok(path)) => match all.iter_mut().find(|tty| tty.device == device) {
                    Some(tty) if tty.names.contains(&printer.port) => {}
                    Some(tty) => tty.names.push(printer.port.clone()),
                    None => all.push(Tty { device, path, names: vec![printer.port.clone()] }),
                },
                _ => missing.push((printer.name.clone(), printer.port.clone())),
            }
        }
        PortsFound { ports: all.into_iter().map(|tty| self.described(printers, tty)).collect(), missing }
    }

    fn described(&self, printers: &[Printer], tty: Tty) -> PortFound {
        let holder = self.ports.holder(tty.device);
        let (maker, called) = self.usb.called(tty.device);
        let path = tty.names.first().unwrap_or(&tty.path).clone();
        PortFound {
            stays: stays(&path),
            usb: self.usb.port(tty.device),
            maker,
            called,
            open: holder.is_some(),
            printer: holder.or_else(|| configured(printers, tty.device)),
            path,
            device: tty.path,
            names: tty.names,
        }
    }

    /// Whether a path leads to a serial port that is nobody's.
    fn is_free(&self, printers: &[Printer], path: &Path) -> Result<(), NotProbed> {
        // A relative path would be the daemon's, which nobody knows.
        let device = if path.is_absolute() { serial_port(path)? } else { return Err(NoTty::Missing.into()) };
        let taken = self.ports.holder(device).or_else(|| configured(printers, device));
        taken.map_or(Ok(()), |printer| Err(NotProbed::Configured(printer)))
    }
}

/// One speed; the open port where a board has answered.
async fn at(port: &Path, baud: Baud, patience: Duration, clock: &Clock) -> (Tried, Option<Box<dyn Wire>>) {
    let way = SerialDial { path: port.to_owned(), baud };
    let mut wire = match dial(Arc::new(way)).await {
        Ok(wire) => wire,
        Err(error) => return (Tried::NotOpened(error), None),
    };
    match listen(&mut wire, clock, patience).await {
        Ok(heard) => (Tried::Heard(heard), Some(wire)),
        Err(error) => (Tried::Vanished(error.to_string()), None),
    }
}

async fn listen(wire: &mut Box<dyn Wire>, clock: &Clock, patience: Duration) -> io::Result<Heard> {
    let mut hello = Hello::begin(clock.now(), patience);
    let mut buffer = vec![0; 1_024];
    loop {
        if let Some(heard) = hello.outcome() {
            return Ok(heard);
        }
        let due = clock.instant(hello.poll_timeout());
        let (mut reader, mut writer) = tokio::io::split(&mut *wire);
        let transmit = hello.transmit();
        tokio::select! {
            biased;
            // First, since a board that talks without an end leaves no other turn.
            () = tokio::time::sleep_until(due) => hello.handle_timeout(clock.now()),
            written = writer.write(transmit), if !transmit.is_empty() => match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => hello.transmitted(count),
            },
            read = reader.read(&mut buffer) => match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => hello.handle_bytes(clock.now(), &buffer[..count]),
            },
        }
    }
}

/// How much the board holds, as `platen stream --probe` measures it. That greets it as for a print, which switches off
/// what is hot: not where somebody may be at work.
async fn measured(board: &Board, baud: Baud, wire: Box<dyn Wire>, clock: &Clock) -> Window {
    if board.heats() {
        return Window::Not("a heater is on, so somebody may be at work there; it was not measured".into());
    }
    let Ok(name) = "commissioning".parse() else { return Window::Safe };
    let capacity = Capacity { receive_bytes: SAFE_RECEIVE_BYTES, queue_slots: 0 };
    let profile = Profile { meatpack: false, inactivity_kill: None, ..Profile::new(baud, capacity) };
    let mut drive = Drive::new(Session::new(name, profile), wire, clock.clone());
    match tokio::time::timeout(MEASURING, measure(&mut drive, clock)).await {
        Ok(Ok(findings)) => Window::Measured(findings),
        Ok(Err(why)) => Window::Not(why),
        Err(_) => Window::Not("it was not measured in time; look at the cable and its ground".into()),
    }
}

async fn measure(drive: &mut Drive, clock: &Clock) -> Result<Box<Findings>, String> {
    let mut begun = false;
    loop {
        while let Some(event) = drive.session.poll_event() {
            match event {
                SessionEvent::Probed(findings) => return Ok(findings),
                SessionEvent::Close { reason } => return Err(reason),
                SessionEvent::Faulted(fault) => return Err(fault.in_words().into()),
                _ => {}
            }
        }
        // A board that was just greeted may have something to answer yet.
        if !begun {
            begun = drive.session.probe(clock.now()).is_ok();
            if begun {
                continue;
            }
        }
        if let Turn::Gone(reason) = drive.turn().await {
            return Err(reason);
        }
    }
}

/// When it is, as a name of a file has it.
fn mark(clock: &Clock) -> String {
    let time = clock.wall().to_string();
    let whole = time.split('.').next().unwrap_or_default();
    format!("{}Z", whole.replace(['-', ':'], ""))
}

/// The old text is kept beside the new one, which is there whole or not at all. Blocks.
fn replace(path: &Path, known: &str, new: &str, mark: &str) -> Result<PathBuf, String> {
    let words = |error: ReplaceError| error.to_string();
    let file = Replaceable::open(path).map_err(words)?;
    if file.text() != known {
        return Err(format!(
            "{} was changed since platen was started from it; restart platen, so that it knows what stands there",
            file.path().display()
        ));
    }
    let mut name = file.path().as_os_str().to_owned();
    name.push(format!(".{mark}"));
    let kept = PathBuf::from(name);
    let not_kept = |error: io::Error| format!("the old text cannot be kept as {}: {error}", kept.display());
    keep(&kept, known).map_err(not_kept)?;
    match file.replace(new) {
        Ok(_) => Ok(kept),
        Err(error) => {
            // Nothing was replaced, so nothing is to be kept.
            let _ = std::fs::remove_file(&kept);
            Err(words(error))
        }
    }
}

fn keep(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut file = durable::new_file(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    durable::sync_parent(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "site = \"st-anna\"\n";

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platen.toml");
        std::fs::write(&path, OLD).unwrap();
        (folder, path)
    }

    #[test]
    fn a_new_text_takes_the_place_of_the_old_one_which_is_kept() {
        let (_folder, path) = folder();
        let kept = replace(&path, OLD, "new\n", "20261130T101736Z").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), OLD);
        assert!(kept.to_str().unwrap().ends_with("platen.toml.20261130T101736Z"));
    }

    #[test]
    fn a_file_that_somebody_has_changed_is_left_alone_and_nothing_is_kept() {
        let (folder, path) = folder();
        let why = replace(&path, "other\n", "new\n", "1").unwrap_err();
        assert!(why.contains("was changed") && why.contains("restart platen"), "{why}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_old_copy_is_never_written_over() {
        let (folder, path) = folder();
        let kept = folder.path().join("platen.toml.1");
        std::fs::write(&kept, "older\n").unwrap();
        assert!(replace(&path, OLD, "new\n", "1").unwrap_err().contains("cannot be kept"));
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "older\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
    }

    #[test]
    fn a_write_protected_configuration_is_told_so_and_stays() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = folder();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(replace(&path, OLD, "new\n", "1").unwrap_err().contains("write-protected"));
    }
}
