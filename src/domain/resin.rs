//! What nobody can read of a resin printer, and people and counters tell: its vat, its display, its film, and whether
//! somebody has looked before a start.
//!
//! ```text
//! vat        Empty ─filled─▶ Filled ─topped up, measured, stirred, filtered─▶ Filled ─emptied─▶ Empty
//!                              └─a print uses of it: estimated, and never gauged
//! display    light-hours  ─▶ Good ─▶ Worn ─▶ Overdue ─replaced─▶ Good
//! film       layers       ─▶ Good ─▶ Worn ─▶ Overdue ─replaced─▶ Good      (the vat is empty then)
//! checklist  none ─done by somebody─▶ Done ─a start, or anything that is done to the printer─▶ none
//! odd        none ─its board does what it should not─▶ told ─somebody looks, or a start─▶ none
//! ```
//! What a printer is (`Outfit`) comes from the configuration, and stands in the journal where that is news: so a start is
//! judged by what was known then. What a job takes (`Need`) comes from its file, or where that is encrypted from a person, and is noted in the commit
//! that makes the job. Lots in the vat are loaded on the printer as any material is, and so are found again in printed parts.
//!
//! | file | what it has |
//! |---|---|
//! | `outfit` | what a printer is, and what is asked before a start |
//! | `need` | what a job takes, and where it is refilled |
//! | `vat` | what is in a vat, of which lots, since when |
//! | `wear` | hours of light and cycles of the film |
//! | `odd` | what its board did that somebody has to know |
//! | `start` | why a job does not begin |
//! | `judge`, `apply` | whether something is granted, and what it makes true |

mod apply;
mod judge;
pub mod need;
pub mod odd;
pub mod outfit;
pub mod start;
pub mod vat;
pub mod wear;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::ids::{JobId, LotId, PrinterName};
use super::lab;
use super::moment::WallTime;
use super::units::Microlitres;
use need::{Need, NeedError};
use odd::{Odd, Seen};
use outfit::{Item, Outfit, listed};
use vat::{Contents, Vat};
use wear::{Counter, Lit, Reached, Wear};

pub use apply::{after_crash, apply, follow};
pub use judge::judge;
pub use start::{Hindrance, may_go_on, may_start};

/// A running print is counted into the journal after so many layers, and whenever it stands still or ends.
pub const NOTE_EVERY: u32 = 100;
/// Or, where nobody knows its layers, after each such part of its resin.
pub const NOTE_PARTS: u64 = 20;
/// A checklist is of one shift: what was looked at yesterday is looked at again.
pub const CHECKLIST_HOLDS_MS: u64 = 12 * 3_600_000;

/// What happened to a resin printer. The names are stored: they may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fact {
    /// platen's: what the configuration says of it now; absent where it is no resin printer any more.
    Fitted {
        printer: PrinterName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outfit: Option<Box<Outfit>>,
    },
    /// What a job takes, as its file has it, or as a person has said of a file that nobody but its printer reads.
    Needs {
        job: JobId,
        need: Box<Need>,
    },
    VatFilled {
        printer: PrinterName,
        lot: LotId,
        poured: Microlitres,
        by: String,
    },
    /// More of a lot, or some of another lot of the same material.
    VatToppedUp {
        printer: PrinterName,
        lot: LotId,
        poured: Microlitres,
        by: String,
    },
    /// Somebody has looked how much is in it.
    VatMeasured {
        printer: PrinterName,
        left: Microlitres,
        by: String,
    },
    VatStirred {
        printer: PrinterName,
        by: String,
    },
    /// Poured through a filter and back: nothing cured is in it.
    VatFiltered {
        printer: PrinterName,
        by: String,
    },
    /// Its resin went back into the bottle, or is waste; the vat is clean.
    VatEmptied {
        printer: PrinterName,
        resin: Emptied,
        by: String,
    },
    /// Another display, which had so many hours of light before.
    DisplayReplaced {
        printer: PrinterName,
        hours: u32,
        by: String,
    },
    /// Another film, which had come off so many layers before.
    FilmReplaced {
        printer: PrinterName,
        layers: u32,
        by: String,
    },
    /// How much a job was lit so far, over all of it.
    Lit {
        printer: PrinterName,
        job: JobId,
        lit: Lit,
        /// This is the most that it can have been: platen ended while it ran, or nobody but its board reads its file.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        guessed: bool,
        /// What is worn from this entry on, and was not before; only here, so that it is told once.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        reached: BTreeSet<Reached>,
    },
    /// Somebody has looked at each of these, and it is so.
    ChecklistDone {
        printer: PrinterName,
        items: BTreeSet<Item>,
        by: String,
    },
    /// Its board did what somebody has to know; `job` ran, or its part stood there.
    Odd {
        printer: PrinterName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobId>,
        odd: Odd,
    },
}

