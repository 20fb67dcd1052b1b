//! The thread behind the ptys: sleeps, catches up, and carries bytes between kernel and rigs.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "with pty.rs, the place that turns the wall clock into an argument"
)]

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{read, write};

use crate::faults::Fault;
use crate::msla::MaskLedger;
use crate::pty::{Inbox, PrinterConfig, Request};
use crate::rig::{Rig, Statistics};

/// Shortest sleep, µs: bounds the load when many printers have something to do all the time.
const SHORTEST_SLEEP_US: u64 = 200;
/// Longest sleep, µs, so that nothing depends on a wake-up that was missed.
const LONGEST_SLEEP_US: u64 = 100_000;
/// How often to look whether somebody has opened a tty that was closed, µs.
const PRESENCE_US: u64 = 5_000;
/// How much of the line's time is taken from the kernel ahead, µs of the wall clock.
const AHEAD_US: f64 = 2_000.0;
/// Least and most bytes taken ahead.
const AHEAD_BYTES: std::ops::RangeInclusive<u64> = 32..=65_536;
/// Output that a host does not read is lost beyond this, as in a real tty.
const UNREAD_BYTES: usize = 65_536;

/// Whether a host is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    Present,
    /// The host has closed the port, but what it wrote is still to be read.
    Draining,
}

#[derive(Debug)]
struct Terminal {
    master: OwnedFd,
    slave_path: PathBuf,
    presence: Presence,
    unread: VecDeque<u8>,
}

/// One printer and its tty.
#[derive(Debug)]
pub(crate) struct Driver {
    config: PrinterConfig,
    rig: Rig,
    terminal: Option<Terminal>,
    stopped: bool,
    /// When it wants to be driven next, µs of the wall clock.
    due_us: u64,
    /// The monotonic clock when its time began, ns.
    began_ns: u64,
}

impl Driver {
    pub(crate) fn new(config: PrinterConfig) -> Self {
        let rig = Rig::new(config.rig.clone());
        Self { config, rig, terminal: None, stopped: false, due_us: 0, began_ns: 0 }
    }

