//! One layer, seen from above: beads at their width, ways between them thin; every layer of a print in one frame.

use std::fmt::Write;

use tiny_skia::{Color, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::{Pixels, PreviewError};
use crate::gcode::analysis::{Analysis, Segment};

/// Moves that are held; a real layer has some ten thousand.
pub const MOVES_MAX: usize = 1_000_000;
/// Around the print, as a part of its longer side.
const MARGIN: f64 = 0.03;
/// mm where the file tells no nozzle.
const BEAD: f64 = 0.45;
const LAID: [u8; 3] = [0x1f, 0x4e, 0x79];
const WAY: [u8; 3] = [0xd9, 0x8e, 0x4a];

/// Picks one layer out of a file's way.
#[derive(Debug)]
pub struct Picked {
    layer: usize,
    segments: Vec<Segment>,
    full: bool,
}

impl Picked {
    /// The first layer is 1.
    pub fn new(layer: usize) -> Self {
        Self { layer, segments: Vec::new(), full: false }
    }

    pub fn take(&mut self, segments: Vec<Segment>) {
        let picked = segments.into_iter().filter(|segment| segment.layer == self.layer);
        let room = MOVES_MAX - self.segments.len();
        let mut picked = picked.fuse();
        self.segments.extend(picked.by_ref().take(room));
        self.full |= picked.next().is_some();
    }

    /// The picture to be, within the whole print.
    pub fn view(self, of: &Analysis) -> Result<View, PreviewError> {
        let Self { layer, segments, full } = self;
        let layers = of.layers.len();
        let known = layer.checked_sub(1).and_then(|index| of.layers.get(index));
        let Some(known) = known else { return Err(PreviewError::NoLayer { layer, layers }) };
        if full {
            return Err(PreviewError::TooMuch { layer, max: MOVES_MAX });
        }
        let reach = |axis: usize| {
            Some((of.extrusion.low[axis]?.value, of.extrusion.high[axis]?.value))
                .filter(|(low, high)| (high - low).is_finite())
        };
        let (Some(x), Some(y)) = (reach(0), reach(1)) else { return Err(PreviewError::Nothing) };
        let margin = (x.1 - x.0).max(y.1 - y.0).max(1.0) * MARGIN;
        Ok(View {
            layer,
            layers,
            z: known.z,
            segments,
            low: [x.0 - margin, y.0 - margin],
            high: [x.1 + margin, y.1 + margin],
            bead: bead_of(of),
        })
    }
}

/// How wide filament is laid, mm.
pub(super) fn bead_of(file: &Analysis) -> f64 {
    file.metadata.nozzle_diameter.first().map_or(BEAD, |nozzle| nozzle * 1.1).clamp(0.05, 5.0)
}

/// A layer in the frame of its print, mm.
#[derive(Debug)]
pub struct View {
    pub layer: usize,
    pub layers: usize,
    pub z: Option<f64>,
    segments: Vec<Segment>,
    low: [f64; 2],
    high: [f64; 2],
    bead: f64,
}

impl View {
    /// Millimetres to pixels, with Y upwards, and width and height.
    fn frame(&self, pixels: Pixels) -> (f64, [u16; 2]) {
        let size = [self.high[0] - self.low[0], self.high[1] - self.low[1]];
        let scale = f64::from(pixels.get()) / size[0].max(size[1]);
        (scale, size.map(|mm| pixels_of(mm * scale)))
    }

    fn place(&self, at: [f64; 3], scale: f64) -> [f64; 2] {
        [(at[0] - self.low[0]) * scale, (self.high[1] - at[1]) * scale]
    }

    /// Ways that hang together, of one kind.
    fn strokes(&self, lays: bool) -> impl Iterator<Item = &[Segment]> {
        self.segments
            .chunk_by(|a, b| a.lays == b.lays && a.to == b.from)
            .filter(move |stroke| stroke[0].lays == lays)
    }

    /// How far it reaches outside of the frame is cut off by the picture.
    pub fn svg(&self, pixels: Pixels) -> String {
        let (scale, [width, height]) = self.frame(pixels);
        let z = self.z.map(|z| format!(" at {z:.2} mm")).unwrap_or_default();
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\
             <title>Layer {} of {}{z}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
            self.layer, self.layers
        );
        for (lays, colour) in [(false, WAY), (true, LAID)] {
            let [red, green, blue] = colour;
            let thick = if lays { self.bead * scale } else { 0.6 };
            let _ = write!(
                text,
                "<path fill=\"none\" stroke=\"#{red:02x}{green:02x}{blue:02x}\" stroke-width=\"{thick:.2}\" \
                 stroke-linecap=\"round\" stroke-linejoin=\"round\" d=\""
            );
            for stroke in self.strokes(lays) {
                let [x, y] = self.place(stroke[0].from, scale);
                let _ = write!(text, "M{x:.1} {y:.1}");
                for segment in stroke {
                    let [x, y] = self.place(segment.to, scale);
                    let _ = write!(text, "L{x:.1} {y:.1}");
                }
            }
            text.push_str("\"/>");
        }
        text.push_str("</svg>\n");
        text
    }

    pub fn png(&self, pixels: Pixels) -> Result<Vec<u8>, PreviewError> {
        let (scale, [width, height]) = self.frame(pixels);
        let mut picture = Pixmap::new(width.into(), height.into()).ok_or(PreviewError::Size)?;
        picture.fill(Color::WHITE);
        for (lays, [red, green, blue]) in [(false, WAY), (true, LAID)] {
            let mut paint = Paint::default();
            paint.set_color_rgba8(red, green, blue, 255);
            paint.anti_alias = true;
            let thick = if lays { (self.bead * scale).max(0.8) } else { 0.6 };
            let stroke = Stroke {
                width: in_picture(thick),
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            for run in self.strokes(lays) {
                let mut path = PathBuilder::new();
                let [x, y] = self.place(run[0].from, scale);
                path.move_to(in_picture(x), in_picture(y));
                for segment in run {
                    let [x, y] = self.place(segment.to, scale);
                    path.line_to(in_picture(x), in_picture(y));
                }
                // What has no length, or a place that is none, is no path.
                if let Some(path) = path.finish() {
                    picture.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
                }
            }
        }
        picture.encode_png().map_err(|error| PreviewError::Encoder(error.to_string()))
    }
}

/// Pixels, as the painter counts them.
#[expect(clippy::cast_possible_truncation, reason = "a millionth of a pixel is not seen")]
fn in_picture(pixels: f64) -> f32 {
    pixels as f32
}

/// A length in whole pixels; at least one, and no more than a picture has.
pub(super) fn pixels_of(length: f64) -> u16 {
    let mut pixels = 1;
    while f64::from(pixels) < length && pixels < Pixels::MAX {
        pixels += 1;
    }
    pixels
}
