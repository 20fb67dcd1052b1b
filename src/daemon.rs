//! Builds the services, joins their channels, and takes them down in order.
//!
//! Up: store, recorder, printers, publisher, dispatcher, HTTP. Down: HTTP and dispatcher first, so
//! that nothing new begins; then the printers, which still write down how they ended; then the
//! publisher; the journal last. Where another daemon comes next, the publisher goes before the printers, whose
//! heads stand still from there on until that one is up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{self, AppState};
use crate::config::resin::Drive;
use crate::config::{Config, Printer};
use crate::control::cover::Switch;
use crate::control::light::Lamp;
use crate::control::park::Pausing;
use crate::control::session::Profile;
use crate::control::stop::DtrReset;
use crate::domain::event::Actor;
use crate::domain::ids::{BootId, PrinterName};
use crate::domain::lab::{Lab, Request};
use crate::domain::people::name::UserName;
use crate::domain::resin;
use crate::io::cage;
use crate::io::certificate;
use crate::io::clock::{Clock, entropy};
use crate::io::credentials::{self, CredentialsError, CredentialsFile};
use crate::io::offload::offload;
use crate::io::serial::{self, Dial, HandedDial, SerialDial};
use crate::io::spool::{Spool, SpoolError};
use crate::io::store::sled::SledStore;
use crate::io::store::{Store, StoreError};
use crate::io::successor::{self, Supervisor};
use crate::io::trail;
use crate::io::usb::Usb;
use crate::protocol::window::Capacity;
use crate::services::board::Board;
use crate::services::certificate::{LOOK, Watch};
use crate::services::chitu::{self, ChituSetup};
use crate::services::commissioning::Commissioning;
use crate::services::deduction::Deductions;
use crate::services::dispatch::Dispatcher;
use crate::services::entrance::{Entrance, NoEntrance};
use crate::services::fleet::Fleet;
use crate::services::gate::Gate;
use crate::services::heads;
use crate::services::history;
use crate::services::intake::Intake;
use crate::services::journal::JournalError;
use crate::services::masks;
use crate::services::mdns;
use crate::services::monitor::Monitor;
use crate::services::notices;
#[cfg(feature = "oidc")]
use crate::services::oidc::SiteSignIn;
use crate::services::owed::Keeping;
use crate::services::planner::Planner;
use crate::services::ports::{Plug, Ports};
use crate::services::preview::Previews;
use crate::services::printer::{self, Lasting, Left, Lighting, Parting, Setup, Successor};
use crate::services::processes;
use crate::services::pulse::{self, Pulses};
use crate::services::recorder::Recorder;
use crate::services::rejoin::Trails;
use crate::services::relay::Relay;
use crate::services::restore::is_unfinished;
use crate::services::slicejobs::{SliceJobs, Steps};
use crate::services::slicing::Slicing;
use crate::services::stop_input::{self, InputError, Inputs};
use crate::services::telemetry::message::Origin;
use crate::services::telemetry::{self, MqttStatus};
use crate::services::uploads::Names;
use crate::services::vault_desk::{Place, VaultDesk};
use crate::slicing::limits::{LIMITS, Limits};

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(
        "the page cannot be served on {address}: {error}; stop what listens there, or set another [http] listen"
    )]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error("the state folder {path} cannot be made: {error}; make it, or give platen's user the right to")]
    StateDir { path: PathBuf, error: std::io::Error },
    #[error(
        "{0} has a restore in it that was not finished, so it is neither empty nor whole; run `platen restore FROM --into {0}` again"
    )]
    Restoring(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the file of the locks {path} cannot be read: {error}; see that platen's user may read and write it, or move it away: then every printer is locked until somebody has looked at it"
    )]
    Latches { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Entrance(#[from] NoEntrance),
    #[error(transparent)]
    StopInput(#[from] InputError),
    #[error("the folder for slicing {path} cannot be made or emptied: {error}; look at it and its rights")]
    Scratch { path: PathBuf, error: std::io::Error },
    #[error(
        "nobody is set up here, and {0} is an address for others: whoever reaches it could do everything; run `platen setup` first, or set a loopback address as [http] listen"
    )]
    Nobody(SocketAddr),
    #[error(
        "[http.oidc] asks for the site's own sign-in, and this platen was built without it; take the section out, or install one that was built with --features oidc"
    )]
    NoSiteSignIn,
    #[error(
        "nobody is set up here, and the site's own sign-in needs somebody who comes in without it; run `platen setup --name {0}` first"
    )]
    NoEmergency(UserName),
    #[error("TLS cannot be spoken here: {0}; this is a defect of platen")]
    Tls(rustls::Error),
    #[error("platen could not start a thread: {0}")]
    Thread(String),
}

