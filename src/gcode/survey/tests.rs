//! Files as people really give them, and what they are told.

use super::*;
use proptest::prelude::*;
use std::io::Read;

fn survey(file: &[u8]) -> Result<Survey, SurveyError> {
    survey_in(&[file])
}

fn survey_in(chunks: &[&[u8]]) -> Result<Survey, SurveyError> {
    let mut surveyor = Surveyor::new();
    let fed = chunks.iter().try_for_each(|chunk| surveyor.feed(chunk));
    let survey = fed.and_then(|()| surveyor.finish());
    let mut checker = Checker::default();
    let fed = chunks.iter().try_for_each(|chunk| checker.feed(chunk));
    let checked = fed.and_then(|()| checker.finish());
    assert_eq!(survey.as_ref().map(drop), checked.as_ref().map(drop), "who takes no digest says the same");
    let survey = survey?;
    survey.allowed_by(&[])?;
    Ok(survey)
}

fn demo(name: &str) -> Vec<u8> {
    let path = format!("{}/config/demo/{name}.gcode.gz", env!("CARGO_MANIFEST_DIR"));
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(&*packed).read_to_end(&mut file).unwrap();
    file
}

#[test]
fn every_file_that_cannot_be_printed_is_refused_with_what_and_where() {
    let long = format!("G1\nM117 {}\n", "x".repeat(76));
    let mut stl = vec![b' '; 80];
    stl.extend([12, 0, 0, 0]);
    stl.extend([0; 600]);
    let endless = vec![b'G'; 70_000];
    let cases: &[(&[u8], &str)] = &[
        (b"", "it is empty"),
        (b"\n\n ; hello\n", "it has comments and blank lines only, no command"),
        (b"\xef\xbb\xbf", "it has comments and blank lines only, no command"),
        (b"PK\x03\x04..", "it is a zip archive (3MF, SL1), not G-code; export it as plain G-code"),
        (b"GCDE\x01\0\0\0", "it is binary G-code, not G-code; export it as plain G-code (in PrusaSlicer"),
        (b"solid heart\nfacet normal", "it is an STL model, not G-code; slice it first"),
        (&stl, "it is an STL model, not G-code; slice it first"),
        (b"\x7fELF\x02", "it is a program, not G-code; choose another file"),
        (b"\x89PNG\r\n", "it is a picture, not G-code; choose another file"),
        (b"\x1f\x8b\x08", "it is a gzip archive, not G-code; unpack it first"),
        (b"\xff\xfeG\x001\0", "it is text in UTF-16, not G-code; save it as ASCII or UTF-8"),
        (b"G1\nG1 X\0\n", "line 2 has bytes that no text has"),
        (b"G1\n; \0\n", "line 2 has bytes that no text has"),
        (b"G1\n\nG1 \x1b[0m\n", "line 3 has bytes that no text has"),
        (&endless, "line 1 is longer than 65536 bytes: it is not G-code"),
        (b"<html>\n", "line 1: `<html>` is not a G-code command (G, M or T in capitals, then a number)"),
        (b"; a\n\nDear all,\n", "line 3: `Dear all,` is not a G-code command"),
        (b"G1\ng1 X1", "line 2: `g1 X1` is not a G-code command"),
        (b"PRIME_LINE BED=60", "line 1: `PRIME_LINE BED=60` calls a macro, and only the printer knows"),
        (b"START_PRINT BED=60", "line 1: `START_PRINT BED=60` is not allowed in a job: it runs a macro of the printer's, and only"),
        (b"SAVE_CONFIG", "line 1: `SAVE_CONFIG` is not allowed in a job: it writes the printer's configuration"),
        (b"RESTART", "line 1: `RESTART` is not allowed in a job: it starts the printer's firmware anew"),
        (b"G28\nset_velocity_limit accel=9", "line 2: `set_velocity_limit accel=9` is not a G-code command"),
        (b"M200 D1.75", "line 1: `M200 D1.75` is not allowed in a job: it has filament counted by its volume"),
        (b"M605 S3", "line 1: `M605 S3` is not allowed in a job: it prints a second part beside the first, or its mirror"),
        (b"M140 P0 H1 S60", "line 1: `M140 P0 H1 S60` heats, and assigns a heater (H) on some boards; leave"),
        (b"G1\nX10 Y10", "line 2: `X10 Y10` is not a G-code command"),
        (b"G", "line 1: `G` is not a G-code command"),
        (b"T", "line 1: `T` is not a G-code command"),
        (
            b"{\"a\": 0123456789012345678901234567890123456789}",
            "line 1: `{\"a\": 0123456789012345678901234567890123…` is not a G-code command",
        ),
        (long.as_bytes(), "line 2: `M117 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` has 81 bytes, a command has at most 80"),
        ("M117 Größe".as_bytes(), "line 1: `M117 Größe` has letters that printers do not know"),
        (b"M117 5*3", "line 1: `M117 5*3` has a star"),
        (b"G28\nN3 M110 N0*99", "line 2: `M110 N0` is not allowed in a job: it sets the line count"),
        (b"M112", "line 1: `M112` is not allowed in a job: it is the emergency stop"),
        (b"M0112", "line 1: `M0112` is not allowed in a job: it is the emergency stop"),
        (b"M 112 ; now", "line 1: `M 112` is not allowed in a job: it is the emergency stop"),
        (b"M28 a.g", "line 1: `M28 a.g` is not allowed in a job: it writes the rest"),
        (b"M29", "line 1: `M29` is not allowed in a job: it ends a file"),
        (b"M30 a.g", "line 1: `M30 a.g` is not allowed in a job: it deletes a file"),
        (b"M24", "line 1: `M24` is not allowed in a job: it prints another file"),
        (b"M500", "line 1: `M500` is not allowed in a job: it changes the settings"),
        (b"M502", "line 1: `M502` is not allowed in a job: it resets the printer's settings"),
        (b"M997 S0", "line 1: `M997 S0` is not allowed in a job: it replaces the printer's firmware"),
        (b"M108", "line 1: `M108` is not allowed in a job: it ends a wait"),
        (b"M876 S0", "line 1: `M876 S0` is not allowed in a job: it answers"),
        (b"G1 X1 M112", "line 1: `G1 X1 M112` is not allowed in a job: it is the emergency stop"),
        (b"M303 S200", "line 1: `M303 S200` is not allowed in a job: it heats up and down by itself"),
        (b"M85 S0", "line 1: `M85 S0` is not allowed in a job: it changes the printer's own switching off"),
        (b"M211 S0", "line 1: `M211 S0` is not allowed in a job: it switches the limits"),
        (b"G28\nM104 S200 S300", "line 2: `M104 S200 S300` heats and has a word twice, of which firmwares take either; write"),
        (b"M109 S3e2", "line 1: `M109 S3e2` heats with a number that firmwares read differently; write a plain one"),
        (b"M140 S0x12C", "line 1: `M140 S0x12C` heats with a number that firmwares read differently"),
        (b"M104 S501", "line 1: `M104 S501` heats to what no printer has (500"),
        (b"M190 S201", "line 1: `M190 S201` heats to what no printer has (500"),
        (b"G1 X1 m500", "line 1: `G1 X1 m500` is not allowed in a job: it changes the settings"),
        (b"G1 X1 M 500", "line 1: `G1 X1 M 500` is not allowed in a job: it changes the settings"),
        (b"G26 H310", "line 1: `G26 H310` is not allowed in a job: it heats, moves and prints a pattern by itself"),
        (b"M145 S0 H310", "line 1: `M145 S0 H310` is not allowed in a job: it changes the temperatures"),
        (b"M104 I0", "line 1: `M104 I0` heats to a preset that only the printer knows; write S and a number"),
        (b"M190 I1", "line 1: `M190 I1` heats to a preset"),
        (b"M109 S200 R300", "line 1: `M109 S200 R300` heats with S and R, of which firmwares take either"),
        (b"M155 S0", "line 1: `M155 S0` is not allowed in a job: it changes how often the printer tells"),
        (b"M155", "line 1: `M155` is not allowed in a job"),
        (b"M111 S255", "line 1: `M111 S255` is not allowed in a job: it switches the printer's dry run"),
        (b"G10 L2 P1 X-100", "line 1: `G10 L2 P1 X-100` is not allowed in a job: it moves the origin"),
        (b"G10 L20 P1 Z0", "line 1: `G10 L20 P1 Z0` is not allowed in a job: it moves the origin"),
        (b"G10 P0 Z-2", "line 1: `G10 P0 Z-2` is not allowed in a job: it moves the origin"),
        (b"G55", "line 1: `G55` is not allowed in a job: it moves the origin"),
        (b"M208 X-100", "line 1: `M208 X-100` is not allowed in a job: it changes how far the head may go"),
        (b"M208 S1 Z500", "line 1: `M208 S1 Z500` is not allowed in a job: it changes how far the head may go"),
        (b"M907 X1200", "line 1: `M907 X1200` is not allowed in a job: it changes the current"),
        (b"M907 E5000", "line 1: `M907 E5000` is not allowed in a job: it changes the current"),
        (b"M907 E430 X900", "line 1: `M907 E430 X900` is not allowed in a job: it changes the current"),
        (b"M907", "line 1: `M907` is not allowed in a job: it changes the current"),
        (b"M906 X1200", "line 1: `M906 X1200` is not allowed in a job: it changes the current"),
        (b"M908 P0 S255", "line 1: `M908 P0 S255` is not allowed in a job: it changes the current"),
        (b"M290 Z-5", "line 1: `M290 Z-5` is not allowed in a job: it changes the height of the nozzle"),
        (b"M421 I1 J1 Z-3", "line 1: `M421 I1 J1 Z-3` is not allowed in a job: it changes the map of the bed"),
        (b"G6 X400 R", "line 1: `G6 X400 R` is not allowed in a job: it moves the motors by raw steps"),
        (b"G18", "line 1: `G18` is not allowed in a job: it turns arcs upright"),
        (b"M999", "line 1: `M999` is not allowed in a job: it overrides the printer's own stop"),
        (b"; generated by PrusaSlicer 2.9\nG1\n", "the file ends before the last line that PrusaSlicer writes"),
        (b"; generated by SuperSlicer 2.5\nG1\n", "the file ends before the last line that SuperSlicer writes"),
        (
            b"; HEADER_BLOCK_START\n; generated by OrcaSlicer 2\n; HEADER_BLOCK_END\n; EXECUTABLE_BLOCK_START\nG1\n",
            "the file ends before the last line that OrcaSlicer writes",
        ),
        (
            b"; BambuStudio 02.00\n; CONFIG_BLOCK_START\n; CONFIG_BLOCK_END\n; EXECUTABLE_BLOCK_START\nG1\n",
            "the file ends before the last line that Bambu Studio writes",
        ),
        (b";FLAVOR:Marlin\n;Generated with Cura_SteamEngine 5\nG1\n", "the file ends before the last line that Cura"),
    ];
    for (file, want) in cases {
        let told = survey(file).unwrap_err().to_string();
        assert!(
            told.starts_with(want),
            "{}\n told {told}\n want {want}",
            file[..file.len().min(60)].escape_ascii()
        );
    }
}

