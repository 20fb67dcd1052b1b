//! A display by the kernel's mode setting, `/dev/dri/cardN`: two buffers, and a flip of which the kernel says
//! when it happened.
//!
//! ```text
//!   idle ─show: hidden buffer written, flip asked─▶ flipping ─event─▶ idle (buffers have changed places)
//!                                                      └─ bound ─▶ NoFlip; the next call waits for it first
//! ```
//! Being dark does not hang on a flip: the visible buffer is blackened, too.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use ::drm::buffer::{Buffer, DrmFourcc};
use ::drm::control::dumbbuffer::DumbBuffer;
use ::drm::control::{
    ClipRect, Device as ControlDevice, Event, Mode, ModeFlags, PageFlipFlags, connector, crtc, framebuffer,
};
use ::drm::{Device as DrmDevice, DriverCapability};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::clock::Monotonic;
use crate::pack::{Packed, PixelFormat, Size};
use crate::sink::{Geometry, Label, Latch, MaskSink, Shown, SinkError};

/// The major number of DRM devices (`drm.h`).
const DRM: u64 = 226;

/// Which display, and how it is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrmConfig {
    /// `/dev/dri/card0`, for example.
    pub path: PathBuf,
    /// `HDMI-A-1`, as `/sys/class/drm` names it after the card; without a name, the only one that is
    /// connected.
    pub connector: Option<String>,
    /// Pixels of the video mode.
    pub mode: Size,
    /// Hz; without, the mode that the display prefers of this size, or else the fastest.
    pub refresh: Option<u32>,
    /// Bits of red, green and blue: [8, 8, 8] or [5, 6, 5].
    pub bits: [u8; 3],
    /// How long a flip may take; a refresh of the display is some 17 ms.
    pub flip_within: Duration,
}

/// A connector, as far as it is chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plug {
    name: String,
    connected: bool,
    modes: Vec<ModeFacts>,
}

/// A mode, as far as it is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ModeFacts {
    size: Size,
    /// Hz.
    refresh: u32,
    preferred: bool,
    interlaced: bool,
}

/// Its place in the list, or why there is none.
fn choose_plug(plugs: &[Plug], name: Option<&str>) -> Result<usize, String> {
    let say = |plug: &Plug| {
        format!("{} ({})", plug.name, if plug.connected { "connected" } else { "nothing there" })
    };
    let all = || plugs.iter().map(say).collect::<Vec<_>>().join(", ");
    if plugs.is_empty() {
        return Err("it has no connector for a display: another card of /dev/dri may".into());
    }
    if let Some(name) = name {
        let Some((place, plug)) = plugs.iter().enumerate().find(|(_, plug)| plug.name == name) else {
            return Err(format!("it has no connector {name:?}, and has {}", all()));
        };
        if !plug.connected {
            return Err(format!(
                "no display is connected to {name}: look at its cable and whether it has power"
            ));
        }
        return Ok(place);
    }
    let mut connected = plugs.iter().enumerate().filter(|(_, plug)| plug.connected);
    match (connected.next(), connected.next()) {
        (Some((place, _)), None) => Ok(place),
        (None, _) => Err(format!("no display is connected to it: it has {}", all())),
        (Some(_), Some(_)) => {
            Err(format!("more than one display is connected: say which is the printer's of {}", all()))
        }
    }
}

/// Its place in the list, or why there is none.
fn choose_mode(plug: &Plug, size: Size, refresh: Option<u32>) -> Result<usize, String> {
    let fits = |mode: &ModeFacts| {
        mode.size == size && !mode.interlaced && refresh.is_none_or(|refresh| refresh == mode.refresh)
    };
    let best = plug.modes.iter().enumerate().filter(|(_, mode)| fits(mode));
    // Of equals the first: drivers list the best first.
    let best = best.rev().max_by_key(|(_, mode)| (mode.preferred, mode.refresh));
    best.map(|(place, _)| place).ok_or_else(|| {
        let say = |mode: &ModeFacts| {
            format!("{}@{}{}", mode.size, mode.refresh, if mode.interlaced { " interlaced" } else { "" })
        };
        let has = match plug.modes.len() {
            0 => "none at all".to_owned(),
            // A television has a hundred of them.
            many => {
                let first = plug.modes.iter().take(12).map(say).collect::<Vec<_>>().join(", ");
                if many > 12 { format!("{first} and {} more", many - 12) } else { first }
            }
        };
        let at = refresh.map(|refresh| format!("@{refresh}")).unwrap_or_default();
        format!("{} has no mode {size}{at}, and has {has}", plug.name)
    })
}

