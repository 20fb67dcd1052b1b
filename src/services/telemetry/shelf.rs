//! What the broker last heard about a printer, and whether it has to hear more: at once where the
//! printer does something else, otherwise with the next tick.

use std::sync::Arc;

use crate::domain::ids::JobId;
use crate::domain::printer::{Activity, PrinterRecord, Snapshot};
use crate::services::board::Live;
use crate::services::telemetry::samples::Samples;

/// A change of these is told at once.
#[derive(Clone, Debug, PartialEq)]
struct Doing {
    activity: &'static str,
    job: Option<JobId>,
    draining: bool,
    needs_person: bool,
    record: PrinterRecord,
}

/// One printer, as the pump sees it.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) live: Live,
    /// Bed and latch, as the journal has them.
    pub(super) record: PrinterRecord,
    /// What of its telemetry the broker is not known to have.
    pub(super) samples: Samples,
    /// Absent until the broker has heard anything on this connection.
    told: Option<(Doing, Vec<u8>)>,
    /// A status waits for its acknowledgement; the next one waits for that.
    in_flight: bool,
    /// Changed since it was last looked whether to tell it at once.
    touched: bool,
    /// Changed since it was last looked whether to tell it with a tick.
    stale: bool,
}

impl Shelf {
    pub(super) fn new(live: Live, record: PrinterRecord) -> Self {
        Self {
            live,
            record,
            samples: Samples::default(),
            told: None,
            in_flight: false,
            touched: true,
            stale: true,
        }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.live.borrow())
    }

    /// Its snapshot or its record changed.
    pub(super) fn touch(&mut self) {
        (self.touched, self.stale) = (true, true);
    }

    /// A new connection: the broker may know nothing.
    pub(super) fn forget(&mut self) {
        (self.told, self.in_flight) = (None, false);
        self.samples.lose();
        self.touch();
    }

    pub(super) fn acknowledged(&mut self) {
        self.in_flight = false;
    }

    /// What to tell now, if anything. `content` is what a status would say; with `tick`, any
    /// change of it counts, otherwise only what the printer does.
    pub(super) fn due(
        &mut self,
        tick: bool,
        content: impl FnOnce(&Snapshot, &PrinterRecord) -> Vec<u8>,
    ) -> Option<Arc<Snapshot>> {
        let look = if tick { self.stale } else { self.touched };
        if !look || self.in_flight {
            return None;
        }
        self.touched = false;
        let snapshot = self.snapshot();
        let doing = self.doing(&snapshot);
        let same = |told: &(Doing, Vec<u8>)| told.0 == doing;
        if !tick && self.told.as_ref().is_some_and(same) {
            return None;
        }
        let content = content(&snapshot, &self.record);
        self.stale = false;
        if self.told.as_ref().is_some_and(|told| told.1 == content) {
            return None;
        }
        self.told = Some((doing, content));
        self.in_flight = true;
        Some(snapshot)
    }

    fn doing(&self, snapshot: &Snapshot) -> Doing {
        Doing {
            activity: snapshot.activity.word(),
            job: snapshot.activity.job().cloned(),
            draining: matches!(snapshot.activity, Activity::Paused { draining: true, .. }),
            needs_person: snapshot.hold.needs_person(),
            record: self.record.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;
    use tokio::sync::watch;

    fn shelf() -> (watch::Sender<Arc<Snapshot>>, Shelf) {
        let name: crate::domain::ids::PrinterName = "a".parse().unwrap();
        let (sender, live) = watch::channel(Arc::new(Snapshot::offline(name.clone(), "x", Moment::ZERO)));
        (sender, Shelf::new(live, PrinterRecord::new(name)))
    }

    fn content(snapshot: &Snapshot, _: &PrinterRecord) -> Vec<u8> {
        format!("{:?} {:?}", snapshot.activity.word(), snapshot.line).into_bytes()
    }

    fn change(sender: &watch::Sender<Arc<Snapshot>>, shelf: &mut Shelf, edit: impl FnOnce(&mut Snapshot)) {
        sender.send_modify(|snapshot| edit(Arc::make_mut(snapshot)));
        shelf.touch();
    }

    #[test]
    fn a_new_activity_is_told_at_once_and_a_new_number_with_the_tick() {
        let (sender, mut shelf) = shelf();
        assert!(shelf.due(false, content).is_some(), "the first is told at once");
        shelf.acknowledged();
        change(&sender, &mut shelf, |snapshot| snapshot.line.lines_sent = 7);
        assert!(shelf.due(false, content).is_none());
        assert!(shelf.due(true, content).is_some());
        shelf.acknowledged();
        change(&sender, &mut shelf, |snapshot| snapshot.activity = Activity::Connecting);
        assert!(shelf.due(false, content).is_some());
    }

    #[test]
    fn nothing_is_told_twice_and_nothing_while_the_last_is_under_way() {
        let (sender, mut shelf) = shelf();
        assert!(shelf.due(false, content).is_some());
        change(&sender, &mut shelf, |snapshot| snapshot.activity = Activity::Ready);
        assert!(shelf.due(false, content).is_none(), "one is under way");
        shelf.acknowledged();
        assert!(shelf.due(false, content).is_some());
        shelf.acknowledged();
        shelf.touch();
        assert!(shelf.due(true, content).is_none(), "nothing changed");
    }

    #[test]
    fn a_new_connection_hears_everything_again() {
        let (_sender, mut shelf) = shelf();
        assert!(shelf.due(false, content).is_some());
        shelf.forget();
        assert!(shelf.due(false, content).is_some());
    }
}
