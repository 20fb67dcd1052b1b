//! PrusaSlicer on a command line, as it was found to behave (2.5.0): what it is told, and what its words mean.
//!
//! It exits with 0 for a part that is taller than the printer, and leaves unknown settings out without a word, so
//! its file is read to the end and held against the profile.

use std::io::{BufRead, BufReader};

use super::failure::{self, End, Failure};
use super::profile::{Profile, Technology};
use super::whole::{self, Whole, compare, settings};
use super::{MODEL, PROFILE, Slicer, Source, Step, output};

#[derive(Clone, Copy, Debug)]
pub struct PrusaSlicer;

/// What it says, and what that means. The first that fits counts.
const WORDS: [(&str, &str, &str); 12] = [
    (
        "Objects could not fit on the bed",
        "the model does not fit on the printer's plate",
        "print it on a larger printer, turn it, or print it in pieces",
    ),
    (
        "No layers were detected",
        "nothing of the model is thick enough to be printed",
        "look whether its unit is right, and whether the surface is closed",
    ),
    (
        "There is an object with no extrusions in the first layer",
        "nothing of the model stands on the plate",
        "turn it so that it stands, or choose a process with supports",
    ),
    (
        "Exposition time is out of printer profile bounds",
        "the profile's exposure is outside of what it allows itself",
        "look at exposure_time and its bounds in the profile",
    ),
    (
        "Initial exposition time is out of printer profile bounds",
        "the profile's first exposure is outside of what it allows itself",
        "look at initial_exposure_time and its bounds in the profile",
    ),
    (
        "Layer height can't be greater than nozzle diameter",
        "the profile's layers are thicker than its nozzle",
        "look at layer_height and nozzle_diameter in the profile",
    ),
    (
        "Loading of a model file failed",
        "the slicer could not load the copy of the model that platen wrote, which is whole: most likely it ran out of memory",
        "reduce the mesh, or give it more (`memory_mb` under [slicing])",
    ),
    (
        "cannot export G-code for an FFF configuration",
        "the profile is for resin, and filament was asked for",
        "look at printer_technology in the profile",
    ),
    ("Error while reading config file", "the slicer cannot read the profile", "look at the profile"),
    (
        "Invalid value supplied",
        "the profile has a value that the slicer does not know",
        "look at the profile",
    ),
    (
        "Unknown option",
        "this slicer does not know what platen asks of it",
        "install PrusaSlicer 2.5 or newer",
    ),
    (
        "Cannot open the file for writing",
        "the slicer cannot write its file",
        "look at the disk of the state folder, and its rights",
    ),
];

impl Slicer for PrusaSlicer {
    fn name(&self) -> &'static str {
        "prusa-slicer"
    }

    fn program(&self) -> &'static str {
        "prusa-slicer"
    }

    fn install(&self) -> &'static str {
        "install it with `apt-get install --no-install-recommends prusa-slicer`, or name a newer one by its path"
    }

    fn version_arguments(&self) -> &'static [&'static str] {
        &["--help"]
    }

    fn version(&self, said: &str) -> Option<String> {
        let after = said.lines().find_map(|line| line.trim().strip_prefix("PrusaSlicer-"))?;
        let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let version: String = after.chars().take_while(legal).take(40).collect();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    }

    fn arguments(&self, technology: Technology) -> Vec<&'static str> {
        let export = match technology {
            Technology::Filament => "--export-gcode",
            Technology::Resin => "--export-sla",
        };
        // Nothing of a person's own settings: its folder is the private one, and empty.
        let own = ["--datadir", "settings", "--loglevel", "1", "--config-compatibility", "disable"];
        [&own[..], &["--load", PROFILE, export, "--output", output(technology), MODEL]].concat()
    }

    /// `70 => Infilling layers`, `100% => Slicing done`
    fn step(&self, line: &str) -> Option<Step> {
        let (percent, doing) = line.trim().split_once(" => ")?;
        let percent: u8 = percent.trim_end_matches('%').parse().ok()?;
        // Where it goes behind this, it is a path.
        let doing = doing.split(" to ").next().unwrap_or_default();
        Some(Step { percent: percent.min(100), doing: failure::shown(doing) })
    }

    fn failure(&self, end: &End) -> Failure {
        let lines = || end.errors.iter().chain(&end.out);
        let known = WORDS.iter().find(|(words, ..)| lines().any(|line| line.contains(words)));
        failure::of(end, known.map(|(_, what, help)| Failure::Known { what, help }))
    }

    fn whole(&self, profile: &Profile, out: &mut dyn Source) -> Result<Whole, Failure> {
        match profile.technology {
            Technology::Filament => gcode(profile, out),
            Technology::Resin => whole::sl1(profile, "out", out),
        }
    }
}

/// Its G-code ends with all of its settings.
fn gcode(profile: &Profile, out: &mut dyn Source) -> Result<Whole, Failure> {
    let not_whole = |what: &str| Failure::NotWhole(what.into());
    let mut lines = BufReader::with_capacity(256 << 10, out);
    let (mut said, mut inside, mut ended, mut time) = (Vec::new(), false, false, None);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read =
            lines.read_until(b'\n', &mut line).map_err(|error| Failure::NotWhole(error.to_string()))?;
        if read == 0 {
            break;
        }
        // Most lines are moves.
        if line[0] != b';' {
            ended &= line.trim_ascii().is_empty();
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches(';').trim();
        ended = text == "prusaslicer_config = end";
        if text == "prusaslicer_config = begin" {
            (inside, said) = (true, Vec::new());
        } else if ended {
            inside = false;
        } else if inside {
            said.push(text.to_owned());
        } else if let Some(told) = text.strip_prefix("estimated printing time (normal mode) = ") {
            time = seconds(told);
        }
    }
    if !ended {
        return Err(not_whole("the slicer's settings at its end are missing"));
    }
    let time = time.ok_or_else(|| not_whole("it does not say how long it takes"))?;
    compare(profile, &settings(said.iter().map(String::as_str)))?;
    Ok(Whole { seconds: Some(time), ..Whole::default() })
}

