//! No comment makes the reader of slicers' claims panic, or keep more than a comment's worth.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen::gcode::metadata::Metadata;

fuzz_target!(|bytes: &[u8]| {
    let mut metadata = Metadata::default();
    for (offset, line) in (0..).zip(bytes.split(|byte| *byte == b'\n')) {
        metadata.note(line, offset);
    }
});
