//! The machine under the board: a plate that goes up and down, a UV lamp, and the print that moves both.
//!
//! ```text
//!            start                                 ┌─────────────(pause, at last)── Paused ◄─┐
//! Idle ───────────────► Homing ──► Lowering ──► Settling ──► Exposing ──► Lifting ──────────► Pausing
//!  ▲ ▲  (jog, home)                   ▲                          │           │ └──(last layer)─┐
//!  │ └───── Moving                    └──────────(next layer)────┼───────────┘                 ▼
//!  │                                   stick gone: Stalled       └─(stop, from anywhere)──► Rising
//!  └──(motors stopped: Halted, until the lamp's time is over)                                  │
//!  └───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A layer: the plate goes down to its height, the lamp waits until it has been off for the file's light-off
//! time, shines for the layer's exposure, and the plate is lifted. The plate never moves while the lamp is on.

use sha2::{Digest, Sha256};

use super::ledger::{Actor, Ending, Exposure, Ledger, Print};
use super::profile::{IdleProgress, Machine, Profile, StickLoss};
use super::stick::Stick;
use super::tables::{self, Layer, Lift, Table, TableError};

/// Least time of homing, µs: the switch is approached twice.
const HOMING_US: u64 = 1_000_000;
/// How much of a file is read at once.
const READ_BYTES: usize = 1 << 20;
/// Longest picture of a layer that is read.
const PICTURE_BYTES: u64 = 1 << 26;

/// A way from one height to another, or a stand.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Way {
    from_mm: f64,
    to_mm: f64,
    began_us: u64,
    until_us: u64,
}

impl Way {
    fn stand(z_mm: f64) -> Self {
        Self { from_mm: z_mm, to_mm: z_mm, began_us: 0, until_us: 0 }
    }

    fn z_mm(&self, now_us: u64) -> f64 {
        if now_us >= self.until_us {
            return self.to_mm;
        }
        let part = now_us.saturating_sub(self.began_us) as f64 / (self.until_us - self.began_us) as f64;
        self.from_mm + (self.to_mm - self.from_mm) * part
    }
}

/// A print at work.
#[derive(Debug, Clone)]
struct Job {
    path: String,
    bytes: u64,
    /// `None` for an enciphered file.
    layers: Option<Vec<Layer>>,
    lift: Lift,
    /// Which stick it reads: another one is as good as none.
    mount: u64,
    layer: u32,
    current_byte: u64,
    /// When the pause was asked for that has not come yet, µs.
    pause_asked_us: Option<u64>,
    /// How it is to end once the exposure in work is over.
    stop_asked: Option<Ending>,
}

#[derive(Debug, Clone)]
enum State {
    Idle,
    /// A jog or a homing without a print.
    Moving {
        homing: bool,
    },
    Printing {
        job: Box<Job>,
        step: Step,
    },
    /// Up, after a print. What its `D:` still shows: a finished file is whole until the plate is up (assumption,
    /// after the plugin that waits for n/n twice).
    Rising {
        shown: Option<u64>,
    },
    /// The motors were stopped; a lamp that was on burns to the end of its time (assumption, facts A.2).
    Halted,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// Down to the switch. The height is counted from where it began, so it is negative.
    Homing {
        from_mm: f64,
    },
    Lowering,
    /// Until the lamp has been off for long enough.
    Settling {
        until_us: u64,
    },
    Exposing {
        until_us: u64,
    },
    Lifting,
    /// A pause was asked for and is not due yet.
    Pausing {
        until_us: u64,
    },
    Paused,
    /// The stick is gone, and nothing happens any more.
    Stalled,
}

/// What `M4000` and `M27` show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) current: u64,
    /// 0 when nothing is printed.
    pub(super) total: u64,
    pub(super) paused: bool,
}

/// What the board may have to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The last layer is done.
    EndOfFile,
    /// A layer cannot be read.
    StickLost,
    /// A homing that a host asked for is done.
    Homed,
}

/// Plate, lamp and print.
#[derive(Debug, Clone)]
pub(super) struct Press {
    machine: Machine,
    idle_d: IdleProgress,
    stick_loss: StickLoss,
    stop_finishes_exposure: bool,
    pause_latency_us: u64,
    state: State,
    way: Way,
    /// Until when the lamp is on.
    lamp_until_us: Option<u64>,
    lamp_off_us: u64,
    stale_bytes: u64,
}

