//! The one task that owns a printer: its port, its session, and nobody else's locks.
//!
//! ```text
//!   ┌─▶ Waiting ──dial──▶ Connected ──port gone, closed──┐
//!   │      ▲ latch            │                          │
//!   └──────┴──────────────────┴──────── back off ◀───────┘
//! ```
//! Order of the `select!`: a stop before everything, then what people order, then the wire.
//! What is to be written down goes over a queue to a scribe, so that a slow disk never holds the wire.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::drive::{Drive, FileSupply, Turn, dial};
use super::fleet::{Lanes, NotDone, Order, Ordered, Start, Stop, Work};
use super::masks::{self, Display, Loaded};
use super::ports::{Held, Ports};
use super::pulse::Pulse;
use super::recorder::Recorder;
use super::rejoin::{self, Found, Keeper};
use super::relay::Relay;
use super::scribe::{Note, Scribe};
use crate::config::Restart;
use crate::control::console::ConsoleAnswer;
use crate::control::light::{Exposures, Lamp, LitSoFar, MaskStep};
use crate::control::rejoin::Plan;
use crate::control::session::{LeftHeat, MayBeLeft, NotNow, Profile, Session, SessionEvent};
use crate::domain::event::Actor;
use crate::domain::heat::Action;
use crate::domain::identity::Recognition;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::{AfterCrash, Interruption, PauseReason, Progress};
use crate::domain::lab::Request;
use crate::domain::moment::{Moment, WallTime};
use crate::domain::printer::{
    Activity, Away, Light, LineHealth, LineRate, OutOfReach, Snapshot, Temperatures,
};
use crate::domain::resin::need::Need;
use crate::domain::resin::odd::Odd;
use crate::domain::resin::wear::Lit;
use crate::domain::resin::{self, NOTE_EVERY};
use crate::domain::seen::Seen;
use crate::domain::units::{Celsius, Microlitres};
use crate::io::clock::Clock;
use crate::io::offload::offload;
use crate::io::serial::{Bypass, Dial, DialError, Past, Wire};
use crate::io::spool::Spool;
use crate::io::successor::Supervisor;
use crate::io::usb::Device;

/// A printer that is off costs one failed `open` in this time, at most.
const RETRY_MAX: Duration = Duration::from_secs(5);
const RETRY_MIN: Duration = Duration::from_millis(250);
/// How often the live picture is renewed while nothing else changes.
const TICK: Duration = Duration::from_millis(500);
/// The line's speed is that of so many ticks.
const RATE_TICKS: usize = 10;
/// The journal hears of progress when a hundredth of the job is done, or after this time.
const PROGRESS_AFTER: Duration = Duration::from_secs(30);
const PROGRESS_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// Orders wait in line while the task is busy with one; more than this is a fault of the caller.
const ORDERS: usize = 16;
/// Stops in line say all the same.
const STOPS: usize = 4;
/// How long a job may take to leave the printer when the daemon ends.
const LEAVE: Duration = Duration::from_secs(5);
/// How long a board may take to say that its heaters are off, where it was not greeted in this life: moves and waits
/// of another are before that. Less than systemd's `TimeoutStopSec`.
const SWITCH_OFF: Duration = Duration::from_secs(30);

/// A stop that comes while the port is being opened waits for it so long, and then goes to the relay.
const STOP_WAITS_FOR_PORT: Duration = Duration::from_millis(250);
/// Nobody burns their hand on this, °C, and nothing melts.
const COLD: Celsius = Celsius(50.0);
/// A printer whose latest temperatures are older may be anything.
const OLD_READING: Duration = Duration::from_secs(30);

/// Why the power goes after a stop.
pub(super) const NOT_CONFIRMED: &str = "the stop was not confirmed";

/// A printer whose port does not open within this time, after a restart or after it was gone, does not print on.
const REJOIN_WITHIN: Duration = Duration::from_secs(30);

/// Who keeps the open ports for the daemon that comes after this one; set just before this one ends, if at all.
pub type Successor = Arc<OnceLock<Supervisor>>;

/// By what jobs outlive a gap.
#[derive(Clone, Debug)]
pub struct Lasting {
    pub restart: Restart,
    pub successor: Successor,
    /// The files of the jobs.
    pub spool: Arc<Spool>,
}

/// What an earlier daemon left for this printer.
#[derive(Debug, Default)]
pub struct Left {
    pub keeper: Option<Keeper>,
    /// A job that is still to be continued or interrupted, and the spool with its file.
    pub job: Option<(Found, Arc<Spool>)>,
    /// Absent: every gap ends a job.
    pub lasting: Option<Lasting>,
}