/// A controller that the connector can be driven by: the one it has, or else one that drives nothing.
fn choose_controller<Handle: Copy + PartialEq>(
    has: Option<Handle>,
    can: &[Handle],
    busy: &[Handle],
) -> Option<Handle> {
    has.filter(|has| can.is_empty() || can.contains(has))
        .or_else(|| can.iter().copied().find(|controller| !busy.contains(controller)))
}

/// Events of the card, as far as they are waited for.
trait Events {
    /// Waits for some; an empty list where there were none within that time, or others only.
    fn flips(&mut self, within: Duration) -> io::Result<Vec<Flip>>;
}

/// A page flip that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flip {
    /// The controller's number.
    controller: u32,
    /// By the card's clock.
    at: Duration,
}

/// The time of the flip of that controller; `None` where it did not come until then.
fn await_flip(events: &mut impl Events, controller: u32, until: Monotonic) -> io::Result<Option<Duration>> {
    loop {
        let left = until.left();
        // Looked at once more when time is up, so that what came in time counts.
        let flips = events.flips(left)?;
        if let Some(flip) = flips.iter().find(|flip| flip.controller == controller) {
            return Ok(Some(flip.at));
        }
        if left.is_zero() {
            return Ok(None);
        }
    }
}

#[derive(Debug)]
struct Card {
    file: File,
}

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl DrmDevice for Card {}
impl ControlDevice for Card {}

impl Events for &Card {
    fn flips(&mut self, within: Duration) -> io::Result<Vec<Flip>> {
        // Rounded up, so that it is never asked again without waiting.
        let millis = within.as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut card = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut card, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let readable = card[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN));
        if !readable {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the card is gone"));
        }
        let flips = self.receive_events()?.filter_map(|event| match event {
            Event::PageFlip(flip) => Some(Flip { controller: flip.crtc.into(), at: flip.duration }),
            Event::Vblank(_) | Event::Unknown(_) => None,
        });
        Ok(flips.collect())
    }
}

/// A picture's memory in the card.
#[derive(Debug)]
struct Frame {
    memory: DumbBuffer,
    handle: framebuffer::Handle,
}

/// Where the visible picture is, and whether a change is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flipping {
    Idle {
        visible: usize,
    },
    /// It was asked for, and no event came yet.
    To {
        frame: usize,
    },
}

impl Flipping {
    /// The frame that may be written without being seen.
    fn hidden(self) -> usize {
        match self {
            Self::Idle { visible } => 1 - visible,
            Self::To { frame } => 1 - frame,
        }
    }
}

/// A display behind a card, which is ours alone meanwhile. When it is dropped, what it showed before us is
/// restored: the light must be off by then.
pub struct Drm {
    path: PathBuf,
    card: Card,
    geometry: Geometry,
    flip_within: Duration,
    connector: connector::Handle,
    controller: crtc::Handle,
    mode: Mode,
    frames: Vec<Frame>,
    flipping: Flipping,
    before: crtc::Info,
    /// Its events are told by the clock that ours is.
    monotonic: bool,
    /// Some drivers send what changed only when they are told.
    tells_changes: bool,
}

impl std::fmt::Debug for Drm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Drm")
            .field("path", &self.path)
            .field("geometry", &self.geometry)
            .field("flipping", &self.flipping)
            .finish_non_exhaustive()
    }
}

fn facts(mode: &Mode) -> ModeFacts {
    let (width, height) = mode.size();
    ModeFacts {
        size: Size::new(width.into(), height.into()),
        refresh: mode.vrefresh(),
        preferred: mode.mode_type().contains(::drm::control::ModeTypeFlags::PREFERRED),
        interlaced: mode.flags().contains(ModeFlags::INTERLACE),
    }
}

