//! The layer table of a .ctb, .cbddlp or .photon file, as a board reads it before it prints.
//!
//! Layout: cbiffle/catibo doc/cbddlp-ctb.adoc, facts C.3. Everything is little-endian.

use std::fmt;
use std::io;

use super::stick::Stick;

/// First four bytes of the kinds that are known.
pub const MAGIC_CBDDLP: u32 = 0x12FD_0019;
pub const MAGIC_CTB: u32 = 0x12FD_0086;
pub const MAGIC_CTB_4: u32 = 0x12FD_0106;
pub const MAGIC_ENCIPHERED: u32 = 0x12FD_0107;

/// Size of the header.
pub const HEADER_BYTES: usize = 112;
/// Size of an entry of the table.
pub const LAYER_BYTES: usize = 36;
/// Most layers: at 10 µm a metre.
const MOST_LAYERS: u32 = 100_000;
/// Longest exposure or pause that a board takes for meant, s.
const LONGEST_S: f32 = 3_600.0;

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Where the plate is to stand, mm.
    pub z_mm: f64,
    /// µs.
    pub exposure_us: u64,
    /// Least time from lamp off to the next lamp on, µs.
    pub light_off_us: u64,
    /// Where its picture begins.
    pub picture_offset: u64,
    /// Length of its picture, bytes.
    pub picture_bytes: u64,
}

impl Layer {
    /// The first byte behind its picture: what `D:` shows while it is printed.
    pub fn end_byte(&self) -> u64 {
        self.picture_offset + self.picture_bytes
    }
}

/// How the plate goes up and down between layers; `None` where the file does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lift {
    /// Layers that count as bottom.
    pub bottom_layers: u32,
    /// mm.
    pub bottom_mm: Option<f64>,
    /// mm/s.
    pub bottom_mm_s: Option<f64>,
    /// mm.
    pub mm: Option<f64>,
    /// mm/s.
    pub mm_s: Option<f64>,
    /// mm/s.
    pub retract_mm_s: Option<f64>,
}

/// What a board knows of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    /// A table that can be read, never empty.
    Plain { layers: Vec<Layer>, lift: Lift },
    /// An enciphered file: a board can read it, this simulator knows only its bytes.
    Enciphered,
}

/// Why a file cannot be printed.
#[derive(Debug)]
pub enum TableError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is none of the kinds that are known.
    Unknown(u32),
    /// It ends before what it speaks of.
    CutShort(&'static str),
    /// A number in it makes no sense.
    Nonsense(&'static str),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::Unknown(magic) => {
                write!(f, "begins with {magic:#010x}, which is no .ctb, .cbddlp or .photon")
            }
            Self::CutShort(what) => write!(f, "ends before its {what}"),
            Self::Nonsense(what) => write!(f, "has a senseless {what}"),
        }
    }
}

impl std::error::Error for TableError {}

/// Reads the header and the layer table of a file on a stick.
pub fn read(stick: &Stick, path: &str) -> Result<Table, TableError> {
    let size = stick.size(path).map_err(TableError::Unreadable)?;
    let take = |offset: u64, length: usize, what| {
        let bytes = stick.read(path, offset, length).map_err(TableError::Unreadable)?;
        if bytes.len() == length { Ok(bytes) } else { Err(TableError::CutShort(what)) }
    };
    let magic = word(&take(0, 4, "first four bytes")?, 0);
    match magic {
        MAGIC_ENCIPHERED => return Ok(Table::Enciphered),
        MAGIC_CBDDLP | MAGIC_CTB | MAGIC_CTB_4 => {}
        _ => return Err(TableError::Unknown(magic)),
    }
    let header = take(0, HEADER_BYTES, "header")?;
    let (offset, count) = (u64::from(word(&header, 0x40)), word(&header, 0x44));
    if count == 0 || count > MOST_LAYERS {
        return Err(TableError::Nonsense("number of layers"));
    }
    let table_bytes = count as usize * LAYER_BYTES;
    if offset + table_bytes as u64 > size {
        return Err(TableError::CutShort("layer table"));
    }
    let table = take(offset, table_bytes, "layer table")?;
    let mut layers = Vec::with_capacity(count as usize);
    for entry in table.chunks_exact(LAYER_BYTES) {
        let layer = Layer {
            z_mm: f64::from(within(number(entry, 0), 1_000.0, "height of a layer")?),
            exposure_us: micros(within(number(entry, 4), LONGEST_S, "exposure of a layer")?),
            light_off_us: micros(within(number(entry, 8), LONGEST_S, "light-off time of a layer")?),
            picture_offset: u64::from(word(entry, 12)),
            picture_bytes: u64::from(word(entry, 16)),
        };
        if layer.end_byte() > size {
            return Err(TableError::CutShort("last picture"));
        }
        layers.push(layer);
    }
    let mut lift = Lift { bottom_layers: word(&header, 0x30), ..Lift::default() };
    let (offset, length) = (u64::from(word(&header, 0x54)), word(&header, 0x58));
    if offset != 0 && length >= 20 {
        let more = take(offset, 20, "print parameters")?;
        let positive =
            |at| Some(f64::from(number(&more, at))).filter(|value| *value > 0.0 && *value < 100_000.0);
        lift.bottom_mm = positive(0);
        lift.bottom_mm_s = positive(4).map(|mm_min| mm_min / 60.0);
        lift.mm = positive(8);
        lift.mm_s = positive(12).map(|mm_min| mm_min / 60.0);
        lift.retract_mm_s = positive(16).map(|mm_min| mm_min / 60.0);
    }
    Ok(Table::Plain { layers, lift })
}

/// The number at `at`, which is within `bytes`.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn number(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(word(bytes, at))
}

fn within(value: f32, most: f32, what: &'static str) -> Result<f32, TableError> {
    if (0.0..=most).contains(&value) { Ok(value) } else { Err(TableError::Nonsense(what)) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and an hour")]
fn micros(seconds: f32) -> u64 {
    (f64::from(seconds) * 1e6).round() as u64
}
