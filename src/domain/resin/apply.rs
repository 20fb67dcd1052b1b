//! What facts make of a resin printer: its own, and those of the jobs that run on it.

use super::odd::Seen;
use super::vat::{Contents, Vat};
use super::wear::{Counter, HOUR_MS, Lit};
use super::{Checklist, Fact, Key, NOTE_EVERY, Station};
use crate::domain::event::{Event, Fact as LabFact};
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::{Job, Progress};
use crate::domain::lab::Lab;
use crate::domain::printer::Bed;
use crate::domain::units::Microlitres;

/// Makes a fact true. Returns what it touched.
pub fn apply(lab: &mut Lab, event: &Event, fact: &Fact) -> Vec<Key> {
    if let Fact::Needs { job, need } = fact {
        lab.resin.needs.insert(job.clone(), need.as_ref().clone());
        return vec![Key::Need(job.clone())];
    }
    let Some(printer) = fact.printer() else { return Vec::new() };
    let at = event.stamp.wall;
    let material = match fact {
        Fact::VatFilled { lot, .. } => lab.quality.lots.get(lot).map(|lot| lot.about.material.to_string()),
        _ => None,
    };
    let new = || Station::new(printer.clone());
    let station = lab.resin.stations.entry(printer.clone()).or_insert_with(new);
    match fact {
        Fact::Needs { .. } => {}
        Fact::Fitted { outfit, .. } => station.outfit = outfit.as_deref().cloned(),
        Fact::VatFilled { lot, poured, by, .. } => {
            let contents = Contents::new(&material.unwrap_or_default(), lot, *poured, at, by);
            station.vat = Vat::Filled { contents };
            station.checklist = None;
        }
        Fact::VatToppedUp { lot, poured, by, .. } => {
            of_contents(station, |contents| contents.top_up(lot, *poured, by));
            station.checklist = None;
        }
        Fact::VatMeasured { left, .. } => of_contents(station, |contents| {
            contents.left = *left;
            contents.measured = Some(at);
        }),
        Fact::VatStirred { .. } => of_contents(station, |contents| contents.stirred = Some(at)),
        Fact::VatFiltered { .. } => {
            of_contents(station, |contents| contents.filtered = Some(at));
            (station.debris, station.checklist) = (None, None);
        }
        Fact::VatEmptied { .. } => {
            station.vat = Vat::Empty;
            (station.debris, station.checklist) = (None, None);
        }
        Fact::DisplayReplaced { hours, .. } => {
            let count = u64::from(*hours).saturating_mul(HOUR_MS);
            station.display = Counter { count, since: Some(at), guessed: false };
            station.checklist = None;
        }
        Fact::FilmReplaced { layers, .. } => {
            station.film = Counter { count: u64::from(*layers), since: Some(at), guessed: false };
            station.checklist = None;
        }
        Fact::Lit { job, lit, guessed, .. } => station.count(job, *lit, *guessed),
        Fact::ChecklistDone { items, by, .. } => {
            station.checklist = Some(Checklist { items: items.clone(), by: by.clone(), at });
            // Somebody stood there.
            station.odd.clear();
        }
        Fact::Odd { job, odd, .. } => station.odd.push(Seen { odd: *odd, job: job.clone(), at }),
    }
    vec![Key::Printer(printer.clone())]
}

fn of_contents(station: &mut Station, change: impl FnOnce(&mut Contents)) {
    if let Vat::Filled { contents } = &mut station.vat {
        change(contents);
    }
}

impl Station {
    pub(super) fn count(&mut self, job: &JobId, lit: Lit, guessed: bool) {
        let more = lit.beyond(&self.counted(job));
        self.display.add(more.light_ms, guessed);
        self.film.add(u64::from(more.layers), guessed);
        of_contents(self, |contents| {
            contents.left = Microlitres(contents.left.0.saturating_sub(more.resin.0));
        });
        self.counted = Some((job.clone(), lit));
    }
}

