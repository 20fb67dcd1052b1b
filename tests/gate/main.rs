//! The gate and files that slicers really wrote: the honest pass, and whatever is spoilt in them is found.
//!
//! Eighty small bad and borderline files more, each made for one rule, are in `src/gcode/preflight/tests.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod analysis;
mod honest;
mod resume;

use std::sync::Arc;

use platen::config::Config;
use platen::domain::ids::FileHash;
use platen::domain::printer::Firmware;
use platen::gcode::preflight::{Finding, PrinterLimits, Question, judge};
use platen::gcode::survey::{SurveyError, Surveyor};
use platen::io::spool::Spool;
use platen::services::gate::Gate;

struct Ask {
    printer: PrinterLimits,
    material: Option<&'static str>,
    model: Option<[f64; 3]>,
}

fn found(text: &str, ask: &Ask) -> Vec<Finding> {
    let mut surveyor = Surveyor::new();
    surveyor.feed(text.as_bytes()).unwrap();
    let whole = match surveyor.finish() {
        Ok(_) => true,
        Err(SurveyError::Cut { .. }) => false,
        Err(error) => panic!("{error}"),
    };
    let Ask { printer, material, model } = ask;
    let question = Question {
        printer: printer.clone(),
        material: *material,
        model: *model,
        whole: Some(whole),
        resumes: false,
    };
    judge(&honest::analyse(text, printer), &question)
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code).collect()
}

const FIRMWARES: [Firmware; 3] = [Firmware::Marlin11, Firmware::Marlin20, Firmware::Marlin21];

#[test]
fn no_honest_file_of_three_slicers_is_refused_and_none_has_a_warning() {
    let files = honest::files();
    assert!(files.len() >= 20, "{}", files.len());
    for slicer in ["prusa-", "slic3r-", "cura-"] {
        assert!(files.iter().filter(|(name, _)| name.starts_with(slicer)).count() >= 6, "{slicer}");
    }
    for (name, text) in &files {
        for firmware in FIRMWARES {
            let ask = Ask { printer: honest::printer(name, firmware), material: None, model: None };
            assert_eq!(found(text, &ask), [], "{name} on {firmware:?}");
        }
    }
}

/// What makers and people write into start and end G-code, in files that are honest otherwise.
#[test]
fn start_and_end_codes_of_real_profiles_are_not_refused_and_have_no_warning() {
    let starts = [
        // PrusaSlicer's profile for the MK3, before Z is told.
        "G28 W\nG80\nG1 Y-3.0 F1000.0\nG92 E0.0\nG1 X60.0 E9.0 F1000.0\nG1 X100.0 E12.5 F1000.0\nG92 E0.0\nM221 S95\nM907 E538",
        // Cura's for an Ender-3.
        "M201 X500.00 Y500.00 Z100.00 E5000.00\nG92 E0\nG1 Z2.0 F3000\nG1 X0.1 Y20 Z0.3 F5000.0\nG1 X0.1 Y200.0 Z0.3 F1500.0 E15\n\
         G1 X0.4 Y200.0 Z0.3 F5000.0\nG1 X0.4 Y20 Z0.3 F1500.0 E30\nG92 E0\nG1 Z2.0 F3000",
        // Cura's for many others: pushed in one place.
        "G1 Z15.0 F9000\nG92 E0\nG1 F200 E3\nG92 E0",
        "G29\nM420 S1 Z10\nG1 Z5 F600",
        // Lifted and wiped from wherever the printer has homed.
        "G91\nG1 Z10 F600\nG1 Z-9.8\nG92 E0\nG1 X60 E9 F1000\nG92 E0\nG90",
        // A change of filament.
        "G92 E0\nG1 E-80 F1000\nG92 E0\nG1 E200 F300\nG92 E0",
        "M155 S1\nM111 S0\nM208 S0 F300\nG10\nG11\nG17",
        // Filament by its length, silent motors, a probe's servo, a mix of filaments, tuning.
        "M200 D0\nM200 S0\nM149 C\nM569 S0 E\nM280 P0 S160\nM163 S0 P.5\nM164 S0\nM593 F40 D.1\nM205 J.02",
    ];
    let ends =
        ["G91\nG1 Z+10 F600\nG90", "G28 X0 Y0", "G91\nG1 Z1 F600\nG90\nG28 X", "G4\nM221 S100\nM900 K0"];
    let mut seen = 0;
    for (name, text) in honest::files().into_iter().filter(|(name, _)| name.ends_with("-plain")) {
        seen += 1;
        let counts = if text.contains("\nM82") { "M82" } else { "M83" };
        for firmware in FIRMWARES {
            let ask = Ask { printer: honest::printer(&name, firmware), material: None, model: None };
            for start in starts {
                let text = behind(&text, "G92 E0", &format!("{start}\n{counts}"));
                assert_eq!(found(&text, &ask), [], "{name} on {firmware:?}: {start}");
            }
            for end in ends {
                let text = behind_last(&text, "M140 S0", end);
                assert_eq!(found(&text, &ask), [], "{name} on {firmware:?}: {end}");
            }
        }
    }
    assert_eq!(seen, 3);
}

