//! A label as SVG, as wide and high as the stock when it is printed at its own size.

use std::fmt::Write;

use super::layout::Drawing;

pub(super) fn write(drawing: &Drawing) -> String {
    let Drawing { width, height, squares, lines } = drawing;
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}"><rect width="{width}" height="{height}" fill="#fff"/><path fill="#000" shape-rendering="crispEdges" d=""##
    );
    // Writing to a String cannot fail.
    for square in squares {
        let (x, y, w, h) = (square.x, square.y, square.width, square.height);
        let _ = write!(out, "M{x:.4} {y:.4}h{w:.4}v{h:.4}h-{w:.4}z");
    }
    out.push_str(r##""/><g fill="#000" font-family="Courier,'Courier New','Liberation Mono',monospace">"##);
    for line in lines {
        let weight = if line.bold { r#" font-weight="bold""# } else { "" };
        let (x, y, size, length, text) = (line.x, line.y, line.size, line.width(), escaped(&line.text));
        // The length is said as well: whichever face there is, the line stays inside.
        let _ = write!(
            out,
            r#"<text x="{x:.4}" y="{y:.4}" font-size="{size:.4}" textLength="{length:.4}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"{weight}>{text}</text>"#
        );
    }
    out.push_str("</g></svg>\n");
    out
}

/// As text between two marks.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
