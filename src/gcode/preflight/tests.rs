//! Bad and borderline files, each with what has to be found in it.

use super::*;
use crate::domain::finding::OF_FILES;
use crate::gcode::analysis::{Analyser, Options};
use crate::gcode::survey::{SurveyError, Surveyor};

const START: &str = "G21\nG90\nM83\nM140 S60\nM104 S210\nG28\nM190 S60\nM109 S210\nG92 E0\n";
const END: &str = "G1 E-2 F2400\nM104 S0\nM140 S0\nM107\nG91\nG1 Z5\nG90\nM83\nG1 X0 Y200 F3600\nM84\n";

/// A tower of squares, `side` mm wide and `tall` mm high, from a corner at `at`.
fn tower(at: f64, side: f64, tall: f64) -> String {
    let mut text = String::new();
    for z in (1..).map(|layer| f64::from(layer) * 0.2).take_while(|z| *z < tall + 0.1) {
        let e = side * 0.033;
        let (low, high) = (at, at + side);
        text.push_str(&format!(
            ";LAYER_CHANGE\nG1 Z{z:.2} F600\nG1 X{low:.2} Y{low:.2} F6000\nG1 X{high:.2} E{e:.4} F1800\n"
        ));
        text.push_str(&format!("G1 Y{high:.2} E{e:.4}\nG1 X{low:.2} E{e:.4}\nG1 Y{low:.2} E{e:.4}\n"));
    }
    text
}

fn cube() -> String {
    tower(100.0, 20.0, 10.0)
}

fn whole(body: &str) -> String {
    format!("{START}{body}{END}")
}

fn printer() -> PrinterLimits {
    PrinterLimits {
        volume: [Some((0.0, 250.0)), Some((0.0, 210.0)), Some((0.0, 210.0))],
        margin: 5.0,
        hotend_max: Some(285.0),
        bed_max: Some(120.0),
        chamber_max: Some(80.0),
        nozzle: Some(0.4),
        filament: Some(1.75),
        model: Some("prusa-mk3s".into()),
        arcs: Some(false),
        firmware: Some(Firmware::Marlin21),
        longest: Some(48.0 * 3_600.0),
        forbidden: vec![Code::new(b'M', 300)],
        allowed: Some(vec![Code::new(b'M', 92), Code::new(b'G', 54)]),
    }
}

fn findings(text: &str, material: Option<&str>, model: Option<[f64; 3]>) -> Vec<Finding> {
    let mut analyser = Analyser::new(Options::default());
    analyser.feed(text.as_bytes()).unwrap();
    // `arcs = true` in the printer's section.
    let arcs = Some(text.ends_with("; splines\n"));
    let mut surveyor = Surveyor::new();
    let surveyed = surveyor.feed(text.as_bytes()).and_then(|()| surveyor.finish().map(drop));
    let whole = Some(!matches!(surveyed, Err(SurveyError::Cut { .. })));
    judge(
        &analyser.finish().unwrap(),
        &Question { printer: PrinterLimits { arcs, ..printer() }, material, model, whole, resumes: false },
    )
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code).collect()
}

/// A start as PrusaSlicer writes it where nobody gave it another one.
const START_THAT_LIFTS: &str =
    "G28\nG1 Z5 F5000\nG21\nG90\nM83\nM140 S60\nM104 S210\nM190 S60\nM109 S210\nG92 E0\n";

/// The layers of a cube, from 1 on.
fn sliced(layers: impl Iterator<Item = usize>) -> String {
    let cube = cube();
    let each: Vec<_> = cube.split_inclusive(";LAYER_CHANGE\n").collect();
    // Each piece ends with the comment that begins the next.
    layers.map(|layer| format!(";LAYER_CHANGE\n{}", each[layer + 1].replace(";LAYER_CHANGE\n", ""))).collect()
}

fn without_layers(lost: std::ops::Range<usize>) -> String {
    whole(&sliced((0..50).filter(|layer| !lost.contains(layer))))
}

/// Once more, behind so many layers.
fn with_again(again: std::ops::Range<usize>, behind: usize) -> String {
    whole(&sliced((0..behind).chain(again).chain(behind..50)))
}

