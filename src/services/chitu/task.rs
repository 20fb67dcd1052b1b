//! The task itself: the loop around the session, what people order, and what becomes of it in the journal.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::resin::chitu::command::Command;
use ::resin::chitu::deliver::{self, Deliverer, DeliveryError, Step, Wanted};
use ::resin::chitu::dialect;
use ::resin::chitu::reply::Printed;
use ::resin::chitu::session::Session;
use ::resin::chitu::state::{
    self, Doubt, Ending, Event, Health, NotStarted, Refused, State, Timing, Unproven,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ChituSetup;
use super::print::{NotForBoards, Print, Stage, name_of, not_started, odd, unproven};
use super::stick::{Bus, Folder, Image, Stick};
use crate::config::resin::{Delivery, StartWay};
use crate::domain::event::Actor;
use crate::domain::ids::JobId;
use crate::domain::job::{BoardFault, Interruption, JobState, PANEL, PauseReason, Progress};
use crate::domain::lab::Request;
use crate::domain::moment::Moment;
use crate::domain::printer::{Activity, Hold, HoldStep, Light, LineHealth, Prompt, Snapshot, StopProof};
use crate::domain::resin;
use crate::domain::resin::odd::Odd;
use crate::domain::resin::wear::Lit;
use crate::io::offload::offload;
use crate::io::resinfile;
use crate::io::serial::{Bypass, Past, Wire};
use crate::services::fleet::{Lanes, NotDone, Order, Ordered, Start, Stop, Work};
use crate::services::printer::{NOT_CONFIRMED, Parting, Setup, clear_latch, is_worth_noting, open};
use crate::services::scribe::{Note, Scribe};

const RETRY_MAX: Duration = Duration::from_secs(5);
const RETRY_MIN: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_millis(500);
const ORDERS: usize = 16;
const STOPS: usize = 4;
/// A stop that comes while the port is being opened waits for it so long, and then goes to the relay.
const STOP_WAITS_FOR_PORT: Duration = Duration::from_millis(250);
/// One command, or one block of a file, is in the kernel's hands within this time, or the port is gone.
const WRITE: Duration = Duration::from_secs(5);
/// How long a file may take to be closed on the stick, or a stop to be said, when the daemon ends.
const LEAVE: Duration = Duration::from_secs(5);
/// Two looks of two seconds, and the plate's way up: a stop that is not proven by then is not.
const STOP_PROVEN: Duration = Duration::from_secs(30);
/// How long a stick is off the bus, so that every board sees that it was gone.
const OUT: Duration = Duration::from_secs(2);
/// A board mounts a stick within this time; until then that it does not find a file says nothing.
const MOUNTS: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const SILENT: &str = "its board does not answer: off, unplugged, another baud rate, or deaf; switch it off and on when it prints nothing";
const NOISE: &str = "only noise comes from its board: wires crossed, no common ground, or another voltage";
const GOES_ON: &str =
    "what it prints it prints on by itself, and it is looked at again as soon as it is heard";
const IT_IS_IN: &str = "It is in";
const READ: usize = 4_096;

type Chore = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What was done on a thread that may wait.
enum Done {
    /// The stick is out, and has the file.
    Filled(JobId, Result<(), String>),
    PutIn(JobId, Result<(), String>),
    Read(JobId, u32, Result<Vec<u8>, String>),
}

/// A stop that is not proven yet.
struct Stopping {
    since: Moment,
    /// The power was cut for that.
    given_up: bool,
}

enum Ended {
    Shutdown,
    Closed(String),
}

enum Waited {
    Ended,
    Stop(Stop),
    Enough,
}

struct Task {
    setup: Setup,
    chitu: ChituSetup,
    session: Session,
    stick: Option<Arc<dyn Stick>>,
    orders: mpsc::Receiver<Ordered>,
    stops: mpsc::Receiver<Stop>,
    starts: mpsc::Receiver<Start>,
    live: watch::Sender<Arc<Snapshot>>,
    scribe: Scribe,
    print: Option<Print>,
    /// Of the job that is delivered.
    file: Option<Arc<File>>,
    chore: Option<Chore>,
    /// The session looks at the file on the stick, or sends it.
    busy: bool,
    uploaded: Option<Printed>,
    /// When the file is looked for on the stick again, and until when that it is not there says nothing.
    look_at: Moment,
    look_until: Moment,
    /// What was wrong with the stick that a person put in last.
    not_in: Option<String>,
    /// What somebody else prints there.
    foreign: Option<String>,
    locked: Option<Activity>,
    stopping: Option<Stopping>,
    /// Who waits for a stop to be on the wire.
    unsaid: Vec<oneshot::Sender<bool>>,
    power_cut: bool,
    /// A person has cleared it although its stop was not proven: the port is opened anew.
    begin_anew: bool,
    /// Of the port that is not open; absent while it is.
    closed: Option<String>,
    noted: Option<(Progress, Moment)>,
    line: LineHealth,
}

pub(super) fn spawn(
    setup: Setup,
    chitu: ChituSetup,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    let (orders, order_lane) = mpsc::channel(ORDERS);
    let (stops, stop_lane) = mpsc::channel(STOPS);
    let (starts, start_lane) = mpsc::channel(1);
    let first = Snapshot::offline(setup.name.clone(), "not opened yet", setup.clock.now());
    let (live, board) = watch::channel(Arc::new(first));
    // No stop goes past the task: a command too close to another one makes such a board deaf.
    let lanes = Lanes { orders, stops, starts, bypass: Bypass::default() };
    let scribe = Scribe::spawn(setup.recorder.clone(), setup.name.clone());
    let stick: Option<Arc<dyn Stick>> = match &chitu.chitu.delivery {
        Delivery::UsbFolder { path } => Some(Arc::new(Folder { path: path.clone(), bus: Bus::default() })),
        Delivery::UsbImage { path } => Some(Arc::new(Image { path: path.clone(), bus: Bus::default() })),
        Delivery::Operator | Delivery::Uart => None,
    };
    let session = Session::new(config(&chitu, setup.profile.heat.simulated_speed));
    let line =
        LineHealth { limit_bytes_per_s: u64::from(setup.profile.baud.0 / 10), ..LineHealth::default() };
    let task = tokio::spawn(async move {
        let session = match session {
            Ok(session) => session,
            Err(error) => {
                let reason = format!("its times cannot be: {error}; correct [printer.delivery]");
                tracing::error!(printer = %setup.name, %reason, "not driven");
                let offline = Snapshot::offline(setup.name.clone(), reason, setup.clock.now());
                live.send_replace(Arc::new(offline));
                setup.pulse.during(shutdown.cancelled()).await;
                return Parting::InOrder;
            }
        };
        let task = Task {
            setup,
            chitu,
            session,
            stick,
            orders: order_lane,
            stops: stop_lane,
            starts: start_lane,
            live,
            scribe,
            print: None,
            file: None,
            chore: None,
            busy: false,
            uploaded: None,
            look_at: Moment::ZERO,
            look_until: Moment::ZERO,
            not_in: None,
            foreign: None,
            locked: None,
            stopping: None,
            unsaid: Vec::new(),
            power_cut: false,
            begin_anew: false,
            closed: Some("not opened yet".into()),
            noted: None,
            line,
        };
        task.run(shutdown).await
    });
    (lanes, board, task)
}

fn config(chitu: &ChituSetup, simulated_speed: u16) -> state::Config {
    let start = match chitu.chitu.start {
        StartWay::Auto => None,
        StartWay::M6030 => Some(dialect::StartWay::M6030),
        StartWay::M23M24 => Some(dialect::StartWay::M23M24),
    };
    let timing = Timing { gap: chitu.chitu.gap, ..Timing::default() };
    state::Config { timing: timing.for_board_speed(u32::from(simulated_speed)), start }
}

fn way(delivery: &Delivery) -> deliver::Delivery {
    match delivery {
        Delivery::UsbFolder { .. } | Delivery::UsbImage { .. } => deliver::Delivery::UsbGadget,
        Delivery::Operator => deliver::Delivery::Operator,
        Delivery::Uart => deliver::Delivery::UartM28,
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Unknown => "offline",
        State::Greeting => "connecting",
        State::Idle | State::Ended(_) => "ready",
        State::Selecting | State::Starting | State::Printing | State::Resuming | State::Uploading => {
            "printing"
        }
        State::Pausing | State::Paused => "paused",
        State::Stopping => "cancelling",
        State::Foreign => "printing what platen has not begun",
    }
}

/// A file that another process may be in; what is wanted of it by its place.
fn piece(file: &File, offset: u32, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, u64::from(offset)).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The chore that is under way; never, where there is none.
async fn done(chore: &mut Option<Chore>) -> Done {
    match chore {
        Some(under_way) => {
            let done = under_way.await;
            *chore = None;
            done
        }
        None => std::future::pending().await,
    }
}

impl Task {
    async fn run(mut self, shutdown: CancellationToken) -> Parting {
        let pulse = self.setup.pulse.clone();
        pulse.during(self.take_left()).await;
        let mut waiting = self.unconfirmed();
        let mut pause = RETRY_MIN;
        loop {
            let latch = self.setup.recorder.read(|lab| lab.printer(&self.setup.name).latch);
            let locked = self.locked.clone().or_else(|| latch.map(Activity::from));
            if let Some(locked) = locked.filter(|_| waiting.is_none() && self.stopping.is_none()) {
                self.locked = Some(locked);
                self.publish();
                match self.wait(None, &shutdown).await {
                    Waited::Ended => break,
                    Waited::Stop(stop) => waiting = Some(stop),
                    Waited::Enough => {}
                }
                continue;
            }
            match self.dial(waiting.take()).await {
                Ok((wire, _held, stop)) => {
                    let begun = self.setup.clock.now();
                    match self.connected(wire, stop, &shutdown).await {
                        Ended::Shutdown => break,
                        Ended::Closed(reason) => self.port_is_gone(reason),
                    }
                    if self.setup.clock.now() - begun > RETRY_MAX {
                        pause = RETRY_MIN;
                    }
                }
                Err((reason, stop)) => {
                    if let Some(stop) = stop {
                        self.stop_without_port(stop);
                        continue;
                    }
                    if self.closed.as_ref() != Some(&reason) {
                        tracing::warn!(printer = %self.setup.name, %reason, "cannot connect");
                        self.closed = Some(reason);
                    }
                }
            }
            self.publish();
            let until = Instant::now() + pause;
            pause = (pause * 2).min(RETRY_MAX);
            match self.wait(Some(until), &shutdown).await {
                Waited::Ended => break,
                Waited::Stop(stop) => waiting = Some(stop),
                Waited::Enough => {}
            }
        }
        let parting = if self.stopping.is_some() { Parting::MayBeHot } else { Parting::InOrder };
        let Self { scribe: Scribe { queue, done }, .. } = self;
        drop(queue);
        let _ = pulse.during(done).await;
        parting
    }

    /// A job that an earlier platen left on this board: looked for as soon as the board is heard.
    async fn take_left(&mut self) {
        let name = self.setup.name.clone();
        let left = self.setup.recorder.read(|lab| {
            let job = lab.running_on(&name)?;
            Some((job.id.clone(), job.file.clone(), job.state.clone()))
        });
        let Some((job, hash, journal)) = left else { return };
        let opened = self.chitu.spool.reader(&hash).await.map_err(|error| error.to_string());
        let read = match opened {
            Ok((file, bytes)) => {
                let file = file.into_std().await;
                let read = offload(move || {
                    let copy = file.try_clone().map_err(|error| error.to_string())?;
                    Ok((resinfile::read(copy).map_err(|error| error.to_string())?, file, bytes))
                });
                read.await.unwrap_or_else(|error| Err(error.to_string()))
            }
            Err(error) => Err(error),
        };
        let progress = journal.run().map_or_else(Progress::default, |run| run.progress);
        let made = read.and_then(|(read, file, bytes)| {
            let now = self.began(journal.run().map_or(0, |run| run.started.0));
            let print =
                self.setup.recorder.read(|lab| Print::new(lab, &job, bytes, &read, Stage::OnBoard, now));
            Ok((print.map_err(|error| error.to_string())?, file))
        });
        let (mut print, file) = match made {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(printer = %name, %job, %error, "a job was left on its board, and its file cannot be read: look at the board");
                let why = Interruption::FileUnreadable;
                self.scribe.note(Request::NoteInterrupted { job, progress, why, line: None });
                return;
            }
        };
        print.paused = matches!(journal, JobState::Paused { .. });
        let asks = matches!(&journal, JobState::Paused { reason: PauseReason::Printer, .. });
        if asks && progress.confirmed == 0 && self.chitu.chitu.delivery == Delivery::Operator {
            // Nobody has said yet that the stick is in, so nothing was begun.
            match self.deliverer(&print) {
                Ok(deliverer) => print.stage = Stage::Delivering(deliverer),
                Err(error) => tracing::error!(printer = %name, %error, "not delivered"),
            }
            self.file = Some(Arc::new(file));
        } else {
            print.told = true;
            if let Err(error) = self.session.attach(self.time(), print.on_stick.clone()) {
                tracing::error!(printer = %name, %error, "the job that was left is not looked for");
            }
            tracing::info!(printer = %name, %job, "looks whether its board still prints what an earlier platen began");
        }
        self.noted = Some((progress, self.setup.clock.now()));
        self.print = Some(print);
    }

    /// When something began that began at this wall time.
    fn began(&self, wall: u64) -> Moment {
        let ago = Duration::from_millis(self.setup.clock.wall().0.saturating_sub(wall));
        let now = self.setup.clock.now();
        Moment(now.0.saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX)))
    }

    fn deliverer(&self, print: &Print) -> Result<Deliverer, DeliveryError> {
        let wanted = Wanted { name: print.on_stick.name.clone(), size: print.on_stick.size };
        Deliverer::new(way(&self.chitu.chitu.delivery), wanted)
    }

    /// A lock of an earlier daemon behind which nobody knows that the board has stopped: it is stopped again.
    fn unconfirmed(&mut self) -> Option<Stop> {
        let record = self.setup.recorder.read(|lab| lab.printer(&self.setup.name));
        let latch = record.latch.filter(|_| record.stop.proof.is_none())?;
        self.locked = Some(Activity::from(latch));
        Some(Stop { by: None, past: Past::Not, answer: oneshot::channel().0 })
    }

    /// Opens the port; a stop waits for it only a moment.
    async fn dial(
        &mut self,
        stop: Option<Stop>,
    ) -> Result<(Box<dyn Wire>, Option<crate::services::ports::Held>, Option<Stop>), (String, Option<Stop>)>
    {
        let mut dialling = Box::pin(self.setup.pulse.during(open(&self.setup)));
        let stop = match stop {
            Some(stop) => stop,
            None => tokio::select! {
                biased;
                dialled = &mut dialling => {
                    return dialled.map(|(wire, held)| (wire, held, None)).map_err(|reason| (reason, None));
                }
                Some(stop) = self.stops.recv() => stop,
            },
        };
        match tokio::time::timeout(STOP_WAITS_FOR_PORT, dialling).await {
            Ok(Ok((wire, held))) => Ok((wire, held, Some(stop))),
            Ok(Err(reason)) => Err((reason, Some(stop))),
            Err(_) => Err(("its port does not open in time".into(), Some(stop))),
        }
    }

    /// Answers people while there is no connection; without an end, until a person has cleared it.
    async fn wait(&mut self, until: Option<Instant>, shutdown: &CancellationToken) -> Waited {
        let pulse = self.setup.pulse.clone();
        loop {
            let enough = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Waited::Ended,
                Some(stop) = self.stops.recv() => return Waited::Stop(stop),
                Some(Ordered { order, answer }) = self.orders.recv() => match order {
                    Order::Clear { by, since } if self.locked.is_some() => {
                        if let Some(stop) = self.clear(by, since, answer).await {
                            return Waited::Stop(stop);
                        }
                        if self.locked.is_none() {
                            return Waited::Enough;
                        }
                    }
                    _ => drop(answer.send(Err(self.not_now("do that: it is not connected, or locked")))),
                },
                Some(start) = self.starts.recv() => {
                    let _ = start.answer.send(Err(self.not_now("print: it is not connected, or locked")));
                }
                done = done(&mut self.chore) => self.done(done),
                () = pulse.during(enough) => return Waited::Enough,
            }
        }
    }

    /// A person clears it; a stop that comes meanwhile goes first, and nothing is cleared.
    async fn clear(
        &mut self,
        by: String,
        since: Option<String>,
        answer: oneshot::Sender<Result<(), NotDone>>,
    ) -> Option<Stop> {
        let clearing = clear_latch(self.setup.recorder.clone(), self.setup.name.clone(), by, since);
        let pulse = self.setup.pulse.clone();
        let clearing = pulse.during(clearing);
        let cleared = tokio::select! {
            biased;
            Some(stop) = self.stops.recv() => {
                let _ = answer.send(Err(self.not_now("be unlocked: it was stopped again")));
                return Some(stop);
            }
            cleared = clearing => cleared,
        };
        if cleared.is_ok() {
            (self.locked, self.power_cut) = (None, false);
            if self.stopping.take().is_some() {
                // What is said from here on is for a board of which nothing is known.
                self.begin_anew = true;
            }
            self.publish();
        }
        let _ = answer.send(cleared);
        None
    }

    async fn connected(
        &mut self,
        mut wire: Box<dyn Wire>,
        stop: Option<Stop>,
        shutdown: &CancellationToken,
    ) -> Ended {
        tracing::info!(printer = %self.setup.name, "port opened");
        self.closed = None;
        if std::mem::take(&mut self.begin_anew)
            && let Ok(anew) = Session::new(config(&self.chitu, self.setup.profile.heat.simulated_speed))
        {
            self.session = anew;
        }
        self.session.handle_opened(self.time());
        match stop {
            Some(stop) => self.stop(stop),
            None if self.stopping.is_some() => self.say_stop(),
            None => {}
        }
        let mut buffer = [0; READ];
        let mut leave_by: Option<Instant> = None;
        let ended = loop {
            self.setup.pulse.beat();
            if let Err(reason) = self.work(&mut wire).await {
                break Ended::Closed(reason);
            }
            self.publish();
            if self.begin_anew {
                break Ended::Closed("cleared; its board is greeted anew".into());
            }
            if let Some(by) = leave_by
                && (Instant::now() >= by || !self.is_leaving())
            {
                break Ended::Shutdown;
            }
            let next = self.session.poll_timeout().map(|at| self.setup.clock.instant(Moment::ZERO + at));
            let tick = Instant::now() + TICK;
            let until = next.map_or(tick, |next| next.min(tick));
            tokio::select! {
                biased;
                Some(stop) = self.stops.recv() => self.stop(stop),
                () = shutdown.cancelled(), if leave_by.is_none() => {
                    self.leave();
                    leave_by = Some(Instant::now() + LEAVE);
                }
                Some(ordered) = self.orders.recv() => {
                    if let Some(stop) = self.obey(ordered).await {
                        self.stop(stop);
                    }
                }
                Some(start) = self.starts.recv() => self.start(start),
                done = done(&mut self.chore) => self.done(done),
                read = wire.read(&mut buffer) => match read {
                    Ok(0) => break Ended::Closed("its port is gone (cable, power, or adapter)".into()),
                    Ok(count) => self.session.handle_bytes(self.time(), &buffer[..count]),
                    Err(error) => break Ended::Closed(format!("its port is gone: {error}")),
                },
                () = sleep_until(until) => {}
            }
        };
        self.setup.relay.let_go();
        ended
    }

    fn time(&self) -> Duration {
        Duration::from_micros(self.setup.clock.now().micros())
    }

    /// All that the session wants done, until it wants nothing more for now.
    async fn work(&mut self, wire: &mut Box<dyn Wire>) -> Result<(), String> {
        loop {
            let now = self.time();
            self.session.handle_timeout(now);
            while let Some(bytes) = self.session.poll_transmit(now) {
                match tokio::time::timeout(WRITE, wire.write_all(&bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(format!("its port is gone: {error}")),
                    Err(_) => return Err("its port takes nothing any more: look at the adapter".into()),
                }
                self.line.lines_sent += 1;
                self.line.bytes_sent += bytes.len() as u64;
                if bytes == Command::Stop.bytes() {
                    for answer in self.unsaid.drain(..) {
                        let _ = answer.send(true);
                    }
                }
            }
            let mut quiet = true;
            while let Some(event) = self.session.poll_event() {
                quiet = false;
                self.happened(event);
            }
            self.read_on();
            if !self.deliver() && quiet {
                break;
            }
        }
        if let Some(Stopping { since, given_up: false }) = self.stopping
            && self.setup.clock.now() - since > STOP_PROVEN
        {
            self.not_proven();
        }
        self.note_progress();
        if !self.power_cut {
            let rests = matches!(self.session.state(), State::Idle | State::Ended(_)) && self.print.is_none();
            self.setup.relay.hold(!rests || self.session.health() != Health::Well);
        }
        Ok(())
    }

    // How the file comes onto the stick.

    /// The next step of a delivery, if one is due; whether the session has something to say by it.
    fn deliver(&mut self) -> bool {
        if self.locked.is_some() {
            return false;
        }
        let state = self.session.state();
        let Some(Print { job, stage: Stage::Delivering(deliverer), on_stick, .. }) = &mut self.print else {
            return false;
        };
        if state == State::Foreign {
            self.over(BoardFault::OtherFile);
            return false;
        }
        match deliverer.step().clone() {
            Step::Place => {
                let (Some(stick), Some(file), None) = (&self.stick, &self.file, &self.chore) else {
                    return false;
                };
                let (stick, file, job) = (Arc::clone(stick), Arc::clone(file), job.clone());
                let (name, bytes) = (on_stick.name.text().to_owned(), on_stick.size);
                let old = self.old_names();
                self.chore = Some(Box::pin(async move {
                    let filled = offload(move || {
                        stick.take_out()?;
                        stick.fill(&name, &file, bytes, &old)
                    });
                    Done::Filled(job, filled.await.unwrap_or_else(|error| Err(error.to_string())))
                }));
                false
            }
            Step::Present => {
                let job = job.clone();
                self.put_in(job);
                false
            }
            Step::Ask { .. } => {
                self.ask();
                false
            }
            Step::Upload => {
                if self.busy {
                    return false;
                }
                match self.session.upload(on_stick.name.clone(), on_stick.size) {
                    Ok(()) => self.busy = true,
                    Err(Refused::File(error)) => {
                        tracing::error!(printer = %self.setup.name, %error, "not sent");
                        self.over(BoardFault::NotDelivered);
                    }
                    Err(_) => {}
                }
                self.busy
            }
            Step::Verify => {
                if self.busy || self.setup.clock.now() < self.look_at {
                    return false;
                }
                self.busy = self.session.select(on_stick.clone()).is_ok();
                self.busy
            }
            Step::Ready => {
                let began = self.session.start(on_stick.clone()).is_ok();
                if let (true, Some(print)) = (began, &mut self.print) {
                    print.stage = Stage::Starting;
                }
                began
            }
            Step::Failed(error) => {
                self.not_delivered(&error);
                false
            }
        }
    }

    fn put_in(&mut self, job: JobId) {
        let (Some(stick), None) = (&self.stick, &self.chore) else { return };
        let stick = Arc::clone(stick);
        self.chore = Some(Box::pin(async move {
            tokio::time::sleep(OUT).await;
            let put = offload(move || stick.put_in()).await.unwrap_or_else(|error| Err(error.to_string()));
            Done::PutIn(job, put)
        }));
    }

    /// Files of ended jobs of this printer are ours to take away, and nobody else's are.
    fn old_names(&self) -> Vec<String> {
        use ::resin::chitu::command::Extension;
        let extensions = [Extension::Ctb, Extension::Goo, Extension::Cbddlp];
        let names: BTreeSet<String> = self.setup.recorder.read(|lab| {
            let here = lab.jobs.values().filter(|job| {
                !job.state.is_running() && job.state.run().is_some_and(|run| run.printer == self.setup.name)
            });
            here.flat_map(|job| extensions.map(|extension| name_of(&job.id, extension).text().to_owned()))
                .collect()
        });
        names.into_iter().collect()
    }

    /// What was done meanwhile, if its job still waits for it.
    fn done(&mut self, done: Done) {
        let is_ours = |print: &&mut Print, of: &JobId| print.job == *of;
        match done {
            Done::Filled(job, filled) => {
                let Some(Print { stage: Stage::Delivering(deliverer), .. }) =
                    self.print.as_mut().filter(|print| is_ours(print, &job))
                else {
                    // Nobody wants it any more, and the board wants its stick.
                    return self.put_in(job);
                };
                match filled {
                    Ok(()) => out_of_turn(deliverer.done()),
                    Err(why) => {
                        out_of_turn(deliverer.gadget_failed(why));
                        self.put_in(job);
                    }
                }
            }
            Done::PutIn(job, put) => {
                if let Err(error) = &put {
                    tracing::error!(printer = %self.setup.name, %error, "its stick was not put back");
                    self.tell_odd(Odd::StickNotBack);
                }
                let until = self.setup.clock.now() + MOUNTS;
                if let Some(Print { stage: Stage::Delivering(deliverer), .. }) =
                    self.print.as_mut().filter(|print| is_ours(print, &job))
                    && *deliverer.step() == Step::Present
                {
                    self.look_until = until;
                    match put {
                        Ok(()) => out_of_turn(deliverer.done()),
                        Err(why) => out_of_turn(deliverer.gadget_failed(why)),
                    }
                }
            }
            Done::Read(job, offset, read) => {
                if self.print.as_mut().is_none_or(|print| print.job != job) {
                    return;
                }
                match read {
                    Ok(bytes) => {
                        if let Err(error) = self.session.give(offset, &bytes) {
                            tracing::debug!(printer = %self.setup.name, %error, "a piece of a file that is not wanted");
                        }
                    }
                    Err(error) => {
                        tracing::error!(printer = %self.setup.name, %job, %error, "the job's file could not be read");
                        self.interrupt(Interruption::FileUnreadable);
                        self.say_stop();
                    }
                }
            }
        }
    }

    /// The next piece of a file that is sent over the line.
    fn read_on(&mut self) {
        let (Some(need), None) = (self.session.poll_need(), &self.chore) else { return };
        let (Some(file), Some(print)) = (&self.file, &self.print) else { return };
        let (file, job) = (Arc::clone(file), print.job.clone());
        self.chore = Some(Box::pin(async move {
            let read = offload(move || piece(&file, need.offset, need.length));
            Done::Read(job, need.offset, read.await.unwrap_or_else(|error| Err(error.to_string())))
        }));
    }

    /// Somebody is asked for the stick.
    fn ask(&mut self) {
        let Some(print) = &mut self.print else { return };
        if !print.paused {
            print.paused = true;
            let (job, progress) = (print.job.clone(), print.progress());
            tracing::info!(printer = %self.setup.name, %job, name = %print.on_stick.name, bytes = print.on_stick.size, "waits for its stick");
            self.scribe.note(Request::NotePaused { job, progress, reason: PauseReason::Printer });
        }
    }

    fn not_delivered(&mut self, error: &DeliveryError) {
        let Some(Print { job, stage: Stage::Delivering(deliverer), .. }) = &mut self.print else { return };
        tracing::warn!(printer = %self.setup.name, %job, %error, "its file is not on the stick");
        if deliverer.by() == deliver::Delivery::Operator {
            self.not_in = Some(error.to_string());
            return deliverer.again();
        }
        let fault = match error {
            DeliveryError::Board(why) => not_started(why),
            _ => BoardFault::NotDelivered,
        };
        self.over(fault);
    }

    /// What is asked of whoever stands there.
    fn prompt(&self) -> Option<Prompt> {
        let Some(Print { stage: Stage::Delivering(deliverer), .. }) = &self.print else { return None };
        let Step::Ask { words } = deliverer.step() else { return None };
        let text = match &self.not_in {
            Some(wrong) => format!("{wrong}. {words}"),
            None => words.clone(),
        };
        Some(Prompt { text, buttons: vec![IT_IS_IN.to_owned()] })
    }

    /// A person says that the stick is in.
    fn is_in(&mut self) {
        let now = self.setup.clock.now();
        (self.look_at, self.look_until, self.not_in) = (now, now + MOUNTS, None);
        if let Some(Print { stage: Stage::Delivering(deliverer), paused, .. }) = &mut self.print {
            *paused = false;
            out_of_turn(deliverer.done());
        }
    }

    // What the board does.

    fn happened(&mut self, event: Event) {
        let printer = self.setup.name.clone();
        self.note_light();
        match event {
            Event::StateChanged(state) => self.follow(state),
            Event::Learned(dialect) => {
                tracing::info!(%printer, firmware = ?dialect.firmware, "greeted");
                self.foreign = None;
            }
            Event::Listed { .. } => {}
            Event::Verified { name, size } => {
                self.busy = false;
                if let Some(print) = &mut self.print {
                    print.verified = true;
                    if let Stage::Delivering(deliverer) = &mut print.stage {
                        out_of_turn(deliverer.verified(&name, size));
                    }
                }
            }
            Event::NotStarted(why) => self.not_begun(&why),
            Event::Attached { name } => {
                tracing::info!(%printer, %name, "its board still prints what platen began");
                let Some(print) = &mut self.print else { return };
                (print.verified, print.stage) = (true, Stage::OnBoard);
                if print.cancelled_by.is_some() {
                    self.say_stop();
                }
            }
            Event::NotOurs { name, total } => {
                // Its name is somebody's words, and may say who it is for.
                tracing::warn!(%printer, total, named = name.is_some(), "its board prints what platen has not begun; it is left alone");
                self.foreign = Some(format!(
                    "its board prints a file of {total} bytes that platen has not begun; it is left alone until it is over"
                ));
            }
            Event::Progress(printed) => match &mut self.print {
                Some(Print { stage: Stage::Delivering(_), .. }) => self.uploaded = Some(printed),
                Some(print) => {
                    print.stage = Stage::OnBoard;
                    print.read(printed.bytes);
                    // Of an opaque file no layer is told: its resin is counted as its bytes are read.
                    if print.is_opaque() {
                        let lit = print.lit();
                        self.note_lit(lit, false);
                    }
                }
                None => {}
            },
            Event::LayerReached(layer) => {
                let Some(print) = &mut self.print else { return };
                print.reached(layer);
                let (lit, wants_refill) = (print.lit(), print.wants_refill());
                self.note_lit(lit, false);
                if wants_refill {
                    self.pause_for_refill();
                }
            }
            Event::Ended(ending) => self.ended(ending),
            Event::Uploaded { name, size } => {
                tracing::info!(%printer, %name, size, "its file is on the stick");
                (self.busy, self.uploaded) = (false, None);
                if let Some(Print { stage: Stage::Delivering(deliverer), .. }) = &mut self.print {
                    out_of_turn(deliverer.done());
                }
            }
            Event::NotUploaded(error) => {
                tracing::warn!(%printer, %error, "its file was not sent");
                (self.busy, self.uploaded) = (false, None);
                if self.stopping.is_some() {
                    // While a file was sent, a stop could only end that.
                    self.say_stop();
                } else if let Some(Print { stage: Stage::Delivering(deliverer), .. }) = &mut self.print {
                    out_of_turn(deliverer.not_uploaded(error));
                }
            }
            Event::Doubt(doubt) => self.doubted(&doubt),
            Event::Medium(medium) => tracing::info!(%printer, ?medium, "its stick"),
            Event::Health(Health::Well) => tracing::info!(%printer, "its board answers"),
            Event::Health(health) => {
                tracing::warn!(%printer, ?health, "its board cannot be talked to");
                if self.stopping.is_some() {
                    self.not_proven();
                }
            }
            Event::Said(text) => tracing::debug!(%printer, text, "said"),
        }
    }

    /// What the state of the board makes of the job.
    fn follow(&mut self, state: State) {
        if state != State::Foreign {
            self.foreign = self.foreign.take().filter(|_| state == State::Greeting);
        }
        let Some(print) = &mut self.print else { return };
        if matches!(print.stage, Stage::Delivering(_)) {
            return;
        }
        let (job, progress) = (print.job.clone(), print.progress());
        match state {
            State::Starting => print.told = true,
            State::Printing => {
                print.stage = Stage::OnBoard;
                if std::mem::take(&mut print.paused) {
                    self.scribe.note(Request::NoteResumed { job, by: PANEL.into() });
                } else if self.noted.is_none() {
                    tracing::info!(printer = %self.setup.name, %job, "its board prints");
                }
            }
            State::Paused => {
                print.stage = Stage::OnBoard;
                if !std::mem::replace(&mut print.paused, true) {
                    let lit = print.lit();
                    self.note_lit(lit, true);
                    self.scribe.note(Request::NotePaused { job, progress, reason: PauseReason::Panel });
                }
            }
            _ => {}
        }
    }

    fn not_begun(&mut self, why: &NotStarted) {
        self.busy = false;
        let now = self.setup.clock.now();
        let Some(print) = &mut self.print else { return };
        let told = print.told;
        match &mut print.stage {
            Stage::Delivering(deliverer) => {
                // A board that is still mounting the stick does not know its files.
                let is_early = matches!(
                    why,
                    NotStarted::Missing { .. } | NotStarted::NoMedium | NotStarted::SizeNotTold { .. }
                );
                if is_early && now < self.look_until && deliverer.by() != deliver::Delivery::UartM28 {
                    self.look_at = now + LOOK_AGAIN;
                } else {
                    out_of_turn(deliverer.not_verified(why.clone()));
                }
            }
            Stage::Starting => {
                tracing::warn!(printer = %self.setup.name, job = %print.job, %why, "not begun");
                if !told && self.chitu.chitu.delivery == Delivery::Operator && print.cancelled_by.is_none() {
                    self.not_in = Some(why.to_string());
                    match self.print.as_ref().map(|print| self.deliverer(print)) {
                        Some(Ok(deliverer)) => {
                            if let Some(print) = &mut self.print {
                                print.stage = Stage::Delivering(deliverer);
                            }
                        }
                        Some(Err(_)) | None => self.over(not_started(why)),
                    }
                } else {
                    self.over(not_started(why));
                }
            }
            Stage::OnBoard => {}
        }
    }

    fn doubted(&mut self, doubt: &Doubt) {
        tracing::warn!(printer = %self.setup.name, "{doubt}");
        if let Some(odd) = odd(doubt) {
            self.tell_odd(odd);
        }
        let in_doubt =
            matches!(doubt, Doubt::WentBack { .. } | Doubt::KnownBySizeOnly | Doubt::OtherBoard { .. });
        if let (true, Some(print)) = (in_doubt, &mut self.print) {
            print.doubted = true;
        }
        let not_stopped = match doubt {
            Doubt::StillPrinting | Doubt::StopNotTold => true,
            Doubt::Unanswered(code) => *code == Command::Stop.code(),
            _ => false,
        };
        if not_stopped && self.stopping.is_some() {
            self.not_proven();
        }
    }

    fn ended(&mut self, ending: Ending) {
        if let Ending::Stopped { proof, .. } = ending
            && self.stopping.take().is_some()
        {
            let proof = match proof {
                state::StopProof::NotPrintingAndRising => StopProof::PlateUp,
                state::StopProof::NotPrinting => StopProof::NotPrinting,
            };
            tracing::warn!(printer = %self.setup.name, "stopped: {}", proof.in_words());
            let printer = self.setup.name.clone();
            self.scribe.note(Request::NoteStopVerified { printer, proof });
        }
        let Some(print) = self.print.as_ref().filter(|print| !matches!(print.stage, Stage::Delivering(_)))
        else {
            return;
        };
        let cancelled_by = print.cancelled_by.clone();
        match ending {
            Ending::Completed => self.printed(),
            Ending::CancelledAtPanel { .. } => self.cancelled(cancelled_by.unwrap_or_else(|| PANEL.into())),
            Ending::Stopped { .. } => match cancelled_by {
                Some(by) => self.cancelled(by),
                None => self.interrupt(Interruption::Stopped),
            },
            Ending::MediumRemoved { .. } => self.over(BoardFault::StickGone),
            Ending::Unknown { why, .. } => {
                tracing::warn!(printer = %self.setup.name, %why, "nobody knows how its print ended");
                if matches!(why, Unproven::EndedWithoutUs | Unproven::Unwatched(_)) {
                    // The most that it can have been.
                    let lit = print.lit_whole();
                    self.note_lit(lit, true);
                }
                self.over(unproven(why));
            }
        }
    }

    // The journal.

    /// Whoever stands there has to know it; the log is read by others.
    fn tell_odd(&self, odd: Odd) {
        let printer = self.setup.name.clone();
        self.scribe.note(Request::Resin(Box::new(resin::Request::NoteOdd { printer, odd })));
    }

    fn note_lit(&self, lit: Option<Lit>, now: bool) {
        if let (Some(print), Some(lit)) = (&self.print, lit) {
            let job = print.job.clone();
            self.scribe.note(Request::Resin(Box::new(resin::Request::NoteLit { job, lit, now })));
        }
    }

    /// While the board prints, or may, light is on for as long.
    fn note_light(&mut self) {
        let now = self.setup.clock.now();
        if let Some(print) = self.print.as_mut().filter(|print| print.told) {
            print.is_on_at(now);
        }
    }

    fn note_progress(&mut self) {
        self.note_light();
        let (Some(print), Some((noted, at))) = (&self.print, self.noted) else { return };
        let (now, progress) = (self.setup.clock.now(), print.progress());
        if is_worth_noting(progress, noted, now - at) {
            self.noted = Some((progress, now));
            self.scribe.note(Request::NoteProgress { job: print.job.clone(), progress });
        }
    }

    /// The job is over; what it was, if there was one.
    fn take_print(&mut self, lit: impl FnOnce(&Print) -> Option<Lit>) -> Option<Print> {
        let lit = self.print.as_ref().and_then(lit);
        self.note_lit(lit, true);
        (self.file, self.noted, self.not_in, self.busy, self.uploaded) = (None, None, None, false, None);
        self.print.take()
    }

    fn printed(&mut self) {
        let Some(print) = self.take_print(Print::lit_whole) else { return };
        let (job, progress, digest) = (print.job.clone(), print.whole(), print.digest());
        let millis = (self.setup.clock.now() - print.began).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        tracing::info!(printer = %self.setup.name, %job, millis, "printed");
        let line = Box::new(self.line);
        self.scribe.note(Request::NotePrinted { job, progress, digest, line, millis });
    }

    fn cancelled(&mut self, by: String) {
        let Some(print) = self.take_print(Print::lit) else { return };
        let (job, progress) = (print.job.clone(), Some(print.progress()));
        tracing::info!(printer = %self.setup.name, %job, "cancelled");
        let end = Request::CancelJob { job, progress, by, line: Some(Box::new(self.line)) };
        self.note_end(end, &print);
    }

    fn over(&mut self, fault: BoardFault) {
        self.interrupt(Interruption::Board { fault });
    }

    fn interrupt(&mut self, why: Interruption) {
        let Some(print) = self.take_print(Print::lit) else { return };
        let (job, progress) = (print.job.clone(), print.progress());
        tracing::warn!(printer = %self.setup.name, %job, why = %why.in_words(), "interrupted");
        let end = Request::NoteInterrupted { job, progress, why, line: Some(Box::new(self.line)) };
        self.note_end(end, &print);
    }

    /// A board that was not told to begin has nothing of the job on its plate.
    fn note_end(&self, end: Request, print: &Print) {
        let end = if print.told { end } else { Request::SentNothing(Box::new(end)) };
        self.scribe.note(end);
    }

    fn port_is_gone(&mut self, reason: String) {
        tracing::warn!(printer = %self.setup.name, %reason, "port closed");
        self.session.handle_closed(self.time());
        // Before a start that is the end; a print goes on without us.
        while let Some(event) = self.session.poll_event() {
            self.happened(event);
        }
        for answer in self.unsaid.drain(..) {
            let _ = answer.send(false);
        }
        if self.stopping.is_some() {
            self.not_proven();
        }
        self.busy = false;
        self.closed = Some(reason);
    }

    // Stops.

    /// What the session can say of it is said as soon as the board may hear it.
    fn stop(&mut self, stop: Stop) {
        let now = self.setup.clock.now();
        self.locked.get_or_insert(Activity::Stopped);
        self.stopping = Some(Stopping { since: now, given_up: false });
        self.unsaid.push(stop.answer);
        self.say_stop();
        if let Some(by) = stop.by {
            self.scribe.note(Request::NoteStopped { printer: self.setup.name.clone(), by });
        }
        self.interrupt(Interruption::Stopped);
    }

    fn say_stop(&mut self) {
        if let Err(error) = self.session.stop() {
            tracing::error!(printer = %self.setup.name, %error, "the stop cannot be said");
        }
    }

    /// A stop that cannot go to the wire: the power, and the latch.
    fn stop_without_port(&mut self, stop: Stop) {
        self.locked.get_or_insert(Activity::Stopped);
        let _ = stop.answer.send(false);
        if let Some(by) = stop.by {
            self.scribe.note(Request::NoteStopped { printer: self.setup.name.clone(), by });
        }
        self.interrupt(Interruption::Stopped);
        // When the port is back, the board is stopped first.
        self.stopping = Some(Stopping { since: self.setup.clock.now(), given_up: true });
        self.begin_anew = true;
        self.cut_power();
        self.publish();
    }

    /// The board does not obey, or nobody knows: its motors, and its power.
    fn not_proven(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        if std::mem::replace(&mut stopping.given_up, true) {
            return;
        }
        // Refused where the port is closed; then only the power is left.
        let _ = self.session.halt_motors();
        self.cut_power();
    }

    fn cut_power(&mut self) {
        self.power_cut = true;
        let (journal, printer) = (self.scribe.queue.clone(), self.setup.name.clone());
        self.setup.relay.switch_off(move |relay| {
            tracing::error!(%printer, "{NOT_CONFIRMED}: {}", relay.in_words());
            // The scribe ends only after its queue.
            let _ = journal.send(Request::NoteStopUnverified { printer, relay }.into());
        });
    }

    // The end of the daemon.

    /// What the board does by itself it goes on with; what needs us ends.
    fn leave(&mut self) {
        let ours = matches!(&self.print, Some(Print { stage: Stage::Delivering(deliverer), .. })
            if !matches!(deliverer.step(), Step::Ask { .. }));
        if ours {
            self.interrupt(Interruption::DaemonEnded);
        }
        if matches!(self.session.state(), State::Uploading) {
            // All that is said to it would be data of a file that nobody closes.
            self.say_stop();
        }
    }

    fn is_leaving(&self) -> bool {
        self.session.state() == State::Uploading || !self.unsaid.is_empty() || self.chore.is_some()
    }

    // What people order.

    fn not_now(&self, wanted: &'static str) -> NotDone {
        let state = self.activity().word();
        NotDone::WrongState { printer: self.setup.name.clone(), state, wanted }
    }

    fn refused(&self, error: Refused, wanted: &'static str) -> NotDone {
        match error {
            Refused::NotNow(state) => {
                NotDone::WrongState { printer: self.setup.name.clone(), state: state_word(state), wanted }
            }
            _ => NotDone::WrongState { printer: self.setup.name.clone(), state: "silent", wanted },
        }
    }

    fn start(&mut self, start: Start) {
        let Start { job, work, answer } = start;
        let _ = answer.send(self.begin(&job, work));
    }

    fn begin(&mut self, job: &JobId, work: Work) -> Result<(), NotDone> {
        let printer = || self.setup.name.clone();
        let Work::Stick { bytes, file, read, .. } = work else {
            let why = "it prints files from a stick, and is no board that is sent lines".into();
            return Err(NotDone::NotReady { printer: printer(), why });
        };
        if self.activity() != Activity::Ready {
            return Err(self.not_now("print"));
        }
        let now = self.setup.clock.now();
        let not_ready = |why: String| NotDone::NotReady { printer: printer(), why };
        let made = self.setup.recorder.read(|lab| Print::new(lab, job, bytes, &read, Stage::Starting, now));
        let mut print = made.map_err(|error: NotForBoards| not_ready(error.to_string()))?;
        let deliverer = self.deliverer(&print).map_err(|error| not_ready(error.to_string()))?;
        print.stage = Stage::Delivering(deliverer);
        self.file = Some(Arc::new(file));
        (self.look_at, self.look_until, self.busy, self.not_in) = (now, now, false, None);
        self.noted = Some((print.progress(), now));
        self.line = LineHealth { limit_bytes_per_s: self.line.limit_bytes_per_s, ..LineHealth::default() };
        self.print = Some(print);
        Ok(())
    }

    /// The print that this order is about, if it is the one that runs.
    fn ordered(&mut self, job: &JobId) -> Result<&mut Print, NotDone> {
        let printer = self.setup.name.clone();
        let ours = self.print.as_mut().filter(|print| print.job == *job && print.cancelled_by.is_none());
        ours.ok_or_else(|| NotDone::OtherJob { printer, job: job.clone() })
    }

    /// A stop that came meanwhile goes first.
    async fn obey(&mut self, Ordered { order, answer }: Ordered) -> Option<Stop> {
        let refuse = |answer: oneshot::Sender<_>, error: NotDone| drop(answer.send(Err(error)));
        match order {
            Order::Pause { job, by } => match self.pause(&job) {
                Ok((progress, lit)) => {
                    self.note_lit(lit, true);
                    let reason = PauseReason::Person { by: by.clone() };
                    let note = Request::NotePaused { job: job.clone(), progress, reason };
                    self.tell(note, by, format!("was told to pause job {job}"), answer);
                }
                Err(error) => refuse(answer, error),
            },
            Order::Resume { job, by } => match self.resume(&job) {
                Ok(()) => {
                    let note = Request::NoteResumed { job: job.clone(), by: by.clone() };
                    self.tell(note, by, format!("was told to go on with job {job}"), answer);
                }
                Err(error) => refuse(answer, error),
            },
            Order::Cancel { job, by } => self.cancel(&job, by, answer),
            Order::Answer { button, seen, by } => {
                let printer = self.setup.name.clone();
                let not_asked = |why: &str| NotDone::NotAsked { printer: printer.clone(), why: why.into() };
                let wrong = match self.prompt() {
                    None => Some("it asks nothing"),
                    Some(prompt) if seen.is_some_and(|seen| seen != prompt.text) => {
                        Some("it asks something else by now")
                    }
                    Some(prompt) if usize::from(button) >= prompt.buttons.len() => {
                        Some("it has no such button")
                    }
                    Some(_) => None,
                };
                if let Some(why) = wrong {
                    refuse(answer, not_asked(why));
                    return None;
                }
                let job = self.print.as_ref().map(|print| print.job.clone())?;
                self.is_in();
                let person = Some(Actor::Person(by.clone()));
                self.scribe.note_by(Request::NoteResumed { job, by: by.clone() }, person);
                let label = IT_IS_IN.to_owned();
                let note = Request::NoteAnswered { printer: printer.clone(), by, button, label };
                let done = format!("printer {printer} was given this answer");
                self.scribe.note_and_answer(note.into(), done, answer);
            }
            Order::Console { reply, .. } => {
                // Whoever waits there hears that there is nothing.
                drop(reply);
                refuse(
                    answer,
                    self.not_now("take a command: such a board is told nothing but what its prints need"),
                );
            }
            Order::Identify { .. } => {
                refuse(
                    answer,
                    self.not_now("be identified: such a board says nothing that tells it from another"),
                );
            }
            Order::Clear { by, since } => {
                let is_locked = self.locked.is_some()
                    || self.setup.recorder.read(|lab| lab.printer(&self.setup.name).latch.is_some());
                if matches!(self.stopping, Some(Stopping { given_up: false, .. })) {
                    let wanted =
                        "be unlocked: whether it has stopped is not known yet; wait for that, half a minute";
                    refuse(answer, self.not_now(wanted));
                } else if is_locked {
                    return self.clear(by, since, answer).await;
                } else {
                    let wanted =
                        "be unlocked: it is not locked; its bed is cleared with `platen printers clear`";
                    refuse(answer, self.not_now(wanted));
                }
            }
        }
        None
    }

    /// Yes is said when the journal has it.
    fn tell(&self, note: Request, by: String, does: String, answer: oneshot::Sender<Result<(), NotDone>>) {
        let done = format!("printer {} {does}, and does so", self.setup.name);
        self.scribe.note_and_answer(Note::by(note, Some(Actor::Person(by))), done, answer);
    }

    fn pause(&mut self, job: &JobId) -> Result<(Progress, Option<Lit>), NotDone> {
        if matches!(self.ordered(job)?.stage, Stage::Delivering(_)) {
            return Err(self.not_now("pause: it has not begun yet; cancel it, or wait"));
        }
        self.session.pause().map_err(|error| self.refused(error, "pause"))?;
        let print = self.ordered(job)?;
        print.paused = true;
        Ok((print.progress(), print.lit()))
    }

    /// The vat has not enough for the next layer.
    fn pause_for_refill(&mut self) {
        // It pauses already, for somebody: the vat is the reason that counts from here.
        let pauses = matches!(self.session.state(), State::Pausing | State::Paused);
        if !pauses && let Err(error) = self.session.pause() {
            tracing::error!(printer = %self.setup.name, %error, "the vat wants a refill, and the board cannot be paused: pause it at its panel");
            self.tell_odd(Odd::RefillNotPaused);
            return;
        }
        let Some(print) = &mut self.print else { return };
        print.paused = true;
        let (job, progress, lit) = (print.job.clone(), print.progress(), print.lit());
        self.note_lit(lit, true);
        self.scribe.note(Request::NotePaused { job, progress, reason: PauseReason::Refill });
    }

    fn resume(&mut self, job: &JobId) -> Result<(), NotDone> {
        let print = self.ordered(job)?;
        if !print.paused {
            return Err(self.not_now("go on: it is not paused"));
        }
        if self.prompt().is_some() {
            self.is_in();
            return Ok(());
        }
        self.session.resume().map_err(|error| self.refused(error, "go on: wait until it stands"))?;
        self.ordered(job)?.paused = false;
        Ok(())
    }

    fn cancel(&mut self, job: &JobId, by: String, answer: oneshot::Sender<Result<(), NotDone>>) {
        let print = match self.ordered(job) {
            Ok(print) => print,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let (is_told, is_delivering) = (print.told, matches!(print.stage, Stage::Delivering(_)));
        if (!is_delivering || self.busy)
            && let Err(error) = self.session.stop()
        {
            return drop(answer.send(Err(self.refused(error, "cancel: it is not connected"))));
        }
        let done = format!("printer {} was told to cancel job {job}, and does so", self.setup.name);
        let note = Request::NoteCancelling { job: job.clone(), by: by.clone() };
        self.scribe.note_and_answer(note.into(), done, answer);
        if is_told {
            if let Some(print) = &mut self.print {
                print.cancelled_by = Some(by);
            }
        } else {
            // The board may look at the file once more; it has not been told to begin, and will not be.
            self.cancelled(by);
        }
    }

    // What others see.

    fn activity(&self) -> Activity {
        if let Some(locked) = &self.locked {
            return locked.clone();
        }
        let offline = |reason: &str| Activity::Offline { reason: reason.into() };
        let away = match (&self.closed, self.session.health()) {
            (Some(reason), _) => Some(reason.as_str()),
            (None, Health::Well) => None,
            (None, Health::Silent) => Some(SILENT),
            (None, Health::WiringFault) => Some(NOISE),
        };
        if let Some(reason) = away {
            let prints = self.print.as_ref().is_some_and(|print| print.told);
            return offline(&if prints { format!("{reason}; {GOES_ON}") } else { reason.to_owned() });
        }
        let state = self.session.state();
        let Some(print) = &self.print else {
            return match state {
                State::Idle | State::Ended(_) => Activity::Ready,
                State::Foreign => {
                    offline(self.foreign.as_deref().unwrap_or("its board prints what platen has not begun"))
                }
                _ => Activity::Connecting,
            };
        };
        let (job, progress) = (print.job.clone(), print.progress());
        match (&print.stage, state) {
            _ if print.cancelled_by.is_some() => Activity::Cancelling { job },
            (_, State::Unknown | State::Greeting) if !matches!(print.stage, Stage::Delivering(_)) => {
                Activity::Connecting
            }
            (Stage::Delivering(_), _) if print.paused => Activity::Paused { job, progress, draining: false },
            (_, State::Paused) => Activity::Paused { job, progress, draining: false },
            (_, State::Pausing) => Activity::Paused { job, progress, draining: true },
            _ => Activity::Printing { job, progress },
        }
    }

    fn hold(&self) -> Hold {
        let Some(print) = &self.print else { return Hold::default() };
        if self.locked.is_some() {
            return Hold::default();
        }
        if let Some(prompt) = self.prompt() {
            let (reason, step) = (Some(PauseReason::Printer), Some(HoldStep::WaitsForPerson));
            return Hold { reason, step, prompt: Some(prompt), ..Hold::default() };
        }
        let text = match (&print.stage, self.uploaded) {
            (Stage::Delivering(_), Some(Printed { bytes, of })) => {
                Some(format!("its file is on its way: {bytes} of {of} bytes"))
            }
            (Stage::Delivering(_), None) => Some("its file is on its way to the stick".to_owned()),
            _ => None,
        };
        let state = self.session.state();
        // Who has paused it the journal says: a person here, hands at its panel, or the vat.
        let reason =
            matches!(state, State::Pausing | State::Paused).then(|| self.why_paused(&print.job)).flatten();
        let step = match state {
            State::Pausing => Some(HoldStep::Draining),
            State::Paused if reason.is_none() => Some(HoldStep::PausedByPrinter),
            _ => None,
        };
        Hold { reason, text, step, ..Hold::default() }
    }

    fn why_paused(&self, job: &JobId) -> Option<PauseReason> {
        self.setup.recorder.read(|lab| match &lab.jobs.get(job)?.state {
            JobState::Paused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    fn publish(&self) {
        let now = self.setup.clock.now();
        let firmware = self.session.dialect().firmware.as_ref().map(|said| {
            let plain = said.chars().filter(|c| matches!(c, ' '..='~')).take(48);
            format!("ChiTu {}", plain.collect::<String>())
        });
        // When a layer is in light, only the board knows.
        let prints = self.print.as_ref().is_some_and(|print| print.told);
        let lights = prints || self.session.state() == State::Foreign;
        let seen = Snapshot {
            light: lights.then_some(Light::MayBeOn),
            activity: self.activity(),
            firmware,
            line: self.line,
            hold: self.hold(),
            ..Snapshot::offline(self.setup.name.clone(), "", now)
        };
        self.live.send_replace(Arc::new(seen));
    }
}

/// Steps are told in their turn; what is not is a mistake of ours.
fn out_of_turn(told: Result<(), deliver::OutOfTurn>) {
    if let Err(error) = told {
        tracing::error!(%error, "a step of a delivery");
    }
}
