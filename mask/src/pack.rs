//! Grey pictures into the pixels of a display: mono LCDs hide three grey points in one pixel of red, green
//! and blue.
//!
//! ```text
//! logical picture ─mirrored─▶ ─turned─▶ points of the panel ─1 or 3 a pixel─▶ pixels of the video mode
//! ```
//! Where a row of points is a row of pixels byte for byte (facts B.5), the picture is decoded into its place
//! at once.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Points that a panel may have: above the 16K LCDs that are sold, and so that memory has a bound.
pub const MOST_POINTS: u64 = 128 << 20;
/// Rows that are turned at a time, and points at a time within a row: what is read and written stays in the
/// cache.
const BAND: usize = 64;

/// Columns and rows, of points or pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

/// Grey points in a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subpixels {
    One,
    Three,
}

impl Subpixels {
    fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// Which colour of a pixel is its leftmost point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Rgb,
    Bgr,
}

/// Clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    None,
    By90,
    By180,
    By270,
}

impl Rotation {
    /// `None` for other angles.
    #[must_use]
    pub fn of_degrees(degrees: u32) -> Option<Self> {
        match degrees {
            0 => Some(Self::None),
            90 => Some(Self::By90),
            180 => Some(Self::By180),
            270 => Some(Self::By270),
            _ => None,
        }
    }

    fn is_upright(self) -> bool {
        matches!(self, Self::None | Self::By180)
    }
}

/// An LCD as it is built into a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Pixels of the video mode that drives it.
    pub mode: Size,
    pub subpixels: Subpixels,
    pub order: Order,
    /// Bits of red, green and blue on the way to it, 1 to 8 each.
    pub bits: [u8; 3],
    /// The picture is mirrored first: left and right change places.
    pub mirror_x: bool,
    /// Upper and lower side change places.
    pub mirror_y: bool,
    /// Then it is turned clockwise.
    pub rotate: Rotation,
}

impl Panel {
    /// What a picture for it measures, in points as files have them.
    #[must_use]
    pub fn logical(&self) -> Size {
        let points = self.points();
        if self.rotate.is_upright() { points } else { points.turned() }
    }

    fn points(&self) -> Size {
        Size::new(self.mode.width.saturating_mul(self.subpixels.count()), self.mode.height)
    }

    /// Holds it against what the printer is said to have.
    pub fn check(&self, printer: Size) -> Result<(), PackError> {
        if self.logical() == printer {
            return Ok(());
        }
        Err(PackError::OtherSize { panel: *self, printer })
    }
}

/// Where a colour is in a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Bits to its right.
    pub offset: u8,
    pub bits: u8,
}

/// A pixel in memory: a little-endian word of 1 to 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    bytes: u8,
    channels: [Channel; 3],
    always: u32,
}

impl PixelFormat {
    /// Bytes red, green, blue.
    pub const RGB888: Self = Self::eight(3, [0, 8, 16]);
    /// Bytes blue, green, red.
    pub const BGR888: Self = Self::eight(3, [16, 8, 0]);
    /// Bytes blue, green, red, and one that nobody reads (DRM's XRGB8888).
    pub const XRGB8888: Self = Self::eight(4, [16, 8, 0]);
    /// Two bytes, red uppermost.
    pub const RGB565: Self = Self {
        bytes: 2,
        channels: [
            Channel { offset: 11, bits: 5 },
            Channel { offset: 5, bits: 6 },
            Channel { offset: 0, bits: 5 },
        ],
        always: 0,
    };
    /// One byte, one grey.
    pub const GREY8: Self = Self::eight(1, [0, 0, 0]);

    const fn eight(bytes: u8, offsets: [u8; 3]) -> Self {
        let [red, green, blue] = offsets;
        let channels = [
            Channel { offset: red, bits: 8 },
            Channel { offset: green, bits: 8 },
            Channel { offset: blue, bits: 8 },
        ];
        Self { bytes, channels, always: 0 }
    }