    /// Makes the tty and its link; gives the tty's path.
    pub(crate) fn plug_in(&mut self) -> io::Result<PathBuf> {
        if let Some(terminal) = &self.terminal {
            return Ok(terminal.slave_path.clone());
        }
        // Not inherited: in a child, say a host that a test starts, it would outlive a pulled cable.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave_path = PathBuf::from(ptsname_r(&master)?);
        let slave = open(&slave_path, OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty())?;
        make_raw(&slave)?;
        // The slave is closed again, so that the kernel tells us when a host comes and goes.
        drop(slave);
        if let Some(link) = &self.config.link {
            if fs::symlink_metadata(link).is_ok_and(|found| found.file_type().is_symlink()) {
                fs::remove_file(link)?;
            }
            std::os::unix::fs::symlink(&slave_path, link).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot link {}: {error}", link.display()))
            })?;
        }
        let now_us = self.rig.now_us();
        self.rig.inject(now_us, &Fault::Reconnect);
        self.terminal = Some(Terminal {
            master: master.into(),
            slave_path: slave_path.clone(),
            presence: Presence::Absent,
            unread: VecDeque::new(),
        });
        Ok(slave_path)
    }

    fn unplug(&mut self, now_us: u64) {
        let Some(terminal) = self.terminal.take() else {
            return;
        };
        self.rig.inject(now_us, &Fault::Disconnect);
        if let Some(link) = &self.config.link {
            // Somebody may have put another link there; that one is not ours to remove.
            if fs::read_link(link).is_ok_and(|target| target == terminal.slave_path) {
                let _ = fs::remove_file(link);
            }
        }
    }

    fn presence(&self) -> Option<Presence> {
        self.terminal.as_ref().map(|terminal| terminal.presence)
    }

    fn virtual_us(&self, wall_us: u64) -> u64 {
        scale(wall_us, self.config.speed)
    }

    /// Bytes that may be taken from the kernel now.
    fn room(&self) -> u64 {
        if self.rig.byte_ns() == 0 {
            // Native USB has flow control: it takes what the ring has room for.
            let firmware = self.rig.firmware();
            return firmware.config().rx_buffer.saturating_sub(1 + firmware.ring_bytes()) as u64;
        }
        self.ahead_bytes().saturating_sub(self.rig.queued_bytes())
    }

    fn ahead_bytes(&self) -> u64 {
        let bytes = scale(1000, AHEAD_US * self.config.speed) / self.rig.byte_ns().max(1);
        bytes.clamp(*AHEAD_BYTES.start(), *AHEAD_BYTES.end())
    }

    /// Lets the rig catch up and carries bytes both ways; sets when to come back.
    fn drive(&mut self, wall_us: u64, has_input: bool) {
        let now_us = self.virtual_us(wall_us);
        self.rig.advance(now_us);
        // A script may have pulled the cable, or put it in again.
        match (self.rig.is_unplugged(), &self.terminal) {
            (true, Some(_)) => self.unplug(now_us),
            (false, None) => {
                if let Err(error) = self.plug_in() {
                    eprintln!("hw-sim: {}: {error}", self.config.name);
                }
            }
            _ => {}
        }
        let mut input_left = false;
        // What a host writes before its coming was noticed stays with the kernel until then.
        let reads = match self.presence() {
            Some(Presence::Present) => has_input,
            Some(Presence::Draining) => true,
            Some(Presence::Absent) | None => false,
        };
        if reads {
            input_left = self.take_input(now_us);
        }
        let output = self.rig.host_read(now_us);
        if let Some(terminal) =
            self.terminal.as_mut().filter(|terminal| terminal.presence == Presence::Present)
        {
            let space = UNREAD_BYTES.saturating_sub(terminal.unread.len());
            terminal.unread.extend(output.iter().take(space));
            terminal.flush();
        }
        let event_us =
            self.rig.poll_timeout().map(|event_us| scale(event_us, 1.0 / self.config.speed).max(wall_us));
        // With the line full, come back when half of what was taken ahead has left.
        let refill_us = (input_left || self.room() == 0).then(|| {
            let bytes = self.rig.queued_bytes().saturating_sub(self.ahead_bytes() / 2);
            wall_us + scale(bytes * self.rig.byte_ns() / 1000, 1.0 / self.config.speed)
        });
        let due_us = event_us.into_iter().chain(refill_us).min().unwrap_or(u64::MAX);
        self.due_us = due_us.max(wall_us + SHORTEST_SLEEP_US);
    }

    /// Reads what the line has room for; says whether more may be left.
    fn take_input(&mut self, now_us: u64) -> bool {
        let mut buffer = [0; 4096];
        loop {
            let room = usize::try_from(self.room()).unwrap_or(buffer.len()).min(buffer.len());
            if room == 0 {
                return true;
            }
            let Some(terminal) = &mut self.terminal else {
                return false;
            };
            match read(&terminal.master, &mut buffer[..room]) {
                Ok(0) | Err(Errno::EIO) => {
                    self.host_has_left(now_us);
                    return false;
                }
                Ok(count) => self.rig.host_write(now_us, &buffer[..count]),
                Err(Errno::EINTR) => {}
                Err(_) if terminal.presence == Presence::Draining => {
                    // Nothing left and no hang-up any more: another host is there already.
                    terminal.presence = Presence::Present;
                    self.rig.close_port(now_us);
                    self.rig.open_port(now_us);
                    return false;
                }
                Err(_) => return false,
            }
        }
    }

    fn host_has_left(&mut self, now_us: u64) {
        self.rig.close_port(now_us);
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        terminal.presence = Presence::Absent;
        terminal.unread.clear();
        // The next host must find neither old output nor the last one's settings.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        if let Ok(slave) = open(&terminal.slave_path, flags, Mode::empty()) {
            let _ = tcflush(&slave, FlushArg::TCIFLUSH);
            let _ = make_raw(&slave);
        }
    }

    fn host_has_come(&mut self, wall_us: u64) {
        let now_us = self.virtual_us(wall_us);
        if let Some(terminal) = &mut self.terminal {
            terminal.presence = Presence::Present;
            self.rig.open_port(now_us);
        }
        self.due_us = wall_us;
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = self.rig.statistics(&self.config.name);
        let settings = self.config.rig.firmware.msla.as_ref();
        if let Some(path) = settings.and_then(|settings| settings.mask_ledger.as_ref()) {
            match self.read_masks(path) {
                Ok(masks) => statistics.msla = self.rig.msla_report_with(&masks),
                Err(error) => {
                    let error = format!("{}: {error}", path.display());
                    eprintln!("hw-sim: {}: {error}", self.config.name);
                    if let Some(report) = &mut statistics.msla {
                        report.mask_error = Some(error);
                    }
                }
            }
        }
        statistics
    }

    /// The flips of a display in another process, in board time.
    fn read_masks(&self, path: &Path) -> io::Result<MaskLedger> {
        let board_us = |time_ns: u64| self.virtual_us(time_ns.saturating_sub(self.began_ns) / 1000);
        MaskLedger::from_text(&fs::read_to_string(path)?, board_us).map_err(io::Error::other)
    }

    fn answer(&mut self, wall_us: u64, request: Request) {
        let now_us = self.virtual_us(wall_us);
        // A caller that did not wait for the answer needs none.
        match request {
            Request::Inject(Fault::Disconnect) | Request::Unplug => self.unplug(now_us),
            Request::Inject(Fault::Reconnect) => {
                let _ = self.plug_in();
            }
            Request::Inject(fault) => self.rig.inject(now_us, &fault),
            Request::Statistics(reply) => {
                self.rig.advance(now_us);
                let _ = reply.send(self.statistics());
            }
            Request::PlugIn(reply) => {
                let _ = reply.send(self.plug_in());
            }
            Request::Stop(reply) => {
                self.rig.advance(now_us);
                let statistics = self.statistics();
                if let Some(path) = &self.config.record {
                    let text: String =
                        self.rig.ledger().executed().iter().map(|line| format!("{line}\n")).collect();
                    if let Err(error) = fs::write(path, text) {
                        eprintln!("hw-sim: {}: {error}", path.display());
                    }
                }
                self.unplug(now_us);
                self.stopped = true;
                let _ = reply.send(statistics);
            }
        }
        self.due_us = wall_us;
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

/// Drives all printers until each is stopped or all handles are gone.
pub(crate) fn run(mut drivers: Vec<Driver>, inbox: &Inbox) {
    let began = Instant::now();
    let began_ns = monotonic_ns();
    drivers.iter_mut().for_each(|driver| driver.began_ns = began_ns);
    let wall_us = || u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut look_us = 0;
    loop {
        let due_us = drivers.iter().filter(|driver| !driver.stopped).map(|driver| driver.due_us).min();
        let anybody_away = drivers.iter().any(|driver| driver.presence() == Some(Presence::Absent));
        let wake_us = due_us.into_iter().chain(anybody_away.then_some(look_us)).min().unwrap_or(u64::MAX);
        let sleep_us = wake_us.saturating_sub(wall_us()).min(LONGEST_SLEEP_US);
        let ready = sleep(&drivers, inbox, sleep_us);
        let now_us = wall_us();
        loop {
            match inbox.next() {
                Ok(Some((index, request))) => {
                    if let Some(driver) = drivers.get_mut(index) {
                        driver.answer(now_us, request);
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        if drivers.iter().all(|driver| driver.stopped) {
            return;
        }
        if look_us <= now_us {
            look_us = now_us + PRESENCE_US;
            look_for_hosts(&mut drivers, now_us);
        }
        for (driver, flags) in drivers.iter_mut().zip(ready) {
            if flags.contains(PollFlags::POLLHUP)
                && let Some(terminal) = &mut driver.terminal
            {
                terminal.presence = Presence::Draining;
            }
            if !driver.stopped && (driver.due_us <= now_us || !flags.is_empty()) {
                driver.drive(now_us, flags.contains(PollFlags::POLLIN) || driver.due_us <= now_us);
            }
        }
    }
}

/// Sleeps until something is ready or the time is over; gives what is ready, by printer.
fn sleep(drivers: &[Driver], inbox: &Inbox, sleep_us: u64) -> Vec<PollFlags> {
    let mut ready = vec![PollFlags::empty(); drivers.len()];
    let mut polled = vec![PollFd::new(inbox.bell.as_fd(), PollFlags::POLLIN)];
    let mut owners = Vec::with_capacity(drivers.len());
    for (index, driver) in drivers.iter().enumerate() {
        let Some(terminal) =
            driver.terminal.as_ref().filter(|terminal| terminal.presence == Presence::Present)
        else {
            continue;
        };
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::POLLIN, driver.room() > 0);
        wanted.set(PollFlags::POLLOUT, !terminal.unread.is_empty());
        polled.push(PollFd::new(terminal.master.as_fd(), wanted));
        owners.push(index);
    }
    let timeout = TimeSpec::from_duration(std::time::Duration::from_micros(sleep_us));
    if ppoll(&mut polled, Some(timeout), None).is_err() {
        return ready;
    }
    if polled[0].any() == Some(true) {
        // What the bell says does not matter, only that it is quiet again.
        let _ = (&inbox.bell).read(&mut [0; 64]);
    }
    for (entry, owner) in polled[1..].iter().zip(owners) {
        ready[owner] = entry.revents().unwrap_or(PollFlags::empty());
    }
    ready
}

/// A master whose slave nobody has open is hung up; one that is not has a new host.
fn look_for_hosts(drivers: &mut [Driver], now_us: u64) {
    for driver in drivers {
        let Some(terminal) =
            driver.terminal.as_ref().filter(|terminal| terminal.presence == Presence::Absent)
        else {
            continue;
        };
        let mut polled = [PollFd::new(terminal.master.as_fd(), PollFlags::empty())];
        let is_hung_up = poll(&mut polled, PollTimeout::ZERO).is_err()
            || polled[0].revents().is_some_and(|flags| flags.contains(PollFlags::POLLHUP));
        if !is_hung_up {
            driver.host_has_come(now_us);
        }
    }
}

/// What `Instant` counts in, as a number.
fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let part = |value: i64| u64::try_from(value).unwrap_or(0);
        part(time.tv_sec()) * 1_000_000_000 + part(time.tv_nsec())
    })
}

fn make_raw(terminal: &OwnedFd) -> io::Result<()> {
    let mut settings = tcgetattr(terminal)?;
    cfmakeraw(&mut settings);
    Ok(tcsetattr(terminal, SetArg::TCSANOW, &settings)?)
}

#[expect(clippy::cast_possible_truncation, reason = "a time, never negative; saturates")]
fn scale(time: u64, factor: f64) -> u64 {
    (time as f64 * factor).ceil() as u64
}