impl Fact {
    pub fn printer(&self) -> Option<&PrinterName> {
        match self {
            Self::Needs { .. } => None,
            Self::Fitted { printer, .. }
            | Self::VatFilled { printer, .. }
            | Self::VatToppedUp { printer, .. }
            | Self::VatMeasured { printer, .. }
            | Self::VatStirred { printer, .. }
            | Self::VatFiltered { printer, .. }
            | Self::VatEmptied { printer, .. }
            | Self::DisplayReplaced { printer, .. }
            | Self::FilmReplaced { printer, .. }
            | Self::Lit { printer, .. }
            | Self::ChecklistDone { printer, .. }
            | Self::Odd { printer, .. } => Some(printer),
        }
    }

    /// The job that it is about, where it is about one.
    pub fn job(&self) -> Option<&JobId> {
        match self {
            Self::Needs { job, .. } | Self::Lit { job, .. } => Some(job),
            Self::Odd { job, .. } => job.as_ref(),
            _ => None,
        }
    }
}

/// What became of the resin that was in a vat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emptied {
    Bottled,
    Discarded,
}

impl Emptied {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Bottled => "its resin is back in the bottle",
            Self::Discarded => "its resin is waste",
        }
    }
}

/// Who asks for what.
#[derive(Clone, Debug)]
pub enum Request {
    /// platen's, at each start, of every printer: `None` for one that prints with filament.
    Fit {
        printer: PrinterName,
        outfit: Option<Box<Outfit>>,
    },
    /// A request that makes jobs (queue, copies, an upload that is assigned, a model that is sliced), with what they
    /// take.
    WithNeeds {
        request: Box<lab::Request>,
        needs: BTreeMap<JobId, Need>,
    },
    FillVat {
        printer: PrinterName,
        lot: LotId,
        poured: Microlitres,
        by: String,
    },
    TopUpVat {
        printer: PrinterName,
        lot: LotId,
        poured: Microlitres,
        by: String,
    },
    MeasureVat {
        printer: PrinterName,
        left: Microlitres,
        by: String,
    },
    StirVat {
        printer: PrinterName,
        by: String,
    },
    FilterVat {
        printer: PrinterName,
        by: String,
    },
    EmptyVat {
        printer: PrinterName,
        resin: Emptied,
        by: String,
    },
    ReplaceDisplay {
        printer: PrinterName,
        hours: u32,
        by: String,
    },
    ReplaceFilm {
        printer: PrinterName,
        layers: u32,
        by: String,
    },
    /// The printer's task: how much the running job was lit so far, over all of it. Between pauses it is written down
    /// only every `NOTE_EVERY` layers, however often it is said; `now` writes it down in any case: before a pause is
    /// noted, and before the job's end is.
    NoteLit {
        job: JobId,
        lit: Lit,
        now: bool,
    },
    DoChecklist {
        printer: PrinterName,
        items: BTreeSet<Item>,
        by: String,
    },
    /// The printer's task: its board did what somebody has to know. Until somebody has looked it is told once.
    NoteOdd {
        printer: PrinterName,
        odd: Odd,
    },
}

