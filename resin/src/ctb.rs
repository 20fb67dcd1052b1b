//! ChiTuBox's files (`.ctb`, `.cbddlp`, `.photon`): little-endian tables that point at each other.
//!
//! ```text
//! header ─┬─ print parameters (from version 2)      lifts, resin
//!         ├─ slicer's table   (from version 2) ─┬─ name of the printer
//!         │                                     └─ parameters of version 4
//!         └─ layers ── picture, from version 3 with a record of its own right before it
//! ```
//! Layouts are facts of catibo's `doc/cbddlp-ctb.adoc` and, from version 3, of UVtools' `ChituboxFile`; the
//! constant of the key stream is that of catibo's program, where its page has a slip. Of an encrypted file the
//! header alone is read, which is in the clear: where its settings and its signature are (UVtools'
//! `CTBEncryptedFile`).

use std::io::{Read, Seek};

use crate::file::{Claims, FileError, Format, Limits, Mask, MaskAccess, ResinFile};
use crate::layer::{Layer, LayerIndex, Peel};
use crate::machine::Mirrored;
use crate::tables::{Fill, Order, Record, Tables, text};
use crate::timing;
use crate::units::Milliseconds;

/// `.cbddlp` and `.photon`.
pub const CBDDLP: u32 = 0x12FD_0019;
/// `.ctb` of versions 2 and 3.
pub const CTB: u32 = 0x12FD_0086;
/// `.ctb` of version 4.
pub const CTB_4: u32 = 0x12FD_0106;
/// `.ctb` whose tables are encrypted (facts C.3).
pub const ENCRYPTED: u32 = 0x12FD_0107;

const HEADER: usize = 0x70;
/// Of an encrypted file.
const CLEAR: usize = 0x30;
/// Of the print parameters, as far as they are read.
const PRINT: usize = 0x2C;
const SLICER: usize = 0x4C;
const VERSION_4: usize = 0x38;
const LAYER: usize = 36;
/// A copy of the layer's entry, the size of this record with its picture, and eleven numbers.
const EXTENDED: usize = 84;

/// Versions whose tables are laid out as said here.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=5;
/// Copies of the layers' pictures that make one grey picture; slicers offer 8 at most.
const SETS: u32 = 16;
/// Bytes of a printer's name.
const NAME: u32 = 256;
/// Bytes that a picture may have beyond one for each of its points, which no encoder reaches.
const SPARE: u64 = 1024;

/// Which of these formats it is, by its first four bytes.
#[must_use]
pub fn recognise(magic: [u8; 4]) -> Option<Format> {
    match u32::from_le_bytes(magic) {
        CBDDLP => Some(Format::Cbddlp),
        CTB | CTB_4 => Some(Format::Ctb),
        ENCRYPTED => Some(Format::EncryptedCtb),
        _ => None,
    }
}

/// Where the pictures are and how they are written.
#[derive(Clone, Debug, PartialEq)]
struct Pictures {
    points: [u32; 2],
    writing: Writing,
    /// Of all layers, set by set.
    spans: Vec<Span>,
    layers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// Runs of 7 bits of grey, under a key stream unless the key is zero.
    Grey { key: u32 },
    /// Runs of dark and lit, once for each of so many thresholds.
    Bits { sets: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    at: u64,
    length: u64,
}

impl Span {
    /// Within the file, as was asked before it was kept.
    fn end(self) -> u64 {
        self.at.saturating_add(self.length)
    }
}

/// What the tables beside the layers say of all of them, bottom layers first.
#[derive(Clone, Copy, Debug, Default)]
struct Print {
    peel: [Peel; 2],
    millilitres: Option<f64>,
}

/// All but the masks.
///
/// # Errors
/// Tables that are cut, that point out of the file or into each other, numbers that are none, and what
/// `limits` says.
pub fn read<R: Read + Seek>(source: &mut R, limits: &Limits) -> Result<ResinFile, FileError> {
    tables(source, limits).map(|(file, _)| file)
}

/// An open file, whose masks are read in any order.
#[derive(Debug)]
pub struct Masks<R> {
    source: R,
    pictures: Pictures,
}

impl<R: Read + Seek> Masks<R> {
    /// # Errors
    /// As [`read`].
    pub fn open(mut source: R, limits: &Limits) -> Result<(ResinFile, Self), FileError> {
        let (file, pictures) = tables(&mut source, limits)?;
        Ok((file, Self { source, pictures }))
    }

