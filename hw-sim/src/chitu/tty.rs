//! A ChiTu board behind a real tty: one thread lets its rig follow the monotonic clock times a speed.
//!
//! ```text
//! Absent ──(somebody opens the slave)──► Present ──(last one closes it, all is read)──► Absent
//!    ▲                                      │
//!    └────(cable in)──── no terminal ◄──────┴──(cable pulled)
//! ```
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the module that turns the wall clock into an argument"
)]

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use nix::sys::time::TimeSpec;
use nix::unistd::{read, write};

use super::faults::Fault;
use super::ledger::Ledger;
use super::rig::{Rig, RigConfig};

/// Longest sleep: how late a host's coming may be noticed while nobody is there.
const LOOK: Duration = Duration::from_millis(5);
/// Longest sleep with a host, so that nothing depends on a wake-up that was missed.
const LONGEST: Duration = Duration::from_millis(100);
/// Shortest sleep: bounds the load.
const SHORTEST: Duration = Duration::from_micros(200);
/// Output that a host does not read is lost beyond this, as in a real tty.
const UNREAD_BYTES: usize = 65_536;

/// A board to be put behind a tty.
#[derive(Debug, Clone, PartialEq)]
pub struct ChituConfig {
    /// Its name.
    pub name: String,
    /// The board, its stick and its cable.
    pub rig: RigConfig,
    /// Where to put a symbolic link to the tty, whose own name is not known before.
    pub link: Option<PathBuf>,
    /// Virtual seconds in a second of the wall clock; 1 is real time.
    pub speed: f64,
}

/// Makes boards behind ttys.
#[derive(Debug)]
pub struct ChituPrinter;

impl ChituPrinter {
    /// A board in a thread of its own, which ends when the handle is dropped.
    pub fn spawn(config: ChituConfig) -> io::Result<ChituHandle> {
        let (ring, bell) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let shared = Arc::new(Mutex::new(Shared {
            rig: Rig::new(config.rig),
            terminal: None,
            link: config.link.clone(),
            began: Instant::now(),
            speed: config.speed.max(1e-3),
            stopped: false,
        }));
        let tty = lock(&shared).plug_in()?;
        let driven = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("hw-sim chitu".to_owned()).spawn(move || run(&driven, &bell))?;
        Ok(ChituHandle { name: config.name, link: config.link, tty, shared, ring, thread: Some(thread) })
    }
}

/// A running board. Dropping the handle stops it and takes its link away.
#[derive(Debug)]
pub struct ChituHandle {
    name: String,
    link: Option<PathBuf>,
    tty: PathBuf,
    shared: Arc<Mutex<Shared>>,
    ring: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl ChituHandle {
    /// Where a host finds it: the link if there is one, else the tty as it was at first.
    pub fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.tty)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks at the rig, or lays hands on its board, at the present virtual time, µs.
    pub fn with<T>(&self, look: impl FnOnce(&mut Rig, u64) -> T) -> T {
        let mut shared = lock(&self.shared);
        let now_us = shared.now_us();
        shared.rig.advance(now_us);
        let seen = look(&mut shared.rig, now_us);
        drop(shared);
        self.ring_bell();
        seen
    }

    /// What it has done so far.
    pub fn ledger(&self) -> Ledger {
        self.with(|rig, _| rig.ledger().clone())
    }

    /// Something happens now; a cable that is pulled takes the tty and its link away.
    pub fn inject(&self, fault: &Fault) {
        self.with(|rig, now_us| rig.inject(now_us, fault));
    }

    /// Ends it and tells what it has done.
    pub fn stop(mut self) -> Ledger {
        let ledger = self.ledger();
        self.end();
        ledger
    }

    fn end(&mut self) {
        lock(&self.shared).stopped = true;
        self.ring_bell();
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has said so.
            let _ = thread.join();
        }
        lock(&self.shared).unplug();
    }

    fn ring_bell(&self) {
        // A full bell is a bell that rings already.
        let _ = (&self.ring).write(&[1]);
    }
}

impl Drop for ChituHandle {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Debug)]
struct Terminal {
    master: OwnedFd,
    slave_path: PathBuf,
    is_present: bool,
    unread: VecDeque<u8>,
}

#[derive(Debug)]
struct Shared {
    rig: Rig,
    terminal: Option<Terminal>,
    link: Option<PathBuf>,
    began: Instant,
    speed: f64,
    stopped: bool,
}

impl Shared {
    fn now_us(&self) -> u64 {
        virtual_us(self.began.elapsed(), self.speed)
    }