    /// `channels` are red, green and blue; they overlap nowhere, or are all the same one (grey).
    /// `always` are bits that are set in every pixel, dark ones too: alpha.
    pub fn new(bytes: u8, channels: [Channel; 3], always: u32) -> Result<Self, PackError> {
        let wrong = |what: String| Err(PackError::Format { what });
        if !(1..=4).contains(&bytes) {
            return wrong(format!("a pixel has 1 to 4 bytes, not {bytes}"));
        }
        let grey = channels[0] == channels[1] && channels[1] == channels[2];
        let mut taken = 0u32;
        for (channel, name) in channels.iter().zip(["red", "green", "blue"]) {
            if !(1..=8).contains(&channel.bits) {
                return wrong(format!("{name} has {} bits, and 1 to 8 can be packed", channel.bits));
            }
            if u32::from(channel.offset) + u32::from(channel.bits) > 8 * u32::from(bytes) {
                return wrong(format!("{name} does not lie within the {bytes} bytes of a pixel"));
            }
            let mask = ((1u32 << channel.bits) - 1) << channel.offset;
            if taken & mask != 0 && !grey {
                return wrong(format!("{name} lies over another colour"));
            }
            taken |= mask;
        }
        let all = u32::MAX >> (32 - 8 * u32::from(bytes));
        if always & taken != 0 || always & !all != 0 {
            return wrong(format!("the bits {always:#x} that are always set are a colour's, or of no pixel"));
        }
        Ok(Self { bytes, channels, always })
    }

    /// What a display that may choose takes for so many bits of red, green and blue; `wide` for four bytes a
    /// pixel, which every DRM driver takes, and otherwise three.
    pub fn of_bits(bits: [u8; 3], wide: bool) -> Result<Self, PackError> {
        match (bits, wide) {
            ([8, 8, 8], true) => Ok(Self::XRGB8888),
            ([8, 8, 8], false) => Ok(Self::RGB888),
            ([5, 6, 5], _) => Ok(Self::RGB565),
            _ => Err(PackError::Bits { bits }),
        }
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::from(self.bytes)
    }

    /// Bits of red, green and blue.
    #[must_use]
    pub fn bits(&self) -> [u8; 3] {
        self.channels.map(|channel| channel.bits)
    }

    /// A pixel without light.
    #[must_use]
    pub fn dark(&self) -> [u8; 4] {
        self.always.to_le_bytes()
    }

    fn is_grey(&self) -> bool {
        self.channels[0] == self.channels[1]
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bits a pixel", 8 * self.bytes())?;
        if self.is_grey() {
            return write!(formatter, " (grey {})", self.channels[0].bits);
        }
        let [red, green, blue] = self.channels;
        let one = |channel: Channel| format!("{}@{}", channel.bits, channel.offset);
        write!(formatter, " (red {}, green {}, blue {})", one(red), one(green), one(blue))
    }
}

/// Why a picture cannot be packed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PackError {
    #[error(
        "the panel shows {} points (mode {}, {} a pixel, turned by {:?}), and the printer has {printer}: \
         correct one of them in the printer's profile",
        .panel.logical(), .panel.mode, .panel.subpixels.count(), .panel.rotate
    )]
    OtherSize { panel: Panel, printer: Size },
    #[error(
        "a panel of {points} points is none that can be driven: 1x1 to 65535x65535, at most {MOST_POINTS}"
    )]
    Points { points: Size },
    #[error("the display's mode is {display}, and the panel wants {panel}")]
    OtherMode { panel: Size, display: Size },
    #[error("the display has {display:?} bits of red, green and blue, and the panel wants {panel:?}")]
    OtherBits { panel: [u8; 3], display: [u8; 3] },
    #[error("the display has one grey a pixel, and the panel wants three points in each")]
    NoColours,
    #[error("no pixel format for {bits:?} bits of red, green and blue: give [8, 8, 8] or [5, 6, 5]")]
    Bits { bits: [u8; 3] },
    #[error("the pixel format cannot be used: {what}")]
    Format { what: String },
    #[error("a picture of {got} bytes came, and {wanted} make up the {logical} points of the panel")]
    OtherPicture { got: usize, wanted: usize, logical: Size },
}

