//! A print from the front, from the right and from above, gathered from its masks as they come and drawn at any size.
//!
//! Masks are long to unfold, so that nothing is unfolded for a picture alone: while they are read for what they are, it
//! is noted in coarse cells what is nearest to whoever looks. That is a quarter of a megabyte, however large the file.

use ::resin::file::Mask;
use ::resin::machine::Mirrored;
use ::resin::picture::Survey;
use tiny_skia::{ColorU8, Pixmap};

use super::layer::pixels_of;
use super::{Pixels, PreviewError};

/// Cells along the longer side of the display, and at most as many slices upwards.
const CELLS: u32 = 200;
/// A point this bright is a part of the body.
const LIT: u8 = 128;
/// Pixels around each view.
const BORDER: u16 = 6;
/// Cells by which a neighbour is nearer or farther where an edge is seen.
const STEP: u16 = 3;

/// Depths of one view, row by row from above: 0 is nothing, and more is nearer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Depths {
    across: usize,
    nearest: Vec<u16>,
}

impl Depths {
    fn new(across: usize, rows: usize) -> Self {
        Self { across, nearest: vec![0; across.saturating_mul(rows)] }
    }

    fn put(&mut self, column: usize, row: usize, near: usize) {
        let near = u16::try_from(near).unwrap_or(u16::MAX);
        if let Some(cell) = self.nearest.get_mut(row * self.across + column) {
            *cell = near.max(*cell);
        }
    }

    fn at(&self, column: usize, row: usize) -> u16 {
        self.nearest.get(row * self.across + column).copied().unwrap_or(0)
    }
}

/// What is gathered of a print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relief {
    /// Points of a mask's side that a cell has.
    cell: usize,
    /// Layers that a slice stands for.
    stride: u32,
    /// What is undone, so that the part is seen as it is.
    mirrored: Mirrored,
    columns: usize,
    rows: usize,
    slices: usize,
    front: Depths,
    right: Depths,
    above: Depths,
}

/// How large points and layers are, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Of a point along X and Y.
    pub point: [f64; 2],
    pub layer: f64,
}

impl Relief {
    /// Of masks with so many columns and rows of points, and so many of them.
    pub fn new(points: [u32; 2], layers: u32, mirrored: Mirrored) -> Self {
        let cell = points[0].max(points[1]).div_ceil(CELLS).max(1);
        let stride = layers.div_ceil(CELLS).max(1);
        let cells = |points: u32| usize::try_from(points.div_ceil(cell)).unwrap_or(0);
        let [columns, rows] = points.map(cells);
        let slices = usize::try_from(layers.div_ceil(stride)).unwrap_or(0);
        Self {
            cell: usize::try_from(cell).unwrap_or(1),
            stride,
            mirrored,
            columns,
            rows,
            slices,
            front: Depths::new(columns, slices),
            right: Depths::new(rows, slices),
            above: Depths::new(columns, rows),
        }
    }

    /// Whether a layer, counted from 0, is one that is looked at.
    pub fn wants(&self, layer: u32) -> bool {
        layer.is_multiple_of(self.stride)
    }

    /// Looks at a layer that it wants. `found` is where anything of the mask is lit at all.
    pub fn add(&mut self, layer: u32, mask: &Mask, found: &Survey) {
        let (Some(bounds), Ok(width)) = (found.bounds, usize::try_from(mask.width)) else { return };
        let whole = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let slice = whole(layer / self.stride);
        // Row 0 of a view is at its top.
        let Some(from_top) = self.slices.checked_sub(slice + 1) else { return };
        let [first, last] = bounds.columns.map(whole);
        let mut row = whole(bounds.rows[0]);
        while row <= whole(bounds.rows[1]) {
            let begin = row.saturating_mul(width);
            let points = mask.grey.get(begin + first..=begin + last).unwrap_or_default();
            let row_cell = turned(row / self.cell, self.rows, self.mirrored.y);
            let mut at = 0;
            while let Some(behind) = points.get(at..).and_then(|rest| rest.iter().position(|p| *p >= LIT)) {
                let cell = (first + at + behind) / self.cell;
                let column = turned(cell, self.columns, self.mirrored.x);
                self.front.put(column, from_top, row_cell + 1);
                self.right.put(row_cell, from_top, column + 1);
                self.above.put(column, row_cell, slice + 1);
                // The rest of the cell says the same.
                at = ((cell + 1) * self.cell).saturating_sub(first);
            }
            row += 1;
        }
    }

