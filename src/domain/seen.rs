//! What somebody has seen before they asked for a change, held against what is so when it is judged.
//!
//! ```text
//! page: "part of job a on the bed" ─▶ somebody presses "clear" ─▶ judged: part of job b lies there ─▶ refused
//! ```
//! What is not there at all any more is no matter of this: the request itself is refused then, in its own words.

use std::collections::BTreeSet;

use super::ids::{InstrumentName, JobId, LotId, PrinterName};
use super::job::{Job, JobState};
use super::lab::{Lab, Refusal};
use super::moment::WallTime;
use super::people::name::UserName;
use super::people::roles::Role;
use super::printer::{Bed, Latch};
use super::quality::inspection::Instrument;
use super::quality::rules::SiteRules;
use super::queue;
use super::queue::wish::Wanted;
use super::resin;
use super::units::Microlitres;

/// One thing, as whoever asks has seen it.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The job whose part stands on a printer's bed.
    OnBed {
        printer: PrinterName,
        job: JobId,
    },
    /// A printer's lock, by when it was locked, as that is told.
    Locked {
        printer: PrinterName,
        since: String,
    },
    /// Its quarantine, by the same.
    Apart {
        printer: PrinterName,
        since: String,
    },
    /// What is loaded on it.
    Loaded {
        printer: PrinterName,
        slot: u8,
        lot: LotId,
    },
    Rules {
        rules: SiteRules,
    },
    Roles {
        user: UserName,
        roles: BTreeSet<Role>,
    },
    Instrument {
        instrument: Box<Instrument>,
    },
    /// No instrument of the name.
    NoInstrument {
        name: InstrumentName,
    },
    /// One thing that is wanted of a waiting job.
    Wanted {
        job: JobId,
        wanted: Wanted,
    },
    /// The waiting job that it comes before; none where it is the last.
    Before {
        job: JobId,
        next: Option<JobId>,
    },
    /// What is in a vat: by when it was filled, as that is told, and all that was poured in since.
    Vat {
        printer: PrinterName,
        since: String,
        poured: Microlitres,
    },
    /// A display, by when it was put in, as that is told; none of the first one that is known.
    Display {
        printer: PrinterName,
        since: Option<String>,
    },
    /// A film, by the same.
    Film {
        printer: PrinterName,
        since: Option<String>,
    },
}

fn not(changed: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
    if changed { Err(refusal()) } else { Ok(()) }
}

impl Seen {
    /// Whether it is still so.
    pub fn holds(&self, lab: &Lab) -> Result<(), Refusal> {
        match self {
            Self::OnBed { printer, job } => match lab.printer(printer).bed {
                Bed::Occupied { job: now } if now != *job => {
                    Err(Refusal::OtherOnBed { printer: printer.clone(), job: now })
                }
                _ => Ok(()),
            },
            Self::Locked { printer, since } => match lab.printer(printer).latch {
                Some(Latch::Stopped { at, .. } | Latch::Fault { at, .. }) if at.to_string() != *since => {
                    Err(Refusal::OtherLock(printer.clone()))
                }
                _ => Ok(()),
            },
            // To say which board is a printer's is granted at any time: one that is over is another one, too.
            Self::Apart { printer, since } => {
                let now = lab.printer(printer).quarantine.map(|quarantine| quarantine.at.to_string());
                not(now.as_ref() != Some(since), || Refusal::OtherQuarantine(printer.clone()))
            }
            Self::Loaded { printer, slot, lot } => {
                match lab.quality.loaded_on(printer).find(|load| load.slot == *slot) {
                    Some(now) if now.lot != *lot => {
                        let (printer, slot, lot) = (printer.clone(), *slot, now.lot.clone());
                        Err(Refusal::OtherLot { printer, slot, lot })
                    }
                    _ => Ok(()),
                }
            }
            Self::Rules { rules } => not(lab.quality.rules != *rules, || Refusal::RulesChanged),
            Self::Roles { user, roles } => {
                let now = lab.people.users.get(user).map(|user| &user.roles);
                not(now.is_some_and(|now| now != roles), || Refusal::RolesChanged(user.clone()))
            }
            Self::Instrument { instrument } => {
                let now = lab.quality.instruments.get(&instrument.name);
                let changed = now != Some(&**instrument);
                not(changed, || Refusal::InstrumentChanged(instrument.name.clone()))
            }
            Self::NoInstrument { name } => {
                let is_there = lab.quality.instruments.contains_key(name);
                not(is_there, || Refusal::InstrumentExists(name.clone()))
            }
            Self::Wanted { job, wanted } => {
                let changed = lab.jobs.get(job).is_some_and(|known| !is_wanted(lab, known, wanted));
                not(changed, || Refusal::WishChanged(job.clone()))
            }
            Self::Before { job, next } => {
                let changed = lab.jobs.get(job).is_some_and(|known| behind(lab, known) != next.as_ref());
                not(changed, || Refusal::WishChanged(job.clone()))
            }
            Self::Vat { printer, since, poured } => {
                let now = lab.resin.station(printer).and_then(|(station, _)| station.contents());
                let changed =
                    now.is_some_and(|now| now.since.to_string() != *since || now.poured() != *poured);
                not(changed, || resin::Refusal::VatChanged(printer.clone()).into())
            }
            Self::Display { printer, since } => {
                let now = lab.resin.station(printer).map(|(station, _)| station.display.since);
                is_the_same(printer, "display", now, since)
            }
            Self::Film { printer, since } => {
                let now = lab.resin.station(printer).map(|(station, _)| station.film.since);
                is_the_same(printer, "film", now, since)
            }
        }
    }
}