/// What the logical picture is, so that what was shown can be held against what a file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogicalHash {
    /// CRC-32 (IEEE) of its bytes, row by row from the upper left.
    pub crc32: u32,
    /// SHA-256 of the same bytes, where the display wants it.
    pub sha256: Option<[u8; 32]>,
}

impl LogicalHash {
    #[must_use]
    pub fn of(grey: &[u8], sha256: bool) -> Self {
        Self { crc32: crc32fast::hash(grey), sha256: sha256.then(|| Sha256::digest(grey).into()) }
    }
}

/// A picture as a display takes it: rows of pixels without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    mode: Size,
    format: PixelFormat,
    bytes: Vec<u8>,
    logical: LogicalHash,
}

impl Packed {
    #[must_use]
    pub fn mode(&self) -> Size {
        self.mode
    }

    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[must_use]
    pub fn logical(&self) -> LogicalHash {
        self.logical
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.mode.width as usize * self.format.bytes()
    }

    /// From the upper one down.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.row_bytes())
    }
}

/// Packs pictures for one panel on one display.
#[derive(Debug)]
pub struct Packer {
    panel: Panel,
    format: PixelFormat,
    sha256: bool,
    turn: Turn,
    /// The logical picture, where it is not decoded into its place.
    grey: Vec<u8>,
    /// Rows of points that were mirrored or turned.
    band: Vec<u8>,
}

/// Where a point of the panel comes from: columns and rows change places, and then either is read from its
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    transposed: bool,
    from_right: bool,
    from_below: bool,
}

impl Turn {
    fn of(panel: &Panel) -> Self {
        let (transposed, right, below) = match panel.rotate {
            Rotation::None => (false, false, false),
            Rotation::By90 => (true, false, true),
            Rotation::By180 => (false, true, true),
            Rotation::By270 => (true, true, false),
        };
        Self { transposed, from_right: right != panel.mirror_x, from_below: below != panel.mirror_y }
    }
}

impl Packer {
    /// Holds a panel against the display that drives it.
    pub fn new(panel: Panel, display: Size, format: PixelFormat, sha256: bool) -> Result<Self, PackError> {
        let points = panel.points();
        let count = u64::from(points.width) * u64::from(points.height);
        let side = 1..=u32::from(u16::MAX);
        if !side.contains(&points.width) || !side.contains(&points.height) || count > MOST_POINTS {
            return Err(PackError::Points { points });
        }
        if panel.mode != display {
            return Err(PackError::OtherMode { panel: panel.mode, display });
        }
        if panel.subpixels == Subpixels::Three && format.is_grey() {
            return Err(PackError::NoColours);
        }
        if panel.bits != format.bits() {
            return Err(PackError::OtherBits { panel: panel.bits, display: format.bits() });
        }
        Ok(Self { panel, format, sha256, turn: Turn::of(&panel), grey: Vec::new(), band: Vec::new() })
    }

    /// What a picture measures, in points; its bytes are the rows from the upper left without gaps.
    #[must_use]
    pub fn logical(&self) -> Size {
        self.panel.logical()
    }

    /// Bytes of a logical picture.
    #[must_use]
    pub fn logical_bytes(&self) -> usize {
        let logical = self.logical();
        logical.width as usize * logical.height as usize
    }

    /// Whether a logical picture is the packed one byte for byte.
    #[must_use]
    pub fn in_place(&self) -> bool {
        let Turn { transposed, from_right, from_below } = self.turn;
        let own_byte = |point: usize| {
            let channel = self.format.channels[self.colour(point)];
            channel.bits == 8 && usize::from(channel.offset) == 8 * point
        };
        let same = match self.panel.subpixels {
            Subpixels::One => self.format.bytes == 1 && own_byte(0),
            Subpixels::Three => self.format.bytes == 3 && (0..3).all(own_byte),
        };
        same && !transposed && !from_right && !from_below
    }

