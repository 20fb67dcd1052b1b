//! Which lots a print was fed from: what was in which slot of its printer, from which command of its file to which.
//!
//! Found by following the journal from its beginning, so that a crash changes nothing in it. A lot that is changed in
//! mid-print is known as far as the print's progress was known then: exactly at a pause, else to a hundredth of the job.

use std::collections::BTreeMap;

use super::change::Change;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{JobId, LotId, PrinterName};
use crate::domain::job::Progress;

/// A lot in a slot, between two counts of confirmed commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub slot: u8,
    pub lot: LotId,
    pub from: u64,
    pub to: u64,
}

/// What a job that has ended was fed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    pub printer: PrinterName,
    /// How many commands of its file the firmware has confirmed.
    pub confirmed: u64,
    /// In no order; empty where nothing was loaded.
    pub stretches: Vec<Stretch>,
}

#[derive(Clone, Debug)]
struct Running {
    printer: PrinterName,
    confirmed: u64,
    ended: Vec<Stretch>,
    /// By slot, and since when.
    now: BTreeMap<u8, (LotId, u64)>,
}

impl Running {
    fn take_off(&mut self, slot: u8) {
        if let Some((lot, from)) = self.now.remove(&slot) {
            self.ended.push(Stretch { slot, lot, from, to: self.confirmed });
        }
    }

    fn end(mut self) -> Fed {
        let slots: Vec<u8> = self.now.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.take_off(slot));
        let Self { printer, confirmed, ended, .. } = self;
        Fed { printer, confirmed, stretches: ended }
    }
}

/// What is loaded where, and what runs from it.
#[derive(Clone, Debug, Default)]
pub struct Feeding {
    slots: BTreeMap<(PrinterName, u8), LotId>,
    running: BTreeMap<JobId, Running>,
}

impl Feeding {
    /// Takes in the next entry of the journal; a job that it ends, and what that was fed from.
    pub fn follow(&mut self, event: &Event) -> Option<(JobId, Fed)> {
        if let Fact::Quality(fact) = &event.fact {
            self.loads(&fact.change);
            return None;
        }
        let job = &event.subject.as_ref()?.job;
        match &event.fact {
            Fact::JobStarted { printer } => {
                let on_it = self.slots.iter().filter(|((of, _), _)| of == printer);
                let now = on_it.map(|((_, slot), lot)| (*slot, (lot.clone(), 0))).collect();
                let running = Running { printer: printer.clone(), confirmed: 0, ended: Vec::new(), now };
                self.running.insert(job.clone(), running);
                None
            }
            Fact::JobProgress { progress, .. }
            | Fact::JobPaused { progress, .. }
            | Fact::JobContinued { progress, .. } => {
                self.reached(job, *progress);
                None
            }
            Fact::JobPrinted { progress, .. }
            | Fact::JobInterrupted { progress, .. }
            | Fact::JobCancelled { progress: Some(progress), .. } => {
                self.reached(job, *progress);
                let ended = self.running.remove(job)?;
                Some((job.clone(), ended.end()))
            }
            _ => None,
        }
    }

    fn reached(&mut self, job: &JobId, progress: Progress) {
        if let Some(running) = self.running.get_mut(job) {
            running.confirmed = running.confirmed.max(progress.confirmed);
        }
    }

