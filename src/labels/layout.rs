//! Where the squares and the lines of a label stand, in millimetres from its upper left corner.
//!
//! ```text
//! ┌──────────────────────────────┐
//! │ ▓▓▓▓▓▓  7K3D 9WQ2 M4XN C     │  token, in groups, the check character last
//! │ ▓    ▓  PART 2  REV 3  LEFT  │
//! │ ▓ code  ATTEMPT 1  MADE 2026 │
//! │ ▓    ▓  LOT 4Z0C 91KV …      │
//! │ ▓▓▓▓▓▓  NON-STERILE MIRRORED │
//! └──────────────────────────────┘
//! ```
//! All of its text is in one typewriter face, of which every character is as wide as every other, so that how long a
//! line is does not depend on who draws it. Lines that are too long become two, and what is too high is made lower.

use super::code::{Scanned, encode};
use super::{Label, LabelError, Labelled, LotLabel, Made, Mark, Open, PrinterLabel, Stock};

/// Of the size of the type: how wide each character is. So it is in Courier and in what stands in for it.
pub(super) const ADVANCE: f32 = 0.6;
/// Free squares that a reader needs around the code.
const QUIET: f32 = 4.0;
/// No ink is nearer to the edge: printers for labels miss by about a millimetre.
const MARGIN: f32 = 2.0;
/// The height that the measures below are of; a larger label has larger ones.
const NORM: f32 = 29.0;
/// The largest side of a square of the code: a code of many squares has smaller ones.
const MODULE: f32 = 0.7;
/// So many characters of a text that somebody typed are on one line, and can still be read there.
const WIDEST: usize = 30;
/// The same of a printer's name, which is read from afar.
const NAME: usize = 16;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// What it is called.
    Name,
    Fact,
    /// What has to be known.
    Mark,
}

impl Type {
    /// The largest type, and from its line to the next.
    fn sizes(self) -> (f32, f32) {
        match self {
            Self::Name => (3.6, 4.9),
            Self::Fact => (2.7, 3.8),
            Self::Mark => (3.0, 4.0),
        }
    }
}

/// What a label says, before anybody knows how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    pub code: Scanned,
    pub lines: Vec<(Type, String)>,
}

/// A black rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub x: f32,
    /// Where its letters stand.
    pub y: f32,
    /// Of the type.
    pub size: f32,
    pub bold: bool,
    /// Capitals, digits, blanks and hyphens; the words of a lot, and the name of a printer, as they were typed.
    pub text: String,
}

impl Line {
    pub fn width(&self) -> f32 {
        self.text.chars().map(|_| self.size * ADVANCE).sum()
    }
}

/// A label as squares and lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub width: f32,
    pub height: f32,
    pub squares: Vec<Square>,
    pub lines: Vec<Line>,
}

pub(super) fn draw(face: &Face, stock: Stock) -> Result<Drawing, LabelError> {
    let (width, height) = stock.millimetres();
    let scale = height / NORM;
    let code = encode(&face.code)?;
    let module = (MODULE * scale).min(height / (code.size() as f32 + 2.0 * QUIET));
    // The quiet zone of the left side is wider than the margin.
    let (left, side) = (QUIET * module, code.size() as f32 * module);
    let top = (height - side) / 2.0;
    let mut squares = Vec::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                squares.push(Square {
                    x: left + from as f32 * module,
                    y: top + y as f32 * module,
                    width: (x - from) as f32 * module,
                    height: module,
                });
            }
            x += 1;
        }
    }
    let beside = left + side + QUIET * module;
    let lines = lines(&face.lines, scale, beside, width - MARGIN - beside, height);
    Ok(Drawing { width, height, squares, lines })
}

