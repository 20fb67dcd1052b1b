//! Elegoo's files (`.goo`): a big-endian header with two small pictures, then layer after layer.
//!
//! ```text
//! "V3.0" magic texts 116² 290² settings │ { settings, 0D 0A, length, 55 runs checksum, 0D 0A }… │ ending
//! ```
//! The layout is that of Elegoo's `GOO` specification as crate `goo` and UVtools' `GooFile` have it. That
//! crate trusts its input: it panics on a table that is cut, on a run without its length and on grey beyond
//! white, and takes memory for as many layers as the header claims. So the tables are read here, and it gets
//! runs only after `whole` has walked them.

use std::io::{Read, Seek};

use ::goo::LayerDecoder;

use crate::ctb::in_the_dark;
use crate::file::{Claims, FileError, Format, Limits, Mask, MaskAccess, ResinFile};
use crate::layer::{Layer, LayerIndex, Peel};
use crate::machine::Mirrored;
use crate::tables::{Fill, Order, Record, Tables};
use crate::units::Milliseconds;

/// Behind the version, which is text.
pub const MAGIC: [u8; 8] = [0x07, 0, 0, 0, b'D', b'L', b'P', 0];
/// Behind the last layer.
const ENDING: [u8; 11] = [0, 0, 0, 0x07, 0, 0, 0, b'D', b'L', b'P', 0];
const DELIMITER: [u8; 2] = [0x0D, 0x0A];

/// Texts before the pictures.
const TEXTS: usize = 194;
const SMALL: u64 = 116 * 116 * 2;
const LARGE: u64 = 290 * 290 * 2;
/// Behind the pictures and what delimits them.
const SETTINGS_AT: u64 = TEXTS as u64 + SMALL + 2 + LARGE + 2;
const SETTINGS: usize = 167;
/// Of all the header; the file says it too.
const HEADER: u64 = SETTINGS_AT + SETTINGS as u64;
/// Before the runs of a layer, with its length.
const LAYER: usize = 70;
/// Before and behind the runs within that length.
const MARK: u8 = 0x55;
/// Bytes that runs may have beyond one for each point, which no picture of a part reaches.
const SPARE: u64 = 1 << 16;

/// Whether it is one, by its first twelve bytes.
#[must_use]
pub fn recognise(first: [u8; 12]) -> bool {
    first.ends_with(&MAGIC)
}

/// All but the masks.
///
/// # Errors
/// Tables that are cut or not where they belong, numbers that are none, and what `limits` says.
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
    /// [`FileError::Layer`] where its checksum is wrong, its runs are broken, or more or fewer than the
    /// points of the display.
    pub fn layer(&mut self, layer: LayerIndex, into: &mut Mask) -> Result<(), FileError> {
        let mut tables = Tables::new(&mut self.source, NAME)?;
        let wrong = |what: String| FileError::Layer { format: NAME, layer, what };
        let span = usize::try_from(layer.0).ok().and_then(|index| self.pictures.spans.get(index));
        let Some((at, length)) = span.copied() else { return Err(wrong("is not there".to_owned())) };
        let points = u64::from(self.pictures.points[0]) * u64::from(self.pictures.points[1]);
        if length > points.saturating_add(SPARE) {
            return Err(wrong(format!("has {length} bytes, and only {points} points")));
        }
        let length = usize::try_from(length).map_err(|_| wrong("has more bytes than memory".to_owned()))?;
        let bytes = tables.piece(at, length, "picture of a layer")?;
        let Some((checksum, runs)) = bytes.split_last() else { return Err(wrong("is empty".to_owned())) };
        let decoder = LayerDecoder::new(runs);
        if decoder.checksum() != *checksum {
            let what = format!(
                "does not match its checksum: it is {:#04x} and says {checksum:#04x}",
                decoder.checksum()
            );
            return Err(wrong(what));
        }
        whole(runs).map_err(|what| wrong(what.to_owned()))?;
        let mut fill = Fill::new(into, self.pictures.points).map_err(wrong)?;
        for run in decoder {
            fill.run(run.length, |_| run.value).map_err(wrong)?;
        }
        fill.end().map_err(wrong)
    }
}

const NAME: &str = "GOO";

/// Runs with their checksum behind them: where they begin, and how many bytes both are.
#[derive(Clone, Debug, PartialEq)]
struct Pictures {
    points: [u32; 2],
    spans: Vec<(u64, u64)>,
}