/// As somebody would write the printers into a configuration that is not told their firmware.
fn untold() -> String {
    let section = |name: &str, nozzle: f64| {
        format!(
            "[[printer]]\nname = \"{name}\"\nport = \"/dev/{name}\"\nbaud = 115200\nbuild_x = [0, 250]\nbuild_y = [0, 210]\n\
             build_height = 210\nbeside_plate = 5\nhotend_max = 275\nbed_max = 110\nnozzle = {nozzle}\nfilament = 1.75\n\
             arcs = false\nlongest_job_h = 12\n"
        )
    };
    format!("site = \"a\"\nnode = \"b\"\n{}{}", section("fine", 0.4), section("thick", 0.6))
}

fn printer_of(file: &str) -> &'static str {
    if file == "prusa-nozzle-06" { "thick" } else { "fine" }
}

#[test]
fn platen_preflight_says_of_honest_files_what_the_daemon_says() {
    let folder = tempfile::tempdir().unwrap();
    let (config, path) = (folder.path().join("lab.toml"), folder.path().join("part.gcode"));
    std::fs::write(&config, untold()).unwrap();
    for (name, text) in honest::files() {
        std::fs::write(&path, text).unwrap();
        let mut preflight = std::process::Command::new(env!("CARGO_BIN_EXE_platen"));
        preflight
            .arg("preflight")
            .arg(&path)
            .arg("--config")
            .arg(&config)
            .args(["--printer", printer_of(&name)]);
        let told = preflight.output().unwrap();
        assert!(told.status.success(), "{name}: {}", String::from_utf8_lossy(&told.stdout));
    }
}

/// The gate of a daemon that has heard of no firmware, and its files.
fn untold_gate() -> (tempfile::TempDir, Arc<Spool>, Gate) {
    let config = Config::parse(&untold()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool::open(&folder.path().join("files")).unwrap().with_floor(0));
    let gate = Gate::new(Arc::clone(&spool), &config.printers, &config.gate);
    (folder, spool, gate)
}

async fn kept(spool: &Spool, text: &str) -> FileHash {
    let mut incoming = spool.begin().await.unwrap();
    incoming.write(text.as_bytes()).await.unwrap();
    incoming.keep().await.unwrap().0
}

#[tokio::test]
async fn no_honest_file_is_refused_for_a_printer_that_was_never_connected() {
    let (_folder, spool, gate) = untold_gate();
    for (name, text) in honest::files() {
        let file = kept(&spool, &text).await;
        let printer = printer_of(&name).parse().unwrap();
        let found = gate.findings(&gate.asked(&file, &printer, None, None, false)).await.unwrap();
        assert_eq!(found.as_ref(), [], "{name}");
    }
}

/// Such a file is for Klipper, and the board will say whether it is.
#[tokio::test]
async fn a_file_with_commands_of_klippers_is_refused_only_once_the_board_is_known_to_be_another() {
    let (_folder, spool, gate) = untold_gate();
    let words =
        "SET_PRINT_STATS_INFO TOTAL_LAYER=9\nSET_VELOCITY_LIMIT ACCEL=5000\nEXCLUDE_OBJECT_START NAME=a";
    let (_, text) = honest::files().into_iter().find(|(name, _)| name == "prusa-plain").unwrap();
    let file = kept(&spool, &behind(&text, "G28", words)).await;
    let printer = printer_of("prusa-plain").parse().unwrap();
    let boards: [(Option<&str>, &[&str]); 4] = [
        (None, &[]),
        (Some("Klipper"), &[]),
        (Some("Marlin 2.1.2"), &["command.klipper"]),
        (Some("Something of a maker's own"), &["command.klipper"]),
    ];
    for (told, want) in boards {
        let found = gate.findings(&gate.asked(&file, &printer, told, None, false)).await.unwrap();
        assert_eq!(codes(&found), want, "{told:?}");
    }
}

