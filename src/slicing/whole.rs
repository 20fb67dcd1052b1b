//! Whether a resin file (SL1) is whole: its archive closes, every layer is there once, each a picture of the display.

use std::collections::BTreeMap;
use std::io::Read;

use super::Source;
use super::failure::Failure;
use super::profile::Profile;
use crate::model::limits::LIMITS;
use ::archive::{Archive, ArchiveError, Limits};

/// What is known of a file that is whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// Of resin, where each is a picture of its own; of filament the analysis counts them.
    pub layers: Option<u64>,
    /// mm, from the plate to its top, of resin.
    pub height: Option<f64>,
    /// mm along X and Y, of resin: of all that is above what the profile puts below a part.
    pub size: Option<[f64; 2]>,
    /// What the slicer says of its time, s.
    pub seconds: Option<f64>,
}

/// Of our own slicer, so more of everything than of somebody's model.
const ARCHIVE: Limits = Limits {
    // 500 mm at 0.025 mm.
    entries: 20_010,
    directory: 4 << 20,
    // A picture unfolds row by row.
    expanded: 8 << 30,
    ratio: LIMITS.ratio,
    ratio_free: LIMITS.ratio_free,
};
/// A picture as it lies in there: grey that no packing makes smaller, of 8,192 by 4,096 points.
const PICTURE_MAX: u64 = 32 << 20;
/// Its points, where the profile does not say how many the display has.
const POINTS_MAX: u64 = PICTURE_MAX;
/// Texts in it: 150 settings.
const TEXT_MAX: u64 = 256 << 10;

fn not_whole(what: impl Into<String>) -> Failure {
    Failure::NotWhole(what.into())
}

fn archive(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Damaged(what) | ArchiveError::Hostile(what) | ArchiveError::Unsupported(what) => {
            not_whole(what)
        }
        other => not_whole(other.to_string()),
    }
}

fn text<R: Read + std::io::Seek>(
    from: &mut Archive<R>,
    name: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut text = String::new();
    let content = from.read(name).map_err(archive)?;
    content
        .take(TEXT_MAX)
        .read_to_string(&mut text)
        .map_err(|error| not_whole(format!("{name}: {error}")))?;
    Ok(settings(text.lines()))
}

/// `key = value` lines.
pub(super) fn settings<'l>(lines: impl Iterator<Item = &'l str>) -> BTreeMap<String, String> {
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Whether the slicer had each setting of the profile, and with its value.
pub(super) fn compare(profile: &Profile, had: &BTreeMap<String, String>) -> Result<(), Failure> {
    for (key, wanted) in profile.settings() {
        let Some(found) = had.get(key) else {
            return Err(Failure::Settings(format!("it knows no {key}")));
        };
        if canonical(found) != canonical(wanted) {
            let (found, wanted) = (super::failure::shown(found), super::failure::shown(wanted));
            return Err(Failure::Settings(format!("{key} was {found} and not {wanted}")));
        }
    }
    Ok(())
}

/// `0.20`, `0.2` and ` 0.2` are one; so are lists of such.
fn canonical(value: &str) -> Vec<String> {
    let one = |word: &str| {
        let (number, percent) = word.strip_suffix('%').map_or((word, ""), |number| (number, "%"));
        number.parse::<f64>().map_or_else(|_| word.to_owned(), |number| format!("{number}{percent}"))
    };
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    unquoted.split(',').map(|word| one(word.trim())).collect()
}

/// Reads all of it. `stem` is how its pictures are called, in small letters.
pub(super) fn sl1(profile: &Profile, stem: &str, out: &mut dyn Source) -> Result<Whole, Failure> {
    let mut from = Archive::open(out, "SL1", &ARCHIVE).map_err(archive)?;
    let about = text(&mut from, "config.ini")?;
    let had = text(&mut from, "prusaslicer.ini")?;
    compare(profile, &had)?;
    let number = |key: &str| about.get(key).and_then(|value| value.parse::<f64>().ok());
    let count = |key: &str| about.get(key).and_then(|value| value.parse::<u64>().ok());
    let (fast, slow) = count("numFast")
        .zip(count("numSlow"))
        .ok_or_else(|| not_whole("it does not say how many layers it has"))?;
    let layers = fast.saturating_add(slow);
    let pictures = from.names().filter(|name| name.ends_with(".png")).count() as u64;
    if layers == 0 || pictures != layers {
        return Err(not_whole(format!("it says {layers} layers and has {pictures}")));
    }
    let display = display(profile);
    let (layer_height, first) = (number("layerHeight"), profile.number("initial_layer_height"));
    let floor = |layer: u64| match layer.checked_sub(1) {
        None => 0.0,
        Some(above) => first.unwrap_or(0.0) + above as f64 * layer_height.unwrap_or(0.0),
    };
    let mut lit = None;
    for layer in 0..layers {
        let name = format!("{stem}{layer:05}.png");
        let found = picture(from.read(&name).map_err(archive)?, display)
            .map_err(|error| not_whole(format!("{name}: {error}")))?;
        if floor(layer) >= profile.below() {
            lit = lit.into_iter().chain(found.lit).reduce(around);
        }
    }
    let height = layer_height.zip(first).map(|(layer, first)| first + (layers - 1) as f64 * layer);
    let size = lit.and_then(|lit| millimetres(profile, lit));
    Ok(Whole { layers: Some(layers), height, size, seconds: number("printTime") })
}

fn is_portrait(profile: &Profile) -> bool {
    profile.get("display_orientation") == Some("portrait")
}

/// Width and depth of what lies between these columns and rows.
fn millimetres(profile: &Profile, lit: [(u32, u32); 2]) -> Option<[f64; 2]> {
    let of = |length, points| Some(profile.number(length)? / profile.number(points)?);
    let [columns, rows] = lit.map(|(first, last)| f64::from(last - first) + 1.0);
    let (x, y) = if is_portrait(profile) { (rows, columns) } else { (columns, rows) };
    Some([x * of("display_width", "display_pixels_x")?, y * of("display_height", "display_pixels_y")?])
}

/// Its points, as a picture has them.
fn display(profile: &Profile) -> Option<(u32, u32)> {
    let points = |key| profile.get(key)?.parse::<u32>().ok();
    let (x, y) = points("display_pixels_x").zip(points("display_pixels_y"))?;
    // Upright, a picture is written with its sides changed.
    Some(if is_portrait(profile) { (y, x) } else { (x, y) })
}

/// A layer's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Picture {
    /// First and last column and row with any light.
    lit: Option<[(u32, u32); 2]>,
}

