//! A print whose layers we light ourselves: the layer loop of `resin`, its groups on the link, its masks for the caller.
//!
//! ```text
//!            handed out               all acknowledged          told alike twice
//!  Idle ───────────────────▶ Sending ──────────────────▶ Asking ──────────────────▶ Idle (confirmed)
//!                               ▲                           │
//!                               └── a `Dark` comes: what is not sent yet is dropped
//! ```
//! A group of lines counts as done only when the board has told its position behind it, twice alike, since no reply has
//! a checksum. A burst goes onto the link whole or not at all: light on and light off lie in the board's buffer together.
//!
//! Its lines are numbered anew before it homes, and between layers before numbers grow longer (`Numbers`).
//! Time in the loop is the board's: where a simulated board runs faster, so does the loop (`pace`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::resin::exposure::{self, Ending, Event, Group, GroupKind, LayerReport, Loop, Plan, Plate, Step};
use ::resin::layer::LayerIndex;
use ::resin::units::{Micrometres, Milliseconds};
use sha2::{Digest, Sha256};

use super::cover::{Look, Switch};
use super::park::Told;
use crate::domain::ids::{FileHash, JobId};
use crate::domain::job::{ExposureFault, Interruption, PauseReason, Progress};
use crate::domain::moment::Moment;
use crate::domain::printer::{Cover, LineHealth};
use crate::gcode::commands::Code;
use crate::protocol::link::{BEFORE_JOB, Link};
use crate::protocol::meatpack;
use crate::protocol::report::Position;
use crate::protocol::window::Origin;

/// A board that is at nothing else has switched its light off within this time.
pub const DARK_AT_ONCE: Duration = Duration::from_secs(1);
/// So much more than planned a layer may have been lit for all we know, or a tenth (facts E): a line that has to be sent
/// again takes its time on the wire.
const UNSURE_MAX: Duration = Duration::from_millis(100);
/// So many readings in a row make a light too hot: a reply has no checksum.
const HOT_READINGS: u32 = 3;
/// From this number on the lines are numbered anew before the next layer. Up to 99,999 a number has five digits, so that
/// the lines of every exposure are as long as those of the first; what is between is for one layer with all its rests.
const NUMBERS_MAX: u32 = 90_000;

/// The light of a printer, as its board is told of it.
#[derive(Clone, Debug)]
pub struct Lamp {
    printer: Arc<exposure::Printer>,
    /// Light off for whoever has only the port: in front of a stop.
    bare_off: &'static [u8],
    /// The same where the board may unpack what it reads.
    bare_off_to_unpacker: &'static [u8],
    cover: Option<Switch>,
    /// The board tells of its light's heat as of a hotend's (`T` of `M105`): above this, °C, nothing more is lit.
    hottest: Option<f64>,
}

impl Lamp {
    /// Once a printer and process: what a stop past us writes is kept for ever.
    pub fn new(printer: Arc<exposure::Printer>) -> Self {
        let mut bytes = b"\n".to_vec();
        for line in &printer.light_off {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let to_unpacker = [meatpack::END_ANY_LINE, meatpack::DISABLE, &bytes].concat();
        let bare_off = Box::leak(bytes.into_boxed_slice());
        let bare_off_to_unpacker = Box::leak(to_unpacker.into_boxed_slice());
        Self { printer, bare_off, bare_off_to_unpacker, cover: None, hottest: None }
    }

    /// With the switch of its cover, where its board tells of one, and how hot, °C, it may become.
    #[must_use]
    pub fn watched(self, cover: Option<Switch>, hottest: Option<f64>) -> Self {
        Self { cover, hottest, ..self }
    }

    pub fn cover(&self) -> Option<&Switch> {
        self.cover.as_ref()
    }

    pub fn printer(&self) -> &Arc<exposure::Printer> {
        &self.printer
    }

    /// What switches the light off, line by line.
    pub fn off(&self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.printer.light_off.iter().map(|line| line.as_bytes().into())
    }

    /// Nothing in the board's buffer ends an exposure: without us it goes on.
    pub fn is_timed_by_us(&self) -> bool {
        self.printer.timed_by == exposure::TimedBy::Host
    }

    /// Whether this is the command that switches the light on.
    pub fn is_switched_by(&self, command: &[u8]) -> bool {
        let code = Code::of(command);
        code.is_some() && self.printer.light_on.iter().any(|line| Code::of(line.as_bytes()) == code)
    }

    pub fn bare_off(&self, may_unpack: bool) -> &'static [u8] {
        if may_unpack { self.bare_off_to_unpacker } else { self.bare_off }
    }

