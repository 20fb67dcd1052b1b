//! Labels read back: the code from what is drawn, the sizes from the files, the words from their places.

use proptest::prelude::*;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};

use super::*;
use crate::domain::ids::{IdError, LotId};
use crate::domain::privacy::{Known, find};

fn label() -> Label {
    Label {
        token: CaseToken::from_entropy([9; 16]),
        part: 2,
        attempt: 3,
        revision: Some(4),
        side: Some(Side::Left),
        lot: Some(LotId::from_entropy([5; 16])),
        made: Some(Made::Day { year: 2026, month: 11, day: 29 }),
        marks: BTreeSet::from([Mark::NonSterile, Mark::Mirrored]),
    }
}

/// The label of which every text is the longest.
fn longest() -> Label {
    Label {
        part: u16::MAX,
        attempt: u32::MAX,
        revision: Some(u16::MAX),
        side: Some(Side::Bilateral),
        made: Some(Made::Day { year: 9999, month: 12, day: 31 }),
        marks: BTreeSet::from(Mark::ALL),
        ..label()
    }
}

fn any_label() -> impl Strategy<Value = Label> {
    let side = prop_oneof![Just(Side::Left), Just(Side::Right), Just(Side::Bilateral)];
    let made = prop_oneof![
        (1u16..=9999).prop_map(Made::Year),
        (1u16..=9999, 1u8..13, 1u8..32).prop_map(|(year, month, day)| Made::Day { year, month, day })
    ];
    let marks = proptest::sample::subsequence(Mark::ALL.to_vec(), 0..=4);
    let numbers = (1u16.., 1u32.., any::<Option<u16>>(), any::<Option<[u8; 16]>>());
    let options = (proptest::option::of(side), proptest::option::of(made), marks);
    (any::<[u8; 16]>(), numbers, options).prop_map(
        |(entropy, (part, attempt, revision, lot), (side, made, marks))| Label {
            token: CaseToken::from_entropy(entropy),
            part,
            attempt,
            revision,
            side,
            lot: lot.map(LotId::from_entropy),
            made,
            marks: marks.into_iter().collect(),
        },
    )
}

/// Dots per millimetre of a common label printer: 203 to the inch.
const DOTS: f32 = 8.0;

/// What a printer would make of black rectangles, in its dots.
fn print(stock: Stock, squares: &[[f32; 4]]) -> Pixmap {
    let (width, height) = match stock {
        Stock::Small => (496, 232),
        Stock::Large => (800, 400),
    };
    let mut paper = Pixmap::new(width, height).unwrap();
    paper.fill(Color::WHITE);
    let mut path = PathBuilder::new();
    for [x, y, w, h] in squares {
        path.push_rect(tiny_skia::Rect::from_xywh(*x, *y, *w, *h).unwrap());
    }
    let scale = Transform::from_scale(DOTS, DOTS);
    paper.fill_path(&path.finish().unwrap(), &Paint::default(), FillRule::Winding, scale, None);
    paper
}

/// What a scanner reads from that.
fn scan(paper: &Pixmap) -> String {
    let (width, height) = (paper.width() as usize, paper.height() as usize);
    let grey = |x: usize, y: usize| paper.pixels()[y * width + x].red();
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let codes = picture.detect_grids();
    assert_eq!(codes.len(), 1, "one code is on the label");
    codes[0].decode().unwrap().1
}

/// The rectangles of the SVG's path.
fn svg_squares(svg: &str) -> Vec<[f32; 4]> {
    let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let steps = path.split('M').skip(1).map(|step| {
        let numbers: Vec<f32> =
            step.split([' ', 'h', 'v', 'z']).filter(|n| !n.is_empty()).map(|n| n.parse().unwrap()).collect();
        assert!(numbers.len() == 5 && numbers[2] == -numbers[4], "{step}");
        [numbers[0], numbers[1], numbers[2], numbers[3]]
    });
    steps.collect()
}

