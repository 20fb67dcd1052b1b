//! Whether something that is done to a resin printer, or counted of it, is granted.

use std::collections::BTreeMap;

use super::need::Need;
use super::odd::{ODD_MAX, Odd};
use super::outfit::{Item, Outfit};
use super::vat::{Contents, LOTS_MAX};
use super::wear::Lit;
use super::{Fact, NOTE_EVERY, NOTE_PARTS, Refusal, Request, Station};
use crate::domain::event::Fact as LabFact;
use crate::domain::ids::{JobId, LotId, PrinterName};
use crate::domain::lab::{self, Lab, person};
use crate::domain::moment::WallTime;
use crate::domain::printer::Bed;
use crate::domain::quality::lot::SLOTS;
use crate::domain::quality::{self, Change, What};
use crate::domain::units::Microlitres;

type Facts = Vec<(Option<JobId>, LabFact)>;
type Judged = Result<Facts, lab::Refusal>;

fn one(fact: Fact) -> Judged {
    Ok(vec![(None, LabFact::Resin(fact))])
}

/// The facts that grant a request, or why it is refused. Changes nothing.
pub fn judge(lab: &Lab, request: &Request, now: WallTime) -> Judged {
    let asking = Asking { lab, now };
    match request {
        Request::Fit { printer, outfit } => {
            let known = lab.resin.stations.get(printer).and_then(|station| station.outfit.as_ref());
            if known == outfit.as_deref() {
                return Ok(Vec::new());
            }
            one(Fact::Fitted { printer: printer.clone(), outfit: outfit.clone() })
        }
        Request::WithNeeds { request, needs } => asking.with_needs(request, needs),
        Request::FillVat { printer, lot, poured, by } => asking.fill(printer, lot, *poured, person(by)?),
        Request::TopUpVat { printer, lot, poured, by } => asking.top_up(printer, lot, *poured, person(by)?),
        Request::MeasureVat { printer, left, by } => {
            let by = person(by)?;
            let (_, outfit, _) = asking.filled(printer)?;
            asking.fits(printer, outfit, *left)?;
            one(Fact::VatMeasured { printer: printer.clone(), left: *left, by })
        }
        Request::StirVat { printer, by } => {
            let by = person(by)?;
            asking.filled(printer)?;
            one(Fact::VatStirred { printer: printer.clone(), by })
        }
        Request::FilterVat { printer, by } => {
            let by = person(by)?;
            asking.filled(printer)?;
            asking.stands_still(printer)?;
            one(Fact::VatFiltered { printer: printer.clone(), by })
        }
        Request::EmptyVat { printer, resin, by } => {
            let by = person(by)?;
            let (_, _, contents) = asking.filled(printer)?;
            asking.stands_still(printer)?;
            let mut facts = asking.unload(printer, &by, |lot| contents.holds(lot))?;
            let emptied = Fact::VatEmptied { printer: printer.clone(), resin: *resin, by };
            facts.push((None, LabFact::Resin(emptied)));
            Ok(facts)
        }
        Request::ReplaceDisplay { printer, hours, by } => {
            let by = person(by)?;
            asking.station(printer)?;
            asking.stands_still(printer)?;
            one(Fact::DisplayReplaced { printer: printer.clone(), hours: *hours, by })
        }
        Request::ReplaceFilm { printer, layers, by } => {
            let by = person(by)?;
            let (station, _) = asking.station(printer)?;
            asking.stands_still(printer)?;
            if station.contents().is_some() {
                return Err(Refusal::ResinOnFilm(printer.clone()).into());
            }
            one(Fact::FilmReplaced { printer: printer.clone(), layers: *layers, by })
        }
        Request::NoteLit { job, lit, now } => asking.lit(job, *lit, *now),
        Request::DoChecklist { printer, items, by } => {
            let by = person(by)?;
            let (station, outfit) = asking.station(printer)?;
            if outfit.checklist.is_empty() {
                return Err(Refusal::NoChecklist(printer.clone()).into());
            }
            asking.stands_still(printer)?;
            // The plate with a part on it is not the one with which the next print begins.
            if let Bed::Occupied { job } = lab.printer(printer).bed {
                return Err(lab::Refusal::BedOccupied { printer: printer.clone(), job });
            }
            if outfit.checklist.contains(&Item::Stirred) && station.contents().is_none() {
                return Err(Refusal::VatEmpty(printer.clone()).into());
            }
            let lacks = |item: &Item| outfit.checklist.contains(item) && !items.contains(item);
            let missing: Vec<_> = Item::ALL.into_iter().filter(lacks).collect();
            if !missing.is_empty() {
                return Err(Refusal::ItemsMissing { printer: printer.clone(), missing }.into());
            }
            let items = items.intersection(&outfit.checklist).copied().collect();
            one(Fact::ChecklistDone { printer: printer.clone(), items, by })
        }
        Request::NoteOdd { printer, odd } => asking.odd(printer, *odd),
    }
}

