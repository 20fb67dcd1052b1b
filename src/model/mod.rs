//! A model as it was handed in: its hash, its size, whether it is closed, and what was done to it on the way.
//!
//! Readers hold what `limits` allows, whatever a file claims of itself; files are the caller's. What they find is a
//! report, and `judge` says what speaks against it, in the words of the gate (`domain::finding`).

pub mod limits;

pub mod mesh;
pub mod scale;

mod lines;

pub mod obj;
pub mod stl;

pub mod archive;
pub mod threemf;

pub mod rewrite;

use std::fmt;
use std::io::{BufReader, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use crate::domain::finding::{Finding, Severity};
use crate::domain::ids::FileHash;
use limits::{Limits, ModelError, REDUCE};
use mesh::{Edges, Extents, Facts, Mesh, Sink};
use scale::{Declared, Transforms, Unit, UnitFrom};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Format {
    #[serde(rename = "stl-binary")]
    StlBinary,
    #[serde(rename = "stl-ascii")]
    StlAscii,
    #[serde(rename = "obj")]
    Obj,
    #[serde(rename = "3mf")]
    ThreeMf,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StlBinary => "binary STL",
            Self::StlAscii => "ASCII STL",
            Self::Obj => "OBJ",
            Self::ThreeMf => "3MF",
        })
    }
}

/// What a file's name says of it; its content is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    Stl,
    Obj,
    ThreeMf,
}

impl Hint {
    /// By what stands behind the last point of its name.
    pub fn of(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "stl" => Some(Self::Stl),
            "obj" => Some(Self::Obj),
            "3mf" => Some(Self::ThreeMf),
            _ => None,
        }
    }
}

/// All that is known of a model. Lengths in mm, as it would stand on the plate.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ModelReport {
    pub format: Format,
    pub bytes: u64,
    pub hash: FileHash,
    pub unit: Unit,
    pub unit_from: UnitFrom,
    pub extents: Extents,
    pub size: [f64; 3],
    pub objects: u64,
    pub triangles: u64,
    pub degenerate: u64,
    pub edges: Edges,
    pub watertight: bool,
    /// Triangles whose normals contradict their corners.
    pub normals_against: u64,
    /// Positive where the surface faces outwards, and nothing mirrors it. Worth little where it is not closed.
    pub volume_mm3: f64,
    pub mirrored: bool,
    pub transforms: Transforms,
    /// A slicer's settings lie beside the model. They are never used.
    pub settings: bool,
}

/// Reads a model whole: once for its hash, once for what it is. It must not change meanwhile.
pub fn read(
    source: &mut (impl Read + Seek),
    hint: Option<Hint>,
    told: Option<Unit>,
    limits: &Limits,
) -> Result<ModelReport, ModelError> {
    pass(source, hint, told, limits, None)
}

/// The same, and the sink hears of every triangle, in the units of its file.
pub fn pass(
    source: &mut (impl Read + Seek),
    hint: Option<Hint>,
    told: Option<Unit>,
    limits: &Limits,
    sink: Option<Sink<'_>>,
) -> Result<ModelReport, ModelError> {
    let bytes = source.seek(SeekFrom::End(0))?;
    limits::Budget::new(limits.bytes, "too many bytes", REDUCE).spend(bytes)?;
    if bytes == 0 {
        return Err(ModelError::Empty { format: "file" });
    }
    source.seek(SeekFrom::Start(0))?;
    let (hash, begin) = hash(source, bytes)?;
    source.seek(SeekFrom::Start(0))?;
    // Also one that is named as what is in it.
    if begin.starts_with(b"\x1f\x8b") {
        return Err(ModelError::Packed);
    }
    let format = recognise(&begin, bytes, hint).ok_or(ModelError::Unknown)?;
    let bare = |(facts, objects): (Facts, u64)| threemf::Plate {
        facts,
        unit: told.unwrap_or(Unit::Millimetre),
        unit_said: false,
        objects,
        transforms: Transforms::none(),
        settings: false,
    };
    let plate = match format {
        Format::ThreeMf => threemf::read(source, limits, sink)?,
        format => {
            let mesh = Mesh::new(limits.triangles, sink);
            bare(match format {
                Format::StlBinary => (stl::binary(source, bytes, mesh)?, 1),
                Format::Obj => obj::read(BufReader::new(source), limits, mesh)?,
                _ => stl::ascii(BufReader::new(source), limits, mesh)?,
            })
        }
    };
    let facts = plate.facts;
    if facts.triangles == facts.degenerate {
        let format = if format == Format::ThreeMf { "plate of the 3MF" } else { "file" };
        return Err(ModelError::Empty { format });
    }
    let unit_from = match (format, plate.unit_said, told) {
        (Format::ThreeMf, true, _) => UnitFrom::File,
        (Format::ThreeMf, false, _) => UnitFrom::Standard,
        (_, _, Some(_)) => UnitFrom::Told,
        (_, _, None) => UnitFrom::Assumed,
    };
    let mm = plate.unit.millimetres();
    let extents = facts.extents.times(mm);
    Ok(ModelReport {
        format,
        bytes,
        hash,
        unit: plate.unit,
        unit_from,
        extents,
        size: extents.size(),
        objects: plate.objects,
        triangles: facts.triangles,
        degenerate: facts.degenerate,
        edges: facts.edges,
        watertight: facts.edges.closed(),
        normals_against: facts.against,
        volume_mm3: facts.volume * mm.powi(3),
        mirrored: plate.transforms.mirrored > 0,
        transforms: plate.transforms,
        settings: plate.settings,
    })
}

