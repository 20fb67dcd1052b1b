//! Serial ports: opening one so that the board and the kernel behave, and saying why one cannot be opened.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{ControlFlags, FlushArg, SetArg, tcflush, tcgetattr, tcsetattr};
use serialport::{SerialPort, TTYPort};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use super::clock::{Clock, entropy};
use super::usb::Device;
use crate::control::safe_off::SafeOff;
use crate::domain::ids::BootId;
use crate::domain::units::Baud;

/// Bytes to and from a printer. A read of 0 bytes is the unplug.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Throws away what the kernel has not sent yet; the way of a stop.
    fn discard_output(&mut self);

    /// From now on only whole lines are worth waking up for: the other end is known to speak in lines.
    fn wake_by_line(&mut self) {}

    /// Moves DTR, which is wired to the reset of many boards. An error where there is no such line.
    fn set_dtr(&mut self, up: bool) -> io::Result<()> {
        let _ = up;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The device that is open, whatever its name leads to by now.
    fn device(&self) -> Option<Device> {
        None
    }

    /// What can be handed over to another process while it stays open.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The open port for a `Bypass`.
    fn way_past(&self) -> Option<Weak<OwnedFd>> {
        None
    }
}

/// What became of a stop on the way past whoever has the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It is in the kernel's hands.
    Gone,
    /// Another one is on this way just now, or the way is being laid.
    Perhaps,
    /// No way, or the port did not take it: all of it is left to whoever has the port.
    Not,
}

/// The way of a stop into an open port, past whoever writes to it. It leads nowhere while there is no such port.
#[derive(Clone, Debug, Default)]
pub struct Bypass(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    way: Mutex<Option<Way>>,
    overtaken: AtomicBool,
}

#[derive(Debug)]
struct Way {
    port: Weak<OwnedFd>,
    stop: &'static [u8],
    /// One has gone: half of it could be anything, so nothing is thrown away any more.
    gone: bool,
}

impl Bypass {
    /// Throws away what the kernel has not sent yet, and gives it the stop. Waits for nobody.
    pub fn stop(&self) -> Past {
        let Ok(mut way) = self.0.way.try_lock() else { return Past::Perhaps };
        let Some(way) = way.as_mut() else { return Past::Not };
        let Some(port) = way.port.upgrade() else { return Past::Not };
        // Before the board can answer.
        self.0.overtaken.store(true, Ordering::SeqCst);
        if !way.gone {
            let _ = tcflush(&port, FlushArg::TCOFLUSH);
        }
        match nix::unistd::write(&port, way.stop) {
            Ok(count) => {
                way.gone = true;
                if count == way.stop.len() { Past::Gone } else { Past::Perhaps }
            }
            Err(_) if way.gone => Past::Perhaps,
            Err(_) => Past::Not,
        }
    }

    /// Whether a stop has gone this way. Whoever has the port is told of it in a moment, and makes nothing of what it
    /// hears until then.
    pub fn has_overtaken(&self) -> bool {
        self.0.overtaken.load(Ordering::SeqCst)
    }

    /// Another port is opened, into which no stop has gone yet.
    pub fn begin(&self) {
        *self.0.way.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.overtaken.store(false, Ordering::SeqCst);
    }

    /// Leads there from now on, and this is what stops the board behind it.
    pub fn lead_to(&self, port: Weak<OwnedFd>, stop: &'static [u8]) {
        *self.0.way.lock().unwrap_or_else(PoisonError::into_inner) = Some(Way { port, stop, gone: false });
    }
}

/// A pipe in memory: for tests and benchmarks, which want the wire without a kernel in it.
impl Wire for tokio::io::DuplexStream {
    fn discard_output(&mut self) {}
}

/// A way to a printer: a serial port, or a test's end of a pipe.
pub trait Dial: Send + Sync + 'static {
    /// Opens it. Blocks; called from a blocking thread.
    fn dial(&self) -> Result<Box<dyn Wire>, DialError>;

    /// The device that it leads to now.
    fn device(&self) -> Option<Device> {
        None
    }
}

