//! What lines leave behind, line by line, and what is refused.

use super::*;
use crate::gcode::analysis::{Analyser, At, Options};
use crate::gcode::preflight::{PrinterLimits, Question, judge};
use crate::gcode::survey::Surveyor;
use proptest::prelude::*;

const START: &str =
    "G21\nG90\nM83\nM140 S60\nM104 S210\nG28\nG1 Z5 F3000\nM190 S60\nM109 S210\nG92 E0\nG1 E-.8 F2100\n";

fn layer(z: f64) -> String {
    format!(
        ";LAYER_CHANGE\nG1 Z{z} F9000\nG1 X100 Y100 F6000\nG1 E.8 F2100\nG1 X120 E.6 F1800\nG1 Y120 E.6\n\
         G1 X100 E.6\nG1 Y101 E.6\nG1 E-.8 F2100\n"
    )
}

/// Three layers, with `more` at the end of the first, and a lift at the end of all.
fn tower(more: &str) -> String {
    let layers = [layer(0.2), more.to_owned(), layer(0.4), layer(0.6)].concat();
    format!("{START}{layers}G1 Z30 F600\nM104 S0\nM140 S0\n")
}

fn analyse(text: &str) -> Analysis {
    let mut analyser = Analyser::new(Options::default());
    analyser.feed(text.as_bytes()).unwrap();
    analyser.finish().unwrap()
}

fn commands_of(text: &str) -> u64 {
    text.lines().filter(|line| !line.split(';').next().unwrap().trim().is_empty()).count() as u64
}

/// In the middle of the second layer, and sure of it.
fn ask(text: &str) -> Ask {
    let second = text.match_indices(";LAYER_CHANGE").nth(1).unwrap().0;
    Ask {
        file: FileHash::from_digest([7; 32]),
        layer: 2,
        confirmed: commands_of(&text[..second]) + 5,
        ahead: 2,
        height: Height::from_mm(0.4),
        recorded: true,
        park: Some((5.0, 190.0)),
        build_height: None,
        told_is_lowest: false,
        resumes: false,
        counting: None,
    }
}