fn tables<R: Read + Seek>(source: &mut R, limits: &Limits) -> Result<(ResinFile, Pictures), FileError> {
    let mut tables = Tables::new(source, NAME)?;
    let texts = tables.record(0, TEXTS, "header", Order::Big)?;
    if texts.bytes.get(4..12).is_none_or(|magic| magic != MAGIC) {
        return Err(FileError::Unknown(
            "it does not begin with the version and the mark of a GOO".to_owned(),
        ));
    }
    let settings = tables.record(SETTINGS_AT, SETTINGS, "header", Order::Big)?;
    for at in [SETTINGS_AT - 2, SETTINGS_AT - 4 - LARGE] {
        if tables.piece(at, 2, "header")? != DELIMITER {
            return Err(damaged(format!("its header has no delimiter at {at}")));
        }
    }
    let points = points(&settings, limits)?;
    let print = Print::of(&settings)?;
    let (layers, spans) = layers(&mut tables, &print, u64::from(settings.word(160)), limits)?;

    let side = |at, points: u32| {
        let millimetres = settings.number(at, "size of the display")?;
        Ok((millimetres > 0.0).then(|| millimetres * 1e3 / f64::from(points)))
    };
    let point = match (side(10, points[0])?, side(14, points[1])?) {
        (Some(x), Some(y)) => Some([x, y]),
        _ => None,
    };
    let slicer = [texts.text(12, 32), texts.text(44, 24)];
    let slicer: Vec<String> = slicer.into_iter().flatten().collect();
    let file = ResinFile {
        format: Format::Goo,
        masks: MaskAccess::Readable { points },
        point,
        mirrored: Some(Mirrored { x: settings.byte(8) != 0, y: settings.byte(9) != 0 }),
        layer_height: Some(settings.length(22, "layer height")?),
        layers,
        claims: Claims {
            layers: Some(settings.word(0)),
            seconds: Some(f64::from(settings.word(136))).filter(|seconds| *seconds > 0.0),
            // It is in mm³.
            millilitres: Some(settings.number(140, "volume of resin")? / 1e3).filter(|volume| *volume > 0.0),
            printer: texts.text(92, 32),
            print_profile: texts.text(156, 32),
            slicer: (!slicer.is_empty()).then(|| slicer.join(" ")),
            ..Claims::default()
        },
    };
    Ok((file, Pictures { points, spans }))
}

fn damaged(what: String) -> FileError {
    FileError::Damaged { format: NAME, what }
}

fn points(settings: &Record, limits: &Limits) -> Result<[u32; 2], FileError> {
    let points @ [width, height] = [u32::from(settings.half(4)), u32::from(settings.half(6))];
    if width == 0 || height == 0 {
        return Err(settings.wrong("points of the display", format!("{width} by {height}")));
    }
    let found = u64::from(width) * u64::from(height);
    if found > limits.points {
        return Err(FileError::TooMuch { what: "too many points in a layer", found, max: limits.points });
    }
    Ok(points)
}

/// What the header says of all layers, bottom layers first.
#[derive(Clone, Copy, Debug)]
struct Print {
    /// Each layer goes by its own settings; otherwise by the header's.
    each: bool,
    /// The time without light is from light to light, with the plate's way in it.
    from_light_to_light: bool,
    off: Milliseconds,
    bottoms: u32,
    /// Layers whose exposure goes from the one to the other in equal steps.
    transition: u32,
    exposure: [Milliseconds; 2],
    light: [u8; 2],
    peel: [Peel; 2],
}

impl Print {
    fn of(settings: &Record) -> Result<Self, FileError> {
        let peel = |rests: usize, lift: usize, retract: usize, second: usize, second_retract: usize| {
            Ok(Peel {
                rest_before_lift: Some(settings.time(rests, "rest before lift")?),
                lift: Some(settings.length(lift, "lift")?),
                lift_speed: settings.speed(lift + 4, "lift speed")?,
                second_lift: Some(settings.length(second, "second lift")?),
                second_lift_speed: settings.speed(second + 4, "second lift speed")?,
                rest_after_lift: Some(settings.time(rests + 4, "rest after lift")?),
                retract_speed: settings.speed(retract + 4, "retract speed")?,
                second_retract: Some(settings.length(second_retract, "second retract")?),
                second_retract_speed: settings.speed(second_retract + 4, "second retract speed")?,
                rest_before_light: Some(settings.time(rests + 8, "rest after retract")?),
            })
        };
        Ok(Self {
            each: settings.byte(135) != 0,
            from_light_to_light: settings.byte(30) == 0,
            off: settings.time(31, "time without light")?,
            bottoms: settings.word(63),
            transition: u32::from(settings.half(165)),
            exposure: [settings.time(59, "exposure of bottom layers")?, settings.time(26, "exposure")?],
            light: [settings.light(131, "light of bottom layers")?, settings.light(133, "light")?],
            peel: [peel(35, 67, 83, 99, 115)?, peel(47, 75, 91, 107, 123)?],
        })
    }

    fn exposure(&self, index: u32) -> Milliseconds {
        let [bottom, normal] = self.exposure;
        let Some(step) = index.checked_sub(self.bottoms).map(|step| u64::from(step) + 1) else {
            return bottom;
        };
        let steps = u64::from(self.transition) + 1;
        let left = steps.saturating_sub(step);
        // A day in milliseconds by 65,536 steps is far from the end of the type.
        Milliseconds((bottom.0 * left + normal.0 * (steps - left)) / steps)
    }
}

