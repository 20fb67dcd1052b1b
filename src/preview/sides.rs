//! A body from the front, from the right and from above, side by side: whatever is nearest is seen.

use std::io::{Read, Seek};

use tiny_skia::{ColorU8, Pixmap};

use super::layer::{bead_of, pixels_of};
use super::{Pixels, PreviewError};
use crate::gcode::analysis::{Analysis, At, Segment};
use crate::model::limits::{LIMITS, ModelError};
use crate::model::{self, Hint, ModelReport};

/// Pixels around each view.
const BORDER: u16 = 6;
const BACKGROUND: u8 = 0xff;

/// Why there is no picture of a model.
#[derive(Debug, thiserror::Error)]
pub enum NoModel {
    #[error("this model cannot be used: {0}")]
    Model(#[from] ModelError),
    #[error(transparent)]
    Preview(#[from] PreviewError),
}

/// What becomes of a place: across, upwards, and away from whoever looks.
type Turn = fn([f64; 3]) -> [f64; 3];

const TURNS: [Turn; 3] = [|[x, y, z]| [x, z, y], |[x, y, z]| [y, z, -x], |[x, y, z]| [x, y, -z]];

/// One view: what is nearest in each pixel, and how bright.
struct View {
    turn: Turn,
    low: [f64; 3],
    high: [f64; 3],
    width: u16,
    height: u16,
    depth: Vec<f32>,
    shade: Vec<u8>,
}

/// Three views that are filled piece by piece, in memory that does not depend on the body.
pub struct Sides {
    views: [View; 3],
    scale: f64,
    bead: f64,
}

impl std::fmt::Debug for Sides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sides").field("scale", &self.scale).finish_non_exhaustive()
    }
}

impl Sides {
    /// For a body in this box, mm; `bead` is how thick a laid line is drawn.
    pub fn new(low: [f64; 3], high: [f64; 3], bead: f64, pixels: Pixels) -> Result<Self, PreviewError> {
        let size: [f64; 3] = std::array::from_fn(|axis| high[axis] - low[axis]);
        let longest = size.into_iter().fold(0.0, f64::max);
        if !size.iter().all(|mm| (0.0..1e7).contains(mm)) || longest <= 0.0 {
            return Err(PreviewError::Nothing);
        }
        let scale = f64::from(pixels.get() - 2 * BORDER) / longest;
        let views = TURNS.map(|turn| {
            let (a, b) = (turn(low), turn(high));
            let low = std::array::from_fn(|axis| a[axis].min(b[axis]));
            let high: [f64; 3] = std::array::from_fn(|axis| a[axis].max(b[axis]));
            let [width, height] =
                [0, 1].map(|axis: usize| pixels_of((high[axis] - low[axis]) * scale) + 2 * BORDER);
            let pixels = usize::from(width) * usize::from(height);
            View {
                turn,
                low,
                high,
                width,
                height,
                depth: vec![f32::INFINITY; pixels],
                shade: vec![0; pixels],
            }
        });
        Ok(Self { views, scale, bead })
    }

    /// For a whole print.
    pub fn of_print(file: &Analysis, pixels: Pixels) -> Result<Self, PreviewError> {
        let reach = |ends: &[Option<At>; 3]| Some([ends[0]?.value, ends[1]?.value, ends[2]?.value]);
        let ends = reach(&file.extrusion.low).zip(reach(&file.extrusion.high));
        let (low, high) = ends.ok_or(PreviewError::Nothing)?;
        Self::new(low, high, bead_of(file), pixels)
    }

    /// For a model as it would stand on the plate, which is read twice; how large it is makes no difference.
    pub fn of_model(
        source: &mut (impl Read + Seek),
        hint: Option<Hint>,
        pixels: Pixels,
    ) -> Result<(Self, ModelReport), NoModel> {
        let report = model::read(source, hint, None, &LIMITS)?;
        let mm = report.unit.millimetres();
        let mut sides = Self::new(report.extents.low, report.extents.high, 0.0, pixels)?;
        let mut sink = |corners: [[f64; 3]; 3]| sides.triangle(corners.map(|at| at.map(|at| at * mm)));
        model::pass(source, hint, None, &LIMITS, Some(&mut sink))?;
        Ok((sides, report))
    }

    /// A line of filament; ways without it are not seen.
    pub fn segment(&mut self, segment: &Segment) {
        if segment.lays {
            for view in &mut self.views {
                view.line((view.turn)(segment.from), (view.turn)(segment.to), self.scale, self.bead);
            }
        }
    }

    /// A piece of a surface.
    pub fn triangle(&mut self, corners: [[f64; 3]; 3]) {
        for view in &mut self.views {
            view.triangle(corners.map(view.turn), self.scale);
        }
    }

