//! The gate: what speaks against printing a file on a printer with a material, each finding with code, line and cure.
//!
//! Errors refuse; warnings need a person who accepts them by their codes. What is not known of a printer or a
//! material refuses nothing. The facts come from `gcode::analysis`, and claims of the slicer are only compared.

use super::analysis::{Analysis, At, Extents, Options};
use super::commands::{self, Code, InFile};
use super::modal::Counting;
pub use crate::domain::finding::{Finding, Severity, refused};
use crate::domain::printer::Firmware;

/// What a printer can bear. Lengths in mm, °C; absent where it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrinterLimits {
    /// Lowest and highest place of the plate and above it, by axis.
    pub volume: [Option<(f64, f64)>; 3],
    /// How far beside the plate the head may go, and lines that clean the nozzle may lie.
    pub margin: f64,
    pub hotend_max: Option<f64>,
    pub bed_max: Option<f64>,
    pub chamber_max: Option<f64>,
    pub nozzle: Option<f64>,
    pub filament: Option<f64>,
    /// As `M862.3` names it, or with the maker's name before it.
    pub model: Option<String>,
    pub arcs: Option<bool>,
    pub firmware: Option<Firmware>,
    /// Seconds that a job may take.
    pub longest: Option<f64>,
    /// Codes that the site forbids.
    pub forbidden: Vec<Code>,
    /// Codes that its section allows beyond what every printer gets.
    pub allowed: Option<Vec<Code>>,
}

impl PrinterLimits {
    /// How a file for this printer is to be read.
    pub fn options(&self) -> Options {
        Options { counting: self.firmware.and_then(Counting::of), ..Options::default() }
    }
}

/// What a material bears, °C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Material {
    pub name: &'static str,
    pub hotend: (f64, f64),
    pub bed_max: f64,
}

/// Ranges of makers' data sheets with some room: outside of them the material chars, or does not flow.
const MATERIALS: &[Material] = &[
    material("PLA", (180.0, 245.0), 80.0),
    material("PETG", (210.0, 275.0), 100.0),
    material("PET", (210.0, 275.0), 100.0),
    material("PCTG", (240.0, 290.0), 100.0),
    material("CPE", (220.0, 290.0), 110.0),
    material("ABS", (220.0, 285.0), 120.0),
    material("ASA", (220.0, 285.0), 120.0),
    material("HIPS", (220.0, 270.0), 115.0),
    material("TPU", (190.0, 260.0), 80.0),
    material("TPE", (190.0, 260.0), 80.0),
    material("FLEX", (190.0, 260.0), 80.0),
    material("PVA", (170.0, 230.0), 80.0),
    material("PVB", (190.0, 240.0), 90.0),
    material("BVOH", (190.0, 240.0), 80.0),
    material("PP", (200.0, 260.0), 110.0),
    material("PC", (250.0, 320.0), 130.0),
    material("PA", (230.0, 300.0), 120.0),
    material("NYLON", (230.0, 300.0), 120.0),
    material("PEEK", (360.0, 450.0), 160.0),
];

const fn material(name: &'static str, hotend: (f64, f64), bed_max: f64) -> Material {
    Material { name, hotend, bed_max }
}

impl Material {
    /// Whether both words are used for one material.
    fn is_also(&self, other: &Self) -> bool {
        const SAME: [&[&str]; 3] = [&["PETG", "PET"], &["TPU", "TPE", "FLEX"], &["PA", "NYLON"]];
        self.name == other.name
            || SAME.iter().any(|same| same.contains(&self.name) && same.contains(&other.name))
    }

    /// By the first word of what a person or a slicer calls it, without the digits of its kind (PA6, PA12); unknown
    /// ones have no limits.
    pub fn named(words: &str) -> Option<Self> {
        let ends = |c: char| c.is_ascii_digit() || [' ', '-', '+', '_'].contains(&c);
        let first = words.trim().split(ends).next().unwrap_or_default();
        MATERIALS.iter().find(|material| material.name.eq_ignore_ascii_case(first)).copied()
    }
}

/// The whole question.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    pub printer: PrinterLimits,
    /// What will be in the printer, in plain words.
    pub material: Option<&'a str>,
    /// The approved model, mm along X, Y and Z as it is to be printed.
    pub model: Option<[f64; 3]>,
    /// What the survey found at the end of the file: false where a slicer's last line is missing.
    pub whole: Option<bool>,
    /// It goes on with a part that is on the plate (`gcode::resume`).
    pub resumes: bool,
}