    /// Whether a halt (`M112`) lets the light go out. Klipper's pin has its `shutdown_value`; Marlin's `kill()` switches
    /// heaters and the cutter off, and leaves a fan's pin as it is (Marlin `MarlinCore.cpp`).
    pub fn goes_out_by_halt(&self) -> bool {
        self.printer.board == exposure::Board::Klipper
    }
}

/// What the display is wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskStep {
    Blank,
    Show(LayerIndex),
}

/// What tells a mask from others: CRC-32 (IEEE) of its grey values, row by row from the upper left, as it was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskMark(pub u32);

/// Over the marks of a file's masks, in their order.
#[derive(Clone, Debug, Default)]
pub struct MasksDigest(Sha256);

impl MasksDigest {
    pub fn add(&mut self, mark: &MaskMark) {
        self.0.update(mark.0.to_be_bytes());
    }

    pub fn finish(self) -> FileHash {
        FileHash::from_digest(self.0.finalize().into())
    }
}

/// What became of an exposing print.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    Printed { digest: FileHash },
    Cancelled { by: String },
    Interrupted { why: Interruption },
}

/// What happened in a print.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    Paused(PauseReason),
    /// Nobody asked for it: it was to pause behind its last layer.
    WentOn,
    /// Resin settles and cures.
    LongPause,
}

/// How far the group is that the board is at.
#[derive(Debug)]
enum UnderWay {
    Sending {
        group: Group,
        unsent: VecDeque<Box<[u8]>>,
        /// The number behind its last line.
        behind: u32,
    },
    Asking {
        group: Group,
        told: Told,
        /// The number behind the last question.
        behind: u32,
        /// When the first answer came. Lines are done in their order; an acknowledged one may only be accepted.
        done: Option<Moment>,
    },
}

/// How the lines are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// As whoever was before this job has left them.
    Before,
    /// Until the board counts with us nothing is sent, and for the loop no time passes.
    Renumbering { since: Moment },
    /// From 10000 on, as of any job.
    OfJob,
}

/// The light that was handed to the link last.
#[derive(Clone, Copy, Debug)]
struct Light {
    sent: Moment,
    /// By when the board ends it, as planned; at once where we do.
    ends: Moment,
    planned: Milliseconds,
    /// Resends on the line before it.
    resends: u64,
}

#[derive(Debug)]
pub struct Exposing {
    pub job: JobId,
    pub started: Moment,
    /// The line's counts when the job began.
    pub before: LineHealth,
    layers: Loop,
    pace: u32,
    numbers: Numbers,
    /// What numbering has taken so far: none of the loop's time.
    numbering: Duration,
    /// Before these the vat is refilled.
    refills: BTreeSet<u32>,
    waiting: VecDeque<Group>,
    under_way: Option<UnderWay>,
    light: Option<Light>,
    masks: VecDeque<MaskStep>,
    /// What is on the display, as whoever shows it says.
    shown: Option<(LayerIndex, MaskMark)>,
    digest: MasksDigest,
    light_ms: u64,
    told: VecDeque<Happened>,
    /// Why somebody was told that it is paused.
    paused: Option<PauseReason>,
    cancelled_by: Option<String>,
    interrupted: Option<Interruption>,
    over: Option<Over>,
    /// The light may have been on for this job.
    laid: bool,
    strays: u64,
    cover: Option<Look>,
    hottest: Option<f64>,
    /// Readings above that, one behind the other.
    hot_readings: u32,
}

