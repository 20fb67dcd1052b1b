//! Yes is said after it is on the disk: in one process, so that the journal can be full.

use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;

use hw_sim::pty::{Handle, Printer};
use hw_sim::quirks::Face;
use platen::domain::event::Actor;
use platen::domain::ids::{FileHash, JobId, PrinterName};
use platen::domain::job::{JobState, Outcome};
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Snapshot};
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::services::fleet::{NotDone, Order, Outlives, Work};
use platen::services::recorder::Recorder;

use crate::world::{Tended, journal, printer, queued, setup, within};

/// A printer at work, and a journal that can be full.
struct AtWork {
    store: Arc<MemoryStore>,
    recorder: Recorder,
    tended: Tended,
    name: PrinterName,
    job: JobId,
    _board: Handle,
}

impl AtWork {
    async fn on(folder: &Path, lines: &[&str]) -> Self {
        let board = printer(folder, "mk", Face::Marlin21, 20.0);
        let board = Printer::spawn_all(vec![board]).unwrap().remove(0);
        let store = Arc::new(MemoryStore::default());
        let (recorder, clock) = journal(Arc::clone(&store) as Arc<dyn Store>).await;
        let name: PrinterName = "mk".parse().unwrap();
        let commands = lines.len() as u64;
        let [file, digest] = [[1; 32], [2; 32]].map(FileHash::from_digest);
        let job = queued(&recorder, file, commands, digest).await;
        let start = Request::StartJob { job: job.clone(), printer: name.clone() };
        recorder.submit(start, Actor::Platen).await.unwrap();
        let mut tended = Tended::new(setup(&board, &recorder, &clock));
        tended.ready().await;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        file.rewind().unwrap();
        tended.fleet.start(&name, job.clone(), Work::Lines { commands, file }).await.unwrap();
        Self { store, recorder, tended, name, job, _board: board }
    }

    async fn order(&self, order: Order) -> Result<(), NotDone> {
        within("an answer", self.tended.fleet.order(&self.name, order)).await
    }

    async fn noted(&self, what: &str, has: impl Fn(&Recorder) -> bool) {
        let mut feed = self.recorder.subscribe();
        let wait = async {
            while !has(&self.recorder) {
                let _ = feed.recv().await;
            }
        };
        within(what, wait).await;
    }

    async fn end(self) {
        self.tended.end().await;
    }
}

fn is_cancelled(recorder: &Recorder, job: &JobId, who: &str) -> bool {
    recorder.read(|lab| match &lab.jobs[job].state {
        JobState::Ended { outcome: Outcome::Cancelled { by }, .. } => by == who,
        _ => false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cancels_hears_yes_when_no_crash_can_take_it_back_and_the_board_hears_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["G28", "G1 X10 Y10 F600", "G1 X180 F60", "G1 X10 F60", "G1 X180 F60"];
    let mut at_work = AtWork::on(folder.path(), &long).await;
    let cancel = |job: &JobId, by: &str| Order::Cancel { job: job.clone(), by: by.into() };
    at_work.store.set_full(true);
    let refused = at_work.order(cancel(&at_work.job, "kim")).await;
    let forgets = |told: &Result<(), NotDone>| match told {
        Err(NotDone::NotYetRecorded { full, outlives, .. }) => *full && *outlives == Outlives::No,
        _ => false,
    };
    assert!(forgets(&refused), "without a file for it: {refused:?}");
    let leaves =
        |snapshot: &Arc<Snapshot>| matches!(snapshot.activity, Activity::Cancelling { .. } | Activity::Ready);
    within("a printer that leaves its job", at_work.tended.live.wait_for(leaves)).await.unwrap();
    at_work.store.set_full(false);
    at_work.noted("what the disk did not take", |recorder| is_cancelled(recorder, &at_work.job, "kim")).await;
    at_work.end().await;

    let folder = tempfile::tempdir().unwrap();
    let at_work = AtWork::on(folder.path(), &long).await;
    at_work.order(cancel(&at_work.job, "lee")).await.unwrap();
    let (after, _) = journal(Arc::new(at_work.store.after_crash())).await;
    assert!(
        is_cancelled(&after, &at_work.job, "lee"),
        "{:?}",
        after.read(|lab| lab.jobs[&at_work.job].clone())
    );
    at_work.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_disk_does_not_take_is_told_as_carried_out_and_written_down_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["G28", "G1 X10 Y10 F600", "G1 X180 F60", "G1 X10 F60", "G1 X180 F60"];
    let mut at_work = AtWork::on(folder.path(), &long).await;
    let job = at_work.job.clone();
    at_work.store.set_full(true);
    let told = at_work.order(Order::Pause { job: job.clone(), by: "kim".into() }).await;
    let Err(NotDone::NotYetRecorded { done, full: true, .. }) = &told else { panic!("{told:?}") };
    assert!(done.contains("was told to pause job"), "{done}");
    let pauses = |snapshot: &Arc<Snapshot>| matches!(snapshot.activity, Activity::Paused { .. });
    within("a printer that pauses", at_work.tended.live.wait_for(pauses)).await.unwrap();
    // What comes behind it hears the same, and the order stays.
    let told = at_work.order(Order::Resume { job: job.clone(), by: "kim".into() }).await;
    assert!(matches!(told, Err(NotDone::NotYetRecorded { full: true, .. })), "{told:?}");
    let told = at_work.order(Order::Pause { job: job.clone(), by: "lee".into() }).await;
    assert!(matches!(told, Err(NotDone::NotYetRecorded { full: true, .. })), "{told:?}");
    within("a printer that pauses again", at_work.tended.live.wait_for(pauses)).await.unwrap();
    at_work.store.set_full(false);
    let is_paused =
        |recorder: &Recorder| recorder.read(|lab| matches!(lab.jobs[&job].state, JobState::Paused { .. }));
    at_work.noted("the pause", is_paused).await;
    let events = at_work.recorder.events(1, 1_000).await.unwrap();
    let pause = events.iter().find(|event| event.fact.word() == "job_paused").unwrap();
    assert_eq!(pause.actor, Actor::Person("kim".into()));
    at_work.order(Order::Resume { job: job.clone(), by: "kim".into() }).await.unwrap();
    assert!(!is_paused(&at_work.recorder));
    at_work.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_a_printer_hears_yes_when_that_is_on_the_disk() {
    for full in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut at_work = AtWork::on(folder.path(), &["G28", "M600", "G1 X10 F600"]).await;
        let asks = |snapshot: &Arc<Snapshot>| {
            snapshot.hold.prompt.as_ref().is_some_and(|prompt| !prompt.buttons.is_empty())
        };
        within("a question", at_work.tended.live.wait_for(asks)).await.unwrap();
        at_work.store.set_full(full);
        let told = at_work.order(Order::Answer { button: 0, seen: None, by: "kim".into() }).await;
        if full {
            assert!(matches!(told, Err(NotDone::NotYetRecorded { .. })), "{told:?}");
            let mut feed = at_work.recorder.subscribe();
            at_work.store.set_full(false);
            let noted = async { while feed.recv().await.unwrap().fact.word() != "prompt_answered" {} };
            within("what the disk did not take", noted).await;
        } else {
            told.unwrap();
            let (after, _) = journal(Arc::new(at_work.store.after_crash())).await;
            let events = after.events(1, 1_000).await.unwrap();
            let answers = events.iter().filter(|event| event.fact.word() == "prompt_answered");
            assert_eq!(answers.count(), 1);
        }
        at_work.end().await;
    }
}
