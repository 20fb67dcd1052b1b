//! A file or a contact that stops every printer: no browser, no login, no network between a hand and the stop.
//!
//! ```text
//! Open ──file is there, or contact stops, or cannot be read for a second──▶ Held (all are stopped, none is cleared)
//!   ▲                                                                         │
//!   └──── file is gone, contact is back (each printer stays latched) ─────────┘
//! ```
//! It looks from a thread of its own, twenty times a second: a few system calls on files in memory. Waiting for
//! the kernel to tell (inotify, POLLPRI) would be as quick only where nothing replaces, mounts over or
//! unexports the file meanwhile, which is when a stop must not be lost.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use crate::config::StopInput;

/// How often the inputs are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// An input that could not be read so often in a row, a second, counts as pressed.
const UNREADABLE: u32 = 20;

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    pub file: Option<PathBuf>,
    pub contact: Option<StopInput>,
}

/// Why the inputs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error(
        "stop_input = {path:?} cannot be read: {error}; export the line first (docs/stop.md), or take the key out"
    )]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("platen could not start a thread: {0}")]
    Thread(io::Error),
}

/// Reads a contact; `true` where it stops.
fn reads(contact: &StopInput) -> io::Result<bool> {
    // A pipe without a writer must not hold us.
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut file = File::options().read(true).custom_flags(nonblocking).open(&contact.path)?;
    let mut text = [0; 8];
    let count = file.read(&mut text)?;
    match text[..count].trim_ascii() {
        b"0" => Ok(!contact.stops_at),
        b"1" => Ok(contact.stops_at),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it reads neither 0 nor 1")),
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Watch {
    inputs: Inputs,
    unreadable: u32,
}

impl Watch {
    /// What stops now, as a name in the journal; nothing where nothing does.
    fn look(&mut self) -> Option<&'static str> {
        // A link into nowhere is there, too; and what cannot be looked at may be.
        let looked = self.inputs.file.as_ref().map(|path| path.symlink_metadata());
        match looked {
            Some(Ok(_)) => return Some("stop file"),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Some("unreadable stop file");
            }
            _ => {}
        }
        let contact = self.inputs.contact.as_ref()?;
        match reads(contact) {
            Ok(stops) => {
                self.unreadable = 0;
                stops.then_some("stop input")
            }
            Err(error) => {
                self.unreadable = self.unreadable.saturating_add(1);
                if self.unreadable == 1 {
                    tracing::error!(path = %contact.path.display(), %error, "the stop input cannot be read");
                }
                (self.unreadable >= UNREADABLE).then_some("unreadable stop input")
            }
        }
    }
}

/// Begins to look. Ends with `ending`.
pub fn spawn(inputs: Inputs, fleet: Fleet, ending: CancellationToken) -> Result<(), InputError> {
    if inputs == Inputs::default() {
        return Ok(());
    }
    if let Some(contact) = &inputs.contact {
        let unreadable = |error| InputError::Unreadable { path: contact.path.clone(), error };
        reads(contact).map_err(unreadable)?;
    }
    let mut watch = Watch { inputs, unreadable: 0 };
    let runtime = Handle::current();
    let look = move || {
        let held = fleet.stop_input();
        while !ending.is_cancelled() {
            match watch.look() {
                Some(who) if !held.is_held() => {
                    held.set(true);
                    tracing::error!(%who, "all printers are stopped");
                    // All are told before any answer is awaited; the answers are nobody's.
                    let asked = fleet.stop_all_now(who);
                    runtime.spawn(async move {
                        for (printer, on_wire) in asked.await {
                            tracing::warn!(%printer, on_wire, "stopped by an input");
                        }
                    });
                }
                None if held.is_held() => {
                    held.set(false);
                    tracing::warn!(
                        "the stop input is released; each printer stays stopped until it is cleared"
                    );
                }
                _ => {}
            }
            pause();
        }
    };
    let thread = std::thread::Builder::new().name("stop-input".into()).spawn(look);
    thread.map(drop).map_err(InputError::Thread)
}

#[expect(clippy::disallowed_methods, reason = "the time between two looks at what cannot wake us")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// Whether an input holds all printers stopped: nobody can clear one then.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<AtomicBool>);

impl Hold {
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, held: bool) {
        self.0.store(held, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(folder: &tempfile::TempDir, stops_at: bool) -> StopInput {
        StopInput { path: folder.path().join("value"), stops_at }
    }

    #[test]
    fn a_contact_stops_at_its_value_and_once_it_cannot_be_read_for_a_second() {
        let folder = tempfile::tempdir().unwrap();
        for stops_at in [true, false] {
            let contact = contact(&folder, stops_at);
            let write = |text: &str| std::fs::write(&contact.path, text).unwrap();
            let mut watch =
                Watch { inputs: Inputs { file: None, contact: Some(contact.clone()) }, unreadable: 0 };
            let (stop, go) = if stops_at { ("1\n", "0\n") } else { ("0\n", "1\n") };
            write(go);
            assert_eq!(watch.look(), None);
            write(stop);
            assert!(watch.look().is_some());
            write("maybe");
            for _ in 1..UNREADABLE {
                assert_eq!(watch.look(), None);
            }
            assert!(watch.look().is_some_and(|who| who.contains("unreadable")));
            write(go);
            assert_eq!(watch.look(), None);
        }
    }

    #[test]
    fn a_stop_file_stops_by_being_there_whatever_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stop");
        let mut watch = Watch { inputs: Inputs { file: Some(file.clone()), contact: None }, unreadable: 0 };
        assert_eq!(watch.look(), None);
        std::fs::write(&file, "").unwrap();
        assert!(watch.look().is_some());
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        assert!(watch.look().is_some());
    }
}