/// At most one wake-up for all printers in this time: the second of two `ok`s waits for its line a little.
///
/// With 32 printers an `ok` comes every 80 µs, and waking up for each costs several times what it brings. One
/// printer alone is too slow to ever notice.
const PACE: Duration = Duration::from_micros(250);

/// The thread on which all printers' tasks live, apart from HTTP, journal and publisher: nothing of those holds
/// a wire up, and a printer's task never moves to another core.
#[derive(Debug)]
struct Wires(Option<Runtime>);

/// Lets the only thread of a runtime wake up once in `PACE` at most.
fn pace(builder: &mut tokio::runtime::Builder) {
    let rested = Mutex::new(Instant::now());
    builder.on_thread_park(move || {
        let Ok(mut rested) = rested.lock() else { return };
        if let Some(rest) = PACE.checked_sub(rested.elapsed()) {
            #[expect(
                clippy::disallowed_methods,
                reason = "bounds how often we wake up; nothing is waited for"
            )]
            std::thread::sleep(rest);
        }
        *rested = Instant::now();
    });
}

impl Wires {
    fn start() -> Result<Self, DaemonError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        pace(&mut builder);
        let runtime = builder.worker_threads(1).thread_name("wires").enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| DaemonError::Thread(error.to_string()))
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        // The tasks have ended, or nobody waits for them; a plain drop would, which is not allowed here.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How far its end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Running,
    /// Nothing new begins.
    Front,
    /// Jobs end or are left as they are, and heaters go off.
    Printers,
    /// What is still to be told is told.
    Publisher,
    Journal,
}

impl Stage {
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Front => "ending: nothing new begins",
            Self::Printers => "ending: jobs end and heaters go off",
            Self::Publisher => "ending: what happened is told",
            Self::Journal => "ending: the journal is closed",
        }
    }

    /// It takes no longer, unless something hangs: a printer has `LEAVE` and `SWITCH_OFF` (`services::printer`), and
    /// each task in front of it some seconds.
    pub const fn most(self) -> Duration {
        match self {
            Self::Running | Self::Publisher | Self::Journal => Duration::from_secs(30),
            Self::Front | Self::Printers => Duration::from_secs(60),
        }
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    pub address: SocketAddr,
    pub recorder: Recorder,
    pub fleet: Fleet,
    pub intake: Intake,
    /// What is counted of it.
    pub monitor: Monitor,
    pulses: Pulses,
    stages: watch::Sender<Stage>,
    /// Cancelled first: HTTP, dispatcher.
    front: CancellationToken,
    printers: CancellationToken,
    publisher: CancellationToken,
    front_tasks: Vec<JoinHandle<()>>,
    printer_tasks: PrinterTasks,
    publisher_task: JoinHandle<()>,
    notices: Vec<JoinHandle<()>>,
    wires: Wires,
    successor: Successor,
    state_dir: PathBuf,
}

