//! What a file says, read from small ones and held against itself in other pieces.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Analysis {
    let mut analyser = Analyser::new(Options::default());
    analyser.feed(text.as_bytes()).unwrap();
    analyser.finish().unwrap()
}

const HEAD: &str = "G21\nG90\nM83\nM104 S210\nM109 S210\nG28\n";

#[test]
fn extents_of_moves_and_of_extrusion_are_told_apart_with_their_lines() {
    let found = read(&format!("{HEAD}G1 X-5 Y0 Z.2 F6000\nG1 X10 Y20\nG1 X30 E1\nG1 Z50\n"));
    assert_eq!(found.moves.low[0], Some(At { value: -5.0, line: 7 }));
    assert_eq!(found.extrusion.low[0], Some(At { value: 10.0, line: 9 }));
    assert_eq!(found.extrusion.high[0], Some(At { value: 30.0, line: 9 }));
    assert_eq!(found.moves.high[2].unwrap().value, 50.0);
    assert_eq!(found.extrusion.high[2].unwrap().value, 0.2);
    assert!((found.filament[0] - 1.0).abs() < 1e-9);
}

#[test]
fn an_arc_reaches_as_far_as_its_outermost_point() {
    let found = read(&format!("{HEAD}G1 X10 Y0 F6000\nG3 X-10 Y0 I-10 J0 E2\n"));
    assert!((found.moves.high[1].unwrap().value - 10.0).abs() < 1e-9);
    assert!((found.extrusion.high[1].unwrap().value - 10.0).abs() < 1e-9);
    assert_eq!(found.arc, Some(8));
}

#[test]
fn layers_begin_where_the_slicer_or_else_z_says_so() {
    for (mark, offset_of) in
        [(";LAYER_CHANGE", ";LAYER_CHANGE"), (";LAYER:0", ";LAYER:"), ("; layer 1, Z = 0.2", "; layer")]
    {
        let text = format!("{HEAD}{mark}\nG1 X1 Z.2 F600\nG1 X2 E1\n{mark}\nG1 Z.4\nG1 X3 E1\n");
        let found = read(&text);
        assert_eq!(found.layers.len(), 2, "{mark}");
        assert_eq!(found.layers[0].offset, text.find(offset_of).unwrap() as u64);
        assert_eq!((found.layers[0].z, found.layers[1].z), (Some(0.2), Some(0.4)));
    }
    let plain = format!("{HEAD}G1 X1 Z.2 F600\nG1 X2 E1\nG1 Z.4\nG1 X3 E1\n");
    let found = read(&plain);
    assert_eq!(found.layers.iter().map(|layer| layer.z).collect::<Vec<_>>(), [Some(0.2), Some(0.4)]);
    assert_eq!(found.layers[1].offset, plain.find("G1 X3").unwrap() as u64);
}

#[test]
fn heat_tools_and_waits_are_followed() {
    let found = read("M140 S60\nM190 S60\nM104 T1 S200\nT1\nM109 S220\nG4 S3\nM106 S128\nM104 S0\nM140 S0\n");
    assert_eq!(found.hotends[1].hottest, Some(At { value: 220.0, line: 5 }));
    assert_eq!(found.hotends[1].last, Some(At { value: 0.0, line: 8 }));
    assert_eq!(found.bed.hottest.unwrap().value, 60.0);
    assert!(found.bed.waited && found.hotends[1].waited && !found.hotends[0].waited);
    assert_eq!((found.tool_changes, found.seconds), (1, 3.0));
    assert_eq!(found.fan.steps(), [(3.0, 128.0)]);
}

#[test]
fn a_text_that_looks_like_commands_is_none() {
    let found = read("M117 T0 M112 G1 X999\n; G1 X999\nM117 a\\;G1 X999\n");
    assert_eq!(found.moves, Extents::default());
    assert_eq!(found.codes.len(), 1);
}

/// Whatever ends a state without doubts is seen by the next move.
#[test]
fn a_doubt_that_comes_after_many_good_moves_is_noted_with_its_line() {
    let good = format!("{HEAD}G1 X1 Y1 Z1 F600\n{}", "G1 X2 Y2 E1\nG1 X3 Y3 E1\n".repeat(4));
    let line = good.lines().count() as u64 + 2;
    let after = |command: &str| read(&format!("{good}{command}\nG1 X9 Y9 E1\n{:64}", ""));
    let found = after("M400");
    assert_eq!((found.extruded_cold, found.moved_unhomed, found.extruded_unwaited), (None, None, None));
    assert_eq!((found.mode_doubtful, found.extrusion_mode_unsaid), (None, None));
    assert_eq!(after("M104 S0").extruded_cold, Some(At { value: 0.0, line }));
    assert_eq!(after("T1").extruded_cold, Some(At { value: 0.0, line }));
    assert_eq!(after("M84").moved_unhomed, Some(line));
    assert_eq!(after("G90").mode_doubtful, Some(line));
    assert_eq!(after("T1\nM104 S200").extruded_unwaited, Some(line + 1));
}