fn work_out(text: &str, ask: Ask) -> Result<Resume, CannotResume> {
    let mut reader = Reader::new(&analyse(text), ask)?;
    for chunk in text.as_bytes().chunks(7) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

fn made(text: &str) -> Resume {
    work_out(text, ask(text)).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    work_out(text, ask(text)).expect_err(text).to_string()
}

#[test]
fn the_lines_before_the_rest_stand_in_the_order_that_spares_part_and_plate() {
    let text = tower("");
    let resume = made(&text);
    let lines: Vec<&str> = resume.head.lines().filter(|line| !line.starts_with(';')).collect();
    let wanted = [
        "G21",
        "G90",
        "M83",
        "M140 S60",
        "M190 S60",
        "M104 S210",
        "M109 S210",
        "G92 Z0.4",
        "G1 Z5.4 F600",
        "G28 X Y",
        "G1 X5 Y190 F6000",
        "G92 E0",
        "G1 E15 F150",
        "G1 E-2 F1800",
        "G1 X100 Y101 F6000",
        "G1 Z0.4 F600",
        "G1 E1.2 F1800",
        "G90",
        "M83",
        "G92 E1.6",
        "G1 F2100",
    ];
    assert_eq!(lines, wanted);
    let second = text.match_indices(";LAYER_CHANGE").nth(1).unwrap().0;
    assert_eq!((resume.offset, resume.z), (second as u64, Some(0.4)));
    assert!(resume.head.contains(&format!("{}, at its layer 2", "07".repeat(32))));
}

#[test]
fn each_state_that_lines_have_left_behind_is_put_back() {
    let table: &[(&str, &[&str])] = &[
        ("M106 S128", &["M106 S128"]),
        ("M106 S128\nM107", &["M107"]),
        ("M106 P1 S99\nM106 S50\nM106 S60", &["M106 P1 S99\nM106 S60"]),
        ("M220 S80", &["M220 S80"]),
        ("M221 S95\nM221 S90", &["M221 S90"]),
        ("M204 P800\nM204 P900 T1000", &["M204 P900 T1000"]),
        ("M204 P800\nM204 S500\nM204 P700", &["M204 S500\nM204 P700"]),
        ("M201 X500\nM201 Y600\nM201 X700", &["M201 Y600\nM201 X700"]),
        ("M203 X200 Y200\nM205 X8 Y8", &["M203 X200 Y200\nM205 X8 Y8"]),
        ("M900 K0.2\nM900 K0.05", &["M900 K0.05"]),
        ("M900 T0 K0.2\nM900 T1 K0.05", &["M900 T0 K0.2\nM900 T1 K0.05"]),
        ("M420 S1", &["G28 X Y\nM420 S1"]),
        ("M141 S45", &["M141 S45"]),
        ("BED_MESH_PROFILE LOAD=a", &["G28 X Y\nBED_MESH_PROFILE LOAD=a"]),
        (
            "SET_PRESSURE_ADVANCE ADVANCE=0.1\nSET_PRESSURE_ADVANCE ADVANCE=0.2",
            &["G28 X Y\nSET_PRESSURE_ADVANCE ADVANCE=0.2"],
        ),
        (
            "SET_VELOCITY_LIMIT ACCEL=1 VELOCITY=2\nSET_VELOCITY_LIMIT ACCEL=3",
            &["SET_VELOCITY_LIMIT ACCEL=1 VELOCITY=2\nSET_VELOCITY_LIMIT ACCEL=3"],
        ),
        (
            "SET_PRESSURE_ADVANCE ADVANCE=.3\nSET_PRESSURE_ADVANCE EXTRUDER=e ADVANCE=.1\nSET_PRESSURE_ADVANCE EXTRUDER=f ADVANCE=.2",
            &[
                "SET_PRESSURE_ADVANCE ADVANCE=.3\nSET_PRESSURE_ADVANCE EXTRUDER=e ADVANCE=.1\nSET_PRESSURE_ADVANCE EXTRUDER=f ADVANCE=.2",
            ],
        ),
        // What changes nothing needs not be put back.
        (
            "M290 R0 S0\nM290 R0 X0 Z0.0\nM200 S0\nM200 T1 D0\nM0 Look\nEXCLUDE_OBJECT_END NAME=a",
            &["G28 X Y\nG1 X5"],
        ),
        ("M140 S70", &["M140 S70\nM190 S70"]),
        ("M104 S215", &["M104 S215\nM109 S215"]),
        ("M82\nG92 E7.5", &["M82\nG92 E7.5"]),
        ("M82\nG92 E7.5\nG1 X50 E8.25", &["M82\nG92 E8.25"]),
        ("G1 X55.5 Y66 F4321\n", &["G1 X55.5 Y66 F6000", "G1 F4321"]),
        ("G2 X50 Y50 I5 J5 F4321", &["G1 X50 Y50 F6000"]),
        ("G1 X50 F1234\nG0 Y50 F7000", &["G1 F1234\nG0 F7000"]),
        ("G1 E-2.2 F2100", &["G1 E-3 F1800\nG1 X100"]),
        ("G1 E.8\nG10", &["G1 E-2 F1800\nG1 X100 Y101 F6000\nG1 Z0.4 F600\nG1 E2 F1800\nG10"]),
        ("G10\nG11", &["G1 E1.2 F1800\nG90"]),
        ("G17\nG21\nM200 D0\nM84 E\nM84 S300\nM117 hello G20\nM486 S1\nM73 P5", &["G28 X Y\nG1 X5"]),
        ("T0\nG1 X10 Y10", &["G1 X10 Y10 F6000"]),
        ("M104 T1 S200\nM104 T1 S0\nT1\nM104 S205\nM104 T0 S0\nG1 X9 Y9", &["M109 T1 S205", "G28 X Y\nT1"]),
    ];
    for (more, wanted) in table {
        let head = made(&tower(&format!("{more}\n"))).head;
        for wanted in *wanted {
            assert!(
                head.contains(&format!("{wanted}\n")) || head.contains(&format!("{wanted} ")),
                "{more:?}: {wanted:?} is not in\n{head}"
            );
        }
    }
    let plain = made(&tower("M106 S9\n")).head;
    assert!(plain.find("M106").unwrap() > plain.find("G1 X100").unwrap(), "no fan while it heats");
    // Relative moves begin exactly where the last one has ended.
    let relative = tower("G91\nM83\n");
    let begun = ask(&relative).confirmed - 4;
    let head = work_out(&relative, Ask { confirmed: begun, ..ask(&relative) }).unwrap().head;
    assert!(head.contains("G1 X100 Y101 F6000\nG1 Z0.2 F600\nG1 E1.2 F1800\nG91\nM83\nG92 E1.6\n"), "{head}");
}

#[test]
fn what_cannot_be_given_back_is_refused_with_its_line_and_why() {
    let lines = [
        ("G20", "inches"),
        ("G18", "plane"),
        ("G54", "numbers others"),
        ("G53 G1 X5", "more than one command"),
        ("G92 X0", "origin"),
        ("G92 Z5", "origin"),
        ("G92", "origin"),
        ("G92.1", "origin"),
        ("G29", "probes"),
        ("G80", "probes"),
        ("G10 P1 S200", "cannot be put back"),
        ("M206 Z1", "numbers others"),
        ("M428", "numbers others"),
        ("M852 I0.1", "numbers others"),
        ("M851 Z-1", "numbers others"),
        ("M290 Z0.1", "cannot be put back"),
        ("M290 R0 Z0.1", "cannot be put back"),
        ("M218 T1 X5", "cannot be put back"),
        ("M569 P0 S0", "cannot be put back"),
        ("M906 X900", "cannot be put back"),
        ("M98 P\"prime.g\"", "cannot be put back"),
        ("START_PRINT", "cannot be put back"),
        ("SET_GCODE_OFFSET Z=1", "cannot be put back"),
        ("BED_MESH_CALIBRATE", "probes"),
        ("M92 E400", "cannot be put back"),
        ("M220 B", "cannot be put back"),
        ("M200 D1.75", "volume"),
        ("M502", "cannot be put back"),
        ("M42 P1 S255", "cannot be put back"),
    ];
    for (line, why) in lines {
        let text = tower(&format!("{line}\n"));
        let at = text.lines().position(|found| found == line).unwrap() + 1;
        let told = refused(&text);
        assert!(told.starts_with(&format!("line {at}: `{line}` ")) && told.contains(why), "{told}");
    }
    let unknown = [
        ("M83\nG90\nG1 E5\nM83\n", "how filament counts"),
        ("M83\nG91\nG90\n", "how filament counts"),
        ("M84\n", "homed"),
        ("G28 X\n", "where the head is"),
        ("T0\n", "where the head is"),
        ("G12\nG1 X5\n", "where the head is"),
        ("M104 S100\n", "heated"),
        ("M104 T1 S200\n", "more than one hot nozzle"),
        ("G1 E-80\n", "filament back"),
    ];
    for (more, why) in unknown {
        let told = refused(&tower(more));
        assert!(told.contains(why) && told.contains("print the part anew"), "{more:?}: {told}");
    }
    let cold = tower("").replace("M104 S210\n", "").replace("M109 S210\n", "");
    assert!(refused(&cold).contains("heated"));
    assert!(refused(&tower("").replace("G90\n", "")).contains("moves count"));
    // Behind the layer it stands in the file, and is printed from there.
    let behind = tower("").replace("G1 Z30 F600", "G91\nG1 Z9 F600\nM84");
    made(&behind);
}

#[test]
fn only_the_layer_in_which_it_ended_and_the_next_can_be_gone_on_with() {
    let text = tower("");
    let with = |layer, confirmed| {
        let ask = Ask { layer, confirmed, ..ask(&text) };
        work_out(&text, ask)
    };
    let middle = ask(&text).confirmed;
    assert!(with(2, middle).is_ok() && with(3, middle).is_ok());
    assert!(matches!(with(4, middle), Err(CannotResume::NoLayer { layer: 4, layers: 3 })));
    assert!(matches!(with(0, middle), Err(CannotResume::NoLayer { .. })));
    assert_eq!(with(1, 0), Err(CannotResume::NothingPrinted));
    let early = commands_of(START);
    assert_eq!(with(1, early), Err(CannotResume::NothingPrinted));
    assert_eq!(with(3, early + 3), Err(CannotResume::OtherLayer { layer: 3, first: 1, last: 2 }));
    // A planner of a board that was reset may have held the end of the layer before, no more.
    let long = format!(
        "{START}{}{}{}G1 Z30\n",
        layer(0.2),
        layer(0.4) + &"G1 X101 E.1\nG1 X100 E.1\n".repeat(99),
        layer(0.6)
    );
    let late = commands_of(&long) - 20;
    let told = work_out(&long, Ask { layer: 1, confirmed: late, ..ask(&long) });
    assert_eq!(told, Err(CannotResume::OtherLayer { layer: 1, first: 2, last: 3 }));
}

#[test]
fn where_the_firmware_lets_the_head_no_lower_than_it_was_told_nothing_may_have_to_go_lower() {
    let text = tower("");
    let with = |layer, mm, told_is_lowest| {
        let height = Height::from_mm(mm);
        work_out(&text, Ask { layer, height, recorded: false, told_is_lowest, ..ask(&text) })
    };
    // It stands in the layer, or below; it stands above, since it was lifted.
    for mm in [0.4, 0.38] {
        assert_eq!(with(2, mm, true), with(2, mm, false), "{mm}");
    }
    assert!(with(2, 0.8, false).is_ok());
    assert_eq!(with(2, 0.8, true), Err(CannotResume::Clipped { layer: 2, z: 0.4, told: 0.8 }));
    assert!(with(3, 0.6, true).is_ok() && with(3, 0.8, true).is_err());
    // A later layer that lies lower counts as well.
    let falls = tower(&layer(0.6))
        .replace("G1 Z0.6 F9000\nG1 X100 Y100 F6000\nG1 E.8", "G1 Z0.3 F9000\nG1 X100 Y100 F6000\nG1 E.8");
    let told = work_out(&falls, Ask { told_is_lowest: true, recorded: false, ..ask(&falls) });
    assert!(matches!(told, Err(CannotResume::Clipped { z: 0.3, .. })), "{told:?}");
}

#[test]
fn a_part_that_a_job_was_to_go_on_with_stands_there_whether_or_not_that_job_has_begun_it() {
    let resume = made(&tower(""));
    let offset = usize::try_from(resume.offset).unwrap();
    let second = format!("{}{}", resume.head, &tower("")[offset..]);
    let with = |confirmed, height, resumes| {
        let ask = Ask { layer: 1, confirmed, ahead: 2_000, height, resumes, ..ask(&second) };
        work_out(&second, ask)
    };
    let height = Height::from_mm(0.4);
    for confirmed in [0, 1, 9, commands_of(&resume.head)] {
        assert_eq!(with(confirmed, height, false), Err(CannotResume::NothingPrinted));
        // Whoever looks at it tells how high the nozzle stands; the record cannot.
        assert!(matches!(with(confirmed, None, true), Err(CannotResume::Height { .. })), "{confirmed}");
        let again = with(confirmed, height, true).unwrap();
        let rest = usize::try_from(again.offset).unwrap();
        assert_eq!(&second[rest..], &tower("")[offset..]);
        assert!(again.head.contains("G92 Z0.4\n") && !again.head.contains("G28 Z"), "{}", again.head);
        assert!(matches!(
            work_out(&second, Ask { layer: 2, confirmed, height, resumes: true, ..ask(&second) }),
            Err(CannotResume::OtherLayer { first: 1, last: 1, .. })
        ));
    }
}

#[test]
fn the_record_tells_the_height_only_where_it_is_the_same_all_the_way_that_may_have_been_run() {
    let long = format!(
        "{START}{}{}{}G1 Z30\n",
        layer(0.2),
        layer(0.4) + &"G1 X101 E.1\nG1 X100 E.1\n".repeat(99),
        layer(0.6)
    );
    let second = commands_of(&long[..long.match_indices(";LAYER_CHANGE").nth(1).unwrap().0]);
    let at = |confirmed, ahead, recorded| {
        work_out(&long, Ask { confirmed, ahead, recorded, height: None, ..ask(&long) })
            .map(|made| made.height)
    };
    assert_eq!(at(second + 100, 50, true), Ok(Height::from_mm(0.4).unwrap()));
    let unsure = at(second + 100, 500, true).expect_err("the next layer may have begun").to_string();
    assert!(unsure.contains("between Z 0.4 and Z 30 mm") && unsure.contains("--height"), "{unsure}");
    assert!(matches!(at(second + 30, 5, true), Err(CannotResume::Height { .. })), "the planner was lost");
    let away = at(second + 100, 50, false).expect_err("it was parked").to_string();
    assert!(away.contains("away from the part"), "{away}");
}

#[test]
fn a_nozzle_that_stands_where_a_later_layer_lies_may_have_laid_it() {
    let text = tower("");
    let with = |layer, height, ahead| {
        work_out(&text, Ask { layer, ahead, height: Height::from_mm(height), ..ask(&text) })
    };
    assert!(with(2, 0.6, 2).is_ok(), "a hop: the third layer cannot have begun");
    assert_eq!(with(2, 0.6, 20), Err(CannotResume::Below { layer: 2, z: 0.4, top: 0.6 }));
    assert!(with(3, 0.6, 20).is_ok());
}

#[test]
fn a_told_height_that_cannot_be_by_the_record_is_refused() {
    let second = layer(0.4) + &"G1 X101 E.1\nG1 X100 E.1\n".repeat(99);
    let text = format!("{START}{}{second}{}G1 Z30\n", layer(0.2), layer(0.6));
    let confirmed = commands_of(&text[..text.match_indices(";LAYER_CHANGE").nth(1).unwrap().0]) + 100;
    let with = |height, recorded| {
        let height = Height::from_mm(height);
        work_out(&text, Ask { confirmed, ahead: 50, recorded, height, ..ask(&text) })
    };
    for wrong in [2.0, 12.0, 150.0] {
        let refused = with(wrong, true).expect_err("a slip of the pen drives the nozzle into the plate");
        assert!(matches!(refused, CannotResume::OtherHeight { .. }), "{refused}");
    }
    assert!(with(0.4, true).is_ok());
    assert!(with(12.0, false).is_ok(), "it was parked, and nobody but the person knows");
}

#[test]
fn the_head_passes_over_the_part_and_not_through_the_roof() {
    let text = tower("");
    let with = |height, build_height| {
        work_out(&text, Ask { height: Height::from_mm(height), build_height, ..ask(&text) })
    };
    assert!(with(0.4, Some(200.0)).unwrap().head.contains("G1 Z5.4 F600\n"));
    assert!(
        with(0.1, Some(200.0)).unwrap().head.contains("G1 Z5.4 F600\n"),
        "above the part, not the nozzle"
    );
    assert!(with(12.0, Some(200.0)).unwrap().head.contains("G1 Z17 F600\n"));
    assert!(with(198.0, Some(200.0)).unwrap().head.contains("G1 Z200 F600\n"));
    assert_eq!(with(199.5, Some(200.0)), Err(CannotResume::NoRoom { top: 199.5, ceiling: 200.0 }));
    assert_eq!(with(29.5, None), Err(CannotResume::NoRoom { top: 29.5, ceiling: 30.0 }));
}

#[test]
fn a_place_for_priming_over_the_part_is_not_used() {
    let text = tower("");
    let with = |park| work_out(&text, Ask { park, ..ask(&text) }).unwrap().head;
    assert!(with(Some((5.0, 110.0))).contains("G1 X5 Y110 F6000\nG92 E0\nG1 E15"));
    for park in [None, Some((110.0, 110.0)), Some((96.0, 124.0))] {
        assert!(with(park).contains("G28 X Y\nG92 E0\nG1 E15"), "{park:?}");
    }
}

#[test]
fn where_the_rest_does_not_say_its_height_first_the_head_is_brought_down_to_it() {
    // Without marks, a layer begins with its first filament, behind the move to its height.
    let bare = tower("").replace(";LAYER_CHANGE\n", "");
    assert_eq!(analyse(&bare).layers.len(), 3);
    let second = bare.match_indices("G1 X120").nth(1).unwrap().0;
    let asked = Ask { confirmed: commands_of(&bare[..second]) + 2, ..ask(&tower("")) };
    let resume = work_out(&bare, asked).unwrap();
    assert_eq!(resume.offset, second as u64);
    assert!(resume.head.contains("G1 X100 Y100 F6000\nG1 Z0.4 F600\nG1 E2 F1800\n"), "{}", resume.head);
    // A hop that is relative all the way says no height either.
    let hops = tower("").replace("G1 Z0.4 F9000\n", "G91\nG1 Z.2\nG90\nM83\n");
    assert!(made(&hops).head.contains("G1 Z0.2 F600\n"));
    // Once the new layer has begun, that would be into it.
    let begun = Ask { confirmed: ask(&hops).confirmed + 3, ..ask(&hops) };
    let told = work_out(&hops, begun);
    assert_eq!(told, Err(CannotResume::Below { layer: 2, z: 0.2, top: 0.4 }));
}

#[test]
fn a_resume_file_passes_its_preflight_and_can_itself_be_gone_on_with() {
    let text = tower("M106 S200\n");
    let resume = made(&text);
    let new = format!("{}{}", resume.head, &text[usize::try_from(resume.offset).unwrap()..]);
    let analysis = analyse(&new);
    let mut surveyor = Surveyor::new();
    surveyor.feed(new.as_bytes()).unwrap();
    surveyor.finish().unwrap();
    let printer = || PrinterLimits { volume: [Some((0.0, 200.0)); 3], ..PrinterLimits::default() };
    let question = |resumes| Question { printer: printer(), resumes, ..Question::default() };
    assert_eq!(judge(&analysis, &question(true)), []);
    let ordinary = judge(&analysis, &question(false));
    assert_eq!(ordinary[0].code, "home.missing", "on an empty bed it is no file to print");
    for (from, to, code) in [
        ("G28 X Y", "G28", "home.onto_part"),
        ("G28 X Y", "G28 X Z", "home.onto_part"),
        ("G28 X Y\n", "G28 X\n", "home.missing"),
        ("G92 Z0.4\n", "", "home.missing"),
        ("M109 S210\n", "", "heat.not_waited"),
    ] {
        let changed = judge(&analyse(&new.replacen(from, to, 1)), &question(true));
        assert!(changed.iter().any(|finding| finding.code == code), "{from:?} to {to:?}: {changed:?}");
    }

    // Its layers are counted anew: its second is the third of the first file.
    assert_eq!(analysis.layers.len(), 2);
    let confirmed = commands_of(&new) - 6;
    let again = Ask { layer: 2, confirmed, height: Height::from_mm(0.6), ..ask(&text) };
    let head = work_out(&new, again).unwrap().head;
    assert!(head.contains("G92 Z0.6\n") && head.contains("M106 S200\n"), "{head}");
}

#[test]
fn how_filament_counts_is_what_the_firmware_makes_of_it_where_the_lines_leave_that_open() {
    let text = tower("M83\nG91\nG90\n");
    let with = |counting| work_out(&text, Ask { counting, ..ask(&text) });
    for open in [None, Some(Counting::Either)] {
        let told = with(open).expect_err("it may be either").to_string();
        assert!(told.contains("how filament counts"), "{told}");
    }
    assert!(with(Some(Counting::Latest)).unwrap().head.contains("\nG90\nM82\nG92 E"));
    assert!(with(Some(Counting::Apart)).unwrap().head.contains("\nG90\nM83\nG92 E"));
}

#[test]
fn the_height_of_a_layer_is_told_in_thousandths() {
    // As many lifts of 0.2 make 2.8000000000000003.
    let start = "G21\nG90\nM83\nM104 S210\nG28\nG1 X100 Y100 Z0 F3000\nM109 S210\n";
    let each = ";LAYER_CHANGE\nG91\nG1 Z.2\nG90\nM83\nG1 X120 E.6 F1800\nG1 X100 E.6\n";
    let text = format!("{start}{}", each.repeat(15));
    assert_ne!(analyse(&text).layers[13].z, Some(2.8));
    let (height, build_height) = (Height::from_mm(2.8), Some(200.0));
    let asked = Ask { layer: 14, confirmed: 7 + 6 * 13, height, build_height, ..ask(&tower("")) };
    assert_eq!(work_out(&text, asked).unwrap().z, Some(2.8));
}

#[test]
fn a_height_that_was_told_is_known_from_then_on() {
    let found = analyse("G90\nG92 Z4\nG1 Z9\nG28 X Y\nG1 X5 Y5\n");
    assert_eq!((found.moved_untold, found.homed_z, found.shifted), (None, None, None));
    assert_eq!(found.moves.high[2], Some(At { value: 9.0, line: 3 }));
    assert_eq!(found.moved_unhomed, Some(3), "and still it was not homed");
    assert_eq!(analyse("G90\nG28\nG92 Z4\n").shifted, Some(3));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        lines in "([GMT][0-9]{1,3} ?[A-Z]?[-0-9.]{0,8} ?[XYZE]?-?[0-9.]{0,4}\n|;LAYER_CHANGE\n){0,40}",
        layer in 0u32..4,
        confirmed in 0u64..60,
        ahead in 0u64..9,
    ) {
        let text = format!("{}{lines}{}", START, tower(""));
        let ask = Ask { layer, confirmed, ahead, height: None, ..ask(&tower("")) };
        if let Ok(resume) = work_out(&text, ask) {
            let homes: Vec<&str> = resume.head.lines().filter(|line| line.starts_with("G28")).collect();
            prop_assert_eq!(homes, ["G28 X Y"]);
        }
    }
}
