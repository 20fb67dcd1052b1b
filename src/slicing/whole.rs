//! Whether a resin file (SL1) is whole: its archive closes, every layer is there once, each a picture of the display.

use std::collections::BTreeMap;
use std::io::Read;

use super::Source;
use super::failure::Failure;
use super::profile::Profile;
use crate::model::archive::Archive;
use crate::model::limits::{LIMITS, Limits, ModelError};

/// What is known of a file that is whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// Of resin, where each is a picture of its own; of filament the analysis counts them.
    pub layers: Option<u64>,
    /// mm, from the plate to its top, of resin.
    pub height: Option<f64>,
    /// What the slicer says of its time, s.
    pub seconds: Option<f64>,
}

/// Of our own slicer, so more of everything than of somebody's model.
const ARCHIVE: Limits = Limits {
    // 500 mm at 0.025 mm.
    entries: 20_010,
    directory: 4 << 20,
    // A picture unfolds to nothing more here: that is its reader's.
    expanded: 8 << 30,
    ..LIMITS
};
/// Texts in it: 150 settings.
const TEXT_MAX: u64 = 256 << 10;

fn not_whole(what: impl Into<String>) -> Failure {
    Failure::NotWhole(what.into())
}

fn archive(error: ModelError) -> Failure {
    match error {
        ModelError::Archive(what) | ModelError::Hostile(what) | ModelError::Unsupported(what) => {
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
    let mut from = Archive::open(out, &ARCHIVE).map_err(archive)?;
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
    for layer in 0..layers {
        let name = format!("{stem}{layer:05}.png");
        let found = picture(from.read(&name).map_err(archive)?)
            .map_err(|error| not_whole(format!("{name}: {error}")))?;
        if display.is_some_and(|display| display != found) {
            let (width, height) = found;
            return Err(not_whole(format!(
                "{name} has {width} by {height} points, and the display has others"
            )));
        }
    }
    let (layer, first) = (number("layerHeight"), profile.number("initial_layer_height"));
    let height = layer.zip(first).map(|(layer, first)| first + (layers - 1) as f64 * layer);
    Ok(Whole { layers: Some(layers), height, seconds: number("printTime") })
}

/// Its points, as a picture has them.
fn display(profile: &Profile) -> Option<(u32, u32)> {
    let points = |key| profile.get(key)?.parse::<u32>().ok();
    let (x, y) = points("display_pixels_x").zip(points("display_pixels_y"))?;
    // Upright, a picture is written with its sides changed.
    Some(if profile.get("display_orientation") == Some("portrait") { (y, x) } else { (x, y) })
}

/// The size of a PNG in grey, read to its last byte (which the archive's checksum covers).
fn picture(mut from: impl Read) -> std::io::Result<(u32, u32)> {
    let wrong = || std::io::Error::other("it is no picture in grey");
    let mut head = [0; 26];
    from.read_exact(&mut head)?;
    let four = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if head[..8] != *b"\x89PNG\r\n\x1a\n" || head[12..16] != *b"IHDR" || head[24..26] != [8, 0] {
        return Err(wrong());
    }
    let size = (four(16), four(20));
    let (mut last, mut block) = ([0; 12], [0; 8_192]);
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            break;
        }
        let kept = read.min(last.len());
        last.rotate_left(kept);
        last[12 - kept..].copy_from_slice(&block[read - kept..read]);
    }
    if last[4..8] == *b"IEND" { Ok(size) } else { Err(wrong()) }
}
