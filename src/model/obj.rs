//! OBJ: corners (`v`) and faces (`f`) by number; pictures, materials and curves of lines are passed over.
//!
//! No other file is opened: `mtllib` and its like are names of files, and a model is what its own hash says.

use std::io::BufRead;

use super::limits::{Budget, Limits, ModelError, REDUCE};
use super::lines::{Lines, coordinate, shown};
use super::mesh::{Facts, Mesh, Vertex, cross, dot};

/// Surfaces that are no triangles: passed over, they would be missing from the print.
const FREE_FORM: [&[u8]; 10] =
    [b"curv", b"curv2", b"surf", b"cstype", b"bmat", b"call", b"bsp", b"bzp", b"cdc", b"cdp"];

/// The facts, and how many objects there are.
pub fn read(source: impl BufRead, limits: &Limits, mut mesh: Mesh<'_>) -> Result<(Facts, u64), ModelError> {
    let mut lines = Lines::new(source, limits.line, "OBJ");
    let mut budget = Budget::new(limits.vertices, "too many vertices", REDUCE);
    let mut vertices: Vec<Vertex> = Vec::new();
    // A line that ends with a backslash goes on in the next one.
    let mut begun: Vec<u8> = Vec::new();
    let mut face: Vec<Vertex> = Vec::new();
    let (mut objects, mut named) = (0, true);
    while let Some(line) = lines.next()? {
        // What some editors put before everything is part of no word.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_end();
        if let Some(part) = line.strip_suffix(b"\\") {
            if begun.iter().chain(part).any(|byte| *byte == b'#') {
                let what = "a comment ends with a backslash, so that some programs read the next line as a part of it";
                return Err(lines.wrong(what.into()));
            }
            begun.extend_from_slice(part);
            begun.push(b' ');
            if begun.len() > limits.line {
                return Err(lines.wrong(format!("it is longer than {} bytes", limits.line)));
            }
            continue;
        }
        begun.extend_from_slice(line);
        let line = std::mem::take(&mut begun);
        let text = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let done: Result<(), String> = match words.next() {
            Some(b"v") => corner(words).map(|at| vertices.push(at)),
            // The second is the name of old.
            Some(b"f" | b"fo") => {
                face.clear();
                let found = words.try_for_each(|word| {
                    face.push(vertices[place(word, vertices.len())?]);
                    Ok(())
                });
                found.and_then(|()| turn(&mut face))
            }
            Some(b"o") => {
                named = true;
                Ok(())
            }
            Some(word) if FREE_FORM.contains(&word) => {
                return Err(ModelError::Curved { line: lines.number, word: shown(word).to_string() });
            }
            _ => Ok(()),
        };
        if let Err(what) = done {
            return Err(lines.wrong(what));
        }
        if let [first, rest @ ..] = &face[..] {
            objects += u64::from(std::mem::take(&mut named));
            for pair in rest.windows(2) {
                mesh.add([*first, pair[0], pair[1]], None)?;
            }
            face.clear();
        }
        budget.used = 0;
        budget.spend(vertices.len() as u64)?;
        // The memory of a line is used for the next one.
        begun = line;
        begun.clear();
    }
    if !begun.is_empty() {
        return Err(ModelError::Cut { format: "OBJ", what: "its last line is to go on" });
    }
    Ok((mesh.close(), objects))
}

/// Begins a face at a corner from which all of it is seen: it is cut into triangles from there.
fn turn(face: &mut [Vertex]) -> Result<(), String> {
    /// As many corners are tried: one of two neighbours sees all of four, and more than four are hardly ever bent.
    const TRIED: usize = 8;
    if face.len() < 3 {
        return Err("a face needs three corners".into());
    }
    for _ in 0..face.len().min(TRIED) {
        if face.len() == 3 || sees_all(face) {
            return Ok(());
        }
        face.rotate_left(1);
    }
    Err("a face bends inwards, and programs cut it into triangles in different ways; export it in triangles"
        .into())
}

/// Whether no triangle from the first corner faces the other way than the face does.
fn sees_all(face: &[Vertex]) -> bool {
    let from = face[0].map(f64::from);
    let along = |to: Vertex| -> [f64; 3] { std::array::from_fn(|axis| f64::from(to[axis]) - from[axis]) };
    let across = || face[1..].windows(2).map(|pair| cross(along(pair[0]), along(pair[1])));
    let whole = across().fold([0.0; 3], |sum, one| std::array::from_fn(|axis| sum[axis] + one[axis]));
    // Rounding of corners on one line.
    let slack = -1e-6 * dot(whole, whole);
    across().all(|one| dot(one, whole) >= slack)
}

