//! Printers behind real ttys: one thread drives any number of rigs by the monotonic clock times a speed.
//!
//! The thread sleeps until the next event of any rig and then lets each catch up to *now*, so lateness of the
//! thread delays a reply but never shifts the timetable. From each pty it takes only what the virtual line will
//! carry in the next moment; the rest stays with the kernel, which thereby plays the host's tty output queue.
//!
//! ```text
//! Absent ──(somebody opens the slave)──► Present ──(last one closes it)──► Draining ──(all read)──► Absent
//!    ▲                                                                                               │
//!    └───────────────(plug_in)─────────── no terminal ◄──────────(unplug, from anywhere)─────────────┘
//! ```
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the module that turns the wall clock into an argument"
)]

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use crate::driver::{Driver, run};
use crate::faults::Fault;
use crate::quirks::ResetCause;
use crate::rig::{RigConfig, Statistics};

/// A printer to be put behind a tty.
#[derive(Debug, Clone, PartialEq)]
pub struct PrinterConfig {
    /// Its name in the statistics.
    pub name: String,
    /// The board, the cable and their faults.
    pub rig: RigConfig,
    /// Where to put a symbolic link to the tty, whose own name is not known before.
    pub link: Option<PathBuf>,
    /// Virtual seconds in a second of the wall clock; it scales everything: baud, moves, heat.
    pub speed: f64,
    /// Where to write every executed command when it is stopped.
    pub record: Option<PathBuf>,
}

/// What a handle asks of the thread.
#[derive(Debug)]
pub(crate) enum Request {
    Inject(Fault),
    Statistics(Sender<Statistics>),
    Unplug,
    PlugIn(Sender<io::Result<PathBuf>>),
    Stop(Sender<Statistics>),
}

/// Requests of all handles, and the thread's way to hear of them while it sleeps.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) requests: Receiver<(usize, Request)>,
    pub(crate) bell: UnixStream,
}

impl Inbox {
    /// The next request; `None` when there is none now, an error when all handles are gone.
    pub(crate) fn next(&self) -> Result<Option<(usize, Request)>, TryRecvError> {
        match self.requests.try_recv() {
            Ok(request) => Ok(Some(request)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(TryRecvError::Disconnected),
        }
    }
}

/// Makes printers.
#[derive(Debug)]
pub struct Printer;

impl Printer {
    /// One printer in a thread of its own.
    pub fn spawn(config: PrinterConfig) -> io::Result<Handle> {
        let mut handles = Self::spawn_all(vec![config])?;
        handles.pop().ok_or_else(|| io::Error::other("no printer was made"))
    }

    /// Many printers in one thread, which ends when all of them are stopped.
    pub fn spawn_all(configs: Vec<PrinterConfig>) -> io::Result<Vec<Handle>> {
        let (sender, requests) = channel();
        let (ring, bell) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let mut drivers = Vec::with_capacity(configs.len());
        let mut handles = Vec::with_capacity(configs.len());
        for (index, config) in configs.into_iter().enumerate() {
            let (name, link) = (config.name.clone(), config.link.clone());
            let mut driver = Driver::new(config);
            let path = driver.plug_in()?;
            drivers.push(driver);
            handles.push(Handle {
                index,
                name,
                link,
                path,
                sender: sender.clone(),
                ring: ring.try_clone()?,
                stopped: false,
            });
        }
        thread::Builder::new()
            .name("hw-sim".to_owned())
            .spawn(move || run(drivers, &Inbox { requests, bell }))?;
        Ok(handles)
    }
}

/// A running printer. Dropping the handle stops it.
#[derive(Debug)]
pub struct Handle {
    index: usize,
    name: String,
    link: Option<PathBuf>,
    path: PathBuf,
    sender: Sender<(usize, Request)>,
    ring: UnixStream,
    stopped: bool,
}

impl Handle {
    /// Where a host finds it: the link if there is one, else the tty.
    pub fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.path)
    }

    /// Its name in the statistics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done so far.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let (reply, answer) = channel();
        self.request(Request::Statistics(reply))?;
        answer.recv().map_err(|_| gone())
    }

    /// Something goes wrong, or is mended, now.
    pub fn inject(&self, fault: Fault) -> io::Result<()> {
        self.request(Request::Inject(fault))
    }

    /// The reset button.
    pub fn press_reset(&self) -> io::Result<()> {
        self.inject(Fault::Reset { cause: ResetCause::External })
    }

    /// Pulls the cable: the host reads the end of the file, and the link is gone. The board goes on.
    pub fn unplug(&self) -> io::Result<()> {
        self.request(Request::Unplug)
    }

    /// Puts the cable in again; without a link the tty may have another name than before.
    pub fn plug_in(&mut self) -> io::Result<()> {
        let (reply, answer) = channel();
        self.request(Request::PlugIn(reply))?;
        self.path = answer.recv().map_err(|_| gone())??;
        Ok(())
    }

    /// Ends it, takes its link away and tells what it has done.
    pub fn stop(mut self) -> io::Result<Statistics> {
        self.end()
    }

    fn end(&mut self) -> io::Result<Statistics> {
        self.stopped = true;
        let (reply, answer) = channel();
        self.request(Request::Stop(reply))?;
        answer.recv().map_err(|_| gone())
    }

    fn request(&self, request: Request) -> io::Result<()> {
        self.sender.send((self.index, request)).map_err(|_| gone())?;
        // A full bell is a bell that rings already.
        let _ = io::Write::write(&mut &self.ring, &[1]);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.stopped {
            // Nobody is left to tell.
            let _ = self.end();
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the printer's thread has ended")
}