    /// A dark picture, to be packed into.
    #[must_use]
    pub fn dark(&self) -> Packed {
        let Size { width, height } = self.panel.mode;
        let pixels = width as usize * height as usize;
        let bytes = self.format.dark()[..self.format.bytes()].repeat(pixels);
        Packed { mode: self.panel.mode, format: self.format, bytes, logical: LogicalHash::default() }
    }

    /// Has a logical picture drawn, and packs it. `draw` finds it all dark: nothing of an earlier picture is
    /// left in it. After an error `into` holds no picture.
    pub fn fill<E>(
        &mut self,
        into: &mut Packed,
        draw: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if into.mode != self.panel.mode || into.format != self.format {
            *into = self.dark();
        }
        if self.in_place() {
            into.bytes.fill(0);
            draw(&mut into.bytes)?;
            into.logical = LogicalHash::of(&into.bytes, self.sha256);
            return Ok(());
        }
        let mut grey = std::mem::take(&mut self.grey);
        grey.clear();
        grey.resize(self.logical_bytes(), 0);
        let drawn = draw(&mut grey);
        if drawn.is_ok() {
            self.pack_whole(&grey, into);
        }
        self.grey = grey;
        drawn
    }

    /// Packs a picture that there is already.
    pub fn pack(&mut self, grey: &[u8], into: &mut Packed) -> Result<(), PackError> {
        let wanted = self.logical_bytes();
        if grey.len() != wanted {
            return Err(PackError::OtherPicture { got: grey.len(), wanted, logical: self.logical() });
        }
        if into.mode != self.panel.mode || into.format != self.format {
            *into = self.dark();
        }
        if self.in_place() {
            into.bytes.copy_from_slice(grey);
            into.logical = LogicalHash::of(grey, self.sha256);
        } else {
            self.pack_whole(grey, into);
        }
        Ok(())
    }

    fn pack_whole(&mut self, grey: &[u8], into: &mut Packed) {
        into.logical = LogicalHash::of(grey, self.sha256);
        let logical = self.logical();
        let (width, height) = (logical.width as usize, logical.height as usize);
        let row_bytes = into.row_bytes();
        let points = self.panel.points().width as usize;
        let mut band = std::mem::take(&mut self.band);
        if self.turn.transposed {
            band.resize(points * BAND, 0);
            for (number, pixels) in into.bytes.chunks_mut(row_bytes * BAND).enumerate() {
                let first = number * BAND;
                let rows = pixels.len() / row_bytes;
                self.turn_band(grey, width, height, first, rows, &mut band);
                for (row, points) in pixels.chunks_exact_mut(row_bytes).zip(band.chunks_exact(points)) {
                    self.row(points, row);
                }
            }
        } else {
            band.resize(points, 0);
            for (number, pixels) in into.bytes.chunks_exact_mut(row_bytes).enumerate() {
                let from = if self.turn.from_below { height - 1 - number } else { number };
                let source = &grey[from * width..][..width];
                if self.turn.from_right {
                    for (to, from) in band.iter_mut().zip(source.iter().rev()) {
                        *to = *from;
                    }
                    self.row(&band, pixels);
                } else {
                    self.row(source, pixels);
                }
            }
        }
        self.band = band;
    }

    /// Rows `first..first + rows` of the panel from columns of the picture, block by block.
    fn turn_band(
        &self,
        grey: &[u8],
        width: usize,
        height: usize,
        first: usize,
        rows: usize,
        band: &mut [u8],
    ) {
        // The panel's column X is the picture's row y, and its row Y the picture's column x.
        let left = if self.turn.from_right { width - first - rows } else { first };
        for block in (0..height).step_by(BAND) {
            for across in block..(block + BAND).min(height) {
                let y = if self.turn.from_below { height - 1 - across } else { across };
                let source = &grey[y * width + left..][..rows];
                for (down, point) in source.iter().enumerate() {
                    let down = if self.turn.from_right { rows - 1 - down } else { down };
                    band[down * height + across] = *point;
                }
            }
        }
    }