impl Drm {
    /// Takes the display and makes it dark.
    pub fn open(config: &DrmConfig) -> Result<Self, SinkError> {
        let path = &config.path;
        let open_error = |error| SinkError::Open { path: path.clone(), error };
        let failed =
            |doing: &'static str| move |error| SinkError::Failed { path: path.clone(), doing, error };
        let unsuitable = |what: String| SinkError::Unsuitable { path: path.clone(), what };
        let not_a_display = |what: &str| SinkError::NotADisplay { path: path.clone(), what: what.into() };
        let Ok(format) = PixelFormat::of_bits(config.bits, true) else {
            let bits = config.bits;
            return Err(unsuitable(format!(
                "it has no format of {bits:?} bits: give [8, 8, 8] or [5, 6, 5]"
            )));
        };
        let about = std::fs::metadata(path).map_err(open_error)?;
        if !about.file_type().is_char_device() {
            return Err(not_a_display("it is no device"));
        }
        if nix::sys::stat::major(about.rdev()) != DRM {
            return Err(not_a_display("it is a device, but no graphics card"));
        }
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).map_err(open_error)?;
        let card = Card { file };
        card.acquire_master_lock().map_err(|error| {
            unsuitable(format!(
                "another program has it ({error}): end the graphical session or whatever else draws on it"
            ))
        })?;
        if card.get_driver_capability(DriverCapability::DumbBuffer).unwrap_or(0) == 0 {
            return Err(unsuitable("its driver has no plain buffers".into()));
        }
        let monotonic = card.get_driver_capability(DriverCapability::MonotonicTimestamp).unwrap_or(0) == 1;
        let resources = card.resource_handles().map_err(|error| {
            unsuitable(format!("it drives no displays ({error}): another card of /dev/dri may"))
        })?;
        let infos = resources.connectors().iter().map(|handle| card.get_connector(*handle, true));
        let infos = infos.collect::<io::Result<Vec<_>>>().map_err(failed("asking its connectors"))?;
        let plugs: Vec<Plug> = infos
            .iter()
            .map(|info| Plug {
                name: info.to_string(),
                // A panel that is soldered on may not be able to say so.
                connected: info.state() == connector::State::Connected
                    || (info.state() == connector::State::Unknown && !info.modes().is_empty()),
                modes: info.modes().iter().map(facts).collect(),
            })
            .collect();
        let place = choose_plug(&plugs, config.connector.as_deref()).map_err(unsuitable)?;
        let mode_place = choose_mode(&plugs[place], config.mode, config.refresh).map_err(unsuitable)?;
        let (info, mode) = (&infos[place], infos[place].modes()[mode_place]);

        let encoder = |handle| card.get_encoder(handle).ok();
        let driven =
            |info: &connector::Info| info.current_encoder().and_then(encoder).and_then(|it| it.crtc());
        let others = infos.iter().filter(|other| other.handle() != info.handle());
        let busy: Vec<crtc::Handle> = others.filter_map(driven).collect();
        let possible = info.encoders().iter().copied().filter_map(encoder);
        let can: Vec<crtc::Handle> =
            possible.flat_map(|encoder| resources.filter_crtcs(encoder.possible_crtcs())).collect();
        let controller = choose_controller(driven(info), &can, &busy).ok_or_else(|| {
            unsuitable(format!("all that could drive {info} drive other displays: unplug one of them"))
        })?;
        let before = card.get_crtc(controller).map_err(failed("asking what it shows"))?;

        let mut this = Self {
            path: path.clone(),
            connector: info.handle(),
            controller,
            mode,
            geometry: Geometry { mode: config.mode, format, sha256: false },
            flip_within: config.flip_within,
            card,
            // From here on what there is of them is given back when `this` is dropped.
            frames: Vec::new(),
            flipping: Flipping::Idle { visible: 0 },
            before,
            monotonic,
            tells_changes: true,
        };
        for _ in 0..2 {
            this.add_frame()?;
        }
        this.blacken(0)?;
        this.set_mode(0)?;
        Ok(this)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> SinkError + use<> {
        let path = self.path.clone();
        move |error| SinkError::Failed { path: path.clone(), doing, error }
    }

    fn add_frame(&mut self) -> Result<(), SinkError> {
        let Size { width, height } = self.geometry.mode;
        let (fourcc, depth, bits) = match self.geometry.format.bytes() {
            2 => (DrmFourcc::Rgb565, 16, 16),
            _ => (DrmFourcc::Xrgb8888, 24, 32),
        };
        let memory = self
            .card
            .create_dumb_buffer((width, height), fourcc, bits)
            .map_err(self.failed("getting memory for a picture"))?;
        match self.card.add_framebuffer(&memory, depth, bits) {
            Ok(handle) => self.frames.push(Frame { memory, handle }),
            Err(error) => {
                let _given_back = self.card.destroy_dumb_buffer(memory);
                return Err(self.failed("making a picture of its memory")(error));
            }
        }
        Ok(())
    }

    fn set_mode(&mut self, frame: usize) -> Result<(), SinkError> {
        let handle = self.frames[frame].handle;
        self.card
            .set_crtc(self.controller, Some(handle), (0, 0), &[self.connector], Some(self.mode))
            .map_err(self.failed("setting the mode"))?;
        self.flipping = Flipping::Idle { visible: frame };
        Ok(())
    }