/// As much of a file as is looked at to recognise it.
const BEGIN: usize = 4096;

fn hash(source: &mut impl Read, bytes: u64) -> Result<(FileHash, Vec<u8>), ModelError> {
    let (mut hasher, mut begin, mut read) = (Sha256::new(), Vec::new(), 0);
    let mut block = vec![0; 64 << 10];
    loop {
        let count = source.read(&mut block)?;
        if count == 0 {
            break;
        }
        read += count as u64;
        hasher.update(&block[..count]);
        let wanted = (BEGIN - begin.len()).min(count);
        begin.extend_from_slice(&block[..wanted]);
    }
    if read != bytes {
        return Err(ModelError::Unreadable("it changed while it was read".into()));
    }
    Ok((FileHash::from_digest(hasher.finalize().into()), begin))
}

fn recognise(begin: &[u8], bytes: u64, hint: Option<Hint>) -> Option<Format> {
    let text = !begin.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace());
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if begin.starts_with(b"PK\x03\x04") || begin.starts_with(b"PK\x05\x06") {
        return Some(Format::ThreeMf);
    }
    if stl::claimed(begin).is_some_and(|count| stl::HEAD + stl::TRIANGLE * count == bytes) {
        return Some(Format::StlBinary);
    }
    let words = || begin.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    if text && begin.trim_ascii_start().get(..5).is_some_and(|word| is(word, "solid")) {
        return Some(Format::StlAscii);
    }
    if text && words().any(|line| line.starts_with(b"v ")) {
        return Some(Format::Obj);
    }
    match hint? {
        Hint::Stl if stl::is_binary(begin, bytes) => Some(Format::StlBinary),
        Hint::Stl => Some(Format::StlAscii),
        Hint::Obj => text.then_some(Format::Obj),
        Hint::ThreeMf => Some(Format::ThreeMf),
    }
}

/// Everything that speaks against a model, the worst first.
pub fn judge(report: &ModelReport, declared: &Declared) -> Vec<Finding> {
    let found = scale::Found { unit: report.unit, size: report.size, transforms: report.transforms };
    let mut out = scale::judge(&found, declared);
    surface(report, &mut out);
    if report.settings {
        let what = "a slicer's settings lie beside the model; bodies that are there only to change them would be printed";
        let help = "export the bare model; settings come from the process that was validated";
        out.push(Finding {
            code: "3mf.settings",
            severity: Severity::Warning,
            line: None,
            what: what.into(),
            help,
        });
    }
    out.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    out
}

fn surface(report: &ModelReport, out: &mut Vec<Finding>) {
    const REPAIR: &str =
        "close it where it was made: a slicer that repairs it by itself decides what the anatomy is";
    let mut warn = |code, what, help| {
        out.push(Finding { code, severity: Severity::Warning, line: None, what, help });
    };
    let Edges { open, non_manifold, flipped } = report.edges;
    if open > 0 {
        warn("mesh.open", format!("the surface has holes: {open} edges belong to one triangle only"), REPAIR);
    }
    if non_manifold > 0 {
        let what =
            format!("{non_manifold} edges belong to more than two triangles: bodies touch or cross there");
        warn("mesh.non_manifold", what, REPAIR);
    }
    if flipped > 0 {
        let what = format!("triangles beside {flipped} edges disagree about what is outside");
        warn("mesh.flipped", what, REPAIR);
    }
    let (size, solid) = (report.size, report.volume_mm3.abs());
    // Of a body in its box, this little is left of nothing that could be printed.
    if report.watertight && solid <= 1e-6 * size[0] * size[1] * size[2] {
        let what = format!("the surface is closed, and {solid:.3} mm³ are in it");
        let help = "look whether the right body was exported, and whether it is solid";
        out.push(Finding { code: "mesh.flat", severity: Severity::Error, line: None, what, help });
        return;
    }
    // A mirror turns a surface inside out, and slicers turn it back.
    let inside_out = (report.volume_mm3 < 0.0) != report.mirrored;
    if report.watertight
        && inside_out
        && !(0 < report.transforms.mirrored && report.transforms.mirrored < report.transforms.placed)
    {
        let what =
            "the surface faces inwards, as after mirroring in a program that did not turn it back".into();
        out.push(Finding {
            code: "mesh.inside_out",
            severity: Severity::Warning,
            line: None,
            what,
            help: "look at left and right on the model itself; export it again",
        });
    }
    if report.normals_against * 2 > report.triangles {
        let what = format!(
            "the normals of {} of {} triangles point to the other side than their corners say, as after mirroring",
            report.normals_against, report.triangles
        );
        out.push(Finding {
            code: "mesh.normals",
            severity: Severity::Warning,
            line: None,
            what,
            help: "look at left and right on the model itself; export it again",
        });
    }
}

#[cfg(test)]
mod tests;
