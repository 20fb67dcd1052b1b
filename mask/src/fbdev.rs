//! A display by the kernel's old framebuffer, `/dev/fbN`: its memory is written to, and what it can say of
//! the picture being out is passed on.
//!
//! With room for two pictures the hidden one is written and the display turned to it (`FBIOPAN_DISPLAY`);
//! otherwise the visible one is written. Then one refresh of the display is waited for (`FBIO_WAITFORVSYNC`)
//! where the driver has that. Drivers of DRM only play a framebuffer, and copy what was written later: there
//! and without the wait it is [`Latch::Assumed`]. Use [`crate::drm`] on such machines.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::clock::Monotonic;
use crate::pack::{Channel, Packed, PixelFormat, Size};
use crate::sink::{Geometry, Label, Latch, MaskSink, Shown, SinkError};
use crate::syscalls::{self, Bitfield, Fixed, Mapping, Variable};

/// The major number of framebuffers (`linux/major.h`).
const FRAMEBUFFERS: u64 = 29;
/// `FB_TYPE_PACKED_PIXELS`.
const PACKED_PIXELS: u32 = 0;
/// `FB_VISUAL_TRUECOLOR`.
const TRUE_COLOUR: u32 = 2;
/// `KD_GRAPHICS`.
const GRAPHICS: i32 = 1;
/// A refresh, where the driver does not say how long it is.
const SLOW_REFRESH: Duration = Duration::from_millis(50);
/// How late a DRM driver copies what was written (its deferred IO runs every 50 ms), and one more refresh.
const COPIED_LATER: Duration = Duration::from_millis(150);

/// Which framebuffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FbdevConfig {
    /// `/dev/fb0`, for example.
    pub path: PathBuf,
    /// The text console that draws on it, `/dev/tty1` for example: it is kept from doing so, for a cursor
    /// that blinks in a mask is printed.
    pub console: Option<PathBuf>,
}

/// What a framebuffer does for the sink; the tests have another.
trait Device: Send {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
    fn pan(&mut self, line: u32) -> io::Result<()>;
    fn wait_for_vsync(&mut self) -> io::Result<()>;
}

struct Hardware {
    file: File,
    memory: Mapping,
    variable: Variable,
    console: Option<Console>,
}

impl Device for Hardware {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.memory.write(offset, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn pan(&mut self, line: u32) -> io::Result<()> {
        self.variable.yoffset = line;
        syscalls::pan(&self.file, &self.variable)
    }

    fn wait_for_vsync(&mut self) -> io::Result<()> {
        syscalls::wait_for_vsync(&self.file)
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        // The console may draw again, once it is dark.
        if let Some(console) = self.console.take() {
            let _restored = syscalls::set_console(&console.file, console.before);
        }
    }
}

struct Console {
    file: File,
    before: i32,
}

/// Where pictures go in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    geometry: Geometry,
    /// Bytes from one line to the next.
    stride: usize,
    /// Bytes that are mapped before the first line of all, and in all.
    begin: usize,
    length: NonZeroUsize,
    /// The column at which lines are shown from, in bytes.
    left: usize,
    /// The line that is shown uppermost.
    line: u32,
    /// The line at which another picture may begin.
    other: Option<u32>,
    refresh: Duration,
    /// A DRM driver plays it.
    played: bool,
}

impl Layout {
    fn of(path: &Path, variable: &Variable, fixed: &Fixed, page: usize) -> Result<Self, SinkError> {
        let unsuitable = |what: String| Err(SinkError::Unsuitable { path: path.to_owned(), what });
        if cfg!(target_endian = "big") {
            return unsuitable("this processor is big-endian, for which pixels are not packed".into());
        }
        if fixed.kind != PACKED_PIXELS || fixed.visual != TRUE_COLOUR || variable.grayscale > 1 {
            return unsuitable(format!(
                "no true colours in packed pixels (type {}, visual {}): set it to 16 or 32 bits a pixel",
                fixed.kind, fixed.visual
            ));
        }
        let bits = variable.bits_per_pixel;
        let (16 | 24 | 32) = bits else {
            return unsuitable(format!("it has {bits} bits a pixel: set it to 16, 24 or 32"));
        };
        let format = match format(variable, bits / 8) {
            Ok(format) => format,
            Err(what) => return unsuitable(what),
        };
        let (width, height) = (variable.xres, variable.yres);
        if width == 0 || height == 0 {
            return unsuitable(format!("its mode is {width}x{height}: is a display connected?"));
        }
        let (stride, rows) = (u64::from(fixed.line_length), u64::from(variable.yres_virtual.max(height)));
        let left = u64::from(variable.xoffset) * u64::from(bits / 8);
        let needed = stride * (u64::from(variable.yoffset) + u64::from(height));
        let memory = u64::from(fixed.smem_len);
        if stride < left + u64::from(width) * u64::from(bits / 8) || needed > memory {
            return unsuitable(format!(
                "its driver says {width}x{height} of {bits} bits, lines of {stride} and {memory} bytes, \
                 which does not fit"
            ));
        }
        // Page 0 or page 1, whichever is not shown.
        let steps = u32::from(fixed.ypanstep);
        let two = steps > 0 && height.is_multiple_of(steps) && rows >= 2 * u64::from(height);
        let two = two && memory >= stride * 2 * u64::from(height);
        let other = match variable.yoffset {
            0 if two => Some(height),
            shown if two && shown >= height => Some(0),
            _ => None,
        };
        let number = |value: u64| usize::try_from(value).ok();
        let begin = usize::try_from(fixed.smem_start).map_or(0, |start| start % page);
        let length = number(memory).and_then(|memory| NonZeroUsize::new(memory.checked_add(begin)?));
        let (Some(stride), Some(left), Some(length)) = (number(stride), number(left), length) else {
            return unsuitable(format!("its {memory} bytes of memory cannot be addressed"));
        };
        Ok(Self {
            geometry: Geometry { mode: Size::new(width, height), format, sha256: false },
            stride,
            begin,
            length,
            left,
            line: variable.yoffset,
            other,
            refresh: refresh(variable),
            // The name is the driver's with `drmfb` after it, and cut after 15 letters.
            played: fixed.id.windows(3).any(|letters| letters == b"drm"),
        })
    }
}

