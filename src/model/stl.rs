//! STL: triangles and nothing else, in binary or in words; no units, no objects, no names that count.
//!
//! Which of the two it is says the size of the file, not its first word: binary files often begin with `solid`.

use std::io::{BufRead, Read};

use super::limits::{Limits, ModelError};
use super::lines::{FARTHEST, Lines, coordinate, shown};
use super::mesh::{Facts, Mesh, Vertex};

/// Bytes before the triangles: 80 of anything, and their count.
pub(super) const HEAD: u64 = 84;
/// Bytes of one: normal, three corners, two of anything (colours).
pub(super) const TRIANGLE: u64 = 50;
/// Triangles that are read at a time.
const BLOCK: usize = 1024;
const FORMAT: &str = "STL";

/// How many triangles a head claims.
pub(super) fn claimed(head: &[u8]) -> Option<u64> {
    let count = head.get(80..84)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(count)))
}

/// Whether a file with this beginning and of this many bytes is binary. One that is neither, is said to be
/// binary unless its beginning is text: what was cut off is told better then.
pub(super) fn is_binary(begin: &[u8], bytes: u64) -> bool {
    if claimed(begin).is_some_and(|count| HEAD + TRIANGLE * count == bytes) {
        return true;
    }
    !begin.trim_ascii_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"solid"))
        || begin.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace())
}

/// Of a file of `bytes` bytes.
pub fn binary(source: &mut impl Read, bytes: u64, mut mesh: Mesh<'_>) -> Result<Facts, ModelError> {
    let mut head = [0; 84];
    let cut = |_| ModelError::Cut { format: FORMAT, what: "its head takes 84 bytes" };
    source.read_exact(&mut head).map_err(cut)?;
    let claimed = claimed(&head).unwrap_or_default();
    // What is no STL claims any number: that it is damaged is said first, and nothing is held for it.
    let wanted = HEAD + TRIANGLE * claimed;
    if wanted != bytes {
        return Err(ModelError::Length { claimed, wanted, bytes });
    }
    mesh.claim(claimed)?;
    let mut block = [0; BLOCK * 50];
    let mut left = claimed;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let block = &mut block[..count * 50];
        source.read_exact(block)?;
        for (place, triangle) in (claimed - left + 1..).zip(block.chunks_exact(50)) {
            let mut numbers = [0.0; 12];
            for (number, bytes) in numbers.iter_mut().zip(triangle.chunks_exact(4)) {
                *number = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            let [nx, ny, nz, corners @ ..] = numbers;
            // A normal that is no number is none: it is not needed.
            let normal = Some([nx, ny, nz]).filter(|normal| normal.iter().all(|at| at.is_finite()));
            if let Some(value) = corners.iter().find(|at| !at.is_finite() || at.abs() > FARTHEST) {
                return Err(ModelError::Coordinate { triangle: place, value: format!("{value:e}") });
            }
            let [a, b, c]: [Vertex; 3] =
                std::array::from_fn(|corner| std::array::from_fn(|axis| corners[3 * corner + axis]));
            mesh.add([a, b, c], normal)?;
        }
        left -= count as u64;
    }
    Ok(mesh.close())
}

/// Where in the text we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    Solid,
    Facet,
    Loop(usize),
    Looped,
}

