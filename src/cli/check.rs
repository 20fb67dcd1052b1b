//! `platen check`: every mistake in a configuration at once, and whether this machine fits it.

use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

use super::{Failed, Global, show};
use crate::config::{self, Config, Printer};
use crate::domain::ids::BootId;
use crate::domain::zone::Zone;
use crate::io::clock::{Clock, entropy};
use crate::services::reporting::Tables;
use crate::services::slicing::Slicing;
use crate::slicing::limits::LIMITS;
use crate::slicing::profile::Technology;

#[derive(Debug, Args)]
pub struct Check {
    /// The configuration to look at.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, Serialize)]
struct Found {
    ok: bool,
    printers: usize,
    /// Of the site's clock, and what that shows.
    #[serde(flatten)]
    clock: Option<SiteClock>,
    mistakes: Vec<String>,
    warnings: Vec<String>,
    /// What the gate knows of each printer.
    gate: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct SiteClock {
    zone: String,
    now: String,
    /// It knows of no summer time.
    #[serde(skip)]
    is_fixed: bool,
}

impl SiteClock {
    fn of(zone: &Zone) -> Self {
        let now = Clock::start(BootId::from_entropy(entropy())).wall();
        Self { zone: zone.to_string(), now: zone.date_and_clock(now), is_fixed: zone.is_fixed() }
    }

    fn in_words(&self) -> String {
        let always = if self.is_fixed { ", without summer time (`zone` knows of it)" } else { "" };
        format!("days and shifts: by the clock of {}, which shows {} now{always}", self.zone, self.now)
    }
}

#[derive(Debug, Serialize)]
struct Judged {
    printer: String,
    /// Keys that say nothing, so that nothing of theirs speaks against a file.
    unknown: Vec<&'static str>,
    allowed: Vec<&'static str>,
}

impl Judged {
    fn of(printer: &Printer) -> Self {
        let build = &printer.build;
        let known = [
            ("build_x", build.x.is_some()),
            ("build_y", build.y.is_some()),
            ("build_height", build.height.is_some()),
            ("nozzle", build.nozzle.is_some()),
            ("filament", build.filament.is_some()),
            ("model", printer.model.is_some()),
            ("arcs", build.arcs.is_some()),
            ("longest_job_h", build.longest.is_some()),
        ];
        Self {
            printer: printer.name.to_string(),
            unknown: known.into_iter().filter(|(_, known)| !known).map(|(key, _)| key).collect(),
            allowed: printer.allow_findings.clone(),
        }
    }

    fn in_words(&self) -> String {
        let unknown = match self.unknown.as_slice() {
            [] => "knows all of it".to_owned(),
            keys => format!("is not told {}", keys.join(", ")),
        };
        let allowed = match self.allowed.as_slice() {
            [] => String::new(),
            codes => format!("; there it minds no {}", codes.join(", ")),
        };
        format!("{}: the gate {unknown}{allowed}", self.printer)
    }
}

impl Check {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let mut found = Found {
            ok: true,
            printers: 0,
            clock: None,
            mistakes: Vec::new(),
            warnings: Vec::new(),
            gate: Vec::new(),
        };
        match Config::load(&self.config) {
            Err(errors) => found.mistakes = errors.mistakes.iter().map(ToString::to_string).collect(),
            Ok(config) => {
                found.printers = config.printers.len();
                found.clock = Some(SiteClock::of(&config.zone));
                found.gate = config.printers.iter().map(Judged::of).collect();
                look_around(&config, &mut found);
            }
        }
        found.ok = found.mistakes.is_empty();
        if global.json {
            show::json(&found)?;
        } else {
            for warning in &found.warnings {
                eprintln!("warning: {warning}");
            }
            for mistake in &found.mistakes {
                eprintln!("mistake: {mistake}");
            }
            if found.ok {
                let noun = if found.printers == 1 { "printer" } else { "printers" };
                show::line(&format!("ok: {} {noun} in {}", found.printers, self.config.display()));
                found.clock.iter().for_each(|clock| show::line(&clock.in_words()));
                found.gate.iter().for_each(|judged| show::line(&judged.in_words()));
            }
        }
        if found.ok {
            return Ok(());
        }
        let count = found.mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        Err(Failed::Finding(format!(
            "{count} {noun} in {}; mend them, then check again",
            self.config.display()
        )))
    }
}

/// What only this machine can tell: ports (a warning, they may be plugged in later), files, folder.
fn look_around(config: &Config, found: &mut Found) {
    let mut devices: Vec<(PathBuf, &str)> = Vec::new();
    for printer in &config.printers {
        let name = printer.name.as_str();
        match printer.port.canonicalize() {
            Err(error) => found.warnings.push(format!(
                "the port of {name} is not there now: {} ({error}); plug the printer in, or look at `ls /dev/serial/by-id`",
                printer.port.display()
            )),
            Ok(device) => {
                if let Some((_, other)) = devices.iter().find(|(known, _)| *known == device) {
                    found.mistakes.push(format!(
                        "{name} and {other} have the same port under two names, {}; give each its own",
                        device.display()
                    ));
                }
                devices.push((device, name));
            }
        }
    }
    for file in config.mqtt.iter().flat_map(|mqtt| [&mqtt.password_file, &mqtt.ca_file]).flatten() {
        if let Err(error) = std::fs::File::open(file) {
            found
                .mistakes
                .push(format!("{} cannot be read: {error}; look at the path and its owner", file.display()));
        }
    }
    if let Some(wanted) = &config.slicing {
        slicing(wanted, &config.printers, found);
    }
    if let Err(mistakes) = Tables::read(&config.counting) {
        found.mistakes.extend(mistakes.into_iter().map(|mistake| format!("[counting]: {mistake}")));
    }
    if let Err(error) = writable(&config.state_dir) {
        found.mistakes.push(format!(
            "state_dir = {:?} cannot be written: {error}; make it, and give it to the user that runs platen",
            config.state_dir
        ));
    }
}

/// Whether models could be sliced: processes and profiles whole, and a slicer here in the version that they name.
fn slicing(wanted: &config::Slicing, printers: &[Printer], found: &mut Found) {
    let scratch = std::env::temp_dir();
    let slicing = Slicing::new(&wanted.profiles, wanted.program.clone(), LIMITS, &scratch, 1);
    let catalogue = match slicing.catalogue() {
        Ok(catalogue) => catalogue,
        Err(error) => return found.mistakes.push(format!("[slicing]: {error}")),
    };
    for process in catalogue.all() {
        if let Err(error) = slicing.profile(process) {
            found.mistakes.push(format!("[slicing]: {error}"));
        }
        if process.technology == Technology::Filament
            && !printers.iter().any(|printer| printer.model.as_ref() == Some(&process.printer_model))
        {
            found.warnings.push(format!(
                "process {} is for a {}, and no printer here says that it is one (`model`)",
                process.name, process.printer_model
            ));
        }
    }
    // G-code is taken without a slicer, so that its absence is no mistake.
    match slicing.version(&CancellationToken::new()) {
        Err(error) => found.warnings.push(format!("[slicing]: {error}")),
        Ok((_, version)) => {
            let others = catalogue.all().iter().filter_map(|process| slicing.fits(process, &version).err());
            found.warnings.extend(others.map(|error| format!("[slicing]: {error}")));
        }
    }
}

/// Whether a file can be made in a folder, or in the nearest one above that is there.
fn writable(folder: &Path) -> std::io::Result<()> {
    let there = folder.ancestors().find(|above| above.exists()).unwrap_or(folder);
    let trial = there.join(format!(".platen-check-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&trial)?;
    std::fs::remove_file(&trial)
}
