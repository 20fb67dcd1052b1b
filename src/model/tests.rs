//! Hand-made models of every format, and a folder of bad ones with what is said of each.

#![allow(clippy::cast_possible_truncation, reason = "the files are small, and their numbers round")]

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::limits::LIMITS;
use super::mesh::{Mesh, Vertex};
use super::*;
use crate::domain::finding::refused;

/// Corners by number: bit 0 is X, bit 1 is Y, bit 2 is Z. It faces outwards.
pub(super) const CUBE: [[u8; 3]; 12] = [
    [0, 2, 3],
    [0, 3, 1],
    [4, 5, 7],
    [4, 7, 6],
    [0, 1, 5],
    [0, 5, 4],
    [2, 6, 7],
    [2, 7, 3],
    [0, 4, 6],
    [0, 6, 2],
    [1, 3, 7],
    [1, 7, 5],
];

pub(super) fn soup(cube: &[[u8; 3]], edge: f32) -> Vec<[Vertex; 3]> {
    let corner = |number: u8| [0, 1, 2].map(|axis| f32::from(number >> axis & 1) * edge);
    cube.iter().map(|triangle| triangle.map(corner)).collect()
}

/// A part of a size in which nothing is odd.
fn part() -> Vec<[Vertex; 3]> {
    let mut part = soup(&CUBE, 1.0);
    for corner in part.iter_mut().flatten() {
        *corner = [corner[0] * 80.0, corner[1] * 60.0, corner[2] * 100.0];
    }
    part
}

pub(super) fn facts(soup: &[[Vertex; 3]]) -> Facts {
    let mut mesh = Mesh::new(LIMITS.triangles, None);
    for triangle in soup {
        mesh.add(*triangle, None).unwrap();
    }
    mesh.close()
}

fn normal(triangle: &[Vertex; 3]) -> Vertex {
    let [a, b, c] = triangle.map(|corner| corner.map(f64::from));
    let along = |to: [f64; 3]| [to[0] - a[0], to[1] - a[1], to[2] - a[2]];
    mesh::cross(along(b), along(c)).map(|at| at as f32)
}

pub(super) fn binary_stl(soup: &[[Vertex; 3]]) -> Vec<u8> {
    let mut file = vec![b'x'; 80];
    file.extend(u32::try_from(soup.len()).unwrap().to_le_bytes());
    for triangle in soup {
        for number in [&[normal(triangle)], &triangle[..]].concat().into_iter().flatten() {
            file.extend(number.to_le_bytes());
        }
        file.extend([0, 0]);
    }
    file
}

pub(super) fn ascii_stl(soup: &[[Vertex; 3]]) -> String {
    let words = |[x, y, z]: Vertex| format!("{x} {y} {z}");
    let mut file = "solid t\n".to_owned();
    for triangle in soup {
        file += &format!("facet normal {}\nouter loop\n", words(normal(triangle)));
        for corner in triangle {
            file += &format!("  vertex {}\n", words(*corner));
        }
        file += "endloop\nendfacet\n";
    }
    file + "endsolid t\n"
}

pub(super) fn obj(soup: &[[Vertex; 3]]) -> String {
    let mut file = String::new();
    for triangle in soup {
        for [x, y, z] in triangle {
            file += &format!("v {x} {y} {z}\n");
        }
        file += "f -3 -2 -1\n";
    }
    file
}

/// With each corner once, as slicers write it.
pub(super) fn mesh_xml(soup: &[[Vertex; 3]]) -> String {
    let mut corners: Vec<Vertex> = Vec::new();
    let mut triangles = String::new();
    for triangle in soup {
        let [a, b, c] = triangle.map(|corner| {
            corners.iter().position(|known| *known == corner).unwrap_or_else(|| {
                corners.push(corner);
                corners.len() - 1
            })
        });
        triangles += &format!("<triangle v1=\"{a}\" v2=\"{b}\" v3=\"{c}\"/>");
    }
    let corners: String =
        corners.iter().map(|[x, y, z]| format!("<vertex x=\"{x}\" y=\"{y}\" z=\"{z}\"/>")).collect();
    format!("<mesh><vertices>{corners}</vertices><triangles>{triangles}</triangles></mesh>")
}