/// The facts, and how many solids there are.
pub fn ascii(source: impl BufRead, limits: &Limits, mut mesh: Mesh<'_>) -> Result<(Facts, u64), ModelError> {
    let mut lines = Lines::new(source, limits.line, FORMAT);
    let (mut place, mut solids) = (Place::Outside, 0);
    let (mut normal, mut corners) = (None, [[0.0; 3]; 3]);
    while let Some(line) = lines.next()? {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(word) = words.next() else { continue };
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let step: Result<Place, String> = match place {
            // What comes after `solid` and `endsolid` is a name.
            Place::Outside if is(word, "solid") => {
                solids += 1;
                Ok(Place::Solid)
            }
            Place::Solid if is(word, "endsolid") => Ok(Place::Outside),
            Place::Solid if is(word, "facet") => {
                // Some writers leave the normal out; a wrong one is not needed either.
                normal = words.next().filter(|word| is(word, "normal")).and_then(|_| three(&mut words).ok());
                Ok(Place::Facet)
            }
            Place::Facet if is(word, "outer") => Ok(Place::Loop(0)),
            Place::Loop(corner @ 0..3) if is(word, "vertex") => three(&mut words).map(|at| {
                corners[corner] = at;
                Place::Loop(corner + 1)
            }),
            Place::Loop(3) if is(word, "endloop") => Ok(Place::Looped),
            Place::Looped if is(word, "endfacet") => {
                mesh.add(corners, normal)?;
                Ok(Place::Solid)
            }
            _ => Err(format!("{} stands where {} is expected", shown(word), expected(place))),
        };
        place = match step {
            Ok(place) => place,
            Err(what) => return Err(lines.wrong(what)),
        };
    }
    match place {
        Place::Outside => Ok((mesh.close(), solids)),
        _ => Err(ModelError::Cut { format: FORMAT, what: "there is no `endsolid`" }),
    }
}

fn three<'w>(words: &mut impl Iterator<Item = &'w [u8]>) -> Result<Vertex, String> {
    let mut at = [0.0; 3];
    for at in &mut at {
        *at = coordinate(words.next().ok_or("it needs three numbers")?)?;
    }
    Ok(at)
}