    /// The three views side by side, at most so many pixels each.
    pub fn png(&self, size: Size, pixels: Pixels) -> Result<Vec<u8>, PreviewError> {
        let [columns, rows, slices] = self.used().ok_or(PreviewError::Nothing)?;
        let cell = self.cell as f64;
        let sides = [size.point[0] * cell, size.point[1] * cell, size.layer * f64::from(self.stride)];
        let length = |range: &Range, side: f64| (range.1 - range.0 + 1) as f64 * side;
        let [x, y, z] = [length(&columns, sides[0]), length(&rows, sides[1]), length(&slices, sides[2])];
        let longest = x.max(y).max(z);
        if !longest.is_finite() || longest <= 0.0 {
            return Err(PreviewError::Size);
        }
        let scale = f64::from(pixels.get() - 2 * BORDER) / longest;
        let views = [
            View::new(&self.front, [columns, slices], false, [x, z].map(|mm| pixels_of(mm * scale))),
            // Seen from the right, what is in front lies on the left, and rows of a mask begin at the back.
            View::new(&self.right, [rows, slices], true, [y, z].map(|mm| pixels_of(mm * scale))),
            View::new(&self.above, [columns, rows], false, [x, y].map(|mm| pixels_of(mm * scale))),
        ];
        let width = views.iter().map(|view| u32::from(view.pixels[0] + 2 * BORDER)).sum();
        let height = views.iter().map(|view| view.pixels[1]).max().unwrap_or(0) + 2 * BORDER;
        let mut picture = Pixmap::new(width, height.into()).ok_or(PreviewError::Size)?;
        let across = usize::try_from(width).unwrap_or(0);
        let drawn = picture.pixels_mut();
        drawn.fill(ColorU8::from_rgba(0xff, 0xff, 0xff, 255).premultiply());
        let mut left = usize::from(BORDER);
        for view in &views {
            let top = usize::from(height - view.pixels[1]) / 2;
            for row in 0..usize::from(view.pixels[1]) {
                for column in 0..usize::from(view.pixels[0]) {
                    let Some(shade) = view.shade(column, row) else { continue };
                    let colour = ColorU8::from_rgba(shade / 2, shade / 2 + shade / 4, shade, 255);
                    if let Some(pixel) = drawn.get_mut((top + row) * across + left + column) {
                        *pixel = colour.premultiply();
                    }
                }
            }
            left += usize::from(view.pixels[0] + 2 * BORDER);
        }
        picture.encode_png().map_err(|error| PreviewError::Encoder(error.to_string()))
    }

    /// The first and the last column, row and slice (from above) with anything in them.
    fn used(&self) -> Option<[Range; 3]> {
        let of = |depths: &Depths, count: usize, rows: usize, by_row: bool| {
            let is_used = |at: &usize| {
                let other = if by_row { depths.across } else { rows };
                (0..other).any(|o| if by_row { depths.at(o, *at) > 0 } else { depths.at(*at, o) > 0 })
            };
            let first = (0..count).find(is_used)?;
            Some((first, (first..count).rev().find(is_used)?))
        };
        Some([
            of(&self.above, self.columns, self.rows, false)?,
            of(&self.above, self.rows, self.rows, true)?,
            of(&self.front, self.slices, self.slices, true)?,
        ])
    }
}

fn turned(at: usize, of: usize, is: bool) -> usize {
    if is { of.saturating_sub(at + 1) } else { at }
}

/// First and last.
type Range = (usize, usize);

struct View<'r> {
    depths: &'r Depths,
    shown: [Range; 2],
    /// Its columns run from right to left.
    turned: bool,
    pixels: [u16; 2],
    nearest: u16,
    farthest: u16,
}

impl<'r> View<'r> {
    fn new(depths: &'r Depths, shown: [Range; 2], turned: bool, pixels: [u16; 2]) -> Self {
        let there = || depths.nearest.iter().copied().filter(|near| *near > 0);
        let (nearest, farthest) = (there().max().unwrap_or(1), there().min().unwrap_or(1));
        Self { depths, shown, turned, pixels, nearest, farthest }
    }