/// Why a port cannot be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("there is no port {0}: is the printer plugged in and switched on?")]
    Missing(PathBuf),
    #[error(
        "port {0} is taken by another program: stop the other host (OctoPrint, a slicer, ModemManager, another platen)"
    )]
    Taken(PathBuf),
    #[error("platen may not open {0}: add its user to the group `dialout`")]
    Forbidden(PathBuf),
    #[error("{0} is not a serial port")]
    NotSerial(PathBuf),
    #[error("port {path} cannot be set to {baud} baud: {error}")]
    Settings { path: PathBuf, baud: u32, error: String },
    #[error("port {path} cannot be opened: {error}")]
    Other { path: PathBuf, error: String },
}

/// A serial port by its path.
#[derive(Clone, Debug)]
pub struct SerialDial {
    pub path: PathBuf,
    pub baud: Baud,
}

/// A serial port among tokio's descriptors.
///
/// It reads and writes by itself, because the usual wrapper wakes us twice as often as there is something to do:
/// it asks the kernel again after each `ok` only to hear that there is no more, and it hears of every byte that
/// has left, as if we waited for room. With a farm of printers that is most of the work.
struct SerialWire {
    /// Shared with the way past us, which does not keep it open.
    port: AsyncFd<Arc<OwnedFd>>,
    /// Only while the kernel's buffer is full, which a window as small as ours hardly ever sees.
    room: Option<AsyncFd<Arc<OwnedFd>>>,
    /// The kernel collects lines, and gives one at each read.
    by_line: bool,
    device: Option<Device>,
}

