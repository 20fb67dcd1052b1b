//! `platen model`: what a model is, and whether it has the size and the handedness that was declared.

use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::path::PathBuf;

use super::{Failed, Global, show};
use crate::domain::finding::{Finding, Severity, refused};
use crate::model::limits::LIMITS;
use crate::model::mesh::Edges;
use crate::model::scale::{Declared, Unit, UnitFrom, shown_size};
use crate::model::{Hint, ModelReport, judge, read};

/// What a person says of a model.
#[derive(Debug, Args)]
pub struct Given {
    /// What it counts in: mm, inch, m, um, cm or ft. A 3MF says it itself.
    #[arg(long, value_name = "UNIT")]
    pub units: Option<Unit>,
    /// How large it is by the anatomy: 0.5 is half of it.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    pub scale: f64,
    /// It is the mirror image of the anatomy, and is to be.
    #[arg(long)]
    pub mirrored: bool,
    /// How large the anatomy is, in mm and in any order, such as 80x60x100.
    #[arg(long, value_name = "XxYxZ", value_parser = lengths)]
    pub expected: Option<Lengths>,
}

impl Given {
    pub fn declared(&self) -> Declared {
        Declared {
            units: self.units,
            scale: self.scale,
            mirrored: self.mirrored,
            expected: self.expected.map(|Lengths(size)| size),
            volume: None,
        }
    }
}

#[derive(Debug, Args)]
pub struct Model {
    /// The model to look at: STL, 3MF or OBJ.
    pub file: PathBuf,
    #[command(flatten)]
    pub given: Given,
    /// How large a print the printer can make, in mm, such as 250x210x210.
    #[arg(long, value_name = "XxYxZ", value_parser = lengths)]
    pub volume: Option<Lengths>,
    /// A warning that is accepted, by its code; may be given again.
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
}

/// Three lengths, mm.
#[derive(Clone, Copy, Debug)]
pub struct Lengths([f64; 3]);

fn positive(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && (1e-6..=1e6).contains(number))
}

fn factor(text: &str) -> Result<f64, String> {
    positive(text).ok_or_else(|| format!("{text} is no factor; say a number such as 0.5"))
}

fn lengths(text: &str) -> Result<Lengths, String> {
    let numbers: Option<Vec<f64>> = text.split(['x', 'X', '×']).map(positive).collect();
    let three = numbers.and_then(|numbers| numbers.try_into().ok());
    three.map(Lengths).ok_or_else(|| format!("{text} is no size; say three lengths in mm, such as 80x60x100"))
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    ok: bool,
    findings: &'a [Finding],
    model: &'a ModelReport,
}

impl Model {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let failed = |error| Failed::File { path: self.file.display().to_string(), error };
        let mut file = File::open(&self.file).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Failed::Finding(format!("{} is no file; name a model", self.file.display())));
        }
        let hint = self.file.extension().and_then(|extension| extension.to_str()).and_then(Hint::of);
        let report = read(&mut file, hint, self.given.units, &LIMITS)
            .map_err(|error| Failed::Finding(format!("this model cannot be used: {error}")))?;
        let volume = self.volume.map(|Lengths(size)| size);
        let declared = Declared { volume, ..self.given.declared() };
        let findings = judge(&report, &declared);
        let open = refused(&findings, &self.accept).len();
        if global.json {
            show::json(&Told { ok: open == 0, findings: &findings, model: &report })?;
        } else {
            print(&report, &declared, &findings);
        }
        match open {
            0 => Ok(()),
            1 => Err(Failed::Finding("1 finding speaks against this model".into())),
            _ => Err(Failed::Finding(format!("{open} findings speak against this model"))),
        }
    }
}

fn print(report: &ModelReport, declared: &Declared, findings: &[Finding]) {
    let row = |name: &str, text: &str| show::line(&format!("{name:<9}  {text}"));
    let from = match report.unit_from {
        UnitFrom::File => "says the file",
        UnitFrom::Standard => "the file says none, which means mm in a 3MF",
        UnitFrom::Told => "as told",
        UnitFrom::Assumed => "assumed: this format has no units",
    };
    row("format", &format!("{}, {} bytes", report.format, report.bytes));
    row("hash", report.hash.as_str());
    row("units", &format!("{} ({from})", report.unit));
    row("size", &shown_size(report.size));
    let [low, high] =
        [report.extents.low, report.extents.high].map(|at| at.map(|at| format!("{at:.3}")).join(", "));
    row("from, to", &format!("{low}  to  {high}"));
    let objects = if report.objects == 1 { "1 object".into() } else { format!("{} objects", report.objects) };
    let degenerate = match report.degenerate {
        0 => String::new(),
        some => format!(", {some} of them without a surface"),
    };
    row("mesh", &format!("{objects}, {} triangles{degenerate}", report.triangles));
    let Edges { open, non_manifold, flipped } = report.edges;
    let closed = if report.watertight {
        "closed".into()
    } else {
        format!("not closed: {open} open edges, {non_manifold} of more than two triangles, {flipped} flipped")
    };
    row("surface", &closed);
    row("volume", &format!("{:.3} cm³", report.volume_mm3 / 1_000.0));
    let transforms = report.transforms;
    let scale = if transforms.uneven > 0 || transforms.most - transforms.least > 1e-4 {
        format!("{:.4} to {:.4} in the file", transforms.least, transforms.most)
    } else {
        format!("{:.4} in the file", transforms.most)
    };
    row("scale", &format!("{scale}, {} declared", declared.scale));
    let said = |yes| if yes { "yes" } else { "no" };
    row("mirrored", &format!("{} in the file, {} declared", said(report.mirrored), said(declared.mirrored)));
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        show::line(&format!("{severity} {}: {}; {}", finding.code, finding.what, finding.help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_three_lengths_and_a_factor_one_number() {
        assert_eq!(lengths("80x60.5X100").unwrap().0, [80.0, 60.5, 100.0]);
        for bad in ["", "80", "80x60", "80x60x1x1", "80x60x-1", "80x60x0", "nanx1x1", "1x1xinf", "1,5x1x1"] {
            assert!(lengths(bad).unwrap_err().contains("such as 80x60x100"), "{bad}");
        }
        assert_eq!(factor("0.5"), Ok(0.5));
        for bad in ["0", "-1", "half", "inf", "nan", "50%"] {
            assert!(factor(bad).is_err(), "{bad}");
        }
    }
}