/// The rectangles of the PDF in millimetres from above.
fn pdf_squares(pdf: &[u8], height: f32) -> Vec<[f32; 4]> {
    let text = String::from_utf8_lossy(pdf);
    let mm = |points: &str| points.parse::<f32>().unwrap() * 25.4 / 72.0;
    let rects = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.strip_suffix(" re")?.split(' ').collect();
        let [x, y, w, h] = [0, 1, 2, 3].map(|n| mm(words[n]));
        Some([x, height - y - h, w, h])
    });
    rects.collect()
}

#[test]
fn the_code_of_an_svg_is_read_as_the_serial() {
    for label in [label(), longest()] {
        for stock in Stock::ALL {
            let svg = label.svg(stock).unwrap();
            let read = scan(&print(stock, &svg_squares(&svg)));
            assert_eq!(read.parse(), Ok(label.scanned()), "{read}");
            assert!(read.contains(&label.token.as_str().to_uppercase()));
        }
    }
}

#[test]
fn the_code_of_a_pdf_is_read_as_the_serial() {
    for label in [label(), longest()] {
        for stock in Stock::ALL {
            let (_, height) = stock.millimetres();
            let pdf = label.pdf(stock).unwrap();
            let read = scan(&print(stock, &pdf_squares(&pdf, height)));
            assert_eq!(read.parse(), Ok(label.scanned()), "{read}");
        }
    }
}

#[test]
fn a_smudged_code_is_still_read() {
    let mut squares = svg_squares(&label().svg(Stock::Small).unwrap());
    // A blot over the middle, two millimetres wide.
    squares.push([12.0, 13.5, 2.0, 2.0]);
    assert_eq!(scan(&print(Stock::Small, &squares)).parse(), Ok(label().scanned()));
}

#[test]
fn a_page_of_pdf_is_as_large_as_the_stock_and_holds_no_picture() {
    for (stock, mm) in [(Stock::Small, [62.0, 29.0]), (Stock::Large, [100.0, 50.0])] {
        let pdf = label().pdf(stock).unwrap();
        let text = String::from_utf8_lossy(&pdf);
        let page = text.split("/MediaBox [").nth(1).unwrap().split(']').next().unwrap();
        let page: Vec<f64> = page.split(' ').map(|number| number.parse().unwrap()).collect();
        assert_eq!(page[..2], [0.0, 0.0]);
        for (points, mm) in page[2..].iter().zip(mm) {
            assert!((points * 25.4 / 72.0 - mm).abs() < 0.001, "{points} points are not {mm} mm");
        }
        assert!(!text.contains("/Image") && !text.contains("/Author") && !text.contains("/CreationDate"));
        assert!(text.contains("/Courier-Bold"));
    }
}

