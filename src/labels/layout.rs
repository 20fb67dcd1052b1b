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
//! line is does not depend on who draws it.

use super::code::encode;
use super::{Label, LabelError, Made, Mark, Stock};

/// Of the size of the type: how wide each character is. So it is in Courier and in what stands in for it.
pub(super) const ADVANCE: f32 = 0.6;
/// Free squares that a reader needs around the code.
const QUIET: f32 = 4.0;
/// No ink is nearer to the edge: printers for labels miss by about a millimetre.
const MARGIN: f32 = 2.0;
/// The height that the measures below are of; a larger label has larger ones.
const NORM: f32 = 29.0;
const MODULE: f32 = 0.7;
/// The largest type, from its line to the next.
const TOKEN: (f32, f32) = (3.6, 4.9);
const FACT: (f32, f32) = (2.7, 3.8);
const MARK: (f32, f32) = (3.0, 4.0);

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
    /// Capitals, digits, blanks and hyphens.
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

pub(super) fn draw(label: &Label, stock: Stock) -> Result<Drawing, LabelError> {
    let (width, height) = stock.millimetres();
    let scale = height / NORM;
    let code = encode(&label.scanned())?;
    let module = MODULE * scale;
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
    let lines = lines(label, scale, beside, width - MARGIN - beside, height);
    Ok(Drawing { width, height, squares, lines })
}

/// The lines, one under the other and in the middle of the height.
fn lines(label: &Label, scale: f32, x: f32, room: f32, height: f32) -> Vec<Line> {
    let mut texts = vec![(groups(label.token.as_str()), TOKEN, true)];
    texts.extend(facts(label).into_iter().map(|text| (text, FACT, false)));
    texts.extend(marks(label).into_iter().map(|text| (text, MARK, true)));
    let whole: f32 = texts.iter().map(|(_, (_, step), _)| step * scale).sum();
    let mut y = (height - whole) / 2.0;
    let mut lines = Vec::new();
    for (text, (largest, step), bold) in texts {
        let fits = room / (text.chars().map(|_| ADVANCE).sum::<f32>());
        let size = (largest * scale).min(fits);
        // Letters stand so that there is as much above them as below: capitals are six tenths of the type high.
        let middle = y + step * scale / 2.0;
        lines.push(Line { x, y: middle + 0.3 * size, size, bold, text });
        y += step * scale;
    }
    lines
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