/// How much of a job was lit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LitSoFar {
    pub layers: u32,
    pub light_ms: u64,
}

/// A print that is handed to a printer.
#[derive(Clone, Debug)]
pub struct Exposures {
    pub plan: Plan,
    pub plate: Plate,
    /// Before these layers, from 0, the vat is refilled; the plan pauses there.
    pub refills: BTreeSet<u32>,
}

impl Exposing {
    /// # Errors
    /// Where a plate that nobody has looked at would be driven into the display.
    pub fn new(
        now: Moment,
        job: JobId,
        exposures: Exposures,
        lamp: &Lamp,
        pace: u32,
        before: LineHealth,
    ) -> Result<Self, exposure::PlateNotLookedAt> {
        let Exposures { plan, plate, refills } = exposures;
        let layers = Loop::new(plan, plate, exposure::Moment(0))?;
        let mut new = Self {
            job,
            started: now,
            before,
            layers,
            pace: pace.max(1),
            numbers: Numbers::Before,
            numbering: Duration::ZERO,
            refills,
            waiting: VecDeque::new(),
            under_way: None,
            light: None,
            masks: VecDeque::new(),
            shown: None,
            digest: MasksDigest::default(),
            light_ms: 0,
            told: VecDeque::new(),
            paused: None,
            cancelled_by: None,
            interrupted: None,
            over: None,
            laid: false,
            strays: 0,
            cover: lamp.cover.clone().map(Look::new),
            hottest: lamp.hottest,
            hot_readings: 0,
        };
        // Dark and blank are wanted from the beginning.
        new.gather();
        Ok(new)
    }

    fn time(&self, now: Moment) -> exposure::Moment {
        let now = match self.numbers {
            Numbers::Renumbering { since } => since.min(now),
            Numbers::Before | Numbers::OfJob => now,
        };
        let passed = now.since(self.started).saturating_sub(self.numbering);
        let passed = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        exposure::Moment(passed.saturating_mul(u64::from(self.pace)))
    }

    // Getters.

    pub fn progress(&self) -> Progress {
        let exposure::Progress { exposed, layers, .. } = self.layers.progress();
        Progress { confirmed: u64::from(exposed), total: u64::from(layers) }
    }

    pub fn lit(&self) -> LitSoFar {
        LitSoFar { layers: self.layers.progress().exposed, light_ms: self.light_ms }
    }

    /// Resin may hang on the plate: a light may have been on in this job.
    pub fn has_laid(&self) -> bool {
        self.laid
    }

    pub fn state(&self) -> exposure::State {
        self.layers.state()
    }

    /// The light may be on.
    pub fn is_lit(&self) -> bool {
        self.layers.is_lit()
    }

