//! Whether a job may begin on a resin printer: every reason why not, in words that say what to do.

use std::fmt;

use super::need::Need;
use super::outfit::{Item, Outfit, listed};
use super::vat::Contents;
use super::wear::{Verdict, Wear};
use super::{Refusal, Station};
use crate::domain::day::Day;
use crate::domain::ids::{JobId, LotId, PrinterName};
use crate::domain::job::{Job, JobState, PauseReason};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::printer::Cover;
use crate::domain::quality::lot::Unusable;
use crate::domain::quality::start::wanted;
use crate::domain::units::Microlitres;

/// Why a job does not begin on a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The job's file is for resin, and the printer prints with filament.
    NoResinPrinter,
    /// The printer prints with resin, and nobody knows what the job takes of it.
    NeedUnknown,
    /// The job's file is encrypted, and nobody has said what it takes of resin.
    NeedUnsaid,
    VatEmpty,
    NoMaterialNamed,
    WrongMaterial {
        holds: String,
        wanted: String,
    },
    Unusable {
        lot: LotId,
        supplier_lot: String,
        why: Unusable,
    },
    /// `needs` until it is refilled, or to its end.
    TooLittle {
        gives: Microlitres,
        needs: Microlitres,
    },
    /// More than a full vat gives, between two refills.
    VatTooSmall {
        room: Microlitres,
        needs: Microlitres,
    },
    ResinTooOld {
        days: u64,
        may: u16,
    },
    /// Pieces of a print that did not come to its end may lie on the film.
    Debris {
        job: JobId,
    },
    DisplayOverdue {
        wear: Wear,
    },
    FilmOverdue {
        wear: Wear,
    },
    ChecklistNeeded {
        items: Vec<Item>,
    },
    /// It is not of this shift.
    ChecklistOld,
    /// As its board tells: see [`of_cover`].
    CoverOpen,
    CoverNotTold,
}

impl Hindrance {
    /// A word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoResinPrinter => "no_resin_printer",
            Self::NeedUnknown => "need_unknown",
            Self::NeedUnsaid => "need_unsaid",
            Self::VatEmpty => "vat_empty",
            Self::NoMaterialNamed => "no_material_named",
            Self::WrongMaterial { .. } => "wrong_material",
            Self::Unusable { .. } => "lot_unusable",
            Self::TooLittle { .. } => "too_little_resin",
            Self::VatTooSmall { .. } => "vat_too_small",
            Self::ResinTooOld { .. } => "resin_too_old",
            Self::Debris { .. } => "debris",
            Self::DisplayOverdue { .. } => "display_overdue",
            Self::FilmOverdue { .. } => "film_overdue",
            Self::ChecklistNeeded { .. } => "checklist_needed",
            Self::ChecklistOld => "checklist_old",
            Self::CoverOpen => "cover_open",
            Self::CoverNotTold => "cover_not_told",
        }
    }
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResinPrinter => {
                f.write_str("its file is for resin, and the printer prints with filament: choose a resin printer")
            }
            Self::NeedUnknown => f.write_str(
                "the printer prints with resin, and its file does not say what it takes: queue a file for resin",
            ),
            Self::NeedUnsaid => f.write_str(
                "its file is encrypted, and nobody has said what resin it takes: cancel it, and queue it again with the millilitres that the slicer shows",
            ),
            Self::VatEmpty => f.write_str("no resin is noted in the vat: fill it, and scan its lot"),
            Self::NoMaterialNamed => f.write_str("it names no material: queue it with one"),
            Self::WrongMaterial { holds, wanted } => {
                write!(f, "the vat holds {holds}, and it wants {wanted}: empty the vat and fill it with that")
            }
            Self::Unusable { lot, supplier_lot, why } => {
                write!(f, "lot {lot} ({supplier_lot}), which is in the vat, {why}")
            }
            Self::TooLittle { gives, needs } => {
                write!(f, "the vat gives {gives}, and it needs {needs}: top the vat up, or measure it")
            }
            Self::VatTooSmall { room, needs } => write!(
                f,
                "it needs {needs} without a stop, and a full vat gives {room}: queue it with refills, or print it in pieces"
            ),
            Self::ResinTooOld { days, may } => {
                write!(f, "its resin is in the vat for {days} days, and {may} are allowed: empty the vat")
            }
            Self::Debris { job } => write!(
                f,
                "job {job} did not come to its end, and pieces of it may lie in the vat: filter the resin, or empty the vat"
            ),
            Self::DisplayOverdue { wear } => {
                write!(f, "the display has had {wear} hours of light: replace it")
            }
            Self::FilmOverdue { wear } => write!(f, "the film has let go {wear} layers: replace it"),
            Self::ChecklistNeeded { items } => {
                write!(f, "nobody has looked at the printer since: see to it and confirm: {}", listed(items))
            }
            Self::ChecklistOld => {
                f.write_str("the checklist is from more than twelve hours ago: look again, and confirm it anew")
            }
            Self::CoverOpen => f.write_str("its cover is open: close it"),
            Self::CoverNotTold => f.write_str(
                "its board has not told whether its cover is closed: wait some seconds, or look at the switch",
            ),
        }
    }
}

/// Every reason for which it may not. For a file for filament on a printer for filament there is none.
pub fn may_start(lab: &Lab, job: &Job, printer: &PrinterName, now: WallTime) -> Result<(), Refusal> {
    let why = hindrances(lab, job, printer, now);
    if why.is_empty() {
        return Ok(());
    }
    Err(Refusal::Hindered { job: job.id.clone(), printer: printer.clone(), why })
}