/// What the configuration says of a printer, for its session.
pub fn profile(printer: &Printer) -> Profile {
    // One byte of the ring is never used (Marlin `MarlinSerial`).
    let receive_bytes = printer.rx_buffer.saturating_sub(1);
    Profile {
        baud: printer.baud,
        capacity: Capacity { receive_bytes, queue_slots: printer.command_buffer },
        firmware: printer.firmware,
        meatpack: printer.meatpack,
        heat: printer.heat,
        dtr_reset: match printer.dtr_reset {
            None => DtrReset::Perhaps,
            Some(true) => DtrReset::Known,
            Some(false) => DtrReset::Never,
        },
        inactivity_kill: printer.inactivity_kill,
        pausing: Pausing {
            park: printer.park,
            nozzle_hot_max: printer.paused_hot_max,
            bed_hot_max: printer.paused_bed_max,
            hold: printer.hold_temperature,
        },
        allowed: std::array::from_fn(|at| printer.allow_commands.get(at).copied()),
    }
}

/// What the publisher says of itself, in words, for the page and `/healthz`.
fn in_words(status: &MqttStatus) -> String {
    match status {
        MqttStatus::Off => "off".into(),
        MqttStatus::Connected { since, lately: None } => format!("connected since {since}"),
        MqttStatus::Connected { since, lately: Some(reason) } => {
            format!("connected since {since}; before that: {reason}")
        }
        MqttStatus::Away { reason, since } => format!("away since {since}: {reason}"),
    }
}

fn words_of(mut status: watch::Receiver<MqttStatus>) -> watch::Receiver<String> {
    let (words, reader) = watch::channel(in_words(&status.borrow()));
    tokio::spawn(async move {
        while status.changed().await.is_ok() {
            let now = in_words(&status.borrow_and_update());
            if words.send(now).is_err() {
                break;
            }
        }
    });
    reader
}

impl Daemon {
    /// Starts everything. When it returns, the page answers and every printer is being greeted.
    pub async fn start(config: Config) -> Result<Self, DaemonError> {
        Self::start_after(config, Vec::new()).await
    }

