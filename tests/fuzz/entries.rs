//! What is done with bytes from outside, one entry a target: nothing panics, and what holds of any answer holds.
//!
//! The fuzzer calls them with what it makes up, and `main.rs` with every file in `seeds/`.

use std::io::Cursor;
use std::time::Duration;

use flate2::Crc;
use platen::gcode::analysis::{Analyser, Analysis, Options};
use platen::gcode::lexer::{Command, LexError, Lexer};
use platen::gcode::metadata::Metadata;
use platen::gcode::preflight::{self, Question};
use platen::model::limits::LIMITS;
use platen::model::scale::Declared;
use platen::model::{Hint, judge, read};
use resin::budget::Budget;
use resin::check::{self, Question as ResinQuestion};
use resin::chitu::frame::{Framer, LINE_MAX};
use resin::chitu::reply;
use resin::chitu::session::Session;
use resin::chitu::state::{Config, State};
use resin::file::{self, FileError, Limits, MaskAccess, Masks};
use resin::layer::{LayerIndex, Peel};
use resin::machine::{Machine, Resin};
use resin::timing::Plan;
use resin::units::Milliseconds;

/// What a target does with its bytes.
pub type Entry = fn(&[u8]);

/// By the names of their targets and of the folders of their seeds.
pub const ENTRIES: [(&str, Entry); 11] = [
    ("analysis", analysis),
    ("chitu", chitu),
    ("ctb", ctb),
    ("goo", goo),
    ("lexer", lexer),
    ("metadata", metadata),
    ("nanodlp", nanodlp),
    ("obj", obj),
    ("sl1", sl1),
    ("stl", stl),
    ("threemf", threemf),
];

/// Two chunks, at a place that the bytes choose.
fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.first().map_or(0, |first| usize::from(*first) % (bytes.len() + 1)))
}

/// However a file is cut into chunks, its analysis and what the gate says of it are the same.
pub fn analysis(bytes: &[u8]) {
    let of = |chunks: &[&[u8]]| -> Option<Analysis> {
        let mut analyser = Analyser::new(Options::default());
        for chunk in chunks {
            analyser.feed(chunk).ok()?;
        }
        analyser.finish().ok()
    };
    let (one, other) = cut(bytes);
    let (parts, whole) = (of(&[one, other]), of(&[bytes]));
    // As text, since what is no number is not equal to itself.
    assert_eq!(format!("{parts:?}"), format!("{whole:?}"));
    // A line that comes in pieces is never read the quick way.
    let bytes: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(format!("{:?}", of(&bytes)), format!("{whole:?}"));
    if let Some(whole) = whole {
        let question =
            Question { model: Some([80.0, 60.0, 100.0]), material: Some("PLA"), ..Question::default() };
        let _ = preflight::judge(&whole, &question);
    }
}

/// However a file is cut into chunks, its commands are the same.
pub fn lexer(bytes: &[u8]) {
    let of = |chunks: &[&[u8]]| -> Result<Vec<(u64, Vec<u8>)>, LexError> {
        let (mut lexer, mut out) = (Lexer::new(), Vec::new());
        let mut sink = |command: Command<'_>| out.push((command.line, command.text.to_vec()));
        for chunk in chunks {
            lexer.feed(chunk, &mut sink)?;
        }
        lexer.finish(&mut sink)?;
        Ok(out)
    };
    let (one, other) = cut(bytes);
    assert_eq!(of(&[one, other]), of(&[bytes]));
}

/// No comment makes the reader of slicers' claims panic.
pub fn metadata(bytes: &[u8]) {
    let mut metadata = Metadata::default();
    for (offset, line) in (0..).zip(bytes.split(|byte| *byte == b'\n')) {
        metadata.note(line, offset);
    }
}

/// What is taken as a model has a size and a volume that are numbers.
fn model(bytes: &[u8], hint: Hint) {
    if let Ok(report) = read(&mut Cursor::new(bytes), Some(hint), None, &LIMITS) {
        assert!(report.size.iter().all(|size| size.is_finite() && *size >= 0.0), "{report:?}");
        assert!(report.volume_mm3.is_finite(), "{report:?}");
        let _ = judge(&report, &Declared::default());
    }
}

pub fn obj(bytes: &[u8]) {
    model(bytes, Hint::Obj);
}

pub fn stl(bytes: &[u8]) {
    model(bytes, Hint::Stl);
}

/// The bytes as an archive, and the bytes as the model in an archive that is whole.
pub fn threemf(bytes: &[u8]) {
    model(bytes, Hint::ThreeMf);
    model(&archive(&[("_rels/.rels", RELS), ("m", bytes)]), Hint::ThreeMf);
}

const RELS: &[u8] = br#"<Relationships><Relationship Target="/m"
Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>"#;

/// A display of 256 by 256 points, so that no run waits for memory.
const SMALL: Limits = Limits { points: 1 << 16, layers: 256, ..file::LIMITS };