fn expected(place: Place) -> &'static str {
    match place {
        Place::Outside => "`solid`",
        Place::Solid => "`facet` or `endsolid`",
        Place::Facet => "`outer loop`",
        Place::Loop(0..3) => "`vertex`",
        Place::Loop(_) => "`endloop`",
        Place::Looped => "`endfacet`",
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::super::tests::{CUBE, ascii_stl, binary_stl, soup};
    use super::*;

    fn mesh() -> Mesh<'static> {
        Mesh::new(LIMITS.triangles, None)
    }

    fn read(file: &[u8]) -> Result<Facts, ModelError> {
        if is_binary(&file[..file.len().min(1024)], file.len() as u64) {
            binary(&mut &file[..], file.len() as u64, mesh())
        } else {
            ascii(file, &LIMITS, mesh()).map(|(facts, _)| facts)
        }
    }

    #[test]
    fn both_kinds_tell_the_same_of_the_same_cube() {
        let cube = soup(&CUBE, 12.5);
        let (one, other) = (read(&binary_stl(&cube)).unwrap(), read(ascii_stl(&cube).as_bytes()).unwrap());
        assert_eq!(one, other);
        assert!(one.edges.closed() && one.against == 0);
        assert!((one.volume - 12.5_f64.powi(3)).abs() < 1e-6);
    }

    #[test]
    fn a_binary_file_that_begins_with_solid_is_binary() {
        let mut file = binary_stl(&soup(&CUBE, 1.0));
        file[..80].fill(b' ');
        file[..26].copy_from_slice(b"solid exported by somebody");
        assert!(read(&file).unwrap().edges.closed());
        // Cut, it is still told as what it is.
        let error = read(&file[..file.len() - 60]).unwrap_err();
        assert_eq!(error, ModelError::Length { claimed: 12, wanted: 684, bytes: 624 });
    }

    #[test]
    fn a_wrong_count_a_cut_and_bytes_behind_the_end_are_told_with_both_numbers() {
        let good = binary_stl(&soup(&CUBE, 1.0));
        let mut less = good.clone();
        less[80] = 11;
        let mut more = good.clone();
        more.push(0);
        for (file, claimed, bytes) in [(&less[..], 11, 684), (&good[..615], 12, 615), (&more, 12, 685)] {
            let wanted = 84 + 50 * claimed;
            assert_eq!(read(file).unwrap_err(), ModelError::Length { claimed, wanted, bytes });
        }
        assert!(matches!(read(&good[..40]).unwrap_err(), ModelError::Cut { .. }));
    }

    #[test]
    fn a_head_that_claims_two_gigabytes_is_refused_before_anything_is_held() {
        let mut file = binary_stl(&soup(&CUBE, 1.0));
        file[80..84].copy_from_slice(&40_000_000_u32.to_le_bytes());
        let (claimed, wanted) = (40_000_000, 2_000_000_084);
        assert_eq!(read(&file).unwrap_err(), ModelError::Length { claimed, wanted, bytes: 684 });
    }

    #[test]
    fn a_coordinate_that_is_no_number_is_told_with_its_triangle() {
        for (value, told) in
            [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (-f32::INFINITY, "-inf"), (3e30, "3e30")]
        {
            let mut cube = soup(&CUBE, 1.0);
            cube[7][2][1] = value;
            let error = read(&binary_stl(&cube)).unwrap_err();
            assert_eq!(error, ModelError::Coordinate { triangle: 8, value: told.into() });
            let error = read(ascii_stl(&cube).as_bytes()).unwrap_err();
            assert!(matches!(error, ModelError::Line { line: 55, .. }), "{error}");
        }
    }

    #[test]
    fn words_in_any_case_names_of_any_kind_and_several_solids_are_read() {
        let cube = ascii_stl(&soup(&CUBE, 1.0));
        let named = cube.replace("solid t", "SOLID facet normal 1 2 3").replace("endSOLID", "EndSolid");
        for file in [cube.to_uppercase(), named, cube.replace('\n', "\r\n\r\n"), format!("\n  {cube}")] {
            assert!(read(file.as_bytes()).unwrap().edges.closed(), "{file}");
        }
        let twice = format!("{cube}{}", ascii_stl(&soup(&CUBE, 2.0)));
        let (facts, solids) = ascii(twice.as_bytes(), &LIMITS, mesh()).unwrap();
        assert_eq!((facts.triangles, solids), (24, 2));
        let bare = cube.lines().map(|line| if line.contains("facet n") { "facet" } else { line });
        assert!(read(bare.collect::<Vec<_>>().join("\n").as_bytes()).unwrap().edges.closed());
    }

    #[test]
    fn text_that_is_not_as_it_should_be_is_told_with_its_line() {
        for (file, line, told) in [
            ("solid\nvertex 1 2 3", 2, "`vertex` stands where `facet` or `endsolid` is expected"),
            ("solid\nfacet normal 0 0 1\nendfacet", 3, "where `outer loop` is expected"),
            ("solid\nfacet\nouter loop\nvertex 1 2", 4, "it needs three numbers"),
            ("solid\nfacet\nouter loop\nvertex 1,0 2 3", 4, "`1,0` is no number"),
            ("solid\nfacet\nouter loop\nvertex 1 2 3\nendloop", 5, "where `vertex` is expected"),
            ("solid\nendsolid\nmore", 3, "where `solid` is expected"),
        ] {
            match ascii(file.as_bytes(), &LIMITS, mesh()).unwrap_err() {
                ModelError::Line { line: at, what, .. } => {
                    assert!(at == line && what.contains(told), "{file:?}: {at} {what}");
                }
                other => panic!("{file:?}: {other}"),
            }
        }
    }

    #[test]
    fn text_that_ends_early_is_called_cut() {
        let cube = ascii_stl(&soup(&CUBE, 1.0));
        let whole_lines: Vec<_> = cube.lines().collect();
        for kept in 1..whole_lines.len() {
            let error = ascii(whole_lines[..kept].join("\n").as_bytes(), &LIMITS, mesh()).unwrap_err();
            assert!(matches!(error, ModelError::Cut { .. }), "{kept}: {error}");
        }
    }
}