    /// The same, with the ports that an earlier daemon has left open, by printer.
    pub async fn start_after(config: Config, inherited: Vec<(String, OwnedFd)>) -> Result<Self, DaemonError> {
        let config = Arc::new(config);
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let Opened { store, keeping, spool, credentials } = open_state(Arc::clone(&config)).await?;
        let address = config.http.listen;
        let listen = |error| DaemonError::Listen { address, error };
        let listener = api::listen(address).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (site, node) = (config.site.clone(), config.node.clone());
        let trails = Arc::new(Mutex::new(open_trails(Arc::clone(&config)).await?));
        let pick = {
            let (trails, config) = (Arc::clone(&trails), Arc::clone(&config));
            move |lab: &Lab| lock(&trails).left_running(lab, &config.restart)
        };
        let recorder = Recorder::open_keeping(store, clock.clone(), site, node, keeping, pick).await?;
        let path = config.state_dir.join(credentials::FILE);
        let entrance = Entrance::begin(credentials, path, recorder.clone(), clock.clone()).await?;
        if !address.ip().is_loopback() && !entrance.is_guarded() {
            return Err(DaemonError::Nobody(address));
        }
        if let Some(oidc) = &config.http.oidc {
            if !cfg!(feature = "oidc") {
                return Err(DaemonError::NoSiteSignIn);
            }
            if !entrance.is_guarded() {
                return Err(DaemonError::NoEmergency(oidc.emergency.clone()));
            }
            entrance.only_in_emergencies(oidc.emergency.clone());
        }
        let front = CancellationToken::new();
        let https = Https::open(&config, address, &clock, &front).await?;
        let vault = open_vault(&config, &recorder, &clock).await;
        let spool = Arc::new(spool);
        let intake = Intake::new(Arc::clone(&spool))
            .allowing(config.printers.iter().flat_map(|printer| printer.allow_commands.clone()));

        let printers = CancellationToken::new();
        let mut pulses = Pulses::default();
        let wires = Wires::start()?;
        let successor = Successor::default();
        let left = |printer: &PrinterName| {
            let (keeper, found) = recorder.read(|lab| lock(&trails).take(lab, &config.restart, printer));
            let (restart, successor) = (config.restart.clone(), Arc::clone(&successor));
            let lasting = Lasting { restart, successor, spool: Arc::clone(&spool) };
            Left { keeper, job: found.map(|found| (found, Arc::clone(&spool))), lasting: Some(lasting) }
        };
        let ways = ways(&config, inherited);
        fit(&config, &recorder).await;
        let (fleet, printer_tasks, ports) =
            start_printers(&config, ways, &recorder, &clock, left, &spool, &printers, &wires, &mut pulses)?;
        // From here on somebody looks after what was left hot.
        successor::is_back(&config.state_dir);

        let inputs = Inputs { file: config.stop_file.clone(), contact: config.stop_input.clone() };
        stop_input::spawn(inputs, fleet.clone(), printers.clone())?;

        let publisher = CancellationToken::new();
        let (posts, to_post) = mpsc::channel(1);
        let (publisher_task, status) = telemetry::spawn_with(
            recorder.clone(),
            fleet.board().clone(),
            clock.clone(),
            config.site.clone(),
            config.node.clone(),
            config.mqtt.clone(),
            to_post,
            publisher.clone(),
        );
        let notices = notices::spawn(
            &recorder,
            &clock,
            &Origin { site: config.site.clone(), node: config.node.clone() },
            &config.notifications,
            config.mqtt.is_some().then_some(posts),
            &publisher,
        )
        .map_err(|error| DaemonError::Thread(error.to_string()))?;
        let monitor = Monitor::default();
        if config.mqtt.is_some() {
            monitor.publishes(status.clone());
        }
        let mqtt = config.mqtt.is_some().then(|| words_of(status));

        let (slicing, steps) = (open_slicing(Arc::clone(&config)).await?, Steps::default());
        let resin_files = intake.resin_files().clone();
        let gate =
            Gate::sharing(Arc::clone(intake.spool()), &config.printers, &config.gate, resin_files.clone());
        let board = fleet.board().clone();
        let past = history::run(board.clone(), clock.clone(), front.clone());
        let planner = Planner::new(&config, recorder.clone(), gate.clone(), board, clock.clone());
        watch_itself(&monitor, &config, &recorder, &planner, &wires);
        let dispatcher = Dispatcher {
            planner: planner.clone(),
            gate: gate.clone(),
            recorder: recorder.clone(),
            fleet: fleet.clone(),
            intake: intake.clone(),
            printers: config.printers.clone(),
            attended_uses: config.attended_uses.clone(),
            clock: clock.clone(),
            pulse: pulses.watch("the queue"),
        };
        let of_store = pulse::of_store(recorder.clone(), pulses.watch("the journal's store"), front.clone());
        let signing_clock = clock.clone();
        let state = AppState {
            recorder: recorder.clone(),
            entrance,
            #[cfg(feature = "oidc")]
            site: config.http.oidc.clone().map(|oidc| SiteSignIn::new(oidc, clock.clone())),
            vault,
            fleet: fleet.clone(),
            intake: intake.clone(),
            previews: Previews::new(Arc::clone(intake.spool())).sharing(resin_files.clone()),
            names: Names::default(),
            planner,
            app_keys: Default::default(),
            gate,
            commissioning: Commissioning::new(ports),
            slicing: slicing.clone(),
            steps: steps.clone(),
            config: Arc::new(Config {
                http: crate::config::Http { listen: address, ..config.http.clone() },
                ..config.as_ref().clone()
            }),
            clock,
            monitor: monitor.clone(),
            mqtt,
            streams: api::Streams::default(),
            shutdown: front.clone(),
        };
        let router = api::router(state);
        let (tls, ending) = (https.as_ref().map(|https| Arc::clone(&https.config)), front.clone());
        let mut front_tasks = vec![
            tokio::spawn(dispatcher.run(front.clone())),
            tokio::spawn(async move {
                match tls {
                    Some(tls) => api::serve_tls(listener, router, tls, ending).await,
                    None => api::serve(listener, router, ending).await,
                }
            }),
            tokio::spawn(check_journal(recorder.clone(), front.clone())),
            tokio::spawn(of_store),
            tokio::spawn(past),
        ];
        let deductions = Deductions {
            recorder: recorder.clone(),
            spool: Arc::clone(intake.spool()),
            printers: config.printers.clone(),
        };
        front_tasks.push(tokio::spawn(deductions.run(front.clone())));
        front_tasks.extend(https.into_iter().flat_map(|https| https.tasks));
        front_tasks.extend(mdns::spawn(&config, address, mdns::PORT, front.clone()));
        if let Some(kept) = &config.heads {
            let (site, node) = (config.site.clone(), config.node.clone());
            let run = heads::run(recorder.clone(), site, node, kept.clone(), signing_clock, front.clone());
            front_tasks.push(tokio::spawn(run));
        }
        if let Some(slicing) = slicing {
            front_tasks.push(tokio::spawn(note_processes(
                recorder.clone(),
                Arc::clone(&slicing),
                front.clone(),
            )));
            let jobs = SliceJobs {
                recorder: recorder.clone(),
                intake: intake.clone(),
                slicing,
                printers: config.printers.clone(),
                site: config.gate.clone(),
                steps,
            };
            front_tasks.push(tokio::spawn(jobs.run(front.clone())));
        }
        Ok(Self {
            address,
            recorder,
            fleet,
            intake,
            monitor,
            pulses,
            stages: watch::channel(Stage::Running).0,
            front,
            printers,
            publisher,
            front_tasks,
            printer_tasks,
            publisher_task,
            notices,
            wires,
            successor,
            state_dir: config.state_dir.clone(),
        })
    }

