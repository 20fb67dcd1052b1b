//! Serial ports: opening one so that the board and the kernel behave, and saying why one cannot be opened.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use nix::errno::Errno;
use nix::sys::termios::{ControlFlags, FlushArg, SetArg, tcflush, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};

use crate::domain::units::Baud;

/// Bytes to and from a printer. A read of 0 bytes is the unplug.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Throws away what the kernel has not sent yet; the way of a stop.
    fn discard_output(&mut self);
}

/// A pipe in memory: for tests and benchmarks, which want the wire without a kernel in it.
impl Wire for tokio::io::DuplexStream {
    fn discard_output(&mut self) {}
}

/// A way to a printer: a serial port, or a test's end of a pipe.
pub trait Dial: Send + Sync + 'static {
    /// Opens it. Blocks; called from a blocking thread.
    fn dial(&self) -> Result<Box<dyn Wire>, DialError>;
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

struct SerialWire(SerialStream);

impl AsyncRead for SerialWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for SerialWire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The stream's own flush drains the line, which blocks the thread; nothing is buffered here.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The stream's descriptor, for calls that want one.
#[expect(unsafe_code, reason = "tokio-serial gives a raw descriptor only")]
fn descriptor(stream: &SerialStream) -> BorrowedFd<'_> {
    // SAFETY: the descriptor is open as long as the stream lives, and the result borrows the stream.
    unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) }
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
fn set_low_latency(stream: &SerialStream) -> LowLatency {
    let descriptor = stream.as_raw_fd();
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
        let _ = tcflush(descriptor(&self.0), FlushArg::TCOFLUSH);
    }
}

fn refused(path: &Path, baud: Baud, error: &tokio_serial::Error) -> DialError {
    let path = path.to_owned();
    match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => DialError::Missing(path),
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => DialError::Forbidden(path),
        tokio_serial::ErrorKind::Io(io::ErrorKind::ResourceBusy) => DialError::Taken(path),
        tokio_serial::ErrorKind::NoDevice if !path.exists() => DialError::Missing(path),
        // An exclusive lock that somebody else holds.
        tokio_serial::ErrorKind::NoDevice => DialError::Taken(path),
        tokio_serial::ErrorKind::InvalidInput => {
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
        let mut stream = tokio_serial::new(path, self.baud.0)
            .open_native_async()
            .map_err(|error| refused(&self.path, self.baud, &error))?;
        // Without this, closing the port drops DTR, which restarts many boards in mid-print.
        if let Ok(mut settings) = tcgetattr(descriptor(&stream)) {
            settings.control_flags.remove(ControlFlags::HUPCL);
            let _ = tcsetattr(descriptor(&stream), SetArg::TCSANOW, &settings);
        }
        // A pty has no such line and says ENOTTY.
        let _ = stream.write_data_terminal_ready(true);
        let _ = tcflush(descriptor(&stream), FlushArg::TCIOFLUSH);
        let low_latency = set_low_latency(&stream);
        tracing::debug!(port = %self.path.display(), ?low_latency, "port set up");
        Ok(Box::new(SerialWire(stream)))
    }
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
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut master, slave) = SerialStream::pair().unwrap();
        let before = tcgetattr(descriptor(&slave)).unwrap();
        assert_eq!(set_low_latency(&slave), LowLatency::Unknown);
        assert_eq!(tcgetattr(descriptor(&slave)).unwrap(), before);
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let mut wire = (SerialDial { path, baud: Baud(115_200) }).dial().ok().unwrap();
        wire.write_all(b"M105\n").await.unwrap();
        let mut read = [0; 5];
        master.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"M105\n");
    }

    #[tokio::test]
    async fn a_port_that_is_open_already_is_taken() {
        let (_master, slave) = SerialStream::pair().unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let way = SerialDial { path: path.clone(), baud: Baud(115_200) };
        let _held = way.dial().ok().unwrap();
        let error = dial(path.to_str().unwrap());
        assert!(matches!(error, DialError::Taken(_)), "{error:?}");
    }
}