fn is_the_same(
    printer: &PrinterName,
    thing: &'static str,
    now: Option<Option<WallTime>>,
    since: &Option<String>,
) -> Result<(), Refusal> {
    let changed = now.is_some_and(|now| now.map(|at| at.to_string()) != *since);
    not(changed, || resin::Refusal::ReplacedSince { printer: printer.clone(), thing }.into())
}

fn is_wanted(lab: &Lab, job: &Job, wanted: &Wanted) -> bool {
    let wish = lab.queue.wish(&job.id).cloned().unwrap_or_default();
    match wanted {
        Wanted::Priority { priority } => wish.priority == *priority,
        Wanted::Due { at } => wish.due == *at,
        Wanted::Held { reason, .. } => wish.held.map(|held| held.reason) == *reason,
        Wanted::Pinned { printer } => job.pinned == *printer,
        Wanted::Prepared { printer } => wish.prepared == *printer,
        Wanted::Place { at } => wish.place == *at,
    }
}

/// The job that stands behind another one in the queue's own order.
fn behind<'a>(lab: &'a Lab, job: &Job) -> Option<&'a JobId> {
    let at = |job: &Job| queue::place(lab.queue.wish(&job.id), job.order);
    let here = (at(job), &job.id);
    let waiting = lab.jobs.values().filter(|other| other.state == JobState::Queued);
    waiting.map(|other| (at(other), &other.id)).filter(|other| *other > here).min().map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::super::lab::Request;
    use super::super::people::{By, Request as OfPeople};
    use super::*;

    #[test]
    fn roles_that_somebody_else_has_given_since_are_not_overwritten() {
        let (ada, kim): (UserName, UserName) = ("ada".parse().unwrap(), "kim".parse().unwrap());
        let mut lab = Lab::default();
        let operator = BTreeSet::from([Role::Operator]);
        let adding = OfPeople::AddUser {
            name: kim.clone(),
            printed: "Kim".parse().unwrap(),
            roles: operator.clone(),
            by: By::Person(ada.clone()),
        };
        for fact in lab.people.adopt(&ada, &"Ada".parse().unwrap()).unwrap() {
            lab.people.apply(&fact, WallTime(1));
        }
        for fact in lab.people.judge(&adding).unwrap() {
            lab.people.apply(&fact, WallTime(2));
        }
        let change = |seen: Option<BTreeSet<Role>>| {
            let roles = BTreeSet::from([Role::Releaser]);
            let by = By::Person(ada.clone());
            let request = OfPeople::ChangeRoles { name: kim.clone(), roles, by };
            let seen = seen.map(|roles| Seen::Roles { user: kim.clone(), roles });
            lab.judge(&Request::People(Box::new(request)).provided(seen), WallTime(3))
        };
        let stale = BTreeSet::from([Role::Operator, Role::Designer]);
        assert_eq!(change(Some(stale)).unwrap_err(), Refusal::RolesChanged(kim.clone()));
        assert_eq!(change(Some(operator)).unwrap(), change(None).unwrap());
    }
}