    /// All that must live in it; only the first call gets them.
    pub fn pulses(&mut self) -> Pulses {
        std::mem::take(&mut self.pulses)
    }

    /// How far its end comes; closed when it has ended.
    pub fn stages(&self) -> watch::Receiver<Stage> {
        self.stages.subscribe()
    }

    /// Ends in order. A running print is left with its heaters off and is known as interrupted. The printers of
    /// which it is not proven that they are off.
    pub async fn stop(self) -> Vec<PrinterName> {
        self.stages.send_replace(Stage::Front);
        end_front(&self.front, self.front_tasks).await;
        self.stages.send_replace(Stage::Printers);
        self.printers.cancel();
        let unproven = end_all(self.printer_tasks).await;
        drop(self.wires);
        self.stages.send_replace(Stage::Publisher);
        self.publisher.cancel();
        let _ = self.publisher_task.await;
        for task in self.notices {
            let _ = task.await;
        }
        self.stages.send_replace(Stage::Journal);
        self.recorder.close().await;
        unproven
    }

    /// Ends for a daemon that comes next: a running print is left as it is, hot and with its port open, where
    /// its use allows that; the others as by `stop`.
    pub async fn hand_over(self, to: Supervisor) -> Vec<PrinterName> {
        self.stages.send_replace(Stage::Front);
        end_front(&self.front, self.front_tasks).await;
        self.stages.send_replace(Stage::Publisher);
        self.publisher.cancel();
        let _ = self.publisher_task.await;
        for task in self.notices {
            let _ = task.await;
        }
        let state = self.state_dir.clone();
        let marked = tokio::task::spawn_blocking(move || successor::leave_hot(&state)).await;
        match marked {
            Ok(Ok(())) => drop(self.successor.set(to)),
            other => tracing::error!(?other, "nobody would switch off what is left hot: heaters off"),
        }
        self.stages.send_replace(Stage::Printers);
        self.printers.cancel();
        let unproven = end_all(self.printer_tasks).await;
        drop(self.wires);
        self.stages.send_replace(Stage::Journal);
        if !self.successor.get().is_some_and(Supervisor::has_kept) {
            successor::is_back(&self.state_dir);
        }
        self.recorder.close().await;
        unproven
    }
}

