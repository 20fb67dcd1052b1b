//! No bytes make the reader of OBJ panic, and what it takes has a size that is a number.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use platen::model::limits::LIMITS;
use platen::model::scale::Declared;
use platen::model::{Hint, judge, read};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(report) = read(&mut Cursor::new(bytes), Some(Hint::Obj), None, &LIMITS) {
        assert!(report.size.iter().all(|size| size.is_finite() && *size >= 0.0), "{report:?}");
        assert!(report.volume_mm3.is_finite(), "{report:?}");
        let _ = judge(&report, &Declared::default());
    }
});