    fn loads(&mut self, change: &Change) {
        let (printer, slot) = match change {
            Change::Loaded { printer, slot, .. } | Change::Unloaded { printer, slot } => (printer, *slot),
            _ => return,
        };
        let fed = self.running.values_mut().filter(|running| running.printer == *printer);
        if let Change::Loaded { lot, .. } = change {
            fed.for_each(|running| {
                running.now.insert(slot, (lot.clone(), running.confirmed));
            });
            self.slots.insert((printer.clone(), slot), lot.clone());
        } else {
            fed.for_each(|running| running.take_off(slot));
            self.slots.remove(&(printer.clone(), slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Actor, JobRef};
    use crate::domain::ids::{BootId, CaseToken, FileHash, PartId};
    use crate::domain::job::{Interruption, PauseReason};
    use crate::domain::moment::{Moment, Stamp, WallTime};
    use crate::domain::quality;

    fn lot(n: u8) -> LotId {
        LotId::from_entropy([n; 16])
    }

    fn job(n: u8) -> JobId {
        JobId::from_entropy([n; 16])
    }

    fn on(name: &str) -> PrinterName {
        name.parse().unwrap()
    }

    fn of(fact: Fact, subject: Option<u8>) -> Event {
        let subject = subject.map(|n| JobRef {
            job: job(n),
            case: CaseToken::from_entropy([n; 16]),
            part: PartId::from_entropy([n; 16]),
            job_seq: 1,
            outbox_seq: 1,
        });
        let stamp = Stamp { wall: WallTime(0), mono: Moment::ZERO, boot: BootId::from_entropy([1; 16]) };
        Event { seq: 1, stamp, actor: Actor::Platen, subject, fact }
    }

    fn quality(change: Change) -> Event {
        of(Fact::Quality(quality::Fact { by: Some("max".into()), printed_name: None, change }), None)
    }

    fn load(n: u8, printer: &str, slot: u8) -> Event {
        quality(Change::Loaded { lot: lot(n), printer: on(printer), slot })
    }

    fn unload(printer: &str, slot: u8) -> Event {
        quality(Change::Unloaded { printer: on(printer), slot })
    }

    fn start(n: u8, printer: &str) -> Event {
        of(Fact::JobStarted { printer: on(printer) }, Some(n))
    }

    fn at(confirmed: u64) -> Progress {
        Progress { confirmed, total: 100 }
    }

    fn pause(n: u8, printer: &str, confirmed: u64) -> Event {
        let reason = PauseReason::Runout;
        of(Fact::JobPaused { printer: on(printer), progress: at(confirmed), reason }, Some(n))
    }

    fn printed(n: u8, printer: &str) -> Event {
        let fact = Fact::JobPrinted {
            printer: on(printer),
            progress: at(100),
            digest: FileHash::from_digest([0; 32]),
            exact: true,
            line: Box::default(),
            millis: 1,
        };
        of(fact, Some(n))
    }

    /// Slot, lot, from, to.
    type Row = (u8, u8, u64, u64);

    /// The jobs that end, in their order, and what each was fed from.
    fn fed(events: &[Event]) -> Vec<(u8, Vec<Row>)> {
        let mut feeding = Feeding::default();
        let number = |id: &LotId| (1..9).find(|n| lot(*n) == *id).unwrap();
        let ended = events.iter().filter_map(|event| feeding.follow(event));
        let mut all = Vec::new();
        for (of, fed) in ended {
            let which = (1..9).find(|n| job(*n) == of).unwrap();
            let each = fed.stretches.iter().map(|one| (one.slot, number(&one.lot), one.from, one.to));
            let mut each: Vec<_> = each.collect();
            each.sort_unstable();
            all.push((which, each));
        }
        all
    }

    #[test]
    fn a_print_is_fed_from_what_is_on_its_printer_while_it_runs() {
        let cancelled = Fact::JobCancelled {
            printer: Some(on("a")),
            progress: Some(at(40)),
            by: "kim".into(),
            line: None,
        };
        let interrupted = Fact::JobInterrupted {
            printer: on("a"),
            progress: at(7),
            why: Interruption::Stopped,
            line: None,
        };
        let withdrawn = Fact::JobCancelled { printer: None, progress: None, by: "kim".into(), line: None };
        let told = fed(&[
            // Nothing is loaded.
            start(1, "a"),
            printed(1, "a"),
            load(1, "a", 0),
            load(2, "b", 0),
            // One lot from begin to end, beside another printer's.
            start(2, "a"),
            start(3, "b"),
            printed(2, "a"),
            // It runs out, and another one is put on in a pause.
            pause(3, "b", 60),
            unload("b", 0),
            load(3, "b", 0),
            printed(3, "b"),
            // Two tools.
            load(4, "a", 1),
            start(4, "a"),
            of(cancelled, Some(4)),
            unload("a", 1),
            start(5, "a"),
            of(interrupted, Some(5)),
            // One that never began.
            of(withdrawn, Some(6)),
            // Put on after it began, taken off before it ends.
            unload("a", 0),
            start(7, "a"),
            of(Fact::JobProgress { printer: on("a"), progress: at(30) }, Some(7)),
            load(5, "a", 0),
            of(Fact::JobProgress { printer: on("a"), progress: at(50) }, Some(7)),
            unload("a", 0),
            printed(7, "a"),
        ]);
        let wanted = vec![
            (1, vec![]),
            (2, vec![(0, 1, 0, 100)]),
            (3, vec![(0, 2, 0, 60), (0, 3, 60, 100)]),
            (4, vec![(0, 1, 0, 40), (1, 4, 0, 40)]),
            (5, vec![(0, 1, 0, 7)]),
            (7, vec![(0, 5, 30, 50)]),
        ];
        assert_eq!(told, wanted);
    }
}
