//! What is done with bytes from outside, one entry a target: nothing panics, and what holds of any answer holds.
//!
//! The fuzzer calls them with what it makes up, and `main.rs` with every file in `seeds/`.

use std::io::Cursor;

use flate2::Crc;
use platen::gcode::analysis::{Analyser, Analysis, Options};
use platen::gcode::lexer::{Command, LexError, Lexer};
use platen::gcode::metadata::Metadata;
use platen::gcode::preflight::{self, Question};
use platen::model::limits::LIMITS;
use platen::model::scale::Declared;
use platen::model::{Hint, judge, read};

/// What a target does with its bytes.
pub type Entry = fn(&[u8]);

/// By the names of their targets and of the folders of their seeds.
pub const ENTRIES: [(&str, Entry); 6] = [
    ("analysis", analysis),
    ("lexer", lexer),
    ("metadata", metadata),
    ("obj", obj),
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