#[test]
fn an_svg_says_its_size_in_millimetres() {
    let svg = label().svg(Stock::Small).unwrap();
    assert!(svg.contains(r#"width="62mm" height="29mm" viewBox="0 0 62 29""#), "{svg}");
    let svg = label().svg(Stock::Large).unwrap();
    assert!(svg.contains(r#"width="100mm" height="50mm" viewBox="0 0 100 50""#), "{svg}");
}

#[test]
fn every_fact_stands_on_the_label_in_both_files() {
    let (svg, pdf) = (label().svg(Stock::Small).unwrap(), label().pdf(Stock::Small).unwrap());
    let (pdf, token) = (String::from_utf8_lossy(&pdf).into_owned(), label().token.as_str().to_uppercase());
    let lot = LotId::from_entropy([5; 16]).as_str().to_uppercase();
    let lot = format!("LOT {} {} {} {}", &lot[..4], &lot[4..8], &lot[8..12], &lot[12..]);
    let grouped = format!("{} {} {} {}", &token[..4], &token[4..8], &token[8..12], &token[12..]);
    for text in [
        grouped.as_str(),
        "PART 2  REV 4  LEFT",
        "ATTEMPT 3  MADE 2026-11-29",
        lot.as_str(),
        "NON-STERILE  MIRRORED",
    ] {
        assert!(svg.contains(&format!(">{text}</text>")), "{text} in {svg}");
        assert!(pdf.contains(&format!("({text}) Tj")), "{text} in {pdf}");
    }
}

#[test]
fn what_is_not_said_takes_no_place() {
    let bare = Label { revision: None, side: None, lot: None, made: None, marks: BTreeSet::new(), ..label() };
    let lines = bare.draw(Stock::Small).unwrap().lines;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts[1..], ["PART 2", "ATTEMPT 3"]);
    let year = Label { made: Some(Made::Year(2026)), ..bare };
    assert_eq!(year.draw(Stock::Small).unwrap().lines[2].text, "ATTEMPT 3  MADE 2026");
}

#[test]
fn the_same_label_is_the_same_bytes() {
    assert_eq!(label().pdf(Stock::Small).unwrap(), label().pdf(Stock::Small).unwrap());
    assert_eq!(label().svg(Stock::Large).unwrap(), label().svg(Stock::Large).unwrap());
}

#[test]
fn a_code_that_is_not_ours_is_told_apart_from_one_that_was_misread() {
    for foreign in [
        "",
        "https://example.org",
        "PLATEN1",
        "PLATEN1:x",
        "PLATEN2:abc-1-1",
        "PLATEN1:abc-1-+1",
        "PLATEN1:abc-1",
        "PLATEN1:abc-01-1",
        "PLATEN1:abc-1-1-1",
        "PLATEN1:abc--1",
    ] {
        assert_eq!(foreign.parse::<Scanned>(), Err(ScanError::Foreign), "{foreign}");
    }
    let good = label().scanned().to_string();
    let at = good.find(':').unwrap() + 1;
    let other = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
    let misread = [&good[..at], other, &good[at + 1..]].concat();
    let error = misread.parse::<Scanned>().unwrap_err();
    assert!(matches!(error, ScanError::Token(IdError::Check { .. })), "{error}");
}

/// Where a line's ink may be: capitals and digits of Courier are at most so high and go so far below.
fn ink(line: &Line) -> [f32; 4] {
    [line.x, line.y - 0.65 * line.size, line.x + line.width(), line.y + 0.1 * line.size]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_said_stays_inside_and_over_nothing_else(label in prop_oneof![any_label(), Just(longest())]) {
        for stock in Stock::ALL {
            let drawing = label.draw(stock).unwrap();
            let (width, height) = stock.millimetres();
            let module = drawing.squares[0].height;
            let code = drawing.squares.iter().fold([width, height, 0.0, 0.0f32], |[l, t, r, b], s| {
                [l.min(s.x), t.min(s.y), r.max(s.x + s.width), b.max(s.y + s.height)]
            });
            let quiet = 4.0 * module - 0.01;
            prop_assert!(code[0] >= quiet && code[1] >= quiet && code[3] <= height - quiet);
            let mut below = 1.0;
            for line in &drawing.lines {
                let [left, top, right, bottom] = ink(line);
                prop_assert!(left >= code[2] + quiet, "{line:?} is in the free zone of the code");
                prop_assert!(right <= width - 1.9 && bottom <= height - 1.0, "{line:?} leaves the label");
                prop_assert!(top >= below, "{line:?} is over the line above it");
                prop_assert!(line.size >= 1.6, "{line:?} is too small to be read");
                let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '-';
                prop_assert!(line.text.chars().all(known), "{line:?}");
                below = bottom;
            }
        }
    }

    #[test]
    fn a_scanned_label_is_what_was_printed(label in any_label()) {
        let text = label.scanned().to_string();
        prop_assert_eq!(text.parse(), Ok(label.scanned()));
        prop_assert!(text.len() <= 38, "{} fits into the code", text);
        prop_assert!(label.draw(Stock::Small).is_ok());
    }

    #[test]
    fn the_code_alone_is_no_finding_of_the_guard(entropy: [u8; 16], part in 1u16..100, attempt in 1u32..100) {
        let label = Label { token: CaseToken::from_entropy(entropy), part, attempt, ..label() };
        prop_assert_eq!(find(&label.scanned().to_string(), &Known::none()), vec![]);
    }
}