impl Request {
    /// The request that it carries.
    pub fn carried(&self) -> Option<&lab::Request> {
        match self {
            Self::WithNeeds { request, .. } => Some(request),
            _ => None,
        }
    }
}

/// Why something of a resin printer is not done: what, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "printer {0} has no vat: it prints with filament, or the configuration does not say which resin printer it is (`kind`)"
    )]
    NoVat(PrinterName),
    #[error("the vat of printer {0} holds resin already; top it up, or empty it first")]
    VatFilled(PrinterName),
    #[error("the vat of printer {0} is empty; fill it first")]
    VatEmpty(PrinterName),
    #[error("the film of printer {0} is not replaced with resin on it; empty the vat first")]
    ResinOnFilm(PrinterName),
    #[error("the vat of printer {printer} holds {holds}, and {would} would be in it; pour in less")]
    Overfull { printer: PrinterName, holds: Microlitres, would: Microlitres },
    #[error("nothing is poured in; say how many millilitres")]
    NothingPoured,
    #[error(
        "the vat of printer {printer} holds {holds}, and lot {lot} is {poured}; empty it first, or pour in what it holds"
    )]
    OtherMaterial { printer: PrinterName, lot: LotId, holds: String, poured: String },
    #[error("the vat of printer {0} holds as many lots as it may (8); empty it first")]
    TooManyLots(PrinterName),
    #[error("the checklist of printer {printer} lacks {}; look at that, then say all of it at once", listed(.missing))]
    ItemsMissing { printer: PrinterName, missing: Vec<Item> },
    #[error("printer {0} asks for no checklist; there is nothing to do")]
    NoChecklist(PrinterName),
    #[error(
        "the vat of printer {0} is not as it was seen: it was filled or topped up since; look at it, then say it again"
    )]
    VatChanged(PrinterName),
    #[error(
        "the {thing} of printer {printer} is not the one that was seen: it was replaced since; look at it, then say it again"
    )]
    ReplacedSince { printer: PrinterName, thing: &'static str },
    #[error("job {job} does not run on a resin printer, so nothing is lit for it; look at the job")]
    NotLit { job: JobId },
    #[error("what job {job} takes makes no sense: {error}; look at its file")]
    Need { job: JobId, error: NeedError },
    #[error(
        "what a job takes is said when it is made, and job {0} is none that is made here; queue it with it"
    )]
    NotMade(JobId),
    #[error("job {job} cannot begin on printer {printer}: {}; see to it, then try again", .why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Hindered { job: JobId, printer: PrinterName, why: Vec<Hindrance> },
    #[error(
        "job {job} stands still until the vat of printer {printer} is refilled: it gives {gives}, and {needs} are needed until the job stands still again or ends; top it up, or measure it, then resume the job"
    )]
    WantsRefill { job: JobId, printer: PrinterName, gives: Microlitres, needs: Microlitres },
}

/// Where something of resin is kept in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Printer(PrinterName),
    Need(JobId),
}

impl Key {
    /// `printer/…`, `need/…`.
    pub fn path(&self) -> String {
        match self {
            Self::Printer(printer) => format!("printer/{printer}"),
            Self::Need(job) => format!("need/{job}"),
        }
    }
}

/// Somebody has looked before a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    pub items: BTreeSet<Item>,
    pub by: String,
    pub at: WallTime,
}

impl Checklist {
    /// Whether it is of this shift. The wall's clock may have been set in either direction since.
    pub fn holds(&self, now: WallTime) -> bool {
        self.at.0.abs_diff(now.0) <= CHECKLIST_HOLDS_MS
    }
}

/// The durable half of a resin printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    pub printer: PrinterName,
    /// Absent where it is no resin printer any more; what it has counted stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outfit: Option<Outfit>,
    #[serde(default)]
    pub vat: Vat,
    /// Milliseconds of light through the display.
    #[serde(default)]
    pub display: Counter,
    /// Layers that came off the film.
    #[serde(default)]
    pub film: Counter,
    /// Of the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
    /// The job that was counted last, and how far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<(JobId, Lit)>,
    /// A print that did not come to its end since the vat was looked through: pieces of it may lie on the film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debris: Option<JobId>,
    /// What its board did that somebody has to know, the oldest first, until somebody has looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<Seen>,
}