/// What counts as slow, and whose tasks are counted.
fn watch_itself(monitor: &Monitor, config: &Config, recorder: &Recorder, planner: &Planner, wires: &Wires) {
    monitor.slow_requests(config.monitoring.slow_request);
    recorder.appends().time.slow_after(config.monitoring.slow_journal);
    planner.rounds().slow_after(config.monitoring.slow_plan);
    let wires = wires.0.as_ref().map(|runtime| ("wires", runtime.handle().clone()));
    monitor.runs_on([("main", Handle::current())].into_iter().chain(wires).collect());
}

/// What is there for TLS besides the page itself.
struct Https {
    config: Arc<rustls::ServerConfig>,
    tasks: Vec<JoinHandle<()>>,
}

impl Https {
    /// Reads the certificate, and goes on without where it is not whole: printers do not wait for it.
    async fn open(
        config: &Config,
        address: SocketAddr,
        clock: &Clock,
        front: &CancellationToken,
    ) -> Result<Option<Self>, DaemonError> {
        let Some(tls) = &config.http.tls else { return Ok(None) };
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let mut watch = Watch::new(tls.clone(), credentials, &config.http, clock.clone());
        let looked = offload(move || {
            watch.look();
            watch
        });
        let watch = looked.await.map_err(|error| DaemonError::Thread(error.to_string()))?;
        let shown = certificate::server_config(watch.showing()).map_err(DaemonError::Tls)?;
        let mut tasks = vec![tokio::spawn(watch.run(LOOK, front.clone()))];
        if let Some(from) = tls.redirect {
            let listener = api::listen(from).map_err(|error| DaemonError::Listen { address: from, error })?;
            tasks.push(tokio::spawn(api::redirect(listener, address.port(), front.clone())));
        }
        Ok(Some(Self { config: shown, tasks }))
    }
}

/// Nothing waits for it: a file of the catalogue may lie on a disk that does not answer, and whoever needs a process
/// in the journal sees to that again.
async fn note_processes(recorder: Recorder, slicing: Arc<Slicing>, ending: CancellationToken) {
    let noted = ending.run_until_cancelled(processes::note(&recorder, &slicing)).await;
    if let Some(Err(error)) = noted {
        tracing::warn!(%error, "the processes of the catalogue are not in the journal");
    }
}

async fn end_front(front: &CancellationToken, tasks: Vec<JoinHandle<()>>) {
    front.cancel();
    for task in tasks {
        // A client that holds its connection open does not keep us.
        let _ = tokio::time::timeout(Duration::from_secs(3), task).await;
    }
}

type PrinterTasks = Vec<(PrinterName, JoinHandle<Parting>)>;

/// The printers that may be hot; one whose task has broken down is one of them.
async fn end_all(tasks: PrinterTasks) -> Vec<PrinterName> {
    let mut unproven = Vec::new();
    for (printer, task) in tasks {
        if !matches!(task.await, Ok(Parting::InOrder)) {
            unproven.push(printer);
        }
    }
    unproven
}

/// The ways to the printers. What was left open for none of them is not left hot.
fn ways(config: &Config, inherited: Vec<(String, OwnedFd)>) -> BTreeMap<PrinterName, Arc<dyn Dial>> {
    let mut left: BTreeMap<String, OwnedFd> = BTreeMap::new();
    for (name, port) in inherited {
        if let Some(twice) = left.insert(name, port) {
            drop(twice);
        }
    }
    let ways = config.printers.iter().map(|printer| {
        let way = SerialDial { path: printer.port.clone(), baud: printer.baud };
        let way: Arc<dyn Dial> = match left.remove(printer.name.as_str()) {
            Some(port) => Arc::new(HandedDial::new(port, way)),
            None => Arc::new(way),
        };
        (printer.name.clone(), way)
    });
    let ways = ways.collect();
    for (printer, port) in left {
        tracing::error!(
            printer,
            "it was printing and is not configured any more; its board is told heaters off"
        );
        serial::abandon(port);
    }
    ways
}