    fn write(&mut self, frame: usize, picture: &Packed) -> Result<(), SinkError> {
        let failed = self.failed("writing the picture");
        let memory = &mut self.frames[frame].memory;
        let pitch = memory.pitch() as usize;
        let mut mapping = self.card.map_dumb_buffer(memory).map_err(failed)?;
        // The driver gave it as many lines as the picture has, and lines of at least its length.
        for (line, pixels) in mapping.chunks_exact_mut(pitch).zip(picture.rows()) {
            line[..pixels.len()].copy_from_slice(pixels);
        }
        Ok(())
    }

    fn blacken(&mut self, frame: usize) -> Result<(), SinkError> {
        let failed = self.failed("writing darkness");
        let Some(frame) = self.frames.get_mut(frame) else { return Ok(()) };
        self.card.map_dumb_buffer(&mut frame.memory).map_err(failed)?.fill(0);
        Ok(())
    }

    /// For drivers that send a picture over a slow line: what is visible has changed.
    fn tell_change(&mut self, frame: usize) {
        if !self.tells_changes {
            return;
        }
        let (width, height) = self.mode.size();
        let whole = [ClipRect::new(0, 0, width, height)];
        // Most drivers have no such call, since what is written is seen.
        self.tells_changes = self.card.dirty_framebuffer(self.frames[frame].handle, &whole).is_ok();
    }

    /// Waits for the flip that is under way, if one is.
    fn settle(&mut self) -> Result<Option<Monotonic>, SinkError> {
        let Flipping::To { frame } = self.flipping else { return Ok(None) };
        let until = Monotonic::now().after(self.flip_within);
        let mut events = &self.card;
        let flip = await_flip(&mut events, self.controller.into(), until)
            .map_err(self.failed("waiting for the flip"))?;
        let Some(at) = flip else {
            return Err(SinkError::NoFlip { path: self.path.clone(), bound: self.flip_within });
        };
        self.flipping = Flipping::Idle { visible: frame };
        Ok(Some(if self.monotonic { Monotonic::of(at) } else { Monotonic::now() }))
    }

    /// Flips go on happening behind a cable that was pulled.
    fn check_connected(&self) -> Result<(), SinkError> {
        let info =
            self.card.get_connector(self.connector, false).map_err(self.failed("asking its connector"))?;
        if info.state() != connector::State::Disconnected {
            return Ok(());
        }
        let gone =
            io::Error::new(io::ErrorKind::NotConnected, format!("nothing is connected to {info} any more"));
        Err(self.failed("showing a picture")(gone))
    }

    fn flip(&mut self, frame: usize) -> Result<Shown, SinkError> {
        self.card
            .page_flip(self.controller, self.frames[frame].handle, PageFlipFlags::EVENT, None)
            .map_err(self.failed("asking for the flip"))?;
        self.flipping = Flipping::To { frame };
        let at = self.settle()?.unwrap_or_else(Monotonic::now);
        Ok(Shown { at, latch: Latch::Flipped })
    }
}

impl MaskSink for Drm {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn show(&mut self, picture: &Packed, _label: &Label) -> Result<Shown, SinkError> {
        self.geometry.check(picture)?;
        self.check_connected()?;
        // A flip that came too late for its caller must not be taken for this one's.
        self.settle()?;
        let frame = self.flipping.hidden();
        self.write(frame, picture)?;
        self.flip(frame)
    }

    fn blank(&mut self) -> Result<Shown, SinkError> {
        // Whatever of the two is seen, now and if no flip comes any more.
        self.blacken(0)?;
        self.blacken(1)?;
        for frame in 0..2 {
            self.tell_change(frame);
        }
        self.settle()?;
        self.flip(self.flipping.hidden())
    }
}

impl Drop for Drm {
    fn drop(&mut self) {
        let _settled = self.settle();
        // What is left to restore, if nothing was there before, is darkness: without a picture the output is
        // off.
        let (before, mode) = (self.before.framebuffer(), self.before.mode());
        let restored = match (before, mode) {
            (Some(picture), Some(mode)) => self.card.set_crtc(
                self.controller,
                Some(picture),
                self.before.position(),
                &[self.connector],
                Some(mode),
            ),
            _ => self.card.set_crtc(self.controller, None, (0, 0), &[], None),
        };
        if restored.is_err() {
            let _off = self.card.set_crtc(self.controller, None, (0, 0), &[], None);
        }
        for frame in self.frames.drain(..) {
            let _removed = self.card.destroy_framebuffer(frame.handle);
            let _given_back = self.card.destroy_dumb_buffer(frame.memory);
        }
        let _released = self.card.release_master_lock();
    }
}

#[cfg(test)]
mod tests;