/// mm/s: nothing that prints is faster.
const ABSURD_SPEED: f64 = 1_000.0;
/// mm/s of a move with filament: an hour for a hand's breadth.
const CRAWL: f64 = 0.1;
/// Filament (1.75 mm) per mm of way: a bead of 1.2 by 1.2 mm takes 0.6. Cleaning lines are laid so thick.
const ABSURD_BEAD: f64 = 1.0;
/// Squares of the nozzle's width that a bead of the part covers: 1.2 mm wide and 0.8 mm high from 0.4 mm.
const BEAD_SQUARES: f64 = 6.0;
/// mm/s at once, and mm/s²: ten times what the fastest printers do.
const ABSURD_JERK: f64 = 200.0;
const ABSURD_ACCELERATION: f64 = 200_000.0;
/// mm of filament without way: a long Bowden's change of filament takes less.
const HEAP: f64 = 200.0;
/// % of the filament that its moves say: a profile is wrong by less.
const FLOW: std::ops::RangeInclusive<f64> = 50.0..=200.0;
/// mm of filament where nobody knows where the head is: what cleaning lines of start G-code lay, and more.
const UNKNOWN_LAID: f64 = 50.0;
/// Between two layers, in layers: what is left out of a file's middle is more.
const GAP_LAYERS: f64 = 3.0;
/// mm: a layer of the widest nozzles is no thicker.
const GAP: f64 = 1.5;
/// What is laid first: in nozzles, in layers, and what is little in any case, mm.
const FIRST_NOZZLES: f64 = 1.25;
const FIRST_LAYERS: f64 = 1.5;
const FIRST: f64 = 0.5;
/// mm above the plate: nothing comes out of a nozzle that is so near.
const ON_PLATE: f64 = 0.05;
/// mm/s that no move goes below, and % of its speed that a move gets at least.
const LEAST_SPEED: f64 = 50.0;
const SPEED_SHARE: f64 = 10.0;
/// mm/s²: with less, nothing gets anywhere.
const SLACK_ACCELERATION: f64 = 1.0;
/// Seconds: a long Bowden has one.
const PRESSURE: f64 = 2.0;
/// Seconds in one place: paste and resin take less.
const DWELL: f64 = 3_600.0;
/// Support and brim may add to a part; nothing takes away more than a bead.
const SHRUNK_MM: f64 = 1.0;
/// Brim, skirt and supports around a part, mm on both sides together.
const AROUND_MM: f64 = 60.0;

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, code: &'static str, line: Option<u64>, what: String, help: &'static str) {
        self.0.push(Finding { code, severity: Severity::Error, line, what, help });
    }

    fn warn(&mut self, code: &'static str, line: Option<u64>, what: String, help: &'static str) {
        self.0.push(Finding { code, severity: Severity::Warning, line, what, help });
    }
}

/// Everything that speaks against it, the worst first; no errors and no warnings: it may be printed.
pub fn judge(file: &Analysis, question: &Question<'_>) -> Vec<Finding> {
    let mut found = Findings::default();
    volume(file, &question.printer, &mut found);
    heat(file, question, &mut found);
    modes(file, question.printer.firmware, question.resumes, &mut found);
    machine(file, &question.printer, &mut found);
    commands(file, &question.printer, &mut found);
    course(file, question, &mut found);
    layers(file, question, &mut found);
    if let Some(model) = question.model {
        size(file, model, &mut found);
    }
    found.0.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.line));
    found.0
}

const AXES: [char; 3] = ['X', 'Y', 'Z'];
/// Rounding of slicers, mm.
const SLACK: f64 = 0.05;