impl AsyncRead for SerialWire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.port.poll_read_ready(cx))?;
            let room = buffer.initialize_unfilled();
            let wanted = room.len();
            match nix::unistd::read(self.port.get_ref(), room) {
                Ok(count) => {
                    // The kernel has no more; what comes now wakes us anew, as epoll tells of every arrival.
                    // A whole line may have others behind it.
                    if !self.by_line && (1..wanted).contains(&count) {
                        ready.clear_ready();
                    }
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for SerialWire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let ready = match &self.room {
                Some(room) => Some(ready!(room.poll_write_ready(cx))?),
                None => None,
            };
            match (nix::unistd::write(self.port.get_ref(), bytes), ready) {
                (Ok(count), _) => {
                    self.room = None;
                    return Poll::Ready(Ok(count));
                }
                (Err(Errno::EAGAIN), Some(mut ready)) => ready.clear_ready(),
                (Err(Errno::EAGAIN), None) => {
                    let same = self.port.get_ref().try_clone()?;
                    self.room = Some(registered(same, Interest::WRITABLE)?);
                }
                (Err(Errno::EINTR), _) => {}
                (Err(error), _) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is buffered here; to drain the line would block the thread.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The port's descriptor, for calls that want one.
#[expect(unsafe_code, reason = "serialport gives a raw descriptor only")]
fn descriptor(port: &TTYPort) -> BorrowedFd<'_> {
    // SAFETY: the descriptor is open as long as the port lives, and the result borrows the port.
    unsafe { BorrowedFd::borrow_raw(port.as_raw_fd()) }
}

/// The port's descriptor without its wrapper, whose reads and writes would block.
#[expect(unsafe_code, reason = "serialport gives a raw descriptor only")]
fn unwrapped(port: TTYPort) -> io::Result<OwnedFd> {
    // SAFETY: the port gives its descriptor away, so nobody else closes it.
    let port = unsafe { OwnedFd::from_raw_fd(port.into_raw_fd()) };
    fcntl(&port, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(port)
}

#[expect(unsafe_code, reason = "tokio wants a promise about whatever has a descriptor")]
fn registered(port: OwnedFd, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an `OwnedFd` is the same descriptor as long as it lives, and closes it only when it is dropped.
    unsafe { AsyncFd::register_with_interest(Arc::new(port), interest) }.map_err(Into::into)
}

/// What became of the wish for low latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LowLatency {
    /// The driver hands bytes on as they come; an FTDI's latency timer is then 1 ms instead of 16.
    On,
    /// The driver has no such switch: ptys, most CDC-ACM boards (which need none).
    Unknown,
    /// The driver has one and did not take it.
    Refused(Errno),
}

/// The kernel's `struct serial_struct` (`linux/serial.h`), as far as we look into it: the rest is handed back as
/// it came.
#[repr(C)]
struct SerialStruct {
    kind: i32,
    line: i32,
    port: u32,
    irq: i32,
    flags: i32,
    /// The kernel's is 72 bytes on 64-bit machines and less on others; more room than that does no harm.
    rest: [i32; 32],
}

const ASYNC_LOW_LATENCY: i32 = 1 << 13;

nix::ioctl_read_bad!(get_serial, nix::libc::TIOCGSERIAL, SerialStruct);
nix::ioctl_write_ptr_bad!(set_serial, nix::libc::TIOCSSERIAL, SerialStruct);

/// Asks the driver not to collect bytes before it hands them on: an `ok` is worth more than a full packet.
#[expect(unsafe_code, reason = "these two ioctls have no safe wrapper")]
fn set_low_latency(port: &TTYPort) -> LowLatency {
    let descriptor = port.as_raw_fd();
    let mut settings = SerialStruct { kind: 0, line: 0, port: 0, irq: 0, flags: 0, rest: [0; 32] };
    // SAFETY: the descriptor is open, and the kernel writes at most its own struct, which is smaller than ours.
    if unsafe { get_serial(descriptor, &raw mut settings) }.is_err() {
        return LowLatency::Unknown;
    }
    settings.flags |= ASYNC_LOW_LATENCY;
    // SAFETY: as above; the kernel only reads.
    match unsafe { set_serial(descriptor, &raw const settings) } {
        Ok(_) => LowLatency::On,
        Err(Errno::ENOTTY | Errno::EINVAL) => LowLatency::Unknown,
        Err(error) => LowLatency::Refused(error),
    }
}

impl Wire for SerialWire {
    fn discard_output(&mut self) {
        let _ = tcflush(self.port.get_ref(), FlushArg::TCOFLUSH);
    }

    fn wake_by_line(&mut self) {
        match collect_lines(self.port.get_ref()) {
            Ok(()) => self.by_line = true,
            // Then we are woken for each byte, which costs more and changes nothing.
            Err(error) => tracing::debug!(%error, "the port does not collect lines"),
        }
    }

    fn device(&self) -> Option<Device> {
        self.device
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.port.get_ref().as_fd())
    }

    fn way_past(&self) -> Option<Weak<OwnedFd>> {
        Some(Arc::downgrade(self.port.get_ref()))
    }

    fn set_dtr(&mut self, up: bool) -> io::Result<()> {
        set_dtr(self.port.get_ref(), up).map_err(Into::into)
    }
}

nix::ioctl_write_ptr_bad!(raise_modem_lines, nix::libc::TIOCMBIS, nix::libc::c_int);
nix::ioctl_write_ptr_bad!(drop_modem_lines, nix::libc::TIOCMBIC, nix::libc::c_int);

#[expect(unsafe_code, reason = "these two ioctls have no safe wrapper")]
fn set_dtr(port: &OwnedFd, up: bool) -> nix::Result<()> {
    let lines = nix::libc::TIOCM_DTR;
    // SAFETY: the descriptor is open, and the kernel reads one number.
    let moved = unsafe {
        if up {
            raise_modem_lines(port.as_raw_fd(), &raw const lines)
        } else {
            drop_modem_lines(port.as_raw_fd(), &raw const lines)
        }
    };
    moved.map(drop)
}

nix::ioctl_read_bad!(get_termios2, nix::libc::TCGETS2, nix::libc::termios2);
nix::ioctl_write_ptr_bad!(set_termios2, nix::libc::TCSETS2, nix::libc::termios2);

#[expect(unsafe_code, reason = "termios without the 2 loses baud rates such as 250000")]
fn settings_of(port: &OwnedFd) -> nix::Result<nix::libc::termios2> {
    let mut settings = std::mem::MaybeUninit::<nix::libc::termios2>::zeroed();
    // SAFETY: the descriptor is open, and the kernel fills the whole struct.
    unsafe {
        get_termios2(port.as_raw_fd(), settings.as_mut_ptr())?;
        Ok(settings.assume_init())
    }
}

/// Lets the kernel collect lines (its canonical mode, without any of the characters that edit one): a UART
/// brings each byte by itself, and to wake up for each costs many times what its line is worth.
#[expect(unsafe_code, reason = "termios without the 2 loses baud rates such as 250000")]
fn collect_lines(port: &OwnedFd) -> nix::Result<()> {
    use nix::libc::{ECHO, ECHOE, ECHOK, ECHONL, ICANON, IEXTEN, ISIG};
    let mut settings = settings_of(port)?;
    settings.c_lflag &= !(ECHO | ECHOE | ECHOK | ECHONL | IEXTEN | ISIG);
    settings.c_lflag |= ICANON;
    // No character but the newline means anything.
    settings.c_cc.fill(0);
    // SAFETY: as above; the kernel only reads.
    unsafe { set_termios2(port.as_raw_fd(), &raw const settings) }.map(drop)
}

fn refused(path: &Path, baud: Baud, error: &serialport::Error) -> DialError {
    let path = path.to_owned();
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => DialError::Missing(path),
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => DialError::Forbidden(path),
        serialport::ErrorKind::Io(io::ErrorKind::ResourceBusy) => DialError::Taken(path),
        serialport::ErrorKind::NoDevice if !path.exists() => DialError::Missing(path),
        // An exclusive lock that somebody else holds.
        serialport::ErrorKind::NoDevice => DialError::Taken(path),
        serialport::ErrorKind::InvalidInput => {
            DialError::Settings { path, baud: baud.0, error: error.to_string() }
        }
        _ if error.to_string().contains("typewriter")
            || error.to_string().contains("Inappropriate ioctl") =>
        {
            DialError::NotSerial(path)
        }
        _ => DialError::Other { path, error: error.to_string() },
    }
}

