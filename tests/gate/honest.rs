//! Files as slicers write them: small bodies by PrusaSlicer 2.5.0, Slic3r 1.3.0 and CuraEngine 4.13.0 (`make.sh`).

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use platen::domain::printer::Firmware;
use platen::gcode::analysis::{Analyser, Analysis};
use platen::gcode::preflight::PrinterLimits;

/// A file of the demo.
pub fn demo(name: &str) -> String {
    unpacked(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/demo/{name}.gcode.gz")))
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// Name and text of each, in the order of their names.
pub fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate/honest");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".gcode.gz")?.to_owned();
            Some((name, unpacked(&path)))
        })
        .collect();
    files.sort();
    files
}

/// The printer that they were sliced for.
pub fn printer(name: &str, firmware: Firmware) -> PrinterLimits {
    PrinterLimits {
        volume: [Some((0.0, 250.0)), Some((0.0, 210.0)), Some((0.0, 210.0))],
        margin: 5.0,
        hotend_max: Some(275.0),
        bed_max: Some(110.0),
        nozzle: Some(if name == "prusa-nozzle-06" { 0.6 } else { 0.4 }),
        filament: Some(1.75),
        arcs: Some(false),
        firmware: Some(firmware),
        longest: Some(12.0 * 3_600.0),
        allowed: Some(Vec::new()),
        ..PrinterLimits::default()
    }
}

/// The printer of the demo's files.
pub fn demo_printer() -> PrinterLimits {
    PrinterLimits {
        volume: [Some((0.0, 200.0)), Some((0.0, 200.0)), Some((0.0, 200.0))],
        nozzle: Some(0.4),
        filament: Some(1.75),
        hotend_max: Some(285.0),
        ..PrinterLimits::default()
    }
}

pub fn analyse(text: &str, printer: &PrinterLimits) -> Analysis {
    let mut analyser = Analyser::new(printer.options());
    text.as_bytes().chunks(70_001).for_each(|chunk| analyser.feed(chunk).unwrap());
    analyser.finish().unwrap()
}
