//! `platen preflight`: what a file, G-code or for resin, would do on a printer, and what speaks against it, before anything is heated.

use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::masks::{self, Looked};
use super::{Failed, Global, show};
use crate::config::{Kind, Printer};
use crate::domain::printer::Firmware;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::preflight::{Finding, PrinterLimits, Question, Severity, judge};
use crate::gcode::survey::{Checker, SurveyError};
use crate::services::gate::{self, limits_of, on_each, speaks, untold};

/// As much as is read at a time.
const BLOCK: usize = 256 << 10;

#[derive(Debug, Args)]
pub struct Preflight {
    /// The G-code or resin file to look at.
    pub file: PathBuf,
    /// The configuration that says what the printer can bear.
    #[arg(long, value_name = "FILE", requires = "printer")]
    pub config: Option<PathBuf>,
    /// The printer in it.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub printer: Option<String>,
    /// The material that is loaded, such as PLA; else what the file says.
    #[arg(long, value_name = "WORDS")]
    pub material: Option<String>,
    /// A warning that is accepted, by its code; may be given again.
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    ok: bool,
    findings: &'a [Finding],
    analysis: &'a Analysis,
}

impl Preflight {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let (own, printer) = self.limits()?.unzip();
        let printer = printer.unwrap_or_default();
        let failed = |error| Failed::File { path: self.file.display().to_string(), error };
        let mut file = File::open(&self.file).map_err(failed)?;
        if masks::is_resin(&mut file).map_err(failed)? {
            return self.resin(global, &file, own.as_ref());
        }
        if own.as_ref().is_some_and(|printer| printer.kind == Kind::Resin) {
            let what = "this printer prints with resin, and the file is no file for resin";
            let other = gate::resin::other_kind(what);
            finding(&other);
            return masks::verdict(&[other], &[]);
        }
        let not_printable =
            |error: SurveyError| Failed::Finding(format!("this file cannot be printed: {error}"));
        // Without a daemon no board says what it is: the same rule as for one that was never connected.
        let firmwares = printer.firmware.map_or_else(|| untold().to_vec(), |firmware| vec![Some(firmware)]);
        let looks = looks(&firmwares, &printer);
        let mut analysers: Vec<_> = looks.iter().map(|(options, _)| Analyser::new(*options)).collect();
        let mut checker = Checker::default();
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).map_err(failed)?;
            if read == 0 {
                break;
            }
            checker.feed(&block[..read]).map_err(not_printable)?;
            for analyser in &mut analysers {
                analyser.feed(&block[..read]).map_err(|error| not_printable(error.into()))?;
            }
        }
        let whole = match checker.finish() {
            Ok(()) => Some(true),
            Err(SurveyError::Cut { .. }) => Some(false),
            Err(error) => return Err(not_printable(error)),
        };
        let mut first = None;
        let mut each = Vec::new();
        for (analyser, (_, printers)) in analysers.into_iter().zip(looks) {
            let analysis = analyser.finish().map_err(|error| not_printable(error.into()))?;
            for printer in printers {
                let material = self.material.as_deref();
                let question = Question { printer, material, model: None, whole, resumes: false };
                each.push(judge(&analysis, &question));
            }
            first.get_or_insert(analysis);
        }
        let analysis = first.unwrap_or_default();
        let findings = on_each(each);
        let findings = match &own {
            Some(own) => speaks(findings, own),
            None => findings,
        };
        let open = masks::open(&findings, &self.accept)?;
        if global.json {
            show::json(&Told { ok: open == 0, findings: &findings, analysis: &analysis })?;
        } else {
            print(&analysis, &findings);
        }
        masks::verdict(&findings, &self.accept)
    }

    fn resin(self, global: &Global, file: &File, own: Option<&Printer>) -> Result<(), Failed> {
        let looked = Looked::at(&self.file, file)?;
        let findings = looked.findings(own, self.material.as_deref());
        let open = masks::open(&findings, &self.accept)?;
        let told = looked.told(own, &findings, open == 0);
        if global.json {
            show::json(&told)?;
        } else {
            masks::print(&told);
        }
        masks::verdict(&findings, &self.accept)
    }

    fn limits(&self) -> Result<Option<(Printer, PrinterLimits)>, Failed> {
        let (Some(path), Some(name)) = (&self.config, &self.printer) else {
            return Ok(None);
        };
        let (printer, config) = masks::printer(path, name)?;
        let limits = limits_of(&printer, &config.gate);
        Ok(Some((printer, limits)))
    }
}