/// What the task needs to know and to have.
pub struct Setup {
    pub name: PrinterName,
    pub profile: Profile,
    pub dial: Arc<dyn Dial>,
    pub recorder: Recorder,
    pub clock: Clock,
    pub relay: Relay,
    pub ports: Arc<Ports>,
    /// By which its task says that it lives.
    pub pulse: Pulse,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is lit, and shown, on a printer whose layers we light.
#[derive(Clone, Debug)]
pub struct Lighting {
    pub lamp: Lamp,
    pub display: masks::Settings,
}

/// Starts the task. It ends when `shutdown` is cancelled; the port is then closed.
pub fn spawn(
    setup: Setup,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    spawn_with(setup, Left::default(), shutdown)
}

/// The same of a printer whose layers we light. Its display is opened at once, and is dark whenever nothing is lit.
pub fn spawn_lit(
    setup: Setup,
    left: Left,
    lighting: Lighting,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    spawn_any(setup, left, Some(lighting), shutdown)
}

/// The same, with what an earlier daemon left.
pub fn spawn_with(
    setup: Setup,
    left: Left,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    spawn_any(setup, left, None, shutdown)
}

fn spawn_any(
    setup: Setup,
    left: Left,
    lighting: Option<Lighting>,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    let (orders, order_lane) = mpsc::channel(ORDERS);
    let (stops, stop_lane) = mpsc::channel(STOPS);
    let (starts, start_lane) = mpsc::channel(1);
    let out_of_reach = left.job.as_ref().map_or(OutOfReach::Nothing, |(found, _)| sought(found));
    let first = Snapshot::offline(setup.name.clone(), "not opened yet", setup.clock.now());
    let first = Snapshot { out_of_reach, light: lighting.as_ref().map(|_| Light::Unknown), ..first };
    let (live, board) = watch::channel(Arc::new(first));
    let scribe = Scribe::spawn(setup.recorder.clone(), setup.name.clone());
    let bypass = Bypass::default();
    let (lamp, display) = lighting.map(|lighting| (lighting.lamp, lighting.display)).unzip();
    let display = display.map(|settings| Display::start(setup.name.clone(), settings));
    let task = Task {
        bypass: bypass.clone(),
        session: Some(Session::new(setup.name.clone(), setup.profile).with_lamp(lamp)),
        setup,
        orders: order_lane,
        stops: stop_lane,
        starts: start_lane,
        live,
        scribe,
        ticks: VecDeque::with_capacity(RATE_TICKS + 1),
        noted: None,
        power_cut: false,
        locked: None,
        console: None,
        keeper: left.keeper,
        left: left.job,
        lasting: left.lasting,
        left_until: Moment::ZERO + REJOIN_WITHIN,
        left_why: Interruption::DaemonEnded,
        since: None,
        trail_lost: None,
        just_cleared: false,
        halted_another: false,
        heat_left: OutOfReach::Nothing,
        unanswered: None,
        own_last: None,
        parting: Parting::InOrder,
        display,
        loading: None,
        is_loaded: false,
        need: None,
        lit: LitSoFar::default(),
    };
    (Lanes { orders, stops, starts, bypass }, board, tokio::spawn(task.run(shutdown)))
}

/// What the journal hears of the end of a job: whether it may have laid anything, too.
fn end_of(end: Request, laid: bool) -> Request {
    if laid { end } else { Request::LaidNothing(Box::new(end)) }
}

/// Whether the journal hears of this progress; `noted` so long ago was the last that it heard of. A resend takes
/// lines back that were confirmed, so it may be less than that.
pub(super) fn is_worth_noting(progress: Progress, noted: Progress, since: Duration) -> bool {
    let more = progress.confirmed.saturating_sub(noted.confirmed);
    let hundredth = more * 100 >= progress.total;
    more > 0 && since >= PROGRESS_AT_MOST_EVERY && (hundredth || since >= PROGRESS_AFTER)
}

struct Task {
    setup: Setup,
    /// `None` while it is in the drive.
    session: Option<Session>,
    orders: mpsc::Receiver<Ordered>,
    stops: mpsc::Receiver<Stop>,
    starts: mpsc::Receiver<Start>,
    /// The way of a stop past this task.
    bypass: Bypass,
    live: watch::Sender<Arc<Snapshot>>,
    scribe: Scribe,
    /// How the line did at the last ticks, oldest first: what its speed is measured from.
    ticks: VecDeque<(Moment, LineHealth)>,
    /// The progress that the journal has, and when it got it.
    noted: Option<(Progress, Moment)>,
    /// The relay was told to switch off, and nobody has cleared the printer since.
    power_cut: bool,
    /// It was stopped or has a fault, and nobody has cleared it since; the journal may not know that yet.
    locked: Option<Activity>,
    /// Who waits for the answer to a console command.
    console: Option<oneshot::Sender<ConsoleAnswer>>,
    /// Where the trail of a job is kept, while it is not in the drive.
    keeper: Option<Keeper>,
    /// A job of an earlier daemon, or of before the port was gone, until its port is open.
    left: Option<(Found, Arc<Spool>)>,
    /// It is given up then, because of this.
    left_until: Moment,
    left_why: Interruption,
    lasting: Option<Lasting>,
    /// The last sign of the daemon that began the job.
    since: Option<WallTime>,
    /// The journal knows that what is kept of this job is wrong.
    trail_lost: Option<JobId>,
    /// A person has just cleared it, and so its port was closed: it is opened again in a moment.
    just_cleared: bool,
    /// The board that was halted last is another printer's: what becomes of it is no news of ours.
    halted_another: bool,
    /// Heaters that were on when its port went, or when its job ended without it.
    heat_left: OutOfReach,
    /// What was said of its board when that was given up without a word of it: it stands until there is one.
    unanswered: Option<Away>,
    /// What its own board said last of its heat, while the port was open to it.
    own_last: Option<Temperatures>,
    parting: Parting,
    /// Where masks are shown, on a printer whose layers we light.
    display: Option<Display>,
    /// A job whose masks are being looked at, before it begins.
    loading: Option<Loading>,
    /// The display has the masks of a job.
    is_loaded: bool,
    /// What the job that is lit takes, as the journal has it.
    need: Option<Need>,
    /// How much of it was lit when that was said last.
    lit: LitSoFar,
}

/// A job that is about to be lit.
struct Loading {
    job: JobId,
    exposures: Box<Exposures>,
    loaded: oneshot::Receiver<Result<Loaded, String>>,
    answer: oneshot::Sender<Result<(), NotDone>>,
}

/// What layers should have taken, by what the file takes up to each of its refills.
fn resin_of(need: &Need, layers: u32) -> Microlitres {
    let refills = need.refills.iter().map(|refill| (refill.before_layer, refill.used));
    let mut from = (0, Microlitres(0));
    for to in refills.chain([(need.layers, need.resin)]) {
        if layers <= to.0 {
            let (passed, of) = (u64::from(layers - from.0), u64::from((to.0 - from.0).max(1)));
            let more = u128::from(to.1.0.saturating_sub(from.1.0)) * u128::from(passed) / u128::from(of);
            return from.1.and(Microlitres(u64::try_from(more).unwrap_or(u64::MAX)));
        }
        from = to;
    }
    need.resin
}

/// How a printer is left when its task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Nothing of it is known to be hot, or somebody comes who looks after it.
    InOrder,
    /// It was not proven that its heaters are off: somebody has to look at it.
    MayBeHot,
}

fn sought(found: &Found) -> OutOfReach {
    OutOfReach::Job { job: found.plan.job.clone() }
}

/// Whether it says that it heats, and nobody has stopped it.
fn is_heated(seen: &Snapshot) -> bool {
    let Temperatures { hotend, bed, chamber, .. } = seen.temperatures;
    let mut heaters = [hotend, bed, chamber].into_iter().flatten();
    !matches!(seen.activity, Activity::Stopped | Activity::Faulted { .. })
        && heaters.any(|heater| heater.target.is_some_and(|target| target.0 > 0.0))
}

/// Whether a printer may be hot, or may get so: what is not known is.
fn may_be_hot(snapshot: &Snapshot, now: Moment) -> bool {
    let seen = &snapshot.temperatures;
    let told = seen.at.is_some_and(|at| now.since(at) < OLD_READING);
    snapshot.activity.job().is_some() || !told || seen.is_hot(COLD)
}

/// What became of opening the port.
enum Dialled {
    /// Open, with a stop that came meanwhile.
    Open(Box<dyn Wire>, Option<Held>, Option<Stop>),
    Failed(String),
    /// A stop came, and the port did not.
    Stopped,
}

pub(super) type Opened = Result<(Box<dyn Wire>, Option<Held>), String>;

/// Opens the port for this printer alone, or says why not, with what to do.
pub(super) async fn open(setup: &Setup) -> Opened {
    let shared = |other: PrinterName| {
        format!("its port leads to the device that printer {other} has open: give each a `port` of its own")
    };
    let (ports, name) = (&setup.ports, &setup.name);
    match dial(Arc::clone(&setup.dial)).await {
        Ok(wire) => match wire.device().map(|device| ports.hold(device, name)).transpose() {
            Ok(held) => Ok((wire, held)),
            Err(other) => Err(shared(other)),
        },
        Err(error) => {
            let holder = setup.dial.device().and_then(|device| ports.holder(device));
            if let Some(other) = holder {
                return Err(shared(other));
            }
            let mut reason = error.to_string();
            if matches!(error, DialError::Missing(_)) {
                let (ports, recorder, name) = (Arc::clone(ports), setup.recorder.clone(), name.clone());
                let looked = offload(move || ports.elsewhere(&recorder, &name)).await;
                if let Ok(Some(path)) = looked {
                    reason.push_str(&format!(
                        " Its adapter is at {path} now: set `port` to a name that stays, in /dev/serial/by-id or by-path"
                    ));
                }
            }
            Err(reason)
        }
    }
}

/// Writes down that somebody clears the printer; a stop that comes meanwhile goes first, and nothing is cleared.
pub(super) async fn clear_latch(
    recorder: Recorder,
    name: PrinterName,
    by: String,
    since: Option<String>,
) -> Result<(), NotDone> {
    // What was noted of the stop, and of its job, may still be on its way to the disk.
    let noted = async {
        let mut feed = recorder.subscribe();
        while recorder.read(|lab| lab.printer(&name).latch.is_none() || lab.running_on(&name).is_some()) {
            if feed.recv().await.is_err() {
                break;
            }
        }
    };
    if tokio::time::timeout(LEAVE, noted).await.is_err() {
        let why = "why it is locked is not on the disk yet; make room there, then clear it again";
        return Err(NotDone::NotRecorded(why.into()));
    }
    let seen = since.map(|since| Seen::Locked { printer: name.clone(), since });
    let request = Request::ClearLatch { printer: name, by: by.clone() }.provided(seen);
    let recorded = recorder.submit(request, Actor::Person(by)).await;
    recorded.map(drop).map_err(|error| NotDone::not_recorded(&error))
}

/// What ended a wait.
enum Waited {
    /// The daemon ends.
    Ended,
    /// A stop, for which the port is to be opened whatever it takes.
    Stop(Stop),
    /// It is time to go on.
    Enough,
}

/// Why a connection ended.
enum Ended {
    Shutdown,
    Closed { reason: Away },
}

/// What the display says next, where there is one.
async fn told(display: &mut Option<Display>) -> masks::Told {
    match display {
        Some(display) => display.told().await,
        None => std::future::pending().await,
    }
}