fn format(variable: &Variable, bytes: u32) -> Result<PixelFormat, String> {
    let channel = |field: &Bitfield, name: &str| {
        let part = |value: u32| u8::try_from(value).map_err(|_| format!("{name} has no place in a pixel"));
        if field.msb_right != 0 {
            return Err(format!("{name} has its bits in the reverse order"));
        }
        Ok(Channel { offset: part(field.offset)?, bits: part(field.length)? })
    };
    let channels = [
        channel(&variable.red, "red")?,
        channel(&variable.green, "green")?,
        channel(&variable.blue, "blue")?,
    ];
    // A pixel that lets through what lies behind it is no mask.
    let alpha = channel(&variable.transp, "alpha")?;
    let ones = 1u64.checked_shl(u32::from(alpha.bits)).unwrap_or(0).wrapping_sub(1);
    let opaque = ones.checked_shl(u32::from(alpha.offset)).and_then(|bits| u32::try_from(bits).ok());
    let opaque = opaque.ok_or_else(|| "alpha has no place in a pixel".to_owned())?;
    let bytes = u8::try_from(bytes).map_err(|_| format!("a pixel of {bytes} bytes"))?;
    PixelFormat::new(bytes, channels, opaque).map_err(|error| error.to_string())
}

fn refresh(variable: &Variable) -> Duration {
    let sum = |parts: [u32; 4]| parts.into_iter().map(u128::from).sum::<u128>();
    let line = sum([variable.xres, variable.left_margin, variable.right_margin, variable.hsync_len]);
    let lines = sum([variable.yres, variable.upper_margin, variable.lower_margin, variable.vsync_len]);
    // Three factors of at most 2^34: no overflow.
    let picoseconds = u128::from(variable.pixclock) * line * lines;
    let refresh = Duration::from_nanos(u64::try_from(picoseconds / 1000).unwrap_or(u64::MAX));
    // From 500 Hz to 5 Hz; drivers without a clock say 0.
    let believable = Duration::from_millis(2)..=Duration::from_millis(200);
    if believable.contains(&refresh) { refresh } else { SLOW_REFRESH }
}

/// A framebuffer as a display for masks. When it is dropped it is dark.
pub struct Fbdev {
    path: PathBuf,
    layout: Layout,
    device: Box<dyn Device>,
    /// Without, it is not asked again.
    has_vsync: bool,
    dark: Vec<u8>,
}

