//! A small print that shows whether a new printer homes, heats, and lays filament where it should: a square outline.
//!
//! Made within what is known of the printer and of the material. Where the plate is has to be known: on a guess
//! nothing moves.

use std::fmt::Write as _;

use super::preflight::{Material, PrinterLimits};

/// mm, along X and along Y.
const SIDE: f64 = 20.0;
pub const LAYERS: u32 = 3;
/// Walls of each layer, one within the other.
const WALLS: u32 = 2;
/// The line around it, from which the nozzle has filament when the part begins, mm away.
const SKIRT: f64 = 4.0;
/// What stays free up to the edge of the plate, mm.
const EDGE: f64 = 5.0;
/// mm above the part, or above the plate, on the way.
const LIFT: f64 = 5.0;
/// Below the printer's limit, so that what overshoots is no alarm, °C.
const BELOW_LIMIT: f64 = 15.0;
/// Where nothing is said.
const NOZZLE: f64 = 0.4;
const FILAMENT: f64 = 1.75;
/// mm/min: slow, since it is the first print.
const TRAVEL: u32 = 3_600;
const FIRST: u32 = 900;
const WALL: u32 = 1_500;

/// The file, and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct TestPrint {
    pub gcode: String,
    /// °C.
    pub hotend: u16,
    pub bed: u16,
    /// mm of filament.
    pub filament: f64,
}

/// Why there is none: which; what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoTestPrint {
    #[error("it is not known where the plate is; write build_x and build_y into the printer's section")]
    PlateUnknown,
    #[error(
        "the plate is too small for the test print of {} mm; print a file of your own",
        SIDE + 2.0 * (SKIRT + EDGE)
    )]
    PlateSmall,
    #[error("the material is not known; give one of PLA, PETG, ABS, ASA, TPU, PC, PA or the like")]
    Material,
    #[error(
        "{material} needs a nozzle of {least:.0} °C, and the printer's limit leaves {most:.0} °C; take another material, or look at hotend_max"
    )]
    TooCold { material: &'static str, least: f64, most: f64 },
}

/// Whole fives, downwards.
#[expect(clippy::cast_possible_truncation, reason = "temperatures fit; a cast from f64 saturates")]
fn fives(celsius: f64) -> u16 {
    ((celsius.max(0.0) / 5.0).floor() * 5.0) as u16
}

/// Nozzle and bed: the middle of what the material bears, and of its bed three quarters, within the printer's limits.
fn heat(limits: &PrinterLimits, material: &Material) -> Result<(u16, u16), NoTestPrint> {
    let most = limits.hotend_max.map_or(f64::MAX, |max| max - BELOW_LIMIT);
    let middle = f64::midpoint(material.hotend.0, material.hotend.1);
    let hotend = fives(middle.min(most));
    if f64::from(hotend) < material.hotend.0 {
        return Err(NoTestPrint::TooCold { material: material.name, least: material.hotend.0, most });
    }
    let bed = limits.bed_max.map_or(f64::MAX, |max| max - BELOW_LIMIT);
    Ok((hotend, fives((material.bed_max * 0.75).min(bed))))
}

/// The middle of the plate, and half of what is free around it.
fn middle(limits: &PrinterLimits) -> Result<(f64, f64), NoTestPrint> {
    let [Some(x), Some(y), height] = limits.volume else { return Err(NoTestPrint::PlateUnknown) };
    let room = SIDE + 2.0 * (SKIRT + EDGE);
    let is_small = |(low, high): (f64, f64)| high - low < room;
    let is_low = height.is_some_and(|(_, top)| top < 3.0 * LIFT);
    if is_small(x) || is_small(y) || is_low {
        return Err(NoTestPrint::PlateSmall);
    }
    Ok((f64::midpoint(x.0, x.1).round(), f64::midpoint(y.0, y.1).round()))
}

/// Lines of G-code, and the filament that they push.
struct Writer {
    text: String,
    middle: (f64, f64),
    /// mm of filament for each mm of way.
    share: f64,
    filament: f64,
}

impl Writer {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    /// A square around the middle.
    fn square(&mut self, side: f64, speed: u32) {
        let ((x, y), half) = (self.middle, side / 2.0);
        self.line(format_args!("G1 X{:.2} Y{:.2} F{TRAVEL}", x - half, y - half));
        let laid = side * self.share;
        for (right, back) in [(1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)] {
            let (x, y) = (x + right * half, y + back * half);
            self.line(format_args!("G1 X{x:.2} Y{y:.2} E{laid:.4} F{speed}"));
            self.filament += laid;
        }
    }
}

