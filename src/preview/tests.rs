//! Small prints, drawn, and looked at pixel by pixel.

use super::layer::{MOVES_MAX, Picked, View};
use super::sides::Sides;
use super::*;
use crate::gcode::analysis::{Analyser, Analysis, Options, Segment};
use base64::Engine;
use tiny_skia::Pixmap;

/// Two layers: a square of 20 mm, and a line in the middle of it.
const TEXT: &str = "G21\nG90\nM83\nM109 S200\nG28\n;LAYER_CHANGE\nG1 Z.2 F600\nG1 X10 Y10 F6000\n\
    G1 X30 E1\nG1 Y30 E1\nG1 X10 E1\nG1 Y10 E1\n;LAYER_CHANGE\nG1 Z.4\nG1 X20 Y15\nG1 Y25 E1\n";

fn read(text: &str) -> (Analysis, Vec<Segment>) {
    let mut analyser = Analyser::tracing(Options::default());
    let mut segments = Vec::new();
    for chunk in text.as_bytes().chunks(7) {
        analyser.feed(chunk).unwrap();
        segments.extend(analyser.take_segments());
    }
    // The end of the file ends its last line.
    (analyser.finish().unwrap(), segments)
}

fn view(text: &str, layer: usize) -> Result<View, PreviewError> {
    let (analysis, segments) = read(text);
    let mut picked = Picked::new(layer);
    picked.take(segments);
    picked.view(&analysis)
}

fn pixels(size: u16) -> Pixels {
    Pixels::new(size).unwrap()
}

/// Whether something is drawn at a place, in parts of width and height.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parts of a picture")]
fn is_dark(png: &[u8], across: f32, down: f32) -> bool {
    let picture = Pixmap::decode_png(png).unwrap();
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let pixel = picture.pixel((across * width) as u32, (down * height) as u32).unwrap();
    pixel.red() < 0xa0
}

#[test]
fn a_layer_shows_its_own_lines_and_no_others_in_the_frame_of_the_whole_print() {
    let first = view(TEXT, 1).unwrap().png(pixels(400)).unwrap();
    let second = view(TEXT, 2).unwrap().png(pixels(400)).unwrap();
    // The square's right side is at 94 % of the frame; the line is in its middle.
    assert!(is_dark(&first, 0.972, 0.5) && !is_dark(&first, 0.5, 0.5));
    assert!(is_dark(&second, 0.5, 0.5) && !is_dark(&second, 0.972, 0.5));
    // The line goes from 15 to 25 mm of 10 to 30, and Y points upwards.
    assert!(!is_dark(&second, 0.5, 0.1) && !is_dark(&second, 0.5, 0.9));
    for picture in [first, second] {
        let picture = Pixmap::decode_png(&picture).unwrap();
        assert_eq!((picture.width(), picture.height()), (400, 400));
    }
}

#[test]
fn a_layer_as_svg_has_the_same_places_and_no_word_of_the_file() {
    let text = TEXT.replace(";LAYER_CHANGE", ";LAYER_CHANGE\n;<script>alert(1)</script> JANE DOE");
    let svg = view(&text, 1).unwrap().svg(pixels(100));
    assert!(!svg.contains("script") && !svg.contains("JANE"), "{svg}");
    assert!(svg.contains("<title>Layer 1 of 2 at 0.20 mm</title>"), "{svg}");
    // 20 mm are 94 % of the frame: a margin of 2.8 pixels.
    assert!(svg.contains("M2.8 97.2L97.2 97.2L97.2 2.8L2.8 2.8L2.8 97.2"), "{svg}");
}

#[test]
fn arcs_are_drawn_along_their_way() {
    let text = TEXT.replace("G1 X30 E1\n", "G1 X30 E1\nG3 X10 Y10 I-10 J0 E3\nG1 X30\n");
    let picture = view(&text, 1).unwrap().png(pixels(400)).unwrap();
    // From the right to the left corner, over the middle of the square.
    assert!(is_dark(&picture, 0.5, 0.5), "the top of the bow");
    assert!(!is_dark(&picture, 0.5, 0.75), "the chord's side of it");
}

