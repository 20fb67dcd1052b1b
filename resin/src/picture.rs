//! The picture of one layer: out of its PNG into a mask, and what of the mask is lit.
//!
//! ```text
//! archive → packed PNG (one buffer) → header looked at → rows → Mask (the other buffer) → Survey
//! ```

use std::io::{Cursor, Read, Seek};

use archive::{Archive, ArchiveError};

use crate::file::{FileError, Format, Limits, Mask};
use crate::layer::LayerIndex;

/// What of a mask is lit. A point of any grey is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub lit: u64,
    /// Of all points, each up to 255.
    pub grey: u64,
    /// `None` where nothing is lit.
    pub bounds: Option<Bounds>,
}

/// The first and the last column and row with any light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub columns: [u32; 2],
    pub rows: [u32; 2],
}

/// Looks at every point of a mask once. Rows beyond what `grey` holds are dark.
#[must_use]
pub fn survey(mask: &Mask) -> Survey {
    let mut found = Survey::default();
    let width = usize::try_from(mask.width).unwrap_or(usize::MAX).max(1);
    for (row, points) in (0..mask.height).zip(mask.grey.chunks(width)) {
        let grey = points.iter().map(|point| u64::from(*point)).sum::<u64>();
        if grey == 0 {
            continue;
        }
        let lit = |point: &u8| *point > 0;
        found.grey += grey;
        found.lit += points.iter().filter(|point| lit(point)).count() as u64;
        let edges = points.iter().position(lit).zip(points.iter().rposition(lit));
        if let Some((first, last)) = edges {
            let column = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            let own = Bounds { columns: [column(first), column(last)], rows: [row, row] };
            found.bounds = Some(found.bounds.map_or(own, |bounds| bounds.around(own)));
        }
    }
    found
}

impl Survey {
    /// Whether nothing is lit at all.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.bounds.is_none()
    }
}

impl Bounds {
    /// The smallest that hold both.
    #[must_use]
    pub fn around(self, other: Self) -> Self {
        let both = |a: [u32; 2], b: [u32; 2]| [a[0].min(b[0]), a[1].max(b[1])];
        Self { columns: both(self.columns, other.columns), rows: both(self.rows, other.rows) }
    }

    /// Width and height, mm, of points of such a size, µm.
    #[must_use]
    pub fn millimetres(self, point: [f64; 2]) -> [f64; 2] {
        let of = |side: [u32; 2], point: f64| (f64::from(side[1] - side[0]) + 1.0) * point / 1e3;
        [of(self.columns, point[0]), of(self.rows, point[1])]
    }
}

/// How a row of points lies in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Samples {
    /// A point each.
    Grey,
    /// Red, green and blue are three points that lie side by side, as displays without colour have them (facts B.5;
    /// what UVtools calls Png24RgbAA and writes into a NanoDLP file unless told otherwise).
    ThreeInOne,
}

/// What a PNG says of itself, before anything of it is unfolded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) samples: Samples,
    /// Columns and rows of the mask that it holds.
    pub(crate) points: [u32; 2],
}

/// Bytes of a PNG up to the end of its header.
pub(crate) const HEADER: usize = 33;
/// What a picture may have beside its points: names of programs, resolutions.
const BESIDE: u64 = 64 << 10;

impl Header {
    /// The error continues a sentence: "the picture of layer 7 …".
    pub(crate) fn of(first: &[u8]) -> Result<Self, String> {
        let Some(first) = first.first_chunk::<HEADER>() else { return Err("is cut".into()) };
        if first[..8] != *b"\x89PNG\r\n\x1a\n" || first[8..16] != *b"\0\0\0\x0dIHDR" {
            return Err("is no PNG".into());
        }
        let number = |at: usize| u32::from_be_bytes([first[at], first[at + 1], first[at + 2], first[at + 3]]);
        let (width, height) = (number(16), number(20));
        let samples = match (first[24], first[25]) {
            (8, 0) => Samples::Grey,
            (8, 2) => Samples::ThreeInOne,
            (bits, kind) => {
                return Err(format!("is not in 8-bit grey (it has {bits} bits of kind {kind})"));
            }
        };
        if first[28] != 0 {
            return Err("is interlaced, so that its rows do not lie from top to bottom".into());
        }
        let columns = match samples {
            Samples::Grey => Some(width),
            Samples::ThreeInOne => width.checked_mul(3),
        };
        match columns {
            Some(columns) if width > 0 && height > 0 => Ok(Self { samples, points: [columns, height] }),
            _ => Err(format!("has {width} by {height} points, which none has")),
        }
    }
}

