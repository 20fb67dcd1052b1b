//! A life of the daemon: its services as `src/daemon.rs` joins them, on one thread with tokio's clock paused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platen::config::Config;
use platen::daemon::profile;
use platen::domain::event::Actor;
use platen::domain::ids::{BootId, JobId, PrinterName};
use platen::domain::job::{Interruption, JobState, Outcome};
use platen::domain::lab::{Lab, Request};
use platen::domain::printer::Activity;
use platen::io::clock::Clock;
use platen::io::serial::Dial;
use platen::io::store::Store;
use platen::io::usb::Usb;
use platen::services::board::Board;
use platen::services::dispatch::Dispatcher;
use platen::services::fleet::{Fleet, NotDone, Order, Work};
use platen::services::gate::Gate;
use platen::services::intake::Intake;
use platen::services::journal::JournalError;
use platen::services::planner::Planner;
use platen::services::ports::{Plug, Ports};
use platen::services::printer::{self, Lasting, Left, Parting, Setup};
use platen::services::recorder::{NotRecorded, Recorder};
use platen::services::rejoin::Trails;
use platen::services::relay::Relay;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cable::Port;
use crate::invariants::Witness;
use crate::library::Library;
use crate::store::{Disk, Opened};
use crate::time::Time;

/// What outlives a daemon.
pub(crate) struct Ground<'a> {
    pub(crate) config: &'a Config,
    pub(crate) library: &'a Library,
    pub(crate) disk: &'a Disk,
    pub(crate) witness: &'a Arc<Witness>,
    pub(crate) time: &'a Arc<Time>,
    pub(crate) trails: &'a Path,
}

pub(crate) struct Daemon {
    runtime: Runtime,
    parts: Parts,
    time: Arc<Time>,
    witness: Arc<Witness>,
}

struct Parts {
    store: Arc<Opened>,
    recorder: Recorder,
    fleet: Fleet,
    front: CancellationToken,
    printers: CancellationToken,
    tasks: Vec<JoinHandle<Parting>>,
}

/// Why there is no daemon.
pub(crate) enum Stillborn {
    /// It was killed before it was there.
    Killed,
    /// It said why, and tries again later.
    Journal(JournalError),
}

/// Tasks of a printer: its own, its scribe, the dispatcher's watch, a file's reader, some answers on their way.
const TASKS_A_PRINTER: usize = 8;
const TASKS: usize = 24;

fn lock(trails: &Mutex<Trails>) -> std::sync::MutexGuard<'_, Trails> {
    trails.lock().unwrap()
}