/// A resin file is refused with a reason, or has layers and masks that fit what it says, and can be judged.
fn resin_file(bytes: &[u8]) {
    let told = match file::read(&mut Cursor::new(bytes), &SMALL) {
        Ok(told) => told,
        Err(error) => {
            assert!(error.to_string().contains("; "), "what to do is not said: {error}");
            // Whatever is refused without its masks is refused with them.
            assert!(Masks::open(Cursor::new(bytes), &SMALL).is_err());
            return;
        }
    };
    let pictures = match Masks::open(Cursor::new(bytes), &SMALL) {
        Err(FileError::Opaque { .. }) => {
            assert!(matches!(told.masks, MaskAccess::Opaque { .. }), "{told:?}");
            None
        }
        Err(error) => panic!("it was read before: {error}"),
        Ok((again, mut masks)) => {
            // As text, since what is no number is not equal to itself.
            assert_eq!(format!("{again:?}"), format!("{told:?}"));
            let MaskAccess::Readable { points } = told.masks else { panic!("{told:?}") };
            let mut mask = file::Mask::default();
            for (layer, _) in (0..).zip(&told.layers) {
                if masks.layer(LayerIndex(layer), &mut mask).is_ok() {
                    assert_eq!([mask.width, mask.height], points);
                    assert_eq!(mask.grey.len() as u64, u64::from(points[0]) * u64::from(points[1]));
                }
            }
            let layers = u32::try_from(told.layers.len()).unwrap_or(u32::MAX);
            check::survey(&mut masks, layers).ok()
        }
    };
    let (machine, resin) = (Machine::default(), Resin::default());
    let question = ResinQuestion {
        file: &told,
        pictures: pictures.as_deref(),
        machine: &machine,
        resin: &resin,
        material: Some("clear resin"),
        vat_now: Some(100.0),
        bytes: Some(bytes.len() as u64),
    };
    let _ = check::check(&question);
    let _ = Plan::of(&told.layers, &Peel::default(), Milliseconds(0)).map(|plan| plan.whole());
    let mut budget = Budget::default();
    told.claims.millilitres.into_iter().for_each(|claimed| budget.push(claimed));
    assert!(budget.total().is_finite());
}

/// The bytes as an archive, as the settings of one that is whole, and as a picture in it.
pub fn sl1(bytes: &[u8]) {
    resin_file(bytes);
    resin_file(&archive(&[("config.ini", bytes), ("a00000.png", PICTURE)]));
    resin_file(&archive(&[("config.ini", SL1), ("prusaslicer.ini", bytes), ("a00000.png", PICTURE)]));
    resin_file(&archive(&[("config.ini", SL1), ("a00000.png", bytes)]));
}

const SL1: &[u8] = b"action = print
expTime = 2
expTimeFirst = 20
jobDir = a
layerHeight = 0.05
numFade = 4
numFast = 1
numSlow = 0
";