/// Bytes that a picture of so many points may have as it lies in an archive: a mask that no packing makes smaller.
fn packed_max(points: [u32; 2]) -> u64 {
    let [columns, rows] = points.map(u64::from);
    let bytes = (columns + 1) * rows;
    bytes + bytes / 64 + BESIDE
}

/// Unfolds a PNG whose header was told before.
fn unfold(packed: &[u8], wanted: Header, into: &mut Mask) -> Result<(), String> {
    let header = Header::of(packed)?;
    if header.points != wanted.points {
        let ([width, height], [columns, rows]) = (header.points, wanted.points);
        return Err(format!("has {width} by {height} points, and the display has {columns} by {rows}"));
    }
    if header.samples != wanted.samples {
        return Err("is in other colours than the first one".into());
    }
    let cannot = |error: png::DecodingError| format!("cannot be unfolded: {error}");
    let limits = png::Limits { bytes: 8 << 20 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(packed), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(cannot)?;
    let [width, height] = header.points;
    let bytes = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(usize::MAX);
    if reader.output_buffer_size() != Some(bytes) {
        return Err("is of another size than its header says".into());
    }
    (into.width, into.height) = (width, height);
    into.grey.resize(bytes, 0);
    let frame = reader.next_frame(&mut into.grey).map_err(cannot)?;
    if frame.buffer_size() != bytes {
        return Err("is of another size than its header says".into());
    }
    reader.finish().map_err(cannot)
}

/// How the pictures of an archive are called. Layers count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// `<stem>00000.png`, in small letters.
    Sl1 { stem: String },
    /// `1.png`.
    NanoDlp,
}

impl Names {
    pub(crate) fn of(&self, layer: LayerIndex) -> String {
        match self {
            Self::Sl1 { stem } => format!("{stem}{:05}.png", layer.0),
            Self::NanoDlp => format!("{}.png", u64::from(layer.0) + 1),
        }
    }

    /// The layer that a file of this name is the picture of. The name is in small letters.
    fn layer(&self, name: &str) -> Option<LayerIndex> {
        let digits = match self {
            Self::Sl1 { stem } => name.strip_prefix(stem.as_str())?,
            Self::NanoDlp => name,
        };
        let digits = digits.strip_suffix(".png")?;
        let number = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
        let number = number.parse::<u32>().ok()?;
        let layer = match self {
            Self::Sl1 { .. } => number,
            Self::NanoDlp => number.checked_sub(1)?,
        };
        Some(LayerIndex(layer)).filter(|layer| self.of(*layer) == name)
    }
}

/// The pictures of an open archive: one is read at a time, packed, into a buffer that is used again.
pub(crate) struct Pictures<R> {
    archive: Archive<R>,
    format: Format,
    names: Names,
    pub(crate) layers: u32,
    /// Of the first picture; the others are held to it.
    pub(crate) header: Header,
    packed: Vec<u8>,
}

impl<R: Read + Seek> Pictures<R> {
    /// Counts the pictures, which have to be one for each layer from the first on, and looks at the first one's header.
    /// `is_stray` says of a file that is no layer's picture whether it may not be there.
    pub(crate) fn open(
        archive: Archive<R>,
        format: Format,
        names: Names,
        is_stray: impl Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        let damaged = |what| FileError::Damaged { format: format.name(), what };
        let (mut count, mut last) = (0_u64, LayerIndex(0));
        for name in archive.names() {
            match names.layer(name) {
                Some(layer) => (count, last) = (count + 1, last.max(layer)),
                None if is_stray(name) => {
                    let what = format!("a picture called {} is none of its layers", shown(name));
                    return Err(FileError::Contradiction { format: format.name(), what });
                }
                None => {}
            }
        }
        if count == 0 {
            let first = names.of(LayerIndex(0));
            return Err(damaged(format!(
                "it has no picture of any layer; the first would be {}",
                shown(&first)
            )));
        }
        let max = u64::from(limits.layers);
        let layers = u32::try_from(count).ok().filter(|_| count <= max);
        let layers = layers.ok_or(FileError::TooMuch { what: "too many layers", found: count, max })?;
        if u64::from(last.0) + 1 != count {
            let missing = (0..layers).map(LayerIndex).find(|layer| !archive.has(&names.of(*layer)));
            let number = u64::from(missing.unwrap_or(last).0) + 1;
            return Err(damaged(format!("the picture of layer {number} is missing, and others follow it")));
        }
        let none = Header { samples: Samples::Grey, points: [0, 0] };
        let mut pictures = Self { archive, format, names, layers, header: none, packed: Vec::new() };
        pictures.header = pictures.first(limits)?;
        Ok(pictures)
    }