    /// It is paused, or on its way into a pause or out of it.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    pub fn why_paused(&self) -> Option<&PauseReason> {
        self.paused.as_ref()
    }

    /// The plate is up, and nothing moves.
    pub fn stands(&self) -> bool {
        matches!(self.layers.state(), exposure::State::Paused { .. })
    }

    /// Why it is on its way out, where nobody asked for that.
    pub fn why_interrupted(&self) -> Option<&Interruption> {
        self.interrupted.as_ref()
    }

    pub fn is_ending(&self) -> bool {
        self.cancelled_by.is_some() || self.interrupted.is_some()
    }

    /// All layers were lit, and the plate goes up.
    pub fn is_finishing(&self) -> bool {
        matches!(self.layers.ending(), Some(Ending::Done))
    }

    /// By when it is dark whatever becomes of the link, if light off has reached the board: behind the end of what it
    /// times itself.
    pub fn dark_by(&self, now: Moment) -> Moment {
        self.light.map_or(now, |light| light.ends.max(now)) + DARK_AT_ONCE
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if matches!(self.numbers, Numbers::Renumbering { .. }) {
            return None;
        }
        let exposure::Moment(at) = self.layers.poll_deadline()?;
        Some(self.started + self.numbering + Duration::from_micros(at.div_ceil(u64::from(self.pace))))
    }

    // What happens.

    pub fn handle_timeout(&mut self, now: Moment) {
        let time = self.time(now);
        // One may follow directly behind another.
        while self.layers.poll_deadline().is_some_and(|at| at <= time) && self.over.is_none() {
            let before = self.layers.poll_deadline();
            self.layers.handle_timer(time);
            self.gather();
            if self.layers.poll_deadline() == before {
                break;
            }
        }
    }

    /// The board counts with us.
    pub fn handle_renumbered(&mut self, now: Moment) {
        if let Numbers::Renumbering { since } = self.numbers {
            self.numbering += now.since(since);
            self.numbers = Numbers::OfJob;
        }
    }

    pub fn handle_position(&mut self, now: Moment, position: Option<Position>) {
        if let Some(UnderWay::Asking { told, done, .. }) = &mut self.under_way {
            told.handle(position);
            if position.is_some() {
                done.get_or_insert(now);
            }
        }
    }

    /// The mask of this layer is on the display, and no other.
    pub fn handle_shown(&mut self, now: Moment, layer: LayerIndex, mark: MaskMark) {
        self.shown = Some((layer, mark));
        self.layers.handle_shown(layer, self.time(now));
        self.gather();
    }

    pub fn handle_blanked(&mut self, now: Moment) {
        self.shown = None;
        self.layers.handle_blanked(self.time(now));
        self.gather();
    }

    /// The display, or the file behind it, has failed.
    pub fn handle_display_failed(&mut self, now: Moment, why: String) {
        self.fault(now, exposure::Fault::Display(why));
    }

    /// What the board says of its cover, where it was asked.
    pub fn handle_cover(&mut self, cover: Cover) {
        if let Some(look) = &mut self.cover {
            look.handle(cover);
        }
    }

    /// How hot the light is, °C.
    pub fn handle_light_heat(&mut self, now: Moment, celsius: f64) {
        let Some(hottest) = self.hottest else { return };
        self.hot_readings = if celsius > hottest { self.hot_readings.saturating_add(1) } else { 0 };
        if self.hot_readings == HOT_READINGS {
            self.fault(now, exposure::Fault::LightTooHot(format!("{celsius:.0} °C")));
        }
    }

    fn fault(&mut self, now: Moment, fault: exposure::Fault) {
        self.layers.handle_fault(fault, self.time(now));
        self.gather();
    }

    // Commands.

    /// Behind the layer that is lit, raised; `false`: it is ending, or is paused already.
    pub fn pause(&mut self, now: Moment, reason: PauseReason) -> bool {
        if self.is_paused() || self.is_ending() || !self.layers.pause(self.time(now)) {
            return false;
        }
        self.paused = Some(reason.clone());
        self.told.push_back(Happened::Paused(reason));
        self.gather();
        true
    }

    pub fn resume(&mut self, now: Moment) -> bool {
        let stood = self.stands();
        if !self.is_paused() || self.is_ending() || !self.layers.resume(self.time(now)) {
            return false;
        }
        if stood {
            // Somebody may have had their hands in it.
            self.want_cover();
        }
        self.paused = None;
        self.gather();
        true
    }

    /// Light off, mask blank, plate up.
    pub fn cancel(&mut self, now: Moment, by: &str) -> bool {
        if self.is_ending() || !self.layers.cancel(self.time(now)) {
            return false;
        }
        self.cancelled_by = Some(by.to_owned());
        self.gather();
        true
    }

    /// The same, where nobody asked for it.
    pub fn abandon(&mut self, now: Moment, why: Interruption) {
        if !self.is_ending() && self.layers.cancel(self.time(now)) {
            self.interrupted = Some(why);
        }
        self.gather();
    }

    // What the caller must do.

    pub fn poll_mask(&mut self) -> Option<MaskStep> {
        self.masks.pop_front()
    }

    pub fn poll_told(&mut self) -> Option<Happened> {
        self.told.pop_front()
    }

    pub fn take_over(&mut self) -> Option<Over> {
        self.over.take()
    }

    /// Moves what can be moved now: lines onto the link, questions behind them, answers to the loop.
    pub fn drive(&mut self, now: Moment, link: &mut Link) {
        while self.over.is_none() && self.step(now, link) {
            self.gather();
        }
    }

    /// Whether something has come of it.
    fn step(&mut self, now: Moment, link: &mut Link) -> bool {
        let strays = link.health().strays.saturating_sub(self.before.strays);
        if strays > self.strays {
            // A move or a light that was left out, or came from a line that was cut.
            self.strays = strays;
            let what = "it left out or misread one of our lines; look at cable and board".to_owned();
            self.layers.handle_fault(exposure::Fault::Board(what), self.time(now));
            return true;
        }
        let is_next = |kind: GroupKind| self.waiting.front().is_some_and(|group| group.kind == kind);
        let between = self.under_way.is_none() && !is_next(GroupKind::Dark);
        match self.cover.as_mut().map_or(Ok(false), |look| look.drive(now, link, between)) {
            Ok(false) => {}
            Ok(true) => return true,
            Err(fault) => {
                self.layers.handle_fault(fault, self.time(now));
                return true;
            }
        }
        if self.wants_numbers(link) {
            if !link.is_idle() {
                return false;
            }
            link.renumber(now, BEFORE_JOB);
            self.numbers = Numbers::Renumbering { since: now };
            return false;
        }
        let is_burst = |group: &Group| matches!(group.kind, GroupKind::Burst { .. });
        if let Some(group) = self.waiting.front().filter(|group| self.under_way.is_none() && is_burst(group))
            && !link.could_hold_all(&lines_of(group))
        {
            self.waiting.clear();
            let what = "the lines of an exposure are more than its buffer is known to hold: switch the light with \
                        shorter ones, or let the host time it";
            self.layers.handle_fault(exposure::Fault::Board(what.to_owned()), self.time(now));
            return true;
        }
        if let Some(group) = self.next_group(link) {
            let unsent = group.lines.iter().map(|line| line.as_bytes().into()).collect();
            self.laid |= matches!(group.kind, GroupKind::Burst { .. } | GroupKind::LightOn);
            self.note_light(now, &group, link.health().resends);
            self.under_way = Some(UnderWay::Sending { group, unsent, behind: link.window().next() });
        }
        match self.under_way.take() {
            None => false,
            Some(UnderWay::Sending { group, mut unsent, mut behind }) => {
                let before = unsent.len();
                while let Some(line) = unsent.pop_front() {
                    if !link.has_room(&line) {
                        unsent.push_front(line);
                        break;
                    }
                    link.send(now, Origin::Own, line);
                    behind = link.window().next();
                }
                let moved = unsent.len() < before;
                let is_done = unsent.is_empty() && link.window().acked() >= behind && link.has_room(b"M114");
                self.under_way = Some(if is_done {
                    link.send(now, Origin::Own, b"M114"[..].into());
                    let behind = link.window().next();
                    UnderWay::Asking { group, told: Told::asked_once(), behind, done: None }
                } else {
                    UnderWay::Sending { group, unsent, behind }
                });
                moved || is_done
            }
            Some(UnderWay::Asking { group, mut told, behind, done }) => {
                if link.window().acked() < behind {
                    self.under_way = Some(UnderWay::Asking { group, told, behind, done });
                    return false;
                }
                if let Some(position) = told.agreed() {
                    self.confirm(now, &group, position, done.unwrap_or(now), link.health().resends);
                    return true;
                }
                if !told.is_open() {
                    let what = "it does not tell its position (M114) twice alike".to_owned();
                    self.layers.handle_fault(exposure::Fault::Board(what), self.time(now));
                    return true;
                }
                let asks = link.has_room(b"M114");
                let behind = if asks {
                    told.asked += 1;
                    link.send(now, Origin::Own, b"M114"[..].into());
                    link.window().next()
                } else {
                    behind
                };
                self.under_way = Some(UnderWay::Asking { group, told, behind, done });
                asks
            }
        }
    }

    /// Between layers: it is dark, and the plate has not set out for the next one.
    fn wants_numbers(&self, link: &Link) -> bool {
        let is_due = match self.numbers {
            Numbers::Before => true,
            Numbers::OfJob => link.window().next() >= NUMBERS_MAX,
            Numbers::Renumbering { .. } => false,
        };
        let is_next =
            |kinds: &[GroupKind]| self.waiting.front().is_some_and(|next| kinds.contains(&next.kind));
        let between = match self.layers.state() {
            exposure::State::Homing => is_next(&[GroupKind::Home]),
            exposure::State::Lowering => is_next(&[GroupKind::Move]),
            _ => false,
        };
        is_due && between && self.under_way.is_none() && !self.layers.is_lit()
    }

    fn want_cover(&mut self) {
        if let Some(look) = &mut self.cover {
            look.want();
        }
    }

    /// What is sent next, where it may be: `Dark` at once, all else behind what is under way, a burst only whole, and
    /// nothing that moves or lights before the cover is known to be closed.
    fn next_group(&mut self, link: &mut Link) -> Option<Group> {
        let next = self.waiting.front()?;
        let is_free = self.under_way.is_none() && !self.cover.as_ref().is_some_and(Look::is_open);
        let may = match next.kind {
            GroupKind::Dark => true,
            GroupKind::Burst { .. } => is_free && link.has_room_for_all(&lines_of(next)),
            GroupKind::Home | GroupKind::Move | GroupKind::LightOn => is_free,
            GroupKind::LightOff => self.under_way.is_none(),
        };
        if may { self.waiting.pop_front() } else { None }
    }

    fn note_light(&mut self, now: Moment, group: &Group, resends: u64) {
        let plan = self.layers.plan();
        let (planned, takes) = match group.kind {
            GroupKind::Burst { light } => (light, light.0.saturating_add(plan.printer().burst_lead.0)),
            GroupKind::LightOn => {
                let at = usize::try_from(self.layers.progress().exposed).unwrap_or(usize::MAX);
                (plan.layers().get(at).map_or(Milliseconds(0), |layer| layer.exposure), 0)
            }
            GroupKind::Dark | GroupKind::Home | GroupKind::Move | GroupKind::LightOff => return,
        };
        let ends = now + Duration::from_millis(takes) / self.pace;
        self.light = Some(Light { sent: now, ends, planned, resends });
    }

    /// What cannot be ruled out, and the loop cannot tell from the wire: where lines of an exposure had to be sent
    /// again, the light may have been on for all that took; and until light on is done, nobody knows when it went on.
    fn lit_too_long(&self, done: Moment, group: &Group, resends: u64) -> Option<LayerReport> {
        let Light { sent, planned, resends: before, .. } = self.light?;
        let printer = self.layers.plan().printer();
        let (passed, planned_for) = (done.since(sent) * self.pace, Duration::from_millis(planned.0));
        let at_most = match group.kind {
            GroupKind::Burst { .. } if resends > before => {
                passed.saturating_sub(Duration::from_millis(printer.burst_lead.0))
            }
            GroupKind::LightOn => planned_for + passed,
            _ => return None,
        };
        if at_most <= planned_for + UNSURE_MAX.max(planned_for / 10) {
            return None;
        }
        let layer = LayerIndex(self.layers.progress().exposed);
        let measured = Milliseconds(u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX));
        Some(LayerReport { layer, planned, measured, timed_by: printer.timed_by })
    }

    fn confirm(&mut self, now: Moment, group: &Group, position: Position, done: Moment, resends: u64) {
        let time = self.time(now);
        let too_long = self.lit_too_long(done, group, resends);
        // The second question behind a light is none of its time.
        let done = match group.kind {
            GroupKind::Burst { .. } | GroupKind::LightOn | GroupKind::LightOff => self.time(done),
            GroupKind::Dark | GroupKind::Home | GroupKind::Move => time,
        };
        match Micrometres::of_millimetres(position.z) {
            Some(z) => self.layers.handle_done(group.id, z, done, time),
            None => self
                .layers
                .handle_fault(exposure::Fault::Board("it tells a position that no printer has".into()), time),
        }
        if let Some(report) = too_long {
            // What was lit to its end counts as that.
            self.gather();
            self.layers.handle_fault(exposure::Fault::Exposure(report), time);
        }
    }

    /// Takes what the loop wants, and what has happened in it.
    fn gather(&mut self) {
        while let Some(step) = self.layers.poll_step() {
            match step {
                Step::Blank => {
                    self.masks.clear();
                    self.masks.push_back(MaskStep::Blank);
                }
                Step::Show(layer) => {
                    // The plate is down, and rests: the answer is there when the picture is.
                    self.want_cover();
                    self.masks.push_back(MaskStep::Show(layer));
                }
                Step::Send(group) => {
                    if group.kind == GroupKind::Dark {
                        self.waiting.clear();
                    }
                    self.waiting.push_back(group);
                }
            }
        }
        while let Some(event) = self.layers.poll_event() {
            match event {
                Event::Exposed(report) => {
                    self.light_ms = self.light_ms.saturating_add(report.planned.0);
                    // The loop lights no layer but the one that is shown.
                    if let Some((layer, mark)) = &self.shown
                        && *layer == report.layer
                    {
                        self.digest.add(mark);
                    }
                    if self.is_finishing() && self.paused.take().is_some() {
                        self.told.push_back(Happened::WentOn);
                    }
                }
                Event::Paused { before, why: exposure::PauseReason::File } => {
                    let reason = if self.refills.contains(&before.0) {
                        PauseReason::Refill
                    } else {
                        PauseReason::File { command: u64::from(before.0) + 1 }
                    };
                    self.paused = Some(reason.clone());
                    self.told.push_back(Happened::Paused(reason));
                }
                Event::Ended(ending) => self.end(&ending),
                Event::LongPause { .. } => self.told.push_back(Happened::LongPause),
                // Told when they were asked for.
                Event::Homed
                | Event::Paused { why: exposure::PauseReason::Asked, .. }
                | Event::Resumed { .. } => {}
            }
        }
    }

    fn end(&mut self, ending: &Ending) {
        self.over = Some(match ending {
            Ending::Done => Over::Printed { digest: self.digest.clone().finish() },
            Ending::Cancelled => match (self.interrupted.take(), self.cancelled_by.take()) {
                (Some(why), _) => Over::Interrupted { why },
                (None, Some(by)) => Over::Cancelled { by },
                (None, None) => Over::Interrupted { why: Interruption::Stopped },
            },
            Ending::Stopped => Over::Interrupted { why: Interruption::Stopped },
            Ending::Failed(fault) => {
                Over::Interrupted { why: Interruption::Exposure { fault: named(fault) } }
            }
            Ending::Lost => Over::Interrupted { why: Interruption::Unplugged },
        });
    }
}

fn lines_of(group: &Group) -> Vec<&[u8]> {
    group.lines.iter().map(String::as_bytes).collect()
}

/// The fault as the journal knows it.
fn named(fault: &exposure::Fault) -> ExposureFault {
    match fault {
        exposure::Fault::Silent(_) => ExposureFault::BoardSilent,
        exposure::Fault::Elsewhere { .. } => ExposureFault::Elsewhere,
        exposure::Fault::OutOfReach(_) => ExposureFault::OutOfReach,
        exposure::Fault::Board(_) => ExposureFault::Board,
        exposure::Fault::DisplaySilent => ExposureFault::DisplaySilent,
        exposure::Fault::WrongMask { .. } => ExposureFault::WrongMask,
        exposure::Fault::Display(_) => ExposureFault::Display,
        exposure::Fault::Exposure(_) => ExposureFault::Timing,
        exposure::Fault::LidOpen => ExposureFault::LidOpen,
        exposure::Fault::LightTooHot(_) => ExposureFault::LightTooHot,
    }
}