#[test]
fn what_a_printer_understands_is_accepted() {
    for file in [
        "G1 X1",
        "G1X1Y2",
        "G 1 X1",
        "T0",
        "T?",
        "Tx",
        "M862.3 P \"MK4\"",
        "M117 Gr (oe) sse",
        "; Größe\nG1",
        ";\tGenerated with care\nG1",
        "M486 A\"x\"",
        // PrusaSlicer's profiles for the MK3 set the current of the extruder's motor for each quality.
        "M907 E538 ; set extruder motor current",
        "M208 S0 F300",
        "M111 S0",
        "M155 S1",
        "G10",
        "G10 S1",
        "G10 P0 S210 R150",
        "G17",
        "SET_VELOCITY_LIMIT ACCEL=5000 ACCEL_TO_DECEL=2500",
        "EXCLUDE_OBJECT_START NAME=heart.stl_id_0_copy_0",
        "M200 D0",
        "G1 X1\t; tab",
        "; generated by PrusaSlicer 2.9\nG1\n; prusaslicer_config = end",
        "; generated by SuperSlicer 2.5\nG1\n; superslicer_config = end\n",
        "; HEADER_BLOCK_START\n; generated by OrcaSlicer 2\n; HEADER_BLOCK_END\n; EXECUTABLE_BLOCK_START\nG1\n\
         ; EXECUTABLE_BLOCK_END\n; CONFIG_BLOCK_START\n; CONFIG_BLOCK_END\n",
        "; BambuStudio 02.00\n; CONFIG_BLOCK_START\n; CONFIG_BLOCK_END\n; EXECUTABLE_BLOCK_START\nG1\n; EXECUTABLE_BLOCK_END\n",
        ";FLAVOR:Marlin\n;Generated with Cura_SteamEngine 5\nG1\n;End of Gcode\n;SETTING_3 {}\n",
    ] {
        assert_eq!(survey(file.as_bytes()).map(|survey| survey.commands), Ok(1), "{file:?}");
    }
    let longest = format!("M117 {}", "x".repeat(75));
    assert!(survey(longest.as_bytes()).is_ok());
}

