//! The printer report: whether a printer may be used, how it was used and maintained, what came of its prints, and its
//! control charts.
//! Takes `printer` and a period; the charts have all points up to the period's end, since limits need them.

use serde::Serialize;
use std::collections::BTreeMap;

use super::case::{FaultOf, entries, fault, faults, or_none, short};
use super::facts::{self, Measured};
use super::past::Entry;
use super::sheet::{Section, Table};
use super::words::{long, maybe, moment, percent, plain, said, said_of};
use super::{Kind, Parameters, ReportError, Sources};
use crate::counting::metrics::printing::{Attempt, AttemptOutcome, PrintSuccess, Reprints};
use crate::counting::metrics::utilisation::{Use, Utilisation};
use crate::counting::spc::{Basis, Chart, Settings, charts};
use crate::counting::stats::Share;
use crate::domain::ids::PrinterName;
use crate::domain::moment::WallTime;
use crate::domain::quality::nonconformance::About;
use crate::domain::quality::qualification::QualificationState;

/// Limits by the moving range: what changes from print to print, of all points.
const SETTINGS: Settings = Settings { basis: Basis::MovingRange, baseline: None, tolerance: None };

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phantom {
    pub inspection: String,
    pub passed: bool,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadOf {
    pub lot: String,
    pub material: Option<String>,
    pub slot: u8,
    pub from: String,
    pub to: Option<String>,
    pub by: String,
}

/// What was done to it in the period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaintenanceOf {
    pub number: u32,
    pub what: String,
    pub minutes: Option<u16>,
    pub by: String,
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrinterReport {
    pub printer: PrinterName,
    pub model: Option<String>,
    pub from: String,
    pub to: String,
    pub qualification: &'static str,
    pub restricted_why: Option<String>,
    pub calibration_due: Option<String>,
    pub last_phantom: Option<Phantom>,
    pub last_good_phantom: Option<Phantom>,
    #[serde(rename = "use")]
    pub used: Use,
    pub success: Share,
    pub by_outcome: BTreeMap<AttemptOutcome, u64>,
    /// Prints of it that had to be made again, wherever that was done then.
    pub printed_again: Share,
    /// Prints that began in the period.
    pub prints: Vec<Attempt>,
    pub phantoms: Option<Chart>,
    pub parts: Option<Chart>,
    pub loads: Vec<LoadOf>,
    pub maintenance: Vec<MaintenanceOf>,
    pub nonconformances: Vec<FaultOf>,
    pub entries: Vec<Entry>,
}

impl PrinterReport {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let Sources { lab, past, site } = of;
        let needed = ReportError::Needs { kind: Kind::Printer, needs: "one printer" };
        let printer = parameters.printer.clone().ok_or(needed)?;
        let known = site.models.contains_key(&printer)
            || past.first_seen.contains_key(&printer)
            || lab.quality.printers.contains_key(&printer);
        if !known {
            return Err(ReportError::NoPrinter(printer));
        }
        let (window, zone) = (of.window(parameters)?, &site.zone);
        let attempts = facts::attempts(lab, &site.models, site.rates.as_ref(), zone);
        let own: Vec<Attempt> =
            attempts.iter().filter(|attempt| attempt.printer == printer).cloned().collect();
        let success = PrintSuccess::of(window, &own);
        let again = Reprints::of(window, &attempts).by_printer.get(&printer).copied().unwrap_or_default();
        let times: Vec<_> = facts::printers(past, &site.models);
        let times: Vec<_> = times.into_iter().filter(|time| time.printer == printer).collect();
        let mut used = Utilisation::of(window, &times, &facts::runs(lab));
        let chart = |of: Measured| {
            let points: Vec<_> = facts::measurements(lab, of)
                .into_iter()
                .filter(|point| point.printer == printer && point.at < window.to)
                .collect();
            charts(&points, SETTINGS).remove(&printer)
        };
        let qualification = lab.quality.printers.get(&printer);
        let phantom = |of: &crate::domain::quality::qualification::Phantom| Phantom {
            inspection: of.inspection.to_string(),
            passed: of.passed,
            at: of.at.to_string(),
        };
        let within = |entry: &&Entry| entry.at >= window.from.to_string() && entry.at < window.to.to_string();
        let mut prints: Vec<Attempt> =
            own.iter().filter(|attempt| window.has_some(attempt.started)).cloned().collect();
        prints.sort_by_key(|attempt| (attempt.started, attempt.job.clone()));
        let loads = lab.quality.loads.values().filter(|load| {
            load.printer == printer && load.from < window.to && load.to.is_none_or(|to| to >= window.from)
        });
        Ok(Self {
            model: site.models.get(&printer).cloned().flatten(),
            from: window.from.to_string(),
            to: WallTime(window.to.0.saturating_sub(1)).to_string(),
            qualification: qualification.map_or("unqualified", |of| of.state.word()),
            restricted_why: qualification.and_then(|of| match &of.state {
                QualificationState::Restricted { why, .. } => Some(said(why.as_str())),
                _ => None,
            }),
            calibration_due: qualification.and_then(|of| of.calibration_due).map(|day| day.to_string()),
            last_phantom: qualification.and_then(|of| of.last.as_ref()).map(phantom),
            last_good_phantom: qualification.and_then(|of| of.last_good.as_ref()).map(phantom),
            used: used.printers.remove(&printer).unwrap_or_default(),
            success: success.all,
            by_outcome: success.by_outcome,
            printed_again: again,
            prints,
            phantoms: chart(Measured::Phantoms),
            parts: chart(Measured::Parts),
            loads: loads
                .map(|load| LoadOf {
                    lot: load.lot.to_string(),
                    material: said_of(lab.quality.lots.get(&load.lot).map(|lot| &lot.about.material)),
                    slot: load.slot,
                    from: load.from.to_string(),
                    to: load.to.map(|at| at.to_string()),
                    by: load.by.clone(),
                })
                .collect(),
            maintenance: lab
                .quality
                .maintenance_of(&printer)
                .filter(|entry| window.has_some(Some(entry.at)))
                .map(|entry| MaintenanceOf {
                    number: entry.number,
                    what: said(entry.what.as_str()),
                    minutes: entry.minutes,
                    by: entry.by.clone(),
                    at: entry.at.to_string(),
                })
                .collect(),
            nonconformances: lab
                .quality
                .nonconformances
                .values()
                .filter(|of| matches!(&of.about, About::Printer { printer: of } if *of == printer))
                .map(fault)
                .collect(),
            entries: past.told.iter().filter(within).cloned().collect(),
            printer,
        })
    }

    pub fn sections(&self) -> Vec<Section> {
        let share = |of: Share| {
            format!("{} ({} of {}, {} not known)", percent(of.permille()), of.hits, of.known(), of.missing)
        };
        let phantom = |of: &Option<Phantom>| {
            of.as_ref().map_or_else(
                || "none".into(),
                |of| {
                    let passed = if of.passed { "passed" } else { "FAILED" };
                    format!("{passed}, {} UTC, inspection {}", short(&of.at), of.inspection)
                },
            )
        };
        let used = &self.used;
        let mut sections = vec![
            Section::pairs(
                "The printer",
                vec![
                    ("Printer", self.printer.to_string()),
                    ("Model", or_none(self.model.as_ref())),
                    ("Period", format!("{} to {} UTC", short(&self.from), short(&self.to))),
                    ("Qualification", self.qualification.to_owned()),
                    ("Restricted because", or_none(self.restricted_why.as_ref())),
                    (
                        "Calibration due",
                        self.calibration_due.clone().unwrap_or_else(|| "never planned".into()),
                    ),
                    ("Last phantom", phantom(&self.last_phantom)),
                    ("Last good phantom", phantom(&self.last_good_phantom)),
                ],
            ),
            Section::pairs(
                "Use",
                vec![
                    (
                        "Utilisation",
                        format!(
                            "{} ({} of {})",
                            percent(used.permille()),
                            long(used.printing),
                            long(used.available)
                        ),
                    ),
                    ("Of it for lost prints", long(used.failed)),
                    ("A part on the bed, nothing printed", long(used.waiting_for_bed)),
                    ("Jobs", format!("{}, and {} whose end is not known", used.attempts, used.missing)),
                    ("Prints that came out well", share(self.success)),
                    ("Prints that had to be made again", share(self.printed_again)),
                ],
            )
            .noted("Available are all hours from the first that the journal tells of it on."),
        ];
        for (title, chart) in [("Phantoms", &self.phantoms), ("Parts", &self.parts)] {
            let title = format!("{title}: deviation from nominal");
            match chart {
                None => sections.push(Section::lines(&title, vec!["nothing was measured".into()])),
                Some(chart) => {
                    let broken = match &chart.verdict {
                        crate::counting::spc::Verdict::Judged { signals, .. } => signals
                            .iter()
                            .map(|signal| {
                                format!(
                                    "points {} to {}: {}",
                                    signal.first + 1,
                                    signal.last + 1,
                                    signal.rule.in_words()
                                )
                            })
                            .collect(),
                        _ => Vec::new(),
                    };
                    sections.push(Section::chart(&title, chart).noted(chart.verdict.in_words()));
                    if !broken.is_empty() {
                        sections.push(Section::lines("Broken rules", broken));
                    }
                }
            }
        }
        let mut prints = Table::new(&[
            "Job",
            "Case",
            "Attempt",
            "Material",
            "Process",
            "Began (UTC)",
            "Ended (UTC)",
            "Outcome",
        ]);
        for print in &self.prints {
            prints.row([
                print.job.to_string(),
                print.case.to_string(),
                print.number.to_string(),
                or_none(print.material.as_ref()),
                or_none(print.profile.as_ref()),
                maybe(print.started),
                maybe(print.ended),
                plain(&print.outcome),
            ]);
        }
        sections.push(Section::table("Prints", prints));
        let mut loads = Table::new(&["Lot", "Material", "Slot", "From (UTC)", "To (UTC)", "By"]);
        for load in &self.loads {
            loads.row([
                load.lot.clone(),
                or_none(load.material.as_ref()),
                load.slot.to_string(),
                short(&load.from),
                load.to.as_deref().map_or_else(|| "still loaded".into(), short),
                load.by.clone(),
            ]);
        }
        sections.push(Section::table("Material that was loaded", loads));
        let mut done = Table::new(&["No.", "What was done", "Minutes", "By", "At (UTC)"]);
        for entry in &self.maintenance {
            done.row([
                entry.number.to_string(),
                entry.what.clone(),
                entry.minutes.map_or_else(|| "not known".into(), |minutes| minutes.to_string()),
                entry.by.clone(),
                short(&entry.at),
            ]);
        }
        sections.push(Section::table("Maintenance", done));
        if !self.nonconformances.is_empty() {
            sections.push(Section::table("Nonconformances", faults(&self.nonconformances)));
        }
        sections.push(entries("What the journal tells", &self.entries));
        sections
    }

    /// One row a print, then one a measured point.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "printer",
            "row",
            "at_utc",
            "ended_utc",
            "job",
            "case",
            "attempt",
            "material",
            "process",
            "outcome",
            "deviation_um",
        ]);
        let empty = String::new;
        for print in &self.prints {
            table.row([
                self.printer.to_string(),
                "print".into(),
                maybe(print.started),
                maybe(print.ended),
                print.job.to_string(),
                print.case.to_string(),
                print.number.to_string(),
                print.material.clone().unwrap_or_default(),
                print.profile.clone().unwrap_or_default(),
                plain(&print.outcome),
                empty(),
            ]);
        }
        for (row, chart) in [("phantom", &self.phantoms), ("part", &self.parts)] {
            for (at, micrometres) in chart.iter().flat_map(|chart| &chart.points) {
                table.row([
                    self.printer.to_string(),
                    row.into(),
                    moment(*at),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    empty(),
                    micrometres.to_string(),
                ]);
            }
        }
        table
    }
}
