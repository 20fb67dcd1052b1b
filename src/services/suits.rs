//! What no person's word changes when a job is let begin by hand: what its printer prints with, for what the process is
//! good enough there, and how much is loaded there. The plan asks the same of what begins by itself.

use ::resin::file::Format;

use crate::config::resin::Drive;
use crate::config::{Kind, Printer};
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::Job;
use crate::domain::lab::Lab;
use crate::domain::quality::lot::Lot;
use crate::domain::quality::start;
use crate::gcode::analysis::Analysis;

/// What a job's file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Medium {
    Filament,
    Resin,
}

impl Medium {
    /// Of a job that has its file.
    pub fn of(lab: &Lab, job: &JobId) -> Self {
        if lab.resin.needs.contains_key(job) { Self::Resin } else { Self::Filament }
    }

    /// What printers for it are, in the configuration.
    pub fn kind(self) -> Kind {
        match self {
            Self::Filament => Kind::Fdm,
            Self::Resin => Kind::Resin,
        }
    }
}

/// Why a printer does not suit a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsuited {
    #[error("printer {0} prints with resin, and this is a file for filament; name a printer for filament")]
    Resin(PrinterName),
    #[error("printer {0} prints with filament, and this is a file for resin; name a resin printer")]
    Filament(PrinterName),
    #[error(
        "printer {0} is a resin printer that platen does not drive; carry the file there, or say in its section how it is driven (kind = \"msla\" or \"chitu\")"
    )]
    NotDriven(PrinterName),
    #[error(
        "printer {printer} prints no file of this kind ({}): a board of its own reads CTB, CBDDLP and GOO, and platen all that is not encrypted; slice it for that printer", .format.name()
    )]
    Format { printer: PrinterName, format: Format },
    #[error(
        "no printer here takes a file of this kind ({}); write a resin printer that does into the configuration, or slice the part for one that is there", .0.name()
    )]
    Nowhere(Format),
    #[error(
        "process {process}, by which the file of job {job} was sliced, is not validated on printer {printer} for what the case is for; print it where it is, or have it validated"
    )]
    NotValidated { job: JobId, printer: PrinterName, process: String },
    #[error(
        "{left} g of {material} are left on printer {printer}, and job {job} needs {needs} g; load more {material}, or print it elsewhere"
    )]
    TooLittle { job: JobId, printer: PrinterName, material: String, left: u64, needs: u64 },
}

/// Whether a printer prints with that at all.
pub fn takes(printer: &Printer, medium: Medium) -> Result<(), Unsuited> {
    let name = || printer.name.clone();
    match (printer.kind, medium) {
        (Kind::Fdm, Medium::Filament) => Ok(()),
        (Kind::Fdm, Medium::Resin) => Err(Unsuited::Filament(name())),
        (Kind::Resin, Medium::Filament) => Err(Unsuited::Resin(name())),
        (Kind::Resin, Medium::Resin) if printer.resin.is_none() => Err(Unsuited::NotDriven(name())),
        (Kind::Resin, Medium::Resin) => Ok(()),
    }
}

/// Whether a resin printer prints files of this kind: one whose masks we show all that we read, a board of its own only
/// what it reads itself.
pub fn reads(printer: &Printer, format: Format) -> Result<(), Unsuited> {
    let is_of_boards = || matches!(format, Format::Ctb | Format::Cbddlp | Format::Goo | Format::EncryptedCtb);
    match printer.resin.as_deref().map(|resin| &resin.drive) {
        None => Err(Unsuited::NotDriven(printer.name.clone())),
        Some(Drive::Chitu(_)) if is_of_boards() => Ok(()),
        Some(Drive::Msla(_)) if format != Format::EncryptedCtb => Ok(()),
        Some(_) => Err(Unsuited::Format { printer: printer.name.clone(), format }),
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

/// Where lots are asked for, one load has to be long enough, and of resin all that is mixed in the vat; nothing is said
/// where nobody knows what the job needs.
pub fn has_enough(
    lab: &Lab,
    job: &Job,
    printer: &PrinterName,
    needs_mg: Option<u64>,
) -> Result<(), Unsuited> {
    let wanted = start::wanted(lab, job).filter(|_| lab.quality.rules.lots);
    let (Some(material), Some(needs)) = (wanted, needs_mg) else { return Ok(()) };
    let lots = lab.quality.loaded_on(printer).filter_map(|load| lab.quality.lots.get(&load.lot));
    let left = lots.filter(|lot| lot.is_of(material)).map(|lot| lot.left_mg);
    let left = match Medium::of(lab, &job.id) {
        Medium::Filament => left.max(),
        Medium::Resin => left.reduce(u64::saturating_add),
    };
    match left.filter(|left| *left < needs) {
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

/// What a job takes of resin, in milligrams, by the densest of what is loaded there of it; nothing where nobody says how
/// dense that is.
pub fn milligrams_of_resin(lab: &Lab, job: &Job, printer: &PrinterName) -> Option<u64> {
    let resin = lab.resin.needs.get(&job.id)?.known_resin()?;
    let material = start::wanted(lab, job)?;
    let lots = lab.quality.loaded_on(printer).filter_map(|load| lab.quality.lots.get(&load.lot));
    let density = lots.filter(|lot| lot.is_of(material)).filter_map(Lot::density).max()?;
    Some(resin.milligrams(density))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_printer_takes_what_it_prints_with_and_a_board_what_it_reads() {
        let text = "site = \"a\"\nnode = \"b\"\n\
                    [[printer]]\nname = \"f\"\nport = \"/dev/f\"\nbaud = 115200\n\
                    [[printer]]\nname = \"r\"\nport = \"/dev/r\"\nbaud = 115200\nkind = \"resin\"\n\
                    [[printer]]\nname = \"c\"\nport = \"/dev/c\"\nbaud = 115200\nkind = \"chitu\"\n\
                    [printer.light]\nlongest_exposure_s = 60\n[printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n\
                    [printer.delivery]\nby = \"operator\"\n";
        let printers = Config::parse(text).unwrap().printers;
        let [filament, carried, board] = &printers[..] else { panic!("not three") };
        let name = |printer: &Printer| printer.name.clone();
        let table = [
            (filament, Medium::Filament, Ok(())),
            (filament, Medium::Resin, Err(Unsuited::Filament(name(filament)))),
            (carried, Medium::Filament, Err(Unsuited::Resin(name(carried)))),
            (carried, Medium::Resin, Err(Unsuited::NotDriven(name(carried)))),
            (board, Medium::Filament, Err(Unsuited::Resin(name(board)))),
            (board, Medium::Resin, Ok(())),
        ];
        for (printer, medium, wanted) in table {
            assert_eq!(takes(printer, medium), wanted, "{} {medium:?}", printer.name);
        }
        assert_eq!(reads(board, Format::Ctb), Ok(()));
        assert_eq!(reads(board, Format::EncryptedCtb), Ok(()));
        let refused = Unsuited::Format { printer: name(board), format: Format::Sl1 };
        assert_eq!(reads(board, Format::Sl1), Err(refused));
        assert_eq!(reads(carried, Format::Sl1), Err(Unsuited::NotDriven(name(carried))));
    }
}
