//! `platen check`: every mistake in a configuration at once, and whether this machine fits it.

use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

use super::{Failed, Global, show};
use crate::config::{Config, Printer};
use crate::domain::ids::BootId;
use crate::domain::zone::Zone;
use crate::io::clock::{Clock, entropy};
use crate::io::installed;
use crate::services::check;

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
    unknown: Vec<&'static str>,
    allowed: Vec<&'static str>,
}

impl From<&Printer> for Judged {
    fn from(printer: &Printer) -> Self {
        let check::Known { printer, unknown, allowed } = check::Known::of(printer);
        Self { printer, unknown, allowed }
    }
}

impl Judged {
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
                found.gate = config.printers.iter().map(Judged::from).collect();
                for told in check::machine(&config) {
                    let list = if told.is_mistake { &mut found.mistakes } else { &mut found.warnings };
                    list.push(told.words);
                }
                for process in installed::left_running(&self.config) {
                    found.warnings.push(format!(
                        "process {process} serves with another platen than the one that is installed: it was left \
                         alone by an upgrade; restart it when it suits: `systemctl restart platen`"
                    ));
                }
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