/// Whether the masks of the job that is about to begin can be shown.
async fn loaded(loading: &mut Option<Loading>) -> Result<Loaded, String> {
    match loading {
        Some(loading) => (&mut loading.loaded).await.unwrap_or_else(|_| Err("its display has ended".into())),
        None => std::future::pending().await,
    }
}

impl Task {
    async fn run(mut self, shutdown: CancellationToken) -> Parting {
        let mut pause = RETRY_MIN;
        let mut waiting = self.unconfirmed();
        loop {
            self.setup.pulse.beat();
            let record = self.setup.recorder.read(|lab| lab.printer(&self.setup.name));
            let dialled = if let Some(stop) = waiting.take() {
                self.dial_for(stop).await
            } else if let Some(locked) = self.locked.clone().or_else(|| record.latch.map(Activity::from)) {
                match self.wait_for_clearing(locked, &shutdown).await {
                    Waited::Ended => break,
                    Waited::Stop(stop) => waiting = Some(stop),
                    Waited::Enough => {}
                }
                continue;
            } else {
                self.dial_or_stop().await
            };
            match dialled {
                Dialled::Stopped => {
                    self.give_left_up(Interruption::Stopped);
                    continue;
                }
                // The device is ours alone for as long as it is open.
                Dialled::Open(wire, _held, mut stop) => {
                    if stop.is_none() {
                        match self.recognition_or_stop(wire.device()).await {
                            Ok(recognition) => {
                                if let Some(session) = &mut self.session {
                                    session.expect(Some(recognition));
                                }
                            }
                            Err(meanwhile) => stop = Some(meanwhile),
                        }
                    }
                    let Some(session) = self.session.take() else { break };
                    tracing::info!(printer = %self.setup.name, "port opened");
                    if stop.is_some() {
                        self.give_left_up(Interruption::Stopped);
                    }
                    let drive = self.drive(session, wire);
                    let begun = self.setup.clock.now();
                    let (session, ended) = self.connected(drive, stop, &shutdown).await;
                    self.session = Some(session);
                    match ended {
                        Ended::Shutdown => break,
                        Ended::Closed { reason } => {
                            tracing::warn!(printer = %self.setup.name, %reason, "port closed");
                            if self.locked.is_some() {
                                continue;
                            }
                            let back = std::mem::take(&mut self.just_cleared);
                            if back {
                                self.show(Activity::Connecting);
                            } else {
                                self.show_away(reason);
                            }
                        }
                    }
                    if self.setup.clock.now() - begun > RETRY_MAX || self.left.is_some() {
                        pause = RETRY_MIN;
                    }
                }
                Dialled::Failed(reason) => {
                    self.unanswered = None;
                    let known = matches!(&self.live.borrow().activity, Activity::Offline { reason: Away::Other(old) } if *old == reason);
                    if !known {
                        tracing::warn!(printer = %self.setup.name, %reason, "cannot connect");
                        self.show_away(reason.into());
                    }
                    if self.setup.clock.now() >= self.left_until {
                        self.give_left_up(self.left_why.clone());
                    }
                }
            }
            let until = Instant::now() + pause;
            // A head stands still on its part.
            let longest = if self.left.is_some() { RETRY_MIN } else { RETRY_MAX };
            pause = (pause * 2).min(longest);
            match self.wait_offline(until, &shutdown).await {
                Waited::Ended => break,
                Waited::Stop(stop) => waiting = Some(stop),
                Waited::Enough => {}
            }
        }
        if !self.somebody_comes() {
            // A port that was gone has not come back in time.
            self.give_left_up(self.left_why.clone());
        }
        if let Some(display) = self.display.take()
            && !display.end(LEAVE).await
        {
            tracing::error!(printer = %self.setup.name, "it is not certain that its display is dark");
        }
        let Self { scribe: Scribe { queue, done }, setup, parting, .. } = self;
        drop(queue);
        let _ = setup.pulse.during(done).await;
        parting
    }

    /// Takes the open port, and looks behind it for the job of an earlier daemon.
    fn drive(&mut self, session: Session, wire: Box<dyn Wire>) -> Drive {
        let clock = self.setup.clock.clone();
        let drive = match self.left.take() {
            None => Drive::new(session, wire, clock),
            Some((Found { plan, file, since }, spool)) => {
                self.since = Some(since);
                let mut drive = Drive::rejoin(session, wire, clock, plan);
                if drive.session.is_rejoining() {
                    drive.set_supply(Some(FileSupply::verified(spool, file)));
                }
                drive
            }
        };
        drive.keeping(self.keeper.take()).bypassed_by(self.bypass.clone())
    }

    /// The job of an earlier daemon is not looked for any more.
    fn give_left_up(&mut self, why: Interruption) {
        if let Some((Found { plan, .. }, _)) = self.left.take() {
            let (job, progress) = (plan.job, plan.progress);
            self.leave_heat(job.clone());
            let end = Request::NoteInterrupted { job, progress, why, line: None };
            self.scribe.note(end_of(end, plan.trail.laid));
        }
    }

    /// Opens the port; a driver may take its time for that, and a stop waits for it only a moment.
    async fn dial_or_stop(&mut self) -> Dialled {
        let mut dialling = Box::pin(self.setup.pulse.during(open(&self.setup)));
        let stop = tokio::select! {
            biased;
            dialled = &mut dialling => return match dialled {
                Ok((wire, held)) => Dialled::Open(wire, held, None),
                Err(reason) => Dialled::Failed(reason),
            },
            Some(stop) = self.stops.recv() => stop,
        };
        let dialled = tokio::time::timeout(STOP_WAITS_FOR_PORT, dialling).await;
        self.with_stop(dialled, stop)
    }

    /// Opens the port for nothing but a stop.
    async fn dial_for(&mut self, stop: Stop) -> Dialled {
        let dialled = tokio::time::timeout(STOP_WAITS_FOR_PORT, open(&self.setup)).await;
        self.with_stop(dialled, stop)
    }

    fn with_stop(&mut self, dialled: Result<Opened, Elapsed>, stop: Stop) -> Dialled {
        match dialled {
            Ok(Ok((wire, held))) => Dialled::Open(wire, held, Some(stop)),
            Ok(Err(_)) | Err(_) => {
                self.stop_without_port(stop);
                Dialled::Stopped
            }
        }
    }

    /// A lock of an earlier daemon behind which nobody knows that the board has stopped: it is stopped again.
    fn unconfirmed(&mut self) -> Option<Stop> {
        let record = self.setup.recorder.read(|lab| lab.printer(&self.setup.name));
        let latch = record.latch.filter(|_| record.stop.proof.is_none())?;
        self.locked = Some(Activity::from(latch));
        // Nobody waits for the answer.
        Some(Stop { by: None, past: Past::Not, answer: oneshot::channel().0 })
    }

    /// What the board on the open port has to be; a stop does not wait for that, nor does it matter to it.
    async fn recognition_or_stop(&mut self, device: Option<Device>) -> Result<Recognition, Stop> {
        let Setup { ports, recorder, name, pulse, .. } = &self.setup;
        tokio::select! {
            biased;
            Some(stop) = self.stops.recv() => Err(stop),
            recognition = pulse.during(ports.recognition(recorder, name, device)) => Ok(recognition),
        }
    }

    /// A stop that cannot go to the wire: the power, and the latch.
    fn stop_without_port(&mut self, stop: Stop) {
        let locked = self.locked.get_or_insert(Activity::Stopped).clone();
        self.show(locked);
        let _ = stop.answer.send(stop.past == Past::Gone);
        if let Some(by) = stop.by {
            self.scribe.note(Request::NoteStopped { printer: self.setup.name.clone(), by });
        }
        self.cut_power(NOT_CONFIRMED);
    }

    /// The name of an idle port leads elsewhere by now: what is open is not what is meant any more.
    /// While a job runs, what is open is what was recognised, and nothing follows the name.
    fn has_moved(&self, drive: &Drive) -> Option<String> {
        if !(drive.session.is_ready() || drive.session.is_quarantined()) {
            return None;
        }
        let (open, meant) = (drive.device()?, self.setup.dial.device()?);
        (open != meant).then(|| "the name of its port leads to another device now".to_owned())
    }