/// The lines, one under the other and in the middle of the height.
fn lines(texts: &[(Type, String)], scale: f32, x: f32, room: f32, height: f32) -> Vec<Line> {
    let wanted: f32 = texts.iter().map(|(of, _)| of.sizes().1 * scale).sum();
    let scale = scale * ((height - 2.0 * MARGIN) / wanted).min(1.0);
    let whole: f32 = texts.iter().map(|(of, _)| of.sizes().1 * scale).sum();
    let mut y = (height - whole) / 2.0;
    let mut lines = Vec::new();
    for (of, text) in texts {
        let (largest, step) = of.sizes();
        let fits = room / (text.chars().map(|_| ADVANCE).sum::<f32>());
        let size = (largest * scale).min(fits);
        // Letters stand so that there is as much above them as below: capitals are six tenths of the type high.
        let middle = y + step * scale / 2.0;
        lines.push(Line { x, y: middle + 0.3 * size, size, bold: *of != Type::Fact, text: text.clone() });
        y += step * scale;
    }
    lines
}

/// A text as lines of so many characters at most: broken behind a blank or a hyphen where one is not far, else anywhere.
fn broken(text: &str, most: usize) -> Vec<String> {
    let mut left: Vec<char> = text.chars().collect();
    let mut lines = Vec::new();
    while left.len() > most {
        let near = (most * 2 / 3..most).rev().find(|at| matches!(left[*at], ' ' | '-'));
        let rest = left.split_off(near.map_or(most, |at| at + 1));
        lines.push(left.iter().collect::<String>().trim_end().to_owned());
        left = rest;
    }
    lines.push(left.iter().collect());
    lines
}

pub(super) fn part(label: &Label) -> Face {
    let mut lines = vec![(Type::Name, groups(label.token.as_str()))];
    lines.extend(facts(label).into_iter().map(|text| (Type::Fact, text)));
    lines.extend(marks(label).into_iter().map(|text| (Type::Mark, text)));
    Face { code: label.scanned(), lines }
}

pub(super) fn lot(label: &LotLabel) -> Face {
    let mut lines = vec![(Type::Fact, "LOT".to_owned()), (Type::Name, groups(label.lot.as_str()))];
    lines.extend(broken(label.material.as_str(), WIDEST).into_iter().map(|text| (Type::Mark, text)));
    let maker = format!("MAKER'S {}", label.supplier_lot.as_str());
    lines.extend(broken(&maker, WIDEST).into_iter().map(|text| (Type::Fact, text)));
    lines.push((Type::Fact, format!("USE BY {}", label.expires)));
    match label.open {
        Some(Open { on, until: Some(until) }) => lines.push((Type::Fact, format!("OPEN {on} TO {until}"))),
        Some(Open { on, until: None }) => lines.push((Type::Fact, format!("OPENED {on}"))),
        None => {}
    }
    Face { code: label.scanned(), lines }
}

pub(super) fn printer(label: &PrinterLabel) -> Face {
    let mut lines = vec![(Type::Fact, "PRINTER".to_owned())];
    lines.extend(broken(label.name.as_str(), NAME).into_iter().map(|text| (Type::Name, text)));
    Face { code: label.scanned(), lines }
}

/// `7K3D 9WQ2 M4XN C`: four at a time, which people can hold, and a token's check character by itself.
fn groups(id: &str) -> String {
    let mut text = String::new();
    for (n, c) in id.to_ascii_uppercase().chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

fn facts(label: &Label) -> Vec<String> {
    let mut part = format!("PART {}", label.part);
    if let Some(revision) = label.revision {
        part.push_str(&format!("  REV {revision}"));
    }
    if let Some(side) = label.side {
        part.push_str(&format!("  {}", side.words()));
    }
    let mut attempt = format!("ATTEMPT {}", label.attempt);
    match label.made {
        Some(Made::Year(year)) => attempt.push_str(&format!("  MADE {year}")),
        Some(Made::Day { year, month, day }) => {
            attempt.push_str(&format!("  MADE {year}-{month:02}-{day:02}"));
        }
        None => {}
    }
    let lot = label.lot.as_ref().map(|lot| format!("LOT {}", groups(lot.as_str())));
    [part, attempt].into_iter().chain(lot).collect()
}

/// Two on a line.
fn marks(label: &Label) -> Vec<String> {
    let words: Vec<&str> = label.marks.iter().map(|mark: &Mark| mark.words()).collect();
    words.chunks(2).map(|pair| pair.join("  ")).collect()
}
