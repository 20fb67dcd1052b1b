//! Everything that is decided about one printer while its port is open.
//!
//! ```text
//!            open              greeted           start
//!  Closed ─────────▶ Greeting ─────────▶ Ready ─────────▶ Running
//!    ▲                  ▲                  ▲                 │
//!    │ port gone        │ board reset      └── job ended ────┤
//!    └── (any) ─────────┴────────────────────────────────────┤
//!                                                            ▼
//!                              stop: Stopped    kill line: Faulted
//! ```
//! `heat` judges every reading in the call that brings it. What it finds ends in `SwitchedOff` (heaters off,
//! still watched) or in `Faulted` (as an emergency stop).
//! A board that turns out not to be this printer's is `Quarantined` from `Greeting` on: it was asked who it is,
//! and hears nothing more but, where it is another printer of ours, that its heaters are to be off.
//! Opened with a `Plan`, it is `Rejoining` before it greets: see `rejoin`.
//! From `Ready`, `probe` measures the board (`Probing`) and comes back to `Ready`.
//! With a `Lamp`, from `Ready` a print may be lit layer by layer (`Exposing`, see `light`). A stop in light is `Darkening`
//! first where a halt would leave the light on.
//! `Stopped`, `SwitchedOff` and `Faulted` end only by `clear`: the port is then closed and greeted anew.
//!
//! The methods are of four kinds: getters; `handle_*` for what the port or the clock brings;
//! commands (`start`, `pause`, `stop` …); `poll_*` for what the caller must do. Call order after any
//! of the others: `transmit`, `poll_event` until `None`, then sleep until `poll_timeout`.

use std::collections::VecDeque;
use std::time::Duration;

use super::boot::{self, BootClock, Missing};
use super::console::{Console, ConsoleAnswer};
use super::heat::{Duty, HeatWatch};
use super::inactivity::{self, InactivityKill};
use super::light::{DARK_AT_ONCE, Exposing, Exposures, Happened, Lamp, LitSoFar, MaskMark, MaskStep, Over};
use super::park::{self, Pause, Pausing, Place, Step, Told};
use super::probe::{Findings, Probe};
use super::prompt::Prompter;
use super::rejoin::{self, Plan, Rejoin, Trail};
use super::run::{ALLOWED_MAX, Allowed, Away, FileLine, Leaving, Next, Run, Stage};
use super::safe_off::may_pack;
use super::stop::{self, Do, DtrReset, REPORTS_EVERY, Silence, StopCheck, TALKED_LATELY};
use crate::domain::heat::{self, Alarm, Hazard, HeatLimits, Heater};
use crate::domain::identity::{BoardSays, Evidence, Recognition, Verdict, Wrong};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{AfterCrash, Interruption, PANEL, PauseReason, Progress, Unproven};
use crate::domain::moment::Moment;
use crate::domain::printer::{
    Activity, Away as OfflineFor, Cover, Fault, Hold, HoldStep, INACTIVITY_KILL, Light, LineHealth, LineRate,
    LineTrouble, OutOfReach, Park, Prompt, Reading, STILL_DEAF, Snapshot, StopProof, Temperatures,
};
use crate::domain::units::Baud;
use crate::gcode::commands::{Code, When};
use crate::gcode::modal;
use crate::protocol::dialect::{Firmware, Refusal};
use crate::protocol::frame;
use crate::protocol::lines::Lines;
use crate::protocol::link::{BEFORE_JOB, Link, LinkEvent, Loss};
use crate::protocol::meatpack;
use crate::protocol::reply::{Acknowledged, Action, Busy, Reply};
use crate::protocol::report::{FirmwareInfo, Position, TemperatureReport};
use crate::protocol::window::{Capacity, Origin, Sent};

/// Where the firmware does not report by itself, and to notice lost `ok`s where they are not numbered.
const POLL: Duration = Duration::from_secs(2);
/// A board that reports by itself is asked only when it has not for this long.
const POLL_IF_QUIET: Duration = Duration::from_secs(10);
/// What was told of a cover is believed for so long; it is asked at each `POLL` where somebody may be at it.
const COVER_LASTS: Duration = Duration::from_secs(6);

/// How long the answer to an offer of packed lines may take, and how often it is offered.
const PACKING_ANSWER: Duration = Duration::from_millis(500);
const PACKING_TRIES: u32 = 3;

/// How often the position is asked for at the end: once for each `ok` that may have come too often, as many
/// as a `Resend` may take back. A board that has none to tell is believed then.
const POSITION_TRIES: u32 = 33;

/// How long the link waits at least before it gives a silent board up; for the journal.
const LINK_SILENCE: Duration = Duration::from_secs(90);
/// How often a board is asked who it is until it says so often in a row the same: nothing in the answer has a
/// checksum, and what noise made unreadable looks like a board that has nothing to say.
const IDENTITY_TRIES: u32 = 9;
const IDENTITY_ALIKE: u32 = 3;

/// A question that shows whether a parser needs the space that moves leave out.
const COMPACT_TEST: &[u8] = b"M105T0";

/// Commands that wait for heat, and those that wait for a person: a board without an emergency parser gets
/// nothing behind them, so that what ends the wait finds room in its queue.
const WAITS_FOR_HEAT: [Code; 4] =
    [Code::new(b'M', 109), Code::new(b'M', 116), Code::new(b'M', 190), Code::new(b'M', 191)];
const WAITS_FOR_PERSON: [Code; 5] = [
    Code::new(b'M', 125),
    Code::new(b'M', 226),
    Code::new(b'M', 600),
    Code::new(b'M', 701),
    Code::new(b'M', 702),
];
/// With no more than so many commands in flight, one more is read at once: Marlin's `BUFSIZE` is 4.
const READ_AT_ONCE: u32 = 3;
/// A wait that nobody wants any more is broken off again after this time: there may be another one behind it.
const BREAK_REPEAT: Duration = Duration::from_secs(3);
/// A heater that was switched on from the console, by a printer that prints nothing, goes off after this time.
const CONSOLE_HEAT_MAX: Duration = Duration::from_secs(10 * 60);
/// How often a light is told to go out, in front of a stop: few enough for the buffer of a board that waits.
const DARK_REPEAT: Duration = Duration::from_millis(300);
const DARK_REPEATS: u32 = 3;
/// So many answers behind it prove that it is dark: one may be to a question of before, and one light off be eaten.
const DARK_HEARD: u32 = 3;

/// What the caller knows about a printer before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub baud: Baud,
    pub capacity: Capacity,
    /// The firmware, where the operator knows better than `M115`.
    pub firmware: Option<Firmware>,
    /// Lines are sent packed where the firmware can unpack them.
    pub meatpack: bool,
    /// How hot it may be made.
    pub heat: HeatLimits,
    /// Whether a stop that is not verified may reset the board by DTR.
    pub dtr_reset: DtrReset,
    /// After how long without a move the firmware is to halt by itself during a job; absent: never.
    pub inactivity_kill: Option<Duration>,
    pub pausing: Pausing,
    /// Commands that a job may hold here though others may not.
    pub allowed: Allowed,
}

impl Profile {
    /// What is known of every board: nothing is vouched for.
    pub const fn new(baud: Baud, capacity: Capacity) -> Self {
        Self {
            baud,
            capacity,
            firmware: None,
            meatpack: true,
            heat: HeatLimits::USUAL,
            dtr_reset: DtrReset::Perhaps,
            inactivity_kill: Some(INACTIVITY_KILL),
            pausing: Pausing::DEFAULT,
            allowed: [None; ALLOWED_MAX],
        }
    }

    fn link(&self) -> Link {
        Link::new(self.baud, self.capacity, self.firmware)
    }
}

/// What happened, for the journal and for the caller.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// The firmware answered and is identified.
    Ready,
    /// The board is this printer's; `learn` where this is not yet what is remembered.
    Recognised {
        evidence: Box<Evidence>,
        learn: bool,
    },
    /// The board is not this printer's, or may not be: it gets no line.
    Quarantined(Box<Wrong>),
    /// Told before the stop of it: what is heated may go on being heated whatever the firmware does, as where a
    /// transistor has burned through. Only its power helps.
    MayStillHeat,
    /// No more lines are sent.
    Paused {
        job: JobId,
        progress: Progress,
        reason: PauseReason,
    },
    Resumed {
        job: JobId,
        by: String,
    },
    /// A job that another platen began goes on with the line behind `progress`.
    Continued {
        job: JobId,
        progress: Progress,
        layer: u32,
    },
    /// What the console command brought.
    Console(ConsoleAnswer),
    Printed {
        job: JobId,
        progress: Progress,
        digest: FileHash,
        /// What the line did for this job. Not exact if its `strays` are not 0.
        line: Box<LineHealth>,
        millis: u64,
    },
    /// The line ails of something else now, or of nothing any more.
    LineTrouble(Option<LineTrouble>),
    /// `laid`: a line that lays something may have been sent.
    Cancelled {
        job: JobId,
        progress: Progress,
        by: String,
        line: Box<LineHealth>,
        laid: bool,
    },
    Interrupted {
        job: JobId,
        progress: Progress,
        why: Interruption,
        line: Box<LineHealth>,
        laid: bool,
    },
    /// What was asked for by `probe`.
    Probed(Box<Findings>),
    Faulted(Fault),
    /// Something is wrong with a heater, and this was done about it in the same call.
    Heat(Alarm),
    /// An emergency stop has stopped the board.
    StopVerified(StopProof),
    /// It could not be verified: the relay. Told once a stop; `StopVerified` may still follow.
    StopUnverified,
    /// All that was lit of a job until it ended.
    Lit {
        job: JobId,
        lit: LitSoFar,
    },
    /// A print stands still for so long that its resin settles.
    LongPause {
        job: JobId,
    },
    /// Nothing more can be done on this port: close it. The reason is for people.
    Close {
        reason: String,
    },
}

/// Who goes on where nobody was asked.
const PLATEN: &str = "platen";
/// How a printer is that was told to go on and does not yet.
const RESUMING: &str = "resuming";

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotNow {
    #[error("the printer is {state}")]
    State { state: &'static str },
    #[error("the printer runs another job")]
    OtherJob,
    #[error("the printer asks nothing")]
    NoPrompt,
    #[error("the printer asks something else by now")]
    OtherPrompt,
    #[error("what the printer asks has no such button")]
    NoButton,
    #[error("the printer hears no button while it waits")]
    AtPanel,
    #[error("the {heater} of this printer may not be made hotter than {limit} °C")]
    TooHot { heater: &'static str, limit: f64 },
    #[error("nobody has said that its plate is empty, and it homes down onto its display")]
    PlateNotLookedAt,
    #[error("its cover is open: close it")]
    CoverOpen,
    #[error("its board has not told whether its cover is closed: wait some seconds, or look at the switch")]
    CoverNotTold,
    #[error("it has no light")]
    NoLamp,
    #[error("its board has no stick of its own")]
    NoStick,
    #[error("its light is switched by its prints alone")]
    LightByPrintsOnly,
    #[error("its layers are lit, and the job's file is for filament")]
    LinesForALight,
}

/// Whether a running job can be left to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayBeLeft {
    Now,
    /// Lines of our own are on their way.
    Soon,
    No,
}

/// Heat behind a port at which the board has not been greeted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftHeat {
    /// Watched, or nobody's.
    Known,
    /// The board reports a heater that is on. It may still hold what an earlier platen has sent, so that nothing
    /// more may have room there.
    Reported,
    /// A job has run there, and nothing has told since that its heat is off.
    OfAJob,
}

/// What of a trail has to be kept before the next byte: its points' version, `steady`, `packed`, `strays`, `laid`.
pub type TrailMark = (u64, bool, bool, u64, bool);

#[derive(Clone, Debug)]
enum Greeting {
    Numbering,
    /// `M115` and `M105` are asked; `M115` was `asked` so often, and the last `alike` answers were this.
    Identifying {
        asked: u32,
        alike: u32,
        said: BoardSays,
    },
    /// Packed lines are offered; an answer is awaited.
    Packing {
        until: Moment,
        tries: u32,
    },
    /// Reports are switched on, heaters that somebody left on are switched off.
    Arming,
}

#[derive(Debug)]
enum Phase {
    Closed {
        reason: String,
    },
    Greeting(Greeting),
    Ready,
    /// A job that another platen began is looked for.
    Rejoining(Box<Rejoin>),
    /// The port leads to another printer's board, or may do so.
    Quarantined(Box<Wrong>),
    /// What the board can hold is being measured.
    Probing(Box<Probe>),
    Running(Box<Run>),
    /// A print is lit layer by layer.
    Exposing(Box<Exposing>),
    /// The light is told to go out, and then the board is halted.
    Darkening {
        until: Moment,
        /// When it is told once more: noise, or a line that was cut, may have eaten the last.
        again: Option<Moment>,
        repeats: u32,
        /// Answers to the questions behind it.
        heard: u32,
    },
    Stopped(Box<StopCheck>),
    Faulted(Fault),
    /// Heaters were switched off because of this. They are watched until a person clears it.
    SwitchedOff(Fault),
}

#[derive(Debug)]
pub struct Session {
    printer: PrinterName,
    profile: Profile,
    phase: Phase,
    lines: Lines,
    link: Link,
    /// Our own commands, sent before lines of the file.
    own: VecDeque<&'static [u8]>,
    temperatures: Temperatures,
    heat: HeatWatch,
    /// Heaters are switched off because of this, and the job leaves the printer.
    switched_off: Option<Fault>,
    firmware: FirmwareInfo,
    events: VecDeque<SessionEvent>,
    poll_at: Option<Moment>,
    /// Bytes that no firmware writes, of all that came since the port was opened.
    rubbish: u64,
    heard: u64,
    /// Moves of this job that pushed no filament, because the nozzle was cold: the part is scrap.
    cold_extrusions: u64,
    /// The stop that is being verified was ours, because of heat.
    stopped_for: Option<Fault>,
    /// The line whose wait was broken off, and when.
    broken: Option<(u32, Moment)>,
    /// Lines that are made up, sent after `own` and before lines of the file.
    script: VecDeque<Box<[u8]>>,
    /// What the firmware asks whoever stands there.
    prompter: Prompter,
    /// The firmware has said that it waits for a person; all that is acknowledged since ends that.
    person_at: Option<u32>,
    /// Who has answered last.
    answered_by: Option<String>,
    console: Option<Console>,
    /// When heat that was asked for from the console ends.
    console_heat_until: Option<Moment>,
    /// It was stopped or had halted, and a person cleared it: a board that was not reset is deaf.
    cleared: bool,
    /// It was closed last since a board that was cleared did not answer.
    still_deaf: bool,
    /// A job has run behind this port, was looked for in vain, and nothing has told since that its heat is off.
    heat_left: bool,
    /// When the port was opened; a board that restarts by that says so soon.
    opened: Moment,
    /// It was seen to restart when the port was opened.
    restarts_on_open: bool,
    /// The last report of temperatures that came by itself, and the last word of any kind.
    reported: Option<Moment>,
    heard_at: Option<Moment>,
    /// What the board is compared with before anything else is done with it; any board will do without.
    recognition: Option<Recognition>,
    /// The layer at which the job was held after a gap, until it is proven that it goes on.
    held_layer: Option<u32>,
    /// Strays of the job before it was taken over.
    strays_before: u64,
    /// The port was gone, and a job is still to be looked for behind it.
    replugged: bool,
    /// Whether the board has started anew, where its line count does not tell.
    boot: BootClock,
    /// The light that hangs on its board.
    lamp: Option<Lamp>,
    /// What its display is to do next, where no print says so.
    blanks: bool,
    /// It was halted, and did not tell before that its light is off.
    dark_unproven: bool,
    /// Behind what ended in light, its board has not told that it is dark.
    left_lit: bool,
    /// What its board said of its cover last.
    cover_told: Option<(Cover, Moment)>,
}