/// How the file has to be looked at: once for all firmwares that count filament alike.
fn looks(firmwares: &[Option<Firmware>], printer: &PrinterLimits) -> Vec<(Options, Vec<PrinterLimits>)> {
    let mut looks: Vec<(Options, Vec<PrinterLimits>)> = Vec::new();
    for firmware in firmwares {
        let limits = PrinterLimits { firmware: *firmware, ..printer.clone() };
        let options = limits.options();
        match looks.iter_mut().find(|(alike, _)| alike.counting == options.counting) {
            Some((_, all)) => all.push(limits),
            None => looks.push((options, vec![limits])),
        }
    }
    looks
}

pub(super) fn print(analysis: &Analysis, findings: &[Finding]) {
    // What lies on the plate is as tall as its highest place: the lowest is already one layer above the plate.
    let [x, y, _] = analysis.extrusion.size();
    let size = [x, y, analysis.extrusion.high[2].map(|high| high.value)];
    let size = size.map(|size| size.map_or_else(|| "–".into(), |size| format!("{size:.1}")));
    let layers = analysis.layers.len();
    show::line(&format!(
        "lays filament over {} mm, skirt and brim with it, in {layers} layers",
        size.join(" × ")
    ));
    let claimed =
        analysis.metadata.claimed_seconds.map(|claimed| format!(", {} says its slicer", hours(claimed)));
    show::line(&format!("takes {}{}", hours(analysis.seconds), claimed.unwrap_or_default()));
    for (tool, length) in analysis.filament.iter().enumerate().filter(|(_, length)| **length > 0.0) {
        let (volume, mass) = analysis.filament_of(tool);
        let mass = mass.map(|mass| format!(", {mass:.1} g")).unwrap_or_default();
        show::line(&format!("tool {tool}: {length:.0} mm of filament, {volume:.1} cm³{mass}"));
    }
    findings.iter().for_each(finding);
}

pub(super) fn finding(finding: &Finding) {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    show::line(&format!("{severity} {}: {line}{}; {}", finding.code, finding.what, finding.help));
}

/// Without the time for heating, of which a file says nothing.
pub(super) fn hours(seconds: f64) -> String {
    const LONGEST: f64 = 10_000.0;
    if seconds >= LONGEST * 3_600.0 {
        return format!("more than {LONGEST:.0} h");
    }
    format!("{:.0} h {:02.0} min", (seconds / 3_600.0).floor(), (seconds % 3_600.0 / 60.0).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_analysed_once_for_each_way_to_count_and_judged_for_each_firmware() {
        let looks = looks(&untold(), &PrinterLimits::default());
        let firmwares: Vec<Vec<_>> = looks
            .iter()
            .map(|(_, printers)| printers.iter().map(|printer| printer.firmware).collect())
            .collect();
        assert_eq!(firmwares.concat(), untold(), "in the order that says whose words are told");
        let ways: Vec<_> = looks.iter().map(|(options, _)| options.counting).collect();
        let twice = ways.iter().enumerate().find(|(at, way)| ways[..*at].contains(*way));
        assert_eq!(twice, None, "{ways:?}");
        assert!(ways.len() < untold().len());
        for (options, printers) in &looks {
            assert!(printers.iter().all(|printer| printer.options().counting == options.counting));
        }
    }
}