    pub fn png(&self) -> Result<Vec<u8>, PreviewError> {
        let width: u32 = self.views.iter().map(|view| u32::from(view.width)).sum();
        let height = self.views.iter().map(|view| view.height).max().unwrap_or_default();
        let mut picture = Pixmap::new(width, height.into()).ok_or(PreviewError::Size)?;
        let across = width as usize;
        let pixels = picture.pixels_mut();
        let grey = |grey: u8| ColorU8::from_rgba(grey, grey, grey, 255).premultiply();
        pixels.fill(grey(BACKGROUND));
        let mut left = 0;
        for view in &self.views {
            let top = usize::from(height - view.height) / 2;
            for row in 0..usize::from(view.height) {
                for column in 0..usize::from(view.width) {
                    let at = row * usize::from(view.width) + column;
                    if view.depth[at].is_finite() {
                        let shade = view.shade[at];
                        let colour = ColorU8::from_rgba(shade / 2, shade / 2 + shade / 4, shade, 255);
                        pixels[(top + row) * across + left + column] = colour.premultiply();
                    }
                }
            }
            left += usize::from(view.width);
        }
        picture.encode_png().map_err(|error| PreviewError::Encoder(error.to_string()))
    }
}

impl View {
    /// Pixels across and down, with fractions, and the distance.
    fn place(&self, at: [f64; 3], scale: f64) -> [f64; 3] {
        let border = f64::from(BORDER);
        [(at[0] - self.low[0]) * scale + border, (self.high[1] - at[1]) * scale + border, at[2]]
    }

    /// From 0, nearest, to 1.
    fn far(&self, distance: f64) -> f64 {
        ((distance - self.low[2]) / (self.high[2] - self.low[2]).max(1e-9)).clamp(0.0, 1.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "places are within the view, shades below 251")]
    fn put(&mut self, column: f64, row: f64, distance: f64, shade: f64) {
        let inside = |at: f64, size: u16| at >= 0.0 && at < f64::from(size);
        if !inside(column, self.width) || !inside(row, self.height) {
            return;
        }
        let at = row as usize * usize::from(self.width) + column as usize;
        let distance = distance as f32;
        if distance < self.depth[at] {
            self.depth[at] = distance;
            self.shade[at] = shade.clamp(0.0, 250.0) as u8;
        }
    }

    fn line(&mut self, from: [f64; 3], to: [f64; 3], scale: f64, bead: f64) {
        let (from, to) = (self.place(from, scale), self.place(to, scale));
        let (across, down) = (to[0] - from[0], to[1] - from[1]);
        let thick = (bead * scale).max(1.0);
        let longest = across.abs().max(down.abs());
        if !longest.is_finite() || longest > 1e5 {
            return;
        }
        let steps = longest.ceil().max(1.0);
        let mut step = 0.0;
        while step <= steps {
            let part = step / steps;
            let distance = from[2] + (to[2] - from[2]) * part;
            let shade = 220.0 - 150.0 * self.far(distance);
            let mut offset = -thick / 2.0;
            while offset <= thick / 2.0 {
                // The bead is round: its middle is nearer, and brighter.
                let rim = 1.0 - (offset / thick * 2.0).abs().min(1.0) * 0.35;
                let (column, row) = (from[0] + across * part, from[1] + down * part);
                if across.abs() >= down.abs() {
                    self.put(column, row + offset, distance, shade * rim);
                } else {
                    self.put(column + offset, row, distance, shade * rim);
                }
                offset += 1.0;
            }
            step += 1.0;
        }
    }

    fn triangle(&mut self, corners: [[f64; 3]; 3], scale: f64) {
        let normal = cross(minus(corners[1], corners[0]), minus(corners[2], corners[0]));
        let length = normal.iter().map(|at| at * at).sum::<f64>().sqrt();
        if length <= 0.0 || !length.is_finite() {
            return;
        }
        // Light falls in from where one looks.
        let light = (normal[2] / length).abs();
        let [a, b, c] = corners.map(|corner| self.place(corner, scale));
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        let least = |axis: usize| a[axis].min(b[axis]).min(c[axis]).floor().max(0.0);
        let most = |axis: usize, size: u16| a[axis].max(b[axis]).max(c[axis]).min(f64::from(size));
        if area == 0.0 {
            return;
        }
        let mut row = least(1);
        while row <= most(1, self.height) {
            let mut column = least(0);
            while column <= most(0, self.width) {
                let (x, y) = (column + 0.5, row + 0.5);
                let of_b = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area;
                let of_c = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area;
                if of_b >= -1e-9 && of_c >= -1e-9 && of_b + of_c <= 1.0 + 1e-9 {
                    let distance = a[2] + (b[2] - a[2]) * of_b + (c[2] - a[2]) * of_c;
                    let shade = 70.0 + 130.0 * light + 30.0 * (1.0 - self.far(distance));
                    self.put(column, row, distance, shade);
                }
                column += 1.0;
            }
            row += 1.0;
        }
    }
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