async fn start(ground: &Ground<'_>, boot: BootId) -> Result<Parts, JournalError> {
    let Ground { config, library, disk, witness, time, trails } = ground;
    time.begin_life();
    let clock = Clock::start(boot);
    let store = Arc::new(Opened::new((*disk).clone(), Arc::clone(witness), Arc::clone(time)));
    let config = Arc::new((*config).clone());
    let trails = Arc::new(Mutex::new(Trails::open(&config, trails)));
    let pick = {
        let (trails, config) = (Arc::clone(&trails), Arc::clone(&config));
        move |lab: &Lab| lock(&trails).candidates(lab, &config.restart)
    };
    let (site, node) = (config.site.clone(), config.node.clone());
    let as_store: Arc<dyn Store> = Arc::clone(&store) as _;
    let recorder = Recorder::open_leaving(as_store, clock.clone(), site, node, pick).await?;
    let intake = Intake::new(Arc::clone(&library.spool));
    let (front, printers) = (CancellationToken::new(), CancellationToken::new());
    let (mut lanes, mut board, mut tasks) = (BTreeMap::new(), Vec::new(), Vec::new());
    let plugs = config.printers.iter().map(|one| (one.name.clone(), Plug { fixed: one.fixed_plug }));
    let ports = Arc::new(Ports::new(Usb::at("/nowhere", "farm"), plugs));
    for printer in &config.printers {
        let name = printer.name.clone();
        let (keeper, found) = recorder.read(|lab| lock(&trails).take(lab, &config.restart, &name));
        let spool = Arc::clone(&library.spool);
        let lasting = Lasting { restart: config.restart.clone(), successor: Arc::default(), spool };
        let job = found.map(|found| (found, Arc::clone(&library.spool)));
        let left = Left { keeper, job, lasting: Some(lasting) };
        let behind = &witness.boards[&name];
        let running = recorder.read(|lab| lab.running_on(&name).map(|job| job.id.clone()));
        behind.lock().unwrap().meet_daemon(time.now(), running.as_ref());
        let port = Port { board: Arc::clone(behind), time: Arc::clone(time), witness: Arc::clone(witness) };
        let dial: Arc<dyn Dial> = Arc::new(port);
        let setup = Setup {
            name: name.clone(),
            profile: profile(printer),
            dial,
            recorder: recorder.clone(),
            clock: clock.clone(),
            relay: Relay::absent(),
            ports: Arc::clone(&ports),
            pulse: Default::default(),
        };
        let (lane, live, task) = printer::spawn_with(setup, left, printers.clone());
        lanes.insert(name.clone(), lane);
        board.push((name, live));
        tasks.push(task);
    }
    let fleet = Fleet::new(lanes, Board::new(board));
    let gate = Gate::new(Arc::clone(&library.spool), &config.printers, &config.gate);
    let board = fleet.board().clone();
    let dispatcher = Dispatcher {
        planner: Planner::new(&config, recorder.clone(), gate.clone(), board, clock.clone()),
        gate,
        recorder: recorder.clone(),
        fleet: fleet.clone(),
        intake,
        printers: config.printers.clone(),
        attended_uses: config.attended_uses.clone(),
        clock,
        pulse: Default::default(),
    };
    let ending = front.clone();
    tasks.push(tokio::spawn(async move {
        dispatcher.run(ending).await;
        Parting::InOrder
    }));
    let (mut feed, shown) = (recorder.subscribe(), Arc::clone(witness));
    tokio::spawn(async move {
        while let Ok(event) = feed.recv().await {
            shown.promise(&event);
        }
    });
    Ok(Parts { store, recorder, fleet, front, printers, tasks })
}

impl Daemon {
    /// Starts one; it is killed if it is not there by `killed_at`, µs.
    pub(crate) fn start(ground: &Ground<'_>, boot: [u8; 16], killed_at: u64) -> Result<Self, Stillborn> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let time = Arc::clone(ground.time);
        ground.witness.reopened(&ground.disk.events());
        let from = time.micros();
        let patience = Duration::from_micros(killed_at.saturating_sub(from));
        let starting =
            async { tokio::time::timeout(patience, start(ground, BootId::from_entropy(boot))).await };
        let started = runtime.block_on(starting);
        let stillborn = match started {
            Ok(Ok(parts)) => {
                let witness = Arc::clone(ground.witness);
                return Ok(Self { runtime, parts, time, witness });
            }
            Ok(Err(error)) => Stillborn::Journal(error),
            Err(_) => Stillborn::Killed,
        };
        time.now_on(&runtime);
        drop(runtime);
        time.end_life();
        Err(stillborn)
    }

    /// Lives until then, µs.
    pub(crate) fn live_until(&self, micros: u64) {
        let until = self.time.instant(micros);
        self.runtime.block_on(async { tokio::time::sleep_until(until).await });
        self.time.set(micros);
    }

    /// Dies at once: no task of it does anything any more.
    pub(crate) fn kill(self) {
        self.time.now_on(&self.runtime);
        drop(self.parts);
        drop(self.runtime);
        self.time.end_life();
    }

    /// Ends as at a SIGTERM.
    pub(crate) fn leave(self) {
        let Self { runtime, parts, time, .. } = self;
        let Parts { recorder, front, printers, tasks, .. } = parts;
        let ending = async {
            front.cancel();
            printers.cancel();
            for task in tasks {
                // What the disk does not take is tried for ever; systemd waits for a minute.
                if tokio::time::timeout(Duration::from_secs(60), task).await.is_err() {
                    return;
                }
            }
            recorder.close().await;
        };
        runtime.block_on(ending);
        time.now_on(&runtime);
        drop(runtime);
        time.end_life();
    }