/// Bad and borderline files, each with what has to be found, or nothing.
fn files() -> Vec<(&'static str, String, Option<&'static str>)> {
    let with = |start: &str| format!("{}{}{END}", START.replace("G92 E0\n", start), cube());
    let without = |line: &str| format!("{}{}{END}", START.replace(&format!("{line}\n"), ""), cube());
    let at_end = |line: &str| format!("{START}{}{END}{line}\n", cube());
    let inside = |line: &str| format!("{START}{}{line}\n{END}", cube());
    let no_end = |line: &str| format!("{START}{}{}", cube(), END.replace(&format!("{line}\n"), ""));
    let meta = |line: &str| format!("{}{line}\n", whole(&cube()));
    let relative = |body: &str| format!("{}{body}{END}", START.replace("G92 E0\n", "G91\nM83\n"));
    let splines = |text: String| format!("{text}; splines\n");
    let cut = |text: String| text[..text.len() * 9 / 10].rsplit_once('\n').unwrap().0.to_owned();
    vec![
        // Out of the volume.
        ("too tall", whole(&tower(100.0, 20.0, 210.4)), Some("volume.extrusion")),
        ("as tall as the printer", whole(&tower(100.0, 20.0, 204.8)), None),
        ("off the plate to the left", whole(&tower(-30.0, 20.0, 2.0)), Some("volume.extrusion")),
        ("off the plate to the right", whole(&tower(240.0, 20.0, 2.0)), Some("volume.extrusion")),
        ("off the plate to the back", whole(&tower(200.0, 20.0, 2.0)), Some("volume.extrusion")),
        ("at the corner of the plate", whole(&tower(0.0, 20.0, 2.0)), None),
        ("into the far corner", whole(&tower(190.0, 20.0, 2.0)), None),
        ("cleaning line beside the plate", with("G1 X0 Y-3 Z.3 F3000\nG1 X60 E9 F1000\n"), None),
        (
            "cleaning line far beside the plate",
            with("G1 X0 Y-30 Z.3 F3000\nG1 X60 E9 F1000\n"),
            Some("volume.extrusion"),
        ),
        ("head off the plate", inside("G1 X-40"), Some("volume.move")),
        ("head beside the plate", inside("G1 X-4"), None),
        ("head above the top", inside("G1 Z250"), Some("volume.move")),
        ("head into the plate", inside("G1 Z-1"), Some("volume.move")),
        ("filament below the plate", inside("G1 Z-.5\nG1 X110 E1"), Some("volume.extrusion")),
        (
            "a cleaning line on the plate",
            with("G1 X0 Y0 Z0 F3000\nG1 X60 E9 F1000\n"),
            Some("volume.extrusion"),
        ),
        ("laid from where homing ended", with("G1 X60 Y0 Z.2 E1 F1000\n"), None),
        ("a cleaning line just above it", with("G1 X0 Y0 Z.1 F3000\nG1 X60 E9 F1000\n"), None),
        ("the head on the plate", with("G1 X0 Y0 Z0 F3000\nG1 Z1\n"), None),
        ("down where filament is drawn back", inside("M207 S1 Z-5\nG10\nG11"), Some("volume.move")),
        (
            "through the top where filament is drawn back",
            inside("M207 S1 Z900\nG10\nG11"),
            Some("volume.move"),
        ),
        ("relative moves off the plate", inside("G91\nG1 X200\nG90\nM83"), Some("volume.move")),
        (
            "an arc that bulges off the plate",
            inside("G1 X5 Y100\nG2 X5 Y120 I0 J10 E1"),
            Some("command.arcs"),
        ),
        ("an arc far off the plate", inside("G1 X5 Y90\nG2 X5 Y130 I0 J20 E1"), Some("volume.extrusion")),
        ("sliced in inches", whole(&format!("G20\n{}", tower(4.0, 0.8, 0.4))), Some("mode.inches")),
        ("inches for one line", inside("G20\nG1 X4\nG21"), Some("mode.inches")),
        // Heat.
        ("too hot for PLA", whole(&cube()).replace("S210", "S260"), Some("heat.material")),
        ("as hot as PLA bears", whole(&cube()).replace("S210", "S240"), None),
        ("too cold for PLA", whole(&cube()).replace("S210", "S175"), Some("heat.material")),
        ("too hot for the printer", whole(&cube()).replace("S210", "S290"), Some("heat.printer")),
        ("bed too hot for the printer", whole(&cube()).replace("S60", "S130"), Some("heat.printer")),
        ("bed too hot for PLA", whole(&cube()).replace("S60", "S100"), Some("heat.material")),
        ("chamber too hot", with("M141 S90\n") + "M141 S0\n", Some("heat.printer")),
        ("chamber left on", with("M141 S50\n"), Some("heat.left_on")),
        ("a second nozzle too hot", with("M104 T1 S300\n") + "M104 T1 S0\n", Some("heat.printer")),
        ("a second nozzle left on", with("M104 T1 S200\n"), Some("heat.left_on")),
        ("never heated", without("M104 S210").replace("M109 S210\n", ""), Some("heat.none")),
        (
            "heated after the first line",
            START.replace("M104 S210\n", "").replace("M109 S210\n", "G1 X10 E5 F600\nM109 S210\n")
                + &cube()
                + END,
            Some("heat.cold_extrusion"),
        ),
        ("not waited for", without("M109 S210"), Some("heat.not_waited")),
        ("filament into a cooled nozzle", inside("M104 S100\nG1 X110 E1"), Some("heat.cold_extrusion")),
        ("nozzle left on", no_end("M104 S0"), Some("heat.left_on")),
        ("bed left on", no_end("M140 S0"), Some("heat.left_on")),
        ("heated again at the end", at_end("M104 S200"), Some("heat.left_on")),
        ("bed without heat", without("M140 S60").replace("M190 S60\n", "").replace("M140 S60\n", ""), None),
        ("a target below nothing", inside("M140 S-5"), Some("heat.nonsense")),
        (
            "switched off by less than nothing",
            whole(&cube()).replace("M104 S0", "M104 S-1"),
            Some("heat.nonsense"),
        ),
        (
            "nozzle off by a word that nobody reads",
            whole(&cube()).replace("M104 S0", "M104 R0"),
            Some("heat.left_on"),
        ),
        (
            "bed off by a word that nobody reads",
            whole(&cube()).replace("M140 S0", "M140 R0"),
            Some("heat.left_on"),
        ),
        ("cooled as the firmware waits for it", inside("M109 R205"), None),
        // Layers that do not stand on one another.
        ("a hole in the middle", without_layers(10..20), Some("layer.gap")),
        ("three layers missing", without_layers(10..13), None),
        ("laid in the air from the start", without_layers(0..10), Some("layer.gap")),
        (
            "the first line a millimetre up",
            whole(&cube()).replace("G1 Z0.20 ", "G1 Z1.00 "),
            Some("layer.gap"),
        ),
        ("the first line a little up", whole(&cube()).replace("G1 Z0.20 ", "G1 Z0.50 "), None),
        ("a piece twice", with_again(20..40, 25), Some("layer.below")),
        ("a piece at its end twice", with_again(45..50, 50), Some("layer.below")),
        ("one part behind the other", whole(&(tower(20.0, 20.0, 10.0) + &tower(150.0, 20.0, 10.0))), None),
        (
            "across through what stands",
            inside("G1 Z1\nG1 X80 Y80\nG1 Z10.2\nG1 X100 E1"),
            Some("layer.below"),
        ),
        (
            "across through what stands, and nothing after it",
            inside("G1 X80 Y80\nG1 Z5\nG1 X160\nG1 X80"),
            Some("layer.below"),
        ),
        ("down to the far corner at the end", inside("G1 X250 Y210 Z.2"), Some("layer.below")),
        ("down beside it, and out across it", inside("G1 X0 Y200\nG1 Z0\nG1 X125 Y105"), Some("layer.below")),
        ("down into it", inside("G1 X110 Y110\nG1 Z8\nG1 Z12\nG1 X111 E.1"), Some("layer.below")),
        ("down into it, and nothing after it", inside("G1 X110 Y110\nG1 Z2"), Some("layer.below")),
        (
            "down beside it at the end",
            whole(&cube()).replace("G1 X0 Y200 F3600\n", "G1 X0 Y200 F3600\nG1 Z1\n"),
            None,
        ),
        ("up, home and out at the end", inside("G1 Z30\nG28 X Y\nG1 X0 Y200"), None),
        (
            "down between two parts, above the second",
            whole(&(tower(20.0, 20.0, 10.0) + "G1 Z12\nG1 X160 Y160\nG1 Z.2\n" + &tower(150.0, 20.0, 4.0))),
            None,
        ),
        ("down and up again beside it", inside("G1 X80 Y80\nG1 Z1\nG1 Z10.2\nG1 X100 E1"), None),
        ("a part that hangs off the plate", whole(&tower(233.0, 20.0, 4.0)), Some("volume.extrusion")),
        ("a brim that does", whole(&(tower(-3.0, 20.0, 0.2) + &tower(10.0, 20.0, 4.0))), None),
        // What is loaded.
        ("sliced for another material", meta("; filament_type = PETG"), Some("machine.material")),
        ("sliced for this material", meta("; filament_type = PLA+"), None),
        ("sliced for polypropylene", meta("; filament_type = PP"), Some("machine.material")),
        ("sliced for a PA by its kind", meta("; filament_type = PA6"), Some("machine.material")),
        ("sliced for what nobody knows", meta("; filament_type = WOOD"), None),
        // Modes and homing.
        ("never homed", without("G28"), Some("home.missing")),
        ("homed in the plane only", whole(&cube()).replace("G28\n", "G28 X Y\n"), Some("home.missing")),
        ("homed axis by axis", whole(&cube()).replace("G28\n", "G28 X Y\nG28 Z\n"), None),
        ("moves after the motors were off", inside("M84\nG1 X10"), Some("home.missing")),
        ("moves after the motors went off by themselves", inside("M84 S1\nG1 X10"), Some("home.missing")),
        ("motors that stay on", inside("M84 S0\nG1 X10"), None),
        ("motors that go off by themselves at the end", at_end("M84 S60"), None),
        ("G90 after M83 in the middle", inside("G91\nG1 Z1\nG90\nG1 X100 E1"), Some("mode.doubtful")),
        ("G90 and M83 in the middle", inside("G91\nG1 Z1\nG90\nM83\nG1 X100 E1"), None),
        (
            "filament never says how it counts",
            without("M83").replace("G90\n", ""),
            Some("mode.extrusion_unsaid"),
        ),
        ("nobody says absolute", without("G90"), Some("mode.motion_unsaid")),
        ("relative filament read as absolute", whole(&cube()).replace("M83", "M82"), Some("extrusion.none")),
        (
            "absolute filament read as relative",
            whole("G1 X50 Y50 Z.2 F6000\nG1 X60 E300\nG1 X70 E301\n"),
            Some("extrusion.absurd"),
        ),
        ("another axis", inside("G1 X100 U50"), Some("line.odd")),
        ("two axes that turn", inside("G0 A50 B30"), Some("line.odd")),
        ("a word of the laser's", inside("G1 X100 S0"), None),
        ("the origin moved", inside("G92 X0"), Some("mode.shifted")),
        ("a number that is none", inside("G1 X1-2 Y5"), Some("line.odd")),
        ("a second command in the line", inside("G1 X10 M106"), Some("line.odd")),
        // Where nobody knows where the head is.
        (
            "wholly relative",
            relative(&"G1 X60 E3\nG1 Y60 E3\nG1 X-60 E3\nG1 Y-60 E3\nG1 Z.2\n".repeat(20)),
            Some("volume.unknown"),
        ),
        ("wholly relative and small", relative("G1 X60 E3 F900\n"), Some("volume.unknown")),
        ("a relative cleaning line", with("G91\nG1 X60 E9 F1000\nG1 X40 E12.5\nG90\nM83\n"), None),
        (
            "a long relative cleaning line",
            with(&format!("G91\n{}G90\nM83\n", "G1 X60 E9 F1000\nG1 X-60 E9\n".repeat(3))),
            Some("volume.unknown"),
        ),
        ("relative moves longer than the plate", with("G91\nG1 X400\nG90\nM83\n"), Some("volume.move")),
        ("there and back, and longer", with("G91\nG1 X-200\nG1 X400\nG90\nM83\n"), Some("volume.move")),
        ("relative moves longer than the printer", with("G91\nG1 Z300\nG90\nM83\n"), Some("volume.move")),
        (
            "an arc from an unknown place, larger than the plate",
            splines(with("G91\nG2 I150 J0\nG90\nM83\n")),
            Some("volume.move"),
        ),
        (
            "a spline from an unknown place, larger than the plate",
            splines(with("G91\nG5 I-400 J0 P0 Q0 X1 Y1\nG90\nM83\n")),
            Some("volume.move"),
        ),
        ("relative moves within the plate", with("G91\nG1 X200\nG1 X-200\nG1 Y180\nG90\nM83\n"), None),
        ("lifted after homing", with("G91\nG1 Z15\nG1 Z-14.8\nG90\nM83\n"), None),
        ("down from where Z was homed", with("G91\nG1 Z-3\nG90\nM83\n"), Some("volume.unknown")),
        ("relative from a known place", inside("G91\nG1 X5 E.2\nG1 Z+10\nG90\nM83"), None),
        ("homed again in the middle", inside("G28"), Some("home.onto_part")),
        ("Z homed over the part", inside("G28 Z\nG1 Z12"), Some("home.onto_part")),
        ("probed over the part", inside("G29\nG1 Z12"), Some("home.onto_part")),
        // Marlin's bilinear mesh probes with all of these; only its unified one does not.
        (
            "probed over the part, to UBL a word about its mesh",
            inside("G29 D\nG1 Z12"),
            Some("home.onto_part"),
        ),
        ("probed over the part from the left on", inside("G29 L10 F10\nG1 Z12"), Some("home.onto_part")),
        ("a mesh loaded before the part", with("G29 A\nG29 L1\nG29 F10.0\n"), None),
        ("the next point of a mesh over the part", inside("G29 S2\nG1 Z12"), Some("home.onto_part")),
        ("parked low over the part", inside("G27 P1"), Some("home.onto_part")),
        ("parked above the part", inside("G27 P2"), None),
        ("cleaned over the part", inside("G12 P0"), Some("home.onto_part")),
        (
            "cleaned and parked before the part",
            with("G12\nG27 P1\nM401\nM402\nM280 P0 S10\nM280 P0 S90\n"),
            None,
        ),
        ("a probe let down over the part", inside("M401"), Some("home.onto_part")),
        ("the pin of a probe let down over the part", inside("M280 P0 S10"), Some("home.onto_part")),
        ("the pin of a probe drawn in over the part", inside("M280 P0 S90"), None),
        ("X homed beside the part", inside("G28 X\nG1 X100"), None),
        ("probed after a first line", with("G1 X0 Y0 Z.3 F3000\nG1 X60 E9 F1000\nG28\nG29\nG1 Z1\n"), None),
        (
            "a spline within the plate",
            splines(inside("G1 X100 Y100\nG5 I10 J10 P-10 Q10 X120 Y100 E1")),
            None,
        ),
        (
            "a spline off the plate",
            splines(inside("G1 X5 Y100\nG5 I-80 J0 P-80 Q0 X5 Y120")),
            Some("volume.move"),
        ),
        (
            "a spline that lays off the plate",
            splines(inside("G1 X5 Y100\nG5 I-80 J0 P-80 Q0 X5 Y120 E1")),
            Some("volume.extrusion"),
        ),
        ("a spline that ends off the plate", splines(inside("G5 I1 J1 P1 Q1 X-50 Y0")), Some("volume.move")),
        (
            "a spline where there are no arcs",
            inside("G1 X99 Y99\nG5 I1 J1 P1 Q1 X110 Y99"),
            Some("command.arcs"),
        ),
        ("an origin of RepRapFirmware's", inside("G10 L2 P1 X-100"), Some("mode.shifted")),
        ("another origin chosen", inside("G54"), Some("mode.shifted")),
        // What firmwares read differently.
        ("a small letter", inside("G1 x400"), Some("line.odd")),
        ("a small letter behind another word", inside("G1 X100 y400"), Some("line.odd")),
        ("small letters of homing", whole(&cube()).replace("G28\n", "G28\nG28 x y\n"), Some("line.odd")),
        ("heat in small letters", with("M104 s310\n"), Some("line.odd")),
        ("an exponent", inside("G1 X1E3 Y2"), Some("line.odd")),
        ("a small exponent", inside("G1 X1e3"), Some("line.odd")),
        ("a number that is hexadecimal to some", inside("G1 Y0X12"), Some("line.odd")),
        ("a word twice", inside("G1 X100 X400"), Some("line.odd")),
        ("flow twice", inside("M221 S100 S1000"), Some("line.odd")),
        ("flow twice, once without a number", inside("M221 S100 SS1000"), Some("line.odd")),
        ("flow twice, behind a name", inside("M221 S100 A=SS1000"), Some("line.odd")),
        ("a change of filament twice", inside("M600 L10 L3000"), Some("line.odd")),
        ("a load twice", inside("M701 L10 L3000"), Some("line.odd")),
        ("a speed twice", inside("M220 S100 S999"), Some("line.odd")),
        ("a limit of speed twice", inside("M203 X100 X9000"), Some("line.odd")),
        ("pressure twice", inside("M900 K0 K9"), Some("line.odd")),
        ("a length to draw back twice", inside("M207 S1 S3000"), Some("line.odd")),
        (
            "all limits once",
            inside(
                "M201 X500 Y500 Z100 E5000\nM203 X200 Y200 Z12 E120\nM204 P500 R1000 T500\nM205 X8 Y8 Z.4 E5\nM900 K.05",
            ),
            None,
        ),
        (
            "homing with a name of Klipper's",
            whole(&cube()).replace("G28\n", "G28\nG28 Z METHOD=CONTACT\n"),
            None,
        ),
        ("probing with a name of Klipper's", with("G29 ADAPTIVE=1\n"), None),
        ("without blanks", inside("G1X100Y100F3000"), None),
        ("filament behind its code", inside("G92E0"), None),
        ("a message in small letters", inside("M117 printing x4 of y5"), None),
        ("a name in quotes", inside("M862.3 P \"mk3s\""), None),
        ("a tool that is asked for", inside("T?"), None),
        ("a jerk of ten metres", inside("M205 X10000"), Some("speed.absurd")),
        ("an acceleration of a kilometre", inside("M204 P1000000"), Some("speed.absurd")),
        ("a limit of acceleration that is none", inside("M201 X9000000"), Some("speed.absurd")),
        ("a jerk of ten metres by RepRapFirmware", inside("M566 X600000"), Some("speed.absurd")),
        ("a jerk of Repetier's", inside("M207 X900"), Some("speed.absurd")),
        ("an acceleration of Repetier's", inside("M202 X9000000"), Some("speed.absurd")),
        ("a lowest speed of two metres", inside("M205 S2000 T0"), Some("speed.absurd")),
        ("a lowest speed of nothing", inside("M205 S0 T0"), None),
        ("no acceleration", inside("M204 P.5"), Some("speed.crawl")),
        ("no limit of acceleration", inside("M201 X0.1"), Some("speed.crawl")),
        ("a heater that Repetier tunes", inside("M204 X10 Y.3 Z80 S0"), None),
        ("a hundredth of the speed", inside("M220 S1"), Some("speed.crawl")),
        ("none of the speed", inside("M220 S0"), Some("speed.crawl")),
        ("half the speed", inside("M220 S50"), None),
        // Filament and heat that hide.
        ("a bead that no nozzle lays", inside("G1 X100 Y100\nG1 X110 E9 F600"), Some("extrusion.absurd")),
        ("a thick bead", inside("G1 X100 Y100\nG1 X110 E3 F600"), None),
        ("thick cleaning lines", with("G1 X0 Y0 Z.3 F3000\nG1 X60 E40 F1000\n"), None),
        ("a curve of filament without end", with("M592 A10 B10\n"), Some("extrusion.absurd")),
        ("pressure ahead for a minute", with("M572 D0 S60\n"), Some("extrusion.absurd")),
        ("a curve of filament", with("M592 D0 A.01 B.0005 L.25\n"), None),
        ("a heap of filament", inside("G1 E3000 F300"), Some("extrusion.absurd")),
        (
            "a heap in small pieces",
            inside(&"G1 E100 F300\nG1 X101\nG1 X100\n".repeat(5)),
            Some("extrusion.absurd"),
        ),
        (
            "a heap on the spot",
            inside(&"G1 X101 E90 F300\nG1 X101.2 E90\n".repeat(5)),
            Some("extrusion.absurd"),
        ),
        ("a heap that a load makes", inside("M701 L3000"), Some("extrusion.absurd")),
        ("loaded as usual", inside("M600 L120"), None),
        ("drawn back by metres by the firmware", inside("M207 S3000\nG10\nG11"), Some("extrusion.absurd")),
        ("pushed by metres by the firmware", inside("M208 S3000\nG10\nG11"), Some("extrusion.absurd")),
        ("swapped by metres by the firmware", inside("M207 S3 W3000\nG10 S1"), Some("extrusion.absurd")),
        ("drawn back by the firmware", inside("M207 S3 W13 F2700 Z.2\nM208 S.1 W0 F480\nG10\nG11"), None),
        ("ten times the filament", inside("M221 S1000"), Some("extrusion.absurd")),
        ("nearly no filament", inside("M221 S5"), Some("extrusion.absurd")),
        ("a little less filament", inside("M221 S95"), None),
        ("filament changed", inside("G1 E-80 F600\nG1 E200 F300\nG92 E0"), None),
        (
            "drawn back and pushed again",
            inside(&"G1 E-5 F2400\nG1 X101 F6000\nG1 E5 F2400\n".repeat(200)),
            None,
        ),
        (
            "drawn back on the way",
            inside(&"G1 X101 E-5 F2400\nG1 X100 F6000\nG1 E5 F2400\n".repeat(200)),
            None,
        ),
        ("hotter by itself", with("M104 S210 B300 F\n"), Some("heat.printer")),
        ("RepRapFirmware's heat", with("G10 P0 S400 R150\n"), Some("heat.printer")),
        ("RepRapFirmware's heat for a tool that waits", with("G10 P0 S210 R400\n"), Some("heat.printer")),
        ("RepRapFirmware's heat left on", at_end("M568 P0 S200 R150"), Some("heat.left_on")),
        // The machine.
        ("another nozzle", meta("; nozzle_diameter = 0.6"), Some("machine.nozzle")),
        ("this nozzle", meta("; nozzle_diameter = 0.4,0.4"), None),
        ("another filament", meta("; filament_diameter = 2.85"), Some("machine.filament")),
        ("another nozzle by M862.1", with("M862.1 P0.6\n"), Some("machine.nozzle")),
        ("this nozzle by M862.1", with("M862.1 P0.4\n"), None),
        ("another model by M862.3", with("M862.3 P \"MINI\"\n"), Some("machine.model")),
        ("another model by M862.2", with("M862.2 P120\n"), Some("machine.model")),
        ("this model by M862.2", with("M862.2 P302\n"), None),
        ("this model with an MMU by M862.2", with("M862.2 P20302\n"), None),
        ("a model that nobody knows by M862.2", with("M862.2 P999\n"), None),
        ("another model by its profile", meta("; printer_model = MINI"), Some("machine.profile")),
        ("this model by its profile", meta("; printer_model = MK3S"), None),
        (
            "another profile, and the file asks for this model",
            with("M862.3 P \"MK3S\"\n") + "; printer_model = MK3SMMU2S\n",
            None,
        ),
        ("this model by M862.3", with("M862.3 P \"MK3S\"\n"), None),
        ("an older model by M862.3", with("M862.3 P \"MK2.5S\"\n"), Some("machine.model")),
        ("wrong material by its own word", meta("; filament_type = PC"), Some("machine.material")),
        // Commands.
        ("arcs without ARCS", inside("G1 X100 Y100\nG2 X110 Y100 I5 J0 E1"), Some("command.arcs")),
        ("a place that was kept", inside("G60 S0\nG61 S0 XYZ"), Some("command.not_allowed")),
        ("a place only kept", inside("G60 S0"), None),
        ("a wait for a pin", inside("M226 P4 S1"), Some("command.not_allowed")),
        ("the height of the sheet", with("M850 S0 Z-1.5 A1\n"), Some("command.not_allowed")),
        ("a part left out", inside("M486 P0"), Some("command.not_allowed")),
        ("the part that is printed left out", inside("M486 C"), Some("command.not_allowed")),
        ("parts by their numbers and names", inside("M486 T2\nM486 S0\nM486 ACube P1\nM486 S-1"), None),
        ("a file on the card gone", inside("M472 P\"x\""), Some("command.not_allowed")),
        ("the printer's question answered", inside("M292 P0"), Some("command.not_allowed")),
        ("the map of the bed dropped", inside("M561"), Some("command.not_allowed")),
        ("a macro that is kept", inside("M815"), Some("command.not_allowed")),
        ("the settings that are kept", inside("M501"), Some("command.not_allowed")),
        ("forbidden at this site", inside("M300 S440"), Some("command.forbidden")),
        ("Bambu's own command on Marlin", with("M620 S0A\n"), Some("command.unknown")),
        ("a message that looks like a stop", inside("M117 T0 M112"), None),
        ("a message about G20", inside("M117 G20 X999"), None),
        ("a comment that looks like a move", inside("; G1 X999"), None),
        ("kept from every printer", inside("M500"), Some("command.not_allowed")),
        ("kept from other printers", inside("M92 E415"), None),
        ("the height put back", with("M290 R0 S0\n"), None),
        ("the height put back, by its axis", with("M290 R0 X0 Y0 Z0.0\n"), None),
        ("the height changed", with("M290 R0 S-.5\n"), Some("command.not_allowed")),
        ("the height changed by another axis", with("M290 R0 S0 Z-5\n"), Some("command.not_allowed")),
        ("the height changed further", with("M290 S0 R1\n"), Some("command.not_allowed")),
        ("kept behind another", inside("G1 X100 M302 P1"), Some("command.not_allowed")),
        ("other microsteps", with("M350 X1 Y1\n"), Some("command.not_allowed")),
        ("another skew", with("M852 I0.5\n"), Some("command.not_allowed")),
        ("the probe is tried over the part", inside("M48"), Some("command.not_allowed")),
        ("touched to measure", inside("G425"), Some("command.not_allowed")),
        ("heat to measure", with("G76\n"), Some("command.not_allowed")),
        ("the mesh is tried", with("G26 H310\n"), Some("command.not_allowed")),
        ("filament by its volume", with("M200 D1.75\n"), Some("command.not_allowed")),
        ("filament by its length", with("M200 D0\nM200 S0\nM200 T1 D0\n"), None),
        ("a second part mirrored beside the first", with("M605 S3\n"), Some("command.not_allowed")),
        ("nozzles moved against each other", with("M218 T1 Z-.5\n"), Some("command.not_allowed")),
        ("way added where axes turn", with("M425 F1 X.5 Y.5\n"), Some("command.not_allowed")),
        ("axes scaled", with("M579 X1.1 Y1.1\n"), Some("command.not_allowed")),
        ("temperatures in Fahrenheit", with("M149 F\n"), Some("command.not_allowed")),
        ("a laser switched on", inside("M3 S255"), Some("command.not_allowed")),
        ("end stops that feel nothing", with("M914 X0 Y0\n"), Some("command.not_allowed")),
        ("a height of the probe by RepRapFirmware", with("G31 P500 Z-2\n"), Some("command.not_allowed")),
        ("a heater given to the bed", with("M140 P0 H1 S60\n"), Some("line.odd")),
        ("a mix of filaments", with("M163 S0 P.5\nM163 S1 P.5\nM164 S0\nM165 A.5 B.5\n"), None),
        ("a probe's servo calmed", with("M280 P0 S160\n"), None),
        ("silent motors", with("M569 S1 X Y\nM569 S0 E\n"), None),
        ("tuned", with("M593 F40 D.1\nM493 S1 A40\nM205 J.02\nM900 K.05\n"), None),
        ("a change of filament off the plate", inside("M600 X900"), Some("volume.move")),
        ("parked off the plate", inside("M125 X-40 Y100"), Some("volume.move")),
        ("a change of filament at the edge", inside("M600 X0 Y-4 Z20 E-2 U60 L80"), None),
        ("Klipper's command on Marlin", inside("SET_VELOCITY_LIMIT ACCEL=500"), Some("command.klipper")),
        ("the current of PrusaSlicer's MK3", with("M907 E538\n"), None),
        ("another current", with("M907 X1500\n"), Some("command.not_allowed")),
        ("a preset", with("M104 I0\n"), Some("line.odd")),
        // Speed, time, filament, the end.
        ("absurdly fast", inside("G1 X100 F600000"), Some("speed.absurd")),
        ("made absurdly fast", inside("G1 X100 F9000\nM220 S3000\nG1 X50"), Some("speed.absurd")),
        ("absurdly fast once it is told how", inside("M220 S3000\nG1 X100 F9000"), Some("speed.absurd")),
        ("faster, as people do", inside("M220 S150\nG1 X100 F9000"), None),
        ("fast", inside("G1 X100 F18000"), None),
        ("crawling", inside("G1 X150 E2 F1"), Some("speed.crawl")),
        ("longer than a job may take", inside(&"G4 S3500\n".repeat(50)), Some("time.long")),
        ("a wait of a hundred days", inside("G4 S9999999"), Some("time.dwell")),
        ("many waits in one place", inside(&"G4 S3000\nM105\nG1 E.01\n".repeat(5)), Some("time.dwell")),
        (
            "many waits in many places",
            inside("G4 S1500\nG1 X101\nG4 S1500\nG1 Z20\nG4 S1500\nG1 X102\nG4 S1500"),
            None,
        ),
        ("a wait of less than nothing", inside("G4 S-1"), Some("time.dwell")),
        ("a wait in thousandths that was meant in seconds", inside("G4 P30000"), None),
        ("a probe off the plate", inside("G38.2 X500\nG28"), Some("volume.move")),
        ("a probe into the plate", with("G38.2 Z-50\nG28\n"), Some("volume.move")),
        ("steps of the motors", inside("M351 S1 X1"), Some("command.not_allowed")),
        ("up before anybody says absolute", START_THAT_LIFTS.to_owned() + &cube() + END, None),
        (
            "a piece of the slicer's filament is missing",
            meta("; filament used [mm] = 180.0"),
            Some("extrusion.differs"),
        ),
        ("slicer and commands differ", meta("; filament used [mm] = 14786.53"), Some("extrusion.differs")),
        ("nothing is printed", whole("G1 X10 Y10 F3000\n"), Some("extrusion.none")),
        (
            "cut at nine tenths",
            cut(format!("; generated by PrusaSlicer 2.5.0\n{}; prusaslicer_config = end\n", whole(&cube()))),
            Some("file.cut"),
        ),
        ("cut, and nobody signed it", cut(whole(&cube())), Some("heat.left_on")),
        (
            "whole and signed",
            format!("; generated by PrusaSlicer 2.5.0\n{}; prusaslicer_config = end\n", whole(&cube())),
            None,
        ),
    ]
}