fn volume(file: &Analysis, printer: &PrinterLimits, found: &mut Findings) {
    const MOVE: &str = "slice it for this printer, or place it nearer to the middle of the plate";
    const PRINT: &str = "make the part smaller, turn it, or print it on a larger printer";
    for (axis, limits) in printer.volume.iter().enumerate() {
        let Some((low, high)) = *limits else { continue };
        // Below the plate is the plate: there is no margin in Z.
        let margin = if axis == 2 { 0.0 } else { printer.margin } + SLACK;
        let mut beyond = |at: Option<At>, margin: f64, code: &'static str, who: &str, help| {
            let Some(at) = at.filter(|at| at.value < low - margin || at.value > high + margin) else {
                return false;
            };
            let what = format!(
                "{who} goes to {} {:.2} mm; this printer has {low:.0} to {high:.0} mm",
                AXES[axis], at.value
            );
            found.error(code, Some(at.line), what, help);
            true
        };
        let sides = |of: &Extents| [of.low[axis], of.high[axis]];
        for (side, extrusion) in sides(&file.extrusion).into_iter().enumerate() {
            // Only cleaning lines lie beside the plate. One finding tells all.
            let _ = beyond(sides(&file.body)[side], SLACK, "volume.extrusion", "filament", PRINT)
                || beyond(extrusion, margin, "volume.extrusion", "filament", PRINT)
                || beyond(sides(&file.moves)[side], margin, "volume.move", "the head", MOVE);
        }
    }
    const PLACE: &str = "write G90 and a place (G1 X.. Y.. Z..) behind G28, before anything is laid";
    for (axis, limits) in printer.volume.iter().enumerate() {
        let Some(((low, high), span)) = limits.zip(file.span_unknown[axis]) else { continue };
        let margin = if axis == 2 { 0.0 } else { 2.0 * printer.margin } + SLACK;
        if span.value > high - low + margin {
            let what = format!(
                "the head goes {:.2} mm along {} from a place that is not known; this printer has {low:.0} to {high:.0} mm",
                span.value, AXES[axis]
            );
            found.error("volume.move", Some(span.line), what, MOVE);
        }
    }
    if let Some(laid) = file.laid_unknown
        && (laid.value > UNKNOWN_LAID || file.extrusion.low.contains(&None))
    {
        let what = format!(
            "{:.0} mm of filament are laid where nobody knows where the head is (by G91, or behind homing or probing)",
            laid.value
        );
        found.error("volume.unknown", Some(laid.line), what, PLACE);
    }
    if let Some(lowest) = file.below_home {
        let what = format!("the head goes down {:.2} mm from where Z was homed (G91)", -lowest.value);
        found.error("volume.unknown", Some(lowest.line), what, PLACE);
    }
    let plate = printer.volume[2].map_or(0.0, |(low, _)| low);
    if printer.volume[2].is_none()
        && let Some(low) = file.extrusion.low[2].filter(|low| low.value < -SLACK)
    {
        let what = format!("filament goes to Z {:.2} mm, below the plate", low.value);
        found.error("volume.extrusion", Some(low.line), what, PRINT);
    } else if let Some(low) = file.lowest_laid
        && (plate - SLACK..plate + ON_PLATE).contains(&low.value)
    {
        let what = format!("filament is laid at Z {:.2} mm: the nozzle lies on the plate", low.value);
        let help = "raise Z before anything is laid; look at the slicer's own G-code and its Z offset";
        found.error("volume.extrusion", Some(low.line), what, help);
    }
    const LIFT: &str = "look at Z of M207: so far the firmware lifts the head when it draws filament back";
    let [low, high] = file.lift;
    let tall = printer.volume[2].map_or(f64::INFINITY, |(low, high)| high - low);
    if let Some(low) = low.filter(|low| low.value < 0.0) {
        let what = format!("the head goes down {:.2} mm where filament is drawn back (M207)", -low.value);
        found.error("volume.move", Some(low.line), what, LIFT);
    }
    if let Some(high) = high.filter(|high| high.value > tall) {
        let what = format!(
            "the head goes up {:.2} mm where filament is drawn back (M207); this printer is {tall:.0} mm tall",
            high.value
        );
        found.error("volume.move", Some(high.line), what, LIFT);
    }
}

fn heat(file: &Analysis, question: &Question<'_>, found: &mut Findings) {
    const LESS: &str = "slice it with a cooler profile, or for another printer";
    const START: &str = "heat in the slicer's start G-code: M104, M140, then M190 and M109";
    const END: &str = "switch everything off in the slicer's end G-code: M104 S0, M140 S0";
    let printer = &question.printer;
    let told = question.material.or_else(|| file.metadata.filament_type.first().map(String::as_str));
    let material = told.and_then(Material::named);
    let meant = file.metadata.filament_type.first().and_then(|words| Material::named(words));
    if let Some((material, meant)) = material.zip(meant).filter(|(one, other)| !one.is_also(other)) {
        let what = format!("it was sliced for {}, and {} is to be in the printer", meant.name, material.name);
        found.error(
            "machine.material",
            None,
            what,
            "slice it with the profile of the material that is loaded",
        );
    }
    for (tool, hotend) in file.hotends.iter().enumerate() {
        let Some(hottest) = hotend.hottest else { continue };
        let line = Some(hottest.line);
        if let Some(max) = printer.hotend_max.filter(|max| hottest.value > *max) {
            let what =
                format!("nozzle {tool} is to have {:.0} °C; this printer allows {max:.0} °C", hottest.value);
            found.error("heat.printer", line, what, LESS);
        } else if let Some(material) = material {
            let (low, high) = material.hotend;
            if hottest.value > high {
                let what = format!(
                    "nozzle {tool} is to have {:.0} °C; {} bears {high:.0} °C",
                    hottest.value, material.name
                );
                found.error(
                    "heat.material",
                    line,
                    what,
                    "slice it with the profile of the material that is loaded",
                );
            } else if hottest.value > 0.0 && hottest.value < low && file.filament[tool] > 0.0 {
                let what = format!(
                    "nozzle {tool} gets {:.0} °C; {} needs {low:.0} °C",
                    hottest.value, material.name
                );
                found.error(
                    "heat.material",
                    line,
                    what,
                    "slice it with the profile of the material that is loaded",
                );
            }
        }
        let last = [hotend.perhaps, hotend.last].into_iter().flatten().find(|last| last.value > 0.0);
        let rests = hotend.rests.is_some() && printer.firmware == Some(Firmware::RepRapFirmware);
        if let Some(last) = last.filter(|_| !rests) {
            let what = format!("nozzle {tool} is left at {:.0} °C at the end", last.value);
            found.error("heat.left_on", Some(last.line), what, END);
        }
    }
    let heated = file.hotends.iter().chain([&file.bed, &file.chamber]);
    if let Some(negative) = heated.filter_map(|heated| heated.negative).min_by_key(|at| at.line) {
        let what = format!("a target of {:.0} °C", negative.value);
        found.error("heat.nonsense", Some(negative.line), what, "a heater is switched off with S0");
    }
    if let Some(bed) = file.bed.hottest {
        if let Some(max) = printer.bed_max.filter(|max| bed.value > *max) {
            let what = format!("the bed is to have {:.0} °C; this printer allows {max:.0} °C", bed.value);
            found.error("heat.printer", Some(bed.line), what, LESS);
        } else if let Some(material) = material.filter(|material| bed.value > material.bed_max) {
            let what = format!(
                "the bed is to have {:.0} °C; {} bears {:.0} °C",
                bed.value, material.name, material.bed_max
            );
            found.error(
                "heat.material",
                Some(bed.line),
                what,
                "slice it with the profile of the material that is loaded",
            );
        }
    }
    if let Some((chamber, max)) = file.chamber.hottest.zip(printer.chamber_max)
        && chamber.value > max
    {
        let what = format!("the chamber is to have {:.0} °C; this printer allows {max:.0} °C", chamber.value);
        found.error("heat.printer", Some(chamber.line), what, LESS);
    }
    for (heated, name) in [(&file.bed, "the bed"), (&file.chamber, "the chamber")] {
        if let Some(last) = heated.last.filter(|last| last.value > 0.0) {
            let what = format!("{name} is left at {:.0} °C at the end", last.value);
            found.error("heat.left_on", Some(last.line), what, END);
        }
    }
    if let Some(cold) = file.extruded_cold {
        let line = Some(cold.line);
        if file.hotends.iter().all(|hotend| hotend.hottest.is_none_or(|hottest| hottest.value <= 0.0)) {
            found.error("heat.none", line, "filament moves, and nothing ever heats the nozzle".into(), START);
        } else {
            let what = format!("filament moves while the nozzle is to have {:.0} °C", cold.value);
            found.error("heat.cold_extrusion", line, what, START);
        }
    } else if let Some(line) = file.extruded_unwaited {
        let what = "filament moves before the file has waited for the nozzle (M109)".into();
        found.warn("heat.not_waited", Some(line), what, START);
    }
}