proptest! {
    #[test]
    fn however_a_file_is_cut_its_analysis_is_the_same(
        file in "(\u{feff})?((G1 [XYZEF]-?[0-9]{0,3}\\.?[0-9]{0,3}|G9[0-2]|M8[23]|;LAYER_CHANGE|[GM0-9 ;*])(\r\n|\n|\r| )){0,40}",
        cuts in proptest::collection::vec(0usize..400, 0..8),
    ) {
        let bytes = file.as_bytes();
        let whole = read(&file);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut analyser = Analyser::new(Options::default());
        for pair in cuts.windows(2) {
            analyser.feed(&bytes[pair[0]..pair[1]]).unwrap();
        }
        let cut = analyser.finish().unwrap();
        prop_assert_eq!(cut.bytes, bytes.len() as u64);
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn the_quick_way_and_the_lexers_way_read_the_same(
        moves in proptest::collection::vec("G[01] ([XYZEF]-?[0-9]{1,3}(\\.[0-9]{1,4})?( |  |; ?E4))*", 0..20),
    ) {
        let quick = moves.join("\n");
        // A line number takes the slow way.
        let slow: Vec<String> = moves.iter().map(|line| format!("N1 {line}")).collect();
        let (quick, slow) = (read(&quick), read(&slow.join("\n")));
        for axis in 0..3 {
            let close = |a: Option<At>, b: Option<At>| match (a, b) {
                (Some(a), Some(b)) => (a.value - b.value).abs() < 1e-9 && a.line == b.line,
                (a, b) => a == b,
            };
            prop_assert!(close(quick.moves.low[axis], slow.moves.low[axis]));
            prop_assert!(close(quick.extrusion.high[axis], slow.extrusion.high[axis]));
        }
        prop_assert!((quick.seconds - slow.seconds).abs() <= 1e-6 * slow.seconds.max(1.0));
    }

    #[test]
    fn what_is_laid_on_and_on_is_noted_as_what_is_looked_at_move_by_move(
        moves in proptest::collection::vec(
            "G1 X[0-9]{1,2}(\\.[0-9]{1,3})? Y[0-9]{1,2} E-?[0-3]?\\.[0-9]{1,5}|G1 X1[0-9] Y1[0-9]\\.[0-9] E\\.[0-9]{2}|G1 X1[0-9] Y1[0-9]\\.[0-9] E\\.[0-9]{2}|G1 [XYZ][0-9]{1,2}|G1 Z\\.[2-5]|G1 F[1-9]00|G1 E-?1|G92 [XYE]0|G9[01]|M8[23]|T[01]|M104 S[12]50|G28 X|;LAYER_CHANGE|;TYPE:Skirt|M204 S[1-9]00|M205 J\\.0[1-9]|M220 S[1-9]0",
            0..80,
        ),
    ) {
        // It lays from where it was homed, which is nowhere for a move.
        let text = format!("{HEAD}G1 Z.2 F600\nG1 X20 Y21 E2\n{}\n{:64}", moves.join("\n"), "");
        let mut at_once = Analyser::new(Options::default());
        at_once.feed(text.as_bytes()).unwrap();
        // A line that is not in one piece takes the long way.
        let mut one_by_one = Analyser::new(Options::default());
        text.as_bytes().chunks(1).for_each(|byte| one_by_one.feed(byte).unwrap());
        prop_assert_eq!(at_once.finish().unwrap(), one_by_one.finish().unwrap());
    }

    #[test]
    fn extrusion_reaches_as_far_as_the_ways_that_lay_something(
        moves in proptest::collection::vec("G1 [XY]-?[0-9]{1,2}( Z[0-9])?( E[0-9])?|G1 [XYZE]-?[0-9]|G92 Z[0-9]{2}|G9[012]( [XYE][0-9])?", 0..40),
    ) {
        // Not homed, so that `G92 Z` says anew where the head is.
        let head = HEAD.replace("G28\n", "");
        let text = format!("{head}G1 X0 Y0 Z0 F600\n{}\n{:64}", moves.join("\n"), "");
        let mut analyser = Analyser::tracing(Options::default());
        analyser.feed(text.as_bytes()).unwrap();
        let way = analyser.take_segments();
        let found = analyser.finish().unwrap();
        let laid: Vec<_> =
            way.iter().filter(|part| part.lays && part.from[..2] != part.to[..2]).collect();
        for axis in 0..3 {
            let places = || laid.iter().flat_map(|part| [part.from[axis], part.to[axis]]);
            let low = places().min_by(f64::total_cmp);
            let high = places().max_by(f64::total_cmp);
            prop_assert_eq!(found.extrusion.low[axis].map(|at| at.value), low);
            prop_assert_eq!(found.extrusion.high[axis].map(|at| at.value), high);
        }
    }

    #[test]
    fn no_bytes_make_the_analyser_panic(bytes: Vec<u8>, lines in "([GMT][0-9]{1,3} ?[A-Z]?[-0-9.]{0,8}\n){0,20}") {
        let mut analyser = Analyser::new(Options::default());
        analyser.feed(&bytes).unwrap();
        analyser.feed(lines.as_bytes()).unwrap();
        let _ = analyser.finish();
    }
}