pub(super) fn model_xml(attributes: &str, resources: &str, build: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<model \
         xmlns=\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\"{attributes}>\
         <resources>{resources}</resources><build>{build}</build></model>"
    )
}

const RELS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"r0\" Target=\"/Metadata/thumbnail.png\" \
    Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail\"/>\
    <Relationship Id=\"r1\" Target=\"/3D/3dmodel.model\" \
    Type=\"http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel\"/></Relationships>";

pub(super) fn threemf_parts(parts: &[(&str, &str)]) -> Vec<u8> {
    zip(&[&[("[Content_Types].xml", "<Types/>"), ("_rels/.rels", RELS)], parts].concat())
}

pub(super) fn threemf(resources: &str, build: &str) -> Vec<u8> {
    threemf_parts(&[("3D/3dmodel.model", &model_xml("", resources, build))])
}

pub(super) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    files.iter().fold(Zip::default(), |zip, (name, text)| zip.file(name, text.as_bytes())).bytes()
}

/// A writer of archives, honest ones and others.
pub(super) struct Zip {
    pub(super) deflate: bool,
    /// Sizes in 64 bits, as some writers have them always.
    pub(super) wide: bool,
    /// How large each file says that it is, in place of what it is.
    pub(super) claims: Option<u32>,
    pub(super) begin: Vec<u8>,
    pub(super) table: Vec<u8>,
    pub(super) count: u16,
}

impl Default for Zip {
    fn default() -> Self {
        Self { deflate: true, wide: false, claims: None, begin: Vec::new(), table: Vec::new(), count: 0 }
    }
}