fn modes(file: &Analysis, firmware: Option<Firmware>, resumes: bool, found: &mut Findings) {
    const SAY: &str = "begin the slicer's start G-code with G21, G90 and M83 (or M82)";
    if let Some(line) = file.mode_doubtful {
        let what = "G90 or G91 came after M82 or M83: firmwares differ in how filament counts now".into();
        let help = "name the printer with its firmware, or write M82 or M83 behind each G90 and G91";
        found.error("mode.doubtful", Some(line), what, help);
    }
    if let Some(line) = file.extrusion_mode_unsaid {
        let what = "filament moves before M82 or M83 says how it counts".into();
        found.warn("mode.extrusion_unsaid", Some(line), what, SAY);
    }
    if let Some(line) = file.motion_mode_unsaid {
        let what = "the head moves before G90 or G91 says how numbers count".into();
        found.warn("mode.motion_unsaid", Some(line), what, SAY);
    }
    if let Some(line) = file.inches {
        found.error(
            "mode.inches",
            Some(line),
            "the file counts in inches (G20)".into(),
            "export it in millimetres",
        );
    }
    let meshed = file.mesh_over_part.filter(|_| firmware != Some(Firmware::RepRapFirmware));
    if let Some(line) = file.homed_over_part.into_iter().chain(meshed).min() {
        let what = "Z is homed, or the plate is probed, after more than a first layer was laid".into();
        let help = "home and probe before anything is laid (to load a mesh or to switch it off, Marlin has M420); at the end, home X and Y alone, or allow it with allow_findings where the printer homes upwards";
        found.error("home.onto_part", Some(line), what, help);
    }
    if resumes {
        const MADE: &str = "make the resume file anew; this one was changed";
        if let Some(line) = file.homed_z {
            let what = "Z is homed, onto the part that is on the plate".into();
            found.error(
                "home.onto_part",
                Some(line),
                what,
                "take the homing of Z out of the slicer's own G-code, and print the part anew",
            );
        }
        if let Some(line) = file.moved_untold {
            let what = "an axis moves that is neither homed nor told where it is".into();
            found.error("home.missing", Some(line), what, MADE);
        }
    } else if let Some(line) = file.moved_unhomed {
        let what = "the head moves before every axis is homed".into();
        found.error(
            "home.missing",
            Some(line),
            what,
            "write G28 into the slicer's start G-code, before any move",
        );
    }
    if let Some(line) = file.shifted {
        let what =
            "the origin of an axis is moved (G92, G10 L2, G54): limits of places no longer hold".into();
        found.warn("mode.shifted", Some(line), what, "use G92, and that for E only");
    }
    if let Some(line) = file.odd_number {
        let what = "a word has no number that can be read, or the line holds a second command".into();
        found.error("line.odd", Some(line), what, "look at that line; export the file again");
    }
    if let Some((line, why)) = file.ambiguous {
        let help = "write capitals and a blank before each word; export the file again";
        found.error("line.odd", Some(line), format!("it {why}"), help);
    }
    if let Some(line) = file.other_axis {
        let what = "it moves an axis whose limits nobody knows (U, V, W, A, B, C)".into();
        found.error("line.odd", Some(line), what, "slice it for a printer with X, Y, Z and E alone");
    }
}

