//! A label as PDF: one page as large as the stock, of lines and letters and no picture.
//!
//! The faces are of the fourteen that every reader of PDF has. There is no date and no author in it: the same label
//! is always the same bytes.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

use super::layout::Drawing;

const POINTS_PER_MM: f32 = 72.0 / 25.4;
const PLAIN: Name<'static> = Name(b"F0");
const BOLD: Name<'static> = Name(b"F1");
/// Of the characters that a label has, each is the byte of its own number.
const LATIN: Name<'static> = Name(b"WinAnsiEncoding");

pub(super) fn write(drawing: &Drawing) -> Vec<u8> {
    let [catalog, pages, page_id, plain, bold, content_id] = [1, 2, 3, 4, 5, 6].map(Ref::new);
    let points = |mm: f32| mm * POINTS_PER_MM;
    // A page of PDF is measured from below.
    let up = |y: f32| points(drawing.height - y);
    let mut content = Content::new();
    for square in &drawing.squares {
        let bottom = up(square.y + square.height);
        content.rect(points(square.x), bottom, points(square.width), points(square.height));
    }
    content.fill_nonzero();
    for line in &drawing.lines {
        content.begin_text();
        content.set_font(if line.bold { BOLD } else { PLAIN }, points(line.size));
        content.next_line(points(line.x), up(line.y));
        content.show(Str(&latin(&line.text)));
        content.end_text();
    }
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page_id]).count(1);
    let mut page = pdf.page(page_id);
    page.media_box(Rect::new(0.0, 0.0, points(drawing.width), points(drawing.height)));
    page.parent(pages).contents(content_id);
    let mut resources = page.resources();
    resources.fonts().pair(PLAIN, plain).pair(BOLD, bold);
    resources.finish();
    page.finish();
    pdf.type1_font(plain).base_font(Name(b"Courier")).encoding_predefined(LATIN);
    pdf.type1_font(bold).base_font(Name(b"Courier-Bold")).encoding_predefined(LATIN);
    pdf.stream(content_id, &content.finish());
    pdf.finish()
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}