/// It may be RepRapFirmware, which will say so before anything begins.
#[tokio::test]
async fn a_mesh_switched_off_at_the_end_is_refused_only_once_the_board_is_known_to_probe_there() {
    let (_folder, spool, gate) = untold_gate();
    let (_, text) = honest::files().into_iter().find(|(name, _)| name == "prusa-plain").unwrap();
    let file = kept(&spool, &behind_last(&text, "M140 S0", "G29 S2")).await;
    let printer = printer_of("prusa-plain").parse().unwrap();
    let boards: [(Option<&str>, &[&str]); 4] = [
        (None, &[]),
        (Some("RepRapFirmware for Duet 2 WiFi/Ethernet 3.4.6"), &[]),
        (Some("Marlin 2.1.2"), &["home.onto_part"]),
        (Some("Something of a maker's own"), &["home.onto_part"]),
    ];
    for (told, want) in boards {
        let found = gate.findings(&gate.asked(&file, &printer, told, None, false)).await.unwrap();
        assert_eq!(codes(&found), want, "{told:?}");
    }
}

/// Every line that moves, with another number behind a letter.
fn moved(text: &str, letter: char, to: impl Fn(f64) -> f64) -> String {
    let lines = text.lines().map(|line| {
        let moves = line.starts_with("G1 ") || line.starts_with("G0 ");
        let (command, comment) = line.split_once(';').map_or((line, None), |(a, b)| (a, Some(b)));
        let words = command.split(' ').map(|word| match word.strip_prefix(letter) {
            Some(number) if moves => format!("{letter}{:.3}", to(number.parse().unwrap())),
            _ => word.to_owned(),
        });
        let words: Vec<_> = words.collect();
        words.join(" ") + &comment.map(|comment| format!(";{comment}")).unwrap_or_default() + "\n"
    });
    lines.collect()
}

fn without(text: &str, begins: &[&str]) -> String {
    let kept = text.lines().filter(|line| !begins.iter().any(|begin| line.starts_with(begin)));
    kept.map(|line| format!("{line}\n")).collect()
}

/// Behind the first line that begins so.
fn behind(text: &str, begin: &str, line: &str) -> String {
    let at = text.find(&format!("\n{begin}")).unwrap() + 1;
    let end = at + text[at..].find('\n').unwrap() + 1;
    format!("{}{line}\n{}", &text[..end], &text[end..])
}

fn behind_last(text: &str, begin: &str, line: &str) -> String {
    let (before, last) = text.split_at(text.rfind(&format!("\n{begin}")).unwrap());
    before.to_owned() + &behind(last, begin, line)
}

#[test]
fn whatever_is_spoilt_in_a_real_file_is_found() {
    type Spoil = Box<dyn Fn(&str) -> String>;
    let spoils: Vec<(&str, Spoil, &str)> = vec![
        ("off the bed", Box::new(|text| moved(text, 'X', |x| x + 150.0)), "volume.extrusion"),
        ("off the bed in front", Box::new(|text| moved(text, 'Y', |y| y - 150.0)), "volume.extrusion"),
        ("too tall", Box::new(|text| moved(text, 'Z', |z| z + 206.0)), "volume.extrusion"),
        ("in inches", Box::new(|text| behind(text, "G28", "G20")), "mode.inches"),
        ("never homed", Box::new(|text| without(text, &["G28"])), "home.missing"),
        ("never heated", Box::new(|text| without(text, &["M104", "M109"])), "heat.none"),
        ("not waited for", Box::new(|text| without(text, &["M109"])), "heat.not_waited"),
        ("too hot", Box::new(|text| behind(text, "M109", "M104 S280")), "heat.printer"),
        ("left on", Box::new(|text| without(text, &["M104 S0", "M140 S0"])), "heat.left_on"),
        ("cold", Box::new(|text| behind_last(text, "M109", "M104 S30")), "heat.cold_extrusion"),
        ("arcs", Box::new(|text| behind(text, "G28", "G2 X20 Y20 I5 J5")), "command.arcs"),
        ("no letter of Marlin's", Box::new(|text| behind(text, "G28", "M622 S1")), "command.unknown"),
        ("absurdly fast", Box::new(|text| moved(text, 'F', |feed| feed * 60.0)), "speed.absurd"),
        ("crawling", Box::new(|text| moved(text, 'F', |feed| feed / 600_000.0)), "speed.crawl"),
        ("another origin", Box::new(|text| behind(text, "G28", "G92 X5")), "mode.shifted"),
        ("too thick", Box::new(|text| moved(text, 'E', |e| e * 60.0)), "extrusion.absurd"),
        ("two in a line", Box::new(|text| behind(text, "G28", "G1 X10 M106")), "line.odd"),
        ("too long", Box::new(|text| behind(text, "G28", "G4 S43200")), "time.long"),
        ("relative", Box::new(|text| behind(&without(text, &["G90"]), "G28", "G91")), "volume.unknown"),
        ("down from home", Box::new(|text| behind(text, "G28", "G91\nG1 Z-2\nG90")), "volume.unknown"),
        ("in small letters", Box::new(|text| text.replace("\nG1 X", "\nG1 x")), "line.odd"),
        ("hot in small letters", Box::new(|text| behind(text, "M109", "M104 s310")), "line.odd"),
        ("homed over the part", Box::new(|text| behind_last(text, "G1 X", "G28 Z")), "home.onto_part"),
        ("probed over the part", Box::new(|text| behind_last(text, "G1 X", "G29")), "home.onto_part"),
        (
            "a heap",
            Box::new(|text| behind(text, "M109", "G92 E0\nG1 E3000 F200\nG92 E0")),
            "extrusion.absurd",
        ),
        ("not for a job", Box::new(|text| behind(text, "G28", "M302 P1")), "command.not_allowed"),
        ("filament by its volume", Box::new(|text| behind(text, "G28", "M200 D1.75")), "command.not_allowed"),
        ("mirrored beside itself", Box::new(|text| behind(text, "G28", "M605 S3")), "command.not_allowed"),
        ("scaled axes", Box::new(|text| behind(text, "G28", "M579 X1.1")), "command.not_allowed"),
        ("a laser", Box::new(|text| behind_last(text, "G1 X", "M3 S255")), "command.not_allowed"),
        ("changed off the plate", Box::new(|text| behind_last(text, "G1 X", "M600 X900")), "volume.move"),
        ("Klipper's", Box::new(|text| behind(text, "G28", "SET_VELOCITY_LIMIT ACCEL=9")), "command.klipper"),
        ("another height", Box::new(|text| behind(text, "G28", "M290 Z-5")), "command.not_allowed"),
    ];
    let mut seen = 0;
    for (name, text) in honest::files() {
        for (what, spoil, code) in &spoils {
            let spoilt = spoil(&text);
            assert_ne!(spoilt, text, "{name}: {what}");
            let ask =
                Ask { printer: honest::printer(&name, Firmware::Marlin21), material: None, model: None };
            let found = found(&spoilt, &ask);
            assert!(codes(&found).contains(code), "{name}: {what}: {found:#?}");
            seen += 1;
        }
    }
    assert!(seen >= 360, "{seen}");
}