/// Whether the layers stand on one another.
fn layers(file: &Analysis, question: &Question<'_>, found: &mut Findings) {
    const WHOLE: &str = "a piece of the file is missing, or is there twice: export it and hand it in again";
    let most = (GAP_LAYERS * file.metadata.layer_height.unwrap_or(0.0)).max(GAP);
    let plate = question.printer.volume[2].map_or(0.0, |(low, _)| low);
    let first_most = widest_nozzle(file, &question.printer).map_or(most, |nozzle| {
        let layer = file.metadata.layer_height.unwrap_or(0.0);
        (FIRST_NOZZLES * nozzle).max(FIRST_LAYERS * layer).max(FIRST)
    });
    if let Some(first) = file.first_laid.filter(|first| !question.resumes && first.value > plate + first_most)
    {
        let what = format!("what is laid first is laid {:.1} mm above the plate", first.value - plate);
        found.error("layer.gap", Some(first.line), what, WHOLE);
    }
    if let Some(gap) = file.gap.filter(|gap| gap.value > most) {
        let what = format!("{:.1} mm above what was laid, filament is laid in the air", gap.value);
        found.error("layer.gap", Some(gap.line), what, WHOLE);
    }
    if let Some(below) = file.below_laid {
        let what = format!("filament is laid {:.1} mm below what stands already", below.value);
        found.error("layer.below", Some(below.line), what, WHOLE);
    }
    if let Some(line) = file.through_laid {
        let what = "the head goes across below what was laid, or comes down onto it".into();
        let help =
            "raise the head before it goes anywhere, and keep it up at the end, in the slicer's own G-code";
        found.error("layer.below", Some(line), what, help);
    }
}

fn machine(file: &Analysis, printer: &PrinterLimits, found: &mut Findings) {
    const SLICE: &str = "slice it for this printer's nozzle and filament";
    const MODEL: &str = "slice it for this printer's model";
    let other = |values: &[f64], mine: Option<f64>| {
        let mine = mine?;
        values.iter().copied().find(|value| (value - mine).abs() > 0.011).map(|value| (value, mine))
    };
    let meta = &file.metadata;
    if let Some((value, mine)) = other(&meta.nozzle_diameter, printer.nozzle) {
        let what = format!("it was sliced for a nozzle of {value} mm; this printer has {mine} mm");
        found.error("machine.nozzle", None, what, SLICE);
    }
    if let Some((value, mine)) = other(&meta.filament_diameter, printer.filament) {
        let what = format!("it was sliced for filament of {value} mm; this printer takes {mine} mm");
        found.error("machine.filament", None, what, SLICE);
    }
    for (line, check) in &file.checks {
        let line = Some(*line);
        let value = check.split_once('P').map_or("", |(_, value)| value).trim().trim_matches('"');
        if check.starts_with("M862.1") {
            let nozzle: Vec<f64> =
                value.split(' ').next().and_then(|value| value.parse().ok()).into_iter().collect();
            if let Some((value, mine)) = other(&nozzle, printer.nozzle) {
                let what = format!("it asks for a nozzle of {value} mm (M862.1); this printer has {mine} mm");
                found.error("machine.nozzle", line, what, SLICE);
            }
        } else if let Some((model, asked)) = printer.model.as_deref().zip(model_of(check, value))
            && !is_of(model, asked)
        {
            let what = format!("it is for a printer of the model {asked} (M862.2); this one is {model}");
            found.error("machine.model", line, what, MODEL);
        } else if let Some(model) = printer.model.as_deref().filter(|_| check.starts_with("M862.3"))
            && !value.is_empty()
            && !is_of(model, value)
        {
            let shown: String = value.chars().filter(|c| !c.is_control()).take(30).collect();
            let what = format!("it is for a printer of the model {shown} (M862.3); this one is {model}");
            found.error("machine.model", line, what, MODEL);
        }
    }
    let asks = file.checks.iter().any(|(_, check)| check.starts_with("M862.3"));
    if let Some((model, told)) = printer.model.as_deref().zip(meta.printer.as_deref())
        && !asks
        && !is_of(model, told)
    {
        let what = format!("its slicer had the profile of a {told}; this printer is a {model}");
        found.warn("machine.profile", None, what, MODEL);
    }
}