    fn plug_in(&mut self) -> io::Result<PathBuf> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave_path = PathBuf::from(ptsname_r(&master)?);
        // The slave is closed again, so that the kernel tells us when a host comes and goes.
        drop(raw_slave(&slave_path)?);
        if let Some(link) = &self.link {
            if fs::symlink_metadata(link).is_ok_and(|found| found.file_type().is_symlink()) {
                fs::remove_file(link)?;
            }
            std::os::unix::fs::symlink(&slave_path, link).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot link {}: {error}", link.display()))
            })?;
        }
        let terminal = Terminal {
            master: master.into(),
            slave_path: slave_path.clone(),
            is_present: false,
            unread: VecDeque::new(),
        };
        self.terminal = Some(terminal);
        Ok(slave_path)
    }

    fn unplug(&mut self) {
        let Some(terminal) = self.terminal.take() else { return };
        if let Some(link) = &self.link {
            // Somebody may have put another link there; that one is not ours to remove.
            if fs::read_link(link).is_ok_and(|target| target == terminal.slave_path) {
                let _ = fs::remove_file(link);
            }
        }
    }

    /// Lets the rig catch up and carries bytes both ways; gives how long nothing will happen.
    fn drive(&mut self) -> Duration {
        let now_us = self.now_us();
        self.rig.advance(now_us);
        match (self.rig.is_unplugged(), &self.terminal) {
            (true, Some(_)) => self.unplug(),
            (false, None) => {
                if let Err(error) = self.plug_in() {
                    eprintln!("hw-sim: {error}");
                }
            }
            _ => {}
        }
        self.look_for_host(now_us);
        self.take_input(now_us);
        let output = self.rig.host_read(now_us);
        if let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_present) {
            let space = UNREAD_BYTES.saturating_sub(terminal.unread.len());
            terminal.unread.extend(output.iter().take(space));
            terminal.flush();
        }
        let is_present = self.terminal.as_ref().is_some_and(|terminal| terminal.is_present);
        let longest = if is_present { LONGEST } else { LOOK };
        let next = self.rig.poll_timeout().map_or(longest, |due_us| {
            Duration::from_secs_f64(due_us.saturating_sub(now_us) as f64 / 1e6 / self.speed)
        });
        next.clamp(SHORTEST, longest)
    }

    /// A master whose slave nobody has open is hung up; one that is not has a host.
    fn look_for_host(&mut self, now_us: u64) {
        let Some(terminal) = self.terminal.as_mut().filter(|terminal| !terminal.is_present) else { return };
        let mut polled = [PollFd::new(terminal.master.as_fd(), PollFlags::empty())];
        let is_hung_up = poll(&mut polled, PollTimeout::ZERO).is_err()
            || polled[0].revents().is_some_and(|flags| flags.contains(PollFlags::POLLHUP));
        if !is_hung_up {
            terminal.is_present = true;
            self.rig.open_port(now_us);
        }
    }

    fn take_input(&mut self, now_us: u64) {
        let mut buffer = [0; 4096];
        loop {
            let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_present) else {
                return;
            };
            match read(&terminal.master, &mut buffer) {
                Ok(0) | Err(Errno::EIO) => {
                    terminal.is_present = false;
                    terminal.unread.clear();
                    // The next host must find neither old output nor the last one's settings.
                    if let Ok(slave) = raw_slave(&terminal.slave_path) {
                        let _ = tcflush(&slave, FlushArg::TCIFLUSH);
                    }
                    self.rig.close_port(now_us);
                    return;
                }
                Ok(count) => self.rig.host_write(now_us, &buffer[..count]),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Terminal {
    fn flush(&mut self) {
        while !self.unread.is_empty() {
            let (front, _) = self.unread.as_slices();
            match write(&self.master, front) {
                Ok(count) => drop(self.unread.drain(..count)),
                Err(Errno::EINTR) => {}
                // A full pty or a host just gone: later, or never.
                Err(_) => return,
            }
        }
    }
}

fn run(shared: &Mutex<Shared>, bell: &UnixStream) {
    loop {
        let (sleep, master) = {
            let mut shared = lock(shared);
            if shared.stopped {
                return;
            }
            let sleep = shared.drive();
            let terminal = shared.terminal.as_ref().filter(|terminal| terminal.is_present);
            // A descriptor of its own, since others may pull the cable while this thread sleeps.
            let wants_out = terminal.is_some_and(|terminal| !terminal.unread.is_empty());
            (
                sleep,
                terminal
                    .and_then(|terminal| terminal.master.try_clone().ok())
                    .map(|master| (master, wants_out)),
            )
        };
        let mut polled = vec![PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        if let Some((master, wants_out)) = &master {
            let mut wanted = PollFlags::POLLIN;
            wanted.set(PollFlags::POLLOUT, *wants_out);
            polled.push(PollFd::new(master.as_fd(), wanted));
        }
        let woken = ppoll(&mut polled, Some(TimeSpec::from_duration(sleep)), None);
        if woken.is_ok() && polled[0].any() == Some(true) {
            // What the bell says does not matter, only that it is quiet again.
            let _ = (&*bell).read(&mut [0; 64]);
        }
    }
}

fn raw_slave(path: &Path) -> io::Result<OwnedFd> {
    let slave =
        open(path, OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&slave)?;
    cfmakeraw(&mut settings);
    tcsetattr(&slave, SetArg::TCSANOW, &settings)?;
    Ok(slave)
}

/// A rig whose looker has panicked is whole: it is only ever advanced.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time, never negative; saturates"
)]
fn virtual_us(elapsed: Duration, speed: f64) -> u64 {
    (elapsed.as_secs_f64() * speed * 1e6) as u64
}
