//! A resin file looked into without a daemon: read to its end, told to people, and held against a printer.

use serde::Serialize;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ::resin::check::{self, Severity as Counts};
use ::resin::file::{BEGIN, begin};
use tokio_util::sync::CancellationToken;

use super::{Failed, preflight, show};
use crate::api::shapes::ResinFileView;
use crate::config::{Config, Kind, Printer};
use crate::domain::finding::{Finding, Severity};
use crate::services::gate::{resin, speaks};
use crate::services::resinfiles::{ResinReading, read_through};

/// A resin file that was read to its end.
#[derive(Debug)]
pub struct Looked(pub Box<ResinReading>);

/// What `--json` tells.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    pub ok: bool,
    pub findings: &'a [Finding],
    pub resin: ResinFileView,
    pub seconds: Option<f64>,
    /// What is only said.
    pub notes: Vec<String>,
}

/// Whether its content is that of a resin file. The file is left at its beginning.
pub fn is_resin(file: &mut File) -> std::io::Result<bool> {
    let mut first = Vec::with_capacity(BEGIN);
    file.by_ref().take(BEGIN as u64).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(begin(&first).is_some())
}

impl Looked {
    pub fn at(path: &Path, file: &File) -> Result<Self, Failed> {
        let failed = |error| Failed::File { path: path.display().to_string(), error };
        let bytes = file.metadata().map_err(failed)?.len();
        let wrong =
            |error: &dyn std::fmt::Display| Failed::Finding(format!("this file cannot be printed: {error}"));
        match read_through(file.try_clone().map_err(failed)?, bytes, &CancellationToken::new()) {
            Ok(Some(reading)) => Ok(Self(Box::new(reading))),
            Ok(None) => Err(Failed::Finding("the file was not read to its end; try again".into())),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Against this printer; where none is named, what speaks against it on any.
    pub fn findings(&self, printer: Option<&Printer>, material: Option<&str>) -> Vec<Finding> {
        match printer {
            Some(printer) if printer.kind == Kind::Fdm => {
                vec![resin::other_kind("this printer prints with filament, and the file is for resin")]
            }
            Some(printer) => speaks(resin::judge(&self.0, printer, material), printer),
            None => self.checked(printer, material).into_iter().filter_map(resin::finding).collect(),
        }
    }

    fn checked(&self, printer: Option<&Printer>, material: Option<&str>) -> Vec<check::Finding> {
        let machine = printer.map(resin::machine_of).unwrap_or_default();
        resin::checked(&self.0, &machine, material)
    }

    /// What is only said, and counts nowhere.
    pub fn notes(&self, printer: Option<&Printer>) -> Vec<String> {
        let notes = self.checked(printer, None).into_iter().filter(|one| one.severity == Counts::Note);
        notes.map(|note| format!("{}; {}", note.words, note.cure)).collect()
    }

    pub fn told<'a>(&self, printer: Option<&Printer>, findings: &'a [Finding], ok: bool) -> Told<'a> {
        let panel = printer.and_then(|printer| printer.resin.as_deref()).map(|resin| &resin.panel);
        Told {
            ok,
            findings,
            resin: ResinFileView::of(&self.0, panel),
            seconds: self.0.seconds(printer),
            notes: self.notes(printer),
        }
    }
}

/// What is in it, for people.
pub fn print(told: &Told<'_>) {
    let resin = &told.resin;
    if let Some(layers) = resin.layers {
        let number = |value: f64| format!("{value:.2}");
        let sides = |sides: &[f64]| sides.iter().map(|side| number(*side)).collect::<Vec<_>>().join(" × ");
        let thick = resin.layer_mm.map(|mm| format!(" of {mm} mm")).unwrap_or_default();
        let points: Vec<_> = resin.points.iter().map(ToString::to_string).collect();
        let of = resin.point_um.as_deref().map(|um| format!(" of {} µm", sides(um))).unwrap_or_default();
        let high = resin.height_mm.unwrap_or_default();
        show::line(&format!("{}: {layers} layers{thick}, {high} mm high", resin.format));
        show::line(&format!("masks of {} points{of}", points.join(" × ")));
        if let Some(size) = &resin.size_mm {
            show::line(&format!("lights {} mm", sides(size)));
        }
        show::line(&format!(
            "first layer {} s, usual layer {} s, {} in all",
            resin.first_exposure_s.unwrap_or_default(),
            resin.exposure_s.unwrap_or_default(),
            preflight::hours(resin.light_s.unwrap_or_default())
        ));
        let claimed = resin.claimed_millilitres.map(|ml| format!(", {ml:.1} ml says its slicer"));
        let counted = resin.millilitres.map_or_else(
            || "how much resin it takes is not known: nobody says how large a point is".to_owned(),
            |ml| format!("takes {ml:.1} ml"),
        );
        show::line(&format!("{counted}{}", claimed.unwrap_or_default()));
        if let Some(material) = &resin.material {
            show::line(&format!("sliced for {}", show::plain(material)));
        }
        match told.seconds {
            Some(seconds) => show::line(&format!("takes {}", preflight::hours(seconds))),
            None => show::line(
                "how long it takes is not known: neither file nor printer says how the plate moves",
            ),
        }
    } else {
        show::line(&format!("{}: its layers, exposures, time and resin are not known", resin.format));
    }
    told.findings.iter().for_each(preflight::finding);
    told.notes.iter().for_each(|note| show::line(&format!("note: {note}")));
}

/// A printer of a configuration.
pub fn printer(path: &Path, name: &str) -> Result<(Printer, Config), Failed> {
    let config = Config::load(path).map_err(|_| {
        Failed::Finding(format!("{} has mistakes; `platen check --config {0}` tells them", path.display()))
    })?;
    let known = config.printers.iter().find(|printer| printer.name.as_str() == name).cloned();
    let known = known.ok_or_else(|| {
        Failed::Usage(format!("{} has no printer {name}; look at its [[printer]] sections", path.display()))
    })?;
    Ok((known, config))
}

/// What is not accepted of what was found; codes that nothing was found under are told.
pub fn open(findings: &[Finding], accept: &[String]) -> Result<usize, Failed> {
    let warned = |code: &String| {
        findings.iter().any(|found| found.severity == Severity::Warning && found.code == code.as_str())
    };
    if let Some(code) = accept.iter().find(|code| !warned(code)) {
        let code = code.escape_debug();
        return Err(Failed::Usage(format!(
            "no warning about this file has the code {code}; leave --accept {code} out to see what is found"
        )));
    }
    Ok(crate::domain::finding::refused(findings, accept).len())
}

/// Whether anything speaks against printing it, and how what may be accepted is.
pub fn verdict(findings: &[Finding], accept: &[String]) -> Result<(), Failed> {
    let open = crate::domain::finding::refused(findings, accept);
    let speak = match open.len() {
        0 => return Ok(()),
        1 => "1 finding speaks".to_owned(),
        all => format!("{all} findings speak"),
    };
    let help = match open.iter().find(|finding| finding.severity == Severity::Error) {
        Some(_) => "do what is said of each; errors cannot be accepted".to_owned(),
        None => {
            let mut codes: Vec<&str> = open.iter().map(|finding| finding.code).collect();
            codes.sort_unstable();
            codes.dedup();
            let accepts: Vec<_> = codes.iter().map(|code| format!("--accept {code}")).collect();
            let accepts = accepts.join(" ");
            format!("look at each; `{accepts}` accepts, and `platen print` takes the same, with --by NAME")
        }
    };
    Err(Failed::Finding(format!("{speak} against printing this file; {help}")))
}