/// The model that `M862.2` asks for by its number; others than these are not known (Prusa's firmware,
/// `printers.h`). With an MMU, 20,000 stands before it.
fn model_of(check: &str, value: &str) -> Option<&'static str> {
    let number: u32 = value.split(' ').next().filter(|_| check.starts_with("M862.2"))?.parse().ok()?;
    match number % 20_000 {
        120 => Some("MINI"),
        250 => Some("MK2.5"),
        252 => Some("MK2.5S"),
        300 => Some("MK3"),
        302 => Some("MK3S"),
        _ => None,
    }
}

/// Whether a printer's model is the one that a file asks for: `prusa-mk3s` is an `MK3S`.
fn is_of(model: &str, asked: &str) -> bool {
    let plain = |text: &str| {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect::<String>()
    };
    let asked = plain(asked);
    !asked.is_empty() && plain(model).ends_with(&asked)
}

fn commands(file: &Analysis, printer: &PrinterLimits, found: &mut Findings) {
    if let Some(line) = file.arc.filter(|_| printer.arcs == Some(false)) {
        let what = "it has arcs (G2, G3, G5), which this printer's firmware does not know".into();
        found.error("command.arcs", Some(line), what, "switch arc fitting off in the slicer");
    }
    for (name, line) in &file.needs {
        let Some(rule) = Code::named(name).and_then(commands::rule) else { continue };
        let allowed = printer.allowed.as_ref().is_none_or(|allowed| allowed.contains(&rule.code));
        if rule.in_file == InFile::Never || !allowed {
            let what = format!("{name} is not allowed in a job here: it {}", rule.does);
            found.error("command.not_allowed", Some(*line), what, "take it out of the slicer's own G-code");
        }
    }
    if let Some((line, name)) = file.klipper.filter(|_| printer.firmware != Some(Firmware::Klipper)) {
        let what = format!("{name} is a command of Klipper's, and this printer is not known to have Klipper");
        let help = "slice it for this printer's firmware, or write firmware = \"klipper\" into its section";
        found.error("command.klipper", Some(line), what, help);
    }
    let runs_several = matches!(printer.firmware, Some(Firmware::RepRapFirmware | Firmware::Smoothieware));
    if let Some(line) = file.hidden.filter(|_| runs_several) {
        let what = "a text holds a command, and this printer's firmware runs it".into();
        found.error("line.odd", Some(line), what, "put the text into quotes, or take it out");
    }
    if let Some(line) = file.heats_tool
        && printer.firmware.is_some_and(|firmware| firmware != Firmware::RepRapFirmware)
    {
        let what = "it heats a tool as only RepRapFirmware does it (G10 P, M568)".into();
        found.warn("command.unknown", Some(line), what, "slice it for this printer's firmware");
    }
    for (name, (count, line)) in &file.codes {
        let Some(code) = Code::named(name) else { continue };
        if printer.forbidden.contains(&code) {
            let what = format!("{name} is forbidden at this site");
            found.error("command.forbidden", Some(*line), what, "take it out of the slicer's own G-code");
        } else if printer.firmware.is_some_and(|firmware| !knows(firmware, code)) {
            let what = format!(
                "{name} is unknown to this printer's firmware ({count} times): it would be passed over"
            );
            found.warn("command.unknown", Some(*line), what, "slice it for this printer's firmware");
        }
    }
}

/// Whether a firmware acts on a code. Only Marlin's table is known here (`gcode/gcode.cpp`, 2.1.2, with all options
/// on); of others nothing is refused.
fn knows(firmware: Firmware, code: Code) -> bool {
    const G: &[(u32, u32)] = &[
        (0, 6),
        (10, 12),
        (17, 21),
        (26, 35),
        (38, 38),
        (42, 42),
        (53, 61),
        (76, 76),
        (80, 81),
        (90, 92),
        (425, 425),
    ];
    const M: &[(u32, u32)] = &[
        (0, 5),
        (7, 11),
        (16, 34),
        (42, 43),
        (48, 48),
        (73, 87),
        (92, 92),
        (100, 129),
        (140, 141),
        (143, 145),
        (149, 151),
        (154, 155),
        (163, 166),
        (190, 193),
        (200, 221),
        (226, 226),
        (240, 240),
        (250, 256),
        (260, 261),
        (280, 282),
        (290, 290),
        (300, 309),
        (350, 351),
        (355, 355),
        (360, 364),
        (380, 381),
        (400, 407),
        (410, 413),
        (420, 428),
        (430, 430),
        (486, 486),
        (493, 494),
        (500, 512),
        (524, 524),
        (540, 540),
        (550, 554),
        (569, 569),
        (575, 575),
        (592, 593),
        (600, 605),
        (665, 666),
        (672, 672),
        (701, 702),
        (710, 710),
        (808, 808),
        (810, 819),
        (851, 852),
        (860, 871),
        (876, 876),
        (900, 900),
        (906, 928),
        (951, 951),
        (993, 995),
        (997, 997),
        (999, 999),
    ];
    if !matches!(firmware, Firmware::Marlin11 | Firmware::Marlin20 | Firmware::Marlin21) {
        return true;
    }
    let within = |table: &[(u32, u32)]| table.iter().any(|(low, high)| (*low..=*high).contains(&code.number));
    match code.letter {
        b'G' => within(G),
        b'M' => within(M),
        _ => true,
    }
}

