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
    let marks = proptest::sample::subsequence(Mark::ALL.to_vec(), 0..=Mark::ALL.len());
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
    let good = label().scanned().code();
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

/// Everything is where it may be, and no type is smaller than that.
#[track_caller]
fn stays_inside(drawing: &Drawing, smallest: f32) {
    let Drawing { width, height, squares, lines } = drawing;
    let module = squares[0].height;
    let code = squares.iter().fold([*width, *height, 0.0, 0.0f32], |[l, t, r, b], s| {
        [l.min(s.x), t.min(s.y), r.max(s.x + s.width), b.max(s.y + s.height)]
    });
    let quiet = 4.0 * module - 0.01;
    assert!(code[0] >= quiet && code[1] >= quiet && code[3] <= height - quiet, "{code:?}");
    let mut below = 1.0;
    for line in lines {
        let [left, top, right, bottom] = ink(line);
        assert!(left >= code[2] + quiet, "{line:?} is in the free zone of the code");
        assert!(right <= width - 1.9 && bottom <= height - 1.0, "{line:?} leaves the label");
        assert!(top >= below, "{line:?} is over the line above it");
        assert!(line.size >= smallest, "{line:?} is too small to be read");
        below = bottom;
    }
}

/// What the faces of a PDF have without a font of our own.
fn latin_only(face: &Face) -> bool {
    face.lines.iter().all(|(_, text)| text.chars().all(|c| matches!(c, ' '..='~' | '\u{a1}'..='\u{ff}')))
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn lot_label() -> LotLabel {
    LotLabel {
        lot: LotId::from_entropy([5; 16]),
        material: Said::new("Größe M <clear> & \"soft\" (resin)"),
        supplier_lot: Said::new("L-2231"),
        expires: day("2027-11-29"),
        open: Some(Open { on: day("2026-11-29"), until: Some(day("2026-12-29")) }),
    }
}

fn printer_label(name: &str) -> PrinterLabel {
    PrinterLabel { name: name.parse().unwrap() }
}

/// What a scanner reads from the label's files, in both sizes.
fn read_back(label: &impl Labelled) -> Vec<String> {
    let of = |stock: Stock| {
        let (_, height) = stock.millimetres();
        let svg = scan(&print(stock, &svg_squares(&label.svg(stock).unwrap())));
        let pdf = scan(&print(stock, &pdf_squares(&label.pdf(stock).unwrap(), height)));
        [svg, pdf]
    };
    Stock::ALL.into_iter().flat_map(of).collect()
}

#[test]
fn what_a_scanner_reads_from_the_labels_is_taken_where_it_is_wanted_and_nowhere_else() {
    let longest = "p".repeat(64);
    for code in read_back(&lot_label()) {
        assert_eq!(Scanned::lot(&code), Ok(lot_label().lot));
        assert!(Scanned::printer(&code).is_err() && Scanned::part(&code).is_err());
    }
    for name in ["mk3-07", &longest] {
        for code in read_back(&printer_label(name)) {
            // As a scanner types it, with what it types behind it.
            assert_eq!(Scanned::printer(&format!("{code}\r\n")), Ok(name.parse().unwrap()));
            assert!(Scanned::lot(&code).is_err() && Scanned::part(&code).is_err());
        }
    }
    for code in read_back(&label()) {
        assert_eq!(Scanned::part(&code).map(Scanned::Part), Ok(label().scanned()));
        assert!(Scanned::lot(&code).is_err() && Scanned::printer(&code).is_err());
    }
}

#[test]
fn what_stands_beside_the_code_may_be_typed_in_its_place() {
    let lot = lot_label().lot;
    let face = lot_label().face();
    let grouped = &face.lines[1].1;
    assert_eq!(grouped.len(), 19);
    assert_eq!((Scanned::lot(grouped), Scanned::lot(lot.as_str())), (Ok(lot.clone()), Ok(lot)));
    assert_eq!(Scanned::printer(" MK3-07 "), Ok("mk3-07".parse().unwrap()));
    let Scanned::Part(serial) = label().scanned() else { panic!("it is a part's") };
    assert_eq!(Scanned::part(&serial.to_string()), Ok(serial));
}

#[test]
fn what_is_not_wanted_is_refused_with_what_it_is_what_is_wanted_and_what_to_do() {
    let (lot, printer) = (lot_label().scanned(), printer_label("mk3-07").scanned());
    let Scanned::Part(serial) = label().scanned() else { panic!("it is a part's") };
    let printers = "and a printer's is wanted; scan the label on the printer, or type its name";
    let lots = "and a lot's is wanted; scan the label on the container, or type the id that stands on it";
    let id = &lot_label().lot;
    let swapped = printer.code().replace("MK3", "MK8");
    for (told, wanted) in [
        (Scanned::printer(&lot.code()).unwrap_err(), format!("this is the label of lot {id}, {printers}")),
        (
            Scanned::printer(&serial.to_string()).unwrap_err(),
            format!("this is the label of printed part {serial}, {printers}"),
        ),
        (Scanned::lot(&printer.code()).unwrap_err(), format!("this is the label of printer mk3-07, {lots}")),
        (
            Scanned::lot(&label().scanned().code()).unwrap_err(),
            format!("this is the label of printed part {serial}, {lots}"),
        ),
        (
            Scanned::printer(&swapped).unwrap_err(),
            format!("this label cannot be read right (a character of it is wrong, or missing), {printers}"),
        ),
        (
            Scanned::lot(&lot.code()[..28]).unwrap_err(),
            format!("this label cannot be read right (a character of it is wrong, or missing), {lots}"),
        ),
        (
            Scanned::lot("Meier, Johanna 4471129").unwrap_err(),
            format!("this code is not of a label of platen's, {lots}"),
        ),
        (
            Scanned::lot(&lot.code().replace(':', "Ö")).unwrap_err(),
            "the scanner types ö where a label has a colon, since it is set to another country's keyboard, and a lot's \
             is wanted; set the scanner to the keyboard of this computer, then scan it again"
                .to_owned(),
        ),
    ] {
        assert_eq!(told.to_string(), wanted);
    }
    let part = Scanned::part(&lot.code()).unwrap_err().to_string();
    assert!(part.ends_with("and a printed part's is wanted; scan the label on the part, or type its serial (CASE-PART-ATTEMPT)"), "{part}");
}

#[test]
fn a_keyboard_that_swaps_y_and_z_is_noticed_or_names_what_nobody_has() {
    let swap = |code: &str| {
        let swapped = |c: char| match c {
            'Y' => 'Z',
            'Z' => 'Y',
            c => c,
        };
        code.chars().map(swapped).collect::<String>()
    };
    let lots = (0..=255).map(|n| Scanned::Lot(LotId::from_entropy([n; 16])));
    let printers = ["zortrax", "x-y", "my-prusa"].map(|name| printer_label(name).scanned());
    let (mut noticed, mut other) = (0, 0);
    for scanned in lots.chain(printers) {
        let code = swap(&scanned.code());
        if code != scanned.code() {
            match code.parse::<Scanned>() {
                Err(error) => {
                    assert_eq!(error, ScanError::Check, "{code}");
                    noticed += 1;
                }
                // Several wrong characters may make up for one another.
                Ok(read) => {
                    assert_ne!(read, scanned);
                    other += 1;
                }
            }
        }
    }
    assert!(noticed > 50 && other * 10 < noticed, "{noticed} were noticed, {other} not");
}

#[test]
fn every_fact_of_a_lot_stands_on_its_label_in_both_files() {
    let (svg, pdf) = (lot_label().svg(Stock::Small).unwrap(), lot_label().pdf(Stock::Small).unwrap());
    let id = lot_label().lot.as_str().to_uppercase();
    let id = format!("{} {} {} {}", &id[..4], &id[4..8], &id[8..12], &id[12..]);
    for text in ["LOT", &id, "MAKER'S L-2231", "USE BY 2027-11-29", "OPEN 2026-11-29 TO 2026-12-29"] {
        assert!(svg.contains(&format!(">{text}</text>")), "{text} in {svg}");
        assert!(String::from_utf8_lossy(&pdf).contains(&format!("({text}) Tj")), "{text}");
    }
    // What somebody typed is text in both, whatever signs are in it.
    assert!(svg.contains(">Größe M &lt;clear&gt; &amp; \"soft\"</text>"), "{svg}");
    assert!(svg.contains(">(resin)</text>"), "{svg}");
    let latin: String =
        b"Gr\xf6\xdfe M <clear> & \"soft\"".iter().map(|byte| format!("{byte:02X}")).collect();
    let pdf = String::from_utf8_lossy(&pdf).into_owned();
    assert!(pdf.to_uppercase().contains(&format!("<{latin}> TJ")), "{pdf}");
    assert!(pdf.contains("/WinAnsiEncoding"), "{pdf}");
    let open = |open| LotLabel { open, ..lot_label() }.face().lines.last().unwrap().1.clone();
    assert_eq!(open(Some(Open { on: day("2026-11-29"), until: None })), "OPENED 2026-11-29");
    assert_eq!(open(None), "USE BY 2027-11-29");
}

#[test]
fn words_that_look_as_if_they_said_who_a_patient_is_stand_on_no_label() {
    let held = |text: &str| Said::new(text).as_str() == HELD_BACK;
    assert!(held("for MRN 4711081") && held("Mrs. Smith") && held("jane.q@example.org"));
    assert_eq!(Said::new("clear resin").as_str(), "clear resin");
    assert_eq!(Said::new("u\u{308}ber \u{5149}\u{a0}\u{2019}s\u{2013}x").as_str(), "uber ? 's-x");
    let label = LotLabel { material: Said::new("MRN 4711081"), ..lot_label() };
    let svg = label.svg(Stock::Small).unwrap();
    assert!(!svg.contains("4711081") && svg.contains("words that may say"), "{svg}");
}

#[test]
fn a_maker_s_number_stays_however_long_it_is_and_nothing_that_is_more_than_a_number() {
    for number in [
        "L-2231",
        "4711081",
        "20394857",
        "1234567890123",
        "PLA260418",
        "20260418",
        "PLA20260418",
        "20260418-2",
    ] {
        assert_eq!(Said::number(number).as_str(), number);
    }
    assert_eq!(Said::new("4711081").as_str(), HELD_BACK, "where any words may stand it may be a patient's");
    for text in [
        "for 4711081",
        "L 4711081",
        "MRN4711081",
        "MRN-4711081",
        "MRN20260418",
        "geb19600512",
        "1960-05-12",
        "123-45-6789",
        "555-123-4567",
        "Mrs. Smith",
        HELD_BACK,
    ] {
        assert_eq!(Said::number(text).as_str(), HELD_BACK, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_said_stays_inside_and_over_nothing_else(label in prop_oneof![any_label(), Just(longest())]) {
        for stock in Stock::ALL {
            let drawing = label.draw(stock).unwrap();
            stays_inside(&drawing, 1.6);
            let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '-';
            prop_assert!(drawing.lines.iter().all(|line| line.text.chars().all(known)), "{drawing:?}");
        }
    }

    #[test]
    fn so_it_is_on_a_lot_s_label_whatever_its_words_are(
        material in "\\PC{1,40}", maker in "[A-Z0-9 -]{1,40}", opened: bool, days in proptest::option::of(0u16..900),
    ) {
        let on = day("2026-11-29");
        let open = opened.then(|| Open { on, until: days.map(|days| on.after(days)) });
        let (material, supplier_lot) = (Said::new(&material), Said::number(&maker));
        let label = LotLabel { material, supplier_lot, open, ..lot_label() };
        for stock in Stock::ALL {
            stays_inside(&label.draw(stock).unwrap(), 1.6);
            prop_assert!(latin_only(&label.face()), "{label:?}");
        }
    }

    #[test]
    fn so_it_is_on_a_printer_s_label_however_long_its_name_is(name in "[a-z0-9][a-z0-9-]{0,63}") {
        let label = PrinterLabel { name: name.parse().unwrap() };
        for stock in Stock::ALL {
            stays_inside(&label.draw(stock).unwrap(), 2.0);
        }
        let shown: String = label.face().lines[1..].iter().map(|(_, text)| text.as_str()).collect();
        prop_assert_eq!(shown, name, "the whole name stands on it");
    }

    #[test]
    fn a_scanned_lot_and_printer_are_what_was_printed(entropy: [u8; 16], name in "[a-z0-9][a-z0-9-]{0,63}") {
        for scanned in [Scanned::Lot(LotId::from_entropy(entropy)), Scanned::Printer(name.parse().unwrap())] {
            let code = scanned.code();
            prop_assert_eq!(code.parse(), Ok(scanned.clone()));
            // As a keyboard types it whose capitals are locked.
            prop_assert_eq!(code.to_lowercase().parse(), Ok(scanned.clone()));
            prop_assert!(code.len() <= 82 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b':' || b == b'-'));
        }
    }

    #[test]
    fn one_wrong_character_of_a_lot_s_code_is_noticed(entropy: [u8; 16], at in 12usize..29, to in "[0-9A-Z]") {
        let code = Scanned::Lot(LotId::from_entropy(entropy)).code();
        // O, I and L are read as the digits that they look like.
        let same = |c: &str| c.replace('O', "0").replace(['I', 'L'], "1");
        prop_assume!(same(&code[at..=at]) != same(&to));
        let wrong = [&code[..at], to.as_str(), &code[at + 1..]].concat();
        prop_assert_eq!(wrong.parse::<Scanned>(), Err(ScanError::Check));
    }

    #[test]
    fn a_scanned_label_is_what_was_printed(label in any_label()) {
        let text = label.scanned().code();
        prop_assert_eq!(text.parse(), Ok(label.scanned()));
        prop_assert!(text.len() <= 38, "{} fits into the code", text);
        prop_assert!(label.draw(Stock::Small).is_ok());
    }

    #[test]
    fn the_code_alone_is_no_finding_of_the_guard(entropy: [u8; 16], part in 1u16..100, attempt in 1u32..100) {
        let label = Label { token: CaseToken::from_entropy(entropy), part, attempt, ..label() };
        prop_assert_eq!(find(&label.scanned().code(), &Known::none()), vec![]);
    }
}