impl Zip {
    pub(super) fn file(mut self, name: &str, content: &[u8]) -> Self {
        let packed = if self.deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = self.begin.len() as u32;
        let (packed_size, size) = (packed.len() as u32, self.claims.unwrap_or(content.len() as u32));
        let mut common = vec![20, 0, 0, 0, if self.deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
        common.extend(crc.sum().to_le_bytes());
        let short = |size: u32| if self.wide { [255; 4] } else { size.to_le_bytes() };
        let name_size = (name.len() as u16).to_le_bytes();
        self.begin.extend(b"PK\x03\x04");
        self.begin.extend(&common);
        self.begin.extend([packed_size.to_le_bytes(), size.to_le_bytes()].concat());
        self.begin.extend(name_size);
        self.begin.extend([0, 0]);
        self.begin.extend(name.as_bytes());
        self.begin.extend(packed);
        self.table.extend(b"PK\x01\x02\x14\x00");
        self.table.extend(&common);
        self.table.extend([short(packed_size), short(size)].concat());
        self.table.extend(name_size);
        self.table.extend([if self.wide { 28 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.table.extend(short(at));
        self.table.extend(name.as_bytes());
        if self.wide {
            self.table.extend([1, 0, 24, 0]);
            self.table.extend([size, packed_size, at].iter().flat_map(|size| u64::from(*size).to_le_bytes()));
        }
        self.count += 1;
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut file = self.begin;
        let (begin, length) = (file.len() as u32, self.table.len() as u32);
        file.extend(self.table);
        let (mut count, mut place) =
            (self.count.to_le_bytes(), [length.to_le_bytes(), begin.to_le_bytes()].concat());
        if self.wide {
            let at = file.len() as u64;
            file.extend(b"PK\x06\x06");
            file.extend(44_u64.to_le_bytes());
            file.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let count_64 = u64::from(self.count);
            for number in [count_64, count_64, u64::from(length), u64::from(begin)] {
                file.extend(number.to_le_bytes());
            }
            file.extend(b"PK\x06\x07\x00\x00\x00\x00");
            file.extend(at.to_le_bytes());
            file.extend([1, 0, 0, 0]);
            (count, place) = ([255; 2], vec![255; 8]);
        }
        file.extend(b"PK\x05\x06\x00\x00\x00\x00");
        file.extend(count);
        file.extend(count);
        file.extend(place);
        file.extend([0, 0]);
        file
    }
}

fn look(file: &[u8], hint: Option<Hint>) -> Result<ModelReport, ModelError> {
    read(&mut Cursor::new(file), hint, None, &LIMITS)
}

fn codes(report: &ModelReport, declared: &Declared) -> Vec<&'static str> {
    judge(report, declared).iter().map(|finding| finding.code).collect()
}

fn placed(transform: &str) -> Vec<u8> {
    let object = format!("<object id=\"1\">{}</object>", mesh_xml(&part()));
    threemf(&object, &format!("<item objectid=\"1\" transform=\"{transform}\"/>"))
}

fn scaled(factor: f32) -> Vec<[Vertex; 3]> {
    let mut part = part();
    part.iter_mut().flatten().flatten().for_each(|at| *at *= factor);
    part
}

#[test]
fn every_format_tells_the_same_of_the_same_part_and_nothing_speaks_against_it() {
    let part = part();
    let object = format!("<object id=\"1\">{}</object>", mesh_xml(&part));
    for (file, format, from) in [
        (binary_stl(&part), Format::StlBinary, UnitFrom::Assumed),
        (ascii_stl(&part).into_bytes(), Format::StlAscii, UnitFrom::Assumed),
        (obj(&part).into_bytes(), Format::Obj, UnitFrom::Assumed),
        (threemf(&object, "<item objectid=\"1\"/>"), Format::ThreeMf, UnitFrom::Standard),
    ] {
        let report = look(&file, None).unwrap();
        assert_eq!((report.format, report.unit, report.unit_from), (format, Unit::Millimetre, from));
        assert_eq!((report.size, report.triangles, report.objects), ([80.0, 60.0, 100.0], 12, 1));
        assert!(report.watertight && !report.mirrored && (report.volume_mm3 - 480_000.0).abs() < 1e-3);
        assert_eq!(report.bytes, file.len() as u64);
        let hash: [u8; 32] = Sha256::digest(&file).into();
        assert_eq!(report.hash, FileHash::from_digest(hash));
        assert_eq!(codes(&report, &Declared::default()), [""; 0], "{format}");
        // The name does not count where the content is clear.
        for hint in [Hint::Stl, Hint::Obj, Hint::ThreeMf] {
            assert_eq!(look(&file, Some(hint)).unwrap(), report);
        }
    }
}

#[test]
fn a_unit_that_was_told_counts_where_the_format_has_none() {
    let file = binary_stl(&scaled(1.0 / 25.4));
    let report = read(&mut Cursor::new(&file), None, Some(Unit::Inch), &LIMITS).unwrap();
    assert_eq!((report.unit, report.unit_from), (Unit::Inch, UnitFrom::Told));
    assert!((report.size[2] - 100.0).abs() < 1e-4 && (report.volume_mm3 - 480_000.0).abs() < 1.0);
    let inches = Declared { units: Some(Unit::Inch), ..Declared::default() };
    assert_eq!(codes(&report, &inches), [""; 0]);
    let report =
        read(&mut Cursor::new(placed("1 0 0 0 1 0 0 0 1 0 0 0")), None, Some(Unit::Inch), &LIMITS).unwrap();
    assert_eq!(report.size, [80.0, 60.0, 100.0]);
    assert_eq!(codes(&report, &inches), ["units.contradiction"]);
}

/// A folder of bad files: its name says what it is, and the words what is said of it.
#[test]
fn a_folder_of_bad_files_is_refused_each_in_words_that_help() {
    let good = binary_stl(&part());
    let text = ascii_stl(&part());
    let object = format!("<object id=\"1\">{}</object>", mesh_xml(&part()));
    let mf = threemf(&object, "<item objectid=\"1\"/>");
    // In the table of contents, of the file that is listed last: the model.
    let sum = mf.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap() + 16;
    let with = |bytes: &[u8], at: usize, new: &[u8]| {
        let mut file = bytes.to_vec();
        file[at..at + new.len()].copy_from_slice(new);
        file
    };
    let cut = |bytes: &[u8]| bytes[..bytes.len() * 9 / 10].to_vec();
    let evil = |name: &str| threemf_parts(&[("3D/3dmodel.model", "x"), (name, "x")]);
    let xml = model_xml("", &object, "<item objectid=\"1\"/>");
    let entities = "<!DOCTYPE m [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><model";
    let bomb =
        Zip::default().file("_rels/.rels", RELS.as_bytes()).file("3D/3dmodel.model", &vec![b' '; 8 << 20]);
    let other_bomb = Zip::default()
        .file("_rels/.rels", RELS.as_bytes())
        .file("3D/3dmodel.model", xml.as_bytes())
        .file("Metadata/plate.png", &vec![0; 8 << 20]);
    let no_model = RELS.replace("3dmodel\"/>", "other\"/>");
    let folder: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.stl", vec![], "has no triangles"),
        ("cut.stl", cut(&good), "12 triangles, which take 684 bytes, and has 615"),
        ("cut-in-its-head.stl", good[..50].to_vec(), "its head takes 84 bytes"),
        (
            "one-triangle-less.stl",
            with(&good, 80, &[11]),
            "says 11 triangles, which take 634 bytes, and has 684",
        ),
        (
            "one-triangle-more.stl",
            with(&good, 80, &[13]),
            "says 13 triangles, which take 734 bytes, and has 684",
        ),
        ("two-gigabytes.stl", with(&good, 80, &[0, 0, 0, 3]), "says 50331648 triangles"),
        ("all-triangles.stl", with(&good, 80, &[255; 4]), "says 4294967295 triangles"),
        (
            "nan.stl",
            with(&good, 96, &f32::NAN.to_le_bytes()),
            "triangle 1 of the STL has a coordinate that is NaN",
        ),
        ("infinite.stl", with(&good, 100, &f32::INFINITY.to_le_bytes()), "that is inf"),
        ("no-triangles.stl", with(&good[..84], 80, &[0; 4]), "has no triangles"),
        ("points.stl", binary_stl(&scaled(0.0)), "has no triangles"),
        ("solid-cut.stl", cut(&with(&good, 0, b"solid heart")), "it was cut or changed on its way"),
        ("cut-text.stl", cut(text.as_bytes()), "it was cut on its way"),
        ("nan-text.stl", text.replacen("vertex 0", "vertex nan", 1).into_bytes(), "line 4 of the STL: `nan`"),
        ("comma.stl", text.replacen("80 60", "80,5 60", 1).into_bytes(), "`80,5` is no number"),
        (
            "quads.stl",
            text.replacen("endloop", "vertex 1 1 1", 1).into_bytes(),
            "where `endloop` is expected",
        ),
        ("no-facets.stl", b"solid x\nendsolid x\n".to_vec(), "has no triangles"),
        ("gcode.stl", b"; a comment\nG28\nG1 X10\n".to_vec(), "84 bytes"),
        ("nan.obj", b"v 0 0 nan\n".to_vec(), "line 1 of the OBJ: `nan`"),
        ("faces-first.obj", b"f 1 2 3\nv 0 0 0\n".to_vec(), "there is no corner `1` among the 0"),
        ("no-faces.obj", b"v 0 0 0\n".to_vec(), "has no triangles"),
        ("curves.obj", b"v 0 0 0\nsurf 0 1 0 1 1 2 3\n".to_vec(), "curved surface"),
        ("binary.obj", vec![0; 500], "no STL, 3MF or OBJ"),
        ("long-line.obj", [b"v 0 0 0\nf ", &b"1 ".repeat(50_000)[..]].concat(), "longer than 65536 bytes"),
        ("text.3mf", b"hello".to_vec(), "its end is missing"),
        ("cut.3mf", cut(&mf), "damaged as an archive: its end is missing"),
        ("wrong-checksum.3mf", with(&mf, sum, &[mf[sum] ^ 4]), "the checksum of a file in it is wrong"),
        ("bomb.3mf", bomb.bytes(), "unfolds to more than 200 times its size"),
        ("bomb-beside.3mf", other_bomb.bytes(), "`Metadata/plate.png`, which unfolds to more than 200"),
        ("up.3mf", evil("../../etc/cron.d/x"), "which leads out of it"),
        ("root.3mf", evil("/etc/passwd"), "which leads out of it"),
        ("windows.3mf", evil("C:\\x"), "which leads out of it"),
        ("twice.3mf", evil("3d/3DMODEL.model"), "two files of the same name"),
        (
            "entities.3mf",
            threemf_parts(&[("3D/3dmodel.model", &xml.replace("<model", entities))]),
            "entities",
        ),
        ("no-model.3mf", zip(&[("_rels/.rels", &no_model)]), "no model is named"),
        ("lost-model.3mf", zip(&[("_rels/.rels", RELS)]), "it is named, and not there"),
        ("nothing-placed.3mf", threemf(&object, ""), "plate of the 3MF has no triangles"),
        (
            "cut-xml.3mf",
            threemf_parts(&[("3D/3dmodel.model", &xml[..xml.len() * 9 / 10])]),
            "in the 3MF, near byte",
        ),
        ("docx.3mf", zip(&[("word/document.xml", "<w/>")]), "it has no `_rels/.rels`"),
        ("packed.stl", b"\x1f\x8b\x08\0".to_vec(), "a gzip archive; unpack it first"),
        ("packed.stl.gz", b"\x1f\x8b\x08\0".to_vec(), "a gzip archive; unpack it first"),
        ("picture.png", b"\x89PNG\r\n\x1a\n".to_vec(), "no STL, 3MF or OBJ"),
    ];
    assert!(folder.len() >= 40);
    for (name, bytes, told) in folder {
        let hint = name.rsplit('.').next().and_then(Hint::of);
        let error = match look(&bytes, hint) {
            Ok(report) => panic!("{name} was taken: {report:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(told), "{name}: {error}");
        // What, which; what to do.
        assert!(error.contains("; ") || error.contains(": "), "{name}: {error}");
    }
}

#[test]
fn models_that_can_be_read_and_are_wrong_have_the_finding_that_says_so() {
    let file = |soup: &[[Vertex; 3]]| look(&binary_stl(soup), None).unwrap();
    let mut hole = part();
    hole.remove(3);
    let mut flipped = part();
    flipped[3].swap(0, 1);
    let mut inside_out = part();
    inside_out.iter_mut().for_each(|triangle| triangle.swap(0, 1));
    let mut fin = part();
    fin.push([part()[0][0], part()[0][1], [40.0, 30.0, 50.0]]);
    // Both sides of a sheet: closed, and nothing in it.
    let sheet = vec![part()[2], [part()[2][0], part()[2][2], part()[2][1]]];
    for (name, report, wanted) in [
        ("hole", file(&hole), &["mesh.open"][..]),
        ("flipped", file(&flipped), &["mesh.flipped"]),
        ("inside out", file(&inside_out), &["mesh.inside_out"]),
        ("fin", file(&fin), &["mesh.open", "mesh.non_manifold"]),
        ("sheet", file(&sheet), &["mesh.flat"]),
        ("inches", file(&scaled(1.0 / 25.4)), &["size.small"]),
        ("metres", file(&scaled(1e-3)), &["size.small"]),
        ("micrometres", file(&scaled(1e3)), &["size.large"]),
        ("mirrored", look(&placed("-1 0 0 0 1 0 0 0 1 0 0 0"), None).unwrap(), &["mirror.undeclared"]),
        ("half", look(&placed("0.5 0 0 0 0.5 0 0 0 0.5 0 0 0"), None).unwrap(), &["scale.undeclared"]),
        ("stretched", look(&placed("1 0 0 0 1 0 0 0 1.1 0 0 0"), None).unwrap(), &["scale.uneven"]),
        ("skewed", look(&placed("1 0.2 0 0 1 0 0 0 1 0 0 0"), None).unwrap(), &["scale.uneven"]),
        ("turned", look(&placed("0 1 0 -1 0 0 0 0 1 7 8 9"), None).unwrap(), &[]),
    ] {
        let found = codes(&report, &Declared::default());
        assert_eq!(found, wanted, "{name}: {:?}", judge(&report, &Declared::default()));
        let accepted: Vec<String> = found.iter().map(|code| (*code).to_owned()).collect();
        let open = refused(&judge(&report, &Declared::default()), &accepted).len();
        let errors = ["mesh.flat", "mirror.undeclared", "scale.undeclared", "scale.uneven"];
        assert_eq!(open, found.iter().filter(|code| errors.contains(code)).count(), "{name}");
    }
    let backwards = {
        let mut file = binary_stl(&part());
        for triangle in file[84..].chunks_exact_mut(50) {
            (0..3).for_each(|axis| triangle[4 * axis + 3] ^= 0x80);
        }
        look(&file, None).unwrap()
    };
    assert_eq!(codes(&backwards, &Declared::default()), ["mesh.normals"]);
    let settings = {
        let object = format!("<object id=\"1\">{}</object>", mesh_xml(&part()));
        let xml = model_xml("", &object, "<item objectid=\"1\"/>");
        threemf_parts(&[("3D/3dmodel.model", &xml), ("Metadata/model_settings.config", "")])
    };
    assert_eq!(codes(&look(&settings, None).unwrap(), &Declared::default()), ["3mf.settings"]);
}

#[test]
fn the_seeds_of_the_fuzzer_are_models_that_can_be_read() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for name in ["stl/binary", "stl/ascii", "obj/small", "threemf/stored.3mf", "threemf/deflated.3mf"] {
        let report = look(&std::fs::read(seeds.join(name)).unwrap(), Some(Hint::Stl)).unwrap();
        assert!(report.watertight && report.triangles == 4, "{name}: {report:?}");
        assert_eq!(report.mirrored, name.starts_with("threemf"), "{name}");
    }
}

#[test]
fn a_file_of_two_gigabytes_is_refused_by_its_length_alone() {
    /// Has a length, and ends the test when it is read.
    struct Huge(u64);
    impl Read for Huge {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("it was read")
        }
    }
    impl Seek for Huge {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            Ok(if matches!(to, SeekFrom::End(0)) { self.0 } else { 0 })
        }
    }
    let error = read(&mut Huge(2 << 30), Some(Hint::Stl), None, &LIMITS).unwrap_err().to_string();
    assert!(error.contains("too many bytes: 2147483648, and 536870912"), "{error}");
    assert!(error.contains("reduce the mesh"), "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_taken() {
    struct Shrinking(Cursor<Vec<u8>>);
    impl Read for Shrinking {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl Seek for Shrinking {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            let at = self.0.seek(to)?;
            let half = self.0.get_ref().len() / 2;
            self.0.get_mut().truncate(half);
            Ok(at)
        }
    }
    let file = &mut Shrinking(Cursor::new(binary_stl(&part())));
    assert!(matches!(read(file, None, None, &LIMITS).unwrap_err(), ModelError::Unreadable(_)));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for hint in [None, Some(Hint::Stl), Some(Hint::Obj), Some(Hint::ThreeMf)] {
            let _ = look(&bytes, hint);
        }
    }

    #[test]
    fn no_change_of_a_good_file_makes_a_reader_panic(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
    ) {
        let part = part();
        let mut file = match which {
            0 => binary_stl(&part),
            1 => ascii_stl(&part).into_bytes(),
            2 => obj(&part).into_bytes(),
            _ => placed("0.5 0 0 0 0.5 0 0 0 0.5 0 0 0"),
        };
        for (place, byte) in changes {
            let at = place.index(file.len());
            file[at] = byte;
        }
        if let Ok(report) = look(&file, Some(Hint::Stl)) {
            let _ = judge(&report, &Declared::default());
            prop_assert!(report.size.iter().all(|size| size.is_finite()) && report.volume_mm3.is_finite());
        }
        let _ = look(&file[..length.index(file.len())], Some(Hint::Obj));
    }

    #[test]
    fn no_xml_makes_the_reader_of_3mf_panic(
        words in proptest::collection::vec(prop::sample::select(vec![
            "<object id=\"1\">", "</object>", "<mesh>", "</mesh>", "<vertices>", "</vertices>", "<triangles>",
            "</triangles>", "<vertex x=\"1\" y=\"2\" z=\"3\"/>", "<triangle v1=\"0\" v2=\"1\" v3=\"2\"/>",
            "<components>", "</components>", "<component objectid=\"1\"/>", "<item objectid=\"1\"/>", "<a>", "</a>",
            "<![CDATA[", "]]>", "&lt;", "&x;", "<!--", "-->", "<?x?>", "text",
        ]), 0..40),
    ) {
        let _ = look(&threemf(&words.concat(), "<item objectid=\"1\"/>"), None);
        let _ = look(&threemf("", &words.concat()), None);
    }
}