fn course(file: &Analysis, question: &Question<'_>, found: &mut Findings) {
    if question.whole == Some(false) {
        let what = "the last line that its slicer writes is missing: the file was cut".into();
        found.error("file.cut", None, what, "export it and hand it in again");
    }
    if let Some(fastest) = file.fastest.filter(|fastest| fastest.value > ABSURD_SPEED) {
        let what = format!("a speed of {:.0} mm/s", fastest.value);
        found.error(
            "speed.absurd",
            Some(fastest.line),
            what,
            "speeds (F) are in mm a minute; look at the profile",
        );
    }
    if let Some(slowest) = file.slowest.filter(|slowest| slowest.value < CRAWL) {
        let what = format!("filament is laid at {:.3} mm/s", slowest.value);
        found.error(
            "speed.crawl",
            Some(slowest.line),
            what,
            "speeds (F) are in mm a minute; look at the profile",
        );
    }
    if let Some(thickest) = file.thickest.filter(|thickest| thickest.value > ABSURD_BEAD) {
        let what = format!("{:.1} mm of filament for each mm of way", thickest.value);
        found.error("extrusion.absurd", Some(thickest.line), what, BEAD_HELP);
    } else if let Some((thickest, (most, nozzle))) =
        file.body_thickest.zip(thickest_bead(file, &question.printer))
        && thickest.value > most
    {
        let what = format!(
            "a nozzle of {nozzle} mm is to lay {:.2} mm of filament for each mm of way; {most:.2} mm are much",
            thickest.value
        );
        found.error("extrusion.absurd", Some(thickest.line), what, BEAD_HELP);
    }
    if let Some(jerk) = file.jerk.filter(|jerk| jerk.value > ABSURD_JERK) {
        let what = format!(
            "an axis is to change its speed by {:.0} mm/s at once (M205, M566, SQUARE_CORNER_VELOCITY)",
            jerk.value
        );
        let help = "set the jerk in the slicer's profile, in mm/s (M566: mm a minute)";
        found.error("speed.absurd", Some(jerk.line), what, help);
    }
    if let Some(least) = file.least_speed.filter(|least| least.value > LEAST_SPEED) {
        let what = format!("no move is to be slower than {:.0} mm/s (M205 S)", least.value);
        found.error("speed.absurd", Some(least.line), what, "S of M205 is the lowest speed, in mm/s");
    }
    if let Some(most) = file.acceleration.filter(|most| most.value > ABSURD_ACCELERATION) {
        let what = format!("an acceleration of {:.0} mm/s² (M201, M202, M204, ACCEL)", most.value);
        let help = "set the acceleration in the slicer's profile, in mm/s²";
        found.error("speed.absurd", Some(most.line), what, help);
    }
    if let Some(slack) = file.slack.filter(|slack| slack.value < SLACK_ACCELERATION) {
        let what = format!("an acceleration of {} mm/s² (M201, M202, M204, ACCEL)", slack.value);
        let help = "set the acceleration in the slicer's profile, in mm/s²";
        found.error("speed.crawl", Some(slack.line), what, help);
    }
    if let Some(share) = file.speed_share.filter(|share| share.value < SPEED_SHARE) {
        let what = format!("moves get {} % of their speed (M220)", share.value);
        found.error("speed.crawl", Some(share.line), what, "take M220 out of the slicer's own G-code");
    }
    if let Some(pressure) = file.pressure.filter(|pressure| pressure.value > PRESSURE) {
        let what = format!(
            "pressure is to be pushed ahead for {:.1} s (M572, SET_PRESSURE_ADVANCE)",
            pressure.value
        );
        found.error("extrusion.absurd", Some(pressure.line), what, "it counts in seconds, mostly below 1");
    }
    if let Some(heap) = file.heap.filter(|heap| heap.value > HEAP) {
        let what = format!("{:.0} mm of filament are pushed in one place", heap.value);
        let help =
            "a change of filament takes 200 mm at most; look at E there (M600, M701: L; M207, M208: S, W)";
        found.error("extrusion.absurd", Some(heap.line), what, help);
    }
    if let Some(flow) = file.flow.into_iter().flatten().find(|flow| !FLOW.contains(&flow.value)) {
        let what = format!("moves get {:.0} % of their filament (M221, M592)", flow.value);
        found.error("extrusion.absurd", Some(flow.line), what, "set the flow in the slicer's profile");
    }
    let claimed: f64 = file.metadata.claimed_filament_mm.iter().sum();
    let moved: f64 = file.filament.iter().sum();
    // Start and end G-code move some hundred millimetres that no slicer counts; nothing takes away more than the end
    // draws back.
    let range = 0.98 * claimed - 15.0..=1.2 * claimed + 300.0;
    if claimed > 0.0 && !question.resumes && !range.contains(&moved) {
        let what = format!("it moves {moved:.0} mm of filament, and its slicer says {claimed:.0} mm");
        let help =
            "the file was changed, cut, or counts filament in another way (M82, M83) than it was made for";
        found.error("extrusion.differs", None, what, help);
    }
    if let Some(dwell) = file.dwell.filter(|dwell| dwell.value > DWELL) {
        let what = format!("it waits {:.0} h in one place (G4)", dwell.value / 3_600.0);
        found.error("time.dwell", Some(dwell.line), what, "P counts in milliseconds, S in seconds");
    }
    if let Some(line) = file.dwell_negative {
        let what = "it waits for less than nothing (G4), which some firmwares take for ages".into();
        found.error("time.dwell", Some(line), what, "P counts in milliseconds, S in seconds, both from 0 on");
    }
    if let Some(longest) = question.printer.longest.filter(|longest| file.seconds > *longest) {
        let what = format!(
            "it takes {:.1} h; jobs here take {:.1} h at most",
            file.seconds / 3_600.0,
            longest / 3_600.0
        );
        found.error(
            "time.long",
            None,
            what,
            "split the part, print it coarser, or raise the printer's allowance",
        );
    }
    if moved <= 0.0 {
        let what = "it lays no filament".into();
        found.warn("extrusion.none", None, what, "look at the file: it prints nothing");
    }
}