/// A board with nothing to do has answered in this time.
const QUESTION_TAKES: Duration = Duration::from_millis(250);

/// A board that restarts when the port is opened has said so in this time.
const RESTARTS_WITHIN: Duration = Duration::from_secs(5);

impl Session {
    pub fn new(printer: PrinterName, profile: Profile) -> Self {
        Self {
            printer,
            profile,
            phase: Phase::Closed { reason: "not opened yet".into() },
            lines: Lines::new(),
            link: profile.link(),
            own: VecDeque::new(),
            temperatures: Temperatures::default(),
            heat: HeatWatch::new(profile.heat),
            switched_off: None,
            firmware: FirmwareInfo::default(),
            events: VecDeque::new(),
            poll_at: None,
            rubbish: 0,
            heard: 0,
            cold_extrusions: 0,
            broken: None,
            stopped_for: None,
            script: VecDeque::new(),
            prompter: Prompter::default(),
            person_at: None,
            answered_by: None,
            console: None,
            console_heat_until: None,
            cleared: false,
            still_deaf: false,
            heat_left: false,
            opened: Moment::ZERO,
            restarts_on_open: false,
            reported: None,
            heard_at: None,
            recognition: None,
            held_layer: None,
            strays_before: 0,
            replugged: false,
            boot: BootClock::default(),
            lamp: None,
            blanks: false,
            dark_unproven: false,
            left_lit: false,
            cover_told: None,
        }
    }

    /// With a light, and a display that we show masks on.
    #[must_use]
    pub fn with_lamp(self, lamp: Option<Lamp>) -> Self {
        Self { blanks: lamp.is_some(), lamp, ..self }
    }

    /// What the board on the port that is opened next has to be.
    pub fn expect(&mut self, recognition: Option<Recognition>) {
        self.recognition = recognition;
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Why it closed its port; `reason` is what `Close` said.
    pub fn away(&self, reason: String) -> OfflineFor {
        if self.still_deaf { OfflineFor::StillDeaf } else { OfflineFor::Other(reason) }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }

    /// Whether anything has come since the port was opened.
    pub fn has_heard(&self) -> bool {
        self.heard > 0
    }

    /// A person has cleared it while its port was closed.
    pub fn cleared_while_closed(&mut self) {
        self.cleared = true;
    }

    /// How the line does, since the port was opened.
    pub fn line(&self) -> &LineHealth {
        self.link.health()
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Moves of the job, or of the last one, for which the firmware said that it pushed no filament.
    pub fn cold_extrusions(&self) -> u64 {
        self.cold_extrusions
    }

    pub fn firmware(&self) -> &FirmwareInfo {
        &self.firmware
    }

    /// What the port and the board on it tell of themselves, once both were asked.
    pub fn evidence(&self) -> Option<Evidence> {
        match self.phase {
            Phase::Ready
            | Phase::Running(_)
            | Phase::Exposing(_)
            | Phase::Probing(_)
            | Phase::Quarantined(_) => Some(self.recognition.as_ref()?.seen(&self.board_says())),
            Phase::Closed { .. }
            | Phase::Greeting(_)
            | Phase::Rejoining(_)
            | Phase::Darkening { .. }
            | Phase::Stopped(_)
            | Phase::Faulted(_)
            | Phase::SwitchedOff(_) => None,
        }
    }

    /// The printer of ours whose board this is, where that was at work when the port was opened.
    pub fn wants_quenching(&self) -> Option<PrinterName> {
        let (Phase::Quarantined(wrong), Some(recognition)) = (&self.phase, &self.recognition) else {
            return None;
        };
        wrong.ours().filter(|_| !recognition.may_switch_off(wrong)).cloned()
    }

    /// The job of the printer whose board this is has ended: its heaters off, as after its own greeting.
    pub fn quench(&mut self, now: Moment) {
        let Some(name) = self.wants_quenching() else { return };
        let neighbours = self.recognition.iter_mut().flat_map(|recognition| &mut recognition.neighbours);
        for other in neighbours.filter(|other| other.name == name) {
            other.rests = true;
        }
        self.switch_off();
        self.drive(now);
    }

    /// The port leads to a board that gets no line.
    pub fn is_quarantined(&self) -> bool {
        matches!(self.phase, Phase::Quarantined(_))
    }

    /// The job that runs, or that is looked for.
    pub fn job(&self) -> Option<&JobId> {
        match &self.phase {
            Phase::Running(run) => Some(&run.job),
            Phase::Exposing(exposing) => Some(&exposing.job),
            Phase::Rejoining(rejoin) => Some(&rejoin.plan.job),
            _ => None,
        }
    }

    pub fn progress(&self) -> Option<Progress> {
        match &self.phase {
            Phase::Running(run) => Some(self.progress_of(run)),
            Phase::Exposing(exposing) => Some(exposing.progress()),
            _ => None,
        }
    }

    fn progress_of(&self, run: &Run) -> Progress {
        run.progress(self.link.window().acked(), self.link.window().unsettled())
    }

    pub fn activity(&self) -> Activity {
        match &self.phase {
            Phase::Closed { reason } => Activity::Offline { reason: self.away(reason.clone()) },
            Phase::Greeting(_) | Phase::Rejoining(_) | Phase::Probing(_) => Activity::Connecting,
            Phase::Ready => Activity::Ready,
            Phase::Quarantined(wrong) => Activity::Quarantined { reason: self.why_quarantined(wrong) },
            Phase::Exposing(exposing) => {
                let (job, progress) = (exposing.job.clone(), exposing.progress());
                if exposing.is_ending() {
                    Activity::Cancelling { job }
                } else if exposing.is_finishing() {
                    Activity::Finishing { job, progress }
                } else if exposing.is_paused() {
                    Activity::Paused { job, progress, draining: !exposing.stands() }
                } else {
                    Activity::Printing { job, progress }
                }
            }
            Phase::Stopped(_) | Phase::Darkening { .. } => {
                self.stopped_for.map_or(Activity::Stopped, |fault| Activity::Faulted { fault })
            }
            Phase::Faulted(fault) | Phase::SwitchedOff(fault) => Activity::Faulted { fault: *fault },
            Phase::Running(run) => {
                let (job, progress) = (run.job.clone(), self.progress_of(run));
                match &run.stage {
                    Stage::Numbering | Stage::Printing => Activity::Printing { job, progress },
                    Stage::Paused(pause) if pause.is_ending() => Activity::Printing { job, progress },
                    Stage::Paused(pause) => {
                        let draining =
                            matches!(pause.step, Step::Draining | Step::Standing(_) | Step::Parking(_));
                        Activity::Paused { job, progress, draining }
                    }
                    Stage::Trailer { .. } | Stage::Confirming => Activity::Finishing { job, progress },
                    Stage::Leaving(..) => Activity::Cancelling { job },
                }
            }
        }
    }

    pub fn snapshot(&self, now: Moment) -> Snapshot {
        Snapshot {
            printer: self.printer.clone(),
            activity: self.activity(),
            // Another printer's are none of this one's.
            temperatures: if self.is_quarantined() { Temperatures::default() } else { self.temperatures },
            firmware: (!self.firmware.name.is_empty()).then(|| self.firmware.name.clone()),
            line: *self.link.health(),
            rate: LineRate::default(),
            unprotected: self.link.dialect().thermal_protection == Some(false),
            hold: self.hold(now),
            out_of_reach: OutOfReach::Nothing,
            own_last: None,
            cover: self.cover(now),
            light: self.light(),
            at: now,
        }
    }

    // What the port and the clock bring.

    /// The port is open. The board may have been reset by that, or not.
    pub fn handle_opened(&mut self, now: Moment) {
        self.lines.clear();
        self.rubbish = 0;
        self.heard = 0;
        self.opened = now;
        self.replugged = false;
        self.dark_unproven = false;
        self.reported = None;
        self.heard_at = None;
        self.link = self.profile.link();
        self.greet(now);
    }

    /// The port is open, and a job that another platen began may be running behind it.
    pub fn handle_reopened(&mut self, now: Moment, plan: Plan) {
        let replugged = self.replugged;
        self.handle_opened(now);
        self.link = self.profile.link();
        let (job, progress, laid) = (plan.job.clone(), plan.progress, plan.trail.laid);
        match Rejoin::begin(now, plan) {
            Ok(mut rejoin) => {
                rejoin.replugged = replugged;
                self.link.count(now, rejoin.near(), rejoin.plan.trail.packed);
                self.phase = Phase::Rejoining(Box::new(rejoin));
            }
            Err(unproven) => {
                let why = Interruption::NotContinued { unproven };
                let line = Box::default();
                self.events.push_back(SessionEvent::Interrupted { job, progress, why, line, laid });
                self.heat_left = true;
                self.greet(now);
            }
        }
    }

    /// What may be hot there, as far as nothing was told yet.
    pub fn left_heat(&self) -> LeftHeat {
        match self.phase {
            Phase::Rejoining(_) => LeftHeat::OfAJob,
            Phase::Greeting(_) if self.heat_left => LeftHeat::OfAJob,
            Phase::Greeting(_) if self.reports_heat() => LeftHeat::Reported,
            _ => LeftHeat::Known,
        }
    }

    fn reports_heat(&self) -> bool {
        let Temperatures { hotend, bed, chamber, .. } = self.temperatures;
        let on = |reading: Reading| reading.target.is_some_and(|target| target.0 > 0.0);
        [hotend, bed, chamber].into_iter().flatten().any(on)
    }

    pub fn is_rejoining(&self) -> bool {
        matches!(self.phase, Phase::Rejoining(_))
    }

    pub fn is_greeting(&self) -> bool {
        matches!(self.phase, Phase::Greeting(_))
    }

    /// What is to be kept before the next byte goes out; absent while what was kept stays as it is. The number
    /// grows whenever it changes.
    pub fn trail(&self) -> Option<Trail> {
        let (job, steady, confirmed, laid) = match &self.phase {
            Phase::Running(run) => {
                let steady = matches!(run.stage, Stage::Printing | Stage::Trailer { .. } | Stage::Confirming);
                let confirmed = self.progress_of(run).confirmed;
                (&run.job, steady && self.script.is_empty(), confirmed, run.laid)
            }
            // Until the count is proven, a number of ours may stand for another line.
            Phase::Rejoining(rejoin) if rejoin.step != rejoin::Step::Counting => {
                let Plan { job, progress, trail, .. } = &rejoin.plan;
                (job, !self.link.awaits_others(), progress.confirmed, trail.laid)
            }
            _ => return None,
        };
        Some(Trail {
            job: job.clone(),
            steady,
            points: self.link.numbering().points().map(|point| (point.number, point.index)).collect(),
            next: self.link.window().next(),
            packed: self.link.is_packing(),
            compact: self.link.is_compact(),
            strays: self.strays_before + self.line().strays,
            confirmed,
            laid,
        })
    }

    /// Changes whenever `trail` does in more than its `next`.
    pub fn trail_mark(&self) -> TrailMark {
        let (steady, laid) = match &self.phase {
            Phase::Running(run) => {
                let steady = matches!(run.stage, Stage::Printing | Stage::Trailer { .. } | Stage::Confirming);
                (steady && self.script.is_empty(), run.laid)
            }
            Phase::Rejoining(rejoin) => (!self.link.awaits_others(), rejoin.plan.trail.laid),
            _ => (false, true),
        };
        (self.link.numbering().version(), steady, self.link.is_packing(), self.line().strays, laid)
    }

    /// The port is gone in the middle of a job that may be looked for when it is back: what that takes, and the job
    /// has not ended. `None`: as by `handle_closed`.
    pub fn lose_port(&mut self, reason: &str) -> Option<(Trail, Progress)> {
        let counts = self.link.dialect().traits.refusal == Refusal::Asks;
        let lasts = counts && self.may_be_left() == MayBeLeft::Now;
        let left = self.trail().filter(|_| lasts).zip(self.progress());
        if left.is_some() {
            self.phase = Phase::Ready;
        }
        self.handle_closed(reason);
        self.replugged = left.is_some();
        left
    }

    /// The port is gone.
    pub fn handle_closed(&mut self, reason: &str) {
        let why = match &self.phase {
            // It was left already, for a reason of its own, and the port is closed because it did not answer.
            Phase::Running(run) => match &run.stage {
                Stage::Leaving(Leaving::Abandoned { why }, _) => why.clone(),
                _ => Interruption::Unplugged,
            },
            Phase::Exposing(exposing) => {
                exposing.why_interrupted().cloned().unwrap_or(Interruption::Unplugged)
            }
            _ => Interruption::Unplugged,
        };
        let stays_lit = matches!(&self.phase, Phase::Exposing(exposing) if exposing.is_lit())
            && self.lamp.as_ref().is_some_and(Lamp::is_timed_by_us);
        self.end_run(why);
        if stays_lit || matches!(self.phase, Phase::Darkening { .. }) {
            self.left_lit = true;
            self.events.push_back(SessionEvent::StopUnverified);
        }
        self.stop_cannot_be_verified();
        let reason = reason.to_owned();
        self.phase = Phase::Closed { reason };
        self.temperatures = Temperatures::default();
        self.heat.forget();
        self.switched_off = None;
        self.poll_at = None;
        self.own.clear();
        self.forget_asked();
        self.link = self.profile.link();
    }

    pub fn handle_bytes(&mut self, now: Moment, bytes: &[u8]) {
        let text = |byte: &&u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        self.heard += bytes.len() as u64;
        self.rubbish += bytes.iter().filter(|byte| !text(byte)).count() as u64;
        if bytes.is_empty() {
            return;
        }
        self.heard_at = Some(now);
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.handle_line(now, line));
        self.lines = lines;
        self.mind_heat(now);
        self.hear_while_stopped(now);
        self.drive(now);
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        self.link.handle_timeout(now);
        self.check_stop(now);
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.handle_timeout(now);
        }
        match self.phase {
            Phase::Darkening { until, .. } if now >= until => self.halt_now(now),
            Phase::Darkening { until, again: Some(at), repeats, heard } if now >= at => {
                self.say_dark();
                let again = (repeats < DARK_REPEATS).then_some(now + DARK_REPEAT);
                self.phase = Phase::Darkening { until, again, repeats: repeats + 1, heard };
            }
            _ => {}
        }
        if let Phase::Greeting(Greeting::Packing { until, tries }) = self.phase
            && now >= until
        {
            self.offer_packing(now, tries);
        }
        if self.poll_at.is_some_and(|at| now >= at) {
            self.poll_temperatures(now);
        }
        if let Some(duty) = self.duty() {
            self.heat.set_duty(now, duty, self.link.is_held_up());
            self.heat.handle_timeout(now);
        }
        self.mind_heat(now);
        self.watch_console(now);
        self.drive(now);
    }