    /// Another printer's board that we found hot: its own job may have been running when the port was opened.
    fn quench(&mut self, drive: &mut Drive) {
        let now = self.setup.clock.now();
        if let Some(other) = drive.session.wants_quenching()
            && self.setup.recorder.read(|lab| lab.running_on(&other).is_none())
        {
            drive.session.quench(now);
        }
    }

    /// A person says that the board on the open port is this printer's.
    async fn identify(
        &mut self,
        drive: &mut Drive,
        by: String,
        since: Option<String>,
    ) -> Result<(), NotDone> {
        let wanted = "be identified: its board must be connected, and idle";
        let idle = drive.session.is_ready() || drive.session.is_quarantined();
        let Some(evidence) = drive.session.evidence().filter(|_| idle) else {
            let state = drive.session.activity().word();
            return Err(self.refused(&NotNow::State { state }, None, wanted));
        };
        let (printer, evidence) = (self.setup.name.clone(), Box::new(evidence));
        let seen = since.map(|since| Seen::Apart { printer: printer.clone(), since });
        let request = Request::Identify { printer, evidence, by: by.clone() }.provided(seen);
        let submitted = self.setup.recorder.submit(request, Actor::Person(by));
        let submitted = self.setup.pulse.during(submitted);
        let recorded = tokio::select! {
            biased;
            Some(stop) = self.stops.recv() => {
                self.stop(drive, stop).await;
                return Err(self.refused(&NotNow::State { state: "stopped" }, None, wanted));
            }
            recorded = submitted => recorded,
        };
        recorded.map_err(|error| NotDone::not_recorded(&error))?;
        let now = self.setup.clock.now();
        drive.session.accept(now).map_err(|error| self.refused(&error, None, wanted))
    }

    /// Publishes a picture of a printer without a connection.
    fn show(&self, activity: Activity) {
        let snapshot = Snapshot::offline(self.setup.name.clone(), "", self.setup.clock.now());
        self.show_offline(Snapshot { activity, ..snapshot });
    }

    fn show_away(&self, reason: Away) {
        self.show_offline(Snapshot::offline(self.setup.name.clone(), reason, self.setup.clock.now()));
    }

    fn show_offline(&self, snapshot: Snapshot) {
        let (out_of_reach, own_last) = (self.out_of_reach(), self.own_last);
        let last = self.live.borrow().light;
        let light = self.session.as_ref().map_or(last, Session::light);
        self.live.send_replace(Arc::new(Snapshot { out_of_reach, own_last, light, ..snapshot }));
    }

    fn out_of_reach(&self) -> OutOfReach {
        self.left.as_ref().map_or_else(|| self.heat_left.clone(), |(found, _)| sought(found))
    }

    /// Nobody has switched off the heaters of this job; told at once, since there may be no tick.
    fn leave_heat(&mut self, job: JobId) {
        self.heat_left = OutOfReach::Heat { job: Some(job) };
        let seen = Snapshot::clone(&self.live.borrow());
        self.live.send_replace(Arc::new(Snapshot { out_of_reach: self.out_of_reach(), ..seen }));
    }

    fn not_connected(&self, wanted: &'static str) -> NotDone {
        let state = self.live.borrow().activity.word();
        NotDone::WrongState { printer: self.setup.name.clone(), state, wanted }
    }

