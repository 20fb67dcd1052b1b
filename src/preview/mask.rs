//! One layer of a resin file, seen from above: its mask, cut to what the print lights anywhere, and made smaller.

use ::resin::file::Mask;
use ::resin::machine::Mirrored;
use ::resin::picture::Bounds;
use tiny_skia::{ColorU8, Pixmap};

use super::layer::pixels_of;
use super::{Pixels, PreviewError};

/// Around the print, of its longer side.
const MARGIN: u32 = 33;
/// As toolpaths are drawn.
const LIT: [u16; 3] = [0x1f, 0x4e, 0x79];

/// What of every layer is shown, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// What any layer of the print lights.
    pub bounds: Bounds,
    /// Width and height of a point, in any unit.
    pub point: [f64; 2],
    /// What is undone, so that the part is seen as it is.
    pub mirrored: Mirrored,
}

impl Frame {
    /// The first point and how many, along columns and rows, with a margin as far as the mask has one.
    fn cut(&self, mask: &Mask) -> [(u32, u32); 2] {
        let of = |[first, last]: [u32; 2], size: u32, margin: u32| {
            let first = first.saturating_sub(margin);
            let end = last.saturating_add(margin).saturating_add(1).min(size);
            (first, end.saturating_sub(first))
        };
        let long = |[first, last]: [u32; 2]| last.saturating_sub(first);
        let margin = long(self.bounds.columns).max(long(self.bounds.rows)) / MARGIN + 1;
        [of(self.bounds.columns, mask.width, margin), of(self.bounds.rows, mask.height, margin)]
    }

    /// The layer, lit points dark on white; grey ones paler, and each pixel the mean of its points.
    pub fn png(&self, mask: &Mask, pixels: Pixels) -> Result<Vec<u8>, PreviewError> {
        let [(left, columns), (top, rows)] = self.cut(mask);
        if columns == 0 || rows == 0 {
            return Err(PreviewError::Nothing);
        }
        let sides = [f64::from(columns) * self.point[0], f64::from(rows) * self.point[1]];
        let longest = sides[0].max(sides[1]);
        if !longest.is_finite() || longest <= 0.0 {
            return Err(PreviewError::Size);
        }
        let scale = f64::from(pixels.get()) / longest;
        let [width, height] = sides.map(|side| u32::from(pixels_of(side * scale)));
        let mut picture = Pixmap::new(width, height).ok_or(PreviewError::Size)?;
        let whole = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        // Which points a pixel stands for: at least one.
        let span = |at: u32, of: u32, points: u32, from: u32, turned: bool| {
            let at = if turned { of - 1 - at } else { at };
            let edge = |at: u32| u64::from(at) * u64::from(points) / u64::from(of);
            let (begin, end) = (edge(at), edge(at + 1).max(edge(at) + 1));
            let place = |edge: u64| from.saturating_add(u32::try_from(edge).unwrap_or(u32::MAX));
            whole(place(begin))..whole(place(end))
        };
        let across: Vec<_> =
            (0..width).map(|column| span(column, width, columns, left, self.mirrored.x)).collect();
        let mut drawn = picture.pixels_mut().iter_mut();
        for row in 0..height {
            let down = span(row, height, rows, top, self.mirrored.y);
            for columns in &across {
                let (mut sum, mut count) = (0_u64, 0_u64);
                for row in down.clone() {
                    let begin = row.saturating_mul(whole(mask.width));
                    let points =
                        mask.grey.get(begin + columns.start..begin + columns.end).unwrap_or_default();
                    sum += points.iter().map(|point| u64::from(*point)).sum::<u64>();
                    count += points.len() as u64;
                }
                let grey = u16::try_from(sum / count.max(1)).unwrap_or(0).min(255);
                let [red, green, blue] =
                    LIT.map(|of| u8::try_from(255 - (255 - of) * grey / 255).unwrap_or(u8::MAX));
                if let Some(pixel) = drawn.next() {
                    *pixel = ColorU8::from_rgba(red, green, blue, 255).premultiply();
                }
            }
        }
        picture.encode_png().map_err(|error| PreviewError::Encoder(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::picture::survey;

    fn drawn(mask: &Mask, mirrored: Mirrored) -> Pixmap {
        let frame = Frame { bounds: survey(mask).bounds.unwrap(), point: [50.0; 2], mirrored };
        Pixmap::decode_png(&frame.png(mask, Pixels::new(64).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_layer_is_cut_to_the_print_and_as_large_as_asked_for() {
        let mask = Mask::dark(2_000, 1_000).with_box([400.0, 300.0], [800.0, 500.0]);
        let picture = drawn(&mask, Mirrored::default());
        // 400 by 200 points, and 13 around them.
        assert_eq!((picture.width(), picture.height()), (64, 34));
        let dark = picture.pixels().iter().filter(|pixel| pixel.red() == 0x1f).count();
        assert!((1_500..2_000).contains(&dark), "{dark} of {}", 64 * 34);
        assert_eq!(picture.pixel(0, 0).unwrap().red(), 0xff);
    }

    #[test]
    fn a_mirrored_mask_is_turned_back() {
        let mask = Mask::dark(100, 100).with_box([20.0, 20.0], [80.0, 80.0]).with(0, |x, _| x > 50.0);
        let mask = mask.with(255, |x, y| x > 79.0 && x < 80.0 && y > 20.0 && y < 80.0);
        let is_dark = |picture: &Pixmap, column| picture.pixel(column, 32).unwrap().red() < 0x80;
        let (plain, turned) =
            (drawn(&mask, Mirrored::default()), drawn(&mask, Mirrored { x: true, y: false }));
        assert!(is_dark(&plain, 16) && !is_dark(&plain, 45));
        assert!(!is_dark(&turned, 16) && is_dark(&turned, 45));
    }

    #[test]
    fn a_frame_larger_than_its_mask_draws_what_there_is() {
        let frame = Frame {
            bounds: Bounds { columns: [0, 5_000], rows: [0, 5_000] },
            point: [50.0; 2],
            mirrored: Mirrored::default(),
        };
        assert!(frame.png(&Mask::dark(10, 10), Pixels::default()).is_ok());
        assert_eq!(frame.png(&Mask::default(), Pixels::default()), Err(PreviewError::Nothing));
        let nowhere = Frame { point: [f64::NAN; 2], ..frame };
        assert_eq!(nowhere.png(&Mask::dark(10, 10), Pixels::default()), Err(PreviewError::Size));
    }
}