#[test]
fn what_only_a_profile_allows_is_printed_where_it_does_and_nowhere_else() {
    let mut surveyor = Surveyor::new();
    surveyor.feed(b"G28\nM92 X80\nM92 Y80\nM500\n").unwrap();
    let survey = surveyor.finish().unwrap();
    let codes: Vec<_> = survey.needs.iter().map(|needed| (needed.line, needed.code)).collect();
    let (m92, m500) = (Code::new(b'M', 92), Code::new(b'M', 500));
    assert_eq!(codes, [(2, m92), (4, m500)]);
    assert_eq!(survey.allowed_by(&[m500, m92]), Ok(()));
    let told = survey.allowed_by(&[m92]).unwrap_err().to_string();
    assert!(told.starts_with("line 4: `M500` is not allowed in a job: it changes the settings"), "{told}");
}

#[test]
fn the_digest_is_of_the_commands_alone() {
    let bare = survey(b"G28\nG1 X1\n").unwrap();
    let mut digest = CommandDigest::default();
    digest.add(b"G28");
    digest.add(b"G1 X1");
    assert_eq!(bare, Survey { lines: 2, commands: 2, digest: digest.finish(), needs: Vec::new() });
    let dressed = survey("\u{feff}; hello\r\nN1 G28*18\r\n\r\n  G1 X1 ; left".as_bytes()).unwrap();
    assert_eq!((dressed.lines, dressed.commands), (4, 2));
    assert_eq!(dressed.digest, bare.digest);
    assert_ne!(survey(b"G28\nG1 X2\n").unwrap().digest, bare.digest);
}