    // Commands.

    /// Begins a job. The caller has made its start durable before.
    pub fn start(&mut self, now: Moment, job: JobId, total: u64) -> Result<(), NotNow> {
        if !self.is_ready() {
            return Err(NotNow::State { state: self.activity().word() });
        }
        (self.held_layer, self.strays_before) = (None, 0);
        self.own.clear();
        self.heat.begin_job();
        self.broken = None;
        self.cold_extrusions = 0;
        self.link.renumber(now, BEFORE_JOB);
        let inactivity = InactivityKill::new(self.inactivity_kill());
        let before = *self.link.health();
        let run = Run::new(job, total, now, before, self.profile.allowed, inactivity);
        self.phase = Phase::Running(Box::new(run));
        self.prompter.clear();
        self.person_at = None;
        self.answered_by = None;
        self.console_heat_until = None;
        Ok(())
    }

    /// Begins a print that is lit layer by layer. The caller has made its start durable before.
    pub fn start_exposing(&mut self, now: Moment, job: JobId, exposures: Exposures) -> Result<(), NotNow> {
        if !self.is_ready() {
            return Err(NotNow::State { state: self.activity().word() });
        }
        let Some(lamp) = &self.lamp else { return Err(NotNow::NoLamp) };
        let (pace, before) = (u32::from(self.profile.heat.simulated_speed.max(1)), *self.link.health());
        let exposing =
            Exposing::new(now, job, exposures, lamp, pace, before).map_err(|_| NotNow::PlateNotLookedAt)?;
        self.own.clear();
        self.console_heat_until = None;
        self.answered_by = None;
        self.blanks = false;
        self.phase = Phase::Exposing(Box::new(exposing));
        self.drive(now);
        Ok(())
    }

    /// What the display has to do now.
    pub fn poll_mask(&mut self) -> Option<MaskStep> {
        if let Phase::Exposing(exposing) = &mut self.phase
            && let Some(step) = exposing.poll_mask()
        {
            return Some(step);
        }
        std::mem::take(&mut self.blanks).then_some(MaskStep::Blank)
    }