/// The test print for this printer with this material.
pub fn make(limits: &PrinterLimits, material: &str) -> Result<TestPrint, NoTestPrint> {
    let material = Material::named(material).ok_or(NoTestPrint::Material)?;
    let (hotend, bed) = heat(limits, &material)?;
    let nozzle = limits.nozzle.unwrap_or(NOZZLE);
    let diameter = limits.filament.unwrap_or(FILAMENT);
    let (height, width) = (nozzle / 2.0, nozzle * 1.125);
    let share = height * width / (std::f64::consts::PI * diameter * diameter / 4.0);
    let mut to = Writer { text: String::new(), middle: middle(limits)?, share, filament: 0.0 };
    to.line(format_args!("; platen's test print: a square of {SIDE:.0} mm, {LAYERS} layers"));
    to.line(format_args!("G21\nG90\nM83"));
    to.line(format_args!("M140 S{bed}\nM104 S{hotend}\nG28\nM190 S{bed}\nM109 S{hotend}"));
    to.line(format_args!("G1 Z{LIFT:.2} F600"));
    let (x, y) = to.middle;
    let corner = SIDE / 2.0 + SKIRT;
    to.line(format_args!("G1 X{:.2} Y{:.2} F{TRAVEL}", x - corner, y - corner));
    for layer in 1..=LAYERS {
        to.line(format_args!("G1 Z{:.2} F600", f64::from(layer) * height));
        if layer == 1 {
            to.square(2.0 * corner, FIRST);
        }
        for wall in (0..WALLS).rev() {
            let side = SIDE - width - 2.0 * width * f64::from(wall);
            to.square(side, if layer == 1 { FIRST } else { WALL });
        }
    }
    let top = f64::from(LAYERS) * height + LIFT;
    to.line(format_args!("G1 Z{top:.2} F600\nM104 S0\nM140 S0\nM84"));
    Ok(TestPrint { gcode: to.text, hotend, bed, filament: to.filament })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::analysis::Analyser;
    use crate::gcode::preflight::{Question, judge};

    fn limits() -> PrinterLimits {
        PrinterLimits {
            volume: [Some((0.0, 220.0)), Some((-4.0, 210.0)), Some((0.0, 250.0))],
            hotend_max: Some(275.0),
            bed_max: Some(110.0),
            chamber_max: Some(70.0),
            nozzle: Some(0.4),
            filament: Some(1.75),
            ..PrinterLimits::default()
        }
    }

    fn findings(limits: &PrinterLimits, material: &str) -> Vec<&'static str> {
        let made = make(limits, material).unwrap();
        let mut analyser = Analyser::new(limits.options());
        analyser.feed(made.gcode.as_bytes()).unwrap();
        let analysis = analyser.finish().unwrap();
        let question = Question { printer: limits.clone(), material: Some(material), ..Question::default() };
        judge(&analysis, &question).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_gate_finds_nothing_in_it_on_all_kinds_of_printers() {
        let delta = [Some((-80.0, 80.0)), Some((-80.0, 80.0)), Some((0.0, 300.0))];
        for (limits, material) in [
            (limits(), "PLA"),
            (limits(), "PETG"),
            (limits(), "TPU 95A"),
            (PrinterLimits { nozzle: Some(0.8), filament: Some(2.85), ..limits() }, "PLA"),
            (PrinterLimits { volume: delta, ..limits() }, "PLA"),
            (PrinterLimits { nozzle: None, filament: None, ..limits() }, "ABS"),
            (PrinterLimits { hotend_max: Some(205.0), bed_max: Some(50.0), ..limits() }, "PLA"),
        ] {
            assert_eq!(findings(&limits, material), Vec::<&str>::new(), "{material} {limits:?}");
        }
    }

    #[test]
    fn it_stays_below_the_limits_and_on_the_plate() {
        let made = make(&limits(), "PLA").unwrap();
        assert_eq!((made.hotend, made.bed), (210, 60));
        let made = make(&PrinterLimits { bed_max: Some(60.0), ..limits() }, "PLA").unwrap();
        assert_eq!(made.bed, 45);
        assert!((5.0..200.0).contains(&made.filament), "{}", made.filament);
    }

    #[test]
    fn what_is_not_known_or_does_not_fit_is_told() {
        let unknown = PrinterLimits { volume: [None, None, None], ..limits() };
        assert_eq!(make(&unknown, "PLA"), Err(NoTestPrint::PlateUnknown));
        let small = [Some((0.0, 30.0)), Some((0.0, 200.0)), None];
        assert_eq!(make(&PrinterLimits { volume: small, ..limits() }, "PLA"), Err(NoTestPrint::PlateSmall));
        assert_eq!(make(&limits(), "unobtainium"), Err(NoTestPrint::Material));
        assert!(matches!(make(&limits(), "PEEK"), Err(NoTestPrint::TooCold { .. })));
    }
}