/// What is in the state folder.
struct Opened {
    store: Arc<dyn Store>,
    keeping: Keeping,
    spool: Spool,
    credentials: Result<CredentialsFile, CredentialsError>,
}

async fn open_state(config: Arc<Config>) -> Result<Opened, DaemonError> {
    let open = move || -> Result<Opened, DaemonError> {
        let path = &config.state_dir;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| DaemonError::StateDir { path: path.clone(), error })?;
        if is_unfinished(path) {
            return Err(DaemonError::Restoring(path.display().to_string()));
        }
        // Its lock keeps other daemons out of the whole folder.
        let store = SledStore::open(&path.join("journal"))?;
        let (latches, printers) = (path.join("latches"), config.printers.iter().map(|one| one.name.clone()));
        let keeping = Keeping::read(latches.clone(), printers.collect());
        let keeping = keeping.map_err(|error| DaemonError::Latches { path: latches, error })?;
        let spool = Spool::open(&path.join("files"))?.with_floor(config.disk_floor);
        let credentials = CredentialsFile::load(&path.join(credentials::FILE));
        Ok(Opened { store: Arc::new(store), keeping, spool, credentials })
    };
    match offload(open).await {
        Ok(outcome) => outcome,
        Err(error) => Err(DaemonError::Thread(error.to_string())),
    }
}

/// The vault, if there is to be one; a closed one keeps no printer from printing.
async fn open_vault(config: &Config, recorder: &Recorder, clock: &Clock) -> VaultDesk {
    let place = config.vault.clone().map(|key| Place {
        state: config.state_dir.clone(),
        key,
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
    });
    VaultDesk::open(place, &config.state_dir, recorder.clone(), clock.boot().clone()).await
}

/// The slicers, if models are taken; what a crash left of theirs is removed.
async fn open_slicing(config: Arc<Config>) -> Result<Option<Arc<Slicing>>, DaemonError> {
    let open = move || {
        let Some(wanted) = &config.slicing else { return Ok(None) };
        let scratch = config.state_dir.join("slicing");
        cage::Private::clean(&scratch)
            .map_err(|error| DaemonError::Scratch { path: scratch.clone(), error })?;
        let limits = Limits {
            memory: wanted.memory,
            wall: wanted.wall,
            cpu: wanted.wall * 4,
            floor: config.disk_floor,
            ..LIMITS
        };
        let program = wanted.program.clone();
        Ok(Some(Arc::new(Slicing::new(&wanted.profiles, program, limits, &scratch, wanted.parallel))))
    };
    offload(open).await.unwrap_or_else(|error| Err(DaemonError::Thread(error.to_string())))
}

/// The start has read the end of the journal. All of it is read when nobody waits for that any more.
async fn check_journal(recorder: Recorder, ending: CancellationToken) {
    /// After it changed all the time.
    const AGAIN: Duration = Duration::from_secs(60);
    loop {
        match recorder.audit_until(ending.clone()).await {
            Ok(whole) => tracing::info!("the journal is whole: {} entries", whole.entries),
            Err(JournalError::Closed) => {}
            Err(JournalError::Busy) => {
                if tokio::time::timeout(AGAIN, ending.cancelled()).await.is_err() {
                    continue;
                }
            }
            Err(damage) => tracing::error!("{damage}"),
        }
        return;
    }
}

/// What an earlier daemon kept of the jobs that it left running.
async fn open_trails(config: Arc<Config>) -> Result<Trails, DaemonError> {
    let open = move || Trails::open(&config, &trail::trails_folder(&config.state_dir));
    offload(open).await.map_err(|error| DaemonError::Thread(error.to_string()))
}

