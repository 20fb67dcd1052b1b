//! However a file is cut into chunks, its analysis and what the gate says of it are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen::gcode::analysis::{Analyser, Analysis, Options};
use platen::gcode::preflight::{Question, judge};

fn analysis(chunks: &[&[u8]]) -> Option<Analysis> {
    let mut analyser = Analyser::new(Options::default());
    for chunk in chunks {
        analyser.feed(chunk).ok()?;
    }
    analyser.finish().ok()
}

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.first().map_or(0, |first| usize::from(*first) % (bytes.len() + 1));
    let (one, other) = bytes.split_at(at);
    let (parts, whole) = (analysis(&[one, other]), analysis(&[bytes]));
    // As text, since what is no number is not equal to itself.
    assert_eq!(format!("{parts:?}"), format!("{whole:?}"));
    if let Some(whole) = whole {
        let question = Question { model: Some([80.0, 60.0, 100.0]), material: Some("PLA"), ..Question::default() };
        let _ = judge(&whole, &question);
    }
});