    /// Answers people while there is no connection.
    async fn wait_offline(&mut self, until: Instant, shutdown: &CancellationToken) -> Waited {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Waited::Ended,
                Some(stop) = self.stops.recv() => return Waited::Stop(stop),
                Some(ordered) = self.orders.recv() => self.obey_offline(ordered),
                Some(start) = self.starts.recv() => {
                    let _ = start.answer.send(Err(self.not_connected("print: it is not connected")));
                }
                () = self.setup.pulse.during(sleep_until(until)) => return Waited::Enough,
            }
        }
    }

    /// Only a job that is looked for can be cancelled: it is over then, and the board is told when its port is back,
    /// by its greeting.
    fn obey_offline(&mut self, Ordered { order, answer }: Ordered) {
        if let Order::Cancel { job, by } = order
            && let Some((Found { plan, .. }, _)) = self.left.take_if(|(found, _)| found.plan.job == job)
        {
            let progress = Some(plan.progress);
            self.leave_heat(job.clone());
            let done = format!("printer {} does not go on with job {job}: it is cancelled", self.setup.name);
            // This can be kept where the journal takes nothing; its end cannot.
            self.scribe.note(Request::NoteCancelling { job: job.clone(), by: by.clone() });
            let end = Request::CancelJob { job, progress, by, line: None };
            return self.scribe.note_and_answer(end_of(end, plan.trail.laid).into(), done, answer);
        }
        let _ = answer.send(Err(self.not_connected("do that: it is not connected")));
    }

    /// A stopped or faulted printer is not touched until a person clears it, but to be stopped again.
    async fn wait_for_clearing(&mut self, locked: Activity, shutdown: &CancellationToken) -> Waited {
        self.show(locked);
        let pulse = self.setup.pulse.clone();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Waited::Ended,
                Some(stop) = self.stops.recv() => return Waited::Stop(stop),
                Some(Ordered { order, answer }) = self.orders.recv() => match order {
                    Order::Clear { by, since } => {
                        // As long as it stays: the store is asked by itself whether it answers.
                        let clearing = pulse.during(self.clear_latch(by, since));
                        let cleared = tokio::select! {
                            biased;
                            Some(stop) = self.stops.recv() => {
                                let _ = answer.send(Err(self.not_connected("be unlocked: it was stopped again")));
                                return Waited::Stop(stop);
                            }
                            cleared = clearing => cleared,
                        };
                        let done = cleared.is_ok();
                        if done {
                            // Whoever hears yes looks at it next.
                            self.is_clear();
                            if let Some(session) = &mut self.session {
                                session.cleared_while_closed();
                            }
                            self.show(Activity::Connecting);
                        }
                        let _ = answer.send(cleared);
                        if done {
                            return Waited::Enough;
                        }
                    }
                    _ => {
                        let _ = answer.send(Err(self.not_connected("do that: clear it first")));
                    }
                },
                Some(start) = self.starts.recv() => {
                    let _ = start.answer.send(Err(self.not_connected("print: clear it first")));
                }
                () = pulse.during(std::future::pending()) => {}
            }
        }
    }

    fn clear_latch(
        &self,
        by: String,
        since: Option<String>,
    ) -> impl Future<Output = Result<(), NotDone>> + Send + use<> {
        clear_latch(self.setup.recorder.clone(), self.setup.name.clone(), by, since)
    }

    fn is_clear(&mut self) {
        self.locked = None;
        self.power_cut = false;
        self.unanswered = None;
    }

    async fn connected(
        &mut self,
        mut drive: Drive,
        stop: Option<Stop>,
        shutdown: &CancellationToken,
    ) -> (Session, Ended) {
        self.noted = None;
        self.just_cleared = false;
        self.halted_another = false;
        self.ticks.clear();
        if let Some(stop) = stop {
            self.stop(&mut drive, stop).await;
        }
        self.publish(&drive.session);
        // These two live as long as the connection: made anew for each byte, they would be most of the work.
        let tick = sleep_until(Instant::now() + TICK);
        let ending = shutdown.cancelled();
        tokio::pin!(tick, ending);
        let mut leave_by: Option<Instant> = None;
        // Somebody comes after us, and the job is to be left to them.
        let mut is_left = false;
        let ended = loop {
            let leaving = leave_by.is_some();
            tokio::select! {
                biased;
                Some(stop) = self.stops.recv() => self.stop(&mut drive, stop).await,
                () = &mut ending, if !leaving => {
                    leave_by = Some(Instant::now() + LEAVE);
                    is_left = self.has_successor(&drive.session);
                    if !is_left && self.leave(&mut drive).await {
                        break Ended::Shutdown;
                    }
                }
                Some(ordered) = self.orders.recv() => self.obey(&mut drive, ordered).await,
                Some(start) = self.starts.recv() => self.start(&mut drive, start),
                told = told(&mut self.display) => self.hear(&mut drive, told),
                loaded = loaded(&mut self.loading) => self.begin_lit(&mut drive, loaded),
                turn = drive.turn() => match turn {
                    Turn::Moved => {}
                    Turn::Gone(reason) => {
                        self.unanswered = None;
                        self.port_is_gone(&mut drive, &reason, leaving);
                        self.note_events(&mut drive);
                        self.show_masks(&mut drive);
                        break Ended::Closed { reason: reason.into() };
                    }
                },
                () = &mut tick => {
                    tick.as_mut().reset(Instant::now() + TICK);
                    self.setup.pulse.beat();
                    if self.ticks.len() > RATE_TICKS {
                        self.ticks.pop_front();
                    }
                    self.ticks.push_back((self.setup.clock.now(), *drive.session.line()));
                    self.note_progress(&drive.session);
                    self.note_lit(&drive.session);
                    drive.sign_trail();
                    self.note_lost_trail(&drive);
                    self.publish(&drive.session);
                    self.hold_lease(&drive.session);
                    self.quench(&mut drive);
                    if let Some(reason) = self.has_moved(&drive) {
                        drive.session.handle_closed(&reason);
                        break Ended::Closed { reason: reason.into() };
                    }
                }
            }
            self.show_masks(&mut drive);
            if let Some(reason) = self.note_events(&mut drive) {
                let deaf = !drive.session.has_heard() && !self.just_cleared;
                drive.session.handle_closed(&reason);
                let reason = drive.session.away(reason);
                self.unanswered = deaf.then(|| reason.clone());
                break Ended::Closed { reason };
            }
            if is_left {
                let in_time = leave_by.is_some_and(|by| Instant::now() < by);
                match drive.session.may_be_left() {
                    MayBeLeft::Soon if in_time => continue,
                    MayBeLeft::Now if self.hand_over(&mut drive).await => break Ended::Shutdown,
                    MayBeLeft::Now | MayBeLeft::Soon | MayBeLeft::No => {}
                }
                is_left = false;
                if self.leave(&mut drive).await {
                    break Ended::Shutdown;
                }
                leave_by = Some(Instant::now() + LEAVE);
                continue;
            }
            if leave_by.is_some_and(|by| !drive.session.is_leaving() || Instant::now() >= by) {
                if drive.session.may_be_lit() {
                    self.leave_unproven("it has not said that its light is off");
                } else if drive.session.is_leaving() && drive.session.lit().is_none() {
                    // A wait for heat that nothing breaks off, or a board that hangs.
                    self.leave_unproven("it has not said that its job has ended and its heaters are off");
                }
                drive.session.handle_closed("platen ends");
                self.note_events(&mut drive);
                break Ended::Shutdown;
            }
        };
        self.show_masks(&mut drive);
        if let Some(Loading { job, answer, .. }) = self.loading.take() {
            tracing::warn!(printer = %self.setup.name, %job, "its port is gone before it began");
            let _ = answer.send(Err(self.not_connected("print: it is not connected")));
        }
        self.setup.relay.let_go();
        // Whoever waits for an answer hears that there is none.
        self.console = None;
        self.keeper = drive.take_keeper();
        (drive.into_session(), ended)
    }

    /// Nobody will watch the heat when we are gone. `true`: there is nothing more to wait for.
    async fn leave(&mut self, drive: &mut Drive) -> bool {
        drive.set_supply(None);
        let left = drive.session.left_heat();
        drive.session.leave_for_shutdown(self.setup.clock.now());
        match left {
            LeftHeat::OfAJob => {}
            LeftHeat::Reported if !self.somebody_comes() => {
                self.leave_unproven("it says that it heats, and has not answered yet");
                drive.session.handle_closed("platen ends");
                self.note_events(drive);
                return true;
            }
            // Whoever comes after us greets it, which switches off as well.
            LeftHeat::Known | LeftHeat::Reported => return false,
        }
        // It may be in the middle of a heat-up, which only this breaks off.
        let is_off = tokio::select! {
            biased;
            Some(stop) = self.stops.recv() => {
                self.stop(drive, stop).await;
                return false;
            }
            is_off = self.setup.pulse.during(drive.switch_off(SWITCH_OFF)) => is_off,
        };
        if !is_off {
            self.leave_unproven("it did not say that its heaters are off");
        }
        drive.session.handle_closed("platen ends");
        self.note_events(drive);
        true
    }

    /// platen ends, and whether this printer is cold is not known.
    fn leave_unproven(&mut self, why: &'static str) {
        tracing::error!(printer = %self.setup.name, "{why}: look at it, it may be hot");
        self.parting = Parting::MayBeHot;
        self.cut_power("it may be hot, and platen ends");
    }

    /// What becomes of a job after a gap.
    fn policy(&self, job: &JobId) -> AfterCrash {
        let Some(Lasting { restart, .. }) = &self.lasting else { return AfterCrash::Interrupt };
        self.setup.recorder.read(|lab| {
            let case = lab.jobs.get(job).and_then(|job| lab.cases.get(&job.case));
            case.map_or(AfterCrash::Interrupt, |case| rejoin::policy(restart, case.intended_use))
        })
    }

    /// A daemon comes after this one.
    fn somebody_comes(&self) -> bool {
        self.lasting.as_ref().is_some_and(|lasting| lasting.successor.get().is_some())
    }

    /// The daemon that comes after this one will look for the job that runs here.
    fn has_successor(&self, session: &Session) -> bool {
        let lasts = |job: &JobId| self.policy(job) != AfterCrash::Interrupt;
        self.somebody_comes() && session.may_be_left() != MayBeLeft::No && session.job().is_some_and(lasts)
    }

    /// A pulled cable ends no job by itself: it is looked for when the port is back.
    fn port_is_gone(&mut self, drive: &mut Drive, reason: &str, leaving: bool) {
        let seen = drive.session.snapshot(self.setup.clock.now());
        // A light ends by itself, and boards that light layers have no heaters of their own.
        let runs = drive.session.job().is_some() && self.display.is_none();
        if runs || is_heated(&seen) {
            self.heat_left = OutOfReach::Heat { job: drive.session.job().cloned() };
        }
        let lasting = self.lasting.clone().filter(|_| !leaving);
        let (Some(job), Some(Lasting { spool, .. })) = (drive.session.job().cloned(), lasting) else {
            return drive.session.handle_closed(reason);
        };
        let policy = self.policy(&job);
        let file = self.setup.recorder.read(|lab| lab.jobs.get(&job).map(|job| job.file.clone()));
        let Some(file) = file.filter(|_| policy != AfterCrash::Interrupt) else {
            return drive.session.handle_closed(reason);
        };
        if let Some((trail, progress)) = drive.session.lose_port(reason) {
            tracing::warn!(printer = %self.setup.name, %job, "its port is gone; it goes on if that is back soon");
            // The board may have been out of reach since the tick before.
            let tick = u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX);
            let since = WallTime(self.setup.clock.wall().0.saturating_sub(tick));
            let plan = Plan { job, progress, trail, policy };
            self.left = Some((Found { plan, file, since }, spool));
            self.left_until = self.setup.clock.now() + REJOIN_WITHIN;
            self.left_why = Interruption::Unplugged;
        }
    }

    /// Leaves the job as it is, and the open port with whoever keeps it. `false`: nobody has it.
    async fn hand_over(&mut self, drive: &mut Drive) -> bool {
        let Some(Lasting { successor, .. }) = self.lasting.clone() else { return false };
        let Some(port) = drive.freeze().await else { return false };
        let name = self.setup.name.clone();
        let keeping = tokio::task::spawn_blocking(move || {
            let Some(supervisor) = successor.get() else { return false };
            let kept = supervisor.keep(name.as_str(), port.as_fd());
            if let Err(error) = &kept {
                tracing::error!(printer = %name, %error, "systemd has not taken the open port: heaters off");
                let _ = supervisor.forget(name.as_str());
            }
            kept.is_ok()
        });
        let kept = tokio::select! {
            biased;
            Some(stop) = self.stops.recv() => {
                self.stop(drive, stop).await;
                return false;
            }
            kept = keeping => kept.unwrap_or(false),
        };
        if kept {
            tracing::warn!(printer = %self.setup.name, "left as it is for the platen that comes next");
        }
        kept
    }

    /// Emergency stop: the wire first, then the journal.
    async fn stop(&mut self, drive: &mut Drive, stop: Stop) {
        // On the wire is another board: it is halted all the same, but this printer is somewhere else.
        let is_elsewhere = drive.session.is_quarantined() || self.halted_another;
        self.halted_another = is_elsewhere;
        // A board may take its port away when it hears of it.
        let on_wire = drive.stop(stop.past != Past::Not).await || stop.past == Past::Gone;
        let _ = stop.answer.send(on_wire && !is_elsewhere);
        if let Activity::Faulted { fault } = self.locked.get_or_insert(Activity::Stopped) {
            drive.session.stopped_because(*fault);
        }
        // The others' stops go before our paperwork: all printers share this thread.
        tokio::task::yield_now().await;
        drive.set_supply(None);
        if let Some(by) = stop.by {
            self.scribe.note(Request::NoteStopped { printer: self.setup.name.clone(), by });
        }
        if is_elsewhere {
            tracing::error!(printer = %self.setup.name, "another board is on its port, and was halted; its own was not");
            self.cut_power(NOT_CONFIRMED);
        }
    }

    /// What is not known to have stopped, or to be cold: the power, now; then the journal.
    fn cut_power(&mut self, why: &'static str) {
        self.power_cut = true;
        let (journal, printer) = (self.scribe.queue.clone(), self.setup.name.clone());
        self.setup.relay.switch_off(move |relay| {
            tracing::error!(%printer, "{why}: {}", relay.in_words());
            // The scribe ends only after its queue.
            let _ = journal.send(Request::NoteStopUnverified { printer, relay }.into());
        });
    }

    /// The printer is looked after, as long as this is said.
    fn hold_lease(&self, session: &Session) {
        if self.power_cut {
            return;
        }
        let now = self.setup.clock.now();
        self.setup.relay.hold(may_be_hot(&session.snapshot(now), now));
    }

    fn start(&mut self, drive: &mut Drive, start: Start) {
        let now = self.setup.clock.now();
        let Start { job, work, answer } = start;
        let started = match work {
            Work::Lines { .. } if self.display.is_some() => Err(NotNow::LinesForALight),
            Work::Lines { commands, file } => {
                let started = drive.session.start(now, job, commands);
                if started.is_ok() {
                    drive.set_supply(Some(FileSupply::read(file)));
                    self.noted = Some((Progress { confirmed: 0, total: commands }, now));
                }
                started
            }
            Work::Layers { exposures, file } => {
                let Some(display) = self.display.as_ref().filter(|_| drive.session.is_ready()) else {
                    let state = drive.session.activity().word();
                    let why = if self.display.is_some() { NotNow::State { state } } else { NotNow::NoLamp };
                    return drop(answer.send(Err(self.refused(&why, None, "print"))));
                };
                if self.loading.is_some() {
                    let why = NotNow::State { state: "about to begin another job" };
                    return drop(answer.send(Err(self.refused(&why, None, "print"))));
                }
                let loaded = display.load(job.clone(), file);
                self.loading = Some(Loading { job, exposures, loaded, answer });
                return;
            }
            Work::Stick { .. } => Err(NotNow::NoStick),
        };
        let _ = answer.send(started.map_err(|error| self.refused(&error, None, "print")));
    }

    /// Its masks can be shown, or why not.
    fn begin_lit(&mut self, drive: &mut Drive, loaded: Result<Loaded, String>) {
        let Some(Loading { job, exposures, answer, .. }) = self.loading.take() else { return };
        let now = self.setup.clock.now();
        let layers = exposures.plan.layers().len();
        let loaded = loaded.and_then(|Loaded { layers: shown }| {
            let alike = usize::try_from(shown).is_ok_and(|shown| shown == layers);
            alike
                .then_some(())
                .ok_or_else(|| format!("its file has {shown} masks, and {layers} layers are planned"))
        });
        self.is_loaded = true;
        let started = match loaded {
            Err(why) => Err(NotDone::NotReady { printer: self.setup.name.clone(), why }),
            Ok(()) => {
                let started = drive.session.start_exposing(now, job.clone(), *exposures);
                started.map_err(|error| self.refused(&error, None, "print"))
            }
        };
        if started.is_ok() {
            let total = u64::try_from(layers).unwrap_or(u64::MAX);
            self.noted = Some((Progress { confirmed: 0, total }, now));
            self.need = self.setup.recorder.read(|lab| lab.resin.needs.get(&job).cloned());
            self.lit = LitSoFar::default();
        }
        let _ = answer.send(started);
    }

    /// What the display says.
    fn hear(&mut self, drive: &mut Drive, told: masks::Told) {
        let now = self.setup.clock.now();
        match told {
            masks::Told::Shown(layer, mark) => drive.session.handle_shown(now, layer, mark),
            masks::Told::Blanked => drive.session.handle_blanked(now),
            masks::Told::Failed(why) => {
                if drive.session.lit().is_some() {
                    tracing::error!(printer = %self.setup.name, %why, "its display failed");
                }
                drive.session.handle_display_failed(now, &why);
            }
        }
        drive.write_now();
    }

    /// Has the display do what the session wants of it.
    fn show_masks(&mut self, drive: &mut Drive) {
        let Some(display) = &self.display else { return };
        while let Some(step) = drive.session.poll_mask() {
            match step {
                MaskStep::Show(layer) => display.show(layer),
                MaskStep::Blank => display.blank(),
            }
        }
        if self.is_loaded && self.loading.is_none() && drive.session.lit().is_none() {
            self.is_loaded = false;
            display.unload();
        }
    }

    /// How much was lit, so that a crash forgets little of it.
    fn note_lit(&mut self, session: &Session) {
        if let (Some(lit), Some(job)) = (session.lit(), session.job())
            && lit.layers.saturating_sub(self.lit.layers) >= NOTE_EVERY
        {
            let request = self.lit_request(job.clone(), lit, false);
            self.scribe.note(request);
        }
    }

    fn lit_request(&mut self, job: JobId, so_far: LitSoFar, now: bool) -> Request {
        self.lit = so_far;
        let LitSoFar { layers, light_ms } = so_far;
        let resin = self.need.as_ref().map_or(Microlitres(0), |need| resin_of(need, layers));
        let lit = Lit { layers, light_ms, resin };
        Request::Resin(Box::new(resin::Request::NoteLit { job, lit, now }))
    }

    /// Before a pause is noted: how much was lit until then.
    fn lit_until_now(&mut self, session: &Session, job: &JobId) -> Option<Request> {
        let lit = session.lit().filter(|_| session.job() == Some(job))?;
        Some(self.lit_request(job.clone(), lit, true))
    }

    fn refused(&self, error: &NotNow, job: Option<&JobId>, wanted: &'static str) -> NotDone {
        let printer = self.setup.name.clone();
        match (error, job) {
            (NotNow::OtherJob, Some(job)) => NotDone::OtherJob { printer, job: job.clone() },
            (NotNow::State { state }, _) => NotDone::WrongState { printer, state, wanted },
            (NotNow::NoPrompt | NotNow::OtherPrompt | NotNow::NoButton, _) => {
                NotDone::NotAsked { printer, why: error.to_string() }
            }
            (NotNow::AtPanel, _) => NotDone::AtPanel(printer),
            (NotNow::OtherJob, None) => NotDone::WrongState { printer, state: "printing", wanted },
            (NotNow::PlateNotLookedAt | NotNow::NoLamp | NotNow::NoStick | NotNow::LinesForALight, _) => {
                NotDone::NotReady { printer, why: error.to_string() }
            }
            (NotNow::CoverOpen | NotNow::CoverNotTold | NotNow::LightByPrintsOnly, _) => {
                NotDone::Against { printer, why: error.to_string() }
            }
            (NotNow::TooHot { .. }, _) => NotDone::TooHot { printer, why: error.to_string() },
        }
    }

    async fn obey(&mut self, drive: &mut Drive, Ordered { order, answer }: Ordered) {
        let now = self.setup.clock.now();
        let session = &mut drive.session;
        let done = match order {
            Order::Pause { job, by } => {
                let reason = PauseReason::Person { by: by.clone() };
                let done = session.pause(now, &job, reason);
                let done = done.map_err(|error| self.refused(&error, Some(&job), "pause"));
                let does = format!("printer {} was told to pause job {job}, and does so", self.setup.name);
                return self.answer_when_recorded(
                    drive,
                    done.map(|()| does),
                    Some(Actor::Person(by)),
                    answer,
                );
            }
            Order::Resume { job, by } => {
                let done = session.resume(now, &job, &by);
                let done = done.map_err(|error| self.refused(&error, Some(&job), "resume"));
                let does =
                    format!("printer {} was told to go on with job {job}, and does so", self.setup.name);
                return self.answer_when_recorded(
                    drive,
                    done.map(|()| does),
                    Some(Actor::Person(by)),
                    answer,
                );
            }
            Order::Answer { button, seen, by } => {
                let done = session.answer(now, button, seen.as_deref(), &by);
                match done {
                    Ok(label) => {
                        let printer = self.setup.name.clone();
                        let done = format!("printer {printer} was given this answer");
                        let request = Request::NoteAnswered { printer, by, button, label };
                        return self.scribe.note_and_answer(request.into(), done, answer);
                    }
                    Err(error) => Err(self.refused(&error, None, "answer")),
                }
            }
            Order::Console { command, when, reply } => {
                let done = session.console(now, &command, when);
                if done.is_ok() {
                    self.console = Some(reply);
                }
                done.map_err(|error| self.refused(&error, None, "take a console command"))
            }
            Order::Cancel { job, by } => match session.cancel(now, &job, &by) {
                Ok(()) => {
                    drive.set_supply(None);
                    let done =
                        format!("printer {} was told to cancel job {job}, and does so", self.setup.name);
                    let request = Request::NoteCancelling { job, by };
                    return self.scribe.note_and_answer(request.into(), done, answer);
                }
                Err(error) => Err(self.refused(&error, Some(&job), "cancel")),
            },
            Order::Identify { by, since } => {
                let done = self.identify(drive, by, since).await;
                self.publish(&drive.session);
                let _ = answer.send(done);
                return;
            }
            Order::Clear { by, since } => match session.activity() {
                Activity::Stopped | Activity::Faulted { .. } if session.is_stopping() => {
                    let wanted =
                        "be unlocked: whether it has stopped is not known yet; wait for that, a few seconds";
                    Err(self.refused(&NotNow::State { state: "stopping" }, None, wanted))
                }
                Activity::Stopped | Activity::Faulted { .. } => {
                    let clearing = self.clear_latch(by, since);
                    let cleared = tokio::select! {
                        biased;
                        Some(stop) = self.stops.recv() => {
                            self.stop(drive, stop).await;
                            Err(self.refused(&NotNow::State { state: "stopped" }, None, "be unlocked: it was stopped again"))
                        }
                        cleared = clearing => cleared,
                    };
                    if cleared.is_ok() {
                        self.is_clear();
                        // It was stopped or faulted a moment ago, and nothing else changes that.
                        self.just_cleared = drive.session.clear().is_ok();
                        self.publish(&drive.session);
                    }
                    // Recorded already; that the port is to be closed is for `connected` to see.
                    let _ = answer.send(cleared);
                    return;
                }
                // Its heaters are being switched off: when its job has left, the session is locked as well.
                activity if self.locked.is_some() => {
                    let wanted = "be unlocked: its job is still on its way out; wait for that";
                    Err(self.refused(&NotNow::State { state: activity.word() }, None, wanted))
                }
                _ if self.setup.recorder.read(|lab| lab.printer(&self.setup.name).latch.is_some()) => {
                    let clearing = self.clear_latch(by, since);
                    tokio::spawn(async move { answer.send(clearing.await) });
                    return;
                }
                _ => {
                    let wanted =
                        "be unlocked: it is not locked; its bed is cleared with `platen printers clear`";
                    Err(self.refused(&NotNow::State { state: session.activity().word() }, None, wanted))
                }
            },
        };
        let done = done.map(|()| format!("printer {} was told so", self.setup.name));
        self.answer_when_recorded(drive, done, None, answer);
    }

    /// Pause and resume are in the journal before the person hears "yes"; `done` says what is true already.
    fn answer_when_recorded(
        &mut self,
        drive: &mut Drive,
        done: Result<String, NotDone>,
        actor: Option<Actor>,
        answer: oneshot::Sender<Result<(), NotDone>>,
    ) {
        let done = match done {
            Ok(done) => done,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let mut requests = Vec::new();
        while let Some(event) = drive.session.poll_event() {
            match event {
                SessionEvent::Paused { job, progress, reason } => {
                    requests.extend(self.lit_until_now(&drive.session, &job));
                    requests.push(Request::NotePaused { job, progress, reason });
                }
                SessionEvent::Resumed { job, by } => requests.push(Request::NoteResumed { job, by }),
                SessionEvent::Continued { job, progress, layer } => {
                    requests.push(self.continued(job, progress, layer));
                }
                other => self.note_event(drive, other),
            }
        }
        let Some(last) = requests.pop() else { return drop(answer.send(Ok(()))) };
        for request in requests {
            self.scribe.note_by(request, actor.clone());
        }
        self.scribe.note_and_answer(Note::by(last, actor), done, answer);
    }

    /// Writes down what the session tells; a reason if the port is to be closed.
    fn note_events(&mut self, drive: &mut Drive) -> Option<String> {
        let mut close = None;
        let mut changed = false;
        while let Some(event) = drive.session.poll_event() {
            changed = true;
            if let SessionEvent::Close { reason } = event {
                close = Some(reason);
            } else {
                self.note_event(drive, event);
            }
        }
        // Halted by its own session, in light: locked as by any stop, or nobody could clear it.
        if matches!(drive.session.activity(), Activity::Stopped) {
            self.lock_stopped();
        }
        if changed {
            self.publish(&drive.session);
        }
        close
    }

    /// Stopped by nobody but us: it stays so until somebody has looked.
    fn lock_stopped(&mut self) {
        if self.locked.is_none() {
            self.locked = Some(Activity::Stopped);
            let (printer, by) = (self.setup.name.clone(), "platen".into());
            self.scribe.note(Request::NoteStopped { printer, by });
        }
    }

    fn note_event(&mut self, drive: &mut Drive, event: SessionEvent) {
        if self.halted_another && matches!(event, SessionEvent::StopVerified(_)) {
            tracing::info!(printer = %self.setup.name, "the other board on its port has stopped");
            return;
        }
        match &event {
            SessionEvent::Ready | SessionEvent::Continued { .. } | SessionEvent::StopVerified(_) => {
                self.heat_left = OutOfReach::Nothing;
            }
            SessionEvent::Cancelled { job, .. } | SessionEvent::Interrupted { job, .. }
                if drive.session.is_closed() && self.display.is_none() =>
            {
                self.heat_left = OutOfReach::Heat { job: Some(job.clone()) };
            }
            _ => {}
        }
        let printer = &self.setup.name;
        match event {
            SessionEvent::Ready => {
                tracing::info!(%printer, firmware = %drive.session.firmware().name, "ready");
            }
            SessionEvent::StopVerified(proof) => {
                tracing::warn!(%printer, "stopped: {}", proof.in_words());
                self.scribe.note(Request::NoteStopVerified { printer: printer.clone(), proof });
            }
            SessionEvent::StopUnverified => {
                self.lock_stopped();
                self.cut_power(NOT_CONFIRMED);
            }
            SessionEvent::MayStillHeat => {
                if self.setup.relay.is_there() {
                    self.cut_power("its firmware has given up, and its heaters may still be on");
                }
            }
            SessionEvent::Recognised { evidence, learn: true } => {
                tracing::info!(%printer, "learned what its board is");
                self.scribe.note(Request::NoteIdentified { printer: printer.clone(), evidence });
            }
            SessionEvent::Recognised { .. } => {
                self.scribe.note(Request::NoteRecognised { printer: printer.clone() });
            }
            SessionEvent::Quarantined(why) => {
                tracing::error!(%printer, why = why.in_words(), "in quarantine: it gets no line of a job");
                self.scribe.note(Request::NoteQuarantined { printer: printer.clone(), why });
            }
            SessionEvent::Paused { job, progress, reason } => {
                tracing::info!(%printer, %job, why = reason.in_words(), "paused");
                if let Some(lit) = self.lit_until_now(&drive.session, &job) {
                    self.scribe.note(lit);
                }
                self.scribe.note(Request::NotePaused { job, progress, reason });
            }
            SessionEvent::Resumed { job, by } => self.scribe.note(Request::NoteResumed { job, by }),
            SessionEvent::Continued { job, progress, layer } => {
                let request = self.continued(job, progress, layer);
                self.scribe.note(request);
            }
            SessionEvent::Console(told) => {
                if let Some(reply) = self.console.take() {
                    // Whoever asked may have gone.
                    let _ = reply.send(told);
                }
            }
            SessionEvent::LineTrouble(Some(trouble)) => {
                tracing::warn!(%printer, "the line ails: {}", trouble.in_words());
            }
            SessionEvent::LineTrouble(None) => tracing::info!(%printer, "the line is well again"),
            SessionEvent::Printed { job, progress, digest, line, millis } => {
                let strays = line.strays;
                let used = LineRate::of(&line, millis as f64 / 1_000.0).used;
                tracing::info!(%printer, %job, resends = line.resends, starved_ms = line.starved_us / 1_000, used, millis, "printed");
                let cold = drive.session.cold_extrusions();
                if cold > 0 {
                    tracing::warn!(%printer, %job, cold, "the firmware refused to push filament through a cold nozzle; the part is not whole");
                }
                if strays > 0 {
                    tracing::warn!(%printer, %job, strays, "the firmware ran commands out of place (noise on the cable), or refused some; the part must be inspected");
                }
                self.scribe.note(Request::NotePrinted { job, progress, digest, line, millis });
            }
            SessionEvent::Cancelled { job, progress, by, line, laid } => {
                tracing::info!(%printer, %job, "cancelled");
                let end = Request::CancelJob { job, progress: Some(progress), by, line: Some(line) };
                self.scribe.note(end_of(end, laid));
            }
            SessionEvent::Interrupted { job, progress, why, line, laid } => {
                tracing::warn!(%printer, %job, why = %why.in_words(), "interrupted");
                if let (Interruption::FileUnreadable, Some(error)) = (&why, drive.supply_error.take()) {
                    tracing::error!(%printer, %job, %error, "the job's file could not be read");
                }
                drive.set_supply(None);
                let end = Request::NoteInterrupted { job, progress, why, line: Some(line) };
                self.scribe.note(end_of(end, laid));
            }
            SessionEvent::Faulted(fault) => {
                tracing::error!(%printer, fault = fault.in_words(), "locked until a person clears it");
                self.locked = Some(Activity::Faulted { fault });
                self.scribe.note(Request::NoteFaulted { printer: printer.clone(), fault });
            }
            SessionEvent::Heat(alarm) => {
                if alarm.action == Action::Warn {
                    tracing::warn!(%printer, "{}", alarm.in_words());
                } else {
                    tracing::error!(%printer, "{}", alarm.in_words());
                }
                self.scribe.note(Request::NoteHeatAlarm { printer: printer.clone(), alarm });
            }
            // Only `platen stream` probes.
            SessionEvent::Close { .. } | SessionEvent::Probed(_) => {}
            SessionEvent::LongPause { job } => {
                tracing::warn!(%printer, %job, "{}", Odd::Settles.in_words());
                let request = resin::Request::NoteOdd { printer: printer.clone(), odd: Odd::Settles };
                self.scribe.note(Request::Resin(Box::new(request)));
            }
            SessionEvent::Lit { job, lit } => {
                let request = self.lit_request(job, lit, true);
                self.scribe.note(request);
            }
        }
    }

    /// What the journal hears of a job that goes on.
    fn continued(&mut self, job: JobId, progress: Progress, layer: u32) -> Request {
        let (wall, now) = (self.setup.clock.wall(), self.setup.clock.now());
        let gap_ms = self.since.take().map_or(0, |since| wall.0.saturating_sub(since.0));
        self.noted = Some((progress, now));
        let printer = &self.setup.name;
        let gap = if self.left_why == Interruption::Unplugged { "its port was gone" } else { "platen ended" };
        tracing::warn!(%printer, %job, command = progress.confirmed + 1, layer, gap_ms, "continued after {gap}; the part wants an extra look");
        Request::NoteContinued { job, progress, layer, gap_ms }
    }

    /// Whoever comes after us must not believe what is kept of this job; only the journal can tell them.
    fn note_lost_trail(&mut self, drive: &Drive) {
        let job = drive.session.job().filter(|_| drive.trail_is_wrong());
        if let Some(job) = job.filter(|job| self.trail_lost.as_ref() != Some(job)).cloned() {
            self.trail_lost = Some(job.clone());
            self.scribe.note(Request::NoteTrailLost { job });
        }
    }

    fn note_progress(&mut self, session: &Session) {
        let (Activity::Printing { job, progress }, Some((noted, at))) = (session.activity(), self.noted)
        else {
            return;
        };
        let now = self.setup.clock.now();
        if is_worth_noting(progress, noted, now - at) {
            self.noted = Some((progress, now));
            self.scribe.note(Request::NoteProgress { job, progress });
        }
    }

    fn publish(&mut self, session: &Session) {
        let now = self.setup.clock.now();
        // Until it has said who it is, what is on the port may be another board.
        let is_own = !(self.halted_another
            || session.is_quarantined()
            || session.is_greeting()
            || session.is_rejoining()
            || session.is_closed());
        if is_own {
            self.own_last = Some(session.snapshot(now).temperatures).filter(|told| told.is_hot(COLD));
        }
        let rate = self.ticks.front().map_or_else(LineRate::default, |(then, line)| {
            LineRate::of(&session.line().since(line), now.since(*then).as_secs_f64())
        });
        let mut seen = Snapshot { rate, out_of_reach: self.out_of_reach(), ..session.snapshot(now) };
        if let (Activity::Ready, Some(why)) =
            (&seen.activity, self.display.as_ref().and_then(Display::why_not))
        {
            seen.activity = Activity::Offline { reason: format!("its display cannot be had: {why}").into() };
        }
        if !is_own && self.own_last.is_some() {
            seen.own_last = self.own_last;
            seen.temperatures = Temperatures::default();
        }
        if self.just_cleared && matches!(seen.activity, Activity::Offline { .. }) {
            seen.activity = Activity::Connecting;
        }
        if let (Activity::Connecting, false, Some(reason)) =
            (&seen.activity, session.has_heard(), &self.unanswered)
        {
            seen.activity = Activity::Offline { reason: reason.clone() };
        }
        self.live.send_replace(Arc::new(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_noted_by_hundredths_or_after_a_while_and_not_when_a_resend_took_lines_back() {
        let at = |confirmed| Progress { confirmed, total: 1_000 };
        let second = Duration::from_secs(1);
        assert!(is_worth_noting(at(20), at(10), second));
        assert!(!is_worth_noting(at(19), at(10), second));
        assert!(is_worth_noting(at(11), at(10), PROGRESS_AFTER));
        assert!(!is_worth_noting(at(10), at(10), PROGRESS_AFTER));
        assert!(!is_worth_noting(at(900), at(10), second / 2));
        assert!(!is_worth_noting(at(7), at(10), PROGRESS_AFTER), "less than the journal has");
    }
}
