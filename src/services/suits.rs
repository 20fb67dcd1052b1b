//! What no person's word changes when a job is let begin by hand: what its printer prints with, for what the process is
//! good enough there, and how much hangs there. The plan asks the same of what begins by itself.

use crate::config::{Kind, Printer};
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::Job;
use crate::domain::lab::Lab;
use crate::domain::quality::start;
use crate::gcode::analysis::Analysis;

/// Why a printer does not suit a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsuited {
    #[error(
        "printer {0} prints with resin, and every job is a file for filament; name a printer for filament"
    )]
    Resin(PrinterName),
    #[error(
        "process {process}, by which the file of job {job} was sliced, is not validated on printer {printer} for what the case is for; print it where it is, or have it validated"
    )]
    NotValidated { job: JobId, printer: PrinterName, process: String },
    #[error(
        "{left} g of {material} are left on printer {printer}, and job {job} needs {needs} g; load more {material}, or print it elsewhere"
    )]
    TooLittle { job: JobId, printer: PrinterName, material: String, left: u64, needs: u64 },
}

/// Every job is a file for filament.
pub fn takes_filament(printer: &Printer) -> Result<(), Unsuited> {
    match printer.kind {
        Kind::Fdm => Ok(()),
        Kind::Resin => Err(Unsuited::Resin(printer.name.clone())),
    }
}

/// Where approvals are asked for, what was sliced here is printed only by a process that is good enough on that kind
/// of printer for what the case is for.
pub fn is_validated(lab: &Lab, job: &Job, printer: &Printer) -> Result<(), Unsuited> {
    let Some(chain) = lab.chains.get(&job.id).filter(|_| lab.quality.rules.approval_before_printing) else {
        return Ok(());
    };
    let of = lab.cases.get(&job.case).map(|case| case.intended_use);
    let model = printer.model.as_deref();
    let mut known = lab.quality.processes.values().filter(|known| known.gone.is_none());
    let is_good_enough = known.any(|known| {
        let process = &known.process;
        process.name.as_str() == chain.process
            && Some(process.printer_model.as_str()) == model
            && of.is_some_and(|of| process.validated_for.contains(&of))
    });
    if is_good_enough {
        return Ok(());
    }
    let (job, printer, process) = (job.id.clone(), printer.name.clone(), chain.process.clone());
    Err(Unsuited::NotValidated { job, printer, process })
}

/// Where lots are asked for, one load has to be long enough; nothing is said where nobody knows what the job needs.
pub fn has_enough(
    lab: &Lab,
    job: &Job,
    printer: &PrinterName,
    needs_mg: Option<u64>,
) -> Result<(), Unsuited> {
    let wanted = start::wanted(lab, job).filter(|_| lab.quality.rules.lots);
    let (Some(material), Some(needs)) = (wanted, needs_mg) else { return Ok(()) };
    let lots = lab.quality.loaded_on(printer).filter_map(|load| lab.quality.lots.get(&load.lot));
    let longest = lots.filter(|lot| lot.is_of(material)).map(|lot| lot.left_mg).max();
    match longest.filter(|left| *left < needs) {
        None => Ok(()),
        Some(left) => Err(Unsuited::TooLittle {
            job: job.id.clone(),
            printer: printer.clone(),
            material: material.to_owned(),
            left: left / 1_000,
            needs: needs.div_ceil(1_000),
        }),
    }
}

/// What a file takes, in milligrams; nothing where its slicer names no density.
pub fn milligrams(analysis: &Analysis) -> Option<u64> {
    let grams = (0..analysis.filament.len()).filter_map(|tool| analysis.filament_of(tool).1);
    grams.reduce(|all, more| all + more).map(|grams| whole(grams * 1_000.0))
}

#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates, and no number is nothing")]
fn whole(number: f64) -> u64 {
    (number.round().max(0.0) as i64).unsigned_abs()
}