/// A stick and the number of its mounting.
pub(super) type Mounted<'a> = Option<(&'a Stick, u64)>;

impl Press {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            machine: profile.machine,
            idle_d: profile.idle_d,
            stick_loss: profile.stick_loss,
            stop_finishes_exposure: profile.stop_finishes_exposure,
            pause_latency_us: micros(profile.pause_latency_s),
            state: State::Idle,
            way: Way::stand(profile.machine.z_mm),
            lamp_until_us: None,
            lamp_off_us: 0,
            stale_bytes: profile.stale_bytes,
        }
    }

    // What can be seen.

    /// Where the plate really is, mm.
    pub(super) fn z_mm(&self, now_us: u64) -> f64 {
        self.way.z_mm(now_us)
    }

    /// Where the board says that it is, mm: negative while it homes for a print.
    pub(super) fn shown_z_mm(&self, now_us: u64) -> f64 {
        match &self.state {
            State::Printing { step: Step::Homing { from_mm }, .. } => self.z_mm(now_us) - from_mm,
            _ => self.z_mm(now_us),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match &self.state {
            State::Printing { job, step } => {
                Progress { current: job.current_byte, total: job.bytes, paused: *step == Step::Paused }
            }
            State::Rising { shown: Some(bytes) } => {
                Progress { current: *bytes, total: *bytes, paused: false }
            }
            _ => match self.idle_d {
                IdleProgress::Zero => Progress { current: 0, total: 0, paused: false },
                IdleProgress::ZeroPaused => Progress { current: 0, total: 0, paused: true },
                IdleProgress::StalePaused => Progress { current: self.stale_bytes, total: 0, paused: true },
            },
        }
    }

    pub(super) fn is_printing(&self) -> bool {
        matches!(self.state, State::Printing { .. })
    }

    /// Whether a new print must wait.
    pub(super) fn is_busy(&self) -> bool {
        self.is_lamp_on() || matches!(self.state, State::Printing { .. } | State::Rising { shown: Some(_) })
    }

    /// Whether it homes, for a print or on its own.
    pub(super) fn is_homing(&self) -> bool {
        matches!(
            self.state,
            State::Printing { step: Step::Homing { .. }, .. } | State::Moving { homing: true }
        )
    }

    pub(super) fn printed_file(&self) -> Option<&str> {
        match &self.state {
            State::Printing { job, .. } => Some(&job.path),
            _ => None,
        }
    }

    pub(super) fn is_lamp_on(&self) -> bool {
        self.lamp_until_us.is_some()
    }

    // What can be asked of it.

    /// Begins to print a file; the caller has seen that it is not busy.
    pub(super) fn start(
        &mut self,
        now_us: u64,
        path: &str,
        actor: Actor,
        (stick, mount): (&Stick, u64),
        ledger: &mut Ledger,
    ) -> Result<(), TableError> {
        let (layers, lift) = match tables::read(stick, path)? {
            Table::Plain { layers, lift } => (Some(layers), lift),
            Table::Enciphered => (None, Lift::default()),
        };
        let (bytes, file_sha256) = hash_of(stick, path)?;
        ledger.prints.push(Print {
            file: path.to_owned(),
            file_sha256,
            bytes,
            layers: layers.as_ref().map(|layers| u32::try_from(layers.len()).unwrap_or(u32::MAX)),
            started_by: actor,
            started_us: now_us,
            ended_us: None,
            ending: None,
            paused_us: Vec::new(),
            resumed_us: Vec::new(),
            exposures: Vec::new(),
        });
        let from_mm = self.z_mm(now_us);
        let takes_us = micros(from_mm.abs() / self.machine.travel_mm_s).max(HOMING_US);
        self.way = Way { from_mm, to_mm: 0.0, began_us: now_us, until_us: now_us + takes_us };
        let job = Job {
            path: path.to_owned(),
            bytes,
            layers,
            lift,
            mount,
            layer: 0,
            current_byte: 0,
            pause_asked_us: None,
            stop_asked: None,
        };
        self.state = State::Printing { job: Box::new(job), step: Step::Homing { from_mm } };
        Ok(())
    }

    /// Asks for a pause after the layer in work; false if nothing is printed.
    pub(super) fn pause(&mut self, now_us: u64) -> bool {
        let State::Printing { job, step } = &mut self.state else { return false };
        if !matches!(step, Step::Paused | Step::Stalled) {
            job.pause_asked_us.get_or_insert(now_us);
        }
        true
    }

    /// Lets a print go on that is paused or about to be; false if nothing is printed.
    pub(super) fn resume(&mut self, now_us: u64, mounted: Mounted<'_>, ledger: &mut Ledger) -> Resumed {
        let State::Printing { job, step } = &mut self.state else { return Resumed::NothingPrinted };
        job.pause_asked_us = None;
        if !matches!(step, Step::Paused | Step::Pausing { .. }) {
            return Resumed::Printing;
        }
        if *step == Step::Paused
            && let Some(print) = ledger.prints.last_mut()
        {
            print.resumed_us.push(now_us);
        }
        match self.begin_layer(now_us, mounted, ledger) {
            Some(_) => Resumed::StickLost,
            None => Resumed::Printing,
        }
    }

    /// Ends a print; false if nothing is printed.
    pub(super) fn stop(&mut self, now_us: u64, ending: Ending, ledger: &mut Ledger) -> bool {
        let State::Printing { job, step } = &mut self.state else { return false };
        if self.stop_finishes_exposure && matches!(step, Step::Exposing { .. }) {
            job.stop_asked = Some(ending);
            return true;
        }
        self.lamp_off(now_us, ledger);
        self.end(now_us, ending, ledger);
        true
    }

    /// `M112`: the motors stand, and a print is over. The lamp is not a motor.
    pub(super) fn stop_motors(&mut self, now_us: u64, ledger: &mut Ledger) {
        self.way = Way::stand(self.z_mm(now_us));
        if let State::Printing { job, .. } = &self.state {
            self.stale_bytes = job.current_byte;
            close(ledger, now_us, Ending::MotorsStopped);
        }
        self.state = if self.is_lamp_on() { State::Halted } else { State::Idle };
    }

    /// Goes somewhere on its own; mm and mm/s. False, and nothing moves, while it prints or the lamp is on.
    pub(super) fn jog(&mut self, now_us: u64, to_mm: f64, mm_s: f64) -> bool {
        if self.is_printing() || self.is_lamp_on() {
            return false;
        }
        self.go(now_us, to_mm, mm_s);
        self.state = State::Moving { homing: false };
        true
    }

    /// Goes down to the switch; false, and nothing moves, while it prints or the lamp is on.
    pub(super) fn home(&mut self, now_us: u64) -> bool {
        if !self.jog(now_us, 0.0, self.machine.travel_mm_s) {
            return false;
        }
        self.way.until_us = self.way.until_us.max(now_us + HOMING_US);
        self.state = State::Moving { homing: true };
        true
    }

    /// The supply is gone.
    pub(super) fn cut_power(&mut self, now_us: u64, ledger: &mut Ledger) {
        self.lamp_off(now_us, ledger);
        self.way = Way::stand(self.z_mm(now_us));
        if self.is_printing() {
            close(ledger, now_us, Ending::PowerLost);
        }
        self.state = State::Idle;
        self.stale_bytes = 0;
    }

    // Time.

    /// When it has something to do next, µs.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        match &self.state {
            State::Idle => None,
            State::Moving { .. } | State::Rising { .. } => Some(self.way.until_us),
            State::Halted => self.lamp_until_us,
            State::Printing { step, .. } => match step {
                Step::Homing { .. } | Step::Lowering | Step::Lifting => Some(self.way.until_us),
                Step::Settling { until_us } | Step::Exposing { until_us } | Step::Pausing { until_us } => {
                    Some(*until_us)
                }
                Step::Paused | Step::Stalled => None,
            },
        }
    }

    /// Does what is due first, if it is due; gives what there is to say of it. Call it until nothing is due.
    pub(super) fn handle_timeout(
        &mut self,
        now_us: u64,
        mounted: Mounted<'_>,
        ledger: &mut Ledger,
    ) -> Option<Happening> {
        let due_us = self.poll_timeout().filter(|due_us| *due_us <= now_us)?;
        let step = match &mut self.state {
            State::Idle => return None,
            State::Halted => {
                self.lamp_off(due_us, ledger);
                self.state = State::Idle;
                return None;
            }
            State::Rising { .. } => {
                self.state = State::Idle;
                return None;
            }
            State::Moving { homing } => {
                let homed = *homing;
                self.state = State::Idle;
                return homed.then_some(Happening::Homed);
            }
            State::Printing { step, .. } => *step,
        };
        match step {
            Step::Homing { .. } => self.begin_layer(due_us, mounted, ledger),
            Step::Lowering => {
                let light_off_us = self.layer().map_or(0, |layer| layer.light_off_us);
                self.set_step(Step::Settling { until_us: due_us.max(self.lamp_off_us + light_off_us) });
                None
            }
            Step::Settling { .. } => self.expose(due_us, mounted, ledger),
            Step::Exposing { .. } => {
                self.lamp_off(due_us, ledger);
                if let State::Printing { job, .. } = &self.state
                    && let Some(ending) = job.stop_asked
                {
                    self.end(due_us, ending, ledger);
                    return None;
                }
                let (lift_mm, mm_s) = self.lift();
                self.go(due_us, self.z_mm(due_us) + lift_mm, mm_s);
                self.set_step(Step::Lifting);
                None
            }
            Step::Lifting => self.next_layer(due_us, mounted, ledger),
            Step::Pausing { .. } => {
                self.stand_paused(due_us, ledger);
                None
            }
            Step::Paused | Step::Stalled => None,
        }
    }

    // Layers.

    fn begin_layer(&mut self, now_us: u64, mounted: Mounted<'_>, ledger: &mut Ledger) -> Option<Happening> {
        let State::Printing { job, .. } = &mut self.state else { return None };
        if mounted.is_none_or(|(_, mount)| mount != job.mount) {
            return self.lose_stick(now_us, ledger);
        }
        job.current_byte = job.byte_of_layer(self.machine.opaque_layers);
        let z_mm = job
            .layer()
            .map_or_else(|| self.machine.opaque_height_mm * f64::from(job.layer + 1), |layer| layer.z_mm);
        let mm_s = job.lift.retract_mm_s.unwrap_or(self.machine.retract_mm_s);
        self.go(now_us, z_mm, mm_s);
        self.set_step(Step::Lowering);
        None
    }

    /// Reads the picture that is really there, and lights it.
    fn expose(&mut self, now_us: u64, mounted: Mounted<'_>, ledger: &mut Ledger) -> Option<Happening> {
        let State::Printing { job, .. } = &self.state else { return None };
        let readable = mounted.filter(|(_, mount)| *mount == job.mount);
        let (planned_us, picture) = match job.layer() {
            None => (micros(self.machine.opaque_exposure_s), readable.map(|_| None)),
            Some(layer) => {
                let length = usize::try_from(layer.picture_bytes.min(PICTURE_BYTES)).unwrap_or(0);
                let picture = readable
                    .and_then(|(stick, _)| stick.read(&job.path, layer.picture_offset, length).ok())
                    .filter(|picture| picture.len() == length)
                    .map(|picture| Some(hex(&Sha256::digest(&picture))));
                (layer.exposure_us, picture)
            }
        };
        let layer = job.layer;
        let Some(picture_sha256) = picture else { return self.lose_stick(now_us, ledger) };
        let z_mm = self.z_mm(now_us);
        if let Some(print) = ledger.prints.last_mut() {
            let (on_us, off_us) = (now_us, None);
            print.exposures.push(Exposure { layer, on_us, off_us, planned_us, z_mm, picture_sha256 });
        }
        self.lamp_until_us = Some(now_us + planned_us);
        self.set_step(Step::Exposing { until_us: now_us + planned_us });
        None
    }

    fn next_layer(&mut self, now_us: u64, mounted: Mounted<'_>, ledger: &mut Ledger) -> Option<Happening> {
        let State::Printing { job, step } = &mut self.state else { return None };
        job.layer += 1;
        if job.layer >= job.layer_count(self.machine.opaque_layers) {
            job.current_byte = job.bytes;
            self.end(now_us, Ending::Finished, ledger);
            return Some(Happening::EndOfFile);
        }
        let Some(asked_us) = job.pause_asked_us.take() else {
            return self.begin_layer(now_us, mounted, ledger);
        };
        *step = Step::Pausing { until_us: now_us.max(asked_us + self.pause_latency_us) };
        None
    }

    fn stand_paused(&mut self, now_us: u64, ledger: &mut Ledger) {
        if let Some(print) = ledger.prints.last_mut() {
            print.paused_us.push(now_us);
        }
        let (lift_mm, mm_s) = (self.machine.pause_lift_mm, self.machine.travel_mm_s);
        self.go(now_us, self.z_mm(now_us) + lift_mm, mm_s);
        self.set_step(Step::Paused);
    }

    fn lose_stick(&mut self, now_us: u64, ledger: &mut Ledger) -> Option<Happening> {
        match self.stick_loss {
            StickLoss::Ends => self.end(now_us, Ending::StickLost, ledger),
            StickLoss::Stalls => self.set_step(Step::Stalled),
        }
        Some(Happening::StickLost)
    }

    fn end(&mut self, now_us: u64, ending: Ending, ledger: &mut Ledger) {
        let State::Printing { job, .. } = &self.state else { return };
        self.stale_bytes = job.current_byte;
        let shown = (ending == Ending::Finished).then_some(job.bytes);
        close(ledger, now_us, ending);
        self.go(now_us, self.machine.z_max_mm, self.machine.travel_mm_s);
        self.state = State::Rising { shown };
    }

    fn lamp_off(&mut self, now_us: u64, ledger: &mut Ledger) {
        if self.lamp_until_us.take().is_none() {
            return;
        }
        self.lamp_off_us = now_us;
        let last = ledger.prints.last_mut().and_then(|print| print.exposures.last_mut());
        if let Some(exposure) = last {
            exposure.off_us = Some(now_us);
        }
    }

    fn go(&mut self, now_us: u64, to_mm: f64, mm_s: f64) {
        let from_mm = self.z_mm(now_us);
        let to_mm = to_mm.clamp(0.0, self.machine.z_max_mm);
        let takes_us = micros((to_mm - from_mm).abs() / mm_s.max(0.01));
        self.way = Way { from_mm, to_mm, began_us: now_us, until_us: now_us + takes_us };
    }

    fn set_step(&mut self, to: Step) {
        if let State::Printing { step, .. } = &mut self.state {
            *step = to;
        }
    }

    fn layer(&self) -> Option<Layer> {
        match &self.state {
            State::Printing { job, .. } => job.layer(),
            _ => None,
        }
    }

    /// How far and how fast the layer in work is lifted, mm and mm/s.
    fn lift(&self) -> (f64, f64) {
        let (mm, mm_s) = match &self.state {
            State::Printing { job, .. } if job.layer < job.lift.bottom_layers => {
                (job.lift.bottom_mm, job.lift.bottom_mm_s)
            }
            State::Printing { job, .. } => (job.lift.mm, job.lift.mm_s),
            _ => (None, None),
        };
        (mm.unwrap_or(self.machine.lift_mm), mm_s.unwrap_or(self.machine.lift_mm_s))
    }
}