/// `1d 7h 3m 4s`
fn seconds(told: &str) -> Option<f64> {
    let mut whole = 0.0;
    for word in told.split_ascii_whitespace() {
        let per = match word.chars().last()? {
            'd' => 86_400.0,
            'h' => 3_600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return None,
        };
        whole += per * word[..word.len() - 1].parse::<f64>().ok()?;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::super::failure::Status;
    use super::super::failure::tests::end;
    use super::*;
    use std::io::Cursor;

    const PROFILE: &str = "# platen profile, version 1\nprinter_technology = FFF\nlayer_height = 0.20\n\
                           bed_shape = 0x0,2x0,2x2\nmax_print_height = 9\nnozzle_diameter = 0.4\nfill_density = 15%\n";
    const FILE: &str = "; generated by PrusaSlicer 2.5.0\nG28\nG1 X1\n\n; filament used [mm] = 1\n\
                        ; estimated printing time (normal mode) = 1d 1h 3m 4s\n\n; prusaslicer_config = begin\n\
                        ; bed_shape = 0x0,2x0,2x2\n; fill_density = 15%\n; layer_height = 0.2\n\
                        ; max_print_height = 9\n; nozzle_diameter = 0.4\n; printer_technology = FFF\n\
                        ; prusaslicer_config = end\n";

    fn check(file: &str) -> Result<Whole, Failure> {
        PrusaSlicer.whole(&Profile::parse("a.ini", PROFILE).unwrap(), &mut Cursor::new(file.as_bytes()))
    }

    #[test]
    fn its_version_is_what_it_says_it_is() {
        let said = "[2026-11-28] [trace]   Initializing StaticPrintConfigs\n\
                    PrusaSlicer-2.5.0+UNKNOWN based on Slic3r (with GUI support)\n";
        assert_eq!(PrusaSlicer.version(said).as_deref(), Some("2.5.0"));
        assert_eq!(PrusaSlicer.version("PrusaSlicer-2.6.0-alpha5+x\n").as_deref(), Some("2.6.0-alpha5"));
        for said in ["", "bash: no such file\n", "PrusaSlicer-\n", "PrusaSlicer-;rm\n"] {
            assert_eq!(PrusaSlicer.version(said), None, "{said}");
        }
    }

    #[test]
    fn its_steps_are_read_in_both_ways_that_it_writes_them() {
        let step = |line: &str| PrusaSlicer.step(line).map(|step| (step.percent, step.doing));
        assert_eq!(step("70 => Infilling layers\r"), Some((70, "Infilling layers".into())));
        assert_eq!(step("100% => Slicing done"), Some((100, "Slicing done".into())));
        assert_eq!(step("90 => Exporting G-code to out.gcode"), Some((90, "Exporting G-code".into())));
        assert_eq!(step("Slicing result exported to out.gcode"), None);
        assert_eq!(step("999 => x"), None);
    }

    #[test]
    fn no_argument_comes_from_outside() {
        for technology in [Technology::Filament, Technology::Resin] {
            let arguments = PrusaSlicer.arguments(technology);
            assert_eq!(arguments.last(), Some(&"model.stl"));
            assert!(arguments.contains(&output(technology)) && arguments.contains(&"profile.ini"));
        }
    }

    #[test]
    fn a_file_is_whole_only_with_its_end_its_time_and_the_settings_that_were_asked_for() {
        assert_eq!(check(FILE).unwrap().seconds, Some(86_400.0 + 3_600.0 + 184.0));
        for (file, wanted) in [
            (String::new(), "settings at its end are missing"),
            (FILE.replace("; prusaslicer_config = end\n", ""), "settings at its end are missing"),
            (FILE.to_owned() + "G1 X2\n", "settings at its end are missing"),
            (FILE[..FILE.len() / 2].to_owned(), "settings at its end are missing"),
            (FILE.replace("estimated", "guessed"), "does not say how long it takes"),
            (
                FILE.replace("; layer_height = 0.2\n", "; layer_height = 0.3\n"),
                "layer_height was 0.3 and not 0.20",
            ),
            (FILE.replace("; fill_density = 15%\n", ""), "it knows no fill_density"),
        ] {
            let told = check(&file).unwrap_err().to_string();
            assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
        }
    }

    #[test]
    fn what_it_says_when_it_gives_up_is_told_in_our_words() {
        let bed = end(
            Status::Signal(6),
            &[
                "terminate called after throwing an instance of 'Slic3r::RuntimeError'",
                "  what():  Objects could not fit on the bed",
            ],
        );
        let told = PrusaSlicer.failure(&bed).to_string();
        assert!(
            told.starts_with("the model does not fit on the printer's plate; print it on a larger"),
            "{told}"
        );
        let thin =
            end(Status::Exit(1), &["No layers were detected. You might want to repair your STL file(s)"]);
        assert!(PrusaSlicer.failure(&thin).to_string().starts_with("nothing of the model is thick enough"));
        // Memory comes before what it made of it.
        let memory = end(Status::Signal(6), &["Invalid value supplied", "what():  std::bad_alloc"]);
        assert!(matches!(PrusaSlicer.failure(&memory), Failure::Memory(_)));
        let small = end(Status::Exit(1), &["model.stl: Loading of a model file failed."]);
        assert!(PrusaSlicer.failure(&small).to_string().contains("most likely it ran out of memory"));
    }
}