    pub(crate) fn lab<T>(&self, look: impl FnOnce(&Lab) -> T) -> T {
        self.parts.recorder.read(look)
    }

    pub(crate) fn activity(&self, printer: &PrinterName) -> Activity {
        self.parts
            .fleet
            .board()
            .get(printer)
            .map_or(Activity::Connecting, |live| live.borrow().activity.clone())
    }

    /// The store takes nothing more until somebody starts platen anew.
    pub(crate) fn has_lost_its_store(&self) -> bool {
        self.parts.store.is_lost()
    }

    /// No task may end by itself, and none may be left over.
    pub(crate) fn check(&self) {
        if self.parts.tasks.iter().any(JoinHandle::is_finished) {
            self.witness.broke("tasks", "a printer's task or the dispatcher has ended by itself".into());
        }
        let (tasks, printers) = (self.runtime.metrics().num_alive_tasks(), self.parts.tasks.len() - 1);
        if tasks > TASKS + TASKS_A_PRINTER * printers {
            self.witness.broke("bounds", format!("{tasks} tasks for {printers} printers"));
        }
    }

    // People.

    /// Asks for an entry; yes promises it.
    pub(crate) fn submit(&self, request: Request, actor: Actor) {
        let (recorder, witness) = (self.parts.recorder.clone(), Arc::clone(&self.witness));
        self.runtime.spawn(async move {
            match recorder.submit(request, actor).await {
                Ok(events) => events.iter().for_each(|event| witness.promise(event)),
                Err(NotRecorded::Closed) => witness.broke("tasks", "the recorder has ended by itself".into()),
                Err(_) => {}
            }
        });
    }

    /// Orders something of a printer; yes promises an entry of that kind, if any.
    pub(crate) fn order(
        &self,
        printer: &PrinterName,
        order: Order,
        by: &str,
        promises: Option<&'static str>,
    ) {
        let (fleet, witness) = (self.parts.fleet.clone(), Arc::clone(&self.witness));
        let (printer, by) = (printer.clone(), by.to_owned());
        self.runtime.spawn(async move {
            let done = fleet.order(&printer, order).await;
            if let (Ok(()), Some(kind)) = (&done, promises) {
                witness.promise_to(&by, kind);
            }
            if matches!(done, Err(NotDone::Closed)) {
                witness.broke("tasks", format!("the task of {printer} has ended by itself"));
            }
        });
    }

    pub(crate) fn stop(&self, printer: Option<&PrinterName>, by: &str) {
        let (fleet, printer, by) = (self.parts.fleet.clone(), printer.cloned(), by.to_owned());
        self.runtime.spawn(async move { fleet.stop(printer.as_ref(), &by).await });
    }

    /// Planted: begins again what an end of the daemon has interrupted.
    pub(crate) fn start_what_was_interrupted(&self, library: &Library, printer: &PrinterName) {
        let again = self.lab(|lab| {
            let lost = |job: &&platen::domain::job::Job| {
                let JobState::Ended { run: Some(run), outcome: Outcome::Interrupted { why }, .. } =
                    &job.state
                else {
                    return false;
                };
                let ours = matches!(why, Interruption::DaemonEnded | Interruption::NotContinued { .. });
                ours && run.printer == *printer
            };
            lab.jobs.values().find(lost).map(|job| (job.id.clone(), job.commands, job.file.clone()))
        });
        let Some((job, commands, file)) = again else { return };
        let (fleet, spool, printer) = (self.parts.fleet.clone(), Arc::clone(&library.spool), printer.clone());
        self.runtime.spawn(async move {
            if let Ok((file, _)) = spool.reader(&file).await {
                let file = file.into_std().await;
                let _ = fleet.start(&printer, job, Work::Lines { commands, file }).await;
            }
        });
    }

    pub(crate) fn needs_release(&self, job: &JobId, printer: &PrinterName) -> bool {
        let live = self.parts.fleet.board().get(printer).map(|live| live.borrow().unprotected);
        live == Some(true) && self.lab(|lab| lab.job(job).is_ok_and(|job| job.released.is_none()))
    }
}