    fn cell(&self, axis: usize, at: usize) -> usize {
        let ((first, last), pixels) = (self.shown[axis], usize::from(self.pixels[axis]).max(1));
        let of = (at * (last - first + 1) / pixels).min(last - first);
        if self.turned && axis == 0 { last - of } else { first + of }
    }

    fn shade(&self, column: usize, row: usize) -> Option<u8> {
        let at = self.depths.at(self.cell(0, column), self.cell(1, row));
        if at == 0 {
            return None;
        }
        let deep = u32::from(self.nearest - self.farthest).max(1);
        let far = u32::from(self.nearest - at) * 130 / deep;
        let beside = |column: Option<usize>, row: Option<usize>| {
            let (Some(column), Some(row)) = (column, row) else { return true };
            self.depths.at(self.cell(0, column), self.cell(1, row)).abs_diff(at) > STEP
        };
        let is_edge = beside(column.checked_sub(1), Some(row)) || beside(Some(column), row.checked_sub(1));
        let shade = 225_u32.saturating_sub(far).saturating_sub(if is_edge { 45 } else { 0 });
        u8::try_from(shade).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::picture::survey;

    /// Two layers of a box, and two of a smaller one on its left half.
    fn stepped(mirrored: Mirrored) -> Relief {
        let mut relief = Relief::new([40, 20], 4, mirrored);
        for layer in 0..4 {
            let right = if layer < 2 { 30.0 } else { 15.0 };
            let mask = Mask::dark(40, 20).with_box([5.0, 4.0], [right, 10.0]);
            relief.add(layer, &mask, &survey(&mask));
        }
        relief
    }

    fn size() -> Size {
        Size { point: [0.1; 2], layer: 0.1 }
    }

    #[test]
    fn what_is_nearest_is_seen_from_each_side() {
        let relief = stepped(Mirrored::default());
        assert_eq!((relief.above.at(6, 5), relief.above.at(20, 5), relief.above.at(35, 5)), (4, 2, 0));
        assert_eq!(relief.front.at(20, 0), 0, "nothing is that high there");
        assert_eq!(relief.front.at(20, 3), 10, "the last lit row is in front");
        assert_eq!((relief.right.at(5, 0), relief.right.at(5, 3)), (15, 30));
        assert_eq!(relief.used(), Some([(5, 29), (4, 9), (0, 3)]));
    }

    #[test]
    fn a_picture_has_three_views_and_nothing_lit_has_none() {
        let png = stepped(Mirrored::default()).png(size(), Pixels::new(64).unwrap()).unwrap();
        let picture = Pixmap::decode_png(&png).unwrap();
        // 52 pixels for 2.5 mm: 25 by 4, 6 by 4 and 25 by 6 cells, and a border around each.
        assert_eq!((picture.width(), picture.height()), (2 * 52 + 13 + 6 * 6, 13 + 12));
        let nothing = Relief::new([40, 20], 4, Mirrored::default()).png(size(), Pixels::default());
        assert_eq!(nothing, Err(PreviewError::Nothing));
    }

    #[test]
    fn a_mirrored_mask_is_shown_as_the_part_is() {
        let whole = |mirrored| {
            let png = stepped(mirrored).png(size(), Pixels::new(64).unwrap()).unwrap();
            Pixmap::decode_png(&png).unwrap()
        };
        let (plain, turned) = (whole(Mirrored::default()), whole(Mirrored { x: true, y: false }));
        // The high half of the front view, at its top.
        let is_body = |picture: &Pixmap, column: u32| {
            let row = u32::from(BORDER) + 3;
            picture.pixel(column, row).is_some_and(|pixel| pixel.red() < 0xff)
        };
        assert!(is_body(&plain, 10) && !is_body(&plain, 50));
        assert!(!is_body(&turned, 10) && is_body(&turned, 50));
        let behind = stepped(Mirrored { x: false, y: true });
        assert_eq!((behind.above.at(6, 14), behind.front.at(20, 3)), (4, 16), "row 4 is in front then");
    }

    #[test]
    fn a_large_display_and_many_layers_take_no_more_room() {
        let relief = Relief::new([15_120, 6_230], 50_000, Mirrored::default());
        let cells = [&relief.front, &relief.right, &relief.above].map(|depths| depths.nearest.len());
        assert!(cells.iter().all(|cells| *cells <= 40_000), "{cells:?}");
        assert!(relief.wants(0) && !relief.wants(1) && relief.wants(250));
    }
}