/// What an event of a job or a printer changes here. Called before the event itself is applied.
pub fn follow(lab: &mut Lab, event: &Event) -> Vec<Key> {
    match (&event.fact, &event.subject) {
        // It is for one start, and of the printer as it stood.
        (LabFact::JobStarted { printer } | LabFact::BedCleared { printer, .. }, _) => {
            of_station(lab, printer, |station| {
                station.checklist = None;
                station.odd.clear();
            })
        }
        (LabFact::PrinterStopped { printer, .. } | LabFact::PrinterFaulted { printer, .. }, _) => {
            of_station(lab, printer, |station| station.checklist = None)
        }
        // Whoever unlocks it has looked.
        (LabFact::LatchCleared { printer, .. }, _) => of_station(lab, printer, |station| station.odd.clear()),
        (
            LabFact::JobInterrupted { printer, .. } | LabFact::JobCancelled { printer: Some(printer), .. },
            Some(subject),
        ) => of_station(lab, printer, |station| station.debris = Some(subject.job.clone())),
        // Nothing was lit: the vat is as it was before that job.
        (LabFact::BedGivenBack { printer, .. }, _) => {
            let Bed::Occupied { job } = lab.printer(printer).bed else { return Vec::new() };
            of_station(lab, printer, |station| station.debris = station.debris.take().filter(|of| *of != job))
        }
        // Nobody knows what was done to them since the copy was made.
        (LabFact::JournalRestored { .. }, _) => {
            let all: Vec<_> = lab.resin.stations.keys().cloned().collect();
            let void = |printer| of_station(lab, &printer, |station| station.checklist = None);
            all.into_iter().flat_map(void).collect()
        }
        _ => Vec::new(),
    }
}

fn of_station(lab: &mut Lab, printer: &PrinterName, change: impl FnOnce(&mut Station)) -> Vec<Key> {
    let Some(station) = lab.resin.stations.get_mut(printer) else { return Vec::new() };
    let before = station.clone();
    change(station);
    if *station == before { Vec::new() } else { vec![Key::Printer(printer.clone())] }
}

/// The most that a job can have been lit which was running when platen ended: what was counted, and as many layers more
/// as may have gone by since; all of them where its board prints by itself. Nothing where that is not known, or no more.
pub fn after_crash(lab: &Lab, job: &Job, reached: Progress) -> Option<LabFact> {
    let printer = &job.state.run()?.printer;
    let (station, outfit) = lab.resin.station(printer)?;
    let need = lab.resin.needs.get(&job.id)?;
    let counted = station.counted(&job.id);
    if need.opaque.is_some() {
        // Its board prints by itself, and how many layers and how much light that was nobody knows.
        let lit = Lit { resin: need.resin.max(counted.resin), ..counted };
        return (lit != counted).then(|| guessed(station, printer, job, lit));
    }
    // Each command of such a job is a layer.
    let reached = u32::try_from(reached.confirmed).unwrap_or(u32::MAX);
    let since = counted.layers.saturating_add(NOTE_EVERY).max(reached);
    let layers = if outfit.alone { need.layers } else { since.min(need.layers) }.max(counted.layers);
    let more = u64::from(layers - counted.layers);
    let at_most = |counted: u64, each: u64, all: u64| {
        counted.saturating_add(more.saturating_mul(each)).min(all).max(counted)
    };
    let lit = Lit {
        layers,
        light_ms: at_most(counted.light_ms, need.longest_layer_ms, need.light_ms),
        resin: Microlitres(at_most(counted.resin.0, need.largest_layer.0, need.resin.0)),
    };
    (lit != counted).then(|| guessed(station, printer, job, lit))
}

fn guessed(station: &Station, printer: &PrinterName, job: &Job, lit: Lit) -> LabFact {
    let (printer, job) = (printer.clone(), job.id.clone());
    let reached = station.would_reach(&job, &lit);
    LabFact::Resin(Fact::Lit { printer, job, lit, guessed: true, reached })
}