/// What became of a wish to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resumed {
    Printing,
    NothingPrinted,
    StickLost,
}

impl Job {
    fn layer(&self) -> Option<Layer> {
        self.layers.as_ref()?.get(self.layer as usize).copied()
    }

    fn layer_count(&self, opaque_layers: u32) -> u32 {
        self.layers
            .as_ref()
            .map_or_else(|| opaque_layers.max(1), |layers| u32::try_from(layers.len()).unwrap_or(u32::MAX))
    }

    /// What `D:` shows while the layer is printed.
    fn byte_of_layer(&self, opaque_layers: u32) -> u64 {
        self.layer().map_or_else(
            || self.bytes * u64::from(self.layer + 1) / u64::from(opaque_layers.max(1)),
            |layer| layer.end_byte(),
        )
    }
}

fn close(ledger: &mut Ledger, now_us: u64, ending: Ending) {
    if let Some(print) = ledger.prints.last_mut() {
        print.ended_us = Some(now_us);
        print.ending = Some(ending);
    }
}

/// Size and SHA-256 of a file, read piece by piece.
fn hash_of(stick: &Stick, path: &str) -> Result<(u64, String), TableError> {
    let (mut hash, mut offset) = (Sha256::new(), 0);
    loop {
        let part = stick.read(path, offset, READ_BYTES).map_err(TableError::Unreadable)?;
        if part.is_empty() {
            return Ok((offset, hex(&hash.finalize())));
        }
        hash.update(&part);
        offset += part.len() as u64;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a year")]
pub(super) fn micros(seconds: f64) -> u64 {
    (seconds.clamp(0.0, 31_536_000.0) * 1e6).round() as u64
}