/// As `sl1`: the bytes as each of the tables that a NanoDLP file needs.
pub fn nanodlp(bytes: &[u8]) {
    resin_file(bytes);
    let tables = [
        ("meta.json", &br#"{"FormatVersion":2}"#[..]),
        ("slicer.json", br#"{"PWidth":16,"PHeight":16,"Thickness":50,"SupportDepth":50,"LayerCount":1}"#),
        ("plate.json", br#"{"LayersCount":1}"#),
        ("profile.json", br#"{"Depth":50,"CureTime":2,"SupportCureTime":20,"SupportLayerNumber":3}"#),
    ];
    for one in 0..tables.len() {
        let mut files: Vec<_> = tables.to_vec();
        files[one].1 = bytes;
        files.push(("1.png", PICTURE));
        resin_file(&archive(&files));
    }
    let mut files: Vec<_> = tables.to_vec();
    files.push(("1.png", bytes));
    resin_file(&archive(&files));
}

/// 16 by 16 points, dark but for a block.
const PICTURE: &[u8] =
    b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x00\x00\x00\x00:\x98\
    \xa0\xbd\x00\x00\x00\x13IDATx\xdac`\xa0\x0e\xf8\x0f\x03\xf4\x15\xa0:\x00\x00\x8en>\xc2N\xcay)\x00\
    \x00\x00\x00IEND\xaeB`\x82";

/// Of ChiTuBox, of every version, and encrypted.
pub fn ctb(bytes: &[u8]) {
    resin_file(bytes);
}

/// Before the two pictures of a header, and both of them.
const GOO_TEXTS: usize = 194;
const GOO_PICTURES: [usize; 2] = [116 * 116 * 2, 290 * 290 * 2];

/// The bytes as a file, as a file whose header lacks its two pictures (which are most of it), and as the runs of a
/// layer, with the checksum that belongs to them.
pub fn goo(bytes: &[u8]) {
    resin_file(bytes);
    let (texts, rest) = bytes.split_at(bytes.len().min(GOO_TEXTS));
    let mut whole = texts.to_vec();
    for length in GOO_PICTURES {
        whole.resize(whole.len() + length, 0);
        whole.extend(b"\r\n");
    }
    whole.extend(rest);
    resin_file(&whole);
    resin_file(&goo_of(bytes));
}

/// A file of one layer of 20 by 10 points with these runs.
fn goo_of(runs: &[u8]) -> Vec<u8> {
    let mut file = b"V3.0\x07\0\0\0DLP\0".to_vec();
    file.resize(GOO_TEXTS, 0);
    for length in GOO_PICTURES {
        file.resize(file.len() + length, 0);
        file.extend(b"\r\n");
    }
    let settings_at = file.len();
    file.resize(settings_at + 167, 0);
    let layers_at = u32::try_from(file.len()).unwrap_or(0);
    let mut put = |at: usize, field: &[u8]| {
        file[settings_at + at..settings_at + at + field.len()].copy_from_slice(field);
    };
    put(0, &1_u32.to_be_bytes());
    put(4, &20_u16.to_be_bytes());
    put(6, &10_u16.to_be_bytes());
    put(22, &0.05_f32.to_be_bytes());
    put(26, &2.5_f32.to_be_bytes());
    put(30, &[1]);
    put(59, &30_f32.to_be_bytes());
    put(160, &layers_at.to_be_bytes());
    let layer_at = file.len();
    file.resize(layer_at + 70, 0);
    file[layer_at + 64..layer_at + 66].copy_from_slice(b"\r\n");
    file[layer_at + 66..].copy_from_slice(&u32::try_from(runs.len() + 2).unwrap_or(u32::MAX).to_be_bytes());
    let sum = runs.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    file.push(0x55);
    file.extend(runs);
    file.push(!sum);
    file.extend(b"\r\n");
    file.extend(b"\0\0\0\x07\0\0\0DLP\0");
    file
}

/// Whatever a board says, its lines are bounded and plain, each is understood or left as text, and nobody who has
/// asked for nothing makes it print, move or write. A file that somebody has left open there is closed before the board
/// is known, as the answer to a question alone.
pub fn chitu(bytes: &[u8]) {
    let mut framer = Framer::default();
    let mut lines: Vec<_> = bytes.iter().filter_map(|byte| framer.push(*byte)).collect();
    lines.extend(framer.flush());
    assert!(!framer.has_partial());
    for line in &lines {
        assert!(!line.text.contains(['\0', '\n']) && line.text.chars().count() <= LINE_MAX, "{line:?}");
        let _ = reply::read(line, true);
        let _ = reply::read(line, false);
    }
    let Ok(mut session) = Session::new(Config::default()) else { panic!("the usual timing is one") };
    let mut now = Duration::from_secs(1);
    session.handle_opened(now);
    let mut before = String::new();
    // Each piece comes as the answer to what is asked then, a first byte later or at once.
    for piece in bytes.split_inclusive(|byte| *byte == b'\n').take(400) {
        while let Some(said) = session.poll_transmit(now) {
            let said = String::from_utf8_lossy(&said).into_owned();
            let code = said.trim_end().split(' ').next().unwrap_or_default().to_owned();
            let asks = ["M4000", "M4001", "M4002", "M4004", "M4006", "M27", "M114"];
            let closes = code == "M29"
                && session.state() == State::Greeting
                && ["M4000", "M4002"].contains(&before.as_str());
            assert!(closes || asks.contains(&code.as_str()), "nobody wanted {said:?} behind {before:?}");
            before = code;
        }
        session.handle_bytes(now, piece);
        now += Duration::from_millis(120 * u64::from(piece.first().copied().unwrap_or(1) % 4));
        session.handle_timeout(now);
        while session.poll_event().is_some() {}
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    fn word(length: usize) -> [u8; 4] {
        u32::try_from(length).unwrap_or_default().to_le_bytes()
    }
    fn half(length: usize) -> [u8; 2] {
        u16::try_from(length).unwrap_or_default().to_le_bytes()
    }
    let (mut file, mut table) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let (at, size, length) = (word(file.len()), word(content.len()), half(name.len()));
        let head = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc.sum().to_le_bytes(), &size, &size].concat();
        file.extend([&b"PK\x03\x04"[..], &head, &length, &[0; 2], name.as_bytes(), content].concat());
        table.extend([&b"PK\x01\x02\x14\x00"[..], &head, &length, &[0; 12], &at, name.as_bytes()].concat());
    }
    let (begin, length, count) = (word(file.len()), word(table.len()), half(files.len()));
    [&file[..], &table, b"PK\x05\x06\x00\x00\x00\x00", &count, &count, &length, &begin, &[0; 2]].concat()
}