#[test]
fn a_file_that_was_cut_anywhere_is_found() {
    for (name, text) in honest::files() {
        for percent in [30, 60, 90, 99] {
            let at = text[..text.len() * percent / 100].rfind('\n').unwrap() + 1;
            let ask =
                Ask { printer: honest::printer(&name, Firmware::Marlin21), material: None, model: None };
            let codes = codes(&found(&text[..at], &ask));
            let refused = ["file.cut", "heat.left_on"].iter().any(|code| codes.contains(code));
            // Slic3r signs no end: its last hundredth is comments, and the print is whole.
            let whole = percent == 99 && name.starts_with("slic3r-") && codes.is_empty();
            assert!(refused || whole, "{name} at {percent} %: {codes:?}");
        }
    }
}

#[test]
fn another_material_than_the_file_was_sliced_for_is_found() {
    for (name, text) in honest::files() {
        let other = if name == "prusa-petg" { "PLA" } else { "ABS" };
        let ask =
            Ask { printer: honest::printer(&name, Firmware::Marlin21), material: Some(other), model: None };
        assert!(codes(&found(&text, &ask)).contains(&"heat.material"), "{name}");
    }
}

#[test]
fn a_print_is_measured_against_the_approved_model_and_its_units() {
    // mm of the body (`bodies.py`).
    let bodies = [("plain", [20.0, 14.0, 6.0]), ("petg", [18.0, 18.0, 10.0]), ("thick", [18.0, 18.0, 10.0])];
    let mut seen = 0;
    for (name, text) in honest::files() {
        let Some((_, body)) = bodies.iter().find(|(end, _)| name.ends_with(end)) else { continue };
        if name == "cura-thick" {
            continue;
        }
        let with = |model| {
            let printer = honest::printer(&name, Firmware::Marlin21);
            codes(&found(&text, &Ask { printer, material: None, model: Some(model) }))
        };
        assert_eq!(with(*body), [""; 0], "{name}");
        for factor in [25.4, 1.0 / 25.4, 10.0, 0.1, 1_000.0, 0.001] {
            assert_eq!(with(body.map(|mm| mm * factor)), ["size.unit"], "{name} × {factor}");
        }
        for factor in [1.5, 0.5] {
            assert_eq!(with(body.map(|mm| mm * factor)), ["size.model"], "{name} × {factor}");
        }
        seen += 1;
    }
    assert_eq!(seen, 5);
}