impl Dial for SerialDial {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        let path = self.path.to_string_lossy();
        let opened = serialport::new(path, self.baud.0).open_native();
        let mut port = opened.map_err(|error| refused(&self.path, self.baud, &error))?;
        // Without this, closing the port drops DTR, which restarts many boards in mid-print.
        if let Ok(mut settings) = tcgetattr(descriptor(&port)) {
            settings.control_flags.remove(ControlFlags::HUPCL);
            let _ = tcsetattr(descriptor(&port), SetArg::TCSANOW, &settings);
        }
        // A pty has no such line and says ENOTTY.
        let _ = port.write_data_terminal_ready(true);
        let _ = tcflush(descriptor(&port), FlushArg::TCIOFLUSH);
        let low_latency = set_low_latency(&port);
        tracing::debug!(port = %self.path.display(), ?low_latency, "port set up");
        let other = |error: io::Error| DialError::Other { path: self.path.clone(), error: error.to_string() };
        let port = unwrapped(port).map_err(other)?;
        let device = nix::sys::stat::fstat(&port).ok().map(|found| Device(found.st_rdev));
        let port = registered(port, Interest::READABLE).map_err(other)?;
        Ok(Box::new(SerialWire { port, room: None, by_line: false, device }))
    }

    fn device(&self) -> Option<Device> {
        Device::of(&self.path)
    }
}

/// A port that the process before us has left open for us, once; from then on the port by its path.
///
/// Its board does not notice: nobody has closed it, and what it said meanwhile waits in the kernel.
#[derive(Debug)]
pub struct HandedDial {
    left: Mutex<Option<OwnedFd>>,
    way: SerialDial,
}

impl HandedDial {
    pub fn new(left: OwnedFd, way: SerialDial) -> Self {
        Self { left: Mutex::new(Some(left)), way }
    }
}