/// Reads a PNG in grey to its end. What it says of its size is looked at first: a few bytes unfold to any number of
/// rows.
fn picture(mut from: impl Read, display: Option<(u32, u32)>) -> std::io::Result<Picture> {
    let wrong = || std::io::Error::other("it is no picture in grey");
    let mut bytes = Vec::new();
    from.by_ref().take(PICTURE_MAX).read_to_end(&mut bytes)?;
    // What follows is read, too: the archive's checksum is at its end.
    if from.read(&mut [0])? > 0 {
        return Err(std::io::Error::other("it is larger than any layer"));
    }
    let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    let mut reader = decoder.read_info().map_err(std::io::Error::other)?;
    let info = reader.info();
    if (info.color_type, info.bit_depth) != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err(wrong());
    }
    let (width, height) = (info.width, info.height);
    let refused = match display {
        Some(display) if display != (width, height) => "and the display has others",
        None if u64::from(width) * u64::from(height) > POINTS_MAX => "more than any layer",
        _ => "",
    };
    if !refused.is_empty() {
        return Err(std::io::Error::other(format!("it has {width} by {height} points, {refused}")));
    }
    if info.interlaced {
        return Err(std::io::Error::other(
            "it is interlaced, so that its rows do not lie from top to bottom",
        ));
    }
    let (mut columns, mut rows) = ((u32::MAX, 0), (u32::MAX, 0));
    let mut row = 0;
    while let Some(points) = reader.next_row().map_err(std::io::Error::other)? {
        let points = points.data();
        let lit = |point: &u8| *point > 0;
        if let (Some(first), Some(last)) = (points.iter().position(lit), points.iter().rposition(lit)) {
            // A row has no more points than its width.
            let (first, last) = (u32::try_from(first).unwrap_or(0), u32::try_from(last).unwrap_or(u32::MAX));
            columns = (columns.0.min(first), columns.1.max(last));
            rows = (rows.0.min(row), row);
        }
        row += 1;
    }
    reader.finish().map_err(std::io::Error::other)?;
    Ok(Picture { lit: (columns.0 <= columns.1).then_some([columns, rows]) })
}

fn around(a: [(u32, u32); 2], b: [(u32, u32); 2]) -> [(u32, u32); 2] {
    [0, 1].map(|side| (a[side].0.min(b[side].0), a[side].1.max(b[side].1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All white, of this size.
    fn white(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![255; (width * height) as usize]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    /// The same picture, whose header says something else at this byte.
    fn saying(mut bytes: Vec<u8>, at: usize, what: &[u8]) -> Vec<u8> {
        // Behind the signature and its length; its checksum follows it.
        let header = 12..29;
        bytes[header.start + 4 + at..][..what.len()].copy_from_slice(what);
        let checksum = !bytes[header.clone()].iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
        });
        bytes[header.end..][..4].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    fn refused(bytes: &[u8], display: Option<(u32, u32)>) -> String {
        picture(bytes, display).unwrap_err().to_string()
    }

    #[test]
    fn a_picture_of_another_size_than_the_display_is_refused_before_its_rows_are_read() {
        let whole = white(3, 2);
        let lit = Some([(0, 2), (0, 1)]);
        assert_eq!(picture(&whole[..], Some((3, 2))).unwrap().lit, lit);
        assert_eq!(picture(&whole[..], None).unwrap().lit, lit);
        // It has no such rows, which would be told if they were read.
        let tall = saying(whole, 4, &1_000_000_u32.to_be_bytes());
        assert_eq!(refused(&tall, Some((3, 2))), "it has 3 by 1000000 points, and the display has others");
        let wide = saying(tall, 0, &1_000_u32.to_be_bytes());
        assert_eq!(refused(&wide, None), "it has 1000 by 1000000 points, more than any layer");
    }

    #[test]
    fn a_picture_that_is_interlaced_has_no_rows_from_top_to_bottom_and_is_refused() {
        // One column lies in the same order either way, so that nothing else is wrong with it.
        let interlaced = saying(white(1, 2), 12, &[1]);
        assert!(refused(&interlaced, Some((1, 2))).contains("interlaced"));
    }
}