fn lock(trails: &Mutex<Trails>) -> MutexGuard<'_, Trails> {
    trails.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The journal gets to know what each printer is, where that is news: starts are judged by it.
async fn fit(config: &Config, recorder: &Recorder) {
    for printer in &config.printers {
        let outfit = printer.resin.as_ref().map(|resin| Box::new(resin.outfit()));
        let known = |lab: &Lab| {
            let station = lab.resin.stations.get(&printer.name);
            station.and_then(|station| station.outfit.as_ref()) == outfit.as_deref()
        };
        if recorder.read(known) {
            continue;
        }
        let request = resin::Request::Fit { printer: printer.name.clone(), outfit };
        let noted = recorder.submit(Request::Resin(Box::new(request)), Actor::Platen).await;
        if let Err(error) = noted {
            tracing::error!(printer = %printer.name, %error, "what it is could not be noted: it is judged by what it was");
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one service that printers need")]
fn start_printers(
    config: &Config,
    mut ways: BTreeMap<PrinterName, Arc<dyn Dial>>,
    recorder: &Recorder,
    clock: &Clock,
    left: impl Fn(&PrinterName) -> Left,
    spool: &Arc<Spool>,
    shutdown: &CancellationToken,
    wires: &Wires,
    pulses: &mut Pulses,
) -> Result<(Fleet, PrinterTasks, Arc<Ports>), DaemonError> {
    // What is spawned from here on lives there.
    let _there = wires.0.as_ref().map(Runtime::enter);
    let mut lanes = BTreeMap::new();
    let mut board = Vec::new();
    let mut tasks = Vec::new();
    let plugs = config.printers.iter().map(|one| (one.name.clone(), Plug { fixed: one.fixed_plug }));
    let ports = Arc::new(Ports::new(Usb::default(), plugs));
    for printer in &config.printers {
        let Some(dial) = ways.remove(&printer.name) else { continue };
        let setup = Setup {
            name: printer.name.clone(),
            profile: profile(printer),
            dial,
            recorder: recorder.clone(),
            clock: clock.clone(),
            relay: relay_of(config, printer)?,
            ports: Arc::clone(&ports),
            pulse: pulses.watch(format!("printer {}", printer.name)),
        };
        let (lane, live, task) = match printer.resin.as_deref().map(|resin| (resin, &resin.drive)) {
            None => printer::spawn_with(setup, left(&printer.name), shutdown.clone()),
            Some((_, Drive::Chitu(chitu))) => {
                let chitu = ChituSetup { chitu: chitu.clone(), spool: Arc::clone(spool) };
                chitu::spawn(setup, chitu, shutdown.clone())
            }
            Some((resin, Drive::Msla(msla))) => {
                let cover = msla.cover.as_ref().map(|cover| Switch {
                    ask: cover.ask.as_bytes().into(),
                    open: cover.open.clone(),
                    closed: cover.closed.clone(),
                });
                let lamp = Lamp::new(Arc::new(msla.exposing.clone()));
                let lamp = lamp.watched(cover, msla.light.hottest_c.map(f64::from));
                let lighting = Lighting { lamp, display: masks::Settings::of(msla, resin.panel) };
                printer::spawn_lit(setup, left(&printer.name), lighting, shutdown.clone())
            }
        };
        lanes.insert(printer.name.clone(), lane);
        board.push((printer.name.clone(), live));
        tasks.push((printer.name.clone(), task));
    }
    Ok((Fleet::new(lanes, Board::new(board)), tasks, ports))
}

/// The threads of a printer's relay, if it has one.
fn relay_of(config: &Config, printer: &Printer) -> Result<Relay, DaemonError> {
    let Some(settings) = &printer.relay else { return Ok(Relay::absent()) };
    let broker = config.mqtt.as_ref().map(|mqtt| (mqtt, format!("{}-{}", config.site, config.node)));
    Relay::start(&printer.name, settings, broker).map_err(|error| DaemonError::Thread(error.to_string()))
}