type Layers = (Vec<Layer>, Vec<(u64, u64)>);

/// Layer by layer up to the ending; what the header counts is only a claim.
fn layers<R: Read + Seek>(
    tables: &mut Tables<'_, R>,
    print: &Print,
    mut at: u64,
    limits: &Limits,
) -> Result<Layers, FileError> {
    if at < HEADER {
        return Err(damaged(format!("its layers begin at {at}, within its header of {HEADER} bytes")));
    }
    let (mut layers, mut spans) = (Vec::new(), Vec::new());
    loop {
        if tables.piece(at, ENDING.len(), "layer, or the ending behind the last one")? == ENDING {
            break;
        }
        let index = u32::try_from(layers.len()).unwrap_or(u32::MAX);
        if index >= limits.layers {
            let (found, max) = (u64::from(index) + 1, u64::from(limits.layers));
            return Err(FileError::TooMuch { what: "too many layers", found, max });
        }
        let mut record = tables.record(at, LAYER, "layer", Order::Big)?;
        record.name = format!("layer {}", u64::from(index) + 1);
        let length = u64::from(record.word(LAYER - 4));
        let Some(picture) = length.checked_sub(1).filter(|picture| *picture > 0) else {
            return Err(record.wrong("length of its picture", format!("{length} bytes")));
        };
        let mark = at + LAYER as u64;
        let behind = mark + length;
        if !tables.holds(mark, length + 2) {
            return Err(FileError::Cut { format: NAME, what: "picture of a layer" });
        }
        let delimited = record.bytes.get(LAYER - 6..LAYER - 4).is_some_and(|two| two == DELIMITER)
            && tables.piece(behind, 2, "layer")? == DELIMITER
            && tables.piece(mark, 1, "layer")? == [MARK];
        if !delimited {
            return Err(damaged(format!("layer {} is not between its marks", u64::from(index) + 1)));
        }
        layers.push(layer(&record, print, index, behind)?);
        spans.push((mark + 1, picture));
        at = behind + 2;
    }
    if layers.is_empty() {
        return Err(FileError::Missing { format: NAME, what: "any layer" });
    }
    Ok((layers, spans))
}

fn layer(record: &Record, print: &Print, index: u32, ends_at: u64) -> Result<Layer, FileError> {
    let kind = usize::from(index >= print.bottoms);
    let mut layer = Layer {
        top: record.length(6, "height")?,
        exposure: print.exposure(index),
        light: Some(print.light[kind]),
        peel: print.peel[kind],
        pause: record.half(0) == 1,
        ends_at: Some(ends_at),
    };
    let mut off = print.off;
    // Read in any case: what is no number is damage, wherever it stands.
    let exposure = record.time(10, "exposure")?;
    let of_its_own = Peel {
        rest_before_lift: Some(record.time(18, "rest before lift")?),
        rest_after_lift: Some(record.time(22, "rest after lift")?),
        rest_before_light: Some(record.time(26, "rest after retract")?),
        lift: Some(record.length(30, "lift")?),
        lift_speed: record.speed(34, "lift speed")?,
        second_lift: Some(record.length(38, "second lift")?),
        second_lift_speed: record.speed(42, "second lift speed")?,
        retract_speed: record.speed(50, "retract speed")?,
        second_retract: Some(record.length(54, "second retract")?),
        second_retract_speed: record.speed(58, "second retract speed")?,
    };
    let light = record.light(62, "light")?;
    if print.each {
        layer.exposure = exposure;
        layer.light = Some(light);
        layer.peel = of_its_own;
        off = record.time(14, "time without light")?;
    }
    if print.from_light_to_light {
        layer.peel.rest_before_light = in_the_dark(off, &layer);
    }
    Ok(layer)
}

/// Whether every run has the bytes that its head announces, and no step of grey goes beyond black or white:
/// the crate reads and counts without asking.
fn whole(runs: &[u8]) -> Result<(), &'static str> {
    let (mut at, mut grey) = (0, 0_u8);
    while let Some(head) = runs.get(at) {
        let more = usize::from(head >> 4 & 3);
        let behind = match head >> 6 {
            0 => {
                grey = 0;
                at + 1 + more
            }
            1 => {
                grey = runs.get(at + 1).copied().unwrap_or_default();
                at + 2 + more
            }
            2 => {
                let (step, down, long) = (head & 0x0F, more & 2 != 0, more & 1);
                let next = if down { grey.checked_sub(step) } else { grey.checked_add(step) };
                grey = next.ok_or("has a step of grey beyond black or white")?;
                at + 1 + long
            }
            _ => {
                grey = u8::MAX;
                at + 1 + more
            }
        };
        if behind > runs.len() {
            return Err("has a run of points without a length");
        }
        at = behind;
    }
    Ok(())
}