struct Asking<'l> {
    lab: &'l Lab,
    now: WallTime,
}

impl<'l> Asking<'l> {
    fn station(&self, printer: &PrinterName) -> Result<(&'l Station, &'l Outfit), Refusal> {
        self.lab.resin.station(printer).ok_or_else(|| Refusal::NoVat(printer.clone()))
    }

    fn filled(&self, printer: &PrinterName) -> Result<(&'l Station, &'l Outfit, &'l Contents), Refusal> {
        let (station, outfit) = self.station(printer)?;
        let contents = station.contents().ok_or_else(|| Refusal::VatEmpty(printer.clone()))?;
        Ok((station, outfit, contents))
    }

    fn stands_still(&self, printer: &PrinterName) -> Result<(), lab::Refusal> {
        match self.lab.running_on(printer) {
            Some(job) => Err(lab::Refusal::PrinterBusy { printer: printer.clone(), job: job.id.clone() }),
            None => Ok(()),
        }
    }

    fn fits(&self, printer: &PrinterName, outfit: &Outfit, would: Microlitres) -> Result<(), Refusal> {
        if would <= outfit.holds {
            return Ok(());
        }
        Err(Refusal::Overfull { printer: printer.clone(), holds: outfit.holds, would })
    }

    fn material(&self, lot: &LotId) -> Result<&'l str, quality::Refusal> {
        let known = self.lab.quality.lots.get(lot);
        let known = known.ok_or_else(|| quality::Refusal::Nothing(What::Lot(lot.clone())))?;
        Ok(known.about.material.as_str())
    }

    fn fill(&self, printer: &PrinterName, lot: &LotId, poured: Microlitres, by: String) -> Judged {
        let (station, outfit) = self.station(printer)?;
        if station.contents().is_some() {
            return Err(Refusal::VatFilled(printer.clone()).into());
        }
        self.material(lot)?;
        self.pours(printer, outfit, poured, poured)?;
        // Whatever is noted there is of an earlier filling.
        let mut facts = self.unload(printer, &by, |loaded| loaded != lot)?;
        facts.extend(self.load(printer, lot, &by)?);
        let filled = Fact::VatFilled { printer: printer.clone(), lot: lot.clone(), poured, by };
        facts.push((None, LabFact::Resin(filled)));
        Ok(facts)
    }

    fn top_up(&self, printer: &PrinterName, lot: &LotId, poured: Microlitres, by: String) -> Judged {
        let (_, outfit, contents) = self.filled(printer)?;
        let material = self.material(lot)?;
        if !material.eq_ignore_ascii_case(&contents.material) {
            let (holds, poured) = (contents.material.clone(), material.to_owned());
            let (printer, lot) = (printer.clone(), lot.clone());
            return Err(Refusal::OtherMaterial { printer, lot, holds, poured }.into());
        }
        if !contents.holds(lot) && contents.portions.len() >= LOTS_MAX {
            return Err(Refusal::TooManyLots(printer.clone()).into());
        }
        self.pours(printer, outfit, poured, contents.left.and(poured))?;
        let mut facts = self.load(printer, lot, &by)?;
        let topped_up = Fact::VatToppedUp { printer: printer.clone(), lot: lot.clone(), poured, by };
        facts.push((None, LabFact::Resin(topped_up)));
        Ok(facts)
    }

    fn pours(
        &self,
        printer: &PrinterName,
        outfit: &Outfit,
        poured: Microlitres,
        would: Microlitres,
    ) -> Result<(), Refusal> {
        if poured.0 == 0 {
            return Err(Refusal::NothingPoured);
        }
        self.fits(printer, outfit, would)
    }

    /// The lot is on the printer from now on, so that parts are traced to it.
    fn load(&self, printer: &PrinterName, lot: &LotId, by: &str) -> Judged {
        let mut taken = self.lab.quality.loaded_on(printer);
        if taken.any(|load| load.lot == *lot) {
            return Ok(Vec::new());
        }
        let is_free = |slot: &u8| !self.lab.quality.loaded_on(printer).any(|load| load.slot == *slot);
        let slot = (0..SLOTS).find(is_free).ok_or_else(|| Refusal::TooManyLots(printer.clone()))?;
        self.change(by, Change::Loaded { lot: lot.clone(), printer: printer.clone(), slot })
    }

    fn unload(&self, printer: &PrinterName, by: &str, which: impl Fn(&LotId) -> bool) -> Judged {
        let mut facts = Vec::new();
        for load in self.lab.quality.loaded_on(printer).filter(|load| which(&load.lot)) {
            let (printer, slot) = (printer.clone(), load.slot);
            facts.extend(self.change(by, Change::Unloaded { printer, slot })?);
        }
        Ok(facts)
    }

    fn change(&self, by: &str, change: Change) -> Judged {
        let request = quality::Request { by: Some(by.to_owned()), change };
        Ok(quality::judge(self.lab, &request, self.now)?)
    }

    fn lit(&self, id: &JobId, lit: Lit, now: bool) -> Judged {
        let (_, run) = self.lab.running(id, "counted")?;
        let printer = run.printer.clone();
        let (station, _) =
            self.lab.resin.station(&printer).ok_or_else(|| Refusal::NotLit { job: id.clone() })?;
        let counted = station.counted(id);
        let more = lit.beyond(&counted);
        // Of a file that nobody but the board reads, light is the time for which it was printed, and there are no layers.
        let opaque = self.lab.resin.needs.get(id).filter(|need| need.opaque.is_some());
        let is_much = match opaque {
            None => more.layers >= NOTE_EVERY,
            Some(need) => more.resin.0.saturating_mul(NOTE_PARTS) >= need.resin.0,
        };
        // Less than is counted is no news: what wore out has worn out.
        if more == Lit::default() || !lit.is_at_least(&counted) || !(now || is_much) {
            return Ok(Vec::new());
        }
        let reached = station.would_reach(id, &lit);
        let guessed = opaque.is_some();
        one(Fact::Lit { printer, job: id.clone(), lit, guessed, reached })
    }

    fn odd(&self, printer: &PrinterName, odd: Odd) -> Judged {
        let (station, _) = self.station(printer)?;
        let stands = match self.lab.printer(printer).bed {
            Bed::Occupied { job } => Some(job),
            Bed::Clear => None,
        };
        let job = self.lab.running_on(printer).map(|job| job.id.clone()).or(stands);
        let is_known = station.odd.iter().any(|seen| seen.odd == odd && seen.job == job);
        if is_known || station.odd.len() >= ODD_MAX {
            return Ok(Vec::new());
        }
        one(Fact::Odd { printer: printer.clone(), job, odd })
    }

    fn with_needs(&self, request: &lab::Request, needs: &BTreeMap<JobId, Need>) -> Judged {
        let mut facts = self.lab.judge(request, self.now)?;
        for (job, need) in needs {
            let makes = |(id, fact): &(Option<JobId>, LabFact)| {
                let is_made = matches!(fact, LabFact::JobQueued { .. } | LabFact::JobSlicing { .. });
                is_made && id.as_ref() == Some(job)
            };
            if !facts.iter().any(makes) {
                return Err(Refusal::NotMade(job.clone()).into());
            }
            need.check().map_err(|error| Refusal::Need { job: job.clone(), error })?;
            let needs = Fact::Needs { job: job.clone(), need: Box::new(need.clone()) };
            facts.push((None, LabFact::Resin(needs)));
        }
        Ok(facts)
    }
}
