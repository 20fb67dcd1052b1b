//! The analysis of real files, held against the simulator's planner, which shares no code with it.

use crate::honest::{self, demo};
use hw_sim::planner::{Limits, Planner};
use platen::domain::printer::Firmware;
use platen::gcode::preflight::{PrinterLimits, Question, judge};
use platen::gcode::pushed::Pushing;

/// How long the simulator's planner takes, fed as fast as it has room. Reads what these slicers write; `G90` and
/// `G91` are for filament too, as in Marlin 2.
fn simulated(text: &str) -> f64 {
    let mut planner = Planner::new(Limits::default(), 16);
    let (mut now_us, mut place, mut feed, mut relative) = (0, [0.0; 4], 25.0, [false; 4]);
    for line in text.lines() {
        let mut words = line.split(';').next().unwrap().split_whitespace();
        match words.next() {
            Some("G90") => relative = [false; 4],
            Some("G91") => relative = [true; 4],
            Some("M82") => relative[3] = false,
            Some("M83") => relative[3] = true,
            Some("G92") => {
                assert!(line.starts_with("G92 E0"));
                place[3] = 0.0;
            }
            Some("G0" | "G1") => {
                let from: [f64; 4] = place;
                for word in words {
                    let (letter, value) = word.split_at(1);
                    let value: f64 = value.parse().unwrap();
                    if letter == "F" {
                        feed = value / 60.0;
                        continue;
                    }
                    let axis = "XYZE".find(letter).unwrap();
                    place[axis] = if relative[axis] { place[axis] + value } else { value };
                }
                while planner.free() == 0 {
                    now_us = planner.poll_timeout().unwrap();
                    planner.advance(now_us);
                }
                planner.push(now_us, from, place, 0.0, feed);
            }
            _ => {}
        }
    }
    while let Some(next_us) = planner.poll_timeout() {
        now_us = next_us;
        planner.advance(now_us);
    }
    now_us as f64 / 1e6
}

fn assert_time(name: &str, text: &str, ours: f64) {
    let theirs = simulated(text);
    println!("{name}: analysis {ours:.1} s, planner {theirs:.1} s, {:+.2} %", (ours / theirs - 1.0) * 100.0);
    assert!((ours / theirs - 1.0).abs() < 0.05, "{name}: {ours} s, planner {theirs} s");
}

#[test]
fn the_time_of_real_files_is_within_a_twentieth_of_what_the_simulators_planner_takes() {
    for name in ["heart", "vertebra", "guide"] {
        let text = demo(name);
        assert_time(name, &text, honest::analyse(&text, &PrinterLimits::default()).seconds);
    }
    for (name, text) in honest::files() {
        let found = honest::analyse(&text, &honest::printer(&name, Firmware::Marlin21));
        assert_time(&name, &text, found.seconds);
    }
}

#[test]
fn real_files_are_honest() {
    for name in ["heart", "vertebra", "guide"] {
        let text = demo(name);
        let found = honest::analyse(&text, &PrinterLimits::default());
        let printer = honest::demo_printer();
        let question =
            Question { printer, material: Some("PLA"), model: None, whole: Some(true), resumes: false };
        assert_eq!(judge(&found, &question), [], "{name}");
        let claimed: f64 = found.metadata.claimed_filament_mm.iter().sum();
        let moved = found.filament[0];
        assert!((moved / claimed - 1.0).abs() < 0.05, "{name}: {moved} mm, claimed {claimed} mm");
        assert_eq!(found.layers.len(), text.matches(";LAYER_CHANGE").count());
        for layer in &found.layers {
            let at = usize::try_from(layer.offset).unwrap();
            assert!(text[at..].starts_with(";LAYER_CHANGE"), "{name}: {layer:?}");
        }
    }
}

#[test]
fn what_real_files_push_is_what_their_slicers_say_that_they_use() {
    let whole = |name: &str, text: &str, printer: &PrinterLimits| {
        let mut pushing = Pushing::new(printer.options(), vec![0, u64::MAX]);
        text.as_bytes().chunks(70_001).for_each(|chunk| pushing.feed(chunk).unwrap());
        let pushed = pushing.finish().unwrap();
        let claimed: f64 = pushed.metadata.claimed_filament_mm.iter().sum();
        let (nothing, all) = (pushed.until[0][0], pushed.until[1][0]);
        println!("{name}: pushes {all:.0} mm, claimed {claimed:.0} mm");
        assert!(nothing == 0.0 && all > 50.0, "{name}: {nothing} mm, {all} mm");
        // CuraEngine by itself says 0.
        assert!(
            claimed == 0.0 || (all / claimed - 1.0).abs() < 0.05,
            "{name}: {all} mm, claimed {claimed} mm"
        );
    };
    for name in ["heart", "vertebra", "guide"] {
        whole(name, &demo(name), &PrinterLimits::default());
    }
    for (name, text) in honest::files() {
        whole(&name, &text, &honest::printer(&name, Firmware::Marlin21));
    }
}