#[test]
fn the_demo_files_are_accepted_and_their_cut_halves_are_not() {
    for (name, lines) in [("guide", 9187), ("heart", 23259), ("vertebra", 18773)] {
        let file = demo(name);
        let whole = survey(&file).unwrap();
        assert_eq!(whole.lines, lines, "{name}");
        assert!(whole.commands > 5000, "{name}");
        let chunks: Vec<&[u8]> = file.chunks(4093).collect();
        assert_eq!(survey_in(&chunks), Ok(whole.clone()), "{name}");
        for end in [100, file.len() / 2, file.len() - 10] {
            assert!(survey(&file[..end]).is_err(), "{name} cut at {end}");
        }
        let text = String::from_utf8(file).unwrap().replace('\n', "\r\n");
        assert_eq!(survey(text.as_bytes()), Ok(whole), "{name}");
    }
}

proptest! {
    #[test]
    fn however_a_file_is_cut_into_chunks_its_survey_is_the_same(
        file in "([GMT][0-9]{1,3}( [XY][0-9])?( ;.{0,9})?\r?\n|\\PC{0,90}|\n){0,30}",
        cuts in proptest::collection::vec(0usize..400, 0..8),
    ) {
        let bytes = file.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(survey_in(&chunks), survey(bytes));
    }

    #[test]
    fn line_ends_do_not_change_the_digest(lines in proptest::collection::vec("G1 X[0-9]{1,4}( ; \\PC{0,5})?", 1..20)) {
        let digest = |end: &str| survey(lines.join(end).as_bytes()).map(|survey| survey.digest);
        prop_assert_eq!(digest("\n"), digest("\r\n"));
        prop_assert_eq!(digest("\n"), digest("\r"));
    }

    #[test]
    fn no_bytes_make_the_survey_panic(bytes: Vec<u8>) {
        let _ = survey(&bytes);
    }
}

#[test]
fn whoever_does_not_have_the_file_is_told_the_line_and_the_code_and_no_word_of_it() {
    let long = format!("G1\nM117 Meier{}\n", "x".repeat(76));
    for (file, wanted) in [
        ("G1\nDear Meier,\n", "line 2: `…` is not a G-code command"),
        ("OF_MEIER BED=60", "line 1: `…` calls a macro"),
        (&long, "line 2: `M117` has 86 bytes"),
        ("M117 Meier ä", "line 1: `M117` has letters"),
        ("M117 Meier*", "line 1: `M117` has a star"),
        ("M30 meier.g", "line 1: `M30` is not allowed"),
        ("M303 S200 MEIER", "line 1: `M303` heats"),
        ("M104 S501 MEIER", "line 1: `M104` heats"),
    ] {
        let quoted = survey(file.as_bytes()).unwrap_err();
        let told = quoted.clone().without_words().to_string();
        assert!(quoted.to_string().to_lowercase().contains("meier"), "{quoted}");
        assert!(told.contains(wanted) && !told.to_lowercase().contains("meier"), "{told}");
    }
}