    /// # Errors
    /// [`FileError::Layer`] where its runs are broken, or more or fewer than the points of the display.
    pub fn layer(&mut self, layer: LayerIndex, into: &mut Mask) -> Result<(), FileError> {
        self.pictures.read(&mut self.source, layer, into)
    }
}

fn tables<R: Read + Seek>(source: &mut R, limits: &Limits) -> Result<(ResinFile, Pictures), FileError> {
    let mut tables = Tables::new(source, "CTB")?;
    let magic = tables.record(0, 4, "header", Order::Little)?;
    let format = match recognise(magic.bytes.as_slice().try_into().unwrap_or_default()) {
        Some(Format::EncryptedCtb) => return Ok((encrypted(source)?, Pictures::none())),
        Some(format) => format,
        None => return Err(FileError::Unknown(format!("it begins with {:#010x}", magic.word(0)))),
    };
    let mut tables = Tables::new(source, format.name())?;
    let header = tables.record(0, HEADER, "header", Order::Little)?;
    let version = header.word(0x04);
    if !VERSIONS.contains(&version) {
        let what = format!("version {version} of its tables is not known, only {VERSIONS:?}");
        return Err(FileError::Unsupported { format: format.name(), what });
    }
    let points = points(&header, limits)?;
    let count = header.word(0x44);
    if count == 0 {
        return Err(FileError::Missing { format: format.name(), what: "any layer" });
    }
    if count > limits.layers {
        let (found, max) = (u64::from(count), u64::from(limits.layers));
        return Err(FileError::TooMuch { what: "too many layers", found, max });
    }
    let sets = match (format, version, header.word(0x5C)) {
        (Format::Cbddlp, 2.., sets @ 1..) => sets,
        _ => 1,
    };
    if sets > SETS {
        return Err(header.wrong("copies of each layer", format!("{sets}, and at most {SETS} are known")));
    }

    let (print, printer, last) = print(&mut tables, &header, version)?;
    let (entries, spans) = entries(&mut tables, u64::from(header.word(0x40)), count, sets)?;
    let layers = layers(&mut tables, &header, version, &print, &entries, &spans)?;

    let side = |at, points: u32| {
        let bed = header.number(at, "size of the display")?;
        Ok((bed > 0.0).then(|| bed * 1e3 / f64::from(points)))
    };
    let point = match (side(0x08, points[0])?, side(0x0C, points[1])?) {
        (Some(x), Some(y)) => Some([x, y]),
        _ => None,
    };
    let layer_height = header.length(0x20, "layer height")?;
    let mirrored = match header.word(0x50) {
        0 => Some(Mirrored { x: false, y: false }),
        1 => Some(Mirrored { x: true, y: false }),
        _ => None,
    };
    let file = ResinFile {
        format,
        masks: MaskAccess::Readable { points },
        point,
        mirrored,
        layer_height: Some(layer_height),
        layers,
        claims: Claims {
            layers: Some(last.unwrap_or(count)),
            seconds: Some(f64::from(header.word(0x4C))).filter(|seconds| *seconds > 0.0),
            millilitres: print.millilitres,
            printer,
            ..Claims::default()
        },
    };
    let writing = match format {
        Format::Cbddlp => Writing::Bits { sets },
        _ => Writing::Grey { key: header.word(0x64) },
    };
    let layers = file.layers.len();
    Ok((file, Pictures { points, writing, spans, layers }))
}

/// What is known of an encrypted file: that it is all there, as far as its header can tell.
fn encrypted<R: Read + Seek>(source: &mut R) -> Result<ResinFile, FileError> {
    let mut tables = Tables::new(source, Format::EncryptedCtb.name())?;
    let header = tables.record(0, CLEAR, "header", Order::Little)?;
    let span = |length: usize, at: usize| (u64::from(header.word(at)), u64::from(header.word(length)));
    let (settings, signature) = (span(0x04, 0x08), span(0x14, 0x18));
    for ((at, length), what) in [(settings, "settings"), (signature, "signature")] {
        if length == 0 || at < CLEAR as u64 {
            let told = format!("{length} bytes from byte {at} on");
            return Err(header.wrong(what, told));
        }
        if !tables.holds(at, length) {
            return Err(FileError::Cut { format: tables.format(), what });
        }
    }
    // It is written last; where something is behind it, nobody says what.
    let (at, length) = signature;
    let ends_at = if at + length == tables.bytes { at } else { tables.bytes };
    Ok(ResinFile {
        format: Format::EncryptedCtb,
        masks: MaskAccess::Opaque { points: None, ends_at },
        point: None,
        mirrored: None,
        layer_height: None,
        layers: Vec::new(),
        claims: Claims::default(),
    })
}

fn points(header: &Record, limits: &Limits) -> Result<[u32; 2], FileError> {
    let points @ [width, height] = [header.word(0x34), header.word(0x38)];
    if width == 0 || height == 0 {
        return Err(header.wrong("points of the display", format!("{width} by {height}")));
    }
    let found = u64::from(width) * u64::from(height);
    if found > limits.points {
        return Err(FileError::TooMuch { what: "too many points in a layer", found, max: limits.points });
    }
    Ok(points)
}

/// The print parameters, the printer's name, and how many layers version 4 says that there are.
fn print<R: Read + Seek>(
    tables: &mut Tables<'_, R>,
    header: &Record,
    version: u32,
) -> Result<(Print, Option<String>, Option<u32>), FileError> {
    let mut print = Print::default();
    let (at, slicer_at) = (header.word(0x54), header.word(0x68));
    if version < 2 {
        return Ok((print, None, None));
    }
    let [bottom, normal] = &mut print.peel;
    if at != 0 {
        let record = tables.record(u64::from(at), PRINT, "print parameters", Order::Little)?;
        bottom.lift = Some(record.length(0x00, "lift of bottom layers")?);
        bottom.lift_speed = record.speed(0x04, "lift speed of bottom layers")?;
        normal.lift = Some(record.length(0x08, "lift")?);
        normal.lift_speed = record.speed(0x0C, "lift speed")?;
        normal.retract_speed = record.speed(0x10, "retract speed")?;
        bottom.retract_speed = normal.retract_speed;
        print.millilitres = Some(record.number(0x14, "volume of resin")?).filter(|volume| *volume > 0.0);
    }
    if slicer_at == 0 {
        return Ok((print, None, None));
    }
    let record = tables.record(u64::from(slicer_at), SLICER, "slicer's table", Order::Little)?;
    let (name_at, name_length) = (record.word(0x1C), record.word(0x20));
    if name_length > NAME {
        let what = format!("{name_length} bytes, and at most {NAME} are taken");
        return Err(record.wrong("name of the printer", what));
    }
    let name = match usize::try_from(name_length) {
        Ok(length @ 1..) => text(&tables.piece(u64::from(name_at), length, "name of the printer")?),
        _ => None,
    };
    if version < 4 {
        return Ok((print, name, None));
    }
    bottom.second_lift = Some(record.length(0x00, "second lift of bottom layers")?);
    bottom.second_lift_speed = record.speed(0x04, "second lift speed of bottom layers")?;
    normal.second_lift = Some(record.length(0x08, "second lift")?);
    normal.second_lift_speed = record.speed(0x0C, "second lift speed")?;
    normal.second_retract = Some(record.length(0x10, "second retract")?);
    normal.second_retract_speed = record.speed(0x14, "second retract speed")?;
    for peel in [&mut *bottom, &mut *normal] {
        peel.rest_after_lift = Some(record.time(0x18, "rest after lift")?);
        peel.rest_before_light = Some(record.time(0x34, "rest after retract")?);
    }
    let at = record.word(0x40);
    if at == 0 {
        return Ok((print, name, None));
    }
    let record = tables.record(u64::from(at), VERSION_4, "parameters of version 4", Order::Little)?;
    bottom.retract_speed = record.speed(0x00, "retract speed of bottom layers")?.or(bottom.retract_speed);
    bottom.second_retract = Some(record.length(0x24, "second retract of bottom layers")?);
    bottom.second_retract_speed = record.speed(0x04, "second retract speed of bottom layers")?;
    for peel in [bottom, normal] {
        peel.rest_before_light = Some(record.time(0x18, "rest after retract")?);
        peel.rest_after_lift = Some(record.time(0x1C, "rest after lift")?);
        peel.rest_before_lift = Some(record.time(0x20, "rest before lift")?);
    }
    // The index of the last one.
    Ok((print, name, record.word(0x34).checked_add(1)))
}

/// The entries of the first set, and where the pictures of all sets are.
fn entries<R: Read + Seek>(
    tables: &mut Tables<'_, R>,
    at: u64,
    count: u32,
    sets: u32,
) -> Result<(Vec<Record>, Vec<Span>), FileError> {
    let whole = u64::from(count) * u64::from(sets) * LAYER as u64;
    if !tables.holds(at, whole) {
        return Err(FileError::Cut { format: tables.format(), what: "table of layers" });
    }
    let contradiction = |what| FileError::Contradiction { format: tables.format(), what };
    if at < HEADER as u64 {
        return Err(contradiction("its layers lie within its header".to_owned()));
    }
    let (mut entries, mut spans) = (Vec::new(), Vec::new());
    for row in 0..u64::from(count) * u64::from(sets) {
        let mut entry = tables.record(at + row * LAYER as u64, LAYER, "table of layers", Order::Little)?;
        entry.name = format!("layer {}", row % u64::from(count) + 1);
        // Files above 4 GiB count their pages.
        let picture = u64::from(entry.word(0x0C)) | u64::from(entry.word(0x14)) << 32;
        let span = Span { at: picture, length: u64::from(entry.word(0x10)) };
        if !tables.holds(span.at, span.length) {
            let what = format!("{} bytes at {}, and the file has {}", span.length, span.at, tables.bytes);
            return Err(entry.wrong("place of its picture", what));
        }
        let in_table = span.at < at + whole && at < span.end();
        if span.at < HEADER as u64 || in_table {
            return Err(entry.wrong("place of its picture", format!("{} is within a table", span.at)));
        }
        spans.push(span);
        if row < u64::from(count) {
            entries.push(entry);
        }
    }
    // Layers that are the same may share one picture.
    let mut sorted = spans.clone();
    sorted.sort_unstable();
    sorted.dedup();
    for pair in sorted.windows(2) {
        if let [first, second] = pair
            && first.end() > second.at
        {
            let what = format!("two of its pictures overlap, at {} and {}", first.at, second.at);
            return Err(FileError::Contradiction { format: tables.format(), what });
        }
    }
    Ok((entries, spans))
}

fn layers<R: Read + Seek>(
    tables: &mut Tables<'_, R>,
    header: &Record,
    version: u32,
    print: &Print,
    entries: &[Record],
    spans: &[Span],
) -> Result<Vec<Layer>, FileError> {
    let bottoms = header.word(0x30);
    // Before version 2, nothing is said of the light.
    let lights = match version {
        1 => None,
        _ => Some([header.light(0x62, "light of bottom layers")?, header.light(0x60, "light")?]),
    };
    let mut layers = Vec::new();
    for ((index, entry), span) in (0_u32..).zip(entries).zip(spans) {
        let kind = usize::from(index >= bottoms);
        let mut layer = Layer {
            top: entry.length(0x00, "height")?,
            exposure: entry.time(0x04, "exposure")?,
            light: lights.map(|lights| lights[kind]),
            peel: print.peel[kind],
            pause: false,
            ends_at: Some(span.end()),
        };
        let off = entry.time(0x08, "time without light")?;
        if version >= 3
            && let Some(record) = extended(tables, entry, *span)?
        {
            of_its_own(&record, version, &mut layer)?;
        }
        layer.peel.rest_before_light = in_the_dark(off, &layer);
        layers.push(layer);
    }
    Ok(layers)
}

/// The record before a picture, where there is one: it repeats the layer's entry, so that it is known by
/// that.
fn extended<R: Read + Seek>(
    tables: &mut Tables<'_, R>,
    entry: &Record,
    span: Span,
) -> Result<Option<Record>, FileError> {
    let Some(at) = span.at.checked_sub(EXTENDED as u64) else { return Ok(None) };
    let mut record = tables.record(at, EXTENDED, "record of a layer", Order::Little)?;
    record.name.clone_from(&entry.name);
    let size = span.length.checked_add(EXTENDED as u64);
    let same = record.bytes.get(..0x14) == entry.bytes.get(..0x14);
    Ok((same && size == Some(u64::from(record.word(LAYER)))).then_some(record))
}

fn of_its_own(record: &Record, version: u32, layer: &mut Layer) -> Result<(), FileError> {
    let peel = &mut layer.peel;
    peel.lift = Some(record.length(0x28, "lift")?);
    peel.lift_speed = record.speed(0x2C, "lift speed")?;
    peel.retract_speed = record.speed(0x38, "retract speed")?;
    let light = record.number(0x50, "light")?.round();
    if light > 255.0 {
        return Err(record.wrong("light", format!("{light} of 255")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 255")]
    let light = light as u8;
    layer.light = Some(light);
    if version < 4 {
        return Ok(());
    }
    peel.second_lift = Some(record.length(0x30, "second lift")?);
    peel.second_lift_speed = record.speed(0x34, "second lift speed")?;
    peel.second_retract = Some(record.length(0x3C, "second retract")?);
    peel.second_retract_speed = record.speed(0x40, "second retract speed")?;
    peel.rest_before_lift = Some(record.time(0x44, "rest before lift")?);
    peel.rest_after_lift = Some(record.time(0x48, "rest after lift")?);
    peel.rest_before_light = Some(record.time(0x4C, "rest after retract")?);
    Ok(())
}

/// The rest before the light, where `off` is all the time from light to light, with the plate's way up and
/// down in it. As it was where nothing says how the plate moves.
pub(crate) fn in_the_dark(off: Milliseconds, layer: &Layer) -> Option<Milliseconds> {
    let rest = layer.peel.rest_before_light;
    let Ok(time) = timing::layer(layer, &Peel::default(), Milliseconds(0)) else { return rest };
    match off.0.saturating_sub(time.moving.0.saturating_add(time.resting.0)) {
        0 => rest,
        more => Some(Milliseconds(rest.unwrap_or_default().0.saturating_add(more))),
    }
}

impl Pictures {
    fn none() -> Self {
        Self { points: [0, 0], writing: Writing::Grey { key: 0 }, spans: Vec::new(), layers: 0 }
    }

    /// The limits held its points when the tables were read.
    fn read<R: Read + Seek>(
        &self,
        source: &mut R,
        layer: LayerIndex,
        into: &mut Mask,
    ) -> Result<(), FileError> {
        let format = match self.writing {
            _ if self.spans.is_empty() => Format::EncryptedCtb,
            Writing::Grey { .. } => Format::Ctb,
            Writing::Bits { .. } => Format::Cbddlp,
        }
        .name();
        if self.spans.is_empty() {
            return Err(FileError::Opaque { format });
        }
        let wrong = |what: String| FileError::Layer { format, layer, what };
        let mut tables = Tables::new(source, format)?;
        let index = usize::try_from(layer.0).ok().filter(|index| *index < self.layers);
        let Some(index) = index else { return Err(wrong("is not there".to_owned())) };
        let mut fill = Fill::new(into, self.points).map_err(wrong)?;
        match self.writing {
            Writing::Grey { key } => {
                let mut bytes = self.bytes(&mut tables, index, layer, format)?;
                uncover(&mut bytes, key, layer);
                grey(&bytes, &mut fill).and_then(|()| fill.end()).map_err(wrong)
            }
            Writing::Bits { sets } => {
                // A point that is lit in all sets is white, and each set adds as much.
                for set in 1..=sets {
                    let offset = usize::try_from(set - 1).unwrap_or_default() * self.layers;
                    let bytes = self.bytes(&mut tables, index + offset, layer, format)?;
                    let mut fill = Fill::again(&mut into.grey);
                    bits(&bytes, &mut fill).and_then(|()| fill.end()).map_err(wrong)?;
                }
                let step = 256 / sets;
                let white =
                    |lit: u8| u8::try_from((u32::from(lit) * step).saturating_sub(1)).unwrap_or(u8::MAX);
                into.grey.iter_mut().for_each(|point| *point = white(*point));
                Ok(())
            }
        }
    }

    fn bytes<R: Read + Seek>(
        &self,
        tables: &mut Tables<'_, R>,
        row: usize,
        layer: LayerIndex,
        format: &'static str,
    ) -> Result<Vec<u8>, FileError> {
        let wrong = |what: String| FileError::Layer { format, layer, what };
        let Some(span) = self.spans.get(row) else { return Err(wrong("is not there".to_owned())) };
        let points = u64::from(self.points[0]) * u64::from(self.points[1]);
        if span.length > points.saturating_add(SPARE) {
            return Err(wrong(format!("has {} bytes, and only {points} points", span.length)));
        }
        let length =
            usize::try_from(span.length).map_err(|_| wrong("has more bytes than memory".to_owned()))?;
        tables.piece(span.at, length, "picture of a layer")
    }
}

/// Takes the key stream off a picture, or lays it over it: it is the same. Its words follow from the key and
/// the layer's number, little end first.
fn uncover(bytes: &mut [u8], key: u32, layer: LayerIndex) {
    if key == 0 {
        return;
    }
    let step = key.wrapping_mul(0x2D83_CDAC).wrapping_add(0xD8A8_3423);
    let mut word = layer.0.wrapping_mul(0x1E15_30CD).wrapping_add(0xEC3D_47CD).wrapping_mul(step);
    for piece in bytes.chunks_mut(4) {
        piece.iter_mut().zip(word.to_le_bytes()).for_each(|(byte, cover)| *byte ^= cover);
        word = word.wrapping_add(step);
    }
}

/// A byte of seven bits of grey, and where its eighth is set a length of one to four bytes, big end first.
fn grey(bytes: &[u8], fill: &mut Fill<'_>) -> Result<(), String> {
    let mut bytes = bytes.iter().copied();
    let mut more = || bytes.next();
    while let Some(head) = more() {
        let grey = match head & 0x7F {
            0 => 0,
            grey => grey << 1 | 1,
        };
        let length = if head & 0x80 == 0 {
            Some(1)
        } else {
            more().and_then(|first| {
                let (mut length, rest) = match first {
                    0x00..=0x7F => (u32::from(first), 0),
                    0x80..=0xBF => (u32::from(first & 0x3F), 1),
                    0xC0..=0xDF => (u32::from(first & 0x1F), 2),
                    0xE0..=0xEF => (u32::from(first & 0x0F), 3),
                    0xF0..=0xFF => return None,
                };
                for _ in 0..rest {
                    length = length << 8 | u32::from(more()?);
                }
                Some(length)
            })
        };
        let length = length.ok_or_else(|| "has a run of points without a length".to_owned())?;
        fill.run(u64::from(length), |_| grey)?;
    }
    Ok(())
}

/// A bit that says whether the run is lit, and seven of its length.
fn bits(bytes: &[u8], fill: &mut Fill<'_>) -> Result<(), String> {
    for byte in bytes {
        let lit = byte >> 7;
        fill.run(u64::from(byte & 0x7F), |sets| sets.saturating_add(lit))?;
    }
    Ok(())
}