impl Station {
    pub fn new(printer: PrinterName) -> Self {
        Self {
            printer,
            outfit: None,
            vat: Vat::Empty,
            display: Counter::default(),
            film: Counter::default(),
            checklist: None,
            counted: None,
            debris: None,
            odd: Vec::new(),
        }
    }

    pub fn contents(&self) -> Option<&Contents> {
        match &self.vat {
            Vat::Empty => None,
            Vat::Filled { contents } => Some(contents),
        }
    }

    /// How far a job was counted here.
    pub fn counted(&self, job: &JobId) -> Lit {
        self.counted.as_ref().filter(|(of, _)| of == job).map(|(_, lit)| *lit).unwrap_or_default()
    }

    /// Hours of light through the display, as its outfit judges them.
    pub fn display_wear(&self) -> Wear {
        let life = self.outfit.as_ref().and_then(|outfit| outfit.display_life_h);
        Wear::of(self.display.count / wear::HOUR_MS, life, self.warn_at())
    }

    /// Layers that came off the film, as its outfit judges them.
    pub fn film_wear(&self) -> Wear {
        let life = self.outfit.as_ref().and_then(|outfit| outfit.film_life_layers);
        Wear::of(self.film.count, life, self.warn_at())
    }

    /// What a job that is lit so far wears out that was not worn before.
    pub fn would_reach(&self, job: &JobId, lit: &Lit) -> BTreeSet<Reached> {
        let mut then = self.clone();
        then.count(job, *lit, false);
        let display = Reached::display(self.display_wear().verdict, then.display_wear().verdict);
        let film = Reached::film(self.film_wear().verdict, then.film_wear().verdict);
        display.into_iter().chain(film).collect()
    }

    fn warn_at(&self) -> u8 {
        self.outfit.as_ref().map_or(outfit::WARN_AT_PERCENT, |outfit| outfit.warn_at_percent)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resin {
    pub stations: BTreeMap<PrinterName, Station>,
    /// Of jobs that are files for resin.
    pub needs: BTreeMap<JobId, Need>,
}

impl Resin {
    /// A printer that prints with resin, and what it is.
    pub fn station(&self, printer: &PrinterName) -> Option<(&Station, &Outfit)> {
        let station = self.stations.get(printer)?;
        Some((station, station.outfit.as_ref()?))
    }

    pub fn keys(&self) -> Vec<Key> {
        let stations = self.stations.keys().cloned().map(Key::Printer);
        stations.chain(self.needs.keys().cloned().map(Key::Need)).collect()
    }

    pub fn entity(&self, key: &Key) -> Option<Vec<u8>> {
        let json = match key {
            Key::Printer(printer) => serde_json::to_vec(self.stations.get(printer)?),
            Key::Need(job) => serde_json::to_vec(self.needs.get(job)?),
        };
        json.ok()
    }

    /// The inverse of `entity`; `path` is without its first word.
    pub fn restore(&mut self, path: &str, json: &[u8]) -> Result<(), serde_json::Error> {
        let wrong = || serde::de::Error::custom("its key names nothing of resin");
        let (kind, id) = path.split_once('/').ok_or_else(wrong)?;
        match kind {
            "printer" => {
                let station: Station = serde_json::from_slice(json)?;
                self.stations.insert(station.printer.clone(), station);
            }
            "need" => {
                self.needs.insert(id.parse().map_err(|_| wrong())?, serde_json::from_slice(json)?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// The first thing in which this is not the same as another, by its key in the store.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let mut keys = self.keys();
        keys.extend(other.keys());
        keys.into_iter()
            .find(|key| self.entity(key) != other.entity(key))
            .map(|key| format!("resin/{}", key.path()))
    }
}