impl std::fmt::Debug for Fbdev {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fbdev")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Fbdev {
    /// Opens it; what is shown stays until the first picture or blank.
    pub fn open(config: &FbdevConfig) -> Result<Self, SinkError> {
        let path = config.path.clone();
        let open = |path: &Path| {
            // Without waiting, should it be a pipe, and without a terminal becoming ours.
            let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(path)
        };
        let about =
            std::fs::metadata(&path).map_err(|error| SinkError::Open { path: path.clone(), error })?;
        let kind = about.file_type();
        if !kind.is_char_device() {
            let what = if kind.is_file() {
                "it is a plain file, and pictures to look at are written by the file sink"
            } else {
                "it is no device"
            };
            return Err(SinkError::NotADisplay { path, what: what.into() });
        }
        if nix::sys::stat::major(about.rdev()) != FRAMEBUFFERS {
            return Err(SinkError::NotADisplay { path, what: "it is a device, but no framebuffer".into() });
        }
        let file = open(&path).map_err(|error| SinkError::Open { path: path.clone(), error })?;
        let no_answer = |error: io::Error| SinkError::NotADisplay {
            path: path.clone(),
            what: format!("it does not answer as a framebuffer does ({error})"),
        };
        let variable = syscalls::variable(&file).map_err(no_answer)?;
        let fixed = syscalls::fixed(&file).map_err(no_answer)?;
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
        let page = page.and_then(|page| usize::try_from(page).ok()).unwrap_or(4096);
        let layout = Layout::of(&path, &variable, &fixed, page)?;
        let memory = Mapping::of(&file, layout.length).map_err(|error| SinkError::Failed {
            path: path.clone(),
            doing: "mapping its memory",
            error,
        })?;
        let console = match &config.console {
            None => None,
            Some(path) => {
                let file = open(path).map_err(|error| SinkError::Open { path: path.clone(), error })?;
                let failed = |error| SinkError::Failed {
                    path: path.clone(),
                    doing: "keeping the console from drawing",
                    error,
                };
                let before = syscalls::console(&file).map_err(failed)?;
                syscalls::set_console(&file, GRAPHICS).map_err(failed)?;
                Some(Console { file, before })
            }
        };
        let device = Box::new(Hardware { file, memory, variable, console });
        Ok(Self::over(config.path.clone(), layout, device))
    }

    fn over(path: PathBuf, layout: Layout, device: Box<dyn Device>) -> Self {
        let Geometry { mode, format, .. } = layout.geometry;
        let dark = format.dark()[..format.bytes()].repeat(mode.width as usize);
        Self { path, layout, device, has_vsync: true, dark }
    }

    fn failed(&self, doing: &'static str, error: io::Error) -> SinkError {
        SinkError::Failed { path: self.path.clone(), doing, error }
    }

    fn write_line(&mut self, line: usize, pixels: &[u8]) -> Result<(), SinkError> {
        let Layout { begin, stride, left, .. } = self.layout;
        let offset = begin + line * stride + left;
        self.device.write(offset, pixels).map_err(|error| self.failed("writing the picture", error))
    }

    fn write_dark(&mut self, from: u32) -> Result<(), SinkError> {
        let dark = std::mem::take(&mut self.dark);
        let from = from as usize;
        let mut lines = from..from + self.layout.geometry.mode.height as usize;
        let written = lines.try_for_each(|line| self.write_line(line, &dark));
        self.dark = dark;
        written
    }

    fn write(&mut self, from: u32, picture: &Packed) -> Result<(), SinkError> {
        for (number, pixels) in picture.rows().enumerate() {
            self.write_line(from as usize + number, pixels)?;
        }
        Ok(())
    }

    /// Drivers that copy are told to do so at once; most have nothing to do for it, and say so by an error.
    fn flush(&mut self) {
        let _nothing_to_do = self.device.flush();
    }

    /// Until what was written is out.
    fn settle(&mut self) -> Result<Shown, SinkError> {
        if self.has_vsync {
            match self.device.wait_for_vsync() {
                Ok(()) => {}
                Err(error) if is_missing(&error) => self.has_vsync = false,
                Err(error) => return Err(self.failed("waiting for a refresh", error)),
            }
        }
        let Layout { played, refresh, .. } = self.layout;
        let latch = match (self.has_vsync, played) {
            (true, false) => Latch::Flipped,
            (_, true) => Latch::Assumed { after: COPIED_LATER + refresh },
            // The refresh that runs, and the one after it, which shows all of it.
            (false, false) => Latch::Assumed { after: refresh * 2 },
        };
        Ok(Shown { at: Monotonic::now(), latch })
    }
}

/// The driver does not have this call.
fn is_missing(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::ENOTTY | Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::ENODEV))
}

impl MaskSink for Fbdev {
    fn geometry(&self) -> Geometry {
        self.layout.geometry
    }

    fn show(&mut self, picture: &Packed, _label: &Label) -> Result<Shown, SinkError> {
        self.layout.geometry.check(picture)?;
        if let Some(other) = self.layout.other {
            self.write(other, picture)?;
            self.flush();
            match self.device.pan(other) {
                Ok(()) => {
                    self.layout.other = Some(self.layout.line);
                    self.layout.line = other;
                    return self.settle();
                }
                // Its driver only says that it could: from now on what is visible is written.
                Err(error) if is_missing(&error) => self.layout.other = None,
                Err(error) => return Err(self.failed("turning to the picture", error)),
            }
        }
        self.write(self.layout.line, picture)?;
        self.flush();
        self.settle()
    }

    fn blank(&mut self) -> Result<Shown, SinkError> {
        // What is visible, at once; an earlier picture is left nowhere.
        self.write_dark(self.layout.line)?;
        if let Some(other) = self.layout.other {
            self.write_dark(other)?;
        }
        self.flush();
        self.settle()
    }
}

impl Drop for Fbdev {
    fn drop(&mut self) {
        let _as_dark_as_it_gets = self.blank();
    }
}

#[cfg(test)]
mod tests;