const BEAD_HELP: &str =
    "relative and absolute extrusion were mixed up (M82, M83), or the filament's diameter is wrong";

fn widest(widths: &[f64]) -> Option<f64> {
    widths.iter().copied().filter(|width| *width > 0.0).reduce(f64::max)
}

/// mm; where it is known.
fn widest_nozzle(file: &Analysis, printer: &PrinterLimits) -> Option<f64> {
    printer.nozzle.or_else(|| widest(&file.metadata.nozzle_diameter))
}

/// The most filament per way that the nozzle can lay into a part, and its width in mm; where it is known.
fn thickest_bead(file: &Analysis, printer: &PrinterLimits) -> Option<(f64, f64)> {
    let nozzle = widest_nozzle(file, printer)?;
    let filament = printer.filament.or_else(|| widest(&file.metadata.filament_diameter)).unwrap_or(1.75);
    let section = std::f64::consts::PI * filament * filament / 4.0;
    Some((BEAD_SQUARES * nozzle * nozzle / section, nozzle))
}

/// What differs by these factors was exported in another unit.
const UNITS: [(f64, &str); 4] = [
    (25.4, "inches taken for millimetres"),
    (1_000.0, "metres taken for millimetres"),
    (10.0, "centimetres taken for millimetres"),
    (2.54, "inches taken for centimetres"),
];

fn size(file: &Analysis, model: [f64; 3], found: &mut Findings) {
    const HELP: &str =
        "slice the approved model again, at its own size; a scale has to be declared with the model";
    // The height is the part's own, without brim or skirt around it.
    let Some(top) = file.extrusion.high[2] else { return };
    let (height, wanted) = (top.value, model[2]);
    let layer = file.metadata.layer_height.unwrap_or(0.4).max(0.4);
    let ratio = height / wanted.max(1e-9);
    for (factor, words) in UNITS {
        for factor in [factor, 1.0 / factor] {
            if (ratio / factor - 1.0).abs() < 0.03 {
                let what = format!(
                    "the print is {height:.1} mm tall, the approved model {wanted:.1} mm: {words}, or the other way round"
                );
                return found.error("size.unit", Some(top.line), what, HELP);
            }
        }
    }
    if (height - wanted).abs() > layer + SHRUNK_MM {
        let what = format!("the print is {height:.1} mm tall, the approved model {wanted:.1} mm");
        return found.error("size.model", Some(top.line), what, HELP);
    }
    let mut plane = [file.extrusion.size()[0].unwrap_or(0.0), file.extrusion.size()[1].unwrap_or(0.0)];
    let mut approved = [model[0], model[1]];
    // It may be turned on the plate.
    plane.sort_by(f64::total_cmp);
    approved.sort_by(f64::total_cmp);
    let diagonal = approved[0].hypot(approved[1]);
    if plane[1] < approved[0] - SHRUNK_MM || plane[1] > diagonal + AROUND_MM {
        let what = format!(
            "the print is {:.1} by {:.1} mm, the approved model {:.1} by {:.1} mm",
            plane[0], plane[1], approved[0], approved[1]
        );
        found.error("size.model", None, what, HELP);
    }
}

#[cfg(test)]
mod tests;