    /// The colour of a pixel that its point from the left lights.
    fn colour(&self, point: usize) -> usize {
        match self.panel.order {
            Order::Rgb => point,
            Order::Bgr => 2 - point,
        }
    }

    fn row(&self, points: &[u8], pixels: &mut [u8]) {
        match self.format.bytes {
            1 => self.row_of::<1>(points, pixels),
            2 => self.row_of::<2>(points, pixels),
            3 => self.row_of::<3>(points, pixels),
            _ => self.row_of::<4>(points, pixels),
        }
    }

    fn row_of<const BYTES: usize>(&self, points: &[u8], pixels: &mut [u8]) {
        let place = [0, 1, 2].map(|point| self.format.channels[self.colour(point)]);
        let always = self.format.always;
        let put = |grey: u8, at: Channel| u32::from(grey >> (8 - at.bits)) << at.offset;
        let (pixels, _) = pixels.as_chunks_mut::<BYTES>();
        let write = |pixel: &mut [u8; BYTES], word: u32| pixel.copy_from_slice(&word.to_le_bytes()[..BYTES]);
        match self.panel.subpixels {
            Subpixels::One => {
                for (pixel, grey) in pixels.iter_mut().zip(points) {
                    let colours = place.map(|at| put(*grey, at));
                    write(pixel, colours[0] | colours[1] | colours[2] | always);
                }
            }
            Subpixels::Three => {
                let (points, _) = points.as_chunks::<3>();
                for (pixel, [left, middle, right]) in pixels.iter_mut().zip(points) {
                    let word = put(*left, place[0]) | put(*middle, place[1]) | put(*right, place[2]);
                    write(pixel, word | always);
                }
            }
        }
    }

    /// The logical picture of a packed one, as exact as its bits are: a point that went through `b` bits has
    /// its lowest `8 - b` as zeros. One grey in a coloured pixel is read from green.
    #[must_use]
    pub fn unpack(&self, packed: &Packed) -> Vec<u8> {
        let logical = self.logical();
        let (width, height) = (logical.width as usize, logical.height as usize);
        let mut grey = vec![0; width * height];
        let points = points_of(packed, self.panel.subpixels, self.panel.order);
        let panel = self.panel.points();
        for (place, point) in points.into_iter().enumerate() {
            let (across, down) = (place % panel.width as usize, place / panel.width as usize);
            let (x, y) = if self.turn.transposed { (down, across) } else { (across, down) };
            let x = if self.turn.from_right { width - 1 - x } else { x };
            let y = if self.turn.from_below { height - 1 - y } else { y };
            grey[y * width + x] = point;
        }
        grey
    }
}

/// The points of a packed picture as they lie on the panel, row by row: for looking at what a display was
/// given.
#[must_use]
pub fn points_of(packed: &Packed, subpixels: Subpixels, order: Order) -> Vec<u8> {
    let format = packed.format;
    let get = |word: u32, channel: Channel| {
        let value = (word >> channel.offset) & ((1 << channel.bits) - 1);
        u8::try_from(value << (8 - channel.bits)).unwrap_or(u8::MAX)
    };
    let mut points = Vec::with_capacity(packed.bytes.len());
    for pixel in packed.bytes.chunks_exact(format.bytes()) {
        let mut bytes = [0; 4];
        bytes[..pixel.len()].copy_from_slice(pixel);
        let word = u32::from_le_bytes(bytes);
        let [red, green, blue] = format.channels.map(|channel| get(word, channel));
        match (subpixels, order) {
            (Subpixels::One, _) => points.push(green),
            (Subpixels::Three, Order::Rgb) => points.extend([red, green, blue]),
            (Subpixels::Three, Order::Bgr) => points.extend([blue, green, red]),
        }
    }
    points
}

#[cfg(test)]
mod tests;
