//! A start is in the journal before the printer hears of it: in one process, so that the journal can refuse.

use std::sync::Arc;

use hw_sim::pty::Printer;
use hw_sim::quirks::Face;
use platen::config::Config;
use platen::domain::printer::Activity;
use platen::io::spool::Spool;
use platen::io::store::memory::MemoryStore;
use platen::io::store::{Batch, Store, StoreError};
use platen::services::dispatch::Dispatcher;
use platen::services::gate::Gate;
use platen::services::intake::Intake;
use platen::services::planner::Planner;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::world::{TEST_BENCH, Tended, executed, gcode, journal, printer, queued, setup, within};

/// A store that can be full, and counts what it refused then.
struct Refusing {
    store: MemoryStore,
    refused: watch::Sender<u32>,
}

impl Store for Refusing {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let committed = self.store.commit(batch);
        self.refused.send_modify(|count| *count += u32::from(committed.is_err()));
        committed
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.store.ready()
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.store.events(from, limit)
    }

    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.store.last_event()
    }

    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.entities()
    }

    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.meta(key)
    }

    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.all_meta()
    }
}

/// What a printer executes of a waiting job until it is printed, or until its start was refused twice.
async fn executed_of_a_job(full: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let simulated = Printer::spawn_all(vec![printer(folder.path(), "mk", Face::Marlin21, 20.0)]).unwrap();
    let simulated = simulated.into_iter().next().unwrap();
    let store = Arc::new(Refusing { store: MemoryStore::default(), refused: watch::Sender::new(0) });
    let (recorder, clock) = journal(Arc::clone(&store) as Arc<dyn Store>).await;
    let intake = Intake::new(Arc::new(Spool::open(&folder.path().join("files")).unwrap().with_floor(0)));
    let mut upload = intake.begin().await.unwrap();
    upload.write(gcode(40).as_bytes()).await.unwrap();
    let accepted = intake.accept(upload).await.unwrap();
    let survey = &accepted.survey;
    let job = queued(&recorder, accepted.file, survey.commands, survey.digest.clone()).await;
    store.store.set_full(full);

    let shutdown = CancellationToken::new();
    let config = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\n[[printer]]\nname = \"mk\"\nport = {:?}\nbaud = 115200\n{TEST_BENCH}",
        simulated.path()
    );
    let config = Config::parse(&config).unwrap();
    let printers = config.printers.clone();
    let mut tended = Tended::new(setup(&simulated, &recorder, &clock));
    let fleet = tended.fleet.clone();
    let gate = Gate::new(Arc::clone(intake.spool()), &printers, &Default::default());
    let board = fleet.board().clone();
    let planner = Planner::new(&config, recorder.clone(), gate.clone(), board, clock.clone());
    let dispatcher = Dispatcher {
        planner,
        recorder: recorder.clone(),
        fleet,
        intake,
        gate,
        printers,
        attended_uses: Vec::new(),
        clock,
        pulse: Default::default(),
    };
    let dispatching = tokio::spawn(dispatcher.run(shutdown.clone()));
    if full {
        let mut refused = store.refused.subscribe();
        within("two refused starts", refused.wait_for(|count| *count >= 2)).await.unwrap();
        let activity = tended.live.borrow_and_update().activity.clone();
        assert_eq!(activity, Activity::Ready, "the printer waits");
        assert_eq!(recorder.read(|lab| lab.jobs[&job].state.word()), "queued");
    } else {
        let mut feed = recorder.subscribe();
        let printed = async {
            while recorder.read(|lab| lab.jobs[&job].state.word() != "printed") {
                feed.recv().await.unwrap();
            }
        };
        within("a printed job", printed).await;
    }
    shutdown.cancel();
    within("the end of the dispatcher", dispatching).await.unwrap();
    tended.end().await;
    executed(simulated).1
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_job_reaches_the_printer_while_its_start_is_not_in_the_journal() {
    let of_the_file = |line: &&String| line.contains("G28") || line.contains("G1");
    let refused = executed_of_a_job(true).await;
    assert!(!refused.is_empty(), "the printer was greeted");
    assert_eq!(refused.iter().find(of_the_file), None);
    let printed = executed_of_a_job(false).await;
    assert_eq!(printed.iter().filter(of_the_file).count(), 41);
}