    fn first(&mut self, limits: &Limits) -> Result<Header, FileError> {
        let (format, layer) = (self.format, LayerIndex(0));
        let wrong = |what| FileError::Layer { format: format.name(), layer, what };
        let mut first = Vec::new();
        let name = self.names.of(layer);
        let content = self.archive.read(&name).map_err(|error| of_archive(format.name(), error))?;
        let read = content.take(HEADER as u64).read_to_end(&mut first);
        read.map_err(|error| of_archive(format.name(), error.into()))?;
        let header = Header::of(&first).map_err(wrong)?;
        let [width, height] = header.points.map(u64::from);
        let (found, max) = (width * height, limits.points);
        if found > max {
            return Err(FileError::TooMuch { what: "too many points in a layer", found, max });
        }
        Ok(header)
    }

    /// One layer's mask. Its checksum was held against the archive's before anything is unfolded.
    pub(crate) fn layer(&mut self, layer: LayerIndex, into: &mut Mask) -> Result<(), FileError> {
        let format = self.format.name();
        let wrong = |what| FileError::Layer { format, layer, what };
        if layer.0 >= self.layers {
            return Err(wrong(format!("is not there: it has {} layers", self.layers)));
        }
        let (name, max) = (self.names.of(layer), packed_max(self.header.points));
        let size = self.archive.size(&name).unwrap_or(0);
        if size > max {
            return Err(wrong(format!("has {size} bytes, and one of its points has {max} at most")));
        }
        self.packed.clear();
        self.packed.reserve_exact(usize::try_from(size).unwrap_or(0));
        let content = self.archive.read(&name).map_err(|error| of_archive(format, error))?;
        let read = content.take(max + 1).read_to_end(&mut self.packed);
        read.map_err(|error| match ArchiveError::from(error) {
            ArchiveError::Damaged(what) => wrong(format!("is damaged ({what})")),
            other => of_archive(format, other),
        })?;
        unfold(&self.packed, self.header, into).map_err(wrong)
    }
}

/// What an archive says, in the words of the file that it is.
pub(crate) fn of_archive(format: &'static str, error: ArchiveError) -> FileError {
    match error {
        ArchiveError::TooMuch { what, found, max } => FileError::TooMuch { what, found, max },
        ArchiveError::Damaged(what) => FileError::Damaged { format, what },
        ArchiveError::Hostile(what) => FileError::Hostile { format, what },
        ArchiveError::Unsupported(what) => FileError::Unsupported { format, what },
        ArchiveError::Unreadable(what) => FileError::Unreadable(what),
    }
}