impl Dial for HandedDial {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        match left.map(|port| adopt(port, &self.way)) {
            None => {}
            Some(Ok(wire)) => return Ok(Box::new(wire)),
            Some(Err((port, why))) => {
                let path = self.way.path.display();
                tracing::error!(port = %path, why, "what was left open is of no use; its board is told heaters off");
                abandon(port);
            }
        }
        self.way.dial()
    }

    fn device(&self) -> Option<Device> {
        self.way.device()
    }
}

nix::ioctl_none_bad!(take_exclusively, nix::libc::TIOCEXCL);

/// Goes on with a port as it is; or gives it back, with the reason.
#[expect(unsafe_code, reason = "this ioctl has no safe wrapper")]
fn adopt(port: OwnedFd, way: &SerialDial) -> Result<SerialWire, (OwnedFd, &'static str)> {
    let device = nix::sys::stat::fstat(&port).ok().map(|found| Device(found.st_rdev));
    if device.is_none() || device != way.device() {
        return Err((port, "it is not the configured port any more"));
    }
    let Ok(settings) = settings_of(&port) else { return Err((port, "it is no serial port, or it is gone")) };
    if settings.c_ospeed != way.baud.0 {
        return Err((port, "it has another baud rate than is configured"));
    }
    // Both are there already, unless whoever kept it has changed them.
    // SAFETY: the descriptor is open, and this takes no argument.
    let taken = unsafe { take_exclusively(port.as_raw_fd()) };
    if taken.is_err() || fcntl(&port, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_err() {
        return Err((port, "it is gone"));
    }
    let by_line = settings.c_lflag & nix::libc::ICANON != 0;
    match port.try_clone().map(|same| registered(same, Interest::READABLE)) {
        Ok(Ok(port)) => Ok(SerialWire { port, room: None, by_line, device }),
        _ => Err((port, "it cannot be waited for")),
    }
}

/// For so long a board that nobody goes on with is talked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// Nobody goes on with this port: its board is told to switch its heaters off, beside whatever else is to be done.
pub fn abandon(port: OwnedFd) {
    let _ = fcntl(&port, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    std::thread::spawn(move || {
        if !say_farewell(&port) {
            tracing::error!(
                "a board that nobody goes on with did not say that its heaters are off: look at it"
            );
        }
    });
}

/// Whether the board says that its heaters are off.
fn say_farewell(port: &OwnedFd) -> bool {
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let now = || clock.now();
    let end = now() + FAREWELL;
    let mut off = SafeOff::begin(now(), 0, true);
    let mut said = [0; 256];
    while !off.is_off() && now() < end {
        if now() >= off.poll_timeout() {
            off.handle_timeout(now());
        }
        let mut wanted = PollFlags::POLLIN;
        wanted.set(PollFlags::POLLOUT, !off.transmit().is_empty());
        let wait = off.poll_timeout().min(end).since(now());
        let wait = PollTimeout::try_from(wait.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        let found = match poll(&mut [PollFd::new(port.as_fd(), wanted)], wait) {
            Ok(_) | Err(Errno::EINTR) => {
                let written = match off.transmit() {
                    [] => Ok(0),
                    words => nix::unistd::write(port, words),
                };
                off.transmitted(written.unwrap_or(0));
                nix::unistd::read(port, &mut said)
            }
            Err(error) => Err(error),
        };
        match found {
            Ok(0) => return false,
            Ok(count) => off.handle_bytes(now(), &said[..count]),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    off.is_off()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(path: &str) -> DialError {
        match (SerialDial { path: path.into(), baud: Baud(115_200) }).dial() {
            Err(error) => error,
            Ok(_) => panic!("{path} was opened"),
        }
    }

    #[tokio::test]
    async fn a_port_that_is_not_there_or_no_port_is_told_apart() {
        assert!(matches!(dial("/dev/platen-no-such-port"), DialError::Missing(_)));
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = dial(file.path().to_str().unwrap());
        assert!(matches!(error, DialError::NotSerial(_)), "{error:?}");
    }

    #[test]
    fn our_place_for_the_kernels_struct_is_larger_than_the_kernels() {
        assert_eq!(std::mem::offset_of!(SerialStruct, flags), 16);
        assert!(size_of::<SerialStruct>() > 72);
    }

    #[tokio::test]
    async fn a_tty_without_a_low_latency_mode_works_as_before() {
        use std::io::Read;
        use tokio::io::AsyncWriteExt;
        let (mut master, slave) = TTYPort::pair().unwrap();
        let before = tcgetattr(descriptor(&slave)).unwrap();
        assert_eq!(set_low_latency(&slave), LowLatency::Unknown);
        assert_eq!(tcgetattr(descriptor(&slave)).unwrap(), before);
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let mut wire = (SerialDial { path, baud: Baud(115_200) }).dial().ok().unwrap();
        wire.write_all(b"M105\n").await.unwrap();
        let mut read = [0; 5];
        master.set_timeout(Duration::from_secs(60)).unwrap();
        master.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"M105\n");
    }

    /// The other end of a pty, and our wire on it.
    fn pty() -> (TTYPort, Box<dyn Wire>) {
        let (mut master, slave) = TTYPort::pair().unwrap();
        master.set_timeout(Duration::from_secs(60)).unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        (master, (SerialDial { path, baud: Baud(115_200) }).dial().ok().unwrap())
    }

    #[tokio::test]
    async fn a_port_without_dtr_says_so() {
        let (_master, mut wire) = pty();
        for up in [false, true] {
            assert!(wire.set_dtr(up).is_err(), "a pty has no modem lines");
        }
    }

    #[tokio::test]
    async fn whatever_arrives_while_we_read_is_read_too() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;
        let (mut master, mut wire) = pty();
        let writer = std::thread::spawn(move || {
            for number in 0..20_000u32 {
                master.write_all(format!("{number}\n").as_bytes()).unwrap();
            }
            master
        });
        let wanted: String = (0..20_000u32).map(|number| format!("{number}\n")).collect();
        let mut read = vec![0; wanted.len()];
        wire.read_exact(&mut read).await.unwrap();
        assert!(read == wanted.as_bytes());
        drop(writer.join().unwrap());
        assert!(!matches!(wire.read(&mut read).await, Ok(1..)), "the other end is gone");
    }

    #[tokio::test]
    async fn a_write_waits_for_room_and_goes_on() {
        use std::io::Read;
        use tokio::io::AsyncWriteExt;
        let (mut master, mut wire) = pty();
        let wanted: Vec<u8> = (0..300_000u32).map(|number| b'a' + (number % 26) as u8).collect();
        let (begin, began) = std::sync::mpsc::channel();
        let length = wanted.len();
        let reader = std::thread::spawn(move || {
            began.recv().unwrap();
            let mut read = vec![0; length];
            master.read_exact(&mut read).unwrap();
            read
        });
        let mut done = 0;
        // The kernel's buffer is full when a write cannot be made at once.
        loop {
            tokio::select! {
                biased;
                count = wire.write(&wanted[done..]) => done += count.unwrap(),
                () = std::future::ready(()) => break,
            }
        }
        assert!(done < wanted.len());
        begin.send(()).unwrap();
        wire.write_all(&wanted[done..]).await.unwrap();
        assert!(reader.join().unwrap() == wanted);
    }

    #[tokio::test]
    async fn a_port_that_is_open_already_is_taken() {
        let (_master, slave) = TTYPort::pair().unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let way = SerialDial { path: path.clone(), baud: Baud(115_200) };
        let _held = way.dial().ok().unwrap();
        let error = dial(path.to_str().unwrap());
        assert!(matches!(error, DialError::Taken(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_port_that_was_left_open_goes_on_with_what_waits_in_it_and_stays_ours_alone() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;
        let (mut master, mut wire) = pty();
        wire.wake_by_line();
        let path: PathBuf =
            std::fs::read_link(format!("/proc/self/fd/{}", wire.descriptor().unwrap().as_raw_fd())).unwrap();
        let left = wire.descriptor().unwrap().try_clone_to_owned().unwrap();
        drop(wire);
        master.write_all(b"ok\nok N2 P15 B3\n").unwrap();
        let way = HandedDial::new(left, SerialDial { path: path.clone(), baud: Baud(115_200) });
        let mut wire = way.dial().ok().unwrap();
        let mut read = [0; 16];
        wire.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ok\nok N2 P15 B3\n");
        assert!(matches!(dial(path.to_str().unwrap()), DialError::Taken(_)));
        drop(wire);
        // Only once: then it is opened like any other.
        drop(way.dial().ok().unwrap());
    }

    #[tokio::test]
    async fn a_port_that_was_left_open_and_is_another_one_now_is_told_heaters_off_and_not_used() {
        use crate::protocol::frame::write_numbered;
        use std::io::Read;
        let (_other_master, other) = TTYPort::pair().unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", other.as_raw_fd())).unwrap();
        drop(other);
        for (path, baud) in [(path, 115_200), (PathBuf::from("/dev/platen-no-such-port"), 115_200)] {
            let (mut master, old) = pty();
            let left = old.descriptor().unwrap().try_clone_to_owned().unwrap();
            let device = Device::of(&path);
            let way = HandedDial::new(left, SerialDial { path, baud: Baud(baud) });
            let wire = way.dial();
            assert_eq!(wire.ok().and_then(|wire| wire.device()), device);
            let (mut heard, mut off) = (Vec::new(), Vec::new());
            // A board of which nothing is known hears it numbered.
            write_numbered(&mut off, 1, b"M104 S0");
            while !heard.windows(off.len()).any(|part| part == off) {
                let mut said = [0; 64];
                let count = master.read(&mut said).unwrap();
                heard.extend_from_slice(&said[..count]);
            }
        }
    }

    #[tokio::test]
    async fn once_lines_are_collected_half_a_line_wakes_nobody_and_every_byte_still_arrives() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;
        let (mut master, mut wire) = pty();
        master.write_all(b"o").unwrap();
        let mut read = [0; 64];
        assert_eq!(wire.read(&mut read).await.unwrap(), 1);
        wire.wake_by_line();
        // None of these edits the line, ends the input or stops the output.
        let line: Vec<u8> = (1..=255).filter(|byte| *byte != b'\n').collect();
        master.write_all(&line[..100]).unwrap();
        let half = tokio::time::timeout(Duration::from_millis(50), wire.read(&mut read)).await;
        assert!(half.is_err(), "half a line woke us");
        master.write_all(&line[100..]).unwrap();
        master.write_all(b"\nok\n").unwrap();
        let mut all = Vec::new();
        while !all.ends_with(b"ok\n") {
            let count = wire.read(&mut read).await.unwrap();
            all.extend_from_slice(&read[..count]);
        }
        assert_eq!(all, [&line[..], b"\nok\n"].concat());
    }

    #[tokio::test]
    async fn what_waits_unread_when_lines_begin_to_be_collected_is_read_like_the_rest() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;
        for waiting in ["ok N1", "ok N1 P15 B3\nok", "ok N1 P15 B3\n", "\n", ""] {
            let (mut master, mut wire) = pty();
            let mut read = [0; 64];
            master.write_all(b"start\n").unwrap();
            let mut all = Vec::new();
            while !all.ends_with(b"start\n") {
                let count = wire.read(&mut read).await.unwrap();
                all.extend_from_slice(&read[..count]);
            }
            master.write_all(waiting.as_bytes()).unwrap();
            wire.wake_by_line();
            master.write_all(b" and the rest\nok N2 P15 B3\n").unwrap();
            let wanted = format!("start\n{waiting} and the rest\nok N2 P15 B3\n");
            while all.len() < wanted.len() {
                let count = wire.read(&mut read).await.unwrap();
                all.extend_from_slice(&read[..count]);
            }
            assert_eq!(String::from_utf8_lossy(&all), wanted);
        }
    }
}
