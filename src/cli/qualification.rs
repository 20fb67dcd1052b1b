//! `platen qualification`: whether a printer may be used, when its calibration is due, and what was done to it.

use clap::{Args, Subcommand};

use super::client::segment;
use super::quality::{By, told, word};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{QualificationStep, QualificationView};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::quality::words::Text;

#[derive(Debug, Args)]
pub struct Qualifications {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Show a printer's qualification, its phantoms and their control chart.
    #[command(after_help = "Example: platen qualification show mk3-07")]
    Show {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
    },
    /// Qualify a printer.
    #[command(after_help = "Example: platen qualification grant mk3-07 --by mo")]
    Grant {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Restrict a qualified printer to some uses.
    #[command(
        after_help = "Example: platen qualification restrict mk3-07 --use education --why \"a worn belt\" --by mo"
    )]
    Restrict {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// diagnostic, guide or education; may be given again
        #[arg(long = "use", value_name = "USE", required = true, value_parser = word::<IntendedUse>)]
        uses: Vec<IntendedUse>,
        #[arg(long, value_name = "TEXT")]
        why: Text,
        #[command(flatten)]
        by: By,
    },
    /// Withdraw a printer's qualification.
    #[command(after_help = "Example: platen qualification withdraw mk3-07 --why \"a new board\" --by mo")]
    Withdraw {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[arg(long, value_name = "TEXT")]
        why: Text,
        #[command(flatten)]
        by: By,
    },
    /// Say by which day a printer is to be calibrated.
    #[command(after_help = "Example: platen qualification due mk3-07 --on 2027-02-28 --by mo")]
    Due {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[arg(long, value_name = "DAY")]
        on: Day,
        #[command(flatten)]
        by: By,
    },
    /// Note what was done to a printer.
    #[command(
        after_help = "Example: platen qualification maintain mk3-07 --what \"a new nozzle\" --minutes 20 --by mo"
    )]
    Maintain {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[arg(long, value_name = "TEXT")]
        what: Text,
        /// Left out where nobody knows.
        #[arg(long)]
        minutes: Option<u16>,
        #[command(flatten)]
        by: By,
    },
}

impl Qualifications {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let path = |name: &str| format!("/v1/printers/{}/qualification", segment(name));
        let (name, by, step) = match self.what {
            What::Show { name } => {
                let shown: QualificationView = client.get(&path(&name))?;
                return told(global, &shown, one);
            }
            What::Grant { name, by } => (name, by, QualificationStep::Qualified {}),
            What::Restrict { name, uses, why, by } => (name, by, QualificationStep::Restricted { uses, why }),
            What::Withdraw { name, why, by } => (name, by, QualificationStep::Withdrawn { why }),
            What::Due { name, on, by } => (name, by, QualificationStep::CalibrationDue { on }),
            What::Maintain { name, what, minutes, by } => {
                (name, by, QualificationStep::Maintained { what, minutes })
            }
        };
        let now: QualificationView = by.post(&client, &path(&name), step)?;
        told(global, &now, one)
    }
}

/// So many of the newest entries are shown; all are in the JSON and in the printer's report.
const MAINTENANCE_SHOWN: usize = 5;

fn one(printer: &QualificationView) {
    show::line(&format!("{}: {}", printer.printer, printer.state));
    if let Some(why) = &printer.why {
        show::line(&show::plain(&format!("  for      {}: {why}", printer.uses.join(", "))));
    }
    let due = printer.calibration_due.as_deref().unwrap_or("not known");
    show::line(&format!("  due      {due}"));
    if let Some(last) = &printer.last {
        let passed = if last.passed { "passed" } else { "failed" };
        show::line(&format!("  phantom  {passed} on {} (inspection {})", last.at, last.inspection));
    }
    for done in printer.maintenance.iter().rev().take(MAINTENANCE_SHOWN) {
        let minutes = done.minutes.map(|minutes| format!(", {minutes} min")).unwrap_or_default();
        let on = done.at.get(..10).unwrap_or(&done.at);
        show::line(&show::plain(&format!("  done     {on} {}{minutes}, by {}", done.what, done.by)));
    }
    for load in &printer.loaded {
        show::line(&show::plain(&format!(
            "  slot {}   lot {} {} ({})",
            load.slot, load.lot, load.material, load.supplier_lot
        )));
    }
    if let Some(chart) = &printer.chart {
        show::line(&format!("  chart    {}", chart.words));
        for signal in &chart.signals {
            show::line(&format!(
                "           {}, points {} to {}",
                signal.rule,
                signal.first + 1,
                signal.last + 1
            ));
        }
    }
}