/// Whether a job that stands still to be refilled may go on: its vat gives by now what it takes until it stands still
/// again, or ends.
pub fn may_go_on(lab: &Lab, job: &Job) -> Result<(), Refusal> {
    let JobState::Paused { run, reason: PauseReason::Refill } = &job.state else { return Ok(()) };
    let (need, station) = (lab.resin.needs.get(&job.id), lab.resin.station(&run.printer));
    let Some((need, (station, outfit))) = need.zip(station) else { return Ok(()) };
    let left = station.contents().map_or(0, |contents| contents.left.0);
    let gives = Microlitres(left.saturating_sub(outfit.keeps.0));
    let needs = need.stretch_behind(run.progress.confirmed);
    if needs <= gives {
        return Ok(());
    }
    Err(Refusal::WantsRefill { job: job.id.clone(), printer: run.printer.clone(), gives, needs })
}

/// What its cover says against a start, as its board told last. It is no fact of the journal, and asked again before
/// anything moves.
pub fn of_cover(cover: Cover) -> Option<Hindrance> {
    match cover {
        Cover::NoSwitch | Cover::Closed => None,
        Cover::Open => Some(Hindrance::CoverOpen),
        Cover::NotTold => Some(Hindrance::CoverNotTold),
    }
}

/// What `may_start` refuses for.
pub fn hindrances(lab: &Lab, job: &Job, printer: &PrinterName, now: WallTime) -> Vec<Hindrance> {
    let need = lab.resin.needs.get(&job.id);
    let Some((station, outfit)) = lab.resin.station(printer) else {
        return need.map(|_| Hindrance::NoResinPrinter).into_iter().collect();
    };
    let Some(need) = need else { return vec![Hindrance::NeedUnknown] };
    if need.known_resin().is_none() {
        return vec![Hindrance::NeedUnsaid];
    }
    let mut why = Vec::new();
    match station.contents() {
        None => why.push(Hindrance::VatEmpty),
        Some(contents) => {
            why.extend(unfit(lab, job, contents, now));
            why.extend(too_old(contents, outfit, now));
            let gives = Microlitres(contents.left.0.saturating_sub(outfit.keeps.0));
            why.extend(too_little(need, gives, outfit));
        }
    }
    why.extend(worn(station, outfit));
    why.extend(station.debris.clone().map(|job| Hindrance::Debris { job }));
    why.extend(unlooked(station, outfit, now));
    why
}

/// The vat holds what the job wants, and each lot in it may be used today, whatever the rules of the site.
fn unfit(lab: &Lab, job: &Job, contents: &Contents, now: WallTime) -> Vec<Hindrance> {
    let Some(wanted) = wanted(lab, job) else { return vec![Hindrance::NoMaterialNamed] };
    if !contents.material.eq_ignore_ascii_case(wanted.trim()) {
        let (holds, wanted) = (contents.material.clone(), wanted.to_owned());
        return vec![Hindrance::WrongMaterial { holds, wanted }];
    }
    let today = Day::in_utc(now);
    let lots = contents.portions.iter().filter_map(|portion| lab.quality.lots.get(&portion.lot));
    let unusable = lots.flat_map(|lot| {
        let (id, supplier_lot) = (lot.id.clone(), lot.about.supplier_lot.to_string());
        lot.unusable(today).into_iter().map(move |why| Hindrance::Unusable {
            lot: id.clone(),
            supplier_lot: supplier_lot.clone(),
            why,
        })
    });
    unusable.collect()
}

fn too_little(need: &Need, gives: Microlitres, outfit: &Outfit) -> Option<Hindrance> {
    let (longest, room) = (need.longest_stretch(), outfit.room());
    if longest > room {
        return Some(Hindrance::VatTooSmall { room, needs: longest });
    }
    let needs = need.first_stretch();
    (needs > gives).then_some(Hindrance::TooLittle { gives, needs })
}

fn too_old(contents: &Contents, outfit: &Outfit, now: WallTime) -> Option<Hindrance> {
    let (days, may) = (contents.days(now), outfit.resin_days?);
    (days > u64::from(may)).then_some(Hindrance::ResinTooOld { days, may })
}

fn worn(station: &Station, outfit: &Outfit) -> Vec<Hindrance> {
    let overdue = |wear: &Wear| outfit.worn_bars && wear.verdict == Verdict::Overdue;
    let (display, film) = (station.display_wear(), station.film_wear());
    let display = Some(display).filter(overdue).map(|wear| Hindrance::DisplayOverdue { wear });
    let film = Some(film).filter(overdue).map(|wear| Hindrance::FilmOverdue { wear });
    display.into_iter().chain(film).collect()
}

fn unlooked(station: &Station, outfit: &Outfit, now: WallTime) -> Option<Hindrance> {
    let asked = || Item::ALL.into_iter().filter(|item| outfit.checklist.contains(item));
    let Some(done) = &station.checklist else {
        let items: Vec<_> = asked().collect();
        return (!items.is_empty()).then_some(Hindrance::ChecklistNeeded { items });
    };
    // The configuration may ask for more than it did then.
    let items: Vec<_> = asked().filter(|item| !done.items.contains(item)).collect();
    if !items.is_empty() {
        return Some(Hindrance::ChecklistNeeded { items });
    }
    (!outfit.checklist.is_empty() && !done.holds(now)).then_some(Hindrance::ChecklistOld)
}
