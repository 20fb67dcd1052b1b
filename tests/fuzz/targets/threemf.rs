//! The same for 3MF: the bytes as an archive, and the bytes as the model in an archive that is whole.
#![no_main]

use std::io::Cursor;

use flate2::Crc;
use libfuzzer_sys::fuzz_target;
use platen::model::limits::LIMITS;
use platen::model::scale::Declared;
use platen::model::{Hint, judge, read};

const RELS: &[u8] = br#"<Relationships><Relationship Target="/m"
Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>"#;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut table) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let (at, size) = ((file.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes());
        let head = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc.sum().to_le_bytes(), &size, &size].concat();
        let length = (name.len() as u16).to_le_bytes();
        file.extend([&b"PK\x03\x04"[..], &head, &length, &[0; 2], name.as_bytes(), content].concat());
        table.extend([&b"PK\x01\x02\x14\x00"[..], &head, &length, &[0; 12], &at, name.as_bytes()].concat());
    }
    let (begin, length) = ((file.len() as u32).to_le_bytes(), (table.len() as u32).to_le_bytes());
    let count = (files.len() as u16).to_le_bytes();
    [&file[..], &table, b"PK\x05\x06\x00\x00\x00\x00", &count, &count, &length, &begin, &[0; 2]].concat()
}

fn look(file: &[u8]) {
    if let Ok(report) = read(&mut Cursor::new(file), Some(Hint::ThreeMf), None, &LIMITS) {
        assert!(report.size.iter().all(|size| size.is_finite() && *size >= 0.0), "{report:?}");
        assert!(report.volume_mm3.is_finite(), "{report:?}");
        let _ = judge(&report, &Declared::default());
    }
}

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    look(&archive(&[("_rels/.rels", RELS), ("m", bytes)]));
});