#[test]
fn every_bad_file_has_its_finding_and_no_borderline_one_is_refused() {
    let files = files();
    assert!(files.len() >= 60, "{}", files.len());
    let mut wrong = Vec::new();
    for (name, text, want) in &files {
        let found = findings(text, Some("PLA"), None);
        let fits = match want {
            Some(code) => codes(&found).contains(code),
            None => found.is_empty(),
        };
        if !fits {
            wrong.push(format!("{name}: wanted {want:?}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rep_rap_firmware_switches_its_mesh_over_a_part_where_others_probe() {
    let on = |firmware, line: &str| on(firmware, &format!("{START}{}{line}\n{END}", cube()));
    let reprap = Some(Firmware::RepRapFirmware);
    for line in [
        "G29 S1",
        "G29 S1 P\"usual.csv\"",
        "G29 S2",
        "G29 S2\nG91\nG1 X100 E30\nG1 X-100 E30\nG90",
        "G29 S3 P\"new.csv\"",
    ] {
        assert_eq!(on(reprap, line), [""; 0], "{line}");
    }
    for line in ["G29", "G29 S0", "G29 S4", "G30", "G29 S2\nG29", "G29 D"] {
        assert_eq!(on(reprap, line), ["home.onto_part"], "{line}");
    }
    let others = [None, Some(Firmware::Marlin11), Some(Firmware::Marlin21), Some(Firmware::Klipper)];
    for firmware in others.into_iter().chain([Some(Firmware::Repetier), Some(Firmware::Smoothieware)]) {
        for line in ["G29 S1", "G29 S2", "G29 S3"] {
            assert_eq!(on(firmware, line), ["home.onto_part"], "{line} on {firmware:?}");
        }
    }
}

/// The findings of a whole file with a line more, on a firmware.
fn on(firmware: Option<Firmware>, text: &str) -> Vec<&'static str> {
    let printer = PrinterLimits { firmware, ..printer() };
    let mut analyser = Analyser::new(printer.options());
    analyser.feed(text.as_bytes()).unwrap();
    let question = Question { printer, whole: Some(true), ..Question::default() };
    codes(&judge(&analyser.finish().unwrap(), &question))
}

#[test]
fn a_printer_with_klipper_gets_klippers_commands_and_no_other_does() {
    let klipper = Some(Firmware::Klipper);
    let honest = format!(
        "{START}BED_MESH_CALIBRATE ADAPTIVE=1\nBED_MESH_PROFILE LOAD=default\nSET_PRINT_STATS_INFO TOTAL_LAYER=50\n\
         SET_PRESSURE_ADVANCE ADVANCE=0.04\nEXCLUDE_OBJECT_DEFINE NAME=a\nSET_VELOCITY_LIMIT ACCEL=5000\n\
         EXCLUDE_OBJECT_START NAME=a\n{}EXCLUDE_OBJECT_END NAME=a\n{END}",
        cube()
    );
    assert_eq!(on(klipper, &honest), [""; 0]);
    for firmware in Firmware::ALL.map(|(firmware, _)| Some(firmware)) {
        let want: &[&str] = if firmware == klipper { &[] } else { &["command.klipper"] };
        assert_eq!(on(firmware, &honest), want, "{firmware:?}");
    }
    assert_eq!(on(None, &format!("{START}BED_MESH_CLEAR\n{}{END}", cube())), ["command.klipper"]);
    for (line, want) in [
        ("BED_MESH_CALIBRATE", "home.onto_part"),
        ("QUAD_GANTRY_LEVEL", "home.onto_part"),
        ("Z_TILT_ADJUST", "home.onto_part"),
        ("TURN_OFF_HEATERS\nG1 X110 E1", "heat.cold_extrusion"),
        ("SAVE_CONFIG", "command.not_allowed"),
        ("START_PRINT", "command.not_allowed"),
        ("SET_GCODE_OFFSET Z=-1", "command.not_allowed"),
        ("SET_VELOCITY_LIMIT VELOCITY=5000", "speed.absurd"),
        ("SET_VELOCITY_LIMIT ACCEL=9999999", "speed.absurd"),
        ("SET_VELOCITY_LIMIT ACCEL=0.5", "speed.crawl"),
        ("SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=900", "speed.absurd"),
        ("SET_PRESSURE_ADVANCE ADVANCE=99", "extrusion.absurd"),
    ] {
        let found = on(klipper, &format!("{START}{}{line}\n{END}", cube()));
        assert!(found.contains(&want), "{line}: {found:?}");
    }
    let off = format!("{START}{}{}TURN_OFF_HEATERS\n", cube(), END.replace("M104 S0\nM140 S0\n", ""));
    assert_eq!(on(klipper, &off), [""; 0]);
    assert_eq!(on(klipper, &off.replace("TURN_OFF_HEATERS\n", "")), ["heat.left_on"; 2]);
}

#[test]
fn a_command_in_a_text_is_found_where_the_firmware_runs_it() {
    let with = |firmware, line: &str| on(Some(firmware), &format!("{START}{}{line}\n{END}", cube()));
    for firmware in [Firmware::RepRapFirmware, Firmware::Smoothieware] {
        assert_eq!(with(firmware, "M118 E1 G28 Z"), ["line.odd"], "{firmware:?}");
        assert_eq!(with(firmware, "M117 T0 M112"), [""; 0], "{firmware:?}");
        assert_eq!(with(firmware, "M118 S\"G28 Z\""), [""; 0], "{firmware:?}");
    }
    for firmware in [Firmware::Marlin21, Firmware::Klipper, Firmware::Repetier] {
        assert_eq!(with(firmware, "M118 E1 G28 Z"), [""; 0], "{firmware:?}");
    }
}

#[test]
fn who_is_told_not_to_home_onto_a_part_is_told_what_a_printer_that_homes_upwards_needs() {
    let text = format!("{START}{}G28\n{END}", cube());
    let found = findings(&text, None, None);
    let finding = found.iter().find(|finding| finding.code == "home.onto_part").unwrap();
    for word in ["homes upwards", "allow_findings", "M420"] {
        assert!(finding.help.contains(word), "{word}: {}", finding.help);
    }
}

#[test]
fn heat_in_the_words_of_rep_rap_firmware_counts_where_they_are_understood() {
    let text = whole(&cube()).replace("M109 S210\n", "M116\n").replace("M104 S210\n", "G10 P0 S210 R150\n");
    assert_eq!(on(Some(Firmware::RepRapFirmware), &text), [""; 0]);
    assert_eq!(on(Some(Firmware::RepRapFirmware), &text.replace("M116\n", "")), ["heat.not_waited"]);
    assert_eq!(on(Some(Firmware::RepRapFirmware), &text.replace("M104 S0\n", "")), ["heat.left_on"]);
    assert_eq!(on(Some(Firmware::Klipper), &text), ["command.unknown"]);
    assert_eq!(on(Some(Firmware::Marlin21), &text), ["heat.cold_extrusion", "command.unknown"]);
    assert!(on(None, &text).contains(&"heat.cold_extrusion"));
}

#[test]
fn a_tool_that_rep_rap_firmware_switches_off_is_off_there_and_nowhere_else() {
    let text = whole(&cube()).replace("M104 S0\n", "M568 P0 A0\n");
    assert_eq!(on(Some(Firmware::RepRapFirmware), &text), [""; 0]);
    assert_eq!(on(Some(Firmware::RepRapFirmware), &(text.clone() + "M104 S200\n")), ["heat.left_on"]);
    assert_eq!(on(Some(Firmware::RepRapFirmware), &text.replace("A0", "A2")), ["heat.left_on"]);
    for firmware in [None, Some(Firmware::Marlin21), Some(Firmware::Klipper)] {
        assert!(on(firmware, &text).contains(&"heat.left_on"), "{firmware:?}");
    }
}

#[test]
fn materials_are_known_by_their_words_whatever_their_kind() {
    for (words, want) in [
        ("PA6", Some("PA")),
        ("pa12-CF", Some("PA")),
        ("TPU95A", Some("TPU")),
        ("TPE", Some("TPE")),
        ("PP", Some("PP")),
        ("HIPS", Some("HIPS")),
        ("PCTG", Some("PCTG")),
        ("PEEK", Some("PEEK")),
        ("WOOD", None),
        ("6", None),
    ] {
        assert_eq!(Material::named(words).map(|material| material.name), want, "{words}");
    }
    let is_also = |one, other| Material::named(one).unwrap().is_also(&Material::named(other).unwrap());
    assert!(is_also("TPE", "FLEX") && is_also("PA6", "Nylon") && is_also("PET", "PETG"));
    assert!(!is_also("PC", "PCTG") && !is_also("PP", "PA"));
}

#[test]
fn a_print_of_another_size_than_the_approved_model_is_found() {
    let approved = Some([20.0, 20.0, 10.0]);
    for (text, want) in [
        (whole(&cube()), None),
        (whole(&tower(100.0, 20.0 * 0.8, 8.0)), Some("size.model")),
        (whole(&tower(100.0, 20.0 / 25.4, 10.0 / 25.4)), Some("size.unit")),
        (whole(&tower(10.0, 180.0, 100.0)), Some("size.unit")),
        (whole(&tower(100.0, 5.0, 10.0)), Some("size.model")),
        (whole(&tower(10.0, 150.0, 10.0)), Some("size.model")),
    ] {
        assert_eq!(codes(&findings(&text, None, approved)).first().copied(), want);
    }
}

/// The list in `domain::finding` is what the configuration and the documents know.
#[test]
fn every_finding_is_in_the_list_with_its_severity_and_every_entry_of_the_list_can_be_found() {
    let source = include_str!("../preflight.rs");
    let code = |text: &str| {
        let (family, name) = text.split_once('.')?;
        let word = |part: &str, extra: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || extra.contains(c))
        };
        (word(family, "") && word(name, "_")).then(|| text.to_owned())
    };
    let pieces: Vec<&str> = source.split('"').collect();
    let mut said = std::collections::BTreeMap::new();
    for (before, text) in pieces.iter().zip(&pieces[1..]) {
        let warns = before.trim_end().ends_with(".warn(");
        if let Some(code) = code(text) {
            said.insert(code, if warns { Severity::Warning } else { Severity::Error });
        }
    }
    let listed = OF_FILES.iter().map(|kind| (kind.code.to_owned(), kind.severity)).collect();
    assert_eq!(said, listed);
    for (_, text, _) in files() {
        for finding in findings(&text, Some("PLA"), Some([20.0, 20.0, 10.0])) {
            let kind = OF_FILES.iter().find(|kind| kind.code == finding.code).unwrap();
            assert_eq!(kind.severity, finding.severity, "{}", finding.code);
        }
    }
}

#[test]
fn a_finding_names_its_line_and_what_to_do() {
    let found = findings(&format!("{}G1 X-40\n", whole(&cube())), None, None);
    let lines = whole(&cube()).lines().count() as u64 + 1;
    let finding = found.iter().find(|finding| finding.code == "volume.move").unwrap();
    assert_eq!((finding.line, finding.severity), (Some(lines), Severity::Error));
    assert!(finding.what.contains("X -40.00") && !finding.help.is_empty());
}

#[test]
fn warnings_are_accepted_by_their_codes_and_errors_never() {
    let found = findings(&whole(&cube()).replace("M109 S210\n", ""), None, None);
    assert_eq!(refused(&found, &[]).iter().map(|f| f.code).collect::<Vec<_>>(), ["heat.not_waited"]);
    assert!(refused(&found, &["heat.not_waited".to_owned()]).is_empty());
    let found = findings(&whole(&cube()).replace("S210", "S290"), None, None);
    assert_eq!(refused(&found, &["heat.printer".to_owned()]).len(), found.len());
}

#[test]
fn a_nozzle_that_is_heated_too_little_was_heated() {
    let text = whole(&cube()).replace("S210", "S120");
    assert!(codes(&findings(&text, None, None)).contains(&"heat.cold_extrusion"));
    assert!(!codes(&findings(&text, None, None)).contains(&"heat.none"));
}

#[test]
fn a_flow_that_is_wrong_is_told_once() {
    let text = format!("{START}M221 S300\n{}{END}", cube());
    assert_eq!(codes(&findings(&text, None, None)), ["extrusion.absurd"]);
}

#[test]
fn what_is_not_known_of_a_printer_refuses_nothing() {
    let mut analyser = Analyser::new(Options::default());
    analyser.feed(whole(&tower(-500.0, 20.0, 2.0)).as_bytes()).unwrap();
    assert_eq!(judge(&analyser.finish().unwrap(), &Question::default()), []);
}