/// Text of a file for an error: printable, and not more of it than helps.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().filter(|c| !c.is_control()).take(32).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// A text of an archive, if it is there.
pub(crate) fn text<R: Read + Seek>(
    archive: &mut Archive<R>,
    format: &'static str,
    name: &str,
    limits: &Limits,
) -> Result<Option<String>, FileError> {
    let Some(found) = archive.size(name) else { return Ok(None) };
    if found > limits.text {
        return Err(FileError::TooMuch { what: "too long a text in it", found, max: limits.text });
    }
    let mut text = Vec::new();
    let content = archive.read(name).map_err(|error| of_archive(format, error))?;
    let read = content.take(limits.text + 1).read_to_end(&mut text);
    read.map_err(|error| of_archive(format, error.into()))?;
    let no_text = |_| FileError::Damaged { format, what: format!("{} is no text", shown(name)) };
    String::from_utf8(text).map(Some).map_err(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{png, png_of_three};
    use proptest::prelude::*;

    fn unfolded(packed: &[u8], points: [u32; 2]) -> Result<Mask, String> {
        let mut mask = Mask::default();
        unfold(packed, Header { samples: Samples::Grey, points }, &mut mask).map(|()| mask)
    }

    /// The same picture, whose header says something else at this byte.
    fn saying(mut packed: Vec<u8>, at: usize, what: &[u8]) -> Vec<u8> {
        packed[at..][..what.len()].copy_from_slice(what);
        let mut crc = flate2::Crc::new();
        crc.update(&packed[12..29]);
        packed[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        packed
    }

    #[test]
    fn a_survey_finds_what_is_lit_and_where() {
        let dark = Mask::dark(7, 5);
        assert!(survey(&dark).is_blank());
        assert!(survey(&Mask::default()).is_blank());
        let mask = dark.with_box([2.0, 1.0], [4.0, 3.0]).with(10, |x, y| x > 6.0 && y > 4.0);
        let found = survey(&mask);
        assert_eq!((found.lit, found.grey), (5, 4 * 255 + 10));
        assert_eq!(found.bounds, Some(Bounds { columns: [2, 6], rows: [1, 4] }));
        assert_eq!(found.bounds.unwrap().millimetres([50.0, 100.0]), [0.25, 0.4]);
    }

    #[test]
    fn a_picture_of_another_size_or_kind_is_refused_before_its_rows_are_read() {
        let whole = png(&Mask::dark(3, 2).with_box([0.0, 0.0], [3.0, 2.0]));
        assert_eq!(unfolded(&whole, [3, 2]).unwrap().grey, [255; 6]);
        // It has no such rows, which would be told if they were read.
        let tall = saying(whole.clone(), 20, &1_000_000_u32.to_be_bytes());
        let error = unfolded(&tall, [3, 2]).unwrap_err();
        assert_eq!(error, "has 3 by 1000000 points, and the display has 3 by 2");
        assert!(unfolded(&tall, [3, 1_000_000]).unwrap_err().contains("cannot be unfolded"));
        for (packed, what) in [
            (saying(whole.clone(), 28, &[1]), "is interlaced"),
            (saying(whole.clone(), 24, &[16]), "is not in 8-bit grey (it has 16 bits of kind 0)"),
            (saying(whole.clone(), 25, &[3]), "is not in 8-bit grey (it has 8 bits of kind 3)"),
            (saying(whole.clone(), 16, &[0; 4]), "has 0 by 2 points, which none has"),
            (saying(saying(whole.clone(), 25, &[2]), 16, &[0xFF; 4]), "which none has"),
            (png_of_three(&Mask::dark(3, 2)), "is in other colours than the first one"),
            (b"GIF89a".repeat(9), "is no PNG"),
            (Vec::new(), "is cut"),
        ] {
            let error = unfolded(&packed, [3, 2]).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn three_points_side_by_side_are_a_pixel_of_colours() {
        let mask = Mask::dark(6, 2).with(200, |x, _| x < 2.0);
        let packed = png_of_three(&mask);
        let header = Header::of(&packed).unwrap();
        assert_eq!(header, Header { samples: Samples::ThreeInOne, points: [6, 2] });
        let mut read = Mask::default();
        unfold(&packed, header, &mut read).unwrap();
        assert_eq!(read, mask);
    }

    #[test]
    fn a_picture_cut_anywhere_is_an_error_and_never_a_panic() {
        let mask = Mask::dark(40, 30).with_ellipse([20.0, 15.0], [12.0, 9.0]);
        let whole = png(&mask);
        assert_eq!(unfolded(&whole, [40, 30]).unwrap(), mask);
        for length in 0..whole.len() - 12 {
            assert!(unfolded(&whole[..length], [40, 30]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_picture_changed_anywhere_is_an_error_or_has_its_size(at in 0_usize..200, bit in 0_u8..8) {
            let mut packed = png(&Mask::dark(40, 30).with_ellipse([20.0, 15.0], [12.0, 9.0]));
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            if let Ok(mask) = unfolded(&packed, [40, 30]) {
                prop_assert_eq!(mask.grey.len(), 1200);
            }
        }

        #[test]
        fn names_and_layers_are_one_to_one(number in 0_u32..200_000, name in "[a-z0-9.]{0,12}") {
            for names in [Names::NanoDlp, Names::Sl1 { stem: "job1".into() }, Names::Sl1 { stem: String::new() }] {
                prop_assert_eq!(names.layer(&names.of(LayerIndex(number))), Some(LayerIndex(number)));
                if let Some(layer) = names.layer(&name) {
                    prop_assert_eq!(names.of(layer), name.clone());
                }
            }
        }
    }
}