#[test]
fn what_cannot_be_drawn_says_why() {
    assert_eq!(view(TEXT, 0).unwrap_err(), PreviewError::NoLayer { layer: 0, layers: 2 });
    assert_eq!(view(TEXT, 3).unwrap_err(), PreviewError::NoLayer { layer: 3, layers: 2 });
    assert_eq!(view(";LAYER_CHANGE\nG28\n", 1).unwrap_err(), PreviewError::Nothing);
    for size in ["15", "4097", "-1", "x", ""] {
        assert_eq!(size.parse::<Pixels>(), Err(PreviewError::Size), "{size}");
    }
    let (analysis, segments) = read(TEXT);
    let of_first = segments.iter().find(|segment| segment.layer == 1).unwrap();
    let mut picked = Picked::new(1);
    picked.take(vec![*of_first; MOVES_MAX]);
    picked.take(vec![*of_first; 2]);
    assert!(matches!(picked.view(&analysis), Err(PreviewError::TooMuch { layer: 1, .. })));
}

#[test]
fn a_print_is_seen_from_three_sides_and_what_is_near_hides_what_is_far() {
    let (analysis, segments) = read(TEXT);
    let mut sides = Sides::of_print(&analysis, pixels(200)).unwrap();
    segments.iter().for_each(|segment| sides.segment(segment));
    let picture = Pixmap::decode_png(&sides.png().unwrap()).unwrap();
    assert_eq!(picture.height(), 200);
    // Front and right are flat; the third is the square from above with the line in it.
    let drawn =
        |from: u32, to: u32| (from..to).any(|x| (0..200).any(|y| picture.pixel(x, y).unwrap().red() < 0xff));
    assert!(drawn(0, 200) && drawn(200, 400) && drawn(400, picture.width()));
    assert!(picture.pixel(500, 100).unwrap().red() < 0xff, "the line from above");
    assert_eq!(picture.pixel(450, 100).unwrap().red(), 0xff, "beside the line");
}

#[test]
fn a_surface_is_seen_from_three_sides() {
    let mut sides = Sides::new([0.0; 3], [10.0, 20.0, 30.0], 0.4, pixels(312)).unwrap();
    // The lid alone: a line from the front and the right, a full rectangle from above.
    sides.triangle([[0.0, 0.0, 30.0], [10.0, 0.0, 30.0], [10.0, 20.0, 30.0]]);
    sides.triangle([[0.0, 0.0, 30.0], [10.0, 20.0, 30.0], [0.0, 20.0, 30.0]]);
    let picture = Pixmap::decode_png(&sides.png().unwrap()).unwrap();
    // 10 px a mm: 112, 212 and 112 wide, 312 high.
    assert_eq!((picture.width(), picture.height()), (112 + 212 + 112, 312));
    let seen = |x, y| picture.pixel(x, y).unwrap().red() < 0xff;
    assert!(!seen(56, 156) && !seen(212, 156) && seen(380, 156));
}

#[test]
fn no_corner_makes_the_sides_panic_or_hang() {
    let mut sides = Sides::new([0.0; 3], [1.0; 3], 0.4, pixels(64)).unwrap();
    for odd in [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0] {
        sides.triangle([[odd; 3], [0.0; 3], [1.0, 0.0, odd]]);
        sides.segment(&Segment { from: [odd; 3], to: [1.0; 3], lays: true, layer: 1 });
    }
    assert!(sides.png().is_ok());
    for bad in [[f64::NAN; 3], [f64::INFINITY; 3], [0.0; 3], [1e9; 3]] {
        assert!(matches!(Sides::new([0.0; 3], bad, 0.4, pixels(64)), Err(PreviewError::Nothing)), "{bad:?}");
    }
}

#[test]
fn a_slicers_own_picture_is_given_as_it_is_and_nothing_else_is_taken_for_one() {
    let png = Pixmap::new(16, 16).unwrap().encode_png().unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&png);
    let wrapped: String = encoded
        .as_bytes()
        .chunks(78)
        .map(|line| format!("; {}\n", std::str::from_utf8(line).unwrap()))
        .collect();
    let text = format!("; thumbnail begin 16x16 {}\n{wrapped}; thumbnail end\nG28\n", encoded.len());
    assert_eq!(thumbnail::decode(text.as_bytes()).unwrap(), png);
    for bad in [
        text.replace("thumbnail begin", "something begin"),
        text.replace(&wrapped[2..20], "!!!"),
        format!("; thumbnail begin 16x16 8\n; {}\n; thumbnail end\n", "AAAAAAAA"),
        String::new(),
        "A".repeat(thumbnail::TEXT_MAX * 2),
    ] {
        assert_eq!(thumbnail::decode(bad.as_bytes()), Err(PreviewError::NoThumbnail));
    }
}