/// `x y z`, and perhaps a weight, or a colour of three numbers.
fn corner<'w>(words: impl Iterator<Item = &'w [u8]>) -> Result<Vertex, String> {
    let (mut at, mut count) = ([0.0; 3], 0);
    for word in words {
        let number = coordinate(word)?;
        if let Some(at) = at.get_mut(count) {
            *at = number;
        }
        count += 1;
    }
    if count < 3 { Err("a corner needs three numbers".into()) } else { Ok(at) }
}

/// `7`, `7/1`, `7//3`, `7/1/3` or `-1/…`: which of the corners so far.
fn place(word: &[u8], known: usize) -> Result<usize, String> {
    let number = word.split(|byte| *byte == b'/').next().unwrap_or_default();
    let number: Option<i64> = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    let index = match number {
        None => return Err(format!("{} is no corner", shown(word))),
        Some(number @ 1..) => usize::try_from(number - 1).ok(),
        Some(number) => usize::try_from(number.unsigned_abs())
            .ok()
            .filter(|back| *back > 0)
            .and_then(|back| known.checked_sub(back)),
    };
    index
        .filter(|index| *index < known)
        .ok_or_else(|| format!("there is no corner {} among the {known} so far", shown(word)))
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::super::tests::{CUBE, facts, obj, soup};
    use super::*;

    fn told(file: &str) -> Result<(Facts, u64), ModelError> {
        read(file.as_bytes(), &LIMITS, Mesh::new(LIMITS.triangles, None))
    }

    #[test]
    fn a_face_that_bends_inwards_is_cut_so_that_nothing_sticks_out_or_is_refused() {
        // A square with a notch, as an arrow that begins at each of its corners; its surface is 4.
        let corners = "v 0 0 0\nv 4 0 0\nv 4 4 0\nv 3 1 0\n";
        for face in ["f 1 2 3 4", "f 2 3 4 1", "f 3 4 1 2", "f 4 1 2 3"] {
            let mut surface = 0.0;
            let mut sink = |[a, b, c]: [[f64; 3]; 3]| {
                let along = |to: [f64; 3]| [to[0] - a[0], to[1] - a[1], to[2] - a[2]];
                let [.., up] = cross(along(b), along(c));
                assert!(up > 0.0, "{face}: {up}");
                surface += up / 2.0;
            };
            let mesh = Mesh::new(LIMITS.triangles, Some(&mut sink));
            read(format!("{corners}{face}\n").as_bytes(), &LIMITS, mesh).unwrap();
            assert!((surface - 4.0).abs() < 1e-9, "{face}: {surface}");
        }
        // A comb, which no corner sees whole.
        let mut comb = String::new();
        for tooth in 0..12 {
            comb += &format!("v {} 5 0\nv {} 1 0\n", 2 * tooth, 2 * tooth + 1);
        }
        comb += "v 23 0 0\nv 0 0 0\nf";
        (1..=26).for_each(|corner| comb += &format!(" {corner}"));
        let error = told(&comb).unwrap_err().to_string();
        assert!(error.contains("line 27 of the OBJ: a face bends inwards"), "{error}");
        // One that is flat but for rounding is none.
        let flat = "v 0 0 0\nv 1 0 0\nv 2 0 0\nv 2 1 0\nv 1 1.0000001 0\nv 0 1 0\nf 1 2 3 4 5 6\n";
        assert!(told(flat).is_ok());
    }

    #[test]
    fn no_corner_and_no_face_is_lost_by_how_it_is_written() {
        let plain = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
        let want = told(plain).unwrap();
        assert!(want.0.edges.closed());
        // With the mark of an editor before it, and in the words of the eighties.
        for file in [format!("\u{feff}{plain}"), plain.replace("f ", "fo ")] {
            assert_eq!(told(&file), Ok(want), "{file:?}");
        }
        for patch in ["bzp 1 2 3 4", "cdc 1 2 3 4"] {
            assert!(matches!(told(&format!("{plain}{patch}\n")), Err(ModelError::Curved { .. })), "{patch}");
        }
    }

    #[test]
    fn a_comment_that_seems_to_go_on_in_the_next_line_is_refused() {
        // Some programs would take the second corner for a part of the comment.
        let error = told("v 0 0 0\n# saved in C:\\models\\\nv 1 0 0\n").unwrap_err().to_string();
        assert!(error.contains("line 2 of the OBJ: a comment ends with a backslash"), "{error}");
    }

    #[test]
    fn a_cube_is_the_same_as_triangles_as_squares_and_counted_from_the_end() {
        let want = facts(&soup(&CUBE, 3.0));
        let corners =
            "v 0 0 0\nv 3 0 0\nv 3 3 0 1.0\nv 0 3 0\nv 0 0 3\nv 3 0 3 0.5 0.5 0.5\nv 3 3 3\nv 0 3 3\n";
        let squares = "f 4 3 2 1\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n";
        let forms = squares.replace("4 3 2 1", "4/1 3/2/3 2//7 1");
        let negative =
            squares.replace("5 6 7 8", "-4 -3 -2 -1").replace("4 1 5 8", "-5/-1 -8 -4//-2 \\\n -1");
        for faces in [squares, &forms, &negative] {
            let file = format!(
                "# a cube\nmtllib /etc/passwd\no one\n{corners}vt 0 0\nvn 0 0 1\ns off\n{faces}l 1 2\n"
            );
            for file in [file.replace('\n', "\r\n"), file] {
                let (found, objects) = told(&file).unwrap();
                assert!((found.volume - 27.0).abs() < 1e-9 && found.edges.closed(), "{file}");
                assert_eq!((found.triangles, found.extents, objects), (12, want.extents, 1));
            }
        }
        let (found, _) = told(&obj(&soup(&CUBE, 3.0))).unwrap();
        assert_eq!(Facts { volume: 0.0, ..found }, Facts { volume: 0.0, ..want });
    }

    #[test]
    fn objects_are_counted_where_they_have_faces() {
        let cube = obj(&soup(&CUBE, 1.0));
        let file = format!("o empty\no one\n{cube}o two\n{cube}");
        assert_eq!(told(&cube).unwrap().1, 1);
        assert_eq!(told(&file).unwrap().1, 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (file, told_line, told_what) in [
            ("v 1 2", 1, "a corner needs three numbers"),
            ("v 1 2 nan", 1, "`nan` is no number"),
            ("v 1 2 1e30", 1, "`1e30` is no place in space"),
            ("v 0 0 0\nf 1 1", 2, "a face needs three corners"),
            ("v 0 0 0\nf 1 1 2", 2, "there is no corner `2` among the 1 so far"),
            ("v 0 0 0\nf 0 1 1", 2, "there is no corner `0`"),
            ("v 0 0 0\nf -2 1 1", 2, "there is no corner `-2`"),
            ("v 0 0 0\nf 1 1 9223372036854775807", 2, "there is no corner"),
            ("v 0 0 0\nf -9223372036854775808 1 1", 2, "there is no corner"),
            ("v 0 0 0\nf 1 a 1", 2, "`a` is no corner"),
        ] {
            match told(file).unwrap_err() {
                ModelError::Line { format: "OBJ", line, what } => {
                    assert!(line == told_line && what.contains(told_what), "{file:?}: {line} {what}");
                }
                other => panic!("{file:?}: {other}"),
            }
        }
    }

    #[test]
    fn a_curved_surface_is_refused_and_a_line_without_end_is_not_held() {
        let error = told("v 0 0 0\ncstype bezier\n").unwrap_err();
        assert!(matches!(error, ModelError::Curved { line: 2, .. }));
        assert!(error.to_string().contains("of the OBJ"), "{error}");
        assert!(matches!(told("f 1 2 \\").unwrap_err(), ModelError::Cut { .. }));
        let endless = "f 1 2 \\\n".repeat(100_000);
        assert!(matches!(told(&endless).unwrap_err(), ModelError::Line { .. }));
        let limits = Limits { vertices: 3, ..LIMITS };
        let error =
            read(&b"v 0 0 0\nv 0 0 0\nv 0 0 0\nv 0 0 0\n"[..], &limits, Mesh::new(limits.triangles, None))
                .unwrap_err()
                .to_string();
        assert!(error.contains("too many vertices: 4, and 3"), "{error}");
    }
}