    pub fn handle_shown(&mut self, now: Moment, layer: ::resin::layer::LayerIndex, mark: MaskMark) {
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.handle_shown(now, layer, mark);
            self.drive(now);
        }
    }

    pub fn handle_blanked(&mut self, now: Moment) {
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.handle_blanked(now);
            self.drive(now);
        }
    }

    /// The display, or the file with its pictures, has failed; `why` is for the log.
    pub fn handle_display_failed(&mut self, now: Moment, why: &str) {
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.handle_display_failed(now, why.to_owned());
            self.drive(now);
        }
    }

    /// How much of the job was lit so far.
    pub fn lit(&self) -> Option<LitSoFar> {
        match &self.phase {
            Phase::Exposing(exposing) => Some(exposing.lit()),
            _ => None,
        }
    }

    /// Whether its cover is closed, as far as its board has told lately.
    pub fn cover(&self, now: Moment) -> Cover {
        if self.lamp.as_ref().and_then(Lamp::cover).is_none() {
            return Cover::NoSwitch;
        }
        let lately = self.cover_told.filter(|(_, at)| now.since(*at) <= COVER_LASTS);
        lately.map_or(Cover::NotTold, |(cover, _)| cover)
    }

    /// What is known of its light, where it has one.
    pub fn light(&self) -> Option<Light> {
        self.lamp.as_ref()?;
        Some(match &self.phase {
            Phase::Exposing(exposing) if exposing.is_lit() => Light::On,
            Phase::Exposing(_) => Light::Off,
            Phase::Darkening { .. } => Light::MayBeOn,
            _ if self.left_lit => Light::MayBeOn,
            Phase::Closed { .. } | Phase::Greeting(_) | Phase::Quarantined(_) => Light::Unknown,
            _ => Light::Off,
        })
    }

    /// The light may be on.
    pub fn may_be_lit(&self) -> bool {
        match &self.phase {
            Phase::Exposing(exposing) => exposing.is_lit(),
            Phase::Darkening { .. } => true,
            _ => false,
        }
    }

    fn exposing_of(&mut self, job: &JobId) -> Option<&mut Exposing> {
        match &mut self.phase {
            Phase::Exposing(exposing) if exposing.job == *job => Some(exposing),
            _ => None,
        }
    }

    /// A person says that the board is this printer's, whatever was known before.
    pub fn accept(&mut self, now: Moment) -> Result<(), NotNow> {
        let state = self.activity().word();
        let Some(evidence) = self.evidence() else { return Err(NotNow::State { state }) };
        if let Some(recognition) = &mut self.recognition {
            recognition.known = Some(evidence);
        }
        if self.is_quarantined() {
            self.own.clear();
            self.go_on(now);
            self.drive(now);
        }
        Ok(())
    }

    /// Measures what the board can hold, without moving or heating; `Probed` tells.
    pub fn probe(&mut self, now: Moment) -> Result<(), NotNow> {
        if !self.is_ready() || !self.link.is_idle() {
            return Err(NotNow::State { state: self.activity().word() });
        }
        self.own.clear();
        self.poll_at = None;
        let (baud, speed) = (self.profile.baud, self.profile.heat.simulated_speed);
        self.phase = Phase::Probing(Box::new(Probe::begin(now, baud, speed, &mut self.link)));
        self.drive(now);
        Ok(())
    }

    /// How many more lines of the file are wanted now.
    pub fn wants(&self) -> usize {
        match &self.phase {
            Phase::Running(run) => run.wants(),
            Phase::Rejoining(rejoin) => rejoin.wants(),
            _ => 0,
        }
    }

    /// Gives lines of the file, in order.
    pub fn supply(&mut self, now: Moment, lines: impl IntoIterator<Item = FileLine>) {
        match &mut self.phase {
            Phase::Running(run) => {
                if let Err(why) = lines.into_iter().try_for_each(|line| run.take(line)) {
                    self.abandon(why);
                }
            }
            Phase::Rejoining(rejoin) => {
                if let Err(unproven) = lines.into_iter().try_for_each(|line| rejoin.take(line)) {
                    self.rejoin_fails(now, unproven);
                }
            }
            _ => {}
        }
        self.drive(now);
    }

    /// The file is at its end.
    pub fn supply_ended(&mut self, now: Moment) {
        if let Phase::Rejoining(rejoin) = &mut self.phase {
            rejoin.supplied = true;
        }
        if let Phase::Running(run) = &mut self.phase
            && !run.end_supply()
        {
            self.abandon(Interruption::FileUnreadable);
        }
        self.drive(now);
    }

    /// The file cannot be read any further: heaters off, interrupted.
    pub fn supply_failed(&mut self, now: Moment) {
        self.rejoin_fails(now, Unproven::File);
        self.abandon(Interruption::FileUnreadable);
        self.drive(now);
    }

    fn run_of(&mut self, job: &JobId) -> Result<&mut Run, NotNow> {
        let state = self.activity().word();
        match &mut self.phase {
            Phase::Running(run) if run.job == *job => Ok(run),
            Phase::Running(_) => Err(NotNow::OtherJob),
            Phase::Exposing(exposing) if exposing.job != *job => Err(NotNow::OtherJob),
            _ => Err(NotNow::State { state }),
        }
    }

    /// Sends no more lines; what was sent still moves, then the head goes away where the profile says how.
    pub fn pause(&mut self, now: Moment, job: &JobId, reason: PauseReason) -> Result<(), NotNow> {
        let state = self.activity().word();
        if let Some(exposing) = self.exposing_of(job) {
            let taken = exposing.pause(now, reason);
            self.drive(now);
            return if taken { Ok(()) } else { Err(NotNow::State { state }) };
        }
        let park = self.profile.pausing.park;
        let run = self.run_of(job)?;
        let back = match &mut run.stage {
            Stage::Printing | Stage::Numbering => {
                let pause = Pause::new(reason.clone(), None, Step::Draining, now);
                run.stage = Stage::Paused(Box::new(pause));
                Vec::new()
            }
            Stage::Paused(pause) if pause.is_ending() => pause.turn_back(now, reason.clone(), park.as_ref()),
            _ => return Err(NotNow::State { state }),
        };
        self.script.clear();
        self.script.extend(back);
        self.tell_pause(reason);
        self.drive(now);
        Ok(())
    }

    fn tell_pause(&mut self, reason: PauseReason) {
        let Phase::Running(run) = &self.phase else { return };
        let (job, progress) = (run.job.clone(), self.progress_of(run));
        self.events.push_back(SessionEvent::Paused { job, progress, reason });
    }

    /// Goes on: where the head was, as hot as the file has it, with the very next line. After a gap it is proven first,
    /// and `Continued` tells.
    pub fn resume(&mut self, now: Moment, job: &JobId, by: &str) -> Result<(), NotNow> {
        let state = self.activity().word();
        let cover = self.cover(now);
        if let Some(exposing) = self.exposing_of(job) {
            match cover {
                Cover::Open if exposing.stands() => return Err(NotNow::CoverOpen),
                Cover::NotTold if exposing.stands() => return Err(NotNow::CoverNotTold),
                _ => {}
            }
            if !exposing.resume(now) {
                return Err(NotNow::State { state });
            }
            self.events.push_back(SessionEvent::Resumed { job: job.clone(), by: by.to_owned() });
            self.drive(now);
            return Ok(());
        }
        let asks = self.waits_for_person() || self.prompter.shown().is_some();
        let prusa = self.link.dialect().firmware == Firmware::PrusaMk3;
        let run = self.run_of(job)?;
        let Stage::Paused(pause) = &mut run.stage else { return Err(NotNow::State { state }) };
        match pause.step {
            Step::Held { .. } if asks => {
                // It goes on by itself, and says so by acknowledging.
                self.answered_by = Some(by.to_owned());
                self.link.send_bare(b"M108");
                return Ok(());
            }
            Step::Held { .. } => {
                run.stage = Stage::Printing;
                if prusa {
                    self.own.push_back(b"M602");
                }
            }
            Step::Draining => run.stage = Stage::Printing,
            Step::Proving | Step::Looking(_) | Step::Reheating(_) | Step::Returning(..) => {
                return Err(NotNow::State { state: RESUMING });
            }
            _ if pause.resume_asked => return Err(NotNow::State { state: RESUMING }),
            Step::Standing(_) | Step::Parking(_) | Step::Parked { .. } => pause.resume_asked = true,
        }
        self.want_boot();
        self.events.push_back(SessionEvent::Resumed { job: job.clone(), by: by.to_owned() });
        self.drive(now);
        Ok(())
    }

    /// Sends no more lines and switches heaters and fan off; ends when that is acknowledged.
    pub fn cancel(&mut self, now: Moment, job: &JobId, by: &str) -> Result<(), NotNow> {
        let state = self.activity().word();
        if let Phase::Rejoining(rejoin) = &self.phase
            && rejoin.plan.job == *job
        {
            // What it proves does not matter any more: greeted as any board, which switches its heaters off.
            let Plan { job, progress, trail, .. } = rejoin.plan.clone();
            let (by, line, laid) = (by.to_owned(), Box::default(), trail.laid);
            self.events.push_back(SessionEvent::Cancelled { job, progress, by, line, laid });
            self.link = self.profile.link();
            self.greet(now);
            self.drive(now);
            return Ok(());
        }
        if let Some(exposing) = self.exposing_of(job) {
            let taken = exposing.cancel(now, by);
            self.drive(now);
            return if taken { Ok(()) } else { Err(NotNow::State { state }) };
        }
        let run = self.run_of(job)?;
        if matches!(run.stage, Stage::Leaving(..)) {
            return Err(NotNow::State { state });
        }
        self.leave(Leaving::Cancelled { by: by.to_owned() });
        self.drive(now);
        Ok(())
    }

    /// The daemon ends: heaters off, and the job is interrupted.
    pub fn leave_for_shutdown(&mut self, now: Moment) {
        if self.is_rejoining() {
            return self.end_run(Interruption::DaemonEnded);
        }
        self.abandon(Interruption::DaemonEnded);
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.abandon(now, Interruption::DaemonEnded);
        }
        if (self.is_ready() || matches!(self.phase, Phase::SwitchedOff(_)))
            && (self.console_heat_until.is_some() || self.reports_heat())
        {
            self.own.extend(self.heaters_off());
        }
        self.drive(now);
    }

    /// Whether another process may go on with the job from here, as after a crash: see `rejoin`.
    pub fn may_be_left(&self) -> MayBeLeft {
        match &self.phase {
            Phase::Running(run) => match run.stage {
                Stage::Printing | Stage::Trailer { .. } | Stage::Confirming if self.script.is_empty() => {
                    MayBeLeft::Now
                }
                Stage::Numbering | Stage::Printing | Stage::Trailer { .. } | Stage::Confirming => {
                    MayBeLeft::Soon
                }
                Stage::Paused(_) | Stage::Leaving(..) => MayBeLeft::No,
            },
            Phase::Rejoining(_) => MayBeLeft::Soon,
            _ => MayBeLeft::No,
        }
    }

    /// Whether a life before this one may have left its board with packing on.
    pub fn may_pack(&self) -> bool {
        may_pack(self.profile.meatpack, self.profile.firmware)
    }

    /// Whether something is still to be done or to be known before the port may be closed.
    pub fn is_leaving(&self) -> bool {
        let is_open = self.is_ready() || matches!(self.phase, Phase::SwitchedOff(_));
        self.progress().is_some()
            || self.is_stopping()
            || (is_open && !(self.own.is_empty() && self.link.is_idle()))
    }

    /// Emergency stop: the next bytes on the wire are `M112`, bare and then numbered. What comes of it is told
    /// by `StopVerified` or `StopUnverified`; until then the stop is repeated.
    pub fn stop(&mut self, now: Moment) {
        self.halt_next(now, Interruption::Stopped);
    }

    /// The next bytes on the wire halt the board, and nothing but their repetition follows them.
    fn halt_next(&mut self, now: Moment, why: Interruption) {
        if let Phase::Darkening { .. } = &self.phase {
            // It is under way; once more does no harm.
            return self.say_dark();
        }
        if self.darkens_first() {
            let until = match &self.phase {
                Phase::Exposing(exposing) => exposing.dark_by(now),
                _ => now + DARK_AT_ONCE,
            };
            self.end_run(why);
            return self.darken(now, until);
        }
        let check = match &self.phase {
            Phase::Stopped(check) => check.again(now),
            _ => StopCheck::begin(now, self.what_silence_means(now), self.dtr_reset()),
        };
        self.send_stop(false);
        self.own.clear();
        self.forget_asked();
        self.poll_at = None;
        self.end_run(why);
        if !self.is_closed() {
            self.phase = Phase::Stopped(Box::new(check));
        }
    }

    /// The light may be on, and a halt alone would leave it so.
    fn darkens_first(&self) -> bool {
        let leaves_it_on = self.lamp.as_ref().is_some_and(|lamp| !lamp.goes_out_by_halt());
        leaves_it_on
            && match &self.phase {
                Phase::Exposing(exposing) => exposing.is_lit(),
                // Whoever was here before may have left it on.
                Phase::Greeting(_) | Phase::Darkening { .. } => true,
                _ => false,
            }
    }

    /// The next bytes on the wire switch the light off, nothing of before is sent again, and a halt follows.
    fn darken(&mut self, now: Moment, until: Moment) {
        self.say_dark();
        self.own.clear();
        self.forget_asked();
        self.poll_at = None;
        if !self.is_closed() {
            let again = Some(now + DARK_REPEAT);
            self.phase = Phase::Darkening { until, again, repeats: 0, heard: 0 };
        }
    }

    fn say_dark(&mut self) {
        if let Some(lamp) = &self.lamp {
            // Lines are done in their order: whoever answers has done what is before the question.
            self.link.preempt(&[lamp.bare_off(false), b"M114\n"].concat());
        }
    }

    /// Its light may be on though its print has ended, and it hears nothing or tells nothing.
    fn halt_lit(&mut self, now: Moment) {
        if self.lamp.as_ref().is_some_and(Lamp::goes_out_by_halt) {
            self.halt_next(now, Interruption::Stopped);
        } else {
            self.darken(now, now + DARK_AT_ONCE);
        }
    }

    /// It is dark by now, if the board has heard of it: it is halted.
    fn halt_now(&mut self, now: Moment) {
        let Phase::Darkening { heard, .. } = self.phase else { return };
        self.dark_unproven = heard < DARK_HEARD;
        self.left_lit = self.dark_unproven;
        self.phase = Phase::Stopped(Box::new(StopCheck::begin(now, Silence::Nothing, self.dtr_reset())));
        let mut bytes = self.lamp.as_ref().map_or(&b""[..], |lamp| lamp.bare_off(false)).to_vec();
        bytes.extend(self.stop_bytes());
        self.link.preempt(&bytes);
    }

    /// Why it was locked, where it is stopped again.
    pub fn stopped_because(&mut self, fault: Fault) {
        self.stopped_for = Some(fault);
    }

    /// Whether a stop waits for the board to confirm it.
    pub fn is_stopping(&self) -> bool {
        match &self.phase {
            Phase::Stopped(check) => check.is_open(),
            Phase::Darkening { .. } => true,
            _ => false,
        }
    }

    /// What stops this board when it is written by somebody else.
    pub fn bare_stop(&self) -> &'static [u8] {
        if let Some(lamp) = self.lamp.as_ref().filter(|_| self.darkens_first()) {
            // Nothing moves in light, and a halt would leave it on. The halt follows.
            return lamp.bare_off(self.link.may_unpack());
        }
        if self.link.may_unpack() { stop::BARE_TO_UNPACKER } else { stop::BARE }
    }

    /// Whether DTR is to be up now; it is down only for the moment of a reset.
    pub fn dtr_is_up(&self, now: Moment) -> bool {
        !matches!(&self.phase, Phase::Stopped(check) if !check.dtr_is_up(now))
    }

    /// The port cannot move its DTR.
    pub fn handle_no_dtr(&mut self, now: Moment) {
        if let Phase::Stopped(check) = &mut self.phase
            && let Some(wanted) = check.handle_no_dtr(now)
        {
            self.obey_check(wanted);
        }
    }

    /// A person has looked at a stopped or faulted printer: greet it anew.
    pub fn clear(&mut self) -> Result<(), NotNow> {
        match self.phase {
            Phase::Stopped(_) | Phase::Faulted(_) | Phase::SwitchedOff(_) => {
                self.stopped_for = None;
                self.cleared = true;
                self.close("cleared after a stop; connecting again");
                Ok(())
            }
            _ => Err(NotNow::State { state: self.activity().word() }),
        }
    }

    // What the caller must do.

    /// The bytes to write now, in order.
    pub fn transmit(&self) -> &[u8] {
        self.link.transmit()
    }

    /// The first `count` of them were taken by the kernel.
    pub fn transmitted(&mut self, count: usize) {
        self.link.transmitted(count);
    }

    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let packing = match &self.phase {
            Phase::Greeting(Greeting::Packing { until, .. }) => Some(*until),
            Phase::Rejoining(rejoin) => Some(rejoin.until),
            _ => None,
        };
        let probe = match &self.phase {
            Phase::Probing(probe) => probe.poll_timeout(),
            _ => None,
        };
        let stop = match &self.phase {
            Phase::Stopped(check) => check.poll_timeout(),
            Phase::Darkening { until, again, .. } => Some(again.map_or(*until, |at| at.min(*until))),
            Phase::Exposing(exposing) => exposing.poll_timeout(),
            _ => None,
        };
        let heat = self.duty().and_then(|_| self.heat.poll_timeout());
        // While something is under way, its end is what to wake up for.
        let rests = self.own.is_empty() && self.script.is_empty() && self.link.is_idle();
        let pause = self.pause_of().filter(|_| rests);
        let (nozzle_off, bed_off) = pause.map_or((None, None), |pause| pause.off_at(&self.profile.pausing));
        let console = self.console.as_ref().map(|console| console.until);
        let console_heat = self.console_heat_until;
        let pausing = [nozzle_off, bed_off, console, console_heat];
        let others = [self.link.poll_timeout(), self.poll_at, packing, probe, stop, heat];
        others.into_iter().chain(pausing).flatten().min()
    }

    // A stop and what comes of it.

    /// A board that reads ahead obeys the bare one at once, a board that insists on numbers obeys the second
    /// (`transcripts/…-m112.txt`).
    fn send_stop(&mut self, asks: bool) {
        let mut bytes = self.stop_bytes();
        if asks {
            bytes.extend_from_slice(b"M105\n");
        }
        self.link.preempt(&bytes);
    }

    fn stop_bytes(&self) -> Vec<u8> {
        let mut bytes = stop::BARE.to_vec();
        frame::write_numbered(&mut bytes, self.link.window().next(), b"M112");
        bytes
    }

    fn what_silence_means(&self, now: Moment) -> Silence {
        let lately = |at: Option<Moment>, within| at.filter(|at| now.since(*at) <= within);
        let reports = self.link.dialect().autoreport_temperature;
        match &self.phase {
            // It has told of its end; if that is true it will never talk again.
            Phase::Faulted(_) => Silence::Answers,
            Phase::Ready | Phase::SwitchedOff(_) | Phase::Running(_) => {
                match lately(self.reported, REPORTS_EVERY * 3 / 2) {
                    Some(last) if reports => Silence::Reported { last },
                    _ if self.had_nothing_to_do(now) && lately(self.heard_at, TALKED_LATELY).is_some() => {
                        Silence::Answers
                    }
                    _ => Silence::Nothing,
                }
            }
            // Nothing is known of what another board does.
            Phase::Closed { .. }
            | Phase::Greeting(_)
            | Phase::Rejoining(_)
            | Phase::Quarantined(_)
            | Phase::Probing(_)
            | Phase::Exposing(_)
            | Phase::Darkening { .. }
            | Phase::Stopped(_) => Silence::Nothing,
        }
    }

    /// Whether the board answers at once, as far as is known: at most a question is on its way.
    fn had_nothing_to_do(&self, now: Moment) -> bool {
        let window = self.link.window();
        let fresh = window
            .oldest_in_flight()
            .is_none_or(|line| &*line.text == b"M105" && now.since(line.at) < QUESTION_TAKES);
        self.link.is_streaming() && window.in_flight() <= 1 && fresh
    }

    fn dtr_reset(&self) -> DtrReset {
        match self.profile.dtr_reset {
            DtrReset::Perhaps if self.restarts_on_open => DtrReset::Known,
            told => told,
        }
    }

    fn check_stop(&mut self, now: Moment) {
        while let Phase::Stopped(check) = &mut self.phase
            && let Some(wanted) = check.handle_timeout(now)
        {
            self.obey_check(wanted);
        }
    }

    fn hear_while_stopped(&mut self, now: Moment) {
        if let Phase::Stopped(check) = &mut self.phase
            && let Some(wanted) = check.handle_talk(now)
        {
            self.obey_check(wanted);
        }
    }

    fn stop_cannot_be_verified(&mut self) {
        if let Phase::Stopped(check) = &mut self.phase
            && let Some(wanted) = check.handle_closed()
        {
            self.obey_check(wanted);
        }
    }

    fn obey_check(&mut self, wanted: Do) {
        match wanted {
            Do::Repeat => self.send_stop(true),
            Do::Reset { and_give_up: false } => {}
            Do::Reset { and_give_up: true } | Do::GiveUp => {
                self.events.push_back(SessionEvent::StopUnverified)
            }
            // It has halted, and its light may be as it was. A board that begins anew is dark.
            Do::Tell(proof) if self.dark_unproven && proof != StopProof::Restart => {
                self.events.push_back(SessionEvent::StopUnverified);
            }
            Do::Tell(proof) => {
                self.left_lit = false;
                self.events.push_back(SessionEvent::StopVerified(proof));
            }
        }
    }

    /// Only the end of everything is an answer to `M112`: `MAXTEMP` of a Prusa refuses moves and goes on.
    fn is_kill(&self, fault: Fault) -> bool {
        let halts = matches!(self.link.dialect().firmware, Firmware::Klipper | Firmware::Smoothieware);
        fault == Fault::Killed || (fault == Fault::Halted && halts)
    }

    // Inside.

    fn greet(&mut self, now: Moment) {
        self.own.clear();
        self.forget_asked();
        self.poll_at = None;
        // What another board said, or this one before it was flashed anew, is nothing now.
        self.firmware = FirmwareInfo::default();
        self.temperatures = Temperatures::default();
        self.boot = BootClock::default();
        self.cover_told = None;
        // Whatever its display has shown meanwhile.
        self.blanks = self.lamp.is_some();
        self.link.renumber(now, 0);
        self.phase = Phase::Greeting(Greeting::Numbering);
    }

    fn close(&mut self, reason: &str) {
        self.still_deaf = false;
        self.phase = Phase::Closed { reason: reason.to_owned() };
        self.events.push_back(SessionEvent::Close { reason: reason.to_owned() });
    }

    /// Ends a running job where it stands.
    fn end_run(&mut self, why: Interruption) {
        if let Phase::Rejoining(rejoin) = &self.phase {
            let Plan { job, progress, trail, .. } = rejoin.plan.clone();
            let (line, laid) = (Box::default(), trail.laid);
            self.events.push_back(SessionEvent::Interrupted { job, progress, why, line, laid });
            self.phase = Phase::Ready;
            return;
        }
        if let Phase::Exposing(exposing) = &self.phase {
            let (job, progress, laid) = (exposing.job.clone(), exposing.progress(), exposing.has_laid());
            let line = Box::new(self.link.health().since(&exposing.before));
            self.left_lit = exposing.is_lit();
            self.note_lit();
            self.events.push_back(SessionEvent::Interrupted { job, progress, why, line, laid });
            self.phase = Phase::Ready;
            self.blanks = true;
            return;
        }
        let Phase::Running(run) = &self.phase else { return };
        let (job, progress) = (run.job.clone(), self.progress_of(run));
        let (line, laid) = (Box::new(self.link.health().since(&run.before)), run.laid);
        self.events.push_back(SessionEvent::Interrupted { job, progress, why, line, laid });
        self.phase = Phase::Ready;
    }

    /// What was lit is told before its job ends.
    fn note_lit(&mut self) {
        if let Phase::Exposing(exposing) = &self.phase {
            let (job, lit) = (exposing.job.clone(), exposing.lit());
            self.events.push_back(SessionEvent::Lit { job, lit });
        }
    }

    fn abandon(&mut self, why: Interruption) {
        self.leave(Leaving::Abandoned { why });
    }

    // Heat.

    /// What the printer is at as far as its heat is concerned; `None` while no reading counts.
    fn duty(&self) -> Option<Duty> {
        match &self.phase {
            // Another board is not ours to judge.
            Phase::Closed { .. }
            | Phase::Darkening { .. }
            | Phase::Stopped(_)
            | Phase::Faulted(_)
            | Phase::Quarantined(_) => None,
            Phase::Greeting(_) | Phase::Rejoining(_) | Phase::Probing(_) => Some(Duty::Greeting),
            Phase::SwitchedOff(_) => Some(Duty::SwitchedOff),
            Phase::Running(_) if self.switched_off.is_some() => Some(Duty::SwitchedOff),
            Phase::Running(_) => Some(Duty::Job),
            // No heater is wanted on.
            Phase::Ready | Phase::Exposing(_) => Some(Duty::Idle),
        }
    }

    /// Does what the watch over the heat wants done.
    fn mind_heat(&mut self, now: Moment) {
        while let Some(alarm) = self.heat.poll_alarm() {
            if self.duty().is_some() {
                self.take_alarm(now, alarm);
            }
        }
        let Some(duty) = self.duty() else { return };
        self.heat.set_duty(now, duty, self.link.is_held_up());
        if self.heat.take_question() && duty != Duty::Greeting {
            self.ask_temperatures();
        }
    }

    fn take_alarm(&mut self, now: Moment, alarm: Alarm) {
        self.events.push_back(SessionEvent::Heat(alarm));
        let fault = alarm.hazard.fault();
        match alarm.action {
            heat::Action::Warn => {}
            heat::Action::Pause => {
                if let Some(job) = self.job().cloned().filter(|_| !self.is_rejoining()) {
                    // It may be paused already, or be on its way out.
                    let _ = self.pause(now, &job, PauseReason::Heat { hazard: alarm.hazard });
                }
            }
            heat::Action::HeatersOff => self.switch_heaters_off(now, fault, alarm.hazard),
            heat::Action::Stop => {
                self.halt_next(now, Interruption::Fault { fault });
                self.stopped_for = Some(fault);
                if self.switched_off.is_none() {
                    self.events.push_back(SessionEvent::Faulted(fault));
                }
                if self.switched_off.is_some() || fault.may_still_heat() {
                    self.events.push_back(SessionEvent::MayStillHeat);
                }
            }
        }
    }

    /// Heaters off before anything else; the job is interrupted, and nothing starts until a person clears it.
    fn switch_heaters_off(&mut self, now: Moment, fault: Fault, hazard: Hazard) {
        if self.switched_off.is_some() {
            return;
        }
        self.switched_off = Some(fault);
        self.heat.switch_off(now, hazard);
        self.events.push_back(SessionEvent::Faulted(fault));
        self.own.clear();
        if let Phase::Exposing(exposing) = &mut self.phase {
            // It ends as a cancelled print does: dark, and raised.
            exposing.abandon(now, Interruption::Fault { fault });
            self.own.extend(self.heaters_off());
            return;
        }
        if let Phase::Running(_) = &self.phase {
            self.abandon(Interruption::Fault { fault });
            // A cancelled job leaves already.
            if self.own.is_empty() {
                self.own.extend(self.heaters_off());
            }
        } else {
            self.own.extend(self.heaters_off());
            self.phase = Phase::SwitchedOff(fault);
            self.poll_at = Some(now + POLL);
        }
    }

    fn heaters_off(&self) -> Vec<&'static [u8]> {
        let mut off = vec![&b"M104 S0"[..], b"M140 S0"];
        let others = [
            (Heater::Chamber, &b"M141 S0"[..]),
            (Heater::Hotend1, b"M104 T1 S0"),
            (Heater::Hotend2, b"M104 T2 S0"),
            (Heater::Hotend3, b"M104 T3 S0"),
        ];
        off.extend(others.iter().filter(|(heater, _)| self.heat.knows(*heater)).map(|(_, command)| *command));
        off
    }

    /// Where the printer stands when a job has left it.
    fn at_rest(&self) -> Phase {
        self.switched_off.map_or(Phase::Ready, Phase::SwitchedOff)
    }

    fn leave(&mut self, leaving: Leaving) {
        let Phase::Running(run) = &mut self.phase else { return };
        let is_away = match &run.stage {
            Stage::Leaving(..) => return,
            Stage::Paused(pause) => {
                matches!(pause.step, Step::Parked { from: Some(_), .. } | Step::Reheating(Some(_)))
            }
            _ => false,
        };
        run.drop_supply();
        let parks =
            !is_away && matches!(leaving, Leaving::Cancelled { .. }) && self.profile.pausing.park.is_some();
        run.stage = Stage::Leaving(leaving, Away::HeatersOff { parks });
        let holds_steppers = std::mem::take(&mut run.holds_steppers);
        self.own.clear();
        self.script.clear();
        let kill_off = run.inactivity.off();
        self.own.extend(self.heaters_off());
        self.own.extend([&b"M107"[..], b"M400"]);
        self.script.extend(kill_off);
        if holds_steppers {
            self.script.extend(park::release_steppers(self.link.dialect().firmware));
        }
    }

    fn handle_line(&mut self, now: Moment, line: &[u8]) {
        if self.link.is_echo(line) {
            return;
        }
        let reply = Reply::parse(line);
        if let Some(console) = &mut self.console {
            console.handle(line, &reply);
        }
        if reply != Reply::Other {
            self.link.handle_sign_of_life(now);
        }
        self.hear_cover(now, line);
        if let Phase::Probing(probe) = &mut self.phase {
            probe.handle_reply(now, &reply);
        }
        match reply {
            Reply::Ok(ack) => {
                if let Some(report) = &ack.temperatures {
                    self.take_temperatures(now, report);
                }
                if ack.position.is_some() {
                    self.take_position(now, ack.position);
                }
                self.link.handle_ok(now, &ack);
            }
            Reply::OkFirmware(info) => {
                self.take_firmware(info);
                self.link.handle_ok(now, &Acknowledged::default());
            }
            Reply::Resend(wanted) => self.link.handle_resend(now, wanted),
            Reply::ResendUnreadable => self.link.handle_resend_unreadable(now),
            Reply::Refused { why, last } => self.link.handle_refused(why, last),
            Reply::Skip(number) => self.link.handle_skip(now, number),
            Reply::Busy(busy) => {
                self.link.handle_busy(now);
                self.heat.handle_busy(now);
                self.take_busy(now, busy);
            }
            Reply::Prompt(line) => self.prompter.handle(line, self.link.window().acked()),
            Reply::Wait => self.link.handle_wait(now),
            Reply::MeatPack(status) => self.take_unpacker(now, status),
            Reply::ColdExtrusion => {
                self.cold_extrusions += 1;
                self.link.handle_left_out();
            }
            Reply::MoveRefused => self.link.handle_left_out(),
            Reply::UnknownCommand { text } => {
                if text.as_deref() == Some(b"M114") {
                    // It will never tell.
                    self.take_position(now, None);
                }
                let about_compact = text.as_deref().is_none_or(|text| text == COMPACT_TEST);
                if matches!(self.phase, Phase::Greeting(Greeting::Arming)) && about_compact {
                    self.link.forbid_compact();
                }
                self.link.handle_unknown_command(text);
            }
            Reply::Temperatures(report) => {
                self.link.handle_report();
                self.reported = Some(now);
                self.take_temperatures(now, &report);
            }
            Reply::Firmware(info) => self.take_firmware(info),
            Reply::Capability { name, able } => self.link.learn_capability(&name, able),
            Reply::Fault(fault) => self.take_fault(now, fault),
            Reply::Start => self.take_start(now),
            Reply::Action(action) => self.take_action(now, action),
            Reply::Position(position) => self.take_position(now, Some(position)),
            Reply::Uptime(seconds) => self.take_uptime(now, seconds),
            Reply::OtherError | Reply::Other => {}
        }
        while let Some(event) = self.link.poll_event() {
            self.handle_link_event(now, event);
        }
    }

    fn take_firmware(&mut self, info: FirmwareInfo) {
        if matches!(&self.phase, Phase::Rejoining(rejoin) if rejoin.step != rejoin::Step::Counting) {
            self.link.others_are_answered();
        }
        self.link.learn_firmware(&info.name);
        self.firmware = info;
    }

    /// Offers packed lines, or gives the offer up; `tries` were made before.
    fn offer_packing(&mut self, now: Moment, tries: u32) {
        if tries < PACKING_TRIES {
            self.link.offer_packing();
            self.phase = Phase::Greeting(Greeting::Packing { until: now + PACKING_ANSWER, tries: tries + 1 });
        } else {
            self.link.withdraw_packing();
            self.arm(now);
        }
    }

    fn take_unpacker(&mut self, now: Moment, status: meatpack::Status) {
        match self.phase {
            // Each of the two settings is answered; the second answer is the one.
            Phase::Greeting(Greeting::Packing { .. }) if status.on && status.no_spaces => {
                self.link.handle_unpacker(status);
                self.arm(now);
            }
            Phase::Greeting(Greeting::Packing { .. }) => {}
            _ if self.link.is_packing() => self.link.handle_unpacker(status),
            _ => {}
        }
    }

    fn take_temperatures(&mut self, now: Moment, report: &TemperatureReport) {
        let known = &mut self.temperatures;
        known.hotend = report.hotend.or(known.hotend);
        known.bed = report.bed.or(known.bed);
        known.chamber = report.chamber.or(known.chamber);
        known.at = Some(now);
        if let (Phase::Exposing(exposing), Some(light)) = (&mut self.phase, report.hotend) {
            exposing.handle_light_heat(now, light.actual.0);
        }
        if let Some(duty) = self.duty() {
            self.heat.set_duty(now, duty, self.link.is_held_up());
            self.heat.set_by_hand(self.console_heat_until);
            let running = self.waiting_for_heat().map(|line| line.text.clone());
            self.heat.handle_report(now, report, running.as_deref());
            self.mind_heat(now);
        }
    }

    /// What the board says of its cover, where that was asked.
    fn hear_cover(&mut self, now: Moment, line: &[u8]) {
        let Some(switch) = self.lamp.as_ref().and_then(Lamp::cover) else { return };
        let Some(told) = switch.told(line) else { return };
        if self.link.window().find_in_flight(|sent| sent.text == switch.ask).is_none() {
            return;
        }
        self.cover_told = Some((told, now));
        if let Phase::Exposing(exposing) = &mut self.phase {
            exposing.handle_cover(told);
        }
    }

    /// Asks for the cover where somebody may be at it: before a print, and in a pause. Layers ask for themselves.
    fn poll_cover(&mut self) {
        let Some(switch) = self.lamp.as_ref().and_then(Lamp::cover) else { return };
        let may = match &self.phase {
            Phase::Ready => true,
            Phase::Exposing(exposing) => exposing.stands(),
            _ => false,
        };
        let asked = self.link.window().find_in_flight(|sent| sent.text == switch.ask).is_some();
        if may && !asked && !self.script.contains(&switch.ask) {
            self.script.push_back(switch.ask.clone());
        }
    }

    /// `M114` was answered, and so was the `M400` before it: the head stands still. Without a position: it will
    /// never be told.
    fn take_position(&mut self, now: Moment, position: Option<Position>) {
        if let Phase::Rejoining(rejoin) = &mut self.phase
            && rejoin.step == rejoin::Step::Asking
        {
            rejoin.place.handle(position);
            return;
        }
        if let Phase::Exposing(exposing) = &mut self.phase {
            return exposing.handle_position(now, position);
        }
        if let Phase::Darkening { heard, .. } = &mut self.phase {
            *heard += u32::from(position.is_some());
            return;
        }
        let Phase::Running(run) = &mut self.phase else { return };
        match &mut run.stage {
            Stage::Trailer { stands, .. } => *stands = true,
            Stage::Leaving(_, Away::Asking(told)) => told.handle(position),
            Stage::Paused(pause) => {
                if let Step::Standing(told) | Step::Looking(told) | Step::Returning(_, told) = &mut pause.step
                {
                    told.handle(position);
                }
            }
            _ => {}
        }
    }

    /// Only what was asked for counts: a file can make a firmware say anything.
    fn take_uptime(&mut self, now: Moment, seconds: u64) {
        let window = self.link.window();
        let asked = window.find_in_flight(|line| &*line.text == boot::QUESTION);
        if let Some(line) = asked.and_then(|number| window.get(number)) {
            self.boot.handle(line.at, now, seconds);
        }
    }

    /// What comes next rests on the board's having run all the while.
    fn want_boot(&mut self) {
        self.own.extend(self.boot.want(self.link.dialect().firmware));
    }

    /// Whether that is still to be answered; a job is given up where it is not answered any more.
    fn boot_is_missing(&mut self, now: Moment) -> bool {
        match self.boot.missing() {
            Missing::Nothing => return false,
            Missing::Ask => {
                self.own.push_back(boot::QUESTION);
                self.send_own(now);
            }
            Missing::InVain => {
                self.end_run(Interruption::Unaccounted);
                self.greet(now);
            }
        }
        true
    }

    /// What ends the firmware is its own; anything else may leave it hot and listening, so it is stopped, and that
    /// is verified as any stop is.
    fn take_fault(&mut self, now: Moment, fault: Fault) {
        // Klipper refuses a command in the same words in which it tells of its end: in light it is halted anyhow.
        let halts_anyhow = self.lamp.as_ref().is_some_and(Lamp::goes_out_by_halt)
            && matches!(&self.phase, Phase::Exposing(exposing) if exposing.is_lit());
        let is_kill = self.is_kill(fault) && !halts_anyhow;
        match &mut self.phase {
            Phase::Stopped(check) => {
                if is_kill && let Some(wanted) = check.handle_kill_line() {
                    self.obey_check(wanted);
                }
            }
            // The first line says why; `kill() called` follows every kill.
            // What befalls another printer's board is not this printer's fault.
            Phase::Faulted(_) | Phase::Closed { .. } | Phase::Quarantined(_) | Phase::Darkening { .. } => {}
            Phase::Greeting(_)
            | Phase::Rejoining(_)
            | Phase::Ready
            | Phase::Probing(_)
            | Phase::Running(_)
            | Phase::Exposing(_)
            | Phase::SwitchedOff(_) => {
                // It hears nothing any more, and its pin is as it was.
                let left_lit = is_kill && self.darkens_first();
                if is_kill {
                    self.end_run(Interruption::Fault { fault });
                    self.phase = Phase::Faulted(fault);
                    self.own.clear();
                    self.forget_asked();
                    self.poll_at = None;
                    self.link.preempt(b"");
                } else {
                    self.halt_next(now, Interruption::Fault { fault });
                    self.stopped_for = Some(fault);
                }
                self.events.push_back(SessionEvent::Faulted(fault));
                if left_lit {
                    self.left_lit = true;
                    self.events.push_back(SessionEvent::StopUnverified);
                } else if is_kill {
                    self.events.push_back(SessionEvent::StopVerified(StopProof::KillLine));
                }
                if fault.may_still_heat() {
                    self.events.push_back(SessionEvent::MayStillHeat);
                }
            }
        }
    }

    fn take_start(&mut self, now: Moment) {
        self.restarts_on_open |= matches!(self.phase, Phase::Greeting(_) | Phase::Rejoining(_))
            && now.since(self.opened) < RESTARTS_WITHIN;
        match &mut self.phase {
            Phase::Running(_) | Phase::Exposing(_) | Phase::Rejoining(_) => {
                self.end_run(Interruption::PrinterReset);
                if self.switched_off.is_some() {
                    // It was on its way out of a printer that only a person makes ready again.
                    self.phase = self.at_rest();
                } else {
                    self.greet(now);
                }
            }
            Phase::Probing(_) => {
                self.events.push_back(SessionEvent::Probed(Box::new(Findings::restarted())));
                self.greet(now);
            }
            // Behind the same adapter there may be another board now.
            Phase::Ready | Phase::Greeting(_) | Phase::Quarantined(_) => self.greet(now),
            Phase::Stopped(check) => {
                if let Some(wanted) = check.handle_start(now) {
                    self.obey_check(wanted);
                }
            }
            // The board may have been reset by hand; a person still has to say that it is clear.
            Phase::Closed { .. } | Phase::Faulted(_) | Phase::SwitchedOff(_) | Phase::Darkening { .. } => {}
        }
    }

    /// A button or a sensor on the printer asks for something.
    fn take_action(&mut self, now: Moment, action: Action) {
        let Some(job) = self.job().cloned().filter(|_| !self.is_rejoining()) else { return };
        let held = self.pause_of().is_some_and(Pause::is_held);
        let _ = match action {
            Action::Pause => self.pause(now, &job, PauseReason::Panel),
            Action::Resume | Action::Resumed if held => {
                self.end_hold();
                Ok(())
            }
            Action::Resume => self.resume(now, &job, PANEL),
            Action::Cancel => self.cancel(now, &job, PANEL),
            Action::Paused => {
                self.take_hold(now, true, PauseReason::Printer);
                Ok(())
            }
            Action::Runout => {
                self.take_hold(now, true, PauseReason::Runout);
                Ok(())
            }
            Action::Resumed | Action::PowerOff | Action::Other => Ok(()),
        };
    }

    fn handle_link_event(&mut self, now: Moment, event: LinkEvent) {
        match event {
            LinkEvent::Renumbered => match &mut self.phase {
                Phase::Greeting(step) => {
                    *step = Greeting::Identifying { asked: 1, alike: 0, said: BoardSays::default() };
                    // Before all else, and whatever the board turns out to be: a light that was left on is worse
                    // than a fan that stands.
                    let own = std::mem::take(&mut self.own);
                    self.script.extend(self.lamp.iter().flat_map(Lamp::off));
                    self.send_own(now);
                    self.own.extend(own);
                    self.own.extend([&b"M115"[..], b"M105"]);
                }
                Phase::Probing(probe) => probe.handle_renumbered(),
                Phase::Running(run) if run.stage == Stage::Numbering => run.stage = Stage::Printing,
                Phase::Exposing(exposing) => exposing.handle_renumbered(now),
                _ => {}
            },
            LinkEvent::Counted(wanted) => self.rejoin_counted(now, wanted),
            LinkEvent::Confirmed => {
                if let Phase::Rejoining(rejoin) = &mut self.phase {
                    rejoin.step = rejoin::Step::Answered;
                } else if self.held_layer.is_some() {
                    self.held_is_proven();
                } else {
                    self.finish(now);
                }
            }
            LinkEvent::Trouble(trouble) => self.events.push_back(SessionEvent::LineTrouble(trouble)),
            LinkEvent::Lost(loss) => self.lose(now, loss),
        }
    }

    fn lose(&mut self, now: Moment, loss: Loss) {
        if self.is_rejoining() {
            self.rejoin_fails(now, if loss == Loss::Silence { Unproven::Silent } else { Unproven::Count });
            return;
        }
        if let (Loss::Silence, Some(duty), Some(heater)) = (loss, self.duty(), self.heat.hottest())
            && duty != Duty::Greeting
        {
            self.stop_silent(now, heater);
            return;
        }
        if self.pause_of().is_some_and(|pause| pause.step == Step::Proving) {
            let unproven = if loss == Loss::Silence { Unproven::Silent } else { Unproven::Count };
            return self.not_proven(now, unproven);
        }
        let greeting = matches!(self.phase, Phase::Greeting(_));
        let why = match loss {
            Loss::Silence => Interruption::Silence,
            Loss::LineCount => Interruption::LineCountLost,
            Loss::Noise => Interruption::Noise,
            Loss::Unaccounted => Interruption::Unaccounted,
        };
        if matches!(&self.phase, Phase::Exposing(exposing) if exposing.is_lit()) {
            // Lines are not heard any more, and its light may be on: whatever may still be heard is the stop.
            return self.halt_next(now, why);
        }
        self.end_run(why);
        // At a wrong baud rate most bytes are none of a text, and few of them are line ends.
        let wrong_baud = self.rubbish > 8 && self.rubbish * 4 > self.heard;
        let baud = self.profile.baud.0;
        let still_deaf = loss == Loss::Silence && !wrong_baud && self.heard == 0 && self.cleared;
        let reason = match loss {
            _ if still_deaf => STILL_DEAF.into(),
            Loss::Silence if wrong_baud => format!(
                "it answers rubbish at {baud} baud: wrong baud rate, or not a printer; try another `baud`"
            ),
            Loss::Silence if self.heard == 0 => format!(
                "it never answered at {baud} baud: is it switched on, is this its port, is the baud rate right?"
            ),
            Loss::Silence if greeting => {
                "it answers, but how it counts lines cannot be made out: name its `firmware` in the configuration, \
                 and see that nothing else talks on this port"
                    .into()
            }
            Loss::Silence => "it stopped answering: look at the printer, then its cable".into(),
            Loss::LineCount => Interruption::LineCountLost.in_words(),
            Loss::Noise => Interruption::Noise.in_words(),
            Loss::Unaccounted => Interruption::Unaccounted.in_words(),
        };
        self.close(&reason);
        self.still_deaf = still_deaf;
    }

    /// Hot, and not a word: whatever may still be heard is the stop.
    fn stop_silent(&mut self, now: Moment, heater: Heater) {
        let alarm = Alarm {
            heater,
            hazard: Hazard::SilentWhileHot,
            action: heat::Action::Stop,
            reading: None,
            target: None,
            limit: LINK_SILENCE.as_secs_f64(),
        };
        self.take_alarm(now, alarm);
    }

    /// The firmware has everything, and everything has moved.
    fn finish(&mut self, now: Moment) {
        let Phase::Running(run) = &mut self.phase else { return };
        while let Some(line) = self.link.settle_all() {
            run.settle(&line);
        }
        let line = self.link.health().since(&run.before);
        let line = LineHealth { strays: line.strays + self.strays_before, ..line };
        let event = SessionEvent::Printed {
            job: run.job.clone(),
            progress: run.progress(0, std::iter::empty()),
            digest: run.digest(),
            line: Box::new(line),
            millis: u64::try_from((now - run.started).as_millis()).unwrap_or(u64::MAX),
        };
        self.events.push_back(event);
        self.prompter.clear();
        self.phase = self.at_rest();
        self.cool_down();
    }

    /// Nobody needs heat that a file left on.
    fn cool_down(&mut self) {
        if Heater::ALL.iter().any(|heater| self.heat.is_left_on(*heater)) {
            self.own.extend(self.heaters_off());
        }
    }

    fn poll_temperatures(&mut self, now: Moment) {
        let dialect = self.link.dialect();
        let by_itself = dialect.autoreport_temperature && dialect.advanced_ok;
        let quiet = self.temperatures.at.is_none_or(|at| now - at >= POLL_IF_QUIET);
        if !by_itself || quiet {
            self.ask_temperatures();
        }
        let asked = self.link.window().find_in_flight(|line| &*line.text == boot::QUESTION).is_some()
            || self.own.contains(&boot::QUESTION);
        if boot::tells(self.link.dialect().firmware) && self.boot.is_old(now) && !asked {
            self.own.push_back(boot::QUESTION);
        }
        self.poll_cover();
        self.poll_at = Some(now + POLL);
    }

    /// Asks once: a second question would only wait behind the first.
    fn ask_temperatures(&mut self) {
        let asked = self.link.window().find_in_flight(|line| &*line.text == b"M105").is_some();
        if !asked && !self.own.contains(&&b"M105"[..]) {
            self.own.push_back(b"M105");
        }
    }

    /// The command that waits for heat, if that is what the board is at.
    fn waiting_for_heat(&self) -> Option<&Sent> {
        let waits =
            |line: &&Sent| [&b"M109"[..], b"M190", b"M191"].iter().any(|code| line.text.starts_with(code));
        self.link.window().oldest_in_flight().filter(waits)
    }

    /// A command that waits for heat is not known to be done: it is the oldest without an `ok`, or was taken in by
    /// a board that is busy since.
    fn waits_for_heat(&self, now: Moment) -> bool {
        let oldest = self.link.window().oldest_in_flight();
        let heat = |code| WAITS_FOR_HEAT.contains(&code);
        let sent = matches!(&self.phase, Phase::Running(run) if run.waits.is_some());
        oldest.and_then(|line| Code::of(&line.text)).is_some_and(heat)
            || (sent && self.link.may_still_run(now))
    }

    /// Whether `M108` is read while a command waits: by a parser that reads ahead, or, in Marlin, as soon as there
    /// is room in the command queue.
    fn can_break(&self) -> bool {
        let dialect = self.link.dialect();
        let at_read = matches!(
            dialect.firmware,
            Firmware::Marlin11 | Firmware::Marlin20 | Firmware::Marlin21 | Firmware::Repetier
        );
        dialect.emergency_parser || (at_read && self.link.window().in_flight() <= READ_AT_ONCE)
    }

    /// Breaks a wait for heat, which would hold the commands behind it back for minutes, and speaks for a person
    /// who is waited for if `for_person`.
    fn break_wait(&mut self, now: Moment, for_person: bool) {
        let person = for_person && self.waits_for_person();
        if !(person || self.waits_for_heat(now)) || !self.can_break() {
            return;
        }
        let number = self.link.window().oldest_in_flight().map_or(0, |line| line.number);
        let again = self.broken.is_none_or(|(broken, at)| {
            let repeats = person || self.link.may_still_run(now);
            (broken != number && !repeats) || now.since(at) >= BREAK_REPEAT
        });
        if again {
            self.broken = Some((number, now));
            self.link.send_bare(b"M108");
        }
    }

    /// Moves everything as far as it goes now.
    fn drive(&mut self, now: Moment) {
        while let Some(event) = self.link.poll_event() {
            self.handle_link_event(now, event);
        }
        if self.boot.is_anew() && matches!(self.phase, Phase::Greeting(_) | Phase::Ready | Phase::Running(_))
        {
            // Its last answer ends with an `ok`, which is no answer to the greeting.
            if !self.link.is_idle() {
                return;
            }
            self.take_start(now);
        }
        // Before our own lines, which could fill the queue that this must get through.
        match &self.phase {
            Phase::Running(run) if matches!(run.stage, Stage::Leaving(..)) => self.break_wait(now, true),
            // Paused again while it heated up to go on.
            Phase::Running(run) if matches!(&run.stage, Stage::Paused(pause) if pause.is_parked()) => {
                self.break_wait(now, false);
            }
            _ => {}
        }
        self.send_own(now);
        self.drive_console(now);
        match &mut self.phase {
            Phase::Greeting(_) => self.drive_greeting(now),
            Phase::Probing(probe) => {
                if let Some(findings) = probe.drive(now, &mut self.link) {
                    self.events.push_back(SessionEvent::Probed(Box::new(findings)));
                    self.phase = Phase::Ready;
                    self.poll_at = Some(now + POLL);
                }
            }
            Phase::Running(_) => self.drive_run(now),
            Phase::Exposing(_) => self.drive_light(now),
            Phase::Rejoining(_) => self.drive_rejoin(now),
            Phase::Ready
            | Phase::Quarantined(_)
            | Phase::SwitchedOff(_)
            | Phase::Closed { .. }
            | Phase::Darkening { .. }
            | Phase::Stopped(_)
            | Phase::Faulted(_) => while self.link.settle().is_some() {},
        }
    }

    fn send_own(&mut self, now: Moment) {
        while let Some(command) = self.own.front().copied() {
            if !self.link.has_room(command) {
                return;
            }
            self.own.pop_front();
            self.link.send(now, Origin::Own, command.into());
        }
        while let Some(command) = self.script.front() {
            if !self.link.has_room(command) {
                return;
            }
            if let Some(command) = self.script.pop_front() {
                if let Some(alarm) = self.heat.judge_command(&command) {
                    return self.take_alarm(now, alarm);
                }
                self.link.send(now, Origin::Own, command);
            }
        }
    }

    /// Lines of a lit print, and what has come of it.
    fn drive_light(&mut self, now: Moment) {
        let Phase::Exposing(exposing) = &mut self.phase else { return };
        while self.link.settle().is_some() {}
        exposing.drive(now, &mut self.link);
        while let Some(happened) = exposing.poll_told() {
            let (job, progress) = (exposing.job.clone(), exposing.progress());
            self.events.push_back(match happened {
                Happened::Paused(reason) => SessionEvent::Paused { job, progress, reason },
                Happened::WentOn => SessionEvent::Resumed { job, by: PLATEN.into() },
                Happened::LongPause => SessionEvent::LongPause { job },
            });
        }
        let Some(over) = exposing.take_over() else { return };
        let (job, progress, laid) = (exposing.job.clone(), exposing.progress(), exposing.has_laid());
        let left_lit = exposing.is_lit();
        let line = Box::new(self.link.health().since(&exposing.before));
        let millis = u64::try_from((now - exposing.started).as_millis()).unwrap_or(u64::MAX);
        self.note_lit();
        self.events.push_back(match over {
            Over::Printed { digest } => SessionEvent::Printed { job, progress, digest, line, millis },
            Over::Cancelled { by } => SessionEvent::Cancelled { job, progress, by, line, laid },
            Over::Interrupted { why } => SessionEvent::Interrupted { job, progress, why, line, laid },
        });
        self.blanks = true;
        self.phase = self.at_rest();
        if left_lit {
            // It has told nobody that it is dark.
            self.left_lit = true;
            self.stopped_for = self.stopped_for.or(self.switched_off);
            return self.halt_lit(now);
        }
        if let Some(lamp) = &self.lamp {
            self.script.extend(lamp.off());
        }
        self.send_own(now);
    }

    fn drive_greeting(&mut self, now: Moment) {
        if !(self.own.is_empty() && self.link.is_idle()) {
            return;
        }
        match &mut self.phase {
            Phase::Greeting(Greeting::Identifying { asked, alike, said }) => {
                let (asked, alike, said) = (*asked, *alike, std::mem::take(said));
                self.recognise(now, asked, alike, &said);
            }
            Phase::Greeting(Greeting::Arming) => {
                let missing = self.boot_is_missing(now);
                if !missing {
                    self.greeted(now);
                }
            }
            _ => {}
        }
    }

    // A job that another platen began: see `rejoin`.

    /// It is not proven: interrupted, and greeted as any board, which switches its heaters off.
    fn rejoin_fails(&mut self, now: Moment, unproven: Unproven) {
        if !self.is_rejoining() {
            return;
        }
        self.not_proven(now, unproven);
    }

    /// What it is at is not known any more.
    fn not_proven(&mut self, now: Moment, unproven: Unproven) {
        self.end_run(Interruption::NotContinued { unproven });
        // Another board's heat is its own printer's.
        self.heat_left = unproven != Unproven::Board;
        self.link = self.profile.link();
        self.greet(now);
    }

    /// The count of a job that was held is what it was: somebody wants it to go on, or has changed their mind since.
    fn held_is_proven(&mut self) {
        let Some(progress) = self.progress() else { return };
        let Phase::Running(run) = &mut self.phase else { return };
        let Stage::Paused(pause) = &mut run.stage else { return };
        if pause.step != Step::Proving {
            return;
        }
        pause.step = Step::Parked { from: None, astray: false };
        if let Some(layer) = self.held_layer.take() {
            self.events.push_back(SessionEvent::Continued { job: run.job.clone(), progress, layer });
        }
    }

    /// What the board says of itself is what is remembered of this printer's.
    fn is_recognised(&self) -> bool {
        let says = self.board_says();
        self.recognition.as_ref().is_none_or(|recognition| {
            matches!(recognition.judge(&says), Verdict::Same { .. }) && recognition.known.is_some()
        })
    }

    fn rejoin_counted(&mut self, now: Moment, wanted: u32) {
        let stranger = !self.is_recognised();
        let Phase::Rejoining(rejoin) = &mut self.phase else { return };
        if rejoin.replugged && stranger {
            if rejoin.introduced >= rejoin::ASKED_MAX {
                return self.rejoin_fails(now, Unproven::Board);
            }
            // Without a number: another printer's board may be at work, and its count is its own printer's.
            rejoin.introduced += 1;
            let near = rejoin.near();
            self.firmware = FirmwareInfo::default();
            self.link.send_bare(b"M115");
            self.link.count_once_more(now, near);
            return;
        }
        match rejoin.handle_count(wanted) {
            Ok(index) => {
                self.link.take_over(index);
                self.own.push_back(b"M115");
            }
            Err(unproven) => self.rejoin_fails(now, unproven),
        }
    }

    /// One step, when all that was asked is answered.
    fn drive_rejoin(&mut self, now: Moment) {
        let Phase::Rejoining(rejoin) = &mut self.phase else { return };
        if now >= rejoin.until {
            return self.rejoin_fails(now, Unproven::Silent);
        }
        if !(self.own.is_empty() && self.link.is_idle()) {
            return;
        }
        match rejoin.step {
            rejoin::Step::Counting | rejoin::Step::Confirming => {}
            rejoin::Step::Recognising { asked } if self.link.awaits_others() => {
                if asked >= rejoin::ASKED_MAX {
                    return self.rejoin_fails(now, Unproven::Board);
                }
                rejoin.step = rejoin::Step::Recognising { asked: asked + 1 };
                self.own.push_back(b"M115");
                self.send_own(now);
            }
            rejoin::Step::Recognising { asked } => self.rejoin_recognise(now, asked),
            rejoin::Step::Asking if rejoin.place.is_open() => {
                rejoin.place.asked += 1;
                self.own.push_back(b"M114");
                self.send_own(now);
            }
            rejoin::Step::Asking => {
                rejoin.step = rejoin::Step::Confirming;
                self.link.confirm(now);
            }
            rejoin::Step::Answered => {
                if rejoin.is_replayed() {
                    self.rejoined(now);
                }
            }
        }
    }

    fn rejoin_recognise(&mut self, now: Moment, asked: u32) {
        let known = self.is_recognised();
        let Phase::Rejoining(rejoin) = &mut self.phase else { return };
        if !known {
            // Noise in the answer looks like another board.
            if asked >= rejoin::ASKED_MAX {
                return self.rejoin_fails(now, Unproven::Board);
            }
            rejoin.step = rejoin::Step::Recognising { asked: asked + 1 };
            self.firmware = FirmwareInfo::default();
            self.own.push_back(b"M115");
        } else {
            if !rejoin.plan.trail.compact {
                self.link.forbid_compact();
            }
            rejoin.step = rejoin::Step::Asking;
            // What was told before may be older than what the board had still to do.
            self.temperatures = Temperatures::default();
            self.own.extend([&b"M105"[..], b"M114", b"M114"]);
        }
        self.send_own(now);
    }

    /// All is answered: does it go on?
    fn rejoined(&mut self, now: Moment) {
        let Phase::Rejoining(rejoin) = &self.phase else { return };
        if let Err(unproven) = rejoin.judge(&self.temperatures) {
            return self.rejoin_fails(now, unproven);
        }
        let Phase::Rejoining(rejoin) = std::mem::replace(&mut self.phase, Phase::Ready) else { return };
        let (plan, replay, lines, supplied) = rejoin.into_parts();
        self.heat.begin_job();
        let modal = replay.modal;
        let hotends = modal.hotends();
        let set = (0..hotends.len()).filter_map(|tool| Some(format!("M104 T{tool} S{}", hotends[tool]?)));
        let set: Vec<_> = set.chain(modal.bed().map(|bed| format!("M140 S{bed}"))).collect();
        let too_hot = set.iter().find_map(|command| self.heat.judge_command(command.as_bytes()));
        self.broken = None;
        self.cold_extrusions = 0;
        self.strays_before = plan.trail.strays;
        let (layer, total) = (replay.layer, plan.progress.total);
        let (job, health) = (plan.job.clone(), *self.link.health());
        let (allowed, inactivity) = (self.profile.allowed, InactivityKill::inherited(self.inactivity_kill()));
        let mut run = Run::taken_over(job.clone(), total, now, health, allowed, inactivity, replay);
        run.laid = plan.trail.laid;
        let taken = lines.into_iter().try_for_each(|line| run.take(line));
        let whole = !supplied || run.end_supply();
        // Our own lines are between: what the firmware has of the file is all that is settled.
        while self.link.settle_all().is_some() {}
        let progress = run.progress(0, std::iter::empty());
        self.poll_at = Some(now + POLL);
        let evidence = self.recognition.as_ref().map(|recognition| recognition.seen(&self.board_says()));
        if let Some(evidence) = evidence {
            self.events.push_back(SessionEvent::Recognised { evidence: Box::new(evidence), learn: false });
        }
        if plan.policy == AfterCrash::Ask {
            let step = Step::Parked { from: None, astray: false };
            let pause = Pause::new(PauseReason::Restart, None, step, now);
            let steppers = park::hold_steppers(self.link.dialect().firmware);
            run.holds_steppers = steppers.is_some();
            run.stage = Stage::Paused(Box::new(pause));
            self.script.extend(steppers);
            self.script.extend(run.inactivity.pause(self.profile.pausing.nozzle_hot_max));
            self.script.extend(Pause::hold(&self.profile.pausing, &run.modal));
            self.held_layer = Some(layer);
            self.events.push_back(SessionEvent::Paused { job, progress, reason: PauseReason::Restart });
        } else {
            self.held_layer = None;
            self.events.push_back(SessionEvent::Continued { job, progress, layer });
        }
        self.phase = Phase::Running(Box::new(run));
        if let Some(alarm) = too_hot {
            self.take_alarm(now, alarm);
        }
        if let Err(why) = taken {
            self.abandon(why);
        } else if !whole {
            self.abandon(Interruption::FileUnreadable);
        }
        self.drive(now);
    }

    fn board_says(&self) -> BoardSays {
        let FirmwareInfo { name, machine, uuid } = &self.firmware;
        let told = |text: &String| (!text.is_empty()).then(|| text.clone());
        BoardSays {
            uuid: uuid.as_ref().and_then(told),
            machine: machine.as_ref().and_then(told),
            firmware: told(name),
        }
    }

    /// Compares the board with what is remembered. Whatever is not exactly that must be said alike more than once.
    fn recognise(&mut self, now: Moment, asked: u32, alike: u32, before: &BoardSays) {
        let Some(recognition) = &self.recognition else { return self.go_on(now) };
        let says = self.board_says();
        let verdict = recognition.judge(&says);
        let plain = matches!(verdict, Verdict::Same { changed: false, .. });
        let alike = if *before == says { alike + 1 } else { 1 };
        // Silence is believed only when it lasts.
        let enough = if says == BoardSays::default() { IDENTITY_TRIES } else { IDENTITY_ALIKE };
        if !plain && alike < enough {
            if asked >= IDENTITY_TRIES {
                self.close("it says something else each time it is asked who it is: look at the cable");
                return;
            }
            self.firmware = FirmwareInfo::default();
            self.phase = Phase::Greeting(Greeting::Identifying { asked: asked + 1, alike, said: says });
            // The question behind it takes up an `ok` that came too often, as after an empty line.
            self.own.extend([&b"M115"[..], b"M105"]);
            self.send_own(now);
            return;
        }
        match verdict {
            Verdict::Same { .. } | Verdict::New => {
                let evidence = recognition.seen(&says);
                let learn = verdict == Verdict::New || !plain;
                if let Some(recognition) = &mut self.recognition {
                    recognition.known = Some(evidence.clone());
                }
                self.events.push_back(SessionEvent::Recognised { evidence: Box::new(evidence), learn });
                self.go_on(now);
            }
            Verdict::Wrong(wrong) => {
                let switch_off = recognition.may_switch_off(&wrong);
                self.phase = Phase::Quarantined(Box::new(wrong.clone()));
                self.heat_left = false;
                self.poll_at = None;
                self.events.push_back(SessionEvent::Quarantined(Box::new(wrong)));
                if switch_off {
                    // Ours, and its job is over: nobody else will do it.
                    self.switch_off();
                    self.send_own(now);
                }
            }
        }
    }

    /// The greeting after the board is known.
    fn go_on(&mut self, now: Moment) {
        let dialect = self.link.dialect();
        if self.profile.meatpack && dialect.meatpack && dialect.traits.unpacks {
            self.offer_packing(now, 0);
        } else {
            self.arm(now);
        }
    }

    fn why_quarantined(&self, wrong: &Wrong) -> String {
        let hot = |heater: Option<Reading>| {
            heater.and_then(|heater| heater.target).is_some_and(|target| target.0 > 0.0)
        };
        let mut words = wrong.in_words();
        let left = !self.recognition.as_ref().is_some_and(|recognition| recognition.may_switch_off(wrong));
        if left && (hot(self.temperatures.hotend) || hot(self.temperatures.bed)) {
            words.push_str("; its heaters are on, and it may be at work for somebody else: look at it");
        }
        words
    }

    /// Whoever left a heater on is not here any more. A target that is not known may be one.
    fn switch_off(&mut self) {
        let off = |heater: Option<Reading>| {
            heater.and_then(|heater| heater.target).is_some_and(|target| target.0 == 0.0)
        };
        if !off(self.temperatures.hotend) {
            self.own.push_back(b"M104 S0");
        }
        if !off(self.temperatures.bed) {
            self.own.push_back(b"M140 S0");
        }
    }

    /// Reports on, heaters off.
    fn arm(&mut self, now: Moment) {
        self.phase = Phase::Greeting(Greeting::Arming);
        if self.link.is_compact() {
            self.own.push_back(COMPACT_TEST);
        }
        if self.link.dialect().autoreport_temperature {
            self.own.push_back(b"M155 S1");
        }
        self.switch_off();
        self.want_boot();
        if self.inactivity_kill().is_some() {
            // A daemon that died in a job may have left it armed.
            self.own.push_back(inactivity::OFF);
        }
        self.send_own(now);
        if self.own.is_empty() && self.link.is_idle() {
            self.greeted(now);
        }
    }

    fn greeted(&mut self, now: Moment) {
        self.phase = Phase::Ready;
        self.cleared = false;
        self.heat_left = false;
        self.left_lit = false;
        self.poll_at = Some(now + POLL);
        self.events.push_back(SessionEvent::Ready);
    }

    fn drive_run(&mut self, now: Moment) {
        self.look_at_hold();
        if self.pause_of().is_none() && !self.waits_for_person() {
            self.prompter.goes_on(self.link.window().acked());
        }
        self.feed(now);
        let Phase::Running(run) = &mut self.phase else { return };
        while let Some(line) = self.link.settle() {
            run.settle(&line);
        }
        if !(self.own.is_empty() && self.script.is_empty() && self.link.is_idle()) {
            return;
        }
        if !matches!(run.stage, Stage::Leaving(..)) && self.boot_is_missing(now) {
            return;
        }
        let firmware = self.link.dialect().firmware;
        let Phase::Running(run) = &mut self.phase else { return };
        match run.stage.clone() {
            Stage::Printing if run.all_sent() => {
                // Marlin answers `M400` when all has moved. Its `ok` could be that of another line, which came
                // twice; the position that the line after it tells proves it.
                run.stage = Stage::Trailer { stands: false, asked: 1 };
                self.own.extend([&b"M400"[..], b"M114"]);
                self.own.extend(self.boot.want(firmware));
                self.script.extend(run.inactivity.off());
                self.send_own(now);
            }
            Stage::Paused(pause) => self.drive_pause(now, *pause),
            Stage::Trailer { stands: false, asked } if asked < POSITION_TRIES => {
                run.stage = Stage::Trailer { stands: false, asked: asked + 1 };
                self.own.push_back(b"M114");
                self.send_own(now);
            }
            Stage::Trailer { .. } => {
                run.stage = Stage::Confirming;
                self.link.confirm(now);
            }
            // A resend came between question and answer; all is acknowledged again.
            Stage::Confirming => self.link.confirm(now),
            Stage::Leaving(leaving, away) => self.drive_leaving(now, leaving, away),
            Stage::Numbering | Stage::Printing => {}
        }
    }

    /// Gives lines of the file to the link, as many as it has room for.
    fn feed(&mut self, now: Moment) {
        let alone = !self.link.dialect().emergency_parser;
        let Phase::Running(run) = &mut self.phase else { return };
        let mut pause = None;
        while run.stage == Stage::Printing && pause.is_none() {
            let Some(line) = run.peek() else { break };
            if let Some(alarm) = self.heat.judge_command(&line.text) {
                self.take_alarm(now, alarm);
                self.send_own(now);
                return;
            }
            let waits = run
                .waits
                .is_some_and(|number| number >= self.link.window().acked() || self.link.may_still_run(now));
            let room = run.pauses_next() || (!(alone && waits) && self.link.has_room(&line.text));
            if !(self.own.is_empty() && self.script.is_empty() && room) {
                break;
            }
            if let Some(off) = run.inactivity.before(&line.text) {
                if !self.link.has_room(&off) {
                    break;
                }
                run.inactivity.disarmed();
                self.link.send(now, Origin::Own, off);
                continue;
            }
            let from = run.modal.place();
            match run.take_next() {
                Some(Next::Send(line)) => {
                    let on = run.inactivity.after(&line.text, from, run.modal.place());
                    let code = Code::of(&line.text);
                    if code.is_some_and(|code| {
                        WAITS_FOR_HEAT.contains(&code) || WAITS_FOR_PERSON.contains(&code)
                    }) {
                        run.waits = Some(self.link.window().next());
                    }
                    self.link.send(now, Origin::File(line.index), line.text);
                    match on {
                        Some(on) if self.link.has_room(&on) => self.link.send(now, Origin::Own, on),
                        on => self.script.extend(on),
                    }
                }
                Some(Next::Pause { command, text }) => pause = Some((command, text)),
                None => break,
            }
        }
        if let Some((command, text)) = pause {
            let reason = PauseReason::File { command };
            run.stage = Stage::Paused(Box::new(Pause::new(reason.clone(), text, Step::Draining, now)));
            self.tell_pause(reason);
        }
    }

    // Pauses: see `park`.

    fn pause_of(&self) -> Option<&Pause> {
        match &self.phase {
            Phase::Running(run) => match &run.stage {
                Stage::Paused(pause) => Some(pause),
                _ => None,
            },
            _ => None,
        }
    }

    /// One step of a pause, when all that was sent is acknowledged.
    fn drive_pause(&mut self, now: Moment, mut pause: Pause) {
        let firmware = self.link.dialect().firmware;
        let counts = self.link.dialect().traits.refusal == Refusal::Asks;
        let pausing = self.profile.pausing;
        let heat = self.temperatures;
        let Phase::Running(run) = &mut self.phase else { return };
        let ask_again = |told: &mut Told, own: &mut VecDeque<&'static [u8]>| {
            told.asked += 1;
            own.push_back(b"M114");
        };
        match &mut pause.step {
            Step::Held { .. } => return,
            Step::Draining => {
                pause.step = Step::Standing(Told::asked_twice());
                self.own.extend([&b"M400"[..], b"M114", b"M114"]);
                self.own.extend(self.boot.want(firmware));
                let hot_max = pausing.bed_hot_max.max(pausing.nozzle_hot_max);
                self.script.extend(run.inactivity.pause(hot_max));
            }
            Step::Standing(told) if told.is_open() => ask_again(told, &mut self.own),
            Step::Standing(told) => {
                self.link.rest();
                pause.since = now;
                pause.stood = told.agreed();
                let way = park::leave(pausing.park.as_ref(), &run.modal, firmware, &heat, told.agreed());
                let (step, lines) = match way {
                    Some((place, lines)) => (Step::Parking(place), lines),
                    None => (Step::Parked { from: None, astray: false }, Vec::new()),
                };
                pause.step = step;
                self.script.extend(lines);
                let steppers = park::hold_steppers(firmware);
                run.holds_steppers = steppers.is_some();
                self.script.extend(steppers);
            }
            Step::Parking(place) => pause.step = Step::Parked { from: Some(*place), astray: false },
            // Whatever has become of the board meanwhile.
            Step::Parked { .. } if pause.resume_asked && self.held_layer.is_some() => {
                pause.step = Step::Proving;
                self.link.confirm(now);
            }
            // A line of our own had to be sent again first.
            Step::Proving => self.link.confirm(now),
            Step::Parked { from: None, .. } if pause.resume_asked && !counts && pause.stood.is_some() => {
                pause.resume_asked = false;
                pause.step = Step::Looking(Told::asked_twice());
                self.own.extend([&b"M114"[..], b"M114"]);
            }
            Step::Looking(told) if told.is_open() => ask_again(told, &mut self.own),
            Step::Looking(told) => {
                let told = told.agreed();
                if !pause.stood.zip(told).is_some_and(|(stood, told)| park::is_at(&stood, &told)) {
                    return self.go_astray(now, pause, None);
                }
                self.script.extend(pause.reheat(&run.modal, &heat));
                (pause.nozzle_is_off, pause.bed_is_off) = (false, false);
                pause.step = Step::Reheating(None);
            }
            Step::Parked { from, .. } if pause.resume_asked => {
                let from = *from;
                pause.resume_asked = false;
                self.script.extend(pause.reheat(&run.modal, &heat));
                (pause.nozzle_is_off, pause.bed_is_off) = (false, false);
                pause.step = Step::Reheating(from);
            }
            // It was held for a person, and nobody came: what is hot alone is not left so.
            Step::Parked { .. }
                if pause.reason == PauseReason::Restart && now >= pause.since + pausing.nozzle_hot_max =>
            {
                let unproven = Unproven::Unanswered;
                self.abandon(Interruption::NotContinued { unproven });
                self.send_own(now);
                return;
            }
            Step::Parked { .. } => {
                let lines = pause.cool(now, &pausing, &run.modal, &heat);
                if lines.is_empty() {
                    return;
                }
                self.script.extend(lines);
                if pause.nozzle_is_off && pause.bed_is_off {
                    self.script.extend(run.inactivity.off());
                }
            }
            Step::Reheating(Some(place)) => {
                self.script.extend(park::approach(place));
                pause.step = Step::Returning(*place, Told::asked_twice());
            }
            Step::Reheating(None) => {
                self.print_on(now, firmware, Vec::new());
                return;
            }
            Step::Returning(_, told) if told.is_open() => ask_again(told, &mut self.own),
            Step::Returning(place, told) => {
                if told.agreed().is_some_and(|told| park::is_above(place, &told)) {
                    let lines = park::arrive(place);
                    self.print_on(now, firmware, lines);
                    return;
                }
                let from = Some(*place);
                return self.go_astray(now, pause, from);
            }
        }
        run.stage = Stage::Paused(Box::new(pause));
        self.send_own(now);
        if self.own.is_empty() && self.script.is_empty() && self.link.is_idle() {
            // Nothing was to be sent for this step.
            self.drive_run(now);
        }
    }

    /// The head is not where it was told to be: no line goes to it.
    fn go_astray(&mut self, now: Moment, mut pause: Pause, from: Option<Place>) {
        let Phase::Running(run) = &mut self.phase else { return };
        pause.step = Step::Parked { from, astray: true };
        pause.reason = PauseReason::Astray;
        pause.since = now;
        run.stage = Stage::Paused(Box::new(pause));
        self.tell_pause(PauseReason::Astray);
    }

    /// The next line of the file follows these without a wait.
    fn print_on(&mut self, now: Moment, firmware: Firmware, lines: Vec<Box<[u8]>>) {
        let Phase::Running(run) = &mut self.phase else { return };
        run.stage = Stage::Printing;
        self.script.extend(lines);
        if std::mem::take(&mut run.holds_steppers) {
            self.script.extend(park::release_steppers(firmware));
        }
        self.send_own(now);
        self.drive_run(now);
    }

    /// One step of a job that leaves, when all that was sent is acknowledged.
    fn drive_leaving(&mut self, now: Moment, leaving: Leaving, away: Away) {
        let firmware = self.link.dialect().firmware;
        let Phase::Running(run) = &mut self.phase else { return };
        let next = match away {
            Away::HeatersOff { parks: true } if run.modal.is_homed() => {
                self.own.extend([&b"M114"[..], b"M114"]);
                Some(Away::Asking(Told::asked_twice()))
            }
            Away::Asking(mut told) if told.is_open() => {
                told.asked += 1;
                self.own.push_back(b"M114");
                Some(Away::Asking(told))
            }
            Away::Asking(told) => {
                let park = self.profile.pausing.park.map(|park| Park { retract: 0, ..park });
                let way = park::leave(park.as_ref(), &run.modal, firmware, &self.temperatures, told.agreed());
                way.map(|(_, lines)| {
                    self.script.extend(lines);
                    Away::Parking
                })
            }
            Away::HeatersOff { .. } | Away::Parking => None,
        };
        if let Some(next) = next {
            run.stage = Stage::Leaving(leaving, next);
            self.send_own(now);
            return;
        }
        let window = self.link.window();
        let (job, progress) = (run.job.clone(), run.progress(window.acked(), window.unsettled()));
        let (line, laid) = (Box::new(self.link.health().since(&run.before)), run.laid);
        self.events.push_back(match leaving {
            Leaving::Cancelled { by } => SessionEvent::Cancelled { job, progress, by, line, laid },
            Leaving::Abandoned { why } => SessionEvent::Interrupted { job, progress, why, line, laid },
        });
        self.prompter.clear();
        self.phase = self.at_rest();
    }

    // What the firmware and whoever stands there have to say to each other.

    /// The firmware has paused by itself (`told`), or waits for a person: no line goes to it.
    fn take_hold(&mut self, now: Moment, told: bool, reason: PauseReason) {
        let acked = self.link.window().acked();
        let Phase::Running(run) = &mut self.phase else { return };
        if told && run.stage == Stage::Printing {
            // It stands for as long as people take, and its own watch goes on.
            self.script.extend(run.inactivity.off());
        }
        match &mut run.stage {
            Stage::Printing => {
                let step = Step::Held { told, asks: !told, acked };
                run.stage = Stage::Paused(Box::new(Pause::new(reason.clone(), None, step, now)));
                self.answered_by = None;
                self.tell_pause(reason);
            }
            Stage::Paused(pause) => {
                if let Step::Held { told: said, asks, acked: before } = &mut pause.step {
                    *said |= told;
                    *asks |= !told;
                    *before = acked;
                }
            }
            _ => {}
        }
    }

    fn take_busy(&mut self, now: Moment, busy: Busy) {
        match busy {
            Busy::PausedForUser => {
                self.person_at = Some(self.link.window().acked());
                self.take_hold(now, false, PauseReason::Printer);
            }
            Busy::Processing => self.person_at = None,
        }
    }

    /// The firmware said that it waits for a person, and has done nothing since.
    fn waits_for_person(&self) -> bool {
        self.person_at.is_some_and(|acked| self.link.window().acked() <= acked)
    }

    /// What the firmware acknowledges, it has done: it waits for nobody any more.
    fn look_at_hold(&mut self) {
        let Some(Pause { step: Step::Held { asks: true, acked, .. }, .. }) = self.pause_of() else { return };
        if self.link.window().acked() > *acked {
            self.end_hold();
        }
    }

    fn end_hold(&mut self) {
        let by = self.answered_by.take().unwrap_or_else(|| PANEL.into());
        self.person_at = None;
        let Phase::Running(run) = &mut self.phase else { return };
        run.stage = Stage::Printing;
        self.events.push_back(SessionEvent::Resumed { job: run.job.clone(), by });
    }

    /// Answers what the firmware asks: `button` counts from 0; `seen` is the question that was answered, where
    /// that is known. Gives what stood on the button.
    pub fn answer(
        &mut self,
        now: Moment,
        button: u8,
        seen: Option<&str>,
        by: &str,
    ) -> Result<String, NotNow> {
        if self.is_barred() {
            return Err(NotNow::State { state: self.activity().word() });
        }
        let prompt = self.prompt().ok_or(NotNow::NoPrompt)?;
        if seen.is_some_and(|seen| seen != prompt.text) {
            return Err(NotNow::OtherPrompt);
        }
        if prompt.buttons.is_empty() {
            return Err(NotNow::AtPanel);
        }
        let label = prompt.buttons.get(usize::from(button)).ok_or(NotNow::NoButton)?.clone();
        self.answered_by = Some(by.to_owned());
        if prompt.buttons.len() == 1 && !self.waits_for_person() {
            // A note: the board does not say that it is over.
            self.prompter.clear();
        }
        if self.hears_buttons() {
            self.link.send_bare(format!("M876 S{button}").as_bytes());
        } else {
            self.link.send_bare(b"M108");
        }
        self.drive(now);
        Ok(label)
    }

    /// Other firmware's clock is not begun anew by all that is no fault: see `inactivity`.
    fn inactivity_kill(&self) -> Option<Duration> {
        let speed = u32::from(self.profile.heat.simulated_speed.max(1));
        let limit = self.profile.inactivity_kill.map(|limit| limit * speed);
        limit.filter(|_| self.link.dialect().firmware == Firmware::Marlin21)
    }

    /// Nothing goes out until somebody has looked.
    fn is_barred(&self) -> bool {
        matches!(
            self.phase,
            Phase::Stopped(_) | Phase::Darkening { .. } | Phase::Faulted(_) | Phase::Quarantined(_)
        )
    }

    /// Whether it is heard which button was pressed: without an emergency parser, Marlin puts `M876` into the queue
    /// behind the command that waits for it.
    fn hears_buttons(&self) -> bool {
        let dialect = self.link.dialect();
        dialect.prompts && dialect.emergency_parser
    }

    /// What the firmware asks now; one that waits for a person without a word asks to go on. Without buttons where
    /// only its panel can answer: `M108` says no more than "go on".
    fn prompt(&self) -> Option<Prompt> {
        let waits =
            || Prompt { text: "The printer waits for a person".into(), buttons: vec!["Continue".into()] };
        let shown = self.prompter.shown().filter(|prompt| !prompt.buttons.is_empty()).cloned();
        let mut asked = shown.or_else(|| self.waits_for_person().then(waits))?;
        if asked.buttons.len() > 1 && !self.hears_buttons() {
            asked.buttons.clear();
        }
        Some(asked)
    }

    /// What a person should know beside the activity.
    fn hold(&self, now: Moment) -> Hold {
        let prompt = if self.is_closed() || self.is_barred() { None } else { self.prompt() };
        let hold = Hold { prompt, ..Hold::default() };
        let person = self.waits_for_person();
        if let Phase::Exposing(exposing) = &self.phase
            && let Some(reason) = exposing.why_paused()
        {
            let step = if exposing.stands() { HoldStep::Raised } else { HoldStep::Raising };
            return Hold { reason: Some(reason.clone()), step: Some(step), ..hold };
        }
        let Phase::Running(run) = &self.phase else { return hold };
        match &run.stage {
            Stage::Paused(pause) => {
                let step = match pause.step {
                    _ if person => HoldStep::WaitsForPerson,
                    Step::Held { .. } => HoldStep::PausedByPrinter,
                    Step::Draining | Step::Standing(_) => HoldStep::Draining,
                    Step::Parking(_) => HoldStep::Parking,
                    Step::Parked { astray: true, .. } => HoldStep::Astray,
                    Step::Parked { from: Some(_), .. } => HoldStep::Parked,
                    Step::Parked { from: None, .. } => HoldStep::Standing,
                    Step::Proving | Step::Looking(_) => HoldStep::Proving,
                    Step::Reheating(_) => HoldStep::Reheating,
                    Step::Returning(..) => HoldStep::Returning,
                };
                let (nozzle_off_at, bed_off_at) = pause.off_at(&self.profile.pausing);
                Hold {
                    reason: Some(pause.reason.clone()),
                    text: pause.text.clone(),
                    step: Some(step),
                    nozzle_off_at,
                    bed_off_at,
                    nozzle_is_off: pause.nozzle_is_off,
                    bed_is_off: pause.bed_is_off,
                    ..hold
                }
            }
            Stage::Leaving(..) if person => Hold { step: Some(HoldStep::CancelWaitsForPerson), ..hold },
            Stage::Leaving(..) if self.waits_for_heat(now) && !self.can_break() => {
                Hold { step: Some(HoldStep::CancelWaitsForHeat), ..hold }
            }
            _ if person => Hold { step: Some(HoldStep::WaitsForPerson), ..hold },
            _ => hold,
        }
    }

    // The console.

    /// Sends one command that somebody asks for; the caller has judged it. `Console` tells what came back.
    pub fn console(&mut self, now: Moment, command: &[u8], when: When) -> Result<(), NotNow> {
        let state = self.activity().word();
        let may = match &self.phase {
            Phase::Ready => true,
            Phase::Running(run) => {
                let steady = matches!(run.stage, Stage::Printing | Stage::Paused(_));
                when == When::Always && steady && !self.waits_for_person()
            }
            _ => false,
        };
        if !may || self.console.is_some() || !self.link.has_room(command) {
            return Err(NotNow::State { state: if may { "busy" } else { state } });
        }
        if let Some(alarm) = self.heat.judge_command(command) {
            return Err(NotNow::TooHot { heater: alarm.heater.in_words(), limit: alarm.limit });
        }
        if self.lamp.as_ref().is_some_and(|lamp| lamp.is_switched_by(command)) {
            return Err(NotNow::LightByPrintsOnly);
        }
        let number = self.link.window().next();
        self.link.send(now, Origin::Own, command.into());
        self.console = Some(Console::new(now, number, command));
        let heats = matches!(Code::of(command), Some(Code { letter: b'M', number: 104 | 140 }));
        if heats && modal::word(command, b'S').is_some_and(|target| target > 0.0) {
            self.console_heat_until = Some(now + CONSOLE_HEAT_MAX);
        }
        self.drive(now);
        Ok(())
    }

    fn drive_console(&mut self, now: Moment) {
        let acked = self.link.window().acked();
        let over = |console: &Console| console.number < acked || now >= console.until;
        if let Some(console) = self.console.take_if(|console| over(console)) {
            let done = console.number < acked;
            self.events.push_back(SessionEvent::Console(console.end(done)));
        }
    }

    /// Heat that nobody prints with is not left on.
    fn watch_console(&mut self, now: Moment) {
        if self.console_heat_until.is_some_and(|until| now >= until) {
            self.console_heat_until = None;
            if self.is_ready() {
                self.own.extend([&b"M104 S0"[..], b"M140 S0"]);
            }
        }
    }

    /// The board is another one now, or deaf: what was asked has no answer any more.
    fn forget_asked(&mut self) {
        self.script.clear();
        self.prompter.clear();
        self.person_at = None;
        self.answered_by = None;
        self.console_heat_until = None;
        if let Some(console) = self.console.take() {
            self.events.push_back(SessionEvent::Console(console.end(false)));
        }
    }
}
